"""Each state of an order in plain words: where it stands, whose move it is, and what that move is."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from flows.exceptions.kinds import KINDS, Lever, Owner
from flows.explain import explain, explained
from flows.model.audit import AuditEntry, ChainEnd, entry_after
from flows.model.order_state import Status
from flows.reading.proof import EquationTold
from flows.reading.rows import CaseRow, ClosingRow, FactRow, OrderRow, PauseRow, Story
from runtime.clock import Instant, to_instant

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def row(state: str, **changes: Any) -> OrderRow:
    fields: dict[str, Any] = {
        "key": "web/1001",
        "sales_channel": "web",
        "order_id": "1001",
        "reference": "#1001",
        "state": state,
        "proof": "proven",
        "amount": "10.00",
        "currency": "USD",
        "placed_at": NOW,
        "sale": None,
        "sale_number": None,
        "changed_at": NOW,
    }
    return OrderRow(**{**fields, **changes})


def case(kind: str, **changes: Any) -> CaseRow:
    fields: dict[str, Any] = {
        "fingerprint": "f",
        "kind": kind,
        "subject": "web/1001",
        "cause": "c",
        "sentence": "something is wrong",
        "owner": KINDS[kind].owner.value,
        "amount": "10.00",
        "currency": "USD",
        "opened_at": NOW,
        "deadline_at": NOW + KINDS[kind].deadline,
        "closed_at": None,
        "closed_how": None,
    }
    return CaseRow(**{**fields, **changes})


def fact(kind: str, **values: Any) -> FactRow:
    return FactRow(id=1, actor="order_importer", kind=kind, began_at=NOW, ended_at=NOW, values=values)


def told(order: OrderRow | None, *cases: CaseRow, facts: tuple[FactRow, ...] = (), now: datetime = NOW) -> str:
    return explain(Story(order=order, key="web/1001", cases=cases, timeline=facts), now)


def test_the_number_of_a_sale_stands_in_the_place_of_its_id() -> None:
    """People search for SO90005; an id of another sale stays."""
    facts = (fact("created", sale=90005, attempts=1), fact("second_sale", sale=7))
    lines = told(row("imported", sale=90005, sale_number="SO90005"), facts=facts).splitlines()
    assert lines[-2].endswith("created in Fulfil as sale SO90005, attempt 1")
    assert lines[-1].endswith("a second sale of it was found in Fulfil, 7")


@pytest.mark.parametrize(
    ("opened", "wait"),
    [
        (["sale.differs", "refund.failed"], "for its open cases to end (refund.failed, sale.differs)"),
        (["refund.failed"], "for its open cases to end (refund.failed)"),
        ([], "to be looked at again, since its cases have ended"),
    ],
)
def test_what_an_order_waits_for_until_it_is_settled_names_no_case_that_has_ended(opened: list[str], wait: str) -> None:
    """The look before has found them; the next one comes some minutes later."""
    waits = ("for its goods to leave", "for its open cases to end (refund.failed, sale.differs)")
    story = Story(
        order=row("imported", sale=9), key="web/1001", cases=tuple(case(each) for each in opened), timeline=(),
        closing=ClosingRow(waits=waits, settled_at=None, evidence=()),
    )  # fmt: skip
    assert f"Until it is settled it waits for its goods to leave, and {wait}." in explain(story, NOW)


def test_cases_of_one_kind_are_one_paragraph() -> None:
    """Two equations that miss the same amount have one remedy, and one amount at stake."""
    kind, owed = "order.contradiction", "1.00"
    both = [case(kind, fingerprint=each, sentence=each, amount=owed) for each in ("lines say 64", "payments say 64")]
    said = told(None, *both, case("step.parked"))
    assert "lines say 64. payments say 64. At stake: 1.00 USD." in said
    assert said.count("Next step, by finance") == 1
    assert said.count("Next step, by sre") == 1


@pytest.mark.parametrize(
    ("order", "cases", "standing", "step"),
    [
        (None, (), "was received and waits to be decided on", "Next step, by Seamline: decide on it"),
        (None, (case("step.parked"),), "could not be decided on: it is set aside", "Next step, by sre"),
        (row("creating"), (), "is on its way", "Next step, by Seamline: create the sale"),
        (row("unknown"), (), "the answer was lost", "Next step, by Seamline: look whether the sale is there"),
        (row("creating"), (), "is on its way", "as soon as Fulfil takes the call. Nobody has to act."),
        (row("creating"), (case("fulfil.refused"),), "is on its way", "wait for what comes of it before you act"),
        (
            row("unknown"),
            (case("fulfil.unsettled"),),
            "the answer was lost",
            "wait for what comes of it before you act",
        ),
        (row("held"), (case("sku.unknown"),), "is held", "Next step, by ecommerce, to be done by 2026-11-20 16:00:00Z"),
        (row("imported", sale=9, sale_number="SO9"), (), "is in Fulfil as sale SO9", "Nothing is left to do here"),
        (row("imported", sale=9), (case("order.edited"),), "is in Fulfil as sale 9", "Next step, by operations"),
        (row("cancelled"), (), "was cancelled by the sales channel", "There is nothing to do."),
        (row("cancelled"), (case("order.unreadable"),), "was cancelled", "Next step, by ecommerce"),
    ],
)
def test_every_state_says_where_it_stands_and_whose_move_it_is(
    order: OrderRow | None, cases: tuple[CaseRow, ...], standing: str, step: str
) -> None:
    """A person who was woken at three reads the first lines and knows whether to do something."""
    text = told(order, *cases, facts=(fact("received"),))
    assert standing in text
    assert step in text
    assert text.index(standing) < text.index("What happened:")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_case_names_owner_deadline_remedy_and_end(kind: str) -> None:
    """All of it comes from the one catalogue."""
    text = told(row("held"), case(kind))
    of = KINDS[kind]
    for part in (of.title, f"by {of.owner.value}", of.remedy, "At stake: 10.00 USD", "something is wrong."):
        assert part in text


MOVES = re.compile(
    r"Next step, by (Seamline|operations|finance|ecommerce|sre)\b.*: .+|Nobody has to act|There is nothing to do|"
    r"Nothing is left to do"
)


@pytest.mark.parametrize("kind", [None, *KINDS])
def test_whatever_the_state_and_the_case_it_is_said_whose_move_it_is(kind: str | None) -> None:
    """Every state, with nothing open and with a case of every kind of the catalogue: an owner and a step, or that
    nobody has to act. A held order always has a case.
    """
    cases = () if kind is None else (case(kind),)
    happened = (fact("received"), fact("waits", **{"for": "for its payment"}), fact("excluded", rule="test orders"))
    for state in Status:
        if state is Status.NEW or (state is Status.HELD and not cases):
            continue
        order = row(state.value, sale=9 if state is Status.IMPORTED else None)
        asked = told(order, *cases, facts=happened).partition("What happened:")[0]
        assert MOVES.search(asked), asked
        assert kind is None or f"Next step, by {KINDS[kind].owner.value}, " in asked


@pytest.mark.parametrize("order", [None, row("creating")])
def test_what_waits_for_a_pause_names_it_and_the_command_that_ends_it(order: OrderRow | None) -> None:
    """Not "unless it is paused": whether it is paused is known, since when, and by whom."""
    pause = PauseRow(scope="sales channel", name="web", since=NOW, by="operator", waiting=2)
    story = Story(order=order, key="web/1001", cases=(), timeline=(fact("received"),), pauses=(pause,))
    first = explain(story, NOW).partition("\n")[0]
    assert first.endswith(": web is paused since 2026-11-20 12:00:00Z by operator; `seamline resume web`.")
    assert "unless" not in told(order, facts=(fact("received"),))
    assert "paused" not in told(order, facts=(fact("received"),))


def test_an_order_that_cannot_be_read_has_no_amount_and_says_why_once() -> None:
    """What is not known is not shown as nought, and the reason does not repeat the title."""
    why = case("order.unreadable", sentence="The order cannot be read: lines: expected an array", amount=None)
    text = told(row("held", amount=None, currency=None), why)
    assert text.startswith("Order #1001 of web is held")
    assert "The order cannot be read: lines: expected an array.\nNext step, by ecommerce" in text


def test_a_case_says_in_fields_what_finance_can_still_take_hold_of() -> None:
    """The levers of its kind, whether it is late, and None where it never ends by itself; cases that ended are none."""
    cases = (case("tax.unmapped"), case("order.edited", closed_at=NOW))
    story = Story(order=row("held"), key="web/1001", cases=cases, timeline=())
    (found,) = explained(story, NOW + timedelta(days=9)).cases
    assert (found.kind, found.levers) == ("tax.unmapped", (Lever.HOLD, Lever.SUSPENSE))
    assert (found.is_late, found.ends, found.amount) == (True, None, "10.00")


def test_what_is_no_order_has_no_state_and_what_nobody_decided_on_is_new() -> None:
    """A run of Patchworks may have a case all the same; an order that was received is one."""
    run = Story(order=None, key="patchworks/run/1", cases=(case("run.lost"),), timeline=())
    new = Story(order=None, key="web/1", cases=(), timeline=(fact("received"),))
    assert [explained(each, NOW).state for each in (run, new)] == [None, "new"]


def test_a_case_that_is_late_says_so() -> None:
    """The deadline has passed."""
    assert "should have been done by" in told(row("held"), case("sku.unknown"), now=NOW + timedelta(days=1))


def test_nobody_is_told_to_sit_still_while_a_case_asks_something_of_them() -> None:
    """A newer version that cannot be read has an owner, whatever becomes of the one that is under way."""
    text = told(row("creating"), case("order.unreadable"))
    assert "Nobody has to act" not in text
    assert "wait for what comes of it" not in text


def test_how_far_an_imported_order_is_shipped_is_said_whatever_case_is_open() -> None:
    """The case says what is to be done about it, and the first sentence that it has left."""
    story = told(row("imported", sale=9, shipping="shipped"), case("carrier.unmapped"))
    assert story.split("\n")[0].endswith("proven. It is shipped, and not known to be told to the sales channel.")


def test_the_timeline_says_who_did_what_and_which_pauses_it_has_met() -> None:
    """Names are on record, not in facts; a pause that was over before it came, or began later, is none of its story."""
    at = to_instant(NOW)

    def decided(action: str, seconds: int, by: str = "mona", subject: str = "web", reason: str = "why") -> AuditEntry:
        return entry_after(
            ChainEnd(), at=Instant(at + seconds * 1_000_000), by=by, action=action, subject=subject, values={},
            reason=reason,
        )  # fmt: skip

    facts = (fact("received"), fact("patched", fields="/email"), fact("link_asked", sale="SO9"))
    late = msgspec.structs.replace(fact("decided", lines=1), ended_at=NOW + timedelta(seconds=60))
    decisions = (
        decided("pause", -90, reason="long ago"),
        decided("resume", -80),
        decided("order.patch", 0, "ole", "web/1001"),
        decided("order.link_refused", 2, "per", "web/1001"),
        decided("pause", 10, reason=""),
        decided("resume", 50, "ada", reason="done"),
    )
    story = Story(order=row("held"), key="web/1001", cases=(), timeline=(*facts, late), decisions=decisions)
    lines = explain(story, NOW).partition("What happened:")[2].strip().splitlines()
    assert [line.partition("Z  ")[2] for line in lines] == [
        "received and stored",
        "ole patched it, at /email",
        "per said that it is sale SO9: that is looked up in Fulfil",
        "mona paused web",
        "ada let web go on: done",
        "decided: goes to Fulfil with 1 line",
    ]


def test_an_order_of_which_a_part_is_not_here_yet_is_not_said_to_be_whole() -> None:
    """A release would not let it pass: there is nothing to import."""
    waits = fact("waits", **{"for": "for the rest of it, which is being fetched from the sales channel", "until": None})
    text = told(row("waiting"), facts=(waits,))
    assert "being fetched from the sales channel: nothing of it is in Fulfil." in text
    assert "Next step, by Seamline: import it, as soon as the rest is here." in text
    assert ("whole" in text, "holds release" in text) == (False, False)


def test_a_pause_is_no_part_of_the_story_of_an_order_that_was_over_by_then() -> None:
    """One that has not gone on yet has met it."""
    pause = entry_after(
        ChainEnd(), at=to_instant(NOW + timedelta(days=30)), by="mona", action="pause", subject="web", values={},
        reason="",
    )  # fmt: skip
    for state, met in (("imported", False), ("excluded", False), ("creating", True)):
        story = Story(
            order=row(state, sale=9), key="web/1001", cases=(), timeline=(fact("received"),), decisions=(pause,)
        )
        assert ("mona paused web" in explain(story, NOW)) is met


def test_a_closed_case_is_history() -> None:
    """Only what is open asks for something."""
    text = told(row("imported", sale=9), case("sku.unknown", closed_at=NOW, closed_how="order creating"))
    assert "Next step" not in text


def test_an_order_that_nobody_has_delivered_is_not_made_up() -> None:
    """No row, no timeline."""
    assert told(None) == "Nothing is known of web/1001: no delivery of it has been accepted."


@pytest.mark.parametrize(
    ("happened", "line"),
    [
        (fact("received"), "received and stored"),
        (fact("decided", lines=3), "decided: goes to Fulfil with 3 lines"),
        (
            fact("shipped", shipment="CS1", units=1, parcels=1, carrier="dhl"),
            "shipment CS1 left with 1 unit in 1 parcel by dhl",
        ),
        (fact("held", causes="sku.unknown"), "held: sku.unknown"),
        (fact("created", sale=9, attempts=1, found_by_look=False), "created in Fulfil as sale 9, attempt 1"),
        (
            fact("created", sale=9, attempts=2, found_by_look=True),
            "found in Fulfil after the answer was lost as sale 9, attempt 2",
        ),
        (fact("outcome_unknown", cause="no answer"), "the answer was lost (no answer)"),
        (fact("looked_absent"), "looked in Fulfil: it is not there"),
        (fact("stale", version="2"), "an older version arrived late (2) and was set aside"),
        (
            fact("parked", error="ValueError"),
            "could not be decided on (ValueError), a defect of ours: set aside until a restart",
        ),
        (fact("tried_again"), "what was set aside is tried again after a restart"),
        (fact("edited_after_import", version="3"), "it was changed after the import (version 3)"),
        (fact("sale_moved", sale=3), "sale moved (sale 3)"),
        (fact("cancelled_before_import"), "cancelled before import"),
        (
            fact("notice_held", shipment="CS1", carrier="DPD"),
            "shipment CS1 left; telling it is held, because DPD is not mapped",
        ),
        (
            fact("notice_held", shipment="CS1", carrier="no carrier"),
            "shipment CS1 left; telling it is held, because it has no carrier in Fulfil",
        ),
    ],
)
def test_every_fact_is_a_line_with_its_time(happened: FactRow, line: str) -> None:
    """The timeline reads as a story."""
    assert f"  2026-11-20 12:00:00Z  {line}" in told(row("held"), facts=(happened,)).splitlines()


def test_what_is_no_order_is_said_to_be_none_and_its_cases_are_told() -> None:
    """A failed run of Patchworks has a case, a remedy and no timeline."""
    lost = case("run.lost", subject="patchworks/run/01kf", sentence="run 01kf for web is not recovered: it is gone")
    story = Story(order=None, key="patchworks/run/01kf", cases=(lost,), timeline=())
    text = explain(story, NOW)
    assert text.startswith("patchworks/run/01kf is not an order. This is open:")
    assert "it is gone" in text
    assert "Next step, by operations" in text
    ended = msgspec.structs.replace(lost, closed_at=NOW, closed_how="recovered")
    assert "Nothing is open about it" in explain(msgspec.structs.replace(story, cases=(ended,)), NOW)


@pytest.mark.parametrize(("ahead", "named"), [("web/1000", ", web/1000,"), ("", "")])
def test_an_order_that_waits_for_its_customer_says_for_which_order(ahead: str, named: str) -> None:
    """Whose move it is, and that nobody has to act; an order that is decided on by now is not named."""
    facts = (fact("waits", **{"for": "for the first order of its customer", "delivery": 5}),)
    text = explain(Story(order=row("waiting"), key="web/1001", cases=(), timeline=facts, ahead=ahead), NOW)
    assert text.startswith(
        f"Order #1001 of web (10.00 USD) waits for the first order of its customer{named} to be in Fulfil: sent at "
        "once, they might become two customers there. Next step, by Seamline: send it when that one is in Fulfil, or "
        "is held. Nobody has to act on this order."
    )


def test_a_case_of_finance_names_its_levers() -> None:
    """Rule 19: what there is to take hold of it, in the catalogue and in what people read."""
    without = [kind.name for kind in KINDS.values() if kind.owner is Owner.FINANCE and not kind.levers]
    assert without == []
    said = told(row("held"), case("gateway.unmapped"))
    assert " It can be stopped before there is a sale in Fulfil, or go to suspense, where finance has approved" in said
    assert "It has happened already: it can only be put right.\nNext" in told(row("imported"), case("sale.mismatch"))
    charged_back = told(row("imported"), case("payment.charged_back"))
    assert "It can be stopped before it ships and is invoiced. After that it can only be put right." in charged_back
    assert "Lever" not in said


def test_a_sale_of_other_figures_is_not_called_proven() -> None:
    """Proven are the order's own equations; a sale that a person linked it to may say something else."""
    story = told(row("imported", sale=9), case("sale.mismatch"))
    assert "The order's own figures are proven, and the sale is to be compared with them." in story


def equation(name: str, left: str, right: str, *, holds: bool, **terms: str) -> EquationTold:
    amounts = {each.replace("_", " "): Decimal(amount) for each, amount in terms.items()}
    difference = Decimal(right) - Decimal(left)
    return EquationTold(
        name=name, currency="EUR", terms=amounts, left=Decimal(left), right=Decimal(right), difference=difference,
        holds=holds,
    )  # fmt: skip


def test_the_equations_of_a_proof_are_lines_and_those_that_fail_come_first() -> None:
    """Whoever was woken for a contradiction reads what does not add up, and by how much, before the timeline."""
    total = {"lines": "120.00", "shipping": "5.00", "discounts": "-10.00", "tax": "23.00"}
    equations = (
        equation("total", "138.00", "138.00", holds=True, **total),
        equation("goods", "0", "0.00", holds=True),
        equation("tax", "23.00", "23.01", holds=True, tax="23.00"),
        equation("tender", "130.00", "138.00", holds=False, captured="100.00", gift_card="30.00"),
        equation("shipping", "5.00", "4.00", holds=False, shipping="5.00"),
    )
    story = Story(order=row("held"), key="web/1001", cases=(case("order.contradiction"),), timeline=(fact("received"),))
    said = explain(story, NOW, equations)
    figures = said[said.index("Its figures:") : said.index("What happened:")].strip().split("\n")
    assert figures == [
        "Its figures:",
        "  captured 100.00 + gift card 30.00 = 130.00, but total 138.00 EUR: 8.00 EUR unaccounted for",
        "  shipping 5.00 = 5.00, but sum of shipping 4.00 EUR: 1.00 EUR too little",
        "  lines 120.00 + shipping 5.00 - discounts 10.00 + tax 23.00 = total 138.00 EUR: holds",
        "  nothing = sum of lines 0.00 EUR: holds",
        "  tax 23.00 = 23.00, sum of taxes 23.01 EUR: 0.01 EUR too much, which finance tolerates",
    ]
    assert said.index("Next step, by finance") < said.index("Its figures:")
    assert "Its figures:" not in explain(story, NOW)
