"""The actor that knows what Fulfil has to have of an order's payments, and the rows that people list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from flows.events import PaymentSettled
from flows.model.cases import announce_cases, case_rows
from flows.model.messages import Recheck
from flows.model.payments import PAYMENT_MAPPER, TendersSeen
from flows.payment_mapper.deciding import decide
from flows.payment_mapper.filling import digest_of, figures, own_fields
from flows.payment_mapper.keeping import Kept, OrderPayments, RecordRules
from flows.payment_mapper.parts import FIELDS, PaymentRecorded, PaymentRefused
from runtime.actor import Item
from runtime.clock import to_instant
from runtime.decision import Decision, Message, Write
from runtime.key import partition_of


class PaymentMapper:
    """See the package. `rules` are those of each sales channel."""

    name = PAYMENT_MAPPER
    message_type = TendersSeen | PaymentRecorded | PaymentRefused | Recheck
    state_type = OrderPayments

    def __init__(self, rules: Mapping[str, RecordRules], emit: Callable[[Any], None]) -> None:
        self._rules, self._emit = rules, emit

    def begin(self, key: str) -> OrderPayments:
        """Nothing was done about its money but what its create has brought."""
        return OrderPayments(key=key)

    async def ready(self) -> None:
        """It can always decide."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Messages bring all that the decision needs."""
        return [item.message for item in items]

    def decide(self, state: OrderPayments, message: Any, now: datetime) -> Decision:
        """See `deciding`."""
        return decide(state, message, now, self._rules.get(partition_of(state.key), _NO_RULES))

    def project(self, key: str, before: OrderPayments, after: OrderPayments, now: datetime) -> Sequence[Write]:
        """The payments as people list them and the recorder takes them, and the cases."""
        rows = case_rows(key, before.cases, after.cases, now, how="Fulfil has it, or a person has seen to it")
        rules = self._rules.get(partition_of(key), _NO_RULES)
        for name, record in after.records.items():
            if before.records.get(name) is not record:
                rows.append(_row(key, name, record, after, rules, now))
        if after.fields and (after.fields != before.fields or (before.fields_refused and not after.fields_refused)):
            rows.append(_fields_row(key, after, now))
        return rows

    def announce(self, key: str, before: OrderPayments, after: OrderPayments) -> None:
        """Count what became of payments, and the cases."""
        announce_cases(key, before.cases, after.cases, self._emit)
        sales_channel = partition_of(key)
        for name, record in after.records.items():
            was = before.records.get(name)
            if (was is None or was.status != record.status) and record.status in _SETTLED:
                self._emit(PaymentSettled(sales_channel=sales_channel, state=_state(record)))


_NO_RULES = RecordRules(unable="its sales channel is not configured any more")
_SETTLED = ("recorded", "blocked", "refused", "disputed", "dealt_with")


def _state(record: Kept) -> str:
    """What is counted: the state in Fulfil of what was recorded, else why nothing was."""
    return record.wanted or record.status if record.status == "recorded" else record.status


def _row(key: str, name: str, record: Kept, state: OrderPayments, rules: RecordRules, now: datetime) -> Write:
    tender, settings = record.tender, rules.targets.get(record.method)
    known = figures(record, state.placed_at, rules.time_zone)
    more = {} if settings is None else own_fields(record, settings, state.placed_at, rules.time_zone)
    row = (
        key, name, partition_of(key), state.reference, state.sale, "refund" if record.is_refund else "charge",
        tender.kind.value, record.reference, tender.gateway, record.method,
        None if settings is None else settings.id, tender.tender.value, str(tender.paid.amount), tender.paid.currency,
        _text(record.amount), state.currency, known.get("rate"), known.get("rate_date"),
        None if tender.fee is None else _text(tender.fee.amount), _text(record.day), int(tender.at is not None),
        record.parent, msgspec.json.encode(more).decode(), record.status, int(record.suspense), record.why,
        record.wanted or "", to_instant(now),
    )  # fmt: skip
    return Write("put_payment", row)


def _text(value: Decimal | date | None) -> str | None:
    return None if value is None else str(value)


def _fields_row(key: str, state: OrderPayments, now: datetime) -> Write:
    """The metafields of the sale, which are recorded like a payment."""
    row = (
        key, FIELDS, partition_of(key), state.reference, state.sale, "fields", "fields", "", None, "", None, "", "0",
        state.currency, None, state.currency, None, None, None, None, 0, "", state.fields, "due", 0, "",
        digest_of(state.fields), to_instant(now),
    )  # fmt: skip
    return Write("put_payment", row)
