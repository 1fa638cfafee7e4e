"""What a catalogue of many SKUs costs: memory of the index, a known SKU, what may be meant by an unknown one, a start.

The products are in a real store; candidates are sought for SKUs with one typing error each, as orders would bring them.
The memory of a whole process is measured by `python -m tests.benchmarks.memory --catalogue-only --skus 500000`.

Run: python -m tests.benchmarks.skus [--skus 500000]
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import anyio
import msgspec

from connectors.fulfil.wire import Product, ProductPage
from flows.model.candidates import candidates
from flows.model.products import product_rows
from flows.model.schema import ORDERS
from flows.model.skus import SkuIndex
from runtime.clock import SystemClock
from runtime.journal.journal import Journal, opened

MIB_PER_100_000_MAX = 30.0
KNOWN_US_MAX = 5.0
"""The acceptance says microseconds."""
CANDIDATES_MS_MAX = 50.0
_PRODUCTS_PER_WRITE = 20_000
_NOW = datetime(2026, 11, 27, tzinfo=UTC)
_ERRORS = 100
_KNOWN = 50_000


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured."""

    skus: int
    index_mib_per_100_000: float
    load_s: float
    known_us: float
    unknown_us: float
    candidates_ms: float
    """The median."""
    candidates_ms_max: float
    found: int
    """Of so many searches, those that found the SKU that was meant."""


def sku_of(number: int) -> str:
    """An invented SKU; no two are one error apart by their number alone."""
    return f"{['MUG', 'LAM', 'CHA', 'SCA', 'KET'][number % 5]}-{number * 7_919 % 10_000_019:08d}"


def index_bytes(index: SkuIndex) -> int:
    """What the flat arrays and the rest of the index take."""
    arrays = [getattr(numbers, name) for numbers in (index._skus, index._products) for name in ("_keys", "_values")]
    return sum(map(sys.getsizeof, (*arrays, index._twins, index.aliases)))


def filled(skus: int) -> SkuIndex:
    """An index of so many products."""
    index = SkuIndex()
    for number in range(skus):
        index.learn(sku_of(number), number + 1, active=True)
    return index


def known_us(index: SkuIndex, skus: Sequence[str]) -> float:
    """How much CPU it takes to say that a SKU is known, or is not."""
    sellable = index.sellable
    began = time.process_time()
    for sku in skus:
        sellable(sku)
    return 1e6 * (time.process_time() - began) / len(skus)


def _misspelt(sku: str, draw: random.Random) -> str:
    """The SKU with two of its characters swapped, or one wrong, missing or too many."""
    at = draw.randrange(len(sku) - 1)
    match draw.randrange(4):
        case 0 if sku[at] != sku[at + 1]:
            return sku[:at] + sku[at + 1] + sku[at] + sku[at + 2 :]
        case 1:
            return sku[:at] + "X" + sku[at + 1 :]
        case 2:
            return sku[:at] + sku[at + 1 :]
    return sku[:at] + "X" + sku[at:]


async def _stored(journal: Journal, skus: int) -> None:
    for first in range(0, skus, _PRODUCTS_PER_WRITE):
        numbers = range(first, min(first + _PRODUCTS_PER_WRITE, skus))
        goods = tuple(Product(id=n + 1, code=sku_of(n), name=sku_of(n), active=True) for n in numbers)
        page = ProductPage(products=goods, last_id=goods[-1].id, complete=False)
        await journal.write([(each.statement, each.row) for each in product_rows(page, _NOW)])


async def cost(store: Path, skus: int) -> Cost:
    """Fill a store with so many products, and measure."""
    draw = random.Random(skus)
    async with (
        opened(store, SystemClock(), lambda _event: None, (ORDERS,)) as journal,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(journal.writer.run)
        await _stored(journal, skus)
        began, index, after = time.perf_counter(), SkuIndex(), 0
        while rows := await journal.query("products", after, 1_000):
            for product, sku, active in rows:
                index.learn(sku, product, active=bool(active))
            after = rows[-1][0]
        load_s = time.perf_counter() - began
        known = [sku_of(draw.randrange(skus)) for _ in range(_KNOWN)]
        spent, found = [], 0
        for meant in known[:_ERRORS]:
            text, began = _misspelt(meant, draw), time.perf_counter()
            named = await candidates(text, journal.query, journal.query_list)
            spent.append(1e3 * (time.perf_counter() - began))
            found += any(each.sku == meant for each in named)
        tasks.cancel_scope.cancel()
    return Cost(
        skus=skus,
        index_mib_per_100_000=index_bytes(index) / 2**20 / (skus / 100_000),
        load_s=load_s,
        known_us=known_us(index, known),
        unknown_us=known_us(index, [f"{sku}?" for sku in known]),
        candidates_ms=statistics.median(spent),
        candidates_ms_max=max(spent),
        found=found,
    )


def lines_of(said: Cost) -> Iterator[str]:
    """The figures, with what they may be at most."""
    yield f"{said.skus:,} SKUs"
    yield f"  the index, per 100,000 {said.index_mib_per_100_000:12.1f} MiB   at most {MIB_PER_100_000_MAX:g}"
    yield f"  in memory after a start{said.load_s:12.2f} s"
    yield f"  a known SKU            {said.known_us:12.2f} us    at most {KNOWN_US_MAX:g}"
    yield f"  an unknown one         {said.unknown_us:12.2f} us"
    yield f"  what may be meant      {said.candidates_ms:12.2f} ms    at most {CANDIDATES_MS_MAX:g}"
    yield f"  the slowest of {_ERRORS}     {said.candidates_ms_max:12.2f} ms; {said.found} found what was meant"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skus", type=int, default=500_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        for line in lines_of(anyio.run(cost, Path(directory) / "store.db", asked.skus)):
            sys.stdout.write(f"{line}\n")
