"""Run recovery over any order of events: each run is downloaded once, none is forgotten while its payloads are kept."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from random import Random
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from connectors.patchworks.recovery import Fetch
from connectors.patchworks.requests import FailedPayloads, ListRuns
from flows import run_recovery
from flows.model.messages import Recheck
from flows.run_recovery import (
    SWEEP_KEY,
    RunState,
    Sweep,
    SweepState,
    decide,
)
from tests.unit.run_messages import (
    HOUR,
    MINUTE,
    NOW,
    asked,
    done,
    failed,
    listed,
    policy,
    refused,
    taken,
)


class Twin:
    """Patchworks' lists and payloads, the runtime around the decisions, and the door: events in any order.

    Calls that are under way end when `step` picks them; each is of one key, as the journal has it.
    """

    def __init__(self, runs: dict[str, tuple[str, ...]], max_per_sweep: int) -> None:
        self.policy = policy(runs_per_sweep_max=max_per_sweep)
        self.runs = runs
        self.now = NOW
        self.states: dict[str, Any] = {}
        self.messages: list[tuple[str, Any]] = [(SWEEP_KEY, Sweep())]
        self.calls: list[tuple[str, Any]] = []
        self.timers: dict[tuple[str, str], tuple[datetime, Any]] = {}
        self.accepted: Counter[str] = Counter()
        self.whole: Counter[str] = Counter()
        """How often it was decided that a payload has been taken."""

    def settle(self, key: str, message: Any) -> None:
        begun: Any = SweepState() if key == SWEEP_KEY else RunState()
        before = self.states.get(key, begun)
        at = decide(before, message, self.now, self.policy)
        after = at.state
        assert len(at.effects) <= 1
        self.states[key] = msgspec.json.decode(msgspec.json.encode(after), type=run_recovery.State)
        self.messages += [(emit.key or key, emit.message) for emit in at.emits]
        self.calls += [(key, asked(at))] if at.effects else []
        for name in at.cancels:
            self.timers.pop((key, name), None)
        self.timers.update({(key, each.name): (each.due, each.message) for each in at.timers})
        assert sum(of == key for of, _ in self.calls) <= 1, "one call of a key at a time"
        if isinstance(message, run_recovery._PayloadTaken) and not message.full:
            self.whole[f"{key}/{message.payload_id}"] += 1

    def answer(self, key: str, wish: Any, fate: str) -> Any:
        """The outcome of a call, as the shell resolves it."""
        if fate == "refused":
            return refused()
        if isinstance(wish, ListRuns):
            runs = list(self.runs) if wish.status == 3 else []
            shown = runs[(wish.page - 1) * 2 : wish.page * 2]
            new = [failed(name, hours_ago=5) for name in shown if f"patchworks/run/{name}" not in self.states]
            return listed(*new, complete=wish.page * 2 >= len(runs))
        if isinstance(wish, FailedPayloads):
            names, page = self.runs[wish.run_id], wish.log_page  # a payload on each part of the log
            return done(Fetch(payload_ids=names[page - 1 : page], log_page=page + 1 if page < len(names) else 0))
        if fate == "full":
            return taken(wish.payload_id, full=True)
        self.accepted[f"{key}/{wish.payload_id}"] += 1
        if fate == "died":  # accepted, and the process died before the decision: the call is made again
            self.calls.append((key, wish))
            return None
        return taken(wish.payload_id, new=1)

    def step(self, pick: int, fate: str) -> bool:
        """One thing happens; False when nothing is left to happen."""
        due = [(key, at) for key, at in self.timers.items() if at[0] <= self.now]
        events: list[Any] = [*(("m", each) for each in self.messages), *(("c", each) for each in self.calls)]
        events += [("t", each) for each in due]
        if not events:
            return False
        kind, what = events[pick % len(events)]
        if kind == "m":
            self.messages.remove(what)
            self.settle(*what)
        elif kind == "t":
            (key, name), (_, message) = what
            del self.timers[key, name]
            self.messages.append((key, message))
        else:
            self.calls.remove(what)
            key, wish = what
            outcome = self.answer(key, wish, fate)
            if outcome is not None:
                self.settle(key, outcome)
        return True

    def rest(self) -> None:
        """Everything that is under way ends well, and time goes on."""
        for _ in range(400):
            while self.step(0, "well"):
                pass
            self.now += 5 * MINUTE
            if self.now > NOW + 20 * HOUR:
                return


FATES = ("well", "well", "refused", "full", "died")


@given(
    st.dictionaries(
        st.sampled_from([f"r{n}" for n in range(7)]),
        st.lists(st.sampled_from(["p1", "p2", "p3"]), min_size=1, max_size=3, unique=True).map(tuple),
        min_size=1,
    ),
    st.integers(1, 3),
    st.integers(0, 1 << 32),
)
def test_each_run_is_downloaded_once_and_none_is_forgotten_while_its_payloads_are_kept(
    runs: dict[str, tuple[str, ...]], max_per_sweep: int, seed: int
) -> None:
    """Whatever order pages, runs, failures, timers, second sweeps, impatient people and deaths come in."""
    twin, random, deaths = Twin(runs, max_per_sweep), Random(seed), 0
    for _ in range(120):
        fate = random.choice(FATES)
        deaths += twin.step(random.randrange(40), fate) and fate == "died"
        match random.randrange(6):
            case 0:
                twin.messages.append((SWEEP_KEY, Sweep()))
            case 1:
                twin.now += 7 * MINUTE
            case 2:
                under_way = [key for key, _ in twin.calls if key != SWEEP_KEY]
                if under_way:
                    twin.settle(random.choice(under_way), Recheck(because="person"))
    twin.rest()
    for name, payloads in runs.items():
        key = f"patchworks/run/{name}"
        assert twin.states[key].ended
        assert {twin.whole[f"{key}/{payload}"] for payload in payloads} == {1}
        assert {f"{key}/{payload}" for payload in payloads} <= set(twin.accepted)
        assert twin.states[key].cases == ()
    assert sum(twin.accepted.values()) <= sum(map(len, runs.values())) + deaths, "a download more only after a death"
