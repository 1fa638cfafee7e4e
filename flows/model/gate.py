"""The import gate: which orders go to Fulfil, which wait, and which never do (rules 1 to 3). Pure.

A table per sales channel, read from top to bottom: the first row that fits decides. Every sales channel has rows of its
own kind beside them: test orders and what somebody else ships are excluded, what is paid or authorised is imported,
what is at high risk or charged back goes with its shipments on hold, everything else waits for its payment. A
configured row overrules them only where it names what they are about: a kind, a payment or gateway, a risk.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from flows.model.money import ZERO
from flows.model.order import (
    BY_CHANNEL,
    FinancialStatus,
    FulfilmentStatus,
    Order,
    PaymentKind,
    PaymentStatus,
    Risk,
)
from flows.model.proof import Proof
from runtime.clock import Instant, to_datetime

Then = Literal["import", "hold_shipment", "import_completed", "wait", "exclude"]
Kind = Literal["test", "by_channel", "shipped"]
Payment = Literal["paid", "authorised", "partially_paid", "pending", "partially_refunded", "refunded", "voided"]


class GateRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of the table. It fits an order that meets every condition it names; of a list, one has to be met."""

    name: Annotated[str, Meta(min_length=1, max_length=80)]
    """What people read: the order is excluded, waits or is on hold "by the rule NAME"."""
    then: Then
    """import, hold_shipment (import, and put the shipments on hold in Fulfil until a person has looked),
    import_completed (a sale of the past: nothing is shipped, invoiced or booked), wait, or exclude."""
    payment: tuple[Payment, ...] = ()
    """How it was paid."""
    gateways: tuple[str, ...] = ()
    """By which gateways, as the sales channel names them."""
    tags: tuple[str, ...] = ()
    """The tags of the order, without regard to case."""
    risk: tuple[Risk, ...] = ()
    """How the sales channel judges the risk of fraud: low, medium or high."""
    kinds: tuple[Kind, ...] = ()
    """test, by_channel (the sales channel ships it itself), or shipped (nothing is left to ship)."""

    def fits(self, order: Order, payment: Payment, kinds: tuple[Kind, ...]) -> bool:
        """Whether this row decides on the order."""
        return (
            (not self.payment or payment in self.payment)
            and (not self.kinds or any(kind in self.kinds for kind in kinds))
            and (not self.risk or order.risk in self.risk)
            and (not self.gateways or not gateways_of(order).isdisjoint(self.gateways))
            and (not self.tags or not _folded(self.tags).isdisjoint(_folded(order.tags)))
        )


class GateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The import gate of one sales channel."""

    starts_at: datetime | None = None
    """The cutover, with its offset: orders placed before it are known, and not imported. Not set: there was none."""
    grace_s: Annotated[float, Meta(ge=0, le=604_800)] = 0.0
    """How long after its purchase an order is left alone, so that customers' edits come first."""
    wait_days_max: Annotated[float, Meta(gt=0, le=365)] = 7.0
    """How long an order may wait for its payment before somebody is asked."""
    rules: tuple[GateRule, ...] = ()
    """Rows of the table above those that every sales channel has."""

    def __post_init__(self) -> None:
        """Refuse a cutover that is another instant in each time zone."""
        if self.starts_at is not None and self.starts_at.tzinfo is None:
            raise ValueError(
                "starts_at has no offset: write 2026-11-01T00:00:00Z, or with the offset of your time zone"
            )


OPEN_GATE: Final = GateSettings()
"""Of a sales channel that configures none."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate says of an order. `waits` completes "it waits"; `until` is when it is looked at again."""

    then: Then
    rule: str = ""
    waits: str = ""
    until: datetime | None = None

    @property
    def told(self) -> str:
        """The verdict in one text, without its instant: an order is judged anew only when this changes."""
        return " ".join(filter(None, (self.then, self.rule, self.waits)))

    @property
    def ships(self) -> bool:
        """Whether the goods may go out."""
        return self.then in ("import", "import_completed")


BUILT_IN: Final = (
    GateRule(name="test orders", then="exclude", kinds=("test",)),
    GateRule(name="shipped by the sales channel", then="exclude", kinds=("by_channel",)),
    GateRule(name="shipped already", then="exclude", kinds=("shipped",)),
    GateRule(name="refunded in full", then="exclude", payment=("refunded",)),
)
"""What every sales channel excludes, unless a row of its own names that kind, or that payment."""
_PAID: Final = ("paid", "authorised", "partially_refunded")
"""Payments that need no more waiting."""
_IMPORTS: Final = Verdict(then="import")
_IMPORTING: Final = GateRule(name="paid or authorised", then="import", payment=("paid", "authorised"))
_FOR: Final[dict[Payment, str]] = {
    "voided": "for a new payment, because the one it had was voided",
    "partially_paid": "for the rest of its payment",
}


def gate(order: Order, proof: Proof, settings: GateSettings, received: Instant, now: datetime) -> Verdict:
    """What the gate says of an order that is not cancelled; `received` is when its first version was accepted."""
    if (
        order.financial_status is FinancialStatus.PAID
        and not (settings.rules or settings.grace_s or settings.starts_at or order.test or order.tags or order.risk)
        and order.fulfilment_status is not FulfilmentStatus.SHIPPED
        and not is_charged_back(order)
    ):
        return _IMPORTS  # the usual case, without a look at the table
    payment, kinds = payment_of(order, proof), kinds_of(order)
    if settings.starts_at is not None and order.placed_at < settings.starts_at:
        return Verdict(then="exclude", rule="placed before the cutover")
    rule = _row(order, settings, payment, kinds)
    if rule is not None and rule.then == "exclude":
        return Verdict(then="exclude", rule=rule.name)
    if rule is None or rule.then == "wait":
        until = to_datetime(received) + timedelta(days=settings.wait_days_max)
        return Verdict(
            then="wait",
            rule="" if rule is None else rule.name,
            waits=_FOR.get(payment, "for its payment") if rule is None else f"by the rule {rule.name!r}",
            until=until,
        )
    if settings.grace_s and rule.then != "import_completed":
        window = timedelta(seconds=settings.grace_s)
        grace = min(order.placed_at, to_datetime(received)) + window  # a shop's clock may be ahead
        if now < grace:
            return Verdict(then="wait", rule="grace", waits="for edits, as long as they are expected", until=grace)
    if rule.then == "import" and order.risk is Risk.HIGH and not rule.risk:
        return Verdict(then="hold_shipment", rule="high risk")
    if rule.then == "import" and is_charged_back(order):
        return Verdict(then="hold_shipment", rule="charged back")
    return _IMPORTS if rule.then == "import" else Verdict(then=rule.then, rule=rule.name)


def _row(order: Order, settings: GateSettings, payment: Payment, kinds: tuple[Kind, ...]) -> GateRule | None:
    """The row that decides; None when the order has to be paid first."""
    rule = next((rule for rule in settings.rules if rule.fits(order, payment, kinds)), None)
    kinds_named, payments_named = ((), ()) if rule is None else (rule.kinds, rule.payment)
    for excluding in BUILT_IN:
        is_named = payment in payments_named if excluding.payment else excluding.kinds[0] in kinds_named
        if excluding.fits(order, payment, kinds) and not is_named:
            return excluding
    if rule is None:
        return _IMPORTING if payment in _PAID else None
    says_how_paid = bool(rule.payment or rule.gateways)
    lets_pass = payment in _PAID or says_how_paid or rule.then in ("wait", "exclude", "import_completed")
    return rule if lets_pass else None


def gate_again(order: Order, proof: Proof, settings: GateSettings, received: Instant, now: datetime) -> Verdict:
    """What the gate says of a later version of an order that has been imported.

    When it may be imported does not matter any more, and that it was shipped is what was to become of it.
    """
    unshipped = msgspec.structs.replace(order, fulfilment_status=FulfilmentStatus.UNSHIPPED)
    still = msgspec.structs.replace(settings, starts_at=None, grace_s=0.0)
    return gate(unshipped, proof, still, received, now)


def payment_of(order: Order, proof: Proof) -> Payment:
    """How an order was paid: in its own words, or where it has none, by what its payments cover."""
    status = order.financial_status
    unsaid = status in (FinancialStatus.UNKNOWN, FinancialStatus.PENDING)
    if unsaid and not order.totals.total.shop:
        return "paid"  # there is nothing to pay
    if status is not FinancialStatus.UNKNOWN:
        return _WORDS[status]
    for equation in proof.equations:
        if equation.name == "tender":
            captured, authorised, gift_card, credit, due = equation.parts[:5]
            if due > ZERO:
                return "partially_paid" if captured + authorised + gift_card + credit > ZERO else "pending"
            return "authorised" if authorised > ZERO else "paid"
    return "pending"


def is_charged_back(order: Order) -> bool:
    """Whether the customer's bank takes back money of it, so that nothing of it is to leave (rule 21)."""
    for payment in order.payments:  # a loop, because it is asked of every order
        if payment.kind is PaymentKind.CHARGEBACK and payment.status is PaymentStatus.SUCCESS:
            return True
    return False


def kinds_of(order: Order) -> tuple[Kind, ...]:
    """What sets an order apart, whatever was paid."""
    found: list[Kind] = []
    if order.test:
        found.append("test")
    if BY_CHANNEL in order.tags:
        found.append("by_channel")
    if order.fulfilment_status is FulfilmentStatus.SHIPPED:
        found.append("shipped")
    return tuple(found)


_WORDS: Final[dict[FinancialStatus, Payment]] = {
    FinancialStatus.PENDING: "pending",
    FinancialStatus.AUTHORISED: "authorised",
    FinancialStatus.PARTIALLY_PAID: "partially_paid",
    FinancialStatus.PAID: "paid",
    FinancialStatus.PARTIALLY_REFUNDED: "partially_refunded",
    FinancialStatus.REFUNDED: "refunded",
    FinancialStatus.VOIDED: "voided",
}


def gateways_of(order: Order) -> set[str]:
    """By which gateways it was paid, or is to be."""
    return {*order.payment_methods, *(each.gateway for each in order.payments if each.gateway is not None)}


def _folded(tags: tuple[str, ...]) -> set[str]:
    return {tag.strip().casefold() for tag in tags}
