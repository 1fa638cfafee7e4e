"""Payout files as their providers write them, small enough to see what comes of each line; how a test reads them."""

from __future__ import annotations

from typing import Any

import msgspec

from flows.model.payout import Finding, LineClass, PayoutLine
from flows.model.payout_proof import PayoutProof, prove_payout
from flows.payouts import PAYOUT_FORMATS, GenericPayoutSettings, PayoutFormat, Source, generic_format
from flows.payouts.examining import Examined


class Read:
    """What was read of a file."""

    def __init__(self, content: bytes | str, format_: str | PayoutFormat, **more: Any) -> None:
        raw = content.encode() if isinstance(content, str) else content
        reader = PAYOUT_FORMATS[format_] if isinstance(format_, str) else format_
        self.examined = Examined()
        self.lines = list(self.examined.lines(reader.read(Source(content=raw, **more))))

    @property
    def findings(self) -> list[Finding]:
        return self.examined.findings

    def line(self, id_: str) -> PayoutLine:
        (found,) = [line for line in self.lines if line.id == id_]
        return found

    def proof(self, payout: str, **more: Any) -> PayoutProof:
        return prove_payout(self.examined.headers[payout], self.examined.sums(payout), **more)

    def classes(self, payout: str) -> dict[str, str]:
        """Class -> sum, as text."""
        return {kind.value: str(amount) for kind, amount in self.examined.sums(payout).classes.items()}


def json(value: Any) -> bytes:
    return msgspec.json.encode(value)


# -- Shopify -----------------------------------------------------------------------------------------------------------


def shopify_line(id_: int, type_: str, amount: str, fee: str, net: str, **more: Any) -> dict[str, Any]:
    return {
        "id": id_, "type": type_, "test": False, "payout_id": 77, "payout_status": "paid", "currency": "USD",
        "amount": amount, "fee": fee, "net": net, "source_id": id_, "source_type": type_, "source_order_id": 1000 + id_,
        "source_order_transaction_id": 2000 + id_, "processed_at": "2026-01-05T19:52:08-05:00", **more,
    }  # fmt: skip


SHOPIFY_LINES = [
    shopify_line(1, "charge", "100.00", "3.20", "96.80"),
    shopify_line(2, "charge", "50.00", "1.75", "48.25"),
    shopify_line(3, "refund", "-20.00", "0.00", "-20.00"),
    shopify_line(4, "dispute", "-50.00", "15.00", "-65.00"),
    shopify_line(5, "dispute", "50.00", "-15.00", "65.00"),
    shopify_line(6, "reserve", "-10.00", "0.00", "-10.00", source_order_id=None),
    shopify_line(7, "adjustment", "0.45", "0.00", "0.45", source_order_id=None),
    shopify_line(8, "somethingnew", "1.00", "0.00", "1.00", source_order_id=None),
    shopify_line(9, "payout", "-116.50", "0.00", "-116.50", source_order_id=None),
]
SHOPIFY_PAYOUT = {"id": 77, "status": "paid", "date": "2026-01-07", "currency": "USD", "amount": "116.50"}


def shopify(lines: list[Any] | None = None, payout: dict[str, Any] | None = None) -> bytes:
    """Payouts and transactions, a page to a line."""
    pages = [{"payouts": [payout or SHOPIFY_PAYOUT]}, {"transactions": SHOPIFY_LINES if lines is None else lines}]
    return b"\n".join(map(json, pages))


def money(amount: str, currency: str = "USD") -> dict[str, str]:
    return {"amount": amount, "currencyCode": currency}


def graphql(payouts: Any = None, transactions: Any = None) -> bytes:
    found = {"payouts": payouts, "balanceTransactions": transactions}
    account = {name: each for name, each in found.items() if each is not None}
    return json({"data": {"shopifyPaymentsAccount": account}})


GRAPHQL_PAYOUT = {
    "id": "gid://shopify/ShopifyPaymentsPayout/77", "status": "PAID", "issuedAt": "2026-01-07T00:00:00Z",
    "net": money("116.50"), "summary": {"chargesGross": money("150.00"), "refundsFeeGross": money("-20.00")},
}  # fmt: skip


def graphql_line(line: dict[str, Any]) -> dict[str, Any]:
    """A line of the REST API as GraphQL tells it."""
    types = {"dispute": "DISPUTE_WITHDRAWAL", "payout": "TRANSFER", "reserve": "RESERVED_FUNDS"}
    order = line["source_order_id"]
    return {
        "id": f"gid://shopify/ShopifyPaymentsBalanceTransaction/{line['id']}",
        "type": types.get(line["type"], line["type"].upper()), "test": line["test"],
        "amount": money(line["amount"]), "fee": money(line["fee"]), "net": money(line["net"]),
        "transactionDate": line["processed_at"], "sourceId": str(line["source_id"]), "sourceType": "CHARGE",
        "sourceOrderTransactionId": str(line["source_order_transaction_id"]),
        "associatedOrder": order and {"id": f"gid://shopify/Order/{order}", "name": "#1"},
        "associatedPayout": {"id": f"gid://shopify/ShopifyPaymentsPayout/{line['payout_id']}", "status": "PAID"},
    }  # fmt: skip


SHOPIFY_CSV = """Transaction Date,Type,Order,Card Brand,Card Source,Payout Status,Payout Date,Available On,Amount,Fee,\
Net,Checkout,Payment Method Name,Presentment Amount,Presentment Currency,Currency
2026-01-05 19:52:08 -0500,charge,#1001,visa,online,paid,2026-01-07,2026-01-07,100.00,3.20,96.80,c1,card,80.00,GBP,USD
2026-01-05 19:55:08 -0500,refund,#1000,visa,online,paid,2026-01-07,2026-01-07,-20.00,0.00,-20.00,c0,card,,,USD
2026-01-06 19:55:08 -0500,charge,#1002,visa,online,pending,,2026-01-09,5.00,0.45,4.55,c2,card,,,USD
"""
SHOPIFY_PAYOUTS_CSV = """Payout Date,Status,Charges,Refunds,Adjustments,Reserved Funds,Fees,Retried Amount,Total,\
Currency
2026-01-07,paid,100.00,-20.00,0.00,0.00,-3.20,0.00,76.80,USD
"""

# -- Stripe ------------------------------------------------------------------------------------------------------------


def stripe_line(id_: str, type_: str, amount: int, fee: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "object": "balance_transaction", "id": id_, "type": type_, "currency": "eur", "amount": amount, "fee": fee,
        "net": amount - fee, "created": 1_767_225_600, "source": f"ch_{id_}", **more,
    }  # fmt: skip


STRIPE_LINES = [
    stripe_line(
        "txn_1", "charge", 10_000, 345,
        fee_details=[{"amount": 290, "type": "stripe_fee"}, {"amount": 55, "type": "tax"}],
        source={"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "amount": 8_500, "currency": "gbp",
                "metadata": {"order_id": "1001"}},
        exchange_rate="1.176471",
    ),
    stripe_line("txn_2", "refund", -2_000, source="re_2"),
    stripe_line("txn_3", "adjustment", -5_000, 1_500, reporting_category="dispute", source="dp_3"),
    stripe_line("txn_4", "stripe_fee", -200, source=None),
    stripe_line("txn_5", "payout_minimum_balance_hold", -300, source=None),
    stripe_line("txn_6", "payout", -655, source="po_9"),
]  # fmt: skip


def stripe(lines: list[Any] | None = None, **more: Any) -> bytes:
    return json({"object": "list", "data": STRIPE_LINES if lines is None else lines, "has_more": False, **more})


STRIPE_CSV = """automatic_payout_id,automatic_payout_effective_at_utc,balance_transaction_id,created_utc,\
available_on_utc,currency,gross,fee,net,reporting_category,source_id,description,charge_id,payment_intent_id,customer_facing_amount,\
customer_facing_currency
po_9,2026-01-07 00:00:00,txn_1,2026-01-05 10:00:00,2026-01-07 00:00:00,\
eur,100.00,3.45,96.55,charge,ch_1,x,ch_1,pi_1,85.00,gbp
po_9,2026-01-07 00:00:00,txn_2,2026-01-05 10:00:00,2026-01-07 00:00:00,\
eur,-20.00,0.00,-20.00,refund,re_2,x,ch_0,pi_0,-20.00,eur
po_9,2026-01-07 00:00:00,txn_3,2026-01-05 10:00:00,2026-01-07 00:00:00,eur,0.00,0.025,-0.025,fee,,x,,,,
"""

STRIPE_EXPORT = """id,Type,Source,Amount,Fee,Destination Platform Fee,Net,Currency,Created (UTC),Available On (UTC),\
Description,Customer Facing Amount,Customer Facing Currency,Transfer,Transfer Date (UTC),Transfer Group,\
order_id (metadata)
txn_1,charge,ch_1,100.00,3.45,,96.55,eur,2026-01-05 10:00,2026-01-07 00:00,x,85.00,gbp,po_9,2026-01-07 00:00,,1001
txn_2,refund,re_2,-20.00,0.00,,-20.00,eur,2026-01-05 10:00,2026-01-07 00:00,x,-20.00,eur,po_9,2026-01-07 00:00,,
txn_3,payout,po_9,-76.55,0.00,,-76.55,eur,2026-01-06 10:00,2026-01-07 00:00,x,,,po_9,2026-01-07 00:00,,
"""

# -- PayPal ------------------------------------------------------------------------------------------------------------


def paypal_line(id_: str, code: str, amount: str, fee: str = "0.00", balance: str = "", **more: Any) -> dict[str, Any]:
    return {
        "transaction_info": {
            "transaction_id": id_, "transaction_event_code": code, "transaction_status": "S",
            "transaction_initiation_date": "2026-01-05T10:00:00+0000",
            "transaction_amount": {"currency_code": "USD", "value": amount},
            "fee_amount": {"currency_code": "USD", "value": fee},
            **({"ending_balance": {"currency_code": "USD", "value": balance}} if balance else {}), **more,
        }
    }  # fmt: skip


PAYPAL_LINES = [
    paypal_line("A1", "T0006", "465.00", "-13.79", "551.21", invoice_id="1001"),
    paypal_line("A2", "T1107", "-65.00", "0.00", "486.21", paypal_reference_id="A1", paypal_reference_id_type="TXN"),
    paypal_line("A3", "T0400", "-400.00", "0.00", "86.21"),
    paypal_line("A4", "T0006", "9.00", "0.00", "", transaction_status="P"),
]


def paypal(lines: list[Any] | None = None, **more: Any) -> bytes:
    return json({
        "transaction_details": PAYPAL_LINES if lines is None else lines, "account_number": "ACC",
        "start_date": "2026-01-05T00:00:00+0000", "end_date": "2026-01-06T00:00:00+0000", "page": 1, "total_pages": 1,
        **more,
    })  # fmt: skip


# -- Mollie ------------------------------------------------------------------------------------------------------------


def eur(value: str) -> dict[str, str]:
    return {"value": value, "currency": "EUR"}


MOLLIE_SETTLEMENT = {
    "resource": "settlement", "id": "stl_1", "reference": "1182161.1506.02", "createdAt": "2026-01-06T06:00:01.0Z",
    "settledAt": "2026-01-06T09:41:44.0Z", "status": "paidout", "amount": eur("38.70"),
    "periods": {
        "2026": {
            "01": {
                "revenue": [{"description": "iDEAL", "method": "ideal", "count": 2, "amountNet": eur("50.00"),
                             "amountVat": None, "amountGross": eur("50.00")},
                            {"description": "Refunds", "method": "refund", "count": 1, "amountNet": eur("-10.75"),
                             "amountVat": None, "amountGross": eur("-10.75")}],
                "costs": [{"description": "iDEAL", "method": "ideal", "count": 2, "amountNet": eur("0.45"),
                           "amountVat": eur("0.0945"), "amountGross": eur("0.5445")}],
            }
        }
    },
}  # fmt: skip
MOLLIE_PAYMENTS = {
    "_embedded": {
        "payments": [
            {"resource": "payment", "id": "tr_1", "amount": eur("30.00"), "settlementAmount": eur("30.00"),
             "settlementId": "stl_1", "createdAt": "2026-01-05T10:00:00+00:00", "metadata": {"order_id": "1001"}},
            {"resource": "payment", "id": "tr_2", "amount": {"value": "17.00", "currency": "GBP"},
             "settlementAmount": eur("20.00"), "settlementId": "stl_1", "createdAt": "2026-01-05T10:00:00+00:00"},
        ],
        "refunds": [
            {"resource": "refund", "id": "re_1", "amount": eur("10.75"), "settlementAmount": eur("-10.75"),
             "settlementId": "stl_1", "paymentId": "tr_0", "createdAt": "2026-01-05T10:00:00+00:00"},
        ],
    },
    "_links": {"next": None},
}  # fmt: skip


def mollie(*documents: Any) -> bytes:
    return b"\n".join(map(json, documents or (MOLLIE_SETTLEMENT, MOLLIE_PAYMENTS)))


# -- Amazon ------------------------------------------------------------------------------------------------------------

_AMAZON = [
    *("settlement-id", "settlement-start-date", "settlement-end-date", "deposit-date"),
    *("total-amount", "currency", "transaction-type", "order-id"),
    *("merchant-order-id", "adjustment-id", "shipment-id", "marketplace-name"),
    *("amount-type", "amount-description", "amount", "fulfillment-id"),
    *("posted-date", "posted-date-time", "order-item-code", "merchant-order-item-id"),
    *("merchant-adjustment-item-id", "sku", "quantity-purchased", "promotion-id"),
]


def amazon_row(**cells: str) -> str:
    return "\t".join(cells.get(name.replace("-", "_"), "") for name in _AMAZON)


def amazon(*rows: str) -> str:
    return "\n".join(["\t".join(_AMAZON), *rows]) + "\n"


def amazon_line(transaction: str, type_: str, said: str, amount: str, order: str = "111-1", **more: str) -> str:
    return amazon_row(
        settlement_id="555", transaction_type=transaction, order_id=order, amount_type=type_, amount_description=said,
        amount=amount, posted_date_time="2026-01-05 10:00:00 UTC", **more,
    )  # fmt: skip


AMAZON_TOTAL = {
    "settlement_id": "555",
    "deposit_date": "2026-01-07 09:00:00 UTC",
    "total_amount": "10.10",
    "currency": "USD",
}
AMAZON = amazon(
    amazon_row(**AMAZON_TOTAL),
    amazon_line("Order", "ItemPrice", "Principal", "19.99"),
    amazon_line("Order", "ItemPrice", "Tax", "1.60"),
    amazon_line("Order", "ItemWithheldTax", "MarketplaceFacilitatorTax-Principal", "-1.60"),
    amazon_line("Order", "ItemFees", "Commission", "-3.00"),
    amazon_line("Order", "ItemFees", "Commission IGST", "-0.54"),
    amazon_line("Order", "Promotion", "Shipping", "-1.00"),
    amazon_line("Refund", "ItemPrice", "Principal", "-5.00", adjustment_id="adj-1"),
    amazon_line("other-transaction", "other-transaction", "Current Reserve Amount", "-7.00", ""),
    amazon_line("other-transaction", "other-transaction", "Previous Reserve Amount Balance", "8.00", ""),
    amazon_line("ServiceFee", "Cost of Advertising", "TransactionTotalAmount", "-0.90", ""),
    amazon_line("ServiceFee", "Cost of Advertising", "TransactionTotalAmount", "-0.90", ""),
    amazon_line("other-transaction", "other-transaction", "Something New", "0.45", ""),
)

# -- generic -----------------------------------------------------------------------------------------------------------

GENERIC = GenericPayoutSettings(
    columns={
        "payout": "Settlement", "line": "Psp Reference", "type": "Type", "currency": "Currency", "amount": "Gross",
        "fee": "Commission", "tax": "Vat", "net": "Net", "at": "Date", "reference": "Merchant Reference",
        "payment": "Psp Reference",
    },
    classes={"Settled": LineClass.SALE, "Refunded": LineClass.REFUND, "Fee": LineClass.FEE},
    payout_types=("MerchantPayout",),
    delimiter=";",
    decimal=",",
    time_zone="Europe/Amsterdam",
)  # fmt: skip
GENERIC_CSV = """Settlement;Psp Reference;Type;Date;Currency;Gross;Commission;Vat;Net;Merchant Reference
12;P1;Settled;2026-07-05 10:00:00;EUR;100,00;0,30;0,06;99,64;1001
12;P2;Refunded;2026-07-05 11:00:00;EUR;-20,00;0,00;;-20,00;1000
12;P3;Balancetransfer;2026-07-05 11:00:00;EUR;0,36;;;0,36;
12;P4;MerchantPayout;2026-07-06 11:00:00;EUR;-80,00;;;-80,00;
"""


def generic(**more: Any) -> PayoutFormat:
    return generic_format("adyen", msgspec.structs.replace(GENERIC, **more))
