"""What the order importer is told, beside deliveries, requests to look again, and the outcomes of its calls."""

from __future__ import annotations

from typing import Literal

import msgspec

from flows.model.bundles import Bundle
from flows.model.customer import Buyer
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
    bundles: dict[str, Bundle] = msgspec.field(default_factory=dict)
    """SKU of the order that is a bundle by rule -> what it is exploded into."""
    before: Order | None = None
    """The version that is in Fulfil, when this one differs from it and its payload is still there."""
    by_person: bool = False
    """A person has asked to look at it again."""
    buyer: Buyer | None = None
    """How Fulfil is to know the customer; None: by the address that stands on the order."""


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


class ConfirmAbsence(Message, frozen=True, kw_only=True):
    """Timer: look once more whether a create that was given up has appeared in Fulfil after all."""

    channel: int
    identifier: str
