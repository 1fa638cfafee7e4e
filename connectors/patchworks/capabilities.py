"""What a company's Patchworks can do, as strategies read it: each field answers what public material leaves open.

`unknown` is the value of a question that nobody has asked, or that could not be answered; whoever reads a capability
takes it for the least that may be true. `connectors.patchworks.probe` finds the values.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from connectors.patchworks.requests import Id
from runtime.config import Secret

Count = Annotated[int, Meta(ge=0)]
Status = Literal[
    "200", "201", "202", "400", "401", "403", "404", "409", "410", "422", "429", "500", "502", "503", "other"
]
Readable = Literal["readable", "refused", "unknown"]


class PatchworksProbeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What `seamline probe` may do in this company, and the flows that are there for it. All that is not set is not
    asked.
    """

    tenant: Literal["production", "sandbox"] = "production"
    """`sandbox`: `seamline probe --writes` may start the flows below. Anything else is only read."""
    flow_id: Id | None = None
    """A flow that may be started at any time: one that takes a payload and does nothing with it."""
    disabled_flow_id: Id | None = None
    """A flow that is deployed and disabled, and may be started all the same."""
    webhook: str = ""
    """The name, under `patchworks.api.webhooks`, of a webhook whose flow may be started at any time."""
    disabled_webhook: str = ""
    """The name of a webhook whose flow is disabled, and may be started all the same."""
    callback: str = ""
    """The name, under `patchworks.api.callbacks`, of a callback that may be called at any time."""
    failing_callback: str = ""
    """The name of a callback whose flow always fails."""
    second_token: Secret | None = None
    """Another API key of the same company, to learn whether keys share a limit."""


class PatchworksCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    """One company. Strings are closed lists; a count is one that was told."""

    # -- forms
    auth: Literal["api_key", "bearer", "login", "unknown"] = "unknown"
    """The way of presenting ourselves that was taken."""
    resource_style: Literal["mixed", "flat", "attributes", "unknown"] = "unknown"
    """Whether resources have `attributes`: flows and runs alone (`mixed`), all, or none."""
    run_id: Literal["text", "integer", "unknown"] = "unknown"
    """What a run's id looks like."""
    time_format: Literal["fraction", "whole", "space", "other", "unknown"] = "unknown"
    """How instants are written: with a fraction, in whole seconds, or with a space and no zone."""
    log_payloads: Literal["single", "list", "unknown"] = "unknown"
    """Whether a line of a log names all its payloads."""
    retry_link: Literal["on_new", "on_original", "both", "unknown"] = "unknown"
    """Which of two runs names the other after a retry."""
    caught_has_warnings: Literal["set", "unset", "unknown"] = "unknown"
    """Whether a run that ends as success after a caught failure says that it has warnings."""

    # -- lists
    per_page_default: Count | Literal["unknown"] = "unknown"
    """Rows of a page when nobody asks for more."""
    per_page_max: Count | Literal["unknown"] = "unknown"
    """The most rows of a page."""
    per_page_overflow: Literal["clamped", "refused", "unknown"] = "unknown"
    """What asking for more does."""
    unknown_query: Literal["refused", "ignored", "unknown"] = "unknown"
    """What a filter that is not known does."""
    run_filters: Literal["honoured", "ignored", "unknown"] = "unknown"
    """Whether runs are filtered by their time."""
    iso_times: Literal["taken", "refused", "unknown"] = "unknown"
    """Whether a filter by time takes ISO 8601 as well as milliseconds."""
    dropped_marks: Literal["filtered", "failed_too", "never", "unknown"] = "unknown"
    """Which payloads are marked as dropped: filtered and expired ones, those that failed as well, or none."""
    queue: Readable = "unknown"
    """Runs that wait to begin."""
    tracked: Readable = "unknown"
    """Values that flows have tracked."""
    restricted: Status | Literal["none_met", "unknown"] = "unknown"
    """What a read meets that the key has no right to."""
    payload_gone: Literal["404", "410", "empty", "unknown"] = "unknown"
    """What the download of a payload gives that is no longer kept."""
    payload_retention: Literal["as_documented", "shorter", "longer", "unknown"] = "unknown"
    """Whether payloads are kept for the documented 72 hours."""

    # -- starting
    start_reply: Literal["flow_run_id", "id", "data.id", "data.flow_run_id", "message_only", "unknown"] = "unknown"
    """Under which name the reply to a start has the run's id."""
    start_status: Status | Literal["unknown"] = "unknown"
    """The status of a start that was taken."""
    start_payload_form: Literal["taken", "refused", "unknown"] = "unknown"
    """Whether the older form, a text inside `payload`, is taken."""
    start_bare_object: Literal["taken", "refused", "unknown"] = "unknown"
    """Whether the older form takes an object without `payload` as the payload."""
    start_disabled: Literal["runs", "refused", "unknown"] = "unknown"
    """Whether a flow that is disabled can be started."""
    raw_array: Literal["accepted", "refused", "unknown"] = "unknown"
    """Whether a bare array is taken as a payload."""
    queued_run: Literal["hidden", "listed", "unknown"] = "unknown"
    """Whether a run that waits can already be read."""
    retry_reply: Literal["data", "flat", "empty", "unknown"] = "unknown"
    """The shape of the reply to a retry."""

    # -- triggers
    bad_signature: Status | Literal["unknown"] = "unknown"
    """What a trigger answers to a wrong signature."""
    hmac_encoding: Literal["hex", "base64", "unknown"] = "unknown"
    """How X-HMAC-HASH is written."""
    webhook_signature_header: Literal["taken", "refused", "unknown"] = "unknown"
    """Whether a webhook's signature may travel as a header."""
    refused_trigger: Status | Literal["unknown"] = "unknown"
    """What the webhook of a disabled flow answers."""
    callback: Literal["answers", "fails", "unknown"] = "unknown"
    """Whether a callback answers."""
    callback_failure: Status | Literal["unknown"] = "unknown"
    """What a callback answers when its flow fails."""

    # -- limits
    limit_headers: Literal["always", "on_429", "none", "unknown"] = "unknown"
    """What tells the limit: every answer, only a 429 (Retry-After), or nothing."""
    limit_scope: Literal["key", "company", "unknown"] = "unknown"
    """Whether keys share a limit."""
    start_shares_core: Literal["yes", "no", "unknown"] = "unknown"
    """Whether starts and the Core API share a limit."""
    calls_per_min: Count | Literal["not_told", "unknown"] = "unknown"
    """The limit of the Core API."""
    webhooks_per_min: Count | Literal["not_told", "unknown"] = "unknown"
    """The limit of webhooks."""
    callbacks_per_min: Count | Literal["not_told", "unknown"] = "unknown"
    """The limit of callbacks."""

    @property
    def looks_by_payload(self) -> bool:
        """Whether a start whose answer was lost can be found while it waits; else only after it has begun."""
        return self.queue == "readable" or self.queued_run == "listed"

    @property
    def recovers_within_h(self) -> float:
        """Hours in which a failed payload must be fetched: the documented 72, or half of it where that was not kept."""
        return 36.0 if self.payload_retention == "shorter" else 72.0
