"""When something recurring is due, over daylight saving, leap days and month ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.schedule import Cron, Interval, Schedule, next_after, parse_schedule

LONDON = "Europe/London"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def days(schedule: Schedule, after: str, count: int) -> list[str]:
    """The next instants, in UTC."""
    moment, found = at(after), []
    for _ in range(count):
        moment = next_after(schedule, moment)
        found.append(moment.strftime("%m-%d %H:%M"))
    return found


def test_an_interval_follows_the_last_run() -> None:
    """So many seconds later, whatever the clocks on the wall do."""
    assert next_after(Interval(300), at("2026-03-29 00:58")) == at("2026-03-29 01:03")
    assert next_after(Interval(0.5), at("2026-01-01")) == at("2026-01-01 00:00:00.500000")


def test_the_jitter_of_an_interval_makes_it_later_and_never_earlier() -> None:
    """The random number places it between the interval and the interval plus the jitter."""
    schedule = Interval(300, jitter_s=60)
    assert next_after(schedule, at("2026-01-01"), random=0.0) == at("2026-01-01 00:05")
    assert next_after(schedule, at("2026-01-01"), random=0.5) == at("2026-01-01 00:05:30")


def test_a_local_time_keeps_its_place_when_the_clocks_change() -> None:
    """Three in the morning in London is 03:00 UTC in winter and 02:00 UTC in summer."""
    nightly = Cron("0 3 * * *", LONDON)
    assert days(nightly, "2026-03-27 12:00", 3) == ["03-28 03:00", "03-29 02:00", "03-30 02:00"]
    assert days(nightly, "2026-10-23 12:00", 3) == ["10-24 02:00", "10-25 03:00", "10-26 03:00"]


def test_a_time_that_a_spring_night_skips_runs_at_the_end_of_the_gap() -> None:
    """There is no 01:30 on 29 March 2026 in London; the run comes at 02:00 summer time, once."""
    assert days(Cron("30 1 * * *", LONDON), "2026-03-28 00:00", 3) == ["03-28 01:30", "03-29 01:00", "03-30 00:30"]


def test_a_time_that_an_autumn_night_has_twice_runs_the_first_time_only() -> None:
    """01:30 on 25 October 2026 comes at 00:30 and at 01:30 UTC; the run comes at the first."""
    nightly = Cron("30 1 * * *", LONDON)
    assert days(nightly, "2026-10-24 00:00", 3) == ["10-24 00:30", "10-25 00:30", "10-26 01:30"]
    assert next_after(nightly, at("2026-10-25 01:10")) == at("2026-10-26 01:30"), "not again, from between the two"


def test_a_process_that_starts_between_the_two_does_not_run_into_the_past() -> None:
    """01:45 was an hour ago already when the second 01:10 comes."""
    assert next_after(Cron("45 1 * * *", LONDON), at("2026-10-25 01:10")) == at("2026-10-26 01:45")


@pytest.mark.parametrize("night", ["2026-03-28 22:07", "2026-10-24 22:07"])
@pytest.mark.parametrize("zone", [LONDON, "America/New_York", "Australia/Lord_Howe", "UTC"])
def test_every_real_quarter_of_an_hour_has_its_run(night: str, zone: str) -> None:
    """`*` in minutes and hours means real time: no night is an hour short or has an hour of silence."""
    moment, schedule = at(night), Cron("*/15 * * * *", zone)
    runs = []
    for _ in range(24):
        moment = next_after(schedule, moment)
        runs.append(moment)
    assert all(later - earlier == timedelta(minutes=15) for earlier, later in pairwise(runs))


def test_the_calendar_is_kept() -> None:
    """Leap days, month ends, last days of the month, days of the week."""
    assert days(Cron("0 6 29 2 *"), "2026-01-01", 1) == ["02-29 06:00"]
    assert next_after(Cron("0 6 29 2 *"), at("2026-01-01")).year == 2028
    assert days(Cron("0 6 31 * *"), "2026-01-31 06:00", 2) == ["03-31 06:00", "05-31 06:00"]
    assert days(Cron("0 6 L * *"), "2026-02-01", 2) == ["02-28 06:00", "03-31 06:00"]
    assert days(Cron("0 6 * * MON"), "2026-01-01", 2) == ["01-05 06:00", "01-12 06:00"]
    assert days(Cron("59 23 31 12 *"), "2026-12-31 23:58", 1) == ["12-31 23:59"]


def test_the_answer_is_later_also_for_a_moment_between_seconds() -> None:
    """At the very instant it is due the next one is asked for; half a second before, this one."""
    assert next_after(Cron("0 3 * * *"), at("2026-01-01 03:00")) == at("2026-01-02 03:00")
    assert next_after(Cron("0 3 * * *"), at("2026-01-01 02:59:59.500000")) == at("2026-01-01 03:00")


@given(
    st.datetimes(datetime(2026, 3, 1), datetime(2026, 11, 30)),  # noqa: DTZ001 - hypothesis draws naive times
    st.sampled_from([LONDON, "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kolkata"]),
    st.sampled_from(
        ["0 3 * * *", "30 1 * * *", "45 1 * * *", "*/20 * * * *", "15 */2 * * *", "0 0 1 * *", "0 2 * * 0"]
    ),
    st.floats(0, 1),
)
def test_asking_again_on_the_way_changes_nothing(start: datetime, zone: str, expression: str, part: float) -> None:
    """Restarting at any instant before the next run finds the same next run: none is doubled and none is skipped."""
    schedule, after = Cron(expression, zone), start.replace(tzinfo=UTC)
    due = next_after(schedule, after)
    assert due > after
    assert due.tzinfo is UTC
    on_the_way = min(after + (due - after) * part, due - timedelta(microseconds=1))
    assert next_after(schedule, on_the_way.astimezone(ZoneInfo(zone))) == due


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("every 5m", Interval(300)),
        ("every 90s", Interval(90)),
        ("  every  1d ", Interval(86_400)),
        ("every 1h jitter 5m", Interval(3_600, jitter_s=300)),
        ("cron 0 3 * * * Europe/London", Cron("0 3 * * *", LONDON)),
        ("cron 0 3 * * MON-FRI", Cron("0 3 * * MON-FRI", "UTC")),
    ],
)
def test_a_schedule_is_written_as_people_say_it(text: str, schedule: Schedule) -> None:
    """An interval with a unit, or five cron fields and a time zone."""
    assert parse_schedule(text) == schedule


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is not a schedule; write"),
        ("hourly", "is not a schedule; write"),
        ("every 5", "is not a schedule; write"),
        ("every 5 minutes", "is not a schedule; write"),
        ("every 0s", "above 0"),
        ("every 9999d", "at most a year"),
        ("every 1m jitter 2m", "the jitter"),
        ("cron 0 3 * *", "needs five fields .* not 4"),
        ("cron 0 3 * * * Europe/London now", "more than five cron fields"),
        ("cron 0 3 * * * Europe/Londres", "'Europe/Londres' is not a time zone"),
        ("cron 0 3 * * * Europe", "'Europe' is not a time zone"),
        ("cron 0 3 * * * ../etc", "is not a time zone"),
        ("cron 0 25 * * *", "bad hour"),
        ("cron 0 3 * * FUNDAY", "bad day-of-week"),
        ("cron 0 3 30 2 *", "bad day-of-month"),
        ("cron 0 3 L 2 MON#5", None),
    ],
)
def test_what_is_not_a_schedule_is_refused_with_what_is_wrong(text: str, complaint: str | None) -> None:
    """Each sentence names the part that is wrong; one that is rare but possible is not refused."""
    if complaint is None:
        parse_schedule(text)
    else:
        with pytest.raises(ValueError, match=complaint):
            parse_schedule(text)


def test_a_time_without_a_zone_is_refused() -> None:
    """A naive datetime has no place on the time line."""
    with pytest.raises(ValueError, match="with a time zone"):
        next_after(Interval(60), datetime(2026, 1, 1))  # noqa: DTZ001 - that is what is refused
