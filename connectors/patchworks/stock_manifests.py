"""Where a sales channel says what stock it shows: `POST /v1/manifests/stock/{sales_channel}`.

    {"at": "2026-11-20T09:00:00Z", "levels": [{"sku": "MUG", "quantity": 4, "location": "MAIN", "at": "..."}]}

Of a level `sku` and `quantity` are needed: what the sales channel shows, a whole number. `location` is as the sales
channel calls it, left out where it has only one. `at` is when the level was read there: its own, else that of the page;
a level without either is as of its arrival. Pages, and bare arrays with the rest in the query, are as in
`manifest_pages`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import anyio.lowlevel
import msgspec

from connectors.patchworks.items import never
from connectors.patchworks.manifest_pages import Head, Page, bare_rows, check_page, decoded, head_in, in_utc
from runtime.delivery import digest

LEVELS_PER_PAGE_MAX: Final = 1_000
_SKU_LENGTH_MAX: Final = 200
_LOCATION_LENGTH_MAX: Final = 100
_QUANTITY_MAX: Final = 10**12
_ROWS_PER_TURN: Final = 500
_AHEAD: Final = timedelta(minutes=10)
"""How far the sender's clock may be ahead of ours."""


class ReportedLevel(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What the sales channel shows of a SKU, as of `at` in UTC."""

    sku: str
    quantity: int
    at: datetime
    location: str = ""


class StockPage(Page, frozen=True, kw_only=True):
    """One page of what a sales channel shows. `at`: the latest instant of its levels."""

    levels: tuple[ReportedLevel, ...]
    at: datetime

    @property
    def stock(self) -> tuple[ReportedLevel, ...]:
        """Its rows, by the name of the manifest."""
        return self.levels


class _Row(msgspec.Struct):
    sku: str | int | None = None
    quantity: Any = None
    available: Any = None
    """The same, as the levels that we send call it."""
    location: str | int | None = None
    at: datetime | None = None


class _Shelf(Head, kw_only=True):
    at: datetime | None = None


class _Sent(_Shelf, kw_only=True):
    levels: list[_Row] | msgspec.UnsetType = msgspec.UNSET


_decode_sent = msgspec.json.Decoder(_Sent, float_hook=str).decode


async def read_stock(sales_channel: str, body: bytes, query: Mapping[str, str], now: datetime) -> StockPage:
    """The page that a request brings. Raises Refusal, which says what is wrong with it."""
    shelf, rows = decoded(lambda: _sent(body, query))
    at = _moment(shelf.at, now)
    check_page(shelf, len(rows), rows_max=LEVELS_PER_PAGE_MAX)
    levels = await _levels(rows, at, now)
    content = digest(msgspec.json.encode((shelf.pages, levels))).hex()
    return StockPage(
        sales_channel=sales_channel,
        manifest=shelf.manifest or content,
        page=shelf.page,
        pages=shelf.pages,
        levels=levels,
        digest=content,
        at=max((level.at for level in levels), default=at),
    )


def _sent(body: bytes, query: Mapping[str, str]) -> tuple[_Shelf, list[_Row]]:
    """What was sent: an object with `levels`, or rows alone with the rest in the query."""
    if not body.lstrip().startswith(b"["):
        sent = _decode_sent(body)
        if sent.levels is not msgspec.UNSET:
            return sent, sent.levels
    return head_in(query, _Shelf), bare_rows(body, _Row)


def _moment(at: datetime | None, now: datetime) -> datetime:
    if at is None:
        return now
    moment = in_utc(at, "`at` needs")
    if moment > now + _AHEAD:
        raise never(422, "at_ahead", "`at` has not come yet; check its time zone.")
    return moment


async def _levels(rows: Sequence[_Row], at: datetime, now: datetime) -> tuple[ReportedLevel, ...]:
    found = []
    for index, row in enumerate(rows):
        if index and index % _ROWS_PER_TURN == 0:
            await anyio.lowlevel.checkpoint()
        found.append(_level(row, at, now, index))
    return tuple(found)


def _level(row: _Row, at: datetime, now: datetime, index: int) -> ReportedLevel:
    sku, location = _text(row.sku), _text(row.location)
    if not (0 < len(sku) <= _SKU_LENGTH_MAX and sku.isprintable()):
        raise never(422, "sku_unusable", "A level has no `sku`, or one that is unprintable or too long.", item=index)
    if len(location) > _LOCATION_LENGTH_MAX or not location.isprintable():
        raise never(422, "location_unusable", "The location of a level is unprintable or too long.", item=index)
    quantity = _quantity(row.quantity if row.quantity is not None else row.available)
    if quantity is None:
        raise never(422, "quantity_unusable", "A level has no `quantity` that is a number.", item=index)
    return ReportedLevel(sku, quantity, at if row.at is None else _moment(row.at, now), location)


def _text(value: str | int | None) -> str:
    return "" if value is None else str(value).replace("\x00", "").strip()


def _quantity(value: Any) -> int | None:
    """A whole number; what is shown of a part of a unit is rounded down. None: it is none."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number) > _QUANTITY_MAX:
        return None
    return int(number.to_integral_value(rounding="ROUND_FLOOR"))
