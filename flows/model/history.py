"""What the import of an order of the past would set off in Fulfil: back-fill never ships history (rule 3). Pure.

The import gate decides what becomes of such an order, as of any other: one that is imported becomes a confirmed sale,
which is shipped, invoiced, and whose captured payments are booked; one that is imported as completed is history. Both
carry a date of the past, whose period may be closed. What is excluded, or waits, sets off nothing. Of an order of which
nobody can say it, it is said why it is undecided.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from flows.model.gate import GateSettings, gate
from flows.model.order import TAKES, FulfilmentStatus, Order, PaymentStatus, Unreadable
from flows.model.proof import prove
from runtime.clock import to_instant


class Consequences(msgspec.Struct, frozen=True):
    """What would follow. `undecided` says why that cannot be said; empty when it can."""

    shipments: int = 0
    invoices: int = 0
    payments: int = 0
    closed_dates: int = 0
    """Sales whose date is in no open period of Fulfil's ledger."""
    undecided: str = ""


def consequences(
    order: Order | Unreadable, settings: GateSettings, now: datetime, *, is_closed: bool = False
) -> Consequences:
    """What the import of this order would set off, today or as soon as it is no longer left alone for edits.

    `is_closed`: no open period of the ledger has the day on which it was bought.
    """
    if isinstance(order, Unreadable):
        return Consequences(undecided="unreadable")
    if order.cancelled_at is not None:
        return Consequences()
    at_once = msgspec.structs.replace(settings, grace_s=0.0)
    verdict = gate(order, prove(order), at_once, to_instant(now), now)
    if verdict.then == "import_completed":
        return Consequences(closed_dates=int(is_closed))
    if verdict.then not in ("import", "hold_shipment"):
        return Consequences()
    if order.fulfilment_status is FulfilmentStatus.PARTIAL:
        return Consequences(undecided="shipped in part")
    if order.several_addresses:
        return Consequences(undecided="to several addresses")
    captured = [
        payment for payment in order.payments if payment.kind in TAKES and payment.status is PaymentStatus.SUCCESS
    ]
    ships = any(line.requires_shipping for line in order.lines)
    return Consequences(shipments=int(ships), invoices=1, payments=len(captured), closed_dates=int(is_closed))
