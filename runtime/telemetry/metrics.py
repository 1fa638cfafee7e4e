"""Counts and measures what events tell, hands them to the log, and shows the result to whoever scrapes.

Everything is prepared when the `Telemetry` is built: an event costs a dictionary look-up per metric. Telling something
never fails for the caller; what cannot be counted or logged is itself counted. The number of series is bounded: label
sets beyond the limit of a metric share one in which every label is `other`.
"""

from __future__ import annotations

import itertools
import operator
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import prometheus_client as prometheus
from prometheus_client import exposition
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector, CollectorRegistry

from runtime.telemetry.event import Counter, Event, Field, Gauge, Histogram, fields_of, label_value, problems
from runtime.telemetry.events import LogEventsDropped, TelemetryFailed
from runtime.telemetry.logs import LogLines

LABEL_SETS_MAX: Final = 500
"""Label sets of one metric, unless told otherwise."""

_KNOWN_MAX: Final = 200
_OTHER: Final = "other"
_NONE: Final[Mapping[str, Iterable[str]]] = {}

Read = Callable[[], Iterable[tuple[Sequence[str], float]]]
"""Values at this moment, each with its labels in the declared order. Called for each scrape; must be quick."""

_Update = Callable[[Any], None]


class Telemetry:
    """See the module. `emit` is what everybody is given.

    `events` are the classes that may be emitted. `known` holds, by label name, the values that are certain to come, so
    that their series exist from the start with 0. Raises ValueError with everything that is wrong with the events.
    """

    def __init__(
        self,
        events: Iterable[type[Event]],
        *,
        version: str,
        log: LogLines | None = None,
        known: Mapping[str, Iterable[str]] = _NONE,
        label_sets_max: int = LABEL_SETS_MAX,
    ) -> None:
        kinds: list[type[Event]] = list(dict.fromkeys((*events, LogEventsDropped, TelemetryFailed)))
        _check(kinds)
        self.registry = CollectorRegistry(auto_describe=False)
        self._log = log
        self._known = {name: tuple(values) for name, values in known.items()}
        self._label_sets_max = label_sets_max
        self._lines_lost = 0
        self._overflows: dict[tuple[str, ...], float] = {}
        self._plans: dict[type[Event], tuple[_Update, ...]] = {
            kind: tuple(self._compile(metric, fields_of(kind)) for metric in kind.metrics) for kind in kinds
        }
        if log is not None:
            for kind in kinds:
                if log.wants(kind):
                    self._plans[kind] = (self._write, *self._plans[kind])
        self.register_counter(
            "seamline_label_sets_over_limit_total",
            "Times an event was counted under `other`, because its metric has too many label sets.",
            ("metric",),
            self._overflows.items,
        )
        prometheus.ProcessCollector(registry=self.registry)
        build = prometheus.Info("seamline_build", "What runs here.", registry=self.registry)
        build.info({"version": version, "python": platform.python_version()})

    # -- telling -------------------------------------------------------------------------------------------------------

    def emit(self, event: Event) -> None:
        """Count, measure and log one event. Never raises and never waits."""
        try:
            for update in self._plans[type(event)]:
                update(event)
        except Exception as error:  # noqa: BLE001 - telemetry must not stop what it tells of
            self._failed(type(event).__name__, error)

    def _failed(self, of: str, error: Exception) -> None:
        failure = TelemetryFailed(of=of, exception=type(error).__name__)
        try:
            for update in self._plans[TelemetryFailed]:
                update(failure)
        except Exception:  # noqa: BLE001, S110 - nobody is left to tell
            pass

    def _write(self, event: Event) -> None:
        assert self._log is not None  # noqa: S101 - only planned where there is a log
        if not self._log.write(event):
            self._lines_lost += 1
            self._plans[LogEventsDropped][-1](LogEventsDropped(count=1))
        elif self._lines_lost and self._log.write(LogEventsDropped(count=self._lines_lost)):
            self._lines_lost = 0

    # -- what is read at each scrape -----------------------------------------------------------------------------------

    def register_gauge(self, name: str, help_: str, labels: Sequence[str], read: Read) -> None:
        """A gauge whose values `read` gives at each scrape. Raises ValueError for a name that is taken."""
        self._register(GaugeMetricFamily, name, help_, labels, read)

    def register_counter(self, name: str, help_: str, labels: Sequence[str], read: Read) -> None:
        """A counter that somebody else keeps; `name` ends in `_total`. Raises ValueError for a name that is taken."""
        if not name.endswith("_total"):
            raise ValueError(f"{name!r} is a counter, and its name does not end in _total")
        self._register(CounterMetricFamily, name, help_, labels, read)

    def _register(
        self,
        family: type[GaugeMetricFamily | CounterMetricFamily],
        name: str,
        help_: str,
        labels: Sequence[str],
        read: Read,
    ) -> None:
        def failed(error: Exception) -> None:
            self._failed(name, error)

        self.registry.register(_Reading(lambda: family(name, help_, labels=labels), read, self._label_sets_max, failed))

    # -- showing -------------------------------------------------------------------------------------------------------

    def render(self, accept: str) -> tuple[bytes, str]:
        """All metrics and their content type: OpenMetrics (with exemplars) if `accept` names it, else plain text."""
        if self._log is not None:
            self._log.tell_repeats()
        shown = _WithoutCreated(self.registry)
        if _takes_openmetrics(accept):
            return openmetrics.generate_latest(shown), openmetrics.CONTENT_TYPE_LATEST  # type: ignore[no-untyped-call]
        return exposition.generate_latest(shown), exposition.CONTENT_TYPE_PLAIN_0_0_4

    # -- preparing -----------------------------------------------------------------------------------------------------

    def _compile(self, metric: Counter | Histogram | Gauge, fields: Mapping[str, Field]) -> _Update:
        if isinstance(metric, Gauge):
            return self._gauge(metric)
        if isinstance(metric, Counter):
            counter = prometheus.Counter(metric.name, metric.help, metric.labels, registry=self.registry)
            return _count(
                self._child_of(counter, metric, fields), _number(metric.amount), exemplar="trace_id" in fields
            )
        histogram = prometheus.Histogram(
            metric.name, metric.help, metric.labels, registry=self.registry, buckets=metric.buckets
        )
        return _observe(self._child_of(histogram, metric, fields), _number(metric.value), exemplar="trace_id" in fields)

    def _gauge(self, metric: Gauge) -> _Update:
        """A gauge is shown from its first event on: 0 would be a lie before."""
        values: dict[tuple[str, ...], float] = {}
        labels, number = _labels(metric.labels), _number(metric.value)
        self.register_gauge(metric.name, metric.help, metric.labels, values.items)

        def update(event: Event) -> None:
            key = tuple(map(label_value, labels(event)))
            if key not in values and len(values) >= self._label_sets_max:
                key = self._overflow(metric.name, len(key))
            values[key] = number(event)

        return update

    def _child_of(
        self, parent: Any, metric: Counter | Histogram, fields: Mapping[str, Field]
    ) -> Callable[[Event], Any]:
        """What finds the series that an event belongs to."""
        if not metric.labels:
            return lambda _event: parent
        children: dict[tuple[Any, ...], Any] = {}
        labels, label_sets_max = _labels(metric.labels), self._label_sets_max
        for values in self._known_label_sets(metric.labels, fields):
            parent.labels(*values)
        other = parent

        def child(event: Event) -> Any:
            nonlocal other
            key = labels(event)
            known = children.get(key)
            if known is not None:
                return known
            if len(children) < label_sets_max:
                known = children[key] = parent.labels(*map(label_value, key))
                return known
            if other is parent:
                other = parent.labels(*[_OTHER] * len(key))
            self._overflow(metric.name, len(key))
            return other

        return child

    def _known_label_sets(self, labels: Sequence[str], fields: Mapping[str, Field]) -> list[tuple[str, ...]]:
        """All combinations of known values; none when a label has no known values, or when they are too many."""
        values = [self._known.get(label, fields[label].known_values()) for label in labels]
        return list(itertools.islice(itertools.product(*values), min(_KNOWN_MAX, self._label_sets_max)))

    def _overflow(self, metric: str, labels: int) -> tuple[str, ...]:
        self._overflows[(metric,)] = self._overflows.get((metric,), 0) + 1
        return (_OTHER,) * labels


def _check(kinds: Sequence[type[Event]]) -> None:
    found = [problem for kind in kinds for problem in problems(kind)]
    for what, names in (
        ("event", [kind.event for kind in kinds]),
        ("metric", [metric.name for kind in kinds for metric in kind.metrics]),
    ):
        found += [f"the {what} {name} is declared more than once" for name in _repeated(names)]
    if found:
        raise ValueError("The declared events are wrong:\n" + "\n".join(found))


def _repeated(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


# -- parts of an update ------------------------------------------------------------------------------------------------


def _labels(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    if not names:
        return lambda _event: ()
    if len(names) == 1:
        get = operator.attrgetter(names[0])
        return lambda event: (get(event),)
    return operator.attrgetter(*names)


def _number(number: str | float) -> Callable[[Any], float]:
    return operator.attrgetter(number) if isinstance(number, str) else lambda _event: number


def _count(child_of: Callable[[Event], Any], amount: Callable[[Any], float], *, exemplar: bool) -> _Update:
    def update(event: Any) -> None:
        added = amount(event)
        if added > 0:
            child_of(event).inc(added, _exemplar(event) if exemplar else None)

    return update


def _observe(child_of: Callable[[Event], Any], value: Callable[[Any], float], *, exemplar: bool) -> _Update:
    def update(event: Any) -> None:
        child_of(event).observe(value(event), _exemplar(event) if exemplar else None)

    return update


def _exemplar(event: Any) -> dict[str, str] | None:
    return {"trace_id": event.trace_id} if event.trace_id else None


# -- parts of a scrape -------------------------------------------------------------------------------------------------


class _Reading(Collector):
    """A metric whose samples are read at each scrape; one that cannot be read is left out and counted."""

    def __init__(
        self,
        family: Callable[[], GaugeMetricFamily | CounterMetricFamily],
        read: Read,
        samples_max: int,
        failed: Callable[[Exception], None],
    ) -> None:
        self._family, self._read, self._samples_max, self._failed = family, read, samples_max, failed

    def describe(self) -> Iterable[Metric]:
        """The name, so that it cannot be taken twice."""
        return [self._family()]

    def collect(self) -> Iterable[Metric]:
        """The metric with its samples now."""
        family = self._family()
        try:
            for labels, value in itertools.islice(self._read(), self._samples_max + 1):
                family.add_metric(labels, value)
        except Exception as error:  # noqa: BLE001 - one gauge must not take the others away
            self._failed(error)
            return []
        return [family]


class _WithoutCreated(Collector):
    """The metrics of a registry without the time at which each series began: twice the series, read by nobody."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """As the registry, less those samples."""
        for metric in self._registry.collect():
            if metric.type in {"counter", "histogram"}:
                created = f"{metric.name}_created"
                metric.samples = [sample for sample in metric.samples if sample.name != created]
            yield metric


def _takes_openmetrics(accept: str) -> bool:
    """Whether an Accept header names OpenMetrics 1.0 with a quality above 0."""
    for part in accept.lower().split(","):
        kind, *parameters = (each.strip() for each in part.split(";"))
        given = dict(each.split("=", 1) for each in parameters if "=" in each)
        if kind == "application/openmetrics-text" and given.get("version", "1.0.0") == "1.0.0":
            return given.get("q", "1") not in {"0", "0.0", "0.00", "0.000"}
    return False
