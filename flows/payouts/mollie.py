"""Mollie as JSON: settlements with the payments, refunds, chargebacks and captures in them; balance transactions.

A settlement says its amount, and per month what Mollie charges (`costs`, without and with tax: lines of their own here)
and what it collected (`revenue`: sums that the payments have to come to; alone in a file, they stand for them).
Payments, refunds and chargebacks say their settlement and what they add to it (`settlementAmount`, which may be another
currency than was paid). Costs have parts of a cent; the settlement is rounded, and the rest is named.

Source: Mollie API reference v2: Settlements (`periods`, `status`), List settlement payments, refunds, chargebacks and
captures; Balances, List balance transactions (`initialAmount`, `deductions`, `resultAmount`, `context`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC
from decimal import Decimal

import msgspec

from flows.model.money import ZERO, InvalidAmount, exactly
from flows.model.payout import Finding, LineClass, PayoutHeader, PayoutLine, day_of
from flows.payouts.documents import NOTHING, Pages, Value, decoder, documents, read_as, refused
from flows.payouts.mollie_words import CLASSES, PROVIDER, STATUSES, class_of
from flows.payouts.parts import (
    TEXT_MAX,
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
    with_status,
)

_ORDER_FIELDS = ("order_id", "orderId", "order")
_GIVEN_BACK = {"refund": LineClass.REFUND, "chargeback": LineClass.DISPUTE}
"""Methods whose sums among the costs, without a rate, are money given back, which has lines of its own."""
_NO_FEES = {"reservations": LineClass.RESERVE, "repayments": LineClass.ADVANCE}
"""What is deducted from a movement and is no fee."""
_SETTLED_ELSEWHERE = ("voucher", "giftcard", "paypal")
"""Methods whose money Mollie does not pay out itself."""
_NOT_YET = ("open", "next")
"""Instead of an id: the settlements that Mollie is still gathering."""
_in_settlement = re.compile(r"/settlements/([^/?]+)/").search
_begins_with = re.compile(r"[?&]from=([^&]+)").search


class _MoneyIn(msgspec.Struct, gc=False):
    value: Value
    currency: str


class _CostIn(msgspec.Struct, gc=False, rename="camel"):
    amount_gross: _MoneyIn
    description: str = ""
    method: str | None = None
    rate: msgspec.Raw = NOTHING
    """What is charged for each; a sum that is no charge has none."""
    amount_net: _MoneyIn | None = None
    amount_vat: _MoneyIn | None = None


class _PeriodIn(msgspec.Struct):
    revenue: tuple[_CostIn, ...] = ()
    costs: tuple[_CostIn, ...] = ()


class _Item(msgspec.Struct, gc=False, rename="camel"):
    """A settlement, or whatever can be in one."""

    resource: str = ""
    id: str = ""
    status: str = ""
    method: str | None = None
    amount: _MoneyIn | None = None
    created_at: str | None = None
    settled_at: str | None = None
    settlement_id: Value = None
    settlement_amount: _MoneyIn | None = None
    payment_id: Value = None
    metadata: msgspec.Raw = NOTHING
    periods: msgspec.Raw = NOTHING
    type: str = ""
    result_amount: _MoneyIn | None = None
    initial_amount: _MoneyIn | None = None
    deductions: _MoneyIn | None = None
    deduction_details: dict[str, _MoneyIn | None] | None = None
    context: dict[str, Value] | None = None
    reversed_at: str | None = None
    links: msgspec.Raw = msgspec.field(default=NOTHING, name="_links")
    embedded: dict[str, msgspec.Raw] | None = msgspec.field(default=None, name="_embedded")


class _Link(msgspec.Struct):
    href: str = ""


class _Links(msgspec.Struct):
    next: _Link | None = None
    itself: _Link | None = msgspec.field(default=None, name="self")
    settlement: _Link | None = None


_item, _links, _metadata = decoder(_Item), decoder(_Links), decoder(dict[str, Value])
_raws = decoder(list[msgspec.Raw])
_periods = decoder(dict[str, dict[str, _PeriodIn]])
_CHILDREN = {"payment": LineClass.SALE, "capture": LineClass.SALE, "refund": LineClass.REFUND,
             "chargeback": LineClass.DISPUTE}  # fmt: skip


def _read(source: Source) -> Iterator[Part]:
    pages = Pages()
    for where, raw in documents(source.content):
        item = read_as(_item, raw, where)
        yield from _of_document(item, where, source, set(), pages)
    yield from pages.missing()


def _of_document(
    item: _Item, where: str, source: Source, days: set[str], pages: Pages, settlement: str = ""
) -> Iterator[Part]:
    """All that is in a document, or in a list; `settlement`: the one that the list is of."""
    if item.resource == "settlement":
        yield from _settlement(item, where or "the document", source)
    elif item.resource in (*_CHILDREN, "balance_transaction", "balance-transaction"):
        yield from _of_item(item, where or "the document", source, days, settlement)
    elif item.embedded is None:
        said = "it is no settlement, nothing that can be in one, and no list of them"
        raise refused(where, "resource", ValueError(said))
    if item.embedded is None:
        return
    links = _links_of(item, where)
    listed = _settlement_listed(links)
    for name, items in item.embedded.items():
        for number, each in enumerate(_listed(items), start=1):
            place = f"{where}{'.' if where else ''}_embedded.{name}[{number}]"
            found = read_as(_item, each, place)
            if number == 1 and not item.resource:
                pages.begins(found.id)
            yield from _of_document(found, place, source, days, pages, listed)
    if links.next is not None:
        following = _begins_with(links.next.href)
        pages.goes_on("_links.next", where or "the list", following[1] if following else "the next page")


def _links_of(item: _Item, where: str) -> _Links:
    at = f"{where}._links" if where else "_links"
    return read_as(_links, item.links, at) if bytes(item.links).lstrip().startswith(b"{") else _Links()


def _settlement_listed(links: _Links) -> str:
    """The settlement whose payments, refunds or chargebacks are listed, by the list's own address; or empty."""
    found = (_in_settlement(each.href) for each in (links.itself, links.next) if each is not None)
    return next((each[1] for each in found if each is not None), "")


def _listed(items: msgspec.Raw) -> list[msgspec.Raw]:
    """What is embedded, where it is a list: one that hangs on the object itself is not a page of its own."""
    return _raws.decode(items) if bytes(items).lstrip().startswith(b"[") else []


def _amount(money: _MoneyIn | None) -> Decimal:
    return ZERO if money is None else json_amount(money.value)


def _settlement(item: _Item, place: str, source: Source) -> Iterator[Part]:
    if item.id in _NOT_YET:
        said = f"the settlement {item.id!r} is still being gathered: import it once it has an id"
        yield Finding(kind="pending", sentence=said, place=place)
        return
    field = "amount"
    try:
        if item.amount is None:
            raise InvalidAmount("the amount is missing")
        paid, currency = json_amount(item.amount.value), currency_in(item.amount.currency)
        field = "settledAt"
        day = day_in(item.settled_at, source.zone)
        field = "periods"
        revenue, lines = _of_periods(item, currency, place)
    except (InvalidAmount, ValueError) as error:
        raise refused(place, field, error) from None
    header = PayoutHeader(
        id=item.id,
        currency=currency,
        paid=paid,
        paid_on=day,
        expected_on=day,
        totals=revenue,
        sums_stand_in=bool(revenue or lines),
        place=place,
    )
    yield with_status(header, STATUSES, item.status)
    yield from lines


@exactly
def _of_periods(item: _Item, currency: str, place: str) -> tuple[dict[LineClass, Decimal], list[Part]]:
    """What the settlement collected, by class, and a line for each of its costs."""
    totals: dict[LineClass, Decimal] = {}
    lines: list[Part] = []
    if not bytes(item.periods).lstrip().startswith(b"{"):
        return totals, lines
    for year, months in read_as(_periods, item.periods, f"{place}.periods").items():
        for month, period in months.items():
            for number, each in enumerate(period.revenue, start=1):
                kind = CLASSES.get(each.method or "", LineClass.SALE)
                totals[kind] = totals.get(kind, ZERO) + _in(currency, each.amount_gross)
                lines += _odd(item, each, currency, f"{place}.periods.{year}.{month}.revenue[{number}]")
            for number, each in enumerate(period.costs, start=1):
                where = f"{place}.periods.{year}.{month}.costs[{number}]"
                given_back = _GIVEN_BACK.get(each.method or "") if bytes(each.rate).strip() == b"null" else None
                if given_back is None:
                    lines += _cost(item, each, currency, f"{year}-{month}-{number}", where)
                else:
                    totals[given_back] = totals.get(given_back, ZERO) - _in(currency, each.amount_gross)
    return totals, lines


def _odd(item: _Item, collected: _CostIn, currency: str, place: str) -> list[Part]:
    """What a sum that was collected contradicts itself by."""
    rest = _rest(collected, currency)
    if not rest:
        return []
    said = f"amountGross is {rest} more than amountNet and amountVat; it counts as it is"
    about = {"place": place, "payout": item.id, "currency": currency}
    return [Finding(kind="contradiction", sentence=said, amount=rest, **about)]


def _rest(sum_: _CostIn, currency: str) -> Decimal:
    """What the gross amount is more than the net one and its tax, where these stand there."""
    if sum_.amount_net is None:
        return ZERO
    tax = ZERO if sum_.amount_vat is None else _in(currency, sum_.amount_vat)
    return _in(currency, sum_.amount_gross) - _in(currency, sum_.amount_net) - tax


def _in(currency: str, money: _MoneyIn) -> Decimal:
    if currency_in(money.currency) != currency:
        raise ValueError("an amount is in another currency than the settlement")
    return json_amount(money.value)


def _cost(item: _Item, cost: _CostIn, currency: str, name: str, place: str) -> list[Part]:
    """A line of what Mollie charges; its tax as the tax on a fee."""
    gross, tax = -_in(currency, cost.amount_gross), ZERO if cost.amount_vat is None else -_in(currency, cost.amount_vat)
    net = gross - tax if cost.amount_net is None else -_in(currency, cost.amount_net)
    gap, id_ = -_rest(cost, currency) or ZERO, f"{item.id}-{name}"
    line = PayoutLine(
        id_, item.id, LineClass.FEE, currency, net, gross, ZERO, tax, gap, cost.description[:TEXT_MAX],
        "" if item.settled_at is None else instant_in(item.settled_at, UTC), place=place,
    )  # fmt: skip
    if not gap:
        return [line]
    said = f"amountGross {-gross} is not amountNet {-net} and amountVat {-tax}; the rest of {gap} is unexplained"
    found = Finding(
        kind="contradiction", sentence=said, place=place, payout=item.id, line=id_, amount=gap, currency=currency
    )
    return [found, line]


def _of_item(item: _Item, place: str, source: Source, days: set[str], listed: str) -> Iterator[Part]:
    try:
        if item.resource.startswith("balance"):
            yield from _balance_line(item, place, source, days)
            return
        settlement = _settlement_of(item, place) or listed
        if not settlement:
            yield Finding(kind="pending", sentence="it is in no settlement yet", place=place, line=item.id)
            return
        if item.settlement_amount is None:
            yield _unsettled(item, settlement, place)
            return
        line = _child(item, settlement, place, source)
        if _adds(item, line.amount):
            said = (
                f"a {item.resource} adds {line.amount} to its settlement, which it should take from it; "
                "it stands as published"
            )
            yield Finding(
                kind="contradiction", sentence=said, place=place, payout=settlement, line=item.id, amount=line.amount,
                currency=line.currency,
            )  # fmt: skip
        yield line
    except (InvalidAmount, ValueError) as error:
        raise refused(place, "amounts or dates", error) from None


def _unsettled(item: _Item, settlement: str, place: str) -> Finding:
    """What is said of a payment without an amount in its settlement. Mollie leaves all of them out from 2027 on."""
    if item.method in _SETTLED_ELSEWHERE:
        said = f"it has no settlementAmount: Mollie settles nothing of {item.method} in {settlement}, so it is no line"
        return Finding(kind="note", sentence=said, place=place, payout=settlement, line=item.id)
    said = (
        f"it does not say what {settlement} has of it (settlementAmount, which Mollie gives no longer from 2027 on): "
        "it is no line, and is tied to no order; import the transactions of the balance, which say it"
    )
    return Finding(kind="incomplete", sentence=said, place=place, payout=settlement, line=item.id)


def _adds(item: _Item, amount: Decimal) -> bool:
    """Whether money is added that should be taken: by a refund, or by a chargeback that nobody has turned round."""
    takes = item.resource == "refund" or (item.resource == "chargeback" and item.reversed_at is None)
    return takes and amount > ZERO


def _settlement_of(item: _Item, place: str) -> str:
    """The settlement that it is in: chargebacks name theirs in a link only. Empty: in none yet."""
    if item.settlement_id is not None:
        return id_in(item.settlement_id)
    link = _links_of(item, place).settlement
    return id_in(link.href.rpartition("/")[2]) if link is not None else ""


def _child(item: _Item, settlement: str, place: str, source: Source) -> PayoutLine:
    """A payment, refund, chargeback or capture in a settlement."""
    assert item.settlement_amount is not None  # noqa: S101 - looked at above
    amount, currency = json_amount(item.settlement_amount.value), currency_in(item.settlement_amount.currency)
    kind = _CHILDREN[item.resource]
    if kind is LineClass.DISPUTE:
        kind = signed_class(amount, LineClass.DISPUTE_REVERSAL, LineClass.DISPUTE)
    paid = item.amount
    is_payment = item.resource == "payment"
    return PayoutLine(
        id=item.id,
        payout=settlement,
        kind=kind,
        currency=currency,
        amount=amount,
        net=amount,
        type=item.resource,
        at="" if item.created_at is None else instant_in(item.created_at, source.zone),
        order=_order_of(item.metadata, place),
        payment=item.id if is_payment else id_in(item.payment_id),
        payment_alias=item.id if item.resource == "capture" else "",
        refund=item.id if item.resource == "refund" else "",
        dispute=item.id if item.resource == "chargeback" else "",
        presentment=""
        if paid is None or currency_in(paid.currency) == currency
        else f"{json_amount(paid.value)} {currency_in(paid.currency)}",
        place=place,
    )


def _order_of(metadata: msgspec.Raw, place: str) -> str:
    """The order's id in what the shop has told Mollie of itself, where it is an object with one."""
    if not bytes(metadata).lstrip().startswith(b"{"):
        return ""
    found = read_as(_metadata, metadata, f"{place}.metadata")
    for name in _ORDER_FIELDS:
        if isinstance(found.get(name), str | int):
            return id_in(found[name])
    return ""


@exactly
def _balance_amounts(item: _Item) -> tuple[Decimal, Decimal, Decimal, Decimal, dict[str, Decimal]]:
    """Amount, fee, net, gap; and, by their names, the deductions that are no fees, which are lines of their own."""
    amount, deducted, net = _amount(item.initial_amount), _amount(item.deductions), _amount(item.result_amount)
    details = item.deduction_details or {}
    others = {name: taken for name in _NO_FEES if (taken := _amount(details.get(name)))}
    rest = sum(others.values(), ZERO)
    return amount, deducted - rest, net - rest, net - amount - deducted, others


def _balance_line(item: _Item, place: str, source: Source, days: set[str]) -> Iterator[Part]:
    """A movement of the balance: a line of the account's statement of its day."""
    if item.result_amount is None or item.created_at is None:
        raise ValueError("resultAmount or createdAt is missing")
    amount, fee, net, gap, others = _balance_amounts(item)
    currency, at = currency_in(item.result_amount.currency), instant_in(item.created_at, source.zone)
    statement, context = statement_of("", currency, day_of(at), place), item.context or {}
    payout = statement.id
    if payout not in days:
        days.add(payout)
        yield statement
    if gap:
        said = (
            f"resultAmount {_amount(item.result_amount)} is not initialAmount {amount} with deductions "
            f"{_amount(item.deductions)}; the rest is {gap}"
        )
        yield Finding(
            kind="contradiction", sentence=said, place=place, payout=payout, line=item.id, amount=gap, currency=currency
        )
    yield PayoutLine(
        id=item.id,
        payout=payout,
        kind=class_of(item.type),
        currency=currency,
        amount=amount,
        net=net,
        fee=fee,
        gap=gap,
        type=item.type,
        at=at,
        payment=id_in(context.get("paymentId")),
        refund=id_in(context.get("refundId")),
        dispute=id_in(context.get("chargebackId")),
        place=place,
    )
    for name, taken in others.items():
        id_ = f"{item.id}-{name}"
        yield PayoutLine(id_, payout, _NO_FEES[name], currency, taken, taken, type=name, at=at, place=place)


def _recognises(head: bytes) -> bool:
    marks = (b'"settlement"', b'"settlementId"', b'"settlements"', b"balance_transaction", b"mollie.com")
    return b'"resource"' in head and any(each in head for each in marks)


READER = PayoutFormat(
    name="mollie",
    provider=PROVIDER,
    about="Mollie: settlements and what is in them, balance transactions, JSON of the API",
    recognises=_recognises,
    read=_read,
)
