"""The case that all who read stock in Fulfil have in common."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from flows.exceptions.kinds import ExceptionCase

REFUSED = "stock.refused"


def refused(known: Sequence[ExceptionCase], what: str, sentence: str, now: datetime) -> ExceptionCase:
    """Fulfil refuses to tell `what` (moves, sales, levels); a case that is open keeps its beginning."""
    opened_at = known[0].opened_at if known else now
    told = f"Fulfil refuses to tell its {what}: {sentence}".rstrip(".")
    return ExceptionCase(kind=REFUSED, cause=what, sentence=told, opened_at=opened_at)
