"""Named SQL: every statement lives in a `.sql` file under a name, with a sentence that says what it is for.

A statement that takes many rows is written once with `:rows(n)` or `:ids` and expanded here. Chunks are powers of two,
so that a handful of texts per statement serve every batch size and stay in SQLite's cache of prepared statements.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.abc import Traversable
from itertools import chain
from typing import Any

CHUNK_ROWS_MAX = 64
"""64 rows of 12 columns stay far below SQLite's limit of bound values."""

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_ROWS = re.compile(r":rows\((\d+)\)")
_LIST = re.compile(r":(?:ids|keys)\b")


class Statement:
    """One named statement. `rank` is its place in its file: the order in which a commit runs its statements."""

    __slots__ = ("_texts", "_wide", "about", "name", "rank", "sql")

    def __init__(self, name: str, about: str, sql: str, rank: int) -> None:
        self.name, self.about, self.sql, self.rank = name, about, sql, rank
        self._wide = bool(_ROWS.search(sql) or _LIST.search(sql))
        self._texts: dict[int, str] = {}

    def text(self, count: int) -> str:
        """The SQL for `count` rows (or list items)."""
        text = self._texts.get(count)
        if text is None:
            text = _ROWS.sub(lambda found: ",".join([f"({','.join('?' * int(found[1]))})"] * count), self.sql)
            text = _LIST.sub(",".join("?" * count), text)
            self._texts[count] = text
        return text

    def write(self, connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Run the statement for all rows, many rows to a step where its form allows."""
        if not self._wide:
            connection.executemany(self.sql, rows)
            return
        for chunk in _chunks(rows):
            connection.execute(self.text(len(chunk)), list(chain.from_iterable(chunk)))

    def write_returning(self, connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Run the statement for all rows, and collect what its RETURNING clause answers."""
        returned: list[Any] = []
        for chunk in _chunks(rows):
            returned += connection.execute(self.text(len(chunk)), list(chain.from_iterable(chunk))).fetchall()
        return returned

    def read(self, connection: sqlite3.Connection, row: tuple[Any, ...]) -> list[Any]:
        """All rows that a query answers for one set of parameters."""
        return connection.execute(self.sql, row).fetchall()

    def read_some(
        self, connection: sqlite3.Connection, row: tuple[Any, ...], rows_max: int, bytes_max: int
    ) -> tuple[list[Any], bool]:
        """The first rows that a query answers, and whether they are all.

        At most `rows_max` (bound as the last parameter, its LIMIT), and no more once their texts and blobs have reached
        `bytes_max`; what is beyond is never read from the file.
        """
        found: list[Any] = []
        size = 0
        for each in connection.execute(self.sql, (*row, rows_max)):
            found.append(each)
            size += sum(len(value) for value in each if isinstance(value, bytes | str))
            if size >= bytes_max:
                return found, False
        return found, len(found) < rows_max

    def read_list(self, connection: sqlite3.Connection, items: Sequence[Any], *before: Any) -> list[Any]:
        """All rows for a query over a list, `before` bound ahead of the list; asked in chunks."""
        found: list[Any] = []
        for chunk in _chunks(items):
            found += connection.execute(self.text(len(chunk)), [*before, *chunk]).fetchall()
        return found


def _chunks(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The rows in runs of a power of two, the longest first."""
    start, left = 0, len(rows)
    while left:
        size = min(1 << (left.bit_length() - 1), CHUNK_ROWS_MAX)
        yield rows[start : start + size]
        start, left = start + size, left - size


@cache
def _named(script: str) -> list[tuple[str, str, str]]:
    """What a script holds: (name, sentence, SQL). Many stores are opened by the same few."""
    parts = _NAME.split(script)[1:]
    named = []
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        lines = text.strip().splitlines()
        about = " ".join(line[2:].strip() for line in lines if line.startswith("--"))
        sql = "\n".join(line for line in lines if not line.startswith("--")).rstrip(";").strip()
        named.append((name, about, sql))
    return named


class Statements(dict[str, Statement]):
    """The statements of one or more `.sql` files, by name. Ranks follow the order in the files."""

    def __init__(self, *files: Traversable) -> None:
        super().__init__()
        for file in files:
            for name, about, sql in _named(file.read_text(encoding="utf-8")):
                if name in self:
                    raise ValueError(f"two statements are named {name}")
                self[name] = Statement(name, about, sql, len(self))

    def all(self) -> list[Statement]:
        """Every statement, in rank order."""
        return list(self.values())
