"""The sandbox's settings: where it listens, whom it serves, which limits it keeps, and how it behaves where facts end.

Every `Literal` of `Switches` is a question to which public material has no answer (section 12 of the facts), or has
several; the default is the most likely reading.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from connectors.patchworks.sandbox.flow_config import FlowSeed, Target
from connectors.patchworks.sandbox.sales_channels.config import SalesChannelSeed
from runtime.testing.faults import FaultRule

Count = Annotated[int, Meta(ge=0)]
HttpStatus = Annotated[int, Meta(ge=200, le=599)]


class Switches(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The unknowns of the facts, each a choice."""

    resource_style: Literal["mixed", "flat", "attributes"] = "mixed"
    """Unknown 1: `mixed` has `attributes` on flows, flow-runs and flow-run-logs, and flat objects elsewhere."""
    run_id: Literal["ulid", "integer"] = "ulid"
    """Unknown 1: the documentation says integers, clients hold run ids as text."""
    time_format: Literal["fraction", "whole", "space"] = "fraction"
    """`2026-11-20T09:15:00.000000Z`, `2026-11-20T09:15:00Z` or `2026-11-20 09:15:00`; all UTC."""
    start_reply: Literal["flow_run_id", "id", "data.id", "data.flow_run_id", "message_only"] = "flow_run_id"
    """Unknown 2: under which name the reply to a start has the run's id."""
    start_status: Literal[200, 201] = 200
    """200 is documented for starts, 201 for "accepted, not yet acted on" in general."""
    standard_start: Literal["text_only", "bare_object"] = "text_only"
    """Whether the older start takes an object without `payload` as the payload, as the official client once sent it."""
    start_disabled: Literal["refuse", "run"] = "refuse"
    """Unknown 6: whether a start (not a manual one) runs a flow that is disabled."""
    raw_array: Literal["refuse", "accept"] = "refuse"
    """Unknown 6: an array as the body of a raw start."""
    queued_run: Literal["hidden", "listed"] = "hidden"
    """Whether a run that waits in the queue can already be read among the runs."""
    retry_link: Literal["on_new", "on_original"] = "on_new"
    """Which of two runs has the other's id in `retry_flow_run_id`."""
    retry_reply: Literal["data", "flat"] = "data"
    """Unknown 2: the reply to a retry."""
    limit_headers: Literal["all", "retry_after", "none"] = "all"
    """Unknown 3: what tells the limit: `X-RateLimit-*` on every answer and Retry-After on 429, only that, nothing."""
    limit_scope: Literal["key", "company"] = "key"
    """Unknown 3: whether each key has its own bucket."""
    start_shares_core: bool = True
    """Unknown 3: whether starts count against the 240 of the Core API."""
    per_page_overflow: Literal["clamp", "refuse"] = "clamp"
    """Unknown 5: what `per_page` above the maximum does. Run logs always clamp: the official client asks for 500."""
    time_filters: Literal["any", "milliseconds"] = "any"
    """`started_after` and its like are Unix milliseconds by the documentation; the official client says "timestamp or
    epoch-ms", so ISO 8601 is taken as well, or refused."""
    unknown_query: Literal["refuse", "ignore"] = "refuse"
    """A filter, sort or include that is not documented: 400 as its framework does, or ignored."""
    expired_payload: Literal["404", "410", "empty"] = "404"
    """Unknown 10: what a download gives after the retention."""
    dropped_marks: Literal["filtered", "failed_too", "never"] = "filtered"
    """Unknown 10: which payloads have `dropped`: those that a shape has filtered out or that are expired, those that a
    connector could not send as well, or none."""
    log_payloads: Literal["single", "list"] = "single"
    """Unknown 10: whether a log with several payloads has `payload_metadata_ids` beside `payload_metadata_id`."""
    bad_signature_status: HttpStatus = 401
    """Unknown 6 and 7: a wrong `patchworks_signature`, and a wrong `X-HMAC-HASH`."""
    hmac_encoding: Literal["hex", "base64"] = "hex"
    """Unknown 7."""
    webhook_signature_header: bool = False
    """Unknown 7: whether `patchworks-signature` is taken on webhooks, too."""
    refused_trigger_status: HttpStatus = 404
    """What a webhook or callback of a flow that is disabled or not deployed answers."""
    callback_failure_status: HttpStatus = 500
    """Unknown 6: what a callback answers when its flow fails."""
    restricted_status: Literal[401, 403] = 403
    """What an API key gets on a route that needs an administrator's token."""
    after_failure: Literal["stop", "continue"] = "stop"
    """Whether the rest of a bucket is still sent when one payload has failed and there is no catch route."""
    caught_has_warnings: bool = True
    """Whether `has_warnings` is set on a run that ends as success after a caught failure."""
    honours_retry_after: bool = False
    """Unknown 8: whether a connector waits as long as our Retry-After says before its next try."""
    retry_backoff_ms: Annotated[int, Meta(ge=0, le=60_000)] = 0
    """Unknown 8: the time between the tries of a connector."""
    user_agent: str = "GuzzleHttp/7"
    """Unknown 8: what deliveries call themselves."""


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Requests per minute of each surface; 0 means none, and then no headers. Figures of the facts, section 1.6."""

    api_per_min: Count = 240
    webhooks_per_min: Count = 120
    callbacks_per_min: Count = 240
    runs_per_min: Count = 0
    """Flow runs that may begin; the tiers have such a limit, whose figures are not public. What is above it waits."""


class Retention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long what is kept. Figures of the facts, section 5."""

    payloads_h: Annotated[float, Meta(gt=0)] = 72
    logs_days: Annotated[float, Meta(gt=0)] = 7
    tracked_days: Annotated[float, Meta(gt=0)] = 15
    deduped_days: Annotated[float, Meta(gt=0)] = 90


class User(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody with dashboard credentials, who can log in for a token."""

    name: str
    password: str


class SandboxConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings of one sandbox process."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8100
    """0 takes any free port; the ready line says which."""
    company: str = "acme"
    """The company in the URLs of webhooks and callbacks."""
    api_keys: tuple[str, ...] = ("pk_sandbox",)
    """Live API keys: the whole value of Authorization. The stand-in's own, worth nothing elsewhere."""
    users: tuple[User, ...] = (User(name="sandbox@example.com", password="sandbox"),)  # noqa: S106 - as above
    restricted_routes: tuple[str, ...] = ()
    """Routes (as counted in the books) that need a token from a login, not an API key."""
    target: Target = Target()
    flows: tuple[FlowSeed, ...] = ()
    sales_channels: tuple[SalesChannelSeed, ...] = ()
    switches: Switches = Switches()
    limits: Limits = Limits()
    retention: Retention = Retention()
    body_bytes_max: Annotated[int, Meta(ge=1_024)] = 8_000_000
    """Above it, 413 (facts 1.6: 8 MB)."""
    per_page_default: Annotated[int, Meta(ge=1)] = 15
    """Unknown 5."""
    per_page_max: Annotated[int, Meta(ge=1)] = 100
    """Documented for data pools."""
    workers: Annotated[int, Meta(ge=1, le=256)] = 8
    """Runs that are carried out at the same time."""
    payloads_bytes_max: Annotated[int, Meta(ge=1_000_000)] = 512_000_000
    """Payloads kept in memory; beyond it the oldest are gone before their time."""
    callback_timeout_s: Annotated[float, Meta(gt=0)] = 20
    faults: tuple[FaultRule, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what refers to nothing, and ids given twice."""
        names = {channel.name for channel in self.sales_channels}
        ids = [flow.id for flow in self.flows]
        if len(ids) != len(set(ids)) or len(names) != len(self.sales_channels):
            raise ValueError("a flow id or the name of a sales channel is given twice")
        for flow in self.flows:
            if flow.sales_channel and flow.sales_channel not in names:
                raise ValueError(f"flow {flow.id} names the sales channel {flow.sales_channel}, which is not there")
