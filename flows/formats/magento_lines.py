"""The lines of a Magento order, and what it charges beside them.

A line's figures are the entry's own. Where the entry has none, and the entries below it do, they are the sum of
those: a bundle of dynamic price is discounted and, by version, taxed through its parts.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from decimal import Decimal

from flows.formats.magento_amounts import HUNDREDTH, Amounts, first, given, minus, plus, times, wrapping
from flows.formats.magento_items import Sold
from flows.formats.magento_taxes import Taxes
from flows.formats.magento_wire import Extras, ItemIn
from flows.formats.parts import Misread, text_of
from flows.model.money import ONE, amount_of
from flows.model.order import Amount, Conflict, Line


class Lines:
    """The entries of one payload that are lines, on their way to `Line`."""

    def __init__(self, entries: Sequence[Sold], amounts: Amounts, taxes: Taxes) -> None:
        self.entries, self.amounts, self.taxes = entries, amounts, taxes
        found = [self._below(entry, self._fixed_tax) for entry in entries]
        self.fixed_taxes = amounts.sum(each for each in found if each is not None)
        """Fixed product taxes (`weee`): a charge for each piece, in neither `row_total` nor `tax_amount`."""

    def lines(self) -> tuple[Line, ...]:
        """The lines, in the order's own order."""
        return tuple(map(self._line, self.entries))

    def _line(self, entry: Sold) -> Line:
        item = entry.item
        price = self.amounts.read(item, "price")
        if given(item.qty_ordered) is None:
            raise Misread("an item has no qty_ordered")
        if price is None:
            raise Misread("an item has no price")
        quantity = amount_of(item.qty_ordered)
        discount = self._below(entry, lambda one: self.amounts.read(one, "discount_amount"))
        compensation = self._below(entry, lambda one: compensation_of(self.amounts, one))
        tax = self._below(entry, lambda one: self.amounts.read(one, "tax_amount"))
        discount = discount or self.amounts.zero
        return Line(
            entry.item_id,
            text_of(entry.product.sku),
            html.unescape(text_of(item.name) or ""),
            quantity,
            price,
            self._gross(item, price, quantity),
            discount if compensation is None else minus(discount, compensation),
            self.taxes.of_line(entry, tax),
            entry.quantity_left(quantity),
            entry.requires_shipping,
            text_of(item.product_type) == "giftcard",
        )

    def _gross(self, item: ItemIn, price: Amount, quantity: Decimal) -> Amount:
        """`row_total`, which a rounded price need not give exactly, but within a hundredth for each piece."""
        reckoned, row = times(price, quantity), self.amounts.read(item, "row_total")
        if row is None:
            return reckoned
        most = (quantity.copy_abs() + ONE) * HUNDREDTH
        if row.shop != reckoned.shop and abs(row.shop - reckoned.shop).amount > most:
            self.amounts.conflicts.append(Conflict("the row_total of an item", row.shop, reckoned.shop))
        return row

    def _below(self, entry: Sold, read: Callable[[ItemIn], Amount | None]) -> Amount | None:
        own = read(entry.item)
        if entry.children and (own is None or not own.shop):
            theirs = self.amounts.sum(each for each in map(read, entry.children) if each is not None)
            return theirs if theirs.shop else own
        return own

    # -- beside the lines ----------------------------------------------------------------------------------------------

    def _fixed_tax(self, item: ItemIn) -> Amount | None:
        base = first(item.base_weee_tax_applied_row_amnt, item.base_weee_tax_applied_row_amount)
        return self.amounts.amount(base, item.weee_tax_applied_row_amount, "weee_tax_applied_row_amount")

    def fees(self, extras: Extras) -> Amount | None:
        """Fixed product taxes and gift wrapping; None when there is neither."""
        total = plus(self.fixed_taxes, self.amounts.sum(wrapping(self.amounts, extras, "price")))
        return total if total.shop else None

    def goods(self, subtotal: Amount | None, lines: Sequence[Line]) -> Amount | None:
        """The subtotal without the fixed product taxes, which a shop may choose to count in it."""
        fixed = self.fixed_taxes
        if subtotal is None or not fixed.shop:
            return subtotal
        rows = self.amounts.sum(line.gross for line in lines)
        return minus(subtotal, fixed) if subtotal.shop == rows.shop + fixed.shop else subtotal


def compensation_of(amounts: Amounts, source: object) -> Amount | None:
    """The tax inside a discount that was computed on prices with tax, under its name in either version."""
    found = amounts.read(source, "discount_tax_compensation_amount")
    return amounts.read(source, "hidden_tax_amount") if found is None else found
