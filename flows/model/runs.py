"""Runs of Patchworks that are followed to their end, and who is told of it."""

from __future__ import annotations

from typing import Final, Literal

from runtime.decision import Message

RUN_FOLLOWER: Final = "run_follower"
"""The actor that follows runs."""
RUNS_KEY: Final = "patchworks/runs"
"""Its one key: one list per poll covers the runs of all flows."""

Outcome = Literal["ok", "failed", "unseen"]
"""How a run ended; `unseen`: nobody could say, so it is taken to have ended well, and what it brought is not proven."""


class FollowRun(Message, frozen=True, kw_only=True):
    """A start has begun this run."""

    flow_id: str
    batch: str
    run_id: str


class RunEnded(Message, frozen=True, kw_only=True):
    """To `flow_starts`, with the flow's key: the run of this start is over."""

    flow_id: str
    batch: str
    run_id: str
    outcome: Outcome
