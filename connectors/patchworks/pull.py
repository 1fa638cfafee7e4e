"""What Patchworks can fetch from us on a schedule: `GET /v1/{what}/{sales_channel}?since=&limit=`, page by page.

    200  {"<what>": [row, ...], "cursor": "...", "more": true | false, "next": "/v1/...?since=..." | null}

`since` is a cursor that an earlier page gave, or an instant (ISO 8601, with a zone), or left out for the beginning.
Rows come in an order that does not change while they are paged through, and a page is bounded in rows and bytes, since
every page becomes a payload of its own. `cursor` is also given on the last page: the next fetch begins there. A cursor
is opaque to whoever fetches, and belongs to one list of one sales channel.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec
from aiohttp import web
from yarl import URL

from connectors.patchworks.admission import Admission
from runtime.clock import Instant, to_instant
from runtime.errors import SeamlineError
from runtime.telemetry.events import RequestRefused

ROWS_MAX: Final = 1_000
ROWS_DEFAULT: Final = 500
PAGE_BYTES_MAX: Final = 500_000
"""Patchworks advises many payloads of half a megabyte. A row that is larger makes a page of its own."""
POSITION_LENGTH_MAX: Final = 200
_CHECK_BYTES: Final = 6
_RETRY_S: Final = 30
_JSON: Final = {"Content-Type": "application/json", "Cache-Control": "no-store"}


class PullRow(msgspec.Struct, frozen=True):
    """One row: its place in the list's order, as text that only the reader understands, and its JSON."""

    position: str
    body: bytes


After = str | Instant | None
"""Where to read on: after the row at this position; or what changed at or after this instant; or from the beginning."""

ReadRows = Callable[[str, After, int], Awaitable[Sequence[PullRow]]]
"""`read(sales_channel, after, limit)`: at most `limit` rows in the list's one order.

The order must be such that a row which appears or changes later comes after all that were read before. Raises
`SeamlineError` when nothing can be read now. A position that it does not know (any more) is an empty page or a
`LookupError`, which refuses the cursor.
"""


class _Error(msgspec.Struct, frozen=True):
    code: str
    message: str
    retry: Literal["never", "later"]


class _Refusal(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message

    def response(self) -> web.Response:
        later = self.status >= web.HTTPInternalServerError.status_code
        error = _Error(self.code, self.message, "later" if later else "never")
        headers = dict(_JSON)
        if later:
            headers["Retry-After"] = str(_RETRY_S)
        if self.status == web.HTTPUnauthorized.status_code:
            headers["WWW-Authenticate"] = "Bearer"
        return web.Response(status=self.status, body=msgspec.json.encode({"error": error}), headers=headers)


def pull_routes(
    what: str,
    *,
    sales_channels: Collection[str],
    admission: Admission,
    read: ReadRows,
    emit: Callable[[object], None],
) -> list[web.RouteDef]:
    """The route of one list (`stock`, `fulfilments`), for `runtime.http.application`.

    `admission` is that of readers (`admission.readers_of`). `emit` receives a `RequestRefused` per refusal; its
    partition is empty until somebody has proved to be the sender.
    """

    async def answer(request: web.Request) -> web.Response:
        partition = ""
        try:
            partition = _sender(request, admission, sales_channels)
            after, limit = _asked(request, what, partition)
            rows, more = await _rows(read, partition, after, limit)
        except _Refusal as refusal:
            emit(RequestRefused(partition, refusal.code))
            return refusal.response()
        return _page(request, what, partition, rows, more=more)

    return [web.get(f"/v1/{what}/{{sales_channel}}", answer, allow_head=False)]


def cursor_of(what: str, sales_channel: str, position: str) -> str:
    """The cursor after this position of this list: letters, digits, `-` and `_`."""
    content = position.encode()
    return base64.urlsafe_b64encode(_check(what, sales_channel, content) + content).rstrip(b"=").decode()


def position_of(what: str, sales_channel: str, cursor: str) -> str | None:
    """The position in a cursor; None when it is no cursor of this list (a typing error, another sales channel's)."""
    try:
        content = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        check, place = content[:_CHECK_BYTES], content[_CHECK_BYTES:]
        return place.decode() if check == _check(what, sales_channel, place) else None
    except (binascii.Error, ValueError):
        return None


# -- the steps of one request ------------------------------------------------------------------------------------------


def _sender(request: web.Request, admission: Admission, sales_channels: Collection[str]) -> str:
    if not admission.admits(request):
        raise _Refusal(401, "unauthorised", "No live credentials in Authorization or X-API-Key.")
    sales_channel = request.match_info["sales_channel"]
    if sales_channel not in sales_channels:
        raise _Refusal(404, "sales_channel_unknown", "This sales channel is not configured here; check the path.")
    return sales_channel


def _asked(request: web.Request, what: str, sales_channel: str) -> tuple[After, int]:
    limit = request.query.get("limit", str(ROWS_DEFAULT))
    if not (limit.isascii() and limit.isdecimal() and 1 <= int(limit[:6]) <= ROWS_MAX):
        raise _Refusal(400, "limit_invalid", f"`limit` is a whole number from 1 to {ROWS_MAX}.")
    since = request.query.get("since", "").strip()
    if not since:
        return None, int(limit)
    position = position_of(what, sales_channel, since)
    if position is not None:
        return position, int(limit)
    for text in (since, "+".join(since.rsplit(" ", 1))):  # a plus sign that nobody encoded arrives as a space
        try:
            return to_instant(datetime.fromisoformat(text)), int(limit)
        except ValueError:
            pass
    message = "`since` is a cursor of this list, or an instant in ISO 8601 with its zone (2026-11-20T09:00:00Z)."
    raise _Refusal(400, "since_invalid", message)


async def _rows(read: ReadRows, sales_channel: str, after: After, limit: int) -> tuple[list[PullRow], bool]:
    """The rows of the page, and whether there are more: one row more than wanted is asked for, to know."""
    try:
        found = list(await read(sales_channel, after, limit + 1))
    except LookupError:
        raise _Refusal(400, "since_unknown", "This cursor is not known any more; begin again without it.") from None
    except SeamlineError:
        raise _Refusal(503, "busy", "Nothing can be read at the moment.") from None
    page: list[PullRow] = []
    used_bytes = 0
    for row in found[:limit]:
        used_bytes += len(row.body) + 1
        if page and used_bytes > PAGE_BYTES_MAX:
            break
        page.append(row)
    return page, len(found) > len(page)


def _page(request: web.Request, what: str, sales_channel: str, rows: list[PullRow], *, more: bool) -> web.Response:
    asked = request.query.get("since", "").strip()
    cursor = cursor_of(what, sales_channel, rows[-1].position) if rows else asked
    follow = URL(request.path).with_query({**request.query, "since": cursor}) if more else None
    content = {
        what: [msgspec.Raw(row.body) for row in rows],
        "cursor": cursor,
        "more": more,
        "next": follow and str(follow),
    }
    return web.Response(body=msgspec.json.encode(content), headers=_JSON)


def _check(what: str, sales_channel: str, content: bytes) -> bytes:
    """Ties a cursor to its list. It keeps mistakes out, not attackers: a position tells nothing that rows do not."""
    return hashlib.blake2b(
        b"\0".join((what.encode(), sales_channel.encode(), content)), digest_size=_CHECK_BYTES
    ).digest()
