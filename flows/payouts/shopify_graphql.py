"""Shopify Payments as JSON of the GraphQL Admin API: answers with `shopifyPaymentsAccount`, its payouts and balance
transactions.

Ids are those of the REST API (the number at the end of `gid://shopify/...`), so both tell of the same payouts and
lines, and may be mixed. An answer may stand without its `data`, as libraries hand it on and as the reference prints it.
A connection has its items under `edges` or `nodes`; one that goes on is named. Source: Shopify GraphQL Admin reference,
ShopifyPaymentsAccount, ShopifyPaymentsPayout and ShopifyPaymentsBalanceTransaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import tzinfo

import msgspec

from flows.model.payout import Finding
from flows.payouts.documents import Pages, Value, decoder, documents, read_as, refused
from flows.payouts.parts import BATCH, Part, PayoutFormat, Source
from flows.payouts.shopify import PROVIDER, PayoutIn, SummaryIn, TransactionIn, parts_of, told_of

_SAME = {"transfer": "payout", "transfer_failure": "payout_failure", "transfer_cancel": "payout_cancellation"}
"""What the REST API calls these types: the payout itself, and what came of it."""
_WITHDRAWAL = "WITHDRAWAL"
"""The direction of a payout that takes money from the bank."""


class _Money(msgspec.Struct, gc=False, rename="camel"):
    amount: Value
    currency_code: str


class _InTheSame(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """An amount whose currency was not asked for: that of the transaction."""

    amount: Value
    currency_code: str | None = None


class _Named(msgspec.Struct, gc=False):
    id: str | None = None
    status: str = ""


class _Summary(msgspec.Struct, gc=False, rename="camel"):
    """In the order of `SummaryIn`."""

    charges_gross: _InTheSame | None = None
    refunds_fee_gross: _InTheSame | None = None
    adjustments_gross: _InTheSame | None = None
    reserved_funds_gross: _InTheSame | None = None
    retried_payouts_gross: _InTheSame | None = None
    charges_fee: _InTheSame | None = None
    refunds_fee: _InTheSame | None = None
    adjustments_fee: _InTheSame | None = None
    reserved_funds_fee: _InTheSame | None = None
    retried_payouts_fee: _InTheSame | None = None
    advance_gross: _InTheSame | None = None
    advance_fees: _InTheSame | None = None
    usdc_rebate_credit_amount: _InTheSame | None = _InTheSame("0")


class _Payout(msgspec.Struct, gc=False, rename="camel"):
    id: str
    net: _Money
    status: str = ""
    transaction_type: str = ""
    issued_at: str | None = None
    summary: _Summary | None = None


class _Transaction(msgspec.Struct, gc=False, rename="camel"):
    id: str
    type: str
    amount: _Money
    net: _InTheSame
    fee: _InTheSame | None = None
    test: bool = False
    transaction_date: str | None = None
    associated_payout: _Named | None = None
    associated_order: _Named | None = None
    source_id: Value = None
    source_type: str | None = None
    source_order_transaction_id: Value = None


class _Edge(msgspec.Struct):
    node: msgspec.Raw


class _Page(msgspec.Struct, rename="camel"):
    has_next_page: bool = False
    has_previous_page: bool = False


class _Connection(msgspec.Struct, rename="camel"):
    edges: list[_Edge] | None = None
    nodes: list[msgspec.Raw] | None = None
    page_info: _Page | None = None


class _Account(msgspec.Struct, rename="camel"):
    payouts: _Connection | None = None
    balance_transactions: _Connection | None = None


class _Root(msgspec.Struct, rename="camel"):
    shopify_payments_account: _Account | None = None


class _Answer(_Root, rename="camel"):
    data: _Root | None = None
    errors: list[msgspec.Raw] | None = None


_answer, _payout, _transaction = decoder(_Answer), decoder(_Payout), decoder(_Transaction)


def _read(source: Source) -> Iterator[Part]:
    pages = _Pages()
    for where, raw in documents(source.content):
        answer = read_as(_answer, raw, where)
        root = answer if answer.data is None else answer.data
        account = root.shopify_payments_account
        at = f"{where}." if where else ""
        if account is None or (account.payouts is None and account.balance_transactions is None):
            said = "it has neither payouts nor balanceTransactions of a shopifyPaymentsAccount"
            raise refused(where, "data", ValueError(said))
        if answer.errors:
            said = "errors: the API could not answer all of it, so that something may not be in this file"
            yield Finding(kind="incomplete", sentence=said, place=where or "the document")
        at += f"{'data.' if root is answer.data else ''}shopifyPaymentsAccount."
        if account.payouts is not None:
            yield from _payouts(account.payouts, f"{at}payouts", source.zone)
            pages.has(account.payouts, "payouts", at)
        if account.balance_transactions is not None:
            yield from _transactions(account.balance_transactions, f"{at}balanceTransactions", source.zone)
            pages.has(account.balance_transactions, "balanceTransactions", at)
    yield from pages.missing()


class _Pages(Pages):
    """Pages of connections: one that goes on is followed by the next of its connection that has one before it."""

    def __init__(self) -> None:
        super().__init__()
        self._followed = Counter[str]()

    def has(self, connection: _Connection, name: str, at: str) -> None:
        """A page of the connection `name`."""
        page = connection.page_info or _Page()
        if page.has_previous_page:
            self._followed[name] += 1
            self.begins(f"{name} {self._followed[name]}")
        if page.has_next_page:
            self.goes_on("hasNextPage", f"{at}{name}", f"{name} {self._followed[name] + 1}")


def _payouts(connection: _Connection, at: str, zone: tzinfo) -> Iterator[Part]:
    for place, raw in _items(connection, at):
        payout = read_as(_payout, raw, place)
        yield from told_of(_as_payout(payout), place, zone, withdrawn=payout.transaction_type == _WITHDRAWAL)


def _transactions(connection: _Connection, at: str, zone: tzinfo) -> Iterator[Part]:
    items = list(_items(connection, at))
    for start in range(0, len(items), BATCH):
        places, raws = zip(*items[start : start + BATCH], strict=True)
        read = [
            _as_transaction(read_as(_transaction, raw, place), place) for place, raw in zip(places, raws, strict=True)
        ]
        yield from parts_of(list(places), read, zone)


def _items(connection: _Connection, at: str) -> Iterator[tuple[str, msgspec.Raw]]:
    """Each item of a connection with its place."""
    if connection.nodes is not None:
        yield from ((f"{at}.nodes[{number}]", raw) for number, raw in enumerate(connection.nodes, start=1))
    elif connection.edges is not None:
        yield from ((f"{at}.edges[{number}]", each.node) for number, each in enumerate(connection.edges, start=1))


def _number(gid: str | None) -> str:
    """The id of the REST API: `gid://shopify/Order/1` is 1."""
    return "" if gid is None else gid.rpartition("/")[2].partition("?")[0]


def _number_of(id_: Value) -> Value:
    """The same of an id that stands as a number, or as either."""
    return _number(id_) if isinstance(id_, str) else id_


def _as_payout(payout: _Payout) -> PayoutIn:
    summary = payout.summary
    return PayoutIn(
        id=_number(payout.id),
        currency=payout.net.currency_code,
        amount=payout.net.amount,
        status=payout.status.casefold(),
        date=payout.issued_at,
        summary=None if summary is None else SummaryIn(*map(_amount, msgspec.structs.astuple(summary))),
    )


def _amount(money: _InTheSame | None) -> Value:
    return None if money is None else money.amount


def _as_transaction(item: _Transaction, place: str) -> TransactionIn:
    currency, type_ = item.amount.currency_code, item.type.casefold()
    if any(each is not None and each.currency_code not in (None, currency) for each in (item.net, item.fee)):
        raise refused(place, "fee or net", ValueError("it is in another currency than the amount"))
    payout = item.associated_payout or _Named()
    return TransactionIn(
        id=_number(item.id),
        type=_SAME.get(type_, type_),
        currency=currency,
        amount=item.amount.amount,
        net=item.net.amount,
        fee="0" if item.fee is None else item.fee.amount,
        test=item.test,
        payout_id=_number(payout.id),
        payout_status=payout.status.casefold(),
        source_id=item.source_id,
        source_order_id=_number(None if item.associated_order is None else item.associated_order.id),
        source_order_transaction_id=_number_of(item.source_order_transaction_id),
        processed_at=item.transaction_date,
    )


READER = PayoutFormat(
    name="shopify-graphql",
    provider=PROVIDER,
    about="Shopify Payments: payouts and balance transactions of the GraphQL Admin API, JSON",
    recognises=lambda head: b'"shopifyPaymentsAccount"' in head,
    read=_read,
)
