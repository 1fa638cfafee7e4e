"""An order of Amazon's Orders API 2026-01-01, read from its decoded payload.

The proceeds of an item are a sum of parts by type: ITEM, SHIPPING, GIFT_WRAP, COD_FEE, OTHER, TAX, and DISCOUNT, which
lowers them whatever its sign. TAX and DISCOUNT may say what they are on. The order's own parts, where published, are
those of all items together and the tip; they are checked against the items.
"""

from __future__ import annotations

from collections.abc import Iterator

from flows.formats.amazon_parts import (
    CASH_ON_DELIVERY,
    REPLACEMENT,
    Executed,
    added,
    address_of,
    customer_of,
    is_cash_on_delivery,
    money_of,
    payments_of,
    state_of,
    taxes_included,
    total_of_order,
)
from flows.formats.amazon_wire import Breakdown2026, Detail2026, Fulfilment2026, Item2026, Order2026
from flows.formats.parts import Misread, id_text, instant_of, promise_of, text_of, version_of
from flows.formats.texts import plain_of
from flows.model.money import ZERO, Money, amount_of, digits_of, quotient, rounded, total_of
from flows.model.order import (
    BY_CHANNEL,
    Amount,
    Conflict,
    Discount,
    FinancialStatus,
    Line,
    Order,
    ShippingLine,
    TaxLine,
    Totals,
)

_TAX_NAMES = {
    "ITEM": "ItemTax",
    "SHIPPING": "ShippingTax",
    "GIFT_WRAP": "GiftWrapTax",
    "COD_FEE": "CODFeeTax",
    "DISCOUNT": "PromotionDiscountTax",
    "OTHER": "OtherTax",
}
"""The names of v0, so that one mapping fits both."""
_FEES = ("GIFT_WRAP", "COD_FEE", "OTHER")
_FEE_TAXES = frozenset(_TAX_NAMES[kind] for kind in _FEES)
_APART = _FEE_TAXES | {_TAX_NAMES["SHIPPING"]}
"""Taxes that are not on the goods."""
_UNIT_DIGITS = 4


def order_of_2026(source: Order2026, sales_channel: str) -> Order:
    """The order. Raises Misread, InvalidAmount or MixedCurrencies with the reason why it cannot be read."""
    return _Reading(source).order(sales_channel)


class _Reading:
    """One payload while it is read: its currency, the parts of its proceeds, and the conflicts met so far."""

    def __init__(self, source: Order2026) -> None:
        self.source = source
        self.conflicts: list[Conflict] = []
        if source.order_items is None:
            raise Misread("it has no orderItems")
        self.fulfilment = source.fulfillment or Fulfilment2026()
        self.state = state_of(self.fulfilment.fulfillment_status)
        self.by_channel = self.fulfilment.fulfilled_by == "AMAZON"
        self.marketplace = None if source.sales_channel is None else source.sales_channel.marketplace_id
        kinds = {each.association_type for each in source.associated_orders or ()}
        self.replacement = "REPLACEMENT_ORIGINAL_ID" in kinds
        self.free = self.replacement or self.state.cancelled
        total = None if source.proceeds is None else source.proceeds.grand_total
        self.total = total_of_order(total, self.state, self.marketplace, (), free=self.free)
        self.currency = self.total.currency
        self.zero = Amount(Money(ZERO, self.currency))
        self.items = [_Item(item, self) for item in source.order_items]

    def order(self, sales_channel: str) -> Order:
        source = self.source
        order_id = id_text(source.order_id)
        if order_id is None:
            raise Misread("it has no orderId")
        placed_at = instant_of(source.created_time, "createdTime")
        if placed_at is None:
            raise Misread("it has no createdTime")
        updated_at = instant_of(source.last_updated_time, "lastUpdatedTime")
        window = self.fulfilment.ship_by_window
        parts = self.executed()
        collects = any(is_cash_on_delivery(each.method) for each in parts)
        open_ = collects and not self.state.cancelled
        status = FinancialStatus.PENDING if open_ else self.state.financial
        included = self.included()
        fees = added((item.fees for item in self.items), self.currency)
        self.check_fees(fees)
        for item in self.items:
            item.check(included=included)
        who, where = source.buyer, source.recipient
        return Order(
            sales_channel=sales_channel,
            order_id=order_id,
            reference=order_id,
            version=version_of(source.last_updated_time),
            placed_at=placed_at,
            currency=self.currency,
            presentment_currency=self.currency,
            taxes_included=included,
            lines=tuple(item.line() for item in self.items),
            totals=self.totals(),
            shipping_lines=self.shipping_lines(),
            discounts=tuple(discount for item in self.items for discount in item.discounts()),
            payments=payments_of(order_id, self.state, status, self.total, parts),
            tips=self.of_order("DELIVERY_TIP"),
            fees=fees,
            fee_taxes=tuple(tax for item in self.items for tax in item.fee_taxes),
            financial_status=status,
            fulfilment_status=self.state.fulfilment,
            cancelled_at=(updated_at or placed_at) if self.state.cancelled else None,
            ship_by=None if window is None else promise_of(window.latest_date_time),
            customer=None if who is None else customer_of(who.buyer_name, who.buyer_email),
            shipping_address=None if where is None else address_of(where.delivery_address),
            tags=tuple(self.tags(collects=collects)),
            conflicts=tuple(self.conflicts),
        )

    def executed(self) -> list[Executed]:
        found = []
        for each in (None if self.source.payment is None else self.source.payment.payment_executions) or ():
            money = money_of(each.payment_amount, self.currency)
            if money is not None:
                found.append(Executed(text_of(each.payment_method) or "", money))
        return found

    # -- the order's own parts -----------------------------------------------------------------------------------------

    def of_order(self, *types: str) -> Amount | None:
        """The sum of the order's own parts of these types; None where it publishes none."""
        proceeds = self.source.proceeds
        found = [each.subtotal for each in (proceeds and proceeds.breakdowns) or () if each.type in types]
        amounts = [money for money in (money_of(each, self.currency) for each in found) if money is not None]
        return Amount(total_of(amounts, self.currency)) if amounts else None

    def totals(self) -> Totals:
        discounts = self.of_order("DISCOUNT")
        return Totals(
            total=Amount(self.total),
            goods=self.of_order("ITEM"),
            discounts=None if discounts is None else Amount(abs(discounts.shop)),
            tax=self.of_order("TAX"),
            shipping=self.of_order("SHIPPING"),
        )

    def check_fees(self, fees: Amount | None) -> None:
        published = self.of_order(*_FEES)
        if published is not None:
            self.differ("the sum of fees", (fees or self.zero).shop, published.shop)

    def differ(self, field: str, one: Money, other: Money) -> None:
        if one != other:
            self.conflicts.append(Conflict(field, one, other))

    def included(self) -> bool:
        prices = taxes = self.zero.shop
        for item in self.items:
            prices += item.net
            taxes += item.taxed
        tip = self.of_order("DELIVERY_TIP")
        return taxes_included(self.marketplace, self.total, prices + (tip or self.zero).shop, taxes)

    # -- the rest of the order -----------------------------------------------------------------------------------------

    def shipping_lines(self) -> tuple[ShippingLine, ...]:
        """One for each item that pays for shipping; else one without a price, that says how to ship."""
        service, found = text_of(self.fulfilment.fulfillment_service_level) or "", []
        for item in self.items:
            price, discount = item.part("SHIPPING"), item.off_shipping
            if price.shop or discount.shop or item.shipping_taxes:
                found.append(
                    ShippingLine(f"{item.id}-shipping", service, service, price, discount, item.shipping_taxes)
                )
        if not found and service and not self.by_channel:
            found.append(ShippingLine("shipping", service, service, self.zero, self.zero))
        return tuple(found)

    def tags(self, *, collects: bool) -> Iterator[str]:
        programs = set(self.source.programs or ())
        channel = self.source.sales_channel
        for tag, holds in (
            (BY_CHANNEL, self.by_channel),
            ("non-amazon", channel is not None and channel.channel_name == "NON_AMAZON"),
            (REPLACEMENT, self.replacement),
            (CASH_ON_DELIVERY, collects),
            ("cancel-requested", any(item.cancel_requested for item in self.items)),
            ("business", "AMAZON_BUSINESS" in programs),
            ("prime", "PRIME" in programs),
            ("pick-up", "IN_STORE_PICK_UP" in programs),
        ):
            if holds:
                yield tag


class _Item:
    """One item with the parts of its proceeds."""

    def __init__(self, source: Item2026, order: _Reading) -> None:
        self.source, self.reading = source, order
        self.id = id_text(source.order_item_id) or ""
        self.parts: dict[str, Money] = {}
        self.taxes: list[TaxLine] = []
        self.off_lines, self.off_shipping = order.zero, order.zero
        breakdowns = None if source.proceeds is None else source.proceeds.breakdowns
        for each in breakdowns or ():
            money = money_of(each.subtotal, order.currency)
            if money is not None:
                self.add(each, money)
        self.item_taxes = tuple(tax for tax in self.taxes if tax.name not in _APART)
        self.shipping_taxes = tuple(tax for tax in self.taxes if tax.name == _TAX_NAMES["SHIPPING"])
        self.fee_taxes = tuple(tax for tax in self.taxes if tax.name in _FEE_TAXES)
        self.fees = added((self.part(kind) for kind in _FEES if kind in self.parts), order.currency)
        self.net = total_of(self.parts.values(), order.currency) - self.off_lines.shop - self.off_shipping.shop
        self.taxed = total_of((tax.amount.shop for tax in self.taxes), order.currency)

    def add(self, part: Breakdown2026, money: Money) -> None:
        kind, details = part.type or "OTHER", self.details(part, money)
        if kind == "TAX":
            withheld = self.withheld
            self.taxes += [
                TaxLine(_TAX_NAMES.get(on, "Tax"), None, Amount(tax), withheld) for on, tax in details if tax
            ]
        elif kind == "DISCOUNT":
            for on, discount in details:
                if on == "SHIPPING":
                    self.off_shipping = Amount(self.off_shipping.shop + abs(discount))
                else:
                    self.off_lines = Amount(self.off_lines.shop + abs(discount))
        else:
            kind = kind if kind in {"ITEM", "SHIPPING"} else "OTHER" if kind not in _FEES else kind
            self.parts[kind] = self.parts.get(kind, Money(ZERO, money.currency)) + money

    def details(self, part: Breakdown2026, money: Money) -> list[tuple[str, Money]]:
        """What a tax or discount is on, as far as it says; the details must add up to it."""
        found = [(each.subtype or "", self.detail(each)) for each in part.detailed_breakdowns or ()]
        if not found:
            return [("", money)]
        self.reading.differ(f"a {part.type} of an item", total_of((each for _, each in found), money.currency), money)
        return found

    def detail(self, detail: Detail2026) -> Money:
        return money_of(detail.value, self.reading.currency) or self.reading.zero.shop

    @property
    def withheld(self) -> bool:
        collections = None if self.source.tax is None else self.source.tax.tax_collections
        return any(each.model == "MARKETPLACE_FACILITATOR" for each in collections or ())

    @property
    def cancel_requested(self) -> bool:
        return self.source.cancellation is not None and self.source.cancellation.cancellation_request is not None

    def part(self, kind: str) -> Amount:
        money = self.parts.get(kind)
        return self.reading.zero if money is None else Amount(money)

    def check(self, *, included: bool) -> None:
        """The parts of an item must add up to its own sum."""
        proceeds = self.source.proceeds
        published = None if proceeds is None else money_of(proceeds.proceeds_total, self.reading.currency)
        if published is not None and proceeds is not None and proceeds.breakdowns:
            total = self.net if included else self.net + self.taxed
            self.reading.differ("the proceeds of an item", total, published)

    def line(self) -> Line:
        source, reading = self.source, self.reading
        if source.quantity_ordered is None:
            raise Misread("an item has no quantityOrdered")
        quantity, product = amount_of(source.quantity_ordered), source.product
        price = None if product is None or product.price is None else product.price.unit_price
        each = money_of(price, reading.currency)
        gross = self.parts.get("ITEM")
        if gross is None and each is not None:
            gross = each.times(quantity)
        if gross is None:
            if quantity and not reading.free:
                raise Misread("an item has neither proceeds of type ITEM nor a unitPrice")
            gross = reading.zero.shop
        if each is None:
            each = Money(quotient(gross.amount, quantity, _UNIT_DIGITS) if quantity else ZERO, gross.currency)
        elif source.measurement is None or source.measurement.unit in {"COUNT", None}:
            self.compare(each.times(quantity), gross)
        return Line(
            self.id,
            None if product is None else text_of(product.seller_sku),
            (None if product is None else plain_of(product.title)) or "",
            quantity,
            Amount(each),
            Amount(gross),
            self.off_lines,
            self.item_taxes,
            requires_shipping=not reading.by_channel,
        )

    def compare(self, pieces: Money, gross: Money) -> None:
        digits = digits_of(gross.currency)
        if pieces.currency != gross.currency or rounded(pieces.amount, digits) != rounded(gross.amount, digits):
            self.reading.conflicts.append(Conflict("the price of an item", pieces, gross))

    def discounts(self) -> Iterator[Discount]:
        """The item's promotions, by their ids; the amount is published for all of them together."""
        if self.off_lines.shop:
            promotions = None if self.source.promotion is None else self.source.promotion.breakdowns
            names = [each.promotion_id for each in promotions or () if each.promotion_id]
            yield Discount(", ".join(names), self.off_lines)
