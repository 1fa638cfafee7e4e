"""By when an order is to leave: as the sales channel promised, or by the setting of the sales channel. Pure.

Business days are counted in a time zone; a promise in days ends with its last business day, one in hours counts only
the hours of business days. Both rise with the instant of purchase, so that one instant divides what is late from what
is not (`placed_until`), and nobody has to work out the promise of every order.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

Weekday = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
_WEEK: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_BACK: Final = timedelta(days=400)
"""Farther back no order is looked for by a setting: its promise ended long ago, whatever it was."""
_EXACT: Final = timedelta(seconds=1)
_DAYS_SEARCHED_MAX: Final = 366


class ShipWithin(msgspec.Struct, frozen=True, kw_only=True):
    """How soon after its purchase an order is to leave: so many business days, or so many hours of business days."""

    business_days: Annotated[int, Meta(ge=0, le=60)] | None = None
    """Until the end of the so manieth business day after the day of purchase; 0: of that day, or of the next business
    day."""
    business_hours: Annotated[float, Meta(gt=0, le=1_000)] | None = None
    """Instead: so many hours, of which those of other days do not count."""
    weekdays: tuple[Weekday, ...] = ("Mon", "Tue", "Wed", "Thu", "Fri")
    """The business days of a week."""
    holidays: tuple[date, ...] = ()
    """Days that are none all the same."""
    time_zone: str = "UTC"
    """Where the warehouse is, as an IANA name: its days are counted."""

    def __post_init__(self) -> None:
        """Refuse what says nothing, or two things."""
        if (self.business_days is None) is (self.business_hours is None):
            raise ValueError("say either business_days or business_hours")
        if not self.weekdays:
            raise ValueError("a week has at least one business day")
        try:
            ZoneInfo(self.time_zone)
        except (ValueError, LookupError, OSError):
            raise ValueError(f"{self.time_zone!r} is no time zone; say an IANA name such as Europe/London") from None

    def is_open(self, day: date) -> bool:
        """Whether it is a business day."""
        return _WEEK[day.weekday()] in self.weekdays and day not in self.holidays

    def due_at(self, placed_at: datetime) -> datetime:
        """By when an order that was placed then is to leave, in UTC."""
        zone = ZoneInfo(self.time_zone)
        if self.business_hours is not None:
            return self._after_hours(placed_at, timedelta(hours=self.business_hours), zone)
        day, left = placed_at.astimezone(zone).date(), self.business_days or 0
        for _ in range(_DAYS_SEARCHED_MAX):
            if self.is_open(day) and left <= 0:
                break
            day += timedelta(days=1)
            left -= self.is_open(day)
        return _midnight(day + timedelta(days=1), zone)

    def _after_hours(self, placed_at: datetime, left: timedelta, zone: ZoneInfo) -> datetime:
        at = placed_at.astimezone(UTC)
        for _ in range(_DAYS_SEARCHED_MAX):
            day = at.astimezone(zone).date()
            ends = _midnight(day + timedelta(days=1), zone)
            if self.is_open(day):
                if at + left <= ends:
                    return at + left
                left -= ends - at
            at = ends
        return at

    def placed_until(self, now: datetime) -> datetime:
        """Orders that were placed by then are due by now, and none that was placed later; to the second."""
        early, late = now - _BACK, now
        while late - early > _EXACT:
            middle = early + (late - early) / 2
            if self.due_at(middle) <= now:
                early = middle
            else:
                late = middle
        return early


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """When the day begins, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def due_at(placed_at: datetime | None, promised_at: datetime | None, within: ShipWithin | None) -> datetime | None:
    """By when an order is to leave: as promised, or by the setting. None: nobody has said."""
    if promised_at is not None or within is None or placed_at is None:
        return promised_at
    return within.due_at(placed_at)
