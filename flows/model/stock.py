"""What a sales channel may sell: how its figure follows from Fulfil's, and how its flow is started."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from flows.model.bundles import Bundle
from flows.model.outgoing import FlowTarget
from runtime.decision import Message

Semantics = Literal["available", "on_hand", "source_quantity"]


class StockSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How one sales channel's stock is published."""

    flow: FlowTarget
    """The flow that takes the levels."""
    locations: Annotated[tuple[Annotated[int, Meta(gt=0)], ...], Meta(min_length=1)]
    """Fulfil's ids of the warehouses or zones whose stock this sales channel may sell, added up."""
    location: str = "MAIN"
    """What the sales channel calls the place that the figures are for."""
    quantity_semantics: Semantics = "available"
    """What the sales channel takes the figure for: what is for sale, or (the other two) what is there, from which it
    subtracts its own unshipped units itself."""
    buffer: Annotated[int, Meta(ge=0)] = 0
    """Units of each SKU that are kept back."""
    allocation: Decimal = Decimal(1)
    """The share of what is left that this sales channel may sell, above 0 and at most 1; rounded down."""

    def __post_init__(self) -> None:
        """Refuse a share that is none."""
        if not 0 < self.allocation <= 1:
            raise ValueError(f"allocation is a share above 0 and at most 1, not {self.allocation}")

    @property
    def subtracts(self) -> bool:
        """Whether the sales channel subtracts its own unshipped units itself from what it is told (rule 9)."""
        return self.quantity_semantics != "available"


def without_own(settings: StockSettings) -> StockSettings:
    """The same, but that no unshipped units of the sales channel's own are added: how many of them were sold as a
    bundle by rule, and are subtracted from its figure alone, nobody counts.
    """
    return msgspec.structs.replace(settings, quantity_semantics="available") if settings.subtracts else settings


def parts_without_own(
    settings: StockSettings, bundles: Iterable[Bundle], sku_of: Callable[[str], str]
) -> frozenset[str]:
    """The SKUs that are published `without_own`: those that a sales channel which subtracts its own units also sells
    as a part of a bundle by rule. `sku_of`: the SKU in Fulfil of a part, which a rule may call by an alias.
    """
    if not settings.subtracts:
        return frozenset()
    return frozenset(sku_of(part) for bundle in bundles for part in bundle.components)


def subtracting(stock: Mapping[str, StockSettings]) -> tuple[str, ...]:
    """The sales channels that do that."""
    return tuple(sorted(name for name, each in stock.items() if each.subtracts))


class Level(msgspec.Struct, frozen=True):
    """What Fulfil says of a SKU at the places of a sales channel; `read_at` is when the read began (microseconds)."""

    available: Decimal
    on_hand: Decimal
    read_at: int


class UnitsRow(msgspec.Struct, frozen=True):
    """What one order needs of a SKU, and what of it was seen in Fulfil, by a read that had ended at `seen_at`.

    `claimed` is what its sales channel takes it for, and `told` what of that the sales channel knows to be shipped.
    """

    key: str
    sales_channel: str
    wanted: int
    seen: int = 0
    seen_at: int | None = None
    claimed: int = 0
    told: int = 0


class Figure(msgspec.Struct, frozen=True):
    """`truth` is what is left before shares and before it is cut at zero; `wire` is what the sales channel is told."""

    truth: int
    wire: int
    in_flight: int


def in_flight(rows: Iterable[UnitsRow], read_at: int) -> int:
    """The units that a read of Fulfil which began at `read_at` cannot have left out of its figure yet.

    Units are in the figure only when they were seen reserved, or gone out, and the read began when that had been seen
    (rule 8): `seen_at` is when the read that saw it had ended. What was lost, waits, or is on its way counts in full.
    """
    units = 0
    for row in rows:
        is_in_figure = row.seen_at is not None and row.seen_at <= read_at
        units += max(row.wanted - row.seen, 0) if is_in_figure else row.wanted
    return units


def own_unshipped(rows: Iterable[UnitsRow], sales_channel: str) -> int:
    """The units that a sales channel subtracts itself from what is there: its own, until it knows them to be shipped.

    None of those that it may have been told already are among them (rule 10).
    """
    return sum(max(0, row.claimed - row.told) for row in rows if row.sales_channel == sales_channel)


def figure_of(settings: StockSettings, sales_channel: str, level: Level, rows: Sequence[UnitsRow]) -> Figure:
    """What the sales channel may be told (rules 8 to 11): floored after the share, never below zero on the wire."""
    flying = in_flight(rows, level.read_at)
    left = max(min(level.available, _MOST), -_MOST) - flying - settings.buffer
    truth = math.floor(left)
    wire = math.floor(max(left, Decimal(0)) * settings.allocation)
    if settings.subtracts:
        wire += own_unshipped(rows, sales_channel)
    return Figure(truth=truth, wire=max(wire, 0), in_flight=flying)


_MOST = Decimal(10**12)
"""More is no stock, but a mistake in the ERP, and must not stop the figures of others."""


class LookLevels(Message, frozen=True):
    """To `stock_reader`, with the key of a place: levels wait to be read."""


class ReadProducts(Message, frozen=True, kw_only=True):
    """To `stock_reader`, with the key of a place: read the levels of these products now."""

    products: tuple[int, ...]


class PublishAgain(Message, frozen=True, kw_only=True):
    """To `stock_publisher`: the sales channel shows these figures otherwise; tell it once more what they are.

    `lines`: the name of each figure, and what the sales channel shows.
    """

    sales_channel: str
    lines: dict[str, int]


class PublishUnsent(Message, frozen=True):
    """To `stock_publisher`: this flow is configured no more; what nobody was told by it is published anew."""

    flow: str


STOCK_PUBLISHER: Final = "stock_publisher"
"""The actor that publishes levels."""
STOCK_PUBLISHER_KEY: Final = "stock/publisher"
"""Its one key."""
STOCK_READER: Final = "stock_reader"
"""The actor that reads levels."""


def place_key(place: str) -> str:
    """The key of the levels of a place."""
    return f"stock/{place}"


def place_of(locations: Sequence[int]) -> str:
    """The name under which levels of these locations, added up, are kept."""
    return ",".join(str(id_) for id_ in sorted(set(locations)))
