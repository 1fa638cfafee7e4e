"""What a sales channel offers, against both sandboxes: asked for by callback flow, and posted, and compared."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from connectors.fulfil.sandbox import ProductSeed as FulfilProduct
from connectors.patchworks.sandbox import (
    Auth,
    Callback,
    FlowSeed,
    Limits,
    ProductSeed,
    SalesChannelSeed,
    SandboxConfig,
    Send,
    Target,
    open_sandbox,
)
from flows.cli import commands
from tests.integration.running import INTAKE_KEY, Running, running

pytestmark = pytest.mark.anyio

CALL = "01k44sw8p5d2f7h9k3n6q8t0vb"
NAMES = '[fulfil.api.names]\n"product.product.upc" = "upc"\n"product.product.list_price" = "list_price"\n'
NAMES += '"product.product.cost_price" = "cost_price"\n'
_LISTINGS = """
[patchworks]
token = "file:{directory}/token.key"
calls_per_min = 60_000.0
callbacks_per_min = 60_000.0
core_url = "{url}/core/api/v1"
start_url = "{url}/start/api/v1"
[patchworks.callbacks.offers]
url = "file:{directory}/callback.key"
[listings.web]
callback = "offers"
page_size = 2
compare_prices = true
price_currency = "USD"
"""


async def checks(at: Running, count: int) -> list[Any]:
    """Statements, the latest first, when so many lists were compared."""
    with anyio.fail_after(20):
        while True:
            rows = await at.app.journal.query("listing_checks", "web", 10)
            if sum(row[5] is not None for row in rows) >= count:
                return [msgspec.json.decode(row[11]) for row in rows]
            await anyio.sleep(0.05)


async def test_what_is_offered_is_compared_with_fulfils_products(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Two of five goods are wrong when the flow is asked at the start; a list that a flow posts later has one more."""
    goods = tuple(ProductSeed(sku=f"SKU-{n}", price_cents=1_000, title=f"Mug {n}") for n in range(1, 6))
    config = SandboxConfig(
        port=0,
        flows=(
            FlowSeed(id=1, sales_channel="web", source="listings", callback=Callback(id=CALL, signature="s")),
            FlowSeed(
                id=2, sales_channel="web", source="listings", send=Send(path="/v1/manifests/listings/{sales_channel}")
            ),
        ),
        sales_channels=(SalesChannelSeed(name="web", products=goods),),
        limits=Limits(api_per_min=0, webhooks_per_min=0, callbacks_per_min=0),
        target=Target(auth=Auth(kind="header", value=INTAKE_KEY)),
    )
    async with open_sandbox(config) as hub:
        (tmp_path / "callback.key").write_text(f"{hub.url}/callbacks/api/v1/acme/{CALL}?patchworks_signature=s")
        (tmp_path / "callback.key").chmod(0o600)
        patchworks = _LISTINGS.format(directory=tmp_path, url=hub.url)
        settings = {"fulfil": NAMES, "telemetry": patchworks, "refresh": "catalogue_refresh_every_s = 1\n"}
        async with running(tmp_path, skus=[f"SKU-{n}" for n in range(1, 5)], **settings) as at:
            assert await checks(at, 1) == [{"unknown": 1}]
            seeds = [FulfilProduct(sku="SKU-2", price=Decimal("9.50"), cost=Decimal("4.125"))]
            await at.sandbox("products", msgspec.to_builtins(seeds))
            with anyio.fail_after(20):
                price = "SELECT list_price, cost_price FROM catalogue WHERE sku = 'SKU-2'"
                while (await at.app.journal.reading.run(lambda c: c.execute(price).fetchone())) != ("9.50", "4.125"):
                    await anyio.sleep(0.05)
            async with at.session.post(f"{hub.url}/sandbox/target", json={"url": at.app.intake_url}) as answer:
                assert answer.status == 200
            async with at.session.post(f"{hub.url}/sandbox/flows/2/run", json={}) as answer:
                assert answer.status == 200
            assert (await checks(at, 2))[0] == {"price": 1, "unknown": 1}
            found = {kind: sentence for kind, _, sentence in await at.cases()}
            assert "'SKU-2' has 10.00 USD, not 9.50 USD" in found["listing.price"]
            assert "'SKU-5'" in found["listing.sku"]
            metrics = await at.ops("/metrics")
            assert 'seamline_listing_mismatches{cause="price",sales_channel="web"} 1.0' in metrics
            with pytest.raises(SystemExit):
                command = ["listings", "web", "--config", str(tmp_path / "seamline.toml")]
                await anyio.to_thread.run_sync(commands.main, command)
            assert "price\tSKU-2\tSKU-2\tMug 2\t10.00 USD\t9.50 USD" in capfd.readouterr().out
