"""The demo's hand at the Patchworks sandbox: what it announces, maps, stalls and retries, and what counts as arrived.

The sandbox is real, and delivers to a receiver that answers as told.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web

from connectors.http import Session, outgoing
from connectors.patchworks.sandbox import open_sandbox
from flows.demo.hub import Hub
from flows.demo.hub_settings import EVENTS, POLLS, WEB_EVENTS, WEB_MISTAKEN, hub_config, stalled
from flows.demo.keys import Keys
from flows.demo.stories import Wanted, day
from flows.demo.world import DemoFailed
from flows.formats import FORMATS
from flows.model.order import Unreadable
from flows.model.proof import prove

pytestmark = pytest.mark.anyio
KEYS = Keys(intake="i", control="c", fulfil="f", patchworks="p", webhook="w")
TODAY = day(3, 100)
SKU = TODAY.products[0].sku


class Receiver:
    """Our side of the deliveries: keeps the bodies by sales channel, and answers with `status`."""

    def __init__(self) -> None:
        self.status = 201
        self.got: list[tuple[str, Any]] = []

    async def take(self, request: web.Request) -> web.Response:
        assert request.headers["X-API-Key"] == KEYS.intake
        self.got.append((request.match_info["sales_channel"], json.loads(await request.read())))
        return web.json_response({}, status=self.status)


class Door:
    """A hub, and what it delivers to."""

    def __init__(self, hub: Hub, receiver: Receiver) -> None:
        self.hub, self.receiver = hub, receiver

    async def acknowledged(self) -> dict[tuple[str, str], int]:
        return self.hub.acknowledged(await self.hub.books(full=True))


@asynccontextmanager
async def opened() -> AsyncIterator[Door]:
    """The demo's own flows and sales channels, without faults."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/v1/orders/{sales_channel}", receiver.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        config = msgspec.structs.replace(hub_config(TODAY, KEYS, url), faults=())
        config = msgspec.structs.replace(config, switches=msgspec.structs.replace(config.switches, retry_backoff_ms=0))
        async with (
            open_sandbox(config) as running,
            outgoing(connections_max=8, connect_timeout_s=5, request_timeout_s=10) as session,
        ):
            yield Door(Hub(_asking(session), running.url, KEYS), receiver)
    finally:
        await runner.cleanup()


def _asking(session: Session) -> Any:
    async def ask(
        url: str, body: bytes | None = None, *, verb: str = "", headers: Mapping[str, str] | None = None
    ) -> bytes:
        async with session.request(
            verb or ("GET" if body is None else "POST"), url, data=body, headers=headers
        ) as answer:
            content = await answer.read()
        if answer.status != 200:
            raise DemoFailed(f"{answer.status}: {content!r}")
        return content

    return ask


async def test_an_announced_order_is_acknowledged_and_a_silent_one_comes_with_the_scheduled_read() -> None:
    """The sales channel's webhook brings one order; the read brings all that changed, in an array."""
    async with opened() as door:
        (told,) = await door.hub.place("web")
        (silent,) = await door.hub.place("web", announce=False)
        await door.hub.settle()
        assert await door.acknowledged() == {("web", told.id): 1}
        for flow in POLLS:
            await door.hub.run(flow)
        await door.hub.settle()
        assert await door.acknowledged() == {("web", told.id): 1, ("web", silent.id): 1}
        assert [type(body) for _, body in door.receiver.got[:2]] == [dict, list]


async def test_orders_of_the_outlet_arrive_in_seamlines_schema_singly_and_in_arrays() -> None:
    """Each version counts once, whichever way it came, and what arrives is read and proves."""
    async with opened() as door:
        ids = [each.id for each in await door.hub.place("outlet", 12)]
        await door.hub.push("outlet", ids[:1])
        await door.hub.push("outlet", ids[1:])
        await door.hub.settle()
        assert await door.acknowledged() == {("outlet", order_id): 1 for order_id in ids}
        await door.hub.change("outlet", ids[3], "edit", add=[Wanted(SKU, 1)])
        await door.hub.push("outlet", ids[3:4])
        await door.hub.settle()
        assert (await door.acknowledged())["outlet", ids[3]] == 2
        items = [each for _, body in door.receiver.got for each in (body if isinstance(body, list) else [body])]
        assert len(items) == 13
        assert max(len(body) for _, body in door.receiver.got if isinstance(body, list)) == 5
        for item in items:
            order = FORMATS["seamline"].read("outlet", json.dumps(item).encode())
            assert not isinstance(order, Unreadable)
            assert prove(order).holds


async def test_what_was_refused_is_not_taken_for_acknowledged_and_comes_with_the_retry() -> None:
    """The failed run is found, and only it; the retry of everything else leaves those that are left apart alone."""
    async with opened() as door:
        door.receiver.status = 503
        (order,) = await door.hub.place("europe")
        await door.hub.settle()
        assert await door.acknowledged() == {}
        failed = await door.hub.failed()
        assert len(failed) == 1
        await door.hub.settle_and_retry(apart_from=failed)
        assert await door.hub.failed() == failed
        door.receiver.status = 201
        await door.hub.retry(failed)
        await door.hub.settle_and_retry()
        assert await door.acknowledged() == {("europe", order.id): 1}


async def test_a_run_that_fails_for_good_fails_the_demo() -> None:
    """Rather than being waited for for ever."""
    async with opened() as door:
        door.receiver.status = 400
        await door.hub.place("web")
        with pytest.raises(DemoFailed, match="1 runs of the hub have failed"):
            await door.hub.settle_and_retry()


async def test_while_everything_is_stalled_nothing_reaches_seamline_and_an_edit_overtakes() -> None:
    """The first version comes last, with the retry of its run, as it was when it was announced."""
    async with opened() as door:
        await door.hub.misbehave(stalled())
        (order,) = await door.hub.place("web", 1, [Wanted(SKU, 1)])
        (other,) = await door.hub.place("outlet")
        await door.hub.push("outlet", [other.id])
        await door.hub.settle()
        assert not door.receiver.got
        stuck = await door.hub.failed()
        assert len(stuck) == len(EVENTS) - 1
        await door.hub.misbehave(())
        await door.hub.wait(2)
        await door.hub.change("web", order.id, "edit", add=[Wanted(SKU, 2)])
        await door.hub.settle_and_retry(apart_from=stuck)
        await door.hub.retry(stuck)
        await door.hub.settle_and_retry()
        second, first = (body for name, body in door.receiver.got if name == "web")
        assert (len(second["line_items"]), len(first["line_items"])) == (2, 1)
        assert second["updated_at"] > first["updated_at"]
        assert await door.acknowledged() == {("web", order.id): 2, ("outlet", other.id): 1}


async def test_the_map_with_the_mistake_makes_every_order_contradict_itself() -> None:
    """Each is still an order with its id and its version, so that it is held and not refused."""
    async with opened() as door:
        await door.hub.switch(WEB_EVENTS, on=False)
        await door.hub.switch(WEB_MISTAKEN, on=True)
        placed = await door.hub.place("web", 20)
        await door.hub.settle()
        assert await door.acknowledged() == {("web", each.id): 1 for each in placed}
        for _, body in door.receiver.got:
            order = FORMATS["shopify"].read("web", json.dumps(body).encode())
            assert not isinstance(order, Unreadable)
            assert order.version
            assert not prove(order).holds
