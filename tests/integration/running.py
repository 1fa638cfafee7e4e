"""A whole Seamline in this process: composed as in production, beside the real sandbox of Fulfil, on loopback."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import msgspec

from connectors.capability import CapabilityFile, Finding, write_file
from connectors.fulfil.sandbox import ProductSeed, RunningSandbox, SalesChannel, SandboxConfig, TaxRate, open_sandbox
from flows.app import App, composed, telemetry_of
from flows.config import Config
from runtime.clock import SystemClock
from runtime.config import load

INTAKE_KEY = "intake-key-0123456789"
CONTROL_KEY = "control-key-0123456789"
TOKEN = "sandbox-token"

_CONFIG = """
[store]
path = "{store}"
[intake]
port = 0
keys = ["file:{directory}/intake.key"]
{intake}
[ops]
port = 0
control_key = "file:{directory}/control.key"
[fulfil]
token = "file:{directory}/token.key"
requests_per_s = 500
catalogue_every_s = {catalogue_every_s}
{refresh}
lost_answer_wait_s = 0.05
[fulfil.api]
base_url = "{url}"
{fulfil}
[telemetry]
log_level = "debug"
{telemetry}
[sales_channels.web]
format = "shopify"
[sales_channels.web.sale]
channel_id = 3
[sales_channels.web.sale.taxes]
"TX State Tax" = "TX State Tax"
"TX City Tax" = "TX City Tax"
"State Tax" = "State Tax"
[sales_channels.web.sale.gateways]
shopify_payments = "shopify_payments"
bogus = "bogus"
"" = "none"
"""


class Running:
    """One composed Seamline and the ERP beside it."""

    def __init__(self, app: App, erp: RunningSandbox, session: aiohttp.ClientSession, directory: Path) -> None:
        self.app, self.erp, self.session, self.directory = app, erp, session, directory

    async def post(
        self, body: bytes, *, key: str = INTAKE_KEY, sales_channel: str = "web", headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Deliver a body as Patchworks would: (status, decoded answer)."""
        sent = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **(headers or {})}
        url = f"{self.app.intake_url}/v1/orders/{sales_channel}"
        async with self.session.post(url, data=body, headers=sent) as answer:
            read = await answer.read()
            return answer.status, msgspec.json.decode(read) if read else None

    async def ops(self, path: str) -> str:
        """What the private listener says."""
        async with self.session.get(f"{self.app.ops_url}{path}") as answer:
            return await answer.text()

    async def control(self, command: str, **parameters: str) -> tuple[int, Any]:
        """Give an operator's command."""
        headers = {"Authorization": f"Bearer {CONTROL_KEY}"}
        url = f"{self.app.ops_url}/v1/control/{command}"
        async with self.session.post(url, params=parameters, headers=headers) as answer:
            return answer.status, await answer.json()

    async def books(self) -> dict[str, Any]:
        """The ERP's sales by order id."""
        async with self.session.get(f"{self.erp.url}/sandbox/books") as answer:
            sales = (await answer.json())["sales"]
        return {sale["channel_identifier"]: sale for sale in sales}

    async def sandbox(self, path: str, wish: Any) -> None:
        """Change something about the ERP."""
        async with self.session.post(f"{self.erp.url}/sandbox/{path}", data=msgspec.json.encode(wish)) as answer:
            assert answer.status == 200, await answer.text()

    async def states(self) -> dict[str, str]:
        """Where each order stands."""
        return {row[0]: row[4] for row in await self.app.journal.query("orders_listed", "", "", 1 << 62, 10_000, None)}

    async def cases(self, kind: str = "") -> list[tuple[str, str, str]]:
        """Open cases: (kind, subject, sentence)."""
        return [
            (row[1], row[2], row[4]) for row in await self.app.journal.query("cases_open", "", kind, 0, 10_000, None)
        ]

    async def until(self, wanted: dict[str, int], within_s: float = 20.0) -> None:
        """Until so many orders are in these states."""
        counted: Counter[str] = Counter()
        with anyio.move_on_after(within_s):
            while any(counted[state] != count for state, count in wanted.items()):
                await anyio.sleep(0.01)
                counted = Counter((await self.states()).values())
        assert {state: counted[state] for state in wanted} == wanted, await self.cases()


def sandbox_config(**changes: Any) -> SandboxConfig:
    """An ERP that knows the taxes and gateways of these tests."""
    taxes = (("TX State Tax", "0.0625"), ("TX City Tax", "0.02"), ("State Tax", "0.06"))
    channel = SalesChannel(
        id=3,
        name="web",
        code="web",
        taxes=tuple(TaxRate(name=name, rate=Decimal(rate)) for name, rate in taxes),
        gateways=("shopify_payments", "bogus", "none"),
        carriers=("ups_ground", "nobody_next_day"),
    )
    fields: dict[str, Any] = {"port": 0, "token": TOKEN, "requests_per_s": 0, "channels": (channel,)}
    return SandboxConfig(**{**fields, **changes})


def configuration(
    directory: Path,
    url: str,
    *,
    intake: str = "",
    telemetry: str = "",
    fulfil: str = "",
    more: str = "",
    catalogue_every_s: str = "0.3",
    refresh: str = "",
) -> Config:
    """The configuration of a Seamline in this directory; `fulfil` and `more` are further sections."""
    for name, secret in (("intake", INTAKE_KEY), ("control", CONTROL_KEY), ("token", TOKEN)):
        (directory / f"{name}.key").write_text(secret)
        (directory / f"{name}.key").chmod(0o600)
    path = directory / "seamline.toml"
    text = _CONFIG.format(
        store=directory / "store.db",
        directory=directory,
        url=url,
        intake=intake,
        telemetry=telemetry,
        fulfil=fulfil,
        catalogue_every_s=catalogue_every_s,
        refresh=refresh,
    )
    text += more
    path.write_text(text)
    return load(path, Config)


async def add_products(session: aiohttp.ClientSession, erp: RunningSandbox, skus: Sequence[str]) -> None:
    """Give the ERP products."""
    seeds = msgspec.json.encode([ProductSeed(sku=sku, name=sku) for sku in skus])
    async with session.post(f"{erp.url}/sandbox/products", data=seeds) as answer:
        assert answer.status == 200, await answer.text()


def known_of(url: str, directory: Path, **capabilities: str) -> str:
    """The setting that names a file of capabilities, as a probe of this tenant would have written it."""
    found = {
        name: Finding(value=value, how="written", evidence="said by the test") for name, value in capabilities.items()
    }
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    file = CapabilityFile(vendor="fulfil", tenant=url, found_at=moment, seamline="0", capabilities=found)
    write_file(directory / "fulfil.toml", file)
    return f'capabilities = "{directory}/fulfil.toml"'


@contextlib.asynccontextmanager
async def running(
    directory: Path,
    *,
    skus: Sequence[str] = (),
    erp: SandboxConfig | None = None,
    knows: Mapping[str, str] | None = None,
    **settings: str,
) -> AsyncIterator[Running]:
    """Compose it, feed the ERP its products, and yield when orders are accepted. `knows`: what was probed."""
    async with open_sandbox(erp or sandbox_config()) as sandbox, aiohttp.ClientSession() as session:
        await add_products(session, sandbox, skus or ["ANYTHING"])
        if knows is not None:
            settings["refresh"] = known_of(sandbox.url, directory, **knows)
        config, clock = configuration(directory, sandbox.url, **settings), SystemClock()
        async with composed(config, clock, telemetry_of(config, clock)) as app:
            yield Running(app, sandbox, session, directory)
