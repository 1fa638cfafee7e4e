"""What the import of an order of the past would set off in Fulfil: back-fill never ships history (rule 3). Pure.

An order that is imported becomes a confirmed sale: it is shipped, invoiced, and its captured payments are booked. An
order whose sale should be something else (completed, excluded) needs the import gate, which this version does not have:
of such an order it is said why it is undecided, and nobody guesses.
"""

from __future__ import annotations

import msgspec

from flows.model.order import FinancialStatus, FulfilmentStatus, Order, PaymentKind, PaymentStatus, Unreadable


class Consequences(msgspec.Struct, frozen=True):
    """What would follow. `undecided` says why that cannot be said; empty when it can."""

    shipments: int = 0
    invoices: int = 0
    payments: int = 0
    undecided: str = ""


def consequences(order: Order | Unreadable) -> Consequences:
    """What the import of this order would set off today."""
    if isinstance(order, Unreadable):
        return Consequences(undecided="unreadable")
    if order.test:
        return Consequences(undecided="a test order")
    if order.fulfilment_status is not FulfilmentStatus.UNSHIPPED:
        return Consequences(undecided="shipped already")
    if order.cancelled_at is not None:
        return Consequences()
    if order.financial_status in (FinancialStatus.REFUNDED, FinancialStatus.VOIDED):
        return Consequences(undecided="refunded or voided")
    captured = [
        payment for payment in order.payments if payment.kind in _CAPTURES and payment.status is PaymentStatus.SUCCESS
    ]
    ships = any(line.requires_shipping for line in order.lines)
    return Consequences(shipments=int(ships), invoices=1, payments=len(captured))


_CAPTURES = (PaymentKind.SALE, PaymentKind.CAPTURE)
