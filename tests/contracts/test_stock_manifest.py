"""What a sales channel says that it shows: pages that can be read, and what is refused with the reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.patchworks.items import Refusal
from connectors.patchworks.stock_manifests import LEVELS_PER_PAGE_MAX, ReportedLevel, StockPage, read_stock

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
EARLIER = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)


async def read(body: Any, **query: str) -> StockPage:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await read_stock("web", raw, query, NOW)


async def test_a_level_is_as_of_its_own_time_or_that_of_its_page_or_its_arrival() -> None:
    """What was read later counts; quantities may be texts or have a fraction, and location is optional."""
    levels = [
        {"sku": "A", "quantity": 4, "at": "2026-11-20T08:30:00Z"},
        {"sku": 7, "available": "2.9", "location": "X"},
    ]
    page = await read({"manifest": "run-1", "at": "2026-11-20T09:30:00+01:00", "levels": levels})
    assert page.levels == (ReportedLevel("A", 4, EARLIER), ReportedLevel("7", 2, EARLIER, "X"))
    assert (page.manifest, page.page, page.pages, page.at, len(page.stock)) == ("run-1", 1, 1, EARLIER, 2)
    bare = await read([{"sku": "A", "quantity": -1}], manifest="run-2", page="2", pages="3")
    assert (bare.levels, bare.page, bare.pages) == ((ReportedLevel("A", -1, NOW),), 2, 3)
    one = await read({"sku": "A", "quantity": 0})
    assert one.levels == (ReportedLevel("A", 0, NOW),)
    assert one.manifest == one.digest


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "json_malformed"),
        ({"levels": 3}, "manifest_invalid"),
        ({"levels": [{"quantity": 3}]}, "sku_unusable"),
        ({"levels": [{"sku": "A"}]}, "quantity_unusable"),
        ({"levels": [{"sku": "A", "quantity": True}]}, "quantity_unusable"),
        ({"levels": [{"sku": "A", "quantity": "many"}]}, "quantity_unusable"),
        ({"levels": [{"sku": "A", "quantity": "1e400"}]}, "quantity_unusable"),
        ({"levels": [{"sku": "A", "quantity": "NaN"}]}, "quantity_unusable"),
        ({"levels": [{"sku": "A", "quantity": 1, "location": "a\nb"}]}, "location_unusable"),
        ({"levels": [], "at": "2026-11-20T12:00:00Z"}, "at_ahead"),
        ({"levels": [], "at": "2026-11-20T09:00:00"}, "instant_without_zone"),
        ({"levels": [], "pages": 2}, "manifest_missing"),
        ({"levels": [{"sku": str(n), "quantity": n} for n in range(LEVELS_PER_PAGE_MAX + 1)]}, "items_too_many"),
    ],
    ids=str,
)
async def test_a_page_that_says_nothing_certain_is_refused(body: Any, code: str) -> None:
    """With a reason that the sender can act on."""
    with pytest.raises(Refusal) as refused:
        await read(body)
    assert refused.value.body.code == code
