"""The demo, as `make demo` runs it, on a small day: three processes, faults, an observer, and an orderly end."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from flows.demo.stories import HANDLED, OF_THE_STALL, Handling, Story, counted, day

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


def test_the_observer_finds_nothing_although_both_vendors_misbehave(summaries: list[dict[str, Any]]) -> None:
    """Answers were lost, outcomes unknown, calls throttled and cut; every order that may be sold is one sale."""
    today = day(_SEED, _ORDERS)
    for summary in summaries:
        assert summary["good"]
        assert summary["findings"] == []
        erp = summary["erp"]
        assert erp["sales"] == erp["creates_applied"] == summary["orders_by_state"]["imported"] == today.sold
        assert erp["creates_changed"] == 0
        for trouble in ("answers_lost", "lookups", "throttled", "server_errors"):
            assert erp[trouble] > 0, trouble
        assert summary["outcomes_unknown"] > 0
        assert erp["dropped"] > erp["answers_lost"]


def test_every_version_is_delivered_by_the_hub_with_its_repeats_and_retries(summaries: list[dict[str, Any]]) -> None:
    """The scheduled reads bring all ordinary orders of two sales channels once more; what was stuck is retried."""
    today = day(_SEED, _ORDERS)
    stories = counted(today.planned)
    stuck = sum(stories[story] for story in OF_THE_STALL)
    for summary in summaries:
        deliveries = summary["deliveries"]
        assert sum(summary["orders_by_sales_channel"].values()) == _ORDERS
        assert deliveries["versions"] == today.versions
        assert deliveries["accepted"] - deliveries["versions"] >= _ORDERS // 2
        assert deliveries["runs"]["retries"] == deliveries["runs"]["failure"] >= stuck
        assert deliveries["answers"]["not_sent"] >= 3 * stuck
        assert deliveries["answers"]["lost"] > 0
        assert set(deliveries["answers"]) == {"200", "201", "not_sent", "lost"}


def test_what_is_not_sold_is_held_or_cancelled_in_sight(summaries: list[dict[str, Any]]) -> None:
    """Seamline's own lists account for every order: those that wait, by cause, and those that a person must look at."""
    planned = day(_SEED, _ORDERS).planned
    stories = counted(planned)
    refunded = Counter(each.sales_channel.format for each in planned if each.story is Story.REFUNDED)
    taken_away = refunded.pop("shopify")
    for summary in summaries:
        assert sum(summary["orders_by_state"].values()) == _ORDERS
        assert _counted(summary["held"]) == {
            ("order.contradiction", "finance"): stories[Story.CONTRADICTORY],
            ("sku.unknown", "ecommerce"): stories[Story.SKU_MISSING],
        }
        assert summary["orders_by_state"]["cancelled"] == stories[Story.CANCELLED_FIRST] + stories[Story.SKU_CANCELLED]
        assert _counted(summary["after_import"]) == {
            ("order.cancelled", "operations"): stories[Story.CANCELLED_AFTER],
            ("order.edited", "operations"): stories[Story.EDITED_BEHIND] + stories[Story.EDITED_AFTER] + taken_away,
            ("refund.uncredited", "finance"): refunded.total(),
        }
        for row in (*summary["held"], *summary["after_import"]):
            assert all(float(amount) > 0 for amount in row["amounts"].values())
            assert row["amounts"]


def _counted(rows: list[dict[str, Any]]) -> dict[tuple[str, str], int]:
    return {(row["kind"], row["owner"]): row["orders"] for row in rows}


def test_what_the_warehouse_does_disturbs_nothing(summaries: list[dict[str, Any]]) -> None:
    """Shipments, parcels, holds and stock moves are in the ERP as they were played, and its ledger balances."""
    handled = [each.handling for each in day(_SEED, _ORDERS).planned if each.handling is not Handling.NONE]
    assert set(handled) == set(HANDLED)
    for summary in summaries:
        warehouse = summary["warehouse"]
        assert warehouse["packed"] == handled.count(Handling.PACKED)
        assert warehouse["on_hold"] == handled.count(Handling.HELD)
        assert warehouse["shipped"] == len(handled) - warehouse["packed"] - warehouse["on_hold"]
        assert warehouse["parcels"] == warehouse["shipped"] + handled.count(Handling.TWO_PARCELS)
        assert warehouse["moves"] > 1_000
        assert float(warehouse["ledger_difference"]) == 0


def test_the_same_seed_gives_the_same_books(summaries: list[dict[str, Any]]) -> None:
    """Whatever the timing was, the books of both sandboxes are equal without server ids and times."""
    first, second = (summary["digests"] for summary in summaries)
    for name in ("fulfil", "sales_channels"):
        assert len(first[name]) == 64
        assert first[name] == second[name], name


def test_the_demo_ends_what_it_started_and_leaves_nothing(
    summaries: list[dict[str, Any]], runs: list[tuple[subprocess.CompletedProcess[bytes], Path]]
) -> None:
    """All processes ended with status 0 well within 30 seconds, and the directory with store and secrets is gone."""
    for summary in summaries:
        assert len(summary["ended"]) == 3
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
