"""Stories of successes that are none, whole: against the real sandbox of Fulfil, told to the people who read."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import anyio
import pytest

from connectors.fulfil.sandbox import SalesChannel, TaxRate
from flows.demo.orders import catalogue, generate
from flows.explain import explain
from flows.reading import reading
from runtime.clock import SystemClock, to_datetime
from tests.integration.running import running, sandbox_config

pytestmark = pytest.mark.anyio

SEED = 21


async def test_a_sale_that_fulfil_made_and_left_as_failed_is_told_to_operations(tmp_path: Path) -> None:
    """Failure case 38: the gateway is not known there; the create succeeds, and its sale is `failed`. Nothing is sent
    twice, and who asks about the order reads that the sale stands still, and whose move it is.
    """
    (order,) = generate(SEED, 1)
    channel = SalesChannel(
        id=3,
        name="web",
        code="web",
        taxes=tuple(TaxRate(name=name, rate=Decimal("0.02")) for name in ("TX State Tax", "TX City Tax")),
        gateways=("none",),
    )
    erp = sandbox_config(channels=(channel,), order_problem="exception")
    async with running(tmp_path, skus=[each.sku for each in catalogue(SEED, 500)], erp=erp) as at:
        await at.post(order.body)
        await at.until({"imported": 1})
        await at.post(order.body)
        ((kind, subject, sentence),) = await at.cases()
        assert (kind, subject) == ("sale.stalled", f"web/{order.order_id}")
        assert "'failed'" in sentence
        assert len(at.erp.sandbox.books.sales) == 1
        async with reading(Path(at.app.config.store.path)) as read:
            said = explain(await read.story(subject), to_datetime(SystemClock().now()))
        assert "Fulfil made the sale, and does not go on with it" in said
        assert "Next step, by operations" in said
        status, _ = await at.control("release", key=subject)
        assert status == 200
        with anyio.fail_after(10):
            while await at.cases():
                await anyio.sleep(0.02)
