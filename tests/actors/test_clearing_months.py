"""What months have moved on the clearing account is read in the sandbox's ledger: whole, again until it is closed."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec.structs import replace

from connectors.fulfil.changes import Page
from connectors.fulfil.ledger import Account, LedgerLine, Period
from connectors.fulfil.sandbox.ledger import Ledger as Books
from flows.events import PostingCalls
from flows.ledger import ClearingMonths
from flows.ledger.months import LedgerMonths, Sum, decide
from flows.model.posting_matrix import PostingSettings
from flows.model.postings import LEDGER_MONTHS, LEDGER_MONTHS_KEY, ReadMonths
from runtime.actor import Actor
from runtime.clock import to_instant
from runtime.decision import Decision, EffectDone, EffectRefused
from tests.actors.payout_world import living, pages
from tests.actors.posting_world import MATRIX, LedgerBooks, PostingWorld, asked, page_read, two_sales
from tests.actors.world import story

DECEMBER, NOVEMBER = date(2025, 12, 31), date(2025, 11, 30)


class MonthsWorld(PostingWorld):
    """One process, which reads the months."""

    tells_months = True

    def actors(self) -> list[Actor]:
        """The reader beside the others."""
        return [*super().actors(), ClearingMonths(self.settings, self.events.append)]

    async def reads(self) -> None:
        """As when the process starts."""
        await self.engine.post(LEDGER_MONTHS, LEDGER_MONTHS_KEY, ReadMonths())
        await self.until_idle()

    async def rows(self) -> list[Any]:
        """What is kept."""
        return await self.sql("SELECT month, account, debit, credit, lines, is_final FROM month_account ORDER BY month")


@contextlib.asynccontextmanager
async def world(store: Path, books: LedgerBooks, settings: PostingSettings = MATRIX) -> AsyncIterator[MonthsWorld]:
    """A process over this store and these books."""
    async with living(store, lambda journal, clock: MonthsWorld(journal, clock, books=books, settings=settings)) as it:
        await it.until_idle()
        yield it


def ledger(books: LedgerBooks) -> Books:
    """The sandbox's."""
    assert books.erp is not None
    return books.erp.books.ledger


def book(books: LedgerBooks, day: date, amount: str, *, posted: bool = True) -> None:
    """An entry of this amount from the receivables to the clearing account; negative: the other way."""
    of, figure = ledger(books), Decimal(amount)
    move = of.add_move(day, journal=of.journal("CASH"), description="receipt")
    of.add_line(move, account=of.account("1200"), debit=max(figure, Decimal(0)), credit=max(-figure, Decimal(0)))
    of.add_line(move, account=of.account("4000"), debit=max(-figure, Decimal(0)), credit=max(figure, Decimal(0)))
    if posted:
        move.state = "posted"


def test_a_month_is_read_whole_until_it_is_closed_in_fulfil(tmp_path: Path) -> None:
    """Posted entries of its days alone, more than a page of them; what comes late is found; once closed, it stays."""
    books = LedgerBooks()

    async def main() -> None:
        async with world(tmp_path / "s.db", books) as it:
            for _ in range(620):
                book(books, DECEMBER, "0.10")
            book(books, DECEMBER, "-20.05")
            book(books, DECEMBER, "99.00", posted=False)
            book(books, date(2026, 1, 1), "7.00")
            book(books, NOVEMBER, "3.00")
            ledger(books).close(NOVEMBER)
            await it.reads()
            both = [("2025-11", "1200", "3.00", "0", 1, 1), ("2025-12", "1200", "62.00", "20.05", 621, 0)]
            assert await it.rows() == both
            calls = books.calls.total()
            await it.reads()
            assert await it.rows() == both
            assert books.calls.total() - calls == 4  # periods, accounts, two pages of December; November is final
            book(books, DECEMBER, "5.00")
            ledger(books).close(DECEMBER)
            await anyio.sleep(86_400 + 3_600)
            await it.until_idle()
            assert (await it.rows())[1] == ("2025-12", "1200", "67.00", "20.05", 622, 1)
            calls = books.calls["posted_ledger_lines"]
            await it.reads()
            assert books.calls["posted_ledger_lines"] == calls

    story(main)


def test_a_death_between_two_pages_counts_no_line_twice(tmp_path: Path) -> None:
    """The sum so far and the next page are on disk together."""
    books = LedgerBooks()

    async def first() -> None:
        async with world(tmp_path / "s.db", books) as it:
            for _ in range(1_100):
                book(books, DECEMBER, "0.01")
            await it.engine.post(LEDGER_MONTHS, LEDGER_MONTHS_KEY, ReadMonths())
            while books.calls["posted_ledger_lines"] < 3:
                await anyio.sleep(0.01)
            assert await it.rows() == [("2025-11", "1200", "0", "0", 0, 0)]

    async def second() -> None:
        async with world(tmp_path / "s.db", books) as it:
            await it.reads()
            assert (await it.rows())[1] == ("2025-12", "1200", "11.00", "0", 1_100, 0)

    story(first)
    story(second)


def test_a_refused_read_is_made_again_and_an_unknown_account_is_no_sum(tmp_path: Path) -> None:
    """An hour later; an account that Fulfil does not have is no row of zeros; without payout rows nothing is asked."""
    books = LedgerBooks()

    async def main() -> None:
        async with world(tmp_path / "s.db", books) as it:
            book(books, DECEMBER, "1.00")
            books.refuses.add("posted_ledger_lines")
            await it.reads()
            assert await it.rows() == []
            books.refuses.clear()
            await anyio.sleep(3_700)
            await it.until_idle()
            assert [row[:3] for row in await it.rows()] == [("2025-11", "1200", "0"), ("2025-12", "1200", "1.00")]

    async def elsewhere() -> None:
        strange = replace(MATRIX, rows=tuple(replace(row, credit="1299") for row in MATRIX.rows))
        async with world(tmp_path / "t.db", LedgerBooks(), strange) as it:
            await it.reads()
            assert (await it.rows(), it.books_of_erp.calls["posted_ledger_lines"]) == ([], 0)
        nobody = LedgerBooks()
        async with world(tmp_path / "u.db", nobody, replace(MATRIX, rows=MATRIX.rows[:1])) as it:
            asked = nobody.calls.total()
            await it.reads()
            assert nobody.calls.total() == asked

    story(main)
    story(elsewhere)


def test_a_month_is_read_again_as_soon_as_something_was_posted_in_it(tmp_path: Path) -> None:
    """Not only in the night; and once, however many batches a run has posted."""
    books = LedgerBooks()

    async def main() -> None:
        async with world(tmp_path / "s.db", books) as it:
            await it.reads()
            calls = books.calls["posted_ledger_lines"]
            assert [row[2:4] for row in await it.rows()] == [("0", "0"), ("0", "0")]
            await it.bring(*pages(two_sales()))
            await it.runs()
            assert len(books.moves()) == 2
            (row,) = [row for row in await it.rows() if row[0] == "2025-12"]
            assert Decimal(row[2]) - Decimal(row[3]) == books.balances()["1200"] != 0
            assert books.calls["posted_ledger_lines"] == calls + 2
            await it.runs()
            assert books.calls["posted_ledger_lines"] == calls + 2, "nothing was posted"

    story(main)


# -- the read itself, without an engine --------------------------------------------------------------------------------

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def done(state: LedgerMonths, *rows: Any, last: int | None = None) -> Decision:
    """The next page has come, with these rows; `last`: others are behind it."""
    return decide(state, page_read(rows, last), NOW, MATRIX)


def period(first: str | None, last: str | None, state: str | None = "closed") -> Period:
    begins, ends = (None if each is None else date.fromisoformat(each) for each in (first, last))
    return Period(id=1, start_date=begins, end_date=ends, state=state)


@pytest.mark.parametrize(
    ("periods", "closed"),
    [
        ((period("2025-12-01", "2025-12-31"),), True),
        ((period("2025-12-01", "2025-12-31", "locked"),), True),
        ((period("2025-12-01", "2025-12-31", "open"),), False),
        ((period("2025-12-01", "2025-12-31", None),), False),
        ((period("2025-12-01", "2025-12-30"), period("2025-12-31", "2026-01-31", "open")), False),
        ((period("2025-11-15", "2025-12-01", "open"), period("2025-12-02", "2025-12-31")), False),
        (
            (
                period("2025-11-01", "2025-11-30", "open"),
                period("2025-12-01", "2025-12-31"),
                period("2026-01-01", "2026-01-31", "open"),
            ),
            True,
        ),
        ((period("2025-11-01", "2025-11-30"), period("2026-01-01", "2026-01-31")), False),
        ((period("2025-12-01", None), period(None, "2025-12-31")), False),
        ((period("2025-12-01", "2025-12-31"), period(None, "2025-12-31", "open")), True),
        ((), False),
    ],
    ids=[
        "closed", "locked", "open", "untold", "its last day is open", "its first day is open", "its neighbours are",
        "no period of its own", "without days", "another without a day", "none",
    ],
)  # fmt: skip
def test_a_month_is_closed_when_nothing_can_be_posted_into_any_of_its_days(
    periods: tuple[Period, ...], closed: bool
) -> None:
    """Whichever periods its days are in; also where they come on two pages."""
    state = LedgerMonths(part="periods", months=("2025-12",))
    for before in range(len(periods)):
        step = done(done(state, *periods[:before], last=before + 1).state, *periods[before:])
        assert step.state.closed == (("2025-12",) if closed else ())
    assert done(state, *periods).state.closed == (("2025-12",) if closed else ())


def test_the_read_goes_from_page_to_page_and_from_month_to_month() -> None:
    """Behind the last id of the page before, and from the beginning for what is next; each month from its first day to
    its last, with sums of its own. What is closed needs no other look.
    """
    begun = decide(LedgerMonths(), ReadMonths(), NOW, MATRIX)
    assert (begun.state.part, begun.state.months, asked(begun).get("after_id", 0)) == (
        "periods", ("2025-11", "2025-12"), 0,
    )  # fmt: skip
    step = done(begun.state, period("2025-11-01", "2025-11-30"), last=7)
    assert (step.state.part, asked(step)["after_id"]) == ("periods", 7)
    step = done(step.state)
    assert (step.state.part, asked(step)["values"], asked(step).get("after_id", 0)) == ("accounts", ["1200"], 0)
    step = done(step.state, Account(id=5, code="1200"), Account(id=6, code="1300"), Account(id=7), last=7)
    assert (step.state.accounts, asked(step)["after_id"]) == ({"1200": 5}, 7)
    step = done(step.state)
    lines = {"accounts": [5], "first": "2025-11-01", "last": "2025-11-30"}
    assert {name: asked(step)[name] for name in lines} == lines
    assert asked(step).get("after_id", 0) == 0
    step = done(step.state, LedgerLine(id=1, account=5, debit=Decimal("3.00")), last=1)
    assert (asked(step)["after_id"], step.state.sums) == (1, {"1200": Sum(debit=Decimal("3.00"), lines=1)})
    step = done(step.state, LedgerLine(id=2, account=5, debit=Decimal("0.50"), credit=Decimal("1.25")))
    assert [write.row for write in step.writes] == [("2025-11", "1200", "3.50", "1.25", 2, 1, to_instant(NOW))]
    assert (asked(step)["first"], asked(step)["last"]) == ("2025-12-01", "2025-12-31")
    assert asked(step).get("after_id", 0) == 0
    assert (step.state.final, step.state.sums) == (("2025-11 1200",), {"1200": Sum()})
    step = done(step.state, LedgerLine(id=3, account=5, credit=Decimal("2.00")))
    assert [write.row for write in step.writes] == [("2025-12", "1200", "0", "2.00", 1, 0, to_instant(NOW))]
    assert step.state == LedgerMonths(final=("2025-11 1200",), calls=7)
    assert (step.effects, step.emits) == ((), ())
    ignored = done(step.state)
    assert (ignored.state, ignored.effects) == (step.state, ())


def test_an_account_that_fulfil_does_not_have_has_no_row_beside_one_that_it_has() -> None:
    """Nor is it final: it is read when somebody has made it."""
    second = replace(MATRIX, rows=(*MATRIX.rows, replace(MATRIX.rows[1], credit="1201", gateway="paypal")))
    state = decide(LedgerMonths(), ReadMonths(), NOW, second).state
    for rows in ((period("2025-11-01", "2025-11-30"),), (Account(id=5, code="1200"),), ()):
        page = Page(rows=rows, last_id=9, complete=True)
        how = EffectDone(intent=1, kind="find", result=page, began_us=1, ended_us=2, attempts=1)
        step = decide(state, how, NOW, second)
        state = step.state
    assert [write.row[:2] for write in step.writes] == [("2025-11", "1200")]
    assert state.final == ("2025-11 1200",)


def test_what_is_final_is_forgotten_with_its_month_and_an_account_that_is_new_is_read() -> None:
    """The months that are over and may still be open are two."""
    both = ("2025-10 1200", "2025-11 1200", "2025-12 1200")
    rested = decide(LedgerMonths(final=both), ReadMonths(), NOW, MATRIX)
    assert (rested.state, rested.effects) == (LedgerMonths(final=both[1:]), ())
    payout = MATRIX.rows[1]
    second = replace(MATRIX, rows=(*MATRIX.rows, replace(payout, credit="1201", gateway="paypal")))
    assert decide(LedgerMonths(final=both), ReadMonths(), NOW, second).state.months == ("2025-11", "2025-12")


def test_months_are_those_of_the_company_s_zone() -> None:
    """On new year's day at noon in UTC it is January in Berlin; half an hour before its midnight it is not."""
    berlin = replace(MATRIX, time_zone="Europe/Berlin")
    for hour, months in ((22, ("2025-10", "2025-11")), (23, ("2025-11", "2025-12"))):
        now = datetime(2025, 12, 31, hour, 30, tzinfo=UTC)
        assert decide(LedgerMonths(), ReadMonths(), now, berlin).state.months == months


def test_the_next_read_is_two_hours_behind_the_postings_or_an_hour_behind_a_refusal() -> None:
    """What was asked for during a read begins when that is over, once; what is read in part is not kept."""
    state = LedgerMonths(part="lines", months=("2025-12",), accounts={"1200": 5}, sums={"1200": Sum()}, after_id=9)
    step = done(state)
    assert [(each.due, each.message) for each in step.timers] == [
        (datetime(2026, 1, 2, 5, tzinfo=UTC), ReadMonths())
    ]  # fmt: skip
    assert step.emits == ()
    again = decide(state, ReadMonths(), NOW, MATRIX)
    assert (again.state, again.effects) == (replace(state, again=True), ())
    over = done(again.state)
    assert [(each.key, each.message) for each in over.emits] == [(LEDGER_MONTHS_KEY, ReadMonths())]
    assert over.state == LedgerMonths()
    refused = EffectRefused(intent=1, kind="find", code="400", sentence="no", began_us=1, ended_us=2, attempts=1)
    step = decide(replace(again.state, final=("2025-11 1200",), calls=4), refused, NOW, MATRIX)
    assert step.state == LedgerMonths(final=("2025-11 1200",), calls=4)
    assert [(each.due, each.message) for each in step.timers] == [(NOW + timedelta(hours=1), ReadMonths())]


def test_the_calls_of_a_read_are_counted() -> None:
    """Those since the last step, and none where there was none."""
    events: list[Any] = []
    reader = ClearingMonths(MATRIX, events.append)
    reader.announce("", LedgerMonths(calls=4), LedgerMonths(calls=4))
    reader.announce("", LedgerMonths(calls=4), LedgerMonths(calls=6))
    assert events == [PostingCalls(calls=2)]
