"""The observer: judges from what senders were told and what Fulfil's books say, and from nothing that Seamline says.

It shares no code and no storage with the product. An order counts once a sender has its acknowledgement; the books are
those of the sandbox, which also notes every create that was repeated although nobody had looked in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from flows.demo.orders import GeneratedOrder, Oddity

FULFIL_CHANNELS = {"web": 3, "outlet": 4}
"""Sales channel -> its id in Fulfil."""

Key = tuple[int, str]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong, by order. All lists empty: every promise was kept."""

    acknowledged: int
    sales: int
    looks: int
    lost: tuple[str, ...] = ()
    """Acknowledged, clean, and no sale."""
    doubled: tuple[str, ...] = ()
    """More than one sale of one order, by identifier or by reference."""
    wrong: tuple[str, ...] = ()
    """A sale with another total, other lines, or another payment than the order."""
    uncalled_for: tuple[str, ...] = ()
    """A sale of an order that nobody sent, or that had to be held."""
    unlooked: int = 0
    """Creates repeated without a look since the one before, which may have been applied."""
    changed: int = 0
    """Creates repeated with other bytes."""

    @property
    def holds(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.doubled or self.wrong or self.uncalled_for or self.unlooked or self.changed)


def judge(
    acknowledged: Mapping[Key, GeneratedOrder], sent: Mapping[Key, GeneratedOrder], books: Mapping[str, Any]
) -> Verdict:
    """Compare the orders that were acknowledged, and those that were sent at all, with the books."""
    sales = {(sale["channel"], sale["channel_identifier"]): sale for sale in books["sales"]}
    known = {key: order for key, order in sent.items() if order.oddity is Oddity.NONE}
    creates = books["create_order"]
    return Verdict(
        acknowledged=len(acknowledged),
        sales=len(books["sales"]),
        looks=books["lookups"],
        lost=_names(key for key in acknowledged if key in known and key not in sales),
        doubled=_doubled(books["sales"]),
        wrong=_names(key for key, sale in sales.items() if key in known and not _same(known[key], sale)),
        uncalled_for=_names(key for key in sales if key not in known),
        unlooked=creates["repeated_without_look"],
        changed=creates["repeated_with_change"] + creates["updated"],
    )


def _same(order: GeneratedOrder, sale: Mapping[str, Any]) -> bool:
    skus = Counter(line["sku"] for line in sale["lines"])
    totals = {Decimal(sale[name]) for name in ("total", "stated_amount", "payments_sum")}
    return totals == {order.total} and skus == Counter(order.skus)


def _doubled(sales: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    rows = list(sales)
    by_identifier = Counter((sale["channel"], sale["channel_identifier"]) for sale in rows)
    by_reference = Counter((sale["channel"], sale["reference"]) for sale in rows)
    return _names(key for counted in (by_identifier, by_reference) for key, count in counted.items() if count > 1)


def _names(keys: Iterable[Key]) -> tuple[str, ...]:
    return tuple(f"{channel}/{identifier}" for channel, identifier in keys)
