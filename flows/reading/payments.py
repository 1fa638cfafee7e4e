"""What people may ask of the store about payments after the import, and about what went to suspense. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from flows.reading import Reading
from flows.reading.pages import Place
from runtime.clock import to_datetime, to_instant

_FOREVER = 1 << 62


class PaymentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One tender event of an order, and its record in Fulfil. Amounts are exact decimals.

    `wanted` is where its transaction shall stand there, `reached` where it stands; both are empty where there is none
    to be. `paid` is in the currency in which it moved, `amount` in that of the sale.
    """

    seen_at: datetime
    order: str
    record: str
    sales_channel: str
    order_reference: str
    sale: int
    kind: str
    reference: str
    gateway: str | None
    method: str
    tender: str
    paid: str
    paid_currency: str
    amount: str | None
    currency: str
    rate: str | None
    rate_date: str | None
    fee: str | None
    day: str | None
    status: str
    suspense: bool
    why: str
    wanted: str
    reached: str
    transaction: int | None
    found: bool
    recorded_at: datetime | None

    @property
    def place(self) -> Place:
        """Its place in the list of payments."""
        return Place(to_instant(self.seen_at), f"{self.order} {self.record}")


class SuspendedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A tax or a gateway that is not mapped, and went where finance has approved."""

    at: datetime
    order: str
    sales_channel: str
    order_reference: str
    kind: str
    name: str
    target: str
    amount: str
    currency: str
    approved_by: str
    day: date | None = None
    """The business day on which it was paid, else ordered; by it a month has it."""
    cleared_by: str = ""
    """Who has said that it was moved to where it belongs; empty: nobody, or it was another amount."""


async def payments(
    read: Reading, *, order: str = "", status: str = "", place: Place | None = None, limit: int = 50
) -> list[PaymentRow]:
    """Payments beyond those in creates: of one order, or the latest first. The next page begins behind the `place`."""
    if order:
        rows = await read.query("payments_of_order", order)
        return [_payment(row) for row in rows if not status or row[18] == status][:limit]
    at, name = (_FOREVER, None) if place is None else (place.at, place.name)
    return [_payment(row) for row in await read.query("payments_listed", status, at, limit, name)]


async def in_suspense(read: Reading, zone: ZoneInfo, *, limit: int = 50) -> list[SuspendedRow]:
    """What went to suspense, what was paid last first: in creates of sales, and payments that came later."""
    found = await read.query("suspended_listed", _FOREVER, limit)
    later = [_payment(row) for row in await read.query("payments_suspended", limit)]
    keys = sorted({row[1] for row in found} | {each.order for each in later})
    cleared = {tuple(row[:5]): row[5] for row in await read.query_list("suspense_cleared", keys)}
    rows = [SuspendedRow(**_with_moments(SuspendedRow, (*row, None, ""))) for row in found]
    rows = [
        msgspec.structs.replace(
            row, day=row.at.astimezone(zone).date(),
            cleared_by=cleared.get((row.order, row.kind, row.name, "", row.amount), ""),
        )
        for row in rows
    ]  # fmt: skip
    rows += [
        SuspendedRow(
            at=each.seen_at, order=each.order, sales_channel=each.sales_channel,
            order_reference=each.order_reference, kind="gateway", name=each.gateway or "", target=each.method,
            amount=each.amount or each.paid, currency=each.currency if each.amount else each.paid_currency,
            approved_by="",
            day=each.seen_at.astimezone(zone).date() if each.day is None else date.fromisoformat(each.day),
            cleared_by=cleared.get(
                (each.order, "gateway", each.gateway or "", each.record, each.amount or each.paid), ""
            ),
        )
        for each in later
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (row.day or date.min, row.at), reverse=True)[:limit]


def _payment(row: Sequence[Any]) -> PaymentRow:
    fields = _with_moments(PaymentRow, row)
    return PaymentRow(**{**fields, "suspense": bool(fields["suspense"]), "found": bool(fields["found"])})


def _with_moments(kind: type[msgspec.Struct], row: Sequence[Any]) -> dict[str, Any]:
    fields = dict(zip(kind.__struct_fields__, row, strict=True))
    moments = {name: to_datetime(fields[name]) for name in _MOMENTS if fields.get(name) is not None}
    return {**fields, **moments}


_MOMENTS = ("seen_at", "recorded_at", "at")
