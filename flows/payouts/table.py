"""Tables as files (CSV, tab-separated): rows by the names of their columns, each with its place.

A header line is looked for where the file begins, below empty lines. Rows that are too short or too long, quotes that
do not end, bytes that are no text, and a file that a spreadsheet has written anew with other separators are refused
with their line. Only rows between tabs may leave out empty cells at their end, and the last of them where the file ends
with a line.
"""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, tzinfo
from decimal import Decimal
from io import BytesIO, StringIO
from types import MappingProxyType

from flows.model.money import ZERO, InvalidAmount
from flows.payouts.parts import (
    BOM,
    PayoutUnreadable,
    Source,
    amount_in,
    batches,
    currency_in,
    day_in,
    id_in,
    instant_in,
    year_first,
)

_WIDE = (b"\xff\xfe", b"\xfe\xff")
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
CELL_CHARACTERS_MAX = 100_000
_BLOCK_BYTES = 65_536
"""About how much of a file is made text at a time."""
NO_NAMES: Mapping[str, str] = MappingProxyType({})


def folded(name: str) -> str:
    """The name of a column: its case, spaces and underscores make no difference."""
    return " ".join(name.strip().casefold().replace("_", " ").split())


def head_of(head: bytes, delimiter: str = ",") -> set[str]:
    """The names of columns that a file begins with, folded; empty when that is no text."""
    line = head.removeprefix(BOM).lstrip(b"\r\n").partition(b"\n")[0]
    try:
        cells = next(csv.reader([line.decode().rstrip("\r")], delimiter=delimiter), [])
    except (UnicodeDecodeError, csv.Error):
        return set()
    return {folded(cell) for cell in cells}


def has_columns(head: bytes, names: Iterable[str], delimiter: str = ",") -> bool:
    """Whether a file begins with these columns, among others; also when a spreadsheet has changed the separators."""
    wanted = {folded(name) for name in names}
    return any(wanted <= head_of(head, each) for each in {delimiter, *_SEPARATORS})


def missing_of(head: bytes, names: Sequence[str]) -> tuple[str, ...]:
    """Which of these columns a file does not begin with, in whichever way its columns are separated."""
    there = [head_of(head, each) for each in _SEPARATORS]
    return min((tuple(name for name in names if folded(name) not in each) for each in there), key=len)


class Row:
    """One row: cells by the folded name of their column. One that has no one meaning raises PayoutUnreadable."""

    __slots__ = ("_at", "_named", "cells", "line", "source")

    def __init__(
        self, at: dict[str, int], cells: list[str], line: int, source: Source, named: Mapping[str, str]
    ) -> None:
        self._at, self.cells, self.line, self.source, self._named = at, cells, line, source, named

    def place(self, column: str = "") -> str:
        """Where it stands; the column as the file spells it."""
        named = f", column {self._named.get(column, column)}" if column else ""
        return f"line {self.line}{named}"

    def refused(self, column: str, why: object) -> PayoutUnreadable:
        """What is wrong with one of its cells."""
        return PayoutUnreadable(self.place(column), str(why))

    @property
    def columns(self) -> tuple[str, ...]:
        """The folded names of the file's columns, in its order."""
        return tuple(self._at)

    def has(self, column: str) -> bool:
        """Whether the file has this column."""
        return column in self._at

    def text(self, column: str) -> str:
        """A cell as it stands, without outer spaces; empty where there is no such column."""
        at = self._at.get(column)
        return "" if at is None else self.cells[at].strip()

    def first(self, *columns: str) -> str:
        """The first of these cells that has anything in it."""
        return next(filter(None, map(self.text, columns)), "")

    def id(self, column: str) -> str:
        """An id, or empty."""
        try:
            return id_in(self.text(column))
        except ValueError as error:
            raise self.refused(column, error) from None

    def amount(self, column: str, *, comma: bool = False, thousands: str = "") -> Decimal:
        """An amount that has to be there."""
        try:
            return amount_in(self.text(column), comma=comma, thousands=thousands)
        except InvalidAmount as error:
            raise self.refused(column, error) from None

    def amount_or(self, column: str, default: Decimal = ZERO, *, comma: bool = False, thousands: str = "") -> Decimal:
        """An amount, or the default where the cell is empty."""
        return self.amount(column, comma=comma, thousands=thousands) if self.text(column) else default

    def currency(self, column: str) -> str:
        """A currency's code that has to be there."""
        try:
            return currency_in(self.text(column))
        except InvalidAmount as error:
            raise self.refused(column, error) from None

    def instant(self, column: str, zone: tzinfo | None = None, *, dotted: bool = False) -> str:
        """An instant in UTC, or empty; one without an offset is local to `zone`, or else to the file's. `dotted`: its
        day may be written as 31.12.2026.
        """
        text = self.text(column)
        try:
            return instant_in(year_first(text) if dotted else text, zone or self.source.zone)
        except ValueError as error:
            raise self.refused(column, error) from None

    def day(self, column: str, *, dotted: bool = False) -> date | None:
        """A day, or None. `dotted`: it may be written as 31.12.2026."""
        text = self.text(column)
        try:
            return day_in(year_first(text) if dotted else text, self.source.zone)
        except ValueError as error:
            raise self.refused(column, error) from None


class Block:
    """Rows that follow one another in a file: one by one, or by columns, which takes less time for each."""

    __slots__ = ("_at", "_columns", "_named", "_rows", "_source")

    def __init__(
        self, at: dict[str, int], rows: Sequence[tuple[int, list[str]]], source: Source, named: Mapping[str, str]
    ) -> None:
        self._at, self._rows, self._source, self._named = at, rows, source, named
        self._columns: list[tuple[str, ...]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return map(self.row, range(len(self)))

    def has(self, column: str) -> bool:
        """Whether the file has this column."""
        return column in self._at

    def row(self, number: int) -> Row:
        """One of them, from 0."""
        line, cells = self._rows[number]
        return Row(self._at, cells, line, self._source, self._named)

    def part(self, start: int, stop: int) -> Block:
        """Some of them."""
        return Block(self._at, self._rows[start:stop], self._source, self._named)

    def places(self) -> list[str]:
        """Where each of them stands."""
        return [f"line {line}" for line, _ in self._rows]

    def column(self, name: str) -> list[str]:
        """The cells of one column without outer spaces; empty where there is no such column."""
        at = self._at.get(name)
        if at is None:
            return [""] * len(self)
        if not self._columns:
            self._columns = list(zip(*[cells for _, cells in self._rows], strict=True))
        return list(map(str.strip, self._columns[at]))

    def first(self, *names: str) -> list[str]:
        """Of each row the first of these cells that has anything in it."""
        there = [self.column(name) for name in names if name in self._at]
        return [next(filter(None, cells), "") for cells in zip(*there, strict=True)] if there else [""] * len(self)


def rows_of(
    source: Source, required: Sequence[str], *, delimiter: str = ",", called: Mapping[str, str] = NO_NAMES
) -> Iterator[Row]:
    """The rows below the header, one by one; as in `blocks_of`."""
    for block in blocks_of(source, required, delimiter=delimiter, called=called):
        yield from block


def blocks_of(
    source: Source, required: Sequence[str], *, delimiter: str = ",", called: Mapping[str, str] = NO_NAMES
) -> Iterator[Block]:
    """The rows below the header, which has to name the `required` columns. Names fold case, spaces and underscores;
    `called`: what this file calls some of them.
    """
    rows = _numbered(source, delimiter)
    header = next((cells for _, cells in rows if any(cells)), None)
    if header is None:
        raise PayoutUnreadable("line 1", "the file is empty")
    at = _columns(header, [called.get(name, name) for name in required], delimiter)
    at.update({ours: at[theirs] for ours, theirs in called.items() if theirs in at})
    named = {**called, **{name: " ".join(header[place].split()) for name, place in at.items()}}
    if delimiter == "\t":
        rows = _padded(rows, len(header), last_is_whole=bytes(source.content[-1:]) == b"\n")
    for batch in batches(_full(rows, len(header), delimiter)):
        if batch:
            yield Block(at, batch, source, named)


def _numbered(source: Source, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Every row with the number of its line."""
    if delimiter == "\t":  # nothing is quoted in these: an inch is an inch
        reader = csv.reader(_lines(source), delimiter=delimiter, quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(_lines(source), delimiter=delimiter, strict=True)
    csv.field_size_limit(CELL_CHARACTERS_MAX)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise PayoutUnreadable(f"line {max(1, reader.line_num)}", _csv_sentence(str(error))) from None


def _padded(
    rows: Iterable[tuple[int, list[str]]], width: int, *, last_is_whole: bool
) -> Iterator[tuple[int, list[str]]]:
    """The rows with the empty cells that they leave out; the last only where it is whole, since it may be cut off."""
    before: tuple[int, list[str]] | None = None
    for row in rows:
        if before is not None:
            before[1].extend([""] * (width - len(before[1])))
            yield before
        before = row
    if before is not None:
        before[1].extend([""] * (width - len(before[1]) if last_is_whole else 0))
        yield before


def _full(rows: Iterable[tuple[int, list[str]]], width: int, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that have anything in them, each as wide as the header."""
    for row in rows:
        line, cells = row
        if not any(cells):
            continue
        if len(cells) != width:
            raise PayoutUnreadable(f"line {line}", _width_sentence(len(cells), width, delimiter))
        yield row


def _columns(header: Sequence[str], required: Sequence[str], delimiter: str) -> dict[str, int]:
    at: dict[str, int] = {}
    for number, name in enumerate(header):
        column = folded(name)
        if column and at.setdefault(column, number) != number:
            raise PayoutUnreadable("line 1", f"two columns have the same name (columns {at[column] + 1}, {number + 1})")
    missing = [name for name in required if name not in at]
    if missing:
        wrong = next((each for each in _SEPARATORS if each != delimiter and len(header) == 1 and each in header[0]), "")
        if wrong:
            said = f"its columns are separated by {_SEPARATORS[wrong]}, not by {_SEPARATORS.get(delimiter, delimiter)}"
            raise PayoutUnreadable("line 1", f"{said}; import it as it was downloaded")
        raise PayoutUnreadable("line 1", f"there is no column {', '.join(missing)}; import it as it was downloaded")
    return at


def _width_sentence(found: int, wanted: int, delimiter: str) -> str:
    if found < wanted:
        return f"it has {found} of {wanted} columns: the file is cut off, or a cell has a line break without quotes"
    cause = f"a cell has {_SEPARATORS.get(delimiter, delimiter)} without quotes"
    return f"it has {found} columns, and the header has {wanted}: {cause}"


def _csv_sentence(error: str) -> str:
    if "unexpected end" in error:
        return "the file ends within a quoted cell: it is cut off"
    if "limit" in error:
        return f"a cell has more than {CELL_CHARACTERS_MAX} characters"
    return "its quotes do not go together"


def _lines(source: Source) -> Iterator[str]:
    """The lines of the file as text, ends kept, the mark of UTF-8 at its beginning dropped."""
    content, encoding = source.content, source.encoding
    if bytes(content[:2]) in _WIDE:
        raise PayoutUnreadable("line 1", "it is UTF-16, as spreadsheets write it; import it as it was downloaded")
    stream = BytesIO(content) if isinstance(content, bytes) else content
    stream.seek(0)
    number = 1
    while block := stream.read(_BLOCK_BYTES) + stream.readline():
        yield from _decoded(block.removeprefix(BOM) if number == 1 else block, number, encoding)
        number += block.count(b"\n")


def _decoded(block: bytes, first: int, encoding: str) -> Iterable[str]:
    """Lines as text: all at once, which is quickest; or, when one is none, one by one, so that it is known which."""
    try:
        text = str(block, encoding)
    except UnicodeDecodeError:
        text = "\x00"
    if "\x00" in text or b"\x00" in block:
        return (_text(line, number, encoding) for number, line in enumerate(BytesIO(block), start=first))
    return StringIO(text, newline="\n")


def _text(line: bytes, number: int, encoding: str) -> str:
    try:
        text = str(line, encoding)
    except UnicodeDecodeError as error:
        said = f"its byte {error.start + 1} is no {encoding}; say with --encoding what it is, or download it again"
        raise PayoutUnreadable(f"line {number}", said) from None
    if "\x00" in text:
        raise PayoutUnreadable(f"line {number}", "it has a zero byte: this is no text, or the disk lost a part")
    return text


class Ordinals:
    """Ids for rows that have none: what stands in them, and how often that has come before. The same rows get the same
    ids whichever file they come in, as long as a file has all rows of a payout that are alike.
    """

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def id_of(self, *parts: str) -> tuple[str, bool]:
        """The id, and whether the same stood before."""
        mark = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=12).hexdigest()
        self._seen[mark] += 1
        count = self._seen[mark]
        return (f"row-{mark}" if count == 1 else f"row-{mark}-{count}"), count > 1
