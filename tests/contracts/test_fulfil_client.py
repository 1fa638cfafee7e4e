"""What the Fulfil connector sends, and what it makes of every way in which a call can end.

The other side is a small scripted server, written from the facts about Fulfil's API (sections 2, 4, 5, 6, 8.3 and 9),
or, where connections break, a bare socket.
"""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import anyio
import anyio.abc
import msgspec
import pytest
from yarl import URL

from connectors.fulfil.client import FulfilApi
from connectors.fulfil.config import FulfilConfig
from connectors.fulfil.wire import (
    CreatedSale,
    FindSales,
    ProductPage,
    ProductPageRequest,
    SaleFound,
    encode_create_order,
)
from connectors.http import outgoing
from runtime.api import RateReading
from runtime.errors import Failure, Refused, Throttled, Unauthorised, Unavailable, Unknown
from tests.contracts.fulfil_at import (
    TOKEN,
    answer_half,
    answer_nonsense,
    close_unanswered,
    connector,
    door,
    failure_of,
    free_port,
    never_answer,
    read_request,
    reset,
    socket_server,
)
from tests.unit.test_fulfil_wire import made_order

pytestmark = pytest.mark.anyio

ORDER = encode_create_order(3, made_order())
SALE = {
    "id": 90211,
    "number": "SO90211",
    "state": "processing",
    "channel_identifier": "shop-100045",
    "total_amount": {"__class__": "Decimal", "decimal": "52.92"},
}
CREATED = CreatedSale(
    id=90211, number="SO90211", state="processing", total=Decimal("52.92"), channel_identifier="shop-100045"
)
PRODUCTS = msgspec.json.encode(ProductPageRequest(limit=2))
CALLS = [("create_order", ORDER, True), ("search_products", PRODUCTS, False)]
"""One write and one read: (kind, body, is a write)."""


# -- what is sent ------------------------------------------------------------------------------------------------------


async def test_create_order_sends_exactly_the_given_bytes_to_the_channel_model() -> None:
    """Section 8.3: PUT /api/v2/model/sale.channel/create_order, positional arguments."""
    received = []

    async def serve(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            received.append(await read_request(stream))
            await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n90211")

    async with socket_server(serve) as url, connector(url) as api:
        assert await api.perform("create_order", ORDER) == CreatedSale(id=90211)
    head, _, body = received[0].partition(b"\r\n\r\n")
    assert head.startswith(b"PUT /api/v2/model/sale.channel/create_order HTTP/1.1\r\n")
    assert body == ORDER


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [("api_key", "x-api-key", TOKEN), ("bearer", "authorization", f"Bearer {TOKEN}")],
)
async def test_the_token_is_presented_as_configured_and_in_no_other_way(auth: str, header: str, value: str) -> None:
    """Section 1: X-API-KEY, or Authorization: Bearer; with JSON, and with our own name."""
    async with door(auth=auth) as at:
        at.fulfil.will_answer(SALE)
        await at.api.perform("create_order", ORDER)
    _, _, headers, _ = at.fulfil.asked[0]
    assert headers[header] == value
    assert sum(TOKEN in sent for sent in headers.values()) == 1
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"].startswith("seamline/")


async def test_products_are_read_by_id_and_never_by_offset_with_inactive_ones() -> None:
    """Sections 2 and 8.4: search_read with a keyset, active_test off, changed or created since then."""
    request = ProductPageRequest(changed_since=datetime(2026, 11, 20, tzinfo=UTC), after_id=157, limit=100)
    async with door(sellable_field="salable") as at:
        at.fulfil.will_answer([])
        page = await at.api.perform("search_products", msgspec.json.encode(request))
    assert page == ProductPage(products=(), last_id=157, complete=True)
    method, path, _, body = at.fulfil.asked[0]
    since = {"__class__": "datetime", "iso_string": "2026-11-20T00:00:00"}
    assert method == "PUT"
    url = URL(path)
    assert url.path == "/api/v2/model/product.product/search_read"
    assert json.loads(url.query["context"]) == {"active_test": False}
    assert body == [
        [["id", ">", 157], ["OR", ["write_date", ">=", since], ["create_date", ">=", since]]],
        0,
        100,
        [["id", "ASC"]],
        ["code", "rec_name", "active", "create_date", "write_date", "salable"],
    ]


async def test_without_a_moment_all_products_are_read_and_no_page_is_larger_than_configured() -> None:
    """Section 2: more than 500 at once is refused, so the configured size bounds every request."""
    async with door(page_size=50) as at:
        at.fulfil.will_answer([])
        await at.api.perform("search_products", msgspec.json.encode(ProductPageRequest(limit=9_999)))
    domain, offset, limit, _, fields = at.fulfil.asked[0][3]
    assert (domain, offset, limit) == ([["id", ">", 0]], 0, 50)
    assert fields == ["code", "rec_name", "active", "create_date", "write_date"]


async def test_pages_follow_each_other_until_one_is_short() -> None:
    """Section 2: no total and no cursor; the page size asked for decides, not what was wanted."""
    rows = [{"id": n, "code": f"SKU-{n}", "rec_name": f"[SKU-{n}] Thing", "active": True} for n in (4, 9, 11)]
    async with door(page_size=2) as at:
        at.fulfil.will_answer(rows[:2])
        at.fulfil.will_answer(rows[2:])
        first = await at.api.perform("search_products", msgspec.json.encode(ProductPageRequest()))
        rest = ProductPageRequest(after_id=first.last_id)
        second = await at.api.perform("search_products", msgspec.json.encode(rest))
    assert [product.code for product in (*first.products, *second.products)] == ["SKU-4", "SKU-9", "SKU-11"]
    assert (first.last_id, first.complete, second.last_id, second.complete) == (9, False, 11, True)
    assert at.fulfil.asked[1][3][0] == [["id", ">", 9]]


async def test_a_server_that_ignores_the_cursor_does_not_loop_us_for_ever() -> None:
    """A full page that ends where it should begin is no progress."""
    async with door() as at:
        at.fulfil.will_answer([{"id": 4, "code": "A"}, {"id": 9, "code": "B"}])
        request = ProductPageRequest(after_id=9, limit=2)
        assert type(await failure_of(at.api.perform("search_products", msgspec.json.encode(request)))) is Unavailable


async def test_sales_are_found_for_many_orders_in_one_call() -> None:
    """The read-back is batched: one `in` clause, as many rows as identifiers at most."""
    async with door() as at:
        at.fulfil.will_answer([SALE])
        wanted = FindSales(channel=3, channel_identifiers=("shop-100045", "shop-100046"))
        found = await at.api.perform("find_sale", msgspec.json.encode(wanted))
    assert found == (
        SaleFound(
            id=90211,
            channel_identifier="shop-100045",
            number="SO90211",
            state="processing",
            total_amount=Decimal("52.92"),
        ),
    )
    method, path, _, body = at.fulfil.asked[0]
    assert (method, path) == ("PUT", "/api/v2/model/sale.sale/search_read")
    assert body == [
        [["channel", "=", 3], ["channel_identifier", "in", ["shop-100045", "shop-100046"]]],
        0,
        2,
        [["id", "ASC"]],
        ["number", "state", "channel_identifier", "total_amount"],
    ]


# -- looking after a lost answer ---------------------------------------------------------------------------------------


async def test_a_look_finds_the_sale_of_the_stored_bytes() -> None:
    """Section 9: by channel and channel_identifier, and the result is the same as the create's own."""
    async with door() as at:
        at.fulfil.will_answer([SALE])
        assert await at.api.look("create_order", ORDER) == CREATED
    assert at.fulfil.asked[0][3][0] == [["channel", "=", 3], ["channel_identifier", "=", "shop-100045"]]


async def test_a_look_that_finds_nothing_says_so() -> None:
    """None is proof of absence, and only an empty answer gives it."""
    async with door() as at:
        at.fulfil.will_answer([])
        assert await at.api.look("create_order", ORDER) is None


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        pytest.param([{**SALE, "channel_identifier": "shop-1"}], 200, id="another order's sale"),
        pytest.param([{"id": 5}], 200, id="a sale of no order"),
        pytest.param({"message": "Error"}, 200, id="an error"),
        pytest.param(None, 200, id="null"),
        pytest.param(b"<html>", 200, id="no JSON"),
        pytest.param(b"", 503, id="503"),
    ],
)
async def test_a_look_that_was_not_answered_is_neither_found_nor_absent(answer: Any, status: int) -> None:
    """Resending after such an answer could make a second sale."""
    async with door() as at:
        at.fulfil.will_answer(answer, status=status)
        assert type(await failure_of(at.api.look("create_order", ORDER))) is Unavailable


# -- answers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "sale"),
    [
        pytest.param(SALE, CREATED, id="record"),
        pytest.param(90211, CreatedSale(id=90211), id="id"),
        pytest.param([{"id": 90211, "rec_name": "SO90211 (#1)"}], CreatedSale(id=90211, number="SO90211"), id="list"),
    ],
)
async def test_a_created_sale_is_understood_in_each_shape(answer: Any, sale: CreatedSale) -> None:
    """Section 13.1, whatever the Content-Type says."""
    async with door() as at:
        at.fulfil.will_answer(answer, Content_Type="text/plain")
        assert await at.api.perform("create_order", ORDER) == sale


@pytest.mark.parametrize(
    ("status", "body", "write", "read"),
    [
        pytest.param(400, {"type": "UserError", "code": "E1000", "message": "no"}, Refused, Refused, id="400"),
        pytest.param(401, {"message": "no"}, Unauthorised, Unauthorised, id="401"),
        pytest.param(403, {"code": 403, "message": "Forbidden"}, Unauthorised, Unauthorised, id="403"),
        pytest.param(404, {"message": "no"}, Refused, Refused, id="404"),
        pytest.param(422, {"message": "no"}, Refused, Refused, id="422"),
        pytest.param(429, {"description": "This user has exceeded"}, Throttled, Throttled, id="429"),
        pytest.param(429, {"message": "Page size 501 cannot exceed 500"}, Refused, Refused, id="429 fake"),
        pytest.param(500, b"<html>", Unknown, Unavailable, id="500"),
        pytest.param(503, b"", Unknown, Unavailable, id="503"),
        pytest.param(201, [{"id": 5}], Unknown, Unavailable, id="201"),
        pytest.param(307, b"", Unknown, Unavailable, id="307"),
        pytest.param(200, b"Error: broken", Unknown, Unavailable, id="200 with Error text"),
    ],
)
async def test_every_answer_tells_the_runtime_what_to_do(
    status: int, body: Any, write: type[Failure], read: type[Failure]
) -> None:
    """Section 5 through the wire, for a write and for a read, in one attempt each."""
    expected = {True: write, False: read}
    async with door() as at:
        for kind, sent, is_write in CALLS:
            at.fulfil.will_answer(body, status=status, Location="/elsewhere")
            assert type(await failure_of(at.api.perform(kind, sent))) is expected[is_write]
    assert len(at.fulfil.asked) == len(CALLS)


async def test_the_rate_limit_is_observed_on_every_answer_good_or_bad() -> None:
    """Section 6: the headers are on every answer."""
    headers: Any = {"X_RateLimit_Limit": "10", "X_RateLimit_Remaining": "4"}
    async with door() as at:
        at.fulfil.will_answer(SALE, **headers)
        at.fulfil.will_answer({"description": "slow down"}, status=429, Retry_After="2", **headers)
        at.fulfil.will_answer([], **headers)
        await at.api.perform("create_order", ORDER)
        assert (await failure_of(at.api.perform("create_order", ORDER))).retry_after_s == 2.0
        await at.api.look("create_order", ORDER)
    assert at.readings == [RateReading(limit_per_s=10.0, remaining=4)] * 3


async def test_an_answer_beyond_the_bound_is_not_read() -> None:
    """Memory stays bounded, also when the answer was packed small; the write looks, the read asks for less."""
    large = json.dumps([{"id": 1, "code": "x" * 100_000}]).encode()
    async with door(answer_bytes_max=50_000) as at:
        for kind, sent, is_write in CALLS:
            at.fulfil.will_answer(large)
            at.fulfil.will_answer(gzip.compress(large), Content_Encoding="gzip")
            for _ in range(2):
                assert type(await failure_of(at.api.perform(kind, sent))) is (Unknown if is_write else Refused)


# -- connections -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "body", "is_write"), CALLS)
async def test_a_refused_connection_proves_that_nothing_was_sent(kind: str, body: bytes, *, is_write: bool) -> None:
    """So it is simply tried again, a write too."""
    async with connector(f"http://127.0.0.1:{free_port()}") as api:
        assert type(await failure_of(api.perform(kind, body))) is Unavailable


@pytest.mark.parametrize(("kind", "body", "is_write"), CALLS)
async def test_a_name_that_is_not_known_proves_that_nothing_was_sent(
    kind: str, body: bytes, *, is_write: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS is outside, so it is played."""

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    async with connector("http://tenant.invalid") as api:
        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        failure = await failure_of(api.perform(kind, body))
    assert type(failure) is Unavailable
    assert "name" in str(failure)


@pytest.mark.parametrize(("kind", "body", "is_write"), CALLS)
async def test_connecting_too_slowly_proves_that_nothing_was_sent(kind: str, body: bytes, *, is_write: bool) -> None:
    """A listener whose queue is full answers no further handshake."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        try:
            for each in waiting:
                each.setblocking(False)
                each.connect_ex(listener.getsockname())
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            async with connector(url, connect_timeout_s=0.03) as api:
                assert type(await failure_of(api.perform(kind, body))) is Unavailable
        finally:
            for each in waiting:
                each.close()


@pytest.mark.parametrize(("kind", "body", "is_write"), CALLS)
@pytest.mark.parametrize("serve", [never_answer, close_unanswered, reset, answer_half, answer_nonsense])
async def test_a_lost_answer_leaves_a_write_unknown_and_a_read_unavailable(
    serve: Callable[[anyio.abc.SocketStream], Awaitable[None]], kind: str, body: bytes, *, is_write: bool
) -> None:
    """The request was there in full, so a write may have been applied."""
    async with socket_server(serve) as url, connector(url, request_timeout_s=0.1) as api:
        assert type(await failure_of(api.perform(kind, body))) is (Unknown if is_write else Unavailable)


async def test_a_write_is_never_sent_twice_when_a_kept_connection_breaks() -> None:
    """Section 9: PUT is not idempotent here, and aiohttp would repeat it by itself on a connection that was in use."""
    requests = []

    async def serve(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            requests.append(await read_request(stream))
            await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n90211")
            requests.append(await read_request(stream))

    async with socket_server(serve) as url, connector(url) as api:
        await api.perform("create_order", ORDER)
        assert type(await failure_of(api.perform("create_order", ORDER))) is Unknown
    assert len(requests) == 2


async def test_a_cancelled_call_ends_at_once_and_leaves_the_connector_usable() -> None:
    """Shutdown cancels calls; their connections are closed, not reused with an answer on the way."""
    served = 0

    async def serve(stream: anyio.abc.SocketStream) -> None:
        nonlocal served
        async with stream:
            await read_request(stream)
            served += 1
            if served == 1:
                await anyio.sleep_forever()
            await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n90211")

    async with socket_server(serve) as url, connector(url, concurrency_max=1) as api:
        with anyio.move_on_after(0.05) as scope:
            await api.perform("create_order", ORDER)
        assert scope.cancelled_caught
        assert await api.perform("create_order", ORDER) == CreatedSale(id=90211)


async def test_no_proxy_and_no_cookie_comes_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's proxy is ignored, and a cookie that a server sets is not sent back."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    async with door("localhost") as at:  # aiohttp would keep no cookie of a bare address anyway
        at.fulfil.will_answer(SALE, Set_Cookie="session=1; Path=/")
        at.fulfil.will_answer(SALE)
        await at.api.perform("create_order", ORDER)
        await at.api.perform("create_order", ORDER)
    assert all("cookie" not in headers for _, _, headers, _ in at.fulfil.asked)


# -- what is no call ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        pytest.param("make_tea", b"[]", id="unknown kind"),
        pytest.param("search_products", b"[1]", id="no page request"),
        pytest.param("search_products", b'{"changed_since": "2026-01-01T00:00:00"}', id="a moment without a zone"),
        pytest.param("find_sale", b'{"channel": 3, "channel_identifiers": []}', id="no sale to find"),
        pytest.param(
            "find_sale", msgspec.json.encode({"channel": 3, "channel_identifiers": ["x"] * 501}), id="too many"
        ),
        pytest.param("find_sale", b"\xff", id="no text"),
    ],
)
async def test_bytes_that_are_no_call_are_refused_without_calling(kind: str, body: bytes) -> None:
    """They would be as wrong the next time."""
    async with door() as at:
        assert type(await failure_of(at.api.perform(kind, body))) is Refused
    assert at.fulfil.asked == []


@pytest.mark.parametrize(("kind", "body"), [("create_order", b"[3]"), ("find_sale", b"{}")])
async def test_what_cannot_be_looked_for_is_refused_without_calling(kind: str, body: bytes) -> None:
    """Only a create has something to look for, and its bytes have to say what."""
    async with door() as at:
        assert type(await failure_of(at.api.look(kind, body))) is Refused
    assert at.fulfil.asked == []


@pytest.mark.parametrize("token", ["", "  ", "a\nb", "clé"])
async def test_a_token_that_no_header_can_carry_is_refused_at_once(token: str) -> None:
    """A stray newline at the end of a secret's file is found when the process starts, not with the first order."""
    async with outgoing(connections_max=1, connect_timeout_s=1, request_timeout_s=1) as session:
        with pytest.raises(ValueError, match="token"):
            FulfilApi(FulfilConfig(base_url="http://127.0.0.1"), token, session, observe=lambda _: None)
