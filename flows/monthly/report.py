"""What a report is: sections of rows, charts, and remarks about one month, with a digest over all of it. Pure.

A report prints the same whenever it is asked for, as long as the books say the same of the month: there is no instant
of printing in it, its rows have an order of their own, and each amount is written in one way.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import msgspec

from flows.model.money import EXACT, digits_of, rounded

Cell = str | int | Decimal | date | None
DIFFERENCE: Final = "difference: "
"""How the name begins of what two sides tell otherwise; such a row stands out."""
DIFFERS: Final = "differs by"
"""The head of a column of amounts that are to be nothing; a row with another one stands out, too."""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A table. Decimals and whole numbers stand to the right."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    """What a reader has to know of it."""
    empty: str = "nothing"
    """What it means that there are no rows."""


class Bar(msgspec.Struct, frozen=True):
    """A bar of a chart, with its amount."""

    label: str
    amount: Decimal


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """Amounts of one currency beside each other."""

    title: str
    unit: str
    bars: tuple[Bar, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A report of one month. `as_of`: the newest fact of the books that it is made of; None: there is none."""

    name: str
    title: str
    month: str
    time_zone: str
    as_of: datetime | None
    sections: tuple[Section, ...]
    charts: tuple[Chart, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Over everything that it says: two prints with one digest say the same."""
        return hashlib.blake2b(msgspec.json.encode(self, order="deterministic"), digest_size=16).hexdigest()


def so_far(report: Report) -> Report:
    """The report of a month that is still running, which says so before anything else."""
    said = f"{report.month} is not over in {report.time_zone}: this is what there is of it so far, and it will change."
    return msgspec.structs.replace(report, remarks=(said, *report.remarks))


def written(amount: Decimal, currency: str) -> Decimal:
    """The amount as it is always written: with the digits of its currency, and with more only where it has them."""
    plain = rounded(amount, digits_of(currency))
    return plain if plain == amount else EXACT.normalize(amount)


def text_of(cell: Cell) -> str:
    """A cell as people read it."""
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    return "" if cell is None else str(cell)
