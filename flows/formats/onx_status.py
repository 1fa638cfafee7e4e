"""What the two statuses of an onX order mean, and the payment that can be derived from them.

The schema gives both as free text. Known are the words that the foundation itself uses: on its page of the standard
(the events created, accepted, packed, shipped, delivered), in the adapter template and the mock of its reference server
1.0.0, and in Juniper Commerce 2.0.0, its reference store (status, and the payment statuses paid and authorized); beside
these the plain words for what else an order may be. They are compared without case, spaces, hyphens and underscores.
"""

from __future__ import annotations

from typing import NamedTuple

from flows.formats.onx_wire import OrderIn
from flows.formats.parts import Json, Misread, NotYet
from flows.model.money import Money
from flows.model.order import FinancialStatus, FulfilmentStatus, Payment, PaymentKind, PaymentStatus

_LIVE = frozenset(("", "created", "accepted", "pending", "confirmed", "processing", "packed"))
_CANCELLED = frozenset(("cancelled", "canceled"))
_FULFILMENT = {
    "shipped": FulfilmentStatus.SHIPPED,
    "delivered": FulfilmentStatus.SHIPPED,
    "fulfilled": FulfilmentStatus.SHIPPED,
    "partiallyshipped": FulfilmentStatus.PARTIAL,
    "partiallydelivered": FulfilmentStatus.PARTIAL,
    "partiallyfulfilled": FulfilmentStatus.PARTIAL,
}
_FINANCIAL = {
    "": FinancialStatus.UNKNOWN,
    "pending": FinancialStatus.PENDING,
    "unpaid": FinancialStatus.PENDING,
    "failed": FinancialStatus.PENDING,
    "authorized": FinancialStatus.AUTHORISED,
    "authorised": FinancialStatus.AUTHORISED,
    "partiallypaid": FinancialStatus.PARTIALLY_PAID,
    "paid": FinancialStatus.PAID,
    "captured": FinancialStatus.PAID,
    "partiallyrefunded": FinancialStatus.PARTIALLY_REFUNDED,
    "refunded": FinancialStatus.REFUNDED,
    "void": FinancialStatus.VOIDED,
    "voided": FinancialStatus.VOIDED,
}
_UNKNOWN_WORD = (
    "its {field} is a word that the format does not know; the flow must map it to one of those under which onX's own "
    "servers keep orders, such as {example}"
)
_PARTLY_BACK = (
    "a part of it was refunded, and the onX schema does not define how a refund says what; the flow must map such an "
    "order to Seamline's own schema"
)
_WORD_LENGTH_MAX = 50


class Standing(NamedTuple):
    """Where an order stands."""

    financial: FinancialStatus
    fulfilment: FulfilmentStatus
    cancelled: bool


def is_draft(status: Json) -> bool:
    """Whether the status says that it is not an order yet."""
    return type(status) is str and _word(status, "status") == "draft"


def standing_of(order: OrderIn) -> Standing:
    """Where the order stands, by its words. Raises Misread for what cannot be said, NotYet for one that is on hold."""
    status = _word(order.status, "status")
    cancelled = status in _CANCELLED
    if status == "draft":
        raise Misread("it is a draft, which is not an order yet")
    if status == "onhold":
        raise NotYet("the sales channel has put it on hold; it is read when it no longer is")
    if not (cancelled or status == "refunded" or status in _LIVE or status in _FULFILMENT):
        raise Misread(_UNKNOWN_WORD.format(field="status", example="confirmed, shipped or cancelled"))
    financial = _FINANCIAL.get(_word(order.payment_status, "paymentStatus"))
    if status == "refunded" and financial is not FinancialStatus.PARTIALLY_REFUNDED:
        financial = FinancialStatus.REFUNDED
    if cancelled:
        return Standing(financial or FinancialStatus.UNKNOWN, FulfilmentStatus.UNSHIPPED, cancelled=True)
    if financial is None:
        raise Misread(_UNKNOWN_WORD.format(field="paymentStatus", example="paid, authorized or pending"))
    if financial is not FinancialStatus.REFUNDED and (order.refunds or financial is FinancialStatus.PARTIALLY_REFUNDED):
        raise Misread(_PARTLY_BACK)
    return Standing(financial, _FULFILMENT.get(status, FulfilmentStatus.UNSHIPPED), cancelled=False)


def _word(value: Json, field: str) -> str:
    """A word without what tells its spellings apart; empty when there is none."""
    if value is None:
        return ""
    if type(value) is not str:
        raise Misread(f"its {field} is not text")
    return "".join(value[:_WORD_LENGTH_MAX].casefold().replace("-", " ").replace("_", " ").split())


def payments_of(order: OrderIn, order_id: str, status: FinancialStatus, total: Money) -> tuple[Payment, ...]:
    """The payment that the status tells of; of one that was made in part nothing says how much."""
    if status in (FinancialStatus.PAID, FinancialStatus.PARTIALLY_REFUNDED, FinancialStatus.REFUNDED):
        kind = PaymentKind.SALE
    elif status is FinancialStatus.AUTHORISED:
        kind = PaymentKind.AUTHORISATION
    else:
        return ()
    if total.amount <= 0:
        return ()
    several = order.payments is not None and len(order.payments) > 1
    payment = Payment(
        id=order_id,
        gateway=None if several else "",
        kind=kind,
        status=PaymentStatus.SUCCESS,
        amount=total,
        derived=True,
    )
    return (payment,)
