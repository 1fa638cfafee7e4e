"""Amazon's orders, of the Selling Partner API: Orders v0 with its parts gathered, and Orders 2026-01-01.

v0 comes as the order (`getOrder`, bare or in its envelope `payload`) with `OrderItems`, `ShippingAddress` and
`BuyerInfo` put into it by the flow; an order without its items is stored and says what to gather. 2026-01-01 comes as
`{order: {...}}` or bare, asked for with `includedData` PROCEEDS, RECIPIENT, BUYER, FULFILLMENT and PAYMENT. Both have
the same id. The notification ORDER_CHANGE names its order and no more: stored, with no version, until the order comes.

What a gate has to know is a tag: `fulfilled-by-channel` (FBA; its lines need no shipping by us), `non-amazon`,
`replacement`, `sold-by-amazon`, `cash-on-delivery`, `cancel-requested`, `business`, `prime`, `pick-up`. A pending order
has no total, so it cannot be read until its payment is authorised. Taxes that Amazon collects are `withheld`.
Instants are read as published, also those of 1970 in Amazon's own sandbox. E-mail addresses are Amazon's relays.
Source: Amazon's Selling Partner API models (`ordersV0.json`, `orders_2026-01-01.json`), its migration guide.
"""

from __future__ import annotations

import msgspec

from connectors.contract import Identification, NotAnOrder, Unidentifiable
from flows.formats.amazon_2026 import order_of_2026
from flows.formats.amazon_v0 import order_of_v0
from flows.formats.amazon_wire import Head, decode_head, decode_notice, decode_order, decode_order_2026
from flows.formats.parts import identified, misread, object_in, unreadable
from flows.model.money import exactly
from flows.model.order import Order, Unreadable

_PAGE = NotAnOrder("A page of orders is not an order; send each of its orders by itself, with its OrderItems.")
_PART = NotAnOrder("A part of an order is not an order; send the order with its OrderItems and ShippingAddress in it.")
_BESIDE = NotAnOrder("A notification about something beside orders is not an order.")
_NOTICE = Unreadable(
    "It is the notification that an order has changed: the flow must fetch the order with its items, and send that.",
    awaits="fetch",
)


def identify(raw: bytes) -> Identification:
    """Name one item by its id and time of update. Never raises."""
    try:
        head, _ = _opened(raw)
        if head.notification_type is not None:
            return _notified(head)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return Unidentifiable(misread(error))
    if head.orders is not msgspec.UNSET or head.orders_2026 is not msgspec.UNSET:
        return _PAGE
    if head.order_id is not None:
        return identified(head.order_id, head.last_updated_time, "orderId")
    answer = identified(head.amazon_order_id, head.last_update_date, "AmazonOrderId")
    part = head.purchase_date is None and head.order_status is None and head.last_update_date is None
    return _PART if part and not isinstance(answer, Unidentifiable) else answer


def _notified(head: Head) -> Identification:
    inner = object_in(head.notice)
    if head.notification_type != "ORDER_CHANGE" or inner is None:
        return _BESIDE
    changed = decode_notice(inner).order_change_notification
    return identified(None if changed is None else changed.amazon_order_id, None, "AmazonOrderId")


def _opened(raw: bytes) -> tuple[Head, bytes]:
    """The head of the order and its bytes, out of `{payload: ...}` or `{order: ...}` if need be."""
    head = decode_head(raw)
    if head.amazon_order_id is None and head.order_id is None and head.notification_type is None:
        inner = object_in(head.payload) or object_in(head.order)
        if inner is not None:
            return decode_head(inner), inner
    return head, raw


@exactly
def read(sales_channel: str, raw: bytes) -> Order | Unreadable:
    """Read one order; whatever is wrong with the payload is the reason of an `Unreadable`. Never raises."""
    try:
        head, order = _opened(raw)
        if head.notification_type is not None:
            return _NOTICE
        if head.order_id is not None:
            return order_of_2026(decode_order_2026(order), sales_channel)
        return order_of_v0(decode_order(order), sales_channel)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return unreadable(error)
