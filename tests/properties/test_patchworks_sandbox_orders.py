"""Whatever happens to an order of the sandbox's sales channels, its figures add up and its units are conserved."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from connectors.patchworks.sandbox import LevelSeed, ProductSeed, SalesChannelSeed, TaxSeed
from connectors.patchworks.sandbox.sales_channels.order import ChannelRefusal, Order
from connectors.patchworks.sandbox.sales_channels.receipts import Notice
from connectors.patchworks.sandbox.sales_channels.sales_channel import SalesChannel, Wanted
from flows.formats import shopify
from flows.model.order import Order as OrderRead
from flows.model.proof import prove
from runtime.clock import SystemClock

GOODS = (
    ProductSeed(sku="A", price_cents=999),
    ProductSeed(sku="B", price_cents=333),
    ProductSeed(sku="C", price_cents=12_345),
)
SKUS = [product.sku for product in GOODS]
TAXES = (TaxSeed(name="One", rate=Decimal("0.19")), TaxSeed(name="Two", rate=Decimal("0.0725")))
STOCK = 1_000

wanted = st.lists(st.builds(Wanted, st.sampled_from(SKUS), st.integers(1, 4)), min_size=1, max_size=2)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), wanted),
        st.tuples(st.just("remove"), wanted),
        st.tuples(st.just("refund"), wanted),
        st.tuples(st.just("refund_shipping"), st.just([])),
        st.tuples(st.just("refund_all"), st.just([])),
        st.tuples(st.just("ship"), wanted),
        st.tuples(st.just("pay"), st.just([])),
        st.tuples(st.just("cancel"), st.just([])),
    ),
    max_size=8,
)


def channel(format_: Any, *, included: bool, semantics: Any = "available") -> SalesChannel:
    levels = tuple(LevelSeed(sku=sku, quantity=STOCK) for sku in SKUS)
    seed = SalesChannelSeed(
        name="web",
        format=format_,
        products=GOODS,
        taxes=TAXES,
        taxes_included=included,
        discounted_share=0.7,
        levels=levels,
        quantity_semantics=semantics,
    )
    return SalesChannel(seed, 1, SystemClock(), lambda *_: None)


def take(shop: SalesChannel, order: Order, step: tuple[str, list[Wanted]], number: int) -> None:
    """One step, unless the sales channel refuses it."""
    what, units = step
    with suppress(ChannelRefusal):
        match what:
            case "add":
                shop.edit(order, add=units)
            case "remove":
                shop.edit(order, remove=units)
            case "refund":
                shop.refund(order, units)
            case "refund_shipping":
                shop.refund(order, shipping=True)
            case "refund_all":
                shop.refund(order)
            case "ship":
                lines = [{"sku": each.sku, "quantity": each.quantity} for each in units]
                wish = {"fulfilment_id": number, "order": {"id": order.id}, "lines": lines}
                shop.take_notice(msgspec.convert(wish, Notice))
            case "pay":
                shop.pay(order)
            case _:
                shop.cancel(order)


@given(first=wanted, payment=st.sampled_from(["paid", "pending"]), steps=steps, included=st.booleans())
def test_a_shopify_order_proves_after_every_step(
    first: list[Wanted], payment: str, steps: list[Any], included: bool
) -> None:
    """Each version reads and proves, and no refund gives back more or less than its parts are worth."""
    shop = channel("shopify", included=included)
    order = shop.place(first, payment=payment)
    for number, step in enumerate([("none", []), *steps]):
        if step[0] != "none":
            take(shop, order, step, number)
        found = shopify.read("web", shop.rendered(order))
        assert isinstance(found, OrderRead), found
        proof = prove(found)
        assert proof.holds, (step, [each.sentence for each in proof.contradictions])
        assert not proof.remarks, (step, [each.sentence for each in proof.remarks])
        assert 0 <= order.paid_back <= order.paid
        assert order.current_total(included=included) >= 0


@given(first=wanted, steps=steps, included=st.booleans())
def test_a_woocommerce_order_adds_up_after_every_step(first: list[Wanted], steps: list[Any], included: bool) -> None:
    """Lines, taxes and shipping are the total; refunds never exceed it while nothing was edited."""
    shop = channel("woocommerce", included=included)
    order = shop.place(first, payment="paid")
    for number, step in enumerate(steps):
        take(shop, order, step, number)
        found = msgspec.json.decode(shop.rendered(order))
        lines, shipping = found["line_items"], found["shipping_lines"]
        parts = [Decimal(row[name]) for row in (*lines, *shipping) for name in ("total", "total_tax")]
        assert Decimal(found["total"]) == sum(parts, Decimal(0))
        taxes = [Decimal(row[name]) for row in found["tax_lines"] for name in ("tax_total", "shipping_tax_total")]
        assert Decimal(found["total_tax"]) == sum(taxes, Decimal(0))
        assert all(line["quantity"] > 0 for line in lines)


@given(first=wanted, steps=steps, semantics=st.sampled_from(["available", "on_hand", "source_quantity"]))
def test_units_are_conserved_under_every_meaning_of_a_figure(
    first: list[Wanted], steps: list[Any], semantics: str
) -> None:
    """What is shown is what was there, less what is shipped and still to be shipped."""
    shop = channel("shopify", included=False, semantics=semantics)
    order = shop.place(first, payment="paid")
    for number, step in enumerate(steps):
        take(shop, order, step, number)
        gone: Counter[str] = Counter()
        for line in order.lines:
            gone[line.sku] += line.open + line.shipped
            assert 0 <= line.shipped <= line.quantity - line.removed
            assert min(line.removed, line.refunded, line.current, line.open) >= 0
        assert {sku: shop.stock.shown(sku) for sku in SKUS} == {sku: STOCK - gone[sku] for sku in SKUS}
