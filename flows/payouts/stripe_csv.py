"""Stripe's payout reconciliation report as CSV, itemized: each balance transaction with the payout that it is in.

The report does not say what was paid; a list of payouts (`stripe`) does, and makes these payouts proven. Source of
columns: Stripe documentation, "Payout reconciliation report type" (payout_reconciliation.itemized); reporting
categories as in `stripe`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from decimal import Decimal

from flows.model.money import ZERO, exactly
from flows.model.payout import Finding, LineClass, PayoutHeader, PayoutLine
from flows.payouts.parts import Part, PayoutFormat, Source
from flows.payouts.stripe import PROVIDER, class_of
from flows.payouts.table import Row, has_columns, rows_of

_COLUMNS = ("automatic payout id", "balance transaction id", "currency", "gross", "fee", "net", "reporting category")
_ORDERS = ("payment metadata[order id]", "order id", "payment metadata[order]")


def _read(source: Source) -> Iterator[Part]:
    seen: set[str] = set()
    for row in rows_of(source, _COLUMNS):
        payout, currency = row.id("automatic payout id"), row.currency("currency")
        if row.text("reporting category") == "payout":
            yield _header(row, row.id("source id") or payout, currency, paid=_negated(row.amount("gross")))
            continue
        if payout and payout not in seen:
            seen.add(payout)
            yield _header(row, payout, currency)
        yield from _line(row, payout, currency)


def _header(row: Row, payout: str, currency: str, paid: Decimal | None = None) -> PayoutHeader:
    column = "automatic payout effective at utc"
    day = row.day(column) or row.day("automatic payout effective at")
    return PayoutHeader(id=payout, currency=currency, paid=paid, paid_on=day, expected_on=day, place=row.place())


@exactly
def _negated(amount: Decimal) -> Decimal:
    return -amount


@exactly
def _parts(row: Row) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    amount, fee, net = row.amount("gross"), -row.amount_or("fee"), row.amount("net")
    return amount, fee or ZERO, net, net - amount - fee


def _line(row: Row, payout: str, currency: str) -> Iterator[Part]:
    amount, fee, net, gap = _parts(row)
    id_, category = row.id("balance transaction id"), row.text("reporting category")
    if gap:
        said = f"net {net} is not gross {amount} less fee {-fee}; the rest of {gap} is unexplained"
        yield Finding(
            kind="contradiction", sentence=said, place=row.place(), payout=payout, line=id_, amount=gap,
            currency=currency,
        )  # fmt: skip
    source, kind = row.id("source id"), class_of("", category, amount)
    other = row.text("customer facing currency").upper()
    faced = row.amount("customer facing amount") if other and row.text("customer facing amount") else None
    yield PayoutLine(
        id=id_,
        payout=payout,
        kind=kind,
        currency=currency,
        amount=amount,
        net=net,
        fee=fee,
        gap=gap,
        type=category,
        at=row.instant("created utc", UTC) or row.instant("created"),
        order=row.first(*_ORDERS),
        payment=row.id("charge id"),
        payment_alias=row.id("payment intent id"),
        refund=source if kind is LineClass.REFUND else row.id("refund id"),
        dispute=source if kind in (LineClass.DISPUTE, LineClass.DISPUTE_REVERSAL) else "",
        presentment=f"{faced} {other}" if faced is not None and other != currency else "",
        place=row.place(),
    )


READER = PayoutFormat(
    name="stripe-csv",
    provider=PROVIDER,
    about="Stripe: the payout reconciliation report, itemized, CSV",
    recognises=lambda head: has_columns(head, _COLUMNS),
    read=_read,
)
