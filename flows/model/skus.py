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
        """Take over what Fulfil says of a product; a changed code replaces the old one."""
        old = self._skus.get(product)
        if old is not None and old != sku:
            self._products.pop(old, None)
            self._inactive.discard(old)
        self._skus[product] = sku
        if active:
            self._products[sku] = product
            self._inactive.discard(sku)
        else:
            self._products.pop(sku, None)
            self._inactive.add(sku)
