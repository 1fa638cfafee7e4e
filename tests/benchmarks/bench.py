"""Seamline beside its floor, on this machine, in interleaved rounds; the median of each figure, and their ratio.

A round of one side: an empty directory, an answering server and the measured process; orders at a fixed rate for the
latencies; then the closed loop until the side says that every outcome is on disk. Only one side runs at a time.

Run: python -m tests.benchmarks.bench [--floor-only] [--json]
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests.benchmarks import sides, world
from tests.benchmarks.settings import ORDERS

_DONE_S = 120
_SETTLE_S = 2.0
"""Work that was put off (exports, checkpoints) is counted when it happens this soon after the last order."""

_SATURATED = 0.8

_ROWS = (
    ("orders/s", "orders_per_s", "{:,.0f}"),
    ("CPU per order, microseconds", "cpu_per_order_us", "{:,.0f}"),
    ("commits per order", "commits_per_order", "{:.3f}"),
    ("peak memory, MiB", "peak_mib", "{:,.1f}"),
    ("ready after, ms", "ready_ms", "{:,.0f}"),
    ("CPU until ready, ms", "ready_cpu_ms", "{:,.0f}"),
    ("closed loop: 2xx after, ms, median", "accepted_p50_ms", "{:,.1f}"),
    ("closed loop: 2xx after, ms, p99", "accepted_p99_ms", "{:,.1f}"),
    ("fixed rate: 2xx after, ms, median", "paced_p50_ms", "{:,.2f}"),
    ("fixed rate: webhook to sale, ms, median", "sale_p50_ms", "{:,.2f}"),
    ("fixed rate: webhook to sale, ms, p99", "sale_p99_ms", "{:,.2f}"),
    ("generator, share of a core", "generator_share", "{:.2f}"),
    ("answering server, microseconds/request", "answering_us", "{:,.1f}"),
)

Start = Callable[[Path, int, int, int], sides.Side]


def _load(side: sides.Side, *options: str) -> Any:
    command = [sys.executable, "-m", "tests.benchmarks.load", "--url", side.orders_url, *options]
    for header in side.headers:
        command += ["--header", header]
    outcome = msgspec.json.decode(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    unexpected = {status: count for status, count in outcome["statuses"].items() if status not in {"200", "201"}}
    if unexpected:
        raise RuntimeError(f"{side.name}: orders were not accepted: {unexpected}")
    return outcome


def _until_done(side: sides.Side, world_port: int, orders: int) -> float:
    """The instant when the side says that all outcomes are on disk; asks it only when the outside has seen them all."""
    deadline = time.monotonic() + _DONE_S
    while (created := world.get_json(world_port, "/stats")["distinct"]) < orders:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{side.name}: only {created} of {orders} orders were created within {_DONE_S} s")
        time.sleep(0.01)
    while (done := side.counted().done) < orders:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{side.name}: only {done} of {orders} outcomes were written within {_DONE_S} s")
        time.sleep(0.01)
    return time.monotonic()


def _paced(side: sides.Side, world_port: int, first: int, count: int, rate: float) -> dict[str, float]:
    outcome = _load(side, "--first", str(first), "--orders", str(count), "--rate", str(rate))
    _until_done(side, world_port, count)
    created = world.get_json(world_port, "/created")
    to_sale = [1e3 * (created[order_id] - began) for order_id, began in outcome["starts"].items()]
    quantiles = statistics.quantiles(to_sale, n=100)
    return {
        "paced_p50_ms": outcome["latency_ms"]["p50"],
        "sale_p50_ms": quantiles[49],
        "sale_p99_ms": quantiles[98],
    }


def _throughput(side: sides.Side, pid: int, world_port: int, orders: int) -> dict[str, float]:
    outside, before, cpu_before = world.get_json(world_port, "/stats"), side.counted(), world.cpu_s(pid)
    outcome = _load(side, "--orders", str(orders))
    finished = _until_done(side, world_port, outside["distinct"] + orders)
    time.sleep(_SETTLE_S)
    cpu_s, after, seen = world.cpu_s(pid) - cpu_before, side.counted(), world.get_json(world_port, "/stats")
    if seen["duplicates"] or seen["faults"]:
        raise RuntimeError(f"{side.name}: {seen['duplicates']} repeated creates, {seen['faults']} unreadable ones")
    return {
        "orders_per_s": orders / (finished - outcome["began"]),
        "cpu_per_order_us": 1e6 * cpu_s / orders,
        "commits_per_order": (after.commits - before.commits) / orders,
        "peak_mib": world.peak_mib(pid),
        "accepted_p50_ms": outcome["latency_ms"]["p50"],
        "accepted_p99_ms": outcome["latency_ms"]["p99"],
        "generator_share": outcome["cpu_share"],
        "answering_us": 1e6 * (seen["cpu_s"] - outside["cpu_s"]) / (seen["requests"] - outside["requests"]),
    }


def _round(start: Start, place: Path, orders: int, paced: int, rate: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=place) as name:
        directory = Path(name)
        ports = world.free_ports(3)
        answering = [sys.executable, "-m", "tests.benchmarks.answering", "--port", str(ports[0])]
        outside_log, log = directory / "answering.log", directory / "target.log"
        with world.running(answering, outside_log, {}) as outside:
            world.until_ready(outside, ports[0], "/stats", outside_log)
            side = start(directory, *ports)
            began = time.monotonic()
            with world.running(side.command, log, side.environment) as process:
                world.until_ready(process, *side.ready, log)
                figures = {"ready_ms": 1e3 * (time.monotonic() - began), "ready_cpu_ms": 1e3 * world.cpu_s(process.pid)}
                if paced:
                    figures |= _paced(side, ports[0], orders, paced, rate)
                figures |= _throughput(side, process.pid, ports[0], orders)
        return figures


def _table(medians: dict[str, dict[str, float]]) -> str:
    names = list(medians)
    lines = [f"{'':42}" + "".join(f"{name:>12}" for name in names) + (f"{'ratio':>9}" if len(names) > 1 else "")]
    for title, key, shape in _ROWS:
        values = [medians[name].get(key) for name in names]
        if None in values:
            continue
        line = f"{title:42}" + "".join(f"{shape.format(value):>12}" for value in values)
        if len(values) > 1 and values[0]:
            line += f"{(values[1] or 0.0) / values[0]:>9.2f}"
        lines.append(line)
    return "\n".join(lines)


def _main(arguments: argparse.Namespace) -> None:
    starts: dict[str, Start] = {"floor": sides.floor}
    if not arguments.floor_only:
        starts["seamline"] = sides.seamline
    arguments.place.mkdir(parents=True, exist_ok=True)
    paced = int(arguments.rate * arguments.paced_s)
    fsync_us = world.fsync_us(arguments.place)
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in starts}
    for number in range(arguments.rounds):
        for name, start in starts.items():
            sys.stderr.write(f"round {number + 1} of {arguments.rounds}: {name}\n")
            rounds[name].append(_round(start, arguments.place, arguments.orders, paced, arguments.rate))
    medians = {
        name: {key: statistics.median(each[key] for each in figures) for key in figures[0]}
        for name, figures in rounds.items()
    }
    load_1min = os.getloadavg()[0]
    if arguments.json:
        result = {"median": medians, "rounds": rounds, "fsync_us": fsync_us, "cores": os.cpu_count()}
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(result)).decode() + "\n")
        return
    shown: Sequence[str] = (
        f"{arguments.orders:,} orders, median of {arguments.rounds} rounds; {paced} orders at {arguments.rate:g}/s",
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, load {load_1min:.1f}",
        f"fdatasync of 8 KiB in {arguments.place}: {fsync_us:,.0f} microseconds",
    )
    sys.stdout.write("\n".join((*shown, "", _table(medians), "")))
    if any(figures["generator_share"] > _SATURATED for figures in medians.values()):
        sys.stdout.write("The generator was saturated: orders/s says what it can send, not what the target can take.\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--floor-only", action="store_true")
    parser.add_argument("--json", action="store_true", help="all rounds and medians as JSON")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--orders", type=int, default=ORDERS)
    parser.add_argument("--rate", type=float, default=20.0, help="orders per second of the fixed rate part")
    parser.add_argument("--paced-s", type=float, default=10.0, help="seconds of the fixed rate part; 0 leaves it out")
    parser.add_argument("--place", type=Path, default=Path("var/bench"), help="directory on the disk to measure")
    _main(parser.parse_args())
