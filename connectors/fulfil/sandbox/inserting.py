"""How a record that passed all checks enters the books: one function for each model that can be created.

Each takes the record's attributes and answers its id. Amounts that Fulfil computes are computed here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from connectors.fulfil.sandbox import payments, shipments
from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.ledger_records import Invoice, InvoiceLine
from connectors.fulfil.sandbox.records import Identifier, Line, LineTax, Listing, Sale, Template
from connectors.fulfil.sandbox.stock import LOST_FOUND
from connectors.fulfil.sandbox.stock_records import Batch, Count, CountLine
from connectors.fulfil.sandbox.webhooks import add_webhook

ZERO: Final = Decimal(0)
Values = dict[str, Any]
Insert = Callable[[Books, Values, Sequence[int]], int]
"""Books, attributes and tax ids in; the new record's id out."""


def compute_line(books: Books, line: Line, tax_ids: Sequence[int]) -> None:
    """Amount and taxes of a plain sale line, as Fulfil computes them."""
    currency = books.sales[line.sale].currency
    line.amount = books.rounded(line.quantity * line.unit_price, currency)
    line.taxes = _taxes(books, line.amount, currency, tax_ids)


def _taxes(books: Books, amount: Decimal, currency: int, tax_ids: Sequence[int]) -> tuple[LineTax, ...]:
    rates = [(id_, books.taxes[id_].rate) for id_ in tax_ids]
    return tuple(LineTax(id_, books.rounded(amount * rate, currency)) for id_, rate in rates)


def _address(books: Books, values: Values, _: Sequence[int]) -> int:
    return books.add_address(values.pop("party"), **values)


def _mechanism(books: Books, values: Values, _: Sequence[int]) -> int:
    return books.add_mechanism(values.pop("party"), **values)


def _template(books: Books, values: Values, _: Sequence[int]) -> int:
    return books.templates.add(Template(id=books.templates.new_id(), create_date=books.now, **values)).id


def _product(books: Books, values: Values, _: Sequence[int]) -> int:
    return books.add_product(values.pop("template"), **values)


def _listing(books: Books, values: Values, _: Sequence[int]) -> int:
    row = Listing(id=books.listings.new_id(), create_date=books.now, **values)
    books.listing_ids[row.channel, row.product_identifier] = row.product
    return books.listings.add(row).id


def _identifier(books: Books, values: Values, _: Sequence[int]) -> int:
    return books.identifiers.add(Identifier(id=books.identifiers.new_id(), create_date=books.now, **values)).id


def _sale(books: Books, values: Values, _: Sequence[int]) -> int:
    values.setdefault("currency", books.channels[values["channel"]].currency)
    sale = books.add_sale(Sale(id=books.sales.new_id(), create_date=books.now, **values))
    books.transaction.note("sale.sale", sale.id, "created")
    return sale.id


def _sale_line(books: Books, values: Values, tax_ids: Sequence[int]) -> int:
    line = books.add_line(books.sales[values.pop("sale")], amount=ZERO, **values)
    compute_line(books, line, tax_ids)
    return line.id


def _payment(books: Books, values: Values, _: Sequence[int]) -> int:
    sale = books.sales[values.pop("sale")]
    return books.add_payment(sale, **{"reference": None, **values}).id


def _transaction(books: Books, values: Values, _: Sequence[int]) -> int:
    payment = books.payments.get(values.get("sale_payment"))
    return payments.add_transaction(books, payment, **values).id


def _count(books: Books, values: Values, _: Sequence[int]) -> int:
    table, today = books.stock.counts, books.transaction.today
    filled = {"date": today, "lost_found": LOST_FOUND, **values}
    return table.add(Count(id=table.new_id(), create_date=books.now, **filled)).id


def _count_line(books: Books, values: Values, _: Sequence[int]) -> int:
    table = books.stock.count_lines
    row = table.add(CountLine(id=table.new_id(), create_date=books.now, **values))
    count = books.stock.counts[row.inventory]
    count.lines = (*count.lines, row.id)
    return row.id


def _batch(books: Books, values: Values, _: Sequence[int]) -> int:
    return books.batches.add(Batch(id=books.batches.new_id(), create_date=books.now, **values)).id


def add_to_batch(books: Books, batch: Batch, ids: Sequence[int]) -> None:
    """Put customer shipments into a batch. Raises UserError unless they are assigned and in no other."""
    found = [books.shipments[shipments.OUT][id_] for id_ in ids]
    for shipment in found:
        shipments.check_state(shipment, ("waiting", "assigned") if shipment.batch is None else (), "batch")
    for shipment in found:
        shipment.batch = batch.id
        books.touched(shipment)
    batch.shipments = (*batch.shipments, *ids)
    books.touched(batch)


def _move(books: Books, values: Values, _: Sequence[int]) -> int:
    return books.ledger.add_move(values.pop("date"), **values).id


def _move_line(books: Books, values: Values, _: Sequence[int]) -> int:
    return books.ledger.add_line(books.ledger.moves[values.pop("move")], **values).id


def _invoice(books: Books, values: Values, _: Sequence[int]) -> int:
    table = books.ledger.invoices
    values.setdefault("currency", books.company_currency)
    return table.add(Invoice(id=table.new_id(), create_date=books.now, **values)).id


def _invoice_line(books: Books, values: Values, tax_ids: Sequence[int]) -> int:
    table, invoice = books.ledger.invoice_lines, books.ledger.invoices[values["invoice"]]
    filled = {"account": books.ledger.account("4000"), **values}
    taxes = tuple(LineTax(id_, ZERO) for id_ in tax_ids)
    row = table.add(InvoiceLine(id=table.new_id(), create_date=books.now, amount=ZERO, taxes=taxes, **filled))
    invoice.lines = (*invoice.lines, row.id)
    compute_invoice_line(books, row)
    return row.id


def compute_invoice_line(books: Books, row: InvoiceLine) -> None:
    """Amount and taxes of a line that was written by hand, and whether its invoice is a credit note."""
    invoice = books.ledger.invoices[row.invoice]
    row.amount = books.rounded(row.quantity * row.unit_price, invoice.currency)
    row.taxes = _taxes(books, row.amount, invoice.currency, [one.tax for one in row.taxes])
    invoice.is_credit = sum((books.ledger.invoice_lines[id_].amount for id_ in invoice.lines), ZERO) < 0


def _webhook(books: Books, values: Values, _: Sequence[int]) -> int:
    return add_webhook(books, event=values["event"], url=values["url"])


def inserts_of(books: Books) -> dict[str, Insert]:
    """The function of each model, by the names that the switches choose."""
    return {
        "party.party": lambda books, values, _: books.add_party(**values),
        "party.address": _address,
        "party.contact_mechanism": _mechanism,
        "product.template": _template,
        "product.product": _product,
        "product.product.channel_listing": _listing,
        books.config.identifier_model: _identifier,
        "sale.sale": _sale,
        "sale.line": _sale_line,
        "sale.payment": _payment,
        "payment_gateway.transaction": _transaction,
        "stock.inventory": _count,
        "stock.inventory.line": _count_line,
        "stock.shipment.out.batch": _batch,
        "account.move": _move,
        "account.move.line": _move_line,
        "account.invoice": _invoice,
        "account.invoice.line": _invoice_line,
        books.config.webhook_model: _webhook,
    }
