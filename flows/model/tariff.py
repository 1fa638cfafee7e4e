"""What a provider agreed to take of a sale, and by how much a fee is off. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from flows.model.money import EXACT, ZERO, digits_of, rounded
from flows.model.payout import LineClass, PayoutLine


class TariffSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The agreed fee of one provider, without the tax on it."""

    percent: Annotated[Decimal, Meta(ge=0, le=100)]
    """Of the amount that was paid: 2.9."""
    fixed: Annotated[Decimal, Meta(ge=0)] = Decimal(0)
    """And this much for each sale, in the currency of the payout: 0.30."""
    tolerance: Annotated[Decimal, Meta(ge=0)] = Decimal("0.01")
    """By how much a fee may differ; providers round in their own ways."""


def fee_off(line: PayoutLine, tariff: TariffSettings | None) -> Decimal:
    """By how much the fee of a sale differs from the tariff, negative when too much was taken; zero within tolerance.

    Sales in another currency than the payout's are left out: what their conversion costs is not in the tariff.
    """
    if tariff is None or line.kind is not LineClass.SALE or line.presentment:
        return ZERO
    share = EXACT.multiply(line.amount, EXACT.scaleb(tariff.percent, -2))
    agreed = rounded(EXACT.add(share, tariff.fixed), digits_of(line.currency))
    off = EXACT.add(line.fee, agreed)
    return off if EXACT.abs(off) > tariff.tolerance else ZERO
