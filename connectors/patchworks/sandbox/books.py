"""The books of the Patchworks side: flows, runs, logs and payloads, kept as long as the retention says."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator

from connectors.patchworks.sandbox.config import SandboxConfig
from connectors.patchworks.sandbox.flow_config import FlowSeed
from connectors.patchworks.sandbox.played_clock import US_PER_S
from connectors.patchworks.sandbox.records import (
    Flow,
    FlowVersion,
    Item,
    LogLevel,
    PayloadRow,
    Pool,
    Run,
    RunLog,
    ScheduledFlow,
    Step,
    TrackedValue,
    Trigger,
)
from runtime.clock import Clock, Instant

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_DAY_S = 86_400
TRACKED_LENGTH_MAX = 255


class Books:
    """All records of one sandbox but those of the sales channels."""

    def __init__(self, config: SandboxConfig, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self._ids: Counter[str] = Counter(
            {"flow-versions": 20_976, "steps": 55_100, "logs": 880_100, "payloads": 7_700_309, "scheduled": 300}
        )
        self.flows: dict[int, Flow] = {}
        self.versions: dict[int, FlowVersion] = {}
        self.runs: dict[str, Run] = {}
        self.payloads: dict[int, PayloadRow] = {}
        self.scheduled: dict[int, ScheduledFlow] = {}
        self.tracked: deque[TrackedValue] = deque()
        self.pools: dict[int, Pool] = {}
        self.operations = 0
        """Requests that connectors made, as the monthly allowance counts them."""
        self._bodies: deque[PayloadRow] = deque()
        self._body_bytes = 0
        self._logged: deque[tuple[Run, RunLog]] = deque()
        for seed in config.flows:
            self.add_flow(seed)

    def new_id(self, kind: str) -> int:
        """The next id of that kind."""
        self._ids[kind] += 1
        return self._ids[kind]

    # -- flows ---------------------------------------------------------------------------------------------------------

    def add_flow(self, seed: FlowSeed) -> Flow:
        """A new flow with its versions and steps."""
        now = self.clock.now()
        versions = []
        for number in range(1, seed.versions + 1):
            steps = tuple(
                Step(self.new_id("steps"), name, microservice, direction)
                for name, microservice, direction in _shapes(seed)
            )
            version = FlowVersion(self.new_id("flow-versions"), seed.id, number, steps)
            self.versions[version.id] = version
            versions.append(version)
        self.flows[seed.id] = Flow(
            seed=seed,
            versions=tuple(versions),
            created_at=now,
            updated_at=now,
            is_enabled=seed.is_enabled,
            deployed=versions[-1] if seed.is_deployed else None,
        )
        if seed.dedupe is not None:
            self.pool_named(seed.dedupe.pool)
        return self.flows[seed.id]

    # -- runs ----------------------------------------------------------------------------------------------------------

    def add_run(self, flow: Flow, version: FlowVersion, trigger: Trigger) -> Run:
        """A new run, not yet in the queue."""
        number = self.new_id("runs")
        now = self.clock.now()
        id_ = _ulid(now, number) if self.config.switches.run_id == "ulid" else 91_000 + number
        run = Run(id=id_, number=number, flow_id=flow.id, version=version, trigger=trigger, queued_at=now)
        self.runs[str(id_)] = run
        return run

    def queue(self, run: Run) -> None:
        """Let the run wait."""
        row = ScheduledFlow(self.new_id("scheduled"), run, self.clock.now())
        run.scheduled_id = row.id
        self.scheduled[row.id] = row

    def log(self, run: Run, step: Step, level: LogLevel, message: str, rows: tuple[PayloadRow, ...] = ()) -> None:
        """Write a line of the run's log about these payloads."""
        log = RunLog(self.new_id("logs"), self.clock.now(), level, message, step, tuple(row.id for row in rows))
        for row in rows:
            row.log_id = log.id
        run.logs.append(log)
        self._logged.append((run, log))
        self.expire()

    # -- payloads ------------------------------------------------------------------------------------------------------

    def add_payload(self, run: Run, step: Step, item: Item, *, dropped: bool = False) -> PayloadRow:
        """Store what a step has put out, or taken in."""
        size = len(item.body)
        row = PayloadRow(
            id=self.new_id("payloads"), run=run, step=step, item=item, size=size, at=self.clock.now(), dropped=dropped
        )
        self.payloads[row.id] = row
        run.payload_bytes += size
        self._bodies.append(row)
        self._body_bytes += size
        return row

    def expire(self) -> None:
        """Forget what is older than its retention."""
        now, kept = self.clock.now(), self.config.retention
        payloads_until = now - kept.payloads_h * 3_600 * US_PER_S
        while self._bodies and (
            self._bodies[0].at <= payloads_until or self._body_bytes > self.config.payloads_bytes_max
        ):
            row = self._bodies.popleft()
            self._body_bytes -= row.size
            row.item = None
            row.dropped = True
        while self._logged and self._logged[0][1].at <= now - kept.logs_days * _DAY_S * US_PER_S:
            run, log = self._logged.popleft()
            run.logs = [each for each in run.logs if each is not log]
        while self.tracked and self.tracked[0].at <= now - kept.tracked_days * _DAY_S * US_PER_S:
            self.tracked.popleft()

    # -- tracked values and pools --------------------------------------------------------------------------------------

    def track(self, run: Run, step: Step, value: str) -> None:
        """Keep a value for search."""
        row = TrackedValue(
            id=self.new_id("tracked"),
            value=value[:TRACKED_LENGTH_MAX],
            run=run,
            step=step,
            at=self.clock.now(),
            success=True,
        )
        self.tracked.append(row)

    def add_pool(self, name: str, description: str) -> Pool:
        """A new pool."""
        now = self.clock.now()
        pool = Pool(id=self.new_id("pools"), name=name, description=description, created_at=now, updated_at=now)
        self.pools[pool.id] = pool
        return pool

    def pool_named(self, name: str) -> Pool:
        """The pool of that name, made when it is new."""
        found = (pool for pool in self.pools.values() if pool.name == name)
        return next(found, None) or self.add_pool(name, "")

    def seen(self, pool: Pool) -> dict[str, tuple[int, Instant]]:
        """What the pool still remembers."""
        until = self.clock.now() - self.config.retention.deduped_days * _DAY_S * US_PER_S
        pool.seen = {value: row for value, row in pool.seen.items() if row[1] > until}
        return pool.seen


def _shapes(seed: FlowSeed) -> Iterator[tuple[str, str, str]]:
    """Name, microservice and direction of each shape that the flow has, in order."""
    yield "Trigger", "trigger", ""
    if seed.catch != "none":
        yield "Try/Catch", "try-catch", ""
    if seed.source != "payload":
        yield "Receive", "connector", "Receive"
    if seed.batch is not None:
        yield "Flow control", "batch", ""
    if seed.map:
        yield "Map", "map", ""
    if seed.dedupe is not None:
        yield "De-dupe", "de-dupe", ""
    if seed.track:
        yield "Track data", "track-data", ""
    if seed.callback is not None:
        yield "Callback", "callback", ""
    if seed.send is not None:
        yield "Send", "connector", "Send"


def _ulid(now: Instant, number: int) -> str:
    """A 26-character id that sorts by time, and is the sandbox's own for each number."""
    value = (now // 1_000 << 80) | number * 0x9E3779B97F4A7C15 % (1 << 80)
    return "".join(_CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))
