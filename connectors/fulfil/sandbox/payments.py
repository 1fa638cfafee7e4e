"""Payments: what a customer is to pay (sale.payment), and what the gateway did (payment_gateway.transaction).

Transitions of a transaction (T): draft -> in-progress, authorized, completed; in-progress -> failed, authorized,
completed, cancel; authorized -> cancel, completed; completed -> posted. Posting books the receipt: gateway clearing
against the customer's receivable, the other way round for a refund. There is no fee (facts 8.8).
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from connectors.fulfil.sandbox.books import Books
from connectors.fulfil.sandbox.ledger import Entry
from connectors.fulfil.sandbox.records import GatewayTransaction, Payment, Sale
from connectors.fulfil.sandbox.refusals import UserError

ZERO: Final = Decimal(0)
COLLECTED: Final = frozenset(("completed", "posted"))
"""States of a transaction whose money has moved."""
TRANSITIONS: Final[dict[str, tuple[frozenset[str], str]]] = {
    "process": (frozenset(("draft", "in-progress")), "completed"),
    "authorize": (frozenset(("draft", "in-progress")), "authorized"),
    "capture": (frozenset(("draft", "in-progress", "authorized")), "completed"),
    "settle": (frozenset(("authorized",)), "completed"),
    "retry": (frozenset(("in-progress",)), "completed"),
    "update_status": (frozenset(("in-progress",)), "completed"),
    "cancel": (frozenset(("in-progress", "authorized")), "cancel"),
    "post": (frozenset(("completed",)), "posted"),
}
"""Method of payment_gateway.transaction: the states it starts from, and where it leads."""


def add_transaction(books: Books, payment: Payment | None, **values: Any) -> GatewayTransaction:
    """Add a transaction; of a payment, with its gateway, party and currency unless they are given."""
    row = GatewayTransaction(
        id=books.transactions.new_id(),
        create_date=books.now,
        date=values.pop("date", None) or books.transaction.today,
        **{**_of_payment(books, payment), **values},
    )
    if payment is not None:
        payment.transactions = (*payment.transactions, row.id)
    return books.transactions.add(row)


def _of_payment(books: Books, payment: Payment | None) -> dict[str, Any]:
    if payment is None:
        return {}
    sale = books.sales[payment.sale]
    reach = {"sale_payment": payment.id, "party": sale.party, "currency": sale.currency}
    return {"gateway": payment.gateway, "provider_reference": payment.reference, "amount": payment.amount, **reach}


def transactions_of(books: Books, payments: Iterable[int]) -> list[GatewayTransaction]:
    """The transactions of these payments, in order."""
    return [books.transactions[id_] for one in payments for id_ in books.payments[one].transactions]


def moved(books: Books, payments: Iterable[int], kind: str = "charge") -> Decimal:
    """Money that these payments collected (`charge`) or gave back (`refund`)."""
    rows = transactions_of(books, payments)
    return sum((row.amount for row in rows if row.type == kind and row.state in COLLECTED), ZERO)


def authorized(books: Books, payments: Iterable[int]) -> Decimal:
    """Money that is authorised and not captured."""
    return sum((row.amount for row in transactions_of(books, payments) if row.state == "authorized"), ZERO)


def capture(books: Books, payment: Payment) -> None:
    """Collect what the payment has authorised, else the rest of its amount."""
    rest = payment.amount
    if payment.transactions:
        for row in transactions_of(books, [payment.id]):
            if row.state == "authorized":
                _to(books, row, "completed")
        rest -= moved(books, [payment.id])
    if rest > 0:
        add_transaction(books, payment, amount=rest, state="completed")
    books.touched(payment)


def authorize(books: Books, payment: Payment) -> None:
    """Authorise what the payment has neither collected nor authorised. Raises UserError when nothing is left."""
    rest = payment.amount - moved(books, [payment.id]) - authorized(books, [payment.id])
    if rest <= 0:
        raise UserError(f"The payment {payment.id} is authorised or captured already.")
    add_transaction(books, payment, amount=rest, state="authorized")
    books.touched(payment)


def void(books: Books, payment: Payment) -> None:
    """Cancel the authorisations of a payment. Raises UserError when money was collected: that is a refund."""
    if moved(books, [payment.id]) > 0:
        raise UserError(f"The payment {payment.id} is captured; it can only be refunded.")
    for row in transactions_of(books, [payment.id]):
        if row.state == "authorized":
            _to(books, row, "cancel")
    books.touched(payment)


def refund(books: Books, payment: Payment, amount: Decimal | None, **values: Any) -> GatewayTransaction:
    """Give money back (None: all that is left). Raises UserError above what was collected and not yet refunded."""
    left = moved(books, [payment.id]) - moved(books, [payment.id], "refund")
    wanted = left if amount is None else amount
    if not 0 < wanted <= left:
        raise UserError(f"The payment {payment.id} has {left} left to refund, not {wanted}.")
    return add_transaction(books, payment, **{"type": "refund", "amount": wanted, "state": "completed", **values})


def check_transition(row: GatewayTransaction, method: str) -> None:
    """Raises UserError for a transition that is not allowed."""
    allowed, _ = TRANSITIONS[method]
    if row.state not in allowed:
        raise UserError(f"The transaction {row.id} cannot {method} from the state {row.state!r}.")


def move_on(books: Books, row: GatewayTransaction, method: str) -> None:
    """Make a transition that `check_transition` has passed."""
    if method == "post":
        post(books, row)
    else:
        _to(books, row, TRANSITIONS[method][1])


def post(books: Books, row: GatewayTransaction) -> None:
    """Book a completed transaction. Raises UserError when today's period is closed."""
    books.ledger.check_open(books.transaction.today)
    if row.party is None:
        raise UserError(f"The transaction {row.id} has no party; its receivable is nobody's.")
    amount = row.amount if row.type == "charge" else -row.amount
    currency = books.currencies[row.currency or books.company_currency]
    entries = (Entry("1100", -amount, row.party), Entry("1200", amount))
    about = f"{row.type} {row.provider_reference or row.id}"
    origin = f"payment_gateway.transaction,{row.id}"
    row.move = books.ledger.book("CASH", entries, origin=origin, description=about, currency=currency)
    _to(books, row, "posted")


def post_collected(books: Books, sale: Sale) -> None:
    """Book everything of the sale that is collected and not booked yet."""
    for row in transactions_of(books, sale.payments):
        if row.state == "completed":
            post(books, row)


def _to(books: Books, row: GatewayTransaction, state: str) -> None:
    row.state = state
    books.touched(row)
