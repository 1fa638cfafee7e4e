"""Shipments: what is sent to customers, from suppliers to customers, and what comes back.

States (D S3, T): draft, waiting, assigned, packed, done, cancel for customer shipments; draft, waiting, shipped, done,
cancel for drop shipments; draft, received, done, cancel for returns. Packed cannot be undone (D). These functions move
goods; what it means for the sale, its invoices and the ledger is in `sale_workflow`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.records import Line, Sale
from connectors.fulfil.sandbox.refusals import UserError
from connectors.fulfil.sandbox.stock import CUSTOMER, OPEN, SUPPLIER
from connectors.fulfil.sandbox.stock_records import Package, Shipment, StockMove, Tracking

OUT: Final = "stock.shipment.out"
DROP: Final = "stock.shipment.drop"
RETURN: Final = "stock.shipment.out.return"
IN: Final = "stock.shipment.in"
PREFIX: Final = {OUT: "CS", DROP: "DS", RETURN: "CR", IN: "IS"}
"""How the numbers of each kind begin."""
UNDER_WAY: Final = frozenset(("draft", "waiting", "assigned", "packed", "shipped", "received"))
"""States in which something is still to be done."""
LISTS: Final = {OUT: "shipments", DROP: "drop_shipments", RETURN: "shipment_returns"}
"""The field of a sale that lists its shipments of a kind."""


def number(shipment: Shipment) -> str:
    """The shipment's number."""
    return f"{PREFIX[shipment.model]}{shipment.id}"


def moves_of(books: Books, shipment: Shipment) -> list[StockMove]:
    """Its outgoing moves (of a return or a receipt: the incoming ones)."""
    return [books.stock.moves[id_] for id_ in shipment.moves]


def open_moves(books: Books, shipment: Shipment) -> list[StockMove]:
    """Those that are still to be made."""
    return [move for move in moves_of(books, shipment) if move.state in OPEN]


# -- making ------------------------------------------------------------------------------------------------------------


def add_shipment(books: Books, model: str, sale: Sale, warehouse: int, mode: str = "ship") -> Shipment:
    """An empty shipment of a sale: waiting for allocation, or (a return) for its receipt."""
    table = books.shipments[model]
    shipment = Shipment(
        id=table.new_id(),
        create_date=books.now,
        model=model,
        state="draft" if model == RETURN else "waiting",
        warehouse=warehouse,
        party=sale.party,
        address=sale.shipment_address,
        sales=(sale.id,),
        delivery_mode=mode,
        carrier_service=sale.carrier_service if mode == "ship" else None,
        planned_date=sale.sale_date,
        priority=sale.priority,
    )
    setattr(sale, LISTS[model], (*getattr(sale, LISTS[model]), shipment.id))
    books.transaction.note(model, shipment.id, "created")
    return table.add(shipment)


def add_goods(books: Books, shipment: Shipment, line: Line, quantity: Decimal) -> StockMove:
    """Add a move of a sale line's product to a shipment that is not assigned yet."""
    return _add_move(books, shipment, product=line.product or 0, quantity=quantity, line=line)


def _add_move(books: Books, shipment: Shipment, *, product: int, quantity: Decimal, line: Line | None) -> StockMove:
    _, output, storage = books.stock.zones(shipment.warehouse)
    starts = {OUT: (output, CUSTOMER), DROP: (SUPPLIER, CUSTOMER), RETURN: (CUSTOMER, storage), IN: (SUPPLIER, storage)}
    start, end = starts[shipment.model]
    move = books.stock.add_move(
        product=product,
        quantity=quantity,
        from_location=start,
        to_location=end,
        shipment_model=shipment.model,
        shipment=shipment.id,
        line=None if line is None else line.id,
    )
    shipment.moves = (*shipment.moves, move.id)
    if line is not None:
        line.moves = (*line.moves, move.id)
    return move


def receive_goods(books: Books, warehouse: int, goods: Iterable[tuple[int, Decimal]]) -> Shipment:
    """Goods from suppliers arrive: a `stock.shipment.in`, done at once."""
    table = books.shipments[IN]
    shipment = Shipment(id=table.new_id(), create_date=books.now, model=IN, state="draft", warehouse=warehouse)
    table.add(shipment)
    for product, quantity in goods:
        _add_move(books, shipment, product=product, quantity=quantity, line=None)
    finish(books, shipment)
    return shipment


# -- the states of a customer shipment ---------------------------------------------------------------------------------


def check_state(shipment: Shipment, allowed: Sequence[str], verb: str) -> None:
    """Raises UserError unless the shipment is in one of these states, and not on hold."""
    if shipment.state not in allowed:
        raise UserError(f"The shipment {number(shipment)} cannot {verb} from the state {shipment.state!r}.")
    if shipment.on_hold and verb not in ("cancel", "draft", "wait"):
        raise UserError(f"The shipment {number(shipment)} is on hold: {shipment.hold_note or 'no note'}.")


def wait(books: Books, shipment: Shipment) -> None:
    """Draft to waiting, or give up an assignment."""
    _give_up_inventory(books, shipment)
    _to(books, shipment, "waiting")


def draft(books: Books, shipment: Shipment) -> None:
    """Waiting to draft; or a cancelled one back, with new moves for those that were cancelled."""
    if shipment.state == "cancel":
        for move in moves_of(books, shipment):
            line = None if move.line is None else books.lines[move.line]
            _add_move(books, shipment, product=move.product, quantity=move.quantity, line=line)
    _to(books, shipment, "draft")


def can_assign(books: Books, shipment: Shipment) -> bool:
    """Whether all of its goods lie free in the storage."""
    _, _, storage = books.stock.zones(shipment.warehouse)
    wanted: dict[int, Decimal] = {}
    for move in open_moves(books, shipment):
        wanted[move.product] = wanted.get(move.product, Decimal(0)) + move.quantity
    return all(books.stock.free(product, storage) >= quantity for product, quantity in wanted.items())


def assign(books: Books, shipment: Shipment) -> bool:
    """Hold its goods in the storage: all of them or none (our choice). Answers whether it did."""
    if not can_assign(books, shipment):
        return False
    _, output, storage = books.stock.zones(shipment.warehouse)
    made = []
    for outgoing in open_moves(books, shipment):
        move = books.stock.add_move(
            product=outgoing.product,
            quantity=outgoing.quantity,
            from_location=storage,
            to_location=output,
            shipment_model=shipment.model,
            shipment=shipment.id,
            line=outgoing.line,
        )
        books.stock.assign(move)
        made.append(move.id)
    shipment.inventory_moves = tuple(made)
    _to(books, shipment, "assigned")
    return True


def pack(books: Books, shipment: Shipment) -> None:
    """The goods leave the storage for the output location."""
    for id_ in shipment.inventory_moves:
        books.stock.finish(books.stock.moves[id_])
    for move in open_moves(books, shipment):
        books.stock.assign(move)
    shipment.picking_status = "done"
    _to(books, shipment, "packed")


def finish(books: Books, shipment: Shipment) -> None:
    """The goods leave the building, or (drop shipment, return) arrive where they are meant to."""
    for move in open_moves(books, shipment):
        books.stock.finish(move)
    shipment.effective_date = books.transaction.today
    shipment.shipped_at = shipment.shipped_at or books.now
    _to(books, shipment, "done")
    books.transaction.note(shipment.model, shipment.id, "done")


def ship_drop(books: Books, shipment: Shipment) -> None:
    """The supplier has sent a drop shipment."""
    shipment.shipped_at = books.now
    _to(books, shipment, "shipped")


def receive_return(books: Books, shipment: Shipment) -> None:
    """Returned goods are in the house, and not counted yet."""
    _to(books, shipment, "received")


def cancel(books: Books, shipment: Shipment) -> None:
    """Nothing of it will be sent. What was packed goes back to the storage."""
    was_packed = shipment.state == "packed"
    _give_up_inventory(books, shipment)
    _, output, storage = books.stock.zones(shipment.warehouse)
    for move in open_moves(books, shipment):
        books.stock.cancel(move)
        if was_packed:
            back = {"product": move.product, "quantity": move.quantity, "line": move.line}
            books.stock.finish(books.stock.add_move(from_location=output, to_location=storage, **back))
    _to(books, shipment, "cancel")
    books.transaction.note(shipment.model, shipment.id, "cancelled")


def _give_up_inventory(books: Books, shipment: Shipment) -> None:
    for id_ in shipment.inventory_moves:
        books.stock.cancel(books.stock.moves[id_])
    shipment.inventory_moves = tuple(
        id_ for id_ in shipment.inventory_moves if books.stock.moves[id_].state != "cancel"
    )
    if shipment.state != "packed":
        shipment.picking_status = None


def _to(books: Books, shipment: Shipment, state: str) -> None:
    shipment.state = state
    books.transaction.touched(shipment)


# -- holds, parts, parcels ---------------------------------------------------------------------------------------------


def hold(books: Books, shipment: Shipment, note: str | None, *, on: bool) -> None:
    """Put on hold, or release. Raises UserError for one that is done or cancelled."""
    if shipment.state not in UNDER_WAY:
        raise UserError(f"The shipment {number(shipment)} is {shipment.state}; it cannot be held or released.")
    shipment.on_hold, shipment.hold_note = on, note
    books.transaction.touched(shipment)


def is_untouched(shipment: Shipment) -> bool:
    """Whether the warehouse has not begun with it: neither picked, nor packed, nor in a batch."""
    begun = shipment.picking_status is not None or shipment.batch is not None
    return shipment.state in ("draft", "waiting", "assigned") and not begun


def split(books: Books, shipment: Shipment, parts: Mapping[int, Decimal], planned: dt.date | None) -> Shipment:
    """Move these quantities of these moves to a new shipment. Raises UserError when they are not in it."""
    check_state(shipment, ("draft", "waiting", "assigned"), "split")
    moves = {move.id: move for move in open_moves(books, shipment)}
    for id_, quantity in parts.items():
        if id_ not in moves or not 0 < quantity <= moves[id_].quantity:
            raise UserError(f"The move {id_} with that quantity is not in the shipment {number(shipment)}.")
    if all(parts.get(id_) == move.quantity for id_, move in moves.items()):
        raise UserError(f"Nothing would be left of the shipment {number(shipment)}.")
    if shipment.state == "assigned":
        wait(books, shipment)
    rest = add_shipment(
        books, shipment.model, books.sales[shipment.sales[0]], shipment.warehouse, shipment.delivery_mode
    )
    rest.sales, rest.carrier_service, rest.address = shipment.sales, shipment.carrier_service, shipment.address
    rest.planned_date = planned or shipment.planned_date
    for other in shipment.sales[1:]:
        sale = books.sales[other]
        sale.shipments = (*sale.shipments, rest.id)
    for id_, quantity in parts.items():
        move = moves[id_]
        line = None if move.line is None else books.lines[move.line]
        books.stock.resize(move, move.quantity - quantity)
        _add_move(books, rest, product=move.product, quantity=quantity, line=line)
    books.transaction.touched(shipment)
    return rest


def merge(books: Books, kept: Shipment, other: Shipment) -> None:
    """One shipment for the goods of both, for all of their sales. Raises UserError unless both may be changed."""
    same = (kept.model, kept.warehouse, kept.party) == (other.model, other.warehouse, other.party)
    if kept.id == other.id or not same or not (is_untouched(kept) and is_untouched(other)):
        raise UserError(f"The shipments {number(kept)} and {number(other)} cannot be merged.")
    for shipment in (kept, other):
        if shipment.state == "assigned":
            wait(books, shipment)
    for move in open_moves(books, other):
        line = None if move.line is None else books.lines[move.line]
        books.stock.cancel(move)
        _add_move(books, kept, product=move.product, quantity=move.quantity, line=line)
    for id_ in other.sales:
        sale = books.sales[id_]
        if kept.id not in sale.shipments:
            sale.shipments = (*sale.shipments, kept.id)
    kept.sales = tuple(dict.fromkeys((*kept.sales, *other.sales)))
    other.moves = ()  # they are the kept one's now, also should the emptied one be drafted again
    _to(books, other, "cancel")
    books.transaction.touched(kept)


def add_package(books: Books, shipment: Shipment, moves: Sequence[int] = ()) -> Package:
    """Add a parcel, without a tracking number yet."""
    package = Package(
        id=books.packages.new_id(),
        create_date=books.now,
        moves=tuple(moves),
        shipment_model=shipment.model,
        shipment=shipment.id,
    )
    shipment.packages = (*shipment.packages, package.id)
    books.touched(shipment)
    return books.packages.add(package)


def add_tracking(
    books: Books, shipment: Shipment, tracking_number: str, *, package: Package, url: str | None = None
) -> Tracking:
    """Give a parcel its tracking number; the first is the shipment's own `tracking_number`."""
    tracking = Tracking(
        id=books.trackings.new_id(),
        create_date=books.now,
        tracking_number=tracking_number,
        carrier_service=shipment.carrier_service,
        is_master=shipment.tracking is None,
        tracking_url=url,
        shipment_model=shipment.model,
        shipment=shipment.id,
    )
    package.tracking = books.trackings.add(tracking).id
    shipment.trackings = (*shipment.trackings, tracking.id)
    shipment.tracking = shipment.tracking or tracking.id
    books.touched(shipment)
    return tracking
