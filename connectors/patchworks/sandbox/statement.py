"""What an observer reads: per sales channel what was ordered and arrived, per flow what ran and was delivered.

Names nobody. The digest leaves out ids of runs and times, so the same seed and the same script give the same digest.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from connectors.patchworks.sandbox.books import Books
from connectors.patchworks.sandbox.delivery import Delivery
from connectors.patchworks.sandbox.sales_channels.order import Order, text_of
from connectors.patchworks.sandbox.sales_channels.sales_channel import SalesChannel

_STATUSES = {0: "queued", 1: "started", 2: "success", 3: "failure", 4: "stopped", 5: "partial_success"}
_encode = msgspec.json.Encoder(order="deterministic").encode


def order_statement(order: Order, *, included: bool) -> dict[str, Any]:
    """One order: what is sold now, in units and money, and the parcels that the sales channel was told of."""
    return {
        "id": str(order.id),
        "name": f"#{order.number}",
        "revision": order.revision,
        "payment": order.payment,
        "cancelled": order.cancelled_at is not None,
        "total": text_of(order.total(included=included)),
        "left": text_of(order.current_total(included=included)),
        "paid": text_of(order.paid),
        "paid_back": text_of(order.paid_back),
        "refunds": len(order.refunds),
        "fulfilments": len(order.fulfilments),
        "parcels": sorted((number, each.carrier) for each in order.fulfilments for number, _ in each.tracking),
        "lines": [
            {
                "id": str(line.id),
                "sku": line.sku,
                "ordered": line.quantity,
                "removed": line.removed,
                "refunded": line.refunded,
                "shipped": line.shipped,
            }
            for line in order.lines
        ],
    }


def channel_statement(channel: SalesChannel, *, full: bool) -> dict[str, Any]:
    """One sales channel; `full`: with every order, figure and key."""
    stock = channel.stock
    shown = {
        "format": channel.seed.format,
        "orders_count": len(channel.orders),
        "sold_beyond_units": stock.sold_beyond.total(),
        **channel.receipts.statement(full=full),
    }
    if full:
        included = channel.seed.taxes_included
        shown["orders"] = [order_statement(order, included=included) for order in channel.orders.values()]
        shown["levels"] = [
            {"sku": sku, "location": location, "figure": figure, "shown": stock.shown(sku)}
            for sku, location, figure in stock.figures()
        ]
    return shown


def flows_statement(books: Books) -> dict[str, Any]:
    """Runs by flow and status."""
    counted: dict[int, Counter[str]] = {flow: Counter() for flow in books.flows}
    for run in books.runs.values():
        counted[run.flow_id][_STATUSES[run.status]] += 1
        counted[run.flow_id]["retries"] += run.trigger == "Retry"
    return {str(flow): dict(sorted(counts.items())) for flow, counts in counted.items()}


def deliveries_statement(delivery: Delivery, *, full: bool) -> dict[str, Any]:
    """What went to the target. `orders` are different orders of which any version was answered with 2xx."""
    arrived = delivery.arrived
    shown = {
        "attempts": dict(sorted(delivery.attempts.items())),
        "accepted": arrived.total(),
        "distinct": len(arrived),
        "orders": len({key.rpartition("@")[0] for key in arrived if "@" in key}),
    }
    return {**shown, "keys": dict(arrived)} if full else shown


def digest(channels: Mapping[str, SalesChannel]) -> str:
    """SHA-256 over the sales channels: orders, figures, and what arrived."""
    hashed = hashlib.sha256()
    for name, channel in sorted(channels.items()):
        hashed.update(_encode([name, channel_statement(channel, full=True)]))
    return hashed.hexdigest()
