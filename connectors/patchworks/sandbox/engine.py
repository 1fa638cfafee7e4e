"""Carries flows out: a trigger queues a run, workers take it from the queue, shapes hand on a bucket of payloads.

Every payload that enters or leaves a shape is stored. A run ends as success, failure or partial success (facts 2.2, 5);
how a caught failure ends is the flow's own setting, and may be success, so its ERROR log is the only witness.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anyio
import msgspec
from anyio.abc import TaskGroup

from connectors.patchworks.sandbox import sources
from connectors.patchworks.sandbox.books import Books
from connectors.patchworks.sandbox.channel_connector import send_to_channel
from connectors.patchworks.sandbox.delivery import Delivery, Outcome
from connectors.patchworks.sandbox.flow_config import FlowSeed, Send
from connectors.patchworks.sandbox.limits import RunStarts
from connectors.patchworks.sandbox.records import (
    FAILURE,
    PARTIAL_SUCCESS,
    STARTED,
    STOPPED,
    SUCCESS,
    Flow,
    FlowVersion,
    Item,
    PayloadRow,
    Run,
    Step,
    Trigger,
)
from connectors.patchworks.sandbox.sales_channels.order import ChannelRefusal, Order
from connectors.patchworks.sandbox.sales_channels.sales_channel import SalesChannel
from connectors.patchworks.sandbox.shapes import ShapeFailed, batched, mapped, values_of
from runtime.testing.faults import FaultPlan

QUEUE_MAX = 1_000_000
QUEUED_RETRIES_MAX = 2
"""How often a response script's "fail the flow and queue a retry" is followed for one payload."""
_LOOK_AGAIN_S = 0.02
_CAUGHT = {"partial_success": PARTIAL_SUCCESS, "succeed": SUCCESS, "fail": FAILURE}


class RunFailed(Exception):
    """Ends a run as failed. `queue_retry`: its response script wants it tried again."""

    def __init__(self, message: str, *, queue_retry: bool = False, final: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.queue_retry = queue_retry
        self.final = final


class Engine:
    """The queue, the workers, and what the shapes do."""

    def __init__(self, books: Books, channels: Mapping[str, SalesChannel], delivery: Delivery, plan: FaultPlan) -> None:
        self.books = books
        self._channels = channels
        self._delivery = delivery
        self._plan = plan
        self._switches = books.config.switches
        self._waiting, self._queue = anyio.create_memory_object_stream[Run](QUEUE_MAX)
        self._starts = RunStarts(books.config.limits.runs_per_min, books.clock)
        self._go = anyio.Event()
        self._go.set()
        self._done = anyio.Event()
        self._busy = 0
        self._tasks: TaskGroup | None = None

    # -- triggers ------------------------------------------------------------------------------------------------------

    def trigger(
        self,
        flow: Flow,
        trigger: Trigger,
        item: Item | None,
        *,
        version: FlowVersion | None = None,
        virtual_environment_id: int | None = None,
        variables: dict[str, object] | None = None,
    ) -> Run:
        """Queue a run of the version (none: the deployed one, which the caller has checked for)."""
        chosen = version or flow.deployed or flow.versions[-1]
        run = self.books.add_run(flow, chosen, trigger)
        run.virtual_environment_id = virtual_environment_id
        run.variables = variables or {}
        if item is not None:
            run.payload_ids = (self.books.add_payload(run, chosen.steps[0], item).id,)
        self._enqueue(run)
        return run

    def retry(self, run: Run) -> Run:
        """Run the original version again, at once, with its first payload (facts 5)."""
        flow = self.books.flows[run.flow_id]
        again = self.books.add_run(flow, run.version, "Retry")
        again.payload_ids = run.payload_ids
        again.variables = run.variables
        again.queued_at = run.queued_at
        again.virtual_environment_id = run.virtual_environment_id
        again.retry_of = run
        run.retried_by = again
        self._enqueue(again)
        return again

    def announce(self, channel: SalesChannel, order: Order) -> None:
        """A sales channel tells of an order: every flow that listens gets a run (facts 6: one order as an object)."""
        for flow in self.books.flows.values():
            seed = flow.seed
            listens = seed.source == "order_events" and seed.sales_channel == channel.seed.name
            if listens and flow.is_enabled and flow.deployed is not None:
                self.trigger(flow, "Webhook", sources.order_item(channel, order))

    def _enqueue(self, run: Run) -> None:
        self.books.queue(run)
        self._busy += 1
        self._waiting.send_nowait(run)

    async def answer(self, flow: Flow, item: Item | None, asked: dict[str, Any]) -> list[Item]:
        """Carry out a callback's flow up to its callback shape, at once. Raises RunFailed.

        What comes after that shape is carried out when the caller has its answer.
        """
        version = flow.deployed or flow.versions[-1]
        run = self.books.add_run(flow, version, "Callback")
        run.variables = asked
        if item is not None:
            run.payload_ids = (self.books.add_payload(run, version.steps[0], item).id,)
        self._begin(run)
        try:
            bucket = await self._shaped(run, flow)
        except RunFailed as failure:
            self._end(run, FAILURE, failure.message)
            raise
        self._busy += 1
        assert self._tasks is not None  # noqa: S101  narrows: a callback is answered while the engine works
        self._tasks.start_soon(self._after_callback, run, flow, bucket)
        return bucket

    # -- the queue -----------------------------------------------------------------------------------------------------

    async def work(self) -> None:
        """Take runs from the queue until cancelled; each worker carries out one at a time."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            for _ in range(self.books.config.workers):
                tasks.start_soon(self._worker)
            for flow in self.books.flows.values():
                if flow.seed.every_s:
                    tasks.start_soon(self._schedule, flow)

    async def close(self) -> None:
        """Let go of the queue."""
        await self._waiting.aclose()
        await self._queue.aclose()

    def pause(self, *, paused: bool) -> None:
        """Let runs wait in the queue, or go on."""
        if paused:
            self._go = anyio.Event()
        else:
            self._go.set()

    async def settled(self) -> None:
        """Wait until no run waits or is under way."""
        while self._busy:
            await self._done.wait()

    async def _schedule(self, flow: Flow) -> None:
        while True:
            await anyio.sleep(flow.seed.every_s)
            if flow.is_enabled and flow.deployed is not None:
                self.trigger(flow, "Schedule", None)

    async def _worker(self) -> None:
        async for run in self._queue:
            await self._go.wait()
            await self._turn()
            if run.scheduled_id in self.books.scheduled:
                await self._carry_out(run)
            self._finished()

    async def _turn(self) -> None:
        """Wait until the tier's limit of runs started per minute lets one more begin (facts 1.6)."""
        while not self._starts.take():  # noqa: ASYNC110 - a clock that a script moves wakes nobody
            await anyio.sleep(_LOOK_AGAIN_S)

    def _finished(self) -> None:
        self._busy -= 1
        self._done.set()
        self._done = anyio.Event()

    async def _carry_out(self, run: Run) -> None:
        flow = self.books.flows[run.flow_id]
        self._begin(run)
        tries_left = flow.seed.flow_tries
        while True:
            tries_left -= 1
            try:
                bucket = await self._shaped(run, flow)
                caught = await self._sent(run, flow, bucket)
            except RunFailed as failure:
                if tries_left and not failure.final and not failure.queue_retry:
                    continue
                self._end(run, FAILURE, failure.message)
                if failure.queue_retry and _depth(run) < QUEUED_RETRIES_MAX:
                    self.retry(run)
            else:
                self._end_well(run, flow, caught)
            return

    async def _after_callback(self, run: Run, flow: Flow, bucket: list[Item]) -> None:
        try:
            caught = await self._sent(run, flow, bucket)
            self._end_well(run, flow, caught)
        except RunFailed as failure:
            self._end(run, FAILURE, failure.message)
        finally:
            self._finished()

    # -- the life of a run ---------------------------------------------------------------------------------------------

    def stop(self, run: Run) -> bool:
        """Stop a run that is not over; whether it was."""
        if run.is_over:
            return False
        self.books.scheduled.pop(run.scheduled_id or 0, None)
        self._end(run, STOPPED, "Stopped")
        return True

    def _begin(self, run: Run) -> None:
        self.books.scheduled.pop(run.scheduled_id or 0, None)
        run.status = STARTED
        run.started_at = self.books.clock.now()
        self.books.log(run, run.version.steps[0], "info", f"Flow started by {run.trigger}", self._first_rows(run))

    def _end(self, run: Run, status: int, summary: str) -> None:
        if run.is_over:
            return
        run.status = status
        run.summary = summary
        run.finished_at = self.books.clock.now()
        if status == FAILURE:
            self.books.log(run, run.version.steps[0], "error", f"Flow failed: {summary}")

    def _end_well(self, run: Run, flow: Flow, caught: list[str]) -> None:
        """End a run whose shapes came to their end; `caught` are the failures that its catch route took."""
        if not caught:
            self._end(run, SUCCESS, "Flow completed")
            return
        run.has_warnings = self._switches.caught_has_warnings or flow.seed.catch != "succeed"
        self._end(run, _CAUGHT[flow.seed.catch], caught[0])

    def _first_rows(self, run: Run) -> tuple[PayloadRow, ...]:
        return tuple(self.books.payloads[id_] for id_ in run.payload_ids)

    # -- the shapes ----------------------------------------------------------------------------------------------------

    async def _shaped(self, run: Run, flow: Flow) -> list[Item]:
        """The bucket before the connector that sends. Raises RunFailed."""
        seed, version = flow.seed, run.version
        bucket = await self._first(run, flow)
        try:
            if seed.batch is not None:
                bucket = [piece for item in bucket for piece in batched(item, seed.batch)]
                self._store(run, version.step("batch"), bucket, f"Split into {len(bucket)} payloads")
            if seed.map:
                bucket = [mapped(item, seed.map) for item in bucket]
                self._store(run, version.step("map"), bucket, f"Mapped {len(bucket)} payloads")
            if seed.dedupe is not None:
                bucket = self._deduped(run, seed, version.step("de-dupe"), bucket)
            if seed.track:
                for item in bucket:
                    for value in values_of(item, seed.track):
                        self.books.track(run, version.step("track-data"), value)
        except ShapeFailed as failure:
            raise RunFailed(str(failure), final=True) from None
        return bucket

    async def _first(self, run: Run, flow: Flow) -> list[Item]:
        """What the run begins with: what was brought, or what its first connector reads."""
        seed = flow.seed
        if run.payload_ids or seed.source in {"payload", "order_events"}:
            rows = self._first_rows(run)
            if any(row.item is None for row in rows):
                raise RunFailed("The payload is no longer stored.", final=True)
            return [row.item for row in rows if row.item is not None] or [Item(b"", (f"run/{run.number}",))]
        run.operations_received += 1
        self.books.operations += 1
        step = run.version.step("connector", "Receive")
        try:
            if seed.source == "target":
                assert seed.receive is not None  # noqa: S101  narrows: a FlowSeed has one with this source
                bucket, flow.cursor = await self._delivery.pages(seed, seed.receive, flow.cursor)
            else:
                channel = self._channels[seed.sales_channel]
                bucket = [sources.read_channel(flow, channel, dict(run.variables), run.queued_at)]
        except (ConnectionError, ValueError, TypeError, msgspec.DecodeError, ChannelRefusal) as error:
            self.books.log(run, step, "error", str(error))
            raise RunFailed(str(error)) from None
        self._store(run, step, bucket, f"Retrieved {sum(len(item.keys) for item in bucket)} items")
        return bucket

    def _store(self, run: Run, step: Step, bucket: list[Item], message: str) -> None:
        rows = tuple(self.books.add_payload(run, step, item) for item in bucket)
        self.books.log(run, step, "info", message, rows)

    def _deduped(self, run: Run, seed: FlowSeed, step: Step, bucket: list[Item]) -> list[Item]:
        """Those payloads of which no value was seen; the others are dropped, and stored as such."""
        assert seed.dedupe is not None  # noqa: S101  narrows: the caller has looked
        pool = self.books.pool_named(seed.dedupe.pool)
        seen = self.books.seen(pool)
        kept, dropped = [], []
        for item in bucket:
            values = values_of(item, seed.dedupe.key)
            if values and all(value in seen for value in values):
                dropped.append(self.books.add_payload(run, step, item, dropped=True))
                continue
            for value in values:
                seen[value] = (seed.dedupe.entity_type_id, self.books.clock.now())
            kept.append(item)
        pool.updated_at = self.books.clock.now()
        self.books.log(run, step, "info", f"Filtered {len(dropped)} payloads that were seen before", tuple(dropped))
        return kept

    async def _sent(self, run: Run, flow: Flow, bucket: list[Item]) -> list[str]:
        """Send the bucket; returns the failures that the catch route took. Raises RunFailed."""
        send = flow.seed.send
        if send is None:
            return []
        step = run.version.step("connector", "Send")
        caught: list[str] = []
        failed: RunFailed | None = None
        for item in bucket:
            if run.is_over:  # somebody has stopped it
                return []
            outcome = await self._send_one(flow.seed, send, item)
            run.operations_sent += outcome.tries
            self.books.operations += outcome.tries
            row = self.books.add_payload(run, step, item)
            if outcome.verdict == "done":
                self.books.log(run, step, "info", outcome.message, (row,))
                continue
            row.dropped = self._switches.dropped_marks == "failed_too"
            self.books.log(run, step, "error", outcome.message, (row,))
            if flow.seed.catch != "none" and outcome.verdict == "failed":
                caught.append(outcome.message)
                continue
            failed = failed or RunFailed(
                outcome.message,
                queue_retry=outcome.verdict == "failed_queue_retry",
                final=outcome.verdict == "failed_for_good",
            )
            if self._switches.after_failure == "stop":
                break
        if failed is not None:
            raise failed
        return caught

    async def _send_one(self, seed: FlowSeed, send: Send, item: Item) -> Outcome:
        if send.to == "target":
            return await self._delivery.send(seed, send, item)
        return await send_to_channel(self._channels[seed.sales_channel], seed, send, item, self._plan)


def _depth(run: Run) -> int:
    """How many retries led to this run."""
    depth, before = 0, run.retry_of
    while before is not None:
        depth, before = depth + 1, before.retry_of
    return depth
