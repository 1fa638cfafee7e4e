"""The breaker's transitions, one by one."""

from __future__ import annotations

import pytest

from runtime.breaker import Breaker, BreakerConfig
from runtime.errors import Refused, Throttled, Unauthorised, Unavailable, Unknown

CONFIG = BreakerConfig(strikes_max=3, open_first_s=2.0, open_cap_s=60.0, credentials_s=300.0, probe_s_max=90.0)
AWAY = Unavailable("away")
ALL_OF_IT = 1.0
"""A random number (just out of range, for round figures) that keeps the whole open time."""


def opened(now: float = 100.0) -> Breaker:
    """A breaker that its third strike has just opened, until two seconds later."""
    breaker = Breaker(CONFIG)
    for _ in range(3):
        breaker.failure(AWAY, now, ALL_OF_IT)
    return breaker


def test_it_starts_closed_and_lets_every_call_through() -> None:
    """No cause, no waiting."""
    breaker = Breaker()
    assert breaker.may_call(0.0)
    assert breaker.may_call(0.0)
    assert breaker.seconds_until_try(0.0) == 0.0
    assert breaker.cause is None


def test_it_opens_at_the_last_of_its_strikes_in_a_row() -> None:
    """Unavailable and unknown outcomes are strikes; the failure that opens it says so."""
    breaker = Breaker(CONFIG)
    assert not breaker.failure(AWAY, 100.0, ALL_OF_IT)
    assert not breaker.failure(Unknown("lost"), 100.0, ALL_OF_IT)
    assert breaker.may_call(100.0)
    assert breaker.failure(AWAY, 100.0, ALL_OF_IT)
    assert not breaker.may_call(100.0)
    assert breaker.cause == "unavailable"
    assert breaker.seconds_until_try(100.5) == 1.5


@pytest.mark.parametrize("answer", ["success", "refused"])
def test_an_answer_of_any_kind_wipes_out_the_strikes(answer: str) -> None:
    """Refusing takes a living server; only failures in a row count."""
    breaker = Breaker(CONFIG)
    breaker.failure(AWAY, 0.0, 0.5)
    breaker.failure(AWAY, 0.0, 0.5)
    if answer == "success":
        breaker.success(0.0)
    else:
        breaker.failure(Refused("no", code="422"), 0.0, 0.5)
    breaker.failure(AWAY, 0.0, 0.5)
    breaker.failure(AWAY, 0.0, 0.5)
    assert breaker.state == "closed"


def test_being_throttled_is_neither_a_strike_nor_an_answer() -> None:
    """A storm of them never opens it; between strikes it does not wipe them out either."""
    breaker = Breaker(CONFIG)
    for _ in range(100):
        breaker.failure(Throttled("slow down"), 0.0, 0.5)
    assert breaker.may_call(0.0)
    breaker.failure(AWAY, 0.0, 0.5)
    breaker.failure(AWAY, 0.0, 0.5)
    breaker.failure(Throttled("slow down"), 0.0, 0.5)
    assert breaker.failure(AWAY, 0.0, 0.5)


def test_when_its_time_is_over_one_call_probes_and_the_others_wait() -> None:
    """The first to ask is the probe; the rest are told to ask again soon."""
    breaker = opened()
    assert not breaker.may_call(101.9)
    assert breaker.seconds_until_try(102.0) == 0.0
    assert breaker.may_call(102.0)
    assert not breaker.may_call(102.0)
    assert 0.0 < breaker.seconds_until_try(102.0) <= 1.0
    assert breaker.state == "half_open"


def test_a_probe_that_is_answered_closes_it() -> None:
    """And the next outage starts from the shortest open time again."""
    breaker = opened()
    breaker.may_call(102.0)
    assert breaker.success(103.0)
    assert breaker.cause is None
    for _ in range(3):
        breaker.failure(AWAY, 200.0, ALL_OF_IT)
    assert breaker.seconds_until_try(200.0) == 2.0


def test_each_probe_that_fails_doubles_the_open_time_up_to_the_cap() -> None:
    """2, 4, 8, 16, 32, 60, 60 ... seconds."""
    breaker, now, spans = opened(), 100.0, []
    for _ in range(7):
        span = breaker.seconds_until_try(now)
        spans.append(span)
        now += span
        assert breaker.may_call(now)
        assert breaker.failure(AWAY, now, ALL_OF_IT)
    assert spans == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


def test_half_of_the_open_time_is_jitter() -> None:
    """Processes that lost the same API do not all probe at the same moment, and none probes at once."""
    for random, span_s in ((0.0, 1.0), (0.5, 1.5)):
        breaker = Breaker(CONFIG)
        for _ in range(3):
            breaker.failure(AWAY, 0.0, random)
        assert breaker.seconds_until_try(0.0) == span_s


def test_it_stays_open_for_as_long_as_the_other_side_asks_within_the_cap() -> None:
    """A 503 with Retry-After says when it makes sense to come back."""
    for asked_s, span_s in ((45.0, 45.0), (9_999.0, 60.0)):
        breaker = Breaker(CONFIG)
        for _ in range(3):
            breaker.failure(Unavailable("maintenance", retry_after_s=asked_s), 0.0, 0.0)
        assert breaker.seconds_until_try(0.0) == span_s


def test_late_ends_of_earlier_calls_do_not_move_an_open_breaker() -> None:
    """Calls that were in flight when it opened neither lengthen its time nor close it."""
    breaker = opened()
    assert not breaker.failure(AWAY, 101.0, ALL_OF_IT)
    assert not breaker.success(101.0)
    assert breaker.state == "open"
    assert breaker.seconds_until_try(101.0) == 1.0


def test_refused_credentials_open_it_at_once_and_for_long() -> None:
    """One is enough, and the cause says that a person has to act."""
    breaker = Breaker(CONFIG)
    assert breaker.failure(Unauthorised("key refused"), 0.0, 0.5)
    assert breaker.cause == "credentials"
    assert breaker.seconds_until_try(0.0) == 300.0
    assert not breaker.failure(Unauthorised("key refused"), 10.0, 0.5), "one signal, not one per call in flight"
    assert breaker.seconds_until_try(10.0) == 290.0


def test_refused_credentials_take_over_from_an_outage() -> None:
    """An API that comes back only to refuse the key needs a person, not patience."""
    breaker = opened()
    assert breaker.failure(Unauthorised("key refused"), 101.0, 0.5)
    assert (breaker.cause, breaker.seconds_until_try(101.0)) == ("credentials", 300.0)


def test_credentials_stay_the_cause_until_a_call_is_answered() -> None:
    """A probe that meets an outage has not seen the credentials work."""
    breaker = Breaker(CONFIG)
    breaker.failure(Unauthorised("key refused"), 0.0, 0.5)
    assert breaker.may_call(300.0)
    assert breaker.failure(AWAY, 301.0, 0.5)
    assert (breaker.cause, breaker.seconds_until_try(301.0)) == ("credentials", 300.0)
    assert breaker.may_call(601.0)
    assert breaker.success(602.0)
    assert breaker.cause is None


def test_a_probe_that_was_throttled_is_given_back() -> None:
    """Nothing is known yet, so the next call may probe."""
    breaker = opened()
    breaker.may_call(102.0)
    assert not breaker.failure(Throttled("slow down"), 103.0, 0.5)
    assert breaker.may_call(103.0)
    assert not breaker.may_call(103.0)


def test_a_probe_that_never_ends_is_given_up() -> None:
    """Its caller may have been cancelled; without this nobody would ever call again."""
    breaker = opened()
    assert breaker.may_call(102.0)
    assert not breaker.may_call(191.9)
    assert breaker.may_call(192.0)


@pytest.mark.parametrize(
    "wrong",
    [{"strikes_max": 0}, {"open_first_s": 0.0}, {"open_first_s": 9.0, "open_cap_s": 8.0}, {"credentials_s": 0.0}],
)
def test_a_configuration_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    """Found when it is made, with the number in the sentence."""
    with pytest.raises(ValueError, match="must be"):
        BreakerConfig(**wrong)  # type: ignore[arg-type]
