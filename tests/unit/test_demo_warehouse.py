"""What the demo's warehouse does is asked of the ERP in its own events, and counted before it happens."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest

from connectors.fulfil.sandbox.script import AnyEvent
from flows.demo.figures import Figures, Line
from flows.demo.orders import catalogue
from flows.demo.settings import CARRIER_SERVICES, UNMAPPED_SERVICE
from flows.demo.stories import Handling
from flows.demo.warehouse import Due, Handled, arrivals, events, is_parted, part, transfers


def _handled(handling: Handling, skus: Sequence[str] = ("A", "B")) -> Handled:
    lines = tuple(Line(sku, Decimal(1), Decimal(5)) for sku in skus)
    money = dict.fromkeys(("total", "goods", "tax", "shipping", "paid", "refunded"), Decimal(5))
    return Handled(f"5{handling}", handling, Figures(currency="EUR", lines=lines, **money))


@pytest.mark.parametrize(
    ("handling", "names", "due"),
    [
        (Handling.WHOLE, ["ship"], Due(shipped=1, parcels=1)),
        (Handling.TWO_PARCELS, ["pick", "ship"], Due(shipped=1, parcels=2)),
        (Handling.SHORT, ["short_pick", "ship"], Due(shipped=1, parcels=1)),
        (Handling.HELD, ["hold"], Due(on_hold=1)),
        (Handling.PACKED, ["pick", "pack"], Due(packed=1)),
        (Handling.PARTIAL, ["split"], Due()),
        (Handling.UNMAPPED, ["ship"], Due(shipped=1, parcels=1)),
    ],
)
def test_each_way_of_handling_has_its_events_and_its_due(handling: Handling, names: list[str], due: Due) -> None:
    """What is not shipped has no parcel, and what has two parcels is one shipment."""
    played, found = events([_handled(handling)])
    assert [event["event"] for event in played] == names
    assert found == due
    assert events([_handled(handling)] * 3)[1] == Due(
        **{name: 3 * number for name, number in msgspec.structs.asdict(due).items()}
    )


def test_an_order_of_one_product_is_not_picked_short() -> None:
    """Nothing would be left of its shipment, so it is shipped whole."""
    played, due = events([_handled(Handling.SHORT, ["A"])])
    assert [event["event"] for event in played] == ["ship"]
    assert due == Due(shipped=1, parcels=1)


def test_an_order_in_two_parts_leaves_in_two_shipments_with_numbers_of_their_own() -> None:
    """Each by its id, since both are under way; an order of one piece leaves whole."""
    handled = _handled(Handling.PARTIAL)
    assert is_parted(handled)
    (first, due), (second, _) = (part(handled, shipment, place) for place, shipment in enumerate((81_001, 81_002)))
    assert due == Due(shipped=1, parcels=1)
    assert (first["shipment"], second["shipment"], "order" in first) == (81_001, 81_002, False)
    assert first["parcels"][0]["tracking_number"] != second["parcels"][0]["tracking_number"]
    assert not is_parted(_handled(Handling.PARTIAL, ["A"]))
    assert events([_handled(Handling.PARTIAL, ["A"])])[1] == Due(shipped=1, parcels=1)


def test_every_event_is_one_that_the_sandbox_knows() -> None:
    """With exactly its fields; parcels have numbers of their own, and every carrier has work."""
    played, _ = events([_handled(handling) for handling in Handling if handling is not Handling.NONE] * 2)
    played += [*arrivals(catalogue(1, 30)), *transfers(catalogue(1, 30))]
    assert len(msgspec.json.decode(msgspec.json.encode(played), type=list[AnyEvent])) == len(played)
    ships = [event for event in played if event["event"] == "ship"]
    assert {event["carrier_service"] for event in ships} == {*CARRIER_SERVICES, UNMAPPED_SERVICE}
    for event in ships:
        numbers = [parcel["tracking_number"] for parcel in event["parcels"]]
        assert len(set(numbers)) == len(numbers)
