"""The demo's hub delivers as Patchworks does: bounded, patient, in order per order, and strict about answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import anyio
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from connectors.http import outgoing
from flows.demo.sender import IN_FLIGHT_MAX, TRIES_MAX, Sender, pause_s
from flows.demo.traffic import Delivery, Part

pytestmark = pytest.mark.anyio

Answer = Callable[[web.Request, list[str]], Awaitable[web.Response]]


def _delivery(number: int, *order_ids: str, waits_for: tuple[int, ...] = (), abandons: bool = False) -> Delivery:
    items = [{"id": order_id} for order_id in order_ids]
    return Delivery(
        number=number,
        part=Part.MORNING,
        at_s=0.0,
        sales_channel="web",
        order_ids=order_ids,
        body=json.dumps(items if len(items) > 1 else items[0]).encode(),
        waits_for=waits_for,
        abandons=abandons,
    )


def _accepted(order_ids: Sequence[str]) -> web.Response:
    results = [{"external_order_id": order_id, "duplicate": False} for order_id in order_ids]
    return web.json_response({"results": results} if len(results) > 1 else results[0])


@asynccontextmanager
async def _intake(answer: Answer) -> AsyncIterator[Sender]:
    """A sender, and an intake that answers each request as told."""

    async def receive(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer key"
        content = await request.json()
        items = content if isinstance(content, list) else [content]
        return await answer(request, [item["id"] for item in items])

    app = web.Application()
    app.router.add_post("/v1/orders/web", receive)
    async with (
        TestServer(app) as server,
        outgoing(connections_max=64, connect_timeout_s=5, request_timeout_s=5) as session,
    ):
        yield Sender(session, str(server.make_url("/")).rstrip("/"), "key", backoff_first_s=0.001)


async def test_what_a_2xx_names_is_acknowledged() -> None:
    """Of objects and of arrays, each item counts, also one that is there twice."""

    async def answer(_request: web.Request, order_ids: list[str]) -> web.Response:
        return _accepted(order_ids)

    async with _intake(answer) as sender:
        await sender.send([_delivery(0, "a"), _delivery(1, "a", "b", "a")])
    assert sender.sent.acknowledged == {("web", "a"): 3, ("web", "b"): 1}
    assert (sender.sent.deliveries, sender.sent.complaints) == (2, [])


async def test_an_answer_that_names_other_orders_is_no_acknowledgement() -> None:
    """Nor is a body that names none."""

    async def answer(_request: web.Request, order_ids: list[str]) -> web.Response:
        return _accepted(["other"]) if order_ids == ["a"] else web.Response(text="fine")

    async with _intake(answer) as sender:
        await sender.send([_delivery(0, "a"), _delivery(1, "b")])
    assert not sender.sent.acknowledged
    assert len(sender.sent.complaints) == 2


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_what_cannot_be_taken_now_is_sent_again(status: int) -> None:
    """After Retry-After where it is given, else with backoff, until it is taken."""
    tries = 0

    async def answer(_request: web.Request, order_ids: list[str]) -> web.Response:
        nonlocal tries
        tries += 1
        if tries < 3:
            return web.Response(status=status, headers={"Retry-After": "0"} if status in (429, 503) else {})
        return _accepted(order_ids)

    async with _intake(answer) as sender:
        await sender.send([_delivery(0, "a")])
    assert sender.sent.statuses == {str(status): 2, "200": 1}
    assert sender.sent.acknowledged == {("web", "a"): 1}


@pytest.mark.parametrize(
    ("retry_after", "expected"), [("7", 7.0), ("0", 0.0), ("999", 30.0), (None, 0.25), ("Wed, 21 Oct", 0.25)]
)
async def test_retry_after_goes_before_the_backoff(retry_after: str | None, expected: float) -> None:
    """Seconds are taken at their word up to a bound; without them, or for a date, the backoff holds."""
    assert pause_s(retry_after, 0.25) == expected


async def test_a_refusal_is_final() -> None:
    """A 4xx is not sent again, and is complained about with its status."""
    tries = 0

    async def answer(_request: web.Request, _order_ids: list[str]) -> web.Response:
        nonlocal tries
        tries += 1
        return web.Response(status=422)

    async with _intake(answer) as sender:
        await sender.send([_delivery(0, "a")])
    assert tries == 1
    assert "422" in sender.sent.complaints[0]


async def test_a_delivery_that_is_never_taken_is_given_up() -> None:
    """After a bounded number of tries, loudly; those that wait for it go on."""

    async def answer(_request: web.Request, order_ids: list[str]) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": "0"}) if order_ids == ["a"] else _accepted(order_ids)

    async with _intake(answer) as sender:
        await sender.send([_delivery(0, "a"), _delivery(1, "b", waits_for=(0,))])
    assert sender.sent.statuses == {"503": TRIES_MAX, "200": 1}
    assert sender.sent.acknowledged == {("web", "b"): 1}
    assert len(sender.sent.complaints) == 1


async def test_no_more_than_the_maximum_is_under_way() -> None:
    """A hundred deliveries that are all due at once are sent 32 at a time."""
    under_way, most = 0, 0
    full = anyio.Event()

    async def answer(_request: web.Request, order_ids: list[str]) -> web.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == IN_FLIGHT_MAX:
            full.set()
        await full.wait()
        under_way -= 1
        return _accepted(order_ids)

    async with _intake(answer) as sender:
        await sender.send([_delivery(number, str(number)) for number in range(100)])
    assert most == IN_FLIGHT_MAX
    assert sender.sent.deliveries == 100


async def test_another_version_of_an_order_waits_for_the_answer_to_the_one_before() -> None:
    """Even when that one has to be sent again first."""
    answered: list[str] = []

    async def answer(_request: web.Request, order_ids: list[str]) -> web.Response:
        if order_ids == ["a"] and "a" not in answered:
            answered.append("a")
            return web.Response(status=500)
        answered.extend(order_ids)
        return _accepted(order_ids)

    async with _intake(answer) as sender:
        await sender.send([_delivery(0, "a"), _delivery(1, "b"), _delivery(2, "c", waits_for=(0,))])
    assert answered.index("c") > [place for place, name in enumerate(answered) if name == "a"][-1]


async def test_a_sender_that_hangs_up_sends_again() -> None:
    """Only the answer that was read counts."""
    tries = 0

    async def answer(_request: web.Request, order_ids: list[str]) -> web.Response:
        nonlocal tries
        tries += 1
        if tries == 1:
            await anyio.sleep(0.02)
        return _accepted(order_ids)

    async with _intake(answer) as sender:
        await sender.send([_delivery(0, "a", abandons=True)])
    assert sender.sent.acknowledged == {("web", "a"): 1}
    assert sender.sent.statuses["abandoned"] == 1
