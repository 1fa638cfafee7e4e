"""The units that a sale is to have: as they were sent, and as each change of the order has made them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from connectors.fulfil.wire import CreateOrder, SaleLine
from flows.model.expected_sale import expected_rows, ordered_after, ordered_by
from flows.model.order_state import OrderState, Status
from tests.unit.test_fulfil_wire import made_order

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
D = Decimal
QUANTITIES = st.decimals(min_value=D("0.001"), max_value=1_000, places=3)
UNITS = st.dictionaries(st.sampled_from(["MUG", "LAMP", "CUP"]), QUANTITIES, min_size=1)


def sale(units: dict[str, Decimal]) -> CreateOrder:
    """A sale of them; each SKU on two lines."""
    lines = [
        SaleLine(channel_identifier=f"{sku}{part}", sku=sku, quantity=quantity, unit_price=D(1), amount=D(1))
        for sku, units_ in units.items()
        for part, quantity in (("a", units_), ("b", D(1)))
    ]
    return made_order(sale_lines=tuple(lines))


def test_units_of_a_sku_on_several_lines_are_added() -> None:
    """Exactly; tips and roundings are lines of SKUs like any other."""
    assert ordered_by(sale({"MUG": D("1.5"), "TIP": D(1)})) == {"MUG": D("2.5"), "TIP": D(2)}


@given(UNITS, UNITS, UNITS)
def test_an_edit_changes_the_sale_by_what_differs_between_its_versions(
    before: dict[str, Decimal], after: dict[str, Decimal], back: dict[str, Decimal]
) -> None:
    """Units that were shipped and came back are in neither version, and stay in the sale."""
    there = {sku: ordered_by(sale(before)).get(sku, D(0)) + back.get(sku, D(0)) for sku in {**before, **back}}
    wanted = {sku: ordered_by(sale(after)).get(sku, D(0)) + back.get(sku, D(0)) for sku in {**after, **back}}
    assert ordered_after(there, sale(before), sale(after)) == wanted


def test_what_is_not_known_stays_unknown_and_less_than_nothing_is_not_believed() -> None:
    """An order from before this was kept; and one whose alias has become another SKU since."""
    one, two = sale({"MUG": D(1)}), sale({"MUG": D(2)})
    assert ordered_after({}, one, two) == {}
    assert ordered_after({"CUP": D(3)}, two, one) == {}


def test_units_are_expected_of_a_sale_that_seamline_has_made() -> None:
    """As exact decimals; of one that a person has made nothing is expected, and a change is a new row."""
    state = OrderState(status=Status.IMPORTED, sale=7, amount="5", currency="USD", ordered={"MUG": D("1.50")})
    assert units_of(OrderState(), state) == ['{"MUG":"1.50"}']
    assert units_of(state, replace(state, ordered={"MUG": D(1)})) == ['{"MUG":"1"}']
    assert units_of(OrderState(), replace(state, by_hand=True)) == [None]
    assert units_of(OrderState(), replace(state, ordered={})) == [None]
    assert units_of(state, state) == []


def units_of(before: OrderState, after: OrderState) -> list[Any]:
    rows = expected_rows("web/1", before, after, NOW)
    return [each.row[7] for each in rows if each.statement == "put_expected_sale"]
