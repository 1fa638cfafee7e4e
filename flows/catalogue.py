"""The catalogue: which SKUs Fulfil can sell, kept in sync, so that an import never asks Fulfil about products.

In: `Sync` (at start, then by timer). Out: product pages from Fulfil into the journal's `catalogue` table and into the
index in memory; `Recheck` to every held order whose missing SKU has appeared, or whose ambiguous one is clear, in order
of purchase. One key. Reads repeat freely. A crash leaves the cursor of the last complete sync, and the next one reads
from there again; a page read twice changes nothing. While Fulfil is away the catalogue is as old as its last sync; when
Fulfil refuses to tell its products, that is a case.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, assert_never

import msgspec

from connectors.fulfil.wire import Product, ProductPage, ProductPageRequest
from flows.events import CatalogueSynced
from flows.exceptions.kinds import ExceptionCase
from flows.model.cases import announce_cases, case_rows
from flows.model.messages import Recheck
from flows.model.skus import AMBIGUOUS, UNKNOWN, SkuIndex, folded
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
_RELEASED_PER_SYNC_MAX = 500
_INDEX_ROWS_PER_READ = 5_000


class Sync(Message, frozen=True):
    """Bring the catalogue up to date: what changed since the last complete sync, or everything the first time."""


class _PageArrived(Message, frozen=True, kw_only=True):
    products: tuple[Product, ...]
    last_id: int
    complete: bool
    waiting: tuple[str, ...]
    """Held orders whose SKU is no longer what it is held for, in order of purchase."""


class CatalogueState(msgspec.Struct, frozen=True, kw_only=True):
    """Where the sync stands."""

    complete_to: datetime | None = None
    """Everything changed before this instant has been read; None before the first complete sync."""
    began: datetime | None = None
    """When the sync under way began; None when none is."""
    cases: tuple[ExceptionCase, ...] = ()
    """Open while Fulfil refuses to tell its products."""


class Catalogue:
    """The actor. See the module."""

    name = NAME
    message_type = Sync
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
        for _, body, *_ in await self._journal.query_list("states", [KEY], NAME):
            if msgspec.json.decode(body, type=CatalogueState).complete_to is not None:
                self.index.ready.set()

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """For a page of products: learn them, and find the held orders that wait for one of them."""
        return [
            await self._page(item.message) if isinstance(item.message, EffectDone) else item.message for item in items
        ]

    async def _page(self, done: EffectDone) -> Message:
        page: ProductPage = done.result
        for product in page.products:
            self.index.learn(product.code, product.id, active=_sellable(product))
        if page.complete:
            self.index.ready.set()
            self._emit(CatalogueSynced(products=len(self.index)))
        waiting = await self._waiting() if page.complete else ()
        return _PageArrived(products=page.products, last_id=page.last_id, complete=page.complete, waiting=waiting)

    async def _waiting(self) -> tuple[str, ...]:
        """Held orders whose SKU is no longer what it is held for (the missing one is there now, or is two products; of
        two products one is left, or none), in order of purchase; the next sync has what is too many.
        """
        found: set[tuple[int, str]] = set()
        for kind in (UNKNOWN, AMBIGUOUS):
            for (sku,) in await self._journal.query("causes_open", kind):
                if self.index.trouble(sku) != kind:
                    rows = await self._journal.query("subjects_waiting", kind, sku)
                    found.update((placed_at or 0, subject) for subject, placed_at in rows)
        return tuple(subject for _, subject in sorted(found)[:_RELEASED_PER_SYNC_MAX])

    def decide(self, state: CatalogueState, message: Any, now: datetime) -> Decision:
        """Read page after page; when the last one is in, release what waited, and come back later."""
        match message:
            case Sync() if state.began is not None:
                return Decision(state=state, timers=(self._again(now),))
            case Sync():
                return Decision(
                    state=msgspec.structs.replace(state, began=now), effects=(self._read(state.complete_to, 0),)
                )
            case _PageArrived(complete=False):
                return Decision(
                    state=state,
                    writes=_writes(message.products),
                    effects=(self._read(state.complete_to, message.last_id),),
                )
            case _PageArrived():
                began = state.began or now
                return Decision(
                    state=CatalogueState(complete_to=began - self._overlap),
                    writes=_writes(message.products),
                    emits=tuple(
                        Emit(channel="order_importer", key=key, message=Recheck(because="catalogue"), priority=BULK)
                        for key in message.waiting
                    ),
                    timers=(self._again(now),),
                )
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


def _writes(products: Sequence[Product]) -> tuple[Write, ...]:
    return tuple(
        Write(
            "put_product",
            (product.id, product.code, folded(product.code), product.name or "", int(_sellable(product))),
        )
        for product in products
    )


def _sellable(product: Product) -> bool:
    """Whether the product can be on an order: active, and not declared unsellable."""
    return product.active and product.sellable is not False
