"""Whose party in Fulfil each customer is: read back in batches, linked, and told where it contradicts (rule 25).

In: `ReadBack` (at start, then by timer), answers of Fulfil, `CustomerFree` from the order importer, and a person's
release of a customer. Out: links of customers to parties; orders that waited for the first one of their customer are
asked to be decided on again. Keys: `system/customers`, and the id of each customer of whom something was ever wrong.
`sale_parties` reads up to 500 sales and repeats freely, of the share `rest`; one is under way at most. A sale whose
party the answer to its create has told is not asked about. A crash leaves what is still to be compared in its table.
A customer with two parties, or two customers who are one, are a case of that customer; both sales are read again every
hour, and the case ends when they agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, assert_never

import msgspec
from msgspec.structs import replace

from connectors.fulfil.wire import RECORDS_MAX, FindSales, SaleParty
from flows.events import CustomersCompared
from flows.exceptions.kinds import ExceptionCase
from flows.model.cases import announce_cases, case_in, case_rows
from flows.model.customer_links import AtParty, Link, SaleOfCustomer, compared, sales_of
from flows.model.messages import CUSTOMERS, CustomerFree, Recheck
from runtime.actor import Item
from runtime.channel import BULK
from runtime.clock import Instant, to_instant
from runtime.decision import (
    Decision,
    Effect,
    EffectDone,
    EffectExhausted,
    EffectRefused,
    EffectUnknown,
    Emit,
    Message,
    Repeat,
    Timer,
    Write,
)
from runtime.journal.journal import Journal
from runtime.key import parts_of

NAME = CUSTOMERS
KEY = "system/customers"
ENOUGH = 100
"""So many sales are worth a call, however new they are: a hundredth of a call for each order."""
ASKED_MAX = 3
"""A sale that Fulfil does not tell so often is not asked about any more: it is gone."""
AGAIN_AFTER = timedelta(hours=1)
"""When both sides of a conflict are read again, and it is looked who waits."""
FREED_MAX = 500
"""Orders that one step sends on."""
_EVERY = timedelta(seconds=60)
_AFTER_REFUSAL = timedelta(minutes=10)
_CONFLICTS_MAX = 100
"""Conflicts that are looked at again in one step."""
_ALL = (1 << 63) - 1
_IMPORTER = "order_importer"


class ReadBack(Message, frozen=True):
    """Look for sales whose party is to be compared."""


class Contradicted(Message, frozen=True, kw_only=True):
    """What is wrong about a customer now; empty: nothing any more."""

    cause: str = ""
    sentence: str = ""
    order: str = ""
    """The order that shows it."""


class _Known(Message, frozen=True, kw_only=True):
    """Sales whose party is known, with what is known of their customers; and what is to be done next."""

    sales: tuple[SaleOfCustomer, ...] = ()
    links: tuple[Link, ...] = ()
    at_party: tuple[AtParty, ...] = ()
    absent: tuple[SaleOfCustomer, ...] = ()
    """Sales that were asked about, and not told."""
    answered: bool = False
    """Whether this is an answer of Fulfil."""
    ask: tuple[SaleOfCustomer, ...] = ()
    """Of one sales channel, to be asked about now."""
    since: int = 0
    """See the state."""
    doubted: tuple[Link, ...] = ()
    """Whose conflict is to be looked at again."""
    again: tuple[SaleOfCustomer, ...] = ()
    """The sales that show those conflicts."""
    awaited: tuple[str, ...] = ()
    """Claims for which orders wait."""


class _Freed(Message, frozen=True, kw_only=True):
    orders: tuple[str, ...]
    more: CustomerFree | None


class _Accepted(Message, frozen=True, kw_only=True):
    customer: str


class _Told(Message, frozen=True, kw_only=True):
    what: Contradicted
    amount: Decimal | None
    currency: str | None


class CustomersState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of the one key: which sales are being asked about; of a customer: what is wrong."""

    channel: int | None = None
    """Fulfil's id of the sales channel that is being asked about; None when nothing is."""
    up_to: int = 0
    """The last of the sales that are asked about."""
    since: int = 0
    """Of those that were asked about before, such as have waited since then (microseconds since 1970 UTC)."""
    compared: int = 0
    """Sales that were ever compared."""
    cases: tuple[ExceptionCase, ...] = ()


class Customers:
    """The actor. See the module."""

    name = NAME
    message_type = ReadBack | Contradicted | CustomerFree | Recheck
    state_type = CustomersState

    def __init__(self, journal: Journal, *, read_after: timedelta, emit: Callable[[Any], None]) -> None:
        self._journal, self._read_after, self._emit = journal, read_after, emit
        self._every = min(_EVERY, read_after)
        self._looks_who_waits_at = Instant(0)

    def begin(self, key: str) -> CustomersState:  # noqa: ARG002 - every key begins alike
        """Nothing is asked, and nothing wrong."""
        return CustomersState()

    async def ready(self) -> None:
        """It can always decide."""

    # -- what the store knows ------------------------------------------------------------------------------------------

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Give each message what the store knows of its sales, customers and orders."""
        return [await self._resolved(item) for item in items]

    async def _resolved(self, item: Item) -> Message:
        match item.message:
            case ReadBack():
                return await self._due(item.state)
            case EffectDone(result=found):
                return await self._answered(item.state, found)
            case CustomerFree() as free:
                return await self._freed(free)
            case Contradicted(order=order) as what:
                amount, currency = await self._at_stake(order)
                return _Told(what=what, amount=amount, currency=currency)
            case Recheck(because="person") if item.key != KEY:
                return _Accepted(customer=item.key)
            case other:
                return other

    async def _due(self, state: CustomersState) -> _Known:
        """What there is to do: sales whose party is known, sales to ask about, conflicts to look at again."""
        now = self._journal.clock.now()
        told = await self._sales("customer_sales_told", RECORDS_MAX)
        ask: tuple[SaleOfCustomer, ...] = ()
        since = now - _us(self._read_after)
        if state.channel is None:
            counted = await self._journal.query("customer_sales_counted", since)
            due = [(oldest, channel) for channel, count, oldest in counted if count >= ENOUGH or oldest <= since]
            if due:
                ask = await self._sales("customer_sales_to_ask", min(due)[1], since, _ALL, RECORDS_MAX)
        doubted = await self._links("customers_in_conflict", now - _us(AGAIN_AFTER), _CONFLICTS_MAX)
        again = [sale for link in (*doubted, *await self._sharing(doubted)) for sale in sales_of(link, now)]
        known, awaited = await self._compared_with(told), await self._awaited()
        return replace(known, ask=ask, since=since, doubted=doubted, again=tuple(again), awaited=awaited)

    async def _answered(self, state: CustomersState, found: Sequence[SaleParty]) -> _Known:
        """What Fulfil has told, and what it has not."""
        parties = {(sale.id, sale.channel_identifier): sale.party for sale in found}
        asked = await self._sales("customer_sales_to_ask", state.channel, state.since, state.up_to, _ALL)
        told = [replace(sale, party=parties.get((sale.sale, parts_of(sale.order)[1]))) for sale in asked]
        known = await self._compared_with([sale for sale in told if sale.party is not None])
        return replace(known, absent=tuple([sale for sale in told if sale.party is None]), answered=True)

    async def _compared_with(self, sales: Sequence[SaleOfCustomer]) -> _Known:
        ids = sorted({sale.customer for sale in sales})
        links = tuple([Link(*row) for row in await self._journal.query_list("customers", ids)])
        parties = {sale.party for sale in sales} | {link.party for link in links}
        rows = await self._journal.query_list("customers_of_parties", sorted(filter(None, parties)))
        return _Known(sales=tuple(sales), links=links, at_party=tuple([AtParty(*row) for row in rows]))

    async def _sharing(self, links: Sequence[Link]) -> list[Link]:
        """The other side of each conflict about one party."""
        others = [link.shares_with for link in links if link.shares_with is not None]
        return [Link(*row) for row in await self._journal.query_list("customers", others)]

    async def _awaited(self) -> tuple[str, ...]:
        """After a start, and every hour: every claim for which orders wait, so that nobody waits for nobody."""
        now = self._journal.clock.now()
        if now < self._looks_who_waits_at:
            return ()
        self._looks_who_waits_at = Instant(now + _us(AGAIN_AFTER))
        claims: list[str] = []
        while rows := await self._journal.query("claims_awaited", claims[-1] if claims else "", FREED_MAX):
            claims += [claim for (claim,) in rows]
        return tuple(claims)

    async def _freed(self, free: CustomerFree) -> _Freed:
        """Who may go: everybody, so many at a time, or the first one of each claim."""
        most = FREED_MAX if free.known else 1
        found: set[tuple[int, str]] = set()
        for claim in free.claims:
            found.update(await self._journal.query("orders_awaiting", claim, free.placed_us, free.order, most))
        first = sorted(found)[:FREED_MAX]
        goes_on = free.known and len(first) == FREED_MAX
        more = replace(free, placed_us=first[-1][0], order=first[-1][1]) if goes_on else None
        return _Freed(orders=tuple([order for _, order in first]), more=more)

    async def _at_stake(self, order: str) -> tuple[Decimal | None, str | None]:
        rows = await self._journal.query("order_by_key", order)
        return (Decimal(rows[0][6]), rows[0][7] or None) if rows else (None, None)

    async def _sales(self, query: str, *row: Any) -> tuple[SaleOfCustomer, ...]:
        return tuple([SaleOfCustomer(*each) for each in await self._journal.query(query, *row)])

    async def _links(self, query: str, *row: Any) -> tuple[Link, ...]:
        return tuple([Link(*each) for each in await self._journal.query(query, *row)])

    # -- deciding ------------------------------------------------------------------------------------------------------

    def decide(self, state: CustomersState, message: Any, now: datetime) -> Decision:
        """Compare what is known, ask about the rest, and send on whoever has waited."""
        match message:
            case _Known():
                return self._compare(state, message, now)
            case _Freed(orders=orders, more=more):
                recheck = Recheck(because="customer")
                emits = [Emit(channel=_IMPORTER, key=order, message=recheck, priority=BULK) for order in orders]
                emits += [Emit(channel=NAME, message=more, priority=BULK)] if more is not None else []
                return Decision(state=state, emits=tuple(emits))
            case _Told(what=what):
                case_ = case_in(state.cases, "customer.conflict", what.cause, what.sentence, now)
                known = (replace(case_, amount=message.amount, currency=message.currency),) if what.cause else ()
                return Decision(state=replace(state, cases=known))
            case _Accepted(customer=customer):
                writes = (Write("accept_customer", (customer,)),) if state.cases else ()
                return Decision(state=replace(state, cases=()), writes=writes)
            case EffectRefused() | EffectExhausted():
                sentence = f"Fulfil refused to tell whose its sales are: {message.sentence}".rstrip(".")
                case_ = case_in(state.cases, "customers.refused", "sales", sentence, now)
                refused = replace(state, channel=None, up_to=0, since=0, cases=(case_,))
                return Decision(state=refused, timers=(_look(now + _AFTER_REFUSAL),))
            case Recheck():
                return Decision(state=state, timers=(_look(now),))
            case EffectUnknown():
                return Decision(state=state)
            case _:
                assert_never(message)

    def _compare(self, state: CustomersState, known: _Known, now: datetime) -> Decision:
        """Link customers to parties, tell each of what contradicts, and go on."""
        now_us = to_instant(now)
        before = {link.id: link for link in known.links}
        changed = compared(before, known.sales, known.at_party, now_us)
        looked_at = [replace(link, checked_at=now_us) for link in known.doubted if link.id not in changed]
        gone = [sale.sale for sale in known.absent if sale.asked + 1 >= ASKED_MAX]
        later = [(now_us, sale.asked + 1, sale.sale) for sale in known.absent if sale.asked + 1 < ASKED_MAX]
        writes = [Write("put_customer", link.row) for link in (*changed.values(), *looked_at)]
        writes += [Write("drop_customer_sale", (sale,)) for sale in (*(each.sale for each in known.sales), *gone)]
        writes += [Write("put_off_customer_sale", row) for row in later]
        writes += [Write("put_customer_sale", sale.row) for sale in known.again]
        emits = [*_told(changed.values(), before), *_freed(known.awaited)]
        state = replace(state, compared=state.compared + len(known.sales))
        if known.answered:
            state = replace(state, channel=None, up_to=0, since=0, cases=())
        effects: tuple[Effect, ...] = ()
        if known.ask:
            state = replace(state, channel=known.ask[0].channel, up_to=known.ask[-1].sale, since=known.since)
            effects = (_asked(known.ask),)
        more = known.answered or len(known.sales) >= RECORDS_MAX
        timer = _look(now if more else now + self._every)
        return Decision(state=state, effects=effects, emits=tuple(emits), writes=tuple(writes), timers=(timer,))

    def project(self, key: str, before: CustomersState, after: CustomersState, now: datetime) -> Sequence[Write]:
        """The rows of its cases."""
        return case_rows(key, before.cases, after.cases, now, how="Fulfil agrees again, or a person has said so")

    def announce(self, key: str, before: CustomersState, after: CustomersState) -> None:
        """Count what was compared, and its cases."""
        if after.compared > before.compared:
            self._emit(CustomersCompared(sales=after.compared - before.compared))
        announce_cases(key, before.cases, after.cases, self._emit)


def _asked(sales: Sequence[SaleOfCustomer]) -> Effect:
    """The question whose these sales of one sales channel are."""
    orders = tuple([parts_of(sale.order)[1] for sale in sales])
    body = msgspec.json.encode(FindSales(channel=sales[0].channel, channel_identifiers=orders))
    return Effect(api="fulfil", kind="sale_parties", body=body, repeat=Repeat.SAFE, share="rest")


def _told(changed: Iterable[Link], before: Mapping[str, Link]) -> Iterator[Emit]:
    """Word to each customer about whom something is wrong now that was not, or no longer."""
    for link in changed:
        known, conflict = before.get(link.id), link.conflict
        if conflict == (known.conflict if known is not None else None):
            continue
        cause, sentence = conflict or ("", "")
        word = Contradicted(cause=cause, sentence=sentence, order=link.other_order or link.order)
        yield Emit(channel=NAME, key=link.id, message=word, priority=BULK)


def _freed(claims: Sequence[str]) -> Iterator[Emit]:
    for start in range(0, len(claims), FREED_MAX):
        free = CustomerFree(claims=tuple(claims[start : start + FREED_MAX]), known=False)
        yield Emit(channel=NAME, message=free, priority=BULK)


def _look(due: datetime) -> Timer:
    return Timer(name="look", due=due, message=ReadBack())


def _us(span: timedelta) -> int:
    return round(span.total_seconds() * 1e6)
