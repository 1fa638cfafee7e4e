"""The SKUs that Fulfil can sell, in memory: a known one is answered in microseconds, with no call and no read."""

from __future__ import annotations

import anyio

UNKNOWN, AMBIGUOUS = "sku.unknown", "sku.ambiguous"
"""Kinds of exception: what keeps a SKU from being sold."""


def folded(sku: str) -> str:
    """A SKU without case and outer spaces: SKUs that are alike in this are near relatives."""
    return sku.strip().casefold()


class SkuIndex:
    """Products by SKU. `ready` once Fulfil's products are known at all.

    It follows from what Fulfil says of each product last, in whatever order it was learnt.
    """

    def __init__(self) -> None:
        self._products: dict[str, int] = {}
        """SKU -> the one active product that has it."""
        self._twins: dict[str, set[int]] = {}
        """SKU -> the active products that have it, where there are several."""
        self._inactive: dict[str, int] = {}
        """SKU -> how many inactive products have it."""
        self._skus: dict[int, str] = {}
        self.ready = anyio.Event()

    def __len__(self) -> int:
        return len(self._products)

    def sellable(self, sku: str) -> bool:
        """Whether exactly this SKU is one active product, and no other."""
        return sku in self._products

    def twins(self, sku: str) -> list[int]:
        """The active products that share this SKU, by id; empty when there are not several."""
        return sorted(self._twins.get(sku, ()))

    def trouble(self, sku: str) -> str | None:
        """The kind of exception that an order of this SKU is held for; None when it can be sold."""
        if sku in self._products:
            return None
        return AMBIGUOUS if sku in self._twins else UNKNOWN

    def inactive(self, sku: str) -> bool:
        """Whether this SKU is that of a product that is not active."""
        return sku in self._inactive

    def learn(self, sku: str, product: int, *, active: bool) -> None:
        """Take over what Fulfil says of a product; it replaces what was known of it.

        An inactive product takes nothing from an active one of the same SKU: brands archive a product and make it anew.
        """
        old = self._skus.get(product)
        if old is not None:
            self._forget(old, product)
        self._skus[product] = sku
        if not active:
            self._inactive[sku] = self._inactive.get(sku, 0) + 1
        elif sku in self._twins:
            self._twins[sku].add(product)
        elif sku in self._products:
            self._twins[sku] = {self._products.pop(sku), product}
        else:
            self._products[sku] = product

    def _forget(self, sku: str, product: int) -> None:
        twins = self._twins.get(sku, set())
        if self._products.get(sku) == product:
            del self._products[sku]
        elif product in twins:
            twins.discard(product)
            if len(twins) == 1:
                self._products[sku] = twins.pop()
                del self._twins[sku]
        elif self._inactive[sku] > 1:
            self._inactive[sku] -= 1
        else:
            del self._inactive[sku]
