"""The books: every record the sandbox knows, the indexes that find them, and the rules that hold between them.

A party is one per e-mail, compared without case. A sale is one per (channel, channel_identifier), as the database of
the ancestor module demands. Whoever changes a record says so through `touched`, so that `write_date` is truthful.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from connectors.fulfil.sandbox.config import ProductSeed, SalesChannel, SandboxConfig, seed_products
from connectors.fulfil.sandbox.ledger import Ledger
from connectors.fulfil.sandbox.records import (
    Address,
    Attachment,
    Channel,
    ChannelException,
    ChannelMapping,
    ContactMechanism,
    GatewayTransaction,
    Identifier,
    Line,
    Listing,
    Named,
    Party,
    Payment,
    Product,
    Record,
    Sale,
    Tax,
    Template,
    Webhook,
)
from connectors.fulfil.sandbox.refusals import UserError
from connectors.fulfil.sandbox.stock import Stock
from connectors.fulfil.sandbox.stock_records import Batch, Package, Shipment, Tracking
from connectors.fulfil.sandbox.tables import Table
from connectors.fulfil.sandbox.tasks import Tasks
from connectors.fulfil.sandbox.transaction import Transaction
from runtime.clock import Clock, Instant

FIRST_IDS = {
    "sale.sale": 90_001,
    "party.party": 5_001,
    "party.address": 7_001,
    "product.product": 157,
    "stock.shipment.out": 81_001,
    "stock.shipment.drop": 82_001,
    "stock.shipment.out.return": 83_001,
}
"""Where some sequences start, so that ids of different models are not mistaken for one another."""

_CURRENCY_DIGITS = {"JPY": 0, "KRW": 0, "CLP": 0, "ISK": 0, "VND": 0, "BHD": 3, "KWD": 3, "JOD": 3, "OMR": 3, "TND": 3}


SHIPMENTS = ("stock.shipment.out", "stock.shipment.drop", "stock.shipment.out.return", "stock.shipment.in")


def shared(text: str | None) -> str | None:
    """The one object for a text that many records bear, so that memory holds it once."""
    return None if text is None else sys.intern(text)


class Books:
    """All records of one sandbox."""

    def __init__(self, config: SandboxConfig, clock: Clock) -> None:
        self.config = config
        self.transaction = Transaction(config, clock)
        self.stock = Stock(config, self.transaction)
        self.ledger = Ledger(config, self.transaction)
        self.shipments: dict[str, Table[Shipment]] = {model: Table(FIRST_IDS.get(model, 1)) for model in SHIPMENTS}
        self.trackings: Table[Tracking] = Table(4_410)
        self.packages: Table[Package] = Table()
        self.batches: Table[Batch] = Table()
        self.transactions: Table[GatewayTransaction] = Table(30_001)
        self.return_reasons: Table[Named] = Table()
        self.channel_exceptions: Table[ChannelException] = Table()
        self.listings: Table[Listing] = Table()
        self.identifiers: Table[Identifier] = Table()
        self.webhooks: Table[Webhook] = Table()
        self.tasks = Tasks()
        self.metafields: dict[tuple[str, int], dict[int, Any]] = {}
        self.listing_ids: dict[tuple[int, str], int] = {}
        self.sales: Table[Sale] = Table(FIRST_IDS["sale.sale"])
        self.lines: Table[Line] = Table()
        self.payments: Table[Payment] = Table()
        self.parties: Table[Party] = Table(FIRST_IDS["party.party"])
        self.addresses: Table[Address] = Table(FIRST_IDS["party.address"])
        self.mechanisms: Table[ContactMechanism] = Table()
        self.templates: Table[Template] = Table()
        self.products: Table[Product] = Table(FIRST_IDS["product.product"])
        self.channels: Table[Channel] = Table()
        self.channel_taxes: Table[ChannelMapping] = Table()
        self.channel_gateways: Table[ChannelMapping] = Table()
        self.channel_carriers: Table[ChannelMapping] = Table()
        self.taxes: Table[Tax] = Table(11)
        self.gateways: Table[Named] = Table()
        self.carriers: Table[Named] = Table()
        self.carrier_services: Table[Named] = Table()
        self.currencies: Table[Named] = Table(172)
        self.countries: Table[Named] = Table(231)
        self.subdivisions: Table[Named] = Table(3_321)
        self.attachments: Table[Attachment] = Table()
        self.sale_ids: dict[tuple[int, str], int] = {}
        self.product_ids: dict[str, list[int]] = {}
        self.party_ids_by_email: dict[str, int] = {}
        self.party_ids_by_code: dict[str, int] = {}
        self.parties_seen: int | None = None
        """Parties above this id cannot be seen by the create that is being made; None: all can."""
        self._returns_of: dict[int, list[int]] = {}
        self._named_ids: dict[tuple[str, str], int] = {}
        self.company_currency = self.currency(config.channels[0].currency if config.channels else "USD")
        for channel in config.channels:
            self._add_channel(channel)
        self.add_products(seed_products(config))

    def begin(self, context: Mapping[str, Any] | None = None) -> None:
        """Begin a transaction: all that it creates or writes bears one instant (as in Tryton)."""
        self.transaction.begin(context or {})

    @property
    def now(self) -> Instant:
        """The instant of the present transaction."""
        return self.transaction.now

    # -- reference records ---------------------------------------------------------------------------------------------

    def named(
        self, table: Table[Named], model: str, code: str, *, country: int | None = None, carrier: int | None = None
    ) -> int:
        """The id of the record of that code, made when it is new."""
        key = (model, code)
        id_ = self._named_ids.get(key)
        if id_ is None:
            id_ = self._named_ids[key] = table.new_id()
            table.add(Named(id=id_, create_date=self.now, name=code, code=code, country=country, carrier=carrier))
        return id_

    def currency(self, code: str) -> int:
        """The currency's id. Raises UserError for what is not a currency code."""
        if re.fullmatch(r"[A-Z]{3}", code) is None:
            raise UserError("The currency code is not three capital letters.")
        return self.named(self.currencies, "currency.currency", code)

    def country(self, code: str) -> int:
        """The country's id. Raises UserError for what is not a country code."""
        if re.fullmatch(r"[A-Z]{2}", code) is None:
            raise UserError("The country code is not two capital letters.")
        return self.named(self.countries, "country.country", code)

    def subdivision(self, country_code: str, code: str) -> int:
        """The subdivision's id; its own code is `US-CA`, orders say `CA`. Raises UserError for anything else."""
        if re.fullmatch(r"[A-Z0-9]{1,3}", code) is None:
            raise UserError("The subdivision code is not a short code without the country's prefix.")
        country = self.country(country_code)
        return self.named(self.subdivisions, "country.subdivision", f"{country_code}-{code}", country=country)

    def _add_channel(self, channel: SalesChannel) -> None:
        taxes = []
        for tax in channel.taxes:
            target = self._tax(tax.name, tax.rate)
            taxes.append(self._map(self.channel_taxes, channel.id, tax.name, target, tax.rate))
        gateways = [
            self._map(self.channel_gateways, channel.id, code, self.named(self.gateways, "gateway", code))
            for code in channel.gateways
        ]
        carriers = [
            self._map(self.channel_carriers, channel.id, code, self._carrier_service(code)) for code in channel.carriers
        ]
        self.channels.add(
            Channel(
                id=channel.id,
                create_date=self.now,
                name=channel.name,
                code=channel.code,
                source=channel.source,
                currency=self.currency(channel.currency),
                orders_allowed=channel.orders_allowed,
                warehouse=channel.warehouse,
                invoice_method=channel.invoice_method,
                shipment_method=channel.shipment_method,
                taxes=tuple(taxes),
                gateways=tuple(gateways),
                carriers=tuple(carriers),
            )
        )

    def _carrier_service(self, code: str) -> int:
        """A carrier's service; the carrier is what the code begins with: `ups_ground` is one of `ups`."""
        carrier = self.named(self.carriers, "carrier", code.partition("_")[0])
        return self.named(self.carrier_services, "carrier.service", code, carrier=carrier)

    def carrier_of(self, service: int | None) -> int | None:
        """The carrier of a service."""
        row = self.carrier_services.get(service)
        return None if row is None else row.carrier

    def metafields_of(self, model: str, id_: int) -> list[dict[str, Any]]:
        """A record's metafields as they are read: one object for each."""
        kept = self.metafields.get((model, id_), {})
        return [{"field_id": field, "code": f"field_{field}", "value": value} for field, value in kept.items()]

    def _tax(self, name: str, rate: Decimal) -> int:
        for tax in self.taxes:
            if tax.name == name and tax.rate == rate:
                return tax.id
        return self.taxes.add(Tax(id=self.taxes.new_id(), create_date=self.now, name=name, rate=rate)).id

    def _map(
        self, table: Table[ChannelMapping], channel: int, name: str, target: int, rate: Decimal | None = None
    ) -> int:
        row = ChannelMapping(
            id=table.new_id(), create_date=self.now, channel=channel, name=name, target=target, rate=rate
        )
        return table.add(row).id

    # -- products ------------------------------------------------------------------------------------------------------

    def add_products(self, seeds: Iterable[ProductSeed]) -> int:
        """Add products, or change those whose SKU is known (one of several: all of them). Returns how many seeds."""
        count = 0
        for seed in seeds:
            count += 1
            known = self.product_ids.get(seed.sku)
            if known is None:
                name = seed.name or seed.sku
                template = self.templates.add(Template(id=self.templates.new_id(), create_date=self.now, name=name))
                values = {"cost_price": seed.cost, "type": seed.type, "upc": seed.upc}
                self.add_product(template.id, code=seed.sku, list_price=seed.price, active=seed.active, **values)
            for id_ in known or ():
                product = self.products[id_]
                product.active, product.list_price, product.cost_price = seed.active, seed.price, seed.cost
                self.touched(product)
            if seed.stock is not None:
                self.stock.correct(
                    self.product_ids[seed.sku][0], self.stock.zones(self.stock.warehouses[0])[2], seed.stock
                )
        return count

    def add_product(self, template_id: int, **values: Any) -> int:
        """Add a variant to a template. SKUs need not be unique: Fulfil's are not either."""
        product = Product(id=self.products.new_id(), create_date=self.now, template=template_id, **values)
        self.products.add(product)
        template = self.templates[template_id]
        template.products = (*template.products, product.id)
        self.index_sku(product, None)
        return product.id

    def index_sku(self, product: Product, old: str | None) -> None:
        """Keep the SKU index right after a product's code was set or changed from `old`."""
        if old is not None:
            self.product_ids[old].remove(product.id)
            if not self.product_ids[old]:
                del self.product_ids[old]
        if product.code is not None:
            self.product_ids.setdefault(product.code, []).append(product.id)

    # -- parties -------------------------------------------------------------------------------------------------------

    def party_for(self, name: str, contacts: Sequence[Sequence[str]]) -> int:
        """The party of these contacts: the one with the same e-mail whatever its case, else a new one.

        Contacts that the party lacks are added to it.
        """
        emails = [value.strip() for kind, value in contacts if kind == "email" and value.strip()]
        known = (self.party_ids_by_email.get(email.lower()) for email in emails)
        seen = self.parties_seen
        party_id = next((id_ for id_ in known if id_ is not None and (seen is None or id_ <= seen)), None)
        if party_id is None:
            party_id = self.add_party(name=name)
        party = self.parties[party_id]
        have = {(m.type, m.value.lower()) for m in map(self.mechanisms.__getitem__, party.contact_mechanisms)}
        for kind, value in contacts:
            text = value.strip()
            if text and (kind, text.lower()) not in have:
                self.add_mechanism(party_id, type=kind, value=text)
                have.add((kind, text.lower()))
        return party_id

    def add_party(self, *, name: str, code: str | None = None, **values: Any) -> int:
        """Add a party. The caller has checked that `code`, when given, is free; without one the sequence gives it."""
        id_ = self.parties.new_id()
        code = code or self.free_party_code(id_)
        self.parties.add(Party(id=id_, create_date=self.now, name=name, code=code, **values))
        self.party_ids_by_code[code] = id_
        return id_

    def free_party_code(self, wanted: int) -> str:
        """The next code of the party sequence that nobody has."""
        while str(wanted) in self.party_ids_by_code:
            wanted += 1
        return str(wanted)

    def add_mechanism(self, party_id: int, *, type: str, value: str, **values: Any) -> int:  # noqa: A002 - Fulfil's word
        """Add a contact to a party; an e-mail becomes what the party is found by, unless another party has it."""
        id_, kind = self.mechanisms.new_id(), sys.intern(type)
        row = ContactMechanism(id=id_, create_date=self.now, party=party_id, type=kind, value=value, **values)
        self.mechanisms.add(row)
        party = self.parties[party_id]
        party.contact_mechanisms = (*party.contact_mechanisms, id_)
        if type == "email":
            email = value.strip().lower()
            self.party_ids_by_email.setdefault(value if value == email else email, party_id)
        return id_

    def add_address(self, party_id: int, **values: Any) -> int:
        """Add an address to a party, or find the equal one it has already."""
        for name in ("city", "zip"):
            values[name] = shared(values.get(name))
        address = Address(id=0, create_date=self.now, party=party_id, **values)
        party = self.parties[party_id]
        content = address.content()
        for id_ in party.addresses:
            if self.addresses[id_].content() == content:
                return id_
        address.id = self.addresses.new_id()
        self.addresses.add(address)
        party.addresses = (*party.addresses, address.id)
        return address.id

    # -- sales ---------------------------------------------------------------------------------------------------------

    def add_sale(self, sale: Sale) -> Sale:
        """Take in a sale. The caller has checked that its (channel, channel_identifier) is free."""
        self.sales.add(sale)
        if sale.channel_identifier is not None:
            self.sale_ids[sale.channel, sale.channel_identifier] = sale.id
        return sale

    def sale_ids_of(self, identifier: str) -> list[int]:
        """Sales of any channel with this channel_identifier."""
        found = (self.sale_ids.get((channel.id, identifier)) for channel in self.channels)
        return [id_ for id_ in found if id_ is not None]

    def returned_lines(self, line: int) -> list[Line]:
        """The lines of returns that give this line back."""
        return [self.lines[id_] for id_ in self._returns_of.get(line, ())]

    def add_line(self, sale: Sale, **values: Any) -> Line:
        """Add a line at the end of a sale."""
        values["description"] = shared(values.get("description"))
        line = Line(id=self.lines.new_id(), create_date=self.now, sale=sale.id, **values)
        sale.lines = (*sale.lines, self.lines.add(line).id)
        if line.origin is not None:
            self._returns_of.setdefault(line.origin, []).append(line.id)
        return line

    def add_payment(self, sale: Sale, *, gateway: int, amount: Decimal, reference: str | None) -> Payment:
        """Add a payment to a sale."""
        id_ = self.payments.new_id()
        row = Payment(id=id_, create_date=self.now, sale=sale.id, gateway=gateway, amount=amount, reference=reference)
        sale.payments = (*sale.payments, self.payments.add(row).id)
        return row

    def lines_of(self, sale: Sale) -> list[Line]:
        """The sale's lines, in order."""
        return [self.lines[id_] for id_ in sale.lines]

    def untaxed(self, sale: Sale) -> Decimal:
        """Sum of all line amounts, shipping lines included."""
        return sum((line.amount for line in self.lines_of(sale)), Decimal(0))

    def tax(self, sale: Sale) -> Decimal:
        """Sum of all tax amounts."""
        return sum((tax.amount for line in self.lines_of(sale) for tax in line.taxes), Decimal(0))

    def shipping(self, sale: Sale) -> Decimal:
        """Sum of the shipping lines' amounts, before tax."""
        return sum((line.amount for line in self.lines_of(sale) if line.shipment_cost is not None), Decimal(0))

    def total(self, sale: Sale) -> Decimal:
        """Untaxed amount plus tax."""
        return self.untaxed(sale) + self.tax(sale)

    def paid(self, sale: Sale) -> Decimal:
        """Sum of the payments."""
        return sum((self.payments[id_].amount for id_ in sale.payments), Decimal(0))

    def rounded(self, amount: Decimal, currency_id: int) -> Decimal:
        """An amount that Fulfil computes itself, rounded to the currency's digits."""
        digits = _CURRENCY_DIGITS.get(self.currencies[currency_id].code, 2)
        return amount.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN)

    def touched(self, record: Record) -> Instant:
        """Stamp a record as written now."""
        return self.transaction.touched(record)
