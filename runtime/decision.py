"""What an actor decides, as data.

`decide(state, message, now) -> Decision` is the only place where business happens. It is pure: whatever it wants to
happen is said here, and the one step (`runtime.actor`) writes it down in one transaction before anything is done.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

import msgspec

from runtime.clock import Instant


class Message(msgspec.Struct, frozen=True, tag=True):
    """Base of all an actor receives: past tense for facts (`OrderReceived`), imperative for requests (`Recheck`).

    Each actor names the union of its own messages; on disk a message is its tagged JSON.
    """


class Repeat(enum.StrEnum):
    """How an outside call may be repeated when its outcome is not known."""

    SAFE = "safe"
    """Repeat freely: a read, or an absolute write with a sequence."""
    KEYED = "keyed"
    """The other side dedupes by a key in the bytes: look, and if absent repeat the identical stored bytes."""
    CHECK_FIRST = "check_first"
    """Nothing dedupes it: look, and repeat only when the look proves that it was not applied."""


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """One call to an outside API, as exact bytes. It is on disk (the intent) before it is made.

    `share` names the class of the API's budget that pays for it. A write (`repeat` other than SAFE) keeps its key busy
    until its outcome is known to be applied, refused or unknown; a read leaves the key free.
    """

    api: str
    kind: str
    body: bytes
    repeat: Repeat
    share: str


class Emit(msgspec.Struct, frozen=True, kw_only=True):
    """A message to an actor (`channel`). A row in the step's transaction, so emitting never waits."""

    channel: str
    message: Message
    key: str = ""
    """Empty: the key that is being decided."""
    priority: int = 0


class Timer(msgspec.Struct, frozen=True, kw_only=True):
    """A message to the actor's own key, due later. Durable; setting the same name again replaces it."""

    name: str
    due: datetime
    message: Message


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the timeline of a subject (the key): what happened, when it began and ended, in plain small values.

    Facts are the only source of spans. They hold no personal data: keys of `values` come from the fact catalogue.
    """

    kind: str
    began: Instant | None = None
    """None: the instant of the step."""
    ended: Instant | None = None
    """None: the instant of the step."""
    values: dict[str, str | int | float | bool | None] = msgspec.field(default_factory=dict)


class Write(msgspec.Struct, frozen=True):
    """A row for a named statement of a projection, written in the step's transaction."""

    statement: str
    row: tuple[Any, ...]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The next state, and everything that follows from it. All of it becomes durable together, or none of it."""

    state: Any
    effects: tuple[Effect, ...] = ()
    emits: tuple[Emit, ...] = ()
    timers: tuple[Timer, ...] = ()
    cancels: tuple[str, ...] = ()
    """Names of timers that are no longer wanted."""
    facts: tuple[Fact, ...] = ()
    writes: tuple[Write, ...] = ()
    resend: tuple[int, ...] = ()
    """Intents that were looked for and are absent: repeat the identical stored bytes."""
    settle: tuple[int, ...] = ()
    """Intents that need no further attempt: forget their bytes."""
    keeps: int | None = None
    """The delivery whose body must be kept while this state stands (None: retention may reclaim it)."""
    trace: bool = False
    """Export this subject's whole story, from its beginning, whatever the sampling says."""
    closes: bool = False
    """The subject's story ends here: its root span may be exported."""


# -- what comes back from an effect ------------------------------------------------------------------------------------


class EffectDone(Message, frozen=True, kw_only=True):
    """Applied. `result` is what the connector read from the answer (or from the look, after an unknown outcome)."""

    intent: int
    kind: str
    result: Any
    began_us: int
    ended_us: int
    attempts: int
    found_by_look: bool = False


class EffectRefused(Message, frozen=True, kw_only=True):
    """Not applied and never will be, with the other side's code and sentence."""

    intent: int
    kind: str
    code: str
    sentence: str
    began_us: int
    ended_us: int
    attempts: int


class EffectUnknown(Message, frozen=True, kw_only=True):
    """The answer was lost, or the process died when the call may have begun. The runtime looks; the key is free."""

    intent: int
    kind: str
    cause: str
    began_us: int
    ended_us: int
    attempts: int


class EffectAbsent(Message, frozen=True, kw_only=True):
    """The look proved that the unknown call was not applied. Decide: `resend` the intent, or `settle` it."""

    intent: int
    kind: str
    attempts: int


class EffectExhausted(Message, frozen=True, kw_only=True):
    """Tried as often as its policy allows, never applied. A decision (usually a hold) has to follow."""

    intent: int
    kind: str
    cause: str
    sentence: str
    began_us: int
    ended_us: int
    attempts: int


Outcome = EffectDone | EffectRefused | EffectUnknown | EffectAbsent | EffectExhausted
