"""What a kind of exception says for people. The kinds themselves are in `kinds`."""

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


NEVER = "never by itself"
"""`Kind.ends` of a kind whose cases somebody has to end."""
