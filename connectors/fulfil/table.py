"""Every call to Fulfil that the runtime can make, by its kind. A new call is an entry here; nothing else changes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from connectors.fulfil import (
    adding_payments,
    amending,
    ledger,
    lines,
    orders,
    parties,
    payments,
    read_back,
    records,
    returns,
    sales,
    shipments,
    stock,
    workflow,
)
from connectors.fulfil.calls import Read, Write
from connectors.fulfil.models import Model

MODELS: Final[tuple[Model[Any], ...]] = (
    *(sales.SALES, sales.SALE_LINES),
    *(*shipments.MODELS, *stock.MODELS, *payments.MODELS, *ledger.MODELS, *parties.MODELS),
)

_READS: Final[tuple[Read[Any, Any], ...]] = (
    *(read for model in MODELS for read in model.reads),
    *(step.standing for step in workflow.STEPS),
    *(orders.FIND_SALE, orders.SEARCH_PRODUCTS),
    *(sales.ORDER_LINES, sales.SALE_PARTIES, returns.FIND_RETURN),
    *(sales.SHIPPED_LINES.read, sales.SHIPPED_LINES.find),
    *(read_back.READ_BACK_SALES.changed, read_back.READ_BACK_SALES.find, read_back.READ_BACK_LINES.find),
    *(stock.STOCK_LEVELS, stock.PRODUCT_INVENTORY),
    *(ledger.POSTED_LINES, parties.CONTACTS_BY_EMAIL),
    *(records.SEARCH_RECORDS, records.READ_RECORDS, records.PREFERENCES),
)
_WRITES: Final[tuple[Write[Any], ...]] = (
    orders.CREATE_ORDER,
    *(step.write for step in workflow.STEPS),
    *(amending.AMEND_ORDER, lines.AMEND_SALE, returns.RETURN_ORDER),
    *(lines.CHANGE_LINE, lines.ADD_LINE, lines.REMOVE_LINES),
    *(adding_payments.ADD_PAYMENTS, adding_payments.ADD_TRANSACTIONS),
    *(ledger.MAKE_LEDGER_MOVE, parties.MAKE_PARTY),
    *(records.WRITE_FIELDS, records.SET_METAFIELDS),
)

READS: Final[Mapping[str, Read[Any, Any]]] = MappingProxyType({read.kind: read for read in _READS})
WRITES: Final[Mapping[str, Write[Any]]] = MappingProxyType({write.kind: write for write in _WRITES})

_PRODUCT_FIELDS: Final = ("code", "active", "quantity_on_hand", "quantity_available", "upc", "list_price", "cost_price")
_OTHER_NAMES: Final = frozenset(
    (
        "product.product",
        *(f"product.product.{name}" for name in _PRODUCT_FIELDS),
        *(f"{step.model}.{step.field}" for step in workflow.STEPS),
        *(write.path.split("/")[1] for write in _WRITES if not write.on_record),
    )
)


def unknown_names(names: Mapping[str, str]) -> tuple[str, ...]:
    """Those of a tenant's configured names that stand for nothing in this connector: probably typing errors."""
    models = (*MODELS, read_back.READ_BACK_SALES, read_back.READ_BACK_LINES)
    known = _OTHER_NAMES.union(*(model.names for model in models))
    return tuple(name for name in names if name not in known)
