"""The catalogue: which SKUs Fulfil can sell, kept in sync, so that an import never asks Fulfil about products.

In: `Sync` (at start, then by timer); `Release` (when an alias was decided on, and from itself while there are more).
Out: product pages from Fulfil into the journal's `catalogue` table and into the index in memory; `Recheck` to every
held order whose missing SKU has appeared, or whose ambiguous one is clear, in order of purchase. One key. Reads repeat
freely. A crash leaves the cursor of the last complete sync, and the next one reads from there again; a page read twice
changes nothing. While Fulfil is away the catalogue is as old as its last sync; when it refuses to tell its products,
that is a case. What only reading everything can show is the business of `flows/catalogue_refresh.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, assert_never

import msgspec

from connectors.fulfil.wire import ProductPage, ProductPageRequest
from flows.events import CatalogueSynced
from flows.exceptions.kinds import ExceptionCase
from flows.model.cases import announce_cases, case_rows
from flows.model.messages import Recheck, Release
from flows.model.products import learn, product_rows
from flows.model.skus import SkuIndex
from flows.model.waiting import orders_cured
from runtime.actor import Item
from runtime.channel import BULK
from runtime.decision import (
    Decision,
    Effect,
    EffectDone,
    EffectExhausted,
    EffectRefused,
    EffectUnknown,
    Emit,
    Message,
    Repeat,
    Timer,
    Write,
)
from runtime.journal.journal import Journal
from runtime.schedule import Schedule, next_after

KEY = "system/catalogue"
NAME = "catalogue"
_INDEX_ROWS_PER_READ = 5_000


class Sync(Message, frozen=True):
    """Bring the catalogue up to date: what changed since the last complete sync, or everything the first time."""


class _PageArrived(Message, frozen=True, kw_only=True):
    page: ProductPage
    cured: tuple[str, ...] = ()
    """Held orders whose SKU is no longer what it is held for, in order of purchase."""
    more: Release | None = None
    """Where to go on with those, when there may be more."""


class _OrdersCured(Message, frozen=True, kw_only=True):
    cured: tuple[str, ...]
    more: Release | None


class CatalogueState(msgspec.Struct, frozen=True, kw_only=True):
    """Where the sync stands."""

    complete_to: datetime | None = None
    """Everything changed before this instant has been read; None before the first complete sync."""
    began: datetime | None = None
    """When the sync under way began; None when none is."""
    releasing: bool = False
    """Whether orders are being released, some at a time."""
    cases: tuple[ExceptionCase, ...] = ()
    """Open while Fulfil refuses to tell its products."""


class Catalogue:
    """The actor. See the module."""

    name = NAME
    message_type = Sync | Release
    state_type = CatalogueState

    def __init__(
        self, index: SkuIndex, journal: Journal, *, page_size: int, schedule: Schedule, overlap: timedelta, emit: Any
    ) -> None:
        self.index, self._journal = index, journal
        self._page_size, self._schedule, self._overlap, self._emit = page_size, schedule, overlap, emit

    def begin(self, key: str) -> CatalogueState:  # noqa: ARG002 - there is one key
        """Nothing is known yet."""
        return CatalogueState()

    async def ready(self) -> None:
        """The catalogue can always sync."""

    def announce(self, key: str, before: CatalogueState, after: CatalogueState) -> None:
        """Count its case; the sync itself is announced when its page arrives."""
        announce_cases(key, before.cases, after.cases, self._emit)

    async def load(self) -> None:
        """Fill the index from the journal, at start. It is ready when an earlier process has completed a sync: after
        half of one, orders would be held for products that are there.
        """
        after = 0
        while rows := await self._journal.query("products", after, _INDEX_ROWS_PER_READ):
            for product, sku, active in rows:
                self.index.learn(sku, product, active=bool(active))
            after = rows[-1][0]
        self.index.rename({alias: sku for alias, sku, *_ in await self._journal.query("aliases")})
        for _, body, *_ in await self._journal.query_list("states", [KEY], NAME):
            if msgspec.json.decode(body, type=CatalogueState).complete_to is not None:
                self.index.ready.set()

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """For a page of products: learn them, and find the held orders that wait for one of them."""
        return [await self._resolved(item.message, item.state) for item in items]

    async def _resolved(self, message: Message, state: CatalogueState) -> Message:
        match message:
            case EffectDone(result=page):
                return await self._page(page, state)
            case Release():
                cured, more = await orders_cured(self._journal, self.index, message)
                return _OrdersCured(cured=cured, more=more)
            case _:
                return message

    async def _page(self, page: ProductPage, state: CatalogueState) -> Message:
        learn(self.index, page)
        if not page.complete:
            return _PageArrived(page=page)
        self.index.ready.set()
        self._emit(CatalogueSynced(products=len(self.index)))
        if state.releasing:
            return _PageArrived(page=page)  # who is next is found when those before have been sent on
        cured, more = await orders_cured(self._journal, self.index, Release())
        return _PageArrived(page=page, cured=cured, more=more)

    def decide(self, state: CatalogueState, message: Any, now: datetime) -> Decision:
        """Read page after page; when the last one is in, release what waited, and come back later."""
        match message:
            case Sync() if state.began is not None:
                return Decision(state=state, timers=(self._again(now),))
            case Sync():
                return Decision(
                    state=msgspec.structs.replace(state, began=now), effects=(self._read(state.complete_to, 0),)
                )
            case _PageArrived(page=page) if not page.complete:
                effect = self._read(state.complete_to, page.last_id)
                return Decision(state=state, writes=product_rows(page, now), effects=(effect,))
            case _PageArrived():
                complete_to = (state.began or now) - self._overlap
                releasing = state.releasing or message.more is not None
                return Decision(
                    state=CatalogueState(complete_to=complete_to, releasing=releasing),
                    writes=product_rows(message.page, now),
                    emits=_releases(message.cured, message.more),
                    timers=(self._again(now),),
                )
            case _OrdersCured():
                state = msgspec.structs.replace(state, releasing=message.more is not None)
                return Decision(state=state, emits=_releases(message.cured, message.more))
            case EffectRefused() | EffectExhausted():
                case_ = ExceptionCase(
                    kind="catalogue.refused",
                    cause="products",
                    sentence=f"Fulfil refused to tell its products: {message.sentence}".rstrip("."),
                    opened_at=state.cases[0].opened_at if state.cases else now,
                )
                return Decision(
                    state=msgspec.structs.replace(state, began=None, cases=(case_,)), timers=(self._again(now),)
                )
            case EffectUnknown():
                return Decision(state=state)
            case _:
                assert_never(message)

    def project(self, key: str, before: CatalogueState, after: CatalogueState, now: datetime) -> Sequence[Write]:
        """The rows of its case; products are written as they arrive."""
        return case_rows(key, before.cases, after.cases, now, how="Fulfil tells its products again")

    def _again(self, now: datetime) -> Timer:
        return Timer(name="sync", due=next_after(self._schedule, now), message=Sync())

    def _read(self, since: datetime | None, after_id: int) -> Effect:
        request = ProductPageRequest(changed_since=since, after_id=after_id, limit=self._page_size)
        return Effect(
            api="fulfil",
            kind="search_products",
            body=msgspec.json.encode(request),
            repeat=Repeat.SAFE,
            share="rest",
        )


def _releases(cured: Sequence[str], more: Release | None) -> tuple[Emit, ...]:
    """What sends these orders on, and then goes on behind them."""
    rechecks = [
        Emit(channel="order_importer", key=key, message=Recheck(because="catalogue"), priority=BULK) for key in cured
    ]
    return (*rechecks, *([Emit(channel=NAME, message=more, priority=BULK)] if more is not None else []))
