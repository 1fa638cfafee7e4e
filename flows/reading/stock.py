"""What people may ask of the store about stock: how a figure comes about, what waits, and what is off. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeVar

import msgspec

from flows.model.aliases import stands_for
from flows.model.bundles import Bundle
from flows.model.skus import folded
from flows.model.stock import (
    Level,
    StockSettings,
    UnitsRow,
    figure_of,
    in_flight,
    own_unshipped,
    parts_without_own,
    place_of,
    without_own,
)
from flows.reading import Reading
from flows.reading.pages import Place
from runtime.clock import Instant, to_datetime, to_instant

ORDERS_NAMED_MAX = 20
T = TypeVar("T", bound=msgspec.Struct)
Fate = Literal["never published", "waits", "sent", "refused"]


class OrderUnits(msgspec.Struct, frozen=True, kw_only=True):
    """What one order takes of a figure. `seen_at`: when its sale was seen reserved in Fulfil; None: not yet."""

    order: str
    units: int
    seen_at: datetime | None


class PublishedLevel(msgspec.Struct, frozen=True, kw_only=True):
    """What a sales channel was told of a SKU last."""

    sales_channel: str
    sku: str
    figure: int
    truth: int
    previous: int | None
    sequence: int
    read_at: datetime
    changed_at: datetime
    decided_at: datetime
    sent_at: datetime | None
    refused_at: datetime | None

    @property
    def place(self) -> Place:
        """Its place in the list of what sales channels were told."""
        return Place(to_instant(self.changed_at), f"{self.sales_channel}/{self.sku}")

    @property
    def fate(self) -> Fate:
        """What became of it."""
        if self.refused_at is not None:
            return "refused"
        return "waits" if self.sent_at is None else "sent"


class DriftRow(msgspec.Struct, frozen=True, kw_only=True):
    """A level that a sales channel shows otherwise than it was told."""

    sales_channel: str
    cause: str
    sku: str
    location: str
    reported: int
    published: int | None
    expected: int | None
    units: int
    reported_at: datetime
    since: datetime
    corrections: int


class StockOf(msgspec.Struct, frozen=True, kw_only=True):
    """How the figure of one product at one sales channel comes about. What Fulfil says is None before its first read.

    `orders`: of those that take from it so many as are named; `orders_more`: how many are not. `sold_in_bundles`: no
    own units are added, since the sales channel, which subtracts them, sells this as a bundle by rule, or in one.
    """

    sales_channel: str
    sku: str
    locations: tuple[int, ...]
    available: Decimal | None
    on_hand: Decimal | None
    read_at: datetime | None
    in_flight: int
    orders: tuple[OrderUnits, ...]
    orders_more: int
    buffer: int
    allocation: Decimal
    quantity_semantics: str
    own_units: int
    sold_in_bundles: bool
    truth: int | None
    wire: int | None
    flow_id: str
    published: PublishedLevel | None = None
    waits_since: datetime | None = None
    """Since when its line waits for its flow, or is on its way."""
    bundle: tuple[tuple[str, int], ...] = ()
    """Where the SKU is a bundle here: its components, and how many pieces of each."""
    drift: tuple[DriftRow, ...] = ()

    @property
    def fate(self) -> Fate:
        """What became of the last figure."""
        return "never published" if self.published is None else self.published.fate


async def stock_of(
    read: Reading,
    sku: str,
    settings: Mapping[str, StockSettings],
    bundles: Mapping[str, Mapping[str, Bundle]],
) -> list[StockOf]:
    """How the figures of a SKU come about, at each sales channel that it is published to; under an alias that
    is no SKU itself, those of what it stands for. Orders that are not decided on yet are not in them.
    """
    components = {part for name in settings for rule in bundles.get(name, {}).values() for part in rule.components}
    sku_of = await _names_of(read, {sku, *components})
    wanted = sorted({each for name in settings for each, _ in _parts(sku, bundles.get(name, {}), sku_of)})
    levels: dict[tuple[str, str], Level] = {}
    for place, each, _, available, on_hand, read_at in await read.query_list("stock_levels_of", wanted):
        levels[place, each] = Level(Decimal(available), Decimal(on_hand), read_at)
    units: dict[str, list[UnitsRow]] = {}
    for each, *row in await read.query_list("units_of_skus", wanted):
        units.setdefault(each, []).append(UnitsRow(*row))
    published = {row[0]: published_level(row) for row in await read.query_list("stock_published_of", [sku])}
    found = []
    for channel, how in settings.items():
        rules = bundles.get(channel, {})
        story = _story(channel, sku, how, rules, sku_of, levels, units)
        lines = await read.query_list("outgoing_of_lines", [sku], how.flow.flow_id)
        drift = await read.query("stock_drift_of_name", channel, sku)
        found.append(
            msgspec.structs.replace(
                story,
                sku=sku,
                published=published.get(channel),
                waits_since=to_datetime(Instant(lines[0][3])) if lines else None,
                drift=tuple(drift_row(row) for row in drift),
            )
        )
    return found


async def _names_of(read: Reading, names: Collection[str]) -> Callable[[str], str]:
    """By what SKU in Fulfil each of these names of sales channels is published."""
    aliases = {row.alias: row.sku for row in await read.aliases()}
    asked = sorted({folded(name) for name in names if name in aliases})
    rows = await read.query_list("products_folded", asked)
    sold = Counter(sku for _, sku, sold, *_, gone_at in rows if sold and gone_at is None)
    return lambda name: stands_for(name, aliases, lambda each: sold[each] == 1)


def _parts(sku: str, rules: Mapping[str, Bundle], sku_of: Callable[[str], str]) -> list[tuple[str, int]]:
    """The SKUs in Fulfil whose stock says how much there is of this one, and how many pieces of each it takes."""
    rule = rules.get(sku)
    if rule is None:
        return [(sku_of(sku), 1)]
    return [(sku_of(name), part.quantity) for name, part in rule.components.items()]


def _story(
    channel: str,
    sku: str,
    how: StockSettings,
    rules: Mapping[str, Bundle],
    sku_of: Callable[[str], str],
    levels: Mapping[tuple[str, str], Level],
    units: Mapping[str, Sequence[UnitsRow]],
) -> StockOf:
    """The figure at one sales channel, as its publisher works it out."""
    parts = _parts(sku, rules, sku_of)
    product = parts[0][0]
    in_bundles = how.subtracts and (sku in rules or product in parts_without_own(how, rules.values(), sku_of))
    added = without_own(how) if in_bundles else how
    if sku in rules:
        story = _of_bundle(channel, sku, added, parts, levels, units)
    else:
        story = _of_product(channel, product, added, levels, units)
    return msgspec.structs.replace(story, quantity_semantics=how.quantity_semantics, sold_in_bundles=in_bundles)


def _of_product(
    channel: str,
    sku: str,
    how: StockSettings,
    levels: Mapping[tuple[str, str], Level],
    units: Mapping[str, Sequence[UnitsRow]],
) -> StockOf:
    level, rows = levels.get((place_of(how.locations), sku)), units.get(sku, ())
    figure = None if level is None else figure_of(how, channel, level, rows)
    read_at = 0 if level is None else level.read_at
    takes = [(row, in_flight([row], read_at)) for row in rows]
    flying = sorted([(row, units_) for row, units_ in takes if units_], key=lambda each: (-each[1], each[0].key))
    return StockOf(
        sales_channel=channel,
        sku=sku,
        locations=tuple(sorted(set(how.locations))),
        available=None if level is None else level.available,
        on_hand=None if level is None else level.on_hand,
        read_at=None if level is None else to_datetime(Instant(level.read_at)),
        in_flight=sum(units_ for _, units_ in flying),
        orders=tuple(
            OrderUnits(
                order=row.key,
                units=units_,
                seen_at=None if row.seen_at is None else to_datetime(Instant(row.seen_at)),
            )
            for row, units_ in flying[:ORDERS_NAMED_MAX]
        ),
        orders_more=max(0, len(flying) - ORDERS_NAMED_MAX),
        buffer=how.buffer,
        allocation=how.allocation,
        quantity_semantics=how.quantity_semantics,
        own_units=own_unshipped(rows, channel) if how.subtracts else 0,
        sold_in_bundles=False,
        truth=None if figure is None else figure.truth,
        wire=None if figure is None else figure.wire,
        flow_id=how.flow.flow_id,
    )


def _of_bundle(
    channel: str,
    sku: str,
    how: StockSettings,
    parts: Sequence[tuple[str, int]],
    levels: Mapping[tuple[str, str], Level],
    units: Mapping[str, Sequence[UnitsRow]],
) -> StockOf:
    """The scarcest component says how many there are; of several that allow none, the one that lacks most."""
    found: list[tuple[int, int, StockOf]] = []
    for name, pieces in parts:
        story = _of_product(channel, name, how, levels, units)
        if story.wire is None or story.truth is None:  # nobody has read it yet
            return msgspec.structs.replace(story, sku=sku, bundle=tuple(parts))
        found.append((story.wire // pieces, story.truth // pieces, story))
    wire, _, scarcest = min(found, key=lambda each: each[:2])
    truth = min(each for _, each, _ in found)
    return msgspec.structs.replace(scarcest, sku=sku, truth=truth, wire=wire, bundle=tuple(parts))


async def stock_listed(
    read: Reading, *, sales_channel: str, waiting: bool, refused: bool, after: Place | None, limit: int
) -> list[PublishedLevel]:
    """What sales channels were told, the oldest change first; the next page begins `after` the `place` of the last."""
    at, name = (0, None) if after is None else (after.at, after.name)
    channel, _, sku = (None, "", None) if name is None else name.partition("/")
    rows = await read.query("stock_listed", sales_channel, int(waiting), int(refused), at, limit, channel, sku)
    return [published_level(row) for row in rows]


async def drift_listed(read: Reading, *, sales_channel: str, cause: str, limit: int) -> list[DriftRow]:
    """What is off, by sales channel and cause, the most units first."""
    return [drift_row(row) for row in await read.query("stock_drift_listed", sales_channel, cause, limit)]


def published_level(row: Sequence[object]) -> PublishedLevel:
    """A row of `stock_published`."""
    return _struct(row, PublishedLevel)


def drift_row(row: Sequence[object]) -> DriftRow:
    """A row of `stock_drift_listed`."""
    return _struct(row, DriftRow)


def _struct(row: Sequence[object], kind: type[T]) -> T:
    fields = dict(zip(kind.__struct_fields__, row, strict=True))
    moments = {
        name: None if value is None else to_datetime(Instant(int(str(value))))
        for name, value in fields.items()
        if name.endswith("_at") or name == "since"
    }
    return kind(**{**fields, **moments})
