"""The decision about an order's payments: what is due at Fulfil, whose case is what, and what its story says. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final, assert_never

from msgspec.structs import replace

from flows.exceptions.kinds import ExceptionCase
from flows.model.cases import case_in
from flows.model.messages import Recheck
from flows.model.money import ZERO, Money, exactly
from flows.model.order import PaymentKind
from flows.model.payments import TendersSeen
from flows.payment_mapper.filling import digest_of, metafields
from flows.payment_mapper.keeping import Kept, OrderPayments, RecordRules, judged, kept_with
from flows.payment_mapper.parts import FIELDS, RECORDER, RECORDER_KEY, PaymentRecorded, PaymentRefused, RecordDue
from runtime.decision import Decision, Emit, Fact

UNRECORDED: Final = "payment.unrecorded"
CHARGED_BACK: Final = "payment.charged_back"
_KINDS: Final = {
    PaymentKind.SALE: "payment",
    PaymentKind.CAPTURE: "capture",
    PaymentKind.AUTHORISATION: "authorisation",
    PaymentKind.VOID: "void",
    PaymentKind.REFUND: "refund",
    PaymentKind.CHARGEBACK: "chargeback",
}


def decide(state: OrderPayments, message: Any, now: datetime, rules: RecordRules) -> Decision:
    """What becomes of an order's payments, given what is remembered of them and what has just been learnt. Pure."""
    match message:
        case TendersSeen():
            return _seen(state, message, now, rules)
        case PaymentRecorded():
            return _recorded(state, message, now)
        case PaymentRefused():
            return _refused(state, message, now)
        case Recheck(because=because):
            return _looked_at(state, now, rules, by_person=because == "person")
        case _:
            assert_never(message)


def _seen(state: OrderPayments, seen: TendersSeen, now: datetime, rules: RecordRules) -> Decision:
    records = kept_with(state.records, seen.tenders, seen.sent, rules, now)
    after = replace(
        state, sale=seen.sale, currency=seen.currency, reference=seen.reference, placed_at=seen.placed_at,
        records=records,
    )  # fmt: skip
    return _concluded(state, after, now, rules)


def _recorded(state: OrderPayments, told: PaymentRecorded, now: datetime) -> Decision:
    """Fulfil has it; what the sales channel has said of it meanwhile is still due."""
    known = state.records.get(told.record)
    if known is None or (known.wanted == told.state and known.status == "recorded"):
        return Decision(state=state)
    records = state.records
    if known.wanted == told.state:
        records = {**records, told.record: replace(known, status="recorded", why="", cause="")}
    values: dict[str, Any] = {
        "payment": known.reference,
        "what": _KINDS[known.tender.kind],
        "amount": _amount(known, state.currency),
        "state": told.state,
        "found": told.found,
    }
    return _with_cases(replace(state, records=records), now, Fact(kind="payment_recorded", values=values))


def _refused(state: OrderPayments, told: PaymentRefused, now: datetime) -> Decision:
    """Fulfil does not take it. What is to be there by now, it was not asked for."""
    if told.record == FIELDS:
        is_past = told.wanted not in ("", digest_of(state.fields))
        return _with_cases(state if is_past else replace(state, fields_refused=told.sentence), now)
    known = state.records.get(told.record)
    if known is None or known.status != "due" or told.wanted not in ("", known.wanted):
        return Decision(state=state)
    refused = replace(known, status="refused", why=told.sentence, cause=known.reference)
    return _with_cases(replace(state, records={**state.records, told.record: refused}), now)


def _looked_at(state: OrderPayments, now: datetime, rules: RecordRules, *, by_person: bool) -> Decision:
    """What stood against it may be over. A person says that it is: where it still stands, it was dealt with."""
    records = dict(state.records)
    for key, known in state.records.items():
        if known.status == "blocked" or (known.status == "refused" and by_person):
            again = judged(known, rules)
            if again.status == "due":
                records[key] = again
            elif by_person:
                records[key] = replace(again, status="dealt_with")
        elif known.status == "disputed" and by_person:
            records[key] = replace(known, status="dealt_with")
    return _concluded(state, replace(state, records=records, fields_refused=""), now, rules)


def _concluded(before: OrderPayments, after: OrderPayments, now: datetime, rules: RecordRules) -> Decision:
    """The recorder hears of what is due now and was not."""
    fields = metafields(after, rules)
    after = replace(after, fields=fields, fields_refused=after.fields_refused if fields == before.fields else "")
    changed = [each for key, each in after.records.items() if before.records.get(key) is not each]
    decision = _with_cases(after, now, *_facts(after, changed))
    if not any(each.status == "due" for each in changed) and after.fields == before.fields:
        return decision
    return replace(decision, emits=(Emit(channel=RECORDER, key=RECORDER_KEY, message=RecordDue()),))


def _facts(state: OrderPayments, changed: Iterable[Kept]) -> Iterator[Fact]:
    for each in changed:
        values: dict[str, Any] = {"payment": each.reference, "amount": _amount(each, state.currency)}
        if each.status == "blocked":
            yield Fact(kind="payment_unrecorded", values={**values, "why": each.why})
        if each.status == "disputed":
            yield Fact(kind="charged_back", values=values)
        if each.suspense and each.status == "due":
            yield Fact(kind="payment_suspended", values={**values, "gateway": each.method})


# -- cases -------------------------------------------------------------------------------------------------------------


def _with_cases(state: OrderPayments, now: datetime, *facts: Fact) -> Decision:
    """A decision with the cases that follow from its records; one that is open keeps its beginning."""
    known = {(case.kind, case.cause): case for case in state.cases}
    cases = tuple(
        case if before is None else replace(case, opened_at=before.opened_at)
        for case in _cases(state, now)
        for before in (known.get((case.kind, case.cause)),)
    )
    return Decision(state=replace(state, cases=cases), facts=facts, trace=bool(cases))


def _cases(state: OrderPayments, now: datetime) -> Iterator[ExceptionCase]:
    """One for each cause, with the sum at stake. An authorisation takes no money, so its record is nobody's case."""
    by_cause: dict[str, list[Kept]] = {}
    for each in state.records.values():
        if each.status in ("blocked", "refused") and _is_money(each):
            by_cause.setdefault(each.cause, []).append(each)
        if each.status == "disputed":
            sentence = f"the customer's bank takes back {_amount(each, state.currency)} ({each.reference}), and nobody "
            yield _case(CHARGED_BACK, each.reference, f"{sentence}has decided yet", [each], state, now)
    if state.fields_refused:
        sentence = f"the metafields of sale {state.sale} in Fulfil are not set: {state.fields_refused}"
        yield _case(UNRECORDED, "metafields", sentence, (), state, now)
    for cause, of in by_cause.items():
        yield _case(UNRECORDED, cause, _sentence(of, state), of, state, now)


def _is_money(record: Kept) -> bool:
    return record.wanted == "completed" or record.status == "refused"


def _sentence(of: list[Kept], state: OrderPayments) -> str:
    what = " and ".join(
        f"{_KINDS[each.tender.kind]} {each.reference} of {_amount(each, state.currency)}" for each in of[:_NAMED_MAX]
    )
    more = f" and {len(of) - _NAMED_MAX} more" if len(of) > _NAMED_MAX else ""
    return f"sale {state.sale} in Fulfil does not have {what}{more}: {of[0].why.rstrip('.')}"


_NAMED_MAX = 3


@exactly
def _case(
    kind: str, cause: str, sentence: str, of: Iterable[Kept], state: OrderPayments, now: datetime
) -> ExceptionCase:
    amounts = [each.amount for each in of if each.amount is not None]
    stake = sum(amounts, ZERO) if amounts else None
    return case_in((), kind, cause, sentence, now, amount=stake, currency=state.currency)


def _amount(record: Kept, currency: str) -> str:
    return str(record.tender.paid if record.amount is None else Money(record.amount, currency))
