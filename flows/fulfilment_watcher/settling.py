"""A notice in the state that follows from everything that is known: held, nothing to tell, or on its way. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec
from msgspec.structs import replace

from connectors.patchworks.batches import Fulfilment, encoded
from flows.fulfilment_watcher.keeping import (
    GONE,
    Notice,
    OrderShipments,
    Status,
    put,
    units_of_others,
    with_case,
    without,
)
from flows.fulfilment_watcher.parts import NAME, line_of
from flows.fulfilment_watcher.translating import ZERO, Named, Unmapped, named, notice, plain, share, units_shipped
from flows.model.fulfilments import FulfilmentSettings
from flows.model.messages import Recheck
from flows.model.outgoing import lines_waiting, outgoing_row
from runtime.decision import Decision, Emit, Fact, Timer, Write
from runtime.delivery import digest
from runtime.key import parts_of

ORPHAN_LOOKS: Final = timedelta(minutes=5)
"""How often it is looked whether an unknown order has arrived meanwhile."""
ORPHAN_IS_OLD: Final = timedelta(days=1)
ORPHAN_LOOKS_THEN: Final = timedelta(hours=1)
"""How often it is looked after a day: somebody may bring the order at any time."""


def settled(
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
        return _orphan(state, replace(current, units=_share(state, current)), now)
    state = without(state, "fulfilment.orphan", current.id)
    units = current.units if keeps_units else _share(state, current)
    state = _residual(state, current, units, now)
    called = named(current.part, settings)
    if isinstance(called, Unmapped):
        claimed = current.units if current.version else units  # of what was told before, it has not taken back any
        return _held(state, replace(current, units=claimed), called, now)
    state = without(state, "carrier.unmapped", "", of=current)
    if not units:
        changed = replace(current, status="partial", units={}, cause="", mapped=True, changed_at=now)
        return Decision(state=put(state, changed))
    told = notice(
        current.part, called, units, current.shipped_at or now, id_=current.id, sales_channel=sales_channel,
        order_id=order_id, settings=settings,
    )  # fmt: skip
    content = digest(encoded([told])[0]).hex()
    if content == current.content and current.status not in GONE:
        status = _went_on(current) if current.status in ("held", "partial") else current.status
        return Decision(state=put(state, replace(current, units=units, status=status, mapped=not called.own, cause="")))
    version = current.version + 1
    body = encoded([replace(told, version=version, version_id=f"{told.fulfilment_id}@{version}")])[0]
    sent = replace(
        current, status="waiting", version=version, units=units, content=content, body=body.decode(), cause="",
        mapped=not called.own, waits_since=now, changed_at=now, told_at=None, former=_numbers_in(current.body),
        let_be=False,
    )  # fmt: skip
    flow = settings.flow.flow_id
    return Decision(
        state=put(state, sent),
        writes=(outgoing_row(flow, line_of(state.key, sent.id), NAME, body, now),),
        emits=(lines_waiting(flow),),
        facts=(_fact_of(sent, called),),
    )


def _numbers_in(body: str) -> tuple[str, ...]:
    """The tracking numbers of a version, as it stands in the payload."""
    return tuple(each.number for each in msgspec.json.decode(body, type=Fulfilment).tracking) if body else ()


def _went_on(current: Notice) -> Status:
    """How far a notice had come that was held meanwhile, and tells what it told before."""
    if current.told_at is not None:
        return "told"
    return "sent" if current.sent_version == current.version else "waiting"


def settle_all(
    state: OrderShipments, shipments: Sequence[str], now: datetime, settings: FulfilmentSettings, *, is_known: bool
) -> Decision:
    """Several notices, one after the other."""
    writes: list[Write] = []
    emits: list[Emit] = []
    facts: list[Fact] = []
    timers: dict[str, Timer] = {}
    for shipment in shipments:
        one = settled(state, shipment, now, settings, is_known=is_known)
        state = one.state
        writes += one.writes
        facts += one.facts
        emits += [each for each in one.emits if each not in emits]
        timers.update({timer.name: timer for timer in one.timers})
    return Decision(
        state=state, writes=tuple(writes), emits=tuple(emits), facts=tuple(facts), timers=tuple(timers.values())
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
    others = units_of_others(state, current)
    before: dict[str, dict[str, Decimal]] = {}
    for other in state.notices.values():
        if other.id == current.id or other.status in GONE:
            continue
        for line in other.part.lines:
            for each in line.components:
                units = before.setdefault(line.line_id, {})
                units[each.name] = units.get(each.name, ZERO) + each.quantity
    wanted = {
        line.line_id: units_shipped(line, before.get(line.line_id, {}), others.get(line.line_id, ZERO))
        for line in current.part.lines
    }
    return share(wanted, state.ordered, others).units


def _orphan(state: OrderShipments, current: Notice, now: datetime) -> Decision:
    part = current.part
    goods = ", ".join(f"{plain(line.quantity)} x {line.sku}" for line in part.lines if not line.components) or "kits"
    sentence = (
        f"shipment {part.number} brings {goods} of {part.reference or 'an order without a number'} "
        f"(sale {part.sale}), and no such order was ever received"
    )
    state = with_case(state, "fulfilment.orphan", current.id, sentence, now)
    held = replace(current, status="held", cause="order", changed_at=now)
    is_old = current.seen_at is not None and now >= current.seen_at + ORPHAN_IS_OLD
    due = now + (ORPHAN_LOOKS_THEN if is_old else ORPHAN_LOOKS)
    look = Timer(name="look", due=due, message=Recheck(because="later"))
    return Decision(state=put(state, held), timers=(look,))


def _held(state: OrderShipments, current: Notice, missing: Unmapped, now: datetime) -> Decision:
    state = without(state, "carrier.unmapped", missing.cause, of=current)
    sentence = f"shipment {current.part.number}: {missing.sentence}"
    state = with_case(state, "carrier.unmapped", missing.cause, sentence, now)
    is_news = (current.status, current.cause) != ("held", missing.cause)
    held = replace(current, status="held", cause=missing.cause, mapped=False)
    fact = Fact(kind="notice_held", values={"shipment": current.part.number, "carrier": missing.cause})
    return Decision(
        state=put(state, replace(held, changed_at=now) if is_news else held), facts=(fact,) if is_news else ()
    )


def _residual(state: OrderShipments, current: Notice, units: Mapping[str, Decimal], now: datetime) -> OrderShipments:
    """The case that more was shipped than is left to be told, or that it no longer is so (failure case 28)."""
    over = {
        line.line_id: (line.sku, line.quantity - units.get(line.line_id, ZERO))
        for line in current.part.lines
        if not line.components and line.quantity > units.get(line.line_id, ZERO)
    }
    if not over:
        return without(state, "fulfilment.residual", current.id)
    goods = ", ".join(f"{plain(quantity)} x {sku} (line {line_id})" for line_id, (sku, quantity) in over.items())
    sentence = f"shipment {current.part.number} brings {goods} more than is left of the order; the rest is told"
    return with_case(state, "fulfilment.residual", current.id, sentence, now)
