"""The declarations of events: each is sound, documented and does what it declares; what is wrong is named."""

from __future__ import annotations

import json
import types
from enum import Enum, StrEnum
from typing import Any, ClassVar, Literal, get_args, get_origin

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from runtime.clock import SystemClock
from runtime.telemetry import events
from runtime.telemetry.event import (
    Counter,
    Event,
    Gauge,
    Histogram,
    Key,
    Mark,
    Quoting,
    TraceId,
    declared_in,
    fields_of,
    label_value,
    problems,
)
from runtime.telemetry.logs import LogLines
from runtime.telemetry.metrics import Telemetry

EVENTS = declared_in(events)
_NUMBERS = {str: "word", int: 3, float: 0.25, bool: True}


def sample(kind: type[Event]) -> Event:
    """An event of the class with some value in every field."""
    values = []
    for field in fields_of(kind).values():
        plain = field.types[0]
        values.append(get_args(plain)[0] if get_origin(plain) is Literal else _NUMBERS[plain])
    return kind(*values)


def families(telemetry: Telemetry) -> dict[str, Metric]:
    """What a scrape in plain text shows, by name; counters without their `_total`."""
    return {family.name: family for family in text_string_to_metric_families(telemetry.render("")[0].decode())}


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_every_event_of_the_runtime_is_soundly_declared(kind: type[Event]) -> None:
    """A name, a sentence, plain fields, and metrics whose labels and numbers are among them."""
    assert list(problems(kind)) == []
    assert (kind.__doc__ or "").strip().endswith(".")


def test_the_runtime_declares_its_events_and_nothing_that_is_imported() -> None:
    """All of the file's events are found, each name once, and none of what it imports."""
    assert Event not in EVENTS
    assert {events.CallEnded, events.StoreMeasured, events.LibraryLogged} <= set(EVENTS)
    assert len({kind.event for kind in EVENTS}) == len(EVENTS)


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_every_event_feeds_its_metrics_and_shows_only_its_fields(kind: type[Event]) -> None:
    """After one event its metrics have a sample with exactly the declared labels, and its line the declared fields."""
    lines: list[bytes] = []

    def put(line: bytes) -> bool:
        lines.append(line)
        return True

    telemetry = Telemetry(EVENTS, version="1", log=LogLines(SystemClock(), put, level="debug"))
    event = sample(kind)
    telemetry.emit(event)
    shown = families(telemetry)
    for metric in kind.metrics:
        labels = {name: label_value(getattr(event, name)) for name in metric.labels}
        samples = shown[metric.name.removesuffix("_total")].samples
        assert [
            each
            for each in samples
            if {name: value for name, value in each.labels.items() if name != "le"} == labels and each.value > 0
        ], metric.name
    line = json.loads(lines[0])
    assert set(line) == {"ts", "level", "event", *fields_of(kind)}
    assert (line["level"], line["event"]) == (kind.level, kind.event)


def test_no_label_is_shown_that_was_not_declared() -> None:
    """After every event, each metric carries its declared labels and no other."""
    telemetry = Telemetry(EVENTS, version="1")
    for kind in EVENTS:
        telemetry.emit(sample(kind))
    declared = {metric.name.removesuffix("_total"): set(metric.labels) for kind in EVENTS for metric in kind.metrics}
    shown = families(telemetry)
    assert set(declared) <= set(shown)
    for name, labels in declared.items():
        for each in shown[name].samples:
            assert set(each.labels) - {"le"} == labels, name


def test_marked_fields_are_never_labels_of_the_runtime() -> None:
    """Keys, trace ids and sentences take too many values."""
    for kind in EVENTS:
        marked = {name for name, field in fields_of(kind).items() if field.mark is not None}
        for metric in kind.metrics:
            assert not marked & set(metric.labels), metric.name


def test_a_module_of_events_gives_those_it_defines() -> None:
    """Other packages declare their own events with the same means."""
    module = types.ModuleType("flows.somewhere")

    class Elsewhere(Event, frozen=True):
        """It happened."""

    class Here(Event, frozen=True):
        """It happened here."""

    Here.__module__ = "flows.somewhere"
    module.Event, module.Elsewhere, module.Here = Event, Elsewhere, Here  # type: ignore[attr-defined]
    assert declared_in(module) == (Here,)


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Painted(Event, frozen=True):
    """Something got a colour."""

    event = "thing.painted"
    colour: Colour
    wet: bool
    how: Literal["brush", "spray"]
    coats: int
    key: Key
    trace_id: TraceId = ""


def test_the_values_of_a_label_are_known_where_its_type_ends() -> None:
    """Truth values, literals and enumerations can be listed; text and numbers cannot."""
    fields = fields_of(Painted)
    assert fields["colour"].known_values() == ("red", "blue")
    assert fields["wet"].known_values() == ("false", "true")
    assert fields["how"].known_values() == ("brush", "spray")
    assert fields["coats"].known_values() == ()
    assert fields["key"].mark is Mark.LOG_ONLY
    assert [label_value(value) for value in (Colour.RED, True, 3)] == ["red", "true", "3"]


def declared(
    *metrics: Any, name: str = "thing.done", level: Any = "info", doc: str = "It was done.", **more: Any
) -> type[Event]:
    """An event class with these declarations."""
    fields: dict[str, Any] = {
        "api": str,
        "key": Key,
        "cause": Quoting,
        "count": int,
        "seconds": float,
        "old": str | None,
    }
    annotations = {
        **fields,
        **more,
        "event": ClassVar[str],
        "level": ClassVar[str],
        "metrics": ClassVar[tuple[Any, ...]],
    }
    body = {"__annotations__": annotations, "__doc__": doc, "event": name, "level": level, "metrics": metrics}
    return types.new_class("Done", (Event,), {"frozen": True}, lambda space: space.update(body))


class Numbered(Enum):
    ONE = 1


SOUND = (
    declared(Counter("seamline_things_total", "Things.", ("api", "count"))),
    declared(Counter("seamline_wait_seconds_total", "Waiting.", amount="seconds")),
    declared(Histogram("seamline_thing_seconds", "Time.", ("api",), value="seconds", buckets=(0.1, 1.0))),
    declared(Gauge("seamline_thing_bytes", "Size.", value="count")),
    declared(one=Numbered),
)
WRONG = (
    (declared(name="done"), "is not of the form"),
    (declared(name="Thing.Done"), "is not of the form"),
    (declared(level="fatal"), "its level"),
    (declared(doc=""), "no docstring"),
    (declared(ts=str), "has a field of this name already"),
    (declared(body=dict[str, str]), "an event holds text"),
    (declared(body=bytes), "an event holds text"),
    (declared(Counter("things_total", "Things.")), "is not of the form"),
    (declared(Counter("seamline_Things_total", "Things.")), "is not of the form"),
    (declared(Counter("seamline_things", "Things.")), "end in _total"),
    (declared(Gauge("seamline_things_total", "Things.", value=1)), "end in _total"),
    (declared(Histogram("seamline_wait_ms", "Wait.", value="seconds")), "measured in seconds"),
    (declared(Histogram("seamline_wait_milliseconds", "Wait.", value="seconds")), "measured in seconds"),
    (declared(Gauge("seamline_size_mb", "Size.", value="count")), "size in bytes"),
    (declared(Counter("seamline_things_total", " ")), "documents it"),
    (declared(Histogram("seamline_wait_seconds", "Wait.", value="seconds", buckets=(1.0, 0.1))), "do not ascend"),
    (declared(Histogram("seamline_wait_seconds", "Wait.", value="seconds", buckets=(1.0, 1.0))), "do not ascend"),
    (declared(Counter("seamline_things_total", "Things.", ("actor",))), "no field 'actor' to take the label"),
    (declared(Counter("seamline_things_total", "Things.", ("key",))), "too many values"),
    (declared(Counter("seamline_things_total", "Things.", ("cause",))), "too many values"),
    (declared(Counter("seamline_things_total", "Things.", ("seconds",))), "cannot be a label"),
    (declared(Counter("seamline_things_total", "Things.", ("old",))), "cannot be a label"),
    (declared(Counter("seamline_things_total", "Things.", amount="amount")), "no field 'amount'"),
    (declared(Gauge("seamline_things", "Things.", value="api")), "is not a number"),
)


@pytest.mark.parametrize("kind", SOUND)
def test_a_sound_declaration_has_no_problem(kind: type[Event]) -> None:
    """What is allowed is not complained about."""
    assert list(problems(kind)) == []


@pytest.mark.parametrize(("kind", "sentence"), WRONG)
def test_a_wrong_declaration_is_named_and_refused(kind: type[Event], sentence: str) -> None:
    """The one thing that is wrong is said, and no telemetry is built from it."""
    found = list(problems(kind))
    assert len(found) == 1
    assert sentence in found[0]
    with pytest.raises(ValueError, match="declared events are wrong"):
        Telemetry([kind], version="1")


def test_one_name_is_declared_once() -> None:
    """Two events of one name, or two metrics, would be told apart by nobody."""
    first = declared(Counter("seamline_things_total", "Things."))
    same_event = declared(Counter("seamline_others_total", "Others."))
    same_metric = declared(Counter("seamline_things_total", "Things."), name="thing.redone")
    with pytest.raises(ValueError, match=r"the event thing\.done is declared more than once"):
        Telemetry([first, same_event], version="1")
    with pytest.raises(ValueError, match="the metric seamline_things_total is declared more than once"):
        Telemetry([first, same_metric], version="1")
