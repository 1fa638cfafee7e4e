"""Taxes of fees, tips and duties: each counts once in the proof, and is on the line of its charge in the sale."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from connectors.fulfil.wire import CreateOrder, SaleLine
from flows.formats import FORMATS
from flows.model.content import content_of
from flows.model.left import left_of
from flows.model.order import Order, Side, Totals
from flows.model.proof import prove
from flows.model.sale import SaleSettings, Unmapped, sale_for
from tests.unit import made_amazon as amazon
from tests.unit import made_bigcommerce as bigcommerce
from tests.unit import made_woocommerce as woocommerce
from tests.unit import magento_orders as magento
from tests.unit.made_orders import both, line, order, refund, usd, vat

SETTINGS = SaleSettings(
    channel_id=3,
    fees_sku="FEE",
    tip_sku="TIP",
    duties_sku="DUTY",
    taxes={name: name for name in ("VAT", "City", "", "gift wrapping", "ItemTax", "GiftWrapTax", "State Tax")},
    withheld_taxes={"GiftWrapTax": "Amazon", "ItemTax": "Amazon"},
    tax_rates=dict.fromkeys(("VAT", "City", "", "Amazon", "gift wrapping", "ItemTax", "GiftWrapTax"), Decimal(0)),
    gateways=dict.fromkeys(("card", "stripe", "Credit Card", "checkmo", "Amazon", "Standard", ""), "any"),
)


def sale(made: Order, settings: SaleSettings = SETTINGS) -> CreateOrder:
    """The sale of an order whose figures are proven, and whose parts add up to its total."""
    side = settings.side
    proof = prove(made, side=side)
    assert proof.holds, proof.sentence
    answer = sale_for(made, settings)
    assert isinstance(answer, CreateOrder), answer
    lines: list[Any] = [*answer.sale_lines, *answer.shipping_lines]
    parts = sum((each.amount for each in lines), Decimal(0))
    assert parts + sum((tax.amount for each in lines for tax in each.tax_lines), Decimal(0)) == answer.amount
    return answer


def of(made: CreateOrder, sku: str) -> tuple[str, list[tuple[str, str]]]:
    """Amount and taxes of the line of a charge."""
    (found,) = [each for each in made.sale_lines if each.sku == sku]
    assert isinstance(found, SaleLine)
    return f"{found.amount:f}", [(tax.name, f"{tax.amount:f}") for tax in found.tax_lines]


# -- what the formats publish ------------------------------------------------------------------------------------------


def woocommerce_fee() -> Order:
    """A gift wrap of 1.00 at 10 %."""
    where = {"address_1": "1 Elm Street", "country": "US"}
    return woocommerce.made(woocommerce.taxed(billing=where, shipping=where))


def bigcommerce_fees(*, inclusive: bool) -> Order:
    """Wrapping of 3.00 with 0.60 of tax, and a fee of 12.30 with 1.00."""
    fees = [{"id": 1, "cost_exc_tax": "12.3000", "cost_inc_tax": "13.3000", "cost_tax": "1.0000"}]
    wrapping = bigcommerce.triple("wrapping_cost", "3.0000", "3.6000", "0.6000")
    total = bigcommerce.triple("total", "35.3000", "40.9000", "5.6000")
    products = [bigcommerce.product(**wrapping)]
    return bigcommerce.made(products=products, fees=fees, **wrapping, **total, is_tax_inclusive_pricing=inclusive)


def magento_wrapping() -> Order:
    """Gift wrapping of 2.00 with 0.40 of tax, and a fixed product tax of 1.50 with 0.30 of tax."""
    applied = {"code": "VAT-20", "title": "VAT", "percent": 20, "amount": 0.4, "base_amount": 0.4}
    fixed = applied | {"amount": 0.3, "base_amount": 0.3}
    extension = {
        "gw_price": 2, "gw_base_price": 2, "gw_tax_amount": 0.4, "gw_base_tax_amount": 0.4,
        "item_applied_taxes": [
            {"type": "quote_gw", "applied_taxes": [applied]},
            {"type": "weee", "item_id": 7, "applied_taxes": [fixed]},
        ],
    }  # fmt: skip
    item = magento.item() | {"weee_tax_applied_row_amount": 1.5, "base_weee_tax_applied_row_amnt": 1.5}
    return magento.made(extension, items=[item], **magento.owing(14.2, subtotal=10, tax_amount=0.7))


def amazon_wrapping(*, kept: bool) -> Order:
    """Gift wrapping of 2.00 with 0.16 of tax on each of two items; Amazon may keep the tax."""
    wrap = {"GiftWrapPrice": amazon.usd("2.00"), "GiftWrapTax": amazon.usd("0.16")}
    model = {"TaxCollection": {"Model": "MarketplaceFacilitator"}} if kept else {}
    items = [amazon.item(BuyerInfo=wrap, **model), amazon.item(BuyerInfo=wrap, OrderItemId="2", **model)]
    return amazon.made(OrderItems=items, OrderTotal=amazon.usd("47.52"))


@pytest.mark.parametrize(
    ("made", "amount", "taxes"),
    [
        pytest.param(woocommerce_fee, "1.00", [("VAT", "0.10")], id="woocommerce"),
        pytest.param(lambda: bigcommerce_fees(inclusive=False), "15.30", [("", "1.60")], id="bigcommerce"),
        pytest.param(lambda: bigcommerce_fees(inclusive=True), "15.30", [("", "1.60")], id="bigcommerce-inclusive"),
        pytest.param(magento_wrapping, "3.50", [("VAT", "0.70")], id="magento2"),
        pytest.param(lambda: amazon_wrapping(kept=False), "4.00", [("GiftWrapTax", "0.32")], id="amazon"),
        pytest.param(lambda: amazon_wrapping(kept=True), "4.00", [("Amazon", "0.32")], id="amazon-withheld"),
    ],
)
def test_a_taxed_fee_is_one_line_with_its_taxes(
    made: Callable[[], Order], amount: str, taxes: list[tuple[str, str]]
) -> None:
    """Before tax whatever the shop's prices contain; a tax of several fees is there once, with its sum."""
    assert of(sale(made()), "FEE") == (amount, taxes)


def test_fees_of_a_shop_may_cancel_each_other_out_and_leave_their_tax() -> None:
    """A surcharge of 5.00 with tax, and a discount of 5.00 without: a line of nothing carries 0.50."""
    rate = {"id": 319, "rate_code": "VAT-1", "rate_id": 75, "label": "VAT", "rate_percent": 10}
    fees = [
        {"id": 1, "total": "5.00", "total_tax": "0.50", "taxes": [{"id": 75, "total": "0.5"}]},
        {"id": 2, "total": "-5.00", "total_tax": "0.00", "taxes": []},
    ]
    where = {"address_1": "1 Elm Street", "country": "US"}
    made = woocommerce.made(
        woocommerce.payload(
            fee_lines=fees, tax_lines=[{**rate, "tax_total": "0.50", "shipping_tax_total": "0.00"}], cart_tax="0.50",
            total_tax="0.50", total="10.50", billing=where, shipping=where,
        )
    )  # fmt: skip
    assert of(sale(made), "FEE") == ("0.00", [("VAT", "0.50")])


# -- our own schema ----------------------------------------------------------------------------------------------------


def own(**changes: Any) -> Order:
    """Ten for goods, and a fee of six, a tip of three and a duty of two, each of which has taxes."""

    def tax(amount: str, name: str = "VAT") -> dict[str, str]:
        return {"name": name, "amount": amount}

    payload = {
        "order_id": "A-1", "placed_at": "2026-11-20T08:00:00Z", "currency": "USD", "taxes_included": False,
        "lines": [{"id": "1", "sku": "MUG", "quantity": "1", "unit_price": "10.00"}], "total": "23.20",
        "fees": "6.00", "fee_taxes": [tax("1.00"), tax("0.20", "City"), tax("0.10")],
        "tips": "3.00", "tip_taxes": [tax("0.50")], "duties": "2.00", "duty_taxes": [tax("0.40")],
        "total_tax": "2.20", "billing_address": {"country_code": "US"},
    } | changes  # fmt: skip
    made = FORMATS["seamline"].read("web", msgspec.json.encode(payload))
    assert isinstance(made, Order), made
    return made


def test_each_charge_of_our_own_schema_has_its_taxes() -> None:
    """On top of prices: 10 + 6 + 3 + 2 and 2.20 of tax."""
    made = sale(own())
    assert of(made, "FEE") == ("6.00", [("VAT", "1.10"), ("City", "0.20")])
    assert of(made, "TIP") == ("3.00", [("VAT", "0.50")])
    assert of(made, "DUTY") == ("2.00", [("VAT", "0.40")])


def test_charges_of_an_inclusive_order_contain_their_taxes() -> None:
    """The published figures less the published taxes: the total is the sum of the prices alone."""
    made = sale(own(taxes_included=True, total="21.00"))
    assert of(made, "FEE") == ("4.70", [("VAT", "1.10"), ("City", "0.20")])
    assert of(made, "TIP") == ("2.50", [("VAT", "0.50")])
    assert of(made, "DUTY") == ("1.60", [("VAT", "0.40")])


# -- proof and mapping -------------------------------------------------------------------------------------------------


def test_every_tax_counts_once_in_the_proof() -> None:
    """Beside duties with taxes, the taxes of fees were once forgotten: 0.40 + 0.30 + 0.20 + 1.00 is 1.90."""
    made = order(
        "17.90",
        lines=(line("10.00", taxes=(vat("1.00"),)),),
        duties=usd("2.00"), duty_taxes=(vat("0.40"),), fees=usd("3.00"), fee_taxes=(vat("0.30"),),
        tips=usd("1.00"), tip_taxes=(vat("0.20"),), totals={"tax": usd("1.90")},
    )  # fmt: skip
    proof = prove(made)
    assert proof.holds, proof.sentence
    assert {term.name: term.amount.amount for term in proof.equations[0].terms}["tax"] == Decimal("1.90")
    more = msgspec.structs.replace(made, unallocated_taxes=(vat("0.10"),))
    assert "1.90 USD" in prove(more).sentence


def test_a_fee_is_taxed_on_either_side() -> None:
    """The presentment side has its own figures, summed there."""
    made = order("12.40", lines=(line("10.00", gross=both("10.00", "9.00"), discount=both("0", "0")),), payments=())
    made = msgspec.structs.replace(
        made, presentment_currency="EUR", totals=Totals(total=both("12.40", "11.16")), fees=both("2.00", "1.80"),
        fee_taxes=(vat("0.30", amount=both("0.30", "0.27")), vat("0.10", amount=both("0.10", "0.09"))),
        financial_status=order().financial_status.PENDING,
    )  # fmt: skip
    assert of(sale(made), "FEE") == ("2.00", [("VAT", "0.40")])
    there = sale(made, msgspec.structs.replace(SETTINGS, side=Side.PRESENTMENT))
    assert of(there, "FEE") == ("1.80", [("VAT", "0.36")])


def test_an_unmapped_tax_of_a_fee_is_finances_before_anything_posts() -> None:
    """As that of a line."""
    made = order("12.40", lines=(line("10.00"),), fees=usd("2.00"), fee_taxes=(vat("0.40", name="GST"),))
    assert sale_for(made, SETTINGS) == Unmapped("tax", "GST")


def test_a_tax_of_a_fee_that_is_not_there_is_nobodys() -> None:
    """Without its charge it has no line to be on."""
    answer = sale_for(order("10.40", lines=(line("10.00"),), fee_taxes=(vat("0.40"),)), SETTINGS)
    assert "published for the whole order" in getattr(answer, "reason", "")


def test_another_tax_of_a_fee_is_another_content() -> None:
    """So that an edit which moves money between taxes alone is seen; orders without such taxes keep their digest."""
    plain = order("12.40", lines=(line("10.00"),), fees=usd("2.00"))
    taxed = msgspec.structs.replace(plain, fee_taxes=(vat("0.40"),))
    other = msgspec.structs.replace(plain, fee_taxes=(vat("0.30"), vat("0.10")))
    assert len({content_of(each) for each in (plain, taxed, other)}) == 3


def test_what_a_refund_leaves_of_an_order_keeps_its_fee_and_the_tax_on_it() -> None:
    """One of two mugs went back for 10.00: what is left is 12.40, of which 0.40 is tax of the fee."""
    made = order(
        "22.40", lines=(line("20.00", quantity=Decimal(2), quantity_left=Decimal(1)),), fees=usd("2.00"),
        fee_taxes=(vat("0.40"),), refunds=(refund("10.00", "10.00"),), totals={"left": usd("12.40")},
    )  # fmt: skip
    left = left_of(made)
    assert left is not None
    assert (left.total, of(sale(left), "FEE")) == (usd("12.40").shop, ("2.00", [("VAT", "0.40")]))
