"""An onX order, read from its decoded payload: lines, discounts, tax, shipping, totals and people (see `onx`)."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from flows.formats.onx_status import payments_of, standing_of
from flows.formats.onx_wire import AddressIn, CustomerIn, LineIn, OrderIn
from flows.formats.parts import Json, Misread, id_text, instant_of, text_of, version_of
from flows.formats.texts import subdivision_of
from flows.model.money import ONE, ZERO, Money, amount_of, currency_of, digits_of, quotient, rounded
from flows.model.order import (
    Address,
    Amount,
    Conflict,
    Customer,
    FinancialStatus,
    Line,
    Order,
    ShippingLine,
    TaxLine,
    Totals,
)

_UNIT_PRICE_DIGITS = 6
_COUNTRY_LETTERS = 2
_MARK_FOR = "mark-for"
"""The tag of an order whose parcels are to be marked for somebody behind its shipping address."""


def order_of(source: OrderIn, sales_channel: str) -> Order:
    """The order. Raises Misread, or InvalidAmount, with the reason why it cannot be read."""
    return _Reading(source).order(sales_channel)


class _Reading:
    """One payload while it is read: its currency, its figures, and the conflicts met so far."""

    def __init__(self, source: OrderIn) -> None:
        self.source = source
        self.conflicts: list[Conflict] = []
        if source.line_items is None:
            raise Misread("it has no lineItems")
        if source.currency is None:
            raise Misread("it has no currency")
        self.currency = currency_of(text_of(source.currency) or "")
        self.digits = digits_of(self.currency)
        self.half = Decimal(5).scaleb(-self.digits - 1)
        self.total = _figure(source.total_price, "it has no totalPrice")
        self.tax = _figure(source.order_tax, "it has no orderTax; 0 says that there is no tax")
        self.shipping = _optional(source.shipping_price)
        self.off = _optional(source.order_discount)
        self.zero = Amount(Money(ZERO, self.currency))

    def order(self, sales_channel: str) -> Order:
        source = self.source
        order_id = id_text(source.id)
        if order_id is None:
            raise Misread("it has no id")
        placed_at = instant_of(source.created_at, "createdAt")
        if placed_at is None:
            raise Misread("it has no createdAt")
        standing = standing_of(source)
        updated_at = instant_of(source.updated_at, "updatedAt") if standing.cancelled else None
        refunded = standing.financial is FinancialStatus.REFUNDED
        lines = [self.line(line, refunded=refunded) for line in source.line_items or ()]
        summed_up, loose = self.order_discount(lines)
        totals = self.totals(lines, summed_up, loose, refunded=refunded)
        lines, taxes, loose = self.borne(lines, loose)
        return Order(
            sales_channel=sales_channel,
            order_id=order_id,
            reference=text_of(source.name) or text_of(source.external_id) or order_id,
            version=version_of(source.updated_at),
            placed_at=placed_at,
            currency=self.currency,
            presentment_currency=self.currency,
            taxes_included=False,
            lines=tuple(lines),
            totals=totals,
            shipping_lines=self.shipping_lines(),
            unallocated_taxes=taxes,
            unallocated_discount=self.amount(loose) if loose else None,
            payments=payments_of(source, order_id, standing.financial, totals.total.shop),
            financial_status=standing.financial,
            fulfilment_status=standing.fulfilment,
            cancelled_at=(updated_at or placed_at) if standing.cancelled else None,
            refunds=() if refunded or source.refunds == [] else None,
            customer=_customer(source.customer),
            billing_address=_address(source.billing_address),
            shipping_address=_address(source.shipping_address),
            tags=self.tags(),
            conflicts=tuple(self.conflicts),
        )

    def amount(self, amount: Decimal) -> Amount:
        return Amount(Money(amount, self.currency)) if amount else self.zero

    # -- lines ---------------------------------------------------------------------------------------------------------

    def line(self, line: LineIn, *, refunded: bool) -> Line:
        """One line. What was charged for it is its total, else its price less its discount, times its quantity."""
        quantity = _figure(line.quantity, "a line has no quantity")
        if quantity < ZERO:
            raise Misread("the quantity of a line is below zero")
        each, price, net = _optional(line.unit_discount), line.unit_price, line.total_price
        if price is None and net is None:
            raise Misread("a line has neither unitPrice nor totalPrice")
        off = ZERO if each is None else self.product(each, quantity)
        if price is None:
            charged = amount_of(net)
            one = quotient(charged + off, quantity, _UNIT_PRICE_DIGITS) if quantity else ZERO
        else:
            one = amount_of(price)
            charged = self.charged(one - (each or ZERO), quantity, net)
        return Line(
            id_text(line.id) or id_text(line.external_id) or "",
            text_of(line.sku),
            text_of(line.name) or "",
            quantity,
            self.amount(one),
            self.amount(charged + off),
            self.amount(off),
            quantity_left=ZERO if refunded else None,
        )

    def charged(self, each: Decimal, quantity: Decimal, net: Json) -> Decimal:
        """The published total of a line, which must be the product as far as roundings explain; the product without."""
        computed = self.product(each, quantity)
        if net is None:
            return computed
        published = amount_of(net)
        slack = self.slack(each, quantity) + (ZERO if self.is_whole(computed) else self.half)
        if (published - computed).copy_abs() > slack:
            one, other = Money(computed, self.currency), Money(published, self.currency)
            self.conflicts.append(Conflict("the totalPrice of a line", one, other))
        return published

    def product(self, each: Decimal, quantity: Decimal) -> Decimal:
        """So many times this figure: the nearest amount that can be paid, where the figure's own rounding allows it.

        A third of a discount of 1.00 is published as 0.3333: three times that is 1.00.
        """
        computed = each * quantity
        payable = rounded(computed, self.digits)
        return payable if (payable - computed).copy_abs() <= self.slack(each, quantity) else computed

    def slack(self, each: Decimal, quantity: Decimal) -> Decimal:
        """By how much a figure that is finer than the currency can have moved its product by being rounded or cut."""
        exponent = each.normalize().as_tuple().exponent
        if not isinstance(exponent, int) or exponent >= -self.digits:
            return ZERO
        return ONE.scaleb(exponent) * quantity

    def is_whole(self, amount: Decimal) -> bool:
        return rounded(amount, self.digits) == amount

    # -- discount and tax of the whole order ---------------------------------------------------------------------------

    def adds_up(self, lines: list[Line], off: Decimal, tax: Decimal | None = None) -> bool:
        """Whether the total is that of the lines with shipping and tax, when so much more comes off."""
        charged = self.sum(lines) + (self.shipping or ZERO) + (self.tax if tax is None else tax)
        return charged - off == self.total

    def sum(self, lines: list[Line]) -> Decimal:
        """What was charged for the lines."""
        result = ZERO
        for line in lines:
            result += _net(line)
        return result

    def order_discount(self, lines: list[Line]) -> tuple[Decimal | None, Decimal]:
        """The order's discount as the sum of what came off the lines already, and as what comes off beside it."""
        off = self.off
        if not off:
            return None, ZERO
        on_lines = ZERO
        for line in lines:
            on_lines += line.discount.shop.amount
        if not self.adds_up(lines, off) and (on_lines == off or self.adds_up(lines, ZERO)):
            return off, ZERO
        return None, off

    def borne(self, lines: list[Line], loose: Decimal) -> tuple[list[Line], tuple[TaxLine, ...], Decimal]:
        """The lines with the tax and the discount of the whole order, and what of these no line can be said to bear.

        All of it is on the one line that costs something, where shipping does not. Where tax and discount are equal,
        though, the same total could have neither in it, and the discount stays where it is.
        """
        taxes = (TaxLine("", None, self.amount(self.tax)),) if self.tax else ()
        places = [number for number, line in enumerate(lines) if line.gross.shop.amount]
        if len(places) != 1 or self.shipping:
            return lines, taxes, loose
        line, rest = lines[places[0]], loose
        if loose and self.adds_up(lines, loose) and not self.adds_up(lines, ZERO, ZERO):
            line, rest = _lowered(line, Money(loose, self.currency)), ZERO
        line = msgspec.structs.replace(line, taxes=taxes)
        return [*lines[: places[0]], line, *lines[places[0] + 1 :]], (), rest

    # -- the rest of the order -----------------------------------------------------------------------------------------

    def totals(self, lines: list[Line], summed_up: Decimal | None, loose: Decimal, *, refunded: bool) -> Totals:
        goods, subtotal = self.subtotal(lines, loose)
        return Totals(
            total=self.amount(self.total),
            goods=goods,
            subtotal=subtotal,
            discounts=None if summed_up is None else self.amount(summed_up),
            tax=self.amount(self.tax),
            left=self.zero if refunded else None,
        )

    def subtotal(self, lines: list[Line], loose: Decimal) -> tuple[Amount | None, Amount | None]:
        """`subTotalPrice` as the sum of the lines before discounts, or after them, whichever it is.

        After those of units and before the order's, it is neither of the two, and right.
        """
        published = _optional(self.source.sub_total_price)
        if published is None:
            return None, None
        gross, net = ZERO, self.sum(lines)
        for line in lines:
            gross += line.gross.shop.amount
        if published == net - loose or published not in (gross, net):
            return None, self.amount(published)
        return (self.amount(published), None) if published == gross else (None, None)

    def shipping_lines(self) -> tuple[ShippingLine, ...]:
        """What shipping costs, and by which service; none when the order says neither."""
        source = self.source
        carrier, class_, code = map(text_of, (source.shipping_carrier, source.shipping_class, source.shipping_code))
        title = " ".join(filter(None, (carrier, class_))) or code or ""
        if not title and not self.shipping:
            return ()
        return (ShippingLine("", title, code or title, self.amount(self.shipping or ZERO), self.zero),)

    def tags(self) -> tuple[str, ...]:
        """Those of the order, where it comes from, and whether its parcels are to be marked for somebody."""
        source = self.source
        found = [text for text in map(text_of, source.tags or ()) if text]
        origin = text_of(source.order_source)
        if origin:
            found.append(f"source:{origin}")
        marked = source.markfor_address
        if marked is not msgspec.UNSET and bytes(marked) != b"null":
            found.append(_MARK_FOR)
        return tuple(found)


def _net(line: Line) -> Decimal:
    return line.gross.shop.amount - line.discount.shop.amount


def _lowered(line: Line, off: Money) -> Line:
    return msgspec.structs.replace(line, discount=Amount(line.discount.shop + off))


def _figure(value: Json, missing: str) -> Decimal:
    if value is None:
        raise Misread(missing)
    return amount_of(value)


def _optional(value: Json) -> Decimal | None:
    return None if value is None else amount_of(value)


def _customer(customer: CustomerIn | None) -> Customer | None:
    if customer is None:
        return None
    return Customer(
        id=id_text(customer.id),
        name=_joined(customer.first_name, customer.last_name),
        email=text_of(customer.email),
        phone=text_of(customer.phone),
    )


def _address(address: AddressIn | None) -> Address | None:
    """None for one of which only the form is there. The country counts only as the code that the schema asks for."""
    if address is None:
        return None
    country = text_of(address.country)
    if country is not None and not (len(country) == _COUNTRY_LETTERS and country.isascii() and country.isalpha()):
        country = None
    found = Address(
        name=_joined(address.first_name, address.last_name),
        company=text_of(address.company),
        address1=text_of(address.address1),
        address2=text_of(address.address2),
        city=text_of(address.city),
        zip=text_of(address.zip_code_or_postal_code),
        subdivision_code=subdivision_of(text_of(address.state_or_province), country),
        country_code=None if country is None else country.upper(),
        phone=text_of(address.phone),
        email=text_of(address.email),
    )
    return found if any(msgspec.structs.astuple(found)) else None


def _joined(first: Json, last: Json) -> str | None:
    return " ".join(filter(None, (text_of(first), text_of(last)))) or None
