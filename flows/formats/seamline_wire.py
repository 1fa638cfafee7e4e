"""Seamline's own order schema as structs: what its JSON Schema is made from. Amounts are text.

Unknown fields are ignored.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from flows.formats.parts import Json

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
    quantity_left: Annotated[
        _Decimal | None,
        _Meta(description="What edits and refunds left of the quantity; when absent, what the parts of refunds left."),
    ] = None
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
    kind: Annotated[
        Literal["sale", "authorisation", "capture", "void", "chargeback"],
        _Meta(description="Money that goes back is in `refunds`; a `chargeback` is none, and undecided."),
    ] = "sale"
    status: Literal["success", "pending", "failed"] = "success"
    tender: Literal["money", "gift_card", "store_credit"] = "money"
    currency: Annotated[_Currency | None, _Meta(description="The order's currency when absent.")] = None
    parent_id: Annotated[str | None, _Meta(description="The authorisation that a capture or void belongs to.")] = None
    expires_at: Annotated[_When | None, _Meta(description="When an authorisation ends by itself.")] = None
    at: Annotated[_When | None, _Meta(description="When it happened.")] = None
    fee: Annotated[_Decimal | None, _Meta(description="What the gateway kept of it, in the same currency.")] = None


class SeamlineExchange(msgspec.Struct, gc=False):
    """What is shipped instead of units that come back."""

    sku: Annotated[str, _Meta(min_length=1, description="Exactly as in Fulfil.")]
    quantity: _Decimal
    unit_price: Annotated[_Amount | None, _Meta(description="Before tax; Fulfil's own choice when absent.")] = None


_Reason = Annotated[str, _Meta(max_length=60, description="A short code, such as `damaged`; never a customer's words.")]


class SeamlineRefundPart(msgspec.Struct, gc=False):
    """What a part of a refund is for. Units of a line that come back name the line and the quantity."""

    kind: Annotated[
        Literal["line", "shipping", "amount", "exchange"],
        _Meta(
            description="`amount`: for nothing that was sold, as goodwill; negative for a fee that was kept. "
            "`exchange`: units that come back for another thing; negative and without units for what that costs."
        ),
    ]
    amount: Annotated[_Amount | None, _Meta(description="What it was worth, with tax.")] = None
    line_id: _Id | None = None
    quantity: Annotated[_Decimal | None, _Meta(description="0 or absent: money for the line, and no units.")] = None
    restock: Annotated[
        Literal["return", "cancel", "none"] | None,
        _Meta(description="`return`: shipped, and comes back. `cancel`: not shipped. `none`: does not come back."),
    ] = None
    reason: _Reason = ""
    exchange: SeamlineExchange | None = None


class SeamlineRefund(msgspec.Struct, gc=False):
    """Money given back."""

    id: _Id
    amount: _Decimal
    status: Literal["success", "pending", "failed"] = "success"
    worth: Annotated[_Decimal | None, _Meta(description="What the returned parts were worth, with tax.")] = None
    currency: Annotated[_Currency | None, _Meta(description="The order's currency when absent.")] = None
    parts: Annotated[list[SeamlineRefundPart], _Meta(description="What it is for; empty when nobody knows.")] = []
    return_id: Annotated[_Id | None, _Meta(description="The return that it belongs to.")] = None
    refunded_at: _When | None = None


class SeamlineReturnedLine(msgspec.Struct, gc=False):
    """Units of a line that a customer sends back."""

    line_id: _Id
    quantity: _Decimal
    reason: _Reason = ""
    exchange: SeamlineExchange | None = None


class SeamlineReturn(msgspec.Struct, gc=False):
    """Goods that come back, whether their money is given back now, later, or not at all."""

    id: _Id
    lines: list[SeamlineReturnedLine]
    status: Literal["requested", "open", "closed", "declined", "cancelled"] = "open"


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
    returns: list[SeamlineReturn] = []
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
    ship_by: Annotated[_When | None, _Meta(description="By when it was promised that the order leaves.")] = None
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


class Head(msgspec.Struct, gc=False):
    """What names an item."""

    order_id: Json = None
    updated_at: Json = None
    kind: Json = None
    order: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


decode_head = msgspec.json.Decoder(Head).decode
decode_order = msgspec.json.Decoder(SeamlineOrder).decode
