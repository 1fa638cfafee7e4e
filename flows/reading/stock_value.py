"""What people may ask about the value of stock at the end of a month, as it was kept then."""

from __future__ import annotations

from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from flows.model.month import Month
from flows.monthly.report import Report
from flows.monthly.stock_value import Stocked, stock_value
from flows.reading import Reading
from runtime.clock import Instant, to_datetime

_ROWS: Final = 5_000


async def kept_stock_value(read: Reading, month: Month, zone: ZoneInfo, currency: str) -> Report | None:
    """The value of stock at the end of a month; None: what was on stock then is not kept."""
    rows = await read.query("month_kept", str(month))
    if not rows:
        return None
    ((began, kept, _),) = rows
    found: list[Stocked] = []
    after = ("", "")
    while page := await read.query("month_stock", str(month), *after, _ROWS):
        found += [
            Stocked(place=place, sku=sku, on_hand=Decimal(on_hand), cost=None if cost is None else Decimal(cost))
            for place, sku, on_hand, cost, _ in page
        ]
        after = tuple(page[-1][:2])
    return stock_value(
        month, found, currency=currency, time_zone=str(zone), began=to_datetime(Instant(began)),
        kept=to_datetime(Instant(kept)), ended=month.ended(zone),
    )  # fmt: skip
