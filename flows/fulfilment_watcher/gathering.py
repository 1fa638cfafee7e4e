"""What is read beside a page of shipments, and what of it belongs to which order. Pure.

One batched read each, in this order: moves of the shipments > lines of the sales they are of (with what is needed of
the sale) > other moves of kits' lines > parcels, with their tracking numbers. Each read is asked for in chunks as large
as Fulfil takes, and what was read is kept in the state, so that a crash goes on with the chunk that is next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final, Literal

import msgspec
from msgspec.structs import replace

from connectors.fulfil.calls import Ask
from connectors.fulfil.models import Find, Ids
from connectors.fulfil.sales import SHIPPED_LINES, ShippedLine
from connectors.fulfil.shipments import PACKAGES, DropShipment, Package, Shipment
from connectors.fulfil.stock import STOCK_MOVES, StockMove
from connectors.fulfil.wire import RECORDS_MAX
from flows.fulfilment_watcher.parts import Component, Kind, OrderedLine, Parcel, PartLine, ShipmentPart

_LINE: Final = "sale.line"
_MODELS: Final[Mapping[Kind, str]] = {"out": "stock.shipment.out", "drop": "stock.shipment.drop"}
ZERO: Final = Decimal(0)

Phase = Literal["moves", "origins", "lines", "kits", "parcels", "complete"]


class Ship(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A shipment that has left, as its page said."""

    id: int
    number: str
    changed_at: datetime
    shipped_on: date | None = None
    pick_up: bool = False
    warehouse: int | None = None
    carrier: str = ""
    service_code: str = ""
    service: str = ""
    tracking_number: str = ""
    tracking_url: str = ""
    sales: tuple[int, ...] = ()
    moves: tuple[int, ...] = ()


class Moved(msgspec.Struct, frozen=True):
    """Goods that were moved, or will be. `line`: the sale line that caused it."""

    id: int
    line: int
    product: int
    quantity: Decimal
    state: str


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a sale, with its sale's place."""

    id: int
    sale: int
    channel: int
    order_id: str
    reference: str
    line_id: str
    sku: str
    product: int
    quantity: Decimal
    moves: tuple[int, ...]


class Boxed(msgspec.Struct, frozen=True):
    """A parcel of a shipment."""

    shipment: int
    number: str
    url: str
    moves: tuple[int, ...]


class Gathering(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page of shipments, and what was read for it so far. `todo`: ids that the phase has still to read."""

    kind: Kind
    phase: Phase = "moves"
    todo: tuple[int, ...] = ()
    after_id: int = 0
    ships: tuple[Ship, ...] = ()
    moves: tuple[Moved, ...] = ()
    lines: tuple[Ordered, ...] = ()
    parcels: tuple[Boxed, ...] = ()


def ship_of(row: Shipment | DropShipment) -> Ship:
    """What is kept of a row."""
    common: dict[str, Any] = {
        "id": row.id,
        "number": row.number or str(row.id),
        "changed_at": row.changed_at,
        "shipped_on": row.effective_date,
        "carrier": row.carrier_name or "",
        "tracking_number": row.tracking_number or "",
        "tracking_url": row.tracking_url or "",
    }
    if isinstance(row, DropShipment):
        return Ship(**common, moves=row.moves or ())
    return Ship(
        **common,
        pick_up=row.delivery_mode == "pick_up",
        warehouse=row.warehouse,
        service_code=row.carrier_service_code or "",
        service=row.carrier_service_name or "",
        sales=row.sales or (),
        moves=row.outgoing_moves or (),
    )


# -- what is read next -------------------------------------------------------------------------------------------------


def begun(kind: Kind, ships: Sequence[Ship]) -> Gathering:
    """Nothing is read beside the page yet."""
    moves = _ids(move for ship in ships for move in ship.moves)
    return _from(Gathering(kind=kind, ships=tuple(ships), phase="moves", todo=moves))


def asked(gathering: Gathering) -> Ask[Any] | None:
    """What to read next; None when everything is here."""
    some = gathering.todo[:RECORDS_MAX]
    match gathering.phase:
        case "moves" | "kits":
            return STOCK_MOVES.read(Ids(some))
        case "origins":
            return SHIPPED_LINES.read(Ids(some))
        case "lines":
            return SHIPPED_LINES.find(Find(by="sale", values=some, after_id=gathering.after_id))
        case "parcels":
            references = tuple(f"{_MODELS[gathering.kind]},{id_}" for id_ in some)
            return PACKAGES.find(Find(by="shipment", values=references, after_id=gathering.after_id))
        case _:
            return None


def learned(gathering: Gathering, result: Any) -> Gathering:
    """With what was read: the next chunk, the next page of it, or the next phase."""
    match gathering.phase:
        case "moves" | "kits":
            moved = [_moved(row) for row in result if row.origin is not None and row.origin.model == _LINE]
            return _read_on(replace(gathering, moves=(*gathering.moves, *moved)))
        case "origins":
            return _read_on(replace(gathering, lines=(*gathering.lines, *map(_ordered, result))))
        case "lines":
            known = {line.id for line in gathering.lines}
            new = [_ordered(row) for row in result.rows if row.id not in known]
            return _paged(replace(gathering, lines=(*gathering.lines, *new)), result)
        case "parcels":
            return _paged(replace(gathering, parcels=(*gathering.parcels, *map(_boxed, result.rows))), result)
        case _:
            return gathering


def _paged(gathering: Gathering, page: Any) -> Gathering:
    if not page.complete:
        return replace(gathering, after_id=page.last_id)
    return _read_on(gathering)


def _read_on(gathering: Gathering) -> Gathering:
    """Without the chunk that was just read."""
    return _from(replace(gathering, todo=gathering.todo[RECORDS_MAX:], after_id=0))


def _from(gathering: Gathering) -> Gathering:
    """The next phase that has something to read."""
    while not gathering.todo and gathering.phase != "complete":
        gathering = _next(gathering)
    return gathering


def _next(gathering: Gathering) -> Gathering:
    match gathering.phase:
        case "moves":  # a shipment names its sales, or else its moves name their lines, which name the sales
            untold = {ship.id for ship in gathering.ships if not ship.sales}
            moves = {move for ship in gathering.ships if ship.id in untold for move in ship.moves}
            lines = _ids(each.line for each in gathering.moves if each.id in moves)
            return replace(gathering, phase="origins", todo=lines)
        case "origins":
            sales = [sale for ship in gathering.ships for sale in ship.sales]
            return replace(gathering, phase="lines", todo=_ids((*sales, *(line.sale for line in gathering.lines))))
        case "lines":
            return replace(gathering, phase="kits", todo=_of_kits(gathering))
        case "kits":
            return replace(gathering, phase="parcels", todo=_ids(ship.id for ship in gathering.ships))
        case _:
            return replace(gathering, phase="complete")


def _of_kits(gathering: Gathering) -> tuple[int, ...]:
    """Moves of lines whose goods are not the line's own product: what one kit has is told by all of them together."""
    read = {move.id for move in gathering.moves}
    lines = {line.id: line for line in gathering.lines}
    kits = {move.line for move in gathering.moves if move.line in lines and lines[move.line].product != move.product}
    return _ids(move for id_ in sorted(kits) for move in lines[id_].moves if move not in read)


def _moved(row: StockMove) -> Moved:
    line = row.origin.id if row.origin is not None else 0
    return Moved(row.id, line, row.product or 0, row.quantity or ZERO, row.state or "")


def _ordered(row: ShippedLine) -> Ordered:
    return Ordered(
        id=row.id,
        sale=row.sale or 0,
        channel=row.channel or 0,
        order_id=row.order or "",
        reference=row.reference or "",
        line_id=row.channel_identifier or "",
        sku=row.product_code or "",
        product=row.product or 0,
        quantity=row.quantity or ZERO,
        moves=row.moves or (),
    )


def _boxed(row: Package) -> Boxed:
    shipment = row.shipment.id if row.shipment is not None else 0
    return Boxed(shipment, row.tracking_number or "", row.tracking_url or "", row.moves or ())


def _ids(found: Iterable[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(id_ for id_ in found if id_))


# -- what belongs to which order ---------------------------------------------------------------------------------------

OrderPlace = tuple[int, str]
"""Fulfil's id of a sales channel, and the order's id there; `sale-77` for a sale that has none: each is by itself."""


def parts_of(gathering: Gathering) -> list[tuple[OrderPlace, ShipmentPart]]:
    """Of each shipment what it brings of each order, in order of shipments."""
    lines = {line.id: line for line in gathering.lines}
    moves = {move.id: move for move in gathering.moves}
    of_order: dict[OrderPlace, list[Ordered]] = {}
    for line in gathering.lines:
        of_order.setdefault(_place_of(line), []).append(line)
    boxes: dict[int, list[Boxed]] = {}
    for box in gathering.parcels:
        boxes.setdefault(box.shipment, []).append(box)
    found: list[tuple[OrderPlace, ShipmentPart]] = []
    for ship in gathering.ships:
        brought: dict[OrderPlace, list[Moved]] = {}
        for id_ in ship.moves:
            move = moves.get(id_)
            if move is not None and move.state != "cancel" and move.line in lines and move.quantity > ZERO:
                brought.setdefault(_place_of(lines[move.line]), []).append(move)
        for place, some in brought.items():
            parcels = _parcels(ship, some, boxes.get(ship.id, ()))
            found.append((place, _part(gathering.kind, ship, some, of_order[place], parcels, moves)))
    return found


def _place_of(line: Ordered) -> OrderPlace:
    return line.channel, line.order_id or f"sale-{line.sale}"


def _part(
    kind: Kind,
    ship: Ship,
    moved: Sequence[Moved],
    ordered: Sequence[Ordered],
    parcels: tuple[Parcel, ...],
    moves: Mapping[int, Moved],
) -> ShipmentPart:
    known = {line.id: line for line in ordered}
    by_line: dict[int, list[Moved]] = {}
    for move in moved:
        by_line.setdefault(move.line, []).append(move)
    goods = [line for line in ordered if line.line_id and (line.moves or line.id in by_line) and line.quantity > ZERO]
    return ShipmentPart(
        shipment=f"{kind}-{ship.id}",
        number=ship.number,
        changed_at=ship.changed_at,
        shipped_on=ship.shipped_on,
        pick_up=ship.pick_up,
        warehouse=ship.warehouse,
        carrier=ship.carrier,
        service_code=ship.service_code,
        service=ship.service,
        parcels=parcels,
        lines=tuple(_line(known[id_], some, moves) for id_, some in sorted(by_line.items())),
        ordered=tuple(OrderedLine(line.line_id, line.sku, line.quantity) for line in goods),
        reference=ordered[0].reference,
        sale=ordered[0].sale,
    )


def _line(line: Ordered, moved: Sequence[Moved], moves: Mapping[int, Moved]) -> PartLine:
    """Units of a line, or components of a kit: how many one kit has follows from all moves of its line.

    A line that somebody added in Fulfil has no id of the sales channel's; nobody ordered it there.
    """
    line_id = line.line_id or f"{_LINE},{line.id}"
    if all(move.product == line.product for move in moved):
        return PartLine(line_id, line.sku, sum((move.quantity for move in moved), ZERO))
    planned = [moves[id_] for id_ in line.moves if id_ in moves and moves[id_].state != "cancel"]
    here: dict[int, Decimal] = {}
    for move in moved:
        here[move.product] = here.get(move.product, ZERO) + move.quantity
    components = []
    for product in sorted({move.product for move in planned} | set(here)):
        total = sum((move.quantity for move in planned if move.product == product), ZERO)
        per_kit = (max(total, here.get(product, ZERO)) / (line.quantity or 1)).to_integral_value(ROUND_CEILING)
        components.append(Component(str(product), here.get(product, ZERO), per_kit))
    return PartLine(line_id, line.sku, ZERO, tuple(components))


def _parcels(ship: Ship, moved: Sequence[Moved], boxes: Sequence[Boxed]) -> tuple[Parcel, ...]:
    """The parcels that hold something of the order, or of which nobody says what they hold; else the shipment's own
    tracking number.
    """
    ids = {move.id for move in moved}
    found: dict[str, Parcel] = {}
    for box in boxes:
        if box.number and (not box.moves or ids.intersection(box.moves)):
            found.setdefault(box.number, Parcel(box.number, box.url))
    if not found and not boxes and ship.tracking_number:
        return (Parcel(ship.tracking_number, ship.tracking_url),)
    return tuple(found.values())
