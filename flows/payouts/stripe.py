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

from flows.model.money import ZERO, InvalidAmount, JsonNumber, digits_of
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
    statement_of,
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
    "inbound_transfer": LineClass.TOP_UP,
    "inbound_transfer_reversal": LineClass.TOP_UP,
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
    "revenue_share": LineClass.ADJUSTMENT,
    "contribution": LineClass.ADJUSTMENT,
    "climate_order_purchase": LineClass.ADJUSTMENT,
    "climate_order_refund": LineClass.ADJUSTMENT,
    "tax_withholding": LineClass.WITHHELD_TAX,
    "withheld_tax": LineClass.WITHHELD_TAX,
    "currency_conversion": LineClass.EXCHANGE_DIFFERENCE,
}
"""Types and reporting categories, which share their words."""
_BY_SIGN = (
    *("reserve_transaction", "reserved_funds", "risk_reserved_funds", "connect_reserved_funds"),
    *("reserve_hold", "reserve_release", "payment_network_reserve_hold", "payment_network_reserve_release"),
    *("payout_minimum_balance_hold", "payout_minimum_balance_release"),
    *("issuing_authorization_hold", "issuing_authorization_release"),
)
STATUSES = {
    "pending": PayoutStatus.PENDING,
    "in_transit": PayoutStatus.IN_TRANSIT,
    "paid": PayoutStatus.PAID,
    "failed": PayoutStatus.FAILED,
    "canceled": PayoutStatus.CANCELLED,
}
_ORDER_FIELDS = ("order_id", "order", "orderId")
ADJUSTED = "adjustment"
"""The type of disputes, too, where no reporting category says that they are."""
_TAXES = ("tax", "withheld_tax")
_CHARGES, _REFUNDS, _DISPUTES = ("ch_", "py_"), ("re_", "pyr_"), ("dp_", "du_")
"""What ids of each begin with."""


def class_of(type_: str, category: str, amount: Decimal, source: str = "") -> LineClass:
    """The class of a balance transaction. Disputes, which the type calls adjustments, are told apart by the reporting
    category, or else by their source.
    """
    for word in (category, type_):
        if word == ADJUSTED and source.startswith(_DISPUTES):
            return signed_class(amount, LineClass.DISPUTE_REVERSAL, LineClass.DISPUTE)
        if (kind := CLASSES.get(word)) is not None:
            return kind
        if word in _BY_SIGN:
            return signed_class(amount, LineClass.RESERVE_RELEASE, LineClass.RESERVE)
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


class _TransactionIn(msgspec.Struct, gc=False, tag_field="object", tag="balance_transaction"):
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


class _PayoutIn(msgspec.Struct, gc=False, tag_field="object", tag="payout"):
    id: str
    currency: str
    amount: int
    status: str = ""
    arrival_date: int | None = None
    created: int | None = None


_list, _peek, _raws = decoder(_List), decoder(_Peek), decoder(list[msgspec.Raw])
_object: msgspec.json.Decoder[_TransactionIn | _PayoutIn] = msgspec.json.Decoder(
    _TransactionIn | _PayoutIn, float_hook=JsonNumber
)
_source: msgspec.json.Decoder[str | _SourceIn | None] = msgspec.json.Decoder(str | _SourceIn | None)


def digits_at_stripe(currency: str) -> int:
    """Digits after the point that an amount of this currency has at Stripe."""
    return _OTHER_DIGITS.get(currency, digits_of(currency))


def _read(source: Source) -> Iterator[Part]:
    lists: list[tuple[str, list[msgspec.Raw]]] = []
    for where, raw in documents(source.content):
        page = read_as(_list, raw, where)
        if page.object == "list":
            at = f"{where}." if where else ""
            lists.append((f"{at}data", read_as(_raws, page.data, f"{at}data")))
            if page.has_more:
                said = "has_more: the list goes on, and the rest of it is not in this file"
                yield Finding(kind="incomplete", sentence=said, place=where or "the list")
        else:
            lists.append((where or "the document", [raw]))
    payouts = _payouts_in(lists)
    days: set[str] = set()
    findings: list[Finding] = []
    for place, raw in _placed(lists):
        item = read_as(_object, raw, place)
        if isinstance(item, _TransactionIn):
            yield from _of_transaction(item, place, payouts, days, findings)
            if findings:
                yield from findings
                findings.clear()
        else:
            yield _header(item, place, source)


def _placed(lists: list[tuple[str, list[msgspec.Raw]]]) -> Iterator[tuple[str, msgspec.Raw]]:
    """Every object with its place."""
    for at, items in lists:
        if at.endswith("data"):
            yield from ((f"{at}[{number}]", each) for number, each in enumerate(items, start=1))
        else:
            yield at, items[0]


def _payouts_in(lists: list[tuple[str, list[msgspec.Raw]]]) -> dict[str, str]:
    """The only payout of each currency; empty text where there are several, or none."""
    found: dict[str, set[str]] = {}
    for at, items in lists:
        for raw in items:
            if b'"payout"' not in bytes(raw):
                continue  # most of them are not about a payout, and need not be looked at twice
            peek = read_as(_peek, raw, at)
            if peek.object == _PAYOUT:
                found.setdefault(peek.currency.upper(), set()).add(peek.id)
            elif peek.type == _PAYOUT:
                found.setdefault(peek.currency.upper(), set()).add(_source_of(read_as(_source, peek.source, at)).id)
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


def _of_transaction(
    item: _TransactionIn, place: str, payouts: Mapping[str, str], days: set[str], findings: list[Finding]
) -> Iterator[Part]:
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
        statement = statement_of("", currency, day_of(at), place)
        payout = statement.id
        if payout not in days:
            days.add(payout)
            yield statement
    yield _line(item, payout, currency, digits, at, place, findings)


def _line(
    item: _TransactionIn, payout: str, currency: str, digits: int, at: str, place: str, findings: list[Finding]
) -> PayoutLine:
    """A balance transaction as a line. What is odd about it is added to `findings`. Its integers add up exactly."""
    details = item.fee_details
    taxed = sum([each.amount for each in details if each.type in _TAXES]) if details else 0
    rest = item.net - item.amount + item.fee
    amount = from_minor(item.amount, digits)
    if details and sum([each.amount for each in details]) != item.fee:
        said = "its fee is not the sum of its fee_details; the fee counts"
        findings.append(Finding(kind="contradiction", sentence=said, place=place, payout=payout, line=item.id))
    if rest:
        gap = from_minor(rest, digits)
        said = (
            f"net {from_minor(item.net, digits)} is not amount {amount} less fee {from_minor(item.fee, digits)}; "
            f"the rest of {gap} is unexplained"
        )
        found = {"place": place, "payout": payout, "line": item.id, "currency": currency}
        findings.append(Finding(kind="contradiction", sentence=said, amount=gap, **found))
    source = item.source if isinstance(item.source, _SourceIn) else _SourceIn(id=item.source or "")
    id_ = source.id
    return PayoutLine(
        id=item.id,
        payout=payout,
        kind=class_of(item.type, item.reporting_category, amount, id_),
        currency=currency,
        amount=amount,
        net=from_minor(item.net, digits),
        fee=from_minor(taxed - item.fee, digits) if taxed != item.fee else ZERO,
        tax=from_minor(-taxed, digits) if taxed else ZERO,
        gap=from_minor(rest, digits) if rest else ZERO,
        type=item.reporting_category or item.type,
        at=at,
        order=_order_of(source) if source.metadata else "",
        payment=_charge_of(source),
        payment_alias=source.payment_intent if isinstance(source.payment_intent, str) else "",
        refund=id_ if id_.startswith(_REFUNDS) else "",
        dispute=id_ if id_.startswith(_DISPUTES) else "",
        presentment=_presentment(source, currency) if source.amount is not None else "",
        rate="" if item.exchange_rate is None else str(item.exchange_rate),
        place=place,
    )


def _charge_of(source: _SourceIn) -> str:
    """The charge that a transaction is about: its source, or that of a refund or dispute."""
    if source.id.startswith(_CHARGES):
        return source.id
    return source.charge if isinstance(source.charge, str) else ""


def _order_of(source: _SourceIn) -> str:
    found = source.metadata or {}
    return next((id_in(found[name]) for name in _ORDER_FIELDS if found.get(name) is not None), "")


def _presentment(source: _SourceIn, currency: str) -> str:
    other = (source.currency or "").upper()
    if source.amount is None or other in ("", currency):
        return ""
    return f"{from_minor(source.amount, digits_at_stripe(other))} {other}"


_own = re.compile(
    rb'"object"\s*:\s*"(?:balance_transaction|payout)"|"url"\s*:\s*"/v1/(?:balance_transactions|balance/history|payouts)'
).search


def _recognises(head: bytes) -> bool:
    return _own(head) is not None and b'"resources"' not in head[:200]


READER = PayoutFormat(
    name="stripe",
    provider=PROVIDER,
    about="Stripe: lists of balance transactions and of payouts, JSON of the API",
    recognises=_recognises,
    read=_read,
)
