"""The commands about the store itself: a backup of it, going on from one, and the end of what follows from that."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import anyio
from cyclopts import App, Parameter

from flows.cli.parts import (
    CONFIG,
    INSTANT,
    AsJson,
    ConfigPath,
    CsvFile,
    Mistyped,
    Who,
    control,
    loaded,
    one_form,
    print_list,
    read_store,
    who,
)
from flows.cli.screen import print_json, say, say_cells, short
from flows.reading.pages import Place
from runtime.clock import SystemClock, to_datetime

Since = Annotated[Place | None, Parameter(**INSTANT)]

_OVERLAP = timedelta(hours=1)
"""Clocks differ, and what was delivered before the backup may have become a sale after it."""
_FORGOTTEN = ("created", "what", "name", "order", "state", "amount", "currency", "here", "to do")

store = App(name="store", help="The store: backups, and what follows from going on from one.")


@store.command
def backup(to: Path, *, config: ConfigPath = CONFIG, json: AsJson = False) -> None:
    """Copy the store into one file, while the process runs or not; the copy is read again before it has its name.

    It holds personal data, as the store does. Exit status 65 when the store is damaged, 1 when the file is there
    already or cannot be written.

    Parameters
    ----------
    to
        The file to be made, best on another disk.
    """
    from runtime.journal.backup import back_up  # noqa: PLC0415

    path = Path(loaded(config, "store").store.path)
    with _bar("copying", shows=not json) as progress:
        found = back_up(path, to, progress)
    if json:
        print_json({"file": str(to), **_fields(found)})
    else:
        say_cells([f"backup\t{to}", *_lines(found)])


@store.command
def restore(
    backup: Path,
    *,
    yes: Annotated[bool, Parameter(negative="")] = False,
    reason: str = "",
    by: Who = "",
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """Have the store go on from a backup; without --yes only read the backup and say what is in it.

    The process has to be stopped. The store that is there is put aside, not deleted. Afterwards each write looks first
    whether it was made already, and nothing is posted, until `seamline store agree`. Exit status 75 while a process
    holds the store, 65 when the backup is none, is damaged, or is of a newer version.

    Parameters
    ----------
    backup
        What `seamline store backup` has made.
    yes
        Do it; then --reason is needed.
    reason
        Why, for whoever looks at it in a year. It stays on record.
    """
    from flows.model.schema import ORDERS  # noqa: PLC0415
    from flows.restored import rows_beside  # noqa: PLC0415
    from runtime.journal.backup import look_at, newer_in  # noqa: PLC0415
    from runtime.journal.backup import restore as restored_from  # noqa: PLC0415

    settings = loaded(config, "store", "postings")
    path, posts = Path(settings.store.path), settings.postings is not None
    if not yes:
        found = look_at(backup)
        newer = newer_in(path, found)
        if json:
            print_json({"backup": str(backup), **_fields(found), "newer_deliveries": newer})
        else:
            how = "say --yes" if reason else "say --yes, with --reason"
            say_cells([f"backup\t{backup}", *_lines(found), _newer(newer), f"not restored\tto {path}: {how}"])
        return
    clock = SystemClock()
    parameters = {"by": who(by), "reason": reason, "backup": str(backup)}
    rows_beside(0, clock.now(), parameters, posts=posts)  # what is not said is asked for before anything is copied
    with _bar("copying", shows=not json) as progress:
        done = restored_from(
            backup, path, clock, progress, schemas=(ORDERS,),
            also=lambda id_: rows_beside(id_, clock.now(), parameters, posts=posts),
        )  # fmt: skip
    aside = None if done.aside is None else str(done.aside)
    if json:
        print_json(
            {"store": str(path), "epoch": done.epoch, "put_aside": aside, "newer_deliveries": done.newer,
             **_fields(done.backup)}
        )  # fmt: skip
        return
    put = [] if aside is None else [_newer(done.newer)]
    say_cells([f"restored\t{path}", *_lines(done.backup), f"put aside\t{aside or 'there was no store'}", *put])
    say(
        "Start the process, bring back what came after the backup (runbook: Restore), look at what `seamline store "
        "compare` finds, then `seamline store agree`."
    )


@store.command
def compare(*, since: Since = None, csv: CsvFile = None, config: ConfigPath = CONFIG, json: AsJson = False) -> int:
    """What Fulfil has made since then and the store does not know: sales of its channels, and entries of its batches.

    Asks Fulfil with the configured token; changes nothing. Exit status 1 when there is something.

    Parameters
    ----------
    since
        What was created at or after this instant; in a restored store an hour before the last delivery in the backup,
        when it is not given.
    """
    from flows.forgotten import forgotten  # noqa: PLC0415

    one_form(csv, json=json)
    settings = loaded(config, "store", "fulfil", "sales_channels", "postings")
    begin = _forgotten_from(config) if since is None else to_datetime(since.at)
    path, channels = Path(settings.store.path), settings.sales_channels
    posts = settings.postings is not None and settings.postings.mode == "live"
    with _bar("reading", shows=not json) as progress:
        rows = anyio.run(partial(forgotten, path, settings.fulfil, channels, begin, progress, entries=posts))
    cells = [
        ("" if row.created_at is None else short(row.created_at), row.what, row.name, row.order, row.state,
         "" if row.amount is None else row.amount, row.currency, row.here, row.remedy)
        for row in rows
    ]  # fmt: skip
    empty = f"Fulfil has nothing since {short(begin)} that the store does not know"
    print_list(rows, _FORGOTTEN, cells, csv=csv, json=json, empty=empty)
    return 1 if rows else 0


def _forgotten_from(config: Path) -> datetime:
    """When what a restored store has forgotten begins. Raises Mistyped where nobody knows."""
    restored = read_store(config, lambda read: read.restored())
    if restored is None or restored.last_received_at is None:
        raise Mistyped("say since when, with --since: the store does not go on from a backup with deliveries in it")
    return to_datetime(restored.last_received_at) - _OVERLAP


@store.command
def agree(*, reason: str = "", by: Who = "", config: ConfigPath = CONFIG, json: AsJson = False) -> None:
    """Say that what was restored agrees with the outside again: writes look no longer first, and what is due is posted.

    Parameters
    ----------
    reason
        How you know, for whoever looks at it in a year. It stays on record.
    """
    control(config, "agree", json=json, by=who(by), reason=reason)


def _fields(found: Any) -> dict[str, Any]:
    last = found.last_received_at
    return {
        "bytes": found.bytes,
        "sha256": found.sha256,
        "deliveries": found.deliveries,
        "last_received_at": None if last is None else to_datetime(last),
    }


def _lines(found: Any) -> list[str]:
    last = "none" if found.last_received_at is None else short(to_datetime(found.last_received_at))
    return [
        f"bytes\t{found.bytes:,}",
        f"sha256\t{found.sha256}",
        f"deliveries in it\t{found.deliveries:,}, the last at {last}" if found.deliveries else "deliveries in it\tnone",
    ]


def _newer(count: int | None) -> str:
    """What the store beside the backup has beyond it."""
    if count is None:
        return "the store\tcannot be read, or there is none"
    if not count:
        return "the store\thas nothing that is not in the backup"
    return f"the store\tcan be read, and has {count:,} of what came after the backup"


@contextmanager
def _bar(what: str, *, shows: bool) -> Iterator[Any]:
    """A bar on a terminal, for a function that tells how many of all pages are done; then all of it is checked."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), disable=not (shows and sys.stderr.isatty()), transient=True) as bars:
        task = bars.add_task(what, total=None)

        def progress(done: int, pages: int) -> None:
            bars.update(task, completed=done, total=pages, description="checking" if done >= pages else what)

        yield progress
