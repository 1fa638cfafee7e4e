"""Every payout file that others have published: what ties is said to tie, what does not with its exact difference.

The files are read where they lie and are not part of the project. Most are samples of single objects; the only ones
with lines and a payout contradict themselves, and that is what has to be said.
"""

from __future__ import annotations

import msgspec
import pytest

from flows.payouts import PayoutUnreadable, recognised
from tests.published import DATA, needs
from tests.unit.payout_files import Read

pytestmark = needs()

FOLDERS = ("amazon-sp", "dbt_amazon_sp", "mollie", "paypal", "shopify-go", "shopify-python", "shopify-ruby", "stripe")
NO_PAYOUT = "no payout"
REFUSED = "refused"
STL, PUBLISHED = "stl_jDk30akdN", "623721858"

READ: dict[str, dict[str, str]] = {
    "amazon-sp/settlement_v1_flat_file_airbyte.tsv": {
        "12345678901": "lines are 16.77 USD, reported paid is 1234.56 USD: the difference is -1217.79 USD"
    },
    "mollie/balance_transactions_list.json": {"EUR-2021-01-10": "1 lines, -10.25, unproven"},
    "mollie/capture_single.json": {STL: "1 lines, 399.00, unproven"},
    "mollie/captures_list.json": {STL: "1 lines, 399.00, unproven"},
    "mollie/order_refunds_list.json": {},
    "mollie/order_single_with_embeds.json": {},
    "mollie/payment_canceled.json": {},
    "mollie/payment_chargeback_single.json": {STL: "1 lines, -35.07, unproven"},
    "mollie/payment_chargebacks_list.json": {},
    "mollie/payment_chargebacks_list_more.json": {},
    "mollie/payment_single.json": {STL: "1 lines, 39.75, unproven"},
    "mollie/payment_single_no_links.json": {},
    "mollie/payment_updated.json": {STL: "1 lines, 39.75, unproven"},
    "mollie/payments_list.json": {},
    "mollie/refund_single.json": {STL: "1 lines, 10.00, unproven"},
    "mollie/refund_single_no_links.json": {},
    "mollie/refunds_list.json": {},
    "paypal/transaction_search_5TY05013RG002845M.json": {"XZXSPECPDZHZU-USD-2014-07-11": "1 lines, 451.21, unproven"},
    "shopify-go/payments_transactions.json": {PUBLISHED: "3 lines, -3.45, unproven"},
    "shopify-go/payout.json": {PUBLISHED: "0 lines, 0, unproven"},
    "shopify-go/payouts.json": {"854088011": "0 lines, 0, unproven", "512467833": "0 lines, 0, unproven"},
    "shopify-go/payouts_filtered.json": {"854088011": "0 lines, 0, unproven"},
    "shopify-python/payout.json": {PUBLISHED: "0 lines, 0, unproven"},
    "shopify-python/payouts.json": dict.fromkeys(
        ("854088011", "512467833", "39438702", "710174591", "974708905", PUBLISHED), "0 lines, 0, unproven"
    ),
    "shopify-python/payouts_transactions.json": {
        PUBLISHED: "lines are 81.38 USD, reported paid is 41.90 USD: the difference is 39.48 USD"
    },
}
"""File -> payout -> what is said of it. Files that are no payout file at all are not here."""


def said_of(content: bytes, format_: str) -> dict[str, str]:
    read = Read(content, format_)
    said = {}
    for payout in read.examined.headers:
        sums, proof = read.examined.sums(payout), read.proof(payout)
        figures = f"{sums.lines} lines, {sums.net}, {proof.verdict}"
        said[payout] = "; ".join(each.sentence for each in proof.failing) or figures
    return said


def test_what_is_said_of_every_published_file() -> None:
    """All files of the folders are tried: a payout file is read, anything else is not taken for one."""
    found = {}
    for folder in FOLDERS:
        for path in sorted((DATA / folder).iterdir()):
            content = path.read_bytes()
            reader = recognised(content)
            if reader is not None:
                try:
                    found[f"{folder}/{path.name}"] = said_of(content, reader.name)
                except PayoutUnreadable as refused:
                    assert "it is no settlement" in refused.reason or "neither" in refused.reason  # noqa: PT017
    assert found == READ


def test_the_published_payout_and_its_transactions_do_not_tie() -> None:
    """24 lines of one payout come to 39.48 more than was paid, and to other sales and refunds than it says."""
    pages = [DATA / "shopify-python" / name for name in ("payout.json", "payouts_transactions.json")]
    documents = b"\n".join(b" ".join(path.read_bytes().split(b"\n")) for path in pages)
    read = Read(documents, "shopify")
    assert [each.sentence for each in read.proof(PUBLISHED).failing] == [
        "lines are 81.38 USD, reported paid is 41.90 USD: the difference is 39.48 USD",
        "refund lines are -13.50 USD, reported refund is -3.54 USD: the difference is -9.96 USD",
        "sale lines are 77.50 USD, reported sale is 44.52 USD: the difference is 32.98 USD",
    ]
    (found,) = read.findings
    assert found.sentence == "net -1.75 is not amount -1.50 less fee -0.25; the rest of -0.50 is unexplained"


def test_the_published_objects_of_stripe_are_read() -> None:
    """One transaction of 1.00 that nobody assigns to a payout, and a payout of 11.00 that is on its way."""
    resources = msgspec.json.decode((DATA / "stripe" / "fixtures3.json").read_bytes())["resources"]
    line = Read(msgspec.json.encode(resources["balance_transaction"]), "stripe")
    assert said_of(msgspec.json.encode(resources["balance_transaction"]), "stripe") == {
        "USD-2009-02-13": "1 lines, 1.00, unproven"
    }
    assert line.lines[0].payment.startswith("ch_")
    (header,) = Read(msgspec.json.encode(resources["payout"]), "stripe").examined.headers.values()
    assert (str(header.paid), header.status.value) == ("11.00", "in_transit")


def test_the_published_transaction_of_paypal_ties_with_its_fee() -> None:
    """465.00 less a fee of 13.79; an item of -50.00 in its cart is no line of the account."""
    path = DATA / "paypal" / "transaction_search_5TY05013RG002845M.json"
    (line,) = Read(path.read_bytes(), "paypal").lines
    assert (str(line.amount), str(line.fee), str(line.net), line.gap) == ("465.00", "-13.79", "451.21", 0)


def test_published_hostile_cells_are_refused_by_their_place() -> None:
    """`2,329.86` among invented rows: an amount with separators has no one meaning."""
    from tests.unit.payout_files import generic  # noqa: PLC0415 - only here

    rows = (DATA / "dbt_amazon_sp" / "orders.csv").read_bytes()
    reader = generic(
        columns={"payout": "amazon_order_id", "amount": "order_total_amount"}, currency="USD", classes={},
        payout_types=(), delimiter=",", decimal=".",
    )  # fmt: skip
    with pytest.raises(PayoutUnreadable, match=r"line 2, column order_total_amount: .* separators of thousands"):
        Read(rows, reader)
