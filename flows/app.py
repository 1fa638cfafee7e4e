"""The composition root: the one place where everything is constructed and wired, started and stopped.

What talks to whom is readable here from top to bottom; how each part works is in its own room. The order of stopping is
written down in `runtime/docs/spec/shutdown.md`.
"""

from __future__ import annotations

import gc
import signal
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from importlib.metadata import version as version_of
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import aiohttp
import anyio

from connectors.http import Session, outgoing
from connectors.patchworks.fulfilments import FulfilmentPage
from connectors.patchworks.listings import ListingPage
from connectors.patchworks.manifests import ManifestPage
from connectors.patchworks.stock_manifests import StockPage
from flows import events as business_events
from flows.actors import (
    company_zone,
    engine_of,
    flow_targets,
    places_of,
    posting_rules,
    stock_settings,
    told_channels,
)
from flows.backfill import NAME as BACKFILL
from flows.backfill import ask as ask_for_backfill
from flows.catalogue import KEY as CATALOGUE_KEY
from flows.catalogue import NAME as CATALOGUE
from flows.catalogue import Catalogue, Sync
from flows.catalogue_refresh import NAME as CATALOGUE_REFRESH
from flows.config import Config
from flows.customers import NAME as CUSTOMERS
from flows.desk import NAME as DESK
from flows.doors import Doors, public_routes
from flows.first_messages import at_each_beat, first_messages
from flows.forecast import Forecast
from flows.fulfilment_watcher import NAME as FULFILMENT_WATCHER
from flows.fulfilment_watcher import ORDERS as ORDER_FULFILMENTS
from flows.fulfilment_watcher import (
    FulfilmentPageReceived,
    Watch,
    told_key,
    watch_key,
    watched_models,
)
from flows.gauges import register_gauges
from flows.hints import Hints
from flows.ledger.asking import post_now
from flows.listings import NAME as LISTINGS
from flows.listings import PageReceived as ListingPageReceived
from flows.listings import key_of as listings_key_of
from flows.manifests import NAME as MANIFESTS
from flows.manifests import PageReceived
from flows.manifests import key_of as manifest_key_of
from flows.model.audit import recorded, who_and_why
from flows.model.messages import AUDIT_LOG, MISSING_ORDERS
from flows.model.outgoing import FLOW_STARTS
from flows.model.postings import LEDGER, LEDGER_CHECKS, LEDGER_MONTHS, POSTING_MAPPER
from flows.model.reconciliation import SALE_CHECKS
from flows.model.runs import RUN_FOLLOWER
from flows.model.schema import ORDERS
from flows.model.skus import SkuIndex
from flows.model.stock import STOCK_READER, ReadProducts, place_key
from flows.order_importer import NAME as ORDER_IMPORTER
from flows.order_importer import OrderImporter
from flows.order_importer.asking import link_order, patch_order
from flows.order_poll import NAME as ORDER_POLL
from flows.outside import outsides_of
from flows.payment_mapper import NAME as PAYMENT_MAPPER
from flows.payment_mapper import RECORDER as PAYMENT_RECORDER
from flows.payout_importer import NAME as PAYOUT_IMPORTER
from flows.payout_importer.asking import drop_payout, take_payout_page
from flows.pulling import fulfilments_read_by
from flows.pulse import Pulse
from flows.reconciler import CLOSING, COSTS, RECONCILER, STATEMENTS
from flows.release import NAME as CAUSE_RELEASES
from flows.release import paused, release, release_cause
from flows.restored import agree, refuse_what_waits
from flows.run_recovery import NAME as RUN_RECOVERY
from flows.sku_aliases import KEY as ALIASES_KEY
from flows.sku_aliases import NAME as SKU_ALIASES
from flows.sku_aliases import decide_on_alias
from flows.standing import Standing
from flows.stock.backlog import NAME as STOCK_BACKLOG
from flows.stock.drift import NAME as STOCK_DRIFT
from flows.stock.drift import StockReported
from flows.stock.drift import key_of as drift_key_of
from flows.stock.moves import KEY as MOVES_KEY
from flows.stock.moves import NAME as STOCK_MOVES
from flows.stock.moves import ReadMoves
from flows.stock.publisher import NAME as STOCK_PUBLISHER
from flows.stock.pull import StockPull, locations_of
from flows.stock.sightings import NAME as STOCK_SIGHTINGS
from flows.stock.standing import StockStanding
from flows.stock.unsettled import Unsettled
from flows.suspense_clearing import KEY as SUSPENSE_KEY
from flows.suspense_clearing import NAME as SUSPENSE_CLEARING
from flows.suspense_clearing import clear_suspense
from runtime.clock import Clock, SystemClock
from runtime.config import fingerprint, load
from runtime.delivery import Delivery, Receipt
from runtime.engine import Engine, Scope
from runtime.errors import SeamlineError, Stop, told
from runtime.exporter import Exporter
from runtime.http import Control, Limits, Listener, application, ops_app
from runtime.journal.journal import Journal, opened
from runtime.journal.upkeep import run_upkeep
from runtime.schedule import Interval
from runtime.supervisor import Supervisor
from runtime.telemetry import events as runtime_events
from runtime.telemetry.event import declared_in
from runtime.telemetry.export import Post
from runtime.telemetry.logs import LogLines, libraries_bridged, to_stream
from runtime.telemetry.metrics import Telemetry

VERSION = version_of("seamline")
_RETRY_AFTER_WHILE_STOPPING_S = 10.0
_RETRY_AFTER_WHILE_FULL_S = 30.0
_LAG_EVERY_S = 0.25
_STOCK_APART_S = 1.0
"""A SKU that changes a hundred times in a second is published once."""
_GIL_SWITCH_S = 0.0005
"""How long a thread that has work waits for the interpreter. At Python's 5 ms the journal's thread waits longer for the
busy event loop than for the disk, several times a commit, and every order waits with it.
"""
_GC_THRESHOLDS = (50_000, 20, 50)
"""An order makes hundreds of short-lived objects and no cycles: looking for those less often saves CPU."""
_RELEASING = (
    *(ORDER_IMPORTER, RUN_RECOVERY, ORDER_POLL, MANIFESTS, MISSING_ORDERS, LISTINGS, FLOW_STARTS),
    *(CUSTOMERS, STOCK_DRIFT, FULFILMENT_WATCHER, ORDER_FULFILMENTS, PAYMENT_MAPPER, PAYMENT_RECORDER, PAYOUT_IMPORTER),
    *(LEDGER, LEDGER_CHECKS, SALE_CHECKS),
)
"""Actors with something that a person can have decided on again, the one that comes first for a key."""
_OF_MONEY = ("suspense", "payout", "payout_drop", "postings")
_COMMANDS = ("pause", "resume", "release", "release_cause", "alias", "patch", "link", "backfill", "agree", *_OF_MONEY)


class App:
    """One running Seamline. `accepting` is what readiness and intake look at."""

    def __init__(
        self,
        config: Config,
        journal: Journal,
        engine: Engine,
        index: SkuIndex,
        forecast: Forecast,
        telemetry: Telemetry,
    ) -> None:
        self.config, self.journal, self.engine, self.telemetry = config, journal, engine, telemetry
        self.index, self.forecast = index, forecast
        recorded = config.sales_channels if config.payments is not None else ()
        posted = config.sales_channels if config.postings is not None else ()
        self.standing = Standing(journal, told_channels(config), recorded, posted)
        self.stock_standing = StockStanding(list(stock_settings(config)), journal)
        unsettled = Unsettled(config.sales_channels, index, journal)
        self.stock_pull = StockPull(locations_of(stock_settings(config)), unsettled, journal)
        looks = {"product.product": partial(engine.post, CATALOGUE, CATALOGUE_KEY, Sync())}
        if told_channels(config):
            for model, kind in watched_models().items():
                looks[model] = partial(engine.post, FULFILMENT_WATCHER, watch_key(kind), Watch())
        if STOCK_MOVES in engine.channels:
            looks["stock.move"] = partial(engine.post, STOCK_MOVES, MOVES_KEY, ReadMoves())
        places = places_of(stock_settings(config))

        async def read_levels(products: Sequence[int]) -> None:
            for place in places:
                await engine.post(STOCK_READER, place_key(place), ReadProducts(products=tuple(products)))

        self.hints = Hints(looks, read_levels if places else None)
        self.accepting = False
        self.intake_url = self.ops_url = ""

    async def accept(self, deliveries: Sequence[Delivery]) -> Sequence[Receipt]:
        """What intake calls: durable, then handed to the order importer."""
        return await self.engine.accept(deliveries, ORDER_IMPORTER)

    async def take_manifest(self, page: ManifestPage) -> None:
        """What the manifests' route calls: durable, then compared."""
        await self.engine.post(MANIFESTS, manifest_key_of(page), PageReceived(page=page))

    async def take_listings(self, page: ListingPage) -> None:
        """The same for what a sales channel offers."""
        await self.engine.post(LISTINGS, listings_key_of(page.sales_channel), ListingPageReceived(page=page))

    async def take_stock(self, page: StockPage) -> None:
        """The same for what stock it shows."""
        await self.engine.post(STOCK_DRIFT, drift_key_of(page.sales_channel), StockReported(page=page))

    async def take_fulfilments(self, page: FulfilmentPage) -> None:
        """The same for what a sales channel was told."""
        await self.engine.post(FULFILMENT_WATCHER, told_key(page.sales_channel), FulfilmentPageReceived(page=page))

    def pressure(self) -> float | None:
        """Seconds that a sender should wait before it tries again; None when there is room."""
        if not self.accepting:
            return _RETRY_AFTER_WHILE_STOPPING_S
        return _RETRY_AFTER_WHILE_FULL_S if self.journal.full is not None else None

    def checks(self) -> Mapping[str, Callable[[], tuple[bool, str]]]:
        """Readiness: whether orders can be accepted. Never whether Fulfil is up."""
        return {
            "accepting": lambda: (self.accepting, "orders are accepted" if self.accepting else "starting or stopping"),
            "store": lambda: (self.journal.full is None, str(self.journal.full or "there is room")),
        }

    async def control(self, command: str, parameters: Mapping[str, str]) -> str:
        """Obey an operator. Raises SeamlineError with the reason when the command makes no sense."""
        name = parameters.get("name", "")
        scope: Scope = "actor" if parameters.get("scope") == "actor" else "partition"
        if command == "release":
            return await release(parameters, self.engine, self.journal, _RELEASING)
        if command == "release_cause":
            return await release_cause(parameters, self.engine, self.journal, ORDER_IMPORTER)
        if command == "agree":
            posted = self.config.sales_channels if self.config.postings is not None else ()
            return await agree(parameters, self.engine, posted)
        if command in ("patch", "link"):
            return await self._ask_of_order(command, parameters)
        if command == "alias":
            to_aliases = partial(self.engine.post, SKU_ALIASES, ALIASES_KEY)
            return await decide_on_alias(parameters, self.index, self.journal, to_aliases)
        if command == "backfill":
            to_backfill = partial(self.engine.post, BACKFILL)
            return await ask_for_backfill(to_backfill, self.journal, self.config.on_demand, parameters)
        if command in _OF_MONEY:
            return await self._ask_of_money(command, parameters)
        if command == "resume":
            await refuse_what_waits(scope, name, self.journal)
        known = self.engine.channels if scope == "actor" else self.config.sales_channels
        if name not in known:
            called = "actor" if scope == "actor" else "sales channel"
            raise SeamlineError(f"there is no {called} {name!r}; there are {', '.join(sorted(known))}")
        by, reason = who_and_why(parameters)
        now = self.journal.clock.now()
        record = recorded(now, by=by, action=command, subject=name, values={"scope": scope}, reason=reason)
        await (self.engine.pause if command == "pause" else self.engine.resume)(scope, name, by, (record,))
        await self.standing.look()
        await self.forecast.look()
        return f"{name} is {'paused' if command == 'pause' else 'going on'}"

    async def _ask_of_money(self, command: str, parameters: Mapping[str, str]) -> str:
        """What finance asks."""
        now, there = self.journal.clock.now(), self.config.sales_channels
        if command == "suspense":
            zone = ZoneInfo(company_zone(self.config))
            post = partial(self.engine.post, SUSPENSE_CLEARING, SUSPENSE_KEY)
            return await clear_suspense(parameters, zone, there, self.journal, post)
        if command == "postings":
            postings = self.config.postings
            rules = None if postings is None else posting_rules(self.config.fulfil, postings)
            return await post_now(self.engine.post_all, parameters, there, rules, self.journal.query, now)
        if command == "payout_drop":
            return await drop_payout(self.engine.post_all, parameters, self.journal)
        return await take_payout_page(self.engine.post_all, parameters, there, now)

    async def _ask_of_order(self, command: str, parameters: Mapping[str, str]) -> str:
        """What a person asks of one order; while it is paused, it waits like everything else of that order."""
        key = parameters.get("key", "")
        importer = cast("OrderImporter", self.engine.loops[ORDER_IMPORTER].actor)
        post = partial(self.engine.post, ORDER_IMPORTER, key)
        asked = patch_order if command == "patch" else link_order
        said = await asked(parameters, importer, self.journal, post, lambda each: self.engine.post_all((each,)))
        when = paused(key, self.engine, ORDER_IMPORTER)
        return f"{said} ({when})" if when and not parameters.get("dry_run") else said


def run_process(path: Path) -> None:
    """`seamline run`: load the configuration, run until a signal, exit with the status that says why.

    Raises the Stop that ended it, and SystemExit with 70 after the trace of an error that nobody has foreseen.
    """
    config = load(path, Config)
    sys.setswitchinterval(_GIL_SWITCH_S)
    try:
        anyio.run(run, config, SystemClock(), backend_options={"use_uvloop": _has_uvloop()})
    except Stop:
        raise
    except Exception:  # noqa: BLE001 - it has been told as an event, and its status is that of the event
        traceback.print_exc()
        raise SystemExit(Stop.exit_status) from None


async def run(config: Config, clock: Clock, on_ready: Callable[[App], None] = lambda _app: None) -> None:
    """The whole life of a process. Raises the Stop that ended it, when it was not a signal."""
    began = clock.monotonic()
    telemetry = telemetry_of(config, clock)
    status, reason = 0, "drained after a signal"
    try:
        with libraries_bridged(telemetry.emit):
            async with composed(config, clock, telemetry) as app:
                started = runtime_events.ProcessStarted(
                    version=VERSION,
                    epoch=app.journal.epoch,
                    ready_seconds=clock.monotonic() - began,
                    listening=f"intake {app.intake_url}, ops {app.ops_url}",
                )
                telemetry.emit(started)
                on_ready(app)
                await _until_signal(app)
    except BaseException as error:
        stop = _stop_in(error)
        if stop is None:
            status, reason = Stop.exit_status, told(error)
            raise
        status, reason = stop.exit_status, str(stop)
        raise stop from None
    finally:
        telemetry.emit(runtime_events.ProcessStopped(exit_status=status, reason=reason))


def telemetry_of(config: Config, clock: Clock) -> Telemetry:
    """Metrics and logs as configured, for every event there is."""
    settings = config.telemetry
    log = LogLines(clock, to_stream(sys.stderr.fileno()), level=settings.log_level, form=settings.log_format)
    events = (*declared_in(runtime_events), *declared_in(business_events))
    telemetry = Telemetry(
        events,
        version=VERSION,
        log=log,
        known={
            "partition": (*config.sales_channels, ""),
            "sales_channel": config.sales_channels,
            "api": ("fulfil", "patchworks", "patchworks_callbacks"),
            "actor": (
                *(
                    ORDER_IMPORTER,
                    CATALOGUE,
                    CATALOGUE_REFRESH,
                    SKU_ALIASES,
                    AUDIT_LOG,
                    CAUSE_RELEASES,
                    DESK,
                    CUSTOMERS,
                ),
                *(RUN_RECOVERY, ORDER_POLL, MANIFESTS, MISSING_ORDERS, BACKFILL, LISTINGS),
                *(FLOW_STARTS, RUN_FOLLOWER, FULFILMENT_WATCHER, ORDER_FULFILMENTS),
                *(PAYMENT_MAPPER, PAYMENT_RECORDER, PAYOUT_IMPORTER, POSTING_MAPPER),
                *(LEDGER, LEDGER_CHECKS, LEDGER_MONTHS),
                *(STATEMENTS, RECONCILER, SALE_CHECKS, CLOSING, COSTS),
                *(STOCK_MOVES, STOCK_READER, STOCK_SIGHTINGS, STOCK_PUBLISHER, STOCK_BACKLOG, STOCK_DRIFT),
            ),
            "flow": flow_targets(config),
        },
    )
    fingerprinted = fingerprint(config)[:12]
    telemetry.register_gauge(
        "seamline_config_info",
        "The fingerprint of the configuration, without its secrets.",
        ("config",),
        lambda: [((fingerprinted,), 1.0)],
    )
    return telemetry


@asynccontextmanager
async def composed(config: Config, clock: Clock, telemetry: Telemetry) -> AsyncIterator[App]:
    """Everything constructed, wired and accepting orders, until the block ends: then drained and closed."""
    emit = telemetry.emit
    path = Path(config.store.path)
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(opened(path, clock, emit, (ORDERS,)))
        catalogue = Catalogue(
            SkuIndex(),
            journal,
            page_size=config.fulfil.api.page_size,
            schedule=Interval(config.fulfil.catalogue_every_s),
            overlap=timedelta(seconds=config.fulfil.catalogue_overlap_s),
            emit=emit,
        )
        outsides = await outsides_of(config, stack, clock, emit)
        forecast = Forecast(journal, ORDER_IMPORTER, outsides[0])
        stock_pulse = Pulse(apart_s=_STOCK_APART_S)
        engine = engine_of(config, journal, catalogue, outsides, forecast.counting(emit), stock_pulse)
        forecast.asks(lambda: engine.lanes[outsides[0].api.name].unknown_count)
        app = App(config, journal, engine, catalogue.index, forecast, telemetry)
        register_gauges(telemetry.register_gauge, engine, app.standing, forecast, app.stock_standing)
        supervisor = Supervisor(
            clock,
            on_restart=lambda part, error: emit(runtime_events.Restarted(part=part, reason=told(error))),
            on_silence=lambda part, silent_s: emit(runtime_events.PartSilent(part=part, silent_seconds=silent_s)),
        )
        supervisor.add("journal", journal.writer.run)
        if config.telemetry.otlp_url:
            export_session = await stack.enter_async_context(
                outgoing(connections_max=2, connect_timeout_s=5, request_timeout_s=10)
            )
            post = _poster(export_session, config.telemetry.otlp_url)
            service = {"service.name": "seamline", "service.version": VERSION}
            supervisor.add("exporter", Exporter(journal, post, service, root="order", emit=emit).run)
        await stack.enter_async_context(_running(supervisor))
        await engine.prepare()
        await catalogue.load()
        await engine.post_all(first_messages(config))
        engine.supervise(supervisor)
        supervisor.add("hints", app.hints.run)
        if stock_settings(config):
            stock_pulse.posts(partial(engine.post_all, at_each_beat()))
            supervisor.add("stock pulse", stock_pulse.run)
            supervisor.add("hints of levels", app.hints.run_levels)
            supervisor.add("stock standing", app.stock_standing.run)
        supervisor.add("upkeep", lambda: run_upkeep(journal, path, config.store.room, emit))
        supervisor.add("standing", app.standing.run)
        supervisor.add("forecast", forecast.run)
        supervisor.add("loop lag", lambda: _measure_lag(clock, emit))
        await _listening(app, stack)
        gc.collect()
        gc.freeze()  # what is here now stays; collections need not look at it again
        gc.set_threshold(*_GC_THRESHOLDS)
        app.accepting = True
        try:
            yield app
        finally:
            app.accepting = False
            with anyio.CancelScope(shield=True):
                await engine.drain()


async def _listening(app: App, stack: AsyncExitStack) -> None:
    """Open the private listener first, so that a start can be watched, then the public one."""
    config, emit = app.config, cast("Callable[[object], None]", app.telemetry.emit)
    key = config.ops.control_key
    commands = {name: partial(app.control, name) for name in _COMMANDS}
    ops = ops_app(
        checks=app.checks(),
        notes=lambda: [*app.standing.pauses(), *app.forecast.notes()],
        status=app.forecast.report,
        metrics=app.telemetry.render,
        control=Control(key=key, commands=commands) if key is not None else None,
    )
    ops_listener = await stack.enter_async_context(Listener("ops", config.ops.host, config.ops.port, ops))
    doors = Doors(
        accept=app.accept,
        take_manifest=app.take_manifest,
        take_listings=app.take_listings,
        take_stock=app.take_stock,
        read_stock=app.stock_pull.read,
        take_fulfilments=app.take_fulfilments,
        read_fulfilments=fulfilments_read_by(app.journal),
        hint=app.hints.take,
        pressure=app.pressure,
    )
    routes = public_routes(config, doors, app.journal.clock, emit)
    intake = Listener(
        "intake",
        config.intake.host,
        config.intake.port,
        application(routes),
        limits=Limits(headers_timeout_s=config.intake.headers_timeout_s),
        drain_s=5.0,
    )
    intake_listener = await stack.enter_async_context(intake)
    app.ops_url = f"http://{config.ops.host}:{ops_listener.port}"
    app.intake_url = f"http://{config.intake.host}:{intake_listener.port}"


@asynccontextmanager
async def _running(supervisor: Supervisor) -> AsyncIterator[None]:
    """The supervisor beside the block; a Stop of one of its parts cancels the block and comes out of it.

    What the block raises comes out, too: the parts are cancelled only when everything inside has been closed, because
    something that waits while it closes would be cancelled instead, and the error forgotten.
    """
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(supervisor.run)
        try:
            yield
        finally:
            tasks.cancel_scope.cancel()


async def _until_signal(app: App) -> None:
    """Return on SIGTERM or SIGINT; from then on a second signal gives up waiting for calls in flight."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            app.telemetry.emit(runtime_events.Draining(step=f"signal {signal.Signals(number).name}"))
            break
    app.accepting = False
    signal.signal(signal.SIGTERM, lambda *_: app.engine.hurry())
    signal.signal(signal.SIGINT, lambda *_: app.engine.hurry())


async def _measure_lag(clock: Clock, emit: Callable[[Any], None]) -> None:
    """How late the loop comes back: what every other part waited, too."""
    while True:
        before = clock.monotonic()
        await anyio.sleep(_LAG_EVERY_S)
        emit(runtime_events.LoopLag(seconds=max(0.0, clock.monotonic() - before - _LAG_EVERY_S)))


def _poster(session: Session, url: str) -> Post:
    async def post(body: bytes, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        try:
            async with session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                return answer.status, answer.headers, await answer.read()
        except aiohttp.ClientError as error:
            raise OSError(str(error)) from None

    return post


def _stop_in(error: BaseException) -> Stop | None:
    """The Stop inside an error, however deep task groups have wrapped it."""
    if isinstance(error, Stop):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(_stop_in, error.exceptions)), None)
    return None


def _has_uvloop() -> bool:
    return find_spec("uvloop") is not None
