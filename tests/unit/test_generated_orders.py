"""The invented orders are what they say they are: distinct, repeatable, consistent to the cent, and odd on request."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from flows.demo.orders import GeneratedOrder, Mix, Oddity, catalogue, generate


def _parsed(order: GeneratedOrder) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(order.body)
    return parsed


def _stated_and_summed(order: dict[str, Any]) -> tuple[Decimal, Decimal]:
    lines = sum(Decimal(line["price"]) * line["quantity"] for line in order["line_items"])
    allocated = sum(Decimal(each["amount"]) for line in order["line_items"] for each in line["discount_allocations"])
    shipping = sum(Decimal(line["price"]) for line in order["shipping_lines"])
    taxed = [*order["line_items"], *order["shipping_lines"]]
    tax = sum(Decimal(each["price"]) for line in taxed for each in line["tax_lines"])
    assert Decimal(order["total_tax"]) == tax
    assert Decimal(order["total_discounts"]) == allocated
    return Decimal(order["total_price"]), lines - allocated + shipping + (0 if order["taxes_included"] else tax)


@pytest.mark.parametrize("tax_included", [0.0, 1.0])
@pytest.mark.parametrize("discounted", [0.0, 1.0])
def test_the_parts_of_a_plain_order_add_up(tax_included: float, discounted: float) -> None:
    """Lines - discounts + shipping, and tax unless prices include it, is the stated total."""
    for order in generate(3, 50, mix=Mix(tax_included=tax_included, discounted=discounted)):
        parsed = _parsed(order)
        stated, summed = _stated_and_summed(parsed)
        assert stated == summed == order.total
        assert parsed["taxes_included"] is bool(tax_included)
        assert bool(parsed["discount_codes"]) is bool(discounted)


def test_the_same_arguments_give_the_same_bytes() -> None:
    """Two runs of one seed are equal, and another seed is another set of orders."""
    assert list(generate(5, 20)) == list(generate(5, 20))
    assert {order.order_id for order in generate(5, 20)}.isdisjoint(order.order_id for order in generate(6, 20))


def test_orders_are_distinct_and_of_the_usual_size() -> None:
    """No id and no body comes twice; a body has 7 to 8.5 KB and names the id and SKUs it was announced with."""
    orders = list(generate(7, 300))
    assert len({order.order_id for order in orders}) == len({order.body for order in orders}) == 300
    for order in orders:
        assert 7_000 <= len(order.body) <= 8_500
        parsed = _parsed(order)
        assert str(parsed["id"]) == order.order_id
        assert tuple(line["sku"] for line in parsed["line_items"]) == order.skus


def test_the_shares_of_odd_orders_are_met_exactly() -> None:
    """Ten in a hundred have a SKU outside the catalogue, five a wrong total, and no order has both."""
    known = {product.sku for product in catalogue(7, 80)}
    orders = list(generate(7, 100, products=80, mix=Mix(unknown_sku=0.10, wrong_total=0.05)))
    unknown = {order.order_id for order in orders if not known.issuperset(order.skus)}
    wrong = {order.order_id for order in orders if len(set(_stated_and_summed(_parsed(order)))) > 1}
    assert unknown == {order.order_id for order in orders if order.oddity is Oddity.UNKNOWN_SKU}
    assert wrong == {order.order_id for order in orders if order.oddity is Oddity.WRONG_TOTAL}
    assert (len(unknown), len(wrong)) == (10, 5)


def test_shares_that_do_not_fit_are_refused() -> None:
    """More odd orders than orders is a mistake of the caller."""
    with pytest.raises(ValueError, match="more than all orders"):
        next(generate(7, 10, mix=Mix(unknown_sku=0.8, wrong_total=0.4)))


def test_a_longer_catalogue_begins_with_the_shorter_one() -> None:
    """SKUs are distinct, and growing the catalogue changes none of them."""
    longer = catalogue(7, 400)
    assert longer[:100] == catalogue(7, 100)
    assert len({product.sku for product in longer}) == 400
