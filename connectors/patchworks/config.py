"""The settings of the Patchworks connector, as the operator writes them: `[intake]` is the door at which Patchworks
knocks, `[patchworks]` says how we call it.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from runtime.config import Secret

KEY_LENGTH_MIN: Final = 16

_Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[!-9;-~]+$")]
"""Printable ASCII without spaces and colons: what fits into every way of presenting it."""
_Url = Annotated[str, Meta(pattern=r"^https?://[^?#@\s]+$", max_length=300)]


class BasicUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user name and password with which Patchworks may present itself (HTTP basic authentication)."""

    username: _Name
    """The user name, printable ASCII without a colon."""
    password: Secret
    """The password, at least 16 characters. To rotate: list the user a second time with the new one."""


class OAuthClient(msgspec.Struct, frozen=True, kw_only=True):
    """A client that may ask `POST /v1/oauth/token` for a token (OAuth 2, client credentials)."""

    client_id: _Name
    """The client's id, printable ASCII without a colon."""
    client_secret: Secret
    """Its secret, at least 16 characters; it signs the client's tokens, so removing it ends them, too. To rotate: list
    the client a second time with the new secret."""


class IntakeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The public listener to which Patchworks delivers orders (`POST /v1/orders/{sales_channel}`)."""

    keys: Annotated[tuple[Secret, ...], Meta(max_length=8)] = ()
    """The live API keys, at least 16 characters each, taken from X-API-Key or Authorization (bare or Bearer). To
    rotate: add the new key, change it in Patchworks, remove the old one."""
    basic: Annotated[tuple[BasicUser, ...], Meta(max_length=8)] = ()
    """Users that may present themselves with HTTP basic authentication, as well."""
    oauth: Annotated[tuple[OAuthClient, ...], Meta(max_length=8)] = ()
    """Clients that may fetch a token and present that, as well."""
    oauth_token_s: Annotated[int, Meta(ge=60, le=86_400)] = 3_600
    """How long a token lives."""
    hmac_secrets: Annotated[tuple[Secret, ...], Meta(max_length=8)] = ()
    """When given, every delivery must carry X-HMAC-HASH: the HMAC-SHA256 of its body with one of these secrets (at
    least 16 characters), in hexadecimal or base64; beside a key, user or token, when those are configured, too."""
    host: str = "127.0.0.1"
    """The address to listen on. The loopback expects a reverse proxy with TLS on the same machine."""
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080
    """The port to listen on; 0 takes any free one."""
    body_bytes_max: Annotated[int, Meta(ge=1_024, le=64_000_000)] = 8_000_000
    """The largest body of a request; above it, 413. Patchworks itself documents 8 MB for its own API."""
    bodies_bytes_max: Annotated[int, Meta(ge=1_024, le=2_000_000_000)] = 64_000_000
    """How much memory all bodies that arrive, or wait to be on disk, may take together; above it, 503 for the next."""
    items_max: Annotated[int, Meta(ge=1, le=10_000)] = 1_000
    """The most orders in one array; above it, 413."""
    headers_timeout_s: Annotated[float, Meta(gt=0, le=300)] = 10.0
    """The time a connection has for the headers of its next request; then it is closed."""
    body_timeout_s: Annotated[float, Meta(gt=0, le=300)] = 30.0
    """The time a request has for its body; then 408."""
    requests_per_s_max: Annotated[float, Meta(gt=0)] | None = None
    """The most requests per second of one sales channel, averaged over the last second; above it, 429. Not set: no
    limit but the journal's own pressure."""

    def __post_init__(self) -> None:
        """Refuse an open door, a secret that can be guessed, and a budget that cannot hold a single body."""
        if not (self.keys or self.basic or self.oauth or self.hmac_secrets):
            raise ValueError("one of keys, basic, oauth or hmac_secrets must be given, or nobody could deliver")
        secrets = {
            "keys: an API key": self.keys,
            "basic: a password": tuple(user.password for user in self.basic),
            "oauth: a client secret": tuple(client.client_secret for client in self.oauth),
            "hmac_secrets: a secret": self.hmac_secrets,
        }
        for what, kept in secrets.items():
            if any(len(secret.reveal()) < KEY_LENGTH_MIN for secret in kept):
                raise ValueError(f"{what} of fewer than {KEY_LENGTH_MIN} characters can be guessed; make a longer one")
        if self.bodies_bytes_max < self.body_bytes_max:
            raise ValueError("bodies_bytes_max must not be below body_bytes_max, or no large body could ever arrive")


class WebhookTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A flow that is started through its webhook trigger: a way in with less power than an API key."""

    url: Secret
    """The trigger's whole URL. It holds `patchworks_signature` and never expires, so all of it is a secret."""
    flow_id: str
    """The flow behind it. A webhook answers without a run id; after a lost answer its runs are looked through."""
    hmac_secret: Secret | None = None
    """The trigger's HMAC secret, if it has one: then X-HMAC-HASH is sent."""
    hmac_encoding: Literal["hex", "base64"] = "hex"
    """How X-HMAC-HASH is written; Patchworks' documentation does not say."""


class CallbackTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A flow that answers while we wait: a read of what a sales channel holds."""

    url: Secret
    """The trigger's URL, with or without `patchworks_signature` in it."""
    signature: Secret | None = None
    """The signature, when it travels as the header `patchworks-signature` instead."""


class PatchworksConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How we call Patchworks: its Core API, its Start API, and the triggers of single flows."""

    token: Secret
    """The API key or token; with `auth = "login"` the password of `login_name`."""
    auth: Literal["api_key", "bearer", "login"] = "api_key"
    """How we present ourselves: the bare key; a token, with `Bearer` before it; or a token that a login gives, renewed
    before its 24 hours end and whenever it is refused."""
    login_name: Annotated[str, Meta(max_length=200)] = ""
    """The user of the login: an account of its own, not a person's."""
    login_name_field: Literal["username", "email"] = "username"
    """What the login calls the user; older installations say `email`."""
    core_url: _Url = "https://core.wearepatchworks.com/api/v1"
    """The Core API, up to and including its version."""
    start_url: _Url = "https://start.wearepatchworks.com/api/v1"
    """The Start API, up to and including its version."""
    login_url: _Url = "https://app.wearepatchworks.com/fabric/api/login"
    """Where a login goes."""
    start_form: Literal["raw", "payload"] = "raw"
    """How a flow is started: the payload is the body, or (older) a text inside `{"payload": ...}`."""
    request_timeout_s: Annotated[float, Meta(gt=0, le=600)] = 20.0
    """How long one call may take, from its beginning to the end of its answer. After it the outcome of a start is
    unknown, and costs a look."""
    connect_timeout_s: Annotated[float, Meta(gt=0, le=60)] = 5.0
    """How long connecting may take; a call that never connected was certainly not applied, and is tried again."""
    concurrency_max: Annotated[int, Meta(ge=1, le=64)] = 4
    """How many calls may be under way, and connections open, at once."""
    page_size: Annotated[int, Meta(ge=1, le=100)] = 100
    """Rows per page of a list; more than 100 is not documented for every list."""
    answer_bytes_max: Annotated[int, Meta(ge=10_000, le=1_000_000_000)] = 16_000_000
    """The largest answer that is read, payloads aside."""
    payload_bytes_max: Annotated[int, Meta(ge=10_000, le=500_000_000)] = 16_000_000
    """The largest payload that is downloaded; Patchworks itself takes up to 500 MB per step."""
    calls_per_min: Annotated[float, Meta(gt=0)] = 240.0
    """The Core and Start APIs' limit together, until an answer says otherwise."""
    webhooks_per_min: Annotated[float, Meta(gt=0)] = 120.0
    """The webhooks' limit, until an answer says otherwise."""
    callbacks_per_min: Annotated[float, Meta(gt=0)] = 240.0
    """The callbacks' limit, until an answer says otherwise."""
    limit_share: Annotated[float, Meta(gt=0, le=1)] = 0.85
    """The part of each limit that is used: other systems may share it, and a look makes several calls."""
    start_settle_s: Annotated[float, Meta(ge=0, le=3_600)] = 30.0
    """How long to wait after a start's lost answer before looking for its run: a run is queued before it is listed."""
    clock_tolerance_s: Annotated[float, Meta(ge=0, le=3_600)] = 120.0
    """By how much Patchworks' clock may be behind ours when runs are looked for by their time."""
    webhooks: dict[str, WebhookTarget] = {}
    """Flows that are started by webhook, by a name of our own."""
    callbacks: dict[str, CallbackTarget] = {}
    """Flows that answer while we wait, by a name of our own."""

    def __post_init__(self) -> None:
        """Refuse a login without a name, and a token that no header can carry."""
        if self.auth == "login" and not self.login_name:
            raise ValueError('login_name must be given with auth = "login"')
        token = self.token.reveal()
        if self.auth != "login" and not (token.isascii() and token.isprintable() and token.strip()):
            raise ValueError("token: it is empty, or has characters that no header can carry; check its source")

    @property
    def calls_per_s(self) -> float:
        """Our share of the Core and Start APIs' limit: what their budget begins with."""
        return self.calls_per_min * self.limit_share / 60

    @property
    def webhooks_per_s(self) -> float:
        """Our share of the webhooks' limit."""
        return self.webhooks_per_min * self.limit_share / 60

    @property
    def callbacks_per_s(self) -> float:
        """Our share of the callbacks' limit."""
        return self.callbacks_per_min * self.limit_share / 60
