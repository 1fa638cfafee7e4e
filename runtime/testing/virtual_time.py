"""An event loop whose time is virtual: when nothing can run, it jumps to the next timer instead of waiting.

    anyio.run(main, backend_options={"loop_factory": VirtualLoop})
    anyio.run(main, backend_options={"loop_factory": lambda: VirtualLoop(seed=7)})

A day of timers costs what its callbacks cost. With a seed, tasks that are ready at the same time run in a shuffled
order that the seed repeats. When nothing is ready, due or owed, the loop says which tasks wait for ever, and ends.

It overrides `_run_once` of CPython's loop (same shape in 3.11 to 3.13; tests/unit/test_virtual_time.py pins what is
relied on). Sockets work over loopback, where what was sent has arrived. A thread is a second clock: the loop waits for
`run_in_executor`, and for whatever else is declared with `await_threads`.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import selectors
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any, TypeVar, TypeVarTuple, Unpack

from runtime.clock import Instant, to_instant

_TURNS_PER_INSTANT_MAX = 1_000_000
_REAL_WAIT_S = 0.05
_REAL_WAITS_MAX = 200
_TASKS_NAMED_MAX = 10
_AWAITS_FOLLOWED_MAX = 50

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_STARTED = datetime(2026, 1, 1, tzinfo=UTC)


class Deadlock(RuntimeError):
    """Nothing can ever happen again, or time has stopped moving; the message names the tasks and where they wait."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module. `seed`: shuffle tasks that are ready at the same time; None: in the order they became ready."""

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]
    _selector: selectors.BaseSelector
    _stopping: bool
    _timer_cancelled_count: int
    _clock_resolution: float

    def __init__(self, seed: int | None = None) -> None:
        super().__init__()
        self._clock_resolution = 0.0  # a timer is never early, else a loop that sleeps until a moment could spin
        self._now_s = 0.0
        self._turns = 0
        self._shuffle = None if seed is None else random.Random(seed).shuffle  # noqa: S311 - an order to try
        self._owed_here = 0
        self._owed: list[Callable[[], int]] = [lambda: self._owed_here]
        self._own_sockets = len(self._selector.get_map())

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now_s

    def spend(self, for_s: float) -> None:
        """The running callback computes for so long: time passes, and nothing else gets a turn meanwhile."""
        self._now_s += for_s

    def await_threads(self, owed: Callable[[], int]) -> None:
        """While `owed()` (answers that threads have yet to give) is above 0, wait for real instead of jumping."""
        self._owed.append(owed)

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """As ever; time stands still until it is done."""
        future = super().run_in_executor(executor, func, *args)
        self._owed_here += 1
        future.add_done_callback(self._answered)
        return future

    async def shutdown_default_executor(self, *args: Any, **kwargs: Any) -> None:
        """As ever; its thread answers too."""
        self._owed_here += 1
        try:
            await super().shutdown_default_executor(*args, **kwargs)
        finally:
            self._owed_here -= 1

    def _answered(self, _future: asyncio.Future[Any]) -> None:
        self._owed_here -= 1

    # -- a turn --------------------------------------------------------------------------------------------------------

    def _run_once(self) -> None:
        if not self._ready and not self._stopping:
            self._find_work()
        self._move_due()
        self._turns += 1
        if self._turns > _TURNS_PER_INSTANT_MAX:
            self._turns = 0  # whoever catches this has tasks to cancel, on this loop
            raise Deadlock(f"{_TURNS_PER_INSTANT_MAX} turns without time moving: something spins; {self._waiting()}")
        if self._shuffle is not None:
            self._shuffle_tasks(self._shuffle)
        super()._run_once()  # type: ignore[misc]

    def _find_work(self) -> None:
        """Sockets first, then threads that owe an answer, then the next timer, then strangers at our sockets."""
        if self._brought(0.0) or self._wait_while(lambda: any(owed() > 0 for owed in self._owed), "a thread is silent"):
            return
        while self._scheduled and self._scheduled[0].cancelled():
            self._drop_cancelled()
        if self._scheduled:
            if self._scheduled[0].when() > self._now_s:
                self._now_s = self._scheduled[0].when()
                self._turns = 0
            return
        sockets = len(self._selector.get_map()) > self._own_sockets
        if not (sockets and self._wait_while(lambda: True, "nothing is due, and no socket brings anything")):
            raise Deadlock(f"nothing is ready and nothing is due; {self._waiting()}")

    def _brought(self, wait_s: float) -> bool:
        """Whether a socket or a thread has brought something; the base class takes it, so that it is taken once."""
        return bool(self._selector.select(wait_s)) or bool(self._ready)

    def _wait_while(self, wanted: Callable[[], bool], complaint: str) -> bool:
        """Wait for real, about ten seconds at most, while it is `wanted`; whether anything was brought."""
        for _ in range(_REAL_WAITS_MAX):
            if not wanted():
                return False
            if self._brought(_REAL_WAIT_S):
                return True
        raise Deadlock(f"{complaint}; {self._waiting()}")

    def _move_due(self) -> None:
        while self._scheduled and (self._scheduled[0].cancelled() or self._scheduled[0].when() <= self._now_s):
            if self._scheduled[0].cancelled():
                self._drop_cancelled()
            else:
                timer = heapq.heappop(self._scheduled)
                timer._scheduled = False  # type: ignore[attr-defined]  # noqa: SLF001 - as the base class does
                self._ready.append(timer)

    def _drop_cancelled(self) -> None:
        self._timer_cancelled_count -= 1
        heapq.heappop(self._scheduled)._scheduled = False  # type: ignore[attr-defined]  # noqa: SLF001

    def _shuffle_tasks(self, shuffle: Callable[[list[asyncio.Handle]], None]) -> None:
        """Permute steps of tasks among their own places: other callbacks (of transports) rely on their order."""
        places = [place for place, handle in enumerate(self._ready) if _is_step(handle)]
        if len(places) > 1:
            steps = [self._ready[place] for place in places]
            shuffle(steps)
            for place, step in zip(places, steps, strict=True):
                self._ready[place] = step

    def _waiting(self) -> str:
        tasks = sorted(asyncio.all_tasks(self), key=lambda task: task.get_name())
        named = ", ".join(f"{task.get_name()} at {_place(task)}" for task in tasks[:_TASKS_NAMED_MAX])
        return f"{len(tasks)} tasks wait: {named}" if tasks else "there are no tasks"


def _is_step(handle: asyncio.Handle) -> bool:
    return isinstance(getattr(handle._callback, "__self__", None), asyncio.Task)  # type: ignore[attr-defined]  # noqa: SLF001


def _place(task: asyncio.Task[Any]) -> str:
    """The innermost line that a task waits on, by file name."""
    waits: Any = task.get_coro()
    place = "its start"
    for _ in range(_AWAITS_FOLLOWED_MAX):
        frame = getattr(waits, "cr_frame", None)
        if frame is None:
            break
        place = f"{PurePath(frame.f_code.co_filename).name}:{frame.f_lineno}"
        waits = waits.cr_await
    return place


class VirtualClock:
    """A `runtime.clock.Clock` that tells the loop's virtual time; wall time begins at `started`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, started: datetime = _STARTED) -> None:
        self._loop = loop
        self._started = to_instant(started)

    def now(self) -> Instant:
        """Wall time."""
        return Instant(self._started + round(self._loop.time() * 1e6))

    def monotonic(self) -> float:
        """Virtual seconds since the loop was made; never steps back."""
        return self._loop.time()

    def step_wall(self, by_s: float) -> None:
        """Somebody sets the wall clock, ahead or back; monotonic time does not notice."""
        self._started = Instant(self._started + round(by_s * 1e6))
