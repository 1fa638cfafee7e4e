"""An order in the field names and nesting of Shopify's Admin REST order (2025-01).

`quantity` and the totals keep what was first ordered; `current_*` say what is left. Edits, cancels and refunds all show
as entries of `refunds`; what an edit adds is a new line. Source: Shopify Admin REST reference, Order and Refund.
"""

from __future__ import annotations

from typing import Any

from connectors.patchworks.sandbox.sales_channels.config import SalesChannelSeed
from connectors.patchworks.sandbox.sales_channels.order import Fulfilment, Line, Order, Part, Refund, rate_of, text_of
from runtime.clock import Instant, to_datetime

Json = dict[str, Any]


def rendered(order: Order, seed: SalesChannelSeed) -> Json:
    """The order as JSON."""
    return _Rendering(order, seed).order()


class _Rendering:
    """One order while it is written down."""

    def __init__(self, order: Order, seed: SalesChannelSeed) -> None:
        self._order = order
        self._seed = seed
        self._included = seed.taxes_included

    def order(self) -> Json:
        order = self._order
        placed = _time(order.placed_at)
        return {
            "id": order.id,
            "admin_graphql_api_id": f"gid://shopify/Order/{order.id}",
            "buyer_accepts_marketing": False,
            "cancel_reason": None if order.cancelled_at is None else "customer",
            "cancelled_at": None if order.cancelled_at is None else _time(order.cancelled_at),
            "closed_at": None,
            "confirmed": True,
            "created_at": placed,
            "currency": self._seed.currency,
            "presentment_currency": self._seed.currency,
            "financial_status": self._financial_status(),
            "fulfillment_status": self._fulfilment_status(),
            "name": f"#{order.number}",
            "note": None,
            "note_attributes": [],
            "number": order.number - 1_000,
            "order_number": order.number,
            "payment_gateway_names": [self._seed.gateway],
            "processed_at": placed,
            "source_name": "web",
            "tags": ", ".join(order.tags),
            "taxes_included": self._included,
            "test": order.is_test,
            "updated_at": _time(order.updated_at),
            **self._totals(),
            **self._person(),
            **self._discounts(),
            "line_items": [self._line(line) for line in order.lines],
            "shipping_lines": [self._shipping()],
            "fulfillments": [self._fulfilment(each) for each in order.fulfilments],
            "refunds": [self._refund(each) for each in order.refunds],
            "payment_terms": None,
        }

    # -- amounts -------------------------------------------------------------------------------------------------------

    def _set(self, cents: int) -> Json:
        amount = {"amount": text_of(cents), "currency_code": self._seed.currency}
        return {"shop_money": amount, "presentment_money": amount}

    def _both(self, name: str, cents: int) -> Json:
        return {name: text_of(cents), f"{name}_set": self._set(cents)}

    def _taxes(self, taxes: tuple[int, ...]) -> list[Json]:
        return [
            {"title": tax.name, "rate": float(rate_of(tax)), **self._both("price", cents), "channel_liable": False}
            for tax, cents in zip(self._seed.taxes, taxes, strict=True)
        ]

    def _totals(self) -> Json:
        order = self._order
        parts = [*(line.worth for line in order.lines), order.shipping]
        goods = sum(line.worth.gross for line in order.lines)
        discounts = sum(part.discount for part in parts)
        taxes = tuple(sum(column) for column in zip(*(part.taxes for part in parts), strict=True))
        left = order.current_total(included=self._included)
        gone = [line.worth for refund in order.refunds for line in refund.lines]
        gone_tax = sum(part.tax for part in gone) + sum(refund.shipping_tax for refund in order.refunds)
        return {
            **self._both("total_line_items_price", goods),
            **self._both("total_discounts", discounts),
            **self._both("subtotal_price", goods - discounts),
            **self._both("total_tax", sum(taxes)),
            "tax_lines": self._taxes(taxes),
            "total_shipping_price_set": self._set(order.shipping.gross),
            **self._both("total_price", order.total(included=self._included)),
            **self._both("current_total_price", left),
            "current_subtotal_price": text_of(goods - discounts - sum(part.net for part in gone)),
            "current_total_tax": text_of(sum(taxes) - gone_tax),
            "current_total_discounts": text_of(discounts - sum(part.discount for part in gone)),
            "total_outstanding": text_of(0 if order.payment != "pending" else left),
            "total_tip_received": "0.00",
        }

    def _financial_status(self) -> str:
        order = self._order
        if order.payment != "paid":
            return "voided" if order.cancelled_at is not None else order.payment
        if not order.paid_back:
            return "paid"
        return "refunded" if order.paid_back >= order.paid else "partially_refunded"

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _fulfilment_status(self) -> str | None:
        if not any(line.shipped for line in self._order.lines):
            return None
        return "partial" if self._order.units_open else "fulfilled"

    def _discounts(self) -> Json:
        order = self._order
        discount = sum(line.worth.discount for line in order.lines)
        if not discount:
            return {"discount_codes": [], "discount_applications": []}
        code = f"SAVE{order.percent}"
        applied = {
            "target_type": "line_item",
            "type": "discount_code",
            "value": f"{order.percent}.0",
            "value_type": "percentage",
            "allocation_method": "across",
            "target_selection": "all",
            "code": code,
        }
        return {
            "discount_codes": [{"code": code, "amount": text_of(discount), "type": "percentage"}],
            "discount_applications": [applied],
        }

    def _line(self, line: Line) -> Json:
        allocated = {"amount": text_of(line.worth.discount), "amount_set": self._set(line.worth.discount)}
        status = None if not line.shipped else "partial" if line.open else "fulfilled"
        return {
            "id": line.id,
            "current_quantity": line.current,
            "fulfillable_quantity": line.open,
            "fulfillment_service": "manual",
            "fulfillment_status": status,
            "gift_card": False,
            "name": line.title,
            **self._both("price", line.price),
            "product_exists": True,
            "product_id": 8_000_000_000 + line.id % 1_000_000,
            "properties": [],
            "quantity": line.quantity,
            "requires_shipping": True,
            "sku": line.sku,
            "taxable": True,
            "title": line.title,
            "total_discount": "0.00",
            "variant_id": 4_000_000_000 + line.id % 1_000_000,
            "tax_lines": self._taxes(line.worth.taxes),
            "duties": [],
            "discount_allocations": [{**allocated, "discount_application_index": 0}] if line.worth.discount else [],
        }

    def _shipping(self) -> Json:
        shipping = self._order.shipping
        return {
            "id": self._order.id * 10 + 9,
            "code": "STANDARD",
            **self._both("discounted_price", shipping.net),
            **self._both("price", shipping.gross),
            "source": "shopify",
            "title": "Standard",
            "tax_lines": self._taxes(shipping.taxes),
            "discount_allocations": [],
        }

    def _person(self) -> Json:
        person = self._order.person
        address = {
            "first_name": person.first,
            "last_name": person.last,
            "name": f"{person.first} {person.last}",
            "company": None,
            "address1": person.street,
            "address2": None,
            "city": person.city,
            "province": person.state,
            "province_code": person.state_code,
            "zip": person.post_code,
            "country": "United States",
            "country_code": "US",
            "phone": "+1 555 0100",
        }
        customer = {"id": person.id, "email": person.mail, "first_name": person.first, "last_name": person.last}
        return {
            "contact_email": person.mail,
            "email": person.mail,
            "phone": None,
            "customer": {**customer, "phone": None, "tags": "", "currency": self._seed.currency},
            "billing_address": address,
            "shipping_address": address,
        }

    def _fulfilment(self, each: Fulfilment) -> Json:
        return {
            "id": each.id,
            "order_id": self._order.id,
            "status": "success",
            "created_at": _time(each.at),
            "updated_at": _time(each.at),
            "tracking_company": each.carrier or None,
            "tracking_number": each.tracking[0][0] if each.tracking else None,
            "tracking_numbers": [number for number, _ in each.tracking],
            "tracking_url": each.tracking[0][1] if each.tracking else None,
            "tracking_urls": [url for _, url in each.tracking if url],
            "line_items": [{"id": line_id, "quantity": units} for line_id, units in each.lines],
        }

    def _refund(self, refund: Refund) -> Json:
        kind = "return" if refund.cause == "refund" else "cancel"
        adjustments = []
        if refund.shipping or refund.shipping_tax:
            amount = -refund.shipping + (refund.shipping_tax if self._included else 0)
            adjustments = [
                {
                    "id": refund.id * 10 + 1,
                    "order_id": self._order.id,
                    "refund_id": refund.id,
                    "kind": "shipping_refund",
                    "reason": "Shipping refund",
                    **self._both("amount", amount),
                    **self._both("tax_amount", -refund.shipping_tax),
                }
            ]
        transaction = {
            "id": refund.id * 10 + 2,
            "order_id": self._order.id,
            "kind": "refund",
            "gateway": self._seed.gateway,
            "status": "success",
            "amount": text_of(refund.paid_back),
            "currency": self._seed.currency,
            "created_at": _time(refund.at),
        }
        return {
            "id": refund.id,
            "admin_graphql_api_id": f"gid://shopify/Refund/{refund.id}",
            "order_id": self._order.id,
            "created_at": _time(refund.at),
            "processed_at": _time(refund.at),
            "note": None,
            "restock": True,
            "refund_line_items": [
                {
                    "id": refund.id * 100 + place,
                    "line_item_id": line.line_id,
                    "quantity": line.units,
                    "restock_type": kind,
                    **_worth(line.worth, self),
                }
                for place, line in enumerate(refund.lines)
            ],
            "order_adjustments": adjustments,
            "transactions": [transaction] if refund.paid_back else [],
        }


def _worth(part: Part, rendering: _Rendering) -> Json:
    return {**rendering._both("subtotal", part.net), **rendering._both("total_tax", part.tax)}  # noqa: SLF001


def _time(at: Instant) -> str:
    return to_datetime(at).isoformat(timespec="seconds")
