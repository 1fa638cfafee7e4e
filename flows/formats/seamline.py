"""Seamline's own order schema: simple, complete, and published as JSON Schema in `seamline.schema.json`.

For sales channels whose own format Seamline does not read: a Patchworks flow maps the order to this. Amounts are text,
so that no script on the way turns them into binary floats. Unknown fields are ignored.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from connectors.contract import Identification, NotAnOrder, Unidentifiable
from flows.formats.parts import (
    Json,
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
from flows.model.money import ZERO, Money, amount_of_text
from flows.model.order import (
    Address,
    Amount,
    Customer,
    Discount,
    FinancialStatus,
    FulfilmentStatus,
    Line,
    Order,
    Payment,
    PaymentKind,
    PaymentStatus,
    Refund,
    Risk,
    ShippingLine,
    TaxLine,
    Tender,
    Totals,
    Unreadable,
)

_Meta = msgspec.Meta
_Decimal = Annotated[str, _Meta(pattern=r"^-?[0-9]{1,18}(\.[0-9]{1,18})?$", max_length=24)]
_Currency = Annotated[str, _Meta(pattern="^[A-Z]{3}$", description="ISO 4217 code.")]
_Id = Annotated[str, _Meta(min_length=1, max_length=100)]
_When = Annotated[str, _Meta(description="ISO 8601 date and time with an offset, as 2026-11-20T14:03:11+01:00.")]


class SeamlineBoth(msgspec.Struct, gc=False):
    """An amount in the shop's and in the customer's currency."""

    shop: _Decimal
    presentment: _Decimal


_Amount = Annotated[
    _Decimal | SeamlineBoth,
    _Meta(description="Decimal text in the shop's currency, or both sides when the customer paid in another currency."),
]


class SeamlineTax(msgspec.Struct, gc=False):
    """One tax of one jurisdiction."""

    name: Annotated[str, _Meta(min_length=1, description="The tax as the sales channel names it.")]
    amount: _Amount
    rate: Annotated[_Decimal | None, _Meta(description="0.20 is 20 %.")] = None
    withheld: Annotated[bool, _Meta(description="A marketplace collects and remits it.")] = False


class SeamlineLine(msgspec.Struct, gc=False):
    """Goods or anything else that was sold."""

    id: Annotated[_Id, _Meta(description="Unique in the order, and stable over its versions.")]
    sku: Annotated[str | None, _Meta(description="Exactly as in Fulfil.")]
    quantity: _Decimal
    unit_price: Annotated[_Amount, _Meta(description="Before discounts; with tax when `taxes_included`.")]
    title: str = ""
    gross: Annotated[_Amount | None, _Meta(description="Unit price times quantity when absent.")] = None
    discount: Annotated[_Amount, _Meta(description="All discounts on this line, positive.")] = "0"
    taxes: list[SeamlineTax] = []
    quantity_left: Annotated[_Decimal | None, _Meta(description="What edits and refunds left of the quantity.")] = None
    requires_shipping: bool = True
    gift_card: Annotated[bool, _Meta(description="The line sells a gift card.")] = False


class SeamlineShipping(msgspec.Struct, gc=False):
    """A shipping cost."""

    service: Annotated[str, _Meta(description="The sales channel's code of the carrier service.")]
    amount: Annotated[_Amount, _Meta(description="Before its discount; with tax when `taxes_included`.")]
    id: str = ""
    title: str = ""
    discount: _Amount = "0"
    taxes: list[SeamlineTax] = []


class SeamlineDiscount(msgspec.Struct, gc=False):
    """A discount code or campaign; its amount must also be on the lines that it lowers."""

    name: str
    amount: _Amount


class SeamlinePayment(msgspec.Struct, gc=False):
    """One payment."""

    id: Annotated[_Id, _Meta(description="The gateway's or the sales channel's own id of the transaction.")]
    gateway: str
    amount: _Decimal
    kind: Literal["sale", "authorisation", "capture", "void"] = "sale"
    status: Literal["success", "pending", "failed"] = "success"
    tender: Literal["money", "gift_card", "store_credit"] = "money"
    currency: Annotated[_Currency | None, _Meta(description="The order's currency when absent.")] = None
    parent_id: Annotated[str | None, _Meta(description="The authorisation that a capture or void belongs to.")] = None
    expires_at: Annotated[_When | None, _Meta(description="When an authorisation ends by itself.")] = None


class SeamlineRefund(msgspec.Struct, gc=False):
    """Money given back."""

    id: _Id
    amount: _Decimal
    status: Literal["success", "pending", "failed"] = "success"
    worth: Annotated[_Decimal | None, _Meta(description="What the returned parts were worth, with tax.")] = None


class SeamlineCustomer(msgspec.Struct, gc=False):
    """Who ordered."""

    id: Annotated[str | None, _Meta(description="The sales channel's own; absent for a guest.")] = None
    company_id: Annotated[
        str | None, _Meta(description="Of the company that they buy for (B2B): it is the customer then.")
    ] = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None


class SeamlineAddress(msgspec.Struct, gc=False):
    """A postal address."""

    country_code: Annotated[str, _Meta(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2.")]
    name: str | None = None
    company: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    zip: str | None = None
    subdivision_code: Annotated[str | None, _Meta(description="State or province, as CA or US-CA.")] = None
    phone: str | None = None
    email: str | None = None


class SeamlineOrder(msgspec.Struct, gc=False):
    """An order. Totals are before refunds; every total that is given is checked against the parts."""

    order_id: Annotated[_Id, _Meta(description="The sales channel's own id; one order has one id for ever.")]
    placed_at: _When
    currency: Annotated[_Currency, _Meta(description="ISO 4217; the shop's own currency.")]
    taxes_included: Annotated[bool, _Meta(description="Whether prices contain their taxes.")]
    lines: list[SeamlineLine]
    total: Annotated[_Amount, _Meta(description="What the customer owes in all, with tax and shipping.")]
    kind: Annotated[Literal["order", "draft"], _Meta(description="Drafts are refused.")] = "order"
    reference: Annotated[str | None, _Meta(description="The number that people say.")] = None
    updated_at: Annotated[
        str | None, _Meta(description="Time of this version, ISO 8601 with an offset; later versions win.")
    ] = None
    presentment_currency: Annotated[_Currency | None, _Meta(description="The customer's, when it is another.")] = None
    shipping: list[SeamlineShipping] = []
    discounts: list[SeamlineDiscount] = []
    payments: list[SeamlinePayment] = []
    refunds: list[SeamlineRefund] = []
    subtotal: Annotated[_Amount | None, _Meta(description="Lines less their discounts.")] = None
    total_discounts: _Amount | None = None
    total_tax: _Amount | None = None
    tips: Annotated[_Amount, _Meta(description="With tax when `taxes_included`.")] = "0"
    tip_taxes: Annotated[list[SeamlineTax], _Meta(description="The taxes on tips, also when tips contain them.")] = []
    duties: Annotated[_Amount, _Meta(description="With tax when `taxes_included`.")] = "0"
    duty_taxes: Annotated[
        list[SeamlineTax], _Meta(description="The taxes on duties, also when duties contain them.")
    ] = []
    fees: Annotated[
        _Amount,
        _Meta(description="Charges that are neither goods nor shipping, all together; with tax when `taxes_included`."),
    ] = "0"
    fee_taxes: Annotated[list[SeamlineTax], _Meta(description="The taxes on fees, also when fees contain them.")] = []
    outstanding: Annotated[_Amount | None, _Meta(description="What nobody has paid yet.")] = None
    total_left: Annotated[_Amount | None, _Meta(description="What edits and refunds left of the total.")] = None
    financial_status: Literal[
        "pending", "authorised", "partially_paid", "paid", "partially_refunded", "refunded", "voided"
    ] = "pending"
    fulfilment_status: Literal["unshipped", "partial", "shipped"] = "unshipped"
    cancelled_at: _When | None = None
    test: bool = False
    risk: Annotated[
        Literal["low", "medium", "high"] | None, _Meta(description="How the sales channel judges the risk of fraud.")
    ] = None
    payment_methods: Annotated[
        list[str], _Meta(description="How the customer chose to pay, also while nothing is paid: names of gateways.")
    ] = []
    customer: SeamlineCustomer | None = None
    billing_address: SeamlineAddress | None = None
    shipping_address: SeamlineAddress | None = None
    tags: list[str] = []


class _Head(msgspec.Struct, gc=False):
    order_id: Json = None
    updated_at: Json = None
    kind: Json = None
    order: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decode_head = msgspec.json.Decoder(_Head).decode
_decode_order = msgspec.json.Decoder(SeamlineOrder).decode


def order_json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of one order; `seamline.schema.json` is exactly this, indented."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Seamline order"}
    return head | msgspec.json.schema(SeamlineOrder)


def identify(raw: bytes) -> Identification:
    """Name one item by `order_id` and `updated_at`. Never raises."""
    try:
        head = _decode_head(_opened(raw))
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return Unidentifiable(misread(error))
    if head.kind == "draft":
        return NotAnOrder("A draft is not an order yet; send it when it is one.")
    return identified(head.order_id, head.updated_at)


def _opened(raw: bytes) -> bytes:
    """The order itself, out of `{order: {...}}` if need be."""
    return object_in(_decode_head(raw).order) or raw


def read(sales_channel: str, raw: bytes) -> Order | Unreadable:
    """Read one order; whatever is wrong with the payload is the reason of an `Unreadable`. Never raises."""
    try:
        return _Reading(_decode_order(_opened(raw))).order(sales_channel)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return unreadable(error)


class _Reading:
    """One payload while it is read: its two currencies."""

    def __init__(self, source: SeamlineOrder) -> None:
        self.source = source
        self.currency = source.currency
        self.presentment = source.presentment_currency or source.currency
        self.single = self.presentment == self.currency

    def order(self, sales_channel: str) -> Order:
        source = self.source
        order_id = id_text(source.order_id)
        placed_at = instant_of(source.placed_at, "placed_at")
        if order_id is None or placed_at is None:
            raise Misread("order_id and placed_at must not be empty")
        return Order(
            sales_channel=sales_channel,
            order_id=order_id,
            reference=text_of(source.reference) or order_id,
            version=version_of(source.updated_at),
            placed_at=placed_at,
            currency=self.currency,
            presentment_currency=self.presentment,
            taxes_included=source.taxes_included,
            lines=tuple(map(self.line, source.lines)),
            totals=self.totals(),
            shipping_lines=tuple(map(self.shipping_line, source.shipping)),
            discounts=tuple(Discount(each.name, self.amount(each.amount)) for each in source.discounts),
            payments=tuple(map(self.payment, source.payments)),
            tips=self.charge(source.tips, source.tip_taxes),
            tip_taxes=self.taxes(source.tip_taxes),
            duties=self.charge(source.duties, source.duty_taxes),
            duty_taxes=self.taxes(source.duty_taxes),
            fees=self.charge(source.fees, source.fee_taxes),
            fee_taxes=self.taxes(source.fee_taxes),
            financial_status=FinancialStatus(source.financial_status),
            fulfilment_status=FulfilmentStatus(source.fulfilment_status),
            cancelled_at=instant_of(source.cancelled_at, "cancelled_at"),
            test=source.test,
            risk=None if source.risk is None else Risk(source.risk),
            payment_methods=tuple(source.payment_methods),
            refunds=tuple(map(self.refund, source.refunds)),
            customer=_customer(source.customer),
            billing_address=_address(source.billing_address),
            shipping_address=_address(source.shipping_address),
            tags=tuple(source.tags),
        )

    def totals(self) -> Totals:
        source = self.source
        return Totals(
            total=self.amount(source.total),
            subtotal=self.maybe(source.subtotal),
            discounts=self.maybe(source.total_discounts),
            tax=self.maybe(source.total_tax),
            left=self.maybe(source.total_left),
            outstanding=self.maybe(source.outstanding),
        )

    def amount(self, value: str | SeamlineBoth) -> Amount:
        if isinstance(value, str):
            exact = amount_of_text(value)
            zero = None if self.single or exact else Money(ZERO, self.presentment)
            return Amount(Money(exact, self.currency), zero)
        other = None if self.single else Money(amount_of_text(value.presentment), self.presentment)
        return Amount(Money(amount_of_text(value.shop), self.currency), other)

    def maybe(self, value: str | SeamlineBoth | None) -> Amount | None:
        return None if value is None else self.amount(value)

    def charge(self, value: str | SeamlineBoth, taxes: list[SeamlineTax]) -> Amount | None:
        found = self.amount(value)
        return found if found.shop.amount or taxes else None

    def taxes(self, taxes: list[SeamlineTax]) -> tuple[TaxLine, ...]:
        return tuple(
            TaxLine(
                tax.name, None if tax.rate is None else amount_of_text(tax.rate), self.amount(tax.amount), tax.withheld
            )
            for tax in taxes
        )

    def line(self, line: SeamlineLine) -> Line:
        quantity, price = amount_of_text(line.quantity), self.amount(line.unit_price)
        if line.gross is not None:
            gross = self.amount(line.gross)
        else:
            other = None if price.presentment is None else price.presentment.times(quantity)
            gross = Amount(price.shop.times(quantity), other)
        return Line(
            line.id,
            text_of(line.sku),
            line.title,
            quantity,
            price,
            gross,
            self.amount(line.discount),
            self.taxes(line.taxes),
            None if line.quantity_left is None else amount_of_text(line.quantity_left),
            line.requires_shipping,
            line.gift_card,
        )

    def shipping_line(self, line: SeamlineShipping) -> ShippingLine:
        amount, discount = self.amount(line.amount), self.amount(line.discount)
        return ShippingLine(line.id, line.title, line.service, amount, discount, self.taxes(line.taxes))

    def payment(self, payment: SeamlinePayment) -> Payment:
        return Payment(
            id=payment.id,
            gateway=payment.gateway,
            kind=PaymentKind(payment.kind),
            status=PaymentStatus(payment.status),
            amount=Money(amount_of_text(payment.amount), payment.currency or self.currency),
            tender=Tender(payment.tender),
            parent_id=text_of(payment.parent_id),
            expires_at=instant_of(payment.expires_at, "expires_at"),
        )

    def refund(self, refund: SeamlineRefund) -> Refund:
        money = Money(amount_of_text(refund.amount), self.currency)
        return Refund(
            id=refund.id,
            refunded=(money,) if refund.status == "success" else (),
            pending=(money,) if refund.status == "pending" else (),
            worth=None if refund.worth is None else Money(amount_of_text(refund.worth), self.currency),
        )


def _customer(customer: SeamlineCustomer | None) -> Customer | None:
    if customer is None:
        return None
    return Customer(
        id=text_of(customer.id),
        company_id=text_of(customer.company_id),
        name=text_of(customer.name),
        email=text_of(customer.email),
        phone=text_of(customer.phone),
    )


def _address(address: SeamlineAddress | None) -> Address | None:
    if address is None:
        return None
    return Address(**{name: text_of(value) for name, value in msgspec.structs.asdict(address).items()})
