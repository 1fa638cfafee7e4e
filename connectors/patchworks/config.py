"""The settings of the Patchworks connector's receiving side, as the operator writes them below `[patchworks]`."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from runtime.config import Secret

KEY_LENGTH_MIN: Final = 16


class IntakeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The public listener to which Patchworks delivers orders (`POST /v1/orders/{sales_channel}`)."""

    keys: Annotated[tuple[Secret, ...], Meta(min_length=1, max_length=8)]
    """The live API keys, at least 16 characters each. To rotate: add the new key, change it in Patchworks, remove the
    old one."""
    host: str = "127.0.0.1"
    """The address to listen on. The loopback expects a reverse proxy with TLS on the same machine."""
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080
    """The port to listen on; 0 takes any free one."""
    body_bytes_max: Annotated[int, Meta(ge=1_024, le=64_000_000)] = 8_000_000
    """The largest body of a request; above it, 413. Patchworks itself documents 8 MB for its own API."""
    bodies_bytes_max: Annotated[int, Meta(ge=1_024, le=2_000_000_000)] = 64_000_000
    """How much memory all bodies still arriving may take together; above it, 503 for the next one."""
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
        """Refuse a key that can be guessed, and a budget that cannot hold a single body."""
        if any(len(key.reveal()) < KEY_LENGTH_MIN for key in self.keys):
            raise ValueError(
                f"keys: an API key of fewer than {KEY_LENGTH_MIN} characters can be guessed; make a longer one"
            )
        if self.bodies_bytes_max < self.body_bytes_max:
            raise ValueError("bodies_bytes_max must not be below body_bytes_max, or no large body could ever arrive")
