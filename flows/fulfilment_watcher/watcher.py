"""The actor that reads shipments and hands them to their orders; it also passes on what became of notices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from connectors.fulfil.changes import Page
from connectors.fulfil.shipments import DropShipment, Shipment
from connectors.patchworks.fulfilments import FulfilmentPage
from flows.fulfilment_watcher.parts import (
    NAME,
    ORDERS,
    FulfilmentPageReceived,
    Kind,
    LookAtHeld,
    NoticeRefused,
    NoticeSent,
    NoticeTold,
    Watch,
    held_key,
    order_key_of,
    watch_key,
)
from flows.fulfilment_watcher.sweeping import SweepState, WatchPolicy, page_seen, watched
from flows.model.cases import announce_cases, case_rows
from flows.model.messages import Recheck
from flows.model.outgoing import LinesRefused, LinesSent
from runtime.actor import Item
from runtime.channel import BULK
from runtime.decision import Decision, EffectDone, Emit, Message, Write
from runtime.journal.journal import Journal

__all__ = ["FulfilmentWatcher", "WatchPolicy"]

_HELD_PER_STEP: Final = 200


class _Told(Message, frozen=True, kw_only=True):
    """Notices that a sales channel has, as far as they are known here: (order key, notice, tracking numbers)."""

    notices: tuple[tuple[str, str, tuple[str, ...]], ...]


class _Held(Message, frozen=True, kw_only=True):
    """Orders with held notices; `after`: the last notice, when there may be more."""

    keys: tuple[str, ...]
    after: int = 0


def decide(state: SweepState, message: Any, now: datetime, policy: WatchPolicy) -> Decision:
    """What follows for a kind of shipments, or for news of notices. Pure."""
    match message:
        case LinesSent(lines=lines, run_id=run_id, at=at):
            return Decision(state=state, emits=tuple(_sent(line, run_id, at) for line in lines))
        case LinesRefused(lines=lines):
            return Decision(state=state, emits=tuple(_refused(line) for line in lines))
        case _Told(notices=notices):
            return Decision(state=state, emits=tuple(_told(*each, now) for each in notices))
        case _Held(keys=keys, after=after):
            looks = [Emit(channel=ORDERS, key=each, message=Recheck(because="later"), priority=BULK) for each in keys]
            if after:
                looks.append(Emit(channel=NAME, key=held_key(), message=LookAtHeld(after=after), priority=BULK))
            return Decision(state=state, emits=tuple(looks))
        case Recheck():
            return Decision(state=state)  # its next sweep is on its way
        case _:
            return watched(state, message, now, policy)


def _sent(line: str, run_id: str, at: datetime) -> Emit:
    key, notice = order_key_of(line)
    return Emit(channel=ORDERS, key=key, message=NoticeSent(notice=notice, run_id=run_id, at=at))


def _refused(line: str) -> Emit:
    key, notice = order_key_of(line)
    return Emit(channel=ORDERS, key=key, message=NoticeRefused(notice=notice))


def _told(key: str, notice: str, numbers: tuple[str, ...], now: datetime) -> Emit:
    return Emit(channel=ORDERS, key=key, message=NoticeTold(notice=notice, numbers=numbers, at=now))


# -- the shell ---------------------------------------------------------------------------------------------------------


class FulfilmentWatcher:
    """See the package."""

    name = NAME
    message_type = Watch | LookAtHeld | FulfilmentPageReceived | LinesSent | LinesRefused | Recheck
    state_type = SweepState

    def __init__(self, policy: WatchPolicy, journal: Journal, emit: Callable[[Any], None]) -> None:
        self._policy, self._journal, self._emit = policy, journal, emit

    def begin(self, key: str) -> SweepState:
        """Nothing was read yet."""
        return SweepState(kind="drop" if key == watch_key("drop") else "out")

    async def ready(self) -> None:
        """It can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Leave out what was seen before, and find the notices that are spoken of."""
        return [await self._resolved(item) for item in items]

    async def _resolved(self, item: Item) -> Message:
        match item.message:
            case EffectDone(result=Page() as page) if item.state.gathering is None:
                return await self._page(item.state.kind, page)
            case FulfilmentPageReceived(page=page):
                return await self._listed(page)
            case LookAtHeld(after=after):
                rows = await self._journal.query("fulfilments_held", after, _HELD_PER_STEP)
                more = rows[-1][0] if len(rows) == _HELD_PER_STEP else 0
                return _Held(keys=tuple(dict.fromkeys(key for _, key in rows)), after=more)
            case other:
                return other

    async def _page(self, kind: Kind, page: Page[Shipment | DropShipment]) -> Message:
        """What is new of a page."""
        rows = await self._journal.query_list("shipments_seen", [row.id for row in page.rows], kind)
        known: dict[str, tuple[str, ...]] = {}
        names = [f"{kind}-{row.id}" for row in page.rows]
        for shipment, key in await self._journal.query_list("orders_of_shipments", names):
            known[shipment] = (*known.get(shipment, ()), key)
        return page_seen(kind, page, {id_: bytes(mark) for id_, mark in rows}, known)

    async def _listed(self, page: FulfilmentPage) -> Message:
        """The notices that a page of a manifest means, and that are not known to be told."""
        wanted: dict[str, tuple[str, ...]] = {}
        for row in page.fulfilments:  # a row for each parcel, it may be
            if row.fulfilment_id:
                wanted[row.fulfilment_id] = (*wanted.get(row.fulfilment_id, ()), *row.tracking)
        found = [
            (key, notice, wanted[notice])
            for key, notice in await self._journal.query_list("fulfilments_named", list(wanted), page.sales_channel)
        ]
        by_order = [row for row in page.fulfilments if not row.fulfilment_id]
        numbers: dict[str, set[str]] = {}
        for row in by_order:
            numbers.setdefault(f"{page.sales_channel}/{row.order_id}", set()).update(row.tracking)
        for key, notice, tracking in await self._journal.query_list("fulfilments_of_orders", list(numbers)):
            told = msgspec.json.decode(tracking, type=tuple[str, ...])
            if told and numbers[key].issuperset(told):
                found.append((key, notice, told))
        return _Told(notices=tuple(found))

    def decide(self, state: SweepState, message: Any, now: datetime) -> Decision:
        """See `decide` above."""
        return decide(state, message, now, self._policy)

    def project(self, key: str, before: SweepState, after: SweepState, now: datetime) -> Sequence[Write]:
        """The case that shipments cannot be read."""
        return case_rows(key, before.cases, after.cases, now, how="Fulfil tells its shipments again")

    def announce(self, key: str, before: SweepState, after: SweepState) -> None:
        """Count the case."""
        announce_cases(key, before.cases, after.cases, self._emit)
