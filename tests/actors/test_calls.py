"""How many calls of Fulfil an order costs, in virtual time: its create, and next to nothing beside it."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from tests.actors.world import Fulfil, orders, process, story

_PER_S = 10


@pytest.mark.parametrize(
    ("count", "products"),
    [(400, 800), pytest.param(10_000, 20_000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])],
    ids=["small", "10,000 orders, 20,000 SKUs"],
)
def test_an_order_costs_one_call_and_all_the_rest_a_twentieth_of_one(tmp_path: Path, count: int, products: int) -> None:
    """Rule 26: from an empty store, with the whole catalogue and the customers read, 1.1 calls; from then on 1.05."""

    async def main() -> None:
        fulfil, made = Fulfil(products=products), orders(2 * count, products=products)
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            fulfil.unchanged_to = products
            for first in range(0, count, 50):
                await world.send(*made[first : first + 50])
            await world.until_sales(count)
            await anyio.sleep(1_000)  # by then the customers are read back
            began = fulfil.calls.total()
            assert count <= began <= 1.1 * count, fulfil.calls
            for first in range(count, 2 * count, _PER_S):
                await world.send(*made[first : first + _PER_S])
                await anyio.sleep(1)
            await world.until_sales(2 * count)
            await anyio.sleep(1_000)
            steady = fulfil.calls.total() - began
            assert count <= steady <= 1.05 * count, fulfil.calls
            print(f"{began / count:.3f} calls for each order at first, {steady / count:.3f} later")

    story(main)
