"""The demo's summary says what the figures say, and calls a day good only when it was."""

from __future__ import annotations

import msgspec
import pytest

from flows.demo.observer import Books, Creates, Fault, Finding
from flows.demo.scrape import Metrics
from flows.demo.sender import Sent
from flows.demo.summary import Pace, Summary, held_by_cause, pace, summarised
from flows.demo.traffic import day
from flows.demo.world import Stopped

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


def test_orders_are_counted_once_per_cause() -> None:
    """Two cases of one kind at one order are one; cases of imported orders, and of no order, are apart."""
    orders = [
        {"key": "web/1", "state": "held"},
        {"key": "web/2", "state": "imported"},
        {"key": "web/3", "state": "held"},
    ]
    holds = [
        {"subject": "web/1", "kind": "order.contradiction"},
        {"subject": "web/1", "kind": "order.contradiction"},
        {"subject": "web/3", "kind": "sku.unknown"},
        {"subject": "web/2", "kind": "order.edited"},
        {"subject": "system/fulfil", "kind": "api.unavailable"},
    ]
    held, after = held_by_cause(orders, holds)
    assert held == {"order.contradiction": 1, "sku.unknown": 1}
    assert after == {"order.edited": 1, "api.unavailable": 1}


def _summary() -> Summary:
    summary = summarised(
        1,
        day(1, 50),
        Sent(),
        orders=[{"key": "web/1", "state": "imported"}],
        holds=[],
        books=Books(
            sales_count=2,
            lookups=1,
            create_order=Creates(applied=2, applied_answer_lost=1, repeated=0, updated=0, repeated_with_change=0),
            calls={"create": {"200": 2, "429": 3, "500": 1, "503": 1, "dropped": 1}, "look": {"200": 1, "dropped": 1}},
        ),
        metrics=Metrics("# TYPE seamline_api_outcomes_unknown counter\nseamline_api_outcomes_unknown_total 4\n"),
        digest="d",
        findings=(),
        morning=Pace(orders_per_s=1.0, import_p50_s=None, import_p99_s=None),
        wall_s=1.0,
    )
    return msgspec.structs.replace(summary, ended={"it": Stopped(0, 0.1, in_time=True)})


def test_trouble_is_counted_over_all_routes() -> None:
    """Throttled, failed and cut calls add up, and every call counts towards the calls per sale."""
    summary = _summary()
    assert (summary.erp_throttled, summary.erp_server_errors, summary.erp_dropped) == (3, 2, 2)
    assert (summary.outcomes_unknown, summary.answers_lost, summary.lookups) == (4, 1, 1)
    assert summary.erp_calls_per_sale == 5.0
    assert summary.orders_by_state == {"imported": 1}


def test_a_day_is_good_only_without_any_trouble() -> None:
    """A finding, a complaint of the sender, a status other than 0 or a kill each spoil it."""
    good = _summary()
    assert good.good
    for change in (
        {"findings": (Finding(Fault.LOST, "web/1", "gone"),)},
        {"complaints": ("delivery 3 was refused",)},
        {"ended": {"it": Stopped(1, 0.1, in_time=True)}},
        {"ended": {"it": Stopped(0, 30.0, in_time=False)}},
    ):
        assert not msgspec.structs.replace(good, **change).good
