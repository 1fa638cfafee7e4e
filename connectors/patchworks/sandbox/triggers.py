"""Webhook and callback triggers (facts 4.2 and 4.3), which the service of the Start API serves, too.

The secret is in the URL. A webhook answers at once and without a run id; a callback answers with what its flow has at
its callback shape, each payload an item of an array.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from http import HTTPStatus
from typing import Any

import anyio
import msgspec

from connectors.patchworks.sandbox.answers import ApiRefusal, Asked, Reply, encode
from connectors.patchworks.sandbox.books import Books
from connectors.patchworks.sandbox.engine import Engine, RunFailed
from connectors.patchworks.sandbox.records import Flow, Item

SIGNATURE = "patchworks_signature"
SIGNATURE_HEADER = "patchworks-signature"


class Triggers:
    """The operations."""

    def __init__(self, books: Books, engine: Engine) -> None:
        self._books = books
        self._engine = engine
        self._switches = books.config.switches

    async def webhook(self, asked: Asked) -> Reply:
        """`GET` or `POST /webhooks/api/v1/{company}/{webhook}[/{environment}]`."""
        flow = self._flow(asked, "webhook")
        webhook = flow.seed.webhook
        assert webhook is not None  # noqa: S101  narrows: the flow was found by it
        given = asked.query.get(SIGNATURE, "")
        if not given and self._switches.webhook_signature_header:
            given = asked.headers.get(SIGNATURE_HEADER, "")
        self._check_signature(given, webhook.signature)
        if webhook.hmac_secret:
            self._check_hash(asked, webhook.hmac_secret)
        self._check_live(flow)
        self._engine.trigger(flow, "Webhook", _item(asked))
        return Reply(webhook.reply_body.encode(), webhook.reply_status, webhook.reply_type)

    async def callback(self, asked: Asked) -> Reply:
        """`GET` or `POST /callbacks/api/v1/{company}/{callback}[/{environment}]`."""
        flow = self._flow(asked, "callback")
        callback = flow.seed.callback
        assert callback is not None  # noqa: S101  narrows: the flow was found by it
        given = asked.query.get(SIGNATURE, "") or asked.headers.get(SIGNATURE_HEADER, "")
        self._check_signature(given, callback.signature)
        self._check_live(flow)
        item = _item(asked)
        carried = item if flow.seed.source == "payload" else None
        try:
            with anyio.fail_after(self._books.config.callback_timeout_s):
                bucket = await self._engine.answer(flow, carried, _variables(item))
        except (RunFailed, TimeoutError):
            raise ApiRefusal(self._switches.callback_failure_status) from None
        parts = [each.body or b"null" for each in bucket]
        return Reply(b"[" + b",".join(parts) + b"]", content_type=callback.reply_type)

    def _flow(self, asked: Asked, kind: str) -> Flow:
        """The flow whose trigger has this id. Raises ApiRefusal."""
        if asked.path["company"] != self._books.config.company:
            raise ApiRefusal(HTTPStatus.NOT_FOUND)
        for flow in self._books.flows.values():
            trigger = getattr(flow.seed, kind)
            if trigger is not None and trigger.id == asked.path["trigger"]:
                return flow
        raise ApiRefusal(HTTPStatus.NOT_FOUND)

    def _check_signature(self, given: str, wanted: str) -> None:
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            raise ApiRefusal(self._switches.bad_signature_status)

    def _check_hash(self, asked: Asked, secret: str) -> None:
        """`X-HMAC-HASH` over the raw body, in the encoding of the switch."""
        digest = hmac.new(secret.encode(), asked.body, hashlib.sha256).digest()
        wanted = digest.hex() if self._switches.hmac_encoding == "hex" else base64.b64encode(digest).decode()
        if not hmac.compare_digest(asked.headers.get("X-HMAC-HASH", "").encode(), wanted.encode()):
            raise ApiRefusal(self._switches.bad_signature_status)

    def _check_live(self, flow: Flow) -> None:
        """The flow must be deployed and enabled."""
        if not flow.is_enabled or flow.deployed is None:
            raise ApiRefusal(self._switches.refused_trigger_status)


def _item(asked: Asked) -> Item | None:
    """The payload: the body, which beats the parameters of the URL; those as an object; or nothing."""
    body = asked.body
    if not body:
        given = {name: value for name, value in asked.query.items() if name != SIGNATURE}
        if not given:
            return None
        body = encode(given)
    content_type = asked.headers.get("Content-Type", "application/json").partition(";")[0]
    return Item(body, (hashlib.blake2b(body, digest_size=12).hexdigest(),), content_type)


def _variables(item: Item | None) -> dict[str, Any]:
    """What the caller asked for, when it is an object."""
    try:
        content = msgspec.json.decode(item.body) if item is not None else {}
    except msgspec.DecodeError:
        return {}
    return content if isinstance(content, dict) else {}
