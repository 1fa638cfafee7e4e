"""The world in which the product is killed: Fulfil's sandbox, senders that do not give up, and the product itself.

Each is a process of its own, except the senders, which are tasks of the test. One sandbox serves many kills, and one
store lives through all of them, so that a kill costs little more than the product's own start.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import msgspec

from connectors.fulfil.sandbox.__main__ import main as sandbox_main
from flows.demo.orders import GeneratedOrder, catalogue
from flows.payout_importer.messages import PayoutPage
from runtime.testing.faults import FaultRule
from tests.benchmarks.world import metric
from tests.crash.forked import Forked
from tests.crash.observer import FULFIL_CHANNELS, Key, Verdict, judge
from tests.crash.process import main as product_main

ROOT = Path(__file__).resolve().parents[2]
PRODUCTS = 60
KEY = "crash-key-0123456789"
CREATE = "sale.channel/create_order"
LOOK = "sale.sale/search_read"
ROUGH = (
    FaultRule(route=CREATE, kind="answer_lost", probability=0.05),
    FaultRule(route=CREATE, kind="reset_before", probability=0.03),
    FaultRule(route=CREATE, kind="server_error", probability=0.02),
    FaultRule(route=CREATE, kind="throttle", probability=0.01, retry_after_s=0),
    FaultRule(route=CREATE, kind="latency", probability=0.3, latency_ms=30),
    FaultRule(route=LOOK, kind="reset_before", probability=0.05),
)
"""A bad day at Fulfil."""
READY_WITHIN_S = 5.0
"""The product's promise: after any death it takes orders again within this time, unless the machine is overloaded."""
_PATIENCE_S = 20.0
_POLL_S = 0.002
UNDER_LOAD = "intake.before_journal>"
"""Before a crash point: its reachings are counted from the first delivery on, and not while the process starts."""
_ENVIRONMENT = {"SEAMLINE_CRASH_KEY": KEY, "SEAMLINE_CRASH_TOKEN": "sandbox-token"}
_TAXES = (("TX State Tax", "0.0625"), ("TX City Tax", "0.02"))
_CONFIG = """\
[store]
path = "{directory}/seamline.db"
[intake]
port = 0
keys = ["env:SEAMLINE_CRASH_KEY"]
[ops]
port = 0
control_key = "env:SEAMLINE_CRASH_KEY"
[engine]
window = {window}
[fulfil]
token = "env:SEAMLINE_CRASH_TOKEN"
requests_per_s = {requests_per_s}
catalogue_every_s = 0.5
lost_answer_wait_s = {lost_answer_wait_s}
{fulfil}
[fulfil.api]
base_url = "{sandbox_url}"
[telemetry]
trace_share = 1.0
otlp_url = "{otlp_url}"
"""
_SALES_CHANNEL = """\
[sales_channels.{name}]
format = "shopify"
[sales_channels.{name}.sale]
channel_id = {id}
gateways = {{ shopify_payments = "shopify_payments" }}
taxes = {{ "TX State Tax" = "TX State Tax", "TX City Tax" = "TX City Tax" }}
"""


Process = Forked | subprocess.Popen[bytes]


class NotAtRest(AssertionError):
    """The product did not finish what it had to do in the time it was given; the message says what is left."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What differs from one world to another."""

    seed: int
    faults: Sequence[FaultRule] = ROUGH
    lost_answer_wait_s: float = 0.05
    requests_per_s: float = 5_000.0
    otlp_url: str = ""
    window: int = 256
    imports: bool = False
    """Each start of the product is one from nothing, as an operator's is, and takes as long."""
    fulfil: str = ""
    """Further settings of its section `[fulfil]`."""
    more: str = ""
    """Further sections of the product's configuration."""


class World:
    """See the module. Made by `opened`, which ends every process that is left."""

    def __init__(self, directory: Path, settings: Settings, sandbox_url: str) -> None:
        self.directory, self.settings, self.sandbox_url = directory, settings, sandbox_url
        self.store = directory / "seamline.db"
        self.product: Process | None = None
        self.intake_url = self.ops_url = ""
        self.sent: dict[Key, GeneratedOrder] = {}
        self.acknowledged: dict[Key, GeneratedOrder] = {}
        self.refusals: list[str] = []
        self.recoveries_s: list[float] = []
        self.kills = 0
        self.environment = dict(_ENVIRONMENT)
        """Of the product's next start; a test may override settings in it for a life."""
        self._starts = count(1)
        self._log = directory / "none.log"
        self.config = directory / "seamline.toml"
        head = _CONFIG.format(directory=directory, sandbox_url=sandbox_url, **msgspec.structs.asdict(settings))
        parts = [_SALES_CHANNEL.format(name=name, id=id_) for name, id_ in FULFIL_CHANNELS.items()]
        self.config.write_text(head + "".join(parts) + settings.more)

    # -- the product's process -----------------------------------------------------------------------------------------

    def launch(self, *, die: str = "", defect: str = "") -> Process:
        """Start the product and do not wait for it. One that still runs is ended first."""
        self.end()
        self.intake_url = self.ops_url = ""
        self._log = self.directory / f"product-{next(self._starts)}.log"
        arguments = ["--config", str(self.config)]
        arguments += ["--die", die] if die else []
        arguments += ["--defect", defect] if defect else []
        if self.settings.imports:
            command = [sys.executable, "-m", "tests.crash.process", *arguments]
            with self._log.open("wb") as log:
                environment = {**os.environ, **self.environment}
                self.product = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        else:
            self.product = Forked(product_main, arguments, self._log, self.environment)
        return self.product

    async def start(self, *, die: str = "", defect: str = "") -> bool:
        """Start the product; True once it takes orders, False when it died before, as it had been told to.

        The time that takes is noted in `recoveries_s`.
        """
        began = time.monotonic()
        product = self.launch(die=die, defect=defect)
        while product.poll() is None:
            if (line := _line(self._log, b'"process.started"')) is not None:
                listening = line["listening"].split()
                self.intake_url, self.ops_url = listening[1].rstrip(","), listening[3]
                self.recoveries_s.append(time.monotonic() - began)
                return True
            if time.monotonic() - began > _PATIENCE_S:
                raise NotAtRest(f"the product is not ready after {_PATIENCE_S:g} s:\n{self.log_end()}")
            await anyio.sleep(_POLL_S)
        if product.returncode != -signal.SIGKILL:
            raise NotAtRest(f"the product ended with {product.returncode} at its start:\n{self.log_end()}")
        return False

    def kill(self) -> None:
        """Kill the product, whatever it is doing."""
        assert self.product is not None
        self.product.kill()
        self.product.wait(_PATIENCE_S)
        self.kills += 1
        self.intake_url = ""

    def end(self) -> None:
        """Be sure that no product runs any more."""
        if self.product is not None and self.product.poll() is None:
            self.product.kill()
            self.product.wait(_PATIENCE_S)

    def signal(self, number: signal.Signals) -> None:
        """Send the product a signal."""
        assert self.product is not None
        self.product.send_signal(number)

    async def ended(self, within_s: float = _PATIENCE_S) -> int:
        """Wait for the product's end; its exit status, negative for the signal that killed it."""
        assert self.product is not None
        deadline = time.monotonic() + within_s
        while (status := self.product.poll()) is None:
            if time.monotonic() > deadline:
                raise NotAtRest(f"the product has not ended after {within_s:g} s:\n{self.log_end()}")
            await anyio.sleep(_POLL_S)
        self.kills += status == -signal.SIGKILL
        self.intake_url = ""
        return status

    def log_end(self) -> str:
        """The end of what the product logged last."""
        return self._log.read_text(errors="replace")[-2_000:]

    def log_bytes(self) -> bytes:
        """What the product has logged since its last start."""
        return self._log.read_bytes()

    # -- the senders ---------------------------------------------------------------------------------------------------

    async def send(
        self, orders: Iterable[GeneratedOrder], *, senders: int = 8, pause_s: float = 0.0, versions: int = 0
    ) -> None:
        """Deliver all orders; returns when every one is acknowledged. Cancelled, the rest is not.

        Every seventh is sent twice at once, as hubs do. Of every `versions`-th a second version follows (0: of none).
        """
        queue = iter(_deliveries(orders, versions))
        timeout = aiohttp.ClientTimeout(total=5.0)
        async with aiohttp.ClientSession(timeout=timeout) as session, anyio.create_task_group() as tasks:
            for _ in range(senders):
                tasks.start_soon(self._send_each, session, queue, pause_s)

    async def _send_each(
        self, session: aiohttp.ClientSession, queue: Iterator[tuple[GeneratedOrder, bytes]], pause_s: float
    ) -> None:
        for order, body in queue:
            key = (FULFIL_CHANNELS[order.sales_channel], order.order_id)
            self.sent[key] = order
            while not await self._post(session, order.sales_channel, body):
                await anyio.sleep(0.01)
            self.acknowledged[key] = order
            if pause_s:
                await anyio.sleep(pause_s)

    async def deliver(self, body: bytes, sales_channel: str = "web") -> None:
        """Deliver these bytes, whatever they are, until they are acknowledged."""
        async with aiohttp.ClientSession() as session:
            while not await self._post(session, sales_channel, body):
                await anyio.sleep(0.01)

    async def bring(self, pages: Iterable[PayoutPage]) -> bool:
        """Post a file of payouts page by page; False when the product died before all were taken."""
        url, headers = f"{self.ops_url}/v1/control/payout", {"Authorization": f"Bearer {KEY}"}
        with contextlib.suppress(aiohttp.ClientError):
            async with aiohttp.ClientSession(headers=headers) as session:
                for page in pages:
                    async with session.post(url, json={"page": msgspec.json.encode(page).decode()}) as answer:
                        assert answer.status == 200, await answer.text()
                return True
        return False

    async def _post(self, session: aiohttp.ClientSession, sales_channel: str, body: bytes) -> bool:
        """One attempt; False when the sender has to come again."""
        if not self.intake_url:
            return False
        url = f"{self.intake_url}/v1/orders/{sales_channel}"
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        try:
            async with session.post(url, data=body, headers=headers) as answer:
                await answer.read()
                if answer.status not in (200, 201, 503):
                    self.refusals.append(f"{answer.status} {answer.reason}")
                return answer.status in (200, 201)
        except (aiohttp.ClientError, OSError):
            return False

    # -- rest, and what the outside saw --------------------------------------------------------------------------------

    async def rest(self, within_s: float = _PATIENCE_S) -> None:
        """Return when the running product has nothing left to do. Raises NotAtRest when no less has been left on disk
        for `within_s`: two hundred kills leave more to be done than a fixed time allows for on every machine.
        """
        deadline, least = time.monotonic() + within_s, sum(self.on_disk())
        async with aiohttp.ClientSession() as session:
            while left := await self._left(session):
                if (now := sum(self.on_disk())) < least:
                    deadline, least = time.monotonic() + within_s, now
                if time.monotonic() > deadline:
                    raise NotAtRest(f"for {within_s:g} s no less than this is left: {left}\n{self.log_end()}")
                await anyio.sleep(0.02)

    async def _left(self, session: aiohttp.ClientSession) -> str:
        messages, writes = self.on_disk()
        text = await self.metrics(session)
        names = ("calls_in_flight", "calls_waiting", "outcomes_open", "channel_depth", "channel_busy_keys")
        left = {name: metric(text, f"seamline_{name}") for name in names}
        left |= {"messages on disk": messages, "writes on disk": writes}
        return ", ".join(f"{name} {value:g}" for name, value in left.items() if value)

    def on_disk(self) -> tuple[int, int]:
        """Messages to be decided and writes without an outcome, as the store has them."""
        ((messages,),) = self.read("SELECT count(*) FROM message WHERE channel = 'order_importer'")
        ((writes,),) = self.read("SELECT count(*) FROM intent WHERE repeat <> 'safe'")
        return messages, writes

    def read(self, query: str, *row: Any) -> list[Any]:
        """What the store has, whether the product runs or not."""
        with contextlib.closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True, timeout=5.0)) as connection:
            return connection.execute(query, row).fetchall()

    def facts(self, order: GeneratedOrder) -> list[str]:
        """The kinds of the facts in the order's timeline, in order."""
        key = f"{order.sales_channel}/{order.order_id}"
        return [kind for (kind,) in self.read("SELECT kind FROM fact WHERE subject = ? ORDER BY id", key)]

    async def metrics(self, session: aiohttp.ClientSession | None = None) -> str:
        """The product's metrics."""
        if session is None:
            async with aiohttp.ClientSession() as own:
                return await self.metrics(own)
        async with session.get(f"{self.ops_url}/metrics") as answer:
            return await answer.text()

    async def control(self, command: str, **parameters: str) -> None:
        """Have the product do something, as an operator does."""
        url, headers = f"{self.ops_url}/v1/control/{command}", {"Authorization": f"Bearer {KEY}"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, json={"by": "mona", **parameters}, headers=headers) as answer,
        ):
            assert answer.status == 200, await answer.text()

    async def calls_in_flight(self, at_least: int, within_s: float = _PATIENCE_S) -> None:
        """Return once so many writes to Fulfil are under way at once."""
        with anyio.fail_after(within_s):
            while self._writes_begun() < at_least:
                await anyio.sleep(_POLL_S)
            while metric(await self.metrics(), "seamline_calls_in_flight") < at_least:
                await anyio.sleep(_POLL_S)

    def _writes_begun(self) -> int:
        """Writes that the running process may have begun, by the store; it marks each before it is made."""
        ((begun,),) = self.read("SELECT count(*) FROM intent WHERE repeat <> 'safe' AND claimed <> 0")
        return int(begun)

    async def books(self) -> dict[str, Any]:
        """Fulfil's books."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.sandbox_url}/sandbox/books") as answer:
            books: dict[str, Any] = msgspec.json.decode(await answer.read())
            return books

    async def rows(self, model: str, *fields: str) -> list[dict[str, Any]]:
        """These fields of every row that Fulfil has of the model."""
        url = f"{self.sandbox_url}/api/v2/model/{model}/search_read"
        asked = msgspec.json.encode([[], 0, 500, None, fields])
        headers = {"X-API-KEY": _ENVIRONMENT["SEAMLINE_CRASH_TOKEN"]}
        async with aiohttp.ClientSession() as session, session.put(url, data=asked, headers=headers) as answer:
            found: list[dict[str, Any]] = await answer.json()
            return found

    async def sales_made(self, at_least: int, within_s: float = _PATIENCE_S) -> None:
        """Return once Fulfil has so many sales, whatever became of its answers."""
        with anyio.fail_after(within_s):
            while len((await self.books())["sales"]) < at_least:
                await anyio.sleep(_POLL_S)

    async def plague(self, faults: Sequence[FaultRule]) -> None:
        """Let Fulfil misbehave in another way from now on."""
        body = msgspec.json.encode(faults)
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.sandbox_url}/sandbox/faults", data=body) as answer,
        ):
            assert answer.status == 200, await answer.text()

    async def verdict(self) -> Verdict:
        """What the observer says now."""
        assert not self.refusals, self.refusals
        return judge(self.acknowledged, self.sent, await self.books())


@contextlib.contextmanager
def opened(directory: Path, settings: Settings) -> Iterator[World]:
    """A sandbox that runs, with the products of the seed, and a product that may be started. Ends both."""
    with _sandbox(directory, settings) as url:
        world = World(directory, settings, url)
        try:
            yield world
        finally:
            world.end()


@contextlib.contextmanager
def _sandbox(directory: Path, settings: Settings) -> Iterator[str]:
    products = directory / "products.json"
    goods = catalogue(settings.seed, PRODUCTS)
    products.write_bytes(msgspec.json.encode([{"sku": product.sku, "name": product.name} for product in goods]))
    channels = [
        {"id": id_, "name": name, "code": name, "gateways": ["shopify_payments"],
         "taxes": [{"name": tax, "rate": rate} for tax, rate in _TAXES]}
        for name, id_ in FULFIL_CHANNELS.items()
    ]  # fmt: skip
    config = {
        "port": 0, "requests_per_s": 0, "channels": channels, "products_file": str(products),
        "faults": settings.faults, "seed": settings.seed,
    }  # fmt: skip
    path, log = directory / "sandbox.json", directory / "sandbox.log"
    path.write_bytes(msgspec.json.encode(config))
    process = Forked(sandbox_main, ["--config", str(path)], log, {})
    try:
        deadline = time.monotonic() + _PATIENCE_S
        while (line := _line(log, b'"ready"')) is None:
            if process.poll() is not None or time.monotonic() > deadline:
                raise NotAtRest(f"the sandbox does not start:\n{log.read_text()[-2_000:]}")
            time.sleep(_POLL_S)
        yield str(line["url"])
    finally:
        process.terminate()
        try:
            process.wait(_PATIENCE_S)
        except TimeoutError:
            process.kill()
            process.wait(_PATIENCE_S)


def _line(log: Path, mark: bytes) -> dict[str, Any] | None:
    """The first whole JSON line of a log that has the mark."""
    for line in log.read_bytes().splitlines(keepends=True):
        if mark in line and line.endswith(b"\n"):
            found: dict[str, Any] = msgspec.json.decode(line)
            return found
    return None


def _deliveries(orders: Iterable[GeneratedOrder], versions: int) -> Iterator[tuple[GeneratedOrder, bytes]]:
    """What the senders deliver, in order."""
    for index, order in enumerate(orders):
        yield order, order.body
        if index % 7 == 0:
            yield order, order.body
        if versions and index % versions == 0:
            yield order, next_version(order)


def next_version(order: GeneratedOrder, **changes: Any) -> bytes:
    """A later version of the order: the same content unless `changes` (fields of the document) say otherwise."""
    document = msgspec.json.decode(order.body)
    later = document["updated_at"].replace("2026-", "2027-")
    return msgspec.json.encode({**document, "updated_at": later, **changes})


def recovered_in_time(recoveries_s: Sequence[float], environment: Mapping[str, str] = os.environ) -> bool:
    """Whether each start kept the promise. That is judged by `make crash`, which has the machine to itself; beside
    other tests the time on the wall is theirs.
    """
    return "SEAMLINE_CRASH_RUNS" not in environment or max(recoveries_s) < READY_WITHIN_S


def runs(default: int, environment: Mapping[str, str] = os.environ) -> int:
    """How many kills a test makes: SEAMLINE_CRASH_RUNS, or the default of a quick run."""
    return int(environment.get("SEAMLINE_CRASH_RUNS", default))
