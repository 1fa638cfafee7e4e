"""The actor that settles orders: each one is looked at until it waits for nothing, and then its story ends.

In: `CloseOrders` (at start, then by timer). Out: what each order waits for; to the `sale_checks` of an order
`RefundsCompared` where its refunds and disputes are not those of payouts, `OrderClosed` when it waits for nothing,
which ends its trace, and `OrderReopened` when it was settled and waits again. Key: `orders/closing`. No effects: it
looks at what payouts, shipments, reads of sales and cases have left on disk. A crash looks at the same orders again;
that one is settled, and the message that says so, are durable together. An order that is settled is looked at again
when its sales channel tells of more money, or a payout of a refund or a dispute, and when a payout that has its money
becomes otherwise (it fails, say, or a person has accepted other lines).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from flows.events import OrdersClosed
from flows.model.closing import ClosingSettings, Moved, mapped_since
from flows.model.money import ZERO, exactly
from flows.model.returned import FAILED, ReturningLine, failed_payout, paid_again, returning_line
from flows.reconciler.comparing import Difference, Snapshot
from flows.reconciler.disputes import UNTOLD as DISPUTE_UNTOLD
from flows.reconciler.disputes import disputes_compared
from flows.reconciler.refunds import KINDS as REFUND_KINDS
from flows.reconciler.refunds import Finding, refunds_compared, without
from flows.reconciler.sale_checks import NAME as SALE_CHECKS
from flows.reconciler.sale_checks import OrderClosed, OrderReopened, RefundsCompared
from flows.reconciler.settling import Line, Standing, Wait, cause_of, in_told_currencies, settled
from runtime.actor import Item
from runtime.clock import to_instant
from runtime.decision import Decision, Emit, Message, Timer, Write
from runtime.journal.journal import Journal
from runtime.key import partition_of

NAME = "closing"
KEY = "orders/closing"
_ORDERS_PER_STEP_MAX: Final = 200
_TIES_WITHIN: Final = timedelta(hours=1)
"""How long it may take until the lines of a payout have found their orders."""
_SEEN_WITHIN_US: Final = 60_000_000
_PER_LINE: Final = Decimal("0.01")
"""What a line may be rounded by on its way into an invoice."""
"""What a payout tells so shortly before an order is settled may have come after the order was looked at."""


class ClosePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """By which evidence, and how often an order is looked at that waits. `watched`: whose shipments are watched."""

    closing: Mapping[str, ClosingSettings] = {}
    watched: frozenset[str] = frozenset()
    posts: bool = False
    """Whether Seamline posts into the ledger, which an order waits for then."""
    gateways: Mapping[str, Mapping[str, str]] = {}
    """Sales channel -> its names of gateways -> Fulfil's codes."""
    every: timedelta = timedelta(minutes=10)
    again_after: timedelta = timedelta(hours=6)


class CloseOrders(Message, frozen=True):
    """Look at the orders that are due, and at those of which payouts have told since the last time."""


class LookFurther(Message, frozen=True):
    """Look at the next of the orders that are due."""


class _Order(msgspec.Struct, frozen=True, kw_only=True):
    """What an order waits for, and its evidence. `settled_at`: since when it is settled already.

    `refunds`: how they, and its disputes, are not those of payouts; None: that is as it should be, and always was.
    """

    key: str
    waits: tuple[Wait, ...]
    evidence: tuple[str, ...]
    settled_at: int | None = None
    refunds: tuple[Difference, ...] | None = None
    tenders: tuple[Moved, ...] | None = None
    """How it was paid, where that is told otherwise since a gateway was mapped."""


class _Looked(Message, frozen=True, kw_only=True):
    """What came of the orders. `more`: others are due."""

    orders: tuple[_Order, ...]
    more: bool


class ClosingState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the last look came to, by sales channel."""

    closed: dict[str, int] = {}
    looks: int = 0
    looked_at: datetime | None = None
    """When the last look began."""
    gateways: dict[str, dict[str, str]] = {}
    """As they were mapped then."""


def decide(state: ClosingState, message: Any, now: datetime, policy: ClosePolicy) -> Decision:
    """Find the orders that payouts have told of; then keep what orders wait for, and end the stories of those that wait
    for nothing. Pure.
    """
    match message:
        case CloseOrders():
            return _begun(state, now, policy)
        case _Looked():
            return _looked(state, message, now, policy)
        case _:
            raise TypeError(f"the closing of orders has no use for a {type(message).__name__}")


def _begun(state: ClosingState, now: datetime, policy: ClosePolicy) -> Decision:
    at = to_instant(now)
    gateways = {name: dict(codes) for name, codes in policy.gateways.items()}
    since = to_instant((state.looked_at or now) - _TIES_WITHIN)  # a line finds its order after its payout was told
    writes = [Write("nudge_paid_out", (at, since)), Write("nudge_settled", (at, since, _SEEN_WITHIN_US))]
    if gateways != state.gateways:
        writes.append(Write("nudge_unmapped", (at,)))
    look = Emit(channel=NAME, message=LookFurther(), key=KEY)
    return Decision(state=replace(state, looked_at=now, gateways=gateways), writes=tuple(writes), emits=(look,))


def _looked(state: ClosingState, message: _Looked, now: datetime, policy: ClosePolicy) -> Decision:
    later, at = to_instant(now + policy.again_after), to_instant(now)
    writes, emits, closed = [], [], dict[str, int]()
    for each in message.orders:
        key, waits = each.key, each.waits
        told = msgspec.json.encode([wait.sentence for wait in waits]).decode()
        by = msgspec.json.encode(each.evidence).decode()
        if each.tenders is not None:
            writes.append(Write("map_order_closing", (msgspec.json.encode(each.tenders).decode(), key)))
        if each.refunds is not None:
            emits.append(Emit(channel=SALE_CHECKS, key=key, message=RefundsCompared(differences=each.refunds)))
        if waits:
            writes.append(Write("note_closing", (later, told, cause_of(waits), None, by, key)))
            if each.settled_at is not None:
                writes.append(Write("begin_sale_watch", (key,)))
                sentences = tuple(wait.sentence for wait in waits)
                emits.append(Emit(channel=SALE_CHECKS, key=key, message=OrderReopened(waits=sentences)))
            continue
        writes.append(Write("note_closing", (None, told, "", each.settled_at or at, by, key)))
        if each.settled_at is None:
            writes.append(Write("end_sale_watch", (key,)))
            emits.append(Emit(channel=SALE_CHECKS, key=key, message=OrderClosed(evidence=each.evidence)))
            closed[partition_of(key)] = closed.get(partition_of(key), 0) + 1
    state = replace(state, closed=closed, looks=state.looks + 1)
    if message.more:
        emits.append(Emit(channel=NAME, message=LookFurther(), key=KEY))
        return Decision(state=state, writes=tuple(writes), emits=tuple(emits))
    again = Timer(name="look", due=now + policy.every, message=CloseOrders())
    return Decision(state=state, writes=tuple(writes), emits=tuple(emits), timers=(again,))


class Closing:
    """The actor. See the module."""

    name = NAME
    message_type = CloseOrders | LookFurther
    state_type = ClosingState

    def __init__(self, policy: ClosePolicy, journal: Journal, emit: Callable[[Any], None]) -> None:
        self._policy, self._journal, self._emit = policy, journal, emit

    def begin(self, key: str) -> ClosingState:  # noqa: ARG002 - there is one
        """Nothing was looked at."""
        return ClosingState()

    async def ready(self) -> None:
        """It can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """What is known of the orders that are due."""
        return [await self._looked() if isinstance(item.message, LookFurther) else item.message for item in items]

    async def _looked(self) -> Message:
        rows = await self._journal.query("closings_due", self._journal.clock.now(), _ORDERS_PER_STEP_MAX)
        told = await self._journal.query_list("lines_closing", [row[0] for row in rows])
        again = await self._paid_again() if any(row[10] in FAILED for row in told) else {}
        lines: dict[str, list[Line]] = {}
        for row in told:
            lines.setdefault(row[0], []).append(_line(row, again))
        found = tuple(_order(row, tuple(lines.get(row[0], ())), self._policy) for row in rows)
        return _Looked(orders=found, more=len(rows) == _ORDERS_PER_STEP_MAX)

    async def _paid_again(self) -> dict[str, ReturningLine]:
        failed = [failed_payout(row) for row in await self._journal.query("payouts_failed")]
        return paid_again(failed, [returning_line(row) for row in await self._journal.query("lines_returning")])

    def decide(self, state: ClosingState, message: Any, now: datetime) -> Decision:
        """See `decide` above."""
        return decide(state, message, now, self._policy)

    def project(self, key: str, before: ClosingState, after: ClosingState, now: datetime) -> Sequence[Write]:  # noqa: ARG002
        """What orders wait for is written as it is decided on."""
        return ()

    def announce(self, key: str, before: ClosingState, after: ClosingState) -> None:  # noqa: ARG002 - there is one
        """Count what was settled."""
        if after.looks != before.looks:
            for sales_channel, orders in after.closed.items():
                self._emit(OrdersClosed(sales_channel=sales_channel, orders=orders))


def _order(row: Sequence[Any], lines: tuple[Line, ...], policy: ClosePolicy) -> _Order:
    """What is known of an order, looked at: what a person has accepted of its refunds and disputes, it does not
    wait for.
    """
    told = msgspec.json.decode(row[4], type=tuple[Moved, ...])
    gateways = policy.gateways.get(row[1], {})
    tenders = tuple(mapped_since(each, gateways) for each in told)
    standing = in_told_currencies(_standing(row, tenders, lines, policy), policy.closing)
    found = (*refunds_compared(standing, policy.closing), *disputes_compared(standing))
    accepted = {tuple(each) for each in msgspec.json.decode(row[13])}
    left, right = list[Finding](), list[Finding]()
    for each in found:
        (right if (each.difference.cause, each.difference.is_) in accepted else left).append(each)
    waits, evidence = settled(without(standing, right), policy.closing)
    causes = {wait.cause for wait in waits}
    return _Order(
        key=row[0],
        waits=(*waits, *(each.wait for each in left if each.wait.cause not in causes)),
        evidence=evidence,
        settled_at=row[12],
        refunds=tuple(each.difference for each in found) if found or _has_case(standing) else None,
        tenders=None if tenders == told else tenders,
    )


def _has_case(order: Standing) -> bool:
    return any(kind in (*REFUND_KINDS, DISPUTE_UNTOLD) for kind in order.cases)


@exactly
def uninvoiced_of(due: Decimal, read: Snapshot) -> Decimal:
    """What of a debt is on no invoice. A sale that is worth less than the order owes less, and that is a case."""
    if read.invoiced is None:
        return ZERO
    owed = due if read.total is None else min(due, read.total)
    return left if (left := owed - read.invoiced) > _PER_LINE * max(1, len(read.lines or ())) else ZERO


def _standing(row: Sequence[Any], tenders: tuple[Moved, ...], lines: tuple[Line, ...], policy: ClosePolicy) -> Standing:
    _, name, currency, due, _, status, shipping, seen, kinds, untold, payments_open, unposted, *_ = row
    read = msgspec.json.decode(seen, type=Snapshot) if seen else None
    return Standing(
        currency=currency, due=Decimal(due), tenders=tenders,
        is_cancelled=status == "cancelled", is_watched=name in policy.watched, shipping=shipping, untold=bool(untold),
        cases=tuple(sorted(kinds.split(","))) if kinds else (), payments_open=bool(payments_open),
        unposted=policy.posts and bool(unposted),
        state=None if read is None else read.state or "", invoices_paid=None if read is None else read.invoices_paid,
        uninvoiced=ZERO if read is None else uninvoiced_of(Decimal(due), read),
        lines=lines,
    )  # fmt: skip


def _line(row: Sequence[Any], again: Mapping[str, ReturningLine]) -> Line:
    """A line of the order; what a payout had that failed and came back is as the payout is that paid it again."""
    _, kind, currency, amount, payment, alias, refund, received, bank, payout, status, key, presentment, at = row
    ids = frozenset(each for each in (payment, alias, refund) if each)
    line = Line(
        kind=kind, currency=currency, amount=Decimal(amount), ids=ids, received=bool(received), bank=bool(bank),
        payout=payout, presentment=presentment, failed=status in FAILED,
        at=datetime.fromisoformat(at) if at else None,
    )  # fmt: skip
    by = again.get(key)
    if by is None or by.failed:
        return line
    return replace(line, received=by.received, bank=by.bank, again=by.payout, failed=False)
