"""BigCommerce's orders: the order of the V2 API as one object, with what a Patchworks flow has gathered of it.

The order itself gives links where its parts should be, so the flow puts the parts under their names, as arrays:
`products` and `shipping_addresses` (needed), `coupons` (needed when there is a coupon discount), `taxes`, `fees`, and
from V3 `transactions` and `refunds`, also in V3's envelope `{data, meta}`. An order with links is stored and says what
to gather. So is the body of a webhook, which carries only the order's id: it says that there is an order, so it is
never refused; it has no version, so that it can neither outdate nor repeat the order itself.

Prices: `is_tax_inclusive_pricing` says which side of each triple is exact, with tax or without, and that side is read.
`discount_amount` and `coupon_discount` are two discounts. Amounts are in `default_currency_code`, the currency that was
paid; the shop's own (`store_default_currency_code`) is published with a rate only, so nothing is booked in it.
Source: BigCommerce's REST reference, Orders V2 and V3, and its guides to orders and currencies.
"""

from __future__ import annotations

import msgspec

from connectors.contract import Identification, NotAnOrder, Unidentifiable
from flows.formats.bigcommerce_order import order_of
from flows.formats.bigcommerce_wire import Head, decode_head, decode_order, iso_of, number_of
from flows.formats.parts import Json, identified, misread, object_in, unreadable
from flows.model.money import exactly
from flows.model.order import Order, Unreadable

_INCOMPLETE = 0
_PART = NotAnOrder("A part of an order is not an order; send the order with its parts in it.")
_BESIDE = NotAnOrder("A webhook about something beside the order is not an order.")
_DRAFT = NotAnOrder("An incomplete order is not an order yet; BigCommerce tells when its checkout is completed.")
_NOTHING = NotAnOrder("Nothing shows that this is an order: date_created, status_id and total_inc_tax are missing.")
_WEBHOOK = Unreadable(
    "It is the body of a webhook, which carries only the order's id: the flow must gather the order with its products "
    "and shipping addresses, and send that.",
    awaits="fetch",
)


class _Webhook(msgspec.Struct, gc=False):
    type: Json = None
    id: Json = None


_decode_webhook = msgspec.json.Decoder(_Webhook).decode


def identify(raw: bytes) -> Identification:
    """Name one item by its id and time of modification, a webhook's body by its order's id. Never raises."""
    try:
        head, _ = _opened(raw)
        if type(head.scope) is str:
            return _told(head)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return Unidentifiable(misread(error))
    if head.order_id is not msgspec.UNSET:  # a shipment's or product's own id must not become an order's
        return _PART
    answer = identified(head.id, iso_of(head.date_modified))
    if isinstance(answer, Unidentifiable):
        return answer
    if head.date_created is None and head.status_id is None and head.total_inc_tax is None:
        return _NOTHING
    return _DRAFT if number_of(head.status_id) == _INCOMPLETE else answer


def _told(head: Head) -> Identification:
    """What a webhook's body speaks of."""
    inner = object_in(head.data)
    about = _Webhook() if inner is None else _decode_webhook(inner)
    if not str(head.scope).startswith("store/order/") or about.type != "order":
        return _BESIDE
    if str(head.scope).split("/")[2] in {"message", "metafield"}:
        return _BESIDE
    return identified(about.id, None)


def _opened(raw: bytes) -> tuple[Head, bytes]:
    """The head of the order and its bytes, out of `{data: {...}}` if need be."""
    head = decode_head(raw)
    inner = object_in(head.data)
    if inner is None or head.id is not None or head.scope is not None:
        return head, raw
    return decode_head(inner), inner


@exactly
def read(sales_channel: str, raw: bytes) -> Order | Unreadable:
    """Read one order; whatever is wrong with the payload is the reason of an `Unreadable`. Never raises."""
    try:
        head, order = _opened(raw)
        if type(head.scope) is str:
            return _WEBHOOK
        return order_of(decode_order(order), sales_channel)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return unreadable(error)
