"""The exception desk: signals of the runtime become cases that a team owns, and end by themselves.

In: `SignalRaised` and `SignalCleared` (an API is away, credentials are refused, a message is parked). Out: rows of
`exception_case`. Key: `system/` + what the signal is about, or the order whose message is parked. No effects. A crash
leaves the signal in the queue or the case open. Orders' own cases are kept by the actor that holds them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, assert_never

import msgspec

from flows.exceptions.kinds import ExceptionCase
from flows.model.cases import announce_cases, case_in, case_rows
from runtime.actor import Item
from runtime.decision import Decision, Message, Write
from runtime.signals import SignalCleared, SignalRaised

NAME = "exception_desk"


class DeskState(msgspec.Struct, frozen=True):
    """The open cases of one subject."""

    cases: tuple[ExceptionCase, ...] = ()


class Desk:
    """The actor. See the module."""

    name = NAME
    message_type = SignalRaised | SignalCleared
    state_type = DeskState

    def __init__(self, emit: Callable[[Any], None]) -> None:
        self._emit = emit

    def begin(self, key: str) -> DeskState:  # noqa: ARG002 - every subject begins alike
        """Nothing is open."""
        return DeskState()

    async def ready(self) -> None:
        """The desk can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Signals carry everything."""
        return [item.message for item in items]

    def decide(self, state: DeskState, message: Any, now: datetime) -> Decision:
        """A raised signal opens its case once, and says how it is by now; a cleared one ends it."""
        match message:
            case SignalRaised(kind=kind, cause=cause, sentence=sentence):
                others = tuple(case for case in state.cases if (case.kind, case.cause) != (kind, cause))
                return Decision(state=DeskState((*others, case_in(state.cases, kind, cause, sentence, now))))
            case SignalCleared(kind=kind):
                return Decision(state=DeskState(tuple(case for case in state.cases if case.kind != kind)))
            case _:
                assert_never(message)

    def project(self, key: str, before: DeskState, after: DeskState, now: datetime) -> Sequence[Write]:
        """The rows of the cases."""
        return case_rows(key, before.cases, after.cases, now, how="the signal cleared")

    def announce(self, key: str, before: DeskState, after: DeskState) -> None:
        """Count the cases that began and ended."""
        announce_cases(key, before.cases, after.cases, self._emit)
