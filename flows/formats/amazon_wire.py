"""The parts of Amazon's orders that Seamline reads, typed for one quick decode: Orders API v0, and 2026-01-01.

Amounts, ids, quantities and booleans are `Json`: v0 publishes some booleans as text. Everything else in a payload is
skipped. A repeated key counts with its last value, as in every JSON reader of the field.
Source of names: Amazon's Selling Partner API models, `ordersV0.json` and `orders_2026-01-01.json`, and the schema of
the notification ORDER_CHANGE.
"""

from __future__ import annotations

import msgspec

from flows.formats.parts import Json
from flows.model.money import JsonNumber

named = msgspec.field


class Head(msgspec.Struct, gc=False, rename="pascal"):
    """What names an item: the fields of a bare order of either API, their envelopes, and those of other kinds."""

    amazon_order_id: Json = None
    purchase_date: Json = None
    order_status: Json = None
    last_update_date: Json = None
    notification_type: Json = None
    notice: msgspec.Raw | msgspec.UnsetType = named(default=msgspec.UNSET, name="Payload")
    orders: Json = named(default=msgspec.UNSET, name="Orders")
    payload: msgspec.Raw | msgspec.UnsetType = named(default=msgspec.UNSET, name="payload")
    order: msgspec.Raw | msgspec.UnsetType = named(default=msgspec.UNSET, name="order")
    order_id: Json = named(default=None, name="orderId")
    last_updated_time: Json = named(default=None, name="lastUpdatedTime")
    orders_2026: Json = named(default=msgspec.UNSET, name="orders")


class Changed(msgspec.Struct, gc=False, rename="pascal"):
    """The order that a notification speaks of."""

    amazon_order_id: Json = None


class Notice(msgspec.Struct, gc=False, rename="pascal"):
    """The payload of the notification ORDER_CHANGE."""

    order_change_notification: Changed | None = None


# -- v0 ----------------------------------------------------------------------------------------------------------------


class MoneyIn(msgspec.Struct, gc=False, rename="pascal"):
    """An amount in one currency."""

    amount: Json = None
    currency_code: str | None = None


class AddressIn(msgspec.Struct, gc=False, rename="pascal"):
    """A shipping address."""

    name: str | None = None
    company_name: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    address_line3: str | None = None
    city: str | None = None
    state_or_region: str | None = None
    postal_code: Json = None
    country_code: str | None = None
    phone: Json = None


class BuyerIn(msgspec.Struct, gc=False, rename="pascal"):
    """Who ordered. The e-mail address is Amazon's relay, not the person's own."""

    buyer_email: str | None = None
    buyer_name: str | None = None


class ItemBuyerIn(msgspec.Struct, gc=False, rename="pascal"):
    """What the buyer asked for with one item."""

    gift_wrap_price: MoneyIn | None = None
    gift_wrap_tax: MoneyIn | None = None


class CollectionIn(msgspec.Struct, gc=False, rename="pascal"):
    """Who remits the taxes of an item."""

    model: str | None = None


class CancelIn(msgspec.Struct, gc=False, rename="pascal"):
    """Whether the buyer asked to cancel an item; the seller decides."""

    is_buyer_requested_cancel: Json = None


class ItemIn(msgspec.Struct, gc=False, rename="pascal"):
    """An entry of `OrderItems`. Prices are for the whole quantity."""

    order_item_id: Json = None
    seller_sku: Json = named(default=None, name="SellerSKU")
    title: str | None = None
    quantity_ordered: Json = None
    item_price: MoneyIn | None = None
    item_tax: MoneyIn | None = None
    shipping_price: MoneyIn | None = None
    shipping_tax: MoneyIn | None = None
    shipping_discount: MoneyIn | None = None
    shipping_discount_tax: MoneyIn | None = None
    promotion_discount: MoneyIn | None = None
    promotion_discount_tax: MoneyIn | None = None
    promotion_ids: list[str] | None = None
    cod_fee: MoneyIn | None = named(default=None, name="CODFee")
    cod_fee_discount: MoneyIn | None = named(default=None, name="CODFeeDiscount")
    tax_collection: CollectionIn | None = None
    buyer_info: ItemBuyerIn | None = None
    buyer_requested_cancel: CancelIn | None = None


class ItemsIn(msgspec.Struct, gc=False, rename="pascal"):
    """A page of items as getOrderItems answers it."""

    order_items: list[ItemIn] | None = None
    next_token: Json = None


class ExecutionIn(msgspec.Struct, gc=False, rename="pascal"):
    """A part of the payment."""

    payment: MoneyIn | None = None
    payment_method: str | None = None


class OrderIn(msgspec.Struct, gc=False, rename="pascal"):
    """An order of v0, with its items, address and buyer gathered into it."""

    amazon_order_id: Json = None
    purchase_date: Json = None
    last_update_date: Json = None
    latest_ship_date: Json = None
    order_status: str | None = None
    fulfillment_channel: str | None = None
    sales_channel: str | None = None
    marketplace_id: str | None = None
    ship_service_level: str | None = None
    order_total: MoneyIn | None = None
    payment_method: str | None = None
    payment_execution_detail: list[ExecutionIn] | None = None
    is_business_order: Json = None
    is_prime: Json = None
    is_replacement_order: Json = None
    is_ispu: Json = named(default=None, name="IsISPU")
    is_sold_by_ab: Json = named(default=None, name="IsSoldByAB")
    is_iba: Json = named(default=None, name="IsIBA")
    shipping_address: AddressIn | None = None
    buyer_info: BuyerIn | None = None
    order_items: list[ItemIn] | ItemsIn | None = None
    next_token: Json = None


# -- 2026-01-01 --------------------------------------------------------------------------------------------------------


class Money2026(msgspec.Struct, gc=False, rename="camel"):
    """An amount in one currency."""

    amount: Json = None
    currency_code: str | None = None


class Detail2026(msgspec.Struct, gc=False, rename="camel"):
    """What a tax or a discount is on."""

    subtype: str | None = None
    value: Money2026 | None = None


class Breakdown2026(msgspec.Struct, gc=False, rename="camel"):
    """A part of the proceeds."""

    type: str | None = None
    subtotal: Money2026 | None = None
    detailed_breakdowns: list[Detail2026] | None = None


class Proceeds2026(msgspec.Struct, gc=False, rename="camel"):
    """What the order or one of its items brings in, in all and in parts."""

    grand_total: Money2026 | None = None
    proceeds_total: Money2026 | None = None
    breakdowns: list[Breakdown2026] | None = None


class Price2026(msgspec.Struct, gc=False, rename="camel"):
    """The price of one piece."""

    unit_price: Money2026 | None = None


class Product2026(msgspec.Struct, gc=False, rename="camel"):
    """What was ordered."""

    title: str | None = None
    seller_sku: Json = None
    price: Price2026 | None = None


class Measurement2026(msgspec.Struct, gc=False, rename="camel"):
    """What is priced: pieces (COUNT), or a weight or length."""

    unit: str | None = None


class Collection2026(msgspec.Struct, gc=False, rename="camel"):
    """Who remits the taxes of an item."""

    model: str | None = None


class ItemTax2026(msgspec.Struct, gc=False, rename="camel"):
    """How the taxes of an item are collected."""

    tax_collections: list[Collection2026] | None = None


class Promotion2026(msgspec.Struct, gc=False, rename="camel"):
    """One promotion."""

    promotion_id: str | None = None


class Promotions2026(msgspec.Struct, gc=False, rename="camel"):
    """The promotions of an item."""

    breakdowns: list[Promotion2026] | None = None


class Cancellation2026(msgspec.Struct, gc=False, rename="camel"):
    """Whether somebody asked to cancel an item."""

    cancellation_request: dict[str, Json] | None = None


class Item2026(msgspec.Struct, gc=False, rename="camel"):
    """An entry of `orderItems`."""

    order_item_id: Json = None
    quantity_ordered: Json = None
    measurement: Measurement2026 | None = None
    product: Product2026 | None = None
    proceeds: Proceeds2026 | None = None
    promotion: Promotions2026 | None = None
    cancellation: Cancellation2026 | None = None
    tax: ItemTax2026 | None = None


class Address2026(msgspec.Struct, gc=False, rename="camel"):
    """Where to deliver."""

    name: str | None = None
    company_name: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    address_line3: str | None = None
    city: str | None = None
    state_or_region: str | None = None
    postal_code: Json = None
    country_code: str | None = None
    phone: Json = None


class Recipient2026(msgspec.Struct, gc=False, rename="camel"):
    """Who receives the order."""

    delivery_address: Address2026 | None = None


class Buyer2026(msgspec.Struct, gc=False, rename="camel"):
    """Who ordered. The e-mail address is Amazon's relay, not the person's own."""

    buyer_name: str | None = None
    buyer_email: str | None = None


class SalesChannel2026(msgspec.Struct, gc=False, rename="camel"):
    """Where it was ordered."""

    channel_name: str | None = None
    marketplace_id: str | None = None


class Window2026(msgspec.Struct, gc=False, rename="camel"):
    """A stretch of time."""

    latest_date_time: Json = None


class Fulfilment2026(msgspec.Struct, gc=False, rename="camel"):
    """Who ships, how, and how far that has come."""

    fulfillment_status: str | None = None
    fulfilled_by: str | None = None
    fulfillment_service_level: str | None = None
    ship_by_window: Window2026 | None = None


class Execution2026(msgspec.Struct, gc=False, rename="camel"):
    """A part of the payment."""

    payment_method: str | None = None
    payment_amount: Money2026 | None = None


class Payment2026(msgspec.Struct, gc=False, rename="camel"):
    """How the order was paid."""

    payment_executions: list[Execution2026] | None = None


class Associated2026(msgspec.Struct, gc=False, rename="camel"):
    """An order that this one follows from."""

    association_type: str | None = None


class Order2026(msgspec.Struct, gc=False, rename="camel"):
    """An order of 2026-01-01."""

    order_id: Json = None
    created_time: Json = None
    last_updated_time: Json = None
    programs: list[str] | None = None
    associated_orders: list[Associated2026] | None = None
    sales_channel: SalesChannel2026 | None = None
    buyer: Buyer2026 | None = None
    recipient: Recipient2026 | None = None
    proceeds: Proceeds2026 | None = None
    payment: Payment2026 | None = None
    fulfillment: Fulfilment2026 | None = None
    order_items: list[Item2026] | None = None


decode_head = msgspec.json.Decoder(Head, float_hook=JsonNumber).decode
decode_notice = msgspec.json.Decoder(Notice).decode
decode_order = msgspec.json.Decoder(OrderIn, float_hook=JsonNumber).decode
decode_order_2026 = msgspec.json.Decoder(Order2026, float_hook=JsonNumber).decode
