"""What is remembered of a payout's postings, how its lines are summed, and when a day is posted."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from flows.ledger.due import PayoutStands
from flows.ledger.mapper import LinesSummed, PayoutPostings, SumLines, _with_lines, decide
from flows.ledger.posting import next_run
from flows.model.payout import PayoutStatus
from flows.model.posting_matrix import LedgerEvent, PostingRow, PostingSettings

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
FEE = PostingRow(event=LedgerEvent.FEE, debit="6100", credit="1200", dated="event")
SETTINGS = PostingSettings(currency="USD", time_zone="Asia/Tokyo", rows=(FEE,))
PAYOUT = PayoutStands(
    key="payout/web/stripe/1", sales_channel="web", gateway="stripe", payout="1", currency="USD",
    status=PayoutStatus.PAID, is_statement=False, received=True, paid=Decimal(97), bank=None, net=Decimal(97),
    paid_on=date(2026, 11, 20), expected_on=None,
)  # fmt: skip
SUMS = {"sale 2026-11-18": Decimal(100), "fee 2026-11-18": Decimal(-3)}


def summed(sums: dict[str, Decimal] = SUMS, payout: PayoutStands | None = PAYOUT, **more: Any) -> LinesSummed:
    fields: dict[str, Any] = {"net": Decimal(97), "lines": 2, "last": "b", "complete": True, "counted": 2, **more}
    return LinesSummed(payout=payout, sums=sums, **fields)


def test_a_part_of_the_lines_is_summed_and_then_the_next() -> None:
    """Nothing is due before all of them are."""
    decision = decide(PayoutPostings(), summed(complete=False), NOW, SETTINGS)
    (emit,) = decision.emits
    assert isinstance(emit.message, SumLines)
    assert (emit.message.after, decision.writes, decision.state) == ("b", (), PayoutPostings())


@pytest.mark.parametrize("changes", [{"counted": 3}, {"net": Decimal(96)}, {"payout": None}])
def test_what_changed_while_it_was_summed_is_not_posted(changes: dict[str, Any]) -> None:
    """Whoever changed it tells so, and it is summed again; an import that is not whole is not posted either."""
    assert decide(PayoutPostings(), summed(**changes), NOW, SETTINGS).writes == ()


def test_what_something_is_dated_by_stays_whatever_is_configured_later() -> None:
    """Another rule and another day of the payout: the fee that is due was due already."""
    state = decide(PayoutPostings(), summed(), NOW, SETTINGS).state
    assert (state.zone, state.rules, state.made) == (
        "Asia/Tokyo", {LedgerEvent.FEE: "event"}, {"fee 2026-11-18": Decimal(3)},
    )  # fmt: skip
    later = PostingSettings(currency="USD", time_zone="UTC", rows=(replace(FEE, dated="payout"),))
    decision = decide(state, summed(payout=replace(PAYOUT, paid_on=date(2026, 11, 25))), NOW, later)
    assert (decision.writes, decision.state.zone) == ((), "Asia/Tokyo")


def test_a_correction_says_that_it_is_one() -> None:
    """The second posting of an event of the payout, with the difference."""
    state = decide(PayoutPostings(), summed(), NOW, SETTINGS).state
    more = {**SUMS, "fee 2026-11-18": Decimal(-4)}
    changed = summed(more, replace(PAYOUT, net=Decimal(96), paid=Decimal(96)), net=Decimal(96))
    (write,) = decide(state, changed, NOW, SETTINGS).writes
    assert write.row[1:10] == (2, "web", "stripe", "1", "fee", "USD", "1.00", "2026-11-18", 1)


def test_the_parts_of_a_line_are_summed_by_class_and_day_of_the_company() -> None:
    """A fee of a sale late in the evening in London is of the next day in Tokyo; a line without a time has no day; the
    fee of a dispute is a dispute fee.
    """
    rows = [
        ("a", "sale", "2026-11-18T22:00:00Z", "10.00", "-0.305", "-0.05", "0.01", "9.655"),
        ("b", "adjustment", "", "1.00", "0", "0", "0", "1.00"),
        ("c", "dispute", "", "-10.00", "-15.00", "0", "0", "-25.00"),
    ]
    sums, net = _with_lines({}, Decimal(0), rows, ZoneInfo("Asia/Tokyo"))
    assert net == Decimal("-14.345")
    assert sums == {
        "sale 2026-11-19": Decimal("10.00"), "fee 2026-11-19": Decimal("-0.305"),
        "tax_on_fee 2026-11-19": Decimal("-0.05"), "unexplained 2026-11-19": Decimal("0.01"),
        "adjustment ": Decimal("1.00"), "dispute ": Decimal("-10.00"), "dispute_fee ": Decimal("-15.00"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-11-20T01:00:00+00:00", "2026-11-20T02:00:00+00:00"),
        ("2026-11-20T02:00:00+00:00", "2026-11-21T02:00:00+00:00"),
        ("2026-10-24T12:00:00+00:00", "2026-10-25T02:00:00+00:00"),
        ("2026-03-28T12:00:00+00:00", "2026-03-29T01:00:00+00:00"),
    ],
)
def test_days_are_posted_at_the_hour_of_the_company_also_when_its_clocks_change(now: str, due: str) -> None:
    """Three in the morning in Berlin, in winter and in summer."""
    berlin = PostingSettings(time_zone="Europe/Berlin", hour=3)
    assert next_run(datetime.fromisoformat(now), berlin) == datetime.fromisoformat(due)
