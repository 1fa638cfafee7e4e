"""The start protocol over random faults: nothing is lost, nothing is repeated without being counted.

The twin of Patchworks below begins runs at once, after a while in its queue, or late enough to be in no list when it is
looked for; it loses answers before and after it has taken a start; and its payloads can be unreadable for a time. The
receiving side counts how often each batch ran.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Coroutine
from typing import Any, Literal, TypeVar

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from connectors.patchworks import starts
from connectors.patchworks.looking import find_run
from connectors.patchworks.requests import DownloadPayload, GetRun, ListPayloads, ListQueue, ListRuns
from connectors.patchworks.starts import FlowStarts, StartPolicy, Waiting
from connectors.patchworks.wire import Page, Payload, PayloadRow, QueuedRun, Run, RunStatus, Started
from runtime.errors import Refused

T = TypeVar("T")

Fault = Literal["none", "refused", "lost_before", "lost_after", "lost_queued", "lost_late"]
FAULTS: tuple[Fault, ...] = ("none", "refused", "lost_before", "lost_after", "lost_queued", "lost_late")
FLOW = "4320"
LOOKS_MAX = 20


def done(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    raise AssertionError("it waits for something")


class Twin:
    """Patchworks' books of one flow. `late` runs are in no list until `settle`."""

    def __init__(self) -> None:
        self.ran: Counter[str] = Counter()
        self.runs: list[tuple[str, str]] = []
        self.queue: list[str] = []
        self.late: list[str] = []

    def begin(self, key: str) -> str:
        """A run begins, and the receiving side gets the batch."""
        self.ran[key] += 1
        run_id = f"r{len(self.runs)}"
        self.runs.append((run_id, key))
        return run_id

    def start(self, key: str, fault: Fault) -> Started | Refused | None:
        """One attempt: its answer, or None when that was lost."""
        match fault:
            case "none":
                return Started(run_id=self.begin(key))
            case "refused":
                return Refused("no", code="422")
            case "lost_after":
                self.begin(key)
            case "lost_queued":
                self.queue.append(key)
            case "lost_late":
                self.late.append(key)
            case "lost_before":
                pass
        return None

    def settle(self) -> None:
        """What waited and what was late begins."""
        for key in (*self.queue, *self.late):
            self.begin(key)
        self.queue, self.late = [], []

    async def list_runs(self, asked: ListRuns) -> Page[Run]:
        """All runs, newest first."""
        rows = [Run(id=run_id, status=RunStatus.SUCCESS, trigger="api", flow_id=FLOW) for run_id, _ in self.runs]
        return Page(rows=tuple(reversed(rows)), number=asked.page, complete=True)

    async def get_run(self, asked: GetRun) -> Run:
        """Not part of this look."""
        raise AssertionError(asked)

    async def list_payloads(self, asked: ListPayloads) -> Page[PayloadRow]:
        """Each run has the payload of its own number."""
        return Page(rows=(PayloadRow(id=asked.run_id, run_id=asked.run_id),), number=1, complete=True)

    async def list_queue(self, asked: ListQueue) -> Page[QueuedRun]:
        """All that waits."""
        rows = [QueuedRun(id=str(n), flow_id=FLOW, payload_id=f"q{n}", trigger="api") for n, _ in enumerate(self.queue)]
        return Page(rows=tuple(rows), number=asked.page, complete=True)

    async def download(self, asked: DownloadPayload) -> Payload:
        """The batch of the run, or of what waits."""
        number = int(asked.payload_id[1:])
        key = self.queue[number] if asked.payload_id.startswith("q") else self.runs[number][1]
        return Payload(id=asked.payload_id, content_type="application/json", body=msgspec.json.encode({"id": key}))


class Sender:
    """What an actor does with the protocol: one open start, and for each end the transition that belongs to it."""

    def __init__(self, twin: Twin, policy: StartPolicy) -> None:
        self.twin, self.policy = twin, policy
        self.state = FlowStarts()
        self.refused: list[str] = []

    def send(self, key: str, faults: list[Fault]) -> None:
        """Start a batch and see it through, until it is resolved or a person is asked."""
        assert starts.wait_s(self.state, self.policy, Waiting(lines=1_000, payload_bytes=1, since_ms=0), 0) == 0.0
        self.state = starts.begun(self.state, key, 1_000, 0)
        while True:
            answer = self.twin.start(key, faults.pop(0) if faults else "none")
            if isinstance(answer, Refused):
                self.state = starts.refused(self.state)
                self.refused.append(key)
                return
            if answer is None:
                known = frozenset(self.state.known_run_ids)
                answer = done(find_run(self.twin, FLOW, key, 0, known, trigger="api"))
            if answer is not None:
                self.state = starts.resolved(self.state, answer)
                return
            self.state, then = starts.absent(self.state, self.policy)
            if then == "ask":
                return


@given(
    st.lists(st.lists(st.sampled_from(FAULTS), max_size=4), min_size=1, max_size=12),
    st.integers(0, 3),
    st.randoms(use_true_random=False),
)
def test_no_batch_is_lost_and_none_runs_twice_without_being_counted(
    faults: list[list[Fault]], repeats_max: int, random: Any
) -> None:
    """At the receiving side: every batch once, or a person was asked; more often only as often as was counted."""
    twin = Twin()
    sender = Sender(twin, StartPolicy(repeats_max=repeats_max))
    keys = [f"stk-{n:04}" for n, _ in enumerate(faults)]
    sent: list[str] = []
    for key, of_key in zip(keys, faults, strict=True):
        sender.send(key, list(of_key))
        sent.append(key)
        if sender.state.open is not None:
            break  # the flow waits for a person
        if random.random() < 0.5:
            twin.settle()
    twin.settle()
    asked = sender.state.open.key if sender.state.open is not None else None
    for key in sent:
        if key in sender.refused:
            continue
        assert twin.ran[key] >= 1 or key == asked, f"{key} is lost, and nobody was asked"
    twice = sum(count - 1 for count in twin.ran.values() if count > 1)
    assert twice <= sender.state.possible_repeats


@given(
    st.lists(
        st.lists(st.sampled_from([fault for fault in FAULTS if fault != "lost_late"]), max_size=4),
        min_size=1,
        max_size=12,
    )
)
def test_without_runs_that_are_late_no_batch_runs_twice_at_all(faults: list[list[Fault]]) -> None:
    """A look that sees what is there is enough, however often answers are lost."""
    twin = Twin()
    sender = Sender(twin, StartPolicy(repeats_max=9))
    for n, of_key in enumerate(faults):
        sender.send(f"stk-{n:04}", list(of_key))
        twin.settle()
    assert sender.state.open is None
    assert set(twin.ran.values()) <= {1}
    assert len(twin.ran) + len(sender.refused) >= len(faults)
