"""What keeps what is due of a payout out of the ledger, and what lets it go; by the sandbox's books."""

from __future__ import annotations

import contextlib
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from connectors.fulfil.ledger import LEDGER_MOVES
from flows.model.posting_matrix import LedgerEvent, PostingRow
from tests.actors.payout_world import pages
from tests.actors.posting_world import (
    BANK,
    DAY,
    FEES,
    KEY,
    MATRIX,
    TWO_SALES,
    LedgerBooks,
    paid,
    posting,
    sold,
    two_sales,
)
from tests.actors.world import story
from tests.unit import payout_files as files


def test_what_does_not_tie_is_posted_when_a_person_has_let_it_stand(tmp_path: Path) -> None:
    """Nothing of it before; then what was paid goes to the bank, and the difference stays on clearing."""
    books = LedgerBooks()

    async def main() -> None:
        async with posting(tmp_path / "s.db", books) as world:
            await world.bring(*pages(files.shopify([sold(1), sold(2)], paid("190.00"))))
            await world.runs()
            assert books.moves() == []
            await world.release(KEY)
            await world.runs()
            assert books.balances() == {"6100": FEES, "1000": Decimal("190.00"), "1200": Decimal("-196.40")}

    story(main)


def test_what_became_due_before_a_case_opened_waits_until_it_ends(tmp_path: Path) -> None:
    """Due in preview, no longer tied when it goes live: nothing of it is posted until lines come with which it ties."""
    books = LedgerBooks()
    third = files.shopify([sold(1), sold(2), sold(3)], paid("193.60"))
    back = files.shopify_line(4, "adjustment", "-96.80", "0.00", "-96.80", source_order_id=None, **DAY)

    async def main() -> None:
        async with posting(tmp_path / "s.db", books, mode="preview") as world:
            await world.bring(*pages(two_sales()))
            await world.bring(*pages(third, "two"))
            assert len(await world.sql("SELECT * FROM posting WHERE batch IS NULL")) == 2
        async with posting(tmp_path / "s.db", books) as world:
            assert [kind for kind, _ in await world.cases()] == ["payout.unlinked", "payout.untied"]
            await world.runs()
            assert books.moves() == []
            await world.bring(*pages(files.shopify([back], paid("193.60")), "three"))
            await world.runs()
            fees = Decimal("9.60")
            assert books.balances() == {"6100": fees, "1000": BANK, "1200": -fees - BANK}

    story(main)


def test_what_is_due_goes_when_a_person_lets_it_stand(tmp_path: Path) -> None:
    """Another payout of the same day was posted meanwhile: what waits keeps back nothing but itself."""
    books = LedgerBooks()
    other = files.shopify_line(9, "charge", "10.00", "0.00", "10.00", payout_id=78, **DAY)

    async def main() -> None:
        async with posting(tmp_path / "s.db", books, mode="preview") as world:
            await world.bring(*pages(two_sales()))
            await world.bring(*pages(files.shopify([sold(3)], paid("193.60")), "two"))
            await world.bring(*pages(files.shopify([other], {**paid("10.00"), "id": 78}), "three"))
        async with posting(tmp_path / "s.db", books) as world:
            await world.runs()
            assert books.balances() == {"1000": Decimal("10.00"), "1200": Decimal("-10.00")}
            await world.release(KEY)
            await world.runs()
            assert books.balances()["1000"] == BANK + Decimal("10.00")

    story(main)


def test_a_batch_that_could_not_be_made_is_gathered_anew(tmp_path: Path) -> None:
    """While Fulfil did not tell, a case has opened: of the batch that was to be made what waits is left out."""
    books = LedgerBooks()
    other = files.shopify_line(9, "charge", "10.00", "0.00", "10.00", payout_id=78, **DAY)

    async def main() -> None:
        async with posting(tmp_path / "s.db", books) as world:
            books.refuses = {LEDGER_MOVES.find.kind}
            await world.bring(*pages(two_sales()), *pages(files.shopify([other], {**paid("10.00"), "id": 78})))
            await world.runs()
            assert await world.sql("SELECT count(*) FROM posting_batch WHERE status = 'making'") == [(2,)]
            await world.bring(*pages(files.shopify([sold(3)], paid("193.60")), "two"))
            books.refuses = set()
            await world.runs()
            assert books.balances() == {"1000": Decimal("10.00"), "1200": Decimal("-10.00")}
            await world.release(KEY)
            await world.runs()
            assert books.balances()["1000"] == BANK + Decimal("10.00")
            assert await world.open_cases() == []

    story(main)


def test_a_payout_that_is_told_in_two_ways_is_posted_when_a_person_has_said_which_is_right(tmp_path: Path) -> None:
    """Both ways tie; until then the first figures stand, and are not posted."""
    other_fee = files.shopify_line(2, "charge", "100.00", "3.30", "96.70", **DAY)
    books = LedgerBooks()

    async def main() -> None:
        async with posting(tmp_path / "s.db", books) as world:
            await world.bring(*pages(two_sales()))
            await world.bring(*pages(files.shopify([sold(1), other_fee], paid("193.50")), "two"))
            await world.runs()
            assert {kind for kind, _ in await world.cases()} == {"payout.changed", "payout.unlinked"}
            assert books.moves() == []
            await world.release(KEY)
            await world.runs()
            assert books.balances() == {"6100": Decimal("6.50"), "1000": Decimal("193.50"), "1200": Decimal(-200)}

    story(main)


@pytest.mark.parametrize("statement_first", [True, False])
def test_a_payout_that_is_a_line_of_a_statement_too_is_posted_once(tmp_path: Path, *, statement_first: bool) -> None:
    """Which of both is imported second is held until a person has taken one back; no line is in both."""
    columns = b"balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id\n"
    head = b"automatic_payout_id,automatic_payout_effective_at_utc," + columns
    sale = b"po_1,2025-12-22 00:00:00,txn_1,2025-12-19 10:00:00,usd,100.00,3.20,96.80,charge,ch_1\n"
    listed = b"id,Amount,Currency,Arrival Date (UTC),Status,Balance Transaction\npo_1,96.80,usd,2025-12-22,paid,txn_2\n"
    statement = columns + b"txn_2,2025-12-20 10:00:00,usd,-96.80,0.00,-96.80,payout,po_1\n"
    of_payout, of_statement = (head + sale, listed), (statement,)
    order = (of_statement, of_payout) if statement_first else (of_payout, of_statement)
    books = LedgerBooks()

    async def main() -> None:
        async with posting(tmp_path / "s.db", books) as world:
            for contents in order:
                for content in contents:
                    await world.bring(*pages(content, content[:9].hex(), "stripe-csv"))
                await world.runs()
            assert ("payout.twice", "96.80") in await world.cases()
            assert books.balances()["1000"] == Decimal("96.80")

    story(main)


@pytest.mark.parametrize("statement_first", [True, False])
def test_a_list_of_payouts_beside_statements_is_no_case(tmp_path: Path, *, statement_first: bool) -> None:
    """A payout without lines of its own posts nothing, and is in the statement alone."""
    books = LedgerBooks()
    statement = b"balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id\n"
    statement += b"txn_2,2025-12-20 10:00:00,usd,-96.80,0.00,-96.80,payout,po_1\n"
    listed = b"id,Amount,Currency,Arrival Date (UTC),Status,Balance Transaction\npo_1,96.80,usd,2025-12-22,paid,txn_2\n"

    async def main() -> None:
        async with posting(tmp_path / "s.db", books) as world:
            for content in (statement, listed) if statement_first else (listed, statement):
                await world.bring(*pages(content, content[:9].hex(), "stripe-csv"))
            await world.runs()
            assert (await world.cases(), books.balances()["1000"]) == ([], Decimal("96.80"))
            told = await world.journal.query("report_payouts", "", 9)
            assert [is_statement for _, _, _, _, is_statement, *_ in told] == [1], "it is counted once"
            assert await world.journal.query("payouts_not_whole", "", "", "", 9) == []

    story(main)


def test_unexplained_lines_that_are_due_wait_for_a_person_alone(tmp_path: Path) -> None:
    """Let stand once, and then there are more of them: what was due is not posted with the rest of its payout."""
    row = PostingRow(event=LedgerEvent.UNEXPLAINED, debit="1200", credit="1000", journal="GEN")
    rules = replace(MATRIX, rows=(*MATRIX.rows, row))
    odd = [
        files.shopify_line(each, "somethingnew", "1.00", "0.00", "1.00", source_order_id=None, **DAY) for each in (8, 9)
    ]
    books = LedgerBooks()

    async def main() -> None:
        async with posting(tmp_path / "s.db", books, rules, mode="preview") as world:
            await world.bring(*pages(files.shopify([sold(1), odd[0]], paid("97.80"))))
            await world.release(KEY)
            events = "SELECT event FROM posting ORDER BY number"
            assert ("unexplained",) in await world.sql(events)
            taken = files.shopify_line(10, "adjustment", "-1.00", "0.00", "-1.00", source_order_id=None, **DAY)
            await world.bring(*pages(files.shopify([odd[1], taken], paid("97.80")), "two"))
        async with posting(tmp_path / "s.db", books, rules) as world:
            await world.runs()
            assert await world.sql("SELECT event FROM posting WHERE batch IS NULL") == [("unexplained",)]
            await world.release(KEY)
            await world.runs()
            assert await world.sql("SELECT event FROM posting WHERE batch IS NULL") == []

    story(main)


def test_half_of_the_lines_bring_nothing_to_the_bank(tmp_path: Path) -> None:
    """A list of transactions does not say what was paid: nothing of it is posted until a list of payouts does."""
    books = LedgerBooks()
    table = "Transaction Date,Type,Order,Payout Status,Payout Date,Amount,Fee,Net,Currency\n"
    row = "2025-12-19 19:52:08 -0500,charge,#{0},paid,2025-12-22,100.00,3.20,96.80,USD\n"
    listed = (
        "Payout Date,Status,Charges,Refunds,Adjustments,Fees,Total,Currency\n2025-12-22,paid,200,0,0,-6.40,193.60,USD\n"
    )

    async def main() -> None:
        async with posting(tmp_path / "s.db", books) as world:
            await world.bring(*pages((table + row.format(1)).encode(), "half", "shopify-csv"))
            await world.runs()
            assert books.moves() == []
            ((body,),) = await world.sql("SELECT body FROM posting_left")
            assert "no report says what was paid" in body
            await world.bring(*pages((table + row.format(1) + row.format(2)).encode(), "whole", "shopify-csv"))
            await world.bring(*pages(listed.encode(), "list", "shopify-csv"))
            await world.runs()
            assert books.balances() == TWO_SALES

    story(main)


@pytest.mark.parametrize(
    ("lacks", "has"),
    [
        ("UPDATE payout SET paid = NULL", "UPDATE payout SET paid = '193.60'"),
        ("UPDATE payout SET judged = 0", "UPDATE payout SET judged = 1"),
    ],
)
def test_what_became_due_by_other_rules_waits_like_the_rest(tmp_path: Path, lacks: str, has: str) -> None:
    """Of a payout that nobody reports as paid, or of which an import is not whole, nothing goes."""
    books, store = LedgerBooks(), tmp_path / "s.db"

    async def main() -> None:
        async with posting(store, books, mode="preview") as world:
            await world.bring(*pages(two_sales()))
        for known, balances in ((lacks, {}), (has, TWO_SALES)):
            with contextlib.closing(sqlite3.connect(store)) as connection, connection:
                connection.execute(known)
            async with posting(store, books):
                assert books.balances() == balances

    story(main)
