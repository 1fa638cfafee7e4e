"""WooCommerce's order JSON of REST API v3, read as an `Order`; bare, or in Jetpack's envelope `{data: ...}`.

What the fields mean is from WooCommerce's REST API reference (v3, Orders) and its documentation of order statuses.
Amounts of lines, shipping and fees are without tax whatever `prices_include_tax` says: that flag is about how the
shop's prices were entered. Instants are the `_gmt` fields, which carry no zone and are UTC; the fields beside them are
in a local time that the payload does not name. There is no instant of a cancel: an order that is cancelled, or in the
trash, is so since its last change. A coupon's amount is on the lines already; gift cards lowered the `total`, and are
counted back. A plug-in that ships an order to several addresses leaves the order's own one empty, and says so in
`meta_data` (WooCommerce Ship to Multiple Addresses): its goods must not follow the billing address.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from connectors.contract import Identification, NotAnOrder, Unidentifiable
from flows.formats.parts import (
    Json,
    Misread,
    id_text,
    identified,
    instant_of,
    known_instant,
    misread,
    object_in,
    text_of,
    texts_in,
    unreadable,
    version_of,
)
from flows.formats.woocommerce_figures import Cell, charge, nets, scale_of
from flows.formats.woocommerce_figures import total as sum_of
from flows.formats.woocommerce_payments import GONE, gift_cards_paid, standing_of, status_of, units_returned
from flows.formats.woocommerce_people import address_of, customer_of, words
from flows.formats.woocommerce_wire import (
    ChargeIn,
    Head,
    LineIn,
    OrderIn,
    RateIn,
    TaxIn,
    decode_head,
    decode_order,
    gmt,
    meta,
    value_of,
)
from flows.model.money import ONE, ZERO, Money, amount_of, currency_of, digits_of, exactly, quotient
from flows.model.order import (
    Amount,
    Conflict,
    Discount,
    FulfilmentStatus,
    Line,
    Order,
    ShippingLine,
    TaxLine,
    Totals,
    Unreadable,
)

_DRAFTS = frozenset(("auto-draft", "checkout-draft", "draft"))
_DRAFT = NotAnOrder("A draft or an open checkout is not an order yet; send it when its status is that of an order.")
_REFUND = NotAnOrder("A refund is not an order; send the order with its refunds.")
_SUBSCRIPTION = NotAnOrder("A subscription is not an order; send the orders that renew it.")
_SIGNS = ("_stripe_charge_captured", "_intention_status", "_wcpay_mode", "_subscription_renewal", "_multiple_shipping")
_GIFT_CARD = "wc_gc_giftcard"
"""What the `meta_data` keys of a line that sells a gift card begin with (WooCommerce Gift Cards)."""
_UNIT_PRICE_DIGITS = 6
_V3 = "the webhook or the flow must use version 3 of the REST API (wc/v3)"
"""Said of orders whose version of the API does not say when they were placed."""


def identify(raw: bytes) -> Identification:
    """Name one item by its id and time of update. Never raises; looks no deeper than `data`."""
    try:
        head, _ = _opened(raw)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return Unidentifiable(misread(error))
    if head.refunded_by is not msgspec.UNSET or head.refunded_payment is not msgspec.UNSET:
        return _REFUND
    if head.billing_period is not msgspec.UNSET:
        return _SUBSCRIPTION
    if status_of(head.status) in _DRAFTS:
        return _DRAFT
    return identified(head.id, gmt(head.date_modified_gmt))


def _opened(raw: bytes) -> tuple[Head, bytes]:
    """The head of the order and its bytes, out of `{data: ...}` if need be."""
    head = decode_head(raw)
    inner = object_in(head.data) if head.id is None else None
    return (head, raw) if inner is None else (decode_head(inner), inner)


@exactly
def read(sales_channel: str, raw: bytes) -> Order | Unreadable:
    """Read one order; whatever is wrong with the payload is the reason of an `Unreadable`. Never raises."""
    try:
        order = decode_order(raw)
        if order.id is None:
            order = decode_order(_opened(raw)[1])
        return _Reading(order).order(sales_channel)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return unreadable(error)


class _Part:
    """A line, a shipping cost or a fee while it is read: its net total, and its taxes by rate."""

    __slots__ = ("cells", "net")

    def __init__(self, net: Decimal, cells: list[Cell]) -> None:
        self.net = net
        self.cells = cells


class _Reading:
    """One payload while it is read: its currency, its smallest unit, its rates, and the conflicts met so far."""

    def __init__(self, source: OrderIn) -> None:
        self.source = source
        self.conflicts: list[Conflict] = []
        if id_text(source.id) is None:
            raise Misread("it has no id")
        if source.line_items is None:
            raise Misread(_gone_or_incomplete(source))
        if status_of(source.status) in _DRAFTS:
            raise Misread("it is a draft, which is not an order yet")
        if source.currency is None:
            raise Misread("it has no currency")
        self.currency = currency_of(text_of(source.currency) or "")
        self.asked = _figure(source.total, "total")
        exponent = self.asked.as_tuple().exponent
        self.scale = scale_of(max(digits_of(self.currency), -exponent if isinstance(exponent, int) else 0))
        self.whole = self.asked + gift_cards_paid(source)
        self.rates = {id_text(rate.rate_id) or "": rate for rate in source.tax_lines or ()}
        self.zero = Amount(Money(ZERO, self.currency))
        self.signs = {each.key: value_of(each) for each in meta(source.meta_data, *_SIGNS) if each.key in _SIGNS}

    def order(self, sales_channel: str) -> Order:
        source = self.source
        order_id = id_text(source.id) or ""
        lines = [self.part(line, "a line") for line in source.line_items or ()]
        freight = self.freight()
        shipping = [self.part(line, "shipping") for line in freight]
        fees = [self.part(fee, "a fee") for fee in source.fee_lines or ()]
        taxes = self.charge(lines, shipping, fees)
        placed_at = self.placed_at()
        standing = standing_of(source, order_id, self.money(self.asked), self.signs)
        status, several = status_of(source.status), self.signs.get("_multiple_shipping") == "yes"
        fee, fee_taxes = sum_of(part.net for part in fees), [cell for part in fees for cell in part.cells]
        changed_at = instant_of(gmt(source.date_modified_gmt), "date_modified_gmt") if status in GONE else None
        return Order(
            sales_channel=sales_channel,
            order_id=order_id,
            reference=text_of(source.number) or order_id,
            version=version_of(gmt(source.date_modified_gmt)),
            placed_at=placed_at,
            currency=self.currency,
            presentment_currency=self.currency,
            taxes_included=False,
            lines=self.lines(lines, [*shipping, *fees], taxes),
            totals=self.totals(standing.outstanding),
            shipping_lines=tuple(self.shipping_line(line, part) for line, part in zip(freight, shipping, strict=True)),
            unallocated_taxes=() if taxes else self.taxes_of_rates(),
            discounts=self.discounts(),
            payments=standing.payments,
            payment_methods=texts_in(source.payment_method),
            fees=self.amount(fee) if fee or fee_taxes else None,
            fee_taxes=self.taxes(fee_taxes),
            financial_status=standing.status,
            fulfilment_status=self.fulfilment(status),
            cancelled_at=(changed_at or placed_at) if status in GONE else None,
            test=text_of(self.signs.get("_wcpay_mode")) == "test",
            refunds=standing.refunds,
            customer=customer_of(source),
            billing_address=address_of(source.billing),
            shipping_address=None if several else address_of(source.shipping),
            several_addresses=several,
            tags=self.tags(),
            conflicts=(*self.conflicts, *standing.conflicts),
        )

    def placed_at(self) -> datetime:
        source = self.source
        placed_at = instant_of(gmt(source.date_created_gmt), "date_created_gmt")
        placed_at = known_instant(source.date_created) if placed_at is None else placed_at
        if placed_at is not None:
            return placed_at
        if source.date_created:
            raise Misread(f"it has no date_created_gmt, and its date_created is in a local time without a zone; {_V3}")
        raise Misread(
            f"it is of WooCommerce's legacy API; {_V3}" if source.created_at else "it has no date_created_gmt"
        )

    def totals(self, outstanding: Money | None) -> Totals:
        source = self.source
        tax, both = _optional(source.total_tax), (_optional(source.cart_tax), _optional(source.shipping_tax))
        if tax is not None and both[0] is not None and both[1] is not None:
            self.agree("the sum of taxes", both[0] + both[1], tax)
        return Totals(
            total=self.amount(self.whole),
            discounts=self.optional(source.discount_total),
            tax=self.optional(source.total_tax),
            shipping=self.optional(source.shipping_total),
            outstanding=None if outstanding is None else Amount(outstanding),
        )

    # -- amounts -------------------------------------------------------------------------------------------------------

    def money(self, amount: Decimal) -> Money:
        return Money(amount, self.currency)

    def amount(self, amount: Decimal) -> Amount:
        return Amount(Money(amount, self.currency)) if amount else self.zero

    def optional(self, value: Json) -> Amount | None:
        amount = _optional(value)
        return None if amount is None else self.amount(amount)

    def agree(self, field: str, one: Decimal, other: Decimal) -> None:
        """The same figure in two places: a conflict when they differ."""
        if one != other:
            self.conflicts.append(Conflict(field, self.money(one), self.money(other)))

    # -- taxes ---------------------------------------------------------------------------------------------------------

    def part(self, source: LineIn | ChargeIn, what: str) -> _Part:
        """The net total and the taxes of a part, which must come to what it says that they come to."""
        net = _figure(source.total, f"the total of {what}")
        cells = [
            Cell(id_text(tax.id) or "", amount_of(tax.total), self.scale)
            for tax in source.taxes or ()
            if _published(tax)
        ]
        stated = _optional(source.total_tax)
        if stated is None:
            return _Part(net, cells)
        if not cells and stated:
            cells = [Cell(next(iter(self.rates)) if len(self.rates) == 1 else "", stated, self.scale)]
        computed, fractions = sum_of([cell.computed for cell in cells]), sum(cell.fine for cell in cells)
        if not self.scale.rounds_to(computed, stated, fractions, fractions):
            self.agree(f"the tax of {what}", self.scale.up(computed), stated)
        elif len(cells) == 1:
            cells[0].stated = stated
        return _Part(net, cells)

    def charge(self, lines: list[_Part], shipping: list[_Part], fees: list[_Part]) -> list[Cell]:
        """Fix what was charged for each rate, first on lines and fees, then on shipping, as `tax_lines` has them."""
        every: list[Cell] = []
        for parts, field in (([*lines, *fees], "tax_total"), (shipping, "shipping_tax_total")):
            by_rate: dict[str, list[Cell]] = {}
            for part in parts:
                for cell in part.cells:
                    by_rate.setdefault(cell.rate, []).append(cell)
            for rate, cells in by_rate.items():
                published = self.rate_total(rate, field)
                charge(cells, published, self.scale)
                every += cells
                if published is not None:
                    self.agree(f"the tax of rate {rate}", sum_of(cell.charged for cell in cells), published)
            for rate in self.rates if every else ():
                if rate not in by_rate:
                    self.agree(f"the tax of rate {rate}", ZERO, self.rate_total(rate, field) or ZERO)
        return every

    def rate_total(self, rate: str, field: str) -> Decimal | None:
        known = self.rates.get(rate)
        return None if known is None else _optional(getattr(known, field))

    def taxes(self, cells: Sequence[Cell]) -> tuple[TaxLine, ...]:
        return tuple([self.tax(cell.rate, self.rates.get(cell.rate), cell.charged) for cell in cells])

    def tax(self, rate: str, known: RateIn | None, amount: Decimal) -> TaxLine:
        if known is None:
            return TaxLine(f"rate {rate}" if rate else "", None, self.amount(amount))
        name = words(known.label) or text_of(known.rate_code) or f"rate {rate}"
        percent = _optional(known.rate_percent)
        return TaxLine(name, None if percent is None else percent.scaleb(-2), self.amount(amount))

    def taxes_of_rates(self) -> tuple[TaxLine, ...]:
        """The taxes of an order whose lines have none, as `tax_lines` has them."""
        return tuple(
            self.tax(
                rate, known, sum_of(filter(None, (_optional(known.tax_total), _optional(known.shipping_tax_total))))
            )
            for rate, known in self.rates.items()
        )

    # -- lines ---------------------------------------------------------------------------------------------------------

    def lines(self, parts: list[_Part], others: list[_Part], taxes: list[Cell]) -> tuple[Line, ...]:
        sources = self.source.line_items or []
        quantities = [_figure(line.quantity, "the quantity of a line") for line in sources]
        published = [part.net for part in parts]
        computed = [self.computed(*each) for each in zip(sources, quantities, published, strict=True)]
        charged = nets(published, computed, sum_of(part.net for part in others), taxes, self.whole, self.scale)
        before = [
            net if line.subtotal is None or line.subtotal == "" else amount_of(line.subtotal)
            for line, net in zip(sources, published, strict=True)
        ]
        off = [one - net for one, net in zip(before, published, strict=True)]
        whole = _optional(self.source.discount_total)
        if whole is not None and sum_of(off) != whole and (computed != published or self.rounded()):
            off = self.scale.spread(off, whole) or off
        back = units_returned(self.source)
        return tuple(self.line(*each, back) for each in zip(sources, parts, quantities, charged, off, strict=True))

    def rounded(self) -> bool:
        """Whether a discount is the difference of rounded figures: then so were the taxes before or after it."""
        taxes = (tax for line in self.source.line_items or () for tax in line.taxes or ())
        figures = (_optional(each) for tax in taxes for each in (tax.total, tax.subtotal))
        return any(self.scale.fine(each) for each in figures if each is not None)

    def computed(self, line: LineIn, quantity: Decimal, net: Decimal) -> Decimal:
        """The total of a line before it was rounded, which is its price times its quantity; else as published."""
        price = _optional(line.price)
        if price is None or not quantity:
            return net
        product = price * quantity
        if self.scale.rounds_to(product, net):
            return product
        if (product - net).copy_abs() > self.scale.half * quantity.copy_abs() + self.scale.half:
            self.agree("the total of a line", self.scale.up(product), net)
        return net

    def line(
        self,
        line: LineIn,
        part: _Part,
        quantity: Decimal,
        net: Decimal,
        discount: Decimal,
        back: dict[str, Decimal] | None,
    ) -> Line:
        gross = net + discount if discount else net
        line_id = id_text(line.id) or ""
        one = gross if quantity == ONE or not quantity else quotient(gross, quantity, _UNIT_PRICE_DIGITS)
        return Line(
            line_id,
            text_of(line.sku),
            words(line.name) or "",
            quantity,
            self.amount(one),
            self.amount(gross),
            self.amount(discount),
            self.taxes(part.cells),
            None if back is None else quantity - back.get(line_id, ZERO),
            self.source.needs_processing is not False or line.sku is None,
            any(each.key.startswith(_GIFT_CARD) for each in meta(line.meta_data, _GIFT_CARD)),
        )

    def freight(self) -> list[ChargeIn]:
        """The shipping lines; in payloads without them, what shipping cost as one line."""
        source = self.source
        if source.shipping_lines is not None:
            return source.shipping_lines
        if not _optional(source.shipping_total):
            return []
        taxes = [TaxIn(rate, known.shipping_tax_total) for rate, known in self.rates.items()]
        return [ChargeIn(total=source.shipping_total, total_tax=source.shipping_tax, taxes=taxes)]

    def shipping_line(self, line: ChargeIn, part: _Part) -> ShippingLine:
        title = words(line.method_title) or ""
        method, instance = text_of(line.method_id), text_of(line.instance_id)
        if method and instance not in {None, "0"} and ":" not in method:
            method = f"{method}:{instance}"
        return ShippingLine(
            id_text(line.id) or "", title, method or title, self.amount(part.net), self.zero, self.taxes(part.cells)
        )

    # -- the rest of the order -----------------------------------------------------------------------------------------

    def discounts(self) -> tuple[Discount, ...]:
        return tuple(
            Discount(text_of(coupon.code) or "", self.optional(coupon.discount) or self.zero)
            for coupon in self.source.coupon_lines or ()
        )

    def fulfilment(self, status: str) -> FulfilmentStatus:
        """A completed order was shipped; a refunded one, when it was completed before."""
        completed = self.source.date_completed_gmt or self.source.date_completed
        shipped = status == "completed" or (status == "refunded" and completed)
        return FulfilmentStatus.SHIPPED if shipped else FulfilmentStatus.UNSHIPPED

    def tags(self) -> tuple[str, ...]:
        """Where the order was made, and whether it renews a subscription; WooCommerce has no tags of its own."""
        via = text_of(self.source.created_via)
        renewal = via == "subscription" or text_of(self.signs.get("_subscription_renewal")) is not None
        return (*((f"created_via:{via}",) if via else ()), *(("subscription_renewal",) if renewal else ()))


def _gone_or_incomplete(source: OrderIn) -> str:
    only_id = source.status is None and source.total is None
    return "it is the notice of a deletion, which has nothing but an id" if only_id else "it has no line_items"


def _published(tax: TaxIn) -> bool:
    """A rate that does not apply to a part has an empty total there."""
    return tax.total is not None and tax.total != ""


def _optional(value: Json) -> Decimal | None:
    return None if value is None or value == "" else amount_of(value)


def _figure(value: Json, field: str) -> Decimal:
    if value is None or value == "":
        raise Misread(f"{field} is missing")
    return amount_of(value)
