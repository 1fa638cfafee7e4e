"""What a log line holds, what it never holds, and that logging neither waits nor fails."""

from __future__ import annotations

import json
import logging
import os
import threading
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest

from runtime.clock import Instant, to_instant
from runtime.telemetry.event import Event, Key, Quoting, Sentence
from runtime.telemetry.events import LibraryLogged, MessageParked, OutcomeUnknown
from runtime.telemetry.logs import LINE_BYTES_MAX, LogLines, libraries_bridged, to_stream

CANARY = "jane.doe@example.com"
NOON = to_instant(datetime(2026, 3, 1, 12, 0, 0, 7_000, tzinfo=UTC))


class HandClock:
    """Time as the test sets it."""

    def __init__(self) -> None:
        self.now_us: int = NOON

    def now(self) -> Instant:
        return Instant(self.now_us)

    def monotonic(self) -> float:
        return self.now_us / 1e6


class Mood(StrEnum):
    CALM = "calm"


class Told(Event, frozen=True):
    """Somebody told something."""

    event = "story.told"
    level = "info"
    api: str
    seconds: float = 0.25
    found: bool = True
    mood: Mood = Mood.CALM
    text: Sentence = ""
    old: int | None = None


class Warned(Event, frozen=True):
    """Somebody warned."""

    event = "story.warned"
    level = "warning"
    key: Key


class Quoted(Event, frozen=True):
    """Somebody quoted."""

    event = "story.quoted"
    level = "error"
    cause: Quoting


class Book:
    """Log lines that were put, and the clock they were stamped with."""

    def __init__(self, **more: Any) -> None:
        self.lines: list[bytes] = []
        self.clock = HandClock()
        self.log = LogLines(self.clock, self.put, **more)

    def put(self, line: bytes) -> bool:
        self.lines.append(line)
        return True

    @property
    def read(self) -> list[dict[str, Any]]:
        """The lines as objects."""
        return [json.loads(line) for line in self.lines]


def test_a_line_is_the_time_the_level_the_name_and_the_fields() -> None:
    """In that order, in UTC with milliseconds, without what is empty."""
    book = Book()
    assert book.log.write(Told("erp", 1 / 3))
    assert book.lines[0] == (
        b'{"ts":"2026-03-01T12:00:00.007Z","level":"info","event":"story.told",'
        b'"api":"erp","seconds":0.333333,"found":true,"mood":"calm"}\n'
    )


def test_logfmt_says_the_same() -> None:
    """One `name=value` each; what is not a bare word is quoted."""
    book = Book(form="logfmt")
    book.log.write(Told("erp", text='two "words"=\n', old=7))
    assert book.lines[0] == (
        b"ts=2026-03-01T12:00:00.007Z level=info event=story.told api=erp seconds=0.25 found=true mood=calm "
        b'text="two \\"words\\"=\\\\u000a" old=7\n'
    )


@pytest.mark.parametrize("form", ["json", "logfmt"])
@pytest.mark.parametrize(
    "evil",
    ["\x1b[31mred\x1b[0m", "\x9b31m", "a\r\nb", "nul\x00", "del\x7f", "\u202egnp.exe", "\u2028", "half\ud800", "\x85"],
)
def test_text_cannot_command_a_terminal_or_break_a_line(form: Any, evil: str) -> None:
    """Control characters, escape sequences, reversed text and broken characters are spelt out."""
    book = Book(form=form)
    assert book.log.write(Warned(evil))
    line = book.lines[0]
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert all(" " <= each < "\x7f" for each in line[:-1].decode())
    assert b"\\u" in line


def test_text_in_any_language_stays_readable() -> None:
    """Only what is dangerous is spelt out."""
    book = Book()
    book.log.write(Warned("Größe 大きさ 🙂"))
    assert book.read[0]["key"] == "Größe 大きさ 🙂"


@pytest.mark.parametrize("form", ["json", "logfmt"])
def test_a_line_is_never_longer_than_a_pipe_takes_at_once(form: Any) -> None:
    """Long text is cut; if that is not enough, the fields are left out and the line says so."""
    book = Book(form=form)
    book.log.write(Warned("x" * 100_000))
    book.log.write(Told("\x01" * 100_000, text="\x02" * 100_000))
    assert all(len(line) <= LINE_BYTES_MAX for line in book.lines)
    assert b"\xe2\x80\xa6" in book.lines[0]
    assert b"cut" in book.lines[1]


def test_what_may_quote_somebody_is_cut_at_its_first_colon() -> None:
    """The kind of an error is logged, what it says is not."""
    book = Book()
    book.log.write(Quoted(f"ValueError: no such customer {CANARY}"))
    book.log.write(MessageParked("clerk", "Ordered", f"KeyError: '{CANARY}'", "shop/1001"))
    book.log.write(OutcomeUnknown("erp", "create", f"the answer was lost: {CANARY}"))
    assert [line.get("cause", line.get("reason")) for line in book.read] == [
        "ValueError",
        "KeyError",
        "the answer was lost",
    ]
    assert CANARY.encode() not in b"".join(book.lines)


def test_the_level_says_what_is_wanted() -> None:
    """An event is wanted from its level on."""
    assert [Book(level=level).log.wants(Told) for level in ("debug", "info", "warning", "error")] == [
        *(True, True, False, False)
    ]


# -- repeats -----------------------------------------------------------------------------------------------------------


def test_an_event_that_repeats_is_logged_a_few_times_and_then_counted() -> None:
    """Of 25 in ten seconds, three are lines; the next one after that is preceded by the count of the others."""
    book = Book(repeats_max=3)
    for _ in range(25):
        assert book.log.write(Told("erp"))
    book.log.write(Warned("shop/1"))
    assert [line["event"] for line in book.read] == ["story.told"] * 3 + ["story.warned"]
    book.clock.now_us += 10_000_000
    book.log.write(Told("erp"))
    assert book.read[4:] == [
        {
            "ts": "2026-03-01T12:00:10.007Z",
            "level": "info",
            "event": "log.collapsed",
            "of": "story.told",
            "count": 22,
        },
        {**book.read[0], "ts": "2026-03-01T12:00:10.007Z"},
    ]


def test_repeats_are_told_when_their_time_is_over_or_at_the_end() -> None:
    """`tell_repeats` tells of periods that are over, and at the end of the process of all."""
    book = Book(repeats_max=1)
    for _ in range(3):
        book.log.write(Told("erp"))
    book.log.tell_repeats()
    assert len(book.lines) == 1
    book.clock.now_us += 10_000_000
    book.log.tell_repeats()
    assert book.read[1]["count"] == 2
    book.log.write(Told("erp"))
    book.log.write(Told("erp"))
    book.log.tell_repeats(all_of_them=True)
    book.log.tell_repeats(all_of_them=True)
    assert [line["event"] for line in book.read[2:]] == ["story.told", "log.collapsed"]


def test_a_clock_that_is_set_back_begins_a_new_period() -> None:
    """Nothing stays silent for the hours that the clock was set back by."""
    book = Book(repeats_max=1)
    book.log.write(Told("erp"))
    book.clock.now_us -= 3_600_000_000
    book.log.write(Told("erp"))
    assert len(book.lines) == 2


# -- never waiting, never failing --------------------------------------------------------------------------------------


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The two ends of a pipe: read, write."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_a_pipe_that_nobody_reads_loses_lines_instead_of_waiting(pipe: tuple[int, int]) -> None:
    """A full pipe makes `write` say no at once; when there is room again, lines come through whole."""
    reader, writer = pipe
    log = LogLines(HandClock(), to_stream(writer), repeats_max=1_000_000)
    written = 0
    while log.write(Warned("x" * 200)):
        written += 1
        assert written < 100_000
    assert not log.write(Warned("lost"))
    read = os.read(reader, 1_048_576)
    assert log.write(Warned("found"))
    lines = (read + os.read(reader, 1_048_576)).splitlines()
    assert len(lines) == written + 1
    assert [json.loads(line)["key"][-5:] for line in lines[-2:]] == ["xxxxx", "found"]


def test_a_stream_that_is_gone_is_a_lost_line() -> None:
    """Failure case 37, where failures are logged: a closed pipe does not reach whoever logs."""
    reader, writer = os.pipe()
    log = LogLines(HandClock(), to_stream(writer))
    os.close(reader)
    assert not log.write(Told("erp"))
    os.close(writer)
    assert not log.write(Told("erp"))


def test_a_file_takes_lines(tmp_path: Any) -> None:
    """A regular file always has room."""
    with (tmp_path / "log").open("wb") as file:
        assert LogLines(HandClock(), to_stream(file.fileno())).write(Told("erp"))
    assert json.loads((tmp_path / "log").read_bytes())["event"] == "story.told"


# -- libraries ---------------------------------------------------------------------------------------------------------


def _raise(text: str) -> None:
    raise ValueError(text)


def test_what_libraries_log_is_reduced_to_who_where_and_which_exception() -> None:
    """Of a message that quotes a person, and of its exception and traceback, nothing of the text is left."""
    book = Book()
    library = logging.getLogger("some.library")
    with libraries_bridged(book.log.write):
        library.error("cannot mail %s", CANARY)
        library.warning(f"cannot mail {CANARY}")
        library.info("mailing %s", CANARY)
        try:
            _raise(f"no such address {CANARY}")
        except ValueError:
            library.exception("mailing %s failed", CANARY, stack_info=True)
    assert [(line["logger"], line["severity"], line.get("exception")) for line in book.read] == [
        ("some.library", "error", None),
        ("some.library", "warning", None),
        ("some.library", "error", "ValueError"),
    ]
    assert all(
        set(line) - {"exception"} == {"ts", "level", "event", "logger", "severity", "place"} for line in book.read
    )
    assert book.read[0]["place"].startswith("test_logs.py:")
    everything = b"".join(book.lines)
    assert CANARY.encode() not in everything
    assert b"jane" not in everything


def test_warnings_of_libraries_go_the_same_way() -> None:
    """A Python warning becomes an event without its text, not a line of its own on standard error."""
    book = Book()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with libraries_bridged(book.log.write):
            warnings.warn(f"deprecated for {CANARY}", UserWarning, stacklevel=1)
    assert [line["logger"] for line in book.read] == ["py.warnings"]
    assert CANARY.encode() not in book.lines[0]


def test_a_broken_message_of_a_library_is_no_failure() -> None:
    """Arguments that do not fit are never formatted, because the text is not used."""
    book = Book()
    with libraries_bridged(book.log.write):
        logging.getLogger("some.library").error("%d %d", CANARY)  # noqa: PLE1206
    assert len(book.lines) == 1


def test_the_root_logger_is_left_as_it_was() -> None:
    """After the block whoever listened before listens again."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    with libraries_bridged(Book().log.write):
        assert root.handlers[:] != before[0]
    assert (root.handlers[:], root.level) == before


def test_threads_of_libraries_write_whole_lines(pipe: tuple[int, int]) -> None:
    """Lines of several threads do not mix."""
    reader, writer = pipe
    log = LogLines(HandClock(), to_stream(writer), repeats_max=1_000)

    def write() -> None:
        for _ in range(50):
            log.write(LibraryLogged("lib", "error", "", "x.py:1"))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = os.read(reader, 1_048_576).splitlines()
    assert {json.loads(line)["logger"] for line in lines} == {"lib"}
    assert len(lines) == 200
