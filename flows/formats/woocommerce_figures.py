"""The figures of a WooCommerce order, made to agree as far as WooCommerce's own rounding explains that they do not.

WooCommerce computes finely and publishes in the shop's price digits. A tax of a line is published as computed (1.9975),
the sum of taxes as charged (2.00). A line's total is published rounded (8.33) beside a price that is not (8.325); a
shop that rounds at the subtotal charges 24.98 for three of them. What was charged is in the totals: so where the
published figures of the lines do not add up to them, and the figures before rounding do, the difference is laid on the
lines, at most one smallest unit each. Where they do not either, and wherever nothing was rounded, the figures stay as
published, and the proof names the difference.
Source: WooCommerce REST API reference v3, Orders; setting "Round tax at subtotal level" (off: taxes are rounded per
line, half up, or half down where prices include tax).
Sums and differences are plain operators, because orders are read under `exactly`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Context, Decimal, InvalidOperation, Overflow
from functools import lru_cache

from flows.model.money import EXACT, ZERO

_up = Context(prec=80, rounding=ROUND_HALF_UP, traps=[InvalidOperation, Overflow]).quantize
_down = Context(prec=80, rounding=ROUND_HALF_DOWN, traps=[InvalidOperation, Overflow]).quantize
_COMPUTED = Decimal("0.000001")
"""WooCommerce computes with six digits: a figure is off by no more than this."""


class Cell:
    """The tax of one rate on one part of the order: as computed, and as charged in whole units.

    `stated` is what the part says that its taxes come to, when this is the only one. `fine`: it has a fraction of a
    unit, so it was rounded when it was charged.
    """

    __slots__ = ("charged", "computed", "fine", "rate", "stated", "up")

    def __init__(self, rate: str, computed: Decimal, scale: Scale) -> None:
        self.rate = rate
        self.computed = computed
        self.up = scale.up(computed)
        self.fine = self.up != computed
        self.charged = self.up if self.fine else computed
        self.stated: Decimal | None = None


class Scale:
    """The smallest unit that the order's totals are published in, and what rounding to it explains."""

    def __init__(self, digits: int) -> None:
        self.unit = Decimal(1).scaleb(-digits)
        self.half = self.unit / 2

    def up(self, amount: Decimal) -> Decimal:
        """Rounded to whole units, ties away from zero."""
        return _up(amount, self.unit)

    def down(self, amount: Decimal) -> Decimal:
        """Rounded to whole units, ties towards zero."""
        return _down(amount, self.unit)

    def fine(self, amount: Decimal) -> bool:
        """Whether it has a fraction of a unit."""
        return self.up(amount) != amount

    def rounds_to(self, computed: Decimal, published: Decimal, figures: int = 1, roundings: int = 1) -> bool:
        """Whether so many roundings make `published` of `computed`, a sum of so many figures with a fraction."""
        if computed == published:
            return True
        return (computed - published).copy_abs() <= self.half * roundings + _COMPUTED * figures

    def spread(
        self, figures: Sequence[Decimal], target: Decimal, exact: Sequence[Decimal] | None = None
    ) -> list[Decimal] | None:
        """The figures with the smallest unit laid on as many as are needed to reach the target.

        The first ones bear it; those whose exact value is zero never do. None when one unit each does not suffice.
        """
        bearing = figures if exact is None else exact
        missing = target - total(figures)
        step = self.unit.copy_sign(missing)
        units = EXACT.divide(missing, step)
        if units != units.to_integral_value() or units > sum(1 for each in bearing if each):
            return None
        result, left = [], int(units)
        for each, value in zip(figures, bearing, strict=True):
            moved = left > 0 and bool(value)
            left -= moved
            result.append(each + step if moved else each)
        return result


@lru_cache(maxsize=32)
def scale_of(digits: int) -> Scale:
    """The scale with so many digits after the point."""
    return Scale(digits)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The sum."""
    return sum(amounts, ZERO)


def charge(cells: Sequence[Cell], published: Decimal | None, scale: Scale) -> None:
    """Fix what one rate charged on each part, in whole units that add up to what is published for the rate.

    Where they cannot, they are as the parts state them, and whoever compares them with the published sum sees it.
    """
    fractions = sum(cell.fine for cell in cells)
    if not fractions:
        return
    charged = stated = [cell.up if cell.stated is None else cell.stated for cell in cells]
    if published is not None and total(stated) != published:
        up, down = [cell.up for cell in cells], [scale.down(cell.computed) for cell in cells]
        if total(up) == published:
            charged = up
        elif total(down) == published:
            charged = down
        else:
            exact = [cell.computed for cell in cells]
            if scale.rounds_to(total(exact), published, fractions):
                charged = scale.spread(up, published, exact) or stated
    for cell, amount in zip(cells, charged, strict=True):
        cell.charged = amount


def nets(
    published: Sequence[Decimal],
    computed: Sequence[Decimal],
    others: Decimal,
    taxes: Sequence[Cell],
    whole: Decimal,
    scale: Scale,
) -> Sequence[Decimal]:
    """The net totals of the lines; `whole` is all that was charged, `others` shipping and fees.

    As published when they add up, or when not even the figures before rounding do.
    """
    rest = whole - others - total([cell.charged for cell in taxes])
    if total(published) == rest:
        return published
    fractions = sum(1 for one, other in zip(published, computed, strict=True) if one != other) + sum(
        cell.fine for cell in taxes
    )
    finest = total(computed) + others + total([cell.computed for cell in taxes])
    if not fractions or not scale.rounds_to(finest, whole, fractions):
        return published
    return scale.spread(published, rest, computed) or published
