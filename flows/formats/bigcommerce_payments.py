"""Payments and refunds of a BigCommerce order.

V2 tells the status of the payment, and how much store credit and gift certificates covered: both pay for the order, and
`total_inc_tax` is the total before them. V3's `transactions` are what really moved; where they were not gathered, the
money is derived from the status, and says that it is.
Source: BigCommerce's REST reference, Orders V2 (`store_credit_amount`), Orders V3 (Transactions, Refunds).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flows.formats.bigcommerce_wire import OrderIn, RefundIn, TransactionIn, amount_or_zero, gathered
from flows.formats.parts import id_text, known_instant, text_of
from flows.model.money import ZERO, Money, amount_of, currency_of, total_of
from flows.model.order import (
    Amount,
    Conflict,
    FinancialStatus,
    Payment,
    PaymentKind,
    PaymentStatus,
    Refund,
    RefundKind,
    RefundPart,
    Tender,
    Units,
)

_KINDS = {
    "purchase": PaymentKind.SALE,
    "pending": PaymentKind.SALE,
    "authorization": PaymentKind.AUTHORISATION,
    "capture": PaymentKind.CAPTURE,
    "void": PaymentKind.VOID,
}
_TENDERS = {
    "store_credit": Tender.STORE_CREDIT,
    "storecredit": Tender.STORE_CREDIT,
    "gift_certificate": Tender.GIFT_CARD,
    "giftcertificate": Tender.GIFT_CARD,
}
_TAKEN = frozenset((FinancialStatus.PAID, FinancialStatus.PARTIALLY_REFUNDED, FinancialStatus.REFUNDED))


def payments_of(
    order: OrderIn, order_id: str, status: FinancialStatus, total: Money, conflicts: list[Conflict]
) -> tuple[Payment, ...]:
    """The payments as published, or derived where no transactions were gathered. Refunds are not payments."""
    published = [
        _payment(each, total.currency) for each in gathered(order.transactions) or () if each.event != "refund"
    ]
    credits_ = list(_credits(order, order_id, total.currency, published, conflicts))
    if published:
        return (*published, *credits_)
    return (*credits_, *_derived(order, order_id, status, total, credits_))


def _payment(transaction: TransactionIn, currency: str) -> Payment:
    pending = transaction.event == "pending"
    good = PaymentStatus.PENDING if pending else PaymentStatus.SUCCESS
    code = text_of(transaction.currency)
    return Payment(
        id=id_text(transaction.id) or "",
        gateway=text_of(transaction.gateway) or "",
        kind=_KINDS.get(transaction.event or "", PaymentKind.OTHER),
        status=PaymentStatus.FAILED if transaction.status == "error" else good,
        amount=Money(amount_or_zero(transaction.amount), currency if code is None else currency_of(code)),
        tender=_tender(transaction),
        parent_id=id_text(transaction.reference_transaction_id),
    )


def _tender(transaction: TransactionIn) -> Tender:
    by_method = _TENDERS.get(transaction.method or "")
    return by_method or _TENDERS.get(transaction.gateway or "", Tender.MONEY)


def _credits(
    order: OrderIn, order_id: str, currency: str, published: Iterable[Payment], conflicts: list[Conflict]
) -> Iterator[Payment]:
    """Store credit and gift certificates that no transaction shows; where some do, they must say the same."""
    for field, value, gateway in (
        ("store_credit_amount", order.store_credit_amount, "storecredit"),
        ("gift_certificate_amount", order.gift_certificate_amount, "giftcertificate"),
    ):
        tender, money = _TENDERS[gateway], Money(amount_or_zero(value), currency)
        shown = [
            each.amount
            for each in published
            if each.tender is tender and each.status is PaymentStatus.SUCCESS and each.amount.currency == currency
        ]
        if shown and value is not None and total_of(shown, currency) != money:
            conflicts.append(Conflict(field, money, total_of(shown, currency)))
        if money and not shown:
            yield Payment(
                id=f"{order_id}-{gateway}",
                gateway=gateway,
                kind=PaymentKind.SALE,
                status=PaymentStatus.SUCCESS,
                amount=money,
                tender=tender,
            )


def _derived(
    order: OrderIn, order_id: str, status: FinancialStatus, total: Money, credits_: Iterable[Payment]
) -> Iterator[Payment]:
    if status in _TAKEN:
        kind = PaymentKind.SALE
    elif status is FinancialStatus.AUTHORISED:
        kind = PaymentKind.AUTHORISATION
    else:
        return
    amount = total - total_of((each.amount for each in credits_), total.currency)
    if amount.amount > ZERO:
        yield Payment(
            id=id_text(order.payment_provider_id) or order_id,
            gateway=text_of(order.payment_method) or "",
            kind=kind,
            status=PaymentStatus.SUCCESS,
            amount=amount,
            derived=True,
        )


def refunds_of(order: OrderIn, order_id: str, currency: str, conflicts: list[Conflict]) -> tuple[Refund, ...] | None:
    """The refunds, summarised; None when the payload does not speak of them.

    `refunded_amount` stays zero in most versions of the API, so a zero says nothing.
    """
    known, amount = gathered(order.refunds), Money(amount_or_zero(order.refunded_amount), currency)
    if known is None:
        return (Refund(id=f"{order_id}-refunded", refunded=(amount,), summed=True),) if amount else None
    refunds = tuple(_refund(each, currency) for each in known)
    if amount and total_of((money for each in refunds for money in each.refunded), currency) != amount:
        back = total_of((money for each in refunds for money in each.refunded), currency)
        conflicts.append(Conflict("refunded_amount", amount, back))
    return refunds


def _refund(refund: RefundIn, currency: str) -> Refund:
    """A payment that was declined gave nothing back."""
    payments = refund.payments or ()
    good = [amount_or_zero(each.amount) for each in payments if each.is_declined is not True]
    back = total_of((Money(amount, currency) for amount in good), currency)
    declined = tuple(Money(amount_or_zero(each.amount), currency) for each in payments if each.is_declined is True)
    worth = None if refund.total_amount is None or not back else Money(amount_of(refund.total_amount), currency)
    return Refund(
        id=id_text(refund.id) or "",
        refunded=(back,) if back else (),
        failed=declined,
        worth=worth,
        parts=tuple(_parts(refund, currency, back)),
        at=known_instant(refund.created),
    )


def _parts(refund: RefundIn, currency: str, back: Money) -> Iterator[RefundPart]:
    """What it is for. Amounts are published only where somebody chose them; of the only part it is all there is.

    What becomes of the goods BigCommerce does not say. A refund of tax alone has no items.
    """
    items = refund.items or ()
    for item in items:
        kind = _PARTS.get(item.item_type or "", RefundKind.AMOUNT)
        amount = None if item.requested_amount is None else Amount(Money(amount_of(item.requested_amount), currency))
        if amount is None and len(items) == 1 and back:
            amount = Amount(back)
        line = id_text(item.item_id) or "" if kind is RefundKind.LINE else ""
        quantity = ZERO if item.quantity is None else amount_of(item.quantity)
        units = Units(line=line, quantity=quantity) if item.item_type == "PRODUCT" and line and quantity else None
        yield RefundPart(kind=kind, amount=amount, units=units, line=line)


_PARTS = {
    "PRODUCT": RefundKind.LINE,
    "GIFT_WRAPPING": RefundKind.LINE,
    "SHIPPING": RefundKind.SHIPPING,
    "HANDLING": RefundKind.SHIPPING,
}
