"""What every decision about an order is put together from: its cases, its facts, and what of it must be kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from flows.exceptions.kinds import ExceptionCase
from flows.model.amendment import Means
from flows.model.cases import case_in
from flows.model.messages import Recheck
from flows.model.money import Money
from flows.model.order_state import OrderState, Status
from flows.order_importer.messages import ConfirmAbsence
from runtime.clock import Instant
from runtime.decision import Decision, EffectDone, EffectExhausted, EffectRefused, EffectUnknown, Emit, Fact, Timer

NAME = "order_importer"
RESENDS_MAX = 8
"""How often an absent create is sent again before somebody has to look."""
LATER_VERSION = "later version"
"""`Recheck.because`, of an order's own: a version came while nothing could be decided, and is to be read now."""
CONFIRM_AFTER = timedelta(minutes=10)
"""When to look again for a create that was given up as absent: a slow server may still have been at it."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What decisions depend on beside the order: what the Fulfil tenant is known to do."""

    attempts_max: int = RESENDS_MAX
    """How often an absent create is sent at most: once to a tenant that would make a second sale of it."""
    amends: Means = "none"
    """How sales can be changed."""
    cancels: bool = False
    """Whether a sale can be cancelled before anything of it is shipped."""
    counts_units: bool = False
    """Whether stock is published, so that what orders need of it has to be known."""
    subtracting: frozenset[str] = frozenset()
    """The sales channels that subtract their own unshipped units themselves from what they are told."""
    is_read_back: bool = False
    """Whether sales are compared with what they are to be, so that this has to be on disk."""
    settles: bool = False
    """Whether orders are settled later, which is when their traces end."""
    tells_payments: bool = False
    """Whether the payment mapper is there, so that it hears of what the creates of sales do not bring."""
    no_returns: str = "what this tenant does with returns is not known (`seamline probe fulfil`)"
    """Why no return is made of goods that come back; empty: it is."""


CAUTIOUS = Policy()
"""Of a tenant of which nothing is known."""


def decision_of(state: OrderState, *facts: Fact, closes: bool = False, trace: bool = False) -> Decision:
    """A decision with this state, which keeps the body that the state needs."""
    return Decision(state=state, facts=facts, keeps=kept(state), closes=closes, trace=trace)


def kept(state: OrderState) -> int | None:
    """The delivery whose body is needed while this state stands; None when none is."""
    return state.delivery if state.open else None


def unreadable_cases(state: OrderState) -> tuple[ExceptionCase, ...]:
    """That a newer version cannot be read stays open, whatever becomes of the one before it."""
    return tuple(case for case in state.cases if case.kind == "order.unreadable")


def lasting_cases(state: OrderState) -> tuple[ExceptionCase, ...]:
    """What stays open whatever becomes of a create: an unreadable version, a payment that is about to end, refunds."""
    return tuple(
        case
        for case in state.cases
        if case.kind in ("order.unreadable", "payment.expiring") or case.kind.startswith("refund.")
    )


def held_with_latest(state: OrderState, case_: ExceptionCase) -> OrderState:
    """Held, and released with the newest version that could be read."""
    return with_latest(msgspec.structs.replace(state, status=Status.HELD, cases=(*lasting_cases(state), case_)))


def with_latest(state: OrderState) -> OrderState:
    """An order that is held: the version that waited is the one to be weighed, and the figures are of one before."""
    if state.later is None:
        return state
    weighed = state.delivery if state.weighed is None else state.weighed
    return msgspec.structs.replace(state, delivery=state.later.delivery, weighed=weighed, later=None)


def kept_back(state: OrderState, now: datetime) -> OrderState:
    """The gate lets it into Fulfil, and not, or no longer, out of the warehouse."""
    case_ = case_of("order.on_hold", "gate", f"{kept_back_by(state)} is to be shipped yet", state, now)
    return msgspec.structs.replace(state, on_hold=True, cases=(*without(state, "order.on_hold"), case_))


def kept_back_by(state: OrderState) -> str:
    """Why, and of what, nothing ... : the sentence goes on with what is not to happen."""
    why = f"by the rule {state.rule!r}" if state.rule else f"it waits {state.waits or 'for its payment'}"
    return f"{why}, and nothing of sale {state.sale_number or state.sale}"


def confirm_later(state: OrderState, now: datetime) -> Timer:
    """The second look at a create that was given up as absent."""
    again = ConfirmAbsence(channel=state.channel or 0, identifier=state.order_id)
    return Timer(name="confirm", due=now + CONFIRM_AFTER, message=again)


def case_of(
    kind: str, cause: str, sentence: str, state: OrderState, now: datetime, *, amount: Money | None = None
) -> ExceptionCase:
    """A case of this order; one that is open keeps its beginning. At stake is the order's total, or `amount`."""
    return case_in(
        state.cases,
        kind,
        cause,
        sentence.rstrip("."),
        now,
        amount=abs(amount.amount) if amount is not None else Decimal(state.amount),
        currency=amount.currency if amount is not None else state.currency,
    )


def with_facts(decision: Decision, *facts: Fact) -> Decision:
    """The same decision, with these facts before its own."""
    return msgspec.structs.replace(decision, facts=(*facts, *decision.facts))


def without(state: OrderState, *kinds: str) -> tuple[ExceptionCase, ...]:
    """The cases of other kinds than these."""
    return tuple(case for case in state.cases if case.kind not in kinds)


def look_again(because: str) -> Emit:
    """Have the order decided on again, with its payload."""
    return Emit(channel=NAME, message=Recheck(because=because))


def answer_lost(state: OrderState, message: EffectUnknown) -> Decision:
    """Nobody knows yet whether it was applied: it is looked for."""
    return decision_of(state, called("outcome_unknown", message, {"cause": message.cause}), trace=True)


def called(
    kind: str, outcome: EffectDone | EffectRefused | EffectUnknown | EffectExhausted, values: dict[str, Any]
) -> Fact:
    """A fact about an outside call: when it began and ended, and at which attempt."""
    return Fact(
        kind=kind,
        began=Instant(outcome.began_us),
        ended=Instant(outcome.ended_us),
        values={**values, "attempts": outcome.attempts},
    )
