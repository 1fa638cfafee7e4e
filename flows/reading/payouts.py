"""What people may ask of payouts: how each stands, and what its lines are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from flows.reading import Reading
from runtime.clock import Instant, to_datetime

_LINES_PER_READ = 5_000
_AMOUNTS = ("paid", "bank", "net", "fees", "taxes", "unexplained", "difference")
Verdict = Literal["proven", "contradicted", "unproven"]


class PayoutRow(msgspec.Struct, frozen=True, kw_only=True):
    """One payout. Amounts are exact, in `currency`; `classes` come to `net`. `bank` None: nobody gave a bank line."""

    key: str
    sales_channel: str
    provider: str
    payout: str
    currency: str
    status: str
    is_statement: bool
    received: bool
    paid: Decimal | None
    bank: Decimal | None
    net: Decimal
    fees: Decimal
    taxes: Decimal
    unexplained: Decimal
    classes: dict[str, Decimal]
    lines: int
    unlinked: int
    verdict: str
    difference: Decimal
    paid_on: str | None
    expected_on: str | None
    told_at: datetime
    run: str
    judged: bool


class LineRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `order` is the key of its order here, None while none was found; `sale` its sale in Fulfil."""

    line: str
    kind: str
    currency: str
    amount: Decimal
    fee: Decimal
    tax: Decimal
    gap: Decimal
    net: Decimal
    type: str
    at: str
    source_order: str
    reference: str
    payment: str
    payment_alias: str
    refund: str
    dispute: str
    presentment: str
    rate: str
    order: str | None
    number: str | None
    sale: int | None
    sale_number: str | None


async def payouts_listed(
    read: Reading, *, sales_channel: str = "", verdict: str = "", limit: int = 50
) -> list[PayoutRow]:
    """Payouts, the latest day first."""
    return [_payout(row) for row in await read.query("payouts_listed", sales_channel, verdict, limit)]


async def payouts_named(read: Reading, text: str) -> list[PayoutRow]:
    """Those that a key, or an id of a provider, may mean."""
    return [_payout(row) for row in await read.query("payouts_named", text)]


async def payouts_judged(read: Reading, run: str) -> int:
    """How many payouts of an import are judged."""
    ((count,),) = await read.query("payouts_of_run", run)
    return int(count)


async def lines_of(read: Reading, key: str) -> AsyncIterator[LineRow]:
    """All lines of a payout, in order of their ids, a part of them in memory at a time."""
    after = ""
    while rows := await read.query("payout_lines_listed", key, after, _LINES_PER_READ):
        for row in rows:
            fields = dict(zip(LineRow.__struct_fields__, row, strict=True))
            amounts = {name: Decimal(fields[name]) for name in ("amount", "fee", "tax", "gap", "net")}
            yield LineRow(**{**fields, **amounts})
        after = rows[-1][0]


def _payout(row: Sequence[Any]) -> PayoutRow:
    fields = dict(zip(PayoutRow.__struct_fields__, row, strict=True))
    amounts = {name: None if fields[name] is None else Decimal(fields[name]) for name in _AMOUNTS}
    flags = {name: bool(fields[name]) for name in ("is_statement", "received", "judged")}
    classes = msgspec.json.decode(fields["classes"], type=dict[str, Decimal])
    told_at = to_datetime(Instant(fields["told_at"]))
    return PayoutRow(**{**fields, **amounts, **flags, "classes": classes, "told_at": told_at})
