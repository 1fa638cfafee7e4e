"""The actors that find what never arrived, in virtual time: the real engine and journal, and a sales channel to ask.

The sales channel lists its orders by time of change. It commits late, edits orders between two pages, fails, and
answers with things that are no orders. What is accepted goes to an actor that only remembers it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import msgspec

from connectors.contract import Identification
from connectors.patchworks.items import Items
from connectors.patchworks.replies import Replies
from connectors.patchworks.requests import CallCallback
from connectors.patchworks.triggers import CallbackReply
from flows.audit_log import AuditLog
from flows.backfill import Backfill
from flows.desk import NAME as DESK
from flows.desk import Desk
from flows.formats import FORMATS
from flows.manifests import Manifests
from flows.missing_orders import MissingOrders
from flows.model.on_demand import OnDemandSettings, PollSettings
from flows.model.schema import ORDERS
from flows.order_importer import NAME as ORDER_IMPORTER
from flows.order_poll import NAME as ORDER_POLL
from flows.order_poll import OrderPoll, Poll
from flows.order_poll import key_of as poll_key_of
from runtime.actor import Item
from runtime.breaker import Breaker
from runtime.budget import Budget
from runtime.clock import to_datetime
from runtime.decision import Decision, Message, Write
from runtime.delivery import Delivery, DeliveryReceived, Receipt, digest
from runtime.engine import Engine, EngineConfig, Outside
from runtime.errors import Failure
from runtime.journal.journal import Journal, opened
from runtime.lane import LaneConfig
from runtime.retry import RetryPolicy
from runtime.supervisor import Supervisor
from runtime.testing.virtual_time import VirtualClock
from tests.actors.world import SALES_CHANNELS

SHARES = {"orders": 2, "rest": 1}
WEB = OnDemandSettings(callback="orders", page_size=5, poll=PollSettings())


class ChannelOrder(msgspec.Struct):
    """An order of the sales channel. `listed_from`: when its last change is in lists; `body`: when it is no order."""

    id: int
    changed: datetime
    listed_from: datetime
    body: bytes | None = None


class Shop:
    """The sales channel, behind a callback flow. `weather` may raise; `between` happens after each answer."""

    name = "patchworks_callbacks"

    def __init__(self) -> None:
        self.orders: dict[int, ChannelOrder] = {}
        self.asked: list[dict[str, Any]] = []
        self.weather: Callable[[], Failure | None] = lambda: None
        self.between: Callable[[], None] = lambda: None
        self.clock: VirtualClock
        self.takes_s = 0.05
        self.skew = timedelta()
        """How far its clock is ahead of ours."""

    def now(self) -> datetime:
        return to_datetime(self.clock.now()) + self.skew

    def place(self, *, committed_after_s: float = 0.0, body: bytes | None = None) -> int:
        """A new order, which is in lists so long after the time that it carries."""
        id_ = 5_000 - len(self.orders)  # ids fall: one that is used as a cursor finds nothing
        now = self.now()
        self.orders[id_] = ChannelOrder(id_, now, now + timedelta(seconds=committed_after_s), body)
        return id_

    def sold(self, body: bytes, **changes: Any) -> int:
        """An order of the past, as its body says, with some fields changed."""
        content = {**msgspec.json.decode(body), **changes}
        changed = datetime.fromisoformat(content["updated_at"]).astimezone(UTC)
        began = datetime.fromtimestamp(0, UTC)
        self.orders[content["id"]] = ChannelOrder(content["id"], changed, began, msgspec.json.encode(content))
        return content["id"]  # type: ignore[no-any-return]

    def edit(self, id_: int, *, committed_after_s: float = 0.0) -> None:
        order = self.orders[id_]
        order.changed = self.now()
        order.listed_from = order.changed + timedelta(seconds=committed_after_s)

    def body(self, id_: int) -> bytes:
        order = self.orders[id_]
        zone = order.changed.astimezone(UTC).isoformat(timespec="seconds")
        return order.body or msgspec.json.encode({"id": id_, "name": f"#{id_}", "updated_at": zone})

    async def perform(self, kind: str, body: bytes) -> CallbackReply:
        assert kind == "call_callback"
        question = msgspec.json.decode(bytes(msgspec.json.decode(body, type=CallCallback).question))
        self.asked.append(question)
        await anyio.sleep(self.takes_s)
        failure = self.weather()
        if failure is not None:
            raise failure
        reply = self._one(question["id"]) if "id" in question else self._changed(question)
        self.between()
        return CallbackReply(content_type="application/json", items=(b"[" + b",".join(reply) + b"]",))

    def _one(self, id_: str) -> list[bytes]:
        return [self.body(int(id_))] if int(id_) in self.orders else []

    def _changed(self, question: dict[str, Any]) -> list[bytes]:
        since, limit = datetime.fromisoformat(question["since"]), question["limit"]
        listed = [each for each in self.orders.values() if each.listed_from <= self.now()]
        rows = sorted((each.changed.replace(microsecond=0), each.id) for each in listed)
        wanted = [id_ for changed, id_ in rows if changed >= since]
        return [self.body(id_) for id_ in wanted[(question["page"] - 1) * limit : question["page"] * limit]]

    async def look(self, kind: str, body: bytes) -> None:
        raise AssertionError("a read is repeated")


class Sink:
    """Stands where the order importer stands: remembers what was accepted."""

    name = ORDER_IMPORTER
    message_type = DeliveryReceived
    state_type = int

    def begin(self, key: str) -> int:
        return 0

    async def ready(self) -> None: ...

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        return [item.message for item in items]

    def decide(self, state: int, message: Any, now: datetime) -> Decision:
        return Decision(state=state + 1)

    def project(self, key: str, before: int, after: int, now: datetime) -> Sequence[Write]:
        return ()

    def announce(self, key: str, before: int, after: int) -> None: ...


def identify(sales_channel: str, item: bytes) -> Identification:
    return FORMATS["shopify"].identify(item)


class World:
    """One process. Leaving its block is a crash."""

    def __init__(self, journal: Journal, shop: Shop, settings: dict[str, OnDemandSettings]) -> None:
        self.journal, self.shop, self.settings = journal, shop, settings
        self.events: list[Any] = []
        self.replies = Replies(Items(identify, items_max=1_000), self.accept, journal.clock)
        self.engine = Engine(
            journal,
            self.actors(),
            [
                Outside(
                    api=shop,
                    lane=LaneConfig(workers_per_share=dict(SHARES), retry=RetryPolicy(attempts_max=4), settle_s=0.0),
                    budget=Budget(journal.clock, SHARES, limit_per_s=None, concurrency_max=4, burst=4),
                    breaker=Breaker(),
                )
            ],
            EngineConfig(),
            signals_to=DESK,
            sampled=lambda _key: False,
            emit=self.events.append,
            rng=random.Random(1),
        )
        self.supervisor = Supervisor(
            journal.clock,
            on_restart=lambda part, error: self.events.append(("restarted", part, repr(error))),
            on_silence=lambda part, silent_s: self.events.append(("silent", part, silent_s)),
            rng=random.Random(1),
        )

    def actors(self) -> list[Any]:
        emit = self.events.append
        return [
            Sink(),
            Desk(emit),
            AuditLog(self.journal, emit),
            OrderPoll(self.settings, self.replies, self.journal, emit),
            Manifests(self.journal, emit),
            MissingOrders(self.settings, self.replies, self.journal, emit),
            Backfill(self.settings, SALES_CHANNELS, self.replies, self.journal, emit, time_zone="America/New_York"),
        ]

    async def accept(self, deliveries: Sequence[Delivery]) -> Sequence[Receipt]:
        return await self.engine.accept(deliveries, ORDER_IMPORTER)

    async def push(self, id_: int) -> bool:
        """What the sales channel's webhook brings: whether it was new."""
        body = self.shop.body(id_)
        named: Any = identify("web", body)
        delivery = Delivery(
            key=f"web/{named.order_id}",
            version=named.version,
            digest=digest(body),
            body=body,
            received_at=self.journal.clock.now(),
        )
        return (await self.accept([delivery]))[0].new

    async def known(self) -> Counter[int]:
        """How many versions of each order were accepted."""
        rows = await self.sql("SELECT key, count(*) FROM delivery GROUP BY key")
        return Counter({int(key.partition("/")[2]): count for key, count in rows})

    async def cases(self) -> list[tuple[str, str]]:
        """Open cases: (kind, subject)."""
        return sorted((row[1], row[2]) for row in await self.journal.query("cases_open", "", "", 0, 10_000, None))

    async def sql(self, query: str, *row: Any) -> list[Any]:
        return await self.journal.reading.run(lambda connection: connection.execute(query, row).fetchall())

    def named(self, event: str) -> list[Any]:
        """The events of this name."""
        return [each for each in self.events if getattr(type(each), "event", "") == event]


@contextlib.asynccontextmanager
async def process(
    store: Path, shop: Shop, settings: OnDemandSettings | None = WEB, make: type[World] = World
) -> AsyncIterator[World]:
    """A process over this store, with one sales channel, `web`."""
    clock = VirtualClock(asyncio.get_running_loop())
    shop.clock = clock
    events: list[Any] = []
    async with opened(store, clock, events.append, (ORDERS,), threads=False) as journal:
        world = make(journal, shop, {} if settings is None else {"web": settings})
        world.supervisor.add("journal", journal.writer.run)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(world.supervisor.run)
            await world.engine.prepare()
            if settings is not None and settings.poll is not None:
                await world.engine.post(ORDER_POLL, poll_key_of("web"), Poll())
            world.engine.supervise(world.supervisor)
            yield world
            tasks.cancel_scope.cancel()
