"""The demo, as `make demo` runs it, on a small day: three processes, faults, an observer, and an orderly end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from flows.demo.providers import Plant
from flows.demo.stories import HANDLED, OF_THE_STALL, SCARCE, SCARCE_STOCK, Handling, Story, counted, day

_ROOT = Path(__file__).resolve().parents[2]
_SEED, _ORDERS = 7, 200
_WITHIN_S = 150
_EXPORTED = {"SEAMLINE__FULFIL__API__BASE_URL": "http://127.0.0.1:1", "SEAMLINE__STORE__PATH": "/dev/null/another.db"}
"""What somebody has exported to configure a Seamline of their own; the demo's is configured by its file alone."""


def _demo(directory: Path) -> subprocess.CompletedProcess[bytes]:
    options = ["--seed", str(_SEED), "--orders", str(_ORDERS), "--json"]
    return subprocess.run(
        [sys.executable, "-m", "flows.cli", "demo", *options],
        cwd=_ROOT,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(directory), "PYTHONPATH": str(_ROOT), **_EXPORTED},
        capture_output=True,
        timeout=_WITHIN_S,
        check=False,
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[subprocess.CompletedProcess[bytes], Path]]:
    """One run, with its own directory for temporary files."""
    place = tmp_path_factory.mktemp("demo")
    return [(_demo(place), place)]


@pytest.fixture(scope="module")
def summaries(runs: list[tuple[subprocess.CompletedProcess[bytes], Path]]) -> list[dict[str, Any]]:
    """What it printed."""
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
        cancelled = counted(today.planned)[Story.CANCELLED_AFTER]
        assert (
            erp["sales"] == erp["creates_applied"] == summary["orders_by_state"]["imported"] + cancelled == today.sold
        )
        assert erp["creates_changed"] >= sum(each.amended for each in today.planned) > 0
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
    unexplained = sum(each.story is Story.REFUNDED and not each.amended for each in planned)
    for summary in summaries:
        assert sum(summary["orders_by_state"].values()) == _ORDERS
        assert _counted(summary["held"]) == {
            ("order.contradiction", "finance"): stories[Story.CONTRADICTORY],
            ("sku.unknown", "ecommerce"): stories[Story.SKU_MISSING],
            ("tax.unmapped", "finance"): 1,
        }
        assert summary["orders_by_state"]["waiting"] == stories[Story.UNPAID]
        assert summary["orders_by_state"]["excluded"] == stories[Story.TEST]
        assert summary["orders_by_state"]["cancelled"] == sum(
            stories[story] for story in (Story.CANCELLED_FIRST, Story.CANCELLED_AFTER, Story.SKU_CANCELLED)
        )
        assert _counted(summary["after_import"]) == {
            ("carrier.unmapped", "operations"): sum(each.handling is Handling.UNMAPPED for each in planned),
            ("fulfilment.residual", "operations"): stories[Story.CANCELLED_SHIPPED],
            ("order.cancelled", "operations"): stories[Story.CANCELLED_SHIPPED],
            ("order.edited", "operations"): stories[Story.EDITED_PICKED],
            ("payout.fee", "finance"): 1,
            ("payout.repeated", "finance"): 1,
            ("refund.uncredited", "finance"): unexplained,
            ("refund.unpaid", "finance"): 1,
            ("sale.differs", "finance"): 1,
        }, "what came before the pick was applied, and needs nobody"
        for row in (*summary["held"], *summary["after_import"]):
            assert all(float(amount) > 0 for amount in row["amounts"].values())
            assert row["amounts"]


def _counted(rows: list[dict[str, Any]]) -> dict[tuple[str, str], int]:
    return {(row["kind"], row["owner"]): row["orders"] for row in rows}


def test_what_the_warehouse_does_disturbs_nothing(summaries: list[dict[str, Any]]) -> None:
    """Shipments, parcels, holds and stock moves are in the ERP as they were played, and its ledger balances."""
    planned = day(_SEED, _ORDERS).planned
    handled = [each.handling for each in planned if each.handling is not Handling.NONE]
    assert set(handled) == set(HANDLED)
    handled += [Handling.WHOLE for each in planned if each.story is Story.CANCELLED_SHIPPED]
    not_left = handled.count(Handling.PACKED) + handled.count(Handling.HELD)
    for summary in summaries:
        warehouse = summary["warehouse"]
        assert warehouse["packed"] == handled.count(Handling.PACKED)
        assert warehouse["on_hold"] == handled.count(Handling.HELD)
        second_parts = warehouse["shipped"] - (len(handled) - not_left)
        assert 0 < second_parts <= handled.count(Handling.PARTIAL)
        assert warehouse["parcels"] == warehouse["shipped"] + handled.count(Handling.TWO_PARCELS)
        assert warehouse["moves"] > 600
        assert float(warehouse["ledger_difference"]) == 0


def test_every_sales_channel_shows_what_it_may_sell_and_what_is_oversold_has_another_cause(
    summaries: list[dict[str, Any]],
) -> None:
    """Figures are told by flows whose answers are lost now and then; only a race and a channel's policy oversell."""
    today = day(_SEED, _ORDERS)
    for summary in summaries:
        stock = summary["stock"]
        assert stock["figures"] == 3 * len({*today.arriving_skus, *today.scarce_skus, *(p.sku for p in today.products)})
        assert stock["levels_received"] - stock["levels_repeated"] <= stock["levels_published"]
        assert stock["starts"] > 3
        assert stock["oversold"] == {
            "beyond_told": {"web": SCARCE, "europe": 0, "outlet": 0},
            "raced": SCARCE * SCARCE_STOCK,
            "told_too_much": 0,
        }


def test_every_shipment_is_told_and_proven_told_but_those_that_have_a_reason(summaries: list[dict[str, Any]]) -> None:
    """Sales channels say themselves what they know. A carrier without a name, and orders that were cancelled there."""
    planned = day(_SEED, _ORDERS).planned
    for summary in summaries:
        shipments, shipped = summary["shipments"], summary["warehouse"]["shipped"]
        told = shipments["told"]
        held = sum(each.handling is Handling.UNMAPPED for each in planned)
        cancelled = counted(planned)[Story.CANCELLED_SHIPPED]
        assert told == {"told": shipped - held - cancelled, "untold": 0, "held": held, "cancelled": cancelled}
        assert shipments["proven"] == told["told"] > 15
        assert shipments["received"] - shipments["received_again"] == told["told"]
        assert shipments["received_again"] <= shipments["possible_repeats"] * told["told"]
        assert shipments["starts"] >= 3


def test_the_day_ends_with_payouts_that_are_explained_and_posted(summaries: list[dict[str, Any]]) -> None:
    """To the cent: nothing is unexplained but what was planted, and that is found one by one; the ledger balances."""
    for summary in summaries:
        money = summary["money"]
        assert money["payouts"] == money["payouts_proven"] == 4
        assert money["lines"] > _ORDERS
        assert {currency: float(amount) for currency, amount in money["unexplained"].items()} == {"EUR": 0, "USD": 0}
        assert [each["plant"] for each in money["planted"] if each["found"]] == [
            each["plant"] for each in money["planted"]
        ]
        assert {each["plant"] for each in money["planted"]} == {plant.value for plant in Plant}
        ledger = money["ledger"]
        assert ledger["moves"] > len(ledger["batches"]) == 3
        assert ledger["unbalanced"] == 0
        assert [float(batch["difference"]) for batch in ledger["batches"]] == [0, 0, 0]
        assert float(ledger["not_posted"]["EUR"]) > 1_000


def test_orders_of_which_nothing_is_left_to_do_are_closed(summaries: list[dict[str, Any]]) -> None:
    """Shipped, told, paid out, and posted; or cancelled, with the money back. All others wait for something."""
    for summary in summaries:
        money = summary["money"]
        assert money["closed"] > 15
        assert money["closed"] + sum(money["open_by_cause"].values()) == summary["erp"]["sales"]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_books(summaries: list[dict[str, Any]], tmp_path: Path) -> None:
    """Whatever the timing was, the books of both sandboxes are equal without server ids and times."""
    first, second = summaries[0]["digests"], msgspec.json.decode(_demo(tmp_path).stdout)["digests"]
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
    assert b"100 to 10000 orders" in run.stderr
    assert not list(tmp_path.iterdir())
