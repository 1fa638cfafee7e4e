"""Invoices and the general ledger. Source: facts 8.9; how a credit note looks is a switch (13.7)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from operator import attrgetter

from connectors.fulfil.sandbox import invoicing
from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.domain import Field, Getter
from connectors.fulfil.sandbox.fields import (
    UNIT_ID,
    Fields,
    Model,
    chars,
    company,
    name_of,
    of_kind,
    own,
    to_many,
    to_one,
)
from connectors.fulfil.sandbox.ledger_records import Invoice, InvoiceLine


def models(books: Books, fields: Fields) -> list[Model]:
    """account.invoice and its lines, account.move and its lines, accounts, journals, periods."""
    ledger = books.ledger
    account = fields.every(
        lambda row: f"{row.code} - {row.name}",
        *chars("code", "name", "kind"),
        own("type", "char", get=attrgetter("kind")),
        *of_kind("boolean", "party_required", "reconcile", "active"),
    )
    period = fields.every(name_of, *chars("name", "state"), *of_kind("date", "start_date", "end_date"))
    return [
        Model("account.invoice", ledger.invoices, _invoice_fields(books, fields)),
        Model("account.invoice.line", ledger.invoice_lines, _invoice_line_fields(books, fields)),
        Model("account.move", ledger.moves, _move_fields(fields)),
        Model("account.move.line", ledger.lines, _move_line_fields(books, fields)),
        Model("account.account", ledger.accounts, account, hides_inactive=True),
        fields.named("account.journal", ledger.journals),
        Model("account.period", ledger.periods, period),
    ]


def _shown(books: Books, invoice: Invoice, amount: Decimal) -> Decimal:
    """An amount of the invoice, with the sign that the tenant shows."""
    turned = invoice.is_credit and books.config.credit_note == "out_credit_note"
    return -amount if turned else amount


def _invoice_fields(books: Books, fields: Fields) -> dict[str, Field]:
    def amount(compute: Callable[[Books, Invoice], Decimal]) -> Getter:
        return lambda invoice: _shown(books, invoice, compute(books, invoice))

    def kind(invoice: Invoice) -> str:
        return "out_credit_note" if invoice.is_credit and books.config.credit_note == "out_credit_note" else "out"

    def due(books: Books, invoice: Invoice) -> Decimal:
        return invoicing.total(books, invoice) if invoice.state == "posted" else Decimal(0)

    return fields.every(
        lambda row: f"INV{row.id}",
        own("number", "char", get=lambda row: f"INV{row.id}" if row.state in ("posted", "paid") else None),
        *chars("reference", "description", "state"),
        own("type", "char", get=kind),
        *to_one("party.party", "party"),
        *to_one("party.address", "invoice_address"),
        own("invoice_date", "date"),
        own("accounting_date", "date", get=attrgetter("invoice_date")),
        *to_one("currency.currency", "currency"),
        own("untaxed_amount", "numeric", get=amount(invoicing.untaxed)),
        own("tax_amount", "numeric", get=amount(invoicing.tax)),
        own("total_amount", "numeric", get=amount(invoicing.total)),
        own("balance_due", "numeric", get=amount(due)),
        own("balance", "numeric", get=amount(due)),
        own("reconciled", "date"),
        *to_one("account.move", "move"),
        own("account", "many2one", "account.account", get=lambda _: books.ledger.account("1100")),
        own("journal", "many2one", "account.journal", get=lambda _: books.ledger.journal("REV")),
        *to_many("account.invoice.line", "lines"),
        own("sales", "one2many", "sale.sale", get=lambda row: () if row.sale is None else (row.sale,)),
        own("origin", "reference", get=lambda row: None if row.sale is None else f"sale.sale,{row.sale}"),
        own(
            "customer_shipments",
            "one2many",
            "stock.shipment.out",
            get=lambda row: () if row.shipment is None or row.is_credit else (row.shipment,),
        ),
        company(),
    )


def _invoice_line_fields(books: Books, fields: Fields) -> dict[str, Field]:
    def shown(name: str) -> Getter:
        def get(row: InvoiceLine) -> Decimal:
            return _shown(books, books.ledger.invoices[row.invoice], getattr(row, name))

        return get

    return fields.every(
        lambda row: row.description or f"Line {row.id}",
        *to_one("account.invoice", "invoice"),
        *chars("type", "description"),
        *to_one("product.product", "product"),
        own("quantity", "float", get=shown("quantity")),
        own("unit", "many2one", get=lambda _: UNIT_ID),
        own("unit_price", "numeric"),
        own("amount", "numeric", get=shown("amount")),
        *to_one("account.account", "account"),
        own("taxes", "one2many", "account.tax", get=lambda row: tuple(one.tax for one in row.taxes)),
        own("origin", "reference", get=lambda row: None if row.line is None else f"sale.line,{row.line}"),
    )


def _move_fields(fields: Fields) -> dict[str, Field]:
    return fields.every(
        lambda row: f"MV{row.id}",
        own("number", "char", get=lambda row: f"MV{row.id}"),
        own("post_number", "char", get=lambda row: None if row.post_number is None else str(row.post_number)),
        *to_one("account.journal", "journal"),
        *to_one("account.period", "period"),
        *of_kind("date", "date", "post_date"),
        *chars("description", "origin", "state"),
        *to_many("account.move.line", "lines"),
        company(),
    )


def _move_line_fields(books: Books, fields: Fields) -> dict[str, Field]:
    return fields.every(
        lambda row: row.description or f"Line {row.id}",
        *to_one("account.move", "move"),
        *to_one("account.account", "account"),
        *of_kind("numeric", "debit", "credit", "amount_second_currency"),
        *to_one("party.party", "party"),
        *chars("description"),
        *of_kind("date", "maturity_date"),
        *to_one("currency.currency", "second_currency"),
        own("state", "char", get=lambda row: "valid" if books.ledger.moves[row.move].state == "posted" else "draft"),
    )
