"""An import of payouts as whoever asked for it sees it: read, compared with the store, sent in pages, and followed
until it is judged.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import anyio
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from flows.config import Config
from flows.control import send_control
from flows.payout_import.file import PayoutFile, examine, pages_of
from flows.payout_import.meeting import Meeting, met
from flows.payout_import.outcome import Kept, standing
from flows.payout_import.rehearsal import Rehearsed, rehearsed
from flows.payout_importer import payout_key
from flows.payouts.examining import Examined
from flows.reading import reading
from flows.reading.payouts import payouts_judged, payouts_named
from runtime.errors import SeamlineError

_LOOK_EVERY_S = 0.1
_STILL_FOR_S = 120.0
"""For how long nothing may be judged before it is said that the process does not go on with it."""
_PAYOUTS_NAMED_MAX = 3


def examined_with_bar(file: PayoutFile, *, shows: bool) -> Examined:
    """Read the whole file once. `shows` a bar on standard error meanwhile. Raises PayoutUnreadable."""
    with _progress(shows) as progress:
        bar = progress.add_task("reading", total=None, lines="")
        return examine(file, lambda lines: progress.update(bar, lines=f"{lines} lines"))


async def imported(
    config: Config,
    store: Path,
    file: PayoutFile,
    examined: Examined,
    sales_channel: str,
    bank: Decimal | None,
    *,
    meeting: Meeting,
    by: str,
    reason: str,
    shows: bool,
) -> dict[str, Kept]:
    """Send a file that was examined, wait until it is judged, and answer what came of its payouts, by key. Who imports
    it and why goes on record, and what spoke against it (`meeting`).
    """
    headers = {payout_key(sales_channel, file.format.provider, id_): header for id_, header in examined.headers.items()}
    told = {"by": by, "reason": reason, **_told_of_file(file, examined), **_told_against(meeting, bank)}
    run = await _sent(config, file, examined, sales_channel, bank, told, shows=shows)
    await _judged(store, run, len(examined.headers), shows=shows)
    async with reading(store) as read:
        return {
            key: Kept(told=header, before=meeting.state(key), after=await standing(read, key), row=row)
            for key, header in headers.items()
            for row in await payouts_named(read, key)
        }


async def compared(
    store: Path, file: PayoutFile, examined: Examined, sales_channel: str, bank: Decimal | None
) -> Meeting:
    """How its payouts meet what the store has."""
    async with reading(store) as read:
        return await met(read, file.format.provider, examined, sales_channel, bank)


async def rehearsal(
    store: Path, file: PayoutFile, examined: Examined, sales_channel: str, bank: Decimal | None
) -> dict[str, Rehearsed]:
    """What an import would do, by key."""
    async with reading(store) as read:
        return await rehearsed(read, file, examined, sales_channel, bank)


def _told_of_file(file: PayoutFile, examined: Examined) -> dict[str, str]:
    """What the record says of a file: enough to know it again."""
    named = [*examined.headers][:_PAYOUTS_NAMED_MAX]
    more = len(examined.headers) - len(named)
    payouts = ", ".join(named) + (f" and {more} more" if more else "")
    return {"format": file.format.name, "sha256": file.digest, "payouts": payouts, "lines": str(examined.count)}


def _told_against(meeting: Meeting, bank: Decimal | None) -> dict[str, str]:
    """What the record says of what the person had before them."""
    was = [row.bank for row in meeting.known.values() if bank is not None and row.bank not in (None, bank)]
    told = {"although": "; ".join(meeting.against)} if meeting.against else {}
    return {**told, "bank_was": str(was[0])} if was else told


async def _sent(
    config: Config,
    file: PayoutFile,
    examined: Examined,
    sales_channel: str,
    bank: Decimal | None,
    told: Mapping[str, str],
    *,
    shows: bool,
) -> str:
    """Send all pages to the running process, each durable before the next, the first with what is `told` of the import;
    the name of the import.

    A page that was taken is safe; after a failure the same command again sends all of them, which changes nothing.
    """
    run, total, done = secrets.token_hex(8), max(1, examined.count), 0
    with _progress(shows) as progress:
        bar = progress.add_task("sending", total=float(total), lines="")
        for page in pages_of(file, examined, sales_channel=sales_channel, run=run, bank=bank):
            await send_control(config, "payout", {"page": msgspec.json.encode(page).decode(), **told})
            told = {}
            done += len(page.lines)
            progress.update(bar, completed=float(done), lines=f"{done} of {total} lines")
    return run


async def _judged(store: Path, run: str, payouts: int, *, shows: bool) -> None:
    """Wait until every payout of an import is judged. Whoever stops looking stops nothing.

    Raises SeamlineError when the process does not go on with it.
    """
    with _progress(shows) as progress:
        bar = progress.add_task("judging", total=float(payouts), lines="")
        async with reading(store) as read:
            count = -1
            with anyio.move_on_after(_STILL_FOR_S) as patience:
                while (now := await payouts_judged(read, run)) < payouts:
                    if now > count:
                        count, patience.deadline = now, anyio.current_time() + _STILL_FOR_S
                        progress.update(bar, completed=float(now), lines=f"{now} of {payouts} payouts")
                    await anyio.sleep(_LOOK_EVERY_S)
                return
    raise SeamlineError(
        f"the process has not gone on with it for {_STILL_FOR_S:.0f} s; is `payout_importer` paused? "
        "What was sent is kept; `seamline payouts list` shows what came of it"
    )


def _progress(shows: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[lines]}"))
    return Progress(*columns, console=Console(stderr=True), disable=not shows, transient=True)
