"""Postings gathered into batches: by currency, day and journal; late ones in the open period; roundings bounded."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from flows.ledger.batching import Chart, batches_of, booked_day
from flows.ledger.parts import Posting
from flows.model.periods import LedgerPeriod
from flows.model.posting_matrix import LedgerEvent, PostingRow, PostingSettings

OCTOBER = LedgerPeriod(id=1, name="2026-10", begins=date(2026, 10, 1), ends=date(2026, 10, 31), state="closed")
NOVEMBER = LedgerPeriod(id=2, name="2026-11", begins=date(2026, 11, 1), ends=date(2026, 11, 30), state="open")
TODAY, DAY = date(2026, 11, 24), date(2026, 11, 20)
CHART = Chart(
    periods=(OCTOBER, NOVEMBER), accounts=frozenset(("1000", "1200", "6100", "7900")), journals=frozenset(("GEN",))
)
SETTINGS = PostingSettings(
    currency="USD",
    rounding_max=Decimal("0.02"),
    rounding_per_day_max=Decimal("0.03"),
    rows=(
        PostingRow(event=LedgerEvent.FEE, debit="6100", credit="1200", journal="GEN"),
        PostingRow(event=LedgerEvent.PAYOUT, debit="1000", credit="1200", journal="GEN"),
        PostingRow(event=LedgerEvent.RESERVE, debit="1500", credit="1200", journal="GEN"),
        PostingRow(event=LedgerEvent.ADVANCE, debit="1200", credit="1600", journal="GEN"),
        PostingRow(event=LedgerEvent.TRANSFER, debit="1000", credit="1200", journal="CASH"),
        PostingRow(event=LedgerEvent.ROUNDING, debit="1200", credit="7900", journal="GEN"),
    ),
)


def posting(amount: str, event: LedgerEvent = LedgerEvent.FEE, **more: Any) -> Posting:
    fields: dict[str, Any] = {
        "payout": "payout/web/stripe/po_1", "number": 1, "sales_channel": "web", "gateway": "stripe",
        "payout_id": "po_1", "event": event, "currency": "USD", "amount": Decimal(amount), "day": DAY,
        "correction": False,
    }  # fmt: skip
    return Posting(**{**fields, **more})


def test_one_move_has_one_pair_of_lines_for_each_event_of_a_gateway() -> None:
    """Two payouts of a day are one batch, whose lines name both."""
    other = {"payout": "payout/web/stripe/po_2", "payout_id": "po_2"}
    postings = [posting("3.00"), posting("2.00", **other), posting("97.00", LedgerEvent.PAYOUT, number=2)]
    (batch,) = batches_of(postings, SETTINGS, CHART, TODAY, number=6).batches
    assert [(line.account, line.debit, line.credit) for line in batch.lines] == [
        ("6100", Decimal("5.00"), 0), ("1200", 0, Decimal("5.00")),
        ("1000", Decimal("97.00"), 0), ("1200", 0, Decimal("97.00")),
    ]  # fmt: skip
    assert batch.lines[0].description == "fee of stripe: payout po_1, po_2"
    assert batch.reference == f"Seamline web USD 2026-11-20 no 7 {batch.digest[:12]}"


def test_the_reference_is_that_of_the_content() -> None:
    """Another content under the same number is another move, so a restored counter finds only what is its own."""
    one, two = (batches_of([posting(amount)], SETTINGS, CHART, TODAY).batches[0] for amount in ("3.00", "3.01"))
    again = batches_of([posting("3.00")], SETTINGS, CHART, TODAY).batches[0]
    assert one.reference == again.reference != two.reference
    other_posting = batches_of([posting("3.00", number=2)], SETTINGS, CHART, TODAY).batches[0]
    assert other_posting.reference != one.reference
    other_rows = replace(SETTINGS, rows=(replace(SETTINGS.rows[0], journal="FEES"),))
    assert batches_of([posting("3.00")], other_rows, Chart(), TODAY).batches[0].reference != one.reference


def test_in_whatever_order_postings_are_found_they_are_the_same_batches() -> None:
    """What is made again after a death is looked for under the same references."""
    postings = [
        posting("3.00"), posting("2.00", number=2), posting("1.00", payout="payout/web/stripe/po_2"),
        posting("4.00", LedgerEvent.PAYOUT, number=3), posting("5.00", day=date(2026, 11, 19), number=4),
        posting("0.02", LedgerEvent.ROUNDING, number=5), posting("0.02", LedgerEvent.ROUNDING, number=6),
        posting("6.00", gateway="paypal", number=7),
    ]  # fmt: skip
    made = batches_of(postings, SETTINGS, CHART, TODAY)
    assert batches_of(postings[::-1], SETTINGS, CHART, TODAY) == made
    assert [each.posting.number for each in made.waiting] == [6], "the first that is found may be posted"


def test_a_late_fee_of_a_closed_month_is_booked_in_the_open_one_with_its_day() -> None:
    """Rule 20: with the original date and a reference, so that the tax return can list it."""
    late = posting("3.00", day=date(2026, 10, 30))
    (batch,) = batches_of([late], SETTINGS, CHART, TODAY).batches
    assert batch.booked_on == date(2026, 11, 1)
    assert batch.lines[0].description == "fee of stripe, of 2026-10-30: payout po_1"


def test_the_first_and_the_last_day_of_a_period_are_in_it() -> None:
    """What is of a day without an open period goes to the first one after it, whatever else is open."""
    for day in (NOVEMBER.begins, NOVEMBER.ends):
        assert booked_day(day, (NOVEMBER,), NOVEMBER.ends) == day
    september = replace(OCTOBER, begins=date(2026, 9, 1), ends=date(2026, 9, 30), state="open")
    december = replace(NOVEMBER, begins=date(2026, 12, 1), ends=date(2026, 12, 31))
    periods = (december, NOVEMBER, OCTOBER, september)
    assert booked_day(date(2026, 10, 30), periods, date(2026, 12, 24)) == NOVEMBER.begins
    assert booked_day(date(2026, 10, 30), (september,), TODAY) is None
    assert booked_day(DAY, (september, december), december.begins) == december.begins
    assert booked_day(DAY, None, TODAY) == DAY, "no periods are known"


def test_without_an_open_period_nothing_is_booked_anywhere() -> None:
    """Not in the future either."""
    december = replace(NOVEMBER, begins=date(2026, 12, 1), ends=date(2026, 12, 31))
    assert booked_day(DAY, (OCTOBER, december), TODAY) is None
    (waiting,) = batches_of([posting("3.00")], SETTINGS, Chart(periods=(OCTOBER, december)), TODAY).waiting
    assert (waiting.obstacle, waiting.cause) == ("period", "2026-11")


@pytest.mark.parametrize(
    ("event", "cause"),
    [
        (LedgerEvent.RESERVE, "account 1500"),
        (LedgerEvent.ADVANCE, "account 1600"),
        (LedgerEvent.TRANSFER, "journal CASH"),
        (LedgerEvent.DISPUTE, "row dispute"),
    ],
)
def test_what_has_no_account_keeps_back_nothing_else(event: LedgerEvent, cause: str) -> None:
    """An account on either side or a journal that Fulfil has not, or a row that is gone."""
    made = batches_of([posting("3.00"), posting("9.00", event, number=2)], SETTINGS, CHART, TODAY)
    assert [each.total for each in made.batches] == [Decimal("3.00")]
    (waiting,) = made.waiting
    assert (waiting.obstacle, waiting.cause, waiting.posting.number) == ("account", cause, 2)
    assert cause.partition(" ")[2] in waiting.sentence
    if event is not LedgerEvent.DISPUTE:
        assert batches_of([posting("9.00", event)], SETTINGS, Chart(), TODAY).waiting == (), (
            "what is not read is not judged"
        )


def test_roundings_stay_below_the_cap_of_a_payout_and_of_a_day() -> None:
    """What was posted before on that day counts, and so does what a person has let pass."""
    of = LedgerEvent.ROUNDING
    postings = [posting("0.03", of), posting("0.01", of, number=2), posting("-0.02", of, number=3)]
    made = batches_of(postings, SETTINGS, CHART, TODAY, rounded={DAY: Decimal("0.01")})
    assert [each.posting.number for each in made.waiting] == [1, 3]
    assert "rounding_max" in made.waiting[0].sentence
    assert "rounding_per_day_max" in made.waiting[1].sentence
    just = batches_of([posting("0.02", of)], SETTINGS, CHART, TODAY, rounded={DAY: Decimal("0.01")})
    assert just.waiting == ()
    names = [each.name for each in postings]
    assert batches_of(postings, SETTINGS, CHART, TODAY, allowed=names).waiting == ()


def test_what_comes_to_nothing_has_no_lines() -> None:
    """A posting and its correction before either was posted."""
    (batch,) = batches_of([posting("3.00"), posting("-3.00", number=2)], SETTINGS, CHART, TODAY).batches
    assert (batch.lines, batch.total, len(batch.postings)) == ((), Decimal(0), 2)
