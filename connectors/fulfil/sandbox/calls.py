"""What was asked of the sandbox, counted: calls by route and status, look-ups, and what create_order did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

ROUTES_MAX = 500
"""Different routes that are counted by name; further ones are counted as `other`."""
DROPPED = "dropped"
"""The status of a call whose connection was dropped."""


class Calls:
    """The counters of one sandbox."""

    def __init__(self) -> None:
        self._by_route: dict[str, Counter[str]] = {}
        self.lookups = 0
        """Searches of sale.sale that ask for a channel_identifier."""
        self.orders: Counter[str] = Counter()
        self._unlooked: set[int] = set()
        """Hashes of the orders whose last create may have been applied, and which nobody has looked for since."""

    def count(self, route: str, status: int | str) -> None:
        """Count one call; `route` is `model/operation`."""
        if route not in self._by_route and len(self._by_route) >= ROUTES_MAX:
            route = "other"
        self._by_route.setdefault(route, Counter())[str(status)] += 1

    def asked(self, key: tuple[int, str]) -> None:
        """A create_order arrived that may be applied; the key is Fulfil's channel and the channel_identifier."""
        self.orders["repeated_without_look"] += hash(key) in self._unlooked
        self._unlooked.add(hash(key))

    def refused(self, key: tuple[int, str]) -> None:
        """That create_order was answered as not applied, so that it may be repeated without a look."""
        self._unlooked.discard(hash(key))

    def looked(self, channels: Iterable[Any], identifiers: Sequence[Any]) -> None:
        """A search of sale.sale asked for these identifiers, on these channels."""
        self.lookups += 1
        texts = [one for one in identifiers if isinstance(one, str)]
        self._unlooked.difference_update(
            [hash((id_, one)) for id_ in channels if isinstance(id_, int) for one in texts]
        )

    def order(self, outcome: str, *, changed: bool, answer_lost: bool) -> None:
        """Count what one create_order that was not refused did."""
        self.orders[outcome] += 1
        self.orders["repeated_with_change"] += changed
        self.orders["applied_answer_lost"] += answer_lost and outcome == "created"

    def statement(self) -> dict[str, Any]:
        """All counts, as JSON."""
        return {
            "calls": {route: dict(sorted(counts.items())) for route, counts in sorted(self._by_route.items())},
            "lookups": self.lookups,
            "create_order": {
                "applied": self.orders["created"],
                "applied_answer_lost": self.orders["applied_answer_lost"],
                "repeated": self.orders["repeated"],
                "updated": self.orders["updated"],
                "repeated_with_change": self.orders["repeated_with_change"],
                "repeated_without_look": self.orders["repeated_without_look"],
            },
        }
