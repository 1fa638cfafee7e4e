"""Money: exact decimal amounts with a currency, and how they are read from JSON.

Arithmetic is exact or refused: nothing is rounded on the way, and two currencies never meet in one sum. Binary floats
appear nowhere: JSON numbers come in as their text (`JsonNumber`), text as text.

Digits of currencies: ISO 4217, list one (amendment 176); two digits unless the table here says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DecimalException,
    Inexact,
    InvalidOperation,
    Overflow,
    getcontext,
    setcontext,
)
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

import msgspec

P = ParamSpec("P")
R = TypeVar("R")

EXPONENT_MAX = 18
"""An amount is below 10^19, and has at most this many digits after the point."""
DIGITS_MAX = 24
"""Most digits of an amount, before and after the point together."""
NUMBER_DIGITS_MAX = 15
"""Digits that a binary double carries faithfully (IEEE 754, DBL_DIG); see `amount_of`."""

EXACT = Context(prec=80, rounding=ROUND_HALF_EVEN, traps=[Inexact, InvalidOperation, Overflow])
"""Raises instead of rounding. Amounts are so limited that no sum or product of an order comes near its precision."""

_ROUNDING = Context(prec=80, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, Overflow])
# Bound once: to look a method up in a Context takes longer than the sum, and a context given by name longer still.
_add, _subtract, _multiply = EXACT.add, EXACT.subtract, EXACT.multiply
_quantize, _divide = _ROUNDING.quantize, _ROUNDING.divide
_NUMBER = Context(prec=NUMBER_DIGITS_MAX, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, Overflow])
_TEXT_MAX = 48
_plain_text = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?").fullmatch
_amount_text = re.compile(r"-?[0-9]{1,24}(?:\.[0-9]{1,24})?(?:[eE][+-]?[0-9]{1,3})?").fullmatch
_currency_text = re.compile(r"[A-Z]{3}").fullmatch

_DIGITS = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV"), 0
    ),
    **dict.fromkeys(("XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}

ZERO, ONE = Decimal(0), Decimal(1)
_SMALL = tuple(map(Decimal, range(256)))
_UNITS = tuple(Decimal(1).scaleb(-digits) for digits in range(EXPONENT_MAX + 1))


def exactly(function: Callable[P, R]) -> Callable[P, R]:
    """The function with every operator on Decimals inside it exact, or refused (`decimal.Inexact`).

    Operators take half the time of a context's own methods. Only for a function that neither waits nor yields: what
    runs in between would be exact, too.
    """

    @wraps(function)
    def within(*args: P.args, **kwargs: P.kwargs) -> R:
        outer = getcontext()
        setcontext(EXACT)
        try:
            return function(*args, **kwargs)
        finally:
            setcontext(outer)

    return within


class InvalidAmount(ValueError):
    """What was published is no amount of money. The message says why, and never quotes it."""


class MixedCurrencies(ValueError):
    """Amounts of two currencies met in one sum or comparison; the message names both."""


class JsonNumber(str):
    """The literal of a JSON number with a fraction or an exponent: give this class to msgspec as `float_hook`."""

    __slots__ = ()


class Money(msgspec.Struct, frozen=True, gc=False):
    """An exact amount in one currency (ISO 4217, three capital letters).

    Sums, differences and comparisons with another currency raise MixedCurrencies.
    """

    amount: Decimal
    currency: str

    def __add__(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise _mixed(self.currency, other.currency)
        return Money(_add(self.amount, other.amount), self.currency)

    def __sub__(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise _mixed(self.currency, other.currency)
        return Money(_subtract(self.amount, other.amount), self.currency)

    def __neg__(self) -> Money:
        return Money(EXACT.minus(self.amount), self.currency)

    def __abs__(self) -> Money:
        return Money(EXACT.abs(self.amount), self.currency)

    def __lt__(self, other: Money) -> bool:
        if other.currency != self.currency:
            raise _mixed(self.currency, other.currency)
        return self.amount < other.amount

    def __bool__(self) -> bool:
        return bool(self.amount)

    def __str__(self) -> str:
        """As people write it: `189.00 USD`, `500 JPY`; more digits only where they are not zero."""
        return f"{figure(self.amount, self.currency)} {self.currency}"

    def times(self, quantity: Decimal) -> Money:
        """The exact product with a number of pieces."""
        return Money(_multiply(self.amount, quantity), self.currency)


@exactly
def summed(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum of amounts in one currency; zero of nothing."""
    return sum(amounts, ZERO)


def total_of(amounts: Iterable[Money], currency: str) -> Money:
    """The exact sum; zero of nothing. Raises MixedCurrencies when one of them is in another currency."""
    result = ZERO
    for money in amounts:
        if money.currency != currency:
            raise _mixed(currency, money.currency)
        result = _add(result, money.amount)
    return Money(result, currency)


def digits_of(currency: str) -> int:
    """Digits after the point of the currency's smallest unit: 2 for USD, 0 for JPY, 3 for KWD."""
    return _DIGITS.get(currency, 2)


def figure(amount: Decimal, currency: str) -> str:
    """An amount as people write it, without its currency: `189.00`, `500`; more digits only where they are not zero."""
    plain = rounded(amount, digits_of(currency))
    return f"{plain if plain == amount else EXACT.normalize(amount):f}"


def rounded(amount: Decimal, digits: int) -> Decimal:
    """The nearest amount with so many digits (0 to 18) after the point; a tie goes to the even digit."""
    unit = _UNITS[digits]
    return amount if amount.same_quantum(unit) else _quantize(amount, unit)


def quotient(amount: Decimal, quantity: Decimal, digits: int) -> Decimal:
    """`amount / quantity`, rounded to so many digits after the point. Raises InvalidOperation for quantity zero."""
    return _quantize(amount if quantity == ONE else _divide(amount, quantity), _UNITS[digits])


@lru_cache(maxsize=1024)
def currency_of(text: str) -> str:
    """The currency code itself. Raises InvalidAmount for what is not three capital letters."""
    if _currency_text(text) is None:
        raise InvalidAmount("a currency is not a code of three capital letters")
    return text


def exact_amount(text: str) -> Decimal:
    """The exact amount of a decimal text such as `-12.50`; scale kept.

    Raises InvalidAmount for NaN, Infinity, separators, spaces, an exponent beyond 18 and more than 24 digits.
    """
    if len(text) <= DIGITS_MAX and _plain_text(text) is not None:
        return Decimal(text)
    if len(text) > _TEXT_MAX or _amount_text(text) is None:
        raise InvalidAmount("an amount is not a plain decimal number")
    return _within(Decimal(text))


@lru_cache(maxsize=16_384)
def amount_of_text(text: str) -> Decimal:
    """The same; equal texts share one object."""
    return exact_amount(text)


def amount_of(value: object) -> Decimal:
    """The amount of a JSON value: text, an integer, or a `JsonNumber`. Raises InvalidAmount for anything else.

    Text and integers are exact. A number with a fraction was a binary double in whoever wrote it, and a double carries
    15 digits: what it has beyond them is noise of binary arithmetic, not a figure. It is rounded to 15 significant
    digits, so `10.799999999999999` is read as 10.8, and every figure of up to 15 digits stays exactly as written. The
    same digits as *text* are kept as they are, and a proof will say that they do not add up.
    """
    kind = type(value)
    if kind is str:
        return amount_of_text(value)
    if kind is int:
        return _amount_of_int(value)  # type: ignore[arg-type]
    if kind is JsonNumber:
        return _amount_of_number(value)
    raise InvalidAmount("an amount is neither text nor a number")


def _amount_of_int(number: int) -> Decimal:
    if 0 <= number < len(_SMALL):
        return _SMALL[number]
    if abs(number) >= 10**EXPONENT_MAX:
        raise InvalidAmount("an amount is out of range")
    return Decimal(number)


@lru_cache(maxsize=4096)
def _amount_of_number(text: str) -> Decimal:
    mantissa = text.replace("E", "e").partition("e")[0]
    if len(mantissa.lstrip("-0.").replace(".", "")) <= NUMBER_DIGITS_MAX:
        return amount_of_text(text)
    try:
        value = _NUMBER.create_decimal(text)
    except DecimalException:
        raise InvalidAmount("an amount is out of range") from None
    if value.adjusted() >= NUMBER_DIGITS_MAX:
        raise InvalidAmount("an amount has more digits than a JSON number carries")
    return _within(_NUMBER.normalize(value))


def _within(value: Decimal) -> Decimal:
    _, digits, exponent = value.as_tuple()
    if (
        not isinstance(exponent, int)
        or not -EXPONENT_MAX <= exponent <= EXPONENT_MAX
        or value.adjusted() > EXPONENT_MAX
    ):
        raise InvalidAmount("an amount is out of range")
    if len(digits) > DIGITS_MAX:
        raise InvalidAmount("an amount has more digits than money has")
    return value


def _mixed(one: str, other: str) -> MixedCurrencies:
    return MixedCurrencies(f"an amount in {other} is among amounts in {one}")
