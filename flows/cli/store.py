"""The commands about the store itself: a backup of it, going on from one, and the end of what follows from that."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from flows.cli.parts import CONFIG, AsJson, ConfigPath, Who, control, loaded, who
from flows.cli.screen import print_json, say, say_cells, short
from runtime.clock import SystemClock, to_datetime

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
    say("Start the process, bring back what came after the backup (runbook: Restore), then `seamline store agree`.")


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
    """What the store that is there has beyond the backup."""
    if count is None:
        return "the store that is there\tcannot be read, or there is none"
    if not count:
        return "the store that is there\thas nothing that is not in the backup"
    return f"the store that is there\tcan be read, and has {count:,} of what came after the backup"


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
