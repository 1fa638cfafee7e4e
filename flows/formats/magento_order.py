"""A Magento order of either version as an `Order`.

Magento publishes every price before tax (`row_total`) and after it (`row_total_incl_tax`), whatever the shop's prices
contain, and no flag that tells which of them the customer saw. The figures before tax are the ones that add up in every
configuration, so the order is read as one whose prices exclude tax:

    grand_total = subtotal + shipping_amount + tax_amount + discount_tax_compensation_amount (of items and of shipping)
                  - discount_amount + fixed product taxes + gift wrapping - gift cards - store credit - reward points

`discount_tax_compensation_amount` (version 1: `hidden_tax_amount`) is the tax inside a discount that was computed on
prices with tax; a line's discount here is its `discount_amount` less that. Fixed product taxes (`weee`) and gift
wrapping are fees of the order, with taxes of their own: Magento counts them in neither lines nor shipping.
Times are UTC without a zone: Magento stores and publishes UTC, whatever the store's time zone (Adobe Commerce developer
documentation; the same in version 1).
"""

from __future__ import annotations

from datetime import datetime

from flows.formats.magento_amounts import Amounts, first, flag, minus, plus, positive
from flows.formats.magento_items import fulfilment_of, sold
from flows.formats.magento_lines import Lines, compensation_of
from flows.formats.magento_payments import Tenders
from flows.formats.magento_regions import subdivision_code
from flows.formats.magento_taxes import Taxes
from flows.formats.magento_wire import AddressIn, ExtensionIn, Extras, OrderIn, ShippingIn
from flows.formats.parts import Json, Misread, id_text, instant_of, text_of, texts_in, version_of
from flows.model.order import Address, Amount, Customer, Discount, Order, Risk, ShippingLine, Totals

REWARD_POINTS = "reward points"
"""The name of the discount that reward points are."""


def utc(value: Json) -> Json:
    """A time as Magento writes it, with the zone that it means; anything else as it is."""
    if type(value) is not str:
        return value
    try:
        return value if datetime.fromisoformat(value).tzinfo is not None else f"{value}+00:00"
    except ValueError:
        return value


class Reading:
    """One payload while it is read. Raises ValueError (Misread, InvalidAmount) for what cannot be read."""

    def __init__(self, source: OrderIn) -> None:
        self.source = source
        extension = source.extension_attributes
        self.extension = extension if isinstance(extension, ExtensionIn) else ExtensionIn()
        self.extras = _extras(source, self.extension)
        self.state = text_of(source.state) or text_of(source.status) or ""
        self.amounts = Amounts(source.base_currency_code, source.order_currency_code)
        self.taxes = Taxes(self.amounts, self.extension)
        self.tenders = Tenders(source, self.extras, self.amounts, self.state)
        self.reward = self.amounts.sure(self.extras, "reward_currency_amount")

    def order(self, sales_channel: str, order_id: str) -> Order:
        """The order, with the conflicts that were met."""
        source, tenders = self.source, self.tenders
        placed_at = instant_of(utc(source.created_at), "created_at")
        if placed_at is None:
            raise Misread("it has no created_at")
        if source.items is None:
            raise Misread("it has no items")
        entries = sold(source.items)
        reading = Lines(entries, self.amounts, self.taxes)
        lines, places = reading.lines(), self.places()
        return Order(
            sales_channel=sales_channel,
            order_id=order_id,
            reference=text_of(source.increment_id) or order_id,
            version=version_of(utc(source.updated_at)),
            placed_at=placed_at,
            currency=self.amounts.currency,
            presentment_currency=self.amounts.presentment,
            taxes_included=False,
            lines=lines,
            totals=self.totals(reading.goods(self.amounts.read(source, "subtotal"), lines)),
            shipping_lines=self.shipping_lines(),
            unallocated_taxes=self.taxes.unallocated(),
            unallocated_discount=self.reward if self.reward.shop else None,
            discounts=self.discounts(),
            payments=tenders.payments(),
            payment_methods=texts_in(tenders.payment.method),
            fees=reading.fees(self.extras),
            fee_taxes=self.taxes.of_fees(self.extras),
            financial_status=tenders.status(),
            fulfilment_status=fulfilment_of(entries, self.state),
            cancelled_at=self.cancelled_at(placed_at),
            refunds=tenders.refunds(order_id, entries),
            customer=self.customer(),
            billing_address=_address(source.billing_address),
            shipping_address=places[0] if len(places) == 1 else None,
            several_addresses=len(places) > 1,
            risk=Risk.HIGH if text_of(source.status) == "fraud" else None,
            tags=tuple(dict.fromkeys(filter(None, (self.state, text_of(source.status))))),
            conflicts=tuple(dict.fromkeys(self.amounts.conflicts)),
        )

    def totals(self, goods: Amount | None) -> Totals:
        """The totals as published; the discounts without the tax in them, as those of the lines."""
        source, amounts = self.source, self.amounts
        total = self.tenders.total()
        if total is None:
            raise Misread("it has no grand_total")
        discounts = amounts.read(source, "discount_amount")
        if discounts is not None:
            in_items = compensation_of(amounts, source) or amounts.zero
            discounts = minus(positive(discounts), plus(in_items, self.shipping_compensation()))
            discounts = plus(discounts, self.reward)
        return Totals(
            total=total,
            goods=goods,
            discounts=discounts,
            tax=amounts.read(source, "tax_amount"),
            left=self.tenders.left(total),
            outstanding=amounts.read(source, "total_due"),
        )

    def discounts(self) -> tuple[Discount, ...]:
        """The coupon or the rules of the order under one name, and reward points."""
        source = self.source
        name = text_of(source.coupon_code) or text_of(source.discount_description) or ""
        found = [
            Discount(name, positive(self.amounts.sure(source, "discount_amount"))),
            Discount(REWARD_POINTS, self.reward),
        ]
        return tuple(each for each in found if each.amount.shop)

    # -- shipping ------------------------------------------------------------------------------------------------------

    def shipping(self) -> ShippingIn:
        """The one shipping of an order; version 1 has its parts on the order itself."""
        for assignment in self.extension.shipping_assignments or ():
            if isinstance(assignment.shipping, ShippingIn):
                return assignment.shipping
        return ShippingIn()

    def places(self) -> list[Address]:
        """Where it goes: one address, unless a module assigns several; Magento's checkout makes an order for each."""
        assigned = [each.shipping for each in self.extension.shipping_assignments or ()]
        found = [_address(each.address) for each in assigned if isinstance(each, ShippingIn)]
        places = list(dict.fromkeys(filter(None, found)))
        alone = None if places else _address(self.source.shipping_address)
        return places if alone is None else [alone]

    def shipping_compensation(self) -> Amount:
        """The tax inside shipping's discount; its columns have a name in each version, one of them cut short."""
        source = self.source
        base = first(
            source.base_shipping_discount_tax_compensation_amnt,
            source.base_shipping_hidden_tax_amnt,
            source.base_shipping_hidden_tax_amount,
        )
        plain = first(source.shipping_discount_tax_compensation_amount, source.shipping_hidden_tax_amount)
        field = "shipping_discount_tax_compensation_amount"
        return self.amounts.amount(base, plain, field) or self.amounts.zero

    def shipping_lines(self) -> tuple[ShippingLine, ...]:
        """What shipping costs; none for an order that names no method and charges nothing."""
        source, amounts = self.source, self.amounts
        gross, tax = amounts.sure(source, "shipping_amount"), amounts.read(source, "shipping_tax_amount")
        discount = minus(amounts.sure(source, "shipping_discount_amount"), self.shipping_compensation())
        title = text_of(source.shipping_description) or ""
        method = text_of(self.shipping().method) or text_of(source.shipping_method)
        if not (method or gross.shop or discount.shop or (tax is not None and tax.shop)):
            return ()
        service = method or title
        return (ShippingLine("shipping", title, service, gross, discount, self.taxes.shipping(tax)),)

    # -- the rest of the order -----------------------------------------------------------------------------------------

    def cancelled_at(self, placed_at: datetime) -> datetime | None:
        """When it was cancelled: by its history, or its last change, for Magento keeps no time of its own for it."""
        if not self.tenders.cancelled:
            return None
        history = (*(self.source.status_histories or ()), *(self.source.status_history or ()))
        times = [instant_of(utc(each.created_at), "created_at") for each in history if each.status == "canceled"]
        known = [each for each in times if each is not None]
        return max(known) if known else instant_of(utc(self.source.updated_at), "updated_at") or placed_at

    def customer(self) -> Customer | None:
        """Who ordered; a guest has no id."""
        source = self.source
        guest = flag(source.customer_is_guest)
        customer_id, email = id_text(source.customer_id), text_of(source.customer_email)
        customer_id = None if guest or customer_id == "0" else customer_id
        name = _joined(source.customer_firstname, source.customer_middlename, source.customer_lastname)
        of = self.extension.company_order_attributes
        company_id = id_text(of.get("company_id")) if isinstance(of, dict) else None
        company_id = None if company_id == "0" else company_id
        known = customer_id or company_id or name or email
        return Customer(id=customer_id, company_id=company_id, name=name, email=email) if known else None


def _extras(source: OrderIn, extension: ExtensionIn) -> Extras:
    """What Adobe Commerce adds, from wherever it is published."""
    return Extras(
        *[
            getattr(source, name) if getattr(extension, name) is None else getattr(extension, name)
            for name in Extras.__struct_fields__
        ]
    )


def _address(address: object) -> Address | None:
    if not isinstance(address, AddressIn):
        return None
    street = address.street.splitlines() if isinstance(address.street, str) else address.street
    lines = list(filter(None, map(text_of, street if isinstance(street, list) else ())))
    country = text_of(address.country_id)
    return Address(
        name=_joined(address.firstname, address.middlename, address.lastname),
        company=text_of(address.company),
        address1=lines[0] if lines else None,
        address2=", ".join(lines[1:]) or None,
        city=text_of(address.city),
        zip=text_of(address.postcode),
        subdivision_code=text_of(address.region_code) or subdivision_code(country, text_of(address.region)),
        country_code=country,
        phone=text_of(address.telephone),
        email=text_of(address.email),
    )


def _joined(*names: Json) -> str | None:
    return " ".join(filter(None, map(text_of, names))) or None


def read_order(source: OrderIn, sales_channel: str, value: Json) -> Order:
    """The order under the id that its version calls it by. Raises ValueError with a reason that quotes nothing."""
    order_id = id_text(value)
    if order_id is None:
        raise Misread("it has no id")
    return Reading(source).order(sales_channel, order_id)
