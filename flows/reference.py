"""The reference pages, rendered from the code they describe: settings, metrics, events, exceptions, statements.

Pure functions from declarations to Markdown. `seamline reference --to deploy/reference` writes the pages, and
tests/architecture/test_docs.py fails when those that are checked in say something else than the code.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from inspect import cleandoc, isclass
from types import MappingProxyType, NoneType
from typing import Any, Final, Literal, get_args, get_origin

import msgspec

from flows import events as business_events
from flows.config import Config
from flows.exceptions.kinds import KINDS, Kind
from flows.gauges import register_gauges
from flows.model.schema import ORDERS
from runtime.config import ENVIRONMENT_PREFIX, describe
from runtime.journal.schema import JOURNAL
from runtime.journal.statements import Statements
from runtime.telemetry import events as runtime_events
from runtime.telemetry.event import Counter, Event, Field, Histogram, Mark, Metric, declared_in, fields_of

_MADE: Final = "*Made from the code by `seamline reference`; do not edit.*"
_MARKS: Final = {Mark.LOG_ONLY: "logged, never a label", Mark.HEAD_ONLY: "logged up to its first colon"}
_S_PER_HOUR: Final = 3_600


class MetricRow(msgspec.Struct, frozen=True, kw_only=True):
    """One metric as it is documented. `fed_by` names the event that feeds it; empty when it is read at each scrape."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str
    fed_by: str


_OF_TELEMETRY: Final = (
    MetricRow(
        name="seamline_build_info", kind="gauge", labels=("version", "python"), help="What runs here.", fed_by=""
    ),
    MetricRow(
        name="seamline_config_info",
        kind="gauge",
        labels=("config",),
        help="The fingerprint of the configuration, without its secrets.",
        fed_by="",
    ),
    MetricRow(
        name="seamline_label_sets_over_limit_total",
        kind="counter",
        labels=("metric",),
        help="Times an event was counted under `other`, because its metric has too many label sets.",
        fed_by="",
    ),
)
"""What telemetry says of itself. A test compares these, like all others, with what a running process shows."""


def settings() -> str:
    """Every setting, section by section."""
    intro = (
        "One TOML file. Unknown keys are refused; `seamline check` lists every problem at once, with its line.\n"
        f"Any setting can be overridden by the environment: `{ENVIRONMENT_PREFIX}OPS__PORT=9191` sets `ops.port`.\n"
        "A secret stands in the file only as a reference: `env:NAME`, or `file:path` (relative to the file's own\n"
        "directory, and readable by no other user). An example with every section: `deploy/seamline.example.toml`."
    )
    return _page("Settings", intro, describe(Config))


def metrics() -> str:
    """Every metric: name, kind, labels, meaning, and the event that feeds it."""
    intro = (
        "What `GET /metrics` of the private listener shows. `partition` is the sales channel; no label ever holds\n"
        "an order, a SKU or a person. A counter's series with free labels begins with its first event, so ask for\n"
        "what is new with `x unless x offset 15m` beside `increase(x[15m])`. Besides these there are the `process_*`\n"
        "metrics of the Prometheus client (memory, CPU, start time, open files)."
    )
    rows = [
        (f"`{row.name}`", row.kind, ", ".join(row.labels), row.help, f"`{row.fed_by}`" if row.fed_by else "each scrape")
        for row in metric_rows()
    ]
    return _page("Metrics", intro, _table(("metric", "kind", "labels", "meaning", "fed by"), rows))


def events() -> str:
    """Every event: what it tells, how loud it is logged, and its fields."""
    intro = (
        "An event is a log line, its fields are all that line can hold, and its metrics are counted whether or not it\n"
        "is logged. `telemetry.log_level` says from which level on lines are written; beside its fields each line has\n"
        "`ts`, `level` and `event`. Declared in `runtime/telemetry/events.py` and `flows/events.py`."
    )
    return _page("Events", intro, "\n".join(_event(kind) for kind in event_kinds()))


def exceptions() -> str:
    """Every kind of exception: whose it is, how soon, what it blocks, how it ends, what to do."""
    intro = (
        "Everything that can be held, wrong or late. `seamline holds` lists the open ones. What to do about each is\n"
        "told at length in `deploy/runbook/exceptions.md`. Declared in `flows/exceptions/kinds.py`."
    )
    return _page("Exceptions", intro, "\n".join(_exception(kind) for kind in KINDS.values()))


def statements() -> str:
    """Every named SQL statement, with its sentence."""
    intro = "Every statement that Seamline runs on its store, in the order in which one commit runs them."
    parts = []
    for path, file in (
        ("runtime/journal/queries.sql", JOURNAL.queries),
        ("flows/model/queries.sql", ORDERS.queries),
    ):
        rows = [(f"`{each.name}`", each.about) for each in Statements(file).all()]
        parts.append(f"## `{path}`\n\n{_table(('statement', 'what for'), rows)}")
    return _page("Statements", intro, "\n".join(parts))


PAGES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "settings.md": settings,
        "metrics.md": metrics,
        "events.md": events,
        "exceptions.md": exceptions,
        "statements.md": statements,
    }
)
"""The pages by file name."""


# -- what there is -----------------------------------------------------------------------------------------------------


def event_kinds() -> tuple[type[Event], ...]:
    """Every event that can be emitted: the runtime's, then those of the business."""
    return (*declared_in(runtime_events), *declared_in(business_events))


def metric_rows() -> list[MetricRow]:
    """Every metric under its own name, sorted."""
    fed = [_fed(metric, kind) for kind in event_kinds() for metric in kind.metrics]
    listing = _Listing()
    nothing: Any = None
    register_gauges(listing.register_gauge, nothing, nothing, nothing, nothing)
    return sorted([*fed, *listing.rows, *_OF_TELEMETRY], key=lambda row: row.name)


class _Listing:
    """Stands where the running app would: notes the gauges that are registered, and reads none of them."""

    def __init__(self) -> None:
        self.rows: list[MetricRow] = []

    def register_gauge(self, name: str, help_: str, labels: Sequence[str], _read: Callable[[], Any]) -> None:
        self.rows.append(MetricRow(name=name, kind="gauge", labels=tuple(labels), help=help_, fed_by=""))


def _fed(metric: Metric, kind: type[Event]) -> MetricRow:
    word = {Counter: "counter", Histogram: "histogram"}.get(type(metric), "gauge")
    return MetricRow(name=metric.name, kind=word, labels=metric.labels, help=metric.help, fed_by=kind.event)


# -- parts of pages ----------------------------------------------------------------------------------------------------


def _page(title: str, intro: str, body: str) -> str:
    return f"# {title}\n\n{_MADE}\n\n{intro}\n\n{body.strip()}\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"

    return "\n".join([line(head), "|" + "---|" * len(head), *map(line, rows)]) + "\n"


def _event(kind: type[Event]) -> str:
    fields = [f"`{field.name}` ({_field(field)})" for field in fields_of(kind).values()]
    feeds = [f"`{metric.name}`" for metric in kind.metrics]
    lines = [f"## `{kind.event}`", "", f"{cleandoc(kind.__doc__ or '')}", "", f"- level: {kind.level}"]
    lines += [f"- fields: {', '.join(fields)}"] if fields else []
    lines += [f"- feeds: {', '.join(feeds)}"] if feeds else []
    return "\n".join(lines) + "\n"


def _field(field: Field) -> str:
    words = " or ".join(_words(field.types))
    return f"{words}; {_MARKS[field.mark]}" if field.mark is not None else words


def _words(kinds: Sequence[Any]) -> Iterator[str]:
    plain = {str: "text", int: "integer", float: "number", bool: "true or false", NoneType: "nothing"}
    for kind in kinds:
        if get_origin(kind) is Literal:
            yield ", ".join(f"`{value}`" for value in get_args(kind))
        elif isclass(kind) and issubclass(kind, enum.Enum):
            yield ", ".join(f"`{value.value}`" for value in kind)
        else:
            yield plain.get(kind, "text")


def _exception(kind: Kind) -> str:
    rows = [
        ("owner", kind.owner.value),
        ("deadline", _span(kind.deadline)),
        ("blocks", kind.blocks),
        ("ends by itself", kind.ends),
        ("what a person does", kind.remedy),
        *([("lever", ", or ".join(each.value for each in kind.levers))] if kind.levers else []),
    ]
    return f"## `{kind.name}`\n\n{kind.title}.\n\n{_table(('', ''), rows)}"


def _span(span: timedelta) -> str:
    hours, rest = divmod(int(span.total_seconds()), _S_PER_HOUR)
    parts = [f"{hours} h"] if hours else []
    return " ".join([*parts, *([f"{rest // 60} min"] if rest else [])])
