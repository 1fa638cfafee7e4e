"""Clearing per gateway and currency: opening + charges - refunds - fees ... - paid out = closing, and what the closing
balance is made of, to the cent (rule 24). Pure.

One side is what sales channels say of their orders: charges and refunds. The other is what providers say of their
payouts: fees, disputes and the like, and what went to the bank. That both agree on a charge is found order by order. So
the closing balance is also the sum of what is open: money that is in no payout yet, payouts that had not arrived,
statements of account with a balance, and differences, each with a name.

What a payout has of an order in another currency than the order's tender is converted (`flows.model.closing.as_told`):
it leaves the one book and comes to the other at what the provider says it was worth.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import msgspec

from flows.model.closing import Moved, as_told
from flows.model.money import ZERO, Money, exactly
from flows.model.month import Month, month_of
from flows.model.payout import fee_class
from flows.model.posting_matrix import TAKEN, LedgerEvent
from flows.monthly.accounts import Book, FulfilAccounts, compared
from flows.monthly.report import DIFFERENCE, Bar, Cell, Chart, Report, Section, written

CHARGES, REFUNDS, CONVERTED, PAID_OUT = "charges", "refunds", "converted", "paid out"
_GROUPS: Final[dict[str, str]] = {
    CHARGES: CHARGES, REFUNDS: REFUNDS, "fee": "fees", "tax_on_fee": "taxes on fees", "dispute": "disputes",
    "dispute_fee": "disputes", "dispute_reversal": "disputes", "reserve": "reserves", "reserve_release": "reserves",
    PAID_OUT: PAID_OUT,
}  # fmt: skip
_EXCHANGED: Final = ", from another currency"
_ORDER: Final = (CHARGES, REFUNDS, CONVERTED, "fee", "tax_on_fee")
_COLUMNS: Final = (CHARGES, REFUNDS, "fees", "taxes on fees", "disputes", "reserves", "other", PAID_OUT)

NO_PAYOUT: Final = "charges and refunds in no payout yet"
NOT_ARRIVED: Final = "in payouts that had not arrived"
STATEMENTS: Final = "balance by statements of account"
NOT_TOLD: Final = DIFFERENCE + "in payouts, and the sales channel tells of no such money"
NOT_FOLLOWED: Final = "in payouts, of orders whose money nobody follows"
OTHER_AMOUNT: Final = DIFFERENCE + "in payouts with another amount"
OTHER_CURRENCY: Final = DIFFERENCE + "told in two currencies, and nobody says what the one is worth in the other"
NO_ORDER: Final = DIFFERENCE + "lines of payouts of no known order"
NOT_TIED: Final = DIFFERENCE + "payouts whose lines are not what was paid"
_PARTS: Final = (
    NO_PAYOUT, NOT_ARRIVED, STATEMENTS, NOT_FOLLOWED, NOT_TOLD, OTHER_AMOUNT, OTHER_CURRENCY, NO_ORDER, NOT_TIED,
)  # fmt: skip
_UNNAMED: Final = (NO_PAYOUT, STATEMENTS)
"""What is there in every month, with a row of its own and not one for each order."""
_NO_GATEWAY: Final = "(no gateway named, or not mapped)"


class Payout(msgspec.Struct, frozen=True, kw_only=True):
    """A payout. `paid`: what is on the bank account of it, as the bank says, else as the provider does, else what the
    lines come to. `day`: on which it was paid, of lines without a day, too.
    """

    key: str
    gateway: str
    currency: str
    is_statement: bool
    received: bool
    paid: Decimal
    day: date


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a payout. `order`: its key, None where none was found. `presentment`: `12.00 GBP`, or nothing. `ids`:
    of its charge or refund. `returns`: the key of the payout that it gives back because that never arrived, or nothing.
    """

    payout: str
    kind: str
    day: date | None
    amount: Decimal
    fee: Decimal = ZERO
    tax: Decimal = ZERO
    gap: Decimal = ZERO
    order: str | None = None
    presentment: str = ""
    ids: tuple[str, ...] = ()
    returns: str = ""


class Booked(msgspec.Struct, frozen=True):
    """What Seamline has posted of one event: `amount` signed as the posting matrix says; `day` is that of its move.
    `exchanged`: it was in another currency, and is posted in the ledger's.
    """

    gateway: str
    currency: str
    event: LedgerEvent
    amount: Decimal
    day: date
    exchanged: bool = False


class Movement(msgspec.Struct, frozen=True):
    """Money of an order, by the gateway that it belongs to."""

    gateway: str
    moved: Moved
    day: date


class ClearingBooks:
    """Adds up payouts, their lines, and orders, each once, in any order; `report` says what it came to."""

    def __init__(self, month: Month, payouts: Iterable[Payout], *, left_out: Mapping[str, str] | None = None) -> None:
        self._month, self._left_out = month, dict(left_out or {})
        self._first, self._last = month.first, month.last
        self._payouts = {each.key: each for each in payouts}
        self._opening: dict[Book, Decimal] = {}
        self._moved: dict[tuple[Book, str], Decimal] = {}
        self._ever: dict[tuple[Book, str], Decimal] = {}
        """The same of all days up to the end of the month."""
        self._by_month: dict[tuple[Book, Month], Decimal] = {}
        self._booked: dict[tuple[Book, str], Decimal] = {}
        self._parts: dict[tuple[Book, str], tuple[int, Decimal]] = {}
        self._named: list[tuple[Book, str, str, date, Decimal]] = []
        self._nets: dict[str, tuple[Decimal, date]] = {}
        """Of each payout what its lines come to, less what later lines give back of it, and the day of the last."""
        self._pay()

    @exactly
    def _pay(self) -> None:
        for payout in self._payouts.values():
            if payout.received and not payout.is_statement:
                self._move((payout.gateway, payout.currency), PAID_OUT, payout.day, -payout.paid)

    def _move(self, book: Book, movement: str, day: date, amount: Decimal) -> None:
        if not amount or day > self._last:
            return
        self._opening.setdefault(book, ZERO)
        self._ever[book, movement] = self._ever.get((book, movement), ZERO) + amount
        place = book, month_of(day)
        self._by_month[place] = self._by_month.get(place, ZERO) + amount
        if day < self._first:
            self._opening[book] += amount
        else:
            self._moved[book, movement] = self._moved.get((book, movement), ZERO) + amount

    def _open(self, book: Book, part: str, key: str, day: date, amount: Decimal) -> None:
        if not amount:
            return
        count, total = self._parts.get((book, part), (0, ZERO))
        self._parts[book, part] = count + 1, total + amount
        if part not in _UNNAMED:
            self._named.append((book, part, key, day, amount))

    @exactly
    def add_booked(self, postings: Iterable[Booked]) -> None:
        """What stands in Fulfil's ledger because Seamline has posted it."""
        for each in postings:
            if each.day <= self._last:
                name = PAID_OUT if each.event is LedgerEvent.PAYOUT else each.event.value
                name += _EXCHANGED if each.exchanged else ""
                place = (each.gateway, each.currency), name
                signed = -each.amount if each.event in TAKEN else each.amount
                self._booked[place] = self._booked.get(place, ZERO) + signed

    @exactly
    def add_lines(self, lines: Iterable[Line]) -> None:
        """What the lines of payouts are beside the charges and refunds of orders; and what has no order."""
        for line in lines:
            payout = self._payouts[line.payout]
            book, day = (payout.gateway, payout.currency), line.day or payout.day
            if day > self._last:
                continue
            net = line.amount + line.fee + line.tax + line.gap
            so_far, latest = self._nets.get(payout.key, (ZERO, day))
            self._nets[payout.key] = so_far + net, max(latest, day)
            self._move(book, fee_class(line.kind), day, line.fee)
            self._move(book, "tax_on_fee", day, line.tax)
            self._move(book, "unexplained", day, line.gap)
            if line.kind in ("sale", "refund"):
                if line.order is None:
                    self._open(book, NO_ORDER, line.payout, day, -line.amount)
            elif line.kind == "transfer" and payout.is_statement:
                self._move(book, PAID_OUT, day, line.amount)
            elif line.returns:  # it never left the balance, and what is open of the one payout is so of the other
                failed, latest = self._nets.get(line.returns, (ZERO, day))
                self._nets[line.returns] = failed - line.amount, max(latest, day)
            else:
                self._move(book, line.kind, day, line.amount)

    @exactly
    def add_order(self, key: str, movements: Sequence[Movement] | None, lines: Sequence[Line]) -> None:
        """The charges and refunds of one order, and the lines of payouts that are of it. `movements` None: nobody
        follows its money, so nothing is known of what its sales channel tells.
        """
        told: dict[Book, Decimal] = {}
        paid: dict[Book, Decimal] = {}
        days: dict[Book, date] = {}
        last = self._last
        own = [each for each in movements or () if each.gateway not in self._left_out]
        tenders = [each.moved for each in own]
        for each in own:
            if each.day > last:
                continue
            money = each.moved.money
            book = (each.gateway or _NO_GATEWAY, money.currency)
            self._move(book, CHARGES if money.amount > ZERO else REFUNDS, each.day, money.amount)
            told[book] = told.get(book, ZERO) + money.amount
            days[book] = min(days.get(book, each.day), each.day)
        for line in lines:
            payout = self._payouts[line.payout]
            book, day = (payout.gateway, payout.currency), line.day or payout.day
            if line.kind not in ("sale", "refund") or day > last:
                continue
            money = as_told(Money(line.amount, payout.currency), line.presentment, line.ids, tenders)
            if money.currency != payout.currency:
                self._move(book, CONVERTED, day, line.amount)
                book = (payout.gateway, money.currency)
                self._move(book, CONVERTED, day, -money.amount)
            paid[book] = paid.get(book, ZERO) + money.amount
            days[book] = min(days.get(book, day), day)
        not_paid, not_told = told.keys() - paid.keys(), paid.keys() - told.keys()
        strange = {code for code, _ in not_paid} & {code for code, _ in not_told}
        untold = NOT_FOLLOWED if movements is None else NOT_TOLD
        for book in sorted(told.keys() | paid.keys()):
            part = NO_PAYOUT if book in not_paid else untold if book in not_told else OTHER_AMOUNT
            if book[0] in strange and part is not OTHER_AMOUNT:
                part = OTHER_CURRENCY
            self._open(book, part, key, days[book], told.get(book, ZERO) - paid.get(book, ZERO))

    @exactly
    def report(self, time_zone: str, as_of: datetime | None, fulfil: FulfilAccounts) -> Report:
        """What it came to. To be asked once, when everything is added."""
        for payout in self._payouts.values():
            book, (net, latest) = (payout.gateway, payout.currency), self._nets.get(payout.key, (ZERO, payout.day))
            if payout.is_statement:
                self._open(book, STATEMENTS, payout.key, latest, net)
            elif payout.received and payout.day <= self._last:
                self._open(book, NOT_TIED, payout.key, payout.day, net - payout.paid)
            else:  # dated by its last line: when it arrives is no fact of this month
                self._open(book, NOT_ARRIVED, payout.key, latest, net)
        for book, _ in self._parts:
            self._opening.setdefault(book, ZERO)
        books = sorted(self._opening)
        closing = {
            book: self._opening[book] + sum((self._moved.get((book, name), ZERO) for name in self._names(book)), ZERO)
            for book in books
        }
        return Report(
            name="clearing",
            title="Clearing by gateway",
            month=str(self._month),
            time_zone=time_zone,
            as_of=as_of,
            sections=(
                self._summary(books, closing),
                self._explained(books, closing),
                compared(self._month, fulfil, self._by_month),
                self._all(books),
                self._ledger(),
                self._items(),
            ),
            charts=tuple(self._chart(book, closing[book]) for book in books),
            remarks=(
                *(f"gateway {code} is left out: {why}" for code, why in sorted(self._left_out.items())),
                "Orders that are not in Fulfil count, too: what stands on the close board as such is in no ledger.",
            ),
        )

    def _names(self, book: Book) -> list[str]:
        """What moved in a book: what orders brought first, what went to the bank last."""
        return sorted((name for of, name in self._moved if of == book), key=lambda name: (_place(name), name))

    def _summary(self, books: Sequence[Book], closing: Mapping[Book, Decimal]) -> Section:
        rows: list[tuple[Cell, ...]] = []
        for gateway, currency in books:
            sums = dict.fromkeys(_COLUMNS, ZERO)
            for name in self._names((gateway, currency)):
                sums[_GROUPS.get(name, "other")] += self._moved[(gateway, currency), name]
            figures = (self._opening[gateway, currency], *sums.values(), closing[gateway, currency])
            rows.append((gateway, currency, *(written(each, currency) for each in figures)))
        return Section(
            title="Balances",
            head=("gateway", "currency", "opening", *_COLUMNS, "closing"),
            rows=tuple(rows),
            note="Signed as the balance at the gateway feels it; the row adds up from the left to the right.",
            empty="no money has moved through a gateway",
        )

    def _explained(self, books: Sequence[Book], closing: Mapping[Book, Decimal]) -> Section:
        rows: list[tuple[Cell, ...]] = []
        for book in books:
            for part in _PARTS:
                count, amount = self._parts.get((book, part), (0, ZERO))
                if count:
                    rows.append((*book, part, count, written(amount, book[1])))
            rows.append((*book, "closing balance", None, written(closing[book], book[1])))
        return Section(
            title="What the closing balance is made of",
            head=("gateway", "currency", "what", "how many", "amount"),
            rows=tuple(rows),
            note="Rows of a gateway and currency add up to its closing balance.",
        )

    def _all(self, books: Sequence[Book]) -> Section:
        return Section(
            title="Movements of the month",
            head=("gateway", "currency", "movement", "amount"),
            rows=tuple(
                (*book, name.replace("_", " "), written(self._moved[book, name], book[1]))
                for book in books
                for name in self._names(book)
            ),
            empty="nothing has moved in the month",
        )

    def _ledger(self) -> Section:
        """What providers say beside what Seamline has posted of it; charges and refunds are posted by Fulfil."""
        names = self._ever.keys() | self._booked.keys()
        rows: list[tuple[Cell, ...]] = []
        for book, name in sorted(names, key=lambda each: (each[0], _place(each[1]), each[1])):
            if name in (CHARGES, REFUNDS, CONVERTED):
                continue
            moved, booked = self._ever.get((book, name), ZERO), self._booked.get((book, name), ZERO)
            if name.endswith(_EXCHANGED):  # what has moved stands in the book of that currency
                rows.append((*book, name.replace("_", " "), None, written(booked, book[1]), None))
                continue
            figures = (written(each, book[1]) for each in (moved, booked, moved - booked))
            rows.append((*book, name.replace("_", " "), *figures))
        return Section(
            title="In the ledger at the end of the month",
            head=("gateway", "currency", "movement", "moved so far", "posted by Seamline", "difference"),
            rows=tuple(rows),
            note="Of all days up to the end; charges and refunds are posted by Fulfil. A difference is not posted, is "
            "dated in a later month, is a part of a cent, is posted converted into the ledger's currency, or is a "
            "payout that failed and is posted both as paid out and as returned.",
            empty="there is nothing that Seamline could post",
        )

    def _items(self) -> Section:
        named = sorted(self._named, key=lambda each: (each[0], _PARTS.index(each[1]), -abs(each[4]), each[2:]))
        return Section(
            title="Open items",
            head=("gateway", "currency", "what", "order or payout", "day", "amount"),
            rows=tuple((*book, part, key, day, written(amount, book[1])) for book, part, key, day, amount in named),
            empty="nothing differs, and every payout has arrived",
        )

    def _chart(self, book: Book, closing: Decimal) -> Chart:
        bars = [Bar("opening", written(self._opening[book], book[1]))]
        bars += [Bar(name.replace("_", " "), written(self._moved[book, name], book[1])) for name in self._names(book)]
        return Chart(
            title=f"{book[0]}, {book[1]}", unit=book[1], bars=(*bars, Bar("closing", written(closing, book[1])))
        )


def _place(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER) + (name == PAID_OUT)
