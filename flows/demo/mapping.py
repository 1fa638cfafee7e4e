"""WooCommerce's order as Seamline's own schema: what a script shape in a customer's Patchworks flow would do.

Pure. The sandbox's flows have no script shape, so the demo maps before the flow's trigger instead of inside the flow.
Amounts are carried as text. Source: WooCommerce REST API v3 reference, Orders.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

Json = dict[str, Any]
_PAYMENTS = {"refunded": "refunded", "on-hold": "pending", "pending": "pending"}
"""What an order's status says of its payment, where it is not paid."""
_PRICE_DIGITS = Decimal("0.000001")


def mapped(body: bytes, *, tax: str = "") -> bytes:
    """The order in Seamline's schema. All amounts are net: WooCommerce's line totals are, whatever prices it shows.

    `tax`: what the sales channel calls its tax on this order; empty: what it always does.
    """
    return msgspec.json.encode(_mapped(msgspec.json.decode(body), tax))


def _mapped(order: Mapping[str, Any], tax: str) -> Json:
    names = {each["rate_id"]: tax or each["label"] for each in order["tax_lines"]}
    rates = {tax["rate_id"]: str(Decimal(str(tax["rate_percent"])) / 100) for tax in order["tax_lines"]}
    payment = {"id": order["transaction_id"], "gateway": order["payment_method"], "amount": order["total"]}
    cancelled = order["status"] == "cancelled"
    return {
        "order_id": str(order["id"]),
        "reference": order["number"],
        "placed_at": _utc(order["date_created_gmt"]),
        "updated_at": _utc(order["date_modified_gmt"]),
        "currency": order["currency"],
        "taxes_included": False,
        "lines": [_line(line, names, rates) for line in order["line_items"]],
        "shipping": [_shipping(line, names, rates) for line in order["shipping_lines"]],
        "discounts": [{"name": coupon["code"], "amount": coupon["discount"]} for coupon in order["coupon_lines"]],
        "payments": [payment] if order["transaction_id"] else [],
        "refunds": [
            {"id": str(refund["id"]), "amount": refund["total"].removeprefix("-")} for refund in order["refunds"]
        ],
        "total": order["total"],
        "total_tax": order["total_tax"],
        "financial_status": _PAYMENTS.get(order["status"], "paid"),
        "cancelled_at": _utc(order["date_modified_gmt"]) if cancelled else None,
        "customer": {
            "id": str(order["customer_id"]),
            "name": f"{order['billing']['first_name']} {order['billing']['last_name']}",
            "email": order["billing"]["email"],
            "phone": order["billing"]["phone"],
        },
        "billing_address": _address(order["billing"]),
        "shipping_address": _address(order["shipping"]),
    }


def _line(line: Mapping[str, Any], names: Mapping[int, str], rates: Mapping[int, str]) -> Json:
    subtotal = Decimal(line["subtotal"])
    return {
        "id": str(line["id"]),
        "sku": line["sku"],
        "title": line["name"],
        "quantity": str(line["quantity"]),
        "unit_price": str((subtotal / line["quantity"]).quantize(_PRICE_DIGITS)),
        "gross": line["subtotal"],
        "discount": str(subtotal - Decimal(line["total"])),
        "taxes": _taxes(line, names, rates),
    }


def _shipping(line: Mapping[str, Any], names: Mapping[int, str], rates: Mapping[int, str]) -> Json:
    return {
        "id": str(line["id"]),
        "service": line["method_id"],
        "title": line["method_title"],
        "amount": line["total"],
        "taxes": _taxes(line, names, rates),
    }


def _taxes(taxed: Mapping[str, Any], names: Mapping[int, str], rates: Mapping[int, str]) -> list[Json]:
    return [{"name": names[tax["id"]], "rate": rates[tax["id"]], "amount": tax["total"]} for tax in taxed["taxes"]]


def _address(address: Mapping[str, Any]) -> Json:
    return {
        "name": f"{address['first_name']} {address['last_name']}",
        "company": address["company"] or None,
        "address1": address["address_1"],
        "address2": address["address_2"] or None,
        "city": address["city"],
        "zip": address["postcode"],
        "subdivision_code": address["state"],
        "country_code": address["country"],
        "phone": address["phone"],
    }


def _utc(moment: str) -> str:
    """A time of a `_gmt` field, which has no offset."""
    return f"{moment}+00:00"
