"""The actor that reads what a month has moved on the clearing accounts in Fulfil, for the report of clearing (rule 24).

In: `ReadMonths` when the process starts, once a day, two hours after what was due is posted, and after each run of
postings that has posted something in a month that is over. Out: a row for each
account and month; nothing in Fulfil is touched. Key: `ledger-months/clearing`. The two months before the running one
are read, each again and again until its period was closed in Fulfil before the read began: nothing can come to it any
more, and what was read then stays. Lines are read hundreds a call, at the lowest share of the budget, and added up as
they come: at the size of the largest shops that is a few hundred calls a day. A crash goes on with the page that is
next. Nothing is held: a read that Fulfil refuses is made again an hour later, and the report says how far it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec
from msgspec.structs import replace

from connectors.fulfil.calls import Ask
from connectors.fulfil.changes import Changes, Page
from connectors.fulfil.ledger import ACCOUNTS, PERIODS, POSTED_LINES, LedgerLine, Period, PostedOn
from connectors.fulfil.models import Find
from flows.events import PostingCalls
from flows.ledger.posting import next_run
from flows.model.money import ZERO, exactly
from flows.model.month import Month, month_in, month_of
from flows.model.posting_matrix import PostingSettings, clearing_accounts
from flows.model.postings import LEDGER_MONTHS, LEDGER_MONTHS_KEY, ReadMonths
from runtime.actor import Item
from runtime.clock import to_instant
from runtime.decision import Decision, EffectDone, EffectExhausted, EffectRefused, Emit, Message, Timer, Write

_AFTER_POSTING: Final = timedelta(hours=2)
_AFTER_REFUSAL: Final = timedelta(hours=1)
_MONTHS_BACK: Final = 2
"""How long after its end a month may still be open in the ledger."""
_OPEN: Final = "open"
Part = Literal["periods", "accounts", "lines"]


class Sum(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the lines of an account come to so far."""

    debit: Decimal = ZERO
    credit: Decimal = ZERO
    lines: int = 0


class LedgerMonths(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is being read, and which months need no other look. `part` None: nothing is."""

    part: Part | None = None
    months: tuple[str, ...] = ()
    """Those that are left to read, the one under way first."""
    closed: tuple[str, ...] = ()
    """Those of them that were closed before the read."""
    periods: tuple[Period, ...] = ()
    after_id: int = 0
    accounts: dict[str, int] = {}
    sums: dict[str, Sum] = {}
    """By the code of the account, of the month under way."""
    final: tuple[str, ...] = ()
    """`month account`, each of which was read after its period was closed."""
    again: bool = False
    """Somebody has asked during the read."""
    calls: int = 0


def decide(state: LedgerMonths, message: Any, now: datetime, settings: PostingSettings) -> Decision:
    """What is read next. Pure."""
    match message:
        case ReadMonths() if state.part is None:
            return _begun(state, now, settings)
        case EffectDone(result=page) if state.part is not None:
            return _read(state, state.part, page, now, settings)
        case EffectRefused() | EffectExhausted():
            return _rested(state, now + _AFTER_REFUSAL)
        case ReadMonths():
            return Decision(state=replace(state, again=True))
        case _:
            return Decision(state=state)


def _rested(state: LedgerMonths, again: datetime) -> Decision:
    rested = LedgerMonths(final=state.final, calls=state.calls)
    return Decision(state=rested, timers=(Timer(name="months", due=again, message=ReadMonths()),))


def _until_tomorrow(state: LedgerMonths, now: datetime, settings: PostingSettings) -> Decision:
    """The read is over; what was asked for meanwhile begins at once."""
    decision = _rested(state, next_run(now, settings) + _AFTER_POSTING)
    if not state.again:
        return decision
    return replace(decision, emits=(Emit(channel=LEDGER_MONTHS, key=LEDGER_MONTHS_KEY, message=ReadMonths()),))


def _begun(state: LedgerMonths, now: datetime, settings: PostingSettings) -> Decision:
    recent = _over(now, settings)
    final = tuple(each for each in state.final if each.partition(" ")[0] in recent)
    state = replace(state, final=final, months=_unread(recent, final, clearing_accounts(settings)))
    return _asked(replace(state, part="periods")) if state.months else _until_tomorrow(state, now, settings)


def _over(now: datetime, settings: PostingSettings) -> tuple[str, ...]:
    """The months that are over and may still be open in the ledger, the earliest first."""
    month, found = month_of(now.astimezone(settings.zone).date()), list[str]()
    for _ in range(_MONTHS_BACK):
        month = month.before
        found.insert(0, str(month))
    return tuple(found)


def _unread(months: Iterable[str], final: Sequence[str], accounts: Sequence[str]) -> tuple[str, ...]:
    return tuple(month for month in months if any(f"{month} {account}" not in final for account in accounts))


def _asked(state: LedgerMonths) -> Decision:
    ask: Ask[Any]
    match state.part:
        case "periods":
            ask = PERIODS.changed(Changes(after_id=state.after_id))
        case "accounts":
            ask = ACCOUNTS.find(Find(by="code", values=tuple(state.sums), after_id=state.after_id))
        case _:
            month = month_in(state.months[0])
            ids = tuple(sorted(state.accounts.values()))
            ask = POSTED_LINES(PostedOn(accounts=ids, first=month.first, last=month.last, after_id=state.after_id))
    return Decision(state=replace(state, calls=state.calls + 1), effects=(ask.effect("rest"),))


def _read(state: LedgerMonths, part: Part, page: Page[Any], now: datetime, settings: PostingSettings) -> Decision:
    """Keep a page, and go on with what is next."""
    match part:
        case "periods":
            state = replace(state, periods=(*state.periods, *page.rows))
        case "accounts":
            more = {row.code: row.id for row in page.rows if row.code in state.sums}
            state = replace(state, accounts={**state.accounts, **more})
        case "lines":
            state = replace(state, sums=_added(state, page.rows))
    if not page.complete:
        return _asked(replace(state, after_id=page.last_id))
    state = replace(state, after_id=0)
    match part:
        case "periods":
            closed = tuple(each for each in state.months if _is_closed(month_in(each), state.periods))
            none_yet = dict.fromkeys(clearing_accounts(settings), Sum())
            return _asked(replace(state, part="accounts", closed=closed, periods=(), sums=none_yet))
        case "accounts" if state.accounts:
            return _asked(replace(state, part="lines", sums=dict.fromkeys(state.accounts, Sum())))
        case "accounts":  # Fulfil has none of them: the ledger's own cases say so where something is to be posted
            return _until_tomorrow(state, now, settings)
        case _:
            return _kept(state, now, settings)


def _is_closed(month: Month, periods: Iterable[Period]) -> bool:
    """Whether nothing can be posted into any of its days. A period that does not say is taken as open."""
    of_month = [
        each.state or _OPEN
        for each in periods
        if each.start_date is not None
        and each.end_date is not None
        and each.start_date <= month.last
        and each.end_date >= month.first
    ]
    return bool(of_month) and _OPEN not in of_month


@exactly
def _added(state: LedgerMonths, rows: Sequence[LedgerLine]) -> dict[str, Sum]:
    codes = {id_: code for code, id_ in state.accounts.items()}
    sums = dict(state.sums)
    for row in rows:
        code = codes[row.account or 0]
        so_far = sums[code]
        sums[code] = Sum(
            debit=so_far.debit + (row.debit or ZERO),
            credit=so_far.credit + (row.credit or ZERO),
            lines=so_far.lines + 1,
        )
    return sums


def _kept(state: LedgerMonths, now: datetime, settings: PostingSettings) -> Decision:
    """A month is read, whole; then the next one."""
    month, *further = state.months
    is_final = month in state.closed
    writes = tuple(
        Write(
            "put_month_account",
            (month, code, f"{each.debit:f}", f"{each.credit:f}", each.lines, int(is_final), to_instant(now)),
        )
        for code, each in state.sums.items()
    )
    final = (*state.final, *(f"{month} {code}" for code in state.sums)) if is_final else state.final
    state = replace(
        state, months=tuple(further), final=tuple(dict.fromkeys(final)), sums=dict.fromkeys(state.accounts, Sum())
    )
    decision = _asked(state) if further else _until_tomorrow(state, now, settings)
    return replace(decision, writes=writes)


class ClearingMonths:
    """The actor. See the module."""

    name = LEDGER_MONTHS
    message_type = ReadMonths
    state_type = LedgerMonths

    def __init__(self, settings: PostingSettings, emit: Callable[[Any], None]) -> None:
        self._settings, self._emit = settings, emit

    def begin(self, key: str) -> LedgerMonths:  # noqa: ARG002 - there is one
        """Nothing was read."""
        return LedgerMonths()

    async def ready(self) -> None:
        """It can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Messages bring what is needed."""
        return [item.message for item in items]

    def decide(self, state: LedgerMonths, message: Any, now: datetime) -> Decision:
        """See `decide` above."""
        return decide(state, message, now, self._settings)

    def project(self, key: str, before: LedgerMonths, after: LedgerMonths, now: datetime) -> Sequence[Write]:  # noqa: ARG002
        """Rows are written as they are decided on."""
        return ()

    def announce(self, key: str, before: LedgerMonths, after: LedgerMonths) -> None:  # noqa: ARG002 - there is one
        """Count the calls."""
        if after.calls > before.calls:
            self._emit(PostingCalls(calls=after.calls - before.calls))
