"""Refunds of a Shopify order, each with what it is for, and the returns that a flow has gathered beside them.

A refund is also how Shopify publishes units that an edit or a cancel took away. Its money is in its transactions, which
may be pending, fail, or not be there at all. Shipping that was refunded is an adjustment up to 2024-07, an entry of
`refund_shipping_lines` from 2024-10 on, and in many payloads both: it counts once, as the adjustment, which has its
tax. Whatever else an adjustment says is a difference between parts and money.
Source: Shopify Admin REST reference 2024-10 and 2025-01, Refund; webhooks `returns/approve`, `returns/cancel`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from flows.formats.parts import Json, id_text, known_instant
from flows.formats.shopify_payments import money_of, payment_of
from flows.formats.shopify_wire import MoneySet, OrderIn, RefundIn, ReturnIn, TransactionIn
from flows.model.money import ZERO, Money, amount_of, currency_of
from flows.model.order import Amount, Refund, RefundKind, RefundPart, Restock, Return, Units

_RESTOCKS = {"return": Restock.RETURN, "cancel": Restock.CANCEL, "no_restock": Restock.NONE}
_SHIPPING = "shipping_refund"
_EXPECTED = frozenset(("open", "closed"))


def refunds_of(order: OrderIn[Any], currency: str) -> tuple[Refund, ...] | None:
    """The refunds; None when the payload does not speak of them."""
    if not order.refunds:
        return None if order.refunds is None else ()
    included, tips = bool(order.taxes_included), {_id(line.id) for line in order.line_items or () if line.is_tip}
    return tuple([_refund(refund, currency, included=included, tips=tips) for refund in order.refunds])


def _refund(refund: RefundIn, currency: str, *, included: bool, tips: Collection[str]) -> Refund:
    moved = [each for each in refund.transactions or () if each.kind == "refund"]
    refunded = _sums((each for each in moved if each.status == "success"), currency)
    parts = tuple(_parts(refund, currency, included=included, tips=tips))
    named = bool(refund.refund_line_items or refund.refund_shipping_lines or refund.order_adjustments)
    return Refund(
        id=_id(refund.id),
        refunded=refunded,
        pending=_sums((each for each in moved if each.status == "pending"), currency),
        failed=_sums((each for each in moved if each.status not in {"success", "pending"}), currency),
        worth=_worth(parts, currency) if refunded and named else None,
        parts=parts or _amounts(refunded),
        return_id=_id(refund.return_.id) or None if refund.return_ is not None else None,
        at=known_instant(refund.processed_at, refund.created_at),
        payments=tuple([payment_of(each, currency) for each in moved]),
    )


def _id(value: Json) -> str:
    """The plain id, also of Shopify's GraphQL spelling."""
    text = id_text(value) or ""
    return text.rpartition("/")[2].partition("?")[0] if text.startswith("gid://") else text


def _sums(transactions: Iterable[TransactionIn], currency: str) -> tuple[Money, ...]:
    sums: dict[str, Money] = {}
    for transaction in transactions:
        money = money_of(transaction, currency)
        sums[money.currency] = sums[money.currency] + money if money.currency in sums else money
    return tuple(sums.values())


def _amounts(refunded: Iterable[Money]) -> tuple[RefundPart, ...]:
    """Money for nothing that is named: an amount, and no more."""
    return tuple(RefundPart(kind=RefundKind.AMOUNT, amount=Amount(money)) for money in refunded)


def _parts(refund: RefundIn, currency: str, *, included: bool, tips: Collection[str]) -> Iterator[RefundPart]:
    for line in refund.refund_line_items or ():
        amount = _amount(line.subtotal_set, line.subtotal, currency)
        if not included:
            amount = _plus(amount, _amount(line.total_tax_set, line.total_tax, currency))
        if _id(line.line_item_id) in tips:  # money for nothing that could come back
            yield RefundPart(kind=RefundKind.AMOUNT, amount=amount)
            continue
        units = None
        if line.line_item_id is not None and line.quantity is not None:
            restock = _RESTOCKS.get(line.restock_type or "", Restock.UNKNOWN)
            units = Units(line=_id(line.line_item_id), quantity=amount_of(line.quantity), restock=restock)
        yield RefundPart(kind=RefundKind.LINE, amount=amount, units=units)
    adjustments = refund.order_adjustments or ()
    if not any(each.kind == _SHIPPING for each in adjustments):
        for cost in refund.refund_shipping_lines or ():
            amount = _amount(cost.subtotal_amount_set, None, currency)
            if not included:
                amount = _plus(amount, _amount(cost.tax_amount_set, None, currency))
            yield RefundPart(kind=RefundKind.SHIPPING, amount=amount)
    for adjustment in adjustments:
        added = _plus(
            _amount(adjustment.amount_set, adjustment.amount, currency),
            _amount(adjustment.tax_amount_set, adjustment.tax_amount, currency),
        )
        kind = RefundKind.SHIPPING if adjustment.kind == _SHIPPING else RefundKind.AMOUNT
        yield RefundPart(kind=kind, amount=_negated(added))


def _worth(parts: Iterable[RefundPart], currency: str) -> Money:
    """What the parts come to in the shop's currency."""
    worth = Money(ZERO, currency)
    for part in parts:
        if part.amount is not None:
            worth += part.amount.shop
    return worth


def _amount(both: MoneySet | None, plain: Json, currency: str) -> Amount:
    """An amount on both sides where both are published."""
    shop = None if both is None else both.shop_money
    if both is None or shop is None:
        return Amount(Money(ZERO if plain is None else amount_of(plain), currency))
    money = Money(amount_of(shop.amount), currency_of(shop.currency_code or currency))
    other = both.presentment_money
    if other is None or other.amount is None or other.currency_code in {None, money.currency}:
        return Amount(money)
    return Amount(money, Money(amount_of(other.amount), currency_of(other.currency_code or "")))


def _plus(one: Amount, other: Amount) -> Amount:
    """The sum on both sides; a zero without a second side has one all the same."""
    sides = [each.presentment for each in (one, other) if each.presentment is not None]
    whole = len(sides) == 2 or (len(sides) == 1 and not (one if one.presentment is None else other).shop)  # noqa: PLR2004
    presentment = None if not whole else sides[0] if len(sides) == 1 else sides[0] + sides[1]
    return Amount(one.shop + other.shop, presentment)


def _negated(amount: Amount) -> Amount:
    return Amount(-amount.shop, None if amount.presentment is None else -amount.presentment)


# -- returns -----------------------------------------------------------------------------------------------------------


def returns_of(order: OrderIn[Any]) -> tuple[Return, ...]:
    """The returns that the payload has; Shopify's own order has none, a flow may have gathered them."""
    return tuple([_return(each) for each in order.returns]) if order.returns else ()


def _return(source: ReturnIn) -> Return:
    units = []
    for line in source.return_line_items or ():
        shipped = line.fulfillment_line_item
        of = line.line_item_id if shipped is None or shipped.line_item is None else shipped.line_item.id
        units.append(
            Units(
                line=_id(of),
                quantity=ZERO if line.quantity is None else amount_of(line.quantity),
                restock=Restock.RETURN,
                reason=(line.return_reason or "").lower(),
            )
        )
    return Return(
        id=_id(source.id),
        units=tuple(units),
        expected=(source.status or "").lower() in _EXPECTED,
        exchanges=len(source.exchange_line_items or ()),
    )
