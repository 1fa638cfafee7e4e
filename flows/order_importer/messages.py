"""What the order importer is told, beside deliveries, requests to look again, and the outcomes of its calls."""

from __future__ import annotations

from typing import Literal

import msgspec

from flows.model.order import Order
from flows.model.proof import Proof
from runtime.decision import Message


class OrderPresented(Message, frozen=True, kw_only=True):
    """A version of an order with all that the decision needs: its figures, its proof, and the SKUs in doubt."""

    delivery: int
    version: str
    received_us: int
    order: Order
    proof: Proof
    missing: tuple[str, ...]
    hints: dict[str, str]
    """Missing SKU -> what is known of its near relatives."""
    ambiguous: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """SKU of several active products -> each of them, for people: its id in Fulfil and its name."""
    aliases: dict[str, str] = msgspec.field(default_factory=dict)
    """SKU that Fulfil sells under another -> that one, as a person has decided."""
    before: Order | None = None
    """The version that is in Fulfil, when this one differs from it and its payload is still there."""
    by_person: bool = False
    """A person has asked to look at it again."""
    products: dict[str, int] = msgspec.field(default_factory=dict)
    """SKU of what is shipped in exchange for what comes back -> the product, where it is exactly one."""


class OrderUnreadable(Message, frozen=True, kw_only=True):
    """A version of an order that its format cannot read, and why."""

    delivery: int
    version: str
    reason: str
    awaits: Literal["", "later", "fetch"] = ""
    """What there is to wait for: the sales channel publishes the rest, or it is fetched. Empty: nothing."""


class AuthorisationEnds(Message, frozen=True, kw_only=True):
    """Timer: the order's payment is reserved until `at`, and not for long."""

    at: str


class LookAtShipments(Message, frozen=True, kw_only=True):
    """Timer: the sale had no shipments yet when they were to be put on hold."""


class LookForReturns(Message, frozen=True, kw_only=True):
    """Timer: goods came back of which Fulfil had no return; perhaps somebody has made it since.

    What the sales channel may do by now, and its products, is looked up when the time has come.
    """

    no_returns: str = ""
    products: dict[str, int] = msgspec.field(default_factory=dict)


class ConfirmAbsence(Message, frozen=True, kw_only=True):
    """Timer: look once more whether a create that was given up has appeared in Fulfil after all."""

    channel: int
    identifier: str
