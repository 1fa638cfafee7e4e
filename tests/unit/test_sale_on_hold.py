"""Shipments on hold: what the gate says of an order after its sale was made, and how holds begin, wait and end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from flows.model.gate import GateRule, GateSettings
from flows.model.order import FinancialStatus, FulfilmentStatus, PaymentKind, Risk
from flows.model.order_state import Status
from tests.unit.made_orders import line, payment, refund, usd
from tests.world_of_one_order import RELEASE, SHIPMENT, Version, World

REVIEW = GateSettings(rules=(GateRule(name="look", then="hold_shipment", tags=("review",), payment=("paid",)),))
FIRST = Version(1, review=True)
OTHER = SHIPMENT + 1

_RESERVED = payment("10.00", kind=PaymentKind.AUTHORISATION)
AUTHORISED: dict[str, Any] = {"financial_status": FinancialStatus.AUTHORISED, "payments": (_RESERVED,)}
VOIDED: dict[str, Any] = {
    "financial_status": FinancialStatus.VOIDED,
    "payments": (_RESERVED, payment("10.00", id="V", kind=PaymentKind.VOID, parent_id="T1")),
}
REFUNDED: dict[str, Any] = {"financial_status": FinancialStatus.REFUNDED, "refunds": (refund("10.00"),)}
PARTLY_REFUNDED: dict[str, Any] = {
    "financial_status": FinancialStatus.PARTIALLY_REFUNDED,
    "refunds": (refund("1.00"),),
}
RISKY: dict[str, Any] = {"risk": Risk.HIGH}
PARTLY_PAID: dict[str, Any] = {
    "lines": (line("10.00"), line("500.00", id="L2", sku="TV")),
    "payments": (payment("10.00"),),
    "financial_status": FinancialStatus.PARTIALLY_PAID,
    "totals": {"outstanding": usd("500.00")},
}
UNPAID: dict[str, Any] = {"financial_status": FinancialStatus.PENDING, "payments": ()}
NEWS = {
    "refunded in full": (Version(1), Version(2, of=REFUNDED), Version(3)),
    "voided": (Version(1, of=AUTHORISED), Version(2, of=VOIDED), Version(3)),
    "high risk": (Version(1), Version(2, of=RISKY), Version(3)),
    "partly paid": (
        Version(1),
        Version(2, price="510.00", of=PARTLY_PAID),
        Version(3, price="510.00", of={"lines": PARTLY_PAID["lines"]}),
    ),
}
"""What may be shipped, what may not any more, and what may again."""
EACH_NEWS = pytest.mark.parametrize(("first", "news", "passes"), NEWS.values(), ids=NEWS)


def looked_at(*, shared: tuple[int, ...] = (), shipments: tuple[int, ...] = (SHIPMENT, OTHER)) -> World:
    """An order that is to be looked at: what it is shipped with is on hold, and its case says so."""
    world = World((FIRST,), gate=REVIEW, shipments=shipments, shared=shared).run()
    assert (world.on_hold, world.state.held, world.kinds) == (shipments, shipments, ["order.on_hold"])
    return world


# -- what the gate says later ------------------------------------------------------------------------------------------


@EACH_NEWS
def test_what_the_gate_would_not_let_out_any_more_is_put_on_hold(
    first: Version, news: Version, passes: Version
) -> None:
    """The money went back, is gone, never came for all of it, or it is fraud: somebody's case, and not shipped."""
    world = World((first, news)).run()
    assert (world.on_hold, world.state.on_hold) == ((SHIPMENT,), True)
    assert "order.on_hold" in world.kinds


@EACH_NEWS
def test_news_that_come_while_the_sale_is_made_are_not_missed(first: Version, news: Version, passes: Version) -> None:
    """The answer to the create is lost, and the version waits until the sale is found: it is judged then."""
    world = World((first, news), answers_to={"create_order": ["lost after"]}).run([False])
    assert ("version_waits" in world.told, world.on_hold) == (True, (SHIPMENT,))
    assert "order.on_hold" in world.kinds
    released = World((news, passes), answers_to={"create_order": ["lost after"]}).run([False])
    assert "order.on_hold" not in released.kinds


@EACH_NEWS
def test_a_hold_that_is_refused_is_told_and_made_when_the_version_comes_again(
    first: Version, news: Version, passes: Version
) -> None:
    """The case does not say that it is on hold when it is not."""
    world = World((first, news), answers_to={"hold_shipment": ["refused", "refused"]}).run()
    assert world.free == (SHIPMENT,)
    told = next(case.sentence for case in world.state.cases if case.kind == "order.on_hold")
    assert told.endswith("is on hold yet, because Fulfil refused: it cannot be done")
    world.answers_to.clear()
    assert world.then(msgspec.structs.replace(news, number=3)).on_hold == (SHIPMENT,)


@EACH_NEWS
def test_what_a_person_has_released_stays_released_by_the_same_verdict(
    first: Version, news: Version, passes: Version
) -> None:
    """Only news are told again; the person had the last word about the rest."""
    world = World((first, news)).run().then(RELEASE)
    assert (world.free, world.kinds, world.state.held) == ((SHIPMENT,), [], ())
    again = world.then(msgspec.structs.replace(news, number=3))
    assert (again.free, "order.on_hold" in again.kinds) == ((SHIPMENT,), False)


def test_what_a_person_has_released_is_put_on_hold_by_another_verdict() -> None:
    """Released in spite of its risk; that its payment was voided is news, and so is the risk after that was paid."""
    world = World((Version(1), Version(2, of=RISKY))).run().then(RELEASE)
    assert world.then(Version(3, of=RISKY | VOIDED)).on_hold == (SHIPMENT,)
    assert world.then(RELEASE).free == (SHIPMENT,)
    assert world.then(Version(4, of=RISKY)).on_hold == (SHIPMENT,)


@EACH_NEWS
def test_a_verdict_that_lets_it_pass_releases_it(first: Version, news: Version, passes: Version) -> None:
    """Paid again after all, or no risk after all: nobody has to look."""
    world = World((first, news, passes)).run()
    assert (world.free, world.state.held, world.state.on_hold) == ((SHIPMENT,), (), False)
    assert "order.on_hold" not in world.kinds


@pytest.mark.parametrize(
    ("first", "second"),
    [({}, REFUNDED), ({}, PARTLY_REFUNDED), (AUTHORISED, VOIDED)],
    ids=["refunded", "partly refunded", "voided"],
)
def test_an_order_on_hold_is_not_released_by_worse_news(first: dict[str, Any], second: dict[str, Any]) -> None:
    """The fraud was refunded: that is no reason to ship it."""
    world = World((Version(1, of=RISKY | first), Version(2, of=RISKY | second))).run()
    assert world.on_hold == (SHIPMENT,)
    assert "order.on_hold" in world.kinds


@pytest.mark.parametrize("of", [UNPAID, RISKY], ids=["unpaid", "high risk"])
def test_nothing_of_an_order_of_the_past_is_put_on_hold(of: dict[str, Any]) -> None:
    """It came as shipped by a row that says so, and comes again: whatever its payment or its risk, it has left."""
    history = GateSettings(rules=(GateRule(name="history", then="import_completed", kinds=("shipped",)),))
    shipped = of | {"fulfilment_status": FulfilmentStatus.SHIPPED}
    world = World((Version(1, of=shipped),), gate=history, shipments=()).run().then(Version(2, of=shipped))
    assert (world.asked, world.kinds) == (["create_order"], [])


def test_a_waiver_of_the_gate_counts_for_that_verdict_only() -> None:
    """A person let it pass unpaid, and that stands; that the payment was voided since is another thing."""
    world = World((Version(1, of=UNPAID),)).run()
    assert world.state.status is Status.WAITING
    assert (world.then(RELEASE).state.status, world.free) == (Status.IMPORTED, (SHIPMENT,))
    assert (world.then(Version(2, of=UNPAID)).free, world.kinds) == ((SHIPMENT,), [])
    assert (world.then(Version(3, of=VOIDED)).on_hold, world.kinds) == ((SHIPMENT,), ["order.on_hold"])


def test_a_waiver_of_an_order_that_is_held_then_is_none_of_its_next_verdict() -> None:
    """It need not wait for edits, said somebody, and its SKU was not there; that it was voided since is no edit."""
    world = World((Version(1),), gate=GateSettings(grace_s=86_400))
    world.not_sold = ("MUG-BLUE",)
    assert world.run().state.status is Status.WAITING
    assert world.then(RELEASE).kinds == ["sku.unknown"]
    world.not_sold = ()
    assert (world.then(Version(2, of=VOIDED)).state.status, world.price) == (Status.WAITING, None)


# -- how a hold ends ---------------------------------------------------------------------------------------------------


def test_only_open_shipments_that_are_on_hold_are_released() -> None:
    """One has been shipped, one was released by somebody in Fulfil: Fulfil is asked before it is told."""
    third = OTHER + 1
    world = looked_at(shipments=(SHIPMENT, OTHER, third))
    world.change(SHIPMENT, state="done", on_hold=False)
    world.change(OTHER, on_hold=False)
    assert (world.then(RELEASE).free, world.kinds, world.state.held) == ((OTHER, third), [], ())
    assert world.sent("unhold_shipment") == [[[third], ""]]


def test_nothing_of_a_sale_that_somebody_has_cancelled_is_released() -> None:
    """There is nothing left that could go out, and nothing to do."""
    world = looked_at()
    world.sale_state = "cancel"
    world.change(SHIPMENT, OTHER, state="cancel")
    assert (world.then(RELEASE).kinds, world.state.held, world.state.work) == ([], (), None)
    assert "unhold_shipment" not in world.asked


def test_a_shipment_that_carries_another_orders_goods_stays_on_hold_and_is_a_case() -> None:
    """The other order may have to wait; what is this order's alone goes."""
    world = looked_at(shared=(SHIPMENT,))
    assert (world.then(RELEASE).on_hold, world.free, world.kinds) == ((SHIPMENT,), (OTHER,), ["order.on_hold"])
    assert "71 carries another order's goods, too; release it there when both may go" in world.sentence
    assert (world.then(RELEASE).on_hold, world.kinds) == ((SHIPMENT,), []), "the person who was told has seen to it"


def test_a_lone_shipment_that_is_shared_is_not_released() -> None:
    """No call is made at all; the sentence says what to do."""
    world = looked_at(shared=(SHIPMENT,), shipments=(SHIPMENT,)).then(RELEASE)
    assert (world.on_hold, world.kinds, world.sent("unhold_shipment")) == ((SHIPMENT,), ["order.on_hold"], [])
    assert "shipment CS71 carries another order's goods, too; release it there when both may go" in world.sentence


def test_a_release_that_is_refused_is_a_case_until_it_is_done() -> None:
    """A person releases again."""
    world = World((FIRST,), gate=REVIEW, answers_to={"unhold_shipment": ["refused"]}).run().then(RELEASE)
    assert (world.on_hold, world.kinds) == ((SHIPMENT,), ["order.on_hold"])
    assert "could not be released from hold: Fulfil refused: it cannot be done" in world.sentence
    assert (world.then(RELEASE).free, world.kinds) == ((SHIPMENT,), [])


@pytest.mark.parametrize("answer", ["done", "refused", "exhausted", "lost before", "lost after"])
@pytest.mark.parametrize("outcomes_first", range(5))
def test_a_hold_that_is_asked_to_be_released_while_it_is_under_way_ends_released(
    answer: str, outcomes_first: int
) -> None:
    """Whenever it is asked, and whatever becomes of the hold: no case, nothing on hold, nothing under way."""
    world = World((FIRST, RELEASE), gate=REVIEW, answers_to={"hold_shipment": [answer]})
    world.run([*[True] * outcomes_first, False])
    assert (world.free, world.kinds, world.state.held, world.state.work) == ((SHIPMENT,), [], (), None)
    assert not world.state.on_hold


# -- what was put there by others --------------------------------------------------------------------------------------


def test_a_hold_of_somebody_else_is_not_ours_to_release() -> None:
    """An edit finds the shipment on hold already: it leaves it so."""
    world = World((Version(1),)).run()
    world.change(SHIPMENT, on_hold=True)
    assert (world.then(Version(2, price="12.00")).price, world.kinds) == ("12.00", [])
    assert (world.on_hold, "unhold_shipment" in world.asked) == ((SHIPMENT,), False)


def test_a_hold_that_a_person_released_in_fulfil_is_made_again_before_an_edit() -> None:
    """What is remembered of it is not what is there, and the warehouse could pick meanwhile."""
    world = looked_at(shipments=(SHIPMENT,))
    world.change(SHIPMENT, on_hold=False)
    so_far = len(world.asked)
    world.then(Version(2, price="12.00", review=True))
    since = world.asked[so_far:]
    assert since.index("hold_shipment") < since.index("amend_order")
    assert (world.on_hold, world.price) == ((SHIPMENT,), "12.00")


def test_what_an_edit_adds_to_an_order_on_hold_is_on_hold() -> None:
    """Rule 1: nothing of it is to be shipped before somebody has looked."""
    world = looked_at(shipments=(SHIPMENT,))
    world.edits_add = (OTHER,)
    world.then(Version(2, price="12.00", review=True))
    assert (world.on_hold, world.free, world.kinds) == ((SHIPMENT, OTHER), (), ["order.on_hold"])
    assert (world.then(RELEASE).free, world.kinds) == ((SHIPMENT, OTHER), [])


def test_a_hold_holds_what_is_packed_too() -> None:
    """Until it has left it can be kept back."""
    world = World((FIRST,), gate=REVIEW, shipments=(SHIPMENT, OTHER))
    world.change(SHIPMENT, state="packed")
    assert (world.run().on_hold, world.free) == ((SHIPMENT, OTHER), ())


@pytest.mark.parametrize("when", ["before the hold", "while it waits for shipments", "before it is told"])
def test_when_everything_is_shipped_a_hold_ends_silently(when: str) -> None:
    """Nothing is left that could be kept back: no case, and the gate wants nothing of it any more."""
    world = World((FIRST,), gate=REVIEW, shipments=() if when == "while it waits for shipments" else (SHIPMENT,))
    match when:
        case "before the hold":
            world.change(SHIPMENT, state="done")
            world.run()
        case "while it waits for shipments":
            world.run().sale_state = "done"
            world.elapse("shipments")
        case _:
            world.run().change(SHIPMENT, state="done", on_hold=False)
            world.then(Version(2, review=True))
    assert (world.kinds, world.state.on_hold, world.state.work) == ([], False, None)
    assert "nothing_to_hold" in world.told


# -- shipments that come late ------------------------------------------------------------------------------------------


def waiting() -> World:
    """An order that is to be looked at, whose sale Fulfil processes in its own time."""
    world = World((FIRST,), gate=REVIEW, shipments=()).run()
    assert world.state.work is not None
    assert world.state.work.idle
    return world


def test_a_hold_waits_for_shipments_ever_longer_up_to_an_hour() -> None:
    """Ten seconds at first; after thirty looks it is somebody's case, and the next version tries again."""
    world, waits = waiting(), []
    while world.state.work is not None:
        waits.append(world.timers["shipments"].due - world.now)
        world.elapse("shipments")
    assert waits[:3] == [timedelta(seconds=10), timedelta(seconds=20), timedelta(seconds=40)]
    assert (max(waits), waits[-1], len(waits)) == (timedelta(hours=1), timedelta(hours=1), 30)
    assert world.sentence.endswith("is on hold yet, because it has no shipments that could be")
    world.ship_with(SHIPMENT)
    assert world.then(Version(2, review=True)).on_hold == (SHIPMENT,)


def test_shipments_that_come_late_are_on_hold_as_soon_as_they_are_seen() -> None:
    """The case was there from the beginning."""
    world = waiting()
    world.ship_with(SHIPMENT)
    assert (world.elapse("shipments").on_hold, world.kinds, world.state.work) == ((SHIPMENT,), ["order.on_hold"], None)


@pytest.mark.parametrize("coming", ["edit", "cancel", "release", "passes"])
def test_a_hold_that_waits_for_shipments_keeps_nothing_else_waiting(coming: str) -> None:
    """It is no call that is under way. What of it is still wanted goes on after that; an old timer does nothing."""
    messages = {
        "edit": Version(2, price="12.00", review=True),
        "cancel": Version(2, cancelled=True),
        "release": RELEASE,
        "passes": Version(2),
    }
    world = waiting().then(messages[coming])
    assert world.state.later is None
    assert (world.price, world.sale_state) == (
        "12.00" if coming == "edit" else "10.00",
        "cancel" if coming == "cancel" else "processing",
    )
    still_waits = coming == "edit"
    assert (world.state.work is not None, world.kinds) == (still_waits, ["order.on_hold"] if still_waits else [])
    world.ship_with(SHIPMENT)
    assert world.elapse("shipments").on_hold == ((SHIPMENT,) if still_waits else ())


def test_what_came_while_a_hold_was_being_made_does_not_wait_for_shipments() -> None:
    """The sale was being read when the order was cancelled, and had no shipments yet."""
    world = World((FIRST, Version(2, cancelled=True)), gate=REVIEW, shipments=()).run([False])
    assert "version_waits" in world.told
    assert (world.sale_state, world.state.later) == ("cancel", None)
