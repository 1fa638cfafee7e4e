"""Where a sales channel says which fulfilments it has: `POST /v1/manifests/fulfilments/{sales_channel}`.

    {"listed_at": "2026-11-20T16:00:00Z", "fulfilments": ["out-55310-6104889327714",
      {"fulfilment_id": "out-55311-6104889327715", "tracking": ["1Z999AA10123456784"]},
      {"order_id": "6104889327716", "tracking": ["H00AB1234567890"]}]}

A row is the `fulfilment_id` that the sales channel was sent, or an object with it; where the sales channel does not
keep it, the order's id and the tracking numbers name it as well. Each page counts by itself: what it lists was told,
and what it does not list is not said to be missing. Pages, and bare arrays, are as in `manifest_pages`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from connectors.patchworks.items import ORDER_ID_LENGTH_MAX, never
from connectors.patchworks.manifest_pages import Head, Page, bare_rows, check_page, decoded, head_in, in_utc
from runtime.delivery import digest

FULFILMENTS_PER_PAGE_MAX: Final = 1_000
_ID_LENGTH_MAX: Final = ORDER_ID_LENGTH_MAX + 40
_NUMBER_LENGTH_MAX: Final = 100
_NUMBERS_MAX: Final = 100


class ListedFulfilment(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A fulfilment that the sales channel has: by its id, or by its order and what it is tracked by."""

    fulfilment_id: str = ""
    order_id: str = ""
    tracking: tuple[str, ...] = ()


class FulfilmentPage(Page, frozen=True, kw_only=True):
    """One page of what a sales channel was told. `listed_at`: when it was asked, in UTC; None: not said."""

    fulfilments: tuple[ListedFulfilment, ...]
    listed_at: datetime | None = None


class _Row(msgspec.Struct):
    fulfilment_id: str | int | None = None
    order_id: str | int | None = None
    tracking: list[str | int] | None = None


_AnyRow = str | int | _Row


class _Offer(Head, kw_only=True):
    listed_at: datetime | None = None


class _Sent(_Offer, kw_only=True):
    fulfilments: list[_AnyRow]


async def read_fulfilments(sales_channel: str, body: bytes, query: Mapping[str, str], now: datetime) -> FulfilmentPage:  # noqa: ARG001 - as the other manifests
    """The page that a request brings. Raises Refusal, which says what is wrong with it."""
    head, rows = decoded(lambda: _sent(body, query))
    check_page(head, len(rows), rows_max=FULFILMENTS_PER_PAGE_MAX)
    fulfilments = tuple(_listed(row, index) for index, row in enumerate(rows))
    content = digest(msgspec.json.encode((head.pages, fulfilments))).hex()
    return FulfilmentPage(
        sales_channel=sales_channel,
        manifest=head.manifest or content,
        page=head.page,
        pages=head.pages,
        fulfilments=fulfilments,
        digest=content,
        listed_at=None if head.listed_at is None else in_utc(head.listed_at, "`listed_at` needs"),
    )


def _sent(body: bytes, query: Mapping[str, str]) -> tuple[_Offer, list[_AnyRow]]:
    if body.lstrip().startswith(b"["):
        return head_in(query, _Offer), bare_rows(body, _AnyRow)
    sent = msgspec.json.decode(body, type=_Sent)
    return sent, sent.fulfilments


def _listed(row: _AnyRow, index: int) -> ListedFulfilment:
    given = row if isinstance(row, _Row) else _Row(fulfilment_id=row)
    fulfilment_id, order_id = _text(given.fulfilment_id), _text(given.order_id)
    tracking = tuple(_text(number)[:_NUMBER_LENGTH_MAX] for number in (given.tracking or ())[:_NUMBERS_MAX])
    named = fulfilment_id or (order_id if tracking else "")
    if not (0 < len(named) <= _ID_LENGTH_MAX and named.isprintable()):
        message = "A row has a `fulfilment_id`, or an `order_id` with `tracking` numbers, printable and not too long."
        raise never(422, "fulfilment_unusable", message, item=index)
    return ListedFulfilment(fulfilment_id, order_id, tuple(number for number in tracking if number))


def _text(value: str | int | None) -> str:
    return "" if value is None else str(value).strip()
