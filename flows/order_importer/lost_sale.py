"""An order that rests without a sale, in a store that was restored: the life that was lost may have made one. Pure.

A create looks for its sale first, but nothing is created of an order that is held or waits, or that is cancelled or
shipped before it is delivered again. It is looked for as the sale of a create that was given up: what is found is the
order's, and what the order has become since is done to it like any edit or cancel.
"""

from __future__ import annotations

import msgspec

from flows.model.order_state import OrderState, Status
from flows.order_importer.creating import look_up
from runtime.decision import Decision

_WITHOUT_A_SALE = (Status.HELD, Status.WAITING, Status.CANCELLED, Status.EXCLUDED)


def looked_for(before: OrderState, decision: Decision, channel: int, order_id: str) -> Decision:
    """The same decision, with a look for a sale where it has just come to rest without one."""
    state = decision.state
    rests = state.status in _WITHOUT_A_SALE and state.sale is None and not state.given_up
    if not rests or before.status is state.status:
        return decision
    state = msgspec.structs.replace(
        state, channel=channel, order_id=order_id, given_up=state.content, given_up_delivery=state.delivery
    )
    return msgspec.structs.replace(decision, state=state, effects=(*decision.effects, look_up(channel, order_id)))
