"""What the close board finds in what is on disk: rows of the store become things of a check. Pure.

Which business day a thing has: an order the day it was placed; a payout the day its provider gives it, else when it is
expected or, while it is on its way, when it was told of; a posting its own; a case the day of its order or payout, but
for what happens to an order later (refunds, returns, chargebacks, payments), which is of the day on which it was met,
or on which it happened, where the case says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from flows.ledger.due import BY_FULFIL, CONVERSION, DIFFERENCE_HAS_NO_ROW, FOREIGN, NO_DAY, NOBODY
from flows.model.closing import FIRST_LOOK, Moved
from flows.model.money import ZERO, digits_of, exactly
from flows.model.month import Month
from flows.model.payout import is_reported, local_day
from flows.model.returned import FAILED
from flows.monthly.board import Item
from flows.monthly.checks import Check
from runtime.clock import Instant, to_datetime

CARRIED_OVER: Final = ("shipping", "telling", "receivable", "payment")
"""What an order may wait for over the end of a month without anything being wrong: its goods, and money under terms."""
_ELSEWHERE: Final = ("proof",)
"""What orders wait for that has a row of its own."""
PAID_OTHERWISE: Final = "unexpected"
"""What an order waits for of which payouts have another amount than its sales channel tells."""
_ON_THE_WAY: Final = ("new", "creating", "unknown")
_KINDS: Final = {
    "sale.differs": Check.DIFFERS,
    "sale.mismatch": Check.DIFFERS,
    "refund.uncredited": Check.UNCREDITED,
    "order.returned": Check.UNCREDITED,
}
_OF_PAYOUTS: Final = ("payout.unexplained", "payout.untied", "payout.overdue")
"""Kinds that the rows of payouts show."""
_HAPPENS_LATER: Final = ("refund.", "payment.", "dispute.", "order.returned")


class OrderAt(msgspec.Struct, frozen=True, kw_only=True):
    """An order that is not proven, not in Fulfil, or whose sale was not read back since it changed."""

    key: str
    at: Instant
    state: str
    proof: str
    amount: str
    currency: str
    unread: bool


class CaseAt(msgspec.Struct, frozen=True, kw_only=True):
    """An open case. `placed`: of its order; `paid_on`, `expected_on`: of its payout. `happened`: where that is told."""

    kind: str
    subject: str
    amount: str | None
    currency: str | None
    opened: Instant
    placed: Instant | None
    paid_on: str | None
    expected_on: str | None
    happened: Instant | None = None


class PayoutAt(msgspec.Struct, frozen=True, kw_only=True):
    """A payout about which something is to be said. `kinds`: its open cases. `let_stand`: what a person has released of
    it, and who, the last first.
    """

    key: str
    currency: str
    status: str
    is_statement: bool
    received: bool
    paid: str | None
    bank: str | None
    net: str
    unexplained: str
    verdict: str
    difference: str
    judged: bool
    paid_on: str | None
    expected_on: str | None
    told: Instant
    in_statement: bool
    """It has no lines of its own, and is a line of a statement of account."""
    last_at: str | None
    """Of one without a day the instant of its last line, ISO 8601; empty or None where it has none."""
    kinds: frozenset[str]
    let_stand: tuple[tuple[str, str], ...] = ()

    @property
    def reported(self) -> bool:
        """Whether a report says what was paid."""
        return is_reported(self.is_statement, self.paid, self.bank)


def day_of(at: Instant, zone: ZoneInfo) -> date:
    """The business day of an instant."""
    return to_datetime(at).astimezone(zone).date()


def day_moved(moved: Moved, said: str | None, placed: Instant, zone: ZoneInfo) -> date:
    """The business day on which money of an order moved: by its sales channel, else as it was recorded (`said`), else
    that of the order.
    """
    if moved.at is not None:
        return moved.at.astimezone(zone).date()
    return day_of(placed, zone) if said is None else date.fromisoformat(said)


def of_orders(rows: Iterable[OrderAt], zone: ZoneInfo) -> Iterator[Item]:
    """Orders that are not where they are to be, or not proven."""
    for row in rows:
        if row.state == "waiting":
            check, of = Check.WAITING, ""
        elif row.state == "held" or row.state in _ON_THE_WAY:
            check, of = Check.NOT_IN_FULFIL, row.state
        elif row.proof != "proven":
            check, of = Check.UNPROVEN, ""
        elif row.unread:
            check, of = Check.NOT_READ_BACK, ""
        else:
            continue
        yield Item(
            check=check, of=of, day=day_of(row.at, zone), key=row.key, currency=row.currency,
            amount=_amount(row.amount) if row.currency else None,  # nobody has read it
        )  # fmt: skip


def of_cases(rows: Iterable[CaseAt], zone: ZoneInfo) -> Iterator[Item]:
    """What finance has open, refunds without a credit note, and sales that differ."""
    for row in rows:
        if row.kind in _OF_PAYOUTS:
            continue
        yield Item(
            check=_KINDS.get(row.kind, Check.EXCEPTION), of=row.kind, day=_day_of_case(row, zone), key=row.subject,
            currency=row.currency or "", amount=None if row.amount is None else _amount(row.amount),
        )  # fmt: skip


def _day_of_case(row: CaseAt, zone: ZoneInfo) -> date:
    of_payout = row.paid_on or row.expected_on
    if of_payout is not None:
        return date.fromisoformat(of_payout)
    if row.happened is not None:
        return day_of(row.happened, zone)
    later = row.placed is None or row.kind.startswith(_HAPPENS_LATER)
    return day_of(row.opened if later or row.placed is None else row.placed, zone)


def of_payouts(rows: Iterable[PayoutAt], zone: ZoneInfo, today: date) -> Iterator[Item]:
    """Payouts that do not tie, have something unexplained, are a part, have not arrived, or are reported by nobody."""
    for row in rows:
        day = _day_of_payout(row, zone)

        def item(check: Check, amount: str, of: str = "", row: PayoutAt = row, day: date = day) -> Item:
            return Item(check=check, of=of, day=day, key=row.key, currency=row.currency, amount=_amount(amount))

        for check, kind, amount, off in (
            (Check.UNEXPLAINED, "payout.unexplained", row.unexplained, bool(Decimal(row.unexplained))),
            (Check.NOT_TIED, "payout.untied", row.difference, row.verdict == "contradicted"),
        ):
            by = next((who for kinds, who in row.let_stand if kind in kinds.split(", ")), "")
            if kind in row.kinds or (off and not by):
                yield item(check, amount)
            elif off:
                yield item(Check.ACCEPTED, amount, by)
        if not row.judged:
            yield item(Check.NOT_WHOLE, row.net)
        elif row.received and not row.reported:
            yield item(Check.NOT_REPORTED, row.net)
        elif row.verdict != "contradicted" and (lack := _lack(row)):
            yield item(Check.LINES_LACK, str(lack))
        if not row.received and row.status not in FAILED:
            due = date.fromisoformat(row.expected_on or row.paid_on or str(day))
            late = due < today or "payout.overdue" in row.kinds
            yield item(Check.OVERDUE if late else Check.IN_TRANSIT, row.net if row.paid is None else row.paid)


@exactly
def _lack(row: PayoutAt) -> Decimal:
    """By how much the lines of a payout that has arrived are not what was paid, down to the smallest unit."""
    paid = row.paid if row.bank is None else row.bank
    if not row.received or row.is_statement or row.in_statement or paid is None:
        return ZERO
    lack = Decimal(row.net) - Decimal(paid)
    return lack if abs(lack) >= Decimal(1).scaleb(-digits_of(row.currency)) else ZERO


def _day_of_payout(row: PayoutAt, zone: ZoneInfo) -> date:
    told = local_day(row.last_at or "", zone) or day_of(row.told, zone)
    if row.paid_on is not None:
        return date.fromisoformat(row.paid_on)
    if row.expected_on is None:
        return told
    expected = date.fromisoformat(row.expected_on)
    return expected if row.received else min(expected, told)  # on its way, it is of the month in which it was


def of_postings(rows: Iterable[Sequence[str | None]]) -> Iterator[Item]:
    """Postings that are in no ledger: (payout's key, currency, amount, day, status of the batch or None)."""
    for key, currency, amount, day, status in rows:
        yield Item(
            check=Check.UNPOSTED if status is None else Check.BATCH_STUCK, day=date.fromisoformat(str(day)),
            key=str(key), currency=str(currency), amount=_amount(str(amount)),
        )  # fmt: skip


def of_left(rows: Iterable[tuple[str, str, str | None, Instant, str]], zone: ZoneInfo) -> Iterator[Item]:
    """What of payouts nobody posts: (payout's key, currency, day or None, when it was told of, JSON). What waits for
    its payout to arrive, or for a case to end, has a row of its own.
    """
    for key, currency, day, told, body in rows:
        for event, amount, why in msgspec.json.decode(body, type=list[tuple[str, str, str]]):
            nobody = why in (NOBODY, NO_DAY) or why.endswith(DIFFERENCE_HAS_NO_ROW)
            if why == BY_FULFIL or not (nobody or why.startswith((FOREIGN, CONVERSION))):
                continue
            yield Item(
                check=Check.POSTED_BY_NOBODY if nobody else Check.OTHER_CURRENCY,
                of=event if nobody else "", day=day_of(told, zone) if day is None else date.fromisoformat(day),
                key=key, currency=currency, amount=_amount(amount),
            )  # fmt: skip


def of_unsettled(
    rows: Iterable[tuple[str, str, str, Instant, str]],
    zone: ZoneInfo,
    off: Mapping[str, Mapping[str, Decimal]],
) -> Iterator[Item]:
    """Orders that are not settled: (key, amount, currency, placed, what it waits for first; '' nobody has looked).
    `off`: by how much payouts have another amount of an order, in each currency.
    """
    for key, amount, currency, at, cause in rows:
        if cause in _ELSEWHERE:
            continue
        if cause == PAID_OTHERWISE and off.get(key):
            for code, by in off[key].items():
                yield Item(check=Check.PAID_OTHERWISE, day=day_of(at, zone), key=key, currency=code, amount=abs(by))
            continue
        yield Item(
            check=Check.CARRIED_OVER if cause in CARRIED_OVER else Check.UNSETTLED, of=cause or FIRST_LOOK,
            day=day_of(at, zone), key=key, currency=currency, amount=_amount(amount),
        )  # fmt: skip


def of_unfollowed(rows: Iterable[tuple[str, str, str, Instant]], zone: ZoneInfo) -> Iterator[Item]:
    """Orders of which nobody knows how they were paid: (key, amount, currency, placed)."""
    for key, amount, currency, at in rows:
        known = _amount(amount) if currency else None  # linked by a person, and never read
        yield Item(check=Check.UNFOLLOWED, day=day_of(at, zone), key=key, currency=currency, amount=known)


def of_statements(
    verdicts: Mapping[tuple[str, date], str], first: Mapping[str, date], names: Iterable[str], month: Month, today: date
) -> Iterator[Item]:
    """Days up to the end of the month that are over and not stated to be complete, from the first one of which anything
    is known on; and those of the month before that. `verdicts`: the newest statement of each day;
    `first`: the first day of which there is an order or a statement of a sales channel; `names`: those that are
    configured.
    """
    for name in sorted(names):
        day = min(month.first, first.get(name, month.first))
        while day <= min(month.last, today - timedelta(days=1)):
            before = name not in first or day < first[name]
            if verdicts.get((name, day)) != "complete":
                yield Item(
                    check=Check.NOT_STATED if before else Check.NOT_COMPLETE, of=name, day=day, key=f"{name} {day}"
                )
            day += timedelta(days=1)


def of_suspense(
    rows: Iterable[tuple[str, str, str, str | None, str, Instant, str | None]], zone: ZoneInfo
) -> Iterator[Item]:
    """What went to suspense and is not cleared: (order's key, tax or gateway, its name, amount, currency, when it was
    paid, else ordered or seen, its business day where that is known).
    """
    for key, kind, name, amount, currency, at, said in rows:
        day = day_of(at, zone) if said is None else date.fromisoformat(said)
        yield Item(
            check=Check.SUSPENSE, of=f"{kind} {name}", day=day, key=key, currency=currency,
            amount=None if amount is None else _amount(amount),
        )  # fmt: skip


def of_accepted(rows: Iterable[tuple[str, str, str, str, Instant]], zone: ZoneInfo) -> Iterator[Item]:
    """Differences that a person has accepted: (order's key, who, amount, currency, when the order was placed)."""
    for key, by, amount, currency, at in rows:
        yield Item(
            check=Check.ACCEPTED, of=by, day=day_of(at, zone), key=key, currency=currency, amount=_amount(amount)
        )


def unconfigured(month: Month, *, reconciles: bool, settles: bool) -> Iterator[Item]:
    """Parts of Seamline without which nothing is proven of a month."""
    if not reconciles:
        yield Item(check=Check.UNCONFIGURED, of="[reconciliation], without which nothing is proven", day=month.first)
    elif not settles:
        yield Item(
            check=Check.UNCONFIGURED, of="[reconciliation.closing], without which no order settles", day=month.first
        )


def _amount(text: str) -> Decimal:
    return abs(Decimal(text))
