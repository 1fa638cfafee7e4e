"""Magento payloads made for tests, by hand: small, consistent, and about nobody. Every part can be replaced."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from flows.formats import FORMATS
from flows.model.money import Money
from flows.model.order import Order, TaxLine
from flows.model.proof import prove

encode = msgspec.json.encode


def usd(text: str) -> Money:
    return Money(Decimal(text), "USD")


def proven(order: Order) -> Order:
    """The order, after its figures were proven to agree."""
    proof = prove(order)
    assert proof.holds, proof.sentence
    return order


def taxes(lines: tuple[TaxLine, ...]) -> list[tuple[str, str | None, str]]:
    """Name, percentage and amount of each."""
    return [
        (tax.name, None if tax.rate is None else f"{(tax.rate * 100).normalize():f}", f"{tax.amount.shop.amount:f}")
        for tax in lines
    ]


def share(tax: dict[str, Any], amount: float) -> dict[str, Any]:
    """The share of a tax in the tax of an item."""
    return {**tax, "amount": amount, "base_amount": amount}


def both(figures: dict[str, Any]) -> dict[str, Any]:
    """Each figure under its own name and under `base_` of it, as a shop of one currency has them."""
    return figures | {f"base_{name}": value for name, value in figures.items()}


def item(item_id: int = 7, sku: str = "MUG-BLUE", **changes: Any) -> dict[str, Any]:
    """One mug of 10.00 in Magento 2, untaxed, neither shipped nor cancelled. A change of None drops the field."""
    figures = {"price", "row_total", "tax_amount", "discount_amount", "discount_tax_compensation_amount"}
    values: dict[str, Any] = {
        "item_id": item_id,
        "order_id": 1001,
        "product_type": "simple",
        "sku": sku,
        "name": "Mug",
        "is_virtual": 0,
        "qty_ordered": 1,
        "qty_canceled": 0,
        "qty_invoiced": 0,
        "qty_refunded": 0,
        "qty_shipped": 0,
        "price": 10,
        "row_total": 10,
        "tax_percent": 0,
        "tax_amount": 0,
        "discount_amount": 0,
        "discount_tax_compensation_amount": 0,
        **changes,
    }
    values |= both({name: values[name] for name in figures})
    return {name: value for name, value in values.items() if value is not None}


def below(parent: int, item_id: int, sku: str, **changes: Any) -> dict[str, Any]:
    """An entry below another, without a price of its own."""
    return item(item_id, sku, parent_item_id=parent, **{"price": 0, "row_total": 0, **changes})


ADDRESS = {
    "firstname": "Ada",
    "lastname": "Moss",
    "street": ["1 Elm Street", "Flat 2"],
    "city": "Austin",
    "postcode": "78701",
    "region": "Texas",
    "region_code": "TX",
    "region_id": 57,
    "country_id": "US",
    "telephone": "555",
    "email": "ada@example.com",
}


def payload(extension: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A paid order of one mug in Magento 2, with free shipping. A change of None drops the field."""
    figures = {
        "grand_total": 10,
        "subtotal": 10,
        "tax_amount": 0,
        "discount_amount": 0,
        "discount_tax_compensation_amount": 0,
        "shipping_amount": 0,
        "shipping_tax_amount": 0,
        "shipping_discount_amount": 0,
        "total_paid": 10,
        "total_due": 0,
    }
    values: dict[str, Any] = {
        "entity_id": 1001,
        "increment_id": "000001001",
        "created_at": "2026-11-20 08:00:00",
        "updated_at": "2026-11-20 08:00:01",
        "state": "processing",
        "status": "processing",
        "base_currency_code": "USD",
        "order_currency_code": "USD",
        "store_currency_code": "USD",
        "customer_id": 5,
        "customer_is_guest": 0,
        "customer_email": "ada@example.com",
        "customer_firstname": "Ada",
        "customer_lastname": "Moss",
        "shipping_description": "Flat Rate - Fixed",
        "items": [item()],
        "billing_address": ADDRESS,
        "payment": {"entity_id": 31, "method": "checkmo", **both({"amount_ordered": 10, "amount_paid": 10})},
        "status_histories": [],
        "extension_attributes": {
            "shipping_assignments": [
                {"shipping": {"address": ADDRESS, "method": "flatrate_flatrate"}, "items": []},
            ],
            **(extension or {}),
        },
        **both(figures),
        **both({name: value for name, value in changes.items() if name in figures}),
        **{name: value for name, value in changes.items() if name not in figures},
    }
    return {name: value for name, value in values.items() if value is not None}


def owing(total: Any, **changes: Any) -> dict[str, Any]:
    """Changes that make an order one of this total that nobody has paid yet."""
    unpaid = {"entity_id": 31, "method": "checkmo", **both({"amount_ordered": total})}
    return {
        "grand_total": total,
        "total_paid": None,
        "total_due": total,
        "payment": unpaid,
        "state": "new",
        "status": "pending",
        **changes,
    }


def made(extension: dict[str, Any] | None = None, **changes: Any) -> Order:
    """The order that the payload with these changes is read as."""
    order = FORMATS["magento2"].read("web", encode(payload(extension, **changes)))
    assert isinstance(order, Order), order
    return order


def old_item(item_id: str, sku: str, price: str, row: str, quantity: str = "1.0000", **changes: Any) -> dict[str, Any]:
    """An item of Magento 1: everything is text, what is not there is null."""
    return {
        "item_id": item_id,
        "order_id": "1",
        "parent_item_id": None,
        "product_type": "simple",
        "sku": sku,
        "name": sku.title(),
        "is_virtual": "0",
        "qty_ordered": quantity,
        "qty_canceled": "0.0000",
        "qty_refunded": "0.0000",
        "qty_shipped": "0.0000",
        "tax_percent": "0.0000",
        "hidden_tax_amount": None,
        "base_hidden_tax_amount": None,
        "weee_tax_applied": "a:0:{}",
        "base_weee_tax_applied_row_amnt": "0.0000",
        **both({"price": price, "row_total": row, "tax_amount": "0.0000", "discount_amount": "0.0000"}),
        **changes,
    }


def old_payload(items: list[dict[str, Any]], total: str, subtotal: str, **changes: Any) -> dict[str, Any]:
    """An order of Magento 1 with shipping of 5.00 that nobody has paid."""
    address = {**ADDRESS, "street": "1 Elm Street\nFlat 2", "region_code": None}
    figures = both({"grand_total": total, "subtotal": subtotal, "tax_amount": "0.0000", "discount_amount": "0.0000"})
    return {
        "order_id": "1",
        "increment_id": "100000001",
        "created_at": "2013-06-29 05:53:09",
        "updated_at": "2013-06-29 05:53:10",
        "state": "new",
        "status": "pending",
        "base_currency_code": "USD",
        "order_currency_code": "USD",
        "customer_id": "2",
        "customer_is_guest": "0",
        "customer_email": "ada@example.com",
        "customer_firstname": "Ada",
        "customer_lastname": "Moss",
        "shipping_method": "flatrate_flatrate",
        "shipping_description": "Flat Rate - Fixed",
        "shipping_address": address,
        "billing_address": address,
        "items": items,
        "payment": {"payment_id": "1", "method": "checkmo", "amount_paid": None, "additional_information": []},
        "total_paid": None,
        "total_due": None,
        "total_refunded": None,
        **figures,
        **both({"shipping_amount": "5.0000", "shipping_tax_amount": "0.0000"}),
        **changes,
    }
