"""Which entries of Magento's `items` are lines: every thing that was sold counts once.

A configurable product or a bundle is an entry, and what was chosen of it are further entries that name it as parent.

- The parent is the line: it has the quantity, the price, the tax. Entries below it repeat parts of its price (bundles
  of dynamic price), or say zero.
- Figures that only the children publish (tax and discount of a bundle of dynamic price, by version) come from them.
- The children are the lines where the parent has no price but they have, and for a bundle of dynamic price whose SKU is
  dynamic too: that SKU (`KIT-A-B`) is a list of theirs and no product, and the children publish the whole price.

Source: Magento's own code, sales and bundle modules (`isChildrenCalculated`, `getSku` of a bundle), magento/magento2
issues 11957 and 38687: the API does not say of a bundle which kind of price it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec

from flows.formats.magento_amounts import first, flag, given, number
from flows.formats.magento_wire import ItemIn
from flows.formats.parts import Misread, id_text, text_of
from flows.model.money import ZERO, quotient
from flows.model.order import FulfilmentStatus

_NOT_SHIPPED = frozenset(("virtual", "downloadable"))


class Sold(msgspec.Struct, gc=False):
    """An entry that is a line, with the entries below it."""

    item: ItemIn
    children: Sequence[ItemIn] = ()

    @property
    def item_id(self) -> str:
        """The source's id of the entry; empty without one."""
        return id_text(self.item.item_id) or ""

    @property
    def product(self) -> ItemIn:
        """What is taken from the shelf: the one child of a configurable product, else the entry itself."""
        chosen = self.item.product_type == "configurable" and len(self.children) == 1
        return self.children[0] if chosen and text_of(self.children[0].sku) else self.item

    @property
    def shipped_items(self) -> list[ItemIn]:
        """The entries that are parcelled: of a bundle its goods, if none of it is shipped as a whole."""
        if self.children and not number(self.item.qty_shipped):
            return [child for child in self.children if is_shipped(child)]
        return [self.item] if self.requires_shipping else []

    @property
    def requires_shipping(self) -> bool:
        """Whether anything of it is shipped."""
        return any(map(is_shipped, self.children or (self.item,)))

    def quantity_left(self, quantity: Decimal) -> Decimal | None:
        """What cancels and refunds left; for a bundle whose parts lost units, what whole bundles are left at most."""
        left = _left(self.item, quantity)
        for child in self.children:
            ordered = number(child.qty_ordered)
            rest = _left(child, ordered)
            if rest is not None and rest < ordered:
                whole = quotient(rest * quantity, ordered, 4)
                left = whole if left is None else min(left, whole)
        return left


def sold(items: Sequence[ItemIn]) -> list[Sold]:
    """The lines of an order, in its order."""
    found: list[Sold] = []
    for each in _families(items):
        if each.children and _priced_below(each):
            found += [Sold(child) for child in each.children]
        else:
            found.append(each)
    return found


def _families(items: Sequence[ItemIn]) -> Iterator[Sold]:
    """The entries without a parent; also a parent that only its children bring along, or else children with prices.

    Raises Misread for those without: they are parts of something that may be there under another id, and be sold twice.
    """
    known = {id_text(item.item_id) for item in items}
    below: dict[str, list[ItemIn]] = {}
    for item in items:
        parent = _parent_id(item)
        if parent is not None:
            below.setdefault(parent, []).append(item)
    for item in items:
        parent = _parent_id(item)
        if parent is None:
            yield Sold(item, below.get(id_text(item.item_id) or "", ()))
        elif parent not in known:
            known.add(parent)
            if isinstance(item.parent_item, ItemIn):
                yield Sold(item.parent_item, below[parent])
            elif any(_figures(each)[0] for each in below[parent]):
                yield from map(Sold, below[parent])
            else:
                raise Misread("items without a price of their own name a parent that is not among the items")


def _parent_id(item: ItemIn) -> str | None:
    named = given(item.parent_item_id)
    parent = id_text(named)
    if parent is None and named is not None and named is not False:
        raise Misread("the parent_item_id of an item is no id")  # a part that is read as a thing is sold twice
    if parent is None and isinstance(item.parent_item, ItemIn):
        parent = id_text(item.parent_item.item_id)
    return None if parent in {None, "0", id_text(item.item_id)} else parent


def _priced_below(family: Sold) -> bool:
    """Whether the children are the lines."""
    own, theirs = _figures(family.item), [ZERO] * 4
    for child in family.children:
        theirs = [one + other for one, other in zip(theirs, _figures(child), strict=True)]
    if not theirs[0]:
        return False
    if not own[0]:
        return True
    sku, parts = text_of(family.item.sku) or "", [text_of(child.sku) for child in family.children]
    listed = family.item.product_type == "bundle" and all(part and f"-{part}" in sku for part in parts)
    return listed and all(one in {ZERO, other} for one, other in zip(own, theirs, strict=True))


def _figures(item: ItemIn) -> list[Decimal]:
    """Price, discount, the tax in the discount, tax; of the base currency where it is published."""
    compensation = first(item.base_discount_tax_compensation_amount, item.discount_tax_compensation_amount)
    return [
        number(first(item.base_row_total, item.row_total)),
        number(first(item.base_discount_amount, item.discount_amount)),
        number(first(compensation, item.base_hidden_tax_amount, item.hidden_tax_amount)),
        number(first(item.base_tax_amount, item.tax_amount)),
    ]


# -- quantities --------------------------------------------------------------------------------------------------------


def is_shipped(item: ItemIn) -> bool:
    """Whether somebody has to parcel it; `is_virtual` is 1 for virtual and downloadable products and e-mailed cards."""
    return text_of(item.product_type) not in _NOT_SHIPPED and not flag(item.is_virtual)


def fulfilment_of(lines: Sequence[Sold], state: str) -> FulfilmentStatus:
    """What was shipped, by the quantities. A complete order counts as shipped: nothing must be shipped twice."""
    parcelled = [item for line in lines for item in line.shipped_items]
    if parcelled and state == "complete":
        return FulfilmentStatus.SHIPPED
    if not any(number(item.qty_shipped) for item in parcelled):
        return FulfilmentStatus.UNSHIPPED
    return FulfilmentStatus.PARTIAL if any(map(_waits, parcelled)) else FulfilmentStatus.SHIPPED


def _waits(item: ItemIn) -> bool:
    """Whether units of it are neither shipped nor cancelled nor refunded."""
    ordered = number(item.qty_ordered)
    left = _left(item, ordered)
    return (ordered if left is None else left) > number(item.qty_shipped)


def _left(item: ItemIn, quantity: Decimal) -> Decimal | None:
    """The quantity less what was cancelled and refunded; None when the entry speaks of neither."""
    if given(item.qty_canceled) is None and given(item.qty_refunded) is None:
        return None
    gone = number(item.qty_canceled) + number(item.qty_refunded)
    return max(quantity - gone, ZERO)
