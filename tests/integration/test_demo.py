"""The demo, as `make demo` runs it, on a small day: two processes, faults, an observer, and an orderly end."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from flows.demo.traffic import Story, counted, day

_ROOT = Path(__file__).resolve().parents[2]
_SEED, _ORDERS = 7, 200
_WITHIN_S = 150


def _demo(directory: Path) -> subprocess.CompletedProcess[bytes]:
    options = ["--seed", str(_SEED), "--orders", str(_ORDERS), "--json"]
    return subprocess.run(
        [sys.executable, "-m", "flows.cli", "demo", *options],
        cwd=_ROOT,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(directory), "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        timeout=_WITHIN_S,
        check=False,
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[subprocess.CompletedProcess[bytes], Path]]:
    """Two runs of the same seed, side by side, each with its own directory for temporary files."""
    places = [tmp_path_factory.mktemp("demo") for _ in range(2)]
    with ThreadPoolExecutor(2) as both:
        return list(zip(both.map(_demo, places), places, strict=True))


@pytest.fixture(scope="module")
def summaries(runs: list[tuple[subprocess.CompletedProcess[bytes], Path]]) -> list[dict[str, Any]]:
    """What both runs printed."""
    for run, _ in runs:
        assert run.returncode == 0, run.stderr.decode() + run.stdout.decode()
    return [msgspec.json.decode(run.stdout) for run, _ in runs]


pytestmark = pytest.mark.timeout(_WITHIN_S + 30)


def test_the_observer_finds_nothing_although_the_erp_misbehaves(summaries: list[dict[str, Any]]) -> None:
    """Answers were lost, outcomes unknown, calls throttled and cut; every order that may be sold is one sale."""
    sold = sum(each.sale is not None for each in day(_SEED, _ORDERS).expected)
    for summary in summaries:
        assert summary["good"]
        assert summary["findings"] == summary["complaints"] == []
        assert summary["sales"] == summary["creates_applied"] == summary["orders_by_state"]["imported"] == sold
        assert summary["creates_changed"] == 0
        assert summary["deliveries_acknowledged"] == summary["deliveries_sent"]
        for trouble in ("outcomes_unknown", "answers_lost", "lookups", "erp_throttled", "erp_server_errors"):
            assert summary[trouble] > 0, trouble
        assert summary["erp_dropped"] > summary["answers_lost"]
        assert summary["items_known"] >= 2 * counted(day(_SEED, _ORDERS).expected)[Story.REPEATED]


def test_what_is_not_sold_is_held_or_cancelled_in_sight(summaries: list[dict[str, Any]]) -> None:
    """Seamline's own lists account for every order: those that wait, by cause, and those that a person must look at."""
    stories = counted(day(_SEED, _ORDERS).expected)
    for summary in summaries:
        assert sum(summary["orders_by_state"].values()) == _ORDERS
        assert summary["held_by_cause"] == {
            "order.contradiction": stories[Story.CONTRADICTORY],
            "sku.unknown": stories[Story.SKU_MISSING],
        }
        assert summary["orders_by_state"]["cancelled"] == stories[Story.CANCELLED_FIRST] + stories[Story.SKU_CANCELLED]
        assert summary["exceptions_after_import"] == {
            "order.cancelled": stories[Story.CANCELLED_AFTER],
            "order.edited": stories[Story.EDITED_BEHIND] + stories[Story.EDITED_AFTER],
        }


def test_the_same_seed_gives_the_same_books(summaries: list[dict[str, Any]]) -> None:
    """Whatever the timing was, the books are equal without server ids and times."""
    first, second = summaries
    assert len(first["books_digest"]) == 64
    assert first["books_digest"] == second["books_digest"]


def test_the_demo_ends_what_it_started_and_leaves_nothing(
    summaries: list[dict[str, Any]], runs: list[tuple[subprocess.CompletedProcess[bytes], Path]]
) -> None:
    """Both processes ended with status 0 well within 30 seconds, and the directory with store and secrets is gone."""
    for summary in summaries:
        assert len(summary["ended"]) == 2
        assert all(ended["status"] == 0 and ended["seconds"] < 30 for ended in summary["ended"].values())
    for _, place in runs:
        assert not list(place.glob("seamline-demo-*"))


def test_a_day_that_is_too_small_is_refused_with_a_sentence(tmp_path: Path) -> None:
    """Nothing is started, nothing is left, and the sentence says what a day may have."""
    run = subprocess.run(
        [sys.executable, "-m", "flows.cli", "demo", "--orders", "5"],
        cwd=_ROOT,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path), "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        timeout=_WITHIN_S,
        check=False,
    )
    assert run.returncode == 1
    assert b"50 to 10000 orders" in run.stderr
    assert not list(tmp_path.iterdir())
