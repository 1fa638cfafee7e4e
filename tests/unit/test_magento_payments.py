"""Who paid a Magento order, and what becomes of it after the sale: tenders, authorisations, refunds, cancels."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from flows.model.order import (
    FinancialStatus,
    PaymentKind,
    Tender,
)
from flows.model.proof import prove
from flows.model.sale import SaleSettings, Unmappable, sale_for
from tests.unit.magento_orders import both, item, made, owing, proven, usd

SETTINGS = SaleSettings(channel_id=3, taxes={"VAT": "VAT 20"}, gateways={"checkmo": "cheque"}, fees_sku="FEE")


# -- who paid ----------------------------------------------------------------------------------------------------------


def paid_by(total: float = 10, **figures: float) -> dict[str, Any]:
    return {
        "entity_id": 31,
        "method": "braintree",
        "last_trans_id": "tx-9",
        **both({"amount_ordered": total, **figures}),
    }


def test_an_authorisation_that_was_captured_is_both() -> None:
    """The capture is the authorisation's child; nothing is left open."""
    order = proven(made(payment=paid_by(amount_authorized=10, amount_paid=10)))
    assert [(p.id, p.gateway, p.kind, p.amount, p.parent_id, p.derived) for p in order.payments] == [
        ("31-authorisation", "braintree", PaymentKind.AUTHORISATION, usd("10"), None, False),
        ("tx-9", "braintree", PaymentKind.CAPTURE, usd("10"), "31-authorisation", False),
    ]
    assert order.financial_status is FinancialStatus.PAID


@pytest.mark.parametrize(
    ("figures", "paid", "due", "status"),
    [
        ({}, None, 10, FinancialStatus.PENDING),
        ({"amount_authorized": 10}, None, 10, FinancialStatus.AUTHORISED),
        ({"amount_paid": 4}, 4, 6, FinancialStatus.PARTIALLY_PAID),
        ({"amount_authorized": 10, "amount_paid": 4}, 4, 6, FinancialStatus.PARTIALLY_PAID),
        ({"amount_paid": 10}, 10, 0, FinancialStatus.PAID),
        ({"amount_paid": 10}, None, None, FinancialStatus.PAID),
        ({}, 10, 0, FinancialStatus.PAID),
    ],
)
def test_the_sums_say_what_was_paid(
    figures: dict[str, float], paid: float | None, due: float | None, status: FinancialStatus
) -> None:
    """Of the order or of its payment; what nobody paid is due."""
    order = proven(made(payment=paid_by(**figures), total_paid=paid, total_due=due))
    assert order.financial_status is status


def test_what_the_order_and_its_payment_say_must_agree() -> None:
    """A conflict names both."""
    order = made(payment=paid_by(amount_paid=9), total_paid=10)
    assert "total_paid is 10.00 USD, in another 9.00 USD" in prove(order).sentence
    unpaid = made(payment=paid_by(), total_paid=4, total_due=5)
    assert "1.00 USD" in prove(unpaid).sentence


def test_gift_cards_and_store_credit_pay_and_reward_points_discount() -> None:
    """`grand_total` is what was left to pay; a card's code is read nowhere."""
    extension = {
        "gift_cards": [
            {"id": 3, "code": "SECRET-1", "amount": 2, "base_amount": 2},
            {"id": 4, "code": "SECRET-2", "amount": 1, "base_amount": 1},
        ],
        **both({"gift_cards_amount": 3, "customer_balance_amount": 1.5, "reward_currency_amount": 0.5}),
    }
    order = made(extension, grand_total=5, total_paid=5, payment=paid_by(5, amount_paid=5))
    assert [(p.id, p.gateway, p.tender, p.amount) for p in proven(order).payments] == [
        ("tx-9", "braintree", Tender.MONEY, usd("5")),
        ("3", "giftcardaccount", Tender.GIFT_CARD, usd("2")),
        ("4", "giftcardaccount", Tender.GIFT_CARD, usd("1")),
        ("", "customerbalance", Tender.STORE_CREDIT, usd("1.5")),
    ]
    assert order.total == usd("9.5")
    assert order.unallocated_discount is not None
    assert order.unallocated_discount.shop == usd("0.5")
    assert [(each.name, each.amount.shop) for each in order.discounts] == [("reward points", usd("0.5"))]
    assert "SECRET" not in repr(order)


def test_an_order_paid_by_gift_card_alone_is_paid() -> None:
    """Its grand total is zero. The table's own names of a card are read, too, and text about cards is not."""
    amounts = both({"gift_cards_amount": 10})
    for cards in ([{"i": 3, "c": "SECRET", "a": 10, "ba": 10}], "[]", None):
        extension = {"gift_cards": cards, **amounts}
        order = proven(made(extension, grand_total=0, total_paid=0, payment={"method": "free"}))
        assert order.financial_status is FinancialStatus.PAID
        assert [(p.tender, p.amount) for p in order.payments] == [(Tender.GIFT_CARD, usd("10"))]
    wrong = [{"id": 3, "amount": 9, "base_amount": 9}]
    order = made({"gift_cards": wrong, **amounts}, grand_total=0, total_paid=0, payment={"method": "free"})
    assert "gift_cards_amount is 10.00 USD, in another 9.00 USD" in prove(order).sentence


def test_a_zero_order_is_paid() -> None:
    """A hundred percent off needs no payment."""
    line = item(discount_amount=10)
    order = proven(made(items=[line], discount_amount=-10, grand_total=0, total_paid=0, payment={"method": "free"}))
    assert (order.financial_status, order.payments) == (FinancialStatus.PAID, ())


# -- after the sale ----------------------------------------------------------------------------------------------------


def test_credit_memos_are_one_refund_of_what_their_sums_say() -> None:
    """Goods and tax less discount; a goodwill amount is worth itself."""
    sums = both({"total_refunded": 4.5, "subtotal_refunded": 4, "tax_refunded": 1, "discount_refunded": -1,
                 "adjustment_positive": 0.5})  # fmt: skip
    order = proven(made(**sums))
    assert order.refunds is not None
    assert [(each.refunded, each.worth) for each in order.refunds] == [((usd("4.5"),), usd("4.5"))]
    assert order.financial_status is FinancialStatus.PARTIALLY_REFUNDED
    assert prove(order).remarks == ()
    assert "0.50 USD too much" in prove(made(**{**sums, **both({"adjustment_positive": 0})})).remarks[0].sentence
    assert made().refunds == ()


def test_a_closed_order_is_refunded() -> None:
    """Wholly by its sums; closed without a refund is denied."""
    whole = proven(made(state="closed", **both({"total_refunded": 10})))
    assert whole.financial_status is FinancialStatus.REFUNDED
    assert prove(made(state="closed")).sentence == "The order of 10.00 USD is called refunded, but it has no refund."


def test_what_went_back_to_gift_cards_and_store_credit_is_refunded() -> None:
    """Each in its own sum."""
    extension = both({"gift_cards_amount": 4, "gift_cards_refunded": 4, "customer_balance_refunded": 0})
    order = proven(
        made(extension, grand_total=6, total_paid=6, payment=paid_by(6, amount_paid=6), **both({"total_refunded": 6}))
    )
    assert order.financial_status is FinancialStatus.REFUNDED
    assert order.refunds is not None
    assert order.refunds[0].refunded == (usd("10"),)


def test_a_cancelled_order_says_when_as_well_as_it_can() -> None:
    """By its history; else by its last change. An open authorisation is void, and a gift card is given back."""
    histories = [
        {"status": "canceled", "created_at": "2026-11-21 10:00:00"},
        {"status": "pending", "created_at": "2026-11-22 10:00:00"},
        {"status": "canceled", "created_at": None},
    ]
    void = owing(6, total_due=0, state="canceled", status="canceled", payment=paid_by(6, amount_authorized=6))
    cards = both({"gift_cards_amount": 4})
    order = proven(made(cards, status_histories=histories, **both({"total_canceled": 6}), **void))
    assert order.cancelled_at == datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert order.financial_status is FinancialStatus.VOIDED
    assert [payment.kind for payment in order.payments] == [
        PaymentKind.AUTHORISATION,
        PaymentKind.VOID,
        PaymentKind.VOID,
    ]
    assert sale_for(order, SETTINGS) == Unmappable("The sales channel has cancelled the order.")
    assert made(**owing(10, state="canceled")).cancelled_at == datetime(2026, 11, 20, 8, 0, 1, tzinfo=UTC)
    assert made().cancelled_at is None


def test_money_kept_of_a_cancelled_order_is_denied() -> None:
    """Magento cancels only what nobody has paid."""
    assert "called voided, but 10.00 USD were captured and kept" in prove(made(state="canceled")).sentence


def test_an_order_cancelled_in_part_and_paid_for_the_rest_proves() -> None:
    """Without a published `total_due`, what was cancelled is what nobody pays."""
    sums = both({"total_canceled": 4, "total_refunded": 1})
    order = proven(made(payment=paid_by(amount_paid=6), total_paid=6, total_due=None, **sums))
    assert order.totals.left is not None
    assert order.totals.left.shop == usd("5")
