"""What stands against a payout: each thing a case with its amount, until a person lets just that amount stand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from flows.model.payout import LineClass, PayoutHeader, PayoutLine, PayoutStatus, PayoutSums, added
from flows.payout_importer.judging import accepted_as, cases_of
from flows.payout_importer.messages import Kept, LineSeen, LineTwice, PayoutInStatement, PayoutLike, PayoutState
from flows.payout_importer.twice import day_of, lines_twice, told_twice, twins_of

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
D = Decimal


def line(id_: str, amount: str, kind: LineClass = LineClass.SALE) -> PayoutLine:
    return PayoutLine(id_, "po_1", kind, "USD", D(amount), D(amount))


HEADER = PayoutHeader(id="po_1", currency="USD", status=PayoutStatus.PAID, paid=D("100.00"))
TIES = PayoutState(
    key="payout/web/stripe/po_1", sales_channel="web", provider="stripe", header=HEADER,
    sums=added(PayoutSums(), [line("a", "100.00")]),
)  # fmt: skip
UNTIED = replace(TIES, header=replace(HEADER, paid=D("90.00")))


def found(state: PayoutState) -> list[tuple[str, str]]:
    """Kind and amount of each case."""
    return [(case.kind, str(case.amount)) for case in cases_of(state, NOW)]


def sentence(state: PayoutState) -> str:
    """Of the only case."""
    (case,) = cases_of(state, NOW)
    return case.sentence


def kept(*of: Kept) -> dict[str, Kept]:
    return {str(number): each for number, each in enumerate(of)}


REPEATED, ALIKE = Kept("repeated", "line a stands twice", D("-10.00")), Kept("alike", "two are the same", D("10.00"))
MISSING, CONTRADICTS = Kept("incomplete", "it has a next page"), Kept("contradiction", "two totals", D("3.00"))


@pytest.mark.parametrize(
    ("state", "cases"),
    [
        (TIES, []),
        (replace(TIES, header=None), []),
        (UNTIED, [("payout.untied", "10.00")]),
        (replace(TIES, bank=D("96.00")), [("payout.untied", "4.00")]),
        (replace(TIES, header=replace(HEADER, status=PayoutStatus.FAILED)), [("payout.failed", "100.00")]),
        (
            replace(TIES, header=replace(HEADER, status=PayoutStatus.CANCELLED, paid=None)),
            [("payout.failed", "100.00")],
        ),
        (replace(TIES, otherwise=replace(HEADER, paid=D("99.00"))), [("payout.changed", "1.00")]),
        (replace(TIES, changed={"a": D("2.00"), "b": D("-5.00")}), [("payout.changed", "3.00")]),
        (replace(TIES, unlinked=2, unlinked_amount=D("-7.00")), [("payout.unlinked", "7.00")]),
        (replace(TIES, found=kept(REPEATED)), [("payout.repeated", "10.00")]),
        (replace(TIES, found=kept(ALIKE)), []),
        (replace(TIES, found=kept(MISSING)), []),
        (replace(UNTIED, found=kept(MISSING)), [("payout.untied", "10.00"), ("payout.incomplete", "0")]),
        (
            replace(TIES, found=kept(CONTRADICTS), elsewhere=("b is in po_2, too",), elsewhere_amount=D("4.00")),
            [("payout.contradiction", "7.00")],
        ),
        (replace(TIES, conflicts=("b is of two orders",)), [("payout.contradiction", "0")]),
        (replace(TIES, twice=("po_2 has come to it, too",), twice_amount=D("100.00")), [("payout.twice", "100.00")]),
    ],
)
def test_each_thing_that_stands_against_a_payout_is_a_case_with_its_amount(
    state: PayoutState, cases: list[tuple[str, str]]
) -> None:
    """What is only alike is none; that a file is a part is none once it ties."""
    assert found(state) == cases


@pytest.mark.parametrize(
    ("other", "whole"), [("-5.00", "come to 0.00 USD; without their signs to 10.00 USD"), ("2.00", "come to 7.00 USD")]
)
def test_what_no_class_fits_counts_without_its_signs(other: str, whole: str) -> None:
    """So that two that cancel each other out are not overlooked."""
    rest = [line("b", "5.00", LineClass.UNEXPLAINED), line("c", other, LineClass.UNEXPLAINED)]
    sums = added(TIES.sums, rest)
    state = replace(TIES, sums=sums, header=replace(HEADER, paid=sums.net))
    assert found(state) == [("payout.unexplained", str(5 + abs(D(other))))]
    assert sentence(state).endswith(whole)


@pytest.mark.parametrize("of", [REPEATED, ALIKE])
def test_a_difference_that_a_line_told_twice_would_explain_says_so(of: Kept) -> None:
    """Of the same amount, and of no other kind."""
    told = cases_of(replace(UNTIED, found=kept(CONTRADICTS, of)), NOW)[0].sentence
    assert told.endswith(f"; that is the amount of a line of which the file says: {of.sentence}")
    for other in (replace(of, amount=D("9.00")), replace(of, amount=None), Kept("contradiction", "x", D("10.00"))):
        assert "that is the amount" not in cases_of(replace(UNTIED, found=kept(other)), NOW)[0].sentence


def test_of_many_lines_some_are_named_and_the_rest_is_counted() -> None:
    """In their order, with the difference of each."""
    five = {f"l{number}": D(number) for number in (3, 1, 2, 5, 4)}
    assert sentence(replace(TIES, changed=five)).endswith("otherwise: l1 by 1, l2 by 2, l3 by 3, l4 by 4, l5 by 5")
    assert sentence(replace(TIES, changed={**five, "l6": D(6), "l7": D(7)})).endswith("l5 by 5 and 2 more")
    off = replace(TIES, fees_off=6, fees_off_amount=D("6.00"), fees_off_named=("a by 1", "b by 1"))
    assert sentence(off).endswith("together by 6.00 USD: a by 1, b by 1 and 4 more")


def test_what_a_person_has_let_stand_is_opened_again_with_another_amount_only() -> None:
    """Whatever its sign, and however many zeros it has."""
    let_stand = replace(UNTIED, accepted=(accepted_as("payout.untied", D("-10.0")),))
    assert found(let_stand) == []
    assert found(replace(let_stand, header=replace(HEADER, paid=D("89.00")))) == [("payout.untied", "11.00")]
    assert found(replace(let_stand, bank=D("90.00"))) == []


@pytest.mark.parametrize(
    ("changes", "day"),
    [
        ({"paid_on": date(2026, 11, 20), "expected_on": date(2026, 11, 23)}, "2026-11-20"),
        ({"expected_on": date(2026, 11, 23)}, "2026-11-23"),
        ({}, ""),
        ({"paid_on": date(2026, 11, 20), "is_statement": True}, ""),
        ({"paid_on": date(2026, 11, 20), "status": PayoutStatus.FAILED}, ""),
    ],
)
def test_a_payout_is_like_others_of_its_day(changes: dict[str, Any], day: str) -> None:
    """Of the day on which it is paid, else expected; a statement, and one that is paid out again, are like none."""
    assert day_of(replace(HEADER, **changes)) == day


SEEN = LineSeen("txn_1", "sale", "2026-11-18T10:00:00Z", D("10.00"), D("9.70"), "web/1")
ROW = replace(SEEN, line="row-1")


@pytest.mark.parametrize(
    "other",
    [
        replace(ROW, kind="refund"),
        replace(ROW, at="2026-11-18T10:00:01Z"),
        replace(ROW, amount=D("11.00")),
        replace(ROW, net=D("9.60")),
        replace(ROW, order="web/2"),
        replace(ROW, line="txn_2"),
    ],
)
def test_a_line_by_its_id_is_there_by_what_stands_in_it_too_when_all_of_that_is_the_same(other: LineSeen) -> None:
    """Kind, instant, amounts and order, as far as both have one; two ids of the provider are two lines."""
    assert lines_twice([SEEN, other]) == ()
    for one, same in ((SEEN, ROW), (replace(SEEN, order=None), ROW), (SEEN, replace(ROW, order=None))):
        assert lines_twice([same, one]) == (LineTwice("txn_1", "row-1", D("9.70")),)


def test_one_line_stands_for_one_other() -> None:
    """Of three that are alike one is itself."""
    assert lines_twice([SEEN, replace(SEEN, line="txn_2"), ROW]) == (LineTwice("txn_1", "row-1", D("9.70")),)


def test_what_is_here_under_two_ids_is_named() -> None:
    """Payouts, lines, and payouts that are lines of a statement."""
    told = told_twice(
        [PayoutLike("k2", "po_2", D("100.00"))], [LineTwice("txn_1", "row-1", D("9.70"))],
        [PayoutInStatement("t_1", "2026-11-20", "po_1", D("-100.00"))], HEADER,
    )  # fmt: skip
    assert told == (
        "po_2 has come to 100.00 USD on the same day, too",
        "line txn_1 is here as row-1, too",
        "line t_1 of the statement 2026-11-20 is payout po_1, which has lines of its own here",
    )


@pytest.mark.parametrize(
    ("header", "twins"),
    [
        (HEADER, ["po_2"]),
        (replace(HEADER, paid=None), ["po_2"]),
        (replace(HEADER, paid=D("90.00")), []),
        (replace(HEADER, paid=D("0.00")), []),
        (replace(HEADER, id="po_2"), []),
    ],
)
def test_another_payout_of_the_day_that_comes_to_the_same_is_likely_this_one(
    header: PayoutHeader, twins: list[str]
) -> None:
    """As reported, else as its lines; nothing is like nothing, and a payout is not beside itself."""
    same_day: list[Any] = [PayoutLike("k2", "po_2", D("100.00")), PayoutLike("k3", "po_3", D("0.00"))]
    like = twins_of(header, TIES.sums, same_day)
    assert [each.payout for each in like] == twins
    assert len(told_twice(like, (), (), header)) == len(twins)
