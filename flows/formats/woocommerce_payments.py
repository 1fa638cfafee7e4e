"""What was paid on a WooCommerce order, and what went back.

WooCommerce publishes no transactions: a payment is known by the instant it was paid (`date_paid_gmt`), its gateway
(`payment_method`) and the gateway's id. So payments are derived, and say that they are. Cash on delivery is processed
without having been paid; then there is no instant. What needs payment is outstanding, whatever else is said: a paid
order that needs payment contradicts itself, and the proof says so.
Source: WooCommerce REST API reference v3, Orders and Order refunds; WooCommerce documentation, Order statuses. Keys of
`meta_data` that say whether money was only reserved: `_stripe_charge_captured` (WooCommerce Stripe),
`_intention_status` (WooPayments).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

import msgspec

from flows.formats.parts import Json, Misread, id_text, instant_of, known_instant, text_of
from flows.formats.woocommerce_figures import total as sum_of
from flows.formats.woocommerce_wire import ChargeIn, GiftCardIn, LineIn, OrderIn, RefundIn, gmt, meta, value_of
from flows.model.money import ZERO, Money, amount_of
from flows.model.order import (
    Amount,
    Conflict,
    FinancialStatus,
    Payment,
    PaymentKind,
    PaymentStatus,
    Refund,
    RefundKind,
    RefundPart,
    Tender,
    Units,
)

GONE = frozenset(("cancelled", "trash"))
"""Statuses of an order that nobody wants any more."""
_UNPAID = frozenset(("pending", "failed"))
_PAID_FOR = frozenset(("processing", "completed", "refunded"))
_ON_DELIVERY = "cod"
_GIFT_CARD = "gift_card"


def status_of(value: Json) -> str:
    """The status as its slug, also where it has the prefix of the database: `wc-on-hold`."""
    return (text_of(value) or "").lower().removeprefix("wc-")


class Standing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where the order stands with its money. `outstanding` None: the source does not say."""

    status: FinancialStatus
    payments: tuple[Payment, ...]
    refunds: tuple[Refund, ...] | None
    outstanding: Money | None
    conflicts: tuple[Conflict, ...]


def standing_of(order: OrderIn, order_id: str, asked: Money, signs: Mapping[str, Json]) -> Standing:
    """Read the statuses; `asked` is the total that gift cards left, `signs` the order's `meta_data` of interest."""
    status = status_of(order.status)
    refunds = refunds_of(order, asked.currency)
    returned = sum_of(each.refunded[0].amount for each in refunds or ())
    reserved = text_of(signs.get("_stripe_charge_captured")) == "no" or (
        text_of(signs.get("_intention_status")) == "requires_capture"
    )
    paid = _was_paid(order, status)
    awaited = bool(asked) and (status in _UNPAID or order.needs_payment is True or (paid and reserved))
    financial = _financial(status, paid=paid, awaited=awaited, reserved=reserved, refunded=(returned, asked.amount))
    payments = tuple(_gift_cards(order, status, asked.currency))
    if asked.amount > ZERO and not awaited and financial is not FinancialStatus.PENDING:
        payments += (_derived(order, order_id, asked, financial),)
    return Standing(
        status=financial,
        payments=payments,
        refunds=refunds,
        outstanding=asked if awaited else None,
        conflicts=tuple(_conflicts(status, returned, asked, order.gift_cards)),
    )


def _was_paid(order: OrderIn, status: str) -> bool:
    """By its instant; in payloads without that field by its status, which cash on delivery has before it is paid."""
    if order.date_paid_gmt is msgspec.UNSET and order.date_paid is msgspec.UNSET:
        return status in _PAID_FOR and (status == "completed" or text_of(order.payment_method) != _ON_DELIVERY)
    return _paid_at(order) is not None


def _paid_at(order: OrderIn) -> datetime | None:
    """When it was paid; None when it was not, or the payload does not say."""
    instant = order.date_paid if order.date_paid_gmt is msgspec.UNSET else order.date_paid_gmt
    return None if instant is msgspec.UNSET else instant_of(gmt(instant), "date_paid_gmt")


def _financial(
    status: str, *, paid: bool, awaited: bool, reserved: bool, refunded: tuple[Decimal, Decimal]
) -> FinancialStatus:
    returned, asked = refunded
    if status == "refunded":
        return FinancialStatus.REFUNDED
    if paid and (awaited or not returned):
        return FinancialStatus.PAID
    if paid:
        return FinancialStatus.REFUNDED if returned >= asked else FinancialStatus.PARTIALLY_REFUNDED
    return FinancialStatus.AUTHORISED if reserved else FinancialStatus.PENDING


def _derived(order: OrderIn, order_id: str, asked: Money, financial: FinancialStatus) -> Payment:
    reserved = financial is FinancialStatus.AUTHORISED
    return Payment(
        id=id_text(order.transaction_id) or order_id,
        gateway=text_of(order.payment_method) or "",
        kind=PaymentKind.AUTHORISATION if reserved else PaymentKind.SALE,
        status=PaymentStatus.SUCCESS,
        amount=asked,
        derived=True,
        at=_paid_at(order),
    )


def gift_cards_paid(order: OrderIn) -> Decimal:
    """What gift cards paid: `total` is what they left."""
    return sum_of(_amount(card.amount, "a gift card") for card in order.gift_cards or ())


def _gift_cards(order: OrderIn, status: str, currency: str) -> Iterable[Payment]:
    """Gift cards are debited at once, and credited again when the order fails or is cancelled."""
    undone = status in GONE or status == "failed"
    for card in order.gift_cards or ():
        yield Payment(
            id=id_text(card.id) or "",
            gateway=_GIFT_CARD,
            kind=PaymentKind.SALE,
            status=PaymentStatus.FAILED if undone else PaymentStatus.SUCCESS,
            amount=Money(_amount(card.amount, "a gift card"), currency),
            tender=Tender.GIFT_CARD,
            derived=True,
        )


def _conflicts(status: str, returned: Decimal, asked: Money, gift_cards: list[GiftCardIn] | None) -> Iterable[Conflict]:
    """WooCommerce refunds the rest when an order becomes `refunded`, and never more than the total."""
    whole = status == "refunded" and returned and returned != asked.amount
    if not gift_cards and (whole or returned > asked.amount):
        yield Conflict("what was refunded", Money(returned, asked.currency), asked)


# -- refunds -----------------------------------------------------------------------------------------------------------


def refunds_of(order: OrderIn, currency: str) -> tuple[Refund, ...] | None:
    """The refunds; None when the payload does not speak of them. A refund that was deleted is left out."""
    if order.refunds is None:
        return None
    return tuple(
        Refund(
            id=id_text(each.id) or "",
            refunded=(
                Money(_amount(each.total if each.amount is None else each.amount, "a refund").copy_abs(), currency),
            ),
            worth=_worth(each, currency),
            parts=tuple(_parts(each, currency)),
            at=known_instant(gmt(each.date_created_gmt)),
        )
        for each in _real(order.refunds)
    )


def _real(refunds: list[RefundIn]) -> list[RefundIn]:
    """What stays of a deleted refund has id 0 and a total of -0.00."""
    return [each for each in refunds if id_text(each.id) not in {None, "0"} or each.amount or not _nothing(each.total)]


def _nothing(value: Json) -> bool:
    return value is None or not amount_of(value)


def _worth(refund: RefundIn, currency: str) -> Money | None:
    """What the refunded parts were worth with their taxes; their totals are negative."""
    parts: list[LineIn | ChargeIn] = [
        *(refund.line_items or ()),
        *(refund.shipping_lines or ()),
        *(refund.fee_lines or ()),
    ]
    if not parts:
        return None
    figures = [figure for part in parts for figure in (part.total, part.total_tax) if figure is not None]
    return Money(sum_of(amount_of(figure).copy_negate() for figure in figures if figure != ""), currency)


def _parts(refund: RefundIn, currency: str) -> Iterable[RefundPart]:
    """What it is for, where the refund's own object was gathered; what became of the goods WooCommerce does not say."""
    for line in refund.line_items or ():
        line_id = _refunded_line(line)
        quantity = ZERO if line.quantity is None else amount_of(line.quantity).copy_abs()
        units = None if line_id is None or not quantity else Units(line=line_id, quantity=quantity)
        yield RefundPart(kind=RefundKind.LINE, amount=_part(line, currency), units=units, line=line_id or "")
    for kind, charges in ((RefundKind.SHIPPING, refund.shipping_lines), (RefundKind.AMOUNT, refund.fee_lines)):
        for charge in charges or ():
            yield RefundPart(kind=kind, amount=_part(charge, currency))


def _part(part: LineIn | ChargeIn, currency: str) -> Amount:
    figures = [amount_of(figure).copy_negate() for figure in (part.total, part.total_tax) if figure not in {None, ""}]
    return Amount(Money(sum_of(figures), currency))


def _refunded_line(line: LineIn) -> str | None:
    return id_text(next((value_of(each) for each in meta(line.meta_data, "_refunded_item_id")), None))


def units_returned(order: OrderIn) -> dict[str, Decimal] | None:
    """The refunded units by the id of the line. None where the payload has not the lines of every refund."""
    refunds = _real(order.refunds or [])
    if not refunds or any(each.line_items is None for each in refunds):
        return None
    units: dict[str, Decimal] = {}
    for line in (line for refund in refunds for line in refund.line_items or ()):
        line_id = _refunded_line(line)
        if line_id is None:
            return None
        quantity = ZERO if line.quantity is None else amount_of(line.quantity).copy_abs()
        units[line_id] = units.get(line_id, ZERO) + quantity
    return units


def _amount(value: Json, what: str) -> Decimal:
    if value is None:
        raise Misread(f"{what} has no amount")
    return amount_of(value)
