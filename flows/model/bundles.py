"""Bundles by rule: what a sales channel sells as one SKU, and Fulfil has as several. Pure.

A SKU that no rule names is passed through: Fulfil has it, as a product or as a kit of its own. A line of a bundle
becomes a line for each component, of so many times as many pieces and with a share of every figure. Divided is what no
other figure is made of (the price without discount and tax, the discount, each tax), on the shop's side and on the
customer's, in smallest units, by largest remainder. So the parts add up to what was published exactly, none has a sign
that the whole has not, and the sale needs no rounding that it would not have needed unexploded.

The shares are the rule's. Without any, each piece bears the same; list prices are not asked, because they change, and
the same order must be divided the same for ever. A component that is a bundle itself is refused with the configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from flows.model.money import EXACT, ZERO, Money, digits_of, quotient, rounded
from flows.model.order import Amount, Line, Order
from runtime.rule import RuleBroken

_UNIT_PRICE_DIGITS = 6
_SHARE_DIGITS = 6
_SHARE_MAX = Decimal(1_000_000)
_NO_ID = "line"
_TWO = Decimal(2)


class Component(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One component of a bundle, under its SKU in Fulfil or an alias of it."""

    quantity: Annotated[int, Meta(ge=1, le=10_000)] = 1
    """How many pieces of it one bundle has."""
    share: Decimal | None = None
    """What all its pieces bear of the price, in proportion to the other shares: 60 and 40, or 3 and 2. Every component
    of a bundle has one, or none has: then each piece bears the same."""


class Bundle(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A SKU that the sales channel sells as one thing, and Fulfil has as several; all others are passed through."""

    components: Annotated[dict[str, Component], Meta(min_length=1, max_length=100)]
    """What it becomes in the sale, by SKU."""

    def __post_init__(self) -> None:
        """Refuse shares that say nothing, or not enough."""
        shares = {sku: each.share for sku, each in self.components.items()}
        given = [share for share in shares.values() if share is not None]
        found: dict[tuple[str, ...], str] = {}
        if given and not any(given):
            found["components",] = "no component bears anything of the price; give one a share above 0"
        for sku, share in shares.items() if given else ():
            if share is None:
                found["components", sku] = "has no share of the price, and others have one; give it to all, or to none"
            elif not ZERO <= share <= _SHARE_MAX or share != rounded(share, _SHARE_DIGITS):
                found["components", sku, "share"] = (
                    f"must be from 0 to {_SHARE_MAX:,}, with up to {_SHARE_DIGITS} digits"
                )
        if found:
            raise RuleBroken(found)


def rules_broken(bundles: Mapping[str, Bundle]) -> dict[tuple[str, ...], str]:
    """What is wrong with the bundles of a sales channel together: a sentence by the path below them."""
    found: dict[tuple[str, ...], str] = {}
    for bundle, rule in bundles.items():
        for path, sku in [((bundle,), bundle), *(((bundle, "components", each), each) for each in rule.components)]:
            if sku != sku.strip() or not sku:
                found[path] = "is no SKU: no order has one that is empty, or has spaces around it"
        for sku in rule.components:
            if sku in bundles:
                what = "a bundle cannot contain itself" if sku == bundle else "is a bundle itself"
                found[bundle, "components", sku] = f"{what}; say here what it is made of, in the end"
    return found


# -- what an order is made of ------------------------------------------------------------------------------------------


def pieces(sku: str, quantity: Decimal, bundles: Mapping[str, Bundle]) -> tuple[tuple[str, Decimal], ...]:
    """What is taken from the shelf when so many of a SKU are sold: itself, or so many of each of its components."""
    rule = bundles.get(sku)
    if rule is None:
        return ((sku, quantity),)
    return tuple((name, _times(quantity, each.quantity)) for name, each in rule.components.items())


def bundles_in(order: Order, bundles: Mapping[str, Bundle]) -> dict[str, Bundle]:
    """The rules for what this order has lines of."""
    if not bundles:
        return {}
    skus = [line.sku for line in order.lines if line.sku is not None]
    return {sku: bundles[sku] for sku in skus if sku in bundles}


def bundles_kept(
    before: Order, after: Order, made: Mapping[str, Bundle], rules: Mapping[str, Bundle]
) -> dict[str, Bundle]:
    """The rules for two versions of an order, of which the first is in Fulfil: what that has stays as it was `made`,
    whatever its rule has become, and only what the second adds follows the rules of today.
    """
    there = {line.sku for line in before.lines}
    added = {sku: rule for sku, rule in bundles_in(after, rules).items() if sku not in there}
    return {**added, **bundles_in(before, made), **bundles_in(after, made)}


def part_id(line_id: str, sku: str) -> str:
    """The id of the line that one component of a bundle's line becomes."""
    return f"{line_id or _NO_ID}:{sku}"


def skus_of(order: Order, bundles: Mapping[str, Bundle]) -> list[str]:
    """The SKUs that a sale of the order needs; empty text for a line that has none."""
    if not bundles:
        return [line.sku or "" for line in order.lines]
    return [name for line in order.lines for name, _ in pieces(line.sku or "", line.quantity, bundles)]


def exploded(order: Order, bundles: Mapping[str, Bundle]) -> Order:
    """The order with the components of its bundles in their places; no total changes. Never raises."""
    if not bundles:
        return order
    lines: list[Line] = []
    for line in order.lines:
        rule = bundles.get(line.sku or "")
        lines += [line] if rule is None else _components(line, rule, included=order.taxes_included)
    return msgspec.structs.replace(order, lines=tuple(lines))


def told(bundles: Mapping[str, Bundle]) -> str:
    """What became of which bundle, for people."""
    return ", ".join(
        f"{sku!r} as {' and '.join(f'{each.quantity} {name!r}' for name, each in rule.components.items())}"
        for sku, rule in bundles.items()
    )


def part_of(sku: str, bundles: Mapping[str, Bundle]) -> str:
    """To follow a sentence about a SKU that no line of the order has: the bundle that it comes from; else empty."""
    return next(
        (f"; it is a part of the bundle {name!r}" for name, rule in bundles.items() if sku in rule.components), ""
    )


# -- one line ----------------------------------------------------------------------------------------------------------


def _components(line: Line, rule: Bundle, *, included: bool) -> Iterator[Line]:
    """A line for each component, in the rule's order. Prices of an `included` order contain their taxes."""
    weights = _weights(rule)
    apart = [line.discount, *(tax.amount for tax in line.taxes)] if included else [line.discount]
    net = line.gross
    for amount in apart:
        net = _on_each_side(EXACT.subtract, net, amount)
    grosses, discounts = _divided_amount(net, weights), _divided_amount(line.discount, weights)
    taxes = [_divided_amount(tax.amount, weights) for tax in line.taxes]
    for parts in [discounts, *taxes] if included else [discounts]:
        grosses = [_on_each_side(EXACT.add, one, other) for one, other in zip(grosses, parts, strict=True)]
    for n, (sku, component) in enumerate(rule.components.items()):
        quantity, left = _times(line.quantity, component.quantity), line.quantity_left
        yield msgspec.structs.replace(
            line,
            id=part_id(line.id, sku),
            sku=sku,
            quantity=quantity,
            unit_price=_each(grosses[n], quantity),
            gross=grosses[n],
            discount=discounts[n],
            taxes=tuple(
                [
                    msgspec.structs.replace(tax, amount=amounts[n])
                    for tax, amounts in zip(line.taxes, taxes, strict=True)
                ]
            ),
            quantity_left=None if left is None else _times(left, component.quantity),
        )


def _weights(rule: Bundle) -> list[int]:
    """What each component bears, as whole numbers: its share, or the number of its pieces."""
    shares = [each.share for each in rule.components.values() if each.share is not None]
    if not shares:
        return [each.quantity for each in rule.components.values()]
    return [int(EXACT.scaleb(share, _SHARE_DIGITS)) for share in shares]


def _times(quantity: Decimal, pieces_each: int) -> Decimal:
    return EXACT.multiply(quantity, Decimal(pieces_each))


def _each(gross: Amount, quantity: Decimal) -> Amount:
    """The price of one piece, on each side."""

    def one(money: Money) -> Money:
        return Money(quotient(money.amount, quantity, _UNIT_PRICE_DIGITS) if quantity else ZERO, money.currency)

    return Amount(one(gross.shop), None if gross.presentment is None else one(gross.presentment))


def _on_each_side(do: Callable[[Decimal, Decimal], Decimal], one: Amount, other: Amount) -> Amount:
    """On the sides that the first has; what the other does not publish there counts as nothing."""
    shop = Money(do(one.shop.amount, other.shop.amount), one.shop.currency)
    if one.presentment is None:
        return Amount(shop)
    there = ZERO if other.presentment is None else other.presentment.amount
    return Amount(shop, Money(do(one.presentment.amount, there), one.presentment.currency))


# -- dividing ----------------------------------------------------------------------------------------------------------


def _divided_amount(amount: Amount, weights: Sequence[int]) -> list[Amount]:
    shop = _divided_money(amount.shop, weights)
    if amount.presentment is None:
        return [Amount(money) for money in shop]
    return [Amount(*both) for both in zip(shop, _divided_money(amount.presentment, weights), strict=True)]


def _divided_money(money: Money, weights: Sequence[int]) -> list[Money]:
    parts = divided(money.amount, weights, digits_of(money.currency))
    return [Money(part, money.currency) for part in parts]


def divided(amount: Decimal, weights: Sequence[int], digits: int) -> list[Decimal]:
    """The amount in parts by weight, in units of so many digits, by largest remainder; the first wins a tie.

    The parts add up to the amount exactly. What it has beyond its units is on the heaviest part, so that the parts,
    rounded, add up to the amount, rounded.
    """
    whole = rounded(amount, digits)
    rest = EXACT.subtract(amount, whole)
    units = _units(int(EXACT.scaleb(whole, digits)), weights)
    parts = [EXACT.scaleb(Decimal(each), -digits) for each in units]
    if rest:
        bearer = max(range(len(weights)), key=weights.__getitem__)
        unit = EXACT.scaleb(Decimal(1), -digits).copy_sign(rest)
        if units[bearer] % 2 and EXACT.multiply(rest, _TWO) == unit:
            # A tie goes to the even digit: half a unit on an odd number of them would be rounded away from the whole.
            other = next(n for n, each in enumerate(units) if each and n != bearer)
            parts[bearer], parts[other] = EXACT.subtract(parts[bearer], unit), EXACT.add(parts[other], unit)
        parts[bearer] = EXACT.add(parts[bearer], rest)
    return parts


def _units(units: int, weights: Sequence[int]) -> list[int]:
    """Whole units by weight: each gets what it is due, rounded down, and the largest remainders one more."""
    sum_, sign = sum(weights), -1 if units < 0 else 1
    parts, remainders = zip(*(divmod(abs(units) * weight, sum_) for weight in weights), strict=True)
    result = list(parts)
    due = sorted(range(len(weights)), key=lambda n: (-remainders[n], n))
    for n in due[: abs(units) - sum(parts)]:
        result[n] += 1
    return [sign * part for part in result]
