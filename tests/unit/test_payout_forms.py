"""Forms in which the same payouts come: lists that say less than an answer, reports with fewer columns, old exports."""

from __future__ import annotations

from typing import Any

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


def test_a_payment_of_which_mollie_settles_nothing_is_no_line() -> None:
    """It names its settlement and has no amount in it, as what was paid by voucher: that is said, and not guessed."""
    payment = {"resource": "payment", "id": "tr_1", "amount": files.eur("10.00"), "settlementId": "stl_7"}
    read = Read(files.mollie(payment), "mollie")
    assert (read.lines, [each.kind for each in read.findings]) == ([], ["note"])


def test_a_settlement_that_is_still_gathered_is_no_payout() -> None:
    """It has a word for an id, which the next one will have, too."""
    for word in ("open", "next"):
        read = Read(files.mollie({**files.MOLLIE_SETTLEMENT, "id": word, "status": "open"}), "mollie")
        assert (read.lines, read.examined.headers) == ([], {})
        assert [each.kind for each in read.findings] == ["pending"]


def test_a_settlement_in_a_list_without_its_sums_contradicts_nothing() -> None:
    """What is not told there does not come to zero."""
    told: dict[str, Any]
    for periods in ({}, {"2026": {"01": {"revenue": [], "costs": []}}}):
        told = {**files.MOLLIE_SETTLEMENT, "periods": periods}
        assert Read(files.mollie({"_embedded": {"settlements": [told]}}), "mollie").proof("stl_1").verdict == "unproven"
