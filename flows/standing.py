"""What stands open, for those who watch: how many exceptions of each kind, how long the oldest has waited, and what
somebody has paused.

Read from the journal every few seconds rather than counted as events pass, so that it is true after a restart, too.
A kind without an open case counts 0: only what has not been looked at is absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import anyio

from flows.exceptions.kinds import KINDS
from runtime.clock import Instant, to_datetime
from runtime.journal.journal import Journal

_EVERY_S = 5.0


class Standing:
    """The open cases as they were a few seconds ago. `run` is a part of the supervisor."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._cases: Mapping[tuple[str, str], tuple[int, Instant | None]] = {}
        """(kind, owner) -> how many are open, and since when the oldest. Empty before the first look."""
        self._pauses: Sequence[tuple[str, str, Instant, str]] = ()
        """(scope, name, since, by whom)."""

    async def run(self) -> None:
        """Look again and again, for ever."""
        while True:
            await self.look()
            await anyio.sleep(_EVERY_S)

    async def look(self) -> None:
        """Read the open cases and the pauses once."""
        self._pauses = await self._journal.query("pauses")
        rows = await self._journal.query("cases_counted")
        found: dict[tuple[str, str], tuple[int, Instant | None]] = {
            (kind.name, kind.owner.value): (0, None) for kind in KINDS.values()
        }
        for kind, owner, _, count, first in rows:  # a row per currency
            known, since = found.get((kind, owner), (0, None))
            found[kind, owner] = known + count, first if since is None else min(since, first)
        self._cases = found

    def open(self) -> list[tuple[Sequence[str], float]]:
        """Open cases by (kind, owner), of every kind there is."""
        return [(labels, float(count)) for labels, (count, _) in self._cases.items()]

    def pauses(self) -> list[str]:
        """A sentence for each pause: what, since when, by whom, and how it ends."""
        return [
            f"{name} is paused since {to_datetime(at):%Y-%m-%d %H:%M:%SZ} by {by}; "
            f"`seamline resume {'--actor ' if scope == 'actor' else ''}{name}`"
            for scope, name, at, by in self._pauses
        ]

    def oldest_s(self) -> list[tuple[Sequence[str], float]]:
        """Age of the oldest open case by (kind, owner), where one is open."""
        now = self._journal.clock.now()
        return [
            (labels, max(0.0, (now - first) / 1e6)) for labels, (_, first) in self._cases.items() if first is not None
        ]
