"""What stands against a payout: finance's cases, each with its amount. Pure.

A case that a person has let stand is not opened again, as long as it is about the same amount.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from flows.exceptions.kinds import ExceptionCase
from flows.model.cases import case_in
from flows.model.money import ZERO, Money, exactly, summed
from flows.model.payout import LineClass, PayoutHeader, PayoutStatus
from flows.model.payout_proof import prove_payout
from flows.model.returned import FAILED
from flows.payout_importer.messages import Kept, PayoutState

ARRIVES_WITHIN = timedelta(days=3)
"""From the beginning of the day on which it is expected: two days of grace for the bank."""
NAMED_MAX = 5
_ON_ITS_WAY = (PayoutStatus.PENDING, PayoutStatus.IN_TRANSIT)


def due_at(header: PayoutHeader) -> datetime | None:
    """From when on a payout that has not arrived is late; None when it has, or nobody says when it should."""
    if header.status not in _ON_ITS_WAY or header.expected_on is None:
        return None
    day = header.expected_on
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + ARRIVES_WITHIN


def cases_of(state: PayoutState, now: datetime) -> tuple[ExceptionCase, ...]:
    """Every case that is open now. One that was open before keeps the instant at which it began."""
    if state.header is None:
        return ()
    found = []
    for kind, sentence, amount in _against(state, state.header, now):
        if accepted_as(kind, amount) in state.accepted:
            continue
        found.append(
            case_in(
                state.cases,
                kind,
                state.provider,
                f"payout {state.header.id} of {state.provider}: {sentence}"[:500],
                now,
                amount=abs(amount),
                currency=state.header.currency,
            )
        )
    return tuple(found)


def accepted_as(kind: str, amount: Decimal) -> str:
    """How it is remembered that a case of this amount was let stand."""
    return f"{kind} {abs(amount).normalize():f}"


def _against(state: PayoutState, header: PayoutHeader, now: datetime) -> Iterator[tuple[str, str, Decimal]]:
    yield from _against_figures(state, header)
    yield from _against_links(state, header)
    yield from _against_files(state, header)
    paid = header.paid if header.paid is not None else state.sums.net
    if header.status in FAILED:
        yield "payout.failed", f"it is {header.status.value}; its money was never received", paid
    due = due_at(header)
    if due is not None and now >= due:
        yield "payout.overdue", f"it was expected on {header.expected_on} and is {_told(header.status)}", paid


def _told(status: PayoutStatus) -> str:
    return status.value.replace("_", " ")


def _against_figures(state: PayoutState, header: PayoutHeader) -> Iterator[tuple[str, str, Decimal]]:
    proof = prove_payout(header, state.sums, state.bank)
    if proof.failing:
        alike = _alike(state, proof.difference)
        yield "payout.untied", "; ".join(each.sentence for each in proof.failing) + alike, proof.difference
    if unexplained := state.sums.unexplained:
        net = state.sums.of(LineClass.UNEXPLAINED)
        whole = "" if unexplained == abs(net) else f"; without their signs to {Money(unexplained, header.currency)}"
        said = f"lines that no class fits, or rests of lines, come to {Money(net, header.currency)}{whole}"
        yield "payout.unexplained", said, unexplained
    if state.fees_off:
        amount = Money(state.fees_off_amount, header.currency)
        alone = "the fee of 1 sale is not the agreed one, by"
        several = f"the fees of {state.fees_off} sales are not the agreed ones, together by"
        said = f"{alone if state.fees_off == 1 else several} {amount}: "
        yield "payout.fee", said + _some(list(state.fees_off_named), state.fees_off), state.fees_off_amount
    if state.otherwise is not None and state.otherwise.paid is not None and header.paid is not None:
        was, now_ = Money(header.paid, header.currency), Money(state.otherwise.paid, header.currency)
        yield "payout.changed", f"it was {was} before, and a later file says {now_}", (now_ - was).amount
    elif state.changed:
        yield "payout.changed", _changed(state), summed(state.changed.values())


def _alike(state: PayoutState, difference: Decimal) -> str:
    """Whether what stood there twice would explain the difference."""
    for kept in state.found.values():
        if kept.amount is not None and kept.kind in ("alike", "repeated") and abs(kept.amount) == abs(difference):
            return f"; that is the amount of a line of which the file says: {kept.sentence}"
    return ""


def _changed(state: PayoutState) -> str:
    named = [f"{line} by {difference}" for line, difference in sorted(state.changed.items())]
    return f"a later file tells {len(named)} of its lines otherwise: {_some(named)}"


def _some(named: list[str], count: int = 0) -> str:
    more = max(count, len(named)) - min(NAMED_MAX, len(named))
    return ", ".join(named[:NAMED_MAX]) + (f" and {more} more" if more > 0 else "")


def _against_links(state: PayoutState, header: PayoutHeader) -> Iterator[tuple[str, str, Decimal]]:
    if state.unlinked:
        amount = Money(state.unlinked_amount, header.currency)
        said = f"{state.unlinked} lines are of no order that is known here; they come to {amount}"
        yield "payout.unlinked", said, state.unlinked_amount


def _against_files(state: PayoutState, header: PayoutHeader) -> Iterator[tuple[str, str, Decimal]]:
    ties = prove_payout(header, state.sums, state.bank).verdict == "proven"  # then nothing of it is missing
    for kind, name in (("repeated", "payout.repeated"), *(() if ties else (("incomplete", "payout.incomplete"),))):
        kept = [each for each in state.found.values() if each.kind == kind]
        if kept:
            yield name, _some([each.sentence for each in kept]), _amounts(kept)
    if state.twice:
        what = "; take back one of two (`seamline payouts drop`), or release it when both were paid"
        yield "payout.twice", _some(list(state.twice)) + what, state.twice_amount
    kept = [each for each in state.found.values() if each.kind == "contradiction"]
    sentences = [each.sentence for each in kept]
    sentences += [f"line {each}" for each in (*state.conflicts, *state.elsewhere)]
    if sentences:
        yield "payout.contradiction", _some(sentences), _plus(_amounts(kept), state.elsewhere_amount)


@exactly
def _plus(one: Decimal, other: Decimal) -> Decimal:
    return one + other


@exactly
def _amounts(kept: Sequence[Kept]) -> Decimal:
    return sum((each.amount for each in kept if each.amount is not None), ZERO)
