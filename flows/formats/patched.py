"""A payload read as an order, with what a person has changed of it. Pure; the payload stays as it was received."""

from __future__ import annotations

import msgspec

from connectors.contract import Identified
from flows.formats import Format, Unreadable
from flows.model.order import Order
from flows.model.patch import patched


def order_in(format_: Format, sales_channel: str, payload: bytes, patch: bytes | None) -> Order | Unreadable:
    """The order, as it is read with its patch, if it has one."""
    if patch is None:
        return format_.read(sales_channel, payload)
    changed = read_with(format_, payload, patch)
    return changed if isinstance(changed, Unreadable) else format_.read(sales_channel, changed)


def read_with(format_: Format, payload: bytes, patch: bytes) -> bytes | Unreadable:
    """The payload with the patch in it, as long as it is still the same version of the same order."""
    try:
        changed = patched(payload, patch)
    except (msgspec.DecodeError, RecursionError):
        return Unreadable("The payload is not one well-formed JSON object.")
    before, after = format_.identify(payload), format_.identify(changed)
    if after != before or not isinstance(after, Identified):
        return Unreadable("The patch changes which order it is, or its version; patch it without them")
    return changed
