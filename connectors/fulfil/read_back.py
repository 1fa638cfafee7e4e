"""Sales as they are read back after they were made: with who changed them last, and what is on their lines."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from msgspec import field

from connectors.fulfil.models import Model
from connectors.fulfil.rows import Row
from connectors.fulfil.sales import Sale
from connectors.fulfil.typed import Reference


class ReadBackSale(Sale, frozen=True, kw_only=True):
    """A sale, and the id of the user who changed it last; None: nobody has, or Fulfil does not say.

    Source of `write_uid`: every record has it (facts, section 8).
    """

    changed_by: int | None = field(default=None, name="write_uid")


class ReadBackLine(Row, frozen=True, kw_only=True):
    """A line of a sale, with what says which goods it is of, and what they cost.

    `quantity_canceled` is asked for only when the configuration names it: whether a tenant that takes it in an update
    keeps it beside the ordered quantity, or subtracts it, is not public (facts, section 8.3).
    """

    by_name = frozenset({"quantity_canceled"})

    sale: int | None = None
    type: str | None = None
    """`line`, or `subtotal`, `title`, `comment`, which are no goods."""
    product: int | None = None
    product_code: str | None = field(default=None, name="product.code")
    quantity: Decimal | None = None
    quantity_canceled: Decimal | None = None
    unit_price: Decimal | None = None
    shipment_cost: Decimal | None = None
    """Not None marks a shipping line."""
    channel_identifier: str | None = None
    origin: Reference | None = None
    """On a return, the line that comes back."""


READ_BACK_SALES: Final = Model("sale.sale", ReadBackSale, "read_back_sales", by=("id",))
READ_BACK_LINES: Final = Model("sale.line", ReadBackLine, "read_back_lines", by=("sale",))
