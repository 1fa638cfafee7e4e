"""Statements that run for every change of stock, or for what is to leave, find their rows, however many there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flows.model.schema import ORDERS
from runtime.clock import SystemClock
from runtime.journal.journal import opened

pytestmark = pytest.mark.anyio

_SMALL = ("stock_due_now", "stock_due_oldest")
"""Found by an index that holds nothing but what is wanted, or by its first entry."""
_HOT = (
    *("stock_due_next", "stock_levels_of", "stock_levels_of_products", "stock_owners", "stock_published_of"),
    *("stock_published_after", "stock_products_between", "stock_unread_next", "units_of_skus", "sales_unseen"),
    *(
        "outgoing_tries",
        "outgoing_waiting",
        "outgoing_next",
        "outgoing_of_batch",
        "outgoing_of_lines",
        "orders_unread",
        "orders_to_count",
    ),
    *("reread_units", "forget_units", "end_stock_level", "end_stock_due", "stock_sent", "stock_refused", "see_units"),
    *("fill_units", "sell_units", "due_units_of_order", "stock_drift_of", "stock_to_correct"),
    *("unshipped_due", "note_unshipped", "calm_unshipped", "look_unshipped", "look_unshipped_of_sale"),
    *_SMALL,
)


@pytest.mark.parametrize("name", _HOT)
async def test_no_table_is_read_from_its_beginning_to_its_end(tmp_path: Path, name: str) -> None:
    """A scan of 200,000 SKUs for each two hundred that changed would be the whole process's work."""
    async with opened(tmp_path / "store.db", SystemClock(), lambda _event: None, (ORDERS,)) as journal:
        text = journal.statements[name].text(2)
        numbered = [int(part) for part in re.findall(r"\?(\d+)", text)]
        nulls = (None,) * (max(numbered) if numbered else text.count("?"))
        rows = await journal.writing.run(
            lambda connection: connection.execute(f"EXPLAIN QUERY PLAN {text}", nulls).fetchall()
        )
    steps = [row[3] for row in rows]
    assert not [
        step for step in steps if re.match(r"SCAN (?!CONSTANT|f\b|some\b|first\b)", step) and "INDEX" not in step
    ]
