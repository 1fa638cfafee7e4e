"""What of a sale can be changed, and what refunds leave of an order: the cases in which figures could go astray."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from connectors.fulfil.sales import SaleLine
from connectors.fulfil.wire import CreateOrder
from flows.model.amendment import NotAmendable, amendment_of, differences
from flows.model.left import left_of
from flows.model.order import FinancialStatus, Line, Order, Payment, PaymentKind, Tender
from flows.model.sale import SaleSettings, sale_for
from flows.order_importer import Policy
from tests.unit.made_orders import SETTINGS, line, order, payment, refund, shipping, usd
from tests.world_of_one_order import SALE, Version, World

A, B, C = (line("10.00", id="", sku=sku) for sku in ("A", "B", "C"))
SERVICES = msgspec.structs.replace(SETTINGS, carrier_services={"STANDARD": "std", "EXPRESS": "exp"})


def sold(settings: SaleSettings = SETTINGS, total: str = "10.00", **of: Any) -> CreateOrder:
    sale = sale_for(order(total, **of), settings)
    assert isinstance(sale, CreateOrder)
    return sale


def test_an_order_with_one_address_has_one_address_that_is_another() -> None:
    """The sale has it twice; an order with two says which."""
    before = sold()
    new = msgspec.structs.replace(before.shipping_address, zip="78702")
    for changed, said in (
        ({"shipping_address": new, "billing_address": new}, "the shipping address is another, which is the billing"),
        ({"shipping_address": new}, "the shipping address is another"),
        ({"billing_address": new}, "the billing address is another"),
    ):
        told = differences(before, msgspec.structs.replace(before, **changed))
        assert told.startswith(said)
        assert ";" not in told


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (sold(lines=(line("10.00", sku="RED"),)), sold(lines=(line("10.00", sku="BLUE"),))),
        (
            sold(lines=(line("10.00"), line("0.00", id="L2", sku="RED"))),
            sold(lines=(line("10.00"), line("0.00", id="L2", sku="BLUE"))),
        ),
        (sold(total="30.00", lines=(A, B, C)), sold(total="20.00", lines=(B, C))),
        (
            sold(SERVICES, "15.00", lines=(line("10.00"),), shipping_lines=(shipping("5.00"),)),
            sold(SERVICES, "15.00", lines=(line("10.00"),), shipping_lines=(shipping("5.00", service="EXPRESS"),)),
        ),
    ],
    ids=["another SKU under the same line id", "another gift", "lines without ids", "another carrier"],
)
def test_a_tenant_that_takes_figures_of_lines_takes_no_change_that_is_in_none(
    before: CreateOrder, after: CreateOrder
) -> None:
    """The total would come out right, and the sale would not be the order."""
    assert isinstance(amendment_of(before, after, 3, "line_write"), NotAmendable)


def test_another_product_on_a_line_is_somebodys_case_where_only_figures_can_be_written() -> None:
    """Nothing is written, and the sale is not believed to be the new version."""
    red = Version(1, of={"lines": (line("10.00", sku="RED"),)})
    world = World((red, Version(2, of={"lines": (line("10.00", sku="BLUE"),)})), policy=Policy(amends="line_write"))
    world.sale_lines = (SaleLine(id=5, sale=SALE, product_code="RED", channel_identifier="L1", quantity=Decimal(1)),)
    assert (world.run().kinds, world.state.content, "amend_sale" in world.asked) == (
        ["order.edited"],
        red.content,
        False,
    )


# -- what is left of an order ------------------------------------------------------------------------------------------

TWO = (line("10.00", id="A", sku="A"), line("10.00", id="B", sku="B"))
ONE_GONE = (TWO[0], msgspec.structs.replace(TWO[1], quantity_left=Decimal(0)))
RESERVED = payment("20.00", kind=PaymentKind.AUTHORISATION)
PAID: dict[str, Any] = {"lines": TWO, "payments": (payment("20.00"),)}
AUTHORISED: dict[str, Any] = {
    "lines": TWO,
    "financial_status": FinancialStatus.AUTHORISED,
    "payments": (RESERVED,),
}
LEFT: dict[str, Any] = {"lines": ONE_GONE, "totals": {"left": usd("10.00")}}
REDUCED = {
    "authorised": (AUTHORISED, AUTHORISED | LEFT | {"refunds": ()}),
    "paid": (
        PAID,
        PAID | LEFT | {"financial_status": FinancialStatus.PARTIALLY_REFUNDED, "refunds": (refund("10.00"),)},
    ),
}


@pytest.mark.parametrize(("before", "after"), REDUCED.values(), ids=REDUCED)
def test_a_line_that_was_taken_off_leaves_the_sale(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Of an order that is only authorised no more is needed than what is left to be paid."""
    world = World((Version(1, price="20.00", of=before), Version(2, price="20.00", of=after))).run()
    assert (world.price, world.kinds) == ("10.00", [])


@pytest.mark.parametrize(("before", "after"), REDUCED.values(), ids=REDUCED)
def test_an_order_of_which_a_line_was_taken_off_before_is_imported_without_it(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    """It is made of what is left."""
    world = World((Version(1, price="20.00", of=after),)).run()
    assert (world.price, world.kinds) == ("10.00", [])


def two_halves(*payments: Payment) -> Order:
    """Half of an order was given back, and nobody says of which payment."""
    lines: tuple[Line, ...] = (line("50.00", id="A"), line("50.00", id="B", quantity_left=Decimal(0)))
    return order(
        "100.00", lines=lines, totals={"left": usd("50.00")}, payments=payments, refunds=(refund("50.00"),),
        financial_status=FinancialStatus.PARTIALLY_REFUNDED,
    )  # fmt: skip


def test_what_went_back_is_not_taken_from_a_payment_that_it_may_not_have_been_of() -> None:
    """A card and a gift card: the store credit may have been what was given back, so nobody can say what is left."""
    card, gift = payment("50.00"), payment("50.00", id="G", gateway="gift_card", tender=Tender.GIFT_CARD)
    assert left_of(two_halves(card, gift)) is None
    left = left_of(two_halves(payment("100.00")))
    assert left is not None
    assert [str(each.amount.amount) for each in left.payments] == ["50.00"]
