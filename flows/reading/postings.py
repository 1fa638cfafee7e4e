"""What people may ask of postings: every journal that will be written, what will not and why, and what was posted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from flows.ledger.batching import Chart, batches_of
from flows.ledger.due import BY_FULFIL
from flows.ledger.holding import NO_LINES, NOT_WHOLE, why_kept
from flows.ledger.parts import Posting
from flows.ledger.poster import posting_of, rounded_by_day
from flows.model.money import ZERO, exactly
from flows.model.periods import LedgerPeriod, period_of
from flows.model.posting_matrix import PostingMode, PostingSettings
from flows.reading import Reading
from runtime.clock import Instant, to_datetime

ROWS_MAX = 10_000
"""Postings, and payouts with something that is not posted, that are looked at for one answer."""


class JournalLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line that will be written, or was."""

    booked_on: date
    sales_channel: str
    currency: str
    journal: str
    account: str
    debit: Decimal
    credit: Decimal
    description: str


class NotPosted(msgspec.Struct, frozen=True, kw_only=True):
    """What will not be posted, and why. `day` None: it has none yet. `payouts`: how many it is of."""

    day: date | None
    sales_channel: str
    gateway: str
    payout: str
    event: str
    currency: str
    amount: Decimal
    why: str
    payouts: int = 1


class ChartSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The codes that Fulfil has of those that the posting matrix names, and its periods. None: it was not asked, and
    `why_not` says why, unless there was nothing to ask.
    """

    accounts: frozenset[str] | None = None
    journals: frozenset[str] | None = None
    periods: tuple[LedgerPeriod, ...] | None = None
    why_not: str = ""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """All that would be posted now. `periods_known`: closed periods are taken into account, as Fulfil tells them now
    or, when it was not asked, as they were read last; `more`: not all is here.

    `missing_accounts` and `missing_journals` are named by the posting matrix, and Fulfil does not have them; both are
    None when it was not asked, `chart_unknown` says why.
    """

    mode: PostingMode
    periods_known: bool
    missing_accounts: tuple[str, ...] | None
    missing_journals: tuple[str, ...] | None
    chart_unknown: str
    lines: tuple[JournalLine, ...]
    not_posted: tuple[NotPosted, ...]
    more: bool = False


class BatchRow(msgspec.Struct, frozen=True, kw_only=True):
    """A batch. `status`: making, posted, empty, refused or withdrawn. `total` is the sum of one side."""

    reference: str
    sales_channel: str
    currency: str
    booked_on: date
    journal: str
    status: str
    total: Decimal
    lines: tuple[JournalLine, ...]
    digest: str
    postings: int
    corrections: int
    """How many of what is in it correct what was due before."""
    move: int | None
    made_at: datetime
    posted_at: datetime | None
    why: str


class PostingRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a batch. `amount` is signed as the posting matrix says."""

    payout: str
    gateway: str
    event: str
    currency: str
    amount: Decimal
    day: date
    correction: bool


async def preview_of(
    read: Reading,
    settings: PostingSettings,
    today: date,
    seen: ChartSeen,
    *,
    sales_channel: str = "",
    begin: str = "",
    end: str = "",
) -> Preview:
    """What would be posted of days from `begin` to `end`, as the ledger would post it, were all of them over."""
    asked = (sales_channel, begin, end, ROWS_MAX)
    waiting = await read.query("postings_waiting", *asked)
    due, held = _told_apart(waiting)
    left = await read.query("postings_left", *asked)
    partial = await read.query("payouts_not_whole", *asked)
    periods = seen.periods or tuple(period_of(row) for row in await read.query("ledger_periods")) or None
    chart = Chart(periods=periods, accounts=seen.accounts, journals=seen.journals)
    lines: list[JournalLine] = []
    not_posted = held
    for name in sorted({each.sales_channel for each in due}):
        own = [each for each in due if each.sales_channel == name]
        since = min(each.day for each in own).isoformat()
        rounded = rounded_by_day(await read.query("postings_rounded", name, settings.currency, since))
        made = batches_of(own, settings, chart, today, rounded=rounded)
        for batch in made.batches:
            lines += [
                JournalLine(
                    booked_on=batch.booked_on, sales_channel=name, currency=batch.currency, journal=batch.journal,
                    account=line.account, debit=line.debit, credit=line.credit, description=line.description,
                )
                for line in batch.lines
            ]  # fmt: skip
        not_posted += [_waits(each.posting, each.sentence) for each in made.waiting]
    return Preview(
        mode=settings.mode,
        periods_known=periods is not None,
        missing_accounts=_missing(settings.accounts, seen.accounts),
        missing_journals=_missing(settings.journals, seen.journals),
        chart_unknown=seen.why_not,
        lines=tuple(lines),
        not_posted=(*not_posted, *(_not_whole(row, settings) for row in partial), *_left(left)),
        more=ROWS_MAX in (len(waiting), len(left), len(partial)),
    )


def _missing(named: Sequence[str], there: frozenset[str] | None) -> tuple[str, ...] | None:
    return None if there is None else tuple(code for code in named if code not in there)


def _told_apart(rows: Iterable[Sequence[Any]]) -> tuple[list[Posting], list[NotPosted]]:
    """What is due, and what of that waits for a person or a report, whatever its day is."""
    due: list[Posting] = []
    held: list[NotPosted] = []
    for *figures, kinds, judged, reported in rows:
        posting = posting_of(figures)
        if why := why_kept(kinds, posting.event, judged=judged, reported=reported):
            held.append(_waits(posting, why))
        else:
            due.append(posting)
    return due, held


def _waits(posting: Posting, why: str) -> NotPosted:
    return NotPosted(
        day=posting.day, sales_channel=posting.sales_channel, gateway=posting.gateway, payout=posting.payout_id,
        event=posting.event.value, currency=posting.currency, amount=posting.amount, why=why,
    )  # fmt: skip


def _not_whole(row: Sequence[Any], settings: PostingSettings) -> NotPosted:
    day, sales_channel, provider, payout, currency, amount, judged = row
    return NotPosted(
        day=None if day is None else date.fromisoformat(day), sales_channel=sales_channel,
        gateway=settings.gateway_of(sales_channel, provider), payout=payout, event="", currency=currency,
        amount=Decimal(amount), why=NO_LINES if judged else NOT_WHOLE,
    )  # fmt: skip


@exactly
def _left(rows: Iterable[Sequence[Any]]) -> list[NotPosted]:
    """Each by itself, but for what Fulfil posts: that is summed up, since it is most of it, and nobody's move."""
    found: list[NotPosted] = []
    by_fulfil: dict[tuple[str, str, str, str], tuple[Decimal, int]] = {}
    for _, sales_channel, gateway, payout, currency, day, body in rows:
        for event, amount, why in msgspec.json.decode(body, type=list[tuple[str, Decimal, str]]):
            if why == BY_FULFIL:
                place = (sales_channel, gateway, event, currency)
                total, count = by_fulfil.get(place, (ZERO, 0))
                by_fulfil[place] = total + amount, count + 1
                continue
            found.append(
                NotPosted(
                    day=None if day is None else date.fromisoformat(day), sales_channel=sales_channel, gateway=gateway,
                    payout=payout, event=event, currency=currency, amount=amount, why=why,
                )
            )  # fmt: skip
    summed = [
        NotPosted(
            day=None, sales_channel=sales_channel, gateway=gateway, payout="", event=event, currency=currency,
            amount=amount, why=BY_FULFIL, payouts=count,
        )
        for (sales_channel, gateway, event, currency), (amount, count) in sorted(by_fulfil.items())
    ]  # fmt: skip
    return [*found, *summed]


async def batches_listed(
    read: Reading, *, sales_channel: str = "", begin: str = "", end: str = "", limit: int = 50
) -> list[BatchRow]:
    """Batches, the latest day first."""
    return [_batch(row) for row in await read.query("posting_batches_listed", sales_channel, begin, end, limit)]


async def batches_named(read: Reading, text: str) -> list[BatchRow]:
    """Those that a reference, the beginning of a digest, or Fulfil's id of a move may mean."""
    return [_batch(row) for row in await read.query("posting_batches_named", text)]


async def postings_of(read: Reading, reference: str) -> list[PostingRow]:
    """What is in a batch."""
    rows = [posting_of(row) for row in await read.query("postings_of_batch", reference)]
    return [
        PostingRow(
            payout=each.payout_id, gateway=each.gateway, event=each.event.value, currency=each.currency,
            amount=each.amount, day=each.day, correction=each.correction,
        )
        for each in rows
    ]  # fmt: skip


def _batch(row: Sequence[Any]) -> BatchRow:
    fields = dict(zip(BatchRow.__struct_fields__, row, strict=True))
    booked_on = date.fromisoformat(fields["booked_on"])
    lines = tuple(
        JournalLine(
            booked_on=booked_on, sales_channel=fields["sales_channel"], currency=fields["currency"],
            journal=fields["journal"], account=account, debit=debit, credit=credit, description=description,
        )
        for account, debit, credit, description in msgspec.json.decode(
            fields["lines"], type=list[tuple[str, Decimal, Decimal, str]]
        )
    )  # fmt: skip
    posted_at = None if fields["posted_at"] is None else to_datetime(Instant(fields["posted_at"]))
    return BatchRow(
        **{
            **fields,
            "booked_on": booked_on,
            "total": Decimal(fields["total"]),
            "lines": lines,
            "made_at": to_datetime(Instant(fields["made_at"])),
            "posted_at": posted_at,
        }
    )
