"""The warehouse's figures: where each product lies, and what is promised to customers.

`quantity_on_hand` is what lies in a warehouse, packed goods included; `quantity_available` is that less what open
customer shipments will take, and may be negative. Several locations add up (D S3: warehouses or zones; without a
`locations` context, all of them). Only done moves change what lies somewhere; only open ones what is promised.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from connectors.fulfil.sandbox.config import SandboxConfig
from connectors.fulfil.sandbox.stock_records import Count, CountLine, Location, StockMove
from connectors.fulfil.sandbox.tables import Table
from connectors.fulfil.sandbox.transaction import Transaction

SUPPLIER, CUSTOMER, LOST_FOUND = 1, 2, 3
"""The locations outside every warehouse. `stock.shipment.drop` goes from the first to the second."""
OPEN = frozenset(("draft", "assigned"))
"""States of a move that is still to be made."""
ZERO = Decimal(0)


class Stock:
    """Locations, moves and counts of one set of books, with the sums that follow from them."""

    def __init__(self, config: SandboxConfig, transaction: Transaction) -> None:
        self._transaction = transaction
        self.locations: Table[Location] = Table()
        self.moves: Table[StockMove] = Table()
        self.counts: Table[Count] = Table()
        self.count_lines: Table[CountLine] = Table()
        self.warehouses: list[int] = [warehouse.id for warehouse in config.warehouses]
        self._levels: defaultdict[tuple[int, int], Decimal] = defaultdict(Decimal)
        """What lies at a location, by product and location inside a warehouse."""
        self._outbound: defaultdict[tuple[int, int], Decimal] = defaultdict(Decimal)
        """What open moves will take to customers, by product and warehouse."""
        self._inbound: defaultdict[tuple[int, int], Decimal] = defaultdict(Decimal)
        """What open moves will bring from suppliers and customers, by product and warehouse."""
        self._assigned: defaultdict[tuple[int, int], Decimal] = defaultdict(Decimal)
        """What assigned moves hold, by product and location."""
        self._warehouse_of: dict[int, int] = {}
        for id_, kind in ((SUPPLIER, "supplier"), (CUSTOMER, "customer"), (LOST_FOUND, "lost_found")):
            name = kind.replace("_", " and ").capitalize()
            self._add_location(id_, name=name, code=kind.upper(), type=kind)
        for warehouse in config.warehouses:
            self._add_location(warehouse.id, name=warehouse.name, code=warehouse.code, type="warehouse")
        for warehouse in config.warehouses:
            self._add_zones(self.locations[warehouse.id])

    def _add_location(self, id_: int, **values: Any) -> Location:
        return self.locations.add(Location(id=id_, create_date=self._transaction.now, **values))

    def _add_zones(self, warehouse: Location) -> None:
        for zone in ("input", "output", "storage"):
            id_ = self.locations.new_id()
            name, code = f"{warehouse.name} {zone}", f"{warehouse.code}-{zone[:3].upper()}"
            self._add_location(id_, name=name, code=code, type="storage", parent=warehouse.id)
            setattr(warehouse, zone, id_)
            self._warehouse_of[id_] = warehouse.id

    # -- figures -------------------------------------------------------------------------------------------------------

    def zones(self, warehouse: int) -> tuple[int, int, int]:
        """Input, output and storage of a warehouse. Raises KeyError when it is none."""
        row = self.locations[warehouse]
        if row.input is None or row.output is None or row.storage is None:
            raise KeyError(warehouse)
        return row.input, row.output, row.storage

    def level(self, product: int, location: int) -> Decimal:
        """What lies at one location inside a warehouse."""
        return self._levels.get((product, location), ZERO)

    def free(self, product: int, location: int) -> Decimal:
        """What lies at one location and is not held by an assigned move."""
        return self.level(product, location) - self._assigned.get((product, location), ZERO)

    def on_hand(self, product: int, locations: Sequence[int] | None = None) -> Decimal:
        """`quantity_on_hand` of the product in these warehouses or zones (None: everywhere)."""
        return sum((self.level(product, zone) for zone in self._zones_of(locations)), ZERO)

    def available(self, product: int, locations: Sequence[int] | None = None) -> Decimal:
        """`quantity_available`: on hand less outbound."""
        return self.on_hand(product, locations) - self.outbound(product, locations)

    def outbound(self, product: int, locations: Sequence[int] | None = None) -> Decimal:
        """`quantity_outbound`: what open customer shipments will take."""
        return sum((self._outbound.get((product, one), ZERO) for one in self._warehouses_of(locations)), ZERO)

    def inbound(self, product: int, locations: Sequence[int] | None = None) -> Decimal:
        """`quantity_inbound`: what open receipts and returns will bring."""
        return sum((self._inbound.get((product, one), ZERO) for one in self._warehouses_of(locations)), ZERO)

    def _zones_of(self, locations: Sequence[int] | None) -> Iterable[int]:
        for id_ in dict.fromkeys(self.warehouses if locations is None else locations):
            row = self.locations.get(id_)
            if row is not None and row.type == "warehouse":
                yield from self.zones(id_)
            elif id_ in self._warehouse_of:
                yield id_

    def _warehouses_of(self, locations: Sequence[int] | None) -> Iterable[int]:
        """A zone stands for its warehouse's promises: goods are taken from there."""
        ids = self.warehouses if locations is None else locations
        return dict.fromkeys(self._warehouse_of.get(id_, id_) for id_ in ids)

    # -- moves ---------------------------------------------------------------------------------------------------------

    def add_move(self, **values: Any) -> StockMove:
        """Add an open move, in state draft."""
        move = StockMove(id=self.moves.new_id(), create_date=self._transaction.now, **values)
        self._promise(move, move.quantity)
        return self.moves.add(move)

    def assign(self, move: StockMove) -> None:
        """Hold the move's quantity where it starts. The caller has checked `free`."""
        if move.state == "draft":
            self._assigned[move.product, move.from_location] += move.quantity
            move.state = "assigned"
            self._transaction.touched(move)

    def unassign(self, move: StockMove) -> None:
        """Give up what an assigned move holds."""
        if move.state == "assigned":
            self._assigned[move.product, move.from_location] -= move.quantity
            move.state = "draft"
            self._transaction.touched(move)

    def resize(self, move: StockMove, quantity: Decimal) -> None:
        """Change an open move's quantity; zero or less cancels it."""
        if quantity <= 0:
            self.cancel(move)
            return
        change = quantity - move.quantity
        self._promise(move, change)
        if move.state == "assigned":
            self._assigned[move.product, move.from_location] += change
        move.quantity = quantity
        self._transaction.touched(move)

    def finish(self, move: StockMove) -> None:
        """Make an open move: what it took from one location now lies at the other."""
        self.unassign(move)
        self._promise(move, -move.quantity)
        for location, quantity in ((move.from_location, -move.quantity), (move.to_location, move.quantity)):
            warehouse = self._warehouse_of.get(location)
            if warehouse is not None:
                self._levels[move.product, location] += quantity
                self._transaction.note_stock(move.product, warehouse)
        move.state = "done"
        move.effective_date = self._transaction.today
        self._transaction.touched(move)

    def cancel(self, move: StockMove) -> None:
        """Give up an open move."""
        if move.state in OPEN:
            self.unassign(move)
            self._promise(move, -move.quantity)
            move.state = "cancel"
            self._transaction.touched(move)

    def correct(self, product: int, location: int, quantity: Decimal) -> None:
        """Make `quantity` lie at a location of a warehouse, by a move from or to lost and found."""
        change = quantity - self.level(product, location)
        ends = (LOST_FOUND, location) if change > 0 else (location, LOST_FOUND)
        if change:
            move = self.add_move(product=product, quantity=abs(change), from_location=ends[0], to_location=ends[1])
            self.finish(move)

    def _promise(self, move: StockMove, quantity: Decimal) -> None:
        """Count an open move's quantity (negative: count it no more) as outbound or inbound."""
        if move.to_location == CUSTOMER:
            sums, warehouse = self._outbound, self._warehouse_of.get(move.from_location)
        elif move.from_location in (CUSTOMER, SUPPLIER):
            sums, warehouse = self._inbound, self._warehouse_of.get(move.to_location)
        else:
            return
        if warehouse is not None:
            sums[move.product, warehouse] += quantity
            self._transaction.note_stock(move.product, warehouse)
