"""What a model is made of: fields by name, the table that holds its records, and the indexes that answer for it.

The models themselves are in `models/`, a file for each part of the ERP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from connectors.fulfil.sandbox.config import SandboxConfig
from connectors.fulfil.sandbox.domain import Field, Getter, Kind
from connectors.fulfil.sandbox.records import Named
from connectors.fulfil.sandbox.tables import Table

Lookup = Callable[[Any], Iterable[int]]
COMPANY_ID = 1
USER_ID = 1
UNIT_ID = 1

name_of = attrgetter("name")


class Model(msgspec.Struct, frozen=True):
    """One model. `lookups` are the fields an index answers for: value in, ids out."""

    name: str
    table: Table[Any]
    fields: dict[str, Field]
    lookups: Mapping[str, Lookup] = {}
    hides_inactive: bool = False


class Fields:
    """Builds the fields of models for one configuration."""

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self._zone = ZoneInfo(config.time_zone)

    def moment(self, name: str, get: Getter | None = None) -> tuple[str, Field]:
        """A datetime field."""
        return name, Field("datetime", get or attrgetter(name), zone=self._zone)

    def every(self, rec_name: Getter, *own_fields: tuple[str, Field]) -> dict[str, Field]:
        """The fields of a model: those every record has, and its own."""
        return dict(
            [
                own("id", "integer"),
                own("rec_name", "char", get=rec_name),
                self.moment("create_date"),
                self.moment("write_date"),
                own("create_uid", "many2one", get=lambda _: USER_ID),
                own("write_uid", "many2one", get=lambda row: None if row.write_date is None else USER_ID),
                *own_fields,
            ]
        )

    def named(self, name: str, table: Table[Named], *own_fields: tuple[str, Field]) -> Model:
        """A model of which only a name and a code matter."""
        return Model(name, table, self.every(name_of, *chars("name", "code"), *own_fields))


def own(name: str, kind: Kind, target: str | None = None, get: Getter | None = None) -> tuple[str, Field]:
    """A field; read from the record's attribute of that name unless `get` says otherwise."""
    return name, Field(kind, get or attrgetter(name), target)


def chars(*names: str) -> list[tuple[str, Field]]:
    """Text fields."""
    return [own(name, "char") for name in names]


def of_kind(kind: Kind, *names: str) -> list[tuple[str, Field]]:
    """Fields of one kind without a target."""
    return [own(name, kind) for name in names]


def to_one(target: str, *names: str) -> list[tuple[str, Field]]:
    """many2one fields with one target."""
    return [own(name, "many2one", target) for name in names]


def to_many(target: str, *names: str) -> list[tuple[str, Field]]:
    """one2many and many2many fields with one target."""
    return [own(name, "one2many", target) for name in names]


def company() -> tuple[str, Field]:
    """The one company."""
    return own("company", "many2one", get=lambda _: COMPANY_ID)
