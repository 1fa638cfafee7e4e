"""What people may ask about the clearing of gateways in a month: everything that moved, read a part at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from flows.model.closing import ClosingSettings, Moved
from flows.model.money import EXACT
from flows.model.month import Month, month_in
from flows.model.payout import local_day
from flows.model.posting_matrix import LedgerEvent, PostingSettings, row_for
from flows.model.returned import LineAt, failed_payout, returned_payouts, returning_line
from flows.monthly.accounts import AccountMonth, Book, FulfilAccounts
from flows.monthly.clearing import Booked, ClearingBooks, Line, Movement, Payout
from flows.monthly.gathering import day_moved, day_of
from flows.monthly.report import Report
from flows.reading import Reading
from flows.reconciler.settling import BY_LINES, by_gateway
from runtime.clock import Instant, to_datetime, to_instant

_ROWS: Final = 5_000
_LAST: Final = "\U0010ffff"
"""Behind every key."""
_LEFT_OUT: Final[dict[str, str]] = {
    "none": "no payout of it has to come, as of gift cards and store credit (evidence = none)",
    "receivable": "its orders are paid by invoice, which Fulfil's receivables follow (evidence = receivable)",
    "excluded": "nobody can read its payouts, by the rule {rule!r} (evidence = excluded)",
}
"""What is said of a gateway of which no payouts are read, by its evidence."""


def left_out(closing: Mapping[str, ClosingSettings]) -> dict[str, str]:
    """Gateways of which no payouts are read, and why that is as it should be."""
    return {
        code: _LEFT_OUT[each.evidence].format(rule=each.rule)
        for code, each in closing.items()
        if each.evidence not in BY_LINES
    }


async def clearing(
    read: Reading,
    month: Month,
    zone: ZoneInfo,
    closing: Mapping[str, ClosingSettings],
    postings: PostingSettings | None,
) -> Report:
    """Clearing per gateway of a month."""
    settings = postings or PostingSettings()
    payouts, news = await _payouts(read, zone, settings)
    before = to_instant(month.ended(zone))
    moments = [told for key, told in news.items() if payouts[key].day <= month.last]
    books = ClearingBooks(month, payouts.values(), left_out=left_out(closing))
    failed = [failed_payout(row) for row in await read.query("payouts_failed")]
    returned = returned_payouts(failed, [returning_line(row) for row in await read.query("lines_returning")])
    async for rows in _pages(read, "report_lines", 2):
        books.add_lines([_line(row, zone, returned) for row in rows])
    async for rows in _pages(read, "report_booked", 2, ("", 0)):
        books.add_booked([_booked(row) for row in rows])
    after = ""
    async for rows in _pages(read, "report_orders", 1):
        await _add(read, books, rows, after, rows[-1][0], zone)
        after = rows[-1][0]
        moments += [Instant(at) for _, at, _ in rows if at < before]
    await _add(read, books, (), after, _LAST, zone)
    read_back = await read.query("month_accounts", str(month))
    moments += [Instant(at) for of, *_, at in read_back if of == str(month)]
    fulfil = FulfilAccounts(
        currency=settings.currency,
        months=[_account_month(row) for row in read_back],
        account_of=lambda book: _account_of(book, settings),
    )
    return books.report(str(zone), to_datetime(max(moments)) if moments else None, fulfil)


def _account_of(book: Book, settings: PostingSettings) -> str | None:
    """The account from which what such a gateway pays out is taken."""
    row = row_for(settings, LedgerEvent.PAYOUT, *book)
    return None if row is None else row.credit


def _account_month(row: Sequence[Any]) -> AccountMonth:
    month, account, debit, credit, is_final, read_at = row
    moved = EXACT.subtract(Decimal(debit), Decimal(credit))
    return AccountMonth(
        month=month_in(month),
        account=account,
        moved=moved,
        is_final=bool(is_final),
        read_at=to_datetime(Instant(read_at)),
    )


async def _pages(
    read: Reading, name: str, keys: int, first: tuple[Any, ...] | None = None
) -> AsyncIterator[Sequence[Any]]:
    """The rows of a statement that begins behind the first `keys` columns of the last row."""
    after: tuple[Any, ...] = first or ("",) * keys
    while rows := await read.query(name, *after, _ROWS):
        yield rows
        after = tuple(rows[-1][:keys])


async def _payouts(
    read: Reading, zone: ZoneInfo, settings: PostingSettings
) -> tuple[dict[str, Payout], dict[str, Instant]]:
    found, news = {}, {}
    async for rows in _pages(read, "report_payouts", 1):
        for row in rows:
            key, name, provider, currency, is_statement, received, paid, bank, net, paid_on, expected_on, told = row
            told_day = paid_on or expected_on
            found[key] = Payout(
                key=key, gateway=settings.gateway_of(name, provider), currency=currency,
                is_statement=bool(is_statement), received=bool(received),
                paid=Decimal(next(each for each in (bank, paid, net) if each is not None)),
                day=day_of(told, zone) if told_day is None else date.fromisoformat(told_day),
            )  # fmt: skip
            news[key] = Instant(told)
    return found, news


async def _add(read: Reading, books: ClearingBooks, rows: Sequence[Any], after: str, last: str, zone: ZoneInfo) -> None:
    """The orders behind one key up to another, those whose money nobody follows among them."""
    lines: dict[str, list[Line]] = {}
    for order, payout, kind, at, amount, presentment, *ids in await read.query("report_lines_of_orders", after, last):
        line = Line(
            payout=payout, kind=kind, day=local_day(at, zone), amount=Decimal(amount), order=order,
            presentment=presentment, ids=tuple(ids),
        )  # fmt: skip
        lines.setdefault(order, []).append(line)
    days = {(key, reference): day for key, reference, day in await read.query("report_days", after, last)}
    for key, at, tenders in rows:
        moved = msgspec.json.decode(tenders, type=tuple[Moved, ...])
        own = [
            Movement(code, each, day_moved(each, days.get((key, each.id)), at, zone))
            for code, of in by_gateway(moved).items()
            for each in of
        ]
        books.add_order(key, own, lines.pop(key, ()))
    for key, strange in lines.items():
        books.add_order(key, None, strange)


def _booked(row: Sequence[Any]) -> Booked:
    _, _, gateway, currency, event, amount, booked_on, exchanged = row
    day = date.fromisoformat(booked_on)
    return Booked(gateway, currency, LedgerEvent(event), Decimal(amount), day, bool(exchanged))


def _line(row: Sequence[Any], zone: ZoneInfo, returned: Mapping[LineAt, str]) -> Line:
    payout, line, kind, at, amount, fee, tax, gap, order = row
    return Line(
        payout=payout, kind=kind, day=local_day(at, zone), amount=Decimal(amount), fee=Decimal(fee), tax=Decimal(tax),
        gap=Decimal(gap), order=order, returns=returned.get((payout, line), ""),
    )  # fmt: skip
