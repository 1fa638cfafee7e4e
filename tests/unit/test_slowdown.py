"""How fast calls go after being throttled: slower, soon almost as fast, and faster only after a while."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from runtime.slowdown import Slowdown

rates = st.floats(0.2, 500.0)


def test_the_way_back_has_four_stages() -> None:
    """A little below the refused rate, soon just below it, there until the hold ends, and then above it."""
    back = Slowdown(slow_per_s=8.5, refused_per_s=10.0, full_per_s=20.0, since=100.0, recover_s=30.0, hold_s=40.0)
    told = [round(back.rate_per_s(100.0 + at) or 0.0, 2) for at in (-5, 0, 5, 15, 40, 47.5, 55)]
    assert told == [8.5, 8.5, 9.34, 9.7, 9.7, 10.91, 19.4]
    assert back.rate_per_s(156.0) is None


@given(
    rates,
    rates,
    st.one_of(st.none(), rates),
    st.tuples(st.floats(0.0, 300.0), st.booleans()),
    st.lists(st.floats(0.0, 2_000.0), min_size=2),
)
def test_the_rate_only_grows_never_passes_the_limit_and_comes_back_to_it(
    slow: float, refused: float, full: float | None, hold_and_doubt: tuple[float, bool], at: list[float]
) -> None:
    """Whatever the figures; without a known limit it grows on."""
    back = Slowdown(slow_per_s=slow, refused_per_s=refused, full_per_s=full, since=0.0, recover_s=30.0)
    back = replace(back, hold_s=hold_and_doubt[0], doubtful=hold_and_doubt[1])
    told = [back.rate_per_s(each) for each in sorted(at)]
    limit = float("inf") if full is None else full
    used = [limit if rate is None else rate for rate in told]
    assert used == sorted(used)
    assert full is None or all(rate is None or rate < full for rate in told)
    assert (back.rate_per_s(3_000.0) is None) is (full is not None)


def test_where_it_is_in_doubt_that_the_limit_was_met_the_rate_doubles_each_second() -> None:
    """Five calls were refused and 2,000 are known to be allowed: nine seconds, not minutes, until they are."""
    back = Slowdown(
        slow_per_s=4.25, refused_per_s=5.0, full_per_s=2_000.0, since=0.0, recover_s=30.0, hold_s=300.0, doubtful=True
    )
    assert [back.rate_per_s(at) for at in (-1.0, 0.0, 1.0, 4.0)] == [4.25, 4.25, 8.5, 68.0]
    assert back.rate_per_s(9.0) is None
    assert replace(back, full_per_s=None).rate_per_s(1e9) is not None
