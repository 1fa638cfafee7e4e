"""What all manifests have in common: a list of what a sales channel has comes in at `POST /v1/manifests/...`, in
bounded pages, and a 2xx is given only after the page is on disk.

Of several pages each has the same `manifest` (a text of the sender's own, such as the run's id), its number as `page`,
from 1, and how many there are as `pages`. A flow whose payload is a bare array says the same in the query. Manifests
can wait: two bodies at once until they are on disk, whatever they list, and whatever presses on the intake presses on
them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta

from connectors.patchworks.admission import SignedAdmission
from connectors.patchworks.config import IntakeSettings
from connectors.patchworks.intake import Pressure, check_content
from connectors.patchworks.items import BUSY_RETRY_S, JSON, Refusal, body_of, later, never
from runtime.clock import Clock, to_datetime
from runtime.errors import Stop, StoreFull
from runtime.telemetry.events import RequestRefused

PAGES_MAX: Final = 1_000
_BODIES_MAX: Final = 2
"""Bodies that may arrive or be stored at once; a manifest can wait."""
_STORE_RETRY_S: Final = 30
_UNAUTHORISED: Final = "Nothing in the headers proves who is sending; check the authentication of the connector."


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What every page of a manifest has. `digest` is over its rows, and how many pages there are."""

    sales_channel: str
    manifest: str
    page: int
    pages: int
    digest: str


class Head(msgspec.Struct, kw_only=True):
    """What is said of a page beside its rows, in the body or in the query."""

    manifest: Annotated[str, Meta(max_length=100)] = ""
    page: Annotated[int, Meta(ge=1, le=PAGES_MAX)] = 1
    pages: Annotated[int, Meta(ge=1, le=PAGES_MAX)] = 1


H = TypeVar("H", bound=Head)
P = TypeVar("P", bound=Page)
T = TypeVar("T")
Read = Callable[[str, bytes, Mapping[str, str], datetime], Awaitable[P]]
"""(sales channel, body, query, now) -> the page that a request brings; raises Refusal, which says what is wrong."""
Take = Callable[[P], Awaitable[None]]
"""Makes a page durable, or raises StoreFull."""


class ManifestDoor:
    """The routes of manifests, for `runtime.http.application`; it admits whom the intake admits."""

    def __init__(
        self,
        settings: IntakeSettings,
        *,
        sales_channels: Collection[str],
        admission: SignedAdmission,
        clock: Clock,
        emit: Callable[[object], None],
        pressure: Pressure,
    ) -> None:
        """`emit` receives a `RequestRefused` per refusal."""
        self._settings, self._sales_channels, self._admission = settings, sales_channels, admission
        self._clock, self._emit, self._pressure = clock, emit, pressure
        self._here = 0

    def route(self, what: str, read: Read[P], take: Take[P]) -> web.RouteDef:
        """The route of one kind of manifest. `what` stands in its path, and is the field of its pages that has the
        rows.
        """

        async def receive(request: web.Request) -> web.Response:
            return await self._receive(request, what, read, take)

        return web.post(f"/v1/manifests/{what}/{{sales_channel}}", receive)

    async def _receive(self, request: web.Request, what: str, read: Read[P], take: Take[P]) -> web.Response:
        partition, here = "", 0
        try:
            partition = self._sender(request)
            self._check_now(request)
            here = 1
            self._here += here
            body = await body_of(request, self._settings, instead="send more pages")
            if not self._admission.vouches(request, body):
                partition = ""
                raise never(401, "unauthorised", _UNAUTHORISED)
            page = await read(partition, body, request.query, to_datetime(self._clock.now()))
            await _stored(take, page)
        except Refusal as refusal:
            self._emit(RequestRefused(partition, refusal.body.code))
            return refusal.response()
        finally:
            self._here -= here
        said = {"status": "accepted", what: len(getattr(page, what)), "page": page.page, "pages": page.pages}
        return web.Response(body=msgspec.json.encode(said), headers=JSON)

    def _sender(self, request: web.Request) -> str:
        if not self._admission.admits(request):
            raise never(401, "unauthorised", _UNAUTHORISED)
        sales_channel = request.match_info["sales_channel"]
        if sales_channel not in self._sales_channels:
            raise never(404, "sales_channel_unknown", "This sales channel is not configured here; check the path.")
        return sales_channel

    def _check_now(self, request: web.Request) -> None:
        check_content(request)
        wait_s = self._pressure() if self._here < _BODIES_MAX else BUSY_RETRY_S
        if wait_s is not None:
            raise later(503, "busy", "Nothing can be taken at the moment; nothing was stored.", wait_s)


async def _stored(take: Take[P], page: P) -> None:
    try:
        await take(page)
    except StoreFull:
        raise later(503, "store_full", "The store has no room; nothing was stored.", _STORE_RETRY_S) from None
    except Stop:
        message = "The store cannot take anything; nothing is promised about this request, so send it again."
        raise later(503, "stopping", message, _STORE_RETRY_S) from None


# -- reading a body ----------------------------------------------------------------------------------------------------


def decoded(decode: Callable[[], T]) -> T:
    """What `decode` makes of a body; a refusal for what is no JSON, or not of its shape."""
    try:
        return decode()
    except msgspec.ValidationError as error:
        raise never(422, "manifest_invalid", f"This is no page of a manifest: {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise never(400, "json_malformed", "The body is not valid JSON.") from None


def head_in(query: Mapping[str, str], kind: type[H]) -> H:
    """What the query says of a page whose body is rows alone. Raises msgspec.ValidationError."""
    names = (field.encode_name for field in msgspec.structs.fields(kind))
    return msgspec.convert({name: query[name] for name in names if name in query}, kind, strict=False)


def bare_rows(body: bytes, row: Any) -> list[Any]:
    """The rows of a body that is rows alone; Patchworks may send an array of one as its one item, bare.

    Raises msgspec.DecodeError.
    """
    if body.lstrip().startswith(b"["):
        rows: list[Any] = msgspec.json.Decoder(list[row], float_hook=str).decode(body)
        return rows
    return [msgspec.json.Decoder(row, float_hook=str).decode(body)]


def check_page(head: Head, rows: int, *, rows_max: int) -> None:
    """Refuse a number that cannot be, pages without a name, and a page that is too long."""
    if head.page > head.pages:
        raise never(422, "page_invalid", "`page` must not be above `pages`.")
    if head.pages > 1 and not head.manifest:
        raise never(422, "manifest_missing", "Pages of one manifest must have the same `manifest`: the run's id, say.")
    if rows > rows_max:
        raise never(413, "items_too_many", f"A page has at most {rows_max} rows; send more pages.")


def in_utc(moment: datetime, what: str) -> datetime:
    """The instant in UTC; one without a zone is refused."""
    if moment.tzinfo is None:
        raise never(422, "instant_without_zone", f"{what} a time zone (2026-11-20T00:00:00Z).")
    return moment.astimezone(UTC)
