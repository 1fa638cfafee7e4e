"""Sales read back in virtual time: whenever the process dies, each difference is one case, and none is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from msgspec.structs import replace

from connectors.fulfil.changes import Changes, Page
from connectors.fulfil.models import Find
from connectors.fulfil.payments import SalePayment
from connectors.fulfil.read_back import ReadBackLine, ReadBackSale
from flows.events import CaseOpened, SalesProven
from flows.reconciler import RECONCILER, RECONCILER_KEY, Reconcile, ReconcilePolicy, Reconciler, SaleChecks
from runtime.actor import Actor
from runtime.breaker import Breaker
from runtime.budget import Budget
from runtime.engine import Outside
from runtime.errors import Failure, Refused
from runtime.journal.journal import Journal
from runtime.lane import LaneConfig
from runtime.retry import RetryPolicy
from tests.actors.proving import ProofWorld, process
from tests.actors.world import story

POLICY = ReconcilePolicy(reads=frozenset({"sales"}))
OF_UNITS = ReconcilePolicy(reads=frozenset({"sales", "lines"}))


class Erp:
    """A twin of Fulfil that tells of sales and their lines. `weather` may raise before a call."""

    name = "fulfil"

    def __init__(self) -> None:
        self.sales: dict[int, ReadBackSale] = {}
        self.lines: list[ReadBackLine] = []
        self.payments: list[SalePayment] = []
        self.calls: Counter[str] = Counter()
        self.weather: Callable[[], Failure | None] = lambda: None
        self.page_max = 500

    def has(self, id_: int, total: str, changed: datetime | None = None) -> None:
        self.sales[id_] = ReadBackSale(
            id=id_, number=f"SO{id_}", state="processing", currency_code="USD", total_amount=Decimal(total),
            write_date=changed,
        )  # fmt: skip

    def sells(self, sale: int, **units: int) -> None:
        """The sale's lines, of so many units by SKU; a product's id is its SKU's first letter."""
        self.lines = [each for each in self.lines if each.sale != sale]
        self.lines += [
            ReadBackLine(id=100 * sale + number, sale=sale, product=ord(sku[0]), product_code=sku,
                         quantity=Decimal(quantity), unit_price=Decimal(5), channel_identifier=sku)
            for number, (sku, quantity) in enumerate(units.items())
        ]  # fmt: skip

    async def perform(self, kind: str, body: bytes) -> Any:
        self.calls[kind] += 1
        await anyio.sleep(0.1)
        failure = self.weather()
        if failure is not None:
            raise failure
        rows: Sequence[ReadBackSale | ReadBackLine | SalePayment]
        if kind == "changed_read_back_sales":
            asked = msgspec.json.decode(body, type=Changes)
            since = asked.since
            rows = [each for each in self.sales.values() if each.write_date and since and each.write_date >= since]
            after = asked.after_id
        elif kind == "changed_sale_payments":
            rows, after = [], 0
        elif kind in ("find_read_back_lines", "find_sale_payments"):
            found = msgspec.json.decode(body, type=Find)
            told: Sequence[ReadBackLine | SalePayment] = self.lines if "lines" in kind else self.payments
            rows, after = [each for each in told if each.sale in found.values], found.after_id
        else:
            found = msgspec.json.decode(body, type=Find)
            rows = [self.sales[int(id_)] for id_ in found.values if int(id_) in self.sales]
            after = found.after_id
        rows = sorted((each for each in rows if each.id > after), key=lambda each: each.id)
        page = tuple(rows[: self.page_max])
        last = max((each.id for each in page), default=after)
        return Page(rows=page, last_id=last, complete=len(rows) <= self.page_max)

    async def look(self, kind: str, body: bytes) -> None:
        raise AssertionError("a read is repeated")


def actors(journal: Journal, emit: Callable[[Any], None]) -> Sequence[Actor]:
    return [Reconciler(POLICY, journal, emit), SaleChecks(emit)]


def actors_of_units(journal: Journal, emit: Callable[[Any], None]) -> Sequence[Actor]:
    return [Reconciler(OF_UNITS, journal, emit), SaleChecks(emit)]


def outside(erp: Erp, world_clock: Any) -> Outside:
    lane = LaneConfig(workers_per_share={"orders": 1, "rest": 1}, retry=RetryPolicy(attempts_max=2), settle_s=0.0)
    shares = {"orders": 70, "rest": 5}
    budget = Budget(world_clock, shares, limit_per_s=None, concurrency_max=4, burst=4)
    return Outside(api=erp, lane=lane, budget=budget, breaker=Breaker())


async def expected(
    world: ProofWorld, number: int, amount: str = "100.00", units: str | None = None, *, busy: int = 0
) -> None:
    """An order with its sale, of some hours ago, that is to be read back. `busy`: it is being worked on."""
    at = world.clock.now() - 4 * 3_600 * 1_000_000
    key = f"web/{number}"
    await world.write("put_expected_sale", key, number, "imported", amount, "USD", None, None, units, busy, at)
    await world.write("put_sale_due", number, at)


async def look(world: ProofWorld) -> None:
    await world.engine.post(RECONCILER, RECONCILER_KEY, Reconcile())


async def differing(world: ProofWorld) -> list[tuple[str, str | None]]:
    return [(subject, amount) for _, subject, _, amount in await world.cases()]


@pytest.mark.parametrize("dies_after_s", [0.05, 0.15, 0.25, 0.35, 0.45])
def test_whenever_the_process_dies_each_difference_becomes_one_case(tmp_path: Path, dies_after_s: float) -> None:
    """In the sweep, between its pages, in the batch, before what came of it: the books are the same in the end."""

    async def main() -> None:
        erp = Erp()
        erp.page_max = 2
        async with process(tmp_path / "s.db", actors, lambda clock: [outside(erp, clock)]) as world:
            for number in range(1, 6):
                erp.has(number, "90.00" if number in (2, 5) else "100.00", world.now)
                await expected(world, number)
            await look(world)
            await anyio.sleep(dies_after_s)
        async with process(tmp_path / "s.db", actors, lambda clock: [outside(erp, clock)]) as world:
            await look(world)
            await world.until_idle()
            assert await differing(world) == [("web/2", "10.00"), ("web/5", "10.00")]
            assert await world.sql("SELECT sale FROM sale_due") == []
            assert await world.sql("SELECT count(*), sum(differs) FROM sale_seen") == [(5, 2)]
            facts = await world.sql("SELECT subject, kind FROM fact WHERE kind = 'sale_differs' ORDER BY subject")
            assert facts == [("web/2", "sale_differs"), ("web/5", "sale_differs")]

    story(main)


def test_a_sale_that_changes_here_while_it_is_read_is_put_off_and_a_new_one_that_is_not_there_yet_is_not_gone(
    tmp_path: Path,
) -> None:
    """What was read before the change says nothing; the next look compares both as they are then."""

    async def main() -> None:
        erp = Erp()
        async with process(tmp_path / "s.db", actors, lambda clock: [outside(erp, clock)]) as world:
            erp.has(1, "100.00", world.now)
            await expected(world, 1)
            now = world.clock.now()
            await world.write("put_expected_sale", "web/2", 2, "imported", "5.00", "USD", None, None, None, 0, now)
            await world.write("put_sale_due", 2, now)
            await look(world)
            await anyio.sleep(0.15)  # the batch is being read
            later = world.clock.now()
            await world.write("put_expected_sale", "web/1", 1, "imported", "70.00", "USD", None, None, None, 0, later)
            await world.until_idle()
            assert await differing(world) == []
            assert await world.sql("SELECT sale FROM sale_due ORDER BY 1") == [(1,), (2,)]
            erp.has(1, "70.00", world.now)
            await anyio.sleep(3_700)
            await world.until_idle()
            assert await differing(world) == [("web/2", "5.00")], "an hour later it is gone"

    story(main)


def test_what_fulfil_refuses_is_a_case_and_tried_again(tmp_path: Path) -> None:
    """After a quarter of an hour; the sweep begins anew from its watermark."""

    async def main() -> None:
        erp = Erp()
        async with process(tmp_path / "s.db", actors, lambda clock: [outside(erp, clock)]) as world:
            erp.has(1, "90.00", world.now)
            await expected(world, 1)
            erp.weather = lambda: Refused("no rights to read sale.sale", code="403")
            await look(world)
            await anyio.sleep(10)
            assert [kind for kind, *_ in await world.cases()] == ["proof.refused"]
            erp.weather = lambda: None
            await anyio.sleep(960)
            await world.until_idle()
            assert await world.cases() == [("sale.differs", "web/1", "total", "10.00")]

    story(main)


def test_a_case_of_what_cannot_be_read_does_not_begin_anew_with_each_look(tmp_path: Path) -> None:
    """The sweeps come through, and the lines of sales stay forbidden: it is one case, as old as the first refusal."""

    class Forbidden(Erp):
        forbids = True

        async def perform(self, kind: str, body: bytes) -> Any:
            if kind == "find_read_back_lines" and self.forbids:
                raise Refused("no rights to read sale.line", code="403")
            return await super().perform(kind, body)

    async def main() -> None:
        erp = Forbidden()
        async with process(tmp_path / "s.db", actors_of_units, lambda clock: [outside(erp, clock)]) as world:
            erp.has(1, "100.00", world.now)
            erp.sells(1, MUG=2)
            await expected(world, 1, units='{"MUG":"2"}')
            await look(world)
            await anyio.sleep(10)
            first = await world.sql("SELECT opened_at FROM exception_case")
            await anyio.sleep(3_600)
            assert await world.sql("SELECT opened_at FROM exception_case WHERE closed_at IS NULL") == first
            assert not [each for each in world.events if getattr(type(each), "event", "") == "case.closed"]
            erp.forbids = False
            await anyio.sleep(960)
            await world.until_idle()
            assert await world.cases() == []

    story(main)


@pytest.mark.parametrize("dies_after_s", [0.35, 0.45, 0.55, 0.65])
def test_units_of_sales_are_read_page_by_page_whenever_the_process_dies(tmp_path: Path, dies_after_s: float) -> None:
    """Lines of one sale may be on two pages. Only the sale with another product on it is a case."""

    async def main() -> None:
        erp = Erp()
        erp.page_max = 3
        async with process(tmp_path / "s.db", actors_of_units, lambda clock: [outside(erp, clock)]) as world:
            for number in range(1, 4):
                erp.has(number, "100.00", world.now)
                erp.sells(number, MUG=2, LAMP=1)
                await expected(world, number, units='{"MUG":"2","LAMP":"1"}')
            erp.sells(2, MUG=1, LAMP=1, CUP=1)
            await look(world)
            await anyio.sleep(dies_after_s)
        async with process(tmp_path / "s.db", actors_of_units, lambda clock: [outside(erp, clock)]) as world:
            await look(world)
            await world.until_idle()
            assert await world.cases() == [("sale.differs", "web/2", "units", "5.00")]
            assert await world.sql("SELECT sale FROM sale_due") == []

    story(main)


def test_a_product_with_another_name_is_no_other_product_and_a_sale_made_by_hand_has_changes_and_no_case(
    tmp_path: Path,
) -> None:
    """Products are remembered by their ids; of units that nobody sent only a change is told."""

    async def main() -> None:
        erp = Erp()
        async with process(tmp_path / "s.db", actors_of_units, lambda clock: [outside(erp, clock)]) as world:
            for number, units in ((1, '{"MUG":"2"}'), (2, '{"MUG":"2"}'), (3, None)):
                erp.has(number, "100.00", world.now)
                erp.sells(number, MUG=2)
                await expected(world, number, units=units)
            await look(world)
            await world.until_idle()
            erp.sells(1, MUG_OF_2026=2)
            erp.sells(2, LAMP=2)
            erp.sells(3, LAMP=2)
            for number in (1, 2, 3):
                await world.write("put_sale_due", number, world.clock.now())
            await anyio.sleep(3_700)
            await world.until_idle()
            assert await world.cases() == [("sale.differs", "web/2", "units", "10.00")]
            facts = await world.sql("SELECT subject FROM fact WHERE kind = 'changed_by_hand' ORDER BY subject")
            assert facts == [("web/2",), ("web/3",)]
            erp.sells(2, MUG=2)
            await anyio.sleep(3_700)
            await world.until_idle()
            assert await world.cases() == []

    story(main)


def test_a_settled_order_s_sale_that_is_read_once_more_is_not_watched_again(tmp_path: Path) -> None:
    """Else every sale that ever changed after its order was settled would be read each week for ever."""

    async def main() -> None:
        erp = Erp()
        async with process(tmp_path / "s.db", actors, lambda clock: [outside(erp, clock)]) as world:
            for number in (1, 2):
                erp.has(number, "100.00")
                await expected(world, number)
                await world.write("put_order_closing", f"web/{number}", "web", "USD", "0", "[]", None)
            await look(world)
            await world.until_idle()
            await world.write("note_closing", None, "[]", "", world.clock.now(), "[]", "web/1")
            await world.write("end_sale_watch", "web/1")
            for number in (1, 2):
                await world.write("put_sale_due", number, world.clock.now())
            await anyio.sleep(3_700)
            await world.until_idle()
            assert await world.sql("SELECT sale FROM sale_due") == []
            assert await world.sql("SELECT key, watched FROM sale_seen ORDER BY key") == [("web/1", 0), ("web/2", 1)]

    story(main)


def test_six_hundred_sales_cost_a_handful_of_calls(tmp_path: Path) -> None:
    """Two batches and a sweep; nothing is said of those that agree, and no message goes to their orders."""

    async def main() -> None:
        erp = Erp()
        async with process(tmp_path / "s.db", actors, lambda clock: [outside(erp, clock)]) as world:
            at = world.clock.now() - 4 * 3_600 * 1_000_000
            rows = []
            for number in range(1, 601):
                erp.has(number, "100.00")
                row = (f"web/{number}", number, "imported", "100.00", "USD", None, None, None, 0, at)
                rows += [("put_expected_sale", row), ("put_sale_due", (number, at))]
            await world.journal.write(rows)
            await look(world)
            await world.until_idle()
            assert sum(erp.calls.values()) <= 4
            assert await world.sql("SELECT count(*) FROM sale_seen WHERE differs = 0") == [(600,)]
            assert await world.sql("SELECT count(*) FROM state WHERE actor = 'sale_checks'") == [(0,)]
            assert timedelta() < POLICY.every

    story(main)


def test_however_many_sales_differ_each_is_read_again(tmp_path: Path) -> None:
    """Most of them stay as they are, since a person has accepted that: the last ones agree by now, and end."""

    async def main() -> None:
        erp = Erp()
        async with process(tmp_path / "s.db", actors, lambda clock: [outside(erp, clock)]) as world:
            for number in range(1, 511):
                erp.has(number, "90.00")
                await expected(world, number)
            await look(world)
            await anyio.sleep(60)
            assert len(await world.cases()) == 510
            for number in range(501, 511):
                erp.has(number, "100.00")
            await anyio.sleep(3 * 3_600)
            assert len(await world.cases()) == 500

    story(main)


def test_however_many_sales_are_being_worked_on_the_others_are_read(tmp_path: Path) -> None:
    """They wait for their shipments, say, and have waited for longer than those that could be compared."""

    async def main() -> None:
        erp = Erp()
        async with process(tmp_path / "s.db", actors, lambda clock: [outside(erp, clock)]) as world:
            for number in range(1, 561):
                erp.has(number, "90.00")
                await expected(world, number, busy=int(number <= 520))
            await look(world)
            await anyio.sleep(2 * 3_600)
            assert len(await world.cases()) == 40
            assert erp.calls["find_read_back_sales"] < 10

    story(main)


async def captured(world: ProofWorld, number: int, amount: str = "100.00", status: str = "imported") -> None:
    """An order of some hours ago, of whose amount its create has captured 40.00."""
    at = world.clock.now() - 4 * 3_600 * 1_000_000
    await world.write("put_expected_sale", f"web/{number}", number, status, amount, "USD", None, "40.00", None, 0, at)
    await world.write("put_sale_due", number, at)


async def payment(
    world: ProofWorld, number: int, record: str, type_: str, amount: str | None, reached: str = "completed", at: int = 1
) -> None:
    """A payment beside the create; `reached`: how far it is in Fulfil."""
    money = (amount or "9.00", "USD", amount, "USD", None, None, None, "2026-01-01", 0, "", "{}")
    row = (
        f"web/{number}",
        record,
        "web",
        f"#{number}",
        number,
        type_,
        "capture",
        record,
        "card",
        "Card",
        1,
        "money",
        *money,
    )
    await world.write("put_payment", *row, "due", 0, "", "completed", at)
    if reached:
        await world.write("payment_reached", reached, 1, 0, at, f"web/{number}", record, "completed")


def test_what_was_recorded_of_payments_is_expected_and_while_one_is_open_nothing_is_said(tmp_path: Path) -> None:
    """Captured by the create and since, refunded since; an amount that nobody can convert makes both unknown."""
    reads = ReconcilePolicy(reads=frozenset({"sales", "payments"}))

    def actors_of_payments(journal: Journal, emit: Callable[[Any], None]) -> Sequence[Actor]:
        return [Reconciler(reads, journal, emit), SaleChecks(emit)]

    async def main() -> None:
        erp = Erp()
        async with process(tmp_path / "s.db", actors_of_payments, lambda clock: [outside(erp, clock)]) as world:
            for number in range(1, 10):
                erp.has(number, "100.00", world.now)
                await captured(world, number)
                paid, back = Decimal("99.00"), Decimal("8.00")
                erp.payments.append(SalePayment(id=number, sale=number, amount_captured=paid, amount_refunded=back))
            for number in (1, 2):
                await payment(world, number, "+C1", "charge", "50.00")
                await payment(world, number, "+C2", "charge", "9.00")
                await payment(world, number, "-R1", "refund", "8.00" if number == 1 else "7.00")
            await payment(world, 3, "+C1", "charge", "50.00")
            await payment(world, 3, "+C2", "charge", "9.00", reached="")
            await payment(world, 4, "+C1", "charge", None)
            await payment(world, 5, "+C1", "charge", "59.00", reached="authorized")
            later = world.clock.now() + 3_600_000_000
            await payment(world, 6, "+C1", "charge", "50.00", at=later)
            await payment(world, 7, "*", "fields", None, reached="")
            await payment(world, 8, "+C1", "charge", "9.00", reached="")
            await payment(world, 8, "+C2", "charge", "50.00")
            await payment(world, 9, "+C1", "charge", "59.00", reached="")
            await world.write("payment_refused", "web/9", "+C1", "completed")
            await look(world)
            await world.until_idle()
            found = [(subject, cause, amount) for _, subject, cause, amount in await world.cases()]
            assert found == [
                ("web/2", "refunded", "1.00"), ("web/7", "captured", "59.00"), ("web/7", "refunded", "8.00"),
                ("web/9", "captured", "59.00"), ("web/9", "refunded", "8.00"),
            ]  # fmt: skip
            assert [(each.sales, each.differing) for each in world.events if isinstance(each, SalesProven)] == [(9, 3)]
            opened = [each for each in world.events if isinstance(each, CaseOpened)]
            assert sorted((each.key, each.cases) for each in opened) == [("web/2", 1), ("web/7", 2), ("web/9", 2)]

    story(main)


def test_a_cancelled_order_s_sale_is_to_be_cancelled_and_a_watched_one_is_to_have_left(tmp_path: Path) -> None:
    """And what an order waits for is looked at as soon as its sale was read, where orders are settled."""
    policy = ReconcilePolicy(reads=frozenset({"sales"}), watched=frozenset({"web"}), settles=True)

    def settling(journal: Journal, emit: Callable[[Any], None]) -> Sequence[Actor]:
        return [Reconciler(policy, journal, emit), SaleChecks(emit)]

    async def main() -> None:
        erp = Erp()
        async with process(tmp_path / "s.db", settling, lambda clock: [outside(erp, clock)]) as world:
            for number, status in ((1, "cancelled"), (2, "imported"), (3, "imported")):
                erp.has(number, "100.00", world.now - timedelta(hours=2))
                await captured(world, number, status=status)
            erp.sales[2] = replace(erp.sales[2], shipment_state="sent")
            later = world.clock.now() + 86_400_000_000
            await world.write("put_order_closing", "web/3", "web", "USD", "0", "[]", later)
            await world.write("note_closing", later, "[]", "proof", None, "[]", "web/3")
            await look(world)
            await world.until_idle()
            assert [(subject, cause) for _, subject, cause, _ in await world.cases()] == [
                ("web/1", "state"), ("web/2", "shipments"),
            ]  # fmt: skip
            due = await world.journal.query("closings_due", world.clock.now(), 10)
            assert [row[0] for row in due] == ["web/3"]

    story(main)
