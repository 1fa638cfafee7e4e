"""Later versions of a generated order (see `orders`), as its sales channel would send them.

Pure. Each carries a later time of update, and its figures say what the change says.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

_UPGRADE = Decimal("5.00")
_SURPLUS = Decimal("1.00")
"""What a contradictory order states above the sum of its parts; see `Oddity.WRONG_TOTAL`."""


def upgraded(body: bytes) -> bytes:
    """The order with express shipping for 5.00 more, ten minutes later; its figures still add up."""
    order = _later(body, minutes=10)
    line = order["shipping_lines"][0]
    line["code"], line["title"] = "EXPRESS", "Express"
    for place, name in ((line, "price"), (order, "total_price"), (order, "current_total_price")):
        _add(place, name, _UPGRADE)
    line["discounted_price"] = line["price"]
    order["total_shipping_price_set"] = line["price_set"]
    return msgspec.json.encode(order)


def corrected(body: bytes) -> bytes:
    """The contradictory order with the total that its parts add up to, five minutes later."""
    order = _later(body, minutes=5)
    for name in ("total_price", "current_total_price"):
        _add(order, name, -_SURPLUS)
    return msgspec.json.encode(order)


def cancelled(body: bytes) -> bytes:
    """The order as the customer cancelled it, twenty minutes later."""
    order = _later(body, minutes=20)
    order["cancelled_at"], order["cancel_reason"] = order["updated_at"], "customer"
    return msgspec.json.encode(order)


def _later(body: bytes, *, minutes: int) -> dict[str, Any]:
    order: dict[str, Any] = msgspec.json.decode(body)
    updated = datetime.fromisoformat(order["updated_at"]) + timedelta(minutes=minutes)
    order["updated_at"] = updated.isoformat()
    return order


def _add(place: dict[str, Any], name: str, amount: Decimal) -> None:
    place[name] = str(Decimal(place[name]) + amount)
    for side in place[f"{name}_set"].values():
        side["amount"] = place[name]
