"""What came of a release, as the command sees it: the running process decides, and this reads what it has decided."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import anyio

from flows.reading import reading
from flows.reading.rows import OrderRow, Story

_FOLLOWED_S_MAX: Final = 2.0
_FOLLOW_EVERY_S: Final = 0.05
_ON_ITS_WAY: Final = ("creating", "unknown")


async def came_of(store: Path, before: Story) -> str:
    """What came of the release of what stood as `before`, as a sentence; waits two seconds for it, and then names the
    command that tells later.
    """
    key, story = before.key, before
    with anyio.move_on_after(_FOLLOWED_S_MAX):
        while not _decided(before, story) or (story.order is not None and story.order.state in _ON_ITS_WAY):
            await anyio.sleep(_FOLLOW_EVERY_S)
            async with reading(store) as read:
                story = await read.story(key)
    if not _decided(before, story):
        return f"it has not been looked at yet; `seamline orders explain {key}` tells later"
    return stands(story)


def stands(story: Story) -> str:
    """Where it stands now, in a sentence: what is open, or else how far it is."""
    opened = dict.fromkeys(f"{case.kind}: {case.sentence}" for case in story.cases if case.closed_at is None)
    where = "" if story.order is None else _where(story.order)
    if opened:
        return f"{story.key} {where or 'is looked at'}, and open is {'; '.join(opened)}"
    rest = f"; `seamline orders explain {story.key}` tells how it goes on" if where == _GOES else ""
    return f"{story.key} {where}, and nothing is open about it{rest}" if where else f"nothing is open about {story.key}"


_GOES: Final = "is on its way to Fulfil"


def _where(order: OrderRow) -> str:
    if order.state in _ON_ITS_WAY:
        return _GOES
    sale = order.sale_number or order.sale
    return f"is {order.state}{f' as sale {sale}' if sale else ''}"


def _decided(before: Story, after: Story) -> bool:
    """Whether anything came of it: another fact, or other cases that are open."""
    return len(after.timeline) > len(before.timeline) or _open(after) != _open(before)


def _open(story: Story) -> set[tuple[str, str]]:
    return {(case.fingerprint, case.sentence) for case in story.cases if case.closed_at is None}
