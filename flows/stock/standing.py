"""How fresh the stock of each sales channel is: since when the oldest change waits that it was not told.

Read from the journal every few seconds rather than counted as events pass, so that it is true after a restart, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import anyio

from runtime.clock import Instant
from runtime.journal.journal import Journal

_EVERY_S = 5.0


class StockStanding:
    """What waits, as it was a few seconds ago. `run` is a part of the supervisor."""

    def __init__(self, sales_channels: Sequence[str], journal: Journal) -> None:
        self._sales_channels, self._journal = tuple(sales_channels), journal
        self._waiting: Mapping[str, tuple[int, Instant | None]] = {}
        """Sales channel -> how many levels wait, and since when the oldest change does. Empty before the first look."""

    async def run(self) -> None:
        """Look again and again, for ever."""
        while True:
            await self.look()
            await anyio.sleep(_EVERY_S)

    async def look(self) -> None:
        """Read what waits, once. A change that nobody could look at yet waits for every sales channel."""
        ((due,),) = await self._journal.query("stock_due_oldest")
        found: dict[str, tuple[int, Instant | None]] = dict.fromkeys(self._sales_channels, (0, due))
        for name, count, since in await self._journal.query("stock_freshness"):
            if name in found:
                found[name] = count, since if due is None else min(since, due)
        self._waiting = found

    def waiting(self) -> list[tuple[Sequence[str], float]]:
        """Levels that wait to be sent, by sales channel."""
        return [([name], float(count)) for name, (count, _) in self._waiting.items()]

    def oldest_s(self) -> list[tuple[Sequence[str], float]]:
        """How long the oldest change waits, by sales channel; 0 where none does."""
        now = self._journal.clock.now()
        return [
            ([name], 0.0 if since is None else max(0.0, (now - since) / 1e6))
            for name, (_, since) in self._waiting.items()
        ]
