"""What comes in from outside, before anybody has decided what it means."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from runtime.clock import Instant
from runtime.decision import Message


def digest(content: bytes) -> bytes:
    """What identifies bytes here: BLAKE2b, 16 bytes (faster than SHA-256 on processors that have no help for it)."""
    return hashlib.blake2b(content, digest_size=16).digest()


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One received payload, immutable from here on.

    `key` is the business key (`partition/id`), unique over all sources. Two deliveries are the same when key, version
    and digest are the same; then the second is known, and nothing more happens.
    """

    key: str
    version: str
    """The source's own version of the payload, as text that sorts; empty when it has none."""
    digest: bytes
    """`digest(body)`."""
    body: bytes
    received_at: Instant


class DeliveryReceived(Message, frozen=True, kw_only=True):
    """A new delivery waits for its actor. The envelope carries the body as its attachment."""

    delivery: int
    version: str
    digest: bytes
    received_us: int


class Receipt(msgspec.Struct, frozen=True):
    """The journal's answer for one delivery. Both say the same to the sender: it is on disk."""

    id: int
    new: bool


Accept = Callable[[Sequence[Delivery]], Awaitable[Sequence[Receipt]]]
"""Makes deliveries durable, all or none, and answers in the same order.

Returns only after the commit. Raises `runtime.errors.StoreFull` when nothing was stored for want of room.
"""
