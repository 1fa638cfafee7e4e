"""The stock publisher: every sales channel is told what it may sell, in absolute figures, as soon as they change.

In: `PublishDue` (at most once a second while anything is due), `LinesSent` and `LinesRefused` of `flow_starts`. Out:
lines of levels for the flows of the sales channels, rows of `stock_published`. Key: `stock/publisher`. It calls nobody.
A figure is Fulfil's, less everything that was received and is not in it for certain, less the buffer, then the sales
channel's share (`flows.model.stock`). What an order takes is published without asking Fulfil. A crash leaves SKUs due:
they are looked at again. Sequences rise for ever, over restarts and restores; a later figure replaces one that waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

from connectors.patchworks.batches import StockLevel, encoded
from flows.events import StockPublished
from flows.model.outgoing import LinesRefused, LinesSent, lines_waiting, outgoing_row
from flows.model.stock import Figure, Level, StockSettings, UnitsRow, figure_of, place_of
from flows.stock_unsettled import Unsettled
from runtime.actor import Item
from runtime.clock import to_instant
from runtime.decision import Decision, Message, Timer, Write
from runtime.journal.journal import Journal

NAME = "stock_publisher"
KEY = "stock/publisher"
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
    figures: dict[str, dict[str, tuple[Figure, int]]]
    """Sales channel -> SKU -> its figure, and the beginning of the read that it rests on."""
    published: dict[str, dict[str, _Published]]
    epoch: int
    more: bool
    blocked: bool = False
    """Too many orders wait to be decided on: nothing can be said."""


class PublisherState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`sequences`: the last one of each sales channel."""

    sequences: dict[str, int] = {}


class StockPublisher:
    """The actor. See the module."""

    name = NAME
    message_type = PublishDue | LinesSent | LinesRefused
    state_type = PublisherState

    def __init__(
        self,
        settings: Mapping[str, StockSettings],
        unsettled: Unsettled,
        journal: Journal,
        emit: Callable[[Any], None],
    ) -> None:
        self._settings, self._unsettled, self._journal, self._emit = settings, unsettled, journal, emit
        self._channel_of = {each.flow.flow_id: name for name, each in settings.items()}

    def begin(self, key: str) -> PublisherState:  # noqa: ARG002 - there is one
        """Nobody has been told anything."""
        return PublisherState()

    async def ready(self) -> None:
        """It can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """What is due, and everything that its figures follow from."""
        return [await self._look() if isinstance(item.message, PublishDue) else item.message for item in items]

    async def _look(self) -> _Looked:
        """Orders that wait are read first: one that is decided on meanwhile is then counted twice, and never not."""
        waiting = await self._unsettled.orders()
        due = await self._journal.query("stock_due_next", SKUS_PER_STEP_MAX + 1)
        looked = _Looked(
            skus=tuple(due[:SKUS_PER_STEP_MAX]), figures={}, published={}, epoch=self._journal.epoch,
            more=len(due) > SKUS_PER_STEP_MAX, blocked=waiting is None,
        )  # fmt: skip
        if waiting is None or not due:
            return looked
        skus = [sku for sku, _, _ in looked.skus]
        units = await self._units(skus, waiting)
        levels: dict[tuple[str, str], Level] = {}
        for place, sku, _, available, on_hand, read_at in await self._journal.query_list("stock_levels_of", skus):
            levels[place, sku] = Level(Decimal(available), Decimal(on_hand), read_at)
        published: dict[str, dict[str, _Published]] = {}
        for name, sku, figure, _, _, sequence, *_ in await self._journal.query_list("stock_published_of", skus):
            published.setdefault(name, {})[sku] = _Published(figure, sequence)
        figures: dict[str, dict[str, tuple[Figure, int]]] = {}
        for name, settings in self._settings.items():
            place = place_of(settings.locations)
            for sku in skus:
                level = levels.get((place, sku))
                if level is not None:  # else its first read makes it due again
                    figure = figure_of(settings, name, level, units.get(sku, ()))
                    figures.setdefault(name, {})[sku] = (figure, level.read_at)
        return replace(looked, figures=figures, published=published)

    async def _units(self, skus: Sequence[str], waiting: Mapping[str, Mapping[str, int]]) -> dict[str, list[UnitsRow]]:
        """What orders need of these SKUs: those that were decided on, and what those that wait need beyond that."""
        found: dict[str, dict[str, UnitsRow]] = {sku: {} for sku in skus}
        for sku, key, name, wanted, seen, seen_at in await self._journal.query_list("units_of_skus", skus):
            found[sku][key] = UnitsRow(key, name, wanted, seen, seen_at)
        for key, units in waiting.items():
            for sku, wanted in units.items():
                if sku not in found:
                    continue
                known = found[sku].get(key, UnitsRow(key, key.partition("/")[0], 0))
                found[sku][key] = replace(known, wanted=max(known.wanted, wanted))
        return {sku: list(rows.values()) for sku, rows in found.items()}

    def decide(self, state: PublisherState, message: Any, now: datetime) -> Decision:
        """Tell each sales channel what differs from what it was told."""
        match message:
            case _Looked(blocked=True):
                return Decision(state=state, timers=(_again(now),))
            case _Looked():
                return self._publish(state, message, now)
            case LinesSent(flow=flow, lines=lines, at=at):
                name = self._channel_of.get(flow, "")
                return Decision(
                    state=state, writes=tuple(Write("stock_sent", (to_instant(at), name, sku)) for sku in lines)
                )
            case LinesRefused(flow=flow, lines=lines, at=at):
                name = self._channel_of.get(flow, "")
                return Decision(
                    state=state, writes=tuple(Write("stock_refused", (to_instant(at), name, sku)) for sku in lines)
                )
            case _:
                return Decision(state=state)

    def _publish(self, state: PublisherState, looked: _Looked, now: datetime) -> Decision:
        at = to_instant(now)
        writes: list[Write] = []
        emits = []
        sequences = dict(state.sequences)
        since_of = {sku: since for sku, since, _ in looked.skus}
        for name, figures in looked.figures.items():
            settings, told = self._settings[name], looked.published.get(name, {})
            sequence = max(sequences.get(name, 0), looked.epoch << 32)
            changed = [
                sku for sku, (figure, _) in figures.items() if sku not in told or told[sku].figure != figure.wire
            ]
            for sku in changed:
                figure, read_at = figures[sku]
                previous = told[sku].figure if sku in told else None
                sequence += 1
                row = (name, sku, figure.wire, figure.truth, previous, sequence, read_at, since_of[sku], at)
                writes.append(Write("put_stock_published", row))
                level = StockLevel(
                    sku=sku, location=settings.location, available=figure.wire, sequence=sequence, previous=previous
                )
                writes.append(outgoing_row(settings.flow.flow_id, sku, NAME, encoded([level])[0], now))
            if changed:
                sequences[name] = sequence
                emits.append(lines_waiting(settings.flow.flow_id))
        writes += [Write("end_stock_due", (sku, changes)) for sku, _, changes in looked.skus]
        return Decision(
            state=PublisherState(sequences=sequences),
            writes=tuple(writes),
            emits=tuple(emits),
            timers=(_again(now),) if looked.more else (),
        )

    def project(self, key: str, before: PublisherState, after: PublisherState, now: datetime) -> Sequence[Write]:  # noqa: ARG002
        """Figures are written as they are decided."""
        return ()

    def announce(self, key: str, before: PublisherState, after: PublisherState) -> None:  # noqa: ARG002
        """Count the levels that were published."""
        for name, sequence in after.sequences.items():
            told = sequence - max(before.sequences.get(name, 0), sequence >> 32 << 32)
            if told > 0:
                self._emit(StockPublished(sales_channel=name, levels=told))


def _again(now: datetime) -> Timer:
    return Timer(name="publish", due=now + _AGAIN_AFTER, message=PublishDue())
