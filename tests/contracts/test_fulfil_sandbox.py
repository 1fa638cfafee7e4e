"""The Fulfil sandbox keeps the public facts about Fulfil: one fact per test, its source named."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from connectors.fulfil.sandbox import SandboxConfig
from connectors.fulfil.sandbox.config import SalesChannel
from tests.contracts.door import Door, Json, Open, amount, fixture_door, fixture_open_door, order, place, sale

__all__ = ["fixture_door", "fixture_open_door"]


# -- create_order (facts 8.3, 9, 10.1) ---------------------------------------------------------------------------------


def test_an_order_becomes_one_sale_with_its_sums(door: Door) -> None:
    """Facts 10.1: lines 129.00 + tax 10.32 + shipping 6.00 make 145.32, paid by one payment."""
    answer = place(door).json()
    assert answer["channel_identifier"] == "shop-100045"
    assert answer["state"] == "processing"
    found = sale(door)
    assert found["id"] == answer["id"]
    assert (found["lines_sum"], found["shipping_sum"], found["payments_sum"]) == ("129.00", "6.00", "145.32")
    assert Decimal(found["tax_sum"]) == Decimal("10.32")
    assert Decimal(found["total"]) == Decimal("145.32")
    assert [line["sku"] for line in found["lines"]] == ["MUG-BLUE", "LAMP-OAK"]


def test_the_same_identifier_any_number_of_times_is_one_sale_and_one_answer(door: Door) -> None:
    """Facts 9.1: create_order is idempotent by channel_identifier."""
    answers = [place(door).json() for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    books = door.control("books")
    assert len(books["sales"]) == 1
    assert books["create_order"] == {
        "applied": 1,
        "applied_answer_lost": 0,
        "repeated": 2,
        "repeated_without_look": 2,
        "updated": 0,
        "repeated_with_change": 0,
    }


def test_a_create_repeated_after_a_look_or_a_refusal_is_not_counted_as_blind(door: Door) -> None:
    """Ours: the books tell who repeats a create that may have been applied, and had not looked for it since."""
    place(door, status="nonsense")
    place(door)
    look = [["channel", "=", 3], ["channel_identifier", "=", "shop-100045"]]
    assert len(door.result("sale.sale", "search_read", look)) == 1
    place(door)
    assert door.control("books")["create_order"]["repeated_without_look"] == 0
    place(door)
    assert door.control("books")["create_order"]["repeated_without_look"] == 1


def test_the_same_identifier_on_another_channel_is_another_sale(open_door: Open) -> None:
    """Facts 8.1: unique is the pair of channel and channel_identifier."""
    base = SandboxConfig().channels[0]
    door = open_door(channels=(base, msgspec.structs.replace(base, id=8, code="second")))
    door.result("sale.channel", "create_order", 3, order())
    door.result("sale.channel", "create_order", 8, order())
    assert {one["channel"] for one in door.control("books")["sales"]} == {3, 8}


def test_a_changed_body_under_a_known_identifier_changes_nothing_by_default(door: Door) -> None:
    """Facts 9.1: the older reading, by which a repeat answers the first order."""
    place(door)
    place(door, payments=[], amount=amount("145.32"), reference="#other")
    assert sale(door)["payments_sum"] == "145.32"
    assert door.control("books")["create_order"]["repeated_with_change"] == 1


def test_a_changed_body_may_update_the_sale(open_door: Open) -> None:
    """Facts 8.3 and 9.1: in the newer reading named lines are added or changed, and quantity_canceled reduces."""
    door = open_door(repeat_with_change="update")
    first = place(door).json()
    cancel = {"channel_identifier": "L1", "quantity_canceled": 1, "tax_lines": []}
    extra = {"channel_identifier": "L3", "sku": "LAMP-OAK", "quantity": 1, "unit_price": "80", "amount": "80.00"}
    change = {"channel_identifier": "shop-100045", "sale_lines": [cancel, extra]}
    assert door.result("sale.channel", "create_order", 3, change)["id"] == first["id"]
    assert [(one["sku"], one["quantity"], one["amount"]) for one in sale(door)["lines"]] == [
        ("MUG-BLUE", "1", "24.50"),
        ("LAMP-OAK", "1", "80.00"),
        ("LAMP-OAK", "1", "80.00"),
    ]
    assert door.control("books")["create_order"]["updated"] == 1


@pytest.mark.parametrize(
    ("shape", "expected"),
    [("id", int), ("id_rec_name", {"id", "rec_name"}), ("record", {"id", "rec_name", "number", "state"})],
)
def test_the_answer_of_create_order_has_the_shape_of_the_switch(open_door: Open, shape: str, expected: Any) -> None:
    """Facts 13.1: the exact answer is unknown, so the sandbox can give each."""
    answer = place(open_door(create_order_answer=shape)).json()
    if expected is int:
        assert isinstance(answer, int)
    else:
        assert expected <= set(answer)
        assert (set(answer) == expected) is (shape == "id_rec_name")


REFUSALS: list[tuple[str, Json, str]] = [
    ("total", {"amount": amount("145.33")}, "computed total"),
    ("sku", {"sale_lines": [{"sku": "NO-SUCH", "quantity": 1, "unit_price": "1", "amount": "1"}]}, "NO-SUCH"),
    ("inactive", {"sale_lines": [{"sku": "GONE-1", "quantity": 1, "unit_price": "1", "amount": "1"}]}, "GONE-1"),
    ("gateway", {"payments": [{"amount": "1", "method": "barter", "state": "success"}]}, "barter"),
    ("carrier", {"shipping_lines": [{"carrier_service_code": "mule", "amount": "6.00"}]}, "mule"),
    ("missing", {"billing_address": None}, "billing_address"),
    ("offset", {"confirmed_at": "2026-11-20T14:03:11"}, "offset"),
    ("status", {"status": "maybe"}, "status"),
    ("type", {"sale_lines": "none"}, "cannot be read"),
    ("region", {"billing_address": {"country_code": "US", "subdivision_code": "US-CA"}}, "subdivision"),
]


@pytest.mark.parametrize(("changes", "text"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
def test_an_order_that_cannot_be_right_is_refused_whole(door: Door, changes: Json, text: str) -> None:
    """Facts 8.3, 12, 5: totals, SKUs, taxes, gateways are checked; a refusal is a UserError 400; nothing is written."""
    response = place(door, **changes)
    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/json"
    body = response.json()
    assert set(body) == {"type", "code", "message", "description"}
    assert (body["type"], body["code"]) == ("UserError", "E1000")
    assert text in body["message"]
    assert door.control("books")["sales"] == []
    assert door.control("books")["parties"] == 0


def test_a_tax_that_is_not_mapped_with_its_rate_is_refused(door: Door) -> None:
    """Facts 12: tax name and rate must already be mapped on the channel."""
    wrong = order()
    wrong["sale_lines"][0]["tax_lines"][0]["rate"] = 0.081
    response = door.call("sale.channel", "create_order", 3, wrong)
    assert "TX Sales Tax" in response.json()["message"]


def test_a_total_that_does_not_match_is_accepted_behind_its_switch(open_door: Open) -> None:
    """Facts 13.1: what Fulfil does on a mismatch is unknown."""
    door = open_door(total_mismatch="accept")
    assert place(door, amount=amount("999.00")).status_code == 200
    assert (Decimal(sale(door)["total"]), sale(door)["stated_amount"]) == (Decimal("145.32"), "999.00")


def test_what_a_line_says_besides_its_amounts_is_kept(door: Door) -> None:
    """Facts 8.3: optional description, list_price, comment, metadata; 8.2: unit_price is net, list_price shows was."""
    mug = {**order()["sale_lines"][0], "description": "Mug, blue", "list_price": "30.00", "comment": "gift"}
    place(door, sale_lines=[{**mug, "metadata": {"engraving": "Ada", "size_mm": 1.5}}, order()["sale_lines"][1]])
    fields = ["description", "list_price", "comment", "metadata", "unit_price"]
    (row,) = door.result("sale.line", "search_read", [["channel_identifier", "=", "L1"]], 0, 1, None, fields)
    assert (row["description"], row["comment"], row["metadata"]) == (
        "Mug, blue",
        "gift",
        {"engraving": "Ada", "size_mm": 1.5},
    )
    assert (row["list_price"], row["unit_price"]) == (amount("30.00"), amount("24.50"))


def test_only_payments_in_state_success_count(door: Door) -> None:
    """Facts 8.3: other payments are ignored, whatever their method."""
    place(door, payments=[{"amount": "145.32", "method": "barter", "state": "authorized"}])
    assert sale(door)["payments_sum"] == "0"


def test_a_channel_without_create_permission_refuses_orders(open_door: Open) -> None:
    """Facts 12: missing create permission on the channel refuses the order."""
    door = open_door(channels=(SalesChannel(id=3, name="Shut", code="shut", orders_allowed=False),))
    assert "not allowed" in place(door).json()["message"]


def test_customers_are_deduplicated_by_email_whatever_its_case(door: Door) -> None:
    """Facts 8.3: the e-mail is used to dedupe customers."""
    place(door, "a")
    place(door, "b", customer={"name": "A. Moss", "contacts": [["email", "ADA@Example.com"]]})
    place(door, "c", customer={"name": "Ada Moss", "contacts": [["email", "other@example.com"]]})
    parties = [one["party"] for one in door.control("books")["sales"]]
    assert parties[0] == parties[1] != parties[2]
    assert door.control("books")["parties"] == 2


def test_a_product_that_appears_later_lets_the_refused_order_through(door: Door) -> None:
    """Product promise 5: a hold ends when its cause does; `POST /sandbox/products` makes the cause go away."""
    lines = [{"sku": "GONE-1", "quantity": 1, "unit_price": "1", "amount": "139.32"}]
    assert place(door, sale_lines=lines).status_code == 400
    door.control("products", [{"sku": "GONE-1", "active": True}])
    assert place(door, sale_lines=lines).status_code == 200


# -- searching and reading (facts 2, 4, 8) -----------------------------------------------------------------------------


def test_the_look_up_by_channel_and_identifier_finds_the_sale_and_is_counted(door: Door) -> None:
    """Facts 9.2: search on channel and channel_identifier."""
    made = place(door).json()["id"]
    clauses = [["channel", "=", 3], ["channel_identifier", "=", "shop-100045"]]
    assert door.result("sale.sale", "search", clauses, None, None, None) == [made]
    assert door.result("sale.sale", "search", [["channel_identifier", "=", "none"]]) == []
    assert door.result("sale.sale", "search_count", clauses) == 1
    assert door.control("books")["lookups"] == 3


def test_search_read_takes_positions_or_an_object_with_filters(door: Door) -> None:
    """Facts 2: both bodies are in live use; the key is `filters`; rows always have id."""
    domain, fields, by_id = (
        [["code", "in", ["MUG-BLUE", "LAMP-OAK", "GONE-1"]]],
        ["code", "template.name"],
        [["id", "ASC"]],
    )
    rows = door.result("product.product", "search_read", domain, 0, 500, by_id, fields)
    assert rows == [
        {"id": 157, "code": "MUG-BLUE", "template.name": "Blue mug"},
        {"id": 158, "code": "LAMP-OAK", "template.name": "Oak lamp"},
    ]
    body = {"filters": domain, "fields": fields, "limit": 500, "offset": 0, "order": by_id}
    assert door.ask("PUT", "model/product.product/search_read", body).json() == rows


def test_inactive_records_are_hidden_unless_the_context_or_the_domain_says_otherwise(door: Door) -> None:
    """Facts 2 and 10.5: active_test false in the context includes them; a clause on `active` lifts the default."""
    clause = [["code", "=", "GONE-1"]]
    assert door.result("product.product", "search", clause) == []
    shown = door.result("product.product", "search", clause, params={"context": '{"active_test": false}'})
    assert len(shown) == 1
    assert door.result("product.product", "search", [*clause, ["active", "in", [True, False]]]) == shown


def test_more_than_500_records_are_refused_by_a_429_that_is_not_throttling(open_door: Open) -> None:
    """Facts 2 and 5: the page size fault; search for ids alone is not held to 500."""
    door = open_door(products_count=600)
    response = door.call("product.product", "search_read", [], 0, 501, None, ["code"])
    assert response.status_code == 429
    assert "Page size" in response.json()["message"]
    assert "cannot exceed" in response.json()["message"]
    assert "Retry-After" not in response.headers
    assert len(door.result("product.product", "search_read", [], 0, None, None, ["code"])) == 500
    assert len(door.result("product.product", "search", [], None, None, None)) == 602


def test_keyset_paging_by_id_meets_every_record_once(open_door: Open) -> None:
    """Facts 2: no total and no cursor; an `id >` keyset with order by id is the safe way."""
    door = open_door(products_count=30)
    seen: list[int] = []
    while page := door.result("product.product", "search", [["id", ">", max(seen, default=0)]], 0, 7, [["id", "ASC"]]):
        seen += page
    assert seen == sorted(set(seen))
    assert len(seen) == 32


def test_results_are_ordered_by_any_field_in_either_case(door: Door) -> None:
    """Facts 2: order is [[field, ASC or DESC]], lower case is used too."""
    found = door.result("product.product", "search_read", [], 0, 2, [["list_price", "desc"]], ["code"])
    assert [row["code"] for row in found] == ["LAMP-OAK", "MUG-BLUE"]


def test_dotted_fields_come_flat_and_the_plain_key_stays_the_id(door: Door) -> None:
    """Facts 2: nested many2one paths are flat keys; through a one2many a field list is an error."""
    made = place(door).json()["id"]
    fields = ["party", "party.email", "shipment_address.country.code", "lines"]
    (row,) = door.result("sale.sale", "read", [made], fields)
    assert set(row) == {"id", *fields}
    assert isinstance(row["party"], int)
    assert (row["party.email"], row["shipment_address.country.code"]) == ("ada@example.com", "US")
    assert len(row["lines"]) == 3
    assert door.call("sale.sale", "read", [made], ["lines.reference"]).status_code == 500


def test_money_and_dates_have_fulfils_encodings(door: Door) -> None:
    """Facts 4: Decimal objects with text; dates as parts and ISO string; naive UTC instants; quantities are floats."""
    made = place(door).json()["id"]
    (row,) = door.result("sale.sale", "read", [made], ["untaxed_amount", "sale_date", "confirmation_time", "lines"])
    assert row["untaxed_amount"] == {"__class__": "Decimal", "decimal": "135.00"}
    day = {"__class__": "date", "iso_string": "2026-11-20", "year": 2026, "month": 11, "day": 20}
    assert row["sale_date"] == day
    assert row["confirmation_time"]["iso_string"] == "2026-11-20T14:03:11"
    assert row["confirmation_time"]["microsecond"] == 0
    (line, *_) = door.result("sale.line", "read", row["lines"], ["quantity"])
    assert isinstance(line["quantity"], float)


def test_write_date_is_null_until_the_first_write(door: Door) -> None:
    """Facts 8 and 12: an incremental sync needs OR with create_date."""
    made = place(door).json()["id"]

    def changed() -> Json:
        since = {"__class__": "datetime", "iso_string": "2020-01-01T00:00:00"}
        fresh = ["AND", ["write_date", "=", None], ["create_date", ">", since]]
        domain = ["OR", ["write_date", ">", since], fresh]
        return door.result("sale.sale", "search_read", [domain], 0, 500, None, ["write_date", "create_date"])

    (row,) = changed()
    assert row["write_date"] is None
    assert row["create_date"]["__class__"] == "datetime"
    assert door.result("sale.sale", "write", [made], {"comment": "later"}) is None
    assert changed()[0]["write_date"]["__class__"] == "datetime"


def test_the_list_endpoint_takes_filters_pages_and_repeated_fields(door: Door) -> None:
    """Facts 2: only id and rec_name come without fields."""
    query = {"filter": '[["code", "like", "%-%"]]', "page": 2, "per_page": 1, "order": '[["id", "ASC"]]'}
    response = door.ask("GET", "model/product.product", params=query)
    assert response.json() == [{"id": 158, "rec_name": "[LAMP-OAK] Oak lamp"}]
    named = door.ask("GET", "model/product.product", params={"fields": "code,list_price", "code": "MUG-BLUE"}).json()
    assert named == [{"id": 157, "code": "MUG-BLUE", "list_price": amount("24.50")}]
    assert door.ask("GET", "model/product.product", params={"ids": "157,158", "since_id": 157}).json()[0]["id"] == 158
    assert door.ask("GET", "model/product.product/count").json() == 2


def test_the_list_endpoint_takes_bounds_of_time(door: Door) -> None:
    """Facts 2 (F S7): created_at and updated_at, min and max, plain and in UTC; and plain equality of any field."""
    made = place(door).json()["id"]
    never, always = "2020-12-25T16:15:47", "2099-12-25T16:15:47"

    def found(**query: str) -> list[int]:
        return [row["id"] for row in door.ask("GET", "model/sale.sale", params=query).json()]

    assert (found(created_at_min=never), found(created_at_min=always)) == ([made], [])
    assert (found(created_at_max=never), found(created_at_max=always)) == ([], [made])
    assert found(updated_at_min=never) == []
    door.result("sale.sale", "write", [made], {"comment": "x"})
    assert (found(updated_at_min=never), found(updated_at_max=never)) == ([made], [])
    assert (found(state="processing"), found(reference="none")) == ([made], [])


@pytest.mark.parametrize(("switch", "keys"), [("minimal", {"id", "rec_name"}), ("full", {"id", "code", "write_uid"})])
def test_get_of_one_record_without_fields_follows_the_switch(open_door: Open, switch: str, keys: set[str]) -> None:
    """Facts 2 and 13.6: reports differ."""
    row = open_door(get_without_fields=switch).ask("GET", "model/product.product/157").json()
    assert keys <= set(row)
    assert (set(row) == keys) is (switch == "minimal")


def test_a_record_that_does_not_exist_is_404(door: Door) -> None:
    """Facts 5: 404 with a JSON message."""
    response = door.ask("GET", "model/product.product/999999")
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/json"
    assert "product.product" in response.json()["message"]


def test_serialize_expands_child_records(door: Door) -> None:
    """Facts 2: nested JSON records with child objects."""
    made = place(door).json()["id"]
    (row,) = door.result("sale.sale", "serialize", [made])
    assert [line["description"] for line in row["lines"]] == [None, None, "Standard"]


def test_long_urls_are_414(door: Door) -> None:
    """Facts 12: long `ids` lists in a GET."""
    ids = ",".join(str(number) for number in range(100_000, 101_500))
    assert door.ask("GET", "model/sale.sale", params={"ids": ids}).status_code == 414


# -- plain model writes (facts 2, 8, 10.2, 10.6) -----------------------------------------------------------------------


def plain_sale(door: Door, identifier: str = "shop-100046") -> Json:
    """The plain sale of the facts' worked example 10.2."""
    if not door.result("party.party", "search", []):
        door.result("party.party", "create", [{"name": "Ada Moss"}])
    party = door.result("party.party", "search", [])[0]
    tax = door.result("account.tax", "search", [["name", "=", "TX Sales Tax"]])
    mug = {"type": "line", "product": 157, "unit": 1, "quantity": 2, "unit_price": amount("24.50")}
    return {
        "channel": 3,
        "channel_identifier": identifier,
        "reference": "#100046",
        "party": party,
        "sale_date": {"__class__": "date", "iso_string": "2026-11-20"},
        "lines": [["create", [{**mug, "taxes": [["add", tax]]}]]],
        "payments": [["create", [{"gateway": 1, "amount": amount("52.92"), "reference": "ch_abc124"}]]],
    }


def test_a_plain_sale_is_created_with_its_children_and_taken_through_its_workflow(door: Door) -> None:
    """Facts 10.2 and 8.1: create answers ids; draft, quotation, confirmed, processing."""
    (made,) = door.result("sale.sale", "create", [plain_sale(door)])
    states = []
    for method in ("quote", "confirm", "process"):
        assert door.result("sale.sale", method, [made]) is None
        states.append(sale(door, "shop-100046")["state"])
    assert states == ["quotation", "confirmed", "processing"]
    assert (sale(door, "shop-100046")["total"], sale(door, "shop-100046")["payments_sum"]) == ("52.92", "52.92")


def test_a_transition_that_is_not_allowed_is_a_user_error(door: Door) -> None:
    """Facts 8.1 and 11: draft cannot process; past quotation the classic cancel is refused, also by instance method."""
    (made,) = door.result("sale.sale", "create", [plain_sale(door)])
    assert door.call("sale.sale", "process", [made]).json()["type"] == "UserError"
    processing = place(door).json()["id"]
    response = door.ask("PUT", f"model/sale.sale/{processing}/cancel")
    assert (response.status_code, response.json()["type"]) == (400, "UserError")
    assert door.ask("PUT", f"model/sale.sale/{made}/cancel").status_code == 200


def test_a_second_plain_sale_of_the_same_identifier_violates_the_constraint(door: Door) -> None:
    """Facts 8.1 and 5: unique (channel, channel_identifier); the text names the constraint; all or nothing."""
    door.result("sale.sale", "create", [plain_sale(door)])
    response = door.call("sale.sale", "create", [plain_sale(door, "fresh"), plain_sale(door)])
    assert response.status_code == 400
    assert "unique" in response.json()["message"]
    assert len(door.control("books")["sales"]) == 1


def test_a_state_other_than_draft_cannot_be_created_or_written(door: Door) -> None:
    """Facts 5 and 8.1: the refusal names the allowed state; state is changed by methods only."""
    response = door.call("sale.sale", "create", [{**plain_sale(door), "state": "open"}])
    assert response.json()["message"] == "Cannot create record with state 'open'. Allowed states: draft"
    made = place(door).json()["id"]
    assert door.call("sale.sale", "write", [made], {"state": "done"}).status_code == 400


def test_a_customer_has_a_unique_code_and_children_by_commands(door: Door) -> None:
    """Facts 10.6: create with addresses and contacts; a second one with the code is a unique error."""
    mechanisms = [["create", [{"type": "email", "value": "ada@example.com"}]]]
    values = {"name": "Ada Moss", "code": "SHOP-778", "contact_mechanisms": mechanisms}
    (made,) = door.result("party.party", "create", [values])
    assert door.result("party.party", "search", [["code", "=", "SHOP-778"]]) == [made]
    response = door.call("party.party", "create", [values])
    assert ("unique" in response.json()["message"], "code" in response.json()["message"]) == (True, True)
    place(door)
    assert sale(door)["party"] == made


def test_lines_of_a_confirmed_sale_are_written_only_behind_the_switch(open_door: Open) -> None:
    """Facts 13.8: allowed edits after confirmation are unknown."""
    for switch, status in (("refuse", 400), ("accept", 200)):
        door = open_door(line_write_after_confirm=switch)
        place(door)
        line = door.result("sale.line", "search", [["channel_identifier", "=", "L1"]])
        assert door.call("sale.line", "write", line, {"quantity": 1}).status_code == status
        assert sale(door)["lines"][0]["amount"] == {400: "49.00", 200: "24.50"}[status]


def test_the_rest_verbs_have_their_own_statuses(door: Door) -> None:
    """Facts 2: POST 201 with id and rec_name, PUT 200, DELETE 204 without a body."""
    made = door.ask("POST", "model/sale.sale", [plain_sale(door)])
    (row,) = made.json()
    assert (made.status_code, set(row)) == (201, {"id", "rec_name"})
    assert door.ask("PUT", f"model/sale.sale/{row['id']}", {"comment": "x"}).status_code == 200
    gone = door.ask("DELETE", f"model/sale.sale/{row['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert door.ask("GET", f"model/sale.sale/{row['id']}").status_code == 404
