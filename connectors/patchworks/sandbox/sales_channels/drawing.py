"""Invented orders, drawn from a seed: the same seed, sales channel and number give the same order, times apart."""

from __future__ import annotations

import random
from collections.abc import Sequence

from connectors.patchworks.sandbox.sales_channels.config import ProductSeed, SalesChannelSeed
from connectors.patchworks.sandbox.sales_channels.order import Line, Order, Person, half_up, worth_of
from runtime.clock import Instant

_FIRST = ("Ada", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gwen", "Hugo", "Iris", "Jon")
_LAST = ("Moss", "Reed", "Stone", "Vale", "Wood", "Hill", "Lake", "Marsh", "Field", "Brook")
_STREETS = ("Elm St", "Mill Row", "High St", "Station Rd", "Park Ave", "River Ln")
_PLACES = (
    ("Austin", "Texas", "TX", "78701"),
    ("Dallas", "Texas", "TX", "75201"),
    ("Houston", "Texas", "TX", "77002"),
    ("El Paso", "Texas", "TX", "79901"),
)
_SHIPPING_CENTS = (0, 495, 695, 995)
_LINES = (1, 2, 3)


def catalogue(seed: SalesChannelSeed) -> tuple[ProductSeed, ...]:
    """What is for sale: the products named, then the generated ones, whose prices depend on their number only."""
    generated = tuple(
        ProductSeed(sku=f"SKU-{n:06d}", price_cents=500 + n * 7_919 % 11_500, title=f"Sample {n}")
        for n in range(1, seed.products_count + 1)
    )
    return (*seed.products, *generated)


class Drawing:
    """Draws the orders of one sales channel."""

    def __init__(self, seed: SalesChannelSeed, scope_seed: int) -> None:
        self._seed = seed
        self._scope = f"{scope_seed}/{seed.name}"
        base = random.Random(self._scope).randrange(4_000_000, 9_000_000)  # noqa: S311 - invented, no secret
        digits = 1_000_000 if seed.format == "shopify" else 100
        self.first_id = base * digits
        """Shopify's ids have thirteen digits, WooCommerce's are those of its posts."""

    def order(self, index: int, chosen: Sequence[tuple[ProductSeed, int]], payment: str | None, now: Instant) -> Order:
        """Order number `index` (from 0) of these products and units, or of drawn ones from `goods`."""
        draw = random.Random(f"{self._scope}/{index}")  # noqa: S311 - as above
        seed = self._seed
        order_id = self.first_id + index * 10
        percent = draw.choice((5, 10, 15)) if draw.random() < seed.discounted_share else 0
        shipping = worth_of(draw.choice(_SHIPPING_CENTS), 0, seed.taxes, included=seed.taxes_included)
        lines = [
            self.line(order_id * 10 + place, product, units, percent) for place, (product, units) in enumerate(chosen)
        ]
        share = draw.random()
        if payment is None:
            pending, authorised = seed.pending_share, seed.pending_share + seed.authorised_share
            payment = "pending" if share < pending else "authorized" if share < authorised else "paid"
        order = Order(
            id=order_id,
            number=1_001 + index,
            placed_at=now,
            updated_at=now,
            person=_person(draw),
            lines=lines,
            shipping=shipping,
            percent=percent,
            payment=payment,
        )
        if payment == "paid":
            order.paid = order.total(included=seed.taxes_included)
        return order

    def line(self, line_id: int, product: ProductSeed, units: int, percent: int = 0) -> Line:
        """A line of so many units, with its share of the discount and its taxes."""
        gross = product.price_cents * units
        discount = half_up(gross * percent, 100)
        worth = worth_of(gross, discount, self._seed.taxes, included=self._seed.taxes_included)
        title = product.title or product.sku
        return Line(id=line_id, sku=product.sku, title=title, price=product.price_cents, quantity=units, worth=worth)

    def choice(self, index: int, goods: Sequence[ProductSeed]) -> list[tuple[ProductSeed, int]]:
        """One to three different products and their units, for order number `index`."""
        draw = random.Random(f"{self._scope}/{index}/goods")  # noqa: S311 - as above
        count = min(draw.choice(_LINES), len(goods))
        return [(product, draw.choice((1, 1, 1, 2, 3))) for product in draw.sample(goods, count)]


def _person(draw: random.Random) -> Person:
    city, state, state_code, post_code = draw.choice(_PLACES)
    return Person(
        id=7_000_000_000 + draw.randrange(100_000_000),
        first=draw.choice(_FIRST),
        last=draw.choice(_LAST),
        street=f"{draw.randrange(1, 400)} {draw.choice(_STREETS)}",
        city=city,
        state=state,
        state_code=state_code,
        post_code=post_code,
    )
