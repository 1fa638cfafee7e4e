"""From an order to the sale that Fulfil is asked to create: a pure mapping with every figure accounted for (rule 6).

A line's amount is what the customer paid for it, after discounts and before tax, in the smallest units of the currency;
its unit price only illustrates it. What such rounding leaves between the parts and the total goes to one rounding line,
and only as far as roundings can have caused it. Nothing is guessed: what has no mapping is an `Unmapped`, which the
configuration ends; what cannot become a sale as it is published is an `Unmappable`.
Fields of the sale: Fulfil's developer site, orders, `sale.channel/create_order`.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec

from connectors.fulfil import wire
from flows.model.customer import Buyer
from flows.model.left import units_unsaid
from flows.model.money import ONE, ZERO, MixedCurrencies, Money, digits_of, exactly, quotient, rounded
from flows.model.order import (
    BY_CHANNEL,
    TAKES,
    Address,
    Amount,
    FinancialStatus,
    FulfilmentStatus,
    Line,
    Order,
    Payment,
    PaymentStatus,
    ShippingLine,
    Side,
    TaxLine,
    are_reduced,
    are_taxed,
)
from flows.model.proof import returned

_GUEST = "Guest"
UNSHIPPABLE = "order.unshippable"
"""The kind of exception of an order that is sound, and that no single sale can ship."""
_FULFILMENT = {
    FulfilmentStatus.UNSHIPPED: "unshipped",
    FulfilmentStatus.PARTIAL: "partial",
    FulfilmentStatus.SHIPPED: "shipped",
}
_PAID = {FinancialStatus.PAID: "paid", FinancialStatus.PARTIALLY_REFUNDED: "paid", FinancialStatus.REFUNDED: "refunded"}
_SUCCESS, _PARTIAL = PaymentStatus.SUCCESS, FulfilmentStatus.PARTIAL
_WORDS = {
    "tax": "taxes",
    "withheld_tax": "withheld_taxes",
    "gateway": "gateways",
    "carrier_service": "carrier_services",
}


TaxRate = Annotated[Decimal, msgspec.Meta(ge=0, le=1)]


class Suspense(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where taxes and payments go that are not mapped, because finance has approved it: the order is not held, and what
    went there is listed (`seamline payments list --suspense`).
    """

    approved_by: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    """Who in finance has approved it, and when: it is shown with everything that goes there."""
    tax: str | None = None
    """The name of a tax of Fulfil's. Not set: an unmapped tax holds the order."""
    gateway: str | None = None
    """The code of a gateway of Fulfil's. Not set: an unmapped gateway holds the order."""


class SaleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a sales channel's orders become in Fulfil. Mappings are from the sales channel's names to Fulfil's."""

    channel_id: int
    """Fulfil's id of the sales channel."""
    taxes: dict[str, str] = {}
    """To the names of Fulfil's taxes. A tax that is not here holds the order for finance."""
    withheld_taxes: dict[str, str] = {}
    """Taxes that a marketplace collects and remits: to a Fulfil tax that posts to its clearing account."""
    tax_rates: dict[str, TaxRate] = {}
    """The rates ("0.08" is 8 %) of Fulfil's taxes, by its names of them, for taxes of which the sales channel tells
    none, as Amazon: Fulfil knows a tax by its name and its rate. A tax without one holds the order for finance."""
    gateways: dict[str, str] = {}
    """To the codes of Fulfil's payment gateways; the empty name is for orders that name no gateway."""
    suspense: Suspense | None = None
    """Where what is not mapped goes, if finance has approved it. Not set: it holds the order."""
    carrier_services: dict[str, str] | None = None
    """None: the carrier service is not sent, and Fulfil chooses."""
    price_digits: int = 4
    """Digits after the point of Fulfil's unit prices."""
    side: Side = Side.SHOP
    """The side of the order's amounts that the sale is made in."""
    rounding_sku: str | None = None
    """The product in Fulfil that carries what rounding leaves over. Not set: an order that needs it is held."""
    tip_sku: str | None = None
    """The product in Fulfil that carries tips. Not set: an order with a tip is held."""
    duties_sku: str | None = None
    """The product in Fulfil that carries duties. Not set: an order with duties is held."""
    fees_sku: str | None = None
    """The product in Fulfil that carries fees. Not set: an order with a fee is held."""


class Unmapped(msgspec.Struct, frozen=True):
    """Something in the order has no place in Fulfil yet; the configuration can give it one.

    `kind` is tax, withheld_tax, tax_rate, gateway, carrier_service, or the line that has no SKU: rounding, tip, duties,
    fees.
    """

    kind: str
    name: str

    @property
    def sentence(self) -> str:
        """What is missing, and where to add it."""
        if self.kind == "tax_rate":
            where = "add it under tax_rates of the sales channel"
            return f"The sales channel tells no rate for Fulfil's tax {self.name!r}: {where}."
        if self.kind in _WORDS:
            thing = self.kind.replace("_", " ")
            named = f"The {thing} {self.name!r}" if self.name else f"An order that names no {thing}"
            return f"{named} is not mapped: add it under {_WORDS[self.kind]} of the sales channel."
        return f"The order needs a line for {self.kind}: configure {self.kind}_sku of the sales channel."


class Unmappable(msgspec.Struct, frozen=True):
    """The order cannot become a sale as it is published. `reason` is a sentence about it; `kind` that of its case."""

    reason: str
    kind: str = "order.contradiction"


class _Stop(Exception):
    """The mapping ends here with this answer, however deep it is; no error, and never seen outside."""

    def __init__(self, answer: Unmapped | Unmappable) -> None:
        super().__init__(answer)
        self.answer = answer


@exactly
def sale_for(
    order: Order, settings: SaleSettings, buyer: Buyer | None = None
) -> wire.CreateOrder | Unmapped | Unmappable:
    """The sale of this order, exactly; or the first thing that stands against it. Never raises.

    `buyer` is how Fulfil is to know the customer; None: by the address that stands on the order.
    """
    try:
        return _Mapping(order, settings, buyer).sale()
    except _Stop as stop:
        return stop.answer
    except MixedCurrencies as error:
        return Unmappable(f"The order has no figures in the currency of its sale: {error}.")


class _Mapping:
    """One order on its way: the currency of the sale, and the sum of all parts so far."""

    def __init__(self, order: Order, settings: SaleSettings, buyer: Buyer | None) -> None:
        self.order, self.settings, self.buyer = order, settings, buyer
        self.currency = order.currency_on(settings.side)
        self.digits = digits_of(self.currency)
        self.included = order.taxes_included
        self.sum = ZERO
        self.ids: set[str] = set()

    def sale(self) -> wire.CreateOrder:
        order = self.order
        _whole(order)
        total = order.totals.total.figure(self.currency)
        if rounded(total, self.digits) != total:
            raise _Stop(Unmappable(f"The total of the order is finer than the smallest unit of {self.currency}."))
        lines = [self.line(line) for line in order.lines if line.quantity or line.gross.shop.amount]
        if not lines:
            raise _Stop(Unmappable("The order has no lines."))
        shipping = tuple([self.shipping_line(line) for line in order.shipping_lines])
        lines += self.charges()
        residue = total - self.sum
        if residue:
            lines.append(self.rounding_line(residue, len(lines)))
        billing, shipped = self.addresses()
        return wire.CreateOrder(
            channel_identifier=order.order_id,
            reference=order.reference,
            confirmed_at=_iso(order.placed_at),
            customer=self.customer(),
            billing_address=billing,
            shipping_address=shipped,
            sale_lines=tuple(lines),
            shipping_lines=shipping,
            payments=tuple(self.payments()),
            amount=total,
            currency_code=self.currency,
            status="pending",
            financial_status=_PAID.get(order.financial_status, "unpaid"),
            fulfillment_status=_FULFILMENT[order.fulfilment_status],
        )

    # -- lines ---------------------------------------------------------------------------------------------------------

    def line(self, line: Line) -> wire.SaleLine:
        if line.sku is None:
            raise _Stop(Unmappable("A line of the order has no SKU."))
        if line.quantity <= ZERO:
            raise _Stop(Unmappable(f"The line of {line.sku} has a quantity of {line.quantity:f}."))
        taxes, amount = self.net(line.gross, line.discount, line.taxes)
        return wire.SaleLine(
            channel_identifier=self.identifier(line.id, "line"),
            sku=line.sku,
            quantity=line.quantity,
            unit_price=quotient(amount, line.quantity, self.settings.price_digits),
            amount=amount,
            description=line.title or None,
            tax_lines=taxes,
        )

    def shipping_line(self, line: ShippingLine) -> wire.ShippingLine:
        taxes, amount = self.net(line.gross, line.discount, line.taxes)
        services = self.settings.carrier_services
        if services is not None and line.service not in services:
            raise _Stop(Unmapped("carrier_service", line.service))
        return wire.ShippingLine(
            channel_identifier=self.identifier(line.id, "shipping"),
            carrier_service_code=None if services is None else services[line.service],
            description=line.title or line.service or None,
            amount=amount,
            tax_lines=taxes,
        )

    def net(
        self, gross: Amount, discount: Amount | None, taxes: tuple[TaxLine, ...]
    ) -> tuple[tuple[wire.TaxLine, ...], Decimal]:
        """The taxes, and the amount before them, both in smallest units; they count towards the sum.

        An inclusive order's prices contain the published taxes; where none are published (export) they contain none.
        """
        currency, digits, settings = self.currency, self.digits, self.settings
        amount = gross.figure(currency)
        if discount is not None:
            amount -= discount.figure(currency)
        sent, total = [], ZERO
        for tax in taxes:
            published = tax.amount.figure(currency)
            if self.included:
                amount -= published
            if published:
                name = (settings.withheld_taxes if tax.withheld else settings.taxes).get(tax.name)
                if name is None:
                    name = self.unmapped(tax)
                published = rounded(published, digits)
                total += published
                rate = self.rate_of(name) if tax.rate is None else tax.rate
                sent.append(wire.TaxLine(name=name, rate=rate, amount=published))
        amount = rounded(amount, digits)
        self.sum += total + amount
        return tuple(sent), amount

    def unmapped(self, tax: TaxLine) -> str:
        """Where a tax goes that has no mapping: to suspense, if finance has approved that."""
        suspense = self.settings.suspense
        if tax.withheld or suspense is None or suspense.tax is None:
            raise _Stop(Unmapped("withheld_tax" if tax.withheld else "tax", tax.name))
        return suspense.tax

    def rate_of(self, name: str) -> Decimal:
        """The rate of a tax of Fulfil's, of which the order tells none."""
        rate = self.settings.tax_rates.get(name)
        if rate is None:
            raise _Stop(Unmapped("tax_rate", name))
        return rate

    def charges(self) -> list[wire.SaleLine]:
        """Tips, duties and fees, each as a line of its own."""
        order, settings = self.order, self.settings
        charged = (
            ("tip", order.tips, order.tip_taxes, settings.tip_sku),
            ("duties", order.duties, order.duty_taxes, settings.duties_sku),
            ("fees", order.fees, order.fee_taxes, settings.fees_sku),
        )
        found: list[wire.SaleLine] = []
        if order.tips is None and order.duties is None and order.fees is None:
            return found
        for kind, amount, published, sku in charged:
            if amount is not None:
                taxes, net = self.net(amount, None, self.merged(published))
                found.append(self.extra_line(kind, sku, net, taxes))
        return found

    def merged(self, taxes: tuple[TaxLine, ...]) -> tuple[TaxLine, ...]:
        """Each tax once: several charges are one line, and Fulfil takes a tax of one jurisdiction once a line."""
        if len(taxes) <= 1:
            return taxes
        sums: dict[tuple[str, Decimal | None, bool], Decimal] = {}
        for tax in taxes:
            key = (tax.name, tax.rate, tax.withheld)
            sums[key] = sums.get(key, ZERO) + tax.amount.figure(self.currency)
        return tuple(
            TaxLine(name, rate, Amount(Money(amount, self.currency)), withheld)
            for (name, rate, withheld), amount in sums.items()
        )

    def rounding_line(self, residue: Decimal, lines: int) -> wire.SaleLine:
        """What roundings left over: at most one smallest unit per line."""
        bound = Decimal(lines).scaleb(-self.digits)
        if residue.copy_abs() > bound:
            off = Money(residue, self.currency)
            largest = Money(bound, self.currency)
            reason = f"The parts of the sale miss the total of the order by {off}; rounding explains at most {largest}."
            raise _Stop(Unmappable(reason))
        return self.extra_line("rounding", self.settings.rounding_sku, residue)

    def extra_line(
        self, kind: str, sku: str | None, amount: Decimal, taxes: tuple[wire.TaxLine, ...] = ()
    ) -> wire.SaleLine:
        if sku is None:
            raise _Stop(Unmapped(kind, kind))
        return wire.SaleLine(
            channel_identifier=self.identifier(kind, kind),
            sku=sku,
            quantity=ONE,
            unit_price=amount,
            amount=amount,
            description=kind.capitalize(),
            tax_lines=taxes,
        )

    def identifier(self, wanted: str, otherwise: str) -> str:
        """The source's id of a line, made unique where the source repeats it or has none."""
        name, number = wanted or otherwise, 2
        while name in self.ids:
            name, number = f"{wanted or otherwise}-{number}", number + 1
        self.ids.add(name)
        return name

    # -- money and people ----------------------------------------------------------------------------------------------

    def payments(self) -> list[wire.Payment]:
        """Money that was taken, gift cards and store credit; what is only reserved or expected is not sent."""
        taken = [
            each
            for each in self.order.payments
            if each.kind in TAKES and each.status is _SUCCESS and each.amount.amount
        ]
        sent = []
        for payment in taken:
            if payment.gateway is None:
                named = f" ({', '.join(self.order.payment_methods)})" if self.order.payment_methods else ""
                how = f"were paid through several gateways{named}, and no transactions say how much through each"
                reason = f"{payment.amount} {how}."
                raise _Stop(Unmappable(reason))
            sent_as = self.gateway(payment.gateway)
            sent.append(
                wire.Payment(
                    amount=self.taken(payment, alone=len(taken) == 1),
                    method=sent_as,
                    state="success",
                    provider_reference=payment.id or None,
                )
            )
        return sent

    def gateway(self, named: str) -> str:
        """What Fulfil calls it."""
        settings = self.settings
        name = settings.gateways.get(named)
        if name is None and settings.suspense is not None:
            name = settings.suspense.gateway
        if name is None:
            raise _Stop(Unmapped("gateway", named))
        return name

    def taken(self, payment: Payment, *, alone: bool) -> Decimal:
        """The payment in the sale's currency: a whole total on one side is the whole total on the other."""
        if payment.amount.currency == self.currency:
            return payment.amount.amount
        total = self.order.totals.total
        if alone and payment.amount in (total.shop, total.presentment):
            return total.figure(self.currency)
        reason = f"A payment of {payment.amount} is not in {self.currency}, the currency of the sale."
        raise _Stop(Unmappable(reason))

    def customer(self) -> wire.Customer:
        order, who, buyer = self.order, self.order.customer, self.buyer
        emails = buyer.emails if buyer is not None else (who.email,) if who is not None else ()
        contacts = [("email", email) for email in emails if email]
        if who is not None and who.phone:
            contacts.append(("phone", who.phone))
        name = (buyer.company if buyer is not None else None) or (who.name if who is not None else None)
        for address in (order.billing_address, order.shipping_address):
            if not name and address is not None:
                name = address.name or address.company
        return wire.Customer(name=name or _GUEST, contacts=tuple(contacts))

    def addresses(self) -> tuple[wire.Address, wire.Address]:
        order = self.order
        billing = order.billing_address or order.shipping_address
        shipped = order.shipping_address or order.billing_address
        if billing is None or shipped is None:
            raise _Stop(Unmappable("The order has neither a billing nor a shipping address.", UNSHIPPABLE))
        sent = self.address(billing)
        return sent, sent if shipped is billing else self.address(shipped)

    def address(self, address: Address) -> wire.Address:
        country, who = address.country_code, self.order.customer
        if not country:
            raise _Stop(Unmappable("An address of the order has no country code.", UNSHIPPABLE))
        region = address.subdivision_code
        return wire.Address(
            name=", ".join(filter(None, (address.name, address.company))) or (who.name if who else None) or _GUEST,
            address1=address.address1 or "",
            address2=address.address2 or "",
            city=address.city or "",
            zip=address.zip or "",
            subdivision_code=region.upper().removeprefix(f"{country.upper()}-") if region else None,
            country_code=country.upper(),
            email=address.email or (who.email if who else None),
            phone=address.phone or (who.phone if who else None),
        )


def _iso(moment: datetime) -> str:
    """An instant in UTC as ISO 8601 with its offset: as `isoformat`, a tenth of its time."""
    text: str = msgspec.to_builtins(moment)
    return f"{text[:-1]}+00:00"


def _refunded_units_are_known(order: Order) -> None:
    """Stop for an order of which something was refunded while nothing says what is left: all of it would be shipped."""
    gone = units_unsaid(order)
    if gone:
        units = f"Units of the order ({gone:f}{_worth_gone(order)})"
        reason = f"{units} were given back before it was imported, and nothing says what is left."
        raise _Stop(Unmappable(reason))
    if order.totals.left is not None:
        return
    back = [money for refund in order.refunds or () for money in (*refund.refunded, *refund.pending)]
    if back and all(line.quantity_left is None for line in order.lines):
        reason = f"{back[0]} were refunded before the order was imported, and nothing says for which units."
        raise _Stop(Unmappable(reason))


def _worth_gone(order: Order) -> str:
    """How much less the order comes to, as far as its sales channel says."""
    total, left = order.total, order.totals.left
    gone = returned(order, total.currency) if left is None else total.amount - left.figure(total.currency)
    return f", {Money(gone, total.currency)} of {total}" if gone > ZERO else ""


def _taxes_have_a_line(order: Order) -> None:
    """Stop for taxes that belong to no line of the sale: nobody could say what they are on."""
    loose = order.unallocated_taxes
    of_charges = order.tip_taxes + order.duty_taxes + order.fee_taxes
    if of_charges:
        charged = ((order.tips, order.tip_taxes), (order.duties, order.duty_taxes), (order.fees, order.fee_taxes))
        for taxes in (taxes for charge, taxes in charged if charge is None):
            loose += taxes
    if loose and any(tax.amount.shop for tax in loose):
        raise _Stop(Unmappable("Taxes of the order are published for the whole order, not for its lines."))
    if order.totals.tax is None or not order.totals.tax.shop:
        return
    if not (are_taxed(order.lines) or are_taxed(order.shipping_lines) or of_charges):
        raise _Stop(Unmappable(f"The order has taxes of {order.totals.tax.shop}, but names none of them."))


def _whole(order: Order) -> None:
    """Stop for an order of which something is missing, already gone, or known only as a whole."""
    if order.cancelled_at is not None:
        raise _Stop(Unmappable("The sales channel has cancelled the order."))
    if BY_CHANNEL in order.tags:
        raise _Stop(Unmappable("The sales channel ships this order itself, so it is not for Fulfil to ship."))
    if order.fulfilment_status is _PARTIAL:
        reason = "A part of the order was shipped before it was imported, and a sale would ship all of it again."
        raise _Stop(Unmappable(reason, UNSHIPPABLE))
    if order.several_addresses:
        reason = "The goods of the order go to several addresses, and a sale is shipped to one."
        raise _Stop(Unmappable(reason, UNSHIPPABLE))
    if are_reduced(order.lines):
        gone = sum((line.quantity - line.quantity_left for line in order.lines if line.quantity_left is not None), ZERO)
        units = f"Units of the order ({gone:f}{_worth_gone(order)})"
        reason = f"{units} were removed or refunded; what is left of it cannot be told exactly."
        raise _Stop(Unmappable(reason))
    if order.refunds:
        _refunded_units_are_known(order)
    if order.totals.left is not None and order.refunds is not None:
        shop = order.total
        unpaid = shop.amount - order.totals.left.shop.amount - returned(order, shop.currency)
        if unpaid > ZERO:
            money = Money(unpaid, shop.currency)
            reason = f"{money} of the order were removed, and what is left of it cannot be told exactly."
            raise _Stop(Unmappable(reason))
    _taxes_have_a_line(order)
    if order.unallocated_discount is not None:
        money = order.unallocated_discount.shop
        raise _Stop(Unmappable(f"A discount of {money} is published for the whole order, not for its lines."))
