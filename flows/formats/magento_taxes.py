"""The taxes of a Magento order: the amounts of items and shipping, and whatever names of them are published.

An item's `tax_amount` is the figure; names and shares are elsewhere, by version, and often nowhere. In this order:

1. `extension_attributes.item_applied_taxes` (2.1 to 2.4): title, percentage and share, by item and for shipping;
2. `itemized_taxes` of the item (2.4.7), with titles from the order's `taxes`;
3. the order's `applied_taxes`, when exactly one of them has the item's percentage, or there is only one at all;
4. the item's `tax_percent`: the tax is then called by it, `20%`. Version 1 publishes no more than this;
5. nothing: the tax has no name, and shipping's usually has none.

Shares are kept when they add up to the item's tax. When rounding alone keeps them from it (Magento splits a tax into
shares of four digits), the tax stays whole under both names; when more does, that is a conflict.
Source: Adobe Commerce REST reference, `tax-data-order-tax-details-item-interface`; Magento's own code, tax module.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from flows.formats.magento_amounts import HUNDREDTH, Amounts, given, plus, rate_of, wrapping
from flows.formats.magento_items import Sold
from flows.formats.magento_wire import AppliedTaxIn, ExtensionIn, Extras, ItemExtensionIn, ItemIn, ItemTaxesIn
from flows.formats.parts import Json, id_text, text_of
from flows.model.money import amount_of
from flows.model.order import Amount, Conflict, TaxLine

_WRAPPINGS = ("quote_gw", "item_gw", "printed_card_gw")
_FEES = (*_WRAPPINGS, "weee")


class Taxes:
    """The names that one payload publishes, and the taxes made of them."""

    def __init__(self, amounts: Amounts, extension: ExtensionIn) -> None:
        self.amounts = amounts
        self.of_order = extension.applied_taxes or extension.taxes or []
        self.titles = {id_text(tax.code): tax.title for tax in (*self.of_order, *(extension.taxes or ()))}
        self.by_item: dict[str, list[AppliedTaxIn]] = {}
        self.of_shipping: list[AppliedTaxIn] = []
        self.others: list[ItemTaxesIn] = []
        for each in extension.item_applied_taxes or ():
            self._sort(each)

    def _sort(self, each: ItemTaxesIn) -> None:
        item_id, applied = id_text(each.item_id), each.applied_taxes or []
        if each.type == "shipping":
            self.of_shipping += applied
        elif each.type in (None, "product") and item_id is not None:
            self.by_item.setdefault(item_id, []).extend(applied)
        else:
            self.others.append(each)

    def of_line(self, line: Sold, tax: Amount | None) -> tuple[TaxLine, ...]:
        """The taxes of a line whose published tax is `tax`."""
        shares = self._shares(line.item) or [share for child in line.children for share in self._shares(child)]
        percents = [line.item.tax_percent, *(child.tax_percent for child in line.children)]
        percent = next((each for each in percents if given(each) is not None and amount_of(each)), None)
        return self._taxes(shares, tax, percent, "the tax of a line")

    def shipping(self, tax: Amount | None) -> tuple[TaxLine, ...]:
        """The taxes of shipping."""
        return self._taxes(list(map(self._share, self.of_shipping)), tax, None, "the tax of shipping")

    def of_fees(self, extras: Extras) -> tuple[TaxLine, ...]:
        """Taxes on gift wrapping and on fixed product taxes: part of the order's tax, of no line's."""
        found = [self._share(tax) for each in self.others if each.type in _FEES for tax in each.applied_taxes or ()]
        if not any(each.type in _WRAPPINGS for each in self.others):
            found += [TaxLine("gift wrapping", None, part) for part in wrapping(self.amounts, extras, "tax_amount")]
        return tuple(_merged(tax for tax in found if tax.amount.shop))

    def unallocated(self) -> tuple[TaxLine, ...]:
        """Taxes on something that is neither a line, shipping nor a fee."""
        rest = [each for each in self.others if each.type not in _FEES]
        found = [self._share(tax) for each in rest for tax in each.applied_taxes or ()]
        return tuple(_merged(tax for tax in found if tax.amount.shop))

    # -- names and shares ----------------------------------------------------------------------------------------------

    def _shares(self, item: ItemIn) -> list[TaxLine]:
        published = self.by_item.get(id_text(item.item_id) or "")
        if published:
            return list(map(self._share, published))
        extension = item.extension_attributes
        itemized = extension.itemized_taxes if isinstance(extension, ItemExtensionIn) else None
        return [
            self._share(
                AppliedTaxIn(
                    each.tax_code,
                    self.titles.get(id_text(each.tax_code)),
                    each.tax_percent,
                    each.real_amount,
                    each.real_base_amount,
                )
            )
            for each in itemized or ()
        ]

    def _share(self, tax: AppliedTaxIn) -> TaxLine:
        return TaxLine(_name(tax), rate_of(tax.percent), self.amounts.sure(tax, "amount"))

    def _taxes(self, shares: list[TaxLine], tax: Amount | None, percent: Json, field: str) -> tuple[TaxLine, ...]:
        shares = _merged(shares)
        if tax is None:
            return tuple(shares)
        if shares:
            total = self.amounts.sum(share.amount for share in shares)
            if total == tax or (tax.presentment is None and total.shop == tax.shop):
                return tuple(shares)
            if abs(total.shop - tax.shop).amount >= HUNDREDTH:
                self.amounts.conflicts.append(Conflict(field, tax.shop, total.shop))
            return (_whole(shares, tax, percent),)
        if not tax.shop:
            return ()
        rate = rate_of(percent)
        known = self._known(rate)
        if known is not None:
            return (TaxLine(_name(known), rate_of(known.percent) if rate is None else rate, tax),)
        return (TaxLine("" if rate is None else f"{amount_of(percent).normalize():f}%", rate, tax),)

    def _known(self, rate: Decimal | None) -> AppliedTaxIn | None:
        """The one tax of the order that this can be."""
        fitting = [tax for tax in self.of_order if rate is None or rate_of(tax.percent) == rate]
        return fitting[0] if len(fitting) == 1 else None


def _name(tax: AppliedTaxIn) -> str:
    return text_of(tax.title) or text_of(tax.code) or ""


def _whole(shares: Sequence[TaxLine], tax: Amount, percent: Json) -> TaxLine:
    """The tax under the names of all its shares."""
    name = " + ".join(dict.fromkeys(filter(None, (share.name for share in shares))))
    rate = rate_of(percent)
    if rate is None and len(shares) == 1:
        rate = shares[0].rate
    return TaxLine(name, rate, tax)


def _merged(taxes: Iterable[TaxLine]) -> list[TaxLine]:
    """Taxes of one name and rate added up: the children of a bundle share theirs."""
    sums: dict[tuple[str, Decimal | None], Amount] = {}
    for tax in taxes:
        key = (tax.name, tax.rate)
        sums[key] = plus(sums[key], tax.amount) if key in sums else tax.amount
    return [TaxLine(name, rate, amount) for (name, rate), amount in sums.items()]
