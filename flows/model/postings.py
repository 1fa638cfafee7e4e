"""What the actors of postings are called and told, and what people see of their rows."""

from __future__ import annotations

from typing import Final

from runtime.decision import Message

POSTING_MAPPER: Final = "posting_mapper"
"""The actor that knows what the ledger is to have of a payout; its keys are payouts."""
LEDGER: Final = "ledger"
"""The actor that posts; a key for each sales channel."""


LEDGER_CHECKS: Final = "ledger_checks"
"""The actor that reads back what was posted; a key for each sales channel."""


LEDGER_MONTHS: Final = "ledger_months"
"""The actor that reads what months have moved on clearing accounts."""
LEDGER_MONTHS_KEY: Final = "ledger-months/clearing"


def check_key(sales_channel: str) -> str:
    """The key under which the batches of a sales channel are read back."""
    return f"ledger-check/{sales_channel}"


def ledger_key(sales_channel: str) -> str:
    """The key under which the postings of a sales channel are made."""
    return f"ledger/{sales_channel}"


class ReadMonths(Message, frozen=True):
    """To the reader of months: read what the months that are over have moved."""


class PayoutTold(Message, frozen=True):
    """To the posting mapper: what is known of the payout (the key), or what stands against it, has changed."""


class PayoutTakenBack(Message, frozen=True, kw_only=True):
    """To the ledger: what was due of a payout is due no more. Its postings up to this number cancel each other out."""

    payout: str
    number: int


class PostDue(Message, frozen=True, kw_only=True):
    """To the ledger: post what is due.

    `numbers_from`: new batches have higher numbers than this; what was posted under those below is forgotten here, and
    a person may have taken it back.
    """

    numbers_from: int = 0
