"""What was done about the money of an order, as its newest version tells it: each tender event once. Pure.

An event is known by its id, the provider's or the sales channel's own, and by its way: money that comes (a charge), or
goes back. Only what has succeeded is an event; what is pending or failed moves nothing (rules 5 and 17).

Amounts are in the currency of the sale. Where the customer paid in the order's other currency, the rate is the order's
own, total against total, and its date is that of the purchase, never that of the import (failure cases 30 and 36). Of a
refund it is the refund's own, where its parts say on both sides what was given back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from flows.model.money import ZERO, Money, digits_of, exactly, quotient
from flows.model.order import TAKES, Amount, Order, Payment, PaymentKind, PaymentStatus, Refund, Tender
from runtime.decision import Write

RATE_DIGITS = 10
"""Digits after the point of an exchange rate that is told."""
_TOLD = (*TAKES, PaymentKind.AUTHORISATION, PaymentKind.VOID, PaymentKind.REFUND, PaymentKind.CHARGEBACK)


class TenderEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that was done about the money of an order.

    `amount` is in the currency of the sale, exactly; None: the order has no figure in it. `paid` is what moved, in the
    currency that it moved in, and `rate` what one unit of that is worth in the sale's; None: they are one currency.
    """

    id: str
    kind: PaymentKind
    gateway: str | None
    """By the sales channel's name; None: it does not say which."""
    paid: Money
    amount: Decimal | None
    tender: Tender = Tender.MONEY
    rate: Decimal | None = None
    parent: str = ""
    """The charge that a capture, void or return belongs to; empty: not said."""
    at: datetime | None = None
    """When it happened; None: the source does not say."""
    fee: Money | None = None
    """What the gateway kept of it, where the sales channel publishes that."""
    unnamed: bool = False
    """The source publishes no id of it: `id` is its place."""
    derived: bool = False
    """The source published no payments, only sums: this is everything so far."""

    @property
    def key(self) -> str:
        """By what it is known among the events of its order, whichever version tells of it."""
        return f"{'-' if self.kind is PaymentKind.REFUND else '+'}{self.id}"


def tenders_of(order: Order, currency: str) -> tuple[TenderEvent, ...]:
    """The events of an order whose sale is in this currency, as they stand now: payments as published, then refunds."""
    return (*_payments(order, currency), *_refunds(order, currency))


def _payments(order: Order, currency: str) -> Iterator[TenderEvent]:
    for place, payment in enumerate(order.payments, 1):
        if payment.kind in _TOLD and payment.status is PaymentStatus.SUCCESS and payment.amount:
            yield _event(payment, payment.id or f"{order.order_id}-{place}", currency, order.totals.total)


def _event(payment: Payment, id_: str, currency: str, of: Amount) -> TenderEvent:
    """`of`: what it is a part of, on both sides."""
    amount, rate = converted(payment.amount, of, currency)
    return TenderEvent(
        id=id_,
        kind=payment.kind,
        gateway=payment.gateway,
        paid=payment.amount,
        amount=amount,
        unnamed=not payment.id,
        tender=payment.tender,
        rate=rate,
        parent=payment.parent_id or "",
        at=payment.at,
        fee=payment.fee,
        derived=payment.derived,
    )


def _refunds(order: Order, currency: str) -> Iterator[TenderEvent]:
    """Money that went back, by the refunds; those that are payments of their own have been told as such."""
    if any(payment.kind is PaymentKind.REFUND for payment in order.payments):
        return
    for place, refund in enumerate(order.refunds or (), 1):
        name = refund.id or f"{order.order_id}-refund-{place}"
        if refund.payments:
            for number, payment in enumerate(refund.payments, 1):
                if payment.status is PaymentStatus.SUCCESS and payment.amount:
                    id_ = payment.id or f"{name}-{number}"
                    yield _event(payment, id_, currency, _back(order, refund, payment.amount.currency))
            continue
        for number, money in enumerate(refund.refunded, 1):
            if money:
                id_ = name if number == 1 else f"{name}-{number}"
                yield _refund(order, refund, id_, money, currency)


def _refund(order: Order, refund: Refund, id_: str, money: Money, currency: str) -> TenderEvent:
    amount, rate = converted(money, _back(order, refund, money.currency), currency)
    return TenderEvent(
        id=id_,
        kind=PaymentKind.REFUND,
        gateway=_only_gateway(order),
        paid=money,
        amount=amount,
        rate=rate,
        at=refund.at,
        derived=refund.summed,
    )


@exactly
def _back(order: Order, refund: Refund, paid_in: str) -> Amount:
    """What a refund in this currency gave back, on both sides: by its parts, where they come to the money that has
    moved; else the order's total, whose rate is the only one.
    """
    amounts = [part.amount for part in refund.parts if part.amount is not None]
    others = [each.presentment for each in amounts if each.presentment is not None]
    if not others or not len(refund.parts) == len(amounts) == len(others):
        return order.totals.total
    sides = [each.shop for each in amounts], others
    if any(len({each.currency for each in side}) != 1 for side in sides):
        return order.totals.total
    shop, other = (Money(sum((each.amount for each in side), ZERO), side[0].currency) for side in sides)
    moved = sum((each.amount for each in refund.refunded if each.currency == paid_in), ZERO)
    return Amount(shop, other) if Money(moved, paid_in) in (shop, other) else order.totals.total


def _only_gateway(order: Order) -> str | None:
    """The gateway that all its money came through; None: several, or nobody says."""
    named = {payment.gateway for payment in order.payments if payment.kind in TAKES and payment.tender is Tender.MONEY}
    return named.pop() if len(named) == 1 else None


@exactly
def converted(money: Money, total: Amount, currency: str) -> tuple[Decimal | None, Decimal | None]:
    """A payment in the sale's currency, and the rate that was used. (None, None): the order has no such rate.

    A whole total on one side is the whole total on the other, so that no rounding comes between them.
    """
    if money.currency == currency:
        return money.amount, None
    one, other = total.shop, total.presentment
    if other is None or {one.currency, other.currency} != {money.currency, currency}:
        return None, None
    mine, theirs = (one, other) if one.currency == currency else (other, one)
    if theirs.amount == ZERO:
        return None, None
    rate = quotient(mine.amount, theirs.amount, RATE_DIGITS)
    if money == theirs:
        return mine.amount, rate
    return quotient(money.amount * mine.amount, theirs.amount, digits_of(currency)), rate


def is_over(authorisation: TenderEvent, tenders: Sequence[TenderEvent]) -> bool:
    """Whether an authorisation reserves nothing that Fulfil has to know of: it is voided, or something of it has been
    captured, and from then on its captures stand for it.
    """
    return is_voided(authorisation, tenders) or _is_captured(authorisation, tenders)


def is_voided(authorisation: TenderEvent, tenders: Sequence[TenderEvent]) -> bool:
    """Whether nobody is to capture anything of it, and nobody has."""
    voids = _of_it(authorisation, tenders, PaymentKind.VOID)
    return voids and not _is_captured(authorisation, tenders)


def _is_captured(authorisation: TenderEvent, tenders: Sequence[TenderEvent]) -> bool:
    same = any(each.kind in TAKES and each.id == authorisation.id for each in tenders)
    return same or _of_it(authorisation, tenders, PaymentKind.CAPTURE)


def _of_it(authorisation: TenderEvent, tenders: Sequence[TenderEvent], kind: PaymentKind) -> bool:
    """Whether there is such an event of it; of a lone authorisation it is, unless it says otherwise."""
    alone = sum(each.kind is PaymentKind.AUTHORISATION for each in tenders) == 1
    return any(
        each.kind is kind and (each.parent == authorisation.id or (alone and not each.parent)) for each in tenders
    )


def day_of(moment: datetime, zone: str) -> date:
    """The accounting day of an instant: in the time zone of finance's company (rule 20)."""
    return moment.astimezone(ZoneInfo(zone)).date()


def tender_rows(key: str, order: Order) -> tuple[Write, ...]:
    """A row for each name of each payment, so that payouts find their orders.

    Payments that were derived from a status have no ids.
    """
    return tuple(
        Write(
            "put_order_tender",
            (order.sales_channel, name, key, each.kind.value, str(each.amount.amount), each.amount.currency),
        )
        for each in order.payments
        if not each.derived
        for name in dict.fromkeys((each.id, *each.aliases))
        if name
    )
