"""The parts of Shopify's REST order JSON that Seamline reads, typed for one quick decode.

Amounts, ids and quantities are `Json`: they come as text, as numbers and as null, and are judged one by one. Everything
else in a payload is skipped. A repeated key counts with its last value, as in every JSON reader of the field.
Most orders need no more than the shop's side of their amounts, so that a decode takes `Sides`: one, or both.
Source of names: Shopify Admin REST reference 2025-01, resources Order and Refund; webhooks of returns.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from flows.formats.parts import Empty, Json
from flows.model.money import JsonNumber


class Head(msgspec.Struct, gc=False):
    """What names an item: the fields of a bare order, and those that show another kind."""

    id: Json = None
    updated_at: Json = None
    admin_graphql_api_id: Json = None
    invoice_url: Json = msgspec.UNSET
    abandoned_checkout_url: Json = msgspec.UNSET
    order: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    draft_order: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    orders: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    graphql_lines: msgspec.Raw | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name="lineItems")


class MoneyIn(msgspec.Struct, gc=False):
    """An amount in one currency."""

    amount: Json = None
    currency_code: str | None = None


class ShopSide(msgspec.Struct, gc=False):
    """An amount as the shop has it, in its own currency."""

    shop_money: MoneyIn | None = None


class MoneySet(ShopSide, gc=False):
    """An amount on both sides."""

    presentment_money: MoneyIn | None = None


Sides = TypeVar("Sides", bound=ShopSide)


class TaxIn(msgspec.Struct, gc=False):
    """A tax line. `channel_liable`: the sales channel collects and remits it."""

    title: str | None = None
    rate: Json = None
    price: Json = None
    price_set: MoneySet | None = None
    channel_liable: bool | None = None


NO_TAXES = msgspec.Raw(b"null")


class AllocationIn(msgspec.Struct, Generic[Sides], gc=False):
    """The share of a discount that one line bears."""

    amount: Json = None
    amount_set: Sides | None = None


class DutyIn(MoneySet, gc=False):
    """A duty on one line."""

    tax_lines: msgspec.Raw = NO_TAXES


class LineIn(msgspec.Struct, Generic[Sides], gc=False):
    """An entry of `line_items`: goods, a gift card, or a tip (`tip`, long ago `tip_payment_gateway`)."""

    id: Json = None
    sku: Json = None
    title: str | None = None
    name: str | None = None
    quantity: Json = None
    current_quantity: Json = None
    price: Json = None
    price_set: Sides | None = None
    total_discount: Json = None
    total_discount_set: Sides | None = None
    discount_allocations: list[AllocationIn[Sides]] | None = None
    tax_lines: msgspec.Raw = NO_TAXES
    duties: list[DutyIn] | None = None
    requires_shipping: bool | None = None
    gift_card: bool | None = None
    tip: Json = None
    tip_payment_gateway: Json = None
    fulfillment_status: str | None = None

    @property
    def is_tip(self) -> bool:
        """Whether it is what the customer gave beyond the price, which Shopify's sums of lines leave out."""
        return bool(self.tip) or bool(self.tip_payment_gateway)


class ShippingIn(msgspec.Struct, Generic[Sides], gc=False):
    """An entry of `shipping_lines`."""

    id: Json = None
    code: Json = None
    title: str | None = None
    price: Json = None
    price_set: Sides | None = None
    discounted_price: Json = None
    discounted_price_set: Sides | None = None
    discount_allocations: list[AllocationIn[Sides]] | None = None
    tax_lines: msgspec.Raw = NO_TAXES


class DiscountCodeIn(msgspec.Struct, gc=False):
    """An entry of `discount_codes`."""

    code: str | None = None
    amount: Json = None


class TransactionIn(msgspec.Struct, gc=False):
    """An entry of `transactions`, of the order or of a refund."""

    id: Json = None
    parent_id: Json = None
    authorization: Json = None
    payment_id: Json = None
    authorization_expires_at: Json = None
    kind: str | None = None
    status: str | None = None
    gateway: str | None = None
    amount: Json = None
    currency: str | None = None
    processed_at: Json = None
    created_at: Json = None


class RefundLineIn(msgspec.Struct, gc=False):
    """Units of a line given back. `restock_type`: return, cancel, no_restock, or (long ago) legacy_restock."""

    line_item_id: Json = None
    quantity: Json = None
    restock_type: str | None = None
    subtotal: Json = None
    subtotal_set: MoneySet | None = None
    total_tax: Json = None
    total_tax_set: MoneySet | None = None


class RefundShippingIn(msgspec.Struct, gc=False):
    """Shipping given back, from 2024-10 on; many payloads have the same as an adjustment, too."""

    subtotal_amount_set: MoneySet | None = None
    tax_amount_set: MoneySet | None = None


class AdjustmentIn(msgspec.Struct, gc=False):
    """What a refund adds (negative) or keeps back (positive): shipping (`shipping_refund`), or a discrepancy."""

    kind: str | None = None
    amount: Json = None
    amount_set: MoneySet | None = None
    tax_amount: Json = None
    tax_amount_set: MoneySet | None = None


class ReturnNamedIn(msgspec.Struct, gc=False):
    """The return of a refund."""

    id: Json = None


class RefundIn(msgspec.Struct, gc=False):
    """An entry of `refunds`."""

    id: Json = None
    created_at: Json = None
    processed_at: Json = None
    transactions: list[TransactionIn] | None = None
    refund_line_items: list[RefundLineIn] | None = None
    refund_shipping_lines: list[RefundShippingIn] | None = None
    order_adjustments: list[AdjustmentIn] | None = None
    return_: ReturnNamedIn | None = msgspec.field(default=None, name="return")


class ReturnItemIn(msgspec.Struct, gc=False):
    """What a returned line stands on: the line of a fulfilment, which names the line of the order."""

    line_item: ReturnNamedIn | None = None


class ReturnLineIn(msgspec.Struct, gc=False):
    """An entry of `return_line_items`. Notes of the customer are not read."""

    line_item_id: Json = None
    fulfillment_line_item: ReturnItemIn | None = None
    quantity: Json = None
    return_reason: str | None = None


class ReturnIn(msgspec.Struct, gc=False):
    """An entry of `returns`, which a flow has gathered: as the webhook `returns/approve` publishes it."""

    id: Json = None
    status: str | None = None
    return_line_items: list[ReturnLineIn] | None = None
    exchange_line_items: list[Json] | None = None


class AddressIn(msgspec.Struct, gc=False):
    """A billing or shipping address."""

    name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    zip: Json = None
    province_code: str | None = None
    country_code: str | None = None
    phone: Json = None


class CustomerIn(msgspec.Struct, gc=False):
    """The customer."""

    id: Json = None
    email: str | None = None
    phone: Json = None
    first_name: str | None = None
    last_name: str | None = None


class OrderIn(msgspec.Struct, Generic[Sides], gc=False):
    """An order."""

    id: Json = None
    name: str | None = None
    order_number: Json = None
    created_at: Json = None
    processed_at: Json = None
    updated_at: Json = None
    cancelled_at: Json = None
    currency: str | None = None
    presentment_currency: str | None = None
    taxes_included: bool | None = None
    duties_included: bool | None = None
    test: bool | None = None
    financial_status: str | None = None
    fulfillment_status: str | None = None
    total_price: Json = None
    total_price_set: MoneySet | None = None
    total_line_items_price: Json = None
    total_line_items_price_set: Sides | None = None
    subtotal_price: Json = None
    subtotal_price_set: Sides | None = None
    total_discounts: Json = None
    total_discounts_set: Sides | None = None
    total_tax: Json = None
    total_tax_set: Sides | None = None
    total_shipping_price_set: Sides | None = None
    current_total_price: Json = None
    current_total_price_set: Sides | None = None
    total_outstanding: Json = None
    total_tip_received: Json = None
    original_total_duties_set: Sides | None = None
    original_total_additional_fees_set: Sides | None = None
    total_cash_rounding_payment_adjustment_set: Sides | None = None
    tax_lines: msgspec.Raw = NO_TAXES
    line_items: list[LineIn[Sides]] | None = None
    shipping_lines: list[ShippingIn[Sides]] | None = None
    discount_codes: list[DiscountCodeIn] | None = None
    transactions: list[TransactionIn] | None = None
    refunds: list[RefundIn] | None = None
    returns: list[ReturnIn] | None = None
    payment_gateway_names: list[str] | None = None
    gateway: str | None = None
    customer: CustomerIn | Empty | None = None
    company: Json = None
    """Of an order by a company (B2B): `{id, location_id}`."""
    billing_address: AddressIn | Empty | None = None
    shipping_address: AddressIn | Empty | None = None
    email: str | None = None
    contact_email: str | None = None
    phone: Json = None
    tags: str | list[str] | None = None


decode_head = msgspec.json.Decoder(Head, float_hook=JsonNumber).decode
decode_order = msgspec.json.Decoder(OrderIn[ShopSide], float_hook=JsonNumber).decode
decode_both_sides = msgspec.json.Decoder(OrderIn[MoneySet], float_hook=JsonNumber).decode
decode_taxes = msgspec.json.Decoder(list[TaxIn] | None, float_hook=JsonNumber).decode
