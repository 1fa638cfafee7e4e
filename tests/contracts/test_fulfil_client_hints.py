"""Fulfil's webhooks at our door: signed, recognised when they come again, and believed in nothing but *look there*.

Facts: section 7. The secret is base64, the signature covers the raw body, only a 2xx within 5 s counts as received.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from connectors.fulfil.config import WebhookSettings, signing_keys
from connectors.fulfil.hints import PATH, Hint, hint_of, hint_routes, is_signed
from runtime.config import Secret
from runtime.http import application

pytestmark = pytest.mark.anyio

KEY, OLD_KEY = b"k" * 32, b"o" * 32
SECRET, OLD_SECRET = (Secret(base64.b64encode(key).decode()) for key in (KEY, OLD_KEY))
EVENT = "product.product.inventory_level_changed"
CHANGED = {
    "timestamp": "2026-11-20T14:03:11",
    "product_id": 157,
    "product_code": "MUG-BLUE",
    "warehouse_quantities": [
        {"warehouse_id": 4, "warehouse_code": "WH", "quantity_on_hand": 30, "quantity_available": 22}
    ],
    "listing_quantities": [],
}
BODY = json.dumps([CHANGED]).encode()


def signature(body: bytes, key: bytes = KEY) -> str:
    return base64.b64encode(hmac.new(key, body, hashlib.sha256).digest()).decode()


class Door:
    """Our door, what came through it, and what was counted."""

    def __init__(self, client: Any, hints: list[Hint], events: list[Any]) -> None:
        self.client, self.hints, self.events = client, hints, events

    async def deliver(self, body: bytes = BODY, sign: str | None = None, event: str = EVENT) -> int:
        headers = {"X-Fulfil-Hmac-SHA256": signature(body) if sign is None else sign, "X-Fulfil-Event": event}
        headers["X-Fulfil-Organization"] = "acme"
        async with self.client.post(PATH, data=body, headers=headers) as response:
            assert await response.read() == b""
            return int(response.status)

    @property
    def refused(self) -> list[tuple[str, str]]:
        return [(event.partition, event.reason) for event in self.events]


@asynccontextmanager
async def open_door(**settings: Any) -> AsyncIterator[Door]:
    hints: list[Hint] = []
    events: list[Any] = []
    routes = hint_routes(
        WebhookSettings(secrets=(SECRET, OLD_SECRET), **settings), hint=hints.append, emit=events.append
    )
    async with TestClient(TestServer(application(routes))) as client:
        yield Door(client, hints, events)


async def test_a_signed_webhook_becomes_a_hint_without_its_figures() -> None:
    """Which product, of which model, since when: the figures in the body go no further."""
    async with open_door() as at:
        assert await at.deliver() == 204
    assert at.hints == [
        Hint(event=EVENT, model="product.product", ids=(157,), at=datetime(2026, 11, 20, 14, 3, 11, tzinfo=UTC))
    ]
    assert at.events == []
    assert not {"quantity_on_hand", "quantity_available", "22", "30"} & set(repr(at.hints[0]).split())


async def test_the_signature_is_over_the_raw_bytes_with_the_decoded_secret() -> None:
    """The same JSON in other bytes is not what was signed; the base64 text itself is no key."""
    async with open_door() as at:
        assert await at.deliver(BODY + b" ", signature(BODY)) == 401
        assert await at.deliver(BODY, signature(BODY, SECRET.reveal().encode())) == 401
        assert await at.deliver(BODY, "") == 401
        assert await at.deliver(BODY, "ü") == 401
        assert await at.deliver(BODY, signature(BODY).rstrip("=")) == 401
    assert at.hints == []
    assert at.refused == [("fulfil", "unauthorised")] * 5


async def test_bodies_that_nobody_has_signed_yet_take_no_more_than_their_share_of_the_memory() -> None:
    """Whoever knows the address can send bodies slowly: the ninth megabyte is answered 503."""
    headers = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n".encode()
    async with open_door(body_timeout_s=60.0) as at, AsyncExitStack() as slow:
        port = at.client.server.port
        for _ in range(8):
            stream = await slow.enter_async_context(await anyio.connect_tcp("127.0.0.1", port))
            await stream.send(headers + b"[")
        with anyio.fail_after(5):
            async with await anyio.connect_tcp("127.0.0.1", port) as ninth:
                await ninth.send(headers + b"[")
                assert (await ninth.receive()).startswith(b"HTTP/1.1 503 ")
        assert at.refused == [("fulfil", "busy")]
        assert await at.deliver() == 204, "a small body that is here whole needs no room"
        await slow.aclose()
        with anyio.fail_after(5):
            answer = b"HTTP/1.1 503 "
            while answer.startswith(b"HTTP/1.1 503 "):  # until it is seen that their senders are gone
                async with await anyio.connect_tcp("127.0.0.1", port) as later:
                    await later.send(headers + b" " * 1_000_000)
                    answer = await later.receive()
            assert answer.startswith(b"HTTP/1.1 401 ")


async def test_several_secrets_may_be_live_while_one_replaces_another() -> None:
    """A rotation loses nothing."""
    async with open_door() as at:
        assert await at.deliver(BODY, signature(BODY, OLD_KEY)) == 204
    assert len(at.hints) == 1


async def test_a_webhook_that_comes_again_is_acknowledged_counted_and_goes_no_further() -> None:
    """Fulfil repeats 19 times and gives up for good when it is refused; another header changes nothing."""
    async with open_door() as at:
        for event in (EVENT, EVENT, "something.else"):
            assert await at.deliver(event=event) == 204
        later = json.dumps([{**CHANGED, "timestamp": "2026-11-20T14:03:12"}]).encode()
        assert await at.deliver(later) == 204
    assert len(at.hints) == 2
    assert at.refused == [("fulfil", "replayed")] * 2


async def test_what_is_refused_does_not_count_as_seen() -> None:
    """Else a forger could silence a webhook in advance."""
    async with open_door() as at:
        assert await at.deliver(BODY, "forged") == 401
        assert await at.deliver() == 204
    assert len(at.hints) == 1


async def test_the_memory_of_repeats_is_bounded() -> None:
    """The oldest are forgotten, and then cost a look."""
    async with open_door(remembered_max=100) as at:
        for n in range(101):
            await at.deliver(json.dumps({"id": n}).encode(), event="sale.sale.created")
        await at.deliver(b'{"id": 0}', event="sale.sale.created")
        await at.deliver(b'{"id": 100}', event="sale.sale.created")
    assert len(at.hints) == 102
    assert at.refused == [("fulfil", "replayed")]


async def test_a_body_that_is_no_json_is_acknowledged_and_counted() -> None:
    """It is Fulfil's, so refusing it would archive the webhook after a while."""
    async with open_door() as at:
        assert await at.deliver(b"<xml/>") == 204
    assert (at.hints, at.refused) == ([], [("fulfil", "unreadable")])


async def test_a_body_beyond_the_bound_is_refused_unread() -> None:
    """Before anything is computed over it."""
    async with open_door(body_bytes_max=1_024) as at:
        assert await at.deliver(b" " * 1_025) == 413
    assert at.refused == [("fulfil", "body")]


async def test_a_hint_is_given_before_it_is_acknowledged() -> None:
    """What takes it has it, when Fulfil is told so; a failure there is a failure of the delivery, which comes again."""

    def broken(_: Hint) -> None:
        raise RuntimeError("no room")

    routes = hint_routes(WebhookSettings(secrets=(SECRET,)), hint=broken, emit=lambda _: None)
    async with TestClient(TestServer(application(routes))) as client:
        headers = {"X-Fulfil-Hmac-SHA256": signature(BODY)}
        async with client.post(PATH, data=BODY, headers=headers) as response:
            assert response.status == 500
        async with client.post(PATH, data=BODY, headers=headers) as response:
            assert response.status == 500


async def test_many_webhooks_at_once_are_each_hinted_once() -> None:
    """Two workers of Fulfil's may deliver the same one 40 ms apart."""
    async with open_door() as at, anyio.create_task_group() as deliveries:
        for n in range(40):
            deliveries.start_soon(at.deliver, json.dumps({"id": n % 20, "timestamp": "2026-11-20"}).encode())
    assert len(at.hints) == 20


# -- what a body hints at ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "content", "model", "ids"),
    [
        pytest.param(EVENT, [CHANGED, {**CHANGED, "product_id": 158}], "product.product", (157, 158), id="inventory"),
        pytest.param("sale.sale.created", {"id": 90211}, "sale.sale", (90211,), id="an order's id"),
        pytest.param("stock.shipment.out.done", {"ids": [1, 2, 2]}, "stock.shipment.out", (1, 2), id="ids"),
        pytest.param(
            "stock.shipment.out.return.done", {"id": 1}, "stock.shipment.out.return", (1,), id="the longest model"
        ),
        pytest.param("sale.sale", {"record": "sale.sale,7"}, "sale.sale", (7,), id="a reference"),
        pytest.param("sale.sale", {"record": "party.party,7"}, "sale.sale", (), id="another model's reference"),
        pytest.param("", {"event": "sale.sale.done", "id": 3}, "sale.sale", (3,), id="the event is in the body"),
        pytest.param("order_created", {"model": "sale.sale", "id": 3}, "sale.sale", (3,), id="the model is, too"),
        pytest.param("order_created", {"id": 3}, "", (3,), id="nobody says which model"),
        pytest.param("sale.sale.done", {}, "sale.sale", (), id="nothing but the event"),
        pytest.param("sale.sale.done", {"id": -3, "ids": [True, "x"]}, "sale.sale", (), id="what are no ids"),
        pytest.param("sale.sale.done", 5, "sale.sale", (), id="no object"),
        pytest.param("sale.sale.done", {"ids": list(range(1, 502))}, "sale.sale", (), id="too many to read by id"),
        pytest.param("sale.saleroom", {"id": 3}, "", (3,), id="a name that only begins alike"),
    ],
)
def test_a_hint_says_what_can_be_told_and_nothing_more(
    event: str, content: Any, model: str, ids: tuple[int, ...]
) -> None:
    """Only the inventory event's body is publicly known; of others what usually stands there."""
    hint = hint_of(event, json.dumps(content).encode())
    assert hint is not None
    assert (hint.model, hint.ids) == (model, ids)


def test_the_latest_time_of_a_body_is_taken_and_a_garbled_one_is_none() -> None:
    """Typed values and bare strings, as everywhere."""
    times = ["2026-11-20T10:00:00", {"__class__": "datetime", "iso_string": "2026-11-20T11:00:00"}, "soon"]
    hint = hint_of(EVENT, json.dumps([{"timestamp": each} for each in times]).encode())
    assert hint is not None
    assert hint.at == datetime(2026, 11, 20, 11, tzinfo=UTC)
    assert hint_of(EVENT, b"{}") == Hint(event=EVENT, model="product.product", ids=(), at=None)


KEYS = st.sampled_from(["id", "ids", "record", "timestamp", "product_id", "event", "model"])
CONTENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
)


@given(st.text(max_size=300), st.binary(max_size=300) | CONTENTS.map(lambda each: json.dumps(each).encode()))
def test_no_body_of_any_kind_breaks_the_door(event: str, body: bytes) -> None:
    """Whatever is signed is read or it is not; ids are positive and the event is printable and short."""
    hint = hint_of(event, body)
    if hint is not None:
        assert all(id_ > 0 for id_ in hint.ids)
        assert len(hint.event) <= 100
        assert hint.event.isprintable()


# -- secrets -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["not base64!", "YWJj", ""])
def test_a_secret_that_is_no_base64_or_can_be_guessed_is_refused_at_once(text: str) -> None:
    """When the process starts, not with the first webhook; and the message does not show it."""
    with pytest.raises(ValueError, match="webhook secret") as caught:
        signing_keys([Secret(text)])
    with pytest.raises(ValueError, match="secrets"):
        WebhookSettings(secrets=(Secret(text),))
    assert not text or text not in str(caught.value)


def test_a_signature_is_compared_for_every_key() -> None:
    """The first match does not end it early."""
    assert is_signed((KEY, OLD_KEY), BODY, signature(BODY, KEY))
    assert is_signed((OLD_KEY, KEY), BODY, signature(BODY, KEY))
    assert not is_signed((), BODY, signature(BODY, KEY))
