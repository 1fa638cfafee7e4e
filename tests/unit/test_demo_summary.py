"""The demo's summary says what the figures say, and calls a day good only when it was."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import cast

import aiohttp
import msgspec
import pytest

from flows.demo.hub import ChannelBooks, ChannelLevel, Deliveries, HubBooks, LevelsTaken, NoticesTaken
from flows.demo.keys import Keys
from flows.demo.ledger import Batch, LedgerSeen
from flows.demo.money import Found, Money
from flows.demo.observer import Books, Creates, Fault, Finding, Warehouse
from flows.demo.parcels import Told
from flows.demo.providers import Plant, Planted
from flows.demo.scrape import Metrics
from flows.demo.screen import show_addresses, show_summary
from flows.demo.shelves import Oversold
from flows.demo.stories import day
from flows.demo.summary import Asked, Pace, Summary, Waiting, pace, summarised, waiting
from flows.demo.world import Stopped, World

_TEXT = """\
# TYPE wait_seconds histogram
wait_seconds_bucket{part="a",le="0.1"} 50
wait_seconds_bucket{part="a",le="1.0"} 90
wait_seconds_bucket{part="a",le="+Inf"} 100
wait_seconds_bucket{part="b",le="0.1"} 0
wait_seconds_bucket{part="b",le="1.0"} 100
wait_seconds_bucket{part="b",le="+Inf"} 100
# TYPE calls counter
calls_total{api="x",kind="read"} 3
calls_total{api="x",kind="write"} 4
calls_total{api="y",kind="write"} 5
"""
_COUNTED = """\
# TYPE seamline_api_outcomes_unknown counter
seamline_api_outcomes_unknown_total{api="fulfil"} 4
seamline_api_outcomes_unknown_total{api="patchworks"} 2
# TYPE seamline_stock_levels counter
seamline_stock_levels_total{sales_channel="web"} 11
# TYPE seamline_flow_starts counter
seamline_flow_starts_total{flow="4320"} 5
seamline_flow_starts_total{flow="77"} 3
seamline_flow_starts_total{flow="4330"} 3
# TYPE seamline_flow_possible_repeats counter
seamline_flow_possible_repeats_total{flow="4320"} 1
# TYPE seamline_fulfilment_told_seconds histogram
seamline_fulfilment_told_seconds_bucket{sales_channel="web",le="+Inf"} 4
seamline_fulfilment_told_seconds_count{sales_channel="web"} 4
"""
_ORDERS = [
    {"key": "web/1", "state": "held", "amount": "10.50", "currency": "USD"},
    {"key": "web/2", "state": "imported", "amount": "7.00", "currency": "USD"},
    {"key": "outlet/3", "state": "held", "amount": "4.00", "currency": "GBP"},
    {"key": "web/4", "state": "held", "amount": "0.25", "currency": "USD"},
]
_HOLDS = [
    {"subject": "web/1", "kind": "order.contradiction", "owner": "finance", "amount": "1.00", "currency": "USD"},
    {"subject": "web/1", "kind": "order.contradiction", "owner": "finance", "amount": "2.00", "currency": "USD"},
    {"subject": "web/4", "kind": "sku.unknown", "owner": "ecommerce", "amount": "0.25", "currency": "USD"},
    {"subject": "outlet/3", "kind": "sku.unknown", "owner": "ecommerce", "amount": "4.00", "currency": "GBP"},
    {"subject": "web/2", "kind": "order.edited", "owner": "operations", "amount": "7.00", "currency": "USD"},
    {"subject": "system/fulfil", "kind": "api.unavailable", "owner": "sre", "amount": None, "currency": None},
]


def test_a_scrape_adds_up_what_its_labels_leave_open() -> None:
    """All samples of a name, those with the given labels, and 0 for what is not there."""
    metrics = Metrics(_TEXT)
    assert metrics.total("calls_total") == 12
    assert metrics.total("calls_total", api="x") == 7
    assert metrics.total("calls_total", kind="write") == 9
    assert metrics.total("never_total") == 0
    assert metrics.has("calls_total")
    assert not metrics.has("never_total")


def test_a_quantile_is_read_from_the_buckets_of_all_labels() -> None:
    """Linear within its bucket, the last finite bound beyond it, and unknown without observations."""
    metrics = Metrics(_TEXT)
    assert metrics.quantile("wait_seconds", 0.25) == pytest.approx(0.1)
    assert metrics.quantile("wait_seconds", 0.60) == pytest.approx(0.55)
    assert metrics.quantile("wait_seconds", 0.99) == pytest.approx(1.0)
    assert metrics.quantile("never_seconds", 0.5) is None
    assert pace(10, 2.0, metrics) == Pace(orders_per_s=5.0, import_p50_s=None, import_p99_s=None)


def test_orders_that_wait_are_counted_once_per_cause_with_what_is_at_stake() -> None:
    """Two cases of one kind at one order are one; amounts are the orders' own, by currency, and never mixed."""
    held, after = waiting(_ORDERS, _HOLDS)
    usd, both = {"USD": Decimal("7.00")}, {"GBP": Decimal("4.00"), "USD": Decimal("0.25")}
    worth = {"amounts": {"USD": Decimal("10.50")}, "at_stake": {"USD": Decimal("3.00")}}
    assert held == [
        Waiting(kind="order.contradiction", owner="finance", orders=1, **worth),
        Waiting(kind="sku.unknown", owner="ecommerce", orders=2, amounts=both, at_stake=both),
    ]
    assert after == [
        Waiting(kind="api.unavailable", owner="sre", orders=1, amounts={}, at_stake={}),
        Waiting(kind="order.edited", owner="operations", orders=1, amounts=usd, at_stake=usd),
    ]


def _money() -> Money:
    batch = Batch(
        sales_channel="web",
        currency="USD",
        day=date(2026, 11, 25),
        moves=1,
        amount=Decimal(8461),
        difference=Decimal(0),
    )
    ledger = LedgerSeen(moves=57, unbalanced=0, batches=(batch,), not_posted={"EUR": Decimal("10307.67")})
    planted = Planted(plant=Plant.WRONG_FEE, subject="payout/web/p/1", amount=Decimal(1), currency="USD")
    found = {**msgspec.structs.asdict(planted), "said": "its fee is off"}
    return Money(
        payouts=4,
        payouts_proven=3,
        lines=224,
        ledger=ledger,
        unexplained={"EUR": Decimal(0), "USD": Decimal("0.02")},
        planted=[Found(**found, found=True), Found(**found, found=False)],
        closed=20,
        open_by_cause={"cases": 4, "shipping": 156},
    )


def _summary() -> Summary:
    deliveries = Deliveries(
        attempts={"4310 201": 5, "4410 201": 2, "4310 503": 1, "4310 lost": 3}, accepted=9, distinct=7, keys={}
    )
    levels = (ChannelLevel("MUG", 3), ChannelLevel("LAMP", 0))
    taken = {"stock": LevelsTaken(12, 10), "fulfilments": NoticesTaken(6, 5)}
    channels = {"web": ChannelBooks(orders_count=30, sold_beyond_units=4, levels=levels, **taken)}
    runs = {
        "4310": {"success": 3, "failure": 1, "retries": 1},
        "4410": {"success": 2, "retries": 0},
        "4320": {"success": 9},
        "4331": {"success": 2},
    }
    asked = Asked(
        orders=_ORDERS,
        holds=_HOLDS,
        books=Books(
            sales_count=2,
            lookups=1,
            create_order=Creates(applied=2, applied_answer_lost=1, repeated=0, updated=0, repeated_with_change=0),
            calls={"create": {"200": 2, "429": 3, "500": 1, "503": 1, "dropped": 1}, "look": {"200": 1, "dropped": 1}},
        ),
        hub=HubBooks(sales_channels=channels, flows=runs, deliveries=deliveries, operations=11),
        warehouse=Warehouse(shipped=1, packed=0, on_hold=0, parcels=2, moves=9, ledger_difference=Decimal(0)),
        metrics=Metrics(_COUNTED),
        oversold=Oversold(beyond_told={"web": 4, "outlet": 0}, raced=6, told_too_much=0),
        told=Told(told=5, held=2, cancelled=1),
        money=_money(),
        digests={"fulfil": "d" * 64},
    )
    morning = Pace(orders_per_s=1.0, import_p50_s=None, import_p99_s=None)
    summary = summarised(day(1, 100), asked, findings=(), morning=morning, wall_s=1.0)
    return msgspec.structs.replace(summary, ended={"it": Stopped(0, 0.1, in_time=True)})


def test_trouble_is_counted_over_all_routes() -> None:
    """Throttled, failed and cut calls add up, and every call counts towards the calls per sale."""
    erp = _summary().erp
    assert (erp.throttled, erp.server_errors, erp.dropped) == (3, 2, 2)
    assert (_summary().outcomes_unknown, erp.answers_lost, erp.lookups) == (4, 1, 1)
    assert erp.calls_per_sale == 5.0


def test_deliveries_are_counted_over_all_flows() -> None:
    """Answers by status, runs by their end, and how often a version came again. Flows that take stock bring none."""
    deliveries = _summary().deliveries
    assert deliveries.answers == {"201": 7, "503": 1, "lost": 3}
    assert deliveries.runs == {"success": 5, "failure": 1, "retries": 1}
    assert (deliveries.versions, deliveries.repeats) == (7, 2)


def test_the_table_says_in_words_what_happened(capsys: pytest.CaptureFixture[str]) -> None:
    """Orders by outcome, who must act on how much, what was unknown, what the warehouse did, and where to look."""
    show_summary(_summary())
    shown = " ".join(capsys.readouterr().out.split())
    for words in (
        "100 orders of the sales channels web 30",
        "3 held, 1 imported",
        "order.contradiction, for finance: 1 order of 10.50 USD, 3.00 USD at stake",
        "sku.unknown, for ecommerce: 2 orders of 4.00 GBP + 0.25 USD, 4.00 GBP + 0.25 USD at stake",
        "order.edited, for operations: 1 order of 7.00 USD, 7.00 USD at stake",
        "api.unavailable, for sre: 1 order, no amount",
        "7 acknowledged; 2 times one came again",
        "7 x 201, 1 x 503, 3 answers lost",
        "2 applied, 0 repeated with the same bytes, 0 with those of an edit",
        "while the ERP throttles, fails and loses answers",
        "4, settled by 1 look-ups; 1 answers were lost after the sale was made",
        "11 levels published in 5 starts of flows, 1 of them possible repeats; 2 figures compared",
        "told 5, untold 0, held 2 (carrier not mapped), 1 of orders that were cancelled there; 4 proven told; 3 starts",
        "beyond what was shown: web 4; sold twice at once: 6; told too much: 0",
        "1 shipments done, 0 packed, 0 on hold; 2 parcels, 9 stock moves",
        "3 of 4 proven, 224 lines; 10,307.67 EUR of it not posted",
        "web, 2026-11-25: 8,461.00 USD; debit less credit 0.00",
        "57, 0 of them out of balance",
        "20 settled; the others wait first for: 4 cases, 156 shipping",
        "0.00 EUR + 0.02 USD, of everything that was not planted",
        "wrong fee, 1.00 USD, payout/web/p/1: found: its fee is off",
        "wrong fee, 1.00 USD, payout/web/p/1: NOT FOUND: its fee is off",
        "N=100 KEEP=1 make demo",
        "nothing lost, nothing doubled, every figure right, every planted difference found",
    ):
        assert words in shown, words


def test_what_is_kept_up_says_its_verdict_last_and_what_becomes_of_the_store(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The addresses stand below the table, so the verdict stands below the addresses; a bad day's store is left."""
    keys = Keys(intake="", control="", fulfil="", patchworks="", webhook="")
    world = World(cast("aiohttp.ClientSession", None), Path("store"), keys)
    bad = msgspec.structs.replace(_summary(), findings=(Finding(Fault.LOST, "web/1", "gone"),))
    for summary, store, verdict in (
        (
            _summary(),
            "deletes the logs and the store",
            "nothing lost, nothing doubled, every figure right, every planted difference found",
        ),
        (bad, "leaves the logs and the store", "1 finding"),
    ):
        show_addresses(world, summary)
        *_, end, last = capsys.readouterr().err.splitlines()
        assert end.endswith(f"{store}.")
        assert last == f"observer: {verdict}"


def test_a_day_is_good_only_without_any_trouble() -> None:
    """A finding, a status other than 0 or a kill each spoil it."""
    good = _summary()
    assert good.good
    assert not msgspec.structs.replace(good, findings=(Finding(Fault.LOST, "web/1", "gone"),)).good
    assert not msgspec.structs.replace(good, ended={"it": Stopped(1, 0.1, in_time=True)}).good
    assert not msgspec.structs.replace(good, ended={"it": Stopped(0, 30.0, in_time=False)}).good
