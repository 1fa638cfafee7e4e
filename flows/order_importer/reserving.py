"""What an order needs of the stock, remembered with it, so that nobody else is sold the same units (rule 8). Pure.

An order that is not in Fulfil needs what its newest version says. Once a sale may be there, a newer version can only
raise it; what a change of the sale takes away is free when that change is made.
"""

from __future__ import annotations

import msgspec

from flows.model.aliases import under_fulfils_skus
from flows.model.bundles import exploded
from flows.model.order_state import OrderState, Status
from flows.model.units import at_least, units_of
from flows.order_importer.messages import OrderPresented
from runtime.decision import Decision

_NOT_THERE = (Status.HELD, Status.WAITING, Status.NEW)


def reserving(before: OrderState, decision: Decision, message: OrderPresented) -> Decision:
    """The same decision, with the units that this version of the order needs."""
    state: OrderState = decision.state
    units = units_of(under_fulfils_skus(exploded(message.order, message.bundles), message.aliases))
    creates = any(effect.kind == "create_order" for effect in decision.effects)
    if creates:
        state = msgspec.structs.replace(state, units=units, sold=units)
    elif state.status in _NOT_THERE:
        state = msgspec.structs.replace(state, units=units)
    elif state.status in (Status.CREATING, Status.UNKNOWN, Status.IMPORTED):
        state = msgspec.structs.replace(state, units=at_least(before.units, units), sold=before.sold)
        if state.work is not None and before.work is None:
            state = msgspec.structs.replace(state, work=msgspec.structs.replace(state.work, units=units))
    return msgspec.structs.replace(decision, state=state)
