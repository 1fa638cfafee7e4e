"""What follows when failed runs are looked for, and for each of them: (state, message) -> decision, without any I/O."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from msgspec.structs import replace

from connectors.contract import Identified, Unidentifiable
from connectors.patchworks.items import Items
from connectors.patchworks.recovery import Fetch
from connectors.patchworks.requests import FailedPayloads
from connectors.patchworks.wire import Page, Payload, RunStatus
from flows import run_recovery
from flows.events import RunRecovered
from flows.model.messages import Recheck
from flows.model.schema import ORDERS
from flows.run_recovery import (
    NAME,
    SWEEP_KEY,
    PayloadsEnding,
    Policy,
    RecoverRun,
    RunRecovery,
    RunState,
    Sweep,
    SweepState,
    decide,
)
from runtime.actor import Item
from runtime.clock import SystemClock
from runtime.decision import (
    Decision,
    EffectDone,
    EffectUnknown,
    Emit,
)
from runtime.delivery import Delivery, Receipt
from runtime.errors import StoreFull
from runtime.journal.journal import opened
from tests.unit.run_messages import (
    FLOW,
    GONE,
    HOUR,
    MINUTE,
    NOW,
    ORDER,
    POLICY,
    asked,
    case_of,
    done,
    exhausted,
    failed,
    going,
    listed,
    policy,
    refused,
    taken,
    timer,
)

# -- the sweep ---------------------------------------------------------------------------------------------------------


def test_a_sweep_reads_every_list_page_by_page_and_then_recovers_what_goes_first() -> None:
    """Four lists; the second page of a list before the next list; three of four runs, the oldest first."""
    at = decide(SweepState(), Sweep(), NOW, POLICY)
    assert (asked(at).status, asked(at).page) == (3, 1)
    at = decide(at.state, listed(failed("new", hours_ago=1), complete=False), NOW, POLICY)
    assert (asked(at).status, asked(at).page) == (3, 2)
    at = decide(at.state, listed(failed("old", hours_ago=70), failed("gone", hours_ago=72.01)), NOW, POLICY)
    assert asked(at).status == 5
    at = decide(at.state, listed(failed("b", hours_ago=3), failed("a", hours_ago=9)), NOW, POLICY)
    assert asked(at).has_warnings is True
    at = decide(at.state, listed(), NOW, POLICY)
    assert (asked(at).flow_id, asked(at).with_errors) == (FLOW, True)
    at = decide(at.state, listed(), NOW, POLICY)
    assert [emit.key for emit in at.emits] == [f"patchworks/run/{id_}" for id_ in ("gone", "old", "a", "b")]
    assert {emit.channel for emit in at.emits} == {NAME}
    assert at.state == SweepState(flows=(FLOW,)), "more are left, so it was no complete one"
    assert timer(at) == ("sweep", MINUTE, Sweep()), "with more left the next sweep comes at once"


def test_a_complete_sweep_remembers_how_far_it_saw_and_comes_back_on_schedule() -> None:
    """Less the time for which ended runs are left alone: one that ended since has not been looked at."""
    begun = decide(SweepState(), Sweep(), NOW, POLICY).state
    last = replace(begun, left=begun.left[-1:])
    at = decide(last, listed(failed()), NOW + MINUTE, POLICY)
    assert (at.state.swept_to, at.state.began) == (NOW - timedelta(seconds=120), None)
    (again,) = at.timers
    assert NOW + MINUTE < again.due <= NOW + 11 * MINUTE


def test_runs_that_are_left_alone_for_hours_are_still_listed_when_that_is_over() -> None:
    """settle_s may be longer than the hour by which the lists of successes reach back."""
    patient = policy(settle_s=7_200)
    begun = decide(SweepState(), Sweep(), NOW, patient).state
    ended = decide(replace(begun, left=begun.left[-1:]), listed(failed(hours_ago=0.5)), NOW, patient)
    assert ended.emits == ()
    later = NOW + 2 * HOUR
    following = decide(ended.state, Sweep(), later, patient).state.left[-1]
    assert following.started_after_ms < (NOW - HOUR).timestamp() * 1000


def test_a_backlog_never_pushes_out_what_goes_first() -> None:
    """Lists begin with the newest; the state keeps as many as a sweep takes, however long they are."""
    begun = decide(SweepState(), Sweep(), NOW, POLICY)
    state, hours = begun.state, 1.0
    for page in range(40):
        runs = [failed(f"r{page}-{n}", hours_ago=hours + n / 100) for n in range(100)]
        state, hours = decide(state, listed(*runs, complete=False), NOW, POLICY).state, hours + 1.5
        assert len(state.found) == 3
        assert len(msgspec.json.encode(state)) < 4_000
    assert [run.id for run in state.found] == ["r39-99", "r39-98", "r39-97"]


def test_a_list_that_never_ends_is_told_and_ends_the_sweep() -> None:
    """Bounded in pages; what was read counts, and the case ends with the next whole sweep."""
    begun = decide(SweepState(), Sweep(), NOW, POLICY).state
    last = replace(begun, left=(replace(begun.left[-1], page=1_000),))
    at = decide(last, listed(failed(), complete=False), NOW, POLICY)
    assert at.effects == ()
    assert len(at.emits) == 1
    assert case_of(at)[0] == "recovery.refused"
    again = decide(at.state, Sweep(), NOW + HOUR, POLICY).state
    assert len(again.cases) == 1
    assert decide(replace(again, left=again.left[-1:]), listed(), NOW + HOUR, POLICY).state.cases == ()


@pytest.mark.parametrize("outcome", [refused(), exhausted()])
def test_a_list_that_is_refused_is_a_case_and_the_others_are_read_all_the_same(outcome: Any) -> None:
    """What the others show is recovered; how far was seen is not remembered; the case keeps its beginning."""
    begun = decide(SweepState(), Sweep(), NOW, POLICY).state
    at = decide(begun, listed(failed()), NOW, POLICY)
    at = decide(at.state, outcome, NOW, POLICY)
    assert asked(at).has_warnings is True
    at = decide(at.state, listed(), NOW, POLICY)
    at = decide(at.state, outcome, NOW + MINUTE, POLICY)
    assert [emit.key for emit in at.emits] == ["patchworks/run/r1"]
    assert (at.state.swept_to, len(at.timers)) == (None, 1)
    assert case_of(at)[0] == "recovery.refused"
    assert at.state.cases[0].opened_at == NOW


def test_a_second_sweep_waits_for_the_one_under_way() -> None:
    """Its timer is set anew, and nothing is read twice at once."""
    begun = decide(SweepState(), Sweep(), NOW, POLICY).state
    at = decide(begun, Sweep(), NOW, POLICY)
    assert (at.state, at.effects, len(at.timers)) == (begun, (), 1)


def test_a_person_can_have_it_sweep_at_once() -> None:
    """`seamline holds release patchworks/sweep`."""
    (emit,) = decide(SweepState(), Recheck(because="person"), NOW, POLICY).emits
    assert emit == Emit(channel=NAME, message=Sweep())


def test_a_flow_that_is_new_in_the_configuration_is_looked_at_as_far_back_as_payloads_are_kept() -> None:
    """How far the other flows were seen says nothing of it; one that is gone changes nothing."""
    two = policy(flows={FLOW: "web", "4311": "web"})
    seen = SweepState(swept_to=NOW - MINUTE, flows=(FLOW,))
    oldest = int((NOW - 72 * HOUR - 5 * MINUTE).timestamp() * 1000)
    assert {each.started_after_ms for each in decide(seen, Sweep(), NOW, two).state.left} == {oldest}
    both = replace(seen, flows=(FLOW, "4311"))
    fewer = decide(both, Sweep(), NOW, POLICY).state
    assert (fewer.swept_to, fewer.flows) == (NOW - MINUTE, (FLOW,))


def test_runs_of_a_flow_that_left_the_configuration_during_a_sweep_are_let_be() -> None:
    """A process that died in the middle of a sweep, and came back with another configuration."""
    begun = decide(SweepState(), Sweep(), NOW, POLICY).state
    seen = decide(begun, listed(failed()), NOW, POLICY).state
    other = policy(flows={"9": "web"})
    assert decide(replace(seen, left=seen.left[-1:]), listed(), NOW, other).emits == ()


# -- a run -------------------------------------------------------------------------------------------------------------


def test_a_run_is_asked_for_its_payloads_and_each_is_taken_once() -> None:
    """Two payloads, one call under way at any time; nothing is open at the end."""
    at = decide(RunState(), RecoverRun(run=failed()), NOW, POLICY)
    assert asked(at) == FailedPayloads(run_id="r1", status=RunStatus.FAILURE)
    assert at.state.sales_channel == "web"
    assert timer(at) == ("ending", 61 * HOUR, PayloadsEnding()), "six hours before the 72 are over"
    at = decide(at.state, done(Fetch(payload_ids=("p1", "p2"))), NOW, POLICY)
    assert asked(at).payload_id == "p1"
    at = decide(at.state, taken("p1", new=2, known=1), NOW, POLICY)
    assert asked(at).payload_id == "p2"
    at = decide(at.state, taken("p2", new=0, known=4), NOW, POLICY)
    assert (at.effects, at.timers, set(at.cancels)) == ((), (), {"again", "ending"})
    assert (at.state.ended, at.state.new, at.state.known, at.state.cases) == (True, 2, 5, ())


WAITING = going("p1", asked=False)
ENDED = going(asked=False, ended=True)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        pytest.param(going("p1", "p2"), RecoverRun(run=failed()), id="found by two sweeps"),
        pytest.param(ENDED, RecoverRun(run=failed()), id="found again"),
        pytest.param(going("p1"), Recheck(because="person"), id="released while a call is under way"),
        pytest.param(going(), Recheck(because="later"), id="a timer while its payloads are asked for"),
        pytest.param(ENDED, Recheck(because="later"), id="a timer after the end"),
        pytest.param(ENDED, PayloadsEnding(), id="it ended in time"),
        pytest.param(
            going("p1"),
            EffectUnknown(intent=1, kind="k", cause="c", began_us=1, ended_us=2, attempts=1),
            id="the lane looks",
        ),
        pytest.param(RunState(), Recheck(because="person"), id="a run that was never met"),
    ],
)
def test_nothing_follows_from_what_is_known_or_under_way(state: RunState, message: Any) -> None:
    """Else two calls would be under way, and the outcome of one taken for the other's."""
    assert decide(state, message, NOW, POLICY) == Decision(state=state)


@pytest.mark.parametrize(
    ("state", "message", "why"),
    [
        pytest.param(going(), done(Fetch()), "its log does not say what it was about", id="no payload is named"),
        pytest.param(going("p1"), GONE, "no longer keeps its payload p1", id="gone"),
        pytest.param(
            going("p1"), taken(reason="An order is a JSON object."), "payload p1 holds no orders", id="no orders"
        ),
        pytest.param(going(), done(Fetch(payload_ids=("../x",))), "payload with such an id", id="an odd payload id"),
        pytest.param(RunState(), RecoverRun(run=failed("a/b c?")), "a run with such an id", id="an odd run id"),
        pytest.param(RunState(), RecoverRun(run=failed("x" * 101)), "a run with such an id", id="a long run id"),
        pytest.param(
            RunState(), RecoverRun(run=failed(hours_ago=72)), "when its payloads were gone already", id="too late"
        ),
        pytest.param(
            RunState(), RecoverRun(run=failed(flow_id="9")), "its flow 9 is not one of recovery.flows", id="no flow"
        ),
        pytest.param(
            replace(WAITING, run=failed(hours_ago=72)), Recheck(because="later"), "could not be fetched before they",
            id="still refused when the 72 hours were over",
        ),
    ],
)  # fmt: skip
def test_what_can_not_be_recovered_any_more_is_a_case_and_no_call(state: RunState, message: Any, why: str) -> None:
    """With the reason in its sentence; nothing is asked for again, and no timer goes on."""
    at = decide(state, message, NOW, POLICY)
    assert (at.effects, at.timers, at.state.ended) == ((), (), True)
    kind, sentence = case_of(at)
    assert kind == "run.lost"
    assert sentence.startswith("run ")
    assert why in sentence


def test_a_long_log_is_read_on_when_its_first_payloads_are_taken() -> None:
    """So that neither state nor memory grows with the log; what a part names in vain is no loss."""
    at = decide(going(), done(Fetch(payload_ids=("p1",), log_page=11)), NOW, POLICY)
    at = decide(at.state, refused(), NOW, POLICY)
    assert asked(at) == FailedPayloads(run_id="r1", status=RunStatus.FAILURE, log_page=11)
    at = decide(at.state, refused(), NOW, POLICY)
    assert timer(at)[0] == "again"
    at = decide(at.state, Recheck(because="later"), NOW + 15 * MINUTE, POLICY)
    assert asked(at).log_page == 11
    at = decide(at.state, done(Fetch()), NOW, POLICY)
    at = decide(at.state, Recheck(because="later"), NOW + 30 * MINUTE, POLICY)
    assert asked(at).payload_id == "p1"
    assert decide(at.state, taken(new=1), NOW, POLICY).state.cases == ()


@pytest.mark.parametrize("fetch", [Fetch(payload_ids=("p1",), whole=False), Fetch(payload_ids=("p1",), log_page=1_001)])
def test_a_run_with_too_much_to_look_through_is_taken_as_far_as_it_goes_and_told(fetch: Fetch) -> None:
    """What was left out somebody has to look for."""
    at = decide(going(), done(fetch), NOW, POLICY)
    at = decide(at.state, taken(new=1), NOW, POLICY)
    assert at.state.ended
    assert "not all of them were looked at" in case_of(at)[1]


def test_a_success_that_failed_at_nothing_ends_without_a_case() -> None:
    """Failure case 37: a success that is reported as a partial one. Its warnings were about something else."""
    at = decide(going(), done(Fetch(failed=False)), NOW, POLICY)
    assert (at.state.ended, at.state.cases, at.effects) == (True, (), ())


@pytest.mark.parametrize("first", [GONE, taken("p1", reason="no order"), refused(), exhausted()])
def test_one_payload_that_is_lost_or_refused_does_not_delay_the_others(first: Any) -> None:
    """The next one is asked for at once."""
    at = decide(going("p1", "p2"), first, NOW, POLICY)
    assert asked(at).payload_id == "p2"


def test_what_is_refused_is_asked_for_again_after_a_quarter_of_an_hour_and_alone() -> None:
    """The others are taken; the case ends when the refused one comes after all."""
    at = decide(going("p1", "p2"), refused(), NOW, POLICY)
    at = decide(at.state, taken("p2", new=1), NOW, POLICY)
    assert timer(at) == ("again", 15 * MINUTE, Recheck(because="later"))
    assert not at.state.ended
    assert case_of(at)[0] == "run.lost"
    at = decide(at.state, Recheck(because="later"), NOW + 15 * MINUTE, POLICY)
    assert asked(at).payload_id == "p1"
    at = decide(at.state, taken("p1", new=1), NOW + 16 * MINUTE, POLICY)
    assert (at.state.ended, at.state.new, at.state.cases) == (True, 2, ())


@pytest.mark.parametrize("outcome", [refused(), exhausted()])
def test_a_log_that_is_refused_is_asked_for_again_until_the_payloads_are_gone(outcome: Any) -> None:
    """Every quarter of an hour, the last time when they go; then it ends, with the case."""
    state, now, calls = going(run=failed(hours_ago=71.4)), NOW, 0
    while not state.ended:
        at = decide(state, outcome, now, POLICY)
        assert case_of(at)[0] == "run.lost"
        now = next(each.due for each in at.timers if each.name == "again")
        state = decide(at.state, Recheck(because="later"), now, POLICY).state
        calls += 1
        assert calls < 10
    assert now == NOW + 0.6 * HOUR
    assert calls == 3
    assert "before they were gone" in state.cases[0].sentence


def test_a_run_of_unknown_beginning_is_not_asked_for_for_ever() -> None:
    """Its 72 hours are counted from when it was found."""
    found = decide(RunState(), RecoverRun(run=failed(started_at=None)), NOW, POLICY)
    waits = decide(found.state, refused(), NOW, POLICY).state
    assert asked(decide(waits, Recheck(because="later"), NOW + 71 * HOUR, POLICY)).run_id == "r1"
    assert decide(waits, Recheck(because="later"), NOW + 72 * HOUR, POLICY).state.ended


def test_a_full_store_delays_a_payload_and_loses_none() -> None:
    """The same payload again a minute later; nothing is held in memory meanwhile, and what was counted stays."""
    at = decide(going("p2", "p3", new=4), taken("p2", full=True), NOW, POLICY)
    assert (at.state.left, at.state.asked, at.state.cases) == (("p2", "p3"), False, ())
    assert timer(at) == ("again", MINUTE, Recheck(because="later"))
    at = decide(at.state, Recheck(because="later"), NOW + MINUTE, POLICY)
    assert (asked(at).payload_id, at.state.new) == ("p2", 4)


def test_somebody_is_told_before_the_payloads_go_while_patchworks_owes_an_answer() -> None:
    """The lane repeats a read for ever; the call goes on, and its success ends the case."""
    at = decide(going("p1"), PayloadsEnding(), NOW, POLICY)
    assert at.state.asked
    assert "keeps them until 2026-11-26 07:00Z" in case_of(at)[1]
    assert decide(at.state, taken(new=1), NOW, POLICY).state.cases == ()


def test_a_release_tries_all_of_it_once_more_and_then_the_case_is_done() -> None:
    """The remedy: look, resend, release. What comes of the last try is no news to that person."""
    lost = decide(going("p1"), taken(reason="no order"), NOW, POLICY).state
    at = decide(lost, Recheck(because="person"), NOW, POLICY)
    assert asked(at).run_id == "r1"
    assert len(at.state.cases) == 1, "it is open while it is tried"
    at = decide(at.state, done(Fetch(payload_ids=("p1",))), NOW, POLICY)
    at = decide(at.state, taken(reason="no order"), NOW, POLICY)
    assert (at.state.ended, at.state.cases) == (True, ())
    gone = decide(replace(lost, run=failed(hours_ago=80)), Recheck(because="person"), NOW, POLICY)
    assert (gone.effects, gone.state.cases) == ((), ())


def test_a_release_follows_the_configuration_of_now() -> None:
    """A flow that had been given the wrong sales channel is corrected, Seamline restarted, the run released."""
    lost = decide(going("p1"), taken(reason="no order id"), NOW, POLICY).state
    at = decide(lost, Recheck(because="person"), NOW, policy(flows={FLOW: "outlet"}))
    assert at.state.sales_channel == "outlet"


# -- the shell ---------------------------------------------------------------------------------------------------------


class Door:
    """Accepts what is delivered to it, once there is room."""

    def __init__(self) -> None:
        self.full = False
        self.seen: set[tuple[str, str, bytes]] = set()

    async def accept(self, deliveries: Sequence[Delivery]) -> list[Receipt]:
        if self.full:
            raise StoreFull("the disk budget is used up")
        marks = [(each.key, each.version, each.digest) for each in deliveries]
        receipts = [Receipt(n, new=mark not in self.seen) for n, mark in enumerate(marks)]
        self.seen.update(marks)
        return receipts


def identify(sales_channel: str, item: bytes) -> Identified | Unidentifiable:
    """An order is an object with an id; the sales channel is part of what the test looks for."""
    content = msgspec.json.decode(item)
    return Identified(content["id"], "") if "id" in content else Unidentifiable(f"No id, for {sales_channel}.")


@asynccontextmanager
async def shell(path: Path, at: Policy = POLICY) -> AsyncIterator[tuple[RunRecovery, Door, list[Any]]]:
    """The actor over a journal of its own, the door behind it, and the events it emits."""
    events: list[Any] = []
    door = Door()
    async with (
        opened(path / "store.db", SystemClock(), lambda _event: None, (ORDERS,)) as journal,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(journal.writer.run)
        for run_id in ("r1", "odd/ü 1"):
            state = msgspec.json.encode(going())
            await journal.write([("put_state", (NAME, f"patchworks/run/{run_id}", state, None, None, None))])
        yield RunRecovery(at, Items(identify, items_max=10), door.accept, journal, events.append), door, events
        tasks.cancel_scope.cancel()


async def resolved(actor: RunRecovery, message: Any, state: Any = None) -> Any:
    (found,) = await actor.resolve([Item("k", going("p1") if state is None else state, message, None)])
    return found


def payload(body: bytes) -> EffectDone:
    return done(Payload(id="p1", content_type="application/json", body=body))


@pytest.mark.anyio
async def test_a_payload_is_accepted_like_any_delivery_and_known_the_second_time(tmp_path: Path) -> None:
    """What a death between the accept and the decision comes to: the same payload once more."""
    async with shell(tmp_path) as (actor, door, _):
        assert await resolved(actor, payload(b"[" + ORDER + b"]")) == taken(new=1)
        assert await resolved(actor, payload(ORDER)) == taken(known=1)
        assert {key for key, _, _ in door.seen} == {"web/1001"}
        assert await resolved(actor, payload(b"[]")) == taken()


@pytest.mark.anyio
async def test_a_full_store_or_what_is_no_order_is_an_answer_not_an_error(tmp_path: Path) -> None:
    """The actor does not wait for room with a payload in its hands, and quotes nothing of it."""
    async with shell(tmp_path) as (actor, door, _):
        door.full = True
        assert await resolved(actor, payload(ORDER)) == taken(full=True)
        door.full = False
        assert (await resolved(actor, payload(b'{"email": "x@example.com"}'))).reason == "No id, for web."
        assert "not valid JSON" in (await resolved(actor, payload(b"a,b\n1,2"))).reason
        assert door.seen == set()


@pytest.mark.anyio
async def test_a_payload_of_a_flow_that_left_the_configuration_is_not_accepted(tmp_path: Path) -> None:
    """It was being fetched when the process stopped; nobody says any more which sales channel it is for."""
    async with shell(tmp_path, policy(flows={"9": "web"})) as (actor, door, _):
        assert "flow 4310 is not one of recovery.flows" in (await resolved(actor, payload(ORDER))).reason
        assert door.seen == set()


@pytest.mark.anyio
async def test_runs_that_are_known_and_runs_of_others_are_dropped_from_a_page(tmp_path: Path) -> None:
    """However odd their ids; and the state that follows holds nothing that nobody reads."""
    known, odd, other = failed("r1"), failed("odd/ü 1"), failed("r2", flow_id="9")
    new = failed("r3", summary="Send orders: HTTP 503", linked_run_ids=("r0",))
    page = Page(rows=(known, odd, other, failed("r4", status=RunStatus.STOPPED), new), number=1, complete=True)
    async with shell(tmp_path) as (actor, _, _):
        assert await resolved(actor, done(page), SweepState()) == listed(failed("r3"))


@pytest.mark.anyio
async def test_the_end_of_a_run_is_counted_once_and_its_cases_are_rows(tmp_path: Path) -> None:
    """Recovered, with what was new and known; a case that opens and ends."""
    async with shell(tmp_path) as (actor, _, events):
        before = going("p1")
        after = decide(before, taken(new=2, known=1, reason=""), NOW, POLICY).state
        actor.announce("patchworks/run/r1", before, after)
        actor.announce("patchworks/run/r1", after, after)
        key = "patchworks/run/r1"
        assert events == [RunRecovered(sales_channel="web", lost=False, orders=2, known=1, key=key)]
        lost = decide(before, GONE, NOW, POLICY).state
        assert [row.statement for row in actor.project(key, before, lost, NOW)] == ["open_case"]
        assert [row.statement for row in actor.project(key, lost, replace(lost, cases=()), NOW)] == ["close_case"]
    assert actor.begin(SWEEP_KEY) == SweepState()
    assert actor.begin(key) == RunState()


def test_states_and_messages_are_read_back_as_they_were() -> None:
    """What the journal keeps."""
    begun = decide(SweepState(), Sweep(), NOW, POLICY).state
    for state in (begun, going("p1", lost="x"), RunState()):
        assert msgspec.json.decode(msgspec.json.encode(state), type=run_recovery.State) == state
    kept = msgspec.json.encode(RecoverRun(run=failed()))
    assert msgspec.json.decode(kept, type=RunRecovery.message_type) == RecoverRun(run=failed())
