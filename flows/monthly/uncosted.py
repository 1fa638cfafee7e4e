"""The part of the cut-off that is about cost: what had left by the end of a month and was not booked as cost. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

import msgspec

from flows.monthly.report import Cell, Section

UNCOSTED: Final = "Shipped by the end of the month, without a move of cost"


class Uncosted(msgspec.Struct, frozen=True, kw_only=True):
    """A shipment to customers whose cost was not booked by then. `orders`: keys and numbers."""

    shipment: str
    number: str
    sales_channel: str
    orders: tuple[tuple[str, str], ...]
    day: date


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the cost of shipments. `unread`: how many nobody has looked for yet; `any_booked`: whether one
    was booked by then at all.
    """

    missing: tuple[Uncosted, ...]
    unread: int
    any_booked: bool


def cost_totals(costs: Costs) -> Iterable[tuple[Cell, ...]]:
    """How many shipments of each sales channel."""
    counts: dict[str, int] = {}
    for each in costs.missing:
        counts[each.sales_channel] = counts.get(each.sales_channel, 0) + 1
    return ((UNCOSTED, name, "", count, None) for name, count in sorted(counts.items()))


def cost_section(costs: Costs) -> Section:
    """Each of them."""
    return Section(
        title=UNCOSTED,
        head=("shipment", "id", "order", "number", "shipped on"),
        rows=tuple(_row(each) for each in sorted(costs.missing, key=lambda each: (each.day, each.shipment))),
        note="No posted entry of Fulfil's ledger that is dated by the end of the month names the shipment, or each of "
        "its stock moves, as its origin. Goods that cost nothing need none.",
        empty="none",
    )


def _row(each: Uncosted) -> tuple[Cell, ...]:
    keys, numbers = (", ".join(of) for of in zip(*sorted(each.orders), strict=True))
    return each.number, each.shipment, keys, numbers, each.day


def cost_remarks(costs: Costs | None) -> Sequence[str]:
    """What is not known."""
    if costs is None:
        return [
            "Whether the cost of shipments is booked is not read from Fulfil (cost_moves): nothing is said about it."
        ]
    said = []
    if costs.unread:
        said.append(f"of {costs.unread} shipments nobody has looked for an entry of cost, so they are not in that list")
    if costs.missing and not costs.any_booked:
        said.append(
            "of no shipment an entry of cost was found: they may name another document (reconciliation.cost_moves)"
        )
    return said
