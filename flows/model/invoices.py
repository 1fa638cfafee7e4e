"""What Fulfil has invoiced of an order's sale, as the row that reports of a month count from. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final

import msgspec

from connectors.fulfil.payments import Invoice

_LIVE: Final = ("posted", "paid")


class Invoiced(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An invoice to the customer that counts, or a credit note. `day`: of the ledger, else that of the document; None:
    Fulfil tells neither. `amount` has no sign; None: what of it is this order's is not known.
    """

    id: int
    day: date | None = None
    amount: Decimal | None = None
    currency: str | None = None
    is_credit_note: bool = False


def is_live(invoice: Invoice) -> bool:
    """Whether it is in the ledger, and to a customer as far as Fulfil tells."""
    return invoice.state in _LIVE and invoice.to_customer is not False


def invoiced(invoices: Sequence[Invoice]) -> str:
    """The invoices of a sale that count, as they are kept: JSON, in order of id."""
    live = sorted((each for each in invoices if is_live(each)), key=lambda each: each.id)
    return msgspec.json.encode([_kept(each) for each in live]).decode()


def _kept(invoice: Invoice) -> Invoiced:
    """Of an invoice of several sales nobody knows how much is of one."""
    total, is_shared = invoice.total_amount, invoice.sales is None or len(invoice.sales) > 1
    return Invoiced(
        id=invoice.id,
        day=invoice.accounting_date or invoice.invoice_date,
        amount=None if total is None or is_shared else abs(total),
        currency=invoice.currency_code,
        is_credit_note=bool(invoice.is_credit_note),
    )


read_invoiced: Final = msgspec.json.Decoder(tuple[Invoiced, ...]).decode
"""The invoices of a sale, from what is kept."""
