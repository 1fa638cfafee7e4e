"""What people configure of reconciliation, and what they say of a difference."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from flows.model.closing import ClosingSettings
from flows.model.payments import PaymentSettings
from flows.model.posting_matrix import PostingSettings
from runtime.decision import Message
from runtime.rule import RuleBroken

RESTATED: Final = timedelta(days=35)
"""How far back a closed day is looked at again: until the month after it is closed, too."""

SALE_CHECKS: Final = "sale_checks"
"""The actor that keeps what is found of the sale of an order; its keys are orders."""


STATEMENTS: Final = "statements"
"""The actor that states closed days; its keys are those of `statements_key`."""


def statements_key(sales_channel: str) -> str:
    """The key of a sales channel's statements."""
    return f"statements/{sales_channel}"


class StateWindow(Message, frozen=True, kw_only=True):
    """To the statements of a sales channel: something new says how many orders there were, from `began` to `ended`."""

    began: datetime
    ended: datetime


class AcceptDifferences(Message, frozen=True, kw_only=True):
    """To an order's check: a person accepts every difference that is open. `subject`: the order."""

    subject: str
    by: str
    reason: str


class ReconciliationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is proven of what stands in Fulfil, and by when."""

    time_zone: str = ""
    """The time zone of finance's company, whose business days are stated. Empty: that of [payments], else that
    of [postings], else UTC."""
    state_after_s: Annotated[float, Meta(ge=0, le=86_400)] = 7_200.0
    """How long after its end a business day is stated: what polls and manifests bring of it is to be here by then."""
    closing: dict[str, ClosingSettings] = {}
    """Which evidence closes what was paid by each gateway, by Fulfil's codes. Empty: orders are not settled."""
    refund_days: Annotated[int, Meta(ge=0, le=90)] = 10
    """How many days a refund of a sales channel may be in no payout before that is finance's case."""
    every_s: Annotated[float, Meta(ge=60, le=86_400)] = 3_600.0
    """How often it is looked which sales have changed in Fulfil, and sales are read back: up to six calls for 500, and
    one for each 500 lines of these."""
    settle_every_s: Annotated[float, Meta(ge=1, le=86_400)] = 600.0
    """How often it is looked which orders wait for nothing any more, and are settled."""
    overlap_s: Annotated[float, Meta(ge=0, le=86_400)] = 600.0
    """How far before the last look each one reads again, because late commits carry earlier times."""
    cost_moves: Literal["", "none", "shipment", "stock_move"] = ""
    """What an entry of cost in Fulfil's ledger names as its origin, when goods have left: the shipment, or each of its
    stock moves, as in Tryton. Empty: what `seamline probe` has found. none: it is not looked for."""

    def __post_init__(self) -> None:
        """Refuse a time zone that there is not."""
        try:
            ZoneInfo(self.time_zone or "UTC")
        except (ZoneInfoNotFoundError, ValueError):
            raise RuleBroken({("time_zone",): f"there is no time zone {self.time_zone!r}"}) from None


def zone_of_company(
    reconciliation: ReconciliationSettings | None, payments: PaymentSettings | None, postings: PostingSettings | None
) -> str:
    """The time zone of finance's company, in which business days begin and end; UTC where no section names one."""
    told = [each.time_zone for each in (payments, postings) if each is not None]
    own = "" if reconciliation is None else reconciliation.time_zone
    return own or next(iter(told), "UTC")
