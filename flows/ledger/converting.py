"""A payout in another currency than the ledger's, by the payout's own exchange rate (rules 7, 18 and 20). Pure.

A provider that tells of each sale and refund both what the customer paid and what came of it at the balance has told
its rate: all that was paid, for all that came. Where every such line was paid in the ledger's currency, that is the
payout's rate, and the day on which it was paid out is its date. No other rate is known here, and none is guessed.

Fulfil has what customers paid. What that is more or less than the same lines at the payout's one rate (a refund of
another day, parts of a cent) is the exchange difference, so that the gateway's clearing account goes to zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from flows.model.money import digits_of, exactly, quotient, rounded
from flows.model.payout import OF_ORDERS, LineClass, presented

_RATE_DIGITS: Final = 10


class Shown(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What lines of orders come to in the ledger's currency, by class, as their provider tells."""

    amounts: dict[LineClass, Decimal] = {}
    lacking: int = 0
    """Lines of orders of which it does not tell that."""


class Conversion(msgspec.Struct, frozen=True, kw_only=True):
    """The rate of a payout: what one unit of its currency is worth in the ledger's."""

    currency: str
    """The ledger's."""
    rate: Decimal
    amounts: dict[LineClass, Decimal]
    """What customers paid and got back, in the ledger's currency."""

    @exactly
    def of(self, amount: Decimal) -> Decimal:
        """An amount in whole units of the ledger's currency."""
        return rounded(amount * self.rate, digits_of(self.currency))


@exactly
def shown_with(shown: Shown, kind: str, amount: Decimal, presentment: str, currency: str) -> Shown:
    """With one line more. `presentment` is what the customer paid or got, as `12.00 GBP`, of whatever sign."""
    of = LineClass(kind)
    if of not in OF_ORDERS or not amount:
        return shown
    paid = presented(presentment, amount)
    if paid is None or paid.currency != currency:
        return msgspec.structs.replace(shown, lacking=shown.lacking + 1)
    so_far = shown.amounts.get(of, Decimal(0)) + paid.amount
    return msgspec.structs.replace(shown, amounts={**shown.amounts, of: so_far})


@exactly
def conversion_of(shown: Shown, sums: Mapping[LineClass, Decimal], currency: str) -> Conversion | None:
    """The rate of a payout whose classes come to `sums`; None where its lines do not tell it.

    Of its sales, or where it has none of its refunds. `currency` is the ledger's.
    """
    if shown.lacking:
        return None
    for kind in (LineClass.SALE, LineClass.REFUND):
        one, other = sums.get(kind), shown.amounts.get(kind)
        if one and other and (one > 0) == (other > 0):
            rate = quotient(other, one, _RATE_DIGITS)
            return Conversion(currency=currency, rate=rate, amounts=shown.amounts) if rate else None
    return None
