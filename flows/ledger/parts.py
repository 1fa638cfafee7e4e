"""What the two actors of postings keep and tell: a posting, a batch of them, and the lines of its move."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

import msgspec

from flows.model.posting_matrix import LedgerEvent


class Posting(msgspec.Struct, frozen=True, kw_only=True):
    """What is due of one event of a payout on one day. `amount` is in whole units, signed as the matrix says."""

    payout: str
    """The key of the payout; with `number` it names the posting."""
    number: int
    sales_channel: str
    gateway: str
    payout_id: str
    """The provider's."""
    event: LedgerEvent
    currency: str
    amount: Decimal
    day: date
    """On which it happened, in the company's time zone."""
    correction: bool
    """Something of this event of the payout was due before."""
    exchanged: str = ""
    """The payout's own rate and its date, where it is in another currency: `1 EUR = 1.08 USD of 2026-11-20`."""

    @property
    def name(self) -> str:
        """What it is called."""
        return f"{self.payout}#{self.number}"


class BatchLine(msgspec.Struct, frozen=True, kw_only=True):
    """One side of one event: `debit` or `credit` is above zero, the other is zero."""

    account: str
    debit: Decimal
    credit: Decimal
    description: str


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What is posted with one move. `reference` is its key in Fulfil, and has the digest of its content."""

    reference: str
    sales_channel: str
    currency: str
    booked_on: date
    journal: str
    lines: tuple[BatchLine, ...]
    total: Decimal
    """The sum of one side."""
    digest: str
    postings: tuple[str, ...]
    """Names of what is in it."""
    move: int | None = None
    """Fulfil's id of the draft, once it is made."""


Obstacle = Literal["account", "period", "rounding"]


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A posting that cannot be put into a batch, and why. `cause`: what one remedy ends."""

    posting: Posting
    obstacle: Obstacle
    cause: str
    sentence: str
