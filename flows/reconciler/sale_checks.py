"""What is found of the sale of one order: its differences as cases, its changes by hand as facts.

In: `SaleCompared` of the reconciler, `AcceptDifferences` of a person, `OrderClosed` when nothing is left to wait for.
Out: a case for each cause; the acceptance, on record; the last fact of the order, which ends its trace. Key: the
order's. No effects. A case ends by itself when a later read agrees. What a person accepts stays accepted while
Fulfil has that very figure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from flows.exceptions.kinds import ExceptionCase
from flows.model.cases import announce_cases, case_rows
from flows.model.reconciliation import SALE_CHECKS, AcceptDifferences
from flows.reconciler.comparing import Change, Difference
from runtime.actor import Item
from runtime.clock import to_instant
from runtime.decision import Decision, Fact, Message, Write

NAME = SALE_CHECKS
KIND = "sale.differs"


class SaleCompared(Message, frozen=True, kw_only=True):
    """The sale of an order was read back: how it differs now, and what was changed by hand since it was read before."""

    sale: int
    differences: tuple[Difference, ...]
    changes: tuple[Change, ...] = ()


class OrderClosed(Message, frozen=True, kw_only=True):
    """The order waits for nothing any more: what settled it."""

    evidence: tuple[str, ...]


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """A difference that a person has accepted: what was expected, and what was found."""

    was: str
    is_: str


class SaleCheck(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the sale of one order differs. `accepted`: by cause."""

    sale: int = 0
    open: tuple[Difference, ...] = ()
    accepted: dict[str, Accepted] = {}
    told: dict[str, str] = {}
    """By cause: how it came to be, as far as Fulfil told when it was seen."""
    cases: tuple[ExceptionCase, ...] = ()


def decide(state: SaleCheck, message: Any, now: datetime) -> Decision:
    """What follows for one order. Pure."""
    match message:
        case SaleCompared():
            return _compared(state, message, now)
        case AcceptDifferences():
            return _accepted(state, message, now)
        case OrderClosed(evidence=evidence):
            by = "; ".join(evidence) or "nothing has to come"
            return Decision(state=state, facts=(Fact(kind="settled", values={"by": by}),), closes=True)
        case _:
            raise TypeError(f"the check of a sale has no use for a {type(message).__name__}")


def _compared(state: SaleCheck, found: SaleCompared, now: datetime) -> Decision:
    by_cause = {each.cause: each for each in found.differences}
    accepted = {
        cause: each
        for cause, each in state.accepted.items()
        if cause in by_cause and each == Accepted(was=by_cause[cause].was, is_=by_cause[cause].is_)
    }
    changed = {each.field: each.sentence for each in found.changes}
    told = {cause: changed.get(cause) or state.told.get(cause, "") for cause in by_cause}
    told = {cause: sentence for cause, sentence in told.items() if sentence}
    open_ = tuple(each for each in found.differences if each.cause not in accepted)
    known = {case.cause: case.opened_at for case in state.cases}
    cases = tuple(_case(each, told.get(each.cause, ""), known.get(each.cause, now)) for each in open_)
    facts = [_changed(each) for each in found.changes]
    facts += [_differs(each) for each in open_ if each.cause not in known]
    facts += [Fact(kind="sale_agrees", values={"what": cause}) for cause in known if cause not in by_cause]
    after = SaleCheck(sale=found.sale, open=open_, accepted=accepted, told=told, cases=cases)
    return Decision(state=after, facts=tuple(facts), trace=bool(open_))


def _accepted(state: SaleCheck, message: AcceptDifferences, now: datetime) -> Decision:
    """They stand, with a name and a reason; the audit log has the same."""
    accepted = {each.cause: Accepted(was=each.was, is_=each.is_) for each in state.open}
    facts = tuple(
        Fact(kind="difference_accepted", values={"what": each.cause, "amount": f"{each.amount} {each.currency}"})
        for each in state.open
    )
    writes = tuple(
        Write(
            "put_accepted_difference",
            (
                message.subject, each.cause, to_instant(now), message.by, message.reason, str(each.amount),
                each.currency, each.was, each.is_,
            ),
        )
        for each in state.open
    )  # fmt: skip
    after = replace(state, open=(), accepted={**state.accepted, **accepted}, cases=())
    return Decision(state=after, facts=facts, writes=writes)


def _case(each: Difference, told: str, opened_at: datetime) -> ExceptionCase:
    sentence = f"{each.sentence}; {told}" if told else each.sentence
    return ExceptionCase(
        kind=KIND, cause=each.cause, sentence=sentence, opened_at=opened_at, amount=each.amount, currency=each.currency
    )


def _changed(change: Change) -> Fact:
    values: dict[str, Any] = {"field": change.field.replace("_", " "), "was": change.was, "is": change.is_}
    return Fact(kind="changed_by_hand", values={**values, "user": change.by})


def _differs(each: Difference) -> Fact:
    values: dict[str, Any] = {"what": each.cause, "expected": each.was, "found": each.is_}
    return Fact(kind="sale_differs", values={**values, "amount": f"{each.amount} {each.currency}"})


class SaleChecks:
    """The actor. See the module."""

    name = NAME
    message_type = SaleCompared | AcceptDifferences | OrderClosed
    state_type = SaleCheck

    def __init__(self, emit: Callable[[Any], None]) -> None:
        self._emit = emit

    def begin(self, key: str) -> SaleCheck:  # noqa: ARG002 - every order begins alike
        """Nothing differs."""
        return SaleCheck()

    async def ready(self) -> None:
        """There is nothing to wait for."""

    async def resolve(self, items: Sequence[Item]) -> Sequence[Message | Exception]:
        """Messages bring what is needed."""
        return [item.message for item in items]

    def decide(self, state: SaleCheck, message: Any, now: datetime) -> Decision:
        """See `decide` above."""
        return decide(state, message, now)

    def project(self, key: str, before: SaleCheck, after: SaleCheck, now: datetime) -> Sequence[Write]:
        """The cases."""
        return case_rows(key, before.cases, after.cases, now, how="the sale agrees again, or a person has accepted it")

    def announce(self, key: str, before: SaleCheck, after: SaleCheck) -> None:
        """Count the cases."""
        announce_cases(key, before.cases, after.cases, self._emit)
