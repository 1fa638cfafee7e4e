"""Single flows that are called by their signed URLs: webhooks start a flow, callbacks answer while we wait.

    send_webhook    a `SendWebhook`    -> Started          nothing dedupes it: look first
    call_callback   a `CallCallback`   -> CallbackReply    a read

Each kind of trigger has a limit of its own, so each is an API of its own to the runtime. The URLs are secrets that
never expire; bodies name them, and nothing but the request itself holds them.
Sources: Patchworks' docs on webhook and callback triggers and HMAC-verified webhooks. The encoding of X-HMAC-HASH is
not documented (so it is a setting), nor what a bad signature is answered with.
"""

from __future__ import annotations

import base64
import hmac
from http import HTTPStatus
from typing import Final, Literal, TypeVar

import msgspec
from yarl import URL

from connectors.http import Answer, Session, exchange
from connectors.patchworks.auth import JSON_HEADERS
from connectors.patchworks.client import PatchworksApi, request_of
from connectors.patchworks.config import PatchworksConfig
from connectors.patchworks.failures import failure_for, rate_reading
from connectors.patchworks.requests import PAYLOAD_BYTES_MAX, CallCallback, SendWebhook
from connectors.patchworks.wire import Started
from runtime.api import ObserveRate
from runtime.errors import Refused, Unauthorised

Target = TypeVar("Target")

_SUCCESSES_END: Final = 300
HMAC_HEADER: Final = "X-HMAC-HASH"


class CallbackReply(msgspec.Struct, frozen=True, kw_only=True):
    """What a callback flow answered: its payloads, each as raw bytes in `content_type`. Personal, perhaps."""

    content_type: str
    items: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"CallbackReply(content_type={self.content_type!r}, {len(self.items)} items)"


class WebhookApi:
    """A `runtime.api.Api` for flows that are started by webhook. `core` looks for their runs."""

    name = SendWebhook.api

    def __init__(
        self, config: PatchworksConfig, core: PatchworksApi, session: Session, *, observe: ObserveRate
    ) -> None:
        self._targets, self._core, self._session = config.webhooks, core, session
        self._observe, self._limit_share = observe, config.limit_share
        self._answer_bytes_max = config.answer_bytes_max

    async def perform(self, kind: str, body: bytes) -> Started:
        """One attempt. Any 2xx is acceptance: status and body of the answer are whatever the flow's owner made them.

        Raises a `runtime.errors.Failure`, and nothing else, when it does not succeed.
        """
        if kind != SendWebhook.kind:
            raise Refused(f"Patchworks' webhooks have no call {kind!r}", code="unknown_kind")
        sent = request_of(kind, body, SendWebhook)
        target = _target(self._targets, sent.webhook, "webhook")
        payload = bytes(sent.payload)
        if len(payload) > PAYLOAD_BYTES_MAX:
            raise Refused(f"the payload has {len(payload)} bytes, and Patchworks takes 8 MB", code="413")
        headers = dict(JSON_HEADERS)
        if target.hmac_secret is not None:
            headers[HMAC_HEADER] = signature_of(target.hmac_secret.reveal(), payload, target.hmac_encoding)
        answer = await exchange(
            self._session,
            "POST",
            URL(target.url.reveal(), encoded=True),
            headers=headers,
            body=payload,
            answer_bytes_max=self._answer_bytes_max,
            api=f"the webhook {sent.webhook} of Patchworks",
            is_write=True,
        )
        self._observe(rate_reading(answer.headers, share=self._limit_share))
        if HTTPStatus.OK <= answer.status < _SUCCESSES_END:
            return Started()
        raise _failure(answer, f"webhook {sent.webhook}", is_write=True)

    async def look(self, kind: str, body: bytes) -> Started | None:
        """The run that these bytes have begun, or will; None when there is no sign of one. As for a start."""
        if kind != SendWebhook.kind:
            raise Refused(f"there is nothing to look for after {kind!r}", code="unknown_kind")
        sent = request_of(kind, body, SendWebhook)
        target = _target(self._targets, sent.webhook, "webhook")
        known = frozenset(sent.known_run_ids)
        return await self._core.find_start(target.flow_id, sent.key, sent.began_ms, known, trigger="webhook")


class CallbackApi:
    """A `runtime.api.Api` for flows that answer while we wait. Their queue is shared by all customers of Patchworks."""

    name = CallCallback.api

    def __init__(self, config: PatchworksConfig, session: Session, *, observe: ObserveRate) -> None:
        self._targets, self._session = config.callbacks, session
        self._observe, self._limit_share = observe, config.limit_share
        self._answer_bytes_max = config.payload_bytes_max

    async def perform(self, kind: str, body: bytes) -> CallbackReply:
        """One attempt. Raises a `runtime.errors.Failure`, and nothing else, when it does not succeed."""
        if kind != CallCallback.kind:
            raise Refused(f"Patchworks' callbacks have no call {kind!r}", code="unknown_kind")
        asked = request_of(kind, body, CallCallback)
        target = _target(self._targets, asked.callback, "callback")
        headers = dict(JSON_HEADERS)
        if target.signature is not None:
            headers["patchworks-signature"] = target.signature.reveal()
        answer = await exchange(
            self._session,
            "POST",
            URL(target.url.reveal(), encoded=True),
            headers=headers,
            body=bytes(asked.question),
            answer_bytes_max=self._answer_bytes_max,
            api=f"the callback {asked.callback} of Patchworks",
            is_write=False,
        )
        self._observe(rate_reading(answer.headers, share=self._limit_share))
        if answer.status != HTTPStatus.OK:
            raise _failure(answer, f"callback {asked.callback}", is_write=False)
        content_type = answer.headers.get("Content-Type", "")
        return CallbackReply(content_type=content_type, items=_items(content_type, answer.body))

    async def look(self, kind: str, body: bytes) -> None:  # noqa: ARG002 - the signature is the runtime's
        """A read is repeated, not looked for."""
        raise Refused(f"there is nothing to look for after {kind!r}", code="unknown_kind")


def signature_of(secret: str, payload: bytes, encoding: Literal["hex", "base64"]) -> str:
    """The value of X-HMAC-HASH for a payload: HMAC-SHA256 over the raw bytes."""
    digest = hmac.digest(secret.encode(), payload, "sha256")
    return digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()


def _target(targets: dict[str, Target], name: str, what: str) -> Target:
    if name not in targets:
        raise Refused(f"no {what} {name!r} is configured", code=f"{what}_unknown")
    return targets[name]


def _failure(answer: Answer, what: str, *, is_write: bool) -> Exception:
    failure = failure_for(answer.status, answer.headers, answer.body, is_write=is_write)
    if isinstance(failure, Unauthorised):  # one trigger's signature is wrong: no reason to stop calling the others
        return Refused(f"the {what} of Patchworks refused our signature (HTTP {answer.status})", code="signature")
    return failure


def _items(content_type: str, body: bytes) -> tuple[bytes, ...]:
    """The payloads of an answer. All answers in JSON are arrays; what is no JSON, or no array, is one payload.

    Raises Refused for what calls itself JSON and is none: Patchworks sends what the flow gives it, unchecked.
    """
    if "json" not in content_type.lower():
        return (body,) if body else ()
    try:
        if not body.lstrip().startswith(b"["):
            return (bytes(msgspec.json.decode(body, type=msgspec.Raw)),)
        return tuple([bytes(item) for item in msgspec.json.decode(body, type=list[msgspec.Raw])])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused("a callback flow answered with something that is no JSON", code="reply_malformed") from None
