"""What the runtime tells the actor that deals with trouble: conditions that rise once and clear once."""

from __future__ import annotations

from collections.abc import Callable

from runtime.decision import Message


class SignalRaised(Message, frozen=True, kw_only=True):
    """Something is wrong from now on.

    `kind` is `api.unavailable`, `api.credentials`, `step.parked` or `store.restored`.
    """

    kind: str
    cause: str
    sentence: str


class SignalCleared(Message, frozen=True, kw_only=True):
    """It is over."""

    kind: str


Signal = Callable[[str, SignalRaised | SignalCleared], None]
"""`signal(key, message)`: hand a signal over, without waiting."""
