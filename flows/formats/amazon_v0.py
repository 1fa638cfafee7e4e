"""An order of Amazon's Orders API v0, read from its decoded payload.

Prices of an item are for its whole quantity. Its discounts, and the taxes that they spare, are published beside it: a
spared tax is a negative tax of its own name, so that every figure stays as it was published. Shipping is a line for
each item that pays for it; gift wrapping and the fee for cash on delivery are fees. Points that are granted are no part
of the price.
"""

from __future__ import annotations

from collections.abc import Iterator

from flows.formats.amazon_parts import (
    CASH_ON_DELIVERY,
    PENDING,
    REPLACEMENT,
    TAXED_ON_TOP,
    Executed,
    added,
    address_of,
    customer_of,
    is_cash_on_delivery,
    is_true,
    money_of,
    payments_of,
    state_of,
    taxes_included,
    total_of_order,
)
from flows.formats.amazon_wire import ItemIn, ItemsIn, MoneyIn, OrderIn
from flows.formats.parts import Misread, NotYet, id_text, instant_of, promise_of, text_of, version_of
from flows.formats.texts import plain_of
from flows.model.money import ZERO, Money, amount_of, quotient
from flows.model.order import BY_CHANNEL, Amount, Discount, FinancialStatus, Line, Order, ShippingLine, TaxLine, Totals

_UNIT_DIGITS = 4


def order_of_v0(source: OrderIn, sales_channel: str) -> Order:
    """The order. Raises Misread, InvalidAmount or MixedCurrencies with the reason why it cannot be read."""
    return _Reading(source).order(sales_channel)


class _Reading:
    """One payload while it is read: its items, its currency, and whether anything is charged for it."""

    def __init__(self, source: OrderIn) -> None:
        self.source = source
        self.state = state_of(source.order_status)
        if self.state.pending and source.order_total is None:
            raise NotYet(PENDING)
        self.items = _items(source)
        self.free = is_true(source.is_replacement_order) or self.state.cancelled
        prices = (item.item_price for item in self.items)
        self.total = total_of_order(source.order_total, self.state, source.marketplace_id, prices, free=self.free)
        self.currency = self.total.currency
        self.zero = Amount(Money(ZERO, self.currency))
        self.by_channel = source.fulfillment_channel == "AFN"

    def order(self, sales_channel: str) -> Order:
        source = self.source
        order_id = id_text(source.amazon_order_id)
        if order_id is None:
            raise Misread("it has no AmazonOrderId")
        placed_at = instant_of(source.purchase_date, "PurchaseDate")
        if placed_at is None:
            raise Misread("it has no PurchaseDate")
        updated_at = instant_of(source.last_update_date, "LastUpdateDate")
        parts = self.executed()
        collects = is_cash_on_delivery(source.payment_method) or any(is_cash_on_delivery(each.method) for each in parts)
        open_ = collects and not self.state.cancelled
        status = FinancialStatus.PENDING if open_ else self.state.financial
        who = source.buyer_info
        return Order(
            sales_channel=sales_channel,
            order_id=order_id,
            reference=order_id,
            version=version_of(source.last_update_date),
            placed_at=placed_at,
            currency=self.currency,
            presentment_currency=self.currency,
            taxes_included=self.included(),
            lines=tuple(map(self.line, self.items)),
            totals=Totals(total=Amount(self.total)),
            shipping_lines=self.shipping_lines(),
            discounts=tuple(self.discounts()),
            payments=payments_of(order_id, self.state, status, self.total, parts),
            fees=added((fee for item in self.items for fee in self.fees(item)), self.currency),
            fee_taxes=tuple(tax for item in self.items for tax in self.fee_taxes(item)),
            financial_status=status,
            fulfilment_status=self.state.fulfilment,
            cancelled_at=(updated_at or placed_at) if self.state.cancelled else None,
            ship_by=promise_of(source.latest_ship_date),
            customer=None if who is None else customer_of(who.buyer_name, who.buyer_email),
            shipping_address=address_of(source.shipping_address),
            tags=tuple(self.tags(collects=collects)),
        )

    def executed(self) -> list[Executed]:
        found = []
        for each in self.source.payment_execution_detail or ():
            money = money_of(each.payment, self.currency)
            if money is not None:
                found.append(Executed(text_of(each.payment_method) or "", money))
        return found

    # -- amounts -------------------------------------------------------------------------------------------------------

    def amount(self, money: MoneyIn | None) -> Amount:
        found = None if money is None else money_of(money, self.currency)
        return self.zero if found is None else Amount(found)

    def tax(self, item: ItemIn, name: str, money: MoneyIn | None, *, spared: bool = False) -> Iterator[TaxLine]:
        """A tax as published, if there is any. Amazon keeps those that it collects as a marketplace."""
        found = None if money is None else money_of(money, self.currency)
        if found:
            withheld = item.tax_collection is not None and item.tax_collection.model == "MarketplaceFacilitator"
            yield TaxLine(name, None, Amount(-found if spared else found), withheld)

    def item_taxes(self, item: ItemIn) -> Iterator[TaxLine]:
        yield from self.tax(item, "ItemTax", item.item_tax)
        yield from self.tax(item, "PromotionDiscountTax", item.promotion_discount_tax, spared=True)

    def shipping_taxes(self, item: ItemIn) -> Iterator[TaxLine]:
        yield from self.tax(item, "ShippingTax", item.shipping_tax)
        yield from self.tax(item, "ShippingDiscountTax", item.shipping_discount_tax, spared=True)

    def fee_taxes(self, item: ItemIn) -> Iterator[TaxLine]:
        if item.buyer_info is not None:
            yield from self.tax(item, "GiftWrapTax", item.buyer_info.gift_wrap_tax)

    def fees(self, item: ItemIn) -> Iterator[Amount]:
        if item.buyer_info is not None:
            yield self.amount(item.buyer_info.gift_wrap_price)
        if item.cod_fee is not None:
            yield self.amount(item.cod_fee)
        if item.cod_fee_discount is not None:
            yield Amount(-self.amount(item.cod_fee_discount).shop)

    def included(self) -> bool:
        if self.source.marketplace_id in TAXED_ON_TOP:
            return False
        prices, taxes = Money(ZERO, self.currency), Money(ZERO, self.currency)
        for item in self.items:
            charged = [self.amount(item.item_price), self.amount(item.shipping_price), *self.fees(item)]
            spared = [self.amount(item.promotion_discount), self.amount(item.shipping_discount)]
            published = [*self.item_taxes(item), *self.shipping_taxes(item), *self.fee_taxes(item)]
            moneys = [each.shop for each in charged] + [-each.shop for each in spared]
            prices += _sum(moneys, self.currency)
            taxes += _sum([tax.amount.shop for tax in published], self.currency)
        return taxes_included(self.source.marketplace_id, self.total, prices, taxes)

    # -- lines ---------------------------------------------------------------------------------------------------------

    def line(self, item: ItemIn) -> Line:
        if item.quantity_ordered is None:
            raise Misread("an item has no QuantityOrdered")
        quantity, gross = amount_of(item.quantity_ordered), money_of(item.item_price, self.currency)
        if gross is None:
            if quantity and not self.free:
                raise Misread("an item has no ItemPrice")
            gross = self.zero.shop
        each = quotient(gross.amount, quantity, _UNIT_DIGITS) if quantity else ZERO
        return Line(
            id_text(item.order_item_id) or "",
            text_of(item.seller_sku),
            plain_of(item.title) or "",
            quantity,
            Amount(Money(each, gross.currency)),
            Amount(gross),
            self.amount(item.promotion_discount),
            tuple(self.item_taxes(item)),
            requires_shipping=not self.by_channel,
        )

    def shipping_lines(self) -> tuple[ShippingLine, ...]:
        """One for each item that pays for shipping; else one without a price, that says how to ship."""
        service, found = text_of(self.source.ship_service_level) or "", []
        for item in self.items:
            price, discount = self.amount(item.shipping_price), self.amount(item.shipping_discount)
            taxes = tuple(self.shipping_taxes(item))
            if price.shop or discount.shop or taxes:
                name = f"{id_text(item.order_item_id) or ''}-shipping"
                found.append(ShippingLine(name, service, service, price, discount, taxes))
        if not found and service and not self.by_channel:
            found.append(ShippingLine("shipping", service, service, self.zero, self.zero))
        return tuple(found)

    def discounts(self) -> Iterator[Discount]:
        """An item's promotions, by their ids; the amount is published for all of them together."""
        for item in self.items:
            amount = self.amount(item.promotion_discount)
            if amount.shop:
                yield Discount(", ".join(item.promotion_ids or ()), amount)

    def tags(self, *, collects: bool) -> Iterator[str]:
        source = self.source
        cancels = [item.buyer_requested_cancel for item in self.items]
        for tag, holds in (
            (BY_CHANNEL, self.by_channel),
            ("non-amazon", source.sales_channel == "Non-Amazon"),
            (REPLACEMENT, is_true(source.is_replacement_order)),
            ("sold-by-amazon", is_true(source.is_iba) or is_true(source.is_sold_by_ab)),
            (CASH_ON_DELIVERY, collects),
            ("cancel-requested", any(each is not None and is_true(each.is_buyer_requested_cancel) for each in cancels)),
            ("business", is_true(source.is_business_order)),
            ("prime", is_true(source.is_prime)),
            ("pick-up", is_true(source.is_ispu)),
        ):
            if holds:
                yield tag


def _sum(amounts: list[Money], currency: str) -> Money:
    """The sum of those in the order's currency; the proof says that there are others."""
    total = Money(ZERO, currency)
    for each in amounts:
        if each.currency == currency:
            total += each
    return total


def _items(source: OrderIn) -> list[ItemIn]:
    items = source.order_items
    if isinstance(items, ItemsIn):
        if items.next_token or items.order_items is None:
            raise Misread("its OrderItems are only a page; the flow must gather all of them")
        return items.order_items
    if items is None:
        raise Misread(
            "it has no OrderItems; the flow must gather /orders/v0/orders/{orderId}/orderItems and put them in"
        )
    if source.next_token:
        raise Misread("its OrderItems are only a page; the flow must gather all of them")
    return items
