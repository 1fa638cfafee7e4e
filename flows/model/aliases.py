"""Aliases of SKUs: what sales channels call a product, and what Fulfil calls it, because a person has said so."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from flows.model.order import Order


def stands_for(name: str, aliases: Mapping[str, str], sellable: Callable[[str], bool]) -> str:
    """The SKU in Fulfil of what a sales channel calls this: itself where Fulfil sells exactly that, whatever alias it
    is, too; else what it is an alias of.
    """
    return name if sellable(name) else aliases.get(name, name)


def under_fulfils_skus(order: Order, aliases: Mapping[str, str]) -> Order:
    """The order with Fulfil's SKUs in the place of aliases: what the sale is made of. All else is as it was."""
    if not aliases:
        return order
    lines = tuple(
        msgspec.structs.replace(line, sku=aliases[line.sku]) if line.sku and line.sku in aliases else line
        for line in order.lines
    )
    return msgspec.structs.replace(order, lines=lines)
