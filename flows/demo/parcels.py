"""What the observer says of shipments: all that has left the ERP's warehouse against what sales channels know of it.

Pure. A shipment is told when its sales channel has all of its parcels, under the name that it has for their carrier;
what it was told of an order must come to the units of those shipments. What is not told has one of two reasons: nobody
has said what its carrier is called there, or the sales channel has cancelled the order and takes no news of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from flows.demo.hub import ChannelOrder
from flows.demo.observer import Books, Fault, Finding, OrderName, Sale, SaleShipment
from flows.demo.settings import CARRIERS

_LEFT = "done"


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Shipments that have left, by what their sales channels know of them."""

    told: int = 0
    untold: int = 0
    """And nothing holds them: must be none."""
    held: int = 0
    """Their carrier is not mapped."""
    cancelled: int = 0
    """Their sales channel had cancelled the order."""


def told(
    books: Books, orders: Mapping[str, Iterable[ChannelOrder]], sales_channels: Mapping[int, str]
) -> tuple[Told, tuple[Finding, ...]]:
    """How many of the shipments are told, and what is wrong. `orders` are the sales channels' own, by their names;
    `sales_channels` names those that the ERP knows by number.
    """
    counted: Counter[str] = Counter()
    findings: list[Finding] = []
    for name, sale, order, judged in _each(books, orders, sales_channels):
        counted.update(judged.values())
        findings += _findings(name, sale, order, judged)
    return Told(**counted), tuple(findings)


def told_whole(
    books: Books, orders: Mapping[str, Iterable[ChannelOrder]], sales_channels: Mapping[int, str]
) -> set[OrderName]:
    """The orders of which something has left, and all of that is told."""
    each = _each(books, orders, sales_channels)
    return {name for name, _, _, judged in each if judged and set(judged.values()) == {"told"}}


def _each(
    books: Books, orders: Mapping[str, Iterable[ChannelOrder]], sales_channels: Mapping[int, str]
) -> Iterator[tuple[OrderName, Sale, ChannelOrder, dict[str, str]]]:
    """Every sale with its order, and which figure of `Told` each of its shipments that have left counts in."""
    known = {(name, order.id): order for name, some in orders.items() for order in some}
    for sale in books.sales:
        name = (sales_channels.get(sale.channel, ""), sale.channel_identifier or "")
        order = known.get(name)
        if order is None:
            continue  # a stranger; `observer.judge` has named it
        judged = {shipment.number: _judged(shipment, order) for shipment in sale.shipments if shipment.state == _LEFT}
        yield name, sale, order, judged


def _judged(shipment: SaleShipment, order: ChannelOrder) -> str:
    """Which figure of `Told` a shipment that has left counts in."""
    name = CARRIERS.get(shipment.carrier or "")
    wanted = {(number, name) for number in shipment.tracking}
    if wanted and wanted.issubset(set(order.parcels)):
        return "told"
    if order.cancelled:
        return "cancelled"
    return "held" if name is None else "untold"


def _findings(name: OrderName, sale: Sale, order: ChannelOrder, judged: Mapping[str, str]) -> Iterator[Finding]:
    said = "/".join(name)
    told_of = [shipment for shipment in sale.shipments if judged.get(shipment.number) == "told"]
    for number, verdict in judged.items():
        if verdict == "untold":
            yield Finding(Fault.UNTOLD, said, f"{number} has left, and its sales channel does not know of it")
    strange = {number for number, _ in order.parcels} - {number for each in told_of for number in each.tracking}
    for number in sorted(strange):
        yield Finding(Fault.MISTOLD, said, f"the sales channel knows the parcel {number}, which has not left so")
    right: Counter[str] = Counter()
    for each in told_of:
        right.update({sku: int(quantity) for sku, quantity in each.goods.items()})
    known: Counter[str] = Counter()
    for line in order.lines:
        known[line.sku] += line.shipped
    for sku in sorted(right.keys() | known.keys()):
        if known[sku] != right[sku]:
            sentence = f"the sales channel knows {known[sku]} of {sku} to be shipped, and {right[sku]} were"
            yield Finding(Fault.MISTOLD, said, sentence)
