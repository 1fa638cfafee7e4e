"""The product of the example configuration, for commands to be typed beside it.

One Seamline runs in a thread of this process, configured as deploy/seamline.example.toml has it, beside the sandbox of
deploy/sandbox.example.toml.
"""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio.from_thread

from connectors.fulfil.sandbox.__main__ import read_config
from connectors.fulfil.sandbox.server import open_sandbox
from flows.app import App, composed, telemetry_of
from flows.config import Config
from runtime.clock import SystemClock
from runtime.config import load

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "deploy" / "seamline.example.toml"
ORDER = json.loads((ROOT / "deploy" / "order.example.json").read_text(encoding="utf-8"))
SECRETS = {
    "FULFIL_TOKEN": "sandbox-token",
    "SEAMLINE_INTAKE_KEY": "intake-key-0123456789",
    "SEAMLINE_CONTROL_KEY": "control-key",
}
_SETTLED_WITHIN_S = 10.0
_POLL_S = 0.01


def order(number: str, /, **changes: Any) -> dict[str, Any]:
    """The order of the README under another number."""
    return {**ORDER, "order_id": f"A-{number}", "reference": f"#{number}", **changes}


def line(sku: str) -> dict[str, Any]:
    return {**ORDER["lines"][0], "sku": sku}


def sent(app: App, *orders: dict[str, Any]) -> None:
    """Deliver orders as Patchworks would."""
    request = urllib.request.Request(  # noqa: S310 - our own listener
        f"{app.intake_url}/v1/orders/marketplace",
        json.dumps(orders).encode(),
        {"X-API-Key": SECRETS["SEAMLINE_INTAKE_KEY"], "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        assert answer.status == 200


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _SETTLED_WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(_POLL_S)


@contextmanager
def running(store: Path) -> Iterator[tuple[App, dict[str, str]]]:
    """The product of the example configuration beside the sandbox, and the environment in which commands find it."""
    sandbox_config = read_config(str(ROOT / "deploy" / "sandbox.example.toml"), {"port": 0})
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(open_sandbox(sandbox_config)) as sandbox,
    ):
        environment = {
            **SECRETS,
            "SEAMLINE__STORE__PATH": str(store),
            "SEAMLINE__FULFIL__API__BASE_URL": sandbox.url,
            "SEAMLINE__INTAKE__PORT": "0",
            "SEAMLINE__OPS__PORT": "0",
            "SEAMLINE__TELEMETRY__LOG_LEVEL": "error",
        }
        config, clock = load(EXAMPLE, Config, environment), SystemClock()
        with portal.wrap_async_context_manager(composed(config, clock, telemetry_of(config, clock))) as app:
            yield app, environment | {"SEAMLINE__OPS__PORT": app.ops_url.rpartition(":")[2]}


def scraped(app: App) -> str:
    with urllib.request.urlopen(f"{app.ops_url}/metrics") as answer:  # noqa: S310
        return str(answer.read().decode())


def readiness(app: App) -> str:
    with urllib.request.urlopen(f"{app.ops_url}/readyz?verbose") as answer:  # noqa: S310
        return str(answer.read().decode())


def settled(app: App) -> float:
    found = re.findall(r"^seamline_orders_settled_total\{.*\} (\S+)$", scraped(app), re.MULTILINE)
    return sum(map(float, found))


def beside(*words: str) -> list[str]:
    """The words of a command about the example's store."""
    return [*words, "--config", str(EXAMPLE)]
