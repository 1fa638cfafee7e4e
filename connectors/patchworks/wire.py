"""What comes back from Patchworks' Core and Start APIs, as structs.

One resource has two shapes: flat objects in the documentation, `id` beside `attributes` (and `relationships`) in what
Patchworks' own client reads. Both are read, ids as opaque text whatever their type. Only an id must be there; a
surprise in another field costs that field alone. Times are taken as UTC, with or without saying so.
Sources: the Core API reference (fields, envelopes), patchworks-mcp (attributes, fallbacks of log fields, statuses).
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Generic, Literal, TypeVar

import msgspec

from connectors.patchworks.failures import clean

Row = TypeVar("Row")

ERROR_LEVELS: Final = ("ERROR", "FATAL")
"""Levels of log lines that count as errors."""
_TEXT_LENGTH_MAX: Final = 100
_MS_FROM: Final = 10**11
"""Epoch numbers from here on are milliseconds."""
_INNER_CAPITAL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Undecodable(ValueError):
    """An answer has none of the shapes that are known for it."""


class RunStatus(enum.IntEnum):
    """How a run stands. A run that still waits is not among the runs; it is a scheduled flow."""

    STARTED = 1
    SUCCESS = 2
    FAILURE = 3
    STOPPED = 4
    PARTIAL_SUCCESS = 5


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a flow. `status` is None when it is none that is known."""

    id: str
    status: RunStatus | None
    trigger: str = ""
    """Lower case: api, manual, router, webhook, schedule, shape, retry, event or callback; perhaps a number."""
    flow_id: str = ""
    flow_version_id: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    has_warnings: bool = False
    has_errors: bool = False
    """Its log has lines of errors (or, where their level is not told, of warnings); only known when asked for."""
    linked_run_ids: tuple[str, ...] = ()
    """The run that this one repeats, or that repeats it: which of the two, Patchworks' documentation does not say."""
    summary: str = ""


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a run's log. `level` in capitals; `message` bounded and without what looks personal."""

    id: str
    level: str = ""
    message: str = ""
    step_id: str = ""
    payload_ids: tuple[str, ...] = ()
    created_at: datetime | None = None

    @property
    def is_error(self) -> bool:
        """Whether the line tells of an error."""
        return self.level in ERROR_LEVELS


class PayloadRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one stored payload, without its content."""

    id: str
    run_id: str = ""
    step_id: str = ""
    size_bytes: int | None = None
    dropped: bool = False
    created_at: datetime | None = None


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """The content of one payload, as it is stored. Personal: never in a message."""

    id: str
    content_type: str
    body: bytes

    def __repr__(self) -> str:
        return f"Payload(id={self.id!r}, content_type={self.content_type!r}, {len(self.body)} bytes)"


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """A flow as the list shows it. `enabled` is None when that is not said."""

    id: str
    name: str = ""
    status: str = ""
    enabled: bool | None = None


class QueuedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that waits to begin (a "scheduled flow")."""

    id: str
    flow_id: str = ""
    flow_version_id: str = ""
    payload_id: str = ""
    trigger: str = ""
    created_at: datetime | None = None


class Tracked(msgspec.Struct, frozen=True, kw_only=True):
    """A value that a flow has tracked, such as a batch id."""

    id: str
    value: str = ""
    run_id: str = ""
    flow_id: str = ""
    success: bool | None = None


class Page(msgspec.Struct, Generic[Row], frozen=True, kw_only=True):
    """One page of a list. `complete`: there is no page after it."""

    rows: tuple[Row, ...]
    number: int
    complete: bool
    total: int | None = None


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A flow has been started, or will be. `run_id` is empty while nobody has told it.

    `evidence`: how we know. `answer`: Patchworks said so. `payload`: a run (or the queue, then without a run id) holds
    our batch. `timing`: a run began by our kind of trigger in our time that nobody else is known to have started, and
    what it works on cannot be read.
    """

    run_id: str = ""
    evidence: Literal["answer", "payload", "timing"] = "answer"


class RetryStarted(msgspec.Struct, frozen=True, kw_only=True):
    """A run has been started again; the new run's id when it was told."""

    run_id: str = ""


# -- decoding ----------------------------------------------------------------------------------------------------------


def decode_page(body: bytes, row: Callable[[dict[str, Any]], Row], *, number: int, per_page: int) -> Page[Row]:
    """A list's envelope: `data`, and `meta` with current_page and last_page. Without `meta` a short page is the last.

    Raises Undecodable, also for a row without an id: leaving it out could leave out a failure.
    """
    content = _object(body)
    data = content.get("data")
    if not isinstance(data, list):
        raise Undecodable("the answer has no list in `data`")
    rows = tuple([row(fields_of(item)) for item in data])
    meta = content.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    current, last = _count(meta.get("current_page")), _count(meta.get("last_page"))
    if current is not None and current != number:
        raise Undecodable(f"page {current} came where page {number} was asked for")
    complete = len(rows) < per_page if last is None else number >= last
    return Page(rows=rows, number=number, complete=complete or not rows, total=_count(meta.get("total")))


def decode_one(body: bytes, row: Callable[[dict[str, Any]], Row]) -> Row:
    """A single resource in `data`. Raises Undecodable."""
    return row(fields_of(_object(body).get("data")))


def fields_of(resource: Any) -> dict[str, Any]:
    """A resource's fields in one object, whichever shape it has; `relationships` become `<name>_id`."""
    if not isinstance(resource, dict) or not text_id(resource.get("id")):
        raise Undecodable("a resource has no id")
    attributes = resource.get("attributes")
    if not isinstance(attributes, dict):
        return resource
    related = resource.get("relationships")
    ids = {
        f"{_INNER_CAPITAL.sub('_', name).lower()}_id": _inner_id(link.get("data"))
        for name, link in (related.items() if isinstance(related, dict) else ())
        if isinstance(link, dict)
    }
    lines = related.get("errorWarningLogs") if isinstance(related, dict) else None
    included = {"error_warning_logs": lines.get("data")} if isinstance(lines, dict) else {}
    return {**ids, **included, **attributes, "id": resource["id"]}


def run_of(fields: dict[str, Any]) -> Run:
    """A run from its fields."""
    links = (
        fields.get("retry_flow_run_id"),
        _id_or_inner(fields.get("retried_flow_run")),
        fields.get("retried_flow_run_id"),
    )
    return Run(
        id=text_id(fields["id"]),
        status=_status(fields.get("status")),
        trigger=_text(fields.get("trigger")).lower(),
        flow_id=text_id(fields.get("flow_id")) or _inner_id(fields.get("flow")),
        flow_version_id=text_id(fields.get("flow_version_id")) or _inner_id(fields.get("flow_version")),
        started_at=moment(fields.get("started_at")),
        finished_at=moment(fields.get("finished_at")),
        has_warnings=_flag(fields.get("has_warnings")) is True,
        has_errors=_has_errors(fields.get("error_warning_logs") or fields.get("errorWarningLogs")),
        linked_run_ids=tuple(dict.fromkeys(filter(None, map(text_id, links)))),
        summary=clean(_text(fields.get("summary"))),
    )


def log_line_of(fields: dict[str, Any]) -> LogLine:
    """A log line from its fields, under either of their names; the payload's id may be one or a list."""
    ids = [fields.get("payload_metadata_id")]
    for name in ("payload_metadata_ids", "payload_ids"):
        more = fields.get(name)
        ids += more if isinstance(more, list) else []
    return LogLine(
        id=text_id(fields["id"]),
        level=_text(fields.get("log_level") or fields.get("level")).upper(),
        message=clean(_string(fields.get("log_message") or fields.get("message"))),
        step_id=text_id(fields.get("flow_step_id") or fields.get("step_id")),
        payload_ids=tuple(dict.fromkeys(filter(None, map(_id_or_inner, ids)))),
        created_at=moment(fields.get("created_at") or fields.get("timestamp")),
    )


def payload_row_of(fields: dict[str, Any]) -> PayloadRow:
    """A payload's row from its fields."""
    return PayloadRow(
        id=text_id(fields["id"]),
        run_id=text_id(fields.get("flow_run_id")),
        step_id=text_id(fields.get("flow_step_id")),
        size_bytes=_count(fields.get("payload_size")),
        dropped=_flag(fields.get("dropped")) is True,
        created_at=moment(fields.get("created_at")),
    )


def flow_of(fields: dict[str, Any]) -> Flow:
    """A flow from its fields."""
    return Flow(
        id=text_id(fields["id"]),
        name=_string(fields.get("name"))[:_TEXT_LENGTH_MAX],
        status=_text(fields.get("status")),
        enabled=_flag(fields.get("is_enabled")),
    )


def queued_of(fields: dict[str, Any]) -> QueuedRun:
    """A waiting run from its fields."""
    return QueuedRun(
        id=text_id(fields["id"]),
        flow_id=text_id(fields.get("flow_id")) or _inner_id(fields.get("flow")),
        flow_version_id=text_id(fields.get("flow_version_id")),
        payload_id=text_id(fields.get("payload_metadata_id")) or _inner_id(fields.get("payload_metadata")),
        trigger=_text(fields.get("trigger")).lower(),
        created_at=moment(fields.get("created_at")),
    )


def tracked_of(fields: dict[str, Any]) -> Tracked:
    """A tracked value from its fields."""
    return Tracked(
        id=text_id(fields["id"]),
        value=_string(fields.get("value")),
        run_id=text_id(fields.get("flow_run_id")),
        flow_id=text_id(fields.get("flow_id")),
        success=_flag(fields.get("success")),
    )


def decode_started(body: bytes) -> Started:
    """The answer of a start: the run id under the first name it is known by, or at least the message that it began.

    Raises Undecodable when it is neither: some page of a proxy, then, and no promise.
    """
    content = _object(body)
    inner = content.get("data")
    inner = inner if isinstance(inner, dict) else {}
    found = (content.get("flow_run_id"), content.get("id"), inner.get("id"), inner.get("flow_run_id"))
    run_id = next(filter(None, map(text_id, found)), "")
    if not run_id and "initiali" not in _string(content.get("message")).lower():
        raise Undecodable("the answer names no run and does not say that the flow was initialised")
    return Started(run_id=run_id)


def decode_retry(body: bytes, retried_run_id: str) -> RetryStarted:
    """The answer of a retry, whose shape is not documented: the new run's id when one is told.

    Raises Undecodable for what is neither empty nor a JSON object: some page of a proxy, then.
    """
    if not body.strip():
        return RetryStarted()
    content = _object(body)
    inner = content.get("data")
    places = (inner if isinstance(inner, dict) else {}, content)
    found = [place.get(name) for place in places for name in ("flow_run_id", "id")]
    return RetryStarted(run_id=next((id_ for id_ in map(text_id, found) if id_ and id_ != retried_run_id), ""))


# -- single values -----------------------------------------------------------------------------------------------------


def text_id(value: Any) -> str:
    """An id as text; empty when it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value)[:_TEXT_LENGTH_MAX]


def moment(value: Any) -> datetime | None:
    """An instant: ISO 8601, the same with a space and without a zone, or an epoch number; None for anything else."""
    try:
        if isinstance(value, str):
            at = datetime.fromisoformat(value.strip())
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000 if value >= _MS_FROM else value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def _object(body: bytes) -> dict[str, Any]:
    try:
        content = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Undecodable("the answer is no JSON") from None
    if not isinstance(content, dict):
        raise Undecodable("the answer is no JSON object")
    return content


def _inner_id(value: Any) -> str:
    return text_id(value.get("id")) if isinstance(value, dict) else ""


def _id_or_inner(value: Any) -> str:
    return text_id(value) or _inner_id(value)


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _text(value: Any) -> str:
    """A short text, or a number in its place."""
    return str(value)[:_TEXT_LENGTH_MAX] if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _count(value: Any) -> int | None:
    return int(value) if _text(value).isdecimal() else None


def _flag(value: Any) -> bool | None:
    return {"true": True, "1": True, "false": False, "0": False}.get(str(value).lower())


def _has_errors(lines: Any) -> bool:
    """Whether these lines tell of an error; a line that comes as a bare reference may."""
    if not isinstance(lines, list):
        return False
    rows = [line for line in lines if isinstance(line, dict)]
    levels = [_text((row.get("attributes") or row).get("log_level") or row.get("level")).upper() for row in rows]
    return any(not level or level in ERROR_LEVELS for level in levels)


def _status(value: Any) -> RunStatus | None:
    """A code, as a number or in digits; or the word."""
    text = _text(value).strip().upper().replace(" ", "_")
    try:
        return RunStatus(int(text)) if text.isdecimal() else RunStatus[text]
    except (ValueError, KeyError):
        return None
