"""What the observer says of stock: every sales channel's figures against the ERP's books, and whose fault oversold is.

Pure. A sales channel may sell what the ERP has available, less what orders need that Seamline has taken and that are
not in the ERP: held ones, those that wait for a payment, goods that an edit added to a sale that stands.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

import msgspec

from flows.demo.observer import Expected, Fault, Finding
from flows.demo.stories import SCARCE_STOCK, Story

Figures = Mapping[str, Mapping[str, int]]
"""Sales channel -> SKU -> what it shows."""


class Oversold(msgspec.Struct, frozen=True, kw_only=True):
    """Units that were sold and are not there, by cause."""

    beyond_told: Mapping[str, int]
    """By sales channel: sold although it showed none. Its own policy."""
    raced: int
    """Sold by two sales channels at the same moment, before either could be told of the other."""
    told_too_much: int
    """What is left: sold because a sales channel had been told more than there was. Ours, and must be none."""


def oversold(expected: Iterable[Expected], available: Mapping[str, Decimal], beyond: Mapping[str, int]) -> Oversold:
    """The causes of all that is missing in the ERP; `beyond` is from the sales channels' own books."""
    missing = sum((-left for left in available.values() if left < 0), Decimal(0))
    raced: Counter[str] = Counter()
    for each in expected:
        if each.story is Story.RACED and each.sale is not None:
            for line in each.sale.lines:
                raced[line.sku] += int(line.quantity)
    twice = sum(max(0, units - SCARCE_STOCK) for units in raced.values())
    rest = math.ceil(missing) - twice - sum(beyond.values())
    return Oversold(beyond_told=dict(beyond), raced=twice, told_too_much=rest)


def told_wrong(
    expected: Iterable[Expected], available: Mapping[str, Decimal], figures: Figures
) -> Iterator[tuple[str, str, int | None, int]]:
    """Sales channel, SKU, the figure that it shows (None: none at all), and the right one, where they differ."""
    needed: Counter[str] = Counter()
    for each in expected:
        for wanted in each.reserved:
            needed[wanted.sku] += wanted.quantity
    for name, shown in figures.items():
        for sku, left in available.items():
            right = max(0, math.floor(left) - needed[sku])
            found = shown.get(sku)
            if found is None or max(0, found) != right:
                yield name, sku, found, right


def judge_stock(
    expected: Iterable[Expected], available: Mapping[str, Decimal], figures: Figures, units: Oversold
) -> tuple[Finding, ...]:
    """What is wrong with the figures, and with what was sold by them."""
    findings = [
        Finding(Fault.MISTOLD, f"{name}/{sku}", f"the sales channel shows {found}, and {right} may be sold")
        for name, sku, found, right in told_wrong(expected, available, figures)
    ]
    if units.told_too_much:
        sentence = f"{units.told_too_much} units are oversold that no sales channel and no race explains"
        findings.append(Finding(Fault.MISTOLD, "", sentence))
    return tuple(findings)
