"""The observer's judgement of shipments can fail: a parcel that nobody knows of is named, and so is an invented one."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from flows.demo.hub import ChannelLine, ChannelOrder
from flows.demo.observer import Books, Creates, Fault, Sale, SaleShipment
from flows.demo.parcels import Told, told

_NAMES = {3: "web"}


def _shipment(number: str = "CS1", *tracking: str, carrier: str = "ups", state: str = "done") -> SaleShipment:
    return SaleShipment(
        number=number, state=state, carrier=carrier, tracking=tracking or ("1Z1",), goods={"MUG": Decimal(2)}
    )


def _books(*shipments: SaleShipment) -> Books:
    money = dict.fromkeys(
        ("total", "stated_amount", "lines_sum", "tax_sum", "shipping_sum", "captured_sum", "refunded_sum"), Decimal(5)
    )
    sale = Sale(
        id=9, channel=3, channel_identifier="1", reference="#1", currency="EUR", lines=(), shipments=shipments, **money
    )
    creates = Creates(applied=1, applied_answer_lost=0, repeated=0, updated=0, repeated_with_change=0)
    return Books(sales_count=1, lookups=0, create_order=creates, calls={}, sales=(sale,))


def _order(*parcels: tuple[str, str], units: int = 2, **more: Any) -> dict[str, list[ChannelOrder]]:
    order = ChannelOrder("1", 1, parcels=parcels, lines=(ChannelLine("MUG", units),), **more)
    return {"web": [order]}


def test_a_shipment_is_told_when_its_sales_channel_has_all_of_its_parcels() -> None:
    """Under the name that the sales channel has for the carrier; what has not left need not be told."""
    books = _books(_shipment("CS1", "1Z1", "1Z2"), _shipment("CS2", "1Z3", state="assigned"))
    assert told(books, _order(("1Z1", "UPS"), ("1Z2", "UPS")), _NAMES) == (Told(told=1), ())


@pytest.mark.parametrize("parcels", [[], [("1Z1", "UPS")], [("1Z1", "ups"), ("1Z2", "UPS")]])
def test_a_shipment_of_which_a_parcel_is_missing_is_untold(parcels: list[tuple[str, str]]) -> None:
    """Or is known under a carrier's name that is not the sales channel's."""
    found, findings = told(_books(_shipment("CS1", "1Z1", "1Z2")), _order(*parcels, units=0), _NAMES)
    assert found.untold == 1
    assert (Fault.UNTOLD, "web/1") in {(each.fault, each.order) for each in findings}


def test_what_has_a_reason_is_not_untold() -> None:
    """Its carrier has no name at the sales channel, or the order is cancelled there."""
    held = told(_books(_shipment(carrier="pigeon")), _order(units=0), _NAMES)
    assert held == (Told(held=1), ())
    assert told(_books(_shipment()), _order(units=0, cancelled=True), _NAMES) == (Told(cancelled=1), ())


def test_a_parcel_that_has_not_left_and_units_that_were_not_shipped_are_found() -> None:
    """The sales channel would tell its customer what is not so."""
    books, order = _books(_shipment()), _order(("1Z1", "UPS"), ("1Z9", "UPS"), units=3)
    found, findings = told(books, order, _NAMES)
    assert found == Told(told=1)
    assert [each.fault for each in findings] == [Fault.MISTOLD] * 2
    assert "1Z9" in findings[0].sentence
    assert "3 of MUG" in findings[1].sentence
