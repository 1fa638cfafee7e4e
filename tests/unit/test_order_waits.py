"""Orders that wait, are excluded, or have their shipments on hold: what the importer decides by the gate."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from flows.model.gate import GateRule, GateSettings
from flows.model.messages import MISSING_ORDERS, FindOrder, Recheck
from flows.model.order import FinancialStatus, PaymentKind
from flows.model.order_state import OrderState, Status
from flows.order_importer import OrderUnreadable, decide, presented
from runtime.clock import to_instant
from tests.unit.made_orders import SETTINGS, payment
from tests.unit.order_messages import (
    LATER,
    NOW,
    V1,
    V2,
    V3,
    creating,
    done,
    imported,
    kinds,
    only_case,
    shown,
    told,
    weighed,
)

PENDING = {"financial_status": FinancialStatus.PENDING, "payments": ()}
DAY = timedelta(days=1)


def received(message: object) -> object:
    return msgspec.structs.replace(message, received_us=to_instant(NOW))  # type: ignore[type-var]


def test_an_unpaid_order_waits_and_is_imported_when_it_is_paid() -> None:
    """Failure case 4, from the other side: paid is a version like any other."""
    waits = weighed(OrderState(), shown(V1, **PENDING))
    assert (waits.state.status, waits.state.waits, waits.effects) == (Status.WAITING, "for its payment", ())
    assert (told(waits), waits.keeps) == (["waits"], 1)
    paid = weighed(waits.state, shown(V2, delivery=2), LATER)
    assert (paid.state.status, paid.effects[0].kind, paid.state.waits) == (Status.CREATING, "create_order", "")


def test_an_order_that_was_paid_first_does_not_wait_again() -> None:
    """The older version comes late, and is stale."""
    paid = weighed(OrderState(), shown(V2, delivery=2))
    assert told(weighed(paid.state, shown(V1, **PENDING), LATER)) == ["stale"]


def test_an_order_that_waits_too_long_becomes_a_case_and_goes_on_waiting() -> None:
    """Somebody has to ask; nothing is imported by it, and its payment ends the case."""
    waits = weighed(OrderState(), received(shown(V1, **PENDING)))  # type: ignore[arg-type]
    (timer,) = waits.timers
    assert (timer.due, timer.message) == (NOW + 7 * DAY, Recheck(because="gate"))
    due = weighed(waits.state, received(shown(V1, **PENDING)), NOW + 7 * DAY)  # type: ignore[arg-type]
    assert (due.state.status, kinds(due.state), due.timers) == (Status.WAITING, ["order.unpaid"], ())
    assert weighed(due.state, shown(V2, delivery=2), NOW + 8 * DAY).state.cases == ()


def test_a_person_lets_a_waiting_order_pass_for_good() -> None:
    """Also when it is held afterwards for another reason, and released from that."""
    waits = weighed(OrderState(), shown(V1, **PENDING))
    asked = msgspec.structs.replace(shown(V1, missing=("MUG-BLUE",), **PENDING), by_person=True)
    held = weighed(waits.state, asked, LATER)
    assert (held.state.status, kinds(held.state)) == (Status.HELD, ["sku.unknown"])
    assert weighed(held.state, shown(V1, **PENDING), LATER).state.status is Status.CREATING


def test_figures_that_contradict_each_other_hold_an_order_that_waits() -> None:
    """They have to be corrected anyway, so finance sees them early."""
    odd = shown(V1, financial_status=FinancialStatus.PENDING)
    held = weighed(OrderState(), odd)
    assert (held.state.status, kinds(held.state)) == (Status.HELD, ["order.contradiction"])


def test_an_unknown_sku_of_an_unpaid_order_is_nobodys_business_yet() -> None:
    """Many unpaid orders are never paid."""
    assert weighed(OrderState(), shown(V1, missing=("NEW",), **PENDING)).state.status is Status.WAITING


def test_a_test_order_is_excluded_by_a_named_rule_and_stays_so() -> None:
    """It is stored; its later versions are judged again, its cases end."""
    excluded = weighed(OrderState(), shown(V1, test=True))
    assert (excluded.state.status, excluded.state.rule, excluded.effects) == (Status.EXCLUDED, "test orders", ())
    assert (excluded.keeps, excluded.closes) == (None, True)
    held = weighed(OrderState(), shown(V1, missing=("NEW",)))
    assert weighed(held.state, shown(V2, test=True), LATER).state.cases == ()
    assert weighed(excluded.state, shown(V2), LATER).state.status is Status.CREATING


def test_a_cancelled_order_is_closed_whatever_the_gate_says() -> None:
    """Nothing of it is wanted."""
    waits = weighed(OrderState(), shown(V1, **PENDING))
    assert weighed(waits.state, shown(V2, cancelled_at=NOW, **PENDING), LATER).state.status is Status.CANCELLED


def test_history_goes_to_fulfil_as_completed() -> None:
    """Rule 3: nothing of it is shipped or invoiced."""
    gate = GateSettings(rules=(GateRule(name="history", then="import_completed"),))
    decision = presented(OrderState(), shown(V1), NOW, SETTINGS, gate)
    sent = msgspec.json.decode(decision.effects[0].body)[1]
    assert (sent["status"], sent["fulfillment_status"]) == ("completed", "shipped")


@pytest.mark.parametrize("state", [OrderState(), weighed(OrderState(), shown(V1, **PENDING)).state])
def test_an_order_that_is_published_in_full_later_waits_for_that(state: OrderState) -> None:
    """A pending order of Amazon has no amounts: nothing is wrong with it."""
    decision = decide(state, OrderUnreadable(delivery=2, version=V2, reason="r", awaits="later"), NOW)
    assert (decision.state.status, decision.state.cases, decision.emits) == (Status.WAITING, (), ())
    assert decision.state.waits == "for the rest of it, which the sales channel publishes later"
    assert weighed(decision.state, shown(V3), LATER).state.status is Status.CREATING


def test_a_notice_that_only_names_its_order_has_it_fetched() -> None:
    """Webhooks of some sales channels carry ids only."""
    decision = decide(OrderState(), OrderUnreadable(delivery=1, version="", reason="r", awaits="fetch"), NOW)
    assert decision.state.status is Status.WAITING
    assert [(emit.channel, emit.message) for emit in decision.emits] == [(MISSING_ORDERS, FindOrder(only_named=True))]
    again = decide(decision.state, OrderUnreadable(delivery=1, version="", reason="r", awaits="fetch"), LATER)
    assert (again.state, len(again.emits)) == (decision.state, 1), "a person may have it asked for again"


@pytest.mark.parametrize(
    "known",
    [
        weighed(OrderState(), shown(V1, missing=("NEW",))).state,
        weighed(OrderState(), shown(V1, **PENDING)).state,
        creating(),
        imported(),
    ],
    ids=["held", "waiting", "on its way", "imported"],
)
def test_a_notice_about_an_order_that_is_known_fetches_it_and_changes_nothing(known: OrderState) -> None:
    """It has no version, so it is no older one; what stands, or is wrong, is as it was until the order is here."""
    decision = decide(known, OrderUnreadable(delivery=2, version="", reason="r", awaits="fetch"), NOW)
    assert (decision.state, told(decision)) == (known, ["change_told"])
    assert [emit.message for emit in decision.emits] == [FindOrder(only_named=True)]


def test_a_payment_that_is_expected_is_never_sent() -> None:
    """Rule 5: only captured money is sent as success."""
    gate = GateSettings(rules=(GateRule(name="terms", then="import", payment=("pending",)),))
    of = {"financial_status": FinancialStatus.PENDING, "payments": ()}
    sent = msgspec.json.decode(presented(OrderState(), shown(V1, **of), NOW, SETTINGS, gate).effects[0].body)[1]
    assert "payments" not in sent
    assert payment("1.00").gateway == "card"


# -- authorisations that end -------------------------------------------------------------------------------------------

ENDS = NOW + 6 * DAY
RESERVED = {
    "financial_status": FinancialStatus.AUTHORISED,
    "payments": (payment("10.00", kind=PaymentKind.AUTHORISATION, expires_at=ENDS),),
}
CAPTURED = {"payments": (*RESERVED["payments"], payment("10.00", id="T2", kind=PaymentKind.CAPTURE, parent_id="T1"))}


def test_an_authorisation_that_nobody_captures_becomes_a_case_a_day_before_it_ends() -> None:
    """Rule 2: the order has been imported meanwhile, and goes on."""
    decision = weighed(OrderState(), shown(V1, **RESERVED))
    (timer,) = decision.timers
    assert (timer.due, decision.state.status) == (ENDS - DAY, Status.CREATING)
    imported = decide(decision.state, done(), NOW).state
    late = decide(imported, timer.message, timer.due)
    assert (only_case(late).kind, late.state.status) == ("payment.expiring", Status.IMPORTED)
    seen = weighed(late.state, shown(V2, delivery=2, tags=("echo",), **RESERVED), timer.due)
    assert (only_case(seen).opened_at, seen.timers) == (timer.due, ())
    captured = weighed(seen.state, shown(V3, delivery=3, **CAPTURED), timer.due)
    assert (captured.state.cases, captured.state.authorised_until) == ((), "")


def test_an_authorisation_that_was_captured_in_time_is_nobodys_business() -> None:
    """The timer finds that nothing is reserved any more; so it does for a cancelled order."""
    reserved = weighed(OrderState(), shown(V1, **RESERVED))
    timer = reserved.timers[0]
    imported = decide(reserved.state, done(), NOW).state
    for of in (CAPTURED, {**RESERVED, "cancelled_at": NOW}):
        state = weighed(imported, shown(V2, delivery=2, **of), LATER).state
        assert "payment.expiring" not in kinds(decide(state, timer.message, timer.due).state)


def test_an_authorisation_that_is_renewed_is_waited_for_anew() -> None:
    """The old timer is late news."""
    first = weighed(OrderState(), shown(V1, missing=("NEW",), **RESERVED))
    renewed = {**RESERVED, "payments": (payment("10.00", kind=PaymentKind.AUTHORISATION, expires_at=ENDS + DAY),)}
    second = weighed(first.state, shown(V2, missing=("NEW",), **renewed), LATER)
    assert [timer.due for timer in second.timers] == [ENDS]
    assert kinds(decide(second.state, first.timers[0].message, LATER).state) == ["sku.unknown"]


def test_a_sale_that_is_made_does_not_end_the_worry_about_its_payment() -> None:
    """The case began while the create was under way."""
    reserved = weighed(OrderState(), shown(V1, **RESERVED))
    late = decide(reserved.state, reserved.timers[0].message, ENDS)
    assert kinds(decide(late.state, done(), ENDS).state) == ["payment.expiring"]
