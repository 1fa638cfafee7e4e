"""What follows for one payout, decision by decision: when it is looked at again, and when nothing is said of it yet."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from flows.model.payout import LineClass, PayoutHeader, PayoutLine, PayoutStatus
from flows.payout_importer import PayoutPage
from flows.payout_importer.decision import JUDGED_AFTER, LOOKS_AGAIN, LOOKS_FOR, decide, mark_of
from flows.payout_importer.judging import cases_of
from flows.payout_importer.messages import ChangesRead, Dropped, Judge, KnownLine, Linked, PageMet, PayoutState
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


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": Decimal(2)},
        {"fee": Decimal(-1)},
        {"tax": Decimal(-1)},
        {"net": Decimal(2)},
        {"kind": LineClass.REFUND},
        {"currency": "EUR"},
    ],
)
def test_a_line_with_another_figure_or_class_is_told_otherwise(changes: dict[str, Any]) -> None:
    """By how much its net differs is kept, also when it is told otherwise once more, until it is told as before."""
    known = {"a": KnownLine(mark_of(LINE), LINE.net, LINE.names)}

    def met(line: PayoutLine, state: PayoutState) -> Decision:
        return decide(state, PageMet(page=msgspec.structs.replace(page(), lines=(line,)), known=known), NOW)

    other = met(msgspec.structs.replace(LINE, **changes), taken(page()).state)
    assert [write.row[:2] for write in other.writes] == [("payout/web/stripe/1", "a")]
    assert other.state.changed == {"a": changes.get("net", Decimal(1)) - 1}
    assert other.state.sums == taken(page()).state.sums, "nothing of it counts before a person has accepted it"
    once_more = met(msgspec.structs.replace(LINE, amount=Decimal(9), net=Decimal(9)), other.state)
    assert once_more.state.changed == {"a": Decimal(8)}
    again = met(LINE, once_more.state)
    assert [(each.statement, each.row) for each in again.writes] == [
        ("drop_payout_change", ("payout/web/stripe/1", "a"))
    ]
    assert again.state.changed == {}


def test_what_a_person_accepts_counts_and_the_rest_is_let_stand() -> None:
    """The lines as they were told later, the amount that was, and each other case with the amount that it has."""
    changed = msgspec.structs.replace(LINE, amount=Decimal(4), net=Decimal(4))
    otherwise = msgspec.structs.replace(HEADER, paid=Decimal(7), totals={LineClass.SALE: Decimal(4)})
    state = msgspec.structs.replace(
        looked(taken(page()).state, unlinked=1).state, otherwise=otherwise, changed={"a": Decimal(3)},
        accepted=("payout.fee 2",),
    )  # fmt: skip
    state = looked(state, unlinked=1).state
    assert [case.kind for case in state.cases] == ["payout.untied", "payout.changed", "payout.unlinked"]
    later = NOW + timedelta(days=1)
    decided = decide(state, ChangesRead(before=(LINE,), after=(changed,)), later)
    accepted = decided.state
    assert (accepted.sums.net, accepted.sums.lines) == (Decimal(4), 1)
    assert accepted.header is not None
    assert (accepted.header.paid, accepted.header.totals) == (Decimal(7), otherwise.totals)
    assert (accepted.otherwise, accepted.changed, accepted.told_at) == (None, {}, later)
    assert accepted.accepted == ("payout.fee 2", "payout.untied 4", "payout.unlinked 1")
    assert [(case.kind, case.amount) for case in accepted.cases] == [("payout.untied", Decimal(3))]
    assert [(each.statement, each.row[:2]) for each in decided.writes] == [
        ("put_payout_line", (state.key, "a")), ("drop_payout_change", (state.key, "a")),
    ]  # fmt: skip
    assert [emit.message for emit in decided.emits] == [Judge(anyway=True)]
    nothing_new = decide(taken(page()).state, ChangesRead(before=(), after=()), later).state
    assert nothing_new.told_at == NOW


def test_a_payout_that_is_taken_back_leaves_nothing_and_others_are_looked_at_without_it() -> None:
    """Its timer is gone, too; one that is not here leaves nothing to do."""
    state = taken(page()).state
    dropped = decide(state, Dropped(beside=("payout/web/stripe/2",)), NOW)
    assert dropped.state == PayoutState(key=state.key)
    assert [(each.statement, each.row[-1]) for each in dropped.writes] == [
        (name, state.key) for name in ("nudge_taken_back", "drop_payout_lines", "drop_payout_changes", "drop_payout")
    ]
    assert [(emit.key, emit.message) for emit in dropped.emits] == [("payout/web/stripe/2", Judge(anyway=True))]
    assert dropped.cancels == ("judge",)
    gone = decide(dropped.state, Dropped(beside=("payout/web/stripe/2",)), NOW)
    assert (gone.state, gone.writes, gone.emits) == (dropped.state, (), ())


@pytest.mark.parametrize(
    ("known", "told", "paid", "otherwise"),
    [
        ({}, {}, "5", None),
        ({}, {"paid": Decimal(7)}, "5", "7"),
        ({}, {"paid": None}, "5", None),
        ({"paid": None}, {"paid": Decimal(7)}, "7", None),
        ({"status": PayoutStatus.PENDING}, {"paid": Decimal(7)}, "7", None),
        ({"status": PayoutStatus.UNKNOWN}, {"paid": Decimal(7)}, "7", None),
        ({"status": PayoutStatus.PENDING}, {"paid": None}, "5", None),
        ({"status": PayoutStatus.PENDING}, {"paid": Decimal(7), "status": PayoutStatus.UNKNOWN}, "5", "7"),
    ],
)
def test_another_amount_counts_while_the_payout_is_not_on_its_way_and_then_is_a_case(
    known: dict[str, Any], told: dict[str, Any], paid: str, otherwise: str | None
) -> None:
    """A report that does not say how far it is changes no amount."""
    before = taken(page(header=msgspec.structs.replace(HEADER, **known))).state
    state = taken(page(header=msgspec.structs.replace(HEADER, **told), run="two"), before).state
    assert state.header is not None
    assert str(state.header.paid) == paid
    assert (None if state.otherwise is None else str(state.otherwise.paid)) == otherwise


def test_the_same_file_again_is_nothing_new() -> None:
    """So orders are not looked for another two weeks; a line more, or what the bank has, is."""
    state = looked(taken(page()).state).state
    later, known = NOW + timedelta(days=1), {"a": KnownLine(mark_of(LINE), LINE.net, LINE.names)}
    for told, at in ((page(run="two"), NOW), (msgspec.structs.replace(page(run="two"), bank=Decimal(5)), later)):
        again = decide(state, PageMet(page=told, known=known), later)
        assert (again.state.told_at, again.state.bank, again.writes) == (at, told.bank, ())


def test_a_file_in_another_currency_is_not_taken() -> None:
    """Nothing of it is kept, and finance sees it."""
    state = taken(page()).state
    other = taken(page(header=PayoutHeader(id="1", currency="EUR", paid=Decimal(2)), run="two"), state)
    assert other.writes == ()
    assert other.state.sums == state.sums
    assert "payout.contradiction" in {case.kind for case in looked(other.state).state.cases}
