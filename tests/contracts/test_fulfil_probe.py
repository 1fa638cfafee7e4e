"""`seamline probe` against Fulfil: each switch of the sandbox is found, writes are cleaned up, and failures are told.

Expected values are from the meaning of each switch (facts 13), not from what the probe happens to say.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from connectors.capability import UNKNOWN, values_of
from connectors.fulfil.capabilities import FulfilCapabilities, FulfilProbeSettings
from connectors.fulfil.config import FulfilConfig
from connectors.fulfil.probe import ITEMS, FulfilFound, probe_fulfil
from connectors.fulfil.probe_tenant import ProbedFulfil
from connectors.fulfil.probe_writes import left_behind
from connectors.fulfil.sandbox import SandboxConfig
from connectors.fulfil.sandbox.config import DEMO_CHANNEL, ProductSeed
from connectors.fulfil.sandbox.server import open_sandbox
from connectors.fulfil.table import unknown_names
from connectors.http import outgoing
from connectors.probe import Effect
from runtime.budget import Budget
from runtime.clock import SystemClock
from runtime.errors import Unauthorised, Unavailable
from runtime.testing.faults import FaultRule
from tests.contracts.door import order

pytestmark = pytest.mark.anyio

READING: frozenset[Effect] = frozenset({"reads"})
WRITING: frozenset[Effect] = frozenset({"reads", "writes"})
ALL: frozenset[Effect] = frozenset({"reads", "bursts", "writes"})
TOKEN = "sandbox-token"


def probed(url: str, session: Any, *, token: str = TOKEN, mark: str = "seamline-probe-00000001") -> ProbedFulfil:
    """The tenant at `url` under a probe, without a limit of our own."""
    return ProbedFulfil(
        FulfilConfig(base_url=url),
        token,
        session,
        SystemClock(),
        budget=Budget(SystemClock(), {"probe": 1}, concurrency_max=1),
        settings=FulfilProbeSettings(tenant="sandbox", webhook_url="http://127.0.0.1:9/v1/hints/fulfil"),
        channel_id=3,
        mark=mark,
    )


def product(sku: str) -> ProductSeed:
    return ProductSeed(sku=sku, name=sku, stock=Decimal(100))


@asynccontextmanager
async def tenant_of(**switches: Any) -> AsyncIterator[tuple[ProbedFulfil, str]]:
    """A sandbox with two products, behind these switches, and the probe of it."""
    config = SandboxConfig(**{"port": 0, "requests_per_s": 0, **switches})
    async with (
        open_sandbox(config) as running,
        outgoing(connections_max=4, connect_timeout_s=5, request_timeout_s=10) as session,
    ):
        running.sandbox.books.add_products(map(product, ("MUG-BLUE", "LAMP-OAK")))
        yield probed(running.url, session), running.url


async def found(effects: frozenset[Effect] = ALL, **switches: Any) -> FulfilFound:
    async with tenant_of(**switches) as (tenant, _):
        return await probe_fulfil(tenant, effects, timeout_s=20)


BOOKS = "what the books hold, or where the stand-in listens: not a way to behave"
FLIPPED: dict[str, tuple[dict[str, Any], dict[str, str | int]]] = {
    "create_order_answer": ({"create_order_answer": "id_rec_name"}, {"create_order_answer": "id_and_name"}),
    "total_mismatch": ({"total_mismatch": "accept"}, {"total_mismatch": "accepted"}),
    "order_problem": ({"order_problem": "exception"}, {"order_problem": "exception", "total_mismatch": "provisional"}),
    "repeat_with_change": ({"repeat_with_change": "update"}, {"same_key_changed": "updated"}),
    "channel_orders_verb": ({"channel_orders_verb": "PUT"}, {"channel_orders": "PUT orders.json"}),
    "channel_orders_path": ({"channel_orders_path": "orders"}, {"channel_orders": "POST orders"}),
    "webhook_model": ({"webhook_model": "webhook.webhook"}, {"webhook_model": "webhook.webhook"}),
    "record_events": ({"record_events": "short"}, {"record_events": "short"}),
    "stale_write": ({"stale_write": "conflict"}, {"stale_write": "conflict"}),
    "user_warnings": ({"user_warnings": "cancel"}, {"user_warnings": "seen"}),
    "user_error_status": ({"user_error_status": 422}, {"refusal_status": "422"}),
    "bad_token_status": ({"bad_token_status": 403}, {"stranger": "403"}),
    "get_without_fields": ({"get_without_fields": "minimal"}, {"get_without_fields": "minimal"}),
    "date_generation": ({"date_generation": "text"}, {"date_generation": "text"}),
    "sellable_field": ({"sellable_field": "salable"}, {"sellable_field": "salable"}),
    "identifier_model": ({"identifier_model": "product.product.code"}, {"identifier_model": "product.product.code"}),
    "street2_field": ({"street2_field": "streetbis"}, {"street2_field": "streetbis"}),
    "payment_reference_field": (
        {"payment_reference_field": "provider_reference"},
        {"payment_reference_field": "provider_reference"},
    ),
    "gateway_fee_field": ({"gateway_fee_field": "fee_kept"}, {"gateway_fee_field": "fee_kept"}),
    "shipped_at_field": ({"shipped_at_field": "shipped_moment"}, {"shipped_at_field": "shipped_moment"}),
    "cancel_after_confirm": ({"cancel_after_confirm": "unshipped"}, {"cancel_after_confirm": "accepted"}),
    "line_write_after_confirm": ({"line_write_after_confirm": "accept"}, {"line_write": "accepted"}),
    "plain_channel_identifier": ({"plain_channel_identifier": "drop"}, {"plain_channel_identifier": "dropped"}),
    "create_list": ({"create_list": "one_by_one"}, {"create_list": "one_by_one"}),
    "list_max": ({"list_max": 137}, {"list_max": 137}),
    "body_bytes_max": ({"body_bytes_max": 500_000}, {"body_bytes": "below_1_mb"}),
    "url_bytes_max": ({"url_bytes_max": 30_000}, {"url_bytes": "at_least_16_kb"}),
    "report_answer": ({"report_answer": "base64"}, {"report_answer": "document"}),
    "time_zone": ({"time_zone": "Pacific/Auckland"}, {"filter_time_zone": "other"}),
    "time_precision": ({"time_precision": "second"}, {"time_precision": "second"}),
    "processing": ({"processing": "asynchronous", "processing_delay_s": 60}, {"processing": "asynchronous"}),
}
"""A switch of the sandbox that is flipped, and what must be found then."""
SECOND_CHOICES: tuple[tuple[dict[str, Any], dict[str, str | int]], ...] = (
    ({"create_order_answer": "id"}, {"create_order_answer": "id"}),
    ({"stale_write": "user_error"}, {"stale_write": "user_error"}),
    ({"stale_write": "exception_type"}, {"stale_write": "concurrency_exception"}),
    ({"date_generation": "v1"}, {"date_generation": "parts"}),
    ({"date_generation": "v3"}, {"date_generation": "iso"}),
    ({"plain_channel_identifier": "refuse"}, {"plain_channel_identifier": "refused"}),
    ({"record_events": "dotted"}, {"record_events": "dotted"}),
    ({"url_bytes_max": 600}, {"url_bytes": "below_2_kb"}),
    ({"body_bytes_max": 5_000}, {"body_bytes": "below_64_kb"}),
)
"""Further choices of switches that have more than two."""
ELSEWHERE = ("retry_after", "requests_per_s", "credit_note", "cost_origin", "channels")
"""Switches that have a test of their own below."""
NOT_ASKED = {
    **dict.fromkeys(
        ("host", "port", "token", "other_tokens", "products_file", "products_count", "products_stock", "seed"), BOOKS
    ),
    **dict.fromkeys(("warehouses", "currency_rates"), BOOKS),
    "burst": "how many calls are free at once is told by no answer; the budget learns from 429",
    "resource_limits": "a limit of one resource is met or not; the budget learns from its 429",
    "faults": "failures by chance, which every call must expect",
    "create_order_party": "the party is taken from the answer where it stands, and read back where it does not",
    "create_order_takes_s": "only chance shows it; first orders of a customer go one after another whatever it is",
    "webhook_loss": "webhooks are hints, and their loss is seen by no call",
    "webhook_disorder": "webhooks are hints, and their order is seen by no call",
    "processing_delay_s": "a duration, not a way to behave",
}
"""Settings of the sandbox that no probe can, or need, find, and why."""


def values(result: FulfilFound) -> dict[str, str | int]:
    return {name: finding.value for name, finding in result.capabilities.items()}


@pytest.fixture(scope="module", name="usual")
async def fixture_usual() -> dict[str, str | int]:
    """What is found when no switch is flipped."""
    return values(await found())


# -- switches ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("switch", FLIPPED)
async def test_a_flipped_switch_is_found(switch: str, usual: dict[str, str | int]) -> None:
    """Facts 13: what is not publicly known about a tenant is found by asking it."""
    switches, expected = FLIPPED[switch]
    got = values(await found(WRITING, **switches))
    assert {name: got[name] for name in expected} == expected
    assert all(usual[name] not in (value, UNKNOWN) for name, value in expected.items())


@pytest.mark.parametrize(("switches", "expected"), SECOND_CHOICES)
async def test_every_choice_of_a_switch_is_told_apart(
    switches: dict[str, Any], expected: dict[str, str | int], usual: dict[str, str | int]
) -> None:
    """Facts 4, 5, 9 and 13: each form that was seen somewhere has a value of its own."""
    got = values(await found(WRITING, **switches))
    assert {name: got[name] for name in expected} == expected
    assert all(usual[name] != value for name, value in expected.items())


@pytest.mark.parametrize(("switch", "expected"), [("always", "told"), ("never", "not_told")])
async def test_a_burst_tells_whether_a_429_says_when_to_come_again(switch: str, expected: str) -> None:
    """Facts 13.3: whether the 429 of the rate limit always has Retry-After is not known."""
    got = values(await found(frozenset({"bursts"}), retry_after=switch, requests_per_s=5, burst=5))
    assert got["retry_after"] == expected


async def test_the_rate_limit_is_the_one_that_answers_tell(usual: dict[str, str | int]) -> None:
    """Facts 6: X-RateLimit-Limit on every answer, in requests per second."""
    got = values(await found(READING, requests_per_s=400, burst=100))
    assert (got["rate_limit_per_s"], usual["rate_limit_per_s"]) == (400, "not_told")


@pytest.mark.parametrize(("switch", "expected"), [("negative_out", "negative_out"), ("out_credit_note", "own_type")])
async def test_the_form_of_credit_notes_is_found_where_there_is_one(switch: str, expected: str) -> None:
    """Facts 13.7: credit-note sign rules. Goods were shipped and came back."""
    channel = msgspec.structs.replace(DEMO_CHANNEL, invoice_method="order")
    async with tenant_of(credit_note=switch, channels=(channel,)) as (tenant, url):
        await _credited(url)
        result = await probe_fulfil(tenant, READING, timeout_s=20)
    assert values(result)["credit_note"] == expected


@pytest.mark.parametrize("switch", ["shipment", "stock_move"])
async def test_what_entries_of_cost_name_is_found_where_something_has_left(switch: str) -> None:
    """Facts 8.9: origin of account.move. Goods that cost nothing have no entry, and then it names neither."""
    async with tenant_of(cost_origin=switch) as (tenant, url):
        assert values(await probe_fulfil(tenant, READING, timeout_s=20))["cost_origin"] == UNKNOWN
        await _shipped(url, "shop-1")
        assert values(await probe_fulfil(tenant, READING, timeout_s=20))["cost_origin"] == "none"
        await _told(url, "sandbox/products", [{"sku": "MUG-BLUE", "cost": "2.50"}])
        await _shipped(url, "shop-2")
        assert values(await probe_fulfil(tenant, READING, timeout_s=20))["cost_origin"] == switch


async def test_a_sales_channel_that_takes_no_orders_is_told_and_the_rest_is_still_found() -> None:
    """Facts 12: missing create permission on the channel refuses the order."""
    channel = msgspec.structs.replace(DEMO_CHANNEL, orders_allowed=False)
    result = await found(WRITING, channels=(channel,))
    assert result.capabilities["create_order_answer"].value == UNKNOWN
    assert result.capabilities["create_order_answer"].evidence
    assert result.capabilities["sellable_field"].value == "sellable"


def test_every_setting_of_the_sandbox_is_probed_or_has_a_reason_not_to_be() -> None:
    """A new switch needs a probe, or a sentence that says why there is none."""
    named = [*FLIPPED, *ELSEWHERE, *NOT_ASKED]
    assert sorted(named) == sorted(SandboxConfig.__struct_fields__)


def test_every_capability_is_found_by_an_item() -> None:
    """What strategies can read is what a probe can find, and nothing else."""
    finds = [name for item in ITEMS for name in item.finds]
    assert sorted(finds) == sorted(FulfilCapabilities.__struct_fields__)


async def test_what_is_found_is_a_value_of_its_closed_list() -> None:
    """Nothing is lost on the way into the struct that strategies read."""
    result = await found(retry_after="never", requests_per_s=300, burst=20)
    capabilities, refused = values_of(FulfilCapabilities, result.capabilities)
    assert refused == ()
    assert capabilities.create_order_answer == "record"
    assert capabilities.amending == "none"


# -- manners -----------------------------------------------------------------------------------------------------------


async def test_without_leave_to_write_nothing_is_written() -> None:
    """Read-only is the default; the books say so."""
    async with tenant_of() as (tenant, url):
        result = await probe_fulfil(tenant, READING, timeout_s=20)
        books = await _books(url)
    assert books["sales"] == []
    assert "product.product/search_read" in books["calls"]
    assert not [route for route in books["calls"] if route.endswith(("/create", "/write", "/cancel", "create_order"))]
    assert values(result)["sellable_field"] == "sellable"
    assert "create_order_answer" not in result.capabilities


async def test_what_was_written_is_cancelled_and_what_cannot_be_is_told() -> None:
    """Facts 13.8: a sale past quotation can be cancelled on one tenant, and not on another."""
    async with tenant_of(cancel_after_confirm="unshipped", create_list="one_by_one", total_mismatch="accept") as (
        tenant,
        url,
    ):
        result = await probe_fulfil(tenant, WRITING, timeout_s=20)
        states = {sale["state"] for sale in (await _books(url))["sales"]}
    assert (result.left, states) == ((), {"cancel"})
    kept = await found(WRITING, cancel_after_confirm="refuse")
    assert [left.state for left in kept.left] == ["processing"]
    assert "seamline-probe-" in kept.left[0].what


async def test_a_probe_that_died_is_cleaned_up_by_the_next_and_told_by_one_that_only_reads() -> None:
    """What is left is found on the tenant itself, by its mark; no file of ours has to survive."""
    async with tenant_of(cancel_after_confirm="unshipped") as (tenant, url):
        first = next(item for item in ITEMS if "create_order_answer" in item.finds)
        await first.find(tenant)  # and here it dies
        async with outgoing(connections_max=2, connect_timeout_s=5, request_timeout_s=10) as session:
            reading = await probe_fulfil(probed(url, session, mark="seamline-probe-00000002"), READING, timeout_s=20)
            assert [left.what for left in reading.before] == ["sale SO90001 (seamline-probe-00000001-a)"]
            writer = probed(url, session, mark="seamline-probe-00000003")
            writing = await probe_fulfil(writer, WRITING, timeout_s=20)
            assert len(writing.before) == 1
            assert (writing.left, await left_behind(writer)) == ((), ())


async def test_an_item_that_fails_is_unknown_with_its_reason_and_the_others_go_on() -> None:
    """One module that breaks must not hide the rest of the tenant."""
    fault = FaultRule(route="product.product/get", kind="server_error", probability=1)
    result = await found(READING, faults=(fault,))
    assert result.capabilities["get_without_fields"].how == "unknown"
    assert "500" in result.capabilities["get_without_fields"].evidence
    assert result.capabilities["page_cap"].value == 500


async def test_an_item_that_takes_too_long_is_unknown() -> None:
    """A tenant that hangs on one question is asked the next one."""
    fault = FaultRule(route="product.product/get", kind="latency", probability=1, latency_ms=60_000)
    async with tenant_of(faults=(fault,)) as (tenant, _):
        result = await probe_fulfil(tenant, READING, timeout_s=1)
    assert "longer than 1 s" in result.capabilities["get_without_fields"].evidence
    assert result.capabilities["page_cap"].value == 500


async def test_a_create_whose_answer_is_lost_leaves_a_sale_that_is_found_and_cancelled() -> None:
    """Facts 9: a create may have been applied although nobody said so."""
    fault = FaultRule(route="sale.channel/create_order", kind="answer_lost", probability=1)
    async with tenant_of(faults=(fault,), cancel_after_confirm="unshipped") as (tenant, url):
        result = await probe_fulfil(tenant, WRITING, timeout_s=20)
        states = [sale["state"] for sale in (await _books(url))["sales"]]
    assert result.capabilities["create_order_answer"].value == UNKNOWN
    assert states
    assert set(states) == {"cancel"}


async def test_a_throttled_probe_waits_and_goes_on() -> None:
    """Facts 6: 10 requests per second; a probe has no more right to them than anybody else."""
    fault = FaultRule(route="product.product/get", kind="throttle", probability=0.4, retry_after_s=1)
    result = await found(READING, faults=(fault,), seed=3)
    assert result.capabilities["get_without_fields"].value == "full"


@pytest.mark.parametrize(("token", "kind"), [("wrong", Unauthorised), (TOKEN, Unavailable)])
async def test_a_tenant_that_is_not_there_or_refuses_us_ends_the_probe(token: str, kind: type[Exception]) -> None:
    """There is nothing to find out then, and no file to be written."""
    async with tenant_of() as (_, url):
        base = url if token == "wrong" else "http://127.0.0.1:9"
        async with outgoing(connections_max=2, connect_timeout_s=5, request_timeout_s=10) as session:
            with pytest.raises(kind):
                await probe_fulfil(probed(base, session, token=token), READING, timeout_s=20)


async def test_found_names_are_those_that_the_connector_takes() -> None:
    """A payment's reference is called otherwise on this tenant; the connector is told so."""
    result = await found(READING, payment_reference_field="provider_reference")
    assert result.names == {"sale.payment.reference": "provider_reference"}
    assert result.capabilities["missing_fields"].value == "some"


# -- what no switch of the sandbox plays -------------------------------------------------------------------------------

Meddle = Callable[[str, Any], web.Response | Any]


@asynccontextmanager
async def meddled(meddle: Meddle, **switches: Any) -> AsyncIterator[ProbedFulfil]:
    """The probe of a tenant that is the sandbox, but for what `meddle` answers, or changes in what it is asked."""
    async with (
        tenant_of(cancel_after_confirm="unshipped", **switches) as (_, url),
        aiohttp.ClientSession() as onward,
    ):

        async def pass_on(request: web.Request) -> web.StreamResponse:
            path, raw = request.path.removeprefix("/api/v2/"), await request.read()
            given = meddle(path, json.loads(raw) if raw else None)
            if isinstance(given, web.Response):
                return given
            headers = {name: value for name, value in request.headers.items() if name.lower() == "x-api-key"}
            target, body = f"{url}{request.path_qs}", None if given is None else json.dumps(given).encode()
            async with onward.request(request.method, target, data=body, headers=headers) as answer:
                said = (await answer.read()).replace(_AGAIN.encode(), b"")
                return web.Response(status=answer.status, body=said)

        application = web.Application(client_max_size=10_000_000)
        application.router.add_route("*", "/{path:.*}", pass_on)
        async with (
            TestServer(application) as server,
            outgoing(connections_max=4, connect_timeout_s=5, request_timeout_s=10) as session,
        ):
            yield probed(f"http://127.0.0.1:{server.port}", session)


_AGAIN = "-again"
"""What sets the second sale of one key apart in the sandbox; no answer shows it."""


def _is_changed_create(path: str, content: Any) -> bool:
    return path.endswith("create_order") and content[1]["sale_lines"][0]["quantity"] == 2


async def test_a_key_that_refuses_another_body_is_found() -> None:
    """Facts 9.1 name two readings; a tenant may have a third."""

    def refuses(path: str, content: Any) -> Any:
        error = {"type": "UserError", "code": "E1000", "message": "This order exists.", "description": ""}
        return web.json_response(error, status=400) if _is_changed_create(path, content) else content

    async with meddled(refuses) as tenant:
        result = await probe_fulfil(tenant, WRITING, timeout_s=20)
    assert result.capabilities["same_key_changed"].value == "refused"


async def test_a_key_that_makes_a_second_sale_is_found_and_both_are_cancelled() -> None:
    """Facts 9.2: where the key is no unique one, nothing may ever be repeated."""

    def forgets(path: str, content: Any) -> Any:
        if _is_changed_create(path, content):
            content[1]["channel_identifier"] += _AGAIN  # the answer names the key that was sent
        return content

    async with meddled(forgets) as tenant:
        result = await probe_fulfil(tenant, WRITING, timeout_s=20)
    assert result.capabilities["same_key_changed"].value == "second_sale"
    assert not values_of(FulfilCapabilities, result.capabilities)[0].repeats_create
    assert result.left == ()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (403, {"code": "403", "message": "You have no access to this model."}, "no_permission"),
        (404, {"code": 404, "name": "Not Found"}, "missing"),
        (500, {"error": "no such module"}, "missing"),
    ],
)
async def test_a_part_that_cannot_be_read_is_told_apart_from_one_that_is_not_there(
    status: int, body: Any, expected: str
) -> None:
    """Facts 1: model access applies to the token's user; not every tenant has every module."""

    def closed(path: str, content: Any) -> Any:
        return web.json_response(body, status=status) if path.startswith("model/stock.shipment.out/") else content

    async with meddled(closed) as tenant:
        result = await probe_fulfil(tenant, READING, timeout_s=20)
    assert result.capabilities["shipments"].value == expected
    assert result.capabilities["payments"].value == "readable"


async def test_a_field_that_is_missing_is_found_for_the_connector_to_leave_out() -> None:
    """Facts 12: names drift over years; a field that is not known fails the whole read."""

    def lacks(path: str, content: Any) -> Any:
        reads = path == "model/stock.move/search_read"
        return web.Response(status=500, text="oops") if reads and "effective_date" in content[4] else content

    async with meddled(lacks) as tenant:
        result = await probe_fulfil(tenant, READING, timeout_s=20)
    assert result.names == {"stock.move.effective_date": ""}
    assert "stock.move.effective_date" in result.capabilities["missing_fields"].evidence
    assert unknown_names(result.names) == ()


async def test_a_tenant_that_goes_down_meanwhile_has_said_nothing() -> None:
    """Else a file that was good would be replaced by one that knows nothing."""
    asked = []

    def goes_down(path: str, content: Any) -> Any:
        asked.append(path)
        return web.Response(status=503) if len(asked) > 20 else content

    async with meddled(goes_down) as tenant:
        with pytest.raises(Unavailable):
            await probe_fulfil(tenant, READING, timeout_s=20)


_TAKES_BACK = ("model/ir.webhook/delete", "model/ir.webhook/write")


async def test_a_webhook_that_could_not_be_taken_back_is_told_and_taken_back_by_the_next_probe() -> None:
    """It bears the mark in its address, so that nobody else's is touched."""
    refusing = [True]

    def keeps(path: str, content: Any) -> Any:
        return web.Response(status=500) if path in _TAKES_BACK and refusing[0] else content

    async with meddled(keeps, record_events="short") as tenant:
        result = await probe_fulfil(tenant, WRITING, timeout_s=20)
        assert [left.what for left in result.left] == ["webhook 1 for order.created"]
        refusing[0] = False
        again = await probe_fulfil(tenant, READING, timeout_s=20)
        assert len(again.before) == 1
        assert (await probe_fulfil(tenant, WRITING, timeout_s=20)).left == ()


# -- the sandbox as a tenant -------------------------------------------------------------------------------------------


async def _books(url: str) -> Any:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/sandbox/books") as answer:
        return await answer.json()


async def _told(url: str, path: str, content: Any) -> None:
    """Tell the sandbox something."""
    async with aiohttp.ClientSession(headers={"X-API-KEY": TOKEN}) as session:
        verb = "POST" if path.startswith("sandbox") else "PUT"
        async with session.request(verb, f"{url}/{path}", json=content) as answer:
            assert answer.status == 200, await answer.text()


async def _shipped(url: str, name: str) -> None:
    """Make a sale and ship it."""
    await _told(url, "api/v2/model/sale.channel/create_order", [3, order(name)])
    await _told(url, "sandbox/play", {"event": "ship", "order": name})


async def _credited(url: str) -> None:
    """Make a sale, ship it and return it, so that a credit note is made."""
    async with aiohttp.ClientSession(headers={"X-API-KEY": TOKEN}) as session:

        async def call(verb: str, path: str, content: Any) -> Any:
            async with session.request(verb, f"{url}/{path}", json=content) as answer:
                assert answer.status == 200, await answer.text()
                return await answer.json()

        made = await call("PUT", "api/v2/model/sale.channel/create_order", [3, order("shop-1")])
        await call("POST", "sandbox/play", {"event": "ship", "order": "shop-1"})
        (sale,) = await call("PUT", "api/v2/model/sale.sale/read", [[made["id"]], ["lines"]])
        back = {"channel_identifier": "r-1", "lines": [{"order_line_id": sale["lines"][0], "return_quantity": 1}]}
        await call("PUT", f"api/v2/model/sale.sale/{made['id']}/return_order", [back])
