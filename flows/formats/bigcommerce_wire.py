"""The parts of BigCommerce's orders that Seamline reads, typed for one quick decode.

Amounts, ids and quantities are `Json`: they come as text, as numbers and as null, and are judged one by one. Everything
else in a payload is skipped. A repeated key counts with its last value, as in every JSON reader of the field.
Source of names: BigCommerce's REST reference, Orders V2 (Order, Order Products, Shipping Addresses, Coupons, Taxes,
Fees) and Orders V3 (Transactions, Refunds).
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Generic, TypeVar

import msgspec

from flows.formats.parts import Empty, Json, Misread, instant_of
from flows.model.money import ZERO, JsonNumber, amount_of

T = TypeVar("T")
_NUMBER_MAX = 9
_DATE_MAX = 40


class Elsewhere(msgspec.Struct, Generic[T], gc=False):
    """A resource that is not in the payload, only where to get it (V2), or one in the envelope of V3."""

    resource: Json = None
    data: list[T] | None = None


class Head(msgspec.Struct, gc=False):
    """What names an item: the fields of a bare order, and those that show another kind."""

    id: Json = None
    order_id: Json = msgspec.UNSET
    scope: Json = None
    status_id: Json = None
    date_created: Json = None
    date_modified: Json = None
    total_inc_tax: Json = None
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class AppliedDiscountIn(msgspec.Struct, gc=False):
    """The share of a discount that one product bears."""

    id: Json = None
    amount: Json = None
    name: str | None = None
    code: Json = None


class ProductIn(msgspec.Struct, gc=False):
    """An entry of `products`."""

    id: Json = None
    order_id: Json = None
    order_address_id: Json = None
    name: str | None = None
    sku: Json = None
    type: str | None = None
    base_total: Json = None
    price_ex_tax: Json = None
    price_inc_tax: Json = None
    total_ex_tax: Json = None
    total_inc_tax: Json = None
    total_tax: Json = None
    quantity: Json = None
    quantity_refunded: Json = None
    wrapping_cost_ex_tax: Json = None
    wrapping_cost_inc_tax: Json = None
    applied_discounts: list[AppliedDiscountIn] | None = None
    discounted_total_inc_tax: Json = None


class AddressIn(msgspec.Struct, gc=False):
    """The billing address, or an entry of `shipping_addresses` with what it costs to ship there."""

    id: Json = None
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    street_1: str | None = None
    street_2: str | None = None
    city: str | None = None
    state: str | None = None
    zip: Json = None
    country_iso2: str | None = None
    phone: Json = None
    email: str | None = None
    shipping_method: str | None = None
    cost_ex_tax: Json = None
    cost_inc_tax: Json = None
    cost_tax: Json = None
    handling_cost_ex_tax: Json = None
    handling_cost_inc_tax: Json = None
    handling_cost_tax: Json = None


class CouponIn(msgspec.Struct, gc=False):
    """An entry of `coupons`. `discount` is money; `amount` may be a percentage. Types 3 and 4 are off the shipping."""

    code: Json = None
    type: Json = None
    discount: Json = None


class TaxIn(msgspec.Struct, gc=False):
    """An entry of `taxes`. `rate` 8.0000 is 8 %; `line_amount` is money."""

    name: str | None = None
    rate: Json = None
    line_amount: Json = None
    order_product_id: Json = None
    order_address_id: Json = None
    line_item_type: str | None = None


class FeeIn(msgspec.Struct, gc=False):
    """An entry of `fees`. The reference's own example also spells `cost_exc_tax`."""

    cost_ex_tax: Json = None
    cost_exc_tax: Json = None
    cost_inc_tax: Json = None
    cost_tax: Json = None


class TransactionIn(msgspec.Struct, gc=False):
    """An entry of `transactions` (V3)."""

    id: Json = None
    event: str | None = None
    method: str | None = None
    amount: Json = None
    currency: str | None = None
    gateway: str | None = None
    status: str | None = None
    test: bool | None = None
    reference_transaction_id: Json = None


class RefundPaymentIn(msgspec.Struct, gc=False):
    """Money of a refund, by the way it went."""

    amount: Json = None
    is_declined: bool | None = None


class RefundItemIn(msgspec.Struct, gc=False):
    """What a refund is for. `item_id` of a product (or its wrapping) is that of the order's product.

    `item_type`: PRODUCT, GIFT_WRAPPING, SHIPPING, HANDLING, ORDER or FEE. Only products have a quantity.
    """

    item_type: str | None = None
    item_id: Json = None
    quantity: Json = None
    requested_amount: Json = None


class RefundIn(msgspec.Struct, gc=False):
    """An entry of `refunds` (V3)."""

    id: Json = None
    created: Json = None
    total_amount: Json = None
    payments: list[RefundPaymentIn] | None = None
    items: list[RefundItemIn] | None = None


class OrderIn(msgspec.Struct, gc=False):
    """An order, with what the flow has gathered of it."""

    id: Json = None
    customer_id: Json = None
    date_created: Json = None
    date_modified: Json = None
    status_id: Json = None
    payment_status: str | None = None
    payment_method: str | None = None
    payment_provider_id: Json = None
    is_tax_inclusive_pricing: bool | None = None
    subtotal_ex_tax: Json = None
    subtotal_inc_tax: Json = None
    base_shipping_cost: Json = None
    shipping_cost_ex_tax: Json = None
    shipping_cost_inc_tax: Json = None
    shipping_cost_tax: Json = None
    handling_cost_ex_tax: Json = None
    handling_cost_inc_tax: Json = None
    handling_cost_tax: Json = None
    wrapping_cost_ex_tax: Json = None
    wrapping_cost_inc_tax: Json = None
    wrapping_cost_tax: Json = None
    total_ex_tax: Json = None
    total_inc_tax: Json = None
    total_tax: Json = None
    items_total: Json = None
    items_shipped: Json = None
    order_is_digital: bool | None = None
    shipping_address_count: Json = None
    refunded_amount: Json = None
    store_credit_amount: Json = None
    gift_certificate_amount: Json = None
    discount_amount: Json = None
    coupon_discount: Json = None
    currency_code: str | None = None
    default_currency_code: str | None = None
    order_source: str | None = None
    external_source: str | None = None
    is_deleted: bool | None = None
    billing_address: AddressIn | Empty | None = None
    products: list[ProductIn] | Elsewhere[ProductIn] | None = None
    shipping_addresses: list[AddressIn] | Elsewhere[AddressIn] | None = None
    coupons: list[CouponIn] | Elsewhere[CouponIn] | None = None
    taxes: list[TaxIn] | Elsewhere[TaxIn] | None = None
    fees: list[FeeIn] | Elsewhere[FeeIn] | None = None
    transactions: list[TransactionIn] | Elsewhere[TransactionIn] | None = None
    refunds: list[RefundIn] | Elsewhere[RefundIn] | None = None


def gathered(resource: list[T] | Elsewhere[T] | None) -> list[T] | None:
    """The entries of a resource, out of V3's envelope if need be; None where the payload does not hold them."""
    if isinstance(resource, Elsewhere):
        return resource.data
    return resource


def amount_or_zero(value: Json) -> Decimal:
    """The amount of a field that the source leaves out, or empty, when there is none. Raises InvalidAmount."""
    return ZERO if value is None or value == "" else amount_of(value)


def number_of(value: Json) -> int | None:
    """A small whole number that comes as a number or as text; None for anything else."""
    text = str(value) if type(value) is int else value
    return int(text) if type(text) is str and len(text) <= _NUMBER_MAX and text.isdecimal() else None


def moment_of(value: Json, field: str) -> datetime | None:
    """An aware UTC datetime of V2's RFC 2822 text, or V3's ISO 8601; None for null and empty text. Raises Misread."""
    if type(value) is not str or not value or value[:1].isdecimal():
        return instant_of(value, field)
    try:
        if len(value) > _DATE_MAX:
            raise ValueError
        return _moment(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        raise Misread(f"{field} is not a date and time in RFC 2822 or ISO 8601") from None


@lru_cache(maxsize=1_024)
def _moment(text: str) -> datetime:
    """Remembered: one takes ten microseconds, and an order is asked for it when it is named, and when it is read."""
    moment = parsedate_to_datetime(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def iso_of(value: Json) -> str | None:
    """The same as ISO 8601 text; None where there is none that can be read."""
    try:
        moment = moment_of(value, "date_modified")
    except Misread:
        return None
    return None if moment is None else moment.isoformat()


decode_head = msgspec.json.Decoder(Head, float_hook=JsonNumber).decode
decode_order = msgspec.json.Decoder(OrderIn, float_hook=JsonNumber).decode
