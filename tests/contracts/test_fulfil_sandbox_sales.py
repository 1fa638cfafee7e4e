"""The Fulfil sandbox's sales: their life, edits up to the gate, and returns. One fact per test, its source named."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from connectors.fulfil.sandbox import SandboxConfig
from tests.contracts.door import Door, Json, Open, amount, fixture_door, fixture_open_door, order, place, sale

__all__ = ["fixture_door", "fixture_open_door"]

ORDER = "shop-100045"
OUT = "stock.shipment.out"


def play(door: Door, event: str, **more: Json) -> Json:
    return door.control("play", {"event": event, **more})


def stocked(door: Door) -> Door:
    goods = [{"sku": "MUG-BLUE", "quantity": 20}, {"sku": "LAMP-OAK", "quantity": 20}]
    play(door, "receive", goods=goods)
    return door


def read(door: Door, id_: int, *fields: str) -> Json:
    (row,) = door.result("sale.sale", "read", [id_], list(fields))
    return row


def shipped(door: Door) -> int:
    """An order that has been shipped whole; its sale's id."""
    stocked(door)
    made = int(place(door).json()["id"])
    play(door, "ship", order=ORDER)
    return made


# -- a sale's life (facts 8.1) -----------------------------------------------------------------------------------------


def test_a_sale_is_done_when_all_its_items_are_fulfilled(door: Door) -> None:
    """Facts 8.1 (D S3): processing makes shipments and invoices; all items fulfilled moves the sale to done."""
    stocked(door)
    made = place(door).json()["id"]
    fields = ("state", "shipment_state", "invoice_state", "has_return")
    before = read(door, made, *fields)
    assert (before["state"], before["shipment_state"], before["invoice_state"]) == ("processing", "waiting", "none")
    play(door, "ship", order=ORDER)
    after = read(door, made, *fields)
    assert (after["state"], after["shipment_state"], after["invoice_state"]) == ("done", "sent", "paid")
    assert after["has_return"] is False


def test_a_plain_sale_reserves_nothing_before_it_is_processed(door: Door) -> None:
    """Facts 8.1 and rules 8: draft, quotation and confirmed have no moves."""
    (party,) = door.result("party.party", "create", [{"name": "Ada Moss"}])
    line = {"product": 157, "quantity": 2, "unit_price": amount("24.50")}
    values = {"channel": 3, "party": party, "lines": [["create", [line]]]}
    (made,) = door.result("sale.sale", "create", [values])
    for method in ("quote", "confirm"):
        assert door.result("sale.sale", method, [made]) is None
        assert door.result("stock.move", "search_count", []) == 0
    door.result("sale.sale", "process", [made])
    assert door.result("stock.move", "search_count", []) == 1
    door.result("sale.sale", "process", [made])
    assert door.result("stock.move", "search_count", []) == 1


def test_a_transition_of_several_sales_is_all_or_nothing(door: Door) -> None:
    """Facts 13.8 (T): one transaction."""
    (party,) = door.result("party.party", "create", [{"name": "Ada Moss"}])
    line = {"product": 157, "quantity": 2, "unit_price": amount("24.50")}
    lines = [["create", [line]]]
    ids = door.result(
        "sale.sale", "create", [{"channel": 3, "party": party, "lines": lines}, {"channel": 3, "party": party}]
    )
    assert door.call("sale.sale", "quote", ids).status_code == 400
    assert door.result("sale.sale", "search_count", [["state", "=", "draft"]]) == 2


def test_asynchronous_processing_reserves_later(open_door: Open) -> None:
    """Rules 8: processing may be asynchronous; until then the sale is confirmed and has no moves."""
    door = stocked(open_door(processing="asynchronous", processing_delay_s=30))
    answer = place(door).json()
    assert answer["state"] == "confirmed"
    assert door.result("stock.move", "search_count", [["origin", "!=", None]]) == 0
    play(door, "advance", seconds=29)
    assert read(door, answer["id"], "state")["state"] == "confirmed"
    play(door, "advance", seconds=2)
    row = read(door, answer["id"], "state", "write_date")
    assert row["state"] == "processing"
    assert row["write_date"] is not None
    place(door, "hurried")
    assert play(door, "process", order="hurried") == {"processed": 1}
    assert sale(door, "hurried")["state"] == "processing"


def test_process_answers_an_async_result_that_can_be_asked_for(open_door: Open) -> None:
    """Facts 2 (C): {"__class__": "AsyncResult", task_id, token}; POST /async-result tells state and result."""
    door = stocked(open_door(processing="asynchronous"))
    (party,) = door.result("party.party", "create", [{"name": "Ada Moss"}])
    line = {"product": 157, "quantity": 2, "unit_price": amount("24.50")}
    (made,) = door.result("sale.sale", "create", [{"channel": 3, "party": party, "lines": [["create", [line]]]}])
    for method in ("quote", "confirm"):
        door.result("sale.sale", method, [made])
    task = door.result("sale.sale", "process", [made])
    assert task["__class__"] == "AsyncResult"

    def ask(token: str) -> Json:
        body = {"tasks": [[task["task_id"], token]]}
        return door.ask("POST", "async-result", body).json()["tasks"][0]

    assert ask(task["token"]) == {"state": "PENDING", "result": None}
    play(door, "advance", seconds=60)
    assert ask(task["token"]) == {"state": "SUCCESS", "result": None}
    assert "error" in ask("guessed")
    assert read(door, made, "state")["state"] == "processing"


def test_services_and_shipping_lines_are_not_shipped(door: Door) -> None:
    """Facts 8.2 and 8.4: a service has no move; a sale of services alone is done once it is processed."""
    door.control("products", [{"sku": "GIFT-CARD", "type": "service"}])
    line = {"sku": "GIFT-CARD", "quantity": 1, "unit_price": "139.32", "amount": "139.32"}
    made = place(door, sale_lines=[line]).json()
    assert (made["state"], read(door, made["id"], "shipments")["shipments"]) == ("done", [])


# -- changes after the import (facts 8.3, 13.8; rules 16) --------------------------------------------------------------


def test_a_written_line_changes_what_is_shipped_up_to_the_gate(open_door: Open) -> None:
    """Facts 13.8 and rules 16: the gate is picked, batched or invoiced; shipments follow the lines."""
    door = stocked(open_door(line_write_after_confirm="accept"))
    place(door)
    (mug,) = door.result("sale.line", "search", [["channel_identifier", "=", "L1"]])
    for quantity, outbound in ((1, 1.0), (5, 5.0), (0, 0.0), (2, 2.0)):
        assert door.result("sale.line", "write", [mug], {"quantity": quantity}) is None
        (row,) = door.result("product.product", "read", [157], ["quantity_outbound"])
        assert row["quantity_outbound"] == outbound
    play(door, "pick", order=ORDER, ends=False)
    assert "picked" in door.call("sale.line", "write", [mug], {"quantity": 1}).json()["message"]
    assert door.call("sale.line", "write", [mug], {"quantity": 3}).status_code == 200
    quantities = door.result(OUT, "search_read", [], 0, 9, [["id", "ASC"]], ["total_quantity"])
    assert [row["total_quantity"] for row in quantities] == [3.0, 1.0]


def test_children_are_written_and_deleted_by_commands_of_their_sale(door: Door) -> None:
    """Facts 4 (T): create, write and delete, several commands in one field; a child of another sale is refused."""
    (party,) = door.result("party.party", "create", [{"name": "Ada Moss"}])
    mug, lamp = ({"product": id_, "quantity": 1, "unit_price": amount("10.00")} for id_ in (157, 158))
    first, second = door.result(
        "sale.sale", "create", [{"channel": 3, "party": party, "lines": [["create", [mug, lamp]]]} for _ in range(2)]
    )
    kept, dropped = read(door, first, "lines")["lines"]
    commands = [["write", [kept], {"quantity": 3}], ["delete", [dropped]], ["create", [lamp]]]
    assert door.result("sale.sale", "write", [first], {"lines": commands}) is None
    row = read(door, first, "lines", "total_amount")
    assert (len(row["lines"]), row["total_amount"]) == (2, amount("40.00"))
    assert dropped not in row["lines"]
    stranger = {"lines": [["write", [kept], {"quantity": 9}]]}
    assert "another" in door.call("sale.sale", "write", [second], stranger).json()["message"]
    assert door.call("sale.sale", "write", [second], {"lines": [["copy", [kept]]]}).status_code == 400


def test_a_line_of_a_processed_sale_is_emptied_and_takes_no_other_product(open_door: Open) -> None:
    """Rules 16: an edit before the gate is applied, and shipments follow; ours: a product is not exchanged in place."""
    door = stocked(open_door(line_write_after_confirm="accept"))
    made = place(door).json()["id"]
    (mug,) = door.result("sale.line", "search", [["channel_identifier", "=", "L1"]])
    assert "no other product" in door.call("sale.line", "write", [mug], {"product": 158}).json()["message"]
    assert door.result("sale.sale", "write", [made], {"lines": [["delete", [mug]]]}) is None
    (row,) = door.result("product.product", "read", [157], ["quantity_outbound"])
    assert row["quantity_outbound"] == 0.0
    assert sale(door)["lines"][0]["quantity"] == "0"
    assert door.call("sale.sale", "write", [made], {"currency": 999}).status_code == 400


def test_a_batched_or_invoiced_line_is_behind_the_gate(open_door: Open) -> None:
    """Rules 16: batched and invoiced; facts 8.3 (D S4): a price change on an invoiced line is refused."""
    base = SandboxConfig().channels[0]
    door = stocked(open_door(line_write_after_confirm="accept"))
    place(door)
    (id_,) = door.result(OUT, "search", [])
    play(door, "batch", name="Monday", shipments=[id_])
    (mug,) = door.result("sale.line", "search", [["channel_identifier", "=", "L1"]])
    assert door.call("sale.line", "write", [mug], {"quantity": 1}).status_code == 400
    channels = (msgspec.structs.replace(base, invoice_method="order"),)
    door = stocked(open_door(line_write_after_confirm="accept", channels=channels))
    place(door)
    (mug,) = door.result("sale.line", "search", [["channel_identifier", "=", "L1"]])
    assert "price" in door.call("sale.line", "write", [mug], {"unit_price": amount("1")}).json()["message"]
    assert door.call("sale.line", "write", [mug], {"quantity": 1}).status_code == 400


def test_a_keyed_update_reduces_shipments_and_is_refused_behind_the_gate(open_door: Open) -> None:
    """Facts 8.3 (D S4): quantity_canceled reduces or cancels; settled: a keyed upsert is one way to amend."""
    door = stocked(open_door(repeat_with_change="update"))
    place(door)
    change = {
        "channel_identifier": ORDER,
        "sale_lines": [{"channel_identifier": "L1", "quantity_canceled": 1, "tax_lines": []}],
    }
    assert door.call("sale.channel", "create_order", 3, change).status_code == 200
    (row,) = door.result("product.product", "read", [157], ["quantity_outbound"])
    assert row["quantity_outbound"] == 1.0
    play(door, "pick", order=ORDER)
    again = {**change, "reference": "changed"}
    assert door.call("sale.channel", "create_order", 3, again).status_code == 400


def test_history_is_never_shipped_by_a_later_change(open_door: Open) -> None:
    """Rules 3: back-fill never ships history; a cancelled order takes no update."""
    door = stocked(open_door(repeat_with_change="update"))
    made = place(door, status="completed").json()["id"]
    change = {"channel_identifier": ORDER, "sale_lines": [{"channel_identifier": "L1", "quantity": 5, "tax_lines": []}]}
    assert door.call("sale.channel", "create_order", 3, change).status_code == 200
    assert door.result("sale.sale", "process", [made]) is None
    assert (read(door, made, "state")["state"], door.result(OUT, "search_count", [])) == ("done", 0)
    place(door, "gone", status="cancelled")
    assert door.call("sale.channel", "create_order", 3, {**change, "channel_identifier": "gone"}).status_code == 400


def test_a_line_changed_by_hand_is_seen_in_the_books(door: Door) -> None:
    """Ours: the desk may change a line whatever the API allows, up to the gate."""
    stocked(door)
    place(door)
    play(door, "change_line", order=ORDER, sku="MUG-BLUE", quantity=1)
    assert sale(door)["lines"][0] == {"sku": "MUG-BLUE", "quantity": "1", "amount": "24.50"}


@pytest.mark.parametrize("switch", ["refuse", "unshipped"])
def test_cancelling_past_quotation_follows_the_switch(open_door: Open, switch: str) -> None:
    """Facts 8.1 and 13.8: the classic cancel is refused; Fulfil's own rule may be wider."""
    door = stocked(open_door(cancel_after_confirm=switch))
    made = place(door).json()["id"]
    response = door.call("sale.sale", "cancel", [made])
    assert response.status_code == {"refuse": 400, "unshipped": 200}[switch]
    (row,) = door.result("product.product", "read", [157], ["quantity_outbound"])
    assert row["quantity_outbound"] == {"refuse": 2.0, "unshipped": 0.0}[switch]
    place(door, "b")
    play(door, "pack", order="b")
    assert (
        door.call(
            "sale.sale", "cancel", [door.result("sale.sale", "search", [["channel_identifier", "=", "b"]])[0]]
        ).status_code
        == 400
    )


# -- returns (facts 8.10) ----------------------------------------------------------------------------------------------


def give_back(door: Door, made: int, **changes: Json) -> Any:
    line = read(door, made, "lines")["lines"][0]
    body = {
        "channel_identifier": "return-1",
        "reference": "#R1",
        "lines": [{"order_line_id": line, "return_quantity": 1, "return_reason": "too blue"}],
        **changes,
    }
    return door.ask("PUT", f"model/sale.sale/{made}/return_order", [body])


def test_a_return_is_a_sale_with_negative_lines_and_a_shipment_that_waits(door: Door) -> None:
    """Facts 8.10: has_return, negative lines; the reason is created when it is new."""
    made = shipped(door)
    answer = give_back(door, made)
    assert answer.status_code == 200
    row = read(door, answer.json()["id"], "has_return", "total_amount", "lines", "shipment_returns", "state", "origin")
    assert (row["has_return"], row["origin"]) == (True, f"sale.sale,{made}")
    assert row["total_amount"] == amount("-26.46")
    (line,) = door.result("sale.line", "read", row["lines"], ["quantity", "return_reason.name"])
    assert (line["quantity"], line["return_reason.name"]) == (-1.0, "too blue")
    (product,) = door.result("product.product", "read", [157], ["quantity_on_hand", "quantity_inbound"])
    assert (product["quantity_on_hand"], product["quantity_inbound"]) == (18.0, 1.0)


def test_the_same_return_key_any_number_of_times_is_one_return(door: Door) -> None:
    """Facts 8.10 and 9.4: channel_identifier is the idempotency key of the return."""
    made = shipped(door)
    answers = [give_back(door, made).json()["id"] for _ in range(3)]
    assert len(set(answers)) == 1
    assert door.result("sale.sale", "search_count", [["has_return", "=", True]]) == 1
    assert give_back(door, made, channel_identifier=ORDER).status_code == 400


def test_a_return_quantity_defaults_to_what_can_be_returned_and_never_exceeds_it(door: Door) -> None:
    """Facts 8.10: return_quantity defaults to the returnable quantity; failure case 26: sums never exceed."""
    made = shipped(door)
    line = read(door, made, "lines")["lines"][0]
    whole = give_back(door, made, lines=[{"order_line_id": line}]).json()["id"]
    assert read(door, whole, "total_amount")["total_amount"] == amount("-52.92")
    assert give_back(door, made, channel_identifier="return-2").status_code == 400


def test_restock_follows_the_receipt_of_a_return(door: Door) -> None:
    """Rules 17: restock follows the receipt, not the refund; facts 8.7: receive and done."""
    made = shipped(door)
    returned = give_back(door, made).json()["id"]
    (id_,) = read(door, returned, "shipment_returns")["shipment_returns"]
    assert door.result("stock.shipment.out.return", "receive", [id_]) is None
    (row,) = door.result("product.product", "read", [157], ["quantity_on_hand"])
    assert row["quantity_on_hand"] == 18.0
    assert door.result("stock.shipment.out.return", "done", [id_]) is None
    (row,) = door.result("product.product", "read", [157], ["quantity_on_hand"])
    assert row["quantity_on_hand"] == 19.0
    assert read(door, returned, "state")["state"] == "done"


def test_an_exchange_ships_a_replacement(door: Door) -> None:
    """Facts 8.10: exchange_* ships a replacement."""
    made = shipped(door)
    line = read(door, made, "lines")["lines"][0]
    exchange = {"order_line_id": line, "return_quantity": 1, "exchange_quantity": 1, "exchange_product": 158}
    returned = give_back(door, made, lines=[exchange]).json()["id"]
    row = read(door, returned, "shipments", "shipment_returns", "total_amount")
    assert (len(row["shipments"]), len(row["shipment_returns"])) == (1, 1)
    play(door, "ship", shipment=row["shipments"][0])
    play(door, "receive_return", order=ORDER)
    assert read(door, returned, "state")["state"] == "done"


def test_what_was_not_shipped_cannot_be_returned(door: Door) -> None:
    """Rules 17: the refund of an unshipped line reduces the sale instead."""
    stocked(door)
    made = place(door).json()["id"]
    assert "can be returned" in give_back(door, made).json()["message"]


def test_the_return_wizard_of_the_ancestor_returns_the_whole_sale(door: Door) -> None:
    """Facts 2 and 8.10 (T): the three calls of a wizard, without a context in the query."""
    made = shipped(door)
    session, start, end = door.ask("PUT", "wizard/sale.return_sale/create", [{}]).json()
    view = door.ask("PUT", "wizard/sale.return_sale/execute", [session, {}, start, {"active_ids": [made]}]).json()
    assert view == {"view": {"state": "start", "defaults": {"channel_identifier": None}}}
    body = [session, {"start": {"channel_identifier": None}}, "return_", {"active_ids": [made]}]
    ((action, found),) = door.ask("PUT", "wizard/sale.return_sale/execute", body).json()["actions"]
    assert (action, end) == ("open_sale", "end")
    assert read(door, found["res_ids"][0], "has_return")["has_return"] is True
    assert door.ask("PUT", "wizard/sale.return_sale/delete", [session, {}]).json() is None
    assert door.ask("PUT", "wizard/no.such/create", [{}]).status_code == 404


# -- the channel integration API (facts 8.3, D S4) ---------------------------------------------------------------------


def knock(door: Door, verb: str, path: str, body: Json = None, who: str = "sandbox-token:3") -> Any:
    url, headers = f"{door.url}/services/channels/v1/{path}", {"Authorization": f"Bearer {who}"}
    return door.session.request(verb, url, json=body, headers=headers, timeout=10)


def test_the_channel_api_takes_an_array_and_updates_named_lines(open_door: Open) -> None:
    """Facts 8.3 (D S4): an array of orders; the create call again with named lines is an update."""
    door = stocked(open_door(channel_orders_verb="PUT", channel_orders_path="orders"))
    (made,) = knock(door, "PUT", "orders", [order()]).json()
    cancel = {"channel_identifier": "L1", "quantity_canceled": 1, "tax_lines": []}
    (again,) = knock(door, "PUT", "orders", [{"channel_identifier": ORDER, "sale_lines": [cancel]}]).json()
    assert again["id"] == made["id"]
    assert [one["quantity"] for one in sale(door)["lines"]] == ["1", "1"]
    assert knock(door, "PUT", "orders", [order("x", amount="1")]).status_code == 400
    assert knock(door, "PUT", "orders", order()).status_code == 400
    assert knock(door, "PUT", "orders", [order()], who="sandbox-token").status_code == 401


def test_fulfillments_of_an_order_are_an_array_or_404(open_door: Open) -> None:
    """Facts 8.3 (D S4): empty until the order is processed; 404 for another channel's order."""
    base = SandboxConfig().channels[0]
    channels = (base, msgspec.structs.replace(base, id=8, code="second"))
    door = stocked(open_door(channels=channels, processing="asynchronous"))
    (made,) = knock(door, "POST", "orders.json", [order()]).json()
    path = f"orders/{made['id']}/fulfillments.json"
    assert knock(door, "GET", path).json() == []
    play(door, "process")
    play(door, "ship", order=ORDER, parcels=[{"tracking_number": "1Z1"}])
    (shipment,) = knock(door, "GET", path).json()
    assert (shipment["state"], shipment["tracking_numbers"]) == ("done", ["1Z1"])
    assert [line["channel_identifier"] for line in shipment["lines"]] == ["L1", "L2"]
    assert knock(door, "GET", path, who="sandbox-token:8").status_code == 404
