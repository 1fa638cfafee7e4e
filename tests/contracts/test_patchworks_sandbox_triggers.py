"""Starts, webhooks and callbacks of the Patchworks sandbox keep the public facts: one per test, its section named."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import msgspec
import pytest
import requests

from connectors.patchworks.sandbox import Batch, Callback, FlowSeed, Send, Webhook
from tests.contracts.patchworks_sandbox import (
    ASKED,
    CALL,
    HOOK,
    ORDERS,
    POLL,
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
LEVELS = {"batch_id": "stk-1", "levels": [{"sku": "MUG-BLUE", "available": 4, "sequence": 1}]}
SIGNED = {"patchworks_signature": "hook-secret"}
CALLED = {"patchworks_signature": "call-secret"}


# -- the Start API (facts 2.5) -----------------------------------------------------------------------------------------


def test_a_raw_start_hands_its_body_through_untouched(door: Door) -> None:
    """Facts 2.5: the JSON object is the body; amounts keep their digits."""
    body = '{"batch_id":"b", "levels":[{"sku":"MUG-BLUE","available":4, "price":10.10}]}'
    door.start(STOCK.id, body)
    door.settle()
    first = door.found("payload-metadata")[0]
    assert door.core("GET", f"payload-metadata/{first['id']}/download").text == body
    assert door.books()["sales_channels"]["web"]["levels"] == [
        {"sku": "MUG-BLUE", "location": "MAIN", "figure": 4, "shown": 4}
    ]


@pytest.mark.parametrize(
    ("reply", "where"),
    [
        ("flow_run_id", ("flow_run_id",)),
        ("id", ("id",)),
        ("data.id", ("data", "id")),
        ("data.flow_run_id", ("data", "flow_run_id")),
    ],
)
def test_the_reply_to_a_start_has_a_message_and_the_run_under_some_name(
    open_door: Open, reply: str, where: tuple[str, ...]
) -> None:
    """Facts 2.5 and 12.2: 200, a message and a run id, whose key is only in a screenshot."""
    door = open_door(switches={"start_reply": reply})
    answer = door.start(STOCK.id, LEVELS)
    assert answer.status_code == 200
    found: Json = answer.json()
    assert found["message"] == "Flow initialised."
    for name in where:
        found = found[name]
    door.settle()
    assert attributes(door.core("GET", f"flow-runs/{found}").json()["data"])["trigger"] == "API"


def test_a_start_may_answer_201_and_name_no_run(open_door: Open) -> None:
    """Facts 1.6 and 12.2: 201 is "accepted, not yet acted on"; a client must not need the id."""
    door = open_door(switches={"start_reply": "message_only", "start_status": 201})
    answer = door.start(STOCK.id, LEVELS)
    assert (answer.status_code, answer.json()) == (201, {"message": "Flow initialised."})
    door.settle()
    assert len(door.found("flow-runs", **{"filter[flow_id]": STOCK.id})) == 1


def test_no_body_at_all_starts_with_an_empty_payload(door: Door) -> None:
    """Facts 2.5: an empty body is allowed."""
    assert door.start(STOCK.id).status_code == 200


@pytest.mark.parametrize("body", ["[1]", '"text"', "12", "{"])
def test_a_raw_start_takes_nothing_but_an_object(door: Door, body: str) -> None:
    """Facts 1.6 and 2.5: 422 for an invalid payload; the documentation says object."""
    assert door.start(STOCK.id, body).status_code == 422
    assert door.found("flow-runs") == []


def test_a_raw_start_may_take_an_array(open_door: Open) -> None:
    """Facts 12.6: whether an array is accepted is unknown."""
    door = open_door(switches={"raw_array": "accept"})
    assert door.start(STOCK.id, '[{"sku": "MUG-BLUE", "available": 1}]').status_code == 200
    door.settle()


@pytest.mark.parametrize("payload", [json.dumps(LEVELS), "<levels/>", "plain text"])
def test_a_standard_start_takes_text_of_any_kind(door: Door, payload: str) -> None:
    """Facts 2.5: the legacy form's payload is a string: JSON, XML or text."""
    assert door.start(STOCK.id, {"payload": payload}, form="start").status_code == 200
    door.settle()
    first = door.found("payload-metadata")[0]
    assert door.core("GET", f"payload-metadata/{first['id']}/download").text == payload


@pytest.mark.parametrize("body", [LEVELS, {"payload": LEVELS}, {"payload": ""}, {"payload": None}, {"payload": [1]}])
def test_a_standard_start_whose_payload_is_not_text_is_422(door: Door, body: Json) -> None:
    """Facts 2.5 (inferred) and 1.6: non-strings are not supported; a blank payload is 422."""
    assert door.start(STOCK.id, body, form="start").status_code == 422


def test_the_older_start_may_take_a_bare_object(open_door: Open) -> None:
    """Facts 2.5: in October 2025 the official client sent the bare object to /start."""
    door = open_door(switches={"standard_start": "bare_object"})
    assert door.start(STOCK.id, LEVELS, form="start").status_code == 200
    door.settle()
    assert door.books()["sales_channels"]["web"]["stock"]["applied"] == 1


def test_a_flow_without_a_deployed_version_is_422_unless_one_is_named(door: Door) -> None:
    """Facts 1.6 and 2.5: version_id omitted means the deployed version; none deployed is 422."""
    version = door.found(f"flows/{STOCK.id}/flow-versions")[0]["id"]
    door.control(f"flows/{STOCK.id}", {"is_deployed": False})
    assert door.start(STOCK.id, LEVELS).status_code == 422
    assert door.start(STOCK.id, LEVELS, form=f"start/raw/{version}").status_code == 200
    assert door.start(STOCK.id, LEVELS, form="start/raw/1").status_code == 404
    assert door.start(999, LEVELS).status_code == 404
    door.settle()


def test_a_named_version_runs(open_door: Open) -> None:
    """Facts 2.5: /{version_id} on every form."""
    door = open_door(flows=(msgspec.structs.replace(STOCK, versions=3),))
    versions = [row["id"] for row in door.found(f"flows/{STOCK.id}/flow-versions")]
    door.start(STOCK.id, {"payload": json.dumps(LEVELS)}, form=f"start/{versions[0]}")
    door.start(STOCK.id, LEVELS)
    door.settle()
    runs = door.found("flow-runs", sort="started_at")
    assert {attributes(run)["flow_version_id"] for run in runs} == {versions[0], versions[2]}


@pytest.mark.parametrize(("switch", "status"), [("refuse", 422), ("run", 200)])
def test_a_disabled_flow_starts_by_hand_and_perhaps_otherwise(open_door: Open, switch: str, status: int) -> None:
    """Facts 2.5 and 12.6: start and manual differ, probably in the trigger and in whether a disabled flow may run."""
    door = open_door(switches={"start_disabled": switch})
    door.control(f"flows/{STOCK.id}", {"is_enabled": False})
    assert door.start(STOCK.id, LEVELS).status_code == status
    assert door.start(STOCK.id, LEVELS, form="manual/raw").status_code == 200
    assert door.start(STOCK.id, {"payload": "{}"}, form="manual").status_code == 200
    door.settle()
    triggers = [attributes(run)["trigger"] for run in door.found("flow-runs")]
    assert triggers.count("Manual") == 2


def test_a_virtual_environment_and_variables_travel_in_the_query(door: Door) -> None:
    """Facts 2.5: virtual_environment_id, and flow_variables as a JSON object in text."""
    query = {"virtual_environment_id": 2, "flow_variables": '{"mode": "full"}'}
    assert door.start(STOCK.id, LEVELS, **query).status_code == 200
    door.settle()
    assert len(door.found("flow-runs", **{"filter[virtual_environment_id]": 2})) == 1
    assert door.start(STOCK.id, LEVELS, flow_variables="mode=full").status_code == 422


def test_two_equal_starts_are_two_runs(door: Door) -> None:
    """Facts 2.5: no idempotency key."""
    ids = {door.start(STOCK.id, LEVELS).json()["flow_run_id"] for _ in range(2)}
    door.settle()
    assert len(ids) == 2
    assert door.books()["sales_channels"]["web"]["stock"]["repeated"] == 1


def test_a_start_whose_answer_is_lost_has_started(open_door: Open) -> None:
    """Facts 2.5: a timed-out start may have started; and one that was reset before has not."""
    door = open_door(faults=({"route": "start/raw", "kind": "answer_lost", "probability": 1},))
    with pytest.raises(requests.ConnectionError):
        door.start(STOCK.id, LEVELS)
    door.control("faults", [{"route": "start/raw", "kind": "reset_before", "probability": 1}])
    with pytest.raises(requests.ConnectionError):
        door.start(STOCK.id, LEVELS)
    door.settle()
    assert len(door.found("flow-runs")) == 1
    assert door.books()["calls"]["start/raw"] == {"dropped": 2}


# -- faults and being down ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [None, 7])
def test_a_throttled_route_says_when_to_come_again_or_not(door: Door, after: int | None) -> None:
    """429 with and without Retry-After, 5xx, per route."""
    door.control("faults", [{"route": "GET /flows", "kind": "throttle", "probability": 1, "retry_after_s": after}])
    answer = door.core("GET", "flows")
    assert (answer.status_code, answer.headers.get("Retry-After")) == (429, None if after is None else "7")
    assert door.core("GET", "flow-runs").status_code == 200
    door.control("faults", [{"route": "*", "kind": "server_error", "probability": 1}])
    assert door.core("GET", "flow-runs").status_code == 500


def test_the_same_seed_gives_the_same_faults_whatever_else_is_asked(open_door: Open) -> None:
    """Settled: faults are keyed by seed, business key and attempt, never by timing."""

    def fates(seed: int, others: int) -> list[int]:
        rule = {"route": "start/raw", "kind": "server_error", "probability": 0.5}
        door = open_door(faults=(rule,), seed=seed)
        statuses = []
        for number in range(12):
            statuses.append(door.start(STOCK.id, {"levels": [], "n": number}).status_code)
            for other in range(others):
                door.start(STOCK.id, {"levels": [], "other": [number, other]})
        door.settle()
        return statuses

    assert fates(1, 0) == fates(1, 2)
    assert fates(1, 0) != fates(2, 0)
    assert set(fates(1, 0)) == {200, 500}


def test_being_down_refuses_or_drops_everything_but_the_controls(door: Door) -> None:
    """Down, and up again."""
    door.control("down", {"down": True})
    assert door.core("GET", "flows").status_code == 503
    door.control("down", {"down": True, "mode": "drop"})
    with pytest.raises(requests.ConnectionError):
        door.core("GET", "flows")
    door.control("down", {"down": False})
    assert door.core("GET", "flows").status_code == 200


# -- webhooks (facts 4.2) ----------------------------------------------------------------------------------------------


def test_a_webhook_starts_its_flow_and_names_no_run(door: Door) -> None:
    """Facts 4.2: 200 with a message; no run id."""
    answer = door.trigger("webhooks", HOOK, LEVELS, params=SIGNED)
    assert (answer.status_code, answer.json()) == (200, {"message": "Flow initialised."})
    door.settle()
    (run,) = door.found("flow-runs")
    assert attributes(run)["trigger"] == "Webhook"
    assert door.trigger("webhooks", HOOK + "/ve-2", LEVELS, params=SIGNED).status_code == 200
    door.settle()


def test_a_webhook_takes_get_and_its_body_beats_the_parameters(door: Door) -> None:
    """Facts 4.2: GET and POST; the body wins over URL parameters."""
    door.trigger("webhooks", HOOK, params={**SIGNED, "sku": "MUG-BLUE", "location": "GET"})
    door.settle()
    row = door.found("payload-metadata")[0]
    got = door.core("GET", f"payload-metadata/{row['id']}/download").json()
    assert got == {"sku": "MUG-BLUE", "location": "GET"}
    door.trigger("webhooks", HOOK, LEVELS, params={**SIGNED, "sku": "LAMP-OAK"})
    door.settle()
    assert [row["sku"] for row in door.books()["sales_channels"]["web"]["levels"]] == ["MUG-BLUE"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_signature_is_refused(open_door: Open, status: int) -> None:
    """Facts 4.2 and 12.7: the secret is in the URL; the rejection status is unknown."""
    door = open_door(switches={"bad_signature_status": status})
    assert door.trigger("webhooks", HOOK, LEVELS, params={"patchworks_signature": "no"}).status_code == status
    assert door.trigger("webhooks", HOOK, LEVELS).status_code == status
    assert door.trigger("webhooks", "01unknown", LEVELS, params=SIGNED).status_code == 404
    assert door.found("flow-runs") == []


@pytest.mark.parametrize(("taken", "status"), [(False, 401), (True, 200)])
def test_a_webhook_may_take_its_signature_as_a_header(open_door: Open, taken: bool, status: int) -> None:
    """Facts 12.7: documented for callbacks; unknown for webhooks."""
    door = open_door(switches={"webhook_signature_header": taken})
    headers = {"patchworks-signature": "hook-secret"}
    assert door.trigger("webhooks", HOOK, LEVELS, headers=headers).status_code == status
    door.settle()


@pytest.mark.parametrize("change", [{"is_enabled": False}, {"is_deployed": False}])
def test_a_webhook_needs_its_flow_deployed_and_enabled(door: Door, change: Json) -> None:
    """Facts 4.2."""
    door.control(f"flows/{STOCK.id}", change)
    assert door.trigger("webhooks", HOOK, LEVELS, params=SIGNED).status_code == 404


def test_the_reply_of_a_webhook_can_be_anything(open_door: Open) -> None:
    """Facts 4.2: status, body and format can be customised, so any 2xx is acceptance."""
    hook = Webhook(id=HOOK, signature="s", reply_status=202, reply_type="application/xml", reply_body="<ok/>")
    door = open_door(flows=(FlowSeed(id=1, webhook=hook),))
    answer = door.trigger("webhooks", HOOK, {}, params={"patchworks_signature": "s"})
    assert (answer.status_code, answer.text) == (202, "<ok/>")
    assert answer.headers["Content-Type"].startswith("application/xml")
    door.settle()


@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_a_webhook_may_want_the_hash_of_the_raw_body(open_door: Open, encoding: str) -> None:
    """Facts 4.2 and 12.7: SHA-256 with the shared secret in X-HMAC-HASH; encoding unknown; a mismatch is rejected."""
    hook = Webhook(id=HOOK, signature="s", hmac_secret="shared")
    door = open_door(flows=(FlowSeed(id=1, webhook=hook),), switches={"hmac_encoding": encoding})
    digest = hmac.new(b"shared", json.dumps(LEVELS).encode(), hashlib.sha256).digest()
    good = digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()
    wrong = base64.b64encode(digest).decode() if encoding == "hex" else digest.hex()
    params = {"patchworks_signature": "s"}
    statuses = [
        door.trigger("webhooks", HOOK, LEVELS, params=params, headers={"X-HMAC-HASH": each}).status_code
        for each in (good, wrong, "")
    ]
    assert statuses == [200, 401, 401]
    door.settle()


# -- callbacks (facts 4.3) ---------------------------------------------------------------------------------------------


def test_a_callback_answers_with_its_flows_payloads_inside_an_array(door: Door) -> None:
    """Facts 4.3: synchronous; all replies are contained in an array."""
    order_id = door.place()
    door.settle()
    answer = door.trigger("callbacks", CALL, {"since": "2020-01-01T00:00:00Z"}, params=CALLED)
    assert answer.status_code == 200
    ((order,),) = answer.json()
    assert order == door.order(order_id)
    runs = door.found("flow-runs", **{"filter[trigger]": "Callback"})
    assert [attributes(run)["flow_id"] for run in runs] == [ASKED.id]


def test_several_payloads_are_several_items(open_door: Open) -> None:
    """Facts 4.3: several payloads, several items."""
    door = open_door(flows=(msgspec.structs.replace(ASKED, batch=Batch(size=1)),))
    for _ in range(3):
        door.place()
    answer = door.trigger("callbacks", CALL, {"since": "2020-01-01T00:00:00Z"}, params=CALLED).json()
    assert [len(item) for item in answer] == [1, 1, 1]
    door.settle()


def test_a_callback_reads_pages_and_single_orders(door: Door) -> None:
    """Ours, after facts 4.3: variables of the caller choose what the flow's connector asks for."""
    ids = [door.place() for _ in range(5)]
    door.settle()

    def ids_of(**asked: Json) -> list[str]:
        body = {"since": "2020-01-01T00:00:00Z", **asked}
        return [str(order["id"]) for order in door.trigger("callbacks", CALL, body, params=CALLED).json()[0]]

    assert ids_of(limit=2) + ids_of(limit=2, page=2) + ids_of(limit=2, page=3) == ids
    assert ids_of(limit=2, page=4) == []
    assert ids_of(id=ids[3]) == [ids[3]]
    assert ids_of(since="2199-01-01T00:00:00") == []
    door.settle()


def test_a_callback_takes_its_signature_as_a_header_with_a_hyphen(door: Door) -> None:
    """Facts 4.3: the header form must be `patchworks-signature`."""
    body = {"since": "2020-01-01T00:00:00Z"}
    statuses = [
        door.trigger("callbacks", CALL, body, headers={name: "call-secret"}).status_code
        for name in ("patchworks-signature", "patchworks_signature")
    ]
    assert statuses == [200, 401]
    door.settle()


def test_a_callback_carries_back_what_it_was_given_when_its_flow_reads_nothing(open_door: Open) -> None:
    """Facts 4.3: shapes up to the first callback shape run, and its payload is the reply."""
    door = open_door(flows=(FlowSeed(id=1, callback=Callback(id=CALL, signature="call-secret")),))
    body = {"inputSchema": '{"ids": ["1"]}'}
    assert door.trigger("callbacks", CALL, body, params=CALLED).json() == [body]
    door.settle()


def test_what_follows_a_callback_shape_runs_after_the_reply(open_door: Open) -> None:
    """Facts 4.3: then the connection closes and the rest runs normally."""
    door = open_door(flows=(msgspec.structs.replace(ASKED, send=Send()),))
    door.place()
    door.trigger("callbacks", CALL, {"since": "2020-01-01T00:00:00Z"}, params=CALLED)
    door.settle()
    assert len(door.receiver.got) == 1


@pytest.mark.parametrize("status", [500, 422])
def test_a_callback_whose_flow_fails_says_so(open_door: Open, status: int) -> None:
    """Facts 12.6: the failure status is unknown."""
    door = open_door(switches={"callback_failure_status": status})
    assert door.trigger("callbacks", CALL, {"since": "never"}, params=CALLED).status_code == status
    assert attributes(door.found("flow-runs")[0])["status"] == 3


# -- where orders come from (facts 6) ----------------------------------------------------------------------------------


def test_a_poll_goes_on_where_it_ended_and_reads_the_edge_again(door: Door) -> None:
    """Facts 6: "retrieve a list of orders" on a schedule; the root is an array, cut to batches of one."""
    ids = [door.place(announce=False) for _ in range(3)]
    door.control(f"flows/{POLL.id}/run", {})
    door.settle()
    assert sorted(map(str, door.receiver.order_ids())) == sorted(ids)
    door.control("clock", {"advance_s": 5})
    late = door.place(announce=False)
    door.control(f"flows/{POLL.id}/run", {})
    door.settle()
    assert [str(each) for each in door.receiver.order_ids()[3:]] == [late]
    assert attributes(door.found("flow-runs", sort="-started_at")[0])["trigger"] == "Schedule"


def test_a_commit_that_comes_late_is_only_found_by_an_overlap(door: Door) -> None:
    """Failure case 8: an order whose time of update lies before the end of the last read appears after it."""
    late = door.place(announce=False, listed_after_s=8)
    door.control(f"flows/{POLL.id}/run", {})
    door.control("clock", {"advance_s": 10})
    door.control(f"flows/{POLL.id}/run", {})
    door.settle()
    assert door.receiver.got == []
    body = {"since": "2020-01-01T00:00:00Z"}
    (orders,) = door.trigger("callbacks", CALL, body, params=CALLED).json()
    assert [str(order["id"]) for order in orders] == [late]
    door.settle()


def test_orders_of_the_past_test_orders_and_tags_are_told_as_such(door: Door) -> None:
    """Rules 1 and 3: what an import gate looks at."""
    order = door.order(door.place(placed_at="2020-03-01T10:00:00+00:00", is_test=True, tags=["wholesale", "b2b"]))
    assert order["created_at"] == order["updated_at"] == "2020-03-01T10:00:00+00:00"
    assert (order["test"], order["tags"]) == (True, "wholesale, b2b")
    wish = {"lines": [{"sku": "MUG-BLUE", "quantity": 1}], "placed_at": "2020-03-01T10:00:00"}
    door.control("sales-channels/web/orders", wish, status=400)
    door.settle()


def test_an_order_whose_webhook_was_never_sent_is_only_in_the_poll(door: Door) -> None:
    """Failure case 6: the webhook never comes; the order is there all the same."""
    door.place(announce=False)
    door.settle()
    assert door.receiver.got == []
    assert door.books()["flows"][str(ORDERS.id)] == {}
