"""BigCommerce orders made for tests, by hand: as a flow gathers them, small, consistent, and about nobody."""

from __future__ import annotations

from typing import Any

import msgspec

from flows.formats.bigcommerce import read
from flows.model.order import Order

encode = msgspec.json.encode


def link(path: str) -> dict[str, str]:
    """What V2 gives where a part of the order should be."""
    return {"url": f"https://api.example.com/stores/x/v2/orders/1001{path}", "resource": f"/orders/1001{path}"}


def triple(name: str, ex: str, inc: str, tax: str) -> dict[str, str]:
    """The three figures of one cost."""
    return {f"{name}_ex_tax": ex, f"{name}_inc_tax": inc, f"{name}_tax": tax}


def product(**changes: Any) -> dict[str, Any]:
    """Two mugs of 10.00 before taxes of 20 %."""
    fields: dict[str, Any] = {
        "id": 7, "order_id": 1001, "order_address_id": 5, "name": "Mug", "sku": "MUG-BLUE", "type": "physical",
        "base_price": "10.0000", "base_total": "20.0000", "quantity": 2, "quantity_refunded": 0,
        **triple("price", "10.0000", "12.0000", "2.0000"), **triple("total", "20.0000", "24.0000", "4.0000"),
        "parent_order_product_id": None, "applied_discounts": [],
    }  # fmt: skip
    return fields | changes


def address(**changes: Any) -> dict[str, Any]:
    """Where it is shipped, free of charge."""
    fields: dict[str, Any] = {
        "id": 5, "first_name": "Ada", "last_name": "Moss", "company": "", "street_1": "1 Elm Street", "street_2": "",
        "city": "Austin", "zip": "78701", "country_iso2": "US", "state": "Texas", "email": "ada@example.com",
        "phone": "555", "shipping_method": "Flat Rate", **triple("cost", "0.0000", "0.0000", "0.0000"),
    }  # fmt: skip
    return fields | changes


def payload(**changes: Any) -> dict[str, Any]:
    """An order of two mugs without tax in its prices; a change of None drops the field."""
    billing = {name: value for name, value in address().items() if "cost" not in name}
    fields: dict[str, Any] = {
        "id": 1001, "customer_id": 20, "date_created": "Fri, 20 Nov 2026 08:00:00 +0000",
        "date_modified": "Fri, 20 Nov 2026 09:00:00 +0000", "status_id": 11, "status": "Awaiting Fulfillment",
        **triple("subtotal", "20.0000", "24.0000", "4.0000"), **triple("total", "20.0000", "24.0000", "4.0000"),
        **triple("shipping_cost", "0.0000", "0.0000", "0.0000"), "is_tax_inclusive_pricing": False,
        "items_total": 2, "items_shipped": 0, "payment_method": "Credit Card", "payment_status": "captured",
        "refunded_amount": "0.0000", "store_credit_amount": "0.0000", "gift_certificate_amount": "0.0000",
        "currency_code": "USD", "default_currency_code": "USD", "discount_amount": "0.0000",
        "coupon_discount": "0.0000", "shipping_address_count": 1, "billing_address": billing,
        "products": [product()], "shipping_addresses": [address()], "coupons": link("/coupons"),
    }  # fmt: skip
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


def made(**changes: Any) -> Order:
    """The order that such a payload is read as."""
    order = read("web", encode(payload(**changes)))
    assert isinstance(order, Order), order
    return order
