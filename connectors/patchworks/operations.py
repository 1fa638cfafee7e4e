"""The month's operations: Patchworks sells a number of them, and a start costs some, so starts are paced to fit.

An operation is about one request of a connector inside a flow: so much per start, and so much per line (published
blueprints say 2 per fulfilment, 3 per stock sync). Pure; the caller keeps the count.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta


class OperationsPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What the tenant has bought, and what a start of its flow costs."""

    per_month: Annotated[int, Meta(ge=1)] | None = None
    """The operations of a month that these starts may use. Not set: they are not paced."""
    per_start: Annotated[float, Meta(ge=0)] = 1.0
    """Operations of a start, however many lines it has."""
    per_line: Annotated[float, Meta(ge=0)] = 0.0
    """Operations of each of its lines."""


def month_of(now: datetime) -> str:
    """The month that is paid for, as 2026-11: a count of another month is over. Raises ValueError without a zone."""
    return f"{_utc(now):%Y-%m}"


def cost(policy: OperationsPolicy, lines: int) -> float:
    """Operations of one start with so many lines."""
    return policy.per_start + policy.per_line * lines


def company_s(policy: OperationsPolicy, usual_s: float, spent: float, lines: int, now: datetime) -> float:
    """How long a start should wait for company, so that what is left of the month's operations lasts.

    `spent` of this month so far; `lines` of the start that would be made. At least `usual_s`; when nothing is left, the
    rest of the month, which is somebody's decision to shorten. Raises ValueError for a time without a zone.
    """
    if policy.per_month is None:
        return usual_s
    at = _utc(now)
    next_month = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    next_month = next_month.replace(year=at.year + at.month // 12, month=at.month % 12 + 1)
    left_s = (next_month - at).total_seconds()
    starts_left = (policy.per_month - spent) / max(cost(policy, lines), 1e-9)
    if starts_left < 1:
        return max(usual_s, left_s)
    return max(usual_s, left_s / starts_left)


def _utc(now: datetime) -> datetime:
    if now.tzinfo is None:
        raise ValueError("a time without a zone is in no month; give it a zone")
    return now.astimezone(UTC)
