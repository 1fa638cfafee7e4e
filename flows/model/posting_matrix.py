"""Who posts what into the ledger: for each event one poster, its accounts, and the day it is dated (rule 18). Pure.

Fulfil posts sales, taxes, receivables, receipts and the cost of goods itself. Seamline posts only what Fulfil does not,
by the rows of the configuration. An event that Fulfil posts can have no row, and an event has one row for each gateway:
with two posters, or two rows, it would be booked twice. An event without a row is posted by nobody, and is shown so.

Fields of a payment and notes on a sale are no postings.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from runtime.rule import RuleBroken


class LedgerEvent(enum.StrEnum):
    """What happens, as the ledger sees it. Lines of payouts have the names of their classes (rule 22)."""

    SALE = "sale"
    """Revenue and receivable."""
    TAX = "tax"
    RECEIPT = "receipt"
    """Captured money, from the receivable to the gateway's clearing account."""
    REFUND = "refund"
    COST_OF_GOODS = "cost_of_goods"
    FEE = "fee"
    TAX_ON_FEE = "tax_on_fee"
    PAYOUT = "payout"
    """From the gateway's clearing account to the bank."""
    PAYOUT_RETURNED = "payout_returned"
    TRANSFER = "transfer"
    TOP_UP = "top_up"
    DISPUTE = "dispute"
    """A receivable from the gateway until it is decided (rule 21)."""
    DISPUTE_FEE = "dispute_fee"
    DISPUTE_REVERSAL = "dispute_reversal"
    RESERVE = "reserve"
    """An asset (rule 21)."""
    RESERVE_RELEASE = "reserve_release"
    ADJUSTMENT = "adjustment"
    ADVANCE = "advance"
    WITHHELD_TAX = "withheld_tax"
    EXCHANGE_DIFFERENCE = "exchange_difference"


Poster = Literal["fulfil", "seamline", "nobody"]
DateRule = Literal["event", "payout"]
"""The day of finance's company on which the event happened, or on which its payout was reported paid."""

OF_FULFIL: Final = (
    LedgerEvent.SALE,
    LedgerEvent.TAX,
    LedgerEvent.RECEIPT,
    LedgerEvent.REFUND,
    LedgerEvent.COST_OF_GOODS,
)
"""What Fulfil posts itself, unless the configuration of the tenant says otherwise."""


class PostingRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What Seamline posts for one event. A negative amount turns both sides round."""

    event: LedgerEvent
    """fee, tax_on_fee, payout, payout_returned, transfer, top_up, dispute, dispute_fee, dispute_reversal, reserve,
    reserve_release, adjustment, advance, withheld_tax or exchange_difference."""
    debit: Annotated[str, Meta(min_length=1)]
    """The code of the account in Fulfil that is debited."""
    credit: Annotated[str, Meta(min_length=1)]
    """The code of the account that is credited."""
    gateway: str = ""
    """Only for this gateway of Fulfil's, by its code. Empty: for all that have no row of their own."""
    journal: Annotated[str, Meta(min_length=1)] = "MISC"
    """The code of the journal."""
    dated: DateRule = "payout"
    """The day of the posting: event (when it happened) or payout (when its payout was reported paid). In a closed
    period it is the first open day, with a reference to the original one."""


class PostingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The posting matrix: what Seamline posts, and what Fulfil does."""

    of_fulfil: tuple[LedgerEvent, ...] = OF_FULFIL
    """The events that this tenant posts itself: sale, tax, receipt, refund and cost_of_goods."""
    rows: tuple[PostingRow, ...] = ()
    """What Seamline posts. An event that is neither here nor Fulfil's is posted by nobody."""

    def __post_init__(self) -> None:
        """Refuse two posters of one event, two rows of one, and rows that move nothing."""
        found: dict[tuple[str, ...], str] = {}
        seen: set[tuple[LedgerEvent, str]] = set()
        for place, row in enumerate(self.rows):
            path = ("rows", str(place))
            of = f"{row.event.value} of {row.gateway}" if row.gateway else row.event.value
            if row.event in self.of_fulfil:
                found[path] = f"Fulfil posts {row.event.value} itself; with two posters it would be booked twice"
            elif (row.event, row.gateway) in seen:
                found[path] = f"there is a row for {of} already; with two it would be booked twice"
            elif row.debit == row.credit:
                found[path] = f"{of} is debited and credited to one account, {row.debit}: it would move nothing"
            seen.add((row.event, row.gateway))
        if found:
            raise RuleBroken(found)


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the matrix, for people. `accounts` and `dated` are empty where Seamline posts nothing."""

    event: LedgerEvent
    gateway: str
    """Empty: all, or all others."""
    poster: Poster
    debit: str = ""
    credit: str = ""
    journal: str = ""
    dated: str = ""


def matrix(settings: PostingSettings) -> tuple[Posted, ...]:
    """Every event there is, each with its one poster; those of single gateways before the others of their event."""
    return tuple(line for event in LedgerEvent for line in _of(event, settings))


def row_for(settings: PostingSettings, event: LedgerEvent, gateway: str) -> PostingRow | None:
    """The row by which an event of a gateway is posted: its own, else the general one. None: not by Seamline."""
    rows = {row.gateway: row for row in settings.rows if row.event is event}
    return rows.get(gateway) or rows.get("")


def _of(event: LedgerEvent, settings: PostingSettings) -> Iterator[Posted]:
    if event in settings.of_fulfil:
        yield Posted(event=event, gateway="", poster="fulfil")
        return
    rows: Sequence[PostingRow] = [row for row in settings.rows if row.event is event]
    for row in sorted(rows, key=lambda each: (not each.gateway, each.gateway)):
        yield Posted(
            event=event, gateway=row.gateway, poster="seamline", debit=row.debit, credit=row.credit,
            journal=row.journal, dated=row.dated,
        )  # fmt: skip
    if not any(not row.gateway for row in rows):
        yield Posted(event=event, gateway="", poster="nobody")
