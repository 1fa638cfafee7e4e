"""What is read of orders that are due, and what follows for each: units that are open or cancelled, and why. Pure.

One batched read each, in this order: the lines of the sales > their moves > the shipments that have not left. What was
read is kept in the state, so that a crash goes on with the chunk that is next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec
from msgspec.structs import replace

from connectors.fulfil.calls import Ask
from connectors.fulfil.models import Find, Ids
from connectors.fulfil.sales import SHIPPED_LINES, ShippedLine
from connectors.fulfil.shipments import SHIPMENTS, Shipment
from connectors.fulfil.stock import STOCK_MOVES, StockMove
from connectors.fulfil.wire import RECORDS_MAX
from flows.model.unshipped import Cause, Outstanding, OutstandingLine

Phase = Literal["lines", "moves", "shipments", "complete"]
Levels = Mapping[str, tuple[Decimal, Decimal]]
"""What is on hand and available of a SKU, as far as stock is read at all."""
ZERO: Final = Decimal(0)
_OUT: Final = "stock.shipment.out"
_DROP: Final = "stock.shipment.drop"
_MOVING: Final = ("processing", "done")
_OVER: Final = ("done", "cancel")


class Due(msgspec.Struct, frozen=True):
    """An order that is looked at, its sale, and by when it was to leave; None: nobody has said."""

    key: str
    sale: int
    due_at: datetime | None = None


class Sold(msgspec.Struct, frozen=True):
    """A line of goods."""

    sale: int
    line_id: str
    sku: str
    product: int
    quantity: Decimal
    moves: tuple[int, ...]
    sale_state: str


class Moving(msgspec.Struct, frozen=True):
    """Goods that go to a customer, went, or do not any more."""

    product: int
    quantity: Decimal
    state: str
    model: str = ""
    shipment: int = 0


class Waiting(msgspec.Struct, frozen=True):
    """A customer shipment that has not left."""

    number: str
    state: str
    on_hold: bool = False
    picking: str = ""


class Looking(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The orders of one look, and what was read of them so far. `todo`: ids that the phase has still to read."""

    orders: tuple[Due, ...]
    phase: Phase = "lines"
    todo: tuple[int, ...] = ()
    after_id: int = 0
    lines: tuple[Sold, ...] = ()
    moves: dict[int, Moving] = {}
    ships: dict[int, Waiting] = {}


def begun(orders: Sequence[Due]) -> Looking:
    """Nothing is read yet."""
    return _from(Looking(orders=tuple(orders), todo=_ids(each.sale for each in orders)))


def asked(looking: Looking) -> Ask[Any] | None:
    """What to read next; None when everything is here."""
    some = looking.todo[:RECORDS_MAX]
    match looking.phase:
        case "lines":
            return SHIPPED_LINES.find(Find(by="sale", values=some, after_id=looking.after_id))
        case "moves":
            return STOCK_MOVES.read(Ids(some))
        case "shipments":
            return SHIPMENTS.read(Ids(some))
        case _:
            return None


def learned(looking: Looking, result: Any) -> Looking:
    """With what was read: the next page, the next chunk, or the next phase."""
    match looking.phase:
        case "lines":
            lines = (*looking.lines, *(_sold(row) for row in result.rows if _is_goods(row)))
            looking = replace(looking, lines=lines)
            if not result.complete:
                return replace(looking, after_id=result.last_id)
        case "moves":
            rows: Sequence[StockMove] = result
            read = {row.id: _moving(row) for row in rows if row.to_type in (None, "customer")}
            looking = replace(looking, moves={**looking.moves, **read})
        case "shipments":
            looking = replace(looking, ships={**looking.ships, **{row.id: _waiting(row) for row in result}})
        case _:
            return looking
    return _from(replace(looking, todo=looking.todo[RECORDS_MAX:], after_id=0))


def waiting_skus(looking: Looking) -> tuple[str, ...]:
    """SKUs of which something is open: why it has not left may depend on what there is of them."""
    return tuple(sorted({line.sku for line in looking.lines if _open_moves(line, looking)}))


def _from(looking: Looking) -> Looking:
    """The next phase that has something to read."""
    while not looking.todo and looking.phase != "complete":
        match looking.phase:
            case "lines":
                moves = _ids(move for line in looking.lines for move in line.moves)
                looking = replace(looking, phase="moves", todo=moves)
            case "moves":
                open_ = (each for line in looking.lines for each in _open_moves(line, looking))
                ships = _ids(each.shipment for each in open_ if each.model == _OUT)
                looking = replace(looking, phase="shipments", todo=ships)
            case _:
                looking = replace(looking, phase="complete")
    return looking


def _is_goods(row: ShippedLine) -> bool:
    return row.product is not None and row.shipment_cost is None and (row.quantity or ZERO) > ZERO


def _sold(row: ShippedLine) -> Sold:
    return Sold(
        row.sale or 0, row.channel_identifier or str(row.id), row.product_code or "", row.product or 0,
        row.quantity or ZERO, row.moves or (), row.sale_state or "",
    )  # fmt: skip


def _moving(row: StockMove) -> Moving:
    shipment = row.shipment
    model, id_ = ("", 0) if shipment is None else (shipment.model, shipment.id)
    return Moving(row.product or 0, row.quantity or ZERO, row.state or "", model, id_)


def _waiting(row: Shipment) -> Waiting:
    return Waiting(row.number or str(row.id), row.state or "", bool(row.on_hold), row.picking_status or "")


def _ids(found: Iterable[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(id_ for id_ in found if id_))


# -- what follows for each order ---------------------------------------------------------------------------------------


def outstanding(looking: Looking, levels: Levels, now: datetime) -> list[tuple[Due, Outstanding]]:
    """What is outstanding of each order of the look."""
    of_sale: dict[int, list[Sold]] = {}
    for line in looking.lines:
        of_sale.setdefault(line.sale, []).append(line)
    return [(due, _of_order(due, of_sale.get(due.sale, []), looking, levels, now)) for due in looking.orders]


def _of_order(due: Due, lines: Sequence[Sold], looking: Looking, levels: Levels, now: datetime) -> Outstanding:
    found = Outstanding(looked_at=now, due_at=due.due_at)
    if not lines:
        return replace(found, cause="not found", told=f"sale {due.sale} has no goods in Fulfil, or is not there")
    state = lines[0].sale_state
    is_planned = any(line.moves for line in lines)
    rows = tuple(_units(line, looking, is_planned=is_planned) for line in lines)
    if state == "cancel":
        return replace(found, lines=tuple(replace(row, open=ZERO) for row in rows))
    if state not in _MOVING:
        told = f"sale {due.sale} is {state or 'in no state'} in Fulfil"
        return replace(found, lines=rows, cause="not processing", told=told)
    if state == "done" and not is_planned:  # it was imported as completed
        history = tuple(replace(row, shipped=row.ordered, open=ZERO) for row in rows)
        return replace(found, lines=history)
    open_ = [(line, each) for line in lines for each in _open_moves(line, looking)]
    if not any(row.open for row in rows):
        return replace(found, lines=rows)
    cause, told = _cause(open_, looking, levels)
    return replace(found, lines=rows, cause=cause, told=told)


def _units(line: Sold, looking: Looking, *, is_planned: bool) -> OutstandingLine:
    """What has left of a line and what may yet. Of a kit, whose moves are of its components, only whether any may.

    A line without moves in a sale that has some is nothing that is shipped, such as a service.
    """
    if is_planned and not line.moves:
        return OutstandingLine(line.line_id, line.sku, line.quantity, line.quantity)
    moves = [looking.moves[id_] for id_ in line.moves if id_ in looking.moves]
    open_ = sum((each.quantity for each in moves if each.state not in _OVER), ZERO)
    done = sum((each.quantity for each in moves if each.state == "done"), ZERO)
    if any(each.product != line.product for each in moves):
        open_ = line.quantity if open_ else ZERO
        done = line.quantity if done and not open_ else ZERO
    if not moves:  # no shipment of it was made (yet)
        open_ = line.quantity
    shipped = min(done, line.quantity)
    return OutstandingLine(line.line_id, line.sku, line.quantity, shipped, min(open_, line.quantity - shipped))


def _open_moves(line: Sold, looking: Looking) -> list[Moving]:
    moves = (looking.moves[id_] for id_ in line.moves if id_ in looking.moves)
    return [each for each in moves if each.state not in _OVER]


def _cause(open_: Sequence[tuple[Sold, Moving]], looking: Looking, levels: Levels) -> tuple[Cause, str]:
    """Why what is open has not left: what somebody has to act on first."""
    if not open_:
        return "not planned", "Fulfil has made no shipment of it"
    ships = {each.shipment: looking.ships[each.shipment] for _, each in open_ if each.shipment in looking.ships}
    held = [ship.number for ship in ships.values() if ship.on_hold]
    if held:
        return "on hold", f"shipment {', '.join(held)} is on hold"
    if not ships:
        if any(each.model == _DROP for _, each in open_):
            return "at the supplier", "the supplier has not sent it"
        return "not planned", "its goods are in no shipment"
    waiting = [(line, each) for line, each in open_ if _state(each, ships) in ("draft", "waiting")]
    if waiting:
        missing = sorted({line.sku for line, each in waiting if _is_missing(line.sku, each.quantity, levels)})
        numbers = ", ".join(sorted({ships[each.shipment].number for _, each in waiting}))
        if missing:
            return "no stock", f"shipment {numbers} waits for {', '.join(missing)}"
        return "unallocated", f"shipment {numbers} has not been allocated its goods"
    first = next(iter(ships.values()))
    if first.state == "packed":
        return "packed", f"shipment {first.number} is packed and has not left"
    if first.picking:
        return "picking", f"shipment {first.number} is being picked, or waits to be packed"
    return "not picked", f"shipment {first.number} has its goods, and nobody has picked it"


def _state(each: Moving, ships: Mapping[int, Waiting]) -> str:
    ship = ships.get(each.shipment)
    return "" if ship is None else ship.state


def _is_missing(sku: str, wanted: Decimal, levels: Levels) -> bool:
    on_hand, available = levels.get(sku, (wanted, ZERO))
    return on_hand < wanted or available < ZERO
