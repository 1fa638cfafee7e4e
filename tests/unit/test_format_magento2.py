"""Magento 2's orders are named cheaply and read whole: figures, names of taxes, both currencies, people."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.contract import Identified, NotAnOrder, Unidentifiable
from flows.formats.magento2 import identify, read
from flows.model.money import Money
from flows.model.order import (
    FinancialStatus,
    Order,
    Side,
    Unreadable,
)
from flows.model.proof import prove
from flows.model.sale import SaleSettings, Unmappable, sale_for
from tests.unit.magento_orders import (
    ADDRESS,
    below,
    both,
    encode,
    item,
    made,
    owing,
    payload,
    proven,
    share,
    taxes,
    usd,
)

SETTINGS = SaleSettings(channel_id=3, taxes={"VAT": "VAT 20"}, gateways={"checkmo": "cheque"}, fees_sku="FEE")


# -- names and times ---------------------------------------------------------------------------------------------------


def test_an_order_is_named_by_its_entity_id_and_its_update_in_utc() -> None:
    """The increment id is what people say; times have no zone and are UTC."""
    assert identify(encode(payload())) == Identified("1001", "2026-11-20T08:00:01.000000Z")
    order = proven(made())
    assert (order.order_id, order.reference, order.version) == ("1001", "000001001", "2026-11-20T08:00:01.000000Z")
    assert order.placed_at == datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert not order.taxes_included
    assert not order.test


@pytest.mark.parametrize("spelling", [1001, "1001", " 1001 "])
def test_one_order_has_one_id_however_it_is_spelt(spelling: object) -> None:
    """Direct rows of the table have text, the REST API has numbers."""
    raw = encode(payload(entity_id=spelling))
    order = read("web", raw)
    assert isinstance(order, Order)
    assert identify(raw) == Identified(order.order_id, order.version) == Identified("1001", order.version)


@pytest.mark.parametrize(
    ("updated_at", "version"),
    [
        ("2026-11-20T10:00:01+02:00", "2026-11-20T08:00:01.000000Z"),
        ("2026-11-20T08:00:01Z", "2026-11-20T08:00:01.000000Z"),
        ("2026-11-20 08:00:01.25", "2026-11-20T08:00:01.250000Z"),
        ("0000-00-00 00:00:00", ""),
        ("yesterday", ""),
        (None, ""),
        (5, ""),
        ({}, ""),
    ],
)
def test_a_zone_counts_when_there_is_one(updated_at: object, version: str) -> None:
    """What is no time leaves an order without a version; it is still named and read."""
    raw = encode(payload() | {"updated_at": updated_at})
    assert identify(raw) == Identified("1001", version)
    order = read("web", raw)
    assert isinstance(order, Order)
    assert order.version == version


def test_envelopes_are_unwrapped() -> None:
    """`entity`, `order`, and a search that found one."""
    bare = encode(payload())
    for envelope in (
        {"entity": payload()},
        {"order": payload()},
        {"items": [payload()], "search_criteria": {"filter_groups": []}, "total_count": 1},
    ):
        assert identify(encode(envelope)) == identify(bare)
        assert read("web", encode(envelope)) == read("web", bare)


@pytest.mark.parametrize("found", [[], [payload(), payload(entity_id=1002)]])
def test_a_search_with_any_other_number_of_results_is_no_order(found: list[object]) -> None:
    """The sender has to send each by itself."""
    raw = encode({"items": found, "search_criteria": {}, "total_count": len(found)})
    answer = identify(raw)
    assert isinstance(answer, Unidentifiable)
    assert "send each by itself" in answer.reason
    assert isinstance(read("web", raw), Unreadable)


@pytest.mark.parametrize(
    "document",
    [
        {"entity_id": 3, "order_id": 1001, "increment_id": "000000003", "grand_total": 10, "state": 2, "items": []},
        {"entity_id": 3, "order_id": 1001, "tracks": [], "packages": [], "items": []},
        {"entity_id": 3, "order_id": 1001, "creditmemo_status": None, "state": 2, "invoice_id": 3},
    ],
)
def test_documents_of_an_order_are_not_orders(document: object) -> None:
    """An invoice's own id must not become an order's."""
    assert isinstance(identify(encode(document)), NotAnOrder)


# -- money -------------------------------------------------------------------------------------------------------------


def test_a_discount_on_prices_without_tax_adds_up() -> None:
    """22.00 - 3.30, 23 % of the rest is 4.30, shipping 5.00: 28.00."""
    line = item(price=22, row_total=22, tax_percent=23, tax_amount=4.3, discount_amount=3.3)
    figures = {"subtotal": 22, "tax_amount": 4.3, "discount_amount": -3.3, "shipping_amount": 5}
    order = proven(made(items=[line], coupon_code="FIFTEEN", **owing(28, **figures)))
    (sold,) = order.lines
    assert (sold.gross.shop, sold.discount.shop) == (usd("22"), usd("3.3"))
    assert taxes(sold.taxes) == [("23%", "23", "4.3")]
    assert [(each.name, each.amount.shop) for each in order.discounts] == [("FIFTEEN", usd("3.3"))]
    assert order.financial_status is FinancialStatus.PENDING


def test_a_discount_on_prices_with_tax_is_without_the_tax_in_it() -> None:
    """119.00 with 19 % tax, ten percent off: 11.90, of which 1.90 is tax that nobody owes."""
    figures = {"tax_percent": 19, "tax_amount": 17.1, "discount_amount": 11.9, "discount_tax_compensation_amount": 1.9}
    whole = {"subtotal": 100, "tax_amount": 17.1, "discount_amount": -11.9, "discount_tax_compensation_amount": 1.9}
    order = proven(made(items=[item(price=100, row_total=100, **figures)], **owing(107.1, **whole)))
    assert order.lines[0].discount.shop == usd("10.0")
    sale = sale_for(order, SaleSettings(channel_id=3, taxes={"19%": "VAT 19"}))
    assert not isinstance(sale, Unmappable)
    assert sale.sale_lines[0].amount == 90  # type: ignore[union-attr]


def test_prices_with_tax_need_not_multiply_to_their_rows() -> None:
    """Three of 9.99 with 20 %: 8.33 each, 24.97 before tax. More than a hundredth for each piece is a conflict."""
    line = item(price=8.33, qty_ordered=3, row_total=24.97, tax_percent=20, tax_amount=5)
    order = proven(made(items=[line], **owing(29.97, subtotal=24.97, tax_amount=5)))
    assert (order.lines[0].gross.shop, order.lines[0].unit_price.shop) == (usd("24.97"), usd("8.33"))
    wrong = made(items=[item(price=8.33, qty_ordered=2, row_total=24.97)], **owing(24.97, subtotal=24.97))
    assert "the row_total of an item is 24.97 USD, in another 16.66 USD" in prove(wrong).sentence


def test_shipping_has_its_own_tax_and_discount() -> None:
    """Its tax counts in the order's; its method is the service, its description the title."""
    taxed = {"shipping_amount": 8, "shipping_tax_amount": 1.4, "shipping_discount_amount": 1}
    order = proven(made(**owing(18.4, tax_amount=1.4, discount_amount=-1, **taxed)))
    (shipping,) = order.shipping_lines
    assert (shipping.service, shipping.title) == ("flatrate_flatrate", "Flat Rate - Fixed")
    assert (shipping.gross.shop, shipping.discount.shop) == (usd("8"), usd("1"))
    assert taxes(shipping.taxes) == [("", None, "1.4")]
    compensated = both({"shipping_discount_tax_compensation_amount": 0.2})
    compensated["base_shipping_discount_tax_compensation_amnt"] = 0.2
    lowered = made(**owing(18.6, tax_amount=1.4, discount_amount=-1, **taxed, **compensated))
    assert proven(lowered).shipping_lines[0].discount.shop == usd("0.8")


def test_an_order_of_two_currencies_keeps_both_sides() -> None:
    """`base_` is the shop's, the rest the customer's; the payment is in the shop's."""
    source = payload(order_currency_code="EUR")
    for holder in (source, source["payment"], *source["items"]):
        for name in [each for each in holder if f"base_{each}" in holder and "currency" not in each]:
            holder[name] = holder[f"base_{name}"] * 2
    order = read("web", encode(source))
    assert isinstance(order, Order)
    assert (order.currency, order.presentment_currency) == ("USD", "EUR")
    assert order.lines[0].gross.on("EUR") == Money(Decimal(20), "EUR")
    assert order.lines[0].discount.on("EUR") == Money(Decimal(0), "EUR")
    assert order.totals.total.on("EUR") == Money(Decimal(20), "EUR")
    assert [payment.amount for payment in order.payments] == [usd("10")]
    assert prove(order).holds
    assert prove(order, side=Side.PRESENTMENT).holds
    del source["items"][0]["base_row_total"]
    answer = read("web", encode(source))
    assert answer == Unreadable(
        "The order cannot be read: row_total has no figure in the base currency, and the order has two currencies."
    )


def test_in_one_currency_both_figures_must_say_the_same() -> None:
    """Otherwise both are kept, and the proof says so; text and number are the same figure."""
    order = made(base_grand_total="10.0100")
    assert "grand_total is 10.00 USD, in another 10.01 USD" in prove(order).sentence
    assert made(base_grand_total="10.0000").conflicts == ()
    assert proven(made(base_grand_total=None, base_subtotal=None)).total == usd("10")


def test_noise_of_binary_arithmetic_is_undone() -> None:
    """As a number; the same digits as text are kept, and do not add up."""
    line = item(price=10.799999999999999, row_total=10.799999999999999)
    assert proven(made(items=[line], **owing(10.8, subtotal=10.8))).total == usd("10.8")
    line |= both({"row_total": "10.799999999999999"})
    assert not prove(made(items=[line], **owing(10.8, subtotal=10.8))).holds


def test_fixed_product_taxes_and_gift_wrapping_are_fees() -> None:
    """Whether the shop counts fixed product taxes in its subtotal or not."""
    line = item() | {"weee_tax_applied_row_amount": 1.5, "base_weee_tax_applied_row_amnt": 1.5}
    wrapping = {"gw_price": "2.0000", "gw_base_price": "2.0000", "gw_items_price": "", "gw_items_base_price": ""}
    for subtotal in (10, 11.5):
        order = proven(made(wrapping, items=[line], **owing(13.5, subtotal=subtotal)))
        assert order.fees is not None
        assert order.fees.shop == usd("3.5")


def test_the_tax_of_gift_wrapping_is_on_the_fee() -> None:
    """By name where it is published, else as what it is for; a tax on something unknown is nobody's, and holds it."""
    wrapping = {"gw_price": 2, "gw_base_price": 2, "gw_tax_amount": 0.4, "gw_base_tax_amount": 0.4}
    order = proven(made(wrapping, **owing(12.4, tax_amount=0.4)))
    assert taxes(order.fee_taxes) == [("gift wrapping", None, "0.4")]
    applied = [{"code": "VAT-20", "title": "VAT", "percent": 20, "amount": 0.4, "base_amount": 0.4}]
    wrapping |= {"item_applied_taxes": [{"type": "quote_gw", "applied_taxes": applied}]}  # type: ignore[dict-item]
    named = proven(made(wrapping, **owing(12.4, tax_amount=0.4)))
    assert taxes(named.fee_taxes) == [("VAT", "20", "0.4")]
    wrapping |= {"item_applied_taxes": [{"type": "something new", "applied_taxes": applied}]}  # type: ignore[dict-item]
    strange = made(wrapping | {"gw_tax_amount": 0, "gw_base_tax_amount": 0}, **owing(12.4, tax_amount=0.4))
    assert taxes(strange.unallocated_taxes) == [("VAT", "20", "0.4")]
    assert sale_for(strange, SETTINGS) == Unmappable(
        "Taxes of the order are published for the whole order, not for its lines."
    )


# -- names of taxes ----------------------------------------------------------------------------------------------------


STATE = {"code": "AVATAX-51", "title": "VA STATE TAX", "percent": 4.3}
CITY = {"code": "AVATAX-38424", "title": "VA CITY TAX", "percent": 1}


def taxed(extension: dict[str, Any], **changes: Any) -> Order:
    """Two of 7.00 with 0.74 of tax at 5.3 %."""
    line = item(price=7, qty_ordered=2, row_total=14, tax_percent=5.3, tax_amount=0.74, **changes)
    return made(extension, items=[line], **owing(14.74, subtotal=14, tax_amount=0.74))


def test_taxes_have_their_names_and_shares_where_they_are_published() -> None:
    """Per item in `item_applied_taxes`, of four digits that add up; shipping's tax of nothing stays out of the way."""
    order = proven(
        taxed(
            {
                "item_applied_taxes": [
                    {"type": "shipping", "applied_taxes": [share(STATE, 0)]},
                    {"type": "product", "item_id": 7, "applied_taxes": [share(STATE, 0.6003), share(CITY, 0.1397)]},
                ]
            }
        )
    )
    assert taxes(order.lines[0].taxes) == [("VA STATE TAX", "4.3", "0.6003"), ("VA CITY TAX", "1", "0.1397")]


def test_itemized_taxes_are_read_by_their_real_amounts() -> None:
    """Their `amount` is the item's whole tax, again for each; their titles are the order's."""
    itemized = [
        {"tax_code": code, "tax_percent": percent, "amount": 0.74, "base_amount": 0.74, "real_amount": real,
         "real_base_amount": real, "taxable_item_type": "product"}
        for code, percent, real in (("AVATAX-51", 4.3, 0.6003), ("AVATAX-38424", 1, 0.1397))
    ]  # fmt: skip
    extension = {"taxes": [share(STATE, 0.74), share(CITY, 0.74)], "item_applied_taxes": []}
    order = proven(taxed(extension, extension_attributes={"itemized_taxes": itemized}))
    assert taxes(order.lines[0].taxes) == [("VA STATE TAX", "4.3", "0.6003"), ("VA CITY TAX", "1", "0.1397")]


def test_shares_that_rounding_keeps_from_adding_up_leave_the_tax_whole() -> None:
    """Under both names; a difference of a cent is a conflict."""
    shares = [share(STATE, 0.6004), share(CITY, 0.1397)]
    order = proven(taxed({"item_applied_taxes": [{"type": "product", "item_id": 7, "applied_taxes": shares}]}))
    assert taxes(order.lines[0].taxes) == [("VA STATE TAX + VA CITY TAX", "5.3", "0.74")]
    shares[0] = share(STATE, 0.6103)
    wrong = taxed({"item_applied_taxes": [{"type": "product", "item_id": 7, "applied_taxes": shares}]})
    assert prove(wrong).sentence == (
        "The order says in one place that the tax of a line is 0.74 USD, in another 0.75 USD."
    )


@pytest.mark.parametrize(
    ("applied", "name"),
    [
        ([share({"code": "US", "title": "Sales tax", "percent": 5.3}, 0.74)], "Sales tax"),
        ([share({"code": "US", "percent": 5.3}, 0.74), share(CITY, 0)], "US"),
        ([share(STATE, 0.6), share(CITY, 0.14)], "5.3%"),
        ([share({"code": "A", "percent": 5.3}, 0.7), share({"code": "B", "percent": 5.3}, 0.04)], "5.3%"),
        ([], "5.3%"),
        (None, "5.3%"),
    ],
)
def test_a_tax_that_no_item_names_is_named_by_the_order_or_its_percentage(applied: Any, name: str) -> None:
    """Only where one tax of the order can be meant."""
    assert taxes(proven(taxed({"applied_taxes": applied})).lines[0].taxes) == [(name, "5.3", "0.74")]


def test_a_tax_without_name_and_percentage_has_no_name() -> None:
    """And an order whose lines say no tax carries the total alone."""
    line = item(tax_amount=2)
    assert taxes(proven(made(items=[line], **owing(12, tax_amount=2))).lines[0].taxes) == [("", None, "2")]
    bare = proven(made(**owing(12, tax_amount=2)))
    assert bare.lines[0].taxes == ()
    assert sale_for(bare, SETTINGS) == Unmappable("The order has taxes of 2.00 USD, but names none of them.")


# -- people ------------------------------------------------------------------------------------------------------------


def test_people_and_places_are_read_and_do_not_show() -> None:
    """The shipping address is in the shipping assignment; a guest has no id."""
    order = made()
    address = order.shipping_address
    assert address is not None
    assert (address.address1, address.address2, address.subdivision_code) == ("1 Elm Street", "Flat 2", "TX")
    assert (address.name, address.zip, address.country_code) == ("Ada Moss", "78701", "US")
    assert order.customer is not None
    assert (order.customer.id, order.customer.name, order.customer.email) == ("5", "Ada Moss", "ada@example.com")
    for personal in ("Ada", "Moss", "example.com", "Elm", "555"):
        assert personal not in repr(order)
    guests = [made(customer_is_guest=1), made(customer_id=None), made(customer_id=0)]
    assert [guest.customer.id for guest in guests if guest.customer] == [None] * 3


def test_nobody_has_to_be_named() -> None:
    """Nulls, and the lists that PHP makes of empty objects, leave nothing and break nothing."""
    nobody = {"customer_email": None, "customer_firstname": None, "customer_lastname": None, "customer_id": None}
    order = made(**nobody, billing_address=[], extension_attributes=[], shipping_description=None)
    assert (order.customer, order.billing_address, order.shipping_address) == (None, None, None)
    assert order.shipping_lines == ()
    assert made(payment=[], total_paid=None, total_due=10).payments == ()
    assert made(items=[item() | {"extension_attributes": [], "parent_item": []}]).lines[0].sku == "MUG-BLUE"
    assert made({"shipping_assignments": [{"shipping": []}]}).shipping_address is None


def test_state_and_status_are_tags() -> None:
    """Holds and reviews of the shop have no other place to be seen."""
    assert made(state="holded", status="fraud").tags == ("holded", "fraud")
    assert made().tags == ("processing",)


# -- what cannot be read -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"base_currency_code": None, "order_currency_code": None}, "neither base_currency_code nor"),
        ({"base_currency_code": "dollars"}, "a currency is not a code"),
        ({"base_currency_code": 840}, "base_currency_code is not text"),
        ({"grand_total": None}, "it has no grand_total"),
        ({"grand_total": ""}, "it has no grand_total"),
        ({"grand_total": "NaN"}, "an amount is not a plain decimal number"),
        ({"grand_total": True}, "an amount is neither text nor a number"),
        ({"tax_amount": {}}, "an amount is neither text nor a number"),
        ({"items": None}, "it has no items"),
        ({"items": [7]}, "at `$.items[0]`"),
        ({"items": [{"item_id": 1, "qty_ordered": 1}]}, "an item has no price"),
        ({"items": [{"item_id": 1, "price": 1}]}, "an item has no qty_ordered"),
        ({"items": [item(tax_percent="20 %")]}, "an amount is not a plain decimal number"),
        ({"created_at": None}, "it has no created_at"),
        ({"created_at": "0000-00-00 00:00:00"}, "created_at is not a date and time"),
        ({"created_at": 5}, "created_at is not text"),
    ],
)
def test_what_cannot_be_read_says_why(changes: dict[str, Any], reason: str) -> None:
    """A sentence that names the field, and an order that stays named."""
    raw = encode(payload(**changes))
    answer = read("web", raw)
    assert isinstance(answer, Unreadable)
    assert reason in answer.reason
    assert answer.reason.endswith(".")
    assert isinstance(identify(raw), Identified)


@pytest.mark.parametrize("literal", ["1E+400", "-1e999", "1" + "0" * 30, "0." + "1" * 40 + "e300"])
def test_a_number_beyond_money_is_no_amount(literal: str) -> None:
    """It is refused, not rounded to anything."""
    raw = encode(payload()).replace(b'"grand_total":10', b'"grand_total":' + literal.encode())
    assert isinstance(read("web", raw), Unreadable)


def test_a_literal_nan_and_truncated_json_are_not_json() -> None:
    """They name nothing."""
    whole = encode(payload())
    for raw in (whole.replace(b'"grand_total":10', b'"grand_total":NaN'), whole[:-1], whole[:40], b"\xff" + whole):
        assert isinstance(identify(raw), Unidentifiable)
        assert isinstance(read("web", raw), Unreadable)


def test_the_last_of_a_repeated_key_counts_everywhere() -> None:
    """Naming and reading agree on which one it is."""
    raw = encode(payload())[:-1] + b',"entity_id":1002,"increment_id":"000001002"}'
    order = read("web", raw)
    assert isinstance(order, Order)
    assert (identify(raw).order_id, order.order_id, order.reference) == ("1002", "1002", "000001002")  # type: ignore[union-attr]


def test_thousands_of_lines_are_read() -> None:
    """Each by itself, with its own child."""
    items = [
        each
        for number in range(2_000)
        for each in (
            item(number * 2 + 1, f"P-{number}", product_type="configurable", price=1, row_total=1),
            below(number * 2 + 1, number * 2 + 2, f"SKU-{number}"),
        )
    ]
    order = proven(made(items=items, **owing(2_000, subtotal=2_000)))
    assert [line.sku for line in order.lines] == [f"SKU-{number}" for number in range(2_000)]


def test_an_entry_that_is_its_own_parent_is_a_line() -> None:
    """And two that name each other are none: the subtotal says so."""
    assert len(proven(made(items=[item(7, parent_item_id=7)])).lines) == 1
    lost = made(items=[item(7, parent_item_id=8), item(8, parent_item_id=7)])
    assert "10.00 USD too" in prove(lost).sentence


def test_a_region_may_be_an_object_and_a_street_anything() -> None:
    """What is not text is not read as text."""
    address = {**ADDRESS, "region": {"region_code": "TX"}, "region_code": None, "street": {"0": "1 Elm Street"}}
    order = made(billing_address=address)
    assert order.billing_address is not None
    assert (order.billing_address.subdivision_code, order.billing_address.address1) == (None, None)


def test_goods_that_are_assigned_to_several_addresses_go_to_none_of_them() -> None:
    """Magento's own checkout makes an order for each address; a module may not, and the first one must not get all."""
    here = {"shipping": {"address": ADDRESS, "method": "flatrate_flatrate"}, "items": []}
    there = {"shipping": {"address": ADDRESS | {"city": "Dallas"}, "method": "flatrate_flatrate"}, "items": []}
    one = made({"shipping_assignments": [here, here, {"shipping": []}]})
    assert (one.several_addresses, one.shipping_address) == (False, made().shipping_address)
    two = made({"shipping_assignments": [here, there]})
    assert (two.several_addresses, two.shipping_address) == (True, None)
    assert isinstance(sale_for(two, SETTINGS), Unmappable)
