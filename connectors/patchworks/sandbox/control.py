"""The sandbox's own endpoints, below `/sandbox/`. They are not Patchworks, need no key and are never faulty.

GET  /sandbox/books                    sales channels, flows, deliveries, calls; `?full=0` without orders and keys
GET  /sandbox/books/digest             SHA-256 over the sales channels, without times and ids of runs
POST /sandbox/clock                    `{"advance_s": 259200}`: time goes on
POST /sandbox/faults                   replace the fault plan (array of rules). Routes: those of `calls` in the books,
                                       `deliver/{flow}` for what goes to us, `sales_channel/{name}` for what flows bring
POST /sandbox/down                     `{"down": true, "mode": "refuse_503" | "drop"}`, and back with `{"down": false}`
POST /sandbox/queue                    `{"paused": true}`: runs wait as scheduled flows
POST /sandbox/settle                   `{"timeout_s": 30}`: answers when no run waits or is under way
POST /sandbox/target                   `{"url": "http://127.0.0.1:8080"}`: where deliveries go (loopback only)
POST /sandbox/tokens/revoke            every token of a login is invalid from now on
POST /sandbox/flows/{id}               `{"is_enabled": true, "is_deployed": true}`, either
POST /sandbox/flows/{id}/run           run it as its schedule would
POST /sandbox/flow-runs/{id}/stop      stop a run
Below `/sandbox/sales-channels/{name}`:

POST orders                 `{"count": 10, "announce": true}`, or `{"lines": [{"sku", "quantity"}], "payment": "paid"}`;
                            `payment` is one of paid, pending, authorized; also `placed_at`, `listed_after_s`,
                            `is_test`, `tags`
GET  orders/{id}            the order in the sales channel's own JSON
POST orders/{id}/{what}     `pay`, `cancel`, `touch`; `edit` with `{"add": [..], "remove": [..]}`; `refund` with
                            `{"lines": [..], "shipping": true}`, or with nothing for all of it
GET  stock                  figures, and what is shown
POST stock                  array of levels, set by hand
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal, TypeVar

import anyio
import msgspec
from aiohttp import web
from msgspec import Meta

from connectors.patchworks.sandbox import statement
from connectors.patchworks.sandbox.answers import JSON, encode
from connectors.patchworks.sandbox.calls import Calls
from connectors.patchworks.sandbox.delivery import Delivery
from connectors.patchworks.sandbox.engine import Engine
from connectors.patchworks.sandbox.login import Login
from connectors.patchworks.sandbox.played_clock import PlayedClock
from connectors.patchworks.sandbox.records import Flow
from connectors.patchworks.sandbox.sales_channels.config import LevelSeed
from connectors.patchworks.sandbox.sales_channels.order import ChannelRefusal, Order
from connectors.patchworks.sandbox.sales_channels.sales_channel import SalesChannel, Wanted
from runtime.clock import to_instant
from runtime.testing.faults import FaultPlan, FaultRule

DownMode = Literal["refuse_503", "drop"]
ORDERS_MAX = 100_000
SETTLE_S_MAX = 600  # an int, as elsewhere: equal bounds of settings are one object to `typing`, and are shown by it
T = TypeVar("T")


class Down(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A wish to be down, or up again."""

    down: bool
    mode: DownMode = "refuse_503"


class Advance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A wish that time goes on."""

    advance_s: Annotated[float, Meta(ge=0)]


class Queue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A wish that runs wait, or go on."""

    paused: bool


class Settle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long to wait for the queue, in real seconds."""

    timeout_s: Annotated[float, Meta(gt=0, le=SETTLE_S_MAX)] = 30.0


class Aim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where deliveries go."""

    url: str


class FlowChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person would switch in the dashboard."""

    is_enabled: bool | None = None
    is_deployed: bool | None = None


class Placing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Orders to be placed: so many drawn ones, or one of these lines."""

    count: Annotated[int, Meta(ge=1, le=ORDERS_MAX)] = 1
    lines: list[Wanted] = []
    payment: Literal["paid", "pending", "authorized"] | None = None
    announce: bool = True
    """False: the webhook is never sent."""
    placed_at: datetime | None = None
    """For an order of the past, with an offset."""
    listed_after_s: Annotated[float, Meta(ge=0)] = 0
    """So long it is in no list of changed orders, as if its commit came late."""
    is_test: bool = False
    tags: list[str] = []


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an edit or a refund is about."""

    add: list[Wanted] = []
    remove: list[Wanted] = []
    lines: list[Wanted] = []
    shipping: bool = False


class Control:
    """What can be asked of, and done to, a running sandbox."""

    def __init__(
        self,
        engine: Engine,
        channels: Mapping[str, SalesChannel],
        delivery: Delivery,
        calls: Calls,
        plan: FaultPlan,
        clock: PlayedClock,
        login: Login,
    ) -> None:
        self.down: DownMode | None = None
        self._engine = engine
        self._books = engine.books
        self._channels = channels
        self._delivery = delivery
        self._calls = calls
        self._plan = plan
        self._clock = clock
        self._login = login

    def routes(self) -> list[web.RouteDef]:
        """The endpoints."""
        channel = "/sandbox/sales-channels/{channel}"
        return [
            web.get("/sandbox/books", self._statement),
            web.get("/sandbox/books/digest", self._digest),
            web.post("/sandbox/clock", self._advance),
            web.post("/sandbox/faults", self._faults),
            web.post("/sandbox/down", self._go_down),
            web.post("/sandbox/queue", self._pause),
            web.post("/sandbox/settle", self._settle),
            web.post("/sandbox/target", self._aim),
            web.post("/sandbox/tokens/revoke", self._revoke),
            web.post("/sandbox/flows/{flow}", self._change_flow),
            web.post("/sandbox/flows/{flow}/run", self._run_flow),
            web.post("/sandbox/flow-runs/{run}/stop", self._stop_run),
            web.post(channel + "/orders", self._place),
            web.get(channel + "/orders/{order}", self._order),
            web.post(channel + "/orders/{order}/{what}", self._change_order),
            web.get(channel + "/stock", self._stock),
            web.post(channel + "/stock", self._put_stock),
        ]

    # -- books, time, trouble ------------------------------------------------------------------------------------------

    async def _statement(self, request: web.Request) -> web.Response:
        full = request.query.get("full") != "0"
        channels = self._channels.items()
        return _json(
            {
                "sales_channels": {name: statement.channel_statement(each, full=full) for name, each in channels},
                "flows": statement.flows_statement(self._books),
                "deliveries": statement.deliveries_statement(self._delivery, full=full),
                "operations": self._books.operations,
                "scheduled": len(self._books.scheduled),
                "calls": self._calls.statement(),
            }
        )

    async def _digest(self, _: web.Request) -> web.Response:
        return _json({"digest": statement.digest(self._channels)})

    async def _advance(self, request: web.Request) -> web.Response:
        self._clock.advance((await _body(request, Advance)).advance_s)
        self._books.expire()
        return _json({"now_us": self._clock.now()})

    async def _faults(self, request: web.Request) -> web.Response:
        rules = await _body(request, list[FaultRule])
        self._plan.replace(rules)
        return _json({"faults": len(rules)})

    async def _go_down(self, request: web.Request) -> web.Response:
        wish = await _body(request, Down)
        self.down = wish.mode if wish.down else None
        return _json({"down": self.down})

    async def _pause(self, request: web.Request) -> web.Response:
        paused = (await _body(request, Queue)).paused
        self._engine.pause(paused=paused)
        return _json({"paused": paused})

    async def _settle(self, request: web.Request) -> web.Response:
        with anyio.move_on_after((await _body(request, Settle)).timeout_s) as scope:
            await self._engine.settled()
        return _json({"settled": not scope.cancelled_caught})

    async def _aim(self, request: web.Request) -> web.Response:
        url = (await _body(request, Aim)).url
        try:
            self._delivery.aim(url)
        except ValueError as error:
            raise _bad(str(error)) from None
        return _json({"url": url})

    async def _revoke(self, _: web.Request) -> web.Response:
        return _json({"revoked": self._login.revoke()})

    # -- flows ---------------------------------------------------------------------------------------------------------

    def _flow(self, request: web.Request) -> Flow:
        text = request.match_info["flow"]
        flow = self._books.flows.get(int(text)) if text.isdecimal() else None
        if flow is None:
            raise web.HTTPNotFound
        return flow

    async def _change_flow(self, request: web.Request) -> web.Response:
        flow, change = self._flow(request), await _body(request, FlowChange)
        if change.is_enabled is not None:
            flow.is_enabled = change.is_enabled
        if change.is_deployed is not None:
            flow.deployed = flow.versions[-1] if change.is_deployed else None
        flow.updated_at = self._clock.now()
        return _json({"is_enabled": flow.is_enabled, "is_deployed": flow.deployed is not None})

    async def _run_flow(self, request: web.Request) -> web.Response:
        flow = self._flow(request)
        if flow.deployed is None or not flow.is_enabled:
            raise _bad("The flow is not deployed, or not enabled.")
        return _json({"flow_run_id": self._engine.trigger(flow, "Schedule", None).id})

    async def _stop_run(self, request: web.Request) -> web.Response:
        run = self._books.runs.get(request.match_info["run"])
        if run is None:
            raise web.HTTPNotFound
        return _json({"stopped": self._engine.stop(run)})

    # -- sales channels ------------------------------------------------------------------------------------------------

    def _channel(self, request: web.Request) -> SalesChannel:
        channel = self._channels.get(request.match_info["channel"])
        if channel is None:
            raise web.HTTPNotFound
        return channel

    def _found(self, request: web.Request) -> Order:
        try:
            return self._channel(request).order(request.match_info["order"])
        except ChannelRefusal:
            raise web.HTTPNotFound from None

    async def _place(self, request: web.Request) -> web.Response:
        channel, wish = self._channel(request), await _body(request, Placing)
        placed = []
        try:
            placed_at = None if wish.placed_at is None else to_instant(wish.placed_at)
        except ValueError as error:
            raise _bad(str(error)) from None
        try:
            for _ in range(wish.count):
                order = channel.place(
                    wish.lines,
                    payment=wish.payment,
                    announce=wish.announce,
                    placed_at=placed_at,
                    listed_after_s=wish.listed_after_s,
                    is_test=wish.is_test,
                    tags=wish.tags,
                )
                placed.append({"id": str(order.id), "name": f"#{order.number}", "revision": order.revision})
        except ChannelRefusal as refusal:
            raise _bad(refusal.message, refusal.status) from None
        return _json({"orders": placed})

    async def _order(self, request: web.Request) -> web.Response:
        return web.Response(body=self._channel(request).rendered(self._found(request)), content_type=JSON)

    async def _change_order(self, request: web.Request) -> web.Response:
        channel, order = self._channel(request), self._found(request)
        change = await _body(request, Change) if request.body_exists else Change()
        try:
            match request.match_info["what"]:
                case "pay":
                    channel.pay(order)
                case "edit":
                    channel.edit(order, add=change.add, remove=change.remove)
                case "cancel":
                    channel.cancel(order)
                case "refund":
                    channel.refund(order, change.lines, shipping=change.shipping)
                case "touch":
                    channel.touch(order)
                case _:
                    raise web.HTTPNotFound
        except ChannelRefusal as refusal:
            raise _bad(refusal.message, refusal.status) from None
        return _json(statement.order_statement(order, included=channel.seed.taxes_included))

    async def _stock(self, request: web.Request) -> web.Response:
        return _json(statement.channel_statement(self._channel(request), full=True)["levels"])

    async def _put_stock(self, request: web.Request) -> web.Response:
        levels = await _body(request, list[LevelSeed])
        for level in levels:
            self._channel(request).stock.put(level.sku, level.location, level.quantity)
        return _json({"levels": len(levels)})


async def _body(request: web.Request, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=shape)
    except msgspec.DecodeError as error:
        raise _bad(str(error)) from None


def _bad(message: str, status: int = HTTPStatus.BAD_REQUEST) -> web.HTTPException:
    """An exception that ends the request with this sentence."""
    text = encode({"error": message}).decode()
    kinds = {404: web.HTTPNotFound, 409: web.HTTPConflict, 422: web.HTTPUnprocessableEntity}
    return kinds.get(status, web.HTTPBadRequest)(text=text, content_type=JSON)


def _json(value: Any) -> web.Response:
    return web.Response(body=encode(value), content_type=JSON)
