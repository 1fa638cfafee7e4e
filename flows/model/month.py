"""A month of finance's company: which days it has, when it begins and ends, and how far it is. Pure.

A thing is of a month by its business day, which is a day of the company's time zone (rule 20).
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

Stage = Literal["ahead", "running", "over"]
_month_text: Final = re.compile(r"([0-9]{4})-([0-9]{2})").fullmatch


class Month(msgspec.Struct, frozen=True, order=True):
    """A calendar month; as text it is `2026-10`."""

    first: date
    """Its first day."""

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"

    @property
    def last(self) -> date:
        """Its last day."""
        return self.after.first - timedelta(days=1)

    @property
    def after(self) -> Month:
        """The next one. Raises OverflowError behind the year 9999."""
        return month_of(self.first + timedelta(days=31))

    @property
    def before(self) -> Month:
        """The previous one. Raises OverflowError before the year 1."""
        return month_of(self.first - timedelta(days=1))

    def began(self, zone: ZoneInfo) -> datetime:
        """Its first instant."""
        return datetime.combine(self.first, time(), zone)

    def ended(self, zone: ZoneInfo) -> datetime:
        """The first instant that is not in it any more."""
        return self.after.began(zone)

    def stage(self, today: date) -> Stage:
        """Whether it has begun, and is over, on this day."""
        if today < self.first:
            return "ahead"
        return "running" if today <= self.last else "over"


def month_of(day: date) -> Month:
    """The month that a day is in."""
    return Month(day.replace(day=1))


def month_in(text: str) -> Month:
    """What `str(month)` was made of. Raises ValueError that says what is right."""
    found = _month_text(text)
    try:
        if found is not None:
            month = Month(date(int(found[1]), int(found[2]), 1))
            month.last  # noqa: B018 - the last month that a calendar has, has no end
            return month
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{text!r} is no month; write it as 2026-10")
