"""Payments in any order of arrival, with lost answers and deaths: the same money in Fulfil, each event once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flows.model.money import Money
from flows.model.order import FinancialStatus, Order, Payment, PaymentKind, PaymentStatus, Refund
from flows.model.order_state import Status
from flows.order_importer import NAME as ORDER_IMPORTER
from tests.unit.made_orders import order, payment
from tests.world_of_payments import World

TOTAL = Decimal(10)
ANSWERS = st.lists(st.sampled_from(("done", "done", "lost before", "lost after")), max_size=14).filter(
    lambda answers: answers.count("lost before") < 6  # more of one record, and a person is asked
)
CHOICES = st.lists(st.booleans(), max_size=30)


@st.composite
def histories(draw: st.DrawFn) -> list[Order]:
    """The versions of an order of 10.00: each tells one thing more that was done about its money."""
    versions: list[Order] = []
    payments: list[Payment] = []
    refunds: list[Refund] = []

    def tell() -> None:
        taken = sum(each.amount.amount for each in payments if each.kind in (PaymentKind.SALE, PaymentKind.CAPTURE))
        status = FinancialStatus.PAID if taken == TOTAL else FinancialStatus.PARTIALLY_PAID
        status = status if taken else FinancialStatus.AUTHORISED
        status = FinancialStatus.PARTIALLY_REFUNDED if refunds else status
        versions.append(version(len(versions) + 1, payments, refunds, status))

    def pay(kind: PaymentKind, amount: Decimal, id_: str, **of: Any) -> None:
        payments.append(payment(f"{amount}", id=id_, kind=kind, **of))
        tell()

    if draw(st.booleans()):
        pay(PaymentKind.SALE, TOTAL, "S1", gateway=draw(st.sampled_from(("card", "gift_card"))))
    else:
        pay(PaymentKind.AUTHORISATION, TOTAL, "A1")
        parts = draw(st.sampled_from(((TOTAL,), (Decimal(4), Decimal(6)), (Decimal(4),), ())))
        same = draw(st.booleans()) and parts == (TOTAL,)
        for number, part in enumerate(parts, 1):
            pay(PaymentKind.CAPTURE, part, "A1" if same else f"C{number}", parent_id=None if same else "A1")
        if sum(parts) < TOTAL and draw(st.booleans()):
            pay(PaymentKind.VOID, TOTAL - sum(parts), "V1", parent_id="A1")
    taken = sum(each.amount.amount for each in payments if each.kind in (PaymentKind.SALE, PaymentKind.CAPTURE))
    for number in range(1, draw(st.integers(0, 2)) + 1):
        if taken >= number * 2:
            refunds.append(Refund(id=f"R{number}", refunded=(Money(Decimal(2), "USD"),)))
            tell()
    return versions


def version(number: int, payments: list[Payment], refunds: list[Refund], status: FinancialStatus) -> Order:
    return order(
        "10.00",
        version=f"2026-11-20T08:00:{number:02}.000000Z",
        payments=tuple(payments),
        refunds=tuple(refunds) or None,
        financial_status=status,
    )


def expected(newest: Order) -> list[tuple[str, str, Decimal, str]]:
    """What Fulfil is to have, by a look at the newest version alone."""
    good = [each for each in newest.payments if each.status is PaymentStatus.SUCCESS]
    ended = {each.parent_id or each.id for each in good if each.kind is not PaymentKind.AUTHORISATION}
    rows = []
    for each in good:
        if each.kind in (PaymentKind.SALE, PaymentKind.CAPTURE):
            rows.append(("charge", each.id, each.amount.amount, "completed"))
        if each.kind is PaymentKind.AUTHORISATION and each.id not in ended:
            rows.append(("charge", each.id, each.amount.amount, "authorized"))
    rows += [("refund", each.id, each.refunded[0].amount, "completed") for each in newest.refunds or ()]
    return sorted(rows)


@given(
    versions=histories(),
    shuffle=st.randoms(use_true_random=False),
    repeats=st.lists(st.integers(0, 5), max_size=3),
    answers=ANSWERS,
    choices=CHOICES,
    restarts=st.booleans(),
)
@settings(max_examples=60)
def test_in_whatever_order_it_is_told_fulfil_has_each_payment_once(
    versions: list[Order], shuffle: Any, repeats: list[int], answers: list[str], choices: list[bool], *, restarts: bool
) -> None:
    """Create, captures, parts of them, refunds and voids, late, twice, with lost answers and deaths in between."""
    arriving = [*versions, *(versions[each % len(versions)] for each in repeats)]
    shuffle.shuffle(arriving)
    world = World()
    world.answers.extend(answers)
    world.sends(*arriving)
    if restarts:
        world.restarts()
    world.run(choices)
    if (3, "1001") not in world.erp.books.sale_ids:  # it came with refunds, or void
        assert world.state(ORDER_IMPORTER, "web/1001").status in (Status.HELD, Status.WAITING)
        return
    assert world.erp.money() == expected(versions[-1])
    assert world.cases() == []
    assert set(world.statuses().values()) <= {"in_sale", "over", "recorded"}


@given(
    sums=st.lists(st.sampled_from(("4.00", "10.00")), min_size=1, max_size=3),
    published=st.lists(st.sampled_from((1, 2)), max_size=3),
    shuffle=st.randoms(use_true_random=False),
    answers=ANSWERS,
)
@settings(max_examples=30)
def test_sums_and_the_single_payments_that_they_are_made_of_are_one_money(
    sums: list[str], published: list[int], shuffle: Any, answers: list[str]
) -> None:
    """A webhook without transactions says how much was paid so far; a poll of the same order says by which payments."""
    told: list[tuple[Decimal, list[Payment]]] = [
        (Decimal(each), [payment(each, id="1001", derived=True)]) for each in sums
    ]
    singles = [payment("4.00", id="T1"), payment("6.00", id="T2")]
    told += [(Decimal(4) if count == 1 else TOTAL, singles[:count]) for count in published]
    told.sort(key=lambda each: each[0])  # money that was taken is taken
    versions = [
        version(
            number,
            payments,
            [],
            FinancialStatus.PAID if amount == TOTAL else FinancialStatus.PARTIALLY_PAID,
        )
        for number, (amount, payments) in enumerate(told, 1)
    ]
    arriving = list(versions)
    shuffle.shuffle(arriving)
    world = World()
    world.answers.extend(answers)
    world.sends(*arriving).run()
    if (3, "1001") not in world.erp.books.sale_ids:
        assert world.state(ORDER_IMPORTER, "web/1001").status in (Status.HELD, Status.WAITING)
    else:
        assert world.erp.sums() == {"charge": told[-1][0], "refund": Decimal(0), "authorized": Decimal(0)}
        assert world.cases() == []


@given(
    told=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=4),
    shuffle=st.randoms(use_true_random=False),
    answers=ANSWERS,
)
@settings(max_examples=30)
def test_a_reservation_is_one_by_whichever_source_it_is_told(
    told: list[tuple[bool, bool]], shuffle: Any, answers: list[str]
) -> None:
    """(captured, with its transactions): the status alone and the transactions say the same, mixed as they come."""
    told.sort(key=lambda each: each[0])  # what is captured stays so
    reserved = payment("10.00", id="A1", kind=PaymentKind.AUTHORISATION)
    captured = payment("10.00", id="C1", kind=PaymentKind.CAPTURE, parent_id="A1")
    versions = []
    for number, (is_captured, by_transactions) in enumerate(told, 1):
        kind = PaymentKind.SALE if is_captured else PaymentKind.AUTHORISATION
        by_status = [payment("10.00", id="1001", kind=kind, derived=True)]
        single = [reserved, captured] if is_captured else [reserved]
        status = FinancialStatus.PAID if is_captured else FinancialStatus.AUTHORISED
        versions.append(version(number, single if by_transactions else by_status, [], status))
    arriving = list(versions)
    shuffle.shuffle(arriving)
    world = World()
    world.answers.extend(answers)
    world.sends(*arriving).run()
    wanted = {"charge": TOTAL, "authorized": Decimal(0)} if told[-1][0] else {"charge": Decimal(0), "authorized": TOTAL}
    assert world.erp.sums() == {**wanted, "refund": Decimal(0)}
    assert world.cases() == []
