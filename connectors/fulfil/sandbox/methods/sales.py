"""Methods of sale.sale: its workflow, and return_order. `sale.channel/create_order` is in `orders`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from connectors.fulfil.sandbox import sale_workflow
from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.methods.arguments import Method, argument, records
from connectors.fulfil.sandbox.orders import answer
from connectors.fulfil.sandbox.refusals import UserError
from connectors.fulfil.sandbox.returns import return_order
from connectors.fulfil.sandbox.tasks import async_result
from connectors.fulfil.sandbox.transaction import SECOND
from runtime.clock import Instant


def _transition(books: Books, arguments: list[Any], method: str) -> Any:
    """Move sales through their workflow, all or none."""
    sales = records(books.sales, "sale.sale", arguments)
    for sale in sales:
        sale_workflow.check(books, sale, method)
    if method == "cancel":
        _warn(books)
    if method == "process" and books.config.processing == "asynchronous" and sales:
        due = Instant(books.now + round(books.config.processing_delay_s * SECOND))
        return async_result([books.tasks.add(sale.id, due) for sale in sales][-1])
    for sale in sales:
        sale_workflow.move(books, sale, method)
    return None


def _warn(books: Books) -> None:
    """Facts 13.5: whether warnings reach v2 is not known. This one is passed by `_skip_warnings` in the context."""
    if books.config.user_warnings == "cancel" and not books.transaction.context.get("_skip_warnings"):
        raise UserError("Are you sure that the sale is to be cancelled?", type_="UserWarning")


def _return_order(books: Books, arguments: list[Any]) -> Any:
    """Facts 8.10: `[{return}]` on one sale; answers as create_order does (our choice)."""
    (sale, *_) = [*records(books.sales, "sale.sale", arguments), None]
    if sale is None:
        raise UserError("return_order is asked of one sale.")
    return answer(books, return_order(books, sale, argument(arguments, 1)))


METHODS: Final[Mapping[str, Mapping[str, Method]]] = {
    "sale.sale": {
        **{method: partial(_transition, method=method) for method in sale_workflow.TRANSITIONS},
        "return_order": _return_order,
    }
}
