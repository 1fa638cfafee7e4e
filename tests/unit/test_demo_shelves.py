"""The observer's judgement of stock can fail: a figure that is off is named, and so is a unit that nobody explains."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest

from flows.demo.figures import Figures, Line
from flows.demo.observer import Expected, Fault
from flows.demo.shelves import Oversold, judge_stock, oversold, told_wrong
from flows.demo.stories import SCARCE_STOCK, Story, Wanted


def _order(story: Story, sku: str = "MUG", quantity: int = 1, *, reserved: tuple[Wanted, ...] = ()) -> Expected:
    money = dict.fromkeys(("total", "goods", "tax", "shipping", "paid", "refunded"), Decimal(5))
    lines = (Line(sku, Decimal(quantity), Decimal(5)),)
    return Expected(
        sales_channel="web",
        order_id=f"{story}/{sku}",
        reference="#1",
        story=story,
        versions=1,
        currency="EUR",
        total=money["total"],
        sale=Figures(currency="EUR", lines=lines, **money),
        reserved=reserved,
    )


def _available(**units: int) -> Mapping[str, Decimal]:
    return {sku: Decimal(number) for sku, number in units.items()}


def test_a_figure_is_what_the_erp_has_less_what_waits_for_it() -> None:
    """Whole pieces, and never below zero on either side."""
    waits = _order(Story.UNPAID, reserved=(Wanted("MUG", 3),))
    available = {"MUG": Decimal("10.5"), "LAMP": Decimal(-2)}
    assert list(told_wrong([waits], available, {"web": {"MUG": 7, "LAMP": -1}})) == []
    assert list(told_wrong([], available, {"web": {"MUG": 10, "LAMP": 0}})) == []


@pytest.mark.parametrize("shown", [6, 8, None])
def test_a_figure_above_or_below_or_missing_is_found(shown: int | None) -> None:
    """The sentence says what is shown and what may be sold."""
    waits = _order(Story.UNPAID, reserved=(Wanted("MUG", 3),))
    figures = {"web": {} if shown is None else {"MUG": shown}}
    units = Oversold(beyond_told={}, raced=0, told_too_much=0)
    (finding,) = judge_stock([waits], _available(MUG=10), figures, units)
    assert (finding.fault, finding.order) == (Fault.MISTOLD, "web/MUG")
    assert finding.sentence == f"the sales channel shows {shown}, and 7 may be sold"


def test_what_is_oversold_is_told_apart_by_cause() -> None:
    """A race over the last pieces, a sales channel that sells what it shows none of, and nothing else."""
    raced = [_order(Story.RACED, quantity=SCARCE_STOCK) for _ in range(2)]
    missing = _available(MUG=-SCARCE_STOCK - 1, LAMP=4)
    units = oversold([*raced, _order(Story.OVERSOLD)], missing, {"web": 1, "outlet": 0})
    assert units == Oversold(beyond_told={"web": 1, "outlet": 0}, raced=SCARCE_STOCK, told_too_much=0)


def test_a_unit_that_is_missing_for_no_cause_is_ours() -> None:
    """It was sold because a sales channel had been told of it."""
    units = oversold([_order(Story.PLAIN)], _available(MUG=-1), {"web": 0})
    assert units.told_too_much == 1
    (finding,) = judge_stock([], {}, {}, units)
    assert finding.fault is Fault.MISTOLD
    assert "1 units are oversold" in finding.sentence
