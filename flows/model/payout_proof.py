"""The proof of a payout: its lines add up to what the provider says it has paid, and that is what the bank has. Pure.

Equations are exact. One that cannot be stated, because a side of it was never reported, is not there; a payout without
any is *unproven*. A rest below the smallest unit of the currency, which comes of fees of a part of a cent, is named as
a rounding and contradicts nothing.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from flows.model.money import ZERO, Money, digits_of, exactly
from flows.model.payout import LineClass, PayoutHeader, PayoutStatus, PayoutSums

Verdict = Literal["proven", "contradicted", "unproven"]


class Equation(msgspec.Struct, frozen=True, kw_only=True):
    """One equation: `difference` is left minus right. `rounding`: it is below the smallest unit, and comes of parts."""

    name: str
    left: Money
    right: Money
    difference: Money
    rounding: bool = False

    @property
    def holds(self) -> bool:
        """Whether both sides are the same, to the smallest unit of the currency."""
        return self.rounding or not self.difference

    @property
    def sentence(self) -> str:
        """The equation in words, with its figures."""
        left, right = self.name.split(" = ")
        if self.holds:
            rest = f", but for a rounding of {self.difference}" if self.rounding else ""
            return f"{left} ({self.left}) = {right} ({self.right}){rest}"
        return f"{left} are {self.left}, {right} is {self.right}: the difference is {self.difference}"


class PayoutProof(msgspec.Struct, frozen=True, kw_only=True):
    """All equations of one payout that can be stated."""

    equations: tuple[Equation, ...]
    reported: bool
    """Whether there was anything to compare the lines with."""

    @property
    def verdict(self) -> Verdict:
        """Proven needs an equation about what was paid, or about the balance; totals by class are not enough."""
        if any(not each.holds for each in self.equations):
            return "contradicted"
        return "proven" if self.reported else "unproven"

    @property
    def failing(self) -> tuple[Equation, ...]:
        """The equations that do not hold."""
        return tuple(each for each in self.equations if not each.holds)

    @property
    def difference(self) -> Decimal:
        """By how much the first of them fails; zero when all hold."""
        return next((each.difference.amount for each in self.failing), ZERO)


@exactly
def prove_payout(header: PayoutHeader, sums: PayoutSums, bank: Decimal | None = None) -> PayoutProof:
    """The proof of one payout. `bank` is the amount of the line in the bank's own statement, where somebody gave it."""
    currency, found = header.currency, []
    if not sums.lines:  # a list of payouts came first; their lines are still to come
        if bank is not None and header.paid is not None:
            found.append(_equation("reported paid = bank amount", header.paid, bank, currency))
        return PayoutProof(equations=tuple(found), reported=False)
    if header.is_statement:
        if header.opening is not None and header.closing is not None:
            change = header.closing - header.opening
            found.append(_equation("lines = change of balance", sums.net, change, currency))
        received = -sums.amounts.get(LineClass.TRANSFER, ZERO)
    else:
        if header.paid is not None:
            found.append(_equation("lines = reported paid", sums.net, header.paid, currency))
        received = sums.net if header.paid is None else header.paid
    reported = bool(found) or bank is not None
    for kind, total in sorted(header.totals.items()):
        if total != sums.amounts.get(kind, ZERO):
            name = kind.value.replace("_", " ")
            found.append(_equation(f"{name} lines = reported {name}", sums.amounts.get(kind, ZERO), total, currency))
    if bank is not None:
        what = "payouts of the day" if header.is_statement else ("lines" if header.paid is None else "reported paid")
        found.append(_equation(f"{what} = bank amount", received, bank, currency))
    return PayoutProof(equations=tuple(found), reported=reported)


def is_received(header: PayoutHeader, bank: Decimal | None) -> bool:
    """Whether its money counts as arrived: never while it is in transit, nor after it failed, whatever stands in it."""
    return header.status is PayoutStatus.PAID or (bank is not None and header.status is PayoutStatus.UNKNOWN)


def _equation(name: str, left: Decimal, right: Decimal, currency: str) -> Equation:
    difference = left - right
    unit = Decimal(1).scaleb(-digits_of(currency))
    rounding = bool(difference) and abs(difference) < unit and bool(left % unit)
    return Equation(
        name=name,
        left=Money(left, currency),
        right=Money(right, currency),
        difference=Money(difference, currency),
        rounding=rounding,
    )
