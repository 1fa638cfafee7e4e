"""A sweep that recovers what a failed run was about to deliver, call by call (facts 2.3, 11.2; failure case 6).

The other side is scripted from the facts; `tests/contracts/patchworks_core.py`.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from connectors.patchworks import recovery
from connectors.patchworks.fetching import PAGES_MAX
from connectors.patchworks.recovery import Done, Fetch, RecoveryPolicy
from connectors.patchworks.wire import Payload, Run
from runtime.errors import Failure, Refused, Unavailable
from tests.contracts.patchworks_core import Door, door, listed, run_row

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
POLICY = RecoveryPolicy(flow_ids=("4312",))
RUNS = "GET /core/api/v1/flow-runs"
LOGS = f"{RUNS}/01kf2p/flow-run-logs"
ROWS = "GET /core/api/v1/payload-metadata"
DOWNLOAD = f"{ROWS}/7700316/download"
ORDER = b'{"id": 6104889327714, "total_price": "64.95"}'
FAILED = {
    "status": 3, "trigger": "Schedule", "flow_id": 4312, "started_at": "2026-11-20T09:15:00.000000Z",
    "finished_at": "2026-11-20T09:15:09.000000Z", "summary": "Send orders: HTTP 503",
}  # fmt: skip
ERROR = {
    "log_level": "error", "log_message": "Request failed with status 503", "flow_step_id": 55104,
    "payload_metadata_id": 7700316, "created_at": "2026-11-20T09:15:09.000000Z",
}  # fmt: skip


async def sweep(at: Door, done: tuple[Done, ...] = ()) -> tuple[list[Payload], tuple[Done, ...]]:
    """What an actor does in one sweep, without the actor."""
    listed_runs: list[Run] = []
    for asked in recovery.lists(POLICY, NOW, None):
        page = await at.api.perform("list_runs", msgspec.json.encode(asked))
        listed_runs += page.rows
    payloads: list[Payload] = []
    for chosen in recovery.choose(POLICY, listed_runs, done, NOW).recover:
        status = None if chosen.run.status is None else int(chosen.run.status)
        fetch: Fetch = await at.perform("failed_payloads", run_id=chosen.run.id, status=status)
        payloads += [await at.perform("download_payload", payload_id=each) for each in fetch.payload_ids]
        done = recovery.recovered(done, chosen.run, NOW)
    return payloads, done


@pytest.mark.parametrize("attributes", [True, False], ids=["attributes", "flat"])
async def test_a_failed_run_gives_its_order_back_once(attributes: bool) -> None:
    """The worked example of facts 11.2, in both styles; the run is in more than one list."""
    async with door() as at:
        at.patchworks.will_answer(RUNS, listed(run_row("01kf2p", attributes=attributes, **FAILED)))
        line = {"id": "880107", "attributes": ERROR} if attributes else {"id": 880107, **ERROR}
        at.patchworks.will_answer(LOGS, listed({"id": "880101", "log_level": "info"}, line))
        at.patchworks.will_answer(ROWS, listed({"id": 7700310}, {"id": 7700316, "flow_run_id": "01kf2p"}))
        at.patchworks.will_answer(DOWNLOAD, ORDER)
        payloads, done = await sweep(at)
        assert [payload.body for payload in payloads] == [ORDER]
        calls = len(at.patchworks.asked)
        assert await sweep(at, done) == ([], done)
    assert at.patchworks.calls()[:calls] == [RUNS, RUNS, RUNS, RUNS, LOGS, ROWS, DOWNLOAD]
    assert at.patchworks.calls()[calls:] == [RUNS] * 4, "a second sweep only lists"


async def test_the_lists_ask_for_what_may_have_failed() -> None:
    """Facts 11.2: 3, 5, and 2 with warnings; and the flow's successes for errors that were caught."""
    async with door() as at:
        at.patchworks.will_answer(RUNS, listed())
        await sweep(at)
    always = {"sort", "page", "per_page", "filter[started_after]", "filter[started_before]"}
    asked = [{name: each.query[name] for name in each.query if name not in always} for each in at.patchworks.asked]
    assert asked == [
        {"filter[status]": "3"},
        {"filter[status]": "5"},
        {"filter[has_warnings]": "true"},
        {"filter[status]": "2", "filter[flow_id]": "4312", "include": "errorWarningLogs"},
    ]


async def failed(at: Door, **more: Any) -> Fetch:
    """What the failed run had in hand."""
    fetch = await at.api.perform("failed_payloads", json.dumps({"run_id": "01kf2p", "status": 3} | more).encode())
    assert isinstance(fetch, Fetch)
    return fetch


async def test_logs_and_rows_are_read_page_by_page() -> None:
    """An error on the second page is an error."""
    async with door() as at:
        at.patchworks.will_answer(LOGS, listed({"id": 1, "log_level": "info"}, last=2))
        at.patchworks.will_answer(LOGS, listed({"id": 2, **ERROR}, page=2, last=2))
        at.patchworks.will_answer(ROWS, listed())
        assert await failed(at) == Fetch(payload_ids=("7700316",))


async def test_a_long_log_is_read_in_parts_and_each_names_its_payloads() -> None:
    """A run of thousands of payloads, one after the other refused: bounded in pages a call, none left out."""
    pages = PAGES_MAX + 2
    async with door() as at:
        for number in range(1, pages + 1):
            line = {"id": number, **ERROR, "payload_metadata_id": number}
            at.patchworks.will_answer(LOGS, listed(line, page=number, last=pages))
        first = await failed(at)
        assert first.payload_ids == tuple(str(number) for number in range(1, PAGES_MAX + 1))
        assert (first.log_page, first.failed) == (PAGES_MAX + 1, True)
        rest = await failed(at, log_page=first.log_page)
        assert (rest.payload_ids, rest.log_page) == (("11", "12"), 0)
    assert at.patchworks.calls() == [LOGS] * pages, "a guess by rows would be about other steps"


async def test_a_part_of_a_log_without_errors_names_nothing() -> None:
    """The errors stand in a later part; a success without any has failed at nothing."""
    async with door() as at:
        for _ in range(2):
            for number in range(1, PAGES_MAX + 1):
                at.patchworks.will_answer(LOGS, listed({"id": number, "log_level": "info"}, page=number, last=99))
        assert await failed(at) == Fetch(certain=False, log_page=PAGES_MAX + 1)
        assert await failed(at, status=2) == Fetch(certain=False, failed=False, log_page=PAGES_MAX + 1)


@pytest.mark.parametrize("named", [True, False])
async def test_more_rows_than_are_read_leave_out_payloads_only_where_the_log_names_none(named: bool) -> None:
    """Of a thousand rows of the step that failed, the rest is not seen: that is said."""
    async with door() as at:
        line = ERROR if named else {**ERROR, "payload_metadata_id": None}
        at.patchworks.will_answer(LOGS, listed({"id": 1, **line}))
        for number in range(1, PAGES_MAX + 1):
            row = {"id": number, "flow_step_id": 55104}
            at.patchworks.will_answer(ROWS, listed(row, page=number, last=99))
        fetch = await failed(at)
        assert (fetch.certain, fetch.whole) == (False, named)


async def test_logs_that_are_gone_count_as_empty() -> None:
    """Facts 5: logs are kept for 7 days, payloads for 72 hours; the rows may say enough."""
    async with door() as at:
        at.patchworks.will_answer(LOGS, b"", status=404)
        at.patchworks.will_answer(ROWS, listed({"id": 7700316, "flow_step_id": 5}))
        assert await failed(at) == Fetch(payload_ids=("7700316",), certain=False)
        at.patchworks.answers[ROWS] = []
        assert await failed(at) == Fetch(certain=False), "lost, and known to be"


@pytest.mark.parametrize(("status", "kind"), [(403, Refused), (503, Unavailable)])
async def test_logs_that_may_not_or_cannot_be_read_are_not_taken_for_empty(status: int, kind: type[Failure]) -> None:
    """Else a run would be written off for an outage."""
    async with door() as at:
        at.patchworks.will_answer(LOGS, {"message": "This action is unauthorized."}, status=status)
        with pytest.raises(kind):
            await failed(at)


async def test_a_success_with_warnings_only_has_nothing_to_recover() -> None:
    """Its log tells of no error."""
    async with door() as at:
        at.patchworks.will_answer(LOGS, listed({"id": 1, "log_level": "warning", "payload_metadata_id": 7}))
        at.patchworks.will_answer(ROWS, listed({"id": 7}))
        assert await failed(at, status=2) == Fetch(failed=False)
