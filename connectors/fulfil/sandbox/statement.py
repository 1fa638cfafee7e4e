"""What the books say, for those who compare: every sale in plain text amounts, and one digest of all of it.

The digest leaves out what a server chooses (ids, numbers, times), so the same orders give the same digest whatever
the order of their arrival. Neither names anybody: personal fields enter the digest only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.encoding import decimal_text
from connectors.fulfil.sandbox.payments import moved
from connectors.fulfil.sandbox.records import Line, Sale
from connectors.fulfil.sandbox.shipments import DROP, LISTS, OUT, moves_of, number
from connectors.fulfil.sandbox.stock_records import Shipment


def sale_statement(books: Books, sale: Sale) -> dict[str, Any]:
    """One sale: its keys, state and sums. `total` is computed, `stated_amount` is what create_order was told."""
    lines = books.lines_of(sale)
    return {
        "id": sale.id,
        "channel": sale.channel,
        "channel_identifier": sale.channel_identifier,
        "reference": sale.reference,
        "state": sale.state,
        "party": sale.party,
        "currency": books.currencies[sale.currency].code,
        "total": decimal_text(books.total(sale)),
        "stated_amount": None if sale.stated_amount is None else decimal_text(sale.stated_amount),
        "lines_sum": decimal_text(books.untaxed(sale) - books.shipping(sale)),
        "tax_sum": decimal_text(books.tax(sale)),
        "shipping_sum": decimal_text(books.shipping(sale)),
        "payments_sum": decimal_text(books.paid(sale)),
        "captured_sum": decimal_text(moved(books, sale.payments)),
        "refunded_sum": decimal_text(moved(books, sale.payments, "refund")),
        "lines": [
            {
                "sku": _sku(books, line),
                "quantity": decimal_text(line.quantity),
                "amount": decimal_text(line.amount),
            }
            for line in lines
            if line.shipment_cost is None
        ],
        "shipments": [
            _shipment_statement(books, books.shipments[model][id_], {line.id for line in lines})
            for model in (OUT, DROP)
            for id_ in getattr(sale, LISTS[model])
        ],
    }


def _shipment_statement(books: Books, shipment: Shipment, lines: set[int]) -> dict[str, Any]:
    """What a shipment has, or is to have, of a sale's lines, and by which numbers its parcels are followed."""
    goods: dict[str, Decimal] = {}
    for move in moves_of(books, shipment):
        if move.line in lines and move.state != "cancel":
            sku = books.products[move.product].code or ""
            goods[sku] = goods.get(sku, Decimal(0)) + move.quantity
    carrier = books.carriers.get(books.carrier_of(shipment.carrier_service))
    return {
        "number": number(shipment),
        "state": shipment.state,
        "carrier": None if carrier is None else carrier.name,
        "tracking": [books.trackings[id_].tracking_number for id_ in shipment.trackings],
        "goods": {sku: decimal_text(quantity) for sku, quantity in goods.items()},
    }


def ledger_statement(books: Books) -> dict[str, Any]:
    """The posted balance of every account that has one (debit less credit), and how far debit is from credit."""
    posted = {move.id for move in books.ledger.moves if move.state == "posted"}
    sums: dict[str, Decimal] = {}
    for line in books.ledger.lines:
        if line.move in posted:
            code = books.ledger.accounts[line.account].code
            sums[code] = sums.get(code, Decimal(0)) + line.debit - line.credit
    return {
        "moves": len(posted),
        "balances": {code: decimal_text(amount) for code, amount in sorted(sums.items())},
        "difference": decimal_text(sum(sums.values(), Decimal(0))),
    }


def moves_statement(books: Books) -> list[dict[str, Any]]:
    """Every posted move with its lines, by accounts' codes."""
    ledger = books.ledger
    return [
        {
            "id": move.id,
            "description": move.description,
            "date": move.date.isoformat(),
            "lines": [
                {
                    "account": ledger.accounts[line.account].code,
                    "debit": decimal_text(line.debit),
                    "credit": decimal_text(line.credit),
                }
                for line in map(ledger.lines.__getitem__, move.lines)
            ],
        }
        for move in ledger.moves
        if move.state == "posted"
    ]


def sale_statements(books: Books) -> Iterator[bytes]:
    """Every sale as JSON, by id."""
    encode = msgspec.json.Encoder().encode
    for sale in books.sales:
        yield encode(sale_statement(books, sale))


def books_digest(books: Books) -> str:
    """SHA-256 over all sales and parties without server ids and times, as hexadecimal text."""
    digest = hashlib.sha256()
    encode = msgspec.json.Encoder(order="deterministic").encode
    for one in sorted(hashlib.sha256(encode(_canonical_sale(books, sale))).digest() for sale in books.sales):
        digest.update(one)
    digest.update(encode(sorted(books.party_ids_by_email)))
    digest.update(encode(len(books.parties)))
    return digest.hexdigest()


def _canonical_sale(books: Books, sale: Sale) -> list[Any]:
    lines = [_canonical_line(books, line) for line in books.lines_of(sale)]
    payments = [books.payments[id_] for id_ in sale.payments]
    paid = [(books.gateways[p.gateway].code, _plain(p.amount), p.reference) for p in payments]
    mechanisms = (books.mechanisms[id_] for id_ in books.parties[sale.party].contact_mechanisms)
    service = books.carrier_services.get(sale.carrier_service)
    return [
        (books.channels[sale.channel].code, sale.channel_identifier, sale.reference, sale.state),
        books.currencies[sale.currency].code,
        None if sale.sale_date is None else sale.sale_date.isoformat(),
        (sale.comment, sale.gift_message, sale.priority, service.code if service else None),
        lines,
        sorted(paid, key=repr),
        sorted(row.value.lower() for row in mechanisms if row.type == "email"),
        [_canonical_address(books, id_) for id_ in (sale.invoice_address, sale.shipment_address)],
    ]


def _canonical_line(books: Books, line: Line) -> list[Any]:
    taxes = [(books.taxes[tax.tax].name, _plain(tax.amount)) for tax in line.taxes]
    amounts = [_plain(amount) for amount in (line.quantity, line.unit_price, line.amount)]
    shipping = line.shipment_cost is not None
    return [_sku(books, line), line.channel_identifier, line.description, shipping, amounts, sorted(taxes)]


def _canonical_address(books: Books, id_: int | None) -> list[Any] | None:
    if id_ is None:
        return None
    address = books.addresses[id_]
    country = books.countries.get(address.country)
    region = books.subdivisions.get(address.subdivision)
    codes = [None if row is None else row.code for row in (country, region)]
    return [address.name, address.street, address.street_bis, address.city, address.zip, *codes]


def _sku(books: Books, line: Line) -> str | None:
    return None if line.product is None else books.products[line.product].code


def _plain(amount: Any) -> str:
    return decimal_text(amount.normalize()) if amount else "0"
