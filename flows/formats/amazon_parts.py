"""What both of Amazon's Orders APIs mean by the same words: statuses, payments, marketplaces and people.

Amazon collects from the buyer and pays the seller later, net of its fees. "Unshipped" is defined as "payment has been
authorised", and the buyer is charged at shipment: so an order is authorised first and paid when it has shipped. What
was paid by gift card or points is a tender. Nothing is collected before the delivery of a COD order.
Source: Selling Partner API, Orders v0 and 2026-01-01: OrderStatus, PaymentExecutionDetail; its list of marketplace ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from flows.formats.amazon_wire import Address2026, AddressIn, Money2026, MoneyIn
from flows.formats.parts import Json, Misread, NotYet, text_of
from flows.formats.texts import plain_of, subdivision_of
from flows.model.money import ZERO, Money, amount_of, currency_of
from flows.model.order import (
    Address,
    Amount,
    Customer,
    FinancialStatus,
    FulfilmentStatus,
    Payment,
    PaymentKind,
    PaymentStatus,
    Tender,
)

CASH_ON_DELIVERY = "cash-on-delivery"
REPLACEMENT = "replacement"
GATEWAY = "Amazon"
"""Who pays the seller where the order does not say how the buyer paid."""
PENDING = (
    "it is pending, and Amazon publishes no amounts until the payment is authorised; it is read when Amazon sends it "
    "as unshipped"
)
"""Why an order cannot be read yet."""

_FINANCIAL = {
    "pending": FinancialStatus.PENDING,
    "pendingavailability": FinancialStatus.PENDING,
    "unshipped": FinancialStatus.AUTHORISED,
    "partiallyshipped": FinancialStatus.AUTHORISED,
    "shipped": FinancialStatus.PAID,
    "invoiceunconfirmed": FinancialStatus.PAID,
    "canceled": FinancialStatus.VOIDED,
    "cancelled": FinancialStatus.VOIDED,
}
_FULFILMENT = {
    "partiallyshipped": FulfilmentStatus.PARTIAL,
    "shipped": FulfilmentStatus.SHIPPED,
    "invoiceunconfirmed": FulfilmentStatus.SHIPPED,
}
_COD = frozenset(("cod", "cashondelivery"))
_TENDERS = {
    "gc": Tender.GIFT_CARD,
    "giftcard": Tender.GIFT_CARD,
    "giftcertificate": Tender.GIFT_CARD,
    "pointsaccount": Tender.STORE_CREDIT,
}
_CURRENCIES = {
    "USD": ("ATVPDKIKX0DER",),
    "CAD": ("A2EUQ1WTGCTBG2",),
    "MXN": ("A1AM78C64UM0Y8",),
    "BRL": ("A2Q3Y263D00KWC",),
    "GBP": ("A1F83G8C2ARO7P",),
    "EUR": (
        *("A1PA6795UKMFR9", "A13V1IB3VIYZZH", "APJ6JRA9NG5V4", "A1RKKUPIHCS9HS", "A1805IZSGTT6HS", "AMEN7PMS3EDWL"),
        "A28R8C7NBKEWEA",
    ),
    "SEK": ("A2NODRKZP88ZB9",),
    "PLN": ("A1C3SOZRARQ6R3",),
    "TRY": ("A33AVAJ2PDY3EV",),
    "AED": ("A2VIGQ35RCS4UG",),
    "SAR": ("A17E79C6D8DWNP",),
    "EGP": ("ARBP9OOSHTCHU",),
    "ZAR": ("AE08WJ6YKNBMC",),
    "INR": ("A21TJRUUN4KGV",),
    "SGD": ("A19VAU5U5O7RUS",),
    "AUD": ("A39IBJ37TRP1C6",),
    "JPY": ("A1VC38T7YXB528",),
}
_CURRENCY_OF = {marketplace: currency for currency, ids in _CURRENCIES.items() for marketplace in ids}
TAXED_ON_TOP = frozenset(("ATVPDKIKX0DER", "A2EUQ1WTGCTBG2"))
"""Marketplaces whose prices never contain their taxes: the United States and Canada."""


class State(NamedTuple):
    """What a published status means."""

    word: str
    financial: FinancialStatus
    fulfilment: FulfilmentStatus

    @property
    def cancelled(self) -> bool:
        """Whether there is nothing left of the order."""
        return self.financial is FinancialStatus.VOIDED

    @property
    def pending(self) -> bool:
        """Whether the payment is not authorised yet, so that Amazon publishes no amounts."""
        return self.financial is FinancialStatus.PENDING


class Executed(NamedTuple):
    """One part of the payment, by its published method."""

    method: str
    amount: Money


def state_of(status: str | None) -> State:
    """The state behind `Unshipped` of v0 or `UNSHIPPED` of 2026-01-01."""
    word = (status or "").replace("_", "").lower()
    return State(word, _FINANCIAL.get(word, FinancialStatus.UNKNOWN), _FULFILMENT.get(word, FulfilmentStatus.UNSHIPPED))


def is_true(value: Json) -> bool:
    """A boolean that may be text."""
    return value is True or (type(value) is str and value.strip().lower() == "true")


def money_of(money: MoneyIn | Money2026 | None, currency: str) -> Money | None:
    """An amount in its own currency, or the order's where it has none. None where it is not published."""
    if money is None or money.amount is None:
        return None
    if money.currency_code == currency:  # the usual case
        return Money(amount_of(money.amount), currency)
    code = text_of(money.currency_code)
    return Money(amount_of(money.amount), currency if code is None else currency_of(code))


def total_of_order(
    total: MoneyIn | Money2026 | None,
    state: State,
    marketplace: str | None,
    others: Iterable[MoneyIn | Money2026 | None],
    *,
    free: bool,
) -> Money:
    """The order's total. A cancelled order and a free replacement may have none: nothing is charged for them."""
    if total is not None and total.amount is not None:
        if text_of(total.currency_code) is None:
            raise Misread("its total has no currency")
        return Money(amount_of(total.amount), currency_of(text_of(total.currency_code) or ""))
    if state.pending:
        raise NotYet(PENDING)
    if not (state.cancelled or free):
        raise Misread("it has no total (v0: OrderTotal; 2026-01-01: proceeds.grandTotal, asked for with PROCEEDS)")
    known = next((each.currency_code for each in others if each is not None and each.currency_code), None)
    code = known or _CURRENCY_OF.get(marketplace or "")
    if code is None:
        raise Misread("it has no currency")
    return Money(ZERO, currency_of(code))


def is_cash_on_delivery(method: str | None) -> bool:
    """Whether a method means that the carrier collects."""
    return (method or "").replace("_", "").lower() in _COD


def taxes_included(marketplace: str | None, total: Money, prices: Money, taxes: Money) -> bool:
    """Whether prices contain their taxes. Amazon has no flag for it: the marketplace says so, or the order's own total.

    In the United States and Canada they never do. Elsewhere they mostly do, but where taxes are published the total
    shows whether they come on top. A total that fits neither way leaves the usual case, and the proof names the rest.
    """
    if marketplace in TAXED_ON_TOP:
        return False
    usual = marketplace in _CURRENCY_OF
    if not taxes or {prices.currency, taxes.currency} != {total.currency}:
        return usual
    if prices + taxes == total:
        return False
    return usual or prices == total


def payments_of(
    order_id: str, state: State, status: FinancialStatus, total: Money, parts: Sequence[Executed]
) -> tuple[Payment, ...]:
    """The parts of the payment as published, or one that follows from the status. Nothing where nothing is known."""
    kind = PaymentKind.SALE if status is FinancialStatus.PAID else PaymentKind.AUTHORISATION
    if parts:
        return tuple(
            Payment(
                id=f"{order_id}-{number}",
                gateway=part.method,
                kind=kind,
                status=_status_of(part, state),
                amount=part.amount,
                tender=_TENDERS.get(part.method.replace("_", "").lower(), Tender.MONEY),
            )
            for number, part in enumerate(parts, 1)
        )
    if status not in {FinancialStatus.PAID, FinancialStatus.AUTHORISED} or total.amount <= ZERO:
        return ()
    good = PaymentStatus.SUCCESS
    return (Payment(id=order_id, gateway=GATEWAY, kind=kind, status=good, amount=total, derived=True),)


def _status_of(part: Executed, state: State) -> PaymentStatus:
    if state.cancelled:
        return PaymentStatus.FAILED
    open_ = state.pending or is_cash_on_delivery(part.method)
    return PaymentStatus.PENDING if open_ else PaymentStatus.SUCCESS


def address_of(address: AddressIn | Address2026 | None) -> Address | None:
    """Where to ship; Amazon publishes no billing address."""
    if address is None:
        return None
    country = text_of(address.country_code)
    second = ", ".join(filter(None, (plain_of(address.address_line2), plain_of(address.address_line3))))
    return Address(
        name=plain_of(address.name),
        company=plain_of(address.company_name),
        address1=plain_of(address.address_line1),
        address2=second or None,
        city=plain_of(address.city),
        zip=text_of(address.postal_code),
        subdivision_code=subdivision_of(plain_of(address.state_or_region), country),
        country_code=country,
        phone=text_of(address.phone),
    )


def customer_of(name: str | None, email: str | None) -> Customer | None:
    """The buyer. Amazon publishes no id, and an address that only relays."""
    who, where = plain_of(name), text_of(email)
    return Customer(name=who, email=where) if who or where else None


def added(amounts: Iterable[Amount | None], currency: str) -> Amount | None:
    """The sum; None when it is nothing. Raises MixedCurrencies."""
    total = Money(ZERO, currency)
    for each in amounts:
        if each is not None:
            total += each.shop
    return Amount(total) if total else None
