"""The decision about an order: which part of it answers which message. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_never

import msgspec

from flows.model.messages import MISSING_ORDERS, FindOrder, Recheck
from flows.model.order_state import OrderState, Status
from flows.order_importer import expiring, returning
from flows.order_importer.creating import absent, confirmed, created, look_up, not_created, unknown
from flows.order_importer.messages import (
    AuthorisationEnds,
    ConfirmAbsence,
    LookAtShipments,
    LookForReturns,
    OrderUnreadable,
)
from flows.order_importer.parts import CAUTIOUS, Policy, case_of, confirm_later, decision_of, kept, without
from flows.order_importer.reviewing import rechecked
from flows.order_importer.working import CALLS, goes_on
from runtime.decision import (
    Decision,
    EffectAbsent,
    EffectDone,
    EffectExhausted,
    EffectRefused,
    EffectUnknown,
    Emit,
    Fact,
    Outcome,
)

_AWAITS = {
    "later": "for the rest of it, which the sales channel publishes later",
    "fetch": "for the rest of it, which is being fetched from the sales channel",
}


def decide(state: OrderState, message: Any, now: datetime, policy: Policy = CAUTIOUS) -> Decision:
    """What becomes of an order, given what is remembered of it and what has just been learnt. Pure.

    A version of the order itself is decided on by `presented`, which also needs the sales channel's settings.
    """
    match message:
        case OrderUnreadable():
            return unreadable(state, message, now)
        case Recheck():
            return rechecked(state, message, now, policy)
        case ConfirmAbsence(channel=channel, identifier=identifier):
            return Decision(state=state, effects=(look_up(channel, identifier),), keeps=kept(state))
        case AuthorisationEnds():
            return expiring.ends(state, message, now)
        case LookForReturns():
            return returning.looked_for(state, message, now)
        case LookAtShipments():
            return goes_on(state, message, now, policy)
        case _ if message.kind in CALLS:
            return goes_on(state, message, now, policy)
        case _ if message.kind == "create_order":
            return _of_the_create(state, message, now, policy)
        case EffectDone():
            return confirmed(state, message, now, policy)
        case _:  # the second look at a create was not answered
            return Decision(state=state, timers=(confirm_later(state, now),), keeps=kept(state))


def _of_the_create(state: OrderState, outcome: Outcome, now: datetime, policy: Policy) -> Decision:
    """What has become of a create."""
    match outcome:
        case EffectDone(result=sale):
            return created(state, outcome, sale, now, policy)
        case EffectUnknown():
            return unknown(state, outcome)
        case EffectAbsent():
            return absent(state, outcome, now, policy)
        case EffectRefused() | EffectExhausted():
            return not_created(state, outcome, now)
        case _:
            assert_never(outcome)


def unreadable(state: OrderState, message: OrderUnreadable, now: datetime) -> Decision:
    """A version that its format cannot read: held, or, when there is a sale, a case beside it.

    One that only names the order, or is published in full later, is waited for.
    """
    waited = state.later is not None and state.later.delivery == message.delivery
    names = message.awaits == "fetch"  # and has no version that could be an older one
    if message.version < state.version and not waited and not names:
        stale = Fact(kind="stale", values={"version": message.version, "known": state.version})
        return Decision(state=state, facts=(stale,), keeps=kept(state))
    nothing_there = state.status in (Status.NEW, Status.HELD, Status.WAITING)
    if names or (message.awaits and nothing_there):
        return _awaited(state, message, nothing_there=nothing_there)
    case_ = case_of("order.unreadable", "format", message.reason, state, now)
    state = msgspec.structs.replace(
        state,
        version=max(message.version, state.version),
        unread=message.delivery,
        later=None if waited else state.later,
    )
    if nothing_there:
        state = msgspec.structs.replace(
            state, status=Status.HELD, delivery=message.delivery, weighed=None, later=None, rule="", waits="",
            cases=(case_,),
        )  # fmt: skip
    else:  # the sale stands; somebody has to know that a newer version of it cannot be read
        state = msgspec.structs.replace(state, cases=(*without(state, "order.unreadable"), case_))
    return decision_of(state, Fact(kind="held", values={"causes": "order.unreadable"}), trace=True)


def _awaited(state: OrderState, message: OrderUnreadable, *, nothing_there: bool) -> Decision:
    """Nothing is wrong, and nothing is known of it, or of its change, yet. What has to be fetched is asked for; until
    that is here, an order that is known stands where it stood.
    """
    is_first = state.status is Status.NEW or state.delivery == message.delivery
    if nothing_there and (message.awaits == "later" or is_first):
        waits = _AWAITS[message.awaits]
        if state.status is not Status.HELD:
            state = msgspec.structs.replace(
                state, status=Status.WAITING, version=message.version, delivery=message.delivery, waits=waits, cases=()
            )
        decision = decision_of(state, Fact(kind="waits", values={"for": waits, "until": None}))
    else:
        decision = decision_of(state, Fact(kind="change_told"))
    if message.awaits != "fetch":
        return decision
    wanted = FindOrder(version=message.version, only_named=True)
    return msgspec.structs.replace(decision, emits=(Emit(channel=MISSING_ORDERS, message=wanted),))
