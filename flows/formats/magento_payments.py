"""Who paid a Magento order, and what went back.

An order has one payment with sums of what was authorised and what was paid. Gift cards and store credit pay, too:
Magento takes them off `grand_total`, which is therefore only what was left to pay. Reward points are promotional
credit that nobody paid for: a discount. Credit memos are documents of their own, of which the order has only the sums.
Magento has no word for what was paid, so the status is what those sums say.
Source: Adobe Commerce REST reference, `sales-data-order-interface` and `-payment-interface`; its user guide on gift
cards, store credit and reward points (all three are given back when an order is cancelled).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flows.formats.magento_amounts import Amounts, minus, number, plus, positive
from flows.formats.magento_items import Sold
from flows.formats.magento_wire import Extras, GiftCardIn, OrderIn, PaymentIn
from flows.formats.parts import id_text, text_of
from flows.model.money import Money
from flows.model.order import (
    Amount,
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

GIFT_CARD, STORE_CREDIT = "giftcardaccount", "customerbalance"
"""Magento's own codes of these totals: the names of their gateways."""


class Tenders:
    """What an order says about its payment, read once."""

    def __init__(self, source: OrderIn, extras: Extras, amounts: Amounts, state: str) -> None:
        self.source, self.extras, self.amounts, self.state = source, extras, amounts, state
        self.payment = source.payment if isinstance(source.payment, PaymentIn) else PaymentIn()
        self.charged = amounts.read(source, "grand_total")
        listed = extras.gift_cards if isinstance(extras.gift_cards, list) else []
        self.cards = [(_card_id(card), self._card(card)) for card in listed]
        sum_of_cards = amounts.sum(amount for _, amount in self.cards)
        published = amounts.read(extras, "gift_cards_amount")
        self.gift_cards = amounts.same(published, sum_of_cards if listed else None, "gift_cards_amount") or amounts.zero
        self.card_by_card = self.gift_cards.shop == sum_of_cards.shop
        self.credit = amounts.sure(extras, "customer_balance_amount")
        by_payment = amounts.read(self.payment, "amount_paid")
        self.paid = amounts.same(amounts.read(source, "total_paid"), by_payment, "total_paid") or amounts.zero
        self.authorised = amounts.sure(self.payment, "amount_authorized")
        self.refunded = plus(
            amounts.sure(source, "total_refunded"),
            plus(amounts.sure(extras, "gift_cards_refunded"), amounts.sure(extras, "customer_balance_refunded")),
        )

    def _card(self, card: GiftCardIn) -> Amount:
        base = card.ba if card.base_amount is None else card.base_amount
        plain = card.a if card.amount is None else card.amount
        return self.amounts.amount(base, plain, "a gift card") or self.amounts.zero

    def total(self) -> Amount | None:
        """What the customer owed for the order before any tender; None without a grand total."""
        return None if self.charged is None else plus(plus(self.charged, self.gift_cards), self.credit)

    @property
    def cancelled(self) -> bool:
        """Whether Magento calls the order cancelled."""
        return self.state == "canceled"

    def status(self) -> FinancialStatus:
        """What the sums say was paid."""
        owed = self.amounts.zero.shop if self.charged is None else self.charged.shop
        paid, back, nothing = self.paid.shop, self.refunded.shop, self.amounts.zero.shop
        if back:
            whole = paid + self.gift_cards.shop + self.credit.shop
            return FinancialStatus.PARTIALLY_REFUNDED if back < whole else FinancialStatus.REFUNDED
        if self.cancelled:
            return FinancialStatus.VOIDED
        if self.state == "closed" and owed:
            return FinancialStatus.REFUNDED
        if not paid < owed:
            return FinancialStatus.PAID
        if nothing < paid:
            return FinancialStatus.PARTIALLY_PAID
        return FinancialStatus.AUTHORISED if self.authorised.shop else FinancialStatus.PENDING

    # -- payments ------------------------------------------------------------------------------------------------------

    def payments(self) -> tuple[Payment, ...]:
        """The payments of every tender, in the base currency."""
        return (*self._money(), *self._others())

    def _money(self) -> Iterator[Payment]:
        payment, parent = self.payment, None
        gateway = text_of(payment.method) or ""
        own_id = id_text(payment.entity_id) or id_text(payment.payment_id) or ""
        transaction = text_of(payment.last_trans_id) or text_of(payment.cc_trans_id) or own_id

        def made(payment_id: str, kind: PaymentKind, amount: Money) -> Payment:
            good = PaymentStatus.SUCCESS
            return Payment(id=payment_id, gateway=gateway, kind=kind, status=good, amount=amount, parent_id=parent)

        if self.authorised.shop:
            authorisation = f"{own_id}-authorisation" if self.paid.shop else transaction
            yield made(authorisation, PaymentKind.AUTHORISATION, self.authorised.shop)
            parent = authorisation
            if self.cancelled:
                yield made(f"{own_id}-void", PaymentKind.VOID, self.authorised.shop)
        if self.paid.shop:
            kind = PaymentKind.SALE if parent is None else PaymentKind.CAPTURE
            yield made(transaction, kind, self.paid.shop)

    def _others(self) -> Iterator[Payment]:
        """Gift cards and store credit; of a cancelled order Magento has given them back."""
        kind = PaymentKind.VOID if self.cancelled else PaymentKind.SALE
        cards = self.cards if self.card_by_card else [("", self.gift_cards)]
        found = [(card_id, GIFT_CARD, amount, Tender.GIFT_CARD) for card_id, amount in cards]
        found.append(("", STORE_CREDIT, self.credit, Tender.STORE_CREDIT))
        for payment_id, gateway, amount, tender in found:
            if amount.shop:
                yield Payment(
                    id=payment_id,
                    gateway=gateway,
                    kind=kind,
                    status=PaymentStatus.SUCCESS,
                    amount=amount.shop,
                    tender=tender,
                )

    # -- what went back ------------------------------------------------------------------------------------------------

    def refunds(self, order_id: str, entries: Sequence[Sold]) -> tuple[Refund, ...]:
        """All credit memos as one refund; none where nothing went back, for Magento leaves out what is null."""
        if not self.refunded.shop:
            return ()
        refunded, parts = (self.refunded.shop,), (*self._parts(), *_units(entries))
        return (Refund(id=order_id, refunded=refunded, worth=self._worth(), parts=parts, summed=True),)

    def _parts(self) -> Iterator[RefundPart]:
        """The sums: goods with all taxes, shipping, and what was added or kept back."""
        source, sure = self.source, self.amounts.sure
        if self.amounts.read(source, "subtotal_refunded") is None:
            return
        shipping = sure(source, "shipping_refunded")
        loose = minus(sure(source, "adjustment_positive"), sure(source, "adjustment_negative"))
        goods = minus(minus(self.refunded, shipping), loose)
        kinds = (RefundKind.LINE, goods), (RefundKind.SHIPPING, shipping), (RefundKind.AMOUNT, loose)
        yield from (RefundPart(kind=kind, amount=amount) for kind, amount in kinds if amount.shop)

    def _worth(self) -> Money | None:
        """Goods, shipping and tax that were refunded, less their discounts, and what was added or kept back."""
        source, sure = self.source, self.amounts.sure
        goods = self.amounts.read(source, "subtotal_refunded")
        if goods is None:
            return None
        compensation = self.amounts.read(source, "discount_tax_compensation_refunded")
        added = [
            goods,
            sure(source, "tax_refunded"),
            compensation or sure(source, "hidden_tax_refunded"),
            sure(source, "shipping_refunded"),
            sure(source, "adjustment_positive"),
        ]
        kept = plus(positive(sure(source, "discount_refunded")), sure(source, "adjustment_negative"))
        return minus(self.amounts.sum(added), kept).shop

    def left(self, total: Amount) -> Amount | None:
        """The total less what was cancelled and refunded; None where nothing was cancelled."""
        cancelled = self.amounts.sure(self.source, "total_canceled")
        return minus(minus(total, cancelled), self.refunded) if cancelled.shop else None


def _units(entries: Sequence[Sold]) -> Iterator[RefundPart]:
    """The units of each line on all credit memos so far. Whether they went back to the stock Magento does not say."""
    for entry in entries:
        quantity = number(entry.item.qty_refunded)
        if quantity:
            yield RefundPart(kind=RefundKind.LINE, units=Units(line=entry.item_id, quantity=quantity))


def _card_id(card: GiftCardIn) -> str:
    return id_text(card.i if card.id is None else card.id) or ""
