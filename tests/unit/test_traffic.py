"""The day of the demo is what it says it is: repeatable, mixed as announced, and clear about what must come of it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

import pytest

from flows.demo.orders import generate
from flows.demo.traffic import (
    EUROPE,
    SALES_CHANNELS,
    SHARES,
    WEB,
    Day,
    Delivery,
    Part,
    Story,
    cancelled,
    corrected,
    counted,
    day,
    figures,
    upgraded,
)


@pytest.fixture(scope="module")
def today() -> Day:
    """A day of 400 orders."""
    return day(7, 400)


def _items(delivery: Delivery) -> list[dict[str, Any]]:
    content = json.loads(delivery.body)
    return content if isinstance(content, list) else [content]


def test_the_same_seed_gives_the_same_day() -> None:
    """Down to the bytes and the schedule; another seed gives another."""
    assert day(5, 60) == day(5, 60)
    assert day(5, 60) != day(6, 60)


@pytest.mark.parametrize("count", [0, 49, 10_001])
def test_a_day_has_a_bounded_number_of_orders(count: int) -> None:
    """Too few cannot hold every story, too many would not end in time."""
    with pytest.raises(ValueError, match=str(count)):
        day(1, count)


def test_every_story_is_told_in_its_share(today: Day) -> None:
    """Each sales channel has its part of the orders, and of them each story its share, at least one."""
    for sales_channel, number in ((WEB, 240), (EUROPE, 160)):
        own = [each for each in today.expected if each.sales_channel == sales_channel.name]
        stories = counted(own)
        assert len(own) == number
        assert {story: stories[story] for story in SHARES} == {
            story: max(1, round(share * number)) for story, share in SHARES.items()
        }
    assert set(counted(day(1, 50).expected)) == set(Story)


def test_every_order_is_delivered_as_often_as_is_expected(today: Day) -> None:
    """What is counted for the observer is what is in the bodies, and each body names the orders of its delivery."""
    delivered: Counter[tuple[str, str]] = Counter()
    for delivery in today.deliveries:
        ids = tuple(str(item["id"]) for item in _items(delivery))
        assert ids == delivery.order_ids
        delivered.update((delivery.sales_channel, order_id) for order_id in ids)
    assert delivered == {(each.sales_channel, each.order_id): each.deliveries for each in today.expected}


def test_orders_come_singly_and_in_arrays_and_now_and_then_twice_in_one(today: Day) -> None:
    """All three ways of a hub are there, and the parts of the day follow each other in order of time."""
    sizes = Counter(len(delivery.order_ids) for delivery in today.deliveries)
    assert sizes[1] > 100
    assert sum(sizes.values()) - sizes[1] > 10
    assert any(len(set(delivery.order_ids)) < len(delivery.order_ids) for delivery in today.deliveries)
    for part in Part:
        times = [delivery.at_s for delivery in today.of(part)]
        assert times == sorted(times)
    assert [delivery.number for delivery in today.deliveries] == list(range(len(today.deliveries)))
    assert [delivery.part for delivery in today.deliveries] == sorted(delivery.part for delivery in today.deliveries)


def test_versions_of_one_order_never_race(today: Day) -> None:
    """A delivery waits for every earlier one with another version of its order; equal ones may come at once."""
    met: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    waiting, at_once = 0, 0
    for delivery in today.deliveries:
        for item in _items(delivery):
            earlier = met[delivery.sales_channel, str(item["id"])]
            others = {number for number, updated in earlier if updated != item["updated_at"]} - {delivery.number}
            assert others <= set(delivery.waits_for)
            waiting += bool(others)
            at_once += bool(earlier) and not others
            earlier.append((delivery.number, item["updated_at"]))
        assert all(number < delivery.number for number in delivery.waits_for)
    assert waiting > 20
    assert at_once > 20


def test_reordered_stories_deliver_the_later_version_first(today: Day) -> None:
    """An edit or a cancel that overtakes carries a later time of update than the version that follows it."""
    stories = {(each.sales_channel, each.order_id): each.story for each in today.expected}
    updates: dict[tuple[str, str], list[str]] = defaultdict(list)
    for delivery in today.deliveries:
        for item in _items(delivery):
            updates[delivery.sales_channel, str(item["id"])].append(item["updated_at"])
    overtaken = {name for name, story in stories.items() if story in (Story.EDITED_FIRST, Story.CANCELLED_FIRST)}
    assert overtaken
    for name, times in updates.items():
        assert (times != sorted(times)) == (name in overtaken)


def test_only_orders_that_may_be_sold_have_figures(today: Day) -> None:
    """Never: what stays unknown or contradictory, and what was cancelled before it could be sold."""
    without = {each.story for each in today.expected if each.sale is None}
    assert without == {Story.SKU_MISSING, Story.SKU_CANCELLED, Story.CONTRADICTORY, Story.CANCELLED_FIRST}


def test_the_evening_adds_exactly_the_products_that_its_stories_need(today: Day) -> None:
    """The missing SKUs of orders that wait for them, and of those that were cancelled meanwhile; no others."""
    known = {product.sku for product in today.products}
    missing: dict[Story, set[str]] = defaultdict(set)
    stories = {(each.sales_channel, each.order_id): each.story for each in today.expected}
    for delivery in today.deliveries:
        for item in _items(delivery):
            skus = {line["sku"] for line in item["line_items"]} - known
            missing[stories[delivery.sales_channel, str(item["id"])]] |= skus
    assert set(today.arriving_skus) == missing[Story.SKU_ARRIVES] | missing[Story.SKU_CANCELLED]
    assert missing[Story.SKU_MISSING].isdisjoint(today.arriving_skus)
    assert not missing[Story.PLAIN]


def test_the_figures_of_what_is_sold_add_up(today: Day) -> None:
    """Goods, tax and shipping are the total, on both sales channels; prices of one of them contain the tax."""
    for each in today.expected:
        if each.sale is not None:
            sale = each.sale
            assert sale.goods + sale.tax + sale.shipping == sale.total == sale.paid
            assert sale.goods == sum(line.amount for line in sale.lines)
    assert [sales_channel.tax_included for sales_channel in SALES_CHANNELS] == [False, True]


def test_an_order_sold_as_changed_is_expected_with_the_changed_figures(today: Day) -> None:
    """When the edit overtook, or corrected, the sale is of the edit; when it came behind or after, of the first."""
    bodies: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    for delivery in today.deliveries:
        for item in _items(delivery):
            bodies[delivery.sales_channel, str(item["id"])].append(json.dumps(item).encode())
    for each in today.expected:
        arrived = bodies[each.sales_channel, each.order_id]
        if each.story is Story.EDITED_FIRST:
            assert each.sale == figures(arrived[0]) != figures(arrived[1])
        if each.story is Story.CORRECTED:
            assert each.sale == figures(arrived[1]) != figures(arrived[0])
        if each.story in (Story.EDITED_BEHIND, Story.EDITED_AFTER):
            assert each.sale == figures(arrived[0]) != figures(arrived[1])


def test_changes_of_an_order_change_what_they_say() -> None:
    """An upgrade adds 5.00 of shipping, a correction takes 1.00 off the total, a cancel is stamped; all are later."""
    (order,) = generate(3, 1)
    before = figures(order.body)
    after = figures(upgraded(order.body))
    assert after.total - before.total == after.shipping - before.shipping == Decimal("5.00")
    assert after.lines == before.lines
    assert before.total - figures(corrected(order.body)).total == Decimal("1.00")
    assert json.loads(cancelled(order.body))["cancelled_at"]
    first = json.loads(order.body)["updated_at"]
    assert all(json.loads(change(order.body))["updated_at"] > first for change in (upgraded, corrected, cancelled))
