"""Searching and reading records: domains, order, paging and field lists, as Fulfil's v2 endpoints take them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from connectors.fulfil.sandbox.domain import DomainInvalid, Filter, compile_domain
from connectors.fulfil.sandbox.encoding import Malformed, aged, put_date, put_datetime, put_decimal
from connectors.fulfil.sandbox.records import Record
from connectors.fulfil.sandbox.schema import Model, ModelSchema

PAGE_MAX = 500
"""Records per request of list and search_read; also the default (three independent integrations)."""
ARGUMENTS = ("filters", "offset", "limit", "order", "fields")
"""The arguments of a search, by their names in an object and by their places in an array."""
READER_CACHE_MAX = 256

Put = Callable[[Any], Any]
Reader = tuple[tuple[str, Callable[[Any], Any]], ...]


class PageTooLarge(Exception):
    """More than PAGE_MAX records were asked for. Fulfil answers a 429 that must not be retried."""


class Query(msgspec.Struct, frozen=True):
    """One search. `limit` None means no limit."""

    domain: Any
    offset: int = 0
    limit: int | None = None
    order: tuple[tuple[str, bool], ...] = ()
    """Field and whether descending."""
    active_only: bool = True


def read_query(arguments: Any, *, active_only: bool, paged: bool) -> tuple[Query, list[str] | None]:
    """The query and the field list in the arguments: `[domain, offset, limit, order, fields]` or an object.

    `paged` applies the page size limit and default. Raises Malformed, PageTooLarge.
    """
    if isinstance(arguments, Mapping):
        arguments = [arguments.get(name) for name in ARGUMENTS]
    if not isinstance(arguments, list) or len(arguments) > len(ARGUMENTS):
        raise Malformed("a search takes a domain, an offset, a limit, an order and fields")
    padded: list[Any] = arguments + [None] * (len(ARGUMENTS) - len(arguments))
    domain, offset, limit, order, fields = padded
    if paged:
        limit = PAGE_MAX if limit is None else limit
    for number in (offset, limit):
        if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 0):
            raise Malformed("offset and limit are whole numbers")
    if paged and limit > PAGE_MAX:
        raise PageTooLarge(f"Page size of {limit} cannot exceed {PAGE_MAX}")
    query = Query([] if domain is None else domain, offset or 0, limit, _order(order), active_only)
    return query, field_list(fields)


def _order(order: Any) -> tuple[tuple[str, bool], ...]:
    if order is None:
        return ()
    directions = {"ASC": False, "DESC": True}
    try:
        return tuple((str(name), directions[direction.upper()]) for name, direction in order)
    except (TypeError, ValueError, KeyError, AttributeError):
        raise Malformed("an order is a list of [field, ASC or DESC]") from None


def field_list(fields: Any) -> list[str] | None:
    """The names in a fields argument; None when none are asked for. Raises Malformed."""
    if fields is None or (isinstance(fields, list) and all(isinstance(name, str) for name in fields)):
        return fields or None
    raise Malformed("fields is a list of names")


class Reading:
    """Answers searches over one schema."""

    def __init__(self, schema: ModelSchema) -> None:
        self.schema = schema
        generation = schema.books.config.date_generation
        self._puts: dict[str, Put] = {
            "numeric": put_decimal,
            "float": _put_float,
            "date": aged(put_date, generation),
            "datetime": aged(put_datetime, generation),
        }
        self._readers: dict[tuple[str, tuple[str, ...]], Reader] = {}

    def search(self, model: Model, query: Query) -> list[Any]:
        """The matching records, in order. Raises DomainInvalid."""
        condition = compile_domain(query.domain, model.name, self.schema)
        found: Iterable[Any] = filter(condition.matches, _candidates(model, condition))
        if query.active_only and model.hides_inactive and "active" not in condition.fields:
            found = (record for record in found if record.active)
        if query.order not in ((), (("id", False),)):
            found = self._sorted(model, found, query.order)
        stop = None if query.limit is None else query.offset + query.limit
        return list(islice(found, query.offset, stop))

    def rows(self, model: Model, records: Iterable[Any], fields: Sequence[str] | None) -> list[dict[str, Any]]:
        """The records as JSON objects: always `id`, and the fields (none asked: `rec_name`). Raises DomainInvalid."""
        reader = self.reader(model, tuple(fields or ("rec_name",)))
        return [{name: get(record) for name, get in reader} for record in records]

    def full(self, model: Model, record: Any) -> dict[str, Any]:
        """Every field of one record."""
        return self.rows(model, [record], list(model.fields))[0]

    def expanded(self, model: Model, record: Any) -> dict[str, Any]:
        """Every field of one record, with the records of its own one2many fields in place of their ids."""
        row = self.full(model, record)
        for name, field in model.fields.items():
            if field.kind == "one2many" and field.target is not None:
                target = self.schema.model(field.target)
                row[name] = [self.full(target, target.table[id_]) for id_ in field.get(record)]
        return row

    def reader(self, model: Model, fields: tuple[str, ...]) -> Reader:
        """Pairs of key and getter; a dotted field is one flat key. Raises DomainInvalid for an unknown field."""
        key = (model.name, fields)
        found = self._readers.get(key)
        if found is None:
            if len(self._readers) >= READER_CACHE_MAX:
                self._readers.clear()
            names = dict.fromkeys(("id", *fields))
            found = self._readers[key] = tuple((name, self._getter(model, name)) for name in names)
        return found

    def _getter(self, model: Model, path: str) -> Put:
        name, _, rest = path.partition(".")
        field = self.schema.field(model.name, name)
        if not rest:
            put, get = self._puts.get(field.kind), field.get
            return (lambda record: put(get(record))) if put else get
        if field.kind != "many2one" or field.target is None:
            raise DomainInvalid("a field list can only follow many2one fields")
        target = self.schema.model(field.target)
        follow, table, step = self._getter(target, rest), target.table, field.get

        def through(record: Any) -> Any:
            found = table.get(step(record))
            return None if found is None else follow(found)

        return through

    def _sorted(self, model: Model, records: Iterable[Any], order: Sequence[tuple[str, bool]]) -> list[Record]:
        found = list(records)
        for name, descending in reversed(order):
            get = self.schema.field(model.name, name).get
            # PostgreSQL puts nulls last when ascending, and first when descending
            found.sort(key=lambda record: _sort_key(get(record)), reverse=descending)
        return found


def _sort_key(value: Any) -> tuple[bool, Any]:
    return (True, 0) if value is None else (False, value)


def _put_float(value: Any) -> float | None:
    return None if value is None else float(value)


def _candidates(model: Model, condition: Filter) -> Iterator[Any]:
    """The records that may match, by ascending id: from an index when one applies, else from the table."""
    ids: Iterable[int] | None = condition.equal_to.get("id")
    for name, lookup in model.lookups.items():
        if ids is None and name in condition.equal_to:
            ids = {id_ for value in condition.equal_to[name] for id_ in lookup(value)}
    if ids is None:
        return model.table.above(condition.id_above)
    found = (model.table.get(id_) for id_ in sorted(set(ids)))
    return (record for record in found if record is not None)
