"""The decision of the ledger: the chart is read, what is due is put into batches, and each is posted once. Pure.

A batch is looked for by its reference before it is made, made as a draft, and posted; its bytes are on disk before each
call, and after a lost answer the look decides. A draft that Fulfil will not post stays, is a case, and is looked at
again with each run: gone, its postings are due again; posted by a person, it is done; and while something in it is to
wait by now, it is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from connectors.fulfil.calls import Ask
from connectors.fulfil.changes import Changes, Page
from connectors.fulfil.ledger import (
    ACCOUNTS,
    JOURNALS,
    LEDGER_MOVES,
    MAKE_LEDGER_MOVE,
    PERIODS,
    LedgerMove,
    NewLedgerLine,
    NewLedgerMove,
    make_ledger_move,
)
from connectors.fulfil.models import Find
from connectors.fulfil.workflow import POST_LEDGER_MOVE
from flows.exceptions.kinds import ExceptionCase
from flows.ledger.batching import Batches, Chart, batches_of
from flows.ledger.parts import Batch
from flows.ledger.state import LedgerState, LookAgain, PayoutsFound, Plan, Planned, Rules, case_of, cases_of
from flows.model.messages import Recheck
from flows.model.month import month_of
from flows.model.periods import LedgerPeriod
from flows.model.posting_matrix import PostingSettings
from flows.model.postings import (
    LEDGER,
    LEDGER_MONTHS,
    LEDGER_MONTHS_KEY,
    POSTING_MAPPER,
    PayoutTold,
    PostDue,
    ReadMonths,
)
from runtime.channel import BULK
from runtime.clock import to_instant
from runtime.decision import (
    Decision,
    EffectAbsent,
    EffectDone,
    EffectExhausted,
    EffectRefused,
    EffectUnknown,
    Emit,
    Timer,
    Write,
)

POSTINGS_PER_RUN: Final = 1_000
PAYOUTS_PER_STEP: Final = 200
RESENDS_MAX: Final = 6
"""How often one call is lost and proven not applied before a person has to look."""
_AFTER_TROUBLE: Final = timedelta(minutes=5)
_AFTER_REFUSAL: Final = timedelta(hours=1)
_DELETED: Final = "its draft was deleted in Fulfil; what was in it is due again"
_GATHERED_BEFORE: Final = "it was not made in the run that gathered it; what was in it is due again"


def decide(state: LedgerState, message: Any, now: datetime, rules: Rules) -> Decision:
    """What comes next of posting what is due of a sales channel. Pure."""
    match message:
        case PostDue(numbers_from=number):
            return _begun(state if number <= state.number else replace(state, number=number), now, rules)
        case Recheck():
            return _released(state, now, rules)
        case PayoutsFound(keys=keys):
            return _looked_again(state, keys)
        case Planned():
            return _planned(state, message, now, rules)
        case EffectDone(kind=kind, result=result):
            return _done(state, kind, result, now, rules)
        case EffectAbsent(intent=intent, kind=kind):
            return _absent(state, intent, kind, now, rules)
        case EffectRefused(kind=kind, sentence=sentence):
            return _refused(state, kind, sentence, now, rules)
        case EffectExhausted():
            return _put_off(state, now, rules, now + _AFTER_TROUBLE)
        case EffectUnknown():  # the runtime looks
            return Decision(state=state)
    raise TypeError(f"the ledger has no use for a {type(message).__name__}")


def kept_still(state: LedgerState, message: Any, now: datetime, rules: Rules) -> Decision:
    """The same in a restored store whose books nobody has said to agree: nothing is asked or posted. What was under way
    when the backup was made is looked for by its reference when they do.
    """
    settle = (message.intent,) if isinstance(message, EffectAbsent) else ()
    return replace(_put_off(state, now, rules, now + _AFTER_TROUBLE), settle=settle)


# -- beginning, and reading the chart ----------------------------------------------------------------------------------


def _begun(state: LedgerState, now: datetime, rules: Rules) -> Decision:
    emits: tuple[Emit, ...] = ()
    if state.matrix != rules.matrix:
        state = replace(state, matrix=rules.matrix)
        emits = (Emit(channel=LEDGER, message=LookAgain(), priority=BULK),)
    if state.running:
        return Decision(state=replace(state, again=True), emits=emits)
    if rules.unable:
        found = () if not rules.writes else (case_of(state, "ledger.refused", "ledger", rules.unable, now),)
        decision = _rested(replace(state, found=found), now, rules)
        return replace(decision, emits=(*emits, *decision.emits))
    state = replace(state, running=True, again=False, planned=False, periods=(), found=())
    decision = _ask(state, PERIODS.changed(Changes()))
    return replace(decision, emits=emits)


def _released(state: LedgerState, now: datetime, rules: Rules) -> Decision:
    """A person has looked: roundings that waited may pass, and everything is tried again."""
    state = replace(state, allowed=tuple(dict.fromkeys((*state.allowed, *state.held))), held=())
    return _begun(state, now, rules)


def _looked_again(state: LedgerState, keys: Sequence[str]) -> Decision:
    emits = [Emit(channel=POSTING_MAPPER, key=key, message=PayoutTold(), priority=BULK) for key in keys]
    if len(keys) == PAYOUTS_PER_STEP:
        emits.append(Emit(channel=LEDGER, message=LookAgain(after=keys[-1]), priority=BULK))
    return Decision(state=state, emits=tuple(emits))


def _done(state: LedgerState, kind: str, result: Any, now: datetime, rules: Rules) -> Decision:
    if kind == PERIODS.changed.kind:
        return _periods_read(state, result, now, rules)
    if kind == ACCOUNTS.find.kind:
        state = replace(state, accounts={row.code: row.id for row in result.rows if row.code})
        return _ask(state, JOURNALS.find(Find(by="code", values=rules.settings.journals)))
    if kind == JOURNALS.find.kind:
        return _next(replace(state, journals={row.code: row.id for row in result.rows if row.code}), now, rules)
    if kind == LEDGER_MOVES.find.kind:
        return _looked(state, result, now, rules)
    if kind == MAKE_LEDGER_MOVE.kind:
        return _drafted(state, result.id)
    return _posted(state, now, rules)


def _periods_read(state: LedgerState, page: Page[Any], now: datetime, rules: Rules) -> Decision:
    state = replace(state, periods=(*state.periods, *periods_in(page)))
    if not page.complete:
        return _ask(state, PERIODS.changed(Changes(after_id=page.last_id)))
    rows = [(each.id, each.name, f"{each.begins}", f"{each.ends}", each.state) for each in state.periods]
    writes = tuple(Write("put_ledger_period", row) for row in rows)
    if not rules.writes or not rules.settings.rows:
        return replace(_rested(state, now, rules), writes=writes)
    return replace(_ask(state, ACCOUNTS.find(Find(by="code", values=rules.settings.accounts))), writes=writes)


def periods_in(page: Page[Any]) -> tuple[LedgerPeriod, ...]:
    """The periods of a page that have their days."""
    return tuple(
        LedgerPeriod(id=row.id, name=row.name or "", begins=row.start_date, ends=row.end_date, state=row.state or "")
        for row in page.rows
        if row.start_date is not None and row.end_date is not None
    )


def _ask(state: LedgerState, ask: Ask[Any]) -> Decision:
    return Decision(state=replace(state, calls=state.calls + 1), effects=(ask.effect("rest"),))


# -- batches -----------------------------------------------------------------------------------------------------------


def _planned(state: LedgerState, due: Planned, now: datetime, rules: Rules) -> Decision:
    """Batches of all that can be posted; who has to see to the rest."""
    if not state.running:
        return Decision(state=state)
    chart = Chart(periods=state.periods, accounts=frozenset(state.accounts), journals=frozenset(state.journals))
    today = now.astimezone(rules.settings.zone).date()
    made = batches_of(
        due.postings, rules.settings, chart, today, number=state.number, rounded=due.rounded, allowed=state.allowed
    )
    held = tuple(each.posting.name for each in made.waiting if each.obstacle == "rounding")
    drafts = [batch for batch in state.stuck if batch.reference not in due.kept_back]
    kept = tuple(batch for batch in state.stuck if batch.reference in due.kept_back)
    state = replace(
        state,
        planned=True,
        number=state.number + len(made.batches),
        queue=(*state.queue, *drafts, *(batch for batch in made.batches if batch.lines)),
        stuck=kept,
        more=len(due.postings) == POSTINGS_PER_RUN and bool(made.batches),
        held=held,
        allowed=tuple(name for name in state.allowed if not any(name in each.postings for each in made.batches)),
        found=(
            *state.found,
            *cases_of(state, made.waiting, now),
            *(_not_posted(state, batch, due.kept_back[batch.reference], now) for batch in kept),
        ),
    )
    decision = _next(state, now, rules)
    return replace(decision, writes=(*_rows(made, now), *decision.writes))


def _rows(made: Batches, now: datetime) -> Iterable[Write]:
    for batch in made.batches:
        yield _batch_row(batch, "making" if batch.lines else "empty", now)
        for name in batch.postings:
            payout, _, number = name.rpartition("#")
            yield Write("take_posting", (batch.reference, made.booked_on[name].isoformat(), payout, int(number)))


def _batch_row(batch: Batch, status: str, now: datetime, why: str = "") -> Write:
    lines = [(line.account, f"{line.debit:f}", f"{line.credit:f}", line.description) for line in batch.lines]
    posted_at = to_instant(now) if status == "posted" else None
    row = (
        batch.reference, batch.sales_channel, batch.currency, batch.booked_on.isoformat(), batch.journal, status,
        f"{batch.total:f}", msgspec.json.encode(lines).decode(), batch.digest, len(batch.postings), batch.move,
        to_instant(now), posted_at, why,
    )  # fmt: skip
    return Write("put_posting_batch", row)


# -- one batch ---------------------------------------------------------------------------------------------------------


def _next(state: LedgerState, now: datetime, rules: Rules) -> Decision:
    """The next batch is looked for; without one what is due is planned; then the run is over."""
    if state.queue:
        batch = state.queue[0]
        state = replace(state, doing=batch, queue=state.queue[1:], resends=0)
        return _ask(state, LEDGER_MOVES.find(Find(by="description", values=(batch.reference,))))
    state = replace(state, doing=None)
    if not state.planned:
        return Decision(state=state, emits=(Emit(channel=LEDGER, message=Plan()),))
    return _rested(state, now, rules)


def _looked(state: LedgerState, page: Page[LedgerMove], now: datetime, rules: Rules) -> Decision:
    """Whether it is there: from before a crash, from a life before a restore, or as a draft that was refused.

    What was in one of an earlier run may have to wait by now: where it is not there it is gathered anew, and a draft is
    posted when that is known.
    """
    batch = state.doing
    if batch is None:
        return Decision(state=state)
    row = next((each for each in page.rows if each.description == batch.reference), None)
    if row is not None and row.state == "posted":
        return _posted(replace(state, doing=replace(batch, move=row.id)), now, rules)
    if row is not None and state.planned:
        return _drafted(state, row.id)
    if row is not None:
        return _next(replace(state, stuck=(*state.stuck, replace(batch, move=row.id))), now, rules)
    if batch.move is None and state.planned:
        return _make(state, batch, now, rules)
    decision = _next(replace(state, again=state.again or state.planned), now, rules)  # what was in it is gathered anew
    gone = _let_go(batch, "withdrawn", _GATHERED_BEFORE if batch.move is None else _DELETED, now)
    return replace(decision, writes=(*gone, *decision.writes))


def _make(state: LedgerState, batch: Batch, now: datetime, rules: Rules) -> Decision:
    period = next((each for each in state.periods if each.is_open_on(batch.booked_on)), None)
    needed = {line.account for line in batch.lines}
    if period is None or batch.journal not in state.journals or not needed.issubset(state.accounts):
        decision = _next(state, now, rules)
        gone = _let_go(batch, "withdrawn", "what it needs in Fulfil is not there any more", now)
        return replace(decision, writes=(*gone, *decision.writes))
    lines = tuple(
        NewLedgerLine(
            account=state.accounts[line.account], debit=line.debit, credit=line.credit, description=line.description
        )
        for line in batch.lines
    )
    move = NewLedgerMove(
        journal=state.journals[batch.journal], period=period.id, booked_on=batch.booked_on,
        description=batch.reference, lines=lines,
    )  # fmt: skip
    return _ask(state, make_ledger_move(move))


def _drafted(state: LedgerState, move: int) -> Decision:
    if state.doing is None:
        return Decision(state=state)
    return _ask(replace(state, doing=replace(state.doing, move=move), resends=0), POST_LEDGER_MOVE([move]))


def _posted(state: LedgerState, now: datetime, rules: Rules) -> Decision:
    batch = state.doing
    if batch is None:
        return Decision(state=state)
    behind = state.behind or month_of(batch.booked_on) < month_of(now.astimezone(rules.settings.zone).date())
    decision = _next(replace(state, posted=state.posted + 1, behind=behind), now, rules)
    settles = Write("nudge_posted", (to_instant(now), batch.reference))
    return replace(decision, writes=(_batch_row(batch, "posted", now), settles, *decision.writes))


def _let_go(batch: Batch, status: str, why: str, now: datetime) -> tuple[Write, ...]:
    """Nothing of it is in Fulfil, so what was in it is due again."""
    return (_batch_row(batch, status, now, why), Write("free_postings", (batch.reference,)))


def _absent(state: LedgerState, intent: int, kind: str, now: datetime, rules: Rules) -> Decision:
    """Proven not applied: the same bytes again, but not for ever."""
    if state.resends < RESENDS_MAX:
        return Decision(state=replace(state, resends=state.resends + 1, calls=state.calls + 1), resend=(intent,))
    said = "its answer was lost each time, and it is not there"
    return replace(_refused(state, kind, said, now, rules), settle=(intent,))


def _refused(state: LedgerState, kind: str, sentence: str, now: datetime, rules: Rules) -> Decision:
    batch = state.doing
    if kind not in (MAKE_LEDGER_MOVE.kind, POST_LEDGER_MOVE.kind) or batch is None:
        said = f"Fulfil refused to tell its ledger: {sentence}"
        found = (*state.found, case_of(state, "ledger.refused", "ledger", said, now))
        return _put_off(replace(state, found=found), now, rules, now + _AFTER_REFUSAL)
    if kind == MAKE_LEDGER_MOVE.kind:
        said = f"Fulfil refused the batch of {batch.booked_on} in journal {batch.journal}: {sentence}"
        case = _case_of_batch(state, batch, said, now)
        writes = _let_go(batch, "refused", sentence, now)
    else:
        case = _not_posted(state, batch, f"refused to post it: {sentence}", now)
        state = replace(state, stuck=(*state.stuck, batch))
        writes = (_batch_row(batch, "making", now, sentence),)
    found = tuple(each for each in state.found if (each.kind, each.cause) != (case.kind, case.cause))
    decision = _next(replace(state, found=(*found, case)), now, rules)
    return replace(decision, writes=(*writes, *decision.writes))


def _not_posted(state: LedgerState, batch: Batch, why: str, now: datetime) -> ExceptionCase:
    return _case_of_batch(state, batch, f"Fulfil has the batch {batch.reference} as a draft, and {why}", now)


def _case_of_batch(state: LedgerState, batch: Batch, sentence: str, now: datetime) -> ExceptionCase:
    cause = f"{batch.journal} {batch.booked_on}"
    return case_of(state, "posting.refused", cause, sentence, now, batch.total, batch.currency)


# -- the end of a run --------------------------------------------------------------------------------------------------


def _put_off(state: LedgerState, now: datetime, rules: Rules, until: datetime) -> Decision:
    """Nothing is forgotten: the batch under way is looked for first."""
    queue = (*(() if state.doing is None else (state.doing,)), *state.queue)
    state = replace(state, queue=queue, doing=None, more=False)
    decision = _rested(state, now, rules)
    return replace(decision, timers=(Timer(name="post", due=until, message=PostDue()),))


def _rested(state: LedgerState, now: datetime, rules: Rules) -> Decision:
    goes_on, told = state.again or state.more, rules.tells_months and state.behind
    state = replace(
        state, running=False, again=False, planned=False, more=False, doing=None, accounts={}, journals={},
        cases=_cases_after(state, rules), found=(), behind=False,
    )  # fmt: skip
    timer = Timer(name="post", due=next_run(now, rules.settings), message=PostDue())
    emits = [Emit(channel=LEDGER, message=PostDue())] if goes_on else []
    if told:
        emits.append(Emit(channel=LEDGER_MONTHS, key=LEDGER_MONTHS_KEY, message=ReadMonths(), priority=BULK))
    return Decision(state=state, timers=(timer,), emits=tuple(emits))


def _cases_after(state: LedgerState, rules: Rules) -> tuple[ExceptionCase, ...]:
    """Those of the run; one that was broken off has not looked at what was open before."""
    if state.planned or not rules.writes:
        return state.found
    found = {(each.kind, each.cause) for each in state.found}
    return (*state.found, *(each for each in state.cases if (each.kind, each.cause) not in found))


def next_run(now: datetime, settings: PostingSettings) -> datetime:
    """The next time that it is the configured hour in the company's time zone."""
    local = now.astimezone(settings.zone)
    due = local.replace(hour=settings.hour, minute=0, second=0, microsecond=0)
    return (due if due > local else due + timedelta(days=1)).astimezone(now.tzinfo)
