"""Runs, logs, payloads and the queue of the Patchworks sandbox keep the public facts: one per test, section named."""

from __future__ import annotations

import itertools
from datetime import datetime
from typing import Any

import pytest

from connectors.patchworks.sandbox import FlowSeed, Limits, Send
from tests.contracts.patchworks_sandbox import (
    ORDERS,
    STOCK,
    Door,
    Open,
    attributes,
    fixture_door,
    fixture_open_door,
    fixture_portal,
)

__all__ = ["fixture_door", "fixture_open_door", "fixture_portal"]

Json = Any
HOUR_S, DAY_S = 3_600, 86_400


# -- runs (facts 2.2) --------------------------------------------------------------------------------------------------


def test_runs_are_filtered_by_status_flow_trigger_and_time_in_milliseconds(door: Door) -> None:
    """Facts 2.2: filters as documented; comma lists mean any; times are Unix milliseconds."""
    door.receiver.answers = [503] * 3
    door.place()
    door.settle()
    door.control("clock", {"advance_s": HOUR_S})
    door.place()
    door.start(STOCK.id, {"levels": []})
    door.settle()
    runs = door.found("flow-runs", sort="started_at")
    assert [attributes(run)["status"] for run in runs] == [3, 2, 2]
    first = datetime.fromisoformat(attributes(runs[0])["started_at"])
    after = int(first.timestamp() * 1_000) + 1_000
    assert len(door.found("flow-runs", **{"filter[started_after]": after})) == 2
    assert len(door.found("flow-runs", **{"filter[started_before]": after})) == 1
    assert len(door.found("flow-runs", **{"filter[status]": "3,5"})) == 1
    assert len(door.found("flow-runs", **{"filter[flow_id]": STOCK.id})) == 1
    assert {attributes(run)["trigger"] for run in door.found("flow-runs", **{"filter[trigger]": "API"})} == {"API"}
    assert len(door.found("flow-runs", **{"filter[search]": "503"})) == 1
    newest = door.found("flow-runs", sort="-started_at")
    times = [attributes(run)["started_at"] for run in newest]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize(("switch", "status"), [("any", 200), ("milliseconds", 422)])
def test_times_in_filters_are_milliseconds_and_perhaps_iso_8601(open_door: Open, switch: str, status: int) -> None:
    """Facts 2.2: Unix milliseconds; the official client calls it "timestamp or epoch-ms"."""
    door = open_door(switches={"time_filters": switch})
    door.place()
    door.settle()
    for text, count in (("2020-01-01T00:00:00Z", 1), ("2199-01-01", 0)):
        answer = door.core("GET", "flow-runs", **{"filter[started_after]": text})
        assert answer.status_code == status
        if status == 200:
            assert len(answer.json()["data"]) == count
    assert door.core("GET", "flow-runs", **{"filter[started_after]": "yesterday"}).status_code == 422


def test_a_flow_can_be_imported_as_a_draft(door: Door) -> None:
    """Facts 2.1: POST /flows/import with metadata, flow and systems; its version is a draft."""
    bundle = {"metadata": {}, "flow": {"name": "Imported", "versions": []}, "systems": []}
    made = door.core("POST", "flows/import", bundle)
    assert made.status_code == 201
    flow = made.json()["data"]
    assert (attributes(flow)["status"], attributes(flow)["is_enabled"]) == ("Draft", False)
    assert door.start(flow["id"], {}).status_code == 422
    assert door.core("POST", "flows/import", {"flow": {}}).status_code == 422


def test_a_run_has_the_documented_fields(door: Door) -> None:
    """Facts 2.2: run fields; operations and sizes only when included."""
    door.place()
    door.settle()
    (run,) = door.found("flow-runs", include="operationsSent,payloadSize,flow,retriedFlowRun")
    fields = attributes(run)
    assert {
        *("status", "trigger", "summary", "started_at", "finished_at", "duration", "flow_id", "flow_version_id"),
        *("user_id", "retry_flow_run_id", "has_warnings", "created_at", "updated_at"),
    } <= set(fields)
    assert fields["operations_sent"] == 1
    assert fields["payload_size"] > 1_000
    assert run["relationships"]["flow"]["data"]["id"] == str(ORDERS.id)
    assert "operations_sent" not in attributes(door.found("flow-runs")[0])


@pytest.mark.parametrize(("link", "holder"), [("on_new", "new"), ("on_original", "old")])
def test_a_retry_is_a_new_run_that_links_with_the_old_one(open_door: Open, link: str, holder: str) -> None:
    """Facts 2.2 and 5: POST retry is 200 with data; trigger Retry, dispatched at once, the original version."""
    door = open_door(switches={"retry_link": link})
    door.receiver.answers = [500] * 3
    door.place()
    door.settle()
    (old,) = door.found("flow-runs")
    answer = door.core("POST", f"flow-runs/{old['id']}/retry")
    assert answer.status_code == 200
    new_id = answer.json()["data"]["id"]
    door.settle()
    runs = {run["id"]: attributes(run) for run in door.found("flow-runs")}
    assert (runs[new_id]["trigger"], runs[new_id]["status"]) == ("Retry", 2)
    assert runs[new_id]["flow_version_id"] == runs[old["id"]]["flow_version_id"]
    links = {"new": runs[new_id]["retry_flow_run_id"], "old": runs[old["id"]]["retry_flow_run_id"]}
    assert links == {"new": None, "old": None} | {holder: old["id"] if holder == "new" else new_id}
    assert [run["id"] for run in door.found("flow-runs", **{"filter[retried]": "true"})] == [old["id"]]
    assert len({got.body for got in door.receiver.got}) == 1


def test_a_retry_needs_the_flow_enabled(door: Door) -> None:
    """Facts 5: retry needs the flow enabled."""
    door.receiver.answers = [500] * 3
    door.place()
    door.settle()
    (run,) = door.found("flow-runs")
    door.control(f"flows/{ORDERS.id}", {"is_enabled": False})
    assert door.core("POST", f"flow-runs/{run['id']}/retry").status_code == 422


# -- logs and payloads (facts 2.3, 5) ----------------------------------------------------------------------------------


def test_payload_ids_are_on_logs_only_when_asked_for(door: Door) -> None:
    """Facts 2.3: load_payload_ids=true; include=flowRunLogMetadata."""
    door.place()
    door.settle()
    run = door.found("flow-runs")[0]["id"]
    plain = door.found(f"flow-runs/{run}/flow-run-logs")
    assert all("payload_metadata_id" not in attributes(log) for log in plain)
    assert any(attributes(log)["payload_metadata_id"] for log in door.logs(run))
    included = door.logs(run, include="flowRunLogMetadata,flowStep")
    assert included[-1]["relationships"]["flowRunLogMetadata"]["data"][0]["payload_size"] > 0


@pytest.mark.parametrize(("shape", "listed"), [("single", False), ("list", True)])
def test_a_log_of_several_payloads_names_one_or_all(open_door: Open, shape: str, listed: bool) -> None:
    """Facts 2.3 and 12.10: unknown, so payload-metadata by run is the complete list."""
    door = open_door(switches={"log_payloads": shape})
    door.started(STOCK.id, {"levels": [{"sku": f"S{n}", "available": n} for n in range(250)]})
    run = door.found("flow-runs")[0]["id"]
    split = next(attributes(log) for log in door.logs(run) if "Split" in attributes(log)["log_message"])
    assert ("payload_metadata_ids" in split) is listed
    if listed:
        assert len(split["payload_metadata_ids"]) == 3
    step = split["flow_step_id"]
    rows = door.found("payload-metadata", **{"filter[flow_run_id]": run, "filter[flow_step_id]": step})
    assert len(rows) == 3
    assert {
        *("flow_version_id", "flow_step_id", "flow_run_id", "payload_store_reference", "payload_size", "dropped"),
        *("created_at", "updated_at"),
    } <= set(rows[0])


@pytest.mark.parametrize(
    ("switch", "expected"), [("filtered", [False, False]), ("failed_too", [False, True]), ("never", [False, False])]
)
def test_a_payload_that_failed_is_marked_as_dropped_or_not(open_door: Open, switch: str, expected: list[bool]) -> None:
    """Facts 2.3 and 12.10: what `dropped` marks is unknown."""
    door = open_door(switches={"dropped_marks": switch})
    door.receiver.answers = [422] * 3
    door.place()
    door.settle()
    assert [row["dropped"] for row in door.found("payload-metadata")] == expected


def test_systems_are_connectors_and_connectors_are_instances(door: Door) -> None:
    """Facts 1.1 and 2.4: the API's words differ from the dashboard's; systems say their own rate limits."""
    systems = door.found("systems")
    assert [row["name"] for row in systems] == ["Target", "web (shopify)"]
    assert {"protocol", "rate_limit_unit", "rate_limit_duration"} <= set(systems[0])
    assert [row["system_id"] for row in door.found("connectors")] == [row["id"] for row in systems]


@pytest.mark.parametrize(("switch", "status"), [("404", 404), ("410", 410), ("empty", 200)])
def test_payloads_are_gone_after_72_hours(open_door: Open, switch: str, status: int) -> None:
    """Facts 5 and 12.10: 72 h; what a download gives then is unknown."""
    door = open_door(switches={"expired_payload": switch})
    door.place()
    door.settle()
    row = door.found("payload-metadata")[0]
    path = f"payload-metadata/{row['id']}/download"
    door.control("clock", {"advance_s": 72 * HOUR_S - 60})
    before = door.core("GET", path)
    assert (before.status_code, before.content) == (200, door.receiver.got[0].body)
    door.control("clock", {"advance_s": 120})
    after = door.core("GET", path)
    assert after.status_code == status
    assert before.content not in after.content


def test_a_payload_is_downloaded_as_it_is_with_its_own_type(door: Door) -> None:
    """Facts 2.3: raw bytes with their own Content-Type, not an envelope."""
    text = "sku;quantity\nMUG;4\n"
    door.start(STOCK.id, {"payload": text}, form="start")
    door.settle()
    row = door.found("payload-metadata")[0]
    answer = door.core("GET", f"payload-metadata/{row['id']}/download")
    assert answer.text == text
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_a_run_cannot_be_retried_with_a_payload_that_is_gone(door: Door) -> None:
    """Facts 7: late discovery is lost evidence; the retry itself fails (assumed)."""
    door.receiver.answers = [500] * 3
    door.place()
    door.settle()
    door.control("clock", {"advance_s": 73 * HOUR_S})
    run = door.found("flow-runs")[0]["id"]
    door.core("POST", f"flow-runs/{run}/retry")
    door.settle()
    statuses = [attributes(each)["status"] for each in door.found("flow-runs", sort="started_at")]
    assert statuses == [3, 3]
    assert len(door.receiver.got) == 3


def test_logs_are_gone_after_seven_days(door: Door) -> None:
    """Facts 5: run logs 7 days."""
    door.place()
    door.settle()
    run = door.found("flow-runs")[0]["id"]
    door.control("clock", {"advance_s": 7 * DAY_S - 60})
    assert door.logs(run)
    door.control("clock", {"advance_s": 120})
    assert door.logs(run) == []


# -- the queue, tracked values, pools (facts 2.4, 5) -------------------------------------------------------------------


def test_a_run_that_waits_is_a_scheduled_flow_and_not_among_the_runs(door: Door) -> None:
    """Facts 2.2 and 2.4: queued is no run status; "not found" does not mean that it will never run."""
    door.control("queue", {"paused": True})
    run = door.start(STOCK.id, {"levels": []}).json()["flow_run_id"]
    assert door.core("GET", f"flow-runs/{run}").status_code == 404
    assert door.found("flow-runs") == []
    (waiting,) = door.found("scheduled-flows", include="flow")
    assert waiting["trigger"] == "API"
    assert waiting["payload_metadata_id"]
    door.control("queue", {"paused": False})
    door.settle()
    assert attributes(door.core("GET", f"flow-runs/{run}").json()["data"])["status"] == 2
    assert door.found("scheduled-flows") == []


def test_a_waiting_run_may_already_be_listed(open_door: Open) -> None:
    """Facts 2.4 (inferred): behind a switch it is listed as started."""
    door = open_door(switches={"queued_run": "listed"})
    door.control("queue", {"paused": True})
    run = door.start(STOCK.id, {"levels": []}).json()["flow_run_id"]
    assert attributes(door.core("GET", f"flow-runs/{run}").json()["data"])["status"] == 1
    door.control("queue", {"paused": False})
    door.settle()


def test_a_waiting_run_can_be_deleted_and_never_runs(door: Door) -> None:
    """Facts 2.4: DELETE /scheduled-flows/{id}; it ends as stopped."""
    door.control("queue", {"paused": True})
    door.place()
    (waiting,) = door.found("scheduled-flows")
    assert door.core("DELETE", f"scheduled-flows/{waiting['id']}").status_code == 204
    door.control("queue", {"paused": False})
    door.settle()
    assert door.receiver.got == []
    assert door.books()["flows"][str(ORDERS.id)]["stopped"] == 1


TRACKING = FlowSeed(id=4350, sales_channel="web", track="batch_id", send=Send(to="stock"))


def test_runs_above_the_limit_of_a_minute_wait_in_the_queue(open_door: Open) -> None:
    """Facts 1.6: a tier limit on flow runs started per minute."""
    limits = Limits(api_per_min=0, runs_per_min=2)
    door = open_door(limits=limits, workers=1)
    for _ in range(3):
        door.place()
    assert door.control("settle", {"timeout_s": 0.1}) == {"settled": False}
    assert (len(door.found("flow-runs")), len(door.found("scheduled-flows"))) == (2, 1)
    door.control("clock", {"advance_s": 60})
    door.settle()
    assert len(door.found("flow-runs")) == 3


def test_a_value_that_was_tracked_finds_its_run_for_fifteen_days(open_door: Open) -> None:
    """Facts 2.4, 5 and 11.5: search tracked data by value; 15 days."""
    door = open_door(flows=(TRACKING,))
    door.start(TRACKING.id, {"batch_id": "stk-1", "sku": "MUG-BLUE", "available": 4})
    door.settle()
    (row,) = door.found("tracked-data", **{"filter[value]": "stk-1"})
    assert row["flow_run_id"] == door.found("flow-runs")[0]["id"]
    assert door.found("tracked-data", **{"filter[value]": "stk-2"}) == []
    door.control("clock", {"advance_s": 15 * DAY_S + 1})
    assert door.found("tracked-data", **{"filter[value]": "stk-1"}) == []


def test_data_pools_can_be_made_changed_and_deleted(door: Door) -> None:
    """Facts 2.4: singular path; name 3 to 100 characters, description at most 255; 201 on create."""
    made = door.core("POST", "data-pool/", {"name": "Fulfilments", "description": "seen"})
    assert made.status_code == 201
    path = f"data-pool/{made.json()['data']['id']}"
    assert door.core("PATCH", path, {"name": "Parcels"}).json()["data"]["name"] == "Parcels"
    refused = [{"name": "ab"}, {"name": "a" * 101}, {"name": "abc", "description": "d" * 256}]
    assert [door.core("POST", "data-pool", body).status_code for body in refused] == [422] * 3
    assert door.core("DELETE", path).status_code == 204
    assert door.core("GET", path).status_code == 404


def test_paging_newest_first_shifts_while_new_runs_arrive(door: Door) -> None:
    """Facts 8: the list shifts while paging, so `started_before` must be pinned."""
    for _ in range(4):
        door.place()
        door.settle()
        door.control("clock", {"advance_s": 1})
    first = door.found("flow-runs", sort="-started_at", per_page=2)
    door.place()
    door.settle()
    second = door.found("flow-runs", sort="-started_at", per_page=2, page=2)
    seen = [run["id"] for run in itertools.chain(first, second)]
    assert len(set(seen)) == 3
