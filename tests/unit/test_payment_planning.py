"""What is done next in Fulfil for a record, by what is there: nothing twice, and no money moved by guessing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.fulfil.payments import Gateway, SalePayment, Transaction
from flows.payment_mapper.parts import Entry, Found
from flows.payment_mapper.planning import (
    Impossible,
    IsThere,
    NeedsMove,
    NeedsPayment,
    NeedsTransaction,
    Next,
    SaleThere,
    There,
    planned,
)

SALE = SaleThere(1, party=5, currency=1, currency_code="USD")
STRIPE = Gateway(id=9, code="stripe", name="Cards", method="manual")
DAY = date(2026, 11, 20)
KNOWN = {"web/1": ("A1", "C1", "C2", "R1")}
CAPTURE = Entry(
    order="web/1", record="+C1", sale=1, type="charge", wanted="completed", reference="C1", amount=Decimal(10),
    currency="USD", method="stripe", day=DAY, day_said=True, parent="A1",
)  # fmt: skip
AUTHORISED = replace(CAPTURE, record="+A1", wanted="authorized", reference="A1", parent="")
REFUND = replace(CAPTURE, record="-R1", type="refund", reference="R1", amount=Decimal(4), parent="C1")


def paid(id_: int, reference: str | None, **more: Any) -> SalePayment:
    """A payment of the sale through the gateway."""
    fields: dict[str, Any] = {"sale": 1, "gateway": 9, "amount": Decimal(10), "reference": reference}
    return SalePayment(id=id_, **{**fields, **more})


def moved(id_: int, reference: str | None, state: str = "completed", **more: Any) -> Transaction:
    """A transaction of the first payment."""
    fields: dict[str, Any] = {
        "sale_payment": 1, "type": "charge", "amount": Decimal(10), "gateway": 9, "provider_reference": reference,
        "state": state, "made_on": DAY,
    }  # fmt: skip
    return Transaction(id=id_, **{**fields, **more})


def there(*rows: SalePayment | Transaction, **more: Any) -> There:
    """What Fulfil has of the sale."""
    payments = [each for each in rows if isinstance(each, SalePayment)]
    transactions = [each for each in rows if isinstance(each, Transaction)]
    fields: dict[str, Any] = {"sales": [SALE], "gateways": [STRIPE], "known": KNOWN, "payments": payments}
    return There(**{**fields, "transactions": transactions, **more})


def step(entry: Entry, *rows: SalePayment | Transaction, **more: Any) -> Next:
    """What one entry needs."""
    (found,) = planned([entry], there(*rows, **more))
    return found


A1 = paid(1, "A1")


@pytest.mark.parametrize(
    ("entry", "rows", "expected"),
    [
        (CAPTURE, (), NeedsPayment(9)),
        (CAPTURE, (paid(2, "C1"),), NeedsTransaction(2, 9)),
        (CAPTURE, (A1,), NeedsTransaction(1, 9)),
        (CAPTURE, (paid(2, "T2", amount=Decimal(3)), A1), NeedsTransaction(1, 9)),
        (CAPTURE, (paid(4, "C1", sale=2), moved(7, "C1", sale_payment=4)), NeedsPayment(9)),
        (CAPTURE, (paid(2, "T2", amount=Decimal(3)), paid(1, None), moved(7, "A1", "cancel")), NeedsTransaction(1, 9)),
        (CAPTURE, (A1, moved(7, "C1", "draft")), NeedsMove(7, "capture")),
        (CAPTURE, (A1, moved(7, "C1")), IsThere(7)),
        (CAPTURE, (A1, moved(7, "C1", "posted", amount=None)), IsThere(7)),
        (CAPTURE, (A1, moved(7, "C1", "failed")), NeedsTransaction(1, 9)),
        (CAPTURE, (A1, moved(7, "C1", "draft", amount=Decimal(8))), NeedsTransaction(1, 9)),
        (CAPTURE, (A1, moved(7, "C1", type="refund")), NeedsTransaction(1, 9)),
        (CAPTURE, (A1, moved(7, "C1", "authorized", amount=Decimal(8))), NeedsMove(7, "cancel")),
        (CAPTURE, (A1, moved(7, "C1", "authorized")), NeedsMove(7, "capture")),
        (CAPTURE, (A1, moved(7, "C1", "authorized", amount=None)), NeedsMove(7, "capture")),
        (CAPTURE, (A1, moved(7, "C1", "in-progress", amount=Decimal(8))), NeedsMove(7, "capture")),
        (replace(CAPTURE, parent=""), (A1, moved(7, "", amount=Decimal(8))), NeedsPayment(9)),
        (AUTHORISED, (A1, moved(7, "A1", "draft")), NeedsMove(7, "authorise")),
        (AUTHORISED, (A1, moved(7, "A1", "authorized")), IsThere(7)),
        (AUTHORISED, (A1, moved(7, "typed")), NeedsTransaction(1, 9)),
        (replace(AUTHORISED, wanted="voided"), (A1, moved(7, "A1", "authorized")), NeedsMove(7, "cancel")),
        (replace(AUTHORISED, wanted="cancelled"), (A1, moved(7, "A1", "in-progress")), NeedsMove(7, "cancel")),
        (replace(AUTHORISED, wanted="cancelled"), (A1, moved(7, "A1")), IsThere(None)),
        (replace(AUTHORISED, wanted="cancelled"), (A1, moved(7, "A2", "authorized")), IsThere(None)),
        (replace(AUTHORISED, wanted="voided"), (A1, moved(7, "A1", "draft")), IsThere(None)),
        (REFUND, (A1, moved(7, "C1")), NeedsTransaction(1, 9)),
        (REFUND, (A1, moved(7, "R1", "draft", type="refund", amount=Decimal(4))), NeedsMove(7, "process")),
    ],
)
def test_the_next_step_is_what_is_missing(entry: Entry, rows: tuple[Any, ...], expected: Next) -> None:
    """A payment, a transaction, a move, or nothing."""
    assert step(entry, *rows) == expected


@pytest.mark.parametrize(
    ("row", "is_it"),
    [
        (moved(7, None), True),
        (moved(7, "typed by Ann", gateway=None), True),
        (moved(7, None, made_on=None), True),
        (moved(7, None, "draft"), False),
        (moved(7, None, amount=Decimal(9)), False),
        (moved(7, None, gateway=8), False),
        (moved(7, None, made_on=date(2026, 11, 19)), False),
        (moved(7, None, type="refund"), False),
        (moved(7, "C2"), False),
        (paid(3, None, create_date=datetime(2026, 11, 20, 9, tzinfo=UTC)), True),
        (paid(3, None, create_date=datetime(2026, 11, 19, 9, tzinfo=UTC)), False),
        (paid(3, None, gateway=None), True),
        (paid(3, None, gateway=8), False),
        (paid(3, None, amount=Decimal(9)), False),
        (paid(3, None, transactions=(4,)), False),
        (paid(3, "C2"), False),
        (paid(3, "C1", amount_captured=Decimal(10)), True),
        (paid(3, "C1", amount_captured=Decimal(9)), False),
        (paid(3, "C1"), False),
    ],
)
def test_what_somebody_entered_is_the_payment_when_all_that_is_said_fits(
    row: SalePayment | Transaction, *, is_it: bool
) -> None:
    """Gateway, amount and day, under a reference that is no other payment's; or all of it under its own."""
    of = (row,) if isinstance(row, SalePayment) else (paid(1, None, transactions=(7,)), row)
    assert isinstance(step(CAPTURE, *of), IsThere) == is_it


def test_a_day_that_the_sales_channel_does_not_say_may_be_any_before() -> None:
    """Somebody was faster than the import; what is of a later day is not it."""
    seen = replace(CAPTURE, day_said=False)
    for day, is_it in ((date(2026, 11, 19), True), (DAY, True), (date(2026, 11, 21), False)):
        assert isinstance(step(seen, paid(1, None), moved(7, None, made_on=day)), IsThere) == is_it


def test_what_somebody_entered_is_one_record_only() -> None:
    """Of two that are alike the second one is made; so it is when the first was found earlier."""
    twin = replace(CAPTURE, record="+C2", reference="C2")
    entered = (A1, paid(3, None), moved(7, None, sale_payment=3))
    assert planned([CAPTURE, twin], there(*entered)) == [IsThere(7), NeedsTransaction(1, 9)]
    assert planned([CAPTURE, twin], there(A1, paid(3, None))) == [IsThere(None, 3), NeedsTransaction(1, 9)]
    assert step(CAPTURE, *entered, found=[Found(twin, 7)]) == NeedsTransaction(1, 9)
    assert step(CAPTURE, A1, paid(3, None), found=[Found(twin, None)]) == NeedsTransaction(1, 9)


def test_a_payment_that_was_found_without_a_transaction_is_that_record_also_once_it_has_one() -> None:
    """Somebody has processed it in Fulfil since; it is no second one."""
    twin = replace(CAPTURE, record="+C2", reference="C2")
    processed = (A1, paid(3, None, transactions=(7,)), moved(7, None, sale_payment=3))
    assert step(CAPTURE, *processed, found=[Found(twin, None)]) == NeedsTransaction(1, 9)
    assert step(CAPTURE, *processed, paid(4, None), found=[Found(twin, None)]) == IsThere(7)


def test_a_capture_in_fulfil_is_that_of_the_sales_channel_or_a_case() -> None:
    """By the id of its authorisation; another amount is neither taken for it nor made beside it."""
    assert step(CAPTURE, A1, moved(7, "A1")) == IsThere(7)
    part = step(replace(CAPTURE, amount=Decimal(4)), A1, moved(7, "A1"))
    assert part == Impossible("Fulfil itself has captured 10 of A1")
    other = step(CAPTURE, A1, moved(7, "C1", amount=Decimal(8)))
    assert other == Impossible("Fulfil has 8 for C1, and not 10")
    voided = step(replace(AUTHORISED, wanted="voided"), A1, moved(7, "A1"))
    assert voided == Impossible("A1 was captured in Fulfil, and is voided in the sales channel")


def test_a_refund_goes_back_from_a_payment_that_has_as_much_left() -> None:
    """Through its gateway, if one is said; what has gone back already is not there again."""
    free = replace(REFUND, parent="")
    other = (paid(2, "T2"), moved(8, "T2", sale_payment=2))
    back = moved(9, "R0", type="refund", amount=Decimal(7))
    assert step(free, A1, moved(7, "A1"), *other) == NeedsTransaction(1, 9)
    assert step(free, A1, moved(7, "A1"), back, *other) == NeedsTransaction(2, 9)
    assert step(free, A1, moved(7, "A1"), replace(back, amount=Decimal(6)), *other) == NeedsTransaction(1, 9)
    assert step(free, A1, moved(7, "A1", "authorized"), *other) == NeedsTransaction(2, 9)
    assert step(free, replace(A1, gateway=8), moved(7, "A1"), *other) == NeedsTransaction(2, 9)
    assert step(free, paid(3, None, amount=Decimal(4)), *other) == NeedsTransaction(2, 9)
    assert step(free, replace(A1, amount_captured=Decimal(10)), moved(7, "A1"), back, *other) == NeedsTransaction(2, 9)
    under_its_charge = moved(9, "C1", type="refund", amount=Decimal(4))
    assert step(REFUND, A1, moved(7, "C1"), under_its_charge) == NeedsTransaction(1, 9)
    assert step(replace(free, method=""), replace(A1, gateway=8), moved(7, "A1")) == NeedsTransaction(1, 8)


@pytest.mark.parametrize(("refunded", "enough"), [(None, True), (Decimal(6), True), (Decimal(7), False)])
def test_a_payment_that_tells_only_sums_has_left_what_they_say(refunded: Decimal | None, *, enough: bool) -> None:
    """As much as was captured less what went back."""
    bare = replace(A1, amount_captured=Decimal(10), amount_refunded=refunded)
    found = step(replace(REFUND, parent=""), bare)
    assert (found == NeedsTransaction(1, 9)) == enough


@pytest.mark.parametrize(
    ("entry", "more", "sentence"),
    [
        (CAPTURE, {"sales": [SaleThere(2, None, None, None)]}, "Fulfil has no sale 1 any more"),
        (CAPTURE, {"sales": [replace(SALE, currency_code="EUR")]}, "is in EUR, and the order in USD"),
        (CAPTURE, {"gateways": []}, "no gateway of Fulfil's is called 'stripe'"),
        (CAPTURE, {"gateways": [STRIPE, replace(STRIPE, id=10)]}, "2 gateway of Fulfil's is called 'stripe'"),
        (CAPTURE, {"gateways": [replace(STRIPE, method="stripe")]}, "Fulfil itself takes money through 'stripe'"),
        (replace(CAPTURE, gateway=9), {"gateways": [replace(STRIPE, method="stripe")]}, "Fulfil itself takes money"),
        (CAPTURE, {"gateways": [replace(STRIPE, code=None)]}, "no gateway of Fulfil's is called 'stripe'"),
        (REFUND, {}, "no payment of the sale in Fulfil has taken what it gives back"),
        (
            replace(REFUND, parent=""),
            {"payments": [A1]},
            "no payment of the sale in Fulfil has taken what it gives back",
        ),
        (
            REFUND,
            {"payments": [replace(A1, gateway=None)], "transactions": [moved(7, "C1")]},
            "Fulfil does not say through which gateway it was paid",
        ),
    ],
)
def test_what_cannot_be_recorded_is_said(entry: Entry, more: dict[str, Any], sentence: str) -> None:
    """Nothing is made."""
    found = step(entry, **more)
    assert isinstance(found, Impossible)
    assert sentence in found.sentence


@pytest.mark.parametrize(
    ("entry", "gateways", "gateway"),
    [
        (CAPTURE, [replace(STRIPE, code=None, name="stripe")], 9),
        (CAPTURE, [STRIPE, Gateway(id=8, code="x", name="stripe", method="manual")], 9),
        (CAPTURE, [replace(STRIPE, method=None)], 9),
        (replace(CAPTURE, gateway=8), [STRIPE], 8),
    ],
)
def test_a_gateway_is_the_configured_one_else_the_one_of_its_code_else_of_its_name(
    entry: Entry, gateways: list[Gateway], gateway: int
) -> None:
    """One that Fulfil does not list is trusted where it is configured."""
    assert step(entry, gateways=gateways) == NeedsPayment(gateway)
    assert isinstance(step(replace(CAPTURE, gateway=9), gateways=[STRIPE]), NeedsPayment)
