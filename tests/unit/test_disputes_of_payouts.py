"""Disputes that payouts have, against what the sales channel tells and what came back, as a pure decision."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from flows.model.closing import Moved
from flows.reconciler.disputes import disputes_compared
from flows.reconciler.settling import Line, Standing

D = Decimal


def moved(amount: str, kind: str = "dispute", payout: str = "78", currency: str = "USD") -> Line:
    return Line(kind=kind, currency=currency, amount=D(amount), ids=frozenset(), received=True, bank=False,
                payout=payout)  # fmt: skip


def told(amount: str) -> Moved:
    return Moved(gateway="card", way="dispute", amount=D(amount), currency="USD", id="dp_1")


def order(*both: Moved | Line) -> Standing:
    return Standing(
        currency="USD", due=D(0), is_cancelled=False, is_watched=False, shipping="", untold=False, cases=(),
        tenders=tuple(each for each in both if isinstance(each, Moved)),
        lines=tuple(each for each in both if isinstance(each, Line)),
        payments_open=False, unposted=False, state="done", invoices_paid=None,
    )  # fmt: skip


TAKEN, WON = moved("-48.00"), moved("48.00", "dispute_reversal", "79")


@pytest.mark.parametrize(
    ("both", "causes"),
    [
        ([], []),
        ([moved("-15.00", "dispute_fee")], []),
        ([TAKEN, moved("-15.00", "dispute_fee")], ["dispute in 78 of 48.00 USD"]),
        ([TAKEN, WON], []),
        ([TAKEN, moved("48.00", payout="79")], []),
        ([moved("-1.00"), moved("1.00", "dispute_reversal")], []),
        ([moved("0.50", "dispute_reversal"), moved("0.00")], []),
        ([TAKEN, moved("30.00", "dispute_reversal")], ["dispute in 78 of 48.00 USD"]),
        ([TAKEN, moved("48.00", "dispute_reversal", currency="EUR")], ["dispute in 78 of 48.00 USD"]),
        ([TAKEN, TAKEN, WON], ["dispute in 78 of 48.00 USD"]),
        ([TAKEN, TAKEN], ["dispute in 78 of 48.00 USD", "dispute in 78 of 48.00 USD, 2"]),
        ([replace(told("48.00"), way="charge"), TAKEN], ["dispute in 78 of 48.00 USD"]),
        ([told("48.00"), TAKEN], []),
        ([told("52.00"), TAKEN], []),
        ([told("48.00"), moved("-9.00", payout="80"), TAKEN], ["dispute in 80 of 9.00 USD"]),
    ],
)
def test_a_dispute_is_found_that_nobody_else_tells_of_and_that_did_not_come_back(
    both: list[Moved | Line], causes: list[str]
) -> None:
    """Each with its amount, and what the order waits for because of it."""
    found = disputes_compared(order(*both))
    assert [each.difference.cause for each in found] == causes
    assert {each.wait.cause for each in found} <= {"dispute"}


def test_a_dispute_is_a_case_with_its_amount_and_its_payout() -> None:
    """Finance reads what happened, and by what it ends."""
    ((found),) = disputes_compared(order(TAKEN))
    says = found.difference
    assert (says.kind, says.amount, says.currency, says.may_follow) == ("dispute.untold", D("48.00"), "USD", False)
    assert says.sentence.startswith("payout 78 has a dispute of 48.00 USD, which the customer's bank has taken back")
    assert found.wait.sentence == "for the dispute of 48.00 USD in 78 to be decided"
