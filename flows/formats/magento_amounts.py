"""How Magento publishes an amount: once in the base currency of the website (`base_...`), once in the order's.

The base currency is the one in which the brand books: the shop's side. The order's currency is what the customer saw.
Source: Adobe Commerce user guide, "Currency configuration" (base currency, display currency).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter

from flows.formats.parts import Json, Misread, text_of
from flows.model.money import ZERO, JsonNumber, Money, amount_of, currency_of
from flows.model.order import Amount, Conflict

_SCALARS = frozenset((str, int, JsonNumber))

HUNDREDTH = Decimal("0.01")
"""Magento rounds money to two digits in every currency (its core's default precision)."""


def given(value: Json) -> Json:
    """The value, or None for null and for the empty text that some columns hold instead."""
    return None if value == "" else value


def first(*values: Json) -> Json:
    """The first value that is given: a figure with one name in each version."""
    return next((value for value in values if given(value) is not None), None)


def number(value: Json) -> Decimal:
    """A quantity or a plain figure; zero when there is none. Raises InvalidAmount for what is no number."""
    value = given(value)
    return ZERO if value is None else amount_of(value)


def flag(value: Json) -> bool:
    """Whether a column of 0 and 1 is set, as a number, as text or as a boolean."""
    return value is True or text_of(value) == "1"


class Amounts:
    """The amounts of one payload while it is read: its two currencies, and the conflicts met so far."""

    def __init__(self, base_code: Json, order_code: Json) -> None:
        base, order = _code(base_code, "base_currency_code"), _code(order_code, "order_currency_code")
        self.currency = base or order
        if not self.currency:
            raise Misread("it has neither base_currency_code nor order_currency_code")
        self.presentment = order or base
        self.single = self.presentment == self.currency
        self.zero = Amount(Money(ZERO, self.currency), None if self.single else Money(ZERO, self.presentment))
        self.conflicts: list[Conflict] = []

    def amount(self, base: Json, plain: Json, field: str) -> Amount | None:
        """An amount of its two fields; None when neither is published. In one currency both must say the same."""
        if base is None and plain is None:
            return None
        if self.single and base == plain and type(base) in _SCALARS and base != "":  # the usual case
            return _single(base, self.currency)
        base, plain = given(base), given(plain)
        if self.single:
            return self._one(base, plain, field)
        if base is None:
            if plain is None:
                return None
            if amount_of(plain):
                raise Misread(f"{field} has no figure in the base currency, and the order has two currencies")
            return self.zero
        shop = amount_of(base)
        if plain is not None:
            return Amount(Money(shop, self.currency), Money(amount_of(plain), self.presentment))
        return Amount(Money(shop, self.currency)) if shop else self.zero

    def _one(self, base: Json, plain: Json, field: str) -> Amount | None:
        if base is None:
            return None if plain is None else Amount(Money(amount_of(plain), self.currency))
        shop = Money(amount_of(base), self.currency)
        if plain is not None and plain != base:
            other = Money(amount_of(plain), self.currency)
            if other != shop:
                self.conflicts.append(Conflict(field, other, shop))
        return Amount(shop)

    def read(self, source: object, name: str) -> Amount | None:
        """The amount of the fields `base_<name>` and `<name>`; None when neither is published."""
        base, plain = _both(name)(source)
        return self.amount(base, plain, name)

    def sure(self, source: object, name: str) -> Amount:
        """The amount of the fields `base_<name>` and `<name>`; zero when neither is published."""
        return self.read(source, name) or self.zero

    def same(self, one: Amount | None, other: Amount | None, field: str) -> Amount | None:
        """One of two places that publish the same figure; a conflict when they differ."""
        if one is not None and other is not None and one.shop != other.shop:
            self.conflicts.append(Conflict(field, one.shop, other.shop))
        return other if one is None else one

    def sum(self, amounts: Iterable[Amount]) -> Amount:
        """The sum on every side that all of them have."""
        found = list(amounts)
        result = found[0] if found else self.zero
        for each in found[1:]:
            result = plus(result, each)
        return result


@lru_cache(maxsize=256)
def _both(name: str) -> Callable[[object], tuple[Json, Json]]:
    """What reads the fields `base_<name>` and `<name>`."""
    return attrgetter(f"base_{name}", name)


def wrapping(amounts: Amounts, extras: object, what: str) -> list[Amount]:
    """What gift wrapping costs (`price`) or is taxed (`tax_amount`): of the order, of its items, and printed cards."""
    parts = ("gw", "gw_items", "gw_card")
    found = [
        amounts.amount(getattr(extras, f"{part}_base_{what}"), getattr(extras, f"{part}_{what}"), "gift wrapping")
        for part in parts
    ]
    return [each for each in found if each is not None]


@lru_cache(maxsize=8_192, typed=True)
def _single(value: Json, currency: str) -> Amount:
    """An amount of an order in one currency; equal figures share one object. Raises InvalidAmount."""
    return Amount(Money(amount_of(value), currency))


def plus(one: Amount, other: Amount) -> Amount:
    """The sum on every side that both have."""
    if not other.shop.amount and other.shop.currency == one.shop.currency and other.presentment is None:
        return one if one.presentment is None else Amount(one.shop)
    if one.presentment is None or other.presentment is None:
        return Amount(one.shop + other.shop)
    return Amount(one.shop + other.shop, one.presentment + other.presentment)


def minus(one: Amount, other: Amount) -> Amount:
    """The difference on every side that both have."""
    return plus(one, Amount(-other.shop, None if other.presentment is None else -other.presentment))


def positive(amount: Amount) -> Amount:
    """The amount without its sign: Magento writes discounts of an order as negative, those of an item as positive."""
    presentment = amount.presentment
    return Amount(abs(amount.shop), None if presentment is None else abs(presentment))


def times(amount: Amount, quantity: Decimal) -> Amount:
    """The exact product with a number of pieces."""
    presentment = amount.presentment
    return Amount(amount.shop.times(quantity), None if presentment is None else presentment.times(quantity))


def rate_of(percent: Json) -> Decimal | None:
    """0.2 for 20; None when there is no percentage."""
    percent = given(percent)
    return None if percent is None else amount_of(percent) * HUNDREDTH


def _code(value: Json, field: str) -> str:
    if given(value) is None:
        return ""
    if type(value) is not str:
        raise Misread(f"{field} is not text")
    return currency_of(value)
