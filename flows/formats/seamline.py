"""Seamline's own order schema: simple, complete, and published as JSON Schema in `seamline.schema.json`.

For sales channels whose own format Seamline does not read: a Patchworks flow maps the order to this. Amounts are text,
so that no script on the way turns them into binary floats. The schema itself is in `seamline_wire`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from connectors.contract import Identification, NotAnOrder, Unidentifiable
from flows.formats.parts import (
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
from flows.formats.seamline_wire import (
    SeamlineAddress,
    SeamlineBoth,
    SeamlineCustomer,
    SeamlineExchange,
    SeamlineLine,
    SeamlineOrder,
    SeamlinePayment,
    SeamlineRefund,
    SeamlineRefundPart,
    SeamlineReturn,
    SeamlineShipping,
    SeamlineTax,
    decode_head,
    decode_order,
)
from flows.model.money import ZERO, Money, amount_of_text, exactly, total_of
from flows.model.order import (
    Address,
    Amount,
    Customer,
    Discount,
    Exchange,
    FinancialStatus,
    FulfilmentStatus,
    Line,
    Order,
    Payment,
    PaymentKind,
    PaymentStatus,
    Refund,
    RefundKind,
    RefundPart,
    Restock,
    Return,
    Risk,
    ShippingLine,
    TaxLine,
    Tender,
    Totals,
    Units,
    Unreadable,
)


def order_json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of one order; `seamline.schema.json` is exactly this, indented."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Seamline order"}
    return head | msgspec.json.schema(SeamlineOrder)


def identify(raw: bytes) -> Identification:
    """Name one item by `order_id` and `updated_at`. Never raises."""
    try:
        head = decode_head(_opened(raw))
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return Unidentifiable(misread(error))
    if head.kind == "draft":
        return NotAnOrder("A draft is not an order yet; send it when it is one.")
    return identified(head.order_id, head.updated_at, "order_id")


def _opened(raw: bytes) -> bytes:
    """The order itself, out of `{order: {...}}` if need be."""
    return object_in(decode_head(raw).order) or raw


@exactly
def read(sales_channel: str, raw: bytes) -> Order | Unreadable:
    """Read one order; whatever is wrong with the payload is the reason of an `Unreadable`. Never raises."""
    try:
        return _Reading(decode_order(_opened(raw))).order(sales_channel)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return unreadable(error)


class _Reading:
    """One payload while it is read: its two currencies."""

    def __init__(self, source: SeamlineOrder) -> None:
        self.source = source
        self.currency = source.currency
        self.presentment = source.presentment_currency or source.currency
        self.single = self.presentment == self.currency
        self.given_back = _given_back(source.refunds) if source.refunds else {}

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
            ship_by=instant_of(source.ship_by, "ship_by"),
            test=source.test,
            risk=None if source.risk is None else Risk(source.risk),
            payment_methods=tuple(source.payment_methods),
            refunds=tuple(map(self.refund, source.refunds)),
            returns=tuple(map(self.returned, source.returns)),
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
            self.quantity_left(line, quantity),
            line.requires_shipping,
            line.gift_card,
        )

    def shipping_line(self, line: SeamlineShipping) -> ShippingLine:
        amount, discount = self.amount(line.amount), self.amount(line.discount)
        return ShippingLine(line.id, line.title, line.service, amount, discount, self.taxes(line.taxes))

    def payment(self, payment: SeamlinePayment) -> Payment:
        currency = payment.currency or self.currency
        return Payment(
            id=payment.id,
            gateway=payment.gateway,
            kind=PaymentKind(payment.kind),
            status=PaymentStatus(payment.status),
            amount=Money(amount_of_text(payment.amount), currency),
            tender=Tender(payment.tender),
            parent_id=text_of(payment.parent_id),
            expires_at=instant_of(payment.expires_at, "expires_at"),
            at=instant_of(payment.at, "at"),
            fee=None if payment.fee is None else Money(amount_of_text(payment.fee), currency),
        )

    def quantity_left(self, line: SeamlineLine, quantity: Decimal) -> Decimal | None:
        """As published; else what the refunds that name units of it have left."""
        if line.quantity_left is not None:
            return amount_of_text(line.quantity_left)
        back = self.given_back.get(line.id)
        return None if back is None else quantity - back

    def refund(self, refund: SeamlineRefund) -> Refund:
        money = (Money(amount_of_text(refund.amount), refund.currency or self.currency),)
        parts = tuple(map(self.part, refund.parts))
        return Refund(
            id=refund.id,
            refunded=money if refund.status == "success" else (),
            pending=money if refund.status == "pending" else (),
            failed=money if refund.status == "failed" else (),
            worth=self.worth(refund, parts),
            parts=parts,
            return_id=text_of(refund.return_id),
            at=instant_of(refund.refunded_at, "refunded_at"),
        )

    def worth(self, refund: SeamlineRefund, parts: tuple[RefundPart, ...]) -> Money | None:
        """As published; else what the parts come to, when each of them says."""
        if refund.worth is not None:
            return Money(amount_of_text(refund.worth), self.currency)
        amounts = [part.amount.shop for part in parts if part.amount is not None]
        if not amounts or len(amounts) < len(parts) or refund.status != "success":
            return None
        return total_of(amounts, self.currency)

    def part(self, part: SeamlineRefundPart) -> RefundPart:
        units = None
        if part.line_id is not None and part.quantity is not None and amount_of_text(part.quantity):
            restock = Restock.UNKNOWN if part.restock is None else Restock(part.restock)
            units = self.units(part.line_id, part.quantity, restock, part.reason, part.exchange)
        return RefundPart(
            kind=RefundKind(part.kind), amount=self.maybe(part.amount), units=units, line=text_of(part.line_id) or ""
        )

    def units(
        self, line_id: str, quantity: str, restock: Restock, reason: str, exchange: SeamlineExchange | None
    ) -> Units:
        instead = None
        if exchange is not None:
            price = self.maybe(exchange.unit_price)
            instead = Exchange(sku=exchange.sku, quantity=amount_of_text(exchange.quantity), unit_price=price)
        return Units(
            line=line_id, quantity=amount_of_text(quantity), restock=restock, reason=reason.strip(), exchange=instead
        )

    def returned(self, source: SeamlineReturn) -> Return:
        units = tuple(
            self.units(line.line_id, line.quantity, Restock.RETURN, line.reason, line.exchange) for line in source.lines
        )
        return Return(id=source.id, units=units, expected=source.status in {"open", "closed"})


def _given_back(refunds: list[SeamlineRefund]) -> dict[str, Decimal]:
    """The units that refunds name, by line; what failed has given nothing back."""
    units: dict[str, Decimal] = {}
    for part in (part for refund in refunds if refund.status != "failed" for part in refund.parts):
        if part.line_id is not None and part.quantity is not None:
            units[part.line_id] = units.get(part.line_id, ZERO) + amount_of_text(part.quantity)
    return units


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
