"""The proof of a payout: lines = net = reported paid = bank amount, and every difference in money."""

from __future__ import annotations

from decimal import Decimal

import pytest

from flows.model.payout import LineClass, PayoutHeader, PayoutLine, PayoutStatus, PayoutSums, added, less
from flows.model.payout_proof import is_received, prove_payout

HEADER = PayoutHeader(id="p", currency="USD", status=PayoutStatus.PAID, paid=Decimal("60.28"))


def line(id_: str, amount: str, fee: str = "0", kind: LineClass = LineClass.SALE) -> PayoutLine:
    return PayoutLine(id_, "p", kind, "USD", Decimal(amount), Decimal(amount) + Decimal(fee), Decimal(fee))


def sums(*lines: PayoutLine) -> PayoutSums:
    return added(PayoutSums(), lines)


def test_a_payout_that_does_not_add_up_says_by_how_much() -> None:
    """Failure case 32: 80.00, fees 2.45, paid 60.28: 17.27 are missing without a line."""
    proof = prove_payout(HEADER, sums(line("1", "50.00", "-1.45"), line("2", "30.00", "-1.00")))
    assert (proof.verdict, proof.difference) == ("contradicted", Decimal("17.27"))
    assert proof.failing[0].sentence == ("lines are 77.55 USD, reported paid is 60.28 USD: the difference is 17.27 USD")


def test_the_missing_line_proves_it() -> None:
    """A reserve of that amount explains it."""
    reserve = line("3", "-17.27", kind=LineClass.RESERVE)
    proof = prove_payout(HEADER, sums(line("1", "50.00", "-1.45"), line("2", "30.00", "-1.00"), reserve))
    assert proof.verdict == "proven"


def test_the_bank_is_only_spoken_of_with_a_bank_line() -> None:
    """Then it is an equation of its own."""
    all_ = sums(line("1", "60.28"))
    assert [each.name for each in prove_payout(HEADER, all_).equations] == ["lines = reported paid"]
    proof = prove_payout(HEADER, all_, Decimal("60.00"))
    assert [each.sentence for each in proof.failing] == [
        "reported paid are 60.28 USD, bank amount is 60.00 USD: the difference is 0.28 USD"
    ]


@pytest.mark.parametrize(
    ("net", "paid", "verdict"),
    [("38.7055", "38.70", "proven"), ("38.7055", "38.71", "proven"), ("38.7055", "38.69", "contradicted"),
     ("38.71", "38.70", "contradicted"), ("38.70", "38.70", "proven")],
)  # fmt: skip
def test_only_parts_of_a_cent_are_a_rounding(net: str, paid: str, verdict: str) -> None:
    """A whole cent is a difference."""
    header = PayoutHeader(id="p", currency="EUR", paid=Decimal(paid))
    assert prove_payout(header, sums(line("1", net))).verdict == verdict


@pytest.mark.parametrize(
    ("status", "bank", "received"),
    [
        (PayoutStatus.PAID, None, True),
        (PayoutStatus.IN_TRANSIT, None, False),
        (PayoutStatus.IN_TRANSIT, Decimal(1), False),
        (PayoutStatus.FAILED, Decimal(1), False),
        (PayoutStatus.PENDING, None, False),
        (PayoutStatus.UNKNOWN, None, False),
        (PayoutStatus.UNKNOWN, Decimal(1), True),
    ],
)
def test_what_is_on_its_way_or_failed_is_not_received(
    status: PayoutStatus, bank: Decimal | None, received: bool
) -> None:
    """Whatever else is known of it (rule 21)."""
    assert is_received(PayoutHeader(id="p", currency="USD", status=status), bank) is received


def test_what_is_in_a_statement_of_account_has_arrived_there() -> None:
    """It waits for nothing else; payouts are lines of it."""
    assert is_received(PayoutHeader(id="X-USD-2026-01-05", currency="USD", is_statement=True), None)


def test_a_payout_without_lines_yet_is_not_contradicted() -> None:
    """A list of payouts may come before their lines."""
    assert prove_payout(HEADER, PayoutSums()).verdict == "unproven"


def test_what_is_taken_out_again_leaves_no_trace() -> None:
    """Sums with a line more and a line less are what they were, fees and gaps too."""
    one = PayoutLine("1", "p", LineClass.SALE, "USD", Decimal(10), Decimal(8), Decimal(-1), gap=Decimal(-1))
    before = sums(line("2", "5.00", "-0.10"))
    assert less(added(before, [one]), [one]) == before
