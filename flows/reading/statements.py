"""What people may ask about statements of completeness: every version of them, as it was kept. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from flows.reading import Reading
from flows.reconciler.statement import Evidence, Verdict
from runtime.clock import Instant, to_datetime

_MOMENTS = ("taken_at", "began_at", "ended_at")


class StatementRow(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the statement about a business day of a sales channel. `had` None: nothing says how many orders."""

    sales_channel: str
    day: str
    version: int
    taken_at: datetime
    began_at: datetime
    ended_at: datetime
    verdict: Verdict
    had: int | None
    received: int
    sales: int
    on_the_way: int
    held: int
    waiting: int
    excluded: dict[str, int]
    cancelled: int
    gone: int
    missing: int
    undated: int
    evidence: Evidence
    named: tuple[str, ...]
    orders_digest: str
    digest: str

    @property
    def lines(self) -> tuple[tuple[str, int | None], ...]:
        """Both sides of the equation, a figure each; the parts below the first two come to what was received."""
        return (
            ("orders of the sales channel", self.had),
            ("received here", self.received),
            ("sales in Fulfil", self.sales),
            ("on their way there", self.on_the_way),
            ("held", self.held),
            ("waiting", self.waiting),
            *((f"excluded by the rule {rule!r}", count) for rule, count in self.excluded.items()),
            ("cancelled before the import", self.cancelled),
            ("missing", self.missing),
            ("sales that are in Fulfil no longer", self.gone),
            ("received, of no known day", self.undated),
        )


async def statements_listed(
    read: Reading, *, sales_channel: str = "", verdict: str = "", limit: int = 50
) -> list[StatementRow]:
    """The newest version of each, the latest day first."""
    return [_statement(row) for row in await read.query("statements_listed", sales_channel, verdict, limit)]


async def statement_versions(read: Reading, sales_channel: str, day: str) -> list[StatementRow]:
    """Every version of the statement about a day, the newest first."""
    return [_statement(row) for row in await read.query("statement_versions", sales_channel, day)]


def _statement(row: Sequence[Any]) -> StatementRow:
    fields = dict(zip(StatementRow.__struct_fields__, row, strict=True))
    moments = {name: to_datetime(Instant(fields[name])) for name in _MOMENTS}
    decoded = {
        "excluded": msgspec.json.decode(fields["excluded"], type=dict[str, int]),
        "evidence": msgspec.json.decode(fields["evidence"], type=Evidence),
        "named": msgspec.json.decode(fields["named"], type=tuple[str, ...]),
    }
    return StatementRow(**{**fields, **moments, **decoded})
