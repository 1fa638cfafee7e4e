"""What the payment mapper hears of an order: what was done about its money beside what its create has brought. Pure.

An order that was paid when it was imported has nothing to tell: the create has brought it all. So this costs such an
order no message. What comes later, and what a create does not bring (an authorisation, a refund), is told whole, each
time it differs from what was told last; while the sale is not there yet, it waits with the order.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from flows.model.left import left_of
from flows.model.order import TAKES, Order, PaymentKind
from flows.model.order_state import OrderState, Status
from flows.model.payments import PAYMENT_MAPPER, TendersSeen
from flows.model.sale import SaleSettings
from flows.model.tenders import TenderEvent, is_over, tenders_of
from flows.order_importer.messages import OrderPresented
from runtime.decision import Decision, Emit
from runtime.delivery import digest

_THERE = (Status.CREATING, Status.UNKNOWN, Status.IMPORTED, Status.CANCELLED)


def tendering(before: OrderState, decision: Decision, message: OrderPresented, settings: SaleSettings) -> Decision:
    """The same decision, with what this version says of the order's money remembered. One that waits is told later."""
    state: OrderState = decision.state
    tenders = tenders_of(message.order, message.order.currency_on(settings.side))
    if any(effect.kind == "create_order" for effect in decision.effects):
        sent = _sent(state, message.order, tenders)
        news = _beside(tenders, sent)
        state = msgspec.structs.replace(
            state, sent=_both(before, sent), tenders=news, paid="" if news else _of(tenders)
        )
    else:
        stands = state.status in _THERE or state.linking is not None
        paid = before.paid if stands else ""
        state = msgspec.structs.replace(
            state, sent=before.sent if stands or before.given_up else (), paid=paid,
            tenders=before.tenders if paid and paid == _of(tenders) else tenders,
        )  # fmt: skip
    return msgspec.structs.replace(decision, state=state)


def told_to_mapper(decision: Decision) -> Decision:
    """The same decision, with word to the payment mapper, if the sale is there and there is something to tell."""
    state: OrderState = decision.state
    if state.sale is None or not state.tenders or state.placed_at is None:
        return decision
    seen = TendersSeen(
        sale=state.sale, currency=state.currency, reference=state.reference, placed_at=state.placed_at.isoformat(),
        tenders=state.tenders, sent=state.sent,
    )  # fmt: skip
    told = msgspec.structs.replace(state, tenders=(), paid=_of(state.tenders))
    emits = (*decision.emits, Emit(channel=PAYMENT_MAPPER, message=seen))
    return msgspec.structs.replace(decision, state=told, emits=emits)


def _sent(state: OrderState, order: Order, tenders: tuple[TenderEvent, ...]) -> tuple[TenderEvent, ...]:
    """What a create brings: money that was taken; less what went back, if it is made of what was left of the order. Of
    an order of the past all of it: nothing of that is to be booked.
    """
    if state.of_the_past:
        return tenders
    kinds = (*TAKES, PaymentKind.REFUND) if _is_reduced(order) else TAKES
    return tuple([each for each in tenders if each.kind in kinds])


def _is_reduced(order: Order) -> bool:
    if not order.refunds:
        return False
    left = left_of(order)
    return left is not None and not left.refunds


def _beside(tenders: tuple[TenderEvent, ...], sent: Sequence[TenderEvent]) -> tuple[TenderEvent, ...]:
    """All events, if a create does not bring all of them; an authorisation that its captures stand for is no news."""
    brought = {each.key for each in sent}
    for each in tenders:
        is_open = each.kind is not PaymentKind.AUTHORISATION or not is_over(each, tenders)
        if each.key not in brought and each.kind is not PaymentKind.VOID and is_open:
            return tenders
    return ()


def _both(before: OrderState, sent: tuple[TenderEvent, ...]) -> tuple[TenderEvent, ...]:
    """Of a create that was given up and may be there all the same: only what both would have brought."""
    if not before.given_up:
        return sent
    known = {each.key: each for each in before.sent}
    return tuple([each for each in sent if known.get(each.key) == each])


def _of(tenders: Sequence[TenderEvent]) -> str:
    return digest(msgspec.msgpack.encode(tenders)).hex() if tenders else ""
