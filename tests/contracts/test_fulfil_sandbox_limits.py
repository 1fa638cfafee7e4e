"""The Fulfil sandbox under strain: authentication, limits, faults on purpose, and the books that an observer reads."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.fulfil.sandbox import FaultRule, ProductSeed, SandboxConfig
from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.calls import Calls
from connectors.fulfil.sandbox.methods import METHODS as OWN_METHODS
from connectors.fulfil.sandbox.operations import Operations, Request
from connectors.fulfil.sandbox.order_document import read_order
from connectors.fulfil.sandbox.orders import place_order
from connectors.fulfil.sandbox.statement import books_digest
from runtime.clock import Instant, SystemClock
from tests.contracts.door import Door, Json, Open, amount, fixture_door, fixture_open_door, order, place

__all__ = ["fixture_door", "fixture_open_door"]


# -- authentication, errors, limits (facts 1, 5, 6) --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-API-KEY": "sandbox-token"}, 200),
        ({"Authorization": "Bearer sandbox-token"}, 200),
        ({"Authorization": "Basic c2FuZGJveC10b2tlbjo="}, 200),
        ({"X-API-KEY": "wrong"}, 401),
        ({}, 401),
    ],
)
def test_the_token_is_taken_in_three_ways(door: Door, headers: dict[str, str], status: int) -> None:
    """Facts 1: X-API-KEY, Bearer, and Basic user name; 401 is JSON."""
    url = f"{door.url}/api/v2/model/sale.sale/search_count"
    with requests.Session() as session:
        response = session.put(url, data="[[]]", headers=headers, timeout=10)
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/json"
    assert response.json() is not None


def test_the_token_has_a_rate_limit_with_headers_and_retry_after(open_door: Open) -> None:
    """Facts 6: Limit, Remaining, Reset on every answer; 429 with Retry-After and a text about the user."""
    door = open_door(requests_per_s=0.5, burst=2)
    before = time.time()
    answers = [door.call("sale.sale", "search_count", []) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert all(int(answer.headers["X-RateLimit-Reset"]) >= before for answer in answers)
    assert answers[0].headers["X-RateLimit-Limit"] == "1"
    assert int(answers[2].headers["Retry-After"]) >= 1
    assert answers[2].json()["code"] == 429
    assert "user" in answers[2].json()["description"]


@pytest.mark.parametrize(
    "arguments", [[1], [[["nosuch", "=", 1]]], [[["id", "~", 1]]], [[], -1], [[["id", "=", "x"]]], ["AND"]]
)
def test_malformed_arguments_are_a_server_error_with_a_sentry_id(door: Door, arguments: Json) -> None:
    """Facts 5: the official tests expect a server error for `search(1)`; X-Sentry-ID is the only request id."""
    response = door.call("sale.sale", "search", *arguments)
    assert response.status_code == 500
    assert len(response.headers["X-Sentry-ID"]) == 32


def test_a_body_that_is_not_json_is_a_400_with_a_json_body(door: Door) -> None:
    """Facts 5: the body of a 400 must be JSON."""
    response = door.ask("PUT", "model/sale.sale/search", "[[")
    assert (response.status_code, response.json()["code"]) == (400, 400)


@pytest.mark.parametrize("path", ["model/project.work/search", "model/sale.sale/nosuch", "report/x", "nothing"])
def test_what_the_sandbox_does_not_serve_is_404_not_an_empty_answer(door: Door, path: str) -> None:
    """House rule: nothing simulates success."""
    assert door.ask("PUT", path, [[]]).status_code == 404


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_token_is_401_or_in_older_servers_403(open_door: Open, status: int) -> None:
    """Facts 5: JSON with code and message."""
    door = open_door(bad_token_status=status)
    with requests.Session() as session:
        response = session.put(f"{door.url}/api/v2/model/sale.sale/search", data="[[]]", timeout=10)
    assert (response.status_code, response.json()["code"]) == (status, status)
    assert response.json()["message"]


@pytest.mark.parametrize("status", [400, 422])
def test_a_user_error_is_400_and_was_seen_as_422(open_door: Open, status: int) -> None:
    """Facts 5: 422 was seen with the UserError shape (F S9)."""
    response = place(open_door(user_error_status=status), amount=amount("1"))
    assert (response.status_code, response.json()["type"]) == (status, "UserError")


def test_a_verb_that_a_path_does_not_have_is_405(door: Door) -> None:
    """Facts 5: 404 and 405 with a JSON message."""
    response = door.ask("DELETE", "model/sale.sale")
    assert (response.status_code, response.headers["Content-Type"]) == (405, "application/json")
    assert "DELETE" in response.json()["message"]


def test_each_user_has_a_rate_limit_of_its_own(open_door: Open) -> None:
    """Facts 6: the limit is counted per API user."""
    door = open_door(requests_per_s=0.1, burst=1, other_tokens=("second",))

    def ask(token: str) -> int:
        return door.call("sale.sale", "search_count", [], headers={"X-API-KEY": token}).status_code

    assert [ask(token) for token in ("sandbox-token", "sandbox-token", "second", "second")] == [200, 429, 200, 429]


def test_a_500_of_assign_try_may_be_repeated(open_door: Open) -> None:
    """Facts 5 (F S11): lock trouble on assign_try shows as a server error, and the official sample tries again."""
    rule = FaultRule(route="stock.shipment.out/assign_try", kind="server_error", probability=0.5)
    door = open_door(faults=(rule,), seed=3)
    place(door)
    ids = door.result("stock.shipment.out", "search", [])
    statuses = [door.call("stock.shipment.out", "assign_try", ids).status_code for _ in range(12)]
    assert set(statuses) == {200, 500}


def test_ids_that_are_not_in_a_list_of_arguments_are_malformed(door: Door) -> None:
    """Facts 2, trap: the docs' curl lines show [ID1, ID2]; methods take [[ID1, ID2]]."""
    made = place(door).json()["id"]
    assert door.ask("PUT", "model/sale.sale/quote", [made, made]).status_code == 500


# -- faults and being down ---------------------------------------------------------------------------------------------


def fault(kind: str, **more: Any) -> FaultRule:
    return msgspec.convert({"route": "sale.channel/create_order", "kind": kind, "probability": 1, **more}, FaultRule)


def test_a_lost_answer_means_the_order_was_applied(open_door: Open) -> None:
    """`answer_lost` is applied, then the connection drops; the repeat is one sale still."""
    door = open_door(faults=(fault("answer_lost"),))
    with pytest.raises(requests.ConnectionError):
        place(door)
    assert door.control("books")["create_order"]["applied_answer_lost"] == 1
    door.control("faults", [])
    assert place(door).status_code == 200
    books = door.control("books")
    assert (len(books["sales"]), books["create_order"]["repeated"]) == (1, 1)
    assert books["calls"]["sale.channel/create_order"] == {"200": 1, "dropped": 1}


def test_a_reset_before_means_nothing_was_applied(open_door: Open) -> None:
    """`reset_before` drops the connection before anything is applied."""
    door = open_door(faults=(fault("reset_before"),))
    with pytest.raises(requests.ConnectionError):
        place(door)
    assert door.control("books")["sales"] == []


def test_throttle_and_server_error_look_like_fulfils(open_door: Open) -> None:
    """Facts 5 and 6: 429 with or without Retry-After; 5xx HTML with X-Sentry-ID."""
    with_header = place(open_door(faults=(fault("throttle", retry_after_s=2),)))
    without = place(open_door(faults=(fault("throttle"),)))
    broken = place(open_door(faults=(fault("server_error"),)))
    assert (with_header.status_code, with_header.headers["Retry-After"]) == (429, "2")
    assert (without.status_code, "Retry-After" in without.headers) == (429, False)
    assert (broken.status_code, broken.headers["Content-Type"]) == (500, "text/html")
    assert len(broken.headers["X-Sentry-ID"]) == 32


def test_a_server_error_may_be_json_and_of_any_5xx(open_door: Open) -> None:
    """Facts 5: HTML or JSON text, always with X-Sentry-ID."""
    response = place(open_door(faults=(fault("server_error", status=502, as_json=True),)))
    assert (response.status_code, response.json()["code"]) == (502, 502)
    assert response.headers["X-Sentry-ID"]


@pytest.mark.parametrize(("kind", "status", "body"), [("odd_error", 400, "error"), ("error_text", 200, "Error")])
def test_odd_errors_of_the_field_were_not_applied(open_door: Open, kind: str, status: int, body: str) -> None:
    """Facts 5: a few errors have only the key `error`; some failures were answered 200 with Error in the text."""
    door = open_door(faults=(fault(kind),))
    response = place(door)
    assert response.status_code == status
    assert list(response.json()) == ["error"] if kind == "odd_error" else body in response.text
    assert door.control("books")["sales"] == []
    door.control("faults", [])
    place(door)
    assert door.control("books")["create_order"]["repeated_without_look"] == 0


def test_latency_delays_the_answer_and_nothing_else(open_door: Open) -> None:
    """Latency is a fault of its own."""
    door = open_door(faults=(fault("latency", latency_ms=30),))
    before = time.monotonic()
    assert place(door).status_code == 200
    assert time.monotonic() - before >= 0.03


def test_the_same_seed_gives_the_same_faults_in_whatever_order_the_orders_come(open_door: Open) -> None:
    """Settled: faults are keyed by seed, business key and attempt."""
    rules = tuple(fault(kind, probability=0.3) for kind in ("throttle", "server_error"))

    def fates(seed: int, identifiers: list[str]) -> dict[str, list[int]]:
        door = open_door(faults=rules, seed=seed)
        found: dict[str, list[int]] = {one: [] for one in identifiers}
        for one in itertools.chain(identifiers, reversed(identifiers)):
            found[one].append(place(door, one).status_code)
        return found

    identifiers = [f"order-{number}" for number in range(12)]
    first = fates(1, identifiers)
    assert fates(1, identifiers[::-1]) == first
    assert fates(2, identifiers) != first
    assert {status for statuses in first.values() for status in statuses} == {200, 429, 500}


def test_the_sandbox_can_be_down_and_come_back(door: Door) -> None:
    """Down refuses with 503, or drops connections; the control endpoints stay."""
    door.control("down", {"down": True})
    assert place(door).status_code == 503
    door.control("down", {"down": True, "mode": "drop"})
    with pytest.raises(requests.ConnectionError):
        place(door)
    door.control("down", {"down": False})
    assert place(door).status_code == 200


# -- the books ---------------------------------------------------------------------------------------------------------


def test_the_digest_changes_with_the_books_and_only_with_them(open_door: Open) -> None:
    """Settled: same seed, same books, compared by a digest without server ids and times."""
    one, other = open_door(), open_door()
    place(one, "a")
    place(one, "b")
    assert one.control("books/digest") != other.control("books/digest")
    place(other, "refused", amount=amount("1"))
    place(other, "b")
    place(other, "a")
    place(other, "a")
    assert one.control("books/digest") == other.control("books/digest")


PEOPLE = st.sampled_from(["ada@example.com", "ADA@example.com", "bo@example.com", ""])
ARRIVALS = st.dictionaries(st.integers(0, 999), st.tuples(PEOPLE, st.integers(1, 9)), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(arrivals=ARRIVALS, data=st.data())
def test_the_digest_does_not_depend_on_the_order_of_arrival(arrivals: dict[int, Any], data: st.DataObject) -> None:
    """Settled: whatever the interleaving, the same orders are the same books."""

    def books(numbers: list[int]) -> str:
        kept = Books(SandboxConfig(), SystemClock())
        kept.add_products([ProductSeed(sku="MUG-BLUE")])
        for number in numbers:
            email, quantity = arrivals[number]
            line = {"sku": "MUG-BLUE", "quantity": quantity, "unit_price": "1", "amount": str(quantity)}
            contacts = [["email", email]] if email else []
            changes = {"customer": {"name": f"N{number}", "contacts": contacts}, "sale_lines": [line]}
            money = {"shipping_lines": [], "payments": [], "amount": f"{quantity}.00"}
            body = json.dumps([3, order(f"o-{number}", **changes, **money)]).encode()
            place_order(kept, *read_order(body), body)
        return books_digest(kept)

    shuffled = data.draw(st.permutations(sorted(arrivals)))
    assert books(list(shuffled)) == books(sorted(arrivals))


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=4), st.sampled_from([157, 1, 90_001, 81_001, "AND", "id"])
)
FIELDS = st.sampled_from(["name", "code", "channel", "party", "lines", "taxes", "quantity", "state", "filters", "sale"])
ARGUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(FIELDS, inner, max_size=4)),
    max_leaves=12,
)
METHODS = ["search", "search_read", "read", "create", "write", "delete", "serialize", "quote", "create_order"]
METHODS += ["157", "90001/return_order", "81001/split", "157/cancel", "count", "add_attachment_from_url", "fields", ""]
METHODS += sorted({method for methods in OWN_METHODS.values() for method in methods})


@settings(max_examples=300, deadline=None)
@given(
    verb=st.sampled_from(["PUT", "GET", "POST", "DELETE"]),
    model=st.sampled_from(
        sorted({*OWN_METHODS, "sale.line", "party.party", "account.move.line", "ir.webhook", "no.such"})
    ),
    method=st.sampled_from(METHODS),
    query=st.lists(
        st.tuples(st.one_of(FIELDS, st.sampled_from(["filter", "ids", "order", "page"])), st.text(max_size=4))
    ),
    body=st.one_of(ARGUMENTS, st.lists(ARGUMENTS, max_size=3)),
)
def test_no_call_crashes_the_sandbox(verb: str, model: str, method: str, query: list[Any], body: Json) -> None:
    """Whatever is asked, there is an answer with a status of Fulfil's."""
    kept = Books(SandboxConfig(products_count=2), SystemClock())
    kept.add_products([ProductSeed(sku="MUG-BLUE", stock=Decimal(5)), ProductSeed(sku="LAMP-OAK")])
    placed = json.dumps([3, order()]).encode()
    place_order(kept, *read_order(placed), placed)
    operations = Operations(kept, Calls())
    parts = tuple(f"model/{model}/{method}".rstrip("/").split("/"))
    outcome = operations.answer(
        operations.target(verb, parts), Request(verb, parts, query, json.dumps(body).encode(errors="replace"))
    )
    assert outcome.reply.status in (200, 201, 204, 400, 404, 405, 429, 500)


def test_a_body_nested_without_end_is_refused(door: Door) -> None:
    """Everything has a limit."""
    assert door.ask("PUT", "model/sale.sale/search", "[" * 100_000 + "]" * 100_000).status_code in (400, 500)
    assert place(door).status_code == 200


def test_records_of_one_call_bear_one_instant() -> None:
    """Tryton (facts 8, T): create_date is the transaction's, so a sale and its lines agree."""

    class Ticking:
        ticks = 0

        def now(self) -> Instant:
            self.ticks += 1
            return Instant(self.ticks)

        def monotonic(self) -> float:
            return 0.0

    kept = Books(SandboxConfig(), Ticking())
    kept.add_products([ProductSeed(sku="MUG-BLUE"), ProductSeed(sku="LAMP-OAK")])
    body = json.dumps([3, order()]).encode()
    placed = place_order(kept, *read_order(body), body)
    assert {line.create_date for line in kept.lines_of(placed.sale)} == {placed.sale.create_date}


def test_the_process_says_where_it_listens_and_ends_cleanly_on_sigterm(tmp_path: Path) -> None:
    """One JSON line on stdout when ready; SIGTERM is status 0; a bad configuration is 78."""
    good = tmp_path / "sandbox.toml"
    good.write_text('port = 0\nproducts_count = 2\n[[faults]]\nroute = "*"\nkind = "latency"\nprobability = 0.1\n')
    command = [sys.executable, "-m", "connectors.fulfil.sandbox", "--config"]
    with subprocess.Popen([*command, str(good)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["ready"] is True
        assert requests.get(f"{ready['url']}/sandbox/books", timeout=10).json()["products"] == 2
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    bad = tmp_path / "bad.json"
    bad.write_text('{"prot": 1}')
    done = subprocess.run([*command, str(bad)], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 78
    assert "prot" in done.stderr
