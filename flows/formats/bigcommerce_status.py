"""What the statuses of a BigCommerce order mean, and what else a gate has to know of it.

Source: BigCommerce's REST reference, Orders V2: Order Status (its list), `payment_status`, `order_source`,
`external_source`; Orders V3: Transactions.
"""

from __future__ import annotations

from flows.formats.bigcommerce_wire import OrderIn, gathered, number_of
from flows.formats.parts import text_of
from flows.model.order import FinancialStatus, FulfilmentStatus, Risk

CANCELLED = frozenset((5, 6))
"""Cancelled, and declined by the seller."""
_SHIPPED, _PARTLY_SHIPPED, _COMPLETED = 2, 3, 10
_VERIFY = 12
_NEEDS_A_LOOK = {_VERIFY: "manual verification required", 13: "disputed"}
_STATUSES = {
    "authorized": FinancialStatus.AUTHORISED,
    "capture pending": FinancialStatus.AUTHORISED,
    "captured": FinancialStatus.PAID,
    "paid": FinancialStatus.PAID,
    "partially refunded": FinancialStatus.PARTIALLY_REFUNDED,
    "refunded": FinancialStatus.REFUNDED,
    "void": FinancialStatus.VOIDED,
    "void pending": FinancialStatus.VOIDED,
    "pending": FinancialStatus.PENDING,
    "declined": FinancialStatus.PENDING,
    "held for review": FinancialStatus.PENDING,
}
_BY_ORDER_STATUS = {
    1: FinancialStatus.PENDING,
    4: FinancialStatus.REFUNDED,
    5: FinancialStatus.PENDING,
    6: FinancialStatus.PENDING,
    7: FinancialStatus.PENDING,
    14: FinancialStatus.PARTIALLY_REFUNDED,
}
"""Where the payment has no status of its own (paid offline). Status 11 and later ones are set by people, also for
purchase orders that nobody has paid: they prove no payment.
"""
_TEST_GATEWAY = ("testgateway", "Test Payment Gateway")


def financial_status_of(source: OrderIn) -> FinancialStatus:
    """What was paid, in the source's words; UNKNOWN where an offline payment has no status."""
    published = text_of(source.payment_status)
    if published is not None:
        return _STATUSES.get(published.lower(), FinancialStatus.UNKNOWN)
    return _BY_ORDER_STATUS.get(number_of(source.status_id) or 0, FinancialStatus.UNKNOWN)


def is_test(source: OrderIn) -> bool:
    """Whether it was paid through BigCommerce's test gateway, or a gateway in test mode."""
    transactions = gathered(source.transactions) or ()
    return source.payment_method in _TEST_GATEWAY or any(
        each.test is True or each.gateway in _TEST_GATEWAY for each in transactions
    )


def fulfilment_status_of(source: OrderIn) -> FulfilmentStatus:
    """What was shipped: by the status, or by the counts."""
    status, shipped, total = map(number_of, (source.status_id, source.items_shipped, source.items_total))
    if status in (_SHIPPED, _COMPLETED) or (shipped and total and shipped >= total):
        return FulfilmentStatus.SHIPPED
    return FulfilmentStatus.PARTIAL if status == _PARTLY_SHIPPED or shipped else FulfilmentStatus.UNSHIPPED


def risk_of(source: OrderIn) -> Risk | None:
    """High where BigCommerce wants it verified by hand."""
    return Risk.HIGH if number_of(source.status_id) == _VERIFY else None


def tags_of(source: OrderIn) -> tuple[str, ...]:
    """What a gate may want to know: where the order comes from, and whether somebody has to look at it."""
    found = [source.order_source, source.external_source, _NEEDS_A_LOOK.get(number_of(source.status_id) or 0)]
    return tuple(tag for tag in map(text_of, [*found, "deleted" if source.is_deleted else None]) if tag)
