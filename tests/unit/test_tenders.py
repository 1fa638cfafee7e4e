"""What counts as an event of an order's money, in which currency, and under which id."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flows.formats import shopify
from flows.model.money import Money
from flows.model.order import Amount, Order, PaymentKind, PaymentStatus, Refund, RefundKind, RefundPart, Totals
from flows.model.tenders import converted, day_of, is_over, is_voided, tender_rows, tenders_of
from tests.unit.made_orders import both, order, payment, refund, usd

A1 = payment("10.00", id="A1", kind=PaymentKind.AUTHORISATION)


def test_only_what_succeeded_is_an_event_and_each_has_an_id() -> None:
    """Pending, failed, zero and unknown kinds move nothing; one without an id is known by its place."""
    made = order(
        "10.00",
        payments=(
            payment("4.00", id=""),
            payment("6.00", status=PaymentStatus.PENDING),
            payment("6.00", status=PaymentStatus.FAILED),
            payment("0.00"),
            payment("1.00", kind=PaymentKind.OTHER),
        ),
        refunds=(refund("2.00"),),
    )
    assert [(each.key, each.paid.amount, each.unnamed) for each in tenders_of(made, "USD")] == [
        ("+1001-1", Decimal("4.00"), True), ("-R1", Decimal("2.00"), False),
    ]  # fmt: skip


def test_a_refund_is_known_by_its_transactions_where_they_are_published() -> None:
    """Payouts name the transaction, and it says which payment is given back."""
    back = payment("2.00", id="T9", kind=PaymentKind.REFUND, parent_id="T1", gateway="gift_card")
    of = Refund(id="R1", refunded=(Money(Decimal(2), "USD"),), payments=(back,))
    (_, event) = tenders_of(order("10.00", refunds=(of,)), "USD")
    assert (event.key, event.parent, event.gateway) == ("-T9", "T1", "gift_card")


def test_a_refund_of_shopify_brings_its_transactions() -> None:
    """With the gateway and the parent of each; a pending one is no event yet."""
    moved = {"kind": "refund", "gateway": "gift_card", "amount": "2.00", "currency": "USD", "parent_id": 11}
    good, pending = {**moved, "id": 21, "status": "success"}, {**moved, "id": 22, "status": "pending"}
    text = json.dumps(
        {
            "id": 7, "name": "#7", "created_at": "2026-11-20T08:00:00Z", "updated_at": "2026-11-20T08:00:00Z",
            "currency": "USD", "total_price": "10.00", "financial_status": "partially_refunded", "line_items": [],
            "refunds": [{"id": 5, "transactions": [good, pending]}],
        }
    )  # fmt: skip
    read = shopify.read("web", text.encode())
    assert isinstance(read, Order)
    refunds = [each for each in tenders_of(read, "USD") if each.kind is PaymentKind.REFUND]
    assert [(each.id, each.parent, each.gateway) for each in refunds] == [("21", "11", "gift_card")]


@pytest.mark.parametrize(
    ("others", "over", "voided"),
    [
        ((), False, False),
        ((payment("4.00", id="C1", kind=PaymentKind.CAPTURE, parent_id="A1"),), True, False),
        ((payment("10.00", id="A1", kind=PaymentKind.CAPTURE),), True, False),
        ((payment("10.00", id="V1", kind=PaymentKind.VOID, parent_id=None),), True, True),
        ((payment("10.00", id="V1", kind=PaymentKind.VOID, parent_id="A2"),), False, False),
        ((payment("4.00", id="G1", kind=PaymentKind.SALE),), False, False),
    ],
)
def test_an_authorisation_is_over_when_it_is_captured_or_voided(
    others: tuple[object, ...], *, over: bool, voided: bool
) -> None:
    """In part, too; a void of another one, and a sale beside it, leave it open."""
    authorisation, *_ = tenders = tenders_of(order("10.00", payments=(A1, *others)), "USD")
    assert (is_over(authorisation, tenders), is_voided(authorisation, tenders)) == (over, voided)


def test_a_whole_total_is_the_whole_total_on_the_other_side() -> None:
    """And a currency that the order does not have has no figure in the sale's."""
    total = both("10.00", "9.33")
    assert converted(Money(Decimal("9.33"), "EUR"), total, "USD")[0] == Decimal("10.00")
    assert converted(Money(Decimal("10.00"), "USD"), total, "EUR")[0] == Decimal("9.33")
    assert converted(Money(Decimal(1), "GBP"), total, "USD") == (None, None)
    assert converted(Money(Decimal(1), "EUR"), usd("10.00"), "USD") == (None, None)
    assert converted(Money(Decimal(1), "EUR"), both("10.00", "0"), "USD") == (None, None)


@pytest.mark.parametrize(
    ("parts", "paid", "amount"),
    [
        ((both("20.00", "18.00"), both("1.25", "1.13")), "19.13", "21.25"),  # 21.26 by the order's rate
        ((both("20.00", "18.00"), both("1.25", "1.13")), "18.00", "20.00"),  # they are not what was given back
        ((both("20.00", "18.00"), None), "19.13", "21.26"),
        ((usd("21.25"),), "19.13", "21.26"),
        ((), "19.13", "21.26"),
    ],
)
def test_a_refund_is_worth_what_its_own_parts_say(parts: tuple[Amount | None, ...], paid: str, amount: str) -> None:
    """Where they come to the money that went back; else what the order's totals make of it."""
    given = Money(Decimal(paid), "EUR")
    back = Refund(
        id="R1", refunded=(given,), parts=tuple(RefundPart(kind=RefundKind.AMOUNT, amount=each) for each in parts),
        payments=(replace(payment(paid, id="T9", kind=PaymentKind.REFUND), amount=given),),
    )  # fmt: skip
    made = replace(order(), totals=Totals(total=both("69.06", "62.15")), refunds=(back,))
    for each in (made, replace(made, refunds=(replace(back, payments=()),))):
        *_, event = tenders_of(each, "USD")
        assert (event.kind, event.paid, event.amount) == (PaymentKind.REFUND, given, Decimal(amount))


@given(
    total=st.integers(1, 10**7),
    rate=st.integers(1, 10**6),
    parts=st.lists(st.integers(1, 1000), min_size=2, max_size=4),
)
def test_parts_of_a_payment_come_to_the_whole_within_roundings(total: int, rate: int, parts: list[int]) -> None:
    """Each part is off by at most half a cent."""
    paid = Decimal(sum(parts) * total) / 100
    shop = (paid * rate / 1000).quantize(Decimal("0.01"))
    amounts = Amount(Money(shop, "USD"), Money(paid, "EUR"))
    made = [converted(Money(Decimal(part * total) / 100, "EUR"), amounts, "USD")[0] or Decimal(0) for part in parts]
    assert abs(sum(made) - shop) <= Decimal("0.005") * len(parts)


def test_the_day_is_that_of_finances_company() -> None:
    """Rule 20: 23:30 in UTC is the next day in Auckland."""
    moment = order().placed_at.replace(hour=23, minute=30)
    assert (day_of(moment, "UTC").day, day_of(moment, "Pacific/Auckland").day) == (20, 21)


def test_each_payment_that_is_named_is_a_row() -> None:
    """By the sales channel's own id; a payment that is derived from a status has none."""
    made = order()
    rows = tender_rows("web/1", made)
    assert [write.row[1] for write in rows] == [each.id for each in made.payments if not each.derived]
    assert all(write.row[0] == made.sales_channel and write.row[2] == "web/1" for write in rows)


def test_a_payment_is_found_by_what_providers_call_it_too() -> None:
    """Once for each name."""
    made = order()
    paid = replace(made.payments[0], id="7", aliases=("5N5955", "7", "rfDF87"))
    rows = tender_rows("web/1", replace(made, payments=(paid,)))
    assert [write.row[1] for write in rows] == ["7", "5N5955", "rfDF87"]
