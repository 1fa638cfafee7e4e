"""What edits and refunds have left of an order: as it still has to be shipped, and as it was paid for (rule 17).

Sales channels leave an order's lines and total as they were sold, and say beside them what is left. The parts of a line
that lost some of its pieces are worked out by share; the result counts only when it comes to exactly what the sales
channel says is left, or to the total less what was refunded. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from flows.model.money import EXACT, ZERO, Money, digits_of, quotient
from flows.model.order import (
    TAKES,
    Amount,
    FinancialStatus,
    Line,
    Order,
    Payment,
    PaymentKind,
    PaymentStatus,
    TaxLine,
    Tender,
    Totals,
    are_reduced,
)
from flows.model.proof import prove, returned

_replace = msgspec.structs.replace


def left_of(order: Order) -> Order | None:
    """The order itself when nothing was taken away; else what is left of it; None when that cannot be said exactly."""
    gone = are_reduced(order.lines)
    total, left = order.totals.total, order.totals.left
    if not gone and not order.refunds and (left is None or left.shop == total.shop):
        return order
    if order.unallocated_discount is not None or order.unallocated_taxes or order.cash_rounding is not None:
        return None
    if any(refund.pending for refund in order.refunds or ()):
        return None  # nobody knows yet whether it goes back
    if units_unsaid(order):
        return None
    lines = [_line(line) for line in order.lines]
    if any(line is None for line in lines):
        return None
    kept = tuple([line for line in lines if line is not None and line.quantity])
    remaining = _total(order, kept)
    if remaining is None or not kept:
        return None
    payments = _payments(order, remaining)
    if payments is None:
        return None
    reduced = _replace(
        order,
        lines=kept,
        totals=Totals(total=remaining),
        payments=payments,
        refunds=(),
        financial_status=_STATUS.get(order.financial_status, order.financial_status),
    )
    return reduced if prove(reduced).holds else None


def units_unsaid(order: Order) -> Decimal:
    """Units that refunds have taken from lines of which nothing says what is left."""
    if not order.refunds:
        return ZERO
    silent = {line.id for line in order.lines if line.quantity_left is None}
    gone = ZERO
    for part in (part for refund in order.refunds for part in refund.parts):
        if part.units is not None and part.units.line in silent:
            gone = EXACT.add(gone, part.units.quantity)
    return gone


def units_left(order: Order) -> dict[str, Decimal]:
    """Units of each line that the sales channel still sells, by line id. Where its format says nothing of a line that
    is all of them, or none when the order is cancelled.
    """
    silent = ZERO if order.cancelled_at is not None else None
    left: dict[str, Decimal] = {}
    for line in order.lines:
        if line.id:
            unsaid = line.quantity if silent is None else silent
            left[line.id] = unsaid if line.quantity_left is None else line.quantity_left
    return left


_STATUS = {FinancialStatus.PARTIALLY_REFUNDED: FinancialStatus.PAID}


def _line(line: Line) -> Line | None:
    """What is left of a line; None when the source does not leave a number of pieces."""
    left = line.quantity_left
    if left is None or left == line.quantity:
        return line
    if left < ZERO or left > line.quantity or not line.quantity:
        return None
    taxes = tuple([_replace(tax, amount=_share(tax.amount, left, line.quantity)) for tax in line.taxes])
    return _replace(
        line,
        quantity=left,
        gross=_share(line.gross, left, line.quantity),
        discount=_share(line.discount, left, line.quantity),
        taxes=taxes,
    )


def _share(amount: Amount, left: Decimal, of: Decimal) -> Amount:
    other = amount.presentment
    return Amount(_part(amount.shop, left, of), None if other is None else _part(other, left, of))


def _part(money: Money, left: Decimal, of: Decimal) -> Money:
    """By share, to the smallest unit of the currency."""
    if not money.amount or not left:
        return Money(ZERO, money.currency)
    return Money(quotient(EXACT.multiply(money.amount, left), of, digits_of(money.currency)), money.currency)


def _total(order: Order, kept: Sequence[Line]) -> Amount | None:
    """What the sales channel says is left, when the parts come to it; where it says nothing, what was not refunded."""
    shop = _sum(order, kept, order.currency)
    said = order.totals.left
    not_refunded = EXACT.subtract(order.total.amount, returned(order, order.currency))
    expected = not_refunded if said is None else said.shop.amount
    if shop != expected:
        return None
    if order.presentment_currency == order.currency:
        return Amount(Money(shop, order.currency))
    other = _sum(order, kept, order.presentment_currency)
    if other is None or (said is not None and said.presentment is not None and said.presentment.amount != other):
        return None
    return Amount(Money(shop, order.currency), Money(other, order.presentment_currency))


def _sum(order: Order, kept: Sequence[Line], currency: str) -> Decimal | None:
    """The parts that are left, added up in one currency; None where a part has no figure in it."""

    def figure(amount: Amount | None) -> Decimal:
        return ZERO if amount is None else amount.figure(currency)

    def taxes(lines: Sequence[TaxLine]) -> Decimal:
        return ZERO if order.taxes_included else sum([figure(tax.amount) for tax in lines], ZERO)

    try:
        result = sum([figure(line.gross) - figure(line.discount) + taxes(line.taxes) for line in kept], ZERO)
        for cost in order.shipping_lines:
            result += figure(cost.gross) - figure(cost.discount) + taxes(cost.taxes)
        charged = taxes(order.tip_taxes + order.duty_taxes + order.fee_taxes)
        return result + figure(order.duties) + figure(order.fees) + figure(order.tips) + charged
    except ValueError:  # a part has no figure in this currency
        return None


def _payments(order: Order, remaining: Amount) -> tuple[Payment, ...] | None:
    """The payments less what went back; None when nothing says of which payment it was.

    Of money that is only reserved, no more is needed than what is left to be paid.
    """
    back = [money for refund in order.refunds or () for money in refund.refunded if money.amount]
    if not back:
        return _reserved(order.payments, remaining)
    kept, rest = [], sum([money.amount for money in back], ZERO)
    currencies = {money.currency for money in back}
    taken = [each for each in order.payments if _is_taken(each)]  # what went back may have gone to a gift card
    if len(currencies) > 1 or len(taken) != 1 or taken[0].amount.currency not in currencies:
        return None
    if taken[0].tender is not Tender.MONEY:
        return None
    for payment in order.payments:
        if payment is not taken[0]:
            kept.append(payment)
            continue
        left = EXACT.subtract(payment.amount.amount, rest)
        if left < ZERO:
            return None
        if left:
            kept.append(_replace(payment, amount=Money(left, payment.amount.currency)))
    return tuple(kept)


def _reserved(payments: tuple[Payment, ...], remaining: Amount) -> tuple[Payment, ...]:
    """A lone authorisation, cut to what is left to be paid."""
    good = [each for each in payments if each.status is PaymentStatus.SUCCESS]
    if len(good) != 1 or good[0].kind is not PaymentKind.AUTHORISATION:
        return payments
    (one,) = good
    for left in (remaining.shop, remaining.presentment):
        if left is not None and left.currency == one.amount.currency and left.amount < one.amount.amount:
            return tuple(_replace(each, amount=left) if each is one else each for each in payments)
    return payments


def is_gone(order: Order) -> bool:
    """Whether nothing at all is left of what was ordered, though nobody has cancelled it."""
    return bool(order.lines) and all(line.quantity_left == ZERO for line in order.lines if line.quantity)


def _is_taken(payment: Payment) -> bool:
    return payment.kind in TAKES and payment.status is PaymentStatus.SUCCESS
