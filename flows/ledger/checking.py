"""Whether batches that were posted are in the ledger as they were posted. Pure.

A posted entry can be taken back to a draft, changed and posted again, moved to another day, or deleted by people with
the right to; nothing of Fulfil's says so to us. So it is read: its state, its day, and what it moves of each account.
Or it is left as it is, and another entry is posted beside it that takes it back: that one has it as its origin, or its
description (Tryton's module makes it as a copy with the origin `account.move,ID`). So what such entries move counts,
too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

import msgspec

from connectors.fulfil.ledger import LEDGER_MOVES, LedgerLine, LedgerMove
from flows.model.money import ZERO, Money, exactly


class PostedBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch that was posted. `moved` is debit less credit by the code of the account; `total` the sum of one side."""

    reference: str
    move: int
    booked_on: date
    currency: str
    total: Decimal
    moved: dict[str, Decimal]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What Fulfil has of these batches: the entries, their lines, and the ids of the accounts by their codes.

    `beside`: other entries that have one of them as their origin, or its description. `lines` has theirs, too.
    """

    moves: Sequence[LedgerMove]
    beside: Sequence[LedgerMove]
    lines: Sequence[LedgerLine]
    accounts: Mapping[str, int]


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """How a batch is not what was posted, and by how much."""

    batch: PostedBatch
    sentence: str
    amount: Decimal


@exactly
def moved_by(lines: Iterable[tuple[str, str, str]]) -> dict[str, Decimal]:
    """Debit less credit by account, of lines as (account, debit, credit)."""
    found: dict[str, Decimal] = {}
    for account, debit, credit in lines:
        found[account] = found.get(account, ZERO) + Decimal(debit) - Decimal(credit)
    return found


def changed(batches: Sequence[PostedBatch], seen: Seen) -> tuple[Changed, ...]:
    """Those that are not in the ledger as they were posted."""
    moves = {move.id: move for move in seen.moves}
    lines: dict[int, list[LedgerLine]] = {}
    for line in seen.lines:
        lines.setdefault(line.move or 0, []).append(line)
    found = []
    for batch in batches:
        how = list(_entry(batch, moves.get(batch.move))) or list(_together(batch, seen, lines))
        if how:
            said = "; ".join(sentence for sentence, _ in how)
            sentence = f"the batch {batch.reference} was posted as move {batch.move}, and {said}"
            found.append(Changed(batch=batch, sentence=sentence[:500], amount=max(amount for _, amount in how)))
    return tuple(found)


def _entry(batch: PostedBatch, move: LedgerMove | None) -> Iterator[tuple[str, Decimal]]:
    """All of it is at stake. What a tenant does not tell is not compared."""
    if move is None:
        yield "that is gone from Fulfil", batch.total
    elif move.state not in ("posted", None):
        yield f"that is a {move.state} now: it is not in the ledger", batch.total
    elif move.booked_on not in (batch.booked_on, None):
        yield f"that is booked on {move.booked_on} now, not on {batch.booked_on}", batch.total


def _together(
    batch: PostedBatch, seen: Seen, lines: Mapping[int, Sequence[LedgerLine]]
) -> Iterator[tuple[str, Decimal]]:
    """What the entry moves together with those that people have posted beside it."""
    beside = [each for each in seen.beside if _names(each, batch) and each.state in ("posted", None)]
    moved = [line for id_ in (batch.move, *(each.id for each in beside)) for line in lines.get(id_, ())]
    several = "moves" if len(beside) > 1 else "move"
    named = ", ".join(str(each.id) for each in beside[:_NAMED_MAX]) + (" and more" if len(beside) > _NAMED_MAX else "")
    whose = f"together with the {several} {named} beside it, " if beside else ""
    for sentence, amount in _accounts(batch, moved, seen.accounts):
        yield f"{whose}{sentence}", amount


def _names(move: LedgerMove, batch: PostedBatch) -> bool:
    return move.description == batch.reference or (
        move.origin is not None and (move.origin.model, move.origin.id) == (LEDGER_MOVES.name, batch.move)
    )


_NAMED_MAX: Final = 5


@exactly
def _accounts(
    batch: PostedBatch, lines: Sequence[LedgerLine], accounts: Mapping[str, int]
) -> list[tuple[str, Decimal]]:
    """Accounts of which it moves something else. An account that has another code now, or none, says nothing."""
    if any(code not in accounts for code in batch.moved):
        return []
    codes = {id_: code for code, id_ in accounts.items()}
    has: dict[str, Decimal] = {}
    for line in lines:
        code = codes.get(line.account or 0, f"with the id {line.account}")
        has[code] = has.get(code, ZERO) + (line.debit or ZERO) - (line.credit or ZERO)
    found = []
    for code in sorted({*batch.moved, *has}):
        was, is_ = batch.moved.get(code, ZERO), has.get(code, ZERO)
        if was != is_:
            sentence = f"it moves {Money(is_, batch.currency)} on the account {code}, not {Money(was, batch.currency)}"
            found.append((sentence, abs(is_ - was)))
    return found
