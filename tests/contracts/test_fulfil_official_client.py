"""Fulfil's own client, unchanged, works against the sandbox: only the address it hard-codes is replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import fulfil_client
import msgspec
import pytest
import requests
from anyio.from_thread import start_blocking_portal
from fulfil_client.client import APIKeyAuth, BearerAuth
from fulfil_client.exceptions import AuthenticationError, ClientError, RateLimitError, ServerError, UserError

from connectors.fulfil.sandbox import FaultRule, ProductSeed, SandboxConfig, open_sandbox

CREATE = "sale.channel/create_order"
Start = Callable[..., fulfil_client.Client]


def client_at(url: str, auth: Any) -> fulfil_client.Client:
    """The client as made for `localhost`, then pointed at the sandbox's port."""
    client = fulfil_client.Client("localhost", context={})
    client.host = url
    client.base_url = f"{url}/api/v2"
    client.session.auth = auth
    return client


@pytest.fixture(name="start")
def fixture_start() -> Iterator[Start]:
    """Starts a sandbox with the given settings and answers a client of it."""
    with start_blocking_portal() as portal:
        opened: list[Any] = []

        def start(auth: Any = None, **given: Any) -> fulfil_client.Client:
            config = msgspec.structs.replace(SandboxConfig(port=0, requests_per_s=0, products_count=3), **given)
            manager = portal.wrap_async_context_manager(open_sandbox(config))
            client = client_at(manager.__enter__().url, auth or APIKeyAuth("sandbox-token"))
            opened.append((client, manager))
            return client

        yield start
        for client, manager in opened:
            client.session.close()
            manager.__exit__(None, None, None)


@pytest.fixture(name="client")
def fixture_client(start: Start) -> fulfil_client.Client:
    """A client of a sandbox without limits and faults."""
    return start()


def order(identifier: str) -> dict[str, Any]:
    """An order of one line, in the types the client encodes by itself."""
    address = {"name": "Ada Moss", "address1": "1 Elm St", "city": "Austin", "zip": "78701", "country_code": "US"}
    line = {"sku": "SKU-000001", "quantity": 2, "unit_price": Decimal("24.50"), "amount": Decimal("49.00")}
    return {
        "channel_identifier": identifier,
        "reference": f"#{identifier}",
        "confirmed_at": "2026-11-20T14:03:11+00:00",
        "customer": {"name": "Ada Moss", "contacts": [["email", "ada@example.com"]]},
        "billing_address": address,
        "shipping_address": address,
        "sale_lines": [{**line, "channel_identifier": "L1", "tax_lines": []}],
        "amount": Decimal("49.00"),
        "currency_code": "USD",
        "status": "pending",
    }


def test_the_client_fetches_its_context_from_the_users_preferences(client: fulfil_client.Client) -> None:
    """Facts 11: `PUT res.user/get_preferences` answers an object, which becomes the context of later calls."""
    assert client.refresh_context()["company"] == 1
    assert len(client.model("product.product").search([], None, None, None)) == 3


def test_find_pages_through_records_with_nested_fields(client: fulfil_client.Client) -> None:
    """Facts 11: the GET with filter, page, per_page, repeated field and the text `null` as order."""
    products = client.model("product.product")
    found = products.find([["code", "like", "SKU-%"]], page=2, per_page=2, fields=["code", "template.name"])
    assert [(row["code"], row["template.name"]) for row in found] == [("SKU-000003", "Product 3")]
    assert products.find() == [{"id": 157 + n, "rec_name": f"[SKU-00000{n + 1}] Product {n + 1}"} for n in range(3)]


def test_get_answers_the_whole_record_with_decoded_values(client: fulfil_client.Client) -> None:
    """Facts 2 and 4: Decimal and datetime objects become Python values."""
    product = client.model("product.product").get(157)
    assert product["code"] == "SKU-000001"
    assert isinstance(product["list_price"], Decimal)
    assert isinstance(product["create_date"], datetime)
    assert product["write_date"] is None


def test_search_read_all_reads_everything_in_batches(start: Start) -> None:
    """Facts 11: one search without limit, then reads of at most 500 ids."""
    client = start(products_count=1_203)
    rows = client.model("product.product").search_read_all([], [["id", "ASC"]], ["code"])
    assert [row["code"] for row in rows] == [f"SKU-{number:06d}" for number in range(1, 1_204)]


def test_create_write_and_record_update_change_a_party(client: fulfil_client.Client) -> None:
    """Facts 2: create answers ids, write answers null."""
    parties = client.model("party.party")
    (made,) = parties.create([{"name": "Ada Moss", "code": "SHOP-778"}])
    assert parties.write([made], {"name": "A. Moss"}) is None
    assert client.record("party.party", made).update(is_customer=False) is None
    (row,) = parties.search_read([["code", "=", "SHOP-778"]], None, None, None, ["name", "is_customer", "write_date"])
    assert (row["name"], row["is_customer"]) == ("A. Moss", False)
    assert isinstance(row["write_date"], datetime)


def test_create_order_twice_with_one_key_is_one_sale(client: fulfil_client.Client) -> None:
    """Facts 9.1: any number of times, one order, same response."""
    channel, sales = client.model("sale.channel"), client.model("sale.sale")
    first = channel.create_order(3, order("shop-1"))
    assert channel.create_order(3, order("shop-1")) == first
    assert channel.create_order(3, order("shop-2"))["id"] != first["id"]
    assert sales.search_count([]) == 2
    (row,) = sales.read([first["id"]], ["total_amount", "sale_date", "state"])
    assert (row["total_amount"], row["sale_date"], row["state"]) == (Decimal("49.00"), date(2026, 11, 20), "processing")


def test_dates_of_the_client_work_in_filters(client: fulfil_client.Client) -> None:
    """Facts 4: the client sends ISO-only date objects."""
    client.model("sale.channel").create_order(3, order("shop-1"))
    sales = client.model("sale.sale")
    assert sales.search_count([["sale_date", "=", date(2026, 11, 20)]]) == 1
    assert sales.search_count([["confirmation_time", "<", datetime(2026, 11, 20, 14, 3, 11)]]) == 0  # noqa: DTZ001


def test_a_refused_order_is_a_user_error(client: fulfil_client.Client) -> None:
    """Facts 5: 400 with type UserError, code and description."""
    with pytest.raises(UserError) as caught:
        client.model("sale.channel").create_order(3, {**order("shop-1"), "amount": Decimal("48.00")})
    assert (caught.value.code, caught.value.description) == ("E1000", "")
    assert "computed total 49.00" in caught.value.message


def test_another_400_is_a_client_error_with_the_whole_body(client: fulfil_client.Client) -> None:
    """Facts 5: a 400 that is not a UserError."""
    with pytest.raises(ClientError) as caught:
        client.model("sale.sale").find(per_page="many")
    assert not isinstance(caught.value, UserError)
    assert caught.value.message["code"] == 400


def test_a_wrong_token_is_an_authentication_error(start: Start) -> None:
    """Facts 5: 401 with a JSON body; and the right token works as Bearer too."""
    with pytest.raises(AuthenticationError):
        start(auth=APIKeyAuth("wrong")).model("sale.sale").search([])
    assert start(auth=BearerAuth("sandbox-token")).model("sale.sale").search([]) == []


def test_the_rate_limit_and_the_page_size_are_rate_limit_errors(start: Start) -> None:
    """Facts 5 and 6: both are 429, told apart by their text."""
    products = start(requests_per_s=0.1, burst=1).model("product.product")
    products.search_count([])
    with pytest.raises(RateLimitError) as limited:
        products.search_count([])
    assert "user" in limited.value.message["description"]
    with pytest.raises(RateLimitError) as fake:
        start().model("product.product").find(per_page=501)
    assert "Page size" in fake.value.message["message"]


def test_a_server_error_carries_the_sentry_id(start: Start) -> None:
    """Facts 5: 5xx with X-Sentry-ID; malformed arguments are one of those."""
    client = start(faults=(FaultRule(route=CREATE, kind="server_error", probability=1),))
    for broken in (
        lambda: client.model("sale.channel").create_order(3, order("shop-1")),
        lambda: client.model("sale.sale").search(1),
    ):
        with pytest.raises(ServerError) as caught:
            broken()
        assert (caught.value.code, len(caught.value.sentry_id)) == (500, 32)


def test_a_missing_record_is_a_client_error_with_its_message(client: fulfil_client.Client) -> None:
    """Facts 5: the Content-Type is exactly application/json, so the client finds the message."""
    with pytest.raises(ClientError) as caught:
        client.model("sale.sale").get(1)
    assert (caught.value.code, caught.value.message) == (404, "There is no sale.sale with that id.")


def test_a_lost_answer_is_a_connection_error_and_the_order_is_there(start: Start) -> None:
    """Facts 11: dropped connection after commit."""
    client = start(faults=(FaultRule(route=CREATE, kind="answer_lost", probability=1),))
    with pytest.raises(requests.ConnectionError):
        client.model("sale.channel").create_order(3, order("shop-1"))
    assert client.model("sale.sale").search_count([["channel_identifier", "=", "shop-1"]]) == 1


def test_the_small_calls_of_the_client_are_served(client: fulfil_client.Client) -> None:
    """Facts 11: today, is_auth_alive, login, attach."""
    assert isinstance(client.today(), date)
    assert client.is_auth_alive() is True
    user, session = client.login("ada", "sandbox-token")
    assert (user, len(session)) == (1, 64)
    assert isinstance(client.model("product.product").attach(157, "label.pdf", "https://example.com/label.pdf"), int)


def test_the_clients_price_is_the_seeds(start: Start, tmp_path: Any) -> None:
    """Config: a seed file of products is in the books at the start."""
    file = tmp_path / "products.json"
    file.write_bytes(msgspec.json.encode([ProductSeed(sku="MUG-BLUE", price=Decimal("24.50"))]))
    client = start(products_file=str(file), products_count=0)
    (row,) = client.model("product.product").search_read([], None, None, None, ["code", "list_price"])
    assert (row["code"], row["list_price"]) == ("MUG-BLUE", Decimal("24.50"))
