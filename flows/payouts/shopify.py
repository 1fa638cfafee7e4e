"""Shopify Payments as JSON: payouts and balance transactions, as the Admin REST API answers them.

A document is a page, or one object: `{"payouts": [...]}`, `{"payout": {...}}`, `{"transactions": [...]}`. Source of
names and types: Shopify Admin REST reference 2025-01, resources Payouts and (balance) Transactions; types beyond those
from the GraphQL enum ShopifyPaymentsTransactionType.

A charge says its fee as what is taken away (`amount - fee = net`). Published examples of adjustments have fees with the
sign of the amount; both are facts here, and the rest is a gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import tzinfo
from decimal import Decimal
from itertools import chain, compress
from sys import intern

import msgspec

from flows.model.money import ZERO, InvalidAmount, exactly
from flows.model.payout import Finding, LineClass, PayoutHeader, PayoutLine, PayoutStatus
from flows.payouts.documents import (
    NOTHING,
    Value,
    by_batch,
    decoder,
    documents,
    items_as,
    places_in,
    read_as,
    read_whole,
    refused,
)
from flows.payouts.parts import (
    Part,
    PayoutFormat,
    Source,
    currency_in,
    day_in,
    id_in,
    ids_in,
    instant_in,
    json_amount,
    json_amounts,
    signed_class,
)

PROVIDER = "shopify_payments"
_REFUND, _DISPUTES = LineClass.REFUND, (LineClass.DISPUTE, LineClass.DISPUTE_REVERSAL)
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


class _Transactions(msgspec.Struct, forbid_unknown_fields=True):
    """A page of nothing else, as nearly all are."""

    transactions: list[_TransactionIn]


_many, _page, _payout, _transaction = (
    decoder(_Transactions), decoder(_Page), decoder(_PayoutIn), decoder(_TransactionIn),
)  # fmt: skip
_payouts, _transactions = decoder(list[_PayoutIn]), decoder(list[_TransactionIn])


def _read(source: Source) -> Iterator[Part]:
    return chain.from_iterable(_pages(source))


def _pages(source: Source) -> Iterator[Iterable[Part]]:
    for where, raw in documents(source.content):
        at = f"{where}." if where else ""
        whole = read_whole(_many, raw)
        if whole is None:
            page = read_as(_page, raw, where)
            yield _headers(page, where, at, source.zone)
            found = _of_page(page, at)
        else:
            found = by_batch(places_in(f"{at}transactions", whole.transactions), whole.transactions)
        for places, items in found:
            yield _parts(places, items, source.zone)


def _headers(page: _Page, where: str, at: str, zone: tzinfo) -> Iterator[PayoutHeader]:
    """The payouts of a page. Raises PayoutUnreadable when it has neither those nor transactions."""
    if not any(map(_has, (page.payouts, page.payout, page.transactions, page.transaction))):
        said = "it has neither payouts nor transactions, so it is not what Shopify's payments API answers"
        raise refused(where, "payouts", ValueError(said))
    if _has(page.payouts):
        for places, payouts in items_as(_payouts, _payout, page.payouts, f"{at}payouts"):
            for place, payout in zip(places, payouts, strict=True):
                yield _header(payout, place, zone)
    if _has(page.payout):
        yield _header(read_as(_payout, page.payout, f"{at}payout"), f"{at}payout", zone)


def _has(raw: msgspec.Raw) -> bool:
    return bytes(memoryview(raw)[:4]) != b"null"


def _of_page(page: _Page, at: str) -> Iterator[tuple[list[str], list[_TransactionIn]]]:
    if _has(page.transactions):
        yield from items_as(_transactions, _transaction, page.transactions, f"{at}transactions")
    if _has(page.transaction):
        yield [f"{at}transaction"], [read_as(_transaction, page.transaction, f"{at}transaction")]


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


def _parts(places: list[str], items: list[_TransactionIn], zone: tzinfo) -> Iterable[Part]:
    """Balance transactions as lines: all at once, which is quickest; or, when one of them is not what it should be, one
    by one, so that it is known which.
    """
    try:
        return _lines(places, items, zone)
    except (InvalidAmount, ValueError) as error:
        if len(items) == 1:
            raise refused(places[0], "amount" if isinstance(error, InvalidAmount) else "id or date", error) from None
    return chain.from_iterable(_parts([place], [item], zone) for place, item in zip(places, items, strict=True))


@exactly
def _lines(places: list[str], items: list[_TransactionIn], zone: tzinfo) -> list[Part]:
    """Each line, and before it what is odd about it. Some transactions are no lines."""
    if _NEVER in [item.type for item in items]:
        are_lines = [item.type != _NEVER for item in items]
        places, items = list(compress(places, are_lines)), list(compress(items, are_lines))
    amounts, nets = json_amounts([item.amount for item in items]), json_amounts([item.net for item in items])
    fees = json_amounts([item.fee for item in items])
    instants = [instant_in(item.processed_at or "", zone) for item in items]
    currencies = [currency_in(item.currency) for item in items]
    ids = ids_in([item.id for item in items])
    payouts = list(map(intern, ids_in([item.payout_id for item in items])))  # many lines have few of them
    orders = ids_in([item.source_order_id for item in items])
    payments = ids_in([item.source_order_transaction_id for item in items])
    found: list[Part] = []
    for place, item, id_, payout, currency, amount, net, taken, at, order, payment in zip(
        places, items, ids, payouts, currencies, amounts, nets, fees, instants, orders, payments, strict=True
    ):
        if item.test:
            said = "a test transaction is left out"
            found.append(Finding(kind="note", sentence=said, place=place, payout=payout, line=id_))
            continue
        type_ = item.type
        kind = _CLASSES.get(type_) or class_of(type_, amount)
        fee = -taken if taken else ZERO
        gap = net - amount - fee
        if gap:
            said = f"net {net} is not amount {amount} less fee {taken}; the rest of {gap} is unexplained"
            about = {"place": place, "payout": payout, "line": id_, "currency": currency}
            found.append(Finding(kind="contradiction", sentence=said, amount=gap, **about))
        refund = payment if kind is _REFUND else ""
        dispute = id_in(item.source_id) if kind in _DISPUTES else ""
        found.append(
            PayoutLine(
                id_, payout, kind, currency, amount, net, fee, ZERO, gap, type_, at, order,
                payment="" if refund else payment, refund=refund, dispute=dispute, place=place,
            )
        )  # fmt: skip
    return found


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
