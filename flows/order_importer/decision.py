"""The decision about an order: which part of it answers which message. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_never

import msgspec

from flows.model.messages import Recheck
from flows.model.order_state import OrderState, Status
from flows.order_importer.creating import absent, confirmed, created, look_up, not_created, unknown
from flows.order_importer.messages import ConfirmAbsence, OrderUnreadable
from flows.order_importer.parts import RESENDS_MAX, case_of, confirm_later, decision_of, kept, without_unreadable
from flows.order_importer.reviewing import rechecked
from runtime.decision import (
    Decision,
    EffectAbsent,
    EffectDone,
    EffectExhausted,
    EffectRefused,
    EffectUnknown,
    Fact,
)


def decide(state: OrderState, message: Any, now: datetime, *, attempts_max: int = RESENDS_MAX) -> Decision:
    """What becomes of an order, given what is remembered of it and what has just been learnt. Pure.

    A version of the order itself is decided on by `presented`, which also needs the sales channel's settings.
    `attempts_max` is how often an absent create is sent at most: once to a tenant that would make a second sale of it.
    """
    match message:
        case OrderUnreadable():
            return unreadable(state, message, now)
        case Recheck():
            return rechecked(state, message)
        case EffectDone(kind="create_order", result=sale):
            return created(state, message, sale, now)
        case EffectDone():
            return confirmed(state, message, now)
        case EffectUnknown():
            return unknown(state, message)
        case EffectAbsent():
            return absent(state, message, now, attempts_max=attempts_max)
        case EffectRefused() | EffectExhausted() if message.kind == "create_order":
            return not_created(state, message, now)
        case EffectRefused() | EffectExhausted():
            return Decision(state=state, timers=(confirm_later(state, now),), keeps=kept(state))
        case ConfirmAbsence(channel=channel, identifier=identifier):
            return Decision(state=state, effects=(look_up(channel, identifier),), keeps=kept(state))
        case _:
            assert_never(message)


def unreadable(state: OrderState, message: OrderUnreadable, now: datetime) -> Decision:
    """A version that its format cannot read: held, or, when there is a sale, a case beside it."""
    if message.version < state.version:
        stale = Fact(kind="stale", values={"version": message.version, "known": state.version})
        return Decision(state=state, facts=(stale,), keeps=kept(state))
    case_ = case_of("order.unreadable", "format", message.reason, state, now)
    state = msgspec.structs.replace(state, version=message.version)
    if state.status in (Status.NEW, Status.HELD):
        state = msgspec.structs.replace(state, status=Status.HELD, delivery=message.delivery, cases=(case_,))
    else:  # the sale stands; somebody has to know that a newer version of it cannot be read
        state = msgspec.structs.replace(state, cases=(*without_unreadable(state), case_))
    return decision_of(state, Fact(kind="held", values={"causes": "order.unreadable"}), trace=True)
