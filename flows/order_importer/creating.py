"""What comes back from the create of a sale, and from looking for one. Pure."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from connectors.fulfil.wire import CreatedSale, FindSales, SaleFound
from flows.model.money import Money
from flows.model.order_state import ON_ITS_WAY, Later, OrderState, Status
from flows.order_importer.ending import concluded
from flows.order_importer.parts import (
    LATER_VERSION,
    Policy,
    answer_lost,
    called,
    case_of,
    confirm_later,
    decision_of,
    held_with_latest,
    kept,
    kept_back,
    lasting_cases,
    look_again,
    unreadable_cases,
    with_facts,
)
from flows.order_importer.reviewing import reviewed
from flows.order_importer.stalled import stalled
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
    made = _there(state, sale, sale.total, now)
    made = msgspec.structs.replace(made, party=sale.party)
    fact = called("created", done, {"sale": sale.id, "found_by_look": done.found_by_look})
    if state.on_hold:
        made = kept_back(made, now)
    if state.later is not None:
        return with_facts(reviewed(made, state.later, now, policy), fact)
    return concluded(made, fact, trace=bool(made.cases))


def _there(state: OrderState, sale: CreatedSale | SaleFound, total: Decimal | None, now: datetime) -> OrderState:
    """The order with its sale: what nobody would see in Fulfil is a case."""
    there = msgspec.structs.replace(
        state, status=Status.IMPORTED, sale=sale.id, sale_number=sale.number, given_up="", given_up_delivery=None,
        weighed=None, later=None, cases=lasting_cases(state),
    )  # fmt: skip
    cases = (*there.cases, *stalled(there, sale, now))
    if total is not None and total != Decimal(state.amount):
        sentence = f"the sale in Fulfil has a total of {total} {state.currency}, the order {state.amount}"
        difference = Money(total - Decimal(state.amount), state.currency)
        cases = (*cases, case_of("sale.mismatch", str(sale.id), sentence, there, now, amount=difference))
    return msgspec.structs.replace(there, cases=cases)


def unknown(state: OrderState, message: EffectUnknown) -> Decision:
    """Nobody knows yet whether the sale was made."""
    return answer_lost(msgspec.structs.replace(state, status=Status.UNKNOWN), message)


def absent(state: OrderState, message: EffectAbsent, now: datetime, policy: Policy) -> Decision:
    """The look proved that it was not made: send it again, close a cancelled order, or give up."""
    looked = Fact(kind="looked_absent", values={"attempts": message.attempts})
    if state.later is not None and state.later.cancelled:
        cases, content = unreadable_cases(state), state.content
        closed = msgspec.structs.replace(
            state, status=Status.CANCELLED, given_up=content, given_up_delivery=state.delivery,
            delivery=state.later.delivery, later=None, cases=cases,
        )  # fmt: skip
        decision = decision_of(closed, looked, Fact(kind="cancelled_before_import"), closes=not closed.cases)
        return msgspec.structs.replace(decision, settle=(message.intent,), timers=(confirm_later(state, now),))
    if message.attempts >= policy.attempts_max:
        times = f"{message.attempts} times" if message.attempts > 1 else "once"
        sentence = f"Fulfil lost the answer {times}, and the sale is not there"
        held = held_with_latest(state, case_of("fulfil.unsettled", "absent", sentence, state, now))
        held = msgspec.structs.replace(held, given_up=state.content, given_up_delivery=state.delivery)
        decision = decision_of(held, looked, trace=True)
        return msgspec.structs.replace(decision, settle=(message.intent,), timers=(confirm_later(state, now),))
    creating = msgspec.structs.replace(state, status=Status.CREATING)
    return msgspec.structs.replace(decision_of(creating, looked), resend=(message.intent,))


def confirmed(state: OrderState, done: EffectDone, now: datetime, policy: Policy) -> Decision:
    """The second look at an order whose create was given up as absent: Fulfil may have made the sale after all.

    The sale is that of the version that was given up; what the order has become since is done to it like any edit.
    """
    is_past = not state.given_up or state.sale is not None or state.status in ON_ITS_WAY
    if is_past or not done.result:
        return Decision(state=state, keeps=kept(state))
    if state.linking is not None:  # to a sale that is being looked up: what is found here is compared with that one
        return Decision(state=state, timers=(confirm_later(state, now),), keeps=kept(state))
    sale: SaleFound = done.result[0]
    is_same = state.given_up == state.content
    made = _there(state, sale, sale.total_amount if is_same else None, now)
    made = msgspec.structs.replace(
        made, content=state.given_up, delivery=state.given_up_delivery or state.delivery, rule="", waits="", gated="",
        tax=state.tax if is_same else "", captured=state.captured if is_same else "",
        ordered=state.ordered if is_same else {},
    )  # fmt: skip
    fact = called("created", done, {"sale": sale.id, "found_by_look": True})
    version = "" if unreadable_cases(made) else state.version  # what can be read is older than what cannot
    newest = Later(
        delivery=state.delivery or 0, version=version, content=state.content,
        cancelled=state.status is Status.CANCELLED,
    )  # fmt: skip
    if newest.cancelled:
        return with_facts(reviewed(made, newest, now, policy), fact)
    if unreadable_cases(made):  # the newest version cannot be read; the next one that can is compared
        return decision_of(made, fact, trace=True)
    again = msgspec.structs.replace(made, later=newest)
    return msgspec.structs.replace(decision_of(again, fact, trace=True), emits=(look_again(LATER_VERSION),))


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
