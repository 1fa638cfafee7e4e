"""Log lines: one per event, on standard error, as JSON or logfmt, in UTC with milliseconds.

A line holds the event's declared fields and nothing else, so what was not declared cannot leak. Text is made harmless
for terminals. An event that repeats too fast is logged a few times, then counted. Whoever logs never waits and never
fails: a line that nobody reads fast enough is lost, and `write` says so. What libraries log is reduced to an event.
"""

from __future__ import annotations

import contextlib
import enum
import logging
import os
import re
import select
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import msgspec

from runtime.clock import Clock, Instant, to_datetime
from runtime.telemetry.event import LEVELS, Event, Level, Mark, fields_of
from runtime.telemetry.events import LibraryLogged, RepeatsCollapsed

Form = Literal["json", "logfmt"]

Put = Callable[[bytes], bool]
"""Takes one line, at once; False when there is no room for it."""

LINE_BYTES_MAX: Final = 4_096
"""A write of this size to a pipe that has room is not split and does not wait (POSIX: at most PIPE_BUF)."""

_TEXT_MAX: Final = 300
_US_PER_S: Final = 1_000_000
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line breaks, reversals of the direction of text, halves of characters."""
_BARE = re.compile(r"[^\s=\"\\]+")


class _Window:
    """The repeats of one event since `began`."""

    __slots__ = ("began", "seen")

    def __init__(self, began: int) -> None:
        self.began, self.seen = began, 0


class LogLines:
    """See the module. Of each event at most `repeats_max` lines are written in `repeats_period_s`."""

    def __init__(
        self,
        clock: Clock,
        put: Put,
        *,
        level: Level = "info",
        form: Form = "json",
        repeats_max: int = 10,
        repeats_period_s: float = 10.0,
    ) -> None:
        self._clock, self._put = clock, put
        self._least = LEVELS.index(level)
        self._encode = _json if form == "json" else _logfmt
        self._repeats_max, self._period_us = repeats_max, int(repeats_period_s * _US_PER_S)
        self._windows: dict[type[Event], _Window] = {}
        self._lock = threading.RLock()  # libraries log from threads, and perhaps while we write

    def wants(self, kind: type[Event]) -> bool:
        """Whether events of this class are logged at all."""
        return LEVELS.index(kind.level) >= self._least

    def write(self, event: Event) -> bool:
        """Log the event, or count it as a repeat. False when its line was lost. Never raises, never waits."""
        try:
            with self._lock:
                now = self._clock.now()
                window = self._window(type(event), now)
                window.seen += 1
                return window.seen > self._repeats_max or self._line(event, now)
        except Exception:  # noqa: BLE001 - the caller counts the loss; there is nothing it could mend
            return False

    def tell_repeats(self, *, all_of_them: bool = False) -> None:
        """Log how often events repeated in periods that are over, or, at the end of the process, in all of them."""
        with self._lock, contextlib.suppress(Exception):
            now = self._clock.now()
            for kind, window in list(self._windows.items()):
                if all_of_them or self._is_over(window, now):
                    self._close(kind, window, now)

    def _window(self, kind: type[Event], now: Instant) -> _Window:
        window = self._windows.get(kind)
        if window is not None and self._is_over(window, now):
            self._close(kind, window, now)
            window = None
        if window is None:
            window = self._windows[kind] = _Window(now)
        return window

    def _is_over(self, window: _Window, now: Instant) -> bool:
        return not 0 <= now - window.began < self._period_us  # below 0: somebody set the clock back

    def _close(self, kind: type[Event], window: _Window, now: Instant) -> None:
        self._windows.pop(kind, None)
        if window.seen > self._repeats_max:
            self._line(RepeatsCollapsed(of=kind.event, count=window.seen - self._repeats_max), now)

    def _line(self, event: Event, now: Instant) -> bool:
        head = {"ts": _timestamp(now), "level": event.level, "event": event.event}
        line = self._encode(head | _shown(event)) + b"\n"
        if len(line) > LINE_BYTES_MAX:
            line = self._encode(head | {"cut": True}) + b"\n"
        return self._put(line)


def to_stream(fd: int) -> Put:
    """Writes lines to an open file, terminal, pipe or socket, unless it has no room just now."""

    def put(line: bytes) -> bool:
        if not select.select((), (fd,), (), 0)[1]:
            return False
        return os.write(fd, line) == len(line)

    return put


# -- from an event to a line -------------------------------------------------------------------------------------------


def _timestamp(now: Instant) -> str:
    return to_datetime(now).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _shown(event: Event) -> dict[str, Any]:
    """The fields that have something to say, as they may be shown."""
    shown = {}
    for name, field in fields_of(type(event)).items():
        value = getattr(event, name)
        if isinstance(value, enum.Enum):
            value = value.value
        if isinstance(value, str):
            value = harmless(value.partition(":")[0] if field.mark is Mark.HEAD_ONLY else value)
        elif isinstance(value, float):
            value = round(value, 6)
        if value is not None and value != "":
            shown[name] = value
    return shown


def harmless(text: str) -> str:
    """Text of bounded length, in which whatever could command a terminal or break a line is spelt out."""
    if len(text) > _TEXT_MAX:
        text = text[:_TEXT_MAX] + "…"
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


_json = msgspec.json.Encoder().encode


def _logfmt(line: dict[str, Any]) -> bytes:
    return " ".join(f"{name}={_logfmt_value(value)}" for name, value in line.items()).encode()


def _logfmt_value(value: Any) -> str:
    if isinstance(value, str) and _BARE.fullmatch(value):
        return value
    return _json(value).decode()


# -- what libraries log ------------------------------------------------------------------------------------------------


class _LibraryLog(logging.Handler):
    """Turns what a library logs into an event: who, how bad, which exception, where; not the text."""

    def __init__(self, emit: Callable[[Event], object]) -> None:
        super().__init__(logging.WARNING)
        self._emit = emit

    def emit(self, record: logging.LogRecord) -> None:
        """Tell the event."""
        exception = record.exc_info[0] if record.exc_info else None
        self._emit(
            LibraryLogged(
                logger=record.name,
                severity=_severity(record.levelno),
                exception=exception.__name__ if exception is not None else "",
                place=f"{record.filename}:{record.lineno}",
            )
        )


def _severity(levelno: int) -> Level:
    if levelno >= logging.ERROR:
        return "error"
    if levelno >= logging.WARNING:
        return "warning"
    return "info" if levelno >= logging.INFO else "debug"


@contextlib.contextmanager
def libraries_bridged(emit: Callable[[Event], object]) -> Iterator[None]:
    """While the block runs, warnings and errors that libraries log become events, and reach nobody otherwise."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = [_LibraryLog(emit)]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:] = handlers
        root.setLevel(level)
