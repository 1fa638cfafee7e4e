"""What a person does to one order, as tables of decisions: it is patched, or linked to a sale that exists."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from connectors.fulfil.sales import Sale
from connectors.fulfil.wire import SaleFound
from flows.model.messages import Recheck, Record
from flows.model.order import Risk
from flows.model.order_state import Linking, OrderState, Status
from flows.order_importer import OrderUnreadable, Policy, decide, presented
from flows.order_importer.linking import compared, linkable, linked, may_be_id
from flows.order_importer.messages import LinkOrder, OrderPatched, OrderPresented, PatchOrder, RemovePatch, SaleLookedUp
from flows.order_importer.patching import asked, patched_by_person
from runtime.actor import Item
from runtime.decision import Decision, EffectDone, EffectRefused, Write
from tests.unit.made_orders import SETTINGS, line, payment
from tests.unit.order_messages import (
    NOW,
    V1,
    V2,
    V3,
    creating,
    given_up,
    imported,
    kinds,
    only_case,
    refused,
    shown,
    told,
    weighed,
)

KEY = "web/1001"
PATCH = PatchOrder(patch='{"note":"x","zip":null}', by="mona", reason="typed wrong")
LINK = LinkOrder(sale="SO9", by="mona", reason="made by hand", key=KEY)
SALE = Sale(id=9, number="SO9", state="processing", total_amount=Decimal("10.00"), currency_code="USD")
FOUND = SaleFound(id=7, channel_identifier="1001", number="SO7")


def held(**of: Any) -> OrderState:
    """An order that is held for its SKU."""
    state: OrderState = weighed(OrderState(), shown(missing=("A",), **of)).state
    return state


def unreadable(version: str = V1) -> OrderUnreadable:
    return OrderUnreadable(delivery=1, version=version, reason="it has no currency.")


def cancelled() -> OrderState:
    state: OrderState = weighed(OrderState(), shown(cancelled_at=datetime(2026, 11, 20, tzinfo=UTC))).state
    return state


def either(state: OrderState, message: Any, now: datetime = NOW) -> Decision:
    """What the actor decides."""
    return weighed(state, message, now) if isinstance(message, OrderPresented) else decide(state, message, now)


def patch(state: OrderState, read: Any, question: PatchOrder | RemovePatch = PATCH) -> Decision:
    """A person asks it, and the order is read as that then."""
    message = asked(Item(KEY, state, question, None), read)
    assert isinstance(message, OrderPatched)
    return patched_by_person(state, message, NOW, either)


def record_of(decision: Decision) -> Record:
    (record,) = [emit.message for emit in decision.emits if isinstance(emit.message, Record)]
    return record


# -- patches -----------------------------------------------------------------------------------------------------------


def test_a_patch_its_record_and_what_follows_are_one_decision() -> None:
    """Row, record and the create of the sale, with the fact before those of the import; who and why are no fact."""
    decision = patch(held(), shown())
    assert decision.state.status is Status.CREATING
    assert [effect.kind for effect in decision.effects] == ["create_order"]
    (write,) = decision.writes
    assert (write.statement, write.row[0], write.row[1], write.row[3:]) == (
        "put_order_patch", KEY, PATCH.patch.encode(), ("mona", "typed wrong"),
    )  # fmt: skip
    record = record_of(decision)
    assert (record.by, record.action, record.subject, record.reason) == ("mona", "order.patch", KEY, "typed wrong")
    assert record.values["fields"] == "/note, /zip"
    assert len(record.values["sha256"]) == 64
    assert told(decision) == ["patched", "decided"]
    assert "mona" not in str(decision.facts)


def test_removing_a_patch_decides_on_the_order_as_it_was_received() -> None:
    """Held again, if that is what it is without."""
    removed = RemovePatch(by="ole", reason="right by now")
    decision = patch(held(), shown(missing=("A",)), removed)
    assert (decision.state.status, decision.writes) == (Status.HELD, (Write("end_order_patch", (KEY,)),))
    assert record_of(decision).action == "order.patch_remove"
    gone = patch(held(), unreadable(), removed)
    assert (gone.state.status, kinds(gone.state), len(gone.writes)) == (Status.HELD, ["order.unreadable"], 1)


def test_a_patch_that_leaves_nothing_to_be_read_is_not_put_in() -> None:
    """The order stays as it is; the reason is in its timeline, and who wanted it is on record."""
    state = held()
    decision = patch(state, unreadable())
    assert (decision.state, decision.writes, len(decision.emits)) == (state, (), 1)
    record = record_of(decision)
    assert (record.by, record.action, record.reason) == ("mona", "order.patch_refused", "typed wrong")
    assert record.values == {"why": "it has no currency"}
    assert [(fact.kind, fact.values["why"]) for fact in decision.facts] == [("patch_refused", "it has no currency")]


@pytest.mark.parametrize(
    ("state", "status", "facts"),
    [
        (creating(), Status.CREATING, ["patched", "version_waits"]),
        (imported(), Status.IMPORTED, ["patched", "edited_after_import"]),
        (cancelled(), Status.CREATING, ["patched", "decided"]),
    ],
    ids=["on its way", "in Fulfil", "cancelled before"],
)
def test_a_patch_is_a_change_of_the_order_wherever_it_stands(
    state: OrderState, status: Status, facts: list[str]
) -> None:
    """As if the sales channel had sent it: compared with the sale when there is one, or may be one."""
    changed = shown(total="20.00", lines=(line("20.00"),), payments=(payment("20.00"),))
    decision = patch(state, changed)
    assert (decision.state.status, told(decision)) == (status, facts)


def test_what_is_older_than_a_version_that_cannot_be_read_does_not_pass_for_it() -> None:
    """The sale stands, and somebody still has to see to the version that could not be read."""
    state = decide(imported(), unreadable(V2), NOW).state
    assert kinds(state) == ["order.unreadable"]
    decision = patch(state, shown(V2))
    assert kinds(decision.state) == ["order.unreadable"]
    assert (told(decision), len(decision.writes)) == (["patched"], 1)


# -- what a sale says --------------------------------------------------------------------------------------------------


def found(*sales: Sale, taken_by: str = "") -> SaleLookedUp:
    return SaleLookedUp(key=KEY, sales=sales, channel=3, taken_by=taken_by)


def other(**changes: Any) -> Sale:
    return msgspec.structs.replace(SALE, **changes)


@pytest.mark.parametrize(
    ("message", "refused"),
    [
        (found(), "there is no sale SO9 in Fulfil"),
        (found(SALE, other(id=10)), "several sales have the number SO9; name one by its id: 9 and 10"),
        (found(other(state="cancel")), "sale SO9 is cancelled in Fulfil"),
        (found(SALE, taken_by="web/7"), "sale SO9 is linked to order web/7 already"),
        (found(other(channel=3, channel_identifier="77")), "sale SO9 is that of another order, 77, in Fulfil"),
        (found(other(channel=4, channel_identifier="1001")), "sale SO9 is that of another order, 1001, in Fulfil"),
    ],
)
def test_an_order_is_not_linked_to_what_is_not_its_sale(message: SaleLookedUp, refused: str) -> None:
    """Not there, ambiguous, cancelled, or of another order, by our books or by Fulfil's."""
    assert compared(message, "SO9", total="10.00", currency="USD").refused == refused


@pytest.mark.parametrize(
    ("sale", "difference"),
    [
        (SALE, ""),
        (other(total_amount=Decimal("10.0")), ""),
        (other(channel=3, channel_identifier="1001"), ""),
        (other(channel=8), ""),
        (other(total_amount=Decimal("10.01")), "sale SO9 in Fulfil has a total of 10.01 USD, the order 10.00 USD"),
        (other(currency_code="EUR"), "sale SO9 in Fulfil has a total of 10.00 EUR, the order 10.00 USD"),
        (other(total_amount=None), "Fulfil does not tell the total of sale SO9; the order has 10.00 USD"),
        (other(number=None, currency_code=None), "Fulfil does not tell the total of sale 9; the order has 10.00 USD"),
    ],
)
def test_a_sale_is_compared_by_total_and_currency(sale: Sale, difference: str) -> None:
    """Both are named when they differ; what is not told is not taken to be equal."""
    comparison = compared(found(sale), "SO9", total="10.00", currency="USD")
    assert (comparison.refused, comparison.difference, comparison.sale) == ("", difference, sale)


def test_what_a_person_calls_a_sale_may_be_its_id() -> None:
    """Digits alone, and not too many of them."""
    assert [text for text in ("9", "90211", "0", "SO9", "-1", "٣", "9" * 16, "") if may_be_id(text)] == ["9", "90211"]


# -- linking -----------------------------------------------------------------------------------------------------------


def answered(state: OrderState, message: Any) -> Decision:
    """What follows from something that is about a link."""
    decision = linked(state, message, NOW)
    assert decision is not None
    return decision


def linking(state: OrderState | None = None) -> OrderState:
    """An order whose sale is being looked up."""
    decision = answered(state or held(), LINK)
    assert [effect.kind for effect in decision.effects] == ["find_sales"]
    assert decision.state.open
    waiting: OrderState = decision.state
    return waiting


def test_a_link_is_made_on_record_and_ends_what_the_order_was_held_for() -> None:
    """Imported as that sale, which was made by hand, and has what the order needs of the stock; nothing is called, and
    nothing is left open.
    """
    decision = answered(linking(msgspec.structs.replace(held(), units={"A": 2})), found(SALE))
    state = decision.state
    assert (state.units, state.sold) == ({"A": 2}, {"A": 2})
    assert (state.status, state.sale, state.sale_number, state.by_hand) == (Status.IMPORTED, 9, "SO9", True)
    assert (state.cases, state.linking, decision.effects, decision.closes) == ((), None, (), True)
    assert decision.writes == (Write("put_sale_link", (9, KEY)),)
    record = record_of(decision)
    assert (record.by, record.action, record.reason) == ("mona", "order.link", "made by hand")
    assert record.values == {"sale": "9", "number": "SO9"}


def test_a_sale_that_differs_is_linked_with_a_case_for_both() -> None:
    """At stake is the difference; of another currency, the order's total."""
    case = only_case(answered(linking(), found(other(total_amount=Decimal("12.50")))))
    assert (case.kind, case.cause, case.amount, case.currency) == ("sale.mismatch", "9", Decimal("2.50"), "USD")
    case = only_case(answered(linking(), found(other(currency_code="EUR"))))
    assert (case.amount, case.currency) == (Decimal("10.00"), "USD")


def test_an_order_that_cannot_be_read_is_linked_with_a_case() -> None:
    """It is what people make by hand; nobody can say that the totals agree, and its next version is compared."""
    state = linking(decide(OrderState(), unreadable(), NOW).state)
    decision = answered(state, found(SALE))
    assert only_case(decision).sentence == (
        "sale SO9 in Fulfil has a total of 10.00 USD, and the order could not be read"
    )
    assert "edited" in told(weighed(decision.state, shown(V2)))[0]


def test_a_cancelled_order_that_is_linked_is_a_case() -> None:
    """Its sale stands in Fulfil."""
    assert kinds(answered(linking(cancelled()), found(SALE)).state) == ["order.cancelled"]


def test_a_cancelled_order_that_is_wanted_again_while_it_is_linked_keeps_its_units() -> None:
    """Nothing of it was needed any more, and now its sale is."""
    counting = Policy(counts_units=True)
    again = presented(linking(cancelled()), shown(V2, 5), NOW, SETTINGS, policy=counting).state
    state = answered(again, found(SALE)).state
    assert (state.status, state.units, state.sold) == (Status.IMPORTED, {"MUG-BLUE": 1}, {"MUG-BLUE": 1})


def test_a_number_that_no_sale_has_is_looked_up_as_an_id() -> None:
    """Once; then there is no such sale."""
    asking = answered(held(), msgspec.structs.replace(LINK, sale="9")).state
    again = answered(asking, found())
    assert [effect.kind for effect in again.effects] == ["read_sales"]
    assert answered(again.state, found(SALE)).state.sale == 9
    refused = answered(again.state, found())
    assert (refused.state.status, refused.state.linking, told(refused)) == (Status.HELD, None, ["link_refused"])


def test_what_is_refused_leaves_the_order_where_it_was() -> None:
    """With its cases; also when Fulfil does not answer the question."""
    state = linking()
    away = EffectRefused(
        intent=1, kind="find_sales", code="403", sentence="no access.", began_us=1, ended_us=2, attempts=1
    )
    for message in (found(), away):
        decision = answered(state, message)
        assert decision.state == held()
        assert (told(decision), decision.writes) == (["link_refused"], ())
        (record,) = [emit.message for emit in decision.emits]
        assert (record.by, record.action, record.subject, record.values, record.reason) == (
            "mona", "order.link_refused", KEY, {"sale": "SO9"}, "made by hand",
        )  # fmt: skip


def test_a_version_that_comes_while_a_sale_is_looked_up_waits_for_the_answer() -> None:
    """Nothing is created meanwhile. Linked, it is compared; not linked, it is decided on as the newest one."""
    state = weighed(linking(), shown(V2, 5)).state
    assert (state.status, state.newest, state.version) == (Status.HELD, 5, V2)
    assert weighed(state, shown(V2, 5)).effects == ()
    linked_then = answered(state, found(SALE))
    assert (linked_then.state.status, linked_then.state.version) == (Status.IMPORTED, V2)
    refused = answered(state, found())
    assert (refused.state.delivery, refused.state.later, refused.keeps) == (5, None, 5)
    assert [emit.message for emit in refused.emits][1:] == [Recheck(because="later version")]


def test_a_version_that_waits_does_not_pass_for_a_newer_one_that_cannot_be_read() -> None:
    """It is looked at again, because a product has come, while the sale is looked up."""
    waiting = weighed(linking(), shown(V2, 5)).state
    unread = decide(waiting, OrderUnreadable(delivery=6, version=V3, reason="it has no currency."), NOW).state
    again = weighed(unread, shown(V2, 5)).state
    assert (again.version, kinds(again)) == (V3, kinds(unread))
    refused = answered(unread, found()).state
    assert (refused.delivery, kinds(refused)) == (6, ["order.unreadable"]), "held until that can be read"


def test_a_version_that_comes_while_a_sale_is_looked_up_is_judged_when_it_is_linked() -> None:
    """It is the same order, at high risk by now: it is looked at with its payload, and kept back."""
    risky = shown(V2, 5, risk=Risk.HIGH)
    decision = answered(weighed(linking(), risky).state, found(SALE))
    assert Recheck(because="later version") in [emit.message for emit in decision.emits]
    assert kinds(weighed(decision.state, risky).state) == ["order.on_hold"]


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (OrderState(), "it is not decided on yet"),
        (creating(), "it is creating"),
        (imported(), "it is imported as sale SO9"),
        (msgspec.structs.replace(imported(), status=Status.CANCELLED), "it is cancelled as sale SO9"),
        (linking(), "it is about to be linked to sale SO9"),
    ],
    ids=["new", "creating", "imported", "cancelled in Fulfil", "twice"],
)
def test_only_an_order_of_which_nothing_is_in_fulfil_is_linked(state: OrderState, why: str) -> None:
    """Everything else is left as it is, and says why."""
    assert linkable(state) == why
    decision = answered(state, LINK)
    assert (decision.state, decision.effects, told(decision)) == (state, (), ["link_refused"])
    assert [linkable(each) for each in (held(), cancelled())] == ["", ""]


def test_a_create_that_turns_up_after_the_order_was_linked_is_told() -> None:
    """It was given up as absent, and the second look finds it: there are two sales of one order."""
    state = answered(linking(given_up()), found(SALE)).state
    look = EffectDone(intent=1, kind="find_sale", result=(FOUND,), began_us=1, ended_us=2, attempts=1)
    decision = answered(state, look)
    case = only_case(decision)
    assert (case.kind, case.cause) == ("sale.mismatch", "7")
    assert case.sentence == "the order is linked to sale SO9, and Fulfil has made SO7 of it, too"
    nothing = answered(state, msgspec.structs.replace(look, result=()))
    assert (nothing.state.given_up, nothing.state.cases) == ("", ())


def test_an_order_whose_create_was_given_up_is_linked_by_what_was_sent_and_compared_with_what_came_since() -> None:
    """What its newest version comes to is not known yet: it is looked at once the sale is linked, and is an edit."""
    newer = shown(V2, 5, lines=(line("10.00", sku="OTHER"),))
    state = given_up(newer)
    assert (state.delivery, state.content == state.given_up) == (5, True)
    decision = answered(linking(state), found(SALE))
    assert Recheck(because="later version") in [emit.message for emit in decision.emits]
    assert kinds(weighed(decision.state, newer).state) == ["order.edited"]
    again = answered(linking(given_up()), found(SALE))
    assert (again.state.later, kinds(again.state)) == (None, [])


def test_an_order_that_is_linked_before_its_newest_version_is_weighed_is_compared_with_that() -> None:
    """Its create was refused, or it was not linked before, and the look at what came meanwhile is still in the queue:
    the sale is that of the figures which are known.
    """
    newer = shown(V2, 5, lines=(line("20.00"),))
    not_made = decide(weighed(creating(), newer).state, refused(), NOW).state
    not_linked = answered(weighed(linking(), newer).state, found()).state
    for state in (not_made, not_linked):
        assert (state.delivery, state.amount) == (5, "10.00")
        decision = answered(linking(state), found(SALE))
        assert decision.state.later is not None
        assert Recheck(because="later version") in [emit.message for emit in decision.emits]
        assert kinds(weighed(decision.state, newer).state) == ["order.edited"]


def test_a_create_that_turns_up_while_a_sale_is_looked_up_is_looked_for_again() -> None:
    """Two reads are under way: the link is answered first of all, and neither sale is forgotten for the other."""
    look = EffectDone(intent=1, kind="find_sale", result=(FOUND,), began_us=1, ended_us=2, attempts=1)
    waiting = linking(given_up())
    decision = either(waiting, look)
    assert (decision.state, [timer.name for timer in decision.timers]) == (waiting, ["confirm"])
    assert kinds(answered(answered(decision.state, found(SALE)).state, look).state) == ["sale.mismatch"]
    not_linked = answered(decision.state, found()).state
    assert either(not_linked, look).state.sale == 7


def test_what_is_looked_up_is_remembered_on_disk() -> None:
    """Who asks and why, too: they are on record when the link is made."""
    state = linking()
    assert state.linking == Linking(sale="SO9", by="mona", reason="made by hand", key=KEY)
    assert msgspec.json.decode(msgspec.json.encode(state), type=OrderState) == state
