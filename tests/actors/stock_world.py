"""What publishes stock, in virtual time: the real actors as they are wired in production, between twins of Fulfil and
of Patchworks with its sales channels. The twins keep books; they make no decision for us.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import msgspec

from connectors.contract import Identified
from connectors.fulfil.calls import Read
from connectors.fulfil.changes import Changes, Page
from connectors.fulfil.config import FulfilConfig
from connectors.fulfil.models import Find, Ids
from connectors.fulfil.sales import SALES
from connectors.fulfil.sales import Sale as SaleRow
from connectors.fulfil.stock import STOCK_LEVELS, STOCK_MOVES, StockLevel, StockMove, StockQuestion
from connectors.fulfil.wire import Product
from connectors.patchworks.config import IntakeSettings
from connectors.patchworks.requests import StartFlow
from connectors.patchworks.starts import StartPolicy
from connectors.patchworks.stock_manifests import ReportedLevel, StockPage
from connectors.patchworks.wire import Page as RunsPage
from connectors.patchworks.wire import Run, RunStatus, Started
from flows.actors import engine_of, places_of, stock_settings
from flows.catalogue import Catalogue
from flows.config import Config, FulfilSettings, PatchworksSettings
from flows.demo.orders import GeneratedOrder
from flows.first_messages import at_each_beat, first_messages
from flows.formats import FORMATS
from flows.model.bundles import Bundle
from flows.model.fulfilments import FulfilmentSettings
from flows.model.order import Order
from flows.model.outgoing import FlowTarget
from flows.model.schema import ORDERS
from flows.model.skus import SkuIndex
from flows.model.stock import StockSettings
from flows.model.units import units_of
from flows.order_importer import NAME as ORDER_IMPORTER
from flows.pulse import Pulse
from flows.stock.drift import NAME as STOCK_DRIFT
from flows.stock.drift import StockReported
from flows.stock.drift import key_of as drift_key_of
from runtime.breaker import Breaker
from runtime.budget import Budget
from runtime.clock import to_datetime
from runtime.config import Secret
from runtime.delivery import Delivery, digest
from runtime.engine import Outside
from runtime.errors import Refused
from runtime.journal.journal import Journal, opened
from runtime.lane import LaneConfig
from runtime.retry import RetryPolicy
from runtime.schedule import Interval
from runtime.supervisor import Supervisor
from runtime.testing.virtual_time import VirtualClock
from tests.actors.world import SALES_CHANNELS, SHARES, Fulfil

WAREHOUSE = 4
KINDS: dict[str, type[Any]] = {
    kind.kind: kind.question
    for kind in (STOCK_LEVELS, STOCK_MOVES.changed, SALES.read, SALES.find)
    if isinstance(kind, Read)
}


class StockFulfil(Fulfil):
    """The twin of Fulfil with a warehouse. A sale reserves `processes_after_s` after it was made."""

    def __init__(self, *, products: int = 0, processes_after_s: float = 0.0) -> None:
        super().__init__(products=products)
        self.processes_after_s = processes_after_s
        self.on_hand: dict[int, Decimal] = {}
        self.reserved: Counter[int] = Counter()
        self.moves: dict[int, tuple[int, datetime]] = {}
        self.made_at: dict[int, float] = {}
        self.gone: set[int] = set()
        self.deleted: set[int] = set()
        """Sales that somebody has deleted."""
        self.unknown_locations: set[int] = set()

    def stock(self, sku: str, quantity: str, *, active: bool = True) -> int:
        """Make a product that has so many."""
        product = len(self.products) + 1
        self.products[product] = Product(id=product, code=sku, name=sku, active=active)
        self.on_hand[product] = Decimal(quantity)
        return product

    def count(self, product: int, quantity: str) -> None:
        """Somebody counts it in the warehouse."""
        self.on_hand[product] = Decimal(quantity)
        self.moved(product)

    def moved(self, product: int) -> None:
        """A move is made."""
        now = to_datetime(VirtualClock(asyncio.get_running_loop()).now())
        self.moves[len(self.moves) + 1] = product, now

    async def perform(self, kind: str, body: bytes) -> Any:
        """One call; the stock's as of the middle of it."""
        question = KINDS.get(kind)
        if question is None and kind.startswith("changed_"):
            return Page(rows=(), last_id=0, complete=True)  # nothing is ever shipped here
        if question is None:
            return await super().perform(kind, body)
        self.calls[kind] += 1
        await anyio.sleep(self.takes_s / 2)
        self._process()
        answer = self._answer(msgspec.json.decode(body, type=question))
        await anyio.sleep(self.takes_s / 2)
        return answer

    def _answer(self, asked: StockQuestion | Changes | Ids | Find) -> Any:
        match asked:
            case StockQuestion():
                if unknown := self.unknown_locations.intersection(asked.locations):
                    raise Refused(f"Fulfil has no location {min(unknown)}", code="not_found")
                return self._levels(asked)
            case Changes():
                return self._moves(asked)
            case Ids(ids=ids):
                if not self._there(ids) == set(ids):
                    raise Refused("a record of sale.sale does not exist", code="not_found")
                return tuple(self._sale(id_) for id_ in ids)
            case Find(values=values):
                rows = tuple(self._sale(id_) for id_ in sorted(self._there(values)))
                return Page(rows=rows, last_id=rows[-1].id if rows else 0, complete=len(rows) < asked.limit)

    def _there(self, ids: Sequence[int | str]) -> set[int]:
        """Which of these sales there are."""
        return {sale.id for sale in self.sales.values() if sale.id not in self.deleted}.intersection(map(int, ids))

    def _levels(self, asked: StockQuestion) -> Page[StockLevel]:
        wanted = sorted(id_ for id_ in (asked.products or self.products) if id_ > asked.after_id)
        rows = []
        for id_ in wanted[: asked.limit]:
            product = self.products.get(id_)
            if product is None or id_ in self.gone:
                continue
            on_hand = self.on_hand.get(id_, Decimal(0))
            rows.append(
                StockLevel(
                    id=id_, code=product.code, active=product.active, quantity_on_hand=on_hand,
                    quantity_available=on_hand - self.reserved[id_],
                )
            )  # fmt: skip
        last = wanted[: asked.limit][-1] if wanted else asked.after_id
        return Page(rows=tuple(rows), last_id=last, complete=len(wanted) <= asked.limit)

    def _moves(self, asked: Changes) -> Page[StockMove]:
        rows = []
        for id_, (product, moment) in self.moves.items():
            if id_ > asked.after_id and (asked.since is None or moment >= asked.since):
                rows.append(StockMove(id=id_, product=product, create_date=moment))
            if len(rows) == asked.limit:
                break
        last = rows[-1].id if rows else asked.after_id
        return Page(rows=tuple(rows), last_id=last, complete=len(rows) < asked.limit)

    def _sale(self, id_: int) -> SaleRow:
        processed = id_ in self.made_at and self.made_at[id_] < 0
        return SaleRow(id=id_, state="processing" if processed else "draft", shipments=(id_,) if processed else ())

    def _process(self) -> None:
        """Sales whose time has come reserve what they are of."""
        now = asyncio.get_running_loop().time()
        products = {product.code: id_ for id_, product in self.products.items()}
        for sale in self.sales.values():
            made = self.made_at.setdefault(sale.id, now)
            if made >= 0 and now >= made + self.processes_after_s:
                self.made_at[sale.id] = -1.0
                for line in msgspec.json.decode(sale.body)[1]["sale_lines"]:
                    if line["sku"] in products:
                        quantity = line["quantity"]
                        number = quantity["decimal"] if isinstance(quantity, dict) else quantity
                        self.reserved[products[line["sku"]]] += int(Decimal(number))
                        self.moved(products[line["sku"]])


class Hub:
    """The twin of Patchworks, and what its sales channels show."""

    name = "patchworks"

    def __init__(self, channels: dict[str, str]) -> None:
        self.channels = channels
        self.takes_s = 0.1
        self.runs: list[tuple[str, float]] = []
        self.run_s = 1.0
        self.shows: dict[str, dict[str, int]] = {name: {} for name in channels.values()}
        self.sequences: dict[str, dict[str, int]] = {name: {} for name in channels.values()}
        self.lines: Counter[str] = Counter()
        self.stale = 0
        self.notices: list[Any] = []
        self.starts = 0
        self.told: list[tuple[float, str, str, int, StartFlow]] = []
        self.fails: Callable[[str], bool] = lambda _sku: False
        self.failed: set[str] = set()
        self.unknown: set[str] = set()
        """Flows that there are not."""

    async def perform(self, kind: str, body: bytes) -> Any:
        """One call."""
        await anyio.sleep(self.takes_s)
        now = asyncio.get_running_loop().time()
        if kind == StartFlow.kind:
            start = msgspec.json.decode(body, type=StartFlow)
            if start.flow_id in self.unknown:
                raise Refused("there is no such flow", code="404")
            run = f"run-{len(self.runs) + 1}"
            self.runs.append((run, now))
            self._arrive(start, run, now)
            return Started(run_id=run)
        rows = tuple(
            Run(id=run, status=RunStatus.FAILURE if run in self.failed else RunStatus.SUCCESS)
            for run, at in self.runs[-2_000:]
            if now - at > self.run_s
        )
        return RunsPage(rows=rows, number=1, complete=True)

    async def look(self, kind: str, body: bytes) -> Any:
        """Nothing was lost."""
        raise AssertionError(f"no answer is ever lost here: {kind} {body!r}")

    def _arrive(self, start: StartFlow, run: str, now: float) -> None:
        if start.flow_id not in self.channels:
            self.notices += msgspec.json.decode(start.payload)["fulfilments"]
            return
        channel = self.channels[start.flow_id]
        levels = msgspec.json.decode(start.payload)["levels"]
        self.starts += 1
        if any(self.fails(level["sku"]) for level in levels):
            self.failed.add(run)
            return
        for level in levels:
            self.lines[channel] += 1
            sku = level["sku"]
            self.told.append((now, channel, sku, level["available"], start))
            if level["sequence"] <= self.sequences[channel].get(sku, -1):
                self.stale += 1
                continue
            self.sequences[channel][sku] = level["sequence"]
            self.shows[channel][sku] = level["available"]


class StockWorld:
    """One process of Seamline between both twins. Leaving `process` is a crash."""

    def __init__(
        self, journal: Journal, fulfil: StockFulfil, hub: Hub, config: Config, clock: VirtualClock, rate: float
    ) -> None:
        self.journal, self.fulfil, self.hub, self.config, self.clock = journal, fulfil, hub, config, clock
        self.events: list[Any] = []
        emit = self.events.append
        self.index = SkuIndex()
        self.catalogue = Catalogue(
            self.index, journal, page_size=500, schedule=Interval(60.0), overlap=timedelta(minutes=5), emit=emit
        )
        workers = {"orders": 16, "fulfilments": 2, "stock": 2, "rest": 2}
        lane = LaneConfig(workers_per_share=workers, retry=RetryPolicy(), settle_s=2.0, window=32)
        self.pulse = Pulse(apart_s=1.0)

        def outside(api: Any, limit_per_s: float) -> Outside:
            budget = Budget(clock, SHARES, limit_per_s=limit_per_s, concurrency_max=16, burst=4, rng=random.Random(1))
            return Outside(api=api, lane=lane, budget=budget, breaker=Breaker())

        outsides = [outside(fulfil, rate), outside(hub, 4.0)]
        self.engine = engine_of(config, journal, self.catalogue, outsides, emit, self.pulse)
        self.supervisor = Supervisor(
            clock,
            on_restart=lambda part, error: self.events.append(("restarted", part, repr(error))),
            on_silence=lambda part, silent_s: self.events.append(("silent", part, silent_s)),
            rng=random.Random(1),
        )

    async def begin(self) -> None:
        """What the composition root does at start."""
        await self.engine.prepare()
        await self.catalogue.load()
        await self.engine.post_all(first_messages(self.config))
        if stock_settings(self.config):
            self.pulse.posts(partial(self.engine.post_all, at_each_beat()))
            self.supervisor.add("stock pulse", self.pulse.run)
        self.engine.supervise(self.supervisor)

    async def send(self, *orders: GeneratedOrder, to: str = "web") -> None:
        """Deliver orders in one request, as intake would."""
        deliveries = []
        for each in orders:
            named = FORMATS["shopify"].identify(each.body)
            assert isinstance(named, Identified)
            deliveries.append(
                Delivery(
                    key=f"{to}/{named.order_id}", version=named.version, digest=digest(each.body), body=each.body,
                    received_at=self.clock.now(),
                )
            )  # fmt: skip
        await self.engine.accept(deliveries, ORDER_IMPORTER)

    async def reports(self, channel: str, location: str = "", **levels: int) -> None:
        """The sales channel says what it shows now, in all or at a location."""
        now = to_datetime(self.clock.now())
        rows = tuple(ReportedLevel(sku.replace("_", "-"), quantity, now, location) for sku, quantity in levels.items())
        name = f"m{self.clock.now()}"
        page = StockPage(sales_channel=channel, manifest=name, page=1, pages=1, digest=name, levels=rows, at=now)
        await self.engine.post(STOCK_DRIFT, drift_key_of(channel), StockReported(page=page))

    async def sql(self, query: str, *row: Any) -> list[Any]:
        """Anything that is on disk."""
        return await self.journal.reading.run(lambda connection: connection.execute(query, row).fetchall())

    async def cases(self) -> list[tuple[str, str]]:
        """Open cases: (kind, cause)."""
        return sorted(await self.sql("SELECT kind, cause FROM exception_case WHERE closed_at IS NULL"))

    async def until(self, holds: Callable[[], Any], within_s: float = 3_600.0, look_s: float = 0.25) -> float:
        """Let time pass until something holds; how long it took."""
        began = anyio.current_time()
        with anyio.fail_after(within_s):
            while not await _held(holds()):
                await anyio.sleep(look_s)
        return anyio.current_time() - began

    async def until_shown(self, channel: str = "web", within_s: float = 600.0, **figures: int) -> float:
        """Until the sales channel shows these figures."""
        wanted = {sku.replace("_", "-"): figure for sku, figure in figures.items()}
        shows = self.hub.shows[channel]
        try:
            return await self.until(lambda: wanted.items() <= shows.items(), within_s)
        except TimeoutError:
            raise AssertionError(
                f"{channel} shows { ({sku: shows.get(sku) for sku in wanted}) }, not {wanted}"
            ) from None


async def _held(found: Any) -> Any:
    return await found if isinstance(found, Awaitable) else found


def units_in(order: GeneratedOrder, channel: str = "web") -> dict[str, int]:
    """What an order needs."""
    read = FORMATS["shopify"].read(channel, order.body)
    assert isinstance(read, Order)
    return units_of(read)


def config_of(
    channels: Sequence[str] = ("web",),
    *,
    bundles: dict[str, Bundle] | None = None,
    lines_max: int = 1_000,
    sweep_every_s: float = 86_400.0,
    moves_every_s: float = 10.0,
    told: bool = False,
    **settings: Any,
) -> Config:
    """A configuration in which these sales channels have their stock published, each by a flow of its own. `told`: they
    hear of shipments, as those that subtract their own unshipped units always do.
    """
    sales_channels = {}
    for number in range(max(1, len(channels))):
        name = channels[number] if channels else "web"
        target = FlowTarget(flow_id=str(4511 + number), starts=StartPolicy(lines_max=lines_max))
        stock = StockSettings(flow=target, locations=(WAREHOUSE,), **settings.get(name, {})) if channels else None
        notices = FlowTarget(flow_id=str(4611 + number))
        hears = told or (stock is not None and stock.subtracts)
        sales_channels[name] = msgspec.structs.replace(
            SALES_CHANNELS["web"],
            stock=stock,
            fulfilments=FulfilmentSettings(flow=notices, carriers={"UPS": "ups"}) if hears else None,
            bundles=bundles or {},
        )
    return Config(
        fulfil=FulfilSettings(
            api=FulfilConfig(base_url="https://acme.fulfil.io"),
            token=Secret("token"),
            stock_sweep_every_s=sweep_every_s,
            stock_every_s=moves_every_s,
        ),
        intake=IntakeSettings(keys=(Secret("intake-key-0123456789"),)),
        patchworks=PatchworksSettings(token=Secret("token")),
        sales_channels=sales_channels,
    )


@contextlib.asynccontextmanager
async def process(
    store: Path, fulfil: StockFulfil, *, config: Config | None = None, hub: Hub | None = None, rate: float = 10.0
) -> AsyncIterator[StockWorld]:
    """A process over this store. Leaving the block is a crash: nothing is finished, nothing is told."""
    config = config or config_of()
    clock = VirtualClock(asyncio.get_running_loop())
    flows = {each.flow.flow_id: name for name, each in stock_settings(config).items()}
    async with opened(store, clock, lambda _event: None, (ORDERS,), threads=False) as journal:
        world = StockWorld(journal, fulfil, hub or Hub(flows), config, clock, rate)
        world.supervisor.add("journal", journal.writer.run)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(world.supervisor.run)
            await world.begin()
            yield world
            tasks.cancel_scope.cancel()


def place() -> str:
    """The place of the one warehouse."""
    (name,) = places_of({"web": StockSettings(flow=FlowTarget(flow_id="1"), locations=(WAREHOUSE,))})
    return name
