"""Each unknown of facts 13 is a switch of the Fulfil sandbox, and each choice of it is seen from outside."""

from __future__ import annotations

import base64
import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from connectors.fulfil.sandbox import ResourceLimit, SandboxConfig
from tests.contracts.door import Door, Json, Open, amount, fixture_door, fixture_open_door, place, sale

__all__ = ["fixture_door", "fixture_open_door"]

UNKNOWN_SKU = [{"sku": "NEW-MUG", "quantity": 1, "unit_price": "139.32", "amount": "139.32"}]


def plain(door: Door, **changes: Json) -> Json:
    parties = door.result("party.party", "search", [])
    (party,) = parties[:1] or door.result("party.party", "create", [{"name": "Ada Moss"}])
    line = {"product": 157, "quantity": 2, "unit_price": amount("24.50")}
    return {"channel": 3, "party": party, "lines": [["create", [line]]], **changes}


def context(**values: Json) -> Json:
    return {"context": json.dumps(values)}


def test_13_1_an_order_that_names_what_is_not_there_may_become_a_failed_sale(open_door: Open) -> None:
    """Facts 13.1 and 8.1: UserError, or a channel.exception on a sale in state failed; the same key tries again."""
    assert place(open_door(), sale_lines=UNKNOWN_SKU).status_code == 400
    door = open_door(order_problem="exception")
    answer = place(door, sale_lines=UNKNOWN_SKU)
    assert (answer.status_code, answer.json()["state"]) == (200, "failed")
    (row,) = door.result("sale.sale", "read", [answer.json()["id"]], ["has_channel_exception", "exceptions", "lines"])
    assert (row["has_channel_exception"], row["lines"]) == (True, [])
    (problem,) = door.result("channel.exception", "read", row["exceptions"], ["log", "is_resolved", "origin"])
    assert "NEW-MUG" in problem["log"]
    assert problem["origin"] == f"sale.sale,{answer.json()['id']}"
    assert place(door, sale_lines=UNKNOWN_SKU).json() == answer.json()
    door.control("products", [{"sku": "NEW-MUG"}])
    again = place(door, sale_lines=UNKNOWN_SKU).json()
    assert (again["id"], again["state"]) == (answer.json()["id"], "processing")
    (row,) = door.result("sale.sale", "read", [again["id"]], ["has_channel_exception", "total_amount"])
    assert (row["has_channel_exception"], row["total_amount"]) == (False, amount("145.32"))
    assert door.control("books")["sales_count"] == 1


def test_13_1_a_create_may_say_whose_the_sale_is(open_door: Open) -> None:
    """Facts 13.1: the answer's shape is unknown, so it may have the party, too."""
    assert "party" not in place(open_door()).json()
    door = open_door(create_order_party=True)
    (row,) = door.result("sale.sale", "read", [place(door).json()["id"]], ["party"])
    assert place(door).json()["party"] == row["party"]


@pytest.mark.parametrize(("takes_s", "parties"), [(0.0, 1), (0.2, 4)])
def test_creates_that_overlap_may_not_see_each_others_customers(open_door: Open, takes_s: float, parties: int) -> None:
    """Nothing public says that Fulfil locks; one that begins when the others are over sees their parties."""
    door = open_door(create_order_takes_s=takes_s)
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda number: place(door, f"shop-{number}"), range(4)))
    assert [answer.status_code for answer in made] == [200] * 4
    place(door, "shop-later")
    assert door.result("party.party", "search_count", []) == parties


@pytest.mark.parametrize(("switch", "present"), [("always", True), ("never", False)])
def test_13_3_a_429_has_retry_after_or_not(open_door: Open, switch: str, *, present: bool) -> None:
    """Facts 13.3: whether 429 always has Retry-After."""
    door = open_door(requests_per_s=0.1, burst=1, retry_after=switch)
    door.call("sale.sale", "search_count", [])
    response = door.call("sale.sale", "search_count", [])
    assert (response.status_code, "Retry-After" in response.headers) == (429, present)


def test_13_3_a_resource_may_have_a_limit_of_its_own(open_door: Open) -> None:
    """Facts 6 and 13.3: a general limit on every request, and resource-specific ones."""
    limit = ResourceLimit(resource="sale.sale", requests_per_s=0.1, burst=1)
    door = open_door(resource_limits=(limit,))
    statuses = [door.call("sale.sale", "search_count", []).status_code for _ in range(2)]
    assert statuses == [200, 429]
    assert door.call("product.product", "search_count", []).status_code == 200


@pytest.mark.parametrize("name", ["ir.webhook", "webhook.webhook"])
def test_13_4_the_webhook_model_has_one_of_two_names(open_door: Open, name: str) -> None:
    """Facts 7 and 13.4: ir.webhook in 2019, webhook.webhook as modelled later."""
    door = open_door(webhook_model=name)
    other = {"ir.webhook": "webhook.webhook", "webhook.webhook": "ir.webhook"}[name]
    assert door.result(name, "search", []) == []
    assert door.call(other, "search", []).status_code == 404


@pytest.mark.parametrize(("style", "event"), [("dotted", "sale.sale.created"), ("short", "order.created")])
def test_13_4_events_of_records_have_names_by_switch(open_door: Open, style: str, event: str) -> None:
    """Facts 13.4: events for orders and shipments exist; their names are unknown."""
    values = [{"event": event, "url": "http://127.0.0.1:9/hook"}]
    assert open_door(record_events=style).call("ir.webhook", "create", values).status_code == 200
    assert "no event" in open_door().call("ir.webhook", "create", values).json()["message"]


@pytest.mark.parametrize(
    ("switch", "status", "kind"),
    [
        ("ignore", 200, None),
        ("user_error", 400, "UserError"),
        ("exception_type", 400, "ConcurrencyException"),
        ("conflict", 409, None),
    ],
)
def test_13_5_an_outdated_write_meets_what_the_switch_says(
    open_door: Open, switch: str, status: int, kind: str | None
) -> None:
    """Facts 5 and 13.5: `_timestamp` in the context; whether ConcurrencyException or 409 reach v2 is unknown."""
    door = open_door(stale_write=switch)
    (party,) = door.result("party.party", "create", [{"name": "Ada Moss"}])
    fresh, stale = (context(_timestamp={f"party.party,{party}": stamp}) for stamp in ("4000000000.0", "1000.5"))
    assert door.call("party.party", "write", [party], {"name": "A"}, params=fresh).status_code == 200
    response = door.call("party.party", "write", [party], {"name": "B"}, params=stale)
    assert response.status_code == status
    assert kind is None or response.json()["type"] == kind
    (row,) = door.result("party.party", "read", [party], ["name"])
    assert row["name"] == ("B" if status == 200 else "A")


def test_13_5_a_user_warning_is_passed_by_the_context(open_door: Open) -> None:
    """Facts 13.5: whether UserWarning reaches v2 is unknown."""
    door = open_door(user_warnings="cancel")
    (made,) = door.result("sale.sale", "create", [plain(door)])
    assert door.call("sale.sale", "cancel", [made]).json()["type"] == "UserWarning"
    assert door.call("sale.sale", "cancel", [made], params=context(_skip_warnings=True)).status_code == 200


DATES: list[tuple[str, Any]] = [
    ("v1", {"__class__": "date", "year": 2026, "month": 11, "day": 20}),
    ("v2", {"__class__": "date", "iso_string": "2026-11-20", "year": 2026, "month": 11, "day": 20}),
    ("v3", {"__class__": "date", "iso_string": "2026-11-20"}),
    ("text", "2026-11-20"),
]


@pytest.mark.parametrize(("generation", "expected"), DATES, ids=[row[0] for row in DATES])
def test_13_6_dates_come_in_any_generation(open_door: Open, generation: str, expected: Json) -> None:
    """Facts 4 and 13.6: parts only, both, ISO only, and bare strings; datetimes likewise; null stays null."""
    door = open_door(date_generation=generation)
    made = place(door).json()["id"]
    (row,) = door.result("sale.sale", "read", [made], ["sale_date", "confirmation_time", "write_date"])
    assert (row["sale_date"], row["write_date"]) == (expected, None)
    moment = row["confirmation_time"]
    assert moment == "2026-11-20T14:03:11" if generation == "text" else moment["__class__"] == "datetime"
    assert door.result("sale.sale", "search_count", [["sale_date", "=", expected]]) == 1


@pytest.mark.parametrize(("switch", "other"), [("sellable", "salable"), ("salable", "sellable")])
def test_13_7_a_product_is_sellable_or_salable(open_door: Open, switch: str, other: str) -> None:
    """Facts 8.4 and 13.7: query with the one that the tenant accepts."""
    door = open_door(sellable_field=switch)
    assert door.result("product.product", "search_count", [[switch, "=", True]]) == 2
    assert door.call("product.product", "search_count", [[other, "=", True]]).status_code == 500


@pytest.mark.parametrize("model", ["product.identifier", "product.product.code"])
def test_13_7_barcodes_are_in_a_child_model(open_door: Open, model: str) -> None:
    """Facts 8.4 and 13.7: identifiers are probably a child model; its name is unknown."""
    door = open_door(identifier_model=model)
    door.result(model, "create", [{"product": 157, "type": "upc", "code": "0123456789012"}])
    (row,) = door.result(model, "search_read", [["code", "=", "0123456789012"]], 0, 1, None, ["product.code", "type"])
    assert (row["product.code"], row["type"]) == ("MUG-BLUE", "upc")


@pytest.mark.parametrize("name", ["street_bis", "streetbis"])
def test_13_7_the_second_address_line_has_one_of_two_names(open_door: Open, name: str) -> None:
    """Facts 8.6 and 13.7."""
    door = open_door(street2_field=name)
    (party,) = door.result("party.party", "create", [{"name": "Ada Moss"}])
    (made,) = door.result("party.address", "create", [{"party": party, "street": "1 Elm St", name: "Flat 2"}])
    (row,) = door.result("party.address", "read", [made], [name])
    assert row[name] == "Flat 2"


@pytest.mark.parametrize("name", ["reference", "provider_reference"])
def test_13_7_a_payments_reference_has_one_of_two_names(open_door: Open, name: str) -> None:
    """Facts 8.8 and 13.7: payment field names after 2018 are unknown."""
    door = open_door(payment_reference_field=name)
    place(door)
    assert door.result("sale.payment", "search_count", [[name, "=", "ch_abc123"]]) == 1
    (row,) = door.result("sale.sale", "search", [])
    door.result(
        "sale.sale", "create", [plain(door, payments=[["create", [{"gateway": 1, "amount": 1, name: "ch_2"}]]])]
    )
    assert door.result("sale.payment", "search_count", [[name, "=", "ch_2"], ["sale", "!=", row]]) == 1


def test_13_7_a_gateway_fee_has_a_field_only_when_the_tenant_has_one(open_door: Open) -> None:
    """Facts 8.8 and 13.7: no public source knows a fee field."""
    door = open_door(gateway_fee_field="fee_amount")
    (made,) = door.result(
        "payment_gateway.transaction", "create", [{"gateway": 1, "amount": 5, "fee_amount": amount("0.45")}]
    )
    (row,) = door.result("payment_gateway.transaction", "read", [made], ["fee_amount"])
    assert row["fee_amount"] == amount("0.45")
    values = [{"gateway": 1, "amount": 5, "fee_amount": amount("0.45")}]
    assert open_door().call("payment_gateway.transaction", "create", values).status_code >= 400


def test_13_7_the_instant_of_shipping_has_a_field_only_when_the_tenant_has_one(open_door: Open) -> None:
    """Facts 13.7: shipment shipped-at timestamp; effective_date is only a day."""
    door = open_door(shipped_at_field="shipped_at")
    goods = [{"sku": "MUG-BLUE", "quantity": 2}, {"sku": "LAMP-OAK", "quantity": 1}]
    place(door)
    door.control("play", [{"event": "receive", "goods": goods}, {"event": "ship", "order": "shop-100045"}])
    (row,) = door.result("stock.shipment.out", "search_read", [], 0, 1, None, ["shipped_at"])
    assert row["shipped_at"]["__class__"] == "datetime"
    assert open_door().call("stock.shipment.out", "search_read", [], 0, 1, None, ["shipped_at"]).status_code == 500


@pytest.mark.parametrize(
    ("switch", "status", "kept"), [("accept", 200, "x-1"), ("refuse", 400, None), ("drop", 200, None)]
)
def test_13_8_a_plain_create_may_set_the_channel_identifier_or_not(
    open_door: Open, switch: str, status: int, kept: str | None
) -> None:
    """Facts 9.2 and 13.8: it is listed readonly; Tryton's readonly is UI only."""
    door = open_door(plain_channel_identifier=switch)
    response = door.call("sale.sale", "create", [plain(door, channel_identifier="x-1")])
    assert response.status_code == status
    rows = door.result("sale.sale", "search_read", [], 0, 9, None, ["channel_identifier"])
    assert [row["channel_identifier"] for row in rows] == ([] if status == 400 else [kept])


@pytest.mark.parametrize(("switch", "left"), [("atomic", 0), ("one_by_one", 1)])
def test_13_8_a_create_of_several_is_all_or_nothing_or_not(open_door: Open, switch: str, left: int) -> None:
    """Facts 13.8: whether create is atomic across the list."""
    door = open_door(create_list=switch)
    assert door.call("party.party", "create", [{"name": "Ada Moss"}, {"code": "nameless"}]).status_code == 400
    assert door.result("party.party", "search_count", []) == left


def test_13_9_lists_bodies_and_urls_have_limits(open_door: Open) -> None:
    """Facts 13.9: maximum list of create, ids of read, body and URL length."""
    door = open_door(list_max=2, body_bytes_max=1_000, url_bytes_max=500)
    assert door.call("party.party", "create", [{"name": "A"}] * 3).status_code == 400
    assert door.call("product.product", "read", [157, 158, 159], ["code"]).status_code == 400
    assert door.call("product.product", "read", [157, 158], ["code"]).status_code == 200
    assert door.call("party.party", "create", [{"name": "A" * 2_000}]).status_code == 413
    assert door.ask("GET", "model/sale.sale", params={"ids": ",".join(["1"] * 300)}).status_code == 414


@pytest.mark.parametrize("shape", ["url", "base64"])
def test_13_9_a_report_answers_a_url_or_the_document(open_door: Open, shape: str) -> None:
    """Facts 2 and 13.9: PUT /report/{name} with objects and data; the answer's shape is unknown."""
    door = open_door(report_answer=shape)
    made = place(door).json()["id"]
    answer = door.ask("PUT", "report/sale.sale", {"objects": [made], "data": {}}).json()
    if shape == "url":
        assert answer["url"].startswith("https://")
    else:
        assert answer["data"]["__class__"] == "bytes"
        assert str(made).encode() in base64.b64decode(answer["data"]["base64"])
    assert door.ask("PUT", "report/no.such", {"objects": [made], "data": {}}).status_code == 404
    assert door.ask("PUT", "report/sale.sale", {"objects": [1], "data": {}}).status_code == 400


@pytest.mark.parametrize(("zone", "found"), [("UTC", 0), ("Asia/Kolkata", 1), ("Pacific/Auckland", 1)])
def test_13_10_plain_times_in_filters_are_meant_in_the_tenants_zone(open_door: Open, zone: str, found: int) -> None:
    """Facts 13.10: the time zone of plain ISO strings; the order was confirmed at 14:03:11 UTC."""
    door = open_door(time_zone=zone)
    place(door)
    assert door.result("sale.sale", "search_count", [["confirmation_time", ">", "2026-11-20T14:30:00"]]) == found
    typed = {"__class__": "datetime", "iso_string": "2026-11-20T14:30:00"}
    assert door.result("sale.sale", "search_count", [["confirmation_time", ">", typed]]) == 0


@pytest.mark.parametrize("precision", ["microsecond", "second"])
def test_13_10_write_dates_keep_microseconds_or_seconds(open_door: Open, precision: str) -> None:
    """Facts 13.10: the precision of write_date."""
    door = open_door(time_precision=precision)
    made = [place(door, f"o-{number}").json()["id"] for number in range(3)]
    rows = door.result("sale.sale", "read", made, ["create_date"])
    microseconds = {row["create_date"]["microsecond"] for row in rows}
    assert (microseconds == {0}) is (precision == "second")


def test_metafields_are_set_alone(door: Door) -> None:
    """Facts 4 and 12 (F S7): {"set": [{field, value}]}; together with other fields it is a 500."""
    (party,) = door.result("party.party", "create", [{"name": "Ada Moss"}])
    wanted = {"metafields": {"set": [{"field": 7, "value": "gold"}]}}
    assert door.call("party.party", "write", [party], {**wanted, "name": "x"}).status_code == 500
    assert door.ask("PUT", f"model/party.party/{party}", wanted).status_code == 200
    (row,) = door.result("party.party", "read", [party], ["metafields", "name"])
    assert row["metafields"] == [{"field_id": 7, "code": "field_7", "value": "gold"}]
    assert row["name"] == "Ada Moss"


def test_v1_addresses_are_served_by_v2(door: Door) -> None:
    """Facts 1: v1 was deprecated, and its URLs were served by v2."""
    url = f"{door.url}/api/v1/model/sale.sale/search_count"
    assert door.session.put(url, data="[[]]", timeout=10).json() == 0


def test_a_late_commit_is_written_in_the_past(door: Door) -> None:
    """Failure case 8: a record committed with a write_date some seconds earlier than the last page read."""
    made = place(door).json()["id"]
    door.result("sale.sale", "write", [made], {"comment": "x"})
    (before,) = door.result("sale.sale", "read", [made], ["write_date"])
    door.control("play", {"event": "commit_late", "model": "sale.sale", "ids": [made], "seconds": 8})
    (after,) = door.result("sale.sale", "read", [made], ["write_date"])
    assert after["write_date"]["iso_string"] < before["write_date"]["iso_string"]


def test_the_fields_of_a_model_can_be_asked_for(door: Door) -> None:
    """Facts 2 (F weak): GET /model/M/fields."""
    rows = door.ask("GET", "model/sale.sale/fields").json()
    assert {"name": "party", "type": "many2one", "relation": "party.party"} in rows


def test_every_switch_has_a_sentence_and_a_test_flips_it() -> None:
    """Issue 3: the capability probe finds each switch that a test flips; so none may be unflipped."""
    switches = {name for name in SandboxConfig.__struct_fields__ if name in _numbered()}
    tried = {name for text in _texts() for name in switches if f"{name}=" in text}
    assert switches
    assert switches - tried == set()


def _numbered() -> set[str]:
    """The settings whose sentence begins with a number of facts 13 or 9."""
    source = _text_of("connectors/fulfil/sandbox/config.py")
    lines = source.splitlines()
    pairs = itertools.pairwise(lines)
    return {
        line.split(":")[0].strip()
        for line, then in pairs
        if then.strip().startswith(('"""13.', '"""9.')) and ":" in line
    }


def _texts() -> list[str]:
    names = ("test_fulfil_sandbox", *(f"test_fulfil_sandbox_{part}" for part in ("sales", "money", "switches")))
    return [_text_of(f"tests/contracts/{name}.py") for name in names]


def _text_of(path: str) -> str:
    from tests.architecture.sources import ROOT  # noqa: PLC0415 - only this check reads the sources

    return (ROOT / path).read_text()


def test_the_books_do_not_change_by_being_asked(door: Door) -> None:
    """Ours: control routes read only."""
    place(door)
    digest = door.control("books/digest")
    door.control("ledger")
    door.control("clock")
    door.control("webhooks")
    assert door.control("books/digest") == digest
    assert sale(door)["state"] == "processing"
