"""What was paid on a WooCommerce order, what went back, and what became of it: read from statuses and instants."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from flows.model.money import Money
from flows.model.order import (
    FinancialStatus,
    FulfilmentStatus,
    PaymentKind,
    PaymentStatus,
    Tender,
)
from flows.model.proof import prove
from tests.unit.made_woocommerce import Json, item, made, payload, said, taxed


def usd(text: str) -> Money:
    return Money(Decimal(text), "USD")


# -- payments and statuses ---------------------------------------------------------------------------------------------

PAID, PENDING = FinancialStatus.PAID, FinancialStatus.PENDING
UNPAID: Json = {"date_paid": None, "date_paid_gmt": None}


@pytest.mark.parametrize(
    ("changes", "status", "paid"),
    [
        ({}, PAID, "10.00"),
        ({"status": "completed"}, PAID, "10.00"),
        ({"status": "pre-ordered"}, PAID, "10.00"),
        ({"status": "on-hold"}, PAID, "10.00"),
        ({"status": "on-hold", "payment_method": "bacs", **UNPAID}, PENDING, None),
        ({"status": "pending", **UNPAID}, PENDING, None),
        ({"status": "failed", **UNPAID}, PENDING, None),
        ({"status": "wc-pending", "needs_payment": True, **UNPAID}, PENDING, None),
        ({"payment_method": "cod", **UNPAID}, PENDING, None),
        ({"payment_method": "cod", "status": "completed"}, PAID, "10.00"),
        ({"date_paid": None, "date_paid_gmt": "0000-00-00T00:00:00"}, PENDING, None),
        ({"date_paid_gmt": ...}, PAID, "10.00"),
        ({"date_paid": ..., "date_paid_gmt": ...}, PAID, "10.00"),
        ({"date_paid": ..., "date_paid_gmt": ..., "payment_method": "cod"}, PENDING, None),
        ({"date_paid": ..., "date_paid_gmt": ..., "status": "on-hold"}, PENDING, None),
        ({"date_paid": ..., "date_paid_gmt": ..., "payment_method": "cod", "status": "completed"}, PAID, "10.00"),
        ({"status": "cancelled", **UNPAID}, PENDING, None),
        ({"status": None}, PAID, "10.00"),
    ],
)
def test_what_was_paid_is_known_by_its_instant(changes: Json, status: FinancialStatus, paid: str | None) -> None:
    """Without that field by the status, which cash on delivery has before it is paid. All of these are consistent."""
    order = made(payload(**changes))
    assert order.financial_status is status
    assert [each.amount for each in order.payments] == ([] if paid is None else [usd(paid)])
    assert all(each.derived for each in order.payments)
    assert said(payload(**changes)) == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"needs_payment": True},
        {"status": "pending"},
        {"status": "failed"},
        {"status": "pending", "refunds": [{"id": 9, "total": "-10.00"}]},
        {"meta_data": [{"key": "_intention_status", "value": "requires_capture"}]},
    ],
)
def test_a_paid_order_that_needs_payment_contradicts_itself(changes: Json) -> None:
    """Whatever says so: nobody is sent anything on such a word, and nothing counts as taken."""
    assert made(payload(**changes)).payments == ()
    assert said(payload(**changes)) == "The order is called paid, but 10.00 USD of its 10.00 USD are outstanding."


@pytest.mark.parametrize(
    "sign",
    [{"key": "_stripe_charge_captured", "value": "no"}, {"key": "_intention_status", "value": "requires_capture"}],
)
def test_what_is_only_reserved_is_an_authorisation(sign: Json) -> None:
    """As WooCommerce Stripe and WooPayments note it; it is on hold until somebody captures it."""
    order = made(payload(status="on-hold", meta_data=[{"id": 1, **sign}], **UNPAID))
    assert order.financial_status is FinancialStatus.AUTHORISED
    assert [(each.kind, each.amount) for each in order.payments] == [(PaymentKind.AUTHORISATION, usd("10.00"))]
    assert prove(order).holds


def test_a_payment_has_the_gateways_own_id() -> None:
    """Or the order's where there is none; and the gateway's name, empty where there is none."""
    (payment,) = made(payload()).payments
    assert (payment.id, payment.gateway, payment.kind) == ("ch_1", "stripe", PaymentKind.SALE)
    (payment,) = made(payload(transaction_id="", payment_method="")).payments
    assert (payment.id, payment.gateway) == ("727", "")


def test_an_order_of_nothing_needs_no_payment() -> None:
    """A coupon of 100 %: it is paid, and there is no payment."""
    line = item(total="0.00", price=0)
    order = payload(line_items=[line], total="0.00", discount_total="10.00", needs_payment=False)
    assert (made(order).financial_status, made(order).payments) == (PAID, ())
    assert said(order) == ""


def test_gift_cards_pay_and_never_discount() -> None:
    """`total` is what they left; the order's own total has them, and each is a tender."""
    cards = [{"id": 11, "code": "A", "amount": "4.00"}, {"id": 12, "code": "B", "amount": 1.5}]
    order = made(payload(gift_cards=cards, total="4.50"))
    assert order.total == usd("10.00")
    assert [(each.id, each.tender, each.amount, each.gateway) for each in order.payments] == [
        ("11", Tender.GIFT_CARD, usd("4.00"), "gift_card"),
        ("12", Tender.GIFT_CARD, usd("1.5"), "gift_card"),
        ("ch_1", Tender.MONEY, usd("4.50"), "stripe"),
    ]
    assert prove(order).holds
    assert "4.00 USD too much" in said(payload(gift_cards=cards[:1], total="10.00"))


def test_gift_cards_alone_can_pay_an_order_and_get_their_money_back() -> None:
    """Nothing is left for another gateway; what is cancelled is credited to them again."""
    cards = [{"id": 11, "amount": "10.00"}]
    assert [each.tender for each in made(payload(gift_cards=cards, total="0.00")).payments] == [Tender.GIFT_CARD]
    assert said(payload(gift_cards=cards, total="0.00")) == ""
    (undone,) = made(payload(gift_cards=cards, total="0.00", status="cancelled")).payments
    assert undone.status is PaymentStatus.FAILED


# -- cancels, refunds, fulfilment --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["cancelled", "trash", "wc-cancelled"])
def test_a_cancelled_order_is_so_since_its_last_change(status: str) -> None:
    """There is no other instant; where it is missing too, since it was placed."""
    order = made(payload(status=status))
    assert order.cancelled_at == datetime(2026, 11, 20, 8, 0, 8, tzinfo=UTC)
    assert made(payload(status=status, date_modified_gmt=None)).cancelled_at == datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert made(payload()).cancelled_at is None


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"status": "completed"}, FulfilmentStatus.SHIPPED),
        ({"status": "refunded", "date_completed_gmt": "2026-11-21T00:00:00"}, FulfilmentStatus.SHIPPED),
        ({"status": "refunded"}, FulfilmentStatus.UNSHIPPED),
        ({"date_completed_gmt": "2026-11-21T00:00:00"}, FulfilmentStatus.UNSHIPPED),
    ],
)
def test_what_is_completed_was_shipped(changes: Json, status: FulfilmentStatus) -> None:
    """A refund does not bring it back; a return to `processing` does."""
    assert made(payload(**changes)).fulfilment_status is status


@pytest.mark.parametrize(
    ("status", "totals", "financial"),
    [
        ("processing", ["-4.00"], FinancialStatus.PARTIALLY_REFUNDED),
        ("completed", ["-4.00", "-6.00"], FinancialStatus.REFUNDED),
        ("refunded", [-10], FinancialStatus.REFUNDED),
    ],
)
def test_refunds_are_facts_beside_the_lines(status: str, totals: list[Any], financial: FinancialStatus) -> None:
    """Ids and negative totals; they change neither the total nor what was paid."""
    refunds = [{"id": 90 + number, "reason": "", "total": each} for number, each in enumerate(totals)]
    order = made(payload(status=status, refunds=refunds))
    assert order.financial_status is financial
    assert order.refunds is not None
    assert [str(each.refunded[0].amount) for each in order.refunds] == [str(each).strip("-") for each in totals]
    assert order.total == usd("10.00")
    assert [each.amount for each in order.payments] == [usd("10.00")]
    assert prove(order).holds
    assert order.lines[0].quantity_left is None


def test_what_stays_of_a_deleted_refund_is_none() -> None:
    """Id 0 and a total of -0.00; and a payload may not speak of refunds at all."""
    assert made(payload(refunds=[{"id": 0, "reason": "", "total": "-0.00"}])).refunds == ()
    assert made(payload(refunds=...)).refunds is None


def test_refunds_that_are_not_the_whole_of_a_refunded_order_contradict_it() -> None:
    """WooCommerce refunds the rest itself, and never more than the total."""
    sentence = "The order says in one place that what was refunded is {} USD, in another 10.00 USD."
    assert said(payload(status="refunded", refunds=[{"id": 1, "total": "-9.99"}])) == sentence.format("9.99")
    assert said(payload(refunds=[{"id": 1, "total": "-10.01"}])) == sentence.format("10.01")
    assert "called refunded, but it has no refund" in said(payload(status="refunded"))


def test_the_lines_of_a_refund_say_what_is_left() -> None:
    """Where the refunds' own objects were put in: units by line, and what the parts were worth with tax."""
    meta = [{"id": 1, "key": "_refunded_item_id", "value": "315"}]
    line = item(id=400, quantity=-1, total="-9.00", total_tax="-0.90", meta_data=meta)
    refund = {"id": 90, "amount": "9.90", "line_items": [line], "shipping_lines": [], "fee_lines": []}
    order = made(taxed(refunds=[refund]))
    assert [each.quantity_left for each in order.lines] == [1]
    assert order.refunds is not None
    assert (order.refunds[0].refunded, order.refunds[0].worth) == ((usd("9.90"),), usd("9.90"))
    assert not prove(order).remarks
    assert prove(made(taxed(refunds=[{**refund, "amount": "8.00"}]))).remarks
    unknown = {**refund, "line_items": [{**line, "meta_data": []}]}
    for refunds in ([unknown], [refund, {"id": 91, "total": "-1.00"}]):
        assert made(taxed(refunds=refunds)).lines[0].quantity_left is None
