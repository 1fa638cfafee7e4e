"""Payouts in another currency than the ledger's: by their own rate, or not at all, and clearing comes to zero."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flows.ledger.converting import Conversion, Shown, conversion_of, shown_with
from flows.ledger.due import Due, PayoutStands, due_now, wanted_of
from flows.model.payout import LineClass, PayoutStatus
from flows.model.posting_matrix import TAKEN, LedgerEvent, PostingRow, PostingSettings

D = Decimal
DAY = date(2026, 11, 20)
ROWS = (
    PostingRow(event=LedgerEvent.FEE, debit="6100", credit="1200", dated="event"),
    PostingRow(event=LedgerEvent.PAYOUT, debit="1000", credit="1200"),
    PostingRow(event=LedgerEvent.ADJUSTMENT, debit="1200", credit="7800"),
    PostingRow(event=LedgerEvent.EXCHANGE_DIFFERENCE, debit="1200", credit="7700"),
)
SETTINGS = PostingSettings(currency="USD", rows=ROWS)
LINES = {LineClass.SALE: D("137.00"), LineClass.REFUND: D("-18.00"), LineClass.FEE: D("-4.42")}
SHOWN = Shown(amounts={LineClass.SALE: D("150.00"), LineClass.REFUND: D("-20.00")})
RATE = D("1.0948905109")


def stands(lines: dict[LineClass, Decimal] = LINES, shown: Shown = SHOWN, **more: Any) -> PayoutStands:
    """A payout in EUR that was paid, of a sales channel whose customers paid in USD."""
    net = sum(lines.values(), D(0))
    fields: dict[str, Any] = {
        "key": "payout/web/stripe/po_1", "sales_channel": "web", "gateway": "stripe", "payout": "po_1",
        "currency": "EUR", "status": PayoutStatus.PAID, "is_statement": False, "received": True, "paid": net,
        "bank": None, "net": net, "paid_on": DAY, "expected_on": None,
        "conversion": conversion_of(shown, lines, "USD"),
    }  # fmt: skip
    return PayoutStands(**{**fields, **more})


def days(lines: dict[LineClass, Decimal] = LINES) -> dict[tuple[LineClass, str], Decimal]:
    return {(kind, "2026-11-18"): amount for kind, amount in lines.items()}


def on_clearing(due: tuple[Due, ...]) -> Decimal:
    """What postings add to the gateway's clearing account."""
    return sum((-each.amount if each.event in TAKEN else each.amount for each in due), D(0))


def test_what_the_customer_paid_and_what_came_of_it_is_the_rate_of_a_payout() -> None:
    """Of whatever sign the provider writes it; one line without it, and there is no rate."""
    shown = Shown()
    for kind, amount, presentment in (
        ("sale", "92.00", "100.00 USD"), ("sale", "45.00", "50.00 USD"), ("refund", "-18.00", "20.00 USD"),
        ("fee", "-4.42", ""), ("sale", "0", ""),
    ):  # fmt: skip
        shown = shown_with(shown, kind, D(amount), presentment, "USD")
    assert shown == SHOWN
    assert conversion_of(shown, LINES, "USD") == Conversion(currency="USD", rate=RATE, amounts=SHOWN.amounts)
    for presentment in ("", "1.00 GBP", "much USD"):
        lacking = shown_with(shown, "sale", D("1.00"), presentment, "USD")
        assert conversion_of(lacking, {**LINES, LineClass.SALE: D("138.00")}, "USD") is None


@pytest.mark.parametrize(
    ("lines", "shown", "rate"),
    [
        ({LineClass.REFUND: D("-18.00")}, {LineClass.REFUND: D("-20.00")}, D("1.1111111111")),
        ({LineClass.SALE: D(0), LineClass.REFUND: D("-18.00")}, {LineClass.REFUND: D("-20.00")}, D("1.1111111111")),
        ({LineClass.SALE: D("92.00")}, {}, None),
        ({LineClass.SALE: D("-92.00")}, {LineClass.SALE: D("100.00")}, None),
        ({LineClass.SALE: D(10) ** 12}, {LineClass.SALE: D("0.01")}, None),
        ({LineClass.FEE: D("-4.42")}, {}, None),
    ],
)
def test_the_rate_is_that_of_the_sales_or_without_any_of_the_refunds(
    lines: dict[LineClass, Decimal], shown: dict[LineClass, Decimal], rate: Decimal | None
) -> None:
    """None where nothing was paid for it, where it went the other way, or where it is less than its last digit."""
    found = conversion_of(Shown(amounts=shown), lines, "USD")
    assert (None if found is None else found.rate) == rate


def test_a_payout_is_posted_at_its_own_rate_and_what_is_left_is_the_exchange_difference() -> None:
    """Rule 7: the refund was of a day with another rate, so 0.29 of it are a difference, and nothing is unexplained."""
    wanted = wanted_of(stands(), days(), SETTINGS)
    assert wanted.due == (
        Due(LedgerEvent.FEE, date(2026, 11, 18), D("4.84")),
        Due(LedgerEvent.PAYOUT, DAY, D("125.45")),
        Due(LedgerEvent.EXCHANGE_DIFFERENCE, DAY, D("0.29")),
    )
    assert on_clearing(wanted.due) == -sum(SHOWN.amounts.values())
    assert {each.why for each in wanted.left} == {"Fulfil posts it"}
    one_rate = {LineClass.SALE: D("100.00"), LineClass.FEE: D("-4.00")}
    without = wanted_of(stands(one_rate, Shown(amounts={LineClass.SALE: D("50.00")})), days(one_rate), SETTINGS)
    assert LedgerEvent.EXCHANGE_DIFFERENCE not in {each.event for each in without.due}
    no_day = wanted_of(stands(paid_on=None), days(), SETTINGS)
    assert LedgerEvent.EXCHANGE_DIFFERENCE not in {each.event for each in no_day.due} | no_day.decided


def test_where_seamline_posts_receipts_too_clearing_comes_to_zero_with_them() -> None:
    """At the payout's rate, so the difference is to what is posted, and not to what Fulfil would have posted."""
    receipt = PostingRow(event=LedgerEvent.RECEIPT, debit="1200", credit="1100")
    refund = PostingRow(event=LedgerEvent.REFUND, debit="1100", credit="1200")
    rules = PostingSettings(currency="USD", of_fulfil=(LedgerEvent.SALE,), rows=(*ROWS, receipt, refund))
    wanted = wanted_of(stands(), days(), rules)
    assert Due(LedgerEvent.RECEIPT, DAY, D("150.00")) in wanted.due
    assert on_clearing(wanted.due) == 0


@pytest.mark.parametrize(
    ("changes", "settings", "why"),
    [
        ({"conversion": None}, SETTINGS, "its lines do not all say what was paid in USD"),
        ({}, PostingSettings(currency="USD", rows=ROWS[:3]), "[postings] needs a row for exchange_difference"),
        ({"status": PayoutStatus.IN_TRANSIT, "received": False}, SETTINGS, "its payout is in transit: not received"),
        ({"is_statement": True}, SETTINGS, "no rate is known here"),
        ({"holds": ("payout.untied",)}, SETTINGS, "payout.untied"),
    ],
)
def test_without_a_rate_an_account_or_its_money_nothing_of_it_is_posted(
    changes: dict[str, Any], settings: PostingSettings, why: str
) -> None:
    """And each amount says why."""
    wanted = wanted_of(stands(**changes), days(), settings)
    assert (wanted.due, wanted.decided) == ((), frozenset())
    assert [why in each.why for each in wanted.left if each.event is LedgerEvent.FEE] == [True]


def test_a_line_that_the_provider_calls_an_exchange_difference_is_on_the_same_account() -> None:
    """One posting of a day, and clearing is at zero all the same."""
    lines = {**LINES, LineClass.EXCHANGE_DIFFERENCE: D("-1.00")}
    due = wanted_of(stands(lines), days(lines), SETTINGS).due
    assert [each.event for each in due].count(LedgerEvent.EXCHANGE_DIFFERENCE) == 1
    assert on_clearing(due) == -sum(SHOWN.amounts.values())


def test_a_payout_that_failed_after_all_is_taken_back() -> None:
    """At the rate that it was posted with; what its lines were stays."""
    paid = wanted_of(stands(), days(), SETTINGS)
    made = {f"{each.event.value} {each.day}": each.amount for each in paid.due}
    failed = wanted_of(stands(status=PayoutStatus.FAILED, received=False), days(), SETTINGS)
    assert due_now(failed, made) == (Due(LedgerEvent.PAYOUT, DAY, D("-125.45")),)


def test_what_the_bank_did_not_get_stays_on_clearing() -> None:
    """It is no exchange difference: two of the payout's currency are missing, at its rate."""
    due = wanted_of(stands(bank=D("112.58")), days(), SETTINGS).due
    assert on_clearing(due) + sum(SHOWN.amounts.values()) == D("2.19")


CENTS = st.integers(1, 10**7).map(lambda cents: D(cents).scaleb(-2))


@given(
    paid=CENTS, came=CENTS, given=CENTS, went=CENTS, fee=st.integers(0, 10**6).map(lambda each: D(each).scaleb(-3)),
    adjusted=st.integers(-(10**5), 10**5).map(lambda each: D(each).scaleb(-2)),
)  # fmt: skip
def test_whatever_was_paid_clearing_comes_to_zero_and_a_second_look_changes_nothing(
    paid: Decimal, came: Decimal, given: Decimal, went: Decimal, fee: Decimal, adjusted: Decimal
) -> None:
    """Any rates of sales and refunds, fees with parts of a cent: what Fulfil has and what is posted cancel out."""
    lines = {
        LineClass.SALE: came, LineClass.REFUND: -went, LineClass.FEE: -fee, LineClass.ADJUSTMENT: adjusted,
    }  # fmt: skip
    shown = Shown(amounts={LineClass.SALE: paid, LineClass.REFUND: -given})
    payout = stands(lines, shown)
    if payout.conversion is None:  # a rate of less than the last digit
        return
    wanted = wanted_of(payout, days(lines), SETTINGS)
    assert on_clearing(wanted.due) == given - paid
    made = {f"{each.event.value} {each.day}": each.amount for each in wanted.due}
    assert due_now(wanted_of(replace(payout), days(lines), SETTINGS), made) == ()
