"""What the sandbox keeps of its flows: versions, steps, runs, logs, payloads, the queue, pools and tracked values.

Field names that go over the wire are given where a record is written down (`core_*.py`), not here.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from connectors.patchworks.sandbox.flow_config import FlowSeed
from runtime.clock import Instant

STARTED, SUCCESS, FAILURE, STOPPED, PARTIAL_SUCCESS = 1, 2, 3, 4, 5
"""Status codes of runs (facts 2.2). A queued run has none."""
Trigger = Literal["API", "Manual", "Webhook", "Schedule", "Retry", "Callback"]
LogLevel = Literal["info", "warning", "error"]


class Item(msgspec.Struct, frozen=True, gc=False):
    """A payload on its way through a flow. `keys` name the business in it, for books and fault plans."""

    body: bytes
    keys: tuple[str, ...]
    content_type: str = "application/json"


class Step(msgspec.Struct, frozen=True):
    """A shape of a flow version. `microservice` is the API's word for its kind."""

    id: int
    name: str
    microservice: str
    direction: str = ""


class FlowVersion(msgspec.Struct, frozen=True):
    """One version of a flow. All versions of a flow are alike here."""

    id: int
    flow_id: int
    number: int
    steps: tuple[Step, ...]

    def step(self, microservice: str, direction: str = "") -> Step:
        """The step of that kind; the trigger where there is none."""
        for step in self.steps:
            if step.microservice == microservice and (not direction or step.direction == direction):
                return step
        return self.steps[0]


class Flow(msgspec.Struct, kw_only=True):
    """A flow as it stands."""

    seed: FlowSeed
    versions: tuple[FlowVersion, ...]
    created_at: Instant
    updated_at: Instant
    is_enabled: bool
    deployed: FlowVersion | None
    read_until: Instant = Instant(0)
    """How far `orders_updated` has been read; what changed at that instant is read again."""
    cursor: str = ""
    """Where the pages of `target` go on."""

    @property
    def id(self) -> int:
        """The flow's id."""
        return self.seed.id


class Run(msgspec.Struct, kw_only=True):
    """A run of a flow."""

    id: str | int
    number: int
    """Counts runs; later ones are higher, whatever their ids look like."""
    flow_id: int
    version: FlowVersion
    trigger: Trigger
    queued_at: Instant
    status: int = 0
    started_at: Instant | None = None
    finished_at: Instant | None = None
    summary: str = ""
    has_warnings: bool = False
    user_id: int | None = None
    virtual_environment_id: int | None = None
    variables: dict[str, object] = {}
    retry_of: Run | None = None
    retried_by: Run | None = None
    payload_ids: tuple[int, ...] = ()
    """Its first payloads, when whoever triggered it brought some."""
    logs: list[RunLog] = []
    operations_sent: int = 0
    operations_received: int = 0
    payload_bytes: int = 0
    scheduled_id: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.finished_at is not None


class RunLog(msgspec.Struct, frozen=True):
    """A line of a run's log."""

    id: int
    at: Instant
    level: LogLevel
    message: str
    step: Step
    payload_ids: tuple[int, ...] = ()


class PayloadRow(msgspec.Struct, kw_only=True):
    """A stored payload; `item` is None when its retention is over."""

    id: int
    run: Run
    step: Step
    item: Item | None
    size: int
    at: Instant
    log_id: int | None = None
    dropped: bool = False


class ScheduledFlow(msgspec.Struct, frozen=True):
    """A run that waits in the queue."""

    id: int
    run: Run
    at: Instant


class TrackedValue(msgspec.Struct, kw_only=True):
    """A value that a track-data shape has kept."""

    id: int
    value: str
    run: Run
    step: Step
    at: Instant
    success: bool


class Pool(msgspec.Struct, kw_only=True):
    """A pool of values that a de-dupe shape has seen."""

    id: int
    name: str
    description: str
    created_at: Instant
    updated_at: Instant
    seen: dict[str, tuple[int, Instant]] = {}
    """Value: entity type, and when it was tracked last."""
