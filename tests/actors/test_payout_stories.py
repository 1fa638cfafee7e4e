"""Payouts in virtual time: files come twice, overlap, change, break off; each line is kept once, and has its order."""

from __future__ import annotations

import secrets
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from flows.payout_importer import NAME, payout_key
from flows.payout_importer.messages import PayoutState
from runtime.clock import to_datetime
from tests.actors.payout_world import pages, process
from tests.actors.world import story
from tests.unit import payout_files as files

KEY = payout_key("web", "shopify_payments", "77")


def sold(id_: int) -> dict[str, Any]:
    """A charge for order 1000 + `id_`."""
    return files.shopify_line(id_, "charge", "100.00", "3.20", "96.80")


def paid(amount: str, status: str = "paid") -> dict[str, Any]:
    return {**files.SHOPIFY_PAYOUT, "amount": amount, "status": status}


def reserves(count: int) -> list[dict[str, Any]]:
    """Lines of one dollar that need no order."""
    return [files.shopify_line(number, "reserve", "1.00", "0.00", "1.00") for number in range(1, count + 1)]


def test_a_file_twice_and_files_that_overlap_change_nothing(tmp_path: Path) -> None:
    """Each line is there once, with its order; the second time not even an instant is different."""
    lines = [sold(number) for number in (1, 2, 3)]
    whole = files.shopify(lines, paid("290.40"))
    parts = [files.shopify(lines[:2], paid("290.40")), files.shopify(lines[1:], paid("290.40"))]

    async def main() -> None:
        async with process(tmp_path / "s.db") as world:
            keys = [await world.order(str(1000 + number)) for number in (1, 2, 3)]
            await world.bring(*pages(whole))
            kept = await world.books()
            assert [row[-1] for row in kept["payout_line"]] == keys
            ((_, status, amount, _, net, _, count, unlinked, verdict, _),) = kept["payout"]
            assert (status, amount, net, count, unlinked, verdict) == ("paid", "290.40", "290.40", 3, 0, "proven")
            assert await world.cases() == []
            await anyio.sleep(60)
            await world.bring(*pages(whole, "two"), *pages(parts[1], "three"), *pages(parts[0], "four"))
            assert await world.books() == kept

    story(main)


def test_unexplained_lines_that_cancel_each_other_out_are_a_case(tmp_path: Path) -> None:
    """The payout ties, and nobody knows what two of its lines are."""
    odd = [
        files.shopify_line(id_, kind, amount, "0.00", amount, source_order_id=None)
        for id_, kind, amount in ((8, "foo", "5.00"), (9, "bar", "-5.00"))
    ]

    async def main() -> None:
        async with process(tmp_path / "s.db") as world:
            await world.bring(*pages(files.shopify([*reserves(1), *odd], paid("1.00"))))
            assert await world.cases() == [("payout.unexplained", "10.00")]
            assert await world.sql("SELECT verdict, unexplained FROM payout") == [("proven", "10.00")]

    story(main)


def test_what_was_planted_is_found_one_by_one(tmp_path: Path) -> None:
    """A wrong fee, a missing refund, a line twice, a line of nothing: each is a case with its amount."""
    odd = files.shopify_line(3, "what", "0.37", "0.00", "0.37", source_order_id=None)
    lines = [sold(1), {**sold(2), "fee": "4.20"}, odd]
    content = files.shopify([*lines, lines[0]], paid("180.00"))
    refund = files.shopify_line(4, "refund", "-13.97", "0.00", "-13.97", source_order_id=1001)

    async def main() -> None:
        async with process(tmp_path / "s.db") as world:
            for number in (1, 2):
                await world.order(str(1000 + number))
            await world.bring(*pages(content))
            assert await world.cases() == [
                ("payout.contradiction", "1.00"),
                ("payout.repeated", "96.80"),
                ("payout.unexplained", "1.37"),
                ("payout.untied", "13.97"),
            ]
            # the missing refund is imported: it ties, and that case is over
            await world.bring(*pages(files.shopify([*lines, refund], paid("180.00")), "two"))
            assert "payout.untied" not in dict(await world.cases())
            # the others are let stand by a person, and do not come back
            await world.release(KEY)
            assert await world.cases() == []
            await world.bring(*pages(content, "three"))
            assert await world.cases() == []

    story(main)


def test_a_line_that_is_told_otherwise_is_a_case_until_a_person_accepts_it(tmp_path: Path) -> None:
    """The first figure stands; told as at first again the case is over; accepted, the sums are the new ones."""
    first, other = (
        files.shopify([files.shopify_line(6, "reserve", amount, "0.00", amount)], paid("-10.00"))
        for amount in ("-10.00", "-9.00")
    )

    async def main() -> None:
        async with process(tmp_path / "s.db") as world:
            await world.bring(*pages(first))
            kept = await world.books()
            await world.bring(*pages(other, "two"))
            assert await world.cases() == [("payout.changed", "1.00")]
            assert (await world.books())["payout_line"] == kept["payout_line"]
            await world.bring(*pages(first, "three"))
            assert await world.cases() == []
            assert (await world.books())["payout_line_changed"] == []
            await world.bring(*pages(other, "four"))
            await world.release(KEY)
            assert await world.cases() == [("payout.untied", "1.00")]
            assert await world.sql("SELECT net FROM payout_line") == [("-9.00",)]
            assert (await world.books())["payout_line_changed"] == []

    story(main)


def test_a_payout_that_is_told_with_another_amount_is_a_case_once_it_is_on_its_way(tmp_path: Path) -> None:
    """While it is scheduled its amount may change; once paid the first one stands until a person accepts."""

    async def main() -> None:
        async with process(tmp_path / "s.db") as world:
            for run, payout in enumerate((paid("9.00", "scheduled"), paid("10.00"), paid("10.00", "scheduled"))):
                await world.bring(*pages(files.shopify(reserves(10), payout), str(run)))
            assert await world.cases() == []
            await world.bring(*pages(files.shopify(reserves(10), paid("12.00")), "later"))
            assert await world.cases() == [("payout.changed", "2.00")]
            await world.release(KEY)
            assert await world.cases() == [("payout.untied", "2.00")]

    story(main)


def test_lines_find_their_orders_when_these_come(tmp_path: Path) -> None:
    """Until then finance sees how much is of no order; it is looked every hour."""

    async def main() -> None:
        async with process(tmp_path / "s.db") as world:
            await world.order("1001")
            await world.bring(*pages(files.shopify([sold(1), sold(2)], paid("193.60"))))
            assert await world.cases() == [("payout.unlinked", "96.80")]
            await world.order("1002")
            await anyio.sleep(3_700)
            assert await world.cases() == []
            assert await world.sql('SELECT count(*) FROM payout_line WHERE "order" IS NULL') == [(0,)]

    story(main)


def test_lines_find_their_orders_by_transactions_and_by_numbers(tmp_path: Path) -> None:
    """What the sales channel named as the payment's id is the provider's charge, or its intent; or the number does."""
    lines = [
        files.stripe_line("t1", "charge", 100, source={"id": "ch_1", "object": "charge", "payment_intent": "pi_1"}),
        files.stripe_line("t2", "refund", -50, source={"id": "re_1", "object": "refund", "charge": "ch_2"}),
        files.stripe_line("t3", "charge", 50, source={"id": "ch_3", "object": "charge", "metadata": {"order_id": "9"}}),
        files.stripe_line("t4", "charge", 50, source={"id": "ch_4", "object": "charge", "payment_intent": "pi_1",
                                                      "metadata": {"order_id": "5"}}),
        files.stripe_line("p", "payout", -150, source="po_1"),
    ]  # fmt: skip

    async def main() -> None:
        async with process(tmp_path / "s.db") as world:
            first = await world.order("5", transaction="ch_4")
            second, third = await world.order("6", transaction="pi_1"), await world.order("7", transaction="ch_2")
            fourth = await world.order("8", number="#9")
            await world.bring(*pages(files.stripe(lines), format_="stripe"))
            found = await world.sql('SELECT line, "order" FROM payout_line ORDER BY line')
            assert found == [("t1", second), ("t2", third), ("t3", fourth), ("t4", None)]
            (sentence,) = [
                row[4]
                for row in await world.journal.query("cases_open", "", "", 0, 9, None)
                if row[1] == "payout.contradiction"
            ]
            assert f"t4 leads to several orders: {first}, {second}" in sentence

    story(main)


@pytest.mark.parametrize("at_once", [True, False])
def test_a_refund_and_a_chargeback_are_of_the_order_that_the_line_of_their_payment_is_of(
    tmp_path: Path, at_once: bool
) -> None:
    """They name nothing but the payment, whether they stand before its line, behind it, or in a later statement."""
    of_sale = {"paypal_reference_id": "S9", "paypal_reference_id_type": "TXN"}
    refund = files.paypal_line("A1", "T1107", "-65.00", "0.00", **of_sale)
    sale = files.paypal_line("S9", "T0006", "465.00", "-13.79", invoice_id="1001")
    taken = files.paypal_line("Z3", "T1201", "-400.00", "0.00", **of_sale)
    later = {**taken, "transaction_info": taken["transaction_info"] | {
        "transaction_initiation_date": "2026-01-06T10:00:00+0000"
    }}  # fmt: skip
    contents = [[refund, sale, taken]] if at_once else [[refund, sale], [later]]

    async def main() -> None:
        async with process(tmp_path / "s.db") as world:
            key = await world.order("5", number="#1001")
            for run, lines in enumerate(contents):
                await world.bring(*pages(files.paypal(lines), str(run), "paypal"))
            found = await world.sql('SELECT line, "order" FROM payout_line ORDER BY line')
            assert found == [("A1", key), ("S9", key), ("Z3", key)]
            assert "payout.unlinked" not in dict(await world.cases())

    story(main)


def test_what_was_taken_of_an_order_is_tied_to_it_too(tmp_path: Path) -> None:
    """Fees and taxes are rows of their own at some providers; those of no order that is here are of no charge."""
    other = files.amazon_line("Order", "ItemFees", "Commission", "-0.54", "111-2")

    async def main() -> None:
        async with process(tmp_path / "s.db") as world:
            key = await world.order("111-1")
            await world.bring(*pages((files.AMAZON + other + "\n").encode(), format_="amazon"))
            linked = await world.sql("SELECT \"order\", kind FROM payout_line WHERE source_order <> '' ORDER BY line")
            assert sorted(linked, key=str) == [
                *((key, kind) for kind in ("fee", "refund", "sale", "sale", "sale", "tax_on_fee", "withheld_tax")),
                (None, "fee"),
            ]
            assert "payout.unlinked" not in dict(await world.cases())

    story(main)


def test_a_line_that_is_in_two_payouts_is_a_contradiction(tmp_path: Path) -> None:
    """Two link tables that say different things: both keep it, and finance sees it with its amount."""
    moved = [{**each, "payout_id": 78} for each in reserves(1)]

    async def main() -> None:
        async with process(tmp_path / "s.db") as world:
            await world.bring(*pages(files.shopify(reserves(2), paid("2.00"))))
            await world.bring(*pages(files.shopify(moved, {**paid("1.00"), "id": 78}), "two"))
            assert await world.cases() == [("payout.contradiction", "1.00")]

    story(main)


def test_what_is_on_its_way_is_late_after_its_day_and_what_failed_was_never_received(tmp_path: Path) -> None:
    """In transit until the expected day and two more: then it is overdue; a later list says what became of it."""

    async def main() -> None:
        async with process(tmp_path / "s.db") as world:
            today = to_datetime(world.journal.clock.now()).date()
            payout = {**paid("43.12", "in_transit"), "date": (today - timedelta(days=4)).isoformat()}
            await world.bring(*pages(files.shopify([], payout)))
            assert await world.sql("SELECT received FROM payout") == [(0,)]
            assert await world.cases() == [("payout.overdue", "43.12")]
            await world.bring(*pages(files.shopify([], {**payout, "status": "failed"}), "two"))
            assert await world.cases() == [("payout.failed", "43.12")]
            how = "it is no longer so, or a person has looked"
            assert await world.sql("SELECT closed_how FROM exception_case WHERE closed_how > ''") == [(how,)]
            await world.bring(*pages(files.shopify([], payout), "three"))  # the older list once more
            assert await world.sql("SELECT status, received FROM payout") == [("failed", 0)]

    story(main)


def test_a_process_that_dies_between_pages_goes_on_where_it_was(tmp_path: Path) -> None:
    """Pages that were taken are in the queue; the command typed again brings the rest, and the books are the same."""
    told = pages(files.shopify(reserves(450), paid("450.00")))
    assert [page.page for page in told] == [1, 2, 3]

    async def books_of(world: Any) -> Any:
        books = await world.books()
        return [row[:-1] for row in books["payout"]], books["payout_line"], books["exception_case"]

    async def undisturbed() -> Any:
        async with process(tmp_path / "a.db") as world:
            await world.bring(*told)
            return await books_of(world)

    async def disturbed() -> Any:
        for page in told[:2]:
            async with process(tmp_path / "b.db") as world:  # leaving the block is a crash
                await world.post(page)
        async with process(tmp_path / "b.db") as world:
            await world.until_idle()
            assert await world.sql("SELECT count(*) FROM payout WHERE judged = 1") == [(0,)]
            await world.bring(*told)
            return await books_of(world)

    assert story(undisturbed) == story(disturbed)


def test_an_import_that_breaks_off_is_judged_by_what_came(tmp_path: Path) -> None:
    """Ten minutes after its last page: finance sees what is missing."""
    told = pages(files.shopify(reserves(301), paid("301.00")))

    async def main() -> None:
        async with process(tmp_path / "s.db") as world:
            await world.post(told[0])
            await anyio.sleep(900)
            assert await world.cases() == [("payout.untied", "101.00")]
            await world.bring(*told)
            assert await world.cases() == []

    story(main)


def test_the_state_says_what_its_rows_say(tmp_path: Path) -> None:
    """The sums that are kept are those of the lines on disk, and a bank amount that is not what was paid is named."""

    async def main() -> None:
        async with process(tmp_path / "s.db") as world:
            await world.bring(*pages(files.shopify(), bank="116.00"))
            ((_, body, *_),) = await world.journal.query_list("states", [KEY], NAME)
            state = msgspec.json.decode(body, type=PayoutState)
            assert state.sums.net == sum(Decimal(net) for (net,) in await world.sql("SELECT net FROM payout_line"))
            assert dict(await world.cases())["payout.untied"] == "0.50"

    story(main)


_EXPORT = (
    b"Transaction Date,Type,Order,Payout Status,Payout Date,Amount,Fee,Net,Checkout,Currency\n"
    b"2026-01-30 10:00:00 +0000,charge,#1001,paid,2026-01-31,100.00,3.20,96.80,c,USD\n"
)


def test_a_row_of_an_export_with_another_fee_is_the_same_line_told_otherwise(tmp_path: Path) -> None:
    """It has no id: where it stands says which it is. The right file ends it; a person who lets it count has it so."""
    wrong = _EXPORT.replace(b"3.20,96.80", b"3.30,96.70")

    async def main() -> None:
        async with process(tmp_path / "s.db") as world:
            await world.order("1001", number="#1001")
            await world.bring(*pages(_EXPORT, format_="shopify-csv"))
            for told, case in ((wrong, [("payout.changed", "0.10")]), (_EXPORT, [])) * 2:
                await world.bring(*pages(told, secrets.token_hex(4), "shopify-csv"))
                assert await world.cases() == case
                assert await world.sql("SELECT net FROM payout_line") == [("96.80",)]
            await world.bring(*pages(wrong, "five", "shopify-csv"))
            await world.release("payout/web/shopify_payments/2026-01-31-USD")
            await world.bring(*pages(wrong, "six", "shopify-csv"))
            assert await world.cases() == []
            assert await world.sql("SELECT net FROM payout_line") == [("96.70",)]

    story(main)


def test_rows_that_stand_at_one_place_of_an_export_stay_as_many_as_they_are(tmp_path: Path) -> None:
    """Two equal refunds of one second and one of another amount; then one of the two with another amount."""
    head = _EXPORT.splitlines(keepends=True)[0]
    row = b"2026-01-30 11:00:00 +0000,refund,#1001,paid,2026-01-31,%s,0.00,%s,c,USD\n"
    first, both, all_, other = (
        head + b"".join(row % (amount, amount) for amount in amounts)
        for amounts in (
            (b"-5.00",),
            (b"-5.00", b"-5.00"),
            (b"-2.00", b"-5.00", b"-5.00"),
            (b"-5.00", b"-6.00", b"-2.00"),
        )
    )

    async def main() -> None:
        async with process(tmp_path / "s.db") as world:
            await world.order("1001", number="#1001")
            for number, told in enumerate((first, both, all_, first), start=1):
                await world.bring(*pages(told, f"run {number}", "shopify-csv"))
                assert await world.cases() == []
            assert await world.sql("SELECT count(*) FROM payout_line") == [(3,)]
            await world.bring(*pages(other, "other", "shopify-csv"))
            assert await world.cases() == [("payout.changed", "1.00")]
            await world.bring(*pages(all_, "again", "shopify-csv"))
            assert await world.cases() == []
            assert await world.sql("SELECT count(*) FROM payout_line") == [(3,)]

    story(main)


def test_a_payout_by_an_export_and_by_the_api_is_a_case_until_a_person_lets_both_stand(tmp_path: Path) -> None:
    """Its id is another one in each; the same day and amount give it away. Another amount is another payout."""
    whole = files.shopify([sold(1)], {**paid("96.80"), "date": "2026-01-31"})
    other = files.shopify([], {**paid("96.81"), "date": "2026-01-31", "id": 78})

    async def main() -> None:
        async with process(tmp_path / "s.db") as world:
            await world.order("1001", number="#1001")
            await world.bring(*pages(_EXPORT, format_="shopify-csv"))
            await world.bring(*pages(other, "two"))
            assert await world.cases() == []
            await world.bring(*pages(whole, "three"))
            assert await world.cases() == [("payout.twice", "96.80")]
            ((sentence,),) = await world.sql("SELECT sentence FROM exception_case WHERE closed_at IS NULL")
            assert "2026-01-31-USD has come to 96.80 USD on the same day, too; take back one of two" in sentence
            await world.release(KEY)
            await world.bring(*pages(whole, "four"))
            assert await world.cases() == []

    story(main)


def test_a_charge_under_two_ids_in_two_payouts_is_a_case_also_without_a_list_of_payouts(tmp_path: Path) -> None:
    """The transactions of the API alone have no day of their payout: the charge itself gives it away."""
    lines = [{**sold(1), "processed_at": "2026-01-30T10:00:00+00:00"}, sold(2)]
    alone = files.json({"transactions": lines})

    async def main() -> None:
        async with process(tmp_path / "s.db") as world:
            for number in ("1001", "1002"):
                await world.order(number, number=f"#{number}")
            await world.bring(*pages(_EXPORT, format_="shopify-csv"))
            await world.bring(*pages(alone, "two"))
            assert await world.cases() == [("payout.twice", "96.80")]
            ((sentence,),) = await world.sql("SELECT sentence FROM exception_case WHERE closed_at IS NULL")
            assert "line 1 is here as row-" in sentence
            assert " of 2026-01-31-USD, too" in sentence
            await world.bring(*pages(alone, "three"))  # nothing of it is without its order any more
            assert await world.cases() == [("payout.twice", "96.80")]

    story(main)


def test_a_charge_under_two_ids_in_one_payout_is_a_case(tmp_path: Path) -> None:
    """Named by what stands in it, and by its provider: the same kind, instant, amount and order."""
    (export,) = pages(_EXPORT, format_="shopify-csv")
    (told,) = pages(files.shopify([sold(1), {**sold(2), "amount": "7.00", "fee": "0.00", "net": "7.00"}]), run="two")
    at = export.lines[0].at
    lines = tuple(msgspec.structs.replace(line, payout=export.header.id, at=at) for line in told.lines)
    mixed = msgspec.structs.replace(told, header=export.header, lines=lines)

    async def main() -> None:
        async with process(tmp_path / "s.db") as world:
            await world.order("1001", number="#1001")
            await world.order("1002")
            await world.bring(export)
            assert await world.cases() == []
            await world.bring(mixed)
            assert await world.cases() == [("payout.twice", "96.80")]

    story(main)


def test_a_payout_that_is_taken_back_leaves_nothing_and_may_come_again(tmp_path: Path) -> None:
    """Its lines, changes and cases go; what stood against another payout ends there, too."""
    whole = files.shopify([sold(1)], {**paid("96.80"), "date": "2026-01-31"})
    other = files.shopify([{**sold(1), "fee": "4.20", "net": "95.80"}], {**paid("96.80"), "date": "2026-01-31"})
    export = payout_key("web", "shopify_payments", "2026-01-31-USD")

    async def main() -> None:
        async with process(tmp_path / "s.db") as world:
            await world.order("1001", number="#1001")
            await world.bring(*pages(whole))
            kept = await world.books()
            await world.bring(*pages(_EXPORT, "two", format_="shopify-csv"), *pages(other, "three"))
            assert dict(await world.cases()).keys() == {"payout.twice", "payout.changed"}
            await world.drop(export)
            assert [kind for kind, _ in await world.cases()] == ["payout.changed"]
            await world.drop(KEY)
            assert {table: rows for table, rows in (await world.books()).items() if table != "exception_case"} == {
                "payout_line": [],
                "payout_line_changed": [],
                "payout": [],
            }
            assert await world.cases() == []
            await world.drop(KEY)  # twice is once
            await world.bring(*pages(whole, "four"))
            again = await world.books()
            assert (again["payout_line"], len(again["payout"])) == (kept["payout_line"], 1)

    story(main)


def test_a_payout_that_is_in_a_statement_too_stands_alone_when_that_is_taken_back(tmp_path: Path) -> None:
    """The case was that of the payout, which was imported second; and the other way round."""
    columns = b"balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id\n"
    statement = columns + b"txn_2,2025-12-20 10:00:00,usd,-96.80,0.00,-96.80,payout,po_1\n"
    lines = b"po_1,2025-12-22 00:00:00,txn_1,2025-12-19 10:00:00,usd,96.80,0.00,96.80,topup,\n"
    payout = b"automatic_payout_id,automatic_payout_effective_at_utc," + columns + lines

    async def main() -> None:
        for number, (first, second) in enumerate(((statement, payout), (payout, statement))):
            async with process(tmp_path / f"{number}.db") as world:
                await world.bring(*pages(first, format_="stripe-csv"))
                ((key,),) = await world.sql("SELECT key FROM payout")
                await world.bring(*pages(second, "two", format_="stripe-csv"))
                assert await world.cases() == [("payout.twice", "96.80")]
                await world.drop(key)
                assert await world.cases() == []

    story(main)
