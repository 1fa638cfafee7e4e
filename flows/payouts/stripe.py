"""Stripe as JSON: lists of balance transactions and of payouts, as the API answers them.

`GET /v1/balance_transactions?payout=po_...` has one payout's transactions, its own among them, which is what ties the
others to it. A list with several payouts (of manual ones, or by time) does not say which transaction is in which; its
lines are statements of account by day then, and payouts lines of those. Amounts are in the smallest unit of their
currency, but for a few that Stripe counts otherwise.

Source: Stripe API reference, Balance Transactions (`type`, `reporting_category`, `fee_details`) and Payouts; "Reporting
categories"; "Supported currencies" for zero-decimal and special cases.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

import msgspec

from flows.model.money import ZERO, InvalidAmount, digits_of, exactly
from flows.model.payout import Finding, LineClass, PayoutHeader, PayoutLine, PayoutStatus, day_of
from flows.payouts.documents import NOTHING, Value, decoder, documents, read_as, refused
from flows.payouts.parts import (
    Part,
    PayoutFormat,
    Source,
    currency_in,
    day_in,
    from_minor,
    id_in,
    signed_class,
    statement_id,
    unix_instant,
)

PROVIDER = "stripe"
_OTHER_DIGITS = {"ISK": 2, "UGX": 2, "MGA": 0}
_PAYOUT = "payout"

CLASSES: Mapping[str, LineClass] = {
    "charge": LineClass.SALE,
    "payment": LineClass.SALE,
    "charge_failure": LineClass.SALE,
    "payment_failure_refund": LineClass.REFUND,
    "payment_refund": LineClass.REFUND,
    "payment_reversal": LineClass.REFUND,
    "partial_capture_reversal": LineClass.REFUND,
    "refund": LineClass.REFUND,
    "refund_failure": LineClass.REFUND,
    "dispute": LineClass.DISPUTE,
    "dispute_reversal": LineClass.DISPUTE_REVERSAL,
    "fee": LineClass.FEE,
    "stripe_fee": LineClass.FEE,
    "stripe_fx_fee": LineClass.FEE,
    "network_cost": LineClass.FEE,
    "application_fee": LineClass.FEE,
    "application_fee_refund": LineClass.FEE,
    "platform_earning": LineClass.FEE,
    "platform_earning_refund": LineClass.FEE,
    "tax": LineClass.TAX_ON_FEE,
    "tax_fee": LineClass.TAX_ON_FEE,
    "payout_cancel": LineClass.PAYOUT_RETURNED,
    "payout_failure": LineClass.PAYOUT_RETURNED,
    "payout_reversal": LineClass.PAYOUT_RETURNED,
    "payout": LineClass.TRANSFER,
    "topup": LineClass.TOP_UP,
    "topup_reversal": LineClass.TOP_UP,
    "transfer": LineClass.TRANSFER,
    "transfer_reversal": LineClass.TRANSFER,
    "transfer_cancel": LineClass.TRANSFER,
    "transfer_failure": LineClass.TRANSFER,
    "transfer_refund": LineClass.TRANSFER,
    "connect_collection_transfer": LineClass.TRANSFER,
    "advance": LineClass.ADVANCE,
    "advance_funding": LineClass.ADVANCE,
    "anticipation_repayment": LineClass.ADVANCE,
    "financing_payout": LineClass.ADVANCE,
    "financing_payout_reversal": LineClass.ADVANCE,
    "financing_paydown": LineClass.ADVANCE,
    "financing_paydown_reversal": LineClass.ADVANCE,
    "adjustment": LineClass.ADJUSTMENT,
    "other_adjustment": LineClass.ADJUSTMENT,
    "contribution": LineClass.ADJUSTMENT,
    "climate_order_purchase": LineClass.ADJUSTMENT,
    "climate_order_refund": LineClass.ADJUSTMENT,
    "tax_withholding": LineClass.WITHHELD_TAX,
    "withheld_tax": LineClass.WITHHELD_TAX,
    "currency_conversion": LineClass.EXCHANGE_DIFFERENCE,
}
"""Types and reporting categories, which share their words."""
_BY_SIGN = ("reserve_transaction", "reserved_funds", "risk_reserved_funds", "connect_reserved_funds", "reserve_hold",
            "reserve_release", "payout_minimum_balance_hold", "payout_minimum_balance_release")  # fmt: skip
STATUSES = {
    "pending": PayoutStatus.PENDING,
    "in_transit": PayoutStatus.IN_TRANSIT,
    "paid": PayoutStatus.PAID,
    "failed": PayoutStatus.FAILED,
    "canceled": PayoutStatus.CANCELLED,
}
_ORDER_FIELDS = ("order_id", "order", "orderId")


def class_of(type_: str, category: str, amount: Decimal) -> LineClass:
    """The class of a balance transaction. The reporting category tells disputes apart, which the type calls
    adjustments.
    """
    for word in (category, type_):
        if word in _BY_SIGN:
            return signed_class(amount, LineClass.RESERVE_RELEASE, LineClass.RESERVE)
        if word in CLASSES:
            return CLASSES[word]
    return LineClass.UNEXPLAINED


class _List(msgspec.Struct):
    object: str = ""
    data: msgspec.Raw = NOTHING
    has_more: bool = False


class _Peek(msgspec.Struct, gc=False):
    object: str = ""
    type: str = ""
    currency: str = ""
    source: msgspec.Raw = NOTHING
    id: str = ""


class _Fee(msgspec.Struct, gc=False):
    amount: int
    type: str = ""


class _SourceIn(msgspec.Struct, gc=False):
    id: str = ""
    object: str = ""
    charge: Value = None
    payment_intent: Value = None
    metadata: dict[str, Value] | None = None
    amount: int | None = None
    currency: str | None = None


class _TransactionIn(msgspec.Struct, gc=False):
    id: str
    type: str
    currency: str
    amount: int
    net: int
    created: int
    fee: int = 0
    fee_details: tuple[_Fee, ...] = ()
    reporting_category: str = ""
    source: str | _SourceIn | None = None
    exchange_rate: Value = None


class _PayoutIn(msgspec.Struct, gc=False):
    id: str
    currency: str
    amount: int
    status: str = ""
    arrival_date: int | None = None
    created: int | None = None


_list, _peek, _raws = decoder(_List), decoder(_Peek), decoder(list[msgspec.Raw])
_transaction, _payout = decoder(_TransactionIn), decoder(_PayoutIn)
_source: msgspec.json.Decoder[str | _SourceIn | None] = msgspec.json.Decoder(str | _SourceIn | None)


def digits_at_stripe(currency: str) -> int:
    """Digits after the point that an amount of this currency has at Stripe."""
    return _OTHER_DIGITS.get(currency, digits_of(currency))


def _read(source: Source) -> Iterator[Part]:
    items: list[tuple[str, msgspec.Raw]] = []
    for where, raw in documents(source.content):
        page = read_as(_list, raw, where)
        if page.object == "list":
            at = f"{where}." if where else ""
            listed = read_as(_raws, page.data, f"{at}data")
            items += [(f"{at}data[{number}]", each) for number, each in enumerate(listed, start=1)]
            if page.has_more:
                said = "has_more: the list goes on, and the rest of it is not in this file"
                yield Finding(kind="incomplete", sentence=said, place=where or "the list")
        else:
            items.append((where or "the document", raw))
    payouts = _payouts_in(items)
    days: set[str] = set()
    for place, raw in items:
        peek = read_as(_peek, raw, place)
        if peek.object == _PAYOUT:
            yield _header(read_as(_payout, raw, place), place, source)
        elif peek.object == "balance_transaction":
            yield from _of_transaction(read_as(_transaction, raw, place), place, payouts, days)
        else:
            said = f"it is a {peek.object!r}, and neither a balance transaction nor a payout"
            raise refused(place, "object", ValueError(said))


def _payouts_in(items: list[tuple[str, msgspec.Raw]]) -> dict[str, str]:
    """The only payout of each currency; empty text where there are several, or none."""
    found: dict[str, set[str]] = {}
    for place, raw in items:
        peek = read_as(_peek, raw, place)
        if peek.object == _PAYOUT:
            found.setdefault(peek.currency.upper(), set()).add(peek.id)
        elif peek.type == _PAYOUT:
            found.setdefault(peek.currency.upper(), set()).add(_source_of(read_as(_source, peek.source, place)).id)
    return {currency: ids.pop() if len(ids) == 1 else "" for currency, ids in found.items()}


def _source_of(source: str | _SourceIn | None) -> _SourceIn:
    return source if isinstance(source, _SourceIn) else _SourceIn(id=source or "")


def _header(payout: _PayoutIn, place: str, source: Source) -> PayoutHeader:
    try:
        currency = currency_in(payout.currency)
        arrival = None if payout.arrival_date is None else day_in(unix_instant(payout.arrival_date)[:10], source.zone)
    except (InvalidAmount, ValueError) as error:
        raise refused(place, "currency or arrival_date", error) from None
    return PayoutHeader(
        id=payout.id,
        currency=currency,
        status=STATUSES.get(payout.status, PayoutStatus.UNKNOWN),
        paid=from_minor(payout.amount, digits_at_stripe(currency)),
        paid_on=arrival,
        expected_on=arrival,
        place=place,
    )


def _of_transaction(item: _TransactionIn, place: str, payouts: Mapping[str, str], days: set[str]) -> Iterator[Part]:
    try:
        currency, at = currency_in(item.currency), unix_instant(item.created)
    except (InvalidAmount, ValueError) as error:
        raise refused(place, "currency or created", error) from None
    digits, payout = digits_at_stripe(currency), payouts.get(currency, "")
    if payout and item.type == _PAYOUT:
        yield PayoutHeader(id=payout, currency=currency, paid=from_minor(-item.amount, digits), place=place)
        if item.fee:
            fee = from_minor(-item.fee, digits)
            yield PayoutLine(item.id, payout, LineClass.FEE, currency, fee, fee, type=item.type, at=at, place=place)
        return
    if not payout:
        payout = statement_id("", currency, day_of(at))
        if payout not in days:
            days.add(payout)
            yield PayoutHeader(id=payout, currency=currency, is_statement=True, place=place)
    yield from _line(item, payout, currency, digits, at, place)


@exactly
def _parts(item: _TransactionIn, digits: int) -> tuple[Decimal, Decimal, Decimal, Decimal, Decimal]:
    """Amount, fee and tax as they are felt, net, gap."""
    tax = sum([each.amount for each in item.fee_details if each.type in ("tax", "withheld_tax")])
    amount, fee = from_minor(item.amount, digits), from_minor(tax - item.fee, digits) if item.fee != tax else ZERO
    net, taxed = from_minor(item.net, digits), from_minor(-tax, digits) if tax else ZERO
    return amount, fee, taxed, net, net - amount - fee - taxed


def _line(item: _TransactionIn, payout: str, currency: str, digits: int, at: str, place: str) -> Iterator[Part]:
    amount, fee, tax, net, gap = _parts(item, digits)
    kind = class_of(item.type, item.reporting_category, amount)
    if item.fee_details and sum([each.amount for each in item.fee_details]) != item.fee:
        said = "its fee is not the sum of its fee_details; the fee counts"
        yield Finding(kind="contradiction", sentence=said, place=place, payout=payout, line=item.id)
    if gap:
        said = f"net {net} is not amount {amount} less fee {-fee - tax}; the rest of {gap} is unexplained"
        yield Finding(
            kind="contradiction", sentence=said, place=place, payout=payout, line=item.id, amount=gap, currency=currency
        )
    source = _source_of(item.source)
    charge = _charge_of(source)
    yield PayoutLine(
        id=item.id,
        payout=payout,
        kind=kind,
        currency=currency,
        amount=amount,
        net=net,
        fee=fee,
        tax=tax,
        gap=gap,
        type=item.reporting_category or item.type,
        at=at,
        order=_order_of(source),
        payment=charge,
        payment_alias=id_in(source.payment_intent) if isinstance(source.payment_intent, str) else "",
        refund=source.id if source.id.startswith(("re_", "pyr_")) else "",
        dispute=source.id if source.id.startswith(("dp_", "du_")) else "",
        presentment=_presentment(source, currency),
        rate="" if item.exchange_rate is None else str(item.exchange_rate),
        place=place,
    )


def _charge_of(source: _SourceIn) -> str:
    """The charge that a transaction is about: its source, or that of a refund or dispute."""
    if source.id.startswith(("ch_", "py_")):
        return source.id
    return source.charge if isinstance(source.charge, str) else ""


def _order_of(source: _SourceIn) -> str:
    for name in _ORDER_FIELDS if source.metadata else ():
        if (value := (source.metadata or {}).get(name)) is not None:
            return id_in(value)
    return ""


def _presentment(source: _SourceIn, currency: str) -> str:
    other = (source.currency or "").upper()
    if source.amount is None or other in ("", currency):
        return ""
    return f"{from_minor(source.amount, digits_at_stripe(other))} {other}"


_own = re.compile(rb'"object"\s*:\s*"(?:balance_transaction|payout)"').search


def _recognises(head: bytes) -> bool:
    return _own(head) is not None and b'"resources"' not in head[:200]


READER = PayoutFormat(
    name="stripe",
    provider=PROVIDER,
    about="Stripe: lists of balance transactions and of payouts, JSON of the API",
    recognises=_recognises,
    read=_read,
)
