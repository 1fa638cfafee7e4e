"""A whole Seamline in virtual time: the real engine, actors, journal file and lane, against a twin of Fulfil.

The twin keeps books as the vendor does (one sale per channel and identifier, products with ids that rise) and has a
weather: it can be away, slow, limit the rate, refuse credentials, or lose answers. It makes no decision for us.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import msgspec

from connectors.contract import Identified
from connectors.fulfil.wire import (
    CreatedSale,
    FindSales,
    Product,
    ProductPage,
    ProductPageRequest,
    SaleFound,
    SaleParty,
    key_of_create,
)
from flows.audit_log import AuditLog
from flows.catalogue import KEY as CATALOGUE_KEY
from flows.catalogue import NAME as CATALOGUE
from flows.catalogue import Catalogue, Sync
from flows.catalogue_refresh import KEY as REFRESH_KEY
from flows.catalogue_refresh import NAME as CATALOGUE_REFRESH
from flows.catalogue_refresh import CatalogueRefresh, Refresh, RefreshPolicy
from flows.config import SalesChannelSettings
from flows.customers import KEY as CUSTOMERS_KEY
from flows.customers import NAME as CUSTOMERS
from flows.customers import Customers, ReadBack
from flows.demo.orders import GeneratedOrder, catalogue, generate
from flows.desk import NAME as DESK
from flows.desk import Desk
from flows.formats import FORMATS
from flows.model.order_state import OrderState
from flows.model.sale import SaleSettings
from flows.model.schema import ORDERS
from flows.model.skus import SkuIndex
from flows.order_importer import NAME as ORDER_IMPORTER
from flows.order_importer import OrderImporter
from flows.release import CauseReleases
from flows.sku_aliases import KEY as ALIASES_KEY
from flows.sku_aliases import NAME as SKU_ALIASES
from flows.sku_aliases import SkuAliases
from runtime.breaker import Breaker
from runtime.budget import Budget
from runtime.decision import Message
from runtime.delivery import Delivery, Receipt, digest
from runtime.engine import Engine, EngineConfig, Outside
from runtime.errors import Failure, Refused, Throttled, Unauthorised, Unavailable, Unknown
from runtime.journal.journal import Journal, opened
from runtime.lane import LaneConfig
from runtime.retry import RetryPolicy
from runtime.schedule import Interval
from runtime.supervisor import Supervisor
from runtime.testing.virtual_time import VirtualClock, VirtualLoop

SEED = 11
SHARES = {"orders": 70, "fulfilments": 15, "stock": 10, "rest": 5}
SALES_CHANNELS = {
    name: SalesChannelSettings(
        format="shopify",
        sale=SaleSettings(
            channel_id=number,
            taxes={"TX State Tax": "TX State Tax", "TX City Tax": "TX City Tax"},
            gateways={"shopify_payments": "shopify_payments"},
        ),
    )
    for number, name in ((3, "web"), (4, "outlet"))
}


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """One sale in the twin's books."""

    id: int
    channel: int
    identifier: str
    body: bytes
    total: Decimal
    party: int


class Fulfil:
    """The twin. `weather`, when set, is asked before each call and may raise; `lose` names answers that get lost.

    Orders that name the same e-mail address are of one party. With `overlaps` a create does not see a party that is
    made after it began, as of an ERP that looks first and locks nothing.
    """

    name = "fulfil"

    def __init__(self, *, products: int = 500) -> None:
        self.products = {
            id_: Product(id=id_, code=product.sku, name=product.sku, active=True)
            for id_, product in enumerate(catalogue(SEED, products), start=1)
        }
        self.sales: dict[tuple[int, str], Sale] = {}
        self.parties: list[set[str]] = []
        """The e-mail addresses of each party; its id is its place, counted from 1."""
        self.overlaps = False
        self.tells_party = False
        """Whether the answer to a create says whose the sale is."""
        self.refuses: set[str] = set()
        """Orders that are refused."""
        self._seen: dict[tuple[int, str], int] = {}
        """How many parties there were when the create of an order began."""
        self.calls: Counter[str] = Counter()
        self.bodies: dict[str, list[bytes]] = {}
        self.began: list[str] = []
        self.takes_s = 0.05
        self.under_way = self.under_way_max = 0
        self.weather: Callable[[str], Failure | None] = lambda _kind: None
        self.unchanged_to = 0
        """Who asks for what changed is not told of products up to this id."""
        self.products_asked: list[ProductPageRequest] = []
        self.lose: deque[str] = deque()
        """For the next creates: `before` (not applied, no answer), `after` (applied, no answer) or `no` (all well)."""

    def add(self, sku: str, *, active: bool = True) -> None:
        """Make a product."""
        id_ = max(self.products, default=0) + 1
        self.products[id_] = Product(id=id_, code=sku, name=sku, active=active)

    async def perform(self, kind: str, body: bytes) -> Any:
        """One call, as the vendor would answer it."""
        self.calls[kind] += 1
        self.under_way += 1
        if kind == "create_order":
            self._seen[key_of_create(body)] = len(self.parties)
        self.under_way_max = max(self.under_way_max, self.under_way)
        try:
            await anyio.sleep(self.takes_s)
            failure = self.weather(kind)
            if failure is not None:
                raise failure
            match kind:
                case "create_order":
                    return self._create(body)
                case "search_products":
                    self.products_asked.append(msgspec.json.decode(body, type=ProductPageRequest))
                    return self._page(self.products_asked[-1])
                case "find_sale":
                    wanted = msgspec.json.decode(body, type=FindSales)
                    found = (self.sales.get((wanted.channel, each)) for each in wanted.channel_identifiers)
                    return tuple(
                        SaleFound(id=sale.id, channel_identifier=sale.identifier, number=f"SO{sale.id}")
                        for sale in found
                        if sale is not None
                    )
                case "sale_parties":
                    wanted = msgspec.json.decode(body, type=FindSales)
                    found = (self.sales.get((wanted.channel, each)) for each in wanted.channel_identifiers)
                    return tuple(SaleParty(sale.id, sale.identifier, sale.party) for sale in found if sale is not None)
            raise Refused(f"no such call: {kind}", code="404")
        finally:
            self.under_way -= 1

    async def look(self, kind: str, body: bytes) -> CreatedSale | None:
        """Whether there is a sale for these bytes."""
        self.calls["look"] += 1
        await anyio.sleep(self.takes_s)
        failure = self.weather("look")
        if failure is not None:
            raise failure
        assert kind == "create_order"
        sale = self.sales.get(key_of_create(body))
        return None if sale is None else self._created(sale)

    def _create(self, body: bytes) -> CreatedSale:
        channel, identifier = key_of_create(body)
        self.bodies.setdefault(identifier, []).append(body)
        fate = self.lose.popleft() if self.lose else "no"
        if fate == "before":
            raise Unknown("the connection broke")
        sale = self.sales.get((channel, identifier))
        if sale is None:
            if identifier in self.refuses:
                raise Refused("this order is refused", code="E1000")
            self.began.append(identifier)
            order = msgspec.json.decode(body)[1]
            total = Decimal(order["amount"]["decimal"])
            seen = self._seen[channel, identifier] if self.overlaps else len(self.parties)
            party, id_ = self._party(order["customer"].get("contacts", ()), seen), len(self.sales) + 1
            sale = Sale(id=id_, channel=channel, identifier=identifier, body=body, total=total, party=party)
            self.sales[channel, identifier] = sale
        if fate == "after":
            raise Unknown("the connection broke")
        return self._created(sale)

    def _party(self, contacts: Sequence[Sequence[str]], seen: int) -> int:
        """The first of the parties that can be seen which has one of these addresses, else a new one."""
        emails = {value.lower() for kind, value in contacts if kind == "email"}
        for place, known in enumerate(self.parties[:seen]):
            if emails & known:
                self.parties[place] = known | emails
                return place + 1
        self.parties.append(emails)
        return len(self.parties)

    def _created(self, sale: Sale) -> CreatedSale:
        party = sale.party if self.tells_party else None
        return CreatedSale(
            id=sale.id, number=f"SO{sale.id}", total=sale.total, channel_identifier=sale.identifier, party=party
        )

    def _page(self, asked: ProductPageRequest) -> ProductPage:
        after = asked.after_id if asked.changed_since is None else max(asked.after_id, self.unchanged_to)
        told = (product for id_, product in sorted(self.products.items()) if id_ > after)
        rows = [each for each in told if not asked.ids or each.id in asked.ids][: asked.limit]
        last = rows[-1].id if rows else asked.after_id
        return ProductPage(products=tuple(rows), last_id=last, complete=len(rows) < asked.limit)


def away(_kind: str) -> Failure:
    """Nobody is there."""
    return Unavailable("the connection was refused")


def bad_token(_kind: str) -> Failure:
    """The credentials are refused."""
    return Unauthorised("Fulfil refused the credentials (HTTP 401)")


def throttles(seconds: float | None) -> Callable[[str], Failure]:
    """Too many requests."""
    return lambda _kind: Throttled("Fulfil limits our rate (429)", retry_after_s=seconds)


class World:
    """One process of Seamline: open it with `process`, end it by leaving the block (a crash) or with `stop`."""

    GONE_MAX = 20

    def __init__(
        self, journal: Journal, fulfil: Fulfil, clock: VirtualClock, config: EngineConfig, seed: int, api: Any
    ) -> None:
        self.journal, self.fulfil, self.clock = journal, fulfil, clock
        self.events: list[Any] = []
        self.index = SkuIndex()
        self.catalogue = Catalogue(
            self.index, journal, page_size=200, schedule=Interval(60.0), overlap=timedelta(minutes=5), emit=self.emit
        )
        self.refresh = CatalogueRefresh(
            self.index,
            journal,
            RefreshPolicy(
                page_size=200, schedule=Interval(86_400.0), page_every=timedelta(seconds=2), gone_max=self.GONE_MAX
            ),
            self.emit,
        )
        self.aliases = SkuAliases(self.index, check_every=timedelta(minutes=1), emit=self.emit)
        self.customers = Customers(journal, read_after=timedelta(minutes=15), emit=self.emit)
        self.importer = OrderImporter(SALES_CHANNELS, self.index, journal, self.emit)
        self.budget = Budget(clock, SHARES, limit_per_s=200.0, concurrency_max=16, burst=4, rng=random.Random(seed))
        lane = LaneConfig(workers_per_share={"orders": 16, "rest": 2}, retry=RetryPolicy(), settle_s=2.0, window=32)
        self.traced = False
        self.engine = Engine(
            journal,
            [
                *(self.importer, self.catalogue, self.refresh, self.aliases, self.customers),
                *(AuditLog(journal, self.emit), CauseReleases(journal), Desk(self.emit)),
            ],
            [Outside(api=api or fulfil, lane=lane, budget=self.budget, breaker=Breaker())],
            config,
            signals_to=DESK,
            sampled=lambda _key: self.traced,
            emit=self.emit,
            rng=random.Random(seed),
        )
        self.supervisor = Supervisor(
            clock,
            on_restart=lambda part, error: self.events.append(("restarted", part, repr(error))),
            on_silence=lambda part, silent_s: self.events.append(("silent", part, silent_s)),
            rng=random.Random(seed),
        )

    def emit(self, event: Any) -> None:
        """Remember an event."""
        self.events.append(event)

    async def begin(self) -> None:
        """What the composition root does at start."""
        await self.engine.prepare()
        await self.catalogue.load()
        await self.engine.post(CATALOGUE_REFRESH, REFRESH_KEY, Refresh())
        await self.engine.post(CUSTOMERS, CUSTOMERS_KEY, ReadBack())
        if not await self.journal.query("timers_due", self.clock.now() + 10**15, 1):
            await self.engine.post(CATALOGUE, CATALOGUE_KEY, Sync())
        self.engine.supervise(self.supervisor)

    async def send(self, *orders: GeneratedOrder | bytes, to: str = "web") -> Sequence[Receipt]:
        """Deliver orders in one request, as intake would."""
        deliveries = []
        for each in orders:
            sales_channel, body = (to, each) if isinstance(each, bytes) else (each.sales_channel, each.body)
            named = FORMATS["shopify"].identify(body)
            assert isinstance(named, Identified)
            deliveries.append(
                Delivery(
                    key=f"{sales_channel}/{named.order_id}",
                    version=named.version,
                    digest=digest(body),
                    body=body,
                    received_at=self.clock.now(),
                )
            )
        return await self.engine.accept(deliveries, ORDER_IMPORTER)

    async def decide_on_alias(self, message: Message) -> None:
        """What the control listener does with a person's decision."""
        await self.engine.post(SKU_ALIASES, ALIASES_KEY, message)

    async def state(self, order: GeneratedOrder) -> OrderState:
        """What is remembered of an order."""
        rows = await self.journal.query_list("states", [key_of(order)], ORDER_IMPORTER)
        return msgspec.json.decode(rows[0][1], type=OrderState) if rows else OrderState()

    async def states(self) -> Counter[str]:
        """How many orders are in each state."""
        states: Counter[str] = Counter()
        for _, state, count in await self.journal.query("orders_by_state"):
            states[state] += count
        return states

    async def cases(self) -> list[tuple[str, str]]:
        """Open cases: (kind, subject)."""
        return sorted((row[1], row[2]) for row in await self.journal.query("cases_open", "", "", 0, 1000, None))

    async def sql(self, query: str, *row: Any) -> list[Any]:
        """Anything else that is on disk."""
        return await self.journal.reading.run(lambda connection: connection.execute(query, row).fetchall())

    async def until(
        self, holds: Callable[[], Awaitable[Any]], within_s: float = 3_600.0, every_s: float = 0.25
    ) -> None:
        """Let time pass until something holds."""
        with anyio.fail_after(within_s):
            while not await holds():
                await anyio.sleep(every_s)

    async def until_catalogue(self) -> None:
        """Until Fulfil's products are known, and no page is under way."""
        with anyio.fail_after(3_600):
            await self.index.ready.wait()
        await self.until_idle()

    async def until_sales(self, count: int, within_s: float = 3_600.0) -> None:
        """Until so many orders are recorded as imported."""

        async def there() -> bool:
            return (await self.states())["imported"] >= count

        await self.until(there, within_s)

    async def until_idle(self, within_s: float = 3_600.0) -> None:
        """Until no message and no intent is left on disk."""

        async def idle() -> bool:
            return not (await self.sql("SELECT 1 FROM message") or await self.sql("SELECT 1 FROM intent"))

        await self.until(idle, within_s)

    def restarts(self) -> list[Any]:
        """Parts that failed and were started again."""
        return [event for event in self.events if isinstance(event, tuple) and event[0] == "restarted"]

    def silences(self) -> list[str]:
        """Parts that fell silent."""
        return [event[1] for event in self.events if isinstance(event, tuple) and event[0] == "silent"]

    def count(self, event: str) -> int:
        """How often an event of this name was emitted."""
        return sum(getattr(type(each), "event", "") == event for each in self.events)


def key_of(order: GeneratedOrder) -> str:
    return f"{order.sales_channel}/{order.order_id}"


@contextlib.asynccontextmanager
async def process(
    store: Path,
    fulfil: Fulfil,
    *,
    config: EngineConfig | None = None,
    seed: int = 1,
    api: Any = None,
    drains: bool = False,
    before: Callable[[World], None] = lambda _world: None,
) -> AsyncIterator[World]:
    """A process over this store. Leaving the block is a crash: nothing is finished, nothing is told. With `drains`
    it is an orderly stop.
    """
    clock = VirtualClock(asyncio.get_running_loop())
    events: list[Any] = []
    async with opened(store, clock, events.append, (ORDERS,), threads=False) as journal:
        world = World(journal, fulfil, clock, config or EngineConfig(), seed, api)
        before(world)
        world.supervisor.add("journal", journal.writer.run)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(world.supervisor.run)
            await world.begin()
            yield world
            if drains:
                await world.engine.drain()
            tasks.cancel_scope.cancel()


def story(main: Callable[[], Awaitable[Any]], seed: int | None = None) -> Any:
    """Run a story in virtual time."""
    return anyio.run(main, backend_options={"loop_factory": lambda: VirtualLoop(seed=seed)})


def orders(count: int, *, seed: int = SEED, sales_channel: str = "web", **options: Any) -> list[GeneratedOrder]:
    """Orders of products that Fulfil has."""
    return list(generate(seed, count, sales_channel=sales_channel, **options))
