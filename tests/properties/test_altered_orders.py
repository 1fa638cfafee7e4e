"""One field of a sound order is lost or changed, in every format: nothing breaks, and no other figures become a sale.

Every field of the small orders that the formats' own tests are made of is altered in every way that senders have been
seen to: left out, null, empty, of another type, no number, huge, negative, one more, and a cent more. Whatever comes of
it is an answer. A sale comes of it only with the money of the sound order, line by line; else there is a reason.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from decimal import Decimal, DecimalException
from typing import Any, Final

import msgspec
import pytest

from connectors.contract import Identified
from connectors.fulfil.wire import CreateOrder
from flows.formats import FORMATS
from flows.model.money import ZERO
from flows.model.order import Order
from flows.model.proof import prove
from flows.model.sale import sale_for
from tests.unit import made_amazon, made_bigcommerce, made_inclusive, made_onx, made_woocommerce, magento_orders
from tests.unit.published_outcomes import SETTINGS
from tests.unit.test_format_seamline import WHOLE

Path = tuple[str | int, ...]
_GONE: Final = object()
_EMPTY: Final = (_GONE, None, "", [], {}, True, "x", "NaN", "Infinity", 10**17, 10**40, "9" * 40)
"""What a field may become, whatever it was."""
_UNWITNESSED: Final = frozenset(("QuantityOrdered",))
"""Amazon's v0 publishes the price of all pieces and nothing else that tells how many they are."""
_HOME: Final = {
    "first_name": "Ada", "last_name": "Moss", "address_1": "1 Elm Street", "city": "Austin", "postcode": "78701",
    "country": "US",
}  # fmt: skip


def sides(shop: str, presentment: str) -> dict[str, Any]:
    """An amount of an order that was sold in euros and shown in yen."""
    return {
        "shop_money": {"amount": shop, "currency_code": "EUR"},
        "presentment_money": {"amount": presentment, "currency_code": "JPY"},
    }


def tax(shop: str, presentment: str) -> dict[str, Any]:
    return {"title": "VAT", "rate": 0.19, "price": shop, "price_set": sides(shop, presentment)}


SHOPIFY: Final[dict[str, Any]] = {
    "id": 1001, "name": "#1001", "created_at": "2026-11-20T09:00:00+01:00", "updated_at": "2026-11-20T09:00:01+01:00",
    "currency": "EUR", "presentment_currency": "JPY", "taxes_included": True, "financial_status": "paid",
    "total_price": "40.00", "total_price_set": sides("40.00", "6400"),
    "subtotal_price": "27.00", "subtotal_price_set": sides("27.00", "4320"),
    "total_line_items_price": "30.00", "total_line_items_price_set": sides("30.00", "4800"),
    "total_discounts": "4.00", "total_discounts_set": sides("4.00", "640"),
    "total_tax": "5.11", "total_tax_set": sides("5.11", "818"), "total_shipping_price_set": sides("5.00", "800"),
    "total_outstanding": "0.00", "total_tip_received": "2.00", "original_total_duties_set": sides("6.00", "960"),
    "line_items": [
        {
            "id": 1, "sku": "A", "quantity": 2, "current_quantity": 2, "price": "10.00",
            "price_set": sides("10.00", "1600"), "tax_lines": [tax("2.87", "459")],
            "discount_allocations": [{"amount": "2.00", "amount_set": sides("2.00", "320")}],
        },
        {
            "id": 2, "sku": "B", "quantity": 1, "price": "10.00", "price_set": sides("10.00", "1600"),
            "discount_allocations": [{"amount": "1.00", "amount_set": sides("1.00", "160")}],
            "tax_lines": [tax("1.44", "231")],
        },
        {
            "id": 3, "sku": None, "title": "Tip", "quantity": 1, "price": "2.00", "price_set": sides("2.00", "320"),
            "tip": {"payment_gateway": "card"}, "tax_lines": [],
        },
    ],
    "shipping_lines": [
        {
            "id": 4, "code": "DHL", "price": "6.00", "price_set": sides("6.00", "960"),
            "discount_allocations": [{"amount": "1.00", "amount_set": sides("1.00", "160")}],
            "tax_lines": [tax("0.80", "128")],
        }
    ],
    "transactions": [
        {"id": 11, "kind": "sale", "status": "success", "gateway": "gift_card", "amount": "11.00", "currency": "EUR"},
        {"id": 12, "kind": "sale", "status": "success", "gateway": "card", "amount": "29.00", "currency": "EUR"},
    ],
    "refunds": [],
    "shipping_address": {"name": "Ada Moss", "address1": "1 Elm Street", "country_code": "DE"},
}  # fmt: skip
SEAMLINE: Final = {name: value for name, value in WHOLE.items() if name not in ("refunds", "fulfilment_status")}
SOUND: Final[dict[str, tuple[str, Mapping[str, Any]]]] = {
    "shopify": ("shopify", SHOPIFY),
    "seamline": ("seamline", SEAMLINE),
    "woocommerce": ("woocommerce", made_woocommerce.taxed(billing=_HOME, shipping=_HOME)),
    "woocommerce inclusive": ("woocommerce", msgspec.json.decode(list(made_inclusive.made_orders(5, 4))[3].body)),
    "bigcommerce": ("bigcommerce", made_bigcommerce.payload()),
    "magento2": ("magento2", magento_orders.payload()),
    "onx": ("onx", made_onx.payload()),
    "amazon": ("amazon", made_amazon.payload()),
}


def fields(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value below the top, with the way to it."""
    if path:
        yield path, value
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield from fields(member, (*path, name))


def otherwise(value: Any) -> Iterator[Any]:
    """What it may be instead."""
    yield from _EMPTY
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return
    try:
        number = Decimal(str(value))
    except DecimalException:
        return
    for other in (-number or Decimal(-1), number + 1, number + Decimal("0.01")):
        yield str(other) if isinstance(value, str) else float(other)


def altered(sound: Mapping[str, Any], path: Path, other: Any) -> dict[str, Any]:
    """The order with this in place of that."""
    order: Any = copy.deepcopy(dict(sound))
    within = order
    for name in path[:-1]:
        within = within[name]
    if other is _GONE:
        del within[path[-1]]
    else:
        within[path[-1]] = other
    return order  # type: ignore[no-any-return]


def sold(format_: str, raw: bytes) -> CreateOrder | None:
    """The sale that it becomes; None where something stands against that."""
    named, order = FORMATS[format_].identify(raw), FORMATS[format_].read("web", raw)
    if not (isinstance(named, Identified) and isinstance(order, Order) and prove(order).holds):
        return None
    sale = sale_for(order, SETTINGS)
    return sale if isinstance(sale, CreateOrder) else None


def money(sale: CreateOrder) -> tuple[Any, ...]:
    """What is paid for what: the total, each line that costs something with its pieces and taxes, and shipping."""
    lines = [(line.amount, line.quantity, *(tax.amount for tax in line.tax_lines)) for line in sale.sale_lines]
    costs = [(line.amount, *(tax.amount for tax in line.tax_lines)) for line in sale.shipping_lines if line.amount]
    return sale.amount, sale.currency_code, [line for line in lines if line[0]], costs


@pytest.mark.parametrize("name", SOUND)
def test_one_altered_field_breaks_nothing_and_changes_no_money(name: str) -> None:
    """Held, refused, or the same money for the same pieces; what is paid is more than nothing, and no more than all."""
    format_, sound = SOUND[name]
    expected = sold(format_, msgspec.json.encode(sound))
    assert expected is not None
    for path, value in fields(dict(sound)):
        if path[-1] in _UNWITNESSED:
            continue
        for other in otherwise(value):
            sale = sold(format_, msgspec.json.encode(altered(sound, path, other)))
            if sale is not None:
                assert money(sale) == money(expected), (path, other)
                paid = [each.amount for each in sale.payments]
                assert all(amount > ZERO for amount in paid), (path, other)
                assert sum(paid, ZERO) <= sale.amount, (path, other)
