"""One day, lived: three processes are started, three sales channels sell, both vendors misbehave, an observer judges.

Morning, afternoon and evening follow each other when everything has come to rest. In the evening some of the missing
products appear, and their orders must release themselves. `run_demo` is what the command `seamline demo` calls.
"""

from __future__ import annotations

import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import msgspec

from connectors.http import outgoing
from flows.demo.erp import Erp
from flows.demo.hub import ChannelOrder, Hub
from flows.demo.keys import Keys
from flows.demo.ledger import judge_ledger, judge_preview
from flows.demo.money import Said, closable, judge_money
from flows.demo.observer import Expected, Finding, canonical_digest, judge, judge_surroundings
from flows.demo.parcels import told, told_whole
from flows.demo.providers import Night, PayoutFile, paid_out
from flows.demo.scrape import Metrics
from flows.demo.screen import View, show_addresses, show_summary, view
from flows.demo.script import Script
from flows.demo.shelves import judge_stock, oversold, told_wrong
from flows.demo.stories import ORDERS_MAX, SALES_CHANNELS, Day, day
from flows.demo.summary import Asked, Pace, Summary, pace, proven, summarised
from flows.demo.world import DemoFailed, World, running_world
from flows.order_importer import NAME as ORDER_IMPORTER
from flows.reading import reading
from flows.reading.closing import unsettled

INTERRUPTED = 130
"""The exit status when a signal ends the day early."""

_REQUEST_TIMEOUT_S = 30.0
_CONNECTIONS_MAX = 24
_POLL_S = 0.15
_WATCH_EVERY_S = 0.5
_QUIET_LOOKS = 3
_TOLD_WITHIN_S, _TOLD_EVERY_S = 60.0, 0.5
_REST_WITHIN_S, _REST_WITHIN_S_PER_ORDER = 60.0, 0.05
_UNDECIDED = ("seamline_channel_depth", "seamline_channel_behind", "seamline_channel_busy_keys")
_BUSY = (
    *_UNDECIDED,
    "seamline_calls_in_flight",
    "seamline_calls_waiting",
    "seamline_outcomes_open",
)
"""Gauges of Seamline that are all there, and all 0, when nothing is under way."""
_NAMES = {each.id: each.name for each in SALES_CHANNELS}
_SYNCS = "seamline_catalogue_syncs_total"


def run_demo(*, seed: int, count: int, keep: bool, as_json: bool) -> int:
    """Live a day of `count` orders and return the exit status: 0 only if the observer finds nothing.

    `keep` leaves all processes up afterwards, until a signal. `as_json` prints the summary as one object on stdout.
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
        status = anyio.run(_lived, today, keep, as_json, directory)
    except BaseExceptionGroup as group:
        failed = _failure_in(group)
        raise failed or group from None
    finally:
        if status == 1:
            print(f"logs and store are left in {directory}", file=sys.stderr)
        else:
            shutil.rmtree(directory)
    return status


async def _lived(today: Day, keep: bool, as_json: bool, directory: Path) -> int:
    """The exit status. The processes are gone in any case."""
    status = INTERRUPTED
    async with anyio.create_task_group() as tasks:
        signals = _Signals(tasks.cancel_scope)
        tasks.start_soon(signals.listen)
        names = msgspec.structs.fields(Keys)
        keys = Keys(**{each.name: secrets.token_hex(16) for each in names})
        async with (
            outgoing(
                connections_max=_CONNECTIONS_MAX, connect_timeout_s=5.0, request_timeout_s=_REQUEST_TIMEOUT_S
            ) as session,
            running_world(session, today, keys=keys, directory=directory) as world,
        ):
            summary = await _Living(world, today).day()
            if keep:
                _show(summary, as_json=as_json)
                show_addresses(world, summary)
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

    def __init__(self, world: World, today: Day) -> None:
        self._world, self._today = world, today
        self._hub = Hub(world.asked, world.hub_url, world.keys)
        self._erp = Erp(world.asked, world.erp_url, world.keys.fulfil)
        self._script = Script(today, self._hub, self._erp)
        self._expected: Sequence[Expected] = ()
        self._night = Night()
        self._imports: list[Any] = []
        self._disagreed: Sequence[Finding] = ()
        self._closable: Collection[str] = ()
        self._metrics = Metrics("")
        self._rest_within_s = _REST_WITHIN_S + _REST_WITHIN_S_PER_ORDER * len(today.planned)

    async def day(self) -> Summary:
        """Live it, ask everybody, and judge."""
        began = anyio.current_time()
        with view(self._today.versions, self._today.sold) as screen:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._watch, screen)
                morning = await self._parts(screen)
                tasks.cancel_scope.cancel()
            screen.says("asking everybody, and the observer for the verdict")
            return await self._judged(screen, morning, began)

    async def _judged(self, screen: View, morning: Pace, began: float) -> Summary:
        """What everybody says of the day that is over, and what the observer finds."""
        world, script = self._world, self._script
        listed: dict[str, Any] = {}

        async def ask(name: str, *command: str) -> None:
            listed[name] = await world.command(*command, "--limit", str(ORDERS_MAX))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, "orders", "orders", "list")
            tasks.start_soon(ask, "holds", "holds")
        books, hub_books = await self._erp.books(sales=True), await self._hub.books(full=True)
        available = await self._erp.available()
        metrics, warehouse = self._metrics + await world.metrics(), await self._erp.warehouse()
        ledger, misbooked = judge_ledger(await self._erp.moves(), self._night.payouts)
        async with reading(world.store) as read:
            waits = msgspec.to_builtins(await unsettled(read, limit=ORDERS_MAX))
        said = Said(imports=self._imports, holds=listed["holds"], unsettled=waits)
        money, unexplained = judge_money(self._night, self._expected, books, ledger, said, self._closable)
        screen.shows(hub_books.deliveries.distinct, books.sales_count)
        expected = self._expected
        figures = {name: of.figures for name, of in hub_books.sales_channels.items()}
        beyond = {name: of.sold_beyond_units for name, of in hub_books.sales_channels.items()}
        units = oversold(expected, available, beyond)
        orders = {name: of.orders for name, of in hub_books.sales_channels.items()}
        shipments, unheard = told(books, orders, _NAMES)
        placed = {name: [each.id for each in of.orders] for name, of in hub_books.sales_channels.items()}
        asked = Asked(
            orders=listed["orders"],
            holds=listed["holds"],
            books=books,
            hub=hub_books,
            warehouse=warehouse,
            metrics=metrics,
            oversold=units,
            told=shipments,
            money=money,
            digests={
                "fulfil": canonical_digest(books),
                "fulfil_with_dates": await self._erp.digest(),
                "sales_channels": await self._hub.digest(),
            },
        )
        return summarised(
            self._today,
            asked,
            findings=(
                *judge(expected, self._hub.acknowledged(hub_books), books, _NAMES),
                *judge_surroundings(expected, placed, msgspec.structs.asdict(script.due), warehouse),
                *judge_stock(expected, available, figures, units),
                *unheard,
                *self._disagreed,
                *misbooked,
                *unexplained,
            ),
            morning=morning,
            wall_s=anyio.current_time() - began,
        )

    async def _parts(self, screen: View) -> Pace:
        """Morning, afternoon, evening; returns the pace of the morning."""
        script = self._script
        screen.says("morning: three sales channels sell, while the ERP and the way to Seamline misbehave")
        began = anyio.current_time()
        await script.rush()
        screen.says("morning: a flow with a mistake in its map; then nothing reaches Seamline, and edits overtake")
        await script.wrong_map()
        await script.stall()
        await script.edit_behind()
        rested = await self._rest("the morning")
        morning = pace((await self._erp.books(sales=False)).sales_count, rested - began, await self._world.metrics())
        screen.says("afternoon: failed runs are recovered; edits, cancels and refunds before the pick, and after it")
        await script.recover()
        await script.begin()
        await script.change()
        screen.says("afternoon: the warehouse picks, packs and ships; two sales channels sell the same last pieces")
        await script.ship()
        await script.meddle()
        await script.race()
        await self._rest("the afternoon")
        await self._told(self._today.scarce_skus)
        arriving = len(self._today.arriving_skus)
        screen.says(
            f"evening: {arriving} of the missing products appear; the rest of some orders leaves; a last delivery"
        )
        await script.arrive()
        await script.send_on()
        await script.oversell()
        await script.deliver()
        self._expected, taken = await script.ended()
        self._night = paid_out(self._today.seed, taken, datetime.now(UTC).date())
        screen.says("evening: the providers' payouts are imported, while the ERP's last changes are read")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._paid_out)
            await self._synced()
        await self._rest("the evening")
        screen.says("evening: every sales channel's figures are compared with the ERP's")
        await self._told(None)
        screen.says("evening: every sales channel says which shipments it knows of")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._previewed)
            await self._heard()
        self._metrics = await self._world.metrics()
        if self._disagreed:
            return morning  # and nothing is posted
        screen.says("night: finance agrees with what would be posted, and switches it on; Seamline starts again")
        await self._world.restart(postings="live")
        await self._closed()
        return morning

    async def _previewed(self) -> None:
        """Finance looks at what would be posted."""
        preview = await self._world.command("postings", "preview")
        self._disagreed = judge_preview(preview["lines"], self._night.payouts)

    async def _paid_out(self) -> None:
        """Import every file, once every order is decided on, so that each line finds its own."""
        while True:
            metrics = await self._world.metrics()
            if not any(metrics.total(name, channel=ORDER_IMPORTER) for name in _UNDECIDED):
                break
            await anyio.sleep(_POLL_S)
        async with anyio.create_task_group() as tasks:
            for file in self._night.files:
                tasks.start_soon(self._imported, file)

    async def _imported(self, file: PayoutFile) -> None:
        """Import a file of payouts as a person does who has downloaded it."""
        path = self._world.directory / file.name
        path.write_bytes(file.content)
        bank = () if file.bank is None else ("--bank-amount", f"{file.bank:.2f}")
        command = ("payouts", "import", str(path), "--sales-channel", file.sales_channel, *bank)
        self._imports.append(await self._world.command(*command, ended_with=(0, 1)))

    async def _closed(self) -> None:
        """Return when the ledger has all that was paid out, and every order is settled of which nothing is left to do,
        or that takes too long: then the observer says so.
        """
        books, orders = await self._erp.books(sales=True), await self._orders()
        self._closable = closable(self._expected, books, told_whole(books, orders, _NAMES), _NAMES, self._night)
        with anyio.move_on_after(_TOLD_WITHIN_S):
            async with reading(self._world.store) as read:
                while True:
                    _, findings = judge_ledger(await self._erp.moves(), self._night.payouts)
                    waits = {row.key for row in await unsettled(read, limit=ORDERS_MAX)}
                    if not findings and waits.isdisjoint(self._closable):
                        return
                    await anyio.sleep(_POLL_S)

    async def _told(self, skus: Collection[str] | None) -> None:
        """Return when every sales channel shows what it may sell of these SKUs (None: of all), or that takes too long:
        then the observer says so.
        """
        with anyio.move_on_after(_TOLD_WITHIN_S):
            while True:
                available = await self._erp.available()
                some = {sku: left for sku, left in available.items() if skus is None or sku in skus}
                figures = {each.name: await self._hub.figures(each.name) for each in SALES_CHANNELS}
                if not any(told_wrong(self._expected, some, figures)):
                    return
                await anyio.sleep(_TOLD_EVERY_S)

    async def _heard(self) -> None:
        """Return when every shipment that has left is told, and proven told, or that takes too long: then the observer
        says so, or the summary.
        """
        with anyio.move_on_after(_TOLD_WITHIN_S):
            while True:
                shipments, findings = told(await self._erp.books(sales=True), await self._orders(), _NAMES)
                await self._hub.prove()
                await self._hub.settle()
                if not findings and proven(await self._world.metrics()) >= shipments.told:
                    return
                await anyio.sleep(_TOLD_EVERY_S)

    async def _orders(self) -> Mapping[str, Sequence[ChannelOrder]]:
        """Every sales channel's own orders."""
        return {name: of.orders for name, of in (await self._hub.books(full=True)).sales_channels.items()}

    async def _watch(self, screen: View) -> None:
        """Keep the view up to date, and notice a process that has gone."""
        while True:
            books, hub_books = await self._erp.books(sales=False), await self._hub.books(full=False)
            screen.shows(hub_books.deliveries.distinct, books.sales_count)
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
                metrics, books = await self._world.metrics(), await self._erp.books(sales=False)
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
