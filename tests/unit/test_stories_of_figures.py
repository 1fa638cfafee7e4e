"""Stories of figures and dates, each seen to go wrong elsewhere: discounts, inclusive taxes, currencies, refunds, lines
that change, and when an order was placed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from connectors.fulfil.wire import CreateOrder
from flows.formats.shopify import read
from flows.model.amendment import Amendment, amendment_of
from flows.model.content import content_of
from flows.model.money import MixedCurrencies, Money, total_of
from flows.model.order import Amount, FulfilmentStatus, Line, Order, Side, Unreadable
from flows.model.proof import prove, returned
from flows.model.sale import SaleSettings, Unmappable, Unmapped, sale_for
from tests.unit.made_orders import SETTINGS, line, order, payment, shipping, usd, vat

ROUNDS = msgspec.structs.replace(SETTINGS, rounding_sku="ROUNDING")
CENT = Decimal("0.01")


def sale_of(made: Order, settings: SaleSettings = SETTINGS) -> CreateOrder:
    sale = sale_for(made, settings)
    assert isinstance(sale, CreateOrder), sale
    return sale


def posted(sale: CreateOrder) -> Decimal:
    """What the parts of a sale add up to in Fulfil."""
    parts = [*sale.sale_lines, *sale.shipping_lines]
    return sum((part.amount + sum(tax.amount for tax in part.tax_lines) for part in parts), Decimal(0))


def paid(sale: CreateOrder) -> Decimal:
    return sum((each.amount for each in sale.payments), Decimal(0))


# -- discount before tax, inclusive prices, rounding per line ----------------------------------------------------------


DISCOUNT_BEFORE_TAX: dict[str, Any] = {"lines": (line("100.00", discount=usd("20.00"), taxes=(vat("8.00"),)),)}
VOUCHER_ON_INCLUSIVE: dict[str, Any] = {
    "lines": (line("85.00", discount=usd("75.00"), taxes=(vat("1.60", rate=Decimal("0.19")),)),),
    "taxes_included": True,
}
PERCENT_OFF_AND_SHIPPING: dict[str, Any] = {
    "lines": (line("58.53", discount=usd("5.85"), taxes=(vat("4.64", rate=Decimal("0.088")),)),),
    "shipping_lines": (shipping("4.00"),),
}


def taxed(tax: str) -> dict[str, Any]:
    return {"lines": (line("204.98", taxes=(vat(tax),)),)}


@pytest.mark.parametrize(
    ("total", "of"),
    [
        pytest.param("88.00", DISCOUNT_BEFORE_TAX, id="a: 100 - 20, 10 % on what is left"),
        pytest.param("10.00", VOUCHER_ON_INCLUSIVE, id="b: 85 with 19 % in it, a voucher of 75"),
        pytest.param("61.32", PERCENT_OFF_AND_SHIPPING, id="c: 58.53, 10 % off, 8.8 %, shipping 4"),
        pytest.param("245.97", taxed("40.99"), id="d: 20 % of 204.98, rounded down"),
        pytest.param("245.98", taxed("41.00"), id="d: 20 % of 204.98, rounded up"),
    ],
)
def test_published_figures_are_sent_as_they_are_and_come_to_what_was_paid(total: str, of: dict[str, Any]) -> None:
    """Failure case 29: nothing is recomputed, whichever way the sales channel rounds; posted is what was paid."""
    made = order(total, payments=(payment(total),), **of)
    assert prove(made).holds, prove(made).sentence
    sale = sale_of(made)
    assert posted(sale) == paid(sale) == sale.amount == Decimal(total)
    assert all(each.amount >= 0 for each in sale.sale_lines)


@pytest.mark.parametrize(
    ("total", "of", "off"),
    [
        pytest.param("90.00", DISCOUNT_BEFORE_TAX, "2.00", id="a: tax on the price before the discount"),
        pytest.param("-4.25", VOUCHER_ON_INCLUSIVE, "14.25", id="b: the voucher taken off without its tax"),
    ],
)
def test_figures_that_contradict_each_other_are_never_sent(total: str, of: dict[str, Any], off: str) -> None:
    """Failure case 29: what other connectors posted is held, with the difference in money."""
    proof = prove(order(total, payments=(payment(total),), **of))
    assert next(each for each in proof.failing if each.name == "total").difference == Decimal(off)


def test_a_cent_of_difference_is_held_or_with_finances_leave_is_a_line_of_its_own() -> None:
    """Failure case 29: 61.31 for parts of 61.32, both seen. Tolerance 0 holds it; a cent makes it a rounding line."""
    made = order("61.31", payments=(payment("61.31"),), **PERCENT_OFF_AND_SHIPPING)
    (failing,) = prove(made).failing
    assert (failing.name, failing.difference) == ("total", CENT)
    assert prove(made, tolerance=CENT).holds
    assert sale_for(made, SETTINGS) == Unmapped("rounding", "rounding"), "and nobody has said where it goes"
    sale = sale_of(made, ROUNDS)
    assert [(each.sku, each.amount) for each in sale.sale_lines if each.sku == "ROUNDING"] == [("ROUNDING", -CENT)]
    assert posted(sale) == paid(sale) == Decimal("61.31")


def test_a_tolerance_never_hides_more_than_roundings_can_explain() -> None:
    """Failure case 29: with a generous tolerance the proof lets a dollar pass, and the mapping still does not."""
    made = order("62.32", payments=(payment("62.32"),), **PERCENT_OFF_AND_SHIPPING)
    assert prove(made, tolerance=Decimal(5)).holds
    assert isinstance(sale_for(made, ROUNDS), Unmappable)


# -- currencies --------------------------------------------------------------------------------------------------------


def test_amounts_of_two_currencies_never_meet_in_a_sum() -> None:
    """Failure case 30: an amount carries its currency; adding, comparing or summing it with another is an error."""
    isk, gbp = Money(Decimal(4_400), "ISK"), Money(Decimal("25.42"), "GBP")
    for meet in (lambda: isk + gbp, lambda: isk - gbp, lambda: isk < gbp, lambda: total_of([gbp, isk], "GBP")):
        with pytest.raises(MixedCurrencies, match=r"an amount in \w+ is among amounts in \w+"):
            meet()


def shop_in_gbp(**changes: Any) -> bytes:
    """A shop in GBP sells to a customer who sees EUR; the JSON of Shopify."""

    def both(gbp: str, eur: str) -> dict[str, Any]:
        return {
            "shop_money": {"amount": gbp, "currency_code": "GBP"},
            "presentment_money": {"amount": eur, "currency_code": "EUR"},
        }

    fields: dict[str, Any] = {
        "id": 1001, "name": "#1001", "created_at": "2026-11-20T08:00:00Z", "updated_at": "2026-11-20T08:00:00Z",
        "currency": "GBP", "presentment_currency": "EUR", "taxes_included": False, "financial_status": "paid",
        "total_price": "110.00", "total_price_set": both("110.00", "128.70"), "payment_gateway_names": ["card"],
        "line_items": [
            {"id": 7, "sku": "MUG-BLUE", "title": "Mug", "quantity": 1, "price": "100.00",
             "price_set": both("100.00", "117.00")},
        ],
        "shipping_lines": [
            {"id": 8, "title": "Post", "code": "POST", "price": "10.00", "price_set": both("10.00", "11.70"),
             "discounted_price": "10.00", "discounted_price_set": both("10.00", "11.70")},
        ],
        "billing_address": {"name": "Ada Moss", "address1": "1 Elm Street", "city": "Leeds", "country_code": "GB"},
    }  # fmt: skip
    return msgspec.json.encode({**fields, **changes})


def from_gbp(**changes: Any) -> Order:
    made = read("web", shop_in_gbp(**changes))
    assert isinstance(made, Order), made
    return made


def test_a_sale_is_made_in_one_currency_and_the_other_side_is_kept() -> None:
    """Failure case 30: each side proves by itself, and gives a sale wholly in its own currency."""
    made = from_gbp()
    for side, code, total in ((Side.SHOP, "GBP", "110.00"), (Side.PRESENTMENT, "EUR", "128.70")):
        assert prove(made, side=side).holds, prove(made, side=side).sentence
        sale = sale_of(made, msgspec.structs.replace(SETTINGS, side=side))
        assert (sale.currency_code, sale.amount, posted(sale)) == (code, Decimal(total), Decimal(total))
    assert made.totals.total == Amount(Money(Decimal("110.00"), "GBP"), Money(Decimal("128.70"), "EUR"))


def refund_of(amount: str, currency: str, **more: Any) -> dict[str, Any]:
    transaction = {"id": 9, "kind": "refund", "status": "success", "gateway": "card", "amount": amount}
    return {"id": 5, "transactions": [{**transaction, "currency": currency}], **more}


def test_a_refund_in_a_third_currency_keeps_it_and_is_no_amount_of_the_shop() -> None:
    """Failure case 30: 4,400 ISK given back are 4,400 ISK, in no sum of the shop's; the order waits for a person."""
    made = from_gbp(refunds=[refund_of("4400", "ISK")], financial_status="partially_refunded")
    (given_back,) = made.refunds or ()
    assert given_back.refunded == (Money(Decimal(4_400), "ISK"),)
    assert returned(made, "GBP") == returned(made, "EUR") == 0
    held = sale_for(made, SETTINGS)
    assert isinstance(held, Unmappable)
    assert "4400 ISK were refunded" in held.reason


def test_a_refund_whose_parts_are_in_another_currency_than_its_shop_is_not_added_up() -> None:
    """Failure case 30: shipping of 4,400 ISK beside lines in GBP has no sum; both currencies are named."""
    isk = {"shop_money": {"amount": "-4400", "currency_code": "ISK"}}
    shipping_back = {"kind": "shipping_refund", "amount": "-4400", "amount_set": isk}
    made = read("web", shop_in_gbp(refunds=[refund_of("4400", "ISK", order_adjustments=[shipping_back])]))
    assert isinstance(made, Unreadable)
    assert re.search(r"an amount in (ISK|GBP) is among amounts in (?!\1)(ISK|GBP)", made.reason)


# -- refunds and their lines -------------------------------------------------------------------------------------------


def test_each_refund_of_an_order_is_known_by_itself() -> None:
    """Failure case 39: two refunds and a pending one stay three, each with its own money and what it was for."""
    mug = {"line_item_id": 7, "quantity": 1, "subtotal": "40.00", "total_tax": "0.00"}
    made = from_gbp(
        refunds=[
            {**refund_of("40.00", "GBP", refund_line_items=[mug]), "id": 1},
            {**refund_of("10.00", "GBP", order_adjustments=[{"kind": "shipping_refund", "amount": "-10.00"}]), "id": 2},
            {"id": 3, "transactions": [{"id": 4, "kind": "refund", "status": "pending", "amount": "5.00"}]},
        ],
        financial_status="partially_refunded",
    )
    gbp = {name: Money(Decimal(name), "GBP") for name in ("40.00", "10.00", "5.00")}
    assert [(each.id, each.refunded, each.pending, each.worth) for each in made.refunds or ()] == [
        ("1", (gbp["40.00"],), (), gbp["40.00"]),
        ("2", (gbp["10.00"],), (), gbp["10.00"]),
        ("3", (), (gbp["5.00"],), None),
    ]
    assert returned(made, "GBP") == Decimal("50.00")


# -- lines that change -------------------------------------------------------------------------------------------------


def goods(id_: str, pieces: int, **changes: Any) -> Line:
    gross = usd(str(Decimal("10.00") * pieces))
    return line("10.00", id=id_, sku=f"SKU-{id_}", quantity=Decimal(pieces), gross=gross, **changes)


def test_lines_of_an_order_that_changes_are_matched_by_their_ids() -> None:
    """Failure case 28, the order's side: reordered lines are the same sale; fewer pieces, a line that went and a line
    that came are told of exactly these lines, under the ids by which their shipments are matched, too.
    """
    before = sale_of(order("60.00", lines=(goods("A", 3), goods("B", 2), goods("C", 1))))
    again = sale_of(order("60.00", lines=(goods("C", 1), goods("A", 3), goods("B", 2))))
    by_id = {each.channel_identifier: each for each in before.sale_lines}
    assert {each.channel_identifier: each for each in again.sale_lines} == by_id
    assert content_of(order(lines=(goods("C", 1), goods("A", 3)))) == content_of(
        order(lines=(goods("A", 3), goods("C", 1)))
    )
    after = sale_of(order("40.00", lines=(goods("D", 1), goods("C", 1), goods("A", 2))))
    change = amendment_of(before, after, SETTINGS.channel_id, "keyed_upsert")
    assert isinstance(change, Amendment)
    _, sent = msgspec.json.decode(change.body)
    told = {
        each["channel_identifier"]: (each["quantity"], each.get("quantity_canceled")) for each in sent["sale_lines"]
    }
    assert told == {"D": (1, None), "A": (3, 1), "B": (2, 2)}
    assert sent["amount"]["decimal"] == "40.00"


def test_lines_without_an_id_of_their_own_are_told_apart_in_the_same_way_each_time() -> None:
    """Failure case 28: an id that the sales channel repeats, or does not give, is made unique by the order of lines."""
    lines = (goods("", 1), goods("X", 1), goods("X", 2), goods("", 3))
    for _ in range(2):
        made = sale_of(order("70.00", lines=lines))
        assert [each.channel_identifier for each in made.sale_lines] == ["line", "X", "X-2", "line-2"]


# -- dates -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("created", "placed"),
    [
        ("2026-11-20T23:30:00-08:00", datetime(2026, 11, 21, 7, 30, tzinfo=UTC)),
        ("2026-03-29T01:30:00+13:00", datetime(2026, 3, 28, 12, 30, tzinfo=UTC)),
        ("2026-11-20T08:00:00Z", datetime(2026, 11, 20, 8, tzinfo=UTC)),
    ],
)
def test_an_order_is_dated_by_its_purchase_in_the_shops_time_zone(created: str, placed: datetime) -> None:
    """Failure case 36: the sale carries the order's own instant, never that of its import, and figures as they were."""
    made = from_gbp(created_at=created, updated_at="2027-02-01T12:00:00Z")
    assert made.placed_at == placed
    sale = sale_of(made)
    assert datetime.fromisoformat(sale.confirmed_at) == placed
    assert sale.amount == Decimal("110.00"), "the sales channel's own figure: no rate of another day comes near it"
    assert made.fulfilment_status is FulfilmentStatus.UNSHIPPED
