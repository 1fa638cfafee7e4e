"""An order as a sales channel keeps it: whole cents, and what was removed, refunded and shipped of each line.

Shares of a line are taken from its end, cumulatively: the worth of the first k of n units is rounded once, so whatever
is removed and refunded in whatever pieces adds up to the line, to the cent.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

import msgspec

from connectors.patchworks.sandbox.sales_channels.config import TaxSeed
from runtime.clock import Instant


class ChannelRefusal(Exception):
    """What the sales channel does not do. The text is its answer; `status` the HTTP status that it gives with it."""

    def __init__(self, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class Part(msgspec.Struct, frozen=True, gc=False):
    """The worth of some units: before discount, its discount, and the tax on the rest, per tax of the order."""

    gross: int
    discount: int
    taxes: tuple[int, ...]

    @property
    def net(self) -> int:
        """After discount. It contains the tax when the order's prices do."""
        return self.gross - self.discount

    @property
    def tax(self) -> int:
        """All taxes."""
        return sum(self.taxes)

    def __sub__(self, other: Part) -> Part:
        taxes = tuple(a - b for a, b in zip(self.taxes, other.taxes, strict=True))
        return Part(self.gross - other.gross, self.discount - other.discount, taxes)


class Line(msgspec.Struct, gc=False, kw_only=True):
    """Goods on an order. `quantity` is what was first ordered."""

    id: int
    sku: str
    title: str
    price: int
    quantity: int
    worth: Part
    removed: int = 0
    """Units taken off by an edit or a cancel, before they were shipped."""
    refunded: int = 0
    """Units given back after the sale."""
    shipped: int = 0

    @property
    def current(self) -> int:
        """Units that are still sold."""
        return self.quantity - self.removed - self.refunded

    @property
    def open(self) -> int:
        """Units that are still to be shipped."""
        return max(0, self.current - self.shipped)

    def first(self, units: int) -> Part:
        """The worth of the first so many units."""
        share = [_share(each, units, self.quantity) for each in (self.worth.gross, self.worth.discount)]
        return Part(share[0], share[1], tuple(_share(tax, units, self.quantity) for tax in self.worth.taxes))

    def taken(self, units: int) -> Part:
        """The worth of the last so many units that are still sold."""
        return self.first(self.current) - self.first(self.current - units)


class RefundLine(msgspec.Struct, frozen=True, gc=False):
    """Units of one line in a refund."""

    line_id: int
    units: int
    worth: Part


class Refund(msgspec.Struct, frozen=True, gc=False):
    """Something was taken back; `paid_back` is money. Edits and cancels take units off before they were shipped."""

    id: int
    at: Instant
    lines: tuple[RefundLine, ...]
    shipping: int
    shipping_tax: int
    paid_back: int
    cause: Literal["edit", "cancel", "refund"]


class Fulfilment(msgspec.Struct, frozen=True, gc=False):
    """A parcel that the sales channel was told of."""

    id: int
    key: str
    at: Instant
    carrier: str
    tracking: tuple[tuple[str, str], ...]
    """Numbers and addresses."""
    lines: tuple[tuple[int, int], ...]
    """Line ids and units."""


class Person(msgspec.Struct, frozen=True, gc=False):
    """An invented buyer, with the one address."""

    id: int
    first: str
    last: str
    street: str
    city: str
    state: str
    state_code: str
    post_code: str

    @property
    def mail(self) -> str:
        """An address in a domain that is reserved for examples."""
        return f"{self.first}.{self.last}.{self.id}@example.com".lower()


class Order(msgspec.Struct, gc=False, kw_only=True):
    """One order and everything that happened to it."""

    id: int
    number: int
    placed_at: Instant
    updated_at: Instant
    person: Person
    lines: list[Line]
    shipping: Part
    percent: int = 0
    """Of the discount code; 0 for none."""
    payment: str = "paid"
    """`paid`, `pending` or `authorized`."""
    paid: int = 0
    """Money taken so far; what was paid back is not subtracted."""
    cancelled_at: Instant | None = None
    refunds: list[Refund] = []
    fulfilments: list[Fulfilment] = []
    is_test: bool = False
    tags: tuple[str, ...] = ()
    listed_from: Instant = Instant(0)
    """Lists of changed orders do not have it before: a commit that came late."""
    revision: int = 1
    """Counts what happened; names a version of the order in books and fault plans."""

    @property
    def paid_back(self) -> int:
        """Money that went back so far."""
        return sum(refund.paid_back for refund in self.refunds)

    @property
    def shipping_back(self) -> int:
        """Shipping that was refunded so far, before tax where tax is on top."""
        return sum(refund.shipping for refund in self.refunds)

    @property
    def units_open(self) -> int:
        """Units still to be shipped."""
        return sum(line.open for line in self.lines)

    def total(self, *, included: bool) -> int:
        """Of all lines ever ordered, with shipping; `included`: prices contain their taxes."""
        parts = [line.worth for line in self.lines] + [self.shipping]
        return sum(part.net + (0 if included else part.tax) for part in parts)

    def current_total(self, *, included: bool) -> int:
        """The total less what was removed and refunded."""
        parts = [line.worth for refund in self.refunds for line in refund.lines]
        gone = sum(part.net + (0 if included else part.tax) for part in parts)
        shipping = sum(refund.shipping + (0 if included else refund.shipping_tax) for refund in self.refunds)
        return self.total(included=included) - gone - shipping


def worth_of(gross: int, discount: int, taxes: Sequence[TaxSeed], *, included: bool) -> Part:
    """The part with its taxes, each rounded half up to the cent."""
    rates = [int(tax.rate * 1_000_000) for tax in taxes]
    base = 1_000_000 + (sum(rates) if included else 0)
    return Part(gross, discount, tuple(half_up((gross - discount) * rate, base) for rate in rates))


def half_up(numerator: int, denominator: int) -> int:
    """The quotient of natural numbers, rounded half up."""
    return (2 * numerator + denominator) // (2 * denominator)


def _share(cents: int, units: int, of: int) -> int:
    return half_up(cents * units, of) if of else 0


def text_of(cents: int) -> str:
    """An amount with two digits, as both formats write it."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def rate_of(tax: TaxSeed) -> Decimal:
    """The rate without zeros at its end."""
    return tax.rate.normalize()
