"""What months have moved on the clearing account is read in the sandbox's ledger: whole, again until it is closed."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
from msgspec.structs import replace

from connectors.fulfil.sandbox.ledger import Ledger as Books
from flows.ledger import ClearingMonths
from flows.model.posting_matrix import PostingSettings
from flows.model.postings import LEDGER_MONTHS, LEDGER_MONTHS_KEY, ReadMonths
from runtime.actor import Actor
from tests.actors.payout_world import living, pages
from tests.actors.posting_world import MATRIX, LedgerBooks, PostingWorld, two_sales
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
