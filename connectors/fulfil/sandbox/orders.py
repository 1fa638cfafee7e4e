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
from typing import Any, Literal

import msgspec

from connectors.fulfil.sandbox import payments as gateway_payments
from connectors.fulfil.sandbox import sale_workflow
from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.order_document import OrderIn
from connectors.fulfil.sandbox.order_parts import (
    address_values,
    as_order_money,
    carrier_of,
    check_total,
    line_values,
    payments_of,
    shipping_values,
    sum_of,
)
from connectors.fulfil.sandbox.order_updates import update
from connectors.fulfil.sandbox.records import Channel, ChannelException, Sale
from connectors.fulfil.sandbox.refusals import UserError
from connectors.fulfil.sandbox.transaction import SECOND
from runtime.clock import Instant, to_instant

CONTACT_TYPES = frozenset(
    ("phone", "mobile", "fax", "email", "website", "skype", "twitter", "facebook", "instagram", "pigeon-post")
)
STATES = {"pending": "confirmed", "completed": "done", "cancelled": "cancel"}
"""The sale's state by the order's `status`; a pending order is then processed."""
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
    update(books, channel, sale, order)
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
        **({"party": sale.party} if books.config.create_order_party else {}),
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
    lines = [line_values(books, channel, line) for line in order.sale_lines or ()]
    lines += [shipping_values(books, channel, line) for line in order.shipping_lines]
    payments = payments_of(books, channel, order.payments)
    carrier = carrier_of(books, channel, order.shipping_lines)
    stated = as_order_money(order.amount, "amount")
    check_total(books, stated, sum_of(lines))
    customer, billing, shipping = order.customer, order.billing_address, order.shipping_address
    if customer is None or billing is None or shipping is None:
        raise UserError("The order has no customer, or lacks an address.")
    if not customer.name.strip() or any(kind not in CONTACT_TYPES for kind, _ in customer.contacts):
        raise UserError("The customer has no name, or a contact of a type that is not known.")
    places = [address_values(books, billing), address_values(books, shipping)]
    currency = books.currency(str(order.currency_code))
    if state == "confirmed":
        sale_workflow.check_period(books, channel.id, [line.get("product") for line in lines])
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
