"""Magento 2 and Adobe Commerce 2.3 to 2.4: the order of the REST API (`GET /V1/orders/{id}`), read as an `Order`.

Also in the envelope `entity` (what `POST /V1/orders` takes), in `order` (webhooks), and as the only result of a search
(`GET /V1/orders?searchCriteria...`). The order's id is `entity_id`: `increment_id`, the number that people say, repeats
between stores. What the figures mean: `magento_order`. Shop money is `base_...`, presentment money the order's own.
Source: Adobe Commerce REST reference, `sales-data-order-interface` and its extension attributes.
"""

from __future__ import annotations

import msgspec

from connectors.contract import Identification, NotAnOrder, Unidentifiable
from flows.formats.magento_order import read_order, utc
from flows.formats.magento_wire import Head, decode_head, decode_list, decode_order
from flows.formats.parts import Misread, identified, misread, object_in, unreadable
from flows.model.money import exactly
from flows.model.order import Order, Unreadable

_DOCUMENT = NotAnOrder("An invoice, a shipment or a credit memo is not an order; send the order that it belongs to.")
_SEVERAL = "it is a list of orders, not one; send each by itself"


def identify(raw: bytes) -> Identification:
    """Name one item by its `entity_id` and time of update. Never raises; looks no deeper than the envelopes."""
    try:
        head, _ = _opened(raw)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return Unidentifiable(misread(error))
    if head.order_id is not None and head.entity_id is not None and head.status is None:
        return _DOCUMENT  # documents of an order name it; orders have a status, documents have none
    return identified(head.entity_id, utc(head.updated_at), "entity_id")


def _opened(raw: bytes) -> tuple[Head, bytes]:
    """The head of the order and its bytes, out of an envelope if need be."""
    head = decode_head(raw)
    if head.entity_id is not None:
        return head, raw
    inner = object_in(head.entity) or object_in(head.order)
    if inner is None and head.search_criteria is not msgspec.UNSET and head.items is not msgspec.UNSET:
        found = decode_list(head.items)
        if len(found) != 1:
            raise Misread(_SEVERAL)
        inner = bytes(found[0])
    return (head, raw) if inner is None else (decode_head(inner), inner)


@exactly
def read(sales_channel: str, raw: bytes) -> Order | Unreadable:
    """Read one order; whatever is wrong with the payload is the reason of an `Unreadable`. Never raises."""
    try:
        order = decode_order(raw)
        if order.entity_id is None:
            order = decode_order(_opened(raw)[1])
        return read_order(order, sales_channel, order.entity_id)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return unreadable(error)
