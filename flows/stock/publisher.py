"""The stock publisher: every sales channel is told what it may sell, in absolute figures, as soon as they change.

In: `PublishDue` (at most once a second while anything is due), `LinesSent` and `LinesRefused` of `flow_starts`. Out:
lines of levels for the flows of the sales channels, rows of `stock_published`. Key: `stock/publisher`. It calls nobody.
A figure is Fulfil's, less everything that was received and is not in it for certain, less the buffer, then the sales
channel's share (`flows.model.stock`). What an order takes is published without asking Fulfil. A figure that is as it
was told last is told again where the sales channel has changed it itself meanwhile: its order took a unit, and another
came back. A crash leaves SKUs due: they are looked at again. Sequences rise for ever, over restarts and restores; a
later figure replaces one that waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from connectors.patchworks.batches import StockLevel, encoded
from flows.events import StockPublished, StockSent
from flows.model.outgoing import LinesRefused, LinesSent, lines_waiting, outgoing_row
from flows.model.stock import STOCK_PUBLISHER, STOCK_PUBLISHER_KEY, PublishAgain, PublishUnsent, StockSettings, place_of
from flows.model.units import NOW, SWEPT
from flows.stock.figures import Figures, Shown
from flows.stock.unsettled import marks_of
from runtime.actor import Item
from runtime.clock import to_instant
from runtime.decision import Decision, Emit, Message, Timer, Write
from runtime.delivery import digest
from runtime.journal.journal import Journal

NAME, KEY = STOCK_PUBLISHER, STOCK_PUBLISHER_KEY
SKUS_PER_STEP_MAX = 200
_AGAIN_AFTER = timedelta(seconds=1)


class PublishDue(Message, frozen=True):
    """Look at the SKUs whose figures may have changed."""


class _Published(msgspec.Struct, frozen=True):
    """What a sales channel was told about a SKU last."""

    figure: int
    sequence: int


class _Looked(Message, frozen=True, kw_only=True):
    """SKUs that are due, with everything their figures follow from."""

    skus: tuple[tuple[str, int, int], ...]
    """SKU, since when it is due, and how often it had changed."""
    figures: dict[str, dict[str, Shown]]
    """Sales channel -> the name of a figure -> the figure."""
    published: dict[str, dict[str, _Published]]
    moved: Mapping[str, set[str]] = msgspec.field(default_factory=dict)
    """Sales channel -> SKUs whose figures it has changed itself since they were looked at."""
    waits: Mapping[str, int | None] = msgspec.field(default_factory=dict)
    """Of these SKUs other orders that wait are in the figure than before: SKU -> a mark of them; None: none."""
    epoch: int
    more: bool
    later: bool = False
    """More orders that wait are to be looked at, which has a moment's time."""
    blocked: bool = False
    """Too many orders wait to be decided on, or are not counted yet: nothing can be said."""
    again: PublishAgain | None = None
    """These figures are told whatever was told before."""


class _Sent(Message, frozen=True, kw_only=True):
    """A run has ended well, and how long its changes took: whole seconds -> levels."""

    sent: LinesSent
    seconds: dict[str, int]


class PublisherState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`sequences`: the last one of each sales channel. `settings`: a digest of those it was published by. `locations`:
    what it called the place that the figures were for.
    """

    sequences: dict[str, int] = {}
    settings: dict[str, str] = {}
    locations: dict[str, str] = {}
    sent: dict[str, int] = {}
    """Of the last run that took levels: whole seconds from a change to its end, and how many levels had them."""


class StockPublisher:
    """The actor. See the module."""

    name = NAME
    message_type = PublishDue | PublishAgain | PublishUnsent | LinesSent | LinesRefused
    state_type = PublisherState

    def __init__(
        self, settings: Mapping[str, StockSettings], figures: Figures, journal: Journal, emit: Callable[[Any], None]
    ) -> None:
        self._settings, self._figures, self._journal, self._emit = settings, figures, journal, emit
        self._channel_of = {each.flow.flow_id: name for name, each in settings.items()}
        self._digests = {name: digest(msgspec.json.encode(each)).hex() for name, each in settings.items()}

    def begin(self, key: str) -> PublisherState:  # noqa: ARG002 - there is one
        """Nobody has been told anything."""
        return PublisherState()

    async def ready(self) -> None:
        """It can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """What is due, and everything that its figures follow from."""
        return [await self._resolved(item.message) for item in items]

    async def _resolved(self, message: Message) -> Message:
        match message:
            case PublishDue():
                return await self._look()
            case LinesSent():
                return await self._sent(message)
            case PublishAgain() if message.sales_channel in self._settings:
                return await self._look_again(message)
            case other:
                return other

    async def _sent(self, sent: LinesSent) -> _Sent:
        """How long each change took; what is published for the first time is no change."""
        name, at = self._channel_of.get(sent.flow, ""), to_instant(sent.at)
        seconds: dict[str, int] = {}
        rows = await self._journal.query_list("stock_published_of", sent.lines)
        for channel, _, _, _, previous, _, _, changed_at, *_ in rows:
            if channel == name and previous is not None:
                took = str(max(0, round((at - changed_at) / 1e6)))
                seconds[took] = seconds.get(took, 0) + 1
        return _Sent(sent=sent, seconds=seconds)

    async def _look_again(self, again: PublishAgain) -> _Looked:
        """The figures of some names as they are now."""
        waiting = await self._figures.waiting()
        if waiting is None:
            return _Looked(
                skus=(), figures={}, published={}, epoch=self._journal.epoch, more=False, blocked=True, again=again
            )
        skus = (sku for name in again.lines for sku in self._figures.skus_of(again.sales_channel, name))
        found = (await self._figures.of(dict.fromkeys(skus, NOW), waiting)).get(again.sales_channel, {})
        figures = {again.sales_channel: {name: each for name, each in found.items() if name in again.lines}}
        return _Looked(skus=(), figures=figures, published={}, epoch=self._journal.epoch, more=False, again=again)

    async def _look(self) -> _Looked:
        """Orders that wait are read first: one that is decided on meanwhile is then counted twice, and never not. What
        those need that have waited for a while is looked at although it is not due yet, and again when they do not wait
        any more.
        """
        waiting = await self._figures.waiting()
        marks = marks_of(waiting or {})
        counted = dict(await self._journal.query("stock_waiting"))
        waits = {sku: marks.get(sku) for sku in {**counted, **marks} if counted.get(sku) != marks.get(sku)}
        lingering = self._figures.lingering if waiting is not None else frozenset[str]()
        found = [sku for sku, mark in waits.items() if mark is None or sku in lingering] if waiting is not None else []
        news = found[: SKUS_PER_STEP_MAX // 2]
        most = SKUS_PER_STEP_MAX - len(news)
        due = await self._journal.query("stock_due_next", most + 1)
        urgencies = {**dict.fromkeys(news, NOW), **{sku: urgency for sku, _, _, urgency in due[:most]}}
        others = self._figures.renamed(SKUS_PER_STEP_MAX - len(urgencies)) if waiting is not None else ()
        urgencies = {**dict.fromkeys(others, SWEPT), **urgencies}
        looked = _Looked(
            skus=tuple((sku, since, changes) for sku, since, changes, _ in due[:most]),
            figures={}, published={}, epoch=self._journal.epoch, blocked=waiting is None,
            waits={sku: mark for sku, mark in waits.items() if sku in urgencies},
            more=len(due) > most or bool(others), later=len(found) > len(news),
        )  # fmt: skip
        nobodys = await self._figures.nobodys(SKUS_PER_STEP_MAX) if waiting is not None else {}
        if waiting is None or not (urgencies or nobodys):
            return looked
        figures = await self._figures.of(urgencies, waiting)
        for channel, shown in nobodys.items():
            figures.setdefault(channel, {}).update(shown)
        names = sorted({name for shown in figures.values() for name in shown})
        published: dict[str, dict[str, _Published]] = {}
        for channel, name, figure, _, _, sequence, *_ in await self._journal.query_list("stock_published_of", names):
            published.setdefault(channel, {})[name] = _Published(figure, sequence)
        moved: dict[str, set[str]] = {}
        for sku, channel in await self._journal.query_list("stock_moved_of", list(urgencies)):
            moved.setdefault(channel, set()).add(sku)
        return replace(looked, figures=figures, published=published, moved=moved)

    def decide(self, state: PublisherState, message: Any, now: datetime) -> Decision:
        """Tell each sales channel what differs from what it was told."""
        at = to_instant(now)
        match message:
            case _Looked(blocked=True, again=again):
                return Decision(state=state, timers=(_again(now, again),))
            case _Looked():
                return self._publish(state, message, now)
            case _Sent(sent=sent, seconds=seconds):
                name, at = self._channel_of.get(sent.flow, ""), to_instant(sent.at)
                writes = tuple(Write("stock_sent", (at, name, line, sent.flow)) for line in sent.lines)
                return Decision(state=PublisherState(sequences={name: 0}, sent=seconds), writes=writes)
            case PublishUnsent(flow=flow):
                return self._anew(state, flow, at)
            case LinesRefused(flow=flow, lines=lines):
                name = self._channel_of.get(flow, "")
                return Decision(
                    state=state, writes=tuple(Write("stock_refused", (at, name, line, flow)) for line in lines)
                )
            case _:
                return Decision(state=state)

    def _anew(self, state: PublisherState, flow: str, at: int) -> Decision:
        """What waited for a flow of before counts as never told, and every figure is looked at."""
        writes: list[Write] = []
        for name, each in self._settings.items():
            writes.append(Write("forget_unsent", (name, each.flow.flow_id, flow)))
            writes.append(Write("due_all_levels", (at, place_of(each.locations))))
        return Decision(state=state, writes=tuple(writes), emits=(Emit(channel=NAME, message=PublishDue()),))

    def _publish(self, state: PublisherState, looked: _Looked, now: datetime) -> Decision:
        at = to_instant(now)
        writes: list[Write] = []
        emits = []
        sequences = dict(state.sequences)
        since_of = {sku: since for sku, since, _ in looked.skus}
        shows = looked.again.lines if looked.again is not None else {}
        for channel, shown in looked.figures.items():
            settings, told = self._settings[channel], looked.published.get(channel, {})
            sequence, moved = max(sequences.get(channel, 0), looked.epoch << 32), looked.moved.get(channel, set())
            changed = [
                name
                for name, each in shown.items()
                if name not in told or told[name].figure != each.figure.wire or not moved.isdisjoint(each.because)
            ]
            for name in changed:
                each, figure = shown[name], shown[name].figure
                previous = told[name].figure if name in told else shows.get(name)
                sequence += 1
                since = min((since_of[sku] for sku in each.because if sku in since_of), default=at)
                row = (channel, name, figure.wire, figure.truth, previous, sequence, each.read_at, since, at)
                writes.append(Write("put_stock_published", row))
                level = StockLevel(
                    sku=name, location=settings.location, available=figure.wire, sequence=sequence, previous=previous
                )
                body, flow_id = encoded([level])[0], settings.flow.flow_id
                writes.append(outgoing_row(flow_id, name, NAME, body, now, urgency=each.urgency))
            if changed:
                sequences[channel] = sequence
                emits.append(lines_waiting(settings.flow.flow_id))
        for sku, mark in looked.waits.items():
            put = Write("end_stock_waiting", (sku,)) if mark is None else Write("put_stock_waiting", (sku, mark))
            writes.append(put)
        writes += [Write("end_stock_due", (sku, changes)) for sku, _, changes in looked.skus]
        writes += [Write("end_stock_moved", (sku,)) for sku in sorted(set().union(*looked.moved.values()))]
        state = replace(state, sequences=sequences)
        if looked.again is None:
            state, anew = self._by_settings(state, at)
            writes += anew
            if looked.more or anew:
                emits.append(Emit(channel=NAME, message=PublishDue()))
        timers = (_again(now, None),) if looked.later else ()
        return Decision(state=state, writes=tuple(writes), emits=tuple(emits), timers=timers)

    def _by_settings(self, state: PublisherState, at: int) -> tuple[PublisherState, list[Write]]:
        """Where the settings are others than before, every figure is looked at; and it is told again, as it is, where
        the sales channel calls its place otherwise now: it was never told anything of that one.
        """
        writes: list[Write] = []
        for name, each in self._settings.items():
            place = place_of(each.locations)
            if state.settings.get(name) != self._digests[name]:
                writes.append(Write("due_all_levels", (at, place)))
            if state.locations.get(name, each.location) != each.location:
                writes.append(Write("move_all_levels", (name, place)))
        locations = {name: each.location for name, each in self._settings.items()}
        return replace(state, settings=self._digests, locations=locations), writes

    def project(self, key: str, before: PublisherState, after: PublisherState, now: datetime) -> Sequence[Write]:  # noqa: ARG002
        """Figures are written as they are decided."""
        return ()

    def announce(self, key: str, before: PublisherState, after: PublisherState) -> None:
        """Count the levels that were published, and how long those took that were sent."""
        if key != KEY:
            for name in after.sequences:
                for seconds, levels in after.sent.items():
                    for _ in range(levels):
                        self._emit(StockSent(sales_channel=name, seconds=float(seconds)))
            return
        for name, sequence in after.sequences.items():
            told = sequence - max(before.sequences.get(name, 0), sequence >> 32 << 32)
            if told > 0:
                self._emit(StockPublished(sales_channel=name, levels=told))


def _again(now: datetime, again: PublishAgain | None) -> Timer:
    """Later; what is to be told again has a timer of its own, so that nothing that comes meanwhile takes its place."""
    due = now + _AGAIN_AFTER
    if again is None:
        return Timer(name="publish", due=due, message=PublishDue())
    lines = digest(msgspec.json.encode(again.lines)).hex()
    return Timer(name=f"again/{again.sales_channel}/{lines}", due=due, message=again)
