"""The notices of one order: one for each shipment of it, in the form that it has now. Pure.

    known       shipped before the sales channel wanted to be told: it counts, and is not told
    held        a carrier is not mapped, or nobody knows the order
    partial     of kits only, and no set is complete yet; or nothing of it is left to be told
    waiting     on its way to the flow
    sent        a run has taken it
    told        the sales channel says that it has it
    refused     the flow fails with it alone
    withdrawn   the shipment was cancelled before it was sent

A notice is told again, as an update under the same id and a higher version, when what is told of it changes, and only
then: a later read of the same facts is no news (rule 13).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec
from msgspec.structs import replace

from connectors.patchworks.batches import encoded
from flows.exceptions.kinds import ExceptionCase
from flows.fulfilment_watcher.parts import (
    NAME,
    NoticeRefused,
    NoticeSent,
    NoticeTold,
    Overdue,
    ShipmentCancelled,
    ShipmentPart,
    ShipmentSeen,
    line_of,
    notice_id,
)
from flows.fulfilment_watcher.translating import (
    ZERO,
    Named,
    Unmapped,
    limits_of,
    named,
    notice,
    plain,
    share,
    shipped_at,
    suspect,
    units_shipped,
)
from flows.model.fulfilments import FulfilmentSettings
from flows.model.messages import Recheck
from flows.model.outgoing import lines_waiting, outgoing_row
from runtime.decision import Decision, Emit, Fact, Message, Timer, Write
from runtime.delivery import digest
from runtime.key import parts_of

ORPHAN_LOOKS: Final = timedelta(minutes=5)
"""How often it is looked whether an unknown order has arrived meanwhile."""
ORPHAN_LOOKED_FOR: Final = timedelta(days=1)

Status = Literal["known", "held", "partial", "waiting", "sent", "told", "refused", "withdrawn"]


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a sales channel is told of one shipment. `units` are those of the last version, by line id."""

    id: str
    part: ShipmentPart
    status: Status = "held"
    version: int = 0
    units: dict[str, Decimal] = {}
    content: str = ""
    """Digest of what the last version tells."""
    body: str = ""
    """That version, as it stands in the payload."""
    mapped: bool = True
    cause: str = ""
    """Why it is held: the carrier or service that is not mapped, or `order`."""
    seen_at: datetime | None = None
    shipped_at: datetime | None = None
    waits_since: datetime | None = None
    """When the last version went on its way."""
    sent_at: datetime | None = None
    """When the last version that was sent, was."""
    sent_version: int = 0
    told_at: datetime | None = None
    suspect: tuple[str, ...] = ()
    changed_at: datetime | None = None
    """When anything of it changed here."""


class OrderShipments(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One order, as far as its shipments go."""

    key: str
    notices: dict[str, Notice] = {}
    """By shipment."""
    ordered: dict[str, Decimal] = {}
    """Units by line, no more than edits and refunds left of them."""
    waived: bool = False
    """A person has let it be told although nobody knows the order."""
    cases: tuple[ExceptionCase, ...] = ()


class Seen(Message, frozen=True, kw_only=True):
    """From the shell: a message, and what is known of its order: whether it was ever received, and how many units of
    each line edits and refunds have left at the sales channel (by line id; what is not known is not there).
    """

    message: ShipmentSeen | Recheck
    is_known: bool
    left: Mapping[str, Decimal] = msgspec.field(default_factory=dict)


# -- the decision ------------------------------------------------------------------------------------------------------


def decide(state: OrderShipments, message: Any, now: datetime, settings: FulfilmentSettings | None) -> Decision:
    """What follows for one order. Pure."""
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
        case Overdue():
            return Decision(**_overdue(state, now, settings))
        case _:
            raise TypeError(f"the shipments of an order have no use for a {type(message).__name__}")


def _seen(state: OrderShipments, seen: ShipmentSeen, found: Seen, now: datetime, settings: Any) -> Decision:
    part = seen.part
    known = state.notices.get(part.shipment)
    order_id = parts_of(state.key)[1]
    if known is None:
        status: Status = "known" if seen.old else "held"
        known = Notice(id=notice_id(part.shipment, order_id), part=part, status=status, seen_at=now, changed_at=now)
        state = _put(state, replace(known, shipped_at=shipped_at(part)))
        known = state.notices[part.shipment]
    ordered = limits_of(part.ordered, found.left)
    if known.status == "known":
        units = {line.line_id: line.quantity for line in part.lines}
        return Decision(state=_put(replace(state, ordered=ordered), replace(known, part=part, units=units)))
    same_lines = known.part.lines == part.lines and known.version > 0 and known.status != "withdrawn"
    state = _put(replace(state, ordered=ordered), replace(known, part=part, suspect=suspect(part)))
    return _settled(state, part.shipment, now, settings, is_known=found.is_known, keeps_units=same_lines)


def _settled(
    state: OrderShipments,
    shipment: str,
    now: datetime,
    settings: FulfilmentSettings,
    *,
    is_known: bool,
    keeps_units: bool = False,
) -> Decision:
    """A notice in the state that follows from everything that is known of it."""
    current = state.notices[shipment]
    sales_channel, order_id = parts_of(state.key)
    if not (is_known or state.waived or settings.unknown_orders == "send" or current.version):
        return _orphan(state, current, now)
    state = _without(state, "fulfilment.orphan", current.id)
    units = current.units if keeps_units else _share(state, current)
    state = _residual(state, current, units, now)
    called = named(current.part, settings)
    if isinstance(called, Unmapped):
        return _held(state, current, called, now)
    state = _without(state, "carrier.unmapped", "", of=current)
    if not units:
        changed = replace(current, status="partial", units={}, cause="", mapped=True, changed_at=now)
        return Decision(state=_put(state, changed))
    told = notice(
        current.part, called, units, current.shipped_at or now, id_=current.id, sales_channel=sales_channel,
        order_id=order_id, settings=settings,
    )  # fmt: skip
    content = digest(encoded([told])[0]).hex()
    if content == current.content and current.status != "withdrawn":
        is_held = current.status in ("held", "partial")
        status: Status = (
            current.status if not is_held else "sent" if current.sent_version == current.version else "waiting"
        )
        return Decision(
            state=_put(state, replace(current, units=units, status=status, mapped=not called.own, cause=""))
        )
    version = current.version + 1
    body = encoded([replace(told, version=version, version_id=f"{told.fulfilment_id}@{version}")])[0]
    sent = replace(
        current, status="waiting", version=version, units=units, content=content, body=body.decode(), cause="",
        mapped=not called.own, waits_since=now, changed_at=now, told_at=None,
    )  # fmt: skip
    flow = settings.flow.flow_id
    return Decision(
        state=_put(state, sent),
        writes=(outgoing_row(flow, line_of(state.key, sent.id), NAME, body, now),),
        emits=(lines_waiting(flow),),
        facts=(_fact_of(sent, called),),
    )


def _fact_of(sent: Notice, called: Named) -> Fact:
    values: dict[str, str | int | float | bool | None] = {
        "shipment": sent.part.number,
        "units": str(plain(sum(sent.units.values(), ZERO))),
        "parcels": len(sent.part.parcels),
        "carrier": called.carrier or "none",
        "version": sent.version,
    }
    if sent.suspect:
        values["suspect_numbers"] = len(sent.suspect)
    return Fact(kind="shipped" if sent.version == 1 else "shipment_changed", values=values)


def _share(state: OrderShipments, current: Notice) -> dict[str, Decimal]:
    others = _units_of_others(state, current)
    before: dict[str, dict[int, Decimal]] = {}
    for other in state.notices.values():
        if other.id == current.id or other.status == "withdrawn":
            continue
        for line in other.part.lines:
            for each in line.components:
                units = before.setdefault(line.line_id, {})
                units[each.product] = units.get(each.product, ZERO) + each.quantity
    wanted = {
        line.line_id: units_shipped(line, before.get(line.line_id, {}), others.get(line.line_id, ZERO))
        for line in current.part.lines
    }
    return share(wanted, state.ordered, others).units


def _units_of_others(state: OrderShipments, current: Notice) -> dict[str, Decimal]:
    """Units by line that the other notices tell, or that were told before anybody asked us to. What was sent counts
    although its shipment was cancelled: the sales channel has it.
    """
    found: dict[str, Decimal] = {}
    for other in state.notices.values():
        is_gone = other.status == "withdrawn" and not other.sent_version
        if other.id != current.id and not is_gone:
            for line_id, units in other.units.items():
                found[line_id] = found.get(line_id, ZERO) + units
    return found


# -- what is held, left over, cancelled --------------------------------------------------------------------------------


def _orphan(state: OrderShipments, current: Notice, now: datetime) -> Decision:
    part = current.part
    goods = ", ".join(f"{plain(line.quantity)} x {line.sku}" for line in part.lines if not line.components) or "kits"
    sentence = (
        f"shipment {part.number} brings {goods} of {part.reference or 'an order without a number'} "
        f"(sale {part.sale}), and no such order was ever received"
    )
    state = _with(state, "fulfilment.orphan", current.id, sentence, now)
    held = replace(current, status="held", cause="order", changed_at=now)
    timers: tuple[Timer, ...] = ()
    if current.seen_at is None or now < current.seen_at + ORPHAN_LOOKED_FOR:
        timers = (Timer(name="look", due=now + ORPHAN_LOOKS, message=Recheck(because="later")),)
    return Decision(state=_put(state, held), timers=timers)


def _held(state: OrderShipments, current: Notice, missing: Unmapped, now: datetime) -> Decision:
    state = _without(state, "carrier.unmapped", missing.cause, of=current)
    sentence = f"shipment {current.part.number}: {missing.sentence}"
    state = _with(state, "carrier.unmapped", missing.cause, sentence, now)
    is_news = (current.status, current.cause) != ("held", missing.cause)
    held = replace(current, status="held", cause=missing.cause, mapped=False)
    fact = Fact(kind="notice_held", values={"shipment": current.part.number, "carrier": missing.cause})
    return Decision(
        state=_put(state, replace(held, changed_at=now) if is_news else held), facts=(fact,) if is_news else ()
    )


def _residual(state: OrderShipments, current: Notice, units: Mapping[str, Decimal], now: datetime) -> OrderShipments:
    """The case that more was shipped than is left to be told, or that it no longer is so (failure case 28)."""
    over = {
        line.line_id: (line.sku, line.quantity - units.get(line.line_id, ZERO))
        for line in current.part.lines
        if not line.components and line.quantity > units.get(line.line_id, ZERO)
    }
    if not over:
        return _without(state, "fulfilment.residual", current.id)
    goods = ", ".join(f"{plain(quantity)} x {sku} (line {line_id})" for line_id, (sku, quantity) in over.items())
    sentence = f"shipment {current.part.number} brings {goods} more than is left of the order; the rest is told"
    return _with(state, "fulfilment.residual", current.id, sentence, now)


def _cancelled(state: OrderShipments, gone: ShipmentCancelled, now: datetime, settings: FulfilmentSettings) -> Decision:
    """Nothing of it has left after all. What was sent cannot be taken back; what was not, is."""
    current = state.notices.get(gone.shipment)
    if current is None or current.status in ("withdrawn", "known"):
        return Decision(state=state)
    for kind in ("fulfilment.orphan", "fulfilment.residual", "fulfilment.untold"):
        state = _without(state, kind, current.id)
    state = _put(state, replace(current, status="withdrawn", changed_at=now))
    state = _without(state, "carrier.unmapped", "", of=current)
    fact = Fact(kind="shipment_cancelled", values={"shipment": current.part.number})
    writes: tuple[Write, ...] = ()
    if current.status in ("sent", "told") or current.sent_version:
        state = _undone(state, current, now)
    if current.status in ("waiting", "refused"):
        line = line_of(state.key, current.id)
        writes = (Write("drop_outgoing", (settings.flow.flow_id, line)),)
    return Decision(state=state, facts=(fact,), writes=writes)


def _undone(state: OrderShipments, current: Notice, now: datetime) -> OrderShipments:
    sentence = f"shipment {current.part.number} was sent to the sales channel, and is cancelled in Fulfil"
    return _with(state, "fulfilment.cancelled", current.id, sentence, now)


# -- what became of notices --------------------------------------------------------------------------------------------


def _sent(state: OrderShipments, sent: NoticeSent, now: datetime, settings: FulfilmentSettings | None) -> Decision:
    current = _by_id(state, sent.notice)
    if current is None or not current.version:
        return Decision(state=state)
    changed = replace(current, sent_at=sent.at, sent_version=current.version, changed_at=now)
    if current.status == "withdrawn":  # it had been taken already when the shipment was cancelled
        return Decision(state=_undone(_put(state, changed), current, now))
    if current.status in ("waiting", "refused"):
        changed = replace(changed, status="sent")
    fact = Fact(kind="fulfilment_sent", values={"shipment": current.part.number, "run": sent.run_id or "unseen"})
    state = _put(state, changed)
    timers = _overdue(state, now, settings)["timers"] if settings is not None else ()
    return Decision(state=state, facts=(fact,), timers=timers)


def _told(state: OrderShipments, told: NoticeTold, now: datetime) -> Decision:
    """The sales channel's word. An update is told when its numbers are named; what names none proves the first form."""
    current = _by_id(state, told.notice)
    if current is None or current.status not in ("waiting", "sent", "refused"):
        return Decision(state=state)
    numbers = {each.number for each in current.part.parcels}
    proves = numbers.issubset(told.numbers) if told.numbers else current.version == 1
    if not proves:
        return Decision(state=state)
    state = _without(state, "fulfilment.untold", current.id)
    state = _put(state, replace(current, status="told", told_at=told.at, changed_at=now))
    return Decision(state=state, facts=(Fact(kind="told", values={"shipment": current.part.number}),))


def _news(state: OrderShipments, id_: str, status: Status, now: datetime) -> Decision:
    current = _by_id(state, id_)
    if current is None or current.status not in ("waiting", "sent"):
        return Decision(state=state)
    fact = Fact(kind="notice_refused", values={"shipment": current.part.number})
    return Decision(state=_put(state, replace(current, status=status, changed_at=now)), facts=(fact,))


def _overdue(state: OrderShipments, now: datetime, settings: FulfilmentSettings) -> dict[str, Any]:
    """The state with a case for what should have been told, and the timer for what is due next."""
    if settings.evidence == "none":
        return {"state": state, "timers": ()}
    due: list[datetime] = []
    for current in state.notices.values():
        if current.status != "sent" or current.sent_at is None:
            continue
        at = current.sent_at + timedelta(seconds=settings.told_within_s)
        if now < at:
            due.append(at)
        else:
            sentence = (
                f"shipment {current.part.number} was sent at {current.sent_at:%Y-%m-%d %H:%M:%SZ}, "
                "and the sales channel has not said that it has it"
            )
            state = _with(state, "fulfilment.untold", current.id, sentence, now)
    timers = (Timer(name="overdue", due=min(due), message=Overdue()),) if due else ()
    return {"state": state, "timers": timers}


def _looked_at(state: OrderShipments, found: Seen, now: datetime, settings: FulfilmentSettings) -> Decision:
    """Look at what is held again: a mapping, or the order itself, may have come; or a person has looked."""
    by_person = isinstance(found.message, Recheck) and found.message.because == "person"
    if by_person:
        ended = ("fulfilment.untold", "fulfilment.residual", "fulfilment.cancelled")
        cases = tuple(case for case in state.cases if case.kind not in ended)
        state = replace(state, waived=True, cases=cases)
    writes: list[Write] = []
    emits: list[Emit] = []
    facts: list[Fact] = []
    timers: dict[str, Timer] = {}
    for shipment, current in state.notices.items():
        if current.status != "held":
            continue
        one = _settled(state, shipment, now, settings, is_known=found.is_known)
        state = one.state
        writes += one.writes
        facts += one.facts
        emits += [each for each in one.emits if each not in emits]
        timers.update({timer.name: timer for timer in one.timers})
    return Decision(
        state=state, writes=tuple(writes), emits=tuple(emits), facts=tuple(facts), timers=tuple(timers.values())
    )


# -- small parts -------------------------------------------------------------------------------------------------------


def _put(state: OrderShipments, current: Notice) -> OrderShipments:
    return replace(state, notices={**state.notices, current.part.shipment: current})


def _by_id(state: OrderShipments, id_: str) -> Notice | None:
    return next((each for each in state.notices.values() if each.id == id_), None)


def _with(state: OrderShipments, kind: str, cause: str, sentence: str, now: datetime) -> OrderShipments:
    known = next((case for case in state.cases if (case.kind, case.cause) == (kind, cause)), None)
    opened_at = now if known is None else known.opened_at
    case = ExceptionCase(kind=kind, cause=cause, sentence=sentence.rstrip("."), opened_at=opened_at)
    return replace(state, cases=(*(each for each in state.cases if each is not known), case))


def _without(state: OrderShipments, kind: str, cause: str, *, of: Notice | None = None) -> OrderShipments:
    """Without a case. `of`: without the case that this notice was held for, unless another one is, or it is `cause`."""
    if of is not None:
        still = {each.cause for each in state.notices.values() if each.status == "held" and each.id != of.id}
        ended = "" if of.cause == cause or of.cause in still else of.cause
        cases = tuple(case for case in state.cases if (case.kind, case.cause) != (kind, ended))
    else:
        cases = tuple(case for case in state.cases if (case.kind, case.cause) != (kind, cause))
    return state if cases == state.cases else replace(state, cases=cases)


# -- how far the order is ----------------------------------------------------------------------------------------------


class Progress(msgspec.Struct, frozen=True):
    """How far an order is: `''` (nothing has left), `partially shipped`, `shipped`, or `told` (all of it, proven)."""

    state: str
    ordered: Decimal
    shipped: Decimal


def progress(state: OrderShipments) -> Progress:
    """What follows for the order from its notices."""
    live = [each for each in state.notices.values() if each.status != "withdrawn"]
    units: dict[str, Decimal] = {}
    for each in live:
        wanted = each.units or {line.line_id: line.quantity for line in each.part.lines}
        for line_id, quantity in wanted.items():
            units[line_id] = units.get(line_id, ZERO) + quantity
    ordered = sum(state.ordered.values(), ZERO)
    shipped = sum((min(units.get(line_id, ZERO), most) for line_id, most in state.ordered.items()), ZERO)
    if not live or not shipped:
        return Progress("", ordered, shipped)
    if shipped < ordered:
        return Progress("partially shipped", ordered, shipped)
    is_told = all(each.status in ("told", "known") for each in live if each.units)
    return Progress("told" if is_told else "shipped", ordered, shipped)
