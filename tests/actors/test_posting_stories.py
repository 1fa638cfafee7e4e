"""What becomes of payouts in the ledger: once each, balanced, late ones in the open month; by the sandbox's books."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from flows.ledger.due import COMES_BACK
from flows.model.posting_matrix import LedgerEvent, PostingRow
from flows.payout_importer.asking import drop_payout
from runtime.clock import to_datetime
from runtime.errors import SeamlineError
from tests.actors.payout_world import pages
from tests.actors.posting_world import (
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


def test_a_payout_is_posted_when_its_day_is_over_and_never_again(tmp_path: Path) -> None:
    """Fees on their day, clearing on the payout's; the same file again, and a restart, add nothing."""
    books = LedgerBooks()

    async def main() -> None:
        async with posting(tmp_path / "s.db", books) as world:
            await world.bring(*pages(two_sales()))
            await world.runs()
            assert books.moves() == [("2025-12-20", "posted"), ("2025-12-22", "posted")]
            assert books.balances() == TWO_SALES
            await world.bring(*pages(two_sales(), "two"))
            await world.runs()
        async with posting(tmp_path / "s.db", books) as world:
            await world.runs()
            assert (books.balances(), len(books.moves())) == (TWO_SALES, 2)
            assert await world.open_cases() == []

    story(main)


def test_a_day_that_is_not_over_is_not_posted_yet(tmp_path: Path) -> None:
    """So that a day is one batch: what was paid today waits for tomorrow."""
    books = LedgerBooks()

    async def main() -> None:
        async with posting(tmp_path / "s.db", books) as world:
            await world.bring(*pages(files.shopify([sold(1), sold(2)], paid("193.60", day="2026-01-01"))))
            await world.runs()
            assert books.moves() == [("2025-12-20", "posted")]
            (timer,) = await world.sql("SELECT due_at FROM timer WHERE name = 'post'")
            assert to_datetime(timer[0]) == datetime(2026, 1, 1, 3, tzinfo=UTC)

    story(main)


def test_until_finance_switches_it_on_nothing_is_written(tmp_path: Path) -> None:
    """In preview what is due is known; switched on, it is posted, also of payouts that came before."""
    books = LedgerBooks()

    async def main() -> None:
        async with posting(tmp_path / "s.db", books, mode="preview") as world:
            await world.bring(*pages(two_sales()))
            await world.runs()
            assert len(await world.sql("SELECT * FROM posting WHERE batch IS NULL")) == 2
            assert set(books.calls) == {"changed_periods"}
        async with posting(tmp_path / "s.db", books) as world:
            await world.until_idle()
            assert books.balances() == TWO_SALES

    story(main)


@pytest.mark.parametrize("fates", [("before", "after"), ("after", "before", "before")])
def test_a_lost_answer_is_looked_up_and_never_hoped_for(tmp_path: Path, fates: tuple[str, ...]) -> None:
    """Lost before it was applied, or after: each move is there once, and posted."""
    books = LedgerBooks()
    books.lose.extend(fates)

    async def main() -> None:
        async with posting(tmp_path / "s.db", books) as world:
            await world.bring(*pages(two_sales()))
            await world.runs()
            assert [state for _, state in books.moves()] == ["posted", "posted"]
            assert books.balances() == TWO_SALES

    story(main)


def test_a_payout_in_transit_books_nothing_as_received(tmp_path: Path) -> None:
    """Its fees were taken; the bank has it when a later list says so."""
    books = LedgerBooks()

    async def main() -> None:
        async with posting(tmp_path / "s.db", books) as world:
            await world.bring(*pages(two_sales("in_transit")))
            await world.runs()
            assert books.balances() == {"6100": FEES, "1200": -FEES}
            await world.bring(*pages(two_sales(), "two"))
            await world.runs()
            assert books.balances() == TWO_SALES

    story(main)


def test_a_payout_that_fails_after_all_is_taken_back_and_nothing_is_edited(tmp_path: Path) -> None:
    """Two moves more; those that are there stay as they are."""
    books = LedgerBooks()

    async def main() -> None:
        async with posting(tmp_path / "s.db", books) as world:
            await world.bring(*pages(two_sales()))
            await world.runs()
            await world.bring(*pages(two_sales("failed"), "two"))
            await world.runs()
            assert books.balances() == {"6100": FEES, "1200": -FEES}
            assert len(books.moves()) == 3
            assert any(text.startswith("correction of payout of shopify_payments") for text in books.descriptions())

    story(main)


RETURNED = PostingRow(event=LedgerEvent.PAYOUT_RETURNED, debit="1200", credit="1000", journal="GEN")
WITH_RETURNED = (*MATRIX.rows, RETURNED)


def paid_again(part: str = "three") -> list[Any]:
    """The next payout, in which there is what the one that failed was."""
    back = files.shopify_line(
        9, "payout_failure", "193.60", "0.00", "193.60", **DAY, source_order_id=None, payout_id=78
    )
    later = {**paid("290.40", day="2025-12-24"), "id": 78}
    return pages(
        files.shopify([{**sold(8), "payout_id": 78}, {**back, "processed_at": "2025-12-23T10:00:00Z"}], later), part
    )


@pytest.mark.parametrize("order", ["failed, line", "line, failed", "together"])
@pytest.mark.parametrize("row", ["never", "first", "between", "last"])
def test_a_payout_that_failed_and_came_back_is_taken_back_once(tmp_path: Path, order: str, row: str) -> None:
    """Whichever comes first, and whenever finance adds the row: the bank has what it was paid once, and nobody is said
    to have to post the line once the status of its payout has.
    """
    books = LedgerBooks()
    steps = [paid_again(), pages(two_sales("failed"), "two")]
    steps = steps[::-1] if order == "failed, line" else [[*steps[0], *steps[1]]] if order == "together" else steps
    has = {"never": 9, "first": 0, "between": 1, "last": len(steps)}[row]

    async def main() -> None:
        async with posting(tmp_path / "s.db", books, rows=WITH_RETURNED if has == 0 else MATRIX.rows) as world:
            await world.bring(*pages(two_sales()))
            await world.runs()
        for place, step in enumerate(steps, 1):
            async with posting(tmp_path / "s.db", books, rows=WITH_RETURNED if has < place else MATRIX.rows) as world:
                await world.bring(*step)
                await world.runs()
        rows = WITH_RETURNED if has <= len(steps) else MATRIX.rows
        async with posting(tmp_path / "s.db", books, rows=rows) as world:
            await world.runs()
            assert books.balances() == {
                "6100": FEES + Decimal("3.20"),
                "1000": Decimal("290.40"),
                "1200": Decimal("-300.00"),
            }
            left = await world.sql("SELECT body FROM posting_left")
            assert not any("payout_returned" in body or COMES_BACK in body for (body,) in left)
            count = len(books.moves())
            await world.runs()
            assert len(books.moves()) == count

    story(main)


def test_a_chargeback_after_the_close_is_in_the_open_month_with_its_day_and_its_order(tmp_path: Path) -> None:
    """Failure case 33: December is closed when its dispute is told; it is posted on the first of January, named with
    its day and payout, and its line has the order.
    """
    books = LedgerBooks()
    dispute = files.shopify_line(3, "dispute", "-50.00", "15.00", "-65.00", source_order_id=1001, **DAY)
    with_dispute = files.shopify([sold(1), sold(2), dispute], paid("128.60"))

    async def main() -> None:
        async with posting(tmp_path / "s.db", books) as world:
            order = await world.order("1001")
            await world.bring(*pages(two_sales()))
            await world.runs()
            books.of(world.clock).books.ledger.close(date(2025, 12, 1))
            await world.bring(*pages(with_dispute, "two"))
            await world.release(KEY)  # the provider says another amount than before: a person takes the later one
            await world.runs()
            late = [move for move in books.moves() if move[0] >= "2026"]
            assert late == [("2026-01-01", "posted")]
            assert books.balances()["1400"] == Decimal("50.00")
            assert "dispute of shopify_payments, of 2025-12-20: payout 77" in books.descriptions()
            assert await world.sql("SELECT \"order\" FROM payout_line WHERE kind = 'dispute'") == [(order,)]

    story(main)


def test_a_draft_that_cannot_be_posted_is_a_case_and_is_posted_once_it_can(tmp_path: Path) -> None:
    """The month was closed between the read and the post; opened again, the same draft is posted."""
    books = LedgerBooks()

    async def main() -> None:
        async with posting(tmp_path / "s.db", books) as world:
            await world.bring(*pages(two_sales()))
            erp = books.of(world.clock)
            perform = erp.perform

            def closing(kind: str, body: bytes) -> Any:
                if kind == "post_ledger_move":
                    erp.books.ledger.close(date(2025, 12, 1))
                return perform(kind, body)

            erp.perform = closing  # type: ignore[method-assign]
            await world.runs()
            assert {kind for kind, _ in await world.open_cases()} == {"posting.refused"}
            assert ("2025-12-20", "draft") in books.moves()
            erp.perform = perform  # type: ignore[method-assign]
            erp.books.ledger.period(date(2025, 12, 1)).state = "open"
            await world.releases()
            assert books.balances() == TWO_SALES
            assert sorted(books.moves()) == [("2025-12-20", "posted"), ("2025-12-22", "posted")]
            assert await world.open_cases() == []

    story(main)


def test_a_draft_waits_while_what_is_in_it_is_in_doubt(tmp_path: Path) -> None:
    """It could not be posted; then its payout is told otherwise. It is posted when a person has said which is right."""
    other_fee = files.shopify_line(2, "charge", "100.00", "3.30", "96.70", **DAY)
    books = LedgerBooks()

    async def main() -> None:
        async with posting(tmp_path / "s.db", books) as world:
            await world.bring(*pages(two_sales()))
            erp = books.of(world.clock)
            erp.refuses = lambda kind, _body: kind == "post_ledger_move"
            await world.runs()
            erp.refuses = lambda _kind, _body: False
            await world.bring(*pages(files.shopify([sold(1), other_fee], paid("193.50")), "two"))
            await world.releases()
            assert [state for _, state in books.moves()] == ["draft", "draft"]
            assert "posting.refused" in {kind for kind, _ in await world.open_cases()}
            said = await world.sql("SELECT sentence FROM exception_case WHERE kind = 'posting.refused'")
            assert all("payout.changed" in sentence for (sentence,) in said)
            await world.release(KEY)
            await world.runs()
            assert books.balances() == {"6100": Decimal("6.50"), "1000": Decimal("193.50"), "1200": Decimal(-200)}
            assert "posting.refused" not in {kind for kind, _ in await world.open_cases()}

    story(main)


def test_a_draft_that_a_person_deleted_is_due_again(tmp_path: Path) -> None:
    """In the period that is open now."""
    books = LedgerBooks()

    async def main() -> None:
        async with posting(tmp_path / "s.db", books) as world:
            await world.bring(*pages(two_sales()))
            erp = books.of(world.clock)
            erp.refuses = lambda kind, _body: kind == "post_ledger_move"
            await world.runs()
            assert [state for _, state in books.moves()] == ["draft", "draft"]
            erp.refuses = lambda _kind, _body: False
            ledger = erp.books.ledger
            for move in list(ledger.moves):
                ledger.moves.remove(move.id)
            await world.releases()
            assert books.balances() == TWO_SALES
            statuses = await world.sql("SELECT status, count(*) FROM posting_batch GROUP BY status ORDER BY status")
            assert statuses == [("posted", 2), ("withdrawn", 2)]

    story(main)


def test_an_account_that_fulfil_has_not_keeps_back_its_postings_alone(tmp_path: Path) -> None:
    """With their amount; a tenant whose ledger nobody has probed is a case, too."""
    books = LedgerBooks()
    rows = (MATRIX.rows[0], *(row for row in MATRIX.rows[1:]))
    wrong = tuple(row if row.debit != "1000" else type(row)(**{**_fields(row), "debit": "1001"}) for row in rows)

    async def main() -> None:
        async with posting(tmp_path / "s.db", books, rows=wrong) as world:
            await world.bring(*pages(two_sales()))
            await world.runs()
            assert books.balances() == {"6100": FEES, "1200": -FEES}
            assert await world.open_cases() == [("posting.unmapped", "193.60")]
        async with posting(tmp_path / "s.db", books) as world:
            await world.until_idle()
            assert (books.balances(), await world.open_cases()) == (TWO_SALES, [])
        async with posting(tmp_path / "s.db", books, unable="nobody has probed it") as world:
            await world.until_idle()
            assert await world.open_cases() == [("ledger.refused", None)]

    story(main)


def _fields(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


def test_postings_of_a_hundred_orders_cost_a_dozen_calls(tmp_path: Path) -> None:
    """Rule 26: at most 0.2 calls per order; the metric counts them."""
    books = LedgerBooks()
    lines = [sold(number) for number in range(1, 101)]

    async def main() -> None:
        async with posting(tmp_path / "s.db", books) as world:
            await world.runs()
            before = sum(books.calls.values())
            await world.bring(*pages(files.shopify(lines, paid("9680.00"))))
            await world.runs()
            assert books.balances()["1000"] == Decimal("9680.00")
            assert sum(books.calls.values()) - before <= 20
            counted = sum(event.calls for event in world.events if type(event).__name__ == "PostingCalls")
            assert counted == sum(books.calls.values())

    story(main)


IN_EUR = """Transaction Date,Type,Order,Card Brand,Card Source,Payout Status,Payout Date,Available On,Amount,Fee,\
Net,Checkout,Payment Method Name,Presentment Amount,Presentment Currency,Currency
2025-12-19 19:52:08 -0500,charge,#1001,visa,online,paid,2025-12-22,2025-12-22,92.00,2.92,89.08,c1,card,100.00,USD,EUR
2025-12-19 19:55:08 -0500,charge,#1002,visa,online,paid,2025-12-22,2025-12-22,45.00,1.50,43.50,c2,card,50.00,USD,EUR
2025-12-19 19:58:08 -0500,refund,#1000,visa,online,paid,2025-12-22,2025-12-22,-18.00,0.00,-18.00,c0,card,-20.00,USD,EUR
"""
PAID_IN_EUR = """Payout Date,Status,Charges,Refunds,Adjustments,Reserved Funds,Fees,Retried Amount,Total,Currency
2025-12-22,paid,137.00,-18.00,0.00,0.00,-4.42,0.00,114.58,EUR
"""


def test_a_payout_in_another_currency_is_posted_at_its_own_rate_and_clearing_goes_to_zero(tmp_path: Path) -> None:
    """Customers paid 130 USD in all, and 114.58 EUR arrived: fees, bank and the exchange difference are in USD."""
    books = LedgerBooks()
    difference = PostingRow(event=LedgerEvent.EXCHANGE_DIFFERENCE, debit="1200", credit="7900", journal="GEN")
    rows = replace(MATRIX, rows=(*MATRIX.rows, difference))

    async def main() -> None:
        async with posting(tmp_path / "s.db", books, rows) as world:
            await world.bring(*pages(IN_EUR.encode(), format_="shopify-csv"))
            await world.bring(*pages(PAID_IN_EUR.encode(), "two", format_="shopify-csv"))
            await world.runs()
            amounts = {"6100": "4.84", "1000": "125.45", "7900": "-0.29", "1200": "-130.00"}
            assert books.balances() == {account: Decimal(amount) for account, amount in amounts.items()}
            said = ", 1 EUR = 1.0948905109 USD of 2025-12-22"
            assert all(each.endswith(said) for each in books.descriptions())
        async with posting(tmp_path / "s.db", books, rows) as world:
            await world.runs()
            assert (books.balances()["1200"], await world.open_cases()) == (Decimal("-130.00"), [])

    story(main)


def test_a_payout_that_is_taken_back_is_due_no_more_and_posted_once_when_it_comes_again(tmp_path: Path) -> None:
    """Nothing of it was posted: the rows go, and imported again it is as if it had never been there."""
    books = LedgerBooks()

    async def main() -> None:
        async with posting(tmp_path / "s.db", books, mode="preview") as world:
            await world.bring(*pages(two_sales()))
            await world.drop(KEY)
            assert await world.sql("SELECT * FROM posting LIMIT 1") == []
            await world.bring(*pages(two_sales(), "two"))
        async with posting(tmp_path / "s.db", books) as world:
            await world.runs()
            assert books.balances() == TWO_SALES

    story(main)


def test_what_was_posted_of_a_payout_that_is_taken_back_meanwhile_is_posted_the_other_way(tmp_path: Path) -> None:
    """A run may have begun before: then the opposite is due, and the books come to nothing; once, however often."""
    books = LedgerBooks()

    async def main() -> None:
        async with posting(tmp_path / "s.db", books) as world:
            await world.bring(*pages(two_sales()))
            await world.runs()
            with pytest.raises(SeamlineError, match="posted, or on its way into the ledger"):
                await drop_payout(world.engine.post_all, {"key": KEY, "by": "ida", "reason": "wrong"}, world.journal)
            await world.drop(KEY)  # as if nobody had looked
            waiting = await world.journal.query("postings_waiting", "", "", "", 10)
            assert [(row[7], *row[11:]) for row in waiting] == [("-6.40", None, 1, 1), ("-193.60", None, 1, 1)]
            await world.runs()
            await world.runs()
            assert books.balances() == {}
            await world.bring(*pages(two_sales(), "two"))
            await world.runs()
            assert books.balances() == TWO_SALES

    story(main)
