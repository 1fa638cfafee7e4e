"""A table of records by id: a list, because ids are dense and ascending, and a dict entry costs a hundred bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from connectors.fulfil.sandbox.records import Record

R = TypeVar("R", bound=Record)

GAP_MAX = 1_000_000
"""Furthest that an id chosen by the configuration may lie beyond the ids in use."""


class Table(Generic[R]):
    """Records by id. Ids only grow: an id that was given is never given again."""

    def __init__(self, first_id: int = 1) -> None:
        self._first_id = first_id
        self._rows: list[R | None] = []
        self._next_id = first_id
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[R]:
        return self.above(None)

    def __contains__(self, id_: int) -> bool:
        return self.get(id_) is not None

    def __getitem__(self, id_: int) -> R:
        record = self.get(id_)
        if record is None:
            raise KeyError(id_)
        return record

    def get(self, id_: int | None) -> R | None:
        """The record, or None."""
        position = -1 if id_ is None else id_ - self._first_id
        return self._rows[position] if 0 <= position < len(self._rows) else None

    def new_id(self) -> int:
        """Reserve an id. A record that is never added leaves a gap, as a database sequence does."""
        id_ = self._next_id
        self._next_id += 1
        return id_

    @property
    def last_id(self) -> int:
        """The last id that was given; one below the first when none was."""
        return self._next_id - 1

    def add(self, record: R) -> R:
        """Take in a record, with an id from `new_id` or one chosen by the configuration.

        Raises ValueError for an id that is in use, below the table's first one, or too far beyond the last.
        """
        position = record.id - self._first_id
        missing = position + 1 - len(self._rows)
        if position < 0 or missing > GAP_MAX or record.id in self:
            raise ValueError(f"the id {record.id} is in use, or out of the table's range")
        if missing > 0:
            self._rows += [None] * missing
        self._rows[position] = record
        self._count += 1
        self._next_id = max(self._next_id, record.id + 1)
        return record

    def remove(self, id_: int) -> None:
        """Forget a record; its id stays used."""
        self._rows[id_ - self._first_id] = None
        self._count -= 1

    def above(self, id_: int | None) -> Iterator[R]:
        """The records with a greater id (None: all), in ascending order."""
        rows = self._rows
        start = 0 if id_ is None else max(0, id_ + 1 - self._first_id)
        for position in range(start, len(rows)):
            record = rows[position]
            if record is not None:
                yield record
