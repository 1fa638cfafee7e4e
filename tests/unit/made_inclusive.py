"""Orders of shops whose prices include tax, as Shopify and WooCommerce publish them after their own rounding.

Pure: the same seed gives the same bytes. Every second order has the classic that does not divide: three pieces at 9.99
(999 where the currency has no cents). What is drawn besides: one to four more lines, rates of the country, discounts in
per cent, of a fixed amount, of one line or of everything, and shipping.

Shopify computes each tax line from the discounted line, rounds it half up to the currency's smallest unit, and sums.
WooCommerce computes with six digits; a shop rounds line by line (taxes half down, nets half up) or, by its setting
"Round tax at subtotal level", only the sums. Sources: Shopify Admin REST reference (Order, `taxes_included`);
WooCommerce REST reference v3 (Orders), and its cart totals, which round so.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from typing import Any, Literal

import msgspec

Platform = Literal["shopify", "woocommerce"]
Rate = tuple[str, Decimal]
"""The name of a tax, and its rate: 0.2 is 20 %."""

_COUNTRIES: dict[str, tuple[str, int, tuple[tuple[Rate, ...], ...]]] = {
    "GB": ("GBP", 2, ((("VAT", Decimal("0.20")),), (("VAT reduced", Decimal("0.05")),), ())),
    "DE": ("EUR", 2, ((("MwSt", Decimal("0.19")),), (("MwSt ermäßigt", Decimal("0.07")),))),
    "SE": ("SEK", 2, ((("Moms", Decimal("0.25")),), (("Moms 12", Decimal("0.12")),), (("Moms 6", Decimal("0.06")),))),
    "JP": ("JPY", 0, ((("CT", Decimal("0.10")),), (("CT reduced", Decimal("0.08")),))),
    "CA": ("CAD", 2, ((("GST", Decimal("0.05")), ("QST", Decimal("0.09975"))), (("GST", Decimal("0.05")),))),
}
"""Country -> its currency, that currency's digits, and the taxes of each kind of goods; the first are the standard."""
TAXES = sorted({name for _, _, kinds in _COUNTRIES.values() for kind in kinds for name, _ in kind})
_SHIPPING = (0, 0, 295, 499, 650)


class MadeOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order: its bytes, and what the sales channel says in them."""

    platform: Platform
    currency: str
    body: bytes
    total: Decimal
    taxes: dict[Rate, Decimal]
    """The sum of each tax over the whole order."""


class _Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """One line or shipping cost, in the smallest units and with tax: what it costs, what is off, and its taxes."""

    price: int
    quantity: int
    off: int
    taxes: tuple[Rate, ...]

    @property
    def gross(self) -> int:
        return self.price * self.quantity


def made_orders(seed: int, count: int) -> Iterator[MadeOrder]:
    """So many orders, of Shopify and WooCommerce by turns."""
    for number in range(count):
        draw = random.Random(f"{seed}/inclusive/{number}")
        country = draw.choices(list(_COUNTRIES), (50, 20, 10, 8, 12))[0]
        currency, digits, kinds = _COUNTRIES[country]
        lines = [_line(draw, kinds) for _ in range(draw.randint(1, 4))]
        if number % 4 < 2:
            lines.insert(0, _Drawn(price=999, quantity=3, off=0, taxes=kinds[0]))
        lines = _discounted(draw, lines)
        cost = draw.choice(_SHIPPING)
        freight = _Drawn(price=cost, quantity=1, off=cost if draw.random() < 0.1 else 0, taxes=kinds[0] if cost else ())
        if number % 2:
            yield _woocommerce(number, country, currency, digits, lines, freight, at_subtotal=draw.random() < 0.5)
        else:
            yield _shopify(number, country, currency, digits, lines, freight)


def _line(draw: random.Random, kinds: Sequence[tuple[Rate, ...]]) -> _Drawn:
    price = draw.choice((999, 1_499, 333, draw.randint(1, 30_000)))
    return _Drawn(price=price, quantity=draw.choice((1, 1, 2, 3, 7)), off=0, taxes=draw.choice(kinds))


def _discounted(draw: random.Random, lines: list[_Drawn]) -> list[_Drawn]:
    """With nothing off, a share of everything, an amount laid on all lines, one line cheaper, or all for nothing."""
    goods = sum(line.gross for line in lines)
    match draw.choices(("none", "percent", "amount", "line", "all"), (40, 30, 15, 13, 2))[0]:
        case "percent":
            percent = draw.choice((5, 10, 15, 33))
            return _shared(lines, _units(Decimal(goods * percent) / 100))
        case "amount":
            return _shared(lines, min(goods, draw.choice((500, 1_000, 777))))
        case "line":
            first, *rest = lines
            return [msgspec.structs.replace(first, off=draw.randint(0, first.gross)), *rest]
        case "all":
            return _shared(lines, goods)
    return lines


def _shared(lines: list[_Drawn], off: int) -> list[_Drawn]:
    """The discount laid on the lines by what they cost; what does not divide goes one unit each to the first ones."""
    goods = sum(line.gross for line in lines)
    parts = [int((Decimal(off) * line.gross / goods).to_integral_value(ROUND_DOWN)) for line in lines]
    left = off - sum(parts)
    for place in itertools.cycle(range(len(lines))):
        if not left:
            break
        if parts[place] < lines[place].gross:
            parts[place], left = parts[place] + 1, left - 1
    return [msgspec.structs.replace(line, off=part) for line, part in zip(lines, parts, strict=True)]


def _units(amount: Decimal, rounding: str = ROUND_HALF_UP) -> int:
    return int(amount.to_integral_value(rounding))


def _tax(line: _Drawn, rate: Decimal, of: int) -> Decimal:
    """What of an amount with tax is this tax, in the smallest units and not rounded."""
    return Decimal(of) * rate / (1 + sum(each for _, each in line.taxes))


# -- Shopify -----------------------------------------------------------------------------------------------------------


def _shopify(
    number: int, country: str, currency: str, digits: int, lines: Sequence[_Drawn], freight: _Drawn
) -> MadeOrder:
    taxes: Counter[Rate] = Counter()

    def money(units: int) -> str:
        return f"{Decimal(units).scaleb(-digits):f}"

    def both(name: str, units: int) -> dict[str, Any]:
        amount = {"amount": money(units), "currency_code": currency}
        return {name: amount["amount"], f"{name}_set": {"shop_money": amount, "presentment_money": amount}}

    def tax_lines(line: _Drawn) -> list[dict[str, Any]]:
        rows = []
        for name, rate in line.taxes:
            units = _units(_tax(line, rate, line.gross - line.off))
            taxes[name, rate] += units
            rows.append({"title": name, "rate": float(rate), **both("price", units)})
        return rows

    rows = [
        {
            "id": 10 + place, "sku": f"SKU-{place}", "title": "Goods", "quantity": line.quantity,
            "current_quantity": line.quantity, **both("price", line.price), "tax_lines": tax_lines(line),
            "discount_allocations": [both("amount", line.off)] if line.off else [],
        }
        for place, line in enumerate(lines)
    ]  # fmt: skip
    shipping = {
        "id": 90, "title": "Post", "code": "POST", **both("price", freight.gross), "tax_lines": tax_lines(freight),
        **both("discounted_price", freight.gross - freight.off),
        "discount_allocations": [both("amount", freight.off)] if freight.off else [],
    }  # fmt: skip
    goods, off = sum(line.gross for line in lines), sum(line.off for line in lines)
    total = goods - off + freight.gross - freight.off
    body = {
        "id": 1_000_000 + number, "name": f"#{number}", "created_at": "2026-11-20T08:00:00Z",
        "updated_at": "2026-11-20T08:00:00Z", "currency": currency, "presentment_currency": currency,
        "taxes_included": True, "financial_status": "paid", "payment_gateway_names": ["card"],
        **both("total_line_items_price", goods), **both("total_discounts", off + freight.off),
        **both("subtotal_price", goods - off), **both("total_tax", sum(taxes.values())), **both("total_price", total),
        **both("current_total_price", total), "total_outstanding": "0",
        "total_shipping_price_set": both("x", freight.gross)["x_set"],
        "line_items": rows, "shipping_lines": [shipping] if freight.gross else [], "refunds": [],
        "tax_lines": [{"title": name, "rate": float(rate), **both("price", units)} for (name, rate), units in
                      taxes.items()],
        "billing_address": {"name": "Ada Moss", "address1": "1 Elm Street", "country_code": country},
    }  # fmt: skip
    return _made("shopify", currency, digits, body, total, taxes)


def _made(
    platform: Platform, currency: str, digits: int, body: dict[str, Any], total: int, taxes: Counter[Rate]
) -> MadeOrder:
    return MadeOrder(
        platform=platform,
        currency=currency,
        body=msgspec.json.encode(body),
        total=Decimal(total).scaleb(-digits),
        taxes={rate: Decimal(units).scaleb(-digits) for rate, units in taxes.items() if units},
    )


# -- WooCommerce -------------------------------------------------------------------------------------------------------


class _Computed(msgspec.Struct, frozen=True):
    """A line as WooCommerce computes it, in the smallest units with six digits: its net and taxes, before and after
    the discount.
    """

    before: Decimal
    net: Decimal
    before_taxes: list[Decimal]
    taxes: list[Decimal]


def _computed(line: _Drawn, digits: int) -> _Computed:
    fine = Decimal(1).scaleb(digits - 6)
    full = [_tax(line, rate, line.gross).quantize(fine) for _, rate in line.taxes]
    paid = line.gross - line.off
    taxes = [_tax(line, rate, paid).quantize(fine) for _, rate in line.taxes]
    return _Computed(Decimal(line.gross) - sum(full), Decimal(paid) - sum(taxes), full, taxes)


def _woocommerce(
    number: int,
    country: str,
    currency: str,
    digits: int,
    lines: Sequence[_Drawn],
    freight: _Drawn,
    *,
    at_subtotal: bool,
) -> MadeOrder:
    def money(units: Decimal | int) -> str:
        return f"{Decimal(units).scaleb(-digits):.{digits}f}"

    def raw(units: Decimal) -> str:
        return f"{units.scaleb(-digits).normalize():f}"

    rates = dict.fromkeys(rate for part in (*lines, freight) for rate in part.taxes)
    ids = {rate: 70 + place for place, rate in enumerate(rates)}
    done = [_computed(line, digits) for line in lines]
    cost = _units(Decimal(freight.gross - freight.off) / (1 + sum(rate for _, rate in freight.taxes)))
    freight_taxes = [(Decimal(cost) * rate).quantize(Decimal(1).scaleb(digits - 6)) for _, rate in freight.taxes]
    fine: Counter[Rate] = Counter()
    for line, each in zip(lines, done, strict=True):
        for rate, tax in zip(line.taxes, each.taxes, strict=True):
            fine[rate] += tax if at_subtotal else _units(tax, ROUND_HALF_DOWN)  # type: ignore[assignment]
    by_rate = {rate: _units(Decimal(sum_), ROUND_HALF_DOWN) for rate, sum_ in fine.items()}
    shipping_by_rate = {
        rate: _units(tax, ROUND_HALF_DOWN) for rate, tax in zip(freight.taxes, freight_taxes, strict=True)
    }
    if at_subtotal:
        net, before = sum(each.net for each in done), sum(each.before for each in done)
        total = _units(net + cost + sum(Decimal(fine[rate]) for rate in fine) + sum(freight_taxes))
        off = _units(before - net)
    else:
        rounded = sum(_units(each.net) for each in done)
        total = rounded + cost + sum(by_rate.values()) + sum(shipping_by_rate.values())
        off = sum(_units(each.before) for each in done) - rounded
    rows = [
        {
            "id": place, "name": "Goods", "sku": f"SKU-{place}", "quantity": line.quantity,
            "subtotal": money(_units(each.before)),
            "subtotal_tax": money(_units(Decimal(sum(each.before_taxes)), ROUND_HALF_DOWN)),
            "total": money(_units(each.net)),
            "total_tax": money(_stated(each.taxes, at_subtotal=at_subtotal)),
            "price": float((each.net / line.quantity).scaleb(-digits)),
            "taxes": [
                {"id": ids[rate], "total": raw(tax), "subtotal": raw(full)}
                for rate, tax, full in zip(line.taxes, each.taxes, each.before_taxes, strict=True)
            ],
        }
        for place, (line, each) in enumerate(zip(lines, done, strict=True))
    ]  # fmt: skip
    shipping = {
        "id": 90, "method_title": "Post", "method_id": "flat_rate", "total": money(cost),
        "total_tax": money(_stated(freight_taxes, at_subtotal=at_subtotal)),
        "taxes": [
            {"id": ids[rate], "total": raw(tax)} for rate, tax in zip(freight.taxes, freight_taxes, strict=True)
        ],
    }  # fmt: skip
    cart_tax, shipping_tax = sum(by_rate.values()), sum(shipping_by_rate.values())
    body = {
        "id": 2_000_000 + number, "number": str(number), "status": "processing", "currency": currency,
        "date_created_gmt": "2026-11-20T08:00:00", "date_modified_gmt": "2026-11-20T08:00:00",
        "date_paid_gmt": "2026-11-20T08:00:00", "prices_include_tax": True, "payment_method": "card",
        "transaction_id": f"ch_{number}", "line_items": rows, "shipping_lines": [shipping] if freight.gross else [],
        "fee_lines": [], "coupon_lines": [], "refunds": [],
        "tax_lines": [
            {
                "rate_id": ids[name, rate], "label": name, "rate_percent": float(rate * 100),
                "tax_total": money(by_rate.get((name, rate), 0)),
                "shipping_tax_total": money(shipping_by_rate.get((name, rate), 0)),
            }
            for name, rate in ids
        ],
        "discount_total": money(off), "shipping_total": money(cost), "shipping_tax": money(shipping_tax),
        "cart_tax": money(cart_tax), "total_tax": money(cart_tax + shipping_tax), "total": money(total),
        "billing": {"first_name": "Ada", "last_name": "Moss", "address_1": "1 Elm Street", "country": country},
    }  # fmt: skip
    taxes = Counter(by_rate)
    taxes.update(shipping_by_rate)
    return _made("woocommerce", currency, digits, body, total, taxes)


def _stated(taxes: Sequence[Decimal], *, at_subtotal: bool) -> int:
    """What a line says its taxes come to: the sum of rounded ones, or the rounded sum."""
    if at_subtotal:
        return _units(Decimal(sum(taxes)), ROUND_HALF_DOWN)
    return sum(_units(tax, ROUND_HALF_DOWN) for tax in taxes)
