"""What sales channels may pull instead of being sent it: rows of the store, in the order in which they changed."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.patchworks.pull import After, PullRow, ReadRows
from runtime.journal.journal import Journal

_PLACE_DIGITS = 20


def fulfilments_read_by(journal: Journal) -> ReadRows:
    """Reads the notices of shipments of a sales channel, each in its last form, by the time of their last change.

    A position is that time and the notice: what changes later comes again, behind all that was read.
    """

    async def read(sales_channel: str, after: After, limit: int) -> Sequence[PullRow]:
        changed_at, notice = _place(after)
        rows = await journal.query("fulfilments_changed", sales_channel, changed_at, notice, limit)
        return [PullRow(f"{at:0{_PLACE_DIGITS}d}/{id_}", bytes(body)) for at, id_, body in rows]

    return read


def _place(after: After) -> tuple[int, str]:
    """The change and the notice behind which to read. Raises LookupError for a position that is none of these."""
    if not isinstance(after, str):
        return after or 0, ""
    at, _, notice = after.partition("/")
    if not at.isdecimal() or len(at) > _PLACE_DIGITS:
        raise LookupError(after)
    return int(at), notice
