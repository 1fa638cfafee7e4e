"""Linking an order to a sale, as the command sees it: what would follow, asked of Fulfil directly, and what became of
it. The running process does it; a dry run needs none, and reads from Fulfil once or twice, with the configured token.
"""

from __future__ import annotations

from pathlib import Path

import anyio
import msgspec

from connectors.fulfil.sales import Sale
from flows.asking_fulfil import asking
from flows.config import FulfilSettings
from flows.model.order_state import OrderState, Status
from flows.order_importer.linking import compared, linkable, may_be_id, question_of
from flows.order_importer.messages import SaleLookedUp
from flows.reading import reading
from flows.reading.rows import FactRow, OrderRow, Story
from runtime.errors import Failure, SeamlineError

_FOLLOWED_S_MAX = 15.0
_FOLLOW_EVERY_S = 0.05


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it, or would. `linked` is None while Fulfil has not answered."""

    linked: bool | None
    sentence: str


async def foreseen(store: Path, settings: FulfilSettings, channel: int, story: Story, sale: str) -> Outcome:
    """What linking this order to that sale would do. Raises SeamlineError when Fulfil does not say."""
    order = story.order
    why = "it is not decided on yet" if order is None else linkable(_stands(order))
    if order is None or why:
        return Outcome(linked=False, sentence=f"{story.key} cannot be linked to a sale: {why}")
    sales = await _looked_up(settings, sale)
    async with reading(store) as read:
        linked_to = await read.link_of(sales[0].id) if len(sales) == 1 else ""
    taken_by = "" if linked_to == story.key else linked_to
    unread = (
        order.amount is None
        or order.proof == "unproven"
        or any(case.kind == "order.unreadable" and case.closed_at is None for case in story.cases)
    )
    comparison = compared(
        SaleLookedUp(key=story.key, sales=sales, channel=channel, taken_by=taken_by),
        sale,
        total=order.amount or "0",
        currency=order.currency or "",
        unread=unread,
    )
    if comparison.sale is None:
        return Outcome(linked=False, sentence=f"{story.key} would not be linked: {comparison.refused}")
    name = comparison.sale.number or comparison.sale.id
    rest = f"with a case of sale.mismatch: {comparison.difference}" if comparison.difference else "and the totals agree"
    return Outcome(linked=True, sentence=f"{story.key} would be linked to sale {name}, {rest}. Nothing was changed.")


def _stands(order: OrderRow) -> OrderState:
    return OrderState(status=Status(order.state), sale=order.sale, sale_number=order.sale_number)


async def _looked_up(settings: FulfilSettings, sale: str) -> tuple[Sale, ...]:
    """By number, then by id, as the running process does."""
    try:
        async with asking(settings) as answer:
            found: tuple[Sale, ...] = (await answer(question_of(sale))).rows
            if not found and may_be_id(sale):
                found = await answer(question_of(sale, by_id=True))
    except Failure as failure:
        raise SeamlineError(f"sale {sale} could not be looked up: {failure}") from failure
    return found


async def followed(store: Path, key: str, after: int) -> Outcome:
    """What became of a link that was asked for after the fact of this id; waits some seconds for it."""
    with anyio.move_on_after(_FOLLOWED_S_MAX):
        while True:
            async with reading(store) as read:
                timeline = (await read.story(key)).timeline
            for fact in timeline:
                if fact.id > after and fact.kind in ("linked", "link_refused"):
                    return Outcome(linked=fact.kind == "linked", sentence=_told(key, fact))
            await anyio.sleep(_FOLLOW_EVERY_S)
    return Outcome(linked=None, sentence=f"Fulfil has not answered yet; `seamline orders explain {key}` tells later")


def _told(key: str, fact: FactRow) -> str:
    sale = fact.values.get("sale")
    if fact.kind == "link_refused":
        return f"{key} is not linked to sale {sale}: {fact.values.get('why')}"
    if fact.values.get("equal"):
        return f"{key} is linked to sale {sale}, and the totals agree"
    return f"{key} is linked to sale {sale}, which says something else: see `seamline orders explain {key}`"
