"""Payments of a Shopify order; its refunds are in `shopify_refunds`.

Payloads of webhooks carry no transactions. Then the status is the only witness of what was paid: the payments are
derived from `financial_status`, `total_outstanding` and the gateways' names, and say that they are.
Source: Shopify Admin REST reference 2025-01, Transaction (`kind`, `status`), Order.
"""

from __future__ import annotations

from typing import Any

from flows.formats.parts import id_text, instant_of, known_instant, text_of
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
_SALE, _SUCCESS, _MONEY = PaymentKind.SALE, PaymentStatus.SUCCESS, Tender.MONEY
_RESERVED = FinancialStatus.AUTHORISED
_TAKEN = (
    FinancialStatus.PAID,
    FinancialStatus.PARTIALLY_PAID,
    FinancialStatus.PARTIALLY_REFUNDED,
    FinancialStatus.REFUNDED,
)


def payments_of(
    order: OrderIn[Any], order_id: str, status: FinancialStatus, totals: Totals, refunds: tuple[Refund, ...] | None
) -> tuple[Payment, ...]:
    """The payments as published, or derived where there are none. Refunds are not payments."""
    currency = totals.total.shop.currency
    if order.transactions:
        published = [payment_of(each, currency) for each in order.transactions if each.kind not in {"refund", "change"}]
        if published:
            return tuple(published)
    return _derived(order, order_id, status, totals, refunds)


def payment_of(transaction: TransactionIn, currency: str) -> Payment:
    """One transaction, of the order or of a refund.

    `authorization` is the provider's own id for it, `payment_id` the one by which Shopify names it to every provider
    (Shopify's changelog of its API 2026-01).
    """
    gateway = (transaction.gateway or "").strip()
    names = (transaction.authorization, transaction.payment_id)
    return Payment(
        id=id_text(transaction.id) or "",
        gateway=gateway,
        kind=_KINDS.get(transaction.kind or "", PaymentKind.OTHER),
        status=_STATUSES.get(transaction.status or "", PaymentStatus.FAILED),
        amount=money_of(transaction, currency),
        tender=_TENDERS.get(gateway, _MONEY),
        parent_id=id_text(transaction.parent_id),
        expires_at=instant_of(transaction.authorization_expires_at, "authorization_expires_at"),
        at=known_instant(transaction.processed_at, transaction.created_at),
        aliases=tuple(name for name in map(id_text, names) if name),
    )


def _derived(
    order: OrderIn[Any], order_id: str, status: FinancialStatus, totals: Totals, refunds: tuple[Refund, ...] | None
) -> tuple[Payment, ...]:
    total = totals.total.shop
    if status in _TAKEN:
        unpaid = _unpaid(totals, total.currency, refunds)
        kind, amount = _SALE, total if unpaid is None else total - unpaid
    elif status is _RESERVED:
        kind, amount = PaymentKind.AUTHORISATION, total
    else:
        return ()
    if amount.amount <= ZERO:
        return ()
    gateway = _gateway(order)
    return (
        Payment(
            id=order_id,
            gateway=gateway,
            kind=kind,
            status=_SUCCESS,
            amount=amount,
            tender=_TENDERS.get(gateway or "", _MONEY),
            derived=True,
        ),
    )


def _gateway(order: OrderIn[Any]) -> str | None:
    """The one gateway that is named; empty for none, None for several."""
    names = order.payment_gateway_names or ()
    if len(names) == 1 and (name := names[0].strip()):
        return name
    several = {name.strip() for name in names} - {""}
    if not several:
        return (order.gateway or "").strip()
    return several.pop() if len(several) == 1 else None


def _unpaid(totals: Totals, currency: str, refunds: tuple[Refund, ...] | None) -> Money | None:
    """What nobody ever paid: what is outstanding, and what was removed without money going back. None: nothing."""
    outstanding, left, nothing = totals.outstanding, totals.left, Money(ZERO, currency)
    unpaid = None if outstanding is None or outstanding.figure(currency) <= ZERO else outstanding.on(currency)
    if left is None or refunds is None or left == totals.total:
        return unpaid
    returned = total_of(
        (money for refund in refunds for money in refund.refunded if money.currency == currency), currency
    )
    removed = max(totals.total.on(currency) - left.on(currency) - returned, nothing)
    return removed if unpaid is None else unpaid + removed


def money_of(transaction: TransactionIn, currency: str) -> Money:
    """The amount of a transaction, in its own currency."""
    code = text_of(transaction.currency)
    return Money(
        ZERO if transaction.amount is None else amount_of(transaction.amount),
        currency if code is None else currency_of(code),
    )
