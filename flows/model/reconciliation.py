"""What people configure of reconciliation."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from runtime.rule import RuleBroken

RESTATED: Final = timedelta(days=35)
"""How far back a closed day is looked at again: until the month after it is closed, too."""


class ReconciliationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is proven of what stands in Fulfil, and by when."""

    time_zone: str = ""
    """The time zone of finance's company, whose business days are stated. Empty: that of [payments], else UTC."""
    state_after_s: Annotated[float, Meta(ge=0, le=86_400)] = 7_200.0
    """How long after its end a business day is stated: what polls and manifests bring of it is to be here by then."""

    def __post_init__(self) -> None:
        """Refuse a time zone that there is not."""
        try:
            ZoneInfo(self.time_zone or "UTC")
        except (ZoneInfoNotFoundError, ValueError):
            raise RuleBroken({("time_zone",): f"there is no time zone {self.time_zone!r}"}) from None
