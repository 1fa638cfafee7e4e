"""Work on a sale that stands, one call after the other: shipments on hold, an edit applied and proven, a cancel. Pure.

    hold     read the sale > read its shipments > hold those that could still go out
    release  read the sale > read what we hold > release what could still go out
    edit     read the sale > read its shipments > hold them > read them again > change the sale > read it, prove the
             total; then hold or release, as it should be
    cancel   read the sale > read its shipments > hold them > read them again > cancel the sale
    return   see `returning`: where an edit meets goods that have been shipped, and they are what was given back

Everything is read again before it is changed, because the warehouse goes on meanwhile: what it has begun stands, and
the change is a case for people (rule 16). Reads repeat freely; the writes are looked for after a lost answer. A crash
leaves the state and the next call on disk together. What fails after its hold leaves the hold, and the case says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from connectors.fulfil.models import Find, Ids
from connectors.fulfil.sales import SALE_LINES, SALES, Sale
from connectors.fulfil.shipments import SHIPMENTS, Shipment
from connectors.fulfil.workflow import CANCEL_SALE, HOLD_SHIPMENT, UNHOLD_SHIPMENT
from flows.model.amendment import NotAmendable, line_write
from flows.model.goods_back import replaced
from flows.model.money import Money
from flows.model.order_state import OrderState, Status, Work
from flows.model.sale_gate import CANCELLED, open_ones, sale_begun, shipments_begun
from flows.order_importer import returning
from flows.order_importer.ending import begin, call, concluded, ended, failed, sale_of, still_held
from flows.order_importer.messages import LookAtShipments
from flows.order_importer.parts import Policy, answer_lost, called, case_of, decision_of, with_facts, without
from runtime.decision import (
    Decision,
    Effect,
    EffectAbsent,
    EffectDone,
    EffectExhausted,
    EffectRefused,
    EffectUnknown,
    Fact,
    Repeat,
    Timer,
)

CALLS: Final = frozenset(
    (
        *(SALES.read.kind, SHIPMENTS.read.kind, SALE_LINES.find.kind, *returning.CALLS),
        *(HOLD_SHIPMENT.kind, UNHOLD_SHIPMENT.kind, CANCEL_SALE.kind, "amend_order", "amend_sale"),
    )
)
"""The kinds of calls whose outcomes belong here."""
SHIPMENTS_AFTER = timedelta(seconds=10)
"""How long to wait for the shipments of a sale that Fulfil processes in its own time; twice as long each time."""
_SHIPMENTS_AFTER_MAX = timedelta(hours=1)
_TRIES_MAX = 30
_NOTE = "Seamline: the order is looked at; do not ship before it is released"


def goes_on(state: OrderState, outcome: Any, now: datetime, policy: Policy) -> Decision:
    """The next step, after the outcome of the last one."""
    work = state.work
    if work is None:  # a person or a newer version has ended it meanwhile
        return decision_of(state)
    if work.goal == "return":
        return returning.goes_on(state, work, outcome, now, policy)
    match outcome:
        case EffectUnknown():
            return answer_lost(state, outcome)
        case EffectAbsent(intent=intent, attempts=attempts):
            looked = Fact(kind="looked_absent", values={"attempts": attempts})
            if attempts < policy.attempts_max:
                return msgspec.structs.replace(decision_of(state, looked), resend=(intent,))
            given_up = failed(state, work, f"Fulfil lost the answer {attempts} times, and it was not done", now)
            return msgspec.structs.replace(with_facts(given_up, looked), settle=(intent,))
        case EffectRefused(sentence=sentence) | EffectExhausted(sentence=sentence):
            reason = f"Fulfil refused: {sentence}" if isinstance(outcome, EffectRefused) else sentence
            return _unproven(state, work, reason, now) if work.applied else failed(state, work, reason, now)
        case EffectDone():
            return _done(state, work, outcome, now)
        case LookAtShipments():
            return begin(state, msgspec.structs.replace(work, idle=False)) if work.idle else decision_of(state)
    raise TypeError(f"{type(outcome).__name__} is no outcome of a call")


def _done(state: OrderState, work: Work, done: EffectDone, now: datetime) -> Decision:
    if work.goal == "hold" and not state.on_hold and done.kind != HOLD_SHIPMENT.kind:
        return concluded(state)  # a person has looked at it meanwhile
    match done.kind:
        case SALES.read.kind if not done.result:
            reason = "the sale is no longer in Fulfil"
            return _unproven(state, work, reason, now) if work.applied else failed(state, work, reason, now)
        case SALES.read.kind if work.applied:
            return _proven(state, work, done.result[0], now)
        case SALES.read.kind:
            return _sale_read(state, work, done.result[0], now)
        case SHIPMENTS.read.kind:
            return _shipments_read(state, work, done.result, now)
        case SALE_LINES.find.kind:
            return _lines_read(state, work, done.result.rows, now)
        case HOLD_SHIPMENT.kind:
            return _held(state, work, done)
        case UNHOLD_SHIPMENT.kind:
            return _released(state, work, done, now)
        case CANCEL_SALE.kind:
            return _cancelled(state, work, called("sale_cancelled", done, {"sale": state.sale}))
        case _:
            applied = begin(state, msgspec.structs.replace(work, applied=True))
            return with_facts(applied, called("amended", done, {"sale": state.sale}))


# -- steps -------------------------------------------------------------------------------------------------------------


def _sale_read(state: OrderState, work: Work, sale: Sale, now: datetime) -> Decision:
    if sale.state in CANCELLED:
        return _sale_is_cancelled(state, work, now)
    if work.goal == "release":
        return call(state, SHIPMENTS.read(Ids(state.held)).effect("orders"))
    if work.goal == "hold":
        return _to_hold(state, work, sale, now)
    begun = sale_begun(sale)
    if begun:
        return _stands(state, work, begun, now)
    if sale.shipments:
        return call(state, SHIPMENTS.read(Ids(sale.shipments)).effect("orders"))
    return _change(state, work, now)


def _sale_is_cancelled(state: OrderState, work: Work, now: datetime) -> Decision:
    """Somebody has cancelled it in Fulfil: there is nothing left that could go out."""
    if work.goal == "cancel":
        return _cancelled(state, work, Fact(kind="sale_cancelled", values={"sale": state.sale}))
    if work.goal == "release":
        return ended(msgspec.structs.replace(state, held=(), cases=without(state, "order.on_hold")))
    return failed(state, work, "the sale is cancelled in Fulfil", now)


def _to_hold(state: OrderState, work: Work, sale: Sale, now: datetime) -> Decision:
    """Fulfil may process a sale in its own time. That is waited for behind everything else."""
    if sale.shipments:
        return call(state, SHIPMENTS.read(Ids(sale.shipments)).effect("orders"))
    if sale.state == "done":
        return _all_gone(state)
    if state.later is not None:  # it came while the sale was read; what is still to be held is, once it is looked at
        return concluded(state)
    if work.tries >= _TRIES_MAX:
        return failed(state, work, "it has no shipments that could be", now)
    after = min(SHIPMENTS_AFTER * 2**work.tries, _SHIPMENTS_AFTER_MAX)
    waiting = msgspec.structs.replace(state, work=msgspec.structs.replace(work, tries=work.tries + 1, idle=True))
    timer = Timer(name="shipments", due=now + after, message=LookAtShipments())
    return msgspec.structs.replace(decision_of(waiting), timers=(timer,))


def _all_gone(state: OrderState) -> Decision:
    """Nothing is left in the warehouse that could be kept back."""
    state = msgspec.structs.replace(state, on_hold=False, cases=without(state, "order.on_hold"))
    return ended(state, Fact(kind="nothing_to_hold", values={"sale": state.sale}))


def _stands(state: OrderState, work: Work, begun: str, now: datetime) -> Decision:
    """What has begun stands. Units that were given back may be some that have been shipped: then they are a return."""
    if work.back:
        return returning.begin(state, msgspec.structs.replace(work, refused=begun))
    return failed(state, work, begun, now)


def _shipments_read(state: OrderState, work: Work, shipments: Sequence[Shipment], now: datetime) -> Decision:
    if work.goal == "release":
        return _to_release(state, work, shipments, now)
    still_there = open_ones(shipments)
    if work.goal == "hold" and not still_there:
        return _all_gone(state)
    begun = "" if work.goal == "hold" else shipments_begun(shipments)
    if begun:
        return _stands(state, work, begun, now)
    if work.refused:
        return failed(state, work, work.refused, now)
    held = {*work.put, *(each.id for each in shipments if each.on_hold)}
    free = [id_ for id_ in still_there if id_ not in held]
    if free:
        return call(state, HOLD_SHIPMENT(free, _NOTE).effect("orders"))
    if work.goal == "hold":
        return ended(state, Fact(kind="on_hold", values={"shipments": len(still_there)}))
    return _change(state, work, now)


def _to_release(state: OrderState, work: Work, shipments: Sequence[Shipment], now: datetime) -> Decision:
    """What has gone, or was released by somebody, is not ours any more. What carries another order's goods is for
    people, because that order may have to wait.
    """
    ours = [each for each in shipments if each.id in open_ones(shipments) and each.on_hold is not False]
    shared = [each for each in ours if each.sales is not None and len(each.sales) > 1]
    free = tuple(each.id for each in ours if each not in shared)
    if free:
        return call(
            msgspec.structs.replace(state, held=tuple(each.id for each in ours)), UNHOLD_SHIPMENT(free).effect("orders")
        )
    return _none_left(state, work, [each.number or str(each.id) for each in shared], now)


def _none_left(state: OrderState, work: Work, shared: Sequence[str], now: datetime) -> Decision:
    state = msgspec.structs.replace(state, held=())
    if shared:
        names = f"shipment {shared[0]} carries" if len(shared) == 1 else f"shipments {' and '.join(shared)} carry"
        return failed(state, work, f"{names} another order's goods, too; release it there when both may go", now)
    return ended(msgspec.structs.replace(state, cases=without(state, "order.on_hold")))


def _held(state: OrderState, work: Work, done: EffectDone) -> Decision:
    """What has been put on hold is ours to release. A change looks again, because the hold may have come too late."""
    put = tuple(dict.fromkeys((*work.put, *done.result.ids)))
    held = tuple(dict.fromkeys((*state.held, *put)))
    state = msgspec.structs.replace(state, held=held, work=msgspec.structs.replace(work, put=put))
    fact = called("on_hold", done, {"shipments": len(done.result.ids)})
    if work.goal == "hold":
        return ended(state, fact) if state.on_hold else concluded(state, fact)
    return with_facts(call(state, SHIPMENTS.read(Ids(held)).effect("orders")), fact)


def _change(state: OrderState, work: Work, now: datetime) -> Decision:
    """Nothing stands against it: the call that makes the change."""
    if work.goal == "cancel":
        return call(state, CANCEL_SALE((sale_of(state),)).effect("orders"))
    if work.amendment is None:
        return failed(state, work, work.refused or "what has to change is not known", now)
    if work.amendment.body:
        effect = Effect(api="fulfil", kind="amend_order", body=work.amendment.body, repeat=Repeat.KEYED, share="orders")
        return call(state, effect)
    return call(state, SALE_LINES.find(Find(by="sale", values=(sale_of(state),))).effect("orders"))


def _lines_read(state: OrderState, work: Work, lines: Any, now: datetime) -> Decision:
    if work.amendment is None:
        return failed(state, work, "what has to change is not known", now)
    written = line_write(sale_of(state), work.amendment, lines)
    if isinstance(written, NotAmendable):
        return failed(state, work, written.reason, now)
    return call(state, written)


def _proven(state: OrderState, work: Work, sale: Sale, now: datetime) -> Decision:
    """The change is made. The sale must come to the new total; if it does not, the hold stays."""
    target, amendment = work.target, work.amendment
    if target is None or amendment is None:
        return failed(state, work, "what has to change is not known", now)
    state = _with_change(state, work)
    total = sale.total_amount
    if total is not None and total != amendment.total:
        off = Money(total - amendment.total, state.currency)
        sentence = (
            f"the sale in Fulfil was changed, and has a total of {total} {state.currency}, the order {state.amount}"
            f"{still_held(state)}"
        )
        case_ = case_of("sale.mismatch", str(state.sale), sentence, state, now, amount=off)
        state = msgspec.structs.replace(state, cases=(*without(state, "sale.mismatch"), case_))
        return concluded(state, Fact(kind="mismatch", values={"version": target.version}), trace=True)
    state = msgspec.structs.replace(state, cases=without(state, "sale.mismatch"))
    return concluded(state, Fact(kind="edit_proven", values={"version": target.version}))


def _unproven(state: OrderState, work: Work, reason: str, now: datetime) -> Decision:
    """The change is made, and nobody knows what the sale comes to."""
    state = _with_change(state, work)
    sentence = (
        f"the sale in Fulfil was changed, and whether it comes to {state.amount} {state.currency} is not known: "
        f"{reason.rstrip('.')}{still_held(state)}"
    )
    case_ = case_of("sale.mismatch", str(state.sale), sentence, state, now)
    state = msgspec.structs.replace(state, cases=(*without(state, "sale.mismatch"), case_))
    return concluded(state, Fact(kind="not_done", values={"goal": "proof"}), trace=True)


def _with_change(state: OrderState, work: Work) -> OrderState:
    """What the sale is made of since the change."""
    target, amendment = work.target, work.amendment
    if target is None or amendment is None:
        return state
    return msgspec.structs.replace(
        state, content=target.content, delivery=target.delivery, amount=str(amendment.total), tax=work.tax,
        ordered=work.ordered, changed_to="", changed_delivery=None, changed_figures=None, changed_units={},
        units=work.units or state.units, sold=work.units or state.sold,
        cases=without(state, "order.edited"), returned=replaced(state.returned, *work.back),
    )  # fmt: skip


def _released(state: OrderState, work: Work, done: EffectDone, now: datetime) -> Decision:
    left = [str(id_) for id_ in state.held if id_ not in done.result.ids]
    released = called("hold_released", done, {"shipments": len(done.result.ids)})
    return with_facts(_none_left(state, work, left, now), released)


def _cancelled(state: OrderState, work: Work, fact: Fact) -> Decision:
    """The sale is cancelled in Fulfil, as the order is in the sales channel: nothing of it is there any more."""
    state = msgspec.structs.replace(
        state, status=Status.CANCELLED, content="", on_hold=False, held=(), changed_to="", changed_delivery=None,
        returned=replaced(state.returned, *work.back),
        cases=without(state, "order.cancelled", "order.edited", "order.on_hold", "sale.mismatch", "sale.stalled"),
    )  # fmt: skip
    return ended(state, fact)
