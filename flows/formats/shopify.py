"""Shopify's REST order JSON (Admin API 2025-01 and older), read as an `Order`.

What the fields mean is from Shopify's Admin REST reference (Order, Line Item, Draft Order). Older versions lack fields,
so nearly all may be missing. Published figures are facts: where two places disagree about one, the order carries the
conflict and the proof says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from connectors.contract import Identification, NotAnOrder, Unidentifiable
from flows.formats.parts import (
    Amounts,
    Empty,
    Json,
    Kept,
    Misread,
    id_text,
    identified,
    instant_of,
    misread,
    object_in,
    text_of,
    unreadable,
    version_of,
)
from flows.formats.shopify_payments import payments_of
from flows.formats.shopify_refunds import refunds_of, returns_of
from flows.formats.shopify_wire import (
    AddressIn,
    AllocationIn,
    CustomerIn,
    Head,
    LineIn,
    MoneySet,
    OrderIn,
    ShippingIn,
    ShopSide,
    decode_both_sides,
    decode_head,
    decode_order,
    decode_taxes,
)
from flows.model.money import ONE, ZERO, Money, amount_of, currency_of
from flows.model.order import (
    Address,
    Amount,
    Conflict,
    Customer,
    Discount,
    FinancialStatus,
    FulfilmentStatus,
    Line,
    Order,
    ShippingLine,
    TaxLine,
    Totals,
    Unreadable,
    are_taxed,
)

_GID = "gid://shopify/"
_ORDER_GID = "gid://shopify/Order/"
_DRAFT = NotAnOrder("A draft order is not an order yet; send it when Shopify has made it one.")
_CHECKOUT = NotAnOrder("A checkout is not an order; send the order that it becomes.")
_PAGE = NotAnOrder("A page of orders is not an order; send each of its orders by itself, or their array.")
_GRAPHQL = Unreadable(
    "It is an order as Shopify's GraphQL API names its fields: the flow must send the JSON of the REST API, which its "
    "webhooks have, too, or map the order to Seamline's own schema."
)
_NAMED_ONLY = Unreadable(
    "It carries only the order's id, as the webhook of a deleted order does: the flow must send the order itself, or "
    "nothing where it was deleted.",
    awaits="fetch",
)
_KINDS = {
    "DraftOrder": _DRAFT,
    "AbandonedCheckout": _CHECKOUT,
    "Fulfillment": NotAnOrder("A fulfilment is not an order; send the order."),
    "OrderTransaction": NotAnOrder("A transaction is not an order; send the order with its transactions."),
    "Refund": NotAnOrder("A refund is not an order; send the order with its refunds."),
}
_FINANCIAL = {
    "pending": FinancialStatus.PENDING,
    "unpaid": FinancialStatus.PENDING,
    "authorized": FinancialStatus.AUTHORISED,
    "partially_paid": FinancialStatus.PARTIALLY_PAID,
    "paid": FinancialStatus.PAID,
    "partially_refunded": FinancialStatus.PARTIALLY_REFUNDED,
    "refunded": FinancialStatus.REFUNDED,
    "voided": FinancialStatus.VOIDED,
}
_UNKNOWN = FinancialStatus.UNKNOWN
_PARTIAL, _UNSHIPPED = FulfilmentStatus.PARTIAL, FulfilmentStatus.UNSHIPPED
_FULFILMENT = {"partial": _PARTIAL, "fulfilled": FulfilmentStatus.SHIPPED}


def identify(raw: bytes) -> Identification:
    """Name one item by its id and time of update. Never raises; looks no deeper than `order` or `draft_order`."""
    try:
        head, _ = _opened(raw)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return Unidentifiable(misread(error))
    if head is None or head.invoice_url is not msgspec.UNSET:
        return _DRAFT
    if head.abandoned_checkout_url is not msgspec.UNSET:
        return _CHECKOUT
    if head.id is None and head.orders is not msgspec.UNSET:
        return _PAGE
    gid = head.admin_graphql_api_id
    if type(gid) is str and gid.startswith(_GID) and not gid.startswith(_ORDER_GID):
        kind = _KINDS.get(gid[len(_GID) :].partition("/")[0])
        if kind is not None:
            return kind
    return identified(_order_id(head.id), head.updated_at)


def _opened(raw: bytes) -> tuple[Head | None, bytes]:
    """The head of the order and its bytes, out of `{order: ...}` if need be; None for a draft."""
    head = decode_head(raw)
    inner = object_in(head.order)
    if inner is not None:
        return decode_head(inner), inner
    if object_in(head.draft_order) is not None:
        return None, raw
    return head, raw


def _order_id(value: Json) -> Json:
    """The plain id, also of Shopify's GraphQL spelling: the same order must have one id whichever way it comes."""
    if type(value) is str and value.startswith(_ORDER_GID):
        return value[len(_ORDER_GID) :].partition("?")[0]
    return value


def read(sales_channel: str, raw: bytes) -> Order | Unreadable:
    """Read one order; whatever is wrong with the payload is the reason of an `Unreadable`. Never raises."""
    try:
        order: OrderIn[Any] = decode_order(raw)
        if order.id is None:
            raw = _opened(raw)[1]
            order = decode_order(raw)
        if order.id is not None and order.line_items is None and order.total_price is None and order.currency is None:
            return _NAMED_ONLY
        presentment = _presentment(order)
        if presentment != order.currency:
            order = decode_both_sides(raw)
        return _Reading(order, presentment).order(sales_channel)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return _GRAPHQL if _is_of_graphql(raw) else unreadable(error)


def _is_of_graphql(raw: bytes) -> bool:
    """Whether the lines have the name that they have in Shopify's GraphQL API."""
    try:
        return decode_head(raw).graphql_lines is not msgspec.UNSET
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False


def _presentment(order: OrderIn[Any]) -> str | None:
    """The currency that the customer was shown: the shop's own, unless another is published."""
    if order.presentment_currency is not None:
        return order.presentment_currency
    total = order.total_price_set
    shown = None if total is None else total.presentment_money
    return order.currency if shown is None or shown.currency_code is None else shown.currency_code


class _Met:
    """What was met in orders of one currency, or of two: amounts by their text, taxes by their JSON."""

    def __init__(self, currency: str, presentment: str | None = None) -> None:
        self.zero = Amount(Money(ZERO, currency), None if presentment is None else Money(ZERO, presentment))
        self.amounts = Amounts(currency)
        self.taxes: Kept[bytes, tuple[TaxLine, ...]] = Kept()


_met = lru_cache(maxsize=4)(_Met)
"""Of the currencies that were met last: about 4 MB each, when it is full."""


class _Reading:
    """One payload while it is read: its currencies, and the conflicts met so far."""

    def __init__(self, source: OrderIn[Any], presentment: str | None) -> None:
        self.source = source
        self.conflicts: list[Conflict] = []
        if source.currency is None:
            raise Misread("it has no currency")
        self.currency = currency_of(source.currency)
        self.single = presentment is None or presentment == self.currency
        self.presentment = self.currency if self.single else currency_of(presentment)
        self.known = _met(self.currency) if self.single else _Met(self.currency, self.presentment)
        self.zero = self.known.zero

    def order(self, sales_channel: str) -> Order:
        source = self.source
        order_id = id_text(_order_id(source.id))
        if order_id is None:
            raise Misread("it has no id")
        if source.line_items is None:
            raise Misread("it has no line_items")
        placed_at = instant_of(source.processed_at, "processed_at") or instant_of(source.created_at, "created_at")
        if placed_at is None:
            raise Misread("it has neither processed_at nor created_at")
        totals = self.totals()
        status = _FINANCIAL.get(source.financial_status or "", _UNKNOWN)
        refunds = refunds_of(source, self.currency)
        tips = [line for line in source.line_items if line.is_tip]
        goods = [line for line in source.line_items if not line.is_tip] if tips else source.line_items
        lines = tuple(map(self.line, goods))
        shipping_lines = tuple(map(self.shipping_line, source.shipping_lines or ()))
        duties, duty_taxes = self.duties()
        tip_taxes = tuple([tax for tip in tips for tax in self.taxes(tip.tax_lines)]) if tips else ()
        taxed = are_taxed(lines) or are_taxed(shipping_lines) or duty_taxes or tip_taxes
        billing, same = _address(source.billing_address), source.shipping_address == source.billing_address
        return Order(
            sales_channel=sales_channel,
            order_id=order_id,
            reference=text_of(source.name) or text_of(source.order_number) or order_id,
            version=version_of(source.updated_at),
            placed_at=placed_at,
            currency=self.currency,
            presentment_currency=self.presentment,
            taxes_included=source.taxes_included is True,
            lines=lines,
            totals=totals,
            shipping_lines=shipping_lines,
            unallocated_taxes=() if taxed else self.taxes(source.tax_lines),
            unallocated_discount=self.unallocated_discount(),
            discounts=self.discounts(),
            payments=payments_of(source, order_id, status, totals, refunds),
            payment_methods=tuple(source.payment_gateway_names or ()),
            tips=self.tips(tips),
            tip_taxes=tip_taxes,
            duties=duties,
            duty_taxes=duty_taxes,
            fees=self.charge(None, source.original_total_additional_fees_set, "original_total_additional_fees"),
            cash_rounding=self.charge(None, source.total_cash_rounding_payment_adjustment_set, "cash rounding"),
            financial_status=status,
            fulfilment_status=self.fulfilment(),
            cancelled_at=instant_of(source.cancelled_at, "cancelled_at"),
            test=source.test is True,
            refunds=refunds,
            returns=returns_of(source),
            customer=self.customer(),
            billing_address=billing,
            shipping_address=billing if same else _address(source.shipping_address),
            tags=_tags(source.tags),
            conflicts=tuple(self.conflicts),
        )

    def totals(self) -> Totals:
        source, amount = self.source, self.amount
        total = amount(source.total_price, source.total_price_set, "total_price")
        if total is None:
            raise Misread("it has no total_price")
        goods = amount(source.total_line_items_price, source.total_line_items_price_set, "total_line_items_price")
        return Totals(
            total=total,
            goods=goods,
            subtotal=amount(source.subtotal_price, source.subtotal_price_set, "subtotal_price"),
            discounts=amount(source.total_discounts, source.total_discounts_set, "total_discounts"),
            tax=amount(source.total_tax, source.total_tax_set, "total_tax"),
            shipping=amount(None, source.total_shipping_price_set, "total_shipping_price"),
            left=amount(source.current_total_price, source.current_total_price_set, "current_total_price"),
            outstanding=self.plain(source.total_outstanding),
        )

    # -- amounts -------------------------------------------------------------------------------------------------------

    def amount(self, plain: Json, both: ShopSide | None, field: str) -> Amount | None:
        """An amount of its plain field and its set, which win over the plain field and must not contradict it."""
        if both is None:
            return self.plain(plain)
        shop = both.shop_money
        if shop is None or shop.amount is None:
            return self.plain(plain)
        text, code = shop.amount, shop.currency_code
        if self.single and (plain == text or plain is None) and code == self.currency and type(text) is str:
            return self.known.amounts[text]  # the usual case
        value = amount_of(text)
        money = Money(value, self.currency if code is None or code == self.currency else currency_of(code))
        if plain is not None and plain != text and amount_of(plain) != value:
            self.conflicts.append(Conflict(field, Money(amount_of(plain), self.currency), money))
        other = both.presentment_money if isinstance(both, MoneySet) else None
        if self.single or other is None or other.amount is None:
            return Amount(money)
        code = self.presentment if other.currency_code is None else currency_of(other.currency_code)
        return Amount(money, Money(amount_of(other.amount), code))

    def plain(self, value: Json) -> Amount | None:
        """An amount that is published in the shop's currency alone."""
        if value is None:
            return None
        if self.single and type(value) is str:
            return self.known.amounts[value]
        amount = amount_of(value)
        return Amount(Money(amount, self.currency), None if self.single or amount else self.zero.presentment)

    def charge(self, plain: Json, both: ShopSide | None, field: str) -> Amount | None:
        """An amount that most orders have not: None when it is zero."""
        found = self.amount(plain, both, field)
        return found if found is not None and found.shop.amount else None

    def sum(self, amounts: Sequence[Amount]) -> Amount:
        """The sum on every side that all of them have."""
        if len(amounts) == 1:
            return amounts[0]
        if not amounts:
            return self.zero
        shop, presentment = amounts[0].shop, amounts[0].presentment
        for each in amounts[1:]:
            shop += each.shop
            presentment = None if presentment is None or each.presentment is None else presentment + each.presentment
        return Amount(shop, presentment)

    def taxes(self, raw: msgspec.Raw) -> tuple[TaxLine, ...]:
        """The taxes of a line. Prices are few, so they repeat letter for letter, and are known from an order before."""
        text = bytes(raw)
        known = self.known.taxes.get(text)
        return self.new_taxes(text) if known is None else known

    def new_taxes(self, text: bytes) -> tuple[TaxLine, ...]:
        conflicts = len(self.conflicts)
        try:
            sources = decode_taxes(text) or ()
        except msgspec.ValidationError as error:
            raise Misread(f"a tax line does not have its shape: {error}".replace(" - at", " at")) from None
        taxes = tuple(
            [
                TaxLine(
                    text_of(tax.title) or "",
                    None if tax.rate is None else amount_of(tax.rate),
                    self.amount(tax.price, tax.price_set, "a tax") or self.zero,
                    tax.channel_liable is True,
                )
                for tax in sources
            ]
        )
        return taxes if len(self.conflicts) > conflicts else self.known.taxes.keep(text, taxes)

    def allocated(self, allocations: Sequence[AllocationIn[Any]]) -> Amount:
        amount, zero = self.amount, self.zero
        return self.sum([amount(each.amount, each.amount_set, "a discount") or zero for each in allocations])

    # -- lines ---------------------------------------------------------------------------------------------------------

    def line(self, line: LineIn[Any]) -> Line:
        price = self.amount(line.price, line.price_set, "the price of a line")
        if price is None:
            raise Misread("a line has no price")
        if line.quantity is None:
            raise Misread("a line has no quantity")
        quantity = amount_of(line.quantity)
        if line.discount_allocations:
            discount = self.allocated(line.discount_allocations)
        else:
            discount = self.amount(line.total_discount, line.total_discount_set, "the discount of a line") or self.zero
        return Line(
            id_text(line.id) or "",
            text_of(line.sku),
            text_of(line.title) or text_of(line.name) or "",
            quantity,
            price,
            _times(price, quantity),
            discount,
            self.taxes(line.tax_lines),
            None if line.current_quantity is None else amount_of(line.current_quantity),
            line.requires_shipping is not False,
            line.gift_card is True,
        )

    def shipping_line(self, line: ShippingIn[Any]) -> ShippingLine:
        price = self.amount(line.price, line.price_set, "the price of shipping") or self.zero
        if line.discount_allocations:
            discount = self.allocated(line.discount_allocations)
        else:
            field = "the discounted price of shipping"
            paid = self.amount(line.discounted_price, line.discounted_price_set, field)
            discount = self.zero if paid is None else _minus(price, paid)
        title = text_of(line.title) or ""
        service = text_of(line.code) or title
        return ShippingLine(id_text(line.id) or "", title, service, price, discount, self.taxes(line.tax_lines))

    # -- the rest of the order -----------------------------------------------------------------------------------------

    def unallocated_discount(self) -> Amount | None:
        """Codes of versions before `discount_allocations`, which say an amount but not where it went."""
        source = self.source
        if not source.discount_codes or any(line.discount_allocations is not None for line in source.line_items or ()):
            return None
        total = self.sum([discount.amount for discount in self.discounts()])
        return total if total.shop.amount else None

    def discounts(self) -> tuple[Discount, ...]:
        codes = self.source.discount_codes
        if not codes:
            return ()
        return tuple([Discount(text_of(code.code) or "", self.plain(code.amount) or self.zero) for code in codes])

    def tips(self, lines: Sequence[LineIn[Any]]) -> Amount | None:
        """What the customer gave beyond the price. Shopify publishes the sum, and each tip among the lines."""
        total = self.charge(self.source.total_tip_received, None, "total_tip_received")
        if not lines:
            return total
        given = self.sum([self.line(tip).gross for tip in lines])
        if self.source.total_tip_received is not None and (total or self.zero).shop != given.shop:
            self.conflicts.append(Conflict("the sum of tips", (total or self.zero).shop, given.shop))
        return given if given.shop.amount else None

    def duties(self) -> tuple[Amount | None, tuple[TaxLine, ...]]:
        """What is charged on top of prices, and the taxes on it."""
        source, per_line = self.source, []
        for line in source.line_items or ():
            if line.duties:
                per_line += line.duties
        taxes = tuple([tax for duty in per_line for tax in self.taxes(duty.tax_lines)]) if per_line else ()
        if source.duties_included:
            return None, taxes
        if source.original_total_duties_set is not None:
            return self.charge(None, source.original_total_duties_set, "original_total_duties"), taxes
        if not per_line:
            return None, taxes
        total = self.sum([self.amount(None, duty, "a duty") or self.zero for duty in per_line])
        return total if total.shop.amount else None, taxes

    def fulfilment(self) -> FulfilmentStatus:
        """What was shipped of the goods: gift cards and downloads fulfil themselves, and are no part of a shipment."""
        status = _FULFILMENT.get(self.source.fulfillment_status or "", _UNSHIPPED)
        if status is _PARTIAL:
            done = [line for line in self.source.line_items or () if line.fulfillment_status is not None]
            if done and all(line.requires_shipping is False for line in done):
                return _UNSHIPPED
        return status

    def customer(self) -> Customer | None:
        source, who = self.source, self.source.customer
        email = text_of(source.email) or text_of(source.contact_email)
        phone = text_of(source.phone)
        company_id = id_text(source.company.get("id")) if isinstance(source.company, dict) else None
        if not isinstance(who, CustomerIn):
            known = email or phone or company_id
            return Customer(company_id=company_id, email=email, phone=phone) if known else None
        return Customer(
            id=id_text(who.id),
            company_id=company_id,
            name=_joined(who.first_name, who.last_name),
            email=email or text_of(who.email),
            phone=phone or text_of(who.phone),
        )


def _times(amount: Amount, quantity: Decimal) -> Amount:
    if quantity == ONE:
        return amount
    presentment = amount.presentment
    return Amount(amount.shop.times(quantity), None if presentment is None else presentment.times(quantity))


def _minus(one: Amount, other: Amount) -> Amount:
    both = one.presentment is not None and other.presentment is not None
    return Amount(one.shop - other.shop, one.presentment - other.presentment if both else None)  # type: ignore[operator]


def _address(address: AddressIn | Empty | None) -> Address | None:
    if not isinstance(address, AddressIn):
        return None
    return Address(
        name=text_of(address.name) or _joined(address.first_name, address.last_name),
        company=text_of(address.company),
        address1=text_of(address.address1),
        address2=text_of(address.address2),
        city=text_of(address.city),
        zip=text_of(address.zip),
        subdivision_code=text_of(address.province_code),
        country_code=text_of(address.country_code),
        phone=text_of(address.phone),
    )


def _joined(first: str | None, last: str | None) -> str | None:
    return " ".join(filter(None, (text_of(first), text_of(last)))) or None


def _tags(tags: str | list[str] | None) -> tuple[str, ...]:
    if not tags:
        return ()
    parts = tags.split(",") if isinstance(tags, str) else tags
    return tuple([tag.strip() for tag in parts if tag.strip()])
