"""How the payouts of a file meet what the store has: which are known, and what speaks against importing them as asked.

What may be wrong is refused rather than kept as a second payout: one that is known of another sales channel, or under
another id, and an amount in the bank that is another one than somebody has said before.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from flows.model.money import Money
from flows.model.payout import PayoutHeader, PayoutSums
from flows.payout_import.outcome import standing
from flows.payout_importer.messages import PayoutLike, PayoutState
from flows.payout_importer.twice import day_of, money_of, twins_of
from flows.payouts.examining import Examined
from flows.reading import Reading
from flows.reading.payouts import PayoutRow, payouts_of_ids

_TWINS_MAX = 100
_ON_PURPOSE = "say --yes with a --reason"


class Meeting(msgspec.Struct, frozen=True, kw_only=True):
    """The payouts of a file that are known of its sales channel, by key, each as it is listed and in full, and what
    speaks against importing it.
    """

    known: Mapping[str, PayoutRow] = {}
    states: Mapping[str, PayoutState] = {}
    against: tuple[str, ...] = ()

    def state(self, key: str) -> PayoutState:
        """A payout as it is known before the import."""
        return self.states.get(key) or PayoutState(key=key)


async def met(
    read: Reading, provider: str, examined: Examined, sales_channel: str, bank: Decimal | None = None
) -> Meeting:
    """Look at what the store has."""
    found: dict[str, list[PayoutRow]] = {}
    for row in await payouts_of_ids(read, provider, [*examined.headers]):
        found.setdefault(row.payout, []).append(row)
    known, against = dict[str, PayoutRow](), list[str]()
    for id_, header in examined.headers.items():
        sums, rows = examined.sums(id_), found.get(id_, [])
        own = next((row for row in rows if row.sales_channel == sales_channel), None)
        if own is not None:
            known[own.key] = own
            against += against_bank(own, bank)
            continue
        against += known_elsewhere(header, sums, rows)
        same_day = await _same_day(read, header, sales_channel, provider)
        against += known_otherwise(header, twins_of(header, sums, same_day))
    states = {key: await standing(read, key) for key in known}
    return Meeting(known=known, states=states, against=tuple(against))


async def _same_day(read: Reading, header: PayoutHeader, sales_channel: str, provider: str) -> list[PayoutLike]:
    if not (day := day_of(header)):
        return []
    rows = await read.query("payouts_of_day", sales_channel, provider, header.currency, day, _TWINS_MAX)
    return [PayoutLike(key, id_, Decimal(amount)) for key, id_, amount in rows]


def against_bank(known: PayoutRow, bank: Decimal | None) -> Iterator[str]:
    """Whether somebody has said another amount of the bank before."""
    if bank is not None and known.bank is not None and known.bank != bank:
        was, now = Money(known.bank, known.currency), Money(bank, known.currency)
        yield (
            f"the bank's amount of payout {known.payout} was said to be {was}, and --bank-amount says {now}: "
            f"to have that instead, {_ON_PURPOSE}"
        )


def known_elsewhere(header: PayoutHeader, sums: PayoutSums, rows: Sequence[PayoutRow]) -> Iterator[str]:
    """Whether it is known of another sales channel. An id that readers make of day and currency may be that of a payout
    of two; then its amount tells.
    """
    for row in rows:
        is_made = header.is_statement or row.payout == f"{header.paid_on}-{header.currency}"
        same = money_of(header, sums) == (row.net if row.paid is None else row.paid)
        if row.currency == header.currency and (same or not is_made):
            other, key = row.sales_channel, shlex.quote(row.key)
            yield (
                f"payout {row.payout} of {row.provider} is known of the sales channel {other} already. "
                f"Import it with --sales-channel {other}; if {other} was wrong, take it back first "
                f"(`seamline payouts drop {key}`); if another payout has the same id, {_ON_PURPOSE}"
            )


def known_otherwise(header: PayoutHeader, twins: Sequence[PayoutLike]) -> Iterator[str]:
    """Whether it is likely known under another id, from a file of another kind."""
    for twin in twins:
        yield (
            f"payout {header.id} comes to {Money(twin.amount, header.currency)} on {day_of(header)}, as does "
            f"{twin.payout}, which is known: a file of another kind has likely told it. Import one kind only (the "
            f"exports, or what the API answers); to have this one, take the other back first (`seamline payouts drop "
            f"{shlex.quote(twin.key)}`); if both were paid, {_ON_PURPOSE}"
        )
