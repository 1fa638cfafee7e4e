"""The cases of an order that has not left, or of which something never will: when they begin, change and end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from flows.fulfilment_watcher.keeping import OrderShipments, Seen, progress
from flows.fulfilment_watcher.lateness import LOOK_AFTER, REFUNDS_LOOKED_AT
from flows.fulfilment_watcher.notices import decide
from flows.fulfilment_watcher.parts import OrderedLine, PartLine, ShipmentCancelled, ShipmentPart, ShipmentSeen
from flows.model.fulfilments import FulfilmentSettings
from flows.model.left import units_left
from flows.model.messages import Recheck
from flows.model.order import Order, Refund
from flows.model.outgoing import FlowTarget
from flows.model.unshipped import Cause, Outstanding, OutstandingLine, OutstandingSeen
from flows.model.worth import refunded_beyond_units, worth_of
from runtime.clock import to_instant
from runtime.decision import Decision
from tests.unit.made_orders import line, order, refund, usd, vat

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
DUE = NOW - timedelta(hours=9)
SETTINGS = FulfilmentSettings(flow=FlowTarget(flow_id="4331"), carriers={"UPS": "ups"})
MUGS = line("30.00", id="11", quantity=Decimal(3), discount=usd("3.00"), taxes=(vat("5.40"),))
CAP = line("12.00", id="12", sku="CAP", quantity=Decimal(1), taxes=(vat("2.40"),))
SOLD = replace(order("46.80", lines=(MUGS, CAP)), ship_by=DUE)


def units(mugs: tuple[int, int, int], caps: tuple[int, int, int] = (1, 1, 0)) -> tuple[OutstandingLine, ...]:
    """(ordered, shipped, open) of both lines."""
    return (
        OutstandingLine("11", "MUG-BLUE", *map(Decimal, mugs)),
        OutstandingLine("12", "CAP", *map(Decimal, caps)),
    )


class Watched:
    """The decisions on one order, one after the other."""

    def __init__(self) -> None:
        self.state, self.now, self.last = OrderShipments(key="web/1001"), NOW, Decision(state=None)

    def takes(self, message: Any, made: Order | None = SOLD, *, known: bool = True) -> Watched:
        left = units_left(made) if made is not None else {}
        if isinstance(message, OutstandingSeen | Recheck | ShipmentSeen):
            message = Seen(message=message, is_known=known, left=left, order=made)
        self.last = decide(self.state, message, self.now, SETTINGS)
        self.state = self.last.state
        return self

    def looks(
        self, *lines: OutstandingLine, cause: Cause | str = "", due: datetime | None = DUE, made: Order | None = SOLD
    ) -> Watched:
        found = Outstanding(looked_at=self.now, due_at=due, lines=lines, cause=cause, told=f"it is {cause}")  # type: ignore[arg-type]
        return self.takes(OutstandingSeen(outstanding=found), made)

    def rechecks(self, made: Order = SOLD, because: str = "later") -> Watched:
        self.now += REFUNDS_LOOKED_AT
        return self.takes(Recheck(because=because), made)

    def ships(self, mugs: int, caps: int = 1, id_: int = 1) -> Watched:
        part = ShipmentPart(
            shipment=f"out-{id_}", number=f"CS{id_}", changed_at=self.now, carrier="UPS", sale=77,
            lines=(PartLine("11", "MUG-BLUE", Decimal(mugs)), PartLine("12", "CAP", Decimal(caps))),
            ordered=(OrderedLine("11", "MUG-BLUE", Decimal(3)), OrderedLine("12", "CAP", Decimal(1))),
        )  # fmt: skip
        return self.takes(ShipmentSeen(part=part))

    @property
    def cases(self) -> dict[str, tuple[str, str]]:
        """By kind: cause and amount."""
        return {case.kind: (case.cause, f"{case.amount} {case.currency}") for case in self.state.cases}

    @property
    def wrote(self) -> list[str]:
        return [write.statement for write in self.last.writes if write.statement.endswith("unshipped")]


def test_an_order_that_has_not_left_is_a_case_since_its_promise_with_what_is_late_of_it() -> None:
    """Owner and deadline are the kind's; the cause may change, and the age does not."""
    watched = Watched().looks(*units((3, 0, 3)), cause="no stock")
    assert watched.cases == {"shipment.overdue": ("no stock", "32.40 USD")}
    (case,) = watched.state.cases
    assert (case.opened_at, "3 x MUG-BLUE was to leave by 2026-11-23 00:00Z" in case.sentence) == (DUE, True)
    watched.looks(*units((3, 1, 2)), cause="not picked")
    assert watched.cases == {"shipment.overdue": ("not picked", "21.60 USD")}
    assert watched.state.cases[0].opened_at == DUE


@pytest.mark.parametrize(
    ("lines", "cause", "due"),
    [
        (units((3, 0, 3)), "on hold", NOW + timedelta(hours=1)),
        (units((3, 0, 3)), "on hold", None),
        (units((3, 3, 0)), "", DUE),
    ],
)
def test_what_is_not_due_or_has_left_is_no_case(lines: Any, cause: str, due: datetime | None) -> None:
    """What has left is no longer waited for."""
    watched = Watched().looks(*lines, cause=cause, due=due)
    assert watched.cases == {}
    assert watched.wrote == ["drop_unshipped" if not cause else "calm_unshipped"]


def test_a_late_order_ends_by_itself_when_it_has_left() -> None:
    """In part it stays late, and is looked at soon; a shipment that is cancelled afterwards is waited for anew."""
    watched = Watched().looks(*units((3, 0, 3), (1, 0, 1)), cause="not picked").ships(2)
    assert (list(watched.cases), watched.wrote) == (["shipment.overdue"], ["look_unshipped"])
    (write,) = [each for each in watched.last.writes if each.statement == "look_unshipped"]
    assert write.row == (to_instant(NOW + LOOK_AFTER), "web/1001")
    watched.ships(1, 0, id_=2)
    assert (watched.cases, watched.wrote) == ({}, ["drop_unshipped"])
    watched.takes(ShipmentCancelled(shipment="out-2"))
    assert watched.wrote == ["put_unshipped", "look_unshipped"]
    (put,) = [each for each in watched.last.writes if each.statement == "put_unshipped"]
    assert put.row[3:] == (to_instant(SOLD.placed_at), to_instant(DUE)), "it is due as before"


def test_a_late_order_ends_when_the_sales_channel_wants_it_no_more() -> None:
    """Cancelled there: the sale in Fulfil is another case's matter."""
    watched = Watched().looks(*units((3, 0, 3), (1, 0, 1)), cause="on hold")
    assert watched.last.timers[0].due == NOW + REFUNDS_LOOKED_AT
    watched.rechecks(replace(SOLD, cancelled_at=NOW))
    assert (watched.cases, watched.state.outstanding, watched.wrote) == ({}, None, ["calm_unshipped"])


def test_an_order_that_cannot_be_read_is_late_as_a_whole() -> None:
    """Nobody can say how much is at stake."""
    watched = Watched().looks(*units((3, 0, 3)), cause="on hold", made=None)
    assert watched.cases == {"shipment.overdue": ("on hold", "None None")}
    assert Watched().looks(cause="not found").cases == {"shipment.overdue": ("not found", "46.80 USD")}


# -- what nobody will ship ---------------------------------------------------------------------------------------------

SHORT = units((3, 1, 0))


def test_units_that_the_warehouse_gave_up_are_a_case_with_what_the_customer_paid_for_them() -> None:
    """Two of three mugs, after their discount and with their tax; it needs no promise."""
    watched = Watched().looks(*SHORT, due=None)
    assert watched.cases == {"units.cancelled": ("warehouse", "21.60 USD")}
    assert "2 x MUG-BLUE will not be shipped" in watched.state.cases[0].sentence
    opened_at = watched.state.cases[0].opened_at
    assert watched.rechecks().state.cases[0].opened_at == opened_at


EDITED = replace(SOLD, lines=(replace(MUGS, quantity_left=Decimal(1)), CAP))
HALF = replace(SOLD, lines=(replace(MUGS, quantity_left=Decimal(2)), CAP))


@pytest.mark.parametrize(
    ("made", "amount"),
    [
        (EDITED, None),
        (HALF, "10.80 USD"),
        (replace(SOLD, refunds=(refund("21.60"),)), None),
        (replace(SOLD, refunds=(refund("21.59"),)), "21.60 USD"),
        (replace(EDITED, refunds=(refund("21.60", "21.60"),)), None),
        (replace(HALF, refunds=(refund("10.80", "10.80"),)), "10.80 USD"),
        (replace(SOLD, cancelled_at=NOW), None),
    ],
)
def test_it_ends_when_the_units_were_removed_or_their_money_went_back(made: Order, amount: str | None) -> None:
    """By an edit, by a refund that names the units, or by money alone; once counted as units, money counts no more."""
    watched = Watched().looks(*SHORT, due=None).rechecks(made)
    assert watched.cases == ({} if amount is None else {"units.cancelled": ("warehouse", amount)})
    if amount is None:
        assert watched.wrote == ["drop_unshipped"]


def test_it_ends_when_they_are_shipped_after_all_or_a_person_has_dealt_with_it() -> None:
    """Whoever released the order need not say so again at the next look at the same facts."""
    assert Watched().looks(*SHORT, due=None).looks(*units((3, 3, 0)), due=None).cases == {}
    assert Watched().looks(*SHORT, due=None).looks(*units((3, 1, 2)), cause="not picked", due=None).cases == {}
    released = Watched().looks(*SHORT, due=None).rechecks(because="person")
    assert (released.cases, released.wrote) == ({}, ["drop_unshipped"])
    assert released.looks(*SHORT, due=None).cases == {}
    assert released.looks(*units((3, 0, 0)), due=None).cases == {"units.cancelled": ("warehouse", "10.80 USD")}


def test_an_order_without_what_was_refunded_or_dealt_with_is_shipped() -> None:
    """One mug and the cap have left, two mugs never will: that is all of it."""
    short = Watched().ships(1).looks(*SHORT, due=None)
    assert progress(short.state).state == "partially shipped"
    assert progress(short.rechecks(EDITED).state).state == "shipped"
    assert progress(Watched().ships(1).looks(*SHORT, due=None).rechecks(because="person").state).state == "shipped"


def test_both_may_be_true_of_one_order() -> None:
    """A mug is late, and one will never come."""
    watched = Watched().looks(*units((3, 1, 1)), cause="on hold")
    assert watched.cases == {
        "shipment.overdue": ("on hold", "10.80 USD"),
        "units.cancelled": ("warehouse", "10.80 USD"),
    }


def test_of_a_bundle_by_rule_the_scarcest_component_decides() -> None:
    """Fulfil ships cups and saucers; the sales channel sold sets."""
    sets = order("40.00", lines=(line("40.00", id="5", sku="SET", quantity=Decimal(2)),))
    cups = OutstandingLine("5:CUP", "CUP", Decimal(4), Decimal(2), Decimal(0))
    saucers = OutstandingLine("5:SAUCER", "SAUCER", Decimal(2), Decimal(2), Decimal(0))
    assert Watched().looks(cups, saucers, due=None, made=sets).cases == {"units.cancelled": ("warehouse", "20.00 USD")}


# -- what was paid -----------------------------------------------------------------------------------------------------


def test_what_was_paid_for_units_is_their_share_of_the_line() -> None:
    """Rounded to the cent; of inclusive prices the tax is in them."""
    assert worth_of(SOLD, {"11": Decimal(1), "12": Decimal(1)}) == Decimal("25.20")
    inclusive = replace(SOLD, taxes_included=True)
    assert worth_of(inclusive, {"11": Decimal(1)}) == Decimal("9.00")
    third = order("10.00", lines=(line("10.00", id="1", quantity=Decimal(3)),))
    assert worth_of(third, {"1": Decimal(1)}) == Decimal("3.33")
    assert worth_of(SOLD, {"99": Decimal(1)}) == 0


def test_money_without_units_is_what_went_back_beyond_what_was_removed() -> None:
    """A refund that is still on its way counts for nothing."""
    assert refunded_beyond_units(SOLD) == 0
    assert refunded_beyond_units(replace(EDITED, refunds=(refund("25.00"),))) == Decimal("3.40")
    pending = Refund(id="R2", refunded=(), pending=(refund("5.00").refunded[0],))
    assert refunded_beyond_units(replace(SOLD, refunds=(pending,))) == 0
