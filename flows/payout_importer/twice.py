"""What is told twice under two ids: a payout beside another one, or as a line of a statement of account, too; or a
transaction beside another line. Pure.

It comes of files of two kinds about the same money: one names it by the provider's id, the other by what stands in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from flows.model.money import Money
from flows.model.payout import PayoutHeader, PayoutSums
from flows.model.returned import FAILED
from flows.payout_importer.messages import LineSeen, LineTwice, PayoutInStatement, PayoutLike

_ANY_MADE = "row-"
"""How the id of a line begins that its provider has not named (`flows.payouts.table.Ordinals`)."""


def money_of(header: PayoutHeader, sums: PayoutSums) -> Decimal:
    """What a payout comes to: as reported, or else as its lines."""
    return sums.net if header.paid is None else header.paid


def day_of(header: PayoutHeader) -> str:
    """The day on which another payout of the same amount is likely the same one; empty: there is none, as of statements
    of account, and of payouts whose money came back, which is paid out again.
    """
    day = header.paid_on or header.expected_on
    return "" if day is None or header.is_statement or header.status in FAILED else day.isoformat()


def twins_of(header: PayoutHeader, sums: PayoutSums, same_day: Sequence[PayoutLike]) -> tuple[PayoutLike, ...]:
    """Of payouts of the same sales channel, provider, currency and day those that come to the same amount."""
    amount = money_of(header, sums)
    return tuple(each for each in same_day if amount and each.amount == amount and each.payout != header.id)


def lines_twice(rows: Sequence[LineSeen]) -> tuple[LineTwice, ...]:
    """Lines named by their provider that are there by what stands in them, too: of one kind, instant and amount, and of
    no two orders. One that stands for another stands for no third.
    """
    made = [row for row in rows if row.line.startswith(_ANY_MADE)]
    found = []
    for row in rows:
        other = None if row.line.startswith(_ANY_MADE) else next((each for each in made if _same(row, each)), None)
        if other is not None:
            made.remove(other)
            found.append(LineTwice(row.line, other.line, row.net))
    return tuple(found)


def _same(one: LineSeen, other: LineSeen) -> bool:
    figures = (one.kind, one.at, one.amount, one.net) == (other.kind, other.at, other.amount, other.net)
    return figures and (None in (one.order, other.order) or one.order == other.order)


def told_twice(
    twins: Sequence[PayoutLike],
    lines: Sequence[LineTwice],
    in_statements: Sequence[PayoutInStatement],
    header: PayoutHeader | None,
) -> tuple[str, ...]:
    """What is said of all that."""
    if header is None:
        return ()
    paid = [f"{each.payout} has come to {Money(each.amount, header.currency)} on the same day, too" for each in twins]
    of_statements = [
        f"line {each.line} of the statement {each.statement} is payout {each.payout}, which has lines of its own here"
        for each in in_statements
    ]
    return (*paid, *(f"line {each.line} is here as {each.other}, too" for each in lines), *of_statements)
