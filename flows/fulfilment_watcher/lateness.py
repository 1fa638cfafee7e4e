"""What of an order has not left by the time that was promised, and what nobody will ship and nobody has refunded. Pure.

A look at Fulfil says which units are open and which are cancelled; the newest version of the order says what the sales
channel still sells, and what it has refunded. Both are compared again whenever either is known anew: a case ends by
itself when the units have left, or were taken off or refunded.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from flows.fulfilment_watcher.keeping import OrderShipments, Seen, progress, with_case
from flows.fulfilment_watcher.translating import ZERO, plain
from flows.model.messages import Recheck
from flows.model.order import Order
from flows.model.unshipped import Outstanding, OutstandingLine, dropped
from flows.model.worth import refunded_beyond_units, worth_of
from runtime.clock import to_instant
from runtime.decision import Decision, Timer, Write
from runtime.key import partition_of

OVERDUE: Final = "shipment.overdue"
CANCELLED: Final = "units.cancelled"
_KINDS: Final = (OVERDUE, CANCELLED)
REFUNDS_LOOKED_AT: Final = timedelta(minutes=10)
"""How often it is looked whether the sales channel has refunded, or taken off, what a case is about."""
LOOK_AFTER: Final = timedelta(minutes=2)
"""A part has left, or a shipment was cancelled: the order is looked at from then on; the rest may have left as well."""
_LEFT: Final = ("shipped", "told")
Units = Mapping[str, Decimal]


def looked_at(state: OrderShipments, found: Seen, outstanding: Outstanding, now: datetime) -> Decision:
    """A look at Fulfil has found this."""
    return judged(replace(state, outstanding=outstanding), found, now)


def judged(state: OrderShipments, found: Seen, now: datetime) -> Decision:
    """The state with the cases that follow from the last look and the order as it is now."""
    outstanding, key = state.outstanding, state.key
    if outstanding is None:
        return Decision(state=state)
    known = [case.opened_at for case in state.cases if case.kind == CANCELLED]
    bare = replace(state, cases=tuple(case for case in state.cases if case.kind not in _KINDS))
    late = overdue_units(outstanding, found.order, found.left, now)
    short = unrefunded_units(outstanding, found, state.dealt_with)
    with_cases = bare
    if late is not None:
        with_cases = _overdue(with_cases, outstanding, found.order, late)
    if short and found.order is not None:
        with_cases = _short(with_cases, found.order, short, known[0] if known else now)
    calm = () if late is not None else (Write("calm_unshipped", (key,)),)
    if with_cases is not bare:
        timer = Timer(name="refunds", due=now + REFUNDS_LOOKED_AT, message=Recheck(because="later"))
        return Decision(state=with_cases, writes=calm, timers=(timer,))
    is_over = not outstanding.cause and not any(line.open for line in outstanding.lines)
    if not is_over:
        return Decision(state=replace(bare, outstanding=None), writes=calm, cancels=("refunds",))
    over = replace(bare, outstanding=None, ordered=_wanted(state, found.left))
    return Decision(state=over, writes=(dropped(key),), cancels=("refunds",))


def _wanted(state: OrderShipments, left: Units) -> dict[str, Decimal]:
    """Units by line that were to be shipped, now that it is known what never will be: the order is shipped without."""
    return {
        line_id: max(ZERO, min(units, left.get(line_id, units)) - state.dealt_with.get(line_id, ZERO))
        for line_id, units in state.ordered.items()
    }


def waived(state: OrderShipments, found: Seen) -> OrderShipments:
    """A person has seen to what will not be shipped; what is late is late until it has left."""
    if state.outstanding is None or not any(case.kind == CANCELLED for case in state.cases):
        return state
    short = unrefunded_units(state.outstanding, found, {})
    return replace(state, dealt_with={**state.dealt_with, **short})


def followed(before: OrderShipments, decision: Decision, now: datetime) -> Decision:
    """The same decision, with what the news of a shipment means for what was to leave."""
    after: OrderShipments = decision.state
    if after.notices is before.notices and after.ordered is before.ordered:
        return decision
    was, is_ = progress(before), progress(after)
    if is_.state in _LEFT:
        if was.state in _LEFT:
            return decision
        cases = tuple(case for case in after.cases if case.kind not in _KINDS)
        state = replace(after, outstanding=None, cases=cases)
        return replace(decision, state=state, writes=(*decision.writes, dropped(after.key)))
    if is_.shipped == was.shipped and is_.ordered == was.ordered:
        return decision
    writes = [Write("look_unshipped", (to_instant(now + LOOK_AFTER), after.key))]
    if was.state in _LEFT:  # a shipment that was done is cancelled: something is to leave again
        sale = next(iter(after.notices.values())).part.sale
        moments = (None if each is None else to_instant(each) for each in (after.placed_at, after.ship_by))
        writes.insert(0, Write("put_unshipped", (after.key, partition_of(after.key), sale, *moments)))
    return replace(decision, writes=(*decision.writes, *writes))


# -- units -------------------------------------------------------------------------------------------------------------


def overdue_units(outstanding: Outstanding, order: Order | None, left: Units, now: datetime) -> Units | None:
    """Units by line of the order that are wanted, open and late; None when nothing is late. Where Fulfil does not know
    the lines, or the order cannot be read, they are not known either, and there are none in it.
    """
    if outstanding.due_at is None or now < outstanding.due_at or not outstanding.cause:
        return None
    if order is None or not outstanding.lines:
        return {}
    late = {}
    for line_id, (ordered, shipped, open_) in _by_line(outstanding, order).items():
        wanted = max(ZERO, left.get(line_id, ordered) - shipped)
        late[line_id] = min(open_, wanted)
    return {line_id: units for line_id, units in late.items() if units} or None


def unrefunded_units(outstanding: Outstanding, found: Seen, dealt_with: Units) -> Units:
    """Units by line that nobody will ship, that the sales channel still sells, and that nobody has refunded, or
    `dealt_with` otherwise.
    """
    order = found.order
    if order is None:
        return {}
    short: dict[str, Decimal] = {}
    for line_id, (ordered, shipped, open_) in _by_line(outstanding, order).items():
        cancelled = max(ZERO, ordered - shipped - open_)
        units = min(cancelled, max(ZERO, found.left.get(line_id, ordered) - shipped - open_))
        units -= dealt_with.get(line_id, ZERO)
        if units > ZERO:
            short[line_id] = units
    if short and refunded_beyond_units(order) >= worth_of(order, short):
        return {}  # its money went back, though the sales channel does not say for what
    return short


def _by_line(outstanding: Outstanding, order: Order) -> dict[str, tuple[Decimal, Decimal, Decimal]]:
    """Ordered, shipped and open units by line of the order. Of a bundle by rule, which Fulfil has as its components, as
    many are open, or cancelled, as its scarcest component lets.
    """
    quantities = {line.id: line.quantity for line in order.lines}
    found: dict[str, tuple[Decimal, Decimal, Decimal]] = {}
    bundles: dict[str, list[OutstandingLine]] = {}
    for line in outstanding.lines:
        sold = line.line_id.rpartition(":")[0]
        if line.line_id in quantities or sold not in quantities:
            found[line.line_id] = (line.ordered, line.shipped, line.open)
        else:
            bundles.setdefault(sold, []).append(line)
    for sold, lines in bundles.items():
        ordered = quantities[sold]
        gone = max(line.cancelled / line.ordered for line in lines)
        waits = max(line.open / line.ordered for line in lines)
        cancelled = (ordered * gone).to_integral_value("ROUND_CEILING")
        open_ = min(ordered - cancelled, (ordered * waits).to_integral_value("ROUND_CEILING"))
        found[sold] = (ordered, ordered - cancelled - open_, open_)
    return found


# -- cases -------------------------------------------------------------------------------------------------------------


def _overdue(state: OrderShipments, outstanding: Outstanding, order: Order | None, late: Units) -> OrderShipments:
    """Its age is counted from the promise, whenever it was noticed and whatever the cause was in between."""
    due = outstanding.due_at or outstanding.looked_at
    what = _named(order, late) if order is not None and late else "the order"
    sentence = f"{what} was to leave by {due:%Y-%m-%d %H:%M}Z: {outstanding.told or outstanding.cause}"
    amount, currency = _amount(order, late)
    return with_case(state, OVERDUE, outstanding.cause, sentence, due, amount=amount, currency=currency)


def _short(state: OrderShipments, order: Order, short: Units, began: datetime) -> OrderShipments:
    sentence = f"{_named(order, short)} will not be shipped, and the sales channel has neither refunded nor removed it"
    amount, currency = _amount(order, short)
    return with_case(state, CANCELLED, "warehouse", sentence, began, amount=amount, currency=currency)


def _amount(order: Order | None, units: Units) -> tuple[Decimal | None, str | None]:
    if order is None:
        return None, None
    return (worth_of(order, units) if units else order.total.amount), order.currency


def _named(order: Order, units: Units) -> str:
    skus = {line.id: line.sku or line.id for line in order.lines}
    return ", ".join(f"{plain(quantity)} x {skus.get(line_id, line_id)}" for line_id, quantity in units.items())
