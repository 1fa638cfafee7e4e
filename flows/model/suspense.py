"""What of an order goes into its sale under a name that finance has approved for what is not mapped (rule 19). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from flows.model.money import ZERO, MixedCurrencies, exactly
from flows.model.order import TAKES, Order, PaymentStatus, TaxLine
from flows.model.sale import SaleSettings, Suspense
from flows.model.tenders import converted


class Suspended(msgspec.Struct, frozen=True, kw_only=True):
    """A name that is not mapped, where it went, and how much of the order that is, in the sale's currency."""

    kind: Literal["tax", "gateway"]
    name: str
    target: str
    amount: Decimal
    currency: str
    at: datetime
    """When it was paid, of a gateway; else when the order was placed."""


def suspended(order: Order, settings: SaleSettings) -> tuple[Suspended, ...]:
    """What went there: one for each name. Taxes that a marketplace withholds never do."""
    if settings.suspense is None:
        return ()
    currency = order.currency_on(settings.side)
    return (
        *_taxes(order, settings, settings.suspense, currency),
        *_gateways(order, settings, settings.suspense, currency),
    )


def _taxes(order: Order, settings: SaleSettings, suspense: Suspense, currency: str) -> Iterator[Suspended]:
    if suspense.tax is None:
        return
    for name, amount in _unmapped(_all_taxes(order), settings, currency).items():
        yield Suspended(
            kind="tax", name=name, target=suspense.tax, amount=amount, currency=currency, at=order.placed_at
        )


def _all_taxes(order: Order) -> list[TaxLine]:
    of_goods = [tax for line in order.lines for tax in line.taxes]
    of_shipping = [tax for line in order.shipping_lines for tax in line.taxes]
    return [*of_goods, *of_shipping, *order.tip_taxes, *order.duty_taxes, *order.fee_taxes]


@exactly
def _unmapped(taxes: Sequence[TaxLine], settings: SaleSettings, currency: str) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for tax in taxes:
        if tax.withheld or tax.name in settings.taxes:
            continue
        try:
            amount = tax.amount.figure(currency)
        except MixedCurrencies:
            continue  # then there is no sale of it
        if amount:
            found[tax.name] = found.get(tax.name, ZERO) + amount
    return found


def _gateways(order: Order, settings: SaleSettings, suspense: Suspense, currency: str) -> Iterator[Suspended]:
    if suspense.gateway is None:
        return
    for name, (amount, at) in _through(order, settings, currency).items():
        yield Suspended(
            kind="gateway", name=name, target=suspense.gateway, amount=amount, currency=currency,
            at=at or order.placed_at,
        )  # fmt: skip


@exactly
def _through(order: Order, settings: SaleSettings, currency: str) -> dict[str, tuple[Decimal, datetime | None]]:
    """How much was paid by each gateway that is not mapped, and when that was first."""
    found: dict[str, tuple[Decimal, datetime | None]] = {}
    for payment in order.payments:
        name = payment.gateway
        taken = payment.kind in TAKES and payment.status is PaymentStatus.SUCCESS
        if taken and name is not None and name not in settings.gateways:
            amount, _ = converted(payment.amount, order.totals.total, currency)
            so_far, first = found.get(name, (ZERO, None))
            moments = [each for each in (first, payment.at) if each is not None]
            found[name] = so_far + (amount or ZERO), min(moments, default=None)
    return found
