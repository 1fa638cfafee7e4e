"""Figures of a payment that Fulfil has no field of its own for: what each of them is."""

from __future__ import annotations

from decimal import Decimal

import pytest

from flows.model.money import Money
from flows.model.order import PaymentKind
from flows.model.payments import FieldTarget, GatewaySettings
from flows.model.tenders import TenderEvent
from flows.payment_mapper.filling import metafields, own_fields
from flows.payment_mapper.keeping import Kept, OrderPayments, RecordRules

EVENING = "2026-11-21T02:00:00+00:00"
PAID = TenderEvent(
    id="C1", kind=PaymentKind.CAPTURE, gateway="card", paid=Money(Decimal("4.60"), "EUR"), amount=Decimal("5.00"),
    rate=Decimal("1.0869565217"),
)  # fmt: skip


@pytest.mark.parametrize(("zone", "day"), [("America/Los_Angeles", "2026-11-20"), ("UTC", "2026-11-21")])
def test_the_date_of_a_rate_is_the_day_of_the_purchase_at_finances_company(zone: str, day: str) -> None:
    """Bought in the evening there, which is the next day in UTC; the payments of that evening have the same day."""
    record = Kept(reference="C1", tender=PAID, amount=PAID.amount, status="due", wanted="completed", method="stripe")
    field = GatewaySettings(rate_date=FieldTarget(field="rated_on"))
    assert own_fields(record, field, EVENING, zone) == {"rated_on": day}
    rules = RecordRules(targets={"stripe": GatewaySettings(rate_date=FieldTarget(metafield=17))}, time_zone=zone)
    state = OrderPayments(key="web/1001", placed_at=EVENING, records={"+C1": record})
    assert metafields(state, rules) == f'{{"17":"C1: {day}"}}'
