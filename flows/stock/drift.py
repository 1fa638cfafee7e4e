"""Stock drift: what sales channels show against what they were told, and against what they should be told now.

In: pages of `POST /v1/manifests/stock/{sales_channel}`, its own timers, `Recheck` of a person. Out: rows of
`stock_drift`, cases, corrections to the stock publisher. Key: `stock_drift/<sales channel>`. It calls nobody.
Each page stands for itself: it is compared when it comes, with what is on disk then, so that pages may come in any
order, twice, or never; a level that is older than what is known of it changes nothing. A difference that nothing of
ours explains is a change there: after two minutes, in which the order that explains it may come, it is corrected by
publishing the figure again, once. When the same change comes back a third time it is left alone, and is a case. A crash
repeats the comparison of a page that was not written; a correction is a row and its message in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from connectors.patchworks.stock_manifests import ReportedLevel, StockPage
from flows.events import StockDrifted
from flows.exceptions.kinds import ExceptionCase
from flows.model.bundles import Bundle
from flows.model.cases import announce_cases, case_in, case_rows
from flows.model.drift import (
    CORRECTIONS_MAX,
    EXPLAINED,
    REMEMBERED,
    SETTLE,
    UNDERSOLD_AFTER,
    Cause,
    Level,
    Off,
    Told,
    off,
    units_off,
)
from flows.model.messages import Recheck
from flows.model.stock import STOCK_PUBLISHER, STOCK_PUBLISHER_KEY, PublishAgain, StockSettings, in_flight
from flows.model.units import NOW
from flows.stock.figures import Figures, Shown
from runtime.actor import Item
from runtime.clock import Instant, to_instant
from runtime.decision import Decision, Emit, Message, Timer, Write
from runtime.journal.journal import Journal
from runtime.key import parts_of

NAME = "stock_drift"
NAMED_MAX: Final = 3
_CORRECTED_AT_ONCE: Final = 500
_PLACES_MAX: Final = 50
_KINDS = {Cause.LOOP: "stock.loop"}
_WORDS = {
    Cause.REFUSED: "its flow fails with them",
    Cause.CHANGED: "somebody has changed them there",
    Cause.LOOP: f"the same change has come back after {CORRECTIONS_MAX} corrections",
}


def key_of(sales_channel: str) -> str:
    """The key of a sales channel's drift."""
    return f"{NAME}/{sales_channel}"


class StockReported(Message, frozen=True, kw_only=True):
    """A page of what a sales channel shows has come."""

    page: StockPage


class SumUp(Message, frozen=True):
    """Say what is off, and correct what was changed."""


class _Compared(Message, frozen=True, kw_only=True):
    levels: tuple[Level, ...]


class _Sum(Message, frozen=True, kw_only=True):
    """What is off, by cause: how many SKUs and units, and those that are off most."""

    units: dict[str, tuple[int, int]]
    worst: dict[str, tuple[str, ...]]
    places: tuple[tuple[str, int, int], ...]
    """Locations that nothing is published for: how many SKUs and units are shown at each."""
    undersold: tuple[tuple[str, int, str, str], ...]
    """SKU, units, price and currency (both '' where nobody knows)."""
    correct: tuple[tuple[str, str, Off], ...]
    """SKU, location and what is known of it."""


class DriftState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One sales channel."""

    sales_channel: str
    units: dict[str, int] = {}
    """How much is off, by cause."""
    summed: int = 0
    cases: tuple[ExceptionCase, ...] = ()


# -- the decision ------------------------------------------------------------------------------------------------------


def decide(state: DriftState, message: Any, now: datetime) -> Decision:
    """What follows for one sales channel. Pure."""
    match message:
        case _Compared(levels=levels):
            return _compared(state, levels, now)
        case _Sum():
            return _summed(state, message, now)
        case Recheck():
            reset = Write("reset_corrections", (state.sales_channel,))
            return Decision(state=state, writes=(reset,), emits=(_sum_up(),))
        case _:
            return Decision(state=state)


def _compared(state: DriftState, levels: Sequence[Level], now: datetime) -> Decision:
    at, channel = to_instant(now), state.sales_channel
    writes = []
    for level in levels:
        if level.known is not None and level.known.reported_at > level.at:
            continue
        place = (channel, level.sku, level.location)
        known = off(level, at)
        if known is not None:
            units = units_off(level) if known.cause else 0
            figures = (known.cause, known.reported, known.published, level.expected, units)
            times = (known.reported_at, known.since, known.corrections, known.corrected_at)
            writes.append(Write("put_stock_drift", (*place, *figures, *times)))
        elif level.known is not None:
            writes.append(Write("end_stock_drift", place))
    return Decision(state=state, writes=tuple(writes), emits=(_sum_up(),))


def _summed(state: DriftState, sum_: _Sum, now: datetime) -> Decision:
    """The cases as they are now, and one correction for each change."""
    at, channel = to_instant(now), state.sales_channel
    cases = [
        case_in(state.cases, _KINDS.get(cause, "stock.drift"), cause, _sentence(channel, cause, sum_), now)
        for cause in Cause
        if cause not in EXPLAINED and cause is not Cause.LOCATION and cause in sum_.units
    ]
    cases += [
        case_in(
            state.cases, "stock.drift", f"{Cause.LOCATION} {location}", _shown_at(channel, location, skus, units), now
        )
        for location, skus, units in sum_.places
    ]
    if sum_.undersold:
        cases.append(_undersold(state, sum_.undersold, now))
    writes = [Write("forget_corrections", (channel, at - int(REMEMBERED.total_seconds() * 1e6)))]
    lines: dict[str, int] = {}
    for sku, location, known in sum_.correct:
        lines[sku] = known.reported
        figures = (Cause.CHANGED.value, known.reported, known.published, known.published)
        units = abs(known.reported - (known.published or 0))
        times = (known.reported_at, known.since, known.corrections + 1, at)
        writes.append(Write("put_stock_drift", (channel, sku, location, *figures, units, *times)))
    again = PublishAgain(sales_channel=channel, lines=lines)
    emits = (Emit(channel=STOCK_PUBLISHER, key=STOCK_PUBLISHER_KEY, message=again),) if lines else ()
    units_by_cause = {cause: units for cause, (_, units) in sum_.units.items()}
    state = replace(state, units=units_by_cause, summed=state.summed + 1, cases=tuple(cases))
    looks_after = SETTLE if Cause.CHANGED in sum_.units else UNDERSOLD_AFTER
    timers = (Timer(name="sum", due=now + looks_after, message=SumUp()),) if sum_.units else ()
    return Decision(state=state, writes=tuple(writes), emits=emits, timers=timers)


def _sentence(channel: str, cause: Cause, sum_: _Sum) -> str:
    skus, units = sum_.units[cause]
    what = (
        f"{channel} shows {skus} {'SKU' if skus == 1 else 'SKUs'} otherwise than it was told, by {units} units in all"
    )
    return f"{what}: {_WORDS[cause]}; the most: {', '.join(sum_.worst.get(cause, ()))}"


def _shown_at(channel: str, location: str, skus: int, units: int) -> str:
    what = f"{channel} shows {skus} {'SKU' if skus == 1 else 'SKUs'} with {units} units at its location {location}"
    return f"{what}, for which nothing is published: what is sold from there is nobody's figure"


def _undersold(state: DriftState, rows: Sequence[tuple[str, int, str, str]], now: datetime) -> ExceptionCase:
    """Units that could be sold, times their price there, in the currency of most of them."""
    amounts: dict[str, Decimal] = {}
    for _, units, price, currency in rows:
        if price and currency:
            amounts[currency] = amounts.get(currency, Decimal(0)) + units * Decimal(price)
    most = max(amounts, key=amounts.__getitem__, default=None)
    named = ", ".join(f"{sku} ({units})" for sku, units, *_ in rows[:NAMED_MAX])
    units = sum(row[1] for row in rows)
    sentence = f"{state.sales_channel} shows {len(rows)} SKUs as sold out of which {units} units could be sold: {named}"
    case_ = case_in(state.cases, "stock.undersold", "sold out", sentence, now)
    return case_ if most is None else replace(case_, amount=amounts[most], currency=most)


def _sum_up() -> Emit:
    return Emit(channel=NAME, message=SumUp())


# -- the shell ---------------------------------------------------------------------------------------------------------


class StockDrift:
    """The actor. See the module."""

    name = NAME
    message_type = StockReported | SumUp | Recheck
    state_type = DriftState

    def __init__(
        self,
        settings: Mapping[str, StockSettings],
        bundles: Mapping[str, Mapping[str, Bundle]],
        figures: Figures,
        journal: Journal,
        emit: Callable[[Any], None],
    ) -> None:
        self._settings, self._bundles, self._figures = settings, bundles, figures
        self._journal, self._emit = journal, emit

    def begin(self, key: str) -> DriftState:
        """Nothing was reported."""
        return DriftState(sales_channel=parts_of(key)[1])

    async def ready(self) -> None:
        """It can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """What explains what was reported, and what is off in all."""
        return [await self._resolved(item) for item in items]

    async def _resolved(self, item: Item) -> Message:
        channel = item.state.sales_channel
        match item.message:
            case StockReported(page=page) if channel in self._settings:
                return _Compared(levels=tuple(await self._levels(channel, page.levels)))
            case SumUp() if channel in self._settings:
                return await self._sum(channel)
            case other:
                return other

    async def _levels(self, channel: str, reported: Sequence[ReportedLevel]) -> Iterable[Level]:
        """What is on disk about the reported SKUs. What waits is read first, as the publisher does."""
        settings, rules, journal = self._settings[channel], self._bundles.get(channel, {}), self._journal
        names = list(dict.fromkeys(level.sku for level in reported))
        known: dict[tuple[str, str], Off] = {}
        for sku, location, cause, shown, published, _, at, since, corrections, corrected_at in await journal.query_list(
            "stock_drift_of", names, channel
        ):
            known[sku, location] = Off(
                cause=cause, reported=shown, published=published, reported_at=at, since=since,
                corrections=corrections, corrected_at=corrected_at,
            )  # fmt: skip
        told = await self._told(channel, settings, names)
        waiting = await self._figures.waiting()
        skus = {name: self._figures.skus_of(channel, name) for name in names}
        due = dict.fromkeys((sku for parts in skus.values() for sku in parts), NOW)
        shown = (await self._figures.of(due, waiting)).get(channel, {}) if waiting is not None else {}
        units = await self._figures.units(list(due), waiting or {})
        return [
            Level(
                sku=level.sku, location=level.location, reported=level.quantity, at=to_instant(level.at),
                told=told.get(level.sku), expected=_wire(shown.get(level.sku)),
                ours=level.location in ("", settings.location), bundle=level.sku in rules,
                own_units=sum(
                    in_flight([row for row in units.get(sku, ()) if row.sales_channel == channel], to_instant(level.at))
                    for sku in skus[level.sku]
                ),
                known=known.get((level.sku, level.location)),
            )
            for level in reported
        ]  # fmt: skip

    async def _told(self, channel: str, settings: StockSettings, names: Sequence[str]) -> dict[str, Told]:
        lines = await self._journal.query_list("outgoing_of_lines", names, settings.flow.flow_id)
        stuck = {line for line, _, is_stuck, _ in lines if is_stuck}
        return {
            sku: Told(figure=figure, decided_at=decided_at, sent_at=sent_at, stuck=sku in stuck)
            for name, sku, figure, _, _, _, _, _, decided_at, sent_at, _ in await self._journal.query_list(
                "stock_published_of", names
            )
            if name == channel
        }

    async def _sum(self, channel: str) -> _Sum:
        query, now = self._journal.query, self._journal.clock.now()
        units = {cause: (skus, sum_) for cause, skus, sum_ in await query("stock_drift_counted", channel)}
        worst = {
            cause: tuple(_example(*row) for row in await query("stock_drift_worst", channel, cause, NAMED_MAX))
            for cause in units
        }
        since = now - int(UNDERSOLD_AFTER.total_seconds() * 1e6)
        undersold = await query("stock_undersold", channel, since, 10_000)
        prices: dict[str, tuple[str, str]] = {}
        if undersold:
            names = [row[0] for row in undersold]
            for sku, *price in await self._journal.query_list("listed_prices", names, channel, channel):
                prices[sku] = (price[0], price[1])
        return _Sum(
            units=units,
            worst=worst,
            places=tuple(await query("stock_drift_places", channel, _PLACES_MAX)),
            undersold=tuple((sku, count, *prices.get(sku, ("", ""))) for sku, count, _ in undersold),
            correct=tuple(await self._to_correct(channel, now)),
        )

    async def _to_correct(self, channel: str, now: Instant) -> Iterable[tuple[str, str, Off]]:
        """Changes that are old enough, and that no later level has corrected by itself."""
        before = now - int(SETTLE.total_seconds() * 1e6)
        rows = await self._journal.query("stock_to_correct", channel, before, _CORRECTED_AT_ONCE)
        told = await self._told(channel, self._settings[channel], [row[0] for row in rows])
        return [
            (sku, location, Off(
                cause=Cause.CHANGED, reported=reported, published=published, reported_at=reported_at, since=since,
                corrections=corrections,
            ))
            for sku, location, reported, published, reported_at, since, corrections in rows
            if sku in told and told[sku].figure == published and told[sku].decided_at <= reported_at
        ]  # fmt: skip

    def decide(self, state: DriftState, message: Any, now: datetime) -> Decision:
        """See `decide` above."""
        return decide(state, message, now)

    def project(self, key: str, before: DriftState, after: DriftState, now: datetime) -> Sequence[Write]:
        """The cases."""
        return case_rows(key, before.cases, after.cases, now, how="a later list shows no such difference")

    def announce(self, key: str, before: DriftState, after: DriftState) -> None:
        """Count what is off, and the cases."""
        announce_cases(key, before.cases, after.cases, self._emit)
        if after.summed != before.summed:
            for cause in Cause:
                units = after.units.get(cause, 0)
                self._emit(StockDrifted(sales_channel=after.sales_channel, cause=cause.value, units=units))


def _wire(shown: Shown | None) -> int | None:
    return None if shown is None else shown.figure.wire


def _example(sku: str, location: str, reported: int, published: int | None, *_: int | None) -> str:
    place = f" at {location}" if location else ""
    told = "was told nothing" if published is None else f"was told {published}"
    return f"{sku}{place} shows {reported}, {told}"
