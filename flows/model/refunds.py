"""Refunds as facts of an order's story: each once per status, however often it is published (rule 17). Pure.

What Fulfil has to know of a refund is either in a return, in the sale itself, or in nothing yet: then it is finance's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from flows.model.money import EXACT, ZERO, MixedCurrencies, Money
from flows.model.order import TAKES, Order, PaymentStatus, Refund, RefundKind, RefundPart, RefundStatus
from runtime.decision import Fact

_LETTERS = {
    RefundStatus.SUCCESS: "s",
    RefundStatus.PENDING: "p",
    RefundStatus.FAILED: "f",
    RefundStatus.NO_MONEY: "n",
}
_WORDS = {
    RefundKind.LINE: "goods",
    RefundKind.SHIPPING: "shipping",
    RefundKind.AMOUNT: "an amount",
    RefundKind.EXCHANGE: "an exchange",
}

_UNSAID = "what the sales channel does not say"


def untold(order: Order, told: Mapping[str, str]) -> tuple[Refund, ...]:
    """The refunds that the story does not have in the status that they are in now."""
    named = _named(order)
    return tuple(refund for name, refund in named if _LETTERS[refund.status] not in told.get(name, ""))


def told_with(order: Order, told: Mapping[str, str]) -> dict[str, str]:
    """What the story has once these are told: the statuses of each refund, a letter each."""
    known = dict(told)
    for name, refund in _named(order):
        letter, letters = _LETTERS[refund.status], known.get(name, "")
        if letter not in letters:
            known[name] = letters + letter
    return known


def _named(order: Order) -> Iterator[tuple[str, Refund]]:
    """The refunds with what they are known by; of sums the figure is part of it, since a new one is news."""
    for number, refund in enumerate(order.refunds or (), 1):
        name = refund.id or str(number)
        yield (f"{name} {amounts_of(refund)}" if refund.summed else name), refund


def amounts_of(refund: Refund) -> str:
    """The money of a refund, in the currencies that it moves in."""
    money = refund.pending + refund.refunded or refund.failed
    return " + ".join(map(str, money)) or "nothing"


def fact_of(refund: Refund) -> Fact:
    """One refund in one status."""
    kinds = dict.fromkeys(part.kind for part in refund.parts)
    values: dict[str, str | int | float | bool | None] = {
        "refund": refund.id,
        "status": refund.status.value,
        "amount": amounts_of(refund),
        "for": " and ".join(_WORDS[kind] for kind in kinds) or _UNSAID,
    }
    if refund.summed:
        values["so_far"] = True
    if refund.return_id is not None:
        values["return"] = refund.return_id
    return Fact(kind="refund", values=values)


# -- money that no document in Fulfil answers for ----------------------------------------------------------------------


def uncredited(order: Order, refund: Refund, currency: str) -> tuple[Money | None, str] | None:
    """What of a refund is for nothing that comes back or leaves the sale, and for what it is; None when all of it is.

    The money is negative where some of what the goods were worth was kept back, and None when nobody says how much.
    """
    if not refund.parts:
        return _only(refund.refunded), _UNSAID
    loose = [part for part in refund.parts if _is_loose(order, part)]
    if not loose:
        return None
    what = " and ".join(dict.fromkeys(_WORDS[part.kind] for part in loose))
    amounts = [part.amount for part in loose if part.amount is not None]
    whole = _only(refund.refunded) if len(loose) == len(refund.parts) else None
    if len(amounts) < len(loose):
        return whole, what
    try:
        total = _sum([amount.on(currency) for amount in amounts], currency)
    except MixedCurrencies:
        return whole, what
    return (total, what) if total else None


def _only(money: tuple[Money, ...]) -> Money | None:
    return money[0] if len(money) == 1 else None


def _is_loose(order: Order, part: RefundPart) -> bool:
    """Whether no goods move for it: shipping, goodwill, a lower price of a line, or what is not shipped at all."""
    if part.units is None:
        return part.kind in (RefundKind.SHIPPING, RefundKind.AMOUNT) or (
            part.kind is RefundKind.LINE and bool(part.line)
        )
    line = next((line for line in order.lines if line.id == part.units.line), None)
    return line is not None and (line.gift_card or not line.requires_shipping)


def _sum(amounts: Iterable[Money], currency: str) -> Money:
    """Those in this currency: others are no part of a sum in it."""
    total = Money(ZERO, currency)
    for money in amounts:
        if money.currency == currency:
            total += money
    return total


# -- more than there was -----------------------------------------------------------------------------------------------


def excesses(order: Order) -> Iterator[tuple[str, Money]]:
    """What was given back more often than it was sold or paid: a sentence each, and by how much.

    Refunds whose money did not move, or failed, have given nothing back.
    """
    moved = [refund for refund in order.refunds or () if refund.refunded or refund.pending]
    if not moved:
        return
    currency = order.currency
    shipping = [part for refund in moved for part in refund.parts if part.kind is RefundKind.SHIPPING]
    try:
        back = _sum([part.amount.on(currency) for part in shipping if part.amount is not None], currency)
        charged = _shipping(order, currency)
    except MixedCurrencies:
        back = charged = Money(ZERO, currency)
    if charged < back:
        yield f"Shipping cost {charged}, and {back} of it were refunded: {back - charged} too much.", back - charged
    yield from _units_in_excess(order, moved)
    paid = [
        payment.amount
        for payment in order.payments
        if payment.kind in TAKES and payment.status is PaymentStatus.SUCCESS and payment.amount.currency == currency
    ]
    returned = _sum([money for refund in moved for money in (*refund.refunded, *refund.pending)], currency)
    took = _sum(paid, currency)
    if paid and took < returned:
        yield f"{took} were paid, and {returned} went back: {returned - took} too much.", returned - took


def _shipping(order: Order, currency: str) -> Money:
    """What shipping cost, with its taxes."""
    total = Money(ZERO, currency)
    for cost in order.shipping_lines:
        total += cost.gross.on(currency) - cost.discount.on(currency)
        if not order.taxes_included:
            total += _sum([tax.amount.on(currency) for tax in cost.taxes], currency)
    return total


def _units_in_excess(order: Order, moved: Iterable[Refund]) -> Iterator[tuple[str, Money]]:
    units: dict[str, Decimal] = {}
    for part in (part for refund in moved for part in refund.parts if part.units is not None):
        back = part.units
        if back is not None:
            units[back.line] = EXACT.add(units.get(back.line, ZERO), back.quantity)
    for line in order.lines:
        back_of_line = units.get(line.id, ZERO)
        if back_of_line > line.quantity:
            sentence = f"{line.quantity:f} x {line.sku or line.id} were sold, and {back_of_line:f} were refunded."
            yield sentence, line.gross.shop
