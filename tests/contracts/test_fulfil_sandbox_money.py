"""The Fulfil sandbox's money: payments, invoices, and a ledger in which every move balances. One fact per test."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from connectors.fulfil.sandbox import SandboxConfig
from tests.contracts.door import Door, Json, Open, amount, fixture_door, fixture_open_door, place

__all__ = ["fixture_door", "fixture_open_door"]

ORDER = "shop-100045"
TRANSACTION, INVOICE, MOVE = "payment_gateway.transaction", "account.invoice", "account.move"


def play(door: Door, event: str, **more: Json) -> Json:
    return door.control("play", {"event": event, **more})


def stocked(door: Door) -> Door:
    door.control("products", [{"sku": "MUG-BLUE", "price": "24.50", "cost": "11"}, {"sku": "BOX", "cost": "1"}])
    goods = [{"sku": "MUG-BLUE", "quantity": 20}, {"sku": "LAMP-OAK", "quantity": 20}]
    play(door, "receive", goods=goods)
    return door


def invoiced_at(door_of: Open, method: str, **config: Json) -> Door:
    channel = msgspec.structs.replace(SandboxConfig().channels[0], invoice_method=method)
    return stocked(door_of(channels=(channel,), **config))


def one(door: Door, model: str, *fields: str, where: Json = ()) -> Json:
    (row,) = door.result(model, "search_read", list(where), 0, 9, [["id", "ASC"]], list(fields))
    return row


def decimals(row: Json, *names: str) -> list[Decimal]:
    return [Decimal(row[name]["decimal"]) for name in names]


# -- payments (facts 8.8) ----------------------------------------------------------------------------------------------


def test_a_successful_payment_is_a_completed_charge(door: Door) -> None:
    """Facts 8.8: sale.payment and the transaction behind it, linked both ways; there is no fee field."""
    made = place(door).json()["id"]
    payment = one(door, "sale.payment", "amount", "amount_captured", "payment_transactions", "gateway.code")
    assert decimals(payment, "amount", "amount_captured") == [Decimal("145.32")] * 2
    row = one(door, TRANSACTION, "type", "state", "amount", "sale_payment", "origin", "provider_reference")
    assert (row["type"], row["state"], row["origin"]) == ("charge", "completed", f"sale.sale,{made}")
    assert (row["sale_payment"], row["provider_reference"]) == (payment["id"], "ch_abc123")
    assert payment["payment_transactions"] == [row["id"]]
    assert door.call(TRANSACTION, "search", [["fee", "=", None]]).status_code == 500


def test_a_plain_payment_is_captured_when_its_sale_is_processed(door: Door) -> None:
    """Facts 8.1 and 8.8: authorize, capture, cancel of a payment; capture on process (our choice)."""
    (party,) = door.result("party.party", "create", [{"name": "Ada Moss"}])
    line = {"product": 157, "quantity": 2, "unit_price": amount("24.50")}
    payment = {"gateway": 1, "amount": amount("49.00"), "reference": "ch_1"}
    values = {"channel": 3, "party": party, "lines": [["create", [line]]], "payments": [["create", [payment]]]}
    (made,) = door.result("sale.sale", "create", [values])
    (paid,) = door.result("sale.payment", "search", [])
    assert door.result("sale.payment", "authorize", [paid]) is None
    fields = ("payment_authorized", "payment_captured")
    assert decimals(one(door, "sale.sale", *fields), *fields) == [Decimal("49.00"), 0]
    assert door.result("sale.payment", "cancel", [paid]) is None
    assert decimals(one(door, "sale.sale", *fields), *fields) == [0, 0]
    for method in ("quote", "confirm", "process"):
        door.result("sale.sale", method, [made])
    assert decimals(one(door, "sale.sale", *fields), *fields) == [0, Decimal("49.00")]
    assert door.call("sale.payment", "cancel", [paid]).status_code == 400


@pytest.mark.parametrize(
    ("methods", "state"),
    [
        (("authorize",), "authorized"),
        (("authorize", "cancel"), "cancel"),
        (("authorize", "settle"), "completed"),
        (("process",), "completed"),
        (("capture", "post"), "posted"),
    ],
)
def test_a_transaction_goes_through_its_states(door: Door, methods: tuple[str, ...], state: str) -> None:
    """Facts 8.8: the transitions of payment_gateway.transaction."""
    (party,) = door.result("party.party", "create", [{"name": "Ada Moss"}])
    (made,) = door.result(TRANSACTION, "create", [{"gateway": 1, "party": party, "amount": amount("5")}])
    assert one(door, TRANSACTION, "state")["state"] == "draft"
    for method in methods:
        assert door.result(TRANSACTION, method, [made]) is None
    assert one(door, TRANSACTION, "state")["state"] == state
    assert door.call(TRANSACTION, "authorize", [made]).status_code == 400


def test_a_refund_is_a_transaction_linked_to_the_payment_and_never_above_it(door: Door) -> None:
    """Facts 8.8 and 8.10: money back is a transaction of type refund linked to the sale payment."""
    place(door)
    (charge,) = door.result(TRANSACTION, "search", [])
    (made,) = door.result(TRANSACTION, "refund", [charge], amount("45.32"))
    row = one(door, TRANSACTION, "type", "amount", "sale_payment", where=[["id", "=", made]])
    assert (row["type"], row["amount"]) == ("refund", amount("45.32"))
    assert door.call(TRANSACTION, "refund", [charge], amount("100.01")).status_code == 400
    play(door, "refund", order=ORDER, provider_reference="re_1")
    fields = ("payment_captured", "payment_collected")
    assert decimals(one(door, "sale.sale", *fields), *fields) == [Decimal("145.32"), 0]


# -- invoices (facts 8.9) ----------------------------------------------------------------------------------------------


def test_shipping_makes_an_invoice_that_the_payment_pays(door: Door) -> None:
    """Facts 8.1 and 8.9: invoice_method shipment; type out; number, dates, sums, move, reconciled."""
    stocked(door)
    place(door)
    assert door.result(INVOICE, "search_count", []) == 0
    play(door, "ship", order=ORDER)
    sums = ("untaxed_amount", "tax_amount", "total_amount", "balance_due")
    row = one(door, INVOICE, "type", "state", "number", "reference", "reconciled", "customer_shipments", "lines", *sums)
    assert (row["type"], row["state"], row["reference"]) == ("out", "paid", "#100045")
    assert decimals(row, *sums) == [Decimal("135.00"), Decimal("10.32"), Decimal("145.32"), 0]
    assert row["reconciled"] is not None
    assert row["customer_shipments"] == door.result("stock.shipment.out", "search", [])
    lines = door.result("account.invoice.line", "read", row["lines"], ["origin", "account.code", "amount"])
    assert [line["account.code"] for line in lines] == ["4000", "4000", "4100"]
    assert all(line["origin"].startswith("sale.line,") for line in lines)


def test_partial_shipments_are_invoiced_in_parts_that_sum_to_the_sale(door: Door) -> None:
    """Failure cases 26 and 29: parts never exceed the whole, and nothing is lost to rounding."""
    stocked(door)
    tax = {"name": "TX Sales Tax", "rate": 0.08, "amount": "0.80"}
    line = {"channel_identifier": "L1", "sku": "MUG-BLUE", "quantity": 3, "unit_price": "3.3333"}
    changes = {"sale_lines": [{**line, "amount": "10.00", "tax_lines": [tax]}], "shipping_lines": [], "payments": []}
    place(door, amount="10.80", **changes)
    for found in (1, 1):
        (id_,) = door.result("stock.shipment.out", "search", [["state", "=", "waiting"]])
        play(door, "short_pick", shipment=id_, sku="MUG-BLUE", found=found)
        play(door, "ship", shipment=id_)
    play(door, "ship", order=ORDER)
    rows = door.result(INVOICE, "search_read", [], 0, 9, [["id", "ASC"]], ["untaxed_amount", "tax_amount", "state"])
    assert [decimals(row, "untaxed_amount")[0] for row in rows] == [Decimal("3.33"), Decimal("3.33"), Decimal("3.34")]
    assert sum(decimals(row, "tax_amount")[0] for row in rows) == Decimal("0.80")
    assert {row["state"] for row in rows} == {"posted"}


def test_invoicing_by_order_happens_as_the_sale_is_processed(open_door: Open) -> None:
    """Facts 8.1: invoice_method order, and manual."""
    door = invoiced_at(open_door, "order")
    place(door)
    assert one(door, INVOICE, "state")["state"] == "paid"
    assert one(door, "sale.sale", "amount_invoiced")["amount_invoiced"] == amount("145.32")
    door = invoiced_at(open_door, "manual")
    place(door)
    play(door, "ship", order=ORDER)
    assert door.result(INVOICE, "search_count", []) == 0


def test_shipping_by_paid_invoice_waits_for_the_money(open_door: Open) -> None:
    """Facts 8.1: shipment_method invoice."""
    channel = SandboxConfig().channels[0]
    channel = msgspec.structs.replace(channel, invoice_method="order", shipment_method="invoice")
    door = stocked(open_door(channels=(channel,)))
    place(door, "unpaid", payments=[])
    assert door.result("stock.shipment.out", "search_count", []) == 0
    place(door)
    assert door.result("stock.shipment.out", "search_count", []) == 1


@pytest.mark.parametrize(
    ("switch", "kind", "total"), [("negative_out", "out", "-26.46"), ("out_credit_note", "out_credit_note", "26.46")]
)
def test_a_return_makes_a_credit_note_in_the_shape_of_the_switch(
    open_door: Open, switch: str, kind: str, total: str
) -> None:
    """Facts 8.9 and 13.7: the sign rules of credit notes are unknown."""
    door = invoiced_at(open_door, "order", credit_note=switch)
    made = place(door).json()["id"]
    play(door, "ship", order=ORDER)
    (line, *_) = one(door, "sale.sale", "lines")["lines"]
    back = {"channel_identifier": "r-1", "lines": [{"order_line_id": line, "return_quantity": 1}]}
    assert door.ask("PUT", f"model/sale.sale/{made}/return_order", [back]).status_code == 200
    rows = door.result(INVOICE, "search_read", [], 0, 9, [["id", "ASC"]], ["type", "total_amount", "lines"])
    assert (rows[1]["type"], rows[1]["total_amount"]) == (kind, amount(total))


def test_an_invoice_without_goods_is_written_and_posted_by_hand(door: Door) -> None:
    """Rules 17: a shipping or goodwill refund is a credit line with a reason, and no stock."""
    (party,) = door.result("party.party", "create", [{"name": "Ada Moss"}])
    line = {"quantity": -1, "unit_price": amount("5.00"), "description": "late parcel"}
    (made,) = door.result(INVOICE, "create", [{"party": party, "lines": [["create", [line]]]}])
    assert one(door, INVOICE, "state", "number")["number"] is None
    assert door.result(INVOICE, "validate_invoice", [made]) is None
    assert door.result(INVOICE, "post", [made]) is None
    row = one(door, INVOICE, "state", "total_amount", "number")
    assert (row["state"], row["total_amount"], row["number"]) == ("posted", amount("-5.00"), f"INV{made}")
    assert door.call(INVOICE, "cancel", [made]).status_code == 400
    assert door.control("ledger")["balances"]["1100"] == "-5.00"


# -- the ledger (facts 8.9) --------------------------------------------------------------------------------------------


def test_every_move_has_as_much_debit_as_credit_and_neither_is_negative(open_door: Open) -> None:
    """Facts 8.9: debit and credit >= 0; the whole day is booked: sales, tax, receipts, cost, refund, return."""
    door = invoiced_at(open_door, "shipment")
    made = place(door).json()["id"]
    play(door, "ship", order=ORDER)
    (line, *_) = one(door, "sale.sale", "lines")["lines"]
    back = {"channel_identifier": "r-1", "lines": [{"order_line_id": line, "return_quantity": 1}]}
    door.ask("PUT", f"model/sale.sale/{made}/return_order", [back])
    play(door, "receive_return", order=ORDER)
    play(door, "refund", order=ORDER, amount="26.46")
    assert play(door, "post_payments") == {"posted": 1}
    moves = door.result(MOVE, "search_read", [], 0, 99, None, ["lines", "state", "origin", "date", "post_number"])
    assert len(moves) == 6
    for move in moves:
        rows = door.result("account.move.line", "read", move["lines"], ["debit", "credit", "state"])
        debits, credits_ = (sum(decimals(row, side)[0] for row in rows) for side in ("debit", "credit"))
        assert debits == credits_ > 0
        assert all(min(decimals(row, "debit", "credit")) >= 0 for row in rows)
        assert {row["state"] for row in rows} == {"valid"}
    assert door.control("ledger") == {
        "moves": 6,
        "difference": "0.00",
        "balances": {
            "1100": "0.00",
            "1200": "118.86",
            "1300": "-11.00",
            "2200": "-8.36",
            "4000": "-104.50",
            "4100": "-6.00",
            "5000": "11.00",
        },
    }


def entry(door: Door, debit: str, credit: str, day: str = "2026-11-20") -> Json:
    accounts = {
        row["code"]: row["id"] for row in door.result("account.account", "search_read", [], 0, 99, None, ["code"])
    }
    (journal,) = door.result("account.journal", "search", [["code", "=", "GEN"]])
    lines = [
        {"account": accounts["6100"], "debit": amount(debit), "description": "fees of payout po_1"},
        {"account": accounts["1200"], "credit": amount(credit)},
    ]
    date = {"__class__": "date", "iso_string": day}
    return {"journal": journal, "date": date, "description": "payout po_1", "lines": [["create", lines]]}


def test_a_move_by_hand_is_posted_when_it_balances(door: Door) -> None:
    """Facts 8.8 and 8.9: fees are posted as an account.move; create with lines, then post; found by its own key."""
    (made,) = door.result(MOVE, "create", [entry(door, "2.45", "2.45")])
    assert one(door, MOVE, "state")["state"] == "draft"
    assert door.result(MOVE, "post", [made]) is None
    row = one(door, MOVE, "state", "period.name", "post_number", "number", where=[["description", "=", "payout po_1"]])
    assert (row["state"], row["period.name"], row["number"]) == ("posted", "2026-11", f"MV{made}")
    assert door.call(MOVE, "post", [made]).status_code == 400
    assert door.call(MOVE, "write", [made], {"description": "x"}).status_code == 400
    (line, *_) = one(door, MOVE, "lines")["lines"]
    assert door.call("account.move.line", "write", [line], {"debit": amount("9")}).status_code == 400


def test_a_payment_may_come_when_its_sale_is_processed(door: Door) -> None:
    """Rules 17: money is often captured later; what is captured pays what is invoiced."""
    stocked(door)
    made = place(door, payments=[]).json()["id"]
    play(door, "ship", order=ORDER)
    assert one(door, INVOICE, "state")["state"] == "posted"
    (payment,) = door.result("sale.payment", "create", [{"sale": made, "gateway": 1, "amount": amount("145.32")}])
    assert one(door, INVOICE, "state")["state"] == "posted"
    assert door.result("sale.payment", "capture", [payment]) is None
    assert one(door, INVOICE, "state")["state"] == "paid"


@pytest.mark.parametrize(("debit", "credit", "text"), [("2.45", "2.44", "balance"), ("-1", "1", "never negative")])
def test_a_move_that_does_not_balance_is_refused(door: Door, debit: str, credit: str, text: str) -> None:
    """Facts 8.9: a posted move balances; debit and credit are never negative."""
    made = door.call(MOVE, "create", [entry(door, debit, credit)])
    response = made if made.status_code != 200 else door.call(MOVE, "post", made.json())
    assert (response.status_code, response.json()["type"]) == (400, "UserError")
    assert text in response.json()["message"]


def test_a_closed_period_takes_no_moves(door: Door) -> None:
    """Facts 8.9: moves fail in closed periods; goods do not leave when their cost and invoice could not be booked."""
    stocked(door)
    place(door)
    play(door, "close_period", day="2026-11-30")
    (made,) = door.result(MOVE, "create", [entry(door, "2.45", "2.45")])
    assert "closed" in door.call(MOVE, "post", [made]).json()["message"]
    today = door.result("ir.date", "today")["iso_string"]
    play(door, "close_period", day=today)
    response = door.session.post(f"{door.url}/sandbox/play", json={"event": "ship", "order": ORDER}, timeout=10)
    assert (response.status_code, "closed" in response.json()["error"]) == (409, True)
    assert one(door, "stock.shipment.out", "state")["state"] == "waiting"
    door.control("products", [{"sku": "GIFT-CARD", "type": "service"}])
    card = [{"sku": "GIFT-CARD", "quantity": 1, "unit_price": "139.32", "amount": "139.32"}]
    assert "closed" in place(door, "card", sale_lines=card).json()["message"]
    assert door.control("books")["sales_count"] == 1


def test_a_sale_in_another_currency_is_booked_at_the_configured_rate(open_door: Open) -> None:
    """Facts 8.9: second_currency and amount_second_currency beside the company's amounts."""
    door = invoiced_at(open_door, "order", currency_rates={"EUR": Decimal("1.10")})
    place(door, currency_code="EUR")
    ledger = door.control("ledger")
    assert (ledger["difference"], ledger["balances"]["4000"]) == ("0.00", "-141.90")
    (account,) = door.result("account.account", "search", [["code", "=", "4000"]])
    fields = ("second_currency.code", "amount_second_currency", "credit")
    row = one(door, "account.move.line", *fields, where=[["account", "=", account]])
    assert (row["second_currency.code"], row["amount_second_currency"]) == ("EUR", amount("-129.00"))
