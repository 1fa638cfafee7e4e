"""The settings of the Fulfil connector, as the operator writes them below `[fulfil.api]` and `[fulfil.webhooks]`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from runtime.config import Secret

KEY_BYTES_MIN: Final = 16


class FulfilConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Address and manner of one Fulfil tenant's API."""

    base_url: Annotated[str, Meta(pattern=r"^https?://[^/?#@\s]+/?$", max_length=300)]
    """Scheme and host of the tenant, for example https://acme.fulfil.io, without a path."""
    auth: Literal["api_key", "bearer"] = "api_key"
    """How the token is presented: as X-API-KEY, or as Authorization: Bearer (OAuth tokens)."""
    request_timeout_s: Annotated[float, Meta(gt=0, le=600)] = 30.0
    """How long one call may take, from its beginning to the end of its answer. After it the outcome of a write is
    unknown, and costs a look. Raise it for a tenant that is known to be slow."""
    connect_timeout_s: Annotated[float, Meta(gt=0, le=60)] = 5.0
    """How long connecting may take; a call that never connected was certainly not applied, and is tried again."""
    concurrency_max: Annotated[int, Meta(ge=1, le=512)] = 64
    """How many calls may be under way, and connections open, at once."""
    page_size: Annotated[int, Meta(ge=1, le=500)] = 500
    """Rows per page of a read; Fulfil refuses more than 500."""
    sellable_field: Literal["", "sellable", "salable"] = ""
    """The name under which this tenant knows whether a product can be sold (`salable` on older ones). Empty: it is not
    read. A name that the tenant does not know makes it refuse every read of products."""
    names: dict[str, str] = {}
    """Models and fields that this tenant calls otherwise, from the documented name (`stock.shipment.out.on_hold`, or
    the model alone) to the tenant's own. An empty name: the tenant does not have the field, and it is not read.
    Some fields are read only when they are named here (`by_name` of the rows)."""
    task_wait_s: Annotated[float, Meta(ge=0, le=300)] = 20.0
    """How long a result is waited for when Fulfil only promises it. After it the outcome of a write is unknown."""
    answer_bytes_max: Annotated[int, Meta(ge=10_000, le=1_000_000_000)] = 16_000_000
    """The largest answer that is read."""


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Fulfil's webhooks, which are hints to look sooner (`POST /v1/hints/fulfil`)."""

    secrets: Annotated[tuple[Secret, ...], Meta(min_length=1, max_length=8)]
    """The secrets of the webhooks, in base64 as Fulfil shows them. Several may be live while one replaces another."""
    body_bytes_max: Annotated[int, Meta(ge=1_024, le=16_000_000)] = 1_000_000
    """The largest body of a webhook; above it, 413."""
    body_timeout_s: Annotated[float, Meta(gt=0, le=60)] = 4.0
    """The time a request has for its body. Fulfil gives up after 5 s."""
    remembered_max: Annotated[int, Meta(ge=100, le=1_000_000)] = 10_000
    """How many webhooks are remembered to recognise a repeat, 100 bytes or so each."""

    def __post_init__(self) -> None:
        """Refuse secrets that cannot have signed anything."""
        signing_keys(self.secrets)


def signing_keys(secrets: Iterable[Secret]) -> tuple[bytes, ...]:
    """The keys behind the secrets. Raises ValueError for one that is no base64, or is shorter than 16 bytes."""
    keys = []
    for secret in secrets:
        try:
            key = base64.b64decode(secret.reveal().strip(), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(
                "secrets: a webhook secret is no base64; copy it from Fulfil as it is shown there"
            ) from None
        if len(key) < KEY_BYTES_MIN:
            raise ValueError("secrets: a webhook secret of so few bytes can be guessed; let Fulfil make a new one")
        keys.append(key)
    return tuple(keys)
