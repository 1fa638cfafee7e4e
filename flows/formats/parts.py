"""What every format needs: naming an item, and reading ids, texts and instants the same way.

An order must get the same id from every payload that speaks of it, so ids are made here and nowhere else.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from connectors.contract import Identification, Identified, Unidentifiable
from flows.model.money import NUMBER_DIGITS_MAX, JsonNumber, Money, exact_amount
from flows.model.order import Amount, Unreadable

ORDER_ID_MAX = 100
"""Longest order id, in characters."""

_KEPT_MAX, _KEPT_LENGTH_MAX = 4_096, 1_024
K = TypeVar("K", str, bytes)
V = TypeVar("V")


def texts_in(*values: object) -> tuple[str, ...]:
    """Those of the values that are text, as `text_of` reads it."""
    return tuple(text for text in map(text_of, values) if text is not None)


class Misread(ValueError):
    """A part of the payload is not what its field must hold. The message names the field and never quotes it."""


class NotYet(Misread):
    """Nothing is wrong with the payload, and the sales channel has not published all of it yet."""


def id_text(value: object) -> str | None:
    """An id as text: the same for 42, "42", " 42 " and 42.0, as a table writes it. None for what is no id."""
    if type(value) is int:
        return str(value) if value.bit_length() <= 64 else None  # noqa: PLR2004 - no id is wider than a word
    if type(value) is str and len(value) <= ORDER_ID_MAX + 2:
        text = value.strip(" ")
        return text if text and len(text) <= ORDER_ID_MAX and text.isprintable() else None
    if type(value) is JsonNumber:
        whole, _, fraction = value.partition(".")
        faithful = whole.isdecimal() and len(whole) <= NUMBER_DIGITS_MAX  # beyond them a float has lost digits
        return whole if faithful and not fraction.strip("0") else None
    return None


def identified(order_id: object, updated_at: object, field: str = "id") -> Identification:
    """The answer for an item with this id and time of update; `field` is what the format calls the id."""
    text = id_text(order_id)
    if text is not None:
        return Identified(text, version_of(updated_at))
    what = f"The item has no `{field}`"
    if order_id is not None and order_id is not msgspec.UNSET:
        what = f"Its `{field}` is neither an integer nor printable text of 1 to {ORDER_ID_MAX} characters"
    return Unidentifiable(f"{what}; send the sales channel's own order id.")


def version_of(updated_at: object) -> str:
    """The time of update as UTC text of fixed width, which sorts; empty when there is none that can be read."""
    try:
        moment = instant_of(updated_at)
    except Misread:
        return ""
    if moment is None:
        return ""
    text: str = msgspec.to_builtins(moment)  # ten times as quick as isoformat; it leaves out microseconds of zero
    return text if "." in text else f"{text[:-1]}.000000Z"


def promise_of(value: object) -> datetime | None:
    """The same of a date that an order can do without: None also for what is none."""
    try:
        return instant_of(value)
    except Misread:
        return None


def instant_of(value: object, field: str = "a date") -> datetime | None:
    """An aware UTC datetime of ISO 8601 text; None for null and empty text. Raises Misread, also for a missing zone."""
    if value is None or value == "":
        return None
    if type(value) is not str:
        raise Misread(f"{field} is not text in ISO 8601")
    try:
        moment = datetime.fromisoformat(value)
        zone = moment.tzinfo
        utc = moment if zone is UTC else None if zone is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Misread(f"{field} is not a date and time in ISO 8601") from None
    if utc is None:
        raise Misread(f"{field} has no time zone")
    return utc


def known_instant(*values: object) -> datetime | None:
    """The first of these that is a date and time with a zone: for dates that are no reason to refuse an order."""
    for value in values:
        try:
            moment = instant_of(value)
        except Misread:
            continue
        if moment is not None:
            return moment
    return None


def text_of(value: object) -> str | None:
    """Text without NUL characters and outer spaces, also of a number; None when nothing is left."""
    if value is None:
        return None
    if type(value) is str:
        return (value.replace("\x00", "") if "\x00" in value else value).strip() or None
    if type(value) is int or type(value) is JsonNumber:
        return str(value)
    return None


class Kept(dict[K, V]):
    """What was read before, by the text that it was read from. Bounded: when it is full, all is forgotten."""

    __slots__ = ()

    def keep(self, text: K, read: V) -> V:
        """Remember what was read, unless it was a long text; returns it."""
        if len(text) <= _KEPT_LENGTH_MAX:
            if len(self) >= _KEPT_MAX:
                self.clear()
            self[text] = read
        return read


class Amounts(Kept[str, Amount]):
    """Amounts of orders in one currency, by their text: equal texts share one object. Raises InvalidAmount."""

    __slots__ = ("currency",)

    def __init__(self, currency: str) -> None:
        super().__init__()
        self.currency = currency

    def __missing__(self, text: str) -> Amount:
        return self.keep(text, Amount(Money(exact_amount(text), self.currency)))


def unreadable(error: Exception) -> Unreadable:
    """The answer for a payload that could not be read, and whether there is something to wait for."""
    return Unreadable(misread(error), "later" if isinstance(error, NotYet) else "")


def misread(error: Exception) -> str:
    """The reason why a payload could not be read, as a sentence; msgspec's own messages name types and places only."""
    if isinstance(error, msgspec.ValidationError):
        what, _, where = str(error).partition(" - at ")
        if what.startswith("Invalid enum value"):  # the one message that quotes the payload
            what = "A word that the format does not know"
        if " matching regex " in what:  # nobody who reads a case reads a pattern
            what = "A text of another form than its field has"
        return f"The order does not have the shape of its format: {what}{where and ' at '}{where}."
    if isinstance(error, msgspec.DecodeError | RecursionError):
        return "The payload is not one well-formed JSON object."
    return f"The order cannot be read: {error}."


def object_in(raw: msgspec.Raw | msgspec.UnsetType) -> bytes | None:
    """The JSON object that a field holds; None when it holds something else, or is missing."""
    if raw is msgspec.UNSET:
        return None
    content = bytes(raw).lstrip()
    return content if content.startswith(b"{") else None


Json = Any
"""A JSON value that is looked at by type: text, int, `JsonNumber`, bool, None, list or dict."""

Empty = list[Any]
"""What PHP makes of an object without fields, in a sales channel or on the way from it."""
