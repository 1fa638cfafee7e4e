"""The plan of the demo's day: from a seed to the orders of three sales channels, each with the story that it will live.

Pure. Whatever is drawn by the sales channels themselves (goods, prices, people) is not in here: they draw it from the
same seed. The same seed and count give the same plan.
"""

from __future__ import annotations

import enum
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Literal

import msgspec

from flows.demo.orders import Product, catalogue
from flows.model.stock import Semantics

ORDERS_MIN, ORDERS_MAX = 100, 10_000
PRODUCTS = 500
SCARCE, SCARCE_STOCK = 3, 2
"""Products of which the ERP has next to nothing, and how many pieces of each."""


class Fee(msgspec.Struct, frozen=True):
    """What a payment provider agreed to take of each charge: a part of it, in percent, and so much on top."""

    percent: Decimal
    fixed: Decimal


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
    fee: Fee
    taxes: Mapping[str, str]
    """Name -> rate."""
    quantity_semantics: Semantics = "available"
    """What it takes a level for."""

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
    fee=Fee(Decimal("2.9"), Decimal("0.30")),
    taxes={"TX State Tax": "0.0625", "TX City Tax": "0.02"},
)
EUROPE = SalesChannel(
    name="europe",
    quantity_semantics="on_hand",
    id=4,
    format="shopify",
    currency="EUR",
    tax_included=True,
    share=0.3,
    gateway="shopify_payments",
    fee=Fee(Decimal("1.8"), Decimal("0.25")),
    taxes={"VAT": "0.2"},
)
OUTLET = SalesChannel(
    name="outlet",
    id=5,
    format="woocommerce",
    currency="USD",
    tax_included=True,
    share=0.3,
    gateway="stripe",
    fee=Fee(Decimal("1.5"), Decimal("0.20")),
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
    """An edit follows at once, while the create may still wait. The sale is what the edit says."""
    EDITED_FIRST = "edited_first"
    """The first version is stuck and the edit overtakes it; what comes last must change nothing."""
    EDITED_AFTER = "edited_after"
    """An edit comes when the sale is there, and nobody has picked it. The sale is what the edit says."""
    EDITED_PICKED = "edited_picked"
    """An edit comes when the goods are picked. The sale stands as it was, for a person to see to."""
    CANCELLED_FIRST = "cancelled_first"
    """The order is stuck and its cancel overtakes it; it must never become a sale."""
    CANCELLED_AFTER = "cancelled_after"
    """A cancel comes when the sale is there, and nobody has picked it. The sale is cancelled."""
    CANCELLED_SHIPPED = "cancelled_shipped"
    """A cancel comes when the goods are packed; they leave all the same. The sale stands, for a person to see to."""
    REFUNDED = "refunded"
    """One of two lines is refunded before it is shipped. The sale is what is left, where the format says which line;
    finance is told of the money where it does not."""
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
    PAID_LATER = "paid_later"
    """Placed and not paid; it is imported when its money arrives."""
    UNPAID = "unpaid"
    """Placed and never paid; it waits, and its goods are kept for it."""
    TEST = "test"
    """Somebody tries the sales channel out; it must never become a sale. WooCommerce does not mark such orders."""
    RACED = "raced"
    """The last pieces of a product are sold by two sales channels at the same moment. Both orders are sales."""
    OVERSOLD = "oversold"
    """One piece more is sold by a sales channel that shows none and sells on. The order is a sale."""
    CORRECTED = "corrected"
    """Held for the same mistake, until it comes again by the right flow."""
    TAX_UNMAPPED = "tax_unmapped"
    """Its tax has a name that nobody has mapped; held for finance. Planted once."""
    EDITED_IN_ERP = "edited_in_erp"
    """Somebody takes a piece more onto its sale in the ERP, which nobody has ordered. Planted once."""


SHARES: Mapping[Story, float] = {
    Story.LATE: 0.03,
    Story.STUCK: 0.02,
    Story.EDITED_BEHIND: 0.02,
    Story.EDITED_FIRST: 0.02,
    Story.EDITED_AFTER: 0.03,
    Story.EDITED_PICKED: 0.01,
    Story.CANCELLED_FIRST: 0.01,
    Story.CANCELLED_AFTER: 0.02,
    Story.CANCELLED_SHIPPED: 0.01,
    Story.REFUNDED: 0.02,
    Story.TOUCHED: 0.02,
    Story.SKU_ARRIVES: 0.03,
    Story.SKU_MISSING: 0.02,
    Story.SKU_CANCELLED: 0.01,
    Story.PAID_LATER: 0.02,
    Story.UNPAID: 0.01,
    Story.TEST: 0.01,
    Story.CONTRADICTORY: 0.03,
    Story.CORRECTED: 0.03,
}
"""The share of each sales channel's orders, met to the nearest order but at least one; the rest is plain."""
LAST_PIECES: Mapping[str, Story] = {EUROPE.name: Story.RACED, OUTLET.name: Story.RACED, WEB.name: Story.OVERSOLD}
"""What each sales channel does with the scarce products: one order of each."""
OF_THE_SHELF = frozenset(LAST_PIECES.values())
PLANTED: Mapping[str, Story] = {EUROPE.name: Story.EDITED_IN_ERP, OUTLET.name: Story.TAX_UNMAPPED}
"""One order of each of these sales channels, which finance must hear of."""

OF_THE_MAP = frozenset({Story.CONTRADICTORY, Story.CORRECTED})
"""Stories about the map with the mistake, which only the flow of `WEB` has."""
OF_THE_STALL = frozenset({Story.STUCK, Story.EDITED_FIRST, Story.CANCELLED_FIRST})
"""Stories that begin while the hub cannot reach Seamline."""
OF_A_NEW_SKU = frozenset({Story.SKU_ARRIVES, Story.SKU_MISSING, Story.SKU_CANCELLED})
ARRIVING = frozenset({Story.SKU_ARRIVES, Story.SKU_CANCELLED})
"""Stories whose missing product the evening adds."""
PENDING = frozenset({Story.PAID_LATER, Story.UNPAID})
"""Stories that begin without a payment."""
NEVER_SOLD = frozenset(
    {
        Story.CANCELLED_FIRST,
        Story.SKU_MISSING,
        Story.SKU_CANCELLED,
        Story.CONTRADICTORY,
        Story.UNPAID,
        Story.TEST,
        Story.TAX_UNMAPPED,
    }
)
AMENDED = frozenset({Story.EDITED_BEHIND, Story.EDITED_AFTER, Story.REFUNDED})
"""Stories whose sale is made of the first version and changed to what the later one says."""
MOVES_FIGURES = AMENDED | {
    Story.TEST,
    Story.CANCELLED_FIRST,
    Story.CANCELLED_AFTER,
    Story.CANCELLED_SHIPPED,
    Story.EDITED_FIRST,
    Story.EDITED_PICKED,
}
"""Stories that can leave a sales channel with a figure of its own; see `Planned.moves_figures_alone`."""
SOLD_AS_FIRST = frozenset({Story.EDITED_PICKED, Story.CANCELLED_AFTER, Story.CANCELLED_SHIPPED, Story.TOUCHED})
"""Stories whose sale is of the first version, although a later one comes."""
TWO_VERSIONS = (
    AMENDED
    | SOLD_AS_FIRST
    | {
        Story.EDITED_FIRST,
        Story.CANCELLED_FIRST,
        Story.SKU_CANCELLED,
        Story.PAID_LATER,
        Story.CORRECTED,
    }
)


class Handling(enum.StrEnum):
    """What the warehouse does with an order."""

    NONE = "none"
    """Nothing yet."""
    WHOLE = "whole"
    """Picked, packed and shipped in one parcel."""
    TWO_PARCELS = "two_parcels"
    PARTIAL = "partial"
    """One piece leaves in the afternoon; the rest of every other such order in the evening, and of the others later."""
    UNMAPPED = "unmapped"
    """Shipped by a carrier that no sales channel has a name for."""
    SHORT = "short"
    """The picker finds none of one product, and the warehouse gives it up; the rest is shipped."""
    HELD = "held"
    """Put on hold."""
    PACKED = "packed"
    """Packed, and not shipped today."""
    PICKED = "picked"
    """Picked, and left standing."""


HANDLED: Mapping[Handling, float] = {
    Handling.WHOLE: 0.10,
    Handling.TWO_PARCELS: 0.03,
    Handling.PARTIAL: 0.03,
    Handling.UNMAPPED: 0.01,
    Handling.SHORT: 0.02,
    Handling.HELD: 0.01,
    Handling.PACKED: 0.02,
}
"""The share of all plain orders, at least one."""
BEGUN: Mapping[Story, Handling] = {Story.EDITED_PICKED: Handling.PICKED, Story.CANCELLED_SHIPPED: Handling.PACKED}
"""What the warehouse has done with the orders of these stories when their edit or cancel comes."""


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

    @property
    def moves_figures_alone(self) -> bool:
        """Whether its sales channel counts pieces as sold, or as back, for which the ERP's figure need not move.

        Pieces of an order that was cancelled before anybody was told of it come back on top of a level in which they
        are still there, when that arrives between its purchase and its cancel. And when one sales channel adds a piece
        to an order while another takes one off, the ERP's figure may be read after both, where it was before.
        """
        return self.story in MOVES_FIGURES

    @property
    def placed_as(self) -> tuple[bool, str | None, bool]:
        """How it comes into being: whether its flow is told, its payment (None: the usual one), if it is a test."""
        pending = "pending" if self.story in PENDING else None
        return self.story is not Story.LATE, pending, self.story is Story.TEST

    @property
    def amended(self) -> bool:
        """Whether its sale is changed after it was made. WooCommerce does not say which line a refund is of."""
        return self.story in AMENDED and not (self.story is Story.REFUNDED and self.sales_channel.mapped)


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is planned."""

    seed: int
    products: tuple[Product, ...]
    """Known to the ERP from the start."""
    planned: tuple[Planned, ...]
    """In the order of their purchase."""
    scarce_skus: tuple[str, ...] = ()
    """Products of which the ERP has only `SCARCE_STOCK` pieces; no ordinary order is of them."""

    @property
    def versions(self) -> int:
        """All versions of all orders."""
        return sum(each.versions for each in self.planned)

    @property
    def sold(self) -> int:
        """How many orders must be sales in the end, cancelled ones among them."""
        return sum(each.story not in NEVER_SOLD for each in self.planned)

    @property
    def arriving_skus(self) -> tuple[str, ...]:
        """Products that the evening adds."""
        return tuple(sorted(each.lines[0].sku for each in self.planned if each.story in ARRIVING))


def day(seed: int, count: int) -> Day:
    """The day of `count` orders (100 to 10,000); the same seed gives the same day. ValueError for other counts."""
    if not ORDERS_MIN <= count <= ORDERS_MAX:
        raise ValueError(f"a day has {ORDERS_MIN} to {ORDERS_MAX} orders, not {count}")
    products = catalogue(seed, PRODUCTS)
    told = list(_told(seed, count))
    draw = random.Random(f"{seed}/arrivals")  # noqa: S311 - an invented day, no secret
    draw.shuffle(told)
    handled = iter(_handled(draw, sum(story is Story.PLAIN for _, story in told)))
    scarce = tuple(f"LAST-{seed % 1000:03d}-{place}" for place in range(SCARCE))
    last = {name: iter(scarce) for name in LAST_PIECES}
    planned = []
    for place, (sales_channel, story) in enumerate(told):
        one, other, extra = (Wanted(each.sku, draw.choice((1, 1, 2))) for each in draw.sample(products, 3))
        lines: tuple[Wanted, ...] = (one, other) if story in (Story.REFUNDED, Story.EDITED_IN_ERP) else ()
        if story in OF_THE_SHELF:
            lines = (Wanted(next(last[sales_channel.name]), SCARCE_STOCK if story is Story.RACED else 1),)
        if story in OF_A_NEW_SKU:
            lines = (Wanted(f"NEW-{seed % 1000:03d}-{place:06d}", 1), one, other)
        planned.append(
            Planned(
                sales_channel=sales_channel,
                story=story,
                lines=lines,
                extra=extra,
                handling=next(handled) if story is Story.PLAIN else Handling.NONE,
            )
        )
    return Day(seed=seed, products=products, planned=tuple(planned), scarce_skus=scarce)


def is_told_by(sales_channel: SalesChannel, story: Story) -> bool:
    """Whether this story can happen to orders of this sales channel."""
    if story in OF_THE_MAP:
        return sales_channel is WEB
    if story in OF_THE_SHELF:
        return LAST_PIECES[sales_channel.name] is story
    if story in PLANTED.values():
        return PLANTED.get(sales_channel.name) is story
    return not (story is Story.TEST and sales_channel.mapped)


def _told(seed: int, count: int) -> Iterator[tuple[SalesChannel, Story]]:
    """Every order's sales channel and story."""
    left = count
    for sales_channel in SALES_CHANNELS:
        part = left if sales_channel is SALES_CHANNELS[-1] else round(count * sales_channel.share)
        left -= part
        stories = [
            story
            for story, share in SHARES.items()
            if is_told_by(sales_channel, story)
            for _ in range(max(1, round(share * part)))
        ]
        stories += [LAST_PIECES[sales_channel.name]] * SCARCE
        stories += [PLANTED[name] for name in (sales_channel.name,) if name in PLANTED]
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
