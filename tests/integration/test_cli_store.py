"""The commands about the store, as an operator types them beside the process of the example configuration."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from flows.app import App
from runtime.journal.backup import look_at
from tests.integration.example import EXAMPLE, ROOT, beside, order, running, sent, until
from tests.integration.terminal import Type
from tests.integration.test_backup import filled

WHY = ("--by", "mona", "--reason", "the disk is lost")


def numbers(seamline: Type) -> set[str]:
    said = seamline(*beside("orders", "list", "--json"))
    return {each["key"].removeprefix("marketplace/") for each in said.data}


@pytest.fixture(name="life")
def fixture_life(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[Path], AbstractContextManager[App]]:
    """One life of the process over a store, with the environment of whoever types commands beside it."""

    @contextmanager
    def life(store: Path) -> Iterator[App]:
        with ExitStack() as stack:
            with capsys.disabled():  # it logs to a file descriptor
                app, environment = stack.enter_context(running(store))
            for name, value in environment.items():
                monkeypatch.setenv(name, value)
            yield app

    return life


def test_a_backup_is_made_beside_the_process_and_gone_on_from(
    seamline: Type, tmp_path: Path, life: Callable[[Path], AbstractContextManager[App]]
) -> None:
    """Backup, loss, restore, orders again, agreement: each step says what it did, and refuses what makes no sense."""
    store, to = tmp_path / "seamline.db", tmp_path / "backup.db"

    def command(*words: str) -> Any:
        return seamline(*beside("store", *words))

    with life(store) as app:
        sent(app, order("1"))
        until(lambda: numbers(seamline) == {"A-1"})
        made = command("backup", str(to))
        assert made.status == 0
        assert "deliveries in it" in made.out
        again = command("backup", str(to))
        assert (again.status, "overwrites nothing" in again.err) == (1, True)
        sent(app, order("2"))
        until(lambda: numbers(seamline) == {"A-1", "A-2"})
        held = command("restore", str(to), "--yes", *WHY)
        assert (held.status, f"process {os.getpid()} " in held.err) == (75, True)
        early = command("agree", "--reason", "all is well")
        assert (early.status, "was not restored" in early.err) == (1, True)
    looked = command("restore", str(to), "--json")
    assert looked.status == 0
    assert looked.data["deliveries"] == looked.data["newer_deliveries"] == 1
    assert looked.data["sha256"] in made.out
    unsaid = command("restore", str(to), "--yes")
    assert (unsaid.status, "say why, with --reason" in unsaid.err) == (1, True)
    assert numbers(seamline) == {"A-1", "A-2"}
    done = command("restore", str(to), "--yes", *WHY)
    assert done.status == 0
    assert "seamline store agree" in done.out
    assert "put aside" in done.out
    assert "can be read, and has 1 of what came after the backup" in done.out
    assert numbers(seamline) == {"A-1"}
    (tmp_path / "text").write_text("no store")
    gone = command("restore", str(tmp_path / "nowhere"))
    assert (gone.status, "there is no file" in gone.err) == (65, True)
    none = command("restore", str(tmp_path / "text"), "--yes", *WHY)
    assert (none.status, "none of ours" in none.err) == (65, True)
    with life(store) as app:
        until(lambda: "store.restored" in seamline(*beside("holds", "--json")).out)
        assert "writes look first" in seamline(*beside("status")).out
        released = seamline(*beside("holds", "release", "system/store"))
        assert (released.status, "seamline store agree" in released.err) == (1, True)
        sent(app, order("2"))
        until(lambda: numbers(seamline) == {"A-1", "A-2"})
        assert command("agree", "--by", "mona", "--reason", "all is back").status == 0
        until(lambda: "store.restored" not in seamline(*beside("holds", "--json")).out)
        until(lambda: len(seamline(*beside("audit", "--subject", "store", "--json")).data or ()) == 2)
        audit = seamline(*beside("audit", "--subject", "store", "--json")).data
        assert [(each["action"], each["by"]) for each in audit] == [("store.restore", "mona"), ("store.agree", "mona")]


def test_the_unit_of_systemd_makes_backups_and_keeps_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its two commands, as systemd would run them but for the places; an old backup goes once there is a new one."""
    unit = (ROOT / "deploy" / "systemd" / "seamline-backup.service").read_text(encoding="utf-8")
    store, kept = tmp_path / "seamline.db", tmp_path / "backups"
    anyio.run(filled, store, "web/1")
    kept.mkdir()
    old = kept / "20200101T000000Z.db"
    old.touch()
    os.utime(old, (0, 0))
    monkeypatch.setenv("SEAMLINE__STORE__PATH", str(store))
    for command in re.findall(r"^Exec(?:Start|StartPost)=(.+)$", unit, re.MULTILINE):
        here = command.replace("/opt/seamline/.venv/bin/seamline", f"{sys.executable} -m flows.cli")
        here = here.replace("/var/lib/seamline-backups", str(kept)).replace("/etc/seamline/seamline.toml", str(EXAMPLE))
        assert old.exists()
        subprocess.run(shlex.split(here.replace("%%", "%")), cwd=ROOT, check=True)
    (made,) = kept.iterdir()
    assert re.fullmatch(r"\d{8}T\d{6}Z\.db", made.name)
    assert look_at(made).deliveries == 1
