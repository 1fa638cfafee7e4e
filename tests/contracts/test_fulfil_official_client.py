"""Fulfil's own client, unchanged, works against the sandbox: only the address it hard-codes is replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import fulfil_client
import fulfil_client.client
import msgspec
import pytest
import requests
from anyio.from_thread import start_blocking_portal
from fulfil_client.client import APIKeyAuth, BearerAuth
from fulfil_client.exceptions import AuthenticationError, ClientError, RateLimitError, ServerError, UserError

from connectors.fulfil.sandbox import FaultRule, ProductSeed, SandboxConfig, open_sandbox

CREATE = "sale.channel/create_order"
Start = Callable[..., fulfil_client.Client]


def client_at(url: str, auth: Any, *, retry_on_rate_limit: bool) -> fulfil_client.Client:
    """The client as made for `localhost`, then pointed at the sandbox's port."""
    client = fulfil_client.Client("localhost", context={}, retry_on_rate_limit=retry_on_rate_limit)
    client.host = url
    client.base_url = f"{url}/api/v2"
    client.session.auth = auth
    return client


@pytest.fixture(name="start")
def fixture_start() -> Iterator[Start]:
    """Starts a sandbox with the given settings and answers a client of it."""
    with start_blocking_portal() as portal:
        opened: list[Any] = []

        def start(auth: Any = None, *, retry_on_rate_limit: bool = False, **given: Any) -> fulfil_client.Client:
            config = msgspec.structs.replace(SandboxConfig(port=0, requests_per_s=0, products_count=3), **given)
            manager = portal.wrap_async_context_manager(open_sandbox(config))
            auth = auth or APIKeyAuth("sandbox-token")
            client = client_at(manager.__enter__().url, auth, retry_on_rate_limit=retry_on_rate_limit)
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


# -- the rest of the scenario: stock, workflow, shipments, returns, limits ---------------------------------------------


def receive(client: fulfil_client.Client, sku: str = "SKU-000001", quantity: int = 10) -> None:
    play(client, {"event": "receive", "goods": [{"sku": sku, "quantity": quantity}]})


def play(client: fulfil_client.Client, *events: dict[str, Any]) -> None:
    """What people in the warehouse do; Fulfil's client knows nothing of it."""
    response = client.session.post(f"{client.host}/sandbox/play", json=list(events), timeout=10)
    assert response.status_code == 200, response.text


def test_get_product_inventory_answers_by_texts_of_ids(client: fulfil_client.Client) -> None:
    """Facts 8.5 and 11: the official example indexes by an int key, which JSON does not have."""
    receive(client)
    client.model("sale.channel").create_order(3, order("shop-1"))
    found = client.model("product.product").get_product_inventory([157], [4])
    assert found == {"157": {"4": {"quantity_on_hand": 10.0, "quantity_available": 8.0}}}


def test_stock_follows_the_context_that_the_client_sends(client: fulfil_client.Client) -> None:
    """Facts 2 and 8.5: `context` of a call is merged into the client's own."""
    receive(client)
    products = client.model("product.product")
    fields = ["quantity_on_hand"]
    (here,) = products.read([157], fields, context={"locations": [4]})
    (there,) = products.read([157], fields, context={"locations": [2]})
    assert (here["quantity_on_hand"], there["quantity_on_hand"]) == (10.0, 0.0)


def test_a_plain_sale_goes_through_its_workflow(client: fulfil_client.Client) -> None:
    """Facts 8.1 (C S2): create, quote, confirm, process; the client's Decimals and dates are understood."""
    (party,) = client.model("party.party").create([{"name": "Ada Moss"}])
    line = {"product": 157, "quantity": 2, "unit_price": Decimal("24.50"), "description": "Mug"}
    values = {"channel": 3, "party": party, "sale_date": date(2026, 11, 20), "lines": [("create", [line])]}
    sales = client.model("sale.sale")
    (made,) = sales.create([values])
    for method in (sales.quote, sales.confirm, sales.process):
        assert method([made]) is None
    (row,) = sales.read([made], ["state", "total_amount", "shipments", "invoice_state"])
    assert (row["state"], row["total_amount"], len(row["shipments"])) == ("processing", Decimal("49.00"), 1)
    with pytest.raises(UserError):
        sales.cancel([made])


def test_a_shipment_is_assigned_packed_and_done(client: fulfil_client.Client) -> None:
    """Facts 8.7: workflow methods of stock.shipment.out with [[ids]], hold with a note."""
    receive(client)
    client.model("sale.channel").create_order(3, order("shop-1"))
    shipments = client.model("stock.shipment.out")
    ids = shipments.search([("state", "=", "waiting")])
    assert shipments.hold(ids, "address") is None
    with pytest.raises(UserError) as held:
        shipments.assign(ids)
    assert "address" in held.value.message
    shipments.unhold(ids, "fine")
    assert shipments.assign_try(ids) is True
    shipments.pack(ids)
    shipments.done(ids)
    (row,) = shipments.search_read(
        [("state", "=", "done")], None, None, [("write_date", "ASC")], ["effective_date", "write_date", "order_numbers"]
    )
    assert isinstance(row["effective_date"], date)
    assert isinstance(row["write_date"], datetime)
    (invoice,) = client.model("account.invoice").search_read([], None, None, None, ["total_amount", "state"])
    assert (invoice["total_amount"], invoice["state"]) == (Decimal("49.00"), "posted")


def test_records_written_since_a_moment_are_found(client: fulfil_client.Client) -> None:
    """Facts 8 and 12: write_date is null until the first update, so a sync ORs create_date."""
    made = client.model("sale.channel").create_order(3, order("shop-1"))["id"]
    sales, since = client.model("sale.sale"), datetime(2020, 1, 1)  # noqa: DTZ001 - the client's own are naive
    written = ("write_date", ">", since)
    either = ["OR", written, ["AND", ("write_date", "=", None), ("create_date", ">", since)]]
    assert (sales.search([written]), sales.search([either])) == ([], [made])
    sales.write([made], {"comment": "later"})
    assert sales.search([written]) == [made]


def test_search_read_all_takes_limit_offset_and_batches(start: Start) -> None:
    """Facts 11: the client searches once with its own offset and limit, then reads in batches."""
    products = start(products_count=30).model("product.product")
    rows = list(products.search_read_all([], [["id", "DESC"]], ["code"], batch_size=7, offset=5, limit=20))
    assert {row["code"] for row in rows} == {f"SKU-{number:06d}" for number in range(6, 26)}


def test_delete_answers_nothing_and_the_record_is_gone(client: fulfil_client.Client) -> None:
    """Facts 2: delete by PUT answers null."""
    (party,) = client.model("party.party").create([{"name": "Ada Moss"}])
    sales = client.model("sale.sale")
    (made,) = sales.create([{"channel": 3, "party": party}])
    assert sales.delete([made]) is None
    with pytest.raises(ClientError):
        sales.get(made)


def test_a_return_is_keyed_by_its_identifier(client: fulfil_client.Client) -> None:
    """Facts 8.10: the instance method is reached through the path; the client's record proxies do the same."""
    receive(client)
    made = client.model("sale.channel").create_order(3, order("shop-1"))["id"]
    play(client, {"event": "ship", "order": "shop-1"})
    (line,) = client.model("sale.sale").get(made)["lines"]
    body = {"channel_identifier": "r-1", "lines": [{"order_line_id": line, "return_quantity": 1}]}
    answers = [getattr(client.model("sale.sale"), f"{made}/return_order")(body) for _ in range(2)]
    assert answers[0] == answers[1]
    assert client.model("sale.sale").get(answers[0]["id"])["total_amount"] == Decimal("-24.50")


def test_an_async_result_is_polled_until_it_is_there(start: Start) -> None:
    """Facts 2 and 11: the client makes an AsyncResult of the answer, and asks POST /async-result."""
    client = start(processing="asynchronous", processing_delay_s=30)
    made = client.model("sale.channel").create_order(3, order("shop-1"))
    assert made["state"] == "confirmed"
    result = client.model("sale.sale").process([made["id"]]).bind(client)
    assert result.ready() is False
    play(client, {"event": "advance", "seconds": 60})
    assert result.ready() is True


def test_reports_and_wizards_are_served(client: fulfil_client.Client) -> None:
    """Facts 11: report, interactive report, and the three calls of a wizard."""
    receive(client)
    made = client.model("sale.channel").create_order(3, order("shop-1"))["id"]
    play(client, {"event": "ship", "order": "shop-1"})
    assert client.report("sale.sale").execute([made])["url"]
    assert client.interactive_report("inventory.by_warehouse.report").execute(warehouse=4)["data"]
    with client.wizard("sale.return_sale").session(active_ids=[made]) as session:
        result = session.execute("return_")
    assert result["actions"][0][0] == "open_sale"


def test_a_throttled_put_is_repeated_by_the_client_when_it_is_told_to(start: Start) -> None:
    """Facts 6: retry_on_rate_limit repeats a 429, of a PUT too; off by default."""
    faults = (FaultRule(route="sale.sale/search_count", kind="throttle", probability=0.5),)
    seed = next(seed for seed in range(99) if throttled(start(faults=faults, seed=seed), times=1))
    patient = start(faults=faults, seed=seed, retry_on_rate_limit=True)
    assert patient.model("sale.sale").search_count([]) == 0


def throttled(client: fulfil_client.Client, *, times: int) -> bool:
    """Whether the same call is refused so many times, and then answered."""
    for _ in range(times):
        try:
            client.model("sale.sale").search_count([])
        except RateLimitError:
            continue
        return False
    try:
        client.model("sale.sale").search_count([])
    except RateLimitError:
        return False
    return True


def test_a_unique_code_is_a_user_error_that_names_it(client: fulfil_client.Client) -> None:
    """Facts 5 and 12: the text names the constraint, and says `code` and `unique`."""
    parties = client.model("party.party")
    parties.create([{"name": "Ada Moss", "code": "SHOP-778"}])
    with pytest.raises(UserError) as caught:
        parties.create([{"name": "Bo Lind", "code": "SHOP-778"}])
    assert "code" in caught.value.message
    assert "unique" in caught.value.message


def test_anything_but_200_is_a_server_error_to_the_client(client: fulfil_client.Client) -> None:
    """Facts 5: 201 and 204 of the REST verbs are errors to this client, which is why it never uses them."""
    response = client.session.post(f"{client.base_url}/model/party.party", json=[{"name": "Ada Moss"}], timeout=10)
    assert response.status_code == 201
    with pytest.raises(ServerError):
        fulfil_client.client.json_response(lambda: response)()


@pytest.mark.parametrize("generation", ["v1", "v2", "v3"])
def test_dates_of_every_generation_are_understood_by_the_client(start: Start, generation: str) -> None:
    """Facts 4: which of them a server of today answers is unknown (13.6)."""
    client = start(date_generation=generation)
    made = client.model("sale.channel").create_order(3, order("shop-1"))["id"]
    row = client.model("sale.sale").get(made)
    assert (row["sale_date"], row["confirmation_time"]) == (date(2026, 11, 20), datetime(2026, 11, 20, 14, 3, 11))  # noqa: DTZ001
