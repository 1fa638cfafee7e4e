"""What stands open, for those who watch: how many exceptions of each kind, and how long the oldest has waited.

Read from the journal every few seconds rather than counted as events pass, so that it is true after a restart, too.
"""

from __future__ import annotations

from collections.abc import Sequence

import anyio

from runtime.journal.journal import Journal

_EVERY_S = 5.0


class Standing:
    """The open cases as they were a few seconds ago. `run` is a part of the supervisor."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._cases: Sequence[tuple[str, str, int, int]] = ()

    async def run(self) -> None:
        """Look again and again, for ever."""
        while True:
            await self.look()
            await anyio.sleep(_EVERY_S)

    async def look(self) -> None:
        """Read the open cases once."""
        rows = await self._journal.query("cases_counted")
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for kind, owner, _, count, first in rows:  # a row per currency
            known, since = found.get((kind, owner), (0, first))
            found[kind, owner] = known + count, min(since, first)
        self._cases = [(kind, owner, count, first) for (kind, owner), (count, first) in found.items()]

    def open(self) -> list[tuple[Sequence[str], float]]:
        """Open cases by (kind, owner)."""
        return [((kind, owner), float(count)) for kind, owner, count, _ in self._cases]

    def oldest_s(self) -> list[tuple[Sequence[str], float]]:
        """Age of the oldest open case by (kind, owner)."""
        now = self._journal.clock.now()
        return [((kind, owner), max(0.0, (now - first) / 1e6)) for kind, owner, _, first in self._cases]
