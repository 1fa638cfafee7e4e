"""`sale.channel/create_order`: one order document in, one sale out, however often it comes.

Sources: Fulfil's developer site (fields, idempotency by channel_identifier, the check of the total, payments that
count only in state `success`), the channel integration API (updates by repeating the call) and the ancestor module
(taxes and gateways must be mapped). A pending order is processed at once, or later (`processing`); a completed one is
history, and ships and invoices nothing. Where the answer is not public, `SandboxConfig` has a switch. An order is
applied whole or not at all.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from connectors.fulfil.sandbox import payments as gateway_payments
from connectors.fulfil.sandbox import sale_workflow
from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.encoding import Malformed, as_money, decimal_text
from connectors.fulfil.sandbox.order_document import AddressIn, LineIn, OrderIn, PaymentIn, ShippingIn, TaxIn
from connectors.fulfil.sandbox.records import Channel, ChannelException, Line, LineTax, Sale
from connectors.fulfil.sandbox.refusals import UserError
from connectors.fulfil.sandbox.transaction import SECOND
from runtime.clock import Instant, to_instant

CONTACT_TYPES = frozenset(
    ("phone", "mobile", "fax", "email", "website", "skype", "twitter", "facebook", "instagram", "pigeon-post")
)
STATES = {"pending": "confirmed", "completed": "done", "cancelled": "cancel"}
"""The sale's state by the order's `status`; a pending order is then processed."""
STRATEGIES = frozenset(("ship", "pick_up", "dropship", "backorder", "make_on_order"))
REQUIRED = (
    "reference",
    "confirmed_at",
    "customer",
    "billing_address",
    "shipping_address",
    "sale_lines",
    "amount",
    "currency_code",
    "status",
)


class Placed(msgspec.Struct, frozen=True):
    """What became of one call. `changed`: it repeated a known key with another body."""

    sale: Sale
    outcome: Literal["created", "repeated", "updated"]
    changed: bool = False


def place_order(books: Books, channel_id: int, order: OrderIn, body: bytes, *, updates: bool = False) -> Placed:
    """Apply one order. The same channel_identifier any number of times is one sale.

    `updates`: a known one with another body changes the sale, as in the channel integration API; otherwise the switch
    `repeat_with_change` decides. Raises UserError, Malformed.
    """
    channel = books.channels.get(channel_id)
    if channel is None:
        raise UserError(f"There is no sales channel {channel_id}.")
    if not channel.orders_allowed:
        raise UserError(f"You are not allowed to create orders on the channel {channel_id}.")
    body_hash = int.from_bytes(hashlib.blake2b(body, digest_size=8).digest())
    known = books.sale_ids.get((channel_id, str(order.channel_identifier)))
    sale = None if known is None else books.sales[known]
    if sale is None or sale.state == "failed":
        return _attempt(books, channel, order, body_hash, sale)
    changed = sale.body_hash != body_hash
    if not changed or not (updates or books.config.repeat_with_change == "update"):
        return Placed(sale, "repeated", changed)
    _update(books, channel, sale, order)
    sale.body_hash = body_hash
    return Placed(sale, "updated", changed=True)


def _attempt(books: Books, channel: Channel, order: OrderIn, body_hash: int, failed: Sale | None) -> Placed:
    """Make the sale; or, by the switch `order_problem`, a failed one with an exception that says why not."""
    try:
        sale = _create(books, channel, order, body_hash, failed)
    except UserError as error:
        if books.config.order_problem == "refuse":
            raise
        if failed is not None:
            return Placed(failed, "repeated", failed.body_hash != body_hash)
        return Placed(_fail(books, channel, order, body_hash, error), "created")
    for problem in books.channel_exceptions if failed is not None else ():
        if problem.origin == sale.id:
            problem.is_resolved = True
            books.touched(problem)
    return Placed(sale, "created" if failed is None else "updated")


def _fail(books: Books, channel: Channel, order: OrderIn, body_hash: int, error: UserError) -> Sale:
    if order.customer is None or not order.customer.name.strip():
        raise error
    sale = Sale(
        id=books.sales.new_id(),
        create_date=books.now,
        channel=channel.id,
        channel_identifier=order.channel_identifier,
        reference=order.reference,
        party=books.party_for(order.customer.name, order.customer.contacts),
        currency=channel.currency,
        state="failed",
        body_hash=body_hash,
    )
    table = books.channel_exceptions
    table.add(
        ChannelException(
            id=table.new_id(), create_date=books.now, origin=sale.id, channel=channel.id, log=error.message
        )
    )
    return books.add_sale(sale)


def answer(books: Books, sale: Sale) -> Any:
    """What create_order answers (as JSON); the shape is not public, so it is a switch."""
    if books.config.create_order_answer == "id":
        return sale.id
    number = f"SO{sale.id}"
    named = {"id": sale.id, "rec_name": f"{number} ({sale.reference})" if sale.reference else number}
    if books.config.create_order_answer == "id_rec_name":
        return named
    return {
        **named,
        "number": number,
        "state": sale.state,
        "channel": sale.channel,
        "channel_identifier": sale.channel_identifier,
        "reference": sale.reference,
    }


# -- a new order -------------------------------------------------------------------------------------------------------


def _create(books: Books, channel: Channel, order: OrderIn, body_hash: int, failed: Sale | None) -> Sale:
    for name in REQUIRED:
        if getattr(order, name) in (None, ""):
            raise UserError(f"The order has no {name}.")
    state = STATES.get(str(order.status))
    if state is None:
        raise UserError("The order's status is none of pending, completed, cancelled.")
    confirmed = _confirmed(str(order.confirmed_at))
    lines = [_line(books, channel, line) for line in order.sale_lines or ()]
    lines += [_shipping(books, channel, line) for line in order.shipping_lines]
    payments = _payments(books, channel, order.payments)
    carrier = _carrier(books, channel, order.shipping_lines)
    stated = as_order_money(order.amount, "amount")
    _check_total(books, stated, _sum(lines))
    customer, billing, shipping = order.customer, order.billing_address, order.shipping_address
    if customer is None or billing is None or shipping is None:
        raise UserError("The order has no customer, or lacks an address.")
    if not customer.name.strip() or any(kind not in CONTACT_TYPES for kind, _ in customer.contacts):
        raise UserError("The customer has no name, or a contact of a type that is not known.")
    places = [_address(books, billing), _address(books, shipping)]
    currency = books.currency(str(order.currency_code))
    if channel.invoice_method == "order":
        books.ledger.check_open(books.transaction.today)
    if failed is not None:
        books.sales.remove(failed.id)
    party = books.party_for(customer.name, customer.contacts)
    sale = Sale(
        id=books.sales.new_id() if failed is None else failed.id,
        create_date=books.now if failed is None else failed.create_date,
        channel=channel.id,
        channel_identifier=order.channel_identifier,
        reference=order.reference,
        party=party,
        currency=currency,
        invoice_address=books.add_address(party, **places[0]),
        shipment_address=books.add_address(party, **places[1]),
        sale_date=confirmed.date(),
        confirmation_time=to_instant(confirmed),
        state=state,
        carrier_service=carrier,
        comment=order.comment,
        gift_message=order.gift_message,
        priority=sys.intern(str(order.priority)),
        stated_amount=stated,
        body_hash=body_hash,
    )
    _write_down(books, books.add_sale(sale), lines, payments)
    books.transaction.note("sale.sale", sale.id, "created")
    if state == "confirmed":
        _begin(books, sale)
    return sale


def _begin(books: Books, sale: Sale) -> None:
    """Process a pending order, now or as a task."""
    if books.config.processing == "synchronous":
        sale_workflow.process(books, sale)
        sale.write_date = None  # the processing is a part of the creation, in one transaction
    else:
        books.tasks.add(sale.id, Instant(books.now + round(books.config.processing_delay_s * SECOND)))


def _write_down(books: Books, sale: Sale, lines: Sequence[dict[str, Any]], payments: Sequence[dict[str, Any]]) -> None:
    for line in lines:
        books.add_line(sale, **line)
    for payment in payments:
        gateway_payments.capture(books, books.add_payment(sale, **payment))


def _confirmed(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UserError("The order's confirmed_at is not an ISO 8601 date and time.") from None
    if moment.tzinfo is None:
        raise UserError("The order's confirmed_at has no offset.")
    return moment.astimezone(UTC)


def as_order_money(value: Any, name: str) -> Decimal:
    """An amount of the order. Raises UserError naming the field when it is none."""
    if value is None:
        raise UserError(f"The order has a line without {name}." if name != "amount" else "An amount is missing.")
    try:
        return as_money(value)
    except Malformed as error:
        raise UserError(f"The order's {name} cannot be read: {error}.") from None


def _line(books: Books, channel: Channel, line: LineIn) -> dict[str, Any]:
    return {
        "product": _product(books, channel, line),
        "description": line.description,
        "quantity": as_order_money(line.quantity, "quantity"),
        "unit_price": as_order_money(line.unit_price, "unit_price"),
        "amount": as_order_money(line.amount, "amount"),
        "taxes": _taxes(books, channel, line.tax_lines or ()),
        "channel_identifier": line.channel_identifier,
        "strategy": _strategy(line.fulfil_strategy),
    }


def _strategy(name: str | None) -> str | None:
    if name is not None and name not in STRATEGIES:
        raise UserError(f"The fulfil_strategy {name} is not known.")
    return name


def _shipping(books: Books, channel: Channel, line: ShippingIn) -> dict[str, Any]:
    amount = as_order_money(line.amount, "amount")
    return {
        "description": line.description,
        "quantity": Decimal(1),
        "unit_price": amount,
        "amount": amount,
        "shipment_cost": amount,
        "taxes": _taxes(books, channel, line.tax_lines or ()),
        "channel_identifier": line.channel_identifier,
    }


def _product(books: Books, channel: Channel, line: LineIn) -> int:
    """The line's product: by SKU, else by the listing that has its variant_identifier on the channel (D S3)."""
    listed = books.listing_ids.get((channel.id, line.variant_identifier or ""))
    active = [id_ for id_ in books.product_ids.get(line.sku or "", ()) if books.products[id_].active]
    if not active and listed is not None:
        return listed
    if line.sku is None:
        raise UserError("A sale line has no sku, and no listing has its variant_identifier.")
    if len(active) != 1:
        raise UserError(f"There {'is no product' if not active else 'are several products'} with the SKU {line.sku}.")
    return active[0]


def _taxes(books: Books, channel: Channel, taxes: Sequence[TaxIn]) -> tuple[LineTax, ...]:
    found = []
    for tax in taxes:
        rate = as_order_money(tax.rate, "tax rate")
        rows = (books.channel_taxes[id_] for id_ in channel.taxes)
        target = next((row.target for row in rows if row.name == tax.name and row.rate == rate), None)
        if target is None:
            raise UserError(f"The tax {tax.name} with rate {decimal_text(rate)} is not mapped on the channel.")
        found.append(LineTax(target, as_order_money(tax.amount, "tax amount")))
    return tuple(found)


def _payments(books: Books, channel: Channel, payments: Sequence[PaymentIn]) -> list[dict[str, Any]]:
    """The payments that count. Others are ignored, whatever their method."""
    found = []
    for payment in payments:
        if payment.state != "success":
            continue
        rows = (books.channel_gateways[id_] for id_ in channel.gateways)
        gateway = next((row.target for row in rows if row.name == payment.method), None)
        if gateway is None:
            raise UserError(f"The payment method {payment.method} is not mapped to a gateway on the channel.")
        amount = as_order_money(payment.amount, "payment amount")
        found.append({"gateway": gateway, "amount": amount, "reference": payment.provider_reference})
    return found


def _carrier(books: Books, channel: Channel, lines: Sequence[ShippingIn]) -> int | None:
    first = None
    for line in lines:
        if line.carrier_service_code:
            rows = (books.channel_carriers[id_] for id_ in channel.carriers)
            found = next((row.target for row in rows if row.name == line.carrier_service_code), None)
            if found is None:
                raise UserError(f"The carrier service {line.carrier_service_code} is not mapped on the channel.")
            first = first or found
    return first


def _address(books: Books, address: AddressIn) -> dict[str, Any]:
    if not address.country_code:
        raise UserError("An address has no country_code.")
    region = address.subdivision_code
    return {
        "name": address.name,
        "street": address.address1,
        "street_bis": address.address2 or None,
        "city": address.city,
        "zip": address.zip,
        "country": books.country(address.country_code),
        "subdivision": books.subdivision(address.country_code, region) if region else None,
    }


def _sum(lines: Sequence[dict[str, Any]]) -> Decimal:
    amounts = sum((line["amount"] for line in lines), Decimal(0))
    return amounts + sum((tax.amount for line in lines for tax in line["taxes"]), Decimal(0))


def _check_total(books: Books, stated: Decimal, computed: Decimal) -> None:
    if stated != computed and books.config.total_mismatch == "refuse":
        raise UserError(
            f"The order's amount {decimal_text(stated)} is not the computed total {decimal_text(computed)}."
        )


# -- an order that is known, with another body -------------------------------------------------------------------------


def _update(books: Books, channel: Channel, sale: Sale, order: OrderIn) -> None:
    """Add or change the lines that are named, keep the others (channel integration API)."""
    known: dict[str | None, Line] = {
        line.channel_identifier: line for line in books.lines_of(sale) if line.channel_identifier is not None
    }
    changes: list[tuple[Line | None, dict[str, Any]]] = []
    for wanted in order.sale_lines or ():
        line = known.get(wanted.channel_identifier)
        changes.append((line, _changed(books, channel, line, wanted) if line else _line(books, channel, wanted)))
    changes += [(known.get(cost.channel_identifier), _shipping(books, channel, cost)) for cost in order.shipping_lines]
    for line, values in changes:
        if line is not None:
            sale_workflow.check_change(
                books, line, product=values.get("product"), quantity=values["quantity"], unit_price=values["unit_price"]
            )
    references = {books.payments[id_].reference for id_ in sale.payments}
    payments = _payments(books, channel, [p for p in order.payments if p.provider_reference not in references])
    carrier = _carrier(books, channel, order.shipping_lines)
    if order.amount is not None:
        replaced = {line.id for line, _ in changes if line is not None}
        kept = [line for line in books.lines_of(sale) if line.id not in replaced]
        untouched = [{"amount": line.amount, "taxes": line.taxes} for line in kept]
        stated = as_order_money(order.amount, "amount")
        _check_total(books, stated, _sum([*untouched, *(values for _, values in changes)]))
        sale.stated_amount = stated
    for line, values in changes:
        if line is None:
            books.add_line(sale, **values)
            continue
        for name, value in values.items():
            setattr(line, name, value)
        books.touched(line)
    _write_down(books, sale, (), payments)
    sale.carrier_service = carrier or sale.carrier_service
    books.touched(sale)
    sale_workflow.replan(books, sale)


def _changed(books: Books, channel: Channel, line: Line, wanted: LineIn) -> dict[str, Any]:
    """The new values of a line; what the update does not name stays."""
    quantity = line.quantity if wanted.quantity is None else as_order_money(wanted.quantity, "quantity")
    price = line.unit_price if wanted.unit_price is None else as_order_money(wanted.unit_price, "unit_price")
    if wanted.quantity_canceled is not None:
        quantity -= as_order_money(wanted.quantity_canceled, "quantity_canceled")
    amount = line.amount if (quantity, price) == (line.quantity, line.unit_price) else quantity * price
    return {
        "product": line.product if wanted.sku is None else _product(books, channel, wanted),
        "quantity": quantity,
        "unit_price": price,
        "amount": amount if wanted.amount is None else as_order_money(wanted.amount, "amount"),
        "taxes": line.taxes if wanted.tax_lines is None else _taxes(books, channel, wanted.tax_lines),
    }
