"""Refunds of a sales channel against those of payouts, and what becomes of the difference, as pure decisions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flows.model.closing import ClosingSettings, EvidenceKind, Moved
from flows.model.reconciliation import AcceptDifferences
from flows.reconciler.refunds import Finding, refunds_compared, without
from flows.reconciler.sale_checks import RefundsCompared, SaleCheck, SaleCompared, decide
from flows.reconciler.settling import Line, Standing

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
D = Decimal
PATIENCE = timedelta(days=10)


def told(amount: str, id_: str = "", gateway: str = "card", currency: str = "USD") -> Moved:
    """A refund, as the sales channel tells it."""
    return Moved(gateway=gateway, way="refund", amount=D(amount), currency=currency, id=id_)


def paid(amount: str, *ids: str, payout: str = "78", currency: str = "USD", received: bool = True) -> Line:
    """The line of a payout that gave so much back."""
    return Line(kind="refund", currency=currency, amount=-D(amount), ids=frozenset(ids), received=received, bank=False,
                payout=payout)  # fmt: skip


def order(*both: Moved | Line) -> Standing:
    return Standing(
        currency="USD", due=D(0), is_cancelled=False, is_watched=False, shipping="", untold=False, cases=(),
        tenders=tuple(each for each in both if isinstance(each, Moved)),
        lines=tuple(each for each in both if isinstance(each, Line)),
        payments_open=False, unposted=False, state="done", invoices_paid=None,
    )  # fmt: skip


def found(*both: Moved | Line, evidence: EvidenceKind = "payout_line") -> tuple[Finding, ...]:
    rules = {"card": ClosingSettings(evidence=evidence), "gift": ClosingSettings(evidence="none")}
    return refunds_compared(order(*both), rules)


@pytest.mark.parametrize(
    ("both", "says"),
    [
        ([], []),
        ([told("30.00", "re_1"), paid("30.00", "re_1", "ch_1")], []),
        ([told("30.00", "re_1"), paid("30.00", "txn_9")], []),
        ([told("30.00", "re_1"), paid("30.00", "re_1", received=False)], []),
        ([told("30.00", "re_1"), paid("20.00", "re_1"), paid("10.00", "re_1", payout="79")], []),
        ([told("30.00"), paid("20.00"), paid("10.00")], []),
        ([told("30.00"), told("30.00"), paid("30.00"), paid("30.00")], []),
        ([told("30.00", "re_1")], [("refund.unpaid", "30.00", "no payout has it")]),
        ([paid("30.00", "re_1")], [("refund.untold", "30.00", "payout 78 has a refund of 30.00 USD, of which")]),
        ([told("30.00", "re_1"), paid("25.00", "re_1")], [("refund.differs", "5.00", "has 25.00 USD of it: 5.00 USD")]),
        ([told("30.00"), paid("31.00")], [("refund.differs", "1.00", "1.00 USD too much")]),
        (
            [told("30.00", "re_1"), paid("30.00", "re_1"), paid("-30.00", "re_1")],
            [("refund.differs", "30.00", "payout 78 has 0.00 USD of it: 30.00 USD too little")],
        ),
        (
            [told("30.00", "re_1"), told("30.00", "re_2"), paid("30.00", "re_2")],
            [("refund.unpaid", "30.00", "refunded 30.00 USD (re_1)")],
        ),
        ([told("9.00", gateway="gift")], []),
        ([told("9.00", gateway="gift"), told("9.00"), paid("9.00")], []),
        ([told("20.00", currency="GBP"), paid("26.10")], []),
        ([told("20.00", currency="GBP"), told("5.00"), paid("26.10", currency="EUR")], []),
        (
            [told("10.00"), told("20.00"), paid("25.00")],
            [
                ("refund.unpaid", "10.00", "refunded 10.00 USD, and no payout has it"),
                ("refund.unpaid", "20.00", "refunded 20.00 USD, and no payout has it"),
                ("refund.untold", "25.00", "payout 78 has a refund of 25.00 USD, of which"),
            ],
        ),
        (
            [told("10.00"), told("20.00", currency="GBP")],
            [("refund.unpaid", "10.00", "10.00 USD, and no"), ("refund.unpaid", "20.00", "20.00 GBP, and no")],
        ),
        (
            [paid("10.00"), paid("20.00", currency="GBP")],
            [("refund.untold", "10.00", "of 10.00 USD, of"), ("refund.untold", "20.00", "of 20.00 GBP, of")],
        ),
        (
            [told("10.00", "re_1"), told("20.00", "re_2"), paid("10.00", "re_1"), paid("21.00", "re_2")],
            [("refund.differs", "1.00", "refunded 20.00 USD (re_2), and payout 78 has 21.00 USD of it: 1.00 USD too")],
        ),
        (
            [told("30.00", "re_1"), *(paid("1.00", "re_1", payout=name) for name in "76543218")],
            [("refund.differs", "22.00", "payout 1, 2, 3, 4, 5, 6, 7, 8 has 8.00 USD of it")],
        ),
        ([paid("-30.00")], [("refund.untold", "30.00", "payout 78 has a refund of -30.00 USD, of which")]),
    ],
)
def test_each_refund_is_in_both_with_the_same_amount_or_that_is_said(
    both: Sequence[Moved | Line], says: list[tuple[str, str, str]]
) -> None:
    """By id, by amount, or by the sum; not for tenders that no payout tells of, nor between two currencies."""
    differences = [each.difference for each in found(*both)]
    assert [(each.kind, str(each.amount)) for each in differences] == [(kind, amount) for kind, amount, _ in says]
    for each, (_, _, said) in zip(differences, says, strict=True):
        assert said in each.sentence


@pytest.mark.parametrize(
    ("both", "cause", "was", "is_"),
    [
        ([told("30.00", "re_1")], "refund re_1", "30.00 USD", "in no payout"),
        ([told("30.00")], "refund 30.00 USD", "30.00 USD", "in no payout"),
        ([told("30.00", "re_1"), paid("25.00", "re_1")], "refund re_1", "30.00 USD", "25.00 USD"),
        ([told("30.00"), paid("25.00")], "refund 30.00 USD", "30.00 USD", "25.00 USD"),
        ([paid("30.00")], "refund in 78 of 30.00 USD", "no refund", "30.00 USD"),
    ],
)
def test_a_difference_has_a_cause_of_its_own_and_the_figures_that_a_person_accepts(
    both: list[Moved | Line], cause: str, was: str, is_: str
) -> None:
    """Named by the refund, or by its amount where it has no id."""
    (difference,) = (each.difference for each in found(*both))
    assert (difference.cause, difference.was, difference.is_) == (cause, was, is_)


@pytest.mark.parametrize(
    ("both", "kinds"),
    [
        ([told("30.00"), paid("25.50")], []),
        ([told("30.00")], ["refund.unpaid"]),
        ([paid("25.50")], ["refund.untold"]),
    ],
)
def test_of_a_settlement_only_that_there_is_a_refund_is_compared(both: list[Moved | Line], kinds: list[str]) -> None:
    """The marketplace keeps a part of it."""
    assert [each.difference.kind for each in found(*both, evidence="settlement")] == kinds


AMOUNTS = st.lists(st.integers(1, 9), max_size=6)


@given(amounts=AMOUNTS, more=st.integers(10, 99), named=st.booleans(), missing=st.booleans())
def test_what_is_missing_on_one_side_is_found_with_its_amount_and_nothing_else(
    amounts: list[int], more: int, named: bool, missing: bool
) -> None:
    """However many others there are: the refund that no payout has, or the line that nobody tells of, and no other."""
    both: list[Moved | Line] = []
    for number, amount in enumerate(amounts):
        both += [told(str(amount), f"re_{number}"), paid(str(amount), *([f"re_{number}"] if named else []))]
    assert found(*both) == ()
    (finding,) = found(*both, told(str(more), "re_x") if missing else paid(str(more), "re_x"))
    assert (finding.difference.kind, finding.difference.amount) == (
        "refund.unpaid" if missing else "refund.untold", D(more),
    )  # fmt: skip
    assert (
        found(*(rest := without(order(*both, *finding.refunds, *finding.lines), [finding])).tenders, *rest.lines) == ()
    )


# -- what becomes of it ------------------------------------------------------------------------------------------------


def after(state: SaleCheck, message: Any, now: datetime = NOW) -> SaleCheck:
    result: SaleCheck = decide(state, message, now, PATIENCE).state
    return result


def compared(*both: Moved | Line) -> RefundsCompared:
    return RefundsCompared(differences=tuple(each.difference for each in found(*both)))


def test_a_refund_that_no_payout_has_is_a_case_after_some_days_and_until_one_has_it() -> None:
    """A payout takes its time; what it has otherwise than the sales channel is a case at once."""
    state = after(SaleCheck(), compared(told("30.00", "re_1")))
    assert state.cases == ()
    state = after(state, compared(told("30.00", "re_1")), NOW + timedelta(days=9))
    assert state.cases == ()
    late = NOW + PATIENCE
    state = after(state, compared(told("30.00", "re_1")), late)
    ((case),) = state.cases
    assert (case.kind, case.cause, case.amount, case.opened_at) == ("refund.unpaid", "refund re_1", D("30.00"), late)
    assert case.sentence.endswith("and no payout has it; that was seen first on 2026-11-20")
    (same,) = after(state, SaleCompared(sale=7, differences=()), late).cases
    assert same == case, "a look at the sale says nothing about its refunds"
    assert after(state, compared(told("30.00", "re_1"), paid("30.00", "re_1")), late).cases == ()
    (otherwise,) = after(state, compared(told("30.00", "re_1"), paid("25.00", "re_1")), late).cases
    assert (otherwise.kind, otherwise.amount) == ("refund.differs", D("5.00"))


def test_the_rest_of_a_sum_may_come_with_another_payout() -> None:
    """Where the sales channel tells only what went back so far; of a refund with an id there is no rest to come."""
    (rest,), (final,), (more,) = (
        found(*both)
        for both in (
            (told("30.00"), paid("20.00")),
            (told("30.00", "re_1"), paid("20.00", "re_1")),
            (told("30.00"), paid("40.00")),
        )
    )
    follow = [each.difference.may_follow for each in (rest, final, more)]
    assert follow == [True, False, False]
    state = after(SaleCheck(), RefundsCompared(differences=(rest.difference,)))
    assert state.cases == ()
    (case,) = after(state, RefundsCompared(differences=(rest.difference,)), NOW + PATIENCE).cases
    assert (case.kind, case.amount) == ("refund.differs", D("10.00"))


def test_a_person_accepts_it_with_these_figures_and_with_no_others() -> None:
    """It is on record, no case again, and a look at the sale itself does not bring it back."""
    state = after(SaleCheck(), compared(paid("30.00", "re_1")))
    decision = decide(state, AcceptDifferences(subject="web/1", by="ada", reason="goodwill"), NOW, PATIENCE)
    assert [write.statement for write in decision.writes] == ["put_accepted_difference"]
    assert [fact.kind for fact in decision.facts] == ["refund_accepted"]
    state = after(decision.state, SaleCompared(sale=7, differences=()))
    state = after(state, compared(paid("30.00", "re_1")))
    assert state.cases == ()
    (case,) = after(state, compared(paid("30.00", "re_1"), paid("31.00", "re_2"))).cases
    assert case.amount == D("31.00")


def test_the_differences_of_a_sale_and_of_its_refunds_leave_each_other_alone() -> None:
    """Each look says only what it has looked at."""
    (difference,) = (each.difference for each in found(paid("30.00", "re_1")))
    of_sale = replace(difference, kind="sale.differs", cause="total")
    state = after(SaleCheck(), compared(paid("30.00", "re_1")))
    state = after(state, SaleCompared(sale=7, differences=(of_sale,)))
    assert [case.kind for case in state.cases] == ["sale.differs", "refund.untold"]
    assert [case.kind for case in after(state, compared()).cases] == ["sale.differs"]
    assert [case.kind for case in after(state, SaleCompared(sale=7, differences=())).cases] == ["refund.untold"]


def test_a_timeline_tells_once_that_a_refund_differs_and_once_that_it_agrees() -> None:
    """And what is remembered of it goes with it; what a person has accepted agrees without a word."""
    first = decide(SaleCheck(), compared(paid("30.00", "re_1")), NOW, PATIENCE)
    cause = "refund in 78 of 30.00 USD"
    assert [(fact.kind, fact.values["what"]) for fact in first.facts] == [("refund_differs", cause)]
    again = decide(first.state, compared(paid("30.00", "re_1")), NOW, PATIENCE)
    assert (again.facts, again.trace) == ((), True)
    over = decide(again.state, compared(), NOW, PATIENCE)
    assert [(fact.kind, fact.values["what"]) for fact in over.facts] == [("refund_agrees", cause)]
    assert (over.state, over.trace) == (SaleCheck(), False)
    accepted = decide(again.state, AcceptDifferences(subject="web/1", by="ada", reason="goodwill"), NOW, PATIENCE)
    quiet = decide(accepted.state, compared(), NOW, PATIENCE)
    assert (quiet.facts, quiet.state) == ((), SaleCheck()), "and when it comes back it is not accepted"


def test_what_is_said_of_a_refund_is_not_said_of_a_later_one() -> None:
    """Since when it was unpaid is of that refund, whatever the sale itself is said to be."""
    late = compared(told("30.00", "re_1"))
    state = after(after(SaleCheck(told={"total": "its total was changed"}), late), late, NOW + PATIENCE)
    assert state.told == {"total": "its total was changed", "refund re_1": "that was seen first on 2026-11-20"}
    assert after(state, compared()).told == {"total": "its total was changed"}


def test_without_a_setting_a_refund_has_ten_days_until_a_payout_has_it() -> None:
    """Less an instant it is no case."""
    state = decide(SaleCheck(), compared(told("30.00", "re_1")), NOW).state
    for days, cases in ((timedelta(days=10) - timedelta(seconds=1), 0), (timedelta(days=10), 1)):
        assert len(decide(state, compared(told("30.00", "re_1")), NOW + days).state.cases) == cases
