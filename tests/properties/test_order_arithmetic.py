"""Whatever the figures are: an order whose parts agree proves, and becomes a sale that adds up to the cent."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from connectors.fulfil import wire
from flows.formats import FORMATS
from flows.model.money import JsonNumber, Money, amount_of, total_of
from flows.model.order import (
    Address,
    Amount,
    FinancialStatus,
    Line,
    Order,
    Payment,
    PaymentKind,
    PaymentStatus,
    ShippingLine,
    TaxLine,
    Totals,
)
from flows.model.proof import prove
from flows.model.sale import SaleSettings, sale_for

SETTINGS = SaleSettings(
    channel_id=3, taxes={"A": "Tax A", "B": "Tax B"}, gateways={"card": "stripe"}, tip_sku="TIP", fees_sku="FEE"
)
SOMEWHERE = Address(name="Ada Moss", address1="1 Elm Street", country_code="US")
cents = st.integers(0, 10_000_000)


def usd(amount: int) -> Amount:
    return Amount(Money(Decimal(amount).scaleb(-2), "USD"))


@st.composite
def taxes(draw: st.DrawFn, most: int) -> tuple[TaxLine, ...]:
    """Up to two taxes of together no more than `most`."""
    first = draw(st.integers(0, most))
    second = draw(st.integers(0, most - first))
    found = [TaxLine("A", Decimal("0.2"), usd(first)), TaxLine("B", Decimal("0.05"), usd(second))]
    return tuple(found[: draw(st.integers(0, 2))])


@st.composite
def lines(draw: st.DrawFn) -> Line:
    price, quantity = draw(cents), draw(st.integers(1, 1_000))
    gross = price * quantity
    discount = draw(st.integers(0, gross))
    charged = draw(taxes(gross - discount))
    return Line("", "SKU", "", Decimal(quantity), usd(price), usd(gross), usd(discount), charged)


@st.composite
def shipping(draw: st.DrawFn) -> ShippingLine:
    gross = draw(cents)
    discount = draw(st.integers(0, gross))
    return ShippingLine("", "", "STANDARD", usd(gross), usd(discount), draw(taxes(gross - discount)))


def total(amounts: list[Amount]) -> Decimal:
    return total_of([amount.shop for amount in amounts], "USD").amount


@st.composite
def orders(draw: st.DrawFn) -> Order:
    """An order whose published totals are the sums of its parts, paid in one or two payments, or not at all."""
    sold, freight = draw(st.lists(lines(), min_size=1, max_size=8)), draw(st.lists(shipping(), max_size=3))
    included = draw(st.booleans())
    tips, fees = draw(cents), draw(cents)
    parts: list[Line | ShippingLine] = [*sold, *freight]
    tip_taxes, fee_taxes = draw(taxes(tips)), draw(taxes(fees))
    charged = [tax.amount for part in parts for tax in part.taxes]
    charged += [tax.amount for tax in tip_taxes + fee_taxes]
    net = total([part.gross for part in parts]) - total([part.discount for part in parts])
    sum_ = net + Decimal(tips + fees).scaleb(-2) + (0 if included else total(charged))
    first = Decimal(draw(st.integers(0, int(sum_.scaleb(2))))).scaleb(-2)
    paid = [first, sum_ - first] if draw(st.booleans()) else []
    return Order(
        sales_channel="web",
        order_id="1",
        reference="#1",
        version="",
        placed_at=datetime(2026, 11, 20, tzinfo=UTC),
        currency="USD",
        presentment_currency="USD",
        taxes_included=included,
        lines=tuple(sold),
        shipping_lines=tuple(freight),
        tips=usd(tips) if tips or tip_taxes else None,
        tip_taxes=tip_taxes,
        fees=usd(fees) if fees or fee_taxes else None,
        fee_taxes=fee_taxes,
        totals=Totals(
            total=Amount(Money(sum_, "USD")),
            tax=Amount(Money(total(charged), "USD")),
            goods=Amount(Money(total([part.gross for part in sold]), "USD")),
            discounts=Amount(Money(total([part.discount for part in parts]), "USD")),
        ),
        payments=tuple(
            Payment(
                id=str(number),
                gateway="card",
                kind=PaymentKind.SALE,
                status=PaymentStatus.SUCCESS,
                amount=Money(amount, "USD"),
            )
            for number, amount in enumerate(paid)
        ),
        financial_status=FinancialStatus.PAID if paid else FinancialStatus.PENDING,
        billing_address=SOMEWHERE,
    )


@given(orders())
def test_an_order_whose_parts_agree_proves_and_maps_exactly(order: Order) -> None:
    """Inclusive or exclusive: every equation holds, and amounts + shipping + taxes of the sale are its total."""
    proof = prove(order)
    assert proof.holds, proof.sentence
    assert all(equation.difference.amount == 0 for equation in proof.equations)
    sale = sale_for(order, SETTINGS)
    assert isinstance(sale, wire.CreateOrder), sale
    parts: list[wire.SaleLine | wire.ShippingLine] = [*sale.sale_lines, *sale.shipping_lines]
    assert sum(part.amount for part in parts) + sum(tax.amount for part in parts for tax in part.tax_lines) == (
        order.total.amount
    )
    assert sale.amount == order.total.amount
    assert sum(payment.amount for payment in sale.payments) == total([Amount(p.amount) for p in order.payments])
    for line in sale.sale_lines:
        assert abs(line.unit_price * line.quantity - line.amount) <= line.quantity * Decimal("0.00005")


@given(orders(), st.integers(1, 10**9), st.booleans())
def test_a_wrong_total_is_contradicted_by_exactly_its_error(order: Order, error: int, less: bool) -> None:
    """However small or large it is, the difference in the sentence is the error."""
    off = Decimal(-error if less else error).scaleb(-2)
    wrong = Amount(Money(order.total.amount + off, "USD"))
    changed = msgspec.structs.replace(order, totals=msgspec.structs.replace(order.totals, total=wrong))
    proof = prove(changed)
    assert not proof.holds
    contradiction = next(each for each in proof.failing if each.name == "total")
    assert contradiction.difference == abs(off)
    assert str(contradiction.amount) in contradiction.sentence
    assert prove(changed, tolerance=abs(off)).holds


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=3))
def test_an_amount_is_the_same_as_text_and_as_a_number(amount: Decimal) -> None:
    """Up to fifteen digits nothing is lost either way."""
    assert amount_of(f"{amount:f}") == amount_of(JsonNumber(f"{amount:f}")) == amount


@given(st.floats(0.01, 10**9, allow_nan=False), st.floats(0.01, 100, allow_nan=False))
def test_noise_of_one_binary_operation_is_always_undone(one: float, other: float) -> None:
    """A sum of two amounts of cents, computed by somebody in binary, is read as the cents that it is."""
    left, right = Decimal(round(one * 100)).scaleb(-2), Decimal(round(other * 100)).scaleb(-2)
    assert amount_of(JsonNumber(repr(float(left) + float(right)))) == left + right


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_make_a_format_raise(raw: bytes) -> None:
    """Whatever comes in, identify and read answer."""
    for each in FORMATS.values():
        each.identify(raw)
        each.read("web", raw)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
SMALL: dict[str, Any] = {
    "id": 1,
    "currency": "USD",
    "created_at": "2026-11-20T09:00:00Z",
    "total_price": "1.00",
    "line_items": [{"id": 1, "price": "1.00", "quantity": 1, "sku": "A"}],
}
fields = st.sampled_from(
    ["id", "updated_at", "created_at", "currency", "total_price", "total_price_set", "line_items", "shipping_lines",
     "discount_codes", "transactions", "refunds", "customer", "billing_address", "tax_lines", "tags", "order",
     "payment_gateway_names", "total_outstanding", "presentment_currency", "financial_status"]
)  # fmt: skip


of_a_line = st.sampled_from(
    ["id", "sku", "title", "quantity", "current_quantity", "price", "price_set", "total_discount", "tax_lines",
     "discount_allocations", "duties", "requires_shipping", "gift_card"]
)  # fmt: skip


@given(st.dictionaries(fields, json, max_size=4), st.dictionaries(of_a_line, json, max_size=2))
def test_no_value_in_any_field_makes_reading_proving_or_mapping_raise(
    strange: dict[str, object], line: dict[str, object]
) -> None:
    """An order of strange values is unreadable, contradicted or mapped; it is never a crash."""
    raw = msgspec.json.encode({**SMALL, "line_items": [{**SMALL["line_items"][0], **line}], **strange})
    FORMATS["shopify"].identify(raw)
    order = FORMATS["shopify"].read("web", raw)
    if isinstance(order, Order):
        prove(order)
        sale_for(order, SETTINGS)
