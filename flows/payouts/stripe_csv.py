"""Stripe's reports as CSV: payout reconciliation and balance change from activity, itemized; the export of balance
transactions of the dashboard; lists of payouts (`stripe_payouts`).

Each row has its balance transaction and the payout that it is in, which the export calls a transfer. Where the file has
no such column, as the balance report unless it is asked for, or names no payout in it though it has payouts, as when
those are made by hand, its lines are statements of account by day, and payouts lines of those. The reconciliation does
not say what was paid; a list of payouts does, and makes these payouts proven.
Source of columns: Stripe documentation, "Payout reconciliation report type", "Balance report" and the dashboard's
exports; reporting categories and types as in `stripe`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, tzinfo
from decimal import Decimal
from itertools import chain, groupby
from sys import intern

from flows.model.money import EXACT, ZERO, exactly
from flows.model.payout import Finding, LineClass, PayoutHeader, PayoutLine, day_of
from flows.payouts.parts import (
    HEAD_BYTES,
    TEXT_MAX,
    Part,
    PayoutFormat,
    Source,
    amounts_in,
    currency_in,
    instant_in,
    statement_of,
)
from flows.payouts.stripe_payouts import EXPORTED, REPORTED, is_list, payouts_of
from flows.payouts.stripe_words import ADJUSTED, CLASSES, PROVIDER, class_of
from flows.payouts.table import NO_NAMES, Block, Row, blocks_of, has_columns

_OF_PAYOUT = "automatic payout id"
_COLUMNS = ("balance transaction id", "currency", "gross", "fee", "net", "reporting category")
_NAMES = (
    *(_OF_PAYOUT, "balance transaction id", "reporting category", "source id", "charge id"),
    *("payment intent id", "refund id"),
)
_ORDERS = ("payment metadata[order id]", "order id", "payment metadata[order]")
_IDS = (*_NAMES, *_ORDERS)
_EXPORTED = {
    _OF_PAYOUT: "transfer",
    "balance transaction id": "id",
    "gross": "amount",
    "reporting category": "type",
    "source id": "source",
    "created utc": "created (utc)",
    "automatic payout effective at utc": "transfer date (utc)",
    "order id": "order id (metadata)",
    "payment metadata[order id]": "order_id (metadata)",
}
"""What the dashboard's export calls these columns."""
_EXPORT = (*(_EXPORTED.get(name, name) for name in _COLUMNS), "source", "created (utc)")
_DISPUTES = (LineClass.DISPUTE, LineClass.DISPUTE_REVERSAL)
_PAYMENTS = ("ch_", "py_", "po_")
"""How a source begins that is a payment. Older exports name the charge of a refund and of a dispute, too."""
_PAYOUT = "payout"


def _read(source: Source) -> Iterator[Part]:
    head = bytes(source.content[:HEAD_BYTES])
    if is_list(head):
        yield from payouts_of(source, head)
        return
    seen: set[str] = set()
    called = _EXPORTED if has_columns(head, _EXPORT) else NO_NAMES
    by_day = _is_by_day(blocks_of(source, _COLUMNS, called=called))
    for block in blocks_of(source, _COLUMNS, called=called):
        if by_day:
            yield from _parts(block, seen, source.zone, by_day=True)
            continue
        start = 0
        for are_payouts, run in groupby(_are_payouts(block)):
            rows = block.part(start, start + sum(1 for _ in run))
            start += len(rows)
            yield from map(_paid, rows) if are_payouts else _parts(rows, seen, source.zone, by_day=False)


def _is_by_day(blocks: Iterable[Block]) -> bool:
    """Whether no row can be told by its payout: there is no such column, or it is empty though payouts were made."""
    paid = False
    for block in blocks:
        if not block.has(_OF_PAYOUT):
            return True
        if any(block.column(_OF_PAYOUT)):
            return False
        paid = paid or _PAYOUT in block.column("reporting category")
    return paid


def _are_payouts(block: Block) -> Iterable[bool]:
    """Of each row, whether it takes a payout from the balance, and names it. Before 2017 such a row was a transfer,
    with itself.
    """
    categories = block.column("reporting category")
    if "transfer" not in categories and _PAYOUT not in categories:
        return [False] * len(block)
    named = zip(categories, block.column("source id"), block.column(_OF_PAYOUT), strict=True)
    return [
        category == _PAYOUT if source != payout else source != "" and category in (_PAYOUT, "transfer")
        for category, source, payout in named
    ]


def _paid(row: Row) -> PayoutHeader:
    """The row that takes a payout from the balance."""
    amount = row.amount("gross")
    return _header(row, row.text("source id") or row.text(_OF_PAYOUT), EXACT.minus(amount))


def _header(row: Row, payout: str, paid: Decimal | None = None) -> PayoutHeader:
    day = row.day("automatic payout effective at utc") or row.day("automatic payout effective at")
    currency = row.currency("currency")
    return PayoutHeader(id=payout, currency=currency, paid=paid, paid_on=day, expected_on=day, place=row.place())


def _parts(rows: Block, seen: set[str], zone: tzinfo, *, by_day: bool) -> Iterable[Part]:
    """Rows as lines: all at once, which is quickest; or, when one of them is not what it should be, one by one, so that
    it is known which.
    """
    try:
        return _lines(rows, seen, zone, by_day=by_day)
    except ValueError:
        if len(rows) == 1:
            _refuse(rows.row(0), seen)
            raise
    return chain.from_iterable(_parts(rows.part(at, at + 1), seen, zone, by_day=by_day) for at in range(len(rows)))


def _refuse(row: Row, seen: set[str]) -> None:
    """Raises PayoutUnreadable with the first cell that is not what it should be."""
    if row.text(_OF_PAYOUT) not in ("", *seen):
        _header(row, row.id(_OF_PAYOUT))
    _check_ids([row])
    row.currency("currency"), row.amount("gross"), row.amount("net"), row.amount_or("fee")
    row.instant("created utc", UTC), row.instant("created")


def _check_ids(rows: Iterable[Row]) -> None:
    for row in rows:
        if len("".join(map(row.text, _IDS))) > TEXT_MAX:
            for column in _IDS:
                row.id(column)


@exactly
def _lines(rows: Block, seen: set[str], zone: tzinfo, *, by_day: bool) -> list[Part]:
    """Each line, and before it what is odd about it; before all of them a payout that was not `seen`."""
    ids = [rows.column(name) for name in _IDS]
    longest = [max(map(len, column)) for column in ids]
    if sum(longest) > TEXT_MAX and not (max(longest) <= TEXT_MAX and all("".join(each).isprintable() for each in ids)):
        _check_ids(rows)
    currencies = [currency_in(each) for each in rows.column("currency")]
    amounts, nets = amounts_in(rows.column("gross")), amounts_in(rows.column("net"))
    fees = amounts_in([each or "0" for each in rows.column("fee")])
    instants = [
        instant_in(in_utc, UTC) or instant_in(local, zone)
        for in_utc, local in zip(rows.column("created utc"), rows.column("created"), strict=True)
    ]
    if by_day:
        ids[0] = [f"{currency}-{day_of(at)}" for currency, at in zip(currencies, instants, strict=True)]
    orders = rows.first(*_ORDERS)
    faced = zip(rows.column("customer facing amount"), rows.column("customer facing currency"), strict=True)
    payouts = map(intern, ids[0])  # many lines have few of them
    figures, names = zip(amounts, nets, fees, strict=True), zip(payouts, *ids[1 : len(_NAMES)], strict=True)
    found: list[Part] = []
    new: set[str] = set()
    for number, (place, named, order, currency, (amount, net, taken), at, (paid, other)) in enumerate(
        zip(rows.places(), names, orders, currencies, figures, instants, faced, strict=True)
    ):
        payout, id_, category, source, charge, intent, refund = named
        if payout and payout not in seen and payout not in new:
            new.add(payout)
            found.append(_began(rows.row(number), currency, at, by_day=by_day))
        fee = -taken if taken else ZERO
        gap = net - amount - fee
        if gap:
            fee_said = rows.row(number).text("fee")
            said = f"net {net} is not gross {amount} less fee {fee_said}; the rest of {gap} is unexplained"
            about = {"place": place, "payout": payout, "line": id_, "currency": currency}
            found.append(Finding(kind="contradiction", sentence=said, amount=gap, **about))
        known = None if category == ADJUSTED else CLASSES.get(category)
        kind = known or class_of("", category, amount, source, rows.row(number).text("description"))
        is_payment = source.startswith(_PAYMENTS)
        found.append(
            PayoutLine(
                id_, payout, kind, currency, amount, net, fee, ZERO, gap, category, at, order,
                payment=charge or (source if is_payment else ""),
                payment_alias=intent,
                refund=source if kind is LineClass.REFUND and not is_payment else refund,
                dispute=source if kind in _DISPUTES and not is_payment else "",
                presentment=_presentment(rows.row(number)) if paid and other and other.upper() != currency else "",
                place=place,
            )
        )  # fmt: skip
    seen |= new
    return found


def _began(row: Row, currency: str, at: str, *, by_day: bool) -> PayoutHeader:
    """The payout that a row is the first of, or the statement of its day."""
    if not by_day:
        return _header(row, row.id(_OF_PAYOUT))
    if not at:
        raise row.refused("created utc", "the date is missing")
    return statement_of("", currency, day_of(at), row.place())


def _presentment(row: Row) -> str:
    return f"{row.amount('customer facing amount')} {row.text('customer facing currency').upper()}"


READER = PayoutFormat(
    name="stripe-csv",
    provider=PROVIDER,
    about="Stripe: reports of payout reconciliation, balance change and payouts, itemized, and exports of balance "
    "transactions and payouts, CSV",
    recognises=lambda head: has_columns(head, _COLUMNS) or has_columns(head, _EXPORT) or is_list(head),
    read=_read,
    tables=(_COLUMNS, _EXPORT, REPORTED, EXPORTED),
)
