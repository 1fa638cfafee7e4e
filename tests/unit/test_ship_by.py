"""By when an order is to leave: business days and hours, weekends, holidays, time zones."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.formats import seamline
from flows.model.order import Order
from flows.model.ship_by import ShipWithin, due_at
from tests.unit import made_amazon as amazon
from tests.unit.test_format_seamline import MINIMAL

FRIDAY = datetime(2026, 11, 20, 15, tzinfo=UTC)


def _at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("within", "placed", "due"),
    [
        (ShipWithin(business_days=0), FRIDAY, _at(21)),
        (ShipWithin(business_days=0), _at(21, 9), _at(24)),
        (ShipWithin(business_days=1), FRIDAY, _at(24)),
        (ShipWithin(business_days=2), FRIDAY, _at(25)),
        (ShipWithin(business_days=1), _at(21, 9), _at(24)),
        (ShipWithin(business_days=1, holidays=(date(2026, 11, 23),)), FRIDAY, _at(25)),
        (ShipWithin(business_days=1, weekdays=("Mon", "Tue", "Wed", "Thu", "Fri", "Sat")), FRIDAY, _at(22)),
        (ShipWithin(business_days=1, time_zone="Asia/Kolkata"), _at(19, 20), _at(23, 18, 30)),
        (ShipWithin(business_hours=4), FRIDAY, _at(20, 19)),
        (ShipWithin(business_hours=12), FRIDAY, _at(23, 3)),
        (ShipWithin(business_hours=48), _at(21, 9), _at(25)),
    ],
)
def test_a_promise_counts_business_days_in_the_warehouses_time_zone(
    within: ShipWithin, placed: datetime, due: datetime
) -> None:
    """20 November 2026 is a Friday. Days end with their last business day; hours of other days do not count."""
    assert within.due_at(placed) == due


def test_what_the_sales_channel_promised_comes_first() -> None:
    """Without either, nothing is ever late."""
    within = ShipWithin(business_days=1)
    assert due_at(FRIDAY, _at(29), within) == _at(29)
    assert due_at(FRIDAY, None, within) == _at(24)
    assert due_at(FRIDAY, None, None) is due_at(None, None, within) is None


PROMISED = "2026-11-25T23:59:59Z"


def test_formats_that_know_a_promise_say_it_and_one_that_makes_no_sense_keeps_no_order_out() -> None:
    """Amazon's latest ship date, in both versions of its API, and `ship_by` of our own schema."""
    until = datetime(2026, 11, 25, 23, 59, 59, tzinfo=UTC)
    assert amazon.made(LatestShipDate=PROMISED).ship_by == until
    window = {"fulfillment": {"fulfilledBy": "MERCHANT", "shipByWindow": {"latestDateTime": PROMISED}}}
    assert amazon.made_2026(**window).ship_by == until
    ours = seamline.read("web", msgspec.json.encode({**MINIMAL, "ship_by": PROMISED}))
    assert isinstance(ours, Order)
    assert ours.ship_by == until
    assert amazon.made(LatestShipDate="soon").ship_by is amazon.made().ship_by is None


@given(
    placed=st.integers(0, 60 * 86_400),
    now=st.integers(0, 60 * 86_400),
    within=st.builds(
        ShipWithin,
        business_days=st.integers(0, 6),
        weekdays=st.sampled_from((("Mon",), ("Mon", "Wed", "Sat"), ("Mon", "Tue", "Wed", "Thu", "Fri"))),
        time_zone=st.sampled_from(("UTC", "Pacific/Auckland", "America/New_York")),
    )
    | st.builds(ShipWithin, business_hours=st.floats(0.5, 100)),
)
def test_one_instant_divides_what_is_late_from_what_is_not(placed: int, now: int, within: ShipWithin) -> None:
    """Whatever the setting: an order is due by now if and only if it was placed by then, to the second."""
    start = datetime(2026, 9, 1, tzinfo=UTC)
    bought, at = start + timedelta(seconds=placed), start + timedelta(seconds=now)
    until = within.placed_until(at)
    if abs(bought - until) > timedelta(seconds=2):
        assert (within.due_at(bought) <= at) is (bought <= until)


@pytest.mark.parametrize(
    "wrong", [{}, {"business_days": 1, "business_hours": 2.0}, {"business_days": 1, "time_zone": "Mars/Olympus"}]
)
def test_a_setting_that_says_nothing_or_two_things_is_refused(wrong: dict[str, object]) -> None:
    """With a sentence for whoever writes the configuration."""
    with pytest.raises(ValueError, match=r"either|no time zone"):
        ShipWithin(**wrong)  # type: ignore[arg-type]
