"""What people may ask about orders that are not settled, and about what finance has accepted. Reads only."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from flows.model.closing import FIRST_LOOK, OPEN_CASES, now_awaited
from flows.reading import Reading
from runtime.clock import Instant, to_datetime


class UnsettledRow(msgspec.Struct, frozen=True, kw_only=True):
    """An order with a sale that is not settled. `cause` is what it waits for first, in a word; `waits` all of it.
    `amount` is None while nobody has read it.
    """

    key: str
    reference: str
    amount: Decimal | None
    currency: str | None
    placed_at: datetime | None
    sale: int
    sale_number: str | None
    cause: str
    waits: tuple[str, ...]


class AcceptedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A difference between an order and its sale that a person has accepted, with what was expected and found."""

    order: str
    cause: str
    at: datetime
    by: str
    reason: str
    amount: Decimal
    currency: str
    expected: str
    found: str


async def unsettled(read: Reading, *, sales_channel: str = "", cause: str = "", limit: int = 50) -> list[UnsettledRow]:
    """The orders that are not settled, those that were placed first first."""
    found = []
    wanted = "" if cause == FIRST_LOOK else cause or None
    for key, reference, amount, currency, placed, sale, number, first, waits in await read.query(
        "orders_unsettled", sales_channel, wanted, limit
    ):
        instant = None if placed is None else to_datetime(Instant(placed))
        looked_at = msgspec.json.decode(waits, type=tuple[str, ...])
        found.append(
            UnsettledRow(
                key=key, reference=reference, amount=Decimal(amount) if currency else None, currency=currency or None,
                placed_at=instant, sale=sale, sale_number=number, cause=first or FIRST_LOOK,
                waits=await _now(read, key, looked_at),
            )
        )  # fmt: skip
    return found


async def _now(read: Reading, key: str, waits: tuple[str, ...]) -> tuple[str, ...]:
    """What was awaited at the last look, without cases that have ended since."""
    if not any(wait.startswith(OPEN_CASES) for wait in waits):
        return waits
    opened = {kind for _, kind, *_, closed_at, _ in await read.query("cases_of", key) if closed_at is None}
    return tuple(now_awaited(wait, opened) for wait in waits)


async def accepted(read: Reading, *, limit: int = 50) -> list[AcceptedRow]:
    """What people have accepted, the latest first."""
    return [
        AcceptedRow(
            order=key, cause=cause, at=to_datetime(Instant(at)), by=by, reason=reason, amount=Decimal(amount),
            currency=currency, expected=expected, found=found,
        )
        for key, cause, at, by, reason, amount, currency, expected, found in await read.query(
            "differences_accepted", limit
        )
    ]  # fmt: skip
