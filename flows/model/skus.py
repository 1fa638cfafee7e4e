"""The SKUs that Fulfil can sell, in memory: a known one is answered in a microsecond, with no call and no read.

SKUs are kept as 64-bit hashes, of a seed that every process draws anew, so a product costs 32 to 64 bytes whatever its
SKU is like. The texts are in the journal. That two of 500,000 SKUs have one hash has a chance of 1 in 100 million, and
would hold their orders as ambiguous; that an unknown SKU is taken for a known one, of 1 in 10 million millions, and
would be an order that Fulfil refuses.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

import anyio

from flows.model.aliases import stands_for
from flows.model.numbers import NumberMap

UNKNOWN, AMBIGUOUS = "sku.unknown", "sku.ambiguous"
"""Kinds of exception: what keeps a SKU from being sold."""

_PRODUCT_BITS = 40
_PRODUCT = (1 << _PRODUCT_BITS) - 1
_ARCHIVED = 1 << _PRODUCT_BITS
_SEVERAL = _PRODUCT
"""In the place of a product: there are several, see `_twins`. Ids of products are below it."""


def folded(sku: str) -> str:
    """A SKU without case, spaces and what cannot be seen: SKUs that are alike in this are near relatives."""
    if sku.isascii():
        return "".join(sku.split()).casefold()
    plain = unicodedata.normalize("NFKC", sku).casefold()
    return "".join(each for each in plain if each.isprintable() and not each.isspace())


class SkuIndex:
    """Products by SKU. `ready` once Fulfil's products are known at all.

    It follows from what Fulfil says of each product last, in whatever order it was learnt.
    """

    def __init__(self) -> None:
        self._skus = NumberMap()
        """Hash of a SKU -> the one active product that has it (0: none), and how many archived ones have it."""
        self._products = NumberMap()
        """Product -> hash of its SKU, and whether it is active in the lowest bit."""
        self._twins: dict[int, set[int]] = {}
        """Hash of a SKU -> the active products that have it, where there are several."""
        self._count = 0
        self.aliases: dict[str, str] = {}
        """What sales channels call a product -> its SKU in Fulfil, as people have decided."""
        self.changes = 0
        """Rises whenever something becomes known that was not: what was worked out before is to be worked out again."""
        self.ready = anyio.Event()

    def __len__(self) -> int:
        return self._count

    def sellable(self, sku: str) -> bool:
        """Whether exactly this SKU is one active product, and no other."""
        return 0 < self._skus.get(_hash(sku)) & _PRODUCT < _SEVERAL

    def sold_as(self, sku: str) -> str | None:
        """The SKU under which Fulfil sells what a sales channel calls this: itself, or what it is an alias of."""
        meant = self.stands_for(sku)
        return meant if self.sellable(meant) else None

    def stands_for(self, sku: str) -> str:
        """The SKU in Fulfil of what a sales channel calls this, whether that can be sold or not."""
        return stands_for(sku, self.aliases, self.sellable)

    def twins(self, sku: str) -> list[int]:
        """The active products that share this SKU, by id; empty when there are not several."""
        return sorted(self._twins.get(_hash(sku), ()))

    def product(self, sku: str) -> int | None:
        """The one active product with exactly this SKU, or with the one that it is an alias of; None when none is."""
        sold = self.sold_as(sku)
        return None if sold is None else self._skus.get(_hash(sold)) & _PRODUCT

    def trouble(self, sku: str) -> str | None:
        """The kind of exception that an order of this SKU is held for; None when it can be sold."""
        if self.sold_as(sku) is not None:
            return None
        return AMBIGUOUS if _hash(sku) in self._twins else UNKNOWN

    def inactive(self, sku: str) -> bool:
        """Whether this SKU is that of a product that is not active."""
        return self._skus.get(_hash(sku)) >= _ARCHIVED

    def learn(self, sku: str, product: int, *, active: bool) -> None:
        """Take over what Fulfil says of a product; it replaces what was known of it.

        An inactive product takes nothing from an active one of the same SKU: brands archive a product and make it anew.
        """
        hashed = _hash(sku)
        told = hashed | active
        if self._products.get(product) == told:
            return
        self.forget(product)
        self._products.put(product, told)
        known = self._skus.get(hashed)
        if not active:
            self._skus.put(hashed, known + _ARCHIVED)
        elif not (one := known & _PRODUCT):
            self._skus.put(hashed, known | product)
            self._count += 1
        elif one == _SEVERAL:
            self._twins[hashed].add(product)
        else:
            self._twins[hashed] = {one, product}
            self._skus.put(hashed, known | _SEVERAL)
            self._count -= 1
        self.changes += 1

    def forget(self, product: int) -> None:
        """The product is no longer there. Nothing happens when it was not known."""
        told = self._products.get(product)
        if not told:
            return
        self._products.put(product, 0)
        self.changes += 1
        hashed = told & ~1
        known = self._skus.get(hashed)
        if not told & 1:
            self._skus.put(hashed, known - _ARCHIVED)
        elif known & _PRODUCT != _SEVERAL:
            self._skus.put(hashed, known & ~_PRODUCT)
            self._count -= 1
        else:
            twins = self._twins[hashed]
            twins.discard(product)
            if len(twins) == 1:
                del self._twins[hashed]
                self._skus.put(hashed, known & ~_PRODUCT | twins.pop())
                self._count += 1

    def rename(self, aliases: Mapping[str, str | None]) -> None:
        """Take over aliases that were decided on; None: there is none any more."""
        for alias, sku in aliases.items():
            if sku is None:
                self.aliases.pop(alias, None)
            else:
                self.aliases[alias] = sku
        self.changes += 1


def _hash(sku: str) -> int:
    """Never 0, and even: the lowest bit is free for what is to be said of it."""
    return hash(sku) & ~1 or 2
