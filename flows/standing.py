"""What stands open, for those who watch: how many exceptions of each kind, how long the oldest has waited, and what
somebody has paused.

Read from the journal every few seconds rather than counted as events pass, so that it is true after a restart, too.
A kind without an open case counts 0: only what has not been looked at is absent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import anyio

from flows.exceptions.kinds import KINDS
from runtime.clock import Instant, to_datetime
from runtime.journal.journal import Journal

_EVERY_S = 5.0
_COVERAGE_EVERY = 60
"""Every so many looks it is counted how many shipments map, since that reads a month of them, and what orders wait for
until they are settled, since that reads all of those."""
_COVERAGE_US = 30 * 86_400 * 1_000_000
LATE_US = 900 * 1_000_000
"""What is not told so long after it was seen has missed its objective."""


class Standing:
    """The open cases as they were a few seconds ago. `run` is a part of the supervisor."""

    def __init__(
        self,
        journal: Journal,
        told: Collection[str] = (),
        recorded: Collection[str] = (),
        posted: Collection[str] = (),
    ) -> None:
        """`told` are the sales channels that hear of shipments, `recorded` those whose later payments are recorded,
        `posted` those whose payouts are posted.
        """
        self._journal = journal
        self._cases: Mapping[tuple[str, str], tuple[int, Instant | None]] = {}
        """(kind, owner) -> how many are open, and since when the oldest. Empty before the first look."""
        self._pauses: Sequence[tuple[str, str, Instant, str]] = ()
        """(scope, name, since, by whom)."""
        self._looks = self._settling_looks = 0
        self._told_channels = tuple(told)
        self._untold: Mapping[str, tuple[int, Instant | None, int]] = {}
        """Sales channel -> shipments that are not told, since when the oldest, and how many for too long."""
        self._overdue: Mapping[tuple[str, str], tuple[int, Instant]] = {}
        """(sales channel, cause) -> orders that have not left by the time that was promised, and since when."""
        self._coverage: Sequence[tuple[str, float]] = ()
        self._unsettled: Sequence[tuple[str, str, int]] = ()
        """(sales channel, what they wait for first) -> orders that are not settled."""
        self._recorded_channels = tuple(recorded)
        self._unrecorded: Mapping[str, tuple[int, Instant | None, Instant | None]] = {}
        """Sales channel -> payments that Fulfil should have and has not, since when the oldest is known, and the oldest
        that nothing stands against."""
        self._posted_channels = tuple(posted)
        self._unposted: Sequence[tuple[str, str, int, float, Instant]] = ()
        """(sales channel, currency, postings that are due, what they are worth, since when the oldest is due)."""

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
        if self._settling_looks % _COVERAGE_EVERY == 0:
            self._unsettled = await self._journal.query("closings_counted")
        self._settling_looks += 1
        await self._look_at_shipments()
        if self._recorded_channels:
            counted = await self._journal.query("payments_unrecorded")
            nothing = dict.fromkeys(self._recorded_channels, (0, None, None))
            self._unrecorded = {**nothing, **{name: (count, first, due) for name, count, first, due in counted}}

        if self._posted_channels:
            self._unposted = await self._journal.query("postings_unposted")

    async def _look_at_shipments(self) -> None:
        if not self._told_channels:
            return
        now = self._journal.clock.now()
        untold: dict[str, tuple[int, Instant | None, int]] = dict.fromkeys(self._told_channels, (0, None, 0))
        for name, count, first, late in await self._journal.query("fulfilments_untold", now - LATE_US):
            untold[name] = count, first, late
        self._untold = untold
        rows = await self._journal.query("unshipped_late")
        self._overdue = {(name, cause): (count, first) for name, cause, count, first in rows}
        if self._looks % _COVERAGE_EVERY == 0:
            rows = await self._journal.query("fulfilments_mapped", now - _COVERAGE_US)
            self._coverage = [(name, mapped / count) for name, count, mapped in rows]
        self._looks += 1

    def untold(self) -> list[tuple[Sequence[str], float]]:
        """Shipments that have left and are not known to be told, by sales channel."""
        return [([name], float(count)) for name, (count, _, _) in self._untold.items()]

    def untold_late(self) -> list[tuple[Sequence[str], float]]:
        """Those of them that were seen more than a quarter of an hour ago."""
        return [([name], float(late)) for name, (_, _, late) in self._untold.items()]

    def untold_oldest_s(self) -> list[tuple[Sequence[str], float]]:
        """How long the oldest of them has been known here; 0 where there is none."""
        now = self._journal.clock.now()
        return [
            ([name], 0.0 if first is None else max(0.0, (now - first) / 1e6))
            for name, (_, first, _) in self._untold.items()
        ]

    def unrecorded(self) -> list[tuple[Sequence[str], float]]:
        """Payments after the import that Fulfil should have and has not, by sales channel."""
        return [([name], float(count)) for name, (count, _, _) in self._unrecorded.items()]

    def unrecorded_oldest_s(self) -> list[tuple[Sequence[str], float]]:
        """How long the oldest of them is known; 0 where there is none."""
        return [([name], self._age_s(first)) for name, (_, first, _) in self._unrecorded.items()]

    def payments_due_oldest_s(self) -> list[tuple[Sequence[str], float]]:
        """How long the oldest of them is known that nothing stands against; 0 where there is none."""
        return [([name], self._age_s(due)) for name, (_, _, due) in self._unrecorded.items()]

    def _age_s(self, first: Instant | None) -> float:
        return 0.0 if first is None else max(0.0, (self._journal.clock.now() - first) / 1e6)

    def unposted(self) -> list[tuple[Sequence[str], float]]:
        """Postings that are due and not in the ledger, by sales channel and currency."""
        return [([name, currency], float(count)) for name, currency, count, _, _ in self._unposted]

    def unposted_amount(self) -> list[tuple[Sequence[str], float]]:
        """What they are worth, in units of the currency."""
        return [([name, currency], worth) for name, currency, _, worth, _ in self._unposted]

    def unposted_oldest_s(self) -> list[tuple[Sequence[str], float]]:
        """How long the oldest of them is due, by sales channel; 0 where there is none."""
        now = self._journal.clock.now()
        oldest = dict.fromkeys(self._posted_channels, now)
        for name, _, _, _, first in self._unposted:
            oldest[name] = min(first, oldest.get(name, now))
        return [([name], max(0.0, (now - first) / 1e6)) for name, first in oldest.items()]

    def unsettled(self) -> list[tuple[Sequence[str], float]]:
        """Imported orders that are not settled, by sales channel and what they wait for first, where there are any."""
        return [([name, cause or "a first look"], float(count)) for name, cause, count in self._unsettled]

    def overdue(self) -> list[tuple[Sequence[str], float]]:
        """Orders that have not left by the time that was promised, by (sales channel, cause), where there are any."""
        return [(labels, float(count)) for labels, (count, _) in self._overdue.items()]

    def overdue_oldest_s(self) -> list[tuple[Sequence[str], float]]:
        """How long ago the first of them was to leave, by sales channel; 0 where there is none."""
        now = self._journal.clock.now()
        oldest = dict.fromkeys(self._told_channels, now)
        for (name, _), (_, first) in self._overdue.items():
            oldest[name] = min(first, oldest.get(name, now))
        return [([name], max(0.0, (now - first) / 1e6)) for name, first in oldest.items()]

    def coverage(self) -> list[tuple[Sequence[str], float]]:
        """The share of the last 30 days' shipments whose carrier and service were mapped, by sales channel."""
        return [([name], share) for name, share in self._coverage]

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
