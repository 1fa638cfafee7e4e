"""What is looked up for the lines of a payout: what is kept of them, and the orders that they may be of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from flows.model.payout import PayoutLine
from flows.model.payout_links import Known, Named, numbers_of, orders_of
from flows.payout_importer.messages import KnownLine, PageMet, PayoutPage
from flows.payout_importer.rows import Place, as_kept, rows_not_known

Ask = Callable[..., Awaitable[Sequence[Any]]]
"""A named query over a list of items: (name, items, what is bound ahead of it)."""


async def page_met(ask: Ask, key: str, page: PayoutPage) -> PageMet:
    """A page and what is known of its lines, each under the id that it is kept under."""
    known = await lines_known(ask, key, page.lines)
    if rows := rows_not_known(page.lines, known):
        kept = await ask("payout_rows_at", sorted({row.at for row in rows}), key)
        ids: dict[Place, list[str]] = {}
        for line, *place in kept:
            ids.setdefault((place[0], place[1], place[2]), []).append(line)
        found = {row.id: as_kept(row, ids) for row in rows}
        lines = tuple(found.get(line.id, line) for line in page.lines)
        known |= await lines_known(ask, key, [line for line in found.values() if line.id not in found])
        page = replace(page, lines=lines)
    return PageMet(page=page, known=known)


async def lines_known(ask: Ask, key: str, lines: Sequence[PayoutLine]) -> dict[str, KnownLine]:
    """What is kept of those of these lines that the payout has already, by their ids."""
    rows = await ask("payout_lines_known", [line.id for line in lines], key) if lines else ()
    return {line: KnownLine(mark, Decimal(net), tuple(names)) for line, mark, net, *names in rows}


async def orders_known(ask: Ask, sales_channel: str, named: Sequence[Named]) -> Known:
    """What is known of the orders that these may be: four queries, however many there are."""
    keys = sorted({f"{sales_channel}/{each.order}" for each in named if each.order})
    ids = sorted({id_ for each in named for id_ in (*each.transactions, each.reference) if id_})
    numbers = sorted({number for each in named for number in numbers_of(each)})
    known = Known(
        orders={key for (key,) in await ask("orders_here", keys)} if keys else (),
        tenders=_grouped(await ask("order_tenders", ids, sales_channel)) if ids else {},
        numbers=_grouped(await ask("orders_numbered", numbers, sales_channel)) if numbers else {},
    )
    lost = sorted(
        {id_ for each in named if not orders_of(sales_channel, each, known) for id_ in each.transactions if id_}
    )
    return replace(known, payments=_grouped(await ask("payments_linked", lost, sales_channel))) if lost else known


def _grouped(rows: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, key in rows:
        found.setdefault(name, []).append(key)
    return found
