"""Stories of what a create comes back with: answers that get lost by the thousand, and successes that are none."""

from __future__ import annotations

import random

import msgspec
import pytest

from connectors.fulfil.wire import SaleFound
from flows.model.messages import Recheck
from flows.model.order_state import OrderState, Status
from flows.order_importer import decide
from runtime.decision import EffectDone
from tests.unit.order_messages import (
    INTENT,
    LATER,
    NOW,
    V2,
    absent,
    creating,
    done,
    given_up,
    imported,
    kinds,
    lost,
    only_case,
    shown,
    told,
    weighed,
)


def test_ten_thousand_creates_of_which_one_in_twenty_loses_its_answer_make_no_second_sale() -> None:
    """Failure case 3: whether the lost call was applied or not, the look finds out, and only its answer sends again."""
    draw, began = random.Random(3), creating()
    for _ in range(10_000):
        state, sales, sends = began, 0, 1
        while state.status is not Status.IMPORTED:
            applied, answered = draw.random() > 0.025, draw.random() > 0.05
            if sales == 0 and applied:
                sales += 1
            if applied and answered:
                state = decide(state, done(), NOW).state
                continue
            state = decide(state, lost(), NOW).state
            assert state.status is Status.UNKNOWN
            decision = decide(state, done(by_look=True) if sales else absent(sends), NOW)
            sends += len(decision.resend)
            assert decision.resend == (() if sales else (INTENT,))
            assert not decision.effects, "a second create would be another intent"
            state = decision.state
        assert sales == 1


@pytest.mark.parametrize("in_state", ["failed", "provisional", "ignored", "cancel", "cancelled"])
@pytest.mark.parametrize("found", ["answered", "by a look", "after it was given up"])
def test_a_create_that_succeeded_without_anything_to_ship_is_a_case(in_state: str, found: str) -> None:
    """Failure case 38: Fulfil answers with a sale that stands still. It is in Fulfil, and operations is asked."""
    if found == "after it was given up":
        row = SaleFound(id=9, channel_identifier="1001", number="SO9", state=in_state)
        there = EffectDone(intent=5, kind="find_sale", result=(row,), began_us=1, ended_us=2, attempts=1)
        decision = decide(given_up(), there, LATER)
    else:
        made = msgspec.structs.replace(done().result, state=in_state)
        answer = msgspec.structs.replace(done(by_look=found == "by a look"), result=made)
        decision = decide(creating(), answer, LATER)
    case = only_case(decision)
    assert (case.kind, case.cause) == ("sale.stalled", in_state)
    assert "sale SO9" in case.sentence
    assert in_state in case.sentence
    assert (decision.state.status, decision.state.sale) == (Status.IMPORTED, 9)
    assert (decision.closes, decision.trace, decision.effects) == (False, True, ())


@pytest.mark.parametrize("in_state", [None, "draft", "quotation", "confirmed", "processing", "done", "of tomorrow"])
def test_a_sale_that_goes_on_or_does_not_tell_is_no_case(in_state: str | None) -> None:
    """An answer of nothing but an id says nothing of the state, and a word that is not known accuses nobody."""
    made = msgspec.structs.replace(done().result, state=in_state)
    decision = decide(creating(), msgspec.structs.replace(done(), result=made), LATER)
    assert (decision.state.cases, decision.closes) == ((), True)


def stalled() -> OrderState:
    made = msgspec.structs.replace(done().result, state="failed")
    state: OrderState = decide(creating(), msgspec.structs.replace(done(), result=made), NOW).state
    return state


def test_a_stalled_sale_stays_a_case_until_a_person_has_seen_to_it() -> None:
    """Echoes and edits leave it open since it began; a release ends it, and sends nothing."""
    echoed = weighed(stalled(), shown(V2, delivery=2, tags=("in-erp",)), LATER)
    assert (told(echoed), only_case(echoed).opened_at) == (["unchanged"], NOW)
    edited = weighed(stalled(), shown(V2, delivery=2, total="12.00"), LATER)
    assert sorted(kinds(edited.state)) == ["order.edited", "sale.stalled"]
    assert edited.effects == ()
    dealt_with = decide(stalled(), Recheck(because="person"), LATER)
    assert (dealt_with.state.cases, dealt_with.effects, told(dealt_with)) == ((), (), ["dealt_with"])


def test_an_order_whose_sale_goes_on_is_done() -> None:
    """What the cases above are measured against: nothing is left open, and its body is no longer needed."""
    assert (imported().cases, imported().open) == ((), False)
