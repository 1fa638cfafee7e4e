"""The words of Mollie: what each type of a balance transaction and each method of a settlement's sums is, and statuses.

Source: Mollie API reference v2, Balances (`type`) and Settlements (`status`, `method`), with the changelog's additions.
"""

from __future__ import annotations

from collections.abc import Mapping

from flows.model.payout import LineClass, PayoutStatus

PROVIDER = "mollie"
STATUSES = {
    "open": PayoutStatus.PENDING,
    "pending": PayoutStatus.IN_TRANSIT,
    "processing": PayoutStatus.IN_TRANSIT,
    "processing-at-bank": PayoutStatus.IN_TRANSIT,
    "paidout": PayoutStatus.PAID,
    "failed": PayoutStatus.FAILED,
}
_TYPES: Mapping[LineClass, str] = {
    LineClass.SALE: "payment capture",
    LineClass.REFUND: "unauthorized-direct-debit failed-payment refund returned-refund platform-payment-refund "
    "returned-platform-payment-refund",
    LineClass.DISPUTE: "chargeback platform-payment-chargeback",
    LineClass.DISPUTE_REVERSAL: "chargeback-reversal reversed-platform-payment-chargeback",
    LineClass.TRANSFER: "outgoing-transfer outgoing-custom-amount-transfer split-payment split-transaction movement "
    "failed-platform-split-payment failed-split-payment-compensation post-payment-split-payment",
    LineClass.PAYOUT_RETURNED: "canceled-outgoing-transfer canceled-transfer returned-transfer",
    LineClass.FEE: "application-fee invoice-compensation fee-prepayment",
    LineClass.TOP_UP: "balance-topup topup incoming-transfer",
    LineClass.ADJUSTMENT: "balance-correction invoice-rounding-compensation refund-compensation "
    "returned-refund-compensation chargeback-compensation reversed-chargeback-compensation",
    LineClass.RESERVE: "cash-collateral-issuance balance-reserve pending-rolling-reserve held-rolling-reserve "
    "to-be-released-rolling-reserve rolling-reserve-hold",
    LineClass.RESERVE_RELEASE: "cash-collateral-release balance-reserve-return released-rolling-reserve "
    "rolling-reserve-release capture-rolling-reserve-release api-payment-rolling-reserve-release",
    LineClass.ADVANCE: "repayment loan cash-advance-loan credit-repayment",
}
CLASSES: Mapping[str, LineClass] = {type_: kind for kind, types in _TYPES.items() for type_ in types.split()}
"""Types of balance transactions, and methods of a settlement's sums."""


def class_of(type_: str) -> LineClass:
    """The class of a balance transaction, by its type: what ends with `-fee` or `-commission` is a fee."""
    return LineClass.FEE if type_.endswith(("-fee", "-commission")) else CLASSES.get(type_, LineClass.UNEXPLAINED)
