"""Adding money to sales that exist: payments, and the gateways' transactions on them, many with one call.

Nothing dedupes either, so both are looked for before they are repeated: a payment by the provider's id on its sale, a
transaction by the provider's id on its payment. A call counts as applied when each of its records is found; when some
are and some are not, it does not, and its bytes must not be sent again: whoever asked reads what is there, and asks for
the rest. Fields: Tryton's payment modules of 2018 (facts 8.8).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from connectors.fulfil.calls import Ask, CreatedMany, Sought, Write, created_many, encode
from connectors.fulfil.changes import Page
from connectors.fulfil.models import Find
from connectors.fulfil.payments import SALE_PAYMENTS, TRANSACTIONS, SalePayment, Transaction
from connectors.fulfil.typed import date_out, decimal_of, decimal_out, value_out
from connectors.fulfil.wire import RECORDS_MAX
from connectors.http import Answer


class NewPayment(msgspec.Struct, frozen=True, kw_only=True):
    """Money on a sale, known only after the import. `reference` is the provider's id, and how it is found again.

    `amount` is in the sale's currency.
    """

    sale: int
    gateway: int
    amount: Decimal
    reference: str
    description: str = ""


class NewTransaction(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway did, on a payment that exists. It is made as a draft, and moved on by `workflow`.

    `amount` is above zero, in the sale's currency, also of a refund. `more`: fields that only this tenant has.
    """

    payment: int
    gateway: int
    type: Literal["charge", "refund"]
    amount: Decimal
    reference: str
    made_on: date
    party: int | None = None
    """Whose it is: the sale's. None: Fulfil's own choice, as with the currency."""
    currency: int | None = None
    description: str = ""
    more: Mapping[str, Any] = {}


def add_payments(payments: Sequence[NewPayment], *, reference_field: str = "reference") -> Ask[CreatedMany]:
    """Put payments on sales. Raises ValueError for none or too many, one without a reference, and for an amount that is
    not finite.

    `reference_field`: where this tenant keeps the provider's id; it has to be configured for reading, too
    (`sale.payment.reference` in `fulfil.api.names`).

    Check first: nothing dedupes it. On a tenant that keeps no `reference` for a gateway, an equal amount without any on
    the same sale and gateway counts as found, so equal payments cannot be told apart there.
    """
    _check([each.reference for each in payments], "payment")
    records = []
    for payment in payments:
        record: dict[str, Any] = {
            "sale": payment.sale,
            "gateway": payment.gateway,
            "amount": decimal_out(payment.amount),
            reference_field: payment.reference,
        }
        if payment.description:
            record["description"] = payment.description
        records.append(record)
    return ADD_PAYMENTS.ask(encode((records,)))


def add_transactions(transactions: Sequence[NewTransaction]) -> Ask[CreatedMany]:
    """Put transactions on payments, as drafts. Raises ValueError as `add_payments` does, and for no amount above zero.

    Check first: nothing dedupes it; each is looked for by the provider's id on its payment.
    """
    _check([each.reference for each in transactions], "transaction")
    if any(each.amount <= 0 for each in transactions):
        raise ValueError("a transaction moves an amount above zero; its type says which way")
    records = []
    for each in transactions:
        record: dict[str, Any] = {
            "sale_payment": each.payment,
            "gateway": each.gateway,
            "type": each.type,
            "amount": decimal_out(each.amount),
            "provider_reference": each.reference,
            "date": date_out(each.made_on),
            **value_out(each.more),
        }
        if each.party is not None:
            record["party"] = each.party
        if each.currency is not None:
            record["currency"] = each.currency
        if each.description:
            record["description"] = each.description
        records.append(record)
    return ADD_TRANSACTIONS.ask(encode((records,)))


def _check(references: Collection[str], what: str) -> None:
    if not 0 < len(references) <= RECORDS_MAX:
        raise ValueError(f"one call makes 1 to {RECORDS_MAX} records, not {len(references)}")
    if not all(references):
        raise ValueError(f"a {what} without a reference could not be looked for; give the provider's id")


# -- looking for payments ----------------------------------------------------------------------------------------------


class _StoredPayment(msgspec.Struct, frozen=True):
    sale: int
    gateway: int
    amount: dict[str, str]


_decode_payments: Final = msgspec.json.Decoder(tuple[tuple[_StoredPayment, ...]]).decode
_decode_fields: Final = msgspec.json.Decoder(tuple[tuple[dict[str, Any], ...]]).decode
_NO_REFERENCES: Final = frozenset({"sale", "gateway", "amount", "description"})


def _sought_payments(body: bytes) -> Sought[Find, Page[SalePayment]]:
    (stored,) = _decode_payments(body)
    sales = tuple(dict.fromkeys(each.sale for each in stored))
    return Sought(SALE_PAYMENTS.find, Find(by="sale", values=sales))


def _payments_made(body: bytes, found: Page[SalePayment]) -> CreatedMany | None:
    (stored,), (fields,) = _decode_payments(body), _decode_fields(body)
    taken: list[int] = []
    for wanted, record in zip(stored, fields, strict=True):
        reference = next((value for name, value in record.items() if name not in _NO_REFERENCES), None)
        id_ = _payment_made(wanted, reference, found.rows, taken)
        if id_ is None:
            return None
        taken.append(id_)
    return CreatedMany(tuple(taken))


def _payment_made(
    wanted: _StoredPayment, reference: str | None, rows: Sequence[SalePayment], taken: Collection[int]
) -> int | None:
    ours = [
        row
        for row in rows
        if row.sale in (None, wanted.sale) and row.gateway in (None, wanted.gateway) and row.id not in taken
    ]
    amount = decimal_of(wanted.amount)
    named = [row for row in ours if row.reference == reference and row.amount in (None, amount)]
    unnamed = [row for row in ours if not row.reference and row.amount == amount]
    return (named or unnamed)[0].id if named or unnamed else None


ADD_PAYMENTS: Final[Write[CreatedMany]] = Write(
    kind="add_payments",
    path="model/sale.payment/create",
    decode=lambda answer, body: _made(answer, len(_decode_payments(body)[0])),
    sought=_sought_payments,
    verdict=_payments_made,
)


def _made(answer: Answer, count: int) -> CreatedMany:
    return created_many(answer, count)


# -- looking for transactions ------------------------------------------------------------------------------------------


class _StoredTransaction(msgspec.Struct, frozen=True):
    sale_payment: int
    type: str
    provider_reference: str
    amount: dict[str, str]


_decode_transactions: Final = msgspec.json.Decoder(tuple[tuple[_StoredTransaction, ...]]).decode
_GONE: Final = frozenset(("cancel", "cancelled", "failed"))


def _sought_transactions(body: bytes) -> Sought[Find, Page[Transaction]]:
    (stored,) = _decode_transactions(body)
    payments = tuple(dict.fromkeys(each.sale_payment for each in stored))
    return Sought(TRANSACTIONS.find, Find(by="sale_payment", values=payments))


def _transactions_made(body: bytes, found: Page[Transaction]) -> CreatedMany | None:
    (stored,) = _decode_transactions(body)
    live = [row for row in found.rows if row.state not in _GONE]
    ids = [next((row.id for row in live if _is(row, each)), None) for each in stored]
    return None if None in ids else CreatedMany(tuple(id_ for id_ in ids if id_ is not None))


def _is(row: Transaction, stored: _StoredTransaction) -> bool:
    names = (row.sale_payment, row.type, row.provider_reference)
    same = names == (stored.sale_payment, stored.type, stored.provider_reference)
    return same and row.amount in (None, decimal_of(stored.amount))


ADD_TRANSACTIONS: Final[Write[CreatedMany]] = Write(
    kind="add_transactions",
    path="model/payment_gateway.transaction/create",
    decode=lambda answer, body: _made(answer, len(_decode_transactions(body)[0])),
    sought=_sought_transactions,
    verdict=_transactions_made,
)
