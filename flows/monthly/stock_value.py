"""The value of stock at the end of a month: units on hand times what a piece cost then, exactly (rule 24). Pure.

Only what Fulfil told: a SKU without a cost has no value here, and is counted and named; nothing is made up.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from flows.model.money import EXACT, ZERO, exactly
from flows.model.month import Month
from flows.monthly.report import Bar, Cell, Chart, Report, Section, written

_LARGEST: Final = 15
"""Bars of the chart: the SKUs that are worth most."""


class Stocked(msgspec.Struct, frozen=True, kw_only=True):
    """What was on hand of a SKU at a place (locations, added up). `cost` None: Fulfil has not told it."""

    place: str
    sku: str
    on_hand: Decimal
    cost: Decimal | None


@exactly
def stock_value(
    month: Month,
    rows: Iterable[Stocked],
    *,
    currency: str,
    time_zone: str,
    began: datetime,
    kept: datetime,
    ended: datetime,
) -> Report:
    """The report. `began`, `kept`: when the keeping of the levels began and was over; `ended`: the end of the month."""
    found = sorted(rows, key=lambda row: (row.place, row.sku))
    valued = [(row, row.on_hand * row.cost) for row in found if row.cost is not None]
    unknown = [row for row in found if row.cost is None]
    places = sorted({row.place for row in found})
    totals: list[tuple[Cell, ...]] = []
    for place in places:
        own = [(row, value) for row, value in valued if row.place == place]
        without = [row for row in unknown if row.place == place]
        totals.append(
            (
                place, len(own), _plain(sum((row.on_hand for row, _ in own), ZERO)),
                written(sum((value for _, value in own), ZERO), currency), len(without),
                _plain(sum((row.on_hand for row in without), ZERO)),
            )
        )  # fmt: skip
    unit = currency or "the company's currency"
    late = (began - ended).total_seconds()
    remarks = [
        "Only locations are read from which the stock of a sales channel is published.",
        "A row of locations is added up by itself: a location that is in two rows counts in both.",
        f"Levels and costs are as Fulfil had told them when they were kept, {late:,.0f} s after the end of the month.",
    ]
    if unknown:
        skus = len({row.sku for row in unknown})
        remarks.append(f"Fulfil has not told what {skus} SKUs cost: they are counted and have no value here.")
    return Report(
        name="stock-value",
        title="Value of stock",
        month=str(month),
        time_zone=time_zone,
        as_of=kept,
        sections=(
            Section(
                title="Totals",
                head=("locations", "SKUs with a cost", "units", f"value in {unit}", "SKUs without", "units of those"),
                rows=tuple(totals),
                empty="nothing was on hand",
            ),
            Section(
                title="SKUs without a cost",
                head=("locations", "SKU", "units"),
                rows=tuple((row.place, row.sku, _plain(row.on_hand)) for row in unknown),
                empty="none",
            ),
            Section(
                title="SKUs",
                head=("locations", "SKU", "units", "cost of one", "value"),
                rows=tuple(
                    (row.place, row.sku, _plain(row.on_hand), _plain(row.cost or ZERO), written(value, currency))
                    for row, value in valued
                ),
                empty="none",
            ),
        ),
        charts=tuple(_chart(place, valued, currency, unit) for place in places),
        remarks=tuple(remarks),
    )


def _chart(place: str, valued: list[tuple[Stocked, Decimal]], currency: str, unit: str) -> Chart:
    own = sorted((item for item in valued if item[0].place == place), key=lambda item: (-abs(item[1]), item[0].sku))
    bars = tuple(Bar(row.sku, written(value, currency)) for row, value in own[:_LARGEST])
    rest = sum((value for _, value in own[_LARGEST:]), ZERO)
    more = (Bar(f"{len(own) - _LARGEST} more", written(rest, currency)),) if len(own) > _LARGEST else ()
    return Chart(title=f"Locations {place}", unit=unit if currency else "", bars=(*bars, *more))


def _plain(amount: Decimal) -> Decimal:
    """A number of units or a price without zeros that say nothing: `5`, not `5.0`."""
    whole = EXACT.normalize(amount)
    return EXACT.quantize(whole, Decimal(1)) if whole == whole.to_integral_value() else whole
