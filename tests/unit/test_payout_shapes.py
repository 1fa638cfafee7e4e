"""Shapes of payout files that references print and libraries hand on: less was asked for, or more is said."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from flows.payouts import PAYOUT_FORMATS, PayoutUnreadable, recognised
from tests.unit import payout_files as files
from tests.unit.payout_files import Read

# -- Shopify -----------------------------------------------------------------------------------------------------------


def without_data(answer: bytes) -> bytes:
    return files.json(msgspec.json.decode(answer)["data"])


def test_an_answer_of_graphql_without_its_data_is_read() -> None:
    """As libraries hand it on; places say where in that it is."""
    nodes = [files.graphql_line(line) for line in files.SHOPIFY_LINES]
    whole = files.graphql({"nodes": [files.GRAPHQL_PAYOUT]}, {"nodes": nodes})
    content = without_data(whole)
    assert recognised(content) is PAYOUT_FORMATS["shopify-graphql"]
    read = Read(content, "shopify-graphql")
    assert read.lines[0].place == "shopifyPaymentsAccount.balanceTransactions.nodes[1]"
    assert read.proof("77").verdict == "proven"
    with pytest.raises(PayoutUnreadable, match="it has neither payouts nor"):
        Read(b'{"shopifyPaymentsAccount": null}', "shopify-graphql")


def test_an_answer_of_graphql_with_errors_beside_its_data_is_incomplete() -> None:
    """What could not be answered is left out of it."""
    answer = msgspec.json.decode(files.graphql(transactions={"nodes": [files.graphql_line(files.SHOPIFY_LINES[0])]}))
    read = Read(files.json({**answer, "errors": [{"message": "Throttled"}]}), "shopify-graphql")
    assert [each.kind for each in read.findings] == ["incomplete"]
    assert len(read.lines) == 1


def test_amounts_of_graphql_whose_currency_was_not_asked_for_are_in_that_of_their_transaction() -> None:
    """A query may ask for the currency of the amount alone; ids may be those of GraphQL, or numbers."""
    line = files.graphql_line(files.SHOPIFY_LINES[0])
    less = {name: {"amount": line[name]["amount"]} for name in ("fee", "net")}
    payment = {"sourceOrderTransactionId": f"gid://shopify/OrderTransaction/{line['sourceOrderTransactionId']}"}
    payout = {**files.GRAPHQL_PAYOUT, "summary": {"chargesGross": {"amount": "150.00"}}}
    whole, read = (
        Read(files.graphql(payouts={"nodes": [payout]}, transactions={"nodes": [each]}), "shopify-graphql")
        for each in (line, {**line, **less, **payment})
    )
    assert read.lines == whole.lines
    assert (read.lines[0].payment, read.lines[0].fee) == ("2001", Decimal("-3.20"))


def test_a_payout_of_graphql_that_is_a_withdrawal_is_negative() -> None:
    """Its direction says so, whichever sign its amount has."""
    for amount in ("12.00", "-12.00"):
        payout = {**files.GRAPHQL_PAYOUT, "net": files.money(amount), "transactionType": "WITHDRAWAL"}
        read = Read(files.graphql({"nodes": [payout]}), "shopify-graphql")
        assert read.examined.headers["77"].paid == Decimal("-12.00")


PAYOUT_LINE = files.SHOPIFY_LINES[-1]


@pytest.mark.parametrize("is_graphql", [False, True])
def test_transactions_of_shopify_alone_say_what_was_paid_and_how_far_it_is(is_graphql: bool) -> None:
    """The transaction that is the payout says so; it is none of its lines."""
    nodes = {"nodes": [files.graphql_line(line) for line in files.SHOPIFY_LINES]}
    content = files.graphql(transactions=nodes) if is_graphql else files.json({"transactions": files.SHOPIFY_LINES})
    read = Read(content, "shopify-graphql" if is_graphql else "shopify")
    header = read.examined.headers["77"]
    assert (header.paid, header.status.value, header.paid_on) == (Decimal("116.50"), "paid", None)
    assert read.proof("77").verdict == "proven"
    assert len(read.lines) == len(files.SHOPIFY_LINES) - 1


def test_what_a_payout_of_shopify_cost_is_a_line_of_it() -> None:
    """So that its lines still come to what was paid."""
    costs = {**PAYOUT_LINE, "amount": "-115.00", "fee": "1.50", "net": "-116.50"}
    read = Read(files.json({"transactions": [*files.SHOPIFY_LINES[:-1], costs]}), "shopify")
    assert read.proof("77").verdict == "proven"
    cost = read.line("9")
    assert (cost.kind.value, cost.net, cost.at) == ("fee", Decimal("-1.50"), "2026-01-06T00:52:08Z")


@pytest.mark.parametrize("more", [{"payout_id": None}, {"test": True}])
def test_a_payout_of_shopify_that_is_not_made_yet_or_never_says_nothing(more: dict[str, object]) -> None:
    """It is of no payout."""
    read = Read(files.json({"transactions": [{**PAYOUT_LINE, **more}]}), "shopify")
    assert (read.lines, read.examined.headers) == ([], {})


def test_a_payout_of_shopify_that_two_places_tell_otherwise_is_a_contradiction() -> None:
    """The first counts, and by how much the other differs is said."""
    read = Read(files.shopify([*files.SHOPIFY_LINES[:-1], {**PAYOUT_LINE, "amount": "-116.00"}]), "shopify")
    assert [each.amount for each in read.findings] == [Decimal("-0.50")]


SUMS = {
    **{f"{name}_gross_amount": "0.00" for name in ("adjustments", "reserved_funds", "retried_payouts")},
    **{f"{name}_fee_amount": "0.00" for name in ("adjustments", "reserved_funds", "retried_payouts")},
    "charges_gross_amount": "150.00", "charges_fee_amount": "4.95", "refunds_gross_amount": "-20.00",
    "refunds_fee_amount": "-0.05",
}  # fmt: skip
GRAPHQL_SUMS = {
    "chargesGross": "150.00", "chargesFee": "4.95", "refundsFeeGross": "-20.00", "refundsFee": "-0.05",
    "adjustmentsGross": "0.00", "adjustmentsFee": "0.00", "reservedFundsGross": "0.00", "reservedFundsFee": "0.00",
    "retriedPayoutsGross": "0.00", "retriedPayoutsFee": "0.00", "advanceGross": "0.00", "advanceFees": "0.00",
}  # fmt: skip


def of_rest(paid: str, **more: str) -> bytes:
    return files.json({"payout": {**files.SHOPIFY_PAYOUT, "amount": paid, "summary": {**SUMS, **more}}})


def of_graphql(paid: str) -> bytes:
    summary = {name: {"amount": amount} for name, amount in GRAPHQL_SUMS.items()}
    return files.graphql({"nodes": [{**files.GRAPHQL_PAYOUT, "net": files.money(paid), "summary": summary}]})


def of_export(paid: str, fees: str = "-4.90") -> str:
    columns = (
        "Payout Date,Status,Charges,Refunds,Adjustments,Advances,Reserved Funds,Fees,Retried Amount,Total,Currency"
    )
    return f"{columns}\n2026-01-07,paid,150.00,-20.00,0.00,0.00,0.00,{fees},0.00,{paid},USD\n"


@pytest.mark.parametrize(
    ("format_", "ties", "is_off"),
    [
        ("shopify", of_rest("125.10"), of_rest("116.50")),
        ("shopify-graphql", of_graphql("125.10"), of_graphql("116.50")),
        ("shopify-csv", of_export("125.10"), of_export("116.50")),
        ("shopify-csv", of_export("125.10", fees="4.90"), of_export("116.50", fees="4.90")),
    ],
)
def test_a_payout_of_shopify_that_is_not_what_its_own_sums_come_to_is_named(
    format_: str, ties: bytes | str, is_off: bytes | str
) -> None:
    """By how much; fees stand with either sign. Its lines prove it or not, so that is no contradiction."""
    assert Read(ties, format_).findings == []
    (found,) = Read(is_off, format_).findings
    assert found.kind == "note"
    assert "its own sums come to 125.10, and 116.50 was paid: -8.60 is in none of them" in found.sentence


def test_sums_of_which_some_were_not_asked_for_or_are_not_known_are_not_added_up() -> None:
    """The rest may be there."""
    some = {name: amount for name, amount in SUMS.items() if not name.startswith("adjustments")}
    told = files.json({"payout": {**files.SHOPIFY_PAYOUT, "summary": some}})
    assert Read(told, "shopify").findings == []
    assert Read(of_export("116.50").replace("Advances", "Something New"), "shopify-csv").findings == []


# -- Stripe ------------------------------------------------------------------------------------------------------------


def of_old_export(type_: str, amount: str, description: str) -> str:
    """A row as the dashboard wrote it when payouts were transfers; its source is the charge, whatever it is."""
    head = "id,Type,Source,Amount,Fee,Net,Currency,Created (UTC),Description,Transfer"
    return f"{head}\ntxn_1,{type_},ch_1,{amount},0.00,{amount},usd,2016-07-13 19:29,{description},tr_1\n"


def test_an_event_of_stripe_is_said_to_be_no_list() -> None:
    """It has a payout in it, and is neither that nor a list of such."""
    event = files.json({"object": "event", "data": {"object": {"object": "payout", "id": "po_1"}}})
    assert recognised(event) is PAYOUT_FORMATS["stripe"]
    with pytest.raises(PayoutUnreadable, match="object: it is no list of Stripe's"):
        Read(event, "stripe")


def test_the_charge_that_is_the_source_of_a_refund_is_its_payment_and_no_refund() -> None:
    """Else it would be taken for the id of one."""
    (refund,) = Read(of_old_export("refund", "-249.00", "REFUND FOR CHARGE"), "stripe-csv").lines
    assert (refund.kind.value, refund.payment, refund.refund) == ("refund", "ch_1", "")


@pytest.mark.parametrize(
    ("amount", "description", "kind"),
    [
        ("-849.00", "Chargeback withdrawal for ch_1", "dispute"),
        ("849.00", "Chargeback reversal for ch_1", "dispute_reversal"),
        ("1.00", "Something else", "adjustment"),
    ],
)
def test_an_adjustment_of_stripe_that_says_it_is_a_chargeback_is_a_dispute(
    amount: str, description: str, kind: str
) -> None:
    """Where neither a reporting category nor the source tells, as in exports of before 2019."""
    (line,) = Read(of_old_export("adjustment", amount, description), "stripe-csv").lines
    assert (line.kind.value, line.payment, line.dispute) == (kind, "ch_1", "")
    told = files.stripe_line(
        "txn_1", "adjustment", int(amount.replace(".", "")), description=description, source="ch_1"
    )
    assert Read(files.stripe([told]), "stripe").lines[0].kind.value == kind


# -- Amazon ------------------------------------------------------------------------------------------------------------


def test_a_row_of_amazon_in_another_currency_than_its_settlement_is_refused() -> None:
    """Rows mostly say none; those that repeat that of the settlement are read."""
    total = files.amazon_row(**files.AMAZON_TOTAL)
    same, other = (
        files.amazon_line("Order", "ItemPrice", "Principal", "10.10", currency=code) for code in ("USD", "CAD")
    )
    assert Read(files.amazon(total, same), "amazon").proof("555").verdict == "proven"
    with pytest.raises(PayoutUnreadable, match="line 4: the line is in CAD, and its payout 555 in USD"):
        Read(files.amazon(total, same, other), "amazon")


# -- Mollie ------------------------------------------------------------------------------------------------------------


def test_a_sum_of_mollie_whose_gross_and_net_amounts_differ_is_a_contradiction_with_its_place() -> None:
    """The reference itself prints a refund that is negative in one and positive in the other."""
    settlement = msgspec.json.decode(files.json(files.MOLLIE_SETTLEMENT))
    settlement["periods"]["2026"]["01"]["revenue"][1]["amountGross"] = files.eur("10.75")
    read = Read(files.mollie(settlement), "mollie")
    assert [each.sentence for each in read.proof("stl_1").failing] == [
        "fees and reported sums are 60.2055 EUR, reported paid is 38.70 EUR: the difference is 21.5055 EUR"
    ]
    (found,) = read.findings
    assert (found.kind, found.amount) == ("contradiction", Decimal("21.50"))
    assert found.place == "the document.periods.2026.01.revenue[2]"


# -- PayPal ------------------------------------------------------------------------------------------------------------

FEBRUARY = {"start_date": "2026-02-05T00:00:00+0000", "end_date": "2026-02-06T00:00:00+0000"}
LATER = [
    files.paypal_line("B1", "T0006", "10.00", "0.00", "110.00", transaction_initiation_date="2026-02-05T10:00:00+0000")
]


def test_pages_of_paypal_are_counted_for_each_question_apart() -> None:
    """A page that one answer lacks is not made up for by that of another; days of the whole one are proven."""
    january = files.paypal(page=1, total_pages=2)
    february = [
        files.paypal([], page=1, total_pages=2, **FEBRUARY),
        files.paypal(LATER, page=2, total_pages=2, **FEBRUARY),
    ]
    read = Read(b"\n".join([january, *february]), "paypal")
    assert [each.sentence for each in read.findings if each.kind == "incomplete"] == [
        "of 2 pages these are not in the file: 2, of those from 2026-01-05T00:00:00+0000"
    ]
    assert read.proof("ACC-USD-2026-01-05").verdict == "unproven"
    assert read.proof("ACC-USD-2026-02-05").verdict == "proven"


def test_answers_of_paypal_to_several_questions_are_proven_by_their_days() -> None:
    """As the API answers for at most 31 days, a longer time is a file of several."""
    read = Read(b"\n".join([files.paypal(total_items=4), files.paypal(LATER, total_items=1, **FEBRUARY)]), "paypal")
    assert [each.kind for each in read.findings] == ["pending"]
    assert {read.proof(payout).verdict for payout in read.examined.headers} == {"proven"}


def test_a_page_of_paypal_that_stands_there_twice_is_counted_once() -> None:
    """So its transactions are as many as it says."""
    page = files.paypal(total_items=4)
    assert "incomplete" not in Read(page + b"\n" + page, "paypal").examined.counts
    less = Read(files.paypal(total_items=5), "paypal")
    assert [each.sentence for each in less.findings if each.kind == "incomplete"] == [
        "total_items says 5 transactions, and there are 4"
    ]


# -- Pages of lists ----------------------------------------------------------------------------------------------------


def stripe_page(ids: range, *, goes_on: bool, created: int = 1_767_225_600) -> bytes:
    lines = [files.stripe_line(f"txn_{number}", "charge", 100, created=created - number) for number in ids]
    return files.stripe(lines, has_more=goes_on, url="/v1/balance_transactions")


def mollie_page(id_: str, following: str | None) -> bytes:
    payment = {**files.MOLLIE_PAYMENTS["_embedded"]["payments"][0], "id": id_}
    address = f"https://api.mollie.com/v2/settlements/stl_1/payments?from={following}&limit=1"
    return files.json({"_embedded": {"payments": [payment]}, "_links": {"next": following and {"href": address}}})


def graphql_page(id_: int, *, has_before: bool, goes_on: bool) -> bytes:
    node = {
        **files.graphql_line(files.SHOPIFY_LINES[0]),
        "id": f"gid://shopify/ShopifyPaymentsBalanceTransaction/{id_}",
    }
    return files.graphql(
        transactions={"nodes": [node], "pageInfo": {"hasNextPage": goes_on, "hasPreviousPage": has_before}}
    )


WHOLE = {
    "stripe": [stripe_page(range(2), goes_on=True), stripe_page(range(2, 4), goes_on=False)],
    "mollie": [mollie_page("tr_1", "tr_2"), mollie_page("tr_2", None)],
    "shopify-graphql": [
        graphql_page(1, has_before=False, goes_on=True), graphql_page(2, has_before=True, goes_on=False),
    ],
}  # fmt: skip
OTHERS = {
    "stripe": stripe_page(range(8, 9), goes_on=False, created=1_767_999_999),
    "mollie": mollie_page("tr_9", None),
    "shopify-graphql": graphql_page(9, has_before=False, goes_on=False),
}


@pytest.mark.parametrize("format_", WHOLE)
def test_a_list_whose_next_page_is_in_the_file_is_not_incomplete(format_: str) -> None:
    """One page to a line; a page that cannot be the next one is none."""
    first, second = WHOLE[format_]
    assert Read(first + b"\n" + second, format_).findings == []
    for alone in (first, first + b"\n" + OTHERS[format_]):
        assert [each.kind for each in Read(alone, format_).findings] == ["incomplete"]


def test_a_page_in_the_middle_of_a_connection_does_not_follow_itself() -> None:
    """It has one before it, and goes on."""
    middle = graphql_page(5, has_before=True, goes_on=True)
    assert [each.kind for each in Read(middle, "shopify-graphql").findings] == ["incomplete"]


def test_a_row_of_an_export_of_shopify_that_is_the_payout_is_no_line_in_whatever_letters() -> None:
    """It is what the others come to."""
    row = "2026-01-07 19:52:08 -0500,{},,,,paid,2026-01-07,2026-01-07,-76.80,0.00,-76.80,,,,,USD\n"
    for type_ in ("payout", "Payout"):
        assert len(Read(files.SHOPIFY_CSV + row.format(type_), "shopify-csv").lines) == 2


def repeated(payout: int, count: int) -> list[dict[str, object]]:
    """A line, and so often again."""
    line = files.shopify_line(payout, "charge", "1.00", "0.00", "1.00", payout_id=payout)
    return [line] * (count + 1)


def test_what_is_found_of_one_payout_beyond_what_is_kept_in_words_is_told_as_a_sum() -> None:
    """So that what a case says of money is of all of them."""
    examined = Read(files.shopify(repeated(77, 200)), "shopify").examined
    first, *others = examined.found_of("77")
    assert (first.kind, first.amount, len(others)) == ("repeated", Decimal("120.00"), 80)
    assert first.sentence == "120 more than are listed, which come to 120.00 USD"


def test_a_payout_of_which_much_is_found_hides_nothing_of_another() -> None:
    """The findings of a file that are kept in words are one number for all its payouts."""
    examined = Read(files.shopify(repeated(77, 1_100) + repeated(78, 2)), "shopify").examined
    assert (len(examined.findings), examined.counts["repeated"]) == (1_000, 1_102)
    assert sum(each.amount or 0 for each in examined.found_of("77")) == Decimal("1100.00")
    assert [each.amount for each in examined.found_of("78")] == [Decimal("2.00")]
