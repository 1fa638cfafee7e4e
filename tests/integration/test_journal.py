"""The journal on real SQLite files: acceptance, deduplication, fencing, locking, upgrade and room."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import anyio
import pytest

from runtime.clock import SystemClock
from runtime.errors import SeamlineError, StoreFailed, StoreFenced, StoreFull, StoreLocked, StoreUnreadable
from runtime.journal import connection, schema
from runtime.journal.damage import store_error
from runtime.journal.journal import opened
from runtime.journal.statements import Statements
from runtime.journal.upkeep import Room, judge, reclaim_bodies, run_upkeep
from runtime.journal.writer import Unit
from runtime.telemetry.events import CommitRefused
from tests.integration.journals import accept, delivery, nothing, running

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_what_was_accepted_is_there_after_reopening(tmp_path: Path) -> None:
    """The body, the queue row and the first timeline fact survive, byte for byte."""
    path = tmp_path / "store.db"
    async with running(path) as journal:
        ids, new = await accept(journal, delivery("shop/1", body=b'{"id": 1, "note": "\xc3\xa9"}'))
        assert new == [True]
    async with running(path) as journal:
        rows = await journal.query("messages_after", "inbox", 0, 0, 10)
        assert [(row[0], row[1], row[4]) for row in rows] == [(ids[0], "shop/1", b'{"id": 1, "note": "\xc3\xa9"}')]
        facts = await journal.query("timeline", "shop/1", 0, 1 << 62)
        assert [(row[2], row[3]) for row in facts] == [("intake", "received")]


async def test_a_thousand_concurrent_copies_are_one_delivery(tmp_path: Path) -> None:
    """Failure case 1: the same delivery a thousand times at once queues one message; every sender gets its id."""
    ids: list[int] = []
    news: list[bool] = []
    async with running(tmp_path / "store.db") as journal:

        async def send() -> None:
            got, new = await accept(journal, delivery("shop/1001"))
            ids.extend(got)
            news.extend(new)

        async with anyio.create_task_group() as senders:
            for _ in range(1_000):
                senders.start_soon(send)
        assert len(ids) == 1_000
        assert len(set(ids)) == 1
        assert news.count(True) == 1
        assert len(await journal.query("messages_after", "inbox", 0, 0, 10)) == 1


async def test_key_version_and_digest_together_make_a_delivery_known(tmp_path: Path) -> None:
    """Another sales channel, another version or other bytes are another delivery."""
    async with running(tmp_path / "store.db") as journal:
        _, new = await accept(
            journal,
            delivery("shop/1"),
            delivery("shop/1"),
            delivery("other/1"),
            delivery("shop/1", version="2"),
            delivery("shop/1", body=b'{"id":1,"edited":true}'),
        )
        assert new == [True, False, True, True, True]


async def test_many_changes_share_one_commit(tmp_path: Path) -> None:
    """Group commit: what is submitted while the loop is busy becomes one transaction."""
    async with running(tmp_path / "store.db") as journal:
        await accept(journal, delivery("shop/0"))
        before = journal.writer.commits
        async with anyio.create_task_group() as senders:
            for number in range(1, 201):
                senders.start_soon(accept, journal, delivery(f"shop/{number}"))
        assert journal.writer.commits - before <= 4


async def test_a_contradictory_change_fails_alone(tmp_path: Path) -> None:
    """A unit that breaks a constraint is refused; the units that shared its commit are durable."""
    async with running(tmp_path / "store.db") as journal:
        good = journal.submit([("put_pause", ("partition", "shop", 1, "me"))])
        bad = journal.submit([("put_pause", ("no such scope", "shop", 1, "me"))])
        await good.durable()
        with pytest.raises(SeamlineError, match="contradictory"):
            await bad.durable()
        assert await journal.query("pauses") == [("partition", "shop", 1, "me")]


@pytest.mark.parametrize("value", [1 << 63, "half \ud83d of a sign", object()])
async def test_a_change_with_a_value_that_sqlite_cannot_hold_fails_alone(tmp_path: Path, value: Any) -> None:
    """One poisoned step must not end the writer: it would do so again after each restart."""
    async with running(tmp_path / "store.db") as journal:
        good = journal.submit([("put_pause", ("partition", "shop", 1, "me"))])
        bad = journal.submit([("put_pause", ("partition", "other", value, "me"))])
        await good.durable()
        with pytest.raises(SeamlineError, match=r"contradictory|not writable") as raised:
            await bad.durable()
        assert not isinstance(raised.value, StoreFailed)
        await journal.submit([("put_pause", ("actor", "inbox", 1, "me"))]).durable()
        assert len(await journal.query("pauses")) == 2


async def test_a_second_process_is_refused_and_told_who_holds_the_store(tmp_path: Path) -> None:
    """Failure case 34: started twice by mistake; the second exits with 75 and names the first."""
    path = tmp_path / "store.db"
    async with running(path):
        script = (
            "import anyio, sys; from pathlib import Path; from runtime.clock import SystemClock\n"
            "from runtime.errors import Stop; from runtime.journal.journal import opened\n"
            "async def main():\n"
            "    async with opened(Path(sys.argv[1]), SystemClock(), print): pass\n"
            "try: anyio.run(main)\n"
            "except Stop as stop: print(stop, file=sys.stderr); sys.exit(stop.exit_status)\n"
        )
        second = await anyio.run_process([sys.executable, "-c", script, str(path)], check=False, stderr=subprocess.PIPE)
        assert second.returncode == 75
        assert f"process {os.getpid()} on ".encode() in second.stderr
    with pytest.raises(ExceptionGroup) as raised:
        async with running(path), running(path):
            pass
    assert raised.group_contains(StoreLocked, match=str(os.getpid()))


async def test_a_fenced_writer_can_write_nothing_more(tmp_path: Path) -> None:
    """Failure case 34: a stalled process wakes up after another took the store over; its commit is refused."""
    path = tmp_path / "store.db"
    with pytest.raises(ExceptionGroup) as raised:
        async with running(path) as journal:
            await accept(journal, delivery("shop/1"))
            with contextlib.closing(sqlite3.connect(path)) as other:
                other.execute("UPDATE instance SET epoch = epoch + 1")
                other.commit()
            with pytest.raises(StoreFenced):
                await accept(journal, delivery("shop/2"))
    assert raised.group_contains(StoreFenced)
    with contextlib.closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT key FROM delivery").fetchall() == [("shop/1",)]


async def test_ids_rise_across_restarts(tmp_path: Path) -> None:
    """The epoch is part of every id, so a restart can never reuse one."""
    seen = []
    for number in range(3):
        async with running(tmp_path / "store.db") as journal:
            ids, _ = await accept(journal, delivery(f"shop/{number}"))
            seen += ids
    assert seen == sorted(set(seen))


async def test_a_store_of_a_newer_version_is_refused_unwritten(tmp_path: Path) -> None:
    """Failure case 42, downgrade: exit 65 with the migrations named, and not one byte changed."""
    path = tmp_path / "store.db"
    async with running(path):
        pass
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("INSERT INTO migration VALUES ('journal', '9999_future.sql')")
        other.commit()
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.read_bytes()
    with pytest.raises(StoreUnreadable, match=r"journal/9999_future\.sql") as raised:
        async with running(path):
            pass
    assert raised.value.exit_status == 65
    assert path.read_bytes() == before


async def test_what_is_no_store_or_a_damaged_one_is_refused_with_a_sentence(tmp_path: Path) -> None:
    """Exit 65, with the file and what to do: for a text, the half of a store, and a directory."""
    good, text, half = tmp_path / "good.db", tmp_path / "text.db", tmp_path / "half.db"
    async with running(good) as journal:
        await accept(journal, delivery("shop/1"))
    text.write_text("garbage\n")
    half.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    for path, said in (
        (text, "file is not a database"), (half, "database disk image is malformed"), (tmp_path, "Is a directory"),
    ):  # fmt: skip
        with pytest.raises(StoreUnreadable, match=said) as raised:
            async with running(path):
                pass
        assert raised.value.exit_status == 65
        assert str(path) in str(raised.value)
        assert "store.path" in str(raised.value)


async def test_damage_that_shows_only_when_it_is_read_is_told_by_the_same_sentence(tmp_path: Path) -> None:
    """Also when task groups have wrapped it; another defect of SQL stays what it is."""
    path = tmp_path / "store.db"
    async with running(path) as journal:
        await accept(journal, *(delivery(f"shop/{number}", body=b"x" * 2_000) for number in range(200)))
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 4)
        file.write(b"\xff" * (path.stat().st_size // 2))

    def read_all(connection: sqlite3.Connection) -> Any:
        return connection.execute("SELECT max(bytes) FROM body").fetchall()

    with pytest.raises(StoreUnreadable, match="is damaged, or none of ours"):
        async with running(path) as journal:
            await journal.reading.run(read_all)
    with pytest.raises(ExceptionGroup) as raised:
        async with running(tmp_path / "other.db") as journal:
            await journal.reading.run(lambda connection: connection.execute("SELECT nothing FROM nowhere"))
    assert raised.group_contains(sqlite3.OperationalError)


async def test_the_database_of_another_program_is_left_as_it_is(tmp_path: Path) -> None:
    """Somebody has named the wrong file: not one byte of it is changed."""
    path = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmark (address TEXT)")
    before = path.read_bytes()
    with pytest.raises(StoreUnreadable, match="the database of another program"):
        async with running(path):
            pass
    assert path.read_bytes() == before


async def test_an_upgrade_applies_only_what_is_missing_and_keeps_what_is_there(tmp_path: Path) -> None:
    """Failure case 42: a store of the version before gets the new schema; its queue is untouched."""
    path = tmp_path / "store.db"
    async with running(path) as journal:
        await accept(journal, delivery("shop/1"))
    extra = tmp_path / "extra"
    extra.mkdir()
    (extra / "0001_more.sql").write_text("CREATE TABLE more (a TEXT) STRICT;\nCREATE INDEX more_by_a ON more (a);\n")
    (tmp_path / "more.sql").write_text("-- name: mores\n-- All of it.\nSELECT a FROM more;\n")
    more = schema.Schema("more", extra, tmp_path / "more.sql")
    for _ in range(2):
        async with running(path, schemas=(more,)) as journal:
            assert await journal.query("mores") == []
            assert len(await journal.query("messages_after", "inbox", 0, 0, 10)) == 1


async def test_a_half_finished_migration_leaves_nothing_behind(tmp_path: Path) -> None:
    """A migration that fails in its second statement is rolled back whole, with those that went before it."""
    extra = tmp_path / "extra"
    extra.mkdir()
    (extra / "0001_bad.sql").write_text("CREATE TABLE fine (a TEXT) STRICT;\nCREATE TABLE bad (a NONSENSE) STRICT;\n")
    (tmp_path / "none.sql").write_text("")
    bad = schema.Schema("bad", extra, tmp_path / "none.sql")
    with pytest.raises(sqlite3.OperationalError):
        async with running(tmp_path / "store.db", schemas=(bad,)):
            pass
    with contextlib.closing(sqlite3.connect(tmp_path / "store.db")) as other:
        tables = {name for (name,) in other.execute("SELECT name FROM sqlite_master")}
        assert tables == {"migration"}
        assert other.execute("SELECT schema, file FROM migration").fetchall() == []


async def test_every_statement_can_be_prepared_and_says_what_it_is_for(tmp_path: Path) -> None:
    """No statement of the file names a table or column that does not exist; each has its sentence."""
    async with running(tmp_path / "store.db") as journal:
        for statement in journal.statements.all():
            assert len(statement.about) > 10, statement.name
            text = statement.text(2)
            await journal.writing.run(
                lambda connection, text=text: connection.execute(f"EXPLAIN {text}", _nulls(text)).fetchall()
            )


def _nulls(text: str) -> tuple[None, ...]:
    numbered = {int(part) for part in __import__("re").findall(r"\?(\d+)", text)}
    return (None,) * (max(numbered) if numbered else text.count("?"))


async def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    """SQLITE_FULL refuses the change with StoreFull; when there is room again, the same journal goes on."""
    path = tmp_path / "store.db"
    async with running(path) as journal:
        await accept(journal, delivery("shop/1"))

        def limit(connection: sqlite3.Connection, pages: int) -> None:
            connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()

        ((pages,),) = await journal.writing.run(lambda c: c.execute("PRAGMA page_count").fetchall())
        await journal.writing.run(limit, pages)
        with pytest.raises(StoreFull):
            await accept(journal, delivery("shop/2", body=b"x" * 100_000))
        await journal.writing.run(limit, 1 << 30)
        _, new = await accept(journal, delivery("shop/2", body=b"x" * 100_000))
        assert new == [True]


async def test_while_another_program_writes_to_the_file_intake_is_refused_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody left a transaction open in a shell of SQLite. What waits lands when it is closed; a start is refused."""
    monkeypatch.setattr(connection, "_BUSY_TIMEOUT_MS", 50)
    path, events = tmp_path / "store.db", list[Any]()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as shell:
        async with running(path, events.append) as journal, anyio.create_task_group() as tasks:
            shell.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreFull, match="another program"):
                await accept(journal, delivery("shop/1"))
            tasks.start_soon(journal.write, [("put_pause", ("actor", "desk", 1, "mona"))])
            await anyio.sleep(0.3)
            shell.execute("COMMIT")
            assert (await accept(journal, delivery("shop/1")))[1] == [True]
            with anyio.fail_after(5):
                while not await journal.query("pauses"):
                    await anyio.sleep(0.05)
            assert any(isinstance(event, CommitRefused) and "another program" in event.reason for event in events)
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreLocked, match="another program"):
            async with running(path):
                """Never."""
        shell.execute("COMMIT")


async def test_the_disk_budget_stops_intake_but_not_what_is_accepted(tmp_path: Path) -> None:
    """Above the budget `accept` refuses at once; a step's unit is still written."""
    path = tmp_path / "store.db"
    async with running(path) as journal, anyio.create_task_group() as tasks:
        tasks.start_soon(run_upkeep, journal, path, Room(disk_budget_bytes=1), nothing)
        with anyio.fail_after(5):
            while journal.full is None:
                await anyio.sleep(0.01)
        with pytest.raises(StoreFull, match="budget"):
            await accept(journal, delivery("shop/1"))
        await journal.submit([("put_pause", ("actor", "inbox", 1, "me"))]).durable()
        tasks.cancel_scope.cancel()


def test_too_little_free_disk_is_said_with_its_figures() -> None:
    """The reserve is for outcomes of what is already accepted."""
    refusal = judge(0, 10 << 20, Room())
    assert refusal is not None
    assert "10 MiB left" in str(refusal)
    assert judge(0, 1 << 40, Room()) is None


def test_a_failed_fsync_ends_the_process_with_74() -> None:
    """After a failed fsync the page cache cannot be trusted: the error is a Stop, not something to retry."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
    stop = store_error(error)
    assert isinstance(stop, StoreFailed)
    assert stop.exit_status == 74


async def test_old_bodies_go_but_keys_stay_for_ever(tmp_path: Path) -> None:
    """Retention takes the body of a closed order, not one that is still queued or kept, and the copy stays known."""
    async with running(tmp_path / "store.db") as journal:
        ids, _ = await accept(journal, *(delivery(f"shop/{n}", at=n) for n in range(1, 5)))
        closed, kept, queued, young = ids
        await journal.submit([("consume_message", (closed,)), ("consume_message", (kept,))]).durable()
        await journal.submit([("put_state", ("inbox", "shop/2", b"{}", None, kept, None))]).durable()
        assert await reclaim_bodies(journal, before=4, after=0) == 0
        left = await journal.query("bodies_after", 0, 10)
        assert [row[0] for row in left] == [kept, queued, young]
        _, new = await accept(journal, delivery("shop/1"))
        assert new == [False]


async def test_after_the_writer_has_ended_nothing_is_acknowledged(tmp_path: Path) -> None:
    """A unit submitted to a writer that is gone fails at once instead of waiting for ever."""
    async with running(tmp_path / "store.db") as journal:
        pass
    with pytest.raises(StoreFailed):
        await journal.writer.submit(Unit()).durable()


def test_named_sql_files_are_complete() -> None:
    """Every name in the journal's file is unique and reaches the registry."""
    text = (files("runtime.journal") / "queries.sql").read_text(encoding="utf-8")
    assert text.count("-- name: ") == len(Statements(files("runtime.journal") / "queries.sql").all())


async def test_a_read_of_huge_rows_stops_when_it_has_enough_bytes(tmp_path: Path) -> None:
    """At least one row; whether there are more is said; what is beyond is not read."""
    async with running(tmp_path / "store.db") as journal:
        await accept(journal, *(delivery(f"web/{number}", body=b"x" * 10_000) for number in range(5)))

        async def read(rows_max: int, bytes_max: int) -> tuple[int, bool]:
            rows, complete = await journal.query_some(
                "messages_after", "inbox", 0, 0, rows_max=rows_max, bytes_max=bytes_max
            )
            return len(rows), complete

        assert await read(10, 1) == (1, False)
        assert await read(10, 25_000) == (3, False)
        assert await read(10, 1_000_000) == (5, True)
        assert await read(5, 1_000_000) == (5, False)


async def test_a_commit_says_what_is_known_of_the_keys_it_brings(tmp_path: Path) -> None:
    """The state that the same commit leaves, also when another unit of it has just written it; None for a new key."""
    async with running(tmp_path / "store.db") as journal:
        told: dict[str, Any] = {}
        put = ("put_state", ("inbox", "web/1", b'{"a":1}', None, None, None))
        journal.submit([put])
        await journal.accept(
            [delivery("web/1"), delivery("web/2")],
            "inbox",
            0,
            lambda _id, of, _message, state: told.update({of.key: state}),
        )
        assert told == {"web/1": ("web/1", b'{"a":1}', None, None, None), "web/2": None}


@pytest.mark.parametrize("turns", range(6))
async def test_who_is_cancelled_together_with_the_writer_is_not_told_of_a_failed_disk(
    tmp_path: Path, turns: int
) -> None:
    """A process that is told twice to stop ends with 0, whatever was on its way to the disk just then."""
    async with opened(tmp_path / "store.db", SystemClock(), nothing) as journal:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(journal.writer.run)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(journal.write, [("put_pause", ("partition", "shop", 1, "me"))])
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        with pytest.raises(StoreFailed):
            await journal.write([("put_pause", ("partition", "later", 1, "me"))])
