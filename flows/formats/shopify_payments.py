"""Payments of a Shopify order; its refunds are in `shopify_refunds`.

Payloads of webhooks carry no transactions. Then the status is the only witness of what was paid: the payments are
derived from `financial_status`, `total_outstanding` and the gateways' names, and say that they are.
Source: Shopify Admin REST reference 2025-01, Transaction (`kind`, `status`), Order.
"""

from __future__ import annotations

from flows.formats.parts import id_text, instant_of, text_of
from flows.formats.shopify_wire import OrderIn, TransactionIn
from flows.model.money import ZERO, Money, amount_of, currency_of, total_of
from flows.model.order import FinancialStatus, Payment, PaymentKind, PaymentStatus, Refund, Tender, Totals

_KINDS = {
    "sale": PaymentKind.SALE,
    "capture": PaymentKind.CAPTURE,
    "authorization": PaymentKind.AUTHORISATION,
    "void": PaymentKind.VOID,
    "refund": PaymentKind.REFUND,
}
_STATUSES = {"success": PaymentStatus.SUCCESS, "pending": PaymentStatus.PENDING}
_TENDERS = {
    "gift_card": Tender.GIFT_CARD,
    "shopify_store_credit": Tender.STORE_CREDIT,
    "store_credit": Tender.STORE_CREDIT,
}
_TAKEN = (
    FinancialStatus.PAID,
    FinancialStatus.PARTIALLY_PAID,
    FinancialStatus.PARTIALLY_REFUNDED,
    FinancialStatus.REFUNDED,
)


def payments_of(
    order: OrderIn, order_id: str, status: FinancialStatus, totals: Totals, refunds: tuple[Refund, ...] | None
) -> tuple[Payment, ...]:
    """The payments as published, or derived where there are none. Refunds are not payments."""
    currency = totals.total.shop.currency
    published = tuple(
        _payment(transaction, currency)
        for transaction in order.transactions or ()
        if transaction.kind not in {"refund", "change"}
    )
    return published or _derived(order, order_id, status, totals, refunds)


def _payment(transaction: TransactionIn, currency: str) -> Payment:
    gateway = (transaction.gateway or "").strip()
    return Payment(
        id=id_text(transaction.id) or "",
        gateway=gateway,
        kind=_KINDS.get(transaction.kind or "", PaymentKind.OTHER),
        status=_STATUSES.get(transaction.status or "", PaymentStatus.FAILED),
        amount=money_of(transaction, currency),
        tender=_TENDERS.get(gateway, Tender.MONEY),
        parent_id=id_text(transaction.parent_id),
        expires_at=instant_of(transaction.authorization_expires_at, "authorization_expires_at"),
    )


def _derived(
    order: OrderIn, order_id: str, status: FinancialStatus, totals: Totals, refunds: tuple[Refund, ...] | None
) -> tuple[Payment, ...]:
    total = totals.total.shop
    if status in _TAKEN:
        kind, amount = PaymentKind.SALE, total - _unpaid(totals, total.currency, refunds)
    elif status is FinancialStatus.AUTHORISED:
        kind, amount = PaymentKind.AUTHORISATION, total
    else:
        return ()
    if amount.amount <= ZERO:
        return ()
    names = list(dict.fromkeys(filter(None, map(str.strip, order.payment_gateway_names or ()))))
    if not names and order.gateway:
        names = [order.gateway.strip()]
    gateway = "" if not names else names[0] if len(names) == 1 else None
    return (
        Payment(
            id=order_id,
            gateway=gateway,
            kind=kind,
            status=PaymentStatus.SUCCESS,
            amount=amount,
            tender=_TENDERS.get(gateway or "", Tender.MONEY),
            derived=True,
        ),
    )


def _unpaid(totals: Totals, currency: str, refunds: tuple[Refund, ...] | None) -> Money:
    """What nobody ever paid: what is outstanding, and what was removed without money going back."""
    nothing = Money(ZERO, currency)
    outstanding = totals.outstanding.shop if totals.outstanding is not None else nothing
    unpaid = max(outstanding, nothing)
    if totals.left is None or refunds is None:
        return unpaid
    returned = total_of(
        (money for refund in refunds for money in refund.refunded if money.currency == currency), currency
    )
    return unpaid + max(totals.total.shop - totals.left.shop - returned, nothing)


def money_of(transaction: TransactionIn, currency: str) -> Money:
    """The amount of a transaction, in its own currency."""
    code = text_of(transaction.currency)
    return Money(
        ZERO if transaction.amount is None else amount_of(transaction.amount),
        currency if code is None else currency_of(code),
    )
