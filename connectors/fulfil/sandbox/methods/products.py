"""Methods of product.product, and the stock reports. Sources: facts 8.5 (C S2; F S10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.encoding import put_date
from connectors.fulfil.sandbox.methods.arguments import Method, argument, ids_of, records
from connectors.fulfil.sandbox.refusals import UserError


def _inventory(books: Books, arguments: list[Any]) -> dict[str, dict[str, dict[str, float]]]:
    """`[[product ids], [warehouse ids]]` -> product -> location -> figures; ids are keys, and so texts."""
    products = records(books.products, "product.product", arguments)
    warehouses = ids_of(argument(arguments, 1, list(books.stock.warehouses)))
    for id_ in warehouses:
        if id_ not in books.stock.locations:
            raise UserError(f"There is no location {id_}.")
    return {
        str(product.id): {
            str(id_): {
                "quantity_on_hand": float(books.stock.on_hand(product.id, [id_])),
                "quantity_available": float(books.stock.available(product.id, [id_])),
            }
            for id_ in warehouses
        }
        for product in products
    }


def _next_date(books: Books, arguments: list[Any]) -> object:
    """`get_next_available_date(product_id, ...)`: today when it is available, else nothing is known."""
    product = books.products.get(argument(arguments, 0))
    if product is None:
        raise UserError("There is no such product.")
    return put_date(books.transaction.today) if books.stock.available(product.id) > 0 else None


def _by_warehouse(books: Books, _: list[Any]) -> dict[str, Any]:
    """An interactive report: `columns` and `data`, a row for each product with goods, and warehouse."""
    names = ("product_code", "warehouse_name", "quantity_on_hand", "quantity_available")
    data = []
    for product in books.products:
        for id_ in books.stock.warehouses:
            figures = books.stock.on_hand(product.id, [id_]), books.stock.available(product.id, [id_])
            if any(figures):
                values = (product.code, books.stock.locations[id_].name, *map(float, figures))
                data.append(dict(zip(names, values, strict=True)))
    return {"columns": [{"name": name, "display_name": name} for name in names], "data": data}


METHODS: Final[Mapping[str, Mapping[str, Method]]] = {
    "product.product": {"get_product_inventory": _inventory, "get_next_available_date": _next_date},
    "inventory.by_warehouse.report": {"execute": _by_warehouse},
    "inventory.quantity.ireport": {"execute": _by_warehouse},
}
