"""What never arrived, against both sandboxes: the composed product finds it by the callback flow of Patchworks."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

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
SKU = "MUG-BLUE"
_PATCHWORKS = """
[patchworks]
token = "file:{directory}/token.key"
calls_per_min = 60_000.0
callbacks_per_min = 60_000.0
core_url = "{url}/core/api/v1"
start_url = "{url}/start/api/v1"
[patchworks.callbacks.orders]
url = "file:{directory}/callback.key"
[on_demand.web]
callback = "orders"
page_size = 7
{poll}
"""
POLL = """
[on_demand.web.poll]
every_s = 10
overlap_s = 60
push_within_s = {push_within_s}
"""
MANIFEST = "/v1/manifests/orders/{sales_channel}?from=2026-01-01T00:00:00Z&to=2099-01-01T00:00:00Z"


class Sides:
    """Seamline with a sales channel behind Patchworks on one side, and the ERP on the other."""

    def __init__(self, at: Running, hub: str) -> None:
        self.at, self.hub = at, hub

    async def told(self, path: str, wish: Any = None) -> Any:
        """Tell the sales channel, or Patchworks, to do something."""
        async with self.at.session.post(f"{self.hub}/sandbox/{path}", json=wish or {}) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def place(self, count: int = 1, **more: Any) -> list[str]:
        """Orders; their ids."""
        wish = {"lines": [{"sku": SKU, "quantity": 1}], "count": count, **more}
        return [each["id"] for each in (await self.told("sales-channels/web/orders", wish))["orders"]]

    async def until(self, holds: Callable[[], Any], within_s: float = 20.0) -> None:
        """Until it is so."""
        with anyio.fail_after(within_s):
            while not await holds():
                await anyio.sleep(0.02)


@contextlib.asynccontextmanager
async def sides(directory: Path, *, poll: str = "") -> AsyncIterator[Sides]:
    """Both sandboxes, and the composed product between them."""
    flows = (
        FlowSeed(id=4310, sales_channel="web", source="order_events", send=Send()),
        FlowSeed(
            id=4340, sales_channel="web", source="orders_updated", callback=Callback(id=CALL, signature="call-secret")
        ),
        FlowSeed(id=4350, sales_channel="web", source="order_ids", send=Send(path=MANIFEST)),
    )
    config = SandboxConfig(
        port=0,
        flows=flows,
        sales_channels=(SalesChannelSeed(name="web", products=(ProductSeed(sku=SKU),), discounted_share=0),),
        limits=Limits(api_per_min=0, webhooks_per_min=0, callbacks_per_min=0),
        target=Target(auth=Auth(kind="header", value=INTAKE_KEY)),
    )
    async with open_sandbox(config) as hub:
        secret = directory / "callback.key"
        secret.write_text(f"{hub.url}/callbacks/api/v1/acme/{CALL}?patchworks_signature=call-secret")
        secret.chmod(0o600)
        patchworks = _PATCHWORKS.format(directory=directory, url=hub.url, poll=poll)
        async with running(directory, skus=(SKU,), telemetry=patchworks) as at:
            both = Sides(at, hub.url)
            await both.told("target", {"url": at.app.intake_url})
            yield both


async def test_an_order_whose_webhook_was_never_sent_becomes_a_sale_by_the_poll(tmp_path: Path) -> None:
    """Failure case 6, whole: 19 orders are pushed and one is not; 20 sales, one missed, nothing doubled."""
    async with sides(tmp_path, poll=POLL.format(push_within_s=0)) as both:
        (missed,) = await both.place(announce=False)
        pushed = await both.place(19)
        await both.at.until({"imported": 20}, within_s=30)
        assert set(await both.at.books()) == {missed, *pushed}
        metrics = await both.at.ops("/metrics")
        assert 'seamline_polls_total{complete="true",sales_channel="web"}' in metrics
        assert "seamline_orders_missed_total" in metrics


async def test_a_manifest_of_the_sales_channel_brings_what_is_missing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The flow posts its ids as it has them; the missing order is fetched by its id; people read the figures."""
    async with sides(tmp_path) as both:
        pushed = await both.place(4)
        await both.at.until({"imported": 4})
        (missing,) = await both.place(announce=False)
        await both.told("flows/4350/run")
        await both.at.until({"imported": 5})
        assert set(await both.at.books()) == {missing, *pushed}
        config = str(tmp_path / "seamline.toml")
        with pytest.raises(SystemExit):
            await anyio.to_thread.run_sync(commands.main, ["manifests", "list", "--config", config])
        listed = capfd.readouterr().out.splitlines()
        assert listed[1].split("\t")[1:6] == ["manifest/web/20260101T000000Z/20990101T000000Z", "5", "1", "0", "0"]
        with pytest.raises(SystemExit):
            key = listed[1].split("\t")[1]
            await anyio.to_thread.run_sync(commands.main, ["manifests", "show", key, "--json", "--config", config])
        assert '"listed":5' in capfd.readouterr().out


async def test_an_order_that_is_only_named_is_fetched_and_so_is_each_change_that_is_only_told(tmp_path: Path) -> None:
    """Webhooks of some sales channels carry an id and nothing else: the first brings the order, a later one its cancel,
    although the order is known by then.
    """
    async with sides(tmp_path) as both:
        (placed,) = await both.place(announce=False)
        url, headers = f"{both.at.app.intake_url}/v1/orders/web", {"X-API-Key": INTAKE_KEY}

        async def tell(**more: Any) -> None:
            async with both.at.session.post(url, json={"id": int(placed), **more}, headers=headers) as answer:
                assert answer.status == 201, await answer.text()

        await tell()
        await both.at.until({"imported": 1})
        assert set(await both.at.books()) == {placed}
        await both.told(f"sales-channels/web/orders/{placed}/cancel")
        await tell(told="again")

        async def cancelled() -> bool:
            return bool(await both.at.cases("order.cancelled"))

        await both.until(cancelled)


async def test_an_order_that_the_flow_cannot_give_is_explained(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A manifest names an order that the sales channel no longer gives out: its owner can read what to do."""
    async with sides(tmp_path) as both:
        window = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
        url = f"{both.at.app.intake_url}/v1/manifests/orders/web"
        headers = {"X-API-Key": INTAKE_KEY}
        async with both.at.session.post(url, json={**window, "orders": ["4711"]}, headers=headers) as answer:
            assert answer.status == 200

        async def raised() -> bool:
            return bool(await both.at.cases("order.orphan"))

        await both.until(raised, within_s=55)
        with pytest.raises(SystemExit):
            config = str(tmp_path / "seamline.toml")
            await anyio.to_thread.run_sync(commands.main, ["orders", "explain", "web/4711", "--config", config])
        said = capfd.readouterr().out
        assert "Nothing of web/4711 has ever been received." in said
        assert "Next step, by operations" in said


async def test_a_range_is_back_filled_from_the_command_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dry first, then refused, then with leave, then again: 12 of 20 orders are new, and become one sale each."""
    async with sides(tmp_path, poll="") as both:
        await both.place(8)
        await both.at.until({"imported": 8})
        await both.place(12, announce=False)
        monkeypatch.setenv("SEAMLINE__OPS__PORT", both.at.app.ops_url.rpartition(":")[2])
        config = str(tmp_path / "seamline.toml")

        async def typed(*words: str) -> tuple[object, dict[str, Any]]:
            command = ["backfill", "web", "--from", "2026-01-01", "--to", "2099-01-01", "--json", "--config", config]
            with pytest.raises(SystemExit) as ended:
                await anyio.to_thread.run_sync(commands.main, [*command, *words])
            return ended.value.code, msgspec.json.decode(capfd.readouterr().out)

        def allowing(*consequences: str) -> list[str]:
            return [word for each in consequences for word in ("--allow", each)]

        status, said = await typed()
        assert (status, said["new"], said["known"], said["taken"]) == (0, 12, 8, 0)
        assert (said["shipments"], said["invoices"], said["payments"]) == (12, 12, 12)
        status, said = await typed("--yes", *allowing("invoices", "payments"))
        assert (status, said["status"]) == (1, "refused")
        assert "12 shipments" in said["sentence"]
        assert len(await both.at.books()) == 8
        why = ("--by", "mona", "--reason", "the shop has moved")
        status, said = await typed("--yes", *allowing("shipments", "invoices", "payments"), *why)
        assert (status, said["taken"]) == (0, 12)
        with pytest.raises(SystemExit):
            await anyio.to_thread.run_sync(commands.main, ["audit", "--subject", "web", "--json", "--config", config])
        *_, entry = msgspec.json.decode(capfd.readouterr().out)
        assert (entry["by"], entry["action"], entry["reason"]) == ("mona", "backfill.begin", "the shop has moved")
        await both.at.until({"imported": 20})
        assert len(await both.at.books()) == 20
        status, said = await typed("--yes")
        assert (status, said["new"], said["known"], said["taken"]) == (0, 0, 20, 0)
