"""The plan of the demo's day is what it says it is: repeatable, mixed as announced, and small enough to be told."""

from __future__ import annotations

from collections import Counter

import pytest

from flows.demo.stories import (
    ARRIVING,
    HANDLED,
    NEVER_SOLD,
    OF_A_NEW_SKU,
    OF_THE_MAP,
    OUTLET,
    SALES_CHANNELS,
    SHARES,
    WEB,
    Day,
    Handling,
    Story,
    counted,
    day,
    is_told_by,
)


@pytest.fixture(scope="module")
def today() -> Day:
    """A day of 400 orders."""
    return day(7, 400)


def test_the_same_seed_gives_the_same_plan() -> None:
    """Another seed gives another."""
    assert day(5, 110) == day(5, 110)
    assert day(5, 110) != day(6, 110)


@pytest.mark.parametrize("count", [0, 99, 10_001])
def test_a_day_has_a_bounded_number_of_orders(count: int) -> None:
    """Too few cannot hold every story, too many would not end in time."""
    with pytest.raises(ValueError, match=str(count)):
        day(1, count)


def test_three_sales_channels_of_two_formats_share_the_orders(today: Day) -> None:
    """One of them is mapped to Seamline's schema on its way; one has prices without their taxes."""
    numbers = Counter(each.sales_channel.name for each in today.planned)
    assert numbers == {"web": 160, "europe": 120, "outlet": 120}
    assert {each.format for each in SALES_CHANNELS} == {"shopify", "woocommerce"}
    assert [each.name for each in SALES_CHANNELS if each.mapped] == [OUTLET.name]
    assert [each.name for each in SALES_CHANNELS if not each.tax_included] == [WEB.name]


def test_every_story_is_told_in_its_share(today: Day) -> None:
    """Of each sales channel's orders, at least one; those about the map with a mistake only where that map is."""
    for sales_channel in SALES_CHANNELS:
        own = [each for each in today.planned if each.sales_channel is sales_channel]
        told = counted(own)
        here = {story: share for story, share in SHARES.items() if is_told_by(sales_channel, story)}
        assert {story: told[story] for story in here} == {
            story: max(1, round(share * len(own))) for story, share in here.items()
        }
        assert sales_channel is WEB or not OF_THE_MAP & set(told)
        assert not sales_channel.mapped or Story.TEST not in told


def test_the_smallest_day_tells_every_story_and_handles_an_order_in_every_way() -> None:
    """So that no day passes a part of the judgement by."""
    today = day(1, 100)
    assert set(counted(today.planned)) == set(Story)
    assert {each.handling for each in today.planned} >= set(HANDLED)


def test_the_warehouse_handles_only_orders_that_nothing_else_happens_to(today: Day) -> None:
    """Sales and shipments are judged apart from edits and cancels."""
    assert all(each.handling is Handling.NONE or each.story is Story.PLAIN for each in today.planned)


def test_the_evening_adds_exactly_the_products_that_its_stories_need(today: Day) -> None:
    """The missing SKUs of orders that wait for them, and of those cancelled meanwhile; each order misses its own."""
    known = {*(product.sku for product in today.products), *today.scarce_skus}
    missing = {each.story: set[str]() for each in today.planned}
    for each in today.planned:
        new = {line.sku for line in each.lines} - known
        assert len(new) == (each.story in OF_A_NEW_SKU)
        assert new.isdisjoint(missing[each.story])
        missing[each.story] |= new
        assert each.extra.sku in known
    assert set(today.arriving_skus) == set().union(*(missing[story] for story in ARRIVING))
    assert missing[Story.SKU_MISSING].isdisjoint(today.arriving_skus)


def test_the_day_says_how_much_must_be_acknowledged_and_sold(today: Day) -> None:
    """Every version of every order, and every order that is not cancelled first or held to the end."""
    never = sum(counted(today.planned)[story] for story in NEVER_SOLD)
    assert today.sold == 400 - never
    assert today.versions == sum(each.versions for each in today.planned) > 400
