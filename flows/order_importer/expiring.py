"""Authorisations that end before anybody has captured them (rule 2). Pure.

Money that is only reserved is not sent to Fulfil; somebody captures it, at the sales channel or when it is shipped.
Where the source says until when it is reserved, a timer asks shortly before whether it was.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from flows.model.order import Order, PaymentKind, PaymentStatus
from flows.model.order_state import OrderState, Status
from flows.order_importer.messages import AuthorisationEnds
from flows.order_importer.parts import case_of, decision_of, without
from runtime.decision import Decision, Fact, Timer

KIND: Final = "payment.expiring"
LEAD: Final = timedelta(days=1)
"""How long before its end somebody is told."""
_OVER = (Status.CANCELLED, Status.EXCLUDED)


def watched(before: OrderState, decision: Decision, order: Order, now: datetime) -> Decision:
    """The same decision, with the end of the order's authorisation remembered and waited for."""
    state: OrderState = decision.state
    over = order.cancelled_at is not None or state.status in _OVER
    ends = None if over else ends_at(order)
    if ends is None and not before.authorised_until:
        return decision
    until = "" if ends is None else ends.isoformat()
    if until == before.authorised_until:
        known = tuple(case for case in before.cases if case.kind == KIND)
        cases = (*without(state, KIND), *known)
        return msgspec.structs.replace(
            decision, state=msgspec.structs.replace(state, authorised_until=until, cases=cases)
        )
    state = msgspec.structs.replace(state, authorised_until=until, cases=without(state, KIND))
    if ends is None:
        return msgspec.structs.replace(decision, state=state)
    due = Timer(name="authorisation", due=max(now, ends - LEAD), message=AuthorisationEnds(at=until))
    return msgspec.structs.replace(decision, state=state, timers=(*decision.timers, due))


def ends_at(order: Order) -> datetime | None:
    """When the first of its authorisations ends that nobody has captured or voided; None when none does."""
    reserved = [each for each in order.payments if each.expires_at is not None]
    if not reserved:
        return None
    settled = {
        each.parent_id
        for each in order.payments
        if each.kind in (PaymentKind.CAPTURE, PaymentKind.VOID) and each.status is PaymentStatus.SUCCESS
    }
    alone = len([each for each in order.payments if each.kind is PaymentKind.AUTHORISATION]) == 1
    open_ones = [
        each.expires_at
        for each in reserved
        if each.kind is PaymentKind.AUTHORISATION
        and each.status is PaymentStatus.SUCCESS
        and each.id not in settled
        and not (alone and None in settled)
        and each.expires_at is not None
    ]
    return min(open_ones, default=None)


def ends(state: OrderState, message: AuthorisationEnds, now: datetime) -> Decision:
    """The timer: still reserved, as far as the sales channel has said."""
    if state.authorised_until != message.at or state.status in _OVER:
        return decision_of(state)
    sentence = f"its payment is reserved until {message.at}, and nobody has captured it"
    case_ = case_of(KIND, "authorisation", sentence, state, now)
    state = msgspec.structs.replace(state, cases=(*without(state, KIND), case_))
    return decision_of(state, Fact(kind="authorisation_ends", values={"until": message.at}), trace=True)
