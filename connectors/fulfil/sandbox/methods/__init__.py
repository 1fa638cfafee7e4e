"""The models' methods, a file for each part of the ERP: what can be called beyond create, read, write, delete, search.

A method takes the books and the call's positional arguments, and answers what the call answers. `[[1, 2]]` names ids;
an instance call `/model/M/5/method` arrives as `[[5], ...]`. Each checks all records before it changes the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from connectors.fulfil.sandbox.methods import ledger, payments, products, sales, shipments, tenant
from connectors.fulfil.sandbox.methods.arguments import Method

METHODS: Final[Mapping[str, Mapping[str, Method]]] = {
    **sales.METHODS,
    **shipments.METHODS,
    **payments.METHODS,
    **products.METHODS,
    **ledger.METHODS,
    **tenant.METHODS,
}
"""Model, then method."""
