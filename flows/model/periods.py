"""A period of Fulfil's ledger, as it is kept. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import msgspec


class LedgerPeriod(msgspec.Struct, frozen=True, kw_only=True):
    """A period of the ledger."""

    id: int
    name: str
    begins: date
    ends: date
    state: str

    def is_open_on(self, day: date) -> bool:
        """Whether it has the day, and takes entries."""
        return self.state == "open" and self.begins <= day <= self.ends


def period_of(row: Sequence[Any]) -> LedgerPeriod:
    """A row of `ledger_periods`."""
    id_, name, begins, ends, state = row
    return LedgerPeriod(
        id=id_, name=name, begins=date.fromisoformat(begins), ends=date.fromisoformat(ends), state=state
    )
