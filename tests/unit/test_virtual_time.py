"""The loop with virtual time: it jumps, keeps order, shuffles by seed, waits for threads, and says when it is stuck."""

from __future__ import annotations

import asyncio
import functools
import math
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import anyio
import anyio.abc
import anyio.lowlevel
import anyio.to_thread
import pytest

from runtime.clock import to_datetime
from runtime.testing.virtual_time import Deadlock, VirtualClock, VirtualLoop

DAY_S = 86_400.0


def run(main: Callable[[], Awaitable[Any]], seed: int | None = None) -> Any:
    return anyio.run(main, backend_options={"loop_factory": functools.partial(VirtualLoop, seed)})


def clock() -> VirtualClock:
    return VirtualClock(asyncio.get_running_loop())


def test_a_day_of_timers_takes_well_under_a_second() -> None:
    """A task that wakes every ten seconds for 24 hours, and time that is exactly a day later."""

    async def main() -> tuple[int, float]:
        turns = 0
        while clock().monotonic() < DAY_S:
            await anyio.sleep(10)
            turns += 1
        return turns, clock().monotonic()

    began = time.perf_counter()
    assert run(main) == (8_640, DAY_S)
    assert time.perf_counter() - began < 5.0, "about 0.3 s where it was written; the rest is for a busy machine"


def test_timers_fire_in_order_at_exactly_their_time() -> None:
    """Never early by a rounding, never late."""

    async def main() -> list[tuple[float, float]]:
        fired: list[tuple[float, float]] = []

        async def sleeper(delay_s: float) -> None:
            await anyio.sleep(delay_s)
            fired.append((delay_s, clock().monotonic()))

        async with anyio.create_task_group() as tasks:
            for delay_s in (3.0, 0.1, 2.0, 1e-6, 0.1 + 1e-12, 3_600.0):
                tasks.start_soon(sleeper, delay_s)
        return fired

    fired = run(main)
    assert [delay for delay, _ in fired] == sorted(delay for delay, _ in fired)
    assert all(at == delay for delay, at in fired)


def test_a_timer_that_is_due_within_the_rounding_of_a_clock_is_not_early() -> None:
    """Sleeping until a moment ends at that moment, so a loop that waits for it cannot spin."""

    async def main() -> None:
        await anyio.sleep(80_000.1)
        until = math.nextafter(clock().monotonic(), math.inf)
        turns = 0
        while clock().monotonic() < until:
            await anyio.sleep(until - clock().monotonic())
            turns += 1
        assert turns == 1

    run(main)


def test_timeouts_are_virtual_too() -> None:
    """`fail_after` and `move_on_after` end at their virtual deadlines, and cancelled timers are forgotten."""

    async def main() -> None:
        with anyio.move_on_after(3_600) as scope:
            await anyio.sleep_forever()
        assert scope.cancelled_caught
        assert clock().monotonic() == 3_600
        with pytest.raises(TimeoutError):
            with anyio.fail_after(5):
                await anyio.sleep(6)
        for _ in range(500):
            with anyio.fail_after(DAY_S):
                await anyio.sleep(0.001)
        assert clock().monotonic() == pytest.approx(3_605.5)

    run(main)


def test_the_clock_tells_wall_and_monotonic_time() -> None:
    """Wall time begins where it is told; setting it moves only itself."""

    async def main() -> None:
        virtual = VirtualClock(asyncio.get_running_loop(), datetime(2026, 3, 29, 0, 59, tzinfo=UTC))
        await anyio.sleep(90.5)
        assert to_datetime(virtual.now()) == datetime(2026, 3, 29, 1, 0, 30, 500_000, tzinfo=UTC)
        virtual.step_wall(-3_600)
        assert to_datetime(virtual.now()) == datetime(2026, 3, 29, 0, 0, 30, 500_000, tzinfo=UTC)
        assert virtual.monotonic() == 90.5

    run(main)


async def _race() -> list[str]:
    order: list[str] = []
    some_at_once = anyio.Event()

    async def runner(name: str) -> None:
        await some_at_once.wait()
        for step in range(3):
            order.append(f"{name}{step}")
            await anyio.sleep(step)

    async with anyio.create_task_group() as tasks:
        for name in "abcdef":
            tasks.start_soon(runner, name)
        await anyio.sleep(1)
        some_at_once.set()
    return order


def test_a_seed_shuffles_what_is_ready_at_once_and_repeats_itself() -> None:
    """The same seed gives the same story; different seeds explore different ones; none is as without a seed."""
    stories = {seed: run(_race, seed) for seed in range(20)}
    assert all(run(_race, seed) == story for seed, story in stories.items())
    assert len({tuple(story) for story in stories.values()}) >= 15
    assert run(_race) == run(_race)
    assert all(sorted(story) == sorted(run(_race)) for story in stories.values())


def test_a_shuffle_leaves_callbacks_of_transports_in_their_order() -> None:
    """Only steps of tasks change places: protocols rely on `call_soon` being first in, first out."""

    async def main() -> list[int]:
        order: list[int] = []
        for number in range(50):
            asyncio.get_running_loop().call_soon(order.append, number)
        await anyio.sleep(1)
        return order

    assert run(main, seed=3) == list(range(50))


def test_when_nothing_can_ever_happen_it_says_who_waits_and_where() -> None:
    """A deadlock is an error with the names of the tasks and the lines they wait on, not a hanging test."""

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.Event().wait, name="the forgotten one")
            await anyio.sleep(DAY_S)

    with pytest.raises(Deadlock, match=r"nothing is due; .*the forgotten one at \w+\.py:\d+"):
        run(main)


def test_when_time_stops_moving_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that yields without end at one instant is a defect that no jump can pass."""
    monkeypatch.setattr("runtime.testing.virtual_time._TURNS_PER_INSTANT_MAX", 10_000)

    async def main() -> None:
        await anyio.sleep(1)
        while True:
            await anyio.lowlevel.checkpoint()

    with pytest.raises(Deadlock, match="something spins"):
        run(main)


def test_time_stands_still_while_an_executor_works() -> None:
    """The timeout of an hour does not fire because a thread needs some milliseconds of real time."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        with anyio.fail_after(3_600):
            await loop.run_in_executor(None, time.sleep, 0.01)
        return loop.time()

    assert run(main) == 0.0


def test_it_waits_for_threads_that_are_declared() -> None:
    """Calls of `anyio.to_thread` are counted by their limiter; so is whatever else can say what it owes."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        threads = anyio.CapacityLimiter(2)
        loop.await_threads(lambda: threads.borrowed_tokens)
        with anyio.fail_after(3_600):
            await anyio.to_thread.run_sync(time.sleep, 0.01, limiter=threads)
        return loop.time()

    assert run(main) == 0.0


def test_a_thread_that_never_answers_is_named_instead_of_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait for real is bounded."""
    monkeypatch.setattr("runtime.testing.virtual_time._REAL_WAITS_MAX", 1)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        stuck = 1
        loop.await_threads(lambda: stuck)
        try:
            await anyio.sleep(1)
        finally:
            stuck = 0

    with pytest.raises(Deadlock, match="a thread is silent; 1 tasks wait"):
        run(main)


def test_a_stranger_at_a_socket_is_waited_for_when_nothing_is_due() -> None:
    """A peer outside the loop needs real time; this one some milliseconds."""

    async def main() -> bytes:
        here, there = socket.socketpair()
        there.setblocking(False)
        with here, there:
            peer = threading.Timer(0.01, here.send, [b"x"])
            peer.start()
            brought = await asyncio.get_running_loop().sock_recv(there, 9)
            peer.join()
        return brought

    assert run(main) == b"x"


def test_sockets_over_loopback_are_served_before_time_jumps() -> None:
    """A request that takes the server an hour is answered an hour later, at once."""

    async def main() -> tuple[bytes, float]:
        async def serve(stream: anyio.abc.SocketStream) -> None:
            async with stream:
                asked = await stream.receive()
                await anyio.sleep(3_600)
                await stream.send(asked.upper())

        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, serve)
            port = listener.extra_attributes[anyio.abc.SocketAttribute.local_port]()
            async with await anyio.connect_tcp("127.0.0.1", port) as stream:
                await stream.send(b"hello")
                with anyio.fail_after(4_000):
                    answer = await stream.receive()
            tasks.cancel_scope.cancel()
        return answer, clock().monotonic()

    assert run(main) == (b"HELLO", 3_600.0)


def test_what_a_callback_has_sent_arrives_before_the_next_timer() -> None:
    """Also when nothing else is ready in that turn: the socket is looked at before time jumps."""

    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        arrived: list[float] = []
        here, there = socket.socketpair()
        with here, there:
            there.setblocking(False)
            loop.add_reader(there, lambda: arrived.append(float(len(there.recv(9))) + loop.time()))
            loop.call_later(60, here.send, b"x")
            await anyio.sleep(3_600)
            loop.remove_reader(there)
        return arrived

    assert run(main) == [61.0]


def test_a_callback_can_take_virtual_time() -> None:
    """While it computes nobody else has a turn, so timers are late."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.call_later(1, loop.spend, 5.0)
        await anyio.sleep(2)
        return loop.time()

    assert run(main) == 6.0


def test_what_it_relies_on_inside_the_base_loop_is_there() -> None:
    """A Python that moves these is seen here first."""
    loop = VirtualLoop()
    try:
        for name in ("_ready", "_scheduled", "_selector", "_stopping", "_timer_cancelled_count", "_clock_resolution"):
            assert hasattr(loop, name), name
        assert callable(loop._run_once)
        timer = loop.call_later(1, print)
        assert timer._scheduled  # type: ignore[attr-defined]
    finally:
        loop.close()
