"""The stock figures of a sales channel, under each meaning that a figure can have.

`available`: the figure is what is for sale; each sale takes from it, each unit taken off an order gives back. `on_hand`
and `source_quantity`: the figure is what is there; the sales channel subtracts its own unshipped units itself, and
shipping a unit takes it from both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from connectors.patchworks.sandbox.sales_channels.config import QuantitySemantics


class Stock:
    """Figures per SKU and location, and what was promised of each SKU."""

    def __init__(self, semantics: QuantitySemantics) -> None:
        self.semantics = semantics
        self._figures: dict[str, dict[str, int]] = {}
        self.unshipped: Counter[str] = Counter()
        """Units of live orders that are not shipped."""
        self.sold_beyond: Counter[str] = Counter()
        """Units sold although nothing was left, by SKU."""

    def put(self, sku: str, location: str, quantity: int) -> None:
        """Set a figure."""
        self._figures.setdefault(sku, {})[location] = quantity

    def figure(self, sku: str, location: str) -> int | None:
        """The figure at one location; None when nobody ever set it."""
        return self._figures.get(sku, {}).get(location)

    def figures(self) -> Iterator[tuple[str, str, int]]:
        """Every SKU, location and figure, sorted."""
        for sku, places in sorted(self._figures.items()):
            for location, quantity in sorted(places.items()):
                yield sku, location, quantity

    def shown(self, sku: str) -> int | None:
        """What a shopper may still buy, may be negative; None for a SKU that is not tracked."""
        places = self._figures.get(sku)
        if places is None:
            return None
        figure = sum(places.values())
        return figure if self.semantics == "available" else figure - self.unshipped[sku]

    def sold(self, sku: str, units: int) -> None:
        """Units were ordered."""
        shown = self.shown(sku)
        if shown is not None and units > max(0, shown):
            self.sold_beyond[sku] += units - max(0, shown)
        self.unshipped[sku] += units
        if self.semantics == "available":
            self._move(sku, -units)

    def released(self, sku: str, units: int) -> None:
        """Units were taken off an order before they were shipped."""
        self.unshipped[sku] -= units
        if self.semantics == "available":
            self._move(sku, units)

    def shipped(self, sku: str, units: int) -> None:
        """Units left."""
        self.unshipped[sku] -= units
        if self.semantics != "available":
            self._move(sku, -units)

    def _move(self, sku: str, units: int) -> None:
        """Change the SKU's first location; a SKU without one is not tracked."""
        places = self._figures.get(sku)
        if places:
            places[next(iter(places))] += units
