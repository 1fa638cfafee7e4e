"""Methods of sale.payment and payment_gateway.transaction. Source: facts 8.8."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from connectors.fulfil.sandbox import invoicing, payments
from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.encoding import as_money
from connectors.fulfil.sandbox.methods.arguments import Method, argument, records
from connectors.fulfil.sandbox.records import GatewayTransaction, Payment
from connectors.fulfil.sandbox.refusals import UserError


def _of_payment(books: Books, arguments: list[Any], *, change: Callable[[Books, Payment], None]) -> None:
    for payment in records(books.payments, "sale.payment", arguments):
        change(books, payment)
        invoicing.settle(books, books.sales[payment.sale])


def _transition(books: Books, arguments: list[Any], *, method: str) -> None:
    found = records(books.transactions, "payment_gateway.transaction", arguments)
    for row in found:
        payments.check_transition(row, method)
        if method == "post" and row.party is None:
            raise UserError(f"The transaction {row.id} has no party.")
    for row in found:
        payments.move_on(books, row, method)
        _settle(books, row)


def _refund(books: Books, arguments: list[Any]) -> list[int]:
    """Give back what a charge collected: `[[ids]]`, or `[[ids], amount]`. Answers the refunds' ids."""
    found = records(books.transactions, "payment_gateway.transaction", arguments)
    amount = argument(arguments, 1, None)
    made = []
    for row in found:
        payment = books.payments.get(row.sale_payment)
        if payment is None:
            raise UserError(f"The transaction {row.id} is of no payment; refund it at the gateway.")
        made.append(payments.refund(books, payment, None if amount is None else as_money(amount)).id)
    return made


def _settle(books: Books, row: GatewayTransaction) -> None:
    payment = books.payments.get(row.sale_payment)
    if payment is not None:
        invoicing.settle(books, books.sales[payment.sale])


METHODS: Final[Mapping[str, Mapping[str, Method]]] = {
    "sale.payment": {
        "authorize": partial(_of_payment, change=payments.authorize),
        "capture": partial(_of_payment, change=payments.capture),
        "cancel": partial(_of_payment, change=payments.void),
    },
    "payment_gateway.transaction": {
        **{method: partial(_transition, method=method) for method in payments.TRANSITIONS},
        "refund": _refund,
    },
}
