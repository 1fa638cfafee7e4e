"""What commands show: tables and JSON on stdout, the command for the next page on stderr. Whatever others sent is spelt
out, never obeyed by a terminal.
"""

from __future__ import annotations

import csv
import re
import shlex
import sys
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, TextIO

import msgspec

_COMMANDS_A_TERMINAL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Control characters, line breaks and reversals of the direction of text."""
_COMMANDS_A_SPREADSHEET = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a formula begins with; the last four are wide forms that some spreadsheets take for it, too."""


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


def print_table(head: tuple[str, ...], rows: list[tuple[Any, ...]], *, empty: str = "nothing") -> None:
    """A table for people: as wide as the terminal, cut nowhere when it goes into a pipe. A cell of None is empty. What
    an empty table means goes there in its place, and beside a pipe on stderr.
    """
    shown = [tuple("" if cell is None else harmless(cell) for cell in row) for row in rows]
    if not sys.stdout.isatty():
        for row in (head, *shown):
            sys.stdout.write("\t".join(row) + "\n")
        if not rows:
            sys.stderr.write(f"{harmless(empty)}\n")
        return
    from rich.console import Console  # noqa: PLC0415 - only people need it, and it takes its time
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(*head, box=None, pad_edge=False)
    for row in shown:
        table.add_row(*(Text(cell) for cell in row))  # Text: brackets in a SKU are no markup
    Console().print(table if rows else empty)


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
        sys.stderr.write(f"more: only the first {limit} are shown; --limit shows up to 10000\n")


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
        sys.stderr.write(f"more: {command} {shlex.join(words)}\n")
