"""Which payout that failed a line gives back: the one that it names, else one of the same amount; each once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from flows.model.returned import (
    FailedPayout,
    ReturningLine,
    failed_payout,
    paid_again,
    returned_payouts,
    returning_line,
)

BOOK = ("web", "shopify_payments", "USD")


def failed(payout: str, amount: str = "10.00", day: str = "2026-01-05") -> FailedPayout:
    return FailedPayout(key=payout, book=BOOK, payout=payout, amount=Decimal(amount), day=day)


def line(number: str, amount: str = "10.00", day: str = "2026-01-07", **more: Any) -> ReturningLine:
    fields: dict[str, Any] = {"at": ("later", number), "book": BOOK, "amount": Decimal(amount), "day": day, **more}
    return ReturningLine(**fields)


def test_each_payout_comes_back_once() -> None:
    """The first of those of the amount; the third line gives back none of them."""
    found = returned_payouts([failed("b"), failed("a")], [line("3"), line("2"), line("1")])
    assert found == {("later", "1"): "a", ("later", "2"): "b"}


def test_a_payout_that_is_named_is_that_one_whatever_its_amount() -> None:
    """Also when another line has the amount and comes first."""
    found = returned_payouts([failed("a")], [line("1"), line("2", "9.00", names=frozenset({"a"}))])
    assert found == {("later", "2"): "a"}


def test_the_earliest_payout_comes_back_first_by_the_earliest_line() -> None:
    """Whatever they are called; also on the day on which it failed."""
    late, early = failed("a", day="2026-01-06"), failed("b", day="2026-01-05")
    lines = [line("1", day="2026-01-07"), line("2", day="2026-01-06")]
    assert returned_payouts([late, early], lines) == {("later", "2"): "b", ("later", "1"): "a"}
    assert returned_payouts([failed("a")], [line("1", day="2026-01-05")]) == {("later", "1"): "a"}


def test_a_line_that_names_its_payout_gives_no_other_one_back() -> None:
    """Not even one of its amount that nothing names."""
    named = line("1", names=frozenset({"a"}))
    assert returned_payouts([failed("a"), failed("b")], [named]) == {("later", "1"): "a"}


def test_rows_of_the_store_are_read_with_the_amount_that_was_paid_and_their_day() -> None:
    """Unreported it is what its lines come to; a line without a moment is of its payout's day."""
    of = ("a", *BOOK, "po_a")
    assert [failed_payout((*of, paid, "9.995", "2026-01-05")).amount for paid in ("10.00", None)] == [
        Decimal("10.00"), Decimal("10.00"),
    ]  # fmt: skip
    assert failed_payout((*of, "9.50", "9.495", "2026-01-05")).amount == Decimal("9.50")
    for moment, day in (("2026-01-06T23:30:00-05:00", "2026-01-07"), ("", "2026-01-09")):
        row = ("later", "1", *BOOK, "10.00", moment, "2026-01-09", "po_b", "paid", 1, 1, "po_a", None, "")
        assert returning_line(row) == line(
            "1", day=day, moment=moment, names=frozenset({"po_a"}), payout="po_b", received=True, bank=True
        )


@pytest.mark.parametrize(
    "other",
    [
        line("1", "10.01"),
        line("1", day="2026-01-04"),
        line("1", at=("a", "1")),
        line("1", book=("shop", "shopify_payments", "USD")),
        line("1", book=("web", "shopify_payments", "EUR")),
    ],
)
def test_what_is_of_another_amount_day_or_book_gives_nothing_back(other: ReturningLine) -> None:
    """Nor does a payout give itself back."""
    assert returned_payouts([failed("a")], [other]) == {}


def test_a_payout_that_came_back_more_than_once_is_paid_by_the_last() -> None:
    """Also where lines go round in a circle, which no provider means, it ends."""
    first, second = line("1", at=("b", "1")), line("1", at=("c", "1"), day="2026-01-09")
    assert paid_again([failed("a"), failed("b", day="2026-01-08")], [first, second]) == {"a": second, "b": second}
    circle = [line("1", at=("b", "1"), names=frozenset({"a"})), line("1", at=("a", "1"), names=frozenset({"b"}))]
    assert paid_again([failed("a"), failed("b")], circle).keys() == {"a", "b"}
