"""What people and programs do at the Patchworks sandbox: at its sales channels, in its dashboard, at its API.

Everything is an HTTP call to its process. `orders` of a sales channel that has no connector reach their flow by its
webhook trigger, mapped; the others are announced by the sales channel itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import anyio
import msgspec

from flows.demo.hub_settings import COMPANY, EVIDENCE_FLOWS, OUTLET_TRIGGER
from flows.demo.keys import Keys
from flows.demo.mapping import mapped
from flows.demo.stories import Wanted
from flows.demo.world import Ask, DemoFailed
from runtime.testing.faults import FaultRule

OrderName = tuple[str, str]
"""Sales channel and order id."""
_SETTLE_S = 120.0
_RETRY_ROUNDS_MAX = 20
_PER_PAGE = 100
_FAILED = 3
"""Status of a run that has failed."""
_SEND_TOGETHER = 25
_LISTS = frozenset(f"{name}/fulfilments" for name in EVIDENCE_FLOWS)
"""What the books call a list of the shipments that a sales channel knows."""


class Placed(msgspec.Struct, frozen=True):
    """An order as its sales channel has just taken it."""

    id: str
    name: str


class _Placed(msgspec.Struct, frozen=True):
    orders: list[Placed]


class Deliveries(msgspec.Struct, frozen=True, kw_only=True):
    """What went to Seamline: attempts by flow and status, and how often each key was answered with 2xx."""

    attempts: dict[str, int]
    accepted: int
    distinct: int
    keys: dict[str, int] = {}


class ChannelLine(msgspec.Struct, frozen=True):
    """A line of an order, and how many units the sales channel knows to be shipped."""

    sku: str
    shipped: int


class ChannelOrder(msgspec.Struct, frozen=True):
    """An order in a sales channel's books. `parcels` are those that it was told of: number and carrier."""

    id: str
    revision: int
    cancelled: bool = False
    lines: tuple[ChannelLine, ...] = ()
    parcels: tuple[tuple[str, str], ...] = ()


class ChannelLevel(msgspec.Struct, frozen=True):
    """What a sales channel shows of a SKU."""

    sku: str
    shown: int


class LevelsTaken(msgspec.Struct, frozen=True):
    """Stock levels that flows brought to a sales channel: all, and different ones."""

    received: int = 0
    distinct: int = 0


class NoticesTaken(msgspec.Struct, frozen=True):
    """Shipments that flows brought to a sales channel: all, and different ones."""

    received: int = 0
    distinct: int = 0


class ChannelBooks(msgspec.Struct, frozen=True, kw_only=True):
    """A sales channel's books, as far as the observer reads them."""

    orders_count: int
    sold_beyond_units: int
    stock: LevelsTaken = LevelsTaken()
    fulfilments: NoticesTaken = NoticesTaken()
    orders: tuple[ChannelOrder, ...] = ()
    levels: tuple[ChannelLevel, ...] = ()

    @property
    def figures(self) -> dict[str, int]:
        """What it shows, by SKU."""
        return {level.sku: level.shown for level in self.levels}


class HubBooks(msgspec.Struct, frozen=True, kw_only=True):
    """The Patchworks sandbox's books (`GET /sandbox/books`): `flows` are runs by flow and status."""

    sales_channels: dict[str, ChannelBooks]
    flows: dict[str, dict[str, int]]
    deliveries: Deliveries
    operations: int


class _DigestedChannel(msgspec.Struct, frozen=True):
    orders: msgspec.Raw
    levels: tuple[ChannelLevel, ...]


class _DigestedBooks(msgspec.Struct, frozen=True):
    sales_channels: dict[str, _DigestedChannel]


class _Run(msgspec.Struct, frozen=True):
    id: str


class _RunsMeta(msgspec.Struct, frozen=True):
    last_page: int


class _Runs(msgspec.Struct, frozen=True):
    data: list[_Run]
    meta: _RunsMeta


class Hub:
    """See the module. `acknowledged` says which versions of which orders were answered with 2xx."""

    def __init__(self, ask: Ask, url: str, keys: Keys) -> None:
        self._ask, self._url = ask, url
        self._key = {"Authorization": keys.patchworks, "Accept": "application/json"}
        self._trigger = f"{self._url}/webhooks/api/v1/{COMPANY}/{OUTLET_TRIGGER}?patchworks_signature={keys.webhook}"
        self._pushed: dict[str, tuple[OrderName, int]] = {}
        self._versions: dict[OrderName, int] = {}

    # -- at a sales channel --------------------------------------------------------------------------------------------

    async def place(
        self,
        sales_channel: str,
        count: int = 1,
        lines: Sequence[Wanted] = (),
        *,
        announce: bool = True,
        payment: str | None = None,
        is_test: bool = False,
    ) -> Sequence[Placed]:
        """So many orders of what the sales channel draws, or one of these lines. Without a payment, they are paid."""
        wish = {
            "count": count,
            "lines": msgspec.to_builtins(lines),
            "announce": announce,
            "payment": payment or "paid",
            "is_test": is_test,
        }
        answer = await self._control(f"sales-channels/{sales_channel}/orders", wish)
        return msgspec.json.decode(answer, type=_Placed).orders

    async def change(self, sales_channel: str, order_id: str, what: str, **change: Any) -> None:
        """`edit`, `cancel`, `refund`, `pay` or `touch` an order; its flow is told."""
        path = f"sales-channels/{sales_channel}/orders/{order_id}/{what}"
        await self._control(path, msgspec.to_builtins(change))

    async def order(self, sales_channel: str, order_id: str) -> bytes:
        """The order as it is now, in the sales channel's own JSON."""
        return await self._ask(f"{self._url}/sandbox/sales-channels/{sales_channel}/orders/{order_id}")

    async def figures(self, sales_channel: str) -> dict[str, int]:
        """What the sales channel shows of each SKU."""
        content = await self._ask(f"{self._url}/sandbox/sales-channels/{sales_channel}/stock")
        return {level.sku: level.shown for level in msgspec.json.decode(content, type=list[ChannelLevel])}

    async def push(self, sales_channel: str, order_ids: Sequence[str], *, tax: str = "") -> None:
        """Map the orders as they are now and hand them to their flow: one as it is, several together. `tax`: see
        `mapped`.
        """
        bodies = [mapped(await self.order(sales_channel, order_id), tax=tax) for order_id in order_ids]
        for start in range(0, len(bodies), _SEND_TOGETHER):
            some = bodies[start : start + _SEND_TOGETHER]
            names = [(sales_channel, order_id) for order_id in order_ids[start : start + _SEND_TOGETHER]]
            body = some[0] if len(some) == 1 else b'{"orders":[' + b",".join(some) + b"]}"
            self._note(body, names)
            await self._ask(self._trigger, body, headers={"Content-Type": "application/json"})

    def _note(self, body: bytes, names: Sequence[OrderName]) -> None:
        """Which keys of the books will stand for these orders: a payload is named by its digest, and each order in it
        by that and its place.
        """
        digest = hashlib.blake2b(body, digest_size=12).hexdigest()
        for place, name in enumerate(names):
            self._versions[name] = self._versions.get(name, 0) + 1
            key = digest if len(names) == 1 else f"{digest}/{place}"
            self._pushed[key] = (name, self._versions[name])

    # -- in the dashboard ----------------------------------------------------------------------------------------------

    async def switch(self, flow: int, *, on: bool) -> None:
        """Enable a flow, or disable it."""
        await self._control(f"flows/{flow}", {"is_enabled": on})

    async def run(self, flow: int) -> None:
        """The schedule of a flow is due."""
        await self._control(f"flows/{flow}/run", {})

    async def prove(self) -> None:
        """Every sales channel says which shipments it knows of."""
        for flow in EVIDENCE_FLOWS.values():
            await self.run(flow)

    async def pause(self, *, on: bool) -> None:
        """Every run waits, or goes on."""
        await self._control("queue", {"paused": on})

    async def misbehave(self, rules: Sequence[FaultRule]) -> None:
        """Deliver by this plan of faults from now on."""
        await self._control("faults", msgspec.to_builtins(rules))

    async def wait(self, seconds: float) -> None:
        """Time goes on at the sales channels, whose orders know their changes by the second."""
        await self._control("clock", {"advance_s": seconds})

    async def settle(self) -> None:
        """Return when no run waits or is under way. Raises DemoFailed when that takes too long."""
        with anyio.move_on_after(_SETTLE_S):
            while True:
                answer = await self._control("settle", {"timeout_s": 10})
                if msgspec.json.decode(answer)["settled"]:
                    return
        raise DemoFailed(f"the hub's queue was not empty within {_SETTLE_S:.0f} s")

    # -- at its API ----------------------------------------------------------------------------------------------------

    async def failed(self) -> list[str]:
        """The runs that have failed and were not retried."""
        found: list[str] = []
        page, pages = 0, 1
        while page < pages:
            page += 1
            query = f"filter[status]={_FAILED}&filter[retried]=0&per_page={_PER_PAGE}&page={page}"
            answer = await self._ask(f"{self._url}/core/api/v1/flow-runs?{query}", headers=self._key)
            runs = msgspec.json.decode(answer, type=_Runs)
            found += [run.id for run in runs.data]
            pages = runs.meta.last_page
        return found

    async def retry(self, runs: Sequence[str]) -> None:
        """Somebody retries these runs, all at once."""
        for run in runs:
            await self._ask(f"{self._url}/core/api/v1/flow-runs/{run}/retry", b"", headers=self._key)

    async def settle_and_retry(self, *, apart_from: Sequence[str] = ()) -> None:
        """Return when nothing is under way and no run has failed but those. Raises DemoFailed when one fails on."""
        for _ in range(_RETRY_ROUNDS_MAX):
            await self.settle()
            failed = [run for run in await self.failed() if run not in apart_from]
            if not failed:
                return
            await self.retry(failed)
        raise DemoFailed(f"{len(failed)} runs of the hub have failed {_RETRY_ROUNDS_MAX} times")

    # -- its books -----------------------------------------------------------------------------------------------------

    async def books(self, *, full: bool) -> HubBooks:
        """The books, with or without orders and keys."""
        content = await self._ask(f"{self._url}/sandbox/books?full={int(full)}")
        books = msgspec.json.decode(content, type=HubBooks)
        return msgspec.structs.replace(books, deliveries=_of_orders(books.deliveries))

    async def digest(self) -> str:
        """One text for what the sales channels have sold and show; not for how often they were told of it."""
        books = msgspec.json.decode(await self._ask(f"{self._url}/sandbox/books?full=1"), type=_DigestedBooks)
        rows = [
            [name, of.orders, [(level.sku, max(0, level.shown)) for level in of.levels]]
            for name, of in sorted(books.sales_channels.items())
        ]
        return hashlib.sha256(msgspec.json.encode(rows)).hexdigest()

    def acknowledged(self, books: HubBooks) -> dict[OrderName, int]:
        """Of each order, how many versions of it were answered with 2xx at least once."""
        versions: dict[OrderName, set[int]] = {}
        for key in books.deliveries.keys:
            name, version = self._pushed.get(key) or _named(key)
            versions.setdefault(name, set()).add(version)
        return {name: len(found) for name, found in versions.items()}

    async def _control(self, path: str, body: Any) -> bytes:
        return await self._ask(f"{self._url}/sandbox/{path}", msgspec.json.encode(body))


def _of_orders(deliveries: Deliveries) -> Deliveries:
    """Without what sales channels say of their shipments: each such list is one payload, whatever is in it."""
    lists = tuple(f"{flow} " for flow in EVIDENCE_FLOWS.values())
    attempts = {name: n for name, n in deliveries.attempts.items() if not name.startswith(lists)}
    taken = [deliveries.attempts.get(f"{lead}200", 0) for lead in lists]
    return msgspec.structs.replace(
        deliveries,
        attempts=attempts,
        accepted=deliveries.accepted - sum(taken),
        distinct=deliveries.distinct - sum(map(bool, taken)),
        keys={key: times for key, times in deliveries.keys.items() if key not in _LISTS},
    )


def _named(key: str) -> tuple[OrderName, int]:
    """Order and version of a key of the books, as `web/5017@2`."""
    order, _, version = key.rpartition("@")
    sales_channel, _, order_id = order.partition("/")
    return (sales_channel, order_id), int(version) if version.isdecimal() else 0
