"""The shell of the order importer: reads deliveries for the decision, a whole batch at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from flows.config import SalesChannelSettings
from flows.formats import FORMATS, Unreadable
from flows.model.bundles import bundles_in, bundles_kept, part_of, skus_of
from flows.model.candidates import Hints
from flows.model.content import content_of
from flows.model.messages import Recheck
from flows.model.order import Order
from flows.model.order_state import OrderState, Status, announce_order, order_rows
from flows.model.proof import prove
from flows.model.skus import SkuIndex, folded
from flows.model.units import unit_rows
from flows.order_importer.decision import decide
from flows.order_importer.first_orders import FirstOrders, customer_rows
from flows.order_importer.messages import (
    AuthorisationEnds,
    ConfirmAbsence,
    LookAtShipments,
    OrderPresented,
    OrderUnreadable,
)
from flows.order_importer.parts import CAUTIOUS, NAME, Policy
from flows.order_importer.weighing import presented
from runtime.actor import Item
from runtime.clock import to_instant
from runtime.decision import Decision, Message, Write
from runtime.delivery import DeliveryReceived
from runtime.journal.journal import Journal
from runtime.key import partition_of


class OrderImporter:
    """The actor: reads deliveries for the decision, a whole batch at once, and derives the rows that people list."""

    name = NAME
    message_type = DeliveryReceived | Recheck | ConfirmAbsence | LookAtShipments | AuthorisationEnds
    state_type = OrderState

    def __init__(
        self,
        sales_channels: Mapping[str, SalesChannelSettings],
        catalogue: SkuIndex,
        journal: Journal,
        emit: Any,
        *,
        policy: Policy = CAUTIOUS,
        fetches: Collection[str] = (),
        nudge: Callable[[], None] = lambda: None,
    ) -> None:
        """`fetches`: the sales channels of which one order can be fetched. `nudge`: what orders need has changed."""
        self._nudge = nudge
        self._sales_channels, self._catalogue, self._journal, self._emit = sales_channels, catalogue, journal, emit
        self._policy, self._fetches = policy, frozenset(fetches)
        self._hints = Hints(catalogue, journal)
        self._first_orders = FirstOrders(sales_channels, journal, self._read_as)

    def begin(self, key: str) -> OrderState:  # noqa: ARG002 - every order begins alike
        """An order that was never met."""
        return OrderState()

    async def ready(self) -> None:
        """No order is judged before Fulfil's products are known at all, and which customers have one on its way."""
        await self._first_orders.load()
        await self._catalogue.ready.wait()

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Read each delivery with the format of its sales channel, prove it, and look its SKUs up."""
        wanted = [delivery for item in items if (delivery := _asked_again(item)) is not None]
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
            case Recheck() if (again := bodies.get(_asked_again(item) or 0)) is not None:
                body = again
            case other:
                return other
        if body is None:
            return LookupError("the body of the delivery is gone from the store")
        order = self._read_as(partition_of(item.key), body)
        if isinstance(order, Unreadable):
            delivery, version, _ = _came_as(item)
            fetches = order.awaits == "fetch" and partition_of(item.key) in self._fetches
            awaits = order.awaits if order.awaits == "later" or fetches else ""
            return OrderUnreadable(delivery=delivery, version=version, reason=order.reason, awaits=awaits)
        return order

    def _read_as(self, sales_channel: str, body: bytes) -> Order | Unreadable:
        return FORMATS[self._sales_channels[sales_channel].format].read(sales_channel, body)

    async def _presented(self, item: Item, order: Order) -> OrderPresented:
        """An order with its proof, and what is known of the SKUs that cannot be sold."""
        delivery, version, received_us = _came_as(item)
        settings, sellable = self._sales_channels[order.sales_channel], self._catalogue.sellable
        waited = isinstance(item.message, Recheck) and item.message.because == "customer"
        buyer = await self._first_orders.buyer(order, waited=waited)
        before = await self._in_fulfil(item, order) if item.state.status is Status.IMPORTED else None
        bundles = bundles_in(order, settings.bundles)
        if before is not None:
            bundles = bundles_kept(before, order, item.state.bundles, bundles)
        doubtful = [sku for sku in skus_of(order, bundles) if not (sku and sellable(sku))]
        presented = OrderPresented(
            delivery=delivery,
            version=version,
            received_us=received_us,
            order=order,
            proof=prove(order, side=settings.sale.side, tolerance=settings.tolerance),
            missing=(),
            hints={},
            before=before,
            by_person=isinstance(item.message, Recheck) and item.message.because == "person",
            bundles=bundles,
            buyer=buyer,
        )
        return await self._doubted(presented, doubtful) if doubtful else presented

    async def _in_fulfil(self, item: Item, order: Order) -> Order | None:
        """The version that is in Fulfil, when this one differs from it and its payload is still there."""
        state = item.state
        if state.delivery is None or content_of(order) == state.content:
            return None
        for _, body in await self._journal.query_list("bodies", [state.delivery]):
            before = self._read_as(order.sales_channel, body)
            return before if isinstance(before, Order) else None
        return None

    async def _doubted(self, read: OrderPresented, skus: Sequence[str]) -> OrderPresented:
        """With what is known of SKUs that cannot be sold."""
        aliases = {sku: other for sku in skus if (other := self._catalogue.sold_as(sku)) is not None}
        products = {sku: self._catalogue.twins(sku) for sku in skus if sku not in aliases}
        missing = tuple(sku for sku, twins in products.items() if not twins)
        hints = {sku: await self._hints.of(sku) + part_of(sku, read.bundles) for sku in missing}
        ambiguous = {sku: await self._named(sku, twins) for sku, twins in products.items() if twins}
        return msgspec.structs.replace(read, missing=missing, hints=hints, ambiguous=ambiguous, aliases=aliases)

    async def _named(self, sku: str, products: Sequence[int]) -> tuple[str, ...]:
        """Products that share a SKU, as people know them; the name of one that has just come may not be on disk yet."""
        names = dict(await self._journal.query("products_of_sku", folded(sku), sku))
        return tuple(f"{id_} ({names[id_]})" if names.get(id_) else str(id_) for id_ in products)

    def decide(self, state: OrderState, message: Any, now: datetime) -> Decision:
        """See `decide` of the package; the settings are those of the order's sales channel. First orders of a customer
        wait for each other.
        """
        if isinstance(message, OrderPresented):
            settings = self._sales_channels[message.order.sales_channel]
            decision = presented(state, message, now, settings.sale, settings.gate, self._policy)
        else:
            decision = decide(state, message, now, self._policy)
        return self._first_orders.admitted(state, decision)

    def project(self, key: str, before: OrderState, after: OrderState, now: datetime) -> Sequence[Write]:
        """The rows of the order: in the list, its cases, what it needs of the stock, and its customer."""
        rows = order_rows(key, before, after, now)
        if self._policy.counts_units:
            rows = [*rows, *unit_rows(key, before, after, now)]
        if after.customer or before.customer:
            rows = [*rows, *customer_rows(key, before, after, to_instant(now))]
        return rows

    def announce(self, key: str, before: OrderState, after: OrderState) -> None:
        """Count what became of the order."""
        announce_order(key, before, after, self._age_s, self._emit)
        if self._policy.counts_units and (before.units != after.units or before.status is not after.status):
            self._nudge()

    def _age_s(self, state: OrderState) -> float:
        return max(0.0, (self._journal.clock.now() - (state.received_us or 0)) / 1e6)


def _asked_again(item: Item) -> int | None:
    """The delivery that has to be read again to answer the message; None when nothing has to be."""
    state: OrderState = item.state
    if not isinstance(item.message, Recheck):
        return None
    if state.status in (Status.HELD, Status.WAITING, Status.EXCLUDED):
        return state.delivery
    is_free = state.status is Status.IMPORTED and state.work is None
    return state.later.delivery if is_free and state.later is not None else None


def _came_as(item: Item) -> tuple[int, str, int]:
    """Delivery, version and instant of receipt (microseconds since 1970) of the order that is read for this item."""
    message, state = item.message, item.state
    if isinstance(message, DeliveryReceived):
        return message.delivery, message.version, message.received_us
    if state.status is Status.IMPORTED and state.later is not None:
        return state.later.delivery, state.later.version, state.received_us or 0
    return state.delivery, state.version, state.received_us or 0
