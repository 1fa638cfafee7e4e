"""Webhooks and callbacks: signed URLs that nobody sees, answers that are not taken strictly (facts 4.2, 4.3, 11.5).

The other side is scripted from the facts; `tests/contracts/patchworks_core.py`.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import msgspec
import pytest

from connectors.patchworks.config import CallbackTarget, PatchworksConfig, WebhookTarget
from connectors.patchworks.requests import (
    CallCallback,
    DownloadPayload,
    FailedPayloads,
    GetRun,
    ListFlows,
    ListPayloads,
    ListQueue,
    ListRunLogs,
    ListRuns,
    ListTracked,
    RetryRun,
    SendWebhook,
    StartFlow,
    effect,
    encode,
)
from connectors.patchworks.triggers import CallbackApi, CallbackReply, WebhookApi
from connectors.patchworks.wire import Started
from runtime.api import RateReading
from runtime.config import Secret
from runtime.decision import Repeat
from runtime.errors import Failure, Refused, Throttled, Unavailable, Unknown
from tests.contracts.patchworks_core import Door, door, listed, run_row

pytestmark = pytest.mark.anyio

BATCH = "stk-20261120-0917-0003"
PAYLOAD = b'{"batch_id": "' + BATCH.encode() + b'", "levels": []}'
WEBHOOK = "POST /webhooks/api/v1/acme/01k44s"
CALLBACK = "POST /callbacks/api/v1/acme/01k44t"
SIGNATURE = "s1gn%2bature%7E"
SENT = encode(SendWebhook(webhook="stock", key=BATCH, began_ms=1_795_166_220_000, payload=msgspec.Raw(PAYLOAD)))
ASKED = encode(CallCallback(callback="levels", question=msgspec.Raw(b'{"page": 1}')))


@asynccontextmanager
async def triggers(
    *, hmac_secret: str | None = None, hmac_encoding: Literal["hex", "base64"] = "hex", signature: str | None = None
) -> AsyncIterator[tuple[WebhookApi, CallbackApi, Door, list[RateReading]]]:
    """Both kinds of trigger, configured for the scripted Patchworks."""
    readings: list[RateReading] = []
    async with door() as at:
        hook = f"{at.url}webhooks/api/v1/acme/01k44s?patchworks_signature={SIGNATURE}"
        call = f"{at.url}callbacks/api/v1/acme/01k44t"
        config = msgspec.structs.replace(
            at.config,
            webhooks={
                "stock": WebhookTarget(
                    url=Secret(hook),
                    flow_id="4320",
                    hmac_secret=Secret(hmac_secret) if hmac_secret else None,
                    hmac_encoding=hmac_encoding,
                )
            },
            callbacks={"levels": CallbackTarget(url=Secret(call), signature=Secret(signature) if signature else None)},
        )
        yield (
            WebhookApi(config, at.api, at.session, observe=readings.append),
            CallbackApi(config, at.session, observe=readings.append),
            at,
            readings,
        )


# -- webhooks ----------------------------------------------------------------------------------------------------------


async def test_a_webhook_gets_the_payload_byte_for_byte_at_its_signed_url() -> None:
    """Facts 4.2: POST, the body as it is, the signature as Patchworks made it; no key of ours."""
    async with triggers() as (webhooks, _, at, _):
        at.patchworks.will_answer(WEBHOOK, {"message": "Flow initialised."})
        assert await webhooks.perform("send_webhook", SENT) == Started()
    asked = at.patchworks.asked[0]
    assert asked.body == PAYLOAD
    assert asked.target == f"/webhooks/api/v1/acme/01k44s?patchworks_signature={SIGNATURE}"
    assert "authorization" not in asked.headers
    assert "x-hmac-hash" not in asked.headers


@pytest.mark.parametrize("encoding", ["hex", "base64"])
async def test_an_hmac_verified_webhook_is_signed_over_the_raw_bytes(encoding: Literal["hex", "base64"]) -> None:
    """Facts 4.2, 11.5, 12.7: X-HMAC-HASH, HMAC-SHA256, in the encoding that turns out to be right."""
    async with triggers(hmac_secret="shared-secret", hmac_encoding=encoding) as (webhooks, _, at, _):
        at.patchworks.will_answer(WEBHOOK, {"message": "Flow initialised."})
        await webhooks.perform("send_webhook", SENT)
    digest = hmac.new(b"shared-secret", PAYLOAD, hashlib.sha256).digest()
    expected = {"hex": digest.hex(), "base64": base64.b64encode(digest).decode()}[encoding]
    assert at.patchworks.asked[0].headers["x-hmac-hash"] == expected


@pytest.mark.parametrize(
    ("status", "content"), [(200, {"message": "Flow initialised."}), (202, b"<ok/>"), (204, b""), (299, b"thanks")]
)
async def test_any_2xx_of_a_webhook_is_acceptance(status: int, content: Any) -> None:
    """Facts 4.2: status, body and format are customised, so nothing of them is read."""
    async with triggers() as (webhooks, _, at, _):
        at.patchworks.will_answer(WEBHOOK, content, status=status)
        assert await webhooks.perform("send_webhook", SENT) == Started()


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, Refused), (403, Refused), (404, Refused), (413, Refused), (422, Refused), (429, Throttled), (500, Unknown),
     (503, Unknown), (302, Unknown)],
)  # fmt: skip
async def test_a_webhooks_refusals_concern_that_webhook_and_lost_answers_are_unknown(
    status: int, kind: type[Failure]
) -> None:
    """A bad signature (status unknown, 401 assumed) must not stop the calls of other flows."""
    async with triggers() as (webhooks, _, at, _):
        at.patchworks.will_answer(WEBHOOK, b"", status=status)
        with pytest.raises(Failure) as caught:
            await webhooks.perform("send_webhook", SENT)
    assert type(caught.value) is kind
    assert "s1gn" not in str(caught.value)


async def test_a_webhook_whose_connection_drops_is_unknown_and_sent_once() -> None:
    """Look, never hope."""
    async with triggers() as (webhooks, _, at, _):
        at.patchworks.breaks.add(WEBHOOK)
        with pytest.raises(Unknown):
            await webhooks.perform("send_webhook", SENT)
    assert at.patchworks.calls() == [WEBHOOK]


async def test_after_a_lost_answer_the_flows_webhook_runs_are_looked_through() -> None:
    """Facts 4.1: a webhook gives no run id; the batch key in the payload does."""
    async with triggers() as (webhooks, _, at, _):
        runs = listed(run_row("r2", trigger="API"), run_row("r1", trigger="Webhook"))
        at.patchworks.will_answer("GET /core/api/v1/flow-runs", runs)
        at.patchworks.will_answer("GET /core/api/v1/payload-metadata", listed({"id": 7}))
        at.patchworks.will_answer("GET /core/api/v1/payload-metadata/7/download", PAYLOAD)
        assert await webhooks.look("send_webhook", SENT) == Started(run_id="r1", evidence="payload")


# -- callbacks ---------------------------------------------------------------------------------------------------------


async def test_a_callback_is_asked_and_its_payloads_come_apart() -> None:
    """Facts 4.3: all replies are contained in an array."""
    async with triggers() as (_, callbacks, at, _):
        at.patchworks.will_answer(CALLBACK, b'[{"sku": "A"}, {"sku": "B", "n": 1.0}]')
        reply = await callbacks.perform("call_callback", ASKED)
    assert reply == CallbackReply(content_type="application/json", items=(b'{"sku": "A"}', b'{"sku": "B", "n": 1.0}'))
    assert at.patchworks.asked[0].body == b'{"page": 1}'


async def test_a_callbacks_signature_may_travel_as_a_header() -> None:
    """Facts 4.3: `patchworks-signature`, with a hyphen."""
    async with triggers(signature="s1gnature") as (_, callbacks, at, _):
        at.patchworks.will_answer(CALLBACK, b"[]")
        await callbacks.perform("call_callback", ASKED)
    assert at.patchworks.asked[0].headers["patchworks-signature"] == "s1gnature"


@pytest.mark.parametrize(
    ("content_type", "body", "items"),
    [
        ("application/json; charset=utf-8", b"[]", ()),
        ("application/json", b'{"sku": "A"}', (b'{"sku": "A"}',)),
        ("application/xml", b"<a/>", (b"<a/>",)),
        ("text/plain", b"a,b", (b"a,b",)),
        ("text/plain", b"", ()),
    ],
)
async def test_a_callback_answers_in_the_form_its_trigger_was_given(
    content_type: str, body: bytes, items: tuple[bytes, ...]
) -> None:
    """Facts 4.3: JSON, XML or text."""
    async with triggers() as (_, callbacks, at, _):
        at.patchworks.will_answer(CALLBACK, body, Content_Type=content_type)
        assert (await callbacks.perform("call_callback", ASKED)).items == items


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [(200, b"<a/>", Refused), (401, b"", Refused), (404, b"", Refused), (429, b"", Throttled), (500, b"", Unavailable),
     (504, b"", Unavailable), (302, b"", Unavailable)],
)  # fmt: skip
async def test_a_callback_is_a_read_and_fails_like_one(status: int, body: bytes, kind: type[Failure]) -> None:
    """Facts 4.3: its type is not validated against its content, nor its failure's status documented."""
    async with triggers() as (_, callbacks, at, _):
        at.patchworks.will_answer(CALLBACK, body, status=status)
        with pytest.raises(Failure) as caught:
            await callbacks.perform("call_callback", ASKED)
    assert type(caught.value) is kind


# -- both --------------------------------------------------------------------------------------------------------------


async def test_each_kind_of_trigger_teaches_its_own_limit() -> None:
    """Facts 1.6: webhooks 120, callbacks 240 per minute."""
    async with triggers() as (webhooks, callbacks, at, readings):
        at.patchworks.will_answer(WEBHOOK, b"", X_RateLimit_Limit="120")
        at.patchworks.will_answer(CALLBACK, b"[]", X_RateLimit_Limit="240")
        await webhooks.perform("send_webhook", SENT)
        await callbacks.perform("call_callback", ASKED)
    assert [reading.limit_per_s for reading in readings] == [2.0, 4.0]
    assert len({webhooks.name, callbacks.name, at.api.name}) == 3


def test_budgets_begin_with_our_share_of_the_published_limits() -> None:
    """Facts 1.6: per minute 240 for the APIs, 120 for webhooks, 240 for callbacks; facts 8: leave headroom."""
    config = PatchworksConfig(token=Secret("pk_live_0001"))
    per_min = [60 * each for each in (config.calls_per_s, config.webhooks_per_s, config.callbacks_per_s)]
    assert per_min == pytest.approx([204, 102, 204])
    assert PatchworksConfig(token=Secret("pk_live_0001"), limit_share=1.0).webhooks_per_s == 2.0


async def test_what_is_not_configured_or_not_a_call_is_refused_without_one() -> None:
    """By its name, since no body holds a URL."""
    other = encode(SendWebhook(webhook="other", key=BATCH, began_ms=1, payload=msgspec.Raw(PAYLOAD)))
    async with triggers() as (webhooks, callbacks, at, _):
        for call in (
            webhooks.perform("send_webhook", other),
            webhooks.look("send_webhook", other),
            webhooks.perform("call_callback", ASKED),
            webhooks.look("call_callback", ASKED),
            callbacks.perform("call_callback", b'{"callback": "other"}'),
            callbacks.perform("send_webhook", SENT),
            callbacks.look("call_callback", ASKED),
        ):
            with pytest.raises(Refused):
                await call
    assert at.patchworks.asked == []


async def test_every_request_goes_to_the_api_that_knows_its_kind_and_says_how_it_may_be_repeated() -> None:
    """No write may be repeated freely; whatever only reads may."""
    requests = [
        *(ListRuns(), GetRun(run_id="r1"), ListRunLogs(run_id="r1"), ListPayloads(run_id="r1"), ListFlows()),
        *(FailedPayloads(run_id="r1"), DownloadPayload(payload_id="7"), ListQueue(), ListTracked(value="x")),
        *(RetryRun(run_id="r1"), StartFlow(flow_id="1", key=BATCH, began_ms=1, payload=msgspec.Raw(PAYLOAD))),
        *(SendWebhook(webhook="stock", key=BATCH, began_ms=1, payload=msgspec.Raw(PAYLOAD)),),
        CallCallback(callback="levels"),
    ]
    async with triggers() as (webhooks, callbacks, at, _):
        apis: dict[str, Any] = {api.name: api for api in (at.api, webhooks, callbacks)}
        for request in requests:
            wanted = effect(request, share="stock")
            with contextlib.suppress(Refused):  # 404: nothing is scripted
                await apis[wanted.api].perform(wanted.kind, wanted.body)
            last = at.patchworks.asked.pop()
            writes = last.method == "POST" and not isinstance(request, CallCallback)
            assert wanted.repeat is (Repeat.CHECK_FIRST if writes else Repeat.SAFE), request


def test_no_body_and_no_reply_shows_what_is_secret_or_personal() -> None:
    """Facts 4.2: the full URL is a secret; a reply may hold orders."""
    assert b"signature" not in SENT
    assert "Hale" not in repr(CallbackReply(content_type="application/json", items=(b'"Hale"',)))
