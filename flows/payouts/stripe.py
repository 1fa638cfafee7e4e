"""Stripe as JSON: lists of balance transactions and of payouts, as the API answers them.

`GET /v1/balance_transactions?payout=po_...` has one payout's transactions, its own among them, which is what ties the
others to it. A list with several payouts (of manual ones, or by time), with one that is said to be manual, or with
transactions that came after its only one, does not say which transaction is in which; its lines are statements of
account by day then, and payouts lines of those. Amounts are in the smallest unit of their
currency, but for a few that Stripe counts otherwise.

Source: Stripe API reference, Balance Transactions (`fee_details`, `source`) and Payouts; its words: `stripe_words`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from functools import lru_cache
from itertools import chain, islice
from typing import TypeGuard

import msgspec

from flows.model.money import ZERO, JsonNumber, exactly
from flows.model.payout import Finding, LineClass, PayoutHeader, PayoutLine, day_of
from flows.payouts.documents import (
    NOTHING,
    Pages,
    Value,
    decoder,
    documents,
    places_in,
    raws_as,
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
    from_minor,
    id_in,
    statement_of,
    unix_instant,
    unix_instants,
    with_status,
)
from flows.payouts.stripe_words import PROVIDER, STATUSES, class_of, digits_at_stripe, kind_of

_PAYOUT = "payout"
_LOOKED_AT_MAX = 100
"""Transactions at either end of a list that are looked at for one of a currency."""
_ORDER_FIELDS = ("order_id", "order", "orderId")
_TAXES = ("tax", "withheld_tax")
_PAYMENTS = frozenset(("charge", "payout"))
"""What the payment of a line may be: that of a customer, or of a statement's line the payout that it is."""


class _List(msgspec.Struct):
    object: str = ""
    data: msgspec.Raw = NOTHING
    has_more: bool = False
    url: str = ""


class _Peek(msgspec.Struct, gc=False):
    object: str = ""
    type: str = ""
    currency: str = ""
    source: msgspec.Raw = NOTHING
    id: str = ""
    created: Value = None
    automatic: Value = None


class _Made(msgspec.Struct, gc=False):
    created: Value = None


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
    automatic: Value = None


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
    description: str | None = None
    source: str | _SourceIn | None = None
    exchange_rate: Value = None


class _PayoutIn(msgspec.Struct, gc=False, tag_field="object", tag="payout"):
    id: str
    currency: str
    amount: int
    status: str = ""
    arrival_date: int | None = None
    created: int | None = None


_Object = _TransactionIn | _PayoutIn
_OBJECTS = ("balance_transaction", "payout")
_list, _peek, _made, _raws = decoder(_List), decoder(_Peek), decoder(_Made), decoder(list[msgspec.Raw])
_object: msgspec.json.Decoder[_Object] = msgspec.json.Decoder(_Object, float_hook=JsonNumber)
_objects = decoder(list[_Object])
_source: msgspec.json.Decoder[str | _SourceIn | None] = msgspec.json.Decoder(str | _SourceIn | None)


@lru_cache(maxsize=256)
def _unit_of(currency: str) -> Decimal:
    """The smallest amount of this currency at Stripe."""
    return from_minor(1, digits_at_stripe(currency))


def _read(source: Source) -> Iterator[Part]:
    return chain.from_iterable(_batches(source))


def _batches(source: Source) -> Iterator[Iterable[Part]]:
    places, raws, pages = list[str](), list[msgspec.Raw](), Pages()
    before = _List()
    for number, (where, raw) in enumerate(documents(source.content)):
        page = read_as(_list, raw, where)
        if page.object == "list":
            at = f"{where}.data" if where else "data"
            found = read_as(_raws, page.data, at)
            if _follows(page.url, found, before.url, raws):
                pages.begins(str(number))
            if page.has_more:
                pages.goes_on("has_more", where or "the list", str(number + 1))
            places += places_in(at, found)
            raws += found
            before = page
        elif page.object not in _OBJECTS:
            said = "it is no list of Stripe's, no balance transaction and no payout, as an event is none"
            raise refused(where, "object", ValueError(said))
        else:
            places.append(where or "the document")
            raws.append(raw)
    yield pages.missing()
    payouts = _payouts_in(places, raws)
    days: set[str] = set()
    for some, items in raws_as(_objects, _object, places, raws):
        yield _parts(some, items, payouts, days, source)


def _follows(url: str, found: list[msgspec.Raw], url_before: str, before: list[msgspec.Raw]) -> bool:
    """Whether a page can be the next one of the list before it: of the same address, and what is on it no later, since
    the latest come first.
    """
    if url != url_before or not before or not found:
        return False
    first, last = (getattr(read_whole(_made, raw), "created", None) for raw in (found[0], before[-1]))
    return isinstance(first, int) and isinstance(last, int) and first <= last


def _payouts_in(places: list[str], raws: list[msgspec.Raw]) -> dict[str, str]:
    """The payout of each currency that its transactions are in; empty text where they are in none that is known: there
    are several payouts, or somebody has made the only one by hand, so that nobody says what it is made of.
    """
    found: dict[str, set[str]] = {}
    by_hand = set[str]()
    for place, raw in zip(places, raws, strict=True):
        if b'"payout"' not in bytes(raw):
            continue  # most of them are not about a payout, and need not be looked at twice
        peek = read_as(_peek, raw, place)
        currency = peek.currency.upper()
        if peek.object == _PAYOUT:
            found.setdefault(currency, set()).add(peek.id)
            by_hand |= {currency} if peek.automatic is False else set()
        elif peek.type == _PAYOUT:
            own = _source_of(read_as(_source, peek.source, place))
            found.setdefault(currency, set()).add(own.id)
            by_hand |= {currency} if own.automatic is False or _is_followed(peek, places, raws) else set()
    return {currency: ids.pop() if len(ids) == 1 and currency not in by_hand else "" for currency, ids in found.items()}


def _is_followed(payout: _Peek, places: list[str], raws: list[msgspec.Raw]) -> bool:
    """Whether there are transactions of its currency after a payout's own: they cannot be in it. Lists are in order,
    the latest first, or last where somebody has turned them round.
    """
    for ends in (zip(places, raws, strict=True), zip(reversed(places), reversed(raws), strict=True)):
        for place, raw in islice(ends, _LOOKED_AT_MAX):
            peek = read_as(_peek, raw, place)
            is_alike = (peek.object, peek.currency) == (payout.object, payout.currency)
            if is_alike and not peek.type.startswith(_PAYOUT):  # what gives it back comes later, and is about it
                if _is_later(peek.created, payout.created):
                    return True
                break
    return False


def _is_later(one: Value, other: Value) -> bool:
    return isinstance(one, int) and isinstance(other, int) and one > other


def _source_of(source: str | _SourceIn | None) -> _SourceIn:
    return source if isinstance(source, _SourceIn) else _SourceIn(id=source or "")


def _header(payout: _PayoutIn, place: str, source: Source) -> PayoutHeader:
    field = "currency or arrival_date"
    try:
        currency = currency_in(payout.currency)
        arrival = None if payout.arrival_date is None else day_in(unix_instant(payout.arrival_date)[:10], source.zone)
        field = "amount"
        paid = from_minor(payout.amount, digits_at_stripe(currency))
    except (ValueError, ArithmeticError) as error:
        raise refused(place, field, error) from None
    header = PayoutHeader(id=payout.id, currency=currency, paid=paid, paid_on=arrival, expected_on=arrival, place=place)
    return with_status(header, STATUSES, payout.status)


def _parts(
    places: list[str], items: list[_Object], payouts: Mapping[str, str], days: set[str], source: Source
) -> Iterable[Part]:
    """Transactions as lines: all at once, which is quickest; or, when something else is among them, or one is not what
    it should be, one by one, so that it is known which.
    """
    if _are_transactions(items):
        with suppress(ValueError, ArithmeticError):
            return _lines(places, items, payouts, days)
    singly = zip(places, items, strict=True)
    return chain.from_iterable(_parts_of_one(place, item, payouts, days, source) for place, item in singly)


def _parts_of_one(place: str, item: _Object, payouts: Mapping[str, str], days: set[str], source: Source) -> list[Part]:
    if isinstance(item, _PayoutIn):
        return [_header(item, place, source)]
    field = "currency or created"
    try:
        currency_in(item.currency), unix_instant(item.created)
        field = "source.metadata"
        return _lines([place], [item], payouts, days)
    except ValueError as error:
        raise refused(place, field, error) from None
    except ArithmeticError as error:
        raise refused(place, "amount", error) from None


def _are_transactions(items: list[_Object]) -> TypeGuard[list[_TransactionIn]]:
    return set(map(type, items)) == {_TransactionIn}


@exactly
def _lines(places: list[str], items: list[_TransactionIn], payouts: Mapping[str, str], days: set[str]) -> list[Part]:
    """Each line, before it the statement of its day when that is not one of `days`, and after it what is odd about it.
    What takes a payout from the balance is the payout itself.
    """
    instants = unix_instants([item.created for item in items])
    currencies = [currency_in(item.currency) for item in items]
    found: list[Part] = []
    odd: list[Finding] = []
    new: set[str] = set()
    for place, item, at, currency in zip(places, items, instants, currencies, strict=True):
        payout = payouts.get(currency, "")
        if payout and item.type == _PAYOUT:
            found += _paid(item, payout, currency, at, place)
            continue
        if not payout:
            statement = statement_of("", currency, day_of(at), place)
            payout = statement.id
            if payout not in days and payout not in new:
                new.add(payout)
                found.append(statement)
        found.append(_line(item, payout, currency, at, place, odd))
        if odd:
            found += odd
            odd.clear()
    days |= new
    return found


def _paid(item: _TransactionIn, payout: str, currency: str, at: str, place: str) -> list[Part]:
    """The payout that a transaction takes from the balance, and what it cost."""
    digits = digits_at_stripe(currency)
    header = PayoutHeader(id=payout, currency=currency, paid=from_minor(-item.amount, digits), place=place)
    if not item.fee:
        return [header]
    fee = from_minor(-item.fee, digits)
    return [header, PayoutLine(item.id, payout, LineClass.FEE, currency, fee, fee, type=item.type, at=at, place=place)]


def _line(item: _TransactionIn, payout: str, currency: str, at: str, place: str, odd: list[Finding]) -> PayoutLine:
    """A balance transaction as a line, within what is `exactly`. What is odd about it is added to `odd`. Its integers
    add up exactly.
    """
    unit, taken, category = _unit_of(currency), item.fee, item.reporting_category
    detailed = taxed = 0
    for each in item.fee_details:
        detailed += each.amount
        if each.type in _TAXES:
            taxed += each.amount
    amount, net, gap = item.amount * unit, item.net * unit, ZERO
    if detailed != taken and item.fee_details:
        said = "its fee is not the sum of its fee_details; the fee counts"
        odd.append(Finding(kind="contradiction", sentence=said, place=place, payout=payout, line=item.id))
    if rest := item.net - item.amount + taken:
        gap = rest * unit
        said = f"net {net} is not amount {amount} less fee {taken * unit}; the rest of {gap} is unexplained"
        about = {"place": place, "payout": payout, "line": item.id, "currency": currency}
        odd.append(Finding(kind="contradiction", sentence=said, amount=gap, **about))
    source = _source_of(item.source)
    id_ = source.id
    what = kind_of(id_)
    return PayoutLine(
        item.id, payout, class_of(item.type, category, amount, id_, item.description or ""), currency, amount, net,
        fee=(taxed - taken) * unit if taxed != taken else ZERO,
        tax=-taxed * unit if taxed else ZERO,
        gap=gap,
        type=category or item.type,
        at=at,
        order=_order_of(source.metadata) if source.metadata else "",
        payment=id_ if what in _PAYMENTS else _text(source.charge),
        payment_alias=_text(source.payment_intent),
        refund=id_ if what == "refund" else "",
        dispute=id_ if what == "dispute" else "",
        presentment=_presentment(source, currency) if source.currency != item.currency else "",
        rate="" if item.exchange_rate is None else str(item.exchange_rate),
        place=place,
    )  # fmt: skip


def _text(id_: Value) -> str:
    """An id that may be expanded into its object, which is not looked into."""
    return id_ if isinstance(id_, str) else ""


def _order_of(metadata: Mapping[str, Value]) -> str:
    for name in _ORDER_FIELDS:
        if (order := metadata.get(name)) is not None:
            return id_in(order)
    return ""


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
