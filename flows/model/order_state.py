"""What is remembered of an order between messages, and the rows that people list it by.

The state is small: the figures people ask for, which version was met, which one went to Fulfil, and the open cases.
Everything else is in the delivery's body, which is kept while the order is open.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from flows.events import OrderImported, OrderSettled
from flows.exceptions.kinds import ExceptionCase
from flows.model.amendment import Amendment
from flows.model.bundles import Bundle
from flows.model.cases import announce_cases, case_rows
from flows.model.goods_back import GoodsBack, SoldLine
from flows.model.tenders import TenderEvent
from runtime.clock import to_instant
from runtime.decision import Write
from runtime.key import partition_of, parts_of


class Status(enum.StrEnum):
    """Where an order stands."""

    NEW = "new"
    """Received, and not decided on."""
    HELD = "held"
    """Not in Fulfil; a case says why."""
    CREATING = "creating"
    """The sale is being created."""
    UNKNOWN = "unknown"
    """The answer to the create was lost; Fulfil is being looked at."""
    IMPORTED = "imported"
    """The sale is in Fulfil."""
    CANCELLED = "cancelled"
    """Cancelled by the sales channel before anything was in Fulfil, or its sale was cancelled there, too."""
    WAITING = "waiting"
    """Not in Fulfil yet, and nothing is wrong with it: `waits` says for what it waits."""
    EXCLUDED = "excluded"
    """Never to be in Fulfil: `rule` names the rule that says so."""


ON_ITS_WAY = (Status.CREATING, Status.UNKNOWN)
"""A create of the sale has begun, and nobody knows yet what becomes of it."""


class Later(msgspec.Struct, frozen=True, kw_only=True):
    """A newer version that arrived while, or after, an older one went to Fulfil."""

    delivery: int
    version: str
    content: str
    cancelled: bool
    refunded: bool = False
    """It has refunds or returns, which have to be looked at with its payload."""
    news: bool = False
    """The gate says something else of it than it said last: it has to be judged with its payload."""


class Proving(msgspec.Struct, frozen=True, kw_only=True):
    """A return that was made, and is to come to `worth`, as far as roundings allow."""

    sale: int
    worth: Decimal
    within: Decimal
    exchange: bool = False
    """Something is shipped in exchange, and `worth` is less what that costs."""


Goal = Literal["hold", "release", "edit", "cancel", "return"]


class Work(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is being done to the sale, one call after the other. Versions that arrive meanwhile wait as `later`."""

    goal: Goal
    target: Later | None = None
    """The version that is being applied."""
    amendment: Amendment | None = None
    """What has to change for it."""
    told: str = ""
    """The change in words."""
    tax: str = ""
    """The taxes of the sale once it is made."""
    ordered: dict[str, Decimal] = {}
    """The units of the sale once it is made, as `OrderState.ordered`."""
    units: dict[str, int] = {}
    """What the order needs of each SKU once it is made."""
    applied: bool = False
    """The change has been made, and is to be proven."""
    tries: int = 0
    """How often the sale was found without shipments."""
    idle: bool = False
    """It waits for shipments, and no call is under way: anything else goes before it."""
    put: tuple[int, ...] = ()
    """The shipments that this very work has put on hold."""
    refused: str = ""
    """Why the change cannot be made, where that is known."""
    back: tuple[GoodsBack, ...] = ()
    """Goods that are given back: all of the change, if it is one."""
    no_returns: str = ""
    """Why no return is made in Fulfil; empty: it is."""
    products: dict[str, int] = {}
    """Fulfil's ids of what is shipped in exchange, by SKU."""
    found: dict[str, SoldLine] = {}
    """What Fulfil has of the lines that come back, as far as it was read."""
    proving: Proving | None = None
    """The return that was made last, until its sum is proven."""


class Linking(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person wants the order linked to a sale that exists, and Fulfil is being asked for it."""

    sale: str
    """Its number, or its id, as it was said."""
    by: str
    reason: str
    key: str = ""
    """The order's."""
    by_id: bool = False
    """No sale has this number; it is looked up as an id."""
    unread: bool = False
    """The order could not be read when it was asked for, so there is no total to compare."""


class OrderState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """See the module. `content` is the digest of what a sale is made of: as it was sent to Fulfil, or would be."""

    status: Status = Status.NEW
    version: str = ""
    received_us: int | None = None
    """When its first delivery was accepted: microseconds since 1970 UTC."""
    delivery: int | None = None
    weighed: int | None = None
    """The delivery that `content` and the figures are of, while a newer one, `delivery`, is about to be weighed. None:
    they are of `delivery`."""
    unread: int | None = None
    """The delivery that brought the newest version, where a case is open because it cannot be read."""
    content: str = ""
    reference: str = ""
    amount: str = "0"
    currency: str = ""
    tax: str = ""
    """The taxes of its sale, once one was asked for. Empty: not known."""
    captured: str = ""
    """What the create of its sale sends as captured. Empty: not known."""
    ordered: dict[str, Decimal] = {}
    """The units of its sale on all of its lines, by Fulfil's SKUs, once one was asked for. Empty: not known."""
    placed_at: datetime | None = None
    ship_by: datetime | None = None
    """By when the sales channel has promised that it leaves, as the version says that was imported."""
    proof: str = "unproven"
    channel: int | None = None
    """Fulfil's id of the sales channel, once a sale was asked for."""
    order_id: str = ""
    """The sale's channel_identifier, once a sale was asked for."""
    given_up: str = ""
    """`content` of a create that was given up as absent, and may yet turn out to be applied. Empty: there is none."""
    given_up_delivery: int | None = None
    """The delivery that brought that version."""
    changed_to: str = ""
    """`content` of the version that was edited or cancelled after the sale was made, while a case of it is open."""
    changed_delivery: int | None = None
    """The delivery that brought that version."""
    changed_figures: tuple[str, str] | None = None
    """Total and taxes of the sale as that version would have it: what it has, when a person has changed it by hand."""
    changed_units: dict[str, Decimal] = {}
    """The units of the sale as that version would have it."""
    rule: str = ""
    """The rule of the import gate by which it waits, is excluded, or has its shipment on hold."""
    waits: str = ""
    """For what it waits, in words that complete "it waits": `for its payment`."""
    gated: str = ""
    """The gate's last verdict; what was done about it, or not done because a person wants it so, stands with it."""
    waived: bool = False
    """A person has let it pass the gate, in spite of that verdict."""
    on_hold: bool = False
    """The gate wants its shipments on hold in Fulfil until a person has looked."""
    held: tuple[int, ...] = ()
    """The shipments in Fulfil that we have put on hold, and not released."""
    customer: tuple[str, ...] = ()
    """Whose it is, and hashes of what Fulfil knows them by: `Buyer.claims`. Empty: its party is its own."""
    party: int | None = None
    """Whose sale it is in Fulfil, when the answer to the create has said so."""
    sale: int | None = None
    sale_number: str | None = None
    units: dict[str, int] = {}
    """What it needs of each SKU in stock; only where stock is published."""
    claimed: dict[str, int] | None = None
    """What its sales channel takes it for, where that is not `units`: what an edit or a cancel takes away is not free
    before Fulfil says so, and the units of a test order nobody else keeps.
    """
    sold: dict[str, int] = {}
    """What of that the sale has, or will have."""
    bundles: dict[str, Bundle] = {}
    """What the bundles of its sale were exploded into: by this, and no later rule, is a version compared with it."""
    authorised_until: str = ""
    """Until when its payment is reserved, as ISO 8601; empty when nothing is, or nobody says."""
    by_hand: bool = False
    """A person has made the sale, and Fulfil does not know it by this order's identifier."""
    refunds: dict[str, str] = {}
    """Each refund that the story tells of, and the statuses that it has been told in, a letter each."""
    returned: tuple[GoodsBack, ...] = ()
    """The goods that came back, or never went, and were dealt with."""
    sent: tuple[TenderEvent, ...] = ()
    """What of its money travels inside the create of its sale; only where later payments are recorded."""
    tenders: tuple[TenderEvent, ...] = ()
    """What was done about its money, as the payment mapper is to hear once the sale is there."""
    paid: str = ""
    """The digest of what the payment mapper knows of that, or need not know."""
    work: Work | None = None
    later: Later | None = None
    linking: Linking | None = None
    """Set while a sale is looked up that a person wants it linked to. Until then nothing is created."""
    cases: tuple[ExceptionCase, ...] = ()

    @property
    def dealt_with(self) -> tuple[GoodsBack, ...]:
        """Goods that nobody has to look at again; an edit that could not be made is tried while its case is open."""
        if not any(case.kind == "order.edited" for case in self.cases):
            return self.returned
        return tuple(each for each in self.returned if not each.edited)

    @property
    def open(self) -> bool:
        """Whether the received body may still be needed."""
        under_way = self.work is not None or self.linking is not None
        return bool(self.cases) or under_way or self.status not in _AT_REST

    @property
    def of_the_past(self) -> bool:
        """Whether the gate lets it into Fulfil as completed: nothing of it is shipped, invoiced or booked."""
        return self.gated.startswith("import_completed")

    @property
    def newest(self) -> int | None:
        """The delivery of the newest version that could be read; None before the first one."""
        if self.later is not None:
            return self.later.delivery
        return self.delivery if self.changed_delivery is None else self.changed_delivery


def order_rows(key: str, before: OrderState, after: OrderState, now: datetime) -> Sequence[Write]:
    """The listing row of the order, and its cases: those that begin, and those that end."""
    rows = []
    if after is not before:
        sales_channel, order_id = parts_of(key)
        rows.append(
            Write(
                "put_order_view",
                (
                    key, sales_channel, order_id, after.reference or order_id, after.status.value, after.proof,
                    after.amount, after.currency, to_instant(after.placed_at) if after.placed_at else None,
                    after.sale, after.sale_number, to_instant(now),
                ),
            )
        )  # fmt: skip
    if after.cases is not before.cases:
        rows += case_rows(key, before.cases, after.cases, now, how=f"order {after.status.value}")
    return rows


_AT_REST = (Status.IMPORTED, Status.CANCELLED, Status.EXCLUDED)
_SETTLED = (*_AT_REST, Status.HELD, Status.WAITING)


def announce_order(
    key: str, before: OrderState, after: OrderState, age_s: Callable[[OrderState], float], emit: Callable[[Any], None]
) -> None:
    """Emit what became of an order, when it came to rest in another state."""
    if before.status is not after.status and after.status in _SETTLED:
        sales_channel = partition_of(key)
        emit(OrderSettled(sales_channel=sales_channel, state=after.status.value))
        if after.status is Status.IMPORTED:
            emit(OrderImported(sales_channel=sales_channel, seconds=age_s(after)))
    announce_cases(key, before.cases, after.cases, emit)
