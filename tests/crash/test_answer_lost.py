"""Fulfil applies creates and loses the answers: nothing is doubled or lost, and each lost answer costs one look.

By default 400 orders; with SEAMLINE_CRASH_RUNS, 2,000.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flows.demo.orders import generate
from runtime.testing.faults import FaultRule
from tests.benchmarks.world import metric
from tests.crash.world import CREATE, PRODUCTS, Settings, opened

pytestmark = pytest.mark.anyio

SEED = 31
LOST = 0.05
QUICK, FULL = 400, 2_000


@pytest.mark.timeout(600)
async def test_each_lost_answer_is_looked_up_once_and_nothing_is_sent_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One create in twenty is applied and never answered; the books and the product's own figures agree on it."""
    orders = FULL if "SEAMLINE_CRASH_RUNS" in os.environ else QUICK
    faults = (FaultRule(route=CREATE, kind="answer_lost", probability=LOST),)
    with opened(tmp_path, Settings(seed=SEED, faults=faults)) as world:
        await world.start()
        await world.send(generate(SEED, orders, products=PRODUCTS))
        await world.rest(60.0)
        verdict = await world.verdict()
        books, figures = await world.books(), await world.metrics()
    lost_answers = books["create_order"]["applied_answer_lost"]
    with capsys.disabled():
        print(f"\n{orders} creates: {lost_answers} answers lost, {verdict.looks} lookups, {verdict.sales} sales")
    assert verdict.holds, verdict
    assert verdict.sales == books["create_order"]["applied"] == orders
    assert books["create_order"]["repeated"] == 0
    assert 0 < lost_answers == verdict.looks == books["calls"][CREATE]["dropped"]
    assert metric(figures, "seamline_api_outcomes_unknown_total") == lost_answers
    assert metric(figures, 'seamline_api_looks_total{found="true"}') == lost_answers
    assert metric(figures, "seamline_api_looks_total") == lost_answers
