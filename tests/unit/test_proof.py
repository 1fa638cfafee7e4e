"""An order proves when its own figures agree; when they do not, the sentence names the difference in money."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from flows.model.money import Money
from flows.model.order import Conflict, FinancialStatus, Payment, PaymentKind, PaymentStatus, Side, Tender, Totals
from flows.model.proof import Proof, prove
from tests.unit.made_orders import both, line, order, payment, refund, shipping, usd, vat


def names(proof: Proof) -> list[str]:
    return [each.name for each in proof.failing]


def term_sum(proof: Proof, equation: str) -> dict[str, Decimal]:
    found = next(each for each in proof.equations if each.name == equation)
    return {term.name: term.amount.amount for term in found.terms}


def test_every_part_of_the_total_is_a_term_of_its_own() -> None:
    """Lines, shipping, taxes on top, duties, fees, tips and discounts make the total."""
    proof = prove(
        order(
            "131.50",
            lines=(line("100.00", discount=usd("10.00"), taxes=(vat("18.00"), vat("2.00", withheld=True))),),
            shipping_lines=(shipping("6.00", discount=usd("1.00"), taxes=(vat("1.00"),)),),
            duties=usd("7.00"),
            fees=usd("3.50"),
            tips=usd("5.00"),
            totals={"subtotal": usd("90.00"), "tax": usd("21.00"), "discounts": usd("11.00"), "shipping": usd("5.00")},
        )
    )
    assert proof.holds, proof.sentence
    assert term_sum(proof, "total") == {
        "lines": Decimal(100),
        "shipping": Decimal(6),
        "discounts": Decimal(-11),
        "tax": Decimal(19),
        "tax withheld by the sales channel": Decimal(2),
        "duties": Decimal(7),
        "fees": Decimal("3.50"),
        "tips": Decimal(5),
    }


def test_taxes_of_an_inclusive_order_are_in_its_prices() -> None:
    """They are no term of the total, and their own sum is still checked."""
    right = order("12.00", lines=(line("12.00", taxes=(vat("2.00"),)),), taxes_included=True, totals={"tax": usd("2")})
    assert prove(right).holds
    assert "tax" not in term_sum(prove(right), "total")
    assert names(prove(msgspec.structs.replace(right, taxes_included=False))) == ["total"]


def test_a_failing_proof_says_how_much_and_which_way() -> None:
    """The sentence has both sums and their difference, in money."""
    proof = prove(order("409.94", lines=(line("587.00", taxes=(vat("11.94"),)),)))
    assert proof.sentence == (
        "The lines, tax and shipping of the order add up to 598.94 USD but its total says 409.94 USD: "
        "189.00 USD too little."
    )
    (contradiction,) = proof.failing
    assert (contradiction.name, contradiction.amount, contradiction.difference) == (
        "total",
        Money(Decimal("189.00"), "USD"),
        Decimal("189.00"),
    )


@pytest.mark.parametrize(
    ("included", "said"),
    [(False, "The lines, tax, shipping, duties, fees and tips"), (True, "The lines, shipping, duties, fees and tips")],
)
def test_a_failing_total_names_the_charges_that_it_has(included: bool, said: str) -> None:
    """Whoever adds it up again finds the figure; what an order does not have is not named."""
    charges = {name: usd("1.00") for name in ("duties", "fees", "tips")}
    proof = prove(order("12.00", lines=(line("10.00"),), taxes_included=included, **charges))
    assert (
        proof.sentence == f"{said} of the order add up to 13.00 USD but its total says 12.00 USD: 1.00 USD too little."
    )


@pytest.mark.parametrize(
    ("published", "says"),
    [
        ({"goods": usd("9.00")}, "its sum of lines says 9.00 USD: 1.00 USD too little."),
        ({"subtotal": usd("11.00")}, "its subtotal says 11.00 USD: 1.00 USD too much."),
        ({"discounts": usd("0.50")}, "its sum of discounts says 0.50 USD: 0.50 USD too much."),
        ({"shipping": usd("2.00")}, "its sum of shipping says 2.00 USD: 2.00 USD too much."),
    ],
)
def test_published_sums_are_checked(published: dict[str, Any], says: str) -> None:
    """Each sum that the source publishes has to agree with the parts it sums up."""
    proof = prove(order("10.00", totals=published))
    assert names(proof) == list(published)
    assert proof.sentence.endswith(says)


@pytest.mark.parametrize("kind", [PaymentKind.SALE, PaymentKind.CAPTURE, PaymentKind.AUTHORISATION])
def test_a_negative_payment_is_a_contradiction_whatever_it_adds_up_to(kind: PaymentKind) -> None:
    """Beside an authorisation it comes to the total again, because what is captured less is open more."""
    parent = payment("10.00", id="A", kind=PaymentKind.AUTHORISATION)
    negative = payment("-10.00", id="B", kind=kind, parent_id="A")
    proof = prove(order("10.00", payments=(parent, negative)))
    assert any("negative: -10.00 USD" in each.sentence for each in proof.failing)
    assert not any("negative" in each.sentence for each in prove(order("10.00", payments=(parent,))).failing)


def test_tolerance_is_finances_and_nothing_by_default() -> None:
    """A cent is a contradiction, unless finance lets cents pass."""
    off = order("10.01", lines=(line("10.00"),))
    assert not prove(off).holds
    assert prove(off, tolerance=Decimal("0.01")).holds
    assert not prove(off, tolerance=Decimal("0.009")).holds


AUTHORISED = payment("10.00", id="A", kind=PaymentKind.AUTHORISATION)


@pytest.mark.parametrize(
    ("status", "payments", "terms"),
    [
        ("paid", (payment("10.00"),), {"captured": "10.00"}),
        ("paid", (payment("4", tender=Tender.GIFT_CARD), payment("6")), {"captured": "6", "gift card": "4"}),
        ("paid", (payment("4", tender=Tender.STORE_CREDIT), payment("6")), {"captured": "6", "store credit": "4"}),
        ("authorised", (AUTHORISED,), {"authorised": "10.00"}),
        (
            "partially_paid",
            (AUTHORISED, payment("4", kind=PaymentKind.CAPTURE, parent_id="A")),
            {"captured": "4", "authorised": "6.00"},
        ),
        ("paid", (AUTHORISED, payment("10.00", kind=PaymentKind.CAPTURE, parent_id="A")), {"captured": "10.00"}),
        ("voided", (AUTHORISED, payment("0", kind=PaymentKind.VOID, parent_id="A")), {"released": "10.00"}),
        ("pending", (), {"due": "10.00"}),
        ("pending", (payment("10.00", status=PaymentStatus.PENDING),), {"due": "10.00"}),
        ("paid", (payment("10.00", status=PaymentStatus.FAILED, id="F"), payment("10.00")), {"captured": "10.00"}),
    ],
)
def test_somebody_answers_for_the_whole_total(
    status: str, payments: tuple[Payment, ...], terms: dict[str, str]
) -> None:
    """Captured, authorised and still open, gift cards, credit, what is due, and what will never be asked for."""
    proof = prove(order("10.00", financial_status=FinancialStatus(status), payments=payments))
    assert proof.holds, proof.sentence
    assert term_sum(proof, "tender") == {name: Decimal(text) for name, text in terms.items()}


@pytest.mark.parametrize("outstanding", ["0", "10.00"])
def test_an_authorised_amount_may_or_may_not_count_as_outstanding(outstanding: str) -> None:
    """Sources differ; the amount is counted once either way."""
    made = order(
        "10.00",
        financial_status=FinancialStatus.AUTHORISED,
        payments=(AUTHORISED,),
        totals={"outstanding": usd(outstanding)},
    )
    assert prove(made).holds
    assert term_sum(prove(made), "tender") == {"authorised": Decimal("10.00")}


def test_a_paid_order_with_less_money_than_its_total_is_a_contradiction() -> None:
    """What no payment covers is named; so is what was paid beyond the total."""
    short = prove(order("10.00", payments=(payment("7.00"),)))
    assert short.sentence == (
        "The payments of the order account for 7.00 USD but its total says 10.00 USD: 3.00 USD unaccounted for."
    )
    over = prove(order("10.00", payments=(payment("12.00"),)))
    assert over.sentence.endswith("2.00 USD more than its total.")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"payments": (), "totals": {"outstanding": usd("199.00")}},
            "The order is called paid, but 199.00 USD of its 199.00 USD are outstanding.",
        ),
        (
            {"financial_status": FinancialStatus.REFUNDED, "refunds": ()},
            "The order of 199.00 USD is called refunded, but it has no refund.",
        ),
        (
            {"financial_status": FinancialStatus.VOIDED},
            "The order is called voided, but 199.00 USD were captured and kept.",
        ),
        (
            {"financial_status": FinancialStatus.PENDING},
            "The order is called pending, but 199.00 USD were captured.",
        ),
    ],
)
def test_a_status_that_the_amounts_deny_is_a_contradiction(changes: dict[str, Any], sentence: str) -> None:
    """Paid but outstanding, refunded but not, voided but kept, pending but captured."""
    assert prove(order("199.00", **changes)).sentence == sentence


def test_a_healthy_refunded_order_still_proves() -> None:
    """What went back after the sale changes nothing about the sale."""
    made = order(
        "100.00",
        financial_status=FinancialStatus.PARTIALLY_REFUNDED,
        refunds=(refund("30.00", worth="30.00"),),
        totals={"left": usd("70.00"), "outstanding": usd("0.00")},
    )
    proof = prove(made)
    assert proof.holds, proof.sentence
    assert proof.remarks == ()


def test_a_refund_that_differs_from_what_came_back_is_a_remark() -> None:
    """Finance hears of it, and the sale is not held for it."""
    proof = prove(order(financial_status=FinancialStatus.REFUNDED, refunds=(refund("7.00", worth="10.00"),)))
    assert proof.holds
    assert [each.sentence for each in proof.remarks] == [
        "Refund R1 gave 7.00 USD back for parts worth 10.00 USD: 3.00 USD too little."
    ]


def test_units_removed_before_they_were_paid_are_owed_by_nobody() -> None:
    """The total stays what it was, less was captured, and the difference has a name."""
    made = order("100.00", payments=(payment("80.00"),), refunds=(), totals={"left": usd("80.00")})
    assert prove(made).holds
    assert term_sum(prove(made), "tender")["removed before it was paid"] == Decimal(20)


def test_a_payment_in_a_foreign_currency_is_a_contradiction() -> None:
    """It is never added to amounts in the order's own currencies."""
    proof = prove(order("10.00", payments=(payment("79.60", amount=Money(Decimal("79.60"), "AUD")),)))
    assert proof.sentence == "A payment of 79.60 AUD is on an order in USD."
    assert proof.failing[0].amount == Money(Decimal("79.60"), "AUD")


def test_a_part_in_another_currency_is_a_contradiction_and_no_crash() -> None:
    """An amount that has no figure in the booking currency cannot be summed."""
    stray = line(
        "10.00", discount=both("0", "0"), gross=msgspec.structs.replace(usd("10"), shop=Money(Decimal(10), "EUR"))
    )
    proof = prove(order("10.00", lines=(stray,)))
    assert names(proof) == ["currency"]
    assert "10.00 EUR has no figure in USD" in proof.sentence


def test_either_side_is_proven_in_its_own_currency() -> None:
    """The presentment side has its own figures, and payments count in the currency they were made in."""
    made = order(
        "10.00",
        presentment_currency="EUR",
        lines=(line("10.00", gross=both("10.00", "9.20"), discount=both("0", "0")),),
        totals=None,
        payments=(payment("9.20", amount=Money(Decimal("9.20"), "EUR")),),
    )
    made = msgspec.structs.replace(made, totals=Totals(total=both("10.00", "9.20")))
    assert prove(made).holds
    assert prove(made, side=Side.PRESENTMENT).holds
    wrong = msgspec.structs.replace(made, totals=Totals(total=both("10.00", "9.30")))
    assert names(prove(wrong, side=Side.PRESENTMENT)) == ["total", "tender"]


def test_two_places_that_disagree_are_a_contradiction() -> None:
    """A figure published twice must be the same figure."""
    conflict = Conflict("total_price", usd("10").shop, usd("11").shop)
    proof = prove(order(conflicts=(conflict,)))
    assert proof.sentence == "The order says in one place that total_price is 10.00 USD, in another 11.00 USD."


def test_an_order_of_nothing_proves() -> None:
    """A total of zero after a full discount needs no payment."""
    free = order("0.00", lines=(line("25.00", discount=usd("25.00")),), payments=())
    assert prove(free).holds


def test_a_cancelled_unpaid_order_owes_nothing() -> None:
    """Cancelled before anybody paid: what was asked for is released."""
    made = order(
        "10.00",
        payments=(),
        financial_status=FinancialStatus.PENDING,
        cancelled_at=datetime(2026, 11, 21, tzinfo=UTC),
        totals={"outstanding": usd("0.00")},
    )
    assert prove(made).holds
    assert term_sum(prove(made), "tender") == {"released": Decimal("10.00")}
