"""Reading what changed misses nothing, whatever commits when: a server of transactions, a reader that pages and polls.

The server stamps a change when its transaction begins, and shows it when it commits, as PostgreSQL does behind Fulfil.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.fulfil.changes import Changes, Page, Seen, Watermark, advance, begin_or_go_on, forget, fresh
from connectors.fulfil.rows import Row

EPOCH = datetime(2026, 11, 20, tzinfo=UTC)
COMMIT_MAX = 5
"""Seconds from stamp to commit, at most."""
CALL_MAX = 3
SKEW_MAX = 4
OVERLAP = timedelta(seconds=COMMIT_MAX + CALL_MAX + SKEW_MAX)


class Version(Row, frozen=True, kw_only=True):
    """A record as it is between two commits; `serial` tells its versions apart."""

    serial: int = 0


class Change(Row, frozen=True, kw_only=True):
    """One transaction: it stamps the record `id` at `stamp` and commits at `commit`, in seconds."""

    stamp: int
    commit: int


def at(second: float) -> datetime:
    return EPOCH + timedelta(seconds=second)


def visible(changes: list[Change], second: float) -> list[Version]:
    """The records as a statement sees them that runs at that second, in order of id."""
    records: dict[int, Version] = {}
    for serial, change in sorted(enumerate(changes, 1), key=lambda each: (each[1].commit, each[0])):
        if change.commit > second:
            continue
        before = records.get(change.id)
        created = at(change.stamp) if before is None else before.create_date
        written = None if before is None else at(change.stamp)
        records[change.id] = Version(id=change.id, serial=serial, create_date=created, write_date=written)
    return [records[id_] for id_ in sorted(records)]


def answered(changes: list[Change], asked: Changes, second: float, date: datetime | None) -> Page[Version]:
    """What the server answers: filtered, in order of id, cut to the page."""
    rows = [
        row
        for row in visible(changes, second)
        if row.id > asked.after_id
        and (asked.since is None or any(one and one >= asked.since for one in (row.create_date, row.write_date)))
    ][: asked.limit]
    last_id = rows[-1].id if rows else asked.after_id
    return Page(rows=tuple(rows), last_id=last_id, complete=len(rows) < asked.limit, answered_at=date)


def sweeps(
    changes: list[Change],
    steps: Iterator[tuple[int, int, int]],
    *,
    skew: int,
    date_skew: int | None,
    overlap: timedelta,
) -> list[Version]:
    """Poll until one sweep began after everything was committed; what was new, in the order of arrival."""
    mark, seen, news, second = Watermark(), Seen(), list[Version](), 0
    quiet = max((change.commit for change in changes), default=0)
    while True:
        gap, call, limit = next(steps)
        began = second if mark.began is None else None
        mark, asked = begin_or_go_on(mark, at(second + skew), limit=limit)
        date = None if date_skew is None else at(second + call + date_skew)
        page = answered(changes, asked, second + call / 2, date)
        since = mark.since
        mark = advance(mark, page, overlap=overlap)
        assert since is None or (mark.since is not None and mark.since >= since)
        new, seen = fresh(seen, page.rows)
        seen = forget(seen, mark.since)
        news.extend(new)
        began_quiet = began is not None and began > quiet + CALL_MAX
        if began_quiet and mark.began is None:
            return news
        second += call + gap


change = st.builds(
    lambda id_, stamp, delay: Change(id=id_, stamp=stamp, commit=stamp + delay),
    st.integers(1, 6),
    st.integers(0, 40),
    st.integers(0, COMMIT_MAX),
)
step = st.tuples(st.integers(0, 8), st.integers(0, CALL_MAX), st.integers(1, 4))


@given(
    changes=st.lists(change, max_size=15),
    taken=st.lists(step, min_size=1, max_size=20),
    skew=st.integers(-SKEW_MAX, SKEW_MAX),
    date_skew=st.none() | st.integers(-SKEW_MAX, SKEW_MAX),
)
def test_every_record_arrives_as_it_finally_is_and_no_version_twice(
    changes: list[Change], taken: list[tuple[int, int, int]], skew: int, date_skew: int | None
) -> None:
    """Late commits, updates behind the cursor, pages of any size, a clock that is ahead or behind."""
    endless = (each for _ in iter(int, 1) for each in [*taken, (2, 1, 7)])
    news = sweeps(changes, endless, skew=skew, date_skew=date_skew, overlap=OVERLAP)
    final = {row.id: row for row in visible(changes, 10_000)}
    arrived: dict[int, Version] = {}
    for row in news:
        assert arrived.get(row.id) != row, "the same version arrived twice in a row"
        arrived[row.id] = row
    assert arrived == final


def polls(*overlap_s: float) -> list[Version]:
    """A record committed 4 s after its stamp, just when a poll has read past it."""
    changes = [Change(id=1, stamp=0, commit=0), Change(id=2, stamp=10, commit=14), Change(id=3, stamp=12, commit=12)]
    steps = (each for _ in iter(int, 1) for each in [(13, 0, 500), (5, 0, 500)])
    return sweeps(changes, steps, skew=0, date_skew=0, overlap=timedelta(seconds=overlap_s[0]))


def test_a_late_commit_is_found_by_the_overlap_and_lost_without_it() -> None:
    """Failure case 8: committed with a stamp earlier than what the last page had already passed."""
    assert [row.id for row in polls(5)] == [1, 3, 2]
    assert [row.id for row in polls(0)] == [1, 3]


def test_an_update_of_an_old_record_is_found_although_its_id_is_old() -> None:
    """Failure case 39: an id as the cursor of all time would miss it."""
    changes = [Change(id=1, stamp=0, commit=0), Change(id=9, stamp=0, commit=0), Change(id=1, stamp=20, commit=20)]
    steps = (each for _ in iter(int, 1) for each in [(30, 0, 500)])
    news = sweeps(changes, steps, skew=0, date_skew=None, overlap=OVERLAP)
    assert [(row.id, row.serial) for row in news] == [(1, 1), (9, 2), (1, 3)]


def test_a_clock_that_runs_ahead_is_held_back_by_the_date_of_the_answer() -> None:
    """The earlier of both bounds the sweep, so an hour's error in ours costs nothing."""
    mark, _ = begin_or_go_on(Watermark(), at(3_600))
    page: Page[Version] = Page(rows=(), last_id=0, complete=True, answered_at=at(0))
    assert advance(mark, page, overlap=timedelta(seconds=60)).since == at(-60)


def test_a_sweep_goes_on_after_a_restart_where_it_was() -> None:
    """The watermark is state: cursor and beginning survive, and the beginning is the first page's."""
    mark, asked = begin_or_go_on(Watermark(since=at(0)), at(100), limit=2)
    assert (asked.since, asked.after_id, asked.limit) == (at(0), 0, 2)
    rows = (Version(id=4), Version(id=7))
    mark = advance(mark, Page(rows=rows, last_id=7, complete=False), overlap=OVERLAP)
    mark, asked = begin_or_go_on(mark, at(500), limit=2)
    assert (asked.since, asked.after_id, mark.began) == (at(0), 7, at(100))


def test_a_page_that_nobody_asked_for_moves_nothing() -> None:
    """It would move the watermark past what was never read."""
    with pytest.raises(ValueError, match="no sweep"):
        advance(Watermark(), Page(rows=(), last_id=0, complete=True), overlap=OVERLAP)


def test_two_changes_within_one_stamp_are_two_changes() -> None:
    """A server may keep no fractions of a second; the content tells."""
    first, second = (Version(id=1, serial=serial, create_date=at(0), write_date=at(1)) for serial in (1, 2))
    new, seen = fresh(Seen(), [first])
    again, seen = fresh(seen, [first])
    changed, _ = fresh(seen, [second])
    assert (new, again, changed) == ((first,), (), (second,))


def test_what_no_later_sweep_brings_again_is_forgotten() -> None:
    """Memory is bounded by the overlap, not by the age of the tenant."""
    rows = [Version(id=id_, create_date=at(id_)) for id_ in range(100)]
    _, seen = fresh(Seen(), rows)
    assert set(forget(seen, at(95)).rows) == {95, 96, 97, 98, 99}
