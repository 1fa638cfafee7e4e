"""Rows of Fulfil's models as typed structs: which fields to ask for, and how each value is read.

A row type declares a field once, `carrier_code: str | None = field(default=None, name="carrier_service.code")`; what to
ask for and how to read it follow from the declaration. A dotted name goes through a many2one and comes back flat.

Only the id of a row must be as expected. A surprise elsewhere costs that field alone: it is None, which means *not
told*, never zero and never empty; whoever needs the figure has to refuse None.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Final, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from connectors.fulfil.tenant import Tenant
from connectors.fulfil.typed import Reference, Undecodable, date_of, datetime_of, decimal_of, id_of, ids_of


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What every record has. `write_date` is None until the first change after the creation."""

    by_name: ClassVar[frozenset[str]] = frozenset()
    """Fields that not every tenant has, or few need: asked for only when the configuration names them."""
    id: int
    create_date: datetime | None = None
    write_date: datetime | None = None

    @property
    def changed_at(self) -> datetime | None:
        """When the record was last changed, its creation included; UTC.

        The later of both: a transaction that began before the creation may still change the record after it.
        """
        return max((each for each in (self.create_date, self.write_date) if each is not None), default=None)


class PersonalRow(Row, frozen=True, kw_only=True):
    """A row that no message may show."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.id}, ...)"


T = TypeVar("T", bound=Row)

_decode_rows: Final = msgspec.json.Decoder(list[dict[str, Any]]).decode


class RowReader(Generic[T]):
    """Reads the rows of one model for one tenant."""

    def __init__(self, model: str, row: type[T], tenant: Tenant) -> None:
        self._row = row
        by_name = row.by_name
        own = [
            (name, tenant.field(model, wired, "" if wired in by_name else wired), convert)
            for name, wired, convert in _declared(row)
        ]
        self._read = tuple([each for each in own if each[1]])
        self.fields = tuple([wired for _, wired, _ in self._read])
        """What to ask for, by the tenant's names. The id comes unasked."""

    def rows(self, body: bytes) -> tuple[T, ...]:
        """The rows of an answer, in its order. Raises msgspec.DecodeError or Undecodable when a row has no id."""
        return tuple([self._one(raw) for raw in _decode_rows(body)])

    def _one(self, raw: dict[str, Any]) -> T:
        number = raw.get("id")
        if type(number) is not int or number <= 0:
            raise Undecodable("a row has no id")
        values: dict[str, Any] = {}
        for name, wired, convert in self._read:
            value = raw.get(wired)
            if value is not None:
                try:
                    values[name] = convert(value)
                except Undecodable:
                    values[name] = None
        return self._row(id=number, **values)


@functools.cache
def _declared(row: type[Row]) -> tuple[tuple[str, str, Callable[[Any], Any]], ...]:
    """The fields of a row but its id: (name, name at Fulfil, how its value is read)."""
    hints = get_type_hints(row)
    return tuple(
        (f.name, f.encode_name, _converter(hints[f.name])) for f in msgspec.structs.fields(row) if f.name != "id"
    )


@functools.lru_cache(maxsize=256)
def row_reader(model: str, row: type[T], tenant: Tenant) -> RowReader[T]:
    """The reader of a model's rows, made once per tenant."""
    return RowReader(model, row, tenant)


# -- values ------------------------------------------------------------------------------------------------------------


def _text_of(value: Any) -> str | None:
    if not isinstance(value, str):
        raise Undecodable("the value is no text")
    return value


def _bool_of(value: Any) -> bool | None:
    if not isinstance(value, bool):
        raise Undecodable("the value is neither true nor false")
    return value


_CONVERTERS: Final[dict[Any, Callable[[Any], Any]]] = {
    str: _text_of,
    bool: _bool_of,
    int: id_of,
    Decimal: decimal_of,
    datetime: datetime_of,
    date: date_of,
    Reference: Reference.parsed,
    tuple[int, ...]: ids_of,
    Any: lambda value: value,
}


def _converter(hint: Any) -> Callable[[Any], Any]:
    """How a field of that type is read. Raises KeyError for a type that no row may have."""
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = (each for each in get_args(hint) if each is not type(None))
    return _CONVERTERS[hint]
