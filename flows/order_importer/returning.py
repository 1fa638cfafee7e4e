"""Goods of a sale that come back after they were shipped: a return in Fulfil, or somebody's case (rule 17). Pure.

    read the sale's lines > what was shipped of them > which returns of them there are > make what is missing, prove it

A return that is there is the one that is meant, whoever made it. One that is made has a key of its own, so that it is
looked for after a lost answer, and is made once; the goods go back to the stock when Fulfil receives them, never here.
What cannot be made is a case that is looked at again from time to time. Units that were not shipped leave the sale.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

from connectors.fulfil.models import Find, Ids
from connectors.fulfil.returns import RETURN_ORDER, ReturnOrder, return_order
from connectors.fulfil.sales import SALE_LINES, SALES, Sale, SaleLine
from connectors.fulfil.stock import STOCK_MOVES, StockMove
from connectors.fulfil.wire import RECORDS_MAX, CreatedSale
from flows.model.goods_back import GoodsBack, SoldLine
from flows.model.money import EXACT, ZERO
from flows.model.order_state import OrderState, Proving, Status, Work
from flows.model.return_rules import parted, weighed
from flows.model.sale_gate import CANCELLED
from flows.order_importer.ending import call, concluded, failed, sale_of
from flows.order_importer.messages import LookForReturns
from flows.order_importer.parts import Policy, answer_lost, called, decision_of, with_facts
from flows.order_importer.return_cases import open_returns, settled, to_prove, with_case, with_difference, with_kept
from runtime.decision import (
    Decision,
    Effect,
    EffectAbsent,
    EffectDone,
    EffectExhausted,
    EffectRefused,
    EffectUnknown,
    Fact,
    Timer,
)

LOOK_AGAIN_AFTER: Final = timedelta(hours=6)
"""How long after a case was opened, or looked at, Fulfil is looked at again."""
CALLS: Final = (SALE_LINES.find.kind, STOCK_MOVES.read.kind, SALES.read.kind, RETURN_ORDER.kind)
"""The kinds of calls whose outcomes belong here."""
_SHARE: Final = "rest"
"""Returns wait for no customer at a till: orders go first."""
_CUSTOMER: Final = "customer"
_LINES_GONE: Final = "the sales channel does not say what is left of its lines"
_replace = msgspec.structs.replace


def fact_of(goods: Sequence[GoodsBack]) -> Fact:
    """That goods were given back."""
    return Fact(kind="given_back", values={"units": ", ".join(each.units for each in goods)})


def begin(state: OrderState, work: Work) -> Decision:
    """Something of the sale has been shipped, or nothing says what is left of it: the lines of the sale first."""
    work = _replace(work, goal="return", refused=work.refused or _LINES_GONE, found={})
    return _read(_replace(state, work=work), SALE_LINES.find(Find(by="sale", values=(sale_of(state),))))


def looked_for(state: OrderState, message: LookForReturns, now: datetime) -> Decision:
    """The timer: somebody may have made the returns that cases are open of, or they can be made by now."""
    waiting = open_returns(state)
    if state.status is not Status.IMPORTED or not waiting:
        return decision_of(state)
    if state.work is not None:
        return _replace(decision_of(state), timers=(_timer(now),))
    work = Work(goal="return", back=waiting, no_returns=message.no_returns, products=message.products)
    return begin(state, work)


def goes_on(state: OrderState, work: Work, outcome: Any, now: datetime, policy: Policy) -> Decision:
    """The next step, after the outcome of the last one."""
    match outcome:
        case EffectUnknown():
            return answer_lost(state, outcome)
        case EffectAbsent(intent=intent, attempts=attempts):
            looked = Fact(kind="looked_absent", values={"attempts": attempts})
            if attempts < policy.attempts_max:
                return _replace(decision_of(state, looked), resend=(intent,))
            reason = f"Fulfil lost the answer {attempts} times, and it is not there"
            given_up = _first_fails(state, work, reason, now)
            return _replace(with_facts(given_up, looked), settle=(intent,))
        case EffectRefused(sentence=sentence) if outcome.kind == RETURN_ORDER.kind:
            return _first_fails(state, work, f"Fulfil refused it: {sentence.rstrip('.')}", now)
        case EffectExhausted(sentence=sentence) if outcome.kind == RETURN_ORDER.kind:
            return _first_fails(state, work, sentence.rstrip("."), now)
        case EffectRefused() | EffectExhausted() if work.proving is not None:  # made, and not proven
            return _next(state, _replace(work, proving=None), now)
        case EffectRefused(sentence=sentence) | EffectExhausted(sentence=sentence):
            return _all_fail(state, work, f"Fulfil does not say what was shipped: {sentence.rstrip('.')}", now)
        case EffectDone():
            return _done(state, work, outcome, now)
        case _:  # a timer of other work
            return decision_of(state)


def _done(state: OrderState, work: Work, done: EffectDone, now: datetime) -> Decision:
    match done.kind:
        case SALE_LINES.find.kind if not done.result.complete:
            return _all_fail(state, work, "the sale has more lines than are read at once", now)
        case SALE_LINES.find.kind if not work.found:
            return _lines_read(state, work, done.result.rows, now)
        case SALE_LINES.find.kind:
            return _returns_read(state, work, done.result.rows, now)
        case STOCK_MOVES.read.kind:
            return _moves_read(state, work, done.result)
        case SALES.read.kind if work.proving is not None:
            return _proven(state, work, work.proving, done.result, now)
        case SALES.read.kind:
            return _next(state, _standing(work, done.result), now)
        case _:
            return _made(state, work, done, now)


# -- what Fulfil has ---------------------------------------------------------------------------------------------------


def _lines_read(state: OrderState, work: Work, rows: Sequence[SaleLine], now: datetime) -> Decision:
    """The lines that come back, under the ids that the sales channel gave them. Without moves nothing was shipped."""
    wanted = {line.line for each in work.back for line in each.lines}
    found = {
        row.channel_identifier: SoldLine(id=row.id, quantity=row.quantity or ZERO, moves=row.moves or ())
        for row in rows
        if row.channel_identifier in wanted and row.channel_identifier is not None
    }
    moves = tuple(move for line in found.values() for move in line.moves)
    if not found:
        how = "was made by hand, and does not know the lines of the order" if state.by_hand else "has no such line"
        return _all_fail(state, work, f"its sale {how}", now)
    state = _replace(state, work=_replace(work, found=found))
    if not moves:
        return _find_returns(state, found)
    if len(moves) > RECORDS_MAX:
        return _all_fail(state, work, "its lines have more moves than are read at once", now)
    return _read(state, STOCK_MOVES.read(Ids(moves)))


def _moves_read(state: OrderState, work: Work, rows: Sequence[StockMove]) -> Decision:
    """What has reached the customer is shipped."""
    there = {row.id: row.quantity or ZERO for row in rows if row.state == "done" and row.to_type in (None, _CUSTOMER)}
    found = {
        name: _replace(line, shipped=sum((there.get(move, ZERO) for move in line.moves), ZERO))
        for name, line in work.found.items()
    }
    return _find_returns(_replace(state, work=_replace(work, found=found)), found)


def _find_returns(state: OrderState, found: dict[str, SoldLine]) -> Decision:
    origins = tuple(f"sale.line,{line.id}" for line in found.values())
    return _read(state, SALE_LINES.find(Find(by="origin", values=origins)))


def _returns_read(state: OrderState, work: Work, rows: Sequence[SaleLine], now: datetime) -> Decision:
    """Lines of returns, which have negative quantities. Cancelled returns are told by their sales alone."""
    by_line: dict[int, dict[int, Decimal]] = {}
    for row in rows:
        if row.origin is not None and row.sale is not None and row.sale != state.sale and row.quantity is not None:
            returns = by_line.setdefault(row.origin.id, {})
            returns[row.sale] = EXACT.subtract(returns.get(row.sale, ZERO), row.quantity)
    found = {
        name: _replace(line, returns=tuple(sorted(by_line.get(line.id, {}).items())))
        for name, line in work.found.items()
    }
    work = _replace(work, found=found)
    sales = sorted({sale for line in found.values() for sale, _ in line.returns})
    if not sales:
        return _next(state, work, now)
    return _read(_replace(state, work=work), SALES.read(Ids(tuple(sales[:RECORDS_MAX]))))


def _standing(work: Work, sales: Sequence[Sale]) -> Work:
    """Without the returns that were cancelled, or are gone."""
    standing = {sale.id for sale in sales if sale.state not in CANCELLED}
    found = {
        name: _replace(line, returns=tuple(each for each in line.returns if each[0] in standing))
        for name, line in work.found.items()
    }
    return _replace(work, found=found)


# -- one return after the other ----------------------------------------------------------------------------------------


def _next(state: OrderState, work: Work, now: datetime, *facts: Fact) -> Decision:
    """Deal with what needs no call; then the call for the first that needs one, or the end."""
    leaving: list[GoodsBack] = [each for each in work.back if each.edited]
    back = [each for each in work.back if not each.edited]
    while back:
        goods, stays = parted(back.pop(0), work.found)
        leaving += [] if stays is None else [_replace(stays, edited=True)]
        if goods is None:
            continue
        answer = weighed(goods, work.found, state.returned, work.products)
        trouble = answer.trouble or (work.no_returns if answer.make else "")
        if trouble:
            state, opened = with_case(state, goods, trouble, now)
            facts = (*facts, *opened)
            continue
        if answer.make:
            work = _replace(work, back=(goods, *back, *leaving))
            made = _make(state, goods, answer.make)
            return with_facts(call(_replace(state, work=work), made), *facts)
        state = settled(state, goods, answer.there)
        state, kept = with_kept(state, goods, answer, now)
        facts = (*facts, *kept, *([] if answer.there is None else [_fact("return_found", goods, answer.there)]))
    return _over(state, work, tuple(leaving), now, facts)


def _make(state: OrderState, goods: GoodsBack, lines: Sequence[Any]) -> Effect:
    order = ReturnOrder(
        channel_identifier=goods.key(state.order_id),
        reference=f"{state.reference} return {goods.name}",
        lines=tuple(lines),
    )
    return return_order(sale_of(state), state.channel or 0, order).effect(_SHARE)


def _made(state: OrderState, work: Work, done: EffectDone, now: datetime) -> Decision:
    """The return is in Fulfil. Its sum must be what the sales channel gave back for its units."""
    goods, *rest = work.back
    sale: CreatedSale = done.result
    answer = weighed(goods, work.found, state.returned, work.products)
    state = settled(state, goods, sale.id)
    state, kept = with_kept(state, goods, answer, now)
    units = {each.order_line_id: each.return_quantity or ZERO for each in answer.make}
    found = {
        name: _replace(sold, returns=(*sold.returns, (sale.id, units[sold.id]))) if sold.id in units else sold
        for name, sold in work.found.items()
    }
    made = called("return_made", done, {"return": goods.name, "units": goods.units, "sale": sale.number or sale.id})
    work = _replace(work, back=tuple(rest), found=found, proving=to_prove(state, goods, answer, sale))
    if work.proving is None:
        return _next(state, work, now, made, *kept)
    return with_facts(_read(_replace(state, work=work), SALES.read(Ids((sale.id,)))), made, *kept)


def _proven(state: OrderState, work: Work, proving: Proving, sales: Sequence[Sale], now: datetime) -> Decision:
    for sale in sales:
        state = with_difference(state, proving, sale, now)
    return _next(state, _replace(work, proving=None), now)


def _fact(kind: str, goods: GoodsBack, sale: int | None = None) -> Fact:
    where = {} if sale is None else {"sale": sale}
    return Fact(kind=kind, values={"return": goods.name, "units": goods.units, **where})


# -- its end -----------------------------------------------------------------------------------------------------------


def _first_fails(state: OrderState, work: Work, reason: str, now: datetime) -> Decision:
    """The return that was being made is somebody's case; the others go on."""
    goods, *rest = work.back
    state, opened = with_case(state, goods, reason, now)
    return _next(state, _replace(work, back=tuple(rest)), now, *opened)


def _all_fail(state: OrderState, work: Work, reason: str, now: datetime) -> Decision:
    facts: list[Fact] = []
    for goods in work.back:
        state, opened = with_case(state, goods, reason, now)
        facts += opened
    return _over(state, work, (), now, tuple(facts))


def _over(
    state: OrderState, work: Work, leaving: tuple[GoodsBack, ...], now: datetime, facts: tuple[Fact, ...]
) -> Decision:
    """The version is what Fulfil has, unless units have to leave a sale that can no longer be changed."""
    timers = (_timer(now),) if open_returns(state) else ()
    if leaving:
        told = work.told or f"{', '.join(each.units for each in leaving)} given back"
        edit = _replace(work, goal="edit", back=leaving, told=told)
        return _replace(with_facts(failed(state, edit, work.refused, now), *facts), timers=timers)
    target = work.target
    if target is not None:
        cases = tuple(case for case in state.cases if case.kind not in ("order.edited", "order.cancelled"))
        state = _replace(
            state, content=target.content, delivery=target.delivery, changed_to="", changed_delivery=None, cases=cases
        )
    decision = concluded(state, *facts, trace=bool(state.cases))
    return _replace(decision, timers=timers)


def _timer(now: datetime) -> Timer:
    return Timer(name="returns", due=now + LOOK_AGAIN_AFTER, message=LookForReturns())


def _read(state: OrderState, ask: Any) -> Decision:
    return call(state, ask.effect(_SHARE))
