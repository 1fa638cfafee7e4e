"""What the order importer is told, beside deliveries, requests to look again, and the outcomes of its calls."""

from __future__ import annotations

from typing import Literal

import msgspec

from connectors.fulfil.sales import Sale
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


class PatchOrder(Message, frozen=True, kw_only=True):
    """A person changes what is read of the order, in this version and in each later one."""

    patch: str
    """JSON Merge Patch, RFC 7396."""
    by: str
    reason: str


class RemovePatch(Message, frozen=True, kw_only=True):
    """A person wants the order read as it is received again."""

    by: str
    reason: str


class OrderPatched(Message, frozen=True, kw_only=True):
    """What a person asks for, and the order as it is read then. `told` is None while there is nothing to read."""

    key: str
    asked: PatchOrder | RemovePatch
    told: OrderPresented | OrderUnreadable | None
    refused: str = ""
    """Why it is not done; a sentence for people."""


class LinkOrder(Message, frozen=True, kw_only=True):
    """A person says that the order was made by hand: it is this sale, by number or by id."""

    sale: str
    by: str
    reason: str
    key: str = ""
    """The order's, as the record of it names it."""


class SaleLookedUp(Message, frozen=True, kw_only=True):
    """What Fulfil says of a sale that an order is to be linked to, and whose it is."""

    key: str
    sales: tuple[Sale, ...]
    channel: int
    """Fulfil's id of the order's sales channel."""
    taken_by: str = ""
    """Another order that the sale was linked to."""
