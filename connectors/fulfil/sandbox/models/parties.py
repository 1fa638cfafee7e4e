"""Parties, addresses and the places of the world. Source: facts 8.6."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Any

from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.domain import Field, Getter
from connectors.fulfil.sandbox.fields import Fields, Model, chars, name_of, of_kind, own, to_many, to_one


def models(books: Books, fields: Fields) -> list[Model]:
    """party.party, party.address, party.contact_mechanism, countries, subdivisions, currencies."""
    code = {"code": lambda value: _by_code(books, value)}
    return [
        Model("party.party", books.parties, _party_fields(books, fields), code, hides_inactive=True),
        Model("party.address", books.addresses, _address_fields(books, fields), hides_inactive=True),
        Model("party.contact_mechanism", books.mechanisms, _mechanism_fields(fields), hides_inactive=True),
        fields.named("country.country", books.countries),
        fields.named("country.subdivision", books.subdivisions, own("country", "many2one", "country.country")),
        fields.named("currency.currency", books.currencies),
    ]


def _by_code(books: Books, code: str) -> Iterable[int]:
    id_ = books.party_ids_by_code.get(code)
    return () if id_ is None else (id_,)


def _party_fields(books: Books, fields: Fields) -> dict[str, Field]:
    def first(kind: str) -> Getter:
        def get(party: Any) -> str | None:
            rows = (books.mechanisms[id_] for id_ in party.contact_mechanisms)
            return next((row.value for row in rows if row.type == kind and row.active), None)

        return get

    return fields.every(
        name_of,
        *chars("name", "code"),
        own("full_name", "char", get=name_of),
        *of_kind("boolean", "active", "is_customer"),
        own("is_supplier", "boolean", get=lambda _: False),
        *to_many("party.address", "addresses"),
        *to_many("party.contact_mechanism", "contact_mechanisms"),
        *(own(kind, "char", get=first(kind)) for kind in ("email", "phone", "mobile", "website")),
        own("metafields", "json", get=lambda party: books.metafields_of("party.party", party.id)),
    )


def _address_fields(books: Books, fields: Fields) -> dict[str, Field]:
    return fields.every(
        lambda row: ", ".join(part for part in (row.name, row.street, row.city) if part),
        *to_one("party.party", "party"),
        *chars("name", "street", "city", "zip"),
        own(books.config.street2_field, "char", get=attrgetter("street_bis")),
        *to_one("country.country", "country"),
        *to_one("country.subdivision", "subdivision"),
        *of_kind("boolean", "active"),
    )


def _mechanism_fields(fields: Fields) -> dict[str, Field]:
    return fields.every(
        attrgetter("value"), *to_one("party.party", "party"), *chars("type", "value"), *of_kind("boolean", "active")
    )
