"""What is still to leave of an imported order: the row that it waits under, and what a look at Fulfil finds of it.

The importer writes the row when the sale is there, and takes it away when the order is not imported any more; the
actor `unshipped` looks at rows that are due; `order_fulfilments` keeps the cases, and takes the row away when nothing
is left to wait for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from flows.model.order_state import OrderState, Status
from runtime.clock import to_instant
from runtime.decision import Message, Write
from runtime.key import partition_of

Cause = Literal[
    "not found", "not processing", "on hold", "not planned", "no stock", "unallocated", "not picked", "picking",
    "packed", "at the supplier",
]  # fmt: skip
"""Why something has not left: the sale is not in Fulfil, or not processing there; its shipment is on hold, or was never
made; its goods are not there, or not allocated although they are; or the warehouse, or a supplier, has it in hand."""
ZERO = Decimal(0)


class OutstandingLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """Units of a line of the sale: `open` ones are in a shipment that has not left; what is in none is cancelled."""

    line_id: str
    sku: str
    ordered: Decimal
    shipped: Decimal = ZERO
    open: Decimal = ZERO

    @property
    def cancelled(self) -> Decimal:
        """Units that nobody will ship."""
        return max(ZERO, self.ordered - self.shipped - self.open)


class Outstanding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a look at Fulfil found of an order. `due_at`: by when it was to leave; None: nobody has said."""

    looked_at: datetime
    due_at: datetime | None = None
    lines: tuple[OutstandingLine, ...] = ()
    cause: Cause | Literal[""] = ""
    """Why the open units have not left; empty: there are none."""
    told: str = ""
    """The same for a person: the shipment, and how many units of what are missing."""


class OutstandingSeen(Message, frozen=True, kw_only=True):
    """To an order: this is outstanding of it."""

    outstanding: Outstanding


def unshipped_rows(key: str, before: OrderState, after: OrderState) -> Sequence[Write]:
    """The order's row, from the import on; it goes when the order is cancelled, or its sale is another one."""
    was, is_ = _sale_of(before), _sale_of(after)
    if was == is_:
        return ()
    if is_ is None:
        return (dropped(key),)
    placed_at = to_instant(after.placed_at) if after.placed_at is not None else None
    promised_at = to_instant(after.ship_by) if after.ship_by is not None else None
    return (Write("put_unshipped", (key, partition_of(key), is_, placed_at, promised_at)),)


def dropped(key: str) -> Write:
    """Nothing is left to wait for."""
    return Write("drop_unshipped", (key,))


def _sale_of(state: OrderState) -> int | None:
    return state.sale if state.status is Status.IMPORTED else None
