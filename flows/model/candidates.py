"""What may be meant by a SKU that Fulfil does not sell: looked for in the journal, bounded, told to people, never used
by itself.

In this order: products whose SKU differs in case and spaces only; those that have it as a barcode; those whose SKU is
one typing error away (a character wrong, missing, too many, or two swapped). The last are found by asking for every
text that one error would make of it, a thousand or so, by their keys: a few milliseconds among 500,000 products.
"""

from __future__ import annotations

import string
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from flows.model.products import barcode_of
from flows.model.skus import SkuIndex, folded
from runtime.clock import Instant, to_datetime
from runtime.journal.journal import Journal

Query = Callable[..., Awaitable[Sequence[Any]]]

_LENGTHS = range(3, 41)
"""Of SKUs for which errors are looked for: shorter ones have too many neighbours, longer ones cost too much."""
_ALPHABET = string.ascii_lowercase + string.digits + "-_./+#"
_NAMED_MAX = 3
_REMEMBERED_MAX = 1_000


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A product that may be meant. `how`: exact, alike, barcode or near."""

    how: str
    sku: str
    product: int
    name: str
    sold: bool
    """Whether it can be on an order."""
    barcode: str | None = None
    gone_at: datetime | None = None
    """When it was found to be no longer in Fulfil."""


async def candidates(text: str, query: Query, query_list: Query) -> tuple[Candidate, ...]:
    """The products that may be meant by `text`, the nearest first; those of exactly this SKU among them.

    `query` and `query_list` are the journal's, or a reader's.
    """
    key = folded(text)
    if not key:
        return ()
    found = [_candidate("exact" if row[0] == text else "alike", row) for row in await query("products_alike", key)]
    barcode = barcode_of(text)
    if barcode is not None:
        found += [_candidate("barcode", row) for row in await query("products_of_barcode", barcode)]
    errors = sorted(one_error_away(key))
    found += [_candidate("near", row) for row in await query_list("products_near", errors)]
    nearest = {"exact": 0, "alike": 1, "barcode": 2, "near": 3}
    found.sort(key=lambda each: (nearest[each.how], each.gone_at is not None, not each.sold, each.sku, each.product))
    first: dict[int, Candidate] = {}
    for each in found:
        first.setdefault(each.product, each)
    return tuple(first.values())


def one_error_away(key: str) -> set[str]:
    """Every text that one typing error makes of a folded SKU; none for one that is very short or very long."""
    if len(key) not in _LENGTHS:
        return set()
    alphabet = sorted({*_ALPHABET, *key})
    halves = [(key[:at], key[at:]) for at in range(len(key) + 1)]
    made = {left + right[1:] for left, right in halves if right}
    made |= {left + right[1] + right[0] + right[2:] for left, right in halves if len(right) > 1}
    made |= {left + each + right[1:] for left, right in halves if right for each in alphabet}
    made |= {left + each + right for left, right in halves for each in alphabet}
    return made - {key}


def told(found: Sequence[Candidate]) -> str:
    """What a case says of those that can be sold, to follow a sentence; empty when there are none."""
    parts = []
    for how, one, several in (
        ("alike", "differs only in case or spaces", "differ only in case or spaces"),
        ("barcode", "has it as its barcode", "have it as their barcode"),
        ("near", "differs in one character", "differ in one character"),
    ):
        skus = list(dict.fromkeys(repr(each.sku) for each in found if each.how == how and each.sold))
        if not skus or (how == "near" and len(skus) > _NAMED_MAX):  # a series of numbers: all its members are near
            continue
        names = " and ".join(skus[:_NAMED_MAX]) + (" and others" if len(skus) > _NAMED_MAX else "")
        parts.append(f"; {names} {one if len(skus) == 1 else several}")
    return "".join(parts)


class Hints:
    """What a case says of a SKU that cannot be sold, worked out once for as long as the catalogue stays as it is."""

    def __init__(self, index: SkuIndex, journal: Journal) -> None:
        self._index, self._journal = index, journal
        self._known: dict[str, str] = {}
        self._changes = -1

    async def of(self, sku: str) -> str:
        """To follow the sentence that the SKU is not in Fulfil; empty when nothing is known."""
        changes = self._index.changes
        if changes != self._changes or len(self._known) >= _REMEMBERED_MAX:
            self._known, self._changes = {}, changes
        known = self._known.get(sku)
        if known is None:
            known = await self._looked_up(sku)
            if changes == self._index.changes:
                self._known[sku] = known
        return known

    async def _looked_up(self, sku: str) -> str:
        if self._index.inactive(sku):
            return ": the product is there, but inactive"
        other = self._index.aliases.get(sku)
        if other is not None:
            return f"; it is an alias of {other!r}, which Fulfil does not sell"
        return told(await candidates(sku, self._journal.query, self._journal.query_list))


def _candidate(how: str, row: Sequence[Any]) -> Candidate:
    sku, product, name, sold, barcode, gone_at = row
    gone = None if gone_at is None else to_datetime(Instant(gone_at))
    return Candidate(
        how=how, sku=sku, product=product, name=name, sold=bool(sold) and gone is None, barcode=barcode, gone_at=gone
    )
