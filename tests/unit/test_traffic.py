"""Later versions of a generated order say what they change, and nothing else."""

from __future__ import annotations

import json
from decimal import Decimal

from flows.demo.figures import figures
from flows.demo.orders import generate
from flows.demo.traffic import cancelled, corrected, upgraded


def test_changes_of_an_order_change_what_they_say() -> None:
    """An upgrade adds 5.00 of shipping, a correction takes 1.00 off the total, a cancel is stamped; all are later."""
    (order,) = generate(3, 1)
    before = figures("shopify", order.body)
    after = figures("shopify", upgraded(order.body))
    assert after.total - before.total == after.shipping - before.shipping == Decimal("5.00")
    assert after.lines == before.lines
    assert before.total - figures("shopify", corrected(order.body)).total == Decimal("1.00")
    assert json.loads(cancelled(order.body))["cancelled_at"]
    first = json.loads(order.body)["updated_at"]
    assert all(json.loads(change(order.body))["updated_at"] > first for change in (upgraded, corrected, cancelled))
