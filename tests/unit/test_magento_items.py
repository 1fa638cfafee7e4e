"""Every thing that was sold counts once: choices, bundles and their parts, and what of it is shipped."""

from __future__ import annotations

from typing import Any

import pytest

from flows.formats import FORMATS
from flows.model.order import FulfilmentStatus, Order, Unreadable
from tests.unit.magento_orders import below, both, encode, item, made, owing, payload, proven, share, taxes, usd


def test_a_configurable_product_counts_once() -> None:
    """The parent has the money, the chosen child the SKU; a price on the child, too, is the same price."""
    for repeated in (0, 10):
        chosen = below(7, 8, "HOODIE-XS", price=repeated, row_total=repeated) | {"parent_item": item(7, "HOODIE")}
        order = proven(made(items=[item(7, "HOODIE", product_type="configurable", name="Hoodie"), chosen]))
        assert [(line.id, line.sku, line.title, line.gross.shop) for line in order.lines] == [
            ("7", "HOODIE-XS", "Hoodie", usd("10"))
        ]


def test_a_parent_that_only_its_child_brings_along_is_the_line() -> None:
    """Some senders leave the parents out of `items`."""
    parent = item(7, "HOODIE", product_type="configurable")
    order = proven(made(items=[below(7, 8, "HOODIE-XS") | {"parent_item": parent}]))
    assert [(line.id, line.sku, line.gross.shop) for line in order.lines] == [("7", "HOODIE-XS", usd("10"))]
    orphans = made(items=[item(8, "A", parent_item_id=7), item(9, "B", parent_item_id=7)], **owing(20, subtotal=20))
    assert [line.sku for line in proven(orphans).lines] == ["A", "B"]


def test_parts_whose_parent_is_not_there_are_sold_at_their_own_prices_only() -> None:
    """Without a price, nobody can say whether they are counted already under their parent's other id."""
    order = proven(made(items=[below(6, 8, "HOODIE-XS", price=10, row_total=10)]))
    assert [line.sku for line in order.lines] == ["HOODIE-XS"]
    lost = FORMATS["magento2"].read("web", encode(payload(items=[item(7, "HOODIE"), below(6, 8, "HOODIE-XS")])))
    assert isinstance(lost, Unreadable)
    assert "name a parent that is not among the items" in lost.reason


@pytest.mark.parametrize(
    ("named", "lines"), [(None, 2), ("", 2), (0, 2), (False, 2), (True, None), (7.5, None), ({}, None)]
)
def test_a_parent_that_is_no_id_is_no_missing_parent(named: object, lines: int | None) -> None:
    """A part that were read as a thing of its own would be sold beside its parent."""
    child = below(7, 8, "HOODIE-XS") | {"parent_item_id": named}
    order = FORMATS["magento2"].read("web", encode(payload(items=[item(7, "HOODIE"), child])))
    assert (len(order.lines) if isinstance(order, Order) else None) == lines


def test_a_bundle_of_fixed_price_is_its_parent() -> None:
    """Its parts have no price; a zero `parent_item_id` names no parent."""
    parts = [below(7, 8, "LENS"), below(7, 9, "BAG", qty_ordered=2)]
    order = proven(made(items=[item(7, "KIT", product_type="bundle", parent_item_id=0), *parts]))
    assert [(line.sku, line.gross.shop) for line in order.lines] == [("KIT", usd("10"))]


def priced(*, sku: str, parent_tax: float = 2, **parent: Any) -> dict[str, Any]:
    """A bundle of dynamic price: two of 10.00, taxed and discounted through its parts."""
    figures = {"tax_percent": 10, "discount_amount": 0.5}
    parts = [
        below(7, 8, "LENS", price=12, row_total=12, qty_ordered=1, tax_amount=1.2, **figures),
        below(7, 9, "BAG", price=4, row_total=8, qty_ordered=2, tax_amount=0.8, **figures),
    ]
    whole = item(7, sku, product_type="bundle", price=20, row_total=20, tax_amount=parent_tax, **parent)
    return {"items": [whole, *parts], **owing(21, subtotal=20, tax_amount=2, discount_amount=-1)}


@pytest.mark.parametrize("parent_tax", [0, 2])
def test_a_bundle_of_dynamic_price_counts_once_with_what_its_parts_say(parent_tax: float) -> None:
    """The parent has the price; tax and discount are the sums of the parts where it has none."""
    (line,) = proven(made(**priced(sku="KIT", parent_tax=parent_tax))).lines
    assert (line.id, line.sku, line.gross.shop, line.discount.shop) == ("7", "KIT", usd("20"), usd("1.0"))
    assert taxes(line.taxes) == [("10%", "10", "2" if parent_tax else "2.0")]


@pytest.mark.parametrize("parent_tax", [0, 2])
def test_a_bundle_whose_sku_is_a_list_of_its_parts_is_its_parts(parent_tax: float) -> None:
    """`KIT-LENS-BAG` is no product; the parts have the whole price."""
    lines = proven(made(**priced(sku="KIT-LENS-BAG", parent_tax=parent_tax))).lines
    assert [(line.id, line.sku, line.quantity, line.gross.shop) for line in lines] == [
        ("8", "LENS", 1, usd("12")),
        ("9", "BAG", 2, usd("8")),
    ]
    assert [taxes(line.taxes) for line in lines] == [[("10%", "10", "1.2")], [("10%", "10", "0.8")]]


def test_parts_that_do_not_say_the_whole_price_leave_the_bundle_whole() -> None:
    """Then only the parent's price is sure, and its SKU will be missed in Fulfil."""
    changes = priced(sku="KIT-LENS-BAG")
    changes["items"][1] |= both({"row_total": 11, "price": 11})
    assert [line.sku for line in proven(made(**changes)).lines] == ["KIT-LENS-BAG"]


def test_parts_with_prices_are_the_lines_of_a_bundle_without_one() -> None:
    """The price is where it is published."""
    changes = priced(sku="KIT", parent_tax=0)
    changes["items"][0] |= both({"row_total": 0, "price": 0})
    assert [line.sku for line in proven(made(**changes)).lines] == ["LENS", "BAG"]


def test_a_thing_that_is_given_away_is_still_its_parent() -> None:
    """No price anywhere is no price below."""
    free = item(7, "KIT-LENS", product_type="bundle", price=0, row_total=0)
    order = proven(made(items=[free, below(7, 8, "LENS"), item(9)]))
    assert [line.sku for line in order.lines] == ["KIT-LENS", "MUG-BLUE"]


def test_taxes_of_a_bundle_are_named_through_its_parts() -> None:
    """Shares of one tax are added up."""
    vat = {"code": "VAT-10", "title": "VAT", "percent": 10}
    extension = {
        "item_applied_taxes": [
            {"type": "product", "item_id": 8, "applied_taxes": [share(vat, 1.2)]},
            {"type": "product", "item_id": 9, "applied_taxes": [share(vat, 0.8)]},
        ]
    }
    assert taxes(proven(made(extension, **priced(sku="KIT"))).lines[0].taxes) == [("VAT", "10", "2.0")]


def test_what_is_not_shipped_is_told_apart() -> None:
    """Virtual, downloadable, and a gift card by e-mail; a bundle is shipped when any part of it is."""
    lines = made(
        items=[
            item(1, product_type="virtual"),
            item(2, product_type="downloadable"),
            item(3, product_type="giftcard", is_virtual=1),
            item(4, product_type="giftcard"),
            item(5, product_type="simple", is_virtual="1"),
            item(6, product_type="bundle"),
            below(6, 61, "LAPTOP"),
            below(6, 62, "WARRANTY", product_type="virtual"),
            item(8, product_type="configurable"),
            below(8, 81, "LICENCE", product_type="downloadable"),
            item(9, product_type="grouped"),
            item(10, product_type=None),
        ]
    ).lines
    assert [line.requires_shipping for line in lines] == [False, False, False, True, False, True, False, True, True]
    assert [line.id for line in lines if line.gift_card] == ["3", "4"]


def test_names_are_text_without_entities() -> None:
    """`&trade;` and `&#039;` are how some catalogues keep a name; an SKU is what it is."""
    line = made(items=[item(sku="A&amp;B", name="Tone&trade; Band &#039;S&#039;\x00")]).lines[0]
    assert (line.title, line.sku) == ("Tone™ Band 'S'", "A&amp;B")


@pytest.mark.parametrize(
    ("quantities", "left"),
    [
        ({}, 4),
        ({"qty_canceled": 1, "qty_refunded": 2}, 1),
        ({"qty_canceled": 4, "qty_refunded": 4}, 0),
        ({"qty_canceled": None, "qty_refunded": None}, None),
    ],
)
def test_cancels_and_refunds_take_units_away(quantities: dict[str, Any], left: int | None) -> None:
    """None when the item speaks of neither."""
    line = item(qty_ordered=4, price=2.5, **quantities)
    assert made(items=[line]).lines[0].quantity_left == left


def test_units_of_a_bundle_are_cancelled_through_its_parts() -> None:
    """Four bundles of two bags each: two bags less are one bundle less."""
    parts = [below(7, 8, "LENS", qty_ordered=4), below(7, 9, "BAG", qty_ordered=8, qty_canceled=2)]
    bundle = item(7, "KIT", product_type="bundle", qty_ordered=4, price=2.5)
    assert made(items=[bundle, *parts]).lines[0].quantity_left == 3


@pytest.mark.parametrize(
    ("items", "state", "status"),
    [
        ([item(1), item(2)], "processing", FulfilmentStatus.UNSHIPPED),
        ([item(1, qty_shipped=1), item(2)], "processing", FulfilmentStatus.PARTIAL),
        ([item(1, qty_shipped=1), item(2, qty_canceled=1)], "processing", FulfilmentStatus.SHIPPED),
        ([item(1, qty_shipped=1), item(2, product_type="virtual")], "processing", FulfilmentStatus.SHIPPED),
        ([item(1)], "complete", FulfilmentStatus.SHIPPED),
        ([item(1, product_type="virtual")], "complete", FulfilmentStatus.UNSHIPPED),
        ([item(1, product_type="bundle"), below(1, 2, "A", qty_shipped=1), below(1, 3, "B")], "processing",
         FulfilmentStatus.PARTIAL),
        ([item(1, product_type="configurable", qty_shipped=1), below(1, 2, "A")], "processing",
         FulfilmentStatus.SHIPPED),
    ],
)  # fmt: skip
def test_what_was_shipped_is_what_the_quantities_say(
    items: list[dict[str, Any]], state: str, status: FulfilmentStatus
) -> None:
    """And a complete order is never shipped again."""
    assert made(items=items, state=state).fulfilment_status is status
