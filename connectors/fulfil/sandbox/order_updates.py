"""A known order with another body: named lines are added or changed, the others stay.

Source: the channel integration API (D S4); whether create_order does the same is the switch `repeat_with_change`.
"""

from __future__ import annotations

from typing import Any

from connectors.fulfil.sandbox import payments as gateway_payments
from connectors.fulfil.sandbox import sale_workflow
from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.order_document import LineIn, OrderIn
from connectors.fulfil.sandbox.order_parts import (
    as_order_money,
    carrier_of,
    check_total,
    line_values,
    payments_of,
    product_of,
    shipping_values,
    sum_of,
    taxes_of,
)
from connectors.fulfil.sandbox.records import Channel, Line, Sale
from connectors.fulfil.sandbox.refusals import UserError


def update(books: Books, channel: Channel, sale: Sale, order: OrderIn) -> None:
    """Add or change the lines that are named. Raises UserError, with nothing changed."""
    if sale.state == "cancel":
        raise UserError(f"The sale {sale.id} is cancelled; it cannot be changed.")
    changes = _planned(books, channel, sale, order)
    references = {books.payments[id_].reference for id_ in sale.payments}
    payments = payments_of(books, channel, [p for p in order.payments if p.provider_reference not in references])
    carrier = carrier_of(books, channel, order.shipping_lines)
    if order.amount is not None:
        replaced = {line.id for line, _ in changes if line is not None}
        kept = [line for line in books.lines_of(sale) if line.id not in replaced]
        untouched = [{"amount": line.amount, "taxes": line.taxes} for line in kept]
        stated = as_order_money(order.amount, "amount")
        check_total(books, stated, sum_of([*untouched, *(values for _, values in changes)]))
        sale.stated_amount = stated
    for line, values in changes:
        if line is None:
            books.add_line(sale, **values)
            continue
        for name, value in values.items():
            setattr(line, name, value)
        books.touched(line)
    for payment in payments:
        gateway_payments.capture(books, books.add_payment(sale, **payment))
    sale.carrier_service = carrier or sale.carrier_service
    books.touched(sale)
    sale_workflow.replan(books, sale)


def _planned(books: Books, channel: Channel, sale: Sale, order: OrderIn) -> list[tuple[Line | None, dict[str, Any]]]:
    """The lines that the order names (None: new ones) with their new values, checked against the gate."""
    known = {line.channel_identifier: line for line in books.lines_of(sale) if line.channel_identifier is not None}
    changes: list[tuple[Line | None, dict[str, Any]]] = []
    for wanted in order.sale_lines or ():
        line = known.get(wanted.channel_identifier or "")
        changes.append((line, _changed(books, channel, line, wanted) if line else line_values(books, channel, wanted)))
    changes += [
        (known.get(cost.channel_identifier or ""), shipping_values(books, channel, cost))
        for cost in order.shipping_lines
    ]
    for line, values in changes:
        if line is not None:
            sale_workflow.check_change(
                books, line, product=values.get("product"), quantity=values["quantity"], unit_price=values["unit_price"]
            )
    return changes


def _changed(books: Books, channel: Channel, line: Line, wanted: LineIn) -> dict[str, Any]:
    """The new values of a line; what the update does not name stays."""
    quantity = line.quantity if wanted.quantity is None else as_order_money(wanted.quantity, "quantity")
    price = line.unit_price if wanted.unit_price is None else as_order_money(wanted.unit_price, "unit_price")
    if wanted.quantity_canceled is not None:
        quantity -= as_order_money(wanted.quantity_canceled, "quantity_canceled")
    amount = line.amount if (quantity, price) == (line.quantity, line.unit_price) else quantity * price
    return {
        "product": line.product if wanted.sku is None else product_of(books, channel, wanted),
        "quantity": quantity,
        "unit_price": price,
        "amount": amount if wanted.amount is None else as_order_money(wanted.amount, "amount"),
        "taxes": line.taxes if wanted.tax_lines is None else taxes_of(books, channel, wanted.tax_lines),
    }
