"""How long a queue of orders takes: observed where it was, else what is allowed, and never more than is known."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.model.drain import Drain, Look, drain_of, sentences, span

NOW = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)


def looks(*, seconds: int = 60, start: int = 1_000, arrive: float = 0.0, settle: float = 10.0) -> list[Look]:
    """A queue that was looked at every five seconds."""
    return [
        Look(float(at), round(start + at * (arrive - settle)), round(at * settle)) for at in range(0, seconds + 1, 5)
    ]


def test_with_a_queue_all_the_while_the_rate_is_what_was_observed() -> None:
    """2,400 more came than went, at 50 and 10 a second: what waits now is done at 10 a second, and the queue grows."""
    drain = drain_of(looks(arrive=50.0), allowed_per_s=200.0)
    assert drain == Drain(waiting=3_400, per_s=10.0, how="observed", arriving_per_s=50.0)
    assert (drain.seconds, drain.grows) == (340.0, True)


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (looks(seconds=10), "ten seconds say too little"),
        ([*looks(seconds=30, start=300), Look(35.0, 0, 300), *[Look(40.0 + n, 5, 310) for n in range(19)]],
         "a queue that was empty in between is another queue, and a young one"),
        ([Look(float(at), 50, 0) for at in range(0, 61, 5)], "nothing went in at all"),
    ],
)  # fmt: skip
def test_otherwise_it_is_what_fulfil_allows(seen: list[Look], why: str) -> None:
    """And without a known limit, nothing is said."""
    allowed = drain_of(seen, allowed_per_s=10.0)
    assert (allowed.per_s, allowed.how) == (10.0, "allowed"), why
    assert allowed.seconds == seen[-1].waiting / 10
    unknown = drain_of(seen, allowed_per_s=None)
    assert (unknown.per_s, unknown.how, unknown.seconds) == (None, "unknown", None)


def test_while_nothing_can_go_in_the_time_counts_from_when_it_can() -> None:
    """What was observed before an outage says nothing of the time after it."""
    drain = drain_of(looks(), allowed_per_s=5.0, held_up="Fulfil does not answer")
    assert (drain.per_s, drain.how, drain.seconds) == (5.0, "allowed", 80.0)


def test_an_empty_queue_is_done_and_before_the_first_look_nothing_waits() -> None:
    """No seconds, and no sentence."""
    for drain in (drain_of([], 10.0), drain_of([Look(0.0, 0, 0)], None)):
        assert (drain.waiting, drain.seconds, drain.grows, sentences(drain, NOW)) == (0, 0.0, False, [])


@pytest.mark.parametrize(
    ("drain", "sentence"),
    [
        (
            Drain(waiting=24_000, per_s=10.0, how="observed", arriving_per_s=50.0),
            (
                "24,000 orders wait for Fulfil; 10.0 a second go in, as over the last minute, so these are "
                "done in about 40 min, at 2026-11-27 10:40Z; 50.0 a second arrive, so the queue grows"
            ),
        ),
        (
            Drain(waiting=1, per_s=10.0, how="allowed"),
            (
                "1 order waits for Fulfil; 10.0 a second go in, as many as Fulfil allows, so these are done in about "
                "1 s, at 2026-11-27 10:00Z"
            ),
        ),
        (
            Drain(waiting=36_000, per_s=2.5, how="allowed", held_up="Fulfil does not answer"),
            (
                "36,000 orders wait for Fulfil: Fulfil does not answer; once they go on, at 2.5 a second that is "
                "allowed, they are done in about 4 h 0 min"
            ),
        ),
        (Drain(behind=1), "1 order waits for the first order of its customer"),
        (Drain(waiting=7), "7 orders wait for Fulfil; how fast they go in is not known yet"),
        (
            Drain(waiting=520, per_s=10.0, how="allowed", age_s=16.2, lost_answers=267),
            (
                "520 orders wait for Fulfil (counted 16 s ago); 10.0 a second go in, as many as Fulfil allows, so "
                "these are done in about 52 s, at 2026-11-27 10:00Z; 267 lost answers are being looked up first"
            ),
        ),
        (Drain(paused=(("web", 239), ("outlet", 0))), "239 orders wait for web, which is paused"),
    ],
    ids=["observed and growing", "allowed", "held up", "behind another", "unknown", "counted long ago", "paused"],
)
def test_people_are_told_in_a_sentence(drain: Drain, sentence: str) -> None:
    """How many, how fast, from where that is known, when it is done, and whether it grows."""
    assert sentences(drain, NOW) == [sentence]


def test_a_stretch_of_time_is_said_as_people_do() -> None:
    """Seconds up to a minute and a half, then minutes, then hours and minutes."""
    assert [span(each) for each in (0.2, 89, 90, 3_600, 5_400, 14_399)] == [
        "1 s", "89 s", "2 min", "60 min", "1 h 30 min", "4 h 0 min",
    ]  # fmt: skip


@given(st.integers(0, 10**6), st.floats(0.1, 500.0), st.floats(0.0, 500.0), st.integers(20, 300))
def test_of_a_steady_queue_the_forecast_is_right(start: int, settle: float, arrive: float, seconds: int) -> None:
    """Whatever comes behind: those that wait now are gone after the forecast, within a twentieth and two looks."""
    seen = looks(seconds=seconds // 5 * 5, start=start + round(settle * seconds) + 1, arrive=arrive, settle=settle)
    drain = drain_of(seen, None)
    assert drain.seconds is not None
    assert abs(drain.seconds * settle - drain.waiting) <= drain.waiting * (0.05 + 1.1 / (settle * 20)) + 1
