"""Keeps the parts of the process running: restarts one that fails, notices one that has fallen silent.

A part is a named async function, run in one task group. One that raises is started again after a backoff; one that
fails more often than its restart limit allows ends the process, because a fault that restarts do not cure is somebody's
to see. A `Stop` ends everything at once. What happened is told through callbacks; the supervisor logs nothing.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Awaitable, Callable

import anyio
import anyio.abc
import msgspec

from runtime.clock import Clock
from runtime.errors import RestartLimitReached, Stop, told

_CHECKS_PER_SILENCE = 8


class RestartLimit(msgspec.Struct, frozen=True, kw_only=True):
    """How often one part may fail: the restart after `restarts_max` of them within `period_s` is refused.

    Before each restart it waits a random part of `backoff_first_s`, doubling with each restart in the period up to
    `backoff_cap_s`.
    """

    restarts_max: int = 5
    period_s: float = 60.0
    backoff_first_s: float = 0.1
    backoff_cap_s: float = 5.0


class Part:
    """One supervised part, as `Supervisor.add` returns it. Its own code calls `beat` at each sign of progress."""

    def __init__(
        self, name: str, run: Callable[[], Awaitable[None]], silence_max_s: float | None, has_work: Callable[[], bool]
    ) -> None:
        self.name, self.silence_max_s, self.has_work = name, silence_max_s, has_work
        self.run = run
        self.running = False
        self.restarts_total = 0
        self.beats = 0

    def beat(self) -> None:
        """Progress was made. Costs an addition: the time is taken by whoever watches."""
        self.beats += 1


def _always() -> bool:
    return True


class Supervisor:
    """See the module. `add` parts, before or while it runs; `run` lasts until all of them have finished."""

    def __init__(
        self,
        clock: Clock,
        *,
        limit: RestartLimit | None = None,
        on_restart: Callable[[str, Exception], None],
        on_silence: Callable[[str, float], None],
        rng: random.Random | None = None,
    ) -> None:
        self.parts: dict[str, Part] = {}
        self._clock, self._limit = clock, limit or RestartLimit()
        self._on_restart, self._on_silence = on_restart, on_silence
        self._random = rng or random.Random()  # noqa: S311 - spreads restarts; guards nothing
        self._tasks: anyio.abc.TaskGroup | None = None
        self._unfinished = 0
        self._finished = anyio.Event()
        self._stop: Stop | None = None

    def add(
        self,
        name: str,
        run: Callable[[], Awaitable[None]],
        *,
        silence_max_s: float | None = None,
        has_work: Callable[[], bool] = _always,
    ) -> Part:
        """A part that `run` keeps alive; it starts at once when the supervisor runs already.

        With `silence_max_s`, a part that has work and does not beat for longer is told to `on_silence(name, silent_s)`,
        once until it beats again. Raises ValueError for a name that is taken.
        """
        if name in self.parts:
            raise ValueError(f"there is already a part named {name!r}")
        part = self.parts[name] = Part(name, run, silence_max_s, has_work)
        self._unfinished += 1
        if self._tasks is not None:
            self._start(part)
        return part

    async def run(self) -> None:
        """Run all parts until each has returned, or one of them stops the process.

        Raises the `Stop` that a part raised, or RestartLimitReached, after cancelling the others and waiting for their
        ends. Cancelled itself it does the same; a `Stop` that a part then raises still comes through.
        """
        try:
            async with anyio.create_task_group() as tasks:
                await self._run_in(tasks)
                tasks.cancel_scope.cancel()
        finally:
            if self._stop is not None:
                raise self._stop

    async def _run_in(self, tasks: anyio.abc.TaskGroup) -> None:
        self._tasks = tasks
        try:
            for part in self.parts.values():
                self._start(part)
            while self._unfinished and self._stop is None:
                await self._finished.wait()
                self._finished = anyio.Event()
        finally:
            self._tasks = None

    # -- keeping a part alive ------------------------------------------------------------------------------------------

    def _start(self, part: Part) -> None:
        assert self._tasks is not None  # noqa: S101 - both callers have looked
        self._tasks.start_soon(self._keep, part, name=part.name)
        if part.silence_max_s is not None:
            self._tasks.start_soon(self._watch, part, part.silence_max_s, name=f"{part.name}: watch")

    async def _keep(self, part: Part) -> None:
        failed_at: deque[float] = deque(maxlen=self._limit.restarts_max + 1)
        try:
            while not await self._ran_to_its_end(part, failed_at):
                pass
        except Stop as stop:
            self._stop = self._stop or stop
        finally:
            self._unfinished -= 1
            self._finished.set()

    async def _ran_to_its_end(self, part: Part, failed_at: deque[float]) -> bool:
        """Run the part once. Raises Stop when it must not be run again."""
        part.running = True
        try:
            await part.run()
        except Exception as error:  # noqa: BLE001 - whatever it is, the part has failed
            failure = error
        else:
            return True
        finally:
            part.running = False
        if (stop := _find_stop(failure)) is not None:
            raise stop
        await self._back_off(part, failure, failed_at)
        return False

    async def _back_off(self, part: Part, error: Exception, failed_at: deque[float]) -> None:
        limit, now = self._limit, self._clock.monotonic()
        failed_at.append(now)
        while failed_at[0] <= now - limit.period_s:
            failed_at.popleft()
        if len(failed_at) > limit.restarts_max:
            raise RestartLimitReached(
                f"{part.name!r} failed {len(failed_at)} times within {limit.period_s:g} s, last with {told(error)}; "
                "the process ends, so that it is seen and started afresh"
            ) from error
        part.restarts_total += 1
        self._on_restart(part.name, error)
        span_s = min(limit.backoff_cap_s, limit.backoff_first_s * 2.0 ** (len(failed_at) - 1))
        await anyio.sleep(span_s * self._random.random())

    # -- noticing silence ----------------------------------------------------------------------------------------------

    async def _watch(self, part: Part, silence_max_s: float) -> None:
        """Look a few times per allowed silence; never early, and at most a quarter of it late."""
        beats, told = part.beats, False
        since: float | None = None
        """The first look at which it had work and had not beaten since the one before; None: there is none."""
        while True:
            await anyio.sleep(silence_max_s / _CHECKS_PER_SILENCE)
            now = self._clock.monotonic()
            if part.beats != beats or not part.running or not part.has_work():
                beats, told, since = part.beats, False, None
            elif since is None:
                since = now
            elif not told and now - since >= silence_max_s:
                told = True
                self._on_silence(part.name, now - since)


def _find_stop(error: BaseException) -> Stop | None:
    """The `Stop` in an error, also when task groups have wrapped it."""
    if isinstance(error, Stop):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next((stop for inner in error.exceptions if (stop := _find_stop(inner)) is not None), None)
    return None
