"""What people may ask about a month: what still stands against it. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from flows.model.month import Month, month_of
from flows.monthly import gathering
from flows.monthly.board import Board, Item, board_of
from flows.monthly.gathering import CaseAt, OrderAt, PayoutAt, day_of
from flows.reading import Reading
from runtime.clock import Instant, to_instant


class ClosePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What is configured of a month: in which zone it has its days, and what is done at all."""

    time_zone: str
    sales_channels: tuple[str, ...]
    reconciles: bool
    settles: bool

    @property
    def zone(self) -> ZoneInfo:
        """The company's time zone."""
        return ZoneInfo(self.time_zone)


async def close_board(read: Reading, month: Month, today: date, policy: ClosePolicy) -> Board:
    """What stands against a month now."""
    zone, before = policy.zone, to_instant(month.ended(policy.zone))
    found: list[Item] = [*gathering.unconfigured(month, reconciles=policy.reconciles, settles=policy.settles)]
    if policy.reconciles:
        found += await _unstated(read, month, today, policy)
    orders = [_order(row) for row in await read.query("close_orders", before, int(policy.reconciles))]
    found += gathering.of_orders(orders, zone)
    found += gathering.of_cases([CaseAt(**_named(CaseAt, row)) for row in await read.query("close_cases")], zone)
    found += gathering.of_payouts(await _payouts(read), zone, today)
    found += gathering.of_postings(await read.query("close_postings", str(month.last)))
    found += gathering.of_left(await read.query("close_left"), zone)
    if policy.settles:
        found += gathering.of_unsettled(await read.query("close_unsettled", before), zone)
        found += gathering.of_unfollowed(await read.query("close_unfollowed", before), zone)
    found += gathering.of_suspense(await read.query("close_suspense", before), zone)
    found += gathering.of_accepted(await read.query("close_accepted", before), zone)
    return board_of(found, month, today, policy.time_zone)


async def first_month(read: Reading, zone: ZoneInfo) -> Month | None:
    """The first month that anything is known of; None: nothing is."""
    ((placed, paid, stated),) = await read.query("close_beginning")
    days = [date.fromisoformat(text) for text in (paid, stated) if text is not None]
    days += [] if placed is None else [day_of(Instant(placed), zone)]
    return month_of(min(days)) if days else None


async def _unstated(read: Reading, month: Month, today: date, policy: ClosePolicy) -> Collection[Item]:
    rows = await read.query("close_statements", str(month.first), str(month.last))
    verdicts = {(name, date.fromisoformat(day)): verdict for name, day, verdict, _ in rows}
    first: dict[str, date] = {}
    for name, stated, placed in await read.query("close_first_days"):
        day = day_of(Instant(placed), policy.zone) if stated is None else date.fromisoformat(stated)
        first[name] = min(day, first.get(name, day))
    return list(gathering.of_statements(verdicts, first, policy.sales_channels, month, today))


async def _payouts(read: Reading) -> list[PayoutAt]:
    let_stand: dict[str, list[tuple[str, str]]] = {}
    for key, kinds, by in await read.query("close_let_stand"):
        let_stand.setdefault(key, []).append((kinds or "", by))
    found = []
    for row in await read.query("close_payouts"):
        *figures, kinds = row
        fields = _named(PayoutAt, (*figures, frozenset((kinds or "").split(",")), tuple(let_stand.get(row[0], ()))))
        flags = {name: bool(fields[name]) for name in ("is_statement", "received", "reported", "judged")}
        found.append(PayoutAt(**{**fields, **flags}))
    return found


def _order(row: Sequence[Any]) -> OrderAt:
    return OrderAt(**{**_named(OrderAt, row), "unread": bool(row[-1])})


def _named(kind: type[msgspec.Struct], row: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(kind.__struct_fields__, row, strict=True))
