"""Amazon settlement reports: the flat files, version 2 (a row per amount) and the older one (several amounts per row).

The first row has the settlement's total, its currency and the day of the deposit; all others have amounts with a type
and a description. Rows have no ids: rows that are alike are all counted, as Amazon counts them, and named. Files of
European marketplaces may have decimal commas; then all of the file does. What Amazon withholds as tax is its own class,
and never tax payable.

Source: Selling Partner API, report types GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2 and
GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE (columns); Seller Central, "Settlement report" (transaction and amount types).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

from flows.model.money import InvalidAmount
from flows.model.payout import Finding, LineClass, PayoutHeader, PayoutLine
from flows.payouts.parts import Part, PayoutFormat, PayoutUnreadable, Source, amount_in, signed_class
from flows.payouts.table import Ordinals, Row, has_columns, rows_of

PROVIDER = "amazon"
_COMMON = ("settlement-id", "deposit-date", "total-amount", "currency", "transaction-type", "order-id")
_V2 = (*_COMMON, "amount-type", "amount-description", "amount")
_V1 = (*_COMMON, "price-type", "price-amount", "item-related-fee-type", "item-related-fee-amount", "promotion-amount")

_AMOUNTS_V1: Mapping[str, tuple[str, str]] = {
    "shipment-fee-amount": ("Fee", "shipment-fee-type"),
    "order-fee-amount": ("Fee", "order-fee-type"),
    "price-amount": ("ItemPrice", "price-type"),
    "item-related-fee-amount": ("ItemFees", "item-related-fee-type"),
    "misc-fee-amount": ("Fee", ""),
    "other-fee-amount": ("Fee", "other-fee-reason-description"),
    "promotion-amount": ("Promotion", "promotion-type"),
    "direct-payment-amount": ("DirectPayment", "direct-payment-type"),
    "other-amount": ("other-transaction", ""),
}
"""Columns of the older file, each with the type of amount it is, and the column that describes it."""

_TYPES: Mapping[str, LineClass] = {
    "itemwithheldtax": LineClass.WITHHELD_TAX,
    "itemtcs": LineClass.WITHHELD_TAX,
    "itemtds": LineClass.WITHHELD_TAX,
    "marketplacefacilitatortax": LineClass.WITHHELD_TAX,
    "cost of advertising": LineClass.FEE,
    "couponredemptionfee": LineClass.FEE,
    "servicefee": LineClass.FEE,
    "fee": LineClass.FEE,
    "fba inventory reimbursement": LineClass.ADJUSTMENT,
    "fba customer returns": LineClass.FEE,
    "amazon lending": LineClass.ADVANCE,
    "loan": LineClass.ADVANCE,
}
_DESCRIPTIONS: Mapping[str, LineClass] = {
    "previous reserve amount balance": LineClass.RESERVE_RELEASE,
    "current reserve amount": LineClass.RESERVE,
    "reserve credit": LineClass.RESERVE_RELEASE,
    "reserve debit": LineClass.RESERVE,
    "successful charge": LineClass.TOP_UP,
    "payable to amazon": LineClass.TOP_UP,
    "transfer of funds unsuccessful": LineClass.PAYOUT_RETURNED,
    "unsuccessful transfer": LineClass.PAYOUT_RETURNED,
    "debt adjustment": LineClass.ADJUSTMENT,
    "buyerrecharge": LineClass.SALE,
    "loanservicing": LineClass.ADVANCE,
    "reversal_reimbursement": LineClass.ADJUSTMENT,
    "warehouse_damage": LineClass.ADJUSTMENT,
    "warehouse_lost": LineClass.ADJUSTMENT,
    "missing_from_inbound": LineClass.ADJUSTMENT,
    "compensated_clawback": LineClass.ADJUSTMENT,
    "free_replacement_refund_items": LineClass.ADJUSTMENT,
    "goodwill": LineClass.ADJUSTMENT,
    "miscellaneous adjustment": LineClass.ADJUSTMENT,
}
_FEES = ("fee", "storage", "subscription", "label", "removal", "disposal", "inbound", "commission", "chargeback fee")
_TAXES = re.compile(r"(?:tax|igst|cgst|sgst|gst|vat)$").search
_DISPUTES = ("chargeback refund", "a-to-z guarantee refund", "a-to-z guarantee recovery")
_REFUNDS = ("refund", "refund_retrocharge", "partial refund")
_PRICES = ("itemprice", "promotion", "directpayment")


def class_of(transaction: str, type_: str, description: str, amount: Decimal) -> LineClass:
    """The class of an amount, by Amazon's three words for it and its sign."""
    what, kind, said = transaction.casefold(), type_.casefold(), description.casefold()
    if kind in _TYPES:
        return _TYPES[kind]
    if kind == "itemfees":
        return LineClass.TAX_ON_FEE if _TAXES(said) else LineClass.FEE
    if kind in _PRICES:
        if said.startswith("marketplacefacilitator") or "lowvaluegoods" in said:
            return LineClass.WITHHELD_TAX
        if what in _DISPUTES:
            return signed_class(amount, LineClass.DISPUTE_REVERSAL, LineClass.DISPUTE)
        if what in _REFUNDS:
            return LineClass.REFUND
        return LineClass.SALE if what.startswith("order") else LineClass.UNEXPLAINED
    if said in _DESCRIPTIONS:
        return _DESCRIPTIONS[said]
    if any(word in said or word in kind for word in _FEES):
        return LineClass.TAX_ON_FEE if _TAXES(said) else LineClass.FEE
    return LineClass.UNEXPLAINED


class _Settlement:
    """The settlement whose rows pass."""

    __slots__ = ("comma", "currency", "id")

    def __init__(self, row: Row) -> None:
        self.id, self.currency = row.id("settlement-id"), row.currency("currency")
        self.comma = _has_comma(row)


def _has_comma(row: Row) -> bool:
    """Whether the total has a decimal comma, and with it all of the file."""
    text = row.text("total-amount")
    try:
        amount_in(text)
    except InvalidAmount:
        row.amount("total-amount", comma=True)
        return True
    return False


def _read(source: Source) -> Iterator[Part]:
    is_v2 = has_columns(bytes(source.content[:4096]), _V2, "\t")
    settlements: dict[str, _Settlement] = {}
    ordinals = Ordinals()
    for row in rows_of(source, _V2 if is_v2 else _V1, delimiter="\t"):
        id_ = row.id("settlement-id")
        if row.text("total-amount"):
            settlement = settlements[id_] = _Settlement(row)
            yield _header(row, settlement)
            continue
        known = settlements.get(id_)
        if known is None:
            raise PayoutUnreadable(row.place("total-amount"), "its settlement has no row with a total before it")
        if is_v2:
            amount = row.amount("amount", comma=known.comma)
            yield from _line(row, known, row.text("amount-type"), row.text("amount-description"), amount, ordinals)
        else:
            yield from _lines_v1(row, known, ordinals)


def _header(row: Row, settlement: _Settlement) -> PayoutHeader:
    day = row.day("deposit-date")
    return PayoutHeader(
        id=settlement.id,
        currency=settlement.currency,
        paid=row.amount("total-amount", comma=settlement.comma),
        paid_on=day,
        expected_on=day,
        place=row.place(),
    )


def _lines_v1(row: Row, settlement: _Settlement, ordinals: Ordinals) -> Iterator[Part]:
    for column, (type_, described) in _AMOUNTS_V1.items():
        if row.text(column):
            amount = row.amount(column, comma=settlement.comma)
            said = row.text(described) if described else ""
            yield from _line(row, settlement, type_, said, amount, ordinals)


def _line(
    row: Row, settlement: _Settlement, type_: str, description: str, amount: Decimal, ordinals: Ordinals
) -> Iterator[Part]:
    id_, alike = ordinals.id_of(type_, description, str(amount), *row.cells)
    if alike:
        said = "it stands there before, to the last character; both are counted, since neither has an id"
        yield Finding(
            kind="alike", sentence=said, place=row.place(), payout=settlement.id, line=id_, amount=amount,
            currency=settlement.currency,
        )  # fmt: skip
    transaction = row.text("transaction-type")
    kind = class_of(transaction, type_, description, amount)
    order = row.id("order-id")
    yield PayoutLine(
        id=id_,
        payout=settlement.id,
        kind=kind,
        currency=settlement.currency,
        amount=amount,
        net=amount,
        type="/".join(filter(None, (transaction, type_, description)))[:200],
        at=row.instant("posted-date-time") or row.instant("posted-date"),
        order=order,
        refund=row.id("adjustment-id") if kind is LineClass.REFUND else "",
        place=row.place(),
    )


READER = PayoutFormat(
    name="amazon",
    provider=PROVIDER,
    about="Amazon: settlement reports, flat file (V2 and the older one), tab-separated",
    recognises=lambda head: has_columns(head, _V2, "\t") or has_columns(head, _V1, "\t"),
    read=_read,
)
