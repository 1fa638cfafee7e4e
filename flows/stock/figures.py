"""The figures of some SKUs at each sales channel, under every name by which it sells them: worked out from the store.

A bundle by rule has no stock of its own: of it as many can be sold as the scarcest of its components allows. The
publisher publishes what is worked out here, and the drift compares with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from flows.model.bundles import Bundle
from flows.model.skus import SkuIndex
from flows.model.stock import (
    Figure,
    Level,
    StockSettings,
    UnitsRow,
    figure_of,
    parts_without_own,
    place_of,
    without_own,
)
from flows.model.stock_names import Names
from flows.model.units import NOW, SWEPT, Units
from flows.stock.unsettled import Unsettled
from runtime.journal.journal import Journal
from runtime.key import partition_of


class Shown(msgspec.Struct, frozen=True):
    """A figure under one name. `read_at`: when the read of Fulfil began that it rests on; `because`: of which SKUs."""

    figure: Figure
    read_at: int
    because: tuple[str, ...]
    urgency: int = SWEPT


Levels = Mapping[tuple[str, str], Level]
"""By place and SKU."""
Rows = Mapping[str, Sequence[UnitsRow]]
"""What orders need, by SKU."""


class Figures:
    """See the module."""

    def __init__(
        self,
        settings: Mapping[str, StockSettings],
        bundles: Mapping[str, Mapping[str, Bundle]],
        index: SkuIndex,
        unsettled: Unsettled,
        journal: Journal,
    ) -> None:
        self._settings, self._bundles, self._index = settings, bundles, index
        self._unsettled, self._journal = unsettled, journal
        self._names = Names({name: bundles.get(name, {}) for name in settings}, index.aliases)
        self._looked_at: dict[str, str] = {}
        """Aliases and components whose figures were looked at since the process began, and what they stood for."""
        self._looked_with: dict[str, str] | None = None
        """The aliases as of when names that stand for nothing were looked for. None: they were not, or not all."""

    async def waiting(self) -> Mapping[str, Units] | None:
        """What orders need that wait to be decided on; None when nobody can say. To be asked before `of`."""
        return await self._unsettled.orders()

    @property
    def lingering(self) -> frozenset[str]:
        """What those of them need that have waited for a while."""
        return self._unsettled.lingering

    def renamed(self, count: int) -> Sequence[str]:
        """So many SKUs that have another name, or are part of another bundle, than when it was asked last.

        After a start it is all of them: while the process was away, the rules may have changed.
        """
        names = {**self._index.aliases}
        for rules in self._bundles.values():
            for rule in rules.values():
                names.update({sku: self._sku_of(sku) for sku in rule.components})
        for name in [name for name in self._looked_at if name not in names]:
            del self._looked_at[name]  # an alias that was taken back may be given again
        found: dict[str, None] = {}
        for name, sku in names.items():
            if len(found) >= count:
                break
            if self._looked_at.get(name) != sku:
                self._looked_at[name] = sku
                found[sku] = None
        return list(found)

    async def nobodys(self, count: int) -> dict[str, dict[str, Shown]]:
        """By sales channel, so many names of which it was told to have something, and that stand for nothing any more,
        each with nothing to sell: an alias that was taken back, a bundle whose rule is gone.

        It is looked for after a start, and whenever the aliases have changed.
        """
        if not self._index.ready.is_set() or self._looked_with == self._index.aliases:
            return {}
        aliases, nothing = dict(self._index.aliases), Shown(Figure(0, 0, 0), self._journal.clock.now(), (), NOW)
        gone = [
            (channel, name)
            for channel in self._settings
            for (name,) in await self._journal.query("stock_published_apart", channel)
            if self._is_nobodys(channel, name)
        ]
        found: dict[str, dict[str, Shown]] = {}
        for channel, name in gone[:count]:
            found.setdefault(channel, {})[name] = nothing
        self._looked_with = aliases if len(gone) <= count else None
        return found

    def _is_nobodys(self, channel: str, name: str) -> bool:
        index = self._index
        if name in self._bundles.get(channel, {}) or name in index.aliases:
            return False
        return not (index.sellable(name) or index.inactive(name) or index.twins(name))

    async def of(self, urgencies: Mapping[str, int], waiting: Mapping[str, Units]) -> dict[str, dict[str, Shown]]:
        """By sales channel and name, the figures that depend on these SKUs. A name without a level has none."""
        skus = set(urgencies)
        affected = {name: self._names.bundles_with(name, skus) for name in self._settings}
        parts = {
            self._sku_of(part)
            for name, bundles in affected.items()
            for bundle in bundles
            for part in self._bundles[name][bundle].components
        }
        needed = sorted(skus | parts)
        units = await self.units(needed, waiting)
        levels: dict[tuple[str, str], Level] = {}
        for place, sku, _, available, on_hand, read_at in await self._journal.query_list("stock_levels_of", needed):
            levels[place, sku] = Level(Decimal(available), Decimal(on_hand), read_at)
        found: dict[str, dict[str, Shown]] = {}
        for channel in self._settings:
            shown = self._plain(channel, urgencies, levels, units)
            for bundle in affected[channel]:
                each = self._of_bundle(channel, bundle, urgencies, levels, units)
                if each is not None:
                    shown[bundle] = each
            if shown:
                found[channel] = shown
        return found

    def _plain(self, channel: str, urgencies: Mapping[str, int], levels: Levels, units: Rows) -> dict[str, Shown]:
        """Products under their SKU and their aliases; a name that is a bundle here is none of a product."""
        settings, rules = self._settings[channel], self._bundles.get(channel, {})
        parts = parts_without_own(settings, rules.values(), self._sku_of)
        found: dict[str, Shown] = {}
        for sku, urgency in urgencies.items():
            level = levels.get((place_of(settings.locations), sku))
            if level is None:  # its first read makes it due again
                continue
            how = without_own(settings) if sku in parts else settings
            shown = Shown(figure_of(how, channel, level, units.get(sku, ())), level.read_at, (sku,), urgency)
            others = (alias for alias in self._names.aliases_of(sku) if self._sku_of(alias) == sku)
            found.update({name: shown for name in (sku, *others) if name not in rules})
        return found

    def _of_bundle(
        self, channel: str, bundle: str, urgencies: Mapping[str, int], levels: Levels, units: Rows
    ) -> Shown | None:
        """As many as the scarcest component allows."""
        settings = without_own(self._settings[channel])
        place = place_of(settings.locations)
        truths: list[int] = []
        wires: list[int] = []
        reads: list[int] = []
        skus: list[str] = []
        for name, part in self._bundles[channel][bundle].components.items():
            sku = self._sku_of(name)
            level = levels.get((place, sku))
            if level is None:
                return None
            figure = figure_of(settings, channel, level, units.get(sku, ()))
            truths.append(figure.truth // part.quantity)
            wires.append(figure.wire // part.quantity)
            reads.append(level.read_at)
            skus.append(sku)
        urgency = min((urgencies[sku] for sku in skus if sku in urgencies), default=SWEPT)
        return Shown(Figure(min(truths), min(wires), 0), min(reads), tuple(skus), urgency)

    def skus_of(self, channel: str, name: str) -> tuple[str, ...]:
        """The SKUs in Fulfil that a name of a sales channel stands for: its product, or its components as a bundle."""
        rule = self._bundles.get(channel, {}).get(name)
        return (self._sku_of(name),) if rule is None else tuple(self._sku_of(part) for part in rule.components)

    def _sku_of(self, name: str) -> str:
        """The SKU in Fulfil of a component, which a rule may call by an alias."""
        return self._index.stands_for(name)

    async def units(self, skus: Sequence[str], waiting: Mapping[str, Units]) -> dict[str, list[UnitsRow]]:
        """What orders need of these SKUs: those that were decided on, and what those that wait need beyond that."""
        found: dict[str, dict[str, UnitsRow]] = {sku: {} for sku in skus}
        for sku, key, *row in await self._journal.query_list("units_of_skus", skus):
            found[sku][key] = UnitsRow(key, *row)
        for key, sku, wanted in _each(waiting):
            if sku in found:
                known = found[sku].get(key, UnitsRow(key, partition_of(key), 0, claimed=wanted))
                most = max(known.wanted, wanted)
                found[sku][key] = msgspec.structs.replace(known, wanted=most, claimed=min(known.claimed, wanted))
        return {sku: list(rows.values()) for sku, rows in found.items()}


def _each(waiting: Mapping[str, Units]) -> Iterable[tuple[str, str, int]]:
    return ((key, sku, wanted) for key, units in waiting.items() for sku, wanted in units.items())
