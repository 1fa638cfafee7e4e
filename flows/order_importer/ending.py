"""How work on a sale ends: what it leaves, and whose move it is when it could not be done. Pure."""

from __future__ import annotations

from datetime import datetime

import msgspec

from flows.model.goods_back import replaced
from flows.model.order_state import Later, OrderState, Work
from flows.order_importer.parts import LATER_VERSION, case_of, decision_of, look_again, without
from runtime.decision import Decision, Effect, Fact


def ended(state: OrderState, *facts: Fact, trace: bool = False) -> Decision:
    """Nothing is under way any more; a version that came meanwhile is looked at now."""
    state = msgspec.structs.replace(state, work=None)
    later = state.later
    decision = decision_of(state, *facts, closes=not state.open, trace=trace)
    return decision if later is None else msgspec.structs.replace(decision, emits=(look_again(LATER_VERSION),))


def failed(state: OrderState, work: Work, reason: str, now: datetime) -> Decision:
    """It could not be done: whose move it is now, and why."""
    reason = reason.rstrip(".")
    sale = state.sale_number or state.sale
    match work.goal:
        case "edit":
            sentence = f"{changed_sentence(state, work.told)}; not changed there, because {reason}{still_held(state)}"
            edited = [msgspec.structs.replace(each, edited=True) for each in work.back]
            state = msgspec.structs.replace(state, returned=replaced(state.returned, *edited)) if edited else state
            state = with_edit(state, work.target, sentence, now)
        case "cancel":
            sentence = (
                f"the sales channel cancelled the order, and sale {sale} stands, because {reason}{still_held(state)}"
            )
            case_ = case_of("order.cancelled", "cancel", sentence, state, now)
            state = msgspec.structs.replace(state, cases=(*without(state, "order.cancelled", "order.edited"), case_))
        case "hold":
            sentence = f"by the rule {state.rule!r}, sale {sale} should be on hold, and is not: {reason}"
            case_ = case_of("order.on_hold", "gate", sentence, state, now)
            state = msgspec.structs.replace(state, cases=(*without(state, "order.on_hold"), case_))
        case _:
            sentence = f"the shipments of sale {sale} could not be released from hold: {reason}"
            case_ = case_of("order.on_hold", "gate", sentence, state, now)
            state = msgspec.structs.replace(state, cases=(*without(state, "order.on_hold"), case_))
    return ended(state, Fact(kind="not_done", values={"goal": work.goal}), trace=True)


def changed_sentence(state: OrderState, told: str) -> str:
    """That the order was changed, and what differs, where it is known."""
    sentence = f"the sales channel changed the order after it became sale {state.sale_number or state.sale}"
    return f"{sentence}: {told}" if told else sentence


def with_edit(state: OrderState, target: Later | None, sentence: str, now: datetime) -> OrderState:
    """The sale stands as it was; somebody has to see to the version that differs."""
    case_ = case_of("order.edited", "edit", sentence, state, now)
    cases = (*without(state, "order.edited", "order.cancelled"), case_)
    if target is None:
        return msgspec.structs.replace(state, cases=cases)
    return msgspec.structs.replace(state, changed_to=target.content, changed_delivery=target.delivery, cases=cases)


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
