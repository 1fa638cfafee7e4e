"""What becomes of goods that are given back, by what Fulfil has of their lines (rule 17). Pure.

A return that Fulfil has already, whoever made it, is the one that is meant when sale, line and quantity agree. Of the
rest, only units that Fulfil has shipped and that are on no return come back. What the sales channel took for unshipped
and Fulfil has shipped is for people: nobody has asked the customer to send it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from connectors.fulfil.returns import ReturnedLine
from flows.model.goods_back import GoodsBack, LineBack, SoldLine
from flows.model.money import EXACT, ZERO
from flows.model.order import Restock


class Weighed(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done about one return. `trouble` says why nothing is; then the rest does not count."""

    make: tuple[ReturnedLine, ...] = ()
    """Lines of a return that Fulfil does not have."""
    there: int | None = None
    """A return in Fulfil that has all the others."""
    kept: tuple[LineBack, ...] = ()
    """Shipped units that do not come back: money for nothing, as far as the stock is concerned."""
    trouble: str = ""


def parted(goods: GoodsBack, found: Mapping[str, SoldLine]) -> tuple[GoodsBack | None, GoodsBack | None]:
    """The lines that have to do with what was shipped, and those of which nothing was: they are to leave the sale."""
    leaving = tuple(line for line in goods.lines if _not_shipped(line, found.get(line.line)))
    if not leaving:
        return goods, None
    coming = tuple(line for line in goods.lines if line not in leaving)
    if not coming:
        return None, goods
    first = msgspec.structs.replace(goods, lines=coming)
    return first, msgspec.structs.replace(goods, lines=leaving, piece=goods.piece + 1)


def _not_shipped(line: LineBack, sold: SoldLine | None) -> bool:
    if sold is None or sold.quantity < line.quantity:
        return False
    if line.restock is Restock.CANCEL:
        return EXACT.subtract(sold.quantity, sold.shipped) >= line.quantity
    return not sold.shipped and not sold.returns


def weighed(
    goods: GoodsBack, found: Mapping[str, SoldLine], dealt: Sequence[GoodsBack], products: Mapping[str, int]
) -> Weighed:
    """What is to be done about this return. Of the earlier ones (`dealt`) Fulfil has those that name a sale."""
    make: list[ReturnedLine] = []
    kept: list[LineBack] = []
    there: int | None = None
    for line in goods.lines:
        sold = found.get(line.line)
        if sold is None:
            return Weighed(trouble=f"its sale has no such line ({line.sku or line.line})")
        of_others = _units_of(line.line, (each for each in dealt if each.sale is not None and each.name != goods.name))
        unclaimed = max(EXACT.subtract(sold.returned, of_others), ZERO)
        need = EXACT.subtract(line.quantity, min(line.quantity, unclaimed))
        if not need:
            there = max(sale for sale, _ in sold.returns)
            continue
        on_returns = max(sold.returned, of_others)
        out = EXACT.subtract(sold.shipped, on_returns)
        trouble = _trouble(line, sold, need, out)
        if trouble:
            return Weighed(trouble=trouble)
        if line.restock is Restock.NONE:
            kept.append(line)
            continue
        asked = _returned(line, sold, need, products)
        if isinstance(asked, str):
            return Weighed(trouble=asked)
        make.append(asked)
    if make and goods.exchanges:
        return Weighed(trouble="something is shipped in exchange, and the sales channel does not say what")
    return Weighed(make=tuple(make), there=there, kept=tuple(kept))


def _trouble(line: LineBack, sold: SoldLine, need: Decimal, out: Decimal) -> str:
    """Why these units cannot simply be expected back; empty when they can. `out`: at the customer, on no return."""
    if line.restock is Restock.CANCEL:
        return "the sales channel takes them for not shipped, and Fulfil has shipped them"
    if out < need:
        return f"of these Fulfil has shipped {sold.shipped:f}, and {sold.returned:f} are on returns already"
    if line.restock is Restock.UNKNOWN and sold.shipped < sold.quantity:
        return f"only {sold.shipped:f} of {sold.quantity:f} are shipped, and nobody says whether it is those"
    return ""


def _returned(line: LineBack, sold: SoldLine, quantity: Decimal, products: Mapping[str, int]) -> ReturnedLine | str:
    exchange = line.exchange
    if exchange is None:
        return ReturnedLine(order_line_id=sold.id, return_quantity=quantity, return_reason=line.reason or None)
    product = products.get(exchange.sku)
    if product is None:
        return f"they are exchanged for {exchange.sku!r}, which is not exactly one product in Fulfil"
    return ReturnedLine(
        order_line_id=sold.id,
        return_quantity=quantity,
        return_reason=line.reason or None,
        exchange_product=product,
        exchange_quantity=exchange.quantity,
        exchange_unit_price=exchange.unit_price,
    )


def _units_of(line: str, pieces: Iterable[GoodsBack]) -> Decimal:
    total = ZERO
    for known in (known for piece in pieces for known in piece.lines):
        if known.line == line:
            total = EXACT.add(total, known.quantity)
    return total
