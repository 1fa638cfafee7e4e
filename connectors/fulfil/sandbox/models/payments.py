"""sale.payment and the payment gateways. Source: facts 8.8; the fee has no known field (13.7)."""

from __future__ import annotations

from operator import attrgetter

from connectors.fulfil.sandbox import payments
from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.domain import Field
from connectors.fulfil.sandbox.fields import Fields, Model, chars, company, name_of, own, to_one
from connectors.fulfil.sandbox.records import GatewayTransaction, Payment


def models(books: Books, fields: Fields) -> list[Model]:
    """sale.payment, payment_gateway.transaction, payment_gateway.gateway."""
    gateway = fields.every(
        name_of,
        *chars("name", "code"),
        own("active", "boolean", get=lambda _: True),
        own("provider", "char", get=name_of),
        own("test", "boolean", get=lambda _: True),
        own("method", "char", get=lambda row: "manual" if row.code == "manual" else "credit_card"),
    )
    return [
        Model("sale.payment", books.payments, _payment_fields(books, fields)),
        Model("payment_gateway.transaction", books.transactions, _transaction_fields(books, fields)),
        Model("payment_gateway.gateway", books.gateways, gateway),
    ]


def _payment_fields(books: Books, fields: Fields) -> dict[str, Field]:
    def rec_name(payment: Payment) -> str:
        return f"{books.gateways[payment.gateway].name} ({payment.id})"

    def total(kind: str) -> tuple[str, Field]:
        name = "amount_captured" if kind == "charge" else "amount_refunded"
        return own(name, "numeric", get=lambda payment: payments.moved(books, [payment.id], kind))

    def available(payment: Payment) -> object:
        return payments.moved(books, [payment.id]) - payments.moved(books, [payment.id], "refund")

    return fields.every(
        rec_name,
        *to_one("sale.sale", "sale"),
        *to_one("payment_gateway.gateway", "gateway"),
        own("amount", "numeric"),
        own(books.config.payment_reference_field, "char", get=attrgetter("reference")),
        own("amount_authorized", "numeric", get=lambda payment: payments.authorized(books, [payment.id])),
        total("charge"),
        total("refund"),
        own("amount_available", "numeric", get=available),
        own("payment_transactions", "one2many", "payment_gateway.transaction", get=attrgetter("transactions")),
        own("provider", "char", get=lambda payment: books.gateways[payment.gateway].code),
        own("party", "many2one", "party.party", get=lambda payment: books.sales[payment.sale].party),
        company(),
    )


def _transaction_fields(books: Books, fields: Fields) -> dict[str, Field]:
    def rec_name(row: GatewayTransaction) -> str:
        return f"{books.gateways[row.gateway].name} ({row.id})"

    def origin(row: GatewayTransaction) -> str | None:
        payment = books.payments.get(row.sale_payment)
        return None if payment is None else f"sale.sale,{payment.sale}"

    fee = books.config.gateway_fee_field
    return fields.every(
        rec_name,
        *chars("type", "state", "provider_reference", "description"),
        own("uuid", "char", get=lambda row: f"{row.id:032x}"),
        own("amount", "numeric"),
        own("date", "date"),
        *to_one("sale.payment", "sale_payment"),
        *to_one("party.party", "party"),
        *to_one("currency.currency", "currency"),
        *to_one("payment_gateway.gateway", "gateway"),
        own("provider", "char", get=lambda row: books.gateways[row.gateway].code),
        *to_one("account.move", "move"),
        own("origin", "reference", get=origin),
        company(),
        *([] if fee is None else [own(fee, "numeric", get=attrgetter("fee"))]),
    )
