"""The first orders of one customer go to Fulfil one after another, so that it makes one party of them (rule 25).

Fulfil finds a party by e-mail address, and may not see the one that another create is making at this moment. So an
order on its way claims its customer, and each address that it names; another order with one of these claims waits,
unless the claim is known to have a party. The first one that waits goes when the claim comes free, all of them once it
is known.

What is claimed follows from the orders that are on their way, and is read from their states at start; who waits is on
disk. What is known is only remembered: an order of a customer who was forgotten claims them again. An order is admitted
in the same turn of the loop in which its decision is handed to the journal, so nothing comes between, and whoever waits
is on disk before the release that follows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import anyio
import msgspec

from flows.config import SalesChannelSettings
from flows.model.customer import NOBODY, Buyer, also_known, buyer_of, own_claim, with_own_address
from flows.model.messages import CUSTOMERS, CustomerFree
from flows.model.numbers import NumberMap
from flows.model.order import Order, Unreadable
from flows.model.order_state import ON_ITS_WAY, OrderState, Status
from flows.order_importer.parts import NAME, kept
from flows.order_importer.suspending import PUT as PUT_SUSPENDED
from runtime.channel import BULK
from runtime.clock import to_instant
from runtime.decision import Decision, Emit, Fact, Write
from runtime.journal.journal import Journal
from runtime.key import partition_of

FOR_ITS_CUSTOMER = "for the first order of its customer"
"""`OrderState.waits` of an order that waits here."""
KNOWN_MAX = 10_000
"""Claims that are remembered as known, at least: more than may be on their way at one time. Twice as many at most."""
_OF_THE_CREATE: Final = ("exploded", "aliased", "suspended", "decided")
"""Kinds of facts that are told with the create of a sale, and not before it is sent."""
_PAGE = 1_000


class _Claims(msgspec.Struct, frozen=True):
    """What of an order's state is needed to know what it claims."""

    status: Status
    delivery: int | None = None
    customer: tuple[str, ...] = ()


_decode_claims = msgspec.json.Decoder(_Claims).decode

Read = Callable[[str, bytes], Awaitable[Order | Unreadable]]
"""(key of an order, body of its delivery) -> what it says."""


class _OnTheirWay:
    """Claim -> the delivery of the order that holds it. Usually few; of many, as while Fulfil is away, only hashes."""

    FEW_MAX = 10_000

    def __init__(self) -> None:
        self.few: dict[str, int] = {}
        self._many = NumberMap()
        self._moved = False

    def get(self, claim: str) -> int:
        """Who holds it; 0 when nobody does."""
        return self.few.get(claim, 0) or (self._many.get(_hash(claim)) if self._moved else 0)

    def put(self, claim: str, delivery: int) -> None:
        """From now on this order holds it."""
        self.few[claim] = delivery
        if len(self.few) > self.FEW_MAX:
            for moved, holder in self.few.items():
                self._many.put(_hash(moved), holder)
            self.few.clear()
            self._moved = True

    def free(self, claim: str, delivery: int) -> None:
        """This order holds it no longer, if it did."""
        if self.few.get(claim) == delivery:
            del self.few[claim]
        elif self._moved and self._many.get(_hash(claim)) == delivery:
            self._many.put(_hash(claim), 0)


class FirstOrders:
    """Which customers have an order on its way, and which are known to have a party. See the module."""

    def __init__(self, sales_channels: Mapping[str, SalesChannelSettings], journal: Journal, read: Read) -> None:
        self._sales_channels, self._journal, self._read = sales_channels, journal, read
        self._on_their_way = _OnTheirWay()
        self._known: dict[str, str] = {}
        """Claim that has a party -> the address by which its customer was named; those of late."""
        self._known_before: dict[str, str] = {}
        self._own = NumberMap()
        """Hashes of customers whom Fulfil knows by an address of their own."""
        self._has_own = False
        self._awaited: set[str] = set()
        """Claims for which orders wait on disk; perhaps also some for which none does any more."""
        self._loading = anyio.Lock()
        self._loaded = False

    async def load(self) -> None:
        """Read back what an earlier process left. Does nothing from the second time on."""
        async with self._loading:
            if not self._loaded:
                await self._load()
            self._loaded = True

    async def _load(self) -> None:
        after = 0
        while rows := await self._journal.query("orders_on_their_way", NAME, after, _PAGE):
            after = rows[-1][0]
            for _, body in rows:
                state = _decode_claims(body)
                if state.status in ON_ITS_WAY:
                    self._claim(state)
        claim, customer, sale = "", "", 0
        while rows := await self._journal.query("claims_awaited", claim, _PAGE):
            claim = rows[-1][0]
            self._awaited.update(each for (each,) in rows)
        while rows := await self._journal.query("customers_with_own_address", customer, _PAGE):
            customer = rows[-1][0]
            for (each,) in rows:
                self._is_known_by_own(each)
        while rows := await self._journal.query("sales_with_own_address", sale, _PAGE):
            sale = rows[-1][0]
            for _, each in rows:
                self._is_known_by_own(each)

    # -- who has bought ------------------------------------------------------------------------------------------------

    async def buyer(self, order: Order, *, waited: bool) -> Buyer:
        """How Fulfil is to know the customer of this order: as it knows them already, as far as that is known here.

        An order that has waited asks the disk, too: whoever was before it may have named the customer otherwise.
        """
        settings = self._sales_channels[order.sales_channel].customers
        buyer = buyer_of(order, settings)
        if not buyer.claims:
            return buyer
        id_, address = buyer.claims[0], buyer.claims[1]
        if self._has_own and self._own.get(_hash(id_)):
            return with_own_address(buyer, settings, first=True)
        known = self._known.get(id_) or self._known_before.get(id_)
        if known == address or (known is None and not waited and address != own_claim(id_)):
            return buyer
        earlier = await self._earlier(buyer)
        return buyer if earlier is None else also_known(buyer, earlier)

    async def _earlier(self, buyer: Buyer) -> Buyer | None:
        """The same customer as an order of theirs names them that is in Fulfil; None when none can be read any more."""
        keys = [key for (key,) in await self._journal.query("orders_of_customer", buyer.id)]
        settings = self._sales_channels[partition_of(buyer.id)].customers
        for key, body, *_ in await self._journal.query_list("states", keys, NAME):
            state = _decode_claims(body)
            for _, content in await self._journal.query_list("bodies", [state.delivery]):
                order = await self._read(key, content)
                earlier = buyer_of(order, settings) if isinstance(order, Order) else NOBODY
                if earlier.id == buyer.id and set(earlier.claims).issubset(state.customer):
                    return earlier
        return None

    # -- one after another ---------------------------------------------------------------------------------------------

    def admitted(self, before: OrderState, decision: Decision) -> Decision:
        """The decision as it may stand: an order that would go to Fulfil too early waits, and one for which others wait
        lets them go when it comes to rest. To be called right before the decision is written down.
        """
        after: OrderState = decision.state
        if after.status in ON_ITS_WAY:
            if before.status not in ON_ITS_WAY and after.customer:
                holder = self._holder(after)
                if not holder:
                    self._claim(after)
                else:
                    decision = _put_off(before, decision, holder)
        elif before.status in ON_ITS_WAY:
            return self._come_to_rest(before, decision)
        return self._passed_on(before, decision) if before.waits == FOR_ITS_CUSTOMER else decision

    def _passed_on(self, before: OrderState, decision: Decision) -> Decision:
        """The turn of an order that has waited, and does so no longer, or for others, goes on to the next."""
        after: OrderState = decision.state
        waits_for = after.customer if after.waits == FOR_ITS_CUSTOMER else ()
        left = [claim for claim in before.customer if claim not in waits_for and self._is_awaited(claim)]
        return _freed(decision, left, known=False)

    def _holder(self, state: OrderState) -> int:
        """The delivery of an order for which this one has to wait; 0 when there is none."""
        found = 0
        for claim in state.customer:
            holder = self._on_their_way.get(claim)
            if holder and holder != state.delivery and not self._is_known(claim):
                self._awaited.add(claim)
                found = holder
        return found

    def _claim(self, state: OrderState | _Claims) -> None:
        for claim in state.customer:
            if not self._is_known(claim):
                self._on_their_way.put(claim, state.delivery or 0)

    def _come_to_rest(self, before: OrderState, decision: Decision) -> Decision:
        customer, imported = before.customer, decision.state.status is Status.IMPORTED
        for claim in customer:
            self._on_their_way.free(claim, before.delivery or 0)
        if imported and customer:
            self._remember(customer)
        if not self._awaited:
            return decision
        freed = [claim for claim in customer if self._is_awaited(claim)]
        if imported:
            self._awaited.difference_update(freed)
        return _freed(decision, freed, known=imported)

    def _is_awaited(self, claim: str) -> bool:
        """Whether orders wait for this claim, and nobody holds it."""
        return claim in self._awaited and not self._on_their_way.get(claim)

    def _is_known(self, claim: str) -> bool:
        return claim in self._known or claim in self._known_before

    def _remember(self, customer: tuple[str, ...]) -> None:
        """The customer has a party, and so has each address that was named."""
        known, address = self._known, customer[1]
        for claim in customer:
            known[claim] = address
        if len(known) > KNOWN_MAX:
            self._known, self._known_before = {}, known
        if own_claim(customer[0]) in customer:
            self._is_known_by_own(customer[0])

    def _is_known_by_own(self, customer: str) -> None:
        self._own.put(_hash(customer), 1)
        self._has_own = True


def _put_off(before: OrderState, decision: Decision, holder: int) -> Decision:
    """The order waits, whole: nothing of it is sent, or goes to suspense. What else was decided about it stands."""
    waiting = msgspec.structs.replace(
        decision.state,
        status=Status.WAITING,
        rule="",
        waits=FOR_ITS_CUSTOMER,
        on_hold=False,
        channel=before.channel,
        order_id=before.order_id,
    )
    waits = Fact(kind="waits", values={"for": FOR_ITS_CUSTOMER, "delivery": holder})
    facts = (*(fact for fact in decision.facts if fact.kind not in _OF_THE_CREATE), waits)
    writes = tuple(write for write in decision.writes if write.statement != PUT_SUSPENDED)
    return msgspec.structs.replace(decision, state=waiting, effects=(), facts=facts, writes=writes, keeps=kept(waiting))


def _freed(decision: Decision, claims: list[str], *, known: bool) -> Decision:
    """The decision, with word to those who wait for these claims."""
    if not claims:
        return decision
    message = CustomerFree(claims=tuple(claims), known=known)
    word = Emit(channel=CUSTOMERS, key="system/customers", message=message, priority=BULK)
    return msgspec.structs.replace(decision, emits=(*decision.emits, word))


def customer_rows(key: str, before: OrderState, after: OrderState, now_us: int) -> tuple[Write, ...]:
    """The rows that follow: who waits for what, and whose sale is to be compared, unless a person has made it."""
    customer = after.customer
    rows: tuple[Write, ...] = ()
    if before.waits == FOR_ITS_CUSTOMER and (after.waits != FOR_ITS_CUSTOMER or customer != before.customer):
        rows = (Write("end_customer_wait", (key,)),)
    if after.status is Status.IMPORTED and before.status is not Status.IMPORTED and customer and not after.by_hand:
        own = 1 if own_claim(customer[0]) in customer else 0
        row = (after.sale, key, after.channel, customer[0], own, after.party, now_us, 0)
        rows += (Write("put_customer_sale", row),)
    if after.waits == FOR_ITS_CUSTOMER and after is not before:
        placed_us = to_instant(after.placed_at) if after.placed_at is not None else 0
        rows += tuple(Write("put_customer_wait", (claim, placed_us, key)) for claim in customer)
    return rows


def _hash(claim: str) -> int:
    """Never 0."""
    return hash(claim) or 1
