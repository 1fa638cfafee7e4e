"""The sales channels behind the Patchworks sandbox: orders to the cent, their stock, and what flows bring them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from connectors.patchworks.sandbox import Dedupe, FlowSeed, LevelSeed, SalesChannelSeed, Send
from flows.formats import shopify
from flows.model.order import FinancialStatus, FulfilmentStatus, Order
from flows.model.proof import prove
from tests.contracts.patchworks_sandbox import (
    LAMP,
    MUG,
    ORDERS,
    SHIPPED,
    STOCK,
    WEB,
    Door,
    Json,
    Open,
    attributes,
    fixture_door,
    fixture_open_door,
    fixture_portal,
)

__all__ = ["fixture_door", "fixture_open_door", "fixture_portal"]

TWENTY = (LevelSeed(sku="MUG-BLUE", quantity=20), LevelSeed(sku="LAMP-OAK", quantity=1))


def web(**changes: Any) -> SalesChannelSeed:
    return msgspec.structs.replace(WEB, **changes)


def read(door: Door, order_id: str) -> Order:
    """The order as our own reader of the format has it, and it must prove."""
    answer = door.session.get(f"{door.url}/sandbox/sales-channels/web/orders/{order_id}", timeout=10)
    order = shopify.read("web", answer.content)
    assert isinstance(order, Order), order
    proof = prove(order)
    assert proof.holds, proof.contradictions
    assert not proof.remarks, proof.remarks
    return order


def level(sku: str = "MUG-BLUE", available: int = 5, sequence: int | None = 1, **more: Json) -> Json:
    return {"sku": sku, "available": available, "sequence": sequence, **more}


def shown(door: Door, sku: str = "MUG-BLUE") -> int:
    rows = door.control("sales-channels/web/stock")
    return int(next(row["shown"] for row in rows if row["sku"] == sku))


def notice(door: Door, order_id: str, key: str = "FUL-1", quantity: int = 1, **more: Json) -> Json:
    line = door.order(order_id)["line_items"][0]
    return {
        "fulfilment_id": key,
        "order": {"source": "web", "id": order_id},
        "carrier": "EVRI",
        "tracking": [{"number": f"H00{key}", "url": f"https://track.example/{key}"}],
        "lines": [{"order_line_id": str(line["id"]), "sku": line["sku"], "quantity": quantity}],
        **more,
    }


def told(door: Door, *notices: Json) -> Json:
    """Start the fulfilment flow; the run's fields."""
    return attributes(door.started(SHIPPED.id, {"batch_id": "f", "fulfilments": list(notices)}))


def arrived(door: Door, what: str) -> Json:
    return door.books()["sales_channels"]["web"][what]


# -- orders (Shopify) --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("included", [False, True])
def test_generated_orders_add_up_to_the_cent(open_door: Open, included: bool) -> None:
    """Generated from a seed, consistent to the cent; taxes on top or included, with and without discounts."""
    seed = web(taxes_included=included, discounted_share=0.5, products=(), products_count=50)
    seed = msgspec.structs.replace(seed, pending_share=0.2, authorised_share=0.2)
    door = open_door(sales_channels=(seed,))
    placed = door.control("sales-channels/web/orders", {"count": 60})["orders"]
    orders = [read(door, each["id"]) for each in placed]
    assert {order.financial_status for order in orders} == {
        FinancialStatus.PAID,
        FinancialStatus.PENDING,
        FinancialStatus.AUTHORISED,
    }
    assert any(order.discounts for order in orders)
    assert any(order.totals.tax.shop.amount for order in orders if order.totals.tax)


def test_the_same_seed_and_script_give_the_same_books(open_door: Open) -> None:
    """Settled: books compared by a canonical digest without server ids and times."""

    def digest(seed: int) -> str:
        door = open_door(seed=seed)
        order_id = door.control("sales-channels/web/orders", {"count": 5})["orders"][0]["id"]
        door.change(order_id, "cancel")
        door.settle()
        return str(door.control("books/digest")["digest"])

    assert digest(1) == digest(1) != digest(2)


def test_units_taken_off_an_order_are_removed_and_paid_back(door: Door) -> None:
    """An edit keeps what was ordered, says what is left, and gives back the money for the rest."""
    order_id = door.place(quantity=3)
    before = read(door, order_id).totals
    door.change(order_id, "edit", remove=[{"sku": "MUG-BLUE", "quantity": 1}])
    after = read(door, order_id)
    line = door.order(order_id)["line_items"][0]
    assert (line["quantity"], line["current_quantity"], line["fulfillable_quantity"]) == (3, 2, 2)
    assert after.totals.total == before.total
    assert after.financial_status is FinancialStatus.PARTIALLY_REFUNDED
    (refund,) = after.refunds or ()
    assert after.totals.left is not None
    assert after.totals.total.shop - after.totals.left.shop == refund.refunded[0]
    assert door.order(order_id)["refunds"][0]["refund_line_items"][0]["restock_type"] == "cancel"


def test_units_added_to_an_order_are_a_new_line(door: Door) -> None:
    """An edit adds goods, with their tax, paid at once on a paid order."""
    order_id = door.place(quantity=1)
    door.change(order_id, "edit", add=[{"sku": "LAMP-OAK", "quantity": 2}])
    order = read(door, order_id)
    assert [(line.sku, line.quantity) for line in order.lines] == [("MUG-BLUE", 1), ("LAMP-OAK", 2)]
    assert order.financial_status is FinancialStatus.PAID


@pytest.mark.parametrize(
    ("payment", "status"),
    [("paid", FinancialStatus.REFUNDED), ("pending", FinancialStatus.VOIDED), ("authorized", FinancialStatus.VOIDED)],
)
def test_a_cancelled_order_gives_everything_back(door: Door, payment: str, status: FinancialStatus) -> None:
    """A cancel takes off every line; what was paid goes back, shipping included; what was not is voided."""
    order_id = door.place(quantity=2, payment=payment)
    books = door.change(order_id, "cancel")
    order = read(door, order_id)
    assert order.cancelled_at is not None
    assert order.financial_status is status
    assert books["left"] == "0.00"
    assert books["paid"] == books["paid_back"]
    door.control(f"sales-channels/web/orders/{order_id}/cancel", {}, status=422)


def test_refunds_in_any_pieces_add_up_to_what_was_paid(open_door: Open) -> None:
    """Line by line, then shipping, then what is left: the last cent goes back, and not one more."""
    door = open_door(sales_channels=(web(discounted_share=1, taxes_included=True),))
    order_id = door.place(quantity=3)
    for _ in range(2):
        door.change(order_id, "refund", lines=[{"sku": "MUG-BLUE", "quantity": 1}])
        read(door, order_id)
    door.control(
        f"sales-channels/web/orders/{order_id}/refund", {"lines": [{"sku": "MUG-BLUE", "quantity": 2}]}, status=422
    )
    books = door.change(order_id, "refund")
    assert books["paid"] == books["paid_back"]
    assert read(door, order_id).financial_status is FinancialStatus.REFUNDED
    door.control(f"sales-channels/web/orders/{order_id}/refund", {}, status=422)


def test_money_that_arrives_later_makes_a_pending_order_paid(door: Door) -> None:
    """`orders/paid` after `orders/create`: the same order, a later revision."""
    order_id = door.place(payment="pending")
    assert read(door, order_id).financial_status is FinancialStatus.PENDING
    door.change(order_id, "pay")
    door.settle()
    assert read(door, order_id).financial_status is FinancialStatus.PAID
    assert sorted(got.json["financial_status"] for got in door.receiver.got) == ["paid", "pending"]


# -- orders (WooCommerce) ----------------------------------------------------------------------------------------------


def woo_sums(order: Json) -> None:
    """WooCommerce's own arithmetic: line totals are net, and everything adds up to `total`."""
    money = {
        name: Decimal(order[name]) for name in ("total", "total_tax", "cart_tax", "shipping_total", "shipping_tax")
    }
    lines, shipping = order["line_items"], order["shipping_lines"]
    goods = sum((Decimal(line["total"]) for line in lines), Decimal(0))
    assert money["total"] == goods + money["cart_tax"] + money["shipping_total"] + money["shipping_tax"]
    assert money["total_tax"] == money["cart_tax"] + money["shipping_tax"]
    assert money["cart_tax"] == sum(Decimal(line["total_tax"]) for line in lines)
    assert money["shipping_total"] == sum(Decimal(line["total"]) for line in shipping)
    before = sum((Decimal(line["subtotal"]) for line in lines), Decimal(0))
    assert Decimal(order["discount_total"]) == before - goods
    for line in lines:
        assert Decimal(line["total_tax"]) == sum(Decimal(tax["total"]) for tax in line["taxes"])
        assert abs(Decimal(str(line["price"])) * line["quantity"] - Decimal(line["total"])) < Decimal("0.01")
    for tax in order["tax_lines"]:
        parts = [each for line in lines for each in line["taxes"] if each["id"] == tax["rate_id"]]
        assert Decimal(tax["tax_total"]) == sum((Decimal(each["total"]) for each in parts), Decimal(0))


@pytest.mark.parametrize("included", [False, True])
def test_woocommerce_orders_add_up_to_the_cent(open_door: Open, included: bool) -> None:
    """WooCommerce REST v3: net totals, dates without offsets beside `_gmt`, numbers as its reference has them."""
    seed = web(format="woocommerce", taxes_included=included, discounted_share=0.5, products_count=50)
    door = open_door(sales_channels=(seed,))
    placed = door.control("sales-channels/web/orders", {"count": 40})["orders"]
    orders = [door.order(each["id"]) for each in placed]
    for order in orders:
        woo_sums(order)
        assert order["status"] == "processing"
        assert order["prices_include_tax"] is included
        assert "+" not in order["date_created_gmt"]
        assert order["date_created_gmt"] > order["date_created"]
    assert any(order["coupon_lines"] for order in orders)
    totals = {row["id"]: row["total"] for row in door.books()["sales_channels"]["web"]["orders"]}
    assert {str(order["id"]): order["total"] for order in orders} == totals


def test_woocommerce_edits_in_place_and_refunds_beside(open_door: Open) -> None:
    """An edit changes lines and total; a refund is a negative entry and changes neither."""
    door = open_door(sales_channels=(web(format="woocommerce"),))
    order_id = door.place(quantity=3)
    door.change(order_id, "edit", remove=[{"sku": "MUG-BLUE", "quantity": 1}])
    edited = door.order(order_id)
    woo_sums(edited)
    assert [line["quantity"] for line in edited["line_items"]] == [2]
    assert edited["refunds"] == []
    door.change(order_id, "refund", lines=[{"sku": "MUG-BLUE", "quantity": 1}])
    refunded = door.order(order_id)
    assert refunded["total"] == edited["total"]
    assert Decimal(refunded["refunds"][0]["total"]) < 0
    assert refunded["status"] == "processing"
    door.change(order_id, "refund")
    fully = door.order(order_id)
    assert fully["status"] == "refunded"
    assert -sum(Decimal(each["total"]) for each in fully["refunds"]) == Decimal(fully["total"])


@pytest.mark.parametrize(
    ("payment", "status", "method"), [("paid", "processing", "shopify_payments"), ("pending", "on-hold", "bacs")]
)
def test_woocommerce_states_follow_the_order(open_door: Open, payment: str, status: str, method: str) -> None:
    """On hold until a bank transfer arrives, then processing, completed when shipped; or cancelled."""
    door = open_door(sales_channels=(web(format="woocommerce"),))
    order_id = door.place(payment=payment)
    order = door.order(order_id)
    assert (order["status"], order["payment_method"]) == (status, method)
    assert (order["date_paid_gmt"] is None) is (payment == "pending")
    other = door.place()
    door.change(other, "cancel")
    assert door.order(other)["status"] == "cancelled"
    if payment == "pending":
        door.change(order_id, "pay")
    told(door, notice(door, order_id))
    assert door.order(order_id)["status"] == "completed"


# -- stock under each meaning of a figure (rules 9, 10) ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("semantics", "figure_after_sale", "figure_after_shipping"),
    [("available", 18, 18), ("on_hand", 20, 18), ("source_quantity", 20, 18)],
)
def test_what_a_shopper_sees_is_the_same_under_every_meaning(
    open_door: Open, semantics: str, figure_after_sale: int, figure_after_shipping: int
) -> None:
    """Rule 9: `available` is what is for sale; from the others the channel subtracts its own unshipped units."""
    door = open_door(sales_channels=(web(quantity_semantics=semantics, levels=TWENTY),))

    def figure() -> int:
        return int(next(row["figure"] for row in door.control("sales-channels/web/stock") if row["sku"] == "MUG-BLUE"))

    order_id = door.place(quantity=2)
    assert (figure(), shown(door)) == (figure_after_sale, 18)
    told(door, notice(door, order_id, quantity=2))
    assert (figure(), shown(door)) == (figure_after_shipping, 18)
    other = door.place(quantity=3)
    door.change(other, "cancel")
    assert shown(door) == 18


@pytest.mark.parametrize(("semantics", "seen"), [("available", 10), ("on_hand", 8), ("source_quantity", 8)])
def test_a_level_means_what_the_channel_says_it_means(open_door: Open, semantics: str, seen: int) -> None:
    """Rule 9: publishing 10 with two units unshipped shows 10, or 8."""
    door = open_door(sales_channels=(web(quantity_semantics=semantics, levels=TWENTY),))
    door.place(quantity=2)
    door.started(STOCK.id, {"levels": [level(available=10)]})
    assert shown(door) == seen


@pytest.mark.parametrize(("policy", "status", "beyond"), [("deny", 409, 0), ("continue", 200, 1)])
def test_the_last_unit_is_sold_once_unless_the_channel_goes_on_selling(
    open_door: Open, policy: str, status: int, beyond: int
) -> None:
    """Rule 10: units sold beyond what was there are counted."""
    door = open_door(sales_channels=(web(stock_policy=policy, levels=TWENTY),))
    door.place("LAMP-OAK")
    wish = {"lines": [{"sku": "LAMP-OAK", "quantity": 1}]}
    door.control("sales-channels/web/orders", wish, status=status)
    assert door.books()["sales_channels"]["web"]["sold_beyond_units"] == beyond


def test_late_and_repeated_levels_do_no_harm(door: Door) -> None:
    """Facts 11.3: absolute levels with a sequence; keys counted however often they come."""
    door.started(STOCK.id, {"levels": [level(available=5, sequence=7)]})
    door.started(STOCK.id, {"levels": [level(available=9, sequence=6)]})
    door.started(STOCK.id, {"levels": [level(available=5, sequence=7)]})
    assert shown(door) == 5
    counts = arrived(door, "stock")
    assert (counts["received"], counts["distinct"], counts["applied"]) == (3, 2, 1)
    assert (counts["stale"], counts["repeated"], counts["stale_overwrites"]) == (2, 1, 0)
    assert counts["keys"] == {"MUG-BLUE@MAIN#7": 2, "MUG-BLUE@MAIN#6": 1}


def test_a_channel_without_the_guard_lets_a_late_level_overwrite(open_door: Open) -> None:
    """The books count it, so that an observer sees who relies on order of delivery."""
    door = open_door(sales_channels=(web(sequence_guard=False),))
    door.started(STOCK.id, {"levels": [level(available=5, sequence=7)]})
    door.started(STOCK.id, {"levels": [level(available=9, sequence=6)]})
    assert shown(door) == 9
    assert arrived(door, "stock")["stale_overwrites"] == 1


def test_compare_and_set_fails_when_a_sale_came_between(open_door: Open) -> None:
    """Failure case 20: the write that believed 5 fails after a sale, and may be computed anew."""
    door = open_door(sales_channels=(web(compare_and_set=True, levels=(LevelSeed(sku="MUG-BLUE", quantity=5),)),))
    door.place(quantity=1)
    failed = attributes(door.started(STOCK.id, {"levels": [level(available=5, sequence=1, previous=5)]}))
    assert failed["status"] == 3
    assert "409" in failed["summary"]
    assert shown(door) == 4
    door.started(STOCK.id, {"levels": [level(available=3, sequence=2, previous=4)]})
    assert shown(door) == 3
    assert arrived(door, "stock")["conflict"] == 3, "the step tried three times"


def test_one_bad_sku_keeps_no_other_out(door: Door) -> None:
    """Failure case 21: 99 are written, one is refused, and the run says so."""
    levels = [level(f"SKU-{n}", n, sequence=n) for n in range(100)]
    levels[40]["available"] = -1
    run = attributes(door.started(STOCK.id, {"levels": levels}))
    assert run["status"] == 3
    assert arrived(door, "stock")["applied"] == 99


def test_levels_may_come_under_another_name(door: Door) -> None:
    """Facts 6: flows take {sku, location, quantity}."""
    door.started(STOCK.id, {"levels": [{"sku": "MUG-BLUE", "location": "LEEDS", "quantity": 41}]})
    assert door.control("sales-channels/web/stock") == [
        {"sku": "MUG-BLUE", "location": "LEEDS", "figure": 41, "shown": 41}
    ]


def test_a_shopkeeper_changes_a_figure_by_hand(door: Door) -> None:
    """A manual change at the sales channel, of which nobody is told."""
    door.control("sales-channels/web/stock", [{"sku": "MUG-BLUE", "quantity": 3}])
    assert shown(door) == 3
    assert arrived(door, "stock")["received"] == 0


# -- fulfilments (facts 11.4, rules 13, 14) ----------------------------------------------------------------------------


def test_a_fulfilment_reaches_its_order_with_carrier_and_tracking(door: Door) -> None:
    """Facts 11.4: lines, carrier, tracking; the order says how much is shipped."""
    order_id = door.place(quantity=3)
    told(door, notice(door, order_id, "FUL-1", 1))
    assert read(door, order_id).fulfilment_status is FulfilmentStatus.PARTIAL
    told(door, notice(door, order_id, "FUL-2", 2))
    assert read(door, order_id).fulfilment_status is FulfilmentStatus.SHIPPED
    first, second = door.order(order_id)["fulfillments"]
    assert first["tracking_company"] == "EVRI"
    assert (first["tracking_numbers"], second["tracking_urls"]) == (["H00FUL-1"], ["https://track.example/FUL-2"])
    assert arrived(door, "fulfilments") == {
        "received": 2,
        "distinct": 2,
        "applied": 2,
        "keys": {"FUL-1": 1, "FUL-2": 1},
    }


def test_many_shipments_travel_in_one_start(door: Door) -> None:
    """Settled: one start carries many shipments; each is a batch of its own."""
    notices = [notice(door, door.place(), f"FUL-{n}") for n in range(5)]
    told(door, *notices)
    assert arrived(door, "fulfilments")["distinct"] == 5


@pytest.mark.parametrize(("repeats", "fulfilments", "outcome"), [("ignore", 1, "repeated"), ("apply", 2, "applied")])
def test_a_repeat_is_counted_and_may_ship_again(open_door: Open, repeats: str, fulfilments: int, outcome: str) -> None:
    """Settled: proof of exactly-once is distinct keys at the receiving side."""
    door = open_door(sales_channels=(web(fulfilment_repeats=repeats),))
    order_id = door.place(quantity=2)
    for _ in range(2):
        told(door, notice(door, order_id))
    counts = arrived(door, "fulfilments")
    assert (counts["received"], counts["distinct"], counts["keys"]) == (2, 1, {"FUL-1": 2})
    assert counts[outcome] >= 1
    assert len(door.order(order_id)["fulfillments"]) == fulfilments


def test_more_than_was_ordered_is_never_shipped(door: Door) -> None:
    """Failure case 26: sums never above ordered; cancelled units count as not ordered."""
    order_id = door.place(quantity=3)
    door.change(order_id, "edit", remove=[{"sku": "MUG-BLUE", "quantity": 1}])
    run = told(door, notice(door, order_id, "FUL-1", 3))
    assert run["status"] == 3
    assert arrived(door, "fulfilments")["refused"] == 3, "the step tried three times"
    told(door, notice(door, order_id, "FUL-2", 2))
    assert door.order(order_id)["line_items"][0]["fulfillable_quantity"] == 0


def test_new_tracking_under_a_known_key_is_an_update(door: Door) -> None:
    """Rule 13: later tracking edits are updates, not repeats."""
    order_id = door.place()
    told(door, notice(door, order_id))
    told(door, notice(door, order_id, tracking=[{"number": "NEW"}]))
    (fulfilment,) = door.order(order_id)["fulfillments"]
    assert fulfilment["tracking_numbers"] == ["NEW"]
    assert arrived(door, "fulfilments")["updated"] == 1


@pytest.mark.parametrize(
    "change",
    [
        {"order": {"id": "999"}},
        {"order": {"id": "9" * 5_000}},
        {"lines": []},
        {"lines": [{"sku": "LAMP-OAK", "quantity": 1}]},
        {"lines": "none"},
    ],
)
def test_what_the_channel_cannot_place_fails_the_run(door: Door, change: Json) -> None:
    """An unknown order, no lines, an unknown line, and what is no fulfilment at all."""
    order_id = door.place()
    run = told(door, notice(door, order_id) | change)
    assert run["status"] == 3
    assert door.order(order_id)["fulfillments"] == []


def test_a_dedupe_shape_guards_against_repeats(open_door: Open) -> None:
    """Facts 6 and 11.4: de-dupe on entity fulfilments keys on the fulfilment's id."""
    flow = msgspec.structs.replace(SHIPPED, dedupe=Dedupe(pool="Fulfilments", key="fulfilment_id"))
    door = open_door(flows=(flow,), sales_channels=(web(fulfilment_repeats="apply"),))
    order_id = door.place(quantity=2)
    for _ in range(2):
        told(door, notice(door, order_id))
    assert arrived(door, "fulfilments")["received"] == 1


@pytest.mark.parametrize(("echoes", "deliveries"), [(False, 1), (True, 2)])
def test_what_we_write_may_come_back_as_an_update(open_door: Open, echoes: bool, deliveries: int) -> None:
    """Failure case 17: the channel fires orders/updated for a change that we caused."""
    door = open_door(sales_channels=(web(echoes=echoes),), flows=(ORDERS, SHIPPED))
    order_id = door.place()
    told(door, notice(door, order_id))
    assert len(door.receiver.got) == deliveries


def test_a_lost_answer_of_the_channel_makes_the_step_send_again(open_door: Open) -> None:
    """Facts 3.2: a possible repeat is counted at the receiving side."""
    rule = {"route": "sales_channel/web", "kind": "answer_lost", "probability": 1}
    door = open_door(faults=(rule,))
    run = attributes(door.started(STOCK.id, {"levels": [level()]}))
    assert run["status"] == 3
    assert arrived(door, "stock")["keys"] == {"MUG-BLUE@MAIN#1": 3}


# -- manifests and refusals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["order_ids", "listings", "stock_levels", "fulfilments"])
def test_a_channel_gives_manifests_of_what_it_has(open_door: Open, source: str) -> None:
    """Rules 14 and 10: order ids, what it offers, stock figures and fulfilments, for whoever compares."""
    flow = FlowSeed(id=1, sales_channel="web", source=source, send=Send(path="/v1/manifests/x/{sales_channel}"))  # type: ignore[arg-type]
    door = open_door(flows=(flow, SHIPPED), sales_channels=(web(levels=TWENTY),))
    order_id = door.place()
    told(door, notice(door, order_id))
    door.control("flows/1/run", {})
    door.settle()
    rows = door.receiver.got[0].json
    rows = rows if isinstance(rows, list) else [rows]
    found = {str(row.get("order_id", row.get("id", row.get("sku")))) for row in rows}
    assert found == ({order_id} if source not in ("stock_levels", "listings") else {MUG.sku, LAMP.sku})


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("sales-channels/none/orders", {}, 404),
        ("sales-channels/web/orders", {"count": 0}, 400),
        ("sales-channels/web/orders/1/cancel", {}, 404),
        ("clock", {"advance_s": -1}, 400),
        ("faults", [{"route": "*", "kind": "gremlin", "probability": 1}], 400),
        ("flows/99/run", {}, 404),
    ],
)
def test_a_control_that_makes_no_sense_is_refused(door: Door, path: str, body: Json, status: int) -> None:
    """House rule: nothing simulates success."""
    answer = door.session.post(f"{door.url}/sandbox/{path}", json=body, timeout=10)
    assert answer.status_code == status


def test_the_books_name_nobody(door: Door) -> None:
    """Product promise 9: what an observer reads holds no person."""
    order_id = door.place()
    text = str(door.books())
    person = door.order(order_id)["customer"]
    assert person["last_name"] not in text
    assert person["email"] not in text
