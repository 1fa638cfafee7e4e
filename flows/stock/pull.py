"""The levels of a sales channel for those who fetch them: `GET /v1/stock/{sales_channel}?since=`, in order of sequence.

A level that was published again has a later place. One that something received may lower this instant ends the page:
it, and what follows, is fetched a moment later, when it has been looked at again. So what is fetched is never above
what is provable when the fetch begins, as with what is sent.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from connectors.patchworks.pull import After, PullRow
from flows.model.stock import StockSettings
from flows.stock.unsettled import Unsettled
from runtime.clock import Instant, to_datetime
from runtime.errors import SeamlineError
from runtime.journal.journal import Journal


class Level(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row. The fields are those of a level that is sent to a flow, with the instant of the decision."""

    sku: str
    location: str
    available: int
    sequence: int
    published_at: str
    previous: int | None = None


class StockPull:
    """Reads pages of levels. `read` is a `connectors.patchworks.pull.ReadRows`."""

    def __init__(self, locations: dict[str, str], unsettled: Unsettled, journal: Journal) -> None:
        """`locations`: what each sales channel calls the place that its figures are for."""
        self._locations, self._unsettled, self._journal = locations, unsettled, journal

    async def read(self, sales_channel: str, after: After, limit: int) -> Sequence[PullRow]:
        """Rows after a sequence, or decided on since an instant.

        Raises LookupError for a cursor that is none of ours, SeamlineError while nothing can be said.
        """
        begin = await self._sequence(sales_channel, after)
        unsettled = await self._unsettled.lines()
        if unsettled is None:
            raise SeamlineError("orders that were received are not counted yet; fetch again in a moment")
        rows = await self._journal.query("stock_published_after", sales_channel, begin, limit)
        found: list[PullRow] = []
        for name, figure, previous, sequence, decided_at in rows:
            if name in unsettled:
                break
            level = Level(
                sku=name,
                location=self._locations[sales_channel],
                available=figure,
                sequence=sequence,
                published_at=_text(decided_at),
                previous=previous,
            )
            found.append(PullRow(str(sequence), msgspec.json.encode(level)))
        return found

    async def _sequence(self, sales_channel: str, after: After) -> int:
        if after is None:
            return 0
        if isinstance(after, int):
            return int((await self._journal.query("stock_published_since", sales_channel, after))[0][0])
        if not (after.isascii() and after.isdecimal()):
            raise LookupError(after)
        return int(after)


def locations_of(settings: dict[str, StockSettings]) -> dict[str, str]:
    """What each sales channel calls its place."""
    return {name: each.location for name, each in settings.items()}


def _text(instant: int) -> str:
    return to_datetime(Instant(instant)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
