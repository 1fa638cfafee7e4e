"""Postings in a store that was restored from a backup: nothing is posted until somebody says that the books agree."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import anyio

from flows.model.schema import ORDERS
from flows.restored import agree, rows_beside
from runtime.clock import SystemClock
from runtime.journal.backup import back_up, restore
from tests.actors.payout_world import living, pages
from tests.actors.posting_world import DAY, MATRIX, TWO_SALES, LedgerBooks, PostingWorld, paid, posting, two_sales
from tests.actors.world import story
from tests.unit import payout_files as files


def test_a_batch_that_was_under_way_at_the_backup_is_not_posted_beside_what_the_lost_life_made_of_it(
    tmp_path: Path,
) -> None:
    """Fulfil refused it then, and what was in it was posted in another one. The store that is restored does nothing;
    then a person has taken back what it does not know, and says that the books agree: all of it is there once.
    """
    books, store, to = LedgerBooks(), tmp_path / "s.db", tmp_path / "backup"
    make = partial(PostingWorld, books=books, settings=MATRIX, unable="")

    async def lost() -> None:
        async with posting(store, books, mode="preview") as world:
            await world.bring(*pages(two_sales()))
        books.refuses = {"make_ledger_move"}
        async with living(store, make) as world:
            while not await world.sql("SELECT 1 FROM intent WHERE kind = 'make_ledger_move'"):
                await anyio.sleep(0.001)
            back_up(store, to, lambda *_: None)
            await world.until_idle()
            books.refuses = set()
            other = files.shopify_line(9, "charge", "10.00", "0.50", "9.50", payout_id=78, **DAY)
            await world.bring(*pages(files.shopify([other], {**paid("9.50"), "id": 78}), "three"))
            await world.releases()
            await world.runs()

    story(lost)
    moves, balances = len(books.moves()), dict(books.balances())
    assert moves > 0
    clock, told = SystemClock(), {"by": "mona", "reason": "the disk is lost", "backup": "backup"}
    (_, paused) = rows_beside(0, clock.now(), told, posts=True)
    restore(to, store, clock, lambda *_: None, schemas=(ORDERS,), also=lambda _: [paused])

    async def restored() -> None:
        async with living(store, make) as world:
            await anyio.sleep(3_600)
            assert (len(books.moves()), books.balances()) == (moves, balances)
            await world.engine.resume("actor", "ledger", "somebody in a hurry")
            await world.runs()
            await anyio.sleep(3_600)
            assert (len(books.moves()), books.balances()) == (moves, balances)
            books.take_back()
            assert books.balances() == {}
            said = {"by": "mona", "reason": "all of it is taken back"}
            await agree(said, world.engine, ["web"])
            await world.runs()
            assert books.balances() == TWO_SALES, "and the other payout has to be imported again"

    story(restored)


def test_what_a_person_has_taken_back_is_posted_anew_under_another_name(tmp_path: Path) -> None:
    """The batch that the lost life had posted is gathered again to the letter, and its entry still stands there."""
    books, store, to = LedgerBooks(), tmp_path / "s.db", tmp_path / "backup"
    make = partial(PostingWorld, books=books, settings=MATRIX, unable="")

    async def lost() -> None:
        async with posting(store, books, mode="preview") as world:
            await world.bring(*pages(two_sales()))
            back_up(store, to, lambda *_: None)
        async with living(store, make) as world:
            await world.runs()

    story(lost)
    assert books.balances() == TWO_SALES
    restore(to, store, SystemClock(), lambda *_: None, schemas=(ORDERS,))

    async def restored() -> None:
        async with living(store, make) as world:
            await world.runs()
            assert books.balances() == TWO_SALES
            books.take_back()
            await agree({"by": "mona", "reason": "all of it is taken back"}, world.engine, ["web"])
            await world.runs()
            assert books.balances() == TWO_SALES

    story(restored)
