"""Methods of account.invoice and account.move. Source: facts 8.9."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from connectors.fulfil.sandbox import invoicing
from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.methods.arguments import Method, records
from connectors.fulfil.sandbox.refusals import UserError


def _validate(books: Books, arguments: list[Any]) -> None:
    found = records(books.ledger.invoices, "account.invoice", arguments)
    if any(invoice.state != "draft" for invoice in found):
        raise UserError("Only a draft invoice can be validated.")
    for invoice in found:
        invoice.state = "validated"
        books.touched(invoice)


def _post_invoices(books: Books, arguments: list[Any]) -> None:
    found = records(books.ledger.invoices, "account.invoice", arguments)
    if any(invoice.state not in ("draft", "validated") or not invoice.lines for invoice in found):
        raise UserError("Only a draft invoice with lines can be posted.")
    for invoice in found:
        invoicing.post(books, invoice)


def _cancel_invoices(books: Books, arguments: list[Any]) -> None:
    found = records(books.ledger.invoices, "account.invoice", arguments)
    if any(invoice.state not in ("draft", "validated") for invoice in found):
        raise UserError("A posted invoice is not cancelled; it takes a credit note.")
    for invoice in found:
        invoicing.cancel(books, invoice)


def _post_moves(books: Books, arguments: list[Any]) -> None:
    found = records(books.ledger.moves, "account.move", arguments)
    for move in found:
        books.ledger.check_post(move)
    for move in found:
        books.ledger.post(move)


METHODS: Final[Mapping[str, Mapping[str, Method]]] = {
    "account.invoice": {"validate_invoice": _validate, "post": _post_invoices, "cancel": _cancel_invoices},
    "account.move": {"post": _post_moves},
}
