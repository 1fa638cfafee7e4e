"""What is kept of one order's shipments, and how far it makes the order. Pure.

    known       shipped before the sales channel wanted to be told: it counts, and is not told
    held        a carrier is not mapped, or nobody knows the order
    partial     of kits only, and no set is complete yet; or nothing of it is left to be told
    waiting     on its way to the flow
    sent        a run has taken it
    told        the sales channel says that it has it
    refused     the flow fails with it alone
    withdrawing the shipment was cancelled, and it is not known yet whether a start had taken the notice
    withdrawn   the shipment is cancelled; if it had been sent, that is a case

A notice is told again, as an update under the same id and a higher version, when what is told of it changes, and only
then: a later read of the same facts is no news (rule 13).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from flows.exceptions.kinds import ExceptionCase
from flows.fulfilment_watcher.parts import ShipmentPart, ShipmentSeen
from flows.fulfilment_watcher.translating import ZERO
from flows.model.cases import case_in
from flows.model.messages import Recheck
from flows.model.order import Order
from flows.model.unshipped import Outstanding, OutstandingSeen
from runtime.decision import Message

Status = Literal["known", "held", "partial", "waiting", "sent", "told", "refused", "withdrawing", "withdrawn"]
GONE: Final = frozenset({"withdrawing", "withdrawn"})
_TOLD: Final = frozenset({"told", "known", "partial"})
"""Of these the sales channel knows all that there is to tell."""


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a sales channel is told of one shipment. `units` are those of the last version, by line id; before the first
    one, those that it will tell: nobody else tells them while it is held.
    """

    id: str
    part: ShipmentPart
    status: Status = "held"
    version: int = 0
    units: dict[str, Decimal] = {}
    content: str = ""
    """Digest of what the last version tells."""
    body: str = ""
    """That version, as it stands in the payload."""
    former: tuple[str, ...] = ()
    """The tracking numbers of the version before it."""
    mapped: bool = True
    cause: str = ""
    """Why it is held: the carrier or service that is not mapped, or `order`."""
    seen_at: datetime | None = None
    shipped_at: datetime | None = None
    waits_since: datetime | None = None
    """When the last version went on its way."""
    sent_at: datetime | None = None
    """When the last version that was sent, was."""
    sent_version: int = 0
    let_be: bool = False
    """A person has seen to it that it was not told."""
    told_at: datetime | None = None
    suspect: tuple[str, ...] = ()
    changed_at: datetime | None = None
    """When anything of it changed here."""


class OrderShipments(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One order, as far as its shipments go."""

    key: str
    notices: dict[str, Notice] = {}
    """By shipment."""
    ordered: dict[str, Decimal] = {}
    """Units by line, no more than edits and refunds left of them."""
    placed_at: datetime | None = None
    ship_by: datetime | None = None
    """When it was bought, and by when it was promised, as it was read when something of it had left."""
    waived: bool = False
    """A person has let it be told although nobody knows the order."""
    outstanding: Outstanding | None = None
    """What the last look at Fulfil found of it, while any of that is somebody's case."""
    dealt_with: dict[str, Decimal] = {}
    """Units by line that will not be shipped, and that a person has seen to."""
    cases: tuple[ExceptionCase, ...] = ()


class Withdrawal(Message, frozen=True, kw_only=True):
    """From the shell: where the line of a notice is that is to be taken back; see `outgoing_line`. None: nowhere.
    `taken`: a start has taken an earlier version of it.
    """

    notice: str
    place: int | None
    taken: bool = False


class Seen(Message, frozen=True, kw_only=True):
    """From the shell: a message, and what is known of its order: whether it was ever received, its newest version if
    that can be read, and how many units of each line edits and refunds have left at the sales channel (by line id; what
    is not known is not there).
    """

    message: ShipmentSeen | OutstandingSeen | Recheck
    is_known: bool
    left: Mapping[str, Decimal] = msgspec.field(default_factory=dict)
    order: Order | None = None


# -- small parts -------------------------------------------------------------------------------------------------------


def put(state: OrderShipments, current: Notice) -> OrderShipments:
    """With this notice in its place."""
    return replace(state, notices={**state.notices, current.part.shipment: current})


def by_id(state: OrderShipments, id_: str) -> Notice | None:
    """The notice of this id; None when there is none."""
    return next((each for each in state.notices.values() if each.id == id_), None)


def with_case(
    state: OrderShipments,
    kind: str,
    cause: str,
    sentence: str,
    now: datetime,
    *,
    amount: Decimal | None = None,
    currency: str | None = None,
) -> OrderShipments:
    """With a case; one that is open already keeps its beginning."""
    case = case_in(state.cases, kind, cause, sentence.rstrip("."), now, amount=amount, currency=currency)
    others = (each for each in state.cases if (each.kind, each.cause) != (kind, cause))
    return replace(state, cases=(*others, case))


def without(state: OrderShipments, kind: str, cause: str, *, of: Notice | None = None) -> OrderShipments:
    """Without a case. `of`: without the case that this notice was held for, unless another one is, or it is `cause`."""
    if of is not None:
        still = {each.cause for each in state.notices.values() if each.status == "held" and each.id != of.id}
        ended = "" if of.cause == cause or of.cause in still else of.cause
        cases = tuple(case for case in state.cases if (case.kind, case.cause) != (kind, ended))
    else:
        cases = tuple(case for case in state.cases if (case.kind, case.cause) != (kind, cause))
    return state if cases == state.cases else replace(state, cases=cases)


def units_of_others(state: OrderShipments, current: Notice) -> dict[str, Decimal]:
    """Units by line that the other notices tell, or that were told before anybody asked us to. What was sent counts
    although its shipment was cancelled: the sales channel has it.
    """
    found: dict[str, Decimal] = {}
    for other in state.notices.values():
        is_gone = other.status == "withdrawn" and not other.sent_version
        if other.id != current.id and not is_gone:
            for line_id, units in other.units.items():
                found[line_id] = found.get(line_id, ZERO) + units
    return found


def units_of_notice(notice: Notice) -> dict[str, int]:
    """The whole units that a notice tells, by SKU; of kits those of their components, too."""
    found: dict[str, Decimal] = {}
    for line in notice.part.lines:
        units = notice.units.get(line.line_id, ZERO)
        pieces = {line.sku: units, **{each.name: units * each.per_kit for each in line.components}}
        for sku, quantity in pieces.items():
            found[sku] = found.get(sku, ZERO) + quantity
    return {sku: math.ceil(units) for sku, units in found.items() if units > 0}


def units_told(state: OrderShipments) -> dict[str, int]:
    """The units of the order, by SKU, that its sales channel knows to be shipped, or may: as soon as a flow may have
    taken them, and for good once it has.
    """
    found: dict[str, int] = {}
    for each in state.notices.values():
        may_know = each.sent_version or each.status == "known" or (each.version and each.status != "withdrawn")
        for sku, units in units_of_notice(each).items() if may_know else ():
            found[sku] = found.get(sku, 0) + units
    return found


# -- how far the order is ----------------------------------------------------------------------------------------------


class Progress(msgspec.Struct, frozen=True):
    """How far an order is: `''` (nothing has left), `partially shipped`, `shipped`, or `told` (all of it, proven)."""

    state: str
    ordered: Decimal
    shipped: Decimal


def progress(state: OrderShipments) -> Progress:
    """What follows for the order from its notices."""
    live = [each for each in state.notices.values() if each.status not in GONE]
    units: dict[str, Decimal] = {}
    for each in live:
        wanted = each.units or {line.line_id: line.quantity for line in each.part.lines}
        for line_id, quantity in wanted.items():
            units[line_id] = units.get(line_id, ZERO) + quantity
    ordered = sum(state.ordered.values(), ZERO)
    shipped = sum((min(units.get(line_id, ZERO), most) for line_id, most in state.ordered.items()), ZERO)
    if not live or not shipped:
        return Progress("", ordered, shipped)
    if shipped < ordered:
        return Progress("partially shipped", ordered, shipped)
    is_told = all(each.status in _TOLD for each in live)
    return Progress("told" if is_told else "shipped", ordered, shipped)
