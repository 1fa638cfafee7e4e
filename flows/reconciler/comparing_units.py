"""The units on the lines of a sale in Fulfil, against those that were sent. Pure.

Units are summed by SKU, so lines may be split, joined or in another order. Not counted are shipping lines, goods that
come back, and lines of no product. Lines that Fulfil adds to a kit, whose own line stands as it was sent, are told by
having no id of the sales channel's and costing nothing: they may be there, and alone they are no difference. A product
whose SKU has become another one in Fulfil since the sale was first read is known by its id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from connectors.fulfil.read_back import ReadBackLine
from flows.model.money import ZERO, digits_of, exactly, rounded
from flows.model.several import several

_DIGITS: Final = 6
"""Quantities are floats on the wire; finer than this they say nothing."""
_NAMED_MAX: Final = 5


class Units(msgspec.Struct, frozen=True, kw_only=True):
    """What the lines of a sale have, by SKU. `own`: less what may be components of kits.

    `prices`: of one unit, before tax. `products`: their ids in Fulfil.
    """

    all: dict[str, Decimal]
    own: dict[str, Decimal]
    prices: dict[str, Decimal]
    products: dict[str, int]


class UnitsOff(msgspec.Struct, frozen=True, kw_only=True):
    """SKUs of which a sale has other units than it is to have. `worth`: what the units come to at the sale's prices;
    zero where it has none.
    """

    wanted: dict[str, Decimal]
    there: dict[str, Decimal]
    worth: Decimal

    @property
    def sentence(self) -> str:
        """Each SKU with what there is of it, and what there is to be."""
        told = [f"{_plain(self.there[sku])} instead of {_plain(self.wanted[sku])} of {sku}" for sku in self.wanted]
        more = len(told) - _NAMED_MAX
        named = ", ".join(told[:_NAMED_MAX])
        return named if more <= 0 else f"{named}, and others of {several(more, 'more SKU')}"


@exactly
def units_on(lines: Sequence[ReadBackLine], known: Mapping[str, int]) -> Units | None:
    """What they have. `known`: products by the SKUs that they had before. None: Fulfil does not tell all of it."""
    names = {product: sku for sku, product in known.items()}
    found = Units(all={}, own={}, prices={}, products={})
    for line in lines:
        comes_back = line.origin is not None or (line.quantity is not None and line.quantity < ZERO)
        if line.shipment_cost is not None or line.type not in (None, "line") or line.product is None or comes_back:
            continue
        if line.quantity is None or line.product_code is None:
            return None
        sku = names.get(line.product, line.product_code)
        quantity = _without_noise(line.quantity - (line.quantity_canceled or ZERO))
        found.all[sku] = found.all.get(sku, ZERO) + quantity
        found.products[sku] = line.product
        if line.channel_identifier or line.unit_price:
            found.own[sku] = found.own.get(sku, ZERO) + quantity
            found.prices[sku] = max(found.prices.get(sku, ZERO), line.unit_price or ZERO)
    return found


@exactly
def units_off(wanted: Mapping[str, Decimal], found: Units, currency: str) -> UnitsOff | None:
    """Where the units are others; None where they are the same."""
    if wanted == found.all == found.own:
        return None
    skus = [*wanted, *(sku for sku in found.all if sku not in wanted)]
    if all(_is_within(wanted.get(sku, ZERO), sku, found) for sku in skus):
        return None
    off = [sku for sku in skus if _without_noise(wanted.get(sku, ZERO)) != found.all.get(sku, ZERO)]
    by_much = {sku: found.all.get(sku, ZERO) - wanted.get(sku, ZERO) for sku in off}
    worths = {sku: much * found.prices.get(sku, ZERO) for sku, much in by_much.items()}
    more = sum((worth for worth in worths.values() if worth > ZERO), ZERO)
    fewer = sum((-worth for worth in worths.values() if worth < ZERO), ZERO)
    return UnitsOff(
        wanted={sku: wanted.get(sku, ZERO) for sku in off},
        there={sku: found.all.get(sku, ZERO) for sku in off},
        worth=rounded(max(more, fewer), digits_of(currency)),
    )


def _is_within(wanted: Decimal, sku: str, found: Units) -> bool:
    """Whether the units that are to be there are, with or without those that may be components."""
    return found.own.get(sku, ZERO) <= _without_noise(wanted) <= found.all.get(sku, ZERO)


def _without_noise(quantity: Decimal) -> Decimal:
    """As it was meant, where a float on the wire has said it."""
    return quantity if quantity == quantity.to_integral_value() else rounded(quantity, _DIGITS)


@exactly
def told(units: Mapping[str, Decimal]) -> str:
    """Units by SKU, as they are kept and shown: `2 x LAMP, 1 x MUG`; `nothing` when there are none."""
    shown = [f"{_plain(quantity)} x {sku}" for sku, quantity in sorted(units.items()) if quantity]
    return ", ".join(shown) or "nothing"


def _plain(quantity: Decimal) -> str:
    return f"{quantity.normalize():f}"
