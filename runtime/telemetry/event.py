"""What an event of the runtime is, and how it says which metrics it feeds.

An event is a frozen struct: its class names it, gives it a level and declares its metrics; its fields are all that can
ever be logged of it. So metrics, logs and their documentation have one source, and nothing is measured or logged that
was not declared. A module of events is read with `declared_in`, and `problems` finds what is wrong with a declaration.
"""

from __future__ import annotations

import enum
import functools
import inspect
import re
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

Level = Literal["debug", "info", "warning", "error"]
LEVELS: Final[tuple[Level, ...]] = ("debug", "info", "warning", "error")
"""From the least severe to the most."""


class Mark(enum.Enum):
    """What is special about a field. An unmarked field takes few values, and may be a label."""

    LOG_ONLY = "log_only"
    """Takes many values, all harmless: logged, never a label."""
    HEAD_ONLY = "head_only"
    """May quote what came from outside: only what stands before its first colon is logged, and it is never a label."""


Key = Annotated[str, Mark.LOG_ONLY]
"""A subject's key."""
TraceId = Annotated[str, Mark.LOG_ONLY]
"""32 hexadecimal digits, or empty. In a field named `trace_id` it becomes the exemplar of the event's metrics."""
Sentence = Annotated[str, Mark.LOG_ONLY]
"""A sentence of our own."""
Quoting = Annotated[str, Mark.HEAD_ONLY]
"""`ValueError: <anything at all>`, of which `ValueError` is logged."""

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Buckets for what waits for a network or a disk."""


class _Spec(msgspec.Struct, frozen=True):
    """A metric as declared: its full name, the sentence that documents it, the fields that are its labels."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


class Counter(_Spec, frozen=True, kw_only=True):
    """Adds `amount`, a number or the name of a field, at each event. What is not above 0 adds nothing."""

    amount: str | float = 1


class Histogram(_Spec, frozen=True, kw_only=True):
    """Counts the values of the field `value` by bucket (upper bounds, ascending)."""

    value: str
    buckets: tuple[float, ...] = SECONDS


class Gauge(_Spec, frozen=True, kw_only=True):
    """Is set to `value`, a number or the name of a field, at each event."""

    value: str | float


Metric = Counter | Histogram | Gauge


class Event(msgspec.Struct, frozen=True):
    """Something that happened in this process. Subclasses say what, in a sentence, and set the class variables."""

    event: ClassVar[str] = ""
    """Its name in the log and in the documentation, `noun.verb`; stable once released."""
    level: ClassVar[Level] = "debug"
    """How much it matters to whoever reads the log. What happens for every message is `debug`."""
    metrics: ClassVar[tuple[Metric, ...]] = ()
    """What it counts, measures or sets."""


def declared_in(module: types.ModuleType) -> tuple[type[Event], ...]:
    """The event classes that a module defines, in its order."""
    found = [each for each in vars(module).values() if inspect.isclass(each) and issubclass(each, Event)]
    return tuple(each for each in found if each.__module__ == module.__name__ and not each.__name__.startswith("_"))


# -- looking at a declaration ------------------------------------------------------------------------------------------


class Field(msgspec.Struct, frozen=True):
    """One field of an event: its name, its types without marks (several for a union), and its mark."""

    name: str
    types: tuple[Any, ...]
    mark: Mark | None

    def known_values(self) -> tuple[str, ...]:
        """The label values that its type allows, where there is an end to them."""
        if self.types == (bool,):
            return "false", "true"
        values: list[str] = []
        for each in self.types:
            if get_origin(each) is Literal:
                values += map(label_value, get_args(each))
            elif inspect.isclass(each) and issubclass(each, enum.Enum):
                values += map(label_value, each)
            else:
                return ()
        return tuple(values)


@functools.cache
def fields_of(kind: type[Event]) -> Mapping[str, Field]:
    """The fields of an event class by name, in their order."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: _field(name, hints[name]) for name in kind.__struct_fields__}


def _field(name: str, hint: Any) -> Field:
    mark = None
    if get_origin(hint) is Annotated:
        hint, *extras = get_args(hint)
        mark = next((extra for extra in extras if isinstance(extra, Mark)), None)
    union = get_origin(hint) in (types.UnionType, Union)
    return Field(name, get_args(hint) if union else (hint,), mark)


def label_value(value: object) -> str:
    """How a field's value is written as a label."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value.value) if isinstance(value, enum.Enum) else str(value)


# -- what can be wrong with a declaration ------------------------------------------------------------------------------

_EVENT = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)+")
_METRIC = re.compile(r"seamline(_[a-z][a-z0-9]*)+")
_OTHER_UNITS = re.compile(r"_(ms|us|ns|millis|micros|\w+seconds|minutes|hours|days|kb|mb|gb|kib|mib|kilobytes)(_|$)")
_RESERVED = {"ts", "level", "event", "metrics"}
_PLAIN = (str, int, float, bool, types.NoneType)


def problems(kind: type[Event]) -> Iterator[str]:
    """Sentences that say what is wrong with the declaration of an event; none when it is sound."""
    where = kind.__name__
    if not _EVENT.fullmatch(kind.event):
        yield f"{where}: its name {kind.event!r} is not of the form `noun.verb`"
    if kind.level not in LEVELS:
        yield f"{where}: its level {kind.level!r} is none of {', '.join(LEVELS)}"
    if not (kind.__doc__ or "").strip() or kind.__doc__ == Event.__doc__:
        yield f"{where}: no docstring says what happened"
    fields = fields_of(kind)
    for name, field in fields.items():
        if name in _RESERVED:
            yield f"{where}.{name}: every log line has a field of this name already"
        if not all(_is_plain(each) for each in field.types):
            yield f"{where}.{name}: an event holds text, numbers and truth values, not {field.types}"
    for metric in kind.metrics:
        for complaint in _metric_problems(metric, fields):
            yield f"{where}, {metric.name}: {complaint}"


def _is_plain(kind: Any) -> bool:
    return (
        kind in _PLAIN or get_origin(kind) is Literal or (inspect.isclass(kind) and issubclass(kind, enum.Enum | str))
    )


def _metric_problems(metric: Metric, fields: Mapping[str, Field]) -> Iterator[str]:
    if not _METRIC.fullmatch(metric.name):
        yield "its name is not of the form seamline_<noun>_<unit>"
    if _OTHER_UNITS.search(metric.name.replace("_seconds", "")) is not None:
        yield "time is measured in seconds and size in bytes"
    if isinstance(metric, Counter) is not metric.name.endswith("_total"):
        yield "the names of counters, and only they, end in _total"
    if not metric.help.strip():
        yield "no sentence documents it"
    if isinstance(metric, Histogram) and list(metric.buckets) != sorted(set(metric.buckets)):
        yield "its buckets do not ascend"
    for label in metric.labels:
        yield from _label_problems(label, fields.get(label))
    number = metric.amount if isinstance(metric, Counter) else metric.value
    if isinstance(number, str):
        field = fields.get(number)
        if field is None:
            yield f"there is no field {number!r} to take the number from"
        elif not set(field.types) <= {int, float, bool}:
            yield f"{number!r} is not a number"


def _label_problems(label: str, field: Field | None) -> Iterator[str]:
    if field is None:
        yield f"there is no field {label!r} to take the label from"
    elif field.mark is not None:
        yield f"{label!r} takes too many values for a label ({field.mark.value})"
    elif types.NoneType in field.types or float in field.types:
        yield f"{label!r} is not text, a whole number or a truth value, and cannot be a label"
