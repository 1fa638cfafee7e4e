"""Refunds in an order's story, and what finance has to know of them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from flows.explain import explain
from flows.model.cases import case_rows
from flows.model.messages import Recheck
from flows.model.money import Money
from flows.model.order import (
    Amount,
    FinancialStatus,
    Order,
    Refund,
    RefundKind,
    RefundPart,
    RefundStatus,
    Restock,
    Units,
)
from flows.model.order_state import OrderState
from flows.model.proof import prove
from flows.model.refunds import excesses, told_with, uncredited, untold
from flows.order_importer import decide
from flows.reading.rows import FactRow, Story
from runtime.clock import to_instant
from runtime.decision import Decision, Fact, Write
from tests.unit.made_orders import line, order, shipping, usd, vat
from tests.unit.order_messages import NOW, V1, V2, V3, done, imported, kinds, lost, shown, weighed

GOODS, SHIPPING, AMOUNT = RefundKind.LINE, RefundKind.SHIPPING, RefundKind.AMOUNT


def money(text: str, currency: str = "USD") -> Money:
    return Money(Decimal(text), currency)


def part(kind: RefundKind, amount: str | None, **of: Any) -> RefundPart:
    return RefundPart(kind=kind, amount=None if amount is None else usd(amount), **of)


def unit(amount: str = "10.00", restock: Restock = Restock.RETURN) -> RefundPart:
    return part(GOODS, amount, units=Units(line="L1", quantity=Decimal(1), restock=restock))


def refund(amount: str, *parts: RefundPart, refund_id: str = "R1", status: str = "refunded", **of: Any) -> Refund:
    sums: dict[str, Any] = {"refunded": (), status: (money(amount),)}
    return Refund(id=refund_id, parts=parts, **sums, **of)


def later(state: OrderState, *refunds: Refund, version: str = V2, **of: Any) -> Decision:
    """A version of the imported order, with refunds."""
    return weighed(state, shown(version, 2, refunds=refunds, financial_status=FinancialStatus.PARTIALLY_REFUNDED, **of))


def refunds_told(decision: Decision) -> list[Fact]:
    return [fact for fact in decision.facts if fact.kind == "refund"]


# -- the story ---------------------------------------------------------------------------------------------------------


def test_every_refund_of_an_order_is_a_fact_of_its_own() -> None:
    """Failure case 39: refunds are unrolled, each with its money, what it is for, and how the money went."""
    several = (
        refund("24.00", unit(), part(SHIPPING, "4.00"), refund_id="R1"),
        refund("3.00", refund_id="R2", status="pending"),
        refund("3.00", part(AMOUNT, "3.00"), refund_id="R3", status="failed"),
        refund("0", unit(restock=Restock.CANCEL), refund_id="R4", status="pending", return_id="T1"),
    )
    void = msgspec.structs.replace(several[3], pending=())
    facts = refunds_told(later(imported(), *several[:3], void))
    assert [fact.values for fact in facts] == [
        {"refund": "R1", "status": "success", "amount": "24.00 USD", "for": "goods and shipping"},
        {"refund": "R2", "status": "pending", "amount": "3.00 USD", "for": "what the sales channel does not say"},
        {"refund": "R3", "status": "failed", "amount": "3.00 USD", "for": "an amount"},
        {"refund": "R4", "status": "no_money", "amount": "nothing", "for": "goods", "return": "T1"},
    ]


def test_a_refund_is_told_once_per_status() -> None:
    """Pending, again, done, again, and pending once more by a version that is late: two facts."""
    pending, paid = refund("3.00", status="pending"), refund("3.00")
    state, seen = imported(), []
    for each in (pending, pending, paid, paid, pending):
        decision = later(state, each)
        seen += refunds_told(decision)
        state = msgspec.json.decode(msgspec.json.encode(decision.state), type=OrderState)
    assert [fact.values["status"] for fact in seen] == ["pending", "success"]
    assert state.refunds == {"R1": "ps"}


def test_sums_are_news_when_they_grow() -> None:
    """Of a source that publishes only what went back in all, each new sum is told, and called what it is."""
    first, more = (refund(amount, summed=True) for amount in ("10.00", "12.50"))
    told = told_with(order(refunds=(first,)), {})
    assert untold(order(refunds=(first,)), told) == ()
    assert untold(order(refunds=(more,)), told) == (more,)


def test_refunds_without_an_id_are_told_apart_by_their_place() -> None:
    """Nothing is lost because a source has no ids."""
    two = order(refunds=(refund("1.00", refund_id=""), refund("2.00", refund_id="")))
    assert told_with(two, {}) == {"1": "s", "2": "s"}


def test_a_version_that_waits_is_told_of_when_it_is_looked_at() -> None:
    """While the create is under way nothing of a later version is in the story; then all of it."""
    creating = weighed(OrderState(), shown(V1)).state
    waiting = later(decide(creating, lost(), NOW).state, refund("3.00", part(AMOUNT, "3.00")))
    assert refunds_told(waiting) == []
    made = decide(waiting.state, done(), NOW)
    assert [emit.message for emit in made.emits] == [Recheck(because="later version")]
    again = later(made.state, refund("3.00", part(AMOUNT, "3.00")))
    assert len(refunds_told(again)) == 1
    assert kinds(again.state) == ["refund.uncredited"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"status": "success"}, "refund R1 for shipping: 3.00 USD went back"),
        ({"status": "pending"}, "refund R1 for shipping: 3.00 USD are on their way back"),
        ({"status": "failed"}, "refund R1 for shipping: 3.00 USD did not go back"),
        ({"status": "no_money", "return": "T1"}, "refund R1 (return T1) for shipping: no money moves"),
        ({"status": "success", "so_far": True}, "all refunds so far for shipping: 3.00 USD went back"),
    ],
)
def test_explain_tells_of_a_refund_in_plain_words(values: dict[str, Any], said: str) -> None:
    """What it was, what for, and whether the customer has it."""
    whole = {"refund": "R1", "amount": "3.00 USD", "for": "shipping", **values}
    fact = FactRow(id=1, kind="refund", began_at=NOW, ended_at=NOW, actor="order_importer", values=whole)
    assert said in explain(Story(key="web/1", order=None, cases=(), timeline=(fact,), pauses=()), NOW)


# -- what finance has to know ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("back", "at_stake", "sentence"),
    [
        (
            refund("5.00", part(SHIPPING, "5.00")),
            "5.00",
            "refund R1 gave 5.00 USD back for shipping, and Fulfil has no",
        ),
        (refund("3.00", part(AMOUNT, "3.00")), "3.00", "3.00 USD back for an amount"),
        (refund("3.00"), "3.00", "3.00 USD back for what the sales channel does not say"),
        (refund("2.00", part(GOODS, "2.00", line="L1")), "2.00", "2.00 USD back for goods"),
        (refund("6.00", unit("10.00"), part(AMOUNT, "-4.00")), "4.00", "kept 4.00 USD of what its goods were worth"),
        (refund("9.00", part(SHIPPING, None), part(AMOUNT, None)), "9.00", "for shipping and an amount"),
        (refund("9.00", unit(), part(SHIPPING, None)), "10.00", "is also for shipping, nobody says how much"),
    ],
    ids=["shipping", "goodwill", "unsaid", "a lower price", "kept", "no amounts", "an amount that is not said"],
)
def test_money_for_nothing_that_moves_is_finances_case(back: Refund, at_stake: str, sentence: str) -> None:
    """Rule 17: a credit with its reason, and no stock."""
    cases = [case for case in later(imported(), back).state.cases if case.kind == "refund.uncredited"]
    assert [case.amount for case in cases] == [Decimal(at_stake)]
    assert sentence in cases[0].sentence


def test_the_case_of_a_refund_has_the_day_on_which_it_went_back_where_that_is_told() -> None:
    """It may be told in the month after; the row of the case gets the day, and one without it has none."""
    went = NOW - timedelta(days=30)
    dated, undated = (later(imported(), refund("3.00", part(AMOUNT, "3.00"), at=each)).state for each in (went, None))
    assert [state.cases[0].happened_at for state in (dated, undated)] == [went, None]
    assert [state.cases[0].opened_at for state in (dated, undated)] == [NOW, NOW]
    opened, days = case_rows("web/1", (), dated.cases, NOW, how="")
    assert (opened.statement, days) == (
        "open_case", Write("date_case", (to_instant(went), dated.cases[0].fingerprint("web/1")))
    )  # fmt: skip
    assert [row.statement for row in case_rows("web/1", (), undated.cases, NOW, how="")] == ["open_case"]


@pytest.mark.parametrize(
    "back",
    [
        refund("10.00", unit()),
        refund("3.00", part(AMOUNT, "3.00"), status="pending"),
        Refund(id="R1", refunded=(), parts=(part(AMOUNT, "3.00"),)),
    ],
    ids=["goods alone", "on its way", "no money moves"],
)
def test_what_has_a_document_or_moved_no_money_is_no_case_of_finance(back: Refund) -> None:
    """Goods have their return; before the money is there it is not known to go; a void needs no credit note."""
    assert "refund.uncredited" not in kinds(later(imported(), back).state)


def test_a_case_of_finance_is_raised_once_and_ended_by_a_person() -> None:
    """The same refund in a later version is no news, also after somebody has said that it is settled."""
    back = refund("3.00", part(AMOUNT, "3.00"))
    state = later(imported(), back).state
    assert kinds(later(state, back, version=V3).state) == ["refund.uncredited"]
    settled = decide(state, Recheck(because="person"), NOW).state
    assert kinds(settled) == []
    assert kinds(later(settled, back, version=V3).state) == []


def test_a_refund_that_failed_is_a_case_until_it_did_not() -> None:
    """The customer has not got the money; it ends with a version that says otherwise."""
    failed = later(imported(), refund("3.00", part(AMOUNT, "3.00"), status="failed"))
    (case,) = failed.state.cases
    assert (case.kind, case.amount) == ("refund.failed", Decimal("3.00"))
    again = later(failed.state, refund("3.00", part(AMOUNT, "3.00")), version=V3)
    assert kinds(again.state) == ["refund.uncredited"]


def test_a_goodwill_refund_before_the_import_is_finances_case_once_the_sale_is_there() -> None:
    """The sale is of what was sold, and its whole payment is in Fulfil."""
    back = refund("3.00", part(AMOUNT, "3.00"))
    totals = {"left": usd("7.00")}
    decision = weighed(
        OrderState(),
        shown(refunds=(back,), totals=totals, financial_status=FinancialStatus.PARTIALLY_REFUNDED),
    )
    assert kinds(decide(decision.state, done(), NOW).state) == ["refund.uncredited"]


def test_a_cancelled_order_raises_no_case_of_its_refunds() -> None:
    """Its cancel is the case, where there is one."""
    assert kinds(later(imported(), refund("10.00"), cancelled_at=NOW).state) == ["order.cancelled"]


# -- more than there was -----------------------------------------------------------------------------------------------


def shipped_order(*refunds: Refund, **of: Any) -> Order:
    """A mug of 10.00 with 5.00 of shipping, paid."""
    fields: dict[str, Any] = {"lines": (line("10.00"),), "shipping_lines": (shipping("5.00"),), **of}
    return order("15.00", refunds=refunds, financial_status=FinancialStatus.PARTIALLY_REFUNDED, **fields)


def test_shipping_that_is_refunded_twice_is_told_to_finance() -> None:
    """Failure case 40: two refunds of one shipping cost; the sale stands, and the money is somebody's to claim back."""
    once = refund("5.00", part(SHIPPING, "5.00"))
    twice = refund("5.00", part(SHIPPING, "5.00"), refund_id="R2")
    assert prove(shipped_order(once)).remarks == ()
    proof = prove(shipped_order(once, twice))
    assert proof.holds
    assert [each.sentence for each in proof.remarks] == [
        "Shipping cost 5.00 USD, and 10.00 USD of it were refunded: 5.00 USD too much."
    ]
    state = imported(shown(shipping_lines=(shipping("5.00"),), lines=(line("5.00"),)))
    both = later(state, once, twice, shipping_lines=(shipping("5.00"),), lines=(line("5.00"),)).state
    (case,) = [case for case in both.cases if case.kind == "refund.contradiction"]
    assert (case.amount, case.sentence) == (Decimal("5.00"), proof.remarks[0].sentence.rstrip("."))
    mended = later(both, once, version=V3, shipping_lines=(shipping("5.00"),), lines=(line("5.00"),)).state
    assert "refund.contradiction" not in kinds(mended)


@pytest.mark.parametrize(
    ("of", "inclusive", "charged"),
    [
        ({}, False, "5.00"),
        ({"discount": usd("1.00")}, False, "4.00"),
        ({"taxes": (vat("1.00"),)}, False, "6.00"),
        ({"taxes": (vat("1.00"),)}, True, "5.00"),
    ],
)
def test_shipping_cost_what_was_charged_for_it_with_its_taxes(
    of: dict[str, Any], *, inclusive: bool, charged: str
) -> None:
    """Less its discount; a tax that is in the price is in it."""
    for amount, too_much in ((charged, []), ("7.00", [money("7.00") - money(charged)])):
        made = shipped_order(
            refund(amount, part(SHIPPING, amount)), shipping_lines=(shipping("5.00", **of),), taxes_included=inclusive
        )
        assert [found for _, found in excesses(made)] == too_much


@pytest.mark.parametrize(
    ("of", "loose"),
    [
        (unit("8.00"), {}),
        (unit("8.00"), {"gift_card": True}),
        (unit("8.00"), {"requires_shipping": False}),
        (part(GOODS, "8.00", line="L1"), {"id": "L1"}),
    ],
)
def test_what_is_given_back_for_nothing_that_comes_back_is_finances(of: RefundPart, loose: dict[str, Any]) -> None:
    """A gift card, what is not shipped, and a lower price of a line; goods that come back have a return."""
    made = order(lines=(line("2.00", id="L0"), line("8.00", **loose)))
    back = uncredited(made, refund("8.00", of), "USD")
    assert back == ((money("8.00"), "goods") if loose else None)
    assert uncredited(made, refund("0", part(AMOUNT, "0")), "USD") is None


TWICE = (refund("8.00", unit("8.00")), refund("8.00", unit("8.00"), refund_id="R2"))
TOO_MUCH = (refund("9.00"), refund("9.00", refund_id="R2", status="pending"))


@pytest.mark.parametrize(
    ("refunds", "sentence"),
    [
        (TWICE, "1 x MUG-BLUE were sold, and 2 were refunded."),
        (TOO_MUCH, "15.00 USD were paid, and 18.00 USD went back: 3.00 USD too much."),
    ],
    ids=["units", "money"],
)
def test_what_goes_back_more_often_than_it_was_sold_or_paid_contradicts(
    refunds: tuple[Refund, ...], sentence: str
) -> None:
    """What is on its way counts; what failed, and what moved nothing, does not."""
    assert sentence in " ".join(each.sentence for each in prove(shipped_order(*refunds)).remarks)
    assert [amount for _, amount in excesses(shipped_order(*TOO_MUCH))] == [money("3.00")]
    failed = [msgspec.structs.replace(each, refunded=(), pending=(), failed=(money("8"),)) for each in refunds]
    assert prove(shipped_order(*failed)).remarks == ()


def test_currencies_of_refunds_are_never_mixed() -> None:
    """Failure case 30: shipping of 4,400 ISK on an order in GBP is 25.10 GBP, never 4,400 of them."""
    amount = Amount(money("25.10", "GBP"), money("4400", "ISK"))
    back = Refund(id="R1", refunded=(money("4400", "ISK"),), parts=(RefundPart(kind=SHIPPING, amount=amount),))
    gbp = {"currency": "GBP", "presentment_currency": "ISK"}
    cost = shipping("0", gross=amount, discount=Amount(money("0", "GBP"), money("0", "ISK")))
    made = order("15.00", refunds=(back,), shipping_lines=(cost,), **gbp)
    assert [each.amount for each in prove(made).remarks if each.name == "refund"] == []
    (fact,) = refunds_told(weighed(OrderState(), shown(refunds=(back,))))
    assert fact.values["amount"] == "4400 ISK"
    strange = msgspec.structs.replace(back, parts=(RefundPart(kind=SHIPPING, amount=Amount(money("4400", "ISK"))),))
    (case,) = [case for case in later(imported(), strange).state.cases if case.kind == "refund.uncredited"]
    assert "Fulfil has no credit note for it" in case.sentence
    assert (case.amount, case.currency) == (Decimal(4400), "ISK")


@pytest.mark.parametrize("status", RefundStatus)
def test_every_status_has_a_letter_and_words(status: RefundStatus) -> None:
    """None can be added without its place in state and story."""
    sums: dict[str, Any] = {"refunded": (), "pending": (), "failed": ()}
    names = {"success": "refunded", "pending": "pending", "failed": "failed"}
    if status.value in names:
        sums[names[status.value]] = (money("1.00"),)
    made = Refund(id="R1", **sums)
    assert made.status is status
    assert told_with(order(refunds=(made,)), {})["R1"] == status.value[0]
