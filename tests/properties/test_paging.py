"""Reading a list of changes while it changes: whatever happens between two pages, no order is skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.model.paging import Paging, Row, Unpageable, next_page

BEGIN = datetime(2026, 11, 20, 9, tzinfo=UTC)


class Shop:
    """A sales channel's list of orders by time of change, in whole seconds; ties in the order of their ids."""

    def __init__(self, seconds: list[int]) -> None:
        self.changed = dict(enumerate(seconds))
        self.now = max(seconds, default=0) + 1

    def edit(self, order: int, later_s: int) -> None:
        self.now += later_s
        self.changed[order] = self.now

    def page(self, at: Paging, limit: int) -> list[Row]:
        rows = sorted((second, order) for order, second in self.changed.items())
        since = (at.since - BEGIN).total_seconds()
        wanted = [(second, order) for second, order in rows if second >= since]
        return [
            Row(BEGIN + timedelta(seconds=second), f"{order}@{second}")
            for second, order in wanted[(at.page - 1) * limit : at.page * limit]
        ]


def read(shop: Shop, limit: int, between: Callable[[], None]) -> Iterator[Row]:
    """All rows of one reading; `between` happens between two pages."""
    at: Paging | None = Paging(since=BEGIN)
    while at is not None:
        rows = shop.page(at, limit)
        yield from rows
        at = next_page(at, rows, limit=limit)
        between()


@given(
    seconds=st.lists(st.integers(0, 3), max_size=40),
    limit=st.integers(1, 4),
    edits=st.lists(st.tuples(st.integers(0, 39), st.integers(0, 1)), max_size=25),
)
def test_no_order_is_skipped_whatever_is_edited_between_two_pages(
    seconds: list[int], limit: int, edits: list[tuple[int, int]]
) -> None:
    """Orders move to the end of the list while it is read; some seconds have more of them than fit into a page."""
    shop, left = Shop(seconds), list(edits)

    def edit_one() -> None:
        if left:
            order, later_s = left.pop()
            if order in shop.changed:
                shop.edit(order, later_s)

    met = {row.mark.partition("@")[0] for row in read(shop, limit, edit_one)}
    assert met == {str(order) for order in shop.changed}


def test_an_edit_within_a_second_that_fills_pages_is_read_again() -> None:
    """Ten orders of one second, pages of three: the first is edited after the first page, so the fourth moves up."""
    shop = Shop([0] * 10)
    edits = [(0, 5)]
    met = [row.mark for row in read(shop, 3, lambda: shop.edit(*edits.pop()) if edits else None)]
    assert "3@0" in met
    assert "0@6" in met


def test_a_list_that_does_not_change_is_read_once() -> None:
    """Without ties, each page begins with the last order of the one before, and nothing else is read twice."""
    shop = Shop(list(range(10)))
    assert len(list(read(shop, 4, lambda: None))) == 10 + 3


@pytest.mark.parametrize(
    ("seconds", "sentence"),
    [([2, 1], "oldest change first"), ([0, 0], "whatever page")],
)
def test_a_flow_that_cannot_be_paged_is_told_apart(seconds: list[int], sentence: str) -> None:
    """Newest first, or the same page for ever: a sentence for its owner, not an endless reading."""
    rows = [Row(BEGIN + timedelta(seconds=second), str(index)) for index, second in enumerate(seconds)]
    at: Paging | None = Paging(since=BEGIN)
    with pytest.raises(Unpageable, match=sentence):
        for _ in range(5):
            assert at is not None
            at = next_page(at, rows, limit=2)


def test_pages_that_never_end_are_given_up() -> None:
    """A flow that invents orders for ever is stopped at the bound."""
    rows = [Row(None, "a"), Row(None, "b")]
    with pytest.raises(Unpageable, match="do not end"):
        next_page(Paging(since=BEGIN, pages=20_000), rows, limit=2)
