"""The peak over HTTP, in real time: twenty seconds of 50 orders a second, a sandbox of 10 calls a second, all classes.

Left out of the default run, because it takes its time: `pytest -m slow tests/integration/test_peak.py -s` says what it
measured.
"""

from __future__ import annotations

import resource
from collections import Counter
from pathlib import Path

import anyio
import msgspec
import pytest

from connectors.fulfil.wire import FindSales
from flows.demo.orders import catalogue, generate
from flows.outside import SHARES
from tests.integration.running import TOKEN, Running, running, sandbox_config

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(180)]

SECONDS, ARRIVING_PER_S, ALLOWED_PER_S, SEED = 20, 50, 10, 31
FORECAST = "seamline_orders_drain_seconds "


async def others(at: Running, served: Counter[str]) -> None:
    """Fulfilments, stock and the rest ask Fulfil something whenever they may."""
    lane = at.app.engine.lanes["fulfil"]
    question = msgspec.json.encode(FindSales(channel=3, channel_identifiers=("nothing",)))

    async def work(share: str) -> None:
        while True:
            async with lane.budget.slot(share):
                await lane._api.perform("find_sale", question)
                served[share] += 1

    async with anyio.create_task_group() as tasks:
        for share in SHARES:
            if share != "orders":
                for _ in range(3):
                    tasks.start_soon(work, share)


async def deliver(at: Running, body: bytes) -> None:
    status, _ = await at.post(body)
    assert status == 201


def resident_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024


async def test_twenty_seconds_of_the_peak_lose_nothing_starve_nobody_and_are_forecast(tmp_path: Path) -> None:
    """Every order is answered with 201 at once and becomes one sale; no call is throttled; shares hold; the gauge, the
    note of readiness and the forecast agree; memory does not grow with the queue.
    """
    made = list(generate(SEED, SECONDS * ARRIVING_PER_S, products=500))
    skus = [each.sku for each in catalogue(SEED, 500)]
    erp = sandbox_config(requests_per_s=ALLOWED_PER_S, burst=ALLOWED_PER_S)
    async with running(tmp_path, skus=skus, erp=erp, catalogue_every_s="60") as at:
        with anyio.fail_after(20):
            await at.app.index.ready.wait()
        served: Counter[str] = Counter()
        clock, before_mib = at.app.journal.clock, resident_mib()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(others, at, served)
            began = clock.monotonic()
            async with anyio.create_task_group() as senders:
                for number, order in enumerate(made, start=1):
                    senders.start_soon(deliver, at, order.body)
                    await anyio.sleep(max(0.0, began + number / ARRIVING_PER_S - clock.monotonic()))
            took_s = clock.monotonic() - began
            await at.app.forecast.look()
            drain, sold = at.app.forecast.drain(), len(at.erp.sandbox.books.sales)
            assert took_s < SECONDS * 1.1
            assert drain.waiting == pytest.approx(len(made) - sold, abs=40)
            assert drain.seconds == pytest.approx(drain.waiting / (0.7 * ALLOWED_PER_S), rel=0.15)
            (line,) = [each for each in (await at.ops("/metrics")).splitlines() if each.startswith(FORECAST)]
            assert float(line.removeprefix(FORECAST)) == pytest.approx(drain.seconds, rel=0.1)
            (note,) = [each for each in (await at.ops("/readyz?verbose")).splitlines() if "wait for Fulfil" in each]
            calls = sold + served.total()
            shares = {"orders": sold / calls, **{name: served[name] / calls for name in served}}
            for name, weight in SHARES.items():
                assert shares[name] == pytest.approx(weight / 100, abs=0.04), shares
            assert calls == pytest.approx(ALLOWED_PER_S * took_s, rel=0.15)
            assert at.app.engine.lanes["fulfil"].budget.statistics().throttled_total == 0
            tasks.cancel_scope.cancel()
        grown_mib = resident_mib() - before_mib
        print(f"\n{len(made)} orders in {took_s:.1f} s; shares {shares}; {note.strip()}; {grown_mib:.1f} MiB more")
        at.erp.sandbox.limits[TOKEN].requests_per_s = 500  # what is left is taken in quickly
        await at.until({"imported": len(made)}, within_s=60)
        assert set(await at.books()) == {order.order_id for order in made}
        assert await at.cases() == []
        assert grown_mib < 100
