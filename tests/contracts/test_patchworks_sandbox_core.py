"""The Patchworks sandbox's Core API keeps the public facts: one fact per test, its section named."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from connectors.patchworks.sandbox import Limits
from tests.contracts.patchworks_sandbox import (
    KEY,
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


def with_header(door: Door, value: str | None, path: str = "core/api/v1/flows") -> int:
    headers = {"Authorization": value}  # None takes the session's own header away
    return int(door.session.get(f"{door.url}/{path}", headers=headers, timeout=10).status_code)


def log_in(door: Door, path: str = "fabric/api/login", name: str = "username") -> Json:
    body = {name: "sandbox@example.com", "password": "sandbox"}
    answer = door.session.post(f"{door.url}/{path}", json=body, timeout=10)
    assert answer.status_code == 200
    return answer.json()


# -- hosts and authentication (facts 1.1, 1.2) -------------------------------------------------------------------------


def test_core_and_start_answer_under_their_own_names_and_the_dashboards(door: Door) -> None:
    """Facts 1.1: the dashboard's host routes the same APIs under /core-main and /core-start; Start has GET /health."""
    assert with_header(door, KEY, "core-main/api/v1/flows") == 200
    url = f"{door.url}/core-start/api/v1/flows/{STOCK.id}/start/raw"
    assert door.session.post(url, data="{}", timeout=10).status_code == 200
    assert with_header(door, None, "health") == 200


@pytest.mark.parametrize("value", [None, "", "wrong", f"Bearer {KEY}", f"Basic {KEY}", "Bearer a.b.c"])
def test_what_is_neither_a_bare_key_nor_a_live_token_is_401(door: Door, value: str | None) -> None:
    """Facts 1.2: the key is the whole value of Authorization; a bad key or token is 401."""
    assert with_header(door, KEY) == 200
    assert with_header(door, value) == 401


@pytest.mark.parametrize(
    ("path", "name"),
    [("fabric/api/login", "username"), ("fabric/api/v1/login", "email"), ("fabric/api/login", "email")],
)
def test_a_login_gives_a_token_of_24_hours(door: Door, path: str, name: str) -> None:
    """Facts 1.2: reply message, token, expires_in 86400; after that 401. Both spellings of the login are taken."""
    reply = log_in(door, path, name)
    assert set(reply) == {"message", "token", "expires_in"}
    assert reply["expires_in"] == DAY_S
    assert with_header(door, f"Bearer {reply['token']}") == 200
    door.control("clock", {"advance_s": DAY_S - 60})
    assert with_header(door, f"Bearer {reply['token']}") == 200
    door.control("clock", {"advance_s": 61})
    assert with_header(door, f"Bearer {reply['token']}") == 401


def test_wrong_credentials_and_revoked_tokens_are_401(door: Door) -> None:
    """Facts 1.2: 401, also before the 24 hours are over."""
    bad = door.session.post(
        f"{door.url}/fabric/api/login", json={"username": "sandbox@example.com", "password": "no"}, timeout=10
    )
    assert bad.status_code == 401
    token = log_in(door)["token"]
    door.control("tokens/revoke", {})
    assert with_header(door, f"Bearer {token}") == 401
    assert with_header(door, f"Bearer {log_in(door)['token']}") == 200


@pytest.mark.parametrize("status", [401, 403])
def test_an_api_key_may_be_too_little_for_a_route(open_door: Open, status: int) -> None:
    """Facts 1.2: administrator-only requests need a token; whether a key gets 403 is unknown."""
    door = open_door(restricted_routes=("GET /flows",), switches={"restricted_status": status})
    assert with_header(door, KEY) == status
    assert with_header(door, f"Bearer {log_in(door)['token']}") == 200


# -- lists (facts 1.4, 1.5) --------------------------------------------------------------------------------------------


def test_a_list_has_data_meta_and_links(door: Door) -> None:
    """Facts 1.4: meta of seven names, links of four, pages from 1."""
    body = door.core("GET", "flows", page=2, per_page=2).json()
    assert set(body) == {"data", "meta", "links"}
    path = f"{door.url}/core/api/v1/flows"
    assert body["meta"] == {
        "current_page": 2,
        "from": 3,
        "last_page": 3,
        "path": path,
        "per_page": 2,
        "to": 4,
        "total": 5,
    }
    assert set(body["links"]) == {"first", "last", "prev", "next"}
    assert body["links"]["next"] == f"{path}?page=3"
    assert body["links"]["prev"] == f"{path}?page=1"
    beyond = door.core("GET", "flows", page=9, per_page=2).json()
    assert (beyond["data"], beyond["links"]["next"]) == ([], None)


@pytest.mark.parametrize(("overflow", "status"), [("clamp", 200), ("refuse", 422)])
def test_too_large_a_page_is_clamped_or_refused(open_door: Open, overflow: str, status: int) -> None:
    """Facts 1.4 and 12.5: behaviour above the maximum is unknown, and must not matter for logs (facts 10)."""
    door = open_door(switches={"per_page_overflow": overflow})
    answer = door.core("GET", "flows", per_page=101)
    assert answer.status_code == status
    if status == 200:
        assert answer.json()["meta"]["per_page"] == 100
    assert door.core("GET", "flows", per_page=0).status_code == 422
    door.place()
    door.settle()
    run = door.found("flow-runs")[0]["id"]
    assert door.core("GET", f"flow-runs/{run}/flow-run-logs", per_page=500).json()["meta"]["per_page"] == 500


def test_nothing_related_is_returned_unless_it_is_asked_for(door: Door) -> None:
    """Facts 1.4: include=a,b.c adds what is related."""
    assert "relationships" not in door.found("flows")[0]
    (flow, *_) = door.found("flows", include="latestVersion.steps,deployedVersion,labels")
    related = flow["relationships"]
    assert set(related) == {"latestVersion", "deployedVersion", "labels"}
    assert [step["microservice"] for step in related["latestVersion"]["data"]["steps"]] == [
        "trigger",
        "connector",
        "connector",
    ]


@pytest.mark.parametrize(
    "query", [{"filter[colour]": "red"}, {"include": "secrets"}, {"sort": "summary"}], ids=["filter", "include", "sort"]
)
def test_what_is_not_documented_is_refused_or_ignored(open_door: Open, query: Json) -> None:
    """Facts 1.4: its query builder refuses unknown names with 400; behind a switch they are ignored."""
    assert open_door().core("GET", "flow-runs", **query).status_code == 400
    assert open_door(switches={"unknown_query": "ignore"}).core("GET", "flow-runs", **query).status_code == 200


@pytest.mark.parametrize(
    ("style", "flows", "payloads"), [("mixed", True, False), ("flat", False, False), ("attributes", True, True)]
)
def test_resources_come_flat_or_with_attributes(open_door: Open, style: str, flows: bool, payloads: bool) -> None:
    """Facts 1.5: a real conflict, so one setting serves all-flat, and one everything with attributes."""
    door = open_door(switches={"resource_style": style})
    door.place()
    door.settle()
    assert ("attributes" in door.found("flows")[0]) is flows
    (run,) = door.found("flow-runs")
    assert ("attributes" in run) is flows
    assert attributes(run)["status"] == 2
    assert ("attributes" in door.logs(run["id"])[0]) is flows
    assert ("attributes" in door.found("payload-metadata")[0]) is payloads
    assert isinstance(door.found("flows")[0]["id"], str if flows else int)


def test_cross_reference_lookups_are_flat_whatever_runs_are(door: Door) -> None:
    """Facts 1.5 and 2.4: the only documented sample reply; create, read, update."""
    made = door.core("POST", "cross-reference-lookups", {"name": "Carriers"})
    assert made.status_code == 201
    row = made.json()["data"]
    assert (row["name"], "attributes" in row) == ("Carriers", False)
    door.core("PATCH", f"cross-reference-lookups/{row['id']}", {"name": "Services"})
    assert [each["name"] for each in door.found("cross-reference-lookups")] == ["Services"]


@pytest.mark.parametrize(("kind", "shape"), [("ulid", 26), ("integer", None)])
def test_run_ids_are_text_or_numbers(open_door: Open, kind: str, shape: int | None) -> None:
    """Facts 1.5: integers in the documentation, text in a client; keep them opaque."""
    door = open_door(switches={"run_id": kind, "resource_style": "flat"})
    run = door.start(STOCK.id, {"levels": []}).json()["flow_run_id"]
    door.settle()
    assert (len(run) if shape else None) == shape
    assert isinstance(run, str if shape else int)
    assert door.core("GET", f"flow-runs/{run}").json()["data"]["id"] == run


@pytest.mark.parametrize(
    ("form", "pattern"),
    [("fraction", "%Y-%m-%dT%H:%M:%S.%fZ"), ("whole", "%Y-%m-%dT%H:%M:%SZ"), ("space", "%Y-%m-%d %H:%M:%S")],
)
def test_times_come_in_one_of_three_formats(open_door: Open, form: str, pattern: str) -> None:
    """Facts 8: the format is not documented."""
    door = open_door(switches={"time_format": form})
    text = attributes(door.found("flows")[0])["created_at"]
    assert datetime.strptime(text, pattern).year >= 2026  # noqa: DTZ007 - the format is what is tested


# -- errors and limits (facts 1.3, 1.6) --------------------------------------------------------------------------------


@pytest.mark.parametrize(("accept", "kind"), [("application/json", "application/json"), ("*/*", "text/html")])
def test_an_error_is_json_only_for_who_asks_for_json(door: Door, accept: str, kind: str) -> None:
    """Facts 1.3: leaving the headers out may give wrongly formatted replies."""
    answer = door.session.get(f"{door.url}/core/api/v1/flows/99", headers={"Accept": accept}, timeout=10)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith(kind)


@pytest.mark.parametrize(
    "path", ["flows/99", "flow-runs/none", "payload-metadata/1/download", "data-pool/x", "nothing"]
)
def test_unknown_ids_and_paths_are_404(door: Door, path: str) -> None:
    """Facts 1.6: 404 for unknown ids."""
    assert door.core("GET", path).status_code == 404


def test_a_body_above_8_mb_is_413(open_door: Open) -> None:
    """Facts 1.6: 413 above 8 MB; exactly that much is taken."""
    door = open_door(body_bytes_max=2_000)
    filler = '{"x": "' + "a" * 1_991 + '"}'
    assert len(filler) == 2_000
    assert door.start(STOCK.id, filler).status_code == 200
    assert door.start(STOCK.id, filler.replace("a", "aa", 1)).status_code == 413
    chunked = door.session.post(
        f"{door.url}/start/api/v1/flows/{STOCK.id}/start/raw", data=iter([filler.encode(), b" "]), timeout=10
    )
    assert chunked.status_code == 413


def test_a_422_names_the_field(door: Door) -> None:
    """Facts 1.6 (assumed): message, and errors by field."""
    body = door.core("POST", "data-pool", {"name": "x"}).json()
    assert set(body) == {"message", "errors"}
    assert list(body["errors"]) == ["name"]


LIMITED = Limits(api_per_min=3, webhooks_per_min=2, callbacks_per_min=2)


def test_240_calls_a_minute_and_429_with_headers(open_door: Open) -> None:
    """Facts 1.6: a limit per minute; Retry-After and X-RateLimit-* as its framework would (assumed)."""
    door = open_door(limits=LIMITED)
    answers = [door.core("GET", "flows") for _ in range(4)]
    assert [each.status_code for each in answers] == [200, 200, 200, 429]
    assert [each.headers["X-RateLimit-Remaining"] for each in answers] == ["2", "1", "0", "0"]
    assert answers[0].headers["X-RateLimit-Limit"] == "3"
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 60
    assert int(answers[3].headers["X-RateLimit-Reset"]) > 1_700_000_000
    assert answers[3].json() == {"message": "Too Many Attempts."}
    door.control("clock", {"advance_s": 60})
    assert door.core("GET", "flows").status_code == 200


def test_the_documented_limits_are_the_defaults() -> None:
    """Facts 1.6: API 240, webhooks 120, callbacks 240 per minute."""
    assert Limits() == Limits(api_per_min=240, webhooks_per_min=120, callbacks_per_min=240)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [("all", {"Retry-After", "X-RateLimit-Limit"}), ("retry_after", {"Retry-After"}), ("none", set())],
)
def test_a_429_may_come_without_headers(open_door: Open, headers: str, expected: set[str]) -> None:
    """Facts 12.3: 429 headers are unknown."""
    door = open_door(limits=LIMITED, switches={"limit_headers": headers})
    answer = [door.core("GET", "flows") for _ in range(4)][-1]
    assert answer.status_code == 429
    assert {"Retry-After", "X-RateLimit-Limit"} & set(answer.headers) == expected


@pytest.mark.parametrize(("shares", "status"), [(True, 429), (False, 200)])
def test_starts_count_against_the_core_limit_or_have_their_own(open_door: Open, shares: bool, status: int) -> None:
    """Facts 12.3: whether Start shares the 240 is unknown."""
    door = open_door(limits=LIMITED, switches={"start_shares_core": shares})
    for _ in range(3):
        door.core("GET", "flows")
    assert door.start(STOCK.id, {"levels": []}).status_code == status


@pytest.mark.parametrize(("scope", "status"), [("key", 200), ("company", 429)])
def test_a_bucket_belongs_to_a_key_or_to_the_company(open_door: Open, scope: str, status: int) -> None:
    """Facts 12.3: bucket scope is unknown; keys and tokens share the same limits."""
    door = open_door(limits=LIMITED, switches={"limit_scope": scope}, api_keys=(KEY, "pk_other"))
    for _ in range(3):
        door.core("GET", "flows")
    assert with_header(door, "pk_other") == status


def test_each_surface_has_its_own_limit_and_a_refused_key_uses_none(open_door: Open) -> None:
    """Facts 1.6: webhooks 120, callbacks 240, beside the API's 240."""
    door = open_door(limits=LIMITED)
    for _ in range(5):
        assert with_header(door, "wrong") == 401
    hook = {"patchworks_signature": "hook-secret"}
    hooks = [door.trigger("webhooks", STOCK.webhook.id, {}, params=hook).status_code for _ in range(3)]  # type: ignore[union-attr]
    assert hooks == [200, 200, 429]
    assert door.core("GET", "flows").status_code == 200
