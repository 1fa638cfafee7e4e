"""Shopify's orders are named cheaply and read whole, in every spelling that its versions and their senders use."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from connectors.contract import Identified, NotAnOrder, Unidentifiable
from flows.demo.orders import Mix, generate
from flows.formats import FORMATS
from flows.formats.shopify import identify, read
from flows.model.money import Money
from flows.model.order import (
    Amount,
    FinancialStatus,
    FulfilmentStatus,
    Order,
    PaymentKind,
    RefundKind,
    RefundPart,
    Tender,
    Unreadable,
)
from flows.model.proof import prove

encode = msgspec.json.encode


def shop(amount: object) -> dict[str, Any]:
    return {"shop_money": {"amount": amount, "currency_code": "USD"}}


def payload(**changes: Any) -> dict[str, Any]:
    """A small order of one line; a change of None drops the field."""
    fields: dict[str, Any] = {
        "id": 1001,
        "name": "#1001",
        "created_at": "2026-11-20T09:00:00+01:00",
        "updated_at": "2026-11-20T09:00:01.5+01:00",
        "currency": "USD",
        "taxes_included": False,
        "financial_status": "paid",
        "total_price": "10.00",
        "payment_gateway_names": ["card"],
        "line_items": [{"id": 7, "sku": "MUG-BLUE", "title": "Mug", "quantity": 1, "price": "10.00"}],
    }
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


def made(**changes: Any) -> Order:
    order = read("web", encode(payload(**changes)))
    assert isinstance(order, Order), order
    return order


def usd(text: str) -> Money:
    return Money(Decimal(text), "USD")


def test_a_generated_order_is_read_whole() -> None:
    """Every fact of the demo's orders arrives, and its figures prove unless they are wrong on purpose."""
    mix = Mix(tax_included=0.3, discounted=0.5, wrong_total=0.2)
    for generated in generate(7, 50, mix=mix):
        order = read("web", generated.body)
        assert isinstance(order, Order)
        assert identify(generated.body) == Identified(order.order_id, order.version)
        assert (order.sales_channel, order.order_id, order.placed_at) == (
            "web",
            generated.order_id,
            generated.placed_at,
        )
        assert tuple(line.sku for line in order.lines) == generated.skus
        assert order.total == Money(generated.total, "USD")
        assert prove(order).holds == (generated.oddity != "wrong_total")
        assert order.customer is not None
        assert order.shipping_address is not None
        assert order.shipping_address.subdivision_code == "TX"
        assert [(p.gateway, p.derived) for p in order.payments] == [("shopify_payments", True)]


def test_the_version_sorts_as_text_whatever_the_zone() -> None:
    """UTC, six digits of a second, one width."""
    versions = [
        identify(encode(payload(updated_at=text))).version  # type: ignore[union-attr]
        for text in ("2026-11-20T09:00:00+01:00", "2026-11-20T08:00:00.000001Z", "2026-11-20T03:00:01-05:00")
    ]
    assert versions == [
        "2026-11-20T08:00:00.000000Z",
        "2026-11-20T08:00:00.000001Z",
        "2026-11-20T08:00:01.000000Z",
    ]


@pytest.mark.parametrize(
    "updated_at", [None, "", "yesterday", "2026-11-20T09:00:00", 5, {}, "0001-01-01T00:00:00+10:00"]
)
def test_an_order_without_a_readable_time_of_update_has_no_version(updated_at: object) -> None:
    """It is still named: what it means is decided when it is stored."""
    raw = encode(payload() | {"updated_at": updated_at})
    assert identify(raw) == Identified("1001", "")
    assert isinstance(read("web", raw), Order)


@pytest.mark.parametrize("spelling", [1001, "1001", " 1001 ", 1001.0, "gid://shopify/Order/1001"])
def test_one_order_has_one_id_however_it_is_spelt(spelling: object) -> None:
    """A webhook and a poll must not make two orders of one."""
    raw = encode(payload(id=spelling))
    assert identify(raw) == Identified("1001", "2026-11-20T08:00:01.500000Z")
    order = read("web", raw)
    assert isinstance(order, Order)
    assert order.order_id == "1001"


@pytest.mark.parametrize("order_id", ["", "  ", "a\x00b", "a\nb", "\u2028x", "x" * 101, True, 1.5, [], {}, None, 2**70])
def test_what_is_no_id_names_nothing(order_id: object) -> None:
    """Control characters, over a hundred characters, and other types."""
    raw = encode(payload() | {"id": order_id})
    assert isinstance(identify(raw), Unidentifiable)
    assert isinstance(read("web", raw), Unreadable)


def test_envelopes_are_unwrapped() -> None:
    """`{order}` and `{order, notice}` hold the same order as the bare one."""
    bare = encode(payload())
    for envelope in ({"order": payload()}, {"notice": "Order has been cancelled", "order": payload()}):
        assert identify(encode(envelope)) == identify(bare)
        assert read("web", encode(envelope)) == read("web", bare)


@pytest.mark.parametrize(
    "draft",
    [
        {"draft_order": {"id": 5, "order_id": 1001}},
        {"id": 5, "invoice_url": "https://shop.example.com/invoice", "status": "open"},
        {"id": 5, "admin_graphql_api_id": "gid://shopify/DraftOrder/5"},
    ],
)
def test_a_draft_is_named_as_not_an_order(draft: object) -> None:
    """Whether in its envelope or bare, the sender is told."""
    answer = identify(encode(draft))
    assert isinstance(answer, NotAnOrder)
    assert "draft order" in answer.reason


def test_a_checkout_that_nobody_has_finished_is_not_an_order() -> None:
    """It has an id and lines like an order, and a link under which the customer may come back."""
    answer = identify(encode(payload(abandoned_checkout_url="https://shop.example.com/c/1")))
    assert isinstance(answer, NotAnOrder)
    assert "checkout" in answer.reason


def test_a_page_of_orders_says_how_orders_are_sent() -> None:
    """The answer of a poll as it came is no order, and its sender is told what is."""
    answer = identify(encode({"orders": [payload()]}))
    assert isinstance(answer, NotAnOrder)
    assert "each of its orders" in answer.reason


def test_an_order_of_the_graphql_api_is_kept_and_says_which_json_is_read() -> None:
    """Its fields are those of a query; what the first of them lacks is nothing that anybody could mend."""
    raw = encode({"id": "gid://shopify/Order/1001", "returns": {}, "lineItems": {"edges": []}})
    assert identify(raw) == Identified("1001")
    answer = read("web", raw)
    assert isinstance(answer, Unreadable)
    assert "GraphQL" in answer.reason
    assert "the JSON of the REST API" in answer.reason


def test_an_id_alone_is_kept_and_says_what_is_missing() -> None:
    """The webhook of a deleted order has no more; what can be fetched is."""
    raw = encode({"id": 1001})
    assert identify(raw) == Identified("1001")
    answer = read("web", raw)
    assert isinstance(answer, Unreadable)
    assert "only the order's id" in answer.reason
    assert answer.awaits == "fetch"


def test_other_kinds_that_name_themselves_are_not_orders() -> None:
    """A fulfilment's own id must not become an order's."""
    answer = identify(encode({"id": 5, "order_id": 1001, "admin_graphql_api_id": "gid://shopify/Fulfillment/5"}))
    assert isinstance(answer, NotAnOrder)


def test_the_last_of_a_repeated_key_counts_everywhere() -> None:
    """Naming and reading agree on which one it is."""
    raw = encode(payload())[:-1] + b',"id":1002,"total_price":"11.00"}'
    assert identify(raw).order_id == "1002"  # type: ignore[union-attr]
    order = read("web", raw)
    assert isinstance(order, Order)
    assert (order.order_id, order.total) == ("1002", usd("11.00"))


def test_numbers_and_text_are_the_same_money() -> None:
    """Also as a number with the noise of binary arithmetic, in amounts and in rates."""
    tax = {"title": "VAT", "rate": 0.2, "price": 1.7999999999999998}
    item = {"id": 7, "sku": 55, "title": "Mug", "quantity": "1", "price": 9, "tax_lines": [tax]}
    order = made(total_price=10.799999999999999, line_items=[item])
    assert order.total == usd("10.8")
    assert order.lines[0].gross == order.lines[0].unit_price
    assert order.lines[0].sku == "55"
    assert order.lines[0].taxes[0].amount.shop == usd("1.8")
    assert prove(order).holds


def test_both_sides_of_every_amount_are_kept() -> None:
    """Shop money books, presentment money is what the customer saw; a zero is zero on both sides."""
    price = {
        "shop_money": {"amount": "4.00", "currency_code": "USD"},
        "presentment_money": {"amount": "3.17", "currency_code": "EUR"},
    }
    total = {
        "shop_money": {"amount": "12.00", "currency_code": "USD"},
        "presentment_money": {"amount": "9.51", "currency_code": "EUR"},
    }
    item = {"id": 7, "sku": "A", "quantity": 3, "price": "4.00", "price_set": price}
    order = made(presentment_currency="EUR", total_price="12.00", total_price_set=total, line_items=[item])
    assert order.presentment_currency == "EUR"
    assert order.lines[0].gross.presentment == Money(Decimal("9.51"), "EUR")
    assert order.lines[0].discount.presentment == Money(Decimal(0), "EUR")
    assert order.totals.total.on("EUR") == Money(Decimal("9.51"), "EUR")


def test_a_field_and_its_set_must_say_the_same() -> None:
    """Otherwise both are kept, and the proof says so."""
    order = made(total_price_set=shop("11.00"))
    assert "total_price is 10.00 USD, in another 11.00 USD" in prove(order).sentence


def test_an_amount_of_another_currency_is_no_amount_of_this_one() -> None:
    """A set in euros on an order in dollars is a contradiction."""
    price = {"shop_money": {"amount": "10.00", "currency_code": "EUR"}}
    item = {"id": 7, "sku": "A", "quantity": 1, "price": "10.00", "price_set": price}
    assert not prove(made(line_items=[item])).holds


def test_taxes_that_were_met_before_are_the_same_taxes_and_contradict_themselves_again() -> None:
    """Letter for letter the same taxes are read once; one whose fields disagree is told of every order that has it."""
    good = {"title": "VAT", "rate": 0.2, "price": "2.00", "price_set": shop("2.00")}
    line = {"id": 7, "sku": "MUG-BLUE", "title": "Mug", "quantity": 1, "price": "10.00"}
    first, second = (made(line_items=[{**line, "tax_lines": [good]}]) for _ in range(2))
    assert first.lines[0].taxes == second.lines[0].taxes
    assert first.lines[0].taxes[0] is second.lines[0].taxes[0]
    for _ in range(2):
        order = made(line_items=[{**line, "tax_lines": [good, {**good, "price": "3.00"}]}])
        assert [(each.field, each.one, each.other) for each in order.conflicts] == [("a tax", usd("3.00"), usd("2.00"))]


def test_the_same_tax_in_another_currency_is_another_tax() -> None:
    """What is known of orders in dollars says nothing about orders in euros, or in dollars shown in euros."""
    tax = {"title": "VAT", "price": "2.00"}
    line = {"id": 7, "sku": "MUG-BLUE", "title": "Mug", "quantity": 1, "price": "10.00", "tax_lines": [tax]}
    assert made(line_items=[line]).lines[0].taxes[0].amount == Amount(usd("2.00"))
    euros = made(line_items=[line], currency="EUR").lines[0].taxes[0].amount
    assert euros == Amount(Money(Decimal("2.00"), "EUR"))
    shown = {**shop("2.00"), "presentment_money": {"amount": "1.80", "currency_code": "EUR"}}
    line = {**line, "tax_lines": [{**tax, "price_set": shown}]}
    assert made(line_items=[line]).lines[0].taxes[0].amount == Amount(usd("2.00"))
    both = made(line_items=[line], presentment_currency="EUR").lines[0].taxes[0].amount
    assert both == Amount(usd("2.00"), Money(Decimal("1.80"), "EUR"))


def test_discounts_are_where_shopify_put_them() -> None:
    """Allocations if there are any, else the line's own discount, else a code that no line bears."""
    allocated = {"amount": "3.00", "amount_set": shop("3.00")}
    item = {"id": 7, "sku": "A", "quantity": 1, "price": "10.00", "total_discount": "9.00"}
    assert made(line_items=[item | {"discount_allocations": [allocated, allocated]}]).lines[0].discount.shop == usd("6")
    assert made(line_items=[item]).lines[0].discount.shop == usd("9.00")
    codes = [{"code": "TENOFF", "amount": "1.00"}]
    loose = made(discount_codes=codes).unallocated_discount
    assert loose is not None
    assert loose.shop == usd("1.00")
    assert made(discount_codes=codes, line_items=[item | {"discount_allocations": []}]).unallocated_discount is None


def test_shipping_has_its_own_discount_and_taxes() -> None:
    """By allocations, or by its discounted price."""
    taxes = [{"title": "VAT", "rate": 0.2, "price": "0.80", "channel_liable": True}]
    line = {
        "id": None,
        "code": None,
        "title": "Express",
        "price": "5.00",
        "discounted_price": "4.00",
        "tax_lines": taxes,
    }
    (shipping,) = made(shipping_lines=[line]).shipping_lines
    assert (shipping.service, shipping.gross.shop, shipping.discount.shop) == ("Express", usd("5.00"), usd("1.00"))
    assert shipping.taxes[0].withheld
    line["discount_allocations"] = [{"amount": "2.00"}]
    assert made(shipping_lines=[line]).shipping_lines[0].discount.shop == usd("2.00")


def test_transactions_are_the_payments_when_there_are_any() -> None:
    """With kind, parent and tender; refunds are no payments."""
    order = made(
        transactions=[
            {"id": 1, "kind": "authorization", "status": "success", "gateway": "card", "amount": "6.00"},
            {"id": 2, "kind": "capture", "status": "success", "gateway": "card", "amount": "6.00", "parent_id": 1},
            {"id": 3, "kind": "sale", "status": "success", "gateway": "gift_card", "amount": "4.00"},
            {"id": 4, "kind": "sale", "status": "failure", "gateway": "card", "amount": "10.00"},
            {"id": 5, "kind": "refund", "status": "success", "gateway": "card", "amount": "1.00", "parent_id": 2},
        ]
    )
    assert [(p.id, p.kind, p.tender, p.parent_id) for p in order.payments] == [
        ("1", PaymentKind.AUTHORISATION, Tender.MONEY, None),
        ("2", PaymentKind.CAPTURE, Tender.MONEY, "1"),
        ("3", PaymentKind.SALE, Tender.GIFT_CARD, None),
        ("4", PaymentKind.SALE, Tender.MONEY, None),
    ]
    assert prove(order).holds


def test_a_payment_has_the_names_that_its_provider_knows_it_by() -> None:
    """PayPal's own id for it, and the one that Shopify gives every provider."""
    names = {"authorization": "5N595500AA", "payment_id": "rfDF87cIJa"}
    paid = {"kind": "sale", "status": "success", "gateway": "paypal", "amount": "10.00"}
    assert made(transactions=[{"id": 1, **paid, **names}]).payments[0].aliases == ("5N595500AA", "rfDF87cIJa")
    assert made(transactions=[{"id": 1, **paid, "authorization": None}]).payments[0].aliases == ()


@pytest.mark.parametrize(
    ("changes", "kind", "amount", "gateway"),
    [
        ({}, PaymentKind.SALE, "10.00", "card"),
        ({"payment_gateway_names": None, "gateway": "bogus"}, PaymentKind.SALE, "10.00", "bogus"),
        ({"payment_gateway_names": []}, PaymentKind.SALE, "10.00", ""),
        ({"payment_gateway_names": ["gift_card", "card"]}, PaymentKind.SALE, "10.00", None),
        ({"financial_status": "authorized"}, PaymentKind.AUTHORISATION, "10.00", "card"),
        ({"financial_status": "partially_paid", "total_outstanding": "4.00"}, PaymentKind.SALE, "6.00", "card"),
        ({"financial_status": "refunded", "total_outstanding": "0.00"}, PaymentKind.SALE, "10.00", "card"),
    ],
)
def test_without_transactions_the_payment_is_derived(
    changes: dict[str, Any], kind: PaymentKind, amount: str, gateway: str | None
) -> None:
    """From the status, what is outstanding and the gateway's name; several gateways are not told apart."""
    (payment,) = made(**changes).payments
    assert (payment.kind, payment.amount, payment.gateway, payment.derived) == (kind, usd(amount), gateway, True)


@pytest.mark.parametrize("status", ["pending", "voided", None, "something new"])
def test_no_payment_is_derived_where_none_was_taken(status: str | None) -> None:
    """A status that is unknown proves nothing was paid."""
    assert made(financial_status=status).payments == ()


def test_refunds_and_cancels_are_facts() -> None:
    """Money that went back, what it was worth with shipping, and the instant of the cancel."""
    order = made(
        financial_status="partially_refunded",
        fulfillment_status="partial",
        cancelled_at="2026-11-21T00:00:00Z",
        test=True,
        refunds=[
            {
                "id": 9,
                "transactions": [
                    {"kind": "refund", "status": "success", "amount": "6.00", "currency": "USD"},
                    {"kind": "refund", "status": "pending", "amount": "1.00", "currency": "USD"},
                ],
                "refund_line_items": [{"subtotal": 3.5, "total_tax": 0.5}],
                "order_adjustments": [{"amount": "-2.00", "tax_amount": "0.00"}],
            },
            {"id": 10, "transactions": [], "refund_line_items": [{"subtotal": 3.5, "total_tax": 0.5}]},
        ],
    )
    assert order.refunds is not None
    assert [(each.refunded, each.pending, each.worth) for each in order.refunds] == [
        ((usd("6.00"),), (usd("1.00"),), usd("6.0")),
        ((), (), None),
    ]
    assert order.cancelled_at == datetime(2026, 11, 21, tzinfo=UTC)
    assert (order.financial_status, order.fulfilment_status) == (
        FinancialStatus.PARTIALLY_REFUNDED,
        FulfilmentStatus.PARTIAL,
    )
    assert order.test


@pytest.mark.parametrize("nothing", [None, []])
def test_nobody_has_to_be_named(nothing: object) -> None:
    """Null customer and addresses (or `[]`, as PHP writes an object without fields), empty texts and missing fields
    leave nothing, and break nothing.
    """
    nobody = {"customer": nothing, "billing_address": nothing, "shipping_address": nothing}
    order = read("web", encode(payload() | nobody | {"email": "", "tags": None}))
    assert isinstance(order, Order), order
    assert (order.customer, order.billing_address, order.shipping_address, order.tags) == (None, None, None, ())
    guest = made(email="Bo@example.com", tags="b2b, rush ")
    assert guest.customer is not None
    assert (guest.customer.id, guest.customer.email, guest.tags) == (None, "Bo@example.com", ("b2b", "rush"))


def test_people_do_not_show_in_a_repr() -> None:
    """A traceback or a log line with an order in it names nobody."""
    order = made(
        customer={"id": 5, "first_name": "Ada", "last_name": "Moss", "email": "ada@example.com", "phone": "555"},
        shipping_address={"name": "Ada Moss", "address1": "1 Elm Street", "zip": 12345, "country_code": "US"},
    )
    assert order.shipping_address is not None
    assert order.shipping_address.zip == "12345"
    for personal in ("Ada", "Moss", "example.com", "Elm", "555"):
        assert personal not in repr(order)


def test_duties_tips_fees_and_cash_rounding_are_charges_of_their_own() -> None:
    """Duties of the order or of its lines; none when prices include them."""
    duty = {"shop_money": {"amount": "2.00", "currency_code": "USD"}, "tax_lines": [{"title": "VAT", "price": "0.40"}]}
    item = {"id": 7, "sku": "A", "quantity": 1, "price": "10.00", "duties": [duty]}
    order = made(
        line_items=[item],
        total_price="16.40",
        total_tip_received="3.00",
        original_total_additional_fees_set=shop("1.00"),
        total_cash_rounding_payment_adjustment_set=shop("-0.01"),
        transactions=[{"id": 1, "kind": "sale", "status": "success", "gateway": "cash", "amount": "16.39"}],
    )
    assert order.duties is not None
    assert order.duties.shop == usd("2.00")
    assert prove(order).holds, prove(order).sentence
    assert made(line_items=[item], duties_included=True).duties is None
    assert made(line_items=[item], original_total_duties_set=shop("2.50")).duties.shop == usd("2.50")  # type: ignore[union-attr]


TIP = {"id": 8, "title": "Tip", "quantity": 1, "price": "2.50", "requires_shipping": False}
MUGS = {"id": 7, "sku": "MUG-BLUE", "quantity": 2, "price": "10.00"}


@pytest.mark.parametrize("mark", [{"tip": {"payment_gateway": "card"}}, {"tip_payment_gateway": "card"}])
@pytest.mark.parametrize("total_tip", ["2.50", None])
def test_a_tip_among_the_lines_is_a_tip_and_no_goods(mark: dict[str, Any], total_tip: str | None) -> None:
    """Shopify's sums of lines leave it out, it has no SKU, and nothing of it is shipped."""
    order = made(
        line_items=[TIP | mark, MUGS],
        total_price="22.50",
        subtotal_price="20.00",
        total_line_items_price="20.00",
        total_tip_received=total_tip,
    )
    assert [line.sku for line in order.lines] == ["MUG-BLUE"]
    assert order.tips == Amount(usd("2.50"))
    assert prove(order).holds, prove(order).sentence


def test_a_tip_is_known_on_both_sides_from_its_line() -> None:
    """The sum of tips is published in the shop's currency alone, the line in both."""
    both = {
        "shop_money": {"amount": "2.50", "currency_code": "USD"},
        "presentment_money": {"amount": "2.00", "currency_code": "EUR"},
    }
    tip = TIP | {"tip": {}, "tip_payment_gateway": "card", "price_set": both}
    order = made(line_items=[tip, MUGS], presentment_currency="EUR", total_tip_received="2.50")
    assert order.tips == Amount(usd("2.50"), Money(Decimal("2.00"), "EUR"))


def test_tips_that_do_not_come_to_their_sum_are_a_contradiction() -> None:
    """Both figures are named."""
    order = made(line_items=[TIP | {"tip": {"id": 1}}, MUGS], total_price="22.50", total_tip_received="3.00")
    assert "that the sum of tips is 3.00 USD, in another 2.50 USD" in prove(order).sentence


def test_a_tip_that_is_given_back_is_money_for_no_units() -> None:
    """Nothing of it could come back to a shelf."""
    refund = {
        "id": 5,
        "transactions": [{"id": 6, "kind": "refund", "status": "success", "amount": "2.50"}],
        "refund_line_items": [{"line_item_id": 8, "quantity": 1, "subtotal": "2.50"}],
    }
    order = made(line_items=[TIP | {"tip": {"id": 1}}, MUGS], total_price="22.50", refunds=[refund])
    assert order.refunds is not None
    assert order.refunds[0].parts == (RefundPart(kind=RefundKind.AMOUNT, amount=Amount(usd("2.50"))),)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"currency": None}, "it has no currency"),
        ({"currency": "dollars"}, "a currency is not a code"),
        ({"total_price": None}, "it has no total_price"),
        ({"total_price": "NaN"}, "an amount is not a plain decimal number"),
        ({"total_price": ""}, "an amount is not a plain decimal number"),
        ({"line_items": None}, "it has no line_items"),
        ({"line_items": [{"quantity": 1}]}, "a line has no price"),
        ({"line_items": [{"price": "1"}]}, "a line has no quantity"),
        ({"line_items": [7]}, "at `$.line_items[0]`"),
        ({"tax_lines": [{}, 7]}, "a tax line does not have its shape: Expected `object`, got `int` at `$[1]`"),
        ({"created_at": None}, "it has neither processed_at nor created_at"),
        ({"created_at": "2026-11-20T09:00:00"}, "created_at has no time zone"),
        ({"cancelled_at": "now"}, "cancelled_at is not a date and time"),
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


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"null", b"[]", b"7", b'"x"', b"{", b"{}", b'{"id":', b"\xff\xfe", b'{"id":"\xff"}', b'{"order":{}}',
        b'{"order":[]}', b'{"order":"1001"}', b'{"order":{"order":{"id":1}}}', b'{"id":1' + b"0" * 5000 + b"}",
        b'{"x":' + b"[" * 100_000, b'{"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}", b'{"id":"\\ud800"}',
        b'{"line_items":' + b'{"a":' * 2_000 + b"1" + b"}" * 2_000 + b"}",
    ],
)  # fmt: skip
def test_hostile_payloads_are_answers_and_no_exceptions(raw: bytes) -> None:
    """Truncated, nested without end, in another encoding, or of another type."""
    for each in FORMATS.values():
        assert isinstance(each.identify(raw), Unidentifiable)
        assert isinstance(each.read("web", raw), Unreadable)


@pytest.mark.parametrize(
    ("ships", "statuses", "expected"),
    [
        ((True, False), (None, "fulfilled"), FulfilmentStatus.UNSHIPPED),
        ((True, False), ("partial", "fulfilled"), FulfilmentStatus.PARTIAL),
        ((True, True), (None, "fulfilled"), FulfilmentStatus.PARTIAL),
        ((True, False), (None, None), FulfilmentStatus.PARTIAL),
        ((None, None), (None, "fulfilled"), FulfilmentStatus.PARTIAL),
    ],
)
def test_a_gift_card_that_fulfilled_itself_is_no_part_of_a_shipment(
    ships: tuple[bool | None, ...], statuses: tuple[str | None, ...], expected: FulfilmentStatus
) -> None:
    """Shopify calls such an order partially fulfilled; only goods that left are a shipment, and doubt is one, too."""
    lines = [
        {
            "id": n,
            "sku": f"SKU-{n}",
            "price": "5.00",
            "quantity": 1,
            "requires_shipping": each,
            "fulfillment_status": how,
        }
        for n, (each, how) in enumerate(zip(ships, statuses, strict=True))
    ]
    assert made(fulfillment_status="partial", line_items=lines).fulfilment_status is expected
