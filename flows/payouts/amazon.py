"""Amazon settlement reports: the flat files, version 2 (a row per amount) and the older one (several amounts per row).

The first row has the settlement's total, its currency and the day of the deposit; all others have amounts with a type
and a description. Rows have no ids: rows that are alike are all counted, as Amazon counts them, and named. Amounts are
in the format of the marketplace: the first that has a mark tells the decimal mark of the file. A row that says another
currency than its settlement is refused. What Amazon withholds as tax is its own class, and never tax payable.

Source: Selling Partner API, report types GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2 and
GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE (columns, local formats); Seller Central, "Settlement report" (transaction and
amount types).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date
from decimal import Decimal

import msgspec

from flows.model.money import exactly
from flows.model.payout import Finding, LineClass, PayoutHeader, PayoutLine
from flows.payouts.parts import TEXT_MAX, Part, PayoutFormat, PayoutUnreadable, Source, day_in, signed_class, year_first
from flows.payouts.table import Ordinals, Row, has_columns, rows_of

PROVIDER = "amazon"
_COMMON = ("settlement-id", "deposit-date", "total-amount", "currency", "transaction-type", "order-id")
_V2 = (*_COMMON, "amount-type", "amount-description", "amount")
_V1 = (*_COMMON, "price-type", "price-amount", "item-related-fee-type", "item-related-fee-amount")
"""Of the older file; it has the columns of promotions only where there was one."""

_AMOUNTS_V1: Mapping[str, tuple[str, str]] = {
    "shipment-fee-amount": ("Fee", "shipment-fee-type"),
    "order-fee-amount": ("Fee", "order-fee-type"),
    "price-amount": ("ItemPrice", "price-type"),
    "item-related-fee-amount": ("ItemFees", "item-related-fee-type"),
    "misc-fee-amount": ("Fee", ""),
    "other-fee-amount": ("Fee", "other-fee-reason-description"),
    "promotion-amount": ("Promotion", "promotion-type"),
    "direct-payment-amount": ("DirectPayment", "direct-payment-type"),
    "other-amount": ("other-transaction", "transaction-type"),
}
"""Columns of the older file, each with the type of amount it is, and the column that describes it."""

_TYPES: Mapping[str, LineClass] = {
    "itemwithheldtax": LineClass.WITHHELD_TAX,
    "itemtcs": LineClass.WITHHELD_TAX,
    "itemtds": LineClass.WITHHELD_TAX,
    "tax withheld": LineClass.WITHHELD_TAX,
    "marketplacefacilitatortax": LineClass.WITHHELD_TAX,
    "cost of advertising": LineClass.FEE,
    "couponredemptionfee": LineClass.FEE,
    "servicefee": LineClass.FEE,
    "grade and resell charge": LineClass.FEE,
    "fba inventory reimbursement": LineClass.ADJUSTMENT,
    "mcf inventory reimbursement": LineClass.ADJUSTMENT,
    "seller rewards": LineClass.ADJUSTMENT,
    "debt adjustment": LineClass.ADJUSTMENT,
    "micro deposit": LineClass.TRANSFER,
    "refund for advertiser": LineClass.FEE,
    "fba customer returns": LineClass.FEE,
    "amazon lending": LineClass.ADVANCE,
    "amazon capital services": LineClass.ADVANCE,
    "loan": LineClass.ADVANCE,
}
_DESCRIPTIONS: Mapping[str, LineClass] = {
    "previous reserve amount balance": LineClass.RESERVE_RELEASE,
    "current reserve amount": LineClass.RESERVE,
    "reserve credit": LineClass.RESERVE_RELEASE,
    "reserve debit": LineClass.RESERVE,
    "successful charge": LineClass.TOP_UP,
    "payable to amazon": LineClass.TOP_UP,
    "unsuccessful transfer": LineClass.PAYOUT_RETURNED,
    "faileddisbursement": LineClass.PAYOUT_RETURNED,
    "adjustment": LineClass.ADJUSTMENT,
    "balance adjustment": LineClass.ADJUSTMENT,
    "safe-t reimbursement": LineClass.ADJUSTMENT,
    "shippingservicesrefund": LineClass.FEE,
    "buyerrecharge": LineClass.SALE,
    "loanservicing": LineClass.ADVANCE,
    "loan advance": LineClass.ADVANCE,
    "loan payment": LineClass.ADVANCE,
    "loan refund": LineClass.ADVANCE,
    "reversal_reimbursement": LineClass.ADJUSTMENT,
    "warehouse_damage": LineClass.ADJUSTMENT,
    "warehouse_lost": LineClass.ADJUSTMENT,
    "warehouse_lost_manual": LineClass.ADJUSTMENT,
    "missing_from_inbound": LineClass.ADJUSTMENT,
    "removal_order_lost": LineClass.ADJUSTMENT,
    "cs_error_items": LineClass.ADJUSTMENT,
    "compensated_clawback": LineClass.ADJUSTMENT,
    "free_replacement_refund_items": LineClass.ADJUSTMENT,
    "goodwill": LineClass.ADJUSTMENT,
    "miscellaneous adjustment": LineClass.ADJUSTMENT,
    "miscadjustment": LineClass.ADJUSTMENT,
    "promotion adjustment": LineClass.ADJUSTMENT,
}
_BEGINNINGS: Mapping[str, LineClass] = {
    "transfer of funds unsuccessful": LineClass.PAYOUT_RETURNED,
    "tcs": LineClass.WITHHELD_TAX,
    "tds": LineClass.WITHHELD_TAX,
    "income tax": LineClass.WITHHELD_TAX,
}
"""Of descriptions that go on with a sentence, or with the name of a part; or of the transaction, before it."""
_FEES = (
    *("fee", "storage", "subscription", "label", "removal", "disposal", "inbound", "commission", "chargeback fee"),
    *("postage", "international freight", "highvolumelisting", "warehouseprep"),
)
_TAXES = re.compile(r"(?:tax|igst|cgst|sgst|gst|vat)$|^tax ?on ?fees?$|^taxamount$").search
_FOR_OTHERS = re.compile(r"^marketplacefacilitator|lowvaluegoods").search
"""Tax that Amazon keeps from what the customer has paid. The older file has it among the fees of an item."""
_DISPUTES = ("chargeback refund", "a-to-z guarantee refund", "a-to-z guarantee recovery")
_REFUNDS = ("refund", "refund_retrocharge", "partial refund")
_PRICES = ("itemprice", "promotion", "directpayment")
_CHARGES = ("itemfees", "fee")
_PAYOUT = "transfer"
_SOLD_OFF = "liquidations"
"""What Amazon has sold of the brand's stock: of no order that the brand has."""


def class_of(transaction: str, type_: str, description: str, amount: Decimal) -> LineClass:
    """The class of an amount, by Amazon's three words for it and its sign."""
    what, kind, said = transaction.casefold(), type_.casefold(), description.casefold()
    if kind in _TYPES:
        return _TYPES[kind]
    if kind in _CHARGES or kind in _PRICES:
        if _FOR_OTHERS(said):
            return LineClass.WITHHELD_TAX
        if kind in _PRICES:
            return _of_price(what, amount)
        return LineClass.TAX_ON_FEE if _TAXES(said) else LineClass.FEE
    return _of_description(what, kind, said)


def _of_price(transaction: str, amount: Decimal) -> LineClass:
    """What the customer has paid, or got back."""
    if transaction in _DISPUTES:
        return signed_class(amount, LineClass.DISPUTE_REVERSAL, LineClass.DISPUTE)
    if transaction in _REFUNDS:
        return LineClass.REFUND
    if transaction.startswith(_SOLD_OFF):
        return LineClass.ADJUSTMENT
    return LineClass.SALE if transaction.startswith("order") else LineClass.UNEXPLAINED


def _of_description(transaction: str, type_: str, description: str) -> LineClass:
    for said in (transaction, description):
        begun = next((kind for beginning, kind in _BEGINNINGS.items() if said.startswith(beginning)), None)
        if begun is not None:
            return begun
    known = _DESCRIPTIONS.get(description, _TYPES.get(description))  # the older file has no column of types for these
    if known is not None:
        return known
    if any(word in description or word in type_ for word in _FEES):
        return LineClass.TAX_ON_FEE if _TAXES(description) else LineClass.FEE
    return LineClass.UNEXPLAINED


class _Amounts:
    """The format of a file's amounts: its decimal mark, once an amount has had one."""

    __slots__ = ("_comma",)

    def __init__(self) -> None:
        self._comma: bool | None = None

    def of(self, row: Row, column: str) -> Decimal:
        """The amount of a cell. Raises PayoutUnreadable."""
        text = row.text(column)
        if self._comma is None and ("," in text or "." in text):
            self._comma = text.rfind(",") > text.rfind(".")
        has_both = "," in text and "." in text
        thousands = ("." if self._comma else ",") if has_both else ""  # one of them alone may be either
        return row.amount(column, comma=bool(self._comma), thousands=thousands)


class _Settlement(msgspec.Struct, frozen=True):
    """The settlement whose rows pass."""

    id: str
    currency: str
    paid: Decimal


def _read(source: Source) -> Iterator[Part]:
    is_v2 = has_columns(bytes(source.content[:4096]), _V2, "\t")
    settlements: dict[str, _Settlement] = {}
    ordinals, amounts = Ordinals(), _Amounts()
    for row in rows_of(source, _V2 if is_v2 else _V1, delimiter="\t"):
        id_ = row.id("settlement-id")
        if row.text("total-amount"):
            settlements[id_] = _Settlement(id_, row.currency("currency"), amounts.of(row, "total-amount"))
            yield _header(row, settlements[id_])
            if is_v2 and not row.text("amount"):
                continue
        known = settlements.get(id_)
        if known is None:
            raise PayoutUnreadable(row.place("total-amount"), "its settlement has no row with a total before it")
        if is_v2:
            amount = amounts.of(row, "amount")
            if not _is_payout(row, amount, known):
                yield from _line(row, known, row.text("amount-type"), row.text("amount-description"), amount, ordinals)
        else:
            yield from _lines_v1(row, known, amounts, ordinals)


@exactly
def _is_payout(row: Row, amount: Decimal, settlement: _Settlement) -> bool:
    """Whether a row takes the whole settlement out: the payout itself, and none of its lines."""
    return row.text("transaction-type").casefold() == _PAYOUT and amount == -settlement.paid


def _header(row: Row, settlement: _Settlement) -> PayoutHeader:
    day = _deposited(row)
    return PayoutHeader(
        id=settlement.id,
        currency=settlement.currency,
        paid=settlement.paid,
        paid_on=day,
        expected_on=day,
        place=row.place(),
    )


def _deposited(row: Row) -> date | None:
    """The day of the deposit as it stands there: a bank's day, whatever the zone of the clock beside it."""
    if row.day("deposit-date", dotted=True) is None:
        return None
    return day_in(year_first(row.text("deposit-date")[: len("31.12.2026")]), UTC)


def _lines_v1(row: Row, settlement: _Settlement, amounts: _Amounts, ordinals: Ordinals) -> Iterator[Part]:
    for column, (type_, described) in _AMOUNTS_V1.items():
        if row.text(column):
            amount = amounts.of(row, column)
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
    currency = row.currency("currency") if row.text("currency") else settlement.currency
    yield PayoutLine(
        id=id_,
        payout=settlement.id,
        kind=kind,
        currency=currency,
        amount=amount,
        net=amount,
        type="/".join(filter(None, (transaction, type_, description)))[:TEXT_MAX],
        at=row.instant("posted-date-time", dotted=True) or row.instant("posted-date", dotted=True),
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
    tables=(_V2, _V1),
)
