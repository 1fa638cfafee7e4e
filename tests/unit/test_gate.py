"""The import gate: which orders go to Fulfil, wait, or never do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flows.model.gate import OPEN_GATE, GateRule, GateSettings, Verdict, gate, gate_again, payment_of
from flows.model.history import Consequences, consequences
from flows.model.money import Money
from flows.model.order import BY_CHANNEL, FinancialStatus, FulfilmentStatus, Order, PaymentKind, PaymentStatus, Risk
from flows.model.proof import prove
from runtime.clock import to_instant
from tests.unit.made_orders import order, payment, refund

PLACED = datetime(2026, 11, 20, 8, tzinfo=UTC)
NOW = PLACED + timedelta(minutes=5)
PENDING = {"financial_status": FinancialStatus.PENDING, "payments": ()}


def judged(made: Order, now: datetime = NOW, **settings: Any) -> Verdict:
    return gate(made, prove(made), GateSettings(**settings), to_instant(NOW), now)


def rule(then: Any, **conditions: Any) -> GateRule:
    return GateRule(name="ours", then=then, **conditions)


@pytest.mark.parametrize(
    ("of", "then"),
    [
        ({}, "import"),
        ({"financial_status": FinancialStatus.AUTHORISED}, "import"),
        ({"financial_status": FinancialStatus.PARTIALLY_REFUNDED, "refunds": (refund("1.00"),)}, "import"),
        (PENDING, "wait"),
        ({"financial_status": FinancialStatus.PARTIALLY_PAID}, "wait"),
        ({"financial_status": FinancialStatus.VOIDED}, "wait"),
        ({"financial_status": FinancialStatus.REFUNDED, "refunds": (refund("10.00"),)}, "exclude"),
        ({"test": True}, "exclude"),
        ({"tags": ("vip", BY_CHANNEL)}, "exclude"),
        ({"fulfilment_status": FulfilmentStatus.SHIPPED}, "exclude"),
        ({"risk": Risk.HIGH}, "hold_shipment"),
        ({"risk": Risk.HIGH, "financial_status": FinancialStatus.AUTHORISED}, "hold_shipment"),
        ({"risk": Risk.MEDIUM}, "import"),
        ({"risk": Risk.HIGH, **PENDING}, "wait"),
    ],
)
def test_without_rules_of_its_own_a_sales_channel_has_those_of_all(of: dict[str, Any], then: str) -> None:
    """Rule 1: paid and authorised orders import; pending ones wait; tests and what others ship are excluded."""
    assert judged(order(**of)).then == then


@pytest.mark.parametrize(
    ("payments", "total", "paid"),
    [
        ((payment("10.00"),), "10.00", "paid"),
        ((payment("4.00"),), "10.00", "partially_paid"),
        ((), "10.00", "pending"),
        ((), "0.00", "paid"),
        ((payment("10.00", kind=PaymentKind.AUTHORISATION),), "10.00", "authorised"),
        ((payment("10.00", status=PaymentStatus.PENDING),), "10.00", "pending"),
    ],
)
def test_where_nobody_says_how_it_was_paid_its_payments_do(payments: Any, total: str, paid: str) -> None:
    """A zero total has nothing to pay (failure case 16)."""
    made = order(total, payments=payments, financial_status=FinancialStatus.UNKNOWN)
    assert payment_of(made, prove(made)) == paid


def test_a_rule_of_the_sales_channel_comes_first() -> None:
    """Rule 1: terms such as cash on delivery import by rule."""
    cod = order(
        financial_status=FinancialStatus.PENDING,
        payments=(payment("10.00", gateway="cod", status=PaymentStatus.PENDING),),
    )
    assert judged(cod).waits == "for its payment"
    assert judged(cod, rules=(rule("import", gateways=("cod",)),)).then == "import"
    assert judged(order(tags=("Check ",)), rules=(rule("wait", tags=("check",)),)).waits == "by the rule 'ours'"


def test_a_rule_has_to_meet_every_condition_it_names() -> None:
    """Conditions are joined by and, the words of one by or."""
    rules = (rule("exclude", tags=("wholesale", "staff"), payment=("pending",)),)
    assert judged(order(tags=("staff",)), rules=rules).then == "import"
    assert judged(order(tags=("staff",), **PENDING), rules=rules) == Verdict(then="exclude", rule="ours")
    assert judged(order(**PENDING), rules=rules).then == "wait"


def test_an_order_of_before_the_cutover_is_known_and_not_imported() -> None:
    """Rule 3, whatever the rules say; the instant itself is after it."""
    rules = (rule("import"),)
    assert judged(order(), starts_at=PLACED + timedelta(microseconds=1), rules=rules) == Verdict(
        then="exclude", rule="placed before the cutover"
    )
    assert judged(order(), starts_at=PLACED).then == "import"


def test_the_cutover_is_one_instant() -> None:
    """Without an offset it would be another one in each time zone."""
    with pytest.raises(ValueError, match="offset"):
        GateSettings(starts_at=datetime(2026, 11, 1))  # noqa: DTZ001 - that is the point


def test_an_order_is_left_alone_until_its_grace_is_over() -> None:
    """Rule 2: the window begins with the purchase; what is excluded is so at once."""
    verdict = judged(order(), grace_s=900)
    assert (verdict.then, verdict.until) == ("wait", PLACED + timedelta(minutes=15))
    assert judged(order(), PLACED + timedelta(minutes=15), grace_s=900).then == "import"
    assert judged(order(test=True), grace_s=900).then == "exclude"


def test_an_unpaid_order_is_looked_at_again_when_it_has_waited_long_enough() -> None:
    """The days are counted from its first delivery, not from its purchase, which may be long ago."""
    assert judged(order(**PENDING), wait_days_max=2).until == NOW + timedelta(days=2)


def test_history_is_imported_as_completed_by_rule_only() -> None:
    """Rule 3: a sale of the past, of which nothing is shipped."""
    old = order(fulfilment_status=FulfilmentStatus.SHIPPED)
    assert judged(old, rules=(rule("import_completed", kinds=("shipped",)),), grace_s=99_999).then == "import_completed"


@pytest.mark.parametrize(
    ("of", "name"),
    [({"test": True}, "test orders"), ({"tags": (BY_CHANNEL,)}, "shipped by the sales channel")],
    ids=["test", "by_channel"],
)
def test_a_row_that_names_one_kind_leaves_the_others_excluded(of: dict[str, Any], name: str) -> None:
    """History that was shipped is imported; of that, test orders and what somebody else ships never are."""
    old, history = order(fulfilment_status=FulfilmentStatus.SHIPPED, **of), rule("import_completed", kinds=("shipped",))
    assert judged(old, rules=(history,)) == Verdict(then="exclude", rule=name)
    both = rule("import_completed", kinds=("shipped", "test", "by_channel"))
    assert judged(old, rules=(both,)).then == "import_completed"


def test_the_money_is_not_looked_at_twice() -> None:
    """Amounts are the proof's business: an order that contradicts itself passes the gate, and is held by its proof."""
    odd = order("12.00", payments=(payment("10.00", amount=Money(payment("10.00").amount.amount, "USD")),))
    assert judged(odd).then == "import"
    assert not prove(odd).holds


@pytest.mark.parametrize(
    ("of", "then"),
    [
        ({"test": True}, "exclude"),
        ({"fulfilment_status": FulfilmentStatus.SHIPPED}, "exclude"),
        ({"tags": (BY_CHANNEL,)}, "exclude"),
        ({"risk": Risk.HIGH}, "hold_shipment"),
    ],
)
def test_a_rule_about_payments_does_not_let_pass_what_it_does_not_name(of: dict[str, Any], then: str) -> None:
    """Cash on delivery of a test order is still a test order."""
    made = order(**{**PENDING, "payment_methods": ("cod",), **of})
    assert judged(made, rules=(rule("import", gateways=("cod",)),)).then == then


def test_a_rule_that_says_nothing_of_payments_does_not_import_what_is_unpaid() -> None:
    """Rule 1: terms are imported by a rule that names them."""
    rules = (rule("hold_shipment", tags=("review",)),)
    assert judged(order(tags=("review",)), rules=rules).then == "hold_shipment"
    assert judged(order(tags=("review",), **PENDING), rules=rules).waits == "for its payment"


def test_a_shop_whose_clock_is_ahead_delays_nothing() -> None:
    """The grace is counted from the receipt at the latest; without one there is none."""
    ahead = order(placed_at=NOW + timedelta(hours=1), tags=("vip",))
    assert judged(ahead).then == "import"
    assert judged(ahead, grace_s=60).until == NOW + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("of", "then"),
    [
        ({}, "import"),
        ({"fulfilment_status": FulfilmentStatus.SHIPPED}, "import"),
        ({"financial_status": FinancialStatus.REFUNDED, "refunds": (refund("10.00"),)}, "exclude"),
        ({"financial_status": FinancialStatus.VOIDED}, "wait"),
        ({"risk": Risk.HIGH}, "hold_shipment"),
    ],
)
def test_a_later_version_of_an_imported_order_is_judged_without_its_time_and_its_shipping(
    of: dict[str, Any], then: str
) -> None:
    """What it was shipped for, and when it might be imported, is settled."""
    made = order(**of)
    late = GateSettings(starts_at=PLACED + timedelta(days=1), grace_s=9_999)
    assert gate_again(made, prove(made), late, to_instant(NOW), NOW).then == then


def test_what_a_bank_takes_back_does_not_leave_the_warehouse() -> None:
    """Rule 21: also when it comes after the import; a chargeback that was not made holds nothing."""
    taken, disputed = payment("10.00"), payment("10.00", id="D1", kind=PaymentKind.CHARGEBACK)
    rumour = payment("10.00", id="D1", kind=PaymentKind.CHARGEBACK, status=PaymentStatus.PENDING)
    for payments, then in (((taken, disputed), "hold_shipment"), ((taken, rumour), "import")):
        made = order("10.00", payments=payments)
        assert gate(made, prove(made), OPEN_GATE, to_instant(NOW), NOW).then == then
        assert gate_again(made, prove(made), OPEN_GATE, to_instant(NOW), NOW).then == then


def test_what_is_only_left_alone_for_a_while_would_be_shipped_all_the_same() -> None:
    """Rule 3: a back-fill up to the present has orders that are young enough for edits, and imports them soon after."""
    young = order("10.00")
    settings = GateSettings(grace_s=86_400)
    soon = young.placed_at + timedelta(hours=1)
    assert gate(young, prove(young), settings, to_instant(soon), soon).then == "wait"
    assert consequences(young, settings, soon) == Consequences(shipments=1, invoices=1, payments=1)
