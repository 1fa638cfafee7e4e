"""What was paid for an order of BigCommerce, and what went back, as its transactions or its statuses say."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from flows.model.money import Money
from flows.model.order import FinancialStatus, PaymentKind, PaymentStatus, Tender
from flows.model.proof import prove
from tests.unit.made_bigcommerce import made


def usd(text: str) -> Money:
    return Money(Decimal(text), "USD")


def test_store_credit_and_gift_certificates_are_tenders() -> None:
    """What they leave is derived from the status; never is one of them a discount."""
    order = made(store_credit_amount="4.0000", gift_certificate_amount="10.0000")
    assert [(each.tender, each.amount, each.derived) for each in order.payments] == [
        (Tender.STORE_CREDIT, usd("4"), False),
        (Tender.GIFT_CARD, usd("10"), False),
        (Tender.MONEY, usd("10"), True),
    ]
    assert order.totals.discounts is not None
    assert not order.totals.discounts.shop
    assert prove(order).holds


def transaction(**changes: Any) -> dict[str, Any]:
    """Money that was taken by card."""
    fields: dict[str, Any] = {
        "id": 1, "order_id": "1001", "event": "purchase", "method": "credit_card", "amount": 24, "currency": "USD",
        "gateway": "stripe", "status": "ok", "test": False, "reference_transaction_id": {},
    }  # fmt: skip
    return fields | changes


@pytest.mark.parametrize("enveloped", [False, True])
def test_transactions_are_the_payments_when_they_are_gathered(enveloped: bool) -> None:
    """With kind, parent, status and tender, as an array or in V3's envelope; refunds are no payments."""
    found = [
        transaction(event="authorization", amount=14),
        transaction(id=2, event="capture", amount=14.0, reference_transaction_id=1),
        transaction(id=3, method="gift_certificate", gateway="giftcertificate", amount=10),
        transaction(id=4, status="error"),
        transaction(id=5, event="pending"),
        transaction(id=6, event="refund"),
        transaction(id=7, event="settled"),
    ]
    order = made(transactions={"data": found, "meta": {}} if enveloped else found, gift_certificate_amount="10.0000")
    assert [(each.id, each.kind, each.status, each.tender, each.parent_id) for each in order.payments] == [
        ("1", PaymentKind.AUTHORISATION, PaymentStatus.SUCCESS, Tender.MONEY, None),
        ("2", PaymentKind.CAPTURE, PaymentStatus.SUCCESS, Tender.MONEY, "1"),
        ("3", PaymentKind.SALE, PaymentStatus.SUCCESS, Tender.GIFT_CARD, None),
        ("4", PaymentKind.SALE, PaymentStatus.FAILED, Tender.MONEY, None),
        ("5", PaymentKind.SALE, PaymentStatus.PENDING, Tender.MONEY, None),
        ("7", PaymentKind.OTHER, PaymentStatus.SUCCESS, Tender.MONEY, None),
    ]
    assert prove(order).holds, prove(order).sentence


def test_credit_beside_transactions_counts_once_and_must_agree() -> None:
    """A transaction shows it, or the order does; when both do they say the same."""
    shown = made(transactions=[transaction(amount=20)], store_credit_amount="4.0000")
    assert [each.tender for each in shown.payments] == [Tender.MONEY, Tender.STORE_CREDIT]
    assert prove(shown).holds
    credit = transaction(id=2, method="store_credit", gateway="storecredit", amount=4)
    differs = made(transactions=[transaction(amount=20), credit], store_credit_amount="5.0000")
    assert prove(differs).sentence == (
        "The order says in one place that store_credit_amount is 5.00 USD, in another 4.00 USD."
    )


def test_a_transaction_in_another_currency_is_contradicted() -> None:
    """The proof names it; it is not converted."""
    assert "AUD" in prove(made(transactions=[transaction(currency="AUD")])).sentence


@pytest.mark.parametrize(
    ("published", "status_id", "expected", "kind"),
    [
        ("authorized", 11, FinancialStatus.AUTHORISED, PaymentKind.AUTHORISATION),
        ("capture pending", 11, FinancialStatus.AUTHORISED, PaymentKind.AUTHORISATION),
        ("captured", 11, FinancialStatus.PAID, PaymentKind.SALE),
        ("Paid", 11, FinancialStatus.PAID, PaymentKind.SALE),
        ("partially refunded", 14, FinancialStatus.PARTIALLY_REFUNDED, PaymentKind.SALE),
        ("refunded", 4, FinancialStatus.REFUNDED, PaymentKind.SALE),
        ("void", 5, FinancialStatus.VOIDED, None),
        ("void pending", 5, FinancialStatus.VOIDED, None),
        ("declined", 7, FinancialStatus.PENDING, None),
        ("held for review", 12, FinancialStatus.PENDING, None),
        ("pending", 7, FinancialStatus.PENDING, None),
        ("something new", 11, FinancialStatus.UNKNOWN, None),
        ("", 7, FinancialStatus.PENDING, None),
        ("", "7", FinancialStatus.PENDING, None),
        ("", 11, FinancialStatus.UNKNOWN, None),
        ("", [], FinancialStatus.UNKNOWN, None),
    ],
)
def test_the_payment_follows_from_its_status_and_from_nothing_else(
    published: str, status_id: object, expected: FinancialStatus, kind: PaymentKind | None
) -> None:
    """An offline payment has no status: an order that awaits its fulfilment has not been paid because of that."""
    order = made(payment_status=published, status_id=status_id)
    assert order.financial_status is expected
    assert [each.kind for each in order.payments] == ([] if kind is None else [kind])
    assert prove(order).holds, prove(order).sentence


def test_refunds_are_facts() -> None:
    """A declined payment gave nothing back; what was gathered must agree with the order's own sum."""
    refunds = [
        {"id": 9, "total_amount": 6, "payments": [{"amount": 5}, {"amount": 1, "is_declined": False}]},
        {"id": 10, "total_amount": 3, "payments": [{"amount": 3, "is_declined": True}]},
    ]
    order = made(refunds={"data": refunds, "meta": {}}, payment_status="partially refunded", status_id=14)
    assert order.refunds is not None
    assert [(each.id, each.refunded, each.worth) for each in order.refunds] == [
        ("9", (usd("6"),), usd("6")),
        ("10", (), None),
    ]
    assert prove(order).holds
    differs = made(refunds=refunds, refunded_amount="7.0000", payment_status="partially refunded")
    assert "refunded_amount is 7.00 USD, in another 6.00 USD" in prove(differs).sentence
    unnamed = made(refunded_amount="7.0000", payment_status="partially refunded").refunds
    assert unnamed is not None
    assert [each.refunded for each in unnamed] == [(usd("7"),)]
    gone = made(refunds=[], payment_status="refunded")
    assert "called refunded, but it has no refund" in prove(gone).sentence


@pytest.mark.parametrize(
    "changes",
    [
        {"payment_method": "Test Payment Gateway"},
        {"transactions": [transaction(test=True)]},
        {"transactions": [transaction(gateway="testgateway")]},
    ],
)
def test_an_order_of_a_test_gateway_is_a_test(changes: dict[str, Any]) -> None:
    """Nothing was paid, and nothing is to be shipped."""
    assert made(**changes).test
