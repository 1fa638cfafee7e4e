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
