"""Money on a sale: its payments, the gateways' transactions, and invoices; how they are read.

A payment that is known at the import travels inside `create_order`; how later ones are added is in `adding_payments`.
Fields: Tryton's payment modules of 2018, a live integration's lists of 2026 for invoices; no field for a gateway's fee
is publicly known.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

from msgspec import field

from connectors.fulfil.models import Model
from connectors.fulfil.rows import Row
from connectors.fulfil.typed import Reference


class SalePayment(Row, frozen=True, kw_only=True):
    """A payment on a sale, and what became of its money. Amounts are in the sale's currency."""

    by_name = frozenset({"method", "provider", "description"})

    sale: int | None = None
    gateway: int | None = None
    method: str | None = None
    provider: str | None = None
    reference: str | None = None
    description: str | None = None
    amount: Decimal | None = None
    amount_authorized: Decimal | None = None
    amount_captured: Decimal | None = None
    amount_refunded: Decimal | None = None
    amount_available: Decimal | None = None
    transactions: tuple[int, ...] | None = field(default=None, name="payment_transactions")


class Transaction(Row, frozen=True, kw_only=True):
    """What a gateway did. `type`: charge or refund. `state`: draft, in-progress, failed, authorized, completed, posted
    or cancel. `provider_reference` is the provider's own id; `move` the ledger move that was posted.
    """

    by_name = frozenset({"method"})

    type: str | None = None
    amount: Decimal | None = None
    currency_code: str | None = field(default=None, name="currency.code")
    made_on: date | None = field(default=None, name="date")
    gateway: int | None = None
    origin: Reference | None = None
    sale_payment: int | None = None
    provider_reference: str | None = None
    method: str | None = None
    state: str | None = None
    move: int | None = None


class Gateway(Row, frozen=True, kw_only=True):
    """A payment gateway. `code` is what `create_order` calls it; `method` is `manual` where Fulfil takes no money."""

    by_name = frozenset({"code", "provider", "method"})

    name: str | None = None
    code: str | None = None
    provider: str | None = None
    method: str | None = None
    active: bool | None = None


class Invoice(Row, frozen=True, kw_only=True):
    """An invoice or a credit note. `state`: draft, validated, waiting_approval, posted, paid or cancel."""

    number: str | None = None
    reference: str | None = None
    type: str | None = None
    state: str | None = None
    party: int | None = None
    invoice_date: date | None = None
    accounting_date: date | None = None
    currency_code: str | None = field(default=None, name="currency.code")
    untaxed_amount: Decimal | None = None
    tax_amount: Decimal | None = None
    total_amount: Decimal | None = None
    balance_due: Decimal | None = None
    move: int | None = None
    sales: tuple[int, ...] | None = None
    lines: tuple[int, ...] | None = None

    @property
    def to_customer(self) -> bool | None:
        """Whether it goes to a customer (`out`, and older `out_invoice`, `out_credit_note`); None: not told."""
        return None if self.type is None else self.type.startswith("out")

    @property
    def is_credit_note(self) -> bool | None:
        """Older tenants name it in the type, newer ones have negative amounts; None: it cannot be told."""
        if self.type is not None and self.type.endswith("_credit_note"):
            return True
        return None if self.total_amount is None else self.total_amount < 0


class InvoiceLine(Row, frozen=True, kw_only=True):
    """A line of an invoice; `origin` is `sale.line,ID` when a sale caused it."""

    invoice: int | None = None
    type: str | None = None
    product: int | None = None
    quantity: Decimal | None = None
    unit_price: Decimal | None = None
    amount: Decimal | None = None
    account: int | None = None
    taxes: tuple[int, ...] | None = None
    origin: Reference | None = None


SALE_PAYMENTS: Final = Model("sale.payment", SalePayment, "sale_payments", by=("sale", "reference"))
TRANSACTIONS: Final = Model(
    "payment_gateway.transaction", Transaction, "transactions", by=("provider_reference", "sale_payment", "origin")
)
GATEWAYS: Final = Model("payment_gateway.gateway", Gateway, "gateways", by=("name",))
INVOICES: Final = Model("account.invoice", Invoice, "invoices", by=("number", "reference", "sales"))
INVOICE_LINES: Final = Model("account.invoice.line", InvoiceLine, "invoice_lines", by=("invoice", "origin"))

MODELS: Final = (SALE_PAYMENTS, TRANSACTIONS, GATEWAYS, INVOICES, INVOICE_LINES)
