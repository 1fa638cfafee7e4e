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
_TO_BANK = LineClass.TRANSFER


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
    stands_in = header.sums_stand_in and not any(kind in sums.amounts for kind in header.totals)
    if stands_in:
        found = _of_stated_sums(header, sums)
    elif not sums.lines:
        found = []  # a list of payouts came first; their lines are still to come
    else:
        found = _of_lines(header, sums)
    reported = bool(found) or (bank is not None and bool(sums.lines))
    if sums.lines and not stands_in:
        found += _of_classes(header, sums)
    if bank is not None:
        found += _of_bank(header, sums, bank)
    return PayoutProof(equations=tuple(found), reported=reported)


def _of_stated_sums(header: PayoutHeader, sums: PayoutSums) -> list[Equation]:
    if header.paid is None:
        return []
    stated = sums.net + sum(header.totals.values(), ZERO)
    return [_equation("fees and reported sums = reported paid", stated, header.paid, header.currency)]


def _of_lines(header: PayoutHeader, sums: PayoutSums) -> list[Equation]:
    if not header.is_statement:
        paid = header.paid
        return [] if paid is None else [_equation("lines = reported paid", sums.net, paid, header.currency)]
    if header.opening is None or header.closing is None:
        return []
    return [_equation("lines = change of balance", sums.net, header.closing - header.opening, header.currency)]


def _of_classes(header: PayoutHeader, sums: PayoutSums) -> list[Equation]:
    """Those of the report's own sums that its lines do not come to."""
    found = []
    for kind, total in sorted(header.totals.items()):
        name, lines = kind.value.replace("_", " "), sums.amounts.get(kind, ZERO)
        if lines != total:
            found.append(_equation(f"{name} lines = reported {name}", lines, total, header.currency))
    return found


def _of_bank(header: PayoutHeader, sums: PayoutSums, bank: Decimal) -> list[Equation]:
    if header.is_statement:
        return [_equation("payouts of the day = bank amount", -sums.amounts.get(_TO_BANK, ZERO), bank, header.currency)]
    if header.paid is not None:
        return [_equation("reported paid = bank amount", header.paid, bank, header.currency)]
    return [_equation("lines = bank amount", sums.net, bank, header.currency)] if sums.lines else []


def is_received(header: PayoutHeader, bank: Decimal | None) -> bool:
    """Whether its money counts as arrived: never while it is in transit, nor after it failed, whatever stands in it.

    What is in a statement of account is on that account; that it goes to the bank is a line of its own.
    """
    if header.is_statement:
        return True
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
