"""What is due of each payout: its lines summed a part at a time, and the difference to what was due before.

Each posting is a row that is only ever added; the state remembers what all of them come to. So a payout may be looked
at as often as anybody likes. A crash leaves a message in the queue, or the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from flows.events import PostingsDue
from flows.ledger.converting import Shown, conversion_of, shown_with
from flows.ledger.due import (
    NOTHING_RETURNED,
    Left,
    PayoutStands,
    Returned,
    Wanted,
    bucket,
    due_now,
    rest_of,
    wanted_of,
)
from flows.model.money import EXACT, ZERO, exactly, summed
from flows.model.payout import LineClass, PayoutStatus, fee_class, local_day
from flows.model.posting_matrix import DateRule, LedgerEvent, PostingSettings, row_for
from flows.model.postings import LEDGER, POSTING_MAPPER, PayoutTakenBack, PayoutTold, ledger_key
from flows.model.returned import FAILED, failed_payout, returned_payouts, returning_line
from runtime.actor import Item
from runtime.channel import BULK
from runtime.clock import to_instant
from runtime.decision import Decision, Emit, Message, Write
from runtime.journal.journal import Journal

LINES_PER_STEP: Final = 500
"""Lines that are summed in one step: a few milliseconds, in which nothing else is done."""


_RETURNED: Final = f"{LineClass.PAYOUT_RETURNED.value} "


class SumLines(Message, frozen=True, kw_only=True):
    """To itself: go on behind line `after`. `sums` are those so far, by class and day; `net` and `lines`, too."""

    after: str
    sums: dict[str, Decimal]
    net: Decimal
    lines: int
    shown: Shown = Shown()


class LinesSummed(Message, frozen=True, kw_only=True):
    """What was read: the payout, None while it is not told in full, and the sums up to the line `last`."""

    payout: PayoutStands | None
    sums: dict[str, Decimal]
    net: Decimal
    lines: int
    last: str
    complete: bool
    counted: int
    """How many lines the payout has."""
    is_gone: bool = False
    """The payout was taken back."""
    shown: Shown = Shown()
    """What its lines of orders come to in the ledger's currency, where that is another one."""
    returned: Returned = NOTHING_RETURNED
    beside: tuple[str, ...] = ()
    """Of a payout that failed, the payouts with a line that can be what gives it back; of one with such a line, those
    that it gives back.
    """


class PayoutPostings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was made due of one payout. What something of it is dated by already stays, whatever is configured later."""

    made: dict[str, Decimal] = {}
    """Event and day -> what all its postings come to."""
    count: int = 0
    zone: str = ""
    paid_on: date | None = None
    rules: dict[LedgerEvent, DateRule] = {}
    payout: PayoutStands | None = None
    left: tuple[Left, ...] = ()


def decide(state: PayoutPostings, summed: LinesSummed, now: datetime, settings: PostingSettings) -> Decision:
    """What is due of a payout now. Pure."""
    payout = summed.payout
    if summed.is_gone and state.payout is not None:
        return _taken_back(state, state.payout, now)
    if payout is None:
        return Decision(state=state)
    if not summed.complete:
        further = SumLines(after=summed.last, sums=summed.sums, net=summed.net, lines=summed.lines, shown=summed.shown)
        return Decision(state=state, emits=(Emit(channel=POSTING_MAPPER, message=further, priority=BULK),))
    if (summed.lines, summed.net) != (summed.counted, payout.net):
        return Decision(state=state)  # it changed meanwhile, and whoever changed it tells so
    sums = _sums(summed.sums)
    payout = replace(payout, paid_on=state.paid_on or payout.paid_on)
    if settings.currency not in ("", payout.currency):
        payout = replace(payout, conversion=conversion_of(summed.shown, _by_class(sums), settings.currency))
    wanted = wanted_of(payout, sums, settings, state.rules, summed.returned)
    return _with_those_told(_made(state, payout, wanted, now, settings), state, summed.beside)


def _with_those_told(decision: Decision, before: PayoutPostings, payouts: Sequence[str]) -> Decision:
    """The decision; when it changes what is known of a payout that failed, those that can give it back are told, and
    the other way round.
    """
    if decision.state == before:
        return decision
    told = tuple(Emit(channel=POSTING_MAPPER, key=key, message=PayoutTold(), priority=BULK) for key in payouts)
    return replace(decision, emits=(*decision.emits, *told))


def _sums(sums: Mapping[str, Decimal]) -> dict[tuple[LineClass, str], Decimal]:
    found = {}
    for name, amount in sums.items():
        kind, _, day = name.partition(" ")
        found[LineClass(kind), day] = amount
    return found


@exactly
def _by_class(sums: Mapping[tuple[LineClass, str], Decimal]) -> dict[LineClass, Decimal]:
    found: dict[LineClass, Decimal] = {}
    for (kind, _), amount in sums.items():
        found[kind] = found.get(kind, ZERO) + amount
    return found


@exactly
def _made(
    state: PayoutPostings, payout: PayoutStands, wanted: Wanted, now: datetime, settings: PostingSettings
) -> Decision:
    made, rules, count, writes = dict(state.made), dict(state.rules), state.count, []
    corrected = {name.partition(" ")[0] for name in state.made}
    for due in due_now(wanted, state.made):
        count += 1
        name = bucket(due.event, due.day)
        made[name] = made.get(name, ZERO) + due.amount
        row = row_for(settings, due.event, payout.gateway, payout.booked_in)
        if row is not None:
            rules.setdefault(due.event, row.dated)
        posting = (
            payout.key, count, payout.sales_channel, payout.gateway, payout.payout, due.event.value, payout.booked_in,
            f"{due.amount:f}", due.day.isoformat(), int(due.event.value in corrected), to_instant(now),
            _exchanged(payout),
        )  # fmt: skip
        writes.append(Write("put_posting", posting))
    dated = any(rule == "payout" for rule in rules.values())
    state = replace(
        state,
        made=made,
        rules=rules,
        count=count,
        zone=state.zone or (settings.time_zone if writes else ""),
        paid_on=payout.paid_on if dated else None,
        payout=payout,
        left=rest_of(wanted.left, made, payout, settings.currency),
    )
    return Decision(state=state, writes=tuple(writes))


@exactly
def _taken_back(state: PayoutPostings, payout: PayoutStands, now: datetime) -> Decision:
    """Of what was made due the opposite; numbers are never used again. The ledger, which knows what is on its way,
    takes both away where nothing of it is in a batch.
    """
    writes, count = [Write("drop_posting_left", (payout.key,))], state.count
    for name, amount in sorted(state.made.items()):
        if amount:
            count += 1
            event, _, day = name.partition(" ")
            posting = (
                payout.key, count, payout.sales_channel, payout.gateway, payout.payout, event, payout.booked_in,
                f"{-amount:f}", day, 1, to_instant(now), _exchanged(payout),
            )  # fmt: skip
            writes.append(Write("put_posting", posting))
    told = PayoutTakenBack(payout=payout.key, number=count)
    emits = (Emit(channel=LEDGER, key=ledger_key(payout.sales_channel), message=told, priority=BULK),) if count else ()
    return Decision(state=PayoutPostings(count=count), writes=tuple(writes), emits=emits)


def _exchanged(payout: PayoutStands) -> str:
    """By which rate, and of which day; empty: it is in the ledger's currency."""
    if payout.conversion is None:
        return ""
    on = "" if payout.paid_on is None else f" of {payout.paid_on}"
    return f"1 {payout.currency} = {payout.conversion.rate.normalize():f} {payout.booked_in}{on}"


class PostingMapper:
    """The actor: reads the payout and its lines, and derives the rows that people see."""

    name = POSTING_MAPPER
    message_type = PayoutTold | SumLines
    state_type = PayoutPostings

    def __init__(self, settings: PostingSettings, journal: Journal, emit: Callable[[Any], None]) -> None:
        self._settings, self._journal, self._emit = settings, journal, emit

    def begin(self, key: str) -> PayoutPostings:  # noqa: ARG002 - all payouts begin alike
        """Nothing of it was due."""
        return PayoutPostings()

    async def ready(self) -> None:
        """It can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Read the payouts, and the next part of their lines."""
        return [await self._resolved(item) for item in items]

    async def _resolved(self, item: Item) -> Message:
        rows = await self._journal.query("payout_to_post", item.key)
        so_far = item.message if isinstance(item.message, SumLines) else SumLines(after="", sums={}, net=ZERO, lines=0)
        shown, ledger = so_far.shown, self._settings.currency
        payout, counted = self._stands(item.key, rows[0]) if rows else (None, 0)
        lines = []
        if payout is not None:
            lines = await self._journal.query("payout_lines_to_post", item.key, so_far.after, LINES_PER_STEP)
        zone = ZoneInfo(item.state.zone or self._settings.time_zone)
        sums, net = _with_lines(so_far.sums, so_far.net, [row[:8] for row in lines], zone)
        if payout is not None and ledger not in ("", payout.currency):
            for row in lines:
                shown = shown_with(shown, row[1], Decimal(row[3]), row[8], ledger)
        complete = len(lines) < LINES_PER_STEP
        returned, beside = NOTHING_RETURNED, tuple[str, ...]()
        if payout is not None and complete:
            returned, beside = await self._returned(payout, sums, zone)
        return LinesSummed(
            payout=payout,
            sums=sums,
            net=net,
            lines=so_far.lines + len(lines),
            last=lines[-1][0] if lines else so_far.after,
            complete=complete,
            is_gone=not rows,
            counted=counted,
            shown=shown,
            returned=returned,
            beside=beside,
        )

    async def _returned(
        self, payout: PayoutStands, sums: Mapping[str, Decimal], zone: ZoneInfo
    ) -> tuple[Returned, tuple[str, ...]]:
        """What of its lines gives back payouts that are not booked as received; of one that failed, what of others."""
        if payout.status not in FAILED and not any(name.startswith(_RETURNED) for name in sums):
            return NOTHING_RETURNED, ()
        failed = [failed_payout(row) for row in await self._journal.query("payouts_failed")]
        lines = [returning_line(row) for row in await self._journal.query("lines_returning")]
        found = returned_payouts(failed, lines)
        before: dict[str, Decimal] = {}
        by_line = False
        for line in lines:
            of = found.get(line.at)
            if of == payout.key:
                by_line = bool(await self._made_of(line.at[0], LedgerEvent.PAYOUT_RETURNED))
            elif of is not None and line.at[0] == payout.key and not await self._made_of(of, LedgerEvent.PAYOUT):
                day = line.day_in(zone)
                before[day] = EXACT.add(before.get(day, ZERO), line.amount)
        own = [each for each in failed if each.key == payout.key]
        told = {line.at[0] for line in lines if any(line.may_return(each) for each in own)}
        told |= {of for at, of in found.items() if at[0] == payout.key}
        return Returned(before=before, by_line=by_line), tuple(sorted(told))

    async def _made_of(self, payout: str, event: LedgerEvent) -> Decimal:
        rows = await self._journal.query("postings_of_event", payout, event.value)
        return summed(Decimal(amount) for (amount,) in rows)

    def _stands(self, key: str, row: Sequence[Any]) -> tuple[PayoutStands | None, int]:
        (sales_channel, provider, payout, currency, status, is_statement, received, paid, bank, net, lines, paid_on,
         expected_on, judged, holds) = row  # fmt: skip
        if not judged or not lines:
            return None, 0
        stands = PayoutStands(
            key=key,
            sales_channel=sales_channel,
            gateway=self._settings.gateway_of(sales_channel, provider),
            payout=payout,
            currency=currency,
            status=PayoutStatus(status),
            is_statement=bool(is_statement),
            received=bool(received),
            paid=None if paid is None else Decimal(paid),
            bank=None if bank is None else Decimal(bank),
            net=Decimal(net),
            paid_on=None if paid_on is None else date.fromisoformat(paid_on),
            expected_on=None if expected_on is None else date.fromisoformat(expected_on),
            holds=tuple(sorted((holds or "").split(","))) if holds else (),
        )
        return stands, lines

    def decide(self, state: PayoutPostings, message: Any, now: datetime) -> Decision:
        """See `decide` of the module."""
        return decide(state, message, now, self._settings)

    def project(self, key: str, before: PayoutPostings, after: PayoutPostings, now: datetime) -> Sequence[Write]:  # noqa: ARG002
        """What of it is not posted."""
        payout = after.payout
        if payout is None or (after.left, payout) == (before.left, before.payout):
            return []
        body = msgspec.json.encode([(each.event.value, f"{each.amount:f}", each.why) for each in after.left]).decode()
        day = None if payout.paid_on is None else payout.paid_on.isoformat()
        row = (key, payout.sales_channel, payout.gateway, payout.payout, payout.currency, day, body)
        return [Write("put_posting_left", row)]

    def announce(self, key: str, before: PayoutPostings, after: PayoutPostings) -> None:
        """Count what is due."""
        if after.count > before.count and after.payout is not None:
            due = PostingsDue(sales_channel=after.payout.sales_channel, postings=after.count - before.count, key=key)
            self._emit(due)


@exactly
def _with_lines(
    sums: Mapping[str, Decimal], net: Decimal, rows: Sequence[Sequence[Any]], zone: ZoneInfo
) -> tuple[dict[str, Decimal], Decimal]:
    """Sums with these lines added: each part under its class and its day in the company's zone."""
    found = dict(sums)
    for _, kind, at, *texts in rows:
        amount, fee, tax, gap, line_net = map(Decimal, texts)
        day = local_day(at, zone) or ""
        net += line_net
        for part, of in ((amount, kind), (fee, fee_class(kind)), (tax, "tax_on_fee"), (gap, "unexplained")):
            if part:
                name = f"{of} {day}"
                found[name] = found.get(name, ZERO) + part
    return found, net
