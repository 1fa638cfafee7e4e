"""Money that a person has entered in Fulfil, beside what the sales channel tells: each is one payment, and only one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from flows.model.order import Payment
from runtime.clock import to_instant
from tests.actors.test_payment_stories import A1, CAPTURE, by_hand, imported, version
from tests.unit.made_orders import payment
from tests.world_of_payments import BEGAN, RULES, World


def half(id_: str, at: datetime = BEGAN) -> Payment:
    """Half of the order's money, captured."""
    return msgspec.structs.replace(payment("5.00", id=id_, kind=CAPTURE, parent_id="A1"), at=at)


def bare(world: World, amount: str = "5.00", *, at: datetime = BEGAN) -> None:
    """Somebody enters a payment at its sale, and no transaction of it."""
    books = world.erp.books
    sale = books.sales[books.sale_ids[3, "1001"]]
    gateway = next(row.id for row in books.gateways if row.code == "stripe")
    row = books.add_payment(sale, gateway=gateway, amount=Decimal(amount), reference=None)
    row.create_date = to_instant(at)


def entered(world: World) -> None:
    """The same with its transaction."""
    by_hand(world, reference=None, amount="5.00")


def recorded(world: World) -> list[tuple[str, bool]]:
    """Which captures were recorded, and whether they were there already."""
    rows = world.journal.connection.execute("SELECT record, found FROM payment WHERE kind = 'capture' ORDER BY record")
    assert {status for name, status in world.statuses().items() if name != "+A1"} == {"recorded"}
    return [(name, bool(found)) for name, found in rows]


@pytest.mark.parametrize("apart", [False, True], ids=["together", "one after the other"])
@pytest.mark.parametrize("enter", [entered, bare], ids=["with its transaction", "bare"])
def test_what_was_entered_once_is_one_of_two_payments_of_the_same_day(enter: Any, *, apart: bool) -> None:
    """Two captures of one amount on one day, of which a person has entered one: the other one is made."""
    world = imported()
    enter(world)
    if apart:
        world.sends(version(2, A1, half("C1"))).run()
    world.sends(version(3, A1, half("C1"), half("C2"))).run()
    assert recorded(world) == [("+C1", True), ("+C2", False)]
    assert ("charge", "C2", Decimal("5.00"), "completed") in world.erp.money()


@pytest.mark.parametrize("enter", [entered, bare], ids=["with its transaction", "bare"])
def test_what_was_entered_twice_is_both_payments_of_the_same_day(enter: Any) -> None:
    """Nothing is made: each of them is one of the two."""
    world = imported()
    enter(world)
    enter(world)
    world.sends(version(2, A1, half("C1"))).run()
    world.sends(version(3, A1, half("C1"), half("C2"))).run()
    assert recorded(world) == [("+C1", True), ("+C2", True)]


@pytest.mark.parametrize(("zone", "day"), [("America/Los_Angeles", date(2026, 11, 20)), ("UTC", date(2026, 11, 21))])
def test_the_day_on_which_it_was_entered_is_that_of_finances_company(zone: str, day: date) -> None:
    """Paid and entered in one evening, which is the next day in UTC: it is that payment, and not made again."""
    evening = datetime(2026, 11, 21, 2, tzinfo=UTC)
    world = World(rules=msgspec.structs.replace(RULES, time_zone=zone), time_zone=zone).sends(version(1, A1)).run()
    bare(world, at=evening)
    world.sends(version(2, A1, half("C1", evening))).run()
    assert world.payments().records["+C1"].day == day
    assert recorded(world) == [("+C1", True)]
