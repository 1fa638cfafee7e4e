"""The proof of an order: equations in exact decimals over what the source published (rules 5 to 7).

Nothing is corrected and nothing guessed. An equation that does not hold, or a status that the order's own amounts deny,
is a contradiction with a sentence and an amount: the order is held until its sales channel or finance settles it.
Refunds come after the sale: money that went back differently from what was returned is a remark, and denies no sale.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

import msgspec

from flows.model.money import EXACT, ZERO, MixedCurrencies, Money, exactly
from flows.model.order import (
    TAKES,
    Amount,
    FinancialStatus,
    Line,
    Order,
    Payment,
    PaymentKind,
    PaymentStatus,
    ShippingLine,
    Side,
    TaxLine,
    Tender,
)
from flows.model.refunds import excesses

_add, _subtract = EXACT.add, EXACT.subtract
_UNPAID = (FinancialStatus.PENDING, FinancialStatus.AUTHORISED)
_REFUNDED = (FinancialStatus.PARTIALLY_REFUNDED, FinancialStatus.REFUNDED)
_PAID, _VOIDED = FinancialStatus.PAID, FinancialStatus.VOIDED
_SETTLED = (_PAID, *_REFUNDED, _VOIDED)
_SUCCESS, _RESERVES = PaymentStatus.SUCCESS, PaymentKind.AUTHORISATION
_MONEY_IN = (*TAKES, _RESERVES)
_NOTHING_TAKEN = dict.fromkeys(Tender, ZERO)


class Term(msgspec.Struct, frozen=True, gc=False):
    """One summand of an equation, with its sign. Summands of zero are left out."""

    name: str
    amount: Money


class Equation(msgspec.Struct, frozen=True, gc=False):
    """`left` is the sum of `terms`, `right` what the source says it is; `difference` is right - left.

    Every order has a handful of equations and almost none is ever looked at, so what people see is made when they ask.
    """

    name: str
    currency: str
    parts: tuple[Decimal, ...]
    sum: Decimal
    published: Decimal

    @property
    def left(self) -> Money:
        """The sum of the terms."""
        return Money(self.sum, self.currency)

    @property
    def right(self) -> Money:
        """What the source says."""
        return Money(self.published, self.currency)

    @property
    def difference(self) -> Money:
        """Right - left."""
        return Money(_subtract(self.published, self.sum), self.currency)

    @property
    def terms(self) -> tuple[Term, ...]:
        """The summands that are not zero."""
        named = zip(_SUMMANDS[self.name], self.parts, strict=False)
        return tuple(Term(name, Money(amount, self.currency)) for name, amount in named if amount)

    def holds(self, tolerance: Decimal = ZERO) -> bool:
        """Whether both sides differ by no more than the tolerance."""
        return self.sum == self.published or _subtract(self.published, self.sum).copy_abs() <= tolerance


class Contradiction(msgspec.Struct, frozen=True, gc=False):
    """Something about the order that cannot be true: a sentence for finance, and the amount it is about.

    `name` is that of the equation that failed, or `status`, `currency`, `conflict`, `refund`.
    """

    name: str
    sentence: str
    amount: Money

    @property
    def difference(self) -> Decimal:
        """The amount without its currency, positive."""
        return self.amount.amount.copy_abs()


class Proof(msgspec.Struct, frozen=True):
    """Everything that was checked, and what came of it."""

    equations: tuple[Equation, ...]
    failing: tuple[Contradiction, ...] = ()
    """What cannot be true; there is none in a proven order."""
    remarks: tuple[Contradiction, ...] = ()
    """About money after the sale; they do not hold the order."""

    @property
    def holds(self) -> bool:
        """Whether the order's figures agree with each other."""
        return not self.failing

    @property
    def sentence(self) -> str:
        """All contradictions in plain words; empty for a proven order."""
        return " ".join(each.sentence for each in self.failing)


@exactly
def prove(order: Order, *, side: Side = Side.SHOP, tolerance: Decimal = ZERO) -> Proof:
    """Check one side of the order. Never raises: amounts in a wrong currency are a contradiction like any other.

    `tolerance` is finance's, in units of the currency: differences of the source up to it are let pass.
    """
    try:
        return _prove(order, order.currency_on(side), tolerance)
    except MixedCurrencies as error:
        sentence = f"The order mixes currencies: {error}."
        return Proof((), (Contradiction("currency", sentence, order.totals.total.shop),))


def _prove(order: Order, currency: str, tolerance: Decimal) -> Proof:
    equations = _Parts(order, currency).equations()
    settlement = _Settlement(order, currency)
    if settlement.foreign is None:
        equations.append(_equation("tender", settlement.parts(), order.totals.total, settlement.currency))
    contradictions = []
    for each in equations:
        if each.sum != each.published and not each.holds(tolerance):
            failed = Contradiction(each.name, _sentence(order, each), abs(each.difference))
            contradictions.append(failed)
    if settlement.foreign is not None:
        contradictions.append(settlement.foreign)
    contradictions += _denied(order, settlement)
    for conflict in order.conflicts:
        sentence = f"The order says in one place that {conflict.field} is {conflict.one}, in another {conflict.other}."
        contradictions.append(Contradiction("conflict", sentence, conflict.other))
    return Proof(tuple(equations), tuple(contradictions), tuple(_remarks(order)))


# -- what the total is made of -----------------------------------------------------------------------------------------


class _Parts:
    """The sums of what the order is made of, in one currency; discounts are positive."""

    def __init__(self, order: Order, currency: str) -> None:
        self.order, self.currency = order, currency
        taxes: list[TaxLine] = []
        self.goods, self.goods_discounts = _costs(order.lines, taxes, currency)
        self.shipping, self.shipping_discounts = _costs(order.shipping_lines, taxes, currency)
        if order.unallocated_discount is not None:
            self.goods_discounts += order.unallocated_discount.figure(currency)
        taxes += order.duty_taxes + order.fee_taxes + order.tip_taxes + order.unallocated_taxes
        self.taxed = bool(taxes)
        own = withheld = ZERO
        for tax in taxes:
            if tax.withheld:
                withheld += tax.amount.figure(currency)
            else:
                own += tax.amount.figure(currency)
        self.tax = own if taxes else _one(order.totals.tax, currency)
        self.withheld = withheld

    def equations(self) -> list[Equation]:
        """The total and its parts, and every total that the source publishes beside it.

        Taxes of an inclusive order are in its prices already. Versions of a source differ in whether the discounts
        include shipping's, and whether shipping is before its own. Where they do, either reading will do.
        """
        order, totals, currency = self.order, self.order.totals, self.currency
        off_goods, off_shipping = self.goods_discounts, self.shipping_discounts
        tax, withheld = (ZERO, ZERO) if order.taxes_included else (self.tax, self.withheld)
        parts = (
            self.goods, self.shipping, -(off_goods + off_shipping), tax, withheld,
            _one(order.duties, currency), _one(order.fees, currency), _one(order.tips, currency),
        )  # fmt: skip
        found = [_equation("total", parts, totals.total, currency)]
        if totals.goods is not None:
            found.append(_equation("goods", (self.goods,), totals.goods, currency))
        if totals.subtotal is not None:
            found.append(_equation("subtotal", (self.goods, -off_goods), totals.subtotal, currency))
        if totals.discounts is not None:
            found.append(_nearest("discounts", (off_goods, off_shipping), totals.discounts, currency))
        if totals.tax is not None and self.taxed:
            found.append(_equation("tax", (self.tax, self.withheld), totals.tax, currency))
        if totals.shipping is not None:
            found.append(_nearest("shipping", (self.shipping, -off_shipping), totals.shipping, currency))
        return found


_SUMMANDS = {
    "total": (
        "lines", "shipping", "discounts", "tax", "tax withheld by the sales channel", "duties", "fees", "tips",
    ),
    "goods": ("lines",),
    "subtotal": ("lines", "discounts"),
    "discounts": ("discounts of lines", "discounts of shipping"),
    "tax": ("tax", "withheld tax"),
    "shipping": ("shipping", "discounts of shipping"),
    "tender": (
        "captured", "authorised", "gift card", "store credit", "due", "removed before it was paid", "released",
        "cash rounding",
    ),
}  # fmt: skip
"""What an equation adds up, in the order of its amounts."""


# -- who pays the total ------------------------------------------------------------------------------------------------


class _Settlement:
    """How the total was paid: what was taken, reserved, is due, or will never be asked for again.

    Payments may be in either of the order's currencies, and are summed in their own.
    """

    def __init__(self, order: Order, currency: str) -> None:
        self.currency = currency
        self.foreign: Contradiction | None = None
        self.derived = True
        taken, reserved = _NOTHING_TAKEN.copy(), False
        payments = self._of_one_currency(order)
        for each in payments:
            self.derived &= each.derived
            reserved |= each.kind is _RESERVES
            if each.kind in TAKES:
                taken[each.tender] += each.amount.amount
        self.captured, self.gift_card, self.credit = taken.values()
        self.paid = self.captured + self.gift_card + self.credit
        self.authorised = _open(payments) if reserved else ZERO
        if self.foreign is None:
            self._rest(order)

    def _of_one_currency(self, order: Order) -> list[Payment]:
        """What was paid in the currency that the order was paid in; payments in any other are a contradiction."""
        payments, others = [], False
        for each in order.payments:
            if each.status is _SUCCESS:
                payments.append(each)
                others |= each.amount.currency != self.currency
        if not others:
            return payments
        known = {order.currency, order.presentment_currency}
        usual = [each for each in payments if each.amount.currency in known]
        currencies = {each.amount.currency for each in usual}
        if currencies and self.currency not in currencies:
            self.currency = currencies.pop()
        self.foreign = _foreign(order, [each for each in payments if each.amount.currency not in known])
        if self.foreign is None and len({each.amount.currency for each in usual}) > 1:
            stray = next(each for each in usual if each.amount.currency != self.currency)
            sentence = f"The order was paid in several currencies: {stray.amount} beside amounts in {self.currency}."
            self.foreign = Contradiction("tender", sentence, stray.amount)
        return [each for each in usual if each.amount.currency == self.currency]

    def _rest(self, order: Order) -> None:
        """Who answers for what no payment covers."""
        status, totals, currency = order.financial_status, order.totals, self.currency
        total = totals.total.figure(currency)
        self.rounding = _one(order.cash_rounding, currency)
        rest = total - self.paid + self.rounding - self.authorised
        outstanding = None
        if totals.outstanding is not None:
            shop = totals.outstanding.shop
            if shop.currency == currency or not shop.amount:
                outstanding = shop.amount
        self.due = self.removed = self.released = ZERO
        if not rest and not outstanding:
            return
        if outstanding is None:
            self.due = ZERO if status in _SETTLED else max(rest, ZERO)
        else:
            # Some versions count what is only authorised as outstanding.
            counted = self.authorised and rest + self.authorised == outstanding
            self.due = rest if counted else max(outstanding, ZERO)
        rest -= self.due
        removed = ZERO
        if totals.left is not None:
            removed = total - totals.left.figure(currency) - returned(order, currency)
        self.removed = max(ZERO, min(removed, rest))
        rest -= self.removed
        voided = status is _VOIDED or (order.cancelled_at is not None and status in _UNPAID)
        self.released = max(rest, ZERO) if voided else ZERO

    def parts(self) -> tuple[Decimal, ...]:
        return (
            self.captured, self.authorised, self.gift_card, self.credit, self.due, self.removed, self.released,
            -self.rounding,
        )  # fmt: skip


def returned(order: Order, currency: str) -> Decimal:
    """Money in this currency that went back to the customer so far."""
    back = ZERO
    for refund in order.refunds or ():
        for money in refund.refunded:
            if money.currency == currency:
                back = _add(back, money.amount)
    return back


def _open(payments: list[Payment]) -> Decimal:
    """What is authorised and neither captured nor voided."""
    reserved = [each for each in payments if each.kind is _RESERVES]
    result = ZERO
    for each in reserved:
        others = [p for p in payments if p.parent_id == each.id or (p.parent_id is None and len(reserved) == 1)]
        if any(p.kind is PaymentKind.VOID for p in others):
            continue
        captured = _paid(p for p in others if p.kind is PaymentKind.CAPTURE)
        result += max(each.amount.amount - captured, ZERO)
    return result


def _foreign(order: Order, payments: list[Payment]) -> Contradiction | None:
    if not payments:
        return None
    money = payments[0].amount
    own = " or ".join(dict.fromkeys((order.currency, order.presentment_currency)))
    return Contradiction("tender", f"A payment of {money} is on an order in {own}.", money)


# -- statuses and refunds ----------------------------------------------------------------------------------------------


def _denied(order: Order, settlement: _Settlement) -> Iterator[Contradiction]:
    """Statuses that the order's own amounts deny."""
    status, total = order.financial_status, order.totals.total.shop
    outstanding = order.totals.outstanding
    if status is _PAID and outstanding is not None and outstanding.shop.amount > ZERO:
        left = outstanding.shop
        yield Contradiction("status", f"The order is called paid, but {left} of its {total} are outstanding.", left)
    if status in _REFUNDED and order.refunds is not None:
        nothing = not any(refund.refunded or refund.pending for refund in order.refunds)
        left_all = order.totals.left is None or order.totals.left.shop == total
        if nothing and left_all:
            yield Contradiction("status", f"The order of {total} is called refunded, but it has no refund.", total)
    if settlement.derived:
        return
    for each in order.payments:
        if each.status is _SUCCESS and each.kind in _MONEY_IN and each.amount.amount < ZERO:
            sentence = f"A payment of the order is negative: {each.amount}; what goes back is a refund."
            yield Contradiction("tender", sentence, abs(each.amount))
    if not settlement.paid:
        return
    paid = Money(settlement.paid, settlement.currency)
    if status is _VOIDED and not returned(order, settlement.currency):
        yield Contradiction("status", f"The order is called voided, but {paid} were captured and kept.", paid)
    if status in _UNPAID and paid.amount >= order.totals.total.figure(settlement.currency):
        yield Contradiction("status", f"The order is called {status.value}, but {paid} were captured.", paid)


def _remarks(order: Order) -> Iterator[Contradiction]:
    for refund in order.refunds or ():
        if refund.worth is None or len(refund.refunded) != 1 or refund.refunded[0].currency != refund.worth.currency:
            continue
        back = refund.refunded[0]
        difference = back - refund.worth
        if difference:
            sentence = f"Refund {refund.id} gave {back} back for parts worth {refund.worth}: {_off(difference)}."
            yield Contradiction("refund", sentence, abs(difference))
    for sentence, excess in excesses(order) if order.refunds else ():
        yield Contradiction("refund", sentence, excess)


# -- sums, in the exact context of `prove` -----------------------------------------------------------------------------


def _costs(lines: Sequence[Line | ShippingLine], taxes: list[TaxLine], currency: str) -> tuple[Decimal, Decimal]:
    """What the lines come to, and their discounts; their taxes are added to `taxes`."""
    gross = discounts = ZERO
    for line in lines:
        gross += line.gross.figure(currency)
        discounts += line.discount.figure(currency)
        taxes += line.taxes
    return gross, discounts


def _one(amount: Amount | None, currency: str) -> Decimal:
    return ZERO if amount is None else amount.figure(currency)


def _paid(payments: Iterable[Payment]) -> Decimal:
    return sum([payment.amount.amount for payment in payments], ZERO)


# -- equations and their sentences -------------------------------------------------------------------------------------


def _equation(name: str, parts: tuple[Decimal, ...], published: Amount, currency: str) -> Equation:
    return Equation(name, currency, parts, sum(parts, ZERO), published.figure(currency))


def _nearest(name: str, parts: tuple[Decimal, ...], published: Amount, currency: str) -> Equation:
    """With all parts, or with the first alone: the reading that holds, or comes nearer."""
    first = _equation(name, parts, published, currency)
    if first.sum == first.published:
        return first
    return min(first, _equation(name, parts[:1], published, currency), key=lambda each: abs(each.difference.amount))


def figure_of(equation: str) -> str:
    """What the source calls the right side of an equation."""
    return "total" if equation == "tender" else _PHRASES[equation][1].removeprefix("its ")


def off_in(equation: str, difference: Money) -> str:
    """How far what the source says in an equation is from the sum of its parts, in words."""
    if equation == "tender":
        return f"{abs(difference)} {'unaccounted for' if difference.amount > ZERO else 'more than its total'}"
    return _off(difference)


def _off(difference: Money) -> str:
    return f"{abs(difference)} too {'little' if difference.amount < ZERO else 'much'}"


def _sentence(order: Order, failed: Equation) -> str:
    off = off_in(failed.name, failed.difference)
    if failed.name == "tender":
        return f"The payments of the order account for {failed.left} but its total says {failed.right}: {off}."
    parts, figure = _PHRASES[failed.name]
    if failed.name == "total":
        *names, last = _named(order, failed)
        parts = f"The {', '.join(names)} and {last} of the order"
    return f"{parts} add up to {failed.left} but {figure} says {failed.right}: {off}."


def _named(order: Order, total: Equation) -> list[str]:
    """What a total is always said to be made of, and the charges that this one has beside it."""
    charges = [term.name for term in total.terms if term.name in _CHARGES]
    return [*(("lines", "shipping") if order.taxes_included else ("lines", "tax", "shipping")), *charges]


_CHARGES = frozenset(("duties", "fees", "tips"))
_PHRASES = {
    "total": ("The parts of the order", "its total"),
    "goods": ("The lines of the order before discounts", "its sum of lines"),
    "subtotal": ("The lines of the order after discounts", "its subtotal"),
    "discounts": ("The discounts of the order", "its sum of discounts"),
    "tax": ("The tax lines of the order", "its sum of taxes"),
    "shipping": ("The shipping lines of the order", "its sum of shipping"),
}
