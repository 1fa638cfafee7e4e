"""How shipments of one kind are read: sweep after sweep from a watermark, each page with what belongs to it. Pure.

A sweep reads again what was changed up to `overlap` before the last one, because late commits carry earlier times. In a
busy hour that is thousands of shipments, so it is done once a minute: a *deep* sweep, which is the guarantee. In
between *quick* ones read what is new, from half a minute before the last sweep.

The watermark moves on in the same step in which a page's shipments are handed to their orders, so that a crash reads
the page again or has handed it on, never neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from connectors.fulfil.changes import Page, Watermark, advance, begin_or_go_on
from connectors.fulfil.shipments import DROP_SHIPMENTS, SHIPMENTS, DropShipment, Shipment
from flows.exceptions.kinds import ExceptionCase
from flows.fulfilment_watcher.bundling import Rules, bundled
from flows.fulfilment_watcher.gathering import Gathering, Ship, asked, begun, learned, parts_of, ship_of
from flows.fulfilment_watcher.lateness import LOOK_AFTER
from flows.fulfilment_watcher.parts import KINDS, ORDERS, Kind, ShipmentCancelled, ShipmentPart, ShipmentSeen, Watch
from runtime.clock import to_instant
from runtime.decision import Decision, Effect, EffectDone, EffectExhausted, EffectRefused, Emit, Message, Timer, Write
from runtime.delivery import digest

SHIPMENTS_PER_PAGE: Final = 400
"""So many that what is read beside them, such as their parcels, mostly fits into one read of 500."""
SHARE: Final = "fulfilments"
QUICK_OVERLAP: Final = timedelta(seconds=30)
"""What a quick sweep reads again: a call, and what clocks differ by."""
SHIPPED: Final[Mapping[Kind, frozenset[str]]] = {"out": frozenset({"done"}), "drop": frozenset({"shipped", "done"})}
"""States in which a shipment has left. Packed has not."""
_READ: Final[Mapping[Kind, tuple[str, ...]]] = {"out": ("done", "cancel"), "drop": ("shipped", "done", "cancel")}
_AGAIN_AFTER_REFUSAL: Final = timedelta(minutes=1)


class WatchPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How shipments are watched. `sales_channels`: by Fulfil's id, the name, and since when it is told; None: since the
    first start with it.
    """

    every: timedelta
    overlap: timedelta
    sales_channels: Mapping[int, tuple[str, datetime | None]]
    bundles: Mapping[str, Rules] = msgspec.field(default_factory=dict)
    """By sales channel."""
    kinds: tuple[Kind, ...] = KINDS
    page_size: int = SHIPMENTS_PER_PAGE
    deep_every: timedelta = timedelta(minutes=1)


class Gone(msgspec.Struct, frozen=True):
    """A shipment that was known, and no longer brings anything of these orders (by key)."""

    shipment: str
    number: str
    keys: tuple[str, ...]


class SweepState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the reading of one kind stands."""

    kind: Kind = "out"
    mark: Watermark = Watermark()
    started: datetime | None = None
    """When shipments of this kind were watched for the first time."""
    since: dict[str, datetime] = {}
    """Since when each sales channel is told: as configured, or else since it was watched for the first time."""
    gathering: Gathering | None = None
    """The page under way."""
    marks: tuple[tuple[int, bytes, int], ...] = ()
    """Of its shipments: id, digest and when it was changed (microseconds), to be written down when it is over."""
    known: dict[str, tuple[str, ...]] = {}
    """Orders that shipments of the page were handed to before: `out-55310` -> keys."""
    gone: tuple[Gone, ...] = ()
    given_up: tuple[int, ...] = ()
    """Sales of which the page has a cancelled shipment: something of them may never be shipped."""
    last_id: int = 0
    complete: bool = False
    answered_at: datetime | None = None
    again: bool = False
    """Somebody has asked meanwhile: the next sweep begins at once."""
    began_at: datetime | None = None
    """When the last sweep began."""
    deep_at: datetime | None = None
    """When the last deep one did."""
    quick_from: datetime | None = None
    """From where a quick sweep reads; None: the next one is deep."""
    resting: datetime | None = None
    """While a quick sweep is under way: where the deep ones stand."""
    cases: tuple[ExceptionCase, ...] = ()


class PageSeen(Message, frozen=True, kw_only=True):
    """A page of shipments, without those that are as they were seen before."""

    ships: tuple[Ship, ...]
    cancelled: tuple[Ship, ...]
    marks: tuple[tuple[int, bytes, int], ...]
    known: dict[str, tuple[str, ...]]
    last_id: int
    complete: bool
    answered_at: datetime | None = None


def page_seen(
    kind: Kind,
    page: Page[Shipment | DropShipment],
    seen: Mapping[int, bytes],
    known: Mapping[str, tuple[str, ...]],
) -> PageSeen:
    """What is new of a page, by content, so that what an overlap brings again costs one read and nothing more.

    `seen` has the marks of shipments that were read before, `known` the orders that shipments were handed to before.
    """
    marks = {row.id: digest(msgspec.json.encode(row)) for row in page.rows}
    fresh = [row for row in page.rows if seen.get(row.id) != marks[row.id] and row.changed_at is not None]
    has_left = SHIPPED[kind]
    names = {f"{kind}-{row.id}" for row in fresh}
    return PageSeen(
        ships=tuple(ship_of(row) for row in fresh if row.state in has_left),
        cancelled=tuple(ship_of(row) for row in fresh if row.state not in has_left),
        marks=tuple((row.id, marks[row.id], to_instant(row.changed_at)) for row in fresh if row.changed_at is not None),
        known={name: keys for name, keys in known.items() if name in names},
        last_id=page.last_id,
        complete=page.complete,
        answered_at=page.answered_at,
    )


def watched(state: SweepState, message: Any, now: datetime, policy: WatchPolicy) -> Decision:
    """What follows for the shipments of one kind."""
    match message:
        case Watch() if not policy.sales_channels or state.kind not in policy.kinds:
            return Decision(state=replace(state, cases=()), cancels=("watch",))
        case Watch() if state.mark.began is not None:
            return Decision(state=replace(state, again=True))
        case Watch():
            return _begin(state, now, policy)
        case PageSeen() if state.mark.began is not None and state.gathering is None:
            return _page(state, message, now, policy)
        case EffectDone(result=result) if state.gathering is not None:
            return _go_on(replace(state, gathering=learned(state.gathering, result)), now, policy)
        case EffectRefused(sentence=sentence) | EffectExhausted(sentence=sentence):
            return _stopped(state, sentence, now)
        case _:
            return Decision(state=state)


def _begin(state: SweepState, now: datetime, policy: WatchPolicy) -> Decision:
    writes: tuple[Write, ...] = ()
    since, unread = _told_since(state, now, policy)
    mark = state.mark
    if mark.since is None:  # before the first sweep nothing is told, so nothing of it needs to be read
        mark = replace(mark, since=min(since.values()))
    elif unread is not None and unread < mark.since:  # what was read of a sales channel that was not told is forgotten
        mark = replace(mark, since=unread)
        state, writes = replace(state, quick_from=None), (Write("drop_shipments_seen", (state.kind, to_instant(now))),)
    state = replace(state, mark=mark, started=state.started or now, since=since, again=False, began_at=now)
    deep_due = state.deep_at is None or now >= state.deep_at + policy.deep_every
    if state.quick_from is None or mark.since is None or deep_due:
        state = replace(state, deep_at=now)
    else:
        quick = Watermark(since=max(mark.since, state.quick_from))
        state = replace(state, mark=quick, resting=mark.since)
    mark, effect = _ask_page(state, state.mark, now, policy)
    return Decision(state=replace(state, mark=mark), effects=(effect,), writes=writes)


def _told_since(state: SweepState, now: datetime, policy: WatchPolicy) -> tuple[dict[str, datetime], datetime | None]:
    """Since when each sales channel is told, and from where is to be read what was not read for one that is told since
    earlier than it was watched; None: there is none.
    """
    first = now if state.since or state.started is None else state.started
    told = {name: since or state.since.get(name, first) for name, since in policy.sales_channels.values()}
    if not state.since:
        return told, None
    return told, min((since for name, since in told.items() if since < state.since.get(name, now)), default=None)


def _ask_page(state: SweepState, mark: Watermark, now: datetime, policy: WatchPolicy) -> tuple[Watermark, Effect]:
    kind = state.kind
    mark, changes = begin_or_go_on(mark, now, limit=policy.page_size)
    model = SHIPMENTS if kind == "out" else DROP_SHIPMENTS
    return mark, model.changed(replace(changes, states=_READ[kind])).effect(SHARE)


def _page(state: SweepState, page: PageSeen, now: datetime, policy: WatchPolicy) -> Decision:
    gone = (_gone(state.kind, ship, page.known, ()) for ship in page.cancelled)
    state = replace(
        state,
        gathering=begun(state.kind, page.ships),
        marks=page.marks,
        known=page.known,
        gone=tuple(each for each in gone if each.keys),
        given_up=tuple(dict.fromkeys(sale for ship in page.cancelled for sale in ship.sales)),
        last_id=page.last_id,
        complete=page.complete,
        answered_at=page.answered_at,
    )
    return _go_on(state, now, policy)


def _gone(kind: Kind, ship: Ship, known: Mapping[str, tuple[str, ...]], still: Iterable[str]) -> Gone:
    name, there = f"{kind}-{ship.id}", set(still)
    return Gone(name, ship.number, tuple(key for key in known.get(name, ()) if key not in there))


def _go_on(state: SweepState, now: datetime, policy: WatchPolicy) -> Decision:
    """The next read of the page; or its shipments go to their orders, and the next page, or sweep, follows."""
    gathering, kind = state.gathering, state.kind
    if gathering is None:
        return Decision(state=state)
    ask = asked(gathering)
    if ask is not None:
        return Decision(state=state, effects=(ask.effect(SHARE),))
    emits = _handed_on(state, gathering, policy)
    handed = [(each.message.part.shipment, each.key) for each in emits if isinstance(each.message, ShipmentSeen)]
    writes = [Write("put_shipment_order", row) for row in handed]
    writes += [Write("put_shipment_seen", (kind, id_, mark, at)) for id_, mark, at in state.marks]
    soon = to_instant(now + LOOK_AFTER)
    writes += [Write("look_unshipped_of_sale", (soon, sale)) for sale in state.given_up]
    page: Page[Any] = Page(rows=(), last_id=state.last_id, complete=state.complete, answered_at=state.answered_at)
    quick_from = advance(state.mark, page, overlap=QUICK_OVERLAP).since
    mark = advance(state.mark, page, overlap=policy.overlap)
    state = replace(
        state, mark=mark, gathering=None, marks=(), known={}, gone=(), given_up=(), last_id=0, answered_at=None,
        cases=(),
    )  # fmt: skip
    if mark.began is not None:
        mark, effect = _ask_page(state, mark, now, policy)
        return Decision(state=replace(state, mark=mark), emits=emits, writes=tuple(writes), effects=(effect,))
    state = replace(state, quick_from=quick_from)
    if state.resting is not None:
        state = replace(state, mark=Watermark(since=state.resting), resting=None)
    elif mark.since is not None:
        writes.append(Write("drop_shipments_seen", (kind, to_instant(mark.since))))
    due = now if state.again else max(now, (state.began_at or now) + policy.every)
    timer = Timer(name="watch", due=due, message=Watch())
    return Decision(state=replace(state, again=False), emits=emits, writes=tuple(writes), timers=(timer,))


def _handed_on(state: SweepState, gathering: Gathering, policy: WatchPolicy) -> tuple[Emit, ...]:
    kind = state.kind
    emits: list[Emit] = []
    brings: dict[str, set[str]] = {}
    for (channel, order_id), brought in parts_of(gathering):
        sales_channel, since = policy.sales_channels.get(channel, ("", None))
        if not sales_channel:
            continue
        part = bundled(brought, policy.bundles.get(sales_channel, {}))
        key = f"{sales_channel}/{order_id}"
        brings.setdefault(part.shipment, set()).add(key)
        since = since or state.since.get(sales_channel, state.started)
        seen = ShipmentSeen(part=part, old=_is_old(part, since))
        emits.append(Emit(channel=ORDERS, key=key, message=seen))
    left = [_gone(kind, ship, state.known, brings.get(f"{kind}-{ship.id}", ())) for ship in gathering.ships]
    for gone in (*state.gone, *left):
        cancelled = ShipmentCancelled(shipment=gone.shipment, number=gone.number)
        emits += [Emit(channel=ORDERS, key=key, message=cancelled) for key in gone.keys]
    return tuple(emits)


def _is_old(part: ShipmentPart, since: datetime | None) -> bool:
    """Whether it was done before that day. Fulfil says only the day, so of that very day all are told, and wherever it
    may still have been that day: what was done a minute after the first start is not of the day before.
    """
    if since is None or part.shipped_on is None or part.shipped_on >= since.date():
        return False
    return part.changed_at < since or not part.is_of_its_day


def _stopped(state: SweepState, why: str, now: datetime) -> Decision:
    """Fulfil does not tell: the sweep begins again, from where it began."""
    sentence = f"shipments ({state.kind}) cannot be read: {why}".rstrip(".")
    opened_at = state.cases[0].opened_at if state.cases else now
    case = ExceptionCase(kind="shipments.refused", cause=state.kind, sentence=sentence, opened_at=opened_at)
    mark = Watermark(since=state.resting or state.mark.since)
    state = replace(
        state, mark=mark, resting=None, quick_from=None, gathering=None, marks=(), known={}, gone=(), given_up=(),
        cases=(case,),
    )  # fmt: skip
    return Decision(state=state, timers=(Timer(name="watch", due=now + _AGAIN_AFTER_REFUSAL, message=Watch()),))
