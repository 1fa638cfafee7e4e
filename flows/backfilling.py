"""A back-fill as whoever asked for it sees it: followed until it ends, with a bar on a terminal, and told in lines."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

import anyio
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from flows.reading import reading
from flows.reading.rows import BackfillRow
from runtime.clock import Instant, to_datetime
from runtime.errors import SeamlineError

_LOOK_EVERY_S = 0.2
_BEGINS_WITHIN_S = 60.0
_UNDER_WAY = ("counting", "taking")


def asked_of(
    sales_channel: str, began: Instant, ended: Instant, *, is_dry: bool, allowed: Sequence[str], by: str, reason: str
) -> dict[str, str]:
    """The parameters of the command: orders bought from `began` up to `ended`, in whole seconds; `run` names it."""
    return {
        "name": sales_channel,
        "run": secrets.token_hex(8),
        "from": to_datetime(began).replace(microsecond=0).isoformat(),
        "to": to_datetime(ended).replace(microsecond=0).isoformat(),
        "dry": "yes" if is_dry else "no",
        "allow": " ".join(allowed),
        "by": by,
        "reason": reason,
    }


async def followed(store: Path, sales_channel: str, run: str, shows: bool) -> BackfillRow:
    """The back-fill of that name, when it has ended. `shows` a bar on standard error meanwhile.

    Whoever stops looking stops nothing. Raises SeamlineError when the process does not begin with it.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[orders]}"))
    with Progress(*columns, console=Console(stderr=True), disable=not shows, transient=True) as progress:
        bar = progress.add_task("waiting", total=1.0, orders="")
        async with reading(store) as read:
            with anyio.move_on_after(_BEGINS_WITHIN_S) as patience:
                while True:
                    row = await read.backfill(sales_channel)
                    if row is not None and row.run == run:
                        patience.deadline = float("inf")
                        if row.status not in _UNDER_WAY:
                            return row
                        orders = f"{row.taken} taken" if row.status == "taking" else ""
                        progress.update(bar, description=row.status, completed=_share_read(row), orders=orders)
                    await anyio.sleep(_LOOK_EVERY_S)
    raise SeamlineError(
        f"the process has not begun with it in {_BEGINS_WITHIN_S:.0f} s; is `backfill` paused? "
        "Type the same again to go on looking"
    )


def _share_read(row: BackfillRow) -> float:
    """How much of the time between the range's beginning and the question has been read, 0 to 1."""
    whole = (row.asked_at - row.began_at).total_seconds()
    return min(1.0, (row.read_to - row.began_at).total_seconds() / whole) if whole > 0 else 1.0


def told_of(row: BackfillRow) -> list[str]:
    """What came of it, in lines."""
    began, ended = (moment.strftime("%Y-%m-%d %H:%M:%SZ") for moment in (row.began_at, row.ended_at))
    lines = [
        f"{row.sales_channel}, orders bought from {began} up to {ended}",
        f"new\t{row.new}",
        f"known\t{row.known}",
        f"would make in Fulfil\t{row.shipments} shipments, {row.invoices} invoices, {row.payments} payments",
    ]
    if row.closed_dates is None:
        why = (
            "no period of Fulfil's ledger has been read ([postings] reads them, where the tenant's ledger is readable)"
        )
        lines.append(f"in closed periods\tnot known: {why}")
    else:
        lines.append(
            f"in closed periods\t{row.closed_dates} sales, by their date and the periods as they were read last"
        )
    if row.undecided:
        reasons = ", ".join(f"{count} {why}" for why, count in sorted(row.undecided.items()))
        lines.append(
            f"left out\t{sum(row.undecided.values())} of the new ones ({reasons}): what their import would set off "
            "cannot be said; send them again one by one when somebody has looked"
        )
    return [*lines, f"{row.status}\t{row.sentence}"]
