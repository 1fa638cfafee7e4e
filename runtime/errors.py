"""Everything that can go wrong, as one closed list, ordered by what happens next.

Two families. A `Failure` is the result of one outside call, and its class *instructs* the runtime: wait, try again,
look before repeating, ask a person. A `Stop` ends the process, and carries the exit status (sysexits.h) that says why.
A failure that is retried is not an error: nobody is told until the runtime gives up or the outside is away too long.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import ClassVar


class SeamlineError(Exception):
    """Root of the list. The message is a sentence for an operator: which thing, and what now."""


# -- one outside call --------------------------------------------------------------------------------------------------


class Failure(SeamlineError):
    """An outside call that did not succeed. `kind` is its low-cardinality name in metrics, logs and spans."""

    kind: ClassVar[str] = "failure"
    retry_after_s: float | None

    def __init__(self, sentence: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s


class Throttled(Failure):
    """Not applied: the other side limits our rate. Wait `retry_after_s`, lower the budget; no breaker strike."""

    kind = "throttled"


class Unavailable(Failure):
    """Not applied: the other side was not reached, or took no work. Try again with backoff; a breaker strike."""

    kind = "unavailable"


class Unknown(Failure):
    """May or may not have been applied: the answer was lost. A read repeats; a write looks first. A breaker strike."""

    kind = "unknown"


class Unauthorised(Failure):
    """Not applied: the credentials were refused. The lane stops, one signal rises, a probe tries again now and then."""

    kind = "unauthorised"


class Refused(Failure):
    """Not applied, and the same bytes will be refused again. A decision (usually a hold) has to change something.

    `code` is the other side's own code, or its HTTP status; `str(self)` is its own message, cut to a bounded length.
    """

    kind = "refused"

    def __init__(self, sentence: str, *, code: str) -> None:
        super().__init__(sentence)
        self.code = code


# -- the process itself ------------------------------------------------------------------------------------------------


class Stop(SeamlineError):
    """Ends the process with `exit_status`."""

    exit_status: ClassVar[int] = 70


class ConfigInvalid(Stop):
    """The configuration has problems; the message lists every one of them."""

    exit_status = 78


class AddressTaken(Stop):
    """Another process listens where this one is to listen; the message says which setting names another port."""

    exit_status = 69


class StoreLocked(Stop):
    """Another process holds the store; the message says who, since when and what to do."""

    exit_status = 75


class StoreFenced(Stop):
    """A later process has taken the store over (its epoch is higher). Nothing more may be written by this one."""

    exit_status = 75


class StoreFailed(Stop):
    """The disk failed to make a commit durable. What the page cache holds is unknown, so the process must not go on."""

    exit_status = 74


class RestartLimitReached(Stop):
    """A part of the runtime failed more often than its restart intensity allows."""

    exit_status = 70


class StoreFull(SeamlineError):
    """Nothing new can be made durable just now: the disk or its budget is full, another program writes to the store, or
    the process stops. Intake answers 503; everything that needs no new room goes on, and what is submitted again lands.
    """


class StepFailed(SeamlineError):
    """A decision raised. Its message is parked with this reason and its key waits; others are not delayed.

    `of` is the class of what was raised: all that may be told of it anywhere.
    """

    def __init__(self, sentence: str, *, of: str = "StepFailed") -> None:
        super().__init__(sentence)
        self.of = of


class StoreUnreadable(Stop):
    """The store was written by a newer version, is damaged, or is not ours. Nothing has been written to it."""

    exit_status = 65


# -- telling -----------------------------------------------------------------------------------------------------------


def first_of(error: BaseException) -> BaseException:
    """The error itself, or the first one of a group, however deep."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def told(error: BaseException) -> str:
    """An error in a message: our own sentences as they are, anybody else's by type and place; it may quote anything."""
    error = first_of(error)
    if isinstance(error, SeamlineError):
        return f"{type(error).__name__}: {error}"
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f" at {PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
    return f"{type(error).__name__}{place}"
