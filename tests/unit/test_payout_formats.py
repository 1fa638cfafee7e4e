"""What comes of the lines of each provider's files: one class each, signed as they are felt, tied to orders, proven."""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from flows.model.payout import LineClass, PayoutStatus
from flows.payouts import PAYOUT_FORMATS, GenericPayoutSettings, PayoutUnreadable, generic_format, recognised
from runtime.rule import RuleBroken
from tests.unit import payout_files as files
from tests.unit.payout_files import Read


def test_shopify_lines_have_their_classes_and_add_up_to_the_payout() -> None:
    """Charges, refunds, disputes both ways, reserves and adjustments; an unknown type is unexplained, and counts."""
    read = Read(files.shopify(), "shopify")
    assert read.classes("77") == {
        "sale": "150.00", "refund": "-20.00", "dispute": "-50.00", "dispute_reversal": "50.00", "reserve": "-10.00",
        "adjustment": "0.45", "unexplained": "1.00", "fee": "-4.95",
    }  # fmt: skip
    assert read.proof("77").verdict == "proven"
    first, refund = read.line("1"), read.line("3")
    assert (first.order, first.payment, first.at) == ("1001", "2001", "2026-01-06T00:52:08Z")
    assert (refund.refund, refund.payment) == ("2003", "")
    assert read.line("4").dispute == "4"
    assert read.examined.headers["77"].status is PayoutStatus.PAID


def test_a_line_that_contradicts_itself_leaves_its_rest_unexplained() -> None:
    """The published net counts; what it is more than amount and fee is a gap, in money."""
    odd = files.shopify_line(9, "adjustment", "-1.50", "-0.25", "-1.75")
    read = Read(files.shopify([odd]), "shopify")
    assert (read.line("9").net, read.line("9").gap) == (Decimal("-1.75"), Decimal("-0.50"))
    assert read.examined.sums("77").of(LineClass.UNEXPLAINED) == Decimal("-0.50")
    assert [each.amount for each in read.findings] == [Decimal("-0.50")]


def test_test_transactions_are_left_out() -> None:
    """They move no money, so they are no lines."""
    read = Read(files.shopify([files.shopify_line(1, "charge", "1.00", "0.00", "1.00", test=True)]), "shopify")
    assert read.lines == []
    assert read.examined.counts["note"] == 1


def test_shopify_exports_are_known_by_day_and_currency() -> None:
    """Lines without ids, orders by their numbers, the instant with its offset; both exports together are a proof."""
    read = Read(files.SHOPIFY_CSV, "shopify-csv")
    sale = read.lines[0]
    assert (sale.payout, sale.reference, sale.at) == ("2026-01-07-USD", "#1001", "2026-01-06T00:52:08Z")
    assert sale.presentment == "80.00 GBP"
    assert read.examined.pending == {"USD": Decimal("4.55")}
    payouts = Read(files.SHOPIFY_PAYOUTS_CSV, "shopify-csv").examined.headers["2026-01-07-USD"]
    assert (payouts.paid, payouts.totals[LineClass.REFUND]) == (Decimal("76.80"), Decimal("-20.00"))


def test_stripe_lines_belong_to_the_one_payout_among_them() -> None:
    """The payout's own transaction names it, and says what was paid; fee and the tax on it stand apart."""
    read = Read(files.stripe(), "stripe")
    assert read.classes("po_9") == {
        "sale": "100.00", "refund": "-20.00", "dispute": "-50.00", "reserve": "-3.00", "fee": "-4.90",
        "tax_on_fee": "-0.55", "dispute_fee": "-15.00",
    }  # fmt: skip
    assert read.examined.headers["po_9"].paid == Decimal("6.55")
    assert read.proof("po_9").verdict == "proven"
    sale = read.line("txn_1")
    assert (sale.order, sale.payment, sale.payment_alias) == ("1001", "ch_1", "pi_1")
    assert (sale.presentment, sale.rate, sale.fee, sale.tax) == (
        "85.00 GBP", "1.176471", Decimal("-2.90"), Decimal("-0.55")
    )  # fmt: skip


def test_stripe_lines_among_several_payouts_are_statements_of_account() -> None:
    """Which is in which is not said, so it is not guessed: payouts are lines of the day."""
    lines = [*files.STRIPE_LINES, files.stripe_line("txn_7", "payout", -100, source="po_8")]
    read = Read(files.stripe(lines), "stripe")
    header = read.examined.headers["EUR-2026-01-01"]
    assert header.is_statement
    assert read.examined.sums(header.id).amounts[LineClass.TRANSFER] == Decimal("-7.55")
    assert read.proof(header.id).verdict == "unproven"
    assert read.proof(header.id, bank=Decimal("7.55")).verdict == "proven"
    assert read.line("txn_7").payment == "po_8", "so that it is known when the payout comes with lines of its own, too"


def test_stripe_lines_are_the_same_whatever_is_among_them() -> None:
    """Many are read at once; beside a payout, or one to a line of the file, they are read one by one."""
    lines = [{**files.STRIPE_LINES[number % 5], "id": f"txn_{number}"} for number in range(600)]
    lines.append(files.STRIPE_LINES[5])
    payout = {"object": "payout", "id": "po_9", "currency": "eur", "amount": 655}
    read, beside = Read(files.stripe(lines), "stripe"), Read(files.stripe([*lines, payout]), "stripe")
    singly = Read(b"\n".join(map(files.json, lines)), "stripe")
    assert beside.lines == read.lines
    assert [line.place for line in read.lines[254:258]] == ["data[255]", "data[256]", "data[257]", "data[258]"]
    assert [replace(each, place="") for each in singly.lines] == [replace(each, place="") for each in read.lines]
    assert singly.examined.sums("po_9") == beside.examined.sums("po_9") == read.examined.sums("po_9")


def test_shopify_lines_are_the_same_whatever_is_beside_them() -> None:
    """A page of nothing but transactions is read at once, any other by its parts."""
    lines = [{**files.SHOPIFY_LINES[number % 5], "id": number} for number in range(600)]
    read = Read(files.json({"transactions": lines}), "shopify")
    beside = Read(files.json({"transactions": lines, "payouts": [files.SHOPIFY_PAYOUT], "more": None}), "shopify")
    assert beside.lines == read.lines
    assert beside.examined.sums("77") == read.examined.sums("77")
    assert [line.place for line in read.lines[255:257]] == ["transactions[256]", "transactions[257]"]


@pytest.mark.parametrize(
    ("currency", "amount", "paid"),
    [("jpy", 100, "100"), ("kwd", 1_500, "1.500"), ("isk", 500_00, "500.00"), ("usd", -250, "-2.50")],
)
def test_stripe_counts_in_the_smallest_units(currency: str, amount: int, paid: str) -> None:
    """Zero and three digits; ISK is counted with two. A negative payout is taken from the bank."""
    payout = {"object": "payout", "id": "po_1", "currency": currency, "amount": amount, "status": "in_transit",
              "arrival_date": 1_767_225_600}  # fmt: skip
    header = Read(files.json(payout), "stripe").examined.headers["po_1"]
    assert str(header.paid) == paid
    assert (header.status, header.expected_on) == (PayoutStatus.IN_TRANSIT, date(2026, 1, 1))


def test_stripe_reports_name_their_payouts_and_half_cents_stay() -> None:
    """Nothing is rounded on the way; without a list of payouts nobody says what was paid."""
    read = Read(files.STRIPE_CSV, "stripe-csv")
    assert read.examined.sums("po_9").net == Decimal("76.525")
    assert read.proof("po_9").verdict == "unproven"
    refund = read.line("txn_2")
    assert (refund.payment, refund.payment_alias, refund.refund) == ("ch_0", "pi_0", "re_2")
    assert read.line("txn_1").presentment == "85.00 GBP"


def test_the_export_of_stripes_dashboard_has_the_payout_too() -> None:
    """A row of its own says what was paid, so it is proven; columns have other names there."""
    read = Read(files.STRIPE_EXPORT, "stripe-csv")
    assert read.proof("po_9").verdict == "proven"
    sale = read.line("txn_1")
    assert (sale.payment, sale.order, sale.at) == ("ch_1", "1001", "2026-01-05T10:00:00Z")
    with pytest.raises(PayoutUnreadable, match="line 2, column Amount"):
        Read(files.STRIPE_EXPORT.replace("100.00", "1E2"), "stripe-csv")


def test_a_day_at_paypal_is_proven_by_its_balances() -> None:
    """Its lines, the withdrawal among them, change the balance from the first to the last; what is pending waits."""
    read = Read(files.paypal(), "paypal")
    header = read.examined.headers["ACC-USD-2026-01-05"]
    assert (header.opening, header.closing) == (Decimal("100.00"), Decimal("86.21"))
    assert read.proof(header.id).verdict == "proven"
    assert read.proof(header.id, bank=Decimal("400.00")).verdict == "proven"
    assert read.classes(header.id) == {"sale": "465.00", "refund": "-65.00", "transfer": "-400.00", "fee": "-13.79"}
    assert (read.line("A1").payment, read.line("A1").reference) == ("A1", "1001")
    assert (read.line("A2").payment, read.line("A2").refund) == ("A1", "A2")
    assert read.examined.counts["pending"] == 1


def test_a_balance_that_does_not_follow_is_named_with_its_rest() -> None:
    """Between two lines something is missing: how much, and where."""
    lines = [files.PAYPAL_LINES[0], files.paypal_line("A2", "T1107", "-65.00", "0.00", "480.00")]
    read = Read(files.paypal(lines), "paypal")
    (found,) = read.findings
    assert (found.kind, found.amount, found.line) == ("contradiction", Decimal("-6.21"), "A2")
    assert read.proof("ACC-USD-2026-01-05").difference == Decimal("6.21")


def test_missing_pages_are_named() -> None:
    """Page 2 of 3 is not in the file, so no day of it is whole."""
    pages = [files.paypal([], page=1, total_pages=3), files.paypal(page=3, total_pages=3)]
    read = Read(b"\n".join(pages), "paypal")
    assert [each.sentence for each in read.findings if each.kind == "incomplete"] == [
        "of 3 pages these are not in the file: 2"
    ]
    assert read.proof("ACC-USD-2026-01-05").verdict == "unproven"


def test_a_number_of_pages_that_nobody_can_count_is_not_counted() -> None:
    """It is a number in a file, and no reason to run out of memory."""
    read = Read(files.paypal(total_pages=10**18), "paypal")
    assert "2, 3, 4, 5, 6 and more" in next(each.sentence for each in read.findings if each.kind == "incomplete")


def test_a_settlement_of_mollie_ties_but_for_parts_of_a_cent() -> None:
    """Costs have four digits; the settlement is rounded, and the rest is named."""
    read = Read(files.mollie(), "mollie")
    proof = read.proof("stl_1")
    assert read.examined.sums("stl_1").net == Decimal("38.7055")
    assert proof.verdict == "proven"
    assert [str(each.difference) for each in proof.equations if each.rounding] == ["0.0055 EUR"]
    assert read.classes("stl_1") == {
        "fee": "-0.45", "sale": "50.00", "refund": "-10.75", "tax_on_fee": "-0.0945",
    }  # fmt: skip
    assert (read.line("tr_1").order, read.line("tr_2").presentment) == ("1001", "17.00 GBP")


def test_money_given_back_among_the_costs_is_a_sum_that_its_refunds_come_to() -> None:
    """It has no rate, so it is no fee; and it is not counted twice."""
    period = files.MOLLIE_SETTLEMENT["periods"]["2026"]["01"]  # type: ignore[index]
    sale, refund = period["revenue"]
    turned = {**refund, "amountNet": files.eur("10.75"), "amountGross": files.eur("10.75")}
    settlement = {
        **files.MOLLIE_SETTLEMENT,
        "periods": {"2026": {"01": {"revenue": [sale], "costs": [*period["costs"], turned]}}},
    }
    assert Read(files.mollie(settlement, files.MOLLIE_PAYMENTS), "mollie").proof("stl_1").verdict == "proven"


def test_a_settlement_without_its_payments_ties_by_the_sums_that_it_states() -> None:
    """With some of them, it says which are missing."""
    proof = Read(files.mollie(files.MOLLIE_SETTLEMENT), "mollie").proof("stl_1")
    assert [each.name for each in proof.equations] == ["fees and reported sums = reported paid"]
    assert proof.verdict == "proven"
    embedded = {"payments": files.MOLLIE_PAYMENTS["_embedded"]["payments"]}  # type: ignore[index]
    some = Read(files.mollie(files.MOLLIE_SETTLEMENT, {"_embedded": embedded}), "mollie").proof("stl_1")
    assert [str(each.difference) for each in some.failing] == ["10.7555 EUR", "10.75 EUR"]


def test_the_settlement_of_mollies_own_reference_ties() -> None:
    """86.10 collected, 43.20 given back, fees with tax of 3.146; 39.75 paid out."""

    def sums(name: str, method: str, net: str, vat: str | None, gross: str, **more: Any) -> dict[str, Any]:
        money = {"amountNet": files.eur(net), "amountVat": vat and files.eur(vat), "amountGross": files.eur(gross)}
        return {"description": name, "method": method, "count": 2, **money, **more}

    rate = {"rate": {"fixed": files.eur("0.2500"), "percentage": None}}
    period = {
        "revenue": [sums("iDEAL", "ideal", "86.1000", None, "86.1000"),
                    sums("Refunds iDEAL", "refund", "-43.2000", None, "-43.2000")],
        "costs": [sums("iDEAL", "ideal", "2.1000", "0.4410", "2.5410", **rate),
                  sums("Refunds iDEAL", "refund", "0.5000", "0.1050", "0.6050", **rate)],
    }  # fmt: skip
    settlement = {**files.MOLLIE_SETTLEMENT, "amount": files.eur("39.75"), "periods": {"2018": {"4": period}}}
    read = Read(files.mollie(settlement), "mollie")
    assert read.proof("stl_1").verdict == "proven"
    assert read.classes("stl_1") == {"fee": "-2.6000", "tax_on_fee": "-0.5460"}


def test_a_settlement_of_amazon_adds_up_with_what_is_alike_counted() -> None:
    """Rows have no ids: two that are alike both count, and are named; withheld tax is a class of its own."""
    read = Read(files.AMAZON, "amazon")
    assert read.classes("555") == {
        "sale": "20.59", "withheld_tax": "-1.60", "fee": "-4.80", "tax_on_fee": "-0.54", "refund": "-5.00",
        "reserve": "-7.00", "reserve_release": "8.00", "unexplained": "0.45",
    }  # fmt: skip
    assert read.proof("555").verdict == "proven"
    assert [(each.kind, each.amount) for each in read.findings] == [("alike", Decimal("-0.90"))]
    assert read.lines[0].order == "111-1"


def test_an_amazon_file_with_decimal_commas_has_them_everywhere() -> None:
    """The total decides; a point among commas is refused by its line (see test_payout_hostile)."""
    total = {**files.AMAZON_TOTAL, "total_amount": "19,99", "deposit_date": "07.01.2026 09:00:00 UTC"}
    read = Read(files.amazon(files.amazon_row(**total), files.amazon_line("Order", "ItemPrice", "Principal", "19,99")),
                "amazon")  # fmt: skip
    assert read.proof("555").verdict == "proven"
    assert read.examined.headers["555"].paid_on == date(2026, 1, 7)


def test_any_csv_is_read_by_a_map_of_its_columns() -> None:
    """Semicolons, decimal commas, local times, the payout on a row of its own; a word without a class: unexplained."""
    read = Read(files.GENERIC_CSV, files.generic())
    assert read.proof("12").verdict == "proven"
    assert read.classes("12") == {
        "sale": "100.00", "refund": "-20.00", "unexplained": "0.36", "fee": "-0.30", "tax_on_fee": "-0.06",
    }  # fmt: skip
    assert (read.line("P1").at, read.line("P1").reference) == ("2026-07-05T08:00:00Z", "1001")


def test_the_row_of_a_payout_says_that_it_was_paid_and_when() -> None:
    """By its own columns, whatever its lines have there, and wherever it stands; without it, the first line does."""
    head, *lines = files.GENERIC_CSV.splitlines(keepends=True)
    columns = {**files.GENERIC.columns, "paid_on": "Paid", "status": "Status"}
    paid = Read(files.GENERIC_CSV, files.generic()).examined.headers["12"]
    assert (paid.status, paid.paid, paid.paid_on) == (PayoutStatus.PAID, Decimal("80.00"), date(2026, 7, 6))
    for rows in (lines, [lines[-1], *lines[:-1]]):
        for own, status, on in (
            (";", PayoutStatus.PAID, date(2026, 7, 6)),
            ("2026-07-08;sent", PayoutStatus.IN_TRANSIT, date(2026, 7, 8)),
            ("2026-07-08;odd", PayoutStatus.UNKNOWN, date(2026, 7, 8)),
        ):
            cells = [f"{row.rstrip()};{own if 'MerchantPayout' in row else '2026-07-05;settled'}\n" for row in rows]
            map_ = files.generic(
                columns=columns, statuses={"sent": PayoutStatus.IN_TRANSIT, "settled": PayoutStatus.PAID}
            )
            header = Read("".join([f"{head.rstrip()};Paid;Status\n", *cells]), map_).examined.headers["12"]
            assert (header.status, header.paid_on, header.paid) == (status, on, Decimal("80.00"))
            less = [cell for cell in cells if "MerchantPayout" not in cell]
            header = Read("".join([f"{head.rstrip()};Paid;Status\n", *less]), map_).examined.headers["12"]
            assert (header.status, header.paid_on, header.paid) == (PayoutStatus.PAID, date(2026, 7, 5), None)


def test_the_map_of_the_operators_page_reads_its_provider() -> None:
    """As it is printed there: proven, paid, and with a day."""
    page = (Path(__file__).resolve().parents[2] / "deploy/runbook/payouts.md").read_text(encoding="utf-8")
    printed = page.split("```toml\n")[1].split("```")[0]
    settings = msgspec.convert(tomllib.loads(printed)["payout_formats"]["adyen"], GenericPayoutSettings)
    read = Read(
        "Company Account,Psp Reference,Merchant Reference,Creation Date,Type,Modification Reference,Gross Currency,"
        "Gross Debit (GC),Gross Credit (GC),Net Currency,Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),"
        "Scheme Fees (NC),Interchange (NC),Batch Number\n"
        "A,P1,1001,2026-07-05 10:00:00,Settled,M1,EUR,,100.00,EUR,,99.10,0.30,0.10,0.20,0.30,12\n"
        "A,P1,1001,2026-07-05 12:00:00,Refunded,M2,EUR,20.00,,EUR,20.05,,0.05,,,,12\n"
        "A,,,2026-07-06 11:00:00,MerchantPayout,,,,,EUR,79.05,,,,,,12\n",
        generic_format("adyen", settings),
    )
    header = read.examined.headers["12"]
    assert (read.proof("12").verdict, header.status, header.paid_on) == ("proven", "paid", date(2026, 7, 6))
    assert read.classes("12") == {"sale": "100.00", "refund": "-20.00", "fee": "-0.95"}
    assert [(line.payment, line.reference) for line in read.lines] == [("P1", "1001"), ("P1", "1001")]
    assert settings.tells_paid
    assert not msgspec.structs.replace(settings, payout_types=()).tells_paid


@pytest.mark.parametrize(
    ("columns", "text", "told"),
    [
        ({"amount": "A"}, "P;A\n12;-2.00\n", "-2 0 -2 0"),
        ({"credit": "A", "debit": "B"}, "P;A;B\n12;2.00;\n", "2 0 2 0"),
        ({"credit": "A", "debit": "B", "fee": "C"}, "P;A;B;C\n12;;2.00;0.10\n", "-2 -0.1 -2.1 0"),
        ({"net": "A", "fee": "B"}, "P;A;B\n12;1.90;0.10\n", "2 -0.1 1.9 0"),
        ({"amount": "A", "net_credit": "B", "net_debit": "C"}, "P;A;B;C\n12;2.00;1.50;\n", "2 0 1.5 -0.5"),
        ({"amount": "A", "net": "B"}, "P;A;B\n12;2.00;\n", "2 0 2 0"),
    ],
)
def test_amounts_may_have_a_column_for_what_comes_and_one_for_what_goes(
    columns: dict[str, str], text: str, told: str
) -> None:
    """Signed, or two without a sign; of an amount and a net that are both there, the rest is named."""
    settings = {"columns": {"payout": "P", **columns}, "currency": "EUR", "classes": {}, "payout_types": ()}
    (line,) = Read(text, files.generic(**settings, decimal=".")).lines
    assert [line.amount, line.fee, line.net, line.gap] == list(map(Decimal, told.split()))


@pytest.mark.parametrize(
    ("dates", "cell", "at"),
    [
        ("iso", "2026-01-31 09:30:00", "2026-01-31T09:30:00Z"),
        ("day_first", "31/01/2026 09:30", "2026-01-31T09:30:00Z"),
        ("day_first", "3/1/2026", "2026-01-03T00:00:00Z"),
        ("month_first", "1/3/2026", "2026-01-03T00:00:00Z"),
        ("month_first", "01-31-2026 09:30:00", "2026-01-31T09:30:00Z"),
        ("month_first", "2026-01-31", "2026-01-31T00:00:00Z"),
        ("iso", "31/01/2026", ""), ("month_first", "31/01/2026", ""), ("day_first", "31/01/26", ""),
    ],
)  # fmt: skip
def test_the_order_of_day_and_month_is_the_maps(dates: str, cell: str, at: str) -> None:
    """Never guessed: without it, or in another order, a date is refused with its place."""
    columns = {"payout": "P", "amount": "A", "at": "T", "paid_on": "T"}
    map_ = files.generic(columns=columns, currency="EUR", classes={}, payout_types=(), dates=dates, time_zone="UTC")
    text = f"P;A;T\n12;1,00;{cell}\n"
    if not at:
        with pytest.raises(PayoutUnreadable, match="line 2, column T: "):
            Read(text, map_)
        return
    read = Read(text, map_)
    assert read.lines[0].at == at
    assert str(read.examined.headers["12"].paid_on) == at[:10]


def test_a_map_needs_a_payout_and_an_amount() -> None:
    """Whichever way the amount is told."""
    for columns, said in (
        ({"amount": "A"}, "which column is payout"),
        ({"payout": "P"}, "or which are credit and debit"),
    ):
        with pytest.raises(RuleBroken, match=said):
            files.generic(columns=columns, classes={}, payout_types=(), currency="EUR")


def test_rows_of_one_payout_that_disagree_are_named() -> None:
    """The first counts, as everywhere."""
    other = "12;P5;MerchantPayout;2026-07-07 11:00:00;EUR;-81,00;;;-81,00;\n"
    read = Read(files.GENERIC_CSV + other, files.generic())
    assert [(each.kind, each.amount) for each in read.findings] == [("contradiction", Decimal("1.00"))]
    assert read.examined.headers["12"].paid == Decimal("80.00")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("shopify", files.shopify()),
        ("shopify-csv", files.SHOPIFY_CSV.encode()),
        ("shopify-csv", files.SHOPIFY_PAYOUTS_CSV.encode()),
        ("stripe", files.stripe()),
        ("stripe-csv", files.STRIPE_CSV.encode()),
        ("stripe-csv", files.STRIPE_EXPORT.encode()),
        ("paypal", files.paypal()),
        ("mollie", files.mollie()),
        ("amazon", files.AMAZON.encode()),
    ],
)
def test_a_file_is_recognised_by_its_beginning(name: str, content: bytes) -> None:
    """By exactly one reader, with a mark of UTF-8 in front of it, too."""
    assert recognised(content) is PAYOUT_FORMATS[name]
    assert recognised(b"\xef\xbb\xbf" + content) is PAYOUT_FORMATS[name]


def test_a_line_that_stands_there_twice_counts_once_and_is_named() -> None:
    """With its amount: a person sees what would have been paid twice."""
    read = Read(files.shopify([*files.SHOPIFY_LINES, files.SHOPIFY_LINES[1]]), "shopify")
    assert read.proof("77").verdict == "proven"
    assert [(each.kind, each.line, each.amount) for each in read.findings] == [("repeated", "2", Decimal("48.25"))]


def test_a_line_with_other_figures_the_second_time_is_a_contradiction() -> None:
    """The first one counts, whatever payout the second one names."""
    other = files.shopify_line(2, "charge", "51.00", "1.75", "49.25", payout_id=78)
    read = Read(files.shopify([*files.SHOPIFY_LINES, other]), "shopify")
    assert [(each.kind, each.payout) for each in read.findings] == [("contradiction", "78")]
    assert read.proof("77").verdict == "proven"


def test_a_list_that_goes_on_is_incomplete() -> None:
    """Stripe says `has_more`; that is told of every payout in the file."""
    read = Read(files.stripe(has_more=True), "stripe")
    assert [each.kind for each in read.examined.found_of("po_9")] == ["incomplete"]
