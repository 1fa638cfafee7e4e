"""Who waits for a SKU that can be sold by now: released in order of purchase, some at a time, until nobody is left."""

from __future__ import annotations

import heapq

from flows.model.messages import Release
from flows.model.skus import AMBIGUOUS, UNKNOWN, SkuIndex
from runtime.journal.journal import Journal

RELEASED_PER_STEP_MAX = 500


async def orders_cured(journal: Journal, index: SkuIndex, begins: Release) -> tuple[tuple[str, ...], Release | None]:
    """The next orders whose SKU is no longer what they are held for, and where to go on when there may be more.

    The missing SKU is there now, or is two products; of two products one is left, or none; or it has an alias.
    """
    found: set[tuple[int, str]] = set()
    for kind in (UNKNOWN, AMBIGUOUS):
        for (sku,) in await journal.query("causes_open", kind):
            if index.trouble(sku) == kind:
                continue
            rows = await journal.query(
                "subjects_waiting", kind, sku, begins.placed_us, begins.subject, RELEASED_PER_STEP_MAX
            )
            found.update(rows)
            if len(found) > 2 * RELEASED_PER_STEP_MAX:
                found = set(heapq.nsmallest(RELEASED_PER_STEP_MAX, found))
    first = heapq.nsmallest(RELEASED_PER_STEP_MAX, found)
    more = Release(placed_us=first[-1][0], subject=first[-1][1]) if len(first) == RELEASED_PER_STEP_MAX else None
    return tuple(subject for _, subject in first), more
