"""The models the sandbox serves, found by name.

Only fields that the sandbox keeps truthfully are named; asking for another is a server error, as asking Fulfil for a
field it does not have. Names and kinds: recorded answers, live integrations, and the ancestor Tryton modules.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, cast

from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.domain import DomainInvalid, Field
from connectors.fulfil.sandbox.fields import COMPANY_ID, USER_ID, Fields, Model, name_of, own
from connectors.fulfil.sandbox.models import channels, ledger, parties, payments, products, sales, shipments, stock
from connectors.fulfil.sandbox.records import Named, Record
from connectors.fulfil.sandbox.tables import Table
from connectors.fulfil.sandbox.webhooks import webhook_model

__all__ = ["ALIASES", "COMPANY_ID", "MODELS_WITHOUT_RECORDS", "USER_ID", "Model", "ModelSchema"]

ALIASES: Final = {"customer_shipment": "stock.shipment.out"}
"""Renamed underscore names that v2 is seen to take (F S7)."""
MODELS_WITHOUT_RECORDS: Final = frozenset({"res.user", "ir.date"})
_PARTS: Final = (sales, payments, parties, products, channels, stock, shipments, ledger)


class ModelSchema:
    """Every model of one set of books."""

    def __init__(self, books: Books) -> None:
        self.books = books
        fields = Fields(books.config)
        models: list[Model] = [model for part in _PARTS for model in part.models(books, fields)]
        models.append(webhook_model(books.webhooks, fields))
        self.models: dict[str, Model] = {
            model.name: model for model in [*models, _model_of_models(books, fields, models)]
        }

    def model(self, name: str) -> Model:
        """The model. Raises KeyError when the sandbox does not serve it."""
        return self.models[name]

    def field(self, model: str, name: str) -> Field:
        """The field. Raises DomainInvalid when the model has none of that name."""
        found = self.models[model].fields.get(name) if model in self.models else None
        if found is None:
            raise DomainInvalid(f"{model} has no field of that name")
        return found

    def record(self, model: str, id_: int) -> Record | None:
        """The record, or None."""
        return cast("Record | None", self.models[model].table.get(id_))


def _model_of_models(books: Books, fields: Fields, models: Iterable[Model]) -> Model:
    """ir.model: the models themselves."""
    table: Table[Named] = Table()
    for model in models:
        table.add(Named(id=table.new_id(), create_date=books.now, name=model.name, code=model.name))
    return Model("ir.model", table, fields.every(name_of, own("name", "char"), own("model", "char", get=name_of)))
