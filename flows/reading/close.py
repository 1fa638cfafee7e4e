"""What people may ask about a month: what still stands against it. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from flows.model.closing import ClosingSettings, Moved
from flows.model.month import Month, month_of
from flows.monthly import gathering
from flows.monthly.board import Board, BoardItem, Item, board_of, items_of
from flows.monthly.checks import Check
from flows.monthly.gathering import CaseAt, OrderAt, PayoutAt, day_of
from flows.reading import Reading
from flows.reconciler.settling import paid_off
from runtime.clock import Instant, to_instant

_OF_PAYOUTS: Final = list[tuple[str, Decimal, str, str, str, str]]


class ClosePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What is configured of a month: in which zone it has its days, and what is done at all."""

    time_zone: str
    sales_channels: tuple[str, ...]
    reconciles: bool
    closing: Mapping[str, ClosingSettings] = {}
    """By which evidence orders are settled; empty: they are not."""

    @property
    def settles(self) -> bool:
        """Whether orders are followed until they are settled."""
        return bool(self.closing)

    @property
    def zone(self) -> ZoneInfo:
        """The company's time zone."""
        return ZoneInfo(self.time_zone)


async def close_board(read: Reading, month: Month, today: date, policy: ClosePolicy) -> Board:
    """What stands against a month now."""
    return board_of(await _gathered(read, month, today, policy), month, today, policy.time_zone)


async def close_items(
    read: Reading, month: Month, today: date, policy: ClosePolicy, check: Check
) -> tuple[Board, tuple[BoardItem, ...]]:
    """What stands against a month now, and everything that one of its checks has found."""
    found = await _gathered(read, month, today, policy)
    return board_of(found, month, today, policy.time_zone), items_of(found, month, check)


async def _gathered(read: Reading, month: Month, today: date, policy: ClosePolicy) -> list[Item]:
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
        off = await _paid_otherwise(read, before, policy)
        found += gathering.of_unsettled(await read.query("close_unsettled", before), zone, off)
        found += gathering.of_unfollowed(await read.query("close_unfollowed", before), zone)
    found += gathering.of_suspense(await read.query("close_suspense", before, str(month.last)), zone)
    found += gathering.of_accepted(await read.query("close_accepted", before), zone)
    return found


async def _paid_otherwise(read: Reading, before: Instant, policy: ClosePolicy) -> dict[str, dict[str, Decimal]]:
    """By how much payouts have another amount of an order than its sales channel tells, in each currency."""
    found = {}
    for key, tenders, lines in await read.query("close_paid_otherwise", before):
        moved = msgspec.json.decode(tenders, type=tuple[Moved, ...])
        found[key] = paid_off(moved, msgspec.json.decode(lines, type=_OF_PAYOUTS), policy.closing)
    return found


async def first_month(read: Reading, zone: ZoneInfo) -> Month | None:
    """The first month that anything is known of; None: nothing is."""
    ((placed, paid, stated),) = await read.query("close_beginning")
    days = [date.fromisoformat(text) for text in (paid, stated) if text is not None]
    days += [] if placed is None else [day_of(Instant(placed), zone)]
    return month_of(min(days)) if days else None


async def _unstated(read: Reading, month: Month, today: date, policy: ClosePolicy) -> Collection[Item]:
    rows = await read.query("close_statements", "", str(month.last))
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
        flags = {name: bool(fields[name]) for name in ("is_statement", "received", "judged", "in_statement")}
        found.append(PayoutAt(**{**fields, **flags}))
    return found


def _order(row: Sequence[Any]) -> OrderAt:
    return OrderAt(**{**_named(OrderAt, row), "unread": bool(row[-1])})


def _named(kind: type[msgspec.Struct], row: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(kind.__struct_fields__, row, strict=True))
