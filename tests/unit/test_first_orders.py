"""Which order of a customer may go to Fulfil, as tables: who claims whom, who waits, and whose turn is next."""

from __future__ import annotations

import msgspec
import pytest

from flows.model.messages import CustomerFree
from flows.model.order_state import OrderState, Status
from flows.order_importer import first_orders
from flows.order_importer.first_orders import FOR_ITS_CUSTOMER, FirstOrders, customer_rows
from runtime.decision import Decision
from runtime.journal.journal import Journal

SEVEN = ("web/customer/7", "h7")
replace = msgspec.structs.replace


class _NoJournal(Journal):
    def __init__(self) -> None:
        """Nothing of what is asked here is on disk."""


def firsts() -> FirstOrders:
    return FirstOrders({}, _NoJournal(), lambda _sales_channel, _body: pytest.fail("nothing is to be read"))


def goes(delivery: int, customer: tuple[str, ...] = SEVEN) -> Decision:
    """An order is to be created."""
    return Decision(state=OrderState(status=Status.CREATING, delivery=delivery, customer=customer, order_id="1"))


def ends(state: OrderState, status: Status) -> Decision:
    return Decision(state=replace(state, status=status, sale=9 if status is Status.IMPORTED else None))


def met(at: FirstOrders, decision: Decision, before: OrderState | None = None) -> OrderState:
    """What becomes of an order."""
    state: OrderState = at.admitted(before or OrderState(), decision).state
    return state


def freed(decision: Decision) -> list[tuple[tuple[str, ...], bool]]:
    messages = [emit.message for emit in decision.emits]
    return [(message.claims, message.known) for message in messages if isinstance(message, CustomerFree)]


def test_the_first_order_goes_and_the_others_wait_with_nothing_sent() -> None:
    """Whole, with their body kept, and who they wait for; an order of somebody else goes."""
    at = firsts()
    assert met(at, goes(1)).status is Status.CREATING
    second = at.admitted(OrderState(), goes(2))
    assert (second.state.status, second.state.waits, second.keeps) == (Status.WAITING, FOR_ITS_CUSTOMER, 2)
    assert (second.effects, second.state.order_id) == ((), "")
    assert [(fact.kind, fact.values["delivery"]) for fact in second.facts] == [("waits", 1)]
    assert met(at, goes(3, ("web/customer/8", "h8"))).status is Status.CREATING
    assert met(at, goes(4, ())).status is Status.CREATING


@pytest.mark.parametrize("customer", [("web/customer/7", "h8"), ("web/customer/8", "h7"), ("outlet/guest/h7", "h7")])
def test_one_claim_in_common_is_enough(customer: tuple[str, ...]) -> None:
    """The same customer under another address, or another one under the same."""
    at = firsts()
    met(at, goes(1))
    assert met(at, goes(2, customer)).status is Status.WAITING


def test_an_order_does_not_wait_for_itself() -> None:
    """A decision that failed to be written down is taken again."""
    at = firsts()
    met(at, goes(1))
    assert met(at, goes(1)).status is Status.CREATING


def test_once_the_first_is_there_everybody_goes_at_once() -> None:
    """Who waited is sent on, all of them; who comes later neither waits nor claims."""
    at = firsts()
    first = met(at, goes(1))
    second = met(at, goes(2))
    assert met(at, Decision(state=replace(first, status=Status.UNKNOWN)), first).status is Status.UNKNOWN
    decision = at.admitted(replace(first, status=Status.UNKNOWN), ends(first, Status.IMPORTED))
    assert freed(decision) == [(SEVEN, True)]
    assert [met(at, goes(2), second).status, met(at, goes(3)).status, met(at, goes(4)).status] == ["creating"] * 3
    assert freed(at.admitted(goes(2).state, ends(goes(2).state, Status.IMPORTED))) == []


@pytest.mark.parametrize("status", [Status.HELD, Status.CANCELLED])
def test_when_the_first_comes_to_nothing_the_next_one_has_its_turn(status: Status) -> None:
    """One by one, until one of them is there."""
    at = firsts()
    first = met(at, goes(1))
    second, third = met(at, goes(2)), met(at, goes(3))
    assert freed(at.admitted(first, ends(first, status))) == [(SEVEN, False)]
    assert met(at, goes(2), second).status is Status.CREATING
    assert met(at, goes(3), third).status is Status.WAITING
    assert freed(at.admitted(goes(2).state, ends(goes(2).state, Status.IMPORTED))) == [(SEVEN, True)]


@pytest.mark.parametrize("status", [Status.HELD, Status.CANCELLED, Status.EXCLUDED, Status.WAITING])
def test_who_waits_and_no_longer_does_passes_the_turn_on(status: Status) -> None:
    """Held, cancelled, excluded, or made to wait for something else when it was its turn."""
    at = firsts()
    first, second = met(at, goes(1)), met(at, goes(2))
    met(at, goes(3))
    at.admitted(first, ends(first, Status.HELD))
    decision = at.admitted(second, Decision(state=replace(second, status=status, waits="for its payment")))
    assert freed(decision) == [(SEVEN, False)]


def test_who_was_waiting_under_a_claim_that_its_new_version_has_not_passes_that_on() -> None:
    """Another address now: what it waited for before is not kept from others."""
    at = firsts()
    first, second = met(at, goes(1)), met(at, goes(2))
    at.admitted(first, ends(first, Status.HELD))
    decision = at.admitted(second, goes(2, ("web/customer/7", "h9")))
    assert (decision.state.status, freed(decision)) == (Status.CREATING, [(("h7",), False)])


def test_who_is_forgotten_claims_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many are remembered; one more wait is all that it costs."""
    monkeypatch.setattr(first_orders, "KNOWN_MAX", 4)
    at = firsts()
    for number in range(20):
        customer = (f"web/customer/{number}", f"h{number}")
        state = met(at, goes(number + 1, customer))
        at.admitted(state, ends(state, Status.IMPORTED))
    assert met(at, goes(31, ("web/customer/19", "h19"))).status is Status.CREATING
    assert met(at, goes(32, ("web/customer/19", "h19"))).status is Status.CREATING
    assert met(at, goes(33, ("web/customer/0", "h0"))).status is Status.CREATING
    assert met(at, goes(34, ("web/customer/0", "h0"))).status is Status.WAITING


def test_any_number_of_orders_on_their_way_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """While Fulfil is away they are many, and kept small."""
    monkeypatch.setattr(first_orders._OnTheirWay, "FEW_MAX", 4)
    at = firsts()
    states = [met(at, goes(number + 1, (f"web/customer/{number}", f"h{number}"))) for number in range(20)]
    others = [met(at, goes(number + 101, (f"web/customer/{number}", f"h{number}"))) for number in range(20)]
    assert {other.status for other in others} == {Status.WAITING}
    for state in states:
        assert freed(at.admitted(state, ends(state, Status.HELD))) == [(state.customer, False)]
    assert {met(at, goes(other.delivery or 0, other.customer), other).status for other in others} == {Status.CREATING}


def test_rows_follow_what_became_of_the_order() -> None:
    """A sale whose party is to be compared; who waits, under each claim, and no longer."""
    waiting = OrderState(status=Status.WAITING, waits=FOR_ITS_CUSTOMER, customer=SEVEN, delivery=2)
    creating = replace(waiting, status=Status.CREATING, waits="", channel=3)
    imported = replace(creating, status=Status.IMPORTED, sale=9, party=5)
    rows = {
        name: [(row.statement, row.row) for row in customer_rows("web/1", before, after, 77)]
        for name, before, after in (
            ("begins to wait", OrderState(), waiting),
            ("waits", waiting, waiting),
            ("waits under another address", waiting, replace(waiting, customer=("web/customer/7", "h9"))),
            ("goes", waiting, creating),
            ("is there", creating, imported),
            ("was there", imported, replace(imported, version="2")),
            ("is nobody's", OrderState(status=Status.CREATING), OrderState(status=Status.IMPORTED, sale=9)),
        )
    }
    puts = [("put_customer_wait", (claim, 0, "web/1")) for claim in SEVEN]
    assert rows == {
        "begins to wait": puts,
        "waits": [],
        "waits under another address": [("end_customer_wait", ("web/1",)), puts[0], (puts[0][0], ("h9", 0, "web/1"))],
        "goes": [("end_customer_wait", ("web/1",))],
        "is there": [("put_customer_sale", (9, "web/1", 3, "web/customer/7", 0, 5, 77, 0))],
        "was there": [],
        "is nobody's": [],
    }
