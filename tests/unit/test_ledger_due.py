"""What the ledger is to have of a payout, what not, and why; and what of that is due now."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from flows.ledger.converting import Conversion
from flows.ledger.due import COMES_BACK, CONVERSION, Due, Left, PayoutStands, Returned, due_now, rest_of, wanted_of
from flows.ledger.holding import HOLD_ALL, UNREPORTED
from flows.model.payout import LineClass, PayoutStatus
from flows.model.posting_matrix import LedgerEvent, PostingRow, PostingSettings

DAY = date(2026, 11, 20)
SETTINGS = PostingSettings(
    currency="USD",
    rows=(
        PostingRow(event=LedgerEvent.FEE, debit="6100", credit="1200", journal="GEN", dated="event"),
        PostingRow(event=LedgerEvent.PAYOUT, debit="1000", credit="1200", journal="GEN"),
        PostingRow(event=LedgerEvent.DISPUTE, debit="1400", credit="1200", journal="GEN", dated="event"),
        PostingRow(event=LedgerEvent.UNEXPLAINED, debit="1200", credit="1900", journal="GEN"),
        PostingRow(event=LedgerEvent.ROUNDING, debit="1200", credit="7900", journal="GEN"),
    ),
)
SALE, FEE = (LineClass.SALE, "2026-11-18"), (LineClass.FEE, "2026-11-18")


def stands(net: str = "97.00", **more: Any) -> PayoutStands:
    """A payout that was paid, of what its lines come to."""
    fields: dict[str, Any] = {
        "key": "payout/web/stripe/po_1", "sales_channel": "web", "gateway": "stripe", "payout": "po_1",
        "currency": "USD", "status": PayoutStatus.PAID, "is_statement": False, "received": True, "paid": Decimal(net),
        "bank": None, "net": Decimal(net), "paid_on": DAY, "expected_on": None,
    }  # fmt: skip
    return PayoutStands(**{**fields, **more})


def sums(**of: str) -> dict[tuple[LineClass, str], Decimal]:
    """Classes of one day."""
    return {(LineClass(name), "2026-11-18"): Decimal(amount) for name, amount in of.items()}


def test_a_payout_that_ties_is_its_fees_and_its_clearing_and_no_sale() -> None:
    """Fulfil has posted what was captured; of the rest each is dated by its own rule."""
    wanted = wanted_of(stands(), sums(sale="100.00", fee="-3.00"), SETTINGS)
    assert wanted.due == (
        Due(LedgerEvent.FEE, date(2026, 11, 18), Decimal("3.00")),
        Due(LedgerEvent.PAYOUT, DAY, Decimal("97.00")),
    )
    assert wanted.left == (Left(LedgerEvent.RECEIPT, Decimal("100.00"), "Fulfil posts it"),)


@pytest.mark.parametrize("status", [PayoutStatus.IN_TRANSIT, PayoutStatus.FAILED, PayoutStatus.UNKNOWN])
def test_what_has_not_arrived_is_never_booked_as_received(status: PayoutStatus) -> None:
    """Its fees were taken all the same; when it is expected is said."""
    payout = stands(status=status, received=False, expected_on=date(2026, 11, 23))
    wanted = wanted_of(payout, sums(sale="100.00", fee="-3.00"), SETTINGS)
    assert [each.event for each in wanted.due] == [LedgerEvent.FEE]
    assert "expected on 2026-11-23" in {each.event: each.why for each in wanted.left}[LedgerEvent.PAYOUT]


@pytest.mark.parametrize("kind", HOLD_ALL)
def test_what_does_not_tie_is_posted_when_a_person_lets_it_stand(kind: str) -> None:
    """Until then nothing of it, also no correction; the reason names the case."""
    lines = sums(sale="100.00", fee="-3.00")
    held = wanted_of(stands(paid=Decimal("90.00"), holds=(kind,)), lines, SETTINGS)
    assert (held.due, held.decided) == ((), frozenset())
    assert all(kind in each.why for each in held.left if each.event is not LedgerEvent.RECEIPT)
    assert due_now(held, {"fee 2026-11-18": Decimal(9)}) == ()
    let_stand = wanted_of(stands(paid=Decimal("90.00")), lines, SETTINGS)
    assert Due(LedgerEvent.PAYOUT, DAY, Decimal("90.00")) in let_stand.due
    assert not [each for each in let_stand.due if each.event is LedgerEvent.ROUNDING], "a difference is no rounding"


@pytest.mark.parametrize("bank", [None, Decimal("97.00")])
def test_a_payout_of_which_no_report_says_what_was_paid_waits(bank: Decimal | None) -> None:
    """Its lines may be half of it, and nothing proves them. What the bank has says it, too."""
    wanted = wanted_of(stands(paid=None, bank=bank), sums(sale="100.00", fee="-3.00"), SETTINGS)
    if bank is None:
        assert (wanted.due, wanted.decided) == ((), frozenset())
        assert {each.event for each in wanted.left if each.why == UNREPORTED} == {LedgerEvent.FEE, LedgerEvent.PAYOUT}
    else:
        assert {each.event for each in wanted.due} == {LedgerEvent.FEE, LedgerEvent.PAYOUT}


def test_what_is_left_is_the_rest_that_was_not_made_due() -> None:
    """A payout that no longer ties is not listed with what is in the ledger already."""
    lines = sums(sale="100.00", fee="-3.50", dispute="-5.00")
    payout = stands("91.50", paid=Decimal("97.00"), holds=("payout.untied",))
    made = {"fee 2026-11-18": Decimal("3.00"), "payout 2026-11-20": Decimal("97.00")}
    rest = rest_of(wanted_of(payout, lines, SETTINGS).left, made, payout, "USD")
    assert {each.event: each.amount for each in rest} == {
        LedgerEvent.RECEIPT: Decimal("100.00"), LedgerEvent.FEE: Decimal("0.50"), LedgerEvent.DISPUTE: Decimal("5.00"),
    }  # fmt: skip
    assert rest_of([Left(LedgerEvent.FEE, Decimal("3.004"), "")], made, payout, "USD") == (), "a part of a cent is none"


def test_what_is_left_of_a_payout_in_another_currency_is_told_in_its_own() -> None:
    """What was made due is in the ledger's; without a rate the two are not compared."""
    left = (Left(LedgerEvent.FEE, Decimal("3.00"), "why"), Left(LedgerEvent.DISPUTE, Decimal("5.00"), "why"))
    made = {"fee 2026-11-18": Decimal("1.50"), "dispute 2026-11-18": Decimal("2.00")}
    half = Conversion(currency="USD", rate=Decimal("0.5"), amounts={})
    payout = stands(currency="EUR", conversion=half)
    assert rest_of(left, made, payout, "USD") == (Left(LedgerEvent.DISPUTE, Decimal("1.00"), "why"),)
    assert rest_of(left, made, stands(currency="EUR"), "USD") == left


def test_unexplained_lines_wait_alone() -> None:
    """The rest is posted; once a person lets them stand they go where finance looks for them."""
    lines = sums(sale="100.00", fee="-3.00", unexplained="5.00")
    held = wanted_of(stands("102.00", holds=("payout.unexplained",)), lines, SETTINGS)
    assert LedgerEvent.UNEXPLAINED not in {each.event for each in held.due} | held.decided
    assert LedgerEvent.FEE in held.decided
    assert Due(LedgerEvent.UNEXPLAINED, DAY, Decimal(5)) in wanted_of(stands("102.00"), lines, SETTINGS).due


def test_parts_of_a_cent_become_one_rounding_and_clearing_goes_to_zero() -> None:
    """Two fees of 0.305 are 0.61; one of 0.305 is 0.30, and the payout says 9.69."""
    lines = {SALE: Decimal("10.00"), FEE: Decimal("-0.305")}
    wanted = wanted_of(stands("9.695", paid=Decimal("9.69")), lines, SETTINGS)
    assert {each.event: each.amount for each in wanted.due} == {
        LedgerEvent.FEE: Decimal("0.30"), LedgerEvent.PAYOUT: Decimal("9.69"), LedgerEvent.ROUNDING: Decimal("-0.01"),
    }  # fmt: skip


def test_amounts_in_another_currency_than_the_ledgers_are_shown_and_not_posted() -> None:
    """No rate is guessed."""
    wanted = wanted_of(stands(currency="EUR"), sums(sale="100.00", fee="-3.00"), SETTINGS)
    assert wanted.due == ()
    assert "no rate is known here" in wanted.left[0].why or "no rate is known here" in wanted.left[1].why


def test_a_bank_line_is_what_the_bank_account_gets() -> None:
    """What the provider reports beyond it stays on the clearing account, where it shows."""
    wanted = wanted_of(stands(bank=Decimal("96.00")), sums(sale="100.00", fee="-3.00"), SETTINGS)
    assert Due(LedgerEvent.PAYOUT, DAY, Decimal("96.00")) in wanted.due


def test_the_payouts_of_a_statement_of_account_are_its_transfers() -> None:
    """PayPal does not say which lines are in which payout."""
    payout = stands("-3.00", is_statement=True, status=PayoutStatus.UNKNOWN, paid=None)
    wanted = wanted_of(payout, sums(sale="100.00", fee="-3.00", transfer="-100.00"), SETTINGS)
    assert Due(LedgerEvent.PAYOUT, DAY, Decimal(100)) in wanted.due


@pytest.mark.parametrize("more", [{"currency": "EUR"}, {"holds": ("payout.incomplete",)}])
def test_a_statement_without_a_payout_has_none_that_is_left(more: dict[str, Any]) -> None:
    """Whatever keeps its fees out of the ledger, nothing of it went to the bank."""
    payout = stands("48.00", is_statement=True, status=PayoutStatus.UNKNOWN, paid=None, **more)
    wanted = wanted_of(payout, sums(sale="50.00", fee="-2.00"), SETTINGS)
    assert {each.event for each in wanted.left} == {LedgerEvent.RECEIPT, LedgerEvent.FEE}


def test_half_of_a_conversion_between_two_currencies_of_an_account_is_no_difference() -> None:
    """The other half is in a statement that cannot be posted: posted alone, all of it would be a profit."""
    row = PostingRow(event=LedgerEvent.EXCHANGE_DIFFERENCE, debit="1200", credit="7900", journal="GEN")
    rules = PostingSettings(currency="USD", rows=(*SETTINGS.rows, row))
    payout = stands("102.00", is_statement=True, status=PayoutStatus.UNKNOWN, paid=None)
    wanted = wanted_of(payout, sums(exchange_difference="105.00", fee="-3.00"), rules)
    assert [each.event for each in wanted.due] == [LedgerEvent.FEE]
    assert wanted.left == (Left(LedgerEvent.EXCHANGE_DIFFERENCE, Decimal("105.00"), CONVERSION),)


def test_what_is_due_is_the_difference_to_what_was_due_before() -> None:
    """The same again is nothing; a late fee is its amount; a payout that failed after all is taken back."""
    paid = wanted_of(stands(), sums(sale="100.00", fee="-3.00"), SETTINGS)
    made = {"fee 2026-11-18": Decimal("3.00"), "payout 2026-11-20": Decimal("97.00")}
    assert due_now(paid, {}) == paid.due
    assert due_now(paid, made) == ()
    late = wanted_of(stands("96.50"), sums(sale="100.00", fee="-3.50"), SETTINGS)
    assert due_now(late, made) == (
        Due(LedgerEvent.FEE, date(2026, 11, 18), Decimal("0.50")), Due(LedgerEvent.PAYOUT, DAY, Decimal("-0.50")),
    )  # fmt: skip
    failed = wanted_of(stands(status=PayoutStatus.FAILED, received=False), sums(sale="100.00", fee="-3.00"), SETTINGS)
    assert due_now(failed, made) == (Due(LedgerEvent.PAYOUT, DAY, Decimal("-97.00")),)


def test_what_is_booked_as_received_and_failed_is_said_until_a_line_takes_it_back() -> None:
    """With a row for the line; what was never booked is not received, and nothing else."""
    row = PostingRow(event=LedgerEvent.PAYOUT_RETURNED, debit="1200", credit="1000", journal="GEN")
    rules = PostingSettings(currency="USD", rows=(*SETTINGS.rows, row))
    failed, lines = stands(status=PayoutStatus.FAILED, received=False), sums(sale="97.00")
    wanted = wanted_of(failed, lines, rules)
    booked = {"payout 2026-11-20": Decimal("97.00")}
    for made, amount, why in ((booked, "-97.00", COMES_BACK), ({}, "97.00", "its payout is failed: not received")):
        rest = {each.event: each for each in rest_of(wanted.left, made, failed, "USD")}
        assert rest[LedgerEvent.PAYOUT] == Left(LedgerEvent.PAYOUT, Decimal(amount), why)
    over = wanted_of(failed, lines, rules, returned=Returned(by_line=True))
    assert LedgerEvent.PAYOUT not in {each.event for each in rest_of(over.left, booked, failed, "USD")}


def test_a_payout_that_came_back_is_taken_back_once() -> None:
    """Where the line that says so is posted, the status of the payout that failed is not posted, too."""
    returned = PostingRow(event=LedgerEvent.PAYOUT_RETURNED, debit="1200", credit="1000", journal="GEN")
    rules = PostingSettings(currency="USD", rows=(*SETTINGS.rows, returned))
    made = {"fee 2026-11-18": Decimal("3.00"), "payout 2026-11-20": Decimal("97.00")}
    failed = wanted_of(stands(status=PayoutStatus.FAILED, received=False), sums(sale="100.00", fee="-3.00"), rules)
    assert due_now(failed, made) == ()
    without_row = wanted_of(
        stands(status=PayoutStatus.FAILED, received=False), sums(sale="100.00", fee="-3.00"), SETTINGS,
        returned=Returned(by_line=True),
    )  # fmt: skip
    assert due_now(without_row, made) == (), "the row is gone, and what it posted stays"
    later = wanted_of(stands(), sums(payout_returned="97.00"), rules)
    assert Due(LedgerEvent.PAYOUT_RETURNED, DAY, Decimal("97.00")) in later.due


def test_what_has_no_row_any_more_is_not_taken_back() -> None:
    """A change of the matrix is about what comes; history stays."""
    only = PostingSettings(currency="USD", rows=SETTINGS.rows[1:])
    wanted = wanted_of(stands(), sums(sale="100.00", fee="-3.00"), only)
    assert due_now(wanted, {"fee 2026-11-18": Decimal("3.00"), "payout 2026-11-20": Decimal("97.00")}) == ()
