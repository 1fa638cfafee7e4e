"""The quick versions of `tests/benchmarks/stock.py`: many moves, a large catalogue, a budget that orders use up."""

from __future__ import annotations

from pathlib import Path

from tests.actors.world import story
from tests.benchmarks.stock import deltas, moves, saturated, sweep


def test_many_moves_are_one_line_per_sku_and_sales_channel(tmp_path: Path) -> None:
    """Ten moves of each SKU, one read of each, nothing overwritten by something older."""
    found = story(lambda: moves(tmp_path / "store.db", moved=1_000, skus=100))
    assert found["lines_by_channel"] == {"web": 100, "outlet": 100}
    assert (found["stale_overwrites"], found["level_reads"]) == (0, 1)


def test_a_sweep_costs_one_call_for_five_hundred_skus_and_tells_nothing_that_is_known(tmp_path: Path) -> None:
    """The first one and each later one."""
    found = story(lambda: sweep(tmp_path / "store.db", skus=1_200, every_s=100.0))
    assert (found["first_sweep_calls"], found["second_sweep_calls"], found["second_sweep_lines"]) == (3, 3, 0)


def test_what_changes_goes_before_what_a_sweep_has_found(tmp_path: Path) -> None:
    """Failure case 25: the first sweep fills the flows of two sales channels."""
    found = story(lambda: deltas(tmp_path / "store.db", skus=2_000, channels=2, changed=10))
    assert found["shown_everywhere_after_s"] < 30


def test_with_a_budget_that_orders_use_up_figures_are_still_told_in_time(tmp_path: Path) -> None:
    """Decreases by orders within 60 s, for they need no read; other changes within 120 s; never above the provable."""
    found = story(lambda: saturated(tmp_path / "store.db", seconds=40))
    assert found["sales"] < found["orders"]
    assert (found["order_lines_not_shown"], found["levels_above_what_was_provable"]) == (0, 0)
    assert found["order_lines_shown_after_s_max"] < 60
    assert found["deltas_shown_after_s_max"] < 120
