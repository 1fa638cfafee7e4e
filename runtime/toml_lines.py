"""Where in a TOML text each key stands, so that a problem can name its line; tomllib itself does not say."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any, Final

_STATEMENT_LINES_MAX: Final = 200


def lines_of(text: str) -> dict[tuple[str, ...], int]:
    """The line of every key and section header. Best effort: it asks tomllib statement by statement."""
    found: dict[tuple[str, ...], int] = {}
    counts: dict[tuple[str, ...], int] = {}
    section: tuple[str, ...] = ()
    lines = text.splitlines()
    n = 0
    while n < len(lines):
        start = n
        for n in range(start, min(start + _STATEMENT_LINES_MAX, len(lines))):
            try:
                statement = tomllib.loads("\n".join(lines[start : n + 1]))
            except tomllib.TOMLDecodeError:
                continue
            break
        else:
            return found
        n += 1
        header = lines[start].lstrip().startswith("[")
        if header:
            section = _header(statement, counts)
            found.setdefault(section, start + 1)
        for path in [] if header else _paths(statement):
            found.setdefault((*section, *path), start + 1)
    return found


def _header(statement: dict[str, Any], counts: dict[tuple[str, ...], int]) -> tuple[str, ...]:
    """The path that a section header opens; `counts` numbers the items of arrays of tables."""
    path: tuple[str, ...] = ()
    inner: Any = statement
    while inner:
        key = next(iter(inner))
        inner = inner[key]
        here = (*path, key)
        if isinstance(inner, list):
            counts[here] = counts.get(here, -1) + 1
            inner = {}
        path = (*path, f"{key}[{counts[here]}]") if here in counts else here
    return path


def _paths(table: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for key, value in table.items():
        yield (key,)
        if isinstance(value, dict):
            yield from ((key, *path) for path in _paths(value))
