"""The shell of the order importer: reads deliveries for the decision, a whole batch at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from flows.config import SalesChannelSettings
from flows.formats import FORMATS, Unreadable
from flows.formats.patched import order_in
from flows.model.bundles import bundles_in, bundles_kept, part_of, skus_of
from flows.model.candidates import Hints
from flows.model.closing import closing_row
from flows.model.content import content_of
from flows.model.expected_sale import expected_rows
from flows.model.messages import Recheck
from flows.model.order import Order
from flows.model.order_state import ON_ITS_WAY, OrderState, Status, announce_order, order_rows
from flows.model.proof import prove
from flows.model.skus import SkuIndex, folded
from flows.model.tenders import tender_rows
from flows.model.units import unit_rows
from flows.model.unshipped import unshipped_rows
from flows.order_importer.decision import decide
from flows.order_importer.first_orders import FirstOrders, customer_rows
from flows.order_importer.linking import LOOK_UPS, Links, linked
from flows.order_importer.messages import (
    AuthorisationEnds,
    ConfirmAbsence,
    LinkOrder,
    LookAtShipments,
    LookForReturns,
    OrderPatched,
    OrderPresented,
    OrderUnreadable,
    PatchOrder,
    RemovePatch,
)
from flows.order_importer.parts import CAUTIOUS, LATER_VERSION, NAME, Policy
from flows.order_importer.patching import Patches, asked, patched_by_person
from flows.order_importer.suspending import suspense_ended
from flows.order_importer.tendering import told_to_mapper
from flows.order_importer.weighing import presented
from runtime.actor import Item
from runtime.clock import to_datetime, to_instant
from runtime.decision import Decision, EffectDone, Message, Write
from runtime.delivery import DeliveryReceived
from runtime.journal.journal import Journal
from runtime.key import partition_of

_BY_SETTING = "this sales channel's setting `returns` says that none is made"


class OrderImporter:
    """The actor: reads deliveries for the decision, a whole batch at once, and derives the rows that people list."""

    name = NAME
    message_type = (
        DeliveryReceived
        | Recheck
        | ConfirmAbsence
        | LookAtShipments
        | LookForReturns
        | AuthorisationEnds
        | PatchOrder
        | RemovePatch
        | LinkOrder
    )
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
        self._policies = {
            name: policy if settings.returns == "create" else msgspec.structs.replace(policy, no_returns=_BY_SETTING)
            for name, settings in sales_channels.items()
        }
        self._hints = Hints(catalogue, journal)
        self._patches, self._links = Patches(journal), Links(journal)
        self._first_orders = FirstOrders(sales_channels, journal, self._read_again)

    def begin(self, key: str) -> OrderState:  # noqa: ARG002 - every order begins alike
        """An order that was never met."""
        return OrderState()

    async def ready(self) -> None:
        """No order is judged before Fulfil's products, what people changed of orders, and which customers have an order
        on its way, are known at all.
        """
        await self._patches.load()
        await self._first_orders.load()
        await self._catalogue.ready.wait()

    @property
    def can_decide(self) -> bool:
        """Whether orders are decided on yet."""
        return self._catalogue.ready.is_set()

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Read each delivery with the format of its sales channel, prove it, and look its SKUs up."""
        wanted = [delivery for item in items if (delivery := _asked_again(item)) is not None]
        bodies = dict(await self._journal.query_list("bodies", wanted)) if wanted else {}
        people = [item for item in items if type(item.message) in _OF_PEOPLE and _is_by_person(item)]
        patches = await self._patches.of(items) if people or self._patches.keys else {}
        # All are read, then all are proven: what runs again at once is still in the processor's cache of instructions.
        read = [self._read(item, bodies, patches) for item in items]
        told = [
            await self._presented(item, order) if isinstance(order, Order) else order
            for item, order in zip(items, read, strict=True)
        ]
        if not people:
            return told
        return [await self._by_person(item, each) for item, each in zip(items, told, strict=True)]

    async def _by_person(self, item: Item, told: Message | Exception) -> Message | Exception:
        """What the decision needs to know, if it is of what a person has asked for."""
        if isinstance(told, EffectDone):
            return await self._links.told(item, told, self._sales_channels) if _is_by_person(item) else told
        return asked(item, told)

    def _read(
        self, item: Item, bodies: Mapping[int, bytes], patches: Mapping[str, bytes]
    ) -> Order | Message | Exception:
        """The order that a message is about; the message itself when it is about none."""
        match item.message:
            case DeliveryReceived():
                body = item.attachment
            case LookForReturns():
                return self._for_returns(item)
            case Recheck() | PatchOrder() | RemovePatch() if (again := bodies.get(_asked_again(item) or 0)) is not None:
                body = again
            case other:
                return other
        if body is None:
            return LookupError("the body of the delivery is gone from the store")
        order = self._read_as(partition_of(item.key), body, patches.get(item.key))
        if isinstance(order, Unreadable):
            delivery, version, _ = _came_as(item)
            fetches = order.awaits == "fetch" and partition_of(item.key) in self._fetches
            awaits = order.awaits if order.awaits == "later" or fetches else ""
            return OrderUnreadable(delivery=delivery, version=version, reason=order.reason, awaits=awaits)
        return order

    def _read_as(self, sales_channel: str, body: bytes, patch: bytes | None) -> Order | Unreadable:
        return order_in(FORMATS[self._sales_channels[sales_channel].format], sales_channel, body, patch)

    def paid_by(self, key: str, body: bytes, patch: bytes | None, now: datetime) -> Sequence[Write]:
        """How an order was paid, by a payload that was decided on before; nothing where it cannot be read any more."""
        settings = self._sales_channels.get(partition_of(key))
        if settings is None:
            return ()
        try:
            order = self._read_as(partition_of(key), body, patch)
        except Exception:  # noqa: BLE001 - the fence: such a payload parks its own message, and nobody else's
            return ()
        return closing_row(order, settings.sale, now) if isinstance(order, Order) else ()

    async def _read_again(self, key: str, body: bytes) -> Order | Unreadable:
        """An order that was read before, as it is read now."""
        return self._read_as(partition_of(key), body, await self._patches.stored(key))

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
            by_person=isinstance(item.message, Recheck) and item.message.because in ("person", "cause"),
            bundles=bundles,
            buyer=buyer,
            products=self._exchanged(order) if order.refunds or order.returns else {},
        )
        return await self._doubted(presented, doubtful) if doubtful else presented

    async def _in_fulfil(self, item: Item, order: Order) -> Order | None:
        """The version that is in Fulfil, when this one differs from it and its payload is still there."""
        state = item.state
        if state.delivery is None or content_of(order) == state.content:
            return None
        patch = await self._patches.stored(item.key)
        patches = (None,) if patch is None else (patch, None)  # it may have gone there before it was patched
        for _, body in await self._journal.query_list("bodies", [state.delivery]):
            for given in patches:
                before = self._read_as(order.sales_channel, body, given)
                if isinstance(before, Order) and content_of(before) == state.content:
                    return before
        return None

    def _exchanged(self, order: Order) -> dict[str, int]:
        """The products that are shipped in exchange for what comes back."""
        units = [part.units for refund in order.refunds or () for part in refund.parts]
        units += [each for back in order.returns for each in back.units]
        return self._products_of(each.exchange.sku for each in units if each is not None and each.exchange is not None)

    def _products_of(self, skus: Iterable[str]) -> dict[str, int]:
        found = {sku: self._catalogue.product(sku) for sku in skus}
        return {sku: product for sku, product in found.items() if product is not None}

    def _for_returns(self, item: Item) -> LookForReturns:
        """What may be done about open returns by now: by the settings, and by the products that there are."""
        lines = (line for goods in item.state.returned for line in goods.lines if line.exchange is not None)
        products = self._products_of(line.exchange.sku for line in lines)
        return LookForReturns(no_returns=self._policies[partition_of(item.key)].no_returns, products=products)

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
        """What is decided; but first orders of a customer go to Fulfil one after another."""
        decision = self._first_orders.admitted(state, self._decided(state, message, now))
        decision = told_to_mapper(decision) if self._policy.tells_payments else decision
        if self._policy.settles and decision.closes and decision.state.sale is not None:
            return msgspec.structs.replace(decision, closes=False)
        return decision

    def _decided(self, state: OrderState, message: Any, now: datetime) -> Decision:
        """See `decide` of the package, and for what people ask `patching` and `linking`; the settings are those of the
        order's sales channel. Pure.
        """
        if isinstance(message, OrderPresented):
            name = message.order.sales_channel
            settings = self._sales_channels[name]
            decision = presented(state, message, now, settings.sale, settings.gate, self._policies[name])
            rows = tender_rows(f"{name}/{message.order.order_id}", message.order)
            if self._policy.settles and message.version >= state.version:
                rows = (*rows, *closing_row(message.order, settings.sale, now))
            return msgspec.structs.replace(decision, writes=(*decision.writes, *rows)) if rows else decision
        if isinstance(message, OrderPatched):
            return patched_by_person(state, message, now, self._decided)
        if state.linking is not None or state.given_up or isinstance(message, LinkOrder):
            about_a_link = linked(state, message, now, self._policy)
            if about_a_link is not None:
                return about_a_link
        return decide(state, message, now, self._policy)

    # -- for whoever is asked by a person ------------------------------------------------------------------------------

    async def state(self, key: str) -> OrderState:
        """What is remembered of an order, as of the last commit."""
        rows = await self._journal.query_list("states", [key], NAME)
        return msgspec.json.decode(rows[0][1], type=OrderState) if rows else OrderState()

    async def payload(self, key: str) -> bytes | None:
        """What was received last of an order that was decided on; None when it is gone."""
        newest = (await self.state(key)).newest
        rows = await self._journal.query_list("bodies", [newest] if newest is not None else [])
        return rows[0][1] if rows else None

    async def foreseen(self, key: str, question: PatchOrder | RemovePatch) -> tuple[OrderState, OrderPatched, Decision]:
        """Where an order stands, how it would be read if this were done to it, and what would follow. Nothing is done.

        Raises whatever keeps it from being decided on.
        """
        state = await self.state(key)
        (told,) = await self.resolve([Item(key, state, question, None)])
        if not isinstance(told, OrderPatched):
            raise told if isinstance(told, Exception) else TypeError(f"a patch cannot be foreseen by {type(told)}")
        return state, told, self._decided(state, told, to_datetime(self._journal.clock.now()))

    # -- what follows from a decision ----------------------------------------------------------------------------------

    def project(self, key: str, before: OrderState, after: OrderState, now: datetime) -> Sequence[Write]:
        """The rows of the order: in the list, its cases, what it needs of the stock, its customer, and its suspense."""
        rows = order_rows(key, before, after, now)
        if self._policy.counts_units:
            rows = [*rows, *unit_rows(key, before, after, now)]
        if self._sales_channels[partition_of(key)].fulfilments is not None:
            rows = [*rows, *unshipped_rows(key, before, after)]
        if self._policy.is_read_back:
            rows = [*rows, *expected_rows(key, before, after, now)]
        if after.customer or before.customer:
            rows = [*rows, *customer_rows(key, before, after, to_instant(now))]
        if before.status in ON_ITS_WAY or before.given_up:
            rows = [*rows, *suspense_ended(key, before, after)]
        return rows

    def announce(self, key: str, before: OrderState, after: OrderState) -> None:
        """Count what became of the order."""
        self._links.settled(key, before, after)
        announce_order(key, before, after, self._age_s, self._emit)
        if self._policy.counts_units and (
            before.status is not after.status or (before.units, before.claimed) != (after.units, after.claimed)
        ):
            self._nudge()

    def _age_s(self, state: OrderState) -> float:
        return max(0.0, (self._journal.clock.now() - (state.received_us or 0)) / 1e6)


def _asked_again(item: Item) -> int | None:
    """The delivery that has to be read again to answer the message; None when nothing has to be."""
    state: OrderState = item.state
    message = item.message
    if isinstance(message, DeliveryReceived):
        return None
    if isinstance(message, PatchOrder | RemovePatch):
        return state.newest
    if not isinstance(message, Recheck):
        return None
    if state.status in (Status.HELD, Status.WAITING, Status.EXCLUDED):
        return state.newest
    if state.status is Status.CANCELLED and state.sale is None:
        return state.newest if message.because == LATER_VERSION else None
    is_free = state.status in (Status.IMPORTED, Status.CANCELLED) and state.work is None
    return state.later.delivery if is_free and state.later is not None else None


def _came_as(item: Item) -> tuple[int, str, int]:
    """Delivery, version and instant of receipt (microseconds since 1970) of the order that is read for this item."""
    message, state = item.message, item.state
    if isinstance(message, DeliveryReceived):
        return message.delivery, message.version, message.received_us
    version = state.version if state.later is None else state.later.version
    return state.newest, version, state.received_us or 0


def _is_by_person(item: Item) -> bool:
    """Of a message that a person may have caused: whether one has."""
    message = item.message
    return not isinstance(message, EffectDone) or (item.state.linking is not None and message.kind in LOOK_UPS)


_OF_PEOPLE = frozenset((PatchOrder, RemovePatch, EffectDone))
"""Messages that a person may have caused: a patch, and the answer about a sale that an order is to be linked to."""
