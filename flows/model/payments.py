"""What the payment mapper is told and tells, what people configure of it, and what its records are called."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from flows.model.tenders import TenderEvent
from runtime.decision import Message
from runtime.rule import RuleBroken

PAYMENT_MAPPER: Final = "payment_mapper"
"""The actor that knows what Fulfil has to have of an order's payments; its keys are orders."""

State = Literal["authorized", "completed", "cancelled", "voided"]
"""Where a transaction stands, or shall stand, in Fulfil. Only `completed` is money that was taken (rule 5). An
authorisation is `cancelled` there when its captures stand for it, and `voided` when nobody is to capture it any more.
"""
ENDED: Final = ("cancelled", "voided")


class TendersSeen(Message, frozen=True, kw_only=True):
    """To the payment mapper, of an order whose sale is in Fulfil: what was done about its money, by its newest version.

    `sent` are the events that travelled inside the create of the sale. Amounts are in `currency`, the sale's.
    """

    sale: int
    currency: str
    reference: str
    """The order's number for people."""
    placed_at: str
    """When it was bought, as ISO 8601: the date of its exchange rate."""
    tenders: tuple[TenderEvent, ...]
    sent: tuple[TenderEvent, ...] = ()


# -- configuration -----------------------------------------------------------------------------------------------------


class FieldTarget(msgspec.Struct, frozen=True, kw_only=True):
    """Where a figure goes whose name in Fulfil is not publicly known. Neither is set: into ledger moves only."""

    field: str = ""
    """A field of this tenant's own on `payment_gateway.transaction`."""
    metafield: Annotated[int, Meta(gt=0)] | None = None
    """The id of a metafield of the sale."""

    def __post_init__(self) -> None:
        """Refuse two places for one figure."""
        if self.field and self.metafield is not None:
            raise RuleBroken({("metafield",): "a figure goes into a field or into a metafield, not into both"})


LEDGER_ONLY: Final = FieldTarget()


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """A payment gateway of Fulfil's through which Fulfil itself takes no money (its method is `manual`).

    Its transactions are moved to authorised and captured as it happened elsewhere; at a gateway that Fulfil works
    itself, the same call would take the customer's money again.
    """

    id: Annotated[int, Meta(gt=0)] | None = None
    """Fulfil's id of the gateway. Not set: it is looked up by its code, else by its name."""
    fee: FieldTarget = LEDGER_ONLY
    """Where the gateway's fee goes, where the sales channel publishes it."""
    paid: FieldTarget = LEDGER_ONLY
    """Where the amount in the customer's currency goes, as `105.20 EUR`, when that is not the sale's."""
    rate: FieldTarget = LEDGER_ONLY
    """Where the exchange rate goes: what one unit of the customer's currency is worth in the sale's."""
    rate_date: FieldTarget = LEDGER_ONLY
    """Where the date of that rate goes: the day of the purchase, in `payments.time_zone`."""


class PaymentSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Payments that come after the import: how they are recorded in Fulfil. Needs the capability `payments`."""

    gateways: dict[str, GatewaySettings] = {}
    """The gateways whose payments may be recorded, by Fulfil's codes. A later payment of any other is a case."""
    time_zone: str = "UTC"
    """The time zone of finance's company: in it a payment has its day, and a purchase that of its rate."""
    gather_s: Annotated[float, Meta(ge=0, le=3_600)] = 30.0
    """How long a payment may wait for company, so that many are recorded with one call; fifty do not wait."""

    def __post_init__(self) -> None:
        """Refuse a time zone that there is not."""
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise RuleBroken({("time_zone",): f"there is no time zone {self.time_zone!r}"}) from None
