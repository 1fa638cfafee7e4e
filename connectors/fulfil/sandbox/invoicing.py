"""Invoices and credit notes of sales, and the ledger moves that follow from them.

Inside, a credit note's amounts are negative; how it is shown is the switch `credit_note` (facts 13.7). A sale line is
invoiced by quantity; the last part takes what is left of its amount and taxes, so that nothing is lost to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from connectors.fulfil.sandbox import payments
from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.ledger import Entry
from connectors.fulfil.sandbox.ledger_records import Invoice, InvoiceLine
from connectors.fulfil.sandbox.records import Line, LineTax, Sale
from connectors.fulfil.sandbox.refusals import UserError

ZERO: Final = Decimal(0)
Part = tuple[Line, Decimal]
"""A sale line and how much of its quantity is to be invoiced."""


def invoiced(books: Books, line: Line) -> Decimal:
    """How much of the line's quantity is on invoices that are not cancelled."""
    return sum((row.quantity for row in _rows(books, line)), ZERO)


def _rows(books: Books, line: Line) -> list[InvoiceLine]:
    rows = [books.ledger.invoice_lines[id_] for id_ in line.invoice_lines]
    return [row for row in rows if books.ledger.invoices[row.invoice].state != "cancel"]


def untaxed(books: Books, invoice: Invoice) -> Decimal:
    """Sum of the line amounts."""
    return sum((books.ledger.invoice_lines[id_].amount for id_ in invoice.lines), ZERO)


def tax(books: Books, invoice: Invoice) -> Decimal:
    """Sum of the tax amounts."""
    rows = (books.ledger.invoice_lines[id_] for id_ in invoice.lines)
    return sum((one.amount for row in rows for one in row.taxes), ZERO)


def total(books: Books, invoice: Invoice) -> Decimal:
    """Untaxed amount plus tax."""
    return untaxed(books, invoice) + tax(books, invoice)


def amount_invoiced(books: Books, sale: Sale) -> Decimal:
    """Total of the sale's invoices that are not cancelled."""
    found = (books.ledger.invoices[id_] for id_ in sale.invoices)
    return sum((total(books, invoice) for invoice in found if invoice.state != "cancel"), ZERO)


def invoice_sale(books: Books, sale: Sale, parts: Sequence[Part], shipment: int | None = None) -> Invoice | None:
    """Invoice these parts, and post the invoice. None when there is nothing to invoice.

    The caller has checked that today's period is open.
    """
    due = [(line, quantity) for line, quantity in parts if quantity]
    if not due:
        return None
    invoice = Invoice(
        id=books.ledger.invoices.new_id(),
        create_date=books.now,
        party=sale.party,
        currency=sale.currency,
        invoice_address=sale.invoice_address,
        invoice_date=books.transaction.today,
        is_credit=all(quantity < 0 for _, quantity in due),
        reference=sale.reference,
        sale=sale.id,
        shipment=shipment,
    )
    books.ledger.invoices.add(invoice)
    for line, quantity in due:
        _add_line(books, invoice, line, quantity)
    sale.invoices = (*sale.invoices, invoice.id)
    post(books, invoice)
    payments.post_collected(books, sale)
    settle(books, sale)
    return invoice


def _add_line(books: Books, invoice: Invoice, line: Line, quantity: Decimal) -> None:
    before = _rows(books, line)
    done = sum((row.quantity for row in before), ZERO)
    if done + quantity == line.quantity:
        amount = line.amount - sum((row.amount for row in before), ZERO)
        taxes = [
            LineTax(
                one.tax, one.amount - sum((t.amount for row in before for t in row.taxes if t.tax == one.tax), ZERO)
            )
            for one in line.taxes
        ]
    else:
        share = quantity / line.quantity
        amount = books.rounded(line.amount * share, invoice.currency)
        taxes = [LineTax(one.tax, books.rounded(one.amount * share, invoice.currency)) for one in line.taxes]
    row = InvoiceLine(
        id=books.ledger.invoice_lines.new_id(),
        create_date=books.now,
        invoice=invoice.id,
        quantity=quantity,
        unit_price=line.unit_price,
        amount=amount,
        account=books.ledger.account("4000" if line.shipment_cost is None else "4100"),
        product=line.product,
        line=line.id,
        description=line.description,
        taxes=tuple(taxes),
    )
    line.invoice_lines = (*line.invoice_lines, books.ledger.invoice_lines.add(row).id)
    invoice.lines = (*invoice.lines, row.id)


def post(books: Books, invoice: Invoice) -> None:
    """Book a draft invoice: receivable against revenue and tax. Raises UserError for another, or a closed period."""
    if invoice.state not in ("draft", "validated"):
        raise UserError(f"The invoice {invoice.id} is {invoice.state}; only a draft can be posted.")
    books.ledger.check_open(books.transaction.today)
    sums: dict[str, Decimal] = {}
    for id_ in invoice.lines:
        row = books.ledger.invoice_lines[id_]
        code = books.ledger.accounts[row.account].code
        sums[code] = sums.get(code, ZERO) - row.amount
    entries = [Entry("1100", total(books, invoice), invoice.party)]
    entries += [Entry(code, amount) for code, amount in sums.items()]
    entries.append(Entry("2200", -tax(books, invoice)))
    invoice.move = books.ledger.book(
        "REV",
        entries,
        origin=f"account.invoice,{invoice.id}",
        description=f"Invoice {invoice.id}",
        currency=books.currencies[invoice.currency],
    )
    invoice.invoice_date = invoice.invoice_date or books.transaction.today
    invoice.state = "posted"
    books.touched(invoice)


def settle(books: Books, sale: Sale) -> None:
    """Mark the sale's posted invoices as paid once what was collected, less refunds, covers them all."""
    posted = [books.ledger.invoices[id_] for id_ in sale.invoices]
    posted = [invoice for invoice in posted if invoice.state in ("posted", "paid")]
    collected = payments.moved(books, sale.payments) - payments.moved(books, sale.payments, "refund")
    if collected < sum((total(books, invoice) for invoice in posted), ZERO):
        return
    for invoice in posted:
        if invoice.state == "posted":
            invoice.state, invoice.reconciled = "paid", books.transaction.today
            books.touched(invoice)


def cancel(books: Books, invoice: Invoice) -> None:
    """Cancel a draft. Raises UserError for one that is posted: that takes a credit note."""
    if invoice.state not in ("draft", "validated"):
        raise UserError(f"The invoice {invoice.id} is {invoice.state}; a posted one takes a credit note.")
    invoice.state = "cancel"
    books.touched(invoice)


def book_cost(books: Books, origin: str, goods: Sequence[tuple[int, Decimal]]) -> None:
    """Book the cost of goods that left (negative quantities: that came back) at the products' cost prices."""
    costs = (books.products[product].cost_price * quantity for product, quantity in goods)
    cost = books.rounded(sum(costs, ZERO), books.company_currency)
    entries = (Entry("5000", cost), Entry("1300", -cost))
    currency = books.currencies[books.company_currency]
    books.ledger.book("STO", entries, origin=origin, description="Cost of goods", currency=currency)
