"""Fulfil's filter language: a domain is checked once against a model's fields, then tried on records.

Sources: Tryton's domain reference (null handling as in SQL: a comparison with null is never true, except `=` and `!=`
with a null value), Fulfil's developer site, and filters seen in live use. Dotted paths follow many2one, one2many and
reference fields; through several records one match is enough.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from typing import Any, Literal, Protocol

import msgspec

from connectors.fulfil.sandbox.encoding import Malformed, as_money, from_wire, instant_of

CLAUSES_MAX = 1_000
"""Most clauses in one domain."""
DEPTH_MAX = 20
"""Deepest nesting of one domain, and longest dotted path."""
CLAUSE_PARTS = (3, 4)
"""Field, operator, value; and for a reference field the model it is to name."""

Kind = Literal[
    "char", "boolean", "integer", "float", "numeric", "date", "datetime", "many2one", "one2many", "reference", "json"
]
Matches = Callable[[Any], bool]
Getter = Callable[[Any], Any]


class DomainInvalid(Malformed):
    """The domain cannot be evaluated: its shape, a field, an operator or a value is wrong."""


class Field(msgspec.Struct, frozen=True):
    """One field of a model: how to read it from a record, and what kind of value comes out.

    Values: char str, integer and many2one int, float and numeric Decimal, datetime microseconds since 1970 UTC,
    one2many a tuple of ids, reference "model,id". None stands for empty.
    """

    kind: Kind
    get: Getter
    target: str | None = None
    zone: tzinfo = UTC
    """Of a datetime: where a plain text without an offset is meant (facts 13.10)."""


class Schema(Protocol):
    """Where fields and records of a model are found."""

    def field(self, model: str, name: str) -> Field:
        """The field; raises DomainInvalid when the model has none of that name."""
        ...

    def record(self, model: str, id_: int) -> Any | None:
        """The record, or None."""
        ...


class Filter(msgspec.Struct, frozen=True):
    """A checked domain. `equal_to` and `id_above` are necessary conditions that an index can answer first."""

    matches: Matches
    fields: frozenset[str]
    """First names of the paths of all clauses."""
    equal_to: dict[str, tuple[Any, ...]]
    id_above: int | None


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_LIKES = ("like", "ilike", "not like", "not ilike")
OPERATORS = frozenset({*_COMPARISONS, *_LIKES, "in", "not in"})


def compile_domain(domain: Any, model: str, schema: Schema) -> Filter:
    """Check `domain` (as decoded JSON) for `model`. Raises DomainInvalid."""
    return _Compiler(model, schema).run(domain)


class _Compiler:
    def __init__(self, model: str, schema: Schema) -> None:
        self.model = model
        self.schema = schema
        self.clauses = 0
        self.fields: set[str] = set()
        self.equal_to: dict[str, tuple[Any, ...]] = {}
        self.id_above: int | None = None

    def run(self, domain: Any) -> Filter:
        matches = self.group(domain, depth=0, binding=True)
        return Filter(matches, frozenset(self.fields), self.equal_to, self.id_above)

    def group(self, parts: Any, *, depth: int, binding: bool) -> Matches:
        """`binding`: every record must satisfy this part, so its clauses may narrow the candidates."""
        if not isinstance(parts, list) or depth > DEPTH_MAX:
            raise DomainInvalid("a domain is a list of clauses, nested at most twenty deep")
        either = bool(parts) and parts[0] == "OR"
        if parts and parts[0] in ("AND", "OR"):
            parts = parts[1:]
        binding = binding and (not either or len(parts) == 1)
        tests = [self.part(part, depth=depth, binding=binding) for part in parts]
        if len(tests) == 1:
            return tests[0]
        if either and tests:
            return lambda record: any(test(record) for test in tests)
        return lambda record: all(test(record) for test in tests)

    def part(self, part: Any, *, depth: int, binding: bool) -> Matches:
        if isinstance(part, list) and part and isinstance(part[0], str) and part[0] not in ("AND", "OR"):
            return self.clause(part, binding=binding)
        return self.group(part, depth=depth + 1, binding=binding)

    def clause(self, clause: list[Any], *, binding: bool) -> Matches:
        self.clauses += 1
        if self.clauses > CLAUSES_MAX:
            raise DomainInvalid("the domain has too many clauses")
        if len(clause) not in CLAUSE_PARTS or clause[1] not in OPERATORS:
            raise DomainInvalid("a clause is [field, operator, value], with an operator that is known")
        path = clause[0].split(".")
        self.fields.add(path[0])
        value = _value(clause[2])
        names_target = isinstance(value, str) or clause[1] in _LIKES
        reach = _Reach(self.schema, self.model, path, (*clause, None)[3], to_name=names_target)
        if reach.field.kind == "one2many" and value is None:
            return _emptiness(reach, clause[1])
        test, wanted = _test(reach.field, clause[1], value)
        if binding and reach.scalar and len(path) == 1 and wanted is not None:
            self.narrow(path[0], clause[1], wanted)
        if reach.scalar:
            get = reach.field.get
            return lambda record: test(get(record))
        return lambda record: any(test(found) for found in reach.values(record))

    def narrow(self, name: str, sign: str, wanted: tuple[Any, ...]) -> None:
        if sign in ("=", "in"):
            self.equal_to.setdefault(name, wanted)
        elif name == "id" and sign in (">", ">="):
            above = int(wanted[0]) - (sign == ">=")
            self.id_above = above if self.id_above is None else max(above, self.id_above)


def _value(value: Any) -> Any:
    try:
        return from_wire(value)
    except Malformed as error:
        raise DomainInvalid(str(error)) from None


class _Reach:
    """A dotted path from a model: `field` is where it ends; `values` yields what is there for one record."""

    def __init__(self, schema: Schema, model: str, path: Sequence[str], target: Any, *, to_name: bool) -> None:
        if len(path) > DEPTH_MAX:
            raise DomainInvalid("a dotted path is too long")
        self.schema = schema
        self.steps: list[tuple[Field, str]] = []
        for name in path[:-1]:
            step = schema.field(model, name)
            next_model = target if step.kind == "reference" else step.target
            if not isinstance(next_model, str):
                raise DomainInvalid(f"{name} cannot be followed by a dot; a reference needs its model as 4th element")
            self.steps.append((step, next_model))
            model = next_model
        self.field = schema.field(model, path[-1])
        if self.field.kind in ("many2one", "one2many") and to_name and self.field.target is not None:
            # a text asked of a relation is asked of the related record's name
            self.steps.append((self.field, self.field.target))
            self.field = schema.field(self.field.target, "rec_name")
        self.scalar = not self.steps and self.field.kind != "one2many"

    def values(self, record: Any) -> Iterator[Any]:
        records: Iterable[Any] = (record,)
        for step, model in self.steps:
            records = self.follow(records, step, model)
        if self.field.kind != "one2many":
            return (self.field.get(found) for found in records)
        return (item for found in records for item in self.field.get(found))

    def follow(self, records: Iterable[Any], step: Field, model: str) -> Iterator[Any]:
        for record in records:
            for id_ in _ids(step, step.get(record), model):
                found = self.schema.record(model, id_)
                if found is not None:
                    yield found


def _ids(step: Field, value: Any, model: str) -> Sequence[int]:
    if value is None:
        return ()
    if step.kind == "one2many":
        return tuple(value)
    if step.kind == "reference":
        owner, _, number = str(value).partition(",")
        return (int(number),) if owner == model else ()
    return (value,)


def _emptiness(reach: _Reach, sign: str) -> Matches:
    if sign not in ("=", "!="):
        raise DomainInvalid("null can only be compared by = and !=")
    full = sign == "!="
    return lambda record: any(True for _ in reach.values(record)) is full


def _test(field: Field, sign: str, value: Any) -> tuple[Matches, tuple[Any, ...] | None]:
    """The test of one value, and the values it compares with (None when that says nothing to an index)."""
    if sign in _LIKES:
        return _like(field, sign, value), None
    if sign in ("in", "not in"):
        return _membership(field, sign, value)
    if value is None:
        if sign == "=":
            return (lambda found: found is None), None
        if sign == "!=":
            return (lambda found: found is not None), None
        raise DomainInvalid("null can only be compared by = and !=")
    compare, wanted = _COMPARISONS[sign], coerce(field, value)
    if field.kind == "boolean" and sign in ("=", "!="):
        return (lambda found: compare(bool(found), wanted)), None  # an empty boolean is false
    return (lambda found: found is not None and compare(found, wanted)), (wanted,)


def _membership(field: Field, sign: str, value: Any) -> tuple[Matches, tuple[Any, ...] | None]:
    if not isinstance(value, list):
        raise DomainInvalid(f"{sign} needs a list")
    wanted = tuple(coerce(field, item) for item in value if item is not None)
    members = frozenset(wanted)
    with_null = len(wanted) < len(value)
    if sign == "in":
        if with_null:
            return (lambda found: found is None or found in members), None
        return (lambda found: found in members), wanted
    if not value:
        return (lambda _: True), None
    return (lambda found: found is not None and found not in members), None


def _like(field: Field, sign: str, value: Any) -> Matches:
    if field.kind not in ("char", "reference") or not isinstance(value, str):
        raise DomainInvalid(f"{sign} compares text with a text pattern")
    search = like_pattern(value, ignore_case=sign.endswith("ilike")).fullmatch
    if sign.startswith("not"):
        return lambda found: found is not None and search(found) is None
    return lambda found: found is not None and search(found) is not None


def like_pattern(text: str, *, ignore_case: bool) -> re.Pattern[str]:
    """SQL's LIKE as a regular expression: `%` any run, `_` one character, a backslash takes the next literally.

    Each run up to the next literal part is atomic, so matching never backtracks over several runs.
    """
    segments = [""]
    signs = iter(text)
    for sign in signs:
        if sign == "%":
            segments.append("")
        else:
            segments[-1] += "." if sign == "_" else re.escape(next(signs, "\\") if sign == "\\" else sign)
    expression = segments[0]
    if len(segments) > 1:
        expression += "".join(f"(?>.*?{part})" for part in segments[1:-1] if part) + ".*" + segments[-1]
    return re.compile(expression, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def coerce(field: Field, value: Any) -> Any:
    """A filter's value as the kind of value the field holds. Raises DomainInvalid when it has none such."""
    try:
        if isinstance(value, str) and field.kind == "datetime":
            value = _placed(value, field.zone)
        return _COERCIONS[field.kind](value)
    except (Malformed, KeyError, TypeError, ValueError, OverflowError):
        raise DomainInvalid(f"a value does not fit a field of kind {field.kind}") from None


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError
    return str(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _whole(value: Any) -> int:
    exact = as_money(value) if isinstance(value, int | Decimal) else None
    if exact is None or exact != int(exact):
        raise TypeError
    return int(exact)


def _day(value: Any) -> date:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value.date()
    if not isinstance(value, date):
        raise TypeError
    return value


def _placed(text: str, zone: tzinfo) -> datetime:
    """A plain text's moment, in the tenant's zone when it names none."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)


def _moment(value: Any) -> int:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return instant_of(value if isinstance(value, datetime) else datetime.combine(_day(value), time()))


_COERCIONS: dict[str, Callable[[Any], Any]] = {
    "char": _text,
    "reference": _text,
    "boolean": _truth,
    "integer": _whole,
    "many2one": _whole,
    "one2many": _whole,
    "float": as_money,
    "numeric": as_money,
    "date": _day,
    "datetime": _moment,
}
