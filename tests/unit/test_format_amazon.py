"""Amazon's orders of v0 are named cheaply and read whole; what Amazon does by itself is told apart from what we do."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.contract import Identified, NotAnOrder, Unidentifiable
from flows.formats.amazon import identify, read
from flows.model.money import Money
from flows.model.order import (
    FinancialStatus,
    FulfilmentStatus,
    Order,
    PaymentKind,
    PaymentStatus,
    Tender,
    Unreadable,
)
from flows.model.proof import prove
from tests.unit.made_amazon import DE, JP, encode, item, made, payload, payload_2026, usd

ORDER, VERSION = "902-1845936-5435065", "2026-11-20T09:00:00.000000Z"


def dollars(text: str) -> Money:
    return Money(Decimal(text), "USD")


def euros(amount: str) -> dict[str, str]:
    return usd(amount, "EUR")


def test_a_gathered_order_is_read_whole() -> None:
    """Ids, instants, items, taxes, service, payment and people; its figures prove."""
    order = made()
    assert identify(encode(payload())) == Identified(ORDER, VERSION)
    assert (order.order_id, order.reference, order.version) == (ORDER, ORDER, VERSION)
    assert order.placed_at == datetime(2026, 11, 20, 8, tzinfo=UTC)
    (line,) = order.lines
    assert (line.id, line.sku, line.title, line.quantity) == ("05015851154158", "MUG-BLUE", "Mug", 2)
    assert (line.unit_price.shop, line.gross.shop, line.requires_shipping) == (dollars("10"), dollars("20"), True)
    assert [(tax.name, tax.amount.shop, tax.withheld) for tax in line.taxes] == [("ItemTax", dollars("1.6"), False)]
    assert [(each.service, each.gross.shop) for each in order.shipping_lines] == [("Std US D2D Dom", dollars("0"))]
    assert [(each.gateway, each.kind, each.amount, each.derived) for each in order.payments] == [
        ("Amazon", PaymentKind.AUTHORISATION, dollars("21.6"), True)
    ]
    assert (order.taxes_included, order.tags, order.refunds, order.test) == (False, (), None, False)
    assert order.shipping_address is not None
    assert (order.shipping_address.address2, order.shipping_address.subdivision_code) == ("Floor 2, Door 3", "TX")
    assert order.billing_address is None
    assert prove(order).holds, prove(order).sentence


def test_a_relayed_address_is_the_only_one_there_is_and_the_buyer_has_no_id() -> None:
    """It must not merge people; it is kept as published, and shows nowhere."""
    order = made()
    assert order.customer is not None
    assert (order.customer.id, order.customer.email) == (None, "x1y2@marketplace.amazon.com")
    for personal in ("Ada", "Moss", "marketplace", "Elm", "555"):
        assert personal not in repr(order)


def test_envelopes_and_both_apis_name_the_same_order() -> None:
    """`payload` of v0, `order` of 2026-01-01, both bare, and items in the envelope of their own call."""
    bare = encode(payload())
    assert identify(encode({"payload": payload()})) == identify(bare)
    assert read("amazon", encode({"payload": payload()})) == read("amazon", bare)
    assert identify(encode(payload_2026())) == identify(encode({"order": payload_2026()})) == identify(bare)
    nested = payload(OrderItems={"AmazonOrderId": ORDER, "OrderItems": [item()]})
    assert read("amazon", encode(nested)) == read("amazon", bare)


def notice(**changes: Any) -> bytes:
    """The notification that an order has changed."""
    changed = {"AmazonOrderId": ORDER, "OrderChangeType": "OrderStatusChange"}
    fields = {"NotificationType": "ORDER_CHANGE", "Payload": {"OrderChangeNotification": changed}}
    return encode(fields | changes)


def test_a_notification_names_its_order_and_asks_for_the_rest() -> None:
    """It is stored, and has no version: the order itself is always newer."""
    assert identify(notice()) == Identified(ORDER, "")
    answer = read("amazon", notice())
    assert isinstance(answer, Unreadable)
    assert "the flow must fetch the order" in answer.reason


@pytest.mark.parametrize(
    "raw",
    [
        encode({"payload": {"Orders": [payload()]}}),
        encode({"orders": [payload_2026()]}),
        encode({"payload": {"AmazonOrderId": ORDER, "OrderItems": [item()]}}),
        encode({"AmazonOrderId": ORDER, "ShippingAddress": {}}),
        encode({"AmazonOrderId": ORDER, "BuyerName": "x"}),
        notice(NotificationType="FEED_PROCESSING_FINISHED"),
        notice(Payload=None),
    ],
)
def test_pages_and_parts_are_refused(raw: bytes) -> None:
    """The sender is told to send the order with its parts in it."""
    assert isinstance(identify(raw), NotAnOrder)
    assert isinstance(read("amazon", raw), Unreadable)


def test_the_sender_of_a_page_is_told_to_send_its_orders_one_by_one() -> None:
    """That is another remedy than that for a part."""
    answer = identify(encode({"payload": {"Orders": [payload()], "NextToken": "x"}}))
    assert isinstance(answer, NotAnOrder)
    assert "send each of its orders by itself" in answer.reason


@pytest.mark.parametrize("order_id", ["", "  ", "a\x00b", "x" * 101, True, 1.5, [], {}, None, 2**70])
def test_what_is_no_id_names_nothing(order_id: object) -> None:
    """Control characters, over a hundred characters, and other types."""
    raw = encode(payload() | {"AmazonOrderId": order_id})
    assert isinstance(identify(raw), Unidentifiable)
    assert isinstance(read("amazon", raw), Unreadable)


@pytest.mark.parametrize("changes", [{}, {"OrderItems": None}])
@pytest.mark.parametrize("status", ["Pending", "PendingAvailability"])
def test_a_pending_order_waits_for_its_amounts(status: str, changes: dict[str, Any]) -> None:
    """Amazon publishes none until the payment is authorised; with amounts it is read like any other."""
    raw = encode(payload(OrderStatus=status, OrderTotal=None, **changes))
    assert identify(raw) == Identified(ORDER, VERSION)
    answer = read("amazon", raw)
    assert isinstance(answer, Unreadable)
    assert "it is pending, and Amazon publishes no amounts" in answer.reason
    order = made(OrderStatus=status)
    assert (order.financial_status, order.payments) == (FinancialStatus.PENDING, ())
    assert prove(order).holds


@pytest.mark.parametrize(
    ("status", "financial", "fulfilment", "kind"),
    [
        ("Unshipped", FinancialStatus.AUTHORISED, FulfilmentStatus.UNSHIPPED, PaymentKind.AUTHORISATION),
        ("PartiallyShipped", FinancialStatus.AUTHORISED, FulfilmentStatus.PARTIAL, PaymentKind.AUTHORISATION),
        ("Shipped", FinancialStatus.PAID, FulfilmentStatus.SHIPPED, PaymentKind.SALE),
        ("InvoiceUnconfirmed", FinancialStatus.PAID, FulfilmentStatus.SHIPPED, PaymentKind.SALE),
        ("Canceled", FinancialStatus.VOIDED, FulfilmentStatus.UNSHIPPED, None),
        ("Unfulfillable", FinancialStatus.UNKNOWN, FulfilmentStatus.UNSHIPPED, None),
        ("Something new", FinancialStatus.UNKNOWN, FulfilmentStatus.UNSHIPPED, None),
    ],
)
def test_statuses_mean_what_amazon_says_they_mean(
    status: str, financial: FinancialStatus, fulfilment: FulfilmentStatus, kind: PaymentKind | None
) -> None:
    """Authorised until it has shipped, then paid; only a cancelled one is cancelled."""
    order = made(OrderStatus=status)
    assert (order.financial_status, order.fulfilment_status) == (financial, fulfilment)
    assert [each.kind for each in order.payments] == ([] if kind is None else [kind])
    assert (order.cancelled_at is not None) == (status == "Canceled")
    assert prove(order).holds, prove(order).sentence


@pytest.mark.parametrize("marketplace", [JP, "unknown"])
def test_a_cancelled_order_without_amounts_is_still_seen_to_be_cancelled(marketplace: str) -> None:
    """Amazon takes the amounts away; the currency is the marketplace's, or that of an item."""
    gone = item(QuantityOrdered=0, ItemPrice=None if marketplace == JP else usd("0", "JPY"), ItemTax=None)
    order = made(OrderStatus="Canceled", OrderTotal=None, MarketplaceId=marketplace, OrderItems=[gone])
    assert order.cancelled_at == datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert order.total == Money(Decimal(0), "JPY")


def test_a_replacement_is_free() -> None:
    """Its items may have no price, and it no total."""
    free = item(ItemPrice=None, ItemTax=None, PromotionDiscount=None)
    order = made(IsReplacementOrder="true", OrderTotal=None, OrderItems=[free])
    assert (order.total, order.tags, order.payments) == (dollars("0"), ("replacement",), ())
    assert prove(order).holds


def test_what_amazon_ships_needs_no_shipping_by_us() -> None:
    """AFN is told by a tag and on every line, also before it has shipped."""
    order = made(FulfillmentChannel="AFN")
    assert order.tags == ("fulfilled-by-channel",)
    assert [line.requires_shipping for line in order.lines] == [False]
    assert order.shipping_lines == ()
    assert prove(order).holds


@pytest.mark.parametrize(
    ("changes", "tag"),
    [
        ({"SalesChannel": "Non-Amazon"}, "non-amazon"),
        ({"IsIBA": True}, "sold-by-amazon"),
        ({"IsSoldByAB": "TRUE"}, "sold-by-amazon"),
        ({"IsBusinessOrder": "true"}, "business"),
        ({"IsPrime": True}, "prime"),
        ({"IsISPU": True}, "pick-up"),
        ({"PaymentMethod": "COD"}, "cash-on-delivery"),
        ({"OrderItems": [item(BuyerRequestedCancel={"IsBuyerRequestedCancel": "true"})]}, "cancel-requested"),
    ],
)
def test_a_gate_is_told_what_kind_of_order_it_is(changes: dict[str, Any], tag: str) -> None:
    """By tags; booleans are booleans or text, and "false" is not true."""
    assert made(**changes).tags == (tag,)
    cancel = item(BuyerRequestedCancel={"IsBuyerRequestedCancel": "false"})
    assert made(IsBusinessOrder="false", IsPrime="False", IsReplacementOrder="no", OrderItems=[cancel]).tags == ()


def test_taxes_that_amazon_keeps_are_withheld() -> None:
    """On the item, its shipping and its wrapping; they are a term of their own in the proof."""
    wrapped = item(
        ShippingPrice=usd("5.00"), ShippingTax=usd("0.40"), TaxCollection={"Model": "MarketplaceFacilitator"},
        BuyerInfo={"GiftWrapPrice": usd("2.00"), "GiftWrapTax": usd("0.16")},
    )  # fmt: skip
    order = made(OrderItems=[wrapped], OrderTotal=usd("29.16"))
    taxes = [*order.lines[0].taxes, *order.shipping_lines[0].taxes, *order.fee_taxes]
    assert [(tax.name, tax.withheld) for tax in taxes] == [
        ("ItemTax", True),
        ("ShippingTax", True),
        ("GiftWrapTax", True),
    ]
    proof = prove(order)
    assert proof.holds, proof.sentence
    withheld = next(term for term in proof.equations[0].terms if term.name == "tax withheld by the sales channel")
    assert withheld.amount == dollars("2.16")


def test_promotions_lower_the_items_and_their_shipping() -> None:
    """What they spare of the taxes is published beside the taxes, and both are kept."""
    lowered = item(
        PromotionDiscount=usd("2.00"), PromotionDiscountTax=usd("0.16"), PromotionIds=["SUMMER", "FREESHIP"],
        ShippingPrice=usd("5.00"), ShippingTax=usd("0.40"), ShippingDiscount=usd("5.00"),
        ShippingDiscountTax=usd("0.40"),
    )  # fmt: skip
    order = made(OrderItems=[lowered], OrderTotal=usd("19.44"))
    assert order.lines[0].discount.shop == dollars("2")
    assert [(tax.name, str(tax.amount.shop)) for tax in order.lines[0].taxes] == [
        ("ItemTax", "1.60 USD"),
        ("PromotionDiscountTax", "-0.16 USD"),
    ]
    assert (order.shipping_lines[0].gross.shop, order.shipping_lines[0].discount.shop) == (dollars("5"), dollars("5"))
    assert [(each.name, each.amount.shop) for each in order.discounts] == [("SUMMER, FREESHIP", dollars("2"))]
    assert prove(order).holds, prove(order).sentence


def test_wrapping_and_the_fee_for_cash_on_delivery_are_fees() -> None:
    """Less what is taken off the fee; points that are granted are no part of the price."""
    charged = item(
        CODFee=usd("3.00"), CODFeeDiscount=usd("1.00"), BuyerInfo={"GiftWrapPrice": usd("2.00")},
        PointsGranted={"PointsNumber": 10, "PointsMonetaryValue": usd("10.00")},
    )  # fmt: skip
    order = made(OrderItems=[charged], OrderTotal=usd("25.60"))
    assert order.fees is not None
    assert order.fees.shop == dollars("4")
    assert prove(order).holds, prove(order).sentence


def test_cash_on_delivery_is_not_paid_before_it_is_delivered() -> None:
    """Nor when it has shipped; what gift cards and points paid is a tender."""
    order = made(PaymentMethod="COD", OrderStatus="Shipped")
    assert (order.financial_status, order.payments) == (FinancialStatus.PENDING, ())
    assert prove(order).holds
    parts = [
        {"Payment": usd("10.00"), "PaymentMethod": "COD"},
        {"Payment": usd("6.60"), "PaymentMethod": "GC"},
        {"Payment": usd("5.00"), "PaymentMethod": "PointsAccount"},
    ]
    mixed = made(PaymentMethod="COD", PaymentExecutionDetail=parts)
    assert [(each.gateway, each.status, each.tender, each.amount) for each in mixed.payments] == [
        ("COD", PaymentStatus.PENDING, Tender.MONEY, dollars("10")),
        ("GC", PaymentStatus.SUCCESS, Tender.GIFT_CARD, dollars("6.6")),
        ("PointsAccount", PaymentStatus.SUCCESS, Tender.STORE_CREDIT, dollars("5")),
    ]
    assert prove(mixed).holds, prove(mixed).sentence


def test_published_parts_of_the_payment_must_cover_a_shipped_order() -> None:
    """And be in its currency."""
    parts = [{"Payment": usd("21.59"), "PaymentMethod": "CreditCard"}]
    short = prove(made(OrderStatus="Shipped", PaymentExecutionDetail=parts))
    assert short.sentence == (
        "The payments of the order account for 21.59 USD but its total says 21.60 USD: 0.01 USD unaccounted for."
    )
    foreign = made(PaymentExecutionDetail=[{"Payment": usd("20.00", "BRL"), "PaymentMethod": "Pix"}])
    assert prove(foreign).sentence == "A payment of 20.00 BRL is on an order in USD."


def test_prices_contain_their_taxes_where_the_marketplace_or_the_total_says_so() -> None:
    """In the United States they never do; elsewhere the order's own total shows it."""
    priced = {"ItemPrice": euros("20.00"), "ItemTax": euros("3.19"), "PromotionDiscount": euros("0.00")}
    inside = made(MarketplaceId=DE, OrderTotal=euros("20.00"), OrderItems=[item(**priced)])
    assert inside.taxes_included
    assert prove(inside).holds, prove(inside).sentence
    on_top = made(MarketplaceId=DE, OrderTotal=euros("23.19"), OrderItems=[item(**priced)])
    assert not on_top.taxes_included
    assert prove(on_top).holds, prove(on_top).sentence
    neither = made(MarketplaceId=DE, OrderTotal=euros("20.01"), OrderItems=[item(**priced)])
    assert neither.taxes_included
    assert "20.00 EUR but its total says 20.01 EUR: 0.01 EUR too much" in prove(neither).sentence
    assert not prove(made(OrderTotal=usd("20.00"))).holds
    untaxed = item(**{**priced, "ItemTax": None})
    assert made(MarketplaceId=DE, OrderTotal=euros("20.00"), OrderItems=[untaxed]).taxes_included


def test_yen_have_no_cents() -> None:
    """Zero-decimal amounts are exact, whichever way they are written."""
    priced = item(ItemPrice=usd("1980", "JPY"), ItemTax=usd("180.00", "JPY"), PromotionDiscount=None)
    order = made(MarketplaceId=JP, OrderTotal=usd("1980.00", "JPY"), OrderItems=[priced])
    assert str(order.total) == "1980 JPY"
    assert order.taxes_included
    assert prove(order).holds


def test_amounts_of_another_currency_are_contradicted_or_unreadable() -> None:
    """They are never added up."""
    foreign = prove(made(OrderItems=[item(ItemPrice=usd("20.00", "JPY"))]))
    assert foreign.sentence == "The order mixes currencies: 20 JPY has no figure in USD."
    wrapped = payload(OrderItems=[item(BuyerInfo={"GiftWrapPrice": usd("1.99", "JPY")})])
    assert read("amazon", encode(wrapped)) == Unreadable(
        "The order cannot be read: an amount in JPY is among amounts in USD."
    )


def test_instants_are_read_as_published_also_those_of_1970() -> None:
    """Nothing is corrected: a start instant of the sales channel is what keeps old orders out."""
    order = made(PurchaseDate="1970-01-19T03:58:30Z", LastUpdateDate="1970-01-19T03:58:32Z")
    assert order.placed_at == datetime(1970, 1, 19, 3, 58, 30, tzinfo=UTC)
    assert order.version == "1970-01-19T03:58:32.000000Z"


def test_text_and_numbers_are_read_as_people_do() -> None:
    """HTML entities in a title, a SKU as a number, amounts as numbers with noise."""
    odd = item(Title="Mug &amp; Lid\x00", SellerSKU=55, ItemPrice={"CurrencyCode": "USD", "Amount": 19.999999999999996})
    order = made(OrderItems=[odd])
    assert (order.lines[0].title, order.lines[0].sku) == ("Mug & Lid", "55")
    assert prove(order).holds


def test_nobody_has_to_be_named() -> None:
    """Without the right to see people, Amazon sends no address and no buyer."""
    order = made(ShippingAddress=None, BuyerInfo=None)
    assert (order.customer, order.shipping_address) == (None, None)
    assert made(BuyerInfo={}).customer is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"OrderTotal": usd("21.61")}, "its total says 21.61 USD: 0.01 USD too much"),
        ({"OrderItems": [item(ItemPrice=usd("20.01"))]}, "add up to 21.61 USD but its total says 21.60 USD"),
        ({"OrderItems": [item(ItemTax=usd("1.61"))]}, "add up to 21.61 USD but its total says 21.60 USD"),
        ({"OrderItems": [item(PromotionDiscount=usd("0.01"))]}, "add up to 21.59 USD but its total says 21.60 USD"),
        ({"OrderItems": [item(ShippingPrice=usd("0.01"))]}, "add up to 21.61 USD but its total says 21.60 USD"),
    ],
)
def test_a_cent_in_any_place_is_named(changes: dict[str, Any], sentence: str) -> None:
    """The sentence has both figures and the difference."""
    assert sentence in prove(made(**changes)).sentence


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"OrderItems": None}, "it has no OrderItems; the flow must gather"),
        ({"OrderItems": {"OrderItems": [item()], "NextToken": "x"}}, "its OrderItems are only a page"),
        ({"OrderItems": {}}, "its OrderItems are only a page"),
        ({"NextToken": "x"}, "its OrderItems are only a page"),
        ({"OrderItems": [item(QuantityOrdered=None)]}, "an item has no QuantityOrdered"),
        ({"OrderItems": [item(ItemPrice=None)]}, "an item has no ItemPrice"),
        ({"OrderItems": [7]}, "at `$.OrderItems[0]`"),
        ({"OrderTotal": None}, "it has no total"),
        ({"OrderTotal": {"Amount": "1.00"}}, "its total has no currency"),
        ({"OrderTotal": usd("NaN")}, "an amount is not a plain decimal number"),
        ({"OrderTotal": usd("2,329.86")}, "an amount is not a plain decimal number"),
        ({"OrderStatus": "Canceled", "OrderTotal": None, "MarketplaceId": "x", "OrderItems": []}, "it has no currency"),
        ({"PurchaseDate": None}, "it has no PurchaseDate"),
        ({"PurchaseDate": "2026-11-20T08:00:00"}, "PurchaseDate has no time zone"),
    ],
)
def test_what_cannot_be_read_says_why(changes: dict[str, Any], reason: str) -> None:
    """A sentence that names the field, and an order that stays named."""
    raw = encode(payload(**changes))
    answer = read("amazon", raw)
    assert isinstance(answer, Unreadable)
    assert reason in answer.reason
    assert answer.reason.endswith(".")
    assert isinstance(identify(raw), Identified)


def test_hostile_numbers_and_broken_bytes_are_answers() -> None:
    """NaN, numbers out of range, truncation; the last of a repeated key counts."""
    raw = encode(payload())
    for broken in (raw[:-10], raw.replace(b'"21.60"', b"NaN")):
        assert isinstance(identify(broken), Unidentifiable)
        assert isinstance(read("amazon", broken), Unreadable)
    huge = raw.replace(b'"21.60"', b"1E+400")
    assert isinstance(identify(huge), Identified)
    assert isinstance(read("amazon", huge), Unreadable)
    twice = raw[:-1] + b',"AmazonOrderId":"902-0000000-0000002"}'
    assert identify(twice) == Identified("902-0000000-0000002", VERSION)
    order = read("amazon", twice)
    assert isinstance(order, Order)
    assert order.order_id == "902-0000000-0000002"


def test_an_order_of_thousands_of_items_is_read() -> None:
    """Every item counts."""
    items = [item(OrderItemId=str(number)) for number in range(5_000)]
    order = made(OrderItems=items, OrderTotal=usd("108000.00"))
    assert len(order.lines) == len(items)
    assert prove(order).holds
