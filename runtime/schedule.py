"""When something recurring is due next: every so often, or by the calendar of a place.

Pure: `next_after(schedule, after)` is the first instant of the schedule later than `after`, so a runner that stores the
instant it last ran for neither repeats nor skips one, whatever the clock or the time zone does in between.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import msgspec
from cronsim import CronSim, CronSimError

_CRON_FIELDS = 5
_REPEATS_SKIPPED_MAX = 200
_INTERVAL = re.compile(r"every (\d+)([smhd])(?: jitter (\d+)([smhd]))?")
_UNIT_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_INTERVAL_S_MAX = 366 * 86_400
_A_SUNDAY = datetime(2024, 1, 7, tzinfo=UTC)


class Interval(msgspec.Struct, frozen=True):
    """Every `every_s` seconds, each time up to `jitter_s` later. Raises ValueError when that makes no sense."""

    every_s: float
    jitter_s: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.every_s <= _INTERVAL_S_MAX:
            raise ValueError(f"an interval must be above 0 and at most a year, not {self.every_s} s")
        if not 0 <= self.jitter_s <= self.every_s:
            raise ValueError(f"the jitter ({self.jitter_s} s) must be between 0 and the interval ({self.every_s} s)")


class Cron(msgspec.Struct, frozen=True):
    """Five cron fields (minute, hour, day of month, month, day of week), read in a time zone (an IANA name).

    Daylight saving as in Debian's cron: a fixed time that a spring night skips runs at the end of the gap, one that an
    autumn night has twice runs the first time only; `*` in the minutes or hours means real time, so every real hour has
    its run. Raises ValueError for a zone that is not known, and for fields that say nothing or never come.
    """

    expression: str
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if len(self.expression.split()) != _CRON_FIELDS:
            raise ValueError(
                f"{self.expression!r} needs five fields (minute, hour, day of month, month, day of week), "
                f"not {len(self.expression.split())}"
            )
        try:
            ZoneInfo(self.zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{self.zone!r} is not a time zone; use a name such as Europe/London") from None
        try:
            next_after(self, _A_SUNDAY)
        except CronSimError as error:
            raise ValueError(f"{self.expression!r} is not a schedule: {str(error).lower()}") from None


Schedule = Interval | Cron


def next_after(schedule: Schedule, after: datetime, random: float = 0.0) -> datetime:
    """The first instant of the schedule later than `after`, in UTC. `random` in [0, 1) places it within the jitter.

    Raises ValueError for a naive `after`, and for a cron schedule that does not come within fifty years.
    """
    if after.tzinfo is None:
        raise ValueError("a schedule needs an instant with a time zone")
    match schedule:
        case Interval(every_s=every_s, jitter_s=jitter_s):
            return after.astimezone(UTC) + timedelta(seconds=every_s + random * jitter_s)
        case Cron(expression=expression, zone=zone):
            # In the hour that an autumn night has twice, walking local times may first name instants that are over.
            for moment in islice(CronSim(expression, after.astimezone(ZoneInfo(zone))), _REPEATS_SKIPPED_MAX):
                if (instant := moment.astimezone(UTC)) > after:
                    return instant
            raise ValueError(f"{expression!r} has no time in the next fifty years; correct the schedule")


def parse_schedule(text: str) -> Schedule:
    """`every 5m`, `every 1h jitter 5m` (units s, m, h, d), or `cron 0 3 * * * Europe/London` (no zone: UTC).

    Raises ValueError with a sentence that says what is wrong and what is expected.
    """
    words = text.split()
    if words[:1] == ["cron"]:
        fields, zone = words[1 : 1 + _CRON_FIELDS], words[1 + _CRON_FIELDS :]
        if len(zone) > 1:
            raise ValueError(f"{text!r} has more than five cron fields and a time zone")
        return Cron(" ".join(fields), *zone)
    found = _INTERVAL.fullmatch(" ".join(words))
    if found is None:
        raise ValueError(f"{text!r} is not a schedule; write 'every 5m' or 'cron 0 3 * * * Europe/London'")
    every, unit, jitter, jitter_unit = found.groups()
    return Interval(int(every) * _UNIT_S[unit], int(jitter) * _UNIT_S[jitter_unit] if jitter else 0.0)
