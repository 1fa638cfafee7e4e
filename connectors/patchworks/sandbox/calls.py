"""What was asked of the sandbox, counted by route and status."""

from __future__ import annotations

from collections import Counter

DROPPED = "dropped"
"""The status of a call whose connection was dropped."""


class Calls:
    """The counters of one sandbox. Routes are those it has, so there are few."""

    def __init__(self) -> None:
        self._by_route: dict[str, Counter[str]] = {}

    def count(self, route: str, status: int | str) -> None:
        """Count one call."""
        self._by_route.setdefault(route, Counter())[str(status)] += 1

    def statement(self) -> dict[str, dict[str, int]]:
        """All counts."""
        return {route: dict(sorted(counts.items())) for route, counts in sorted(self._by_route.items())}
