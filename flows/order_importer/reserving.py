"""What an order needs of the stock, remembered with it, so that nobody else is sold the same units (rule 8). Pure.

An order that is not in Fulfil needs what its newest version says. Once a sale may be there, a newer version can only
raise what that has, or may have while it is changed; what a change of the sale takes away is free when that change is
made. What the sales channel itself takes the order for is the newest version all the while: by that it has changed its
own figures.
"""

from __future__ import annotations

import msgspec

from flows.model.aliases import under_fulfils_skus
from flows.model.bundles import exploded
from flows.model.content import content_of
from flows.model.order_state import ON_ITS_WAY, OrderState, Status
from flows.model.units import Units, at_least, units_of
from flows.order_importer.messages import OrderPresented
from runtime.decision import Decision

_NOT_THERE = (Status.HELD, Status.WAITING, Status.NEW)


def reserving(before: OrderState, decision: Decision, message: OrderPresented, *, subtracts: bool) -> Decision:
    """The same decision, with the units that this version of the order needs. `subtracts`: its sales channel subtracts
    its own unshipped units itself from what it is told.
    """
    state: OrderState = decision.state
    order = under_fulfils_skus(exploded(message.order, message.bundles), message.aliases)
    units = units_of(order)
    creates = any(effect.kind == "create_order" for effect in decision.effects)
    if creates:
        state = msgspec.structs.replace(state, units=units, sold=units)
    elif state.status in _NOT_THERE or state.linking is not None:
        state = msgspec.structs.replace(state, units=units)
    elif state.status in (*ON_ITS_WAY, Status.IMPORTED):
        sold = before.sold or _uncounted(state, message, units)
        there = sold if before.work is None else before.units
        state = msgspec.structs.replace(state, units=at_least(there, units), sold=sold)
        if state.work is not None and state.work is not before.work and state.work.goal == "edit":
            state = msgspec.structs.replace(state, work=msgspec.structs.replace(state.work, units=units))
    claimed = units if order.cancelled_at is None else {}
    if state.status is Status.EXCLUDED:
        claimed = (
            units_of(order, tests=True) if subtracts and order.test and order.cancelled_at is None else state.units
        )
    state = msgspec.structs.replace(state, claimed=None if claimed == state.units else claimed)
    return msgspec.structs.replace(decision, state=state)


def _uncounted(state: OrderState, message: OrderPresented, units: Units) -> Units:
    """What a sale has that was made, or linked, when nobody counted its units: those of this version, if it is that."""
    is_there = state.sale is not None and content_of(message.order) == state.content
    return units if is_there else {}
