"""What comes back from the create of a sale, and from looking for one. Pure."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from connectors.fulfil.wire import CreatedSale, FindSales, SaleFound
from flows.exceptions.kinds import ExceptionCase
from flows.model.money import Money
from flows.model.order_state import Later, OrderState, Status, Work
from flows.order_importer.parts import (
    LATER_VERSION,
    Policy,
    called,
    case_of,
    confirm_later,
    decision_of,
    held_with_latest,
    kept,
    lasting_cases,
    look_again,
    unreadable_cases,
    with_facts,
)
from flows.order_importer.reviewing import reviewed
from flows.order_importer.working import begin
from runtime.decision import (
    Decision,
    Effect,
    EffectAbsent,
    EffectDone,
    EffectExhausted,
    EffectRefused,
    EffectUnknown,
    Emit,
    Fact,
    Repeat,
)


def look_up(channel: int, identifier: str) -> Effect:
    """A look for the sale of this order."""
    body = msgspec.json.encode(FindSales(channel=channel, channel_identifiers=(identifier,)))
    return Effect(api="fulfil", kind="find_sale", body=body, repeat=Repeat.SAFE, share="orders")


def created(state: OrderState, done: EffectDone, sale: CreatedSale, now: datetime, policy: Policy) -> Decision:
    """The sale is there; a version that came meanwhile is compared with it."""
    cases = lasting_cases(state)
    if sale.total is not None and sale.total != Decimal(state.amount):
        cases = (*cases, _mismatch(state, sale.id, sale.total, now))
    imported = msgspec.structs.replace(
        state,
        status=Status.IMPORTED,
        sale=sale.id,
        sale_number=sale.number,
        party=sale.party,
        given_up="",
        later=None,
        cases=cases,
    )
    fact = called("created", done, {"sale": sale.id, "found_by_look": done.found_by_look})
    if imported.on_hold:
        waiting = msgspec.structs.replace(_wanted_on_hold(imported, now), later=state.later)
        return with_facts(begin(waiting, Work(goal="hold")), fact)
    if state.later is not None:
        judged = reviewed(imported, state.later, now, policy)
        return with_facts(judged, fact)
    return decision_of(imported, fact, closes=not cases, trace=bool(cases))


def _wanted_on_hold(state: OrderState, now: datetime) -> OrderState:
    """The gate lets it into Fulfil, and not out of the warehouse."""
    sentence = f"by the rule {state.rule!r}, nothing of sale {state.sale_number or state.sale} is to be shipped yet"
    case_ = case_of("order.on_hold", "gate", sentence, state, now)
    return msgspec.structs.replace(state, cases=(*state.cases, case_))


def _mismatch(state: OrderState, sale: int, total: Decimal, now: datetime) -> ExceptionCase:
    sentence = f"the sale in Fulfil has a total of {total} {state.currency}, the order {state.amount}"
    difference = Money(total - Decimal(state.amount), state.currency)
    return case_of("sale.mismatch", str(sale), sentence, state, now, amount=difference)


def unknown(state: OrderState, message: EffectUnknown) -> Decision:
    """Nobody knows yet whether the sale was made."""
    unknown = msgspec.structs.replace(state, status=Status.UNKNOWN)
    return decision_of(unknown, called("outcome_unknown", message, {"cause": message.cause}), trace=True)


def absent(state: OrderState, message: EffectAbsent, now: datetime, policy: Policy) -> Decision:
    """The look proved that it was not made: send it again, close a cancelled order, or give up."""
    looked = Fact(kind="looked_absent", values={"attempts": message.attempts})
    if state.later is not None and state.later.cancelled:
        cases, content = unreadable_cases(state), state.content
        closed = msgspec.structs.replace(state, status=Status.CANCELLED, given_up=content, later=None, cases=cases)
        decision = decision_of(closed, looked, Fact(kind="cancelled_before_import"), closes=not closed.cases)
        return msgspec.structs.replace(decision, settle=(message.intent,), timers=(confirm_later(state, now),))
    if message.attempts >= policy.attempts_max:
        times = f"{message.attempts} times" if message.attempts > 1 else "once"
        sentence = f"Fulfil lost the answer {times}, and the sale is not there"
        held = held_with_latest(state, case_of("fulfil.unsettled", "absent", sentence, state, now))
        newest = state.content if state.later is None else state.later.content
        held = msgspec.structs.replace(held, given_up=state.content, content=newest)
        decision = decision_of(held, looked, trace=True)
        return msgspec.structs.replace(decision, settle=(message.intent,), timers=(confirm_later(state, now),))
    creating = msgspec.structs.replace(state, status=Status.CREATING)
    return msgspec.structs.replace(decision_of(creating, looked), resend=(message.intent,))


def confirmed(state: OrderState, done: EffectDone, now: datetime, policy: Policy) -> Decision:
    """The second look at an order whose create was given up as absent."""
    if state.status not in (Status.HELD, Status.CANCELLED) or not done.result:
        return Decision(state=state, keeps=kept(state))
    sale: SaleFound = done.result[0]
    imported = msgspec.structs.replace(
        state,
        status=Status.IMPORTED,
        sale=sale.id,
        sale_number=sale.number,
        content=state.given_up or state.content,
        given_up="",
        cases=lasting_cases(state),
    )
    if state.status is Status.CANCELLED:
        sentence = f"the order was cancelled, but Fulfil has made sale {sale.number or sale.id} of it after all"
        cancelled = msgspec.structs.replace(
            imported, cases=(case_of("order.cancelled", "cancel", sentence, state, now),)
        )
        return decision_of(cancelled, Fact(kind="cancelled_after_import"), trace=True)
    return _appeared(
        state, imported, called("created", done, {"sale": sale.id, "found_by_look": True}), sale, now, policy
    )


def _appeared(
    held: OrderState, imported: OrderState, fact: Fact, sale: SaleFound, now: datetime, policy: Policy
) -> Decision:
    """The sale of a held order is there after all: whether it is what the newest version of the order says."""
    if imported.content == held.content:
        cases = imported.cases
        if sale.total_amount is not None and sale.total_amount != Decimal(held.amount):
            cases = (*cases, _mismatch(held, sale.id, sale.total_amount, now))
        return decision_of(msgspec.structs.replace(imported, cases=cases), fact, closes=not cases, trace=True)
    if imported.cases:  # the newest version cannot be read; the next one that can is compared
        return decision_of(imported, fact, trace=True)
    newest = Later(delivery=held.delivery or 0, version=held.version, content=held.content, cancelled=False)
    judged = reviewed(imported, newest, now, policy)
    return with_facts(judged, fact)


def not_created(state: OrderState, message: EffectRefused | EffectExhausted, now: datetime) -> Decision:
    """Fulfil refused the sale, or was tried as often as the policy allows."""
    if isinstance(message, EffectRefused):
        kind, sentence = "refused", f"Fulfil refused the order: {message.sentence}"
        case_ = case_of("fulfil.refused", message.code, sentence, state, now)
    else:
        kind, case_ = "exhausted", case_of("fulfil.unsettled", message.cause, message.sentence, state, now)
    held = held_with_latest(state, case_)
    emits: tuple[Emit, ...] = ()
    if state.later is not None:  # a newer version waits: it is weighed at once, and may well be accepted
        emits = (look_again(LATER_VERSION),)
    decision = decision_of(held, called(kind, message, {"cause": case_.cause}), trace=True)
    return msgspec.structs.replace(decision, emits=emits)
