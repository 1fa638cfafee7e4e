"""The models the sandbox serves: which fields each has, what kind they are, and which table holds the records.

Only fields that the sandbox keeps truthfully are named; asking for another is a server error, as asking Fulfil for a
field it does not have. Names and kinds: recorded answers, live integrations, and the ancestor Tryton modules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from operator import attrgetter
from typing import Any, cast

import msgspec

from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.domain import DomainInvalid, Field, Getter, Kind
from connectors.fulfil.sandbox.records import Line, Named, Payment, Product, Record, Sale
from connectors.fulfil.sandbox.tables import Table

Lookup = Callable[[Any], Iterable[int]]
MODELS_WITHOUT_RECORDS = frozenset({"res.user", "ir.date"})
COMPANY_ID = 1
WAREHOUSE_ID = 4
USER_ID = 1


class Model(msgspec.Struct, frozen=True):
    """One model. `lookups` are the fields an index answers for: value in, ids out."""

    name: str
    table: Table[Any]
    fields: dict[str, Field]
    lookups: Mapping[str, Lookup] = {}
    hides_inactive: bool = False


def _fields(rec_name: Getter, *own: tuple[str, Field]) -> dict[str, Field]:
    """The fields of a model: those every record has, and its own."""
    every = {
        "id": Field("integer", attrgetter("id")),
        "rec_name": Field("char", rec_name),
        "create_date": Field("datetime", attrgetter("create_date")),
        "write_date": Field("datetime", attrgetter("write_date")),
        "create_uid": Field("many2one", lambda _: USER_ID),
        "write_uid": Field("many2one", lambda record: None if record.write_date is None else USER_ID),
    }
    return every | dict(own)


def _own(name: str, kind: Kind, target: str | None = None, get: Getter | None = None) -> tuple[str, Field]:
    return name, Field(kind, get or attrgetter(name), target)


def _chars(*names: str) -> list[tuple[str, Field]]:
    return [_own(name, "char") for name in names]


_name = attrgetter("name")


class ModelSchema:
    """Every model of one set of books."""

    def __init__(self, books: Books) -> None:
        self.books = books
        models = [*_sale_models(books), *_party_models(books), *_product_models(books), *_channel_models(books)]
        self.models = {model.name: model for model in [*models, _model_of_models(books, models)]}

    def model(self, name: str) -> Model:
        """The model. Raises KeyError when the sandbox does not serve it."""
        return self.models[name]

    def field(self, model: str, name: str) -> Field:
        """The field. Raises DomainInvalid when the model has none of that name."""
        found = self.models[model].fields.get(name) if model in self.models else None
        if found is None:
            raise DomainInvalid(f"{model} has no field of that name")
        return found

    def record(self, model: str, id_: int) -> Record | None:
        """The record, or None."""
        return cast("Record | None", self.models[model].table.get(id_))


def _model_of_models(books: Books, models: Iterable[Model]) -> Model:
    """ir.model: the models themselves."""
    table: Table[Named] = Table()
    for model in models:
        table.add(Named(id=table.new_id(), create_date=books.now, name=model.name, code=model.name))
    return Model("ir.model", table, _fields(_name, _own("name", "char"), _own("model", "char", get=_name)))


def _sale_models(books: Books) -> list[Model]:
    def of_sale(compute: Callable[[Sale], Decimal]) -> Getter:
        return compute

    def number(sale: Sale) -> str:
        return f"SO{sale.id}"

    def rec_name(sale: Sale) -> str:
        return f"SO{sale.id} ({sale.reference})" if sale.reference else f"SO{sale.id}"

    sale = _fields(
        rec_name,
        _own("number", "char", get=number),
        *_chars("reference", "channel_identifier", "state", "comment", "gift_message", "priority"),
        _own("channel", "many2one", "sale.channel"),
        _own("channel_type", "char", get=lambda sale: books.channels[sale.channel].source),
        _own("party", "many2one", "party.party"),
        _own("invoice_address", "many2one", "party.address"),
        _own("shipment_address", "many2one", "party.address"),
        _own("sale_date", "date"),
        _own("confirmation_time", "datetime"),
        _own("currency", "many2one", "currency.currency"),
        _own("company", "many2one", get=lambda _: COMPANY_ID),
        _own("warehouse", "many2one", get=lambda _: WAREHOUSE_ID),
        _own("carrier_service", "many2one", "carrier.service"),
        _own("lines", "one2many", "sale.line"),
        _own("payments", "one2many", "sale.payment"),
        _own("gateway_transactions", "one2many", "payment_gateway.transaction", get=attrgetter("payments")),
        _own("untaxed_amount", "numeric", get=of_sale(books.untaxed)),
        _own("tax_amount", "numeric", get=of_sale(books.tax)),
        _own("total_amount", "numeric", get=of_sale(books.total)),
        _own("shipment_amount", "numeric", get=of_sale(books.shipping)),
        _own("payment_total", "numeric", get=of_sale(books.paid)),
        _own("payment_captured", "numeric", get=of_sale(books.paid)),
    )
    lookups = {"channel_identifier": books.sale_ids_of}
    return [
        Model("sale.sale", books.sales, sale, lookups),
        Model("sale.line", books.lines, _line_fields(books)),
        Model("sale.payment", books.payments, _payment_fields(books)),
        Model("payment_gateway.transaction", books.payments, _transaction_fields(books)),
        Model("payment_gateway.gateway", books.gateways, _fields(_name, *_chars("name", "code"))),
    ]


def _line_fields(books: Books) -> dict[str, Field]:
    def rec_name(line: Line) -> str:
        return line.description or f"Line {line.id}"

    def currency(line: Line) -> int:
        return books.sales[line.sale].currency

    return _fields(
        rec_name,
        _own("sale", "many2one", "sale.sale"),
        *_chars("type", "description", "channel_identifier"),
        _own("product", "many2one", "product.product"),
        _own("quantity", "float"),
        _own("unit", "many2one", get=lambda _: 1),
        _own("unit_price", "numeric"),
        _own("amount", "numeric"),
        _own("shipment_cost", "numeric"),
        _own("currency", "many2one", "currency.currency", get=currency),
        _own("taxes", "one2many", "account.tax", get=lambda line: tuple(tax.tax for tax in line.taxes)),
    )


def _payment_fields(books: Books) -> dict[str, Field]:
    def rec_name(payment: Payment) -> str:
        return f"{books.gateways[payment.gateway].name} ({payment.id})"

    return _fields(
        rec_name,
        _own("sale", "many2one", "sale.sale"),
        _own("gateway", "many2one", "payment_gateway.gateway"),
        _own("amount", "numeric"),
        _own("reference", "char"),
    )


def _transaction_fields(books: Books) -> dict[str, Field]:
    return _payment_fields(books) | dict(
        [
            _own("sale_payment", "many2one", "sale.payment", get=attrgetter("id")),
            _own("provider_reference", "char", get=attrgetter("reference")),
            _own("type", "char", get=lambda _: "charge"),
            _own("state", "char", get=lambda _: "completed"),
        ]
    )


def _party_models(books: Books) -> list[Model]:
    def first(kind: str) -> Getter:
        def get(party: Any) -> str | None:
            rows = (books.mechanisms[id_] for id_ in party.contact_mechanisms)
            return next((row.value for row in rows if row.type == kind and row.active), None)

        return get

    def by_code(code: str) -> Iterable[int]:
        id_ = books.party_ids_by_code.get(code)
        return () if id_ is None else (id_,)

    party = _fields(
        _name,
        *_chars("name", "code"),
        _own("active", "boolean"),
        _own("is_customer", "boolean"),
        _own("addresses", "one2many", "party.address"),
        _own("contact_mechanisms", "one2many", "party.contact_mechanism"),
        *(_own(kind, "char", get=first(kind)) for kind in ("email", "phone", "mobile", "website")),
    )
    address = _fields(
        lambda row: ", ".join(part for part in (row.name, row.street, row.city) if part),
        _own("party", "many2one", "party.party"),
        *_chars("name", "street", "street_bis", "city", "zip"),
        _own("country", "many2one", "country.country"),
        _own("subdivision", "many2one", "country.subdivision"),
        _own("active", "boolean"),
    )
    mechanism = _fields(
        attrgetter("value"),
        _own("party", "many2one", "party.party"),
        *_chars("type", "value"),
        _own("active", "boolean"),
    )
    return [
        Model("party.party", books.parties, party, {"code": by_code}, hides_inactive=True),
        Model("party.address", books.addresses, address, hides_inactive=True),
        Model("party.contact_mechanism", books.mechanisms, mechanism, hides_inactive=True),
        _named("country.country", books.countries),
        _named("country.subdivision", books.subdivisions, _own("country", "many2one", "country.country")),
        _named("currency.currency", books.currencies),
    ]


def _named(name: str, table: Table[Named], *own: tuple[str, Field]) -> Model:
    return Model(name, table, _fields(_name, *_chars("name", "code"), *own))


def _product_models(books: Books) -> list[Model]:
    def name(product: Product) -> str:
        return books.templates[product.template].name

    def rec_name(product: Product) -> str:
        return f"[{product.code}] {name(product)}" if product.code else name(product)

    def by_sku(sku: str) -> Iterable[int]:
        return books.product_ids.get(sku, ())

    template = _fields(
        _name, _own("name", "char"), _own("active", "boolean"), _own("products", "one2many", "product.product")
    )
    product = _fields(
        rec_name,
        *_chars("code", "variant_name"),
        _own("name", "char", get=name),
        _own("template", "many2one", "product.template"),
        _own("active", "boolean"),
        _own("list_price", "numeric"),
        _own("default_uom", "many2one", get=lambda _: 1),
        _own(books.config.sellable_field, "boolean", get=attrgetter("sellable")),
    )
    return [
        Model("product.template", books.templates, template, hides_inactive=True),
        Model("product.product", books.products, product, {"code": by_sku}, hides_inactive=True),
    ]


def _channel_models(books: Books) -> list[Model]:
    channel = _fields(
        _name,
        *_chars("name", "code", "source"),
        _own("active", "boolean"),
        _own("currency", "many2one", "currency.currency"),
        _own("company", "many2one", get=lambda _: COMPANY_ID),
        _own("warehouse", "many2one", get=lambda _: WAREHOUSE_ID),
        _own("taxes", "one2many", "sale.channel.tax"),
        _own("payment_gateways", "one2many", "sale.channel.payment_gateway", get=attrgetter("gateways")),
        _own("shipping_carriers", "one2many", "sale.channel.carrier", get=attrgetter("carriers")),
    )

    def mapping(name: str, target: str, rows: Table[Any], relation: str) -> Model:
        fields = _fields(
            _name,
            *_chars("name"),
            _own("code", "char", get=_name),
            _own("channel", "many2one", "sale.channel"),
            _own(relation, "many2one", target, get=attrgetter("target")),
            _own("rate", "numeric"),
        )
        return Model(name, rows, fields)

    tax = _fields(_name, _own("name", "char"), _own("rate", "numeric"))
    attachment = _fields(_name, *_chars("name", "link"), _own("resource", "reference"))
    return [
        Model("sale.channel", books.channels, channel, hides_inactive=True),
        mapping("sale.channel.tax", "account.tax", books.channel_taxes, "tax"),
        mapping("sale.channel.payment_gateway", "payment_gateway.gateway", books.channel_gateways, "gateway"),
        mapping("sale.channel.carrier", "carrier.service", books.channel_carriers, "carrier_service"),
        Model("account.tax", books.taxes, tax),
        _named("carrier.service", books.carrier_services),
        Model("ir.attachment", books.attachments, attachment),
    ]
