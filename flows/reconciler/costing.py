"""What is read of shipments to see whether the cost of their goods is booked, and what follows from it. Pure.

    moves    the stock moves of the shipments: what has left to a customer, and did not cost nothing
    entries  the entries of the ledger that name the shipments, or those stock moves, as their origin

Which of both an entry names is no public fact of Fulfil's: it is a setting. In Tryton's ledger of stock each stock move
has an entry of its own, and goods that cost nothing have none. Pages and chunks of hundreds; what was read is kept in
the state, so that a crash goes on with the call that is next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, Final, Literal

import msgspec
from msgspec.structs import replace

from connectors.fulfil.calls import Ask
from connectors.fulfil.changes import Page
from connectors.fulfil.ledger import LEDGER_MOVES, LedgerMove
from connectors.fulfil.models import Find
from connectors.fulfil.stock import STOCK_MOVES, StockMove
from connectors.fulfil.wire import RECORDS_MAX
from runtime.clock import Instant

CostOrigin = Literal["shipment", "stock_move"]
"""What an entry of cost names as its origin."""
Booked = Literal["booked", "nothing", "missing"]
"""`nothing`: all that has left cost nothing."""
_SHIPMENT: Final = "stock.shipment.out"
_STOCK_MOVE: Final = "stock.move"


class Left(msgspec.Struct, frozen=True):
    """A customer shipment that left: its name here (out-55310), and when."""

    name: str
    at: Instant

    @property
    def origin(self) -> str:
        """As Fulfil refers to it."""
        return f"{_SHIPMENT},{self.name.rpartition('-')[2]}"


class Costing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Shipments that are looked at together, and what was read so far. `part` None: all of it."""

    began: datetime
    shipments: tuple[Left, ...]
    part: Literal["moves", "entries"] | None = "moves"
    after_id: int = 0
    goods: dict[str, tuple[int, ...]] = {}
    """By the shipment's origin: the stock moves that cost something; without an entry: Fulfil tells of none."""
    origins: tuple[str, ...] = ()
    """Those that are still to be looked for."""
    booked: dict[str, date | None] = {}
    """By origin: the day of its first entry; None: Fulfil does not tell it."""


def asked(costing: Costing) -> Ask[Any] | None:
    """The call that is next; None when there is none."""
    match costing.part:
        case "moves":
            origins = tuple(each.origin for each in costing.shipments)
            return STOCK_MOVES.find(Find(by="shipment", values=origins, after_id=costing.after_id))
        case "entries":
            chunk = costing.origins[:RECORDS_MAX]
            return LEDGER_MOVES.find(Find(by="origin", values=chunk, after_id=costing.after_id))
        case _:
            return None


def learned(costing: Costing, page: Page[Any], origin: CostOrigin) -> Costing:
    """With a page of what was asked."""
    if costing.part == "moves":
        costing = replace(costing, goods=_goods(costing.goods, page.rows))
    else:
        costing = replace(costing, booked=_booked(costing.booked, page.rows))
    if not page.complete:
        return replace(costing, after_id=page.last_id)
    origins = tuple(_origins(costing, origin)) if costing.part == "moves" else costing.origins[RECORDS_MAX:]
    return replace(costing, part="entries" if origins else None, after_id=0, origins=origins)


def _goods(goods: dict[str, tuple[int, ...]], rows: Sequence[StockMove]) -> dict[str, tuple[int, ...]]:
    """What has left, as far as it is told: not what moves within the warehouse, nor what did not leave."""
    found = dict(goods)
    for row in rows:
        if row.shipment is None or row.state not in (None, "done") or row.to_type not in (None, "customer"):
            continue
        of = str(row.shipment)
        known = found.get(of, ())
        found[of] = known if row.cost_price == 0 else (*known, row.id)
    return found


def _booked(booked: dict[str, date | None], rows: Sequence[LedgerMove]) -> dict[str, date | None]:
    found = dict(booked)
    for row in rows:
        if row.origin is None or row.state not in (None, "posted"):
            continue
        of, day = str(row.origin), row.booked_on or row.posted_on
        known = found.get(of)
        found[of] = day if known is None else min(known, day or known)
    return found


def _origins(costing: Costing, origin: CostOrigin) -> Iterator[str]:
    for each in costing.shipments:
        goods = costing.goods.get(each.origin)
        if origin == "stock_move":
            yield from (f"{_STOCK_MOVE},{move}" for move in goods or ())
        elif goods != ():
            yield each.origin


def found_of(costing: Costing, left: Left, origin: CostOrigin) -> tuple[Booked, date | None]:
    """Whether the cost of a shipment is booked, and the day by which all of it was."""
    goods = costing.goods.get(left.origin)
    if goods == ():
        return "nothing", None
    named = [left.origin] if origin == "shipment" else [f"{_STOCK_MOVE},{move}" for move in goods or ()]
    if not named or not all(each in costing.booked for each in named):
        return "missing", None
    return "booked", max((day for each in named if (day := costing.booked[each]) is not None), default=None)
