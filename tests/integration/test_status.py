"""`seamline status`, readiness and the gauge tell what waits, how fast it goes in, and when it will be done."""

from __future__ import annotations

from pathlib import Path

import anyio
import msgspec
import pytest

from flows.cli import commands
from flows.demo.orders import catalogue, generate
from tests.integration.running import running

pytestmark = pytest.mark.anyio

SKUS = [each.sku for each in catalogue(41, 500)]


async def typed(capfd: pytest.CaptureFixture[str], directory: Path, *words: str) -> tuple[object, str]:
    """What somebody types: (exit status, what it says)."""
    with pytest.raises(SystemExit) as ended:
        await anyio.to_thread.run_sync(commands.main, ["status", "--config", str(directory / "seamline.toml"), *words])
    return ended.value.code, capfd.readouterr().out


async def test_what_waits_is_told_while_the_process_runs_and_when_it_is_gone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing waits; then three orders wait for an importer that is paused, also after the process has ended."""
    made = list(generate(41, 4))
    async with running(tmp_path, skus=SKUS) as at:
        monkeypatch.setenv("SEAMLINE__OPS__PORT", at.app.ops_url.rpartition(":")[2])
        await at.post(made[0].body)
        await at.until({"imported": 1})
        await at.app.forecast.look()
        assert await typed(capfd, tmp_path) == (0, "no order waits for Fulfil\nFulfil is called at 500 a second\n")
        assert "seamline_orders_waiting 0.0" in await at.ops("/metrics")
        assert "wait for Fulfil" not in await at.ops("/readyz?verbose")
        await at.app.engine.pause("actor", "order_importer", "somebody")
        for order in made[1:]:
            await at.post(order.body)
        await at.app.forecast.look()
        status, said = await typed(capfd, tmp_path, "--json")
        told = msgspec.json.decode(said)
        assert (status, told["waiting"], told["process"], told["how"]) == (0, 3, "running", "allowed")
        assert told["held_up"] == "order_importer is paused"
        assert [each["name"] for each in told["paused"]] == ["order_importer"]
        ready = await at.ops("/readyz?verbose")
        assert "[i] 3 orders wait for Fulfil: order_importer is paused" in ready
        assert ready.endswith("ready\n")
        metrics = await at.ops("/metrics")
        assert "seamline_orders_waiting 3.0" in metrics
        assert "seamline_orders_drain_seconds 0.006" in metrics
    (tmp_path / "control.key").unlink()  # whoever only asks needs none
    status, said = await typed(capfd, tmp_path)
    first, second, third = said.splitlines()
    assert status == 1
    assert first.startswith("no process answers at 127.0.0.1:")
    assert second == "3 orders wait on disk"
    assert third.startswith("order_importer is paused since")


async def test_status_counts_what_waits_for_a_pause_as_pause_does(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right after an order was accepted, though the running process has not counted since."""
    (made,) = generate(41, 1)
    async with running(tmp_path, skus=SKUS) as at:
        monkeypatch.setenv("SEAMLINE__OPS__PORT", at.app.ops_url.rpartition(":")[2])
        await at.app.engine.pause("partition", "web", "somebody")
        await at.app.forecast.look()
        await at.post(made.body)
        status, said = await typed(capfd, tmp_path)
        assert (status, said.splitlines()[0]) == (0, "1 order waits for web, which is paused")
        assert "no order waits" not in said
        await at.app.forecast.look()
        assert (await typed(capfd, tmp_path))[1].count("which is paused") == 1
