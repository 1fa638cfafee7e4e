"""The decision for one order: what its shipments, its flow and its sales channel say follows here. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from msgspec.structs import replace

from flows.fulfilment_watcher.keeping import (
    GONE,
    Notice,
    OrderShipments,
    Seen,
    Status,
    Withdrawal,
    by_id,
    put,
    with_case,
    without,
)
from flows.fulfilment_watcher.lateness import followed, judged, looked_at, waived
from flows.fulfilment_watcher.parts import (
    ORDERS,
    NoticeRefused,
    NoticeSent,
    NoticeTold,
    Overdue,
    ShipmentCancelled,
    ShipmentSeen,
    Withdraw,
    line_of,
    notice_id,
)
from flows.fulfilment_watcher.settling import settle_all, settled
from flows.fulfilment_watcher.translating import limits_of, shipped_at, suspect
from flows.model.fulfilments import FulfilmentSettings
from flows.model.messages import Recheck
from flows.model.unshipped import OutstandingSeen
from runtime.decision import Decision, Emit, Fact, Timer, Write
from runtime.key import parts_of

WITHDRAW_LOOKS: Final = timedelta(seconds=15)
"""How often it is looked what became of the start that took a notice which is to be taken back."""
KEPT_BACK: Final = 2
CANCELLED_CASE: Final = "fulfilment.cancelled"
_ENDED_BY_PERSON: Final = ("fulfilment.untold", "fulfilment.residual", CANCELLED_CASE)


def decide(state: OrderShipments, message: Any, now: datetime, settings: FulfilmentSettings | None) -> Decision:
    """What follows for one order. Pure."""
    if settings is not None and isinstance(message, Seen) and isinstance(message.message, OutstandingSeen):
        return looked_at(state, message, message.message.outstanding, now)
    return followed(state, _decided(state, message, now, settings), now)


def _decided(state: OrderShipments, message: Any, now: datetime, settings: FulfilmentSettings | None) -> Decision:
    match message:
        case NoticeSent():
            return _sent(state, message, now, settings)
        case NoticeTold():
            return _told(state, message, now)
        case NoticeRefused(notice=id_):
            return _news(state, id_, "refused", now)
        case _ if settings is None:
            return Decision(state=state)  # the sales channel is no longer told anything
        case Seen(message=ShipmentSeen() as seen):
            return _seen(state, seen, message, now, settings)
        case Seen():
            return _looked_at(state, message, now, settings)
        case ShipmentCancelled():
            return _cancelled(state, message, now, settings)
        case Withdrawal():
            return _withdrawn(state, message, now, settings)
        case Overdue():
            return Decision(**_overdue(state, now, settings))
        case _:
            raise TypeError(f"the shipments of an order have no use for a {type(message).__name__}")


def _seen(state: OrderShipments, seen: ShipmentSeen, found: Seen, now: datetime, settings: Any) -> Decision:
    part = seen.part
    if found.order is not None:
        state = replace(state, placed_at=found.order.placed_at, ship_by=found.order.ship_by)
    known = state.notices.get(part.shipment)
    order_id = parts_of(state.key)[1]
    if known is None:
        status: Status = "known" if seen.old else "held"
        known = Notice(id=notice_id(part.shipment, order_id), part=part, status=status, seen_at=now, changed_at=now)
        state = put(state, replace(known, shipped_at=shipped_at(part)))
        known = state.notices[part.shipment]
    ordered = limits_of(part.ordered, found.left)
    if known.status == "known":
        units = {line.line_id: line.quantity for line in part.lines}
        return Decision(state=put(replace(state, ordered=ordered), replace(known, part=part, units=units)))
    same_lines = known.part.lines == part.lines and known.version > 0 and known.status not in GONE
    state = put(replace(state, ordered=ordered), replace(known, part=part, suspect=suspect(part)))
    return settled(state, part.shipment, now, settings, is_known=found.is_known, keeps_units=same_lines)


# -- cancelled shipments -----------------------------------------------------------------------------------------------


def _cancelled(state: OrderShipments, gone: ShipmentCancelled, now: datetime, settings: FulfilmentSettings) -> Decision:
    """Nothing of it has left after all. What was sent cannot be taken back; what was not, is."""
    current = state.notices.get(gone.shipment)
    if current is None or current.status == "known" or current.status in GONE:
        return Decision(state=state)
    for kind in ("fulfilment.orphan", "fulfilment.residual", "fulfilment.untold"):
        state = without(state, kind, current.id)
    fact = Fact(kind="shipment_cancelled", values={"shipment": current.part.number})
    state = without(state, "carrier.unmapped", "", of=current)
    if current.sent_version or current.status == "told":
        state = _undone(state, current, now)
    if current.version in (0, current.sent_version):  # nothing of it is on its way
        taken_back = replace(current, status="withdrawn", changed_at=now)
        return _with_facts(_freed(put(state, taken_back), now, settings), fact)
    state = put(state, replace(current, status="withdrawing", changed_at=now))
    return _with_facts(_keep_back(state, current, settings), fact)


def _keep_back(state: OrderShipments, current: Notice, settings: FulfilmentSettings) -> Decision:
    """Take its line back from the flow, and then see whether that was in time: its units count until that is known."""
    keep = Write("keep_back_outgoing", (settings.flow.flow_id, line_of(state.key, current.id)))
    return Decision(state=state, writes=(keep,), emits=(Emit(channel=ORDERS, message=Withdraw(notice=current.id)),))


def _withdrawn(state: OrderShipments, found: Withdrawal, now: datetime, settings: FulfilmentSettings) -> Decision:
    current = by_id(state, found.notice)
    if current is None or current.status != "withdrawing":
        return Decision(state=state)
    if found.place is None or found.place < 0:
        # a start has it, and may yet give it back; or it was sent, and the news of it is on its way; or its flow is
        # configured no more, and the line on its way to another one
        timer = Timer(name=f"withdraw {current.id}", due=now + WITHDRAW_LOOKS, message=Withdraw(notice=current.id))
        return Decision(state=state, timers=(timer,))
    if found.place < KEPT_BACK:
        return _keep_back(state, current, settings)
    drop = Write("drop_outgoing", (settings.flow.flow_id, line_of(state.key, current.id)))
    gone = replace(current, status="withdrawn", changed_at=now)
    if found.taken and not gone.sent_version:  # no news of it comes any more, since this version took its place
        gone = replace(gone, sent_version=gone.version - 1)
        state = _undone(state, gone, now)
    freed = _freed(put(state, gone), now, settings)
    return replace(freed, writes=(drop, *freed.writes))


def _freed(state: OrderShipments, now: datetime, settings: FulfilmentSettings) -> Decision:
    """Units of a notice are free: others that had more than was left tell them now."""
    over = _causes(state, "fulfilment.residual")
    again = [shipment for shipment, each in state.notices.items() if each.id in over and each.status not in GONE]
    return settle_all(state, again, now, settings, is_known=True)


def _with_facts(decision: Decision, fact: Fact) -> Decision:
    return replace(decision, facts=(fact, *decision.facts))


def _undone(state: OrderShipments, current: Notice, now: datetime) -> OrderShipments:
    sentence = f"shipment {current.part.number} was sent to the sales channel, and is cancelled in Fulfil"
    return with_case(state, CANCELLED_CASE, current.id, sentence, now)


# -- what became of notices --------------------------------------------------------------------------------------------


def _sent(state: OrderShipments, sent: NoticeSent, now: datetime, settings: FulfilmentSettings | None) -> Decision:
    current = by_id(state, sent.notice)
    if current is None or not current.version:
        return Decision(state=state)
    is_earlier = current.waits_since is not None and sent.at < current.waits_since
    version = max(current.sent_version, current.version - is_earlier)
    changed = replace(current, sent_at=sent.at, sent_version=version, changed_at=now)
    if is_earlier and current.status in ("waiting", "withdrawing"):  # this version has still to go, or to be taken back
        state = put(state, changed)
        return Decision(state=state if current.status == "waiting" else _undone(state, current, now))
    if current.status in GONE:  # it had been taken already when the shipment was cancelled
        return Decision(state=_undone(put(state, replace(changed, status="withdrawn")), current, now))
    if current.status in ("waiting", "refused"):
        changed = replace(changed, status="sent")
    fact = Fact(kind="fulfilment_sent", values={"shipment": current.part.number, "run": sent.run_id or "unseen"})
    state = put(state, changed)
    if settings is None:
        return Decision(state=state, facts=(fact,))
    return Decision(**_overdue(state, now, settings), facts=(fact,))


def _told(state: OrderShipments, told: NoticeTold, now: datetime) -> Decision:
    """The sales channel's word. An update is told when its numbers are named, and as long as it was not sent by those
    alone that the version before did not have; what names none proves the first form.
    """
    current = by_id(state, told.notice)
    if current is None or current.status not in ("waiting", "sent", "refused"):
        return Decision(state=state)
    numbers = {each.number for each in current.part.parcels}
    proves = numbers.issubset(told.numbers) if told.numbers else current.version == 1
    may_be_former = current.version > current.sent_version and current.version > 1 and numbers.issubset(current.former)
    if not proves or may_be_former:
        return Decision(state=state)
    state = without(state, "fulfilment.untold", current.id)
    state = put(state, replace(current, status="told", told_at=told.at, changed_at=now))
    return Decision(state=state, facts=(Fact(kind="told", values={"shipment": current.part.number}),))


def _news(state: OrderShipments, id_: str, status: Status, now: datetime) -> Decision:
    current = by_id(state, id_)
    if current is None or current.status not in ("waiting", "sent"):
        return Decision(state=state)
    fact = Fact(kind="notice_refused", values={"shipment": current.part.number})
    return Decision(state=put(state, replace(current, status=status, changed_at=now)), facts=(fact,))


def _overdue(state: OrderShipments, now: datetime, settings: FulfilmentSettings) -> dict[str, Any]:
    """The state with a case for what should have been told, and the timer for what is due next."""
    if settings.evidence == "none":
        return {"state": state, "timers": ()}
    due: list[datetime] = []
    for current in state.notices.values():
        if current.status != "sent" or current.sent_at is None or current.let_be:
            continue
        at = current.sent_at + timedelta(seconds=settings.told_within_s)
        if now < at:
            due.append(at)
        else:
            sentence = (
                f"shipment {current.part.number} was sent at {current.sent_at:%Y-%m-%d %H:%M:%SZ}, "
                "and the sales channel has not said that it has it"
            )
            state = with_case(state, "fulfilment.untold", current.id, sentence, now)
    timers = (Timer(name="overdue", due=min(due), message=Overdue()),) if due else ()
    return {"state": state, "timers": timers}


def _looked_at(state: OrderShipments, found: Seen, now: datetime, settings: FulfilmentSettings) -> Decision:
    """Look at what is held again: a mapping, or the order itself, may have come; or a person has looked."""
    again: list[str] = []
    if isinstance(found.message, Recheck) and found.message.because == "person":
        freed = _seen_to(state)
        if _causes(freed, CANCELLED_CASE):  # they are cancelled there, too: what was left over is told
            over = _causes(freed, "fulfilment.residual")
            again = [name for name, each in freed.notices.items() if each.id in over and each.status not in GONE]
        cases = tuple(case for case in freed.cases if case.kind not in _ENDED_BY_PERSON)
        state = waived(replace(freed, waived=True, cases=cases), found)
    judgement = judged(state, found, now)
    held = [shipment for shipment, each in judgement.state.notices.items() if each.status == "held"]
    looks = dict.fromkeys((*held, *again))
    settled_ = settle_all(judgement.state, tuple(looks), now, settings, is_known=found.is_known)
    return replace(
        settled_,
        writes=(*judgement.writes, *settled_.writes),
        timers=(*judgement.timers, *settled_.timers),
        cancels=judgement.cancels,
    )


def _seen_to(state: OrderShipments) -> OrderShipments:
    """A person has looked: what was not told is let be, what was sent of a cancelled shipment is cancelled there."""
    untold, undone = _causes(state, "fulfilment.untold"), _causes(state, CANCELLED_CASE)
    for each in tuple(state.notices.values()):
        if each.id in untold:
            state = put(state, replace(each, let_be=True))
        if each.id in undone:
            state = put(state, replace(each, sent_version=0))
    return state


def _causes(state: OrderShipments, kind: str) -> set[str]:
    return {case.cause for case in state.cases if case.kind == kind}
