"""The stock reader: what Fulfil says is there, read again when something may have changed, and all of it once a day.

In: `LookLevels` (of whoever knows that something changed, and by timer), `ReadProducts` of hints, pages of levels. Out:
rows of `stock_level`, and SKUs whose figures are due. Key: `stock/<place>`, one for each set of locations that is added
up. All calls are reads and repeat freely; a crash asks again. Products that changed go first, the sweep over all in the
gaps.
A level is as of the beginning of its read: whatever Fulfil reserved later is not in it for certain. A product that
is not found has nothing to sell, and is asked for again after a minute, and some times more: it may be back at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

from connectors.fulfil.changes import Page
from connectors.fulfil.stock import STOCK_LEVELS, StockLevel, StockQuestion
from flows.exceptions.kinds import ExceptionCase
from flows.model.cases import announce_cases, case_rows
from flows.model.stock import STOCK_READER, LookLevels, ReadProducts
from flows.model.stock_cases import refused
from flows.model.units import NOW, SWEPT
from runtime.actor import Item
from runtime.clock import to_instant
from runtime.decision import (
    Decision,
    EffectDone,
    EffectExhausted,
    EffectRefused,
    EffectUnknown,
    Emit,
    Message,
    Timer,
    Write,
)
from runtime.journal.journal import Journal
from runtime.schedule import Schedule, next_after

NAME = STOCK_READER
_AGAIN_AFTER = timedelta(minutes=1)
_ABSENT_AFTER = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=20), timedelta(hours=1))
"""When a product that was not found is asked for again; after that only the sweep can bring it back."""
_ABSENT_MAX = 1_000
"""So many are remembered."""
_NOTHING = Decimal(0)
_ALL = 1 << 62
_SILENT_MAX = 10
"""When more products were asked for, and none is told, nothing is believed of them."""
_SILENT_READ = 100_000
_DROPPED_AT_ONCE = 20_000


class ReadPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often, and how much at once."""

    sweep: Schedule
    """When all levels are read; for the first time at once."""
    sweep_page_every: timedelta
    """The distance between two pages of that."""
    page_size: int


class _Unread(Message, frozen=True, kw_only=True):
    """The next products to be read, and how often each had changed."""

    products: tuple[tuple[int, int], ...]


class _LevelsRead(Message, frozen=True, kw_only=True):
    """What a page of levels says: (sku, product, available, on hand), and the SKUs whose figures may follow.

    Those are also SKUs whose level is the same: units that were seen reserved meanwhile are in it now.
    """

    rows: tuple[tuple[str, int, str, str], ...]
    due: dict[str, int]
    """SKU -> how urgent it is to look at its figures."""
    needed: tuple[str, ...]
    """SKUs that orders need which may be in these levels by now."""
    ended: tuple[tuple[str, int], ...]
    """SKUs that these products had, and have no more."""
    silent: tuple[int, ...]
    """Products that a sweep should have told, and did not."""
    absent: tuple[int, ...]
    """Products that were asked for and are not told."""
    last_id: int
    complete: bool


class _Closed(Message, frozen=True, kw_only=True):
    """The place is no longer configured; `left`: levels of it are still there."""

    left: bool


class _Known(msgspec.Struct, frozen=True):
    """What is on disk of a product."""

    sku: str
    available: Decimal
    on_hand: Decimal


class ReaderState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One place. `began`: when the read under way began; None when none is. `asked`: the products that it is about and
    how often each had changed; none when it is a page of the sweep.
    """

    place: str
    began: datetime | None = None
    asked: tuple[tuple[int, int], ...] = ()
    after_id: int = 0
    """How far the sweep has come; 0 when none is under way."""
    next_at: datetime | None = None
    """When the sweep goes on, or begins again. None: at once."""
    absent: dict[int, int] = {}
    """Products that were not found, and how often."""
    cases: tuple[ExceptionCase, ...] = ()


class StockReader:
    """The actor. See the module. `nudge` is called when levels have arrived that are news."""

    name = NAME
    message_type = LookLevels | ReadProducts
    state_type = ReaderState

    def __init__(
        self,
        places: Mapping[str, tuple[int, ...]],
        journal: Journal,
        policy: ReadPolicy,
        emit: Callable[[Any], None],
        *,
        subtracting: Collection[str] = (),
        nudge: Callable[[], None],
    ) -> None:
        """`places`: the locations of each place, as `place_of` names it. `subtracting`: sales channels that subtract
        their unshipped units themselves, so that their units are remembered until they are shipped.
        """
        self._subtracting = msgspec.json.encode(sorted(subtracting)).decode()
        self._places, self._journal, self._policy, self._emit, self._nudge = places, journal, policy, emit, nudge

    def begin(self, key: str) -> ReaderState:
        """Nothing has been read of it."""
        return ReaderState(place=key.partition("/")[2])

    async def ready(self) -> None:
        """It can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Which products are to be read, and which of the levels that arrived are news."""
        return [await self._resolved(item) for item in items]

    async def _resolved(self, item: Item) -> Message:
        state: ReaderState = item.state
        match item.message:
            case LookLevels() if state.place not in self._places:
                return _Closed(left=bool(await self._journal.query("stock_products_between", state.place, -1, _ALL, 1)))
            case LookLevels() if state.began is None:
                rows = await self._journal.query("stock_unread_next", state.place, self._policy.page_size)
                return _Unread(products=tuple((product, changes) for product, changes in rows))
            case EffectDone(result=page):
                return await self._levels(state, page)
            case other:
                return other

    async def _levels(self, state: ReaderState, page: Page[StockLevel]) -> _LevelsRead:
        """What a page says that was not known. A product that is asked for and not answered has nothing to sell."""
        told = {row.id: row for row in page.rows}
        absent = silent = [product for product, _ in state.asked if product not in told]
        if len(silent) > _SILENT_MAX and not told:
            silent = []  # nobody deletes so many at once: the API user has lost its sight of them
        missed = () if state.asked else await self._silent(state, page, told)
        known = {
            product: _Known(sku, Decimal(available), Decimal(on_hand))
            for product, sku, available, on_hand in await self._journal.query_list(
                "stock_levels_of_products", [*told, *silent], state.place
            )
        }
        codes = [row.code for row in page.rows if row.code]
        owners = dict(await self._journal.query_list("stock_owners", codes, state.place))
        read = [_row(told.get(product), product, known.get(product), owners) for product in (*told, *silent)]
        rows = [row for row in read if row is not None]
        due: dict[str, int] = {}
        for sku, product, available, on_hand in rows:
            was = known.get(product)
            if state.asked or was is None or was.sku != sku or was.available > available:
                due[sku] = NOW if state.asked or was is not None else SWEPT
            elif (was.available, was.on_hand) != (available, on_hand):
                due[sku] = SWEPT
        found = await self._journal.query_list("units_of_skus", [row[0] for row in rows])
        needed = tuple(dict.fromkeys(sku for sku, *_ in found))
        for sku in needed:  # units that were seen reserved meanwhile are in levels that are the same
            due.setdefault(sku, SWEPT)
        ended = [(known[id_].sku, id_) for id_, row in told.items() if id_ in known and row.code != known[id_].sku]
        due.update({sku: NOW for sku, _ in ended})
        return _LevelsRead(
            rows=tuple((sku, product, str(available), str(on_hand)) for sku, product, available, on_hand in rows),
            due=due,
            needed=needed,
            ended=tuple(ended),
            silent=missed,
            absent=tuple(absent),
            last_id=page.last_id,
            complete=page.complete,
        )

    async def _silent(self, state: ReaderState, page: Page[StockLevel], told: Collection[int]) -> tuple[int, ...]:
        """Products that were there once, and that this page of the sweep leaves out: they are asked for by name."""
        to = _ALL if page.complete else page.last_id
        known = await self._journal.query(
            "stock_products_between", state.place, max(state.after_id, 0), to, _SILENT_READ
        )
        return tuple(product for (product,) in known if product not in told)

    def decide(self, state: ReaderState, message: Any, now: datetime) -> Decision:
        """What changed first, then the sweep."""
        match message:
            case _Closed(left=left):
                return self._close(state, now, left=left)
            case _Unread(products=products) if products:
                asked = StockQuestion(
                    locations=self._places[state.place], products=tuple(product for product, _ in products)
                )
                return Decision(
                    state=replace(state, began=now, asked=products), effects=(STOCK_LEVELS(asked).effect("stock"),)
                )
            case _Unread() if state.next_at is None or state.next_at <= now:
                page = StockQuestion(
                    locations=self._places[state.place], after_id=state.after_id, limit=self._policy.page_size
                )
                return Decision(state=replace(state, began=now, asked=()), effects=(STOCK_LEVELS(page).effect("rest"),))
            case _Unread():
                return _later(state, state.next_at)
            case ReadProducts(products=products):
                unread = tuple(
                    Write("put_stock_unread", (state.place, product, to_instant(now))) for product in products
                )
                return Decision(state=state, writes=unread, emits=(Emit(channel=NAME, message=LookLevels()),))
            case _LevelsRead():
                return self._learn(state, message, now)
            case EffectRefused(sentence=sentence):
                return self._refused(state, sentence, now)
            case EffectExhausted() | EffectUnknown():
                return _later(replace(state, began=None, asked=()), now + _AGAIN_AFTER)
            case _:
                return Decision(state=state)

    def _learn(self, state: ReaderState, read: _LevelsRead, now: datetime) -> Decision:
        began, at = to_instant(state.began or now), to_instant(now)
        writes = [Write("end_stock_level", (began, state.place, sku, product)) for sku, product in read.ended]
        writes += [Write("put_stock_level", (state.place, *row, began)) for row in read.rows]
        writes += [Write("forget_units", (sku, self._subtracting)) for sku in read.needed]
        writes += [Write("reread_level", (state.place, at, sku)) for sku in read.needed]
        writes += [Write("put_stock_due", (sku, at, urgency)) for sku, urgency in read.due.items()]
        writes += [Write("put_stock_unread", (state.place, product, at)) for product in read.silent]
        writes += [Write("end_stock_unread", (state.place, product, changes)) for product, changes in state.asked]
        if not state.asked:
            if read.complete:
                state = replace(state, after_id=0, next_at=next_after(self._policy.sweep, now))
            else:
                state = replace(state, after_id=read.last_id, next_at=now + self._policy.sweep_page_every)
        again = Emit(channel=NAME, message=LookLevels())
        absent = _absent(state, read.absent)
        timers = () if absent == state.absent else _when_absent(absent, now)
        state = replace(state, began=None, asked=(), absent=absent, cases=())
        return Decision(state=state, writes=tuple(writes), emits=(again,), timers=timers)

    def _refused(self, state: ReaderState, sentence: str, now: datetime) -> Decision:
        """Somebody has to look; meanwhile the figures rest on what was read last."""
        case_ = refused(state.cases, f"levels at the locations {state.place}", sentence, now)
        return _later(replace(state, began=None, asked=(), cases=(case_,)), now + _AGAIN_AFTER)

    def _close(self, state: ReaderState, now: datetime, *, left: bool) -> Decision:
        """The place is no longer configured: its levels are forgotten, some at a time."""
        writes = (
            Write("drop_stock_unread", (state.place,)),
            Write("drop_stock_levels", (state.place, _DROPPED_AT_ONCE)),
        )
        decision = _later(ReaderState(place=state.place), now + _AGAIN_AFTER if left else None)
        return replace(decision, writes=writes)

    def project(self, key: str, before: ReaderState, after: ReaderState, now: datetime) -> Sequence[Write]:
        """The case; levels are written as they arrive."""
        return case_rows(key, before.cases, after.cases, now, how="its levels were read")

    def announce(self, key: str, before: ReaderState, after: ReaderState) -> None:
        """Have figures looked at when levels have arrived."""
        announce_cases(key, before.cases, after.cases, self._emit)
        if before.began is not None and after.began is None:
            self._nudge()


def _absent(state: ReaderState, absent: Collection[int]) -> dict[int, int]:
    """The products that were not found, once a read of those in `asked` has found all but these."""
    asked = {product for product, _ in state.asked}
    left = {product: times for product, times in state.absent.items() if product not in asked}
    left |= {product: state.absent.get(product, 0) + 1 for product in absent}
    kept = [(product, times) for product, times in left.items() if times <= len(_ABSENT_AFTER)]
    return dict(kept[:_ABSENT_MAX])


def _when_absent(absent: Mapping[int, int], now: datetime) -> tuple[Timer, ...]:
    """All of them are asked for at once, as soon as the one that was missed last is due."""
    if not absent:
        return ()
    due = now + _ABSENT_AFTER[min(absent.values()) - 1]
    return (Timer(name="absent", due=due, message=ReadProducts(products=tuple(absent))),)


def _later(state: ReaderState, due: datetime | None) -> Decision:
    timers = () if due is None else (Timer(name="look", due=due, message=LookLevels()),)
    return Decision(state=state, timers=timers)


def _row(
    row: StockLevel | None, product: int, was: _Known | None, owners: Mapping[str, int]
) -> tuple[str, int, Decimal, Decimal] | None:
    """What is there of a product, under its SKU; None when nothing follows.

    An archived product takes nothing from the active one that has its SKU now: brands archive a product and make it
    anew.
    """
    sku = row.code if row is not None else was.sku if was is not None else None
    if not sku:
        return None
    if row is None or row.active is False:
        return (sku, product, _NOTHING, _NOTHING) if owners.get(sku, product) == product and was is not None else None
    return sku, product, row.quantity_available or _NOTHING, row.quantity_on_hand or _NOTHING
