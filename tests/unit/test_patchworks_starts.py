"""The protocol of starting a flow without an idempotency key: company, one open start, looking, repeating, asking."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.patchworks import operations, starts
from connectors.patchworks.operations import OperationsPolicy
from connectors.patchworks.starts import KNOWN_RUNS_MAX, FlowStarts, OpenStart, StartPolicy, Waiting
from connectors.patchworks.wire import Started

POLICY = StartPolicy()
NONE_OPEN = FlowStarts()
OPEN = starts.begun(NONE_OPEN, "stk-0001", 3, 1_000)


# -- company and one open start ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("waiting", "now_ms", "wait_s"),
    [
        pytest.param(Waiting(lines=1, payload_bytes=90, since_ms=1_000), 1_000, 5.0, id="a first line"),
        pytest.param(Waiting(lines=40, payload_bytes=3_600, since_ms=1_000), 4_000, 2.0, id="company came"),
        pytest.param(Waiting(lines=40, payload_bytes=3_600, since_ms=1_000), 6_000, 0.0, id="waited long enough"),
        pytest.param(
            Waiting(lines=40, payload_bytes=3_600, since_ms=1_000), 90_000, 0.0, id="waited for an open start"
        ),
        pytest.param(Waiting(lines=1_000, payload_bytes=90_000, since_ms=1_000), 1_000, 0.0, id="1,000 lines"),
        pytest.param(Waiting(lines=9, payload_bytes=500_000, since_ms=1_000), 1_000, 0.0, id="0.5 MB"),
        pytest.param(Waiting(lines=0, payload_bytes=0, since_ms=0), 90_000, None, id="nothing"),
    ],
)
def test_a_line_waits_at_most_five_seconds_for_company(waiting: Waiting, now_ms: int, wait_s: float | None) -> None:
    """Settled: one start carries many lines, at most 1,000 and 0.5 MB (facts 11.3)."""
    assert starts.wait_s(NONE_OPEN, POLICY, waiting, now_ms) == wait_s


def test_nothing_is_started_while_a_start_is_open() -> None:
    """Two unresolved starts of a flow could not be told apart."""
    full = Waiting(lines=5_000, payload_bytes=9_000_000, since_ms=0)
    assert starts.wait_s(OPEN, POLICY, full, 10**9) is None
    with pytest.raises(ValueError, match="stk-0001"):
        starts.begun(OPEN, "stk-0002", 1, 2_000)


def test_an_answered_start_frees_its_flow_and_its_run_is_known_from_then_on() -> None:
    """A later look must not take it for its own."""
    after = starts.resolved(OPEN, Started(run_id="r1"))
    assert after == FlowStarts(known_run_ids=("r1",), started=1)
    again = starts.resolved(starts.begun(after, "stk-0002", 1, 2_000), Started())
    assert again == FlowStarts(known_run_ids=("r1",), started=2)


def test_known_runs_are_bounded_and_the_latest_stay() -> None:
    """State is small."""
    state = NONE_OPEN
    for n in range(KNOWN_RUNS_MAX + 5):
        state = starts.resolved(starts.begun(state, f"stk-{n:04}", 1, n), Started(run_id=f"r{n}"))
    assert len(state.known_run_ids) == KNOWN_RUNS_MAX
    assert state.known_run_ids[-1] == f"r{KNOWN_RUNS_MAX + 4}"


def test_a_refused_start_frees_its_flow_and_counts_as_none() -> None:
    """It certainly began nothing."""
    assert starts.refused(OPEN) == NONE_OPEN


# -- after a lost answer -----------------------------------------------------------------------------------------------


def test_an_absent_start_is_repeated_as_often_as_policy_says_then_a_person_is_asked() -> None:
    """That no run is found does not prove that none will begin, so each repeat is counted as one that may be double."""
    state, then = starts.absent(OPEN, POLICY)
    assert (then, state.possible_repeats) == ("repeat", 1)
    assert state.open == OpenStart(key="stk-0001", began_ms=1_000, lines=3, repeats=1)
    state, then = starts.absent(state, POLICY)
    assert (then, state.possible_repeats) == ("ask", 1)
    assert state.open is not None
    assert state.open.asked
    assert starts.wait_s(state, POLICY, Waiting(lines=1, payload_bytes=1, since_ms=0), 10**9) is None


def test_a_flow_that_cannot_bear_repeats_asks_at_once() -> None:
    """By policy, per flow."""
    state, then = starts.absent(OPEN, StartPolicy(repeats_max=0))
    assert (then, state.possible_repeats) == ("ask", 0)


def test_a_person_may_say_repeat_ran_or_did_not_run() -> None:
    """The three answers to the question, and what each counts."""
    asked, _ = starts.absent(OPEN, StartPolicy(repeats_max=0))
    repeated = starts.repeated(asked)
    assert repeated.possible_repeats == 1
    assert repeated.open is not None
    assert not repeated.open.asked
    assert starts.resolved(asked, Started(run_id="r9")).open is None
    assert starts.refused(asked).open is None


def test_a_run_that_is_known_by_its_time_alone_is_counted() -> None:
    """Believed for want of a better reason."""
    assert starts.resolved(OPEN, Started(run_id="r1", evidence="timing")).by_timing == 1
    assert starts.resolved(OPEN, Started(run_id="r1", evidence="payload")).by_timing == 0


def test_without_an_open_start_there_is_nothing_to_decide() -> None:
    """A defect of the caller says so."""
    with pytest.raises(ValueError, match="no start"):
        starts.absent(NONE_OPEN, POLICY)
    with pytest.raises(ValueError, match="no start"):
        starts.repeated(NONE_OPEN)


# -- the month's operations --------------------------------------------------------------------------------------------

MIDDLE = datetime(2026, 11, 16, tzinfo=UTC)
LEFT_S = 15 * 86_400


def test_company_is_waited_for_as_usual_while_operations_last() -> None:
    """Half the month and half the operations are left: 150,000 a month are one in 17 seconds."""
    policy = OperationsPolicy(per_month=1_000_000)
    assert operations.company_s(policy, 5.0, 10_000, 100, MIDDLE) == 5.0
    assert operations.company_s(OperationsPolicy(), 5.0, 1e12, 100, MIDDLE) == 5.0


def test_waiting_widens_so_that_what_is_left_of_the_month_lasts() -> None:
    """Coalescing makes room: fewer starts with more lines each."""
    policy = OperationsPolicy(per_month=150_000, per_start=3)
    assert operations.company_s(policy, 5.0, 75_000, 100, MIDDLE) == pytest.approx(LEFT_S / 25_000)
    per_line = OperationsPolicy(per_month=150_000, per_start=1, per_line=2)
    assert operations.company_s(per_line, 5.0, 75_000, 100, MIDDLE) == pytest.approx(LEFT_S / (75_000 / 201))


def test_when_nothing_is_left_the_month_has_to_end_first() -> None:
    """A person may lift the budget; nobody else overspends it."""
    policy = OperationsPolicy(per_month=150_000, per_start=3)
    assert operations.company_s(policy, 5.0, 149_998, 1, MIDDLE) == LEFT_S
    december = datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert operations.company_s(policy, 5.0, 200_000, 1, december) == 3_600


def test_a_month_is_named_in_utc() -> None:
    """The count of another month is over."""
    assert operations.month_of(datetime.fromisoformat("2026-12-01T00:30:00+01:00")) == "2026-11"
    with pytest.raises(ValueError, match="zone"):
        operations.month_of(datetime(2026, 12, 1))  # noqa: DTZ001 - what must be refused
