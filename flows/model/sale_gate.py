"""Whether the warehouse or finance has begun with a sale: the gate for changing it (rule 16). Pure.

A sale may be changed until something of it is picked, packed, shipped, in a picking batch, or invoiced.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.fulfil.sales import Sale
from connectors.fulfil.shipments import Shipment

CANCELLED = ("cancel", "cancelled")
"""States of what is no more; newer Tryton says `cancelled`."""


def sale_begun(sale: Sale) -> str:
    """What stands against a change, as far as the sale itself tells; empty when nothing does."""
    if sale.state == "done":
        return "the sale is done"
    if sale.invoice_state not in (None, "none"):
        return "the sale is invoiced"
    if sale.drop_shipments:
        return "a supplier ships a part of it"
    return ""


def shipments_begun(shipments: Sequence[Shipment]) -> str:
    """What stands against a change, as far as the shipments tell; empty when nothing does."""
    for shipment in shipments:
        name = f"shipment {shipment.number or shipment.id}"
        if shipment.state == "done":
            return f"{name} has been shipped"
        if shipment.state == "packed":
            return f"{name} is packed"
        if shipment.picking_status is not None and shipment.state not in CANCELLED:
            return f"{name} is being picked"
        if shipment.shipping_batch is not None and shipment.state not in CANCELLED:
            return f"{name} is in a picking batch"
        if shipment.sales is not None and len(shipment.sales) > 1 and shipment.state not in CANCELLED:
            return f"{name} carries another order's goods, too"
    return ""


def open_ones(shipments: Sequence[Shipment]) -> tuple[int, ...]:
    """Those that could still go out."""
    return tuple(each.id for each in shipments if each.state not in ("done", *CANCELLED))
