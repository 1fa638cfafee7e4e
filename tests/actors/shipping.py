"""The actors between a warehouse and a sales channel, in virtual time: the real engine and journal, and two twins.

`Depot` is Fulfil as far as shipments go: records with their times of change, which may be committed late. `Desk` is a
Patchworks with one flow that delivers to a sales channel: it may lose the answer to a start before or after it began.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import msgspec

from connectors.fulfil.changes import Changes
from connectors.fulfil.changes import Page as ShipmentPage
from connectors.fulfil.models import Find, Ids
from connectors.fulfil.sales import ShippedLine
from connectors.fulfil.shipments import DropShipment, Package, Shipment
from connectors.fulfil.stock import StockMove
from connectors.fulfil.typed import Reference
from connectors.patchworks.fulfilments import read_fulfilments
from connectors.patchworks.requests import StartFlow
from connectors.patchworks.starts import StartPolicy
from connectors.patchworks.wire import Page, Run, RunStatus, Started
from flows.desk import NAME as DESK
from flows.desk import Desk as ExceptionDesk
from flows.flow_starts import FlowStartsActor
from flows.fulfilment_watcher import (
    NAME,
    FulfilmentPageReceived,
    FulfilmentWatcher,
    LookAtHeld,
    OrderFulfilments,
    Watch,
    WatchPolicy,
    held_key,
    told_key,
    watch_key,
)
from flows.model.fulfilments import FulfilmentSettings
from flows.model.outgoing import FLOW_STARTS, FLOWS_KEY, FlowTarget, LookForRetired
from flows.model.schema import ORDERS as SCHEMA
from flows.run_follower import RunFollower
from flows.unshipped import KEY as UNSHIPPED_KEY
from flows.unshipped import NAME as UNSHIPPED
from flows.unshipped import LookForUnshipped, Unshipped, UnshippedPolicy
from runtime.breaker import Breaker
from runtime.budget import Budget
from runtime.clock import to_datetime
from runtime.delivery import Delivery, digest
from runtime.engine import Engine, EngineConfig, Outside
from runtime.errors import Failure, Refused, Unknown
from runtime.journal.journal import Journal, opened
from runtime.lane import LaneConfig
from runtime.retry import RetryPolicy
from runtime.supervisor import Supervisor
from runtime.testing.virtual_time import VirtualClock
from tests.actors.asking import Sink

SHARES = {"orders": 70, "fulfilments": 15, "stock": 10, "rest": 5}
CHANNEL, FLOW = 3, "4331"
TOLD = FulfilmentSettings(
    flow=FlowTarget(flow_id=FLOW, starts=StartPolicy(company_s=5.0)), carriers={"UPS": "ups"}, services={}
)
_OUT, _DROP = "stock.shipment.out", "stock.shipment.drop"


class Depot:
    """Fulfil. `weather`, when set, is asked before each call and may raise."""

    name = "fulfil"

    def __init__(self) -> None:
        self.clock: VirtualClock
        self.lines: dict[int, ShippedLine] = {}
        self.moves: dict[int, StockMove] = {}
        self.shipments: dict[int, Shipment] = {}
        self.drops: dict[int, DropShipment] = {}
        self.packages: dict[int, Package] = {}
        self.visible_from: dict[int, datetime] = {}
        """Shipments that are committed late, and when."""
        self.calls: Counter[str] = Counter()
        self.takes_s = 0.05
        self.weather: Callable[[str], Failure | None] = lambda _kind: None
        self._number = 0

    def now(self) -> datetime:
        return to_datetime(self.clock.now())

    def id(self) -> int:
        self._number += 1
        return self._number

    # -- what happens there --------------------------------------------------------------------------------------------

    def sale(self, order: str, *units: int, channel: int = CHANNEL) -> list[int]:
        """A sale of so many units, a line for each; answers its lines."""
        sale, made = self.id(), []
        for place, quantity in enumerate(units):
            id_ = self.id()
            self.lines[id_] = ShippedLine(
                id=id_, sale=sale, product=place + 1, product_code=f"SKU-{place + 1}", quantity=Decimal(quantity),
                channel_identifier=f"{order}-{place}", channel=channel, order=order, reference=f"#{order}", moves=(),
            )  # fmt: skip
            made.append(id_)
        return made

    def ships(
        self,
        goods: Sequence[tuple[int, int]],
        *,
        carrier: str = "UPS",
        parcels: int = 1,
        late_s: float = 0.0,
        drop: bool = False,
    ) -> int:
        """Units of lines leave now, and everybody sees it after `late_s`; answers the shipment."""
        id_, now, model = self.id(), self.now(), _DROP if drop else _OUT
        moves, sales = [], []
        for line_id, units in goods:
            move, line = self.id(), self.lines[line_id]
            self.moves[move] = StockMove(
                id=move, product=line.product, quantity=Decimal(units), origin=Reference("sale.line", line_id),
                state="done",
            )  # fmt: skip
            self.lines[line_id] = msgspec.structs.replace(line, moves=(*(line.moves or ()), move))
            moves.append(move)
            sales.append(line.sale or 0)
        boxes = []
        for parcel in range(parcels):
            tracking, box = self.id(), self.id()
            self.packages[box] = Package(
                id=box, shipment=Reference(model, id_), tracking=tracking, tracking_number=f"T{id_}-{parcel}"
            )
            boxes.append(box)
        common: dict[str, Any] = {
            "id": id_, "number": f"CS{id_}", "create_date": now, "write_date": now, "effective_date": now.date(),
            "carrier_name": carrier,
        }  # fmt: skip
        if drop:
            self.drops[id_] = DropShipment(**common, state="shipped", moves=tuple(moves))
        else:
            self.shipments[id_] = Shipment(
                **common, state="done", sales=tuple(dict.fromkeys(sales)), outgoing_moves=tuple(moves),
                packages=tuple(boxes), warehouse=4,
            )  # fmt: skip
        self.visible_from[id_] = now + timedelta(seconds=late_s)
        return id_

    def gives_up(self, line_id: int, units: int) -> None:
        """The warehouse does not find so many units of a line, and will not ship them."""
        move, line = self.id(), self.lines[line_id]
        self.moves[move] = StockMove(
            id=move, product=line.product, quantity=Decimal(units), origin=Reference("sale.line", line_id),
            state="cancel",
        )  # fmt: skip
        self.lines[line_id] = msgspec.structs.replace(line, moves=(*(line.moves or ()), move), sale_state="done")

    def changes(self, shipment: int, **to: Any) -> None:
        """Somebody changes a shipment."""
        table: dict[int, Any] = self.drops if shipment in self.drops else self.shipments  # type: ignore[assignment]
        table[shipment] = msgspec.structs.replace(table[shipment], write_date=self.now(), **to)

    def retracks(self, shipment: int, number: str) -> None:
        """The number of its first parcel is corrected."""
        box = next(
            each for each in self.packages.values() if each.shipment is not None and each.shipment.id == shipment
        )
        self.packages[box.id] = msgspec.structs.replace(box, tracking_number=number)
        self.changes(shipment)

    # -- what it answers -----------------------------------------------------------------------------------------------

    async def perform(self, kind: str, body: bytes) -> Any:
        self.calls[kind] += 1
        await anyio.sleep(self.takes_s)
        failure = self.weather(kind)
        if failure is not None:
            raise failure
        match kind:
            case "changed_shipments":
                return self._changed(self.shipments, body)
            case "changed_drop_shipments":
                return self._changed(self.drops, body)
            case "read_stock_moves":
                return self._read(self.moves, body)
            case "read_shipped_lines":
                return self._read(self.lines, body)
            case "find_shipped_lines":
                return self._find(self.lines, body, lambda line: line.sale)
            case "find_packages":
                return self._find(self.packages, body, lambda box: str(box.shipment))
            case "read_shipments":
                return self._read(self.shipments, body)
        raise Refused(f"no such call: {kind}", code="404")

    async def look(self, kind: str, body: bytes) -> None:
        raise AssertionError("a read is repeated")

    def _changed(self, table: dict[int, Any], body: bytes) -> ShipmentPage[Any]:
        asked, now = msgspec.json.decode(body, type=Changes), self.now()
        rows = [
            row
            for id_, row in sorted(table.items())
            if id_ > asked.after_id
            and (asked.since is None or row.write_date >= asked.since)
            and self.visible_from[id_] <= now
            and (not asked.states or row.state in asked.states)
        ][: asked.limit]
        return _page(rows, asked)

    def _read(self, table: dict[int, Any], body: bytes) -> tuple[Any, ...]:
        return tuple(table[id_] for id_ in msgspec.json.decode(body, type=Ids).ids if id_ in table)

    def _find(self, table: dict[int, Any], body: bytes, by: Callable[[Any], Any]) -> ShipmentPage[Any]:
        asked = msgspec.json.decode(body, type=Find)
        rows = [row for id_, row in sorted(table.items()) if id_ > asked.after_id and by(row) in asked.values]
        return _page(rows[: asked.limit], asked)


def _page(rows: Sequence[Any], asked: Any) -> ShipmentPage[Any]:
    last = rows[-1].id if rows else asked.after_id
    return ShipmentPage(rows=tuple(rows), last_id=last, complete=len(rows) < asked.limit)


class Hub:
    """Patchworks with one flow. `lose` names answers of the next starts: `before` it began, `after`, or `no`."""

    name = "patchworks"

    def __init__(self) -> None:
        self.clock: VirtualClock
        self.arrived: list[tuple[datetime, dict[str, Any]]] = []
        """Every fulfilment, as often as it came."""
        self.runs: dict[str, str] = {}
        """Run by batch."""
        self.lose: deque[str] = deque()
        self.unknown: set[str] = set()
        """Flows that there are not."""

    async def perform(self, kind: str, body: bytes) -> Any:
        await anyio.sleep(0.05)
        if kind == "list_runs":
            now = to_datetime(self.clock.now())
            runs = [Run(id=id_, status=RunStatus.SUCCESS, flow_id=FLOW, started_at=now) for id_ in self.runs.values()]
            return Page(rows=tuple(runs), number=1, complete=True)
        assert kind == "start_flow"
        if msgspec.json.decode(body, type=StartFlow).flow_id in self.unknown:
            raise Refused("there is no such flow", code="404")
        fate = self.lose.popleft() if self.lose else "no"
        if fate == "before":
            raise Unknown("the connection broke")
        start = msgspec.json.decode(body, type=StartFlow)
        self.runs[start.key] = f"run-{len(self.runs) + 1}"
        now = to_datetime(self.clock.now())
        self.arrived += [(now, each) for each in msgspec.json.decode(start.payload)["fulfilments"]]
        if fate == "after":
            raise Unknown("the connection broke")
        return Started(run_id=self.runs[start.key])

    async def look(self, kind: str, body: bytes) -> Started | None:
        await anyio.sleep(0.05)
        run = self.runs.get(msgspec.json.decode(body, type=StartFlow).key)
        return None if run is None else Started(run_id=run, evidence="payload")

    def books(self) -> dict[str, dict[str, Any]]:
        """What the sales channel has: of each fulfilment the newest version."""
        found: dict[str, dict[str, Any]] = {}
        for _, each in self.arrived:
            known = found.get(each["fulfilment_id"])
            if known is None or each.get("version", 1) >= known.get("version", 1):
                found[each["fulfilment_id"]] = each
        return found

    def units(self) -> Counter[str]:
        """Units that the sales channel counts as shipped, by line."""
        units: Counter[str] = Counter()
        for each in self.books().values():
            units.update({line["order_line_id"]: line["quantity"] for line in each["lines"]})
        return units


async def no_levels() -> tuple[str, ...]:
    """There is no stock here."""
    return ()


class World:
    """One process. Leaving its block is a crash."""

    def __init__(
        self, journal: Journal, depot: Depot, hub: Hub, settings: FulfilmentSettings, policy: WatchPolicy | None
    ) -> None:
        self.journal, self.depot, self.hub, self.settings = journal, depot, hub, settings
        self.events: list[Any] = []
        emit = self.events.append
        policy = policy or WatchPolicy(
            every=timedelta(seconds=10),
            overlap=timedelta(minutes=1),
            sales_channels={CHANNEL: ("web", settings.since)},
            page_size=10,
            deep_every=timedelta(seconds=30),
        )
        looks = UnshippedPolicy(every=timedelta(minutes=1), sales_channels={"web": settings.ship_within})
        self.engine = Engine(
            journal,
            [
                *(Sink(), ExceptionDesk(emit), RunFollower(emit)),
                FulfilmentWatcher(policy, journal, emit),
                OrderFulfilments(
                    {"web": settings}, {"web": "seamline"}, journal, emit, subtracting=(), nudge=lambda: None
                ),
                Unshipped(looks, journal, emit),
                FlowStartsActor(
                    {settings.flow.flow_id: ("fulfilments", settings.flow)},
                    journal,
                    emit,
                    unsettled=no_levels,
                    notices_to={"web": settings.flow.flow_id},
                ),
            ],
            [self._outside(depot), self._outside(hub)],
            EngineConfig(),
            signals_to=DESK,
            sampled=lambda _key: False,
            emit=emit,
            rng=random.Random(1),
        )
        self.supervisor = Supervisor(
            journal.clock,
            on_restart=lambda part, error: emit(("restarted", part, repr(error))),
            on_silence=lambda part, silent_s: emit(("silent", part, silent_s)),
            rng=random.Random(1),
        )

    def _outside(self, api: Any) -> Outside:
        lane = LaneConfig(workers_per_share={"fulfilments": 1, "rest": 1}, retry=RetryPolicy(), settle_s=2.0)
        budget = Budget(self.journal.clock, SHARES, limit_per_s=None, concurrency_max=4, burst=4)
        return Outside(api=api, lane=lane, budget=budget, breaker=Breaker())

    async def begin(self) -> None:
        """What the composition root does at start."""
        await self.engine.prepare()
        await self.engine.post(FLOW_STARTS, FLOWS_KEY, LookForRetired())
        await self.engine.post(NAME, watch_key("out"), Watch())
        await self.engine.post(NAME, watch_key("drop"), Watch())
        await self.engine.post(NAME, held_key(), LookAtHeld())
        await self.engine.post(UNSHIPPED, UNSHIPPED_KEY, LookForUnshipped())
        self.engine.supervise(self.supervisor)

    async def knows(self, *orders: str) -> None:
        """These orders have been received; nobody can read them."""
        for order in orders:
            await self.receives(order)

    async def receives(self, order: str, **fields: Any) -> None:
        """An order comes, with these fields in Seamline's own schema."""
        body, now = msgspec.json.encode({"order_id": order, **fields}), self.journal.clock.now()
        delivery = Delivery(key=f"web/{order}", version="", digest=digest(body), body=body, received_at=now)
        await self.engine.accept([delivery], Sink.name)

    async def imported(self, order: str, sale: int) -> None:
        """The order's sale is in Fulfil, and something of it is to leave."""
        await self.journal.write([("put_unshipped", (f"web/{order}", "web", sale, self.journal.clock.now(), None))])

    async def says(self, *rows: Any) -> None:
        """The sales channel says what it has."""
        body = msgspec.json.encode({"fulfilments": rows})
        page = await read_fulfilments("web", body, {}, to_datetime(self.journal.clock.now()))
        await self.engine.post(NAME, told_key("web"), FulfilmentPageReceived(page=page))

    async def states(self) -> Counter[str]:
        """How many notices are in each state."""
        return Counter(state for (state,) in await self.sql("SELECT state FROM fulfilment"))

    async def until(self, within_s: float = 600.0, **wanted: int) -> None:
        """Until so many notices are in these states, and none in another."""
        with anyio.move_on_after(within_s):
            while await self.states() != wanted:
                await anyio.sleep(0.25)
        assert await self.states() == wanted, await self.cases()

    async def cases(self) -> list[tuple[str, str]]:
        """Open cases: (kind, subject)."""
        return sorted((row[1], row[2]) for row in await self.journal.query("cases_open", "", "", 0, 10_000, None))

    async def sql(self, query: str, *row: Any) -> list[Any]:
        return await self.journal.reading.run(lambda connection: connection.execute(query, row).fetchall())

    def named(self, event: str) -> list[Any]:
        """The events of this name."""
        return [each for each in self.events if getattr(type(each), "event", "") == event]


@contextlib.asynccontextmanager
async def process(
    store: Path, depot: Depot, hub: Hub, settings: FulfilmentSettings = TOLD, *, policy: WatchPolicy | None = None
) -> AsyncIterator[World]:
    """A process over this store; it watches with small pages unless there is another policy."""
    clock = VirtualClock(asyncio.get_running_loop())
    depot.clock = hub.clock = clock
    events: list[Any] = []
    async with opened(store, clock, events.append, (SCHEMA,), threads=False) as journal:
        world = World(journal, depot, hub, settings, policy)
        world.supervisor.add("journal", journal.writer.run)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(world.supervisor.run)
            await world.begin()
            yield world
            tasks.cancel_scope.cancel()
