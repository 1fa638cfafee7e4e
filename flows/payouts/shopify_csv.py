"""Shopify Payments as CSV: the exports of the admin, "transactions" and "payouts".

Neither names its lines, and the export of payouts names none of them: a payout is known by its day and currency
(`2026-01-31-USD`) in both, also where the export of transactions has an id of it, since they would not tie otherwise,
and be two payouts. Several of one day and currency are one. The id of a row is made of its figures; one that is told
with others is known again by where it stands (`PayoutLine.beside`). Where the export has ids of payouts, a pending line
without one is in none yet: its day is a promise, and may be another one later. Import either the exports or what the
API answers, not both. Source of columns: Shopify help center, "Exporting your payouts" (transactions and payouts).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

import msgspec

from flows.model.money import ZERO, exactly, summed
from flows.model.payout import Finding, LineClass, PayoutHeader, PayoutLine, PayoutStatus
from flows.payouts.parts import Part, PayoutFormat, Source, with_status
from flows.payouts.shopify import PROVIDER, STATUSES, class_of, of_sums
from flows.payouts.table import Ordinals, Row, has_columns, rows_of

_LINES = ("transaction date", "type", "order", "payout date", "amount", "fee", "net", "currency")
_PAYOUTS = ("payout date", "status", "charges", "refunds", "fees", "total", "currency")
_SUMMED = {
    *("charges", "refunds", "adjustments", "marketplace sales tax", "advances", "reserved funds", "fees"),
    "retried amount",
}
"""What a total is the sum of, where nothing else stands between the status and it."""
_NO_LINE = ("payout",)
_ID = ("transaction date", "type", "order", "amount", "fee", "net", "checkout")
_PLACE = ("transaction date", "type", "order", "payout date", "currency")
_BESIDE_MAX = 20
"""Rows of one place beyond which they are known by their figures only."""


def _read(source: Source) -> Iterator[Part]:
    if has_columns(bytes(source.content[:4096]), _PAYOUTS):
        yield from _headers(source)
        return
    places = _places(source)
    ordinals, seen = Ordinals(), set[str]()
    for row in rows_of(source, _LINES):
        if row.text("type").casefold() in _NO_LINE:
            continue
        payout = _payout_of(row)
        if payout and payout not in seen:
            seen.add(payout)
            header = PayoutHeader(
                id=payout,
                currency=row.currency("currency"),
                paid_on=row.day("payout date"),
                expected_on=row.day("payout date"),
                place=row.place(),
            )
            yield with_status(header, STATUSES, _word(row.text("payout status")))
        yield from _line(row, payout, ordinals, places)


def _places(source: Source) -> dict[int, list[str]]:
    """The ids of rows that stand at one place, where there are several, by the hash of it: the file is read once for
    that, since no more of it than ids is in memory.
    """
    ordinals, first, several = Ordinals(), dict[int, str](), dict[int, list[str]]()
    for row in rows_of(source, _LINES):
        if row.text("type").casefold() in _NO_LINE:
            continue
        (id_, _), place = _id_of(row, _payout_of(row), ordinals), _place_of(row)
        if place in first:
            several.setdefault(place, [first[place]]).append(id_)
        else:
            first[place] = id_
    return several


def _place_of(row: Row) -> int:
    return hash(tuple(map(row.text, _PLACE)))


def _id_of(row: Row, payout: str, ordinals: Ordinals) -> tuple[str, bool]:
    return ordinals.id_of(payout, *map(row.text, _ID))


def _beside(row: Row, id_: str, places: Mapping[int, list[str]]) -> tuple[str, ...] | None:
    ids = places.get(_place_of(row), ())
    return None if len(ids) > _BESIDE_MAX else tuple(each for each in ids if each != id_)


def _headers(source: Source) -> Iterator[Part]:
    found: dict[tuple[str, PayoutStatus], PayoutHeader] = {}
    for row in rows_of(source, _PAYOUTS):
        header = _header(row)
        yield from _of_sums(row, header)
        same = (header.id, header.status)
        found[same] = _together(found[same], header) if same in found else header
    yield from found.values()


def _header(row: Row) -> PayoutHeader:
    header = PayoutHeader(
        id=_payout_of(row),
        currency=row.currency("currency"),
        paid=row.amount("total"),
        paid_on=row.day("payout date"),
        expected_on=row.day("payout date"),
        totals={LineClass.SALE: row.amount("charges"), LineClass.REFUND: row.amount("refunds")},
        place=row.place(),
    )
    return with_status(header, STATUSES, _word(row.text("status")))


def _of_sums(row: Row, header: PayoutHeader) -> list[Finding]:
    columns = row.columns
    between = columns[columns.index("status") + 1 : columns.index("total")]
    if "charges" not in between or "fees" not in between or not set(between) <= _SUMMED:
        return []
    gross = summed([row.amount_or(each) for each in between if each != "fees"])
    return of_sums(header, gross, row.amount("fees"))


@exactly
def _together(one: PayoutHeader, other: PayoutHeader) -> PayoutHeader:
    """Two payouts of one day, currency and status."""
    paid = (one.paid or ZERO) + (other.paid or ZERO)
    totals = {kind: amount + other.totals[kind] for kind, amount in one.totals.items()}
    return msgspec.structs.replace(one, paid=paid, totals=totals)


def _word(status: str) -> str:
    return status.strip().casefold().replace(" ", "_")


def _payout_of(row: Row) -> str:
    """Its day and currency; empty while it is in none."""
    is_promised = STATUSES.get(_word(row.text("payout status"))) is PayoutStatus.PENDING
    if is_promised and row.has("payout id") and not row.id("payout id"):
        return ""
    day = row.day("payout date")
    return "" if day is None else f"{day.isoformat()}-{row.currency('currency')}"


@exactly
def _parts(row: Row) -> tuple[Decimal, Decimal, Decimal, Decimal, Decimal]:
    """Amount, fee and the tax on it as they are felt, net and gap. The tax stands within the fee or beside it: the net
    tells which.
    """
    amount, taken, tax, net = row.amount("amount"), row.amount_or("fee"), row.amount_or("vat"), row.amount("net")
    if net == amount - taken:
        taken -= tax
    fee, tax = -taken or ZERO, -tax or ZERO
    return amount, fee, tax, net, net - amount - fee - tax


def _line(row: Row, payout: str, ordinals: Ordinals, places: Mapping[int, list[str]]) -> Iterator[Part]:
    amount, fee, tax, net, gap = _parts(row)
    id_, alike = _id_of(row, payout, ordinals)
    currency, type_ = row.currency("currency"), "_".join(row.text("type").casefold().split())
    if alike:
        said = "it stands there before, to the last character; both are counted, since neither has an id"
        yield Finding(
            kind="alike", sentence=said, place=row.place(), payout=payout, line=id_, amount=net, currency=currency
        )
    if gap:
        said = f"net {net} is not amount {amount} less fee {row.text('fee')}; the rest of {gap} is unexplained"
        yield Finding(
            kind="contradiction", sentence=said, place=row.place(), payout=payout, line=id_, amount=gap,
            currency=currency,
        )  # fmt: skip
    presentment = row.text("presentment currency").upper()
    yield PayoutLine(
        id=id_,
        payout=payout,
        kind=class_of(type_, amount),
        currency=currency,
        amount=amount,
        net=net,
        fee=fee,
        tax=tax,
        gap=gap,
        type=type_,
        at=row.instant("transaction date"),
        reference=row.id("order"),
        presentment=f"{row.amount('presentment amount')} {presentment}"
        if presentment not in ("", currency) and row.text("presentment amount")
        else "",
        beside=_beside(row, id_, places),
        place=row.place(),
    )


READER = PayoutFormat(
    name="shopify-csv",
    provider=PROVIDER,
    about="Shopify Payments: the exports of transactions and of payouts, CSV",
    recognises=lambda head: has_columns(head, _LINES) or has_columns(head, _PAYOUTS),
    read=_read,
    tables=(_LINES, _PAYOUTS),
)
