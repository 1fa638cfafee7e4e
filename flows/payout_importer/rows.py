"""Rows that no provider has named: which of those that are kept a row of a file is, when its figures are others. Pure.

The id of such a row is made of its figures, so one that is told otherwise has another id. It is known again by where it
stands: its word, its instant and the order's number. Rows at one place stay apart by the file, which has all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from flows.model.payout import PayoutLine

Place = tuple[str, str, str]
"""Word, instant, number of the order."""


def place_of(line: PayoutLine) -> Place:
    """Where it stands in its payout."""
    return line.type, line.at, line.reference


def rows_not_known(lines: Sequence[PayoutLine], known: Mapping[str, object]) -> list[PayoutLine]:
    """Rows of a file that may be kept with other figures."""
    return [line for line in lines if line.beside is not None and line.at and line.id not in known]


def as_kept(line: PayoutLine, kept: Mapping[Place, Sequence[str]]) -> PayoutLine:
    """The same row by the id that it is kept under. `kept`: the ids of all rows at a place.

    It is one of those that the file has no longer, each of which is one row of the file only; or else it is new.
    """
    ids, there = kept.get(place_of(line), ()), {line.id, *(line.beside or ())}
    missing = sorted(id_ for id_ in ids if id_ not in there)
    unknown = sorted(there.difference(ids))
    return replace(line, id=dict(zip(unknown, missing, strict=False)).get(line.id, line.id))
