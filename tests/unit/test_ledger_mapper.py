"""What is remembered of a payout's postings, how its lines are summed, and when a day is posted."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from flows.ledger.converting import Shown
from flows.ledger.due import PayoutStands
from flows.ledger.mapper import LinesSummed, PayoutPostings, SumLines, _with_lines, decide
from flows.ledger.posting import next_run
from flows.model.payout import LineClass, PayoutStatus
from flows.model.posting_matrix import LedgerEvent, PostingRow, PostingSettings
from flows.model.postings import LEDGER, POSTING_MAPPER, PayoutTakenBack, PayoutTold, ledger_key
from runtime.channel import BULK
from runtime.decision import Emit

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
FEE = PostingRow(event=LedgerEvent.FEE, debit="6100", credit="1200", dated="event")
PAID_OUT = PostingRow(event=LedgerEvent.PAYOUT, debit="1000", credit="1200")
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
    so_far = Shown(amounts={LineClass.SALE: Decimal(90)})
    (further,) = decide(PayoutPostings(), summed(complete=False, shown=so_far), NOW, SETTINGS).emits
    assert further.message == SumLines(after="b", sums=SUMS, net=Decimal(97), lines=2, shown=so_far)
    assert further.priority == BULK, "nothing that is urgent waits for it"


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


def test_what_is_posted_by_the_day_of_its_payout_keeps_that_day() -> None:
    """A later file that tells another day makes nothing due; where nothing is dated by it, it is that of the file."""
    by_payout = PostingSettings(currency="USD", rows=(replace(FEE, dated="payout"), PAID_OUT))
    state = decide(PayoutPostings(), summed(), NOW, by_payout).state
    assert (state.paid_on, state.made) == (
        date(2026, 11, 20), {"fee 2026-11-20": Decimal(3), "payout 2026-11-20": Decimal(97)},
    )  # fmt: skip
    later = summed(payout=replace(PAYOUT, paid_on=date(2026, 11, 25)))
    assert decide(state, later, NOW, by_payout).writes == ()
    both = PostingSettings(currency="USD", rows=(FEE, PAID_OUT))
    assert decide(PayoutPostings(), summed(), NOW, both).state.paid_on == date(2026, 11, 20)
    assert decide(PayoutPostings(), summed(), NOW, SETTINGS).state.paid_on is None


def test_a_payout_has_no_zone_before_something_of_it_is_due() -> None:
    """So that a zone that is corrected in time counts."""
    held = replace(PAYOUT, holds=("payout.untied",))
    assert decide(PayoutPostings(), summed(payout=held), NOW, SETTINGS).state.zone == ""


def test_a_payout_in_the_currency_of_the_ledger_has_no_rate() -> None:
    """Whatever its lines say that customers paid; so has one before finance has said what the ledger is in."""
    shown = Shown(amounts={LineClass.SALE: Decimal(90)})
    for currency, rate in (("USD", None), ("", None), ("GBP", Decimal("0.9"))):
        decision = decide(PayoutPostings(), summed(shown=shown), NOW, replace(SETTINGS, currency=currency))
        conversion = decision.state.payout.conversion
        assert (conversion and conversion.rate) == rate


def test_payouts_whose_lines_may_give_a_failed_one_back_are_told_when_something_of_it_changes() -> None:
    """And only then, so that two of them do not tell each other for ever."""
    failed = summed(payout=replace(PAYOUT, status=PayoutStatus.FAILED, received=False), beside=("later",))
    first = decide(PayoutPostings(), failed, NOW, SETTINGS)
    assert first.emits == (Emit(channel=POSTING_MAPPER, key="later", message=PayoutTold(), priority=BULK),)
    assert decide(first.state, failed, NOW, SETTINGS).emits == ()


def test_of_a_payout_that_is_taken_back_the_opposite_is_due_of_what_was() -> None:
    """Once, under numbers of their own; of one of which nothing was due, nothing is told to the ledger."""
    both = PostingSettings(currency="USD", rows=(FEE, PAID_OUT))
    state = decide(PayoutPostings(), summed(), NOW, both).state
    state = replace(state, made={**state.made, "dispute 2026-11-18": Decimal(0)})
    gone = summed(payout=None, is_gone=True)
    back = decide(state, gone, NOW, both)
    assert [write.statement for write in back.writes] == ["drop_posting_left", "put_posting", "put_posting"]
    assert back.writes[0].row == (PAYOUT.key,)
    assert [(write.row[1], *write.row[5:10]) for write in back.writes[1:]] == [
        (3, "fee", "USD", "-3.00", "2026-11-18", 1), (4, "payout", "USD", "-97.00", "2026-11-20", 1),
    ]  # fmt: skip
    told = PayoutTakenBack(payout=PAYOUT.key, number=4)
    assert back.emits == (Emit(channel=LEDGER, key=ledger_key("web"), message=told, priority=BULK),)
    assert back.state == PayoutPostings(count=4)
    assert decide(back.state, gone, NOW, both).writes == ()
    never = decide(PayoutPostings(), summed(payout=replace(PAYOUT, holds=("payout.untied",))), NOW, both).state
    nothing = decide(never, gone, NOW, both)
    assert ([write.statement for write in nothing.writes], nothing.emits) == (["drop_posting_left"], ())


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
