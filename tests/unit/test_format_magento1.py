"""Magento 1's orders are named cheaply and read whole: everything is text, and nothing names a tax."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.contract import Identified, NotAnOrder, Unidentifiable
from flows.formats import magento2
from flows.formats.magento1 import identify, read
from flows.formats.magento_regions import subdivision_code
from flows.model.order import FinancialStatus, Order, PaymentKind, Tender, Unreadable
from tests.unit.magento_orders import both, encode, old_item, old_payload, payload, proven, usd


def made(items: list[dict[str, Any]], total: str, subtotal: str, **changes: Any) -> Order:
    order = read("web", encode(old_payload(items, total, subtotal, **changes)))
    assert isinstance(order, Order), order
    return order


MUG = old_item("7", "mug", "10.0000", "20.0000", "2.0000")


def test_an_order_is_read_whole() -> None:
    """Four digits, times without a zone, shipping on the order itself, a street of two lines."""
    raw = encode(old_payload([MUG], "25.0000", "20.0000"))
    assert identify(raw) == Identified("1", "2013-06-29T05:53:10.000000Z")
    order = proven(made([MUG], "25.0000", "20.0000"))
    assert (order.order_id, order.reference, order.total) == ("1", "100000001", usd("25"))
    assert order.placed_at == datetime(2013, 6, 29, 5, 53, 9, tzinfo=UTC)
    assert [(line.id, line.sku, line.title, line.quantity, line.gross.shop) for line in order.lines] == [
        ("7", "mug", "Mug", 2, usd("20"))
    ]
    assert [(line.service, line.gross.shop) for line in order.shipping_lines] == [("flatrate_flatrate", usd("5"))]
    assert order.shipping_address is not None
    assert (order.shipping_address.address1, order.shipping_address.address2) == ("1 Elm Street", "Flat 2")
    assert order.shipping_address.subdivision_code == "TX"
    assert (order.financial_status, order.payments, order.refunds) == (FinancialStatus.PENDING, (), ())


def test_a_tax_is_called_by_its_percentage_and_shippings_has_no_name() -> None:
    """Version 1 publishes no names; zero taxes are none."""
    line = {**MUG, "tax_percent": "20.0000", **both({"tax_amount": "4.0000"})}
    sums = both({"tax_amount": "5.0000", "shipping_tax_amount": "1.0000"})
    order = proven(made([line], "30.0000", "20.0000", **sums))
    assert [(tax.name, tax.rate, tax.amount.shop) for tax in order.lines[0].taxes] == [
        ("20%", Decimal("0.2"), usd("4"))
    ]
    assert [(tax.name, tax.rate, tax.amount.shop) for tax in order.shipping_lines[0].taxes] == [("", None, usd("1"))]
    odd = {**line, "tax_percent": "8.2500"}
    assert made([odd], "30.0000", "20.0000", **sums).lines[0].taxes[0].name == "8.25%"


def test_the_tax_in_a_discount_is_called_hidden() -> None:
    """119.00 with 19 % tax, ten percent off: 11.90, of which 1.90 is hidden tax; the same for shipping."""
    line = old_item("7", "mug", "100.0000", "100.0000", tax_percent="19.0000", hidden_tax_amount="1.9000",
                    base_hidden_tax_amount="1.9000",
                    **both({"tax_amount": "17.1000", "discount_amount": "11.9000"}))  # fmt: skip
    sums = both({"tax_amount": "18.1000", "shipping_tax_amount": "1.0000", "discount_amount": "-12.4000",
                 "hidden_tax_amount": "1.9000", "shipping_discount_amount": "0.5000"})  # fmt: skip
    sums |= {"shipping_hidden_tax_amount": "0.1000", "base_shipping_hidden_tax_amnt": "0.1000"}
    order = proven(made([line], "112.7000", "100.0000", coupon_code="TEN", **sums))
    assert order.lines[0].discount.shop == usd("10")
    assert order.shipping_lines[0].discount.shop == usd("0.4")
    assert [(each.name, each.amount.shop) for each in order.discounts] == [("TEN", usd("12.4"))]


def test_a_bundle_counts_once_with_the_price_of_its_parent() -> None:
    """Two of 2949.99: what its parts say repeats the price; the virtual one does not keep the other from shipping."""
    parts = [
        old_item("5", "laptop", "2699.9900", "5399.9800", "2.0000", parent_item_id="4"),
        old_item("6", "warranty", "250.0000", "500.0000", "2.0000", parent_item_id="4", product_type="virtual"),
    ]
    bundle = old_item("4", "laptop-kit", "2949.9900", "5899.9800", "2.0000", product_type="bundle")
    order = proven(made([bundle, *parts], "5904.9800", "5899.9800"))
    assert [(line.id, line.sku, line.quantity, line.gross.shop) for line in order.lines] == [
        ("4", "laptop-kit", 2, usd("5899.98"))
    ]
    assert order.lines[0].requires_shipping


def test_a_configurable_product_counts_once() -> None:
    """Its child has the same SKU and no price."""
    items = [
        old_item("7", "shirt-m", "10.0000", "10.0000", product_type="configurable"),
        old_item("8", "shirt-m", "0.0000", "0.0000", parent_item_id="7"),
    ]
    assert [(line.id, line.sku) for line in proven(made(items, "15.0000", "10.0000")).lines] == [("7", "shirt-m")]


def test_what_the_payment_says_was_paid_is_paid() -> None:
    """Also where the order itself says nothing."""
    payment = {"payment_id": "3", "method": "checkmo", **both({"amount_paid": "25.0000"}), "last_trans_id": None}
    order = proven(made([MUG], "25.0000", "20.0000", payment=payment))
    assert [(each.id, each.gateway, each.kind, each.amount) for each in order.payments] == [
        ("3", "checkmo", PaymentKind.SALE, usd("25"))
    ]
    assert order.financial_status is FinancialStatus.PAID


def test_gift_cards_of_the_enterprise_edition_are_plain_fields() -> None:
    """What PHP serialised is not read; the amount is."""
    gift = {"gift_cards": 'a:1:{i:0;a:4:{s:1:"i";s:1:"3";}}', **both({"gift_cards_amount": "5.0000"})}
    order = proven(made([MUG], "20.0000", "20.0000", **gift))
    assert [(each.tender, each.amount) for each in order.payments] == [(Tender.GIFT_CARD, usd("5"))]
    assert order.total == usd("25")


def test_a_cancelled_order_says_when_by_its_history() -> None:
    """It is called `status_history` here."""
    history = [{"status": "canceled", "created_at": "2013-07-01 00:00:00"}]
    order = made([MUG], "25.0000", "20.0000", state="canceled", status_history=history)
    assert proven(order).cancelled_at == datetime(2013, 7, 1, tzinfo=UTC)


def test_the_envelope_of_an_answer_is_unwrapped() -> None:
    """`{result: ...}` holds the same order as the bare one."""
    bare = old_payload([MUG], "25.0000", "20.0000")
    assert identify(encode({"result": bare})) == identify(encode(bare))
    assert read("web", encode({"result": bare})) == read("web", encode(bare))


@pytest.mark.parametrize("field", ["shipment_id", "invoice_id", "creditmemo_id"])
def test_documents_of_an_order_are_not_orders(field: str) -> None:
    """They name their order by the same field."""
    assert isinstance(identify(encode({field: "9", "order_id": "1", "increment_id": "100000009"})), NotAnOrder)


def test_an_entry_of_a_list_of_orders_is_named_and_not_read() -> None:
    """`sales_order.list` has no items; the order is held until it comes whole."""
    raw = encode({"order_id": "1", "increment_id": "100000001", "created_at": "2013-06-29 05:53:09",
                  "base_currency_code": "USD", "grand_total": "25.0000"})  # fmt: skip
    assert identify(raw) == Identified("1", "")
    assert read("web", raw) == Unreadable("The order cannot be read: it has no items.")


def test_the_versions_do_not_take_each_others_orders() -> None:
    """Each knows an order by another field."""
    old, new = encode(old_payload([MUG], "25.0000", "20.0000")), encode(payload())
    assert isinstance(magento2.identify(old), Unidentifiable)
    assert isinstance(magento2.read("web", old), Unreadable)
    assert isinstance(identify(new), Unidentifiable)
    assert isinstance(read("web", new), Unreadable)


@pytest.mark.parametrize(
    ("country", "region", "code"),
    [
        ("US", "Alabama", "AL"),
        ("US", "new york", "NY"),
        ("US", "NY", "NY"),
        ("CA", "Quebec", "QC"),
        ("AU", "New South Wales", "NSW"),
        ("US", "Quebec", None),
        ("IN", "Uttar Pradesh", None),
        ("US", None, None),
        (None, "Alabama", None),
    ],
)
def test_regions_have_codes_where_a_parcel_needs_them(
    country: str | None, region: str | None, code: str | None
) -> None:
    """Names that are not known have none."""
    assert subdivision_code(country, region) == code
