"""What is found of the sale of one order: its differences as cases, its changes by hand as facts.

In: `SaleCompared` of the reconciler, `RefundsCompared`, `OrderClosed` and `OrderReopened` of the closing,
`AcceptDifferences` of a person. Out: a case for each cause; the acceptance, on record; the last fact of the order,
which ends its trace. Key: the order's. No effects. A case ends by itself when a later look agrees. What a person
accepts stays accepted while Fulfil, or the payout, has that very figure. A refund that no payout has is a case only
after some days.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
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
REFUND_DAYS = 10
"""How long a refund may take until a payout has it, unless the configuration says otherwise."""


class SaleCompared(Message, frozen=True, kw_only=True):
    """The sale of an order was read back: how it differs now, and what was changed by hand since it was read before."""

    sale: int
    differences: tuple[Difference, ...]
    changes: tuple[Change, ...] = ()


class RefundsCompared(Message, frozen=True, kw_only=True):
    """Each refund of an order that is not the same in payouts, and each dispute that they alone have: as it stands."""

    differences: tuple[Difference, ...]


class OrderClosed(Message, frozen=True, kw_only=True):
    """The order waits for nothing any more: what settled it."""

    evidence: tuple[str, ...]


class OrderReopened(Message, frozen=True, kw_only=True):
    """The order was settled, and is not any more: what it waits for now."""

    waits: tuple[str, ...]


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
    refunds: tuple[Difference, ...] = ()
    """Those of its refunds, of payouts that have them otherwise or not in time, and disputes that these alone have."""
    refunds_accepted: dict[str, Accepted] = {}
    unpaid_since: dict[str, datetime] = {}
    """By cause: when a refund was seen first that no payout has, or not all of."""
    cases: tuple[ExceptionCase, ...] = ()


def decide(
    state: SaleCheck, message: Any, now: datetime, unpaid_after: timedelta = timedelta(days=REFUND_DAYS)
) -> Decision:
    """What follows for one order. Pure."""
    match message:
        case SaleCompared():
            return _compared(state, message, now)
        case RefundsCompared(differences=differences):
            return _refunds_compared(state, differences, now, unpaid_after)
        case AcceptDifferences():
            return _accepted(state, message, now)
        case OrderClosed(evidence=evidence):
            by = "; ".join(evidence) or "nothing has to come"
            return Decision(state=state, facts=(Fact(kind="settled", values={"by": by}),), closes=True)
        case OrderReopened(waits=waits):
            return Decision(state=state, facts=(Fact(kind="reopened", values={"waits": ", and ".join(waits)}),))
        case _:
            raise TypeError(f"the check of a sale has no use for a {type(message).__name__}")


def _compared(state: SaleCheck, found: SaleCompared, now: datetime) -> Decision:
    by_cause = {each.cause: each for each in found.differences}
    accepted = _still_accepted(state.accepted, by_cause)
    changed = {each.field: each.sentence for each in found.changes}
    told = {cause: changed.get(cause) or state.told.get(cause, "") for cause in by_cause}
    of_refunds = {each.cause: state.told[each.cause] for each in state.refunds if each.cause in state.told}
    told = {**{cause: sentence for cause, sentence in told.items() if sentence}, **of_refunds}
    open_ = tuple(each for each in found.differences if each.cause not in accepted)
    known = {each.cause for each in state.open}
    facts = [_changed(each) for each in found.changes]
    facts += [_fact("sale_differs", each) for each in open_ if each.cause not in known]
    facts += [Fact(kind="sale_agrees", values={"what": cause}) for cause in known if cause not in by_cause]
    after = replace(state, sale=found.sale, open=open_, accepted=accepted, told=told)
    return Decision(state=_with_cases(after, now), facts=tuple(facts), trace=bool(open_))


def _refunds_compared(
    state: SaleCheck, found: tuple[Difference, ...], now: datetime, unpaid_after: timedelta
) -> Decision:
    """What payouts have otherwise is a case at once; what none of them has yet, when that lasts too long."""
    by_cause = {each.cause: each for each in found}
    accepted = _still_accepted(state.refunds_accepted, by_cause)
    since = {each.cause: state.unpaid_since.get(each.cause, now) for each in found if each.may_follow}
    due = [each for each in found if now - since.get(each.cause, now - unpaid_after) >= unpaid_after]
    open_ = tuple(each for each in due if each.cause not in accepted)
    known = {each.cause for each in state.refunds}
    facts = [_fact("refund_differs", each) for each in open_ if each.cause not in known]
    facts += [Fact(kind="refund_agrees", values={"what": cause}) for cause in known if cause not in by_cause]
    told = {each.cause: f"that was seen first on {since[each.cause]:%Y-%m-%d}" for each in open_ if each.cause in since}
    told = {**{cause: said for cause, said in state.told.items() if cause not in known}, **told}
    after = replace(state, refunds=open_, refunds_accepted=accepted, unpaid_since=since, told=told)
    return Decision(state=_with_cases(after, now), facts=tuple(facts), trace=bool(open_))


def _still_accepted(accepted: Mapping[str, Accepted], found: Mapping[str, Difference]) -> dict[str, Accepted]:
    """What people have accepted, and is found with the very same figures."""
    return {
        cause: each
        for cause, each in accepted.items()
        if cause in found and each == Accepted(was=found[cause].was, is_=found[cause].is_)
    }


def _with_cases(state: SaleCheck, now: datetime) -> SaleCheck:
    """A case for each difference; one that was open before keeps the instant at which it began."""
    known = {case.cause: case.opened_at for case in state.cases}
    cases = (
        _case(each, state.told.get(each.cause, ""), known.get(each.cause, now))
        for each in (*state.open, *state.refunds)
    )
    return replace(state, cases=tuple(cases))


def _accepted(state: SaleCheck, message: AcceptDifferences, now: datetime) -> Decision:
    """They stand, with a name and a reason; the audit log has the same."""
    accepted, refunds = (
        {each.cause: Accepted(was=each.was, is_=each.is_) for each in some} for some in (state.open, state.refunds)
    )
    both = (*state.open, *state.refunds)
    facts = tuple(
        Fact(
            kind="difference_accepted" if each.cause in accepted else "refund_accepted",
            values={"what": each.cause, "amount": f"{each.amount} {each.currency}"},
        )
        for each in both
    )
    writes = tuple(
        Write(
            "put_accepted_difference",
            (
                message.subject, each.cause, to_instant(now), message.by, message.reason, str(each.amount),
                each.currency, each.was, each.is_,
            ),
        )
        for each in both
    )  # fmt: skip
    after = replace(
        state, open=(), accepted={**state.accepted, **accepted}, refunds=(),
        refunds_accepted={**state.refunds_accepted, **refunds}, cases=(),
    )  # fmt: skip
    return Decision(state=after, facts=facts, writes=writes)


def _case(each: Difference, told: str, opened_at: datetime) -> ExceptionCase:
    sentence = f"{each.sentence}; {told}" if told else each.sentence
    return ExceptionCase(
        kind=each.kind,
        cause=each.cause,
        sentence=sentence,
        opened_at=opened_at,
        amount=each.amount,
        currency=each.currency,
        happened_at=each.happened_at,
    )


def _changed(change: Change) -> Fact:
    values: dict[str, Any] = {"field": change.field.replace("_", " "), "was": change.was, "is": change.is_}
    return Fact(kind="changed_by_hand", values={**values, "user": change.by})


def _fact(kind: str, each: Difference) -> Fact:
    values: dict[str, Any] = {"what": each.cause, "expected": each.was, "found": each.is_}
    return Fact(kind=kind, values={**values, "amount": f"{each.amount} {each.currency}"})


class SaleChecks:
    """The actor. See the module."""

    name = NAME
    message_type = SaleCompared | RefundsCompared | AcceptDifferences | OrderClosed | OrderReopened
    state_type = SaleCheck

    def __init__(self, emit: Callable[[Any], None], unpaid_after: timedelta = timedelta(days=REFUND_DAYS)) -> None:
        self._emit, self._unpaid_after = emit, unpaid_after

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
        return decide(state, message, now, self._unpaid_after)

    def project(self, key: str, before: SaleCheck, after: SaleCheck, now: datetime) -> Sequence[Write]:
        """The cases."""
        return case_rows(key, before.cases, after.cases, now, how="both sides agree again, or a person has accepted it")

    def announce(self, key: str, before: SaleCheck, after: SaleCheck) -> None:
        """Count the cases."""
        announce_cases(key, before.cases, after.cases, self._emit)
