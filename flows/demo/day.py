"""One day, lived: two processes are started, the hub delivers, the ERP misbehaves, and an observer judges the books.

Morning, afternoon and evening follow each other when everything has come to rest. In the evening some of the missing
products appear, and their orders must release themselves. `run_demo` is what the command `seamline demo` calls.
"""

from __future__ import annotations

import secrets
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import anyio
import msgspec

from connectors.http import Session, outgoing
from flows.demo.observer import judge
from flows.demo.screen import View, show_addresses, show_summary, view
from flows.demo.sender import IN_FLIGHT_MAX, Sender
from flows.demo.settings import Keys
from flows.demo.summary import Pace, Summary, pace, summarised
from flows.demo.traffic import ORDERS_MAX, SALES_CHANNELS, Day, Part, day
from flows.demo.world import DemoFailed, World, running_world

INTERRUPTED = 130
"""The exit status when a signal ends the day early."""

_REQUEST_TIMEOUT_S = 30.0
_POLL_S = 0.15
_WATCH_EVERY_S = 0.5
_QUIET_LOOKS = 3
_REST_WITHIN_S, _REST_WITHIN_S_PER_ORDER = 60.0, 0.05
_BUSY = (
    "seamline_channel_depth",
    "seamline_channel_behind",
    "seamline_channel_busy_keys",
    "seamline_calls_in_flight",
    "seamline_calls_waiting",
    "seamline_outcomes_open",
)
"""Gauges of Seamline that are all there, and all 0, when nothing is under way."""
_SYNCS = "seamline_catalogue_syncs_total"


def run_demo(*, seed: int, count: int, keep: bool, as_json: bool) -> int:
    """Live a day of `count` orders and return the exit status: 0 only if the observer finds nothing.

    `keep` leaves both processes up afterwards, until a signal. `as_json` prints the summary as one object on stdout.
    Raises SeamlineError when the day cannot be lived, or does not come to rest in time. Unless the day went well, logs
    and store are left where a last line on stderr says.
    """
    try:
        today = day(seed, count)
    except ValueError as error:
        raise DemoFailed(str(error)) from None
    directory = Path(tempfile.mkdtemp(prefix="seamline-demo-"))
    status = 1
    try:
        status = anyio.run(_lived, today, seed, keep, as_json, directory)
    except BaseExceptionGroup as group:
        failed = _failure_in(group)
        raise failed or group from None
    finally:
        if status == 1:
            print(f"logs and store are left in {directory}", file=sys.stderr)
        else:
            shutil.rmtree(directory)
    return status


async def _lived(today: Day, seed: int, keep: bool, as_json: bool, directory: Path) -> int:
    """The exit status. The processes are gone in any case."""
    status = INTERRUPTED
    async with anyio.create_task_group() as tasks:
        signals = _Signals(tasks.cancel_scope)
        tasks.start_soon(signals.listen)
        keys = Keys(intake=secrets.token_hex(16), control=secrets.token_hex(16), fulfil=secrets.token_hex(16))
        async with (
            outgoing(
                connections_max=IN_FLIGHT_MAX + 2, connect_timeout_s=5.0, request_timeout_s=_REQUEST_TIMEOUT_S
            ) as session,
            running_world(session, today, seed=seed, keys=keys, directory=directory) as world,
        ):
            summary = await _Living(world, session, today).day(seed)
            if keep:
                _show(summary, as_json=as_json)
                show_addresses(world)
                await signals.wait()
            ended = {process.name: await process.stop() for process in reversed(world.processes)}
            summary = msgspec.structs.replace(summary, ended=ended)
            if not keep:
                _show(summary, as_json=as_json)
            status = 0 if summary.good else 1
        tasks.cancel_scope.cancel()
    return status


def _show(summary: Summary, *, as_json: bool) -> None:
    if as_json:
        shown = {"good": summary.good, **msgspec.to_builtins(summary)}
        sys.stdout.write(msgspec.json.encode(shown).decode() + "\n")
        sys.stdout.flush()
    else:
        show_summary(summary)


class _Signals:
    """SIGINT and SIGTERM: they end the day early or, once it is over, the looking around."""

    def __init__(self, scope: anyio.CancelScope) -> None:
        self._scope = scope
        self._over: anyio.Event | None = None

    async def listen(self) -> None:
        """Obey every signal, for ever."""
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
            async for _ in received:
                if self._over is None:
                    self._scope.cancel()
                else:
                    self._over.set()

    async def wait(self) -> None:
        """From now on a signal ends only this waiting."""
        self._over = anyio.Event()
        await self._over.wait()


class _Living:
    """One day in a running world."""

    def __init__(self, world: World, session: Session, today: Day) -> None:
        self._world, self._today = world, today
        self._sender = Sender(session, world.intake_url, world.keys.intake)
        self._rest_within_s = _REST_WITHIN_S + _REST_WITHIN_S_PER_ORDER * len(today.expected)

    async def day(self, seed: int) -> Summary:
        """Live it, ask everybody, and judge."""
        world, today, began = self._world, self._today, anyio.current_time()
        sold = sum(each.sale is not None for each in today.expected)
        with view(len(today.deliveries), sold) as screen:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._watch, screen)
                morning = await self._parts(screen)
                tasks.cancel_scope.cancel()
            screen.says("asking Seamline for its lists, and the observer for the verdict")
            books, metrics = await world.books(sales=True), await world.metrics()
            screen.shows(self._sender.sent.deliveries, books.sales_count)
            return summarised(
                seed,
                today,
                self._sender.sent,
                orders=await world.command("orders", "list", "--limit", str(ORDERS_MAX)),
                holds=await world.command("holds", "--limit", str(ORDERS_MAX)),
                books=books,
                metrics=metrics,
                digest=await world.digest(),
                findings=judge(
                    today.expected,
                    self._sender.sent.acknowledged,
                    books,
                    {each.id: each.name for each in SALES_CHANNELS},
                ),
                morning=morning,
                wall_s=anyio.current_time() - began,
            )

    async def _parts(self, screen: View) -> Pace:
        """Morning, afternoon, evening; returns the pace of the morning."""
        world, today = self._world, self._today
        screen.says("morning: the orders of the day, while the ERP misbehaves")
        began = anyio.current_time()
        await self._sender.send(today.of(Part.MORNING))
        rested = await self._rest("the morning")
        morning = pace((await world.books(sales=False)).sales_count, rested - began, await world.metrics())
        screen.says("afternoon: repeats, orders that were stuck, edits and cancels of orders long imported")
        await self._sender.send(today.of(Part.AFTERNOON))
        await self._rest("the afternoon")
        screen.says(f"evening: {len(today.arriving_skus)} of the missing products appear in the ERP")
        await world.add_products(today.arriving_skus)
        await self._synced()
        await self._rest("the evening")
        return morning

    async def _watch(self, screen: View) -> None:
        """Keep the view up to date, and notice a process that has gone."""
        while True:
            books = await self._world.books(sales=False)
            screen.shows(self._sender.sent.deliveries, books.sales_count)
            await anyio.sleep(_WATCH_EVERY_S)

    async def _synced(self) -> None:
        """Return when a sync of the catalogue that began after now is complete: the second one from now."""
        wanted = (await self._world.metrics()).total(_SYNCS) + 2
        with anyio.move_on_after(self._rest_within_s):
            while (await self._world.metrics()).total(_SYNCS) < wanted:
                await anyio.sleep(_POLL_S)
            return
        raise DemoFailed(f"Seamline read no products for {self._rest_within_s:.0f} s; see its log")

    async def _rest(self, part: str) -> float:
        """When everything had come to rest: the books are still, and nothing is under way in Seamline, for some looks
        in a row. Raises DemoFailed with what is still under way when that does not happen in time.
        """
        before, looks, since, busy = None, 0, 0.0, ["nothing yet"]
        with anyio.move_on_after(self._rest_within_s):
            while looks < _QUIET_LOOKS:
                at = anyio.current_time()
                metrics, books = await self._world.metrics(), await self._world.books(sales=False)
                busy = [name for name in _BUSY if metrics.total(name) or not metrics.has(name)]
                found = (books.sales_count, books.create_order, books.lookups)
                if busy or found != before:
                    before, looks, since = found, 0, at
                looks += not busy
                await anyio.sleep(_POLL_S)
            return since
        raise DemoFailed(
            f"{part} did not come to rest within {self._rest_within_s:.0f} s of its last delivery; "
            f"still under way: {', '.join(busy) or 'the books'}"
        )


def _failure_in(group: BaseExceptionGroup[BaseException]) -> DemoFailed | None:
    """The first failure in a group, however deep."""
    for error in group.exceptions:
        found = _failure_in(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, DemoFailed):
            return found
    return None
