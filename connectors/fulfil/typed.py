"""Fulfil's typed values, out and in: dates, instants, spans, decimals, bytes, and what names a record.

We write one generation of them, the one that its own client 3.2.0 writes, and read all of them: parts only (the first),
parts and `iso_string` (the second), `iso_string` only (the third), and bare strings, which some answers have.
Sources: fulfil_client 3.2.0 (serialization), recorded answers, Tryton (the commands of lists).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Self

import msgspec

_DIGITS_MAX: Final = 64


class Undecodable(ValueError):
    """A value from Fulfil has none of the shapes that are known for its type."""


# -- writing -----------------------------------------------------------------------------------------------------------


class DecimalOut(msgspec.Struct, frozen=True, tag_field="__class__", tag="Decimal", gc=False):
    """An exact number: `{"__class__": "Decimal", "decimal": "24.50"}`."""

    decimal: str


class DatetimeOut(msgspec.Struct, frozen=True, tag_field="__class__", tag="datetime", gc=False):
    """An instant in UTC, without saying so: `{"__class__": "datetime", "iso_string": "2026-01-31T10:20:30.000010"}`."""

    iso_string: str


class DateOut(msgspec.Struct, frozen=True, tag_field="__class__", tag="date", gc=False):
    """A calendar day: `{"__class__": "date", "iso_string": "2026-01-31"}`."""

    iso_string: str


class TimeOut(msgspec.Struct, frozen=True, tag_field="__class__", tag="time", gc=False):
    """A time of day: `{"__class__": "time", "iso_string": "10:20:30"}`."""

    iso_string: str


class SpanOut(msgspec.Struct, frozen=True, tag_field="__class__", tag="timedelta", gc=False):
    """A span of time: `{"__class__": "timedelta", "iso_string": "P1DT3600S"}`."""

    iso_string: str


class BytesOut(msgspec.Struct, frozen=True, tag_field="__class__", tag="bytes", gc=False):
    """Bytes: `{"__class__": "bytes", "base64": "..."}`."""

    base64: str


class Reference(msgspec.Struct, frozen=True, gc=False):
    """A record of any model, as a reference field names it: `sale.line,42`."""

    model: str
    id: int

    def __str__(self) -> str:
        return f"{self.model},{self.id}"

    @classmethod
    def parsed(cls, value: Any) -> Self | None:
        """What stands in a reference field; None stays None. Raises Undecodable for anything that names no record."""
        if value is None:
            return None
        model, _, number = value.partition(",") if isinstance(value, str) else ("", "", "")
        if not (model and number.isdecimal() and number.isascii()):
            raise Undecodable("the value names no record of a model")
        return cls(model, int(number))


def decimal_out(number: Decimal) -> DecimalOut:
    """The number with its own scale, never in scientific notation. Raises ValueError for NaN and infinities."""
    if number.is_finite():
        text = str(number)
        return DecimalOut(text if "E" not in text else format(number, "f"))
    raise ValueError(f"{number} is not a number that can be sent")


def datetime_out(moment: datetime) -> DatetimeOut:
    """An aware datetime, to the microsecond. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no place on the time line; give it a zone")
    return DatetimeOut(moment.astimezone(UTC).replace(tzinfo=None).isoformat())


def date_out(day: date) -> DateOut:
    """A calendar day."""
    return DateOut(day.isoformat())


def value_out(value: Any) -> Any:
    """Any value of a field as it is sent, inside lists and objects too.

    A Decimal becomes a Decimal object, as money is sent; give a quantity as a `float` or an `int`. Raises ValueError
    for a naive datetime and for a figure that is not finite.
    """
    match value:
        case Decimal():
            return decimal_out(value)
        case datetime():
            return datetime_out(value)
        case date():
            return date_out(value)
        case time():
            return TimeOut(value.isoformat())
        case timedelta():
            return SpanOut(msgspec.to_builtins(value))
        case bytes():
            return BytesOut(base64.b64encode(value).decode())
        case Reference():
            return str(value)
        case Mapping():
            return {key: value_out(each) for key, each in value.items()}
        case list() | tuple():
            return [value_out(each) for each in value]
        case _:
            return value


# -- commands: how a list of records is changed through its owner ------------------------------------------------------

Command = tuple[Any, ...]


def create(*records: Any) -> Command:
    """Make these records, as children."""
    return ("create", records)


def write(ids: Sequence[int], values: Any) -> Command:
    """Change these children."""
    return ("write", tuple(ids), values)


def delete(ids: Sequence[int]) -> Command:
    """Delete these children."""
    return ("delete", tuple(ids))


def add(ids: Sequence[int]) -> Command:
    """Link these records, which exist."""
    return ("add", tuple(ids))


def remove(ids: Sequence[int]) -> Command:
    """Unlink these records, which go on existing."""
    return ("remove", tuple(ids))


# -- reading -----------------------------------------------------------------------------------------------------------


def decimal_of(value: Any) -> Decimal | None:
    """A Decimal object, a string or a JSON number, with the scale that it has there; None stays None.

    Raises Undecodable for anything else, for NaN and infinities, and for a number of more than 64 digits.
    """
    if value is None:
        return None
    text = value.get("decimal") if isinstance(value, dict) else value
    if isinstance(text, float):
        text = repr(text)  # the shortest decimal that is this float: what stood in the JSON
    if isinstance(text, bool) or not isinstance(text, str | int | Decimal):
        raise Undecodable(f"a {type(text).__name__} is no decimal")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise Undecodable("the text is no decimal") from None
    if not number.is_finite() or abs(number.adjusted()) > _DIGITS_MAX or len(number.as_tuple().digits) > _DIGITS_MAX:
        raise Undecodable("the decimal is not finite, or of no usual size")
    return number


def datetime_of(value: Any) -> datetime | None:
    """An instant, aware and in UTC; None stays None. Without an offset it is UTC already, a day alone its midnight.

    Takes a datetime object with `iso_string`, with parts (year ... microsecond) or with both, and a bare ISO string.
    Raises Undecodable for anything else.
    """
    if value is None:
        return None
    moment = _moment(value)
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise Undecodable("the instant is beyond the calendar") from None


def date_of(value: Any) -> date | None:
    """A calendar day, of the same shapes; None stays None. Of an instant it is the day that stands there.

    Raises Undecodable for anything else.
    """
    return None if value is None else _moment(value).date()


def _moment(value: Any) -> datetime:
    """What stands there, in its own zone or in none. The ISO string wins over the parts."""
    text = value.get("iso_string") if isinstance(value, dict) else value
    try:
        if isinstance(text, str):
            return datetime.fromisoformat(text.strip())
        if isinstance(value, dict):
            times = [value.get(name, 0) for name in ("hour", "minute", "second", "microsecond")]
            return datetime(value["year"], value["month"], value["day"], *times)  # noqa: DTZ001 - the caller adds UTC
    except (KeyError, TypeError, ValueError, OverflowError):
        pass
    raise Undecodable("the value is no date and no instant")


def time_of(value: Any) -> time | None:
    """A time of day, of the same shapes; None stays None. Raises Undecodable for anything else."""
    if value is None:
        return None
    text = value.get("iso_string") if isinstance(value, dict) else value
    try:
        if isinstance(text, str):
            return time.fromisoformat(text.strip())
        return time(value["hour"], value["minute"], value.get("second", 0), value.get("microsecond", 0))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Undecodable("the value is no time of day") from None


def span_of(value: Any) -> timedelta | None:
    """A span: an ISO 8601 duration, `seconds`, or both; None stays None. Raises Undecodable for anything else."""
    if value is None:
        return None
    text = value.get("iso_string") if isinstance(value, dict) else value
    try:
        if isinstance(text, str):
            return msgspec.convert(text.strip(), timedelta)
        return timedelta(seconds=value["seconds"])
    except (KeyError, TypeError, OverflowError, msgspec.ValidationError):
        raise Undecodable("the value is no span of time") from None


def bytes_of(value: Any) -> bytes | None:
    """Bytes; None stays None. Raises Undecodable for anything but a bytes object with valid base64."""
    if value is None:
        return None
    try:
        return base64.b64decode(value["base64"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise Undecodable("the value is no bytes object") from None


def id_of(value: Any) -> int | None:
    """The id in a many2one: bare, or in a record object; None stays None. Raises Undecodable for anything else."""
    if value is None:
        return None
    number = value.get("id") if isinstance(value, dict) else value
    if isinstance(number, bool) or not isinstance(number, int):
        raise Undecodable("the value is no id")
    return number


def ids_of(value: Any) -> tuple[int, ...] | None:
    """The ids of a one2many or many2many; None stays None. Raises Undecodable for anything that is no list of ids."""
    if value is None:
        return None
    if not isinstance(value, list):
        raise Undecodable("the value is no list of ids")
    return tuple([_required(id_of(each)) for each in value])


def _required(number: int | None) -> int:
    if number is None:
        raise Undecodable("an id is missing in a list of ids")
    return number
