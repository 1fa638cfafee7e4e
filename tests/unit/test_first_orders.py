"""Which order of a customer may go to Fulfil, as tables: who claims whom, who waits, and whose turn is next."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import msgspec
import pytest

from flows.config import SalesChannelSettings
from flows.model.messages import CustomerFree
from flows.model.order import Customer, Order
from flows.model.order_state import OrderState, Status
from flows.model.schema import ORDERS
from flows.order_importer import first_orders
from flows.order_importer.first_orders import FOR_ITS_CUSTOMER, FirstOrders, customer_rows
from runtime.clock import SystemClock
from runtime.decision import Decision, Fact
from runtime.journal.journal import Journal, opened
from tests.unit.made_orders import SETTINGS, order

SEVEN = ("web/customer/7", "h7")
replace = msgspec.structs.replace


class _NoJournal(Journal):
    def __init__(self) -> None:
        """Nothing of what is asked here is on disk."""


async def not_read(key: str, _body: bytes) -> Order:
    pytest.fail(f"{key} is not to be read")


def firsts() -> FirstOrders:
    return FirstOrders({}, _NoJournal(), not_read)


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


def test_what_was_learnt_of_an_order_that_waits_is_told_all_the_same() -> None:
    """That it was patched, or refunded in part, is told once; what was decided for its create is told with that."""
    at = firsts()
    met(at, goes(1))
    facts = tuple(Fact(kind=kind) for kind in ("patched", "refund", "exploded", "aliased", "suspended", "decided"))
    second = at.admitted(OrderState(), replace(goes(2), facts=facts))
    assert [fact.kind for fact in second.facts] == ["patched", "refund", "waits"]


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


@pytest.mark.parametrize("by_hand", [False, True])
def test_an_order_that_is_in_fulfil_all_at_once_waits_no_longer(*, by_hand: bool) -> None:
    """A create that was given up has turned up, or a person has linked it: nobody is kept waiting behind it. Whose a
    sale is that was made by hand is not asked, since Fulfil does not know it by the order.
    """
    waiting = OrderState(status=Status.WAITING, waits=FOR_ITS_CUSTOMER, customer=SEVEN, delivery=2)
    there = replace(waiting, status=Status.IMPORTED, waits="", channel=3, sale=9, by_hand=by_hand)
    rows = [row.statement for row in customer_rows("web/1", waiting, there, 77)]
    assert rows == ["end_customer_wait", *([] if by_hand else ["put_customer_sale"])]


# -- what the disk says ------------------------------------------------------------------------------------------------

OWN = ("web/customer/9", "web/customer/9@own")
CHANNELS = {"web": SalesChannelSettings(format="seamline", sale=SETTINGS)}


@contextlib.asynccontextmanager
async def left_behind(store: Path) -> AsyncIterator[Journal]:
    """An order of customer 7 on its way, another one that waits for it, and customer 9 who has no address."""
    async with opened(store, SystemClock(), lambda _event: None, (ORDERS,), threads=False) as journal:
        state = OrderState(status=Status.CREATING, delivery=1, customer=SEVEN)
        intent = (5, "order_importer", "web/1", "fulfil", "orders", "create_order", "keyed", b"", b"", 0, 0, 0)
        link = ("web/customer/8", 5, 8, "web/8", 3, 1, None, None, None, None, None, 0)
        writing = journal.submit(
            [
                ("put_state", ("order_importer", "web/1", msgspec.json.encode(state), None, 1, None)),
                ("put_intent", intent),
                ("put_customer_wait", ("h7", 1, "web/2")),
                ("put_customer", link),
                ("put_customer_sale", (9, "web/9", 3, OWN[0], 1, None, 0, 0)),
            ]
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(journal.writer.run)
            await writing.durable()
            tasks.cancel_scope.cancel()
        yield journal


@pytest.mark.anyio
async def test_after_a_start_it_is_known_who_is_on_its_way_and_who_waits(tmp_path: Path) -> None:
    """A new order of the customer waits; the first one coming to rest lets who has waited before go."""
    async with left_behind(tmp_path / "store.db") as journal:
        one, other = (FirstOrders(CHANNELS, journal, not_read) for _ in range(2))
        await one.load()
        assert met(one, goes(3)).status is Status.WAITING
        await other.load()
        first = OrderState(status=Status.CREATING, delivery=1, customer=SEVEN)
        assert freed(other.admitted(first, ends(first, Status.IMPORTED))) == [(("h7",), True)]


@pytest.mark.anyio
async def test_after_a_start_it_is_known_whom_fulfil_knows_by_an_own_address(tmp_path: Path) -> None:
    """Compared or not, such a customer is named by it first; so is one who has just got theirs."""
    async with left_behind(tmp_path / "store.db") as journal:
        at = FirstOrders(CHANNELS, journal, not_read)
        await at.load()
        state = met(at, goes(4, ("web/customer/6", "web/customer/6@own")))
        at.admitted(state, ends(state, Status.IMPORTED))
        for number, own in (("6", True), ("7", False), ("8", True), ("9", True)):
            buyer = await at.buyer(order(customer=Customer(id=number, email="ada@example.com")), waited=False)
            first = f"customer-{number}@web.seamline.invalid" if own else "ada@example.com"
            assert buyer.emails[0] == first
