"""The actors that write money into Fulfil: what they do when a call comes to nothing, and what they look at again."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from connectors.fulfil.ledger import MAKE_LEDGER_MOVE, PERIODS
from connectors.fulfil.sales import SALES
from connectors.fulfil.workflow import POST_LEDGER_MOVE
from flows.ledger import posting
from flows.ledger.parts import Batch, BatchLine
from flows.ledger.posting import PAYOUTS_PER_STEP, RESENDS_MAX
from flows.ledger.state import LedgerState, LookAgain, PayoutsFound, Rules
from flows.model.posting_matrix import PostingSettings
from flows.model.postings import PostDue
from flows.payment_mapper import LookAtBlocked, RecordNow, recording
from flows.payment_mapper.batch import Blocked, Recording
from flows.payment_mapper.parts import Entry, PaymentRefused
from runtime.decision import Decision, EffectAbsent, EffectExhausted, EffectRefused, Timer

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
ADD = "add_transactions"
CAPTURE = Entry(
    order="web/1", record="+C1", sale=1, type="charge", wanted="completed", reference="C1", amount=Decimal(10)
)
RECORDING = Recording(entries=(CAPTURE,), doing=(0,))
BATCH = Batch(
    reference="Seamline web USD 2026-11-20 no 7 abc", sales_channel="web", currency="USD", booked_on=date(2026, 11, 20),
    journal="GEN", lines=(BatchLine(account="6100", debit=Decimal(3), credit=Decimal(0), description="fee"),),
    total=Decimal(3), digest="abc", postings=("payout/web/stripe/1#1",),
)  # fmt: skip
LEDGER = LedgerState(running=True, planned=True, doing=BATCH)
RULES = Rules(settings=PostingSettings(mode="live", currency="USD"))


def exhausted(kind: str) -> EffectExhausted:
    """It was tried as often as it may be."""
    return EffectExhausted(
        intent=5, kind=kind, cause="http", sentence="no answer", began_us=0, ended_us=0, attempts=9
    )  # fmt: skip


def refused(kind: str) -> EffectRefused:
    """Fulfil does not take it."""
    return EffectRefused(intent=5, kind=kind, code="400", sentence="no access", began_us=0, ended_us=0, attempts=1)


def records(state: Recording, message: object) -> Decision:
    return recording.decide(state, message, NOW, timedelta(seconds=30), "reference")


def posts(state: LedgerState, message: object) -> Decision:
    return posting.decide(state, message, NOW, RULES)


def test_payments_that_could_not_be_recorded_are_tried_again_later() -> None:
    """In five minutes when Fulfil was away, in an hour when it refuses to tell; what is due stays due in its rows."""
    for message, minutes in ((exhausted(ADD), 5), (refused(SALES.find.kind), 60)):
        decided = records(RECORDING, message)
        assert decided.timers == (Timer(name="again", due=NOW + timedelta(minutes=minutes), message=RecordNow()),)
        assert (decided.state.entries, decided.writes) == ((), ())


def test_a_payment_whose_answer_was_lost_is_looked_for_and_its_call_is_over() -> None:
    """No bytes are sent a second time: what is not there is planned anew; one that is lost each time is refused."""
    lost = EffectAbsent(intent=5, kind=ADD, attempts=1)
    once = records(RECORDING, lost)
    assert (once.settle, once.resend) == ((5,), ())
    assert [effect.kind for effect in once.effects] == [SALES.find.kind]
    again = replace(RECORDING, lost=(("web/1", "+C1"),) * 5)
    decided = records(again, lost)
    assert decided.settle == (5,)
    assert isinstance(decided.emits[0].message, PaymentRefused)
    assert decided.emits[0].message.record == "+C1"


def test_a_batch_that_could_not_be_posted_is_looked_for_first_when_it_is_tried_again() -> None:
    """In five minutes when Fulfil was away, in an hour when it refuses to tell."""
    for message, minutes in ((exhausted(MAKE_LEDGER_MOVE.kind), 5), (refused(PERIODS.changed.kind), 60)):
        decided = posts(LEDGER, message)
        assert decided.timers == (Timer(name="post", due=NOW + timedelta(minutes=minutes), message=PostDue()),)
        assert (decided.state.queue, decided.state.doing, decided.state.running) == ((BATCH,), None, False)
        assert decided.writes == ()


@pytest.mark.parametrize("kind", [MAKE_LEDGER_MOVE.kind, POST_LEDGER_MOVE.kind])
def test_a_call_of_a_batch_that_was_proven_not_applied_is_sent_again_but_not_for_ever(kind: str) -> None:
    """Then it is a case. A batch that was never made is due again; a draft stays, and is no second one."""
    lost = EffectAbsent(intent=5, kind=kind, attempts=1)
    once = posts(replace(LEDGER, resends=RESENDS_MAX - 1), lost)
    assert (once.resend, once.settle, once.state.resends) == ((5,), (), RESENDS_MAX)
    last = posts(replace(LEDGER, resends=RESENDS_MAX), lost)
    assert (last.resend, last.settle) == ((), (5,))
    assert [(case.kind, case.amount) for case in last.state.cases] == [("posting.refused", Decimal(3))]
    freed = "free_postings" in {write.statement for write in last.writes}
    assert freed == (kind == MAKE_LEDGER_MOVE.kind)
    assert last.state.stuck == (() if freed else (BATCH,))


def test_orders_whose_payments_were_blocked_are_judged_again_until_there_are_no_more() -> None:
    """A start has them all looked at, a part at a time."""
    more = LookAtBlocked(after="web/2")
    for behind in (more, None):
        decided = records(Recording(), Blocked(orders=("web/1", "web/2"), more=behind))
        assert [emit.key for emit in decided.emits[:2]] == ["web/1", "web/2"]
        assert [emit.message for emit in decided.emits[2:]] == ([] if behind is None else [more])


def test_payouts_are_looked_at_again_when_the_matrix_is_another_one() -> None:
    """Once; also while a run is under way, which is then followed by another one."""
    rules = replace(RULES, matrix="new")
    for state in (LEDGER, LedgerState()):
        begun = posting.decide(state, PostDue(), NOW, rules)
        assert LookAgain() in [emit.message for emit in begun.emits]
        assert (begun.state.matrix, begun.state.again) == ("new", state.running)
        again = posting.decide(begun.state, PostDue(), NOW, rules)
        assert LookAgain() not in [emit.message for emit in again.emits]


def test_payouts_behind_those_of_one_step_are_looked_at_in_the_next() -> None:
    """As long as a step is full."""
    keys = tuple(f"payout/web/stripe/{number}" for number in range(PAYOUTS_PER_STEP))
    full, last = (posts(LEDGER, PayoutsFound(keys=found)) for found in (keys, keys[1:]))
    assert [emit.key for emit in last.emits] == list(keys[1:])
    assert full.emits[-1].message == LookAgain(after=keys[-1])
    assert len(full.emits) == len(keys) + 1
