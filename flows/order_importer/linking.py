"""An order that somebody has made by hand in Fulfil is linked to that sale, and never created.

A person names the sale; it is looked up, by number, then by id. The read repeats freely, and is on disk together with
the state that waits for it; until it is answered, versions that arrive are noted and nothing is created. Linked or not,
what came meanwhile is looked at then. Only an order of which nothing is in Fulfil is linked, and only to a sale that is
no other order's, so that one sale never stands for two.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

from connectors.fulfil.models import Find, Ids
from connectors.fulfil.orders import FIND_SALE
from connectors.fulfil.sales import SALES, Sale
from connectors.fulfil.wire import SaleFound
from flows.config import SalesChannelSettings
from flows.exceptions.kinds import ExceptionCase
from flows.model.audit import recorded
from flows.model.money import Money
from flows.model.order_state import Later, Linking, OrderState, Status
from flows.model.sale_gate import CANCELLED
from flows.order_importer.messages import LinkOrder, SaleLookedUp
from flows.order_importer.parts import (
    CAUTIOUS,
    LATER_VERSION,
    Policy,
    called,
    case_of,
    decision_of,
    kept,
    lasting_cases,
    look_again,
    unreadable_cases,
    with_facts,
    with_latest,
)
from flows.order_importer.reviewing import reviewed
from runtime.actor import Item
from runtime.clock import to_instant
from runtime.decision import (
    Decision,
    Effect,
    EffectDone,
    EffectExhausted,
    EffectRefused,
    Fact,
    Message,
    Write,
)
from runtime.journal.journal import Journal
from runtime.key import parts_of

LOOK_UPS = (SALES.find.kind, SALES.read.kind)
"""Kinds of the calls by which a sale is looked up."""
_LINKABLE = (Status.HELD, Status.WAITING, Status.EXCLUDED, Status.CANCELLED)
"""Nothing of the order is in Fulfil, as long as it has no sale."""
_SHARE = "orders"
_SEVERAL = 2
_ID_DIGITS_MAX = 15


class Comparison(msgspec.Struct, frozen=True):
    """Whether a sale may be that of an order. `refused`: why not. `difference`: why a person has to look at it."""

    refused: str = ""
    difference: str = ""
    sale: Sale | None = None


# -- what it is about: pure --------------------------------------------------------------------------------------------


def linkable(state: OrderState) -> str:
    """Why an order cannot be linked to a sale now; empty when it can."""
    if state.linking is not None:
        return f"it is about to be linked to sale {state.linking.sale}"
    if state.status is Status.NEW:
        return "it is not decided on yet"
    if state.status not in _LINKABLE or state.sale is not None:
        return f"it is {state.status.value}" + (f" as sale {state.sale_number or state.sale}" if state.sale else "")
    return ""


def question_of(sale: str, *, by_id: bool = False) -> Effect:
    """The call that looks a sale up, by its number or by its id."""
    if by_id:
        return SALES.read(Ids((int(sale),))).effect(_SHARE)
    return SALES.find(Find(by="number", values=(sale,), limit=_SEVERAL)).effect(_SHARE)


def may_be_id(sale: str) -> bool:
    """Whether what a person calls a sale may be its id, when it is no number of one."""
    return sale.isascii() and sale.isdecimal() and len(sale) <= _ID_DIGITS_MAX and int(sale) > 0


def compared(looked_up: SaleLookedUp, called_it: str, *, total: str, currency: str, unread: bool = False) -> Comparison:
    """Whether the sale that was found may be the order's, and whether it says the same."""
    if not looked_up.sales:
        return Comparison(refused=f"there is no sale {called_it} in Fulfil")
    if len(looked_up.sales) > 1:
        ids = " and ".join(str(each.id) for each in looked_up.sales)
        return Comparison(refused=f"several sales have the number {called_it}; name one by its id: {ids}")
    (sale,) = looked_up.sales
    name = sale.number or str(sale.id)
    if sale.state in CANCELLED:
        return Comparison(refused=f"sale {name} is cancelled in Fulfil")
    if looked_up.taken_by:
        return Comparison(refused=f"sale {name} is linked to order {looked_up.taken_by} already")
    own = (looked_up.channel, parts_of(looked_up.key)[1])
    if sale.channel_identifier and (sale.channel, sale.channel_identifier) != own:
        return Comparison(refused=f"sale {name} is that of another order, {sale.channel_identifier}, in Fulfil")
    return Comparison(difference=_difference(sale, name, total, currency, unread=unread), sale=sale)


def _difference(sale: Sale, name: str, total: str, currency: str, *, unread: bool) -> str:
    if sale.total_amount is None or sale.currency_code is None:
        return f"Fulfil does not tell the total of sale {name}; the order has {total} {currency}".rstrip()
    has = f"sale {name} in Fulfil has a total of {sale.total_amount} {sale.currency_code}"
    if unread:
        return f"{has}, and the order could not be read"
    if (sale.total_amount, sale.currency_code) != (Decimal(total), currency):
        return f"{has}, the order {total} {currency}"
    return ""


# -- what follows: pure ------------------------------------------------------------------------------------------------


def linked(state: OrderState, message: Any, now: datetime, policy: Policy = CAUTIOUS) -> Decision | None:
    """What follows for an order that is to be linked, or was; None for a message that is not about a link."""
    match message:
        case LinkOrder():
            return _asked(state, message, now)
        case SaleLookedUp():
            return _looked_up(state, message, now, policy)
        case EffectRefused() | EffectExhausted() if state.linking is not None and message.kind in LOOK_UPS:
            return _look_up_failed(state, state.linking, message, now)
        case EffectDone(kind=FIND_SALE.kind) if state.given_up and state.status is Status.IMPORTED:
            return _second_sale(state, message, now)
        case _:
            return None


def _asked(state: OrderState, message: LinkOrder, now: datetime) -> Decision:
    """A person names the sale of an order: it is looked up first."""
    unread = not state.content or bool(unreadable_cases(state))
    linking = Linking(sale=message.sale, by=message.by, reason=message.reason, key=message.key, unread=unread)
    why = linkable(state)
    if why:
        return _refused(state, linking, why, now)
    looking = replace(state, linking=linking)
    decision = decision_of(looking, Fact(kind="link_asked", values={"sale": message.sale}))
    return replace(decision, effects=(question_of(message.sale),))


def _looked_up(state: OrderState, message: SaleLookedUp, now: datetime, policy: Policy) -> Decision:
    """What Fulfil says of the sale: linked, with or without a case, or not."""
    linking = state.linking
    if linking is None:
        return Decision(state=state, keeps=kept(state))
    if not message.sales and not linking.by_id and may_be_id(linking.sale):
        looking = replace(state, linking=replace(linking, by_id=True))
        return replace(decision_of(looking), effects=(question_of(linking.sale, by_id=True),))
    comparison = compared(message, linking.sale, total=state.amount, currency=state.currency, unread=linking.unread)
    if comparison.sale is None:
        return _not_linked(state, linking, comparison.refused, now)
    return _linked(state, linking, message, comparison, now, policy)


def _look_up_failed(
    state: OrderState, linking: Linking, message: EffectRefused | EffectExhausted, now: datetime
) -> Decision:
    """Fulfil did not say, or does not know the record."""
    why = f"sale {linking.sale} could not be looked up: {message.sentence.rstrip('.')}"
    return _not_linked(state, linking, why, now)


def _second_sale(state: OrderState, message: EffectDone, now: datetime) -> Decision:
    """A create that was given up before the order was linked has turned out to be applied: now there are two sales."""
    found: tuple[SaleFound, ...] = message.result
    settled = replace(state, given_up="")
    others = [sale for sale in found if sale.id != state.sale]
    if not others:
        return decision_of(settled)
    names = f"{state.sale_number or state.sale}, and Fulfil has made {others[0].number or others[0].id} of it, too"
    sentence = f"the order is linked to sale {names}"
    case_ = case_of("sale.mismatch", str(others[0].id), sentence, state, now)
    both = replace(settled, cases=(*state.cases, case_))
    return decision_of(both, called("second_sale", message, {"sale": others[0].id}), trace=True)


def _linked(
    state: OrderState, linking: Linking, message: SaleLookedUp, found: Comparison, now: datetime, policy: Policy
) -> Decision:
    sale, difference = found.sale, found.difference
    assert sale is not None  # noqa: S101 - what is refused is not linked
    state = _as_sent(state)
    cases = tuple(case for case in lasting_cases(state) if not (linking.unread and case.kind == "order.unreadable"))
    name = sale.number or str(sale.id)
    if difference:
        cases = (*cases, _mismatch(state, sale, difference, now))
    if state.status is Status.CANCELLED:
        sentence = f"the sales channel cancelled the order, and it is linked to sale {name}"
        cases = (*cases, case_of("order.cancelled", "cancel", sentence, state, now))
    imported = replace(
        state, status=Status.IMPORTED, channel=message.channel, order_id=parts_of(message.key)[1], rule="", waits="",
        sale=sale.id, sale_number=sale.number, by_hand=not sale.channel_identifier, linking=None, later=None,
        weighed=None, sold=state.units, cases=cases,
    )  # fmt: skip
    fact = Fact(kind="linked", values={"sale": name, "equal": not difference})
    decision = decision_of(imported, fact, closes=not cases, trace=bool(cases))
    if state.later is not None:
        decision = with_facts(reviewed(imported, state.later, now, policy), fact)
    record = recorded(
        to_instant(now), by=linking.by, action="order.link", subject=message.key,
        values={"sale": str(sale.id), "number": sale.number or ""}, reason=linking.reason,
    )  # fmt: skip
    link = Write("put_sale_link", (sale.id, message.key))
    return replace(decision, writes=(*decision.writes, link), emits=(*decision.emits, record))


def _as_sent(state: OrderState) -> OrderState:
    """The order as its figures are known, which the sale was compared with: of a create that came to nothing those
    that were sent. A version that came meanwhile, and was never decided on, is later than that.
    """
    sent = state.weighed
    if sent is None and state.status is Status.HELD and state.given_up == state.content:
        sent = state.given_up_delivery
    if sent in (None, state.delivery):
        return state
    newest = Later(delivery=state.delivery or 0, version=state.version, content="", cancelled=False)
    return replace(state, delivery=sent, weighed=None, later=state.later or newest)


def _mismatch(state: OrderState, sale: Sale, difference: str, now: datetime) -> ExceptionCase:
    """At stake is what both differ by, when it can be said."""
    amount = None
    if sale.total_amount is not None and sale.currency_code == state.currency:
        amount = Money(sale.total_amount - Decimal(state.amount), state.currency)
    return case_of("sale.mismatch", str(sale.id), difference, state, now, amount=amount)


def _not_linked(state: OrderState, linking: Linking, why: str, now: datetime) -> Decision:
    """It stands where it stood; a version that came meanwhile is decided on now."""
    back = replace(state, linking=None)
    decision = _refused(back, linking, why, now)
    if state.later is None:
        return decision
    newest = with_latest(back)
    return replace(decision, state=newest, keeps=kept(newest), emits=(*decision.emits, look_again(LATER_VERSION)))


def _refused(state: OrderState, linking: Linking, why: str, now: datetime) -> Decision:
    """What a person wanted and did not get is on record, too."""
    record = recorded(
        to_instant(now), by=linking.by, action="order.link_refused", subject=linking.key, values={"sale": linking.sale},
        reason=linking.reason,
    )  # fmt: skip
    fact = Fact(kind="link_refused", values={"sale": linking.sale, "why": why})
    return Decision(state=state, facts=(fact,), emits=(record,), keeps=kept(state))


# -- around it ---------------------------------------------------------------------------------------------------------


class Links:
    """Which sales are linked to which orders: on disk, and in memory those that are being linked at this moment."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._claims: dict[int, str] = {}
        """Sale -> the order that is being linked to it."""

    async def told(self, item: Item, done: EffectDone, sales_channels: Mapping[str, SalesChannelSettings]) -> Message:
        """What Fulfil answered, and whose the sale is. Of two orders that ask for one sale the first has it."""
        sales = done.result if isinstance(done.result, tuple) else done.result.rows
        taken_by = await self._taken_by(sales[0].id, item.key) if len(sales) == 1 else ""
        channel = sales_channels[parts_of(item.key)[0]].sale.channel_id
        return SaleLookedUp(key=item.key, sales=tuple(sales), channel=channel, taken_by=taken_by)

    async def _taken_by(self, sale: int, key: str) -> str:
        """Claimed first and looked up then: whoever gave its claim up between the two is on disk."""
        claimed_by = self._claims.setdefault(sale, key)
        if claimed_by != key:
            return claimed_by
        rows = await self._journal.query("order_linked", sale)
        return "" if not rows or rows[0][0] == key else str(rows[0][0])

    def settled(self, key: str, before: OrderState, after: OrderState) -> None:
        """The order is linked, or is not: what it claimed is on disk, or free again."""
        if before.linking is not None and after.linking is None:
            self._claims = {sale: claimed_by for sale, claimed_by in self._claims.items() if claimed_by != key}
