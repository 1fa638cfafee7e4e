"""Forms in which the same payouts come: lists that say less than an answer, reports with fewer columns, old exports."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from flows.model.payout_proof import prove_payout
from flows.payouts import PAYOUT_FORMATS, PayoutUnreadable, recognised
from tests.unit import payout_files as files
from tests.unit.payout_files import Read

# -- Mollie ------------------------------------------------------------------------------------------------------------


def test_a_list_of_a_settlement_says_in_which_its_items_are() -> None:
    """Chargebacks name no settlement themselves; the address of the list that they are in does."""
    chargeback = {"resource": "chargeback", "id": "chb_1", "paymentId": "tr_1", "amount": files.eur("10.00"),
                  "settlementAmount": files.eur("-10.00"), "createdAt": "2026-01-05T10:00:00Z"}  # fmt: skip
    address = {
        "href": "https://api.mollie.com/v2/settlements/stl_7/chargebacks?limit=5",
        "type": "application/hal+json",
    }
    listed = {"_embedded": {"chargebacks": [chargeback]}, "_links": {"self": address, "next": None}}
    (line,) = Read(files.mollie(listed), "mollie").lines
    assert (line.payout, line.kind, line.payment) == ("stl_7", "dispute", "tr_1")
    nowhere = Read(files.mollie({"_embedded": {"chargebacks": [chargeback]}}), "mollie")
    assert [(each.kind, each.sentence) for each in nowhere.findings] == [("pending", "it is in no settlement yet")]


@pytest.mark.parametrize(("reversed_at", "named"), [(None, ["contradiction"]), ("2026-01-09T10:00:00Z", [])])
def test_a_chargeback_that_adds_to_its_settlement_was_turned_round_or_contradicts_itself(
    reversed_at: str | None, named: list[str]
) -> None:
    """What is deducted is negative; without its sign it would pass for a dispute that was won."""
    chargeback = {"resource": "chargeback", "id": "chb_1", "paymentId": "tr_1", "settlementId": "stl_7",
                  "amount": files.eur("10.00"), "settlementAmount": files.eur("10.00"), "reversedAt": reversed_at,
                  "createdAt": "2026-01-05T10:00:00Z"}  # fmt: skip
    read = Read(files.mollie(chargeback), "mollie")
    assert [each.kind for each in read.findings] == named
    assert [each.amount for each in read.findings] == [Decimal("10.00")] * len(named)
    assert read.classes("stl_7") == {"dispute_reversal": "10.00"}


def test_a_payment_of_which_mollie_settles_nothing_is_no_line() -> None:
    """It names its settlement and has no amount in it, as what was paid by voucher: that is said, and not guessed. Of
    other methods, and of all of them from 2027 on, nobody knows it: the file does not have what is needed.
    """
    payment = {"resource": "payment", "id": "tr_1", "amount": files.eur("10.00"), "settlementId": "stl_7"}
    for method, kind in (("voucher", "note"), ("paypal", "note"), ("ideal", "incomplete"), (None, "incomplete")):
        read = Read(files.mollie({**payment, "method": method}), "mollie")
        assert (read.lines, [each.kind for each in read.findings]) == ([], [kind])
    assert "import the transactions of the balance" in read.findings[0].sentence


def test_a_settlement_that_is_still_gathered_is_no_payout() -> None:
    """It has a word for an id, which the next one will have, too."""
    for word in ("open", "next"):
        read = Read(files.mollie({**files.MOLLIE_SETTLEMENT, "id": word, "status": "open"}), "mollie")
        assert (read.lines, read.examined.headers) == ([], {})
        assert [each.kind for each in read.findings] == ["pending"]


def test_a_settlement_that_is_at_the_bank_is_on_its_way() -> None:
    """Mollie tells of that since 2026; its money is not received yet."""
    for word in ("pending", "processing", "processing-at-bank"):
        header = Read(files.mollie({**files.MOLLIE_SETTLEMENT, "status": word}), "mollie").examined.headers["stl_1"]
        assert (header.status, header.odd_status) == ("in_transit", "")


def test_a_settlement_in_a_list_without_its_sums_contradicts_nothing() -> None:
    """What is not told there does not come to zero."""
    told: dict[str, Any]
    for periods in ({}, {"2026": {"01": {"revenue": [], "costs": []}}}):
        told = {**files.MOLLIE_SETTLEMENT, "periods": periods}
        assert Read(files.mollie({"_embedded": {"settlements": [told]}}), "mollie").proof("stl_1").verdict == "unproven"


# -- Amazon ------------------------------------------------------------------------------------------------------------


def settlement(total: str, *amounts: str, **more: str) -> str:
    rows = [files.amazon_line("Order", "ItemPrice", "Principal", amount) for amount in amounts]
    return files.amazon(files.amazon_row(**{**files.AMAZON_TOTAL, "total_amount": total, **more}), *rows)


@pytest.mark.parametrize(
    ("total", "amounts"),
    [
        ("1.234,50", ["1.214,51", "19,99"]),
        ("1,234.50", ["1,214.51", "19.99"]),
        ("20", ["19,99", "0,01"]),
        ("20", ["19.99", "0.01"]),
        ("-1.234,50", ["-1.234,50"]),
    ],
)
def test_amounts_of_amazon_are_in_the_format_of_their_marketplace(total: str, amounts: list[str]) -> None:
    """The first amount that has a mark tells which it is; separators of thousands are read where both marks stand."""
    assert Read(settlement(total, *amounts), "amazon").proof("555").verdict == "proven"


@pytest.mark.parametrize(
    ("total", "amount", "place"),
    [
        ("20,00", "20.00", "line 3"),
        ("20.00", "20,00", "line 3"),
        ("1.2,00", "1", "line 2"),
        ("20,00", "1.000", "line 3"),
    ],
)
def test_amounts_of_amazon_in_two_formats_are_refused(total: str, amount: str, place: str) -> None:
    """A spreadsheet was there; and what has no one meaning is not read."""
    with pytest.raises(PayoutUnreadable, match=f"{place}, column"):
        Read(settlement(total, amount), "amazon")


@pytest.mark.parametrize(
    "day", ["2026-03-17T00:00:00+00:00", "17.03.2026 00:00:00 UTC", "2026/03/17 00:00:00 JST", "2026-03-17", ""]
)
def test_the_day_of_a_deposit_is_the_one_that_stands_there(day: str) -> None:
    """In Tokyo it begins while it is the day before elsewhere, and the bank's day is this one."""
    header = Read(settlement("1.00", "1.00", deposit_date=day), "amazon").examined.headers["555"]
    assert header.paid_on == (date(2026, 3, 17) if day else None)


def test_rows_between_tabs_may_leave_out_empty_cells_at_their_end() -> None:
    """As editors leave them; but not the last where the file breaks off, since nobody knows what is missing there."""
    whole = settlement("19.99", "19.99").rstrip("\n")
    short = "\n".join(line.rstrip("\t") for line in whole.split("\n"))
    assert Read(f"{short}\n", "amazon").proof("555").verdict == "proven"
    last = whole.rpartition("\n")[2]
    assert Read(f"{short.rpartition(chr(10))[0]}\n{last}", "amazon").proof("555").verdict == "proven"
    with pytest.raises(PayoutUnreadable, match=r"line 3: it has \d+ of \d+ columns: the file is cut off"):
        Read(short, "amazon")


def test_a_row_with_the_total_and_an_amount_is_a_line_too() -> None:
    """Tools that fill the total in everywhere lose no amount by it."""
    line = files.amazon_line("Order", "ItemPrice", "Principal", "19.99", total_amount="19.99", currency="USD")
    read = Read(files.amazon(line), "amazon")
    assert (read.proof("555").verdict, len(read.lines), read.findings) == ("proven", 1, [])


def test_a_row_of_amazon_that_takes_the_settlement_out_is_no_line() -> None:
    """It is the payout itself; a transfer of another amount is seen by somebody."""
    rows = [
        files.amazon_line("Order", "ItemPrice", "Principal", "19.99"),
        files.amazon_line("Transfer", "", "", "-19.99"),
    ]
    total = files.amazon_row(**{**files.AMAZON_TOTAL, "total_amount": "19.99"})
    assert Read(files.amazon(total, *rows), "amazon").proof("555").verdict == "proven"
    other = Read(files.amazon(total, *rows, files.amazon_line("Transfer", "", "", "-1.00")), "amazon")
    assert other.classes("555") == {"sale": "19.99", "unexplained": "-1.00"}


def test_the_older_report_of_amazon_describes_other_amounts_by_their_transaction() -> None:
    """It has no column for a description of them."""
    names = ("settlement-id", "deposit-date", "total-amount", "currency", "transaction-type", "order-id", "price-type",
             "price-amount", "item-related-fee-type", "item-related-fee-amount", "promotion-amount", "other-amount",
             "posted-date")  # fmt: skip
    rows = [
        ["9", "2026-01-07", "12.50", "USD"],
        ["9", "", "", "", "Order", "111-1", "Principal", "20.00", "", "", "", "", "2026-01-05"],
        ["9", "", "", "", "Storage Fee", "", "", "", "", "", "", "-2.50", "2026-01-05"],
        ["9", "", "", "", "Current Reserve Amount", "", "", "", "", "", "", "-5.00", "2026-01-05"],
    ]
    read = Read("\n".join(map("\t".join, [names, *rows])) + "\n", "amazon")
    assert read.proof("9").verdict == "proven"
    assert read.classes("9") == {"sale": "20.00", "fee": "-2.50", "reserve": "-5.00"}


def test_the_older_report_of_amazon_has_no_columns_of_promotions_where_there_was_none() -> None:
    """As in the first settlement of a seller who has sold nothing yet. What advertising costs has its tax beside it."""
    names = ("settlement-id", "deposit-date", "total-amount", "currency", "transaction-type", "order-id", "price-type",
             "price-amount", "item-related-fee-type", "item-related-fee-amount", "misc-fee-amount", "other-fee-amount",
             "other-fee-reason-description", "direct-payment-type", "direct-payment-amount",
             "other-amount")  # fmt: skip
    rows = [
        ["9", "2026-01-07", "-143.00", "CAD"],
        ["9", "", "", "", "Subscription Fee", "", "", "", "", "", "", "", "", "", "", "-31.00"],
        ["9", "", "", "", "ServiceFee", "", "", "", "Cost of Advertising", "-100.00", "", "-12.00", "TaxAmount"],
    ]
    content = "\n".join(map("\t".join, [names, *rows])) + "\n"
    reader = recognised(content.encode())
    assert reader is not None
    read = Read(content, reader)
    assert read.proof("9").verdict == "proven"
    assert read.classes("9") == {"fee": "-131.00", "tax_on_fee": "-12.00"}


# -- Stripe ------------------------------------------------------------------------------------------------------------

BALANCE_CHANGE = """balance_transaction_id,created_utc,available_on_utc,currency,gross,fee,net,\
reporting_category,description
txn_1,2026-01-05 10:00:00,2026-01-07 00:00:00,eur,100.00,3.45,96.55,charge,x
txn_2,2026-01-05 23:00:00,2026-01-07 00:00:00,usd,-20.00,0.00,-20.00,refund,x
txn_3,2026-01-06 10:00:00,2026-01-07 00:00:00,eur,-96.55,0.00,-96.55,payout,x
"""
PAYOUTS_REPORT = """payout_id,effective_at_utc,effective_at,currency,gross,fee,net,reporting_category,\
balance_transaction_id,payout_expected_arrival_date,payout_status
po_9,2026-01-07 00:00:00,2026-01-06 19:00:00,eur,76.525,0.00,76.525,payout,txn_9,2026-01-08,paid
po_8,2026-01-07 00:00:00,2026-01-06 19:00:00,eur,10.00,0.10,9.90,payout,txn_8,2026-01-08,failed
po_8,2026-01-09 00:00:00,2026-01-08 19:00:00,eur,-10.00,0.00,-10.00,payout_reversal,txn_7,2026-01-08,failed
"""
PAYOUTS_EXPORT = """id,Amount,Created (UTC),Currency,Livemode,Arrival Date (UTC),Source Type,Destination,Status,Type,\
Method,Description,Balance Transaction
po_9,76.525,2026-01-06 10:00,eur,true,2026-01-08 00:00,card,ba_1,paid,bank_account,standard,STRIPE PAYOUT,txn_9
"""


SOLD_THEN_PAID = [
    files.stripe_line("txn_1", "charge", 2_400, source="ch_1", created=1_761_350_400),
    files.stripe_line("txn_2", "payout", -1_500, source="po_z", created=1_761_436_800),
]
SOLD_LATER = files.stripe_line("txn_3", "charge", 2_400, source="ch_2", created=1_761_523_200)
EXPANDED = {**SOLD_THEN_PAID[1], "source": {"object": "payout", "id": "po_z", "automatic": False}}
MADE_BY_HAND = {
    "object": "payout",
    "id": "po_z",
    "currency": "eur",
    "amount": 1_500,
    "status": "paid",
    "automatic": False,
}


@pytest.mark.parametrize(
    ("lines", "is_statement"),
    [
        (SOLD_THEN_PAID, False), (SOLD_THEN_PAID[::-1], False), ([*SOLD_THEN_PAID, SOLD_LATER], True),
        ([SOLD_LATER, *SOLD_THEN_PAID[::-1]], True), ([*SOLD_THEN_PAID, MADE_BY_HAND], True),
        ([SOLD_THEN_PAID[0], EXPANDED], True),
    ],
)  # fmt: skip
def test_the_only_payout_of_a_list_has_its_lines_unless_it_was_made_by_hand(
    lines: list[Any], is_statement: bool
) -> None:
    """So it says itself, or so say transactions that came after it; then the list is statements of account."""
    read = Read(files.stripe(lines), "stripe")
    of_lines = {line.payout for line in read.lines}
    assert of_lines == ({"po_z"} if not is_statement else of_lines - {"po_z"})
    assert {read.examined.headers[id_].is_statement for id_ in of_lines} == {is_statement}


def test_a_balance_report_of_stripe_without_payouts_is_a_statement_of_account() -> None:
    """Its default columns do not say which payout a line is in, so nobody guesses: a payout is a line of its day."""
    assert recognised(BALANCE_CHANGE.encode()) is PAYOUT_FORMATS["stripe-csv"]
    read = Read(BALANCE_CHANGE, "stripe-csv")
    assert {id_: header.is_statement for id_, header in read.examined.headers.items()} == {
        "EUR-2026-01-05": True, "USD-2026-01-05": True, "EUR-2026-01-06": True,
    }  # fmt: skip
    assert read.classes("EUR-2026-01-05") == {"sale": "100.00", "fee": "-3.45"}
    assert read.classes("EUR-2026-01-06") == {"transfer": "-96.55"}
    with pytest.raises(PayoutUnreadable, match="line 3, column created_utc: the date is missing"):
        Read(BALANCE_CHANGE.replace("2026-01-05 23:00:00", ""), "stripe-csv")


def test_an_export_of_stripe_without_transfers_is_a_statement_of_account() -> None:
    """The dashboard leaves the column out where it is not asked for."""
    rows = [line.split(",") for line in files.STRIPE_EXPORT.splitlines()]
    at = rows[0].index("Transfer")
    text = "\n".join(",".join(cells[:at]) for cells in rows) + "\n"
    assert recognised(text.encode()) is PAYOUT_FORMATS["stripe-csv"]
    read = Read(text, "stripe-csv")
    assert [line.payout for line in read.lines] == ["EUR-2026-01-05", "EUR-2026-01-05", "EUR-2026-01-06"]


def test_an_export_of_stripe_of_payouts_made_by_hand_is_a_statement_of_account() -> None:
    """Its column is there and empty, the payout's own row too: nobody says what it was of. Without it, lines wait."""
    made_by_hand = files.STRIPE_EXPORT.replace(",po_9,2026", ",,2026")
    read = Read(made_by_hand, "stripe-csv")
    assert {id_: header.is_statement for id_, header in read.examined.headers.items()} == {
        "EUR-2026-01-05": True, "EUR-2026-01-06": True,
    }  # fmt: skip
    assert read.classes("EUR-2026-01-06") == {"transfer": "-76.55"}
    waiting = "".join(line for line in made_by_hand.splitlines(keepends=True) if ",payout," not in line)
    assert not Read(waiting, "stripe-csv").examined.headers


def test_a_payout_of_stripe_from_before_2017_is_a_transfer_with_itself() -> None:
    """What it was made of names it; a transfer to somebody else is a line."""
    old = files.STRIPE_EXPORT.replace("txn_3,payout,po_9,", "txn_3,transfer,tr_9,").replace(",po_9,", ",tr_9,")
    read = Read(old + "txn_4,transfer,tr_5,-1.00,0.00,,-1.00,eur,2026-01-06 10:00,,x,,,tr_9,,,\n", "stripe-csv")
    assert read.examined.headers["tr_9"].paid == Decimal("76.55")
    assert read.classes("tr_9") == {"sale": "100.00", "refund": "-20.00", "fee": "-3.45", "transfer": "-1.00"}


def test_an_adjustment_of_stripe_whose_source_is_a_dispute_is_one() -> None:
    """The export has no reporting category, and answers of before 2019 have none either; other adjustments stay so."""
    row = "txn_{0},adjustment,{1},{2},0.00,,{2},eur,2026-01-05 10:00,2026-01-07 00:00,x,,,po_9,2026-01-07 00:00,,\n"
    found = [("4", "dp_1", "-50.00"), ("5", "du_1", "50.00"), ("6", "", "1.00"), ("7", "re_1", "-1.00")]
    told = Read(files.STRIPE_EXPORT + "".join(row.format(*each) for each in found), "stripe-csv")
    lines = [
        files.stripe_line(f"txn_{id_}", "adjustment", int(Decimal(amount) * 100), source=source or None)
        for id_, source, amount in found
    ]
    for read in (told, Read(files.stripe(lines), "stripe")):
        kinds = [read.line(f"txn_{id_}").kind.value for id_, _, _ in found]
        assert kinds == ["dispute", "dispute_reversal", "adjustment", "adjustment"]
        assert (read.line("txn_4").dispute, read.line("txn_5").dispute) == ("dp_1", "du_1")


@pytest.mark.parametrize("listed", [PAYOUTS_REPORT, PAYOUTS_EXPORT])
def test_a_list_of_stripes_payouts_makes_those_of_the_reconciliation_proven(listed: str) -> None:
    """It names them alike, and says what was paid, when it arrives and how far it is."""
    assert recognised(listed.encode()) is PAYOUT_FORMATS["stripe-csv"]
    read = Read(listed, "stripe-csv")
    header = read.examined.headers["po_9"]
    assert (header.paid, header.status, header.expected_on) == (Decimal("76.525"), "paid", date(2026, 1, 8))
    assert read.lines == []
    assert prove_payout(header, Read(files.STRIPE_CSV, "stripe-csv").examined.sums("po_9")).verdict == "proven"


def test_a_payout_that_came_back_to_stripe_has_failed() -> None:
    """The report has a row for its way back, too; its status says it, and its first row what was to be paid."""
    read = Read(PAYOUTS_REPORT, "stripe-csv")
    assert (read.examined.headers["po_8"].status, read.examined.headers["po_8"].paid) == ("failed", Decimal("10.00"))
    assert [(each.kind, each.payout, each.amount) for each in read.findings] == [("note", "po_8", Decimal("-0.10"))]


# -- Shopify -----------------------------------------------------------------------------------------------------------

SHOPIFY_CSV = """Transaction Date,Type,Order,Card Brand,Card Source,Payout Status,Payout Date,Payout ID,Available On,\
Amount,Fee,Net,Checkout,Payment Method Name,Presentment Amount,Presentment Currency,Currency,VAT,Business Entity Name
2026-07-01 07:33:09 +0200,charge,A-1,master,online,paid,2026-07-10,901,2026-07-10,10.00,0.45,9.55,#6,card,,,EUR,0.00,X
2026-07-01 07:33:09 +0200,charge,A-2,master,online,pending,2026-07-11,,2026-07-10,5.00,0.45,4.55,#7,card,,,EUR,0.00,X
2026-07-02 07:33:09 +0200,Chargeback Won,A-3,master,online,paid,2026-07-10,901,2026-07-10,8.00,0.00,8.00,#8,,,,EUR,,X
"""


def test_a_pending_line_of_an_export_with_payout_ids_is_in_no_payout_yet() -> None:
    """Its day is a promise. With the day for a name it would be counted again once it has an id."""
    read = Read(SHOPIFY_CSV, "shopify-csv")
    assert {line.payout for line in read.lines} == {"2026-07-10-EUR"}
    assert [line.kind.value for line in read.lines] == ["sale", "dispute_reversal"]
    assert (read.examined.left_out, read.examined.pending) == (1, {"EUR": Decimal("4.55")})


def test_both_exports_of_shopify_name_a_payout_alike() -> None:
    """One has ids of payouts, the other has none: by day and currency they are one payout, and it is proven."""
    both = SHOPIFY_CSV.replace(",901,2026-07-10,8.00", ",902,2026-07-10,8.00")
    payouts = """Payout Date,Status,Charges,Refunds,Adjustments,Marketplace Sales Tax,Advances,Reserved Funds,Fees,\
Retried Amount,Total,Currency,Bank Reference
2026-07-10,paid,10.00,0.00,0.00,0.00,0.00,0.00,-0.45,0.00,9.55,EUR,R-1
2026-07-10,paid,0.00,0.00,8.00,0.00,0.00,0.00,0.00,0.00,8.00,EUR,R-2
2026-07-10,failed,0.00,0.00,0.00,0.00,0.00,0.00,0.00,0.00,7.00,GBP,R-3
"""
    told = Read(payouts, "shopify-csv").examined.headers
    assert {id_: (header.paid, header.status.value) for id_, header in told.items()} == {
        "2026-07-10-EUR": (Decimal("17.55"), "paid"), "2026-07-10-GBP": (Decimal("7.00"), "failed"),
    }  # fmt: skip
    sums = Read(both, "shopify-csv").examined.sums("2026-07-10-EUR")
    assert prove_payout(told["2026-07-10-EUR"], sums).verdict == "proven"


@pytest.mark.parametrize(
    ("figures", "fee", "tax", "gap"),
    [("0.45,9.55,#6,card,,,EUR,0.07", "-0.38", "-0.07", "0"), ("0.38,9.55,#6,card,,,EUR,0.07", "-0.38", "-0.07", "0"),
     ("0.38,9.50,#6,card,,,EUR,0.07", "-0.38", "-0.07", "-0.05")],
)  # fmt: skip
def test_the_vat_of_an_export_is_the_tax_on_the_fee(figures: str, fee: str, tax: str, gap: str) -> None:
    """Within the fee or beside it, as the net tells; what is neither is a contradiction."""
    text = SHOPIFY_CSV.replace("0.45,9.55,#6,card,,,EUR,0.00", figures)
    line = Read(text, "shopify-csv").lines[0]
    assert (line.fee, line.tax, line.gap) == (Decimal(fee), Decimal(tax), Decimal(gap))


def test_shopify_tells_by_graphql_what_it_tells_by_rest() -> None:
    """The same payouts, lines, classes and names, so a file of one adds nothing to a file of the other."""
    nodes = [files.graphql_line(line) for line in files.SHOPIFY_LINES]
    content = files.graphql({"nodes": [files.GRAPHQL_PAYOUT]}, {"edges": [{"node": node} for node in nodes]})
    assert recognised(content) is PAYOUT_FORMATS["shopify-graphql"]
    told, rest = Read(content, "shopify-graphql"), Read(files.shopify(), "shopify")
    alike = [msgspec.structs.replace(line, place="", type="") for line in told.lines]
    assert alike == [msgspec.structs.replace(line, place="", type="") for line in rest.lines]
    assert told.proof("77").verdict == "proven"
    header = told.examined.headers["77"]
    assert (header.paid, header.status, header.paid_on) == (Decimal("116.50"), "paid", date(2026, 1, 7))


def test_a_connection_of_graphql_that_goes_on_is_incomplete() -> None:
    """Its page says so."""
    content = files.graphql(transactions={"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": "x"}})
    assert [each.kind for each in Read(content, "shopify-graphql").findings] == ["incomplete"]


LIST, FIRST = "balanceTransactions.nodes[1]", files.graphql_line(files.SHOPIFY_LINES[0])


@pytest.mark.parametrize(
    ("told", "place", "reason"),
    [
        ({}, "data", "it has neither payouts nor"),
        ({"transactions": {"nodes": [{"id": "1"}]}}, LIST, "missing required field"),
        ({"payouts": {"nodes": [{**files.GRAPHQL_PAYOUT, "net": files.money("x")}]}}, "nodes[1].amount", "plain"),
        ({"transactions": {"nodes": [{**FIRST, "fee": files.money("1.00", "CAD")}]}}, LIST, "another currency"),
    ],
)
def test_an_answer_of_graphql_that_cannot_be_read_is_refused_with_its_place(
    told: dict[str, Any], place: str, reason: str
) -> None:
    """As every other file."""
    with pytest.raises(PayoutUnreadable) as refused:
        Read(files.graphql(**told), "shopify-graphql")
    assert place in refused.value.place
    assert reason in refused.value.reason


# -- Files that were joined, or gathered by a tool ---------------------------------------------------------------------


def pretty(document: bytes) -> bytes:
    return msgspec.json.format(document, indent=2)


def test_documents_may_stand_one_after_another() -> None:
    """Downloads of many lines each that were joined to one file; each has its place."""
    pages = [pretty(files.mollie(files.MOLLIE_SETTLEMENT)), pretty(files.mollie(files.MOLLIE_PAYMENTS))]
    read = Read(b"\n\n".join(pages), "mollie")
    assert read.proof("stl_1").verdict == "proven"
    assert read.line("tr_1").place == "document 2._embedded.payments[1]"
    for damaged, said in ((pages[1][:-40], "is cut off"), (pages[1].replace(b"[", b"(", 1), "is malformed")):
        with pytest.raises(PayoutUnreadable, match=rf"line \d+: the JSON {said}"):
            Read(pages[0] + b"\n" + damaged, "mollie")
    with pytest.raises(PayoutUnreadable, match=r"line \d+: the JSON is malformed"):
        Read(pages[0] + b"\n" + pages[1].replace(b"tr_1", b"tr_\xff"), "mollie")


def test_transactions_and_payouts_of_shopify_may_stand_alone() -> None:
    """As a tool writes them that has taken them out of their pages."""
    read = Read(files.json([files.SHOPIFY_PAYOUT, *files.SHOPIFY_LINES]), "shopify")
    assert read.proof("77").verdict == "proven"
    assert read.lines[0].place == "item 2"
    assert recognised(files.json(files.SHOPIFY_LINES)) is PAYOUT_FORMATS["shopify"]


def test_a_page_of_paypal_that_stands_there_twice_contradicts_no_balance() -> None:
    """What stands there again moved the balance once."""
    page = files.paypal(total_items=None)
    read = Read(page + b"\n" + page, "paypal")
    assert read.examined.counts == {"repeated": 3, "pending": 2}
    assert read.proof("ACC-USD-2026-01-05").verdict == "proven"


def test_a_list_of_stripe_without_anything_in_it_is_a_list_of_stripe() -> None:
    """It has an address, and nothing else."""
    empty = files.stripe([], url="/v1/balance_transactions")
    assert recognised(empty) is PAYOUT_FORMATS["stripe"]
    assert Read(empty, "stripe").lines == []


def test_a_header_is_found_below_empty_lines() -> None:
    """Places count them."""
    text = "\n\r\n" + files.STRIPE_CSV
    assert recognised(text.encode()) is PAYOUT_FORMATS["stripe-csv"]
    assert Read(text, "stripe-csv").lines[0].place == "line 4"
