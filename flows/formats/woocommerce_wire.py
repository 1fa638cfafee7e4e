"""The parts of WooCommerce's REST v3 order JSON that Seamline reads, typed for one quick decode.

Amounts, ids, quantities and texts are `Json`: PHP and its plugins publish each of them as text, number, null or false,
and they are judged one by one. `meta_data` stays raw until somebody needs it, since plugins put whole carts there.
Everything else in a payload is skipped. A repeated key counts with its last value, as in every JSON reader.
Source of names: WooCommerce REST API reference v3, Orders and Order refunds.
"""

from __future__ import annotations

import re

import msgspec

from flows.formats.parts import Json
from flows.model.money import JsonNumber

Raw = msgspec.Raw | msgspec.UnsetType


class Head(msgspec.Struct, gc=False):
    """What names an item: the fields of a bare order, and those that show another kind."""

    id: Json = None
    status: Json = None
    date_modified_gmt: Json = None
    refunded_by: Json = msgspec.UNSET
    refunded_payment: Json = msgspec.UNSET
    billing_period: Json = msgspec.UNSET
    data: Raw = msgspec.UNSET


class MetaIn(msgspec.Struct, gc=False):
    """An entry of `meta_data`; only the values of keys that are looked for are ever decoded."""

    key: Json = None
    value: Raw = msgspec.UNSET


class TaxIn(msgspec.Struct, gc=False):
    """The tax of one rate on a line, a fee or shipping: `id` is the rate's. Not rounded, unlike nearly all else.

    `subtotal` is before discounts, and empty on shipping and fees.
    """

    id: Json = None
    total: Json = None
    subtotal: Json = None


class LineIn(msgspec.Struct, gc=False):
    """An entry of `line_items`, of an order or of a refund. `subtotal` is before discounts, `total` after them.

    Both are without tax. `sku` is null when the product was deleted; `price` is `total` by quantity, not rounded.
    """

    id: Json = None
    name: Json = None
    sku: Json = None
    quantity: Json = None
    price: Json = None
    subtotal: Json = None
    total: Json = None
    total_tax: Json = None
    taxes: list[TaxIn] | None = None
    meta_data: Raw = msgspec.UNSET


class ChargeIn(msgspec.Struct, gc=False):
    """An entry of `shipping_lines` or `fee_lines`."""

    id: Json = None
    method_title: Json = None
    method_id: Json = None
    instance_id: Json = None
    total: Json = None
    total_tax: Json = None
    taxes: list[TaxIn] | None = None


class RateIn(msgspec.Struct, gc=False):
    """An entry of `tax_lines`: a rate, and what it came to over the whole order."""

    rate_id: Json = None
    rate_code: Json = None
    label: Json = None
    rate_percent: Json = None
    tax_total: Json = None
    shipping_tax_total: Json = None


class CouponIn(msgspec.Struct, gc=False):
    """An entry of `coupon_lines`. Its amount is on the lines already."""

    code: Json = None
    discount: Json = None


class GiftCardIn(msgspec.Struct, gc=False):
    """An entry of `gift_cards` (WooCommerce Gift Cards): what a card paid. It has lowered the order's `total`."""

    id: Json = None
    amount: Json = None


class RefundIn(msgspec.Struct, gc=False):
    """An entry of `refunds`: an id and a negative total; or the refund's own object, which has its lines too."""

    id: Json = None
    date_created_gmt: Json = None
    total: Json = None
    amount: Json = None
    line_items: list[LineIn] | None = None
    shipping_lines: list[ChargeIn] | None = None
    fee_lines: list[ChargeIn] | None = None


class AddressIn(msgspec.Struct, gc=False):
    """`billing` or `shipping`; an empty one may come as an empty array."""

    first_name: Json = None
    last_name: Json = None
    company: Json = None
    address_1: Json = None
    address_2: Json = None
    city: Json = None
    state: Json = None
    postcode: Json = None
    country: Json = None
    email: Json = None
    phone: Json = None


class OrderIn(msgspec.Struct, gc=False):
    """An order."""

    id: Json = None
    number: Json = None
    status: Json = None
    currency: Json = None
    created_via: Json = None
    date_created: Json = None
    date_created_gmt: Json = None
    created_at: Json = None
    """Of the legacy API, which is not read."""
    date_modified_gmt: Json = None
    date_paid: Json = msgspec.UNSET
    date_paid_gmt: Json = msgspec.UNSET
    date_completed: Json = None
    date_completed_gmt: Json = None
    discount_total: Json = None
    shipping_total: Json = None
    shipping_tax: Json = None
    cart_tax: Json = None
    total: Json = None
    total_tax: Json = None
    customer_id: Json = None
    payment_method: Json = None
    transaction_id: Json = None
    needs_payment: Json = None
    needs_processing: Json = None
    billing: AddressIn | list[Json] | None = None
    shipping: AddressIn | list[Json] | None = None
    line_items: list[LineIn] | None = None
    tax_lines: list[RateIn] | None = None
    shipping_lines: list[ChargeIn] | None = None
    fee_lines: list[ChargeIn] | None = None
    coupon_lines: list[CouponIn] | None = None
    gift_cards: list[GiftCardIn] | None = None
    refunds: list[RefundIn] | None = None
    meta_data: Raw = msgspec.UNSET


decode_head = msgspec.json.Decoder(Head, float_hook=JsonNumber).decode
decode_order = msgspec.json.Decoder(OrderIn, float_hook=JsonNumber).decode
_decode_entries = msgspec.json.Decoder(list[MetaIn] | dict[str, MetaIn]).decode
_decode_value = msgspec.json.Decoder().decode


_zoneless = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?").fullmatch


def gmt(value: Json) -> Json:
    """The value of a `_gmt` field with its zone, which WooCommerce leaves out; None for MySQL's date of nothing."""
    if type(value) is str:
        if value.startswith("0000-00-00"):
            return None
        if _zoneless(value):
            return f"{value}Z"
    return value


def meta(raw: Raw, *keys: str) -> list[MetaIn]:
    """The entries of `meta_data` whose keys begin with one of these; also when PHP made an object of the list.

    There may be hundreds, and mostly none is one of these: then nothing is decoded. What is no list has none.
    """
    if raw is msgspec.UNSET:
        return []
    content = bytes(raw)
    if not any(key.encode() in content for key in keys):
        return []
    try:
        entries = _decode_entries(content)
    except msgspec.DecodeError:
        return []
    found = entries.values() if isinstance(entries, dict) else entries
    return [entry for entry in found if type(entry.key) is str and entry.key.startswith(keys)]


def value_of(entry: MetaIn) -> Json:
    """The value of an entry, decoded."""
    return None if entry.value is msgspec.UNSET else _decode_value(entry.value)
