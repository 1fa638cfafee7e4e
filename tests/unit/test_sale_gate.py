"""The gate for changing a sale: what of it the warehouse or finance has begun with."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.fulfil.sales import Sale
from connectors.fulfil.shipments import Shipment
from flows.model.sale_gate import open_ones, sale_begun, shipments_begun


def shipment(**of: Any) -> Shipment:
    return Shipment(**{"id": 71, "number": "CS71", "state": "assigned", "sales": (9,), **of})


@pytest.mark.parametrize(
    ("of", "says"),
    [
        ({}, ""),
        ({"state": "draft"}, ""),
        ({"state": "waiting", "on_hold": True}, ""),
        ({"state": "cancel", "picking_status": "done", "shipping_batch": 3}, ""),
        ({"state": "packed"}, "shipment CS71 is packed"),
        ({"state": "done"}, "shipment CS71 has been shipped"),
        ({"picking_status": "in-progress"}, "shipment CS71 is being picked"),
        ({"shipping_batch": 3}, "shipment CS71 is in a picking batch"),
        ({"sales": (9, 10)}, "shipment CS71 carries another order's goods, too"),
        ({"number": None, "state": "packed"}, "shipment 71 is packed"),
    ],
)
def test_a_sale_can_be_changed_until_the_warehouse_has_begun_with_it(of: dict[str, Any], says: str) -> None:
    """Rule 16: picked or batched; and what would delay somebody else's order is left alone."""
    assert shipments_begun([shipment(id=70, number="CS70"), shipment(**of)]) == says


@pytest.mark.parametrize(
    ("of", "says"),
    [
        ({"state": "processing", "invoice_state": "none"}, ""),
        ({"state": "confirmed"}, ""),
        ({"state": "done"}, "the sale is done"),
        ({"state": "processing", "invoice_state": "waiting"}, "the sale is invoiced"),
        ({"state": "processing", "drop_shipments": (4,)}, "a supplier ships a part of it"),
    ],
)
def test_a_sale_can_be_changed_until_it_is_invoiced(of: dict[str, Any], says: str) -> None:
    """Rule 16; a supplier cannot be told to wait."""
    assert sale_begun(Sale(id=9, **of)) == says


def test_what_could_still_go_out_is_put_on_hold() -> None:
    """Neither what has left nor what was given up."""
    states = ("draft", "waiting", "assigned", "packed", "done", "cancel", "cancelled")
    found = [shipment(id=number, state=state) for number, state in enumerate(states, start=1)]
    assert open_ones(found) == (1, 2, 3, 4)
