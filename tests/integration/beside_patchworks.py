"""A whole Seamline between both sandboxes: Patchworks delivers to it over loopback, and it asks Patchworks about runs.

`both` opens the sandboxes; each `Both.seamline()` is one life of the product on the same store, so that one can end and
the next begin. The sandbox of Patchworks delivers to nobody until `Both.open_door`.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import anyio

from connectors.fulfil.sandbox import RunningSandbox as RunningErp
from connectors.fulfil.sandbox import SandboxConfig as ErpConfig
from connectors.fulfil.sandbox import open_sandbox as open_erp
from connectors.patchworks.sandbox import (
    Auth,
    FlowSeed,
    Limits,
    RunningSandbox,
    SandboxConfig,
    Send,
    Switches,
    Target,
    open_sandbox,
)
from flows.app import composed, telemetry_of
from flows.run_recovery import SWEEP_KEY
from runtime.clock import Clock, SystemClock
from tests.contracts.patchworks_sandbox import KEY, LAMP, MUG, WEB
from tests.integration.running import INTAKE_KEY, Running, add_products, configuration, sandbox_config

ORDERS = FlowSeed(id=4310, name="Orders in", sales_channel="web", source="order_events", send=Send(retries=0))
DOWNLOAD = "GET /payload-metadata/{payload}/download"

_PATCHWORKS = """
[patchworks]
token = "file:{directory}/hub.key"
core_url = "{url}/core/api/v1"
start_url = "{url}/start/api/v1"
calls_per_min = 60000.0
concurrency_max = 8
page_size = {page_size}
"""
_RECOVERY = """
[recovery]
settle_s = 0.0
every_s = 3600.0
runs_per_sweep_max = {runs_max}
[recovery.flows]
{flows}
"""


class Both:
    """The two sandboxes, and what a test does to the one of Patchworks."""

    def __init__(self, hub: RunningSandbox, erp: RunningErp, session: aiohttp.ClientSession, directory: Path) -> None:
        self.hub, self.erp, self.session, self.directory = hub, erp, session, directory

    @contextlib.asynccontextmanager
    async def seamline(
        self,
        *,
        token: str = KEY,
        flows: Mapping[int, str] | None = None,
        recovery: bool = True,
        runs_max: int = 50,
        page_size: int = 100,
        clock: Clock | None = None,
        also: str = "",
        fulfil: str = "",
    ) -> AsyncIterator[Running]:
        """One life of the product. `flows`: whose failed runs are recovered, and for which sales channel;
        `also`: further sections of its configuration; `fulfil`: further settings of that section.
        """
        (self.directory / "hub.key").write_text(token)
        (self.directory / "hub.key").chmod(0o600)
        of = {4310: "web"} if flows is None else flows
        more = _PATCHWORKS.format(directory=self.directory, url=self.hub.url, page_size=page_size)
        if recovery:
            rows = "\n".join(f'{flow} = "{sales_channel}"' for flow, sales_channel in of.items())
            more += _RECOVERY.format(runs_max=runs_max, flows=rows)
        more += also
        config, clock = configuration(self.directory, self.erp.url, more=more, refresh=fulfil), clock or SystemClock()
        async with composed(config, clock, telemetry_of(config, clock)) as app:
            yield Running(app, self.erp, self.session, self.directory)

    async def open_door(self, at: Running) -> None:
        """From now on Patchworks reaches our intake."""
        await self.ask("target", url=at.app.intake_url)

    async def ask(self, path: str, **wish: Any) -> Any:
        """Change something about Patchworks; waits until its runs are over."""
        async with self.session.post(f"{self.hub.url}/sandbox/{path}", json=wish) as answer:
            assert answer.status == 200, await answer.text()
            said = await answer.json()
        await self._settled()
        return said

    async def faults(self, **kinds: Any) -> None:
        """Have calls of a route end badly: `{route: (kind, probability)}`; nothing: none do."""
        more: dict[str, dict[str, int]] = {"throttle": {"retry_after_s": 0}, "latency": {"latency_ms": 20}}
        rules = [
            {"route": route, "kind": kind, "probability": share, **more.get(kind, {})}
            for route, (kind, share) in kinds.items()
        ]
        async with self.session.post(f"{self.hub.url}/sandbox/faults", json=rules) as answer:
            assert answer.status == 200, await answer.text()

    async def failed(self, route: str, within_s: float = 30.0) -> None:
        """Wait until a call of this route has ended badly."""
        with anyio.fail_after(within_s):
            while not set(self.hub.sandbox.calls.statement().get(route, {})) - {"200"}:
                await anyio.sleep(0.005)

    async def _settled(self) -> None:
        async with self.session.post(f"{self.hub.url}/sandbox/settle", json={"timeout_s": 120}) as answer:
            assert (await answer.json())["settled"]

    async def place(self, count: int = 1) -> list[str]:
        """So many orders in the sales channel; their ids, once the flows that listen have run."""
        said = await self.ask("sales-channels/web/orders", count=count)
        return [order["id"] for order in said["orders"]]

    async def books(self) -> Any:
        """What an observer sees of Patchworks."""
        async with self.session.get(f"{self.hub.url}/sandbox/books") as answer:
            return await answer.json()

    async def downloads(self) -> int:
        """Payloads that were given out."""
        calls: dict[str, Any] = (await self.books())["calls"]
        return sum(count for name, count in _flat(calls).items() if DOWNLOAD in name and "200" in name)

    def statuses(self) -> list[int]:
        """How the runs ended."""
        return [run.status for run in self.hub.sandbox.books.runs.values()]


def _flat(calls: Any, before: str = "") -> dict[str, int]:
    if isinstance(calls, dict):
        return {name: count for key, value in calls.items() for name, count in _flat(value, f"{before} {key}").items()}
    return {before: int(calls)} if isinstance(calls, int) else {}


async def sweep(at: Running) -> None:
    """Have it look for failed runs now, and wait until nothing of recovery is under way."""
    assert (await at.control("release", key=SWEEP_KEY))[0] == 200
    await quiet(at)


async def quiet(at: Running, within_s: float = 20.0) -> None:
    """Wait until no message and no call of the recovery is left."""
    with anyio.fail_after(within_s):
        while await _left(at):
            await anyio.sleep(0.01)


async def _left(at: Running) -> bool:
    journal = at.app.journal
    messages = {row[0] for row in await journal.query("queue_depths")}
    calls = {row[0] for row in await journal.query("intent_depths")}
    return "run_recovery" in messages or "patchworks" in calls or bool(at.app.engine.channels["run_recovery"].has_work)


@contextlib.asynccontextmanager
async def both(
    directory: Path,
    *,
    flows: tuple[FlowSeed, ...] = (ORDERS,),
    switches: Switches | None = None,
    erp: ErpConfig | None = None,
    **settings: Any,
) -> AsyncIterator[Both]:
    """Both sandboxes; Patchworks' sales channel `web` sells a mug and a lamp that Fulfil knows."""
    config = SandboxConfig(
        port=0,
        flows=flows,
        sales_channels=(WEB,),
        switches=switches or Switches(),
        target=Target(auth=Auth(kind="header", value=INTAKE_KEY)),
        limits=settings.pop("limits", Limits(api_per_min=0, webhooks_per_min=0, callbacks_per_min=0)),
        **settings,
    )
    async with (
        open_sandbox(config) as hub,
        open_erp(erp or sandbox_config()) as running_erp,
        aiohttp.ClientSession() as session,
    ):
        await add_products(session, running_erp, [MUG.sku, LAMP.sku])
        yield Both(hub, running_erp, session, directory)
