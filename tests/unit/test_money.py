"""Money is exact, in one currency, and read from JSON without a binary float."""

from __future__ import annotations

import re
from decimal import Decimal, Inexact, getcontext

import msgspec
import pytest

from flows.model.money import (
    InvalidAmount,
    JsonNumber,
    MixedCurrencies,
    Money,
    amount_of,
    currency_of,
    digits_of,
    exactly,
    quotient,
    rounded,
    total_of,
)

decode = msgspec.json.Decoder(float_hook=JsonNumber).decode


def usd(text: str) -> Money:
    return Money(Decimal(text), "USD")


def test_sums_and_differences_are_exact() -> None:
    """Tenths add up, and twenty-four digits survive beside a cent."""
    assert usd("0.1") + usd("0.2") == usd("0.3")
    big = "999999999999999999"
    assert (usd(big) + usd("0.000000000000000001")).amount == Decimal(f"{big}.000000000000000001")
    assert (usd("5") - usd("7.50")).amount == Decimal("-2.50")
    assert total_of([usd("1.10"), usd("2.20")], "USD") == usd("3.30")


@pytest.mark.parametrize(
    "meet",
    [
        lambda one, other: one + other,
        lambda one, other: one - other,
        lambda one, other: one < other,
        lambda one, other: total_of([one, other], "USD"),
    ],
)
def test_two_currencies_never_meet(meet: object) -> None:
    """Sum, difference, comparison and total refuse a second currency, and name both."""
    with pytest.raises(MixedCurrencies, match=re.escape("an amount in ISK is among amounts in USD")):
        meet(usd("1"), Money(Decimal(1), "ISK"))  # type: ignore[operator]


def test_operators_are_exact_within_exactly_and_nowhere_else() -> None:
    """Every digit is kept or the sum is refused; whatever context there was before is there again, also after that."""
    long, third = Decimal("1234567890123456789.123456789012345678"), Decimal(3)

    @exactly
    def sum_of(one: Decimal, other: Decimal) -> Decimal:
        return one + other

    @exactly
    def part_of(one: Decimal, other: Decimal) -> Decimal:
        return one / other

    before = getcontext()
    assert sum_of(long, third) == Decimal("1234567890123456792.123456789012345678") != long + third
    with pytest.raises(Inexact):
        part_of(Decimal(1), third)
    assert getcontext() is before


def test_amounts_read_as_people_write_them() -> None:
    """The currency's own digits, and more only where they are not zero."""
    assert str(usd("189")) == "189.00 USD"
    assert str(usd("1.2340")) == "1.234 USD"
    assert str(Money(Decimal("500.00"), "JPY")) == "500 JPY"
    assert str(Money(Decimal("1.5"), "KWD")) == "1.500 KWD"


def test_smallest_units_follow_iso_4217() -> None:
    """Two digits, but none for yen, three for Kuwaiti dinars and four for unidades de fomento."""
    assert [digits_of(code) for code in ("USD", "EUR", "JPY", "ISK", "KWD", "CLF")] == [2, 2, 0, 0, 3, 4]


@pytest.mark.parametrize(
    ("json", "amount"),
    [
        ('"10.00"', "10.00"),
        ('"-0.50"', "-0.50"),
        ("10", "10"),
        ("13.50", "13.50"),
        ("1e2", "1E+2"),
        ('"2.5E-3"', "0.0025"),
        ("0.10000000000000000", "0.1"),
        ("123456789012.345", "123456789012.345"),
    ],
)
def test_text_and_numbers_are_read_exactly(json: str, amount: str) -> None:
    """Up to fifteen digits a number is what it says; text always is."""
    assert amount_of(decode(json)) == Decimal(amount)


@pytest.mark.parametrize(
    ("number", "amount"),
    [("10.799999999999999", "10.8"), ("0.30000000000000004", "0.3"), ("-3.3000000000000003", "-3.3")],
)
def test_noise_of_binary_arithmetic_is_no_figure(number: str, amount: str) -> None:
    """A number has fifteen digits that mean something; the same digits as text are kept."""
    assert amount_of(decode(number)) == Decimal(amount)
    assert amount_of(number) == Decimal(number)


@pytest.mark.parametrize(
    "json",
    [
        '"NaN"', '"Infinity"', '"-Infinity"', '"sNaN"', '""', '" 1"', '"1_000"', '"1,000.00"', '"0x1"',
        '"\\u0661"', '"1."',
        '"1e19"', '"1e-19"', "1e400", "-1e400", "1e-400", "1e999999", "1234567890123456.5", "1000000000000000000",
        '"1234567890123.123456789012"', '"0.1234567890123456789"', "true", "null", "[]", "{}", f'"{"9" * 60}"',
    ],
)  # fmt: skip
def test_what_is_no_amount_is_refused_without_quoting_it(json: str) -> None:
    """Not a number, not finite, too big, too fine, too many digits, or another type."""
    with pytest.raises(InvalidAmount, match=r"^an amount ") as refused:
        amount_of(decode(json))
    assert "9" not in str(refused.value)


def test_a_binary_float_is_refused() -> None:
    """A float that got past the decoder is a defect, and is not quietly converted."""
    with pytest.raises(InvalidAmount):
        amount_of(10.5)


@pytest.mark.parametrize("text", ["usd", "US", "USDT", "", "U5D", "USD\n"])
def test_a_currency_is_three_capital_letters(text: str) -> None:
    """Anything else is refused."""
    assert currency_of("EUR") == "EUR"
    with pytest.raises(InvalidAmount):
        currency_of(text)


def test_rounding_is_asked_for_by_name() -> None:
    """To the nearest, ties to even; a quotient too."""
    assert [rounded(Decimal(text), 2) for text in ("0.005", "0.015", "0.0251")] == [
        Decimal("0.00"),
        Decimal("0.02"),
        Decimal("0.03"),
    ]
    assert quotient(Decimal("10.00"), Decimal(3), 4) == Decimal("3.3333")
