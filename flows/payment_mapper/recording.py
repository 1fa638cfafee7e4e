"""The decision of the recorder: records of many orders at once, read, planned, made and moved on. Pure.

One batch at a time: the sales and what they have are read (three reads), then the plan says what to do, and one list
does it for all records that need the same: payments, transactions, moves. Everything is planned again from what was
read whenever an answer was lost and the look found only a part, so no bytes are ever sent a second time. A refused list
is tried record by record, so that one bad record keeps back no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec.structs import replace

from connectors.fulfil.calls import Ask
from connectors.fulfil.changes import Changes, Page
from connectors.fulfil.models import Find
from connectors.fulfil.payments import GATEWAYS, SALE_PAYMENTS, TRANSACTIONS
from connectors.fulfil.sales import SALES
from connectors.fulfil.wire import RECORDS_MAX
from flows.exceptions.kinds import ExceptionCase
from flows.model.messages import Recheck
from flows.model.payments import PAYMENT_MAPPER
from flows.payment_mapper.batch import (
    ENOUGH,
    Blocked,
    Due,
    Fills,
    Recording,
    at_rest,
    calls_of,
    name_of,
    steps_of,
    written,
)
from flows.payment_mapper.parts import RECORDER, Entry, Found, PaymentRecorded, PaymentRefused, RecordDue, RecordNow
from flows.payment_mapper.planning import (
    Impossible,
    IsThere,
    NeedsMove,
    NeedsPayment,
    NeedsTransaction,
    Next,
    SaleThere,
)
from runtime.channel import BULK
from runtime.clock import to_instant
from runtime.decision import (
    Decision,
    EffectAbsent,
    EffectDone,
    EffectExhausted,
    EffectRefused,
    Emit,
    Message,
    Timer,
    Write,
)

REFUSED: Final = "payments.refused"
_GATEWAYS_KEPT: Final = timedelta(hours=1)
_AFTER_TROUBLE: Final = timedelta(minutes=5)
_AFTER_REFUSAL: Final = timedelta(hours=1)
_ROUNDS_PER_RECORD_MAX: Final = 8
_LOST_MAX: Final = 6
"""How often a call for one record is lost and not applied before a person has to look."""
_READS: Final = (GATEWAYS.changed.kind, SALES.find.kind, SALE_PAYMENTS.find.kind, TRANSACTIONS.find.kind)


def decide(state: Recording, message: Any, now: datetime, gather: timedelta, reference_field: str) -> Decision:
    """What comes next of recording payments in Fulfil. Pure."""
    match message:
        case Due():
            return _due(state, message, now, gather)
        case Blocked():
            return _looks_at(state, message)
        case EffectDone(kind=kind) if kind in _READS:
            return _read(state, kind, message.result, now, reference_field)
        case EffectDone():
            return _goes_on(written(state, message), now, reference_field)
        case EffectRefused(kind=kind, sentence=sentence) if kind in _READS:
            return _put_off(_with_case(state, sentence, now), now + _AFTER_REFUSAL)
        case EffectRefused(sentence=sentence):
            return _refused(state, sentence, now, reference_field)
        case EffectAbsent(intent=intent):
            return replace(_lost(state, now, reference_field), settle=(intent,))
        case EffectExhausted():
            return _put_off(state, now + _AFTER_TROUBLE)
        case _:  # an answer was lost: the runtime looks
            return Decision(state=state)


def _looks_at(state: Recording, blocked: Blocked) -> Decision:
    """Have orders judged again of which something was blocked; and those behind the last of them."""
    again = Recheck(because="configuration")
    emits = [Emit(channel=PAYMENT_MAPPER, key=key, message=again, priority=BULK) for key in blocked.orders]
    if blocked.more is not None:
        emits.append(Emit(channel=RECORDER, message=blocked.more, priority=BULK))
    return Decision(state=state, emits=tuple(emits))


# -- beginning, and reading --------------------------------------------------------------------------------------------


def _due(state: Recording, due: Due, now: datetime, gather: timedelta) -> Decision:
    if state.entries or not due.entries:
        return Decision(state=replace(state, gathering=state.gathering and not due.at_once))
    if due.at_once or len(due.entries) >= ENOUGH:
        fresh = replace(at_rest(state), entries=due.entries, known=due.known, found=due.found, gathering=False)
        return replace(_begin(fresh, now), cancels=("gather",))
    if state.gathering:
        return Decision(state=state)
    timer = Timer(name="gather", due=now + gather, message=RecordNow())
    return Decision(state=replace(state, gathering=True), timers=(timer,))


def _begin(state: Recording, now: datetime) -> Decision:
    """Fulfil's gateways, where they are not all configured by their ids; then the sales, and what they have."""
    is_old = state.gateways_at is None or now - state.gateways_at > _GATEWAYS_KEPT
    known = {name for each in state.gateways for name in (each.code, each.name)}
    asked = [each.method for each in state.entries if each.method and each.gateway is None]
    if asked and (is_old or not known.issuperset(asked)):
        return _ask(replace(state, gateways=(), gateways_at=now), GATEWAYS.changed(Changes()))
    return _read_sales(state)


def _look(state: Recording, now: datetime) -> Decision:
    """Read again what is there; but not for ever."""
    if state.rounds > _ROUNDS_PER_RECORD_MAX * (len(state.entries) + len(state.made) + 1):
        return _put_off(state, now + _AFTER_TROUBLE)
    return _read_sales(replace(state, rounds=state.rounds + 1))


def _read_sales(state: Recording) -> Decision:
    state = replace(state, sales=(), payments=(), transactions=(), unread=(), doing=())
    return _ask(state, SALES.find(Find(by="id", values=_sales(state))))


def _sales(state: Recording) -> tuple[int, ...]:
    return tuple(dict.fromkeys(each.sale for each in state.entries))


def _read(state: Recording, kind: str, page: Page[Any], now: datetime, reference_field: str) -> Decision:
    """One page more of what Fulfil has."""
    if kind == GATEWAYS.changed.kind:
        state = replace(state, gateways=(*state.gateways, *page.rows))
        return _read_sales(state) if page.complete else _ask(state, GATEWAYS.changed(Changes(after_id=page.last_id)))
    if kind == SALES.find.kind:
        sales = [SaleThere(row.id, row.party, row.currency, row.currency_code) for row in page.rows]
        state = replace(state, sales=(*state.sales, *sales))
        if page.complete:
            return _ask(state, SALE_PAYMENTS.find(Find(by="sale", values=_sales(state))))
        return _ask(state, SALES.find(Find(by="id", values=_sales(state), after_id=page.last_id)))
    if kind == SALE_PAYMENTS.find.kind:
        state = replace(state, payments=(*state.payments, *page.rows))
        if not page.complete:
            return _ask(state, SALE_PAYMENTS.find(Find(by="sale", values=_sales(state), after_id=page.last_id)))
        return _read_transactions(
            replace(state, unread=tuple(each.id for each in state.payments)), 0, now, reference_field
        )
    state = replace(state, transactions=(*state.transactions, *page.rows))
    if not page.complete:
        return _read_transactions(state, page.last_id, now, reference_field)
    return _read_transactions(replace(state, unread=state.unread[RECORDS_MAX:]), 0, now, reference_field)


def _read_transactions(state: Recording, after_id: int, now: datetime, reference_field: str) -> Decision:
    if not state.unread:
        return _goes_on(replace(state, cases=()), now, reference_field)
    asked = Find(by="sale_payment", values=state.unread[:RECORDS_MAX], after_id=after_id)
    return _ask(state, TRANSACTIONS.find(asked))


def _ask(state: Recording, ask: Ask[Any]) -> Decision:
    return Decision(state=replace(state, calls=state.calls + 1), effects=(ask.effect("rest"),))


# -- what is done ------------------------------------------------------------------------------------------------------


def _goes_on(state: Recording, now: datetime, reference_field: str) -> Decision:
    """Tell of what is there, and make the next list of what is not."""
    steps = steps_of(state)
    moving = {entry.order for entry, step in zip(state.entries, steps, strict=True) if isinstance(step, _WORK)}
    emits: list[Emit] = []
    writes: list[Write] = []
    found: list[Found] = []
    left: list[tuple[Entry, Next | Fills]] = []
    for entry, step in zip(state.entries, steps, strict=True):
        waits = isinstance(step, Impossible) and entry.order in moving  # what it needs may be on its way
        if isinstance(step, IsThere):
            emits += _told_done(state, entry, step)
            writes.append(_reached(state, entry, step, now))
            found += [Found(entry, step.transaction)] if entry.wanted == "completed" else []
        elif isinstance(step, Impossible) and not waits:
            emits.append(_told_refused(entry, step.sentence))
            writes.append(_is_refused(entry))
        else:
            left.append((entry, step))
    state = replace(state, entries=tuple(entry for entry, _ in left), found=(*state.found, *found))
    decision = _next(state, [step for _, step in left], now, reference_field)
    return replace(decision, emits=(*emits, *decision.emits), writes=(*writes, *decision.writes))


_WORK: Final = (NeedsPayment, NeedsTransaction, NeedsMove)


def _next(state: Recording, steps: Sequence[Next | Fills], now: datetime, reference_field: str) -> Decision:
    """The next call; without one the batch is over, and somebody may have come meanwhile."""
    if not state.entries:
        return Decision(state=at_rest(state), emits=(Emit(channel=RECORDER, message=RecordDue()),))
    for places, ask in calls_of(state, steps, reference_field):
        return _ask(replace(state, doing=places), ask)
    return _put_off(state, now + _AFTER_TROUBLE)  # nothing can be done that would change anything


# -- what came of it ---------------------------------------------------------------------------------------------------


def _lost(state: Recording, now: datetime, reference_field: str) -> Decision:
    """A list may have been applied in part: look, then record by record. One that is lost every time may be what breaks
    Fulfil, so it keeps back no other.
    """
    if len(state.doing) > 1:
        return _look(replace(state, alone=True), now)
    lost = (*state.lost, *(name_of(state.entries[place]) for place in state.doing))
    state = replace(state, lost=lost)
    if lost and lost.count(lost[-1]) >= _LOST_MAX:
        return _refused(state, "its answer was lost each time, and it is not there", now, reference_field)
    return _look(state, now)


def _refused(state: Recording, sentence: str, now: datetime, reference_field: str) -> Decision:
    """A list may have been refused for one of its records, and may have been applied in part: look, then one by one."""
    if len(state.doing) > 1:
        return _look(replace(state, alone=True), now)
    (place,) = state.doing or (0,)
    entry = state.entries[place]
    rest = replace(state, entries=(*state.entries[:place], *state.entries[place + 1 :]), doing=())
    decision = _goes_on(rest, now, reference_field)
    emits = (_told_refused(entry, f"Fulfil did not take it: {sentence}"), *decision.emits)
    return replace(decision, emits=emits, writes=(_is_refused(entry), *decision.writes))


def _put_off(state: Recording, until: datetime) -> Decision:
    """Nothing of the batch is forgotten: its rows are due, and what was made is found."""
    return Decision(state=at_rest(state), timers=(Timer(name="again", due=until, message=RecordNow()),))


def _with_case(state: Recording, sentence: str, now: datetime) -> Recording:
    opened_at = state.cases[0].opened_at if state.cases else now
    sentence = f"Fulfil refused to tell its payments: {sentence}".rstrip(".")
    return replace(
        state, cases=(ExceptionCase(kind=REFUSED, cause="payments", sentence=sentence, opened_at=opened_at),)
    )


def _told_done(state: Recording, entry: Entry, there: IsThere) -> list[Emit]:
    if entry.type == "fields":
        return []
    told = PaymentRecorded(
        record=entry.record,
        state=entry.wanted,  # type: ignore[arg-type]
        found=name_of(entry) not in state.made,
        transaction=there.transaction,
    )
    return [_to_order(entry, told)]


def _told_refused(entry: Entry, sentence: str) -> Emit:
    told = PaymentRefused(record=entry.record, sentence=sentence.rstrip("."), wanted=entry.wanted)
    return _to_order(entry, told)


def _to_order(entry: Entry, message: Message) -> Emit:
    return Emit(channel=PAYMENT_MAPPER, key=entry.order, message=message)


def _reached(state: Recording, entry: Entry, there: IsThere, now: datetime) -> Write:
    found = int(name_of(entry) not in state.made)
    row = (entry.wanted, there.transaction, found, to_instant(now), entry.order, entry.record, entry.wanted)
    return Write("payment_reached", row)


def _is_refused(entry: Entry) -> Write:
    return Write("payment_refused", (entry.order, entry.record, entry.wanted))
