"""Whatever the figures of a Magento order are: consistent ones prove, and no single cent goes unnoticed."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Identified, NotAnOrder
from flows.formats import FORMATS
from flows.model.order import Order, Side
from flows.model.proof import Proof, prove
from flows.model.sale import SaleSettings, sale_for
from tests.unit.magento_orders import ADDRESS

CENT = Decimal("0.01")
cents = st.integers(0, 5_000_000)
SETTINGS = SaleSettings(channel_id=3, taxes={"VAT": "VAT", "20%": "VAT", "": "VAT"}, gateways={"card": "stripe"})


def text(amount: int) -> str:
    return f"{Decimal(amount).scaleb(-2)}00"


def both(rate: int, **figures: int) -> dict[str, str]:
    """Figures in cents as both sides publish them; the order's own currency is worth `1 / rate` of the base."""
    base = {f"base_{name}": text(amount) for name, amount in figures.items()}
    return base | {name: text(amount * rate) for name, amount in figures.items()}


@st.composite
def entries(draw: st.DrawFn, number: int, rate: int) -> list[dict[str, Any]]:
    """A line: alone, chosen of a configurable product, or a bundle that is taxed and discounted through its parts."""
    price, quantity = draw(cents), draw(st.integers(1, 50))
    row = price * quantity
    discount = draw(st.integers(0, row))
    figures = {
        "tax_amount": draw(st.integers(0, row)),
        "discount_amount": discount,
        "discount_tax_compensation_amount": draw(st.integers(0, discount)),
    }
    kind = draw(st.sampled_from(["simple", "configurable", "bundle", "dynamic"]))
    common = {"qty_ordered": f"{quantity}.0000", "tax_percent": "20.0000", "qty_canceled": "0", "qty_refunded": "0"}
    own = figures if kind != "dynamic" else dict.fromkeys(figures, 0)
    parent = {
        "item_id": str(number * 10),
        "sku": f"SKU-{number}",
        "product_type": "bundle" if kind == "dynamic" else kind,
        **common,
        **both(rate, price=price, row_total=row, **own),
    }
    below = {"parent_item_id": str(number * 10), "product_type": "simple", **common}
    if kind == "simple":
        return [parent]
    repeated = {"price": price, "row_total": row} if kind == "dynamic" else {"price": 0, "row_total": 0}
    theirs = figures if kind == "dynamic" else dict.fromkeys(figures, 0)
    chosen = {"item_id": str(number * 10 + 1), "sku": f"PART-{number}", **below, **both(rate, **repeated, **theirs)}
    free = {"item_id": str(number * 10 + 2), "sku": "FREE", **below, **both(rate, price=0, row_total=0)}
    return [parent, chosen] if kind == "configurable" else [parent, chosen, free]


def added(items: list[dict[str, Any]], name: str) -> int:
    """The sum of a figure over all entries, in cents of the base currency."""
    return sum(int(Decimal(each.get(f"base_{name}", 0)).scaleb(2)) for each in items)


@st.composite
def orders(draw: st.DrawFn, new: bool) -> dict[str, Any]:
    """An order whose sums are those of its parts, paid by several tenders, or by nobody yet."""
    rate = draw(st.sampled_from([1, 1, 3]))
    families = [draw(entries(number, rate)) for number in range(1, draw(st.integers(1, 4)) + 1)]
    items = [each for family in families for each in family]
    subtotal = sum(added(family[:1], "row_total") for family in families)
    shipping, shipping_tax = draw(cents), draw(cents)
    # The proof takes the sum of discounts with shipping's or without: a shipping discount of a cent would hide a cent.
    shipping_discount = draw(st.integers(0, shipping).filter(lambda amount: amount != 1))
    tax = added(items, "tax_amount") + shipping_tax
    discount = added(items, "discount_amount") + shipping_discount
    compensation = added(items, "discount_tax_compensation_amount")
    total = subtotal + shipping + tax + compensation - discount
    card = draw(st.integers(0, total))
    credit = draw(st.integers(0, total - card))
    charged = total - card - credit
    paid = draw(st.sampled_from([0, charged, draw(st.integers(0, charged))]))
    sums = both(
        rate,
        grand_total=charged,
        subtotal=subtotal,
        tax_amount=tax,
        discount_amount=-discount,
        discount_tax_compensation_amount=compensation,
        shipping_amount=shipping,
        shipping_tax_amount=shipping_tax,
        shipping_discount_amount=shipping_discount,
        total_paid=paid,
        total_due=charged - paid,
    )
    tenders = both(rate, gift_cards_amount=card, customer_balance_amount=credit)
    assignments = [{"shipping": {"method": "flat", "address": ADDRESS}}]
    return {
        "entity_id" if new else "order_id": "1",
        "increment_id": "100000001",
        "created_at": "2026-11-20 08:00:00",
        "updated_at": "2026-11-20 08:00:00",
        "state": "processing",
        "status": "processing",
        "base_currency_code": "USD",
        "order_currency_code": "USD" if rate == 1 else "EUR",
        "items": items,
        "payment": {"entity_id": "5", "method": "card", **both(rate, amount_paid=paid)},
        "billing_address": ADDRESS,
        **sums,
        **({"extension_attributes": {"shipping_assignments": assignments, **tenders}} if new else tenders),
        **({} if new else {"shipping_method": "flat", "shipping_address": ADDRESS}),
    }


either = st.sampled_from(["magento2", "magento1"]).flatmap(
    lambda name: st.tuples(st.just(name), orders(name == "magento2"))
)


def proof_of(name: str, payload: dict[str, Any], side: Side = Side.SHOP) -> Proof:
    order = FORMATS[name].read("web", msgspec.json.encode(payload))
    assert isinstance(order, Order), order
    return prove(order, side=side)


@given(either)
def test_an_order_whose_parts_agree_proves_on_both_sides(named: tuple[str, dict[str, Any]]) -> None:
    """Whatever tenders pay it, and however its entries are nested."""
    name, payload = named
    for side in Side:
        proof = proof_of(name, payload, side)
        assert proof.holds, proof.sentence
        assert all(equation.difference.amount == 0 for equation in proof.equations)


def figures_of(payload: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Every figure that counts: of the order, its payment, its tenders and its lines. A price of one piece does not."""
    extension = payload.get("extension_attributes", {})
    found = [(holder, name) for holder in (payload, payload["payment"], extension) for name in holder]
    for item in payload["items"]:
        names = ["tax_amount", "discount_amount", "discount_tax_compensation_amount"]
        if "parent_item_id" in item:
            # what a child says counts where its parent says nothing
            names = [name for name in names if Decimal(item.get(name, "0"))]
        else:
            children = [each for each in payload["items"] if each.get("parent_item_id") == item["item_id"]]
            names = [name for name in names if not any(Decimal(each.get(name, "0")) for each in children)]
            names.append("row_total")
        found += [(item, name) for name in names]
    return [(holder, name) for holder, name in found if f"base_{name}" in holder]


@given(either, st.integers(0, 10**6), st.booleans())
def test_any_figure_off_by_a_cent_is_contradicted_by_a_cent(
    named: tuple[str, dict[str, Any]], which: int, less: bool
) -> None:
    """On both sides of a figure; the contradiction names the cent."""
    name, payload = named[0], copy.deepcopy(named[1])
    figures = figures_of(payload)
    holder, figure = figures[which % len(figures)]
    # What is due below zero is what the customer is owed, and no contradiction.
    less = less and not (figure == "total_due" and not Decimal(holder[figure]))
    for spelling in (figure, f"base_{figure}"):
        holder[spelling] = f"{Decimal(holder[spelling]) + (-CENT if less else CENT)}"
    proof = proof_of(name, payload)
    assert not proof.holds, figure
    assert CENT in {each.difference for each in proof.failing if each.name != "conflict"} or any(
        abs(one.one.amount - one.other.amount) == CENT for one in order_of(name, payload).conflicts
    ), (figure, proof.sentence)


def order_of(name: str, payload: dict[str, Any]) -> Order:
    order = FORMATS[name].read("web", msgspec.json.encode(payload))
    assert isinstance(order, Order)
    return order


@given(either.filter(lambda named: named[1]["order_currency_code"] == "USD"), st.integers(0, 10**6))
def test_one_side_of_a_figure_off_by_a_cent_is_a_conflict(named: tuple[str, dict[str, Any]], which: int) -> None:
    """In one currency `x` and `base_x` are the same figure, and the conflict has both."""
    name, payload = named[0], copy.deepcopy(named[1])
    figures = figures_of(payload)
    holder, figure = figures[which % len(figures)]
    holder[figure] = f"{Decimal(holder[figure]) + CENT}"
    found = [abs(each.one.amount - each.other.amount) for each in order_of(name, payload).conflicts]
    assert CENT in found, figure
    assert not proof_of(name, payload).holds


json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(["bundle", "configurable", "canceled", "closed", "10.0000", "0", "2026-11-20 08:00:00", "USD"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a payload where a value stands."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    return [(value, key) for key in keys] + [place for key in keys for place in places(value[key])]


@given(either, st.lists(st.tuples(st.integers(0, 10**6), json), min_size=1, max_size=4))
def test_no_value_anywhere_makes_reading_proving_or_mapping_raise(
    named: tuple[str, dict[str, Any]], changes: list[tuple[int, Any]]
) -> None:
    """An order of strange values is unreadable, contradicted or mapped; it is never a crash."""
    payload = copy.deepcopy(named[1])
    for which, value in changes:
        found = places(payload)
        if found:
            holder, key = found[which % len(found)]
            holder[key] = value
    raw = msgspec.json.encode(payload)
    for each in ("magento1", "magento2"):
        identification = FORMATS[each].identify(raw)
        order = FORMATS[each].read("web", raw)
        if isinstance(order, Order):
            prove(order)
            sale_for(order, SETTINGS)
            assert isinstance(identification, NotAnOrder) or identification == Identified(order.order_id, order.version)
