"""The three processes of the demo, both sandboxes and Seamline itself, as an operator starts them, on free ports.

Their configurations, secrets, logs and the store are in one directory. Whatever was started here is ended here, also
when the demo fails or is interrupted; nothing else is touched. What is exported to configure another Seamline
(`SEAMLINE__...`) does not reach them.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from subprocess import DEVNULL, STDOUT
from typing import Any, Protocol

import aiohttp
import anyio
import anyio.abc
import msgspec

from connectors.http import Session
from flows.demo.hub_settings import hub_config
from flows.demo.keys import Keys
from flows.demo.scrape import Metrics
from flows.demo.settings import configuration, erp_config, erp_products, write_capabilities
from flows.demo.stories import Day
from flows.model.posting_matrix import PostingMode
from runtime.config import environment_without_overrides
from runtime.errors import SeamlineError

STOP_WITHIN_S = 30.0
_READY_WITHIN_S = 60.0
_POLL_S = 0.05
_LOG_TAIL = 1_500


class Ask(Protocol):
    """How a sandbox is asked; see `World.asked`."""

    def __call__(
        self, url: str, body: bytes | None = None, *, verb: str = "", headers: Mapping[str, str] | None = None
    ) -> Awaitable[bytes]:
        """The body of a 200. Raises DemoFailed otherwise."""
        ...


class DemoFailed(SeamlineError):
    """The demo cannot go on, or did not come to its end in time; the message says where to look."""


class Stopped(msgspec.Struct, frozen=True):
    """How a process ended: its exit status, and how long that took. `in_time`: it was not killed."""

    status: int
    seconds: float
    in_time: bool

    @property
    def clean(self) -> bool:
        """Whether it ended as asked."""
        return self.in_time and self.status == 0


class Process:
    """One process that was started here; its output is in `log`."""

    def __init__(self, name: str, process: anyio.abc.Process, log: Path) -> None:
        self.name, self.log, self._process = name, log, process

    def check(self) -> None:
        """Raise DemoFailed with the end of its log when it is no longer running."""
        status = self._process.returncode
        if status is not None:
            tail = self.log.read_text(errors="replace")[-_LOG_TAIL:]
            raise DemoFailed(f"{self.name} has ended by itself with status {status}; the end of its log:\n{tail}")

    async def stop(self) -> Stopped:
        """SIGTERM, and after 30 seconds SIGKILL. Safe to repeat; shielded from cancellation."""
        began = anyio.current_time()
        with anyio.CancelScope(shield=True):
            if self._process.returncode is None:
                self._process.terminate()
            with anyio.move_on_after(STOP_WITHIN_S) as patience:
                await self._process.wait()
            if patience.cancelled_caught:
                self._process.kill()
                await self._process.wait()
        status = self._process.returncode
        seconds = anyio.current_time() - began
        return Stopped(70 if status is None else status, seconds, in_time=not patience.cancelled_caught)


class World:
    """The running processes, and what may be asked of them."""

    def __init__(self, session: Session, directory: Path, keys: Keys) -> None:
        self._session, self.directory, self.keys = session, directory, keys
        self._intake_port, self._ops_port = free_ports(2)
        self.intake_url, self.ops_url = f"http://127.0.0.1:{self._intake_port}", f"http://127.0.0.1:{self._ops_port}"
        self.erp_url = self.hub_url = ""
        self.config, self.store = directory / "seamline.toml", directory / "seamline.db"
        self.processes: list[Process] = []
        """Seamline is the last of them."""
        self._stack = AsyncExitStack()

    def check(self) -> None:
        """Raise DemoFailed when one of the processes is gone."""
        for process in self.processes:
            process.check()

    async def metrics(self) -> Metrics:
        """What Seamline says of itself now."""
        return Metrics((await self.asked(f"{self.ops_url}/metrics")).decode())

    async def until_ready(self) -> None:
        """Return when Seamline takes orders."""
        with anyio.move_on_after(_READY_WITHIN_S):
            while True:
                self.check()
                try:
                    async with self._session.get(f"{self.ops_url}/readyz") as answer:
                        if answer.status == 200:  # noqa: PLR2004
                            return
                except (aiohttp.ClientError, OSError):
                    pass
                await anyio.sleep(_POLL_S)
        raise DemoFailed(f"Seamline was not ready within {_READY_WITHIN_S:.0f} s; see {self.processes[-1].log}")

    async def command(self, *arguments: str, ended_with: Collection[int] = (0,)) -> Any:
        """The JSON that a command of `seamline` prints, asked as a person would, in a process of its own. Raises
        DemoFailed when it ends otherwise.
        """
        asked = [sys.executable, "-m", "flows.cli", *arguments, "--json", "--config", str(self.config)]
        done = await anyio.run_process(asked, check=False, env=environment_without_overrides())
        if done.returncode not in ended_with:
            raise DemoFailed(f"`seamline {' '.join(arguments)}` ended with {done.returncode}: {done.stderr.decode()}")
        return msgspec.json.decode(done.stdout)

    async def asked(
        self, url: str, body: bytes | None = None, *, verb: str = "", headers: Mapping[str, str] | None = None
    ) -> bytes:
        """The body of a 200; a POST when there is a body to send, unless told. Raises DemoFailed otherwise."""
        self.check()
        verb = verb or ("GET" if body is None else "POST")
        try:
            async with self._session.request(verb, url, data=body, headers=headers) as answer:
                content = await answer.read()
        except (aiohttp.ClientError, OSError) as error:
            self.check()
            raise DemoFailed(f"{url} did not answer ({type(error).__name__})") from None
        if answer.status != 200:  # noqa: PLR2004
            sentence = content[:_LOG_TAIL].decode(errors="replace")
            raise DemoFailed(f"{url} answered with HTTP {answer.status}: {sentence}")
        return content

    async def start(self, stack: AsyncExitStack, today: Day) -> None:
        """Start all three, each when it can; they end with the stack."""
        directory = self.directory
        (directory / "products.json").write_bytes(msgspec.json.encode(erp_products(today)))
        erp = erp_config(today, self.keys, directory / "products.json")
        self.erp_url = await self._sandbox(stack, "the Fulfil sandbox", "fulfil", erp)
        hub = hub_config(today, self.keys, self.intake_url)
        self.hub_url = await self._sandbox(stack, "the Patchworks sandbox", "patchworks", hub)
        write_capabilities(directory, self.erp_url)
        self._configure("preview")
        keys = self.keys
        for name, secret in (
            ("intake.key", keys.intake),
            ("control.key", keys.control),
            ("fulfil.token", keys.fulfil),
            ("patchworks.key", keys.patchworks),
        ):
            (directory / name).touch(mode=0o600)
            (directory / name).write_text(secret)
        self._stack = stack
        self.processes.append(await self._run())
        await self.until_ready()

    async def restart(self, *, postings: PostingMode) -> None:
        """Stop Seamline, say whether it posts, and start it again. Raises DemoFailed when it does not end well."""
        before = self.processes.pop()
        stopped = await before.stop()
        if not stopped.clean:
            raise DemoFailed(f"{before.name} ended with status {stopped.status} when it was stopped; see {before.log}")
        self._configure(postings)
        self.processes.append(await self._run())
        await self.until_ready()

    def _configure(self, postings: PostingMode) -> None:
        written = configuration(
            self.directory, self.erp_url, self.hub_url, self._intake_port, self._ops_port, postings=postings
        )
        self.config.write_text(written)

    async def _run(self) -> Process:
        module = ["-m", "flows.cli", "run", "--config", str(self.config)]
        return await _started(self._stack, "Seamline", module, self.directory / "seamline.log")

    async def _sandbox(self, stack: AsyncExitStack, name: str, vendor: str, config: msgspec.Struct) -> str:
        """Start a vendor's sandbox; returns its address."""
        settings = self.directory / f"{vendor}.json"
        settings.touch(mode=0o600)
        settings.write_bytes(msgspec.json.encode(config))
        module = ["-m", f"connectors.{vendor}.sandbox", "--config", str(settings)]
        sandbox = await _started(stack, name, module, self.directory / f"{vendor}.log")
        self.processes.append(sandbox)
        return await _announced(sandbox)


@asynccontextmanager
async def running_world(session: Session, today: Day, *, keys: Keys, directory: Path) -> AsyncIterator[World]:
    """All three processes, ready for orders, for the length of the block. Raises DemoFailed when one does not come."""
    world = World(session, directory, keys)
    async with AsyncExitStack() as stack:
        await world.start(stack, today)
        yield world


async def _started(stack: AsyncExitStack, name: str, module: Sequence[str], log: Path) -> Process:
    """A Python process in a session of its own, so that Ctrl-C reaches the demo alone, which then ends it."""
    with log.open("ab") as output:
        process = await anyio.open_process(
            [sys.executable, *module],
            stdin=DEVNULL,
            stdout=output,
            stderr=STDOUT,
            start_new_session=True,
            env=environment_without_overrides(),
        )
    started = Process(name, process, log)
    stack.push_async_callback(started.stop)
    return started


async def _announced(sandbox: Process) -> str:
    """The address in the sandbox's first line."""
    with anyio.move_on_after(_READY_WITHIN_S):
        while True:
            line, end, _ = sandbox.log.read_bytes().partition(b"\n")
            if end and line.startswith(b"{"):
                url: str = msgspec.json.decode(line)["url"]
                return url
            sandbox.check()
            await anyio.sleep(_POLL_S)
    raise DemoFailed(f"{sandbox.name} was not ready within {_READY_WITHIN_S:.0f} s; see {sandbox.log}")


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that were free a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
