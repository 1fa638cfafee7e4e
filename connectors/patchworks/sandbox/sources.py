"""What the first connector of a flow brings: orders, manifests, or our own pages. Each as Patchworks has it.

The root of a scheduled read of orders is an array (facts 6: the data path strips the sales channel's own wrapper); a
sales channel's webhook brings one order as an object.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from connectors.patchworks.sandbox.records import Flow, Item
from connectors.patchworks.sandbox.sales_channels.order import Order
from connectors.patchworks.sandbox.sales_channels.sales_channel import SalesChannel
from connectors.patchworks.sandbox.shapes import array_of
from runtime.clock import Instant, to_datetime, to_instant


def order_item(channel: SalesChannel, order: Order) -> Item:
    """One order as it is now."""
    return Item(channel.rendered(order), (f"{channel.seed.name}/{order.id}@{order.revision}",))


def orders_item(channel: SalesChannel, since: Instant, *, skip: int = 0, limit: int | None = None) -> Item:
    """The orders changed since then, oldest change first, as an array."""
    orders = list(channel.updated_since(since))[skip:]
    return array_of(order_item(channel, each) for each in orders[:limit])


def read_channel(flow: Flow, channel: SalesChannel, asked: dict[str, Any], now: Instant) -> Item:
    """The first payload of a flow that reads a sales channel.

    `asked` are the variables of whoever called: `since` (ISO 8601), `page` (from 1) and `limit` for orders, the last
    two for what is offered, `id` for one order. Without `since`, `orders_updated` goes on where the flow's last run
    ended. Raises ValueError.
    """
    match flow.seed.source:
        case "orders_updated":
            if asked.get("id") is not None:
                return array_of([order_item(channel, channel.order(str(asked["id"])))])
            limit = int(asked["limit"]) if "limit" in asked else None
            skip = (int(asked.get("page", 1)) - 1) * (limit or 0)
            if asked.get("since"):
                return orders_item(channel, _instant(asked["since"]), skip=skip, limit=limit)
            item = orders_item(channel, flow.read_until, skip=skip, limit=limit)
            flow.read_until = now
            return item
        case "order_ids":
            since = _instant(asked["since"]) if asked.get("since") else Instant(0)
            rows: list[Any] = [_order_row(each) for each in channel.updated_since(since)]
        case "listings":
            limit = int(asked.get("limit", len(channel.goods)))
            first = (int(asked.get("page", 1)) - 1) * limit
            rows = [_listing_row(channel, sku) for sku in list(channel.goods)[first : first + limit]]
        case "stock_levels":
            rows = [
                {"sku": sku, "location": location, "quantity": quantity, "shown": channel.stock.shown(sku)}
                for sku, location, quantity in channel.stock.figures()
            ]
        case _:
            rows = [row for each in channel.orders.values() for row in _fulfilment_rows(each)]
    return Item(msgspec.json.encode(rows), (f"{channel.seed.name}/{flow.seed.source}",))


def _order_row(order: Order) -> dict[str, Any]:
    return {
        "id": str(order.id),
        "name": f"#{order.number}",
        "created_at": to_datetime(order.placed_at).isoformat(timespec="seconds"),
        "updated_at": to_datetime(order.updated_at).isoformat(timespec="seconds"),
        "cancelled": order.cancelled_at is not None,
    }


def _listing_row(channel: SalesChannel, sku: str) -> dict[str, Any]:
    product = channel.goods[sku]
    price = f"{product.price_cents // 100}.{product.price_cents % 100:02}"
    return {"sku": sku, "price": price, "currency": channel.seed.currency, "title": product.title, "active": True}


def _fulfilment_rows(order: Order) -> list[dict[str, Any]]:
    return [
        {
            "fulfilment_id": each.key,
            "order_id": str(order.id),
            "carrier": each.carrier,
            "tracking_numbers": [number for number, _ in each.tracking],
            "lines": [{"order_line_id": str(line_id), "quantity": units} for line_id, units in each.lines],
        }
        for each in order.fulfilments
    ]


def _instant(text: Any) -> Instant:
    """An instant from ISO 8601; without an offset it is UTC."""
    moment = datetime.fromisoformat(str(text))
    return to_instant(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
