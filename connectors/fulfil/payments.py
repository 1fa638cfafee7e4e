"""Money on a sale: its payments, the gateways' transactions, invoices, and how a later payment is added.

A payment that is known at the import travels inside `create_order`. Fields: Tryton's payment modules of 2018, a live
integration's lists of 2026 for invoices; no field for a gateway's fee is publicly known.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import field

from connectors.fulfil.calls import Ask, Created, Sought, Write, created_one, encode
from connectors.fulfil.changes import Page
from connectors.fulfil.models import Find, Model
from connectors.fulfil.rows import Row
from connectors.fulfil.typed import Reference, decimal_of, decimal_out


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
    """A payment gateway."""

    by_name = frozenset({"provider", "method"})

    name: str | None = None
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


# -- adding a payment --------------------------------------------------------------------------------------------------


class NewPayment(msgspec.Struct, frozen=True, kw_only=True):
    """Money on a sale, known only after the import. `reference` is the provider's id, and how it is found again."""

    sale: int
    gateway: int
    amount: Decimal
    reference: str
    description: str = ""


def add_payment(payment: NewPayment, *, reference_field: str = "reference") -> Ask[Created]:
    """Put a payment on a sale. Raises ValueError without a reference, and for an amount that is not finite.

    `reference_field`: where this tenant keeps the provider's id; it has to be configured for reading, too
    (`sale.payment.reference` in `fulfil.api.names`).

    Check first: nothing dedupes it. On a tenant that keeps no `reference` for a gateway, an equal amount without any on
    the same sale and gateway counts as found, so equal payments cannot be told apart there.
    """
    if not payment.reference:
        raise ValueError("a payment without a reference could not be looked for; give the provider's id")
    record: dict[str, Any] = {
        "sale": payment.sale,
        "gateway": payment.gateway,
        "amount": decimal_out(payment.amount),
        reference_field: payment.reference,
    }
    if payment.description:
        record["description"] = payment.description
    return ADD_PAYMENT.ask(encode(((record,),)))


class _Stored(msgspec.Struct, frozen=True):
    sale: int
    gateway: int
    amount: dict[str, str]


_decode_stored: Final = msgspec.json.Decoder(tuple[tuple[_Stored]]).decode
_decode_fields: Final = msgspec.json.Decoder(tuple[tuple[dict[str, Any]]]).decode
_NO_REFERENCES: Final = frozenset({"sale", "gateway", "amount", "description"})


def _sought_payment(body: bytes) -> Sought[Find, Page[SalePayment]]:
    ((stored,),) = _decode_stored(body)
    return Sought(SALE_PAYMENTS.find, Find(by="sale", values=(stored.sale,)))


def _payment_made(body: bytes, found: Page[SalePayment]) -> Created | None:
    ((stored,),) = _decode_stored(body)
    ((fields,),) = _decode_fields(body)
    reference = next((value for name, value in fields.items() if name not in _NO_REFERENCES), None)
    amount = decimal_of(stored.amount)
    ours = [row for row in found.rows if row.sale in (None, stored.sale) and row.gateway in (None, stored.gateway)]
    named = [row for row in ours if row.reference == reference]
    unnamed = [row for row in ours if not row.reference and row.amount == amount]
    return Created((named or unnamed)[0].id) if named or unnamed else None


ADD_PAYMENT: Final[Write[Created]] = Write(
    kind="add_payment",
    path="model/sale.payment/create",
    decode=created_one,
    sought=_sought_payment,
    verdict=_payment_made,
)
