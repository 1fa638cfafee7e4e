"""Shopify Payments as JSON: payouts and balance transactions, as the Admin REST API answers them.

A document is a page, or one object: `{"payouts": [...]}`, `{"payout": {...}}`, `{"transactions": [...]}`; or, as tools
gather them from pages, a payout or a transaction itself. Source of names and types: Shopify Admin REST reference
2025-01, resources Payouts and (balance) Transactions; types beyond those from the GraphQL enum
ShopifyPaymentsTransactionType.

The transaction that takes a payout from the balance is the payout itself: it says what was paid, and how far it is, so
that transactions alone can be proven, too.

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

from flows.model.money import ZERO, InvalidAmount, exactly, summed
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
    BOM,
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
    with_status,
)

PROVIDER = "shopify_payments"
_REFUND, _DISPUTES = LineClass.REFUND, (LineClass.DISPUTE, LineClass.DISPUTE_REVERSAL)
_PAYOUT = "payout"
"""The type of the transaction that takes a payout from the balance: the payout itself, and none of its lines."""

STATUSES = {
    "pending": PayoutStatus.PENDING,
    "scheduled": PayoutStatus.PENDING,
    "in_transit": PayoutStatus.IN_TRANSIT,
    "paid": PayoutStatus.PAID,
    "failed": PayoutStatus.FAILED,
    "canceled": PayoutStatus.CANCELLED,
    "cancelled": PayoutStatus.CANCELLED,
}
_TYPES: Mapping[LineClass, str] = {
    LineClass.SALE: "charge",
    LineClass.REFUND: "refund refund_failure",
    LineClass.ADJUSTMENT: "charge_adjustment refund_adjustment adjustment credit debit anomaly_credit anomaly_debit "
    "shop_cash_credit shop_cash_refund_debit "
    "ads_publisher_credit channel_credit channel_promotion_credit collections_credit markets_pro_credit "
    "merchant_goodwill_credit promotion_credit",
    LineClass.PAYOUT_RETURNED: "payout_failure payout_cancellation",
    LineClass.ADVANCE: "advance advance_funding lending_capital_refund lending_capital_remittance lending_credit "
    "lending_credit_refund lending_credit_remittance lending_debit",
    LineClass.FEE: "application_fee_refund stripe_fee ach_bank_failure_debit_fee ach_bank_failure_debit_reversal_fee "
    "billing_debit marketplace_fee_credit referral_fee shop_cash_billing_debit shop_cash_campaign_billing_credit "
    "shop_cash_campaign_billing_debit shipping_label shipping_label_adjustment shipping_label_adjustment_base "
    "shipping_label_adjustment_surcharge shipping_other_carrier_charge_adjustment "
    "shipping_return_to_origin_adjustment",
    LineClass.TAX_ON_FEE: "vat_refund_credit referral_fee_tax agentic_fee_tax_credit agentic_fee_tax_debit",
    LineClass.TRANSFER: "shopify_collective_credit shopify_collective_debit shopify_source_credit "
    "shopify_source_debit balance_transfer_inbound balance_transfer_outbound channel_transfer_credit "
    "channel_transfer_debit merchant_to_merchant_credit merchant_to_merchant_debit transfer transfer_failure "
    "transfer_cancel transfer_refund",
    LineClass.WITHHELD_TAX: "marketplace_sales_tax tax_adjustment_credit tax_adjustment_debit customs_duty "
    "customs_duty_adjustment import_tax import_tax_adjustment import_tax_refund",
    LineClass.DISPUTE_FEE: "chargeback_fee chargeback_fee_refund dispute_fee",
    LineClass.EXCHANGE_DIFFERENCE: "exchange_difference",
}
"""Sales and refunds are what payouts sum as charges and refunds; what Shop Cash pays of an order is none of these."""
_CLASSES: Mapping[str, LineClass] = {type_: kind for kind, types in _TYPES.items() for type_ in types.split()}
_DISPUTED, _KEPT = (
    (LineClass.DISPUTE_REVERSAL, LineClass.DISPUTE),
    (LineClass.RESERVE_RELEASE, LineClass.RESERVE),
)
_GAINED: Mapping[str, tuple[LineClass, LineClass]] = {
    **dict.fromkeys(("dispute", "dispute_withdrawal", "dispute_reversal", "chargeback", "chargeback_won"), _DISPUTED),
    **dict.fromkeys(("chargeback_protection_credit", "chargeback_protection_debit"), _DISPUTED),
    "seller_protection_credit": _DISPUTED,
    **dict.fromkeys(
        ("reserve", "reserve_payout", "reserved_funds", "reserved_funds_withdrawal", "risk", "risk_withdrawal"), _KEPT
    ),
    **dict.fromkeys(("chargeback_hold", "chargeback_hold_release"), _KEPT),
}
"""Types that take or give back by their sign."""
_TURNED = "_reversal"
"""How the type of what turns another ends: it has the class of that."""


def class_of(type_: str, amount: Decimal) -> LineClass:
    """The class of a balance transaction, by its type and sign."""
    for word in (type_, type_.removesuffix(_TURNED)):
        if (kind := _CLASSES.get(word)) is not None:
            return kind
        if (pair := _GAINED.get(word)) is not None:
            return signed_class(amount, *pair)
    return LineClass.UNEXPLAINED


class SummaryIn(msgspec.Struct, gc=False):
    """Sums that a payout states of itself: what came and went, and what was taken of that."""

    charges_gross_amount: Value = None
    refunds_gross_amount: Value = None
    adjustments_gross_amount: Value = None
    reserved_funds_gross_amount: Value = None
    retried_payouts_gross_amount: Value = None
    charges_fee_amount: Value = None
    refunds_fee_amount: Value = None
    adjustments_fee_amount: Value = None
    reserved_funds_fee_amount: Value = None
    retried_payouts_fee_amount: Value = None
    advance_gross_amount: Value = "0"
    advance_fee_amount: Value = "0"
    usdc_rebate_credit_amount: Value = "0"


class PayoutIn(msgspec.Struct, gc=False):
    """A payout, as it stands in the file."""

    id: Value
    currency: str
    amount: Value
    status: str = ""
    date: str | None = None
    summary: SummaryIn | None = None


class TransactionIn(msgspec.Struct, gc=False):
    """A balance transaction, as it stands in the file."""

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

    transactions: list[TransactionIn]


class _Bare(msgspec.Struct, gc=False):
    net: Value = None
    status: Value = None
    amount: Value = None


_many, _page, _bare = decoder(_Transactions), decoder(_Page), decoder(_Bare)
_payout, _transaction = decoder(PayoutIn), decoder(TransactionIn)
_payouts, _transactions = decoder(list[PayoutIn]), decoder(list[TransactionIn])


def _read(source: Source) -> Iterator[Part]:
    return chain.from_iterable(_pages(source))


def _pages(source: Source) -> Iterator[Iterable[Part]]:
    for where, raw in documents(source.content):
        at = f"{where}." if where else ""
        whole = read_whole(_many, raw)
        if whole is None:
            page = read_as(_page, raw, where)
            if not any(map(_has, (page.payouts, page.payout, page.transactions, page.transaction))):
                yield _of_bare(raw, where, source.zone)
            yield _headers(page, at, source.zone)
            found = _of_page(page, at)
        else:
            found = by_batch(places_in(f"{at}transactions", whole.transactions), whole.transactions)
        for places, items in found:
            yield parts_of(places, items, source.zone)


def _of_bare(raw: msgspec.Raw, where: str, zone: tzinfo) -> Iterable[Part]:
    """A document that is a transaction, which has a net amount, or a payout, which has a status."""
    bare = read_as(_bare, raw, where)
    if bare.net is not None:
        return parts_of([where], [read_as(_transaction, raw, where)], zone)
    if bare.status is not None and bare.amount is not None:
        return told_of(read_as(_payout, raw, where), where, zone)
    said = "it has neither payouts nor transactions, so it is not what Shopify's payments API answers"
    raise refused(where, "payouts", ValueError(said))


def _headers(page: _Page, at: str, zone: tzinfo) -> Iterator[Part]:
    if _has(page.payouts):
        for places, payouts in items_as(_payouts, _payout, page.payouts, f"{at}payouts"):
            for place, payout in zip(places, payouts, strict=True):
                yield from told_of(payout, place, zone)
    if _has(page.payout):
        yield from told_of(read_as(_payout, page.payout, f"{at}payout"), f"{at}payout", zone)


def _has(raw: msgspec.Raw) -> bool:
    return bytes(memoryview(raw)[:4]) != b"null"


def _of_page(page: _Page, at: str) -> Iterator[tuple[list[str], list[TransactionIn]]]:
    if _has(page.transactions):
        yield from items_as(_transactions, _transaction, page.transactions, f"{at}transactions")
    if _has(page.transaction):
        yield [f"{at}transaction"], [read_as(_transaction, page.transaction, f"{at}transaction")]


def told_of(payout: PayoutIn, place: str, zone: tzinfo, *, withdrawn: bool = False) -> list[Part]:
    """What a payout says of itself; `withdrawn` from the bank is negative, whichever sign it has. Raises
    PayoutUnreadable.
    """
    field = "amount"
    try:
        paid = json_amount(payout.amount)
        paid = paid.copy_negate() if withdrawn and paid > ZERO else paid
        field = "currency"
        currency = currency_in(payout.currency)
        field = "date"
        day = day_in(payout.date, zone)
        field = "id"
        id_ = id_in(payout.id)
        field = "summary"
        totals, stated = _totals(payout.summary), _stated(payout.summary)
    except (InvalidAmount, ValueError) as error:
        raise refused(place, field, error) from None
    header = PayoutHeader(
        id=id_, currency=currency, paid=paid, paid_on=day, expected_on=day, totals=totals, place=place
    )
    header = with_status(header, STATUSES, payout.status)
    return [header, *of_sums(header, *stated)] if stated is not None else [header]


def _totals(summary: SummaryIn | None) -> dict[LineClass, Decimal]:
    """Sales and refunds of the summary; its other sums mix classes of rule 22."""
    if summary is None:
        return {}
    found = {LineClass.SALE: summary.charges_gross_amount, LineClass.REFUND: summary.refunds_gross_amount}
    return {kind: json_amount(value) for kind, value in found.items() if value is not None}


def _stated(summary: SummaryIn | None) -> tuple[Decimal, Decimal] | None:
    """What its sums come to before fees, and the fees; None where it does not say all of them."""
    said = () if summary is None else msgspec.structs.astuple(summary)
    if not said or None in said:
        return None
    amounts = dict(zip(SummaryIn.__struct_fields__, map(json_amount, said), strict=True))
    fees = summed([amount for name, amount in amounts.items() if "_fee_" in name])
    return summed([amount for name, amount in amounts.items() if "_fee_" not in name]), fees


@exactly
def of_sums(header: PayoutHeader, gross: Decimal, fees: Decimal) -> list[Finding]:
    """What a payout is more or less than its own sums come to, whichever sign its fees have. Nobody says that Shopify
    sums everything that can be in a payout, so it is said and nothing is held for it: its lines prove it, or do not.
    """
    paid = header.paid
    if paid is None:
        return []
    stated = min(gross - fees, gross + fees, key=lambda each: abs(paid - each))
    if paid == stated:
        return []
    said = f"its own sums come to {stated}, and {paid} was paid: {paid - stated} is in none of them"
    about = {"place": header.place, "payout": header.id, "currency": header.currency}
    return [Finding(kind="note", sentence=said, amount=paid - stated, **about)]


def parts_of(places: list[str], items: list[TransactionIn], zone: tzinfo) -> Iterable[Part]:
    """Balance transactions as lines: all at once, which is quickest; or, when one of them is not what it should be, one
    by one, so that it is known which.
    """
    try:
        return _lines(places, items, zone)
    except (InvalidAmount, ValueError) as error:
        if len(items) == 1:
            raise refused(places[0], "amount" if isinstance(error, InvalidAmount) else "id or date", error) from None
    return chain.from_iterable(parts_of([place], [item], zone) for place, item in zip(places, items, strict=True))


@exactly
def _lines(places: list[str], items: list[TransactionIn], zone: tzinfo) -> list[Part]:
    """Each line, and before it what is odd about it; before all of them what was paid."""
    payouts = list(map(intern, ids_in([item.payout_id for item in items])))  # many lines have few of them
    found: list[Part] = []
    if _PAYOUT in [item.type for item in items]:
        are_lines = [item.type != _PAYOUT for item in items]
        for place, item, payout in zip(places, items, payouts, strict=True):
            if item.type == _PAYOUT and payout and not item.test:
                found += _paid(place, item, payout, zone)
        places, items = list(compress(places, are_lines)), list(compress(items, are_lines))
        payouts = list(compress(payouts, are_lines))
    amounts, nets = json_amounts([item.amount for item in items]), json_amounts([item.net for item in items])
    fees = json_amounts([item.fee for item in items])
    instants = [instant_in(item.processed_at or "", zone) for item in items]
    currencies = [currency_in(item.currency) for item in items]
    ids = ids_in([item.id for item in items])
    orders = ids_in([item.source_order_id for item in items])
    payments = ids_in([item.source_order_transaction_id for item in items])
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


def _paid(place: str, item: TransactionIn, payout: str, zone: tzinfo) -> list[Part]:
    """What the transaction that is the payout says was paid and how far it is, and a line of what that cost."""
    currency, paid, taken = currency_in(item.currency), json_amount(item.amount), json_amount(item.fee)
    header = PayoutHeader(id=payout, currency=currency, paid=-paid, place=place)
    header = with_status(header, STATUSES, item.payout_status or "")
    if not taken:
        return [header]
    at = instant_in(item.processed_at or "", zone)
    cost = PayoutLine(id_in(item.id), payout, LineClass.FEE, currency, -taken, -taken, type=_PAYOUT, at=at, place=place)
    return [header, cost]


def _recognises(head: bytes) -> bool:
    text = head.removeprefix(BOM).lstrip()
    if not text.startswith((b"{", b"[")):
        return False
    if b'"shopifyPaymentsAccount"' in text:
        return False  # of GraphQL
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
