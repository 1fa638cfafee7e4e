"""What publishing stock costs: calls, lines, seconds (of virtual time) and memory, printed as one line of JSON each.

    python -m tests.benchmarks.stock moves --moves 10000 --skus 2000
    python -m tests.benchmarks.stock sweep --skus 200000
    python -m tests.benchmarks.stock deltas --skus 200000 --channels 5 --changed 300
    python -m tests.benchmarks.stock saturated --seconds 600

The actors, the engine and the journal are the real ones; Fulfil and Patchworks are twins in this process, and time is
virtual, so that seconds say what calls and waits cost, not what this machine is worth. The quick versions of all four
run with the suite (`tests/actors/test_stock_load.py`).
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import anyio
import msgspec

from connectors.patchworks.requests import StartFlow
from flows.demo.orders import catalogue, generate
from tests.actors.stock_world import Hub, StockFulfil, StockWorld, config_of, process, units_in
from tests.actors.world import story

CHANNELS = ("web", "outlet", "market", "store", "export")


def rss_mib() -> float:
    """Resident memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def products(count: int) -> tuple[StockFulfil, list[str]]:
    """A Fulfil with so many products, ten of each."""
    fulfil, skus = StockFulfil(), [f"SKU-{number:06}" for number in range(count)]
    for sku in skus:
        fulfil.stock(sku, "10")
    fulfil.unchanged_to = count  # else the twin tells all products anew whenever it is asked what changed
    return fulfil, skus


async def told(at: StockWorld, count: int, within_s: float = 100_000.0) -> float:
    """Until every sales channel shows so many SKUs; how long it took."""
    return await at.until(lambda: all(len(shows) >= count for shows in at.hub.shows.values()), within_s, look_s=1.0)


async def moves(store: Path, *, moved: int, skus: int, spread_s: int = 0) -> dict[str, Any]:
    """So many moves over so many SKUs, at two sales channels, all in one moment or spread over some seconds."""
    fulfil, names = products(skus)
    draw = random.Random(7)
    async with process(store, fulfil, config=config_of(CHANNELS[:2])) as at:
        await told(at, skus)
        await anyio.sleep(30)
        before, lines = fulfil.calls.copy(), at.hub.lines.copy()
        wanted: dict[str, int] = {}
        for number in range(moved):
            product = number % skus + 1 if number < skus else draw.randrange(skus) + 1
            quantity = 11 + number % 7_919
            fulfil.count(product, str(quantity))
            wanted[names[product - 1]] = quantity
            if spread_s and number % (moved // spread_s) == 0:
                await anyio.sleep(1)
        took_s = await at.until(lambda: all(wanted.items() <= shows.items() for shows in at.hub.shows.values()))
        calls = fulfil.calls - before
        return {
            "moves": moved,
            "spread_s": spread_s,
            "skus": skus,
            "lines_by_channel": dict(at.hub.lines - lines),
            "stale_overwrites": at.hub.stale,
            "seconds": round(took_s, 1),
            "move_pages": calls["changed_stock_moves"],
            "level_reads": calls["stock_levels"],
            "level_reads_per_500_skus": round(calls["stock_levels"] / skus * 500, 2),
            "reads_per_500_skus": round((calls["stock_levels"] + calls["changed_stock_moves"]) / skus * 500, 2),
        }


async def sweep(store: Path, *, skus: int, every_s: float = 3_600.0) -> dict[str, Any]:
    """All levels, once they are known: what a daily sweep costs, and the first one before it."""
    fulfil, _ = products(skus)
    gc.collect()
    empty = rss_mib()
    config = config_of(("web",), sweep_every_s=every_s, moves_every_s=3_600.0)
    async with process(store, fulfil, config=config) as at:
        first_s = await told(at, skus)
        first = fulfil.calls["stock_levels"]
        gc.collect()
        grown = rss_mib() - empty
        most = grown
        sent = at.hub.lines["web"]

        async def again() -> bool:
            nonlocal most
            most = max(most, rss_mib() - empty)
            return fulfil.calls["stock_levels"] >= first + -(-skus // 500)

        await at.until(again, 100_000.0, look_s=5.0)
        await anyio.sleep(60)
        return {
            "skus": skus,
            "first_sweep_calls": first,
            "first_sweep_told_after_s": round(first_s),
            "second_sweep_calls": fulfil.calls["stock_levels"] - first,
            "second_sweep_lines": at.hub.lines["web"] - sent,
            "rss_grown_mib": round(grown),
            "rss_grown_mib_max": round(most),
        }


async def deltas(store: Path, *, skus: int, channels: int, changed: int) -> dict[str, Any]:
    """The first sweep has filled the flows with lines; then some change, and go before them."""
    fulfil, names = products(skus)
    async with process(store, fulfil, config=config_of(CHANNELS[:channels])) as at:
        await at.until(lambda: fulfil.calls["stock_levels"] * 500 > skus * 0.6, 100_000.0, look_s=1.0)
        draw = random.Random(7)
        known = [names[id_ - 1] for id_ in draw.sample(range(1, int(skus * 0.5)), changed)]
        for name in known:
            fulfil.count(names.index(name) + 1, "7")
        wanted = dict.fromkeys(known, 7)
        took_s = await at.until(
            lambda: all(wanted.items() <= shows.items() for shows in at.hub.shows.values()), look_s=0.5
        )
        shown = {name: len(shows) for name, shows in at.hub.shows.items()}
        waiting = (await at.sql("SELECT count(*) FROM outgoing WHERE batch = ''"))[0][0]
        due = (await at.sql("SELECT count(*) FROM stock_due"))[0][0]
        return {
            "skus": skus,
            "channels": channels,
            "changed": changed,
            "shown_everywhere_after_s": round(took_s, 1),
            "shown_then": shown,
            "lines_waiting_then": waiting,
            "skus_due_then": due,
        }


async def saturated(store: Path, *, seconds: int, rate: float = 2.0) -> dict[str, Any]:
    """Orders keep Fulfil's budget full; how late are figures that orders lower, and those that moves change?"""
    fulfil, lamps = StockFulfil(), catalogue(11, 20)
    for product in lamps:
        fulfil.stock(product.sku, "100000")
    still = [fulfil.stock(f"STILL-{number}", "10") for number in range(50)]
    hub = Hub({"4511": "web"})
    orders = list(generate(11, int(seconds * rate * 2), products=20))
    async with process(store, fulfil, hub=hub, rate=rate) as at:
        await at.until(lambda: len(hub.shows["web"]) == 70)
        await anyio.sleep(30)
        slow: list[tuple[str, int, float]] = []
        accepted: list[tuple[int, str, int]] = []
        left = {product.sku: 100_000 for product in lamps}
        late_orders: list[float] = []
        late_deltas: list[float] = []
        began = anyio.current_time()
        pending: dict[str, tuple[int, float]] = {}
        while anyio.current_time() - began < seconds:
            now = anyio.current_time()
            batch, orders = orders[: int(rate * 2)], orders[int(rate * 2) :]
            await at.send(*batch)
            at_ms = at.clock.now() // 1000
            for order in batch:
                for sku, units in units_in(order).items():
                    left[sku] -= units
                    accepted.append((at_ms, sku, units))
                    slow.append((sku, left[sku], now))
            if int(now - began) % 20 == 0:
                product = still[int((now - began) / 20) % 50]
                quantity = 20 + int(now - began)
                fulfil.count(product, str(quantity))
                pending[fulfil.products[product].code or ""] = quantity, now
            await anyio.sleep(1)
            shows, now = hub.shows["web"], anyio.current_time()
            done = [each for each in slow if shows[each[0]] <= each[1]]
            late_orders += [now - since for *_, since in done]
            slow = [each for each in slow if shows[each[0]] > each[1]]
            arrived = [sku for sku, (quantity, _) in pending.items() if shows[sku] == quantity]
            late_deltas += [now - pending.pop(sku)[1] for sku in arrived]
        over = [each for each in hub.told if each[2] in left and each[3] > _provable(each, accepted)]
        return {
            "seconds": seconds,
            "calls_per_s": rate,
            "orders": int(seconds * rate * 2) - len(orders),
            "sales": len(fulfil.sales),
            "order_lines_shown_after_s_max": round(max(late_orders), 1),
            "order_lines_not_shown": len([each for each in slow if anyio.current_time() - each[2] > 60]),
            "deltas_shown_after_s_max": round(max(late_deltas), 1),
            "deltas_not_shown": len([1 for _, since in pending.values() if anyio.current_time() - since > 120]),
            "levels_above_what_was_provable": len(over),
        }


def _provable(told_: tuple[float, str, str, int, StartFlow], accepted: list[tuple[int, str, int]]) -> int:
    """What is left by everything that was accepted before the start was decided."""
    _, _, sku, _, start = told_
    return 100_000 - sum(units for at_ms, name, units in accepted if name == sku and at_ms < start.began_ms)


def main(arguments: list[str]) -> None:
    """Run one of them, and print its figures."""
    parser = argparse.ArgumentParser(prog="tests.benchmarks.stock")
    parser.add_argument("what", choices=("moves", "sweep", "deltas", "saturated"))
    for name, default in (
        ("moves", 10_000),
        ("skus", 2_000),
        ("channels", 5),
        ("changed", 300),
        ("seconds", 600),
        ("spread", 0),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory:
        store = Path(directory) / "store.db"
        found = {
            "moves": lambda: moves(store, moved=asked.moves, skus=asked.skus, spread_s=asked.spread),
            "sweep": lambda: sweep(store, skus=asked.skus),
            "deltas": lambda: deltas(store, skus=asked.skus, channels=asked.channels, changed=asked.changed),
            "saturated": lambda: saturated(store, seconds=asked.seconds),
        }[asked.what]
        figures: dict[str, Any] = story(found)
    sys.stdout.write(msgspec.json.encode({asked.what: figures}).decode() + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
