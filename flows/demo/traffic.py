"""The day of the demo: from a seed to a schedule of deliveries, and to what the ERP must hold when it is over.

Pure. Two sales channels deliver orders as a hub does: singly and in arrays, twice, late, in the wrong order, with edits
and cancels before and after the import. What must come of each order is derived here from the bodies alone, by plain
sums over the sales channel's own fields, so that it can be held against the books without asking the product.
"""

from __future__ import annotations

import enum
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from flows.demo.orders import GeneratedOrder, Mix, Oddity, Product, catalogue, generate

ORDERS_MIN, ORDERS_MAX = 50, 10_000
PRODUCTS = 500
ORDERS_PER_S = 80
"""How fast new orders arrive in the morning: a little below what the ERP takes."""
_ARRAY_SHARE = 0.08
_ARRAY_ITEMS_MAX = 12
_UPGRADE = Decimal("5.00")
_SURPLUS = Decimal("1.00")
"""What a contradictory order states above the sum of its parts; see `Oddity.WRONG_TOTAL`."""


class SalesChannel(msgspec.Struct, frozen=True, kw_only=True):
    """One sales channel of the day. `id` is the ERP's number for it; `share` its part of the orders."""

    name: str
    id: int
    currency: str
    tax_included: bool
    share: float
    taxes: Mapping[str, str]
    """Name -> rate."""


WEB = SalesChannel(
    name="web",
    id=3,
    currency="USD",
    tax_included=False,
    share=0.6,
    taxes={"TX State Tax": "0.0625", "TX City Tax": "0.02"},
)
EUROPE = SalesChannel(name="europe", id=4, currency="EUR", tax_included=True, share=0.4, taxes={"VAT": "0.2"})
SALES_CHANNELS = (WEB, EUROPE)


class Part(enum.IntEnum):
    """A part of the day. The next one begins when everything that the one before brought has come to rest."""

    MORNING = 0
    """The orders of the day, with their repeats, and edits that overtake or follow them at once."""
    AFTERNOON = 1
    """What comes late: repeats of hours ago, orders that were stuck on the way, changes of orders long imported."""


class Story(enum.StrEnum):
    """What happens to one order in the course of the day."""

    PLAIN = "plain"
    """Delivered once."""
    REPEATED = "repeated"
    """Delivered twice at once, and again in the afternoon."""
    LATE = "late"
    """Delivered only in the afternoon."""
    ABANDONED = "abandoned"
    """The sender hangs up before the answer, and sends again."""
    EDITED_BEHIND = "edited_behind"
    """An edit follows at once. The sale is of the first version; the edit is an exception for a person."""
    EDITED_FIRST = "edited_first"
    """The edit overtakes the first version, which must then change nothing."""
    EDITED_AFTER = "edited_after"
    """An edit comes when the sale is there. The sale stands."""
    CANCELLED_FIRST = "cancelled_first"
    """The cancel overtakes the order, which must never become a sale."""
    CANCELLED_AFTER = "cancelled_after"
    """A cancel comes when the sale is there. The sale stands, for a person to cancel."""
    SKU_ARRIVES = "sku_arrives"
    """Held for an unknown SKU, until the evening adds the product."""
    SKU_MISSING = "sku_missing"
    """Held for an unknown SKU that nobody adds."""
    SKU_CANCELLED = "sku_cancelled"
    """Held for an unknown SKU, then cancelled; the product comes too late and must release nothing."""
    CONTRADICTORY = "contradictory"
    """Held: its total is not the sum of its parts."""
    CORRECTED = "corrected"
    """Held for its total, until a corrected version arrives."""


SHARES: Mapping[Story, float] = {
    Story.REPEATED: 0.10,
    Story.LATE: 0.03,
    Story.ABANDONED: 0.02,
    Story.EDITED_BEHIND: 0.02,
    Story.EDITED_FIRST: 0.03,
    Story.EDITED_AFTER: 0.03,
    Story.CANCELLED_FIRST: 0.01,
    Story.CANCELLED_AFTER: 0.02,
    Story.SKU_ARRIVES: 0.03,
    Story.SKU_MISSING: 0.02,
    Story.SKU_CANCELLED: 0.01,
    Story.CONTRADICTORY: 0.02,
    Story.CORRECTED: 0.02,
}
"""The share of each sales channel's orders, met to the nearest order but at least one; the rest is plain."""

_ODDITY = {
    Story.SKU_ARRIVES: Oddity.UNKNOWN_SKU,
    Story.SKU_MISSING: Oddity.UNKNOWN_SKU,
    Story.SKU_CANCELLED: Oddity.UNKNOWN_SKU,
    Story.CONTRADICTORY: Oddity.WRONG_TOTAL,
    Story.CORRECTED: Oddity.WRONG_TOTAL,
}
_NEVER_SOLD = (Story.CANCELLED_FIRST, Story.SKU_MISSING, Story.SKU_CANCELLED, Story.CONTRADICTORY)
_SOLD_AS_CHANGED = (Story.EDITED_FIRST, Story.CORRECTED)


class Line(msgspec.Struct, frozen=True, order=True):
    """Goods on a sale: `amount` is after discounts and before tax."""

    sku: str
    quantity: Decimal
    amount: Decimal


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a sale must say, in its currency. Shipping and lines are before tax; `lines` is sorted."""

    currency: str
    total: Decimal
    goods: Decimal
    tax: Decimal
    shipping: Decimal
    paid: Decimal
    lines: tuple[Line, ...]


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """One order, and what must be in the books when the day is over. `deliveries` counts how often it is delivered."""

    sales_channel: str
    order_id: str
    reference: str
    story: Story
    deliveries: int
    sale: Figures | None
    """None: there must never be a sale."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One request of the hub: one order as an object, or several as an array.

    `at_s` counts from the beginning of its part of the day. It may begin only when those numbered in `waits_for` were
    answered, because they bring another version of the same order. `abandons`: the sender hangs up on its first try.
    """

    number: int
    part: Part
    at_s: float
    sales_channel: str
    order_ids: tuple[str, ...]
    body: bytes
    waits_for: tuple[int, ...] = ()
    abandons: bool = False


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that will happen, and everything that must come of it."""

    products: tuple[Product, ...]
    """Known to the ERP from the start."""
    arriving_skus: tuple[str, ...]
    """Products that the evening adds."""
    deliveries: tuple[Delivery, ...]
    expected: tuple[Expected, ...]

    def of(self, part: Part) -> tuple[Delivery, ...]:
        """The deliveries of one part of the day, in the order in which they are sent."""
        return tuple(delivery for delivery in self.deliveries if delivery.part is part)


class _Item(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one order on its way."""

    part: Part
    at_s: float
    sales_channel: str
    order_id: str
    version: int
    body: bytes
    abandons: bool = False


def day(seed: int, count: int) -> Day:
    """The day of `count` orders (50 to 10,000); the same seed gives the same day. ValueError for other counts."""
    if not ORDERS_MIN <= count <= ORDERS_MAX:
        raise ValueError(f"a day has {ORDERS_MIN} to {ORDERS_MAX} orders, not {count}")
    products = catalogue(seed, PRODUCTS)
    told = list(_told(seed, count))
    random.Random(f"{seed}/arrivals").shuffle(told)  # noqa: S311 - an invented day, no secret
    items: list[_Item] = []
    expected = []
    for place, (story, order) in enumerate(told):
        versions = list(_versions(story, order, place / ORDERS_PER_S, len(told) / ORDERS_PER_S))
        items += versions
        expected.append(_expected(story, order, versions))
    known = {product.sku for product in products}
    arriving = [
        sku
        for story, order in told
        if story in (Story.SKU_ARRIVES, Story.SKU_CANCELLED)
        for sku in order.skus
        if sku not in known
    ]
    return Day(
        products=products,
        arriving_skus=tuple(sorted(set(arriving))),
        deliveries=tuple(_deliveries(seed, items)),
        expected=tuple(expected),
    )


def _told(seed: int, count: int) -> Iterator[tuple[Story, GeneratedOrder]]:
    """Every order with its story. Odd orders have the stories that are about their oddity."""
    left = count
    for sales_channel in SALES_CHANNELS:
        part = left if sales_channel is SALES_CHANNELS[-1] else round(count * sales_channel.share)
        left -= part
        counts = {story: max(1, round(share * part)) for story, share in SHARES.items()}
        stories: dict[Oddity, list[Story]] = defaultdict(list)
        for story, number in counts.items():
            stories[_ODDITY.get(story, Oddity.NONE)] += [story] * number
        clean = part - sum(counts.values())
        stories[Oddity.NONE] += [Story.PLAIN] * clean
        random.Random(f"{seed}/{sales_channel.name}/stories").shuffle(stories[Oddity.NONE])  # noqa: S311
        mix = Mix(
            unknown_sku=len(stories[Oddity.UNKNOWN_SKU]) / part,
            wrong_total=len(stories[Oddity.WRONG_TOTAL]) / part,
            tax_included=float(sales_channel.tax_included),
        )
        orders = generate(
            seed, part, sales_channel=sales_channel.name, currency=sales_channel.currency, products=PRODUCTS, mix=mix
        )
        for order in orders:
            yield stories[order.oddity].pop(), order


# -- versions of an order ----------------------------------------------------------------------------------------------


def _versions(story: Story, order: GeneratedOrder, at_s: float, length_s: float) -> Iterator[_Item]:
    """The order's versions in the order of their arrival; later changes come at the same place of the afternoon."""

    def item(body: bytes, version: int, part: Part = Part.MORNING, after_s: float = 0.0) -> _Item:
        late = part is Part.AFTERNOON
        return _Item(
            part=part,
            at_s=at_s * _AFTERNOON_PACE if late else at_s + after_s,
            sales_channel=order.sales_channel,
            order_id=order.order_id,
            version=version,
            body=body,
            abandons=story is Story.ABANDONED,
        )

    soon_s = min(1.0, length_s / 4)
    match story:
        case Story.REPEATED:
            yield from (item(order.body, 1), item(order.body, 1), item(order.body, 1, Part.AFTERNOON))
        case Story.LATE:
            yield item(order.body, 1, Part.AFTERNOON)
        case Story.EDITED_BEHIND:
            yield from (item(order.body, 1), item(upgraded(order.body), 2))
        case Story.EDITED_FIRST:
            yield from (item(upgraded(order.body), 2), item(order.body, 1, after_s=soon_s))
        case Story.EDITED_AFTER:
            yield from (item(order.body, 1), item(upgraded(order.body), 2, Part.AFTERNOON))
        case Story.CANCELLED_FIRST:
            yield from (item(cancelled(order.body), 2), item(order.body, 1, after_s=soon_s))
        case Story.CANCELLED_AFTER | Story.SKU_CANCELLED:
            yield from (item(order.body, 1), item(cancelled(order.body), 2, Part.AFTERNOON))
        case Story.CORRECTED:
            yield from (item(order.body, 1), item(corrected(order.body), 2, after_s=soon_s))
        case _:
            yield item(order.body, 1)


_AFTERNOON_PACE = 0.25
"""The afternoon repeats the rhythm of the morning, four times as fast: it brings a fraction of the deliveries."""


def upgraded(body: bytes) -> bytes:
    """The order with express shipping for 5.00 more, ten minutes later; its figures still add up."""
    order = _later(body, minutes=10)
    line = order["shipping_lines"][0]
    line["code"], line["title"] = "EXPRESS", "Express"
    for place, name in ((line, "price"), (order, "total_price"), (order, "current_total_price")):
        _add(place, name, _UPGRADE)
    line["discounted_price"] = line["price"]
    order["total_shipping_price_set"] = line["price_set"]
    return msgspec.json.encode(order)


def corrected(body: bytes) -> bytes:
    """The contradictory order with the total that its parts add up to, five minutes later."""
    order = _later(body, minutes=5)
    for name in ("total_price", "current_total_price"):
        _add(order, name, -_SURPLUS)
    return msgspec.json.encode(order)


def cancelled(body: bytes) -> bytes:
    """The order as the customer cancelled it, twenty minutes later."""
    order = _later(body, minutes=20)
    order["cancelled_at"], order["cancel_reason"] = order["updated_at"], "customer"
    return msgspec.json.encode(order)


def _later(body: bytes, *, minutes: int) -> dict[str, Any]:
    order: dict[str, Any] = msgspec.json.decode(body)
    updated = datetime.fromisoformat(order["updated_at"]) + timedelta(minutes=minutes)
    order["updated_at"] = updated.isoformat()
    return order


def _add(place: dict[str, Any], name: str, amount: Decimal) -> None:
    place[name] = str(Decimal(place[name]) + amount)
    for side in place[f"{name}_set"].values():
        side["amount"] = place[name]


# -- what must come of it ----------------------------------------------------------------------------------------------


def _expected(story: Story, order: GeneratedOrder, versions: Sequence[_Item]) -> Expected:
    sold = max(versions, key=lambda item: item.version) if story in _SOLD_AS_CHANGED else None
    return Expected(
        sales_channel=order.sales_channel,
        order_id=order.order_id,
        reference=msgspec.json.decode(order.body)["name"],
        story=story,
        deliveries=len(versions),
        sale=None if story in _NEVER_SOLD else figures(order.body if sold is None else sold.body),
    )


def figures(body: bytes) -> Figures:
    """What a sale of this order must say, summed from the fields that the sales channel publishes."""
    order = msgspec.json.decode(body)
    included = order["taxes_included"]
    lines = []
    for line in order["line_items"]:
        gross = Decimal(line["price"]) * line["quantity"]
        discount = _sum(each["amount"] for each in line["discount_allocations"])
        net = gross - discount - (_tax(line) if included else 0)
        lines.append(Line(line["sku"], Decimal(line["quantity"]), net))
    costs = order["shipping_lines"]
    return Figures(
        currency=order["currency"],
        total=Decimal(order["total_price"]),
        goods=sum((line.amount for line in lines), Decimal(0)),
        tax=sum((_tax(taxed) for taxed in (*order["line_items"], *costs)), Decimal(0)),
        shipping=sum((Decimal(cost["price"]) - (_tax(cost) if included else 0) for cost in costs), Decimal(0)),
        paid=Decimal(order["total_price"]),
        lines=tuple(sorted(lines)),
    )


def _tax(taxed: Mapping[str, Any]) -> Decimal:
    return _sum(tax["price"] for tax in taxed["tax_lines"])


def _sum(amounts: Iterator[str]) -> Decimal:
    return sum(map(Decimal, amounts), Decimal(0))


# -- the schedule ------------------------------------------------------------------------------------------------------


def _deliveries(seed: int, items: Sequence[_Item]) -> Iterator[Delivery]:
    """The items as requests, in the order of sending; versions of one order wait for each other."""
    draw = random.Random(f"{seed}/arrays")  # noqa: S311 - an invented day, no secret
    batches = []
    for part in Part:
        for sales_channel in SALES_CHANNELS:
            stream = [item for item in items if item.part is part and item.sales_channel == sales_channel.name]
            batches += list(_batches(draw, sorted(stream, key=lambda item: item.at_s)))
    batches.sort(key=lambda batch: (batch[-1].part, batch[-1].at_s))
    met: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for number, batch in enumerate(batches):
        waits_for = {
            earlier
            for item in batch
            for earlier, version in met[item.sales_channel, item.order_id]
            if version != item.version
        }
        for item in batch:
            met[item.sales_channel, item.order_id].append((number, item.version))
        yield Delivery(
            number=number,
            part=batch[-1].part,
            at_s=batch[-1].at_s,
            sales_channel=batch[0].sales_channel,
            order_ids=tuple(item.order_id for item in batch),
            body=batch[0].body if len(batch) == 1 else b"[" + b",".join(item.body for item in batch) + b"]",
            waits_for=tuple(sorted(waits_for)),
            abandons=batch[0].abandons,
        )


def _batches(draw: random.Random, stream: Sequence[_Item]) -> Iterator[list[_Item]]:
    """Neighbours of one sales channel, now and then several together; a sender that hangs up sends one alone."""
    place = 0
    while place < len(stream):
        wanted = draw.randint(2, _ARRAY_ITEMS_MAX) if draw.random() < _ARRAY_SHARE else 1
        batch = list(stream[place : place + wanted])
        if any(item.abandons for item in batch):
            batch = batch[:1]
        place += len(batch)
        yield batch


def counted(expected: Sequence[Expected]) -> Mapping[Story, int]:
    """How many orders there are of each story."""
    return Counter(each.story for each in expected)
