"""The Patchworks connectors, as the conformance suite is told of them: calls, and Patchworks' answers from the facts.

Core and Start are one API; webhooks and callbacks are one each, because each has a limit of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from connectors.http import Session, outgoing
from connectors.patchworks import recovery
from connectors.patchworks.auth import credentials_of
from connectors.patchworks.client import PatchworksApi
from connectors.patchworks.config import CallbackTarget, PatchworksConfig, WebhookTarget
from connectors.patchworks.triggers import CallbackApi, CallbackReply, WebhookApi
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
)
from runtime.api import Api, RateReading
from runtime.config import Secret
from runtime.errors import Refused, Unavailable, Unknown
from runtime.testing.conformance import (
    Answers,
    Asked,
    Call,
    Conditions,
    Connector,
    Expected,
    Look,
    Paging,
    Record,
    Reply,
    json_reply,
)
from tests.contracts.patchworks_core import KEY, StoppedClock, listed, run_row

SIGNATURE = "signature-0001"
PAGE_SIZE = 3
BASE = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
CORE, START = "/core/api/v1", "/start/api/v1"
HOOK = "/webhooks/api/v1/acme/01k44sv2tq9j7m3r5w8x6z4y1a"
CALLBACK = "/callbacks/api/v1/acme/01k44sw8p5d2f7h9k3n6q8t0vb"

# -- answers (facts 1.6, 2.5) ------------------------------------------------------------------------------------------


def laravel(status: int, message: str, **headers: str) -> Reply:
    return json_reply({"message": message}, status=status, **headers)


OTHERS = (
    Expected(
        reply=laravel(403, "This action is unauthorized."),
        write=Refused,
        read=Refused,
        source="facts 1.2: administrator-only requests",
    ),
    Expected(reply=laravel(404, "Not found."), write=Refused, read=Refused, source="facts 1.6: unknown ids"),
    Expected(reply=laravel(413, "Too large."), write=Refused, read=Refused, source="facts 1.6: above 8 MB"),
    Expected(
        reply=Reply(status=502, body=b"<html>Bad Gateway</html>"),
        write=Unknown,
        read=Unavailable,
        source="facts 1.6: error bodies are opaque text",
    ),
)
ANSWERS = Answers(
    refused=json_reply({"message": "Invalid.", "errors": {"payload": ["The payload is blank."]}}, status=422),
    refused_code="422",
    unauthorised=laravel(401, "Unauthenticated."),
    throttled=laravel(429, "Too Many Attempts.", Retry_After="7"),
    throttled_after_s=7.0,
    failed=laravel(500, "Server Error"),
    others=OTHERS,
    rate_headers={"X-RateLimit-Limit": "240", "X-RateLimit-Remaining": "17"},
    rate=RateReading(limit_per_s=4.0, remaining=17),
)
TRIGGER_ANSWERS = msgspec.structs.replace(
    ANSWERS,
    unauthorised=None,
    others=(
        *OTHERS,
        Expected(
            reply=laravel(401, "Unauthenticated."),
            write=Refused,
            read=Refused,
            source="facts 4.2: each trigger has a signature of its own",
        ),
    ),
)

# -- writes (facts 2.2, 2.5, 4.2) --------------------------------------------------------------------------------------

BATCH = "stk-20261120-0917-0003"
PAYLOAD = b'{"batch_id": "%s", "levels": [{"sku": "CAP-RED",  "available": 0.0}]}' % BATCH.encode()
BEGAN_MS = int(BASE.timestamp() * 1000)
OURS = run_row("01kf2p", started_at="2026-11-20T09:00:01.000000Z")


def stored(**fields: Any) -> bytes:
    """The body of an effect; a payload stands in it byte for byte."""
    return msgspec.json.encode({key: value for key, value in fields.items() if value is not None})


def core(runs: Sequence[Any], payload: bytes = PAYLOAD, *, one: Any = None) -> Callable[[Asked], Reply]:
    """The Core API with these runs, each with one payload."""

    def respond(asked: Asked) -> Reply:
        match asked.path.removeprefix(CORE).split("/")[1:]:
            case ["scheduled-flows"]:
                return json_reply(listed())
            case ["flow-runs"]:
                return json_reply(listed(*runs))
            case ["flow-runs", _]:
                return json_reply({"data": one})
            case ["payload-metadata"]:
                return json_reply(listed({"id": 7, "flow_run_id": asked.query["filter[flow_run_id]"]}))
            case ["payload-metadata", _, "download"]:
                return Reply(headers={"Content-Type": "application/json"}, body=payload)
            case _:
                return laravel(404, "Not found.")

    return respond


FAILED = run_row("r1", status=3)
RETRIED = run_row("r2", trigger="Retry", retry_flow_run_id="r1", started_at="2026-11-20T10:00:00.000000Z")
STARTS = (
    Call(
        kind="start_flow",
        body=stored(flow_id="4320", key=BATCH, began_ms=BEGAN_MS, payload=msgspec.Raw(PAYLOAD)),
        verb="POST",
        path=f"{START}/flows/4320/start/raw",
        sent=PAYLOAD,
        answer=json_reply({"message": "Flow initialised.", "flow_run_id": "01kf2p"}),
        result=Started(run_id="01kf2p"),
        is_write=True,
        look=Look(there=core([OURS]), absent=core([]), found=Started(run_id="01kf2p", evidence="payload")),
    ),
    Call(
        kind="retry_run",
        body=b'{"run_id": "r1"}',
        verb="POST",
        path=f"{CORE}/flow-runs/r1/retry",
        sent=b"",
        answer=json_reply({"data": {"id": "r2"}}),
        result=RetryStarted(run_id="r2"),
        is_write=True,
        look=Look(
            there=core([RETRIED, FAILED], one=FAILED),
            absent=core([FAILED], one=FAILED),
            found=RetryStarted(run_id="r2"),
        ),
    ),
)
HOOKED = msgspec.structs.replace(
    STARTS[0],
    kind="send_webhook",
    body=stored(webhook="stock", key=BATCH, began_ms=BEGAN_MS, payload=msgspec.Raw(PAYLOAD)),
    path=HOOK,
    answer=json_reply({"message": "Flow initialised."}),
    result=Started(),
    any_success=True,
    look=Look(
        there=core([{**OURS, "attributes": {**OURS["attributes"], "trigger": "Webhook"}}]),
        absent=core([OURS]),
        found=Started(run_id="01kf2p", evidence="payload"),
    ),
)

# -- reads (facts 2) ---------------------------------------------------------------------------------------------------


def page(*rows: Any) -> Page[Any]:
    return Page(rows=rows, number=1, complete=True, total=len(rows))


def read(kind: str, path: str, answer: Any, result: Any, body: bytes = b"{}") -> Call:
    return Call(kind=kind, body=body, verb="GET", path=CORE + path, answer=json_reply(answer), result=result)


RUN = run_row("r1", started_at=None)
RUN_READ = Run(id="r1", status=RunStatus.STARTED, trigger="api", flow_id="4320")
OF_RUN = b'{"run_id": "r1"}'
READS = (
    read("list_runs", "/flow-runs", listed(RUN), page(RUN_READ)),
    read("get_run", "/flow-runs/r1", {"data": RUN}, RUN_READ, OF_RUN),
    read(
        "list_run_logs",
        "/flow-runs/r1/flow-run-logs",
        listed({"id": "880107", "attributes": {"log_level": "error"}}),
        page(LogLine(id="880107", level="ERROR")),
        OF_RUN,
    ),
    read("list_payloads", "/payload-metadata", listed({"id": 7}), page(PayloadRow(id="7")), OF_RUN),
    read("list_flows", "/flows", listed({"id": 4320, "name": "Stock"}), page(Flow(id="4320", name="Stock"))),
    read("list_queue", "/scheduled-flows", listed({"id": 1}), page(QueuedRun(id="1"))),
    read(
        "list_tracked",
        "/tracked-data",
        listed({"id": 1, "value": "x"}),
        page(Tracked(id="1", value="x")),
        b'{"value": "x"}',
    ),
    Call(
        kind="download_payload",
        body=b'{"payload_id": "7"}',
        verb="GET",
        path=f"{CORE}/payload-metadata/7/download",
        answer=Reply(headers={"Content-Type": "application/xml"}, body=b"<order/>"),
        result=Payload(id="7", content_type="application/xml", body=b"<order/>"),
    ),
)
ASKED = Call(
    kind="call_callback",
    body=b'{"callback": "orders", "question": {"since":  "2026-11-20"}}',
    verb="POST",
    path=CALLBACK,
    answer=Reply(headers={"Content-Type": "application/json"}, body=b'[{"id": 1.50}]'),
    result=CallbackReply(content_type="application/json", items=(b'{"id": 1.50}',)),
)

# -- lists that change (facts 2.2: newest first, by pages; runs begin, and the oldest are forgotten) -------------------


def flow_runs(asked: Asked, records: Sequence[Record]) -> Reply:
    """`GET /flow-runs` by offset, newest first, within the asked span."""
    number, size = int(asked.query["page"]), int(asked.query["per_page"])
    after, before = (int(asked.query[f"filter[started_{word}]"]) for word in ("after", "before"))
    rows = [each for each in records if after <= int(_began(each).timestamp() * 1000) <= before]
    rows.sort(key=lambda each: -each.stamp)
    shown = [
        run_row(f"r{each.id}", status=3, started_at=_began(each).isoformat(), finished_at=_began(each).isoformat())
        for each in rows[(number - 1) * size : number * size]
    ]
    return json_reply(listed(*shown, page=number, last=max(1, -(-len(rows) // size))))


def _began(record: Record) -> datetime:
    return BASE + timedelta(seconds=record.stamp)


async def read_failed_runs(api: Api) -> list[Record]:
    """A sweep of recovery: its list to the end, then each run once."""
    policy, now = recovery.RecoveryPolicy(settle_s=0), BASE + timedelta(minutes=1)
    asked = recovery.lists(policy, now, None)[0]
    runs: list[Run] = []
    while True:
        found: Page[Run] = await api.perform("list_runs", msgspec.json.encode(asked))
        runs += found.rows
        if found.complete:
            break
        asked = msgspec.structs.replace(asked, page=asked.page + 1)
    chosen = recovery.choose(policy, runs, (), now).recover
    return [Record(id=int(each.run.id[1:]), stamp=_stamp(each.run)) for each in chosen]


def _stamp(run: Run) -> int:
    assert run.started_at is not None
    return (run.started_at - BASE) // timedelta(seconds=1)


# -- the connectors ----------------------------------------------------------------------------------------------------

Make = Callable[[PatchworksConfig, PatchworksApi, Session, Conditions], Api]


def opening(make: Make) -> Any:
    """Opens one of the three APIs at the suite's outside."""

    @asynccontextmanager
    async def open_patchworks(conditions: Conditions) -> AsyncIterator[Api]:
        url = conditions.url
        config = PatchworksConfig(
            token=Secret(KEY),
            core_url=url + CORE,
            start_url=url + START,
            request_timeout_s=conditions.request_timeout_s,
            answer_bytes_max=conditions.answer_bytes_max,
            payload_bytes_max=conditions.answer_bytes_max,
            page_size=PAGE_SIZE,
            limit_share=1.0,
            webhooks={
                "stock": WebhookTarget(url=Secret(f"{url}{HOOK}?patchworks_signature={SIGNATURE}"), flow_id="4320")
            },
            callbacks={"orders": CallbackTarget(url=Secret(url + CALLBACK), signature=Secret(SIGNATURE))},
        )
        async with outgoing(
            connections_max=config.concurrency_max,
            connect_timeout_s=config.connect_timeout_s,
            request_timeout_s=config.request_timeout_s,
        ) as session:
            credentials = credentials_of(config, session, StoppedClock())
            core_api = PatchworksApi(config, credentials, session, observe=conditions.observe)
            yield make(config, core_api, session, conditions)

    return open_patchworks


PATCHWORKS = Connector(
    name="patchworks",
    open=opening(lambda _config, core_api, _session, _conditions: core_api),
    calls=(*STARTS, *READS),
    answers=ANSWERS,
    secret=KEY,
    paging=(
        Paging(name="failed runs", serve=flow_runs, read=read_failed_runs, changes=frozenset({"insert", "delete"})),
    ),
)
WEBHOOKS = Connector(
    name="patchworks_webhooks",
    open=opening(lambda config, core_api, session, given: WebhookApi(config, core_api, session, observe=given.observe)),
    calls=(HOOKED,),
    answers=TRIGGER_ANSWERS,
    secret=SIGNATURE,
)
CALLBACKS = Connector(
    name="patchworks_callbacks",
    open=opening(lambda config, _core_api, session, given: CallbackApi(config, session, observe=given.observe)),
    calls=(ASKED,),
    answers=TRIGGER_ANSWERS,
    secret=SIGNATURE,
)
