"""The Fulfil sandbox's shipments: states, holds, parcels, parts, drop shipments and pick-ups. A fact per test."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.door import Door, Json, Open, fixture_door, fixture_open_door, order, place

__all__ = ["fixture_door", "fixture_open_door"]

OUT, DROP = "stock.shipment.out", "stock.shipment.drop"
ORDER = "shop-100045"


@pytest.fixture(name="stocked")
def fixture_stocked(open_door: Open) -> Door:
    """A sandbox with goods in stock, and one order in processing."""
    door = open_door()
    stock(door)
    assert place(door).status_code == 200
    return door


def stock(door: Door) -> None:
    goods = [{"sku": "MUG-BLUE", "quantity": 20}, {"sku": "LAMP-OAK", "quantity": 20}]
    door.control("play", {"event": "receive", "goods": goods})


def play(door: Door, event: str, **more: Json) -> Json:
    return door.control("play", {"event": event, **more})


def refused(door: Door, event: str, **more: Json) -> str:
    response = door.session.post(f"{door.url}/sandbox/play", json={"event": event, **more}, timeout=10)
    assert response.status_code == 409
    return str(response.json()["error"])


def shipment(door: Door, fields: list[str], model: str = OUT) -> Json:
    (row,) = door.result(model, "search_read", [["state", "!=", "cancel"]], 0, 9, [["id", "ASC"]], fields)
    return row


def test_processing_makes_one_shipment_that_waits_for_allocation(stocked: Door) -> None:
    """Facts 8.1 and 8.7: number CS..., state waiting, its sales, channels and order numbers."""
    row = shipment(stocked, ["number", "state", "sales", "channels", "order_numbers", "customer.email", "rec_name"])
    assert row["number"] == f"CS{row['id']}" == row["rec_name"]
    assert (row["state"], row["channels"], row["order_numbers"]) == ("waiting", [3], "#100045")
    (sale,) = stocked.result("sale.sale", "read", row["sales"], ["shipments", "shipment_state", "state"])
    assert (sale["shipments"], sale["shipment_state"], sale["state"]) == ([row["id"]], "waiting", "processing")


def test_a_shipment_goes_through_its_states_by_methods(stocked: Door) -> None:
    """Facts 8.7 (D S3): waiting, assigned, packed, done; methods take [[ids]]."""
    id_ = shipment(stocked, ["state"])["id"]
    states = []
    for method, answer in (("assign_try", True), ("start_picking", None), ("done_picking", None), ("pack", None)):
        assert stocked.result(OUT, method, [id_]) is answer
        states.append(shipment(stocked, ["state", "picking_status"]))
    assert [row["state"] for row in states] == ["assigned", "assigned", "assigned", "packed"]
    assert [row["picking_status"] for row in states] == [None, "in-progress", "done", "done"]
    assert stocked.result(OUT, "done", [id_]) is None
    row = shipment(stocked, ["state", "effective_date", "write_date"])
    assert (row["state"], row["effective_date"]["__class__"]) == ("done", "date")
    assert row["write_date"] is not None


@pytest.mark.parametrize(
    ("before", "method", "status"),
    [
        ((), "pack", 400),
        ((), "done", 400),
        (("assign",), "wait", 200),
        (("assign",), "done", 400),
        (("assign", "pack"), "wait", 400),
        (("assign", "pack"), "cancel", 200),
        (("assign", "pack", "done"), "cancel", 400),
        (("cancel",), "draft", 200),
        (("cancel",), "assign", 400),
        (("cancel", "draft"), "wait", 200),
    ],
)
def test_only_the_known_transitions_are_allowed(
    stocked: Door, before: tuple[str, ...], method: str, status: int
) -> None:
    """Facts 8.7: the transitions of the ancestor; packed cannot be undone (D); a refusal is a UserError."""
    id_ = shipment(stocked, ["state"])["id"]
    for step in before:
        assert stocked.call(OUT, step, [id_]).status_code == 200
    response = stocked.call(OUT, method, [id_])
    assert response.status_code == status
    assert status == 200 or response.json()["type"] == "UserError"


def test_goods_that_are_not_there_are_not_assigned(door: Door) -> None:
    """Facts 8.7: assign_try answers false; assign refuses."""
    place(door)
    id_ = shipment(door, ["state"])["id"]
    assert door.result(OUT, "assign_try", [id_]) is False
    assert "not in stock" in door.call(OUT, "assign", [id_]).json()["message"]
    assert shipment(door, ["state"])["state"] == "waiting"


def test_assigning_several_is_all_or_nothing(open_door: Open) -> None:
    """Facts 13.8 (T): one transaction, all or nothing."""
    door = open_door()
    play(door, "receive", goods=[{"sku": "MUG-BLUE", "quantity": 3}, {"sku": "LAMP-OAK", "quantity": 3}])
    place(door, "a")
    place(door, "b")
    ids = door.result(OUT, "search", [])
    assert door.call(OUT, "assign", ids).status_code == 400
    assert door.result(OUT, "search_count", [["state", "=", "assigned"]]) == 0
    assert play(door, "allocate")["shipments"] == ids[:1]


def test_a_shipment_on_hold_is_neither_packed_nor_shipped(stocked: Door) -> None:
    """Facts 8.7 (F S9): hold([ids], note) and unhold([ids], note)."""
    id_ = shipment(stocked, ["state"])["id"]
    assert stocked.result(OUT, "hold", [id_], "address is being checked") is None
    assert shipment(stocked, ["on_hold"])["on_hold"] is True
    assert "on hold: address is being checked" in stocked.call(OUT, "assign", [id_]).json()["message"]
    assert "on hold" in refused(stocked, "ship", order=ORDER)
    assert stocked.result(OUT, "unhold", [id_], "fine") is None
    play(stocked, "ship", order=ORDER)
    assert stocked.call(OUT, "hold", [id_], "too late").status_code == 400


def test_tracking_is_a_record_and_its_text_one_dot_further(stocked: Door) -> None:
    """Facts 8.7 and 10.3: tracking_number is many2one; carrier and service come by dotted fields; parcels apart."""
    parcels = [
        {"tracking_number": "1Z999", "goods": [{"sku": "MUG-BLUE", "quantity": 2}]},
        {"tracking_number": "1Z998", "goods": [{"sku": "LAMP-OAK", "quantity": 1}]},
    ]
    play(stocked, "ship", order=ORDER, parcels=parcels)
    fields = ["tracking_number", "tracking_number.tracking_number", "carrier.rec_name", "carrier_service.code"]
    row = shipment(stocked, [*fields, "packages", "outgoing_moves", "inventory_moves", "moves"])
    assert isinstance(row["tracking_number"], int)
    assert row["tracking_number.tracking_number"] == "1Z999"
    assert (row["carrier.rec_name"], row["carrier_service.code"]) == ("ups", "ups_ground")
    packages = stocked.result(
        "stock.package", "read", row["packages"], ["moves", "shipment", "tracking_number.rec_name"]
    )
    assert [one["moves"] for one in packages] == [[id_] for id_ in row["outgoing_moves"]]
    assert [one["tracking_number.rec_name"] for one in packages] == ["1Z999", "1Z998"]
    assert set(row["moves"]) == {*row["outgoing_moves"], *row["inventory_moves"]}


def test_shipments_done_since_a_moment_are_found(stocked: Door) -> None:
    """Facts 10.3: state done, and write_date or create_date after a moment, ordered by both."""
    since = {"__class__": "datetime", "iso_string": "2026-11-20T00:00:00"}
    fresh = ["AND", ["write_date", "=", None], ["create_date", ">", since]]
    domain = ["AND", ["state", "=", "done"], ["OR", ["write_date", ">", since], fresh]]
    order_by = [["write_date", "ASC"], ["id", "ASC"]]
    assert stocked.result(OUT, "search_read", [domain], 0, 500, order_by, ["number"]) == []
    play(stocked, "ship", order=ORDER)
    assert len(stocked.result(OUT, "search_read", [domain], 0, 500, order_by, ["number"])) == 1


def test_labels_give_each_package_a_tracking_number(stocked: Door) -> None:
    """Facts 8.7 (D S3): add_remove_packages(id, n), compare_rates(id), generate labels(id), get labels([ids])."""
    id_ = shipment(stocked, ["state"])["id"]
    assert stocked.call(OUT, "generate_shipping_labels", id_).status_code == 400
    play(stocked, "allocate")
    assert len(stocked.result(OUT, "shipping_app_add_remove_packages", id_, 2)) == 2
    assert len(stocked.result(OUT, "shipping_app_compare_rates", id_)) == 2
    urls = stocked.result(OUT, "generate_shipping_labels", id_)
    assert len(urls) == 2
    assert stocked.result(OUT, "get_shipping_labels", [id_]) == {str(id_): urls}
    assert shipment(stocked, ["tracking_number"])["tracking_number"] is not None


def test_a_split_makes_a_second_shipment_for_the_rest(stocked: Door) -> None:
    """Facts 8.7 (F): [[{id, quantity}, ...], date] on one shipment; sums never exceed what was ordered."""
    row = shipment(stocked, ["outgoing_moves"])
    parts = [{"id": row["outgoing_moves"][0], "quantity": 1}]
    day = {"__class__": "date", "iso_string": "2026-12-01"}
    answer = stocked.ask("PUT", f"model/{OUT}/{row['id']}/split", [parts, day])
    assert answer.status_code == 200
    rows = stocked.result(OUT, "search_read", [], 0, 9, [["id", "ASC"]], ["total_quantity", "planned_date"])
    assert [one["total_quantity"] for one in rows] == [2.0, 1.0]
    assert rows[1]["planned_date"]["iso_string"] == "2026-12-01"
    too_much = [{"id": row["outgoing_moves"][0], "quantity": 9}]
    assert stocked.ask("PUT", f"model/{OUT}/{row['id']}/split", [too_much, None]).status_code == 400


def test_a_short_pick_leaves_the_rest_in_a_shipment_of_its_own_or_cancels_it(open_door: Open) -> None:
    """Rules 13 and 15: partial shipments; units that the warehouse cancelled and nobody refunded are seen."""
    for rest, quantities, state in (("backorder", [2.0, 1.0], "waiting"), ("cancel", [2.0], "exception")):
        door = open_door()
        stock(door)
        place(door)
        play(door, "short_pick", order=ORDER, sku="MUG-BLUE", found=1, rest=rest)
        rows = door.result(OUT, "search_read", [], 0, 9, [["id", "ASC"]], ["total_quantity"])
        assert [row["total_quantity"] for row in rows] == quantities
        play(door, "ship", shipment=rows[0]["id"])
        (sale,) = door.result("sale.sale", "search_read", [], 0, 1, None, ["state", "shipment_state"])
        assert (sale["state"], sale["shipment_state"]) == ("processing", state)


def test_a_shipment_may_serve_two_orders(stocked: Door) -> None:
    """Rules 13: shipments merge orders."""
    place(stocked, "second", reference="#2")
    ids = stocked.result(OUT, "search", [], 0, None, [["id", "ASC"]])
    play(stocked, "merge", shipment=ids[0], other=ids[1])
    row = shipment(stocked, ["sales", "order_numbers", "total_quantity"])
    assert (len(row["sales"]), row["order_numbers"], row["total_quantity"]) == (2, "#100045, #2", 6.0)
    play(stocked, "ship", shipment=ids[0])
    assert stocked.result("sale.sale", "search_count", [["state", "=", "done"]]) == 2


def test_a_pick_up_is_handed_over_and_a_drop_shipment_leaves_the_stock_alone(open_door: Open) -> None:
    """Facts 8.3 and 8.7: fulfil_strategy pick_up and dropship; delivery_mode; ship and done of a drop shipment."""
    door = open_door()
    stock(door)
    mug, lamp = order()["sale_lines"]
    place(door, sale_lines=[{**mug, "fulfil_strategy": "pick_up"}, {**lamp, "fulfil_strategy": "dropship"}])
    assert shipment(door, ["delivery_mode"])["delivery_mode"] == "pick_up"
    play(door, "hand_over", order=ORDER)
    (drop,) = door.result(DROP, "search", [["state", "=", "waiting"]])
    assert door.call(DROP, "done", [drop]).status_code == 400
    assert door.result(DROP, "ship", [drop]) is None
    assert shipment(door, ["state"], DROP)["state"] == "shipped"
    assert door.result(DROP, "done", [drop]) is None
    found = door.result("product.product", "get_product_inventory", [157, 158], [4])
    assert [found[id_]["4"]["quantity_on_hand"] for id_ in ("157", "158")] == [18.0, 20.0]
    assert door.result("sale.sale", "search_count", [["state", "=", "done"]]) == 1


def test_a_batch_holds_shipments_that_are_picked_together(stocked: Door) -> None:
    """Facts 8.7: stock.shipment.out.batch with name, warehouse, shipments, and open."""
    id_ = shipment(stocked, ["state"])["id"]
    values = {"name": "Monday", "warehouse": 4, "shipments": [["add", [id_]]]}
    (batch,) = stocked.result("stock.shipment.out.batch", "create", [values])
    assert stocked.result("stock.shipment.out.batch", "open", [batch]) is None
    assert shipment(stocked, ["shipping_batch.name"])["shipping_batch.name"] == "Monday"
    assert stocked.call("stock.shipment.out.batch", "create", [values]).status_code == 400


def test_shipments_are_not_created_by_hand_but_may_be_written(stocked: Door) -> None:
    """Facts 8.7: creating shipments directly is discouraged; a carrier may be changed until it is done."""
    assert stocked.call(OUT, "create", [{"warehouse": 4}]).status_code == 400
    (service,) = stocked.result("carrier.service", "search", [["code", "=", "ups_express"]])
    id_ = shipment(stocked, ["state"])["id"]
    assert stocked.result(OUT, "write", [id_], {"carrier_service": service}) is None
    assert shipment(stocked, ["carrier_service.code"])["carrier_service.code"] == "ups_express"
    play(stocked, "ship", order=ORDER)
    assert stocked.call(OUT, "write", [id_], {"carrier_service": None}).status_code == 400


def test_a_corrected_tracking_number_and_the_carriers_news_touch_the_shipment(stocked: Door) -> None:
    """Rules 13: later tracking edits are updates; facts 8.7: states of shipment.tracking."""
    play(stocked, "ship", order=ORDER, parcels=[{"tracking_number": "1Z1"}])
    before = shipment(stocked, ["write_date"])
    play(stocked, "advance", seconds=60)
    play(stocked, "retrack", shipment=before["id"], tracking_number="1Z2")
    play(stocked, "track", shipment=before["id"], state="delivered")
    row = shipment(stocked, ["write_date", "tracking_number.tracking_number", "tracking_number.state"])
    assert row["write_date"] != before["write_date"]
    assert (row["tracking_number.tracking_number"], row["tracking_number.state"]) == ("1Z2", "delivered")


def test_customer_shipment_is_an_alias_of_the_model(stocked: Door) -> None:
    """Facts 2 (F S7): some renamed underscore names are taken in v2, too."""
    rows: Any = stocked.ask("GET", "model/customer_shipment", params={"fields": "number"}).json()
    assert rows == [shipment(stocked, ["number"])]


def test_an_instance_method_is_a_class_method_of_one(stocked: Door) -> None:
    """Facts 2: /stock.shipment.out/5/cancel with no body."""
    id_ = shipment(stocked, ["state"])["id"]
    response = stocked.ask("PUT", f"model/{OUT}/{id_}/cancel")
    assert (response.status_code, response.json()) == (200, None)
    assert stocked.result(OUT, "search_count", [["state", "=", "cancel"]]) == 1
    assert stocked.ask("PUT", f"model/{OUT}/999999/cancel").status_code == 404
