"""What the listings of a sales channel are told, and what is remembered of them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from connectors.patchworks.listings import ChannelListing, ListingPage
from flows.exceptions.kinds import ExceptionCase
from flows.model.listing_tally import Tally
from flows.model.mismatches import Offered
from runtime.decision import Message

NAME = "listings"
ROWS_PER_STEP: Final = 500
"""Listings that are compared, or forgotten, in one step. The digests of statements depend on it."""


def key_of(sales_channel: str) -> str:
    """The key of a sales channel's listings."""
    return f"{NAME}/{sales_channel}"


# -- on disk -----------------------------------------------------------------------------------------------------------


class Expect(Message, frozen=True):
    """The process has started: see that lists come, as it is configured."""


class PageReceived(Message, frozen=True, kw_only=True):
    """A page of a list has come."""

    page: ListingPage


class Ask(Message, frozen=True):
    """Have the callback flow read what the sales channel offers."""


class Late(Message, frozen=True):
    """A complete list should have come by now."""


class CompareAgain(Message, frozen=True):
    """Fulfil's products may have changed since the list was compared."""


class Compare(Message, frozen=True, kw_only=True):
    """Go on with this comparison."""

    comparison: int


class Tidy(Message, frozen=True):
    """Forget some of what is left of earlier lists and comparisons."""


# -- from the shell ----------------------------------------------------------------------------------------------------


class Rows(Message, frozen=True, kw_only=True):
    """Listings that are next in a comparison, with the products and aliases that they need. `complete`: the last."""

    comparison: int
    listings: tuple[ChannelListing, ...]
    products: dict[str, tuple[Offered, ...]]
    aliases: dict[str, str]
    complete: bool
    parts: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """SKU of a listing that is a bundle by rule -> the SKUs of its components."""


class Answered(Message, frozen=True, kw_only=True):
    """What the flow answered; `wrong` says why it cannot be taken."""

    listings: tuple[ChannelListing, ...] = ()
    wrong: str = ""


class Left(Message, frozen=True, kw_only=True):
    """Whether anything is left that is to be forgotten."""

    left: bool


# -- the state ---------------------------------------------------------------------------------------------------------


class ListingsState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The last list of one sales channel, and what came of comparing it. `have`: page -> digest, of pages that came."""

    sales_channel: str
    number: int = 0
    manifest: str = ""
    pages: int = 0
    """0 before the first list, and while a flow is being asked that has not come to its last page."""
    have: dict[str, str] = {}
    listed_at: datetime | None = None
    received: datetime | None = None
    recent: tuple[str, ...] = ()
    """Manifests of several pages that came before."""
    comparison: int = 0
    """The number of the comparison that was begun last."""
    tally: Tally | None = None
    """Of the comparison under way."""
    checked: datetime | None = None
    """When the list was compared last."""
    result: Tally | None = None
    """Of that comparison."""
    compared: int = 0
    """The number of the last comparison that was complete, of whatever list."""
    complete_at: datetime | None = None
    """When the last list was received that was complete and had something in it."""
    since: datetime | None = None
    """When lists were expected for the first time."""
    asked: int = 0
    """The page that a flow is being asked for; 0 when none is."""
    asked_at: datetime | None = None
    """When it was asked for the first page."""
    is_tidying: bool = False
    cases: tuple[ExceptionCase, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether all pages of the list are here."""
        return self.pages > 0 and len(self.have) == self.pages
