"""Whatever a WooCommerce order costs: figures that agree are proven, a wrong one is named, and nothing raises."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from flows.formats.woocommerce import identify, read
from flows.model.order import Order
from flows.model.proof import prove
from flows.model.sale import SaleSettings, Unmappable, sale_for
from tests.properties.test_patchworks_sandbox_orders import Wanted, channel, steps, take, wanted
from tests.unit.made_woocommerce import Json, encode, inclusive, item, made, payload, said

SETTINGS = SaleSettings(
    channel_id=3, taxes={"VAT": "VAT 20", "City": "City"}, gateways={"stripe": "stripe"}, fees_sku="FEE"
)
CENT = Decimal("0.01")
cents = st.integers(0, 1_000_000).map(lambda units: Decimal(units).scaleb(-2))
RATES = (("75", "VAT"), ("76", "City"))


@st.composite
def exact(draw: st.DrawFn) -> Json:
    """An order whose figures are whole cents that agree, with two rates, shipping, fees and coupons."""
    items, freight, fees = [], [], []
    sums = dict.fromkeys(("discount", "goods", "cart_tax", "shipping", "shipping_tax", "fees"), Decimal(0))
    by_rate = {(rate, part): Decimal(0) for rate, _ in RATES for part in ("tax_total", "shipping_tax_total")}

    def taxes(part: str, kind: str) -> Json:
        rows = [{"id": rate, "total": str(draw(cents))} for rate, _ in RATES]
        for row in rows:
            by_rate[row["id"], part] += Decimal(row["total"])
        whole = sum((Decimal(row["total"]) for row in rows), Decimal(0))
        sums[kind] += whole
        return {"taxes": rows, "total_tax": str(whole)}

    for number in range(draw(st.integers(1, 5))):
        price, quantity = draw(cents), draw(st.integers(1, 9))
        total, off = price * quantity, draw(cents)
        sums["discount"] += off
        sums["goods"] += total
        items.append(
            item(
                id=number, quantity=quantity, price=float(price), total=str(total), subtotal=str(total + off),
                **taxes("tax_total", "cart_tax"),
            )
        )  # fmt: skip
    for number in range(draw(st.integers(0, 2))):
        cost = draw(cents)
        sums["shipping"] += cost
        row = {"id": 50 + number, "method_id": "flat_rate", "total": str(cost)}
        freight.append({**row, **taxes("shipping_tax_total", "shipping_tax")})
    for number in range(draw(st.integers(0, 2))):
        cost = draw(cents) - draw(cents)
        sums["fees"] += cost
        fees.append({"id": 60 + number, "name": "Fee", "total": str(cost), **taxes("tax_total", "cart_tax")})
    tax = sums["cart_tax"] + sums["shipping_tax"]
    total = sums["goods"] + sums["shipping"] + sums["fees"] + tax
    assume(total >= 0)  # WooCommerce caps a negative fee at that
    rates = [
        {"rate_id": rate, "label": label}
        | {part: str(by_rate[rate, part]) for part in ("tax_total", "shipping_tax_total")}
        for rate, label in RATES
    ]
    return payload(
        line_items=items, shipping_lines=freight, fee_lines=fees, tax_lines=rates,
        discount_total=str(sums["discount"]), shipping_total=str(sums["shipping"]), cart_tax=str(sums["cart_tax"]),
        shipping_tax=str(sums["shipping_tax"]), total_tax=str(tax),
        total=str(total),
    )  # fmt: skip


@given(exact())
def test_an_order_that_agrees_to_the_cent_is_proven(order: Json) -> None:
    """With every figure as it was published."""
    assert said(order) == ""
    found = made(order)
    lines = order["line_items"]
    assert [line.gross.shop.amount for line in found.lines] == [Decimal(line["subtotal"]) for line in lines]
    rows = [row for line in lines for row in line["taxes"]]
    assert [tax.amount.shop.amount for line in found.lines for tax in line.taxes] == [Decimal(r["total"]) for r in rows]


FIGURES = [
    *((None, name) for name in ("total", "total_tax", "cart_tax", "shipping_tax", "shipping_total", "discount_total")),
    *(("line_items", name) for name in ("total", "subtotal", "total_tax", "taxes")),
    *(("shipping_lines", name) for name in ("total", "total_tax", "taxes")),
    *(("fee_lines", name) for name in ("total", "total_tax", "taxes")),
    *(("tax_lines", name) for name in ("tax_total", "shipping_tax_total")),
]


@given(exact(), st.sampled_from(FIGURES), st.integers(0, 9), st.sampled_from([CENT, -CENT, Decimal("10.07")]))
def test_any_single_figure_that_is_off_is_contradicted_by_exactly_that(
    order: Json, figure: tuple[str | None, str], place: int, off: Decimal
) -> None:
    """Of the order, of any line, shipping cost, fee or rate, and of the tax of one rate on any of them."""
    where, name = figure
    row = order
    if where is not None:
        if not order[where]:
            return
        row = order[where][place % len(order[where])]
    if name == "taxes":
        row, name = row["taxes"][place % len(RATES)], "total"
    row[name] = str(Decimal(row[name]) + off)
    found = read("web", encode(order))
    assert isinstance(found, Order)
    proof = prove(found)
    differences = {each.difference.amount.copy_abs() for each in proof.equations}
    differences |= {(each.one.amount - each.other.amount).copy_abs() for each in found.conflicts}
    assert not proof.holds
    assert off.copy_abs() in differences, proof.sentence


lines_with_tax = st.lists(
    st.tuples(st.integers(1, 50_000), st.integers(1, 12)).flatmap(
        lambda line: st.tuples(st.just(line[0]), st.just(line[1]), st.integers(0, line[0] * line[1]))
    ),
    min_size=1,
    max_size=12,
)


@given(lines_with_tax, st.sampled_from([5, 7, 10, 19, 20, 21, 25]), st.booleans())
def test_prices_with_tax_are_proven_however_the_shop_rounds(
    lines: list[tuple[int, int, int]], percent: int, at_subtotal: bool
) -> None:
    """Per line or at the subtotal: taxes are those of the rate, the sale is the total, and needs no rounding line."""
    order = inclusive(lines, percent=percent, at_subtotal=at_subtotal)
    assert said(order) == ""
    found = made(order)
    assert sum(tax.amount.shop.amount for line in found.lines for tax in line.taxes) == Decimal(order["total_tax"])
    for line, source in zip(found.lines, order["line_items"], strict=True):
        net = line.gross.shop.amount - line.discount.shop.amount
        assert abs(net - Decimal(source["total"])) <= CENT
        assert abs(line.gross.shop.amount - Decimal(source["subtotal"])) <= 2 * CENT
    address = {"address_1": "1 Elm Street", "country": "US"}
    sale = sale_for(made({**order, "billing": address}), SETTINGS)
    assert not isinstance(sale, Unmappable), sale
    assert getattr(sale, "amount", None) == Decimal(order["total"]), sale


@given(lines_with_tax, st.booleans(), st.sampled_from([-3, -2, 2, 3]))
def test_rounding_explains_no_more_than_a_cent(lines: list[tuple[int, int, int]], at_subtotal: bool, off: int) -> None:
    """A total that is further away than its own rounding is a contradiction, unless the published parts have it."""
    order = inclusive(lines, at_subtotal=at_subtotal)
    wrong = Decimal(order["total"]) + off * CENT
    parts = sum(Decimal(line["total"]) for line in order["line_items"]) + Decimal(order["total_tax"])
    assert (said({**order, "total": str(wrong)}) == "") == (wrong == parts)


@given(first=wanted, steps=steps, included=st.booleans())
def test_the_orders_of_the_sandbox_are_proven_after_every_step(
    first: list[Wanted], steps: list[Any], included: bool
) -> None:
    """Edits change the lines in place, refunds stand beside them, cancels and shipments change neither."""
    shop = channel("woocommerce", included=included)
    order = shop.place(first, payment="paid")
    for number, step in enumerate([("none", []), *steps]):
        if step[0] != "none":
            take(shop, order, step, number)
        found = read("web", shop.rendered(order))
        assert isinstance(found, Order), found
        assert prove(found).holds, (step, prove(found).sentence)
        assert found.refunds is not None
        returned = sum(each.refunded[0].amount for each in found.refunds)
        assert returned <= found.total.amount or any(each[0] == "edit" for each in steps)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(exact(), st.data())
def test_no_value_anywhere_makes_reading_proving_or_mapping_raise(order: Json, data: st.DataObject) -> None:
    """An order with strange values is unreadable, contradicted or mapped; it is never a crash."""
    order |= {"gift_cards": [{"id": 1, "amount": "0"}], "refunds": [{"id": 9, "total": "-1", "line_items": [item()]}]}
    for _ in range(data.draw(st.integers(1, 3))):
        place: Any = order
        while True:
            key: Any = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            inside = place[key]
            if not (isinstance(inside, dict | list) and inside) or data.draw(st.booleans()):
                place[key] = data.draw(json)
                break
            place = inside
    raw = encode(order)
    identify(raw)
    found = read("web", raw)
    if isinstance(found, Order):
        prove(found)
        sale_for(found, SETTINGS)
    cut = data.draw(st.integers(0, len(raw) - 1))
    assert not isinstance(read("web", raw[:cut]), Order)
