"""What the ledger remembers of a sales channel's postings, what it tells itself, and what it goes by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import msgspec

from flows.exceptions.kinds import ExceptionCase
from flows.ledger.parts import Batch, Posting, Waiting
from flows.model.cases import case_in
from flows.model.money import ZERO, exactly
from flows.model.periods import LedgerPeriod
from flows.model.posting_matrix import PostingSettings
from runtime.decision import Message

_CASES: Final = {"account": "posting.unmapped", "period": "posting.closed", "rounding": "posting.rounding"}


class Plan(Message, frozen=True):
    """To itself: the chart is read; put what is due into batches."""


class Planned(Message, frozen=True, kw_only=True):
    """What is due, as the rows say, and what was posted as rounding by day. `kept_back`: drafts with something in them
    that is to wait by now, and why.
    """

    postings: tuple[Posting, ...]
    rounded: dict[date, Decimal]
    kept_back: dict[str, str]


class LookAgain(Message, frozen=True, kw_only=True):
    """To itself: the matrix is another one; have each payout looked at again, those behind this one."""

    after: str = ""


class PayoutsFound(Message, frozen=True, kw_only=True):
    """The keys of the next payouts."""

    keys: tuple[str, ...]


class LedgerState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The postings of one sales channel, and the run under way."""

    running: bool = False
    again: bool = False
    """Somebody has asked during the run."""
    planned: bool = False
    matrix: str = ""
    """The digest of the settings with which payouts were looked at last."""
    periods: tuple[LedgerPeriod, ...] = ()
    accounts: dict[str, int] = {}
    journals: dict[str, int] = {}
    queue: tuple[Batch, ...] = ()
    doing: Batch | None = None
    resends: int = 0
    stuck: tuple[Batch, ...] = ()
    """Drafts that Fulfil would not post."""
    number: int = 0
    """Batches that were made, ever."""
    posted: int = 0
    calls: int = 0
    behind: bool = False
    """The run has posted something in a month that is over."""
    more: bool = False
    """More was due than one run takes."""
    allowed: tuple[str, ...] = ()
    """Roundings that a person has let pass."""
    held: tuple[str, ...] = ()
    """Roundings that wait for that."""
    cases: tuple[ExceptionCase, ...] = ()
    found: tuple[ExceptionCase, ...] = ()
    """Cases of the run under way; at its end they are `cases`."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger goes by. `unable`: why this tenant's ledger cannot be posted to; `matrix`: see the state."""

    settings: PostingSettings
    unable: str = ""
    matrix: str = ""
    tells_months: bool = False
    """Whether the reader of months hears of what is posted in months that are over."""

    @property
    def writes(self) -> bool:
        """Whether anything is posted."""
        return self.settings.mode == "live"

    @property
    def reads_back(self) -> bool:
        """Whether what was posted is read back."""
        return self.writes and not self.unable


# -- cases -------------------------------------------------------------------------------------------------------------


@exactly
def cases_of(state: LedgerState, waiting: Sequence[Waiting], now: datetime) -> list[ExceptionCase]:
    """One for each remedy, with all that it would let pass."""
    grouped: dict[tuple[str, str, str], list[Waiting]] = {}
    for each in waiting:
        grouped.setdefault((_CASES[each.obstacle], each.cause, each.posting.currency), []).append(each)
    found = []
    for (kind, cause, currency), members in sorted(grouped.items()):
        amount = sum((abs(each.posting.amount) for each in members), ZERO)
        more = f", and {len(members) - 1} more postings like that" if len(members) > 1 else ""
        found.append(case_of(state, kind, cause, f"{members[0].sentence}{more}", now, amount, currency))
    return found


def case_of(
    state: LedgerState,
    kind: str,
    cause: str,
    sentence: str,
    now: datetime,
    amount: Decimal | None = None,
    currency: str | None = None,
) -> ExceptionCase:
    """A case of the run; one that was open before keeps the instant at which it began."""
    return case_in(state.cases, kind, cause, sentence.rstrip("."), now, amount=amount, currency=currency)
