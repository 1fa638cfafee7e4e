"""Every event of the runtime: what it means, what is logged of it, what it counts. The one file to read about them.

Events of one message are `debug`: their metrics tell them better than a line each. `partition` is always one that is
configured, or empty; `api`, `actor`, `kind`, `result`, `state` and `reason` are words of the code, never of a sender.
"""

from __future__ import annotations

from typing import Final, Literal

from runtime.telemetry.event import SECONDS, Counter, Event, Gauge, Histogram, Key, Quoting, Sentence, TraceId

_FAST: Final = (0.0001, 0.00025, 0.0005, *SECONDS[:10])
"""Buckets for what waits for the processor, or for one commit."""

# -- what comes in -----------------------------------------------------------------------------------------------------


class DeliveriesAccepted(Event, frozen=True):
    """Deliveries of one request are on disk and were answered; `known` of them had been there before."""

    event = "deliveries.accepted"
    metrics = (
        Counter("seamline_deliveries_new_total", "Deliveries stored for the first time.", ("partition",), amount="new"),
        Counter(
            "seamline_deliveries_known_total", "Deliveries that were stored before.", ("partition",), amount="known"
        ),
        Histogram(
            "seamline_intake_answer_seconds",
            "From the headers of an accepted request to its answer.",
            ("partition",),
            value="seconds",
        ),
    )
    partition: str
    new: int
    known: int
    seconds: float


class RequestRefused(Event, frozen=True):
    """A request of a sender was answered with a refusal, and nothing of it was stored."""

    event = "request.refused"
    level = "warning"
    metrics = (
        Counter("seamline_requests_refused_total", "Requests refused, nothing stored.", ("partition", "reason")),
    )
    partition: str
    reason: str


# -- the journal -------------------------------------------------------------------------------------------------------


class Committed(Event, frozen=True):
    """One transaction of the journal became durable, with the units of everybody who waited for it."""

    event = "journal.committed"
    metrics = (
        Counter("seamline_journal_units_total", "Units of work made durable.", amount="units"),
        Counter("seamline_journal_rows_total", "Rows written by durable transactions.", amount="rows"),
        Histogram(
            "seamline_journal_commit_seconds",
            "From the begin of a transaction until it is durable.",
            value="seconds",
            buckets=_FAST,
        ),
    )
    units: int
    rows: int
    seconds: float


class CommitRefused(Event, frozen=True):
    """A transaction of the journal found no room, or another program writes to the store; it is tried again."""

    event = "journal.refused"
    level = "error"
    metrics = (Counter("seamline_journal_refused_total", "Transactions that could not be written just then."),)
    reason: str


class StoreMeasured(Event, frozen=True):
    """The files of the journal and the room on their disk were measured."""

    event = "store.measured"
    metrics = (
        Gauge("seamline_store_file_bytes", "Size of the journal's file, without its free pages.", value="file_bytes"),
        Gauge("seamline_store_wal_bytes", "Size of the journal's write-ahead log.", value="wal_bytes"),
        Gauge("seamline_store_disk_free_bytes", "Room left on the disk of the journal.", value="free_bytes"),
    )
    file_bytes: int
    wal_bytes: int
    free_bytes: int


class MessagesFound(Event, frozen=True):
    """Messages that an earlier process had left for an actor were found on disk at the start."""

    event = "messages.found"
    level = "info"
    metrics = (
        Counter("seamline_messages_found_total", "Messages found on disk at start.", ("actor",), amount="messages"),
    )
    actor: str
    messages: int


# -- actors ------------------------------------------------------------------------------------------------------------


class Stepped(Event, frozen=True):
    """An actor decided on a batch of messages."""

    event = "actor.stepped"
    metrics = (
        Counter("seamline_actor_messages_total", "Messages decided on.", ("actor",), amount="messages"),
        Histogram(
            "seamline_actor_turn_seconds",
            "Time an actor spent on one batch of messages.",
            ("actor",),
            value="seconds",
            buckets=_FAST,
        ),
    )
    actor: str
    messages: int
    seconds: float


class MessageParked(Event, frozen=True):
    """A decision raised; its message is set aside, and its key waits for a person. The journal has the whole reason."""

    event = "message.parked"
    level = "error"
    metrics = (
        Counter("seamline_messages_parked_total", "Messages set aside because a decision raised.", ("actor", "kind")),
    )
    actor: str
    kind: str
    reason: Quoting
    key: Key


# -- outside APIs ------------------------------------------------------------------------------------------------------


class CallEnded(Event, frozen=True):
    """One attempt of an outside call ended: `done`, `looked`, or with the kind of its failure."""

    event = "call.ended"
    metrics = (
        Counter("seamline_api_calls_total", "Attempts of outside calls that ended.", ("api", "kind", "result")),
        Histogram(
            "seamline_api_call_seconds", "Duration of attempts of outside calls.", ("api", "kind"), value="seconds"
        ),
    )
    api: str
    kind: str
    result: str
    seconds: float
    trace_id: TraceId = ""


class CallThrottled(Event, frozen=True):
    """An outside call had to wait for its turn in the budget of the API."""

    event = "call.throttled"
    metrics = (
        Counter("seamline_api_throttled_calls_total", "Calls that waited for the API's budget.", ("api",)),
        Counter(
            "seamline_api_throttled_seconds_total",
            "Time that calls waited for the API's budget.",
            ("api",),
            amount="seconds",
        ),
    )
    api: str
    seconds: float


class OutcomeUnknown(Event, frozen=True):
    """The answer to an outside write was lost: it may or may not have been applied, and a look will tell."""

    event = "outcome.unknown"
    level = "warning"
    metrics = (
        Counter("seamline_api_outcomes_unknown_total", "Outside writes whose answer was lost.", ("api", "kind")),
    )
    api: str
    kind: str
    cause: Quoting
    trace_id: TraceId = ""


class Looked(Event, frozen=True):
    """An outside API told whether a write whose answer was lost had been applied."""

    event = "outcome.looked"
    level = "info"
    metrics = (
        Counter("seamline_api_looks_total", "Answered looks for lost outcomes, by finding.", ("api", "kind", "found")),
    )
    api: str
    kind: str
    found: bool


class CircuitChanged(Event, frozen=True):
    """Calls of an outside API are held back (open), tried with one probe (half_open), or made again (closed)."""

    event = "circuit.changed"
    level = "warning"
    metrics = (Counter("seamline_api_circuit_changes_total", "Changes of an API's circuit.", ("api", "state")),)
    api: str
    state: Literal["closed", "open", "half_open"]


class LimitLearned(Event, frozen=True):
    """An outside API told, or let us find out, how many requests a second it takes."""

    event = "limit.learned"
    level = "info"
    metrics = (
        Gauge(
            "seamline_api_limit_requests_per_second",
            "Rate limit of the API as last learned.",
            ("api",),
            value="limit_per_s",
        ),
    )
    api: str
    limit_per_s: float


# -- the process -------------------------------------------------------------------------------------------------------


class ProcessStarted(Event, frozen=True):
    """The process is ready: its store is open and everything runs."""

    event = "process.started"
    level = "info"
    metrics = (
        Gauge(
            "seamline_process_ready_seconds", "From the start of the process until it was ready.", value="ready_seconds"
        ),
        Gauge("seamline_store_epoch", "How often the store has been opened for writing.", value="epoch"),
    )
    version: str
    epoch: int
    ready_seconds: float
    listening: Sentence
    """The addresses that were opened."""


class Draining(Event, frozen=True):
    """The process is ending in order, and has come to this step."""

    event = "process.draining"
    level = "info"
    step: str


class ProcessStopped(Event, frozen=True):
    """The process ends. Status 0 was asked for; any other is told by its reason."""

    event = "process.stopped"
    level = "warning"
    exit_status: int
    reason: Sentence


class Restarted(Event, frozen=True):
    """A part of the process failed and is started again."""

    event = "part.restarted"
    level = "error"
    metrics = (Counter("seamline_part_restarts_total", "Restarts of parts that failed.", ("part",)),)
    part: str
    reason: Quoting


class PartSilent(Event, frozen=True):
    """A part of the process has work and has shown no progress for longer than it may."""

    event = "part.silent"
    level = "error"
    metrics = (Counter("seamline_part_silences_total", "Times a part with work fell silent.", ("part",)),)
    part: str
    silent_seconds: float


class Paused(Event, frozen=True):
    """A person stopped an actor or a partition. `by` is an account or a role, never a person's name."""

    event = "work.paused"
    level = "warning"
    metrics = (Counter("seamline_pauses_total", "Actors and partitions stopped by people.", ("scope",)),)
    scope: Literal["actor", "partition"]
    name: str
    by: Sentence


class Resumed(Event, frozen=True):
    """A person let an actor or a partition go on. `by` is an account or a role, never a person's name."""

    event = "work.resumed"
    level = "warning"
    metrics = (Counter("seamline_resumes_total", "Actors and partitions let go on by people.", ("scope",)),)
    scope: Literal["actor", "partition"]
    name: str
    by: Sentence


class LoopLag(Event, frozen=True):
    """The event loop ran a timer this much later than it was due."""

    event = "loop.lagged"
    metrics = (
        Histogram(
            "seamline_loop_lag_seconds", "Lateness of a timer of the event loop.", value="seconds", buckets=_FAST
        ),
    )
    seconds: float


# -- signals -----------------------------------------------------------------------------------------------------------


class SignalRaised(Event, frozen=True):
    """Something needs the attention of whoever runs the process, until it is cleared."""

    event = "signal.raised"
    level = "error"
    metrics = (Counter("seamline_signals_raised_total", "Signals raised for whoever runs the process.", ("kind",)),)
    kind: str
    subject: Key


class SignalCleared(Event, frozen=True):
    """What a signal had told of is over."""

    event = "signal.cleared"
    level = "info"
    metrics = (Counter("seamline_signals_cleared_total", "Signals that are over.", ("kind",)),)
    kind: str
    subject: Key


# -- telemetry itself --------------------------------------------------------------------------------------------------


class SpansExported(Event, frozen=True):
    """The trace receiver took spans."""

    event = "spans.exported"
    metrics = (Counter("seamline_spans_exported_total", "Spans that the trace receiver took.", amount="count"),)
    count: int


class ExportFailed(Event, frozen=True):
    """The trace receiver could not be reached or took nothing; the same spans will be sent again."""

    event = "export.failed"
    level = "warning"
    metrics = (Counter("seamline_span_export_failures_total", "Exports that will be repeated.", ("reason",)),)
    reason: str


class SpansDropped(Event, frozen=True):
    """Spans will never reach the trace receiver: it refused them, or they waited too long. The timeline keeps them."""

    event = "spans.dropped"
    level = "warning"
    metrics = (Counter("seamline_spans_dropped_total", "Spans given up.", ("reason",), amount="count"),)
    reason: str
    count: int


class LogEventsDropped(Event, frozen=True):
    """Log lines were lost because nobody read them fast enough."""

    event = "log.dropped"
    level = "warning"
    metrics = (Counter("seamline_log_events_dropped_total", "Log lines that were lost.", amount="count"),)
    count: int


class RepeatsCollapsed(Event, frozen=True):
    """An event repeated so fast that only its first lines were logged; this many more were not."""

    event = "log.collapsed"
    level = "info"
    of: str
    count: int


class LibraryLogged(Event, frozen=True):
    """A library logged a message. Its text is not repeated, because it may quote anything; `place` finds it."""

    event = "library.logged"
    level = "warning"
    metrics = (Counter("seamline_library_messages_total", "Messages logged by libraries.", ("logger", "severity")),)
    logger: str
    severity: Literal["debug", "info", "warning", "error"]
    exception: str
    place: Key


class TelemetryFailed(Event, frozen=True):
    """An event could not be counted or logged. That is a defect of ours; what the event tells of went on."""

    event = "telemetry.failed"
    level = "error"
    metrics = (Counter("seamline_telemetry_failures_total", "Events that could not be counted or logged.", ("of",)),)
    of: str
    exception: str
