"""The actor that keeps the notices of each order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from flows.events import FulfilmentHeld, FulfilmentSent, FulfilmentTold, TrackingSuspect
from flows.formats import FORMATS
from flows.formats.patched import order_in
from flows.fulfilment_watcher.keeping import (
    Notice,
    OrderShipments,
    Seen,
    Withdrawal,
    progress,
    units_of_notice,
    units_told,
)
from flows.fulfilment_watcher.notices import decide
from flows.fulfilment_watcher.parts import (
    ORDERS,
    NoticeRefused,
    NoticeSent,
    NoticeTold,
    Overdue,
    ShipmentCancelled,
    ShipmentSeen,
    Withdraw,
    line_of,
)
from flows.model.cases import announce_cases, case_rows
from flows.model.fulfilments import FulfilmentSettings
from flows.model.left import units_left
from flows.model.messages import Recheck
from flows.model.order import Order
from flows.model.units import NOW
from flows.model.unshipped import OutstandingSeen
from runtime.actor import Item
from runtime.clock import to_instant
from runtime.decision import Decision, Message, Write
from runtime.journal.journal import Journal
from runtime.key import partition_of, parts_of

_LOOKED_UP = ShipmentSeen | OutstandingSeen | Recheck
"""Messages about which the order itself is asked, too."""


class OrderFulfilments:
    """See the package. `sales_channels` are those that hear of shipments; `formats`: what each one's orders are;
    `subtracting`: those whose published stock has their unshipped units in it, so that it changes with each notice.
    """

    name = ORDERS
    message_type = (
        ShipmentSeen
        | OutstandingSeen
        | ShipmentCancelled
        | NoticeSent
        | NoticeRefused
        | NoticeTold
        | Overdue
        | Withdraw
        | Recheck
    )
    state_type = OrderShipments

    def __init__(
        self,
        sales_channels: Mapping[str, FulfilmentSettings],
        formats: Mapping[str, str],
        journal: Journal,
        emit: Callable[[Any], None],
        *,
        subtracting: Collection[str],
        nudge: Callable[[], None],
    ) -> None:
        self._sales_channels, self._formats, self._journal, self._emit = sales_channels, formats, journal, emit
        self._subtracting, self._nudge = frozenset(subtracting), nudge

    def begin(self, key: str) -> OrderShipments:
        """Nothing of it was shipped."""
        return OrderShipments(key=key)

    async def ready(self) -> None:
        """It can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Whether the orders were ever received, and what is left of them: one read each for the whole batch."""
        found = await self._looked_up(items)
        return [
            await self._withdrawal(item.key, item.message.notice) if isinstance(item.message, Withdraw) else message
            for item, message in zip(items, found, strict=True)
        ]

    async def _withdrawal(self, key: str, notice: str) -> Message:
        settings = self._sales_channels.get(partition_of(key))
        flow = "" if settings is None else settings.flow.flow_id
        rows = await self._journal.query("outgoing_line", flow, line_of(key, notice))
        place, taken = rows[0] if rows else (None, 0)
        return Withdrawal(notice=notice, place=place, taken=bool(taken))

    async def _looked_up(self, items: Sequence[Item]) -> list[Message]:
        keys = [item.key for item in items if isinstance(item.message, _LOOKED_UP)]
        if not keys:
            return [item.message for item in items]
        known = {key for (key,) in await self._journal.query_list("keys_known", keys)}
        bodies = {key: bytes(body) for key, body in await self._journal.query_list("bodies_latest", sorted(known))}
        patches = dict(await self._journal.query_list("patches", sorted(bodies)))
        return [self._resolved(item, known, bodies, patches) for item in items]

    def _resolved(
        self, item: Item, known: set[str], bodies: Mapping[str, bytes], patches: Mapping[str, bytes]
    ) -> Message:
        """What is left is what the sales channel says; what the order is, what a person has changed of it, too."""
        message = item.message
        if not isinstance(message, _LOOKED_UP):
            return message
        body, patch = bodies.get(item.key), patches.get(item.key)
        as_received = self._order(item.key, body, None)
        order = as_received if patch is None else self._order(item.key, body, patch)
        said = as_received or order
        left = units_left(said) if said is not None else {}
        return Seen(message=message, is_known=item.key in known, left=left, order=order)

    def _order(self, key: str, body: bytes | None, patch: bytes | None) -> Order | None:
        """The newest version of the order, if it is here and can be read."""
        if body is None:
            return None
        sales_channel = partition_of(key)
        order = order_in(FORMATS[self._formats[sales_channel]], sales_channel, body, patch)
        return order if isinstance(order, Order) else None

    def decide(self, state: OrderShipments, message: Any, now: datetime) -> Decision:
        """See `notices`."""
        return decide(state, message, now, self._sales_channels.get(partition_of(state.key)))

    def project(self, key: str, before: OrderShipments, after: OrderShipments, now: datetime) -> Sequence[Write]:
        """The notices as people list them and sales channels pull them, how far the order is, and its cases."""
        rows = case_rows(key, before.cases, after.cases, now, how="it is mapped, told, or no longer so")
        if after.notices is before.notices and after.ordered is before.ordered:
            return rows
        changed = [each for shipment, each in after.notices.items() if before.notices.get(shipment) is not each]
        settings = self._sales_channels.get(partition_of(key))
        awaits = settings is None or settings.evidence != "none"
        rows += [_notice_row(key, each, awaits=awaits) for each in changed]
        was, is_ = progress(before), progress(after)
        if is_ != was:
            sales_channel = partition_of(key)
            figures = (str(is_.ordered), str(is_.shipped))
            rows.append(Write("put_order_shipping", (key, sales_channel, is_.state, *figures, to_instant(now))))
        return [*rows, *_stock_rows(key, before, after, now, subtracts=partition_of(key) in self._subtracting)]

    def announce(self, key: str, before: OrderShipments, after: OrderShipments) -> None:
        """Count what became of notices, and the cases."""
        announce_cases(key, before.cases, after.cases, self._emit)
        if after.notices is before.notices:
            return
        sales_channel = partition_of(key)
        if sales_channel in self._subtracting:
            self._nudge()
        for shipment, each in after.notices.items():
            was = before.notices.get(shipment)
            if was is each:
                continue
            for event in _news(sales_channel, was, each):
                self._emit(event)


def _news(sales_channel: str, was: Notice | None, now: Notice) -> list[Any]:
    """Events of one notice."""
    events: list[Any] = []
    new = set(now.suspect) - set(was.suspect if was is not None else ())
    if new:
        events.append(TrackingSuspect(sales_channel=sales_channel, numbers=len(new)))
    status = was.status if was is not None else ""
    if now.status == status and (was is None or now.version == was.version):
        return events
    if now.status == "held":
        events.append(FulfilmentHeld(sales_channel=sales_channel))
    if now.status == "sent" and now.sent_at is not None and now.version == 1:
        seconds = max(0.0, (now.sent_at - now.part.changed_at).total_seconds())
        events.append(FulfilmentSent(sales_channel=sales_channel, seconds=seconds))
    if now.status == "told" and now.told_at is not None and now.seen_at is not None:
        since = now.seen_at if now.version == 1 else now.waits_since or now.seen_at
        seconds = max(0.0, (now.told_at - since).total_seconds())
        events.append(FulfilmentTold(sales_channel=sales_channel, seconds=seconds))
    return events


def _stock_rows(
    key: str, before: OrderShipments, after: OrderShipments, now: datetime, *, subtracts: bool
) -> list[Write]:
    """What the sales channel may know to be shipped. One that `subtracts` its unshipped units itself does not have that
    added to its figures any more, and takes it from them when it was told.
    """
    was, is_ = units_told(before), units_told(after)
    told = {sku: units for sku, units in is_.items() if was.get(sku) != units}
    told |= {sku: 0 for sku in was if sku not in is_}
    rows = [Write("put_order_told", (key, sku, units)) for sku, units in told.items()]
    if not subtracts:
        return rows
    moved = set(told)
    for shipment, each in after.notices.items():
        former = before.notices.get(shipment)
        if each.sent_version and (former is None or former.sent_version != each.sent_version):
            moved.update(units_of_notice(each))
    at, sales_channel = to_instant(now), partition_of(key)
    rows += [Write("put_stock_due", (sku, at, NOW)) for sku in sorted(moved)]
    return [*rows, *(Write("put_stock_moved", (sku, sales_channel)) for sku in sorted(moved))]


def _notice_row(key: str, each: Notice, *, awaits: bool) -> Write:
    part, sales_channel = each.part, parts_of(key)[0]
    numbers = msgspec.json.encode([parcel.number for parcel in part.parcels]).decode()
    row = (
        sales_channel, each.id, key, part.shipment, part.number, each.version, each.status, each.cause,
        part.carrier, part.service_code, part.service, int(each.mapped), numbers,
        str(sum(each.units.values(), Decimal(0))), _us(each.seen_at), _us(each.shipped_at), _us(each.sent_at),
        _us(each.told_at), _us(each.changed_at), int(awaits), each.body.encode() or None,
    )  # fmt: skip
    return Write("put_fulfilment", row)


def _us(moment: datetime | None) -> int | None:
    return None if moment is None else to_instant(moment)
