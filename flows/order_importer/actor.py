"""The shell of the order importer: reads deliveries for the decision, a whole batch at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from flows.config import SalesChannelSettings
from flows.formats import FORMATS, Unreadable
from flows.model.candidates import Hints
from flows.model.messages import Recheck
from flows.model.order import Order
from flows.model.order_state import OrderState, Status, announce_order, order_rows
from flows.model.proof import prove
from flows.model.skus import SkuIndex, folded
from flows.order_importer.decision import decide
from flows.order_importer.messages import ConfirmAbsence, OrderPresented, OrderUnreadable
from flows.order_importer.parts import NAME, RESENDS_MAX
from flows.order_importer.weighing import presented
from runtime.actor import Item
from runtime.decision import Decision, Message, Write
from runtime.delivery import DeliveryReceived
from runtime.journal.journal import Journal
from runtime.key import partition_of


class OrderImporter:
    """The actor: reads deliveries for the decision, a whole batch at once, and derives the rows that people list."""

    name = NAME
    message_type = DeliveryReceived | Recheck | ConfirmAbsence
    state_type = OrderState

    def __init__(
        self,
        sales_channels: Mapping[str, SalesChannelSettings],
        catalogue: SkuIndex,
        journal: Journal,
        emit: Any,
        *,
        repeats_create: bool = True,
    ) -> None:
        self._sales_channels, self._catalogue, self._journal, self._emit = sales_channels, catalogue, journal, emit
        self._attempts_max = RESENDS_MAX if repeats_create else 1
        self._hints = Hints(catalogue, journal)

    def begin(self, key: str) -> OrderState:  # noqa: ARG002 - every order begins alike
        """An order that was never met."""
        return OrderState()

    async def ready(self) -> None:
        """No order is judged before Fulfil's products are known at all."""
        await self._catalogue.ready.wait()

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Read each delivery with the format of its sales channel, prove it, and look its SKUs up."""
        wanted = [
            item.state.delivery
            for item in items
            if isinstance(item.message, Recheck) and item.state.status in (Status.HELD, Status.WAITING)
        ]
        bodies = dict(await self._journal.query_list("bodies", wanted)) if wanted else {}
        # All are read, then all are proven: what runs again at once is still in the processor's cache of instructions.
        read = [self._read(item, bodies) for item in items]
        return [
            await self._presented(item, order) if isinstance(order, Order) else order
            for item, order in zip(items, read, strict=True)
        ]

    def _read(self, item: Item, bodies: Mapping[int, bytes]) -> Order | Message | Exception:
        """The order that a message is about; the message itself when it is about none."""
        match item.message:
            case DeliveryReceived():
                body = item.attachment
            case Recheck() if item.state.delivery in bodies:
                body = bodies[item.state.delivery]
            case other:
                return other
        if body is None:
            return LookupError("the body of the delivery is gone from the store")
        sales_channel = partition_of(item.key)
        order = FORMATS[self._sales_channels[sales_channel].format].read(sales_channel, body)
        if isinstance(order, Unreadable):
            delivery, version, _ = _came_as(item)
            return OrderUnreadable(delivery=delivery, version=version, reason=order.reason)
        return order

    async def _presented(self, item: Item, order: Order) -> OrderPresented:
        """An order with its proof, and what is known of the SKUs that cannot be sold."""
        delivery, version, received_us = _came_as(item)
        settings, sellable = self._sales_channels[order.sales_channel], self._catalogue.sellable
        doubtful = [line.sku or "" for line in order.lines if not (line.sku and sellable(line.sku))]
        presented = OrderPresented(
            delivery=delivery,
            version=version,
            received_us=received_us,
            order=order,
            proof=prove(order, side=settings.sale.side, tolerance=settings.tolerance),
            missing=(),
            hints={},
        )
        return await self._doubted(presented, doubtful) if doubtful else presented

    async def _doubted(self, read: OrderPresented, skus: Sequence[str]) -> OrderPresented:
        """With what is known of SKUs that cannot be sold."""
        aliases = {sku: other for sku in skus if (other := self._catalogue.sold_as(sku)) is not None}
        products = {sku: self._catalogue.twins(sku) for sku in skus if sku not in aliases}
        missing = tuple(sku for sku, twins in products.items() if not twins)
        hints = {sku: await self._hints.of(sku) for sku in missing}
        ambiguous = {sku: await self._named(sku, twins) for sku, twins in products.items() if twins}
        return msgspec.structs.replace(read, missing=missing, hints=hints, ambiguous=ambiguous, aliases=aliases)

    async def _named(self, sku: str, products: Sequence[int]) -> tuple[str, ...]:
        """Products that share a SKU, as people know them; the name of one that has just come may not be on disk yet."""
        names = dict(await self._journal.query("products_of_sku", folded(sku), sku))
        return tuple(f"{id_} ({names[id_]})" if names.get(id_) else str(id_) for id_ in products)

    def decide(self, state: OrderState, message: Any, now: datetime) -> Decision:
        """See `decide` above; the settings are those of the order's sales channel."""
        if isinstance(message, OrderPresented):
            return presented(state, message, now, self._sales_channels[message.order.sales_channel].sale)
        return decide(state, message, now, attempts_max=self._attempts_max)

    def project(self, key: str, before: OrderState, after: OrderState, now: datetime) -> Sequence[Write]:
        """The order's row in the list, and its cases."""
        return order_rows(key, before, after, now)

    def announce(self, key: str, before: OrderState, after: OrderState) -> None:
        """Count what became of the order."""
        announce_order(key, before, after, self._age_s, self._emit)

    def _age_s(self, state: OrderState) -> float:
        return max(0.0, (self._journal.clock.now() - (state.received_us or 0)) / 1e6)


def _came_as(item: Item) -> tuple[int, str, int]:
    """Delivery, version and instant of receipt (microseconds since 1970) of the order that is read for this item."""
    message, state = item.message, item.state
    if isinstance(message, DeliveryReceived):
        return message.delivery, message.version, message.received_us
    return state.delivery, state.version, state.received_us or 0
