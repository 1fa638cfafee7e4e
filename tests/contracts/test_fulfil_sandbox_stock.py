"""The Fulfil sandbox's stock: figures by location, reservations, counts. One fact per test, its source named."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.fulfil.sandbox import SandboxConfig, Warehouse
from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.calls import Calls
from connectors.fulfil.sandbox.config import ProductSeed
from connectors.fulfil.sandbox.operations import Operations
from connectors.fulfil.sandbox.order_document import read_order
from connectors.fulfil.sandbox.orders import place_order
from connectors.fulfil.sandbox.playing import Stage
from connectors.fulfil.sandbox.refusals import UserError
from connectors.fulfil.sandbox.script import (
    Allocate,
    AnyEvent,
    CancelShipment,
    Count,
    Pack,
    Receive,
    Ship,
    ShortPick,
)
from connectors.fulfil.sandbox.script import Goods as ScriptGoods
from connectors.fulfil.sandbox.shipments import open_moves
from runtime.clock import SystemClock
from tests.contracts.door import Door, Json, Open, fixture_door, fixture_open_door, order, place

__all__ = ["fixture_door", "fixture_open_door"]

MUG, LAMP, MAIN, SECOND = 157, 158, 4, 65
TWO_WAREHOUSES = (Warehouse(id=MAIN, name="Main", code="WH"), Warehouse(id=SECOND, name="Second", code="W2"))


def receive(door: Door, sku: str = "MUG-BLUE", quantity: int = 10, **more: Json) -> Json:
    return door.control("play", {"event": "receive", "goods": [{"sku": sku, "quantity": quantity}], **more})


def figures(door: Door, product: int = MUG, **context: Json) -> tuple[float, float]:
    """On hand and available, in a context."""
    fields, params = ["quantity_on_hand", "quantity_available"], {"context": json.dumps(context)}
    (row,) = door.result("product.product", "read", [product], fields, params=params)
    return row["quantity_on_hand"], row["quantity_available"]


def test_stock_fields_are_floats_and_follow_the_locations_context(open_door: Open) -> None:
    """Facts 8.5 and 12: several locations add up; without the context every location in scope is summed."""
    door = open_door(warehouses=TWO_WAREHOUSES)
    receive(door, quantity=10)
    receive(door, quantity=3, warehouse=SECOND)
    assert figures(door) == (13.0, 13.0)
    assert figures(door, locations=[MAIN]) == (10.0, 10.0)
    assert figures(door, locations=[SECOND]) == (3.0, 3.0)
    assert figures(door, locations=[MAIN, SECOND]) == (13.0, 13.0)
    assert isinstance(figures(door)[0], float)


def test_goods_that_go_to_another_warehouse_are_moves_of_that_moment(open_door: Open) -> None:
    """Facts 8.7: a stock.shipment.internal; only what lies free can go."""
    door = open_door(warehouses=TWO_WAREHOUSES)
    receive(door, quantity=10)
    place(door)
    goods = [{"sku": "MUG-BLUE", "quantity": 4}]
    transfer = {"event": "transfer", "goods": goods, "from_warehouse": MAIN, "to_warehouse": SECOND}
    (move,) = door.control("play", transfer)["moves"]
    assert (figures(door, locations=[MAIN]), figures(door, locations=[SECOND])) == ((6.0, 4.0), (4.0, 4.0))
    (row,) = door.result("stock.move", "read", [move], ["state", "shipment", "quantity"])
    assert (row["state"], row["shipment"], row["quantity"]) == ("done", None, 4.0)
    goods[0]["quantity"] = 7
    url = f"{door.url}/sandbox/play"
    assert door.session.post(url, json=transfer, timeout=10).status_code == 409


def test_a_zone_is_a_location_of_its_own(door: Door) -> None:
    """Facts 2: ids in `locations` may be warehouses or zones."""
    receive(door)
    (row,) = door.result("stock.location", "read", [MAIN], ["storage_location", "input_location"])
    assert figures(door, locations=[row["storage_location"]]) == (10.0, 10.0)
    assert figures(door, locations=[row["input_location"]])[0] == 0.0


def test_locations_that_are_no_list_of_ids_are_malformed(door: Door) -> None:
    """Facts 5: malformed arguments are a server error."""
    params = {"context": '{"locations": "main"}'}
    assert door.call("product.product", "read", [MUG], ["quantity_on_hand"], params=params).status_code == 500


def test_a_processed_sale_reserves_and_a_shipped_one_takes(door: Door) -> None:
    """Facts 8.5: available is on hand less what is promised; on hand changes when the goods leave."""
    receive(door)
    place(door)
    assert figures(door) == (10.0, 8.0)
    receive(door, "LAMP-OAK", 1)
    door.control("play", [{"event": "pack", "order": "shop-100045"}])
    assert figures(door) == (10.0, 8.0)
    door.control("play", [{"event": "ship", "order": "shop-100045"}])
    assert figures(door) == (8.0, 8.0)


def test_what_was_packed_and_given_up_can_be_assigned_again(door: Door) -> None:
    """Facts 8.7: a packed shipment may be cancelled; its goods are back in the storage."""
    door.control("play", {"event": "receive", "goods": [{"sku": "MUG-BLUE", "quantity": 2}]})
    receive(door, "LAMP-OAK", 1)
    place(door)
    events = [{"event": "pack", "order": "shop-100045"}, {"event": "cancel_shipment", "order": "shop-100045"}]
    door.control("play", events)
    place(door, "second")
    assert len(door.control("play", {"event": "allocate"})["shipments"]) == 1


def test_more_promised_than_there_is_makes_available_negative(door: Door) -> None:
    """Product, stock in full: the negative truth is kept."""
    place(door)
    assert figures(door) == (0.0, -2.0)


@pytest.mark.parametrize("status", ["completed", "cancelled"])
def test_an_order_that_is_past_or_cancelled_reserves_nothing(door: Door, status: str) -> None:
    """Rules 3 and 8: history ships nothing; only processing reserves."""
    receive(door)
    place(door, status=status)
    assert figures(door) == (10.0, 10.0)
    assert door.result("stock.shipment.out", "search_count", []) == 0


def test_inbound_and_outbound_are_told_apart(door: Door) -> None:
    """Facts 8.5: quantity_inbound and quantity_outbound (outbound, not outgoing)."""
    place(door)
    (row,) = door.result("product.product", "read", [MUG], ["quantity_inbound", "quantity_outbound"])
    assert (row["quantity_inbound"], row["quantity_outbound"]) == (0.0, 2.0)


def test_get_product_inventory_answers_figures_by_product_and_location(open_door: Open) -> None:
    """Facts 8.5 and 10.4: ids are keys, and so texts."""
    door = open_door(warehouses=TWO_WAREHOUSES)
    receive(door)
    place(door)
    nothing = {"quantity_on_hand": 0.0, "quantity_available": 0.0}
    found = door.result("product.product", "get_product_inventory", [MUG, LAMP], [MAIN, SECOND])
    assert found == {
        "157": {"4": {"quantity_on_hand": 10.0, "quantity_available": 8.0}, "65": nothing},
        "158": {"4": {"quantity_on_hand": 0.0, "quantity_available": -1.0}, "65": nothing},
    }


def test_stock_of_many_skus_comes_in_one_search(door: Door) -> None:
    """Facts 10.4: search_read by code with both figures."""
    receive(door)
    fields = ["code", "quantity_on_hand", "quantity_available"]
    rows = door.result(
        "product.product", "search_read", [["code", "in", ["MUG-BLUE"]]], 0, 500, [["id", "ASC"]], fields
    )
    assert rows == [{"id": MUG, "code": "MUG-BLUE", "quantity_on_hand": 10.0, "quantity_available": 10.0}]


def test_warehouse_quantities_and_the_stock_report_tell_the_same(door: Door) -> None:
    """Facts 8.5 (F S10): an object with data; an interactive report with columns and data."""
    receive(door)
    (row,) = door.result("product.product", "read", [MUG], ["warehouse_quantities"])
    (level,) = row["warehouse_quantities"]["data"]
    assert (level["location_name"], level["quantity_available"]) == ("Main", 10.0)
    report = door.result("inventory.by_warehouse.report", "execute", {})
    assert [(one["product_code"], one["quantity_on_hand"]) for one in report["data"]] == [("MUG-BLUE", 10.0)]
    assert report["columns"][0]["name"] == "product_code"


def test_a_location_tells_the_figure_of_the_contexts_product(door: Door) -> None:
    """Facts 8.5: stock.location has quantity_on_hand with the context's product."""
    receive(door)
    params = {"context": json.dumps({"product": MUG})}
    (row,) = door.result("stock.location", "read", [MAIN], ["quantity_on_hand", "type"], params=params)
    assert (row["quantity_on_hand"], row["type"]) == (10.0, "warehouse")


def test_a_stock_count_is_created_completed_and_confirmed(door: Door) -> None:
    """Facts 8.5 (D S3): stock.inventory with lines, then complete and confirm with [[id]]."""
    receive(door)
    lost_found = door.result("stock.location", "search", [["type", "=", "lost_found"]])[0]
    day = {"__class__": "date", "iso_string": "2026-11-20"}
    count = {"location": MAIN, "lost_found": lost_found, "type": "cycle", "date": day}
    lines = [["create", [{"product": MUG, "quantity": 7}]]]
    (made,) = door.result("stock.inventory", "create", [{**count, "lines": lines}])
    assert door.result("stock.inventory", "complete", [made]) is None
    (line,) = door.result("stock.inventory.line", "search_read", [], None, None, None, ["expected_quantity"])
    assert line["expected_quantity"] == 10.0
    assert figures(door) == (10.0, 10.0)
    assert door.result("stock.inventory", "confirm", [made]) is None
    assert figures(door) == (7.0, 7.0)
    (move,) = door.result("stock.move", "search_read", [["to_location", "=", lost_found]], 0, 9, None, ["quantity"])
    assert move["quantity"] == 3.0
    assert door.call("stock.inventory", "confirm", [made]).status_code == 400


def test_a_move_names_its_shipment_and_its_sale_line_by_reference(door: Door) -> None:
    """Facts 4 and 8.5: references are "model,id"; a domain through one needs the model as 4th element."""
    made = place(door).json()["id"]
    clause = ["shipment.state", "=", "waiting", "stock.shipment.out"]
    fields = ["shipment", "origin", "state", "quantity"]
    rows = door.result("stock.move", "search_read", [clause], 0, 10, [["id", "ASC"]], fields)
    (sale,) = door.result("sale.sale", "read", [made], ["lines", "shipments"])
    assert [row["origin"] for row in rows] == [f"sale.line,{id_}" for id_ in sale["lines"][:2]]
    assert {row["shipment"] for row in rows} == {f"stock.shipment.out,{sale['shipments'][0]}"}
    assert door.call("stock.move", "search", [["shipment.state", "=", "waiting"]]).status_code == 500


def test_a_listing_finds_the_product_of_a_variant_and_is_unique(door: Door) -> None:
    """Facts 8.3 and 8.4: lines are matched by SKU, then by listings' variant_identifier; unique by channel."""
    listing = {"channel": 3, "product": MUG, "product_identifier": "gid-1"}
    door.result("product.product.channel_listing", "create", [listing])
    line = {"variant_identifier": "gid-1", "quantity": 1, "unit_price": "139.32", "amount": "139.32"}
    assert place(door, sale_lines=[line]).status_code == 200
    again = door.call("product.product.channel_listing", "create", [listing])
    assert "unique" in again.json()["message"]
    assert place(door, "b", sale_lines=[{**line, "variant_identifier": "gid-2"}]).status_code == 400


QUANTITIES = st.integers(1, 6)
EVENTS: st.SearchStrategy[AnyEvent] = st.one_of(
    st.builds(lambda n: Receive(goods=(ScriptGoods(sku="MUG-BLUE", quantity=Decimal(n)),)), QUANTITIES),
    st.builds(lambda n: Count(sku="MUG-BLUE", quantity=Decimal(n)), QUANTITIES),
    st.just(Allocate()),
    *(
        st.builds(event, order=st.sampled_from(["o-0", "o-1", "o-2"]))
        for event in (Pack, Ship, CancelShipment, Allocate)
    ),
    st.builds(
        lambda name, n, rest: ShortPick(order=name, sku="MUG-BLUE", found=Decimal(n), rest=rest),
        st.sampled_from(["o-0", "o-1", "o-2"]),
        st.integers(0, 3),
        st.sampled_from(["cancel", "backorder"]),
    ),
)


@settings(max_examples=120, deadline=None)
@given(sizes=st.lists(QUANTITIES, min_size=3, max_size=3), events=st.lists(EVENTS, max_size=14))
def test_the_figures_are_the_sums_of_the_moves_whatever_happens(sizes: list[int], events: list[AnyEvent]) -> None:
    """Facts 8.5: on hand is what done moves left there; outbound is what open moves will take; nothing is lost."""
    books = Books(SandboxConfig(), SystemClock())
    books.add_products([ProductSeed(sku="MUG-BLUE", stock=Decimal(4))])
    for number, size in enumerate(sizes):
        line = {"sku": "MUG-BLUE", "quantity": size, "unit_price": "1", "amount": str(size)}
        changes = {"sale_lines": [line], "shipping_lines": [], "payments": [], "amount": str(size)}
        body = json.dumps([3, order(f"o-{number}", **changes)]).encode()
        place_order(books, *read_order(body), body)
    stage = Stage(Operations(books, Calls()))
    for event in events:
        try:
            stage.play(event)
        except UserError:
            continue
    stock, inside = books.stock, set(books.stock.zones(MAIN))
    moves = list(stock.moves)
    came = sum(m.quantity for m in moves if m.state == "done" and m.to_location in inside)
    went = sum(m.quantity for m in moves if m.state == "done" and m.from_location in inside)
    owed = sum(m.quantity for m in moves if m.state in ("draft", "assigned") and m.to_location == 2)
    assert stock.on_hand(MUG) == came - went
    assert stock.outbound(MUG) == owed
    packed = [one for one in books.shipments["stock.shipment.out"] if one.state == "packed"]
    assert stock.level(MUG, stock.zones(MAIN)[1]) == sum(m.quantity for one in packed for m in open_moves(books, one))
    for sale in books.sales:
        (line,) = books.lines_of(sale)
        to_customer = [stock.moves[id_] for id_ in line.moves if stock.moves[id_].state != "cancel"]
        assert sum(move.quantity for move in to_customer) <= line.quantity
