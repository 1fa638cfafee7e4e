"""What has to be done in Fulfil for each record, by what is there now. Pure, and asked again after everything lost.

Nothing is made before what is there has been read, so it does not matter who made it: an earlier attempt whose answer
was lost, the create of the sale, or a person. A record is there when the sale has a live transaction under its
reference; or, entered by hand, one of the same gateway, amount and day under a reference that nobody here knows.

- A record hangs on the payment of the authorisation that it captures, if Fulfil has that; a refund on the payment of
  the charge that it gives back; else on a payment of its own, under its own reference.
- An authorisation that has become another amount under the same id is cancelled, and the charge made beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Final, Literal

import msgspec

from connectors.fulfil.payments import Gateway, SalePayment, Transaction
from flows.model.money import ZERO, exactly
from flows.model.payments import ENDED
from flows.payment_mapper.parts import Entry, Found

Move = Literal["authorise", "capture", "process", "cancel"]
_GONE: Final = frozenset(("cancel", "cancelled", "failed"))
_TAKEN: Final = frozenset(("completed", "posted"))
MANUAL: Final = "manual"


class SaleThere(msgspec.Struct, frozen=True, gc=False):
    """A sale in Fulfil, as far as its payments need it: whose it is, and its currency by id and by code."""

    id: int
    party: int | None
    currency: int | None
    currency_code: str | None


class There(msgspec.Struct, frozen=True, kw_only=True):
    """What Fulfil has, of the sales in question. `known` are the references of all records of each order, and `found`
    those of them that it had already, so that nothing there is taken for two.

    Instants of `payments` are in the time zone in which entries have their days.
    """

    sales: Sequence[SaleThere] = ()
    payments: Sequence[SalePayment] = ()
    transactions: Sequence[Transaction] = ()
    gateways: Sequence[Gateway] = ()
    known: Mapping[str, Collection[str]] = {}
    found: Sequence[Found] = ()


class IsThere(msgspec.Struct, frozen=True):
    """Nothing has to be done. `payment`: the one without transactions that is it."""

    transaction: int | None
    payment: int | None = None


class NeedsPayment(msgspec.Struct, frozen=True):
    """The sale has no payment that it could hang on."""

    gateway: int


class NeedsTransaction(msgspec.Struct, frozen=True):
    """Its transaction is to be made, on this payment."""

    payment: int
    gateway: int


class NeedsMove(msgspec.Struct, frozen=True):
    """Its transaction is to be moved on."""

    transaction: int
    move: Move


class Impossible(msgspec.Struct, frozen=True):
    """It cannot be recorded, and a person has to know why."""

    sentence: str


Next = IsThere | NeedsPayment | NeedsTransaction | NeedsMove | Impossible


def planned(entries: Sequence[Entry], there: There) -> list[Next]:
    """The next step of each entry. What one of them is, or was found to be before, no other one is."""
    claims = _Claims()
    for found in there.found:
        plan = _Plan(found.entry, there, claims)
        claims.add(plan.found_bare() if found.transaction is None else IsThere(found.transaction))
    steps = []
    for entry in entries:
        step = _Plan(entry, there, claims).step()
        claims.add(step)
        steps.append(step)
    return steps


class _Claims:
    """What in Fulfil is some record already."""

    def __init__(self) -> None:
        self.transactions: set[int] = set()
        self.payments: set[int] = set()

    def add(self, step: Next | None) -> None:
        if isinstance(step, IsThere):
            self.transactions.update(() if step.transaction is None else (step.transaction,))
            self.payments.update(() if step.payment is None else (step.payment,))


class _Plan:
    """One entry beside what its sale has."""

    def __init__(self, entry: Entry, there: There, claims: _Claims) -> None:
        self.entry, self.there, self.claims = entry, there, claims
        self.payments = [each for each in there.payments if each.sale == entry.sale]
        ids = {each.id for each in self.payments}
        self.all = [each for each in there.transactions if each.sale_payment in ids]
        self.live = [each for each in self.all if each.state not in _GONE]

    @exactly
    def step(self) -> Next:
        against = self._against()
        if against is not None:
            return against
        if self.entry.wanted in ENDED:
            return self._ended()
        same = [
            each
            for each in self.live
            if (each.provider_reference, each.type) == (self.entry.reference, self.entry.type)
        ]
        for each in same:
            if each.state != "draft" or each.amount == self.entry.amount:
                return self._on_from(each)
        if self.entry.wanted == "completed":
            by_hand = self._by_hand()
            if by_hand is not None:
                return by_hand
        return self._made_on()

    def _against(self) -> Impossible | None:
        """What is wrong with the sale itself."""
        entry = self.entry
        sale = next((each for each in self.there.sales if each.id == entry.sale), None)
        if sale is None:
            return Impossible(f"Fulfil has no sale {entry.sale} any more")
        if sale.currency_code not in (None, entry.currency):
            return Impossible(f"the sale in Fulfil is in {sale.currency_code}, and the order in {entry.currency}")
        return None

    def _ended(self) -> Next:
        """An authorisation that is over. A draft reserves nothing, and what is not there need not be ended."""
        entry = self.entry
        for each in self.live:
            if (each.provider_reference, each.type) == (entry.reference, "charge"):
                if each.state in ("authorized", "in-progress"):
                    return NeedsMove(each.id, "cancel")
                if each.state in _TAKEN and entry.wanted == "voided":
                    return Impossible(f"{entry.reference} was captured in Fulfil, and is voided in the sales channel")
        return IsThere(None)

    def _on_from(self, found: Transaction) -> Next:
        """The transaction is there, somewhere on its way."""
        entry, state = self.entry, found.state
        if entry.wanted == "authorized":
            return NeedsMove(found.id, "authorise") if state == "draft" else IsThere(found.id)
        if state in _TAKEN:
            if found.amount is None or found.amount == entry.amount:
                return IsThere(found.id)
            return Impossible(f"Fulfil has {found.amount:f} for {entry.reference}, and not {entry.amount:f}")
        if state == "authorized" and found.amount is not None and found.amount != entry.amount:
            return NeedsMove(found.id, "cancel")
        return NeedsMove(found.id, "process" if entry.type == "refund" else "capture")

    # -- made by others ------------------------------------------------------------------------------------------------

    def _by_hand(self) -> Next | None:
        """What somebody has entered, or captured in Fulfil, for the same money."""
        entry = self.entry
        for each in self.live:
            is_free = each.id not in self.claims.transactions
            if each.type == entry.type and each.state in _TAKEN and is_free:
                if entry.type == "charge" and entry.parent and each.provider_reference == entry.parent:
                    return self._captured_there(each)
                if self._is_alike(each):
                    return IsThere(each.id)
        return self._bare() if entry.type == "charge" else None

    def found_bare(self) -> Next | None:
        """What it is now that was found as a payment without transactions: somebody may have made one of it since."""
        return self._bare() or self._by_hand()

    def _bare(self) -> IsThere | None:
        """A payment without transactions that is this money."""
        for payment in self.payments:
            is_free = payment.id not in self.claims.payments
            if is_free and self._is_bare(payment) and self._stands_alone(payment):
                return IsThere(None, payment.id)
        return None

    def _captured_there(self, each: Transaction) -> Next:
        """Fulfil has captured the authorisation itself."""
        if each.amount == self.entry.amount:
            return IsThere(each.id)
        return Impossible(f"Fulfil itself has captured {each.amount} of {self.entry.parent}")

    def _is_alike(self, each: Transaction) -> bool:
        strange = (each.provider_reference or "") not in self.there.known.get(self.entry.order, ())
        alike = each.amount == self.entry.amount and each.gateway in (None, self._gateway_of(each.gateway))
        return strange and alike and self._is_of_day(each.made_on)

    def _is_bare(self, payment: SalePayment) -> bool:
        """Whether it has no transactions; those that were made since it was read count, too."""
        return not payment.transactions and all(each.sale_payment != payment.id for each in self.all)

    def _stands_alone(self, payment: SalePayment) -> bool:
        """Whether it is this money: captured under our reference, or alike under none of ours."""
        entry = self.entry
        if payment.reference == entry.reference:
            return payment.amount_captured is not None and payment.amount_captured >= entry.amount > ZERO
        strange = (payment.reference or "") not in self.there.known.get(entry.order, ())
        alike = payment.amount == entry.amount and payment.gateway in (None, self._gateway_of(payment.gateway))
        day = None if payment.create_date is None else payment.create_date.date()
        return strange and alike and self._is_of_day(day)

    def _is_of_day(self, day: date | None) -> bool:
        """Where the sales channel does not say the day, anybody may have been faster."""
        entry = self.entry
        if day is None or entry.day is None:
            return True
        return day == entry.day if entry.day_said else day <= entry.day

    # -- made by us ----------------------------------------------------------------------------------------------------

    def _made_on(self) -> Next:
        payment = self._payment()
        if self.entry.type == "refund":
            if payment is None:
                return Impossible("no payment of the sale in Fulfil has taken what it gives back")
            if payment.gateway is None:
                return Impossible("Fulfil does not say through which gateway it was paid")
            return NeedsTransaction(payment.id, payment.gateway)
        gateway = self._gateway()
        if isinstance(gateway, Impossible):
            return gateway
        return NeedsPayment(gateway) if payment is None else NeedsTransaction(payment.id, gateway)

    def _payment(self) -> SalePayment | None:
        """The payment that it hangs on."""
        by_id = {each.id: each for each in self.payments}
        entry = self.entry
        if entry.parent:
            for each in self.all:
                if (each.provider_reference, each.type) == (entry.parent, "charge") and each.sale_payment in by_id:
                    return by_id[each.sale_payment]
        if entry.type == "refund":
            return next((each for each in self.payments if self._has_left(each)), None)
        for reference in filter(None, (entry.reference, entry.parent)):
            named = next((each for each in self.payments if each.reference == reference), None)
            if named is not None:
                return named
        return None

    def _has_left(self, payment: SalePayment) -> bool:
        """Whether it has taken enough that has not gone back, through the gateway if that is known."""
        if payment.gateway != self._gateway_of(payment.gateway):
            return False
        of = [each for each in self.live if each.sale_payment == payment.id and each.state in _TAKEN]
        if self._is_bare(payment) and payment.amount_captured is not None:
            return payment.amount_captured - (payment.amount_refunded or ZERO) >= self.entry.amount
        return _sum(of, "charge") - _sum(of, "refund") >= self.entry.amount

    def _gateway_of(self, otherwise: int | None) -> int | None:
        """Fulfil's id of the entry's gateway; without one, whichever it is."""
        if not self.entry.method:
            return otherwise
        found = self._gateway()
        return None if isinstance(found, Impossible) else found

    def _gateway(self) -> int | Impossible:
        entry, method = self.entry, self.entry.method
        if entry.gateway is not None:
            found = [each for each in self.there.gateways if each.id == entry.gateway]
        else:
            found = [each for each in self.there.gateways if each.code == method]
            found = found or [each for each in self.there.gateways if each.name == method]
        if not found and entry.gateway is not None:
            return entry.gateway
        if len(found) != 1:
            return Impossible(
                f"{len(found) or 'no'} gateway of Fulfil's is called {method!r}: give its id in [payments.gateways]"
            )
        if found[0].method not in (None, MANUAL):
            return Impossible(f"Fulfil itself takes money through {method!r} (its method is {found[0].method})")
        return found[0].id


def _sum(transactions: Sequence[Transaction], type_: str) -> Decimal:
    return sum((each.amount for each in transactions if each.type == type_ and each.amount is not None), ZERO)
