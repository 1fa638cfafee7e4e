"""What becomes of a published order, in one line: decided as in production, with every SKU, tax and gateway known.

`published_outcomes.txt` is the reviewed table: the file of the payload, its place there, and what has to become of it.
The payloads are read where they lie and are not part of the project.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from flows.formats import FORMATS
from flows.model.order import Unreadable
from flows.model.order_state import OrderState, Status
from flows.model.proof import prove
from flows.model.sale import SaleSettings
from flows.order_importer import OrderPresented, OrderUnreadable, decide, presented
from runtime.clock import to_instant

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


class Everything(dict[str, str]):
    """A mapping in which every name stands for itself."""

    def __contains__(self, name: object) -> bool:
        return True

    def get(self, name: str, default: object = None) -> str:
        return name


class NoRate(dict[str, Decimal]):
    """The rates of taxes of which nobody tells one: zero, whatever their names."""

    def get(self, name: str, default: object = None) -> Decimal:
        return Decimal(0)


SETTINGS = SaleSettings(
    channel_id=3,
    taxes=Everything(),
    withheld_taxes=Everything(),
    tax_rates=NoRate(),
    gateways=Everything(),
    rounding_sku="ROUNDING",
    tip_sku="TIP",
    duties_sku="DUTIES",
    fees_sku="FEES",
)


def outcome(format_: str, raw: bytes) -> str:
    """`imported` with the figures of its sale, or `waits`, `excluded`, `cancelled` or `held` with the reason."""
    order = FORMATS[format_].read("web", raw)
    if isinstance(order, Unreadable):
        message = OrderUnreadable(delivery=1, version="", reason=order.reason, awaits=order.awaits)
        decision = decide(OrderState(), message, NOW)
    else:
        unnamed = ("",) if any(line.sku is None for line in order.lines) else ()
        shown = OrderPresented(
            delivery=1,
            version="",
            received_us=to_instant(NOW),
            order=order,
            proof=prove(order),
            missing=unnamed,
            hints={},
        )
        decision = presented(OrderState(), shown, NOW, SETTINGS)
    state: OrderState = decision.state
    match state.status:
        case Status.CREATING:
            return f"imported: {_sale(decision.effects[0].body)}"
        case Status.WAITING:
            return f"waits {state.waits}"
        case Status.EXCLUDED:
            return f"excluded by the rule {state.rule!r}"
        case Status.HELD:
            return "held: " + " | ".join(f"{case.kind}: {case.sentence}" for case in state.cases)
        case other:
            return str(other)


def _sale(body: bytes) -> str:
    order = msgspec.json.decode(body)[1]
    lines = ", ".join(f"{line['quantity']} x {line['sku']} = {_figure(line['amount'])}" for line in order["sale_lines"])
    shipping = ", ".join(f"shipping {_figure(line['amount'])}" for line in order.get("shipping_lines", ()))
    taxed = [
        tax for line in (*order["sale_lines"], *order.get("shipping_lines", ())) for tax in line.get("tax_lines", ())
    ]
    taxes = ", ".join(f"{tax['name']} {_figure(tax['amount'])}" for tax in taxed)
    paid = ", ".join(f"{each['method']} {_figure(each['amount'])}" for each in order.get("payments", ()))
    parts = filter(None, (lines, shipping, taxes, f"paid {paid}" if paid else ""))
    return f"{_figure(order['amount'])} {order['currency_code']} ({'; '.join(parts)})"


def _figure(amount: Any) -> str:
    return str(amount["decimal"])
