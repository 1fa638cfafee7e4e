"""What the two actors of payments tell each other, and what a record in Fulfil is to be."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final, Literal

import msgspec

from flows.model.payments import State
from runtime.decision import Message

RECORDER: Final = "payment_recorder"
RECORDER_KEY: Final = "payments/fulfil"
FIELDS: Final = "=fields"
"""The name of what is no payment: the metafields of a sale."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One record that Fulfil is to have, or the metafields of one sale. `amount` is in the sale's currency."""

    order: str
    record: str
    sale: int
    type: Literal["charge", "refund", "fields"]
    wanted: str
    """A `State`; of metafields their digest."""
    reference: str = ""
    amount: Decimal = Decimal(0)
    currency: str = ""
    method: str = ""
    """Fulfil's code of the gateway; empty: that of the payment it belongs to."""
    gateway: int | None = None
    """Fulfil's id of it, where it is configured."""
    day: date | None = None
    day_said: bool = False
    """Whether the sales channel said the day; else it is the one on which it was first seen."""
    parent: str = ""
    more: dict[str, str] = {}
    """Fields of this tenant's own. Of metafields: id -> value."""


class Found(msgspec.Struct, frozen=True):
    """A record that Fulfil had already: `transaction`, or None where a payment without transactions is it."""

    entry: Entry
    transaction: int | None


class RecordDue(Message, frozen=True):
    """To the recorder: something may be due; it gathers company first."""


class RecordNow(Message, frozen=True):
    """To the recorder, by its timer and at start: begin with what is due."""


class LookAtBlocked(Message, frozen=True, kw_only=True):
    """To the recorder, at start: have the orders judged again of which a payment is blocked by the configuration, those
    behind this one. The configuration may be another one.
    """

    after: str = ""


class PaymentRecorded(Message, frozen=True, kw_only=True):
    """To an order: Fulfil has this record. `found`: it was there, by hand or from before; nothing was made."""

    record: str
    state: State
    found: bool
    transaction: int | None = None


class PaymentRefused(Message, frozen=True, kw_only=True):
    """To an order: Fulfil will not have this record."""

    record: str
    sentence: str
    wanted: str = ""
    """What it was to be then, as `Entry.wanted`; empty: nobody said."""
