"""WooCommerce's orders, mapped as a customer's flow would, are orders to Seamline; the observer sums them rightly."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec
import pytest

from connectors.patchworks.sandbox.sales_channels.config import ProductSeed, SalesChannelSeed, TaxSeed
from connectors.patchworks.sandbox.sales_channels.order import Order as ChannelOrder
from connectors.patchworks.sandbox.sales_channels.sales_channel import SalesChannel, Wanted
from flows.demo.figures import figures, reference
from flows.demo.mapping import mapped
from flows.formats import FORMATS
from flows.model.order import Order, Unreadable
from flows.model.proof import prove
from runtime.clock import SystemClock

_GOODS = tuple(ProductSeed(sku=f"SKU-{place}", price_cents=799 + 613 * place) for place in range(9))
Format = Literal["shopify", "woocommerce"]


def _sales_channel(format_: Format, *, included: bool) -> SalesChannel:
    taxes = (TaxSeed(name="VAT", rate=Decimal("0.2")),) if included else SalesChannelSeed(name="").taxes
    seed = SalesChannelSeed(
        name="outlet", format=format_, products=_GOODS, taxes_included=included, taxes=taxes, gateway="stripe"
    )
    return SalesChannel(seed, 11, SystemClock(), lambda *_: None)


def _read(body: bytes) -> Order:
    order = FORMATS["seamline"].read("outlet", mapped(body))
    assert not isinstance(order, Unreadable), order.reason
    return order


def _proven(order: Order) -> bool:
    return prove(order).holds


@pytest.mark.parametrize("included", [False, True])
def test_a_mapped_order_proves_and_keeps_every_figure(included: bool) -> None:
    """Goods, discounts, each tax, shipping and payment arrive to the cent, with taxes on top of prices or in them."""
    sales_channel = _sales_channel("woocommerce", included=included)
    discounted = 0
    for _ in range(40):
        body = sales_channel.rendered(sales_channel.place())
        order, right = _read(body), figures("woocommerce", body)
        assert _proven(order)
        assert (order.order_id, order.reference) == (
            str(msgspec.json.decode(body)["id"]),
            reference("woocommerce", body),
        )
        assert order.totals.total.shop.amount == right.total == sum(each.amount.amount for each in order.payments)
        goods = sum(
            (line.gross.shop.amount - (line.discount.shop.amount if line.discount else 0) for line in order.lines),
            Decimal(0),
        )
        assert goods == right.goods
        taxed = (*order.lines, *order.shipping_lines)
        assert sum((tax.amount.shop.amount for line in taxed for tax in line.taxes), Decimal(0)) == right.tax
        discounted += any(line.discount is not None and line.discount.shop.amount for line in order.lines)
    assert 0 < discounted < 40


def _changed(what: str) -> tuple[Order, Order]:
    """The order as it was, and after one thing has happened to it."""
    sales_channel = _sales_channel("woocommerce", included=True)
    order: ChannelOrder = sales_channel.place([Wanted("SKU-1", 2), Wanted("SKU-2", 1)])
    before = _read(sales_channel.rendered(order))
    match what:
        case "edit":
            sales_channel.edit(order, add=[Wanted("SKU-3", 1)])
        case "cancel":
            sales_channel.cancel(order)
        case _:
            sales_channel.refund(order, [Wanted("SKU-1", 1)])
    return before, _read(sales_channel.rendered(order))


def test_an_edit_a_cancel_and_a_refund_are_mapped_as_what_they_are() -> None:
    """New lines and a new total that prove; a time of cancelling; money that went back, and the lines as they were."""
    before, edited = _changed("edit")
    assert _proven(edited)
    assert len(edited.lines) == len(before.lines) + 1
    assert edited.totals.total.shop.amount > before.totals.total.shop.amount
    before, cancelled = _changed("cancel")
    assert before.cancelled_at is None
    assert cancelled.cancelled_at is not None
    before, refunded = _changed("refund")
    assert not before.refunds
    assert refunded.refunds
    assert refunded.lines == before.lines


@pytest.mark.parametrize("format_", ["shopify", "woocommerce"])
@pytest.mark.parametrize("included", [False, True])
def test_the_figures_of_an_order_add_up_in_both_formats(format_: Format, included: bool) -> None:
    """Goods, tax and shipping are the total, and the total is paid; the same order has the same figures in both."""
    format_of_other: Format = "woocommerce" if format_ == "shopify" else "shopify"
    sales_channel = _sales_channel(format_, included=included)
    other = _sales_channel(format_of_other, included=included)
    for _ in range(20):
        found = figures(format_, sales_channel.rendered(sales_channel.place()))
        assert found.goods + found.tax + found.shipping == found.total == found.paid
        assert found.goods == sum(line.amount for line in found.lines)
        assert figures(format_of_other, other.rendered(other.place())) == found
