"""What a dry run says of a link, where Fulfil need not be asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.reading.rows import Story
from flows.sale_links import foreseen
from tests.unit.test_explain import row

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("state", "sale", "why"),
    [
        ("imported", 9, "it is imported as sale SO9"),
        ("cancelled", 9, "it is cancelled as sale SO9"),
        ("creating", None, "it is creating"),
    ],
)
async def test_a_dry_run_refuses_what_the_process_would_refuse(state: str, sale: int | None, why: str) -> None:
    """Also an order that was cancelled with its sale: that one stands for it."""
    order = row(state, sale=sale, sale_number=sale and f"SO{sale}")
    story = Story(order=order, key=order.key, cases=(), timeline=())
    nobody: Any = None
    outcome = await foreseen(Path("nowhere.db"), nobody, 3, story, "SO7")
    assert (outcome.linked, outcome.sentence) == (False, f"web/1001 cannot be linked to a sale: {why}")
