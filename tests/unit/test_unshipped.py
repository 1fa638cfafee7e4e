"""What is read of orders that are due, and why they have not left: tables of what Fulfil says."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from connectors.fulfil.changes import Page
from connectors.fulfil.models import Find, Ids
from connectors.fulfil.sales import ShippedLine
from connectors.fulfil.shipments import Shipment
from connectors.fulfil.stock import StockMove
from connectors.fulfil.typed import Reference
from flows.model.order_state import OrderState, Status
from flows.model.ship_by import ShipWithin
from flows.model.unshipped import Outstanding, OutstandingSeen, unshipped_rows
from flows.unshipped.actor import LookForUnshipped, UnshippedPolicy, UnshippedState, _Due, _Read, decide
from flows.unshipped.looking import Due, Levels, Looking, asked, begun, learned, outstanding
from runtime.clock import to_instant
from runtime.decision import EffectExhausted, EffectRefused

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
YESTERDAY = NOW - timedelta(days=1)
OUT, DROP = "stock.shipment.out", "stock.shipment.drop"


class Books:
    """What Fulfil has of sales: a line of three mugs each, unless told."""

    def __init__(self) -> None:
        self.lines: dict[int, ShippedLine] = {}
        self.moves: dict[int, StockMove] = {}
        self.ships: dict[int, Shipment] = {}
        self.reads: Counter[str] = Counter()

    def sale(self, sale: int, *moves: tuple[int, str, int], state: str = "processing", product: int = 157) -> Books:
        """A sale of three, with moves of so many, in a state, in a shipment."""
        ids = []
        for place, (units, state_, shipment) in enumerate(moves):
            id_ = sale * 100 + place
            model = DROP if shipment < 0 else OUT
            of = Reference(model, abs(shipment)) if shipment else None
            self.moves[id_] = StockMove(
                id=id_, product=product, quantity=Decimal(units), state=state_, shipment=of, to_type="customer"
            )
            ids.append(id_)
        self.lines[sale] = ShippedLine(
            id=sale, sale=sale, product=157, product_code="MUG", quantity=Decimal(3), moves=tuple(ids),
            channel_identifier=f"L{sale}", sale_state=state,
        )  # fmt: skip
        return self

    def ship(self, id_: int, state: str = "waiting", **more: Any) -> Books:
        self.ships[id_] = Shipment(id=id_, number=f"CS{id_}", state=state, **more)
        return self

    def read(self, *due: Due, levels: Levels | None = None) -> list[Outstanding]:
        """A look, read to its end in as many reads as it takes."""
        looking = begun(due)
        while (ask := asked(looking)) is not None:
            self.reads[ask.kind] += 1
            looking = learned(looking, self.answer(ask.kind, ask.body))
            looking = msgspec.json.decode(msgspec.json.encode(looking), type=Looking)
        return [found for _, found in outstanding(looking, levels or {}, NOW)]

    def answer(self, kind: str, body: bytes) -> Any:
        if kind == "find_shipped_lines":
            question = msgspec.json.decode(body, type=Find)
            rows = [
                row
                for id_, row in sorted(self.lines.items())
                if row.sale in question.values and id_ > question.after_id
            ]
            page = rows[: question.limit]
            return Page(rows=tuple(page), last_id=page[-1].id if page else 0, complete=len(page) < question.limit)
        table: dict[int, Any] = self.moves if kind == "read_stock_moves" else self.ships
        return tuple(table[id_] for id_ in msgspec.json.decode(body, type=Ids).ids if id_ in table)


def _due(sale: int = 7, at: datetime | None = YESTERDAY) -> Due:
    return Due(f"web/{sale}", sale, at)


WAITING = Books().sale(7, (3, "draft", 1)).ship(1)


@pytest.mark.parametrize(
    ("books", "levels", "cause"),
    [
        (Books(), {}, "not found"),
        (Books().sale(7, state="draft"), {}, "not processing"),
        (Books().sale(7), {}, "not planned"),
        (Books().sale(7, (3, "draft", 0)), {}, "not planned"),
        (Books().sale(7, (3, "draft", 1)).ship(1, on_hold=True), {}, "on hold"),
        (WAITING, {}, "unallocated"),
        (WAITING, {"MUG": (Decimal(9), Decimal(2))}, "unallocated"),
        (WAITING, {"MUG": (Decimal(2), Decimal(0))}, "no stock"),
        (WAITING, {"MUG": (Decimal(9), Decimal(-1))}, "no stock"),
        (Books().sale(7, (3, "draft", 1)).ship(1, "assigned"), {}, "not picked"),
        (Books().sale(7, (3, "draft", 1)).ship(1, "assigned", picking_status="in-progress"), {}, "picking"),
        (Books().sale(7, (3, "assigned", 1)).ship(1, "packed"), {}, "packed"),
        (Books().sale(7, (3, "draft", -4)), {}, "at the supplier"),
        (Books().sale(7, (2, "done", 1), (1, "draft", 2)).ship(2), {}, "unallocated"),
    ],
)
def test_why_an_order_has_not_left_is_what_its_shipments_say(books: Books, levels: Levels, cause: str) -> None:
    """Failure case 22: of two orders for the last unit the one that Fulfil cannot serve says so."""
    (found,) = books.read(_due(), levels=levels)
    assert found.cause == cause
    assert found.told


@pytest.mark.parametrize(
    ("books", "units"),
    [
        (Books().sale(7, (3, "done", 1)), (3, 0, 0)),
        (Books().sale(7, (2, "done", 1)), (2, 0, 1)),
        (Books().sale(7, (2, "done", 1), (1, "cancel", 1)), (2, 0, 1)),
        (Books().sale(7, (2, "done", 1), (1, "draft", 2)).ship(2), (2, 1, 0)),
        (Books().sale(7, (3, "cancel", 1)), (0, 0, 3)),
        (Books().sale(7, (3, "draft", 1), state="cancel").ship(1), (0, 0, 3)),
        (Books().sale(7, state="done"), (3, 0, 0)),
        (Books().sale(7, (6, "draft", 1), product=9).ship(1), (0, 3, 0)),
        (Books().sale(7, (6, "cancel", 1), product=9), (0, 0, 3)),
        (Books().sale(7, (4, "done", 1), (2, "cancel", 1), product=9), (3, 0, 0)),
    ],
)
def test_units_are_shipped_open_or_cancelled(books: Books, units: tuple[int, int, int]) -> None:
    """A completed sale without moves is history. Of a kit it is only known whether any of it may still come."""
    (found,) = books.read(_due())
    (line,) = found.lines
    assert (line.shipped, line.open, line.cancelled) == units


def test_a_line_without_moves_beside_others_is_nothing_that_is_shipped() -> None:
    """A service, or an insurance: it is neither late nor given up."""
    books = Books().sale(7, (3, "done", 1))
    books.lines[8] = msgspec.structs.replace(books.lines[7], id=8, product=99, product_code="WRAP", moves=())
    (found,) = books.read(_due())
    assert [(line.open, line.cancelled) for line in found.lines] == [(0, 0), (0, 0)]


def test_a_look_at_two_hundred_orders_is_a_handful_of_reads() -> None:
    """At most 0.2 calls for each order, whatever is missing: here 0.02."""
    books = Books()
    for sale in range(1, 201):
        books.sale(sale, (1, "done", sale), (2, "draft", 1_000 + sale)).ship(1_000 + sale)
    found = books.read(*(_due(sale) for sale in range(1, 201)))
    assert {each.cause for each in found} == {"unallocated"}
    assert books.reads == {"find_shipped_lines": 1, "read_stock_moves": 1, "read_shipments": 1}


def test_an_order_waits_to_be_shipped_from_its_import_until_it_is_cancelled() -> None:
    """Linked to another sale it waits anew; nothing else that happens to it changes the row."""
    held = OrderState(status=Status.HELD, placed_at=YESTERDAY, ship_by=NOW)
    there = msgspec.structs.replace(held, status=Status.IMPORTED, sale=7)
    (put,) = unshipped_rows("web/1", held, there)
    assert (put.statement, put.row) == ("put_unshipped", ("web/1", "web", 7, to_instant(YESTERDAY), to_instant(NOW)))
    assert unshipped_rows("web/1", there, msgspec.structs.replace(there, version="2")) == ()
    (anew,) = unshipped_rows("web/1", there, msgspec.structs.replace(there, sale=8))
    assert anew.row[2] == 8
    (gone,) = unshipped_rows("web/1", there, msgspec.structs.replace(there, status=Status.CANCELLED))
    assert (gone.statement, gone.row) == ("drop_unshipped", ("web/1",))


# -- the actor ---------------------------------------------------------------------------------------------------------

POLICY = UnshippedPolicy(every=timedelta(minutes=15), sales_channels={"web": ShipWithin(business_days=1)})


def _handed_on(books: Books, *due: Due) -> Any:
    looking = begun(due)
    while (ask := asked(looking)) is not None:
        looking = learned(looking, books.answer(ask.kind, ask.body))
    return decide(UnshippedState(looking=looking), _Read(looking=looking, levels={}), NOW, POLICY)


def test_each_order_learns_what_is_outstanding_and_a_late_one_is_looked_at_hours_later() -> None:
    """One that is only short, too; the others when they are due. What follows is one transaction."""
    books = Books().sale(7, (3, "draft", 1)).ship(1).sale(8, (2, "done", 1)).sale(9, (3, "draft", 1))
    decision = _handed_on(books, _due(7), _due(8, None), _due(9, NOW + timedelta(hours=1)))
    assert [(emit.channel, emit.key) for emit in decision.emits] == [
        ("order_fulfilments", f"web/{sale}") for sale in (7, 8, 9)
    ]
    assert all(isinstance(emit.message, OutstandingSeen) for emit in decision.emits)
    looked = {write.row[3]: (write.row[0] is not None, write.row[2]) for write in decision.writes}
    assert looked == {"web/7": (True, "unallocated"), "web/8": (True, ""), "web/9": (False, "")}
    (timer,) = decision.timers
    assert timer.due == NOW + POLICY.every


def test_a_look_asks_for_nothing_when_nothing_is_due_and_for_more_at_once_when_there_is_more() -> None:
    """Its timer is its only other trigger."""
    idle = decide(UnshippedState(), _Due(orders=()), NOW, POLICY)
    assert (idle.effects, idle.timers[0].due) == ((), NOW + POLICY.every)
    begun_ = decide(UnshippedState(), _Due(orders=(_due(),), more=True), NOW, POLICY)
    assert begun_.effects[0].kind == "find_shipped_lines"
    done = decide(begun_.state, _Read(looking=Looking(orders=(), phase="complete"), levels={}), NOW, POLICY)
    assert done.timers[0].due == NOW
    assert decide(begun_.state, LookForUnshipped(), NOW, POLICY).state == begun_.state


@pytest.mark.parametrize("failure", [EffectRefused, EffectExhausted])
def test_a_look_that_fulfil_refuses_is_made_again_and_is_a_case(failure: Any) -> None:
    """It begins anew: what was read of it is old by then."""
    told = {"code": "403"} if failure is EffectRefused else {"cause": "timeout"}
    outcome = failure(intent=1, kind="read_shipments", sentence="no access", attempts=1, began_us=1, ended_us=2, **told)
    decision = decide(UnshippedState(looking=begun([_due()])), outcome, NOW, POLICY)
    assert decision.state.looking is None
    assert [case.kind for case in decision.state.cases] == ["shipments.refused"]
    assert decision.timers[0].due > NOW
