"""The fulfilment watcher: what has left the warehouse is seen, translated, sent to its sales channel, and proven told.

Two actors. `fulfilment_watcher` (key `shipments/out`, `shipments/drop`) reads shipments that changed, page by page from
a watermark with overlap, with one batched read each for their moves, sale lines, parcels and tracking numbers; what of
a shipment belongs to one order goes to `order_fulfilments` (key: the order's), which keeps a *notice* for each shipment
of the order: it translates it, never tells more units than were ordered, has it sent through `flow_starts`, and knows
whether it was *sent* and whether the sales channel says that it was *told*.

In: Fulfil's shipments (poll, webhook hints), `LinesSent` and `LinesRefused` of `flow_starts`, manifests of fulfilments,
timers, `Recheck`. Out: lines of flows; cases; facts on the order's timeline. How effects repeat: all calls are reads;
a start of a flow is `flow_starts`'s. What a crash leaves: a page that is being read is read again, and what it brings
twice changes nothing, because a notice knows its content. What is held rather than retried: a carrier that is not
mapped, an order that nobody knows.

`parts` is what is remembered of shipments, `sweeping` how they are read, `translating` what a sales channel is told,
`keeping` what is kept of an order, `settling` and `notices` the decision for it, `watcher` and `orders` the shells.
"""

from flows.fulfilment_watcher.orders import OrderFulfilments
from flows.fulfilment_watcher.parts import (
    NAME,
    ORDERS,
    FulfilmentPageReceived,
    LookAtHeld,
    Watch,
    held_key,
    told_key,
    watch_key,
    watched_models,
)
from flows.fulfilment_watcher.watcher import FulfilmentWatcher, WatchPolicy

__all__ = [
    "NAME",
    "ORDERS",
    "FulfilmentPageReceived",
    "FulfilmentWatcher",
    "LookAtHeld",
    "OrderFulfilments",
    "Watch",
    "WatchPolicy",
    "held_key",
    "told_key",
    "watch_key",
    "watched_models",
]
