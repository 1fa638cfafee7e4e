"""WooCommerce's orders are named cheaply and read whole, in every spelling that PHP and its plugins give a field."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import product

import pytest

from connectors.contract import Identified, NotAnOrder, Unidentifiable
from connectors.fulfil import wire
from flows.formats.woocommerce import identify, read
from flows.model.money import Money
from flows.model.order import (
    Address,
    Order,
    Unreadable,
)
from flows.model.proof import prove
from flows.model.sale import SaleSettings, Unmappable, sale_for
from tests.unit.made_woocommerce import Json, encode, inclusive, item, made, payload, said, taxed

NAMED = Identified("727", "2026-11-20T08:00:08.000000Z")


def usd(text: str) -> Money:
    return Money(Decimal(text), "USD")


# -- naming ------------------------------------------------------------------------------------------------------------


def test_an_order_is_named_by_its_id_and_its_change_in_utc() -> None:
    """`date_modified_gmt` has no zone and is UTC; the local field beside it never counts."""
    assert identify(encode(payload())) == NAMED
    order = made(payload())
    assert (order.order_id, order.version) == (NAMED.order_id, NAMED.version)


@pytest.mark.parametrize("spelling", [727, "727", " 727 "])
def test_one_order_has_one_id_however_it_is_spelt(spelling: object) -> None:
    """A webhook and a poll must not make two orders of one."""
    assert identify(encode(payload(id=spelling))) == NAMED
    assert made(payload(id=spelling)).order_id == "727"


@pytest.mark.parametrize("order_id", ["", "  ", "a\x00b", "x" * 101, True, 1.5, [], {}, None, 2**70])
def test_what_is_no_id_names_nothing(order_id: object) -> None:
    """Control characters, over a hundred characters, and other types."""
    raw = encode(payload(id=order_id))
    assert isinstance(identify(raw), Unidentifiable)
    assert isinstance(read("web", raw), Unreadable)


@pytest.mark.parametrize(
    ("moment", "version"),
    [
        ("2026-11-20T08:00:08", "2026-11-20T08:00:08.000000Z"),
        ("2026-11-20 08:00:08", "2026-11-20T08:00:08.000000Z"),
        ("2026-11-20T08:00:08.5", "2026-11-20T08:00:08.500000Z"),
        ("2026-11-20T08:00:08Z", "2026-11-20T08:00:08.000000Z"),
        ("2026-11-20T09:00:08+01:00", "2026-11-20T08:00:08.000000Z"),
        ("0000-00-00T00:00:00", ""),
        ("2026-11-20", ""),
        ("yesterday", ""),
        (None, ""),
        (5, ""),
    ],
)
def test_versions_sort_as_text(moment: object, version: str) -> None:
    """With or without a zone; and a time that cannot be read is no version, and keeps no order out."""
    raw = encode(payload(date_modified_gmt=moment))
    assert identify(raw) == Identified("727", version)
    order = read("web", raw)
    assert isinstance(order, Order)
    assert order.version == version


def test_the_envelope_of_jetpack_is_unwrapped() -> None:
    """`{data}` holds the same order as the bare one."""
    assert identify(encode({"data": payload()})) == NAMED
    assert read("web", encode({"data": payload()})) == made(payload())


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (payload(status="auto-draft"), "draft"),
        (payload(status="checkout-draft"), "draft"),
        (payload(status="draft"), "draft"),
        (payload(status="wc-checkout-draft"), "draft"),
        ({"data": payload(status="auto-draft")}, "draft"),
        ({"id": 5, "parent_id": 727, "amount": "3.00", "refunded_by": 1, "refunded_payment": False}, "refund"),
        (payload(billing_period="month", status="active"), "subscription"),
    ],
)
def test_drafts_refunds_and_subscriptions_are_not_orders(other: Json, reason: str) -> None:
    """They have ids of their own, which must not become an order's."""
    answer = identify(encode(other))
    assert isinstance(answer, NotAnOrder)
    assert reason in answer.reason


def test_a_draft_is_not_read_either() -> None:
    """Whoever reads it without asking first is told."""
    answer = read("web", encode(payload(status="auto-draft")))
    assert answer == Unreadable("The order cannot be read: it is a draft, which is not an order yet.")


def test_the_notice_of_a_deletion_says_that_it_is_one() -> None:
    """WooCommerce's webhook `order.deleted` has an id and nothing else."""
    assert identify(b'{"id":727}') == Identified("727", "")
    answer = read("web", b'{"id":727}')
    assert answer == Unreadable(
        "The order cannot be read: it is the notice of a deletion, which has nothing but an id."
    )


def test_the_last_of_a_repeated_key_counts_everywhere() -> None:
    """Naming and reading agree on which one it is."""
    raw = encode(payload())[:-1] + b',"id":728,"total":"11.00"}'
    assert identify(raw) == Identified("728", NAMED.version)
    order = read("web", raw)
    assert isinstance(order, Order)
    assert (order.order_id, order.total) == ("728", usd("11.00"))


# -- figures -----------------------------------------------------------------------------------------------------------


def test_a_taxed_order_is_read_whole() -> None:
    """Net lines, a coupon on them, shipping and a fee with taxes of their own; every equation holds."""
    order = made(taxed())
    (line,), (parcel,) = order.lines, order.shipping_lines
    assert (line.id, line.sku, line.title, line.quantity) == ("315", "MUG-BLUE", "Mug", 2)
    assert (line.unit_price.shop, line.gross.shop, line.discount.shop) == (usd("10"), usd("20.00"), usd("2.00"))
    assert [(tax.name, tax.rate, tax.amount.shop) for tax in line.taxes] == [("VAT", Decimal("0.1"), usd("1.8"))]
    assert (parcel.title, parcel.service, parcel.gross.shop) == ("Express", "flat_rate:5", usd("5.00"))
    assert [tax.amount.shop for tax in parcel.taxes] == [usd("0.5")]
    assert order.fees is not None
    assert order.fees.shop == usd("1.00")
    assert [tax.amount.shop for tax in order.fee_taxes] == [usd("0.1")]
    assert [(each.name, each.amount.shop) for each in order.discounts] == [("two&off", usd("2.00"))]
    assert not order.taxes_included
    assert said(taxed()) == ""


@pytest.mark.parametrize("included", [True, False])
def test_lines_are_net_whatever_the_flag_of_prices_says(included: bool) -> None:
    """It tells how the shop's prices were entered, not what the order publishes."""
    assert said(taxed(prices_include_tax=included)) == ""
    assert not made(taxed(prices_include_tax=included)).taxes_included


def test_numbers_and_text_are_the_same_money() -> None:
    """Also as a number with the noise of binary arithmetic; SKUs and quantities come as either, too."""
    line = item(quantity="2", price=5.3999999999999995, subtotal=10.799999999999999, total=10.8, sku=123)
    order = made(payload(total=10.799999999999999, line_items=[line]))
    assert order.total == usd("10.8")
    assert (order.lines[0].sku, order.lines[0].quantity) == ("123", 2)
    assert prove(order).holds


def test_pieces_may_be_fractions() -> None:
    """1.5 metres of cloth, at 6.666667 each."""
    line = item(quantity=1.5, price=6.666667)
    assert made(payload(line_items=[line])).lines[0].quantity == Decimal("1.5")
    assert said(payload(line_items=[line])) == ""


@pytest.mark.parametrize(
    ("changes", "named", "difference"),
    [
        ({"total": "26.41"}, "total", "0.01"),
        ({"total": "26.39"}, "total", "0.01"),
        ({"total_tax": "2.41"}, "tax", "0.01"),
        ({"shipping_total": "5.01"}, "shipping", "0.01"),
        ({"discount_total": "1.99"}, "discounts", "0.01"),
    ],
)
def test_a_total_that_is_a_cent_off_is_named_with_that_cent(changes: Json, named: str, difference: str) -> None:
    """Whichever of the order's totals it is."""
    failing = {each.name: each.difference for each in prove(made(taxed(**changes))).failing}
    assert failing[named] == Decimal(difference)


@pytest.mark.parametrize(
    ("place", "field", "value", "sentence"),
    [
        ("line_items", "total_tax", "1.81", "the tax of a line is 1.80 USD, in another 1.81 USD"),
        ("shipping_lines", "total_tax", "0.51", "the tax of shipping is 0.50 USD, in another 0.51 USD"),
        ("fee_lines", "total_tax", "0.09", "the tax of a fee is 0.10 USD, in another 0.09 USD"),
        ("tax_lines", "tax_total", "1.91", "the tax of rate 75 is 1.90 USD, in another 1.91 USD"),
        ("tax_lines", "shipping_tax_total", "0.51", "the tax of rate 75 is 0.50 USD, in another 0.51 USD"),
        ("line_items", "price", 18, "the total of a line is 36.00 USD, in another 18.00 USD"),
    ],
)
def test_two_places_that_disagree_are_a_conflict(place: str, field: str, value: object, sentence: str) -> None:
    """Both figures are shown, and the order is held."""
    order = taxed()
    order[place] = [{**order[place][0], field: value}]
    assert f"The order says in one place that {sentence}." in said(order)


def test_the_taxes_of_goods_and_of_shipping_are_the_sum_of_taxes() -> None:
    """`cart_tax` and `shipping_tax` are `total_tax`."""
    assert "the sum of taxes is 2.39 USD, in another 2.40 USD" in said(taxed(cart_tax="1.89"))
    assert said(taxed(cart_tax=...)) == ""


def test_a_tax_is_charged_in_cents_as_the_line_states_it() -> None:
    """1.9975 was computed, and 2.00 was charged: per line, per rate and in all."""
    line = item(subtotal="23.50", total="23.50", price=23.5, total_tax="2.00", taxes=[{"id": 1, "total": "1.9975"}])
    rate = {"rate_id": 1, "label": "State", "rate_percent": 8.5, "tax_total": "2.00", "shipping_tax_total": "0.00"}
    order = payload(line_items=[line], tax_lines=[rate], cart_tax="2.00", total_tax="2.00", total="25.50")
    (tax,) = made(order).lines[0].taxes
    assert (tax.name, tax.rate, tax.amount.shop) == ("State", Decimal("0.085"), usd("2.00"))
    assert said(order) == ""
    assert said({**order, "tax_lines": []}) == ""


def test_three_at_nine_ninety_nine_with_tax_add_up_to_the_cent() -> None:
    """8.325 and 1.665 each: 24.99 and 4.98 where lines are rounded, 24.98 and 4.99 where the subtotal is."""
    three = [(999, 1, 0)] * 3
    by_line, at_subtotal = made(inclusive(three)), made(inclusive(three, at_subtotal=True))
    assert [(line.gross.shop, line.taxes[0].amount.shop) for line in by_line.lines] == [(usd("8.33"), usd("1.66"))] * 3
    assert [str(line.gross.shop) for line in at_subtotal.lines] == ["8.32 USD", "8.33 USD", "8.33 USD"]
    assert [str(line.taxes[0].amount.shop) for line in at_subtotal.lines] == ["1.66 USD", "1.66 USD", "1.67 USD"]
    for order in (by_line, at_subtotal):
        assert order.total == usd("29.97")
        assert prove(order).holds, prove(order).sentence
    assert said(inclusive(three, at_subtotal=True, total="29.98")) == ""  # 24.99 + 4.99: so it is published
    assert "0.01 USD too much" in said(inclusive(three, at_subtotal=True, total="29.99"))
    assert "0.02 USD too little" in said(inclusive(three, at_subtotal=True, total="29.96"))


def test_what_rounding_did_to_discounts_and_small_taxes_is_no_contradiction() -> None:
    """Goods for nothing at prices with tax; taxes below half a cent that make one together; a wrong one still shows."""
    free = inclusive([(1, 2, 2), (1, 2, 2)], percent=19, at_subtotal=True)
    assert (free["discount_total"], [line["subtotal"] for line in free["line_items"]]) == ("0.03", ["0.02", "0.02"])
    assert said(free) == ""
    small = inclusive([(1, 1, 0), (1, 2, 0)], percent=21, at_subtotal=True)
    assert (small["total_tax"], [line["total_tax"] for line in small["line_items"]]) == ("0.01", ["0.00", "0.00"])
    assert [str(tax.amount.shop) for line in made(small).lines for tax in line.taxes] == ["0.01 USD", "0.00 USD"]
    assert said(small) == ""
    assert "0.03 USD too much" in said({**free, "discount_total": "0.07"})
    assert "the tax of rate 75 is 0.00 USD, in another 0.02 USD" in said(
        {**small, "tax_lines": [{**small["tax_lines"][0], "tax_total": "0.02"}]}
    )


def test_ties_are_rounded_down_where_the_rate_says_so() -> None:
    """Three taxes of 1.665 in lines that do not state theirs: 4.98 in shops with tax in prices, 5.01 in others."""
    order = inclusive([(999, 1, 0)] * 3)
    for line in order["line_items"]:
        line.pop("total_tax")
    assert [str(line.taxes[0].amount.shop) for line in made(order).lines] == ["1.66 USD"] * 3
    assert said(order) == ""
    dearer = {"tax_lines": [{**order["tax_lines"][0], "tax_total": "5.01"}], "total_tax": "5.01", "cart_tax": "5.01"}
    assert [str(line.taxes[0].amount.shop) for line in made(order | dearer).lines] == ["1.67 USD"] * 3
    assert said(order | dearer | {"total": "30.00"}) == ""


@pytest.mark.parametrize("at_subtotal", [False, True])
def test_no_order_of_three_at_nine_ninety_nine_is_held_for_rounding(at_subtotal: bool) -> None:
    """One to four lines with tax and every mix of discounts: none of 780 is held, whichever way the shop rounds."""
    offs = (0, 150, 299, 300, 333)
    mixes = [mix for lines in range(1, 5) for mix in product(offs, repeat=lines)]
    orders = [inclusive([(999, 3, off) for off in mix], at_subtotal=at_subtotal) for mix in mixes]
    assert [said(order) for order in orders] == [""] * 780


def test_both_totals_that_were_seen_in_the_field_are_facts() -> None:
    """58.53 less 10 %, 8.8 % of tax and 4.00 of shipping: 61.32 by rounded parts, 61.31 by the sum before rounding."""
    line = item(subtotal="58.53", total="52.68", price=52.677, total_tax="4.64", taxes=[{"id": 1, "total": "4.635576"}])
    rate = {"rate_id": 1, "label": "State", "tax_total": "4.64", "shipping_tax_total": "0.00"}
    freight = {"id": 2, "method_id": "flat_rate", "total": "4.00", "total_tax": "0.00", "taxes": []}
    order = payload(
        line_items=[line], tax_lines=[rate], shipping_lines=[freight], shipping_total="4.00", cart_tax="4.64",
        total_tax="4.64", discount_total="5.85", total="61.32",
    )  # fmt: skip
    assert said(order) == ""
    assert said({**order, "total": "61.31"}) == ""
    assert made({**order, "total": "61.31"}).total == usd("61.31")
    assert "0.01 USD too little" in said({**order, "total": "61.31"} | {"line_items": [{**line, "price": ""}]})
    assert "0.02 USD" in said({**order, "total": "61.30"})


def test_a_tax_without_its_rate_is_named_by_what_there_is() -> None:
    """By its code, by the id of its rate, or by nothing; a rate of which the percentage is unknown has none."""
    line = item(total_tax="1.00", taxes=[{"id": "75", "total": "1"}])
    order = payload(line_items=[line], total="11.00", total_tax="1.00", cart_tax="1.00")
    rate = {"rate_id": 75, "rate_code": "GB-VAT-1", "label": "", "tax_total": "1.00", "shipping_tax_total": "0.00"}
    for rates, name in (([rate], "GB-VAT-1"), ([], "rate 75"), ([{**rate, "label": "VAT &amp; Co"}], "VAT & Co")):
        (tax,) = made({**order, "tax_lines": rates}).lines[0].taxes
        assert (tax.name, tax.rate) == (name, None)
        assert said({**order, "tax_lines": rates}) == ""


def test_a_line_that_names_no_rate_has_the_only_one_of_the_order() -> None:
    """`total_tax` without `taxes`: of the order's one rate, else of none that has a name."""
    line = item(total_tax="1.00", taxes=...) | {"taxes": None}
    rate = {"rate_id": 75, "label": "VAT", "tax_total": "1.00", "shipping_tax_total": "0.00"}
    order = payload(line_items=[line], total="11.00", total_tax="1.00", cart_tax="1.00", tax_lines=[rate])
    assert [tax.name for tax in made(order).lines[0].taxes] == ["VAT"]
    assert [tax.name for tax in made({**order, "tax_lines": []}).lines[0].taxes] == [""]


def test_taxes_that_only_the_order_has_are_unallocated() -> None:
    """They are proven, and the sale says that they belong to no line."""
    rate = {"rate_id": 75, "label": "VAT", "tax_total": "1.00", "shipping_tax_total": "0.00"}
    order = payload(total="11.00", total_tax="1.00", cart_tax="1.00", tax_lines=[rate])
    for line in order["line_items"]:
        line.pop("taxes")
        line.pop("total_tax")
    assert [(tax.name, tax.amount.shop) for tax in made(order).unallocated_taxes] == [("VAT", usd("1.00"))]
    assert said(order) == ""


def test_a_negative_fee_stays_a_fee() -> None:
    """A reduction that the shop books as a fee is published as one, with its sign."""
    fee = {"id": 9, "name": "Loyalty", "amount": "-3", "total": "-3.00", "total_tax": "0.00", "taxes": []}
    order = payload(fee_lines=[fee], total="7.00")
    fees = made(order).fees
    assert fees is not None
    assert fees.shop == usd("-3.00")
    assert said(order) == ""
    assert made(payload()).fees is None


def test_shipping_without_lines_is_what_shipping_cost() -> None:
    """Lists that leave `shipping_lines` out still have its total; an empty list contradicts it."""
    (line,) = made(payload(shipping_lines=..., shipping_total="4.00", total="14.00")).shipping_lines
    assert (line.id, line.service, line.gross.shop) == ("", "", usd("4.00"))
    assert said(payload(shipping_lines=..., shipping_total="4.00", total="14.00")) == ""
    assert "4.00 USD too much" in said(payload(shipping_total="4.00", total="14.00"))


@pytest.mark.parametrize(
    ("method", "instance", "service"),
    [
        ("flat_rate", "5", "flat_rate:5"),
        ("flat_rate", 5, "flat_rate:5"),
        ("flat_rate", "", "flat_rate"),
        ("flat_rate", "0", "flat_rate"),
        ("free_shipping:1", "1", "free_shipping:1"),
        ("", "5", "Express & more"),
        (None, None, "Express & more"),
    ],
)
def test_a_service_is_named_as_woocommerce_names_a_rate(method: object, instance: object, service: str) -> None:
    """The method and its instance in a zone, or the title where there is no method."""
    parcel = {"id": 3, "method_title": "Express &amp; more", "method_id": method, "instance_id": instance}
    order = made(payload(shipping_lines=[{**parcel, "total": "0.00", "total_tax": "0.00", "taxes": []}]))
    assert order.shipping_lines[0].service == service


def test_entities_of_html_are_read_as_what_they_mean() -> None:
    """WordPress stores titles escaped."""
    order = made(payload(line_items=[item(name="Ship Your Idea &ndash; Color: Black &lt;M&gt; \x00")]))
    assert order.lines[0].title == "Ship Your Idea \u2013 Color: Black <M>"


# -- lines that are not shipped goods ----------------------------------------------------------------------------------


def test_a_product_that_was_deleted_keeps_its_line() -> None:
    """Its SKU is null: the order is read, and stops at the sale, where somebody can name one."""
    order = made(payload(line_items=[item(sku=None, product_id=0)]))
    assert order.lines[0].sku is None
    assert order.lines[0].title == "Mug"
    assert said(payload(line_items=[item(sku=None)])) == ""
    answer = sale_for(order, SaleSettings(channel_id=3, gateways={"stripe": "stripe"}))
    assert answer == Unmappable("A line of the order has no SKU.")


def test_nothing_is_shipped_of_an_order_that_needs_no_processing() -> None:
    """Then all its products are virtual and downloadable; what is known of no product is not known to be."""
    lines = [item(id=1, sku="PDF", total="10.00"), item(id=2, sku=None, subtotal="0.00", total="0.00", price=0)]
    order = made(payload(line_items=lines, needs_processing=False))
    assert [line.requires_shipping for line in order.lines] == [False, True]
    assert made(payload(needs_processing=True)).lines[0].requires_shipping
    assert made(payload()).lines[0].requires_shipping


def test_a_line_that_sells_a_gift_card_says_so() -> None:
    """By the recipient that WooCommerce Gift Cards writes on the line; values of any shape are skipped."""
    meta = [{"id": 1, "key": 5, "value": {"a": [1.5]}}, {"id": 2, "key": "wc_gc_giftcard_to", "value": "x@example.com"}]
    assert made(payload(line_items=[item(meta_data=meta)])).lines[0].gift_card
    assert made(payload(line_items=[item(meta_data={"7": meta[1]})])).lines[0].gift_card
    for other in ([meta[0]], "wc_gc_giftcard_to", [["wc_gc_giftcard_to"]], None):
        assert not made(payload(line_items=[item(meta_data=other)])).lines[0].gift_card


def test_a_renewal_says_where_it_came_from_and_a_test_payment_makes_a_test_order() -> None:
    """`created_via` and the subscription's id; WooPayments notes its mode on the order."""
    meta = [{"id": 1, "key": "_subscription_renewal", "value": "282"}, {"id": 2, "key": "_wcpay_mode", "value": "test"}]
    order = made(payload(created_via="subscription", meta_data=meta))
    assert order.tags == ("created_via:subscription", "subscription_renewal")
    assert order.test
    assert made(payload()).tags == ("created_via:checkout",)
    live = [{**meta[1], "value": "prod"}]
    assert not made(payload(created_via=None, meta_data=live)).test
    assert made(payload(created_via=None)).tags == ()


# -- people ------------------------------------------------------------------------------------------------------------


def test_a_guest_has_no_id_and_an_empty_address_is_none() -> None:
    """`customer_id` 0 is nobody; the empty forms of an order that ships nothing are no addresses."""
    order = made(payload())
    assert (order.customer, order.billing_address, order.shipping_address) == (None, None, None)
    empty = made(payload(billing=[], shipping=[], customer_id="0"))
    assert (empty.customer, empty.billing_address, empty.shipping_address) == (None, None, None)
    null = made(payload(billing=None, shipping=..., customer_id=None))
    assert (null.customer, null.billing_address, null.shipping_address) == (None, None, None)


def test_people_are_read_and_never_shown() -> None:
    """Names, entities, false for nothing, and a post code that is a number."""
    billing = {
        "first_name": "Ada", "last_name": "O&#039;Moss", "company": "Moss &amp; Co", "address_1": "1 Elm Street",
        "address_2": False, "city": "Reno", "state": "NV", "postcode": 89501, "country": "US",
        "email": "ada@example.com", "phone": "555",
    }  # fmt: skip
    order = made(payload(customer_id=11, billing=billing))
    assert order.customer is not None
    assert (order.customer.id, order.customer.name, order.customer.email) == ("11", "Ada O'Moss", "ada@example.com")
    assert order.billing_address == Address(
        name="Ada O'Moss", company="Moss & Co", address1="1 Elm Street", city="Reno", zip="89501",
        subdivision_code="NV", country_code="US", phone="555", email="ada@example.com",
    )  # fmt: skip
    for personal in ("Ada", "Moss", "example.com", "Elm", "555"):
        assert personal not in repr(order)


# -- the sale, and what cannot be read ---------------------------------------------------------------------------------


def test_an_inclusive_order_becomes_a_sale_to_the_cent() -> None:
    """Net amounts, the tax as the shop charged it, and no rounding line."""
    address = {"address_1": "1 Elm Street", "city": "Reno", "country": "US"}
    order = made(inclusive([(999, 1, 0)] * 3, at_subtotal=True, billing=address))
    settings = SaleSettings(channel_id=3, taxes={"VAT": "VAT 20"}, gateways={"stripe": "stripe"})
    sale = sale_for(order, settings)
    assert isinstance(sale, wire.CreateOrder), sale
    assert [line.amount for line in sale.sale_lines] == [Decimal("8.32"), Decimal("8.33"), Decimal("8.33")]
    assert sum(tax.amount for line in sale.sale_lines for tax in line.tax_lines) == Decimal("4.99")
    assert sale.amount == Decimal("29.97")
    assert [(each.amount, each.provider_reference) for each in sale.payments] == [(Decimal("29.97"), "ch_1")]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"currency": None}, "it has no currency"),
        ({"currency": "&#36;"}, "a currency is not a code"),
        ({"total": None}, "total is missing"),
        ({"total": "NaN"}, "an amount is not a plain decimal number"),
        ({"total": "1E+400"}, "an amount is out of range"),
        ({"total": "1,234.00"}, "an amount is not a plain decimal number"),
        ({"total": False}, "an amount is neither text nor a number"),
        ({"line_items": None}, "it has no line_items"),
        ({"line_items": {}}, "Expected `array | null`, got `object` at `$.line_items`"),
        ({"line_items": [7]}, "at `$.line_items[0]`"),
        ({"line_items": [item(total="")]}, "the total of a line is missing"),
        ({"line_items": [item(quantity=None)]}, "the quantity of a line is missing"),
        ({"line_items": [item(subtotal=[])]}, "an amount is neither text nor a number"),
        ({"date_created_gmt": None}, "its date_created is in a local time without a zone"),
        ({"date_created_gmt": None, "date_created": None}, "it has no date_created_gmt"),
        (
            {"date_created_gmt": None, "date_created": None, "created_at": "2026-11-20T08:00:00Z"},
            "legacy API; the webhook",
        ),
        ({"date_created_gmt": "now"}, "date_created_gmt is not a date and time"),
        ({"date_paid_gmt": "soon"}, "date_paid_gmt is not a date and time"),
        ({"refunds": [{"id": 1}]}, "a refund has no amount"),
        ({"gift_cards": [{"id": 1}]}, "a gift card has no amount"),
    ],
)
def test_what_cannot_be_read_says_why(changes: Json, reason: str) -> None:
    """A sentence that names the field, and an order that stays named."""
    raw = encode(payload(**changes))
    answer = read("web", raw)
    assert isinstance(answer, Unreadable)
    assert reason in answer.reason
    assert answer.reason.endswith(".")
    assert isinstance(identify(raw), Identified)


def test_a_local_time_with_its_zone_will_do() -> None:
    """Where a mapping has left the other one out."""
    order = made(payload(date_created_gmt=None, date_created="2026-11-20T10:00:00+02:00"))
    assert order.placed_at == datetime(2026, 11, 20, 8, tzinfo=UTC)


def test_a_number_that_no_double_holds_is_no_amount() -> None:
    """1E+400 as a JSON number, and NaN, which is no JSON."""
    raw = encode(payload())
    for total, reason in ((b"1E+400", "an amount is out of range"), (b"NaN", "not one well-formed JSON object")):
        answer = read("web", raw.replace(b'"total":"10.00","total_tax"', b'"total":' + total + b',"total_tax"', 1))
        assert isinstance(answer, Unreadable)
        assert reason in answer.reason


def test_truncated_json_names_nothing() -> None:
    """Wherever it was cut off."""
    raw = encode(payload())
    for cut in range(0, len(raw), 7):
        assert isinstance(identify(raw[:cut]), Unidentifiable)
        assert isinstance(read("web", raw[:cut]), Unreadable)


@pytest.mark.parametrize("field", ["total", "total_tax", "subtotal", "price", "quantity", "sku", "id", "name", "taxes"])
@pytest.mark.parametrize("value", [[], {}, True, "NaN", "", None, 10**30, [1], "\x00"])
def test_no_value_on_a_line_makes_reading_raise(field: str, value: object) -> None:
    """It is an order, or an answer with a reason."""
    answer = read("web", encode(payload(line_items=[item(**{field: value})])))
    assert isinstance(answer, Order | Unreadable)
    if isinstance(answer, Order):
        assert isinstance(prove(answer).sentence, str)


def test_thousands_of_lines_are_exact() -> None:
    """Five thousand mugs; and one cent among them is not lost."""
    lines = [item(id=number) for number in range(5_000)]
    assert said(payload(line_items=lines, total="50000.00")) == ""
    assert "0.01 USD too much" in said(payload(line_items=lines, total="50000.01"))


def test_a_currency_without_cents_has_none() -> None:
    """Yen are whole; a tax of 90.9 is charged as 91."""
    line = item(subtotal="1000", total="1000", price=1000, total_tax="91", taxes=[{"id": 1, "total": "90.9"}])
    rate = {"rate_id": 1, "label": "CT", "tax_total": "91", "shipping_tax_total": "0"}
    order = payload(currency="JPY", line_items=[line], tax_lines=[rate], total="1091", total_tax="91", cart_tax="91")
    assert made(order).lines[0].taxes[0].amount.shop == Money(Decimal(91), "JPY")
    assert said(order) == ""


@pytest.mark.parametrize(("sign", "several"), [("yes", True), ("no", False), ("", False)])
def test_an_order_that_goes_to_several_addresses_does_not_follow_the_billing_address(sign: str, several: bool) -> None:
    """The plug-in empties the shipping address of such an order, and says so; a sale must not be made of it."""
    meta = [{"id": 1, "key": "_multiple_shipping", "value": sign}, {"id": 2, "key": "_wcms_packages", "value": []}]
    where = {"address_1": "1 Elm Street", "country": "US"}
    order = made(payload(meta_data=meta, billing=where, shipping={"address_1": "", "country": ""}))
    assert (order.several_addresses, order.shipping_address) == (several, None)
    answer = sale_for(order, SaleSettings(channel_id=3, gateways={"stripe": "stripe"}))
    assert isinstance(answer, Unmappable) is several
