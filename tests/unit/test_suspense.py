"""What goes to suspense in the create of a sale: by name, with its amount, and when it was paid."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from flows.formats import FORMATS
from flows.model.order import Order
from flows.model.sale import SaleSettings, Suspense
from flows.model.suspense import suspended


def test_what_goes_to_suspense_is_of_the_moment_at_which_it_was_paid_else_ordered() -> None:
    """Not of that at which the sale was made; of several payments by one gateway the first counts."""
    payments = [
        {"id": str(number), "gateway": gateway, "amount": amount, "at": at}
        for number, (gateway, amount, at) in enumerate(
            [
                ("Pay", "30.00", "2026-11-02T10:00:00Z"),
                ("Pay", "20.00", "2026-11-01T10:00:00Z"),
                ("Cash", "50.00", None),
            ]
        )
    ]
    order = {
        "order_id": "1", "placed_at": "2026-10-25T10:00:00Z", "updated_at": "2026-11-20T10:00:00Z", "currency": "USD",
        "taxes_included": False, "total": "100.00", "financial_status": "paid", "payments": payments,
        "lines": [{"id": "1", "sku": "MUG", "quantity": "1", "unit_price": "100.00"}],
    }  # fmt: skip
    read = FORMATS["seamline"].read("web", msgspec.json.encode(order))
    assert isinstance(read, Order), read
    settings = SaleSettings(channel_id=3, suspense=Suspense(approved_by="Ann", gateway="unknown"))
    assert [(each.name, each.amount, each.at) for each in suspended(read, settings)] == [
        ("Pay", Decimal("50.00"), datetime(2026, 11, 1, 10, tzinfo=UTC)),
        ("Cash", Decimal("50.00"), datetime(2026, 10, 25, 10, tzinfo=UTC)),
    ]
