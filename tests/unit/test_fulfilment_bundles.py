"""Bundles that were exploded for Fulfil are one line again for the sales channel."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from flows.fulfilment_watcher.bundling import bundled
from flows.fulfilment_watcher.parts import Component, OrderedLine, PartLine, ShipmentPart

RULES = {"TEA": {"CUP": 2, "POT": 1}}


def part(*lines: tuple[str, str, int], ordered: tuple[tuple[str, str, int], ...]) -> ShipmentPart:
    return ShipmentPart(
        shipment="out-1",
        number="CS1",
        changed_at=datetime(2026, 11, 20, tzinfo=UTC),
        lines=tuple(PartLine(line_id, sku, Decimal(units)) for line_id, sku, units in lines),
        ordered=tuple(OrderedLine(line_id, sku, Decimal(units)) for line_id, sku, units in ordered),
    )


def test_components_become_a_line_of_sets() -> None:
    """By the rule, also under an alias in Fulfil; what else is in the shipment stays."""
    ordered = (("7:CUP", "CUP-ALIAS", 6), ("7:POT", "POT", 3), ("8", "HAT", 1))
    made = bundled(part(("7:CUP", "CUP-ALIAS", 4), ("8", "HAT", 1), ordered=ordered), RULES)
    cups, pots = Component("CUP", Decimal(4), Decimal(2)), Component("POT", Decimal(0), Decimal(1))
    assert made.lines == (PartLine("8", "HAT", Decimal(1)), PartLine("7", "TEA", Decimal(0), (cups, pots)))
    assert made.ordered == (OrderedLine("8", "HAT", Decimal(1)), OrderedLine("7", "TEA", Decimal(3)))


def test_a_bundle_whose_rule_is_gone_is_known_by_its_components() -> None:
    """What one has follows from how many were ordered."""
    made = bundled(part(("7:CUP", "CUP", 2), ordered=(("7:CUP", "CUP", 6), ("7:POT", "POT", 3))), {})
    assert made.ordered == (OrderedLine("7", "", Decimal(3)),)
    assert made.lines[0].components[0] == Component("CUP", Decimal(2), Decimal(2))


@pytest.mark.parametrize("line_id", ["gid://shopify/LineItem:1", "a:b", ":1", "1"])
def test_an_id_that_only_has_a_colon_is_no_bundle(line_id: str) -> None:
    """Sales channels may have any ids."""
    before = part((line_id, "MUG", 1), ordered=((line_id, "MUG", 1),))
    assert bundled(before, RULES) == before


def test_a_shipment_without_any_of_its_components_has_no_line_of_the_bundle() -> None:
    """It is ordered all the same."""
    made = bundled(part(("8", "HAT", 1), ordered=(("7:CUP", "CUP", 2), ("7:POT", "POT", 1), ("8", "HAT", 1))), RULES)
    assert [line.line_id for line in made.lines] == ["8"]
    assert OrderedLine("7", "TEA", Decimal(1)) in made.ordered
