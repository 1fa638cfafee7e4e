"""The breaker under any sequence of calls, ends and waiting."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runtime.breaker import Breaker, BreakerConfig
from runtime.errors import Failure, Refused, Throttled, Unauthorised, Unavailable, Unknown

CONFIG = BreakerConfig(strikes_max=3, open_first_s=1.0, open_cap_s=30.0, credentials_s=120.0, probe_s_max=20.0)

FAILURES: list[Failure | None] = [
    None,
    Unavailable("away"),
    Unavailable("maintenance", retry_after_s=500.0),
    Unknown("lost"),
    Throttled("slow down", retry_after_s=5.0),
    Unauthorised("key refused"),
    Refused("no", code="422"),
]

steps = st.lists(
    st.tuples(
        st.sampled_from(["ask", "end", "wait"]),
        st.sampled_from(FAILURES),
        st.floats(0.0, 40.0),
        st.floats(0.0, 1.0, exclude_max=True),
    ),
    max_size=60,
)


def end(breaker: Breaker, failure: Failure | None, now: float, random: float) -> None:
    if failure is None:
        breaker.success(now)
    else:
        breaker.failure(failure, now, random)


@given(steps)
def test_waiting_as_told_always_leads_to_a_call(story: list[tuple[str, Failure | None, float, float]]) -> None:
    """`may_call` says yes exactly when `seconds_until_try` is 0; the wait is bounded; and after it nobody is stuck."""
    breaker, now = Breaker(CONFIG), 0.0
    for step, failure, wait_s, random in story:
        wait_told_s = breaker.seconds_until_try(now)
        assert 0.0 <= wait_told_s <= CONFIG.credentials_s + 1e-9
        assert (breaker.cause is None) == (breaker.state == "closed")
        match step:
            case "ask":
                assert breaker.may_call(now) == (wait_told_s == 0.0)
            case "end":
                end(breaker, failure, now, random)
            case _:
                now += wait_s
    waits = 0
    while breaker.seconds_until_try(now) > 0:
        now += breaker.seconds_until_try(now)
        waits += 1
        assert waits <= 1_000
    assert breaker.may_call(now)


@given(steps, st.integers(1, 20))
def test_at_most_one_probe_is_under_way(story: list[tuple[str, Failure | None, float, float]], askers: int) -> None:
    """However many ask at one moment, while it is not closed at most one is let through."""
    breaker, now = Breaker(CONFIG), 0.0
    for _, failure, wait_s, random in story:
        end(breaker, failure, now, random)
        now += wait_s
        was_closed = breaker.state == "closed"
        let_through = sum(breaker.may_call(now) for _ in range(askers))
        assert let_through == askers if was_closed else let_through <= 1


@given(st.lists(st.floats(0.0, 1.0, exclude_max=True), min_size=3, max_size=40))
def test_an_outage_costs_few_probes_and_ends_within_the_cap(randoms: list[float]) -> None:
    """With every probe failing, the breaker waits between half and all of the doubling span, at most the cap."""
    breaker, now, span_s = Breaker(CONFIG), 0.0, CONFIG.open_first_s
    for random in randoms[:3]:
        breaker.failure(Unavailable("away"), now, random)
    for random in randoms:
        wait_s = breaker.seconds_until_try(now)
        assert span_s / 2 <= wait_s + 1e-9
        assert wait_s <= span_s + 1e-9
        now += wait_s
        while not breaker.may_call(now):
            now += 1e-9
        breaker.failure(Unavailable("away"), now, random)
        span_s = min(CONFIG.open_cap_s, span_s * 2)
