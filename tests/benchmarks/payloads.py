"""Orders for the benchmark in every format: three lines with a tax, shipping with its own, paid; no two are alike.

Amounts are drawn, so that few of them repeat, as in a shop. What Seamline does not read is there as well, as much of it
as the vendors' own examples have: skipping it is part of a decode.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from flows.demo.orders import generate
from flows.formats import (
    amazon_wire,
    bigcommerce_wire,
    magento_wire,
    onx_wire,
    seamline_wire,
    shopify_wire,
    woocommerce_wire,
)
from flows.model.money import JsonNumber
from tests.benchmarks.settings import PRODUCTS, SEED
from tests.unit import made_amazon as amazon
from tests.unit import made_bigcommerce as bigcommerce
from tests.unit import made_onx as onx
from tests.unit import made_woocommerce as woocommerce
from tests.unit import magento_orders as magento

_LINES = 3
_PERCENT = 8
_ADA = {"first_name": "Ada", "last_name": "Moss", "company": "", "city": "Austin", "email": "ada@example.com"}


class _Sold(NamedTuple):
    """A line in cents; with a quantity of 1, shipping."""

    id: int
    sku: str
    name: str
    quantity: int
    price: int

    @property
    def net(self) -> int:
        return self.price * self.quantity

    @property
    def tax(self) -> int:
        return (self.net * _PERCENT + 50) // 100


class _Drawn(NamedTuple):
    id: int
    lines: tuple[_Sold, ...]
    shipping: _Sold

    @property
    def parts(self) -> tuple[_Sold, ...]:
        return (*self.lines, self.shipping)

    @property
    def tax(self) -> int:
        return sum(part.tax for part in self.parts)

    @property
    def goods(self) -> int:
        return sum(line.net for line in self.lines)

    @property
    def total(self) -> int:
        return self.goods + self.shipping.net + self.tax


def _drawn(count: int) -> Iterator[_Drawn]:
    draw = random.Random(SEED)
    for number in range(count):
        id_ = 1_000_000 + number
        lines = [
            _Sold(10 * id_ + at, _sku(draw), "Mug", draw.choice((1, 1, 1, 2, 3)), draw.randrange(500, 12_000))
            for at in range(_LINES)
        ]
        yield _Drawn(id_, tuple(lines), _Sold(10 * id_ + 9, "", "Standard", 1, draw.choice((495, 795, 1250))))


def _sku(draw: random.Random) -> str:
    return f"SKU-{draw.randrange(PRODUCTS):06d}"


def _text(cents: int, digits: int = 2) -> str:
    return f"{cents // 100}.{cents % 100:02d}{'0' * (digits - 2)}"


# -- one order in each format ------------------------------------------------------------------------------------------


def _woocommerce(order: _Drawn) -> Any:
    def taxed(part: _Sold, **more: Any) -> dict[str, Any]:
        tax = {"id": 75, "total": _text(part.tax), "subtotal": _text(part.tax)}
        return {"id": part.id, "total": _text(part.net), "total_tax": _text(part.tax), "taxes": [tax], **more}

    unread = {
        "image": {"id": "97", "src": "https://shop.example.com/mug.png"}, "parent_name": None, "tax_class": "",
        "meta_data": [
            {"id": 1, "key": f"pa_{name}", "value": value, "display_key": name, "display_value": value}
            for name, value in (("colour", "blue"), ("size", "large"), ("handle", "left"))
        ],
    }  # fmt: skip
    links = {"self": [{"href": "https://shop.example.com/wp-json/wc/v3/orders/727", "targetHints": {"allow": ["GET"]}}]}
    items = [
        woocommerce.item(
            **taxed(line), **unread, sku=line.sku, quantity=line.quantity, price=line.price / 100,
            subtotal=_text(line.net), subtotal_tax=_text(line.tax),
        )
        for line in order.lines
    ]  # fmt: skip
    person = {**_ADA, "address_1": "1 Elm Street", "address_2": "", "state": "TX", "postcode": "78701", "country": "US"}
    attribution = [
        {"id": 9_000 + at, "key": f"_wc_order_attribution_{name}", "value": name * 2}
        for at, name in enumerate(("source_type", "referrer", "utm_source", "session_entry", "user_agent", "device"))
    ]
    goods_tax = sum(line.tax for line in order.lines)
    rate = {"id": 9, "rate_code": "US-TX-1", "rate_id": 75, "label": "Tax", "compound": False, "rate_percent": _PERCENT}
    return woocommerce.payload(
        id=order.id, number=str(order.id), line_items=items, billing=person, shipping=person, meta_data=attribution,
        order_key="wc_order_58d2d042d1d", customer_user_agent="Mozilla/5.0 (X11; Linux x86_64)", _links=links,
        payment_method_title="Card", cart_hash="87d2d042d1d2fd2fd287d2d042d1d2fd",
        shipping_lines=[taxed(order.shipping, method_title="Flat rate", method_id="flat_rate", meta_data=[])],
        tax_lines=[{**rate, "tax_total": _text(goods_tax), "shipping_tax_total": _text(order.shipping.tax)}],
        shipping_total=_text(order.shipping.net), shipping_tax=_text(order.shipping.tax), cart_tax=_text(goods_tax),
        total_tax=_text(order.tax), total=_text(order.total),
    )  # fmt: skip


def _magento2(order: _Drawn) -> Any:
    unread = {
        "amount_refunded": 0, "discount_invoiced": 0, "free_shipping": 0, "is_qty_decimal": 0, "no_discount": 0,
        "original_price": 10, "product_id": 14, "quote_item_id": 33, "row_weight": 1, "store_id": 1, "weight": 1,
        "row_invoiced": 0, "tax_invoiced": 0, "price_incl_tax": 10.8, "created_at": "2026-11-20 08:00:00",
    }  # fmt: skip
    items = [
        magento.item(
            line.id, line.sku, **unread, qty_ordered=line.quantity, price=line.price / 100,
            row_total=line.net / 100, tax_amount=line.tax / 100, tax_percent=_PERCENT,
        )
        for line in order.lines
    ]  # fmt: skip
    state = {"code": "US-TX-*-Rate", "title": "Tax", "percent": _PERCENT}
    shares = [
        {"type": "product", "item_id": line.id, "applied_taxes": [magento.share(state, line.tax / 100)]}
        for line in order.lines
    ]
    shares.append({"type": "shipping", "applied_taxes": [magento.share(state, order.shipping.tax / 100)]})
    paid = magento.both({"amount_ordered": order.total / 100, "amount_paid": order.total / 100})
    cost = order.shipping.net / 100
    assignment = {
        "shipping": {
            "address": magento.ADDRESS,
            "method": "flatrate_flatrate",
            "total": magento.both({"amount": cost}),
        },
        "items": items,
    }
    return magento.payload(
        {"item_applied_taxes": shares, "shipping_assignments": [assignment]},
        entity_id=order.id, increment_id=f"{order.id:09}", items=items, grand_total=order.total / 100,
        subtotal=order.goods / 100, tax_amount=order.tax / 100, shipping_amount=cost,
        shipping_tax_amount=order.shipping.tax / 100, total_paid=order.total / 100, protect_code="0d1f7a",
        payment={"entity_id": 31, "method": "checkmo", **paid}, store_name="Main Website\nMain Website Store\n",
    )  # fmt: skip


def _magento1(order: _Drawn) -> Any:
    unread = dict.fromkeys(
        ("additional_data", "applied_rule_ids", "description", "ext_order_item_id", "gift_message", "parent_quote_id",
         "weee_tax_disposition", "weee_tax_row_disposition", "base_cost", "locked_do_invoice", "locked_do_ship"),
    ) | {"product_options": 'a:1:{s:15:"info_buyRequest";a:2:{s:3:"qty";i:1;s:7:"options";a:0:{}}}',
         "created_at": "2013-06-29 05:53:09", "updated_at": "2013-06-29 05:53:09", "weight": "1.0000"}  # fmt: skip
    items = [
        magento.old_item(
            str(line.id), line.sku, _text(line.price, 4), _text(line.net, 4), f"{line.quantity}.0000",
            tax_percent=f"{_PERCENT}.0000", **magento.both({"tax_amount": _text(line.tax, 4)}), **unread,
        )
        for line in order.lines
    ]  # fmt: skip
    total, paid = _text(order.total, 4), magento.both({"amount_paid": _text(order.total, 4)})
    return magento.old_payload(
        items, total, _text(order.goods, 4),
        **{
            "order_id": str(order.id), "increment_id": str(order.id), "state": "processing", "status": "processing",
            "total_paid": total, "base_total_paid": total, "total_due": "0.0000", "base_total_due": "0.0000",
            "payment": {"payment_id": "1", "method": "checkmo", **paid, "additional_information": [], **unread},
            **magento.both({
                "shipping_amount": _text(order.shipping.net, 4), "shipping_tax_amount": _text(order.shipping.tax, 4),
                "tax_amount": _text(order.tax, 4),
            }),
        },
    )  # fmt: skip


def _bigcommerce(order: _Drawn) -> Any:
    def both(name: str, net: int, tax: int) -> dict[str, str]:
        return bigcommerce.triple(name, _text(net, 4), _text(net + tax, 4), _text(tax, 4))

    unread = {
        "variant_id": 11, "name_customer": "Mug", "name_merchant": "Mug", "weight": "1.0000", "width": "0.0000",
        "height": "0.0000", "depth": "0.0000", "bin_picking_number": "", "wrapping_name": "", "event_name": None,
        "fixed_shipping_cost": "0.0000", "ebay_item_id": "", "product_options": [], "external_id": None, "upc": "",
    }  # fmt: skip
    products = [
        bigcommerce.product(
            id=line.id, order_id=order.id, sku=line.sku, quantity=line.quantity, **unread,
            base_price=_text(line.price, 4), **both("price", line.price, line.tax // line.quantity),
            base_total=_text(line.net, 4), **both("total", line.net, line.tax),
        )
        for line in order.lines
    ]  # fmt: skip
    cost = both("shipping_cost", order.shipping.net, order.shipping.tax)
    paid = {"id": 1, "event": "purchase", "amount": _text(order.total), "currency": "USD", "gateway": "stripe"}
    at = f"{order.id // 3600 % 24:02}:{order.id // 60 % 60:02}:{order.id % 60:02} +0000"
    return bigcommerce.payload(
        id=order.id, products=products, coupons=[], transactions=[{**paid, "status": "ok"}], **cost,
        date_created=f"Thu, 19 Nov 2026 {at}", date_modified=f"Fri, 20 Nov 2026 {at}",
        shipping_addresses=[bigcommerce.address(**both("cost", order.shipping.net, order.shipping.tax))],
        **both("subtotal", order.goods, sum(line.tax for line in order.lines)),
        total_ex_tax=_text(order.total - order.tax, 4), total_inc_tax=_text(order.total, 4),
        total_tax=_text(order.tax, 4), geoip_country="United States", order_source="www", channel_id=1,
        is_deleted=False, staff_notes=None, customer_message="", ip_address="203.0.113.9",
    )  # fmt: skip


def _amazon_v0(order: _Drawn) -> Any:
    cost = {
        "ShippingPrice": amazon.usd(_text(order.shipping.net)), "ShippingTax": amazon.usd(_text(order.shipping.tax)),
    }  # fmt: skip
    items = [
        amazon.item(
            OrderItemId=str(line.id), SellerSKU=line.sku, QuantityOrdered=line.quantity, ConditionId="New",
            ItemPrice=amazon.usd(_text(line.net)), ItemTax=amazon.usd(_text(line.tax)),
            ProductInfo={"NumberOfItems": "1"}, **(cost if line is order.lines[0] else {}),
        )
        for line in order.lines
    ]  # fmt: skip
    return amazon.payload(
        AmazonOrderId=f"902-1845936-{order.id}", OrderItems=items, OrderTotal=amazon.usd(_text(order.total)),
        EarliestShipDate="2026-11-20T08:00:00Z", LatestShipDate="2026-11-21T07:59:59Z", NumberOfItemsUnshipped=3,
        IsGlobalExpressEnabled=False, OrderType="StandardOrder", IsSoldByAB=False,
        ShipmentServiceLevelCategory="Standard",
    )  # fmt: skip


def _amazon_2026(order: _Drawn) -> Any:
    def item(line: _Sold) -> dict[str, Any]:
        extra = order.shipping if line is order.lines[0] else line._replace(price=0)
        on = {"ITEM": _text(line.tax)} | ({"SHIPPING": _text(extra.tax)} if extra.price else {})
        parts = [amazon.part("ITEM", _text(line.net)), amazon.part("TAX", _text(line.tax + extra.tax), **on)]
        if extra.price:
            parts.append(amazon.part("SHIPPING", _text(extra.net)))
        product = {"asin": "B000000001", "title": "Mug", "sellerSku": line.sku, "condition": {"conditionType": "NEW"},
                   "price": {"unitPrice": amazon.money(_text(line.price))}}  # fmt: skip
        total = _text(line.net + line.tax + extra.net + extra.tax)
        return amazon.item_2026(
            *parts, total=total, orderItemId=str(line.id), quantityOrdered=line.quantity, product=product
        )

    return amazon.payload_2026(
        total=_text(order.total), orderId=f"902-1845936-{order.id}", orderItems=[item(line) for line in order.lines],
        programs=["AMAZON_BUSINESS"], orderAliases=[{"aliasId": "BR-1", "aliasType": "SELLER_ORDER_ID"}],
    )  # fmt: skip


def _onx(order: _Drawn) -> Any:
    """Without tax: the format has it for the whole order only, and no sale can be made of that."""
    unread = {"orderId": str(order.id), "tenantId": "t-1", "createdAt": "2026-11-20T08:00:00.000Z", "weight": 1.0}
    items = [
        onx.item(
            id=str(line.id), sku=line.sku, quantity=line.quantity, unitPrice=line.price / 100,
            totalPrice=line.net / 100, **unread,
        )
        for line in order.lines
    ]  # fmt: skip
    return onx.payload(
        id=str(order.id), externalId=f"WEB-{order.id}", name=f"#{order.id}", lineItems=items, orderTax=0,
        subTotalPrice=order.goods / 100, shippingPrice=order.shipping.net / 100,
        totalPrice=(order.goods + order.shipping.net) / 100, customFields=[], orderNote="", giftNote="",
    )  # fmt: skip


def _seamline(order: _Drawn) -> Any:
    def taxed(part: _Sold) -> list[dict[str, str]]:
        return [{"name": "Tax", "rate": f"0.{_PERCENT:02}", "amount": _text(part.tax)}]

    lines = [
        {"id": str(line.id), "sku": line.sku, "title": line.name, "quantity": str(line.quantity),
         "unit_price": _text(line.price), "gross": _text(line.net), "taxes": taxed(line)}
        for line in order.lines
    ]  # fmt: skip
    address = {"name": "Ada Moss", "address1": "1 Elm Street", "city": "Austin", "zip": "78701",
               "subdivision_code": "TX", "country_code": "US"}  # fmt: skip
    return {
        "order_id": str(order.id), "reference": f"#{order.id}", "placed_at": "2026-11-20T14:03:11+01:00",
        "updated_at": "2026-11-20T14:03:11+01:00", "currency": "USD", "taxes_included": False,
        "total": _text(order.total), "total_tax": _text(order.tax), "subtotal": _text(order.goods), "lines": lines,
        "shipping": [{"id": "s", "service": "STANDARD", "title": "Standard", "amount": _text(order.shipping.net),
                      "taxes": taxed(order.shipping)}],
        "payments": [{"id": "pay-1", "gateway": "card", "amount": _text(order.total)}], "financial_status": "paid",
        "customer": {"id": "C-7", "name": "Ada Moss", "email": "ada@example.com"},
        "billing_address": address, "shipping_address": address,
    }  # fmt: skip


# -- all of them -------------------------------------------------------------------------------------------------------


class _ShopifyLine(shopify_wire.LineIn[shopify_wire.MoneySet], gc=False):
    tax_lines: list[shopify_wire.TaxIn] | None = None  # type: ignore[assignment]


class _ShopifyShipping(shopify_wire.ShippingIn[shopify_wire.MoneySet], gc=False):
    tax_lines: list[shopify_wire.TaxIn] | None = None  # type: ignore[assignment]


class _Shopify(shopify_wire.OrderIn[shopify_wire.MoneySet], gc=False):
    """All of an order: what is decoded only where it is wanted is part of a typed decode, too."""

    tax_lines: list[shopify_wire.TaxIn] | None = None  # type: ignore[assignment]
    line_items: list[_ShopifyLine] | None = None  # type: ignore[assignment]
    shipping_lines: list[_ShopifyShipping] | None = None  # type: ignore[assignment]


class Measured(NamedTuple):
    """One row of the benchmark: the format, its typed decode alone, and what makes its orders."""

    format: str
    decode: Callable[[bytes], object]
    bodies: Callable[[int], list[bytes]]


def _made(make: Callable[[_Drawn], Any]) -> Callable[[int], list[bytes]]:
    return lambda count: [msgspec.json.encode(make(order)) for order in _drawn(count)]


def _generated(count: int) -> list[bytes]:
    return [order.body for order in generate(SEED, count, products=PRODUCTS)]


ROWS: Mapping[str, Measured] = {
    "Shopify": Measured("shopify", msgspec.json.Decoder(_Shopify, float_hook=JsonNumber).decode, _generated),
    "WooCommerce": Measured("woocommerce", woocommerce_wire.decode_order, _made(_woocommerce)),
    "Magento 2": Measured("magento2", magento_wire.decode_order, _made(_magento2)),
    "Magento 1": Measured("magento1", magento_wire.decode_order, _made(_magento1)),
    "BigCommerce": Measured("bigcommerce", bigcommerce_wire.decode_order, _made(_bigcommerce)),
    "Amazon v0": Measured("amazon", amazon_wire.decode_order, _made(_amazon_v0)),
    "Amazon 2026": Measured("amazon", amazon_wire.decode_order_2026, _made(_amazon_2026)),
    "onX": Measured("onx", onx_wire.decode_order, _made(_onx)),
    "Seamline": Measured("seamline", seamline_wire.decode_order, _made(_seamline)),
}
