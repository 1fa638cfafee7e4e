"""Starting a flow of Patchworks: the protocol, as a pure state machine that an actor keeps for each flow.

Patchworks has no idempotency key, and that no run is found does not prove that none will ever begin. Therefore:

1. At most one start of a flow is unresolved. What comes meanwhile waits, for at most `company_s` when none is.
2. Every start carries a batch key, and lines with keys of their own: a repeat does no harm where those are honoured.
3. After a lost answer the flow's runs are looked through, `start_settle_s` later, for the batch key.
4. Found: it was started. Not found: the identical bytes go out again, `repeats_max` times, and each of them is counted
   as a possible repeat; after that a person is asked, and the flow waits for the answer.

Nothing here reads a clock or waits; `now` is an instant in Unix milliseconds.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from connectors.patchworks.wire import Started

KNOWN_RUNS_MAX: Final = 50
"""Run ids that are remembered as taken, per flow."""


class StartPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How one flow is started."""

    company_s: Annotated[float, Meta(ge=0, le=3_600)] = 5.0
    """How long a line waits for others before a start is made for it."""
    lines_max: Annotated[int, Meta(ge=1, le=10_000)] = 1_000
    """The most lines of one start."""
    payload_bytes_max: Annotated[int, Meta(ge=10_000, le=8_000_000)] = 500_000
    """The largest payload of one start; Patchworks advises many of half a megabyte over a few large ones."""
    repeats_max: Annotated[int, Meta(ge=0, le=10)] = 1
    """How often a start whose run cannot be found is repeated before a person is asked; 0 for a flow that honours
    neither batch keys nor the keys of lines."""


class OpenStart(msgspec.Struct, frozen=True, kw_only=True):
    """A start whose end is not known yet. `asked`: it was given up, and a person has to say what became of it."""

    key: str
    began_ms: int
    lines: int
    repeats: int = 0
    asked: bool = False


class FlowStarts(msgspec.Struct, frozen=True, kw_only=True):
    """The starts of one flow. `possible_repeats` counts starts that may have run twice, `by_timing` those that are
    believed to have run for no better reason than the time of a run that cannot be read.
    """

    open: OpenStart | None = None
    known_run_ids: tuple[str, ...] = ()
    started: int = 0
    possible_repeats: int = 0
    by_timing: int = 0


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What waits to be sent to a flow. `since_ms`: how long the oldest of it does."""

    lines: int
    payload_bytes: int
    since_ms: int


def wait_s(state: FlowStarts, policy: StartPolicy, waiting: Waiting, now_ms: int) -> float | None:
    """Seconds until what waits should be started; 0.0 is now, None is not before the open start is resolved."""
    if state.open is not None:
        return None
    if not waiting.lines:
        return None
    if waiting.lines >= policy.lines_max or waiting.payload_bytes >= policy.payload_bytes_max:
        return 0.0
    return max(0.0, policy.company_s - (now_ms - waiting.since_ms) / 1000)


def begun(state: FlowStarts, key: str, lines: int, now_ms: int) -> FlowStarts:
    """A start has been decided. Raises ValueError while another one is open: then nobody could tell them apart."""
    if state.open is not None:
        raise ValueError(f"the start {state.open.key} of this flow is not resolved yet")
    return msgspec.structs.replace(state, open=OpenStart(key=key, began_ms=now_ms, lines=lines))


def resolved(state: FlowStarts, started: Started) -> FlowStarts:
    """The open start has begun a run, by its answer or as a look found it."""
    known = tuple(dict.fromkeys((*state.known_run_ids, *([started.run_id] if started.run_id else []))))
    return msgspec.structs.replace(
        state,
        open=None,
        known_run_ids=known[-KNOWN_RUNS_MAX:],
        started=state.started + 1,
        by_timing=state.by_timing + (started.evidence == "timing"),
    )


def refused(state: FlowStarts) -> FlowStarts:
    """The open start has begun nothing (repeats before that are counted already); its lines are free for another."""
    return msgspec.structs.replace(state, open=None)


def absent(state: FlowStarts, policy: StartPolicy) -> tuple[FlowStarts, Literal["repeat", "ask"]]:
    """No run of the open start was found: repeat its identical bytes, or ask a person, for whom it stays open.

    Raises ValueError when no start is open.
    """
    if state.open is None:
        raise ValueError("no start of this flow is open")
    if state.open.repeats >= policy.repeats_max:
        return msgspec.structs.replace(state, open=msgspec.structs.replace(state.open, asked=True)), "ask"
    return repeated(state), "repeat"


def repeated(state: FlowStarts) -> FlowStarts:
    """The open start's identical bytes go out again, also because a person said so: it may run twice.

    A person can say otherwise, too: that it ran (`resolved`), or that nothing of it did (`refused`). Raises ValueError
    when no start is open.
    """
    if state.open is None:
        raise ValueError("no start of this flow is open")
    again = msgspec.structs.replace(state.open, repeats=state.open.repeats + 1, asked=False)
    return msgspec.structs.replace(state, open=again, possible_repeats=state.possible_repeats + 1)
