"""Bundles by rule, put together again: Fulfil ships their components, the sales channel sold one line. Pure.

The importer names the lines of a bundle after the line that was sold and the component: `15510028812:TEA-CUP`. Here
they become one line again, of a kit of which only complete sets are told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import gcd

from msgspec.structs import replace

from flows.fulfilment_watcher.parts import Component, OrderedLine, PartLine, ShipmentPart

Rules = Mapping[str, Mapping[str, int]]
"""Bundle's SKU -> components' SKUs -> how many of each one bundle has."""
ZERO = Decimal(0)


def bundled(part: ShipmentPart, rules: Rules) -> ShipmentPart:
    """What was shipped, in lines of the sales channel."""
    groups: dict[str, dict[str, OrderedLine]] = {}
    for line in part.ordered:
        sold, _, component = line.line_id.rpartition(":")
        if sold:
            groups.setdefault(sold, {})[component] = line
    for sold, lines in groups.items():
        found = _rule(lines, rules)
        if found is not None:
            part = _one_line(part, sold, lines, *found)
    return part


def _rule(lines: Mapping[str, OrderedLine], rules: Rules) -> tuple[str, Mapping[str, int]] | None:
    """The bundle that these lines are of, and what one has of each; None: they only look like that.

    Where the rule is gone the components are known by their SKUs, and what one bundle has follows from how many were
    ordered.
    """
    for sku, rule in rules.items():
        if rule.keys() == lines.keys():
            return sku, rule
    if any(line.sku != component for component, line in lines.items()):
        return None
    sets = gcd(*(int(line.quantity) for line in lines.values())) or 1
    return "", {component: int(line.quantity) // sets for component, line in lines.items()}


def _one_line(
    part: ShipmentPart, sold: str, lines: Mapping[str, OrderedLine], sku: str, rule: Mapping[str, int]
) -> ShipmentPart:
    ids = {line.line_id: component for component, line in lines.items()}
    sets = min(line.quantity // (rule[component] or 1) for component, line in lines.items())
    here: dict[str, Decimal] = {}
    for line in part.lines:
        if line.line_id in ids:
            here[ids[line.line_id]] = here.get(ids[line.line_id], ZERO) + line.quantity
    ordered = _replaced(part.ordered, ids, OrderedLine(sold, sku, sets))
    if not here:
        return replace(part, ordered=ordered)
    components = tuple(Component(name, here.get(name, ZERO), Decimal(units)) for name, units in sorted(rule.items()))
    kit = PartLine(sold, sku, ZERO, components)
    return replace(
        part, ordered=ordered, lines=(*(line for line in part.lines if line.line_id not in ids), kit)
    )  # fmt: skip


def _replaced(lines: Sequence[OrderedLine], ids: Mapping[str, str], whole: OrderedLine) -> tuple[OrderedLine, ...]:
    return (*(line for line in lines if line.line_id not in ids), whole)
