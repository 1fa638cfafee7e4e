"""Sales as they are read back after they were made: with who changed them last."""

from __future__ import annotations

from typing import Final

from msgspec import field

from connectors.fulfil.models import Model
from connectors.fulfil.sales import Sale


class ReadBackSale(Sale, frozen=True, kw_only=True):
    """A sale, and the id of the user who changed it last; None: nobody has, or Fulfil does not say.

    Source of `write_uid`: every record has it (facts, section 8).
    """

    changed_by: int | None = field(default=None, name="write_uid")


READ_BACK_SALES: Final = Model("sale.sale", ReadBackSale, "read_back_sales", by=("id",))
