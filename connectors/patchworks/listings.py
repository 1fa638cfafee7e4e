"""Where a sales channel says what it offers: `POST /v1/manifests/listings/{sales_channel}`.

    {"manifest": "run-77", "page": 1, "pages": 2, "currency": "EUR", "listed_at": "2026-11-20T04:00:00Z", "listings": [
      {"id": "gid-1", "sku": "MUG-BLUE", "barcode": "0036000291452", "price": "24.50", "title": "Mug", "active": true}]}

A listing is one thing that can be bought: a variant, where a sales channel has variants. It has an `id`, or at least a
`sku`, which then stands for the id. `price` is exact, as text or as a number, and in `currency`, its own or that of the
page; what is not told is not compared. `listed_at` is when the sales channel was asked: of two lists the later counts,
in whatever order they come. Pages, and bare arrays with the rest in the query, are as in `manifest_pages`. A callback
flow answers with the same listings (`listings_in`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import anyio.lowlevel
import msgspec

from connectors.patchworks.items import Refusal, never
from connectors.patchworks.manifest_pages import Head, Page, bare_rows, check_page, decoded, head_in, in_utc
from connectors.patchworks.triggers import CallbackReply
from runtime.delivery import digest

LISTINGS_PER_PAGE_MAX: Final = 1_000
"""Of one page, so that taking it never holds up an order for long."""
LISTING_ID_LENGTH_MAX: Final = 200
_SKU_LENGTH_MAX: Final = 200
_BARCODE_LENGTH_MAX: Final = 100
_TITLE_LENGTH_MAX: Final = 200
_ROWS_PER_TURN: Final = 500
"""Listings looked at before the event loop gets its turn (about a millisecond)."""
_AHEAD: Final = timedelta(minutes=10)
"""How far the sender's clock may be ahead of ours."""
_PRICE_LENGTH_MAX: Final = 24
_price_text = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,18})?").fullmatch
_currency_text = re.compile(r"[A-Z]{3}").fullmatch


class ChannelListing(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Something that the sales channel offers. What is empty was not told; `price` is a plain decimal number."""

    id: str
    sku: str = ""
    barcode: str = ""
    price: str = ""
    currency: str = ""
    title: str = ""
    active: bool = True


class ListingPage(Page, frozen=True, kw_only=True):
    """One page of what a sales channel offers. `listed_at`: when it was asked, in UTC; None when that was not told."""

    listings: tuple[ChannelListing, ...]
    listed_at: datetime | None = None


class _Row(msgspec.Struct):
    id: str | int | None = None
    sku: str | int | None = None
    barcode: str | int | None = None
    price: Any = None
    currency: str | None = None
    title: str | None = None
    active: bool | None = None


class _Offer(Head, kw_only=True):
    currency: str = ""
    listed_at: datetime | None = None


class _Sent(_Offer, kw_only=True):
    listings: list[_Row] | msgspec.UnsetType = msgspec.UNSET


_decode_sent = msgspec.json.Decoder(_Sent, float_hook=str).decode


async def read_listings(sales_channel: str, body: bytes, query: Mapping[str, str], now: datetime) -> ListingPage:
    """The page that a request brings. Raises Refusal, which says what is wrong with it."""
    offer, rows = decoded(lambda: _sent(body, query))
    listed_at = in_utc(offer.listed_at, "`listed_at` needs") if offer.listed_at is not None else None
    if listed_at is not None and listed_at > now + _AHEAD:
        raise never(422, "listed_ahead", "`listed_at` has not come yet; check its time zone.")
    check_page(offer, len(rows), rows_max=LISTINGS_PER_PAGE_MAX)
    listings = await _listings(rows, offer.currency)
    content = digest(msgspec.json.encode((offer.pages, listings))).hex()
    return ListingPage(
        sales_channel=sales_channel,
        manifest=offer.manifest or content,
        page=offer.page,
        pages=offer.pages,
        listings=listings,
        digest=content,
        listed_at=listed_at,
    )


async def listings_in(reply: CallbackReply) -> tuple[ChannelListing, ...]:
    """The listings in the answer of a callback flow: its payloads are listings, or arrays of them.

    Raises Refusal, which says what is wrong with one.
    """
    listings: list[ChannelListing] = []
    for payload in reply.items:
        if payload.strip() not in {b"", b"null"}:
            listings += await _listings(decoded(partial(bare_rows, payload, _Row)), "")
    return tuple(listings)


def _sent(body: bytes, query: Mapping[str, str]) -> tuple[_Offer, list[_Row]]:
    """What was sent: an object with `listings`, or rows alone with the rest in the query."""
    if not body.lstrip().startswith(b"["):
        sent = _decode_sent(body)
        if sent.listings is not msgspec.UNSET:
            return sent, sent.listings
    return head_in(query, _Offer), bare_rows(body, _Row)


async def _listings(rows: Sequence[_Row], currency: str) -> tuple[ChannelListing, ...]:
    found = []
    for index, row in enumerate(rows):
        if index and index % _ROWS_PER_TURN == 0:
            await anyio.lowlevel.checkpoint()
        found.append(_listing(row, currency, index))
    return tuple(found)


def _listing(row: _Row, currency: str, index: int) -> ChannelListing:
    sku, barcode = _text(row.sku), _text(row.barcode)
    id_ = _text(row.id) or sku
    if not (0 < len(id_) <= LISTING_ID_LENGTH_MAX and id_.isprintable()):
        message = "A listing has neither `id` nor `sku`, or one that is unprintable or too long."
        raise never(422, "listing_id_unusable", message, item=index)
    if len(sku) > _SKU_LENGTH_MAX or len(barcode) > _BARCODE_LENGTH_MAX:
        raise never(422, "listing_unusable", "The SKU or the barcode of a listing is too long.", item=index)
    price = _price(row.price, index)
    currency = row.currency or currency
    if price and currency and _currency_text(currency) is None:
        raise never(422, "currency_unusable", "A currency is a code of three capital letters.", item=index)
    return ChannelListing(
        id=id_,
        sku=sku,
        barcode=barcode,
        price=price,
        currency=currency if price else "",
        title=(row.title or "")[:_TITLE_LENGTH_MAX],
        active=row.active is not False,
    )


def _text(value: str | int | None) -> str:
    return "" if value is None else str(value).replace("\x00", "").strip()


def _price(value: Any, index: int) -> str:
    """The price as it stands there; empty when there is none."""
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else value
    if text is None or text == "":
        return ""
    if not isinstance(text, str) or len(text) > _PRICE_LENGTH_MAX or _price_text(text) is None:
        raise never(422, "price_unusable", "A price is not a plain decimal number.", item=index)
    return text


def sentence_of(refusal: Refusal) -> str:
    """What a refusal says, for a case: which item of the answer, and what is wrong with it."""
    where = f" (item {refusal.body.item})" if refusal.body.item is not None else ""
    return f"{refusal.body.message.rstrip('.')}{where}"
