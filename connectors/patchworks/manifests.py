"""Where a sales channel says which orders it has: `POST /v1/manifests/orders/{sales_channel}`, in bounded pages.

    {"from": "2026-11-20T00:00:00Z", "to": "2026-11-21T00:00:00Z", "orders": ["1001", {"id": 1002, "version": "..."}]}

The window is over the time of purchase: `from` is in it, `to` is not. An order is its id, or an object with `id` and,
if it is to be compared, `version` (or `updated_at`): its time of change. Of several pages each has the same `manifest`
(a text of the sender's own, such as the run's id), its number as `page`, from 1, and how many there are as `pages`. A
flow whose payload is a bare array says the same in the query (`?from=&to=`). A 2xx is given only after the page is on
disk.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web
from msgspec import Meta

from connectors.patchworks.admission import SignedAdmission
from connectors.patchworks.config import IntakeSettings
from connectors.patchworks.intake import Pressure
from connectors.patchworks.items import BUSY_RETRY_S, JSON, ORDER_ID_LENGTH_MAX, Refusal, body_of, later, never
from runtime.clock import Clock, to_datetime
from runtime.delivery import digest
from runtime.errors import Stop, StoreFull
from runtime.telemetry.events import RequestRefused

ORDERS_PER_PAGE_MAX: Final = 5_000
PAGES_MAX: Final = 1_000
_BODIES_MAX: Final = 2
"""Bodies that may arrive at once; a manifest can wait."""
_OF_THE_QUERY: Final = ("from", "to", "manifest", "page", "pages")
_STORE_RETRY_S: Final = 30
_UNAUTHORISED: Final = "Nothing in the headers proves who is sending; check the authentication of the connector."


class Listed(msgspec.Struct, frozen=True, omit_defaults=True):
    """An order that the sales channel has. `version` as it was sent; empty when only the id was."""

    id: str
    version: str = ""


class ManifestPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a manifest. `began` and `ended` are its window, in UTC."""

    sales_channel: str
    began: datetime
    ended: datetime
    manifest: str
    page: int
    pages: int
    orders: tuple[Listed, ...]
    digest: str


class _Row(msgspec.Struct):
    id: str | int
    version: str | None = None
    updated_at: str | None = None


class _Sent(msgspec.Struct, kw_only=True):
    from_: datetime = msgspec.field(name="from")
    to: datetime
    orders: list[str | int | _Row]
    manifest: Annotated[str, Meta(max_length=100)] = ""
    page: Annotated[int, Meta(ge=1, le=PAGES_MAX)] = 1
    pages: Annotated[int, Meta(ge=1, le=PAGES_MAX)] = 1


def manifest_routes(
    settings: IntakeSettings,
    *,
    sales_channels: Collection[str],
    admission: SignedAdmission,
    take: Callable[[ManifestPage], Awaitable[None]],
    clock: Clock,
    emit: Callable[[object], None],
    pressure: Pressure,
) -> list[web.RouteDef]:
    """The route, for `runtime.http.application`; it admits whom the intake admits.

    `take` makes a page durable, or raises StoreFull. `emit` receives a `RequestRefused` per refusal.
    """
    arriving = 0

    async def receive(request: web.Request) -> web.Response:
        nonlocal arriving
        partition = ""
        try:
            partition = _sender(request, admission, sales_channels)
            wait_s = pressure() if arriving < _BODIES_MAX else BUSY_RETRY_S
            if wait_s is not None:
                raise later(503, "busy", "Nothing can be taken at the moment; nothing was stored.", wait_s)
            arriving += 1
            try:
                body = await body_of(request, settings, instead="send more pages")
            finally:
                arriving -= 1
            if not admission.vouches(request, body):
                partition = ""
                raise never(401, "unauthorised", _UNAUTHORISED)
            page = read_page(partition, body, request.query, to_datetime(clock.now()))
            await _stored(take, page)
        except Refusal as refusal:
            emit(RequestRefused(partition, refusal.body.code))
            return refusal.response()
        said = {"status": "accepted", "orders": len(page.orders), "page": page.page, "pages": page.pages}
        return web.Response(body=msgspec.json.encode(said), headers=JSON)

    return [web.post("/v1/manifests/orders/{sales_channel}", receive)]


def read_page(sales_channel: str, body: bytes, query: Mapping[str, str], now: datetime) -> ManifestPage:
    """The page that a request brings. Raises Refusal, which says what is wrong with it."""
    sent = _decoded(body, query)
    began, ended = (_utc(moment) for moment in (sent.from_, sent.to))
    if not began < ended:
        raise never(422, "window_empty", "`from` must be before `to`.")
    if began > now:
        raise never(422, "window_ahead", "The window has not begun; check the time zone of `from`.")
    if sent.page > sent.pages:
        raise never(422, "page_invalid", "`page` must not be above `pages`.")
    if sent.pages > 1 and not sent.manifest:
        raise never(422, "manifest_missing", "Pages of one manifest must have the same `manifest`: the run's id, say.")
    if len(sent.orders) > ORDERS_PER_PAGE_MAX:
        message = f"A page has at most {ORDERS_PER_PAGE_MAX} orders; send more pages."
        raise never(413, "items_too_many", message)
    orders = tuple(_listed(row, index) for index, row in enumerate(sent.orders))
    content = digest(msgspec.json.encode((sent.pages, orders))).hex()
    return ManifestPage(
        sales_channel=sales_channel,
        began=began,
        ended=ended,
        manifest=sent.manifest or content,
        page=sent.page,
        pages=sent.pages,
        orders=orders,
        digest=content,
    )


# -- the steps of one request ------------------------------------------------------------------------------------------


def _sender(request: web.Request, admission: SignedAdmission, sales_channels: Collection[str]) -> str:
    if not admission.admits(request):
        raise never(401, "unauthorised", _UNAUTHORISED)
    sales_channel = request.match_info["sales_channel"]
    if sales_channel not in sales_channels:
        raise never(404, "sales_channel_unknown", "This sales channel is not configured here; check the path.")
    return sales_channel


async def _stored(take: Callable[[ManifestPage], Awaitable[None]], page: ManifestPage) -> None:
    try:
        await take(page)
    except StoreFull:
        raise later(503, "store_full", "The store has no room; nothing was stored.", _STORE_RETRY_S) from None
    except Stop:
        message = "The store cannot take anything; nothing is promised about this request, so send it again."
        raise later(503, "stopping", message, _STORE_RETRY_S) from None


def _decoded(body: bytes, query: Mapping[str, str]) -> _Sent:
    """What was sent. With a window in the query the body is rows alone; Patchworks may send an array of one bare."""
    try:
        if "from" not in query:
            return msgspec.json.decode(body, type=_Sent)
        asked: dict[str, Any] = {name: query[name] for name in _OF_THE_QUERY if name in query}
        rows = msgspec.json.decode(body)
        return msgspec.convert({**asked, "orders": rows if isinstance(rows, list) else [rows]}, _Sent, strict=False)
    except msgspec.ValidationError as error:
        raise never(422, "manifest_invalid", f"This is no page of a manifest: {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise never(400, "json_malformed", "The body is not valid JSON.") from None


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise never(422, "window_without_zone", "`from` and `to` need a time zone (2026-11-20T00:00:00Z).")
    return moment.astimezone(UTC)


def _listed(row: str | int | _Row, index: int) -> Listed:
    given = row if isinstance(row, _Row) else _Row(row)
    order_id = str(given.id).strip()
    if not (0 < len(order_id) <= ORDER_ID_LENGTH_MAX and order_id.isprintable()):
        raise never(422, "order_id_unusable", "The order id is empty, unprintable or too long.", item=index)
    return Listed(order_id, (given.version or given.updated_at or "")[:100])
