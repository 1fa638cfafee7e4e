"""While, and after, the sale of an order is created: lost answers, second looks, refusals, tries again."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from connectors.fulfil.wire import FindSales, SaleFound
from flows.model.messages import Recheck
from flows.model.order_state import OrderState, Status
from flows.order_importer import (
    CONFIRM_AFTER,
    RESENDS_MAX,
    ConfirmAbsence,
    OrderPresented,
    OrderUnreadable,
    Policy,
    decide,
    presented,
)
from runtime.decision import (
    EffectDone,
    EffectExhausted,
    EffectRefused,
    Repeat,
)
from tests.unit.made_orders import SETTINGS
from tests.unit.order_messages import (
    INTENT,
    LATER,
    NOW,
    V1,
    V2,
    V3,
    absent,
    creating,
    done,
    exhausted,
    given_up,
    imported,
    kinds,
    lost,
    only_case,
    refused,
    shown,
    told,
    weighed,
)


def test_a_created_sale_ends_the_story_of_a_proven_order() -> None:
    """The sale's id and number are known; the body may be reclaimed; the trace's root is told."""
    decision = decide(creating(), done(), NOW)
    state = decision.state
    assert (state.status, state.sale, state.sale_number, state.cases) == (Status.IMPORTED, 9, "SO9", ())
    assert (decision.closes, decision.keeps, decision.trace, told(decision)) == (True, None, False, ["created"])
    assert decision.facts[0].values == {"sale": 9, "found_by_look": False, "attempts": 1}


def test_a_sale_with_another_total_is_a_case_for_finance_with_the_difference() -> None:
    """Transferred is not proven: the sale exists, and 0.50 USD stand between it and the order."""
    decision = decide(creating(), done(total="10.50"), NOW)
    case = only_case(decision)
    assert (case.kind, case.cause, case.amount) == ("sale.mismatch", "9", Decimal("0.50"))
    assert "10.50 USD" in case.sentence
    assert (decision.state.status, decision.closes, decision.trace) == (Status.IMPORTED, False, True)


def test_a_total_is_compared_as_a_number_and_only_when_fulfil_tells_one() -> None:
    """10 and 10.00 are the same; an answer without a total proves nothing against the order."""
    assert not decide(creating(), done(total="10"), NOW).state.cases
    assert not decide(creating(), done(total=None), NOW).state.cases


def test_a_lost_answer_frees_the_key_and_is_traced() -> None:
    """Unknown is a state of its own."""
    decision = decide(creating(), lost(), NOW)
    assert (decision.state.status, decision.trace, decision.keeps) == (Status.UNKNOWN, True, 1)
    assert (decision.resend, decision.settle, decision.effects) == ((), (), ())


def test_a_sale_found_by_a_look_is_like_one_that_was_answered() -> None:
    """Failure case 3."""
    decision = decide(decide(creating(), lost(), NOW).state, done(by_look=True), LATER)
    assert decision.state.status is Status.IMPORTED
    assert decision.facts[0].values["found_by_look"] is True


def test_an_absent_sale_is_sent_again_as_the_identical_stored_intent() -> None:
    """No new effect is built: the intent on disk is repeated."""
    decision = decide(decide(creating(), lost(), NOW).state, absent(), LATER)
    assert (decision.resend, decision.effects, decision.settle) == ((INTENT,), (), ())
    assert decision.state.status is Status.CREATING


def test_a_sale_that_stays_absent_is_held_for_the_operators() -> None:
    """After many repeats somebody has to look; the intent is settled, so a release makes a new one."""
    decision = decide(decide(creating(), lost(), NOW).state, absent(RESENDS_MAX), LATER)
    assert (only_case(decision).kind, decision.settle, decision.resend) == ("fulfil.unsettled", (INTENT,), ())
    assert (decision.state.status, decision.keeps) == (Status.HELD, 1)
    (timer,) = decision.timers
    assert (timer.due, timer.message) == (LATER + CONFIRM_AFTER, ConfirmAbsence(channel=3, identifier="1001"))


def test_a_release_after_that_goes_on_with_the_newest_version() -> None:
    """A version that waited behind the lost create is the one that is presented again."""
    waits = weighed(decide(creating(), lost(), NOW).state, shown(V2, delivery=2)).state
    decision = decide(waits, absent(RESENDS_MAX), LATER)
    assert (decision.state.version, decision.state.delivery, decision.state.later) == (V2, 2, None)


def test_a_cancel_while_the_create_is_unknown_and_absent_closes_the_order_and_looks_once_more() -> None:
    """Never repeat what is no longer wanted; a slow server may still have been at it."""
    unknown = decide(creating(), lost(), NOW).state
    waits = weighed(unknown, shown(V2, delivery=2, cancelled_at=NOW)).state
    assert (waits.status, waits.version) == (Status.UNKNOWN, V2)
    decision = decide(waits, absent(), LATER)
    assert (decision.state.status, decision.settle, decision.resend) == (Status.CANCELLED, (INTENT,), ())
    (timer,) = decision.timers
    assert timer.due == LATER + CONFIRM_AFTER
    assert timer.message == ConfirmAbsence(channel=3, identifier="1001")


def test_the_second_look_is_a_read_of_this_order_alone() -> None:
    """The connector knows the call by this name and body."""
    closed = OrderState(status=Status.CANCELLED, version=V2, channel=3, order_id="1001")
    decision = decide(closed, ConfirmAbsence(channel=3, identifier="1001"), NOW)
    (effect,) = decision.effects
    assert (effect.kind, effect.repeat) == ("find_sale", Repeat.SAFE)
    assert msgspec.json.decode(effect.body, type=FindSales) == FindSales(channel=3, channel_identifiers=("1001",))


def looked(*found: SaleFound) -> EffectDone:
    return EffectDone(intent=INTENT, kind="find_sale", result=found, began_us=1, ended_us=2, attempts=1)


def test_a_sale_that_appears_after_the_cancel_is_a_case_for_operations() -> None:
    """It may be shipped: somebody has to cancel it in Fulfil."""
    closed = OrderState(
        status=Status.CANCELLED, version=V2, channel=3, order_id="1001", amount="10.00", currency="USD", given_up="1"
    )
    found = looked(SaleFound(id=9, channel_identifier="1001", number="SO9"))
    decision = decide(closed, found, NOW)
    assert (only_case(decision).kind, decision.state.status, decision.state.sale) == (
        "order.cancelled",
        Status.IMPORTED,
        9,
    )


def sold(total: str | None = "10.00") -> SaleFound:
    amount = None if total is None else Decimal(total)
    return SaleFound(id=9, channel_identifier="1001", number="SO9", total_amount=amount)


@pytest.mark.parametrize("total", ["10.00", "10", None])
def test_a_sale_that_appears_after_it_was_given_up_imports_the_order(total: str | None) -> None:
    """A slow server was still at it: nothing is sent, the case ends, the body may be reclaimed."""
    decision = decide(given_up(), looked(sold(total)), LATER)
    state = decision.state
    assert (state.status, state.sale, state.sale_number, state.cases) == (Status.IMPORTED, 9, "SO9", ())
    assert (decision.effects, told(decision)) == ((), ["created"])
    assert decision.facts[0].values["found_by_look"] is True
    again = weighed(state, shown(V1, delivery=1), LATER)  # what it is by now is looked at, and what the gate says of it
    assert (again.effects, again.keeps, again.closes, again.state.cases) == ((), None, True, ())


def test_a_sale_that_appears_after_it_was_held_again_has_the_units_that_were_asked_for() -> None:
    """Its product is gone meanwhile. What Fulfil reserves for the sale is looked for, and not kept back for ever."""
    counting = Policy(counts_units=True)

    def comes(state: OrderState, message: OrderPresented) -> OrderState:
        after: OrderState = presented(state, message, NOW, SETTINGS, policy=counting).state
        return after

    state = decide(comes(OrderState(), shown()), lost(), NOW, counting).state
    state = comes(decide(state, absent(RESENDS_MAX), NOW, counting).state, shown(missing=("MUG-BLUE",)))
    assert (state.status, bool(state.given_up)) == (Status.HELD, True)
    there = decide(state, looked(sold()), NOW, counting).state
    assert (there.status, there.units, there.sold) == (Status.IMPORTED, {"MUG-BLUE": 1}, {"MUG-BLUE": 1})


def test_a_second_look_at_an_order_that_was_made_since_changes_nothing() -> None:
    """Its sale may be cancelled by then."""
    closed = OrderState(status=Status.CANCELLED, version=V2, channel=3, order_id="1001", sale=9)
    decision = decide(closed, looked(sold()), NOW)
    assert (decision.state, decision.effects, decision.facts) == (closed, (), ())


def test_a_sale_that_appears_with_another_total_is_a_mismatch() -> None:
    """Transferred is not proven, however the sale was found."""
    decision = decide(given_up(), looked(sold("10.50")), LATER)
    assert (only_case(decision).kind, only_case(decision).amount, decision.closes) == (
        "sale.mismatch",
        Decimal("0.50"),
        False,
    )


@pytest.mark.parametrize("came", ["while it was looked for", "while it was held"])
def test_a_sale_that_appears_is_compared_with_the_version_that_came_meanwhile(came: str) -> None:
    """The sale is made of the bytes that were sent; an edit since then is a case, a mere echo is none."""
    for of, kinds_then in (({"total": "12.00"}, ["order.edited"]), ({"tags": ("vip",)}, [])):
        newer = shown(V2, delivery=2, **of)  # type: ignore[arg-type]
        if came == "while it was looked for":
            state = given_up(newer)
        else:
            state = weighed(given_up(), msgspec.structs.replace(newer, missing=("A",)), LATER).state
        decision = decide(state, looked(sold()), LATER)
        if decision.emits:
            assert [emit.message for emit in decision.emits] == [Recheck(because="later version")]
            decision = weighed(decision.state, newer, LATER)
        assert (decision.state.status, kinds(decision.state)) == (Status.IMPORTED, kinds_then)
        assert (decision.state.version, decision.keeps) == (V2, 1 if kinds_then else None)
        again = weighed(decision.state, shown(V3, delivery=3), LATER)
        assert again.state.cases == (), "the version that is in Fulfil ends the case"


def test_a_cancel_of_an_order_that_was_given_up_is_respected_when_its_sale_appears() -> None:
    """It is not wanted any more, and may be shipped: a case for operations."""
    cancel = weighed(given_up(), shown(V2, delivery=2, cancelled_at=NOW), LATER)
    assert (cancel.state.status, cancel.state.cases) == (Status.CANCELLED, ())
    refused_look = decide(cancel.state, refused("find_sale"), LATER)
    assert refused_look.timers[0].message == ConfirmAbsence(channel=3, identifier="1001")
    decision = decide(cancel.state, looked(sold()), LATER)
    assert (only_case(decision).kind, decision.state.status, decision.state.sale) == (
        "order.cancelled",
        Status.IMPORTED,
        9,
    )


def test_a_sale_that_appears_of_a_cancelled_order_leaves_a_version_that_cannot_be_read_open() -> None:
    """Cancelled, as far as anybody can read; what came after that may say otherwise."""
    cancelling = weighed(decide(creating(), lost(), NOW).state, shown(V2, delivery=2, cancelled_at=NOW)).state
    unread = decide(cancelling, OrderUnreadable(delivery=3, version=V3, reason="r"), NOW).state
    closed = decide(unread, absent(), NOW).state
    assert (closed.status, kinds(closed)) == (Status.CANCELLED, ["order.unreadable"])
    there = decide(closed, looked(sold()), LATER).state
    assert (kinds(there), there.version) == (["order.unreadable", "order.cancelled"], V3)


@pytest.mark.parametrize("edited", [False, True])
def test_a_sale_that_appears_leaves_a_version_that_cannot_be_read_open(*, edited: bool) -> None:
    """It was held for that at last; the sale ends nothing of it, and the next version that can be read is compared."""
    before = given_up(shown(V2, delivery=2, total="12.00") if edited else None)
    state = decide(before, OrderUnreadable(delivery=3, version=V3, reason="r"), LATER).state
    decision = decide(state, looked(sold()), LATER)
    assert (decision.state.status, kinds(decision.state)) == (Status.IMPORTED, ["order.unreadable"])
    assert (decision.state.version, decision.closes) == (V3, False)
    v4 = "2026-11-20T11:00:00.000000Z"
    assert kinds(weighed(decision.state, shown(v4, delivery=4), LATER).state) == []
    assert kinds(weighed(decision.state, shown(v4, delivery=4, total="12.00"), LATER).state) == ["order.edited"]


@pytest.mark.parametrize("state", [creating(), given_up()], ids=["released and tried again", "still held"])
def test_a_second_look_that_finds_no_sale_of_an_order_that_was_given_up_changes_nothing(state: OrderState) -> None:
    """Whoever releases it decides what comes next."""
    assert decide(state, looked(), LATER).state is state


def test_a_second_look_that_finds_nothing_or_comes_too_late_changes_nothing() -> None:
    """The order stays cancelled; one that was imported meanwhile is left alone."""
    closed = OrderState(status=Status.CANCELLED, version=V2)
    assert decide(closed, looked(), NOW).state is closed
    state = imported()
    assert decide(state, looked(SaleFound(id=9, channel_identifier="1001")), NOW).state is state


def test_a_second_look_that_is_refused_is_made_again_later_and_leaves_the_order_cancelled() -> None:
    """It is a read about a closed order: not a refusal of the order."""
    closed = OrderState(status=Status.CANCELLED, version=V2, channel=3, order_id="1001")
    decision = decide(closed, refused("find_sale"), NOW)
    assert decision.state is closed
    assert decision.timers[0].message == ConfirmAbsence(channel=3, identifier="1001")


@pytest.mark.parametrize(
    ("outcome", "kind", "cause", "fact"),
    [(refused(), "fulfil.refused", "422", "refused"), (exhausted(), "fulfil.unsettled", "unavailable", "exhausted")],
    ids=["refused", "exhausted"],
)
def test_an_order_that_fulfil_does_not_take_is_held_with_its_sentence(
    outcome: EffectRefused | EffectExhausted, kind: str, cause: str, fact: str
) -> None:
    """The same bytes are not sent again by themselves."""
    decision = decide(creating(), outcome, NOW)
    case = only_case(decision)
    assert (case.kind, case.cause, decision.state.status) == (kind, cause, Status.HELD)
    assert outcome.sentence in case.sentence
    assert (told(decision), decision.trace, decision.keeps, decision.emits) == ([fact], True, 1, ())


@pytest.mark.parametrize(
    "outcome", [refused(), exhausted(), absent(RESENDS_MAX)], ids=["refused", "exhausted", "absent"]
)
def test_a_case_of_the_create_is_the_same_case_while_it_is_tried_again(outcome: Any) -> None:
    """Its cause is not gone because somebody released it: the deadline runs from the first time, until the sale."""
    held = decide(creating(), outcome, NOW).state
    tried = weighed(held, shown(), LATER).state
    assert (tried.status, tried.cases) == (Status.CREATING, held.cases)
    unknown = decide(tried, lost(), LATER).state
    assert (unknown.status, unknown.cases) == (Status.UNKNOWN, held.cases)
    waits = weighed(tried, shown(V2, delivery=2), LATER).state
    assert waits.cases == held.cases
    again = decide(tried, outcome, LATER)
    assert (only_case(again).opened_at, again.state.status) == (NOW, Status.HELD)
    for state in (tried, unknown, waits):
        assert decide(state, done(), LATER).state.cases == ()


def test_a_case_of_the_create_ends_when_the_order_is_held_for_something_else() -> None:
    """What Fulfil said of the version before is no longer what keeps the order."""
    held = decide(creating(), refused(), NOW).state
    assert kinds(weighed(held, shown(V2, missing=("A",)), LATER).state) == ["sku.unknown"]


def test_a_case_that_only_a_decision_can_end_ends_with_the_create() -> None:
    """A SKU that is there is no longer unknown, whatever Fulfil says of the order then."""
    held = weighed(OrderState(), shown(missing=("A",))).state
    assert weighed(held, shown(), LATER).state.cases == ()


@pytest.mark.parametrize("missing", [(), ("MUG-BLUE",)], ids=["made", "held"])
def test_a_newer_version_that_cannot_be_read_stays_open_when_the_older_one_is_tried_again(
    missing: tuple[str, ...],
) -> None:
    """The older one is all there is to go by. The newer one ends its case when it can be read, or comes again."""
    unread = OrderUnreadable(delivery=6, version=V3, reason="it has no currency.")
    held = decide(decide(creating(), unread, NOW).state, refused(), NOW).state
    assert kinds(held) == ["order.unreadable", "fulfil.refused"]
    again = weighed(held, shown(V3, 1, missing=missing))
    assert "order.unreadable" in kinds(again.state)
    then = weighed(again.state, shown(V3, 1, missing=missing)) if missing else decide(again.state, done(), NOW)
    assert "order.unreadable" in kinds(then.state)
    for comes in (6, 7):
        assert kinds(weighed(held, shown(V3, comes)).state) == ["fulfil.refused"]


def test_a_newer_version_that_waited_is_weighed_as_soon_as_the_older_one_is_refused() -> None:
    """It may well be the correction."""
    waits = weighed(creating(), shown(V2, delivery=2)).state
    decision = decide(waits, refused(), NOW)
    assert (decision.state.version, decision.state.delivery, decision.keeps) == (V2, 2, 2)
    (emit,) = decision.emits
    assert (emit.channel, emit.message) == ("order_importer", Recheck(because="later version"))
