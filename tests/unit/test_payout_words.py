"""What a provider's documented word for a movement means in the classes of a payout; what has none is unexplained."""

from __future__ import annotations

from decimal import Decimal

import pytest

from flows.payouts import amazon, mollie_words, paypal, shopify, stripe
from tests.unit import payout_files as files
from tests.unit.payout_files import Read

PAYPAL = {
    "sale": ["T0000 1", "T0002 1", "T0003 1", "T0005 1", "T0006 1", "T0007 1", "T0011 1", "T0019 1"],
    "unexplained": ["T0001 -1", "T0003 -1", "T0500 -1", "T1000 -1", "T9700 1", "T9900 1", "XYZ 1"],
    "fee": ["T0100 -1", "T0104 -1", "T0107 -1", "T1108 1", "T1109 1"],
    "dispute_fee": ["T0106 -1", "T0114 -1"],
    "exchange_difference": ["T0200 -1", "T0200 1", "T0201 1"],
    "top_up": ["T0300 1", "T0301 1", "T1104 -1"],
    "transfer": [
        "T0400 -1",
        "T0403 -1",
        "T0600 -1",
        "T0700 1",
        "T1114 1",
        "T1115 1",
        "T1700 -1",
        "T2001 -1",
        "T2201 1",
    ],
    "payout_returned": ["T0400 1", "T1101 1"],
    "refund": ["T1107 -1", "T1113 -1", "T1116 -1"],
    "dispute": ["T1106 -1", "T1201 -1", "T1207 -1"],
    "dispute_reversal": ["T1106 1", "T1202 1", "T1205 1", "T1208 1"],
    "adjustment": ["T0800 1", "T0900 1", "T1200 -1", "T1200 1", "T1203 -1", "T1204 1", "T1900 1"],
    "reserve": ["T1110 -1", "T1500 -1", "T1503 -1", "T2101 -1", "T2102 -1", "T2106 -1"],
    "reserve_release": ["T1105 1", "T1111 1", "T1500 1", "T2102 1", "T2103 1", "T2107 1"],
    "advance": ["T1600 1", "T1602 1", "T1800 -1"],
}
MOLLIE = {
    "sale": ["payment", "capture"],
    "refund": ["refund", "returned-refund", "unauthorized-direct-debit", "returned-platform-payment-refund"],
    "dispute": ["chargeback", "platform-payment-chargeback"],
    "dispute_reversal": ["chargeback-reversal", "reversed-platform-payment-chargeback"],
    "transfer": [
        "outgoing-transfer",
        "outgoing-custom-amount-transfer",
        "split-transaction",
        "movement",
        "post-payment-split-payment",
    ],
    "payout_returned": ["canceled-outgoing-transfer", "canceled-transfer", "returned-transfer"],
    "fee": ["application-fee", "payment-fee", "managed-fee", "balance-charge-fee", "capture-commission"],
    "top_up": ["balance-topup", "topup", "incoming-transfer"],
    "adjustment": ["balance-correction", "invoice-rounding-compensation", "chargeback-compensation"],
    "reserve": ["balance-reserve", "held-rolling-reserve", "pending-rolling-reserve"],
    "reserve_release": [
        "balance-reserve-return",
        "released-rolling-reserve",
        "capture-rolling-reserve-release",
        "api-payment-rolling-reserve-release",
    ],
    "advance": ["loan", "repayment", "cash-advance-loan"],
    "unexplained": ["something-new", ""],
}
SHOPIFY = {
    "sale": ["charge 1"],
    "refund": ["refund -1", "refund_failure 1"],
    "fee": ["shipping_label -1", "shipping_label_adjustment 1", "billing_debit -1", "referral_fee -1", "stripe_fee -1",
            "marketplace_fee_credit_reversal -1", "ach_bank_failure_debit_fee -1"],
    "tax_on_fee": ["referral_fee_tax -1", "vat_refund_credit 1", "agentic_fee_tax_debit_reversal 1"],
    "dispute_fee": ["chargeback_fee -1", "chargeback_fee_refund 1"],
    "dispute": ["dispute -1", "chargeback -1", "dispute_withdrawal -1", "chargeback_protection_debit -1"],
    "dispute_reversal": ["dispute 1", "dispute_reversal 1", "chargeback_won 1", "chargeback_protection_credit 1",
                         "seller_protection_credit 1"],
    "reserve": ["reserve -1", "reserved_funds -1", "reserved_funds_withdrawal -1", "risk_withdrawal -1",
                "chargeback_hold -1"],
    "reserve_release": ["reserve_payout 1", "reserved_funds_reversal 1", "risk_reversal 1", "chargeback_hold 1"],
    "adjustment": ["adjustment 1", "credit 1", "debit -1", "anomaly_credit 1", "anomaly_debit_reversal 1",
                   "refund_adjustment -1", "shop_cash_credit 1", "shop_cash_credit_reversal -1"],
    "advance": ["advance -1", "advance_funding 1", "lending_capital_remittance -1", "lending_debit -1"],
    "transfer": ["shopify_collective_debit -1", "balance_transfer_inbound 1", "merchant_to_merchant_credit 1"],
    "payout_returned": ["payout_failure 1", "payout_cancellation 1"],
    "withheld_tax": ["marketplace_sales_tax -1", "tax_adjustment_debit -1", "import_tax -1", "customs_duty -1"],
    "unexplained": ["something_new 1", "_reversal 1"],
}  # fmt: skip
STRIPE = {
    "sale": ["charge 1", "payment 1", "charge_failure -1"],
    "refund": ["refund -1", "payment_refund -1", "partial_capture_reversal -1", "refund_failure 1"],
    "fee": ["fee -1", "stripe_fee -1", "network_cost -1", "stripe_fx_fee -1"],
    "tax_on_fee": ["tax -1", "tax_fee -1"],
    "dispute": ["dispute -1"],
    "dispute_reversal": ["dispute_reversal 1"],
    "reserve": ["payment_network_reserve_hold -1", "risk_reserved_funds -1", "reserve_hold -1"],
    "reserve_release": ["payment_network_reserve_release 1", "reserve_release 1", "payout_minimum_balance_release 1"],
    "payout_returned": ["payout_reversal 1", "payout_failure 1", "payout_cancel 1"],
    "top_up": ["topup 1", "topup_reversal -1", "inbound_transfer 1"],
    "transfer": ["transfer -1", "transfer_reversal 1", "payout -1"],
    "advance": ["financing_payout 1", "financing_paydown -1", "anticipation_repayment -1"],
    "adjustment": ["other_adjustment 1", "contribution -1", "revenue_share 1"],
    "withheld_tax": ["tax_withholding -1"],
    "exchange_difference": ["currency_conversion 1"],
    "unexplained": ["issuing_transaction -1", "obligation_outbound -1", "payment_unreconciled 1"],
}
AMAZON = {
    "sale": ["Order/ItemPrice/Principal", "Order/ItemPrice/ShippingTax", "Order/Promotion/TaxDiscount"],
    "refund": ["Refund/ItemPrice/Principal", "Refund/ItemPrice/RestockingFee", "Refund/Promotion/Shipping"],
    "dispute": ["Chargeback Refund/ItemPrice/Principal", "A-to-z Guarantee Refund/ItemPrice/Principal"],
    "withheld_tax": [
        "Order/ItemWithheldTax/MarketplaceFacilitatorTax-Principal", "Order/ItemPrice/LowValueGoodsTax-Principal",
        "other-transaction/other-transaction/TDS (Section 194-O)", "Order/ItemTCS/TCS-CGST",
        "other-transaction/other-transaction/Income Tax Charged", "Income Tax Charged/other-transaction/MiscAdjustment",
        "Order/ItemFees/MarketplaceFacilitatorVAT-Principal", "Order/ItemFees/LowValueGoodsTax-Shipping",
        "Tax/Tax Withheld/x",
    ],
    "fee": [
        "Order/ItemFees/Commission", "Refund/ItemFees/RefundCommission", "Order/ItemFees/ShippingChargeback",
        "ServiceFee/Cost of Advertising/TransactionTotalAmount", "other-transaction/other-transaction/Storage Fee",
        "CouponRedemptionFee/CouponRedemptionFee/Save 10%", "Liquidations/ItemFees/LiquidationsBrokerageFee",
        "other-transaction/other-transaction/ShippingServicesRefund",
        "FBAFees/FBA Inventory Storage Fee/Base fee", "AmazonFees/Vine Enrollment Fee/Base fee",
        "FBAFees/FBA Amazon-Partnered Carrier Shipment Fee/Discount on Fee",
        "ServiceFee/Refund for Advertiser/TransactionTotalAmount",
        "other-transaction/other-transaction/PostageBilling_Postage",
        "other-transaction/other-transaction/FBA International Freight Duties and Taxes Charge",
        "Grade and Resell Fees/Grade and Resell Charge/Mug", "ServiceFee/Fee/Cost of Advertising",
        "other-transaction/other-transaction/HighVolumeListing", "other-transaction/other-transaction/WarehousePrep",
    ],
    "tax_on_fee": [
        "Order/ItemFees/Commission IGST", "FBAFees/FBA Inventory Storage Fee/Tax", "Order/ItemFees/TaxOnFees",
        "AmazonFees/Vine Enrollment Fee/Tax on fee", "other-transaction/other-transaction/PostageBilling_VAT",
        "ServiceFee/Fee/TaxAmount",
    ],
    "adjustment": [
        "other-transaction/FBA Inventory Reimbursement/WAREHOUSE_LOST", "Liquidations/ItemPrice/Principal",
        "SAFE-T reimbursement/other-transaction/SAFE-T reimbursement", "other-transaction/other-transaction/Adjustment",
        "other-transaction/other-transaction/MiscAdjustment", "Seller Rewards/Seller Rewards/Seller Rewards",
        "other-transaction/MCF Inventory Reimbursement/MULTICHANNEL_ORDER_LOST",
        "other-transaction/other-transaction/Promotion adjustment",
        "Debt Adjustment/Debt Adjustment/Cross-Account Debt Adjustment against BE, ES",
    ],
    "reserve": ["other-transaction/other-transaction/Current Reserve Amount"],
    "reserve_release": ["other-transaction/other-transaction/Previous Reserve Amount Balance"],
    "payout_returned": [
        "other-transaction/other-transaction/Transfer of funds unsuccessful: Amazon has cancelled your transfer."
    ],
    "top_up": ["other-transaction/other-transaction/Successful charge"],
    "transfer": ["Transfers/Micro Deposit/Micro Deposit", "Micro Deposit/other-transaction/Micro Deposit"],
    "advance": [
        "other-transaction/Amazon Capital Services/Loan repayment", "other-transaction/other-transaction/Loan Payment",
    ],
    "unexplained": ["other-transaction/other-transaction/Something new", "Something new/ItemPrice/Principal", "//"],
}  # fmt: skip


def words(table: dict[str, list[str]]) -> list[tuple[str, str, Decimal]]:
    return [
        (kind, *(word, Decimal(amount)))
        for kind, all_ in table.items()
        for word, _, amount in (each.rpartition(" ") for each in all_)
    ]


@pytest.mark.parametrize(("kind", "code", "amount"), words(PAYPAL))
def test_event_codes_of_paypal(kind: str, code: str, amount: Decimal) -> None:
    """By its list of transaction event codes; the sign tells what was taken from what was given back."""
    assert paypal.class_of(code, amount).value == kind


def test_a_text_that_a_shop_has_left_at_paypal_is_no_reason_to_refuse_the_file() -> None:
    """`custom_field` may be anything; where it is no id, the line is found by its other names."""
    texts = {"A1": '{"order_id":1,"order_key":"' + "x" * 200 + '"}', "A2": "two\nlines", "A3": "1001"}
    lines = [files.paypal_line(id_, "T0006", "1.00", custom_field=text) for id_, text in texts.items()]
    assert [line.order for line in Read(files.paypal(lines), "paypal").lines] == ["", "", "1001"]


@pytest.mark.parametrize(("kind", "type_"), [(kind, each) for kind, types in MOLLIE.items() for each in types])
def test_types_of_balance_transactions_of_mollie(kind: str, type_: str) -> None:
    """By the list of its API reference; fees and commissions are known by how they end."""
    assert mollie_words.class_of(type_).value == kind


def test_what_mollie_keeps_back_of_a_payment_is_no_fee() -> None:
    """A reserve and a repayment are among the deductions: lines of their own, and the movement stays what it is."""
    details = {"fees": "-0.30", "commissions": "-0.09", "reservations": "-1.00", "repayments": "-0.50"}
    movement = {
        "resource": "balance-transaction", "id": "baltr_1", "type": "payment", "createdAt": "2026-01-05T10:00:00Z",
        "initialAmount": files.eur("10.00"), "deductions": files.eur("-1.89"), "resultAmount": files.eur("8.11"),
        "deductionDetails": {name: files.eur(value) for name, value in details.items()},
        "context": {"paymentId": "tr_1"},
    }  # fmt: skip
    read = Read(files.mollie(movement), "mollie")
    assert read.classes("EUR-2026-01-05") == {"sale": "10.00", "fee": "-0.39", "reserve": "-1.00", "advance": "-0.50"}
    assert (read.examined.sums("EUR-2026-01-05").net, read.findings) == (Decimal("8.11"), [])
    assert (read.line("baltr_1").net, read.line("baltr_1").payment) == (Decimal("9.61"), "tr_1")


@pytest.mark.parametrize(("kind", "said"), [(kind, each) for kind, all_ in AMAZON.items() for each in all_])
def test_types_and_descriptions_of_amazon(kind: str, said: str) -> None:
    """Transaction, type of the amount and description, as settlement reports have them."""
    assert amazon.class_of(*said.split("/"), Decimal(-1)).value == kind


@pytest.mark.parametrize(("kind", "word", "amount"), words(STRIPE))
def test_types_and_reporting_categories_of_stripe(kind: str, word: str, amount: Decimal) -> None:
    """Either says it; where a type is told without a category, the type does."""
    assert stripe.class_of("", word, amount).value == kind
    assert stripe.class_of(word, "", amount).value == kind


@pytest.mark.parametrize(("kind", "type_", "amount"), words(SHOPIFY))
def test_types_of_balance_transactions_of_shopify(kind: str, type_: str, amount: Decimal) -> None:
    """By the list of its GraphQL reference; what turns another has the class of that."""
    assert shopify.class_of(type_, amount).value == kind


def test_the_fee_of_a_dispute_is_a_dispute_fee() -> None:
    """It stands on the dispute's own line; given back with it, it comes back under its class."""
    read = Read(files.shopify(files.SHOPIFY_LINES[:4]), "shopify")
    assert read.classes("77") == {
        "sale": "150.00", "refund": "-20.00", "dispute": "-50.00", "fee": "-4.95", "dispute_fee": "-15.00",
    }  # fmt: skip
    back = Read(files.shopify(), "shopify").classes("77")
    assert ("dispute_fee" in back, back["fee"], back["dispute_reversal"]) == (False, "-4.95", "50.00")
