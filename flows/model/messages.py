"""Messages that pass between flows."""

from __future__ import annotations

from collections.abc import Mapping

from runtime.clock import Instant
from runtime.decision import Message


class Recheck(Message, frozen=True, kw_only=True):
    """Look at a held order again: what it waited for may have come, or a person has released it."""

    because: str
    """`catalogue`, `person`, `cause` (a person has released all orders of it), `customer` (the first order of theirs is
    decided on), or `later`: its own timer."""


class Release(Message, frozen=True, kw_only=True):
    """To the catalogue: release the orders whose SKU can be sold by now, those bought later than this ones first.

    `placed_us` is an instant of purchase (microseconds since 1970 UTC), `subject` an order of that instant; without
    them it begins with the oldest purchase.
    """

    placed_us: int = -(1 << 62)
    subject: str = ""


MISSING_ORDERS = "missing_orders"
"""The actor that looks for orders which a sales channel has and nobody has brought."""


class FindOrder(Message, frozen=True, kw_only=True):
    """Bring this order (the key), in this version or a newer one; empty: in any."""

    version: str = ""
    only_named: bool = False
    """What is here only names it, or says that it has changed: it is asked for, whatever is here."""


AUDIT_LOG = "audit_log"
"""The actor that writes down what people decide."""
AUDIT_LOG_KEY = "system/audit"


class Record(Message, frozen=True, kw_only=True):
    """To the audit log: a person has decided this. Emitted in the transaction in which the decision takes effect."""

    at: Instant
    by: str
    action: str
    """`noun.verb`, such as `alias.add`."""
    subject: str
    values: Mapping[str, str]
    """What is needed to tell decisions of one kind apart. Nothing personal."""
    reason: str


CUSTOMERS = "customers"
"""The actor that knows whose party in Fulfil each customer is."""


class CustomerFree(Message, frozen=True, kw_only=True):
    """An order for which others of its customer wait has come to rest: have them decided on, those bought first ahead.

    `known`: it is in Fulfil, so all of them may go; else the first of them. `placed_us` and `order` are the purchase
    (microseconds since 1970 UTC) and key of the last one that was sent on.
    """

    claims: tuple[str, ...]
    known: bool
    placed_us: int = -(1 << 62)
    order: str = ""
