"""Orders on their way through the importer, and what it is told of them: for tables of decisions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.fulfil.wire import CreatedSale
from flows.exceptions.kinds import ExceptionCase
from flows.model.order_state import OrderState, Status
from flows.model.proof import prove
from flows.model.sale import SaleSettings
from flows.order_importer import (
    RESENDS_MAX,
    OrderPresented,
    decide,
    presented,
)
from runtime.decision import (
    Decision,
    EffectAbsent,
    EffectDone,
    EffectExhausted,
    EffectRefused,
    EffectUnknown,
)
from tests.unit.made_orders import SETTINGS, order

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
V1, V2, V3 = (f"2026-11-20T{hour}:00:00.000000Z" for hour in ("08", "09", "10"))
INTENT = 77


def shown(
    version: str = V1,
    delivery: int = 1,
    *,
    missing: tuple[str, ...] = (),
    hints: Mapping[str, str] | None = None,
    ambiguous: Mapping[str, tuple[str, ...]] | None = None,
    **of: Any,
) -> OrderPresented:
    """A version of an order as the shell presents it."""
    made = order(version=version, **of)
    return OrderPresented(
        delivery=delivery, version=version, received_us=1_000, order=made, proof=prove(made), missing=missing,
        hints=dict(hints or {}), ambiguous=dict(ambiguous or {}),
    )  # fmt: skip


def weighed(
    state: OrderState, message: OrderPresented, now: datetime = NOW, settings: SaleSettings = SETTINGS
) -> Decision:
    return presented(state, message, now, settings)


def done(sale: int = 9, total: str | None = "10.00", *, by_look: bool = False) -> EffectDone:
    """Fulfil has made the sale."""
    made = CreatedSale(id=sale, number=f"SO{sale}", total=None if total is None else Decimal(total))
    return EffectDone(
        intent=INTENT, kind="create_order", result=made, began_us=1, ended_us=2, attempts=1, found_by_look=by_look
    )


def lost() -> EffectUnknown:
    return EffectUnknown(intent=INTENT, kind="create_order", cause="no answer", began_us=1, ended_us=2, attempts=1)


def absent(attempts: int = 1) -> EffectAbsent:
    return EffectAbsent(intent=INTENT, kind="create_order", attempts=attempts)


def refused(kind: str = "create_order") -> EffectRefused:
    return EffectRefused(
        intent=INTENT, kind=kind, code="422", sentence="no such channel", began_us=1, ended_us=2, attempts=1
    )


def exhausted() -> EffectExhausted:
    return EffectExhausted(
        intent=INTENT, kind="create_order", cause="unavailable", sentence="it was tried 3 times: away", began_us=1,
        ended_us=2, attempts=3,
    )  # fmt: skip


def creating(message: OrderPresented | None = None) -> OrderState:
    """An order whose sale is being created."""
    state: OrderState = weighed(OrderState(), message or shown()).state
    assert state.status is Status.CREATING
    return state


def imported(message: OrderPresented | None = None) -> OrderState:
    state: OrderState = decide(creating(message), done(), NOW).state
    assert state.status is Status.IMPORTED
    return state


def told(decision: Decision) -> list[str]:
    return [fact.kind for fact in decision.facts]


def kinds(state: OrderState) -> list[str]:
    return [case.kind for case in state.cases]


def only_case(decision: Decision) -> ExceptionCase:
    (case,) = decision.state.cases
    assert isinstance(case, ExceptionCase)
    return case


def given_up(message: OrderPresented | None = None) -> OrderState:
    """An order whose create stayed absent; `message` came while it was looked for."""
    state = decide(creating(), lost(), NOW).state
    if message is not None:
        state = weighed(state, message).state
    held: OrderState = decide(state, absent(RESENDS_MAX), NOW).state
    assert held.status is Status.HELD
    return held
