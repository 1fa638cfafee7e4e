"""Orders made for tests, by hand: small, consistent, and about nobody. Every part can be replaced."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from flows.model.money import Money
from flows.model.order import (
    Address,
    Amount,
    Customer,
    FinancialStatus,
    Line,
    Order,
    Payment,
    PaymentKind,
    PaymentStatus,
    Refund,
    ShippingLine,
    TaxLine,
    Totals,
)
from flows.model.sale import SaleSettings

SETTINGS = SaleSettings(channel_id=3, taxes={"VAT": "VAT 20"}, gateways={"card": "stripe", "gift_card": "gift"})


def usd(text: str) -> Amount:
    """An amount on the shop's side."""
    return Amount(Money(Decimal(text), "USD"))


def both(shop: str, presentment: str) -> Amount:
    """An amount in USD and EUR."""
    return Amount(Money(Decimal(shop), "USD"), Money(Decimal(presentment), "EUR"))


def vat(text: str, /, **changes: Any) -> TaxLine:
    """A tax of 20 %."""
    return TaxLine(**{"name": "VAT", "rate": Decimal("0.2"), "amount": usd(text), **changes})


def line(gross: str, /, **changes: Any) -> Line:
    """One piece, untaxed and not discounted."""
    fields: dict[str, Any] = {
        "id": "L1",
        "sku": "MUG-BLUE",
        "title": "Mug",
        "quantity": Decimal(1),
        "unit_price": usd(gross),
        "gross": usd(gross),
        "discount": usd("0"),
    }
    return Line(**{**fields, **changes})


def shipping(gross: str, /, **changes: Any) -> ShippingLine:
    """A shipping cost, untaxed and not discounted."""
    fields: dict[str, Any] = {
        "id": "S1",
        "title": "Standard",
        "service": "STANDARD",
        "gross": usd(gross),
        "discount": usd("0"),
    }
    return ShippingLine(**{**fields, **changes})


def payment(amount: str, /, **changes: Any) -> Payment:
    """Money that was taken by card."""
    fields: dict[str, Any] = {
        "id": "T1",
        "gateway": "card",
        "kind": PaymentKind.SALE,
        "status": PaymentStatus.SUCCESS,
        "amount": Money(Decimal(amount), "USD"),
    }
    return Payment(**{**fields, **changes})


def refund(amount: str, worth: str | None = None) -> Refund:
    """Money that went back."""
    of = None if worth is None else Money(Decimal(worth), "USD")
    return Refund(id="R1", refunded=(Money(Decimal(amount), "USD"),), worth=of)


def order(total: str = "10.00", *, totals: dict[str, Amount] | None = None, **changes: Any) -> Order:
    """A paid order of one line; `total` is line, total and payment unless they are given."""
    somewhere = Address(
        name="Ada Moss", address1="1 Elm Street", city="Austin", zip="78701", subdivision_code="TX", country_code="US"
    )
    fields: dict[str, Any] = {
        "sales_channel": "web",
        "order_id": "1001",
        "reference": "#1001",
        "version": "2026-11-20T08:00:00.000000Z",
        "placed_at": datetime(2026, 11, 20, 8, tzinfo=UTC),
        "currency": "USD",
        "presentment_currency": "USD",
        "taxes_included": False,
        "lines": (line(total),),
        "totals": Totals(total=usd(total), **(totals or {})),
        "payments": (payment(total),),
        "financial_status": FinancialStatus.PAID,
        "customer": Customer(id="C1", name="Ada Moss", email="ada@example.com"),
        "billing_address": somewhere,
        "shipping_address": somewhere,
    }
    return Order(**{**fields, **changes})
