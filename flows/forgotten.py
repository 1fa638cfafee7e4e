"""What Fulfil has since an instant that the store does not know: sales of our channels, and entries of the ledger.

A store that goes on from a backup has forgotten them. Reads only, with the configured token, beside the running process
or without one; what is to be done about each is for a person, who sees what else was made in Fulfil in that time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from connectors.fulfil.changes import Changes
from connectors.fulfil.ledger import LEDGER_MOVES, LedgerMove
from connectors.fulfil.models import Model
from connectors.fulfil.sales import SALES, Sale
from flows.asking_fulfil import SHARE, asking, pages_of
from flows.config import FulfilSettings, SalesChannelSettings
from flows.ledger.batching import REFERENCE
from flows.model.sale_gate import CANCELLED
from flows.reading import Reading, reading
from runtime.errors import Failure, SeamlineError

_GONE: Final = (*CANCELLED, "ignored")
_ENDED: Final = ("cancelled", "excluded")

Progress = Callable[[int, int], None]
"""`progress(rows read, rows)`, again and again."""


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """A sale or an entry that Fulfil has and the store does not know, with what is known here and what to do."""

    what: Literal["sale", "entry"]
    id: int
    name: str
    """The sale's number, or the entry's description."""
    created_at: datetime | None
    sales_channel: str
    order: str
    """The order's key, as it would be here; empty for an entry."""
    state: str
    """Fulfil's word."""
    amount: Decimal | None
    currency: str
    here: str
    remedy: str


async def forgotten(
    store: Path,
    settings: FulfilSettings,
    sales_channels: Mapping[str, SalesChannelSettings],
    since: datetime,
    progress: Progress,
    *,
    entries: bool,
) -> list[Forgotten]:
    """All that was created in Fulfil at `since` or later, and is not known; `entries`: of the ledger, too.

    Raises SeamlineError when Fulfil does not say.
    """
    named: dict[int, list[str]] = {}
    for name, each in sales_channels.items():
        named.setdefault(each.sale.channel_id, []).append(name)
    found: list[Forgotten] = []
    try:
        async with asking(settings) as answer, reading(store) as read:
            looks: list[tuple[Model[Any], Callable[[Sequence[Any]], Awaitable[list[Forgotten]]]]]
            looks = [(SALES, partial(_unknown_sales, read, named)), (LEDGER_MOVES, partial(_unknown_entries, read))]
            looks = looks if entries else looks[:1]
            counts = [await answer(model.count(Changes(since=since)).effect(SHARE)) for model, _ in looks]
            done = 0
            for model, unknown in looks:
                async for page in pages_of(answer, model, since):
                    found += await unknown([each for each in page.rows if _since(each, since)])
                    done += len(page.rows)
                    progress(done, sum(counts))
    except Failure as failure:
        raise SeamlineError(f"Fulfil could not be asked what it has: {failure}") from failure
    return found


def _since(row: Sale | LedgerMove, since: datetime) -> bool:
    """What was only changed since is not meant; of what does not say, nobody knows."""
    return row.create_date is None or row.create_date >= since


async def _unknown_sales(read: Reading, named: Mapping[int, Sequence[str]], sales: Sequence[Sale]) -> list[Forgotten]:
    keys = {
        sale.id: [f"{name}/{sale.channel_identifier}" for name in named.get(sale.channel or 0, ())]
        for sale in sales
        if sale.channel_identifier and not sale.has_return
    }
    rows = await read.query_list("orders_at_hand", [key for each in keys.values() for key in each])
    known = {key: (state, own, number) for key, state, own, number in rows}
    found = []
    for sale in sales:
        of_sale = keys.get(sale.id, ())
        key = next((each for each in of_sale if each in known), next(iter(of_sale), ""))
        here, remedy = judged(sale, key, known.get(key)) if key else ("", "")
        if here and not await read.link_of(sale.id):
            found.append(
                Forgotten(
                    what="sale", id=sale.id, name=sale.number or str(sale.id), created_at=sale.create_date,
                    sales_channel=key.partition("/")[0], order=key, state=sale.state or "", amount=sale.total_amount,
                    currency=sale.currency_code or "", here=here, remedy=remedy,
                )
            )  # fmt: skip
    return found


def judged(sale: Sale, key: str, known: tuple[str, int | None, str | None] | None) -> tuple[str, str]:
    """What is known of the order of a sale, and what to do; empty where they agree."""
    if known is None:
        return "no such order is here", "have the sales channel send the order again"
    state, own, number = known
    if own == sale.id or state in ("creating", "unknown"):
        return "", ""
    if own is not None:
        return f"the order has sale {number or own}", "one of the two sales is one too many: cancel it in Fulfil"
    if state in _ENDED and sale.state in _GONE:
        return "", ""
    if state in _ENDED:
        return f"the order is {state}, without a sale", "cancel the sale in Fulfil, or see that it has shipped rightly"
    return f"the order is {state}, without a sale", f"seamline orders link {key} {sale.number or sale.id} --reason ..."


async def _unknown_entries(read: Reading, moves: Sequence[LedgerMove]) -> list[Forgotten]:
    ours = [each for each in moves if (each.description or "").startswith(REFERENCE)]
    rows = await read.query_list("batches_at_hand", [each.description for each in ours])
    made_here = {reference for (reference,) in rows}
    return [
        Forgotten(
            what="entry", id=each.id, name=each.description or "", created_at=each.create_date, sales_channel="",
            order="", state=each.state or "", amount=None, currency="", here="no such batch is here",
            remedy="take it back in Fulfil: reverse it, or delete a draft; what is in it is posted anew",
        )
        for each in ours
        if each.description not in made_here
    ]  # fmt: skip
