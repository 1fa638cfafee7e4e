"""What Patchworks can be asked to do: the bodies of effects, one struct for each kind of call.

A body is JSON of our own that names the call's parts; the client makes the request from it. A payload stands in it as
raw JSON and goes out byte for byte. A signed URL never does: triggers are named, and their URLs are settings.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Final

import msgspec
from msgspec import Meta

from connectors.patchworks.wire import RunStatus
from runtime.decision import Effect, Repeat

PAYLOAD_BYTES_MAX: Final = 8_000_000
"""Patchworks answers 413 above 8 MB."""
_ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"

Id = Annotated[str, Meta(pattern=_ID_PATTERN, max_length=100)]
"""An id as it stands in a path."""
Key = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]+$", min_length=8, max_length=100)]
"""A batch's own key: text that looks the same in every encoding of the payload that holds it."""


class _Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of one kind of call: at which API, and how it may be repeated when its outcome is not known."""

    api: ClassVar[str] = "patchworks"
    kind: ClassVar[str]
    repeat: ClassVar[Repeat] = Repeat.SAFE


# -- reads -------------------------------------------------------------------------------------------------------------


class _Paged(_Request, frozen=True, kw_only=True, omit_defaults=True):
    page: Annotated[int, Meta(ge=1)] = 1


class ListRuns(_Paged, frozen=True, kw_only=True, omit_defaults=True):
    """Runs, newest first. That list shifts while new ones begin, so pin `started_before_ms` for all pages of one list,
    or have it `oldest_first`, which grows at its end alone.

    Instants are Unix milliseconds.
    """

    kind = "list_runs"

    started_after_ms: int | None = None
    started_before_ms: int | None = None
    status: int | None = None
    has_warnings: bool | None = None
    flow_id: Id | None = None
    oldest_first: bool = False
    with_errors: bool = False
    """Have each run say whether its log has errors or warnings: a caught failure can end as a plain success."""


class GetRun(_Request, frozen=True, kw_only=True, omit_defaults=True):
    """One run."""

    kind = "get_run"

    run_id: Id


class ListRunLogs(_Paged, frozen=True, kw_only=True, omit_defaults=True):
    """A run's log, oldest line first, with the ids of the payloads it is about. Kept for 7 days."""

    kind = "list_run_logs"

    run_id: Id


class ListPayloads(_Paged, frozen=True, kw_only=True, omit_defaults=True):
    """The payloads of a run, of all its steps. Kept for 72 hours."""

    kind = "list_payloads"

    run_id: Id


class FailedPayloads(_Request, frozen=True, kw_only=True, omit_defaults=True):
    """Which payloads of a failed run never arrived: its log and rows are read. `status` is the run's.

    A long log is read in several calls: `log_page` is where this one begins.
    """

    kind = "failed_payloads"

    run_id: Id
    status: RunStatus | None = None
    log_page: Annotated[int, Meta(ge=1)] = 1


class DownloadPayload(_Request, frozen=True, kw_only=True, omit_defaults=True):
    """One payload's content. Refused with the code `payload_gone` when it is no longer kept."""

    kind = "download_payload"

    payload_id: Id


class ListFlows(_Paged, frozen=True, kw_only=True, omit_defaults=True):
    """All flows."""

    kind = "list_flows"


class ListQueue(_Paged, frozen=True, kw_only=True, omit_defaults=True):
    """Runs that wait to begin."""

    kind = "list_queue"


class ListTracked(_Paged, frozen=True, kw_only=True, omit_defaults=True):
    """Where a value was tracked. Kept for 15 days."""

    kind = "list_tracked"

    value: Annotated[str, Meta(min_length=1, max_length=255)]
    flow_id: Id | None = None


# -- writes ------------------------------------------------------------------------------------------------------------


class StartFlow(_Request, frozen=True, kw_only=True, omit_defaults=True):
    """Start a flow with a payload: `Repeat.CHECK_FIRST`, since Patchworks has no idempotency key.

    `key` stands in the payload as a JSON string and in no other payload. `began_ms` (Unix milliseconds) is when the
    start was decided; runs before it cannot be its. `known_run_ids` are runs that earlier starts turned out to be.
    """

    kind = "start_flow"
    repeat = Repeat.CHECK_FIRST

    flow_id: Id
    key: Key
    began_ms: Annotated[int, Meta(ge=0)]
    payload: msgspec.Raw
    version_id: Id | None = None
    """Not given: the deployed version."""
    virtual_environment_id: Id | None = None
    variables: dict[str, str] = {}
    known_run_ids: tuple[str, ...] = ()


class RetryRun(_Request, frozen=True, kw_only=True, omit_defaults=True):
    """Run a failed run again, whole and in its original version: `Repeat.CHECK_FIRST`."""

    kind = "retry_run"
    repeat = Repeat.CHECK_FIRST

    run_id: Id


class SendWebhook(_Request, frozen=True, kw_only=True, omit_defaults=True):
    """Start a flow through its webhook trigger: `Repeat.CHECK_FIRST`. `webhook` is the trigger's name in the settings;
    the rest is as in `StartFlow`.
    """

    kind = "send_webhook"
    api = "patchworks_webhooks"
    repeat = Repeat.CHECK_FIRST

    webhook: str
    key: Key
    began_ms: Annotated[int, Meta(ge=0)]
    payload: msgspec.Raw
    known_run_ids: tuple[str, ...] = ()


class CallCallback(_Request, frozen=True, kw_only=True, omit_defaults=True):
    """Ask a flow through its callback trigger, and wait for what it answers: a read, `Repeat.SAFE`.

    `callback` is the trigger's name in the settings. Only ask flows that change nothing.
    """

    kind = "call_callback"
    api = "patchworks_callbacks"

    callback: str
    question: msgspec.Raw = msgspec.Raw(b"{}")


def encode(request: _Request) -> bytes:
    """The body of the effect. Raises ValueError when it cannot be a request of its type.

    A payload must be a JSON object (whether a bare array is taken is not known), hold its key, and be of 8 MB at most.
    """
    body = msgspec.json.encode(request)
    try:
        msgspec.json.decode(body, type=type(request))
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    if isinstance(request, StartFlow | SendWebhook):
        payload = bytes(request.payload)
        if not payload.startswith(b"{"):
            raise ValueError("a payload is a JSON object")
        if len(payload) > PAYLOAD_BYTES_MAX:
            raise ValueError(f"a payload has at most {PAYLOAD_BYTES_MAX} bytes; this one has {len(payload)}")
        if not holds_key(payload, request.key):
            raise ValueError(f"the payload does not hold its key {request.key!r}, so its run could not be found again")
    return body


def effect(request: _Request, *, share: str) -> Effect:
    """The call as a decision asks for it, paid for by this share of its API's budget. Raises ValueError as `encode`."""
    return Effect(api=request.api, kind=request.kind, body=encode(request), repeat=request.repeat, share=share)


def holds_key(payload: bytes, key: str) -> bool:
    """Whether a payload holds this key, whole, however the rest of it was written."""
    return re.search(rb"(?<![\w.:-])" + re.escape(key.encode()) + rb"(?![\w.:-])", payload) is not None
