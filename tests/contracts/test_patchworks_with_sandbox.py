"""The Patchworks connector against the sandbox, under each reading of what the facts leave open.

The scripted answers of the other tests are ours; the sandbox was written from the facts alone.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from connectors.http import Session, outgoing
from connectors.patchworks import batches, following, recovery
from connectors.patchworks.admission import readers_of
from connectors.patchworks.auth import credentials_of
from connectors.patchworks.batches import StockLevel
from connectors.patchworks.client import PatchworksApi
from connectors.patchworks.config import (
    BasicUser,
    CallbackTarget,
    IntakeSettings,
    OAuthClient,
    PatchworksConfig,
    WebhookTarget,
)
from connectors.patchworks.following import Watch
from connectors.patchworks.pull import After, PullRow, pull_routes
from connectors.patchworks.recovery import Done, RecoveryPolicy
from connectors.patchworks.requests import CallCallback, RetryRun, SendWebhook, StartFlow, encode
from connectors.patchworks.sandbox import (
    Auth,
    FlowSeed,
    Limits,
    RunningSandbox,
    SandboxConfig,
    Send,
    Switches,
    Target,
    Webhook,
    open_sandbox,
)
from connectors.patchworks.sandbox.flow_config import Receive
from connectors.patchworks.tokens import TOKEN_PATH, Tokens, token_routes
from connectors.patchworks.triggers import CallbackApi, WebhookApi
from connectors.patchworks.wire import RetryStarted, Run, RunStatus, Started
from runtime.api import RateReading
from runtime.clock import SystemClock
from runtime.config import Secret
from runtime.errors import Refused, Throttled, Unknown
from runtime.http import application
from tests.contracts.patchworks_sandbox import ASKED, CALL, HOOK, KEY, ORDERS, STOCK, WEB

pytestmark = pytest.mark.anyio

BATCH = "stk-20261120-0917-0003"
READINGS = [
    pytest.param(Switches(), id="likely"),
    pytest.param(
        Switches(
            resource_style="flat", run_id="integer", time_format="space", start_reply="data.id", queued_run="listed",
            retry_link="on_original", retry_reply="flat", limit_headers="none", unknown_query="ignore",
            expired_payload="410", log_payloads="list",
        ),
        id="flat",
    ),
    pytest.param(
        Switches(
            resource_style="attributes", time_format="whole", start_reply="message_only", start_status=201,
            limit_headers="retry_after", per_page_overflow="refuse", expired_payload="empty", hmac_encoding="base64",
            caught_has_warnings=False, bad_signature_status=403,
        ),
        id="attributes",
    ),
]  # fmt: skip
"""Three sets of answers to what is not known; each switch is in two of its positions at least."""


def levels(*quantities: int) -> msgspec.Raw:
    """A payload of stock levels of the mug."""
    lines = [StockLevel(sku="MUG-BLUE", location="LEEDS", available=n, sequence=n) for n in quantities]
    return batches.payload(BATCH, "levels", batches.encoded(lines), datetime(2026, 11, 20, tzinfo=UTC))


def start_now() -> bytes:
    """A start of the stock flow, decided now."""
    began_ms = time.time_ns() // 1_000_000
    return encode(StartFlow(flow_id=str(STOCK.id), key=BATCH, began_ms=began_ms, payload=levels(7)))


class Door:
    """The connector, the sandbox, and the sandbox's control."""

    def __init__(self, api: PatchworksApi, running: RunningSandbox, session: Session, config: PatchworksConfig) -> None:
        self.api, self.running, self.session, self.config = api, running, session, config
        self.readings: list[RateReading] = []

    async def perform(self, kind: str, **fields: Any) -> Any:
        """One call."""
        return await self.api.perform(kind, msgspec.json.encode(fields))

    async def control(self, path: str, rules: list[Any] | None = None, **body: Any) -> Any:
        """Make something happen on the other side."""
        body_ = body if rules is None else rules
        async with self.session.post(f"{self.running.url}/sandbox/{path}", json=body_) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def books(self) -> Any:
        """What the other side has."""
        async with self.session.get(f"{self.running.url}/sandbox/books") as answer:
            return await answer.json()

    async def settle(self) -> None:
        """Wait until nothing runs."""
        assert (await self.control("settle", timeout_s=10))["settled"]

    async def faults(self, route: str, kind: str) -> None:
        """Have each call of a route end badly, or none with the kind `none`."""
        rules = [] if kind == "none" else [{"route": route, "kind": kind, "probability": 1.0}]
        await self.control("faults", rules)

    async def stock_writes(self) -> int:
        """How many runs of the stock flow there were."""
        page = await self.perform("list_runs", flow_id=str(STOCK.id))
        return len(page.rows)


@asynccontextmanager
async def door(
    switches: Switches,
    *,
    flows: Sequence[FlowSeed] = (STOCK,),
    limits: Limits | None = None,
    target: Target | None = None,
    **settings: Any,
) -> AsyncIterator[Door]:
    """The connector and a sandbox of its own."""
    config = SandboxConfig(
        port=0,
        flows=tuple(flows),
        sales_channels=(WEB,),
        switches=switches,
        limits=limits or Limits(api_per_min=0, webhooks_per_min=0, callbacks_per_min=0),
        target=target or Target(),
    )
    async with open_sandbox(config) as running:
        own = PatchworksConfig(
            **{
                "token": Secret(KEY),
                "core_url": f"{running.url}/core/api/v1",
                "start_url": f"{running.url}/start/api/v1",
                "login_url": f"{running.url}/fabric/api/login",
                "limit_share": 1.0,
            }
            | settings
        )
        async with outgoing(connections_max=4, connect_timeout_s=5, request_timeout_s=10) as session:
            readings: list[RateReading] = []
            credentials = credentials_of(own, session, SystemClock())
            at = Door(PatchworksApi(own, credentials, session, observe=readings.append), running, session, own)
            at.readings = readings
            yield at


# -- starting ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("switches", READINGS)
@pytest.mark.parametrize("form", ["raw", "payload"])
async def test_a_start_is_followed_to_its_end_and_the_level_arrives(switches: Switches, form: str) -> None:
    """Start, one list per poll, done; the sales channel has the figure."""
    async with door(switches, start_form=form) as at:
        started = await at.api.perform("start_flow", start_now())
        if switches.start_reply == "message_only":
            assert started == Started()
            started = await at.api.look("start_flow", start_now())
        now_ms = time.time_ns() // 1_000_000
        await at.settle()
        watch, asked = following.begin_poll(following.follow(Watch(), started.run_id, now_ms), now_ms)
        assert asked is not None
        watch, seen = following.page_seen(watch, await at.api.perform("list_runs", msgspec.json.encode(asked)))
        stock = (await at.books())["sales_channels"]["web"]["levels"]
    assert [(run.id, following.succeeded(run)) for run in seen.ended] == [(started.run_id, True)]
    assert watch == Watch()
    assert any("MUG-BLUE" in str(level) and "7" in str(level) for level in stock), stock


@pytest.mark.parametrize("switches", READINGS)
@pytest.mark.parametrize("queue", ["running", "paused"])
async def test_a_start_whose_answer_is_lost_is_found_also_while_it_waits(switches: Switches, queue: str) -> None:
    """The connection drops after commit: one run, known again by its payload."""
    async with door(switches) as at:
        await at.control("queue", paused=queue == "paused")
        await at.faults("start/raw", "answer_lost")
        sent = start_now()
        with pytest.raises(Unknown):
            await at.api.perform("start_flow", sent)
        if queue == "running":
            await at.settle()
        found = await at.api.look("start_flow", sent)
        assert found is not None
        assert found.evidence == "payload"
        await at.control("queue", paused=False)
        await at.settle()
        assert await at.stock_writes() == 1


@pytest.mark.parametrize("switches", READINGS)
async def test_a_start_that_never_arrived_is_absent_and_may_be_repeated(switches: Switches) -> None:
    """The connection drops before commit; earlier runs of the same flow are not taken for it."""
    async with door(switches) as at:
        other = levels(3)
        earlier = encode(
            StartFlow(flow_id=str(STOCK.id), key="stk-another", began_ms=1, payload=msgspec.Raw(
                bytes(other).replace(BATCH.encode(), b"stk-another")
            ))
        )  # fmt: skip
        await at.api.perform("start_flow", earlier)
        await at.settle()
        await at.faults("start/raw", "reset_before")
        sent = start_now()
        with pytest.raises(Unknown):
            await at.api.perform("start_flow", sent)
        assert await at.api.look("start_flow", sent) is None
        await at.faults("", "none")
        await at.api.perform("start_flow", sent)
        await at.settle()
        assert await at.stock_writes() == 2


async def test_refusals_of_a_start_come_with_words() -> None:
    """No deployed version: 422; an unknown flow: 404."""
    async with door(Switches(), flows=[msgspec.structs.replace(STOCK, is_deployed=False)]) as at:
        for flow_id, code in ((str(STOCK.id), "422"), ("99", "404")):
            sent = encode(StartFlow(flow_id=flow_id, key=BATCH, began_ms=1, payload=levels(7)))
            with pytest.raises(Refused) as caught:
                await at.api.perform("start_flow", sent)
            assert caught.value.code == code


# -- recovery ----------------------------------------------------------------------------------------------------------


class Shut:
    """A door of ours that answers 503 until it is opened."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.status = 503

    async def take(self, request: web.Request) -> web.Response:
        """One delivery."""
        body = await request.read()
        if self.status < 300:
            self.bodies.append(body)
        return web.json_response({"error": {"code": "busy", "retry": "later"}}, status=self.status)


@asynccontextmanager
async def shut() -> AsyncIterator[tuple[Shut, str]]:
    """The door, and where it is."""
    ours, app = Shut(), web.Application()
    app.router.add_post("/v1/orders/{sales_channel}", ours.take)
    async with TestServer(app) as server:
        yield ours, str(server.make_url("")).rstrip("/")


async def sweep(at: Door, policy: RecoveryPolicy, done: tuple[Done, ...]) -> tuple[list[bytes], tuple[Done, ...]]:
    """What an actor does in one sweep, without the actor."""
    now, runs, bodies = datetime.now(UTC), list[Run](), list[bytes]()
    for asked in recovery.lists(policy, now, None):
        runs += (await at.api.perform("list_runs", msgspec.json.encode(asked))).rows
    for chosen in recovery.choose(policy, runs, done, now).recover:
        status = int(chosen.run.status or 0)
        fetch = await at.perform("failed_payloads", run_id=chosen.run.id, status=status)
        bodies += [(await at.perform("download_payload", payload_id=each)).body for each in fetch.payload_ids]
        done = recovery.recovered(done, chosen.run, now)
    return bodies, done


@pytest.mark.parametrize("switches", READINGS)
@pytest.mark.parametrize("catch", ["none", "partial_success", "succeed"])
async def test_what_a_failed_run_could_not_deliver_is_recovered_once(switches: Switches, catch: Any) -> None:
    """Runs that end 3, 5, and 2 with a caught failure, which may not even have warnings."""
    flow = msgspec.structs.replace(ORDERS, catch=catch, send=Send(retries=0))
    policy = RecoveryPolicy(flow_ids=(str(ORDERS.id),), settle_s=0)
    async with shut() as (_, url), door(switches, flows=[flow], target=Target(url=url)) as at:
        lines = [{"sku": "MUG-BLUE", "quantity": 1}]
        placed = (await at.control("sales-channels/web/orders", lines=lines, count=3))["orders"]
        await at.settle()
        page = await at.perform("list_runs", flow_id=str(ORDERS.id))
        ended = {"none": RunStatus.FAILURE, "partial_success": RunStatus.PARTIAL_SUCCESS}.get(catch, RunStatus.SUCCESS)
        assert {run.status for run in page.rows} == {ended}
        bodies, done = await sweep(at, policy, ())
        assert sorted(str(msgspec.json.decode(body)["id"]) for body in bodies) == sorted(each["id"] for each in placed)
        assert await sweep(at, policy, done) == ([], done)


@pytest.mark.parametrize("switches", READINGS)
async def test_a_payload_is_gone_after_72_hours_and_that_is_known_before_it_is_asked_for(switches: Switches) -> None:
    """Each answer to a late download is the same to us; the sweep does not even ask."""
    async with shut() as (_, url), door(switches, flows=[ORDERS], target=Target(url=url)) as at:
        await at.control("sales-channels/web/orders", lines=[{"sku": "MUG-BLUE", "quantity": 1}])
        await at.settle()
        run = (await at.perform("list_runs")).rows[0]
        fetch = await at.perform("failed_payloads", run_id=run.id, status=3)
        await at.control("clock", advance_s=73 * 3_600)
        with pytest.raises(Refused) as caught:
            await at.perform("download_payload", payload_id=fetch.payload_ids[0])
        assert caught.value.code == "payload_gone"
        choice = recovery.choose(RecoveryPolicy(), [run], (), datetime.now(UTC) + timedelta(hours=73))
        assert [each.id for each in choice.expired] == [run.id]


@pytest.mark.parametrize("switches", READINGS)
@pytest.mark.parametrize("kind", ["answer_lost", "reset_before"])
async def test_a_retry_whose_answer_is_lost_is_looked_for(switches: Switches, kind: str) -> None:
    """Found when it was begun, absent when it was not, also for a retry of a retry."""
    async with shut() as (_, url), door(switches, flows=[ORDERS], target=Target(url=url)) as at:
        await at.control("sales-channels/web/orders", lines=[{"sku": "MUG-BLUE", "quantity": 1}])
        await at.settle()
        await at.control("clock", advance_s=2)  # runs are told apart by their times
        original = (await at.perform("list_runs")).rows[0].id
        again = (await at.api.perform("retry_run", encode(RetryRun(run_id=original)))).run_id
        await at.settle()
        sent = encode(RetryRun(run_id=again))
        await at.control("clock", advance_s=2)
        await at.faults("POST /flow-runs/{run}/retry", kind)
        with pytest.raises(Unknown):
            await at.api.perform("retry_run", sent)
        await at.settle()
        found = await at.api.look("retry_run", sent)
        runs = (await at.perform("list_runs")).rows
        assert len(runs) == (3 if kind == "answer_lost" else 2)
        assert found == (RetryStarted(run_id=runs[0].id) if kind == "answer_lost" else None)


# -- credentials, limits, triggers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["username", "email"])
async def test_a_login_works_and_a_revoked_token_is_renewed(field: str) -> None:
    """The call that met the revoked token succeeds all the same."""
    login = {"auth": "login", "login_name": "sandbox@example.com", "token": Secret("sandbox")}
    async with door(Switches(), login_name_field=field, **login) as at:
        await at.perform("list_flows")
        await at.control("tokens/revoke")
        page = await at.perform("list_flows")
    assert [flow.id for flow in page.rows] == [str(STOCK.id)]


async def test_the_limit_is_learned_and_kept_to() -> None:
    """240 a minute in the headers; a 429 with when to come again."""
    async with door(Switches(), limits=Limits(api_per_min=3)) as at:
        for _ in range(3):
            await at.perform("list_flows")
        with pytest.raises(Throttled) as caught:
            await at.perform("list_flows")
    assert at.readings[0].limit_per_s == 3 / 60
    assert [reading.remaining for reading in at.readings[:3]] == [2, 1, 0]
    assert caught.value.retry_after_s is not None
    assert 0 < caught.value.retry_after_s <= 60


@pytest.mark.parametrize("switches", READINGS)
async def test_a_signed_webhook_starts_its_flow_and_is_found_after_a_lost_answer(switches: Switches) -> None:
    """HMAC in either encoding; the run is known again by its payload."""
    hook = Webhook(id=HOOK, signature="hook-secret", hmac_secret="shared-secret")
    flow = msgspec.structs.replace(STOCK, webhook=hook)
    async with door(switches, flows=[flow]) as at:
        url = f"{at.running.url}/webhooks/api/v1/acme/{HOOK}?patchworks_signature=hook-secret"

        def target(secret: str) -> WebhookTarget:
            return WebhookTarget(
                url=Secret(url), flow_id=str(STOCK.id), hmac_secret=Secret(secret), hmac_encoding=switches.hmac_encoding
            )

        own = msgspec.structs.replace(at.config, webhooks={"stock": target("shared-secret"), "bad": target("wrong")})
        webhooks = WebhookApi(own, at.api, at.session, observe=lambda _: None)
        began_ms = time.time_ns() // 1_000_000
        sent = encode(SendWebhook(webhook="stock", key=BATCH, began_ms=began_ms, payload=levels(7)))
        assert await webhooks.perform("send_webhook", sent) == Started()
        bad = encode(SendWebhook(webhook="bad", key=BATCH, began_ms=began_ms, payload=levels(7)))
        with pytest.raises(Refused):
            await webhooks.perform("send_webhook", bad)
        await at.settle()
        found = await webhooks.look("send_webhook", sent)
        assert found is not None
        assert (found.run_id, found.evidence) == ((await at.perform("list_runs")).rows[0].id, "payload")


async def test_a_callback_flow_answers_with_what_the_sales_channel_holds() -> None:
    """A poll of changed orders, while we wait."""
    async with door(Switches(), flows=[ASKED]) as at:
        await at.control("sales-channels/web/orders", lines=[{"sku": "MUG-BLUE", "quantity": 1}])
        url = f"{at.running.url}/callbacks/api/v1/acme/{CALL}"
        target = CallbackTarget(url=Secret(url), signature=Secret("call-secret"))
        callbacks = CallbackApi(
            msgspec.structs.replace(at.config, callbacks={"orders": target}), at.session, observe=lambda _: None
        )
        reply = await callbacks.perform("call_callback", encode(CallCallback(callback="orders")))
    assert len(reply.items) == 1
    assert b"MUG-BLUE" in reply.items[0]


# -- what it fetches from us -------------------------------------------------------------------------------------------

SECRET = "client-secret-000001"
AUTHS = [
    pytest.param(Auth(kind="header", value=SECRET), id="header"),
    pytest.param(Auth(kind="bearer", value=SECRET), id="bearer"),
    pytest.param(Auth(kind="basic", user="flow", password=SECRET), id="basic"),
    pytest.param(
        Auth(kind="client_credentials", token_url=TOKEN_PATH, client_id="patchworks", client_secret=SECRET), id="oauth"
    ),
]


@pytest.mark.parametrize("auth", AUTHS)
async def test_patchworks_fetches_every_page_of_a_list_in_each_way_of_presenting_itself(auth: Auth) -> None:
    """A Receive endpoint on our pull route: each page a payload, and the next run goes on from the last cursor."""
    settings = IntakeSettings(
        keys=(Secret(SECRET),),
        basic=(BasicUser(username="flow", password=Secret(SECRET)),),
        oauth=(OAuthClient(client_id="patchworks", client_secret=Secret(SECRET)),),
    )
    tokens = Tokens(settings.oauth, SystemClock(), life_s=60)
    rows = [msgspec.json.encode({"n": n}) for n in range(5)]
    given: list[int] = []

    async def read(_sales_channel: str, after: After, limit: int) -> list[PullRow]:
        await anyio.lowlevel.checkpoint()
        begin = int(str(after or 0))
        cut = rows[begin : begin + limit]
        given.append(begin)
        return [PullRow(str(begin + n + 1), row) for n, row in enumerate(cut)]

    routes = pull_routes(
        "stock", sales_channels=["web"], admission=readers_of(settings, tokens), read=read, emit=lambda _event: None
    )
    app = application([*routes, *token_routes(tokens, emit=lambda _event: None)])
    receive = Receive(path="/v1/stock/{sales_channel}?limit=2", next_field="cursor", items_field="stock")
    flow = FlowSeed(id=4350, sales_channel="web", source="target", receive=receive)
    async with TestServer(app) as server:
        target = Target(url=str(server.make_url("")).rstrip("/"), auth=auth)
        async with door(Switches(), flows=[flow], target=target) as at:
            await at.control("flows/4350/run")
            await at.settle()
            rows.append(b'{"n": 5}')
            await at.control("flows/4350/run")
            await at.settle()
            runs = (await at.perform("list_runs")).rows
            fetched = []
            for run in reversed(runs):
                stored = (await at.perform("list_payloads", run_id=run.id)).rows
                fetched += [(await at.perform("download_payload", payload_id=each.id)).body for each in stored]
    assert {run.status for run in runs} == {RunStatus.SUCCESS}
    seen = [row["n"] for body in fetched for row in msgspec.json.decode(body)]
    assert seen == list(range(6)), (seen, given)
