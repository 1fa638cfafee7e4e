"""One row for each write to Fulfil: the call, what it sends, what is answered, and what a look reads before and after.

Requests and answers are from the facts (sections 2, 8 and 10), not from the connector.
"""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from connectors.fulfil import workflow
from connectors.fulfil.adding_payments import NewPayment, NewTransaction, add_payments, add_transactions
from connectors.fulfil.amending import AmendOrder, LineAmended, amend_order
from connectors.fulfil.calls import Applied, Ask, Created, CreatedMany
from connectors.fulfil.ledger import NewLedgerLine, NewLedgerMove, make_ledger_move
from connectors.fulfil.lines import LineChange, NewLine, add_line, amend_sale, change_line, remove_lines
from connectors.fulfil.orders import create_order
from connectors.fulfil.parties import NewParty, make_party
from connectors.fulfil.records import set_metafields, write_fields
from connectors.fulfil.returns import ReturnedLine, ReturnOrder, return_order
from connectors.fulfil.wire import CreatedSale
from tests.unit.test_fulfil_wire import made_order


def money(text: str) -> dict[str, str]:
    return {"__class__": "Decimal", "decimal": text}


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One write: its call, what goes out and comes back, and what reads answer when it was applied and when not."""

    ask: Ask[Any]
    path: str
    sent: Any
    answer: Any = None
    result: Any
    look: str
    """Model and method of the read that looks."""
    there: Any
    absent: Any = []
    verb: str = "PUT"
    found: Any = None
    """The result of the look when it has less than the answer; None: the same."""


def step(ask: Ask[Any], path: str, sent: Any, there: Any, absent: Any) -> Case:
    model = path.split("/", maxsplit=1)[0]
    (field,) = (each for each in there if each != "id")
    return Case(
        ask=ask,
        path=path,
        sent=sent,
        result=Applied((5,)),
        look=f"{model}/search_read",
        there=[{"id": 5, field: there[field]}],
        absent=[{"id": 5, field: absent}],
    )


def moved(each: workflow.Step, method: str, there: str, absent: str) -> Case:
    return step(each([5]), f"{each.model}/{method}", [[5]], {"id": 5, "state": there}, absent)


OUT, TRANSACTION = "stock.shipment.out", "payment_gateway.transaction"
LINE = {
    "id": 71,
    "sale": 90211,
    "sale.channel_identifier": "shop-100045",
    "channel_identifier": "L1",
    "product": 157,
    "quantity": 1.0,
    "unit_price": "24.50",
}

CASES = [
    Case(
        ask=create_order(3, made_order()),
        path="sale.channel/create_order",
        sent=json.loads(create_order(3, made_order()).body),
        answer={"id": 90211, "number": "SO90211", "channel_identifier": "shop-100045"},
        result=CreatedSale(id=90211, number="SO90211", channel_identifier="shop-100045"),
        look="sale.sale/search_read",
        there=[{"id": 90211, "number": "SO90211", "channel_identifier": "shop-100045"}],
    ),
    moved(workflow.QUOTE_SALE, "quote", "quotation", "draft"),
    moved(workflow.CONFIRM_SALE, "confirm", "processing", "quotation"),
    moved(workflow.PROCESS_SALE, "process", "done", "confirmed"),
    moved(workflow.CANCEL_SALE, "cancel", "cancel", "processing"),
    moved(workflow.DRAFT_SALE, "draft", "draft", "quotation"),
    step(workflow.HOLD_SHIPMENT([5], "edit"), f"{OUT}/hold", [[5], "edit"], {"id": 5, "on_hold": True}, absent=False),
    step(workflow.UNHOLD_SHIPMENT([5]), f"{OUT}/unhold", [[5], ""], {"id": 5, "on_hold": False}, absent=True),
    moved(workflow.WAIT_SHIPMENT, "wait", "waiting", "draft"),
    moved(workflow.ASSIGN_SHIPMENT, "assign_try", "assigned", "waiting"),
    moved(workflow.PACK_SHIPMENT, "pack", "packed", "assigned"),
    moved(workflow.FINISH_SHIPMENT, "done", "done", "packed"),
    moved(workflow.CANCEL_SHIPMENT, "cancel", "cancel", "assigned"),
    moved(workflow.FINISH_DROP_SHIPMENT, "done", "done", "shipped"),
    moved(workflow.SHIP_DROP_SHIPMENT, "ship", "shipped", "waiting"),
    moved(workflow.AUTHORISE_TRANSACTION, "authorize", "authorized", "draft"),
    moved(workflow.CAPTURE_TRANSACTION, "capture", "completed", "authorized"),
    moved(workflow.PROCESS_TRANSACTION, "process", "completed", "draft"),
    moved(workflow.SETTLE_TRANSACTION, "settle", "completed", "authorized"),
    moved(workflow.POST_TRANSACTION, "post", "posted", "completed"),
    moved(workflow.CANCEL_TRANSACTION, "cancel", "cancel", "authorized"),
    moved(workflow.POST_LEDGER_MOVE, "post", "posted", "draft"),
    Case(
        ask=amend_order(
            3,
            AmendOrder(
                channel_identifier="shop-100045",
                sale_lines=(LineAmended(channel_identifier="L1", quantity=Decimal(1), unit_price=Decimal("24.50")),),
                amount=Decimal("26.46"),
            ),
        ),
        path="sale.channel/create_order",
        sent=[
            3,
            {
                "channel_identifier": "shop-100045",
                "sale_lines": [{"channel_identifier": "L1", "quantity": 1, "unit_price": money("24.50")}],
                "amount": money("26.46"),
            },
        ],
        answer={"id": 90211, "channel_identifier": "shop-100045"},
        result=CreatedSale(id=90211, channel_identifier="shop-100045"),
        look="sale.line/search_read",
        there=[LINE],
        absent=[{**LINE, "quantity": 2.0}],
    ),
    Case(
        ask=amend_sale(
            90211,
            change=[LineChange(id=71, quantity=Decimal(1))],
            remove=[72],
            add=[
                NewLine(
                    channel_identifier="L9",
                    product=158,
                    unit=1,
                    quantity=Decimal(3),
                    unit_price=Decimal("80.00"),
                    taxes=(11,),
                )
            ],
        ),
        path="sale.sale/write",
        sent=[
            [90211],
            {
                "lines": [
                    ["write", [71], {"quantity": 1}],
                    ["delete", [72]],
                    [
                        "create",
                        [
                            {
                                "type": "line",
                                "channel_identifier": "L9",
                                "product": 158,
                                "unit": 1,
                                "description": "",
                                "quantity": 3,
                                "unit_price": money("80.00"),
                                "taxes": [["add", [11]]],
                            }
                        ],
                    ],
                ]
            },
        ],
        result=Applied((90211,)),
        look="sale.line/search_read",
        there=[LINE, {"id": 80, "sale": 90211, "channel_identifier": "L9", "product": 158, "quantity": 3.0}],
        absent=[{**LINE, "quantity": 2.0}, {"id": 72, "sale": 90211}],
    ),
    Case(
        ask=change_line(LineChange(id=71, quantity=Decimal(1), unit_price=Decimal("24.50"))),
        path="sale.line/write",
        sent=[[71], {"quantity": 1, "unit_price": money("24.50")}],
        result=Applied((71,)),
        look="sale.line/search_read",
        there=[LINE],
        absent=[{**LINE, "quantity": 2.0}],
    ),
    Case(
        ask=add_line(
            90211,
            NewLine(channel_identifier="L9", product=158, unit=1, quantity=Decimal(3), unit_price=Decimal("80.00")),
        ),
        path="sale.line/create",
        sent=[
            [
                {
                    "sale": 90211,
                    "type": "line",
                    "channel_identifier": "L9",
                    "product": 158,
                    "unit": 1,
                    "description": "",
                    "quantity": 3,
                    "unit_price": money("80.00"),
                }
            ]
        ],
        answer=[80],
        result=Created(80),
        look="sale.line/search_read",
        there=[LINE, {"id": 80, "sale": 90211, "channel_identifier": "L9", "product": 158}],
        absent=[LINE],
    ),
    Case(
        ask=remove_lines([72, 73]),
        path="sale.line/delete",
        sent=[[72, 73]],
        result=Applied((72, 73)),
        look="sale.line/search_read",
        there=[],
        absent=[{"id": 73, "sale": 90211}],
    ),
    Case(
        ask=return_order(
            90211,
            3,
            ReturnOrder(
                channel_identifier="ret-1",
                reference="#100045-R1",
                lines=(ReturnedLine(order_line_id=71, return_quantity=Decimal(1), unit_price=Decimal("24.50")),),
            ),
        ),
        path="sale.sale/90211/return_order",
        sent=[
            {
                "channel_identifier": "ret-1",
                "reference": "#100045-R1",
                "lines": [{"order_line_id": 71, "return_quantity": 1, "unit_price": money("24.50")}],
            }
        ],
        answer={"id": 90300, "rec_name": "SO90300 (#100045-R1)"},
        result=CreatedSale(id=90300, number="SO90300"),
        look="sale.sale/search_read",
        there=[{"id": 90300, "number": "SO90300", "channel_identifier": "ret-1", "has_return": True}],
        found=CreatedSale(id=90300, number="SO90300", channel_identifier="ret-1"),
    ),
    Case(
        ask=add_payments(
            [
                NewPayment(sale=90211, gateway=2, amount=Decimal("145.32"), reference="ch_abc124"),
                NewPayment(sale=90212, gateway=2, amount=Decimal("9.00"), reference="ch_abc125"),
            ]
        ),
        path="sale.payment/create",
        sent=[
            [
                {"sale": 90211, "gateway": 2, "amount": money("145.32"), "reference": "ch_abc124"},
                {"sale": 90212, "gateway": 2, "amount": money("9.00"), "reference": "ch_abc125"},
            ]
        ],
        answer=[331, 332],
        result=CreatedMany((331, 332)),
        look="sale.payment/search_read",
        there=[
            {"id": 331, "sale": 90211, "gateway": 2, "amount": money("145.32"), "reference": "ch_abc124"},
            {"id": 332, "sale": 90212, "gateway": 2, "amount": money("9.00"), "reference": "ch_abc125"},
        ],
        absent=[{"id": 331, "sale": 90211, "gateway": 2, "amount": money("145.32"), "reference": "ch_abc124"}],
    ),
    Case(
        ask=add_transactions(
            [
                NewTransaction(
                    payment=331,
                    gateway=2,
                    type="charge",
                    amount=Decimal("145.32"),
                    reference="ch_abc124",
                    made_on=date(2026, 11, 20),
                    party=9,
                    currency=172,
                    more={"fee": Decimal("4.51")},
                )
            ]
        ),
        path="payment_gateway.transaction/create",
        sent=[
            [
                {
                    "sale_payment": 331,
                    "gateway": 2,
                    "type": "charge",
                    "amount": money("145.32"),
                    "provider_reference": "ch_abc124",
                    "date": {"__class__": "date", "iso_string": "2026-11-20"},
                    "fee": money("4.51"),
                    "party": 9,
                    "currency": 172,
                }
            ]
        ],
        answer=[71],
        result=CreatedMany((71,)),
        look="payment_gateway.transaction/search_read",
        there=[
            {"id": 71, "sale_payment": 331, "type": "charge", "provider_reference": "ch_abc124", "state": "draft"},
        ],
        absent=[
            {"id": 70, "sale_payment": 331, "type": "refund", "provider_reference": "ch_abc124", "state": "completed"},
            {"id": 69, "sale_payment": 331, "type": "charge", "provider_reference": "ch_abc124", "state": "cancel"},
        ],
    ),
    Case(
        ask=make_ledger_move(
            NewLedgerMove(
                journal=4,
                period=11,
                booked_on=date(2026, 11, 20),
                description="SEAM batch 2026-11-20 eu-EUR",
                lines=(
                    NewLedgerLine(account=1, debit=Decimal("2.45")),
                    NewLedgerLine(account=2, credit=Decimal("2.45"), party=9, description="fees"),
                ),
            )
        ),
        path="account.move/create",
        sent=[
            [
                {
                    "journal": 4,
                    "period": 11,
                    "date": {"__class__": "date", "iso_string": "2026-11-20"},
                    "description": "SEAM batch 2026-11-20 eu-EUR",
                    "lines": [
                        [
                            "create",
                            [
                                {"account": 1, "debit": money("2.45"), "credit": money("0")},
                                {
                                    "account": 2,
                                    "debit": money("0"),
                                    "credit": money("2.45"),
                                    "party": 9,
                                    "description": "fees",
                                },
                            ],
                        ]
                    ],
                }
            ]
        ],
        answer=[12],
        result=Created(12),
        look="account.move/search_read",
        there=[{"id": 12, "description": "SEAM batch 2026-11-20 eu-EUR", "state": "draft"}],
    ),
    Case(
        ask=make_party(NewParty(code="SHOP-778", name="Ada Moss", contacts=(("email", "ada@example.com"),))),
        path="party.party/create",
        sent=[
            [
                {
                    "name": "Ada Moss",
                    "code": "SHOP-778",
                    "is_customer": True,
                    "contact_mechanisms": [["create", [{"type": "email", "value": "ada@example.com"}]]],
                }
            ]
        ],
        answer=[5001],
        result=Created(5001),
        look="party.party/search_read",
        there=[{"id": 5001, "code": "SHOP-778"}],
    ),
    Case(
        ask=write_fields("sale.payment", 331, {"fee": Decimal("2.45"), "settled": date(2026, 11, 20), "note": None}),
        path="sale.payment/write",
        sent=[
            [331],
            {"fee": money("2.45"), "settled": {"__class__": "date", "iso_string": "2026-11-20"}, "note": None},
        ],
        result=Applied((331,)),
        look="sale.payment/read",
        there=[
            {
                "id": 331,
                "fee": money("2.450"),
                "settled": {"__class__": "date", "year": 2026, "month": 11, "day": 20},
                "note": None,
            }
        ],
        absent=[{"id": 331, "fee": None, "settled": None, "note": None}],
    ),
    Case(
        ask=set_metafields("sale.sale", 90211, {17: "told"}),
        path="sale.sale/90211",
        sent={"metafields": {"set": [{"field": 17, "value": "told"}]}},
        answer={"id": 90211},
        result=Applied((90211,)),
        look="sale.sale/read",
        there=[{"id": 90211, "metafields": [{"field_id": 17, "code": "state", "value": "told"}]}],
        absent=[{"id": 90211, "metafields": []}],
    ),
]
