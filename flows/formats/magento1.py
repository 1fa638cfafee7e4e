"""Magento 1.4 to 1.9: what the SOAP or XML-RPC call `sales_order.info` answers, as JSON, read as an `Order`.

Also in the envelope `result` of a SOAP answer. The order's id is `order_id` (`entity_id` of its table); `increment_id`
is the number that people say. All values are text, amounts with four digits. It publishes no names of taxes: a tax is
called by its percentage, and shipping's has no name. What the figures mean: `magento_order`.
Source: Magento 1 SOAP API reference, Mage_Sales, `sales_order.info`.
"""

from __future__ import annotations

import msgspec

from connectors.contract import Identification, NotAnOrder, Unidentifiable
from flows.formats.magento_order import read_order, utc
from flows.formats.magento_wire import Head, decode_head, decode_order
from flows.formats.parts import identified, misread, object_in, unreadable
from flows.model.money import exactly
from flows.model.order import Order, Unreadable

_KINDS = (
    ("shipment_id", NotAnOrder("A shipment is not an order; send the order that it belongs to.")),
    ("invoice_id", NotAnOrder("An invoice is not an order; send the order that it belongs to.")),
    ("creditmemo_id", NotAnOrder("A credit memo is not an order; send the order that it belongs to.")),
)


def identify(raw: bytes) -> Identification:
    """Name one item by its `order_id` and time of update. Never raises; looks no deeper than the envelope."""
    try:
        head, _ = _opened(raw)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return Unidentifiable(misread(error))
    for field, kind in _KINDS:
        if getattr(head, field) is not None:
            return kind
    return identified(head.order_id, utc(head.updated_at), "order_id")


def _opened(raw: bytes) -> tuple[Head, bytes]:
    """The head of the order and its bytes, out of `{result: ...}` if need be."""
    head = decode_head(raw)
    inner = object_in(head.result) if head.order_id is None else None
    return (head, raw) if inner is None else (decode_head(inner), inner)


@exactly
def read(sales_channel: str, raw: bytes) -> Order | Unreadable:
    """Read one order; whatever is wrong with the payload is the reason of an `Unreadable`. Never raises."""
    try:
        order = decode_order(raw)
        if order.order_id is None:
            order = decode_order(_opened(raw)[1])
        return read_order(order, sales_channel, order.order_id)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return unreadable(error)
