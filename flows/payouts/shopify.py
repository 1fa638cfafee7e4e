"""Shopify Payments as JSON: payouts and balance transactions, as the Admin REST API answers them.

A document is a page, or one object: `{"payouts": [...]}`, `{"payout": {...}}`, `{"transactions": [...]}`. Source of
names and types: Shopify Admin REST reference 2025-01, resources Payouts and (balance) Transactions; types beyond those
from the GraphQL enum ShopifyPaymentsTransactionType.

A charge says its fee as what is taken away (`amount - fee = net`). Published examples of adjustments have fees with the
sign of the amount; both are facts here, and the rest is a gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import tzinfo
from decimal import Decimal

import msgspec

from flows.model.money import EXACT, ZERO, InvalidAmount
from flows.model.payout import Finding, LineClass, PayoutHeader, PayoutLine, PayoutStatus
from flows.payouts.documents import NOTHING, Value, decoder, documents, items_as, read_as, refused
from flows.payouts.parts import (
    Part,
    PayoutFormat,
    Source,
    amount_in,
    currency_in,
    day_in,
    id_in,
    instant_in,
    json_amount,
    signed_class,
)

PROVIDER = "shopify_payments"
_minus = EXACT.subtract
_DISPUTES = (LineClass.DISPUTE, LineClass.DISPUTE_REVERSAL)
_NEVER = "payout"
"""The type of the transaction that takes a payout from the balance: the payout itself, and none of its lines."""

STATUSES = {
    "scheduled": PayoutStatus.PENDING,
    "in_transit": PayoutStatus.IN_TRANSIT,
    "paid": PayoutStatus.PAID,
    "failed": PayoutStatus.FAILED,
    "canceled": PayoutStatus.CANCELLED,
    "cancelled": PayoutStatus.CANCELLED,
}
_CLASSES: Mapping[str, LineClass] = {
    "charge": LineClass.SALE,
    "refund": LineClass.REFUND,
    "refund_failure": LineClass.REFUND,
    "charge_adjustment": LineClass.ADJUSTMENT,
    "adjustment": LineClass.ADJUSTMENT,
    "credit": LineClass.ADJUSTMENT,
    "debit": LineClass.ADJUSTMENT,
    "payout_failure": LineClass.PAYOUT_RETURNED,
    "payout_cancellation": LineClass.PAYOUT_RETURNED,
    "advance": LineClass.ADVANCE,
    "advance_funding": LineClass.ADVANCE,
    "anomaly_credit": LineClass.ADJUSTMENT,
    "anomaly_debit": LineClass.ADJUSTMENT,
    "application_fee_refund": LineClass.FEE,
    "stripe_fee": LineClass.FEE,
    "shopify_collective_credit": LineClass.TRANSFER,
    "shopify_collective_debit": LineClass.TRANSFER,
    "transfer": LineClass.TRANSFER,
    "transfer_failure": LineClass.TRANSFER,
    "transfer_cancel": LineClass.TRANSFER,
    "tax_adjustment_credit": LineClass.WITHHELD_TAX,
    "tax_adjustment_debit": LineClass.WITHHELD_TAX,
    "vat_refund_credit": LineClass.TAX_ON_FEE,
    "channel_credit": LineClass.ADJUSTMENT,
    "chargeback_fee": LineClass.DISPUTE_FEE,
    "chargeback_fee_refund": LineClass.DISPUTE_FEE,
    "dispute_fee": LineClass.DISPUTE_FEE,
    "chargeback_protection_credit": LineClass.DISPUTE_REVERSAL,
    "chargeback_protection_debit": LineClass.DISPUTE,
    "exchange_difference": LineClass.EXCHANGE_DIFFERENCE,
}
_GAINED = {
    "dispute": (LineClass.DISPUTE_REVERSAL, LineClass.DISPUTE),
    "chargeback": (LineClass.DISPUTE_REVERSAL, LineClass.DISPUTE),
    "dispute_reversal": (LineClass.DISPUTE_REVERSAL, LineClass.DISPUTE),
    "reserve": (LineClass.RESERVE_RELEASE, LineClass.RESERVE),
    "reserved_funds": (LineClass.RESERVE_RELEASE, LineClass.RESERVE),
}
"""Types that take or give back by their sign."""


def class_of(type_: str, amount: Decimal) -> LineClass:
    """The class of a balance transaction, by its type and sign."""
    pair = _GAINED.get(type_)
    return signed_class(amount, *pair) if pair is not None else _CLASSES.get(type_, LineClass.UNEXPLAINED)


class _Summary(msgspec.Struct, gc=False):
    charges_gross_amount: Value = None
    refunds_gross_amount: Value = None


class _PayoutIn(msgspec.Struct, gc=False):
    id: Value
    currency: str
    amount: Value
    status: str = ""
    date: str | None = None
    summary: _Summary | None = None


class _TransactionIn(msgspec.Struct, gc=False):
    id: Value
    type: str
    currency: str
    amount: Value
    net: Value
    fee: Value = "0"
    test: bool = False
    payout_id: Value = None
    payout_status: str | None = None
    source_id: Value = None
    source_type: str | None = None
    source_order_id: Value = None
    source_order_transaction_id: Value = None
    processed_at: str | None = None


class _Page(msgspec.Struct):
    payouts: msgspec.Raw = NOTHING
    payout: msgspec.Raw = NOTHING
    transactions: msgspec.Raw = NOTHING
    transaction: msgspec.Raw = NOTHING


_page, _payout, _transaction = decoder(_Page), decoder(_PayoutIn), decoder(_TransactionIn)
_payouts, _transactions = decoder(list[_PayoutIn]), decoder(list[_TransactionIn])


def _read(source: Source) -> Iterator[Part]:
    findings: list[Finding] = []
    for where, raw in documents(source.content):
        page = read_as(_page, raw, where)
        at = f"{where}." if where else ""
        given = [each for each in (page.payouts, page.payout, page.transactions, page.transaction) if _has(each)]
        if not given:
            said = "it has neither payouts nor transactions, so it is not what Shopify's payments API answers"
            raise refused(where, "payouts", ValueError(said))
        if _has(page.payouts):
            for place, payout in items_as(_payouts, _payout, page.payouts, f"{at}payouts"):
                yield _header(payout, place, source.zone)
        if _has(page.payout):
            yield _header(read_as(_payout, page.payout, f"{at}payout"), f"{at}payout", source.zone)
        for place, item in _of_page(page, at):
            line = _line(item, place, source.zone, findings)
            if findings:
                yield from findings
                findings.clear()
            if line is not None:
                yield line


def _has(raw: msgspec.Raw) -> bool:
    return bytes(memoryview(raw)[:4]) != b"null"


def _of_page(page: _Page, at: str) -> Iterator[tuple[str, _TransactionIn]]:
    if _has(page.transactions):
        yield from items_as(_transactions, _transaction, page.transactions, f"{at}transactions")
    if _has(page.transaction):
        yield f"{at}transaction", read_as(_transaction, page.transaction, f"{at}transaction")


def _header(payout: _PayoutIn, place: str, zone: tzinfo) -> PayoutHeader:
    field = "amount"
    try:
        paid = json_amount(payout.amount)
        field = "currency"
        currency = currency_in(payout.currency)
        field = "date"
        day = day_in(payout.date, zone)
        field = "id"
        id_ = id_in(payout.id)
        field = "summary"
        totals = _totals(payout.summary)
    except (InvalidAmount, ValueError) as error:
        raise refused(place, field, error) from None
    return PayoutHeader(
        id=id_,
        currency=currency,
        status=STATUSES.get(payout.status, PayoutStatus.UNKNOWN),
        paid=paid,
        paid_on=day,
        expected_on=day,
        totals=totals,
        place=place,
    )


def _totals(summary: _Summary | None) -> dict[LineClass, Decimal]:
    """Sales and refunds of the summary; its other sums mix classes of rule 22."""
    if summary is None:
        return {}
    found = {LineClass.SALE: summary.charges_gross_amount, LineClass.REFUND: summary.refunds_gross_amount}
    return {kind: json_amount(value) for kind, value in found.items() if value is not None}


def _line(item: _TransactionIn, place: str, zone: tzinfo, findings: list[Finding]) -> PayoutLine | None:
    """A balance transaction as a line; None for one that is none. What is odd about it is added to `findings`."""
    if item.type == _NEVER:
        return None
    try:
        texts = type(item.amount) is type(item.net) is type(item.fee) is str  # as nearly always; a call less for each
        read = amount_in if texts else json_amount
        amount, net, taken = read(item.amount), read(item.net), read(item.fee)
        fee = _minus(ZERO, taken) if taken else ZERO
        gap = _minus(_minus(net, amount), fee)
        at = "" if item.processed_at is None else instant_in(item.processed_at, zone)
        kind, currency = class_of(item.type, amount), currency_in(item.currency)
        dispute = id_in(item.source_id) if kind in _DISPUTES else ""
        id_, payout, order, payment = [
            str(each) if type(each) is int else id_in(each)
            for each in (item.id, item.payout_id, item.source_order_id, item.source_order_transaction_id)
        ]
    except (InvalidAmount, ValueError) as error:
        raise refused(place, "amount" if isinstance(error, InvalidAmount) else "id or date", error) from None
    if item.test:
        said = "a test transaction is left out"
        findings.append(Finding(kind="note", sentence=said, place=place, payout=payout, line=id_))
        return None
    if gap:
        said = f"net {net} is not amount {amount} less fee {taken}; the rest of {gap} is unexplained"
        found = {"place": place, "payout": payout, "line": id_, "currency": currency}
        findings.append(Finding(kind="contradiction", sentence=said, amount=gap, **found))
    is_refund = kind is LineClass.REFUND
    return PayoutLine(
        id=id_,
        payout=payout,
        kind=kind,
        currency=currency,
        amount=amount,
        net=net,
        fee=fee,
        gap=gap,
        type=item.type,
        at=at,
        order=order,
        payment="" if is_refund else payment,
        refund=payment if is_refund else "",
        dispute=dispute,
        place=place,
    )


def _recognises(head: bytes) -> bool:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not text.startswith((b"{", b"[")):
        return False
    return b'"source_order_id"' in text or (
        (b'"payouts"' in text[:200] or b'"payout"' in text[:200]) and b'"object"' not in text
    )


READER = PayoutFormat(
    name="shopify",
    provider=PROVIDER,
    about="Shopify Payments: payouts and balance transactions of the Admin REST API, JSON",
    recognises=_recognises,
    read=_read,
)
