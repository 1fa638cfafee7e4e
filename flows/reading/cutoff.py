"""What people may ask about the cut-off of a month: every order with its shipments and its money, some at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from flows.model.closing import Moved
from flows.model.invoices import read_invoiced
from flows.model.month import Month
from flows.monthly.cutoff import Cutoff, Sold
from flows.monthly.gathering import day_moved, day_of
from flows.monthly.report import Report
from flows.monthly.uncosted import Costs, Uncosted
from flows.reading import Reading
from flows.reading.close import ClosePolicy
from runtime.clock import Instant, to_datetime, to_instant

_ROWS: Final = 5_000


async def cutoff(read: Reading, month: Month, policy: ClosePolicy, watched: frozenset[str]) -> Report:
    """The cut-off of a month. `watched`: sales channels whose shipments are watched."""
    zone, before = policy.zone, to_instant(month.ended(policy.zone))
    ((reads_invoices, looks_for_costs, any_booked),) = await read.query("report_reads", str(month.last))
    costs = await _costs(read, month, zone, watched, any_booked=bool(any_booked)) if looks_for_costs else None
    found, after, newest = Cutoff(month, invoices=bool(reads_invoices), costs=costs), "", Instant(0)
    while rows := await read.query("report_sold", after, _ROWS):
        last = rows[-1][0]
        shipments: dict[str, list[date]] = {}
        for key, shipped_at, seen_at in await read.query("report_shipments", after, last):
            shipments.setdefault(key, []).append(day_of(shipped_at, zone))
            newest = max(newest, seen_at) if shipped_at < before else newest
        days = {(key, reference): day for key, reference, day in await read.query("report_days", after, last)}
        for row in rows:
            if row[1] in watched:
                found.add(_sold(row, shipments, days, zone))
            elif row[3] < before:
                found.leave_out(row[1])
            newest = max(newest, row[3]) if row[3] < before else newest
        after = last
    return found.report(str(zone), to_datetime(newest) if newest else None)


async def _costs(read: Reading, month: Month, zone: ZoneInfo, watched: frozenset[str], *, any_booked: bool) -> Costs:
    """Shipments of these sales channels whose cost was not booked by the end of the month."""
    before, after, found = to_instant(month.ended(zone)), ("", ""), dict[str, Uncosted]()
    while rows := await read.query("report_uncosted", before, str(month.last), *after, _ROWS):
        for shipment, number, key, sales_channel, reference, shipped_at in rows:
            after = (shipment, key)
            if sales_channel not in watched:
                continue
            day, order = day_of(shipped_at, zone), (key, reference or "")
            known = found.get(shipment)
            found[shipment] = (
                Uncosted(shipment=shipment, number=number, sales_channel=sales_channel, orders=(order,), day=day)
                if known is None
                else replace(known, orders=(*known.orders, order), day=min(known.day, day))
            )
    unread = 0
    for name in sorted(watched):
        ((count,),) = await read.query("report_costs_unread", name, before)
        unread += count
    return Costs(missing=tuple(found.values()), unread=unread, any_booked=any_booked)


def _sold(
    row: Sequence[Any],
    shipments: Mapping[str, Sequence[date]],
    days: Mapping[tuple[str, str], str],
    zone: ZoneInfo,
) -> Sold:
    key, sales_channel, number, at, amount, currency, tenders, is_open, invoices = row
    moved = None
    if tenders is not None:
        moved = tuple(
            (
                each.currency,
                each.amount if each.way == "charge" else -each.amount,
                day_moved(each, days.get((key, each.id)), at, zone),
            )
            for each in msgspec.json.decode(tenders, type=tuple[Moved, ...])
            if each.way != "dispute"
        )
    return Sold(
        key=key, sales_channel=sales_channel, number=number, day=day_of(at, zone), amount=Decimal(amount),
        currency=currency, shipments=tuple(shipments.get(key, ())), is_open=bool(is_open), moved=moved,
        invoices=None if invoices is None else read_invoiced(invoices),
    )  # fmt: skip
