"""The plan of the demo's day: from a seed to the orders of three sales channels, each with the story that it will live.

Pure. Whatever is drawn by the sales channels themselves (goods, prices, people) is not in here: they draw it from the
same seed. The same seed and count give the same plan.
"""

from __future__ import annotations

import enum
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from flows.demo.orders import Product, catalogue

ORDERS_MIN, ORDERS_MAX = 50, 10_000
PRODUCTS = 500


class SalesChannel(msgspec.Struct, frozen=True, kw_only=True):
    """One sales channel of the day. `id` is the ERP's number for it; `share` its part of the orders."""

    name: str
    id: int
    format: Literal["shopify", "woocommerce"]
    """What it speaks. WooCommerce's JSON is mapped to Seamline's own schema on its way (see `mapping`)."""
    currency: str
    tax_included: bool
    share: float
    gateway: str
    taxes: Mapping[str, str]
    """Name -> rate."""

    @property
    def mapped(self) -> bool:
        """Whether its orders reach Seamline in Seamline's own schema."""
        return self.format == "woocommerce"


WEB = SalesChannel(
    name="web",
    id=3,
    format="shopify",
    currency="USD",
    tax_included=False,
    share=0.4,
    gateway="shopify_payments",
    taxes={"TX State Tax": "0.0625", "TX City Tax": "0.02"},
)
EUROPE = SalesChannel(
    name="europe",
    id=4,
    format="shopify",
    currency="EUR",
    tax_included=True,
    share=0.3,
    gateway="shopify_payments",
    taxes={"VAT": "0.2"},
)
OUTLET = SalesChannel(
    name="outlet",
    id=5,
    format="woocommerce",
    currency="GBP",
    tax_included=True,
    share=0.3,
    gateway="stripe",
    taxes={"VAT": "0.2"},
)
SALES_CHANNELS = (WEB, EUROPE, OUTLET)


class Story(enum.StrEnum):
    """What happens to one order in the course of the day."""

    PLAIN = "plain"
    """Announced once. A part of these is handled by the warehouse; see `Handling`."""
    LATE = "late"
    """Never announced; it comes with the next scheduled read, in an array."""
    STUCK = "stuck"
    """The hub cannot reach Seamline; the failed run is retried in the afternoon."""
    EDITED_BEHIND = "edited_behind"
    """An edit follows at once. The sale is of the first version; the edit is an exception for a person."""
    EDITED_FIRST = "edited_first"
    """The first version is stuck and the edit overtakes it; what comes last must change nothing."""
    EDITED_AFTER = "edited_after"
    """An edit comes when the sale is there. The sale stands."""
    CANCELLED_FIRST = "cancelled_first"
    """The order is stuck and its cancel overtakes it; it must never become a sale."""
    CANCELLED_AFTER = "cancelled_after"
    """A cancel comes when the sale is there. The sale stands, for a person to cancel."""
    REFUNDED = "refunded"
    """A unit is refunded when the sale is there. The sale stands; operations is told where the format says which unit,
    finance of the money where it does not."""
    TOUCHED = "touched"
    """A later version comes in which nothing is changed but its time."""
    SKU_ARRIVES = "sku_arrives"
    """Held for an unknown SKU, until the evening adds the product."""
    SKU_MISSING = "sku_missing"
    """Held for an unknown SKU that nobody adds."""
    SKU_CANCELLED = "sku_cancelled"
    """Held for an unknown SKU, then cancelled; the product comes too late and must release nothing."""
    CONTRADICTORY = "contradictory"
    """Held: somebody has deployed a map that writes the subtotal where the total belongs."""
    CORRECTED = "corrected"
    """Held for the same mistake, until it comes again by the right flow."""


SHARES: Mapping[Story, float] = {
    Story.LATE: 0.03,
    Story.STUCK: 0.02,
    Story.EDITED_BEHIND: 0.02,
    Story.EDITED_FIRST: 0.02,
    Story.EDITED_AFTER: 0.03,
    Story.CANCELLED_FIRST: 0.01,
    Story.CANCELLED_AFTER: 0.02,
    Story.REFUNDED: 0.02,
    Story.TOUCHED: 0.02,
    Story.SKU_ARRIVES: 0.03,
    Story.SKU_MISSING: 0.02,
    Story.SKU_CANCELLED: 0.01,
    Story.CONTRADICTORY: 0.03,
    Story.CORRECTED: 0.03,
}
"""The share of each sales channel's orders, met to the nearest order but at least one; the rest is plain."""

OF_THE_MAP = frozenset({Story.CONTRADICTORY, Story.CORRECTED})
"""Stories about the map with the mistake, which only the flow of `WEB` has."""
OF_THE_STALL = frozenset({Story.STUCK, Story.EDITED_FIRST, Story.CANCELLED_FIRST})
"""Stories that begin while the hub cannot reach Seamline."""
OF_A_NEW_SKU = frozenset({Story.SKU_ARRIVES, Story.SKU_MISSING, Story.SKU_CANCELLED})
ARRIVING = frozenset({Story.SKU_ARRIVES, Story.SKU_CANCELLED})
"""Stories whose missing product the evening adds."""
NEVER_SOLD = frozenset({Story.CANCELLED_FIRST, Story.SKU_MISSING, Story.SKU_CANCELLED, Story.CONTRADICTORY})
SOLD_AS_FIRST = frozenset(
    {Story.EDITED_BEHIND, Story.EDITED_AFTER, Story.CANCELLED_AFTER, Story.REFUNDED, Story.TOUCHED}
)
"""Stories whose sale is of the first version, although a later one comes."""
TWO_VERSIONS = SOLD_AS_FIRST | {
    Story.EDITED_FIRST,
    Story.CANCELLED_FIRST,
    Story.SKU_CANCELLED,
    Story.CORRECTED,
}


class Handling(enum.StrEnum):
    """What the warehouse does with an order."""

    NONE = "none"
    """Nothing yet."""
    WHOLE = "whole"
    """Picked, packed and shipped in one parcel."""
    TWO_PARCELS = "two_parcels"
    SHORT = "short"
    """The picker finds none of one product, and the warehouse gives it up; the rest is shipped."""
    HELD = "held"
    """Put on hold."""
    PACKED = "packed"
    """Packed, and not shipped today."""


HANDLED: Mapping[Handling, float] = {
    Handling.WHOLE: 0.10,
    Handling.TWO_PARCELS: 0.03,
    Handling.SHORT: 0.02,
    Handling.HELD: 0.01,
    Handling.PACKED: 0.02,
}
"""The share of all plain orders, at least one."""


class Wanted(msgspec.Struct, frozen=True):
    """Units of one SKU."""

    sku: str
    quantity: int


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """One order of the plan. What it is of is the sales channel's to draw, unless `lines` says so."""

    sales_channel: SalesChannel
    story: Story
    lines: tuple[Wanted, ...] = ()
    extra: Wanted
    """What an edit adds."""
    handling: Handling = Handling.NONE

    @property
    def versions(self) -> int:
        """How many versions of it the sales channel makes."""
        return 2 if self.story in TWO_VERSIONS else 1


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is planned."""

    seed: int
    products: tuple[Product, ...]
    """Known to the ERP from the start."""
    planned: tuple[Planned, ...]
    """In the order of their purchase."""

    @property
    def versions(self) -> int:
        """All versions of all orders."""
        return sum(each.versions for each in self.planned)

    @property
    def sold(self) -> int:
        """How many orders must be sales in the end."""
        return sum(each.story not in NEVER_SOLD for each in self.planned)

    @property
    def arriving_skus(self) -> tuple[str, ...]:
        """Products that the evening adds."""
        return tuple(sorted(each.lines[0].sku for each in self.planned if each.story in ARRIVING))


def day(seed: int, count: int) -> Day:
    """The day of `count` orders (50 to 10,000); the same seed gives the same day. ValueError for other counts."""
    if not ORDERS_MIN <= count <= ORDERS_MAX:
        raise ValueError(f"a day has {ORDERS_MIN} to {ORDERS_MAX} orders, not {count}")
    products = catalogue(seed, PRODUCTS)
    told = list(_told(seed, count))
    draw = random.Random(f"{seed}/arrivals")  # noqa: S311 - an invented day, no secret
    draw.shuffle(told)
    handled = iter(_handled(draw, sum(story is Story.PLAIN for _, story in told)))
    planned = []
    for place, (sales_channel, story) in enumerate(told):
        one, other, extra = (Wanted(draw.choice(products).sku, draw.choice((1, 1, 2))) for _ in range(3))
        lines = (Wanted(f"NEW-{seed % 1000:03d}-{place:06d}", 1), one, other) if story in OF_A_NEW_SKU else ()
        planned.append(
            Planned(
                sales_channel=sales_channel,
                story=story,
                lines=lines,
                extra=extra,
                handling=next(handled) if story is Story.PLAIN else Handling.NONE,
            )
        )
    return Day(seed=seed, products=products, planned=tuple(planned))


def _told(seed: int, count: int) -> Iterator[tuple[SalesChannel, Story]]:
    """Every order's sales channel and story."""
    left = count
    for sales_channel in SALES_CHANNELS:
        part = left if sales_channel is SALES_CHANNELS[-1] else round(count * sales_channel.share)
        left -= part
        stories = [
            story
            for story, share in SHARES.items()
            if sales_channel is WEB or story not in OF_THE_MAP
            for _ in range(max(1, round(share * part)))
        ]
        stories += [Story.PLAIN] * (part - len(stories))
        random.Random(f"{seed}/{sales_channel.name}/stories").shuffle(stories)  # noqa: S311
        yield from ((sales_channel, story) for story in stories)


def _handled(draw: random.Random, plain: int) -> list[Handling]:
    """How each plain order is handled."""
    handled = [handling for handling, share in HANDLED.items() for _ in range(max(1, round(share * plain)))]
    handled += [Handling.NONE] * (plain - len(handled))
    draw.shuffle(handled)
    return handled


def counted(planned: Sequence[Planned]) -> Mapping[Story, int]:
    """How many orders there are of each story."""
    return Counter(each.story for each in planned)
