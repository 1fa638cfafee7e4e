"""The script of the Fulfil sandbox: every event is named in the package's documentation, and does what it says."""

from __future__ import annotations

import re
from typing import Any

import pytest

import connectors.fulfil.sandbox as package
from connectors.fulfil.sandbox.script import EVENTS, name_of
from tests.contracts.door import Door, Json, Open, fixture_door, fixture_open_door, place, sale

__all__ = ["fixture_door", "fixture_open_door"]

ORDER = "shop-100045"
OUT = "stock.shipment.out"
GOODS = [{"sku": "MUG-BLUE", "quantity": 20}, {"sku": "LAMP-OAK", "quantity": 20}]


def play(door: Door, *events: Json) -> Any:
    return door.session.post(f"{door.url}/sandbox/play", json=list(events), timeout=10)


def test_the_packages_documentation_lists_every_event_and_no_other() -> None:
    """Ours: a list of the business events that a script can play is in the module's docs."""
    listed = (package.__doc__ or "").split("A script plays", 1)[1]
    words = set(re.findall(r"[a-z_]+", "".join(re.findall(r"- \w+: ([^-]*)", listed))))
    assert words == {name_of(event) for event in EVENTS}


def test_every_event_says_what_it_is() -> None:
    """Ours: whoever writes a script reads the events' sentences."""
    assert [event for event in EVENTS if not event.__doc__] == []
    assert len({name_of(event) for event in EVENTS}) == len(EVENTS)


def test_a_day_is_played_in_order(door: Door) -> None:
    """Ours: an array is played in order, and answers what each event answered."""
    place(door)
    answers = play(
        door,
        {"event": "receive", "goods": GOODS},
        {"event": "allocate"},
        {"event": "hold", "order": ORDER, "note": "check"},
        {"event": "unhold", "order": ORDER},
        {"event": "pick", "order": ORDER},
        {"event": "pack", "order": ORDER},
        {"event": "ship", "order": ORDER, "carrier_service": "ups_express", "parcels": [{"tracking_number": "1Z1"}]},
    )
    assert answers.status_code == 200
    (shipment,) = door.result(OUT, "search_read", [], 0, 9, None, ["state", "carrier_service.code"])
    assert (shipment["state"], shipment["carrier_service.code"]) == ("done", "ups_express")
    assert answers.json()[1] == {"shipments": [shipment["id"]]}
    assert sale(door)["state"] == "done"


def test_an_event_that_cannot_happen_is_refused_with_its_place(door: Door) -> None:
    """Ours: a sentence says why; those before it have happened, those after it have not."""
    place(door)
    count = {"event": "count", "sku": "MUG-BLUE", "quantity": 9}
    answer = play(door, count, {"event": "ship", "order": ORDER}, {**count, "quantity": 1})
    assert (answer.status_code, answer.json()["place"], answer.json()["answers"]) == (409, 1, [None])
    assert "not in stock" in answer.json()["error"]
    (row,) = door.result("product.product", "read", [157], ["quantity_on_hand"])
    assert row["quantity_on_hand"] == 9.0


REFUSED: list[Json] = [
    {"event": "ship"},
    {"event": "ship", "order": "nobody"},
    {"event": "ship", "shipment": 1},
    {"event": "receive", "goods": [{"sku": "NO-SUCH", "quantity": 1}]},
    {"event": "receive", "goods": GOODS, "warehouse": 99},
    {"event": "ship", "order": ORDER, "carrier_service": "mule"},
    {"event": "retrack", "shipment": 81_001, "tracking_number": "x"},
    {"event": "receive_return", "order": ORDER},
    {"event": "refund", "order": ORDER, "amount": "999"},
    {"event": "short_pick", "order": ORDER, "sku": "MUG-BLUE", "found": 2},
    {"event": "split", "order": ORDER, "goods": [{"sku": "MUG-BLUE", "quantity": 3}]},
    {"event": "merge", "shipment": 81_001, "other": 81_001},
    {"event": "batch", "name": "none", "shipments": []},
    {"event": "change_line", "order": ORDER, "sku": "GONE-1", "quantity": 1},
    {"event": "confirm", "order": ORDER, "note": "x"},
    {"event": "cancel_sale", "order": ORDER},
    {"event": "commit_late", "model": "no.such", "ids": [1], "seconds": 1},
    {"event": "no_such"},
    {"event": "count", "sku": "MUG-BLUE", "quantity": "NaN"},
    {"event": "count", "sku": "MUG-BLUE", "quantity": -1},
    {"event": "advance", "seconds": 0},
]


@pytest.mark.parametrize("event", REFUSED, ids=[f"{n}-{one['event']}" for n, one in enumerate(REFUSED)])
def test_what_makes_no_sense_is_refused_with_a_sentence_and_changes_nothing(door: Door, event: Json) -> None:
    """Ours: 409 for what cannot happen, 400 for what is no event; never a crash."""
    place(door)
    digest, ledger = door.control("books/digest"), door.control("ledger")
    answer = play(door, event)
    assert answer.status_code in (400, 409)
    assert len(answer.json()["error"]) > 10
    assert (door.control("books/digest"), door.control("ledger")) == (digest, ledger)


def test_an_order_can_be_split_merged_and_given_up(door: Door) -> None:
    """Rules 13 and 15: shipments change; what the warehouse gave up is an exception of the sale."""
    place(door)
    half = {"event": "split", "order": ORDER, "goods": [{"sku": "MUG-BLUE", "quantity": 1}]}
    first, second = play(door, half).json()[0]["shipments"]
    assert play(door, {"event": "merge", "shipment": first, "other": second}).status_code == 200
    assert play(door, {"event": "cancel_shipment", "shipment": first}).status_code == 200
    (row,) = door.result("sale.sale", "search_read", [], 0, 9, None, ["shipment_state", "state"])
    assert (row["shipment_state"], row["state"]) == ("exception", "processing")
    (product,) = door.result("product.product", "read", [157], ["quantity_outbound"])
    assert product["quantity_outbound"] == 0.0


def test_a_draft_is_confirmed_and_cancelled_by_people(open_door: Open) -> None:
    """Facts 8.1: quote, confirm, process; and cancel as far as the tenant's rules allow."""
    door = open_door(cancel_after_confirm="unshipped")
    (party,) = door.result("party.party", "create", [{"name": "Ada Moss"}])
    line = {"product": 157, "quantity": 2, "unit_price": "24.50"}
    values = {"channel": 3, "channel_identifier": "plain-1", "party": party, "lines": [["create", [line]]]}
    door.result("sale.sale", "create", [values])
    assert play(door, {"event": "confirm", "order": "plain-1"}).json() == [{"state": "processing"}]
    assert play(door, {"event": "cancel_sale", "order": "plain-1"}).json() == [{"state": "cancel"}]


def test_captured_money_pays_an_invoice_that_was_only_authorised(door: Door) -> None:
    """Facts 8.8: capture of what the payments have authorised."""
    (party,) = door.result("party.party", "create", [{"name": "Ada Moss"}])
    payment = {"gateway": 1, "amount": "49.00", "reference": "ch_1"}
    values = {"channel": 3, "channel_identifier": "plain-1", "party": party, "payments": [["create", [payment]]]}
    door.result("sale.sale", "create", [values])
    (paid,) = door.result("sale.payment", "search", [])
    door.result("sale.payment", "authorize", [paid])
    play(door, {"event": "capture", "order": "plain-1"})
    (row,) = door.result("payment_gateway.transaction", "search_read", [], 0, 9, None, ["state", "amount"])
    assert (row["state"], row["amount"]["decimal"]) == ("completed", "49.00")


def test_the_clock_can_be_advanced_and_the_books_follow(door: Door) -> None:
    """Ours: the tenant's clock; records made later bear the later time."""
    before = door.control("clock")["now"]
    play(door, {"event": "advance", "seconds": 86_400})
    assert door.control("clock")["now"][:10] > before[:10]
    made = place(door).json()["id"]
    (row,) = door.result("sale.sale", "read", [made], ["create_date"])
    assert row["create_date"]["iso_string"][:10] == door.control("clock")["now"][:10]
