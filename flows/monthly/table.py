"""A report as one table for a spreadsheet: a head, and below it nothing but rows, each of which says of which of the
report's tables it is. So it can be filtered and pivoted as it is, and tables of several months can stand below each
other. Pure.
"""

from __future__ import annotations

from typing import Final

from flows.monthly.page import as_of_text
from flows.monthly.report import Cell, Report, Section

_ABOUT: Final = "About this report"
_FIRST: Final = ("month", "table")


def table_of(report: Report) -> tuple[tuple[str, ...], list[tuple[Cell, ...]]]:
    """Its head and its rows. Columns of one name in several tables are one column; a row has nothing in the others."""
    sections = (*report.sections, _about(report))
    names = tuple(dict.fromkeys(name for section in sections for name in section.head))
    rows = [
        (report.month, section.title, *(cells.get(name) for name in names))
        for section in sections
        for cells in (dict(zip(section.head, row, strict=True)) for row in section.rows)
    ]
    return (*_FIRST, *names), rows


def _about(report: Report) -> Section:
    """What is true of all of it; the digest is over all that is said."""
    told = (("time zone", report.time_zone), ("as of", as_of_text(report.as_of)))
    remarks = (("remark", remark) for remark in report.remarks)
    return Section(title=_ABOUT, head=("what", "text"), rows=(*told, *remarks, ("digest", report.digest)))
