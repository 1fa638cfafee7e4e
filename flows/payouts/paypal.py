"""PayPal as JSON: pages of the Transaction Search API.

PayPal does not say which transactions a withdrawal is made of, so lines are statements of account, by currency and day
(UTC, or the time zone that is named), and a withdrawal is a line (`transfer`). A day that the file has in full, with
balances, is proven by them: its lines change the balance from the first to the last. A file may have the answers to
several questions, as of each month one; the pages of each are looked for apart.

Source: PayPal, Transaction Search API v1 (`transaction_info`, `transaction_status`), "Transaction event codes".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import tzinfo
from decimal import Decimal
from itertools import islice

import msgspec

from flows.model.money import ZERO, InvalidAmount, exactly
from flows.model.payout import Finding, LineClass, PayoutHeader, PayoutLine
from flows.payouts.documents import Value, decoder, documents, read_as, refused
from flows.payouts.parts import (
    Part,
    PayoutFormat,
    Source,
    currency_in,
    day_in,
    id_in,
    instant_in,
    json_amount,
    signed_class,
    statement_of,
)

PROVIDER = "paypal"
_DENIED, _PENDING = "D", "P"
_NAMED_MAX = 5
_BALANCELESS = "T13"
"""Authorisations, which move nothing."""

_EXACT: Mapping[str, LineClass] = {
    "T0106": LineClass.DISPUTE_FEE,
    "T0114": LineClass.DISPUTE_FEE,
    "T1101": LineClass.PAYOUT_RETURNED,
    "T1104": LineClass.TOP_UP,
    "T1105": LineClass.RESERVE_RELEASE,
    "T1107": LineClass.REFUND,
    "T1108": LineClass.FEE,
    "T1109": LineClass.FEE,
    "T1110": LineClass.RESERVE,
    "T1111": LineClass.RESERVE_RELEASE,
    "T1114": LineClass.TRANSFER,
    "T1115": LineClass.TRANSFER,
    "T1119": LineClass.FEE,
    "T1200": LineClass.ADJUSTMENT,
    "T1201": LineClass.DISPUTE,
    "T1202": LineClass.DISPUTE_REVERSAL,
    "T1203": LineClass.ADJUSTMENT,
    "T1204": LineClass.ADJUSTMENT,
}
_GROUPS: Mapping[str, LineClass] = {
    "T01": LineClass.FEE,
    "T02": LineClass.EXCHANGE_DIFFERENCE,
    "T03": LineClass.TOP_UP,
    "T06": LineClass.TRANSFER,
    "T07": LineClass.TRANSFER,
    "T08": LineClass.ADJUSTMENT,
    "T09": LineClass.ADJUSTMENT,
    "T11": LineClass.REFUND,
    "T16": LineClass.ADVANCE,
    "T17": LineClass.TRANSFER,
    "T18": LineClass.ADVANCE,
    "T19": LineClass.ADJUSTMENT,
    "T20": LineClass.TRANSFER,
    "T22": LineClass.TRANSFER,
}
"""By the first three characters of an event code. T02 are the two legs of a conversion, one in each currency."""
_BY_SIGN: Mapping[str, tuple[LineClass, LineClass]] = {
    "T1106": (LineClass.DISPUTE_REVERSAL, LineClass.DISPUTE),
    "T00": (LineClass.SALE, LineClass.UNEXPLAINED),
    "T04": (LineClass.PAYOUT_RETURNED, LineClass.TRANSFER),
    "T12": (LineClass.DISPUTE_REVERSAL, LineClass.DISPUTE),
    "T15": (LineClass.RESERVE_RELEASE, LineClass.RESERVE),
    "T21": (LineClass.RESERVE_RELEASE, LineClass.RESERVE),
}
"""By the code or its first three characters. T1106 is what PayPal takes back itself, such as a lost chargeback."""


def class_of(code: str, amount: Decimal) -> LineClass:
    """The class of a transaction, by its event code and sign."""
    if code in _EXACT:
        return _EXACT[code]
    group = code[:3]
    pair = _BY_SIGN.get(code) or _BY_SIGN.get(group)
    return signed_class(amount, *pair) if pair is not None else _GROUPS.get(group, LineClass.UNEXPLAINED)


class _MoneyIn(msgspec.Struct, gc=False):
    value: Value
    currency_code: str


class _MovementIn(msgspec.Struct, gc=False):
    transaction_id: str
    transaction_event_code: str
    transaction_initiation_date: str
    transaction_amount: _MoneyIn
    fee_amount: _MoneyIn | None = None
    transaction_status: str = "S"
    ending_balance: _MoneyIn | None = None
    invoice_id: Value = None
    custom_field: Value = None
    paypal_reference_id: Value = None
    paypal_reference_id_type: str = ""


class _DetailIn(msgspec.Struct, gc=False):
    transaction_info: _MovementIn


class _Page(msgspec.Struct):
    transaction_details: list[msgspec.Raw]
    account_number: str = ""
    start_date: str | None = None
    end_date: str | None = None
    page: int = 1
    total_pages: int | None = None
    total_items: int | None = None


_page, _detail = decoder(_Page), decoder(_DetailIn)


class _Day:
    """What is known of one statement while its lines pass."""

    __slots__ = ("balance", "first", "header", "last_at", "ordered")

    def __init__(self, header: PayoutHeader) -> None:
        self.header = header
        self.first: Decimal | None = None
        self.balance: Decimal | None = None
        self.last_at, self.ordered = "", True


class _Question:
    """What the pages of one question to the API say of it and of each other; no more of them is kept."""

    def __init__(self, asked: str) -> None:
        self._asked = asked
        self._items: dict[int, int] = {}
        """Page -> how many transactions stand on it."""
        self._pages, self._totals = 1, set[int]()
        self._began, self._ended = list[str](), list[str]()

    def has(self, page: _Page, zone: tzinfo) -> None:
        """One of its pages, in whichever order; a page may be there twice."""
        self._items[page.page] = len(page.transaction_details)
        self._pages = max(self._pages, page.total_pages or 1)
        if page.total_items is not None:
            self._totals.add(page.total_items)
        self._began.append(_instant(page.start_date, zone))
        self._ended.append(_instant(page.end_date, zone))

    def missing(self, *, among_others: bool) -> str:
        """What its pages themselves say is not in the file; empty: nothing."""
        on = f", of those from {self._asked}" if among_others else ""
        missing = (number for number in range(1, self._pages + 1) if number not in self._items)
        absent = list(islice(missing, _NAMED_MAX + 1))  # whatever number stands there, no more are counted
        if absent:
            named = ", ".join(map(str, absent[:_NAMED_MAX])) + (" and more" if len(absent) > _NAMED_MAX else "")
            return f"of {self._pages} pages these are not in the file: {named}{on}"
        found = sum(self._items.values())
        if len(self._totals) == 1 and self._totals != {found}:
            return f"total_items says {min(self._totals)} transactions, and there are {found}{on}"
        return ""

    def holds(self, first: str, last: str) -> bool:
        """Whether it was about all of what lies between these instants."""
        began, ended = max(self._began), min(self._ended)
        return all(self._began) and bool(ended) and began <= first and ended >= last


def _instant(text: str | None, zone: tzinfo) -> str:
    try:
        return instant_in(text or "", zone)
    except ValueError:
        return ""


def _read(source: Source) -> Iterator[Part]:
    days: dict[str, _Day] = {}
    seen: set[str] = set()
    questions: dict[tuple[str, str], _Question] = {}
    for where, raw in documents(source.content):
        page = read_as(_page, raw, where)
        asked = page.account_number, page.start_date or ""
        questions.setdefault(asked, _Question(asked[1])).has(page, source.zone)
        at = f"{where}." if where else ""
        for number, each in enumerate(page.transaction_details, start=1):
            place = f"{at}transaction_details[{number}]"
            item = read_as(_detail, each, place).transaction_info
            yield from _of_transaction(item, place, page, days, seen, source.zone)
    whole = []
    for question in questions.values():
        if said := question.missing(among_others=len(questions) > 1):
            yield Finding(kind="incomplete", sentence=said, place="pages")
        else:
            whole.append(question)
    for day in days.values():
        yield _statement(day, whole, source.zone)


def _statement(day: _Day, whole: list[_Question], zone: tzinfo) -> PayoutHeader:
    """The header of a day; with balances, where the file has the whole of it."""
    on = day.header.id[-len("2026-01-31") :]
    first, last = instant_in(on, zone), instant_in(f"{on}T23:59:59", zone)
    inside = any(question.holds(first, last) for question in whole)
    is_known = inside and day.ordered and day.first is not None and day.balance is not None
    return msgspec.structs.replace(
        day.header, opening=day.first if is_known else None, closing=day.balance if is_known else None
    )


@exactly
def _sum(one: Decimal, other: Decimal) -> Decimal:
    return one + other


def _order_of(custom: object) -> str:
    """The order's id, where the shop has left it in `custom_field`; other texts are there, too, and are none."""
    try:
        return id_in(custom)
    except ValueError:
        return ""


def _of_transaction(
    item: _MovementIn, place: str, page: _Page, days: dict[str, _Day], seen: set[str], zone: tzinfo
) -> Iterator[Part]:
    try:
        currency = currency_in(item.transaction_amount.currency_code)
        amount = json_amount(item.transaction_amount.value)
        fee = ZERO if item.fee_amount is None else json_amount(item.fee_amount.value)
        balance = None if item.ending_balance is None else json_amount(item.ending_balance.value)
        at, order = instant_in(item.transaction_initiation_date, zone), _order_of(item.custom_field)
        reference, parent = id_in(item.invoice_id), id_in(item.paypal_reference_id)
        day = day_in(item.transaction_initiation_date, zone)
    except (InvalidAmount, ValueError) as error:
        raise refused(place, "transaction_info", error) from None
    if item.fee_amount is not None and item.fee_amount.currency_code != item.transaction_amount.currency_code:
        raise refused(place, "fee_amount", ValueError("the fee is in another currency than the transaction"))
    net, code = _sum(amount, fee), item.transaction_event_code
    if item.transaction_status in (_DENIED, _PENDING) or code.startswith(_BALANCELESS):
        is_pending = item.transaction_status == _PENDING
        moved = "is pending, and is no part of the balance yet" if is_pending else "moved nothing"
        yield Finding(
            kind="pending" if is_pending else "note",
            sentence=f"a transaction {moved}",
            place=place,
            line=item.transaction_id,
            amount=net,
            currency=currency,
        )
        return
    if day is None:
        raise refused(place, "transaction_initiation_date", ValueError("the date is missing"))
    statement = statement_of(page.account_number, currency, day.isoformat(), place)
    id_ = statement.id
    if id_ not in days:
        days[id_] = _Day(statement)
        yield statement
    if item.transaction_id not in seen:  # what stands there again moved the balance once
        seen.add(item.transaction_id)
        yield from _followed(days[id_], item.transaction_id, place, at, net, balance)
    kind_ = class_of(code, amount)
    is_refund = kind_ in (LineClass.REFUND, LineClass.DISPUTE, LineClass.DISPUTE_REVERSAL, LineClass.DISPUTE_FEE)
    is_parent = is_refund and item.paypal_reference_id_type in ("TXN", "")
    yield PayoutLine(
        id=item.transaction_id,
        payout=id_,
        kind=kind_,
        currency=currency,
        amount=amount,
        net=net,
        fee=fee,
        type=code,
        at=at,
        order=order,
        reference=reference,
        payment=parent if is_parent else item.transaction_id,
        refund=item.transaction_id if kind_ is LineClass.REFUND else "",
        dispute=item.transaction_id if kind_ in (LineClass.DISPUTE, LineClass.DISPUTE_REVERSAL) else "",
        place=place,
    )


def _followed(day: _Day, line: str, place: str, at: str, net: Decimal, balance: Decimal | None) -> Iterator[Part]:
    """Whether each balance is the one before it and this line."""
    if at < day.last_at:
        day.ordered = False
    day.last_at = at
    if balance is None or not day.ordered:
        day.ordered = False
        return
    expected = balance if day.balance is None else _sum(day.balance, net)
    if day.first is None:
        day.first = _sum(balance, -net)
    if expected != balance:
        rest = _sum(balance, -expected)
        said = f"the balance after it is {balance}, and {expected} follows from the one before; {rest} has no line"
        yield Finding(
            kind="contradiction", sentence=said, place=place, payout=day.header.id, line=line, amount=rest,
            currency=day.header.currency,
        )  # fmt: skip
    day.balance = balance


READER = PayoutFormat(
    name="paypal",
    provider=PROVIDER,
    about="PayPal: pages of the Transaction Search API, JSON",
    recognises=lambda head: b'"transaction_details"' in head,
    read=_read,
)
