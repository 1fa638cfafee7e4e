"""Where a sales channel says which orders it has: `POST /v1/manifests/orders/{sales_channel}`.

    {"from": "2026-11-20T00:00:00Z", "to": "2026-11-21T00:00:00Z", "orders": ["1001", {"id": 1002, "version": "..."}]}

The window is over the time of purchase: `from` is in it, `to` is not. An order is its id, or an object with `id` and,
if it is to be compared, `version` (or `updated_at`): its time of change. Pages, and bare arrays with the rest in the
query (`?from=&to=`), are as in `manifest_pages`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from connectors.patchworks.items import ORDER_ID_LENGTH_MAX, never
from connectors.patchworks.manifest_pages import Head, Page, bare_rows, check_page, decoded, head_in, in_utc
from runtime.delivery import digest

ORDERS_PER_PAGE_MAX: Final = 5_000


class Listed(msgspec.Struct, frozen=True, omit_defaults=True):
    """An order that the sales channel has. `version` as it was sent; empty when only the id was."""

    id: str
    version: str = ""


class ManifestPage(Page, frozen=True, kw_only=True):
    """One page of a manifest of orders. `began` and `ended` are its window, in UTC."""

    began: datetime
    ended: datetime
    orders: tuple[Listed, ...]


class _Row(msgspec.Struct):
    id: str | int
    version: str | None = None
    updated_at: str | None = None


_AnyRow = str | int | _Row


class _Window(Head, kw_only=True):
    from_: datetime = msgspec.field(name="from")
    to: datetime


class _Sent(_Window, kw_only=True):
    orders: list[_AnyRow]


async def read_orders(sales_channel: str, body: bytes, query: Mapping[str, str], now: datetime) -> ManifestPage:
    """`read_page`, for the route."""
    return read_page(sales_channel, body, query, now)


def read_page(sales_channel: str, body: bytes, query: Mapping[str, str], now: datetime) -> ManifestPage:
    """The page that a request brings. Raises Refusal, which says what is wrong with it."""
    window, rows = decoded(lambda: _sent(body, query))
    began, ended = (in_utc(moment, "`from` and `to` need") for moment in (window.from_, window.to))
    if not began < ended:
        raise never(422, "window_empty", "`from` must be before `to`.")
    if began > now:
        raise never(422, "window_ahead", "The window has not begun; check the time zone of `from`.")
    check_page(window, len(rows), rows_max=ORDERS_PER_PAGE_MAX)
    orders = tuple(_listed(row, index) for index, row in enumerate(rows))
    content = digest(msgspec.json.encode((window.pages, orders))).hex()
    return ManifestPage(
        sales_channel=sales_channel,
        began=began,
        ended=ended,
        manifest=window.manifest or content,
        page=window.page,
        pages=window.pages,
        orders=orders,
        digest=content,
    )


def _sent(body: bytes, query: Mapping[str, str]) -> tuple[_Window, list[_AnyRow]]:
    """What was sent. With a window in the query the body is rows alone."""
    if "from" in query:
        return head_in(query, _Window), bare_rows(body, _AnyRow)
    sent = msgspec.json.decode(body, type=_Sent)
    return sent, sent.orders


def _listed(row: _AnyRow, index: int) -> Listed:
    given = row if isinstance(row, _Row) else _Row(row)
    order_id = str(given.id).strip()
    if not (0 < len(order_id) <= ORDER_ID_LENGTH_MAX and order_id.isprintable()):
        raise never(422, "order_id_unusable", "The order id is empty, unprintable or too long.", item=index)
    return Listed(order_id, (given.version or given.updated_at or "")[:100])
