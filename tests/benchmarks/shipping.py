"""Measures shipments from Fulfil's write to the sales channel, between both sandboxes in this one process.

Orders come in by Patchworks; then they are shipped: a fifth of them in two parts, a tenth of the shipments in three
parcels, a twentieth by a carrier that is not mapped. Printed: how long until all of it was there, how often each key
arrived, units above what was ordered, calls to Fulfil for each shipment; then, of a steady stream at a poll of 10 s,
how long after Fulfil's write the flow was started.

Run: python -m tests.benchmarks.shipping [--orders 1000] [--stream 300]
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import anyio

from connectors.patchworks.sandbox import Batch, FlowSeed, Send
from runtime.clock import SystemClock
from tests.contracts.patchworks_sandbox import LAMP, MUG
from tests.integration.beside_patchworks import ORDERS, Both, both
from tests.integration.running import Running

OUT = FlowSeed(
    id=4331,
    name="Fulfilments out",
    sales_channel="web",
    batch=Batch(path="fulfilments", size=1),
    send=Send(to="fulfilments", retries=0),
)
SETTINGS = """
[sales_channels.web.fulfilments]
carriers = { "ups" = "UPS" }
[sales_channels.web.fulfilments.flow]
flow_id = "4331"
"""
_PER_CALL = 200
_PATIENCE_S = 1_800


class Bench:
    """Both sides, and what was done."""

    def __init__(self, world: Both, at: Running, clock: SystemClock) -> None:
        self.world, self.at, self.clock = world, at, clock
        self.random = random.Random(5)

    async def play(self, events: list[dict[str, Any]]) -> None:
        for start in range(0, len(events), _PER_CALL):
            url = f"{self.at.erp.url}/sandbox/play"
            async with self.at.session.post(url, json=events[start : start + _PER_CALL]) as answer:
                assert answer.status == 200, await answer.text()

    async def place(self, count: int) -> list[str]:
        ids: list[str] = []
        before = len(await self.at.states())
        for start in range(0, count, _PER_CALL):
            ids += await self.world.place(min(_PER_CALL, count - start))
        await self.at.until({"imported": before + count}, within_s=_PATIENCE_S)
        return ids

    async def receipts(self) -> dict[str, Any]:
        async with self.world.session.get(f"{self.world.hub.url}/sandbox/books?full=1") as answer:
            books = await answer.json()
        return dict(books["sales_channels"]["web"])

    def shipped(self, order: str, place: int) -> list[dict[str, Any]]:
        """The events of one order."""
        parcels = [{"tracking_number": f"T{order}-{n}"} for n in range(3 if place % 10 == 0 else 1)]
        carrier = "nobody_next_day" if place % 20 == 1 else "ups_ground"
        return [{"event": "ship", "order": order, "carrier_service": carrier, "parcels": parcels}]

    async def count(self, state: str) -> int:
        rows = await self.at.app.journal.reading.run(
            lambda store: store.execute("SELECT count(*) FROM fulfilment WHERE state = ?", (state,)).fetchone()
        )
        return int(rows[0])


async def measure(orders: int, stream: int) -> None:
    """Print the figures."""
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as directory:
        async with (
            both(Path(directory), flows=(ORDERS, OUT)) as world,
            world.seamline(recovery=False, also=SETTINGS, fulfil="fulfilments_every_s = 10.0") as at,
        ):
            await world.open_door(at)
            bench = Bench(world, at, clock)
            goods = [{"event": "count", "sku": sku, "quantity": 1_000_000} for sku in (MUG.sku, LAMP.sku)]
            goods += [{"event": "process"}]
            await bench.play(goods)
            ids = await bench.place(orders)
            print(f"{orders} orders are in Fulfil")
            await burst(bench, ids)
            await steady(bench, await bench.place(stream))


async def burst(bench: Bench, ids: list[str]) -> None:
    """Everything is shipped at once."""
    books = await bench.at.books()
    splits: list[dict[str, Any]] = []
    for place, order in enumerate(ids):
        line = max(books[order]["lines"], key=lambda each: float(each["quantity"]))
        several = sum(float(each["quantity"]) for each in books[order]["lines"]) > 1
        if place % 5 == 0 and several:
            splits.append({"event": "split", "order": order, "goods": [{"sku": line["sku"], "quantity": "1"}]})
    await bench.play(splits)
    before = await spent(bench)
    began = bench.clock.monotonic()
    await bench.play([event for place, order in enumerate(ids) for event in bench.shipped(order, place)])
    played = bench.clock.monotonic() - began
    expected = len(ids) + len(splits)
    while True:
        held, sent = await bench.count("held"), await bench.count("sent")
        if held + sent == expected or bench.clock.monotonic() - began > _PATIENCE_S:
            break
        await anyio.sleep(0.5)
    took = bench.clock.monotonic() - began
    told = (await bench.receipts())["fulfilments"]
    print(f"{expected} shipments ({len(splits)} second parts), shipped within {played:.1f} s")
    print(f"all sent or held after {took:.1f} s: {sent} sent, {held} held for a carrier that is not mapped")
    print(
        f"at the sales channel: {told['received']} received, {told['distinct']} distinct, "
        f"{told.get('refused', 0)} refused, {told.get('repeated', 0)} repeated"
    )
    print(f"most often the same key: {max(told['keys'].values())}")
    print(f"sums above what was ordered: {await above(bench)}")
    print(f"calls to Fulfil: {dict(Counter(await spent(bench)) - Counter(before))}")


async def above(bench: Bench) -> int:
    rows = await bench.at.cases("fulfilment.residual")
    return len(rows)


async def spent(bench: Bench) -> dict[str, int]:
    """Calls to Fulfil by model and method, answered 200."""
    async with bench.at.session.get(f"{bench.at.erp.url}/sandbox/books?sales=0") as answer:
        calls = (await answer.json())["calls"]
    return {route: statuses.get("200", 0) for route, statuses in calls.items() if "create_order" not in route}


async def steady(bench: Bench, ids: list[str]) -> None:
    """Five shipments a second; how long after each the sales channel had it."""
    shipped_at: dict[str, float] = {}
    arrived: dict[str, float] = {}
    known = set((await bench.receipts())["fulfilments"]["keys"])

    async def ship() -> None:
        for order in ids:
            await bench.play([{"event": "ship", "order": order, "carrier_service": "ups_ground"}])
            shipped_at[order] = bench.clock.monotonic()
            await anyio.sleep(0.2)

    async def watch() -> None:
        while len(arrived) < len(ids):
            keys = (await bench.receipts())["fulfilments"]["keys"]
            now = bench.clock.monotonic()
            for key in keys:
                if key not in known:
                    arrived.setdefault(key.split("-", 2)[2], now)
            await anyio.sleep(0.3)

    with anyio.move_on_after(_PATIENCE_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ship)
            tasks.start_soon(watch)
    waits = sorted(arrived[order] - shipped_at[order] for order in ids if order in arrived)
    if not waits:
        print("nothing of the stream arrived")
        return
    print(
        f"stream of {len(ids)}: {len(waits)} arrived; median {waits[len(waits) // 2]:.1f} s, "
        f"p99 {waits[min(len(waits) - 1, int(len(waits) * 0.99))]:.1f} s, most {waits[-1]:.1f} s"
    )
    repeats = Counter((await bench.receipts())["fulfilments"]["keys"].values())
    print(f"keys by how often they arrived: {dict(repeats)}")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=1_000)
    parser.add_argument("--stream", type=int, default=300)
    chosen = parser.parse_args()
    anyio.run(measure, chosen.orders, chosen.stream)


if __name__ == "__main__":
    main()
