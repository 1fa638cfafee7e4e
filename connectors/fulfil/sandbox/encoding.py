"""Fulfil's JSON: how decimals, dates and instants look on the wire, in both directions.

Read: all three generations of date objects (parts only, ISO only, both). Written: the second generation (parts and
ISO string), which old and new clients read. Source: fulfil_client 3.2.0 serialization, and recorded answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

import msgspec

from runtime.clock import Instant, to_datetime, to_instant

DEPTH_MAX = 40
"""Deepest nesting that a body may have."""
DIGITS_MAX = 18
"""Most digits before the point of an amount; smallest exponent of one that is not zero."""

encode = msgspec.json.Encoder().encode
decode_json = msgspec.json.Decoder(float_hook=Decimal).decode
"""Any JSON, with fractions as exact Decimals. Raises msgspec.DecodeError."""


class Malformed(Exception):
    """The call's arguments make no sense. Fulfil answers these with a server error, not with a 400."""


@lru_cache(maxsize=65_536)
def money(text: str) -> Decimal:
    """A finite decimal from its text; equal texts share one object. Raises Malformed."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise Malformed("an amount is not a number") from None
    if not value.is_finite() or (value and not -DIGITS_MAX <= value.adjusted() <= DIGITS_MAX):
        raise Malformed("an amount is not finite, or out of range")
    return value


def as_money(value: Any) -> Decimal:
    """An amount in any of its spellings: Decimal object, text, or JSON number. Raises Malformed."""
    if isinstance(value, Mapping):
        if value.get("__class__") != "Decimal":
            raise Malformed("an amount is an object, but not a Decimal object")
        value = value.get("decimal")
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise Malformed("an amount is neither a Decimal object, nor text, nor a number")
    return money(str(value))


def decimal_text(value: Decimal) -> str:
    """The decimal without exponent, its scale kept."""
    return format(value, "f")


def put_decimal(value: Decimal | None) -> dict[str, str] | None:
    """A Decimal object."""
    return None if value is None else {"__class__": "Decimal", "decimal": format(value, "f")}


def put_date(value: date | None) -> dict[str, Any] | None:
    """A date object with parts and ISO string."""
    if value is None:
        return None
    parts = {"year": value.year, "month": value.month, "day": value.day}
    return {"__class__": "date", "iso_string": value.isoformat(), **parts}


def put_datetime(value: Instant | None) -> dict[str, Any] | None:
    """A datetime object, naive and in UTC, with parts and ISO string."""
    if value is None:
        return None
    moment = to_datetime(value).replace(tzinfo=None)
    return {
        "__class__": "datetime",
        "iso_string": moment.isoformat(),
        "year": moment.year,
        "month": moment.month,
        "day": moment.day,
        "hour": moment.hour,
        "minute": moment.minute,
        "second": moment.second,
        "microsecond": moment.microsecond,
    }


def aged(put: Callable[[Any], Any], generation: str) -> Callable[[Any], Any]:
    """A writer of date objects as another generation of servers has it: v1 parts, v2 both, v3 ISO, or bare text."""
    if generation == "v2":
        return put

    def as_of(value: Any) -> Any:
        found = put(value)
        if found is None:
            return None
        iso = found.pop("iso_string")
        if generation == "v1":
            return found
        return iso if generation == "text" else {"__class__": found["__class__"], "iso_string": iso}

    return as_of


def instant_of(moment: datetime) -> Instant:
    """A naive datetime is UTC (as Fulfil's own), an aware one is converted. Raises Malformed outside 0001..9999."""
    try:
        return to_instant(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
    except OverflowError:
        raise Malformed("a datetime is out of range") from None


_PARTS = ("year", "month", "day", "hour", "minute", "second", "microsecond")


def _datetime(obj: Mapping[str, Any]) -> datetime:
    iso = obj.get("iso_string")
    if iso:
        return datetime.fromisoformat(iso)
    return datetime(*(int(obj[part]) for part in _PARTS))  # type: ignore[arg-type]  # noqa: DTZ001 - naive UTC on the wire


def _date(obj: Mapping[str, Any]) -> date:
    iso = obj.get("iso_string")
    return date.fromisoformat(iso) if iso else date(int(obj["year"]), int(obj["month"]), int(obj["day"]))


def _time(obj: Mapping[str, Any]) -> time:
    iso = obj.get("iso_string")
    if iso:
        return time.fromisoformat(iso)
    hour, minute, second, microsecond = (int(obj[part]) for part in _PARTS[3:])
    return time(hour, minute, second, microsecond)


def _timedelta(obj: Mapping[str, Any]) -> timedelta:
    return timedelta(seconds=int(obj["seconds"]))


_READERS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "Decimal": as_money,
    "date": _date,
    "datetime": _datetime,
    "time": _time,
    "timedelta": _timedelta,
}


def from_wire(value: Any, depth: int = 0) -> Any:
    """The value with every typed object replaced by the Python value it stands for. Raises Malformed."""
    if depth > DEPTH_MAX:
        raise Malformed("the arguments are nested too deeply")
    if isinstance(value, list):
        return [from_wire(item, depth + 1) for item in value]
    if isinstance(value, dict):
        reader = _READERS.get(str(value.get("__class__")))
        if reader is None:
            return {key: from_wire(item, depth + 1) for key, item in value.items()}
        try:
            return reader(value)
        except (KeyError, TypeError, ValueError, OverflowError):
            raise Malformed(f"a {value['__class__']} object cannot be read") from None
    return value
