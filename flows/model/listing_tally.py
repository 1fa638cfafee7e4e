"""What a comparison of listings counts while it goes through them, and the cases that come of it: one for each cause
and sales channel, however many listings it is about. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

import msgspec

from connectors.patchworks.listings import ChannelListing
from flows.exceptions.kinds import ExceptionCase
from flows.model.mismatches import Cause, Compared, Mismatch

_NAMED_MAX: Final = 3

_KINDS: Final[Mapping[Cause, str]] = MappingProxyType(
    dict.fromkeys(Cause, "listing.sku") | {Cause.BARCODE: "listing.barcode", Cause.PRICE: "listing.price"}
)
_SAYS: Final[Mapping[Cause, tuple[str, str]]] = MappingProxyType(
    {
        Cause.NO_SKU: ("has no SKU", "have no SKU"),
        Cause.UNKNOWN: ("has a SKU that is not in Fulfil", "have SKUs that are not in Fulfil"),
        Cause.GONE: (
            "is of a product that is no longer in Fulfil",
            "are of products that are no longer in Fulfil",
        ),
        Cause.INACTIVE: ("is of a product that is inactive in Fulfil", "are of products that are inactive in Fulfil"),
        Cause.UNSELLABLE: (
            "is of a product that must not be sold, says Fulfil",
            "are of products that must not be sold, says Fulfil",
        ),
        Cause.AMBIGUOUS: (
            "has a SKU that is that of several products in Fulfil",
            "have SKUs that are those of several products in Fulfil",
        ),
        Cause.BARCODE: ("has another barcode than its product", "have other barcodes than their products"),
        Cause.PRICE: ("has another price than Fulfil's list price", "have other prices than Fulfil's list prices"),
    }
)


class Named(msgspec.Struct, frozen=True, gc=False):
    """A listing that a case names, and by how much its price differs (0 for other causes)."""

    text: str
    difference: Decimal = Decimal(0)


class Found(msgspec.Struct, frozen=True, gc=False):
    """How many listings something is wrong with, and the worst of them."""

    count: int
    worst: tuple[Named, ...]


class Tally(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was counted of a list up to the listing `after`: `barcodes` and `prices` of active listings were compared.

    `digest` is over all of them, in order of their ids, so that the same list says the same, however it was paged.
    """

    after: str = ""
    listings: int = 0
    active: int = 0
    barcodes: int = 0
    prices: int = 0
    found: dict[str, Found] = {}
    digest: str = ""

    @property
    def mismatches(self) -> dict[str, int]:
        """How many listings there are of each cause."""
        return {cause: found.count for cause, found in sorted(self.found.items())}


def counted(tally: Tally, listings: Sequence[ChannelListing], compared: Sequence[Compared]) -> Tally:
    """The tally with further listings in it; `compared` is of the active ones among them."""
    found = dict(tally.found)
    for mismatch in (each for one in compared for each in one.mismatches):
        known = found.get(mismatch.cause.value, Found(0, ()))
        found[mismatch.cause.value] = Found(known.count + 1, _worst(known.worst, mismatch))
    return Tally(
        after=listings[-1].id if listings else tally.after,
        listings=tally.listings + len(listings),
        active=tally.active + len(compared),
        barcodes=tally.barcodes + sum(one.barcode for one in compared),
        prices=tally.prices + sum(one.price for one in compared),
        found=found,
        digest=_chained(tally.digest, listings),
    )


def cases_of(
    sales_channel: str, tally: Tally, before: Iterable[ExceptionCase], now: datetime
) -> tuple[ExceptionCase, ...]:
    """A case for each cause; one that is open already keeps its beginning."""
    since = {(case.kind, case.cause): case.opened_at for case in before}
    return tuple(
        ExceptionCase(
            kind=_KINDS[cause],
            cause=cause.value,
            sentence=_sentence(sales_channel, cause, tally.found[cause.value]),
            opened_at=since.get((_KINDS[cause], cause.value), now),
        )
        for cause in Cause
        if cause.value in tally.found
    )


def _worst(known: tuple[Named, ...], mismatch: Mismatch) -> tuple[Named, ...]:
    """The first ones; of prices those that differ most."""
    if len(known) == _NAMED_MAX and mismatch.difference <= known[-1].difference:
        return known
    every = (*known, Named(_named(mismatch), mismatch.difference))
    return tuple(sorted(every, key=lambda each: -each.difference)[:_NAMED_MAX])


def _named(mismatch: Mismatch) -> str:
    name = repr(mismatch.sku) if mismatch.sku else f"listing {mismatch.listing}"
    match mismatch.cause:
        case Cause.BARCODE | Cause.PRICE:
            return f"{name} has {mismatch.listed}, not {mismatch.expected}"
        case cause:
            relation = "perhaps" if cause is Cause.UNKNOWN else "alias of"
            return f"{name} ({relation} {mismatch.expected!r})" if mismatch.expected else name


def _sentence(sales_channel: str, cause: Cause, found: Found) -> str:
    one, several = _SAYS[cause]
    says = f"1 active listing of {sales_channel} {one}" if found.count == 1 else ""
    says = says or f"{found.count} active listings of {sales_channel} {several}"
    names = ", ".join(each.text for each in found.worst)
    more = found.count - len(found.worst)
    return f"{says}: {names}{f' and {more} more' if more else ''}; `seamline listings {sales_channel}` lists them"


def _chained(before: str, listings: Sequence[ChannelListing]) -> str:
    """Listings come in runs of the same length, whatever they came in, so a chain of runs is a digest of the list."""
    if not listings and before:
        return before
    over = hashlib.blake2b(before.encode(), digest_size=16)
    for each in listings:
        row = (each.id, each.sku, each.barcode, each.price, each.currency, each.title, each.active)
        over.update(msgspec.json.encode(row))
    return over.hexdigest()
