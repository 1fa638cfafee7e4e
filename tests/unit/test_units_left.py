"""What a sales channel still sells of each line, whether its format says so or not."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from flows.model.left import units_left
from tests.unit.made_orders import line, order

_LINES = (
    line("10.00", id="said", quantity=Decimal(3), quantity_left=Decimal(1)),
    line("10.00", id="unsaid", quantity=Decimal(2)),
    line("10.00", id="", quantity=Decimal(2)),
)


def test_a_format_that_says_nothing_leaves_everything() -> None:
    """What is said counts, and a line without an id cannot be named."""
    assert units_left(order(lines=_LINES)) == {"said": Decimal(1), "unsaid": Decimal(2)}


def test_of_a_cancelled_order_nothing_is_left_but_what_the_format_says() -> None:
    """No sales channel takes the news of a shipment of units that it has cancelled."""
    cancelled = order(lines=_LINES, cancelled_at=datetime(2026, 11, 20, tzinfo=UTC))
    assert units_left(cancelled) == {"said": Decimal(1), "unsaid": Decimal(0)}
