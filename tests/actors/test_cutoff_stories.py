"""The cut-off of a month, from the sandbox's books: what they ship, invoice and book as cost is read, and reported."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest

from connectors.fulfil.sandbox import invoicing, script
from connectors.fulfil.sandbox.config import ProductSeed
from connectors.fulfil.sandbox.operations import Operations
from connectors.fulfil.sandbox.order_document import read_order
from connectors.fulfil.sandbox.orders import place_order
from connectors.fulfil.sandbox.playing import Stage
from connectors.fulfil.sandbox.shipments import number
from flows.events import CostsLookedAt
from flows.model.month import month_of
from flows.monthly.cutoff import INVOICED, UNINVOICED
from flows.monthly.page import page_of
from flows.monthly.report import Report
from flows.monthly.table import table_of
from flows.monthly.uncosted import UNCOSTED
from flows.reading import Reading
from flows.reading.close import ClosePolicy
from flows.reading.cutoff import cutoff
from flows.reconciler import (
    COSTS,
    COSTS_KEY,
    RECONCILER,
    RECONCILER_KEY,
    CostOrigin,
    LookAtCosts,
    Reconcile,
    ReconcilePolicy,
    Reconciler,
    SaleChecks,
    ShipmentCosts,
)
from runtime.actor import Actor
from runtime.breaker import Breaker
from runtime.budget import Budget
from runtime.engine import Outside
from runtime.errors import Refused
from runtime.journal.journal import Journal
from runtime.lane import LaneConfig
from runtime.retry import RetryPolicy
from tests.actors.proving import ProofWorld, process
from tests.actors.world import story
from tests.contracts.door import order as order_document
from tests.world_of_payments import Erp

POLICY = ReconcilePolicy(reads=frozenset({"sales", "invoices"}))
ZONE = "America/New_York"
"""Where stories begin five hours before the end of December."""
CLOSE = ClosePolicy(time_zone=ZONE, sales_channels=("web",), reconciles=True)
DECEMBER, JANUARY = month_of(date(2025, 12, 31)), month_of(date(2026, 1, 1))
HOUR_S = 3_600
MUG, GIFT = "MUG-BLUE", "GIFT"


class Tenant:
    """Fulfil, as its sandbox keeps the books; it outlives every process."""

    name = "fulfil"

    def __init__(self, origin: CostOrigin = "shipment") -> None:
        self.origin: CostOrigin = origin
        self.calls: Counter[str] = Counter()
        self.refuses: set[str] = set()
        self.erp: Erp | None = None

    def at(self, clock: Any) -> Tenant:
        """The same books, by the clock of the process that looks now."""
        if self.erp is None:
            self.erp = Erp(clock, cost_origin=self.origin, time_zone=ZONE)
            seeds = (ProductSeed(sku=MUG, cost=Decimal("2.50"), stock=Decimal(5_000)),)
            self.erp.books.add_products([*seeds, ProductSeed(sku=GIFT, stock=Decimal(50))])
        self.erp.books.transaction._clock = clock
        return self

    @property
    def books(self) -> Any:
        assert self.erp is not None
        return self.erp.books

    def sells(self, name: str, *skus: str, invoices: str = "shipment") -> int:
        """An order of one of each for 10.00; its sale's id."""
        self.books.begin()
        self.books.channels[3].invoice_method = invoices
        lines = [
            {"channel_identifier": sku, "sku": sku, "quantity": 1, "unit_price": "10", "amount": "10"} for sku in skus
        ]
        changes = {"sale_lines": lines, "shipping_lines": [], "payments": [], "amount": str(10 * len(skus))}
        body = json.dumps([3, order_document(name, **changes)]).encode()
        place_order(self.books, *read_order(body), body)
        return int(self.books.sale_ids[3, name])

    def plays(self, event: Any) -> None:
        assert self.erp is not None
        Stage(Operations(self.books, self.erp.operations.calls)).play(event)

    def shipments(self, name: str) -> list[Any]:
        sale = self.books.sales[self.books.sale_ids[3, name]]
        return [self.books.shipments["stock.shipment.out"][id_] for id_ in sale.shipments]

    def invoices(self, name: str) -> None:
        """Somebody invoices all of an order."""
        self.books.begin()
        sale = self.books.sales[self.books.sale_ids[3, name]]
        invoicing.invoice_sale(self.books, sale, [(line, line.quantity) for line in self.books.lines_of(sale)])

    async def perform(self, kind: str, body: bytes) -> Any:
        self.calls[kind] += 1
        await anyio.sleep(0.05)
        if kind in self.refuses:
            raise Refused("no access to this model", code="400")
        assert self.erp is not None
        return self.erp.perform(kind, body)

    async def look(self, kind: str, body: bytes) -> None:
        raise AssertionError("a read is repeated")


def made(origin: CostOrigin) -> Callable[[Journal, Callable[[Any], None]], Sequence[Actor]]:
    return lambda journal, emit: [
        Reconciler(POLICY, journal, emit), SaleChecks(emit), ShipmentCosts(origin, journal, emit),
    ]  # fmt: skip


def outside(tenant: Tenant, clock: Any) -> Outside:
    lane = LaneConfig(workers_per_share={"orders": 1, "rest": 1}, retry=RetryPolicy(attempts_max=2), settle_s=0.0)
    budget = Budget(clock, {"orders": 70, "rest": 5}, limit_per_s=None, concurrency_max=4, burst=4)
    return Outside(api=tenant.at(clock), lane=lane, budget=budget, breaker=Breaker())


async def imported(world: ProofWorld, tenant: Tenant, name: str, *skus: str, **how: str) -> None:
    """An order that is in Fulfil, and all of which is to leave."""
    sale = tenant.sells(name, *skus, **how)
    amount = f"{10 * len(skus)}.00"
    key = await world.order(name, world.now, sale=sale, amount=amount)
    at = world.clock.now()
    await world.write("put_expected_sale", key, sale, "imported", amount, "USD", None, None, None, 0, at)
    await world.write("put_unshipped", key, "web", sale, None, None)


async def ships(world: ProofWorld, tenant: Tenant, name: str) -> None:
    """All of an order leaves, and the watcher has seen it."""
    tenant.plays(script.Ship(order=name))
    await seen(world, tenant, f"web/{name}", tenant.shipments(name))
    await world.write("drop_unshipped", f"web/{name}")


async def seen(world: ProofWorld, tenant: Tenant, key: str, shipments: Sequence[Any]) -> None:
    at = world.clock.now()
    for each in shipments:
        shipment = f"out-{each.id}"
        row = ("web", f"{shipment}-{key}", key, shipment, number(each), 1, "told", "", "", "", "", 1, "[]", "1", at, at,
               None, None, at, 1, None)  # fmt: skip
        await world.write("put_fulfilment", *row)
        await world.write("put_shipment_order", shipment, key)


async def looks(world: ProofWorld) -> None:
    """What has become of sales, and of cost."""
    for (sale,) in await world.sql("SELECT sale FROM expected_sale"):
        await world.write("put_sale_due", sale, world.clock.now())
    await anyio.sleep(1)
    await world.engine.post(RECONCILER, RECONCILER_KEY, Reconcile())
    await world.engine.post(COSTS, COSTS_KEY, LookAtCosts())
    await world.until_idle()


async def printed(world: ProofWorld, month: Any = DECEMBER) -> tuple[Report, list[Any], str]:
    """The report, as a table and as a page; no time passes meanwhile."""
    read = Reading(world.journal.reading, world.journal.statements)
    report = await cutoff(read, month, CLOSE, frozenset({"web"}))
    head, rows = table_of(report)
    return report, [head, *rows], page_of(report)


def listed(report: Report, title: str, *places: int) -> list[tuple[Any, ...]]:
    """Those cells of each row of a section."""
    (section,) = (each for each in report.sections if each.title == title)
    return [tuple(str(row[place]) for place in places) for row in section.rows]


@pytest.mark.parametrize("origin", ["shipment", "stock_move"])
def test_what_the_books_ship_invoice_and_cost_is_in_the_cut_off_and_stays(tmp_path: Path, origin: CostOrigin) -> None:
    """Four orders; the next month invoices, ships and costs what was open, and December prints the same bytes."""
    tenant = Tenant(origin)

    async def main() -> None:
        async with process(tmp_path / "s.db", made(origin), lambda clock: [outside(tenant, clock)]) as world:
            await imported(world, tenant, "plain", MUG)
            await ships(world, tenant, "plain")
            await imported(world, tenant, "early", MUG, invoices="order")
            await imported(world, tenant, "late", MUG, GIFT, invoices="manual")
            await ships(world, tenant, "late")
            await imported(world, tenant, "gift", GIFT)
            await ships(world, tenant, "gift")
            entries = [move for move in tenant.books.ledger.moves if move.description == "Cost of goods"]
            entries[-1].state = "draft"  # of the order that is late
            await looks(world)
            first = await printed(world)
            report = first[0]
            assert listed(report, UNINVOICED, 0, 5) == [("web/late", "20.00")]
            assert listed(report, INVOICED, 0, 3, 5) == [("web/early", "nothing", "10.00")]
            assert listed(report, UNCOSTED, 0, 2, 4) == [
                (number(tenant.shipments("late")[0]), "web/late", "2025-12-31"),
            ]  # fmt: skip
            assert [row[1] for row in first[1]].count(UNCOSTED) == 1
            assert await printed(world) == first

            await anyio.sleep(5.5 * HOUR_S)
            tenant.invoices("late")
            await ships(world, tenant, "early")
            entries[-1].state, entries[-1].date = "posted", date(2026, 1, 1)
            await anyio.sleep(2 * HOUR_S)
            await looks(world)
            assert await printed(world) == first
            now, *_ = await printed(world, JANUARY)
            assert [listed(now, title, 0) for title in (UNINVOICED, INVOICED, UNCOSTED)] == [[], [], []]
            assert await world.cases() == []

    story(main)


def test_hundreds_of_shipments_take_few_calls_and_only_what_is_not_booked_is_looked_for_again(tmp_path: Path) -> None:
    """Every call is counted."""
    tenant = Tenant()

    async def main() -> None:
        async with process(tmp_path / "s.db", made("shipment"), lambda clock: [outside(tenant, clock)]) as world:
            count = 510
            for place in range(count):
                tenant.sells(f"o{place}", MUG, invoices="manual")
                tenant.plays(script.Ship(order=f"o{place}"))
                await seen(world, tenant, f"web/o{place}", tenant.shipments(f"o{place}"))
            for move in list(tenant.books.ledger.moves)[:3]:
                move.state = "draft"
            await world.engine.post(COSTS, COSTS_KEY, LookAtCosts())
            await world.until_idle()
            rows = await world.sql("SELECT booked, booked_on, count(*) FROM shipment_cost GROUP BY 1, 2 ORDER BY 1")
            assert rows == [("booked", "2025-12-31", count - 3), ("missing", None, 3)]
            told = [event for event in world.events if isinstance(event, CostsLookedAt)]
            assert (sum(each.shipments for each in told), sum(each.missing for each in told)) == (count, 3)
            assert tenant.calls.total() == sum(each.calls for each in told)
            assert tenant.calls.total() / count < 0.02
            calls = tenant.calls.total()
            await anyio.sleep(7 * HOUR_S)
            assert tenant.calls.total() - calls == 2, "the stock moves and the entries of three"

    story(main)


@pytest.mark.parametrize("dies_after_s", [0.03, 0.08, 0.13, 0.18])
def test_whenever_the_process_dies_each_shipment_is_looked_at_and_a_refusal_is_a_case(
    tmp_path: Path, dies_after_s: float
) -> None:
    """The look under way goes on with the call that is next; the case ends with the next answer."""
    tenant = Tenant("stock_move")

    async def sold(world: ProofWorld) -> None:
        for name in ("one", "two"):
            await imported(world, tenant, name, MUG, GIFT)
            await ships(world, tenant, name)
        await world.engine.post(COSTS, COSTS_KEY, LookAtCosts())

    async def main() -> None:
        make = made("stock_move")
        async with process(tmp_path / "s.db", make, lambda clock: [outside(tenant, clock)]) as world:
            await sold(world)
            await anyio.sleep(dies_after_s)
        async with process(tmp_path / "s.db", make, lambda clock: [outside(tenant, clock)]) as world:
            await world.until_idle()
            assert await world.sql("SELECT booked, count(*) FROM shipment_cost GROUP BY 1") == [("booked", 2)]
            await imported(world, tenant, "three", MUG)
            await ships(world, tenant, "three")
            tenant.refuses.add("find_ledger_moves")
            await world.engine.post(COSTS, COSTS_KEY, LookAtCosts())
            await world.until_idle()
            assert [case[:3] for case in await world.cases()] == [("proof.refused", COSTS_KEY, "costs")]
            tenant.refuses.clear()
            await anyio.sleep(1_000)
            await world.until_idle()
            assert await world.cases() == []
            assert await world.sql("SELECT booked, count(*) FROM shipment_cost GROUP BY 1") == [("booked", 3)]

    story(main)
