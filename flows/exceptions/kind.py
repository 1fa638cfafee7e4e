"""What a kind of exception says for people: whose it is, how soon, what it blocks, how it ends, what there is to do."""

from __future__ import annotations

import enum
from datetime import timedelta

import msgspec


class Owner(enum.StrEnum):
    """The team that has to act."""

    OPERATIONS = "operations"
    FINANCE = "finance"
    ECOMMERCE = "ecommerce"
    SRE = "sre"


class Lever(enum.StrEnum):
    """Where finance can still take hold of what is wrong (rule 19). Only of the first and the third can it be said that
    it is before the ledger.
    """

    HOLD = "hold before create"
    """Nothing of it is in Fulfil."""
    SUSPENSE = "approved suspense mapping"
    """It goes to Fulfil under a name that finance has approved for what is not mapped."""
    SHIPMENT_HOLD = "shipment hold"
    """The sale is there, and nothing of it is invoiced before it ships."""
    DETECTED = "detected after"
    """It is found when it has happened."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of exception."""

    name: str
    title: str
    owner: Owner
    deadline: timedelta
    blocks: str
    """What does not happen while a case of this kind is open."""
    ends: str
    """How a case ends by itself."""
    remedy: str
    """What a person does about it."""
    levers: tuple[Lever, ...] = ()
    """Of every kind that is finance's: what there is to take hold of it, the first one first."""


NEVER = "never by itself"
"""`Kind.ends` of a kind whose cases somebody has to end."""
