"""Reading a list to its end while its records change: each is handed on, and none that did not change is twice."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Final

from runtime.testing.conformance.attempts import always, both
from runtime.testing.conformance.ending import require
from runtime.testing.conformance.subject import Asked, Change, Connector, Paging, Record, Reply

_RECORDS: Final = 10
_CHANGES_MAX: Final = 4
"""So many changes, one after each page, and the list is still again: it must come to an end."""
_PAGES_MAX: Final = 200


class _Books:
    """The records behind a list, and the changes that are to happen between its pages."""

    def __init__(self, paging: Paging, changes: Sequence[Change]) -> None:
        self._paging = paging
        self._changes = list(changes)
        self.records = [Record(id=number, stamp=number) for number in range(1, _RECORDS + 1)]
        self.untouched = set(range(1, _RECORDS + 1))
        self.changed: dict[int, Record] = {}
        self.pages = 0

    def respond(self, asked: Asked) -> Reply:
        """The page as it is now; afterwards something changes."""
        self.pages += 1
        require(self.pages <= _PAGES_MAX, self._paging.name, f"it asked for {_PAGES_MAX} pages and did not end")
        reply = self._paging.serve(asked, tuple(self.records))
        if self._changes:
            self._apply(self._changes.pop(0))
        return reply

    def _apply(self, change: Change) -> None:
        stamp = max(record.stamp for record in self.records) + 1
        match change:
            case "insert":
                self.records.append(Record(id=max(record.id for record in self.records) + 1, stamp=stamp))
            case "change":
                record = self.records.pop(len(self.records) // 3)
                self.records.append(Record(id=record.id, stamp=stamp))
                self.untouched.discard(record.id)
                self.changed[record.id] = self.records[-1]
            case "delete":
                record = min(self.records, key=lambda each: each.stamp)
                self.records.remove(record)
                self.untouched.discard(record.id)
                self.changed.pop(record.id, None)


async def each_record_is_read_while_records_change(connector: Connector, paging: Paging) -> None:
    """Whatever changes between the pages: no record is missed, and an untouched one is handed on once."""
    for changes in _stories(paging):
        books = _Books(paging, changes)
        async with both(connector, always(Reply())) as (api, outside):
            outside.respond = books.respond
            read = await paging.read(api)
        when = f"while it was read: {', '.join(changes) or 'nothing'}"
        times = Counter(record.id for record in read)
        missed = sorted(id_ for id_ in books.untouched if not times[id_])
        stale = sorted(record.id for record in books.changed.values() if record not in read)
        twice = sorted(id_ for id_ in books.untouched if times[id_] > 1)
        require(not missed, paging.name, f"records {missed} were missed ({when})")
        require(not stale, paging.name, f"changes of the records {stale} were missed ({when})")
        require(not twice, paging.name, f"records {twice} did not change and were handed on twice ({when})")
        require(books.pages > 1, paging.name, "it was read in one page, so nothing was tried; ask for smaller pages")


def _stories(paging: Paging) -> list[tuple[Change, ...]]:
    """Nothing, each kind again and again, and every order of two kinds."""
    kinds = sorted(paging.changes)
    again = [(kind,) * _CHANGES_MAX for kind in kinds]
    return [(), *again, *itertools.permutations(kinds, 2), tuple(kinds)]
