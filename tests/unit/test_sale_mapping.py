"""An order becomes a sale whose parts add up to its total, or an answer that says what stands against it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from connectors.fulfil.wire import CreateOrder, SaleLine, ShippingLine
from flows.model.gate import OPEN_GATE
from flows.model.history import consequences
from flows.model.money import Money
from flows.model.order import (
    Address,
    Customer,
    FinancialStatus,
    FulfilmentStatus,
    Order,
    PaymentKind,
    PaymentStatus,
    RefundKind,
    RefundPart,
    Side,
    Tender,
    Totals,
    Units,
)
from flows.model.sale import UNSHIPPABLE, SaleSettings, Unmappable, Unmapped, sale_for
from tests.unit.made_orders import SETTINGS, both, line, order, payment, refund, shipping, usd, vat

replace = msgspec.structs.replace


def sale(made: Order, settings: SaleSettings = SETTINGS) -> CreateOrder:
    answer = sale_for(made, settings)
    assert isinstance(answer, CreateOrder), answer
    return answer


def parts(made: CreateOrder) -> Decimal:
    """What Fulfil checks: amounts, shipping and taxes."""
    lines: list[SaleLine | ShippingLine] = [*made.sale_lines, *made.shipping_lines]
    amounts = sum((each.amount for each in lines), Decimal(0))
    return amounts + sum((tax.amount for each in lines for tax in each.tax_lines), Decimal(0))


def test_an_order_with_tax_on_top_becomes_a_sale() -> None:
    """Identified by the order's id alone, dated by the order, with every figure in its place."""
    made = sale(
        order(
            "61.20",
            lines=(
                line("50.00", quantity=Decimal(3), discount=usd("5.00"), taxes=(vat("9.00"),)),
                line("0.00", id="L2", sku="GIFT", discount=usd("0")),
            ),
            shipping_lines=(shipping("8.00", discount=usd("2.00"), taxes=(vat("1.20"),)),),
        )
    )
    assert (made.channel_identifier, made.reference) == ("1001", "#1001")
    assert made.confirmed_at == "2026-11-20T08:00:00+00:00"
    first, second = made.sale_lines
    assert (first.channel_identifier, first.sku, first.quantity) == ("L1", "MUG-BLUE", Decimal(3))
    assert (first.unit_price, first.amount) == (Decimal("15.0000"), Decimal("45.00"))
    assert [(tax.name, tax.rate, tax.amount) for tax in first.tax_lines] == [
        ("VAT 20", Decimal("0.2"), Decimal("9.00"))
    ]
    assert second.amount == 0
    (freight,) = made.shipping_lines
    assert (freight.amount, freight.tax_lines[0].amount) == (Decimal("6.00"), Decimal("1.20"))
    assert (made.amount, made.currency_code) == (Decimal("61.20"), "USD")
    assert parts(made) == made.amount
    assert [(p.amount, p.method, p.state, p.provider_reference) for p in made.payments] == [
        (Decimal("61.20"), "stripe", "success", "T1")
    ]
    assert (made.status, made.financial_status, made.fulfillment_status) == ("pending", "paid", "unshipped")


def test_net_of_an_inclusive_order_is_gross_less_discount_less_published_tax() -> None:
    """Published tax is a fact; it is not recomputed from its rate."""
    inclusive = order(
        "112.01",
        lines=(line("120.00", discount=usd("20.00"), taxes=(vat("16.67"),)),),
        shipping_lines=(shipping("12.01", taxes=(vat("2.00"),)),),
        taxes_included=True,
    )
    made = sale(inclusive)
    assert made.sale_lines[0].amount == Decimal("83.33")
    assert made.shipping_lines[0].amount == Decimal("10.01")
    assert parts(made) == Decimal("112.01")


def test_an_export_of_an_inclusive_shop_has_no_tax_to_take_out() -> None:
    """Inclusive with zero tax: net is gross."""
    made = sale(order("120.00", lines=(line("120.00", taxes=(vat("0.00"),)),), taxes_included=True))
    assert (made.sale_lines[0].amount, list(made.sale_lines[0].tax_lines)) == (Decimal("120.00"), [])


@pytest.mark.parametrize(("digits", "price"), [(4, "3.3333"), (2, "3.33"), (0, "3")])
def test_unit_prices_are_rounded_and_amounts_are_not(digits: int, price: str) -> None:
    """Three for ten: the amount is ten, whatever the price shows."""
    three = order("10.00", lines=(line("10.00", quantity=Decimal(3)),))
    made = sale(three, replace(SETTINGS, price_digits=digits))
    assert (made.sale_lines[0].unit_price, made.sale_lines[0].amount) == (Decimal(price), Decimal("10.00"))
    assert len(made.sale_lines) == 1


FINE = order("6.67", lines=tuple(line("2.222", id=f"L{n}") for n in (1, 2, 3)))


def test_what_rounding_leaves_goes_to_one_line() -> None:
    """Three lines of 2.222 make 6.67 with a cent that no line has."""
    made = sale(FINE, replace(SETTINGS, rounding_sku="ROUNDING"))
    rounding = made.sale_lines[-1]
    assert (rounding.sku, rounding.amount, rounding.quantity) == ("ROUNDING", Decimal("0.01"), Decimal(1))
    assert [each.amount for each in made.sale_lines[:3]] == [Decimal("2.22")] * 3
    assert parts(made) == made.amount
    assert sale_for(FINE, SETTINGS) == Unmapped("rounding", "rounding")


def test_more_than_rounding_can_explain_is_no_sale() -> None:
    """A cent a line, and not one more."""
    settings = replace(SETTINGS, rounding_sku="ROUNDING")
    assert parts(sale(order("10.01", lines=(line("10.00"),)), settings)) == Decimal("10.01")
    answer = sale_for(order("10.02", lines=(line("10.00"),)), settings)
    assert answer == Unmappable(
        "The parts of the sale miss the total of the order by 0.02 USD; rounding explains at most 0.01 USD."
    )


def test_smallest_units_are_the_currencys() -> None:
    """A yen is the smallest there is: the bound for two lines is two yen."""

    def yen(text: str) -> Any:
        return replace(usd(text), shop=Money(Decimal(text), "JPY"))

    lines = tuple(replace(line("0"), id=str(n), gross=yen("500.4"), discount=yen("0")) for n in (1, 2))
    made = order("1001", currency="JPY", presentment_currency="JPY", lines=lines, payments=())
    made = replace(made, totals=Totals(total=yen("1001")))
    mapped = sale(made, replace(SETTINGS, rounding_sku="ROUNDING"))
    assert [each.amount for each in mapped.sale_lines] == [Decimal(500), Decimal(500), Decimal(1)]


@pytest.mark.parametrize(
    ("changes", "settings", "unmapped"),
    [
        ({"lines": (line("10.00", taxes=(vat("0.83", name="GST"),)),)}, {}, Unmapped("tax", "GST")),
        ({"lines": (line("10.00", taxes=(vat("2.00", withheld=True),)),)}, {}, Unmapped("withheld_tax", "VAT")),
        ({"lines": (line("10.00", taxes=(replace(vat("2.00"), rate=None),)),)}, {}, Unmapped("tax_rate", "VAT 20")),
        ({"payments": (payment("10.00", gateway="klarna"),)}, {}, Unmapped("gateway", "klarna")),
        ({"payments": (payment("10.00", gateway=""),)}, {}, Unmapped("gateway", "")),
        ({"shipping_lines": (shipping("0.00"),)}, {"carrier_services": {}}, Unmapped("carrier_service", "STANDARD")),
        ({"tips": usd("1.00")}, {}, Unmapped("tip", "tip")),
        ({"duties": usd("1.00")}, {}, Unmapped("duties", "duties")),
        ({"fees": usd("1.00")}, {}, Unmapped("fees", "fees")),
    ],
)
def test_what_has_no_mapping_is_named(changes: dict[str, Any], settings: dict[str, Any], unmapped: Unmapped) -> None:
    """Taxes and gateways go to finance before anything is created; nothing falls to a default."""
    assert sale_for(order("10.00", taxes_included=True, **changes), replace(SETTINGS, **settings)) == unmapped


def test_unmapped_things_say_where_they_belong() -> None:
    """The sentence names the thing and the setting."""
    assert Unmapped("withheld_tax", "GST").sentence == (
        "The withheld tax 'GST' is not mapped: add it under withheld_taxes of the sales channel."
    )
    assert Unmapped("tax_rate", "ItemTax").sentence == (
        "The sales channel tells no rate for Fulfil's tax 'ItemTax': add it under tax_rates of the sales channel."
    )
    assert Unmapped("gateway", "").sentence.startswith("An order that names no gateway is not mapped")
    assert Unmapped("tip", "tip").sentence.endswith("configure tip_sku of the sales channel.")


def test_a_tax_without_a_rate_has_the_one_by_which_fulfil_knows_it() -> None:
    """One that the sales channel tells is left as it is."""
    for told, sent in ((None, Decimal("0.2")), (Decimal("0.05"), Decimal("0.05"))):
        taxed = order("12.00", lines=(line("10.00", taxes=(replace(vat("2.00"), rate=told),)),))
        made = sale(taxed, replace(SETTINGS, tax_rates={"VAT 20": Decimal("0.2")}))
        assert [(tax.rate, tax.amount) for tax in made.sale_lines[0].tax_lines] == [(sent, Decimal("2.00"))]


def test_a_marketplaces_tax_never_meets_our_own() -> None:
    """The same name, collected by a marketplace, has a mapping of its own."""
    taxed = order("12.00", lines=(line("10.00", taxes=(vat("2.00", withheld=True),)),))
    made = sale(taxed, replace(SETTINGS, withheld_taxes={"VAT": "Marketplace VAT"}))
    assert [tax.name for tax in made.sale_lines[0].tax_lines] == ["Marketplace VAT"]


def test_tips_duties_and_fees_are_lines_of_their_own() -> None:
    """Each with its configured SKU, duties with their own tax."""
    made = sale(
        order(
            "16.40",
            tips=usd("3.00"),
            duties=usd("2.00"),
            duty_taxes=(vat("0.40"),),
            fees=usd("1.00"),
            lines=(line("10.00"),),
        ),
        replace(SETTINGS, tip_sku="TIP", duties_sku="DUTY", fees_sku="FEE"),
    )
    assert [(each.sku, each.amount) for each in made.sale_lines[1:]] == [
        ("TIP", Decimal("3.00")),
        ("DUTY", Decimal("2.00")),
        ("FEE", Decimal("1.00")),
    ]
    assert parts(made) == Decimal("16.40")


def test_only_money_that_was_taken_is_sent() -> None:
    """Captures, sales and gift cards; no authorisation, nothing pending, failed or refunded."""
    made = sale(
        order(
            "10.00",
            payments=(
                payment("6.00", id="A", kind=PaymentKind.AUTHORISATION),
                payment("6.00", id="C", kind=PaymentKind.CAPTURE, parent_id="A"),
                payment("4.00", id="G", gateway="gift_card", tender=Tender.GIFT_CARD),
                payment("9.00", id="P", status=PaymentStatus.PENDING, gateway="nobody maps this"),
                payment("9.00", id="F", status=PaymentStatus.FAILED),
                payment("0.00", id="Z", gateway="nor this"),
            ),
        )
    )
    assert [(p.provider_reference, p.method, p.amount, p.state) for p in made.payments] == [
        ("C", "stripe", Decimal("6.00"), "success"),
        ("G", "gift", Decimal("4.00"), "success"),
    ]


def test_an_order_of_nothing_has_no_payment() -> None:
    """A full discount leaves a sale of zero, which Fulfil takes without a payment."""
    made = sale(order("0.00", lines=(line("25.00", discount=usd("25.00")),)))
    assert [made.amount, made.sale_lines[0].amount] == [0, 0]
    assert not made.payments


TWO_SIDES = replace(
    order("10.00", presentment_currency="EUR"),
    lines=(replace(line("10.00"), gross=both("10.00", "9.20"), discount=both("0", "0")),),
    totals=Totals(total=both("10.00", "9.20")),
)


@pytest.mark.parametrize(
    ("side", "currency", "total"), [(Side.SHOP, "USD", "10.00"), (Side.PRESENTMENT, "EUR", "9.20")]
)
@pytest.mark.parametrize("paid", [Money(Decimal("10.00"), "USD"), Money(Decimal("9.20"), "EUR")])
def test_a_sale_is_made_on_one_side(side: Side, currency: str, total: str, paid: Money) -> None:
    """All its amounts are in that currency; the whole total paid on one side is the whole total on the other."""
    made = sale(replace(TWO_SIDES, payments=(replace(payment("1"), amount=paid),)), replace(SETTINGS, side=side))
    assert (made.currency_code, made.amount, made.sale_lines[0].amount) == (currency, Decimal(total), Decimal(total))
    assert [p.amount for p in made.payments] == [Decimal(total)]


def test_a_part_of_the_total_is_not_converted() -> None:
    """There is no rate to do it with."""
    answer = sale_for(
        replace(TWO_SIDES, payments=(replace(payment("1"), amount=Money(Decimal("4.60"), "EUR")),)), SETTINGS
    )
    assert answer == Unmappable("A payment of 4.60 EUR is not in USD, the currency of the sale.")


def test_a_side_that_is_not_published_cannot_be_sold_in() -> None:
    """An order without presentment amounts has no sale in the presentment currency."""
    answer = sale_for(order("10.00", presentment_currency="EUR"), replace(SETTINGS, side=Side.PRESENTMENT))
    assert isinstance(answer, Unmappable)
    assert "no figure in EUR" in answer.reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"lines": ()}, "The order has no lines."),
        ({"lines": (line("10.00", sku=None),)}, "A line of the order has no SKU."),
        ({"lines": (line("10.00", quantity=Decimal(-1)),)}, "The line of MUG-BLUE has a quantity of -1."),
        (
            {"lines": (line("10.00", quantity=Decimal(3), quantity_left=Decimal(1)),)},
            "Units of the order (2) were removed or refunded; what is left of it cannot be told exactly.",
        ),
        (
            {"refunds": (refund("1.00"),), "totals": {"left": usd("7.00")}},
            "2.00 USD of the order were removed, and what is left of it cannot be told exactly.",
        ),
        (
            {"unallocated_taxes": (vat("1.00"),)},
            "Taxes of the order are published for the whole order, not for its lines.",
        ),
        ({"totals": {"tax": usd("1.00")}}, "The order has taxes of 1.00 USD, but names none of them."),
        (
            {"unallocated_discount": usd("1.00")},
            "A discount of 1.00 USD is published for the whole order, not for its lines.",
        ),
        ({"cancelled_at": datetime(2026, 11, 21, tzinfo=UTC)}, "The sales channel has cancelled the order."),
        (
            {"payments": (payment("10.00", gateway=None),), "payment_methods": ("gift", "card")},
            "10.00 USD were paid through several gateways (gift, card), and no transactions say how much through each.",
        ),
    ],
)
def test_what_cannot_be_mapped_says_why(changes: dict[str, Any], reason: str) -> None:
    """Nothing is guessed, spread or left out to make a sale possible; nothing personal is in the reason."""
    assert sale_for(order("10.00", **changes), SETTINGS) == Unmappable(reason)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"billing_address": None, "shipping_address": None},
            "The order has neither a billing nor a shipping address.",
        ),
        ({"shipping_address": Address(name="Ada Moss")}, "An address of the order has no country code."),
    ],
)
def test_an_order_that_nobody_can_send_anywhere_is_for_operations(changes: dict[str, Any], reason: str) -> None:
    """Its figures contradict nothing, so it is not finance's to correct them."""
    assert sale_for(order("10.00", **changes), SETTINGS) == Unmappable(reason, UNSHIPPABLE)


def test_units_that_are_gone_are_told_with_their_worth() -> None:
    """By the total that is left, or by what went back; both beside the total of the order."""
    reduced = line("10.00", quantity=Decimal(3), quantity_left=Decimal(1))
    removed = sale_for(order("10.00", lines=(reduced,), totals={"left": usd("3.40")}), SETTINGS)
    assert isinstance(removed, Unmappable)
    assert removed.reason.startswith("Units of the order (2, 6.60 USD of 10.00 USD) were removed or refunded")
    part = RefundPart(kind=RefundKind.LINE, units=Units(line="1", quantity=Decimal(1)))
    back = sale_for(
        order("10.00", lines=(line("10.00", id="1"),), refunds=(replace(refund("3.00"), parts=(part,)),)), SETTINGS
    )
    assert isinstance(back, Unmappable)
    assert back.reason.startswith(
        "Units of the order (1, 3.00 USD of 10.00 USD) were given back before it was imported"
    )


def test_money_that_went_back_without_units_changes_no_sale() -> None:
    """A goodwill refund is a refund of its own, and the sale is what was sold."""
    made = order("10.00", refunds=(refund("3.00"),), totals={"left": usd("7.00")})
    assert sale(replace(made, financial_status=FinancialStatus.PARTIALLY_REFUNDED)).amount == Decimal("10.00")


def test_people_and_places_arrive_as_fulfil_names_them() -> None:
    """Contacts with their type, a state without its country, a company beside the name."""
    address = Address(
        name="Ada Moss",
        company="Example Ltd",
        address1="1 Elm Street",
        zip="78701",
        subdivision_code="US-TX",
        country_code="us",
    )
    who = Customer(id="C1", name="Ada Moss", email="ada@example.com", phone="+1 555 0100")
    made = sale(order("10.00", billing_address=address, shipping_address=None, customer=who))
    assert made.customer.name == "Ada Moss"
    assert [tuple(each) for each in made.customer.contacts] == [("email", "ada@example.com"), ("phone", "+1 555 0100")]
    assert made.shipping_address == made.billing_address
    assert (made.billing_address.name, made.billing_address.subdivision_code) == ("Ada Moss, Example Ltd", "TX")
    assert made.billing_address.country_code == "US"


@pytest.mark.parametrize(
    ("who", "where", "name"),
    [
        (None, Address(name="Bo Reed", country_code="US"), "Bo Reed"),
        (Customer(email="bo@example.com"), Address(company="Example Ltd", country_code="US"), "Example Ltd"),
        (None, Address(country_code="US"), "Guest"),
    ],
)
def test_a_guest_is_named_by_the_address(who: Customer | None, where: Address, name: str) -> None:
    """And only an order that names nobody is a guest's."""
    assert sale(order("10.00", customer=who, billing_address=where, shipping_address=where)).customer.name == name


def test_repeated_and_missing_line_ids_are_made_unique() -> None:
    """Fulfil keys lines by them."""
    lines = (line("1.00", id="7"), line("2.00", id="7"), line("3.00", id=""), line("4.00", id=""))
    assert [each.channel_identifier for each in sale(order("10.00", lines=lines)).sale_lines] == [
        "7",
        "7-2",
        "line",
        "line-2",
    ]


def test_carrier_services_are_sent_when_they_are_mapped() -> None:
    """Without a map Fulfil chooses."""
    shipped = order("15.00", lines=(line("10.00"),), shipping_lines=(shipping("5.00"),))
    assert sale(shipped).shipping_lines[0].carrier_service_code is None
    mapped = sale(shipped, replace(SETTINGS, carrier_services={"STANDARD": "ups_ground"}))
    assert mapped.shipping_lines[0].carrier_service_code == "ups_ground"


def test_statuses_are_in_fulfils_words() -> None:
    """Authorised is not paid."""
    made = sale(order("10.00", payments=(), financial_status=FinancialStatus.AUTHORISED))
    assert (made.financial_status, made.fulfillment_status) == ("unpaid", "unshipped")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"fulfilment_status": FulfilmentStatus.PARTIAL},
            "A part of the order was shipped before it was imported, and a sale would ship all of it again.",
        ),
        (
            {"fulfilment_status": FulfilmentStatus.PARTIAL, "lines": (line("10.00", quantity_left=Decimal(0)),)},
            "A part of the order was shipped before it was imported, and a sale would ship all of it again.",
        ),
        (
            {"several_addresses": True, "shipping_address": None},
            "The goods of the order go to several addresses, and a sale is shipped to one.",
        ),
    ],
)
def test_what_no_single_sale_can_ship_is_for_operations(changes: dict[str, Any], reason: str) -> None:
    """Its figures are sound, so it is not finance's; and nothing is shipped twice, or to the billing address. A
    back-fill leaves it out.
    """
    made = order("10.00", **changes)
    assert sale_for(made, SETTINGS) == Unmappable(reason, "order.unshippable")
    assert consequences(made, OPEN_GATE, made.placed_at).undecided in ("shipped in part", "to several addresses")
