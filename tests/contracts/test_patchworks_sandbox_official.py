"""The official Patchworks client's calls, as recorded (facts 10), pass in both resource styles.

The client is `gopatchworks/patchworks-mcp`; what it sends and what it reads of an answer is written down in the facts,
so each step here sends exactly that and reads exactly that.
"""

from __future__ import annotations

import base64
from typing import Any

import pytest
import requests

from tests.contracts.patchworks_sandbox import (
    KEY,
    ORDERS,
    SHIPPED,
    STOCK,
    Door,
    Open,
    fixture_door,
    fixture_open_door,
    fixture_portal,
)

__all__ = ["fixture_door", "fixture_open_door", "fixture_portal"]

Json = Any
HEADERS = {"Authorization": KEY, "Accept": "application/json", "Content-Type": "application/json"}
TIMEOUT_S = 20


class OfficialClient:
    """Its requests, spelled as it spells them: brackets percent-encoded, no retries, the key as it is."""

    def __init__(self, door: Door) -> None:
        self.core = f"{door.url}/core/api/v1"
        self.start = f"{door.url}/start/api/v1"

    def ask(self, verb: str, url: str, body: str | None = None) -> requests.Response:
        answer = requests.request(verb, url, headers=HEADERS, data=body, timeout=TIMEOUT_S)
        assert 200 <= answer.status_code < 300, f"{answer.status_code} {answer.text}"
        return answer

    def get(self, path: str) -> Json:
        return self.ask("GET", f"{self.core}{path}").json()


def read_by_client(row: Json, *names: str) -> Json:
    """As it reads a field: from `attributes`, by the first name that is there."""
    fields = row.get("attributes", {})
    return next((fields[name] for name in names if name in fields), None)


@pytest.mark.parametrize("style", ["mixed", "flat"])
def test_every_core_and_start_call_of_the_official_client_is_answered(open_door: Open, style: str) -> None:
    """Facts 10: all thirteen tools, one after the other, against one sandbox in each style."""
    door = open_door(switches={"resource_style": style, "after_failure": "continue"})
    client = OfficialClient(door)
    door.receiver.answers = [422] * 3
    door.place()
    door.settle()

    flows = client.get("/flows?page=1&per_page=50&include=latestVersion")
    assert [str(row["id"]) for row in flows["data"]][:1] == ["4310"]
    assert flows["meta"]["total"] == 5

    since = 1_000
    runs = client.get(
        "/flow-runs?page=1&per_page=50&sort=-started_at&include=flow"
        f"&filter%5Bstatus%5D=3&filter%5Bstarted_after%5D={since}"
    )
    (run,) = runs["data"]
    logs = client.get(
        f"/flow-runs/{run['id']}/flow-run-logs?per_page=10&page=1&sort=id&include=flowRunLogMetadata"
        "&fields%5BflowStep%5D=id%2Cname&load_payload_ids=true"
    )["data"]
    more = client.get(
        f"/flow-runs/{run['id']}/flow-run-logs?per_page=500&page=1&sort=id&include=flowRunLogMetadata"
        "&fields%5BflowStep%5D=id%2Cname&load_payload_ids=true"
    )["data"]
    assert [row["id"] for row in logs] == [row["id"] for row in more]

    failed = next(row for row in logs if "422" in row.get("attributes", row)["log_message"])
    payload_id = failed.get("attributes", failed)["payload_metadata_id"]
    download = client.ask("GET", f"{client.core}/payload-metadata/{payload_id}/download")
    assert download.headers["Content-Type"] == "application/json"
    assert base64.b64decode(base64.b64encode(download.content)) == door.receiver.got[0].body

    started = client.ask("POST", f"{client.start}/flows/{STOCK.id}/start/raw", '{"levels": []}').json()
    assert started["flow_run_id"]
    empty = client.ask("POST", f"{client.start}/flows/{SHIPPED.id}/start/raw").json()
    assert empty["flow_run_id"] != started["flow_run_id"]
    named = f"{client.start}/flows/{STOCK.id}/start/raw/{_version(door, STOCK.id)}"
    query = "?virtual_environment_id=2&flow_variables=%7B%22mode%22%3A%22full%22%7D"
    assert client.ask("POST", named + query, '{"levels": []}').json()["flow_run_id"]

    pools = client.get("/data-pool/?page=1&per_page=50")
    assert pools["data"] == []
    made = client.ask("POST", f"{client.core}/data-pool", '{"name": "Fulfilments"}')
    assert made.status_code == 201
    rows = client.get(f"/data-pool/{made.json()['data']['id']}/deduped-data?page=1&per_page=50")
    assert rows["data"] == []

    agents = f"{client.core}/agents/conversations"
    wish = '{"feature": "flow-builder", "prompt": "Orders in", "payload": {}}'
    opened = client.ask("POST", agents, wish).json()["data"]
    assert client.get("/agents/conversations?page=1&per_page=50")["data"] == [opened]
    client.ask("POST", f"{agents}/{opened['id']}/reply", '{"message": "And out"}')
    assert len(client.get(f"/agents/conversations/{opened['id']}")["data"]["messages"]) == 2
    door.settle()


def test_its_triage_reads_status_times_and_messages_from_attributes(door: Door) -> None:
    """Facts 10: triage_latest_failures reads `data[].attributes.*` of runs and logs."""
    client = OfficialClient(door)
    door.receiver.answers = [503] * 3
    door.place()
    door.settle()
    (run,) = client.get("/flow-runs?page=1&per_page=20&sort=-started_at&filter%5Bstatus%5D=3")["data"]
    assert read_by_client(run, "status") == 3
    assert read_by_client(run, "started_at") <= read_by_client(run, "finished_at")
    assert read_by_client(run, "flow_id") == ORDERS.id
    assert read_by_client(run, "flow_version_id")
    path = f"/flow-runs/{run['id']}/flow-run-logs?per_page=50&page=1&sort=id&load_payload_ids=true"
    logs = client.get(path)["data"]
    errors = [row for row in logs if read_by_client(row, "log_level", "level").upper() in {"ERROR", "FATAL"}]
    assert "503" in read_by_client(errors[0], "log_message", "message")
    assert read_by_client(errors[0], "created_at", "timestamp")
    assert read_by_client(errors[0], "flow_step_id", "step_id")
    assert read_by_client(errors[0], "payload_metadata_id")


def test_its_triage_is_empty_on_flat_resources_and_does_not_break(open_door: Open) -> None:
    """Facts 1.5 and 10: against flat objects every status, time, level and message comes out empty."""
    door = open_door(switches={"resource_style": "flat"})
    client = OfficialClient(door)
    door.place()
    door.settle()
    (run,) = client.get("/flow-runs?page=1&per_page=20&sort=-started_at")["data"]
    assert read_by_client(run, "status") is None
    assert run["status"] == 2


def _version(door: Door, flow: int) -> str:
    return str(door.found(f"flows/{flow}/flow-versions")[0]["id"])
