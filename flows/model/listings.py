"""What a sales channel offers, on demand: how the callback flow that reads it is asked, and what is compared.

The flow gets an object and answers with listings, as a manifest of them has them (`connectors/patchworks/listings.py`):

    {"listings": true, "page": 1, "limit": 250}

An answer with fewer listings than `limit` is the last page.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from connectors.patchworks.requests import CallCallback, effect
from flows.model.mismatches import PriceRule
from runtime.decision import Effect
from runtime.rule import RuleBroken


class ListingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The daily check of what one sales channel offers. Without it a list that is posted is compared all the same, but
    for its prices, and nobody is told when none comes.
    """

    callback: str = ""
    """The flow that reads the listings, by its name under `[patchworks.callbacks]`. Empty: they are posted."""
    page_size: Annotated[int, Meta(ge=1, le=1_000)] = 250
    """Listings per page: what that flow keeps to. A page with fewer is the last one."""
    every_s: Annotated[float, Meta(ge=600, le=604_800)] = 86_400.0
    """How often the flow is asked."""
    due_within_s: Annotated[float, Meta(ge=600, le=2_592_000)] = 129_600.0
    """How old the last complete list may become; then it is a case."""
    compare_every_s: Annotated[float, Meta(ge=60, le=604_800)] = 3_600.0
    """How often the last list is compared again, since Fulfil's products change, too."""
    compare_prices: bool = False
    """Whether prices are compared with Fulfil's list prices, where `fulfil.api.names` says how those are called."""
    price_currency: Annotated[str, Meta(pattern="^([A-Z]{3})?$")] = ""
    """The currency of Fulfil's list prices: the company's. Prices in another one are not compared."""
    price_tolerance: Annotated[Decimal, Meta(ge=0)] = Decimal(0)
    """By how much a price may differ, in that currency. Ecommerce owns this figure."""
    price_tax_rate: Annotated[Decimal, Meta(ge=0, le=1)] = Decimal(0)
    """The tax in the sales channel's prices, when they include it and Fulfil's list prices do not: 0.19 for 19 %."""

    def __post_init__(self) -> None:
        """Refuse a comparison of prices of which nobody knows the currency, and lists that come too late always."""
        found: dict[tuple[str, ...], str] = {}
        if self.compare_prices and not self.price_currency:
            found["price_currency",] = "compare_prices needs price_currency, the currency of Fulfil's list prices"
        if self.callback and self.due_within_s <= self.every_s:
            found["due_within_s",] = "due_within_s must be above every_s, or every list would be late"
        if found:
            raise RuleBroken(found)

    @property
    def price_rule(self) -> PriceRule | None:
        """How prices are compared; None when they are not."""
        if not self.compare_prices:
            return None
        return PriceRule(currency=self.price_currency, tolerance=self.price_tolerance, tax_rate=self.price_tax_rate)


def page_of_listings(settings: ListingSettings, page: int) -> Effect:
    """Ask the flow for a page."""
    question = {"listings": True, "page": page, "limit": settings.page_size}
    asked = CallCallback(callback=settings.callback, question=msgspec.Raw(msgspec.json.encode(question)))
    return effect(asked, share="rest")
