"""JSON as files of payouts: one document, an array of them, one to a line or one after another; items one at a time,
with their places.

The whole text is looked through once for where its items are; they are then read a batch at a time, so that no more of
them is in memory as values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sized
from io import BytesIO
from typing import Any, TypeVar

import msgspec

from flows.model.money import JsonNumber
from flows.model.payout import Finding
from flows.payouts.parts import BATCH, BOM, PayoutUnreadable

T = TypeVar("T")
_raw_list = msgspec.json.Decoder(list[msgspec.Raw])
_raw = msgspec.json.Decoder(msgspec.Raw)
_any = json.JSONDecoder()
_text_from = re.compile(r"\S").search


def decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    """A decoder in which numbers with a fraction stay the text that they are."""
    return msgspec.json.Decoder(kind, float_hook=JsonNumber)


def documents(content: bytes) -> Iterator[tuple[str, msgspec.Raw]]:
    """The documents of a file, each with its place: empty for the only one. One of many may be malformed, which is said
    when it is read (`read_as`).
    """
    view = memoryview(content)
    if bytes(view[:3]) == BOM:
        view = view[3:]
    if bytes(view[:2]) in (b"\xff\xfe", b"\xfe\xff"):
        raise PayoutUnreadable("byte 1", "it is UTF-16; JSON is UTF-8: import it as it was downloaded")
    start = bytes(view[:256]).lstrip()[:1]
    try:
        if start == b"[":
            for number, each in enumerate(_raw_list.decode(view), start=1):
                yield f"item {number}", each
        else:
            yield "", _raw.decode(view)
    except msgspec.DecodeError as error:
        if start == b"{" and "trailing" in str(error):
            yield from _by_line(content) if _ends_with_its_line(content) else _one_after_another(view)
        else:
            raise PayoutUnreadable(_place_in(view, str(error)), _sentence(str(error))) from None


def _by_line(content: bytes) -> Iterator[tuple[str, msgspec.Raw]]:
    for number, line in enumerate(iter(_stream(content).readline, b""), start=1):
        if not line.isspace():
            yield f"line {number}", msgspec.Raw(line.removesuffix(b"\n"))


def _ends_with_its_line(content: bytes) -> bool:
    """Whether the first line is a document, and no beginning of one that goes on below."""
    try:
        _raw.decode(_stream(content).readline())
    except msgspec.DecodeError as error:
        return "truncated" not in str(error)
    return True


def _stream(content: bytes) -> BytesIO:
    """Its lines to read, without the mark of UTF-8; what is mapped is not copied as a whole."""
    stream = BytesIO(content) if isinstance(content, bytes) else content
    stream.seek(len(BOM) if bytes(content[: len(BOM)]) == BOM else 0)
    return stream


def _one_after_another(view: memoryview) -> Iterator[tuple[str, msgspec.Raw]]:
    """Documents of many lines each, as several downloads make them that were joined to one file."""
    text = _utf8(view)
    at = number = 0
    while (begins := _text_from(text, at)) is not None:
        number += 1
        try:
            _, at = _any.raw_decode(text, begins.start())
        except (ValueError, RecursionError) as error:
            where = error.pos if isinstance(error, json.JSONDecodeError) else begins.start()
            is_cut = _text_from(text, where) is None
            line = text.count("\n", 0, where) + 1
            raise PayoutUnreadable(f"line {line}", _sentence("truncated" if is_cut else "")) from None
        yield f"document {number}", msgspec.Raw(text[begins.start() : at].encode())


def _utf8(view: memoryview) -> str:
    try:
        return str(view, "utf-8")
    except UnicodeDecodeError as error:
        line = bytes(view[: error.start]).count(b"\n") + 1
        raise PayoutUnreadable(f"line {line}", _sentence("")) from None


def read_as(kind: msgspec.json.Decoder[T], raw: msgspec.Raw, place: str) -> T:
    """One item as what it should be. Raises PayoutUnreadable with its place."""
    try:
        return kind.decode(raw)
    except msgspec.ValidationError as error:
        if kind is not _raw:
            read_as(_raw, raw, place)  # what is malformed is that first
        what, _, where = str(error).partition(" - at ")
        if what.startswith(("Invalid enum value", "Invalid value")):  # these quote the file
            what = "a word that the format does not know"
        raise PayoutUnreadable(f"{place}{where.strip('`').removeprefix('$')}" or "the document", what) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise PayoutUnreadable(place, _sentence(str(error))) from None


class Pages:
    """Pages of lists, by names that they have: one that says that more follows is complete once that begins, too."""

    def __init__(self) -> None:
        self._begun = set[str]()
        self._going = list[tuple[tuple[str, ...], Finding]]()

    def begins(self, *names: str) -> None:
        """A page is here, under each of these names."""
        self._begun.update(names)

    def goes_on(self, field: str, place: str, *names: str) -> None:
        """A page says by this field that more of the list follows, on a page that has one of these names."""
        said = f"{field}: the list goes on, and the rest of it is not in this file"
        self._going.append((names, Finding(kind="incomplete", sentence=said, place=place)))

    def missing(self) -> Iterator[Finding]:
        """What follows and is not here."""
        yield from (finding for names, finding in self._going if self._begun.isdisjoint(names))


def items_as(
    many: msgspec.json.Decoder[list[T]], one: msgspec.json.Decoder[T], raw: msgspec.Raw, at: str
) -> Iterator[tuple[list[str], list[T]]]:
    """The items of a list, a batch at a time, and their places."""
    raws: list[msgspec.Raw] = read_as(_raw_list, raw, at)
    return raws_as(many, one, places_in(at, raws), raws)


def raws_as(
    many: msgspec.json.Decoder[list[T]], one: msgspec.json.Decoder[T], places: list[str], raws: list[msgspec.Raw]
) -> Iterator[tuple[list[str], list[T]]]:
    """The same of items whose texts and places are known: those of a batch are read at once, which is quickest; or,
    when one of them is not what it should be, one by one, so that it is known which.
    """
    for at, some in by_batch(places, raws):
        found = read_whole(many, b"[%b]" % b",".join(some))
        if found is not None:
            yield at, found
        else:
            yield from (([place], [read_as(one, each, place)]) for place, each in zip(at, some, strict=True))


def read_whole(kind: msgspec.json.Decoder[T], text: bytes | msgspec.Raw) -> T | None:
    """All of a text at once; None when something in it is not what it should be, and is to be looked for."""
    try:
        return kind.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def places_in(at: str, items: Sized) -> list[str]:
    """The places of the items of a list."""
    return [f"{at}[{number}]" for number in range(1, len(items) + 1)]


def by_batch(places: list[str], items: list[T]) -> Iterator[tuple[list[str], list[T]]]:
    """Items and their places, a batch at a time."""
    for start in range(0, len(items), BATCH):
        yield places[start : start + BATCH], items[start : start + BATCH]


def refused(place: str, field: str, error: Exception) -> PayoutUnreadable:
    """What is wrong with one field of an item."""
    why = str(error) if isinstance(error, ValueError) else "the number is out of range"
    return PayoutUnreadable(f"{place}.{field}" if place else field, why)


def _sentence(error: str) -> str:
    if "truncated" in error:
        return "the JSON is cut off"
    return "the JSON is malformed"


def _place_in(view: memoryview, error: str) -> str:
    """Line and byte of the place where msgspec stopped; the end of the file where it says nothing."""
    _, _, said = error.partition("(byte ")
    at = int(said.rstrip(")")) if said.rstrip(")").isdigit() else len(view)
    before = bytes(view[:at])
    return f"line {before.count(10) + 1}, byte {at - before.rfind(10)}"


NOTHING = msgspec.Raw(b"null")
"""The default of a field that is kept as text until it is looked at."""

Value = Any
"""A JSON value that is judged when it is used: text, int, `JsonNumber`, bool, None."""
