"""Where a listing of a sales channel does not go with Fulfil's product: an order of it would be held, or would be of
something else than was meant, or at another price. Pure.

A SKU is read and taken as in an order: exactly, unless a person has said by an alias what it stands for. What one side
does not tell is not compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

import msgspec

from connectors.patchworks.listings import ChannelListing
from flows.model.money import EXACT, Money, amount_of_text, digits_of, rounded
from flows.model.products import barcode_of
from flows.model.skus import folded


class Cause(StrEnum):
    """What is wrong with a listing. The first six are of its SKU, and one listing has at most one of them."""

    NO_SKU = "no-sku"
    UNKNOWN = "unknown"
    GONE = "gone"
    INACTIVE = "inactive"
    UNSELLABLE = "unsellable"
    AMBIGUOUS = "ambiguous"
    BARCODE = "barcode"
    PRICE = "price"


class Offered(msgspec.Struct, frozen=True, gc=False):
    """A product of Fulfil's, as far as listings are compared with it. `sold`: it can be on an order."""

    sku: str
    sold: bool = True
    active: bool = True
    barcode: str | None = None
    list_price: Decimal | None = None
    is_gone: bool = False


class PriceRule(msgspec.Struct, frozen=True, kw_only=True):
    """How prices are compared: those in `currency`, with the list price plus `tax_rate`, within `tolerance`."""

    currency: str
    tolerance: Decimal = Decimal(0)
    tax_rate: Decimal = Decimal(0)


class Mismatch(msgspec.Struct, frozen=True, gc=False):
    """One thing that is wrong with one listing: what the sales channel says, and what Fulfil says ('' for nothing).

    Of an unknown SKU that is one which differs only in case and spaces; of others the SKU that they are an alias of.
    `difference` is by how much a price differs, and 0 for everything else.
    """

    cause: Cause
    listing: str
    sku: str
    title: str
    listed: str
    expected: str = ""
    difference: Decimal = Decimal(0)


class Compared(msgspec.Struct, frozen=True, gc=False):
    """What came of comparing one listing. `barcode`, `price`: these were compared."""

    mismatches: tuple[Mismatch, ...] = ()
    barcode: bool = False
    price: bool = False


Products = Mapping[str, Sequence[Offered]]
"""Products by their folded SKU."""
Parts = Mapping[str, Sequence[str]]
"""SKU that is a bundle by rule -> the SKUs of its components."""
_NO_PARTS: Parts = MappingProxyType({})


def skus_needed(listings: Sequence[ChannelListing], aliases: Mapping[str, str], parts: Parts = _NO_PARTS) -> set[str]:
    """The folded SKUs whose products `compare` has to be given, to compare these listings."""
    needed = set()
    for listing in listings:
        for sku in parts.get(listing.sku, (listing.sku,)):
            needed.add(folded(sku))
            if sku in aliases:
                needed.add(folded(aliases[sku]))
    return needed - {""}


def compare(
    listing: ChannelListing,
    products: Products,
    aliases: Mapping[str, str],
    rule: PriceRule | None = None,
    parts: Parts = _NO_PARTS,
) -> Compared:
    """What is wrong with one active listing. Of a bundle by rule every component must be sold; the first that is not
    is named. Its barcode and price are none of theirs.
    """
    if listing.sku in parts:
        each = (_product(msgspec.structs.replace(listing, sku=sku), products, aliases) for sku in parts[listing.sku])
        return Compared(tuple([one for one in each if isinstance(one, Mismatch)])[:1])
    found = _product(listing, products, aliases)
    if isinstance(found, Mismatch):
        return Compared((found,))
    barcode = barcode_of(listing.barcode) if found.barcode else None
    priced = None
    if rule is not None and listing.price and listing.currency == rule.currency and found.list_price is not None:
        priced = _prices(listing.price, found.list_price, rule)
    wrong = (*_barcode(listing, barcode, found.barcode), *_price(listing, priced, rule))
    return Compared(wrong, barcode=barcode is not None, price=priced is not None)


# -- the SKU -----------------------------------------------------------------------------------------------------------


def _product(listing: ChannelListing, products: Products, aliases: Mapping[str, str]) -> Offered | Mismatch:
    """The product that an order of the listing would be of, or why there is none."""
    sku = listing.sku
    if not sku:
        return Mismatch(Cause.NO_SKU, listing.id, "", listing.title, "")
    stands_for = aliases.get(sku)
    alike = products.get(folded(sku), ())
    own = [product for product in alike if product.sku == sku]
    theirs = _named(stands_for, products) if stands_for is not None else []
    for named in (own, theirs):
        sold = [product for product in named if product.sold]
        if len(sold) == 1:
            return sold[0]
    cause = _why_not(own or theirs)
    expected = _nearest(alike) if cause is Cause.UNKNOWN else stands_for
    return Mismatch(cause, listing.id, sku, listing.title, sku, expected or "")


def _named(sku: str, products: Products) -> list[Offered]:
    return [product for product in products.get(folded(sku), ()) if product.sku == sku]


def _why_not(named: Sequence[Offered]) -> Cause:
    """Why none of the products of a SKU, or not exactly one, can be on an order."""
    there = [product for product in named if not product.is_gone]
    if any(product.sold for product in there):
        return Cause.AMBIGUOUS
    if not there:
        return Cause.GONE if named else Cause.UNKNOWN
    return Cause.UNSELLABLE if any(product.active for product in there) else Cause.INACTIVE


def _nearest(alike: Sequence[Offered]) -> str | None:
    """A SKU that may be meant: one that differs only in case and spaces."""
    return next((product.sku for product in alike if product.sold), None)


# -- barcode and price -------------------------------------------------------------------------------------------------


def _barcode(listing: ChannelListing, barcode: str | None, expected: str | None) -> Iterator[Mismatch]:
    if barcode is not None and expected is not None and barcode != expected:
        yield Mismatch(Cause.BARCODE, listing.id, listing.sku, listing.title, listing.barcode, expected)


def _prices(price: str, list_price: Decimal, rule: PriceRule) -> tuple[Decimal, Decimal]:
    """The price that is listed, and the one that is expected, both in whole units of the currency's smallest coin."""
    digits = digits_of(rule.currency)
    expected = EXACT.multiply(list_price, 1 + rule.tax_rate) if rule.tax_rate else list_price
    return rounded(amount_of_text(price), digits), rounded(expected, digits)


def _price(
    listing: ChannelListing, priced: tuple[Decimal, Decimal] | None, rule: PriceRule | None
) -> Iterator[Mismatch]:
    if priced is None or rule is None:
        return
    listed, expected = priced
    difference = abs(EXACT.subtract(listed, expected))
    if difference > rule.tolerance:
        texts = (str(Money(listed, rule.currency)), str(Money(expected, rule.currency)))
        yield Mismatch(Cause.PRICE, listing.id, listing.sku, listing.title, *texts, difference)
