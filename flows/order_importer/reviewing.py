"""What comes after the sale was made: the same again, an edit, a cancel, or a person who has seen to it. Pure."""

from __future__ import annotations

from datetime import datetime

import msgspec

from flows.model.messages import Recheck
from flows.model.order_state import Later, OrderState, Status
from flows.order_importer.parts import case_of, decision_of, kept
from runtime.decision import Decision, Fact


def reviewed(state: OrderState, later: Later, now: datetime) -> Decision:
    """A version that came after the sale was made: the same content, an edit, or a cancel. The sale is not touched."""
    ended = ["order.edited", "order.cancelled"]
    if later.version >= state.version:  # else the newest version is one that cannot be read
        state = msgspec.structs.replace(state, version=later.version)
        ended.append("order.unreadable")
    others = tuple(case for case in state.cases if case.kind not in ended)
    if later.cancelled:
        sentence = f"the sales channel cancelled the order after it became sale {state.sale_number or state.sale}"
        case_, kind = case_of("order.cancelled", "cancel", sentence, state, now), "cancelled_after_import"
    elif later.content != state.content:
        sentence = f"the sales channel changed the order after it became sale {state.sale_number or state.sale}"
        case_, kind = case_of("order.edited", "edit", sentence, state, now), "edited_after_import"
    else:
        unchanged = Fact(kind="unchanged", values={"version": later.version})
        return decision_of(msgspec.structs.replace(state, cases=others), unchanged, trace=bool(others))
    state = msgspec.structs.replace(state, delivery=later.delivery, changed_to=later.content, cases=(*others, case_))
    return decision_of(state, Fact(kind=kind, values={"version": later.version}), trace=True)


def rechecked(state: OrderState, asked: Recheck) -> Decision:
    """An order that is not held is asked to be looked at again: what it waited for was settled in the meantime.

    A person who asks has seen to a sale that stands: its cases end, and the version that raised them is the known one.
    """
    if asked.because != "person" or state.status is not Status.IMPORTED or not state.cases:
        return Decision(state=state, keeps=kept(state))
    settled = msgspec.structs.replace(state, content=state.changed_to or state.content, changed_to="", cases=())
    causes = ", ".join(case.kind for case in state.cases)
    return decision_of(settled, Fact(kind="dealt_with", values={"causes": causes}), closes=True)
