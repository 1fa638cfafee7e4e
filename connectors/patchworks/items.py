"""What a body of orders holds: one JSON object or an array of them, each named by its format, or the reason why not.

Whatever brings a body (a request of Patchworks, the payload of a failed run) it is read here, so an order is known by
the same key, version and digest whichever way it comes. A body is taken whole or not at all.
"""

from __future__ import annotations

import functools
import math
from typing import Any, Final, Literal, assert_never

import anyio.lowlevel
import msgspec
from aiohttp import web

from connectors.contract import Identified, Identify, NotAnOrder, Unidentifiable
from connectors.patchworks.config import IntakeSettings
from runtime.clock import Instant
from runtime.delivery import Delivery, digest
from runtime.http import read_body

ORDER_ID_LENGTH_MAX: Final = 200
VERSION_LENGTH_MAX: Final = 100
_ITEMS_PER_TURN: Final = 50
"""Items looked at before the event loop gets its turn (about a millisecond of orders)."""
_BOM: Final = b"\xef\xbb\xbf"
_WHITE_SPACE: Final = b" \t\r\n"
JSON: Final = {"Content-Type": "application/json"}
BUSY_RETRY_S: Final = 2


# -- why a body is refused ---------------------------------------------------------------------------------------------


class RefusalBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a request was refused. `retry` says whether the same bytes can ever succeed.

    `item` is the index in an array, from 0. `byte` counts from 0 over the whole body; `line` and `column` (in bytes)
    from 1; they point at what is wrong, or at the byte after it, as the decoder does.
    """

    code: str
    message: str
    retry: Literal["never", "later"]
    item: int | None = None
    byte: int | None = None
    line: int | None = None
    column: int | None = None


class Refusal(Exception):
    """Ends the request: `status`, the body to send, and after how many seconds to come again."""

    def __init__(self, status: int, body: RefusalBody, *, retry_after_s: float | None = None) -> None:
        super().__init__(body.code)
        self.status = status
        self.body = body
        self.retry_after_s = retry_after_s

    def response(self) -> web.Response:
        """The answer that says so."""
        headers = dict(JSON)
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(max(1, math.ceil(self.retry_after_s)))
        if self.status == web.HTTPUnauthorized.status_code:
            headers["WWW-Authenticate"] = "Bearer"
        return web.Response(status=self.status, body=msgspec.json.encode({"error": self.body}), headers=headers)


def never(status: int, code: str, message: str, **where: int) -> Refusal:
    """The same bytes will be refused again; `where` are the properties of the body that point at the place."""
    if "item" in where:
        message = f"{message} It is item {where['item']} of the array, counted from 0."
    return Refusal(status, RefusalBody(code=code, message=message, retry="never", **where))


def later(status: int, code: str, message: str, retry_after_s: float) -> Refusal:
    """The same bytes may be accepted later."""
    return Refusal(status, RefusalBody(code=code, message=message, retry="later"), retry_after_s=retry_after_s)


async def body_of(request: web.Request, settings: IntakeSettings, *, instead: str) -> bytes:
    """The whole body as sent, or a `Refusal`; one that is too large is told to `instead`."""
    try:
        return await read_body(request, bytes_max=settings.body_bytes_max, timeout_s=settings.body_timeout_s)
    except web.HTTPRequestEntityTooLarge:
        message = f"The body is larger than {settings.body_bytes_max} bytes (`intake.body_bytes_max`); {instead}."
        raise never(413, "body_too_large", message) from None
    except web.HTTPRequestTimeout:
        message = f"The body took longer than {settings.body_timeout_s:g} s; nothing was stored."
        raise later(408, "body_too_slow", message, BUSY_RETRY_S) from None
    except web.HTTPBadRequest:
        message = "The body broke off before its end; nothing was stored."
        raise later(400, "body_incomplete", message, BUSY_RETRY_S) from None


# -- a body, item by item ----------------------------------------------------------------------------------------------


class Taken(msgspec.Struct, frozen=True):
    """What a body holds. `single`: one object, not an array. `order_ids` are those of the deliveries, in order."""

    single: bool
    deliveries: list[Delivery]
    order_ids: list[str]


class Items:
    """Reads bodies. `identify` names one item by the format of its sales channel."""

    def __init__(self, identify: Identify, *, items_max: int) -> None:
        self._identify, self._items_max = identify, items_max
        self._object = msgspec.json.Decoder(msgspec.Raw)
        self._array = msgspec.json.Decoder(_array_type(items_max))

    async def read(self, sales_channel: str, body: bytes, received_at: Instant) -> Taken:
        """The deliveries in a body. Raises Refusal when any of it is none."""
        text = body.removeprefix(_BOM)
        one = self._one(sales_channel, text)
        if one is not None:
            return Taken(
                single=True, deliveries=[_delivery(sales_channel, one, text, received_at)], order_ids=[one.order_id]
            )
        single, items = self._items(text, len(body) - len(text))
        deliveries: list[Delivery] = []
        order_ids: list[str] = []
        for index, item in enumerate(items):
            if index and index % _ITEMS_PER_TURN == 0:
                await anyio.lowlevel.checkpoint()
            named = self._name(sales_channel, item, {} if single else {"item": index})
            deliveries.append(_delivery(sales_channel, named, item, received_at))
            order_ids.append(named.order_id)
        return Taken(single=single, deliveries=deliveries, order_ids=order_ids)

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
            raise never(400, "json_too_deep", "The JSON is nested too deeply to be an order.") from None
        except msgspec.DecodeError as error:
            raise _malformed_at(str(error), text, offset) from None
        if slices[-1] is not None:
            message = f"The array has more than {self._items_max} items; send smaller batches."
            raise never(413, "items_too_many", message)
        return False, [bytes(item) for item in slices if item is not None]

    def _name(self, sales_channel: str, item: bytes, where: dict[str, int]) -> Identified:
        """What the sales channel's format says the item is; refuses the request unless it is an order with an id."""
        if not item.lstrip(_WHITE_SPACE).startswith(b"{"):
            raise never(422, "item_not_an_object", "An order is a JSON object; this item is not.", **where)
        try:
            identification = self._identify(sales_channel, item)
        except RecursionError:
            raise never(400, "json_too_deep", "The JSON is nested too deeply to be an order.", **where) from None
        except msgspec.ValidationError:
            identification = Unidentifiable("The fields that hold its id are not of the expected type.")
        match identification:
            case Identified(order_id=order_id):
                if not (0 < len(order_id) <= ORDER_ID_LENGTH_MAX and order_id.isprintable()):
                    message = f"The order id is empty, unprintable or longer than {ORDER_ID_LENGTH_MAX} characters."
                    raise never(422, "order_id_unusable", message, **where)
                return identification
            case NotAnOrder(reason=reason):
                raise never(422, "not_an_order", reason, **where)
            case Unidentifiable(reason=reason):
                raise never(422, "order_id_missing", reason, **where)
            case _:
                assert_never(identification)


# -- small pure parts --------------------------------------------------------------------------------------------------


@functools.cache
def _array_type(items_max: int) -> type[msgspec.Struct]:
    """An array whose first `items_max + 1` items are cut out; the rest is checked and skipped, so it takes no memory.

    `list[Raw]` would build an object for each of the millions of items that fit into a hostile body first.
    """
    fields: list[tuple[str, Any, Any]] = [(f"item_{n}", msgspec.Raw, None) for n in range(items_max + 1)]
    return msgspec.defstruct("Array", fields, array_like=True, frozen=True, gc=False)


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


def _malformed_at(message: str, text: bytes, offset: int) -> Refusal:
    """A refusal from msgspec's message, which ends in "(byte n)" unless the text is too short."""
    what, _, rest = message.removeprefix("JSON is malformed: ").partition(" (byte ")
    position = rest.rstrip(")")
    if position.isdecimal():
        return _malformed(what, text, int(position), offset)
    return _malformed("it ends too early", text, len(text), offset)


def _malformed(what: str, text: bytes, position: int, offset: int) -> Refusal:
    """A refusal that points at the place; it quotes nothing, since a body holds personal data."""
    before = text[:position]
    line = before.count(b"\n") + 1
    column = position - (before.rfind(b"\n") + 1) + 1
    byte = position + offset
    message = f"The body is not valid JSON: {what} (line {line}, column {column}; byte {byte}, counted from 0)."
    return never(400, "json_malformed", message, byte=byte, line=line, column=column)
