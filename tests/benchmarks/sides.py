"""The two sides of the benchmark: how each is started, where it takes orders, and how it says what it has done."""

from __future__ import annotations

import string
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from tests.benchmarks.world import get, get_json, metric

_CREATE = "/api/v2/model/sale.channel/create_order"
_TEMPLATE = Path(__file__).with_name("seamline.toml")

SEAMLINE_INTAKE = "/v1/orders/web"
SEAMLINE_HEADERS = ("Authorization: Bearer bench-key-0123456789",)
SEAMLINE_ENVIRONMENT = {"SEAMLINE_BENCH_KEY": "bench-key-0123456789"}
SEAMLINE_DONE = 'seamline_orders_settled_total{sales_channel="web",state="imported"}'
SEAMLINE_COMMITS = "seamline_journal_commit_seconds_count"


class Counted(msgspec.Struct, frozen=True):
    """What the measured process says of itself: orders whose outcome is on disk, and commits."""

    done: int
    commits: int


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One process to measure."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    orders_url: str
    headers: Sequence[str]
    ready: tuple[int, str]
    """Port and path that answer 200 once orders can be sent."""
    counted: Callable[[], Counted]


def floor(directory: Path, world_port: int, intake_port: int, _ops_port: int) -> Side:
    """The floor, with its database in `directory`."""

    def counted() -> Counted:
        return msgspec.convert(get_json(intake_port, "/stats"), Counted)

    module = [sys.executable, "-m", "tests.benchmarks.floor", "--port", str(intake_port)]
    return Side(
        name="floor",
        command=[
            *module,
            *("--database", str(directory / "floor.db")),
            *("--create-url", f"http://127.0.0.1:{world_port}{_CREATE}"),
        ],
        environment={},
        orders_url=f"http://127.0.0.1:{intake_port}/orders",
        headers=(),
        ready=(intake_port, "/stats"),
        counted=counted,
    )


def seamline(directory: Path, world_port: int, intake_port: int, ops_port: int) -> Side:
    """Seamline, as an operator starts it, with its store in `directory`."""
    config = directory / "seamline.toml"
    template = string.Template(_TEMPLATE.read_text())
    config.write_text(
        template.substitute(
            directory=directory,
            intake_port=intake_port,
            ops_port=ops_port,
            world_url=f"http://127.0.0.1:{world_port}",
        )
    )

    def counted() -> Counted:
        text = get(ops_port, "/metrics")[1].decode()
        return Counted(done=int(metric(text, SEAMLINE_DONE)), commits=int(metric(text, SEAMLINE_COMMITS)))

    return Side(
        name="seamline",
        command=[sys.executable, "-m", "flows.cli", "run", "--config", str(config)],
        environment=SEAMLINE_ENVIRONMENT,
        orders_url=f"http://127.0.0.1:{intake_port}{SEAMLINE_INTAKE}",
        headers=SEAMLINE_HEADERS,
        ready=(ops_port, "/readyz"),
        counted=counted,
    )
