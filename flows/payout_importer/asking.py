"""What people have the importer do: take a page of a payout, or take a payout back; durable before it is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

import msgspec

from flows.model.audit import TEXT_MAX, recorded, who_and_why
from flows.payout_importer.messages import NAME, DropPayout, PageReceived, PayoutPage, payout_key
from runtime.clock import Instant
from runtime.decision import Emit
from runtime.errors import SeamlineError
from runtime.journal.journal import Journal

_page = msgspec.json.Decoder(PayoutPage).decode
_TOLD = ("format", "sha256", "payouts", "lines")
"""What is told of the file with its first page, and goes on record."""
_TOLD_AGAINST = ("bank_was", "although")
"""What is told with it where it was imported on purpose: the bank's amount of before, and what spoke against it."""


async def take_payout_page(
    post_all: Callable[[Sequence[Emit]], Awaitable[object]],
    parameters: Mapping[str, str],
    sales_channels: Collection[str],
    now: Instant,
) -> str:
    """Take the page that stands in `parameters` as JSON. The same page twice changes nothing, so it may be sent again.

    The first page of an import says who imports, and what (`by`, `reason`, `format`, `sha256`, `payouts`, `lines`): it
    and the record are durable together. Raises SeamlineError for a page of no form, or of a sales channel that is not
    configured.
    """
    try:
        page = _page(parameters.get("page", ""))
    except msgspec.DecodeError as error:
        raise SeamlineError(f"the page has not the form of this version: {error}") from None
    if page.sales_channel not in sales_channels:
        there = ", ".join(sorted(sales_channels))
        raise SeamlineError(f"there is no sales channel {page.sales_channel!r}; there are {there}")
    if page.page > page.pages:
        raise SeamlineError("a page has a number beyond the last one")
    key = payout_key(page.sales_channel, page.provider, page.header.id)
    taken = Emit(channel=NAME, key=key, message=PageReceived(page=page))
    await post_all((taken, _on_record(page, parameters, now)) if "by" in parameters else (taken,))
    return "taken"


async def drop_payout(
    post_all: Callable[[Sequence[Emit]], Awaitable[object]], parameters: Mapping[str, str], journal: Journal
) -> str:
    """Take the payout `key` back, on record with who says so and why. Raises SeamlineError when there is none, or when
    something of it is posted or on its way: the ledger is corrected by whoever keeps it, never by taking rows away.
    """
    key = parameters.get("key", "")
    by, reason = who_and_why(parameters)
    found = [row for row in await journal.query("payouts_named", key) if row[0] == key]
    if not found:
        raise SeamlineError(f"no payout is known as {key!r}; `seamline payouts list` shows those that are")
    if not reason:
        raise SeamlineError(f"say why {key} is taken back (--reason)")
    if taken := [str(batch) for (batch,) in await journal.query("postings_taken", key)]:
        raise SeamlineError(
            f"something of {key} is posted, or on its way into the ledger ({', '.join(taken)}): it stays. "
            "See `seamline postings show BATCH`, and have finance correct the ledger in Fulfil"
        )
    _, _, provider, payout, currency, status, _, _, paid, _, net, *_ = found[0]
    told = {"provider": provider, "payout": payout, "status": status, "net": f"{net} {currency}"}
    told |= {} if paid is None else {"paid": f"{paid} {currency}"}
    record = recorded(journal.clock.now(), by=by, action="payout.drop", subject=key, values=told, reason=reason)
    await post_all((Emit(channel=NAME, key=key, message=DropPayout()), record))
    return f"{key} is taken back: its lines, cases and what was due of it go"


def _on_record(page: PayoutPage, parameters: Mapping[str, str], now: Instant) -> Emit:
    """That a person has a file of payouts imported: which, what they say that the bank has, what spoke against it."""
    by, reason = who_and_why(parameters)
    told = {name: parameters.get(name, "")[:TEXT_MAX] for name in _TOLD}
    bank = {} if page.bank is None else {"bank": f"{page.bank} {page.header.currency}"}
    against = {name: parameters[name][:TEXT_MAX] for name in _TOLD_AGAINST if parameters.get(name)}
    values = {"run": page.run, **told, **bank, **against}
    return recorded(now, by=by, action="payout.import", subject=page.sales_channel, values=values, reason=reason)
