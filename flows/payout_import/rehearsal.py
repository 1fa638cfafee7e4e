"""What an import would do: the importer's own decisions over what the store has, of which nothing is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from flows.exceptions.kinds import ExceptionCase
from flows.model.payout import OF_ORDERS, PayoutLine
from flows.model.payout_links import Named, orders_of
from flows.payout_import.file import PayoutFile, pages_of
from flows.payout_import.outcome import Outcome, standing
from flows.payout_importer import payout_key
from flows.payout_importer.decision import decide
from flows.payout_importer.judging import cases_of
from flows.payout_importer.looking import orders_known, page_met
from flows.payouts.examining import Examined
from flows.reading import Reading

NAMED_MAX = 5
_AT_NO_TIME = datetime.min.replace(tzinfo=UTC)
"""Nothing is late then."""


class Rehearsed(Outcome, kw_only=True):
    """One payout as it stands, and as it would after the import."""

    lost: list[PayoutLine] = msgspec.field(default_factory=list)
    """Its new lines that lead to no order, or to several, by themselves."""
    payments: set[str] = msgspec.field(default_factory=set)
    """Payments of its new lines that lead to one."""

    @property
    def _unlinked(self) -> list[PayoutLine]:
        return [line for line in self.lost if not self.payments.intersection(line.transactions)]

    @property
    def unlinked(self) -> int:
        """How many of its new lines are of no order that is known."""
        return len(self._unlinked)

    @property
    def named(self) -> tuple[str, ...]:
        """The first of these."""
        return tuple(map(_name_of, self._unlinked[:NAMED_MAX]))

    @property
    def cases(self) -> tuple[ExceptionCase, ...]:
        """What there would be, but for what only time brings."""
        return cases_of(self.after, _AT_NO_TIME)


async def rehearsed(
    read: Reading, file: PayoutFile, examined: Examined, sales_channel: str, bank: Decimal | None
) -> dict[str, Rehearsed]:
    """The payouts of a file that was examined, by key."""
    found: dict[str, Rehearsed] = {}
    for page in pages_of(file, examined, sales_channel=sales_channel, run="", bank=bank):
        key = payout_key(sales_channel, file.format.provider, page.header.id)
        if key not in found:
            state = await standing(read, key)
            found[key] = Rehearsed(told=page.header, before=state, after=state)
        each = found[key]
        met = await page_met(read.query_list, key, page)
        each.after = decide(each.after, met, _AT_NO_TIME).state
        new = [line for line in met.page.lines if line.id not in met.known and line.kind in OF_ORDERS]
        named = [Named(line.order, line.reference, tuple(filter(None, line.transactions))) for line in new]
        known = await orders_known(read.query_list, sales_channel, named)
        for line, says in zip(new, named, strict=True):
            if len(orders_of(sales_channel, says, known)) != 1:
                each.lost.append(line)
            elif line.payment:
                each.payments.add(line.payment)
    return found


def _name_of(line: PayoutLine) -> str:
    said = line.reference or line.order or line.payment
    return f"{line.id} ({said})" if said else line.id
