"""What the observer says of the money: payouts, planted differences, and which orders are closed.

Pure. It knows what was charged and paid out, and what was planted; of Seamline it is told what a person in finance
reads there: what came of each import, the open cases, and which orders are not settled. Each planted difference must be
there with its amount, and nothing else may be.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from flows.demo.ledger import LedgerSeen
from flows.demo.observer import Books, Expected, Fault, Finding, OrderName, Sale
from flows.demo.providers import Night, PaidOut, Plant, Planted
from flows.demo.stories import Story

_ZERO = Decimal(0)
_FINANCE = "finance"
_KINDS: Mapping[Plant, str] = {
    Plant.WRONG_FEE: "payout.fee",
    Plant.MISSING_REFUND: "refund.unpaid",
    Plant.REPEATED_LINE: "payout.repeated",
    Plant.TAX_UNMAPPED: "tax.unmapped",
    Plant.EDITED_BY_HAND: "sale.differs",
}
"""The kind of exception by which finance hears of it."""
_OF_STORIES: Mapping[Story, str] = {
    Story.CONTRADICTORY: "order.contradiction",
    Story.REFUNDED: "refund.uncredited",
}
"""What finance has a case about because of an order's story, which nobody planted."""
_BY_HAND = ("total", "tax", "units")
"""What is off of a sale when somebody has taken a piece more onto it."""
_LEFT = "done"


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What Seamline's commands print: of `payouts import` for each file, of `holds`, and of `orders unsettled`."""

    imports: Sequence[Any]
    holds: Sequence[Any]
    unsettled: Sequence[Any]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A planted difference, and what Seamline says of it; `found` False: nothing, or another amount."""

    plant: Plant
    subject: str
    amount: Decimal
    currency: str
    found: bool
    said: str


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """How the day's money stands at its end."""

    payouts: int
    payouts_proven: int
    lines: int
    ledger: LedgerSeen
    unexplained: Mapping[str, Decimal]
    """By currency, of everything that nobody planted: what payouts are off by, what is of no class or of no order, and
    cases of finance that no story of an order explains."""
    planted: Sequence[Found]
    closed: int
    """Orders that are settled: shipped, told, paid out, and posted."""
    open_by_cause: Mapping[str, int]
    """The other orders with a sale, by what they wait for first."""


def judge_money(
    night: Night, expected: Sequence[Expected], books: Books, ledger: LedgerSeen, said: Said, closable: Collection[str]
) -> tuple[Money, tuple[Finding, ...]]:
    """How it stands, and what is wrong. `closable` are the orders of which nothing is left to do; see there."""
    findings: list[Finding] = []
    planted = sorted((*night.planted, *_by_orders(expected, books)), key=lambda each: list(Plant).index(each.plant))
    found = [_found(each, said) for each in planted]
    findings += [
        Finding(Fault.MISSED, each.subject, f"{each.plant} of {each.amount} {each.currency} is not found: {each.said}")
        for each in found
        if not each.found
    ]
    unexplained = dict.fromkeys(sorted({each.sales_channel.currency for each in night.payouts}), _ZERO)
    told = {each["key"]: each for file in said.imports for each in file["payouts"]}
    for payout in night.payouts:
        off = _off(payout, told.get(payout.key))
        findings += [Finding(Fault.UNEXPLAINED, payout.key, sentence) for sentence, _ in off]
        unexplained[payout.sales_channel.currency] += sum((amount for _, amount in off), _ZERO)
    for case in _strange(planted, expected, said.holds):
        amount, currency = Decimal(case["amount"] or 0), case["currency"] or ""
        unexplained[currency] = unexplained.get(currency, _ZERO) + amount
        findings.append(Finding(Fault.UNEXPLAINED, case["subject"], f"{case['kind']}: {case['sentence']}"))
    open_ = {row["key"]: row for row in said.unsettled}
    closed = _sold(expected) - open_.keys()
    findings += _of_closing(closed, set(closable), open_)
    money = Money(
        payouts=len(night.payouts),
        payouts_proven=sum(each["verdict"] == "proven" for each in told.values()),
        lines=sum(each["lines"] for each in told.values()),
        ledger=ledger,
        unexplained=unexplained,
        planted=found,
        closed=len(closed),
        open_by_cause=dict(sorted(Counter(row["cause"] for row in open_.values()).items())),
    )
    return money, tuple(findings)


def closable(
    expected: Iterable[Expected], books: Books, told: Collection[OrderName], names: Mapping[int, str], night: Night
) -> set[str]:
    """Orders of which nothing is left to do, as everybody else knows: every piece has left and is told, or the
    sale is cancelled; nobody has changed it by hand, and all of its money is in payouts.

    `told` are the orders of which their sales channels know all that has left. `names`: sales channels by number.
    """
    sales = {(names.get(sale.channel, ""), sale.channel_identifier or ""): sale for sale in books.sales}
    wrong = {each.subject for each in night.planted}
    found = set()
    for each in expected:
        name = (each.sales_channel, each.order_id)
        sale = sales.get(name)
        if sale is None or each.by_hand is not None or "/".join(name) in wrong:
            continue
        if each.cancelled or (_has_left(sale) and name in told):
            found.add("/".join(name))
    return found


def _has_left(sale: Sale) -> bool:
    """Whether every piece of it has left; one that the warehouse has given up never does, until somebody refunds it."""
    left: Counter[str] = Counter()
    for shipment in sale.shipments:
        if shipment.state == _LEFT:
            left.update({sku: int(units) for sku, units in shipment.goods.items()})
    sold: Counter[str] = Counter()
    for line in sale.lines:
        sold[line.sku or ""] += int(line.quantity)
    return left == sold


def _sold(expected: Iterable[Expected]) -> set[str]:
    return {f"{each.sales_channel}/{each.order_id}" for each in expected if each.sale is not None}


# -- what was planted --------------------------------------------------------------------------------------------------


def _by_orders(expected: Sequence[Expected], books: Books) -> Iterator[Planted]:
    """What was planted with orders: a sale that was changed by hand is off by what the ERP has more of it."""
    for each in expected:
        subject = f"{each.sales_channel}/{each.order_id}"
        if each.story is Story.TAX_UNMAPPED:
            yield Planted(plant=Plant.TAX_UNMAPPED, subject=subject, amount=each.total, currency=each.currency)
        if each.by_hand is not None and each.sale is not None:
            (sale,) = [sale for sale in books.sales if sale.channel_identifier == each.order_id]
            off = sale.total - each.sale.total
            yield Planted(plant=Plant.EDITED_BY_HAND, subject=subject, amount=off, currency=each.currency)


def _found(planted: Planted, said: Said) -> Found:
    """Found, when it is said once with the right amount."""
    cases = [each for each in said.holds if _is_about(each, planted)]
    right = [each for each in cases if each["currency"] == planted.currency and _amount(each) == planted.amount]
    return Found(
        plant=planted.plant,
        subject=planted.subject,
        amount=planted.amount,
        currency=planted.currency,
        found=len(right) == 1,
        said="; ".join(each["sentence"] for each in right or cases) or "nothing is said of it",
    )


def _is_about(case: Any, planted: Planted) -> bool:
    if (case["subject"], case["kind"]) != (planted.subject, _KINDS[planted.plant]):
        return False
    return planted.plant is not Plant.EDITED_BY_HAND or case["cause"] in _BY_HAND


def _amount(case: Any) -> Decimal:
    return Decimal(case["amount"] or 0)


# -- what is not -------------------------------------------------------------------------------------------------------


def _off(payout: PaidOut, told: Any) -> list[tuple[str, Decimal]]:
    """How what was imported of a payout is not what its provider has in its books, each with what it comes to."""
    if told is None:
        return [("nothing of it was imported", payout.paid)]
    found = []
    for name, right, has in (
        ("its verdict", "proven", told["verdict"]),
        ("the number of its lines", len(payout.lines), told["lines"]),
        ("the number of lines without an order", 0, told["unlinked"]),
    ):
        if right != has:
            found.append((f"{name} is {has}, not {right}", _ZERO))
    for name, amount, has in (
        ("lines come to", payout.paid, Decimal(told["net"])),
        ("fees come to", -payout.fees, Decimal(told["classes"].get("fee", 0))),
        ("what is unexplained comes to", _ZERO, Decimal(told["unexplained"])),
        ("what it is off by comes to", _ZERO, Decimal(told["difference"])),
    ):
        if amount != has:
            found.append((f"its {name} {has}, not {amount}", abs(has - amount)))
    return found


def _strange(planted: Sequence[Planted], expected: Iterable[Expected], holds: Iterable[Any]) -> Iterator[Any]:
    """Finance's cases that nothing explains: neither what was planted, nor the story of an order."""
    kinds: dict[str, set[str]] = defaultdict(set)
    for each in expected:
        kinds[f"{each.sales_channel}/{each.order_id}"].add(_OF_STORIES.get(each.story, ""))
    for case in holds:
        if case["owner"] != _FINANCE or case["kind"] in kinds[case["subject"]]:
            continue
        if not any(_is_about(case, each) for each in planted):
            yield case


def _of_closing(closed: set[str], right: set[str], open_: Mapping[str, Any]) -> Iterator[Finding]:
    for name in sorted(closed - right):
        yield Finding(Fault.UNEXPLAINED, name, "the order is settled, and something of it is left to do")
    for name in sorted(right - closed):
        waits = "; ".join(open_[name]["waits"]) if name in open_ else "it is not followed"
        yield Finding(Fault.UNEXPLAINED, name, f"nothing of the order is left to do, and it is not settled: {waits}")
