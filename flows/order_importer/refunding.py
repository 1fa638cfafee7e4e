"""Refunds of an order in its story, and what finance has to know of them (rules 7 and 17). Pure.

Each refund is told once per status. Goods that come back are a return (`returning`); units that never left reduce the
sale; what is left is money for nothing that moves, of which Fulfil has no document until somebody makes one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from flows.exceptions.kinds import ExceptionCase
from flows.model.left import left_of
from flows.model.order import Order, Refund, RefundStatus
from flows.model.order_state import ON_ITS_WAY, OrderState, Status
from flows.model.refunds import amounts_of, fact_of, told_with, uncredited, untold
from flows.order_importer.messages import OrderPresented
from flows.order_importer.parts import case_of, kept, without
from flows.order_importer.return_cases import UNCREDITED
from runtime.decision import Decision

FAILED: Final = "refund.failed"
CONTRADICTION: Final = "refund.contradiction"


def told(before: OrderState, decision: Decision, message: OrderPresented, now: datetime) -> Decision:
    """The same decision, with the refunds that this version is the first to tell of. One that waits is told later."""
    order, state = message.order, decision.state
    if (not order.refunds and not before.refunds) or state.later is not None:
        return decision
    news = untold(order, before.refunds)
    state = msgspec.structs.replace(state, refunds=told_with(order, before.refunds))
    if order.cancelled_at is None:
        state = _with_cases(before, state, message, news, now)
    return msgspec.structs.replace(
        decision,
        state=state,
        facts=(*map(fact_of, news), *decision.facts),
        keeps=kept(state),
        closes=decision.closes and not state.cases,
        trace=decision.trace or bool(state.cases),
    )


def _with_cases(
    before: OrderState, state: OrderState, message: OrderPresented, news: tuple[Refund, ...], now: datetime
) -> OrderState:
    """Fulfil has a sale, or is about to: what it does not know of the refunds is finance's."""
    order = message.order
    if state.status is Status.CREATING and before.status not in ON_ITS_WAY:
        news = order.refunds or ()
    elif not state.status is before.status is Status.IMPORTED:
        return state
    reduced = left_of(order) if news else None
    explained = reduced is not None and reduced is not order  # units are gone that were worth exactly what went back
    cases = [*without(state, FAILED, CONTRADICTION), *_standing(state, message)]
    for refund in news:
        if refund.status is RefundStatus.FAILED:
            sentence = f"refund {refund.id} of {amounts_of(refund)} failed: the customer has not got the money"
            cases.append(case_of(FAILED, refund.id, sentence, state, now, amount=refund.failed[0]))
        if refund.status is RefundStatus.SUCCESS:
            cases = [*(case for case in cases if (case.kind, case.cause) != (UNCREDITED, refund.id))]
            cases += [] if explained else _uncredited(state, order, refund, now)
    remarks = message.proof.remarks
    if news and remarks:
        cases = [case for case in cases if case.kind != CONTRADICTION]
        sentence = " ".join(each.sentence for each in remarks)
        cases.append(case_of(CONTRADICTION, "refunds", sentence, state, now, amount=remarks[0].amount))
    return msgspec.structs.replace(state, cases=tuple(cases))


def _standing(state: OrderState, message: OrderPresented) -> list[ExceptionCase]:
    """Cases that this version does not end: refunds that it still calls failed, figures that still contradict."""
    failed = {refund.id for refund in message.order.refunds or () if refund.status is RefundStatus.FAILED}
    return [
        case
        for case in state.cases
        if (case.kind == FAILED and case.cause in failed) or (case.kind == CONTRADICTION and message.proof.remarks)
    ]


def _uncredited(state: OrderState, order: Order, refund: Refund, now: datetime) -> list[ExceptionCase]:
    """Money that went back for nothing that comes back or leaves the sale; or that was kept of what does."""
    found = uncredited(order, refund, state.currency)
    if found is None:
        return []
    money, what = found
    if money is None:
        sentence = f"refund {refund.id} of {amounts_of(refund)} is also for {what}, nobody says how much of it"
    elif money.amount < 0:
        sentence = f"refund {refund.id} kept {abs(money)} of what its goods were worth"
    else:
        sentence = f"refund {refund.id} gave {money} back for {what}"
    sentence += ", and Fulfil has no credit note for it; that the payment is recorded there is not enough"
    case = case_of(UNCREDITED, refund.id, sentence, state, now, amount=money)
    return [msgspec.structs.replace(case, happened_at=refund.at)]
