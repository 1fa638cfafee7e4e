"""The commands about orders that no push brought: manifests of sales channels, and back-fills of the past."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import anyio
import msgspec
from cyclopts import App, Parameter

from flows.cli.parts import (
    CONFIG,
    INSTANT,
    AsJson,
    ConfigPath,
    NotFound,
    Rows,
    Who,
    explain_none,
    loaded,
    no_sales_channel,
    read_store,
    who,
)
from flows.cli.screen import print_fields, print_json, print_table, say_cells, short, tell_cut
from flows.reading.pages import Place
from runtime.clock import SystemClock

manifests = App(name="manifests", help="What sales channels say they have, against what was received.")

Begins = Annotated[Place, Parameter(name="--from", **INSTANT)]
Ends = Annotated[Place | None, Parameter(name="--to", **INSTANT)]
Consequence = Literal["shipments", "invoices", "payments", "closed_dates"]


def backfill(
    sales_channel: str,
    *,
    begin: Begins,
    end: Ends = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    yes: Annotated[bool, Parameter(negative="")] = False,
    allow: Annotated[tuple[Consequence, ...], Parameter(negative="")] = (),
    reason: str = "",
    by: Who = "",
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> int:
    """Count the orders of a range of the past, by their time of purchase; with --yes bring in those that are new.

    The running process does it, live orders first; typed again it shows the same one, or repeats it, which changes
    nothing. Exit status 1 when it was refused, or could not be read to its end.

    Parameters
    ----------
    sales_channel
        The sales channel as configured; it needs [on_demand].
    begin
        Orders bought at or after this instant (without an offset it is UTC).
    end
        Orders bought before this instant; now, when it is not given.
    dry_run
        Only count. That is what happens without --yes, and in spite of it.
    yes
        Bring in what is new.
    allow
        What the import of the new orders may make in Fulfil: shipments, invoices, payments, and closed_dates, which
        are sales with a date in a closed period of its ledger. Give it once for each.
    reason
        Why, for whoever looks at it in a year. With --yes it stays on record.
    """
    from flows.backfilling import asked_of, followed, told_of  # noqa: PLC0415
    from flows.control import send_control  # noqa: PLC0415

    channels = loaded(config, "sales_channels").sales_channels
    if sales_channel not in channels:
        raise no_sales_channel(sales_channel, channels)
    until = SystemClock().now() if end is None else end.at
    asked = asked_of(
        sales_channel, begin.at, until, is_dry=dry_run or not yes, allowed=allow, by=who(by), reason=reason
    )
    anyio.run(send_control, loaded(config, "ops"), "backfill", asked)
    store = Path(loaded(config, "store").store.path)
    row = anyio.run(followed, store, sales_channel, asked["run"], not json and sys.stderr.isatty())
    if json:
        print_json(row)
    else:
        say_cells(told_of(row))
    return 0 if row.status == "done" else 1


@manifests.command(name="list")
def list_manifests(
    *, sales_channel: str = "", limit: Rows = 50, config: ConfigPath = CONFIG, json: AsJson = False
) -> None:
    """Statements about manifests, the latest first.

    Parameters
    ----------
    sales_channel
        Only those of one sales channel.
    """
    rows = read_store(config, lambda read: read.manifests(sales_channel=sales_channel, limit=limit + 1))
    explain_none(rows, config, sales_channel)
    tell_cut(rows, limit)
    rows = rows[:limit]
    if json:
        print_json(rows)
        return
    print_table(
        ("received", "manifest", "listed", "missing", "outdated", "unlisted", "still open"),
        [
            (short(row.received_at), row.key, row.listed, row.missing, row.outdated, row.unlisted, row.open)
            if row.checked_at is not None
            else (short(row.received_at), row.key, "pages are missing", "", "", "", "")
            for row in rows
        ],
        empty="no manifests like that" if sales_channel else "no manifests",
    )


@manifests.command(name="show")
def show_manifest(manifest: str, *, config: ConfigPath = CONFIG, json: AsJson = False) -> None:
    """The statement about one manifest: what the sales channel listed, what was missing here, and what still is.

    Parameters
    ----------
    manifest
        Its key, as `seamline manifests list` shows it.
    """
    row = read_store(config, lambda read: read.manifest(manifest))
    if row is None:
        raise NotFound(f"there is no manifest {manifest!r}; `seamline manifests list` shows those that are")
    if json:
        print_json(row)
        return
    print_fields(msgspec.structs.asdict(row).items())
