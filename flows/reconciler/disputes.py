"""Disputes that payouts have, and the sales channel does not tell of: money that is open until they are decided. Pure.

What the customer's bank takes back is neither a refund nor lost. A dispute of which the sales channel tells is a case
of the payments of the order already, whatever its amount there; one that the bank gave back in full is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flows.model.money import Money, exactly
from flows.reconciler.comparing import Difference
from flows.reconciler.refunds import Finding, apart
from flows.reconciler.settling import Line, Standing, Wait

UNTOLD: Final = "dispute.untold"
_KINDS: Final = ("dispute", "dispute_reversal")


@exactly
def disputes_compared(order: Standing) -> tuple[Finding, ...]:
    """Every dispute in payouts that is not decided, and of which nobody else tells. Each has a cause of its own."""
    told = [each for each in order.tenders if each.way == "dispute"]
    known = {(each.amount, each.currency) for each in told}
    lines = sorted(_undecided(order.lines), key=lambda line: (-line.amount, line.currency) not in known)
    return apart([_untold(line) for line in lines[len(told) :]])


def _undecided(lines: Sequence[Line]) -> list[Line]:
    """What was taken, but for what came back: by its sign, since not every provider has two words for it."""
    moved = [line for line in lines if line.kind in _KINDS]
    returned = [(line.amount, line.currency) for line in moved if line.amount > 0]
    left = []
    for line in moved:
        if (-line.amount, line.currency) in returned:
            returned.remove((-line.amount, line.currency))
        elif line.amount < 0:
            left.append(line)
    return left


def _untold(line: Line) -> Finding:
    money = Money(-line.amount, line.currency)
    sentence = (
        f"payout {line.payout} has a dispute of {money}, which the customer's bank has taken back, and of which the "
        "sales channel does not tell"
    )
    return Finding(
        difference=Difference(
            kind=UNTOLD, cause=f"dispute in {line.payout} of {money}", sentence=sentence, amount=money.amount,
            currency=money.currency, was="no dispute", is_=str(money), happened_at=line.at,
        ),
        wait=Wait("dispute", f"for the dispute of {money} in {line.payout} to be decided"),
        lines=(line,),
    )  # fmt: skip
