"""What goes to a flow in one start: payloads of stock levels and of fulfilments, cut to a size that flows like.

A payload is an object with a `batch_id` and one list. Levels are absolute, each with a sequence, so that a late or
repeated batch does no harm; a fulfilment has an id by which a flow drops a repeat.
Sources: Patchworks' own example of a fulfilment payload, its advice of half a megabyte per payload, its 8 MB limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

_MARGIN_BYTES: Final = 512
"""What a payload holds beside its lines."""
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


class StockLevel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An absolute quantity. `sequence` grows with every level of a SKU; `previous` is the last one published."""

    sku: str
    location: str
    available: int
    sequence: int
    previous: int | None = None


class OrderOfFulfilment(msgspec.Struct, frozen=True, kw_only=True):
    """The order as its sales channel knows it: `source` is the sales channel."""

    source: str
    id: str
    name: str


class Tracking(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A parcel's tracking number, and where to follow it."""

    number: str
    url: str = ""


class FulfilmentLine(msgspec.Struct, frozen=True, kw_only=True):
    """What was shipped of an order line."""

    order_line_id: str
    sku: str
    quantity: Decimal
    """A JSON number."""


class Fulfilment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was shipped of one order. A second, partial one has a `fulfilment_id` of its own; flows dedupe by it.

    `version` rises when something of it changes later, such as a tracking number: then it is an update. `version_id` is
    different for each version, for flows that dedupe.
    """

    fulfilment_id: str
    order: OrderOfFulfilment
    shipped_at: str
    """ISO 8601 in UTC."""
    location: str
    carrier: str
    lines: tuple[FulfilmentLine, ...]
    service: str = ""
    tracking: tuple[Tracking, ...] = ()
    notify_customer: bool = True
    version: int = 1
    version_id: str = ""


class Cut(msgspec.Struct, frozen=True):
    """Lines cut into batches, as indices, in their order; `too_large` are lines that fit into no batch."""

    batches: tuple[tuple[int, ...], ...]
    too_large: tuple[int, ...]


def cut(sizes_bytes: Sequence[int], *, lines_max: int, payload_bytes_max: int) -> Cut:
    """Put lines of these encoded sizes into as few batches as their order allows.

    One line that is too large delays nobody: it is left out and named.
    """
    room_bytes = payload_bytes_max - _MARGIN_BYTES
    batches: list[tuple[int, ...]] = []
    too_large: list[int] = []
    batch: list[int] = []
    used_bytes = 0
    for index, size_bytes in enumerate(sizes_bytes):
        if size_bytes + 1 > room_bytes:
            too_large.append(index)
            continue
        if batch and (len(batch) == lines_max or used_bytes + size_bytes + 1 > room_bytes):
            batches.append(tuple(batch))
            batch, used_bytes = [], 0
        batch.append(index)
        used_bytes += size_bytes + 1
    if batch:
        batches.append(tuple(batch))
    return Cut(tuple(batches), tuple(too_large))


def encoded(lines: Sequence[StockLevel] | Sequence[Fulfilment]) -> list[bytes]:
    """The lines as they will stand in a payload. The same line gives the same bytes."""
    return [_encode(line) for line in lines]


def payload(
    key: str, what: Literal["levels", "fulfilments"], lines: Sequence[bytes], generated_at: datetime
) -> msgspec.Raw:
    """A payload of encoded lines under the batch key. Raises ValueError for a time without a zone.

    The list is the last field, after `batch_id`, `generated_at` and, for levels, `mode: absolute`.
    """
    if generated_at.tzinfo is None:
        raise ValueError("a time without a zone has no place on the time line; give it a zone")
    head: dict[str, Any] = {
        "batch_id": key,
        "generated_at": generated_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    if what == "levels":
        head["mode"] = "absolute"
    return msgspec.Raw(msgspec.json.encode({**head, what: [msgspec.Raw(line) for line in lines]}))
