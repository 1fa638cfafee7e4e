"""Resources of Patchworks in both of their shapes, and answers whose names are uncertain (facts 1.4, 1.5, 2, 10)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.patchworks import wire
from connectors.patchworks.wire import (
    Flow,
    LogLine,
    Page,
    Payload,
    PayloadRow,
    QueuedRun,
    RetryStarted,
    Run,
    RunStatus,
    Started,
    Tracked,
    Undecodable,
)

RUN_ID = "01kf2p7m0c9t6m1w8r3x5v4z2a"
RUN_FIELDS = {
    "status": 3,
    "trigger": "Schedule",
    "flow_id": 4312,
    "flow_version_id": 20977,
    "started_at": "2026-11-20T09:15:00.000000Z",
    "finished_at": "2026-11-20T09:15:09.000000Z",
    "summary": "Send orders: HTTP 503",
    "has_warnings": False,
    "retry_flow_run_id": None,
}
"""The worked example of facts 11.2."""
LOG_FIELDS = {
    "log_level": "error",
    "log_message": "Request failed with status 503",
    "flow_step_id": 55104,
    "payload_metadata_id": 7700316,
    "created_at": "2026-11-20T09:15:09.000000Z",
}


def attributed(id_: Any, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The shape that Patchworks' own client reads."""
    return {"id": id_, "type": "things", "attributes": fields, **more}


def flat(id_: Any, fields: dict[str, Any]) -> dict[str, Any]:
    """The shape of the documentation."""
    return {"id": id_, **fields}


def envelope(*rows: Any, **meta: Any) -> bytes:
    """A list's answer."""
    return json.dumps({"data": list(rows), **({"meta": meta} if meta else {})}).encode()


@pytest.mark.parametrize("shape", [attributed, flat])
def test_a_run_is_the_same_in_both_styles(shape: Any) -> None:
    """Facts 1.5: `obj.get("attributes", obj)`, ids as text."""
    page = wire.decode_page(envelope(shape(RUN_ID, RUN_FIELDS)), wire.run_of, number=1, per_page=100)
    assert page.rows == (
        Run(
            id=RUN_ID,
            status=RunStatus.FAILURE,
            trigger="schedule",
            flow_id="4312",
            flow_version_id="20977",
            started_at=datetime(2026, 11, 20, 9, 15, tzinfo=UTC),
            finished_at=datetime(2026, 11, 20, 9, 15, 9, tzinfo=UTC),
            summary="Send orders: HTTP 503",
        ),
    )


@pytest.mark.parametrize("shape", [attributed, flat])
def test_a_log_line_is_the_same_in_both_styles(shape: Any) -> None:
    """Facts 2.3."""
    page = wire.decode_page(envelope(shape("880107", LOG_FIELDS)), wire.log_line_of, number=1, per_page=100)
    assert page.rows == (
        LogLine(
            id="880107",
            level="ERROR",
            message="Request failed with status 503",
            step_id="55104",
            payload_ids=("7700316",),
            created_at=datetime(2026, 11, 20, 9, 15, 9, tzinfo=UTC),
        ),
    )
    assert page.rows[0].is_error


def test_a_log_line_is_read_by_its_other_names_and_may_have_several_payloads() -> None:
    """Facts 2.3: timestamp, level, message, step_id; a list of payloads beside the one."""
    line = wire.log_line_of(
        {"id": 1, "timestamp": "2026-11-20 09:15:09", "level": "Fatal", "message": "gone", "step_id": "s",
         "payload_metadata_id": 4, "payload_metadata_ids": [4, 5, {"id": 6}]}
    )  # fmt: skip
    assert (line.level, line.message, line.step_id, line.payload_ids) == ("FATAL", "gone", "s", ("4", "5", "6"))
    assert line.created_at == datetime(2026, 11, 20, 9, 15, 9, tzinfo=UTC)


def test_a_relationship_stands_in_for_a_missing_id() -> None:
    """Facts 1.5: `relationships.flow.data.id`."""
    related = {"flow": {"data": {"type": "flows", "id": "9"}}, "flowVersion": {"data": {"id": 12}}}
    run = wire.run_of(wire.fields_of(attributed(RUN_ID, {"status": 1}, relationships=related)))
    assert (run.flow_id, run.flow_version_id) == ("9", "12")


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (1, RunStatus.STARTED),
        (2, RunStatus.SUCCESS),
        (3, RunStatus.FAILURE),
        (4, RunStatus.STOPPED),
        (5, RunStatus.PARTIAL_SUCCESS),
        ("5", RunStatus.PARTIAL_SUCCESS),
        ("Partial success", RunStatus.PARTIAL_SUCCESS),
        (9, None),
        ("Deployed", None),
        (None, None),
        (True, None),
    ],
)
def test_run_statuses_are_the_five_codes(value: Any, status: RunStatus | None) -> None:
    """Facts 2.2; the documentation's enumeration is another thing's."""
    assert wire.run_of({"id": 1, "status": value}).status is status


@pytest.mark.parametrize(
    "fields",
    [
        {"errorWarningLogs": [{"id": 1, "log_level": "ERROR"}]},
        {"error_warning_logs": [{"id": 1, "attributes": {"log_level": "fatal"}}]},
        {"error_warning_logs": [{"id": 1, "type": "flow-run-logs"}]},
    ],
)
def test_a_run_says_whether_its_log_has_errors(fields: dict[str, Any]) -> None:
    """Facts 5: a caught failure can end as a success; the include names its lines."""
    assert wire.run_of({"id": 1, "status": 2, **fields}).has_errors
    assert not wire.run_of({"id": 1, "status": 2, "error_warning_logs": [{"id": 1, "level": "warning"}]}).has_errors


def test_a_run_says_whether_its_log_has_errors_as_a_relationship() -> None:
    """The other style refers to lines, whose level is then unknown."""
    related = {"errorWarningLogs": {"data": [{"type": "flow-run-logs", "id": "1"}]}}
    assert wire.run_of(wire.fields_of(attributed(1, {"status": 2}, relationships=related))).has_errors


def test_runs_that_repeat_each_other_are_linked_whichever_way_it_is_told() -> None:
    """Facts 2.2: retry_flow_run_id and retried_flow_run; which is which is not said."""
    run = wire.run_of({"id": 1, "retry_flow_run_id": 7, "retried_flow_run": {"id": 8}})
    assert run.linked_run_ids == ("7", "8")


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-11-20T09:15:00.123456Z", datetime(2026, 11, 20, 9, 15, 0, 123456, tzinfo=UTC)),
        ("2026-11-20T09:15:00Z", datetime(2026, 11, 20, 9, 15, tzinfo=UTC)),
        ("2026-11-20T10:15:00+01:00", datetime(2026, 11, 20, 9, 15, tzinfo=UTC)),
        ("2026-11-20 09:15:00", datetime(2026, 11, 20, 9, 15, tzinfo=UTC)),
        (1_795_166_100, datetime(2026, 11, 20, 9, 15, tzinfo=UTC)),
        (1_795_166_100_000, datetime(2026, 11, 20, 9, 15, tzinfo=UTC)),
        ("yesterday", None),
        (10**30, None),
        (None, None),
        ({}, None),
    ],
)
def test_times_are_utc_in_each_known_encoding(value: Any, moment: datetime | None) -> None:
    """Facts 8: ISO 8601 with and without fraction, `YYYY-MM-DD HH:MM:SS`, all UTC."""
    assert wire.moment(value) == moment


def test_the_other_rows_are_read() -> None:
    """Facts 2.1, 2.3, 2.4: flows, payloads, the queue, tracked values."""
    assert wire.flow_of({"id": 4, "name": "Stock", "status": "Deployed", "is_enabled": 1}) == Flow(
        id="4", name="Stock", status="Deployed", enabled=True
    )
    assert wire.payload_row_of(
        {"id": 7, "flow_run_id": RUN_ID, "flow_step_id": 5, "payload_size": "812", "dropped": True}
    ) == PayloadRow(id="7", run_id=RUN_ID, step_id="5", size_bytes=812, dropped=True)
    assert wire.queued_of({"id": 3, "flow": {"id": 4}, "payload_metadata_id": 7, "trigger": "API"}) == QueuedRun(
        id="3", flow_id="4", payload_id="7", trigger="api"
    )
    assert wire.tracked_of({"id": 1, "value": "stk-1", "flow_run_id": RUN_ID, "success": 0}) == Tracked(
        id="1", value="stk-1", run_id=RUN_ID, success=False
    )


# -- envelopes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "number", "complete", "total"),
    [
        pytest.param(envelope({"id": 1}, current_page=1, last_page=2, total=3), 1, False, 3, id="more"),
        pytest.param(envelope({"id": 1}, current_page=2, last_page=2, total=3), 2, True, 3, id="last"),
        pytest.param(envelope(current_page=1, last_page=1, total=0), 1, True, 0, id="empty"),
        pytest.param(envelope(current_page=3, last_page=9), 3, True, None, id="an empty page is the last"),
        pytest.param(envelope({"id": 1}, {"id": 2}), 1, False, None, id="a full page without meta"),
        pytest.param(envelope({"id": 1}), 1, True, None, id="a short page without meta"),
    ],
)
def test_a_list_ends_where_its_meta_says(answer: bytes, number: int, complete: bool, total: int | None) -> None:
    """Facts 1.4: page until `meta.current_page >= meta.last_page`."""
    page = wire.decode_page(answer, wire.flow_of, number=number, per_page=2)
    assert (page.number, page.complete, page.total) == (number, complete, total)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"data": {}}',
        envelope({"name": "no id"}),
        envelope("row"),
        envelope({"id": True}),
        envelope({"id": 1}, current_page=1, last_page=2),
    ],
)
def test_a_list_that_cannot_be_read_whole_is_no_list(answer: bytes) -> None:
    """A row left out could be a failure left out; another page than asked for would be one skipped."""
    with pytest.raises(Undecodable):
        wire.decode_page(answer, wire.run_of, number=2, per_page=100)


def test_a_single_resource_stands_in_data() -> None:
    """Facts 1.4."""
    body = json.dumps({"data": attributed(RUN_ID, RUN_FIELDS)}).encode()
    assert wire.decode_one(body, wire.run_of).id == RUN_ID
    with pytest.raises(Undecodable):
        wire.decode_one(b'{"data": []}', wire.run_of)


# -- writes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "run_id"),
    [
        pytest.param({"message": "Flow initialised.", "flow_run_id": RUN_ID}, RUN_ID, id="flow_run_id"),
        pytest.param({"id": 77}, "77", id="id"),
        pytest.param({"data": {"id": RUN_ID}}, RUN_ID, id="data.id"),
        pytest.param({"data": {"flow_run_id": RUN_ID}}, RUN_ID, id="data.flow_run_id"),
        pytest.param({"message": "Flow initialised."}, "", id="no id, but begun"),
        pytest.param({"message": "Flow initialized"}, "", id="the other spelling"),
    ],
)
def test_a_start_is_understood_under_each_possible_name(answer: Any, run_id: str) -> None:
    """Facts 2.5: the key names are only in a screenshot."""
    assert wire.decode_started(json.dumps(answer).encode()) == Started(run_id=run_id)


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b"{}", b'{"message": "Welcome"}', b"\xff"])
def test_what_promises_no_run_is_no_start(answer: bytes) -> None:
    """A proxy's page with a 200 would otherwise lose a batch."""
    with pytest.raises(Undecodable):
        wire.decode_started(answer)


@pytest.mark.parametrize(
    ("answer", "run_id"),
    [
        ({"data": {"id": "new"}}, "new"),
        ({"data": {"flow_run_id": "new", "id": "old"}}, "new"),
        ({"data": {"id": "old"}}, ""),
        ({"data": {}}, ""),
        ({}, ""),
    ],
)
def test_a_retry_names_its_run_where_it_does(answer: Any, run_id: str) -> None:
    """Facts 2.2: the reply is unwrapped from `data`, its shape assumed; it may be the old run."""
    assert wire.decode_retry(json.dumps(answer).encode(), "old") == RetryStarted(run_id=run_id)


def test_a_retry_may_be_answered_with_nothing_but_not_with_a_page() -> None:
    """Any 200 is expected; a proxy's is none."""
    assert wire.decode_retry(b" ", "old") == RetryStarted()
    with pytest.raises(Undecodable):
        wire.decode_retry(b"<html>", "old")


def test_a_payload_does_not_show_its_content() -> None:
    """It is an order, with everything personal in it."""
    assert "Hale" not in repr(Payload(id="7", content_type="application/json", body=b'{"name": "Hale"}'))


def test_pages_are_values() -> None:
    """Equal content, equal page."""
    assert Page(rows=(1,), number=1, complete=True) == Page(rows=(1,), number=1, complete=True)
