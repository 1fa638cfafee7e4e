"""The SKUs that Fulfil can sell, in memory: a known one is answered in microseconds, with no call and no read."""

from __future__ import annotations

import anyio


class SkuIndex:
    """The SKUs in memory: a known one is answered in microseconds. `ready` once Fulfil's products are known at all."""

    def __init__(self) -> None:
        self._products: dict[str, int] = {}
        self._inactive: set[str] = set()
        self._skus: dict[int, str] = {}
        self.ready = anyio.Event()

    def __len__(self) -> int:
        return len(self._products)

    def sellable(self, sku: str) -> bool:
        """Whether exactly this SKU is an active product."""
        return sku in self._products

    def inactive(self, sku: str) -> bool:
        """Whether this SKU is a product that is not active."""
        return sku in self._inactive

    def learn(self, sku: str, product: int, *, active: bool) -> None:
        """Take over what Fulfil says of a product; a changed code replaces the old one.

        Of two products with one code the active one counts: brands archive a product and make it anew.
        """
        old = self._skus.get(product)
        if old is not None and old != sku:
            if self._products.get(old) == product:
                del self._products[old]
            self._inactive.discard(old)
        self._skus[product] = sku
        if active:
            self._products[sku] = product
            self._inactive.discard(sku)
        elif self._products.get(sku, product) == product:
            self._products.pop(sku, None)
            self._inactive.add(sku)
