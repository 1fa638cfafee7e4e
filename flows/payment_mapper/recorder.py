"""The actor that records payments of all orders in Fulfil, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from connectors.fulfil.payments import SALE_PAYMENTS
from flows.events import PaymentCalls
from flows.model.cases import announce_cases, case_rows
from flows.model.messages import Recheck
from flows.payment_mapper.batch import ENOUGH, Blocked, Due, Recording
from flows.payment_mapper.parts import RECORDER, Entry, Found, LookAtBlocked, RecordDue, RecordNow
from flows.payment_mapper.recording import decide
from runtime.actor import Item
from runtime.decision import Decision, EffectDone, Message, Write
from runtime.journal.journal import Journal


class PaymentRecorder:
    """See the package. `gather`: how long a payment may wait for company. `reference_field`: where this tenant's
    payments keep the provider's id. `time_zone`: in which a payment has its day.
    """

    name = RECORDER
    message_type = RecordDue | RecordNow | LookAtBlocked | Recheck
    state_type = Recording

    def __init__(
        self,
        journal: Journal,
        emit: Callable[[Any], None],
        *,
        gather: timedelta,
        reference_field: str = "reference",
        time_zone: str = "UTC",
    ) -> None:
        self._journal, self._emit = journal, emit
        self._gather, self._reference_field, self._zone = gather, reference_field, ZoneInfo(time_zone)

    def begin(self, key: str) -> Recording:  # noqa: ARG002 - there is one key
        """Nothing is under way."""
        return Recording()

    async def ready(self) -> None:
        """It can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """What is due, where somebody asks and nothing is under way."""
        return [await self._resolved(item) for item in items]

    async def _resolved(self, item: Item) -> Message:
        message, state = item.message, item.state
        if isinstance(message, LookAtBlocked):
            rows = await self._journal.query("payments_blocked", message.after, _LOOKED_AT_MAX)
            keys = tuple([key for (key,) in rows])
            more = LookAtBlocked(after=keys[-1]) if len(keys) == _LOOKED_AT_MAX else None
            return Blocked(orders=keys, more=more)
        if isinstance(message, EffectDone) and message.kind == SALE_PAYMENTS.find.kind:
            return self._with_days(message)
        if not isinstance(message, RecordDue | RecordNow | Recheck):
            return message
        at_once = not isinstance(message, RecordDue)
        if state.entries:
            return Due(entries=(), at_once=at_once)
        entries = tuple([_entry(row) for row in await self._journal.query("payments_due", ENOUGH)])
        orders = sorted({each.order for each in entries})
        rows = await self._journal.query_list("payments_found", orders)
        found = tuple([Found(_entry(row[:-1]), row[-1]) for row in rows])
        return Due(entries=entries, known=await self._known(orders), found=found, at_once=at_once)

    def _with_days(self, read: EffectDone) -> EffectDone:
        """Payments that people have entered, on the days of finance's company."""
        rows = [
            row if row.create_date is None else replace(row, create_date=row.create_date.astimezone(self._zone))
            for row in read.result.rows
        ]
        return replace(read, result=replace(read.result, rows=tuple(rows)))

    async def _known(self, orders: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The references of everything that is known of these orders."""
        found: dict[str, tuple[str, ...]] = {}
        for order, reference in await self._journal.query_list("payments_known", orders):
            found[order] = (*found.get(order, ()), reference)
        return found

    def decide(self, state: Recording, message: Any, now: datetime) -> Decision:
        """See `recording`."""
        return decide(state, message, now, self._gather, self._reference_field)

    def project(self, key: str, before: Recording, after: Recording, now: datetime) -> Sequence[Write]:
        """The rows of its case."""
        return case_rows(key, before.cases, after.cases, now, how="Fulfil tells its payments again")

    def announce(self, key: str, before: Recording, after: Recording) -> None:
        """Count the calls, and the case."""
        announce_cases(key, before.cases, after.cases, self._emit)
        if after.calls > before.calls:
            self._emit(PaymentCalls(calls=after.calls - before.calls))


_LOOKED_AT_MAX = 500
"""Orders that are sent to be judged again in one step."""


def _entry(row: Sequence[Any]) -> Entry:
    order, record, sale, type_, wanted, reference, amount, currency, method, gateway, day, day_said, parent, more = row
    return Entry(
        order=order,
        record=record,
        sale=sale,
        type=type_,
        wanted=wanted,
        reference=reference,
        amount=Decimal(amount or 0),
        currency=currency,
        method=method,
        gateway=gateway,
        day=None if day is None else date.fromisoformat(day),
        day_said=bool(day_said),
        parent=parent,
        more=msgspec.json.decode(more, type=dict[str, str]),
    )
