"""Cases of goods that come back: of which Fulfil has no return, no credit, or another sum. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from connectors.fulfil.sales import Sale
from connectors.fulfil.wire import CreatedSale
from flows.model.goods_back import GoodsBack, LineBack, replaced
from flows.model.money import EXACT, ZERO, Money, digits_of
from flows.model.order_state import OrderState, Proving
from flows.model.return_rules import Weighed
from flows.order_importer.parts import case_of
from runtime.decision import Fact

KIND: Final = "order.returned"
UNCREDITED: Final = "refund.uncredited"
_replace = msgspec.structs.replace


def open_returns(state: OrderState) -> tuple[GoodsBack, ...]:
    """Goods that a case is open of."""
    causes = {case.cause for case in state.cases if case.kind == KIND}
    return tuple(each for each in state.returned if each.name in causes)


def settled(state: OrderState, goods: GoodsBack, sale: int | None) -> OrderState:
    """Nobody has to look at it again. `sale`: the return in Fulfil."""
    cases = tuple(case for case in state.cases if (case.kind, case.cause) != (KIND, goods.name))
    returned = replaced(state.returned, _replace(goods, sale=sale, edited=False))
    return _replace(state, returned=returned, cases=cases)


def with_case(state: OrderState, goods: GoodsBack, reason: str, now: datetime) -> tuple[OrderState, list[Fact]]:
    """Goods come back that Fulfil does not expect: somebody's move, until a look finds them dealt with."""
    sentence = f"{goods.units} come back by return {goods.name}, and Fulfil has no return of them: {reason}"
    case_ = case_of(KIND, goods.name, sentence, state, now, amount=_worth(state, goods.lines))
    known = any((case.kind, case.cause) == (KIND, goods.name) for case in state.cases)
    state = settled(state, goods, None)
    return _replace(state, cases=(*state.cases, case_)), [] if known else [
        Fact(kind="return_open", values={"return": goods.name, "units": goods.units})
    ]


def with_kept(state: OrderState, goods: GoodsBack, answer: Weighed, now: datetime) -> tuple[OrderState, list[Fact]]:
    """Units whose money went back, and which do not: no stock, so no return, and no credit in Fulfil either."""
    if not answer.kept:
        return state, []
    units = ", ".join(f"{line.quantity:f} x {line.sku or line.line}" for line in answer.kept)
    sentence = (
        f"{units} were refunded by {goods.name} and do not come back, so there is no return of them, and Fulfil has no "
        "credit note for the money"
    )
    case_ = case_of(UNCREDITED, f"{goods.name}/goods", sentence, state, now, amount=_worth(state, answer.kept))
    return _replace(state, cases=(*state.cases, case_)), [
        Fact(kind="not_back", values={"return": goods.name, "units": units})
    ]


def to_prove(state: OrderState, goods: GoodsBack, answer: Weighed, sale: CreatedSale) -> Proving | None:
    """What the return has to come to; None when the sales channel does not say.

    What is shipped in exchange stands on the return, too: it comes to what was given back for the units less what that
    costs, once, and so the customer is left with nothing to pay and nothing to get.
    """
    lines = [line for line in goods.lines if line not in answer.kept]
    back = _worth(state, lines)
    if back is None or sale.id == state.sale or len(answer.make) < len(lines):
        return None
    units, worth = sum((line.quantity for line in lines), ZERO), back.amount
    exchanges = [line.exchange for line in lines if line.exchange is not None]
    if exchanges:
        if goods.exchanged is None:
            return None
        worth = EXACT.subtract(worth, goods.exchanged)
        units += sum((each.quantity for each in exchanges), ZERO)
    within = units.scaleb(-digits_of(state.currency))
    return Proving(sale=sale.id, worth=worth, within=within, exchange=bool(exchanges))


def with_difference(state: OrderState, proving: Proving, sale: Sale, now: datetime) -> OrderState:
    """The sum of the return in Fulfil against what was given back for its units."""
    if sale.total_amount is None:
        return state
    off = EXACT.add(sale.total_amount, proving.worth)  # the total of a return is negative
    if off.copy_abs() <= proving.within:
        return state
    made, worth = (Money(amount, state.currency) for amount in (-sale.total_amount, proving.worth))
    instead = " less what is shipped in exchange" if proving.exchange else ""
    sentence = (
        f"return {sale.number or sale.id} in Fulfil comes to {made}, and the sales channel gave {worth} back for its "
        f"units{instead}"
    )
    difference = Money(off, state.currency)
    case_ = case_of("sale.mismatch", str(sale.id), sentence, state, now, amount=difference)
    return _replace(state, cases=(*state.cases, case_))


def _worth(state: OrderState, lines: Sequence[LineBack]) -> Money | None:
    worths = [line.worth for line in lines if line.worth is not None]
    return Money(sum(worths, ZERO), state.currency) if worths and len(worths) == len(lines) else None
