"""What follows for one payout, decision by decision: when it is looked at again, and when nothing is said of it yet."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec

from flows.model.payout import LineClass, PayoutHeader, PayoutLine, PayoutStatus
from flows.payout_importer import PayoutPage
from flows.payout_importer.decision import JUDGED_AFTER, LOOKS_AGAIN, LOOKS_FOR, decide, mark_of
from flows.payout_importer.judging import cases_of
from flows.payout_importer.messages import Judge, KnownLine, Linked, PageMet, PayoutState
from runtime.decision import Decision

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
HEADER = PayoutHeader(id="1", currency="USD", status=PayoutStatus.IN_TRANSIT, paid=Decimal(5))
LINE = PayoutLine("a", "1", LineClass.SALE, "USD", Decimal(1), Decimal(1))


def page(number: int = 1, pages: int = 1, header: PayoutHeader = HEADER, run: str = "one") -> PayoutPage:
    return PayoutPage(
        sales_channel="web", provider="stripe", header=header, run=run, page=number, pages=pages, lines=(LINE,)
    )


def taken(told: PayoutPage, state: PayoutState | None = None) -> Decision:
    begun = state or PayoutState(key="payout/web/stripe/1")
    return decide(begun, PageMet(page=told, known={}), NOW)


def looked(state: PayoutState, now: datetime = NOW, *, unlinked: int = 0, anyway: bool = False) -> Decision:
    asked, amount = Judge(anyway=anyway), Decimal(unlinked)
    found = Linked(
        asked=asked, links=(), unlinked=unlinked, amount=amount, conflicts=(), last="", complete=True
    )  # fmt: skip
    return decide(state, found, now)


def test_a_page_that_is_not_the_last_one_is_judged_only_if_no_other_comes() -> None:
    """A timer, and no message: the last page has it judged at once."""
    first = taken(page(1, 2))
    (timer,) = first.timers
    assert (timer.due, timer.message) == (NOW + JUDGED_AFTER, Judge(anyway=True))
    assert first.emits == ()
    last = taken(page(2, 2), first.state)
    assert (last.cancels, [emit.message for emit in last.emits]) == (("judge",), [Judge()])


def test_an_import_that_was_overtaken_by_another_one_says_nothing() -> None:
    """Its last look comes while the next import has brought one page of two: no case, and it is not judged."""
    state = taken(page(1, 2, run="two"), taken(page()).state).state
    assert looked(state).state == state
    assert [case.kind for case in looked(state, anyway=True).state.cases] == ["payout.untied"]
    assert not looked(state, anyway=True).state.judged


def test_it_is_looked_at_again_on_the_day_after_which_it_is_late() -> None:
    """Two days of grace after the expected one; then it is overdue, with its amount."""
    header = PayoutHeader(id="1", currency="USD", status=PayoutStatus.IN_TRANSIT, paid=Decimal(1),
                          expected_on=date(2026, 11, 23))  # fmt: skip
    decided = looked(taken(page(header=header)).state)
    due = datetime(2026, 11, 26, tzinfo=UTC)
    assert [timer.due for timer in decided.timers] == [due]
    assert cases_of(decided.state, due - timedelta(seconds=1)) == ()
    assert [(case.kind, case.amount) for case in cases_of(decided.state, due)] == [("payout.overdue", Decimal(1))]


def test_orders_are_looked_for_every_hour_for_two_weeks() -> None:
    """After that a person has to."""
    state = taken(page()).state
    assert [timer.due for timer in looked(state, unlinked=1).timers] == [NOW + LOOKS_AGAIN]
    assert looked(state, NOW + LOOKS_FOR, unlinked=1).timers == ()


def test_another_format_of_the_provider_may_name_more_and_changes_nothing_else() -> None:
    """One tells the tax from the fee, the other the order: the same line; what was not named before is filled in."""
    told = msgspec.structs.replace(LINE, amount=Decimal("10.00"), fee=Decimal(-1), tax=Decimal("-0.2"),
                                   net=Decimal("8.8"), payment="ch_1")  # fmt: skip
    known = {"a": KnownLine(mark_of(told), told.net, told.names)}
    again = msgspec.structs.replace(told, amount=Decimal(10), fee=Decimal("-1.20"), tax=Decimal(0), order="1001")
    state = PayoutState(key="payout/web/stripe/1")

    def met(line: PayoutLine) -> Decision:
        page_ = msgspec.structs.replace(page(), lines=(line,))
        return decide(state, PageMet(page=page_, known=known), NOW)

    assert [(write.statement, write.row[0]) for write in met(again).writes] == [("fill_payout_line", "1001")]
    assert met(told).writes == ()
    other = met(msgspec.structs.replace(told, payment="ch_2"))
    assert [write.statement for write in other.writes] == ["put_payout_change"], "it names another payment than before"


def test_a_file_in_another_currency_is_not_taken() -> None:
    """Nothing of it is kept, and finance sees it."""
    state = taken(page()).state
    other = taken(page(header=PayoutHeader(id="1", currency="EUR", paid=Decimal(2)), run="two"), state)
    assert other.writes == ()
    assert other.state.sums == state.sums
    assert "payout.contradiction" in {case.kind for case in looked(other.state).state.cases}
