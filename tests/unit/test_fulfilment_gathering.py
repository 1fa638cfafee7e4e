"""What is read beside a page of shipments, and what of it belongs to which order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from connectors.fulfil.changes import Page
from connectors.fulfil.sales import ShippedLine
from connectors.fulfil.shipments import DropShipment, Package, Shipment
from connectors.fulfil.stock import StockMove
from connectors.fulfil.typed import Reference
from flows.fulfilment_watcher.gathering import Gathering, asked, begun, learned, parts_of, ship_of
from flows.fulfilment_watcher.parts import Component, OrderedLine, Parcel, PartLine, ShipmentPart

NOW = datetime(2026, 11, 20, 15, 42, tzinfo=UTC)


def line(id_: int, order: str, quantity: int, moves: Sequence[int], **more: Any) -> ShippedLine:
    fields: dict[str, Any] = {
        "id": id_, "sale": int(order), "channel": 3, "order": order, "reference": f"#{order}", "product": id_,
        "product_code": f"SKU-{id_}", "channel_identifier": f"L{id_}", "quantity": Decimal(quantity),
        "moves": tuple(moves),
    }  # fmt: skip
    return ShippedLine(**{**fields, **more})


def move(id_: int, line_id: int, quantity: str, product: int | None = None, state: str = "done") -> StockMove:
    origin = Reference("sale.line", line_id)
    return StockMove(id=id_, product=product or line_id, quantity=Decimal(quantity), origin=origin, state=state)


def shipment(id_: int, sales: Sequence[int], moves: Sequence[int], **more: Any) -> Shipment:
    fields = {"number": f"CS{id_}", "write_date": NOW, "state": "done", "carrier_name": "UPS"}
    return Shipment(id=id_, sales=tuple(sales), outgoing_moves=tuple(moves), **{**fields, **more})


class Books:
    """What Fulfil has; `asked` are the kinds of calls that were made."""

    def __init__(self, *rows: Any) -> None:
        self.rows, self.asked = rows, list[str]()

    def of(self, kind: type[Any]) -> list[Any]:
        return [row for row in self.rows if type(row) is kind]

    def gather(self, *ships: Shipment | DropShipment) -> list[tuple[tuple[int, str], ShipmentPart]]:
        """Read everything, with the state kept as the journal keeps it."""
        kind = "drop" if isinstance(ships[0], DropShipment) else "out"
        gathering = begun(kind, [ship_of(ship) for ship in ships])  # type: ignore[arg-type]
        while (ask := asked(gathering)) is not None:
            self.asked.append(ask.kind)
            question = msgspec.json.decode(ask.body)
            gathering = learned(gathering, self.answer(ask.kind, question))
            gathering = msgspec.json.decode(msgspec.json.encode(gathering), type=Gathering)
        return parts_of(gathering)

    def answer(self, kind: str, question: Any) -> Any:
        table: type[Any] = {
            "read_stock_moves": StockMove,
            "read_shipped_lines": ShippedLine,
            "find_shipped_lines": ShippedLine,
            "find_packages": Package,
        }[kind]
        rows = self.of(table)
        if kind.startswith("read"):
            return tuple(row for row in rows if row.id in question["ids"])
        values = question["values"]
        found = [row for row in rows if (row.sale if table is ShippedLine else str(row.shipment)) in values]
        return Page(rows=tuple(found), last_id=max((row.id for row in found), default=0), complete=True)


def test_a_shipment_is_read_with_one_call_for_each_thing_that_it_has() -> None:
    """Moves, the lines of its sales, parcels; lines that are not in it are ordered all the same."""
    books = Books(
        *(line(1, "1001", 3, [11]), line(2, "1001", 2, [12]), line(9, "1001", 1, [], product_code="SHIPPING")),
        *(move(11, 1, "3"), move(12, 2, "2", state="assigned")),
        Package(id=5, shipment=Reference("stock.shipment.out", 7), tracking=6, tracking_number="1Z"),
    )
    (((channel, order), part),) = books.gather(shipment(7, [1001], [11]))
    assert books.asked == ["read_stock_moves", "find_shipped_lines", "find_packages"]
    assert (channel, order, part.shipment, part.reference) == (3, "1001", "out-7", "#1001")
    assert part.lines == (PartLine("L1", "SKU-1", Decimal(3)),)
    assert part.ordered == (OrderedLine("L1", "SKU-1", Decimal(3)), OrderedLine("L2", "SKU-2", Decimal(2)))
    assert part.parcels == (Parcel("1Z"),)


def test_of_a_merged_shipment_each_order_has_its_own_lines_and_parcels() -> None:
    """A parcel that says what it holds belongs to those orders; one that does not, to all of them."""
    box = Reference("stock.shipment.out", 7)
    books = Books(
        *(line(1, "1001", 1, [11]), line(2, "1002", 1, [12]), move(11, 1, "1"), move(12, 2, "1")),
        Package(id=5, shipment=box, tracking_number="T61", tracking_url="https://t/61", moves=(11,)),
        Package(id=6, shipment=box, tracking_number="T62", moves=(12,)),
        Package(id=8, shipment=box, tracking_number="T63"),
    )
    found = {order: part for (_, order), part in books.gather(shipment(7, [1001, 1002], [11, 12]))}
    assert {order: [each.number for each in part.parcels] for order, part in found.items()} == {
        "1001": ["T61", "T63"],
        "1002": ["T62", "T63"],
    }
    assert found["1001"].lines == (PartLine("L1", "SKU-1", Decimal(1)),)
    assert found["1001"].parcels[0].url == "https://t/61"


def test_a_drop_shipment_finds_its_order_by_its_moves() -> None:
    """It names no sale, and its number may be the shipment's own."""
    books = Books(line(1, "1001", 2, [11]), move(11, 1, "2"))
    drop = DropShipment(
        id=7, number="DS7", write_date=NOW, state="shipped", tracking=6, tracking_number="D1", moves=(11,)
    )  # fmt: skip
    (((_, order), part),) = books.gather(drop)
    assert (order, part.shipment, part.parcels) == ("1001", "drop-7", (Parcel("D1"),))
    assert "read_shipped_lines" in books.asked


def test_what_one_kit_has_follows_from_all_moves_of_its_line() -> None:
    """Three sets of two cups and a pot; this shipment brings four cups and one pot of them."""
    books = Books(
        line(1, "1001", 3, [11, 12, 13, 14, 15], product=50),
        *(move(11, 1, "4", 51), move(12, 1, "1", 52)),
        *(move(13, 1, "2", 51, "assigned"), move(14, 1, "2", 52, "assigned"), move(15, 1, "9", 52, "cancel")),
    )
    ((_, part),) = books.gather(shipment(7, [1001], [11, 12]))
    cups, pots = Component("51", Decimal(4), Decimal(2)), Component("52", Decimal(1), Decimal(1))
    assert part.lines == (PartLine("L1", "SKU-1", Decimal(0), (cups, pots)),)
    assert books.asked.count("read_stock_moves") == 2


def test_a_kit_of_which_a_component_was_given_up_is_complete_only_with_as_many_as_one_kit_has() -> None:
    """Two sets of two cups, and one cup of the four is cancelled: one that is left over makes no set."""
    books = Books(
        line(1, "1001", 2, [11, 12, 13], product=50),
        *(move(11, 1, "2", 51), move(12, 1, "1", 51, "assigned"), move(13, 1, "1", 51, "cancel")),
    )
    ((_, part),) = books.gather(shipment(7, [1001], [11]))
    assert part.lines[0].components == (Component("51", Decimal(2), Decimal(2)),)


def test_sales_that_somebody_made_by_hand_are_kept_apart() -> None:
    """They have no order's id: what is shipped of one of them in the same minute is none of the other's."""
    lines = (line(1, "1001", 1, [11], channel_identifier=None), line(2, "1002", 1, [12], channel_identifier=None))
    by_hand = (msgspec.structs.replace(each, order=None) for each in lines)
    books = Books(*by_hand, move(11, 1, "1"), move(12, 2, "1"))
    found = books.gather(shipment(7, [1001], [11]), shipment(8, [1002], [12]))
    assert [(place, part.shipment, part.sale) for place, part in found] == [
        ((3, "sale-1001"), "out-7", 1001),
        ((3, "sale-1002"), "out-8", 1002),
    ]


def test_a_line_that_somebody_added_in_fulfil_is_none_of_the_sales_channels() -> None:
    """It has no id there: nobody ordered it."""
    books = Books(line(1, "1001", 1, [11], channel_identifier=None), move(11, 1, "1"))
    ((_, part),) = books.gather(shipment(7, [1001], [11]))
    assert (part.lines[0].line_id, part.ordered) == ("sale.line,1", ())


def test_more_than_five_hundred_moves_are_read_in_chunks() -> None:
    """Fulfil takes no more ids at once."""
    moves = range(1_000, 2_100)
    books = Books(line(1, "1001", 1_100, moves), *(move(id_, 1, "1") for id_ in moves))
    ((_, part),) = books.gather(shipment(7, [1001], moves))
    assert part.lines[0].quantity == 1_100
    assert books.asked.count("read_stock_moves") == 3
