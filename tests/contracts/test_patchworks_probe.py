"""`seamline probe` against Patchworks: each switch of the sandbox is found, and nothing is started without leave.

Expected values are from the meaning of each switch (facts 12), not from what the probe happens to say.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import anyio
import msgspec
import pytest

from connectors.capability import UNKNOWN, values_of
from connectors.http import outgoing
from connectors.patchworks.auth import credentials_of
from connectors.patchworks.capabilities import PatchworksCapabilities, PatchworksProbeSettings
from connectors.patchworks.config import CallbackTarget, PatchworksConfig, WebhookTarget
from connectors.patchworks.probe import ITEMS, PatchworksFound, probe_patchworks
from connectors.patchworks.probe_company import ProbedPatchworks
from connectors.patchworks.sandbox import (
    Batch,
    Callback,
    FlowSeed,
    Limits,
    Receive,
    SandboxConfig,
    Send,
    Switches,
    Webhook,
    open_sandbox,
)
from connectors.patchworks.sandbox.config import Retention
from connectors.probe import Effect, Progress
from runtime.budget import Budget
from runtime.clock import Instant, SystemClock
from runtime.config import Secret
from runtime.errors import Unauthorised, Unavailable

pytestmark = pytest.mark.anyio

READING: frozenset[Effect] = frozenset({"reads"})
WRITING: frozenset[Effect] = frozenset({"reads", "writes"})
KEYS = ("pk_sandbox", "pk_second")
HMAC = "hmac-secret-of-the-probe"
FLOWS = (
    FlowSeed(id=1, name="Probe", webhook=Webhook(id="hook", signature="s1", hmac_secret=HMAC)),
    FlowSeed(id=2, name="Disabled", is_enabled=False, webhook=Webhook(id="off", signature="s2")),
    FlowSeed(id=3, name="Answers", callback=Callback(id="call", signature="s3")),
    FlowSeed(
        id=4,
        name="Fails",
        source="target",
        receive=Receive(path="/none"),
        callback=Callback(id="fails", signature="s4"),
    ),
    FlowSeed(id=5, name="Caught", batch=Batch(path="items"), send=Send(path="/v1/none", retries=0), catch="succeed"),
)


class AheadClock(SystemClock):
    """The machine's clock, put forward: what a sandbox's advanced clock is to whoever looks at its times."""

    def __init__(self, ahead_s: float = 0) -> None:
        self.ahead_us = int(ahead_s * 1_000_000)

    def now(self) -> Instant:
        return Instant(super().now() + self.ahead_us)


class Company(msgspec.Struct, frozen=True):
    """A sandbox, and the probe of it."""

    url: str
    probed: ProbedPatchworks

    async def control(self, path: str, content: Any) -> Any:
        async with aiohttp.ClientSession() as session, session.post(f"{self.url}/sandbox/{path}", json=content) as got:
            assert got.status == 200, await got.text()
            return await got.json()

    async def books(self) -> Any:
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/sandbox/books") as got:
            return await got.json()

    async def started(self, flow_id: int = 1, content: Any = None) -> None:
        """Somebody else's run, over before anything is asked."""
        url = f"{self.url}/start/api/v1/flows/{flow_id}/start/raw"
        async with aiohttp.ClientSession(headers={"Authorization": KEYS[0]}) as session:
            async with session.post(url, json=content or {"order": 1}) as got:
                assert got.status in (200, 201), await got.text()
            await self.control("settle", {"timeout_s": 10})


def config_for(url: str, **given: Any) -> PatchworksConfig:
    hook = f"{url}/webhooks/api/v1/acme"
    call = f"{url}/callbacks/api/v1/acme"
    settings: dict[str, Any] = {
        "token": Secret(KEYS[0]),
        "core_url": f"{url}/core/api/v1",
        "start_url": f"{url}/start/api/v1",
        "login_url": f"{url}/fabric/api/login",
        "webhooks": {
            "hook": WebhookTarget(
                url=Secret(f"{hook}/hook?patchworks_signature=s1"),
                flow_id="1",
                hmac_secret=Secret(HMAC),
                hmac_encoding=given.pop("hmac", "hex"),
            ),
            "off": WebhookTarget(url=Secret(f"{hook}/off?patchworks_signature=s2"), flow_id="2"),
        },
        "callbacks": {
            "call": CallbackTarget(url=Secret(f"{call}/call?patchworks_signature=s3")),
            "fails": CallbackTarget(url=Secret(f"{call}/fails"), signature=Secret("s4")),
        },
        **given,
    }
    return PatchworksConfig(**settings)


PROBE = PatchworksProbeSettings(
    tenant="sandbox",
    flow_id="1",
    disabled_flow_id="2",
    webhook="hook",
    disabled_webhook="off",
    callback="call",
    failing_callback="fails",
    second_token=Secret(KEYS[1]),
)


@asynccontextmanager
async def company_of(
    *,
    settings: PatchworksProbeSettings = PROBE,
    ahead_s: float = 0,
    config: dict[str, Any] | None = None,
    sandbox: dict[str, Any] | None = None,
    **switches: Any,
) -> AsyncIterator[Company]:
    """A sandbox with flows to be probed behind these switches, and the probe of it."""
    given: dict[str, Any] = {"limits": Limits(), **(sandbox or {})}
    seed = SandboxConfig(port=0, flows=FLOWS, api_keys=KEYS, switches=Switches(**switches), **given)
    async with (
        open_sandbox(seed) as running,
        outgoing(connections_max=4, connect_timeout_s=5, request_timeout_s=10) as session,
    ):
        clock = AheadClock(ahead_s)
        settled = config_for(running.url, **(config or {}))
        budget = Budget(SystemClock(), {"probe": 1}, concurrency_max=1)
        probed = ProbedPatchworks(
            settled,
            credentials_of(settled, session, clock),
            session,
            clock,
            budget=budget,
            settings=settings,
            mark="seamline-probe-00000001",
        )
        # the budget of these tests knows no limit: 240 a minute would make them wait
        probed._api._observe = lambda _: None
        yield Company(running.url, probed)


async def found(effects: frozenset[Effect] = WRITING, **given: Any) -> PatchworksFound:
    """What the probe finds in a company where some runs are over, one of them with a caught failure."""
    async with company_of(**given) as company:
        await company.started()
        await company.started(5, {"items": [1]})
        return await probe_patchworks(company.probed, effects, timeout_s=20)


def values(result: PatchworksFound) -> dict[str, str | int]:
    return {name: finding.value for name, finding in result.capabilities.items()}


FLIPPED: dict[str, tuple[dict[str, Any], dict[str, str | int]]] = {
    "resource_style": ({"resource_style": "flat"}, {"resource_style": "flat"}),
    "run_id": ({"run_id": "integer"}, {"run_id": "integer"}),
    "time_format": ({"time_format": "space"}, {"time_format": "space"}),
    "start_reply": ({"start_reply": "data.flow_run_id"}, {"start_reply": "data.flow_run_id"}),
    "start_status": ({"start_status": 201}, {"start_status": "201"}),
    "standard_start": ({"standard_start": "bare_object"}, {"start_bare_object": "taken"}),
    "time_filters": ({"time_filters": "milliseconds"}, {"iso_times": "refused"}),
    "start_disabled": ({"start_disabled": "run"}, {"start_disabled": "runs"}),
    "raw_array": ({"raw_array": "accept"}, {"raw_array": "accepted"}),
    "retry_link": ({"retry_link": "on_original"}, {"retry_link": "on_original"}),
    "retry_reply": ({"retry_reply": "flat"}, {"retry_reply": "flat"}),
    "limit_scope": ({"limit_scope": "company"}, {"limit_scope": "company"}),
    "start_shares_core": ({"start_shares_core": False}, {"start_shares_core": "no"}),
    "per_page_overflow": ({"per_page_overflow": "refuse"}, {"per_page_overflow": "refused"}),
    "unknown_query": ({"unknown_query": "ignore"}, {"unknown_query": "ignored"}),
    "log_payloads": ({"log_payloads": "list"}, {"log_payloads": "list"}),
    "bad_signature_status": ({"bad_signature_status": 403}, {"bad_signature": "403"}),
    "hmac_encoding": ({"hmac_encoding": "base64", "config": {"hmac": "base64"}}, {"hmac_encoding": "base64"}),
    "webhook_signature_header": ({"webhook_signature_header": True}, {"webhook_signature_header": "taken"}),
    "refused_trigger_status": ({"refused_trigger_status": 409}, {"refused_trigger": "409"}),
    "callback_failure_status": ({"callback_failure_status": 502}, {"callback_failure": "502"}),
    "caught_has_warnings": ({"caught_has_warnings": False}, {"caught_has_warnings": "unset"}),
}
"""A switch of the sandbox that is flipped, and what must be found then."""
SECOND_CHOICES: tuple[tuple[dict[str, Any], dict[str, str | int]], ...] = (
    ({"resource_style": "attributes"}, {"resource_style": "attributes"}),
    ({"time_format": "whole"}, {"time_format": "whole"}),
    ({"start_reply": "id"}, {"start_reply": "id"}),
    ({"start_reply": "data.id"}, {"start_reply": "data.id"}),
    ({"start_reply": "message_only"}, {"start_reply": "message_only"}),
)
"""Further choices of switches that have more than two."""
OF_CONFIG: dict[str, tuple[dict[str, Any], dict[str, str | int]]] = {
    "limits": (
        {"limits": Limits(api_per_min=480, webhooks_per_min=60, callbacks_per_min=90)},
        {"calls_per_min": 480, "webhooks_per_min": 60, "callbacks_per_min": 90},
    ),
    "restricted_routes": ({"restricted_routes": ("GET /data-pool",)}, {"restricted": "403"}),
    "per_page_default": ({"per_page_default": 25}, {"per_page_default": 25}),
    "per_page_max": ({"per_page_max": 50}, {"per_page_max": 50}),
}
"""A setting of the sandbox beside its switches, and what must be found then."""
ELSEWHERE = ("limit_headers", "queued_run", "expired_payload", "restricted_status", "dropped_marks")
"""Switches that have a test of their own below."""
_OUR_DOOR = "a habit of deliveries: seen at our own door alone, which takes any of it"
NOT_ASKED = dict.fromkeys(("after_failure", "honours_retry_after", "retry_backoff_ms", "user_agent"), _OUR_DOOR)
"""Switches of the sandbox that no probe can find, and why."""


@pytest.fixture(scope="module", name="usual")
async def fixture_usual() -> dict[str, str | int]:
    """What is found when no switch is flipped."""
    return values(await found())


# -- switches ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("switch", FLIPPED)
async def test_a_flipped_switch_is_found(switch: str, usual: dict[str, str | int]) -> None:
    """Facts 12: what is not publicly known about Patchworks is found by asking it."""
    given, expected = FLIPPED[switch]
    got = values(await found(**given))
    assert {name: got[name] for name in expected} == expected
    assert all(usual[name] not in (value, UNKNOWN) for name, value in expected.items())


@pytest.mark.parametrize(("switches", "expected"), SECOND_CHOICES)
async def test_every_choice_of_a_switch_is_told_apart(
    switches: dict[str, Any], expected: dict[str, str | int], usual: dict[str, str | int]
) -> None:
    """Facts 1.5 and 12: each shape that was seen somewhere has a value of its own."""
    got = values(await found(**switches))
    assert {name: got[name] for name in expected} == expected
    assert all(usual[name] != value for name, value in expected.items())


@pytest.mark.parametrize("setting", OF_CONFIG)
async def test_limits_rights_and_sizes_are_found(setting: str, usual: dict[str, str | int]) -> None:
    """Facts 1.6 and 12: real limits and sizes of pages are told by answers, where they are told at all."""
    given, expected = OF_CONFIG[setting]
    got = values(await found(sandbox=given))
    assert {name: got[name] for name in expected} == expected
    assert all(usual[name] not in (value, UNKNOWN) for name, value in expected.items())


@pytest.mark.parametrize("status", [401, 403])
async def test_what_a_lack_of_rights_looks_like_is_found(status: int) -> None:
    """Facts 1.2: whether an under-privileged key meets 403 is not known."""
    got = values(await found(READING, restricted_status=status, sandbox={"restricted_routes": ("GET /data-pool",)}))
    assert got["restricted"] == str(status)


@pytest.mark.parametrize(("switch", "expected"), [("all", "always"), ("retry_after", "on_429"), ("none", "none")])
async def test_a_burst_tells_what_a_429_says(switch: str, expected: str) -> None:
    """Facts 12: headers of the 429 are not known."""
    limits = Limits(api_per_min=20)
    async with company_of(limit_headers=switch, sandbox={"limits": limits}) as company:
        result = await probe_patchworks(company.probed, frozenset({"bursts"}), timeout_s=20)
    assert values(result)["limit_headers"] == expected


@pytest.mark.parametrize(("switch", "expected"), [("hidden", "hidden"), ("listed", "listed")])
async def test_whether_a_waiting_run_can_be_read_is_found_while_one_waits(switch: str, expected: str) -> None:
    """Facts 2.2: queued is not a run status; runs that wait are scheduled flows."""
    async with company_of(queued_run=switch) as company:
        await company.control("queue", {"paused": True})
        (item,) = [item for item in ITEMS if "queued_run" in item.finds]
        findings = await item.find(company.probed)
        await company.control("queue", {"paused": False})
    assert findings["queued_run"].value == expected


@pytest.mark.parametrize(("switch", "expected"), [("404", "404"), ("410", "410"), ("empty", "empty")])
async def test_what_a_download_gives_after_the_retention_is_found(switch: str, expected: str) -> None:
    """Facts 12: the download reply after expiry is not known; 72 hours are documented."""
    ahead_s = 80 * 3_600
    async with company_of(expired_payload=switch, ahead_s=ahead_s) as company:
        await company.started()
        await company.control("clock", {"advance_s": ahead_s})
        got = values(await probe_patchworks(company.probed, READING, timeout_s=20))
    assert (got["payload_gone"], got["payload_retention"]) == (expected, "as_documented")


@pytest.mark.parametrize("switch", ["filtered", "failed_too", "never"])
async def test_which_payloads_are_marked_as_dropped_is_found(switch: str) -> None:
    """Facts 12: what `dropped` means is not known. One payload has expired, another has failed today."""
    ahead_s = 80 * 3_600
    async with company_of(dropped_marks=switch, ahead_s=ahead_s) as company:
        await company.started()
        await company.control("clock", {"advance_s": ahead_s})
        await company.started(5, {"items": [1]})
        got = values(await probe_patchworks(company.probed, READING, timeout_s=20))
    assert got["dropped_marks"] == switch


@pytest.mark.parametrize(("kept_h", "age_h", "expected"), [(24, 30, "shorter"), (200, 80, "longer")])
async def test_a_retention_that_is_not_the_documented_one_is_seen(kept_h: int, age_h: int, expected: str) -> None:
    """Facts 5: what is recovered has to be fetched before it is gone."""
    sandbox = {"retention": Retention(payloads_h=kept_h)}
    async with company_of(ahead_s=age_h * 3_600, sandbox=sandbox) as company:
        await company.started()
        await company.control("clock", {"advance_s": age_h * 3_600})
        result = await probe_patchworks(company.probed, READING, timeout_s=20)
    assert values(result)["payload_retention"] == expected


def test_every_switch_of_the_sandbox_is_probed_or_has_a_reason_not_to_be() -> None:
    """A new switch needs a probe, or a sentence that says why there is none."""
    assert sorted([*FLIPPED, *ELSEWHERE, *NOT_ASKED]) == sorted(Switches.__struct_fields__)


def test_every_other_setting_of_the_sandbox_is_probed_or_is_no_way_to_behave() -> None:
    """Limits, rights and sizes; the rest is what the stand-in holds and how it is run."""
    held = {"host", "port", "company", "api_keys", "users", "target", "flows", "sales_channels", "faults", "seed"}
    run = {"workers", "payloads_bytes_max", "callback_timeout_s"}
    documented = {"body_bytes_max"}  # 8 MB, and trying it would send as much
    probed = {*OF_CONFIG, "switches", "retention"}
    assert held | run | documented | probed == set(SandboxConfig.__struct_fields__)


def test_every_capability_is_found_by_an_item() -> None:
    """What strategies can read is what a probe can find, and nothing else."""
    assert {name for item in ITEMS for name in item.finds} == set(PatchworksCapabilities.__struct_fields__)


async def test_what_is_found_is_a_value_of_its_closed_list() -> None:
    """Nothing is lost on the way into the struct that strategies read."""
    capabilities, refused = values_of(PatchworksCapabilities, (await found()).capabilities)
    assert refused == ()
    assert capabilities.start_reply == "flow_run_id"
    assert capabilities.looks_by_payload


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, "api_key"),
        (
            {"auth": "login", "login_name": "sandbox@example.com", "token": Secret("sandbox")},
            "login",
        ),
    ],
)
async def test_the_way_in_that_was_taken_is_noted(config: dict[str, Any], expected: str) -> None:
    """Facts 1.2: a bare key, or a token of a login."""
    result = await found(READING, config=config)
    assert (result.capabilities["auth"].value, result.capabilities["auth"].how) == (expected, "configured")


# -- manners -----------------------------------------------------------------------------------------------------------


async def test_without_leave_to_write_nothing_is_started() -> None:
    """Read-only is the default; the books say so."""
    async with company_of() as company:
        result = await probe_patchworks(company.probed, READING, timeout_s=20)
        calls = (await company.books())["calls"]
    assert "GET /flow-runs" in calls
    assert not [route for route in calls if not route.startswith("GET ")]
    assert result.left == ()
    assert "start_reply" not in result.capabilities


async def test_nothing_is_started_that_the_configuration_does_not_name() -> None:
    """A flow of a customer's own may send orders to somebody."""
    async with company_of(settings=PatchworksProbeSettings(tenant="sandbox")) as company:
        result = await probe_patchworks(company.probed, WRITING, timeout_s=20)
        calls = (await company.books())["calls"]
    assert not [route for route in calls if not route.startswith("GET ")]
    assert "flow_id is not set" in result.capabilities["start_reply"].evidence


async def test_what_was_started_is_told_and_bears_the_mark() -> None:
    """A run cannot be taken back, so it is at least known whose it was."""
    result = await found()
    assert len(result.left) >= 3
    assert all(left.what.startswith("run ") for left in result.left)


async def test_a_probe_that_died_is_told_by_the_next() -> None:
    """What it started may still wait."""
    async with company_of(queued_run="listed") as company:
        await company.control("queue", {"paused": True})
        (item,) = [item for item in ITEMS if "queued_run" in item.finds]
        await item.find(company.probed)  # and here it dies
        result = await probe_patchworks(company.probed, READING, timeout_s=20)
        await company.control("queue", {"paused": False})
    assert [left.state for left in result.before] == ["begun never"]


async def test_a_key_that_is_refused_ends_the_probe() -> None:
    """There is nothing to find out then, and no file to be written."""
    async with company_of(config={"token": Secret("pk_wrong")}) as company:
        with pytest.raises(Unauthorised):
            await probe_patchworks(company.probed, READING, timeout_s=20)


async def test_a_company_that_cannot_be_reached_ends_the_probe() -> None:
    """The same, for an address where nobody listens."""
    async with company_of(config={"core_url": "http://127.0.0.1:9/core/api/v1"}) as company:
        with pytest.raises(Unavailable):
            await probe_patchworks(company.probed, READING, timeout_s=20)


async def test_a_company_that_goes_down_meanwhile_has_said_nothing() -> None:
    """Else a file that was good would be replaced by one that knows nothing."""
    async with company_of() as company, anyio.create_task_group() as tasks:

        async def go_down(progress: Progress) -> None:
            await company.control("down", {"down": True})

        def after_the_first(progress: Progress) -> None:
            if progress.number == 1:
                tasks.start_soon(go_down, progress)

        with pytest.raises(Unavailable):
            await probe_patchworks(company.probed, READING, timeout_s=20, on_progress=after_the_first)


async def test_an_item_that_fails_is_unknown_with_its_reason_and_the_others_go_on() -> None:
    """One list that breaks must not hide the rest."""
    fault = {"route": "GET /flow-runs/{run}/flow-run-logs", "kind": "server_error", "probability": 1}
    async with company_of() as company:
        await company.started()
        await company.control("faults", [fault])
        result = await probe_patchworks(company.probed, READING, timeout_s=20)
    assert result.capabilities["log_payloads"].how == "unknown"
    assert "500" in result.capabilities["log_payloads"].evidence
    assert result.capabilities["per_page_max"].value == 100
