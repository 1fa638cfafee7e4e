"""The exception desk: a signal that rises is one case, however often it rises; one that clears ends it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from flows.desk import Desk, DeskState
from flows.events import CaseClosed, CaseOpened
from flows.exceptions.kinds import KINDS
from runtime.actor import Item
from runtime.signals import SignalCleared, SignalRaised

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
RAISED = SignalRaised(kind="api.unavailable", cause="fulfil", sentence="fulfil: nobody answers")
CLEARED = SignalCleared(kind="api.unavailable")


def desk() -> tuple[Desk, list[Any]]:
    events: list[Any] = []
    return Desk(events.append), events


def after(*messages: Any, state: DeskState | None = None) -> DeskState:
    at, _ = desk()
    state = state or at.begin("system/fulfil")
    for number, message in enumerate(messages):
        state = at.decide(state, message, NOW + timedelta(minutes=number)).state
    return state


def test_a_signal_opens_one_case_and_keeps_its_beginning() -> None:
    """Raised again it changes nothing."""
    (case,) = after(RAISED, RAISED, RAISED).cases
    assert (case.kind, case.cause, case.sentence, case.opened_at) == (
        "api.unavailable",
        "fulfil",
        "fulfil: nobody answers",
        NOW,
    )


def test_a_signal_that_says_something_else_is_the_same_case_with_what_it_says_now() -> None:
    """A store that is restored once more: since when something is wrong stays, and what is wrong is said anew."""
    (case,) = after(RAISED, msgspec.structs.replace(RAISED, sentence="fulfil: it answers nonsense")).cases
    assert (case.sentence, case.opened_at) == ("fulfil: it answers nonsense", NOW)


def test_a_cleared_signal_ends_its_case_and_no_other() -> None:
    """The credentials are still refused when the system answers again."""
    other = SignalRaised(kind="api.credentials", cause="fulfil", sentence="s")
    assert [case.kind for case in after(RAISED, other, CLEARED).cases] == ["api.credentials"]
    assert after(CLEARED).cases == ()


def test_a_signal_that_rises_again_later_is_a_new_beginning() -> None:
    """Another outage, another deadline."""
    (case,) = after(RAISED, CLEARED, RAISED).cases
    assert case.opened_at == NOW + timedelta(minutes=2)


def test_cases_of_one_kind_that_begin_together_are_one_event_with_their_number() -> None:
    """The log has no line twice, and all of them are counted."""
    at, events = desk()
    second = msgspec.structs.replace(RAISED, cause="another")
    at.announce("system/fulfil", DeskState(), after(RAISED, second))
    assert [(type(event), event.cases) for event in events] == [(CaseOpened, 2)]


@pytest.mark.parametrize("kind", ["api.unavailable", "api.credentials", "step.parked"])
def test_every_signal_of_the_runtime_has_a_kind_with_an_owner(kind: str) -> None:
    """What the runtime raises can be shown, and is counted with its owner."""
    at, events = desk()
    state = at.decide(DeskState(), SignalRaised(kind=kind, cause="c", sentence="s"), NOW).state
    (write,) = at.project("system/x", DeskState(), state, NOW)
    assert (write.statement, write.row[1:4]) == ("open_case", (kind, "system/x", "c"))
    assert write.row[5] == KINDS[kind].owner
    at.announce("system/x", DeskState(), state)
    at.announce("system/x", state, DeskState())
    assert [type(event) for event in events] == [CaseOpened, CaseClosed]
    (closed,) = at.project("system/x", state, DeskState(), NOW)
    assert (closed.statement, closed.row[1]) == ("close_case", "the signal cleared")


@pytest.mark.anyio
async def test_a_signal_carries_everything() -> None:
    """Nothing is looked up."""
    at, _ = desk()
    await at.ready()
    assert await at.resolve([Item("system/fulfil", DeskState(), RAISED, None)]) == [RAISED]
