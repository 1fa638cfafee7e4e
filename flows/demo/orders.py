"""Invented orders in the JSON of Shopify's REST API, for the demo, the crash tests and the benchmark.

Pure and deterministic: the same arguments give the same bytes on every machine. Nothing in here is a real person, a
real address or a real product. Amounts are computed in whole cents, so that an order without an oddity proves exactly:
lines - discounts + shipping (+ tax, unless prices include it) = total.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

LINES = 3
"""Lines of every generated order."""

_GOODS = ("Mug", "Lamp", "Chair", "Scarf", "Kettle", "Notebook", "Cushion", "Backpack", "Candle", "Tray")
_COLOURS = ("Blue", "Oak", "Sand", "Black", "Moss", "Rust", "White", "Plum")
_FIRST = ("Ada", "Bo", "Cleo", "Dara", "Eli", "Fay", "Gus", "Hana", "Ivo", "June", "Kit", "Lou")
_LAST = ("Moss", "Reed", "Stone", "Vale", "Marsh", "Heath", "Brook", "Thorn", "Field", "Ridge")
_STREETS = ("Elm Street", "Harbour Road", "Mill Lane", "Station Avenue", "Orchard Way")
_PLACES = (("Austin", "Texas", "TX", "78701"), ("Dallas", "Texas", "TX", "75201"), ("Waco", "Texas", "TX", "76701"))
_TAXES = (("TX State Tax", "0.0625"), ("TX City Tax", "0.02"))
_TAX_INCLUDED = (("VAT", "0.2"),)
_SHIPPING_CENTS = (0, 495, 795, 1250)
_BEGAN = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


class Oddity(enum.StrEnum):
    """What is wrong with a generated order, on purpose."""

    NONE = "none"
    UNKNOWN_SKU = "unknown_sku"
    """One line carries a SKU that is not in the catalogue."""
    WRONG_TOTAL = "wrong_total"
    """The stated total is one unit of currency above the sum of the parts."""


class Product(msgspec.Struct, frozen=True):
    """One product of the invented catalogue. `price_cents` is the price of one piece in the shop."""

    sku: str
    title: str
    variant: str
    price_cents: int
    grams: int

    @property
    def name(self) -> str:
        """Title and variant, as an order line shows them."""
        return f"{self.title} - {self.variant}"


class Mix(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the orders are special, each as a share (0 to 1) of the count. The shares are met exactly."""

    unknown_sku: float = 0.0
    wrong_total: float = 0.0
    tax_included: float = 0.0
    discounted: float = 0.3


PLAIN = Mix()
"""Nothing odd, tax on top of prices, three orders in ten with a discount code."""


class GeneratedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order: the bytes a sales channel would send, and what a test or the demo wants to know about them."""

    sales_channel: str
    order_id: str
    body: bytes
    skus: tuple[str, ...]
    total: Decimal
    """As stated in the body, also where that is wrong."""
    currency: str
    oddity: Oddity
    placed_at: datetime


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    product: Product
    quantity: int
    discount: int
    tax: tuple[int, ...]

    @property
    def gross(self) -> int:
        return self.product.price_cents * self.quantity


class _Order(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was drawn or computed for one order; rendering adds no choice."""

    order_id: int
    number: int
    currency: str
    placed_at: datetime
    taxes: tuple[tuple[str, str], ...]
    tax_included: bool
    percent: int
    lines: tuple[_Line, ...]
    shipping: int
    shipping_tax: tuple[int, ...]
    surplus: int
    person: tuple[str, str]
    street: str
    place: tuple[str, str, str, str]
    customer_id: int
    token: str

    @property
    def gross(self) -> int:
        return sum(line.gross for line in self.lines)

    @property
    def discount(self) -> int:
        return sum(line.discount for line in self.lines)

    @property
    def tax(self) -> int:
        return sum(sum(line.tax) for line in self.lines) + sum(self.shipping_tax)

    @property
    def total(self) -> int:
        on_top = 0 if self.tax_included else self.tax
        return self.gross - self.discount + self.shipping + on_top + self.surplus


@lru_cache(maxsize=4)
def catalogue(seed: int, count: int) -> tuple[Product, ...]:
    """`count` products with distinct SKUs. A longer catalogue of the same seed begins with the shorter one."""
    products = []
    for index in range(count):
        draw = random.Random(f"{seed}/product/{index}")  # noqa: S311 - invented goods, no secret
        title, colour = draw.choice(_GOODS), draw.choice(_COLOURS)
        sku = f"{title[:3]}-{colour[:3]}-{index:06d}".upper()
        products.append(Product(sku, title, colour, draw.randrange(500, 12_000), draw.randrange(80, 4_000)))
    return tuple(products)


def generate(
    seed: int,
    count: int,
    *,
    sales_channel: str = "web",
    currency: str = "USD",
    products: int = 500,
    mix: Mix = PLAIN,
    placed_from: datetime = _BEGAN,
) -> Iterator[GeneratedOrder]:
    """`count` distinct orders of about 7.5 KB, three lines each, from `catalogue(seed, products)`.

    The order ids of one seed and sales channel never repeat, and differ between seeds and between sales channels of up
    to a million orders each. `placed_from` (aware) is the instant of the first order; the others follow seconds apart.
    Raises ValueError when the shares of `mix` do not fit into the count.
    """
    goods = catalogue(seed, products)
    deck = list(range(count))
    draw = random.Random(f"{seed}/{sales_channel}/mix")  # noqa: S311 - invented orders, no secret
    draw.shuffle(deck)
    unknown, wrong = round(mix.unknown_sku * count), round(mix.wrong_total * count)
    if unknown + wrong > count:
        raise ValueError("the shares of odd orders add up to more than all orders")
    oddities = dict.fromkeys(deck[:unknown], Oddity.UNKNOWN_SKU)
    oddities |= dict.fromkeys(deck[unknown : unknown + wrong], Oddity.WRONG_TOTAL)
    tax_included = set(draw.sample(deck, round(mix.tax_included * count)))
    discounted = set(draw.sample(deck, round(mix.discounted * count)))
    for index in range(count):
        order = _drawn(
            f"{seed}/{sales_channel}",
            index,
            goods,
            currency=currency,
            oddity=oddities.get(index, Oddity.NONE),
            tax_included=index in tax_included,
            discounted=index in discounted,
            placed_from=placed_from,
        )
        yield GeneratedOrder(
            sales_channel=sales_channel,
            order_id=str(order.order_id),
            body=msgspec.json.encode(_rendered(order)),
            skus=tuple(line.product.sku for line in order.lines),
            total=Decimal(order.total).scaleb(-2),
            currency=currency,
            oddity=oddities.get(index, Oddity.NONE),
            placed_at=order.placed_at,
        )


def _drawn(
    scope: str,
    index: int,
    goods: tuple[Product, ...],
    *,
    currency: str,
    oddity: Oddity,
    tax_included: bool,
    discounted: bool,
    placed_from: datetime,
) -> _Order:
    draw = random.Random(f"{scope}/{index}")  # noqa: S311 - invented orders, no secret
    base = random.Random(scope).randrange(4_000_000, 9_000_000)  # noqa: S311 - a range of ids per scope
    chosen = [draw.choice(goods) for _ in range(LINES)]
    if oddity is Oddity.UNKNOWN_SKU:
        place = draw.randrange(LINES)
        chosen[place] = msgspec.structs.replace(chosen[place], sku=f"NEW-{base % 1000:03d}-{index:06d}")
    taxes = _TAX_INCLUDED if tax_included else _TAXES
    percent = draw.choice((5, 10, 15)) if discounted else 0
    lines = []
    for product in chosen:
        quantity = draw.choice((1, 1, 1, 2, 3))
        discount = _half_up(product.price_cents * quantity * percent, 100)
        tax = _taxes(product.price_cents * quantity - discount, taxes, included=tax_included)
        lines.append(_Line(product=product, quantity=quantity, discount=discount, tax=tax))
    shipping = draw.choice(_SHIPPING_CENTS)
    return _Order(
        order_id=base * 1_000_000 + index,
        number=1001 + index,
        currency=currency,
        placed_at=placed_from + timedelta(seconds=7 * index),
        taxes=taxes,
        tax_included=tax_included,
        percent=percent,
        lines=tuple(lines),
        shipping=shipping,
        shipping_tax=_taxes(shipping, taxes, included=tax_included),
        surplus=100 if oddity is Oddity.WRONG_TOTAL else 0,
        person=(draw.choice(_FIRST), draw.choice(_LAST)),
        street=f"{draw.randrange(1, 400)} {draw.choice(_STREETS)}",
        place=draw.choice(_PLACES),
        customer_id=7_000_000_000 + draw.randrange(100_000_000),
        token=f"{draw.getrandbits(128):032x}",
    )


def _half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def _taxes(amount: int, taxes: tuple[tuple[str, str], ...], *, included: bool) -> tuple[int, ...]:
    """Cents of each tax on an amount that contains them, or on top of one that does not."""
    rates = [int(Decimal(rate) * 10_000) for _, rate in taxes]
    base = 10_000 + (sum(rates) if included else 0)
    return tuple(_half_up(amount * rate, base) for rate in rates)


# -- rendering: the field names and nesting of Shopify's Admin REST order ----------------------------------------------


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _money_set(cents: int, currency: str) -> dict[str, Any]:
    amount = {"amount": _money(cents), "currency_code": currency}
    return {"shop_money": amount, "presentment_money": amount}


def _priced(name: str, cents: int, currency: str) -> dict[str, Any]:
    return {name: _money(cents), f"{name}_set": _money_set(cents, currency)}


def _tax_lines(order: _Order, cents: tuple[int, ...]) -> list[dict[str, Any]]:
    return [
        {"title": title, "rate": float(rate), **_priced("price", amount, order.currency)}
        for (title, rate), amount in zip(order.taxes, cents, strict=True)
    ]


def _rendered_line(order: _Order, position: int, line: _Line) -> dict[str, Any]:
    product, line_id = line.product, order.order_id * 10 + position
    allocated = {"amount": _money(line.discount), "amount_set": _money_set(line.discount, order.currency)}
    return {
        "id": line_id,
        "current_quantity": line.quantity,
        "fulfillable_quantity": line.quantity,
        "fulfillment_service": "manual",
        "fulfillment_status": None,
        "gift_card": False,
        "grams": product.grams,
        "name": product.name,
        **_priced("price", product.price_cents, order.currency),
        "product_exists": True,
        "product_id": 8_000_000_000 + line_id % 1_000_000,
        "properties": [],
        "quantity": line.quantity,
        "requires_shipping": True,
        "sku": product.sku,
        "taxable": True,
        "title": product.title,
        "total_discount": "0.00",
        "variant_id": 4_000_000_000 + line_id % 1_000_000,
        "variant_inventory_management": "shopify",
        "variant_title": product.variant,
        "vendor": "Example Goods",
        "tax_lines": _tax_lines(order, line.tax),
        "duties": [],
        "discount_allocations": [{**allocated, "discount_application_index": 0}] if line.discount else [],
    }


def _rendered_address(order: _Order) -> dict[str, Any]:
    first, last = order.person
    city, province, province_code, post_code = order.place
    return {
        "first_name": first,
        "last_name": last,
        "name": f"{first} {last}",
        "company": None,
        "address1": order.street,
        "address2": None,
        "city": city,
        "province": province,
        "province_code": province_code,
        "zip": post_code,
        "country": "United States",
        "country_code": "US",
        "phone": "+1 555 0100",
    }


def _rendered_person(order: _Order) -> dict[str, Any]:
    first, last = order.person
    mail = f"{first}.{last}.{order.customer_id}@example.com".lower()
    since = (order.placed_at - timedelta(days=90)).isoformat()
    return {
        "contact_email": mail,
        "email": mail,
        "phone": None,
        "customer": {
            "id": order.customer_id,
            "email": mail,
            "created_at": since,
            "updated_at": since,
            "first_name": first,
            "last_name": last,
            "state": "disabled",
            "note": None,
            "verified_email": True,
            "tax_exempt": False,
            "phone": None,
            "currency": order.currency,
            "tags": "",
            "admin_graphql_api_id": f"gid://shopify/Customer/{order.customer_id}",
        },
        "billing_address": _rendered_address(order),
        "shipping_address": _rendered_address(order),
    }


def _rendered_amounts(order: _Order) -> dict[str, Any]:
    currency, subtotal = order.currency, order.gross - order.discount
    per_tax = tuple(
        sum(amounts) for amounts in zip(*[line.tax for line in order.lines], order.shipping_tax, strict=True)
    )
    return {
        "currency": currency,
        "presentment_currency": currency,
        "taxes_included": order.tax_included,
        "current_subtotal_price": _money(subtotal),
        "current_total_discounts": _money(order.discount),
        **_priced("current_total_price", order.total, currency),
        "current_total_tax": _money(order.tax),
        **_priced("subtotal_price", subtotal, currency),
        **_priced("total_discounts", order.discount, currency),
        **_priced("total_line_items_price", order.gross, currency),
        **_priced("total_price", order.total, currency),
        "total_outstanding": "0.00",
        "total_shipping_price_set": _money_set(order.shipping, currency),
        **_priced("total_tax", order.tax, currency),
        "total_tip_received": "0.00",
        "tax_lines": _tax_lines(order, per_tax),
    }


def _rendered_extras(order: _Order) -> dict[str, Any]:
    code = f"SAVE{order.percent}"
    applied = {
        "target_type": "line_item",
        "type": "discount_code",
        "value": f"{order.percent}.0",
        "value_type": "percentage",
        "allocation_method": "across",
        "target_selection": "all",
        "code": code,
    }
    shipping_line = {
        "id": order.order_id * 10 + 9,
        "carrier_identifier": None,
        "code": "STANDARD",
        "discounted_price": _money(order.shipping),
        **_priced("price", order.shipping, order.currency),
        "phone": None,
        "source": "shopify",
        "title": "Standard",
        "tax_lines": _tax_lines(order, order.shipping_tax),
        "discount_allocations": [],
    }
    discounted = order.discount > 0
    return {
        "discount_codes": [{"code": code, "amount": _money(order.discount), "type": "percentage"}]
        if discounted
        else [],
        "discount_applications": [applied] if discounted else [],
        "fulfillments": [],
        "line_items": [_rendered_line(order, position, line) for position, line in enumerate(order.lines)],
        "payment_terms": None,
        "refunds": [],
        "shipping_lines": [shipping_line],
    }


def _rendered(order: _Order) -> dict[str, Any]:
    placed = order.placed_at.isoformat()
    return {
        "id": order.order_id,
        "admin_graphql_api_id": f"gid://shopify/Order/{order.order_id}",
        "app_id": 580111,
        "buyer_accepts_marketing": False,
        "cancel_reason": None,
        "cancelled_at": None,
        "checkout_token": order.token,
        "closed_at": None,
        "confirmed": True,
        "created_at": placed,
        "customer_locale": "en-US",
        "estimated_taxes": False,
        "financial_status": "paid",
        "fulfillment_status": None,
        "landing_site": "/",
        "name": f"#{order.number}",
        "note": None,
        "note_attributes": [],
        "number": order.number - 1000,
        "order_number": order.number,
        "payment_gateway_names": ["shopify_payments"],
        "processed_at": placed,
        "source_name": "web",
        "tags": "",
        "tax_exempt": False,
        "test": False,
        "token": order.token[::-1],
        "updated_at": placed,
        **_rendered_amounts(order),
        **_rendered_person(order),
        **_rendered_extras(order),
    }
