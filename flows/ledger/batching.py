"""Postings gathered into batches: one move for each currency, day and journal of a sales channel. Pure.

A posting is booked on its own day while that day's period is open, else on the first day of the first open period after
it, with the original day and the payout in the description of its line. A line sums up one event of one gateway.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

import msgspec

from flows.ledger.parts import Batch, BatchLine, Posting, Waiting
from flows.model.money import ZERO, exactly
from flows.model.periods import LedgerPeriod
from flows.model.posting_matrix import LedgerEvent, PostingRow, PostingSettings, row_for

REFERENCE: Final = "Seamline "
"""What the reference of each batch begins with, which is the description of its entry in Fulfil."""
_NAMED_MAX: Final = 5
_DIGEST: Final = 12


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """What of the ledger is known. `accounts` and `journals` None: not read, so not judged."""

    periods: tuple[LedgerPeriod, ...] | None = None
    accounts: frozenset[str] | None = None
    journals: frozenset[str] | None = None


class Batches(msgspec.Struct, frozen=True, kw_only=True):
    """What can be posted, and what waits for somebody. `booked_on` has the day of each posting by its name."""

    batches: tuple[Batch, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    booked_on: dict[str, date] = {}


def booked_day(day: date, periods: Sequence[LedgerPeriod] | None, today: date) -> date | None:
    """The day on which something of `day` is booked; None: there is no open period for it yet.

    `periods` None: none are known, and its own day is meant.
    """
    if periods is None:
        return day
    if any(each.is_open_on(day) for each in periods):
        return day
    first = min((each.begins for each in periods if each.state == "open" and each.begins > day), default=None)
    return None if first is None or first > today else first


@exactly
def batches_of(
    postings: Sequence[Posting],
    settings: PostingSettings,
    chart: Chart,
    today: date,
    *,
    number: int = 0,
    rounded: Mapping[date, Decimal] | None = None,
    allowed: Collection[str] = (),
) -> Batches:
    """Postings of one sales channel in batches.

    `number` counts the batches that were made before. `rounded` is what was posted as rounding by day, `allowed` are
    roundings that a person has let pass.
    """
    rounded = dict(rounded or {})
    groups: dict[tuple[str, date, str], list[tuple[Posting, PostingRow]]] = {}
    waiting: list[Waiting] = []
    days: dict[str, date] = {}
    for posting in sorted(postings, key=lambda each: (each.day, each.payout, each.number)):
        row = row_for(settings, posting.event, posting.gateway, posting.currency)
        day = booked_day(posting.day, chart.periods, today)
        obstacle = _unmapped(posting, row, chart) or _closed(posting, day)
        if obstacle is None and posting.event is LedgerEvent.ROUNDING and day is not None:
            obstacle = _too_much(posting, day, rounded, settings, allowed)
        if obstacle is not None:
            waiting.append(obstacle)
            continue
        assert day is not None  # noqa: S101 - `_closed` has said so
        assert row is not None  # noqa: S101 - `_unmapped` has
        groups.setdefault((posting.currency, day, row.journal), []).append((posting, row))
        days[posting.name] = day
    made = []
    for place, (group, members) in enumerate(sorted(groups.items()), 1):
        made.append(_batch(group, members, number + place))
    return Batches(batches=tuple(made), waiting=tuple(waiting), booked_on=days)


def _unmapped(posting: Posting, row: PostingRow | None, chart: Chart) -> Waiting | None:
    if row is None:
        said = f"[postings] has no row for {posting.event.value} of {posting.gateway} any more"
        return Waiting(posting=posting, obstacle="account", cause=f"row {posting.event.value}", sentence=said)
    if chart.accounts is not None:
        for code in (row.debit, row.credit):
            if code not in chart.accounts:
                said = f"Fulfil has no account {code}"
                return Waiting(posting=posting, obstacle="account", cause=f"account {code}", sentence=said)
    if chart.journals is not None and row.journal not in chart.journals:
        said = f"Fulfil has no journal {row.journal}"
        return Waiting(posting=posting, obstacle="account", cause=f"journal {row.journal}", sentence=said)
    return None


def _closed(posting: Posting, day: date | None) -> Waiting | None:
    if day is not None:
        return None
    said = f"no period is open for {posting.day}, and none after it that has begun"
    return Waiting(posting=posting, obstacle="period", cause=f"{posting.day:%Y-%m}", sentence=said)


def _too_much(
    posting: Posting, day: date, rounded: dict[date, Decimal], settings: PostingSettings, allowed: Collection[str]
) -> Waiting | None:
    """Within the tolerance of one payout, and of the day; what was let pass counts, too."""
    amount, so_far = abs(posting.amount), rounded.get(day, ZERO)
    if posting.name not in allowed:
        said = ""
        if amount > settings.rounding_max:
            said = f"it is more than rounding_max ({settings.rounding_max})"
        elif so_far + amount > settings.rounding_per_day_max:
            said = f"with {so_far} of {day} it is more than rounding_per_day_max ({settings.rounding_per_day_max})"
        if said:
            said = f"payout {posting.payout_id} has a rounding of {posting.amount}: {said}"
            return Waiting(posting=posting, obstacle="rounding", cause="rounding", sentence=said)
    rounded[day] = so_far + amount
    return None


def _batch(group: tuple[str, date, str], members: Sequence[tuple[Posting, PostingRow]], number: int) -> Batch:
    currency, day, journal = group
    sales_channel = members[0][0].sales_channel
    lines = _lines(members, day)
    names = tuple(posting.name for posting, _ in members)
    content = msgspec.json.encode((sales_channel, currency, day, journal, lines, names))
    digest = hashlib.sha256(content).hexdigest()
    return Batch(
        reference=f"{REFERENCE}{sales_channel} {currency} {day} no {number} {digest[:_DIGEST]}",
        sales_channel=sales_channel,
        currency=currency,
        booked_on=day,
        journal=journal,
        lines=lines,
        total=sum((line.debit for line in lines), ZERO),
        digest=digest,
        postings=names,
    )


def _lines(members: Sequence[tuple[Posting, PostingRow]], day: date) -> tuple[BatchLine, ...]:
    """Two lines for each event of a gateway; what is late, or corrects, stands by itself, with its day and payouts, and
    so does what was converted, with its rate.
    """
    groups: dict[tuple[str, str, str, bool, str, str, str], list[Posting]] = {}
    for posting, row in members:
        late = "" if posting.day == day else posting.day.isoformat()
        of = posting.exchanged
        place = (posting.gateway, posting.event.value, late, posting.correction, row.debit, row.credit, of)
        groups.setdefault(place, []).append(posting)
    lines: list[BatchLine] = []
    for (gateway, event, late, correction, debit, credit, of), postings in sorted(groups.items()):
        amount = sum((each.amount for each in postings), ZERO)
        said = _description(event, gateway, late, postings, correction=correction) + (f", {of}" if of else "")
        to, from_ = (debit, credit) if amount > ZERO else (credit, debit)
        if amount:
            lines.append(BatchLine(account=to, debit=abs(amount), credit=ZERO, description=said))
            lines.append(BatchLine(account=from_, debit=ZERO, credit=abs(amount), description=said))
    return tuple(lines)


def _description(event: str, gateway: str, late: str, postings: Sequence[Posting], *, correction: bool) -> str:
    payouts = sorted({each.payout_id for each in postings})
    more = f" and {len(payouts) - _NAMED_MAX} more" if len(payouts) > _NAMED_MAX else ""
    said = f"{'correction of ' if correction else ''}{event.replace('_', ' ')} of {gateway}"
    return f"{said}{f', of {late}' if late else ''}: payout {', '.join(payouts[:_NAMED_MAX])}{more}"
