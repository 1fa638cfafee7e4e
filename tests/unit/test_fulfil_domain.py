"""Fulfil's filter language means what Tryton's reference says, on every kind of field and through every path."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.fulfil.sandbox.domain import OPERATORS, DomainInvalid, Field, compile_domain, like_pattern
from runtime.clock import to_instant

Row = dict[str, Any]
NOON = to_instant(datetime(2026, 11, 20, 12, tzinfo=UTC))

SALES: dict[int, Row] = {
    1: {"id": 1, "code": "A-1", "total": Decimal("10.00"), "done": True, "day": date(2026, 11, 20), "at": NOON},
    2: {"id": 2, "code": "a-2", "total": Decimal("9.50"), "done": False, "day": date(2026, 11, 19), "at": NOON + 1},
    3: {"id": 3, "code": None, "total": None, "done": None, "day": None, "at": None},
}
SALES[1] |= {"party": 7, "lines": (11, 12), "origin": "sale.sale,2"}
SALES[2] |= {"party": 8, "lines": (13,), "origin": "party.party,7"}
SALES[3] |= {"party": None, "lines": (), "origin": None}
PARTIES: dict[int, Row] = {
    7: {"id": 7, "rec_name": "Ada", "name": "Ada", "note": None},
    8: {"id": 8, "rec_name": "Bo", "name": "Bo", "note": "x"},
}
LINES: dict[int, Row] = {
    11: {"id": 11, "sku": "MUG", "quantity": Decimal(2)},
    12: {"id": 12, "sku": "LAMP", "quantity": Decimal(1)},
    13: {"id": 13, "sku": "MUG", "quantity": Decimal(9)},
}
KINDS: dict[str, dict[str, Any]] = {
    "sale.sale": {
        "id": "integer",
        "code": "char",
        "total": "numeric",
        "done": "boolean",
        "day": "date",
        "at": "datetime",
        "party": ("many2one", "party.party"),
        "lines": ("one2many", "sale.line"),
        "origin": "reference",
    },
    "party.party": {"id": "integer", "rec_name": "char", "name": "char", "note": "char"},
    "sale.line": {"id": "integer", "rec_name": "char", "sku": "char", "quantity": "float"},
}


class Schema:
    """Three small models."""

    def field(self, model: str, name: str) -> Field:
        kind = KINDS.get(model, {}).get(name)
        if kind is None:
            raise DomainInvalid("no such field")
        return Field(kind[0], itemgetter(name), kind[1]) if isinstance(kind, tuple) else Field(kind, itemgetter(name))

    def record(self, model: str, id_: int) -> Row | None:
        return {"sale.sale": SALES, "party.party": PARTIES, "sale.line": LINES}[model].get(id_)


def matching(domain: Any) -> list[int]:
    found = compile_domain(domain, "sale.sale", Schema())
    return [id_ for id_, row in SALES.items() if found.matches(row)]


DECIMAL = {"__class__": "Decimal", "decimal": "9.5"}
DAY = {"__class__": "date", "year": 2026, "month": 11, "day": 20}
MOMENT = {"__class__": "datetime", "iso_string": "2026-11-20T12:00:00"}

CASES: list[tuple[Any, list[int]]] = [
    ([], [1, 2, 3]),
    ([["code", "=", "A-1"]], [1]),
    ([["code", "!=", "A-1"]], [2]),
    ([["code", "=", None]], [3]),
    ([["code", "!=", None]], [1, 2]),
    ([["code", "in", ["A-1", None]]], [1, 3]),
    ([["code", "in", []]], []),
    ([["code", "not in", ["A-1"]]], [2]),
    ([["code", "not in", []]], [1, 2, 3]),
    ([["code", "not in", ["A-1", None]]], [2]),
    ([["code", "like", "A%"]], [1]),
    ([["code", "ilike", "a-_"]], [1, 2]),
    ([["code", "ilike", "A-2"]], [2]),
    ([["code", "ilike", "-2"]], []),
    ([["code", "not ilike", "a-1"]], [2]),
    ([["total", ">", DECIMAL]], [1]),
    ([["total", ">=", Decimal("9.5")]], [1, 2]),
    ([["total", "<", "10"]], [2]),
    ([["done", "=", True]], [1]),
    ([["done", "=", False]], [2, 3]),
    ([["day", "=", DAY]], [1]),
    ([["day", "<=", "2026-11-19"]], [2]),
    ([["day", ">=", MOMENT]], [1]),
    ([["at", ">", MOMENT]], [2]),
    ([["at", ">=", "2026-11-20T13:00:00+01:00"]], [1, 2]),
    ([["at", ">=", "2026-11-20"]], [1, 2]),
    ([["id", ">", 1], ["id", "<", 3]], [2]),
    (["OR", ["id", "=", 1], ["code", "=", None]], [1, 3]),
    ([["OR", ["id", "=", 1], ["id", "=", 2]], ["done", "=", True]], [1]),
    (["AND", ["id", ">=", 1], ["OR", ["id", "=", 2], ["AND", ["id", "=", 3], ["code", "=", None]]]], [2, 3]),
    ([["AND", ["id", "=", 1]]], [1]),
    ([[["id", "=", 1]], [["code", "=", "A-1"]]], [1]),
    ([["party", "=", 7]], [1]),
    ([["party", "=", "Bo"]], [2]),
    ([["party", "ilike", "a%"]], [1]),
    ([["party.name", "=", "Bo"]], [2]),
    ([["party.note", "=", None]], [1]),
    ([["lines.sku", "=", "LAMP"]], [1]),
    ([["lines.quantity", ">", 1]], [1, 2]),
    ([["lines.quantity", "!=", 2]], [1, 2]),
    ([["lines", "=", None]], [3]),
    ([["lines", "!=", None]], [1, 2]),
    ([["lines", "in", [12, 13]]], [1, 2]),
    ([["origin.party.name", "=", "Bo", "sale.sale"]], [1]),
    ([["origin.name", "=", "Ada", "party.party"]], [2]),
    ([["origin", "like", "sale.sale,%"]], [1]),
]


@pytest.mark.parametrize(("domain", "expected"), CASES, ids=[repr(case[0]) for case in CASES])
def test_a_domain_matches_the_records_it_describes(domain: Any, expected: list[int]) -> None:
    """Tryton's domain reference and SQL's rules for null."""
    assert matching(domain) == expected


INVALID: list[Any] = [
    1,
    "id",
    None,
    ["id", "=", 1],
    [["id", "="]],
    [["id", "==", 1]],
    [["id", "=", "x"]],
    [["id", "=", True]],
    [["id", "=", Decimal("1.5")]],
    [["id", ">", None]],
    [["code", "=", True]],
    [["code", "in", "A-1"]],
    [["total", "=", {"__class__": "Decimal", "decimal": "NaN"}]],
    [["total", "=", {"__class__": "Decimal", "decimal": "1E+999999"}]],
    [["day", "=", "soon"]],
    [["at", "=", {"__class__": "datetime"}]],
    [["id", "like", "1%"]],
    [["nosuch", "=", 1]],
    [["code.name", "=", 1]],
    [["origin.name", "=", "Ada"]],
    [["party.nosuch", "=", 1]],
    [["party", "child_of", [7]]],
    [["lines", ">", None]],
    [["OR"], ["id", "=", 1], 7],
]


@pytest.mark.parametrize("domain", INVALID, ids=repr)
def test_a_domain_that_makes_no_sense_is_refused_before_any_record_is_read(domain: Any) -> None:
    """Facts 5: malformed arguments are an error, even on an empty table."""
    with pytest.raises(DomainInvalid):
        compile_domain(domain, "sale.sale", Schema())


def test_depth_and_number_of_clauses_are_bounded() -> None:
    """Everything has a limit."""
    deep: Any = [["id", "=", 1]]
    for _ in range(30):
        deep = [deep]
    for domain in (deep, [["id", "=", 1]] * 1_001, [[".".join(["party"] * 40), "=", 1]]):
        with pytest.raises(DomainInvalid):
            compile_domain(domain, "sale.sale", Schema())


def test_only_clauses_that_bind_every_record_narrow_the_candidates() -> None:
    """An index may be asked for a clause under AND, never for one under OR."""
    schema = Schema()
    bound = compile_domain([["id", ">", 4], ["AND", ["code", "in", ["A", "B"]]], ["id", ">=", 9]], "sale.sale", schema)
    assert (bound.id_above, bound.equal_to) == (8, {"code": ("A", "B")})
    free = compile_domain(["OR", ["id", ">", 4], ["code", "=", "A"]], "sale.sale", schema)
    assert (free.id_above, free.equal_to) == (None, {})
    other = compile_domain(
        [["code", "!=", "A"], ["code", "in", ["A", None]], ["party.name", "=", "A"]], "sale.sale", schema
    )
    assert other.equal_to == {}


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [("a.c", "abc", False), ("%b%", "a\nb", True), (r"50\%", "50%", True), (r"50\%", "501", False), ("_", "", False)],
)
def test_like_takes_only_percent_and_underscore_as_wild(pattern: str, text: str, expected: bool) -> None:
    """Facts 2: `%` any run, `_` one character, nothing else."""
    assert (like_pattern(pattern, ignore_case=False).fullmatch(text) is not None) is expected


LETTERS = st.text(alphabet="ab%_", max_size=8)


def slow_like(pattern: str, text: str) -> bool:
    """LIKE by its definition."""
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(slow_like(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in ("_", text[0]) and slow_like(pattern[1:], text[1:])


@given(pattern=LETTERS, text=st.text(alphabet="ab", max_size=8))
def test_like_agrees_with_its_definition(pattern: str, text: str) -> None:
    """The fast matcher and the obvious one say the same."""
    assert (like_pattern(pattern, ignore_case=False).fullmatch(text) is not None) is slow_like(pattern, text)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.decimals(),
    st.text(max_size=5),
    st.sampled_from(["A-1", "2026-11-20", "9999-12-31T23:59:59-23:59", DAY, MOMENT, DECIMAL, {"__class__": "date"}]),
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3))
PATHS = st.one_of(
    st.sampled_from([*KINDS["sale.sale"], "party.name", "lines.sku", "lines.quantity", "origin.name", "party.", ""]),
    st.text(max_size=4),
)
CLAUSES = st.tuples(PATHS, st.sampled_from(sorted(OPERATORS)), VALUES).map(list)
DOMAINS = st.recursive(
    st.one_of(CLAUSES, SCALARS, st.tuples(PATHS, VALUES).map(list)),
    lambda inner: st.lists(st.one_of(inner, st.sampled_from(["AND", "OR"])), max_size=4),
    max_leaves=12,
)


@given(domain=st.one_of(DOMAINS, st.lists(CLAUSES, max_size=3)))
def test_no_filter_crashes(domain: Any) -> None:
    """Whatever arrives, it is evaluated or refused, and never anything else."""
    try:
        found = compile_domain(domain, "sale.sale", Schema())
    except DomainInvalid:
        return
    for row in SALES.values():
        assert found.matches(row) in (True, False)


@given(domain=st.lists(CLAUSES, max_size=3))
def test_what_narrows_the_candidates_never_loses_a_match(domain: Any) -> None:
    """`equal_to` and `id_above` are necessary conditions of a match."""
    try:
        found = compile_domain(domain, "sale.sale", Schema())
    except DomainInvalid:
        return
    for row in SALES.values():
        if found.matches(row):
            assert found.id_above is None or row["id"] > found.id_above
            assert all(row[name] in wanted for name, wanted in found.equal_to.items())
