"""What a payment provider has paid out, as it reports it: payouts, and the lines that each is made of.

Every amount is signed as the balance of the brand's account feels it: a sale is positive, a refund and a fee are
negative. Figures are as published, and nothing is corrected: what a line itself contradicts stands in `gap`.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from flows.model.money import EXACT, ZERO, InvalidAmount, Money, currency_of, exact_amount, exactly


class LineClass(enum.StrEnum):
    """What a line of a payout is: one class each."""

    SALE = "sale"
    REFUND = "refund"
    FEE = "fee"
    TAX_ON_FEE = "tax_on_fee"
    DISPUTE = "dispute"
    DISPUTE_FEE = "dispute_fee"
    DISPUTE_REVERSAL = "dispute_reversal"
    RESERVE = "reserve"
    RESERVE_RELEASE = "reserve_release"
    ADJUSTMENT = "adjustment"
    ADVANCE = "advance"
    """An advance, or a repayment of one or of a loan."""
    WITHHELD_TAX = "withheld_tax"
    EXCHANGE_DIFFERENCE = "exchange_difference"
    TRANSFER = "transfer"
    """Money between accounts of the brand; in a statement of account, what goes to its bank."""
    PAYOUT_RETURNED = "payout_returned"
    TOP_UP = "top_up"
    UNEXPLAINED = "unexplained"


# Bound once: looking them up takes longer than the sum.
_FEE, _TAX, _REST = LineClass.FEE, LineClass.TAX_ON_FEE, LineClass.UNEXPLAINED
_OF_DISPUTE, _DISPUTE, _WON = LineClass.DISPUTE_FEE, LineClass.DISPUTE, LineClass.DISPUTE_REVERSAL
_minus = EXACT.subtract

OF_ORDERS = frozenset((LineClass.SALE, LineClass.REFUND, LineClass.DISPUTE, LineClass.DISPUTE_REVERSAL))
"""Classes whose lines have an order."""


def fee_class(kind: LineClass | str) -> LineClass:
    """What the fee that stands on a line of this class counts as: that of a dispute is a dispute fee."""
    return _OF_DISPUTE if kind in (_DISPUTE, _WON) else _FEE


def presented(presentment: str, amount: Decimal) -> Money | None:
    """What the customer paid or got, told as `12.00 GBP` of whatever sign, with the sign of the line's amount; None: it
    is not told.
    """
    if not presentment:
        return None
    figure, _, currency = presentment.partition(" ")
    try:
        money = abs(Money(exact_amount(figure), currency_of(currency)))
    except InvalidAmount:
        return None
    return -money if amount < ZERO else money


def is_reported(is_statement: bool, paid: Decimal | str | None, bank: Decimal | str | None) -> bool:
    """Whether anybody says what was paid, so that its lines can be compared with that. Of a statement its lines say it.

    The column `reported` of `payout` is the same.
    """
    return is_statement or paid is not None or bank is not None


class PayoutStatus(enum.StrEnum):
    """How far a payout is. Only `PAID` is money that has left the provider; nothing else is ever booked as received."""

    PENDING = "pending"
    IN_TRANSIT = "in_transit"
    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    """The report does not say."""


class PayoutHeader(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One payout as its provider reports it.

    `paid` is what went to the bank account (negative: was taken from it), None where the report does not say. With
    `is_statement` there is no payout that the lines belong to: it is the account's statement of one day, its lines
    change the balance from `opening` to `closing`, and payouts are lines of their own (`transfer`).
    """

    id: str
    currency: str
    status: PayoutStatus = PayoutStatus.UNKNOWN
    odd_status: str = ""
    """The word for it in the file, where it is none that the provider is known to have."""
    paid: Decimal | None = None
    paid_on: date | None = None
    """The day that the provider gives the payout."""
    expected_on: date | None = None
    """When it is to be in the bank account, where that is said."""
    totals: dict[LineClass, Decimal] = {}
    """Sums that the report states itself, by class, before fees."""
    sums_stand_in: bool = False
    """`totals` are the report's own account of lines that it does not have itself; until one of these is there, they
    stand for them in the proof."""
    is_statement: bool = False
    opening: Decimal | None = None
    closing: Decimal | None = None
    place: str = ""
    """Where in the file it stands."""


class PayoutLine(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One line, in `currency`. `net` is what it adds to the payout: `amount + fee + tax`, and `gap` where the report
    itself says otherwise. `at` is ISO 8601 in UTC, or empty. `type` is the provider's own word for it.
    """

    id: str
    payout: str
    """The payout that it is in; empty: none yet."""
    kind: LineClass
    currency: str
    amount: Decimal
    net: Decimal
    fee: Decimal = ZERO
    tax: Decimal = ZERO
    """Tax on the fee."""
    gap: Decimal = ZERO
    type: str = ""
    at: str = ""
    order: str = ""
    """The sales channel's own id of the order."""
    reference: str = ""
    """The number of the order that people say."""
    payment: str = ""
    """Of the charge, as the sales channel or the provider knows it; of a `transfer` in a statement the payout's id."""
    payment_alias: str = ""
    """Another id of the same payment, where there are two."""
    refund: str = ""
    dispute: str = ""
    presentment: str = ""
    """What the customer paid, where that was another currency: `12.00 GBP`."""
    rate: str = ""
    """Units of `currency` for one of that."""
    beside: tuple[str, ...] | None = None
    """Of a row whose id is made of its figures: the ids of the others that the file has of the same word, instant and
    order, so that one told otherwise is known again. None: it is known by its id only. It is not kept.
    """
    place: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What it names, in this order: order, reference, payment, its other id, refund, dispute; or empty texts."""
        return self.order, self.reference, self.payment, self.payment_alias, self.refund, self.dispute

    @property
    def transactions(self) -> tuple[str, ...]:
        """The ids by which the order's own payments may know it; or empty texts."""
        return self.payment, self.payment_alias, self.refund


FindingKind = Literal["repeated", "alike", "contradiction", "incomplete", "pending", "note"]


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a reader has noticed and not smoothed over.

    `repeated`: a line with an id of its own stands again, and is counted once. `alike`: lines without ids are the same
    to the last character, and are all counted. `contradiction`: two places say different things. `incomplete`: the file
    is a part. `pending`: lines that are in no payout yet, and are not kept.
    """

    kind: FindingKind
    sentence: str
    place: str = ""
    payout: str = ""
    line: str = ""
    amount: Decimal | None = None
    currency: str = ""


class PayoutSums(msgspec.Struct, frozen=True, omit_defaults=True):
    """Lines added up by class. Fees and taxes that stand on lines of another class count as fees (`fee_class`) and as
    taxes on them; so `net` is the sum of `classes`, always. `unexplained` has the gaps, too.
    """

    lines: int = 0
    net: Decimal = ZERO
    classes: dict[LineClass, Decimal] = {}
    amounts: dict[LineClass, Decimal] = {}
    """The same before fees: of each line its `amount` only."""
    unexplained: Decimal = ZERO
    """What no class fits, each line and gap counted whichever its sign: none of it makes up for another."""

    def of(self, kind: LineClass) -> Decimal:
        """The sum of one class."""
        return self.classes.get(kind, ZERO)


class Tally:
    """Lines of one currency, being added up, exactly. `sums` is where it stands."""

    __slots__ = ("_amounts", "_others", "lines", "net", "unexplained")

    def __init__(self) -> None:
        self.lines, self.net, self.unexplained = 0, ZERO, ZERO
        self._amounts: dict[LineClass, Decimal] = {}
        self._others: dict[LineClass, Decimal] = {}

    @exactly
    def add(self, lines: Collection[PayoutLine]) -> None:
        """More lines: the more at a time, the less each of them takes."""
        amounts, net, unexplained = self._amounts, self.net, self.unexplained
        fee = of_disputes = tax = gap = ZERO
        for line in lines:
            kind = line.kind
            net += line.net
            amounts[kind] = amounts.get(kind, ZERO) + line.amount
            if line.fee:
                if kind is _DISPUTE or kind is _WON:
                    of_disputes += line.fee
                else:
                    fee += line.fee
            if line.tax:
                tax += line.tax
            if line.gap:
                gap += line.gap
                unexplained += abs(line.gap)
            if kind is _REST:
                unexplained += abs(line.amount)
        self.lines, self.net, self.unexplained = self.lines + len(lines), net, unexplained
        _add_each(self._others, {_FEE: fee, _OF_DISPUTE: of_disputes, _TAX: tax, _REST: gap})

    @exactly
    def take_out(self, lines: Collection[PayoutLine]) -> None:
        """Less lines."""
        out = Tally()
        out.add(lines)
        self.lines, self.net = self.lines - out.lines, self.net - out.net
        self.unexplained -= out.unexplained
        for sums, less_ in ((self._amounts, out._amounts), (self._others, out._others)):
            _add_each(sums, {kind: -amount for kind, amount in less_.items()})

    def begin(self, sums: PayoutSums) -> None:
        """Go on from sums that were made before."""
        self.lines, self.net, self._amounts = sums.lines, sums.net, dict(sums.amounts)
        self.unexplained = sums.unexplained
        self._others = {
            kind: rest for kind, total in sums.classes.items() if (rest := _minus(total, sums.amounts.get(kind, ZERO)))
        }

    @exactly
    def sums(self) -> PayoutSums:
        """The sums so far."""
        classes = dict(self._amounts)
        _add_each(classes, self._others)
        return PayoutSums(self.lines, self.net, _nonzero(classes), _nonzero(self._amounts), self.unexplained)


def _add_each(sums: dict[LineClass, Decimal], more: Mapping[LineClass, Decimal]) -> None:
    """Within what is `exactly`."""
    for kind, amount in more.items():
        sums[kind] = sums.get(kind, ZERO) + amount


def added(sums: PayoutSums, lines: Collection[PayoutLine]) -> PayoutSums:
    """The sums with more lines in them. The caller sees to it that they are in one currency."""
    tally = Tally()
    tally.begin(sums)
    tally.add(lines)
    return tally.sums()


def less(sums: PayoutSums, lines: Collection[PayoutLine]) -> PayoutSums:
    """The sums without lines that are in them."""
    tally = Tally()
    tally.begin(sums)
    tally.take_out(lines)
    return tally.sums()


def _nonzero(sums: Mapping[LineClass, Decimal]) -> dict[LineClass, Decimal]:
    return {kind: amount for kind, amount in sums.items() if amount}


def day_of(at: str) -> str:
    """The day (UTC) of a line's `at`."""
    return at[:10]


def local_day(at: str, zone: ZoneInfo) -> date | None:
    """The day in a time zone of a line's `at`; None where it has none."""
    return datetime.fromisoformat(at).astimezone(zone).date() if at else None


def utc_text(moment: datetime) -> str:
    """An aware datetime in UTC as `PayoutLine.at` has it."""
    text: str = msgspec.to_builtins(moment)
    return text
