"""A BigCommerce order, read from its decoded payload: amounts, discounts, lines, shipping, taxes and where it goes.

Each figure is read from the side of its triple that is exact (see `bigcommerce`). Where two places say the same thing
differently, in units that can be paid, the order carries the conflict.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

import msgspec

from flows.formats.bigcommerce_payments import payments_of, refunds_of
from flows.formats.bigcommerce_people import address_of, customer_of
from flows.formats.bigcommerce_status import (
    CANCELLED,
    financial_status_of,
    fulfilment_status_of,
    is_test,
    risk_of,
    tags_of,
)
from flows.formats.bigcommerce_wire import (
    AddressIn,
    OrderIn,
    ProductIn,
    TaxIn,
    amount_or_zero,
    gathered,
    iso_of,
    moment_of,
    number_of,
)
from flows.formats.parts import Json, Misread, id_text, text_of, texts_in, version_of
from flows.formats.texts import plain_of
from flows.model.money import ZERO, Money, amount_of, amount_of_text, currency_of, digits_of, rounded, total_of
from flows.model.order import (
    Amount,
    Conflict,
    Discount,
    Line,
    Order,
    ShippingLine,
    TaxLine,
    Totals,
)

_OFF_SHIPPING = frozenset((3, 4))


def order_of(source: OrderIn, sales_channel: str) -> Order:
    """The order. Raises Misread, or InvalidAmount, with the reason why it cannot be read."""
    return _Reading(source).order(sales_channel)


class _Reading:
    """One payload while it is read: which side of its prices counts, its taxes, and the conflicts met so far."""

    def __init__(self, source: OrderIn) -> None:
        self.source = source
        self.conflicts: list[Conflict] = []
        self.products = gathered(source.products) or []
        self.addresses = gathered(source.shipping_addresses) or []
        self.included = _included(source, self.products)
        code = text_of(source.default_currency_code) or text_of(source.currency_code)
        if code is None:
            raise Misread("it has no currency")
        self.currency = currency_of(code)
        self.zero = Amount(Money(ZERO, self.currency))
        self.taxes = _Taxes(gathered(source.taxes) or [])
        self.borne = [
            self.sum([self.money(part.amount) for part in each.applied_discounts or ()]) for each in self.products
        ]
        self.on_lines = self.sum(self.borne)

    def order(self, sales_channel: str) -> Order:
        source = self.source
        order_id = id_text(source.id)
        if order_id is None:
            raise Misread("it has no id")
        self.complete(order_id)
        modified_at = moment_of(source.date_modified, "date_modified")
        placed_at = moment_of(source.date_created, "date_created")
        if placed_at is None:
            raise Misread("it has no date_created")
        gone = number_of(source.status_id) in CANCELLED
        totals, status = self.totals(), financial_status_of(source)
        shipping_lines = self.shipping_lines()
        lines = tuple(map(self.line, self.products, self.borne))
        fees, fee_taxes = self.fees()
        places = self.places(cancelled=gone)
        return Order(
            sales_channel=sales_channel,
            order_id=order_id,
            reference=order_id,
            version=version_of(iso_of(source.date_modified)),
            placed_at=placed_at,
            currency=self.currency,
            presentment_currency=self.currency,
            taxes_included=self.included,
            lines=lines,
            totals=totals,
            shipping_lines=shipping_lines,
            unallocated_discount=self.unallocated_discount(),
            discounts=self.discounts(),
            payments=payments_of(source, order_id, status, totals.total.shop, self.conflicts),
            payment_methods=texts_in(source.payment_method),
            fees=fees,
            fee_taxes=fee_taxes,
            financial_status=status,
            fulfilment_status=fulfilment_status_of(source),
            cancelled_at=(modified_at or placed_at) if gone else None,
            test=is_test(source),
            refunds=refunds_of(source, order_id, self.currency, self.conflicts),
            customer=customer_of(source),
            billing_address=address_of(source.billing_address),
            shipping_address=address_of(places[0]) if len(places) == 1 else None,
            several_addresses=len(places) > 1,
            risk=risk_of(source),
            tags=tags_of(source),
            conflicts=tuple(self.conflicts),
        )

    def complete(self, order_id: str) -> None:
        """Raise Misread where the flow has not gathered what the order needs, or has mixed two orders."""
        source = self.source
        missing = [] if gathered(source.products) is not None else ["/products"]
        announced = number_of(source.shipping_address_count)
        ships = source.order_is_digital is not True and announced != 0
        places = gathered(source.shipping_addresses)
        if ships and (places is None or len(places) < (announced or 0)):
            missing.append("/shippingaddresses")
        if amount_or_zero(source.coupon_discount) and gathered(source.coupons) is None:
            missing.append("/coupons")
        if missing:
            paths = ", ".join(f"/v2/orders/{{id}}{path}" for path in missing)
            raise Misread(f"parts of it are missing or only links; the flow must gather {paths} and put them in")
        for product in self.products:
            if product.order_id is not None and id_text(product.order_id) != order_id:
                raise Misread("its products are those of another order")

    # -- amounts -------------------------------------------------------------------------------------------------------

    def side(self, ex: Json, inc: Json) -> Amount | None:
        """The side of a published pair that is exact; the other one where only that is there."""
        first, second = (inc, ex) if self.included else (ex, inc)
        value = second if first is None or first == "" else first
        return None if value is None or value == "" else self.money(value)

    def money(self, value: Json) -> Amount:
        if type(value) is str and value:  # the usual case
            return _single(value, self.currency)
        return Amount(Money(amount_or_zero(value), self.currency))

    def sum(self, amounts: Sequence[Amount]) -> Amount:
        if len(amounts) <= 1:
            return amounts[0] if amounts else self.zero
        return Amount(total_of((each.shop for each in amounts), self.currency))

    def differ(self, field: str, one: Money, other: Money) -> None:
        """Note a conflict between two figures of the same thing that differ in the currency's smallest unit."""
        digits = digits_of(self.currency)
        if one.amount != other.amount and rounded(one.amount, digits) != rounded(other.amount, digits):
            self.conflicts.append(Conflict(field, one, other))

    def totals(self) -> Totals:
        source = self.source
        if source.total_inc_tax is None:
            raise Misread("it has no total_inc_tax")
        total = Amount(Money(amount_of(source.total_inc_tax), self.currency))
        tax = None if source.total_tax is None else self.money(source.total_tax)
        if not self.included and tax is not None and source.total_ex_tax is not None:
            self.differ("total_inc_tax", self.money(source.total_ex_tax).shop + tax.shop, total.shop)
        shipping = self.side(source.shipping_cost_ex_tax, source.shipping_cost_inc_tax)
        handling = self.side(source.handling_cost_ex_tax, source.handling_cost_inc_tax)
        fees = gathered(source.fees)
        return Totals(
            total=total,
            goods=None if fees else self.side(source.subtotal_ex_tax, source.subtotal_inc_tax),
            discounts=self.all_discounts(),
            tax=tax,
            shipping=None if shipping is None else self.sum([shipping, handling or self.zero]),
        )

    # -- discounts -----------------------------------------------------------------------------------------------------

    def all_discounts(self) -> Amount | None:
        source = self.source
        if source.discount_amount is None and source.coupon_discount is None:
            return None
        return self.sum([self.money(source.discount_amount), self.money(source.coupon_discount)])

    def off_shipping(self) -> Amount:
        """What coupons for shipping take off, where the order's discounts say that the products do not bear it."""
        coupons = gathered(self.source.coupons) or []
        found = self.sum([self.money(each.discount) for each in coupons if number_of(each.type) in _OFF_SHIPPING])
        borne = self.all_discounts() == self.sum([self.on_lines, found])
        return found if borne else self.zero

    def unallocated_discount(self) -> Amount | None:
        """The discounts of an order whose products say nothing of any."""
        total = self.all_discounts()
        if total is None or not total.shop or self.on_lines.shop or self.off_shipping().shop:
            return None
        return total

    def discounts(self) -> tuple[Discount, ...]:
        """By code or name: what the products bear, and coupons that they do not name."""
        sums: dict[str, Amount] = {}
        for product in self.products:
            for each in product.applied_discounts or ():
                name = text_of(each.code) or text_of(each.name) or text_of(each.id) or ""
                sums[name] = self.sum([sums.get(name, self.zero), self.money(each.amount)])
        coupons = gathered(self.source.coupons) or []
        if coupons and self.source.coupon_discount is not None:
            of_coupons = self.sum([self.money(each.discount) for each in coupons])
            self.differ("coupon_discount", self.money(self.source.coupon_discount).shop, of_coupons.shop)
        for coupon in coupons:
            sums.setdefault(text_of(coupon.code) or "", self.money(coupon.discount))
        return tuple(Discount(name, amount) for name, amount in sums.items())

    # -- lines ---------------------------------------------------------------------------------------------------------

    def line(self, product: ProductIn, discount: Amount) -> Line:
        """One product. Children of a bundle are lines of their own, as published: the parent's price, mostly."""
        price = self.side(product.price_ex_tax, product.price_inc_tax)
        if product.quantity is None or price is None:
            raise Misread("a product has no quantity or no price")
        quantity = amount_of(product.quantity)
        whole = Amount(price.shop.times(quantity))
        gross = self.side(product.total_ex_tax, product.total_inc_tax) or whole
        self.differ("the price of a product", whole.shop, gross.shop)
        left = product.discounted_total_inc_tax
        if self.included and left is not None:
            self.differ("discounted_total_inc_tax", (gross.shop - discount.shop), self.money(left).shop)
        returned = product.quantity_refunded
        return Line(
            id_text(product.id) or "",
            text_of(product.sku),
            plain_of(product.name) or "",
            quantity,
            price,
            gross,
            discount,
            self.taxes_of("item", id_text(product.id), self.money(product.total_tax)),
            None if returned is None else quantity - amount_of(returned),
            product.type not in {"digital", "giftcertificate"},
            product.type == "giftcertificate",
        )

    def shipping_lines(self) -> tuple[ShippingLine, ...]:
        """One for each address that costs something, or that is the only one; handling is a line beside it.

        Where the addresses publish no costs, those of the order count; where both do, they must say the same.
        """
        source, addresses = self.source, self.addresses
        published = any(each.cost_ex_tax is not None or each.cost_inc_tax is not None for each in addresses)
        costs = [(each, id_text(each.id)) for each in addresses] if published else []
        found = [
            self.cost_line(
                _Cost(of or "", "", "shipping", of, each.cost_ex_tax, each.cost_inc_tax, each.cost_tax),
                each.shipping_method,
            )
            for each, of in costs
        ]
        found += [
            self.cost_line(
                _Cost(
                    f"{of}-handling",
                    "Handling",
                    "handling",
                    of,
                    each.handling_cost_ex_tax,
                    each.handling_cost_inc_tax,
                    each.handling_cost_tax,
                ),
                each.shipping_method,
            )
            for each, of in costs
        ]
        of_order = (
            _Cost("shipping", "", "shipping", None, source.shipping_cost_ex_tax, source.shipping_cost_inc_tax,
                  source.shipping_cost_tax),
            _Cost("handling", "Handling", "handling", None, source.handling_cost_ex_tax, source.handling_cost_inc_tax,
                  source.handling_cost_tax),
        )  # fmt: skip
        if published:
            self.check_taxes("shipping_cost_tax", of_order[0], [each.cost_tax for each in addresses])
            self.check_taxes("handling_cost_tax", of_order[1], [each.handling_cost_tax for each in addresses])
        else:
            method = next((each.shipping_method for each in addresses), None)
            found += [self.cost_line(cost, method) for cost in of_order]
        return self.lowered([each for each in found if each is not None])

    def cost_line(self, cost: _Cost, method: str | None) -> ShippingLine | None:
        """A cost of shipping or handling; None for one of nothing, unless it says how to ship to the only address."""
        amount, tax = self.side(cost.ex, cost.inc), self.money(cost.tax)
        if amount is None:
            return None
        if not amount.shop and not tax.shop and (cost.kind != "shipping" or len(self.addresses) != 1):
            return None
        service = plain_of(method) or ""
        taxes = self.taxes_of(cost.kind, cost.of, tax)
        return ShippingLine(cost.id, cost.title or service, service, amount, self.zero, taxes)

    def check_taxes(self, field: str, cost: _Cost, parts: Sequence[Json]) -> None:
        if cost.tax is not None and any(each is not None for each in parts):
            self.differ(field, self.money(cost.tax).shop, self.sum([self.money(each) for each in parts]).shop)

    def lowered(self, lines: list[ShippingLine]) -> tuple[ShippingLine, ...]:
        """With what coupons take off the shipping, on the first line that costs so much."""
        off = self.off_shipping()
        if off.shop:
            first = next((n for n, line in enumerate(lines) if line.gross.shop.amount >= off.shop.amount), None)
            if first is not None:
                lines[first] = msgspec.structs.replace(lines[first], discount=off)
        return tuple(lines)

    def taxes_of(self, kind: str, of: str | None, amount: Amount) -> tuple[TaxLine, ...]:
        """The taxes of one thing: each as published, or as the one sum of its triple."""
        entries = self.taxes.of.get((kind, of)) if of is not None else None
        if not entries:
            return (TaxLine(self.taxes.name, self.taxes.rate, amount),) if amount.shop else ()
        taxes = tuple(TaxLine(_name(tax), _rate(tax), self.money(tax.line_amount)) for tax in entries)
        self.differ(f"the tax of {kind}", amount.shop, self.sum([tax.amount for tax in taxes]).shop)
        return taxes

    def fees(self) -> tuple[Amount | None, tuple[TaxLine, ...]]:
        """Gift wrapping and fees, with their taxes."""
        source, amounts, taxes = self.source, [], []
        wrapping = self.side(source.wrapping_cost_ex_tax, source.wrapping_cost_inc_tax) or self.zero
        wrapped = [self.side(each.wrapping_cost_ex_tax, each.wrapping_cost_inc_tax) for each in self.products]
        if any(wrapped):
            self.differ("wrapping_cost", wrapping.shop, self.sum([each for each in wrapped if each]).shop)
        amounts.append(wrapping)
        taxes.append(self.money(source.wrapping_cost_tax))
        for fee in gathered(source.fees) or ():
            cost = self.side(fee.cost_exc_tax if fee.cost_ex_tax is None else fee.cost_ex_tax, fee.cost_inc_tax)
            amounts.append(cost or self.zero)
            taxes.append(self.money(fee.cost_tax))
        total = self.sum(amounts)
        found = tuple(TaxLine(self.taxes.name, self.taxes.rate, tax) for tax in taxes if tax.shop)
        return total if total.shop or found else None, found

    def places(self, *, cancelled: bool) -> list[AddressIn]:
        """Where goods go; an address that nothing goes to does not count. Raises Misread where that is not said."""
        if len(self.addresses) <= 1:
            return self.addresses
        used = {id_text(each.order_address_id) for each in self.products if each.type in {"physical", None}}
        found = [each for each in self.addresses if id_text(each.id) in used]
        if len(found) < len(used) and not cancelled:
            raise Misread(
                "it has several shipping addresses, and does not say of every product which of them is its own; "
                "the flow must gather /v2/orders/{id}/products and /v2/orders/{id}/shippingaddresses whole"
            )
        return found


@lru_cache(maxsize=8_192)
def _single(text: str, currency: str) -> Amount:
    """An amount that is published as text; equal texts share one object. Raises InvalidAmount."""
    return Amount(Money(amount_of_text(text), currency))


class _Cost(NamedTuple):
    """What shipping or handling costs, to one address or for the whole order."""

    id: str
    title: str
    kind: str
    of: str | None
    ex: Json
    inc: Json
    tax: Json


class _Taxes:
    """The gathered `taxes`, by what they are on, and the name for sums that no entry explains."""

    def __init__(self, taxes: Sequence[TaxIn]) -> None:
        self.of: dict[tuple[str, str], list[TaxIn]] = {}
        for tax in taxes:
            on = tax.order_product_id if tax.line_item_type == "item" else tax.order_address_id
            key = id_text(on)
            if tax.line_item_type is not None and key is not None:
                self.of.setdefault((tax.line_item_type, key), []).append(tax)
        kinds = {(_name(tax), _rate(tax)) for tax in taxes}
        self.name = ", ".join(sorted({name for name, _ in kinds}))
        self.rate = kinds.pop()[1] if len(kinds) == 1 else None


def _name(tax: TaxIn) -> str:
    return plain_of(tax.name) or ""


def _rate(tax: TaxIn) -> Decimal | None:
    return None if tax.rate is None else amount_of(tax.rate).scaleb(-2)


def _included(source: OrderIn, products: Sequence[ProductIn]) -> bool:
    """The order's own flag; for versions without it, the side of the prices as they were entered."""
    if source.is_tax_inclusive_pricing is not None:
        return source.is_tax_inclusive_pricing
    triples = [(each.base_total, each.total_ex_tax, each.total_inc_tax) for each in products]
    triples.append((source.base_shipping_cost, source.shipping_cost_ex_tax, source.shipping_cost_inc_tax))
    for base, ex, inc in triples:
        entered, without, with_tax = map(amount_or_zero, (base, ex, inc))
        if without != with_tax and entered in (without, with_tax):
            return entered == with_tax
    return False
