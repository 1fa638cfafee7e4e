"""An order in the field names and nesting of WooCommerce's REST API v3.

Line totals are without tax whatever the prices shown; an edit changes the lines in place, a refund is an entry of
`refunds` with a negative total and changes no line. Dates come twice: local without an offset, and `_gmt`, without an
offset too. Source: WooCommerce REST API v3 reference, Orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from connectors.patchworks.sandbox.sales_channels.config import SalesChannelSeed
from connectors.patchworks.sandbox.sales_channels.order import Line, Order, Part, rate_of, text_of, worth_of
from runtime.clock import Instant, to_datetime

Json = dict[str, Any]
_SITE_IS_BEHIND = timedelta(hours=6)
_RATE_ID = 75


def rendered(order: Order, seed: SalesChannelSeed) -> Json:
    """The order as JSON. `price` of a line is a number, as the vendor has it."""
    return _Rendering(order, seed).order()


class _Sold:
    """A line as the order has it now, edits included, in net amounts."""

    def __init__(self, line: Line, units: int, seed: SalesChannelSeed) -> None:
        worth = line.first(units)
        before = worth_of(worth.gross, 0, seed.taxes, included=seed.taxes_included)
        self.line = line
        self.units = units
        self.taxes = worth.taxes
        self.taxes_before = before.taxes if worth.discount else worth.taxes
        self.total = _net(worth, included=seed.taxes_included)
        self.subtotal = worth.gross - (sum(self.taxes_before) if seed.taxes_included else 0)


class _Rendering:
    """One order while it is written down."""

    def __init__(self, order: Order, seed: SalesChannelSeed) -> None:
        self._order = order
        self._seed = seed
        edited: dict[int, int] = {}
        for refund in order.refunds:
            for each in refund.lines if refund.cause == "edit" else ():
                edited[each.line_id] = edited.get(each.line_id, 0) + each.units
        left = [(line, line.quantity - edited.get(line.id, 0)) for line in order.lines]
        self._sold = [_Sold(line, units, seed) for line, units in left if units > 0]
        self._shipping = _net(order.shipping, included=seed.taxes_included)

    def order(self) -> Json:
        order = self._order
        paid = order.payment == "paid"
        person = order.person
        address = {
            "first_name": person.first,
            "last_name": person.last,
            "company": "",
            "address_1": person.street,
            "address_2": "",
            "city": person.city,
            "state": person.state_code,
            "postcode": person.post_code,
            "country": "US",
            "phone": "+1 555 0100",
        }
        return {
            "id": order.id,
            "parent_id": 0,
            "number": str(order.id),
            "order_key": f"wc_order_{order.id:x}",
            "created_via": "checkout",
            "version": "9.4.2",
            "status": self._status(),
            "currency": self._seed.currency,
            **_dates("date_created", order.placed_at),
            **_dates("date_modified", order.updated_at),
            **self._totals(),
            "prices_include_tax": self._seed.taxes_included,
            "customer_id": person.id % 1_000_000,
            "customer_note": "",
            "billing": {**address, "email": person.mail},
            "shipping": address,
            "payment_method": self._seed.gateway if order.payment != "pending" else "bacs",
            "payment_method_title": self._seed.gateway if order.payment != "pending" else "Direct bank transfer",
            "transaction_id": f"txn_{order.id}" if paid else "",
            **_dates("date_paid", order.placed_at if paid else None),
            **_dates("date_completed", order.updated_at if self._status() == "completed" else None),
            "cart_hash": "",
            "meta_data": [],
            "line_items": [self._line(sold) for sold in self._sold],
            "tax_lines": self._tax_lines(),
            "shipping_lines": [self._shipping_line()],
            "fee_lines": [],
            "coupon_lines": self._coupons(),
            "refunds": [
                {"id": refund.id, "reason": refund.cause, "total": text_of(-refund.paid_back)}
                for refund in order.refunds
                if refund.paid_back and refund.cause != "edit"
            ],
        }

    def _status(self) -> str:
        order = self._order
        if order.cancelled_at is not None:
            return "cancelled"
        if order.payment == "paid" and order.paid_back and order.paid_back >= order.paid:
            return "refunded"
        if any(line.shipped for line in order.lines) and not order.units_open:
            return "completed"
        return "on-hold" if order.payment != "paid" else "processing"

    def _totals(self) -> Json:
        tax = sum(sum(sold.taxes) for sold in self._sold)
        goods = sum(sold.total for sold in self._sold)
        shipping_tax = self._order.shipping.tax
        return {
            "discount_total": text_of(sum(sold.subtotal - sold.total for sold in self._sold)),
            "discount_tax": text_of(sum(sum(sold.taxes_before) - sum(sold.taxes) for sold in self._sold)),
            "shipping_total": text_of(self._shipping),
            "shipping_tax": text_of(shipping_tax),
            "cart_tax": text_of(tax),
            "total": text_of(goods + tax + self._shipping + shipping_tax),
            "total_tax": text_of(tax + shipping_tax),
        }

    def _line(self, sold: _Sold) -> Json:
        rows = enumerate(zip(sold.taxes, sold.taxes_before, strict=True))
        return {
            "id": sold.line.id,
            "name": sold.line.title,
            "product_id": sold.line.id % 100_000,
            "variation_id": 0,
            "quantity": sold.units,
            "tax_class": "",
            "subtotal": text_of(sold.subtotal),
            "subtotal_tax": text_of(sum(sold.taxes_before)),
            "total": text_of(sold.total),
            "total_tax": text_of(sum(sold.taxes)),
            "taxes": [
                {"id": _RATE_ID + place, "total": text_of(after), "subtotal": text_of(before)}
                for place, (after, before) in rows
            ],
            "meta_data": [],
            "sku": sold.line.sku,
            "price": float(round(Decimal(sold.total) / 100 / sold.units, 6)),
        }

    def _tax_lines(self) -> list[Json]:
        return [
            {
                "id": self._order.id * 10 + 5 + place,
                "rate_code": f"US-{tax.name.upper()}-1",
                "rate_id": _RATE_ID + place,
                "label": tax.name,
                "compound": False,
                "tax_total": text_of(sum(sold.taxes[place] for sold in self._sold)),
                "shipping_tax_total": text_of(self._order.shipping.taxes[place]),
                "rate_percent": float(rate_of(tax) * 100),
                "meta_data": [],
            }
            for place, tax in enumerate(self._seed.taxes)
        ]

    def _shipping_line(self) -> Json:
        taxes: Sequence[int] = self._order.shipping.taxes
        return {
            "id": self._order.id * 10 + 9,
            "method_title": "Flat rate",
            "method_id": "flat_rate",
            "total": text_of(self._shipping),
            "total_tax": text_of(self._order.shipping.tax),
            "taxes": [
                {"id": _RATE_ID + place, "total": text_of(cents), "subtotal": ""} for place, cents in enumerate(taxes)
            ],
            "meta_data": [],
        }

    def _coupons(self) -> list[Json]:
        discount = sum(sold.subtotal - sold.total for sold in self._sold)
        if not discount:
            return []
        tax = sum(sum(sold.taxes_before) - sum(sold.taxes) for sold in self._sold)
        return [
            {
                "id": self._order.id * 10 + 4,
                "code": f"save{self._order.percent}",
                "discount": text_of(discount),
                "discount_tax": text_of(tax),
                "meta_data": [],
            }
        ]


def _net(part: Part, *, included: bool) -> int:
    """After discount and without tax."""
    return part.net - (part.tax if included else 0)


def _dates(name: str, at: Instant | None) -> Json:
    """The site's time and UTC, both without an offset."""
    if at is None:
        return {name: None, f"{name}_gmt": None}
    moment = to_datetime(at).replace(microsecond=0, tzinfo=None)
    return {name: (moment - _SITE_IS_BEHIND).isoformat(), f"{name}_gmt": moment.isoformat()}
