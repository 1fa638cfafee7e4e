"""The actor that reads sales back and finds where they are not what they are to be.

In: `Reconcile` (at start, then on schedule), and reads of Fulfil. Out: `SaleCompared` to the order's `sale_checks`, of
each sale that differs, differed, or was changed by hand. Key: `sales/proof`. All calls are reads, of hundreds of sales
at once, and repeat freely. A crash goes on with the call that is next; that a sale is to be read stands in `sale_due`
until what came of it is on disk. What is held rather than retried: nothing; a look that Fulfil refuses is made again,
and is a case.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from connectors.fulfil.read_back import ReadBackSale
from connectors.fulfil.wire import RECORDS_MAX
from flows.events import SalesProven
from flows.exceptions.kinds import ExceptionCase
from flows.model.cases import announce_cases, case_rows
from flows.model.invoices import invoiced
from flows.model.money import ZERO, exactly
from flows.reconciler.comparing import Change, Expected, Found, Snapshot, changes, differences, snapshot_of
from flows.reconciler.reading_back import (
    SWEPT,
    Batch,
    Sweeping,
    What,
    asked,
    begun,
    found_of,
    learned,
    part_after,
    passed,
    sales_of,
)
from flows.reconciler.sale_checks import NAME as SALE_CHECKS
from flows.reconciler.sale_checks import SaleCompared
from runtime.actor import Item
from runtime.clock import to_datetime, to_instant
from runtime.decision import Decision, EffectDone, EffectExhausted, EffectRefused, Emit, Message, Timer, Write
from runtime.journal.journal import Journal
from runtime.key import partition_of

NAME = "reconciler"
KEY = "sales/proof"
_SHARE: Final = "rest"
_SEEN_WITHIN: Final = timedelta(hours=1)
"""A new sale that cannot be read yet is read again; it is not taken for one that is gone."""
_SEEN: Final = 10
"""Where a row of `sales_expected` has what was seen last."""
_AGAIN_AFTER: Final = timedelta(minutes=15)
"""When to look again after Fulfil has refused."""


class ReconcilePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often is looked, what can be read of the tenant beside its sales, and whose shipments are watched."""

    every: timedelta = timedelta(hours=1)
    overlap: timedelta = timedelta(minutes=10)
    reads: frozenset[What] = frozenset(("sales", "lines", "payments", "invoices"))
    watched: frozenset[str] = frozenset()
    settles: bool = False
    """Whether orders are settled, which a read may be what they waited for."""
    again_after: timedelta = timedelta(days=7)
    """A sale is read again then, whatever Fulfil tells of changes: one that is deleted tells nothing."""


class Reconcile(Message, frozen=True):
    """See what changed, and read back what is to be read."""


class ReadBack(Message, frozen=True):
    """Read the next sales that are due."""


class _Begun(Message, frozen=True, kw_only=True):
    again: tuple[int, ...]


class _Swept(Message, frozen=True, kw_only=True):
    sweeping: Sweeping
    ours: tuple[int, ...]
    complete: bool


class _Due(Message, frozen=True, kw_only=True):
    sales: tuple[int, ...]


class _Learned(Message, frozen=True, kw_only=True):
    batch: Batch


class _Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one sale; `compared` None: nobody has to hear of it."""

    key: str
    sale: int
    seen: bytes
    invoices: str | None
    """As they are kept; None: they are not read."""
    compared: SaleCompared | None
    differs: int


class _Compared(Message, frozen=True, kw_only=True):
    """Of a batch: what came of each sale. Those of no order are `strange`; those that are put off are in neither."""

    results: tuple[_Result, ...]
    strange: tuple[int, ...]


class ReconcilerState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The sweep or batch under way, and what the last batch came to."""

    sweeping: Sweeping = Sweeping()
    batch: Batch | None = None
    proven: tuple[int, int] = (0, 0)
    """Sales that were compared with the last batch, and those of them that differ."""
    looks: int = 0
    cases: tuple[ExceptionCase, ...] = ()


# -- the decision ------------------------------------------------------------------------------------------------------


def decide(state: ReconcilerState, message: Any, now: datetime, policy: ReconcilePolicy) -> Decision:
    """What follows. Pure."""
    match message:
        case _Begun() if state.sweeping.part is not None or state.batch is not None:
            return Decision(state=state)  # a look is under way, and goes on by itself
        case _Begun(again=again):
            at = to_instant(now)
            due = tuple(Write("put_sale_due", (sale, at)) for sale in again)
            return replace(_swept_on(state, "sales", now, policy), writes=due)
        case _Swept(sweeping=sweeping, ours=ours, complete=complete):
            at, part = to_instant(now), sweeping.part or "sales"
            due = tuple(Write("put_sale_due", (sale, at)) for sale in ours)
            swept = replace(state, sweeping=sweeping)
            following = part_after(part, policy.reads & SWEPT) if complete else part
            if following is not None:
                return replace(_swept_on(swept, following, now, policy), writes=due)
            rested = replace(swept, sweeping=replace(sweeping, part=None))
            return Decision(state=rested, writes=due, emits=(Emit(channel=NAME, message=ReadBack()),))
        case _Due(sales=()):
            return _later(replace(state, batch=None, cases=()), now + policy.every)
        case _Due(sales=sales):
            return _asked(replace(state, batch=Batch(began=now, sales=sales)))
        case _Learned(batch=batch):
            return _asked(replace(state, batch=batch))
        case _Compared() if state.batch is not None:
            return _compared(state, state.batch, message, now, policy)
        case EffectRefused(sentence=sentence) | EffectExhausted(sentence=sentence):
            return _refused(state, sentence, now)
        case _:
            return Decision(state=state)


def _swept_on(state: ReconcilerState, part: What, now: datetime, policy: ReconcilePolicy) -> Decision:
    sweeping, ask = begun(state.sweeping, part, now, policy.overlap)
    return Decision(state=replace(state, sweeping=sweeping), effects=(ask.effect(_SHARE),))


def _asked(state: ReconcilerState) -> Decision:
    ask = asked(state.batch) if state.batch is not None else None
    return Decision(state=state) if ask is None else Decision(state=state, effects=(ask.effect(_SHARE),))


def _compared(
    state: ReconcilerState, batch: Batch, found: _Compared, now: datetime, policy: ReconcilePolicy
) -> Decision:
    """Keep what was seen, tell whose sales differ, and go on with the next ones while there are more."""
    at, began = to_instant(now), to_instant(batch.began)
    done = [*(each.sale for each in found.results), *found.strange]
    writes = [Write("put_sale_seen", (each.key, each.sale, each.seen, each.differs, at)) for each in found.results]
    writes += [
        Write("put_sale_invoices", (each.key, each.sale, each.invoices, at))
        for each in found.results
        if each.invoices is not None
    ]
    writes += [Write("drop_sale_due", (sale, began)) for sale in done]
    put_off = set(batch.sales).difference(done)
    writes += [Write("put_sale_due", (sale, at)) for sale in sorted(put_off)]  # behind those that can be compared
    if policy.settles:
        writes += [Write("nudge_closing", (at, each.key)) for each in found.results]
    emits = [
        Emit(channel=SALE_CHECKS, key=each.key, message=each.compared)
        for each in found.results
        if each.compared is not None
    ]
    differing = sum(each.differs > 0 for each in found.results)
    after = replace(state, batch=None, proven=(len(found.results), differing), looks=state.looks + 1, cases=())
    if len(batch.sales) < RECORDS_MAX or not done:  # what is put off is read with the next look
        return replace(_later(after, now + policy.every), writes=tuple(writes), emits=tuple(emits))
    further = Emit(channel=NAME, message=ReadBack())
    return Decision(state=after, writes=tuple(writes), emits=(*emits, further))


def _refused(state: ReconcilerState, sentence: str, now: datetime) -> Decision:
    opened_at = state.cases[0].opened_at if state.cases else now
    told = f"sales cannot be read back for proof: {sentence}".rstrip(".")
    case_ = ExceptionCase(kind="proof.refused", cause="fulfil", sentence=told, opened_at=opened_at)
    marks = {part: replace(mark, began=None, after_id=0) for part, mark in state.sweeping.marks.items()}
    stopped = replace(state, sweeping=Sweeping(marks=marks), batch=None, cases=(case_,))
    return _later(stopped, now + _AGAIN_AFTER)


def _later(state: ReconcilerState, due: datetime) -> Decision:
    return Decision(state=state, timers=(Timer(name="look", due=due, message=Reconcile()),))


# -- the shell ---------------------------------------------------------------------------------------------------------


class Reconciler:
    """The actor: compares on disk before it decides."""

    name = NAME
    message_type = Reconcile | ReadBack
    state_type = ReconcilerState

    def __init__(self, policy: ReconcilePolicy, journal: Journal, emit: Callable[[Any], None]) -> None:
        self._policy, self._journal, self._emit = policy, journal, emit

    def begin(self, key: str) -> ReconcilerState:  # noqa: ARG002 - there is one
        """Nothing was read."""
        return ReconcilerState()

    async def ready(self) -> None:
        """It can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """What is due, whose sales they are, or what came of them."""
        return [await self._resolved(item.state, item.message) for item in items]

    async def _resolved(self, state: ReconcilerState, message: Any) -> Message:
        ask = self._journal.query
        match message:
            case Reconcile():
                before = to_datetime(self._journal.clock.now()) - self._policy.again_after
                rows = await ask("sales_to_see_again", to_instant(before), RECORDS_MAX)
                return _Begun(again=tuple(row[0] for row in rows))
            case ReadBack():
                return _Due(sales=tuple(row[0] for row in await ask("sales_due", RECORDS_MAX)))
            case EffectDone(result=page) if state.batch is not None:
                batch = learned(state.batch, page, self._policy.reads)
                return _Learned(batch=batch) if batch.part is not None else await self._compare(batch)
            case EffectDone(result=page) if state.sweeping.part is not None:
                concerned = sales_of(state.sweeping.part, page.rows)
                rows = await self._journal.query_list("sales_expected", concerned)
                sweeping = passed(state.sweeping, page, self._policy.overlap)
                return _Swept(sweeping=sweeping, ours=tuple(row[0] for row in rows), complete=page.complete)
            case other:
                return other  # type: ignore[no-any-return]

    async def _compare(self, batch: Batch) -> Message:
        rows = await self._journal.query_list("sales_expected", batch.sales)
        keys = [row[1] for row in rows]
        known = {row[0] for row in await self._journal.query_list("mismatches_open", keys)}
        recorded = _recorded(await self._journal.query_list("payments_recorded", keys), to_instant(batch.began))
        seen = {row[0]: msgspec.json.decode(row[_SEEN], type=Snapshot) for row in rows if row[_SEEN]}
        found = found_of(batch, self._policy.reads, {sale: before.products for sale, before in seen.items()})
        results = [
            result
            for row in rows
            if (result := _result(
                row, seen.get(row[0]), found[row[0]], known, recorded, batch.began, self._policy.watched
            )) is not None
        ]  # fmt: skip
        strange = tuple(set(batch.sales).difference(row[0] for row in rows))
        return _Compared(results=tuple(results), strange=strange)

    def decide(self, state: ReconcilerState, message: Any, now: datetime) -> Decision:
        """See `decide` above."""
        return decide(state, message, now, self._policy)

    def project(self, key: str, before: ReconcilerState, after: ReconcilerState, now: datetime) -> Sequence[Write]:
        """The case that it cannot be read."""
        return case_rows(key, before.cases, after.cases, now, how="Fulfil tells it again")

    def announce(self, key: str, before: ReconcilerState, after: ReconcilerState) -> None:
        """Count what was compared, and the case."""
        if after.looks != before.looks:
            self._emit(SalesProven(sales=after.proven[0], differing=after.proven[1]))
        announce_cases(key, before.cases, after.cases, self._emit)


class _Recorded(msgspec.Struct):
    """What was recorded of an order's payments beside its create. `open`: more is on its way, or came meanwhile."""

    captured: Decimal = ZERO
    refunded: Decimal = ZERO
    open: bool = False


@exactly
def _recorded(rows: Sequence[Any], began: int) -> dict[str, _Recorded]:
    found: dict[str, _Recorded] = {}
    for key, type_, amount, reached, is_open, at in rows:
        of = found.setdefault(key, _Recorded())
        of.open = of.open or bool(is_open) or at >= began or (reached == "completed" and amount is None)
        if reached == "completed" and amount is not None:
            if type_ == "charge":
                of.captured += Decimal(amount)
            else:
                of.refunded += Decimal(amount)
    return found


def _result(
    row: Sequence[Any], before: Snapshot | None, found: Found, known: Collection[str],
    recorded: Mapping[str, _Recorded], began: datetime, watched: Collection[str],
) -> _Result | None:  # fmt: skip
    """What came of one sale; None: it is put off, because it is being worked on, or was since the read began."""
    sale, key, status, amount, currency, tax, captured, units, busy, changed_at, seen, differed, read_at, shipping = row
    if busy or changed_at >= to_instant(began):
        return None
    if found.sale is None and not seen and changed_at >= to_instant(began - _SEEN_WITHIN):
        return None
    paid = recorded.get(key, _Recorded())
    unsure = captured is None or paid.open
    expected = Expected(
        key=key, sale=sale, is_cancelled=status == "cancelled", amount=Decimal(amount), currency=currency,
        tax=None if tax is None else Decimal(tax), captured=None if unsure else Decimal(captured) + paid.captured,
        refunded=paid.refunded, units=None if units is None else _decode_units(units), shipping=shipping,
        is_watched=partition_of(key) in watched, is_known=key in known,
    )  # fmt: skip
    by_hand: tuple[Change, ...] = ()
    if found.sale is not None:
        by_hand = changes(before, found.sale, expected, edited=changed_at >= read_at, units=found.units)
    differing = differences(expected, found, began)
    tells = differing or by_hand or differed
    return _Result(
        key=key,
        sale=sale,
        seen=b"" if found.sale is None else _seen(before, found.sale, expected, found),
        invoices=None if found.invoices is None else invoiced(found.invoices),
        compared=SaleCompared(sale=sale, differences=differing, changes=by_hand) if tells else None,
        differs=len(differing),
    )


def _seen(before: Snapshot | None, sale: ReadBackSale, expected: Expected, found: Found) -> bytes:
    """What is remembered of it. A product that the sale is to have is remembered by its id from its first read on."""
    products = {} if before is None else dict(before.products)
    if found.units is not None and expected.units is not None:
        products |= {sku: id_ for sku, id_ in found.units.products.items() if sku in expected.units}
    return msgspec.json.encode(snapshot_of(sale, found.invoices, found.units, products))


_decode_units: Final = msgspec.json.Decoder(dict[str, Decimal]).decode
