"""What the observer says of the ERP's ledger: its own sums over every posted move, and what the payouts come to.

Pure. A batch of Seamline's is a move whose description names its sales channel, currency and day; there is one for each
day on which a sales channel was paid out in the ledger's currency, and it has the fees and the payouts of that day, to
the cent. What is paid out in another currency is in no move.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from flows.demo.observer import Fault, Finding
from flows.demo.providers import PaidOut
from flows.demo.settings import BANK, CLEARING, FEES, LEDGER_CURRENCY

_ZERO = Decimal(0)
_OURS = "Seamline"


class Posted(msgspec.Struct, frozen=True):
    """A line of a move, by the code of its account."""

    account: str
    debit: Decimal
    credit: Decimal


class Move(msgspec.Struct, frozen=True):
    """A posted move of the ledger."""

    id: int
    description: str | None
    date: date
    lines: tuple[Posted, ...]

    @property
    def difference(self) -> Decimal:
        """Debit less credit."""
        return sum((line.debit - line.credit for line in self.lines), _ZERO)


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What was posted of one day. `amount` is the sum of one side; `difference` is debit less credit."""

    sales_channel: str
    currency: str
    day: date
    moves: int
    amount: Decimal
    difference: Decimal


class LedgerSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger as the observer adds it up."""

    moves: int
    unbalanced: int
    batches: tuple[Batch, ...]
    not_posted: dict[str, Decimal]
    """By currency: what was paid out, and is in another currency than the ledger's."""


def judge_ledger(moves: Sequence[Move], payouts: Iterable[PaidOut]) -> tuple[LedgerSeen, tuple[Finding, ...]]:
    """How the ledger stands, and what is wrong with it."""
    findings = [
        _finding(f"move {move.id}", f"its debit is {move.difference} more than its credit")
        for move in moves
        if move.difference
    ]
    due: dict[tuple[str, str, date], list[PaidOut]] = defaultdict(list)
    foreign: dict[str, Decimal] = defaultdict(Decimal)
    for payout in payouts:
        currency = payout.sales_channel.currency
        if currency == LEDGER_CURRENCY:
            due[payout.sales_channel.name, currency, payout.day].append(payout)
        else:
            foreign[currency] += payout.paid
    posted: dict[tuple[str, str, date], list[Move]] = defaultdict(list)
    for move in moves:
        if (place := _place(move)) is not None:
            posted[place] += [move]
    batches = []
    for place in sorted({*due, *posted}):
        findings += _against(place, due[place], posted[place])
        if posted[place]:
            batches.append(_batch(place, posted[place]))
    seen = LedgerSeen(
        moves=len(moves),
        unbalanced=sum(bool(move.difference) for move in moves),
        batches=tuple(batches),
        not_posted=dict(foreign),
    )
    return seen, tuple(findings)


def judge_preview(lines: Iterable[Any], payouts: Iterable[PaidOut]) -> tuple[Finding, ...]:
    """What finance has against the lines of `seamline postings preview`: they have to be what was paid out."""
    shown: dict[tuple[str, str, str], list[Posted]] = defaultdict(list)
    for line in lines:
        posted = Posted(line["account"], Decimal(line["debit"]), Decimal(line["credit"]))
        shown[line["sales_channel"], line["currency"], line["booked_on"]].append(posted)
    moves = [
        Move(place, " ".join((_OURS, *of)), date.fromisoformat(of[2]), tuple(posted))
        for place, (of, posted) in enumerate(sorted(shown.items()), 1)
    ]
    return judge_ledger(moves, payouts)[1]


def _place(move: Move) -> tuple[str, str, date] | None:
    """Whose batch a move is, as its description says; None: it is none of Seamline's."""
    words = (move.description or "").split()
    if len(words) < 4 or words[0] != _OURS:  # noqa: PLR2004 - its name, then the three
        return None
    return words[1], words[2], date.fromisoformat(words[3])


def _batch(place: tuple[str, str, date], moves: Sequence[Move]) -> Batch:
    sales_channel, currency, day = place
    return Batch(
        sales_channel=sales_channel,
        currency=currency,
        day=day,
        moves=len(moves),
        amount=sum((line.debit for move in moves for line in move.lines), _ZERO),
        difference=sum((move.difference for move in moves), _ZERO),
    )


def _against(place: tuple[str, str, date], payouts: Sequence[PaidOut], moves: Sequence[Move]) -> Iterator[Finding]:
    name = " ".join(map(str, place))
    if len(moves) != bool(payouts):
        yield _finding(name, f"{len(moves)} moves are posted for it, not {int(bool(payouts))}")
    booked: dict[str, Decimal] = defaultdict(Decimal)
    for move in moves:
        if move.date != place[2]:
            yield _finding(name, f"move {move.id} is booked on {move.date}")
        for line in move.lines:
            booked[line.account] += line.debit - line.credit
    fees, paid = sum((each.fees for each in payouts), _ZERO), sum((each.paid for each in payouts), _ZERO)
    right = {FEES: fees, BANK: paid, CLEARING: -fees - paid}
    for account in sorted({*right, *booked}):
        if booked[account] != right.get(account, _ZERO):
            sentence = f"account {account} has {booked[account]} of it, not {right.get(account, _ZERO)}"
            yield _finding(name, sentence)


def _finding(name: str, sentence: str) -> Finding:
    return Finding(Fault.MISBOOKED, name, sentence)
