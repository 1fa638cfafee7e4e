"""Stripe's reports as CSV: payout reconciliation, itemized, and the export of balance transactions of the dashboard.

Each row has its balance transaction and the payout that it is in, which the export calls a transfer. The reconciliation
does not say what was paid; a list of payouts (`stripe`) does, and makes these payouts proven. Source of columns: Stripe
documentation, "Payout reconciliation report type" (payout_reconciliation.itemized), and the dashboard's exports;
reporting categories and types as in `stripe`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from decimal import Decimal

from flows.model.money import EXACT, ZERO
from flows.model.payout import Finding, LineClass, PayoutHeader, PayoutLine
from flows.payouts.parts import HEAD_BYTES, TEXT_MAX, Part, PayoutFormat, Source, amount_in, currency_in, instant_in
from flows.payouts.stripe import PROVIDER, class_of
from flows.payouts.table import Row, has_columns, picked

_COLUMNS = ("automatic payout id", "balance transaction id", "currency", "gross", "fee", "net", "reporting category")
_IDS = (
    *("automatic payout id", "balance transaction id", "reporting category", "source id", "charge id"),
    *("payment intent id", "refund id", "payment metadata[order id]", "order id", "payment metadata[order]"),
)
_EXPORTED = {
    "automatic payout id": "transfer",
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
_EXPORT = tuple(_EXPORTED.get(name, name) for name in _COLUMNS)
_WANTED = (
    *(*_IDS, "currency", "gross", "fee", "net", "customer facing amount", "customer facing currency"),
    *("created utc", "created"),
)
_minus = EXACT.subtract


def _read(source: Source) -> Iterator[Part]:
    seen: set[str] = set()
    findings: list[Finding] = []
    is_export = has_columns(bytes(source.content[:HEAD_BYTES]), _EXPORT)
    for row, cells in picked(source, _COLUMNS, _WANTED, called=_EXPORTED if is_export else {}):
        if cells[2] == "payout":
            yield _header(row, cells[3] or cells[0], _minus(ZERO, row.amount("gross")))
            continue
        payout = cells[0]
        if payout and payout not in seen:
            seen.add(payout)
            yield _header(row, row.id("automatic payout id"))
        line = _line(row, cells, findings)
        if findings:
            yield from findings
            findings.clear()
        yield line


def _header(row: Row, payout: str, paid: Decimal | None = None) -> PayoutHeader:
    day = row.day("automatic payout effective at utc") or row.day("automatic payout effective at")
    currency = row.currency("currency")
    return PayoutHeader(id=payout, currency=currency, paid=paid, paid_on=day, expected_on=day, place=row.place())


def _line(row: Row, cells: tuple[str, ...], findings: list[Finding]) -> PayoutLine:
    """A row as a line. What is odd about it is added to `findings`."""
    payout, id_, category, source, charge, intent, refund, order, *others = cells[: len(_IDS)]
    code, gross, taken, published, faced, other, at_utc, at = cells[len(_IDS) :]
    if len("".join(cells[: len(_IDS)])) > TEXT_MAX:
        for column in _IDS:
            row.id(column)
    try:
        currency, amount, net = currency_in(code), amount_in(gross), amount_in(published)
        fee = _minus(ZERO, amount_in(taken)) if taken else ZERO
        moment = instant_in(at_utc, UTC) or instant_in(at, row.source.zone)
    except ValueError:  # which of them it is, with its place
        row.currency("currency"), row.amount("gross"), row.amount("net"), row.amount_or("fee")
        row.instant("created utc", UTC), row.instant("created")
        raise
    gap = _minus(_minus(net, amount), fee)
    if gap:
        said = f"net {net} is not gross {amount} less fee {taken}; the rest of {gap} is unexplained"
        found = {"place": row.place(), "payout": payout, "line": id_, "currency": currency}
        findings.append(Finding(kind="contradiction", sentence=said, amount=gap, **found))
    kind = class_of("", category, amount)
    return PayoutLine(
        id=id_,
        payout=payout,
        kind=kind,
        currency=currency,
        amount=amount,
        net=net,
        fee=fee or ZERO,
        gap=gap,
        type=category,
        at=moment,
        order=order or next(filter(None, others), ""),
        payment=charge or (source if source.startswith(("ch_", "py_")) else ""),
        payment_alias=intent,
        refund=source if kind is LineClass.REFUND else refund,
        dispute=source if kind in (LineClass.DISPUTE, LineClass.DISPUTE_REVERSAL) else "",
        presentment=f"{row.amount('customer facing amount')} {other.upper()}"
        if other and faced and other.upper() != currency
        else "",
        place=row.place(),
    )


READER = PayoutFormat(
    name="stripe-csv",
    provider=PROVIDER,
    about="Stripe: the payout reconciliation report, itemized, and the export of balance transactions, CSV",
    recognises=lambda head: has_columns(head, _COLUMNS) or has_columns(head, _EXPORT),
    read=_read,
)
