"""The real store is lost and goes on from a backup, and the restore itself is killed: nothing is made twice outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from flows.demo.orders import generate
from flows.model.schema import ORDERS
from flows.restored import rows_beside
from runtime.clock import SystemClock
from runtime.journal.backup import back_up, restore
from runtime.testing import crash
from tests.crash.forked import Forked
from tests.crash.process import dies_at
from tests.crash.world import PRODUCTS, ROOT, ROUGH, Settings, World, opened

pytestmark = pytest.mark.anyio

SEED = 67


def no_bar(_done: int, _pages: int) -> None:
    """Nobody looks."""


def restore_main() -> None:
    """A process that restores, and dies at a point where it is told to: BACKUP STORE [POINT]."""
    _, backup, store, *point = sys.argv
    if point:
        crash.install(dies_at(point[0], 1))
    clock, told = SystemClock(), {"by": "mona", "reason": "the disk is lost", "backup": backup}
    restore(
        Path(backup), Path(store), clock, no_bar, schemas=(ORDERS,),
        also=lambda id_: rows_beside(id_, clock.now(), told, posts=True),
    )  # fmt: skip


def restored(world: World, backup: Path, *point: str) -> int:
    """What a process ends with that restores."""
    log = world.directory / "restore.log"
    return Forked(restore_main, [str(backup), str(world.store), *point], log, {}).wait(20.0)


def compared(world: World) -> tuple[int, list[dict[str, Any]]]:
    """What the command says that Fulfil has and the store does not know."""
    command = [sys.executable, "-m", "flows.cli", "store", "compare", "--json", "--config", str(world.config)]
    environment = {**os.environ, **world.environment}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    return ended.returncode, msgspec.json.decode(ended.stdout)


async def test_orders_that_came_after_the_backup_are_delivered_again_and_become_no_second_sale(tmp_path: Path) -> None:
    """Also those that came in a life that the backup knows nothing of, and with answers lost before and after. The
    restore is killed before it has replaced the store; no process starts on that, and it is typed again.
    """
    early, late = tmp_path / "backup", list(generate(SEED, 24, products=PRODUCTS))
    with opened(tmp_path, Settings(seed=SEED, more="[postings]\n")) as world:
        assert await world.start()
        await world.send(late[:8])
        await world.rest()
        back_up(world.store, early, no_bar)
        await world.send(late[8:16])
        world.kill()
        assert await world.start()
        await world.send(late[16:])
        await world.rest()
        ((lost,),) = world.read("SELECT epoch FROM instance")
        world.kill()
        assert restored(world, early, "restore.before_rename") == -signal.SIGKILL
        world.launch()
        assert await world.ended() == 65
        assert "was cut off; type it again" in world.log_end()
        assert restored(world, early) == 0
        assert await world.start()
        ((epoch, since),) = world.read("SELECT epoch, restored_at FROM instance")
        assert epoch > lost + 500_000
        assert since > 0
        assert world.read("SELECT name FROM pause") == [("ledger",)]
        with pytest.raises(AssertionError, match="seamline store agree"):
            await world.control("resume", scope="actor", name="ledger")
        creates = (await world.books())["create_order"]
        await world.plague(())
        status, unknown = compared(world)
        assert status == 1
        assert {row["order"].partition("/")[2] for row in unknown} == {order.order_id for order in late[8:]}
        assert {row["here"] for row in unknown} == {"no such order is here"}
        await world.plague(ROUGH)
        await world.send(late)
        await world.rest()
        books = await world.books()
        assert (await world.verdict()).holds
        assert len(books["sales"]) == len(late)
        assert books["create_order"] == creates, "nothing was even tried a second time"
        await world.plague(())
        assert compared(world) == (0, [])
        await world.control("agree", reason="all orders are back")
        await world.send(list(generate(SEED, 25, products=PRODUCTS))[24:])
        await world.rest()
        after = await world.books()
        assert (len(after["sales"]), after["lookups"]) == (25, books["lookups"]), "and nothing looks first any more"
        assert world.read("SELECT action, by, reason FROM audit ORDER BY seq") == [
            ("store.restore", "mona", "the disk is lost"),
            ("store.agree", "mona", "all orders are back"),
        ]
        assert world.read("SELECT count(*) FROM pause") == [(0,)]
        cases = world.read("SELECT kind, closed_at IS NULL FROM exception_case WHERE kind = 'store.restored'")
        assert cases == [("store.restored", 0)]


async def test_a_pause_that_a_person_has_made_outlives_the_restore_and_its_end(tmp_path: Path) -> None:
    """Finance had the ledger wait before the backup was made, and nobody of finance has let it go."""
    early = tmp_path / "backup"
    with opened(tmp_path, Settings(seed=SEED, more="[postings]\n")) as world:
        assert await world.start()
        await world.control("pause", scope="actor", name="ledger", by="finance")
        back_up(world.store, early, no_bar)
        world.kill()
        assert restored(world, early) == 0
        assert await world.start()
        await world.control("agree", reason="nothing is missing")
        assert world.read("SELECT name, paused_by FROM pause") == [("ledger", "finance")]
