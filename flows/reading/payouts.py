"""What people may ask of payouts: how each stands, and what its lines are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from flows.model.payout import PayoutHeader, PayoutSums
from flows.model.payout_proof import prove_payout
from flows.reading import Reading
from runtime.clock import Instant, to_datetime

_LINES_PER_READ = 5_000
_PROVES = "payout_importer"
"""The actor that knows payouts."""
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
    let_stand_by: str = ""
    """Who has let stand that its sums do not tie; empty: nobody, or they do."""


class _Known(msgspec.Struct):
    """What is remembered of a payout, as far as its proof needs it."""

    header: PayoutHeader | None = None
    sums: PayoutSums = PayoutSums()
    bank: Decimal | None = None


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
    return await _payouts(read, await read.query("payouts_listed", sales_channel, verdict, limit))


async def payouts_named(read: Reading, text: str) -> list[PayoutRow]:
    """Those that a key, or an id of a provider, may mean."""
    return await _payouts(read, await read.query("payouts_named", text))


async def payouts_of_ids(read: Reading, provider: str, ids: Sequence[str]) -> list[PayoutRow]:
    """Those of a provider that it knows by these ids, of whichever sales channel."""
    return await _payouts(read, await read.query_list("payouts_of_ids", ids, provider))


async def equations_of(read: Reading, key: str) -> tuple[str, ...]:
    """The equations of a payout that can be stated, in words, with their figures."""
    for row in await read.query_list("states", [key], _PROVES):
        known = msgspec.json.decode(row[1], type=_Known)
        if known.header is not None:
            proof = prove_payout(known.header, known.sums, known.bank)
            return tuple(each.sentence for each in proof.equations)
    return ()


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


async def _payouts(read: Reading, rows: Sequence[Sequence[Any]]) -> list[PayoutRow]:
    found = [_payout(row) for row in rows]
    off = [row.key for row in found if row.verdict == "contradicted"]
    let_stand: dict[str, str] = {}
    for key, kinds, by in await read.query_list("payouts_let_stand", off) if off else ():
        if "payout.untied" in (kinds or "").split(", "):
            let_stand.setdefault(key, by)
    return [msgspec.structs.replace(row, let_stand_by=let_stand.get(row.key, "")) for row in found]


def _payout(row: Sequence[Any]) -> PayoutRow:
    fields = dict(zip(PayoutRow.__struct_fields__[: len(row)], row, strict=True))
    amounts = {name: None if fields[name] is None else Decimal(fields[name]) for name in _AMOUNTS}
    flags = {name: bool(fields[name]) for name in ("is_statement", "received", "judged")}
    classes = msgspec.json.decode(fields["classes"], type=dict[str, Decimal])
    told_at = to_datetime(Instant(fields["told_at"]))
    return PayoutRow(**{**fields, **amounts, **flags, "classes": classes, "told_at": told_at})
