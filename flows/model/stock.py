"""What a sales channel may sell: how its figure follows from Fulfil's, and how its flow is started."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from flows.model.outgoing import FlowTarget

Semantics = Literal["available", "on_hand", "source_quantity"]


class StockSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How one sales channel's stock is published."""

    flow: FlowTarget
    """The flow that takes the levels."""
    locations: Annotated[tuple[Annotated[int, Meta(gt=0)], ...], Meta(min_length=1)]
    """Fulfil's ids of the warehouses or zones whose stock this sales channel may sell, added up."""
    location: str = "MAIN"
    """What the sales channel calls the place that the figures are for."""
    quantity_semantics: Semantics = "available"
    """What the sales channel takes the figure for: what is for sale, or (the other two) what is there, from which it
    subtracts its own unshipped units itself."""
    buffer: Annotated[int, Meta(ge=0)] = 0
    """Units of each SKU that are kept back."""
    allocation: Annotated[Decimal, Meta(gt=0, le=1)] = Decimal(1)
    """The share of what is left that this sales channel may sell; rounded down."""
