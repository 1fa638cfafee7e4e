"""What the Patchworks connector sends, and what it makes of every way in which a call can end (facts 1, 2, 10, 11).

The other side is scripted from the facts; `tests/contracts/patchworks_core.py`.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from connectors.patchworks.requests import RetryRun, StartFlow, encode
from connectors.patchworks.wire import Page, Payload, RetryStarted, Run, RunStatus, Started
from runtime.api import RateReading
from runtime.errors import Failure, Refused, Throttled, Unauthorised, Unavailable, Unknown
from tests.contracts.patchworks_core import KEY, Door, door, listed, run_row

pytestmark = pytest.mark.anyio

BATCH = "stk-20261120-0917-0003"
PAYLOAD = (
    b'{"batch_id": "' + BATCH.encode() + b'", "mode": "absolute", "levels": [{"sku": "CAP-RED", "available": 0.0}]}'
)
START = encode(StartFlow(flow_id="4320", key=BATCH, began_ms=1_795_166_220_000, payload=msgspec.Raw(PAYLOAD)))
RETRY = encode(RetryRun(run_id="r1"))
STARTING = "POST /start/api/v1/flows/4320/start/raw"
RETRYING = "POST /core/api/v1/flow-runs/r1/retry"
RUNS = "GET /core/api/v1/flow-runs"
STARTED = {"message": "Flow initialised.", "flow_run_id": "01kf2pb2x9k4d7q0j8n6h5s3re"}
CALLS = [
    pytest.param("start_flow", START, STARTING, True, id="start"),
    pytest.param("retry_run", RETRY, RETRYING, True, id="retry"),
    pytest.param("list_runs", b"{}", RUNS, False, id="list"),
    pytest.param("get_run", b'{"run_id": "r1"}', "GET /core/api/v1/flow-runs/r1", False, id="get"),
    pytest.param("list_run_logs", b'{"run_id": "r1"}', f"{RUNS}/r1/flow-run-logs", False, id="logs"),
    pytest.param("list_payloads", b'{"run_id": "r1"}', "GET /core/api/v1/payload-metadata", False, id="payloads"),
    pytest.param(
        "download_payload", b'{"payload_id": "7"}', "GET /core/api/v1/payload-metadata/7/download", False, id="download"
    ),
    pytest.param("list_flows", b"{}", "GET /core/api/v1/flows", False, id="flows"),
    pytest.param("list_queue", b"{}", "GET /core/api/v1/scheduled-flows", False, id="queue"),
    pytest.param("list_tracked", b'{"value": "x"}', "GET /core/api/v1/tracked-data", False, id="tracked"),
]
"""Every call: (kind, body, where it goes, is a write)."""


async def failure_of(at: Door, kind: str, body: bytes) -> Failure:
    """The failure that the call ends in."""
    with pytest.raises(Failure) as caught:
        await at.api.perform(kind, body)
    return caught.value


# -- what is sent ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "value"), [pytest.param("api_key", KEY, id="bare"), pytest.param("bearer", f"Bearer {KEY}", id="bearer")]
)
async def test_the_key_is_presented_verbatim_and_json_is_asked_for(auth: str, value: str) -> None:
    """Facts 1.2 and 1.3: no scheme before an API key; both JSON headers on every request."""
    async with door(auth=auth) as at:
        at.patchworks.will_answer(STARTING, STARTED)
        at.patchworks.will_answer(RUNS, listed())
        await at.api.perform("start_flow", START)
        await at.perform("list_runs")
    for asked in at.patchworks.asked:
        assert asked.headers["authorization"] == value
        assert asked.headers["content-type"] == asked.headers["accept"] == "application/json"
        assert asked.headers["user-agent"].startswith("seamline/")


async def test_a_raw_start_sends_the_payload_byte_for_byte() -> None:
    """Facts 2.5: the JSON object is the body, sent through untouched; the deployed version when none is named."""
    async with door() as at:
        at.patchworks.will_answer(STARTING, STARTED)
        assert await at.api.perform("start_flow", START) == Started(run_id="01kf2pb2x9k4d7q0j8n6h5s3re")
    assert at.patchworks.calls() == [STARTING]
    assert at.patchworks.asked[0].body == PAYLOAD
    assert at.patchworks.asked[0].query == {}


async def test_a_start_names_its_version_environment_and_variables() -> None:
    """Facts 2.5 and 10: version in the path, environment and variables (a JSON text) in the query."""
    sent = StartFlow(
        flow_id="4320",
        key=BATCH,
        began_ms=1,
        payload=msgspec.Raw(PAYLOAD),
        version_id="20977",
        virtual_environment_id="2",
        variables={"mode": "a&b"},
    )
    async with door() as at:
        at.patchworks.will_answer(f"{STARTING}/20977", STARTED)
        await at.api.perform("start_flow", encode(sent))
    assert at.patchworks.asked[0].query == {"virtual_environment_id": "2", "flow_variables": '{"mode":"a&b"}'}


async def test_the_older_form_wraps_the_payload_as_a_text() -> None:
    """Facts 2.5: `{"payload": "<string>"}` to `/start`; other types are not supported there."""
    async with door(start_form="payload") as at:
        at.patchworks.will_answer("POST /start/api/v1/flows/4320/start", STARTED)
        await at.api.perform("start_flow", START)
    assert json.loads(at.patchworks.asked[0].body) == {"payload": PAYLOAD.decode()}


async def test_runs_are_listed_newest_first_by_every_filter_in_brackets() -> None:
    """Facts 1.4, 2.2: Spatie-style filters, instants in milliseconds, sort only by started_at."""
    async with door(page_size=50) as at:
        at.patchworks.will_answer(RUNS, listed(run_row("r1"), page=2, last=2))
        page = await at.perform(
            "list_runs", status=3, has_warnings=True, flow_id="4320", started_after_ms=1_795_132_800_000,
            started_before_ms=1_795_166_100_000, page=2, with_errors=True,
        )  # fmt: skip
    assert at.patchworks.asked[0].query == {
        "sort": "-started_at",
        "include": "errorWarningLogs",
        "filter[flow_id]": "4320",
        "filter[status]": "3",
        "filter[has_warnings]": "true",
        "filter[started_after]": "1795132800000",
        "filter[started_before]": "1795166100000",
        "page": "2",
        "per_page": "50",
    }
    assert page == Page(
        rows=(
            Run(
                id="r1", status=RunStatus.STARTED, trigger="api", flow_id="4320",
                started_at=datetime(2026, 11, 20, 9, 17, 1, tzinfo=UTC),
            ),
        ),
        number=2, complete=True, total=1,
    )  # fmt: skip


async def test_without_filters_none_is_sent() -> None:
    """An empty filter could exclude everything."""
    async with door() as at:
        at.patchworks.will_answer(RUNS, listed())
        await at.perform("list_runs")
    assert at.patchworks.asked[0].query == {"sort": "-started_at", "page": "1", "per_page": "100"}


@pytest.mark.parametrize("attributes", [True, False], ids=["attributes", "flat"])
async def test_one_run_is_read_in_both_styles(attributes: bool) -> None:
    """Facts 1.5, 2.2."""
    async with door() as at:
        at.patchworks.will_answer(f"{RUNS}/r1", {"data": run_row("r1", attributes=attributes, status=5)})
        run = await at.perform("get_run", run_id="r1")
    assert (run.id, run.status, run.flow_id) == ("r1", RunStatus.PARTIAL_SUCCESS, "4320")


async def test_a_runs_log_is_asked_for_as_the_official_client_does() -> None:
    """Facts 2.3 and 10."""
    line = {"log_level": "error", "log_message": "status 503", "flow_step_id": 55104, "payload_metadata_id": 7700316}
    async with door() as at:
        at.patchworks.will_answer(f"{RUNS}/r1/flow-run-logs", listed({"id": "880107", "attributes": line}))
        page = await at.perform("list_run_logs", run_id="r1")
    assert at.patchworks.asked[0].query == {
        "sort": "id", "include": "flowRunLogMetadata", "load_payload_ids": "true", "page": "1", "per_page": "100",
    }  # fmt: skip
    assert page.rows[0].payload_ids == ("7700316",)


async def test_a_runs_payloads_are_listed_by_its_id() -> None:
    """Facts 2.3: the cross-check for logs with several payloads."""
    async with door() as at:
        at.patchworks.will_answer("GET /core/api/v1/payload-metadata", listed({"id": 7, "flow_run_id": "r1"}))
        page = await at.perform("list_payloads", run_id="r1")
    assert at.patchworks.asked[0].query["filter[flow_run_id]"] == "r1"
    assert page.rows[0].id == "7"


async def test_flows_the_queue_and_tracked_values_are_listed() -> None:
    """Facts 2.1, 2.4: what a probe and a look need."""
    async with door() as at:
        at.patchworks.will_answer("GET /core/api/v1/flows", listed({"id": 4320, "name": "Stock"}))
        at.patchworks.will_answer("GET /core/api/v1/scheduled-flows", listed({"id": 1, "flow_id": 4320}))
        at.patchworks.will_answer("GET /core/api/v1/tracked-data", listed({"id": 1, "value": BATCH}))
        assert (await at.perform("list_flows")).rows[0].name == "Stock"
        assert (await at.perform("list_queue")).rows[0].flow_id == "4320"
        assert (await at.perform("list_tracked", value=BATCH, flow_id="4320")).rows[0].value == BATCH
    assert at.patchworks.asked[2].query["filter[value]"] == BATCH
    assert at.patchworks.asked[2].query["filter[flow_id]"] == "4320"


# -- payloads ----------------------------------------------------------------------------------------------------------

DOWNLOAD = "GET /core/api/v1/payload-metadata/7/download"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"id": 1}'),
        ("text/csv", b"a,b\n1,2\n"),
        ("application/xml", b"<a/>"),
        ("x/y", b"\x00\xff"),
    ],
)
async def test_a_payload_is_downloaded_as_it_is_with_its_own_type(content_type: str, body: bytes) -> None:
    """Facts 2.3: raw bytes with their own Content-Type, not an envelope."""
    async with door() as at:
        at.patchworks.will_answer(DOWNLOAD, body, Content_Type=content_type)
        payload = await at.perform("download_payload", payload_id="7")
    assert payload == Payload(id="7", content_type=content_type, body=body)
    assert at.patchworks.asked[0].query == {}


@pytest.mark.parametrize(
    ("status", "body"),
    [pytest.param(404, b"", id="404"), pytest.param(410, b"", id="410"), pytest.param(200, b"", id="empty")],
)
async def test_a_payload_after_its_72_hours_is_gone_whatever_it_is_answered_with(status: int, body: bytes) -> None:
    """Facts 2.3, 12.10: 404, 410 or nothing."""
    async with door() as at:
        at.patchworks.will_answer(DOWNLOAD, body, status=status)
        failure = await failure_of(at, "download_payload", b'{"payload_id": "7"}')
    assert isinstance(failure, Refused)
    assert failure.code == "payload_gone"


async def test_a_payload_above_our_cap_is_refused_and_not_read_to_its_end() -> None:
    """Facts 8: cap its size; Patchworks allows 500 MB."""
    async with door(payload_bytes_max=10_000) as at:
        at.patchworks.will_answer(DOWNLOAD, b"x" * 10_001)
        failure = await failure_of(at, "download_payload", b'{"payload_id": "7"}')
    assert isinstance(failure, Refused)
    assert failure.code == "answer_too_large"


# -- how calls end -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "body", "what", "is_write"), CALLS)
@pytest.mark.parametrize(
    ("status", "content", "write", "read"),
    [
        pytest.param(401, {"message": "Unauthenticated."}, Unauthorised, Unauthorised, id="401"),
        pytest.param(413, {"message": "too large"}, Refused, Refused, id="413"),
        pytest.param(422, {"message": "No deployed version."}, Refused, Refused, id="422"),
        pytest.param(429, {"message": "Too Many Attempts."}, Throttled, Throttled, id="429"),
        pytest.param(500, b"<html>", Unknown, Unavailable, id="500"),
        pytest.param(503, b"", Unknown, Unavailable, id="503"),
        pytest.param(302, b"", Unknown, Unavailable, id="302"),
    ],
)
async def test_every_call_takes_every_documented_status_for_what_it_is(
    kind: str, body: bytes, what: str, is_write: bool,
    status: int, content: Any, write: type[Failure], read: type[Failure],
) -> None:  # fmt: skip
    """Facts 1.6, one attempt each."""
    async with door() as at:
        at.patchworks.will_answer(what, content, status=status)
        assert type(await failure_of(at, kind, body)) is (write if is_write else read)
    assert at.patchworks.calls() == [what]


@pytest.mark.parametrize(("kind", "body", "what", "is_write"), CALLS)
async def test_a_connection_dropped_after_commit_is_unknown_for_a_write_and_never_sent_again(
    kind: str, body: bytes, what: str, is_write: bool
) -> None:
    """Acceptance of the connector: on any route, a lost answer leads to a look, never to a blind repeat."""
    async with door() as at:
        at.patchworks.breaks.add(what)
        assert type(await failure_of(at, kind, body)) is (Unknown if is_write else Unavailable)
    assert at.patchworks.calls() == [what]


@pytest.mark.parametrize(("kind", "body", "what", "is_write"), CALLS)
async def test_a_proxys_page_with_a_200_is_no_answer(kind: str, body: bytes, what: str, is_write: bool) -> None:
    """Except where any content is one: a payload. Taken for a start it would lose a batch."""
    async with door() as at:
        at.patchworks.will_answer(what, b"<html>Welcome</html>", Content_Type="text/html")
        if kind == "download_payload":
            await at.api.perform(kind, body)
        else:
            assert type(await failure_of(at, kind, body)) is (Unknown if is_write else Unavailable)


@pytest.mark.parametrize("status", [200, 201, 202])
async def test_accepted_is_started(status: int) -> None:
    """Facts 1.6: 201 is accepted, not yet acted on."""
    async with door() as at:
        at.patchworks.will_answer(STARTING, STARTED, status=status)
        assert (await at.api.perform("start_flow", START)).run_id == STARTED["flow_run_id"]


async def test_a_retry_is_a_post_without_a_body() -> None:
    """Facts 2.2, 11.2: 200 with the new run in `data`, shape assumed."""
    async with door() as at:
        at.patchworks.will_answer(RETRYING, {"data": run_row("r2", trigger="Retry")})
        assert await at.api.perform("retry_run", RETRY) == RetryStarted(run_id="r2")
    assert (at.patchworks.calls(), at.patchworks.asked[0].body) == ([RETRYING], b"")


async def test_a_payload_above_8_mb_is_not_sent_at_all() -> None:
    """Facts 1.6: it would be a 413 after 8 MB of upload."""
    body = msgspec.json.encode(
        {"flow_id": "4320", "key": BATCH, "began_ms": 1, "payload": {"batch_id": BATCH, "x": "x" * 8_000_000}}
    )
    async with door() as at:
        failure = await failure_of(at, "start_flow", body)
    assert isinstance(failure, Refused)
    assert (failure.code, at.patchworks.asked) == ("413", [])


async def test_a_flow_without_a_deployed_version_is_refused_with_its_words() -> None:
    """Facts 1.6, 2.5: 422."""
    async with door() as at:
        at.patchworks.will_answer(STARTING, {"message": "This flow has no deployed version."}, status=422)
        failure = await failure_of(at, "start_flow", START)
    assert "no deployed version" in str(failure)


@pytest.mark.parametrize(
    ("kind", "body"),
    [("stop_run", b"{}"), ("get_run", b"{}"), ("get_run", b"\xff"), ("get_run", b'{"run_id": "../flows"}')],
)
async def test_what_is_no_request_is_refused_without_a_call(kind: str, body: bytes) -> None:
    """A defect of a caller must not become somebody's outage."""
    async with door() as at:
        assert type(await failure_of(at, kind, body)) is Refused
    assert at.patchworks.asked == []


async def test_what_answers_say_of_the_limit_is_passed_on_reduced_to_our_share() -> None:
    """Facts 1.6 and 8: 240 a minute, of which a part is ours; also from a 429."""
    async with door(limit_share=0.5) as at:
        at.patchworks.will_answer(RUNS, listed(), X_RateLimit_Limit="240", X_RateLimit_Remaining="239")
        at.patchworks.will_answer(RUNS, {"message": "Too Many Attempts."}, status=429, Retry_After="17")
        await at.perform("list_runs")
        failure = await failure_of(at, "list_runs", b"{}")
    assert failure.retry_after_s == 17
    assert at.readings == [RateReading(limit_per_s=2.0, remaining=239), RateReading()]
