"""What a failed run had in hand: its log and its payload rows are read, and `recovery` says which payloads it was."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

import msgspec

from connectors.patchworks.recovery import Fetch, payloads_to_fetch
from connectors.patchworks.requests import FailedPayloads, ListPayloads, ListRunLogs
from connectors.patchworks.wire import LogLine, Page, PayloadRow, Run
from runtime.errors import Refused

Row = TypeVar("Row")

PAGES_MAX: Final = 10
"""Of a log, and of the rows; at 100 a page that is a run with a thousand payloads."""
_NOT_THERE: Final = ("404", "410")


class Reads(Protocol):
    """What this needs of the Core API. Every method raises a `runtime.errors.Failure`."""

    async def list_run_logs(self, asked: ListRunLogs) -> Page[LogLine]:
        """One page of a run's log."""
        ...

    async def list_payloads(self, asked: ListPayloads) -> Page[PayloadRow]:
        """One page of a run's payloads."""
        ...


async def failed_payloads(core: Reads, asked: FailedPayloads) -> Fetch:
    """Which payloads of a failed run to download. Raises a `runtime.errors.Failure` when that could not be read.

    A log or rows that are not kept any more count as empty. Of more than are read, nothing is said for certain.
    """
    log, whole_log = await _all(lambda page: core.list_run_logs(ListRunLogs(run_id=asked.run_id, page=page)))
    rows, whole_rows = await _all(lambda page: core.list_payloads(ListPayloads(run_id=asked.run_id, page=page)))
    own = [row for row in rows if row.run_id in ("", asked.run_id)]
    fetch = payloads_to_fetch(Run(id=asked.run_id, status=asked.status), log, own)
    return fetch if whole_log and whole_rows else msgspec.structs.replace(fetch, certain=False)


async def _all(page_of: Callable[[int], Awaitable[Page[Row]]]) -> tuple[list[Row], bool]:
    """The rows of all pages, and whether that were all."""
    rows: list[Row] = []
    for number in range(1, PAGES_MAX + 1):
        try:
            page = await page_of(number)
        except Refused as refused:
            if refused.code not in _NOT_THERE:
                raise
            return rows, number == 1
        rows += page.rows
        if page.complete:
            return rows, True
    return rows, False
