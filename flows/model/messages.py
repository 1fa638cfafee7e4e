"""Messages that pass between flows."""

from __future__ import annotations

from runtime.decision import Message


class Recheck(Message, frozen=True, kw_only=True):
    """Look at a held order again: what it waited for may have come, or a person has released it."""

    because: str
    """`catalogue`, `person`, or `later`: its own timer."""
