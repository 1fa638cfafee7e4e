"""The shapes of accounting: accounts, journals, periods, moves, invoices. Debit and credit are never negative."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from connectors.fulfil.sandbox.records import LineTax, Record


class Account(Record, kw_only=True, gc=False):
    """account.account."""

    code: str
    name: str
    kind: str
    party_required: bool = False
    reconcile: bool = False
    active: bool = True


class Period(Record, kw_only=True, gc=False):
    """account.period: one month; a closed one takes no moves."""

    name: str
    start_date: dt.date
    end_date: dt.date
    state: str = "open"


class AccountMove(Record, kw_only=True, gc=False):
    """account.move: draft or posted. `origin` is `model,id` or what its author gave."""

    journal: int
    period: int
    date: dt.date
    description: str | None = None
    origin: str | None = None
    state: str = "draft"
    post_number: int | None = None
    post_date: dt.date | None = None
    lines: tuple[int, ...] = ()


class AccountMoveLine(Record, kw_only=True, gc=False):
    """account.move.line. The second currency is the sale's, when that is not the company's."""

    move: int
    account: int
    debit: Decimal = Decimal(0)
    credit: Decimal = Decimal(0)
    party: int | None = None
    description: str | None = None
    maturity_date: dt.date | None = None
    second_currency: int | None = None
    amount_second_currency: Decimal | None = None


class Invoice(Record, kw_only=True, gc=False):
    """account.invoice. A credit note's sign and type follow the switch `credit_note`; here its lines are negative."""

    party: int
    currency: int
    invoice_address: int | None = None
    invoice_date: dt.date | None = None
    state: str = "draft"
    is_credit: bool = False
    reference: str | None = None
    description: str | None = None
    sale: int | None = None
    shipment: int | None = None
    lines: tuple[int, ...] = ()
    move: int | None = None
    reconciled: dt.date | None = None


class InvoiceLine(Record, kw_only=True, gc=False):
    """account.invoice.line. `line` is the sale line it comes from, its origin."""

    invoice: int
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal
    account: int
    type: str = "line"
    product: int | None = None
    line: int | None = None
    description: str | None = None
    taxes: tuple[LineTax, ...] = ()
