"""The harness measures what it says: tried on a few orders, so that it is noticed when it breaks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from flows.demo.orders import catalogue
from tests.benchmarks.answering import World
from tests.benchmarks.formats import measured
from tests.benchmarks.payloads import ROWS
from tests.benchmarks.settings import PRODUCTS, SEED
from tests.benchmarks.world import metric

_ROOT = Path(__file__).resolve().parents[2]


def test_a_small_run_of_the_floor_counts_every_order_once(tmp_path: Path) -> None:
    """Forty orders as fast as they go and ten at a fixed rate: all created once, with figures that can be true."""
    options = ["--floor-only", "--json", "--rounds", "1", "--orders", "40", "--rate", "50", "--paced-s", "0.2"]
    command = [sys.executable, "-m", "tests.benchmarks.bench", *options, "--place", str(tmp_path)]
    run = subprocess.run(command, cwd=_ROOT, env=dict(os.environ), capture_output=True, check=False)
    assert run.returncode == 0, run.stderr.decode()
    figures = msgspec.json.decode(run.stdout)["median"]["floor"]
    assert 10 < figures["orders_per_s"] < 20_000
    assert 2 / 40 <= figures["commits_per_order"] <= 2
    assert 0 < figures["sale_p50_ms"] < 10_000
    assert figures["generator_share"] < 1


def test_a_create_is_made_once_and_counted_every_time() -> None:
    """The same identifier is the same sale; the second call shows as a duplicate."""
    world = World()
    body = b'[1,{"channel_identifier":"5001","reference":"#1"}]'
    assert world.create(body) == world.create(body)
    assert {key: world.stats()[key] for key in ("distinct", "creates", "duplicates")} == {
        "distinct": 1,
        "creates": 2,
        "duplicates": 1,
    }


@pytest.mark.parametrize(
    ("question", "first", "count"),
    [
        (b'[[], 0, 100, [["id","ASC"]], ["code","write_date"]]', 0, 100),
        (b'[[["id",">",450]], 0, 500, [["id","ASC"]], ["code"]]', 450, 50),
        (b'{"filters":[["active","=",true]],"offset":490,"limit":500}', 490, 10),
        (b'[[["write_date",">",{"__class__":"datetime","iso_string":"2026-11-20T00:00:00"}]], 0, 500]', 0, 0),
        (b"[]", 0, 500),
    ],
)
def test_the_catalogue_is_answered_in_pages(question: bytes, first: int, count: int) -> None:
    """By offset, by keyset, as positions or as an object; nothing has changed since the beginning."""
    page = msgspec.json.decode(World().product_page(question))
    assert [product["code"] for product in page] == [
        product.sku for product in catalogue(SEED, PRODUCTS)[first : first + count]
    ]


def test_a_metric_is_summed_over_the_samples_that_carry_the_labels() -> None:
    """Names are matched whole, labels in any order; only a metric that is declared can be zero."""
    text = '# TYPE a gauge\n# TYPE late_total counter\na{b="c",d="e"} 2\na{b="c"} 3\na{b="f"} 5\na_total 7\n'
    assert metric(text, 'a{b="c"}') == 5
    assert metric(text, "a") == 10
    assert metric(text, "a_total") == 7
    assert metric(text, 'late_total{b="c"}') == 0
    with pytest.raises(LookupError):
        metric(text, "missing")


@pytest.mark.parametrize("name", ROWS)
def test_orders_of_every_format_are_read_proven_and_mapped_in_the_benchmark(name: str) -> None:
    """Each way ends as it has to; each but the first contains the one before it."""
    figures = measured(name, pairs=2).replace(" x", "").split()[-7:]
    decoded_us, read_us, _, proven_us, _, mapped_us, _ = map(float, figures)
    assert decoded_us > 0
    assert 0 < read_us < proven_us < mapped_us
