"""Which failed runs are recovered, from which payloads, once, and before they are gone (facts 2.3, 3.4, 5, 11.2)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.patchworks import recovery
from connectors.patchworks.recovery import Done, Fetch, RecoveryPolicy
from connectors.patchworks.wire import LogLine, PayloadRow, Run, RunStatus

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
POLICY = RecoveryPolicy()
HOUR = timedelta(hours=1)


def run(id_: str, *, hours_ago: float = 5.0, status: RunStatus | None = RunStatus.FAILURE, **more: object) -> Run:
    """A run that began so long ago and took a minute."""
    began = NOW - hours_ago * HOUR
    return Run(
        **{"id": id_, "status": status, "flow_id": "4312", "started_at": began,
           "finished_at": began + timedelta(minutes=1), **more}  # type: ignore[arg-type]
    )  # fmt: skip


def chosen(*runs: Run, policy: RecoveryPolicy = POLICY, done: tuple[Done, ...] = ()) -> list[str]:
    """The ids of the runs that are recovered, in order."""
    return [each.run.id for each in recovery.choose(policy, runs, done, NOW).recover]


# -- which lists -------------------------------------------------------------------------------------------------------


def test_failures_partial_successes_and_successes_with_warnings_are_listed() -> None:
    """Facts 11.2, over the whole time that payloads are kept, pinned against shifting."""
    asked = recovery.lists(POLICY, NOW, None)
    assert [(each.status, each.has_warnings) for each in asked] == [(3, None), (5, None), (None, True)]
    for each in asked:
        assert each.started_after_ms == int((NOW - 72 * HOUR - timedelta(minutes=5)).timestamp() * 1000)
        assert each.started_before_ms == int((NOW + timedelta(minutes=5)).timestamp() * 1000)


def test_successes_of_named_flows_are_looked_through_for_errors_since_the_last_sweep() -> None:
    """Facts 5: a caught failure may end as 2; there are many successes, so each is listed about once."""
    policy = RecoveryPolicy(flow_ids=("4312", "4313"))
    last = recovery.lists(policy, NOW, NOW - 2 * HOUR)[3:]
    assert [(each.status, each.flow_id, each.with_errors) for each in last] == [(2, "4312", True), (2, "4313", True)]
    assert last[0].started_after_ms == int((NOW - 3 * HOUR).timestamp() * 1000)
    first = recovery.lists(policy, NOW, None)[3]
    assert first.started_after_ms == recovery.lists(policy, NOW, None)[0].started_after_ms


# -- which runs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("each", "wanted"),
    [
        pytest.param(run("r", status=RunStatus.FAILURE), True, id="3"),
        pytest.param(run("r", status=RunStatus.PARTIAL_SUCCESS), True, id="5"),
        pytest.param(run("r", status=RunStatus.SUCCESS, has_warnings=True), True, id="2 with warnings"),
        pytest.param(run("r", status=RunStatus.SUCCESS, has_errors=True), True, id="2 with errors"),
        pytest.param(run("r", status=RunStatus.SUCCESS), False, id="2"),
        pytest.param(run("r", status=RunStatus.STARTED), False, id="1, not over yet"),
        pytest.param(run("r", status=RunStatus.STOPPED), False, id="4, by a person"),
        pytest.param(run("r", status=None), False, id="unknown"),
    ],
)
def test_each_status_says_whether_something_may_be_missing(each: Run, wanted: bool) -> None:
    """Facts 2.2, 5, 11.2."""
    assert chosen(each) == (["r"] if wanted else [])


def test_a_run_in_several_lists_is_recovered_once_and_never_again() -> None:
    """The memory is asked before anything is fetched."""
    failed = run("r")
    assert chosen(failed, failed) == ["r"]
    done = recovery.recovered((), failed, NOW)
    assert chosen(failed, done=done) == []


def test_the_memory_forgets_what_can_no_longer_be_listed() -> None:
    """It is bounded by the time that runs are kept."""
    old, recent = Done("old", NOW - timedelta(days=9)), Done("recent", NOW - timedelta(days=3))
    assert {each.run_id for each in recovery.recovered((old, recent), run("r"), NOW)} == {"recent", "r"}


def test_what_goes_first_is_recovered_first_and_the_rest_in_a_later_sweep() -> None:
    """72 hours from the beginning of the run; a sweep is bounded, because of the calls it costs."""
    runs = [run("c", hours_ago=2), run("a", hours_ago=71), run("b", hours_ago=30)]
    choice = recovery.choose(RecoveryPolicy(runs_per_sweep_max=2), runs, (), NOW)
    assert [(each.run.id, each.urgent) for each in choice.recover] == [("a", True), ("b", False)]
    assert choice.recover[0].expires_at == NOW + HOUR
    assert choice.later == 1


def test_a_run_whose_payloads_are_gone_is_told_of_not_passed_over() -> None:
    """Nothing is lost in silence."""
    choice = recovery.choose(POLICY, [run("late", hours_ago=72.5)], (), NOW)
    assert ([each.id for each in choice.expired], choice.recover) == (["late"], ())
    told = recovery.recovered((), choice.expired[0], NOW)
    assert recovery.choose(POLICY, [run("late", hours_ago=72.5)], told, NOW).expired == ()


def test_a_run_of_unknown_beginning_is_looked_at_first() -> None:
    """Nothing says how long its payloads stay."""
    assert chosen(run("a", hours_ago=70), run("b", started_at=None)) == ["b", "a"]


def test_a_run_that_just_ended_is_left_to_what_patchworks_itself_repeats() -> None:
    """Facts 3.2: a step is tried again by itself."""
    assert chosen(run("r", finished_at=NOW - timedelta(seconds=30))) == []
    assert chosen(run("r", finished_at=NOW - timedelta(seconds=130))) == ["r"]


def test_only_the_flows_that_deliver_to_us_are_recovered_when_they_are_named() -> None:
    """A failed flow to somebody else is not ours to repeat."""
    assert chosen(run("a"), run("b", flow_id="9"), policy=RecoveryPolicy(flow_ids=("4312",))) == ["a"]


def test_times_need_a_zone() -> None:
    """Failure case 7: watermarks are instants."""
    with pytest.raises(ValueError, match="zone"):
        recovery.lists(POLICY, datetime(2026, 11, 23), None)  # noqa: DTZ001 - what must be refused


# -- which payloads ----------------------------------------------------------------------------------------------------

INFO = LogLine(id="1", level="INFO", step_id="55101", payload_ids=("7700310",))
ERROR = LogLine(id="2", level="ERROR", step_id="55104", payload_ids=("7700316",))
ERROR_WITHOUT_PAYLOAD = LogLine(id="2", level="FATAL", step_id="55104")
RAW = PayloadRow(id="7700310", step_id="55101", created_at=NOW - 5 * HOUR)
MAPPED = PayloadRow(id="7700316", step_id="55104", created_at=NOW - 4 * HOUR)
MAPPED_TOO = PayloadRow(id="7700317", step_id="55104", created_at=NOW - 4 * HOUR)
DROPPED = PayloadRow(id="7700318", step_id="55104", dropped=True, created_at=NOW - 4 * HOUR)
FILTERED = PayloadRow(id="7700312", step_id="55102", dropped=True, created_at=NOW - 5 * HOUR)
ROWS = (RAW, FILTERED, MAPPED, MAPPED_TOO)


@pytest.mark.parametrize(
    ("log", "rows", "fetch"),
    [
        pytest.param(
            (INFO, ERROR), ROWS, Fetch(payload_ids=("7700316", "7700317")), id="named, and what lay beside it"
        ),
        pytest.param((ERROR, ERROR), (RAW, MAPPED), Fetch(payload_ids=("7700316",)), id="named twice"),
        pytest.param(
            (ERROR,), (RAW, MAPPED, DROPPED), Fetch(payload_ids=("7700316", "7700318")), id="one named of several"
        ),
        pytest.param(
            (INFO, ERROR_WITHOUT_PAYLOAD), ROWS,
            Fetch(payload_ids=("7700316", "7700317"), certain=False), id="those of the failed step",
        ),
        pytest.param(
            (), (RAW, MAPPED, MAPPED_TOO),
            Fetch(payload_ids=("7700316", "7700317"), certain=False), id="no log left: the last step",
        ),
        pytest.param(
            (), (*ROWS, DROPPED),
            Fetch(payload_ids=("7700316", "7700317"), certain=False), id="never what a filter may have dropped",
        ),
        pytest.param((ERROR,), (), Fetch(payload_ids=("7700316",)), id="no rows, but a name"),
        pytest.param((ERROR_WITHOUT_PAYLOAD,), (), Fetch(certain=False), id="nothing is left"),
        pytest.param((), (), Fetch(certain=False), id="neither log nor rows"),
    ],
)  # fmt: skip
def test_the_payloads_of_the_step_that_failed_are_fetched(
    log: tuple[LogLine, ...], rows: tuple[PayloadRow, ...], fetch: Fetch
) -> None:
    """Facts 11.2: the payload on the error line; cross-checked with the run's rows (facts 2.3)."""
    assert recovery.payloads_to_fetch(run("r"), log, rows) == fetch


def test_a_run_that_went_on_after_the_failure_sent_what_lay_beside_it() -> None:
    """Only a run that stopped leaves the rest of its batches unsent; a partial success names what it did not send."""
    partial = run("r", status=RunStatus.PARTIAL_SUCCESS)
    assert recovery.payloads_to_fetch(partial, (ERROR,), ROWS).payload_ids == ("7700316",)


def test_a_success_without_an_error_in_its_log_failed_at_nothing() -> None:
    """Its warnings were about something else."""
    warned = run("r", status=RunStatus.SUCCESS, has_warnings=True)
    assert recovery.payloads_to_fetch(warned, (INFO,), ROWS) == Fetch(failed=False)
    assert recovery.payloads_to_fetch(warned, (INFO, ERROR), ROWS).payload_ids == ("7700316",)


def test_a_failed_run_without_payloads_is_known_to_have_lost_them() -> None:
    """So that somebody is told."""
    fetch = recovery.payloads_to_fetch(run("r"), (), ())
    assert (fetch.payload_ids, fetch.failed) == ((), True)
