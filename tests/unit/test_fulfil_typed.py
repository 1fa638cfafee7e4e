"""Fulfil's typed values: each row of the table of encodings (facts, section 4), out and in."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.fulfil import typed

MOMENT = datetime(2026, 1, 31, 10, 20, 30, 10, tzinfo=UTC)
PARTS = {"year": 2026, "month": 1, "day": 31, "hour": 10, "minute": 20, "second": 30, "microsecond": 10}
ISO = "2026-01-31T10:20:30.000010"


@pytest.mark.parametrize(
    ("value", "wired"),
    [
        pytest.param(typed.date_out(date(2026, 1, 31)), {"__class__": "date", "iso_string": "2026-01-31"}, id="date"),
        pytest.param(typed.datetime_out(MOMENT), {"__class__": "datetime", "iso_string": ISO}, id="datetime"),
        pytest.param(
            typed.datetime_out(MOMENT.astimezone(timezone(timedelta(hours=5)))),
            {"__class__": "datetime", "iso_string": ISO},
            id="datetime with an offset becomes naive UTC",
        ),
        pytest.param(
            typed.decimal_out(Decimal("101.120")),
            {"__class__": "Decimal", "decimal": "101.120"},
            id="Decimal keeps scale",
        ),
        pytest.param(
            typed.decimal_out(Decimal("1E+3")),
            {"__class__": "Decimal", "decimal": "1000"},
            id="Decimal without exponent",
        ),
    ],
)
def test_a_typed_value_is_written_as_the_official_client_writes_it(value: Any, wired: dict[str, str]) -> None:
    """Section 4, what client 3.2.0 sends."""
    assert json.loads(msgspec.json.encode(value)) == wired


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"__class__": "datetime", **PARTS}, id="v1, parts only"),
        pytest.param({"__class__": "datetime", "iso_string": ISO, **PARTS}, id="v2, both"),
        pytest.param({"__class__": "datetime", "iso_string": ISO}, id="v3, iso only"),
        pytest.param(ISO, id="bare string"),
        pytest.param("2026-01-31T10:20:30.000010Z", id="bare string in UTC"),
        pytest.param("2026-01-31T15:20:30.000010+05:00", id="bare string with an offset"),
    ],
)
def test_every_generation_of_a_datetime_is_the_same_instant(value: Any) -> None:
    """Section 4: a decoder must accept parts only, iso only, both, and bare strings; naive is UTC."""
    read = typed.datetime_of(value)
    assert read == MOMENT
    assert read is not None
    assert read.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"__class__": "date", "year": 2026, "month": 1, "day": 31}, id="v1, parts only"),
        pytest.param(
            {"__class__": "date", "iso_string": "2026-01-31", "year": 2026, "month": 1, "day": 31}, id="v2, both"
        ),
        pytest.param({"__class__": "date", "iso_string": "2026-01-31"}, id="v3, iso only"),
        pytest.param("2026-01-31", id="bare string"),
        pytest.param("2026-01-31T23:30:00-05:00", id="of an instant, the day that stands there"),
    ],
)
def test_every_generation_of_a_date_is_the_same_day(value: Any) -> None:
    """Section 4, dates."""
    assert typed.date_of(value) == date(2026, 1, 31)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ({"__class__": "Decimal", "decimal": "60.00"}, "60.00"),
        ({"__class__": "Decimal", "decimal": "60.0"}, "60.0"),
        ({"__class__": "Decimal", "decimal": "0"}, "0"),
        ("24.50", "24.50"),
        (145.32, "145.32"),
        (7, "7"),
        (Decimal("1.10"), "1.10"),
    ],
)
def test_a_decimal_is_read_from_an_object_a_string_and_a_number_with_its_scale(value: Any, number: str) -> None:
    """Section 4, Decimal: the scale is not normalised."""
    assert str(typed.decimal_of(value)) == number


@pytest.mark.parametrize(
    "value",
    [
        *("NaN", "Infinity", "-inf", "1e999999", "", "abc", "1" * 65, True, [], {}, {"decimal": None}),
        {"decimal": "NaN"},
    ],
)
def test_what_is_no_finite_number_is_no_decimal(value: Any) -> None:
    """NaN, infinities, giants and other types are refused."""
    with pytest.raises(typed.Undecodable):
        typed.decimal_of(value)


@pytest.mark.parametrize(
    "value",
    [
        *("", "soon", 5, True, [], {}, {"iso_string": 5}, {"year": 2026}, {**PARTS, "month": 13}, "2026-13-01"),
        {"year": "2026", "month": 1, "day": 2},
        "0001-01-01T00:00:00+23:00",
    ],
)
def test_what_is_no_instant_is_refused(value: Any) -> None:
    """Nothing is guessed from a value of an unknown shape, and nothing but Undecodable is raised."""
    with pytest.raises(typed.Undecodable):
        typed.datetime_of(value)


def test_nothing_stays_nothing() -> None:
    """Null dates and figures are facts, such as the write_date of a record that was never changed."""
    assert [read(None) for read in (typed.decimal_of, typed.datetime_of, typed.date_of)] == [None, None, None]


@given(st.datetimes(timezones=st.timezones()))
def test_an_instant_survives_the_way_out_and_back(moment: datetime) -> None:
    """Whatever its zone, to the microsecond."""
    try:
        wired = msgspec.to_builtins(typed.datetime_out(moment))
    except OverflowError:  # the edge of the calendar
        return
    assert typed.datetime_of(wired) == moment.astimezone(UTC)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12))
def test_a_figure_survives_the_way_out_and_back(number: Decimal) -> None:
    """With its scale, and never as a binary float."""
    assert str(typed.decimal_of(msgspec.to_builtins(typed.decimal_out(number)))) == format(number, "f")


def test_a_naive_datetime_is_not_sent() -> None:
    """A time without a zone is not an instant."""
    with pytest.raises(ValueError, match="naive"):
        typed.datetime_out(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


# -- the rows beside dates and decimals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "wired"),
    [
        pytest.param(date(2026, 1, 31), {"__class__": "date", "iso_string": "2026-01-31"}, id="date"),
        pytest.param(MOMENT, {"__class__": "datetime", "iso_string": ISO}, id="datetime, not taken for a date"),
        pytest.param(time(10, 20, 30), {"__class__": "time", "iso_string": "10:20:30"}, id="time"),
        pytest.param(timedelta(days=1, hours=1), {"__class__": "timedelta", "iso_string": "P1DT3600S"}, id="timedelta"),
        pytest.param(Decimal("1.10"), {"__class__": "Decimal", "decimal": "1.10"}, id="Decimal"),
        pytest.param(b"\x00\xff", {"__class__": "bytes", "base64": "AP8="}, id="bytes"),
        pytest.param(typed.Reference("sale.sale", 42), "sale.sale,42", id="reference"),
        pytest.param(2.5, 2.5, id="float"),
        pytest.param(7, 7, id="int, many2one"),
        pytest.param(True, True, id="bool"),
        pytest.param("2", "2", id="str, selection: a key, also when it is a digit"),
        pytest.param(None, None, id="null"),
        pytest.param({"a": [Decimal(1)]}, {"a": [{"__class__": "Decimal", "decimal": "1"}]}, id="nested"),
    ],
)
def test_every_kind_of_value_goes_out_as_the_official_client_sends_it(value: Any, wired: Any) -> None:
    """Section 4: the column of what client 3.2.0 sends."""
    assert json.loads(msgspec.json.encode(typed.value_out(value))) == wired


@pytest.mark.parametrize(
    "value",
    [
        {"__class__": "time", "iso_string": "10:20:30"},
        {"__class__": "time", "hour": 10, "minute": 20, "second": 30, "microsecond": 0},
        {"__class__": "time", "iso_string": "10:20:30", "hour": 10, "minute": 20, "second": 30},
        "10:20:30",
    ],
)
def test_every_generation_of_a_time_of_day_is_the_same(value: Any) -> None:
    """Section 4, time: iso, parts, both, and bare."""
    assert typed.time_of(value) == time(10, 20, 30)


@pytest.mark.parametrize(
    "value",
    [
        {"__class__": "timedelta", "iso_string": "P1DT1H"},
        {"__class__": "timedelta", "seconds": 90_000},
        {"__class__": "timedelta", "iso_string": "P1DT1H", "seconds": 90_000},
        "P1DT3600S",
    ],
)
def test_every_generation_of_a_span_is_the_same(value: Any) -> None:
    """Section 4, timedelta: an ISO duration, the seconds of the first generation, or both."""
    assert typed.span_of(value) == timedelta(days=1, hours=1)


def test_bytes_are_read_from_base64() -> None:
    """Section 4, bytes."""
    assert typed.bytes_of({"__class__": "bytes", "base64": "AP8="}) == b"\x00\xff"


@pytest.mark.parametrize("value", [7, {"__class__": "Model", "model_name": "party.party", "id": 7, "rec_name": "Ada"}])
def test_a_many2one_is_an_id_or_a_record_that_has_one(value: Any) -> None:
    """Section 4, many2one and record: a record object may occur where an id is usual."""
    assert typed.id_of(value) == 7


def test_a_reference_names_a_model_and_a_record() -> None:
    """Section 4, reference."""
    assert typed.Reference.parsed("stock.shipment.out,81292") == typed.Reference("stock.shipment.out", 81292)


def test_a_list_of_records_is_read_as_their_ids() -> None:
    """Section 4, one2many and many2many when read."""
    assert typed.ids_of([551, {"__class__": "Model", "id": 552}]) == (551, 552)


def test_a_list_of_records_is_written_as_commands() -> None:
    """Section 4, one2many and many2many when written: create, write, delete, add, remove; several per field."""
    commands = [
        typed.create({"quantity": 1}, {"quantity": 2}),
        typed.write((5, 6), {"quantity": 3}),
        typed.delete([7]),
        typed.add([8]),
        typed.remove([9]),
    ]
    assert json.loads(msgspec.json.encode(commands)) == [
        ["create", [{"quantity": 1}, {"quantity": 2}]],
        ["write", [5, 6], {"quantity": 3}],
        ["delete", [7]],
        ["add", [8]],
        ["remove", [9]],
    ]


@pytest.mark.parametrize(
    ("read", "value"),
    [
        *((typed.time_of, each) for each in ("soon", 5, [], {"hour": 25, "minute": 0}, {"hour": "1", "minute": 0})),
        *((typed.span_of, each) for each in ("soon", 5, [], {}, {"seconds": "1"}, {"seconds": 10**30})),
        *((typed.bytes_of, each) for each in ("AP8=", 5, {}, {"base64": "*"}, {"base64": None})),
        *((typed.id_of, each) for each in ("7", True, 7.0, [7, "Ada"], {}, {"id": "7"})),
        *((typed.ids_of, each) for each in ("7", 7, {}, [None], ["7"], [True])),
        *((typed.Reference.parsed, each) for each in (7, "sale.sale", "sale.sale,", ",7", "sale.sale,-1", "a,1,2")),
    ],
)
def test_a_value_of_no_known_shape_is_not_guessed_at(read: Any, value: Any) -> None:
    """Nothing but Undecodable is raised."""
    with pytest.raises(typed.Undecodable):
        read(value)


@pytest.mark.parametrize(
    "read", [typed.time_of, typed.span_of, typed.bytes_of, typed.id_of, typed.ids_of, typed.Reference.parsed]
)
def test_a_null_is_nothing_of_any_kind(read: Any) -> None:
    """An empty many2one, for example, is a fact."""
    assert read(None) is None


@given(
    st.times(), st.timedeltas(), st.binary(max_size=50), st.builds(typed.Reference, st.just("a.b"), st.integers(1, 9))
)
def test_what_goes_out_comes_back(moment: time, span: timedelta, content: bytes, record: typed.Reference) -> None:
    """Through JSON, for each type that has a shape of its own."""
    out = json.loads(msgspec.json.encode(typed.value_out([moment, span, content, record])))
    readers = (typed.time_of, typed.span_of, typed.bytes_of, typed.Reference.parsed)
    assert [read(value) for read, value in zip(readers, out, strict=True)] == [moment, span, content, record]
