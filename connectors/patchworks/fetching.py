"""What a failed run had in hand: its log and its payload rows are read, and `recovery` says which payloads it was."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

import msgspec

from connectors.patchworks.recovery import Fetch, named_payloads, payloads_to_fetch
from connectors.patchworks.requests import FailedPayloads, ListPayloads, ListRunLogs
from connectors.patchworks.wire import LogLine, Page, PayloadRow, Run
from runtime.errors import Refused

Row = TypeVar("Row")

PAGES_MAX: Final = 10
"""Of a log, and of the rows, in one call; at 100 a page that is a run with a thousand payloads."""
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

    A log or rows that are not kept any more count as empty. Of a log that is longer than one call reads, each part
    gives the payloads that it names, and says where the next one begins.
    """
    run = Run(id=asked.run_id, status=asked.status)
    first = asked.log_page
    log, whole_log = await _all(lambda page: core.list_run_logs(ListRunLogs(run_id=asked.run_id, page=page)), first)
    if first > 1 or not whole_log:
        fetch = named_payloads(run, log)
        return fetch if whole_log else msgspec.structs.replace(fetch, log_page=first + PAGES_MAX)
    rows, whole_rows = await _all(lambda page: core.list_payloads(ListPayloads(run_id=asked.run_id, page=page)), 1)
    own = [row for row in rows if row.run_id in ("", asked.run_id)]
    fetch = payloads_to_fetch(run, log, own)
    return fetch if whole_rows else msgspec.structs.replace(fetch, certain=False, whole=fetch.certain)


async def _all(page_of: Callable[[int], Awaitable[Page[Row]]], first: int) -> tuple[list[Row], bool]:
    """The rows of so many pages, and whether there are no more."""
    rows: list[Row] = []
    for number in range(first, first + PAGES_MAX):
        try:
            page = await page_of(number)
        except Refused as refused:
            if refused.code not in _NOT_THERE:
                raise
            return rows, True  # it has gone while it was read, or was gone before
        rows += page.rows
        if page.complete:
            return rows, True
    return rows, False
