"""Orders of a sales channel on demand: how the callback flow that reads them is asked.

The flow gets an object and answers with orders, as the sales channel's own webhook would send them:

    {"since": "2026-11-20T09:00:00Z", "page": 1, "limit": 100}    what changed at or after then, oldest change first
    {"id": "820982911946154508"}                                  that one order

An answer with fewer orders than `limit` is the last page. Instants are UTC, whatever the host's time zone is, in whole
seconds: that is what sales channels compare with.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from connectors.patchworks.requests import CallCallback, effect
from runtime.decision import Effect


class PollSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Reading on schedule what changed in the sales channel: what no push brought comes by it."""

    every_s: Annotated[float, Meta(ge=10, le=86_400)] = 300.0
    """How often."""
    overlap_s: Annotated[float, Meta(ge=0, le=86_400)] = 600.0
    """How far before the last change that was read each poll begins: changes that the sales channel commits late, with
    an earlier time, are found as long as they come within it."""
    push_within_s: Annotated[float, Meta(ge=0, le=86_400)] = 120.0
    """How long a push may take. Younger changes are left to it, and an order that only the poll brought counts as
    missed. 0 leaves nothing to the push."""
    has_push: bool = True
    """Whether orders are pushed, too. If not, the poll takes everything at once, and nothing counts as missed."""

    def __post_init__(self) -> None:
        """Refuse an overlap that would not come back to what is left to the push."""
        if self.has_push and self.overlap_s < self.push_within_s:
            raise ValueError("overlap_s must not be below push_within_s, or what is left to the push is not read again")


class OnDemandSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A callback flow that reads the orders of one sales channel; needs `[patchworks.callbacks]`."""

    callback: str
    """Its name under `[patchworks.callbacks]`."""
    page_size: Annotated[int, Meta(ge=1, le=1_000)] = 100
    """Orders per page: what the flow keeps to. A page with fewer is the last one."""
    poll: PollSettings | None = None
    """Poll it. Not set: it is asked only for orders that a manifest names, and by a back-fill."""


def changed(settings: OnDemandSettings, since: datetime, page: int, *, share: str = "orders") -> Effect:
    """Ask for a page of what changed at or after `since`; `share` of the budget pays for it."""
    instant = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return _ask(settings, {"since": instant, "page": page, "limit": settings.page_size}, share)


def one(settings: OnDemandSettings, order_id: str) -> Effect:
    """Ask for one order."""
    return _ask(settings, {"id": order_id}, "orders")


def _ask(settings: OnDemandSettings, question: dict[str, str | int], share: str) -> Effect:
    asked = CallCallback(callback=settings.callback, question=msgspec.Raw(msgspec.json.encode(question)))
    return effect(asked, share=share)


def moment_of(version: str) -> datetime | None:
    """The source's time of update in a version; None when it has none."""
    try:
        return datetime.fromisoformat(version) if version else None
    except ValueError:
        return None
