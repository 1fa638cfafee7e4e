"""What commands show: tables and JSON on stdout, the command for the next page on stderr. Whatever others sent is spelt
out, never obeyed by a terminal.
"""

from __future__ import annotations

import csv
import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TextIO

import msgspec

_COMMANDS_A_TERMINAL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Control characters, line breaks and reversals of the direction of text."""
_COMMANDS_A_SPREADSHEET = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a formula begins with; the last four are wide forms that some spreadsheets take for it, too."""


_PIECE = re.compile(r"( *)(\S*`[^`]*`\S*|\S+)")
"""What stands on one line if it fits there at all: a word, and a command between backticks."""
_WHOLE_MAX = 20
"""Up to so many characters a cell is never wrapped: an instant, an amount with its currency, a short name."""
_UNBROKEN = re.compile(r"\S*\d [A-Z]{3}(?!\S)|\S+")
_READABLE = 24
"""No column of sentences is narrower."""


def harmless(cell: object) -> str:
    """Text that is shown and never obeyed: what commands a terminal is spelt out."""
    return _COMMANDS_A_TERMINAL.sub(lambda found: f"\\u{ord(found[0]):04x}", str(cell))


def short(moment: datetime) -> str:
    """An instant, to the second."""
    return moment.strftime("%Y-%m-%d %H:%M:%SZ")


def pairs(values: dict[str, Any]) -> str:
    """Names and values on one line."""
    return ", ".join(f"{name}={value}" for name, value in values.items())


def money(amount: object, currency: str | None) -> str:
    """An amount in its currency; empty where nobody knows it."""
    return "" if amount is None or not currency else f"{amount} {currency}"


def print_json(value: Any) -> None:
    """One line of JSON."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def say(*lines: object, to: TextIO | None = None) -> None:
    """Lines on stdout or `to` another stream, each made harmless; on a terminal wrapped between words, below where the
    line begins, so that what is to be typed stays whole.
    """
    stream = to or sys.stdout
    shown = [harmless(line) for line in lines]
    if stream.isatty():
        shown = [part for line in shown for part in wrapped(line, shutil.get_terminal_size().columns)]
    stream.write("\n".join(shown) + "\n")


def say_cells(lines: Iterable[str]) -> None:
    """Lines of cells that tabs keep apart: in a pipe they still do, on a terminal the lines are wrapped."""
    for line in lines:
        if sys.stdout.isatty():
            say(line.replace("\t", "  "))
        else:
            print("\t".join(map(harmless, line.split("\t"))))


def wrapped(line: str, width: int) -> list[str]:
    """A line in lines of at most `width`, apart from single words and commands that are longer."""
    begins = line[: len(line) - len(line.lstrip())]
    if len(line) <= width:
        return [line]
    parts = [begins]
    for gap, piece in _PIECE.findall(line):
        if parts[-1] != begins and len(parts[-1]) + len(gap) + len(piece) > width:
            parts.append(begins)
        parts[-1] += piece if parts[-1] == begins else gap + piece
    return parts


def print_table(
    head: tuple[str, ...], rows: list[tuple[Any, ...]], *, empty: str = "nothing", typed: bool = False
) -> None:
    """A table for people: as wide as the terminal, and nothing in it cut; where it is too wide, empty columns are left
    out, then short cells are wrapped, too, then each row is a paragraph. In a pipe its cells stand between tabs. A cell
    of None is empty. What an empty table means goes there in its place, and beside a pipe on stderr. `typed`: the last
    column is to be typed; on a terminal it stands below the table, each in a line of its own by the number of its row.
    """
    shown = [tuple("" if cell is None else harmless(cell) for cell in row) for row in rows]
    if not sys.stdout.isatty():
        for row in (head, *shown):
            sys.stdout.write("\t".join(row) + "\n")
        if not rows:
            say(empty, to=sys.stderr)
    elif not rows:
        say(empty)
    elif typed:
        _print_for_people(("", *head[:-1]), [(str(number), *row[:-1]) for number, row in enumerate(shown, 1)])
        sys.stdout.writelines(f"{number}: {row[-1]}\n" for number, row in enumerate(shown, 1))
    else:
        _print_for_people(head, shown)


def _print_for_people(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    from rich.console import Console  # noqa: PLC0415 - only people need it, and it takes its time
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    columns_max, lines = shutil.get_terminal_size()
    console = Console(width=columns_max, height=lines)
    columns = list(zip(head, *rows, strict=True))
    for shown, is_tight in ((columns, False), (filled := _filled(columns), False), (filled, True)):
        widths = column_widths(shown, columns_max, is_tight=is_tight)
        if widths is None:
            continue
        table = Table(box=None, pad_edge=False)
        for column, width in zip(shown, widths, strict=True):
            table.add_column(Text(column[0]), width=width, overflow="fold")  # Text: brackets in a SKU are no markup
        for cells in list(zip(*shown, strict=True))[1:]:
            table.add_row(*map(Text, cells))
        console.print(table)
        return
    for row in rows:
        _print_paragraph(head, row)


def _filled(columns: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Those in which anything stands below the head."""
    return [column for column in columns if any(column[1:])]


def column_widths(columns: Sequence[tuple[str, ...]], room: int, *, is_tight: bool = False) -> list[int] | None:
    """How wide each column is in so much room, two characters apart: as wide as its widest cell where that fits, else
    those with sentences share what the others leave. `is_tight`: short cells are wrapped, too, between their words.
    None where not every word, and every amount with its currency, has room.
    """
    from rich.cells import cell_len  # noqa: PLC0415

    widest = [max(map(cell_len, column)) for column in columns]
    narrowest = [
        most if most <= _WHOLE_MAX and not is_tight else max(map(cell_len, _unbroken(column)), default=0)
        for column, most in zip(columns, widest, strict=True)
    ]
    narrowest = [
        max(least, min(_READABLE, most)) if most > _WHOLE_MAX else least
        for least, most in zip(narrowest, widest, strict=True)
    ]
    left = room - 2 * (len(columns) - 1) - sum(narrowest)
    if left < 0:
        return None
    wants = {place: widest[place] - narrowest[place] for place in range(len(columns))}
    for served, place in enumerate(sorted(wants, key=lambda place: wants[place])):
        more = min(wants[place], left // (len(columns) - served))
        narrowest[place] += more
        left -= more
    return narrowest


def _unbroken(column: Sequence[str]) -> list[str]:
    """What of the cells is never wrapped: words, and amounts with their currency."""
    return [piece for cell in column for piece in _UNBROKEN.findall(cell)]


def _print_paragraph(head: tuple[str, ...], row: tuple[str, ...]) -> None:
    """One row with the name of each cell before it; its last line is empty."""
    margin = max(map(len, head)) + 2
    for name, cell in zip(head, row, strict=True):
        lines = wrapped(cell, max(_READABLE, shutil.get_terminal_size().columns - margin)) if cell else []
        for before, line in zip([name, *[""] * len(lines)], lines, strict=False):
            sys.stdout.write(f"{before:{margin}}{line}\n")
    sys.stdout.write("\n")


def print_fields(fields: Iterable[tuple[str, object]]) -> None:
    """One thing with all that is known of it: a line for each field, empty where nothing is."""
    words = {None: "", True: "yes", False: "no"}
    rows = [(name, words[value] if value is None or isinstance(value, bool) else value) for name, value in fields]
    print_table(("field", "value"), rows)


def csv_rows(file: TextIO, head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    """Comma-separated values. What a spreadsheet would take for a formula begins with an apostrophe: whoever names a
    product is not to run anything at whoever opens the list. A Decimal stays the number that it is.
    """
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(map(_cell, head))
    for row in rows:
        writer.writerow(map(_cell, row))


def _cell(cell: object) -> str:
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    text = "" if cell is None else harmless(cell)
    return f"'{text}" if text.lstrip().startswith(_COMMANDS_A_SPREADSHEET) else text


def tell_cut(rows: list[Any], limit: int) -> None:
    """On stderr that a list without pages is cut, when `rows` has more than the `limit` that is shown."""
    if len(rows) > limit:
        say(f"more: only the first {limit} are shown; --limit shows up to 10000", to=sys.stderr)


def tell_more(
    command: str,
    options: dict[str, Any],
    begins: str,
    rows: list[Any],
    limit: int,
    *,
    json: bool,
    place: str = "place",
) -> None:
    """On stderr the command that shows the next page, when `rows` has more than the `limit` that was shown; `place` is
    the property of a row that says where it stands in the list.
    """
    if len(rows) > limit:
        words = [str(word) for pair in options.items() if pair[1] for word in pair]
        words += [begins, str(getattr(rows[limit - 1], place)), *(["--json"] if json else [])]
        say(f"more: {command} {shlex.join(words)}", to=sys.stderr)
