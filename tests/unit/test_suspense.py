"""What goes to suspense in the create of a sale: by name, with its amount, and when it was paid."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from flows.formats import FORMATS
from flows.model.gate import OPEN_GATE, GateRule, GateSettings
from flows.model.order import FinancialStatus, Order
from flows.model.order_state import OrderState, Status
from flows.model.proof import prove
from flows.model.sale import SaleSettings, Suspense
from flows.model.suspense import suspended
from flows.order_importer import OrderPresented, presented
from tests.unit.made_orders import SETTINGS, line, order, payment, refund, shipping, vat


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


SUSPENSE = msgspec.structs.replace(SETTINGS, suspense=Suspense(approved_by="Ann", tax="OTHER", gateway="unknown"))
STATE_TAX = vat("2.00", name="State")


def sold(shown: Order, gate: GateSettings = OPEN_GATE) -> dict[str, str]:
    """What the order went into Fulfil with, by the rows of its create."""
    message = OrderPresented(
        delivery=1, version=shown.version, received_us=1, order=shown, proof=prove(shown), missing=(), hints={}
    )
    decision = presented(OrderState(), message, datetime(2026, 11, 20, 9, tzinfo=UTC), SUSPENSE, gate)
    assert decision.state.status is Status.CREATING, decision.state.cases
    return {f"{row[1]} {row[2]}": row[6] for row in (each.row for each in decision.writes)}


def test_of_an_order_that_was_refunded_in_part_only_what_is_left_went_there() -> None:
    """Two pieces, one of them refunded before the order was imported: the sale has one, with its tax and its money."""
    pieces = line("20.00", quantity=Decimal(2), quantity_left=Decimal(1), taxes=(vat("4.00", name="State"),))
    reduced = order(
        "24.00",
        lines=(pieces,),
        refunds=(refund("12.00"),),
        payments=(payment("24.00", gateway="klarna"),),
        financial_status=FinancialStatus.PARTIALLY_REFUNDED,
    )
    assert sold(reduced) == {"tax State": "2.00", "gateway klarna": "12.00"}


def test_nothing_was_paid_into_suspense_by_an_order_of_the_past() -> None:
    """Its payments are not sent, so no gateway of theirs is; its taxes are."""
    rule = GateRule(name="history", then="import_completed", payment=("paid",))
    paid = order("12.00", lines=(line("10.00", taxes=(STATE_TAX,)),), payments=(payment("12.00", gateway="klarna"),))
    assert sold(paid) == {"tax State": "2.00", "gateway klarna": "12.00"}
    assert sold(paid, GateSettings(rules=(rule,))) == {"tax State": "2.00"}


def test_taxes_that_are_not_mapped_are_summed_by_name() -> None:
    """Of goods and shipping; what is mapped, withheld by the marketplace, or nothing goes nowhere."""
    taxes = (vat("2.00"), vat("1.00", name="GST"), vat("0.00", name="PST"), vat("9.00", name="HST", withheld=True))
    made = order(lines=(line("10.00", taxes=taxes),), shipping_lines=(shipping("5.00", taxes=taxes[:2]),))
    settings = SaleSettings(channel_id=3, taxes={"VAT": "VAT 20"}, suspense=Suspense(approved_by="Ann", tax="unknown"))
    (found,) = suspended(made, settings)
    assert (found.kind, found.name, found.target, found.amount, found.currency, found.at) == (
        "tax", "GST", "unknown", Decimal("2.00"), "USD", made.placed_at,
    )  # fmt: skip
