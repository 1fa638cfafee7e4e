"""Orders of BigCommerce and Amazon with any figures: consistent ones prove, a cent off is named, and nothing raises."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from flows.formats import FORMATS
from flows.model.order import Order
from flows.model.proof import Proof, prove
from flows.model.sale import SaleSettings, sale_for
from tests.unit import made_amazon as amazon
from tests.unit import made_bigcommerce as bigcommerce

SETTINGS = SaleSettings(
    channel_id=3,
    taxes=dict.fromkeys(("", "ItemTax", "ShippingTax", "Tax"), "Tax"),
    gateways={"Amazon": "amazon", "stripe": "stripe"},
    fees_sku="FEE",
    tip_sku="TIP",
)
CENT = Decimal("0.01")
Place = tuple[str | int, ...]
cents = st.integers(0, 1_000_000)
some = st.integers(2, 1_000_000)


def text(amount: int, digits: int = 2) -> str:
    return f"{Decimal(amount).scaleb(-2):.{digits}f}"


def order_of(name: str, payload: dict[str, Any]) -> Order:
    order = FORMATS[name].read("web", msgspec.json.encode(payload))
    assert isinstance(order, Order), order
    return order


def places(value: Any, fields: frozenset[str], at: Place = ()) -> Iterator[Place]:
    """Where in a payload the figures of these names are."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        if key in fields and not isinstance(inner, dict | list):
            yield (*at, key)
        yield from places(inner, fields, (*at, key))


def changed(payload: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    """The payload with another value in one place."""
    result = copy.deepcopy(payload)
    inner: Any = result
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return result


def a_cent_more(payload: dict[str, Any], place: Place) -> dict[str, Any]:
    """The payload with one figure changed by a cent."""
    inner: Any = payload
    for key in place:
        inner = inner[key]
    return changed(payload, place, str(Decimal(str(inner)) + CENT))


def names_a_cent(proof: Proof) -> bool:
    """Whether a contradiction is about a cent, or says two figures of the same thing."""
    return any(each.difference == CENT or each.name == "conflict" for each in proof.failing)


# -- BigCommerce -------------------------------------------------------------------------------------------------------


def both(name: str, amount: int, tax: int, *, included: bool) -> dict[str, str]:
    """A triple; `amount` is on the side that is exact."""
    net, gross = (amount - tax, amount) if included else (amount, amount + tax)
    return bigcommerce.triple(name, text(net, 4), text(gross, 4), text(tax, 4))


@st.composite
def bigcommerce_orders(draw: st.DrawFn) -> dict[str, Any]:
    """Products with discounts and taxes, shipping and handling to one address, wrapping or fees or neither, paid."""
    included = draw(st.booleans())
    products, subtotal, discounts, taxes = [], 0, 0, 0
    for number in range(draw(st.integers(1, 4))):
        price, quantity, tax = draw(some), draw(st.integers(1, 50)), draw(some)
        gross = price * quantity
        discount = draw(st.integers(1, gross))
        left = {"discounted_total_inc_tax": text(gross - discount, 4)} if included else {}
        products.append(
            bigcommerce.product(
                id=number, quantity=quantity, applied_discounts=[{"id": "coupon", "amount": text(discount, 4)}], **left,
                **both("price", price, min(price, tax), included=included),
                **both("total", gross, tax, included=included),
            )
        )  # fmt: skip
        subtotal, discounts, taxes = subtotal + gross, discounts + discount, taxes + tax
    shipping, handling, fee = draw(cents), draw(cents), draw(cents)
    shipping_tax, handling_tax, fee_tax = draw(cents), draw(cents), draw(cents)
    costs = both("cost", shipping, shipping_tax, included=included)
    costs |= both("handling_cost", handling, handling_tax, included=included)
    coupon = draw(st.integers(0, discounts))
    tax = taxes + shipping_tax + handling_tax + fee_tax
    total = subtotal - discounts + shipping + handling + fee + (0 if included else tax)
    return bigcommerce.payload(
        is_tax_inclusive_pricing=included,
        products=products,
        shipping_addresses=[bigcommerce.address(**costs)],
        coupons=[{"code": "SAVE", "type": 2, "discount": text(coupon)}] if coupon else [],
        coupon_discount=text(coupon, 4),
        discount_amount=text(discounts - coupon, 4),
        fees=[{"id": 1, **both("cost", fee, fee_tax, included=included)}] if fee or fee_tax else [],
        transactions=[{"id": 1, "event": "purchase", "amount": text(total), "currency": "USD", "gateway": "stripe",
                       "status": "ok"}],
        **both("subtotal", subtotal, taxes, included=included),
        **both("shipping_cost", shipping, shipping_tax, included=included),
        **both("handling_cost", handling, handling_tax, included=included),
        total_inc_tax=text(total, 4), total_ex_tax=text(total - tax, 4), total_tax=text(tax, 4),
    )  # fmt: skip


@given(bigcommerce_orders())
def test_consistent_orders_of_bigcommerce_prove_and_are_mapped_or_named(payload: dict[str, Any]) -> None:
    """With prices of either kind; every equation holds exactly."""
    order = order_of("bigcommerce", payload)
    proof = prove(order)
    assert proof.holds, proof.sentence
    assert all(not equation.difference for equation in proof.equations)
    sale_for(order, SETTINGS)


@given(bigcommerce_orders(), st.data())
def test_a_cent_anywhere_in_an_order_of_bigcommerce_is_named(payload: dict[str, Any], data: st.DataObject) -> None:
    """In any figure of the side that counts, of the order, a product, the address, a fee or a payment."""
    side = "inc" if payload["is_tax_inclusive_pricing"] else "ex"
    sums = {f"{name}_{side}_tax" for name in ("price", "total", "cost", "handling_cost", "shipping_cost")}
    fields = sums | {"total_inc_tax", "total_tax", "cost_tax", "handling_cost_tax", "shipping_cost_tax",
                     "discount_amount",
                     "coupon_discount", "amount", "discount", "discounted_total_inc_tax"}  # fmt: skip
    if not payload["fees"]:
        fields.add(f"subtotal_{side}_tax")
    if side == "inc":  # the total without tax is only an estimate then, and so is that of a product
        fields -= {"total_ex_tax"}
    found = [each for each in places(payload, frozenset(fields)) if side == "inc" or not _estimate(each)]
    place = data.draw(st.sampled_from(found))
    proof = prove(order_of("bigcommerce", a_cent_more(payload, place)))
    assert names_a_cent(proof), (place, proof.sentence)


def _estimate(place: Place) -> bool:
    """A product's total with tax, in an order whose prices have none."""
    return place[0] == "products" and place[-1] == "total_inc_tax"


# -- Amazon ------------------------------------------------------------------------------------------------------------

_V0 = ("ItemPrice", "PromotionDiscount"), ("ShippingPrice", "ShippingDiscount"), ("CODFee", "CODFeeDiscount")
_V0_TAXES = ("ItemTax", "ShippingTax"), ("PromotionDiscountTax", "ShippingDiscountTax")


@st.composite
def amazon_orders(draw: st.DrawFn) -> dict[str, Any]:
    """Items with every kind of price, discount and tax, in a marketplace whose taxes come on top, or are in."""
    included = draw(st.booleans())
    currency = "EUR" if included else "USD"
    items, prices, taxes = [], 0, 0
    for number in range(draw(st.integers(1, 4))):
        figures: dict[str, Any] = {"OrderItemId": str(number), "QuantityOrdered": draw(st.integers(1, 50))}
        for name, lowered in _V0:
            amount = draw(some)
            discount = draw(st.integers(0, amount))
            figures[name] = amazon.usd(text(amount), currency)
            figures[lowered] = amazon.usd(text(discount), currency)
            prices += amount - discount
        for names, sign in zip(_V0_TAXES, (1, -1), strict=True):
            for name in names:
                amount = draw(st.integers(20_000, 1_000_000)) if sign == 1 else draw(st.integers(0, 9_999))
                figures[name] = amazon.usd(text(amount), currency)
                taxes += sign * amount
        wrap = draw(some)
        figures["BuyerInfo"] = {"GiftWrapPrice": amazon.usd(text(wrap), currency)}
        prices += wrap
        items.append(amazon.item(**figures))
    total = amazon.usd(text(prices if included else prices + taxes), currency)
    marketplace = amazon.DE if included else amazon.US
    return amazon.payload(OrderItems=items, OrderTotal=total, MarketplaceId=marketplace)


@given(amazon_orders())
def test_consistent_orders_of_amazon_prove(payload: dict[str, Any]) -> None:
    """With taxes on top, or in the prices."""
    order = order_of("amazon", payload)
    assert order.taxes_included is (payload["MarketplaceId"] == amazon.DE)
    proof = prove(order)
    assert proof.holds, proof.sentence
    sale_for(order, SETTINGS)


@given(amazon_orders(), st.data())
def test_a_cent_anywhere_in_an_order_of_amazon_is_named(payload: dict[str, Any], data: st.DataObject) -> None:
    """Taxes within prices are published once, so only those on top can be denied."""
    found = list(places(payload, frozenset(("Amount",))))
    if payload["MarketplaceId"] == amazon.DE:
        found = [each for each in found if not str(each[-2]).endswith("Tax")]
    place = data.draw(st.sampled_from(found))
    assert names_a_cent(prove(order_of("amazon", a_cent_more(payload, place)))), place


@st.composite
def amazon_orders_2026(draw: st.DrawFn) -> dict[str, Any]:
    """Items with every part of proceeds, and the order's own parts over them."""
    sums: dict[str, int] = {}
    items = []
    for number in range(draw(st.integers(1, 4))):
        price, quantity = draw(some), draw(st.integers(1, 50))
        parts = {"ITEM": price * quantity} | {
            kind: draw(some) for kind in ("SHIPPING", "GIFT_WRAP", "COD_FEE", "OTHER")
        }
        on = {"ITEM": draw(some), "SHIPPING": draw(some)}
        off = {kind: draw(st.integers(2, parts[kind])) for kind in on}
        parts |= {"TAX": sum(on.values()), "DISCOUNT": -sum(off.values())}
        for kind, amount in parts.items():
            sums[kind] = sums.get(kind, 0) + amount
        breakdowns = [amazon.part(kind, text(amount), **_details(kind, on, off)) for kind, amount in parts.items()]
        items.append(
            amazon.item_2026(
                *breakdowns, total=text(sum(parts.values())), orderItemId=str(number), quantityOrdered=quantity,
                product={"sellerSku": "A", "price": {"unitPrice": amazon.money(text(price))}},
            )
        )  # fmt: skip
    tip = draw(some)
    own = [amazon.part(kind, text(amount)) for kind, amount in sums.items()] + [amazon.part("DELIVERY_TIP", text(tip))]
    return amazon.payload_2026(*own, total=text(sum(sums.values()) + tip), orderItems=items)


def _details(kind: str, on: dict[str, int], off: dict[str, int]) -> dict[str, str]:
    if kind == "TAX":
        return {subtype: text(amount) for subtype, amount in on.items()}
    return {subtype: text(-amount) for subtype, amount in off.items()} if kind == "DISCOUNT" else {}


@given(amazon_orders_2026())
def test_consistent_orders_of_2026_prove(payload: dict[str, Any]) -> None:
    """Every part of the proceeds counts once."""
    proof = prove(order_of("amazon", payload))
    assert proof.holds, proof.sentence


@given(amazon_orders_2026(), st.data())
def test_a_cent_anywhere_in_an_order_of_2026_is_named(payload: dict[str, Any], data: st.DataObject) -> None:
    """Of the order, an item, a part, or what the part is on."""
    place = data.draw(st.sampled_from(list(places(payload, frozenset(("amount",))))))
    proof = prove(order_of("amazon", a_cent_more(payload, place)))
    assert names_a_cent(proof), (place, proof.sentence)


# -- strange values ----------------------------------------------------------------------------------------------------

json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12)
    | st.sampled_from(["-1", "1e18", "99999999999999999.99", "0.000000000000000001", "EUR", "true", "5", "\x00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
SOME: list[tuple[str, dict[str, Any]]] = [
    ("bigcommerce", bigcommerce.payload(
        discount_amount="1.0000", coupon_discount="1.0000", coupons=[{"code": "A", "type": 4, "discount": "1.0000"}],
        taxes=[{"name": "Tax", "rate": "8.0000", "line_amount": "1", "order_product_id": 7, "line_item_type": "item"}],
        fees=[{"cost_ex_tax": "1", "cost_inc_tax": "1", "cost_tax": "0"}],
        products=[bigcommerce.product(applied_discounts=[{"id": "a", "amount": "1", "name": "A", "code": "A"}])],
        transactions=[{"id": 1, "event": "capture", "method": "x", "amount": 1, "currency": "USD", "gateway": "stripe",
                       "status": "ok", "test": False, "reference_transaction_id": 1}],
        refunds=[{"id": 1, "total_amount": 1, "payments": [{"amount": 1, "is_declined": False}]}],
    )),
    ("bigcommerce", {"scope": "store/order/created", "data": {"type": "order", "id": 1}}),
    ("amazon", amazon.payload(
        OrderItems=[amazon.item(BuyerInfo={"GiftWrapPrice": amazon.usd("1.00")}, CODFee=amazon.usd("1.00"))],
        PaymentExecutionDetail=[{"Payment": amazon.usd("1.00"), "PaymentMethod": "COD"}],
    )),
    ("amazon", amazon.payload_2026(
        amazon.part("ITEM", "1.00"),
        orderItems=[amazon.item_2026(amazon.part("ITEM", "20.00"), amazon.part("DISCOUNT", "1.00", ITEM="1.00"))],
        payment={"paymentExecutions": [{"paymentMethod": "GC", "paymentAmount": amazon.money("1.00")}]},
    )),
    ("amazon", {"NotificationType": "ORDER_CHANGE", "Payload": {"OrderChangeNotification": {"AmazonOrderId": "1"}}}),
]  # fmt: skip


def everywhere(value: Any, at: Place = ()) -> Iterator[Place]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield (*at, key)
        yield from everywhere(inner, (*at, key))


@given(st.sampled_from(SOME), st.data())
def test_no_value_in_any_place_makes_naming_reading_proving_or_mapping_raise(
    kind: tuple[str, dict[str, Any]], data: st.DataObject
) -> None:
    """An order of strange values is unreadable, contradicted or mapped; it is never a crash."""
    name, payload = kind
    for _ in range(data.draw(st.integers(1, 3))):
        payload = changed(payload, data.draw(st.sampled_from(list(everywhere(payload)))), data.draw(json))
        if not any(everywhere(payload)):
            break
    raw = msgspec.json.encode(payload)
    cut = data.draw(st.integers(0, 40))
    for each in (raw, raw[: max(0, len(raw) - cut)]):
        FORMATS[name].identify(each)
        order = FORMATS[name].read("web", each)
        if isinstance(order, Order):
            prove(order)
            sale_for(order, SETTINGS)
