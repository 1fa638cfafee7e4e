"""Every Magento order that others have published, with what has to become of it: a reviewed table.

The payloads are read where they lie and are not part of the project. Several share an `order_id`: they are variants of
one order, made by hand for tests of another connector, and to Seamline they are one order that was sent again.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from connectors.contract import Identified, Unidentifiable
from connectors.fulfil import wire
from flows.formats import magento2
from flows.formats.magento1 import identify, read
from flows.model.money import Money
from flows.model.order import FinancialStatus, FulfilmentStatus, Order, Unreadable
from flows.model.proof import prove
from flows.model.sale import SaleSettings, sale_for
from tests.published import DATA, needs

FOLDER = DATA / "magento1-fulfil"
pytestmark = needs(FOLDER.name)
SETTINGS = SaleSettings(channel_id=3, gateways={"checkmo": "cheque"})

PENDING, PAID = FinancialStatus.PENDING, FinancialStatus.PAID
PHONE_AND_MOUSE = (("HTC Touch Diamond", "1", "750.00"), ("micronmouse5000", "1", "59.99"))
LAPTOP_BUNDLE = (("VGN-TXN27N-BW", "2", "5899.98"),)
FIRST = ("1", "2013-06-29T05:53:09.000000Z", PHONE_AND_MOUSE, "819.99")
THIRD = ("3", "2013-07-05T07:23:42.000000Z", LAPTOP_BUNDLE, "5909.98")

# file -> (order id, version, lines, total), reference, what was paid, tags, subdivision of the shipping address
TABLE = {
    "orders_100000001.json": (FIRST, "100000001", PENDING, ("new", "pending"), None),
    "orders_100000001-draft.json": (FIRST, "100000001", PENDING, ("something", "pending"), None),
    "orders_100000001-invalid-state.json": (FIRST, "100000001", PENDING, ("new", "pending"), None),
    "orders_100000001-processing.json": (FIRST, "100000001", PENDING, ("processing", "pending"), None),
    "orders_100000002.json": (FIRST, "100000002", PENDING, ("new", "pending"), None),
    "orders_300000001.json": (THIRD, "300000001", PENDING, ("new", "pending"), "AL"),
    "orders_300000001-a.json": (THIRD, "300000001-a", PENDING, ("new", "pending"), "AL"),
    "orders_300000001-completed-payment.json": (THIRD, "300000001", PAID, ("new", "pending"), "AL"),
}


@pytest.mark.parametrize("file", TABLE)
def test_each_published_order_is_imported_as_reviewed(file: str) -> None:
    """Its id, figures and status are exact, it proves, and it becomes a sale of its total; shipping is always 10.00."""
    (order_id, version, lines, total), reference, status, tags, subdivision = TABLE[file]
    raw = (FOLDER / file).read_bytes()
    assert identify(raw) == Identified(order_id, version)
    order = read("web", raw)
    assert isinstance(order, Order), order
    assert (order.order_id, order.version, order.reference, order.tags) == (order_id, version, reference, tags)
    assert [(line.sku, line.quantity, line.gross.shop) for line in order.lines] == [
        (sku, Decimal(quantity), Money(Decimal(gross), "USD")) for sku, quantity, gross in lines
    ]
    assert all(
        line.requires_shipping and not line.taxes and line.quantity_left == line.quantity for line in order.lines
    )
    assert [(each.service, str(each.gross.shop)) for each in order.shipping_lines] == [
        ("flatrate_flatrate", "10.00 USD")
    ]
    assert (order.total, order.financial_status) == (Money(Decimal(total), "USD"), status)
    assert [str(each.amount) for each in order.payments] == ([f"{total} USD"] if status is PAID else [])
    assert (order.fulfilment_status, order.cancelled_at) == (FulfilmentStatus.UNSHIPPED, None)
    assert order.shipping_address is not None
    assert order.shipping_address.subdivision_code == subdivision
    proof = prove(order)
    assert (proof.sentence, proof.remarks) == ("", ())
    sale = sale_for(order, SETTINGS)
    assert isinstance(sale, wire.CreateOrder), sale
    assert sale.amount == Decimal(total)


def test_the_table_names_every_published_order() -> None:
    """A file that is added to the folder has to be reviewed."""
    assert {path.name for path in FOLDER.glob("orders_*.json")} == set(TABLE)


def test_everything_else_of_magento_is_no_order() -> None:
    """Customers, addresses, products, states and carriers name no order; and to version 2 these orders are none."""
    others = [path for path in FOLDER.glob("*.json") if path.name not in TABLE]
    assert len(others) > 20
    for path in others:
        assert isinstance(identify(path.read_bytes()), Unidentifiable), path.name
        assert isinstance(read("web", path.read_bytes()), Unreadable), path.name
    for file in TABLE:
        assert isinstance(magento2.identify((FOLDER / file).read_bytes()), Unidentifiable)
