"""Amazon's orders of 2026-01-01 are the same as those of v0, with proceeds that are checked against each other."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from flows.formats.amazon import identify, read
from flows.model.money import Money
from flows.model.order import FinancialStatus, FulfilmentStatus, Order, PaymentKind, Tender, Unreadable
from flows.model.proof import prove
from tests.unit.made_amazon import encode, item_2026, made, made_2026, money, part, payload_2026


def dollars(text: str) -> Money:
    return Money(Decimal(text), "USD")


def shipped(**changes: Any) -> dict[str, Any]:
    """The order's fulfilment, by the seller unless it says otherwise."""
    fields = {"fulfillmentStatus": "UNSHIPPED", "fulfilledBy": "MERCHANT", "fulfillmentServiceLevel": "STANDARD"}
    return fields | changes


def test_it_is_the_same_order_as_that_of_v0() -> None:
    """Ids, version, instants, figures, taxes, payment and people."""
    old, new = made(), made_2026()
    for field in (
        "order_id", "reference", "version", "placed_at", "currency", "taxes_included", "totals", "payments",
        "financial_status", "fulfilment_status", "customer", "tags",
    ):  # fmt: skip
        assert getattr(new, field) == getattr(old, field), field
    (one,), (other,) = new.lines, old.lines
    assert (one.id, one.sku, one.quantity, one.gross, one.taxes) == (
        other.id,
        other.sku,
        other.quantity,
        other.gross,
        other.taxes,
    )
    assert [each.service for each in new.shipping_lines] == ["STANDARD"]
    assert new.shipping_address is not None
    assert (new.shipping_address.subdivision_code, new.shipping_address.zip) == ("TX", "78701")
    assert prove(new).holds


def test_every_part_of_the_proceeds_has_its_place() -> None:
    """Goods, shipping, fees, discounts with what they are on, taxes with what they are on, and the order's tip."""
    item = item_2026(
        part("ITEM", "20.00"), part("SHIPPING", "5.00"), part("GIFT_WRAP", "2.00"), part("COD_FEE", "1.00"),
        part("OTHER", "0.50"), part("DISCOUNT", "-4.00", ITEM="-3.00", SHIPPING="-1.00"),
        part("TAX", "2.20", ITEM="1.60", SHIPPING="0.40", GIFT_WRAP="0.16", DISCOUNT="0.04"),
        total="26.70", promotion={"breakdowns": [{"promotionId": "SUMMER"}]},
    )  # fmt: skip
    order = made_2026(
        part("ITEM", "20.00"), part("SHIPPING", "5.00"), part("GIFT_WRAP", "2.00"), part("COD_FEE", "1.00"),
        part("OTHER", "0.50"), part("DISCOUNT", "-4.00"), part("TAX", "2.20"), part("DELIVERY_TIP", "3.00"),
        total="29.70", orderItems=[item],
    )  # fmt: skip
    (line,), (shipping,) = order.lines, order.shipping_lines
    assert (line.gross.shop, line.discount.shop) == (dollars("20"), dollars("3"))
    assert [tax.name for tax in line.taxes] == ["ItemTax", "PromotionDiscountTax"]
    assert (shipping.gross.shop, shipping.discount.shop) == (dollars("5"), dollars("1"))
    assert [tax.name for tax in shipping.taxes] == ["ShippingTax"]
    assert [tax.name for tax in order.fee_taxes] == ["GiftWrapTax"]
    assert (order.fees and order.fees.shop, order.tips and order.tips.shop) == (dollars("3.5"), dollars("3"))
    assert [(each.name, each.amount.shop) for each in order.discounts] == [("SUMMER", dollars("3"))]
    assert prove(order).holds, prove(order).sentence


@pytest.mark.parametrize("sign", ["-", ""])
def test_a_discount_lowers_whatever_its_sign(sign: str) -> None:
    """The item's own sum is the witness."""
    item = item_2026(part("ITEM", "20.00"), part("DISCOUNT", f"{sign}2.00"), total="18.00")
    order = made_2026(part("DISCOUNT", f"{sign}2.00"), total="18.00", orderItems=[item])
    assert order.lines[0].discount.shop == dollars("2")
    assert prove(order).holds, prove(order).sentence


@pytest.mark.parametrize(
    ("parts", "item", "total", "sentence"),
    [
        ([], item_2026(), "21.61", "its total says 21.61 USD: 0.01 USD too much"),
        ([part("ITEM", "20.01")], item_2026(), "21.60", "its sum of lines says 20.01 USD: 0.01 USD too much"),
        ([part("TAX", "1.61")], item_2026(), "21.60", "its sum of taxes says 1.61 USD: 0.01 USD too much"),
        ([part("SHIPPING", "0.01")], item_2026(), "21.60", "its sum of shipping says 0.01 USD"),
        ([part("DISCOUNT", "-0.01")], item_2026(), "21.60", "its sum of discounts says 0.01 USD"),
        ([part("GIFT_WRAP", "0.01")], item_2026(), "21.60", "the sum of fees is 0.00 USD, in another 0.01 USD"),
        ([part("DELIVERY_TIP", "0.01")], item_2026(), "21.60", "add up to 21.61 USD but its total says 21.60 USD"),
        ([], item_2026(total="21.61"), "21.60", "the proceeds of an item is 21.60 USD, in another 21.61 USD"),
        (
            [],
            item_2026(part("ITEM", "20.00"), part("TAX", "1.60", ITEM="1.59")),
            "21.60",
            "a TAX of an item is 1.59 USD, in another 1.60 USD",
        ),
        (
            [],
            item_2026(product={"sellerSku": "A", "price": {"unitPrice": money("10.01")}}),
            "21.60",
            "the price of an item is 20.02 USD, in another 20.00 USD",
        ),
    ],
)
def test_a_cent_in_any_place_is_named(parts: list[Any], item: dict[str, Any], total: str, sentence: str) -> None:
    """The sentence has both figures and the difference."""
    assert sentence in prove(made_2026(*parts, total=total, orderItems=[item])).sentence


def test_taxes_that_amazon_keeps_are_withheld() -> None:
    """Where the item says that the marketplace collects."""
    item = item_2026(tax={"taxCollections": [{"model": "MARKETPLACE_FACILITATOR"}]})
    assert [tax.withheld for tax in made_2026(orderItems=[item]).lines[0].taxes] == [True]


def test_a_tax_that_does_not_say_what_it_is_on_is_only_a_tax() -> None:
    """It stays on the item, under a name of its own."""
    item = item_2026(part("ITEM", "20.00"), part("TAX", "1.60"))
    assert [tax.name for tax in made_2026(orderItems=[item]).lines[0].taxes] == ["Tax"]


@pytest.mark.parametrize("status", ["PENDING", "PENDING_AVAILABILITY"])
def test_a_pending_order_waits_for_its_amounts(status: str) -> None:
    """Amazon publishes none until the payment is authorised."""
    raw = encode({"order": payload_2026(proceeds=None, fulfillment=shipped(fulfillmentStatus=status))})
    answer = read("amazon", raw)
    assert isinstance(answer, Unreadable)
    assert "it is pending" in answer.reason
    assert identify(raw) == identify(encode(payload_2026()))


@pytest.mark.parametrize(
    ("status", "financial", "fulfilment"),
    [
        ("PARTIALLY_SHIPPED", FinancialStatus.AUTHORISED, FulfilmentStatus.PARTIAL),
        ("SHIPPED", FinancialStatus.PAID, FulfilmentStatus.SHIPPED),
        ("CANCELLED", FinancialStatus.VOIDED, FulfilmentStatus.UNSHIPPED),
        ("UNFULFILLABLE", FinancialStatus.UNKNOWN, FulfilmentStatus.UNSHIPPED),
    ],
)
def test_statuses_mean_what_those_of_v0_mean(
    status: str, financial: FinancialStatus, fulfilment: FulfilmentStatus
) -> None:
    """Only their spelling differs."""
    order = made_2026(fulfillment=shipped(fulfillmentStatus=status))
    assert (order.financial_status, order.fulfilment_status) == (financial, fulfilment)
    assert (order.cancelled_at is not None) == (status == "CANCELLED")
    assert prove(order).holds, prove(order).sentence


def test_published_parts_of_the_payment_are_the_payments() -> None:
    """Reserved until it has shipped; cash on delivery is not paid at all."""
    executed = [
        {"paymentMethod": "CreditCard", "paymentAmount": money("11.60")},
        {"paymentMethod": "GiftCard", "paymentAmount": money("10.00")},
    ]
    order = made_2026(payment={"paymentExecutions": executed})
    assert [(each.gateway, each.kind, each.tender, each.amount) for each in order.payments] == [
        ("CreditCard", PaymentKind.AUTHORISATION, Tender.MONEY, dollars("11.6")),
        ("GiftCard", PaymentKind.AUTHORISATION, Tender.GIFT_CARD, dollars("10")),
    ]
    assert prove(order).holds, prove(order).sentence
    cash = [{"paymentMethod": "CashOnDelivery", "paymentAmount": money("21.60")}]
    collected = made_2026(payment={"paymentExecutions": cash}, fulfillment=shipped(fulfillmentStatus="SHIPPED"))
    assert (collected.financial_status, collected.tags) == (FinancialStatus.PENDING, ("cash-on-delivery",))
    assert prove(collected).holds


@pytest.mark.parametrize(
    ("changes", "tag"),
    [
        ({"fulfillment": shipped(fulfilledBy="AMAZON")}, "fulfilled-by-channel"),
        ({"salesChannel": {"channelName": "NON_AMAZON"}}, "non-amazon"),
        ({"associatedOrders": [{"orderId": "1", "associationType": "REPLACEMENT_ORIGINAL_ID"}]}, "replacement"),
        ({"programs": ["AMAZON_BUSINESS"]}, "business"),
        ({"programs": ["PRIME"]}, "prime"),
        ({"programs": ["IN_STORE_PICK_UP"]}, "pick-up"),
        (
            {"orderItems": [item_2026(cancellation={"cancellationRequest": {"requester": "BUYER"}})]},
            "cancel-requested",
        ),
    ],
)
def test_a_gate_is_told_what_kind_of_order_it_is(changes: dict[str, Any], tag: str) -> None:
    """By the same tags as in v0; what Amazon ships needs no shipping by us."""
    order = made_2026(**changes)
    assert order.tags == (tag,)
    assert [line.requires_shipping for line in order.lines] == [tag != "fulfilled-by-channel"]


def test_goods_sold_by_weight_have_no_price_of_a_piece_to_compare() -> None:
    """The price is per pound then, and the quantity is of packs."""
    item = item_2026(
        measurement={"unit": "POUNDS", "value": 1.5},
        product={"sellerSku": "BEEF", "price": {"unitPrice": money("3.33")}},
    )
    assert prove(made_2026(orderItems=[item])).holds


def test_an_item_without_parts_is_its_price_times_its_quantity() -> None:
    """Without either it cannot be read."""
    order = made_2026(total="20.00", orderItems=[item_2026(proceeds=None)])
    assert order.lines[0].gross.shop == dollars("20")
    assert prove(order).holds


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"proceeds": None}, "asked for with PROCEEDS"),
        ({"orderItems": None}, "it has no orderItems"),
        ({"orderItems": [item_2026(quantityOrdered=None)]}, "an item has no quantityOrdered"),
        ({"orderItems": [item_2026(proceeds=None, product=None)]}, "neither proceeds of type ITEM nor a unitPrice"),
        ({"createdTime": None}, "it has no createdTime"),
        ({"createdTime": "2026-11-20"}, "createdTime has no time zone"),
        (
            {"orderItems": [item_2026(proceeds={"breakdowns": [{"type": "ITEM", "subtotal": money("1", "EUR")}]})]},
            "an amount in EUR is among amounts in USD",
        ),
    ],
)
def test_what_cannot_be_read_says_why(changes: dict[str, Any], reason: str) -> None:
    """A sentence that names the field."""
    answer = read("amazon", encode({"order": payload_2026(**changes)}))
    assert isinstance(answer, Unreadable)
    assert reason in answer.reason


def test_without_recipient_and_buyer_nobody_is_named() -> None:
    """They are only included when they are asked for."""
    order = read("amazon", encode(payload_2026(recipient=None, buyer=None)))
    assert isinstance(order, Order)
    assert (order.customer, order.shipping_address) == (None, None)
