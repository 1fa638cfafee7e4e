"""Seamline's own schema: what it publishes is what it reads."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.contract import Identified, NotAnOrder, Unidentifiable
from flows.formats import seamline
from flows.formats.seamline import identify, order_json_schema, read
from flows.model.money import Money
from flows.model.order import FulfilmentStatus, Order, Side, Tender, Unreadable
from flows.model.proof import prove

encode = msgspec.json.encode
MINIMAL = {
    "order_id": "A-1",
    "placed_at": "2026-11-20T14:03:11+01:00",
    "currency": "USD",
    "taxes_included": False,
    "total": "10.00",
    "lines": [{"id": "1", "sku": "MUG-BLUE", "quantity": "1", "unit_price": "10.00"}],
}
WHOLE = {
    **MINIMAL,
    "reference": "#1",
    "updated_at": "2026-11-20T14:05:00+01:00",
    "presentment_currency": "EUR",
    "financial_status": "paid",
    "fulfilment_status": "partial",
    "total": {"shop": "40.40", "presentment": "36.30"},
    "subtotal": {"shop": "27.00", "presentment": "24.30"},
    "total_tax": {"shop": "6.40", "presentment": "5.76"},
    "total_discounts": {"shop": "3.00", "presentment": "2.70"},
    "outstanding": "0",
    "lines": [
        {
            "id": "1",
            "sku": "MUG-BLUE",
            "title": "Mug",
            "quantity": "1.5",
            "unit_price": {"shop": "20.00", "presentment": "18.00"},
            "discount": {"shop": "3.00", "presentment": "2.70"},
            "taxes": [{"name": "VAT", "rate": "0.20", "amount": {"shop": "5.40", "presentment": "4.86"}}],
            "quantity_left": "1.5",
        }
    ],
    "shipping": [
        {
            "service": "EXPRESS",
            "amount": {"shop": "5.00", "presentment": "4.50"},
            "taxes": [{"name": "VAT", "rate": "0.2", "amount": {"shop": "1.00", "presentment": "0.90"}}],
        }
    ],
    "tips": {"shop": "1.00", "presentment": "0.90"},
    "fees": {"shop": "1.00", "presentment": "0.84"},
    "discounts": [{"name": "HELLO", "amount": {"shop": "3.00", "presentment": "2.70"}}],
    "payments": [
        {"id": "g", "gateway": "gift_card", "amount": "10.40", "tender": "gift_card"},
        {"id": "a", "gateway": "card", "amount": "30.00", "kind": "authorisation"},
        {"id": "c", "gateway": "card", "amount": "30.00", "kind": "capture", "parent_id": "a"},
    ],
    "refunds": [{"id": "r", "amount": "1.00", "worth": "1.00"}],
    "customer": {"id": "C1", "name": "Ada Moss", "email": "ada@example.com"},
    "shipping_address": {
        "name": "Ada Moss",
        "address1": "1 Elm Street",
        "country_code": "US",
        "subdivision_code": "TX",
    },
    "tags": ["rush"],
}


def made(payload: dict[str, Any]) -> Order:
    order = read("web", encode(payload))
    assert isinstance(order, Order), order
    return order


def test_the_smallest_order_is_small() -> None:
    """Seven fields and a line are an order."""
    order = made(MINIMAL)
    assert (order.order_id, order.reference, order.version) == ("A-1", "A-1", "")
    assert order.total == Money(Decimal("10.00"), "USD")
    assert prove(order).holds
    assert identify(encode(MINIMAL)) == Identified("A-1", "")


def test_a_whole_order_is_read_whole() -> None:
    """Both sides, decimal quantities, taxes, shipping, several tenders, refunds; and it proves on both sides."""
    order = made(WHOLE)
    assert identify(encode(WHOLE)) == Identified("A-1", "2026-11-20T13:05:00.000000Z")
    assert order.version == "2026-11-20T13:05:00.000000Z"
    assert order.lines[0].gross.shop == Money(Decimal("30.000"), "USD")
    assert order.lines[0].gross.presentment == Money(Decimal("27.000"), "EUR")
    assert order.lines[0].taxes[0].rate == Decimal("0.20")
    assert [payment.tender for payment in order.payments] == [Tender.GIFT_CARD, Tender.MONEY, Tender.MONEY]
    assert order.fulfilment_status is FulfilmentStatus.PARTIAL
    assert prove(order).holds, prove(order).sentence


def test_the_presentment_side_proves_too() -> None:
    """Every amount of the customer's side adds up in the customer's currency."""
    without_payments = {name: value for name, value in WHOLE.items() if name not in ("payments", "outstanding")}
    order = made(without_payments | {"financial_status": "pending"})
    proof = prove(order, side=Side.PRESENTMENT)
    assert proof.holds, proof.sentence


def test_the_published_schema_is_the_one_that_is_read() -> None:
    """The file is what the function says, and every field of it is described or plain by its name."""
    published = Path(seamline.__file__).with_name("seamline.schema.json").read_text(encoding="utf-8")
    assert msgspec.json.decode(published) == order_json_schema(), "write order_json_schema() to the file again"
    definitions = order_json_schema()["$defs"]
    assert all(definition["description"] for definition in definitions.values())
    fields = definitions["SeamlineOrder"]["properties"]
    assert set(WHOLE) <= set(fields)
    assert definitions["SeamlineOrder"]["required"] == [
        "order_id", "placed_at", "currency", "taxes_included", "lines", "total",
    ]  # fmt: skip


def test_an_envelope_is_unwrapped() -> None:
    """`{order: {...}}` is the order."""
    assert identify(encode({"order": WHOLE})) == identify(encode(WHOLE))
    assert read("web", encode({"order": WHOLE})) == made(WHOLE)


def test_a_draft_is_not_an_order() -> None:
    """Its kind says so."""
    assert isinstance(identify(encode(MINIMAL | {"kind": "draft"})), NotAnOrder)


@pytest.mark.parametrize("order_id", ["", "a\x00", "x" * 101, None, 1.5, ["A"]])
def test_what_is_no_id_names_nothing(order_id: object) -> None:
    """And nothing without a name is accepted."""
    assert isinstance(identify(encode(MINIMAL | {"order_id": order_id})), Unidentifiable)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"total": 10.0}, "$.total"),
        ({"total": "1e3"}, "$.total"),
        ({"currency": "usd"}, "$.currency"),
        ({"lines": [{"id": "1"}]}, "$.lines[0]"),
        ({"placed_at": "2026-11-20T14:03:11"}, "placed_at has no time zone"),
        ({"financial_status": "rich"}, "$.financial_status"),
        ({"kind": "invoice"}, "$.kind"),
    ],
)
def test_what_breaks_the_schema_names_its_place(change: dict[str, Any], place: str) -> None:
    """Binary floats, exponents, wrong codes, missing fields and unknown words are refused where they are."""
    answer = read("web", encode(MINIMAL | change))
    assert isinstance(answer, Unreadable)
    assert place in answer.reason
    assert "rich" not in answer.reason
    assert "regex" not in answer.reason
