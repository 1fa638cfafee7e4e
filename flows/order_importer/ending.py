"""How work on a sale begins and ends: what it leaves, and whose move it is when it could not be done. Pure.

Every decision about a sale that stands ends in `concluded`, which sees to the shipments last of all: on hold as
long as the gate wants it, and released when nothing stands against it any more.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from connectors.fulfil.models import Ids
from connectors.fulfil.sales import SALES
from flows.model.goods_back import replaced
from flows.model.order_state import Goal, Later, OrderState, Work
from flows.order_importer.parts import (
    LATER_VERSION,
    case_of,
    decision_of,
    kept_back_by,
    look_again,
    with_facts,
    without,
)
from runtime.decision import Decision, Effect, Fact

_KEEPING: Final = ("order.edited", "order.cancelled", "sale.mismatch")
"""Kinds of cases that keep on hold what was put on hold for them."""


def begin(state: OrderState, work: Work) -> Decision:
    """The first step of all work: what the sale is now."""
    return call(msgspec.structs.replace(state, work=work), SALES.read(Ids((sale_of(state),))).effect("orders"))


def concluded(state: OrderState, *facts: Fact, trace: bool = False) -> Decision:
    """The sale is as it should be, or somebody's case. Its shipments are put on hold, or released, if they have to be;
    a version that came meanwhile is looked at before that.
    """
    state = msgspec.structs.replace(state, work=None)
    if state.later is None and state.sale is not None:
        kept_back = any(case.kind in _KEEPING for case in state.cases)
        goal: Goal | None = "hold" if state.on_hold else "release" if state.held and not kept_back else None
        if goal is not None:
            begun = with_facts(begin(state, Work(goal=goal)), *facts)
            return msgspec.structs.replace(begun, trace=trace)
    return ended(state, *facts, trace=trace)


def ended(state: OrderState, *facts: Fact, trace: bool = False) -> Decision:
    """Nothing is under way any more; a version that came meanwhile is looked at now."""
    state = msgspec.structs.replace(state, work=None)
    later = state.later
    decision = decision_of(state, *facts, closes=not state.open, trace=trace)
    return decision if later is None else msgspec.structs.replace(decision, emits=(look_again(LATER_VERSION),))


def failed(state: OrderState, work: Work, reason: str, now: datetime) -> Decision:
    """It could not be done: whose move it is now, and why."""
    if work.goal == "hold" and not state.on_hold:  # a person has looked at it meanwhile
        return concluded(state)
    reason = reason.rstrip(".")
    sale = state.sale_number or state.sale
    match work.goal:
        case "edit":
            sentence = f"{changed_sentence(state, work.told)}; not changed there, because {reason}{still_held(state)}"
            edited = [msgspec.structs.replace(each, edited=True) for each in work.back]
            state = msgspec.structs.replace(state, returned=replaced(state.returned, *edited)) if edited else state
            state = with_edit(state, work.target, sentence, now)
        case "cancel":
            state = with_cancel(state, work.target, reason, now)
        case "hold":
            case_ = case_of(
                "order.on_hold", "gate", f"{kept_back_by(state)} is on hold yet, because {reason}", state, now
            )
            state = msgspec.structs.replace(state, cases=(*without(state, "order.on_hold"), case_))
        case _:
            sentence = f"the shipments of sale {sale} could not be released from hold: {reason}"
            case_ = case_of("order.on_hold", "gate", sentence, state, now)
            state = msgspec.structs.replace(state, cases=(*without(state, "order.on_hold"), case_))
    not_done = Fact(kind="not_done", values={"goal": work.goal})
    return (concluded if work.goal in ("edit", "cancel") else ended)(state, not_done, trace=True)


def changed_sentence(state: OrderState, told: str) -> str:
    """That the order was changed (by its sales channel, or a person's patch), and what differs, where it is known."""
    sentence = f"the order was changed after it became sale {state.sale_number or state.sale}"
    return f"{sentence}: {told}" if told else sentence


def with_edit(state: OrderState, target: Later | None, sentence: str, now: datetime) -> OrderState:
    """The sale stands as it was; somebody has to see to the version that differs."""
    case_ = case_of("order.edited", "edit", sentence, state, now)
    cases = (*without(state, "order.edited", "order.cancelled"), case_)
    if target is None:
        return msgspec.structs.replace(state, cases=cases)
    return msgspec.structs.replace(state, changed_to=target.content, changed_delivery=target.delivery, cases=cases)


def with_cancel(state: OrderState, target: Later | None, reason: str, now: datetime) -> OrderState:
    """The sale stands, though the order is cancelled, or nothing is left of it in the sales channel."""
    what = (
        "the sales channel cancelled the order"
        if target is None or target.cancelled
        else "nothing is left of the order"
    )
    sentence = f"{what}, and sale {state.sale_number or state.sale} stands, because {reason}{still_held(state)}"
    case_ = case_of("order.cancelled", "cancel", sentence, state, now)
    return msgspec.structs.replace(state, cases=(*without(state, "order.edited", "order.cancelled"), case_))


def still_held(state: OrderState) -> str:
    """What a case adds when the shipments stay on hold."""
    return ". Its shipments are on hold in Fulfil until the order is released" if state.held else ""


def call(state: OrderState, effect: Effect) -> Decision:
    """The next call of the work."""
    return msgspec.structs.replace(decision_of(state), effects=(effect,))


def sale_of(state: OrderState) -> int:
    """The sale that is worked on."""
    if state.sale is None:
        raise ValueError("there is no sale to work on")
    return state.sale
