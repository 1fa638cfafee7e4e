"""Lines on their way to a flow: whatever is lost, refused or fails, each line's last form arrives, or somebody knows.

There is no loop here: a small interpreter feeds the decision as the runtime would, against a table of lines and a
Patchworks that loses answers, refuses starts, fails runs, and fails always with one bad line.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.patchworks.requests import StartFlow
from connectors.patchworks.starts import StartPolicy, Waiting
from connectors.patchworks.wire import Started
from flows.flow_starts import StartsState, _Ready, _Taken, decide
from flows.model.messages import Recheck
from flows.model.outgoing import FlowTarget, LinesRefused, LinesSent, LinesWaiting
from flows.model.runs import FollowRun, RunEnded
from runtime.clock import to_instant
from runtime.decision import Decision, EffectAbsent, EffectDone, EffectRefused, EffectUnknown

BEGAN = datetime(2026, 11, 20, 9, tzinfo=UTC)
FLOW = "4510"
BAD = "bad"


class Row(msgspec.Struct):
    """A line on disk."""

    body: bytes
    since: datetime
    tries: int = 0
    batch: str = ""
    stuck: bool = False


class World:
    """The runtime, the table of lines, and Patchworks, as far as one flow sees them."""

    def __init__(self, answers: Sequence[str], runs: Sequence[str], *, lines_max: int, repeats_max: int = 1) -> None:
        self.answers, self.runs = deque(answers), deque(runs)
        self.target = FlowTarget(
            flow_id=FLOW, starts=StartPolicy(company_s=5.0, lines_max=lines_max, repeats_max=repeats_max)
        )
        self.state = StartsState(flow_id=FLOW)
        self.now = BEGAN
        self.table: dict[str, Row] = {}
        self.inbox: deque[Any] = deque()
        self.timer: tuple[datetime, Any] | None = None
        self.bodies: dict[int, bytes] = {}
        self.blocked = False
        self.delivered: dict[str, bytes] = {}
        self.arrivals: Counter[str] = Counter()
        self.sent: set[str] = set()
        self.refused: set[str] = set()

    def put(self, line: str, form: int) -> None:
        body = msgspec.json.encode({"line": line, "form": form})
        known = self.table.get(line)
        waits = known is not None and not known.batch and not known.stuck
        self.table[line] = Row(body, known.since if known is not None and waits else self.now)
        self.inbox.append(LinesWaiting())

    def run(self) -> World:
        """To the end: nothing to decide, and no timer but that of a flow that keeps failing."""
        for _ in range(3_000):
            if self.inbox:
                self.step(self.inbox.popleft())
            elif self.timer is not None:
                self.now, message = max(self.now, self.timer[0]), self.timer[1]
                self.timer = None
                self.step(message)
            else:
                return self
        pytest.fail("the flow never comes to rest")

    def step(self, message: Any) -> None:
        self.now += timedelta(milliseconds=10)
        self.apply(decide(self.state, self.resolved(message), self.now, "levels", self.target))

    def resolved(self, message: Any) -> Any:
        if isinstance(message, RunEnded):
            rows = sorted(self.table.items())
            lines = tuple((line, "p", row.tries) for line, row in rows if row.batch == message.batch)
            return _Taken(ended=message, lines=lines)
        if not isinstance(message, LinesWaiting) and type(message).__name__ != "SendDue":
            return message
        waiting = {line: row for line, row in self.table.items() if not row.batch and not row.stuck}
        if not waiting:
            return _Ready(waiting=Waiting(lines=0, payload_bytes=0, since_ms=0), tries=0)
        tries = min(row.tries for row in waiting.values())
        some = sorted((row.since, line) for line, row in waiting.items() if row.tries == tries)
        most = max(1, self.target.starts.lines_max >> min(tries * 2, 10))
        lines = tuple((line, self.table[line].body, self.table[line].body) for _, line in some[:most])
        since = 0 if tries else to_instant(some[0][0]) // 1000
        size = sum(len(body) for _, body, _ in lines)
        return _Ready(waiting=Waiting(lines=len(some), payload_bytes=size, since_ms=since), tries=tries, lines=lines)

    def apply(self, decision: Decision) -> None:
        self.state = msgspec.json.decode(msgspec.json.encode(decision.state), type=StartsState)
        for write in decision.writes:
            self.write(write.statement, write.row)
        for effect in decision.effects:
            assert not self.blocked, "two unresolved starts of one flow"
            intent = len(self.bodies) + 1
            self.bodies[intent] = effect.body
            self.call(intent)
        for intent in decision.resend:
            self.call(intent)
        for emit in decision.emits:
            match emit.message:
                case LinesSent(lines=lines):
                    self.sent.update(lines)
                case LinesRefused(lines=lines):
                    self.refused.update(lines)
                case FollowRun(batch=batch, run_id=run_id):
                    outcome = "failed" if self.fails(batch) else "ok"
                    self.inbox.append(RunEnded(flow_id=FLOW, batch=batch, run_id=run_id, outcome=outcome))
                case other:
                    self.inbox.append(other)
        for timer in decision.timers:
            self.timer = (timer.due, timer.message)

    def write(self, statement: str, row: tuple[Any, ...]) -> None:
        match statement:
            case "take_outgoing":
                batch, _, line, digest = row
                if line in self.table and self.table[line].body == digest and not self.table[line].batch:
                    self.table[line].batch = batch
            case "end_outgoing":
                self.table = {line: each for line, each in self.table.items() if each.batch != row[1]}
            case "give_back_outgoing":
                for each in self.of(row[1]):
                    each.batch, each.tries = "", each.tries + row[2]
            case "stick_outgoing":
                for each in self.of(row[1]):
                    each.batch, each.stuck = "", True
            case "unstick_outgoing":
                for each in self.table.values():
                    each.stuck, each.tries = False, 0 if each.stuck else each.tries

    def of(self, batch: str) -> list[Row]:
        return [row for row in self.table.values() if row.batch == batch]

    # -- Patchworks ----------------------------------------------------------------------------------------------------

    def call(self, intent: int) -> None:
        self.blocked = True
        answer = self.answers.popleft() if self.answers else "done"
        common: dict[str, Any] = {"intent": intent, "kind": "start_flow", "attempts": 1}
        spans = {"began_us": 1, "ended_us": 2}
        self.blocked = False
        if answer == "refused":
            self.inbox.appendleft(EffectRefused(code="422", sentence="no version", **common, **spans))
            return
        if answer != "lost before":
            self.arrive(self.bodies[intent])
        done = EffectDone(result=Started(run_id=f"r{intent}"), **common, **spans)
        if answer == "done":
            self.inbox.appendleft(done)
        else:
            found = EffectAbsent(**common) if answer == "lost before" else done
            self.inbox.extendleft([found, EffectUnknown(cause="c", **common, **spans)])

    def arrive(self, body: bytes) -> None:
        start = msgspec.json.decode(body, type=StartFlow)
        self.batches = {**getattr(self, "batches", {}), start.key: msgspec.json.decode(start.payload)["levels"]}

    def fails(self, batch: str) -> bool:
        """Whether its run fails; one that does not delivers its lines."""
        lines = self.batches[batch]
        outcome = self.runs.popleft() if self.runs else "ok"
        if outcome == "failed" or any(line["line"] == BAD for line in lines):
            return True
        for line in lines:
            self.arrivals[line["line"]] += 1
            self.delivered[line["line"]] = msgspec.json.encode(line)
        return False


ANSWERS = st.lists(st.sampled_from(("done", "done", "refused", "lost before", "lost after")), max_size=8)
RUNS = st.lists(st.sampled_from(("ok", "ok", "failed")), max_size=8)
LINES = st.lists(st.tuples(st.sampled_from(("a", "b", "c", "d", BAD)), st.integers(1, 9)), min_size=1, max_size=12)


@given(
    answers=ANSWERS, runs=RUNS, lines=LINES, lines_max=st.integers(1, 4), between=st.lists(st.booleans(), max_size=12)
)
@settings(max_examples=300)
def test_the_last_form_of_each_line_arrives_or_somebody_has_a_case(
    answers: list[str], runs: list[str], lines: list[tuple[str, int]], lines_max: int, between: list[bool]
) -> None:
    """One unresolved start at a time; a bad line ends alone, and delays nobody; nothing is forgotten."""
    world = World(answers, runs, lines_max=lines_max)
    wanted: dict[str, int] = {}
    for place, (line, form) in enumerate(lines):
        world.put(line, form)
        wanted[line] = form
        if place < len(between) and between[place]:
            world.run()
    world.run()
    for _ in range(10):  # a person who says that an unsettled start is to go out again
        if world.state.intent is None:
            break
        world.inbox.append(Recheck(because="person"))
        world.run()
    assert world.state.starts.open is None
    for line, form in wanted.items():
        if line == BAD or (line in world.table and runs.count("failed") > 2):
            assert world.table[line].stuck
            assert ("flow.line", line) in [(case.kind, case.cause) for case in world.state.cases]
            continue
        assert line not in world.table, "nothing waits any more"
        assert msgspec.json.decode(world.delivered[line])["form"] == form
        assert line in world.sent


def test_lines_wait_for_company_and_go_in_one_start() -> None:
    """Five seconds for the first; what comes meanwhile goes with it."""
    world = World((), (), lines_max=100)
    world.put("a", 1)
    world.step(world.inbox.popleft())
    assert world.timer is not None
    assert timedelta(seconds=4.9) < world.timer[0] - world.now < timedelta(seconds=5)
    world.put("b", 1)
    world.run()
    assert (len(world.bodies), world.sent) == (1, {"a", "b"})


def test_a_line_that_changed_while_it_was_on_its_way_goes_again() -> None:
    """The run that took its older form ends well; the newer one is not forgotten with it."""
    world = World((), (), lines_max=100)
    world.put("a", 1)
    while not world.bodies:
        if world.inbox:
            world.step(world.inbox.popleft())
        elif world.timer is not None:
            world.now, message = world.timer
            world.timer = None
            world.step(message)
    world.put("a", 2)
    world.run()
    assert (msgspec.json.decode(world.delivered["a"])["form"], world.arrivals["a"]) == (2, 2)


def test_a_flow_that_always_fails_is_not_taken_apart_line_by_line() -> None:
    """After six failures in a row it waits five minutes, and is a case that its first success ends."""
    world = World((), ["failed"] * 9, lines_max=64)
    for number in range(64):
        world.put(f"line-{number:02}", 1)
    world.run()
    assert len(world.sent) == 64
    assert world.refused == set()
    assert world.state.cases == ()
    assert world.now - BEGAN > timedelta(minutes=5)
    assert len(world.bodies) < 64 + 10


def test_a_start_that_cannot_be_found_is_repeated_once_and_then_a_person_is_asked() -> None:
    """Settled: possible repeats are counted; the flow waits for the answer, and so do its lines."""
    world = World(["lost before", "lost before"], (), lines_max=10)
    world.put("a", 1)
    world.run()
    assert (world.state.starts.possible_repeats, [case.kind for case in world.state.cases]) == (1, ["flow.unsettled"])
    world.put("b", 1)
    world.run()
    assert world.sent == set()
    world.inbox.append(Recheck(because="person"))
    world.run()
    assert (world.sent, world.state.cases) == ({"a", "b"}, ())
