"""The words of Stripe: what each type and reporting category is, what a source is by its id, statuses, and digits.

Source: Stripe API reference, Balance Transactions (`type`, `reporting_category`) and Payouts (`status`); "Reporting
categories"; "Supported currencies" for zero-decimal and special cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from flows.model.money import digits_of
from flows.model.payout import LineClass, PayoutStatus
from flows.payouts.parts import signed_class

PROVIDER = "stripe"
_OTHER_DIGITS = {"ISK": 2, "UGX": 2, "MGA": 0}

CLASSES: Mapping[str, LineClass] = {
    "charge": LineClass.SALE,
    "payment": LineClass.SALE,
    "charge_failure": LineClass.SALE,
    "payment_failure_refund": LineClass.REFUND,
    "payment_refund": LineClass.REFUND,
    "payment_reversal": LineClass.REFUND,
    "partial_capture_reversal": LineClass.REFUND,
    "refund": LineClass.REFUND,
    "refund_failure": LineClass.REFUND,
    "dispute": LineClass.DISPUTE,
    "dispute_reversal": LineClass.DISPUTE_REVERSAL,
    "fee": LineClass.FEE,
    "stripe_fee": LineClass.FEE,
    "stripe_fx_fee": LineClass.FEE,
    "network_cost": LineClass.FEE,
    "application_fee": LineClass.FEE,
    "application_fee_refund": LineClass.FEE,
    "platform_earning": LineClass.FEE,
    "platform_earning_refund": LineClass.FEE,
    "tax": LineClass.TAX_ON_FEE,
    "tax_fee": LineClass.TAX_ON_FEE,
    "payout_cancel": LineClass.PAYOUT_RETURNED,
    "payout_failure": LineClass.PAYOUT_RETURNED,
    "payout_reversal": LineClass.PAYOUT_RETURNED,
    "payout": LineClass.TRANSFER,
    "inbound_transfer": LineClass.TOP_UP,
    "inbound_transfer_reversal": LineClass.TOP_UP,
    "topup": LineClass.TOP_UP,
    "topup_reversal": LineClass.TOP_UP,
    "transfer": LineClass.TRANSFER,
    "transfer_reversal": LineClass.TRANSFER,
    "transfer_cancel": LineClass.TRANSFER,
    "transfer_failure": LineClass.TRANSFER,
    "transfer_refund": LineClass.TRANSFER,
    "connect_collection_transfer": LineClass.TRANSFER,
    "advance": LineClass.ADVANCE,
    "advance_funding": LineClass.ADVANCE,
    "anticipation_repayment": LineClass.ADVANCE,
    "financing_payout": LineClass.ADVANCE,
    "financing_payout_reversal": LineClass.ADVANCE,
    "financing_paydown": LineClass.ADVANCE,
    "financing_paydown_reversal": LineClass.ADVANCE,
    "adjustment": LineClass.ADJUSTMENT,
    "other_adjustment": LineClass.ADJUSTMENT,
    "revenue_share": LineClass.ADJUSTMENT,
    "contribution": LineClass.ADJUSTMENT,
    "climate_order_purchase": LineClass.ADJUSTMENT,
    "climate_order_refund": LineClass.ADJUSTMENT,
    "tax_withholding": LineClass.WITHHELD_TAX,
    "withheld_tax": LineClass.WITHHELD_TAX,
    "currency_conversion": LineClass.EXCHANGE_DIFFERENCE,
}
"""Types and reporting categories, which share their words."""
_BY_SIGN = (
    *("reserve_transaction", "reserved_funds", "risk_reserved_funds", "connect_reserved_funds"),
    *("reserve_hold", "reserve_release", "payment_network_reserve_hold", "payment_network_reserve_release"),
    *("payout_minimum_balance_hold", "payout_minimum_balance_release"),
    *("issuing_authorization_hold", "issuing_authorization_release"),
)
STATUSES = {
    "pending": PayoutStatus.PENDING,
    "in_transit": PayoutStatus.IN_TRANSIT,
    "paid": PayoutStatus.PAID,
    "failed": PayoutStatus.FAILED,
    "canceled": PayoutStatus.CANCELLED,
}
ADJUSTED = "adjustment"
"""The type of disputes, too, where no reporting category says that they are."""
_DISPUTED = "Chargeback "
"""How the description of an adjustment begins that is a dispute: a withdrawal, or its reversal."""
_SOURCES = {
    **dict.fromkeys(("ch_", "py_"), "charge"),
    **dict.fromkeys(("re_", "pyr_"), "refund"),
    **dict.fromkeys(("dp_", "du_"), "dispute"),
    "po_": "payout",
}
"""What a source is, by what its id begins with."""


def class_of(type_: str, category: str, amount: Decimal, source: str = "", said: str = "") -> LineClass:
    """The class of a balance transaction. Disputes, which the type calls adjustments, are told apart by the reporting
    category, or else by their source; where that is the charge, by how the description begins.
    """
    for word in (category, type_):
        if word == ADJUSTED and (kind_of(source) == "dispute" or said.startswith(_DISPUTED)):
            return signed_class(amount, LineClass.DISPUTE_REVERSAL, LineClass.DISPUTE)
        if (kind := CLASSES.get(word)) is not None:
            return kind
        if word in _BY_SIGN:
            return signed_class(amount, LineClass.RESERVE_RELEASE, LineClass.RESERVE)
    return LineClass.UNEXPLAINED


def kind_of(source: str) -> str:
    """What a source is: charge, refund, dispute or payout; empty for any other."""
    return _SOURCES.get(source[: source.find("_") + 1], "")


def digits_at_stripe(currency: str) -> int:
    """Digits after the point that an amount of this currency has at Stripe."""
    return _OTHER_DIGITS.get(currency, digits_of(currency))
