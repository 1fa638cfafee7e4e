"""sale.sale and sale.line. Sources: facts 8.1 and 8.2."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from operator import attrgetter

from connectors.fulfil.sandbox import invoicing, payments, sale_workflow
from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.domain import Field
from connectors.fulfil.sandbox.fields import UNIT_ID, Fields, Model, chars, company, of_kind, own, to_many, to_one
from connectors.fulfil.sandbox.records import Line, Sale


def models(books: Books, fields: Fields) -> list[Model]:
    """sale.sale, sale.line, sale.return.reason."""
    sale = fields.every(_rec_name, *_own(books, fields), *_sums(books), *_relations(books))
    lookups = {"channel_identifier": books.sale_ids_of}
    return [
        Model("sale.sale", books.sales, sale, lookups),
        Model("sale.line", books.lines, _line_fields(books, fields)),
        fields.named("sale.return.reason", books.return_reasons),
    ]


def number(sale: Sale) -> str:
    """The sale's number."""
    return f"SO{sale.id}"


def _rec_name(sale: Sale) -> str:
    return f"SO{sale.id} ({sale.reference})" if sale.reference else f"SO{sale.id}"


def _own(books: Books, fields: Fields) -> Iterable[tuple[str, Field]]:
    channels = books.channels
    return [
        own("number", "char", get=number),
        *chars("reference", "channel_identifier", "state", "comment", "gift_message", "priority"),
        own("channel_type", "char", get=lambda sale: channels[sale.channel].source),
        own("sale_date", "date"),
        fields.moment("confirmation_time"),
        company(),
        own("invoice_method", "char", get=lambda sale: channels[sale.channel].invoice_method),
        own("shipment_method", "char", get=lambda sale: channels[sale.channel].shipment_method),
        own("invoice_state", "char", get=lambda sale: sale_workflow.invoice_state(books, sale)),
        own("shipment_state", "char", get=lambda sale: sale_workflow.shipment_state(books, sale)),
        own("payment_authorize_on", "char", get=lambda _: "manual"),
        own("payment_capture_on", "char", get=lambda _: "sale_process"),
        own("payment_processing_state", "char", get=lambda sale: _awaiting(books, sale)),
        own("is_cart", "boolean", get=lambda _: False),
        own("total_quantity", "float", get=lambda sale: _quantity(books, sale)),
        own("has_return", "boolean", get=lambda sale: sale.origin is not None),
        own("has_channel_exception", "boolean", get=lambda sale: bool(_exceptions(books, sale))),
        own("origin", "reference", get=lambda sale: None if sale.origin is None else f"sale.sale,{sale.origin}"),
        own("metafields", "json", get=lambda sale: books.metafields_of("sale.sale", sale.id)),
    ]


def _sums(books: Books) -> Iterable[tuple[str, Field]]:
    def captured(sale: Sale) -> Decimal:
        return payments.moved(books, sale.payments)

    def collected(sale: Sale) -> Decimal:
        return captured(sale) - payments.moved(books, sale.payments, "refund")

    return [
        own("untaxed_amount", "numeric", get=books.untaxed),
        own("tax_amount", "numeric", get=books.tax),
        own("total_amount", "numeric", get=books.total),
        own("shipment_amount", "numeric", get=books.shipping),
        own("amount_invoiced", "numeric", get=lambda sale: invoicing.amount_invoiced(books, sale)),
        own("payment_total", "numeric", get=books.paid),
        own("payment_authorized", "numeric", get=lambda sale: payments.authorized(books, sale.payments)),
        own("payment_captured", "numeric", get=captured),
        own("payment_collected", "numeric", get=collected),
        own("payment_available", "numeric", get=collected),
    ]


def _relations(books: Books) -> Iterable[tuple[str, Field]]:
    return [
        *to_one("sale.channel", "channel"),
        *to_one("party.party", "party"),
        own("shipment_party", "many2one", "party.party", get=attrgetter("party")),
        *to_one("party.address", "invoice_address", "shipment_address"),
        *to_one("currency.currency", "currency"),
        *to_one("carrier.service", "carrier_service"),
        own("carrier", "many2one", "carrier", get=lambda sale: books.carrier_of(sale.carrier_service)),
        own("warehouse", "many2one", "stock.location", get=lambda sale: _warehouse(books, sale)),
        *to_many("sale.line", "lines"),
        *to_many("sale.payment", "payments"),
        own("sorted_payments", "one2many", "sale.payment", get=attrgetter("payments")),
        own(
            "gateway_transactions",
            "one2many",
            "payment_gateway.transaction",
            get=lambda sale: tuple(row.id for row in payments.transactions_of(books, sale.payments)),
        ),
        *to_many("stock.shipment.out", "shipments"),
        *to_many("stock.shipment.drop", "drop_shipments"),
        *to_many("stock.shipment.out.return", "shipment_returns"),
        *to_many("account.invoice", "invoices"),
        own(
            "moves",
            "one2many",
            "stock.move",
            get=lambda sale: tuple(id_ for line in books.lines_of(sale) for id_ in line.moves),
        ),
        own("exceptions", "one2many", "channel.exception", get=lambda sale: _exceptions(books, sale)),
    ]


def _awaiting(books: Books, sale: Sale) -> str | None:
    return "waiting_for_capture" if payments.authorized(books, sale.payments) else None


def _quantity(books: Books, sale: Sale) -> Decimal:
    return sum((line.quantity for line in sale_workflow.goods_of(books, sale)), Decimal(0))


def _warehouse(books: Books, sale: Sale) -> int:
    return sale.warehouse or books.channels[sale.channel].warehouse


def _exceptions(books: Books, sale: Sale) -> tuple[int, ...]:
    return tuple(row.id for row in books.channel_exceptions if row.origin == sale.id and not row.is_resolved)


def _line_fields(books: Books, fields: Fields) -> dict[str, Field]:
    def rec_name(line: Line) -> str:
        return line.description or f"Line {line.id}"

    def currency(line: Line) -> int:
        return books.sales[line.sale].currency

    return fields.every(
        rec_name,
        *to_one("sale.sale", "sale"),
        *chars("type", "description", "comment", "channel_identifier"),
        own("metadata", "json"),
        own("fulfil_strategy", "char", get=lambda line: line.strategy or "ship"),
        own("delivery_mode", "char", get=lambda line: "pick_up" if line.strategy == "pick_up" else "ship"),
        *to_one("product.product", "product"),
        *of_kind("float", "quantity"),
        own("unit", "many2one", get=lambda _: UNIT_ID),
        *of_kind("numeric", "unit_price", "amount", "list_price", "shipment_cost"),
        own("currency", "many2one", "currency.currency", get=currency),
        own("taxes", "one2many", "account.tax", get=lambda line: tuple(tax.tax for tax in line.taxes)),
        *to_many("stock.move", "moves"),
        *to_many("account.invoice.line", "invoice_lines"),
        *to_one("sale.return.reason", "return_reason"),
        own("origin", "reference", get=lambda line: None if line.origin is None else f"sale.line,{line.origin}"),
    )
