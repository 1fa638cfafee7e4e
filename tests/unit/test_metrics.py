"""What is counted, measured, shown and bounded; and that telling something never fails."""

from __future__ import annotations

import shutil
import subprocess
import timeit
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from runtime.clock import Instant, SystemClock
from runtime.telemetry import events
from runtime.telemetry.event import Counter, Event, Gauge, Histogram, TraceId, declared_in
from runtime.telemetry.logs import LogLines
from runtime.telemetry.metrics import Telemetry
from tests.unit.test_events import EVENTS, sample

TRACE = "0af7651916cd43dd8448eb211c80319c"
OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


class Called(Event, frozen=True):
    """A call ended."""

    event = "call.made"
    level = "info"
    metrics = (
        Counter("seamline_calls_total", "Calls.", ("api", "result")),
        Histogram("seamline_call_seconds", "Time.", ("api",), value="seconds", buckets=(0.1, 1.0)),
    )
    api: str
    result: Literal["done", "failed"]
    seconds: float
    trace_id: TraceId = ""


class Stored(Event, frozen=True):
    """Rows were stored."""

    event = "rows.stored"
    metrics = (
        Counter("seamline_rows_total", "Rows.", amount="rows"),
        Gauge("seamline_file_bytes", "Size.", value="file_bytes"),
    )
    rows: int
    file_bytes: int


def telemetry(**more: Any) -> Telemetry:
    """Telemetry of the two events above."""
    return Telemetry([Called, Stored], version="1.2.3", **more)


def shown(telemetry: Telemetry) -> dict[str, float]:
    """The samples of a scrape in plain text, by name and labels."""
    families = text_string_to_metric_families(telemetry.render("")[0].decode())
    return dict(_samples(families))


def _samples(families: Any) -> Iterator[tuple[str, float]]:
    family: Metric
    for family in families:
        for each in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(each.labels.items()))
            yield (f"{each.name}{{{labels}}}" if labels else each.name), each.value


def test_an_event_counts_and_measures_under_its_labels() -> None:
    """Two calls with different results are two counts of one API, in the buckets of their durations."""
    told = telemetry()
    told.emit(Called("erp", "done", 0.05))
    told.emit(Called("erp", "failed", 0.5))
    samples = shown(told)
    assert samples["seamline_calls_total{api=erp,result=done}"] == 1
    assert samples["seamline_calls_total{api=erp,result=failed}"] == 1
    assert samples["seamline_call_seconds_bucket{api=erp,le=0.1}"] == 1
    assert samples["seamline_call_seconds_bucket{api=erp,le=1.0}"] == 2
    assert samples["seamline_call_seconds_count{api=erp}"] == 2
    assert samples["seamline_call_seconds_sum{api=erp}"] == pytest.approx(0.55)


def test_a_counter_adds_the_field_it_names() -> None:
    """Amounts add up; nothing and less than nothing add nothing."""
    told = telemetry()
    for rows in (3, 0, -5, 4):
        told.emit(Stored(rows, 10))
    samples = shown(told)
    assert samples["seamline_rows_total"] == 7
    assert not any(name.startswith("seamline_telemetry_failures") for name in samples)


def test_a_gauge_is_absent_until_somebody_measured_it() -> None:
    """No gauge says 0 before anything was measured; then it says the last value."""
    told = telemetry()
    assert "seamline_file_bytes" not in shown(told)
    told.emit(Stored(0, 10))
    told.emit(Stored(0, 30))
    assert shown(told)["seamline_file_bytes"] == 30


def test_series_that_are_certain_to_come_exist_from_the_start() -> None:
    """Known values, and those that a type lists, are there with 0; a label without known values waits."""
    told = telemetry(known={"api": ("erp", "hub")})
    samples = shown(told)
    assert {name: samples[name] for name in samples if name.startswith("seamline_calls_total")} == {
        f"seamline_calls_total{{api={api},result={result}}}": 0
        for api in ("erp", "hub")
        for result in ("done", "failed")
    }
    assert samples["seamline_call_seconds_count{api=hub}"] == 0
    assert not any(name.startswith("seamline_calls_total") for name in shown(telemetry()))


def test_label_sets_beyond_the_limit_share_one_series() -> None:
    """Whatever values arrive, a metric has a bounded number of series, and the overflow is counted."""
    told = telemetry(label_sets_max=3)
    for number in range(10):
        told.emit(Called(f"api{number}", "done", 0.05))
    samples = shown(told)
    assert len([name for name in samples if name.startswith("seamline_calls_total")]) == 4
    assert samples["seamline_calls_total{api=other,result=other}"] == 7
    assert samples["seamline_call_seconds_count{api=other}"] == 7
    assert samples["seamline_label_sets_over_limit_total{metric=seamline_calls_total}"] == 7


def test_gauges_beyond_the_limit_share_one_series() -> None:
    """The last value of all that overflow is kept under `other`."""

    class Learned(Event, frozen=True):
        """A limit was learned."""

        event = "limit.told"
        metrics = (Gauge("seamline_limit", "Limit.", ("api",), value="limit"),)
        api: str
        limit: float

    told = Telemetry([Learned], version="1", label_sets_max=2)
    for number in range(5):
        told.emit(Learned(f"api{number}", number))
    told.emit(Learned("api0", 9))
    limits = {name: value for name, value in shown(told).items() if name.startswith("seamline_limit")}
    assert limits == {"seamline_limit{api=api0}": 9, "seamline_limit{api=api1}": 1, "seamline_limit{api=other}": 4}


def test_registered_values_are_read_at_each_scrape() -> None:
    """What a gauge or a counter shows is what its reader says at that moment."""
    depth = {"a": 1.0}
    told = telemetry()
    told.register_gauge(
        "seamline_depth", "Depth.", ("channel",), lambda: [((name,), value) for name, value in depth.items()]
    )
    told.register_counter("seamline_waited_seconds_total", "Waited.", (), lambda: [((), 2.5)])
    assert shown(told)["seamline_depth{channel=a}"] == 1
    depth |= {"a": 5, "b": 2}
    samples = shown(told)
    assert (samples["seamline_depth{channel=a}"], samples["seamline_depth{channel=b}"]) == (5, 2)
    assert samples["seamline_waited_seconds_total"] == 2.5


def test_a_value_that_cannot_be_read_leaves_the_others_alone() -> None:
    """The broken metric is missing from the scrape, and its failure is counted."""

    def broken() -> list[tuple[tuple[str], float]]:
        raise RuntimeError

    told = telemetry()
    told.register_gauge("seamline_broken", "Broken.", ("channel",), broken)
    told.register_gauge("seamline_whole", "Whole.", (), lambda: [((), 1.0)])
    shown(told)
    samples = shown(told)
    assert samples["seamline_whole"] == 1
    assert not any(name.startswith("seamline_broken") for name in samples)
    assert samples["seamline_telemetry_failures_total{of=seamline_broken}"] >= 1


def test_a_name_is_registered_once() -> None:
    """Neither a second reader nor an event's metric can be shadowed; a counter's name says what it is."""
    told = telemetry()
    told.register_gauge("seamline_depth", "Depth.", (), lambda: [((), 1.0)])
    for name in ("seamline_depth", "seamline_file_bytes", "seamline_call_seconds"):
        with pytest.raises(ValueError, match="Duplicated"):
            told.register_gauge(name, "Again.", (), lambda: [((), 1.0)])
    with pytest.raises(ValueError, match="does not end in _total"):
        told.register_counter("seamline_waits", "Waits.", (), lambda: [((), 1.0)])


@pytest.mark.parametrize(
    ("accept", "is_openmetrics"),
    [
        (OPENMETRICS, True),
        ("application/openmetrics-text", True),
        ("text/plain, Application/OpenMetrics-Text; Version=1.0.0; q=0.8", True),
        ("application/openmetrics-text;version=0.0.1", False),
        ("application/openmetrics-text;q=0", False),
        ("text/plain;version=0.0.4", False),
        ("*/*", False),
        ("", False),
        (";;,q=,=", False),
    ],
)
def test_the_scraper_chooses_the_format(accept: str, is_openmetrics: bool) -> None:
    """OpenMetrics for whoever names it, plain text for everybody else."""
    told = telemetry()
    told.emit(Called("erp", "done", 0.05))
    body, content_type = told.render(accept)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0" if is_openmetrics else "text/plain")
    assert body.endswith(b"# EOF\n") is is_openmetrics
    assert b'seamline_calls_total{api="erp",result="done"} 1.0\n' in body


def test_a_trace_id_becomes_an_exemplar() -> None:
    """OpenMetrics shows which trace a count and a bucket last came from; events without one show none."""
    told = telemetry()
    told.emit(Called("erp", "done", 0.05, TRACE))
    told.emit(Called("hub", "done", 0.05))
    body = told.render(OPENMETRICS)[0].decode()
    found = {
        (each.name, each.labels["api"]): each.exemplar.labels
        for family in openmetrics_families(body)  # type: ignore[no-untyped-call]
        for each in family.samples
        if each.exemplar is not None
    }
    assert found == {
        ("seamline_calls_total", "erp"): {"trace_id": TRACE},
        ("seamline_call_seconds_bucket", "erp"): {"trace_id": TRACE},
    }
    assert TRACE not in told.render("")[0].decode()


def test_series_are_not_doubled_by_their_creation_times() -> None:
    """`_created` samples are left out; a metric that happens to end so is not."""
    told = telemetry()
    told.register_gauge("seamline_things_created", "Things created.", (), lambda: [((), 4.0)])
    told.emit(Called("erp", "done", 0.05))
    for accept in ("", OPENMETRICS):
        names = [line.split("{")[0].split(" ")[0] for line in told.render(accept)[0].decode().splitlines()]
        assert [name for name in names if name.endswith("_created")] == ["seamline_things_created"]


def test_the_process_and_its_build_are_shown() -> None:
    """Memory and processor time of the process, and which version it is."""
    samples = shown(telemetry())
    assert samples["process_resident_memory_bytes"] > 0
    assert any(name.startswith("seamline_build_info{") and "version=1.2.3" in name for name in samples)


# -- telling never fails -----------------------------------------------------------------------------------------------


def _log(lines: list[bytes], **more: Any) -> LogLines:
    return LogLines(SystemClock(), lambda line: not lines.append(line), **more)  # type: ignore[func-returns-value]


def test_an_event_that_was_not_declared_is_counted_and_nothing_else_happens() -> None:
    """Whoever emits it goes on."""

    class Stray(Event, frozen=True):
        """Nobody knows it."""

        event = "stray.seen"

    lines: list[bytes] = []
    told = telemetry(log=_log(lines))
    told.emit(Stray())
    assert shown(told)["seamline_telemetry_failures_total{of=Stray}"] == 1
    assert b'"event":"telemetry.failed"' in lines[0]


def test_an_event_that_cannot_be_counted_is_logged_all_the_same() -> None:
    """A value of the wrong type fails the metric, not the log and not the caller."""
    lines: list[bytes] = []
    told = telemetry(log=_log(lines))
    told.emit(Called("erp", "done", "soon"))  # type: ignore[arg-type]
    assert [line.split(b'"event":"')[1].split(b'"')[0] for line in lines] == [b"call.made", b"telemetry.failed"]
    assert shown(told)["seamline_telemetry_failures_total{of=Called}"] == 1


def test_lost_log_lines_are_counted_at_once_and_told_when_there_is_room() -> None:
    """The counter rises while nobody reads; the first line that gets through is followed by how many did not."""
    lines: list[bytes] = []
    room = False

    def put(line: bytes) -> bool:
        if room:
            lines.append(line)
        return room

    told = telemetry(log=LogLines(SystemClock(), put))
    for _ in range(3):
        told.emit(Called("erp", "done", 0.1))
    assert shown(told)["seamline_log_events_dropped_total"] == 3
    room = True
    told.emit(Called("erp", "done", 0.1))
    told.emit(Called("erp", "done", 0.1))
    assert [line.split(b'"event":"')[1].split(b'"')[0] for line in lines] == [
        b"call.made",
        b"log.dropped",
        b"call.made",
    ]
    assert b'"count":3' in lines[1]


def test_what_is_below_the_level_is_counted_but_not_logged() -> None:
    """The level decides about lines, never about metrics."""
    lines: list[bytes] = []
    told = telemetry(log=_log(lines, level="warning"))
    told.emit(Called("erp", "done", 0.1))
    told.emit(Stored(1, 1))
    assert not lines
    assert shown(told)["seamline_rows_total"] == 1


def test_a_scrape_tells_of_repeats_that_are_over() -> None:
    """An event that repeated and stopped gets its count line without another event."""

    class HandClock:
        now_us = 0

        def now(self) -> Instant:
            return Instant(self.now_us)

        def monotonic(self) -> float:
            return 0.0

    clock, lines = HandClock(), list[bytes]()
    log = LogLines(clock, lambda line: not lines.append(line), repeats_max=1)  # type: ignore[func-returns-value]
    told = telemetry(log=log)
    for _ in range(5):
        told.emit(Called("erp", "done", 0.1))
    told.render("")
    assert len(lines) == 1
    clock.now_us = 10_000_000
    told.render("")
    assert len(lines) == 2
    assert b'"event":"log.collapsed","of":"call.made","count":4' in lines[1]


# -- conventions -------------------------------------------------------------------------------------------------------


def test_promtool_finds_nothing_to_complain_about() -> None:
    """Names, units and help of everything that the runtime shows follow Prometheus' conventions."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: the package prometheus)")
    told = Telemetry(EVENTS, version="1", known={"partition": ("shop",), "api": ("erp",), "actor": ("clerk",)})
    for kind in EVENTS:
        told.emit(sample(kind))
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=told.render("")[0], capture_output=True, check=False, timeout=20
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


def test_the_runtime_has_few_series() -> None:
    """Two APIs with five kinds of calls each, six actors and twenty partitions stay far below 5,000 series."""
    partitions = [f"partition{number}" for number in range(20)]
    told = Telemetry(
        declared_in(events),
        version="1",
        known={
            "partition": partitions,
            "api": ("erp", "hub"),
            "kind": "abcde",
            "actor": "uvwxyz",
            "result": "12345678",
        },
    )
    for kind in EVENTS:
        told.emit(sample(kind))
    assert len(shown(told)) < 1_500


@pytest.mark.bench
def test_telling_costs_little() -> None:
    """A counted event costs at most 2 microseconds, one that is also measured at most 6 (on an idle machine)."""
    told = Telemetry(EVENTS, version="1", log=_log([]))

    def cost_us(event: Event) -> float:
        runs = 50_000
        return min(timeit.repeat(lambda: told.emit(event), number=runs, repeat=5)) / runs * 1e6

    counted, measured = cost_us(events.SpansExported(1)), cost_us(events.CallEnded("erp", "create", "done", 0.1))
    exemplified = cost_us(events.CallEnded("erp", "create", "done", 0.1, TRACE))
    print(f"counter {counted:.2f} us, with histogram {measured:.2f} us, with exemplars {exemplified:.2f} us")
    assert counted <= 2
    assert measured <= 6
