"""Whatever the figures and shares: a bundle is divided exactly on both sides, and its sale is rounded as it was."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.fulfil.wire import CreateOrder, SaleLine
from flows.model.bundles import Bundle, Component, divided, exploded, pieces
from flows.model.money import EXACT, Money, digits_of, rounded
from flows.model.order import Amount, FinancialStatus, Line, Order, Side, TaxLine, Totals
from flows.model.proof import prove
from flows.model.sale import SaleSettings, sale_for
from tests.unit.made_orders import order

SETTINGS = SaleSettings(channel_id=3, taxes={"A": "A", "B": "B"}, rounding_sku="ROUNDING")
CURRENCIES = ("USD", "JPY", "KWD")


@st.composite
def figures(draw: st.DrawFn, most: Decimal | None = None) -> Decimal:
    """An amount of nothing or more, in whole cents mostly, and finer at times; halves of a cent among them."""
    digits = draw(st.sampled_from((2, 2, 2, 3, 4)))
    top = 10**9 if most is None else int(EXACT.scaleb(most, digits))
    return EXACT.scaleb(Decimal(draw(st.integers(0, top))), -digits)


weights = st.lists(st.integers(0, 1_000), min_size=1, max_size=6).filter(any)


@given(figures(), weights, st.booleans(), st.sampled_from(CURRENCIES))
def test_the_parts_are_the_whole(amount: Decimal, weights: Sequence[int], negative: bool, currency: str) -> None:
    """Exactly, and rounded as well; each is within a unit of what it is due, and none is on the other side of zero."""
    amount, digits = -amount if negative else amount, digits_of(currency)
    parts = divided(amount, weights, digits)
    assert sum(parts, Decimal(0)) == amount
    assert sum((rounded(part, digits) for part in parts), Decimal(0)) == rounded(amount, digits)
    unit = Decimal(1).scaleb(-digits)
    for part, weight in zip(parts, weights, strict=True):
        due = amount * weight / sum(weights)
        assert abs(part - due) <= 2 * unit
        assert part * amount >= 0
        assert part == 0 or weight
    assert parts == divided(amount, weights, digits)


@st.composite
def bundles(draw: st.DrawFn) -> Bundle:
    """Up to five components, with shares or without."""
    skus = draw(st.lists(st.sampled_from("ABCDE"), min_size=1, max_size=5, unique=True))
    shares: list[Decimal] | None = None
    if draw(st.booleans()):
        some = st.decimals(0, 100, places=2, allow_nan=False, allow_infinity=False)
        shares = draw(st.lists(some, min_size=len(skus), max_size=len(skus)).filter(any))
    quantities = draw(st.lists(st.integers(1, 12), min_size=len(skus), max_size=len(skus)))
    rows = zip(skus, quantities, shares or [None] * len(skus), strict=True)
    return Bundle(components={sku: Component(quantity=number, share=share) for sku, number, share in rows})


@st.composite
def lines(draw: st.DrawFn, *, sku: str) -> Line:
    """A line of two currencies, whose taxes and discount are within its price on either side."""
    sides = [draw(figures()) for _ in range(2)]
    discounts = [draw(figures(most)) for most in sides]
    left = [EXACT.subtract(one, other) for one, other in zip(sides, discounts, strict=True)]
    taxes = []
    for name in draw(st.sampled_from(("", "A", "AB"))):
        amounts = [draw(figures(most)) for most in left]
        left = [EXACT.subtract(one, other) for one, other in zip(left, amounts, strict=True)]
        taxes.append(TaxLine(name, Decimal("0.2"), _amount(amounts)))
    quantity = draw(st.integers(1, 50))
    kept = draw(st.none() | st.integers(0, quantity))
    return Line(
        "L1", sku, "Set", Decimal(quantity), _amount(sides), _amount(sides), _amount(discounts), tuple(taxes),
        None if kept is None else Decimal(kept),
    )  # fmt: skip


def _amount(sides: Sequence[Decimal]) -> Amount:
    return Amount(Money(sides[0], "USD"), Money(sides[1], "EUR"))


def _sums(made: Sequence[Line]) -> list[tuple[Decimal, ...]]:
    """Gross, discount and each tax, on both sides."""
    columns = [[line.gross, line.discount, *(tax.amount for tax in line.taxes)] for line in made]
    return [
        tuple(
            sum((amount.figure(currency) for amount in column), Decimal(0))
            for column in zip(*columns, strict=True)
        )
        for currency in ("USD", "EUR")
    ]  # fmt: skip


@given(lines(sku="KIT"), bundles(), st.booleans())
def test_an_exploded_line_is_the_line(line: Line, bundle: Bundle, included: bool) -> None:
    """Every figure and every tax adds up on both sides, what a component pays is never below nothing, and pieces are
    integers times integers.
    """
    made = exploded(_order([line], included=included), {"KIT": bundle}).lines
    assert _sums(made) == _sums([line])
    assert [each.sku for each in made] == list(bundle.components)
    assert len({each.id for each in made}) == len(made)
    for each, component in zip(made, bundle.components.values(), strict=True):
        assert each.quantity == line.quantity * component.quantity
        assert each.quantity_left == (None if line.quantity_left is None else line.quantity_left * component.quantity)
        for currency in ("USD", "EUR"):
            contained = sum((tax.amount.figure(currency) for tax in each.taxes), Decimal(0)) if included else 0
            assert each.gross.figure(currency) - each.discount.figure(currency) - contained >= 0
    assert [(each.sku, each.quantity) for each in made] == list(pieces("KIT", line.quantity, {"KIT": bundle}))


def _order(sold: Sequence[Line], *, included: bool) -> Order:
    """An unpaid order of two currencies whose total is what its lines come to, in whole cents where that is near."""
    totals = []
    for currency, (gross, discount, *taxes) in zip(("USD", "EUR"), _sums(sold), strict=True):
        exact = gross - discount + (0 if included else sum(taxes, Decimal(0)))
        totals.append(Money(rounded(exact, 2), currency))
    made = order(
        presentment_currency="EUR", taxes_included=included, lines=tuple(sold), payments=(),
        financial_status=FinancialStatus.PENDING,
    )  # fmt: skip
    return msgspec.structs.replace(made, totals=Totals(total=Amount(*totals)))


@pytest.mark.parametrize("side", Side)
@given(lines(sku="KIT"), bundles(), st.booleans())
def test_the_sale_of_an_exploded_order_is_that_of_the_order(
    side: Side, line: Line, bundle: Bundle, included: bool
) -> None:
    """The same total, the same sum of each tax, and the same amount on the rounding line; the proof is not touched."""
    line = msgspec.structs.replace(line, quantity_left=None)
    whole, settings = _order([line], included=included), msgspec.structs.replace(SETTINGS, side=side)
    parts = exploded(whole, {"KIT": bundle})
    assert prove(parts, side=side) == prove(whole, side=side)
    one, other = (sale_for(each, settings) for each in (whole, parts))
    assert isinstance(one, CreateOrder), one
    assert isinstance(other, CreateOrder), other
    assert _shown(one) == _shown(other)


def _shown(sale: CreateOrder) -> tuple[Any, ...]:
    """Total, goods, rounding, and each tax."""
    taxes: dict[str, Decimal] = {}
    amounts = {True: Decimal(0), False: Decimal(0)}
    for each in sale.sale_lines:
        assert isinstance(each, SaleLine)
        amounts[each.sku == "ROUNDING"] += each.amount
        for tax in each.tax_lines:
            taxes[tax.name] = taxes.get(tax.name, Decimal(0)) + tax.amount
    return sale.amount, amounts, {name: amount for name, amount in taxes.items() if amount}
