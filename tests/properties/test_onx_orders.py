"""onX orders with any figures: consistent ones prove, a cent off is named, and nothing raises."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from flows.formats.onx import identify, read
from flows.model.order import Order
from flows.model.proof import prove
from flows.model.sale import SaleSettings, Unmappable, Unmapped, sale_for
from tests.properties.test_bigcommerce_amazon_orders import changed, everywhere, json
from tests.unit.made_onx import encode, item, payload

SETTINGS = SaleSettings(channel_id=3, taxes={"": "Tax"}, gateways={"": "manual"}, rounding_sku="ROUNDING")
CENT = Decimal("0.01")
FIGURES = ("orderTax", "orderDiscount", "shippingPrice", "totalPrice", "subTotalPrice")
cents = st.integers(0, 1_000_000)
some = st.integers(2, 1_000_000)
NOTHING = st.just(0)


def number(amount: int) -> float:
    """As JavaScript has it: a binary double."""
    return amount / 100


@st.composite
def orders(draw: st.DrawFn) -> dict[str, Any]:
    """Lines with discounts of their units, a discount of the order, tax and shipping, computed in binary doubles.

    Discounts are of two cents and more, so that two readings of a figure are never a cent apart.
    """
    lines, gross, net = [], 0, 0
    for place in range(draw(st.integers(1, 4))):
        price, quantity = draw(some), draw(st.integers(1, 50))
        off = draw(NOTHING | st.integers(2, price * quantity))  # of the line, published for each of its units
        with_total = draw(st.booleans())
        lines.append(
            item(
                id=f"line-{place}", quantity=quantity, unitPrice=number(price), unitDiscount=number(off) / quantity,
                totalPrice=number(price * quantity - off) if with_total else None,
            )
        )  # fmt: skip
        gross, net = gross + price * quantity, net + price * quantity - off
    discount = draw(st.sampled_from([0, gross - net]) | st.integers(2, max(2, net)))
    in_lines = discount == gross - net and draw(st.booleans())
    tax, shipping = draw(cents), draw(cents)
    total = net + tax + shipping - (0 if in_lines else discount)
    subtotals = [gross, net, net - (0 if in_lines else discount)]
    return payload(
        lineItems=lines,
        orderDiscount=number(discount),
        orderTax=number(tax),
        shippingPrice=number(shipping),
        subTotalPrice=number(draw(st.sampled_from(subtotals))),
        totalPrice=number(total),
    )


def made(fields: dict[str, Any]) -> Order:
    order = read("web", encode(fields))
    assert isinstance(order, Order), order
    return order


@given(orders())
def test_consistent_orders_prove_and_are_mapped_or_named(fields: dict[str, Any]) -> None:
    """Every equation holds exactly; what becomes a sale has the order's total, whose parts add up to it."""
    order = made(fields)
    proof = prove(order)
    assert proof.holds, proof.sentence
    sale = sale_for(order, SETTINGS)
    if isinstance(sale, Unmappable):
        assert "published for the whole order" in sale.reason
    else:
        assert not isinstance(sale, Unmapped)
        parts = (*sale.sale_lines, *sale.shipping_lines)
        taxes = sum(tax.amount for part in parts for tax in part.tax_lines)
        assert sum(part.amount for part in parts) + taxes == sale.amount == order.total.amount


@given(orders(), st.sampled_from(FIGURES))
def test_a_cent_in_a_figure_of_the_order_is_named(fields: dict[str, Any], field: str) -> None:
    """No reading that the schema leaves open is a cent beside another one here, so none explains it away."""
    exact = Decimal(str(fields[field])) + CENT
    assert not prove(made(fields | {field: float(exact)})).holds


@given(orders(), st.data())
def test_a_cent_in_the_total_of_a_line_is_named(fields: dict[str, Any], data: st.DataObject) -> None:
    """By the line or by the order."""
    with_total = [place for place, line in enumerate(fields["lineItems"]) if "totalPrice" in line]
    if with_total:
        place = data.draw(st.sampled_from(with_total))
        published = Decimal(str(fields["lineItems"][place]["totalPrice"]))
        other = changed(fields, ("lineItems", place, "totalPrice"), float(published + CENT))
        assert not prove(made(other)).holds


SOME = payload(
    orderDiscount=1,
    lineItems=[item(unitDiscount=0.5, totalPrice=19)],
    payments=[{"amount": 1}],
    refunds=[],
    markforAddress={},
)


@given(st.data())
def test_no_value_in_any_place_makes_naming_reading_proving_or_mapping_raise(data: st.DataObject) -> None:
    """An order of strange values is unreadable, contradicted or mapped; it is never a crash."""
    fields = SOME
    for _ in range(data.draw(st.integers(1, 3))):
        fields = changed(fields, data.draw(st.sampled_from(list(everywhere(fields)))), data.draw(json))
    raw = msgspec.json.encode(fields)
    cut = data.draw(st.integers(0, 40))
    for each in (raw, raw[: max(0, len(raw) - cut)], b'{"order":' + raw + b"}"):
        identify(each)
        order = read("web", each)
        if isinstance(order, Order):
            prove(order)
            sale_for(order, SETTINGS)
