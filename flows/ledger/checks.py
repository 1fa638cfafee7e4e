"""The actor that reads posted batches back; a key for each sales channel, `ledger-check/<sales channel>`.

In: `CheckBatches` when the process starts and once a day, an hour after what was due is posted. Out: a case for each
batch that is not in the ledger as it was posted; nothing in Fulfil is touched. Batches of the last 35 days are read,
and older ones that differ; a hundred with five calls, which are reads and repeat freely. A crash goes on with the
call that is next. A case ends when a later look finds the batch as it was posted, or a person accepts it: then it stays
accepted while just that is found. What is held rather than retried: nothing; a look that Fulfil refuses is made again,
but for entries beside them, without which the batches themselves are still compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec
from msgspec.structs import replace

from connectors.fulfil.calls import Ask
from connectors.fulfil.changes import Page
from connectors.fulfil.ledger import ACCOUNTS, LEDGER_LINES, LEDGER_MOVES, LedgerLine, LedgerMove
from connectors.fulfil.models import Find
from connectors.fulfil.wire import RECORDS_MAX
from flows.events import PostingCalls
from flows.exceptions.kinds import ExceptionCase
from flows.ledger.checking import PostedBatch, Seen, changed, moved_by
from flows.ledger.posting import next_run
from flows.ledger.state import Rules
from flows.model.cases import announce_cases, case_in, case_rows
from flows.model.messages import Recheck
from flows.model.postings import LEDGER_CHECKS
from flows.model.reconciliation import RESTATED
from runtime.actor import Item
from runtime.clock import to_datetime
from runtime.decision import Decision, EffectDone, EffectExhausted, EffectRefused, Emit, Message, Timer, Write
from runtime.journal.journal import Journal

KIND: Final = "posting.changed"
BATCHES_PER_LOOK: Final = 100
_AFTER_POSTING: Final = timedelta(hours=1)
_AFTER_REFUSAL: Final = timedelta(hours=1)
_BESIDE_MAX: Final = RECORDS_MAX - BATCHES_PER_LOOK
"""Of entries beside batches, so many are looked at together with these."""
Part = Literal["moves", "reversals", "copies", "lines", "accounts"]


class CheckBatches(Message, frozen=True, kw_only=True):
    """Read posted batches back, those behind this one."""

    after: str = ""


class _Found(Message, frozen=True, kw_only=True):
    """The next batches that are to be read."""

    batches: tuple[PostedBatch, ...]


class LedgerCheck(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The batches that are being read, and what was read of them so far. `part` None: none are."""

    part: Part | None = None
    batches: tuple[PostedBatch, ...] = ()
    after_id: int = 0
    moves: tuple[LedgerMove, ...] = ()
    beside: tuple[LedgerMove, ...] = ()
    """Other entries that have a batch's as their origin, or its description."""
    lines: tuple[LedgerLine, ...] = ()
    accounts: dict[str, int] = {}
    calls: int = 0
    accepted: dict[str, str] = {}
    """By reference: how a person has accepted it."""
    cases: tuple[ExceptionCase, ...] = ()


def decide(state: LedgerCheck, message: Any, now: datetime, rules: Rules) -> Decision:
    """What follows for one sales channel. Pure."""
    match message:
        case _Found() if state.part is not None:
            return Decision(state=state)  # a look is under way, and goes on by itself
        case _Found(batches=()):
            return _rested(state, now, rules)
        case _Found(batches=batches):
            return _asked(replace(_at_rest(state), part="moves", batches=batches))
        case EffectDone(result=page) if state.part is not None:
            return _read(state, state.part, page, now)
        case EffectRefused() if state.part in ("reversals", "copies"):
            return _gone_on(state, state.part, now)
        case EffectRefused() | EffectExhausted():
            later = Timer(name="check", due=now + _AFTER_REFUSAL, message=CheckBatches())
            return Decision(state=_at_rest(state), timers=(later,))
        case Recheck():
            accepted = {case.cause: case.sentence for case in state.cases}
            return Decision(state=replace(state, accepted={**state.accepted, **accepted}, cases=()))
        case _:
            return Decision(state=state)


def _at_rest(state: LedgerCheck) -> LedgerCheck:
    return replace(state, part=None, batches=(), after_id=0, moves=(), beside=(), lines=(), accounts={})


def _rested(state: LedgerCheck, now: datetime, rules: Rules) -> Decision:
    due = next_run(now, rules.settings) + _AFTER_POSTING
    return Decision(state=_at_rest(state), timers=(Timer(name="check", due=due, message=CheckBatches()),))


def _asked(state: LedgerCheck) -> Decision:
    moves = tuple(batch.move for batch in state.batches)
    codes = tuple(sorted({code for batch in state.batches for code in batch.moved}))
    ask: Ask[Any]
    match state.part:
        case "moves":
            ask = LEDGER_MOVES.find(Find(by="id", values=moves, after_id=state.after_id))
        case "reversals":
            origins = tuple(f"{LEDGER_MOVES.name},{move}" for move in moves)
            ask = LEDGER_MOVES.find(Find(by="origin", values=origins, after_id=state.after_id))
        case "copies":
            references = tuple(batch.reference for batch in state.batches)
            ask = LEDGER_MOVES.find(Find(by="description", values=references, after_id=state.after_id))
        case "lines":
            all_ = (*moves, *(each.id for each in state.beside))
            ask = LEDGER_LINES.find(Find(by="move", values=all_, after_id=state.after_id))
        case _:
            ask = ACCOUNTS.find(Find(by="code", values=codes, after_id=state.after_id))
    return Decision(state=replace(state, calls=state.calls + 1), effects=(ask.effect("rest"),))


_NEXT: Final[dict[Part, Part | None]] = {
    "moves": "reversals", "reversals": "copies", "copies": "lines", "lines": "accounts", "accounts": None,
}  # fmt: skip


def _read(state: LedgerCheck, part: Part, page: Page[Any], now: datetime) -> Decision:
    """Keep a page; when all is read, compare."""
    match part:
        case "moves":
            state = replace(state, moves=(*state.moves, *page.rows))
        case "reversals" | "copies":
            known = {batch.move for batch in state.batches} | {each.id for each in state.beside}
            beside = (*state.beside, *(row for row in page.rows if row.id not in known))
            state = replace(state, beside=beside[:_BESIDE_MAX])
        case "lines":
            state = replace(state, lines=(*state.lines, *page.rows))
        case "accounts":
            more = {row.code: row.id for row in page.rows if row.code}
            state = replace(state, accounts={**state.accounts, **more})
    if not page.complete:
        return _asked(replace(state, after_id=page.last_id))
    return _gone_on(state, part, now)


def _gone_on(state: LedgerCheck, part: Part, now: datetime) -> Decision:
    state = replace(state, part=_NEXT[part], after_id=0)
    return _asked(state) if state.part is not None else _compared(state, now)


def _compared(state: LedgerCheck, now: datetime) -> Decision:
    """The cases of these batches as they are now; those of others stay. Then the next batches."""
    seen = Seen(moves=state.moves, beside=state.beside, lines=state.lines, accounts=state.accounts)
    found = changed(state.batches, seen)
    sentences = {each.batch.reference: each.sentence for each in found}
    looked_at = {batch.reference for batch in state.batches}
    accepted = {
        reference: sentence
        for reference, sentence in state.accepted.items()
        if reference not in looked_at or sentences.get(reference) == sentence
    }
    cases = [case for case in state.cases if case.cause not in looked_at]
    cases += [
        case_in(state.cases, KIND, each.batch.reference, each.sentence, now, amount=each.amount,
                currency=each.batch.currency)
        for each in found
        if each.batch.reference not in accepted
    ]  # fmt: skip
    further = Emit(channel=LEDGER_CHECKS, message=CheckBatches(after=max(looked_at)))
    return Decision(state=replace(_at_rest(state), accepted=accepted, cases=tuple(cases)), emits=(further,))


class LedgerChecks:
    """The actor. See the module."""

    name = LEDGER_CHECKS
    message_type = CheckBatches | Recheck
    state_type = LedgerCheck

    def __init__(self, rules: Rules, journal: Journal, emit: Callable[[Any], None]) -> None:
        self._rules, self._journal, self._emit = rules, journal, emit

    def begin(self, key: str) -> LedgerCheck:  # noqa: ARG002 - all begin alike
        """Nothing was read."""
        return LedgerCheck()

    async def ready(self) -> None:
        """It can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """The batches that are to be read."""
        return [await self._resolved(item) for item in items]

    async def _resolved(self, item: Item) -> Message:
        if not isinstance(item.message, CheckBatches):
            return item.message
        since = to_datetime(self._journal.clock.now()).astimezone(self._rules.settings.zone).date() - RESTATED
        differing = [case.cause for case in item.state.cases] + list(item.state.accepted)
        rows = await self._journal.query(
            "batches_to_check", item.key.partition("/")[2], since.isoformat(), item.message.after, BATCHES_PER_LOOK,
            msgspec.json.encode(differing).decode(),
        )  # fmt: skip
        return _Found(batches=tuple(_batch(row) for row in rows))

    def decide(self, state: LedgerCheck, message: Any, now: datetime) -> Decision:
        """See `decide` above."""
        return decide(state, message, now, self._rules)

    def project(self, key: str, before: LedgerCheck, after: LedgerCheck, now: datetime) -> Sequence[Write]:
        """The rows of its cases."""
        how = "the ledger has it as it was posted, or a person has accepted it"
        return case_rows(key, before.cases, after.cases, now, how=how)

    def announce(self, key: str, before: LedgerCheck, after: LedgerCheck) -> None:
        """Count the calls, and the cases."""
        announce_cases(key, before.cases, after.cases, self._emit)
        if after.calls > before.calls:
            self._emit(PostingCalls(calls=after.calls - before.calls))


def _batch(row: Sequence[Any]) -> PostedBatch:
    reference, move, booked_on, currency, total, lines = row
    said = msgspec.json.decode(lines, type=list[tuple[str, str, str, str]])
    return PostedBatch(
        reference=reference, move=move, booked_on=date.fromisoformat(booked_on), currency=currency,
        total=Decimal(total), moved=moved_by(line[:3] for line in said),
    )  # fmt: skip
