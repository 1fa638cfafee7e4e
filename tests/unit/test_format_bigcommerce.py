"""BigCommerce's orders are named cheaply and read whole from what a flow has gathered; what is missing is asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.contract import Identified, NotAnOrder, Unidentifiable
from flows.formats.bigcommerce import identify, read
from flows.model.money import Money
from flows.model.order import (
    FulfilmentStatus,
    Order,
    Unreadable,
)
from flows.model.proof import prove
from tests.unit.made_bigcommerce import address, encode, link, made, payload, product, triple

VERSION = "2026-11-20T09:00:00.000000Z"


def usd(text: str) -> Money:
    return Money(Decimal(text), "USD")


def webhook(scope: str = "store/order/created", **data: Any) -> bytes:
    """The body of a webhook."""
    return encode({"scope": scope, "store_id": "1", "data": {"type": "order", "id": 1001, **data}, "created_at": 1})


def test_a_gathered_order_is_read_whole() -> None:
    """Ids, instants, lines, taxes, shipping, payment and people; its figures prove."""
    order = made()
    assert identify(encode(payload())) == Identified("1001", VERSION)
    assert (order.order_id, order.reference, order.version) == ("1001", "1001", VERSION)
    assert order.placed_at == datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert (order.currency, order.presentment_currency, order.taxes_included) == ("USD", "USD", False)
    (line,) = order.lines
    assert (line.id, line.sku, line.title, line.quantity, line.quantity_left) == ("7", "MUG-BLUE", "Mug", 2, 2)
    assert (line.unit_price.shop, line.gross.shop, line.discount.shop) == (usd("10"), usd("20"), usd("0"))
    assert [(tax.name, tax.amount.shop) for tax in line.taxes] == [("", usd("4"))]
    assert [(each.service, each.gross.shop) for each in order.shipping_lines] == [("Flat Rate", usd("0"))]
    assert order.total == usd("24")
    assert (order.refunds, order.cancelled_at, order.test, order.tags) == (None, None, False, ())
    assert order.customer is not None
    assert (order.customer.id, order.customer.email) == ("20", "ada@example.com")
    assert order.shipping_address is not None
    assert (order.shipping_address.subdivision_code, order.shipping_address.country_code) == ("TX", "US")
    assert prove(order).holds, prove(order).sentence


@pytest.mark.parametrize("spelling", [1001, "1001", " 1001 "])
def test_one_order_has_one_id_however_it_is_spelt(spelling: object) -> None:
    """As a number, as text, in V3's envelope, and in a webhook."""
    raw = encode(payload(id=spelling))
    assert identify(raw) == Identified("1001", VERSION)
    assert identify(encode({"data": payload(id=spelling), "meta": {}})) == Identified("1001", VERSION)
    assert identify(webhook(id=spelling)) == Identified("1001", "")
    assert read("web", encode({"data": payload(), "meta": {}})) == read("web", encode(payload()))


@pytest.mark.parametrize("order_id", ["", "  ", "a\x00b", "x" * 101, True, 1.5, [], {}, None, 2**70])
def test_what_is_no_id_names_nothing(order_id: object) -> None:
    """Control characters, over a hundred characters, and other types."""
    raw = encode(payload() | {"id": order_id})
    assert isinstance(identify(raw), Unidentifiable)
    assert isinstance(read("web", raw), Unreadable)


@pytest.mark.parametrize(
    ("written", "version"),
    [
        ("Fri, 20 Nov 2026 09:00:00 +0000", VERSION),
        ("Fri, 20 Nov 2026 10:00:00 +0100", VERSION),
        ("Fri, 20 Nov 2026 09:00:00 GMT", VERSION),
        ("Fri, 20 Nov 2026 09:00:00 -0000", VERSION),
        ("2026-11-20T09:00:00Z", VERSION),
        ("", ""),
        (None, ""),
        ("yesterday", ""),
        ("Fri, 99 Nov 2026 09:00:00 +0000", ""),
        ("F" * 500, ""),
        (5, ""),
        ({}, ""),
    ],
)
def test_versions_sort_as_text_whatever_the_date_is_written_like(written: object, version: str) -> None:
    """RFC 2822 of V2 and ISO 8601 of V3; a date that cannot be read still names the order."""
    assert identify(encode(payload() | {"date_modified": written})) == Identified("1001", version)


@pytest.mark.parametrize("scope", ["created", "updated", "statusUpdated", "archived", "refund/created"])
def test_a_webhook_names_its_order_and_asks_for_the_rest(scope: str) -> None:
    """It is stored, and has no version: the order itself is always newer, and a webhook after it is stale."""
    raw = webhook(f"store/order/{scope}", status={"previous_status_id": 0, "new_status_id": 11})
    assert identify(raw) == Identified("1001", "")
    answer = read("web", raw)
    assert isinstance(answer, Unreadable)
    assert "the flow must gather the order" in answer.reason


@pytest.mark.parametrize(
    "raw",
    [
        webhook("store/order/message/created"),
        webhook("store/order/metafield/updated"),
        webhook("store/product/updated", type="product"),
        webhook("store/shipment/created", type="shipment", orderId=1001),
        encode({"scope": "store/order/created"}),
        encode({"scope": "store/order/created", "data": "x"}),
        encode({"id": 12, "order_id": 1001, "tracking_number": "1Z"}),
        encode(product()),
        encode({"id": 11, "name": "Awaiting Fulfillment"}),
        encode(payload(status_id=0)),
        encode(payload(status_id="0")),
    ],
)
def test_what_is_beside_or_before_or_part_of_an_order_is_refused(raw: bytes) -> None:
    """Messages, shipments, products, statuses, and a checkout that nobody has completed."""
    assert isinstance(identify(raw), NotAnOrder)
    assert isinstance(read("web", raw), Unreadable | Order)


@pytest.mark.parametrize(
    ("changes", "paths"),
    [
        ({"products": link("/products")}, "/v2/orders/{id}/products and"),
        ({"products": None}, "/v2/orders/{id}/products and"),
        ({"shipping_addresses": link("/shippingaddresses")}, "/v2/orders/{id}/shippingaddresses and"),
        ({"shipping_addresses": []}, "/v2/orders/{id}/shippingaddresses and"),
        ({"shipping_address_count": 2}, "/v2/orders/{id}/shippingaddresses and"),
        ({"coupon_discount": "1.0000"}, "/v2/orders/{id}/coupons and"),
        (
            {"products": link("/products"), "shipping_addresses": None},
            "/v2/orders/{id}/products, /v2/orders/{id}/shippingaddresses and",
        ),
    ],
)
def test_links_say_what_the_flow_must_gather(changes: dict[str, Any], paths: str) -> None:
    """The order stays named; the reason names the resources, and no other."""
    raw = encode(payload() | changes)
    answer = read("web", raw)
    assert isinstance(answer, Unreadable)
    assert f"the flow must gather {paths} put them in" in answer.reason
    assert identify(raw) == Identified("1001", VERSION)


def test_what_is_behind_no_link_is_not_asked_for() -> None:
    """Coupons of an order without coupon discount, and addresses of a digital one."""
    order = made(
        products=[product(type="digital")],
        shipping_addresses=link("/shippingaddresses"),
        order_is_digital=True,
        coupons=link("/coupons"),
    )
    assert not order.lines[0].requires_shipping
    assert order.shipping_address is None
    assert prove(order).holds


def test_products_of_another_order_are_never_read_into_this_one() -> None:
    """A flow that mixes two orders up is told."""
    answer = read("web", encode(payload(products=[product(order_id=1002)])))
    assert answer == Unreadable("The order cannot be read: its products are those of another order.")


def test_inclusive_prices_are_read_from_the_side_with_tax() -> None:
    """The flag of the order decides; the other side is only an estimate."""
    order = made(
        is_tax_inclusive_pricing=True,
        products=[
            product(
                price_ex_tax="8.3333", price_inc_tax="10.0000", total_ex_tax="16.6667", total_inc_tax="20.0000",
                total_tax="3.3300", discounted_total_inc_tax="20.0000",
            )
        ],
        **triple("subtotal", "16.6667", "20.0000", "3.3300"), **triple("total", "16.6667", "20.0000", "3.3300"),
    )  # fmt: skip
    assert order.taxes_included
    assert order.lines[0].gross.shop == usd("20")
    assert prove(order).holds, prove(order).sentence


@pytest.mark.parametrize(("base", "included"), [("20.0000", False), ("24.0000", True), ("0", False)])
def test_versions_without_the_flag_say_it_by_the_prices_that_were_entered(base: str, included: bool) -> None:
    """The base price is on the side of the taxes on which the shop enters its prices."""
    assert made(is_tax_inclusive_pricing=None, products=[product(base_total=base)]).taxes_included is included


def test_discount_and_coupon_discount_are_two_and_the_products_bear_them() -> None:
    """Allocations as published; the names are those of the coupon and of the manual discount."""
    borne = [
        {"id": "manual-discount", "amount": "2.0000", "name": "Manual Discount", "code": None, "target": "order"},
        {"id": "total-coupon", "amount": "3.0000", "name": "$3 off", "code": "THREE", "target": "order"},
    ]
    order = made(
        products=[product(applied_discounts=borne, total_tax="3.0000")],
        discount_amount="2.0000", coupon_discount="3.0000",
        coupons=[{"id": 1, "code": "THREE", "amount": 3, "type": 2, "discount": 3}],
        **triple("total", "15.0000", "18.0000", "3.0000"),
    )  # fmt: skip
    assert order.lines[0].discount.shop == usd("5")
    assert order.totals.discounts is not None
    assert order.totals.discounts.shop == usd("5")
    assert [(each.name, each.amount.shop) for each in order.discounts] == [
        ("Manual Discount", usd("2")),
        ("THREE", usd("3")),
    ]
    assert prove(order).holds, prove(order).sentence


def test_a_discount_that_no_product_bears_is_loose() -> None:
    """It counts in the proof; where it went is not guessed."""
    changes = triple("total", "18.0000", "22.0000", "4.0000")
    order = made(discount_amount="2.0000", **changes)
    assert order.unallocated_discount is not None
    assert order.unallocated_discount.shop == usd("2")
    assert prove(order).holds


def test_a_coupon_for_shipping_lowers_the_shipping() -> None:
    """Types 3 and 4 are off the shipping, when the products do not bear them."""
    order = made(
        shipping_addresses=[address(**triple("cost", "5.0000", "5.0000", "0.0000"))],
        coupon_discount="5.0000",
        coupons=[{"code": "FREESHIP", "type": 4, "discount": "5.0000"}],
        **triple("shipping_cost", "5.0000", "5.0000", "0.0000"),
    )
    assert order.shipping_lines[0].discount.shop == usd("5")
    assert order.unallocated_discount is None
    assert prove(order).holds, prove(order).sentence


def test_coupons_must_be_what_the_order_says_of_them() -> None:
    """Two places, two figures: both are kept."""
    order = made(coupon_discount="5.0000", coupons=[{"code": "FIVE", "type": 2, "discount": "4.0000"}])
    assert "coupon_discount is 5.00 USD, in another 4.00 USD" in prove(order).sentence


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status_id": 11}, FulfilmentStatus.UNSHIPPED),
        ({"status_id": 2}, FulfilmentStatus.SHIPPED),
        ({"status_id": 10}, FulfilmentStatus.SHIPPED),
        ({"status_id": 3, "items_shipped": 1}, FulfilmentStatus.PARTIAL),
        ({"status_id": 11, "items_shipped": 1}, FulfilmentStatus.PARTIAL),
        ({"status_id": 14, "items_shipped": 2}, FulfilmentStatus.SHIPPED),
    ],
)
def test_what_was_shipped_is_told_by_the_status_and_the_counts(
    changes: dict[str, Any], expected: FulfilmentStatus
) -> None:
    """Shipped and completed orders are shipped, whatever was counted."""
    assert made(**changes).fulfilment_status is expected


@pytest.mark.parametrize("status_id", [5, 6, "5"])
def test_cancelled_and_declined_orders_are_cancelled(status_id: object) -> None:
    """BigCommerce publishes no instant of it but the last modification; several addresses do not hide it."""
    order = made(
        status_id=status_id, payment_status="", shipping_addresses=[address(), address(id=6)],
        products=[product(), product(id=8, order_address_id=6)],
    )  # fmt: skip
    assert order.cancelled_at == datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert order.shipping_address is None


def test_kinds_of_products_are_told_apart() -> None:
    """Physical goods ship; downloads and gift certificates do not, and a certificate is one."""
    order = made(products=[product(), product(id=8, type="digital"), product(id=9, type="giftcertificate", sku="")])
    assert [(line.requires_shipping, line.gift_card, line.sku) for line in order.lines] == [
        (True, False, "MUG-BLUE"),
        (False, False, "MUG-BLUE"),
        (False, True, None),
    ]


def test_children_of_a_bundle_are_lines_of_their_own() -> None:
    """The parent bears the price; the child is what has to be in the parcel, too."""
    zero = {**triple("price", "0.0000", "0.0000", "0.0000"), **triple("total", "0.0000", "0.0000", "0.0000")}
    order = made(
        products=[product(), product(id=8, sku="LID", parent_order_product_id=7, is_bundled_product=True, **zero)]
    )
    assert [(line.sku, line.gross.shop) for line in order.lines] == [("MUG-BLUE", usd("20")), ("LID", usd("0"))]
    assert prove(order).holds


def test_shipping_and_handling_are_lines_with_their_own_taxes() -> None:
    """Both are shipped by the same method."""
    costs = triple("cost", "5.0000", "6.0000", "1.0000") | triple("handling_cost", "2.0000", "2.4000", "0.4000")
    order = made(
        shipping_addresses=[address(**costs)],
        **triple("shipping_cost", "5.0000", "6.0000", "1.0000"),
        **triple("handling_cost", "2.0000", "2.4000", "0.4000"),
        **triple("total", "27.0000", "32.4000", "5.4000"),
    )
    assert [(each.id, each.service, each.gross.shop) for each in order.shipping_lines] == [
        ("5", "Flat Rate", usd("5")),
        ("5-handling", "Flat Rate", usd("2")),
    ]
    assert prove(order).holds, prove(order).sentence


def test_costs_of_the_addresses_and_of_the_order_must_agree() -> None:
    """Also their taxes; a tax on shipping that is free is a tax all the same."""
    taxed = address(**triple("cost", "0.0000", "0.5000", "0.5000"))
    changes = triple("total", "20.0000", "24.5000", "4.5000")
    order = made(shipping_addresses=[taxed, address(id=6)], **triple("shipping_cost", "0", "0.5", "0.5"), **changes)
    assert [[tax.amount.shop for tax in each.taxes] for each in order.shipping_lines] == [[usd("0.5")]]
    assert prove(order).holds, prove(order).sentence
    differs = made(shipping_addresses=[taxed], **triple("shipping_cost", "0", "0.4", "0.4"), **changes)
    assert prove(differs).sentence == (
        "The order says in one place that shipping_cost_tax is 0.40 USD, in another 0.50 USD."
    )


def test_without_costs_at_the_address_the_orders_own_count() -> None:
    """Addresses of other sources say only where to."""
    plain = {name: value for name, value in address().items() if not name.startswith("cost_")}
    order = made(
        shipping_addresses=[plain],
        **triple("shipping_cost", "5.0000", "6.0000", "1.0000"),
        **triple("total", "25.0000", "30.0000", "5.0000"),
    )
    assert [(each.service, each.gross.shop) for each in order.shipping_lines] == [("Flat Rate", usd("5"))]
    assert prove(order).holds, prove(order).sentence


def test_wrapping_and_fees_are_fees_and_their_taxes_are_kept() -> None:
    """Also with the reference's own misspelling of a field; the subtotal may contain them, so it is no sum of lines."""
    fees = [{"id": 1, "cost_exc_tax": "12.3000", "cost_inc_tax": "13.3000", "cost_tax": "1.0000"}]
    order = made(
        products=[product(**triple("wrapping_cost", "3.0000", "3.6000", "0.6000"))], fees=fees,
        **triple("wrapping_cost", "3.0000", "3.6000", "0.6000"), **triple("total", "35.3000", "40.9000", "5.6000"),
    )  # fmt: skip
    assert order.fees is not None
    assert order.fees.shop == usd("15.3")
    assert [tax.amount.shop for tax in order.fee_taxes] == [usd("0.6"), usd("1")]
    assert order.totals.goods is None
    assert prove(order).holds, prove(order).sentence
    differs = made(**triple("wrapping_cost", "3.0000", "3.6000", "0.6000"),
                   products=[product(**triple("wrapping_cost", "2.0000", "2.4000", "0.4000"))])  # fmt: skip
    assert "wrapping_cost is 3.00 USD, in another 2.00 USD" in prove(differs).sentence


def tax(amount: str, **changes: Any) -> dict[str, Any]:
    """A tax of 8 % on the product."""
    fields: dict[str, Any] = {
        "id": 1, "order_id": 1001, "order_address_id": 5, "name": "State Tax", "class": "Default Tax Class",
        "rate": "8.0000", "priority": 0, "priority_amount": amount, "line_amount": amount, "order_product_id": 7,
        "line_item_type": "item",
    }  # fmt: skip
    return fields | changes


def test_gathered_taxes_name_what_each_line_bears() -> None:
    """With rate and amount as published; per cent become shares."""
    order = made(taxes=[tax("3.0000"), tax("1.0000", name="City Tax", rate="2.5000")])
    assert [(each.name, each.rate, each.amount.shop) for each in order.lines[0].taxes] == [
        ("State Tax", Decimal("0.08"), usd("3")),
        ("City Tax", Decimal("0.025"), usd("1")),
    ]
    assert prove(order).holds
    assert "the tax of item is 4.00 USD, in another 3.00 USD" in prove(made(taxes=[tax("3.0000")])).sentence


def test_taxes_that_name_no_line_lend_their_name_to_the_sums_of_lines() -> None:
    """Older versions publish them by address and class; the amounts of the lines stay the lines' own."""
    loose = {"order_product_id": None, "line_item_type": None}
    (one,) = made(taxes=[tax("4.0000", **loose)]).lines[0].taxes
    assert (one.name, one.rate, one.amount.shop) == ("State Tax", Decimal("0.08"), usd("4"))
    (two,) = made(taxes=[tax("3.0000", **loose), tax("1.0000", name="City Tax", **loose)]).lines[0].taxes
    assert (two.name, two.rate) == ("City Tax, State Tax", None)


def test_an_order_to_several_addresses_is_never_shipped_to_one_of_them() -> None:
    """An address that nothing goes to does not count, and downloads go nowhere."""
    two = [address(), address(id=6, first_name="Bo")]
    several = made(shipping_addresses=two, products=[product(), product(id=8, order_address_id=6)])
    assert (several.several_addresses, several.shipping_address) == (True, None)
    download = product(id=9, type="digital", order_address_id=0)
    order = made(shipping_addresses=two, products=[product(order_address_id=6), download])
    assert order.shipping_address is not None
    assert (order.shipping_address.name, order.several_addresses) == ("Bo Moss", False)
    nowhere = made(shipping_addresses=two, products=[download])
    assert (nowhere.shipping_address, nowhere.several_addresses) == (None, False)


@pytest.mark.parametrize("order_address_id", [None, 9])
def test_a_product_that_goes_to_no_address_of_the_order_is_not_read(order_address_id: int | None) -> None:
    """Of two addresses one must be its own, and be there."""
    products = [product(), product(id=8, order_address_id=order_address_id)]
    answer = read("web", encode(payload(shipping_addresses=[address(), address(id=6)], products=products)))
    assert isinstance(answer, Unreadable)
    assert "does not say of every product which of them is its own" in answer.reason


def test_amounts_are_in_the_currency_that_was_paid() -> None:
    """The display currency only showed prices; the shop's own has no figures."""
    order = made(currency_code="EUR", default_currency_code="GBP", store_default_currency_code="USD")
    assert (order.currency, order.presentment_currency, order.total) == ("GBP", "GBP", Money(Decimal(24), "GBP"))
    assert made(default_currency_code="", currency_code="EUR").currency == "EUR"


def test_a_gate_is_told_where_the_order_comes_from_and_who_has_to_look() -> None:
    """Marketplaces, migrated history, disputes, and what was deleted."""
    assert made(order_source="amazon", external_source="M-MIG", status_id=13, is_deleted=True).tags == (
        "amazon",
        "M-MIG",
        "disputed",
        "deleted",
    )


@pytest.mark.parametrize("nothing", [None, []])
def test_guests_and_nobody_are_no_customers(nothing: object) -> None:
    """Customer 0 has no id; an order without a billing address names nobody."""
    guest = made(customer_id=0).customer
    assert guest is not None
    assert (guest.id, guest.name) == (None, "Ada Moss")
    nobody = read("web", encode(payload() | {"billing_address": nothing, "customer_id": 0}))
    assert isinstance(nobody, Order), nobody
    assert (nobody.customer, nobody.billing_address) == (None, None)


def test_text_is_read_as_people_do() -> None:
    """HTML entities, NUL characters and spaces in names; a SKU is exact but for its outer spaces."""
    item = product(name="Mug &amp; Lid\x00 ", sku="A&amp;B")
    order = made(
        products=[item], shipping_addresses=[address(last_name="O&#039;Neil", state="Bavaria", country_iso2="DE")]
    )
    assert (order.lines[0].title, order.lines[0].sku) == ("Mug & Lid", "A&amp;B")
    assert order.shipping_address is not None
    assert (order.shipping_address.name, order.shipping_address.subdivision_code) == ("Ada O'Neil", None)
    for personal in ("Ada", "Neil", "example.com", "Elm"):
        assert personal not in repr(order)


def test_numbers_and_text_are_the_same_money() -> None:
    """Also with the noise of binary arithmetic."""
    item = product(total_ex_tax=20, total_tax=4.000000000000001, quantity="2")
    order = made(products=[item], total_inc_tax=23.999999999999996)
    assert order.total == usd("24")
    assert prove(order).holds


@pytest.mark.parametrize(
    ("figures", "sentence"),
    [
        ({"total_inc_tax": "24.0100"}, "its total says 24.01 USD: 0.01 USD too much"),
        ({"total_ex_tax": "20.0100"}, "total_inc_tax is 24.01 USD, in another 24.00 USD"),
        ({"subtotal_ex_tax": "20.0100"}, "its sum of lines says 20.01 USD: 0.01 USD too much"),
        ({"shipping_cost_ex_tax": "0.0100"}, "its sum of shipping says 0.01 USD: 0.01 USD too much"),
        ({"total_tax": "4.0100"}, "its sum of taxes says 4.01 USD: 0.01 USD too much"),
        ({"discount_amount": "0.0100"}, "add up to 23.99 USD but its total says 24.00 USD: 0.01 USD too much"),
        ({"products": [product(price_ex_tax="10.0100")]}, "the price of a product is 20.02 USD, in another 20.00 USD"),
        ({"products": [product(total_tax="4.0100")]}, "its sum of taxes says 4.00 USD: 0.01 USD too little"),
    ],
)
def test_a_cent_in_any_place_is_named(figures: dict[str, Any], sentence: str) -> None:
    """The sentence has both figures and the difference."""
    assert sentence in prove(made(**figures)).sentence


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"currency_code": None, "default_currency_code": None}, "it has no currency"),
        ({"default_currency_code": "dollars"}, "a currency is not a code"),
        ({"total_inc_tax": None}, "it has no total_inc_tax"),
        ({"total_inc_tax": "NaN"}, "an amount is not a plain decimal number"),
        ({"total_inc_tax": ""}, "an amount is not a plain decimal number"),
        ({"products": [product(quantity=None)]}, "a product has no quantity or no price"),
        ({"products": [7]}, "at `$.products[0]`"),
        ({"products": "none"}, "at `$.products`"),
        ({"date_created": None}, "it has no date_created"),
        ({"date_created": "soon"}, "date_created is not a date and time"),
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


def test_hostile_numbers_and_broken_bytes_are_answers() -> None:
    """NaN, numbers out of range, truncation; the last of a repeated key counts."""
    raw = encode(payload())
    for broken in (raw[:-10], raw.replace(b'"24.0000"', b"NaN")):
        assert isinstance(identify(broken), Unidentifiable)
        assert isinstance(read("web", broken), Unreadable)
    huge = raw.replace(b'"total_inc_tax":"24.0000"', b'"total_inc_tax":1E+400')
    assert isinstance(identify(huge), Identified)
    assert isinstance(read("web", huge), Unreadable)
    twice = raw[:-1] + b',"id":1002,"products":[]}'
    assert identify(twice) == Identified("1002", VERSION)
    order = read("web", twice)
    assert isinstance(order, Order)
    assert (order.order_id, order.lines) == ("1002", ())


def test_an_order_of_thousands_of_lines_is_read() -> None:
    """Every line counts."""
    lines = 5_000
    order = made(
        products=[product(id=number) for number in range(lines)],
        **triple("subtotal", "100000.0000", "120000.0000", "20000.0000"),
        **triple("total", "100000.0000", "120000.0000", "20000.0000"),
    )
    assert len(order.lines) == lines
    assert prove(order).holds
