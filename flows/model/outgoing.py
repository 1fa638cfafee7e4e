"""What actors ask of flows of Patchworks: lines to be sent, and what became of them.

A producer writes its lines as rows in its own decision (`outgoing_row`) and says that they wait (`lines_waiting`); the
actor `flow_starts` gathers them into starts, follows the runs, and tells the producer in one message per start.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

import msgspec

from connectors.patchworks.operations import OperationsPolicy
from connectors.patchworks.requests import Id
from connectors.patchworks.starts import StartPolicy
from runtime.clock import to_instant
from runtime.decision import Emit, Message, Write
from runtime.delivery import digest

FLOW_STARTS: Final = "flow_starts"
"""The actor that starts flows."""

FLOWS_KEY: Final = "patchworks/flows"
"""The key of what concerns all flows."""

What = Literal["levels", "fulfilments"]
"""The list that a payload holds."""


class FlowTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A flow of Patchworks that takes lines, and how it is started."""

    flow_id: Id
    """Its id in Patchworks; it has to be deployed and enabled. A flow takes one kind of lines."""
    starts: StartPolicy = StartPolicy()
    """How many lines wait for each other, and how long."""
    operations: OperationsPolicy = OperationsPolicy()
    """What a start costs of the month's operations."""


class LinesWaiting(Message, frozen=True):
    """Lines for this flow (the key) are on disk."""


class LookForRetired(Message, frozen=True):
    """The process has started: see what still waits for flows that are configured no more (key `FLOWS_KEY`)."""


class LinesSent(Message, frozen=True, kw_only=True):
    """To a producer: the run that took these lines has ended well. Lines that a later form has replaced are not named.

    That they were *sent* is all that this says; whether the sales channel was told, it has to say itself.
    """

    flow: str
    batch: str
    run_id: str
    lines: tuple[str, ...]
    at: datetime


class LinesRefused(Message, frozen=True, kw_only=True):
    """To a producer: these lines failed even alone, and wait for somebody."""

    flow: str
    lines: tuple[str, ...]
    at: datetime


def flow_key(flow_id: str) -> str:
    """The key of a flow."""
    return f"patchworks/flow/{flow_id}"


def outgoing_row(flow_id: str, line: str, producer: str, body: bytes, now: datetime, *, urgency: int = 0) -> Write:
    """The row that has a line sent; the same line again replaces what waits. With urgency 1 it lets others go first."""
    return Write("put_outgoing", (flow_id, line, producer, body, digest(body), to_instant(now), urgency))


def lines_waiting(flow_id: str) -> Emit:
    """Have the flow started in due time."""
    return Emit(channel=FLOW_STARTS, key=flow_key(flow_id), message=LinesWaiting())
