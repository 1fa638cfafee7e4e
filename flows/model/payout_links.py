"""Which order a line of a payout is of: by the order's own id, by transactions that paid it, by its number, or as
another line of the same payment. Pure.

What is found by several ways has to be one order; two orders are a contradiction, and the line is linked to neither.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from flows.model.payout import PayoutLine


class Named(msgspec.Struct, frozen=True):
    """What a line says of its order."""

    order: str
    reference: str
    transactions: tuple[str, ...]
    """The ids by which the order's own payments may know it; or empty texts."""


def numbers_of(named: Named | PayoutLine) -> tuple[str, ...]:
    """The numbers that people may say for an order: with and without the sign that some shops put in front."""
    said = [each for each in (named.reference, named.order) if each]
    return tuple(dict.fromkeys(number for each in said for number in (each, f"#{each.removeprefix('#')}")))


class Known(msgspec.Struct, frozen=True):
    """What is known of orders that lines may be of."""

    orders: Collection[str]
    """Keys of orders that are here."""
    tenders: Mapping[str, Collection[str]]
    """Transaction -> keys of the orders that it paid."""
    numbers: Mapping[str, Collection[str]]
    """Number -> keys of the orders that have it."""
    payments: Mapping[str, Collection[str]] = {}
    """Payment -> keys of the orders that other lines of it are of."""


def orders_of(sales_channel: str, named: Named | PayoutLine, known: Known) -> tuple[str, ...]:
    """The orders that a line may be of: one, none, or several that contradict each other."""
    found: list[str] = []
    if named.order and (key := f"{sales_channel}/{named.order}") in known.orders:
        found.append(key)
    for each in (*named.transactions, named.reference):
        if each and each in known.tenders:
            found += known.tenders[each]
    if not found:
        for number in numbers_of(named):
            found += known.numbers.get(number, ())
    if not found:
        for each in named.transactions:
            found += known.payments.get(each, ())
    return tuple(found) if len(found) < 2 else tuple(sorted(set(found)))  # noqa: PLR2004 - one, or none
