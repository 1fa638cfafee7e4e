"""Webhooks of Fulfil: that something changed, which records, and when. Hints, never facts.

Fulfil does not guarantee that they arrive, nor in which order, and it repeats them; so nothing in one is believed but
*look there now*. No quantity, no state and no name leaves this module, and whoever forgets a hint loses only time,
because everything is also read by watermark.

A request is believed to be Fulfil's when `X-Fulfil-Hmac-SHA256` is the base64 of HMAC-SHA256 over the raw body, keyed
with the secret after base64-decoding it; compared in constant time. Fulfil counts anything but a 2xx within 5 s as a
failure, repeats 19 times over 48 hours, and archives a webhook after 19 failures in a row, silently. So a repeat is
acknowledged and goes no further, and so does a body that we cannot read: both are counted.
Sources: developers.fulfil.io, webhooks (2019); fulfil_client 3.2.0, `verify_webhook`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

import msgspec
from aiohttp import web

from connectors.fulfil.config import WebhookSettings, signing_keys
from connectors.fulfil.table import MODELS
from connectors.fulfil.typed import Reference, Undecodable, datetime_of, id_of
from runtime.delivery import digest
from runtime.http import bytes_to_come, read_body
from runtime.telemetry.events import RequestRefused

SIGNATURE_HEADER: Final = "X-Fulfil-Hmac-SHA256"
EVENT_HEADER: Final = "X-Fulfil-Event"
PATH: Final = "/v1/hints/fulfil"
PARTITION: Final = "fulfil"
"""The partition under which refusals are counted: a webhook belongs to no sales channel."""
_NAME_LENGTH_MAX: Final = 100
_RECORDS_MAX: Final = 500
_ARRIVING_BYTES_MAX: Final = 8_000_000
"""How much memory all bodies still arriving may take together: whose they are is known only when they are here."""
_MODELS: Final = frozenset({"product.product", *(model.name for model in MODELS)})
_PRODUCTS: Final = "product.product"
LEVELS_EVENT: Final = "product.product.inventory_level_changed"
"""The one event whose body is publicly known: levels of the named products have changed."""


class Hint(msgspec.Struct, frozen=True, kw_only=True):
    """Something may have changed: read it.

    `event` is Fulfil's own name of what happened; `model` the model it is about, empty when that cannot be told. `ids`
    are the records; none when the body does not say, and then the model's changes are to be read. `at` is the latest
    time that the body gives, in UTC, or None.
    """

    event: str
    model: str
    ids: tuple[int, ...]
    at: datetime | None


TakeHint = Callable[[Hint], None]
"""Takes a hint and returns at once; it runs inside the request. What it cannot keep it may drop."""


def hint_routes(settings: WebhookSettings, *, hint: TakeHint, emit: Callable[[object], None]) -> list[web.RouteDef]:
    """The route for Fulfil's webhooks, for `runtime.http.application`.

    `hint` is called once for each new body, before it is acknowledged. `emit` receives a `RequestRefused` for what is
    refused (`unauthorised`, `body`, `busy`), and for what is acknowledged and dropped (`replayed`, `unreadable`).
    """
    return [web.post(PATH, _Door(settings, hint, emit).receive)]


class _Door:
    """Verifies, recognises, passes on. Its memory of repeats is bounded and does not outlive the process."""

    def __init__(self, settings: WebhookSettings, hint: TakeHint, emit: Callable[[object], None]) -> None:
        self._settings, self._hint, self._emit = settings, hint, emit
        self._keys = signing_keys(settings.secrets)
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._arriving_bytes = 0

    async def receive(self, request: web.Request) -> web.Response:
        """Answer one webhook: 204 when nothing more of it is wanted, 4xx when it is not Fulfil's or did not arrive."""
        try:
            body = await self._body(request)
        except web.HTTPException as refusal:
            busy = refusal.status == web.HTTPServiceUnavailable.status_code
            self._emit(RequestRefused(PARTITION, "busy" if busy else "body"))
            return web.Response(status=refusal.status)
        if not is_signed(self._keys, body, request.headers.get(SIGNATURE_HEADER, "")):
            self._emit(RequestRefused(PARTITION, "unauthorised"))
            return web.Response(status=web.HTTPUnauthorized.status_code)
        # the signature covers the body alone, so only what the body says makes it new; a header can be changed
        mark = digest(body)
        if mark in self._seen:
            self._seen.move_to_end(mark)
            self._emit(RequestRefused(PARTITION, "replayed"))
            return web.Response(status=web.HTTPNoContent.status_code)
        read = hint_of(request.headers.get(EVENT_HEADER, ""), body)
        if read is None:
            self._emit(RequestRefused(PARTITION, "unreadable"))
        else:
            self._hint(read)
        self._remember(mark)  # only now: a hint that could not be taken has to come again
        return web.Response(status=web.HTTPNoContent.status_code)

    async def _body(self, request: web.Request) -> bytes:
        """The body as sent. Raises a `web.HTTPException`: 503 when too much is arriving already."""
        bytes_max = self._settings.body_bytes_max
        reserved = bytes_to_come(request, bytes_max=bytes_max)
        if reserved and self._arriving_bytes + reserved > max(_ARRIVING_BYTES_MAX, bytes_max):
            raise web.HTTPServiceUnavailable
        self._arriving_bytes += reserved
        try:
            return await read_body(request, bytes_max=bytes_max, timeout_s=self._settings.body_timeout_s)
        finally:
            self._arriving_bytes -= reserved

    def _remember(self, mark: bytes) -> None:
        self._seen[mark] = None
        if len(self._seen) > self._settings.remembered_max:
            self._seen.popitem(last=False)


# -- pure parts --------------------------------------------------------------------------------------------------------


def is_signed(keys: Iterable[bytes], body: bytes, signature: str) -> bool:
    """Whether one of the keys made this signature of exactly these bytes. Its time tells nothing of the right one."""
    presented = signature.strip().encode("utf-8", "surrogateescape")
    signed = False
    for key in keys:
        expected = base64.b64encode(hmac.new(key, body, hashlib.sha256).digest())
        signed |= hmac.compare_digest(expected, presented)
    return signed


def hint_of(event: str, body: bytes) -> Hint | None:
    """What a webhook hints at; None when its body is no JSON. Only the inventory event's body is publicly known.

    For any other event the ids are taken from where ids usually stand, and the model from the event's name; what is not
    found is left out.
    """
    try:
        content = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    items = [item for item in (content if isinstance(content, list) else [content]) if isinstance(item, dict)]
    named = event or next((item["event"] for item in items if isinstance(item.get("event"), str)), "")
    model = _model(named, items)
    ids = dict.fromkeys(id_ for item in items for id_ in _ids(item, model))
    moments = [moment for item in items if (moment := _moment(item)) is not None]
    return Hint(
        event="".join(each for each in named[:_NAME_LENGTH_MAX] if each.isprintable()),
        model=model,
        ids=tuple(ids) if len(ids) <= _RECORDS_MAX else (),  # so many that reading what changed is cheaper
        at=max(moments, default=None),
    )


def _model(event: str, items: list[dict[str, Any]]) -> str:
    """The longest model that the event's name begins with, else the one that the items name."""
    found = [name for name in _MODELS if event == name or event.startswith(f"{name}.")]
    if found:
        return max(found, key=len)
    told = [item.get(key) for item in items for key in ("model", "model_name")]
    named = {name for name in told if isinstance(name, str) and name in _MODELS}
    return named.pop() if len(named) == 1 else ""


def _ids(item: dict[str, Any], model: str) -> Iterable[int]:
    keys = ["product_id"] if model == _PRODUCTS else []
    for key in (*keys, "id", "record_id", "ids", "record"):
        value = item.get(key)
        for each in value if isinstance(value, list) else [value]:
            try:
                reference = Reference.parsed(each) if isinstance(each, str) else None
                number = id_of(each) if reference is None else reference.id
            except Undecodable:
                continue
            if number is not None and number > 0 and (reference is None or reference.model == model):
                yield number


def _moment(item: dict[str, Any]) -> datetime | None:
    try:
        return datetime_of(item.get("timestamp"))
    except Undecodable:
        return None
