"""Refunds that a sales channel tells, against those that payouts have: each is in both, with the same amount. Pure.

A refund and a line of a payout are one by the provider's id, else by their amount, else where all that is left of both
comes to the same sum: in the line's own currency or in that of its presentment, as the sales channel tells. Amounts
that are in neither are not compared, nor are those of a marketplace's settlement, which keeps a part: there it has to
tell of a refund where there is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from flows.model.closing import ClosingSettings, Moved
from flows.model.money import ZERO, Money, exactly
from flows.reconciler.comparing import Difference
from flows.reconciler.settling import BY_LINES, UNDECLARED, Line, Standing, Wait, by_gateway

UNPAID: Final = "refund.unpaid"
UNTOLD: Final = "refund.untold"
DIFFERS: Final = "refund.differs"
KINDS: Final = (UNPAID, UNTOLD, DIFFERS)

_Pair = tuple[Sequence[Moved], Sequence[Line]]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A difference, the refunds and lines that it is about, and what the order waits for because of it."""

    difference: Difference
    wait: Wait
    refunds: tuple[Moved, ...] = ()
    lines: tuple[Line, ...] = ()


@exactly
def refunds_compared(order: Standing, closing: Mapping[str, ClosingSettings]) -> tuple[Finding, ...]:
    """Every way in which the refunds of an order and those of payouts are not the same. Each has a cause of its own."""
    refunds = [each for each in order.tenders if each.way == "refund"]
    lines = [line for line in order.lines if line.kind == "refund"]
    if not refunds and not lines:
        return ()
    groups = by_gateway(order.tenders)
    rules = {code: closing.get(code, UNDECLARED).evidence for code in groups}
    unread = [each for code, moved in groups.items() if rules[code] not in BY_LINES for each in moved]
    refunds.sort(key=unread.__contains__)  # a line is rather of a gateway that payouts tell of
    pairs: list[_Pair] = []
    if "settlement" in rules.values():
        refunds, lines = [] if lines else refunds, [] if refunds else lines
    else:
        pairs, refunds, lines = _paired(refunds, lines)
    found = [*_differing(pairs), *(_unpaid(each) for each in refunds if each not in unread), *map(_untold, lines)]
    return apart(found)


def without(order: Standing, found: Sequence[Finding]) -> Standing:
    """The order without what these are about."""
    refunds = [each for finding in found for each in finding.refunds]
    lines = [each for finding in found for each in finding.lines]
    return msgspec.structs.replace(
        order,
        tenders=tuple(each for each in order.tenders if each not in refunds),
        lines=tuple(each for each in order.lines if each not in lines),
    )


# -- which refund is which line ----------------------------------------------------------------------------------------


def _paired(told: Sequence[Moved], paid: Sequence[Line]) -> tuple[list[_Pair], list[Moved], list[Line]]:
    """Those that belong to each other and may differ; and the refunds and lines that are left alone."""
    pairs: list[_Pair] = []
    refunds, lines = [], list(paid)
    for refund in told:
        mine = [line for line in lines if refund.id and refund.id in line.ids]
        if mine:
            pairs.append(((refund,), mine))
            lines = [line for line in lines if line not in mine]
        else:
            refunds.append(refund)
    for refund in tuple(refunds):
        same = [line for line in lines if line.money == refund.money]
        if same:
            refunds.remove(refund)
            lines.remove(same[0])
    if not refunds or not lines:
        return pairs, refunds, lines
    pair: _Pair = (refunds, lines)
    if _is_one_currency(pair) and _off(pair) and (len(refunds), len(lines)) != (1, 1):
        return pairs, refunds, lines
    return [*pairs, pair], [], []


def _is_one_currency(pair: _Pair) -> bool:
    return len({each.currency for side in pair for each in side}) == 1


def _off(pair: _Pair) -> Decimal:
    """By how much more went back than was told."""
    refunds, lines = pair
    return -sum((each.amount for each in lines), ZERO) - sum((each.amount for each in refunds), ZERO)


# -- what is found -----------------------------------------------------------------------------------------------------


def _differing(pairs: Sequence[_Pair]) -> Iterator[Finding]:
    for pair in pairs:
        refunds, lines = pair
        if not _is_one_currency(pair) or not (off := _off(pair)):
            continue
        currency = lines[0].currency
        was = Money(sum((each.amount for each in refunds), ZERO), currency)
        is_, by = Money(-sum((each.amount for each in lines), ZERO), currency), Money(abs(off), currency)
        sentence = (
            f"the sales channel refunded {was}{_named(refunds[0])}, and payout {_payouts(lines)} has {is_} of it: {by} "
            f"too {'much' if off > ZERO else 'little'}"
        )
        difference = _difference(DIFFERS, refunds[0].id or str(was), sentence, by, (str(was), str(is_)))
        rest = off < ZERO and not refunds[0].id  # a sum, of which another payout may have more
        yield Finding(
            difference=msgspec.structs.replace(difference, may_follow=rest),
            wait=Wait("refund", f"for the refund of {was} to be what payout {_payouts(lines)} has of it, {is_}"),
            refunds=tuple(refunds),
            lines=tuple(lines),
        )


def _unpaid(refund: Moved) -> Finding:
    money = Money(refund.amount, refund.currency)
    sentence = f"the sales channel refunded {money}{_named(refund)}, and no payout has it"
    difference = _difference(UNPAID, refund.id or str(money), sentence, money, (str(money), "in no payout"))
    return Finding(
        difference=msgspec.structs.replace(difference, may_follow=True),
        wait=Wait("payout", f"for a payout that has its refund of {money}"),
        refunds=(refund,),
    )


def _untold(line: Line) -> Finding:
    money = Money(-line.amount, line.currency)
    sentence = f"payout {line.payout} has a refund of {money}, of which the sales channel does not tell"
    return Finding(
        difference=_difference(UNTOLD, f"in {line.payout} of {money}", sentence, money, ("no refund", str(money))),
        wait=Wait("unexpected", f"for the sales channel to tell of the refund of {money} in {line.payout}"),
        lines=(line,),
    )


def _difference(kind: str, name: str, sentence: str, money: Money, sides: tuple[str, str]) -> Difference:
    was, is_ = sides
    return Difference(
        kind=kind, cause=f"refund {name}", sentence=sentence, amount=abs(money.amount), currency=money.currency,
        was=was, is_=is_,
    )  # fmt: skip


def apart(found: Sequence[Finding]) -> tuple[Finding, ...]:
    """Findings alike to the last character, each under a cause of its own."""
    met: dict[str, int] = {}
    named = []
    for each in found:
        cause = each.difference.cause
        met[cause] = met.get(cause, 0) + 1
        if met[cause] > 1:
            again = msgspec.structs.replace(each.difference, cause=f"{cause}, {met[cause]}")
            each = msgspec.structs.replace(each, difference=again)  # noqa: PLW2901
        named.append(each)
    return tuple(named)


def _named(refund: Moved) -> str:
    return f" ({refund.id})" if refund.id else ""


def _payouts(lines: Sequence[Line]) -> str:
    return ", ".join(sorted({line.payout for line in lines}))
