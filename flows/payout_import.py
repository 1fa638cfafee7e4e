"""An import of payouts as whoever asked for it sees it: read, sent in pages, followed until it is judged, and told."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import anyio
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from flows.config import Config
from flows.control import send_control
from flows.model.money import Money
from flows.model.payout_proof import prove_payout
from flows.payout_files import PayoutFile, examine, pages_of
from flows.payout_importer import payout_key
from flows.payouts.examining import Examined
from flows.reading import reading
from flows.reading.payouts import PayoutRow, payouts_judged, payouts_named
from runtime.errors import SeamlineError

_LOOK_EVERY_S = 0.1
_STILL_FOR_S = 120.0
"""For how long nothing may be judged before it is said that the process does not go on with it."""
_FINDINGS_TOLD_MAX = 20
_PAYOUTS_NAMED_MAX = 3
_AT_NO_TIME = datetime.min.replace(tzinfo=UTC)


class ImportedPayout(msgspec.Struct, frozen=True, kw_only=True):
    """One payout of a file. Without an import (`dry_run`) nothing is known of orders, and `unlinked` is None."""

    id: str
    key: str
    currency: str
    status: str
    lines: int
    net: Decimal
    paid: Decimal | None
    bank: Decimal | None
    verdict: str
    difference: Decimal
    equations: tuple[str, ...]
    classes: dict[str, Decimal]
    unlinked: int | None = None
    news: bool | None = None
    """Whether the import has changed how it stands; False for what an earlier file had told."""


class ImportSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a file. `pending`: by currency, what is in no payout yet and is not kept."""

    file: str
    format: str
    digest: str
    dry_run: bool
    lines: int
    payouts: tuple[ImportedPayout, ...]
    findings: dict[str, int]
    named: tuple[str, ...]
    """The first of them, with their places."""
    pending: dict[str, Decimal]
    left_out: int
    """How many lines that are."""

    @property
    def proven(self) -> bool:
        """Whether no payout contradicts what was paid, and nothing is unexplained."""
        return all(each.verdict != "contradicted" and not each.classes.get("unexplained") for each in self.payouts)


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
    by: str,
    reason: str,
    shows: bool,
) -> tuple[dict[str, PayoutRow], dict[str, PayoutRow]]:
    """Send a file that was examined, wait until it is judged, and answer how its payouts stood before, and stand now,
    by key. Who imports it and why goes on record.
    """
    keys = [payout_key(sales_channel, file.format.provider, payout) for payout in examined.headers]
    known = await _standing(store, keys)
    told = {"by": by, "reason": reason, **_told_of_file(file, examined)}
    run = await _sent(config, file, examined, sales_channel, bank, told, shows=shows)
    await _judged(store, run, len(examined.headers), shows=shows)
    return known, await _standing(store, keys)


async def _standing(store: Path, keys: Sequence[str]) -> dict[str, PayoutRow]:
    """How these payouts stand; those that are known."""
    async with reading(store) as read:
        return {row.key: row for key in keys for row in await payouts_named(read, key)}


def _told_of_file(file: PayoutFile, examined: Examined) -> dict[str, str]:
    """What the record says of a file: enough to know it again."""
    named = [*examined.headers][:_PAYOUTS_NAMED_MAX]
    more = len(examined.headers) - len(named)
    payouts = ", ".join(named) + (f" and {more} more" if more else "")
    return {"format": file.format.name, "sha256": file.digest, "payouts": payouts, "lines": str(examined.count)}


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


def summary_of(
    path: Path,
    file: PayoutFile,
    examined: Examined,
    sales_channel: str,
    bank: Decimal | None,
    kept: Mapping[str, PayoutRow] | None,
    known: Mapping[str, PayoutRow],
) -> ImportSummary:
    """What came of a file; `kept` is None when nothing was imported, `known` is how its payouts stood before."""
    found = []
    for id_, header in examined.headers.items():
        key, sums = payout_key(sales_channel, file.format.provider, id_), examined.sums(id_)
        proof, row = prove_payout(header, sums, bank), (kept or {}).get(key)
        found.append(
            ImportedPayout(
                id=id_,
                key=key,
                currency=header.currency,
                status=header.status.value if row is None else row.status,
                lines=sums.lines if row is None else row.lines,
                net=sums.net if row is None else row.net,
                paid=header.paid if row is None else row.paid,
                bank=bank if row is None else row.bank,
                verdict=proof.verdict if row is None else row.verdict,
                difference=proof.difference if row is None else row.difference,
                equations=tuple(each.sentence for each in proof.equations),
                classes={kind.value: amount for kind, amount in sums.classes.items()} if row is None else row.classes,
                unlinked=None if row is None else row.unlinked,
                news=None if row is None else _without_import(known.get(key)) != _without_import(row),
            )
        )
    named = tuple(f"{each.place}: {each.sentence}".removeprefix(": ") for each in examined.findings)
    return ImportSummary(
        file=path.name,
        format=file.format.name,
        digest=file.digest,
        dry_run=kept is None,
        lines=examined.count,
        payouts=tuple(found),
        findings=dict(examined.counts),
        named=named[:_FINDINGS_TOLD_MAX],
        pending=examined.pending,
        left_out=examined.left_out,
    )


def _without_import(row: PayoutRow | None) -> PayoutRow | None:
    """A payout without what every import sets anew, and without what orders that came meanwhile have changed."""
    return None if row is None else msgspec.structs.replace(row, run="", told_at=_AT_NO_TIME, unlinked=0)


def _how(summary: ImportSummary) -> str:
    """What the import has done, as the end of a sentence."""
    if summary.dry_run:
        return "read, and nothing is kept of it"
    if not summary.payouts:
        return "nothing of it is in a payout"
    known = [each for each in summary.payouts if not each.news]
    if len(known) < len(summary.payouts):
        return f"imported; {len(known)} of them were known, and have nothing new" if known else "imported"
    return "nothing new: all of it was known"


def _not_proven(payout: ImportedPayout, *, kept: bool) -> Iterator[str]:
    """Why the exit status is not 0, and the command that shows more of it once it is `kept`."""
    shows = f"; see `seamline payouts show {shlex.quote(payout.key)}" if kept else ""
    if payout.verdict == "contradicted":
        off = Money(payout.difference, payout.currency)
        yield f"its sums do not tie, by {off}{f'{shows}`' if kept else ''}"
    if unexplained := payout.classes.get("unexplained"):
        amount = Money(unexplained, payout.currency)
        yield f"{amount} of it is unexplained: no class fits{f'{shows} --lines`' if kept else ''}"


def told_of(summary: ImportSummary) -> list[str]:
    """What came of it, in lines."""
    how, several = _how(summary), "" if len(summary.payouts) == 1 else "s"
    payouts = f"{len(summary.payouts)} payout{several}"
    lines = [f"{summary.file}: {summary.format}, {_lines(summary.lines)} in {payouts}, {how}"]
    for each in summary.payouts:
        paid = "" if each.paid is None else f", reported paid {Money(each.paid, each.currency)}"
        bank = "" if each.bank is None else f", bank {Money(each.bank, each.currency)}"
        off = f" by {Money(each.difference, each.currency)}" if each.difference else ""
        lines.append(
            f"{each.id}\t{each.status.replace('_', ' ')}\t{_lines(each.lines)} "
            f"{'comes' if each.lines == 1 else 'come'} to {Money(each.net, each.currency)}{paid}{bank}"
            f"\t{each.verdict}{off}"
        )
        lines += [f"{each.id}\t{why}" for why in _not_proven(each, kept=not summary.dry_run)]
        if each.unlinked:
            are = "is" if each.unlinked == 1 else "are"
            lines.append(f"{each.id}\t{each.unlinked} of its lines {are} of no order that is known here")
    for currency, amount in summary.pending.items():
        are, them, they = ("is", "it", "it is") if summary.left_out == 1 else ("are", "them", "they are")
        what = f"{_lines(summary.left_out)}, {Money(amount, currency)}"
        lines.append(f"left out\t{what}, {are} in no payout yet; import {them} again when {they}")
    more = sum(summary.findings.values()) - len(summary.named)
    lines += [f"found\t{each}" for each in summary.named]
    return [*lines, f"found\tand {more} more"] if more > 0 else lines


def _lines(count: int) -> str:
    return f"{count} line{'' if count == 1 else 's'}"


def _progress(shows: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[lines]}"))
    return Progress(*columns, console=Console(stderr=True), disable=not shows, transient=True)
