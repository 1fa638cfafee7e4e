"""Where orders come in: `POST /v1/orders/{sales_channel}`, one JSON object or an array of them.

A 2xx is given only after every item is on disk. What cannot be accepted is refused whole, with nothing stored, and with
a body that a Patchworks response script can read: `{"error": {"code", "message", "retry": "never" | "later"}}`. A
paused sales channel is accepted like any other: it waits on disk.

Patchworks has no delivery id and repeats freely (its step, its flow, a person), so a repeat is recognised by the
business key, the version and the bytes. It may wrap one order in an array or not, so both are taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, Literal, assert_never

import anyio.lowlevel
import msgspec
from aiohttp import web

from connectors.contract import Identified, Identify, NotAnOrder, Unidentifiable
from connectors.patchworks.config import IntakeSettings
from runtime.clock import Clock, Instant
from runtime.delivery import Accept, Delivery, Receipt, digest
from runtime.errors import Stop, StoreFull
from runtime.http import ApiKeys, read_body
from runtime.telemetry.events import DeliveriesAccepted, RequestRefused
from runtime.testing import crash

ORDER_ID_LENGTH_MAX: Final = 200
VERSION_LENGTH_MAX: Final = 100
_ITEMS_PER_TURN: Final = 50
"""Items looked at before the event loop gets its turn (about a millisecond of orders)."""
_STORE_RETRY_S: Final = 30
_MEMORY_RETRY_S: Final = 2
_BOM: Final = b"\xef\xbb\xbf"
_WHITE_SPACE: Final = b" \t\r\n"
_JSON: Final = {"Content-Type": "application/json"}

Pressure = Callable[[], float | None]
"""Seconds after which the sender should come again, while nothing can be taken (a drain, a full queue); else None."""


# -- what goes over the wire -------------------------------------------------------------------------------------------


class ItemAccepted(msgspec.Struct, frozen=True):
    """The result of one item. `reference` names the delivery in our journal; a repeat gets the first one's."""

    status: Literal["accepted"]
    external_order_id: str
    duplicate: bool
    reference: str


class ArrayAccepted(msgspec.Struct, frozen=True):
    """The results of an array, in its order."""

    results: list[ItemAccepted]


class RefusalBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a request was refused. `retry` says whether the same bytes can ever succeed.

    `item` is the index in an array. `byte` counts from 0 over the whole body; `line` and `column` (in bytes) from 1;
    they point at what is wrong, or at the byte after it, as the decoder does.
    """

    code: str
    message: str
    retry: Literal["never", "later"]
    item: int | None = None
    byte: int | None = None
    line: int | None = None
    column: int | None = None


class _Refusal(Exception):
    """Ends the request: `status`, the body to send, and after how many seconds to come again."""

    def __init__(self, status: int, body: RefusalBody, *, retry_after_s: float | None = None) -> None:
        super().__init__(body.code)
        self.status = status
        self.body = body
        self.retry_after_s = retry_after_s

    def response(self) -> web.Response:
        headers = dict(_JSON)
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(max(1, math.ceil(self.retry_after_s)))
        if self.status == web.HTTPUnauthorized.status_code:
            headers["WWW-Authenticate"] = "Bearer"
        return web.Response(status=self.status, body=msgspec.json.encode({"error": self.body}), headers=headers)


def _never(status: int, code: str, message: str, **where: int) -> _Refusal:
    """The same bytes will be refused again."""
    return _Refusal(status, RefusalBody(code=code, message=message, retry="never", **where))


def _later(status: int, code: str, message: str, retry_after_s: float) -> _Refusal:
    """The same bytes may be accepted later."""
    return _Refusal(status, RefusalBody(code=code, message=message, retry="later"), retry_after_s=retry_after_s)


# -- the route ---------------------------------------------------------------------------------------------------------


def intake_routes(
    settings: IntakeSettings,
    *,
    sales_channels: Collection[str],
    identify: Identify,
    accept: Accept,
    clock: Clock,
    emit: Callable[[object], None],
    pressure: Pressure,
) -> list[web.RouteDef]:
    """The intake's one route, for `runtime.http.application`. `sales_channels` are those that may be named in the path.

    `accept` is the journal's group commit. `pressure` is asked before a body is read. `emit` receives one
    `DeliveriesAccepted` or `RequestRefused` per request; its partition is the sales channel, or empty when the path
    names none that is known or nobody has proved to be the sender.
    """
    intake = _Intake(
        settings,
        sales_channels=sales_channels,
        identify=identify,
        accept=accept,
        clock=clock,
        emit=emit,
        pressure=pressure,
    )
    return [web.post("/v1/orders/{sales_channel}", intake.receive)]


class _Intake:
    """The steps of one request, cheapest refusal first."""

    def __init__(
        self,
        settings: IntakeSettings,
        *,
        sales_channels: Collection[str],
        identify: Identify,
        accept: Accept,
        clock: Clock,
        emit: Callable[[object], None],
        pressure: Pressure,
    ) -> None:
        self._settings = settings
        self._keys = ApiKeys(settings.keys)
        rate = settings.requests_per_s_max
        self._gates = {name: _RateGate(rate) if rate is not None else None for name in sales_channels}
        self._identify = identify
        self._accept = accept
        self._clock = clock
        self._emit = emit
        self._pressure = pressure
        self._arriving_bytes = 0
        self._object = msgspec.json.Decoder(msgspec.Raw)
        self._array = msgspec.json.Decoder(_array_type(settings.items_max))

    async def receive(self, request: web.Request) -> web.Response:
        """Answer one delivery request."""
        began = self._clock.monotonic()
        partition = ""
        try:
            partition = self._sender(request)
            self._check_now(request, partition)
            body = await self._body(request)
            single, deliveries, order_ids = await self._deliveries(partition, body)
            receipts = await self._store(deliveries)
        except _Refusal as refusal:
            self._emit(RequestRefused(partition, refusal.body.code))
            return refusal.response()
        new = sum(receipt.new for receipt in receipts)
        if receipts:
            self._emit(DeliveriesAccepted(partition, new, len(receipts) - new, self._clock.monotonic() - began))
            crash.reach("intake.before_answer")
        results = [
            ItemAccepted("accepted", order_id, not receipt.new, str(receipt.id))
            for order_id, receipt in zip(order_ids, receipts, strict=True)
        ]
        answer = msgspec.json.encode(results[0] if single else ArrayAccepted(results))
        return web.Response(status=201 if single and new else 200, body=answer, headers=_JSON)

    def _sender(self, request: web.Request) -> str:
        """The sales channel, once the sender has proved to be one of ours."""
        if not self._keys.admits(request):
            raise _never(
                401, "unauthorised", "No live API key in Authorization or X-API-Key; check the key in Patchworks."
            )
        sales_channel = request.match_info["sales_channel"]
        if sales_channel not in self._gates:
            raise _never(404, "sales_channel_unknown", "This sales channel is not configured here; check the path.")
        return sales_channel

    def _check_now(self, request: web.Request, sales_channel: str) -> None:
        """Refuse what the headers already rule out, and everything while nothing can be taken."""
        _check_content(request)
        gate = self._gates[sales_channel]
        wait_s = gate.wait_s(self._clock.monotonic()) if gate is not None else 0.0
        if wait_s > 0:
            raise _later(429, "rate_limited", "This sales channel sends faster than it may; come again later.", wait_s)
        pressure_s = self._pressure()
        if pressure_s is not None:
            raise _later(503, "busy", "Nothing can be taken at the moment; nothing was stored.", pressure_s)

    async def _body(self, request: web.Request) -> bytes:
        """The body as sent, with all bodies that are still arriving inside one budget of memory."""
        settings = self._settings
        reserved = 0
        if not request.content.is_eof():
            announced = request.content_length
            reserved = settings.body_bytes_max if announced is None else min(announced, settings.body_bytes_max)
            if self._arriving_bytes + reserved > settings.bodies_bytes_max:
                raise _later(503, "busy", "Too many large bodies arrive at once; nothing was stored.", _MEMORY_RETRY_S)
        self._arriving_bytes += reserved
        try:
            return await read_body(request, bytes_max=settings.body_bytes_max, timeout_s=settings.body_timeout_s)
        except web.HTTPRequestEntityTooLarge:
            message = f"The body is larger than {settings.body_bytes_max} bytes; send smaller batches."
            raise _never(413, "body_too_large", message) from None
        except web.HTTPRequestTimeout:
            message = f"The body took longer than {settings.body_timeout_s:g} s; nothing was stored."
            raise _later(408, "body_too_slow", message, _MEMORY_RETRY_S) from None
        except web.HTTPBadRequest:
            message = "The body broke off before its end; nothing was stored."
            raise _later(400, "body_incomplete", message, _MEMORY_RETRY_S) from None
        finally:
            self._arriving_bytes -= reserved

    async def _deliveries(self, sales_channel: str, body: bytes) -> tuple[bool, list[Delivery], list[str]]:
        """Whether the body is one item, its deliveries, and their order ids."""
        text = body.removeprefix(_BOM)
        received_at = self._clock.now()
        one = self._one(sales_channel, text)
        if one is not None:
            return True, [_delivery(sales_channel, one, text, received_at)], [one.order_id]
        single, items = self._items(text, len(body) - len(text))
        deliveries: list[Delivery] = []
        order_ids: list[str] = []
        for index, item in enumerate(items):
            if index and index % _ITEMS_PER_TURN == 0:
                await anyio.lowlevel.checkpoint()
            named = self._name(sales_channel, item, {} if single else {"item": index})
            deliveries.append(_delivery(sales_channel, named, item, received_at))
            order_ids.append(named.order_id)
        return single, deliveries, order_ids

    def _one(self, sales_channel: str, text: bytes) -> Identified | None:
        """The common case, parsed once: a single order that its format names. None: look closer."""
        if not text.startswith(b"{") or not text.isascii():
            return None
        try:
            named = self._identify(sales_channel, text)
        except (RecursionError, msgspec.MsgspecError):
            return None
        if not isinstance(named, Identified):
            return None
        return named if 0 < len(named.order_id) <= ORDER_ID_LENGTH_MAX and named.order_id.isprintable() else None

    def _items(self, text: bytes, offset: int) -> tuple[bool, list[bytes]]:
        """The items as raw bytes, once the whole text is known to be JSON; `offset` bytes of the body precede it."""
        try:
            if not text.isascii():
                text.decode()  # the decoder skips over strings without looking at their UTF-8
            if not text.lstrip(_WHITE_SPACE).startswith(b"["):
                self._object.decode(text)
                return True, [text]
            slices = msgspec.structs.astuple(self._array.decode(text))
        except UnicodeDecodeError as error:
            raise _malformed("the text is not UTF-8", text, error.start, offset) from None
        except RecursionError:
            raise _never(400, "json_too_deep", "The JSON is nested too deeply to be an order.") from None
        except msgspec.DecodeError as error:
            raise _malformed_at(str(error), text, offset) from None
        if slices[-1] is not None:
            message = f"The array has more than {self._settings.items_max} items; send smaller batches."
            raise _never(413, "items_too_many", message)
        return False, [bytes(item) for item in slices if item is not None]

    def _name(self, sales_channel: str, item: bytes, where: dict[str, int]) -> Identified:
        """What the sales channel's format says the item is; refuses the request unless it is an order with an id."""
        if not item.lstrip(_WHITE_SPACE).startswith(b"{"):
            raise _never(422, "item_not_an_object", "An order is a JSON object; this item is not.", **where)
        try:
            identification = self._identify(sales_channel, item)
        except RecursionError:
            raise _never(400, "json_too_deep", "The JSON is nested too deeply to be an order.", **where) from None
        except msgspec.ValidationError:
            identification = Unidentifiable("The fields that hold its id are not of the expected type.")
        match identification:
            case Identified(order_id=order_id):
                if not (0 < len(order_id) <= ORDER_ID_LENGTH_MAX and order_id.isprintable()):
                    message = f"The order id is empty, unprintable or longer than {ORDER_ID_LENGTH_MAX} characters."
                    raise _never(422, "order_id_unusable", message, **where)
                return identification
            case NotAnOrder(reason=reason):
                raise _never(422, "not_an_order", reason, **where)
            case Unidentifiable(reason=reason):
                raise _never(422, "order_id_missing", reason, **where)
            case _:
                assert_never(identification)

    async def _store(self, deliveries: list[Delivery]) -> Sequence[Receipt]:
        """The receipts, once all deliveries are on disk."""
        if not deliveries:
            return ()
        crash.reach("intake.before_journal")
        try:
            return await self._accept(deliveries)
        except StoreFull:
            message = "The store has no room; nothing was stored."
            raise _later(503, "store_full", message, _STORE_RETRY_S) from None
        except Stop:  # its owner ends the process; this sender is only told to come again
            message = "The store cannot take anything; nothing is promised about this request, so send it again."
            raise _later(503, "stopping", message, _STORE_RETRY_S) from None


class _RateGate:
    """Lets `per_s` requests through per second, and at most a second's worth at once."""

    __slots__ = ("_burst", "_left", "_per_s", "_seen")

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._burst = max(1.0, per_s)
        self._left = self._burst
        self._seen = -math.inf

    def wait_s(self, now_s: float) -> float:
        """0 when the request may pass (and it is counted), else the seconds until one may."""
        self._left = min(self._burst, self._left + (now_s - self._seen) * self._per_s)
        self._seen = now_s
        if self._left >= 1.0:
            self._left -= 1.0
            return 0.0
        return (1.0 - self._left) / self._per_s


# -- small pure parts --------------------------------------------------------------------------------------------------


def _array_type(items_max: int) -> type[msgspec.Struct]:
    """An array whose first `items_max + 1` items are cut out; the rest is checked and skipped, so it takes no memory.

    `list[Raw]` would build an object for each of the millions of items that fit into a hostile body first.
    """
    fields: list[tuple[str, Any, Any]] = [(f"item_{n}", msgspec.Raw, None) for n in range(items_max + 1)]
    return msgspec.defstruct("Array", fields, array_like=True, frozen=True, gc=False)


def _check_content(request: web.Request) -> None:
    """Refuse what is compressed or is not JSON.

    A missing Content-Type is taken as JSON: headers are typed by hand in the connector builder of Patchworks, and the
    body itself tells. A charset other than UTF-8 is refused, since it would change names without anybody noticing.
    """
    encoding = request.headers.get("Content-Encoding")
    if encoding is not None and encoding.strip().lower() not in ("", "identity"):
        raise _never(415, "content_encoding_unsupported", "Send the body without Content-Encoding.")
    content_type = request.headers.get("Content-Type")
    if content_type is None or content_type == "application/json":
        return
    kind = request.content_type
    json = kind in ("application/json", "text/json") or (kind.startswith("application/") and kind.endswith("+json"))
    if not json or (request.charset or "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise _never(415, "content_type_unsupported", "Send JSON in UTF-8, with Content-Type: application/json.")


def _delivery(sales_channel: str, named: Identified, item: bytes, received_at: Instant) -> Delivery:
    """The delivery of one item. A version that cannot be one (it is a sort key) counts as none."""
    version = named.version
    return Delivery(
        key=f"{sales_channel}/{named.order_id}",
        version=version if len(version) <= VERSION_LENGTH_MAX and version.isprintable() else "",
        digest=digest(item),
        body=item,
        received_at=received_at,
    )


def _malformed_at(message: str, text: bytes, offset: int) -> _Refusal:
    """A refusal from msgspec's message, which ends in "(byte n)" unless the text is too short."""
    what, _, rest = message.removeprefix("JSON is malformed: ").partition(" (byte ")
    position = rest.rstrip(")")
    if position.isdecimal():
        return _malformed(what, text, int(position), offset)
    return _malformed("it ends too early", text, len(text), offset)


def _malformed(what: str, text: bytes, position: int, offset: int) -> _Refusal:
    """A refusal that points at the place; it quotes nothing, since a body holds personal data."""
    before = text[:position]
    line = before.count(b"\n") + 1
    column = position - (before.rfind(b"\n") + 1) + 1
    byte = position + offset
    message = f"The body is not valid JSON: {what} (byte {byte}, line {line}, column {column})."
    return _never(400, "json_malformed", message, byte=byte, line=line, column=column)
