"""The order as Seamline knows it, whatever format it came in: facts as published, nothing corrected.

Every amount carries its currency, and both sides where the source publishes both: the shop's own currency, in which
the brand books, and the presentment currency, in which the customer paid. Personal data is marked `Personal` and never
shows in a `repr`.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from flows.model.money import MixedCurrencies, Money

Personal = Annotated[str, msgspec.Meta(extra={"personal": True})]
"""Text about a person: never in a log, metric, span, message or fact."""


BY_CHANNEL = "fulfilled-by-channel"
"""The tag of an order that its sales channel ships itself."""


class Side(enum.StrEnum):
    """Which of an order's two currencies is meant."""

    SHOP = "shop"
    PRESENTMENT = "presentment"


_SHOP = Side.SHOP  # bound once, here and elsewhere: in Python 3.11 a member takes longer to look up than a sum to make


class Tender(enum.StrEnum):
    """What kind of value a payment moves."""

    MONEY = "money"
    GIFT_CARD = "gift_card"
    STORE_CREDIT = "store_credit"


class PaymentKind(enum.StrEnum):
    """What a payment does. `SALE` takes money at once; `CAPTURE` takes what an `AUTHORISATION` reserved."""

    SALE = "sale"
    CAPTURE = "capture"
    AUTHORISATION = "authorisation"
    VOID = "void"
    REFUND = "refund"
    CHARGEBACK = "chargeback"
    """The customer's bank takes it back, and nobody has decided yet (rule 21): no refund."""
    OTHER = "other"


TAKES = (PaymentKind.SALE, PaymentKind.CAPTURE)
"""What takes money."""


class PaymentStatus(enum.StrEnum):
    """How the payment went, as far as the source knows."""

    SUCCESS = "success"
    PENDING = "pending"
    FAILED = "failed"


class FinancialStatus(enum.StrEnum):
    """The source's own word for what was paid."""

    PENDING = "pending"
    AUTHORISED = "authorised"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    VOIDED = "voided"
    UNKNOWN = "unknown"


class FulfilmentStatus(enum.StrEnum):
    """The source's own word for what was shipped."""

    UNSHIPPED = "unshipped"
    PARTIAL = "partial"
    SHIPPED = "shipped"


class RefundKind(enum.StrEnum):
    """What a part of a refund is for."""

    LINE = "line"
    SHIPPING = "shipping"
    AMOUNT = "amount"
    """Money for nothing that was sold: goodwill, a difference, a fee that is given back or (negative) kept."""
    EXCHANGE = "exchange"
    """Units that come back for another thing; without units (negative) what that thing costs."""


class RefundStatus(enum.StrEnum):
    """How the money of a refund went, as far as the source knows."""

    SUCCESS = "success"
    PENDING = "pending"
    FAILED = "failed"
    NO_MONEY = "no_money"
    """None moves: it was never taken (void), or the units were paid with nothing."""


class Restock(enum.StrEnum):
    """What the source says becomes of refunded units."""

    RETURN = "return"
    """They were shipped, and come back."""
    CANCEL = "cancel"
    """They were not shipped, and are not to be."""
    NONE = "none"
    """They do not come back; or, unshipped, they are not to be sold again."""
    UNKNOWN = "unknown"


class Risk(enum.StrEnum):
    """How the sales channel judges the risk that an order is fraud."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Amount(msgspec.Struct, frozen=True, gc=False):
    """One published amount, on both sides where both are published. `presentment` None: the same, or not published."""

    shop: Money
    presentment: Money | None = None

    def figure(self, currency: str) -> Decimal:
        """The side in this currency, as a bare figure. Raises MixedCurrencies when neither side is."""
        shop = self.shop
        return shop.amount if shop.currency == currency else self.on(currency).amount

    def on(self, currency: str) -> Money:
        """The side in this currency. Raises MixedCurrencies when neither side is."""
        if self.shop.currency == currency:
            return self.shop
        if self.presentment is not None and self.presentment.currency == currency:
            return self.presentment
        raise MixedCurrencies(f"{self.shop} has no figure in {currency}")


class TaxLine(msgspec.Struct, frozen=True, gc=False):
    """A tax as published. `rate` 0.2 is 20 %. `withheld`: a marketplace collects and remits it, the brand does not."""

    name: str
    rate: Decimal | None
    amount: Amount
    withheld: bool = False


class Line(msgspec.Struct, frozen=True, gc=False):
    """Goods, or anything else that was sold. `gross` is before discounts, and contains the taxes of an inclusive order.

    `quantity_left` is what edits and refunds left of `quantity`; None when the source does not say.
    """

    id: str
    sku: str | None
    title: str
    quantity: Decimal
    unit_price: Amount
    gross: Amount
    discount: Amount
    taxes: tuple[TaxLine, ...] = ()
    quantity_left: Decimal | None = None
    requires_shipping: bool = True
    gift_card: bool = False


class ShippingLine(msgspec.Struct, frozen=True, gc=False):
    """What shipping costs; `gross` before its discount. `service` is the source's code, or its title without one."""

    id: str
    title: str
    service: str
    gross: Amount
    discount: Amount
    taxes: tuple[TaxLine, ...] = ()


# Loops and not `any`: mostly the first line answers, and a generator takes longer to make than to ask.


def are_taxed(lines: Sequence[Line | ShippingLine]) -> bool:
    """Whether a tax is published for one of these lines."""
    for line in lines:  # noqa: SIM110 - see above
        if line.taxes:
            return True
    return False


def are_reduced(lines: Sequence[Line]) -> bool:
    """Whether edits or refunds took pieces of one of these lines away."""
    for line in lines:  # noqa: SIM110 - see above
        if line.quantity_left is not None and line.quantity_left < line.quantity:
            return True
    return False


class Discount(msgspec.Struct, frozen=True, gc=False):
    """A discount of the order by its code or title, as published."""

    name: str
    amount: Amount


class Payment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One payment in its own currency.

    `gateway` is empty when the source names none, and None when it names several without saying which paid what.
    `derived`: the source published no payments, only a status and what is outstanding.
    """

    id: str
    gateway: str | None
    kind: PaymentKind
    status: PaymentStatus
    amount: Money
    tender: Tender = Tender.MONEY
    parent_id: str | None = None
    expires_at: datetime | None = None
    """When an authorisation ends by itself; None where the source does not say."""
    derived: bool = False
    at: datetime | None = None
    """When it happened; None where the source does not say."""
    fee: Money | None = None
    """What the gateway kept of it; None where the source does not say."""
    aliases: tuple[str, ...] = ()
    """What payment providers call it, where the sales channel has an id of its own for it."""


class Exchange(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is shipped in exchange for units that come back. `unit_price` is before tax; None: not published."""

    sku: str
    quantity: Decimal
    unit_price: Amount | None = None


class Units(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Units of a line that are given back. `reason` is a short code of the source, never what somebody wrote."""

    line: str
    """The line's id."""
    quantity: Decimal
    restock: Restock = Restock.UNKNOWN
    reason: str = ""
    exchange: Exchange | None = None


class RefundPart(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one part of a refund is for, and what it is worth with its taxes, on both sides; negative: kept back.

    `amount` None: not published. `line` names the line of money for a line that gives no units back.
    """

    kind: RefundKind
    amount: Amount | None = None
    units: Units | None = None
    line: str = ""


class Refund(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A refund after the sale. `refunded` is money given back; `worth` what the refunded parts were worth.

    `worth` is None when the refund names no parts, or when no money has moved (units removed before they were paid).
    """

    id: str
    refunded: tuple[Money, ...]
    pending: tuple[Money, ...] = ()
    failed: tuple[Money, ...] = ()
    worth: Money | None = None
    parts: tuple[RefundPart, ...] = ()
    """What it is for; empty: the source does not say."""
    return_id: str | None = None
    """The return that it belongs to, where the source keeps returns."""
    at: datetime | None = None
    summed: bool = False
    """The source publishes only sums: these are all refunds so far."""
    payments: tuple[Payment, ...] = ()
    """The transactions that its money moves by, where the source publishes them; their sums are those above."""

    @property
    def status(self) -> RefundStatus:
        """How its money went. Money that is on its way still decides about a refund in several payments."""
        if self.pending:
            return RefundStatus.PENDING
        if self.refunded:
            return RefundStatus.SUCCESS
        return RefundStatus.FAILED if self.failed else RefundStatus.NO_MONEY


class Return(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Goods that a customer sends back, as sales channels with returns of their own publish it.

    `units` may be refunded later, or in several refunds, which then name the return by its `id`.
    """

    id: str
    units: tuple[Units, ...]
    expected: bool = True
    """Whether the goods are to come back: asked for and not granted yet, declined and cancelled ones are not."""
    exchanges: int = 0
    """Things that are shipped in exchange, which no `Units.exchange` names."""


class Totals(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The totals as published, before refunds, unless `left` or `outstanding`. None: not published."""

    total: Amount
    goods: Amount | None = None
    subtotal: Amount | None = None
    discounts: Amount | None = None
    tax: Amount | None = None
    shipping: Amount | None = None
    left: Amount | None = None
    """What edits and refunds left of the total."""
    outstanding: Amount | None = None
    """What nobody has paid yet; negative when the customer is owed."""


class Conflict(msgspec.Struct, frozen=True, gc=False):
    """Two places of the payload publish the same figure differently."""

    field: str
    one: Money
    other: Money


class Customer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who ordered. `id` is the sales channel's own, None for a guest; `company_id` that of the company they buy for."""

    id: str | None = None
    company_id: str | None = None
    name: Personal | None = None
    email: Personal | None = None
    phone: Personal | None = None

    def __repr__(self) -> str:
        return "Customer(...)"


class Address(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where to bill or to ship. `subdivision_code` is the state or province without the country's prefix."""

    name: Personal | None = None
    company: Personal | None = None
    address1: Personal | None = None
    address2: Personal | None = None
    city: Personal | None = None
    zip: Personal | None = None
    subdivision_code: str | None = None
    country_code: str | None = None
    phone: Personal | None = None
    email: Personal | None = None

    def __repr__(self) -> str:
        return "Address(...)"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One order of one sales channel in one version."""

    sales_channel: str
    order_id: str
    """The sales channel's own id: opaque, never the number that people say."""
    reference: str
    """The number that people say."""
    version: str
    """The source's time of update in UTC, fixed width, so that it sorts as text; empty when it has none."""
    placed_at: datetime
    """Aware, in UTC."""
    currency: str
    """The shop's own, in which the brand books."""
    presentment_currency: str
    """The customer's; the same as `currency` when the shop sells in one."""
    taxes_included: bool
    lines: tuple[Line, ...]
    totals: Totals
    shipping_lines: tuple[ShippingLine, ...] = ()
    unallocated_taxes: tuple[TaxLine, ...] = ()
    """Taxes that the source publishes for the whole order only."""
    unallocated_discount: Amount | None = None
    """A discount that the source has allocated to no line."""
    discounts: tuple[Discount, ...] = ()
    payments: tuple[Payment, ...] = ()
    payment_methods: tuple[str, ...] = ()
    """How the customer chose to pay, by the sales channel's own names of gateways, also while nothing is paid yet."""
    tips: Amount | None = None
    tip_taxes: tuple[TaxLine, ...] = ()
    duties: Amount | None = None
    """Charged on top of prices; None when there are none, or when prices include them."""
    duty_taxes: tuple[TaxLine, ...] = ()
    fees: Amount | None = None
    """All charges that are neither goods nor shipping, as wrapping; with their taxes in an inclusive order, as tips and
    duties are."""
    fee_taxes: tuple[TaxLine, ...] = ()
    cash_rounding: Amount | None = None
    """What rounding to coins added to the payments; negative when it took away."""
    financial_status: FinancialStatus = FinancialStatus.UNKNOWN
    fulfilment_status: FulfilmentStatus = FulfilmentStatus.UNSHIPPED
    cancelled_at: datetime | None = None
    ship_by: datetime | None = None
    """By when the sales channel has promised that it leaves; None: the source does not say."""
    test: bool = False
    risk: Risk | None = None
    """None: the source does not say."""
    refunds: tuple[Refund, ...] | None = None
    """None: the source does not say whether there were any."""
    returns: tuple[Return, ...] = ()
    """Returns that the source keeps apart from refunds."""
    customer: Customer | None = None
    billing_address: Address | None = None
    shipping_address: Address | None = None
    several_addresses: bool = False
    """Whether its goods go to more than one place; then `shipping_address` is none of them."""
    tags: tuple[str, ...] = ()
    conflicts: tuple[Conflict, ...] = ()

    @property
    def total(self) -> Money:
        """The total in the shop's own currency."""
        return self.totals.total.shop

    def currency_on(self, side: Side) -> str:
        """The currency of one side."""
        return self.currency if side is _SHOP else self.presentment_currency


class Unreadable(msgspec.Struct, frozen=True):
    """The payload cannot be read as an order. `reason` is a sentence that names fields and never quotes them.

    `awaits` is for a payload that nothing is wrong with: `later`, the sales channel publishes the rest by itself;
    `fetch`, it names its order only, which has to be fetched.
    """

    reason: str
    awaits: Literal["", "later", "fetch"] = ""
