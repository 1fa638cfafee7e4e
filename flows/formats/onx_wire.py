"""The parts of an onX order that Seamline reads, typed for one quick decode.

Scalars are `Json`, and are judged one by one: between an onX server and Seamline stands a flow of Patchworks, whose
scripts may have made text of numbers. Payments and refunds are counted only, since nothing defines what is in them.
Everything else in a payload is skipped. A repeated key counts with its last value, as in every JSON reader.
Source of names: see `onx`.
"""

from __future__ import annotations

import msgspec

from flows.formats.parts import Json
from flows.model.money import JsonNumber

Raw = msgspec.Raw | msgspec.UnsetType


class Head(msgspec.Struct, gc=False, rename="camel"):
    """What names an item: the fields of a bare order, the envelopes, and fields that show another kind."""

    id: Json = None
    order_id: Json = None
    status: Json = None
    updated_at: Json = None
    order: Raw = msgspec.UNSET
    orders: Raw = msgspec.UNSET
    tracking_numbers: Raw = msgspec.UNSET
    return_line_items: Raw = msgspec.UNSET
    line_items: Raw = msgspec.UNSET
    total_price: Raw = msgspec.UNSET
    payment_status: Raw = msgspec.UNSET


class AddressIn(msgspec.Struct, gc=False, rename="camel"):
    """An address; every field of it is optional."""

    first_name: Json = None
    last_name: Json = None
    company: Json = None
    address1: Json = None
    address2: Json = None
    city: Json = None
    state_or_province: Json = None
    zip_code_or_postal_code: Json = None
    country: Json = None
    phone: Json = None
    email: Json = None


class CustomerIn(msgspec.Struct, gc=False, rename="camel"):
    """Who ordered."""

    id: Json = None
    first_name: Json = None
    last_name: Json = None
    email: Json = None
    phone: Json = None


class LineIn(msgspec.Struct, gc=False, rename="camel"):
    """An entry of `lineItems`. `totalPrice` is (unitPrice - unitDiscount) * quantity, by definition."""

    id: Json = None
    external_id: Json = None
    sku: Json = None
    name: Json = None
    quantity: Json = None
    unit_price: Json = None
    unit_discount: Json = None
    total_price: Json = None


class OrderIn(msgspec.Struct, gc=False, rename="camel"):
    """An order."""

    id: Json = None
    external_id: Json = None
    name: Json = None
    created_at: Json = None
    updated_at: Json = None
    status: Json = None
    payment_status: Json = None
    currency: Json = None
    line_items: list[LineIn] | None = None
    sub_total_price: Json = None
    order_discount: Json = None
    order_tax: Json = None
    shipping_price: Json = None
    total_price: Json = None
    payments: list[msgspec.Raw] | None = None
    refunds: list[msgspec.Raw] | None = None
    customer: CustomerIn | None = None
    billing_address: AddressIn | None = None
    shipping_address: AddressIn | None = None
    markfor_address: Raw = msgspec.UNSET
    shipping_carrier: Json = None
    shipping_class: Json = None
    shipping_code: Json = None
    order_source: Json = None
    tags: list[Json] | None = None
    order: Raw = msgspec.UNSET


decode_head = msgspec.json.Decoder(Head, float_hook=JsonNumber).decode
decode_order = msgspec.json.Decoder(OrderIn, float_hook=JsonNumber).decode
