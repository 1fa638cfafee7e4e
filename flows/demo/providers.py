"""What payment providers have taken, given back and paid out, and the files in which they say so.

Pure. All of it follows from what the sales channels themselves say was charged; nothing of Seamline's is asked. What is
wrong in a file was put there on purpose, and is named (`Planted`).
"""

from __future__ import annotations

import csv
import enum
import io
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from flows.demo.stories import EUROPE, OUTLET, WEB, Fee, SalesChannel, Story

_CENT = Decimal("0.01")
_ZERO = Decimal(0)
WRONG_BY = Decimal("1.00")
"""What a provider takes too much of one charge."""


class Plant(enum.StrEnum):
    """What is wrong on purpose."""

    WRONG_FEE = "wrong fee"
    MISSING_REFUND = "missing refund"
    REPEATED_LINE = "duplicated payout line"
    TAX_UNMAPPED = "tax code unmapped"
    EDITED_BY_HAND = "manual edit in Fulfil"


class Planted(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong on purpose, and by how much. `subject`: the order, or the payout, that it is about."""

    plant: Plant
    subject: str
    amount: Decimal
    currency: str


class Refund(msgspec.Struct, frozen=True):
    """Money that was given back, by the sales channel's id."""

    id: str
    amount: Decimal


class Charged(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken for one order, one charge after the other, and what was given back of it."""

    order_id: str
    story: Story
    payment: str
    """The sales channel's name of the payment; empty: it has none."""
    charges: tuple[Decimal, ...]
    refunds: tuple[Refund, ...]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a payout. `amount` and `net` are negative when money leaves the balance; `fee` is what was taken."""

    id: str
    of: Charged
    refund: str = ""
    """Empty: it is a charge."""
    amount: Decimal
    fee: Decimal = _ZERO

    @property
    def net(self) -> Decimal:
        """What it does to the balance."""
        return self.amount - self.fee


class PaidOut(msgspec.Struct, frozen=True, kw_only=True):
    """One payout, as its provider has it in its books."""

    sales_channel: SalesChannel
    id: str
    day: date
    lines: tuple[Line, ...]

    @property
    def paid(self) -> Decimal:
        """What reached the bank."""
        return sum((line.net for line in self.lines), _ZERO)

    @property
    def fees(self) -> Decimal:
        """What the provider kept."""
        return sum((line.fee for line in self.lines), _ZERO)

    @property
    def key(self) -> str:
        """What cases about it are about."""
        return f"payout/{self.sales_channel.name}/{self.sales_channel.gateway}/{self.id}"


class PayoutFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it is downloaded. `bank`: the amount on the bank's statement, where one has to be said."""

    name: str
    sales_channel: str
    content: bytes
    bank: Decimal | None = None


class Night(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is paid out when the day is over, and what is wrong with it."""

    files: tuple[PayoutFile, ...] = ()
    payouts: tuple[PaidOut, ...] = ()
    planted: tuple[Planted, ...] = ()


def charged(
    sales_channel: SalesChannel, story: Story, order_id: str, body: bytes, first: bytes = b""
) -> Charged | None:
    """What was taken for an order, from its sales channel's own JSON now, and of its `first` version where an edit has
    raised it since. None: nothing was.
    """
    order = msgspec.json.decode(body)
    before = msgspec.json.decode(first) if first else order
    if sales_channel.mapped:
        payment, name = order["transaction_id"], "total"
        refunds = [Refund(str(each["id"]), -Decimal(each["total"])) for each in order["refunds"]]
        is_taken = bool(payment)
    else:
        payment, name = "", "total_price"
        refunds = [
            Refund(str(each["id"]), Decimal(each["amount"]))
            for refund in order["refunds"]
            for each in refund["transactions"]
        ]
        is_taken = order["financial_status"] not in ("pending", "voided") and not order["test"]
    if not is_taken:
        return None
    total, at_first = Decimal(order[name]), Decimal(before[name])
    charges = (at_first, total - at_first) if total > at_first else (total,)
    return Charged(order_id=order_id, story=story, payment=payment, charges=charges, refunds=tuple(refunds))


def paid_out(seed: int, some: Mapping[str, Sequence[Charged]], today: date) -> Night:
    """What the providers pay out of what was charged, by sales channel.

    Payouts are dated on days before: Seamline posts a day when it is over, and this one never is while it is lived.
    """
    draw = random.Random(f"{seed}/payouts")  # noqa: S311 - an invented day, no secret
    yesterday, before = today - timedelta(days=1), today - timedelta(days=2)
    half = len(some[WEB.name]) // 2
    first = _payout(WEB, 1, before, some[WEB.name][:half])
    second = _payout(WEB, 2, yesterday, some[WEB.name][half:])
    europe = _payout(EUROPE, 1, yesterday, some[EUROPE.name])
    outlet = _payout(OUTLET, 1, yesterday, some[OUTLET.name])
    second, wrong = _with_wrong_fee(second, draw)
    (first, second), missing = _without_a_refund((first, second), draw)
    repeated = draw.choice([line for line in outlet.lines if line.of.story is Story.PLAIN])
    again = Planted(plant=Plant.REPEATED_LINE, subject=outlet.key, amount=repeated.net, currency=OUTLET.currency)
    files = (
        PayoutFile(name="web-payouts.json", sales_channel=WEB.name, content=_shopify((first, second))),
        PayoutFile(name="europe-payouts.json", sales_channel=EUROPE.name, content=_shopify((europe,))),
        PayoutFile(
            name="outlet-payout.csv", sales_channel=OUTLET.name, content=_stripe(outlet, repeated), bank=outlet.paid
        ),
    )
    return Night(files=files, payouts=(first, second, europe, outlet), planted=(wrong, missing, again))


def _payout(sales_channel: SalesChannel, number: int, day: date, some: Iterable[Charged]) -> PaidOut:
    lines = tuple(line for each in some for line in _lines(each, sales_channel.fee))
    prefix = "po_" if sales_channel.mapped else ""
    id_ = f"{prefix}{sales_channel.id}{number:04d}"
    return PaidOut(sales_channel=sales_channel, id=id_, day=day, lines=lines)


def _lines(of: Charged, fee: Fee) -> Iterator[Line]:
    for place, amount in enumerate(of.charges, 1):
        yield Line(id=f"{of.order_id}{place:02d}", of=of, amount=amount, fee=fee_of(amount, fee))
    for refund in of.refunds:
        yield Line(id=f"{refund.id}99", of=of, refund=refund.id, amount=-refund.amount)


def fee_of(amount: Decimal, fee: Fee) -> Decimal:
    """What is taken of a charge, rounded half up to the cent."""
    return (amount * fee.percent / 100 + fee.fixed).quantize(_CENT, ROUND_HALF_UP)


# -- what is wrong on purpose ------------------------------------------------------------------------------------------


def _with_wrong_fee(payout: PaidOut, draw: random.Random) -> tuple[PaidOut, Planted]:
    """The provider takes too much of one charge, and pays so much less; the payout adds up all the same."""
    place = draw.choice([place for place, line in enumerate(payout.lines) if line.of.story is Story.PLAIN])
    lines = list(payout.lines)
    lines[place] = msgspec.structs.replace(lines[place], fee=lines[place].fee + WRONG_BY)
    planted = Planted(
        plant=Plant.WRONG_FEE, subject=payout.key, amount=WRONG_BY, currency=payout.sales_channel.currency
    )
    return msgspec.structs.replace(payout, lines=tuple(lines)), planted


def _without_a_refund(payouts: Sequence[PaidOut], draw: random.Random) -> tuple[list[PaidOut], Planted]:
    """A refund that its sales channel has made is in no payout."""
    refunds = [line for each in payouts for line in each.lines if line.refund and line.of.story is Story.REFUNDED]
    gone = draw.choice(refunds)
    left = [
        msgspec.structs.replace(each, lines=tuple(line for line in each.lines if line.id != gone.id))
        for each in payouts
    ]
    sales_channel = payouts[0].sales_channel
    return left, Planted(
        plant=Plant.MISSING_REFUND,
        subject=f"{sales_channel.name}/{gone.of.order_id}",
        amount=-gone.amount,
        currency=sales_channel.currency,
    )


# -- files -------------------------------------------------------------------------------------------------------------


def _shopify(payouts: Sequence[PaidOut]) -> bytes:
    """Pages as Shopify's Admin API answers them, one to a line: the payouts, then the transactions of each."""
    listed = [
        {
            "id": int(each.id),
            "status": "paid",
            "date": each.day.isoformat(),
            "currency": each.sales_channel.currency,
            "amount": f"{each.paid:.2f}",
        }
        for each in payouts
    ]
    pages: list[Any] = [{"payouts": listed}]
    pages += [{"transactions": [_transaction(each, line) for line in each.lines]} for each in payouts]
    return b"\n".join(map(msgspec.json.encode, pages)) + b"\n"


def _transaction(payout: PaidOut, line: Line) -> dict[str, Any]:
    return {
        "id": int(line.id),
        "type": "refund" if line.refund else "charge",
        "test": False,
        "payout_id": int(payout.id),
        "payout_status": "paid",
        "currency": payout.sales_channel.currency,
        "amount": f"{line.amount:.2f}",
        "fee": f"{line.fee:.2f}",
        "net": f"{line.net:.2f}",
        "source_order_id": int(line.of.order_id),
        "source_order_transaction_id": int(line.refund or line.id),
        "processed_at": f"{payout.day.isoformat()}T09:00:00Z",
    }


_STRIPE = (
    *("automatic_payout_id", "automatic_payout_effective_at_utc", "balance_transaction_id", "created_utc", "currency"),
    *("gross", "fee", "net", "reporting_category", "source_id", "charge_id", "payment_intent_id", "refund_id"),
    "payment_metadata[order_id]",
)


def _stripe(payout: PaidOut, repeated: Line) -> bytes:
    """Stripe's payout reconciliation, itemized, with one of its rows twice."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_STRIPE)
    for line in payout.lines:
        for _ in range(2 if line is repeated else 1):
            rows.writerow(_stripe_row(payout, line))
    paid = f"{-payout.paid:.2f}"
    at = f"{payout.day} 00:00:00"
    currency = payout.sales_channel.currency.lower()
    rows.writerow(
        (payout.id, at, f"txn_{payout.id}", at, currency, paid, "0.00", paid, "payout", payout.id, "", "", "", "")
    )
    return text.getvalue().encode()


def _stripe_row(payout: PaidOut, line: Line) -> tuple[str, ...]:
    day = f"{payout.day} 09:00:00"
    source, charge = (f"re_{line.refund}", "") if line.refund else (f"ch_{line.id}", f"ch_{line.id}")
    return (
        *(payout.id, f"{payout.day} 00:00:00", f"txn_{line.id}", day, payout.sales_channel.currency.lower()),
        *(f"{line.amount:.2f}", f"{line.fee:.2f}", f"{line.net:.2f}", "refund" if line.refund else "charge"),
        *(source, charge, line.of.payment, f"re_{line.refund}" if line.refund else "", line.of.order_id),
    )
