"""What follows a failed call: a table of failures and answers."""

from __future__ import annotations

import pytest

from runtime.errors import Failure, Refused, Throttled, Unauthorised, Unavailable, Unknown
from runtime.retry import GiveUp, LookFirst, RetryPolicy, TryAgain, next_try

POLICY = RetryPolicy(first_s=1.0, cap_s=30.0, attempts_max=4, retry_after_max_s=600.0, probe_s=300.0)


@pytest.mark.parametrize(("attempt", "span_s"), [(1, 1.0), (2, 2.0), (3, 4.0), (6, 30.0), (1_000_000, 30.0), (0, 1.0)])
def test_the_span_of_the_backoff_doubles_up_to_its_cap(attempt: int, span_s: float) -> None:
    """The delay is a random share of 1, 2, 4 ... seconds, never more than the cap, whatever the attempt's number."""
    endless = RetryPolicy(first_s=1.0, cap_s=30.0)
    for random in (0.0, 0.5, 0.999):
        decided = next_try(endless, Unavailable("away"), attempt, random)
        assert isinstance(decided, TryAgain)
        assert decided.after_s == pytest.approx(random * span_s)


def test_a_call_that_was_not_applied_is_given_up_after_its_attempts() -> None:
    """The fourth of four attempts ends it, and the reason says how often it was tried."""
    assert isinstance(next_try(POLICY, Unavailable("away"), 3, 0.5), TryAgain)
    assert next_try(POLICY, Unavailable("away"), 4, 0.5) == GiveUp("it was tried 4 times")
    once = RetryPolicy(attempts_max=1)
    assert next_try(once, Unavailable("away"), 1, 0.5) == GiveUp("it was tried once")


@pytest.mark.parametrize("failure_kind", [Unavailable, Throttled, Unknown])
@pytest.mark.parametrize("random", [0.0, 0.5, 0.999])
def test_a_retry_after_is_never_undercut(failure_kind: type[Failure], random: float) -> None:
    """Jitter comes on top of what the other side asked for."""
    decided = next_try(POLICY, failure_kind("wait", retry_after_s=20.0), 1, random, repeats_freely=True)
    assert isinstance(decided, TryAgain)
    assert 20.0 <= decided.after_s <= 21.0


def test_a_broken_retry_after_does_not_park_a_call_for_a_year() -> None:
    """What is asked for is honoured up to a maximum, and a negative one counts as none."""
    assert next_try(POLICY, Unavailable("a", retry_after_s=31_536_000.0), 1, 0.0) == TryAgain(600.0)
    assert next_try(POLICY, Unavailable("a", retry_after_s=-5.0), 1, 0.0) == TryAgain(0.0)


def test_being_throttled_never_uses_up_an_attempt() -> None:
    """However often a call was throttled it is tried again, and says that the attempt does not count."""
    for attempt in (1, 4, 1_000):
        decided = next_try(POLICY, Throttled("slow down"), attempt, 0.5)
        assert isinstance(decided, TryAgain)
        assert not decided.counts
    assert next_try(POLICY, Unavailable("away"), 1, 0.0) == TryAgain(0.0, counts=True)


def test_a_refused_call_is_never_repeated() -> None:
    """The same bytes would be refused again."""
    for repeats_freely in (False, True):
        decided = next_try(POLICY, Refused("no", code="422"), 1, 0.5, repeats_freely=repeats_freely)
        assert decided == GiveUp("the same call will be refused again")


def test_a_write_whose_outcome_is_unknown_is_looked_for_and_never_repeated() -> None:
    """On any attempt, even past the last: giving up on it would leave it unknown for ever."""
    for attempt in (1, 4, 1_000):
        assert isinstance(next_try(POLICY, Unknown("lost"), attempt, 0.5), LookFirst)


def test_a_read_whose_outcome_is_unknown_is_repeated_like_any_other() -> None:
    """Nothing can happen twice, so it backs off, and is given up after its attempts."""
    assert next_try(POLICY, Unknown("lost"), 2, 0.5, repeats_freely=True) == TryAgain(1.0)
    assert isinstance(next_try(POLICY, Unknown("lost"), 4, 0.5, repeats_freely=True), GiveUp)


def test_a_failure_of_a_new_kind_is_treated_as_unknown() -> None:
    """A class this function has not heard of may have been applied."""

    class Novel(Failure):
        kind = "novel"

    assert isinstance(next_try(POLICY, Novel("?"), 1, 0.5), LookFirst)


def test_refused_credentials_are_probed_at_a_long_fixed_interval() -> None:
    """Without jitter, without an end, and without using up attempts."""
    for attempt, random in ((1, 0.0), (4, 0.9), (1_000, 0.5)):
        assert next_try(POLICY, Unauthorised("key refused"), attempt, random) == TryAgain(300.0, counts=False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_s": 0.0},
        {"first_s": 10.0, "cap_s": 5.0},
        {"attempts_max": 0},
        {"retry_after_max_s": 0.0},
        {"probe_s": -1.0},
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(wrong: dict[str, float]) -> None:
    """Numbers that make no sense are found when the policy is made, not in the first outage."""
    with pytest.raises(ValueError, match="must be"):
        RetryPolicy(**wrong)  # type: ignore[arg-type]
