"""Runs are followed by one list per poll, and none is lost on the way (facts 8)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.patchworks import following
from connectors.patchworks.following import OVERLAP_MS, PAGES_MAX, PATIENCE_MS, Watch
from connectors.patchworks.requests import ListRuns
from connectors.patchworks.wire import Page, Run, RunStatus

NOW_MS = 1_795_166_100_000
AT = datetime(2026, 11, 20, 9, 15, tzinfo=UTC)


def run(id_: str, status: RunStatus | None = RunStatus.SUCCESS, **more: object) -> Run:
    """A run of some flow."""
    return Run(id=id_, status=status, **more)  # type: ignore[arg-type]


def page(*runs: Run, number: int = 1, complete: bool = True) -> Page[Run]:
    """A page of a list."""
    return Page(rows=runs, number=number, complete=complete)


def watching(*run_ids: str) -> Watch:
    """A poll under way for runs that were started a second apart."""
    watch = Watch()
    for n, run_id in enumerate(run_ids):
        watch = following.follow(watch, run_id, NOW_MS + 1_000 * n)
    return following.begin_poll(watch, NOW_MS + 60_000)[0]


def test_one_list_covers_all_runs_with_an_overlap_and_a_pinned_end() -> None:
    """Facts 8: `started_after` with overlap, newest first, `started_before` pinned."""
    watch = following.follow(following.follow(Watch(), "b", NOW_MS + 9_000), "a", NOW_MS)
    watch, asked = following.begin_poll(watch, NOW_MS + 60_000)
    assert asked == ListRuns(started_after_ms=NOW_MS - OVERLAP_MS, started_before_ms=NOW_MS + 60_000 + OVERLAP_MS)
    assert following.begin_poll(watch, NOW_MS + 61_000)[1] is None, "a poll is under way"


def test_without_runs_nothing_is_asked() -> None:
    """A call saved is a call for others."""
    assert following.begin_poll(Watch(), NOW_MS) == (Watch(), None)


def test_ended_runs_are_told_once_and_others_go_on_being_followed() -> None:
    """Runs of others in the same list do not matter; a run that is listed twice ends once."""
    watch, seen = following.page_seen(
        watching("a", "b", "c"),
        page(run("x"), run("b", RunStatus.FAILURE), run("b", RunStatus.FAILURE), run("a", RunStatus.STARTED)),
    )
    assert [each.id for each in seen.ended] == ["b"]
    assert seen.next is None
    assert [each.run_id for each in watch.followed] == ["a", "c"]
    assert watch.poll is None


def test_pages_are_read_until_the_last_one_or_until_all_have_ended() -> None:
    """The second page is of the same pinned list."""
    watch = watching("a", "b")
    first = watch.poll
    assert first is not None
    watch, seen = following.page_seen(watch, page(run("b"), complete=False))
    assert seen.next is not None
    assert (seen.next.page, seen.next.started_before_ms) == (2, first.started_before_ms)
    watch, seen = following.page_seen(watch, page(run("a"), number=2, complete=False))
    assert ([each.id for each in seen.ended], seen.next, watch) == (["a"], None, Watch())


def test_a_poll_ends_somewhere_even_when_the_list_does_not() -> None:
    """Bounded, whatever else runs there."""
    _, seen = following.page_seen(watching("a"), page(number=PAGES_MAX, complete=False))
    assert seen.next is None


def test_a_failed_poll_is_made_up_for_by_the_next() -> None:
    """It begins at the same runs again."""
    watch = following.poll_failed(watching("a"))
    assert following.begin_poll(watch, NOW_MS + 90_000)[1] is not None


def test_a_run_that_nobody_sees_end_leaves_the_watch() -> None:
    """One stuck run must not make every later list longer."""
    watch, late = following.overdue(watching("a", "b"), NOW_MS + PATIENCE_MS + 1)
    assert late == ("a",)
    assert [each.run_id for each in watch.followed] == ["b"]


def test_following_a_run_twice_changes_nothing() -> None:
    """A repeated outcome is no second run."""
    watch = following.follow(Watch(), "a", NOW_MS)
    assert following.follow(watch, "a", NOW_MS + 5) == watch


@pytest.mark.parametrize(
    ("each", "ended", "succeeded"),
    [
        (run("a", RunStatus.STARTED), False, False),
        (run("a", RunStatus.SUCCESS), True, True),
        (run("a", RunStatus.SUCCESS, has_warnings=True), True, False),
        (run("a", RunStatus.FAILURE), True, False),
        (run("a", RunStatus.STOPPED), True, False),
        (run("a", RunStatus.PARTIAL_SUCCESS), True, False),
        (run("a", None), False, False),
        (run("a", None, finished_at=AT), True, False),
    ],
)
def test_each_status_says_whether_a_run_ended_and_how(each: Run, ended: bool, succeeded: bool) -> None:
    """Facts 2.2 and 5: a caught failure may end as a success with warnings."""
    assert (following.has_ended(each), following.succeeded(each)) == (ended, succeeded)
