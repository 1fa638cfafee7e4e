"""Goods that come back to the warehouse, as an order says it: by return, line and quantity (rule 17). Pure.

Units are known by the return that they belong to; where the source keeps no returns, by their refund. They follow that
record and not its money: a refund that is pending or moves no money brings goods back all the same, one that failed
does not. A return may be published in pieces; each piece is dealt with once, and remembered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType

import msgspec

from flows.model.bundles import Bundle, part_id
from flows.model.content import content_of
from flows.model.money import EXACT, ZERO, MixedCurrencies
from flows.model.order import Amount, Line, Order, Refund, RefundKind, RefundPart, RefundStatus, Restock, Units


class ExchangeBack(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is shipped instead; `unit_price` is before tax, in the sale's currency."""

    sku: str
    quantity: Decimal
    unit_price: Decimal | None = None


class LineBack(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Units of one line of the order. `worth`: what was refunded for them, in the sale's currency, where published."""

    line: str
    quantity: Decimal
    sku: str = ""
    restock: Restock = Restock.UNKNOWN
    reason: str = ""
    worth: Decimal | None = None
    exchange: ExchangeBack | None = None


class GoodsBack(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A return, or a piece of one: the first, or what was added to it later."""

    id: str
    """The return's id, or the refund's."""
    piece: int = 1
    lines: tuple[LineBack, ...] = ()
    exchanges: int = 0
    """Things that are shipped in exchange without a word of what they are."""
    exchanged: Decimal | None = None
    """What is shipped in exchange costs the customer, with tax, in the sale's currency; None: not published."""
    sale: int | None = None
    """The return in Fulfil: a sale of its own. None: there is none, or none is needed."""
    edited: bool = False
    """It is part of an edit that could not be made: to be looked at again as long as a case says so."""

    @property
    def name(self) -> str:
        """Its id, and which piece it is."""
        return self.id if self.piece == 1 else f"{self.id}-{self.piece}"

    def key(self, order_id: str) -> str:
        """Its key in Fulfil, where returns and orders of one sales channel share their keys: never an order's id."""
        return f"{order_id}-return-{self.name}"

    @property
    def units(self) -> str:
        """In words: `2 x MUG, 1 x LAMP`."""
        return ", ".join(f"{each.quantity:f} x {each.sku or each.line}" for each in self.lines)


class SoldLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What Fulfil has of a line of the order: units that were sold, shipped, and are on returns already."""

    id: int
    quantity: Decimal
    moves: tuple[int, ...] = ()
    shipped: Decimal = ZERO
    returns: tuple[tuple[int, Decimal], ...] = ()
    """Each return (a sale of its own) that has units of it, and how many."""

    @property
    def returned(self) -> Decimal:
        """Units on returns."""
        return sum((units for _, units in self.returns), ZERO)


def goods_back(
    order: Order, currency: str, bundles: Mapping[str, Bundle] = MappingProxyType({})
) -> tuple[GoodsBack, ...]:
    """All goods that come back by this version of the order, by the lines of its sale: of a bundle, the components."""
    if not order.refunds and not order.returns:
        return ()
    sold = {line.id: line for line in order.lines}
    published = {each.id: each for each in order.returns}
    found: dict[str, dict[str, LineBack]] = {each.id: {} for each in order.returns if each.expected}
    for back, units, worth in _units(order):
        line = sold.get(units.line)
        if units.quantity <= ZERO or (line is not None and (line.gift_card or not line.requires_shipping)):
            continue
        sku = "" if line is None else line.sku or ""
        made = _line(units, sku, _figure(worth, currency), currency)
        lines = found.setdefault(back, {})
        known = lines.get(made.line)
        lines[made.line] = made if known is None else _added(known, made)
    costs = _costs_of_exchanges(order, currency)
    return tuple(
        GoodsBack(
            id=back,
            lines=tuple(part for line in lines.values() for part in _parts(line, bundles)),
            exchanges=published[back].exchanges if back in published else 0,
            exchanged=costs.get(back),
        )
        for back, lines in found.items()
        if lines
    )


def _units(order: Order) -> Iterator[tuple[str, Units, Amount | None]]:
    """Units with the return that they belong to: those of returns, and of refunds without a return of their own."""
    for each in order.returns:
        if each.expected:
            yield from ((each.id, units, None) for units in each.units)
    published = {each.id for each in order.returns}
    for back, refund, part in _parts_back(order):
        if part.units is not None and refund.return_id not in published:
            yield back, part.units, part.amount


def _costs_of_exchanges(order: Order, currency: str) -> dict[str, Decimal | None]:
    """What the things cost that are shipped instead, by return: parts of a refund without units, and negative."""
    costs: dict[str, Decimal | None] = {}
    for back, _, part in _parts_back(order):
        if part.kind is RefundKind.EXCHANGE and part.units is None:
            known, figure = costs.get(back, ZERO), _figure(part.amount, currency)
            costs[back] = None if known is None or figure is None else EXACT.subtract(known, figure)
    return costs


def _parts_back(order: Order) -> Iterator[tuple[str, Refund, RefundPart]]:
    """(return, refund, part) of refunds that bring goods back, whatever became of their money."""
    for number, refund in enumerate(order.refunds or (), 1):
        if refund.status is not RefundStatus.FAILED or refund.return_id is not None:
            back = refund.return_id or refund.id or str(number)
            yield from ((back, refund, part) for part in refund.parts)


def _line(units: Units, sku: str, worth: Decimal | None, currency: str) -> LineBack:
    exchange = units.exchange
    instead = None
    if exchange is not None:
        price = _figure(exchange.unit_price, currency)
        instead = ExchangeBack(sku=exchange.sku, quantity=exchange.quantity, unit_price=price)
    return LineBack(
        line=units.line, sku=sku, quantity=units.quantity, restock=units.restock, reason=units.reason, worth=worth,
        exchange=instead,
    )  # fmt: skip


def _parts(line: LineBack, bundles: Mapping[str, Bundle]) -> Iterator[LineBack]:
    """The line, or the components of its bundle; what was refunded for all of them stands with the first."""
    rule = bundles.get(line.sku)
    if rule is None:
        yield line
        return
    worth, exchange = line.worth, line.exchange
    for sku, component in rule.components.items():
        quantity = EXACT.multiply(line.quantity, Decimal(component.quantity))
        yield msgspec.structs.replace(
            line, line=part_id(line.line, sku), sku=sku, quantity=quantity, worth=worth, exchange=exchange
        )
        worth, exchange = (None if worth is None else ZERO), None


def _added(one: LineBack, other: LineBack) -> LineBack:
    """The same line twice in one return. What is said differently is not known."""
    worth = None if one.worth is None or other.worth is None else EXACT.add(one.worth, other.worth)
    return msgspec.structs.replace(
        one,
        quantity=EXACT.add(one.quantity, other.quantity),
        restock=one.restock if one.restock is other.restock else Restock.UNKNOWN,
        worth=worth,
        exchange=one.exchange or other.exchange,
    )


def _figure(amount: Amount | None, currency: str) -> Decimal | None:
    try:
        return None if amount is None else amount.figure(currency)
    except MixedCurrencies:
        return None


def undealt(goods: Iterable[GoodsBack], dealt: Sequence[GoodsBack]) -> tuple[GoodsBack, ...]:
    """What nobody has dealt with yet, each as the next piece of its return."""
    left = []
    for each in goods:
        before = [piece for piece in dealt if piece.id == each.id]
        if not before:
            left.append(each)
            continue
        lines = [line for line in (_rest(line, before) for line in each.lines) if line.quantity > ZERO]
        if lines:
            left.append(GoodsBack(id=each.id, piece=len(before) + 1, lines=tuple(lines), exchanges=each.exchanges))
    return tuple(left)


def _rest(line: LineBack, before: Sequence[GoodsBack]) -> LineBack:
    rest = line.quantity
    for known in (known for piece in before for known in piece.lines):
        if known.line == line.line:
            rest = EXACT.subtract(rest, known.quantity)
    return line if rest == line.quantity else msgspec.structs.replace(line, quantity=rest, worth=None)


def content_without(
    order: Order, goods: Iterable[GoodsBack], bundles: Mapping[str, Bundle] = MappingProxyType({})
) -> str:
    """The digest of the order with these units not given back: what it was before, if nothing else has changed."""
    units: dict[str, Decimal] = {}
    for line in (line for each in goods for line in each.lines):
        units[line.line] = EXACT.add(units.get(line.line, ZERO), line.quantity)
    lines = []
    for each in order.lines:
        left, back = each.quantity_left, _back_of(each, units, bundles)
        if left is not None and back:
            each = msgspec.structs.replace(each, quantity_left=min(EXACT.add(left, back), each.quantity))  # noqa: PLW2901
        lines.append(each)
    return content_of(msgspec.structs.replace(order, lines=tuple(lines)))


def _back_of(line: Line, units: Mapping[str, Decimal], bundles: Mapping[str, Bundle]) -> Decimal:
    """The pieces of a line of the order that these units of the sale's lines make: of a bundle, whole ones."""
    rule = bundles.get(line.sku or "")
    if rule is None:
        return units.get(line.id, ZERO)
    return min(
        EXACT.divide_int(units.get(part_id(line.id, sku), ZERO), Decimal(component.quantity))
        for sku, component in rule.components.items()
    )


def replaced(dealt: Sequence[GoodsBack], *pieces: GoodsBack) -> tuple[GoodsBack, ...]:
    """With these pieces dealt with, in place of what was known of them."""
    names = {piece.name for piece in pieces}
    return (*(each for each in dealt if each.name not in names), *pieces)
