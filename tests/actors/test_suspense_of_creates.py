"""What went to suspense in the create of a sale is listed while there is such a sale, or may be, and not longer."""

from __future__ import annotations

from pathlib import Path

import anyio
import msgspec
import pytest

from flows.model.sale import Suspense
from tests.actors import world as worlds
from tests.actors.test_customers import ADA, of_ada
from tests.actors.test_people import again
from tests.actors.world import Fulfil, World, key_of, orders, process, story

MAPPED = worlds.SALES_CHANNELS


@pytest.fixture(autouse=True)
def _suspense(monkeypatch: pytest.MonkeyPatch) -> None:
    """Finance has approved a suspense gateway, and maps none."""
    approved = Suspense(approved_by="Ann", gateway="unknown")
    unmapped = {
        name: msgspec.structs.replace(each, sale=msgspec.structs.replace(each.sale, gateways={}, suspense=approved))
        for name, each in MAPPED.items()
    }
    monkeypatch.setattr(worlds, "SALES_CHANNELS", unmapped)


async def listed(world: World) -> list[str]:
    """The orders of which something is in suspense."""
    return [key for (key,) in await world.sql("SELECT DISTINCT key FROM suspended ORDER BY key")]


@pytest.mark.parametrize("fate", ["refused", "absent"])
def test_what_an_order_was_refused_with_is_not_in_suspense(
    tmp_path: Path, fate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a create that was given up it is, as that may turn up; made anew with its gateway mapped nothing is."""

    async def main() -> None:
        fulfil, (order,) = Fulfil(), orders(1)
        fulfil.refuses = {order.order_id} if fate == "refused" else set()
        fulfil.lose.extend(["before"] * 20 if fate == "absent" else [])
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            await world.send(order)
            await world.until(lambda: world.sql("SELECT 1 FROM order_view WHERE state = 'held'"))
            assert await listed(world) == ([] if fate == "refused" else [key_of(order)])
        monkeypatch.setattr(worlds, "SALES_CHANNELS", MAPPED)
        fulfil.refuses.clear()
        fulfil.lose.clear()
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            await world.send(again(order))
            await world.until_sales(1)
            assert await listed(world) == []

    story(main)


def test_an_order_that_waits_for_its_customer_has_nothing_in_suspense(tmp_path: Path) -> None:
    """Its create is not sent; once it is, what it went with is listed."""

    async def main() -> None:
        fulfil, made = Fulfil(), of_ada(orders(2), ADA)
        fulfil.takes_s = 5.0
        async with process(tmp_path / "store.db", fulfil) as world:
            await world.until_catalogue()
            for order in made:
                await world.send(order)
            await anyio.sleep(1)
            assert await world.states() == {"creating": 1, "waiting": 1}
            assert await listed(world) == [key_of(made[0])]
            await world.until_sales(2)
            assert await listed(world) == sorted(map(key_of, made))

    story(main)
