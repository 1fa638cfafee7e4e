"""What each format publishes of refunds and returns: parts with kinds, units, both sides of amounts, statuses."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from flows.formats.seamline import read as read_seamline
from flows.formats.shopify import read as read_shopify
from flows.model.money import Money
from flows.model.order import (
    Amount,
    Order,
    Refund,
    RefundKind,
    RefundPart,
    RefundStatus,
    Restock,
    Return,
    Unreadable,
)
from flows.model.proof import prove
from tests.unit import magento_orders as magento
from tests.unit import test_format_shopify as shopify
from tests.unit.made_bigcommerce import made as bigcommerce_made
from tests.unit.made_orders import both, usd
from tests.unit.made_woocommerce import item as woo_item
from tests.unit.made_woocommerce import made as woo_made
from tests.unit.made_woocommerce import taxed as woo_taxed


def money(text: str, currency: str = "USD") -> Money:
    return Money(Decimal(text), currency)


def shop(amount: str, presentment: str | None = None) -> dict[str, Any]:
    """An amount in USD, and in EUR."""
    sides = {"shop_money": {"amount": amount, "currency_code": "USD"}}
    if presentment is not None:
        sides["presentment_money"] = {"amount": presentment, "currency_code": "EUR"}
    return sides


def only(order: Order | Unreadable) -> Refund:
    """The one refund of an order."""
    assert isinstance(order, Order), order
    assert order.refunds is not None
    (refund,) = order.refunds
    return refund


def shopify_refund(**of: Any) -> Refund:
    return only(shopify.made(refunds=[{"id": 9, "created_at": "2026-11-21T10:00:00+01:00", **of}]))


def transaction(status: str, amount: str = "5.00", kind: str = "refund", currency: str = "USD") -> dict[str, Any]:
    return {"kind": kind, "status": status, "amount": amount, "currency": currency}


# -- Shopify -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("restock_type", "restock"),
    [
        ("return", Restock.RETURN),
        ("cancel", Restock.CANCEL),
        ("no_restock", Restock.NONE),
        ("legacy_restock", Restock.UNKNOWN),
        (None, Restock.UNKNOWN),
    ],
)
def test_a_refunded_line_of_shopify_has_units_both_sides_and_a_fate(restock_type: str | None, restock: Restock) -> None:
    """Line, quantity, worth with its tax in both currencies, and what becomes of the goods."""
    line = {
        "line_item_id": 7,
        "quantity": 2,
        "restock_type": restock_type,
        "subtotal_set": shop("20.00", "18.00"),
        "total_tax_set": shop("2.00", "1.80"),
    }
    refund = shopify_refund(refund_line_items=[line], transactions=[transaction("success", "22.00")])
    (part,) = refund.parts
    assert (part.kind, part.amount) == (RefundKind.LINE, both("22.00", "19.80"))
    assert part.units is not None
    assert (part.units.line, part.units.quantity, part.units.restock) == ("7", 2, restock)
    assert (refund.worth, refund.at) == (money("22.00"), datetime(2026, 11, 21, 9, tzinfo=UTC))


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        (["success"], RefundStatus.SUCCESS),
        (["pending"], RefundStatus.PENDING),
        (["success", "pending"], RefundStatus.PENDING),
        (["failure"], RefundStatus.FAILED),
        (["error", "success"], RefundStatus.SUCCESS),
        ([], RefundStatus.NO_MONEY),
    ],
)
def test_the_transactions_say_how_the_money_went(statuses: list[str], status: RefundStatus) -> None:
    """Pending and failed are statuses of their own; a void, or nothing, moves no money (rule 17)."""
    moved = [transaction("success", kind="void"), *map(transaction, statuses)]
    refund = shopify_refund(refund_line_items=[], transactions=moved)
    assert refund.status is status
    assert refund.failed == tuple(money("5.00") for each in statuses if each in ("failure", "error"))


ADJUSTED = {"kind": "shipping_refund", "amount": "-5.00", "tax_amount": "-0.50"}
SHIPPED = {"subtotal_amount_set": shop("5.00", "4.50")}


@pytest.mark.parametrize(
    ("published", "amount"),
    [
        ({"order_adjustments": [ADJUSTED]}, usd("5.50")),
        ({"refund_shipping_lines": [SHIPPED]}, both("5.00", "4.50")),
        ({"order_adjustments": [ADJUSTED], "refund_shipping_lines": [SHIPPED]}, usd("5.50")),
    ],
    ids=["up to 2024-07", "from 2024-10", "both at once"],
)
def test_refunded_shipping_counts_once(published: dict[str, Any], amount: Amount) -> None:
    """Failure case 40: payloads of 2024-10 and later have the same shipping in two places."""
    refund = shopify_refund(**published, transactions=[transaction("success", "5.50")])
    assert refund.parts == (RefundPart(kind=RefundKind.SHIPPING, amount=amount),)
    assert refund.worth == amount.shop


def test_what_differs_between_parts_and_money_is_an_amount() -> None:
    """A fee that was kept is negative; money for nothing that is named is goodwill."""
    line = {"line_item_id": 7, "quantity": 1, "restock_type": "return", "subtotal": 10, "total_tax": 0}
    kept = shopify_refund(
        refund_line_items=[line],
        order_adjustments=[{"kind": "refund_discrepancy", "amount": "4.00"}],
        transactions=[transaction("success", "6.00")],
    )
    assert [(part.kind, part.amount) for part in kept.parts] == [
        (RefundKind.LINE, usd("10")),
        (RefundKind.AMOUNT, usd("-4.00")),
    ]
    assert kept.worth == money("6.00")
    goodwill = shopify_refund(transactions=[transaction("success", "3.00")])
    assert goodwill.parts == (RefundPart(kind=RefundKind.AMOUNT, amount=usd("3.00")),)
    assert goodwill.worth is None


def test_a_refund_in_the_customers_currency_stays_in_it() -> None:
    """Failure case 30: 4,400 ISK of shipping are never 4,400 of the shop's currency; the shop's side is beside them."""
    amounts = {
        "shop_money": {"amount": "25.10", "currency_code": "USD"},
        "presentment_money": {"amount": "4400", "currency_code": "ISK"},
    }
    refund = shopify_refund(
        refund_shipping_lines=[{"subtotal_amount_set": amounts}],
        transactions=[transaction("success", "4400", currency="ISK")],
    )
    assert refund.refunded == (money("4400", "ISK"),)
    (part,) = refund.parts
    assert part.amount == Amount(money("25.10"), money("4400", "ISK"))
    assert refund.worth == money("25.10")


def test_returns_that_a_flow_gathered_are_read_as_their_webhook_publishes_them() -> None:
    """The line behind the fulfilment's line, the reason as a code; only open and closed ones are expected."""
    line = {
        "id": 1,
        "quantity": 2,
        "return_reason": "UNWANTED",
        "return_reason_note": "Ada does not like it",
        "fulfillment_line_item": {"id": 5, "line_item": {"id": 7}},
    }
    statuses = ("open", "CLOSED", "requested", "declined", "canceled")
    order = shopify.made(
        returns=[
            {"id": f"gid://shopify/Return/{n}", "status": s, "return_line_items": [line]}
            for n, s in enumerate(statuses)
        ],
        refunds=[{"id": 9, "return": {"id": 0}, "transactions": []}],
    )
    assert [(each.id, each.expected) for each in order.returns] == [
        ("0", True), ("1", True), ("2", False), ("3", False), ("4", False),
    ]  # fmt: skip
    (units,) = order.returns[0].units
    assert (units.line, units.quantity, units.restock, units.reason) == ("7", 2, Restock.RETURN, "unwanted")
    assert only(order).return_id == "0"
    assert "Ada" not in repr(order.returns)
    assert shopify.made(returns=[{"id": 1, "status": "open", "exchange_line_items": [{"id": 3}]}]).returns == (
        Return(id="1", units=(), exchanges=1),
    )


@pytest.mark.parametrize("strange", [{"processed_at": "yesterday"}, {"return": None}, {"refund_line_items": None}])
def test_what_is_strange_about_a_refund_refuses_no_order(strange: dict[str, Any]) -> None:
    """A date that is none, a return that is null: the order is read all the same."""
    assert shopify_refund(**strange).id == "9"


# -- the others --------------------------------------------------------------------------------------------------------


def test_the_own_object_of_a_woocommerce_refund_has_parts() -> None:
    """Units of a line, money for a line without units, shipping and fees; what becomes of the goods is not said."""
    meta = [{"id": 1, "key": "_refunded_item_id", "value": "315"}]
    units = woo_item(id=400, quantity=-1, total="-9.00", total_tax="-0.90", meta_data=meta)
    cheaper = woo_item(id=401, quantity=0, total="-1.00", total_tax="0.00", meta_data=meta)
    refund = {
        "id": 90,
        "amount": "14.90",
        "date_created_gmt": "2026-11-21T09:00:00",
        "line_items": [units, cheaper],
        "shipping_lines": [{"total": "-3.00", "total_tax": "0.00"}],
        "fee_lines": [{"total": "-1.00", "total_tax": ""}],
    }
    read = only(woo_made(woo_taxed(refunds=[refund])))
    assert [(part.kind, part.amount) for part in read.parts] == [
        (RefundKind.LINE, usd("9.90")),
        (RefundKind.LINE, usd("1.00")),
        (RefundKind.SHIPPING, usd("3.00")),
        (RefundKind.AMOUNT, usd("1.00")),
    ]
    goods, lower = read.parts[:2]
    assert goods.units is not None
    assert (goods.units.line, goods.units.quantity, goods.units.restock) == ("315", 1, Restock.UNKNOWN)
    assert (lower.units, lower.line) == (None, "315")
    assert read.at == datetime(2026, 11, 21, 9, tzinfo=UTC)
    assert only(woo_made(woo_taxed(refunds=[{"id": 91, "total": "-1.00"}]))).parts == ()


def test_the_items_of_a_bigcommerce_refund_are_its_parts() -> None:
    """Products with units, shipping, the whole order; amounts only where they are published, or there is one part."""

    def made(items: list[dict[str, Any]], **more: Any) -> Refund:
        refund = {"id": 9, "total_amount": 6, "payments": [{"amount": 6}], "items": items, **more}
        return only(bigcommerce_made(refunds=[refund]))

    several = made(
        [
            {"item_type": "PRODUCT", "item_id": 1, "quantity": 2, "requested_amount": None},
            {"item_type": "SHIPPING", "item_id": 3, "requested_amount": "2.00"},
            {"item_type": "ORDER", "item_id": 100, "requested_amount": "1.00"},
        ],
        created="2026-11-21T09:00:00+00:00",
    )
    assert [(part.kind, part.amount) for part in several.parts] == [
        (RefundKind.LINE, None),
        (RefundKind.SHIPPING, usd("2.00")),
        (RefundKind.AMOUNT, usd("1.00")),
    ]
    assert several.parts[0].units is not None
    assert (several.parts[0].units.line, several.parts[0].units.quantity) == ("1", 2)
    assert several.at == datetime(2026, 11, 21, 9, tzinfo=UTC)
    (alone,) = made([{"item_type": "PRODUCT", "item_id": 1, "quantity": 1}]).parts
    assert alone.amount == usd("6")
    declined = made([], payments=[{"amount": 6, "is_declined": True}])
    assert (declined.status, declined.failed) == (RefundStatus.FAILED, (money("6"),))


def test_magento_publishes_sums_and_units_of_all_credit_memos() -> None:
    """One refund that says so: goods with taxes, shipping, an adjustment; units by line."""
    sums = magento.both({"total_refunded": 7.5, "subtotal_refunded": 4, "tax_refunded": 1, "shipping_refunded": 2,
                         "adjustment_positive": 0.5})  # fmt: skip
    refund = only(magento.made(items=[magento.item(qty_refunded=1)], **sums))
    assert refund.summed
    assert [(part.kind, part.amount) for part in refund.parts[:3]] == [
        (RefundKind.LINE, usd("5.0")),
        (RefundKind.SHIPPING, usd("2")),
        (RefundKind.AMOUNT, usd("0.5")),
    ]
    (units,) = [part.units for part in refund.parts if part.units is not None]
    assert units.quantity == 1


OWN: dict[str, Any] = {
    "order_id": "A-1",
    "placed_at": "2026-11-20T14:03:11+01:00",
    "currency": "USD",
    "taxes_included": False,
    "lines": [{"id": "1", "sku": "MUG", "quantity": "3", "unit_price": "10.00"}],
    "total": "30.00",
}


def own(**more: Any) -> Order:
    order = read_seamline("web", msgspec.json.encode({**OWN, **more}))
    assert isinstance(order, Order), order
    return order


def test_seamlines_own_schema_says_all_of_it() -> None:
    """Parts with restock, reason and exchange; the return it belongs to; what is left follows from the units."""
    exchange = {"sku": "POT", "quantity": "1", "unit_price": "9.00"}
    part = {"kind": "exchange", "line_id": "1", "quantity": "1", "amount": "10.00", "restock": "return",
            "reason": "damaged", "exchange": exchange}  # fmt: skip
    refund = {"id": "R1", "amount": "1.00", "parts": [part, {"kind": "amount", "amount": "-9.00"}], "return_id": "T1",
              "refunded_at": "2026-11-21T09:00:00Z"}  # fmt: skip
    order = own(refunds=[refund], returns=[{"id": "T1", "lines": [{"line_id": "1", "quantity": "1"}]}])
    read = only(order)
    assert (read.worth, read.return_id, read.at) == (money("1.00"), "T1", datetime(2026, 11, 21, 9, tzinfo=UTC))
    units = read.parts[0].units
    assert units is not None
    assert (units.restock, units.reason, units.exchange and units.exchange.unit_price) == (
        Restock.RETURN, "damaged", usd("9.00"),
    )  # fmt: skip
    assert order.lines[0].quantity_left == 2
    assert order.returns[0].units[0].restock is Restock.RETURN
    assert prove(order).remarks == ()


@pytest.mark.parametrize(
    ("refund", "left"),
    [
        ({"status": "pending"}, 1),
        ({"status": "failed"}, None),
        ({"parts": []}, None),
        ({"parts": [{"kind": "line", "line_id": "1", "amount": "2.00"}]}, None),
    ],
)
def test_what_is_left_of_a_line_follows_from_refunds_that_did_not_fail(
    refund: dict[str, Any], left: int | None
) -> None:
    """Where it is not published; money for a line takes no units away."""
    made = {"id": "R1", "amount": "20.00", "parts": [{"kind": "line", "line_id": "1", "quantity": "2"}], **refund}
    assert own(refunds=[made]).lines[0].quantity_left == left


def test_an_own_refund_may_be_in_another_currency() -> None:
    """Failure case 30: the money keeps its currency, and its worth is the shop's."""
    part = {"kind": "shipping", "amount": {"shop": "25.10", "presentment": "4400"}}
    refund = {"id": "R1", "amount": "4400", "currency": "ISK", "parts": [part]}
    read = only(own(refunds=[refund], presentment_currency="ISK"))
    assert (read.refunded, read.worth) == ((money("4400", "ISK"),), money("25.10"))


def test_orders_without_refunds_have_none() -> None:
    """Nothing is made up."""
    for order in (own(), shopify.made(refunds=[])):
        assert (order.refunds, order.returns) == ((), ())
    assert isinstance(read_shopify("web", msgspec.json.encode(shopify.payload())), Order)
    assert shopify.made().refunds is None
