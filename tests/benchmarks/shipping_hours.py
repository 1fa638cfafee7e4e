"""Measures, in virtual time, how long after Fulfil's write of a shipment the flow that tells of it is started.

The watcher, its orders and the flow's starts are the product's, with its defaults; Fulfil and Patchworks are twins that
answer after `--call-ms`. A fifth of the orders leave in two shipments, a tenth of the shipments in three parcels, a
twentieth by a carrier that is not mapped. `--over-s 0`: everything leaves at the same moment.

Run: python -m tests.benchmarks.shipping_hours [--shipments 10000] [--over-s 3600] [--call-ms 200]
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import anyio

from flows.fulfilment_watcher import WatchPolicy
from flows.fulfilment_watcher.translating import ZERO
from tests.actors.shipping import CHANNEL, TOLD, Depot, Hub, World, process
from tests.actors.world import story

_ORDERS_PER_S = 1_000


class Stream:
    """What left, and when."""

    def __init__(self, depot: Depot) -> None:
        self.depot = depot
        self.left_at: dict[str, datetime] = {}
        self.held = 0

    def ship(self, place: int, line: int, units: int, order: str) -> None:
        carrier = "Nobody" if place % 20 == 1 else "UPS"
        shipment = self.depot.ships([(line, units)], carrier=carrier, parcels=3 if place % 10 == 0 else 1)
        if carrier == "Nobody":
            self.held += 1
        else:
            self.left_at[f"out-{shipment}-{order}"] = self.depot.now()


async def measure(shipments: int, over_s: float, call_ms: int) -> None:
    """Print the figures."""
    depot, hub = Depot(), Hub()
    depot.takes_s = call_ms / 1_000
    policy = WatchPolicy(
        every=timedelta(seconds=10), overlap=timedelta(minutes=5), sales_channels={CHANNEL: ("web", None)}
    )
    with tempfile.TemporaryDirectory() as directory:
        async with process(Path(directory) / "s.db", depot, hub, TOLD, policy=policy) as world:
            stream = Stream(depot)
            await _lived(world, stream, shipments, over_s)
            with anyio.move_on_after(600):
                while len({each["fulfilment_id"] for _, each in hub.arrived}) < len(stream.left_at):
                    await anyio.sleep(1)
            _show(stream, hub, depot, shipments)


async def _lived(world: World, stream: Stream, shipments: int, over_s: float) -> None:
    """Every third shipment is the second part of an order's."""
    orders = [str(1_000 + n) for n in range(shipments - shipments // 6)]
    for start in range(0, len(orders), _ORDERS_PER_S):
        await world.knows(*orders[start : start + _ORDERS_PER_S])
    await anyio.sleep(60)
    place, pause = 0, over_s / shipments
    for n, order in enumerate(orders):
        (line,) = stream.depot.sale(order, 2)
        parts = [1, 1] if n % 5 == 0 else [2]
        for units in parts:
            if place == shipments:
                return
            stream.ship(place, line, units, order)
            place += 1
            if pause:
                await anyio.sleep(pause)


def _show(stream: Stream, hub: Hub, depot: Depot, shipments: int) -> None:
    first: dict[str, datetime] = {}
    for at, each in hub.arrived:
        first.setdefault(each["fulfilment_id"], at)
    waits = sorted((first[key] - left).total_seconds() for key, left in stream.left_at.items() if key in first)
    keys = Counter(each["fulfilment_id"] for _, each in hub.arrived)
    above = sum(units > ZERO + 2 for units in hub.units().values())
    print(f"{shipments} shipments: {len(waits)} of {len(stream.left_at)} told, {stream.held} held")
    print(
        f"from write to start: median {waits[len(waits) // 2]:.1f} s, p99 {waits[int(len(waits) * 0.99)]:.1f} s, ",
        end="",
    )
    print(f"most {waits[-1]:.1f} s; {len(hub.runs)} starts")
    print(f"keys that arrived more than once: {sum(n > 1 for n in keys.values())}; above what was ordered: {above}")
    print(f"calls to Fulfil for each shipment: {sum(depot.calls.values()) / shipments:.3f} {dict(depot.calls)}")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shipments", type=int, default=10_000)
    parser.add_argument("--over-s", type=float, default=3_600.0)
    parser.add_argument("--call-ms", type=int, default=200)
    chosen = parser.parse_args()
    story(lambda: measure(chosen.shipments, chosen.over_s, chosen.call_ms))


if __name__ == "__main__":
    main()
