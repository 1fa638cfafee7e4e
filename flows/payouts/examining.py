"""What a file says as a whole: its payouts with their sums, and what in it cannot be taken as it stands. Pure.

Lines pass through one by one. One that stands there again under its own id is let through once, and named; one that
says something else the second time is named, and the first counts; one that is in no payout yet is counted, and kept
out. Whatever else readers find is gathered by payout.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import chain

import msgspec

from flows.model.money import EXACT, ZERO
from flows.model.payout import (
    Finding,
    FindingKind,
    LineClass,
    PayoutHeader,
    PayoutLine,
    PayoutStatus,
    PayoutSums,
    Tally,
)
from flows.payouts.parts import Part, PayoutUnreadable, batches

FINDINGS_KEPT_MAX = 1_000
"""Findings that are kept in words; all are counted."""
FINDINGS_OF_PAYOUT_MAX = 80
"""Those of one payout that are; what the others of it come to is kept by kind."""
_RANK = {
    PayoutStatus.UNKNOWN: 0,
    PayoutStatus.PENDING: 1,
    PayoutStatus.IN_TRANSIT: 2,
    PayoutStatus.PAID: 3,
    PayoutStatus.FAILED: 4,
    PayoutStatus.CANCELLED: 5,
}
"""A payout goes this way and never back: an older file says nothing new of one that a newer file has told."""


class Examined:
    """What was seen of a file so far; complete when the lines have run out."""

    def __init__(self) -> None:
        self.headers: dict[str, PayoutHeader] = {}
        self.findings: list[Finding] = []
        self.counts: Counter[str] = Counter()
        """Findings by kind, all of them."""
        self.pending: dict[str, Decimal] = {}
        """By currency, what is in no payout yet."""
        self.left_out = 0
        """How many lines that are."""
        self._of: dict[str, list[Finding]] = {}
        self._rest: dict[str, dict[FindingKind, _Rest]] = {}
        """By payout and kind, the findings that are not kept in words."""
        self._tallies: dict[str, Tally] = {}
        self._seen: dict[str, tuple[str, Decimal, Decimal, LineClass]] = {}

    def lines(self, parts: Iterable[Part]) -> Iterator[PayoutLine]:
        """The lines that count, in the order of the file. Raises PayoutUnreadable as the reader does."""
        return chain.from_iterable(map(self._named, batches(parts)))

    def _named(self, parts: Sequence[Part]) -> list[PayoutLine]:
        """Those of these parts that are lines that count, each with an id."""
        lines = self._counted(parts)
        if "" in self._seen:
            place = next(part.place for part in parts if isinstance(part, PayoutLine) and not part.id)
            raise PayoutUnreadable(place, "the line has no id, and without one nobody knows it again")
        return lines

    def _counted(self, parts: Iterable[Part]) -> list[PayoutLine]:
        """Those of these parts that are lines that count, once they are counted."""
        seen, lines = self._seen, list[PayoutLine]()
        payouts: dict[str, list[PayoutLine]] = {}
        for part in parts:
            if type(part) is PayoutLine:
                payout = part.payout
                mark = (payout, part.amount, part.net, part.kind)
                known = seen.setdefault(part.id, mark)
                if known is not mark:
                    self._repeated(part, same=known == mark)
                    continue
                if not payout:
                    self._pending(part)
                    continue
                same = payouts.get(payout)
                if same is None:
                    self._begin(part)
                    payouts[payout] = [part]
                elif part.currency != same[0].currency:
                    raise PayoutUnreadable(part.place, self._mixed(part))
                else:
                    same.append(part)
                lines.append(part)
            elif isinstance(part, PayoutHeader):
                self._header(part)
            elif isinstance(part, Finding):
                self._found(part)
        for payout, same in payouts.items():
            self._tallies[payout].add(same)
        return lines

    @property
    def count(self) -> int:
        """How many lines count."""
        return sum(tally.lines for tally in self._tallies.values())

    def lines_of(self, payout: str) -> int:
        """How many of them are in this payout."""
        return self._tallies[payout].lines if payout in self._tallies else 0

    def sums(self, payout: str) -> PayoutSums:
        """The sums of one payout's lines."""
        tally = self._tallies.get(payout)
        return PayoutSums() if tally is None else tally.sums()

    def found_of(self, payout: str) -> tuple[Finding, ...]:
        """What was found of one payout, how much more of it than that, and what is about the file as a whole."""
        more = [rest.said(payout, kind) for kind, rest in self._rest.get(payout, {}).items()]
        of_file = [each for each in self._of.get("", ()) if each.kind == "incomplete"]
        return (*more, *self._of.get(payout, ()), *of_file)

    def _begin(self, line: PayoutLine) -> None:
        header = self.headers.get(line.payout)
        if header is None:
            self.headers[line.payout] = PayoutHeader(id=line.payout, currency=line.currency, place=line.place)
        elif header.currency != line.currency:
            raise PayoutUnreadable(line.place, self._mixed(line))
        self._tallies.setdefault(line.payout, Tally())

    def _mixed(self, line: PayoutLine) -> str:
        currency = self.headers[line.payout].currency
        return f"the line is in {line.currency}, and its payout {line.payout} in {currency}: they cannot be added up"

    def _header(self, header: PayoutHeader) -> None:
        if not header.id:
            self._nameless(header)
            return
        if header.odd_status:
            self._odd_status(header)
            header = msgspec.structs.replace(header, odd_status="")
        known = self.headers.get(header.id)
        if known is None:
            self.headers[header.id] = header
            return
        if known.currency != header.currency:
            said = f"payout {header.id} is in {known.currency} here, and in {header.currency} there"
            raise PayoutUnreadable(header.place, said)
        self.headers[header.id] = merged(known, header)
        if known.paid is not None and header.paid is not None and known.paid != header.paid:
            said = f"payout {header.id} is {known.paid} in one place, and {header.paid} in another; the first counts"
            self._found(
                Finding(
                    kind="contradiction", sentence=said, place=header.place, payout=header.id,
                    amount=EXACT.subtract(header.paid, known.paid), currency=known.currency,
                )
            )  # fmt: skip

    def _nameless(self, header: PayoutHeader) -> None:
        if header.status is not PayoutStatus.PENDING:
            raise PayoutUnreadable(header.place, "the payout has no id, and without one nobody knows it again")
        said = "a payout that is still to be made has no id yet"
        self._found(
            Finding(kind="pending", sentence=said, place=header.place, amount=header.paid, currency=header.currency)
        )

    def _odd_status(self, header: PayoutHeader) -> None:
        said = (
            f"payout {header.id} has the status {header.odd_status[:40]!r}, which is not known: it counts as not said"
        )
        self._found(Finding(kind="note", sentence=said, place=header.place, payout=header.id))

    def _repeated(self, line: PayoutLine, *, same: bool) -> None:
        first, *_ = self._seen[line.id]
        where = f" of payout {first}" if first != line.payout else ""
        again = f"line {line.id} stands there again; it is counted once"
        otherwise = f"line {line.id} stands there before with other figures{where}; the first counts"
        self._found(
            Finding(
                kind="repeated" if same else "contradiction", sentence=again if same else otherwise, place=line.place,
                payout=line.payout, line=line.id, amount=line.net, currency=line.currency,
            )
        )  # fmt: skip

    def _pending(self, line: PayoutLine) -> None:
        self.left_out += 1
        self.pending[line.currency] = EXACT.add(self.pending.get(line.currency, ZERO), line.net)

    def _found(self, finding: Finding) -> None:
        self.counts[finding.kind] += 1
        room = len(self.findings) < FINDINGS_KEPT_MAX
        if room:
            self.findings.append(finding)
        of_payout = self._of.setdefault(finding.payout, [])
        if room and len(of_payout) < FINDINGS_OF_PAYOUT_MAX:
            of_payout.append(finding)
        else:
            self._rest.setdefault(finding.payout, {}).setdefault(finding.kind, _Rest()).add(finding)


class _Rest:
    """Findings of one kind of which only the sum is kept."""

    def __init__(self) -> None:
        self.count, self.amount, self.currency = 0, ZERO, ""

    def add(self, finding: Finding) -> None:
        """One more of them."""
        self.count += 1
        if finding.amount is not None:
            self.amount, self.currency = EXACT.add(self.amount, finding.amount), finding.currency

    def said(self, payout: str, kind: FindingKind) -> Finding:
        """All of them as one."""
        come_to = f", which come to {self.amount} {self.currency}" if self.currency else ""
        return Finding(
            kind=kind, sentence=f"{self.count} more than are listed{come_to}", payout=payout,
            amount=self.amount if self.currency else None, currency=self.currency,
        )  # fmt: skip


def merged(known: PayoutHeader, told: PayoutHeader) -> PayoutHeader:
    """What two headers of one payout say together: the first where both say something, but the status that is further,
    and the later of two days on which it is expected.
    """
    further = told.status if _RANK[told.status] > _RANK[known.status] else known.status
    return msgspec.structs.replace(
        known,
        status=further,
        paid=told.paid if known.paid is None else known.paid,
        paid_on=known.paid_on or told.paid_on,
        expected_on=max(filter(None, (known.expected_on, told.expected_on)), default=None),
        totals={**told.totals, **known.totals},
        sums_stand_in=known.sums_stand_in or told.sums_stand_in,
        opening=told.opening if known.opening is None else known.opening,
        closing=told.closing if known.closing is None else known.closing,
    )
