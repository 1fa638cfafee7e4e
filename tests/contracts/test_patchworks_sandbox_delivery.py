"""How the Patchworks sandbox delivers to us keeps the public facts: one fact per test, its section named."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import msgspec
import pytest

from connectors.patchworks.sandbox import (
    Batch,
    Dedupe,
    FlowSeed,
    Receive,
    ResponseRule,
    SandboxConfig,
    Send,
    Target,
)
from tests.contracts.patchworks_sandbox import (
    ORDERS,
    POLL,
    SHIPPED,
    WEB,
    Door,
    Json,
    Open,
    attributes,
    fixture_door,
    fixture_open_door,
    fixture_portal,
)

__all__ = ["fixture_door", "fixture_open_door", "fixture_portal"]

NEVER = ResponseRule(status_from=400, status_to=499, code=3)


def orders_flow(**changes: Any) -> FlowSeed:
    return msgspec.structs.replace(ORDERS, **changes)


def sending(**changes: Any) -> FlowSeed:
    return orders_flow(send=Send(**changes))


def statuses(door: Door) -> list[int]:
    return [attributes(run)["status"] for run in door.found("flow-runs", sort="started_at")]


def placed(door: Door, **more: Any) -> str:
    order_id = door.place(**more)
    door.settle()
    return order_id


# -- what arrives (facts 3.1, 3.3, 6, 11.1) ----------------------------------------------------------------------------


def test_a_sales_channels_webhook_arrives_as_one_order_object(open_door: Open) -> None:
    """Facts 6 and 11.1: webhook-triggered flows carry the channel's body; headers of the connector definition."""
    door = open_door(target={"headers": {"X-Source-System": "shopify-uk"}})
    order_id = placed(door)
    (got,) = door.receiver.got
    assert got.path == "/v1/orders/web"
    assert got.json == door.order(order_id)
    assert got.headers["X-Source-System"] == "shopify-uk"
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["User-Agent"] == "GuzzleHttp/7"


@pytest.mark.parametrize(
    ("wrapping", "size", "shapes"), [("First", 1, [0, 0, 0]), ("Raw", 1, [1, 1, 1]), ("First", 2, [2, 0])]
)
def test_a_batch_of_one_comes_bare_or_in_an_array(open_door: Open, wrapping: str, size: int, shapes: list[int]) -> None:
    """Facts 3.3: wrapping_behaviour Raw or First; flow control cuts into batches of N. 0 stands for a bare object."""
    send = Send(wrapping_behaviour=wrapping)  # type: ignore[arg-type]
    flow = msgspec.structs.replace(POLL, batch=Batch(size=size), send=send)
    door = open_door(flows=(flow,))
    for _ in range(3):
        door.place()
    door.control(f"flows/{POLL.id}/run", {})
    door.settle()
    bodies = [got.json for got in door.receiver.got]
    assert [len(body) if isinstance(body, list) else 0 for body in bodies] == shapes


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ({"kind": "header", "header": "X-API-Key", "value": "k1"}, {"X-Api-Key": "k1"}),
        ({"kind": "bearer", "value": "t1"}, {"Authorization": "Bearer t1"}),
        ({"kind": "basic", "user": "u", "password": "p"}, {"Authorization": "Basic dTpw"}),
        (
            {"kind": "client_credentials", "token_url": "/oauth/token", "client_id": "c", "client_secret": "s"},
            {"Authorization": "Bearer t1"},
        ),
    ],
)
def test_a_delivery_proves_itself_in_the_ways_of_the_connector_builder(
    open_door: Open, auth: Json, expected: dict[str, str]
) -> None:
    """Facts 3.1: fixed header, bearer, basic, OAuth 2 client credentials."""
    door = open_door(target={"auth": auth})
    placed(door)
    headers = {name.lower(): value for name, value in door.receiver.got[0].headers.items()}
    assert {name: headers.get(name.lower()) for name in expected} == expected


def test_a_signed_body_carries_its_hash(open_door: Open) -> None:
    """Facts 3.1: no built-in type; a script could compute one."""
    door = open_door(target={"hmac_secret": "shared"})
    placed(door)
    (got,) = door.receiver.got
    assert got.headers["X-HMAC-HASH"] == hmac.new(b"shared", got.body, hashlib.sha256).hexdigest()


def test_fields_are_renamed_by_the_map_shape(open_door: Open) -> None:
    """Facts 5: a map shape turns the channel's own names into the target's; amounts are carried as they are."""
    door = open_door(flows=(orders_flow(map={"order_id": "id", "sum": "total_price"}),))
    order_id = placed(door)
    assert door.receiver.got[0].json == {"order_id": int(order_id), "sum": door.order(order_id)["total_price"]}


def test_the_sandbox_delivers_to_this_machine_only(door: Door) -> None:
    """Real HTTP, loopback only."""
    for url in ("https://example.com", "http://10.0.0.1", "http://example.com/?127.0.0.1"):
        with pytest.raises(ValueError, match="loopback"):
            Target(url=url)
        door.control("target", {"url": url}, status=400)
    assert Target(url="http://[::1]:8080").url
    assert SandboxConfig().target.url == ""


# -- retries (facts 3.2) -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_a_failing_step_is_tried_up_to_three_times(open_door: Open, retries: int) -> None:
    """Facts 3.2: a connector step's retries are 0 to 2, so one order reaches us 1 to 3 times per step try."""
    door = open_door(flows=(sending(retries=retries),))
    door.receiver.answers = [503] * 9
    placed(door)
    assert len(door.receiver.got) == 1 + retries
    assert len({got.body for got in door.receiver.got}) == 1
    assert statuses(door) == [3]


def test_a_later_try_that_succeeds_is_a_success(door: Door) -> None:
    """Facts 3.2: transient failures end well, after repeats that we cannot tell from new orders."""
    door.receiver.answers = [500, 429, 200]
    placed(door)
    assert len(door.receiver.got) == 3
    assert statuses(door) == [2]


def test_a_slow_answer_counts_as_failed_though_we_took_it(open_door: Open) -> None:
    """Facts 3.2: the connector has its own timeout; our endpoint must answer fast."""
    door = open_door(flows=(sending(timeout_s=0.05, retries=1),))
    door.receiver.slow_s = 0.4
    placed(door)
    assert len(door.receiver.got) == 2
    assert statuses(door) == [3]
    assert door.books()["deliveries"]["attempts"] == {f"{ORDERS.id} timeout": 2}


def test_rejected_credentials_are_renewed_once_and_that_try_does_not_count(open_door: Open) -> None:
    """Facts 3.2: on rejected credentials it re-authenticates and retries before failing."""
    auth = {"kind": "client_credentials", "token_url": "/oauth/token", "client_id": "c", "client_secret": "s"}
    door = open_door(target={"auth": auth}, flows=(sending(retries=0),))
    door.receiver.answers = [401]
    placed(door)
    assert [got.headers["Authorization"] for got in door.receiver.got] == ["Bearer t1", "Bearer t2"]
    assert statuses(door) == [2]
    door.receiver.answers = [401, 401, 401]
    placed(door)
    assert statuses(door) == [2, 3]
    assert len(door.receiver.got) == 4


def test_a_new_login_takes_no_try_from_the_step(open_door: Open) -> None:
    """Facts 3.2: re-authentication comes before failing, so both tries of the step are still there."""
    auth = {"kind": "client_credentials", "token_url": "/oauth/token", "client_id": "c", "client_secret": "s"}
    door = open_door(target={"auth": auth}, flows=(sending(retries=1),))
    door.receiver.answers = [401, 500, 201]
    placed(door)
    assert (len(door.receiver.got), statuses(door)) == (3, [2])


@pytest.mark.parametrize("status", [400, 422, 503])
def test_unsuccessful_statuses_may_be_allowed(open_door: Open, status: int) -> None:
    """Facts 3.2: anything but 2xx fails the step unless allow_unsuccessful_statuses is on."""
    door = open_door(flows=(sending(allow_unsuccessful_statuses=True),))
    door.receiver.answers = [status]
    placed(door)
    assert (len(door.receiver.got), statuses(door)) == (1, [2])


@pytest.mark.parametrize(
    ("code", "tries", "runs"),
    [(0, 1, [2]), (1, 3, [3]), (2, 3, [3, 3, 3]), (3, 1, [3]), (4, 2, [3])],
)
def test_a_response_script_decides_what_a_status_means(open_door: Open, code: int, tries: int, runs: list[int]) -> None:
    """Facts 3.2: 0 continue, 1 fail and retry, 2 fail the flow and queue a retry, 3 for good, 4 log in again."""
    rule = ResponseRule(status_from=409, status_to=409, code=code)  # type: ignore[arg-type]
    retries = 2 if code == 1 else 0
    door = open_door(flows=(sending(response_script=(rule,), retries=retries),))
    door.receiver.answers = [409] * 12
    placed(door)
    assert len(door.receiver.got) == tries
    assert statuses(door) == runs
    triggers = [attributes(run)["trigger"] for run in door.found("flow-runs", sort="started_at")]
    assert triggers[1:] == ["Retry"] * (len(runs) - 1)


def test_a_response_script_reads_the_body(open_door: Open) -> None:
    """Facts 3.2: it sees status, headers and body; other bodies keep the habit of the step."""
    rule = ResponseRule(status_from=422, status_to=422, code=3, body_has="no such text")
    door = open_door(flows=(sending(response_script=(rule,)),))
    door.receiver.answers = [422] * 9
    placed(door)
    assert len(door.receiver.got) == 3


@pytest.mark.parametrize("honours", [False, True])
def test_our_retry_after_is_honoured_or_not(open_door: Open, honours: bool) -> None:
    """Facts 12.8: whether Retry-After is honoured is unknown; 0 seconds keep the test quick."""
    door = open_door(switches={"honours_retry_after": honours, "retry_backoff_ms": 1})
    door.receiver.answers = [(503, {"Retry-After": "0.2"}), 201]
    placed(door)
    assert statuses(door) == [2]
    first, second = (attributes(run)["duration"] for run in door.found("flow-runs") * 2)
    assert first == second
    assert (first >= 0.2) is honours


def test_a_failing_flow_may_be_tried_whole_three_times(open_door: Open) -> None:
    """Facts 3.2: "tried three times before being logged failed" may mean the flow."""
    door = open_door(flows=(orders_flow(send=Send(retries=1), flow_tries=3),))
    door.receiver.answers = [500] * 5
    placed(door)
    assert (len(door.receiver.got), statuses(door)) == (6, [2])


def test_a_manual_retry_delivers_the_same_bytes_again(door: Door) -> None:
    """Facts 3.2: 1 to 3 times per step, again on a flow retry."""
    door.receiver.answers = [500] * 3
    placed(door)
    run = door.found("flow-runs")[0]["id"]
    for _ in range(2):
        door.core("POST", f"flow-runs/{run}/retry")
        door.settle()
    assert len(door.receiver.got) == 5
    assert len({got.body for got in door.receiver.got}) == 1
    keys = door.books()["deliveries"]["keys"]
    assert list(keys.values()) == [2]


# -- failures of some payloads (facts 5) -------------------------------------------------------------------------------


def polled(catch: str) -> FlowSeed:
    return msgspec.structs.replace(POLL, catch=catch, send=Send(retries=0))


def run_twenty(door: Door) -> Json:
    """Twenty orders, of which the 3rd, 7th, 8th and 20th are refused; the run's fields."""
    door.control("sales-channels/web/orders", {"count": 20})
    door.receiver.answers = [422 if n in {2, 6, 7, 19} else 201 for n in range(20)]
    door.control(f"flows/{POLL.id}/run", {})
    door.settle()
    (run,) = door.found("flow-runs")
    return run


@pytest.mark.parametrize(("catch", "status"), [("partial_success", 5), ("succeed", 2), ("fail", 3)])
def test_caught_payloads_leave_the_try_route_and_the_others_go_on(open_door: Open, catch: str, status: int) -> None:
    """Facts 5: 20 payloads, 4 bad: 4 enter catch, 16 continue; the run ends 5, or 2 with ERROR logs."""
    door = open_door(flows=(polled(catch),))
    run = run_twenty(door)
    assert attributes(run)["status"] == status
    assert attributes(run)["has_warnings"] is True
    errors = [attributes(log) for log in door.logs(run["id"]) if attributes(log)["log_level"] == "error"]
    sent = [log for log in errors if log["payload_metadata_id"]]
    assert len(sent) == 4
    refused = [door.core("GET", f"payload-metadata/{log['payload_metadata_id']}/download").content for log in sent]
    bodies = [got.body for got in door.receiver.got]
    assert len(bodies) == 20
    # a payload is stored as the step took it; the connector unwraps an array of one
    assert [msgspec.json.decode(body)[0] for body in refused] == [json.loads(bodies[n]) for n in (2, 6, 7, 19)]


def test_rejected_credentials_never_enter_the_catch_route_before_the_new_login_was_tried(open_door: Open) -> None:
    """Facts 3.2: the retry after re-authentication is never sent to a catch route."""
    auth = {"kind": "client_credentials", "token_url": "/oauth/token", "client_id": "c", "client_secret": "s"}
    door = open_door(flows=(polled("partial_success"),), target={"auth": auth})
    door.place()
    door.receiver.answers = [401]
    door.control(f"flows/{POLL.id}/run", {})
    door.settle()
    (run,) = door.found("flow-runs")
    assert (attributes(run)["status"], attributes(run)["has_warnings"]) == (2, False)
    assert len(door.receiver.got) == 2


def test_a_caught_failure_can_look_like_a_success_without_a_warning(open_door: Open) -> None:
    """Facts 5 and 7: a monitor must look at ERROR logs of runs that ended 2."""
    door = open_door(flows=(polled("succeed"),), switches={"caught_has_warnings": False})
    run = run_twenty(door)
    assert (attributes(run)["status"], attributes(run)["has_warnings"]) == (2, False)
    assert any(attributes(log)["log_level"] == "error" for log in door.logs(run["id"]))


@pytest.mark.parametrize(("after", "arrived"), [("stop", 3), ("continue", 20)])
def test_without_a_catch_route_the_rest_of_a_bucket_may_be_lost(open_door: Open, after: str, arrived: int) -> None:
    """Facts 5: buckets; what happens to the rest of one is not documented."""
    door = open_door(flows=(polled("none"),), switches={"after_failure": after})
    run = run_twenty(door)
    assert attributes(run)["status"] == 3
    assert len(door.receiver.got) == arrived


def test_a_run_can_be_stopped(open_door: Open) -> None:
    """Facts 2.2: status 4."""
    door = open_door()
    door.control("queue", {"paused": True})
    order_id = door.place()
    run = door.found("scheduled-flows")[0]["id"]
    assert order_id
    assert door.core("DELETE", f"scheduled-flows/{run}").status_code == 204
    door.control("queue", {"paused": False})
    door.settle()
    assert statuses(door) == [4]


# -- de-dupe, pull (facts 3.1, 5) --------------------------------------------------------------------------------------


def test_a_dedupe_shape_drops_what_it_saw_within_ninety_days(open_door: Open) -> None:
    """Facts 5: filter and track by a key field in a pool; 90 days; dropped payloads are stored."""
    flow = orders_flow(dedupe=Dedupe(pool="Orders", key="id", entity_type_id=37))
    door = open_door(flows=(flow,))
    order_id = placed(door)
    door.change(order_id, "touch")
    door.settle()
    assert len(door.receiver.got) == 1
    pool = door.found("data-pool")[0]
    (row,) = door.found(f"data-pool/{pool['id']}/deduped-data")
    assert (row["value"], row["entity_type_id"]) == (order_id, 37)
    assert len([each for each in door.found("payload-metadata", per_page=100) if each["dropped"]]) == 1
    door.control("clock", {"advance_s": 90 * 86_400 + 1})
    door.change(order_id, "touch")
    door.settle()
    assert len(door.receiver.got) == 2


def test_our_pages_are_followed_and_each_becomes_a_payload(open_door: Open) -> None:
    """Facts 3.1: pull: pagination is followed and each page becomes its own payload; the cursor is kept."""
    flow = FlowSeed(
        id=4360,
        sales_channel="web",
        source="target",
        receive=Receive(path="/v1/stock/{sales_channel}"),
        batch=Batch(),
        send=Send(to="stock"),
    )
    door = open_door(flows=(flow,))
    rows = [{"sku": f"S{n}", "available": n, "sequence": n} for n in range(4)]
    door.receiver.pages = {
        "": {"items": rows[:2], "next": "c1"},
        "c1": {"items": rows[2:3], "next": "c2"},
        "c2": {"items": [], "next": "c2"},
    }
    door.control("flows/4360/run", {})
    door.settle()
    door.receiver.pages["c2"] = {"items": rows[3:], "next": "c3"}
    door.receiver.pages["c3"] = {"items": [], "next": None}
    door.control("flows/4360/run", {})
    door.settle()
    levels = door.books()["sales_channels"]["web"]["levels"]
    assert [(row["sku"], row["figure"]) for row in levels] == [("S0", 0), ("S1", 1), ("S2", 2), ("S3", 3)]
    assert door.books()["sales_channels"]["web"]["stock"]["received"] == 4


# -- faults of deliveries (facts 9.3) ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "arrived", "status"),
    [("answer_lost", 3, 3), ("reset_before", 0, 3), ("duplicate", 2, 2), ("server_error", 0, 3)],
)
def test_deliveries_misbehave_by_plan(open_door: Open, kind: str, arrived: int, status: int) -> None:
    """Facts 9.3: timeouts, duplicates and failures of the way to us, on purpose."""
    rule = {"route": f"deliver/{ORDERS.id}", "kind": kind, "probability": 1}
    door = open_door(faults=(rule,))
    placed(door)
    assert len(door.receiver.got) == arrived
    assert statuses(door) == [status]


def test_deliveries_with_lost_answers_bring_every_order_and_more_than_once(open_door: Open) -> None:
    """Acceptance of issue 3, small: repeats after timeouts bring more deliveries than orders, and never fewer."""
    rule = {"route": f"deliver/{ORDERS.id}", "kind": "answer_lost", "probability": 0.1}
    door = open_door(faults=(rule,), seed=5)
    door.control("sales-channels/web/orders", {"count": 300})
    door.settle()
    books = door.books()["deliveries"]
    assert len(set(door.receiver.order_ids())) == books["orders"] == 300
    assert 310 < len(door.receiver.got) < 370
    assert books["accepted"] == len(door.receiver.got)


def test_deliveries_of_different_runs_overtake_one_another(open_door: Open) -> None:
    """Facts 3.3 and 9.3: order of delivery across payloads is not promised."""
    rule = {"route": f"deliver/{ORDERS.id}", "kind": "latency", "probability": 0.5, "latency_ms": 60}
    door = open_door(faults=(rule,), workers=16, seed=3)
    placed_ids = [int(order["id"]) for order in door.control("sales-channels/web/orders", {"count": 16})["orders"]]
    door.settle()
    assert door.receiver.order_ids() != placed_ids
    assert sorted(door.receiver.order_ids()) == sorted(placed_ids)


def test_every_request_of_a_connector_is_an_operation(door: Door) -> None:
    """Facts 1.6: an operation is roughly one connector request; retries count again."""
    door.receiver.answers = [500, 201]
    placed(door)
    door.control(f"flows/{POLL.id}/run", {})
    door.settle()
    assert door.books()["operations"] == 2 + 1 + 1


def test_configuration_names_flows_and_sales_channels_once() -> None:
    """Ours: what refers to nothing is refused at once."""
    with pytest.raises(ValueError, match="twice"):
        SandboxConfig(flows=(SHIPPED, SHIPPED), sales_channels=(WEB,))
    with pytest.raises(ValueError, match="not there"):
        SandboxConfig(flows=(SHIPPED,))
    with pytest.raises(ValueError, match="sales channel"):
        FlowSeed(id=1, source="order_events")
    with pytest.raises(ValueError, match="receive"):
        FlowSeed(id=1, source="target")
    for path in ("v1/orders", "/v1/{shop}", "/v1/{"):
        with pytest.raises(ValueError, match="begins with"):
            Send(path=path)
