"""WooCommerce orders made for tests: in the fields and types of REST API v3, small, consistent, and about nobody."""

from __future__ import annotations

from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from flows.formats.woocommerce import read
from flows.model.order import Order
from flows.model.proof import prove

Json = dict[str, Any]
encode = msgspec.json.encode


def item(**changes: Any) -> Json:
    """A line of one mug for 10.00 without tax."""
    return {
        "id": 315,
        "name": "Mug",
        "product_id": 93,
        "variation_id": 0,
        "quantity": 1,
        "subtotal": "10.00",
        "subtotal_tax": "0.00",
        "total": "10.00",
        "total_tax": "0.00",
        "taxes": [],
        "meta_data": [],
        "sku": "MUG-BLUE",
        "price": 10,
        **changes,
    }


def payload(**changes: Any) -> Json:
    """A paid order of that one line; a field that is changed to `...` is left out."""
    fields: Json = {
        "id": 727,
        "parent_id": 0,
        "number": "727",
        "created_via": "checkout",
        "status": "processing",
        "currency": "USD",
        "date_created": "2026-11-20T02:00:00",
        "date_created_gmt": "2026-11-20T08:00:00",
        "date_modified": "2026-11-20T02:00:08",
        "date_modified_gmt": "2026-11-20T08:00:08",
        "discount_total": "0.00",
        "discount_tax": "0.00",
        "shipping_total": "0.00",
        "shipping_tax": "0.00",
        "cart_tax": "0.00",
        "total": "10.00",
        "total_tax": "0.00",
        "prices_include_tax": False,
        "customer_id": 0,
        "billing": {"first_name": "", "last_name": "", "email": ""},
        "shipping": {"first_name": "", "last_name": ""},
        "payment_method": "stripe",
        "transaction_id": "ch_1",
        "date_paid": "2026-11-20T02:00:08",
        "date_paid_gmt": "2026-11-20T08:00:08",
        "date_completed": None,
        "date_completed_gmt": None,
        "meta_data": [],
        "line_items": [item()],
        "tax_lines": [],
        "shipping_lines": [],
        "fee_lines": [],
        "coupon_lines": [],
        "refunds": [],
    }
    return {name: value for name, value in {**fields, **changes}.items() if value is not ...}


def taxed(**changes: Any) -> Json:
    """Two mugs at 10.00 less 2.00, an express parcel for 5.00 and a fee of 1.00, all of them at 10 % of VAT."""
    vat = {"id": 75, "subtotal": ""}
    line = item(quantity=2, subtotal="20.00", total="18.00", total_tax="1.80", price=9, taxes=[{**vat, "total": "1.8"}])
    parcel = {"id": 317, "method_title": "Express", "method_id": "flat_rate", "instance_id": "5"}
    fee = {"id": 318, "name": "Gift wrap", "amount": "1", "total": "1.00", "total_tax": "0.10"}
    rate = {"id": 319, "rate_code": "GB-VAT-1", "rate_id": 75, "label": "VAT", "rate_percent": 10}
    fields: Json = {
        "line_items": [line],
        "shipping_lines": [{**parcel, "total": "5.00", "total_tax": "0.50", "taxes": [{**vat, "total": "0.5"}]}],
        "fee_lines": [{**fee, "taxes": [{**vat, "total": "0.1"}]}],
        "tax_lines": [{**rate, "tax_total": "1.90", "shipping_tax_total": "0.50"}],
        "coupon_lines": [{"id": 320, "code": "two&off", "discount": "2.00", "discount_tax": "0.20"}],
        "discount_total": "2.00",
        "shipping_total": "5.00",
        "shipping_tax": "0.50",
        "cart_tax": "1.90",
        "total_tax": "2.40",
        "total": "26.40",
    }
    return payload(**{**fields, **changes})


_CENT = Decimal("0.01")


def inclusive(
    lines: list[tuple[int, int, int]], *, percent: int = 20, at_subtotal: bool = False, **changes: Any
) -> Json:
    """An order of a shop whose prices include tax, rounded as WooCommerce rounds.

    Each line has a price in cents, a quantity and its discount in cents, all with tax. `at_subtotal` is the shop's
    setting "Round tax at subtotal level"; otherwise everything is rounded line by line.
    """
    share = Decimal(percent) / (100 + percent)
    rows, nets, taxes, before = [], [], [], []
    for number, (price, quantity, off) in enumerate(lines):
        gross, full = Decimal(price * quantity - off).scaleb(-2), Decimal(price * quantity).scaleb(-2)
        tax, full_tax = (round(each * share, 6) for each in (gross, full))
        nets.append(gross - tax)
        taxes.append(tax)
        before.append(full - full_tax)
        rows.append(
            item(
                id=number + 1,
                sku=f"SKU-{number}",
                quantity=quantity,
                subtotal=str(_up(full - full_tax)),
                subtotal_tax=str(_down(full_tax)),
                total=str(_up(gross - tax)),
                total_tax=str(_down(tax)),
                price=float((gross - tax) / quantity),
                taxes=[{"id": 75, "total": f"{tax.normalize():f}", "subtotal": f"{full_tax.normalize():f}"}],
            )
        )
    if at_subtotal:
        net, tax_sum = sum(nets, Decimal(0)), _down(sum(taxes, Decimal(0)))
        total = _up(net + sum(taxes, Decimal(0)))
        off_total = _up(sum(before, Decimal(0)) - net)
    else:
        net, tax_sum = sum(map(_up, nets), Decimal(0)), sum(map(_down, taxes), Decimal(0))
        total = net + tax_sum
        off_total = sum(map(_up, before), Decimal(0)) - net
    rate = {"id": 9, "rate_code": "GB-VAT-1", "rate_id": 75, "label": "VAT", "rate_percent": percent}
    fields: Json = {
        "prices_include_tax": True,
        "line_items": rows,
        "tax_lines": [{**rate, "tax_total": str(tax_sum), "shipping_tax_total": "0.00"}],
        "discount_total": str(off_total),
        "cart_tax": str(tax_sum),
        "total_tax": str(tax_sum),
        "total": str(total),
    }
    return payload(**{**fields, **changes})


def _up(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, rounding=ROUND_HALF_UP)


def _down(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, rounding=ROUND_HALF_DOWN)


def made(order: Json) -> Order:
    """The order as it is read."""
    found = read("web", encode(order))
    assert isinstance(found, Order), found
    return found


def said(order: Json) -> str:
    """What its proof says against it; empty when it is proven."""
    return prove(made(order)).sentence
