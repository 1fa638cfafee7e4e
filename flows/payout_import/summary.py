"""What came of a file of payouts, or would come of it, and how that is told."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from flows.model.money import Money
from flows.model.payout import Finding, PayoutHeader, PayoutSums
from flows.model.payout_proof import prove_payout
from flows.model.returned import FAILED
from flows.model.several import are, several
from flows.payout_import.file import PayoutFile
from flows.payout_import.outcome import Kept, Outcome
from flows.payout_import.rehearsal import Rehearsed
from flows.payout_importer import payout_key
from flows.payouts.examining import Examined

_FINDINGS_TOLD_MAX = 20


class ImportedPayout(msgspec.Struct, frozen=True, kw_only=True):
    """One payout of a file. What only a store can tell is None where there is none: `unlinked`, `news`, `was_known`,
    `new_lines`.
    """

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
    unexplained: Decimal
    """Without signs: none of it makes up for another."""
    unlinked: int | None = None
    news: bool | None = None
    """Whether the import changes how it stands; False for what an earlier file had told."""
    was_known: bool | None = None
    new_lines: int | None = None
    """How many of its lines were not known before."""
    bank_was: Decimal | None = None
    """The amount in the bank that somebody had said before, where it is another one now."""
    opens: tuple[str, ...] = ()
    """The cases that the import opens, or of a dry run would open."""
    stands: tuple[str, ...] = ()
    """What contradicts it and did so before, and what the file says against how it ended."""
    contradicts: bool = False
    """Whether a person has to look before what the file says, or what is known, can be relied upon."""
    named: tuple[str, ...] = ()
    """Of a dry run: the first of its new lines that are of no order that is known."""


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
        """Whether no payout contradicts what was paid or what is known, none is a part, and nothing is unexplained."""
        return not any(each.verdict == "contradicted" or each.contradicts or each.unexplained for each in self.payouts)


def summary_of(
    path: Path,
    file: PayoutFile,
    examined: Examined,
    sales_channel: str,
    bank: Decimal | None,
    *,
    kept: Mapping[str, Kept] | None = None,
    rehearsal: Mapping[str, Rehearsed] | None = None,
) -> ImportSummary:
    """What came of a file. `kept`: what the import made of its payouts, None when nothing was imported. `rehearsal`:
    what an import would do, where that was tried.
    """
    found = []
    for id_, header in examined.headers.items():
        key = payout_key(sales_channel, file.format.provider, id_)
        if kept is not None and key in kept:
            found.append(_as_kept(kept[key], examined.sums(id_), bank))
        elif rehearsal is not None:
            found.append(_as_rehearsed(rehearsal[key]))
        else:
            read = _as_read(key, header, examined.sums(id_), bank)
            found.append(msgspec.structs.replace(read, contradicts=_speaks_against(read, examined.found_of(id_))))
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


def _as_read(key: str, header: PayoutHeader, sums: PayoutSums, bank: Decimal | None, **more: Any) -> ImportedPayout:
    """A payout by these figures alone."""
    proof = prove_payout(header, sums, bank)
    return ImportedPayout(
        id=header.id,
        key=key,
        currency=header.currency,
        status=header.status.value,
        lines=sums.lines,
        net=sums.net,
        paid=header.paid,
        bank=bank,
        verdict=proof.verdict,
        difference=proof.difference,
        equations=tuple(each.sentence for each in proof.equations),
        classes={kind.value: amount for kind, amount in sums.classes.items()},
        unexplained=sums.unexplained,
        **more,
    )


def _speaks_against(read: ImportedPayout, findings: Iterable[Finding]) -> bool:
    """Whether there would be a case by what was found in the file alone."""
    kinds = {each.kind for each in findings}
    is_part = "incomplete" in kinds and read.verdict != "proven"
    return "contradiction" in kinds or is_part or read.status in FAILED


def _as_rehearsed(each: Rehearsed) -> ImportedPayout:
    """As it would stand."""
    after = each.after
    assert after.header is not None  # noqa: S101 - a page was met
    return _as_read(
        after.key, after.header, after.sums, after.bank,
        unlinked=each.unlinked, named=each.named, **_outcome(each),
    )  # fmt: skip


def _outcome(each: Outcome) -> dict[str, Any]:
    was = each.before.bank
    return {
        "news": each.news,
        "was_known": each.is_known,
        "new_lines": each.new_lines,
        "bank_was": was if was != each.after.bank else None,
        "opens": each.opens,
        "stands": each.stands,
        "contradicts": each.contradicts,
    }


def _as_kept(each: Kept, sums: PayoutSums, bank: Decimal | None) -> ImportedPayout:
    """As it stands."""
    row = each.row
    return msgspec.structs.replace(
        _as_read(row.key, each.told, sums, bank),
        status=row.status,
        lines=row.lines,
        net=row.net,
        paid=row.paid,
        bank=row.bank,
        verdict=row.verdict,
        difference=row.difference,
        classes=row.classes,
        unexplained=row.unexplained,
        unlinked=row.unlinked,
        **_outcome(each),
    )


def _how(summary: ImportSummary) -> str:
    """What the import has done, as the end of a sentence."""
    done = "read, and nothing is kept of it" if summary.dry_run else "imported"
    told = [each for each in summary.payouts if each.news is not None]
    if not summary.payouts and not summary.left_out:
        return "there is nothing in it"
    if not summary.payouts:
        return done if summary.dry_run else "nothing of it is in a payout"
    if len(told) < len(summary.payouts):
        return done
    if not any(each.news for each in told):
        if any(each.contradicts for each in told):
            return f"{done}; nothing of it is new, and what stands against it waits for a person"
        return f"{done}; all of it is known" if summary.dry_run else "nothing new: all of it was known"
    return done if _is_all_new(summary) else f"{done}; {_news(summary)}"


def _is_all_new(summary: ImportSummary) -> bool:
    new = sum(each.new_lines or 0 for each in summary.payouts)
    return not summary.dry_run and new == summary.lines and not any(each.was_known for each in summary.payouts)


def _news(summary: ImportSummary) -> str:
    """How much of it is new: lines and payouts, each counted."""
    lines = sum(each.new_lines or 0 for each in summary.payouts)
    payouts = sum(not each.was_known for each in summary.payouts)
    otherwise = sum(bool(each.was_known and each.news) for each in summary.payouts)
    are, were = ("would be", "would be told") if summary.dry_run else ("are", "are told")
    said = f"{lines or 'none'} of the lines and {payouts or 'none'} of the payouts {are} new"
    return f"{said}, {otherwise} of the payouts that were known {were} further" if otherwise else said


def _not_proven(payout: ImportedPayout, *, kept: bool) -> Iterator[str]:
    """Why the exit status is not 0, and the command that shows more of it once it is `kept`."""
    shows = f"; see `seamline payouts show {shlex.quote(payout.key)}" if kept else ""
    if payout.news is None and payout.status in FAILED:
        yield f"it is {payout.status}; its money was never received"
    if payout.verdict == "contradicted":
        off = Money(payout.difference, payout.currency)
        yield f"its sums do not tie, by {off}{f'{shows}`' if kept else ''}"
    if payout.unexplained:
        amount = Money(payout.unexplained, payout.currency)
        yield f"{amount} of it is unexplained: no class fits{f'{shows} --lines`' if kept else ''}"


def told_of(summary: ImportSummary) -> list[str]:
    """What came of it, in lines."""
    lines_, payouts = several(summary.lines, "line"), several(len(summary.payouts), "payout")
    lines = [f"{summary.file}: {summary.format}, {lines_} in {payouts}, {_how(summary)}"]
    for each in summary.payouts:
        lines += _told_of_payout(each, kept=not summary.dry_run)
    for currency, amount in summary.pending.items():
        them, they = ("it", "it is") if summary.left_out == 1 else ("them", "they are")
        what = f"{several(summary.left_out, 'line')}, {Money(amount, currency)}"
        lines.append(f"left out\t{what}, {are(summary.left_out)} in no payout yet; import {them} again when {they}")
    more = sum(summary.findings.values()) - len(summary.named)
    lines += [f"found\t{each}" for each in summary.named]
    return [*lines, f"found\tand {more} more"] if more > 0 else lines


def _told_of_payout(each: ImportedPayout, *, kept: bool) -> Iterator[str]:
    paid = "" if each.paid is None else f", reported paid {Money(each.paid, each.currency)}"
    bank = "" if each.bank is None else f", bank {Money(each.bank, each.currency)}"
    was = "" if each.bank_was is None else f" (was {each.bank_was})"
    off = f" by {Money(each.difference, each.currency)}" if each.difference else ""
    yield (
        f"{each.id}\t{each.status.replace('_', ' ')}\t{several(each.lines, 'line')} "
        f"{'comes' if each.lines == 1 else 'come'} to {Money(each.net, each.currency)}{paid}{bank}{was}"
        f"\t{each.verdict}{off}"
    )
    yield from (f"{each.id}\t{why}" for why in _not_proven(each, kept=kept))
    if each.unlinked:
        more = each.unlinked - len(each.named)
        named = f": {', '.join(each.named)}{f' and {more} more' if more else ''}" if each.named else ""
        what = "of its lines" if kept else "of its new lines"
        yield f"{each.id}\t{each.unlinked:,} {what} {are(each.unlinked)} of no order that is known here{named}"
    if kept:
        yield from (f"{each.id}\tis a case now\t{case}{_what_now(case, each)}" for case in each.opens)
    else:
        yield from (f"{each.id}\twould be a case\t{case}" for case in each.opens)
    yield from (f"{each.id}\tstands against it\t{said}{_what_now(said, each)}" for said in each.stands)


def _what_now(case: str, payout: ImportedPayout) -> str:
    """What to do about a case that an import opens, where its sentence does not say so: the end of it."""
    key = shlex.quote(payout.key)
    match case.partition(":")[0]:
        case "payout.changed":
            return (
                f"; ask the provider which is right: to take the later figures, `seamline holds release {key} --reason "
                "...`; to keep the first ones, import the right file again; to have neither, `seamline payouts drop "
                f"{key} --reason ...`"
            )
        case "payout.incomplete":
            return "; import the rest of it"
        case _:
            return ""
