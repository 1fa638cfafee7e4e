"""The full refresh: every product is read again now and then, page by page, which alone shows what is no longer there.

In: `Refresh` (at start, then by timer), `NextPage` (by timer: pages keep their distance, so that orders never wait for
them). Out: product pages into the journal and the index; products that are gone are marked and forgotten. One key.
Reads repeat freely, of the share `rest`. A crash leaves the cursor of the last page, and it goes on from there.
A product that a page does not tell although it is known is only missed: whoever is missed is asked for by id when the
last page is in, and is gone when that does not tell it either. Too many at once are not believed, and are a case: more
likely Fulfil's answer is at fault, or what its user may see, than a company that lost its products.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, assert_never

import msgspec

from connectors.fulfil.wire import RECORDS_MAX, ProductPage, ProductPageRequest
from flows.events import CatalogueRefreshed
from flows.exceptions.kinds import ExceptionCase
from flows.model.cases import announce_cases, case_rows
from flows.model.products import gone, learn, product_rows
from flows.model.skus import SkuIndex
from runtime.actor import Item
from runtime.decision import (
    Decision,
    Effect,
    EffectDone,
    EffectExhausted,
    EffectRefused,
    EffectUnknown,
    Message,
    Repeat,
    Timer,
    Write,
)
from runtime.journal.journal import Journal
from runtime.schedule import Schedule, next_after

KEY = "system/catalogue-refresh"
NAME = "catalogue_refresh"
_AFTER_REFUSAL = timedelta(minutes=10)
_REFUSED = "catalogue.refused"
_HIGHEST_ID = (1 << 62) - 1


class Refresh(Message, frozen=True):
    """Begin a refresh when its time has come; go on with one that is under way."""


class NextPage(Message, frozen=True):
    """Timer: read on."""


class _PageArrived(Message, frozen=True, kw_only=True):
    page: ProductPage
    missed: tuple[int, ...]
    """Known products that the page should have told, and did not."""


class RefreshPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How it goes about it."""

    page_size: int
    schedule: Schedule
    page_every: timedelta
    """The distance between two pages."""
    gone_max: int
    """So many products may be gone at once; more are not believed."""


class RefreshState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the refresh stands."""

    due: datetime | None = None
    """When the next one is to begin."""
    began: datetime | None = None
    """When the one under way began; None when none is."""
    after_id: int = 0
    missed: tuple[int, ...] = ()
    """Products that this refresh has missed so far; one more than are believed at most."""
    asking: bool = False
    """Whether the pages are over, and those that were missed are being asked for."""
    gone: int = 0
    cases: tuple[ExceptionCase, ...] = ()


class CatalogueRefresh:
    """The actor. See the module."""

    name = NAME
    message_type = Refresh | NextPage
    state_type = RefreshState

    def __init__(self, index: SkuIndex, journal: Journal, policy: RefreshPolicy, emit: Callable[[Any], None]) -> None:
        self._index, self._journal, self._policy, self._emit = index, journal, policy, emit
        self._asked_max = min(RECORDS_MAX, policy.page_size)

    def begin(self, key: str) -> RefreshState:  # noqa: ARG002 - there is one key
        """None was yet: the first sync reads everything."""
        return RefreshState()

    async def ready(self) -> None:
        """Until the first sync is complete there is nothing to be read again."""
        await self._index.ready.wait()

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """For a page of products: learn them, and find those that are missing on it."""
        return [
            await self._page(item.message.result, item.state) if isinstance(item.message, EffectDone) else item.message
            for item in items
        ]

    async def _page(self, page: ProductPage, state: RefreshState) -> Message:
        learn(self._index, page)
        told = {*(product.id for product in page.products), *page.uncoded}
        if state.asking:
            missed = tuple(id_ for id_ in state.missed[: self._asked_max] if id_ not in told)
            for id_ in missed:
                self._index.forget(id_)
            return _PageArrived(page=page, missed=missed)
        last = _HIGHEST_ID if page.complete else page.last_id
        most = len(told) + self._policy.gone_max + 1
        known = await self._journal.query("products_between", state.after_id, last, most)
        return _PageArrived(page=page, missed=tuple(id_ for (id_,) in known if id_ not in told))

    def decide(self, state: RefreshState, message: Any, now: datetime) -> Decision:
        """Read page after page, then ask for whoever was missed, and come back in a day."""
        match message:
            case Refresh() if state.began is not None:
                return Decision(state=state)  # its page is being read, or its timer is set
            case Refresh() if state.due is None or state.due > now:
                due = next_after(self._policy.schedule, now)
                due = due if state.due is None else min(due, state.due)
                return Decision(state=msgspec.structs.replace(state, due=due), timers=(_begin_at(due),))
            case Refresh():
                begun = RefreshState(due=state.due, began=now, cases=state.cases)
                return Decision(state=begun, effects=(self._read(begun),))
            case NextPage() if state.began is None:
                return Decision(state=state)
            case NextPage():
                return Decision(state=state, effects=(self._read(state),))
            case _PageArrived() if state.asking:
                return self._asked(state, message, now)
            case _PageArrived():
                return self._told(state, message, now)
            case EffectRefused() | EffectExhausted():
                sentence = f"Fulfil refused to tell all its products: {message.sentence}".rstrip(".")
                case_ = _case(_REFUSED, sentence, state, now)
                again = Timer(name="page", due=now + _AFTER_REFUSAL, message=NextPage())
                cases = (*_without_refusal(state), case_)
                return Decision(state=msgspec.structs.replace(state, cases=cases), timers=(again,))
            case EffectUnknown():
                return Decision(state=state)
            case _:
                assert_never(message)

    def _told(self, state: RefreshState, message: _PageArrived, now: datetime) -> Decision:
        """A page of the refresh: remember whom it missed, and go on, or ask for them."""
        page, most = message.page, self._policy.gone_max
        missed = (*state.missed, *message.missed)[: most + 1]
        state = msgspec.structs.replace(state, after_id=page.last_id, missed=missed, cases=_without_refusal(state))
        writes = product_rows(page, now)
        if not page.complete:
            again = Timer(name="page", due=now + self._policy.page_every, message=NextPage())
            return Decision(state=state, writes=writes, timers=(again,))
        if len(missed) > most:
            sentence = f"a full read of Fulfil's products misses more than {most} that are known; none was taken out"
            return self._over(state, writes, now, (_case("catalogue.shrunk", sentence, state, now),))
        if not missed:
            return self._over(state, writes, now)
        state = msgspec.structs.replace(state, asking=True)
        return Decision(state=state, writes=writes, effects=(self._read(state),))

    def _asked(self, state: RefreshState, message: _PageArrived, now: datetime) -> Decision:
        """Those that were missed were asked for by id: whoever is missing here, too, is gone."""
        writes = (*product_rows(message.page, now), *(gone(id_, now) for id_ in message.missed))
        left, count = state.missed[self._asked_max :], state.gone + len(message.missed)
        state = msgspec.structs.replace(state, missed=left, gone=count, cases=_without_refusal(state))
        if not left:
            return self._over(state, writes, now)
        return Decision(state=state, writes=writes, effects=(self._read(state),))

    def _over(
        self, state: RefreshState, writes: Sequence[Write], now: datetime, cases: tuple[ExceptionCase, ...] = ()
    ) -> Decision:
        due = next_after(self._policy.schedule, now)
        over = RefreshState(due=due, gone=state.gone, cases=cases)
        return Decision(state=over, writes=tuple(writes), timers=(_begin_at(due),))

    def _read(self, state: RefreshState) -> Effect:
        ids = state.missed[: self._asked_max] if state.asking else ()
        after_id, limit = 0 if ids else state.after_id, self._policy.page_size
        request = ProductPageRequest(after_id=after_id, limit=limit, ids=ids)
        body = msgspec.json.encode(request)
        return Effect(api="fulfil", kind="search_products", body=body, repeat=Repeat.SAFE, share="rest")

    def project(self, key: str, before: RefreshState, after: RefreshState, now: datetime) -> Sequence[Write]:
        """The rows of its cases; products are written as they arrive."""
        return case_rows(key, before.cases, after.cases, now, how="a full read of the products was believed")

    def announce(self, key: str, before: RefreshState, after: RefreshState) -> None:
        """Tell that a refresh is over, and count its cases."""
        if before.began is not None and after.began is None:
            self._emit(CatalogueRefreshed(products=len(self._index), gone=after.gone))
        announce_cases(key, before.cases, after.cases, self._emit)


def _begin_at(due: datetime) -> Timer:
    return Timer(name="refresh", due=due, message=Refresh())


def _without_refusal(state: RefreshState) -> tuple[ExceptionCase, ...]:
    return tuple(case for case in state.cases if case.kind != _REFUSED)


def _case(kind: str, sentence: str, state: RefreshState, now: datetime) -> ExceptionCase:
    known = next((case for case in state.cases if case.kind == kind), None)
    opened_at = known.opened_at if known is not None else now
    return ExceptionCase(kind=kind, cause="refresh", sentence=sentence, opened_at=opened_at)
