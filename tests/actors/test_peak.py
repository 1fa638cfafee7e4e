"""The peak of a sale: 50 orders a second come in, Fulfil takes 10 calls a second, and all classes want some of them.

By default half a minute of arrivals is played, and the draining of what they left; ten minutes with `-m slow`. A
short one over HTTP is in `tests/integration/test_peak.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from flows.forecast import Forecast
from flows.order_importer import NAME as ORDER_IMPORTER
from runtime.api import RateReading
from runtime.breaker import Breaker
from runtime.engine import EngineConfig, Outside
from runtime.errors import Failure, Throttled
from tests.actors.world import SHARES, Fulfil, World, process, story

ARRIVING_PER_S, ALLOWED_PER_S, WINDOW = 50, 10, 64
MOMENT_S = 0.1
"""Five orders come together, ten times a second."""


class Metered(Fulfil):
    """Fulfil that allows ten calls a second, ten of them at once, and answers 429 to the others, of whatever class."""

    def __init__(self) -> None:
        super().__init__()
        self.takes_s = 0.2
        self.left, self.at, self.throttled = float(ALLOWED_PER_S), 0.0, 0

    def call(self, now: float) -> Failure | None:
        """One more call."""
        self.left, self.at = min(ALLOWED_PER_S, self.left + (now - self.at) * ALLOWED_PER_S), now
        if self.left < 1.0:
            self.throttled += 1
            return Throttled("Fulfil limits our rate (429)", retry_after_s=1.0)
        self.left -= 1.0
        return None


def bodies(sku: str, count: int) -> Iterator[tuple[str, bytes]]:
    """So many small orders of one line: what is played is how many they are, not how large."""
    for number in range(1_000_000, 1_000_000 + count):
        yield (
            str(number),
            msgspec.json.encode(
                {
                    "id": number, "name": f"#{number}", "created_at": "2026-11-27T08:00:00Z",
                    "updated_at": "2026-11-27T08:00:00Z", "currency": "USD", "total_price": "10.00",
                    "financial_status": "paid", "payment_gateway_names": ["shopify_payments"],
                    "line_items": [{"id": 1, "sku": sku, "title": "Mug", "quantity": 1, "price": "10.00"}],
                    "billing_address": {"name": "Ada Moss", "address1": "1 Elm Street", "country_code": "US"},
                }
            ),
        )  # fmt: skip


async def others(world: World, fulfil: Metered, served: Counter[str]) -> None:
    """Fulfilments, stock and the rest: each with more calls to make than it gets."""

    async def work(share: str) -> None:
        while True:
            async with world.budget.slot(share):
                failure = fulfil.call(world.clock.monotonic())
                await anyio.sleep(fulfil.takes_s)
                if isinstance(failure, Throttled):
                    world.budget.throttled(failure.retry_after_s)
                else:
                    served[share] += 1

    async with anyio.create_task_group() as tasks:
        for share in SHARES:
            if share != "orders":
                for _ in range(6):
                    tasks.start_soon(work, share)


class Seen:
    """What was measured on the way."""

    def __init__(self, world: World, fulfil: Metered) -> None:
        self.world, self.fulfil, self.deepest = world, fulfil, 0

    def look(self) -> None:
        inbox = self.world.engine.channels[ORDER_IMPORTER].statistics()
        self.deepest = max(self.deepest, inbox.depth + sum(self.world.engine.lanes["fulfil"].depth().values()))


@pytest.mark.parametrize(
    "seconds",
    [30, pytest.param(600, marks=[pytest.mark.slow, pytest.mark.timeout(600)])],
    ids=["half a minute", "ten minutes"],
)
def test_fifty_orders_a_second_against_ten_calls_a_second_lose_nothing_and_starve_nobody(
    tmp_path: Path, seconds: int
) -> None:
    """Orders keep 70 of 100 calls while all classes wait, and the others their shares; no call is throttled; memory
    stays at the windows; when the arrivals end, the forecast tells the minute at which the last order is in Fulfil.
    """
    count = seconds * ARRIVING_PER_S

    async def main() -> None:
        fulfil, served = Metered(), Counter[str]()

        def begin(world: World) -> None:
            world.budget.observe(RateReading(limit_per_s=float(ALLOWED_PER_S)))
            world.emit = lambda _event: None  # type: ignore[method-assign] - a million events
            fulfil.weather = lambda _kind: fulfil.call(world.clock.monotonic())

        config = EngineConfig(window=WINDOW)
        async with process(tmp_path / "store.db", fulfil, config=config, before=begin) as world:
            outside = Outside(
                api=fulfil, lane=world.engine.lanes["fulfil"]._config, budget=world.budget, breaker=Breaker()
            )
            forecast = Forecast(world.journal, ORDER_IMPORTER, outside)
            world.importer._emit = forecast.counting(world.emit)
            # Thousands of commits; whether they survive a loss of power is asked elsewhere.
            await world.journal.writer._connection.run(lambda store: store.execute("PRAGMA synchronous = OFF"))
            await world.until_catalogue()
            seen, wanted, sku = Seen(world, fulfil), set(), fulfil.products[1].code
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(forecast.run)
                tasks.start_soon(others, world, fulfil, served)
                began, calls_before = world.clock.monotonic(), fulfil.calls["create_order"]
                together: list[bytes] = []
                for number, (id_, body) in enumerate(bodies(sku, count), start=1):
                    wanted.add(id_)
                    together.append(body)
                    if number % (ARRIVING_PER_S * MOMENT_S) == 0:
                        await world.send(*together)
                        together.clear()
                        seen.look()
                        await anyio.sleep(began + number / ARRIVING_PER_S - world.clock.monotonic())
                ended = world.clock.monotonic()
                share = (fulfil.calls["create_order"] - calls_before) / ALLOWED_PER_S / (ended - began)
                assert share == pytest.approx(0.70, abs=0.03)
                await forecast.look()
                drain = forecast.drain()
                assert (drain.how, drain.grows) == ("observed", True)
                assert drain.arriving_per_s == pytest.approx(ARRIVING_PER_S, rel=0.05)
                assert drain.waiting == pytest.approx(count - len(fulfil.sales), abs=32)
                assert drain.seconds is not None
                while len(fulfil.sales) < count:
                    await anyio.sleep(5)
                    seen.look()
                took = world.clock.monotonic() - ended
                assert took == pytest.approx(drain.seconds, rel=0.05, abs=10)
                tasks.cancel_scope.cancel()
            assert {sale.identifier for sale in fulfil.sales.values()} == wanted
            assert fulfil.calls["create_order"] == count, "no call was made twice"
            assert fulfil.throttled == 0
            total = served.total() + fulfil.calls["create_order"]
            for name, weight in SHARES.items():
                got = fulfil.calls["create_order"] if name == "orders" else served[name]
                assert got / total == pytest.approx(weight / 100, abs=0.02), name
            assert seen.deepest <= 2 * WINDOW + 2 * 32 + 16
            assert in_order(fulfil)
            assert world.restarts() == []

    story(main)


def in_order(fulfil: Fulfil) -> bool:
    """Sales were made in the order of arrival, but for what is under way at once."""
    numbers: list[Any] = [int(identifier) for identifier in fulfil.began]
    return all(earlier - later < 32 for earlier, later in pairwise(numbers))
