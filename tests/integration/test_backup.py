"""Backups of a store that is written to, and stores that go on from one."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
from itertools import count
from pathlib import Path

import anyio
import pytest
from anyio.abc import TaskStatus

from runtime.clock import Instant, SystemClock
from runtime.errors import SeamlineError, StoreLocked, StoreUnreadable
from runtime.journal import backup as backups
from runtime.journal.backup import back_up, look_at, restore
from runtime.journal.damage import half_copied, half_restored
from runtime.journal.journal import ID_BITS_PER_EPOCH
from tests.integration.journals import accept, delivery, running

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def no_bar(_done: int, _pages: int) -> None:
    """Nobody looks."""


class Later(SystemClock):
    """The clock, so many minutes ahead."""

    def __init__(self, minutes: int) -> None:
        super().__init__()
        self._ahead_us = minutes * 60_000_000

    def now(self) -> Instant:
        return Instant(super().now() + self._ahead_us)


def restored(backup: Path, store: Path, minutes: int = 0) -> backups.Restoring:
    return restore(backup, store, Later(minutes), no_bar)


async def filled(store: Path, *keys: str) -> None:
    """One life of a process over the store, in which these came."""
    async with running(store) as journal:
        for at, key in enumerate(keys, 1):
            await accept(journal, delivery(key, at=at))


def named(directory: Path, part: str = "") -> set[str]:
    """The files whose names have this in them."""
    return {path.name for path in directory.iterdir() if part in path.name}


def keys_in(store: Path) -> set[str]:
    with contextlib.closing(sqlite3.connect(store)) as connection:
        return {key for (key,) in connection.execute("SELECT key FROM delivery")}


async def test_a_backup_is_one_state_of_a_store_that_is_written_to(tmp_path: Path) -> None:
    """Each commit brings a pair, and keeps coming while the copy is made; no backup has half a pair. It is one file
    that nobody else may read, and it says how much was done.
    """
    store, told = tmp_path / "s.db", list[tuple[int, int]]()
    async with running(store) as journal:

        async def bring(*, task_status: TaskStatus[None]) -> None:
            for number in count():
                await accept(journal, delivery(f"a/{number}", body=b"x" * 20_000), delivery(f"b/{number}"))
                if not number:
                    task_status.started()

        async with anyio.create_task_group() as tasks:
            await tasks.start(bring)
            for number in range(3):
                await anyio.sleep(0.2)
                to = tmp_path / f"{number}.backup"
                found = await anyio.to_thread.run_sync(back_up, store, to, lambda *each: told.append(each))
                keys = keys_in(to)
                assert {key[2:] for key in keys if key[0] == "a"} == {key[2:] for key in keys if key[0] == "b"} != set()
                assert found.last_received_at == 1_000
                assert stat.S_IMODE(to.stat().st_mode) == 0o600
            tasks.cancel_scope.cancel()
    assert told[-1][0] == told[-1][1] > 0
    assert named(tmp_path, "backup") == {f"{number}.backup" for number in range(3)}


async def test_a_backup_overwrites_nothing_and_is_of_a_whole_store(tmp_path: Path) -> None:
    """And what failed leaves no file behind."""
    store, to = tmp_path / "s.db", tmp_path / "backup"
    await filled(store, "web/1")
    to.write_text("precious")
    with pytest.raises(SeamlineError, match="overwrites nothing"):
        back_up(store, to, no_bar)
    assert to.read_text() == "precious"
    with pytest.raises(StoreUnreadable, match="none of ours"):
        back_up(to, tmp_path / "other", no_bar)
    with pytest.raises(StoreUnreadable):
        back_up(tmp_path / "none.db", tmp_path / "other", no_bar)
    with pytest.raises(SeamlineError, match="cannot be written"):
        back_up(store, tmp_path / "nowhere" / "other", no_bar)
    content = bytearray(store.read_bytes())
    content[4_096 * 3 : 4_096 * 9] = b"\x00" * (4_096 * 6)
    store.write_bytes(content)
    with pytest.raises(StoreUnreadable):
        back_up(store, tmp_path / "other", no_bar)
    assert named(tmp_path) <= {"s.db", "s.db-wal", "s.db-shm", "s.db.lock", "backup"}


async def test_a_store_goes_on_from_a_backup_far_above_what_was_lost(tmp_path: Path) -> None:
    """Ids never come twice; what was there is put aside whole; it is known until somebody says that the books agree."""
    store, to = tmp_path / "s.db", tmp_path / "backup"
    await filled(store, "web/1", "web/2")
    back_up(store, to, no_bar)
    for number in range(3):
        await filled(store, f"web/lost-{number}")
    async with running(store) as journal:
        lost = journal.epoch
        assert journal.restored is None
    done = restored(to, store)
    assert done.backup.last_received_at == 2
    assert done.epoch > lost + 500_000
    assert (done.newer, done.backup.deliveries) == (3, 2)
    assert done.aside is not None
    assert keys_in(done.aside) == {"web/1", "web/2", *(f"web/lost-{number}" for number in range(3))}
    for _ in range(2):
        async with running(store) as journal:
            assert journal.restored is not None
            assert journal.restored.last_received_at == 2
            (id_,), (new,) = await accept(journal, delivery("web/lost-0"))
            assert id_ >> ID_BITS_PER_EPOCH > done.epoch or not new
    async with running(store) as journal:
        await journal.write([("end_restored", ())])
    async with running(store) as journal:
        assert journal.restored is None
    assert keys_in(store) == {"web/1", "web/2", "web/lost-0"}


async def test_one_backup_restored_again_has_numbers_of_its_own(tmp_path: Path) -> None:
    """On another disk, or where what came of it cannot be read any more: what was told since stays below."""
    to, epochs = tmp_path / "backup", list[int]()
    await filled(tmp_path / "s.db", "web/1")
    back_up(tmp_path / "s.db", to, no_bar)
    for minutes, place in ((0, "one"), (30, "two"), (60, "two")):
        store = tmp_path / place / "s.db"
        if store.exists():
            store.write_bytes(b"damaged")
        restored(to, store, minutes)
        for _ in range(1 if minutes else 2):
            async with running(store) as journal:
                epochs.append(journal.epoch)
    assert epochs == sorted(set(epochs))


async def test_a_restore_with_the_clock_behind_still_rises(tmp_path: Path) -> None:
    """A machine whose clock is years back: one above whatever can be read."""
    store, to = tmp_path / "s.db", tmp_path / "backup"
    await filled(store, "web/1")
    back_up(store, to, no_bar)
    await filled(store)
    assert restored(to, store, minutes=-60 * 24 * 365 * 20).epoch == 3


async def test_writes_in_a_backup_may_have_been_made_since(tmp_path: Path) -> None:
    """Nobody has begun them as far as the backup knows: their outcome is unknown, and reads are repeated as ever."""
    store, to = tmp_path / "s.db", tmp_path / "backup"
    async with running(store) as journal:
        for id_, repeat in ((1, "safe"), (2, "keyed"), (3, "check_first")):
            row = (id_, "actor", "web/1", "fulfil", "orders", "kind", repeat, b"", b"", 0, 0, 0)
            await journal.write([("put_intent", row)])
    back_up(store, to, no_bar)
    restored(to, store)
    with contextlib.closing(sqlite3.connect(store)) as connection:
        assert connection.execute("SELECT id, unknown FROM intent").fetchall() == [(1, 0), (2, 1), (3, 1)]


async def test_no_process_makes_an_empty_store_where_one_was_being_restored(tmp_path: Path) -> None:
    """The restore died while it copied. With a store that is there nothing has happened yet."""
    store = tmp_path / "s.db"
    half_copied(store).write_bytes(b"half of it")
    with pytest.raises(StoreUnreadable, match="there is no store; type it again"):
        await filled(store)
    assert not store.exists()
    half_copied(store).unlink()
    await filled(store, "web/1")
    half_copied(store).write_bytes(b"half of it")
    await filled(store, "web/2")
    to = tmp_path / "backup"
    back_up(store, to, no_bar)
    done = restored(to, store)
    assert done.newer == 0
    assert not half_copied(store).exists()


async def test_a_restore_that_was_cut_off_before_the_log_keeps_store_and_log_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was put aside has all that was acknowledged, also when it is typed again a minute later."""
    killed, to = await killed_after_a_backup(tmp_path)
    replace = Path.replace

    def cut_off(path: Path, to: Path) -> Path:
        if path.name == "s.db-wal":
            raise KeyboardInterrupt
        return replace(path, to)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "replace", cut_off)
        restored(to, killed)
    assert_whole(restored(to, killed, minutes=1))
    assert keys_in(killed) == {"web/1"}


async def killed_after_a_backup(directory: Path) -> tuple[Path, Path]:
    """A store whose last commit stands in its log alone, as a kill leaves it; and the backup from before that."""
    alive, killed, to = directory / "alive.db", directory / "s.db", directory / "backup"
    await filled(alive, "web/1")
    back_up(alive, to, no_bar)
    with contextlib.closing(sqlite3.connect(alive)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("INSERT INTO pause VALUES ('actor', 'lost', 1, 'mona')")
        connection.commit()
        for end in ("", "-wal"):
            killed.with_name(f"s.db{end}").write_bytes(alive.with_name(f"alive.db{end}").read_bytes())
    assert killed.with_name("s.db-wal").stat().st_size > 0
    return killed, to


def assert_whole(done: backups.Restoring) -> None:
    """What was put aside has that commit."""
    assert done.aside is not None
    with contextlib.closing(sqlite3.connect(done.aside)) as old:
        assert old.execute("SELECT name FROM pause").fetchall() == [("lost",)]


async def test_what_is_in_the_log_of_the_old_store_does_not_reach_the_new_one(tmp_path: Path) -> None:
    """A process that was killed has left its last commits there; SQLite would read them into whatever is beside it."""
    store, to = await killed_after_a_backup(tmp_path)
    assert_whole(restored(to, store))
    async with running(store) as journal:
        assert await journal.query("pauses") == []


async def test_a_store_that_was_put_aside_is_never_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by a second restore in the same second, nor by one that is typed again with a backup that is none."""
    store, to, clock = tmp_path / "s.db", tmp_path / "backup", Standing()
    await filled(store, "web/1")
    back_up(store, to, no_bar)
    await filled(store, "web/2")
    asides = [restore(to, store, clock, no_bar).aside for _ in range(2)]
    assert [keys_in(aside) for aside in asides if aside is not None] == [{"web/1", "web/2"}, {"web/1"}]

    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(backups, "_put_aside", cut_off)
        restored(to, store)
    none = tmp_path / "none"
    none.write_text("no backup")
    with pytest.raises(StoreUnreadable):
        restored(none, store)
    assert store.exists()


class Standing(SystemClock):
    """A clock that stands still."""

    def __init__(self) -> None:
        super().__init__()
        self._now = super().now()

    def now(self) -> Instant:
        return self._now


async def test_a_damaged_store_is_replaced_and_a_store_that_is_not_there_is_made(tmp_path: Path) -> None:
    """The first reason for a restore is that nothing of the old one can be read."""
    store, to = tmp_path / "s.db", tmp_path / "backup"
    await filled(store, "web/1")
    back_up(store, to, no_bar)
    store.write_bytes(b"no store at all")
    done = restored(to, store)
    assert done.aside is not None
    assert done.aside.read_bytes() == b"no store at all"
    assert keys_in(store) == {"web/1"}
    fresh = restored(to, tmp_path / "new" / "s.db")
    assert fresh.aside is None
    assert keys_in(tmp_path / "new" / "s.db") == {"web/1"}


async def test_what_cannot_be_restored_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    """No backup, one that is no store, of a newer version, or the store itself; and a store that a process holds."""
    store, to = tmp_path / "s.db", tmp_path / "backup"
    await filled(store, "web/1")
    back_up(store, to, no_bar)
    newer = tmp_path / "newer"
    newer.write_bytes(to.read_bytes())
    with contextlib.closing(sqlite3.connect(newer)) as connection:
        connection.execute("INSERT INTO migration VALUES ('journal', '9999_future.sql')")
        connection.commit()
    text = tmp_path / "text"
    text.write_text("none")
    for backup in (tmp_path / "none", text, newer):
        with pytest.raises(StoreUnreadable):
            restored(backup, store)
    with pytest.raises(SeamlineError, match="the store itself"):
        restored(store, store)
    await filled(store, "web/2")
    async with running(store):
        with pytest.raises(StoreLocked, match="has held"):
            restored(to, store)
    assert keys_in(store) == {"web/1", "web/2"}
    assert named(tmp_path, "before") | named(tmp_path, "copying") == set()


async def test_no_process_starts_on_what_is_half_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off between the two names: every start is refused, with what to do; the restore is run again, and all is
    there. What was put aside stays whole.
    """
    store, to = tmp_path / "s.db", tmp_path / "backup"
    await filled(store, "web/1")
    back_up(store, to, no_bar)
    await filled(store, "web/2")

    def cut_off(_name: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(backups, "reach", cut_off)
        restored(to, store)
    assert half_restored(store).exists()
    with pytest.raises(StoreUnreadable, match=r"was cut off; type it again"):
        await filled(store)
    assert not store.exists()
    restored(to, store)
    assert not half_restored(store).exists()
    async with running(store) as journal:
        assert journal.restored is not None
    assert keys_in(store) == {"web/1"}
    (aside,) = {name.removesuffix("-wal").removesuffix("-shm") for name in named(tmp_path, "before")}
    assert look_at(tmp_path / aside).epoch == 2
