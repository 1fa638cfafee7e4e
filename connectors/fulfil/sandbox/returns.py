"""`sale.sale/{id}/return_order`: goods that come back, keyed by the return's channel_identifier.

Source: facts 8.10 (F S10). A return is a sale of its own with negative lines, processed at once: a return shipment
waits for the goods, `exchange_*` ships a replacement, and the credit note follows the channel's invoice method. What
the call answers is not public; the sandbox answers as for create_order.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from connectors.fulfil.sandbox import sale_workflow
from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.encoding import Malformed, as_money
from connectors.fulfil.sandbox.records import Line, LineTax, Sale
from connectors.fulfil.sandbox.refusals import UserError

ZERO = Decimal(0)


class ReturnLine(msgspec.Struct, frozen=True):
    """One line of a return, as it is read from the wire."""

    order_line_id: int
    return_quantity: Any = None
    unit_price: Any = None
    channel_identifier: str | None = None
    return_reason: str | None = None
    note: str | None = None
    exchange_quantity: Any = None
    exchange_product: int | None = None
    exchange_unit_price: Any = None


class ReturnOrder(msgspec.Struct, frozen=True):
    """The argument of return_order."""

    lines: list[ReturnLine]
    channel_identifier: str | None = None
    reference: str | None = None
    warehouse: int | None = None


def return_order(books: Books, sale: Sale, argument: Any) -> Sale:
    """The return of a sale; the same channel_identifier any number of times is one return. Raises UserError."""
    try:
        wanted = msgspec.convert(argument, ReturnOrder, strict=False)
    except msgspec.ValidationError as error:
        raise UserError(f"The return cannot be read: {error}.") from None
    identifier = wanted.channel_identifier
    known = None if identifier is None else books.sale_ids.get((sale.channel, identifier))
    if known is not None:
        found = books.sales[known]
        if found.origin != sale.id:
            raise UserError(f"The channel_identifier {identifier} is another order's.")
        return found
    lines = [values for line in wanted.lines for values in _line(books, sale, line)]
    if not lines:
        raise UserError("The return has no lines.")
    if wanted.warehouse is not None and wanted.warehouse not in books.stock.warehouses:
        raise UserError(f"There is no warehouse {wanted.warehouse}.")
    sale_workflow.check_period(books, sale.channel, [values["product"] for values in lines])
    made = Sale(
        id=books.sales.new_id(),
        create_date=books.now,
        channel=sale.channel,
        channel_identifier=identifier,
        reference=wanted.reference or sale.reference,
        party=sale.party,
        currency=sale.currency,
        invoice_address=sale.invoice_address,
        shipment_address=sale.shipment_address,
        sale_date=books.transaction.today,
        confirmation_time=books.now,
        state="confirmed",
        warehouse=wanted.warehouse or sale.warehouse,
        origin=sale.id,
    )
    books.add_sale(made)
    for values in lines:
        reason = values.pop("reason", None)
        if reason:
            values["return_reason"] = books.named(books.return_reasons, "sale.return.reason", reason)
        books.add_line(made, **values)
    books.transaction.note("sale.sale", made.id, "created")
    sale_workflow.process(books, made)
    return made


def returnable(books: Books, line: Line) -> Decimal:
    """What of a sold line has reached the customer and is not on a return yet."""
    returned = sum((-row.quantity for row in books.returned_lines(line.id)), ZERO)
    sent = sale_workflow.fulfilled(books, line) if sale_workflow.is_goods(books, line) else line.quantity
    return sent - returned


def _line(books: Books, sale: Sale, wanted: ReturnLine) -> list[dict[str, Any]]:
    line = books.lines.get(wanted.order_line_id)
    if line is None or line.sale != sale.id:
        raise UserError(f"The line {wanted.order_line_id} is not one of the sale {sale.id}.")
    left = returnable(books, line)
    quantity = left if wanted.return_quantity is None else _number(wanted.return_quantity)
    if not 0 < quantity <= left:
        raise UserError(f"Of the line {line.id} {left} can be returned, not {quantity}.")
    price = line.unit_price if wanted.unit_price is None else _number(wanted.unit_price)
    whole = quantity == line.quantity and price == line.unit_price
    share = quantity / line.quantity * (price / line.unit_price if line.unit_price else 1)
    values = [
        {
            "product": line.product,
            "description": wanted.note or line.description,
            "quantity": -quantity,
            "unit_price": price,
            "amount": -line.amount if whole else -books.rounded(quantity * price, sale.currency),
            "taxes": tuple(LineTax(one.tax, -books.rounded(one.amount * share, sale.currency)) for one in line.taxes),
            "shipment_cost": line.shipment_cost,
            "channel_identifier": wanted.channel_identifier,
            "origin": line.id,
            "reason": wanted.return_reason,
        }
    ]
    if wanted.exchange_quantity is not None:
        values.append(_exchange(books, sale, line, wanted))
    return values


def _exchange(books: Books, sale: Sale, line: Line, wanted: ReturnLine) -> dict[str, Any]:
    """The replacement; the same product at no price unless the return says otherwise."""
    product = line.product if wanted.exchange_product is None else wanted.exchange_product
    if product is None or product not in books.products:
        raise UserError(f"There is no product {product} to exchange for.")
    quantity = _number(wanted.exchange_quantity)
    if quantity <= 0:
        raise UserError("The exchange_quantity is not above zero.")
    price = ZERO if wanted.exchange_unit_price is None else _number(wanted.exchange_unit_price)
    amount = books.rounded(quantity * price, sale.currency)
    return {"product": product, "quantity": quantity, "unit_price": price, "amount": amount}


def _number(value: Any) -> Decimal:
    try:
        return as_money(value)
    except Malformed as error:
        raise UserError(f"The return cannot be read: {error}.") from None
