"""What differs between tenants of Fulfil: the names of models and fields, and the size of a page.

Names have changed over the years (`salable` became `sellable`, `out_invoice` became `out`), and not every tenant has
every module. A name is written in this connector as the facts have it; a tenant's own name is put in its place only
where a request is spoken and an answer is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from connectors.fulfil.wire import RECORDS_MAX

_SAME: Final[Mapping[str, str]] = MappingProxyType({})


class Tenant:
    """One tenant's names. `names` is from the documented `model` or `model.field` to the tenant's own.

    An empty name says that the tenant does not have the field: it is not read, and stays None. Compared by identity.
    """

    __slots__ = ("names", "page_size", "sellable_field")

    def __init__(
        self, *, names: Mapping[str, str] = _SAME, page_size: int = RECORDS_MAX, sellable_field: str = ""
    ) -> None:
        self.names, self.page_size, self.sellable_field = names, page_size, sellable_field

    def model(self, documented: str) -> str:
        """The tenant's name of a model."""
        return self.names.get(documented) or documented

    def field(self, model: str, documented: str, otherwise: str | None = None) -> str:
        """The tenant's name of a field of a model (both as documented); empty when it does not have it.

        `otherwise`: what it is when nothing is configured, if not the documented name.
        """
        return self.names.get(f"{model}.{documented}", documented if otherwise is None else otherwise)


DOCUMENTED: Final = Tenant()
"""A tenant whose names are all as documented."""
